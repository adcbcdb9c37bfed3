"""The SDK's own vectors for vmconf, and where we differ on purpose."""

from __future__ import annotations

import json
from ipaddress import IPv4Address, IPv4Interface
from typing import Any

import pytest

from vmplumbd import vmconf
from vmplumbd.cni import result as results
from vmplumbd.errors import ResultUnusable
from vmplumbd.model.spec import (
    CniConfiguration,
    IpConfiguration,
    NetworkInterface,
    NetworkSpec,
    RateLimiter,
    StaticNetworkConfiguration,
    TokenBucket,
)

NETNS = "/run/netns/vm1"


def ip(
    address: str, gateway: str | None, nameservers: tuple[str, ...] = (), name: str = ""
) -> IpConfiguration:
    return IpConfiguration(
        ip_addr=IPv4Interface(address),
        gateway=IPv4Address(gateway) if gateway else None,
        nameservers=nameservers,
        if_name=name,
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (ip("10.0.0.2/24", "10.0.0.1"), "10.0.0.2::10.0.0.1:255.255.255.0:::off:::"),
        (
            ip("10.0.0.2/16", "10.0.0.1", ("1.1.1.1",), "eth0"),
            "10.0.0.2::10.0.0.1:255.255.0.0::eth0:off:1.1.1.1::",
        ),
        (
            ip("10.0.0.2/30", "10.0.0.1", ("1.1.1.1", "8.8.8.8", "9.9.9.9"), "eth0"),
            "10.0.0.2::10.0.0.1:255.255.255.252::eth0:off:1.1.1.1:8.8.8.8:",
        ),
        (
            ip("10.0.0.2/24", "10.0.0.1", ("1.1.1.1", "8.8.8.8", "1.0.0.1"), "eth0"),
            "10.0.0.2::10.0.0.1:255.255.255.0::eth0:off:1.1.1.1:8.8.8.8:",
        ),
        # The SDK writes <nil> here, which no kernel reads.
        (ip("10.0.0.2/24", None, (), "eth0"), "10.0.0.2:::255.255.255.0::eth0:off:::"),
    ],
    ids=["bare", "one nameserver", "third nameserver dropped", "the SDK's own test", "no gateway"],
)
def test_ip_boot_param(given: IpConfiguration, expected: str) -> None:
    assert vmconf.ip_boot_param(given) == expected


def interface(name: str, sandbox: str, mac: str = "") -> dict[str, str]:
    return {"name": name, "sandbox": sandbox, "mac": mac}


VETH = interface("veth0", NETNS, "22:22:22:22:22:22")
TAP = interface("tap0", NETNS, "11:11:11:11:11:11")
VM = interface("tap0", "vm1", "22:22:22:22:22:22")


def parsed(interfaces: list[Any], ips: list[Any], dns: dict[str, Any] | None = None) -> results.Result:
    raw = {"cniVersion": "1.0.0", "interfaces": interfaces, "ips": ips, "dns": dns or {}}
    return results.parse(json.dumps(raw).encode())


def v4(index: int | None, address: str = "10.0.0.2/24", gateway: str = "10.0.0.1") -> dict[str, Any]:
    return {"interface": index, "address": address, "gateway": gateway}


def test_the_pair_is_the_tap_and_the_pseudo_interface_of_the_vm() -> None:
    pair = vmconf.vm_pair(parsed([VETH, TAP, VM], []), "vm1")
    assert (pair.tap.name, pair.tap.sandbox, pair.tap.mac) == ("tap0", NETNS, "11:11:11:11:11:11")
    assert (pair.vm.name, pair.vm.sandbox, pair.vm_index) == ("tap0", "vm1", 2)


@pytest.mark.parametrize(
    ("interfaces", "ips", "text"),
    [
        ([], [], 'did not find expected network device with name "pseudo-device for vm1"'),
        (
            [VM, interface("b", "vm1")],
            [],
            'expected to find at most 1 interface in sandbox "vm1", but instead found 2',
        ),
        ([VETH, VM], [], 'did not find expected network device with name "tap0"'),
        ([TAP, TAP, VM], [], 'expected to find at most 1 interface with name "tap0", but instead found 2'),
        ([TAP, VM], [], 'expected to find 1 IP for vm interface "tap0", but instead found []'),
        ([TAP, VM], [v4(None)], 'expected to find 1 IP for vm interface "tap0", but instead found []'),
        # The SDK panics here.
        ([TAP, VM], [v4(7)], "is indexed to interface 7, there are 2"),
    ],
    ids=["empty", "two in the sandbox", "no tap", "tap twice", "no address", "no index", "bad index"],
)
def test_a_result_without_a_vm_is_refused_in_the_sdks_words(
    interfaces: list[Any], ips: list[Any], text: str
) -> None:
    with pytest.raises(ResultUnusable) as caught:
        vmconf.static_network_conf(parsed(interfaces, ips), "vm1", mtu=1500, vm_if_name="")
    assert text in str(caught.value)
    assert caught.value.message.startswith("failed to parse VM network configuration from CNI output")


def static_of(
    ips: list[Any], dns: dict[str, Any] | None = None
) -> tuple[StaticNetworkConfiguration, list[str]]:
    conf = vmconf.static_network_conf(parsed([TAP, VM], ips, dns), "vm1", mtu=1338, vm_if_name="eth0")
    assert conf.vm_mtu == 1338
    static, warnings = vmconf.static_configuration(conf)
    return static, [one.reason for one in warnings]


V6 = {"interface": 1, "address": "fd00::2/64", "gateway": "fd00::1"}


@pytest.mark.parametrize(
    ("ips", "dns", "address", "nameservers", "warned"),
    [
        ([v4(1)], None, "10.0.0.2/24", (), []),
        # The SDK refuses a second address.
        ([V6, v4(1)], None, "10.0.0.2/24", (), []),
        # The SDK writes an IPv6 address into ip=, which breaks its fields.
        ([V6], None, None, (), ["IPV6_ONLY"]),
        ([{"interface": 1, "address": "10.0.0.2/24"}], None, "10.0.0.2/24", (), ["NO_GATEWAY"]),
        (
            [v4(1)],
            {"nameservers": ["2001:db8::53", "1.1.1.1", "8.8.8.8", "9.9.9.9"]},
            "10.0.0.2/24",
            ("1.1.1.1", "8.8.8.8"),
            ["IPV6_NAMESERVERS_LEFT_OUT", "NAMESERVERS_LEFT_OUT"],
        ),
        (
            [v4(1)],
            {"nameservers": ["127.0.0.53"]},
            "10.0.0.2/24",
            ("127.0.0.53",),
            ["LOOPBACK_NAMESERVER"],
        ),
    ],
    ids=["one", "dual stack", "IPv6 only", "no gateway", "nameservers", "loopback"],
)
def test_the_first_ipv4_address_drives_the_configuration(
    ips: list[Any],
    dns: dict[str, Any] | None,
    address: str | None,
    nameservers: tuple[str, ...],
    warned: list[str],
) -> None:
    static, reasons = static_of(ips, dns)
    assert (static.host_dev_name, static.mac_address) == ("tap0", "22:22:22:22:22:22")
    found = static.ip_configuration
    assert (str(found.ip_addr) if found else None) == address
    assert (found.nameservers if found else ()) == nameservers
    assert reasons == warned


def test_the_body_firecracker_wants_has_numbers_as_numbers_and_no_nulls() -> None:
    limiter = RateLimiter(bandwidth=TokenBucket(size=100, refill_time_ms=3600000, one_time_burst=100))
    body = vmconf.firecracker_interface(
        1,
        NetworkInterface(in_rate_limiter=limiter),
        StaticNetworkConfiguration(host_dev_name="tap0", mac_address="02:00:00:01:02:03"),
        mtu=None,
    )
    assert json.loads(body) == {
        "iface_id": "1",
        "host_dev_name": "tap0",
        "guest_mac": "02:00:00:01:02:03",
        "rx_rate_limiter": {"bandwidth": {"size": 100, "refill_time": 3600000, "one_time_burst": 100}},
    }


@pytest.mark.parametrize("accepts", [True, False])
def test_the_mtu_is_in_the_body_only_for_a_vmm_that_takes_it(accepts: bool) -> None:
    made = vmconf.CniOutcome(index=0, result=parsed([TAP, VM], [v4(1)]), raw=b"{}", mtu=9000)
    spec = NetworkSpec(
        interfaces=(NetworkInterface(cni=CniConfiguration(network_name="n"), allow_mmds=True),),
        firecracker_accepts_mtu=accepts,
    )
    answer = vmconf.outcome(spec, "vm1", NETNS, [made])
    assert ("mtu" in json.loads(answer.interfaces[0].firecracker)) is accepts
    assert answer.mmds_interface_ids == ("1",)
    assert answer.ip_boot_param == "10.0.0.2::10.0.0.1:255.255.255.0:::off:::"
