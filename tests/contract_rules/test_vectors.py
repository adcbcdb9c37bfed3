"""The contract's rules, case by case: what a request breaks, and that it breaks nothing else.

`vectors.json` is data for every language: a request as proto JSON, the rule ids it breaks in order
(`want`) and, where it matters, the fields they are told at (`fields`).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from hypothesis import given, settings
from hypothesis import strategies as st

from vmplumb.v1 import network_agent_service_pb2 as pb
from vmplumbd.errors import Violation
from vmplumbd.model.spec import MOST_ARGS_BYTES
from vmplumbd.rpc.validation import MOST_TOLD, MOST_UNKNOWN_BYTES, RequestRules, unknown_fields

VECTORS = json.loads(Path(__file__).with_name("vectors.json").read_text())
RULES = RequestRules.load()
CNI = "spec.network_interfaces.interfaces[0].cni_configuration"


def judge(message: Any) -> tuple[Violation, ...]:
    return RULES.violations(message.DESCRIPTOR.full_name, message.SerializeToString())


def cni_request(**fields: Any) -> pb.SetupNetworkRequest:
    request = pb.SetupNetworkRequest(vm_id="vm-1")
    request.spec.network_interfaces.interfaces.add(cni_configuration={"network_name": "n"} | fields)
    return request


def inline(size: int) -> dict[str, object]:
    return {"network_name": "", "network_config": {"json": b"{}".ljust(size)}}


def args(size: int) -> dict[str, object]:
    """Two pairs whose CNI_ARGS form, `K=...;K=...`, has `size` bytes."""
    values = size - len("K=;K=")
    return {"args": [{"key": "K", "value": "x" * n} for n in (values // 2, values - values // 2)]}


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["id"] for vector in VECTORS])
def test_a_request_breaks_these_rules_and_no_other(vector: dict[str, Any]) -> None:
    message = getattr(pb, vector["message"])()
    json_format.ParseDict(vector["json"], message)
    found = judge(message)
    assert sorted(each.rule for each in found) == sorted(vector["want"])
    if "fields" in vector:
        assert sorted(each.field for each in found) == sorted(vector["fields"])
    assert all(each.message for each in found)


def test_no_two_vectors_have_one_name() -> None:
    assert len({vector["id"] for vector in VECTORS}) == len(VECTORS)


SIZES = [
    ("inline JSON at its limit", cni_request(**inline(262144)), []),
    ("inline JSON above it", cni_request(**inline(262145)), ["bytes.max_len"]),
    ("capability_args at their limit", cni_request(capability_args=b"{}".ljust(65536)), []),
    ("capability_args above it", cni_request(capability_args=b"{}".ljust(65537)), ["bytes.max_len"]),
    ("CNI_ARGS at their limit", cni_request(**args(MOST_ARGS_BYTES)), []),
    ("CNI_ARGS above it", cni_request(**args(MOST_ARGS_BYTES + 1)), ["cni_configuration.args_size"]),
    ("1000 watched VMs", pb.WatchNetworksRequest(vm_ids=["a"] * 1000), []),
    ("1001 watched VMs", pb.WatchNetworksRequest(vm_ids=["a"] * 1001), ["repeated.max_items"]),
    ("10000 valid VMs", pb.CollectGarbageRequest(valid_vm_ids=["a"] * 10000, as_of_revision=1), []),
    (
        "10001 valid VMs",
        pb.CollectGarbageRequest(valid_vm_ids=["a"] * 10001, as_of_revision=1),
        ["repeated.max_items"],
    ),
]


@pytest.mark.parametrize(("message", "want"), [case[1:] for case in SIZES], ids=[case[0] for case in SIZES])
def test_a_size_is_refused_from_its_limit_on(message: Any, want: list[str]) -> None:
    assert [each.rule for each in judge(message)] == want


def test_every_request_of_the_service_has_rules() -> None:
    service = pb.DESCRIPTOR.services_by_name["NetworkAgentService"]
    for method in service.methods:
        RULES.violations(method.input_type.full_name, b"")


def test_a_message_that_is_no_request_is_a_fault_of_the_caller() -> None:
    with pytest.raises(KeyError):
        RULES.violations("vmplumb.v1.VMNetwork", b"")


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=20))
def test_a_device_name_is_taken_exactly_when_the_words_of_its_rule_hold(name: str) -> None:
    good = (
        1 <= len(name.encode()) <= 15
        and name not in {".", ".."}
        and all("!" <= sign <= "~" and sign not in "/:%" for sign in name)
    )
    found = [each.rule for each in judge(cni_request(if_name=name, tap={"name": name}))]
    assert found == ([] if good or not name else ["if_name", "device_name"])


# Each case of the SDK's own tests (firecracker-go-sdk:network_test.go): the interfaces it is given,
# the kernel arguments, and the constant part of each text it answers with.
STATIC_IP = {
    "mac_address": "00:11:22:33:44:55",
    "host_dev_name": "tap0",
    "ip_configuration": {
        "ip_addr": "198.51.100.2/24",
        "gateway": "198.51.100.1",
        "nameservers": ["192.0.2.1", "192.0.2.2"],
    },
}
STATIC = {"mac_address": "11:22:33:44:55:66", "host_dev_name": "tap1"}
NAMED = {"network_name": "phony-network"}
NO_IP_ARG = "foo=bar this=phony"
IP_ARG = "foo=bar this=phony ip=whatevz"
MULTIPLE = (
    "network_interfaces.ip_with_multiple",
    "cannot specify CNIConfiguration or IPConfiguration when multiple network interfaces are provided",
)
KERNEL_ARG = (
    "network_spec.ip_with_kernel_arg",
    'CNIConfiguration or IPConfiguration cannot be specified when "ip=" provided in kernel boot args',
)
NOT_IPV4 = "invalid ip, only ipv4 addresses are supported"


def static(**ip_configuration: Any) -> dict[str, Any]:
    return {"static_configuration": STATIC_IP | {"ip_configuration": ip_configuration}}


SDK_CASES: list[tuple[str, list[dict[str, Any]], str, list[tuple[str, str]]]] = [
    ("TestNetworkStaticValidation", [{"static_configuration": STATIC_IP}], NO_IP_ARG, []),
    (
        "TestNetworkStaticValidationFails_HostDevName",
        [{"static_configuration": STATIC_IP | {"host_dev_name": ""}}],
        NO_IP_ARG,
        [
            (
                "static_network_configuration.host_dev_name",
                "HostDevName must be provided if StaticNetworkConfiguration is provided",
            )
        ],
    ),
    (
        "TestNetworkStaticValidationFails_TooManyNameservers",
        [
            static(
                ip_addr="198.51.100.2/24",
                gateway="198.51.100.1",
                nameservers=["192.0.2.1", "192.0.2.2", "192.0.2.3"],
            )
        ],
        NO_IP_ARG,
        [("ip_configuration.nameservers", "cannot specify more than 2 nameservers")],
    ),
    (
        "TestNetworkStaticValidationFails_IPConfiguration",
        [static(ip_addr="2001:db8:a0b:12f0::2/24", gateway="2001:db8:a0b:12f0::1")],
        NO_IP_ARG,
        [("ip_configuration.ip_addr", NOT_IPV4), ("ip_configuration.gateway", NOT_IPV4)],
    ),
    ("TestNetworkCNIValidation", [{"cni_configuration": NAMED}], NO_IP_ARG, []),
    (
        "TestNetworkCNIValidationFails_NetworkName",
        [{"cni_configuration": {}}],
        NO_IP_ARG,
        [
            (
                "cni_configuration.name_or_config",
                "must specify either NetworkName or NetworkConfig in CNIConfiguration",
            )
        ],
    ),
    ("TestNetworkInterfacesValidation_None", [], NO_IP_ARG, []),
    ("TestNetworkInterfacesValidation_Static", [{"static_configuration": STATIC_IP}], NO_IP_ARG, []),
    ("TestNetworkInterfacesValidation_CNI", [{"cni_configuration": NAMED}], NO_IP_ARG, []),
    (
        "TestNetworkInterfacesValidation_MultipleStatic",
        [{"static_configuration": STATIC}, {"static_configuration": STATIC | {"host_dev_name": "tap2"}}],
        NO_IP_ARG,
        [],
    ),
    (
        "TestNetworkInterfacesValidationFails_MultipleCNI",
        [{"cni_configuration": NAMED}, {"cni_configuration": {"network_name": "something-else"}}],
        NO_IP_ARG,
        [MULTIPLE],
    ),
    (
        "TestNetworkInterfacesValidationFails_IPWithMultiple",
        [{"static_configuration": STATIC_IP}, {"static_configuration": STATIC}],
        NO_IP_ARG,
        [MULTIPLE],
    ),
    (
        "TestNetworkInterfacesValidationFails_IPWithKernelArg",
        [{"static_configuration": STATIC_IP}],
        IP_ARG,
        [KERNEL_ARG],
    ),
    (
        "TestNetworkInterfacesValidationFails_CNIWithMultiple",
        [{"cni_configuration": NAMED}, {"static_configuration": STATIC}],
        NO_IP_ARG,
        [MULTIPLE],
    ),
    (
        "TestNetworkInterfacesValidationFails_CNIWithKernelArg",
        [{"cni_configuration": NAMED}],
        IP_ARG,
        [KERNEL_ARG],
    ),
    (
        "TestNetworkInterfacesValidationFails_NeitherSpecified",
        [{}],
        NO_IP_ARG,
        [
            (
                "network_interface.neither",
                "must specify at least one of CNIConfiguration or StaticConfiguration for network interfaces",
            )
        ],
    ),
    (
        "TestNetworkInterfacesValidationFails_BothSpecified",
        [{"static_configuration": STATIC_IP, "cni_configuration": NAMED}],
        NO_IP_ARG,
        [
            (
                "network_interface.both",
                "cannot provide both CNIConfiguration and StaticConfiguration for a network interface",
            )
        ],
    ),
]


@pytest.mark.parametrize(
    ("interfaces", "kernel_args", "want"),
    [case[1:] for case in SDK_CASES],
    ids=[case[0] for case in SDK_CASES],
)
def test_the_go_sdks_own_cases_are_judged_in_its_words(
    interfaces: list[dict[str, Any]], kernel_args: str, want: list[tuple[str, str]]
) -> None:
    request = pb.SetupNetworkRequest(vm_id="vm-1", kernel_args=kernel_args)
    request.spec.network_interfaces.SetInParent()
    for interface in interfaces:
        request.spec.network_interfaces.interfaces.add(**interface)
    found = judge(request)
    assert [each.rule for each in found] == [rule for rule, _ in want]
    for each, (_, text) in zip(found, want, strict=True):
        assert each.message.startswith(text)


def test_so_many_violations_are_told_and_no_more() -> None:
    arg = {"key": "", "value": "a;b"}
    assert len(judge(cni_request(args=[arg] * 127))) == 2 * 127
    assert len(judge(cni_request(args=[arg] * 129))) == MOST_TOLD


def test_unknown_fields_that_are_too_long_are_not_taken_apart() -> None:
    request = cni_request()
    request.MergeFromString(b"\xf8\x07\x01" * (MOST_UNKNOWN_BYTES // 3))
    assert unknown_fields(request) == ("#127",) * MOST_TOLD
    request.MergeFromString(b"\xf8\x07\x01")
    assert unknown_fields(request) == ("",)


def test_unknown_fields_are_found_wherever_they_are() -> None:
    alien = b"\xfa\x07\x01a"  # field 127, one byte
    request = cni_request(args=[{"key": "A", "value": "b"}], tap={"name": "tap0"})
    assert unknown_fields(request) == ()
    cni = request.spec.network_interfaces.interfaces[0].cni_configuration
    for message in (request, cni.args[0], cni.tap):
        message.MergeFromString(alien)
    request.operation_timeout.MergeFromString(alien)
    assert unknown_fields(request) == (
        "#127",
        f"{CNI}.args[0].#127",
        f"{CNI}.tap.#127",
        "operation_timeout.#127",
    )
