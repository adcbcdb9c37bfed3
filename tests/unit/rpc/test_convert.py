"""Messages to values and back: nothing lost, secrets left out, views held to their JSON."""

from __future__ import annotations

import json
from ipaddress import IPv4Address, IPv4Interface
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmplumb.v1 import vm_network_pb2
from vmplumbd.errors import ConfigListMismatch, PluginError, Reason
from vmplumbd.model import spec as model
from vmplumbd.model.ids import Uid, VmId
from vmplumbd.model.lifecycle import Phase
from vmplumbd.model.outcome import InterfaceOutcome, Outcome, StaticNetworkConf, VmIp, VmRoute
from vmplumbd.model.progress import (
    Failure,
    Leftover,
    PluginCall,
    ResourceKind,
    Step,
    StepEvent,
    StepState,
    Warning,
)
from vmplumbd.model.record import Record
from vmplumbd.rpc import convert, redact

CONF = {"name": "n", "cniVersion": "1.0.0", "plugins": [{"type": "ptp"}, {"type": "tc-redirect-tap"}]}


def spec(**cni: Any) -> vm_network_pb2.NetworkSpec:
    message = vm_network_pb2.NetworkSpec()
    message.network_interfaces.interfaces.add(cni_configuration=cni)
    return message


def test_a_cni_interface_arrives_whole() -> None:
    message = spec(
        network_name="n",
        if_name="veth0",
        vm_if_name="eth0",
        args=[{"key": "A", "value": "1"}, {"key": "A", "value": "2"}],
        bin_path=["/opt/a", "/opt/b"],
        conf_dir="/etc/c",
        cache_dir="/var/lib/cni/x",
        force=True,
        tap={"name": "t", "uid": 0},
        capability_args=b"{}",
    )
    message.netns_path = "/run/netns/x"
    message.firecracker_accepts_mtu = True
    interface = message.network_interfaces.interfaces[0]
    interface.allow_mmds = True
    interface.in_rate_limiter.bandwidth.size = 5
    interface.in_rate_limiter.bandwidth.refill_time = 100
    interface.out_rate_limiter.ops.size = 6
    interface.out_rate_limiter.ops.one_time_burst = 0
    assert convert.network_spec(message) == model.NetworkSpec(
        netns_path="/run/netns/x",
        firecracker_accepts_mtu=True,
        interfaces=(
            model.NetworkInterface(
                cni=model.CniConfiguration(
                    network_name="n",
                    if_name="veth0",
                    vm_if_name="eth0",
                    args=(("A", "1"), ("A", "2")),
                    bin_path=("/opt/a", "/opt/b"),
                    conf_dir="/etc/c",
                    cache_dir="/var/lib/cni/x",
                    force=True,
                    tap=model.TapOptions(name="t", uid=0, gid=None),
                    capability_args=b"{}",
                ),
                allow_mmds=True,
                in_rate_limiter=model.RateLimiter(bandwidth=model.TokenBucket(size=5, refill_time_ms=100)),
                out_rate_limiter=model.RateLimiter(
                    ops=model.TokenBucket(size=6, refill_time_ms=0, one_time_burst=0)
                ),
            ),
        ),
    )


def test_a_static_interface_arrives_whole() -> None:
    message = vm_network_pb2.NetworkSpec()
    message.network_interfaces.interfaces.add(
        static_configuration={
            "host_dev_name": "tap0",
            "mac_address": "00:11:22:33:44:55",
            "ip_configuration": {
                "ip_addr": "198.51.100.2/24",
                "gateway": "198.51.100.1",
                "nameservers": ["192.0.2.1"],
                "if_name": "eth0",
            },
        }
    )
    (interface,) = convert.network_spec(message).interfaces
    assert interface.static == model.StaticNetworkConfiguration(
        host_dev_name="tap0",
        mac_address="00:11:22:33:44:55",
        ip_configuration=model.IpConfiguration(
            ip_addr=IPv4Interface("198.51.100.2/24"),
            gateway=IPv4Address("198.51.100.1"),
            nameservers=("192.0.2.1",),
            if_name="eth0",
        ),
    )


def test_a_spec_is_read_back_from_what_the_journal_keeps() -> None:
    message = spec(network_name="n", args=[{"key": "A", "value": "1"}])
    raw = convert.spec_bytes(message)
    assert convert.decode_spec(raw) == convert.network_spec(message)


def test_fields_in_another_order_are_the_same_spec() -> None:
    message = spec(network_name="n", if_name="e")
    other = vm_network_pb2.NetworkSpec.FromString(
        b"".join(
            [
                vm_network_pb2.NetworkSpec(netns_path="/x").SerializeToString(),
                message.SerializeToString(),
            ]
        )
    )
    message.netns_path = "/x"
    assert convert.spec_hash(convert.spec_bytes(other)) == convert.spec_hash(convert.spec_bytes(message))
    message.netns_path = "/y"
    assert convert.spec_hash(convert.spec_bytes(other)) != convert.spec_hash(convert.spec_bytes(message))


def test_secrets_are_left_empty_and_the_rest_stays() -> None:
    message = spec(
        network_config={"name": "n", "json": b"secret", "plugins": [{"type": "ptp", "json": b"secret"}]},
        args=[{"key": "TOKEN", "value": "secret"}],
        capability_args=b'{"key": "secret"}',
        if_name="eth0",
    )
    shown = redact.redacted(message)
    assert b"secret" not in shown.SerializeToString()
    cni = shown.network_interfaces.interfaces[0].cni_configuration
    assert (cni.if_name, cni.args[0].key, cni.network_config.plugins[0].type) == ("eth0", "TOKEN", "ptp")
    assert b"secret" in message.SerializeToString()


def record(**changes: Any) -> Record:
    raw = convert.spec_bytes(spec(network_name="n"))
    base: dict[str, Any] = {
        "vm_id": VmId("vm-1"),
        "uid": Uid("u"),
        "revision": 7,
        "phase": Phase.FAILED,
        "spec": raw,
        "spec_hash": convert.spec_hash(raw),
        "boot_id": "b",
        "create_time": 12.5,
        "update_time": 13.25,
    }
    return Record(**{**base, **changes})


def test_a_hash_cannot_be_made_without_the_agents_key() -> None:
    one, same, other = (
        convert.network(record(), None, key=key).spec_hash for key in (b"1" * 32, b"1" * 32, b"2" * 32)
    )
    assert one == same != other
    assert one != record().spec_hash.hex()


def test_a_failed_record_tells_why_and_what_is_left() -> None:
    left = Leftover(kind=ResourceKind.CNI_ATTACHMENT, what="n/eth0", where="/x", cause="stuck")
    told = Failure(
        reason=Reason.CNI_DEL_FAILED,
        message="no",
        retryable=True,
        plugin_error=PluginError(code=999, message="boom", plugin="ptp"),
        leftovers=(left,),
        hint="look?",
    )
    message = convert.network(record(failure=told), None, key=b"")
    assert message.phase == vm_network_pb2.PHASE_FAILED
    assert (message.create_time.seconds, message.create_time.nanos) == (12, 500_000_000)
    assert message.last_failure.cni_error.plugin == "ptp"
    (shown,) = message.leftovers
    assert (shown.kind, shown.what, shown.where, shown.cause, shown.will_retry) == (
        9,
        "n/eth0",
        "/x",
        "stuck",
        True,
    )


@pytest.mark.parametrize("phase", Phase)
def test_every_phase_step_state_and_kind_has_the_wires_number(phase: Phase) -> None:
    assert vm_network_pb2.Phase.Name(vm_network_pb2.Phase.ValueType(phase.value)) == f"PHASE_{phase.name}"
    for step in Step:
        assert vm_network_pb2.Step.Value(f"STEP_{step.name}") == step.value
    for state in StepState:
        assert vm_network_pb2.StepState.Value(f"STEP_STATE_{state.name}") == state.value


def test_an_event_carries_its_call_retry_and_warnings() -> None:
    message = convert.progress(
        StepEvent(
            step=Step.CNI_ADD,
            state=StepState.RETRYING,
            attempt=2,
            max_attempts=5,
            retry_delay=1.5,
            failure=Failure(reason=Reason.CNI_TRY_AGAIN_LATER, message="later", retryable=True),
            warnings=(Warning(reason="DEL_FAILED", message="w"),),
            plugin_call=PluginCall(type="x", command="ADD", duration=0.25, attempt=2, code=11, failed=True),
        )
    )
    assert (message.retry_delay.seconds, message.retry_delay.nanos) == (1, 500_000_000)
    assert (message.attempt, message.max_attempts) == (2, 5)
    assert message.failure.grpc_code == 14
    assert message.warnings[0].message == "w"
    assert (message.plugin_call.code, message.plugin_call.duration.nanos) == (11, 250_000_000)


def test_a_result_keeps_every_address_and_route() -> None:
    v4, v6 = VmIp(address="10.0.0.2/24", gateway="10.0.0.1"), VmIp(address="fd00::2/64")
    conf = StaticNetworkConf(
        tap_name="tap0",
        netns_path="/n",
        vm_if_name="eth0",
        vm_mac_addr="02:00:00:00:00:01",
        vm_mtu=1400,
        vm_ip_configs=(v6, v4),
        vm_ip_config=v4,
        vm_routes=(VmRoute(dst="0.0.0.0/0", gw="10.0.0.1", mtu=1300, adv_mss=1200, priority=5, table=0),),
        vm_nameservers=("1.1.1.1",),
        vm_domain="d",
        vm_search_domains=("s",),
        vm_resolver_options=("o",),
    )
    one = InterfaceOutcome(
        index=0,
        static=model.StaticNetworkConfiguration(host_dev_name="tap0"),
        firecracker=b"{}",
        vm_conf=conf,
        cni_version="1.0.0",
        cni_result=b"{}",
    )
    outcome = Outcome(interfaces=(one,), netns_path="/n", ip_boot_param="", mmds_interface_ids=("1",))
    message = convert.setup_result(outcome, netns_adopted=True)
    shown = message.interfaces[0].vm_conf
    assert [ip.address for ip in shown.vm_ip_configs] == ["fd00::2/64", "10.0.0.2/24"]
    assert shown.vm_ip_config.gateway == "10.0.0.1"
    (route,) = shown.vm_routes
    assert (route.mtu, route.adv_mss, route.priority) == (1300, 1200, 5)
    assert (route.HasField("table"), route.HasField("scope")) == (True, False)
    assert (message.netns_adopted, list(message.mmds_interface_ids)) == (True, ["1"])
    assert not message.interfaces[0].static_configuration.HasField("ip_configuration")


def inline(raw: bytes = json.dumps(CONF).encode(), **views: Any) -> vm_network_pb2.NetworkSpec:
    return spec(network_config={"json": raw, **views})


@pytest.mark.parametrize(
    "views",
    [
        {},
        {"name": "n", "cni_version": "1.0.0"},
        {"plugins": [{"type": "ptp"}, {"type": "tc-redirect-tap", "json": b'{"type":"tc-redirect-tap"}'}]},
    ],
    ids=["none", "some", "plugins"],
)
def test_views_that_agree_with_the_json_pass(views: dict[str, Any]) -> None:
    (interface,) = convert.network_spec(inline(**views)).interfaces
    assert interface.cni is not None
    assert interface.cni.network_config == json.dumps(CONF).encode()


@pytest.mark.parametrize(
    ("views", "field"),
    [
        ({"name": "other"}, "name"),
        ({"cni_version": "0.4.0"}, "cni_version"),
        ({"disable_check": True}, "disable_check"),
        ({"disable_gc": True}, "disable_gc"),
        ({"load_only_inlined_plugins": True}, "load_only_inlined_plugins"),
        ({"plugins": [{"type": "ptp"}]}, "plugins"),
        ({"plugins": [{"type": "ptp"}, {"type": "tc-redirect-tap", "json": b"{}"}]}, "plugins[1].json"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_view_that_disagrees_is_refused_by_its_field(views: dict[str, Any], field: str) -> None:
    with pytest.raises(ConfigListMismatch) as caught:
        convert.network_spec(inline(**views))
    place = "spec.network_interfaces.interfaces[0].cni_configuration.network_config"
    assert [(one.field, one.rule) for one in caught.value.violations] == [
        (f"{place}.{field}", "network_config_list.views_agree")
    ]


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"{}", b'{"name": 1}'])
def test_json_that_is_no_list_is_refused(raw: bytes) -> None:
    with pytest.raises(ConfigListMismatch) as caught:
        convert.network_spec(inline(raw))
    assert [one.rule for one in caught.value.violations] == ["network_config_list.json"]


def test_a_plugin_type_with_a_path_separator_is_refused() -> None:
    raw = json.dumps({**CONF, "plugins": [{"type": "../../bin/sh"}]}).encode()
    with pytest.raises(ConfigListMismatch) as caught:
        convert.network_spec(inline(raw))
    assert [one.rule for one in caught.value.violations] == ["network_config_list.plugin_type"]


@given(seconds=st.floats(min_value=0, max_value=2**40, allow_nan=False))
def test_times_keep_their_place_to_a_microsecond(seconds: float) -> None:
    back = convert.seconds_of(convert.duration(seconds))
    assert back == pytest.approx(seconds, abs=1e-6, rel=1e-12)
    stamp = convert.timestamp(seconds)
    assert 0 <= stamp.nanos < 10**9
