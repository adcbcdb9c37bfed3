from __future__ import annotations

import errno
import itertools
import json
from ipaddress import ip_interface, ip_network
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.kernel import FakeKernel
from tests.unit.plugins.chains import IF_NAME, NETNS, VM, Bench, Executables
from vmplumbd.cni.error import CniError
from vmplumbd.cni.invoke import Command
from vmplumbd.errors import NotFound
from vmplumbd.model import net
from vmplumbd.plugins import masquerade, veth
from vmplumbd.plugins.builtin import BuiltinInvoker

V4, V6 = "10.200.0.0/16", "2001:db8:1::/64"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def conf(bench: Bench, *subnets: str, **more: Any) -> dict[str, Any]:
    return {"type": "ptp", "ipam": bench.ipam(*(subnets or (V4,)), routes=more.pop("routes", ())), **more}


def routes(kernel: FakeKernel, path: str | None = None) -> list[str]:
    """Routes as `ip route` would say them."""

    def listed(netns: Any) -> list[str]:
        names = {link.index: link.name for link in netns.links()}
        return [
            f"{each.dst}"
            + (f" via {each.gateway}" if each.gateway else "")
            + f" dev {names[each.index]} scope {each.scope}"
            + (f" src {each.src}" if each.src else "")
            for each in netns.routes()
        ]

    if path is None:
        return listed(kernel.host())
    with kernel.open_netns(path) as netns:
        return listed(netns)


def test_the_result_and_the_end_state_are_the_reference_s(bench: Bench) -> None:
    host_end = veth.host_device_name("net", VM, IF_NAME)
    made = bench.call(Command.ADD, conf(bench, routes=[{"dst": "0.0.0.0/0"}]))
    host = bench.kernel.host()
    link = host.link(name=host_end)
    with bench.kernel.open_netns(NETNS) as netns:
        inside = netns.link(name=IF_NAME)
        assert [each.address for each in netns.addresses(inside.index)] == [ip_interface("10.200.0.2/16")]
    assert made == {
        "cniVersion": "1.1.0",
        "interfaces": [
            {"name": host_end, "mac": link.mac.hex(":")},
            {"name": IF_NAME, "mac": inside.mac.hex(":"), "sandbox": NETNS},
        ],
        "ips": [{"interface": 1, "address": "10.200.0.2/16", "gateway": "10.200.0.1"}],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    assert (link.up, inside.up) == (True, True)
    assert [each.address for each in host.addresses(link.index)] == [ip_interface("10.200.0.1/32")]
    assert sorted(routes(bench.kernel, NETNS)) == [
        "0.0.0.0/0 via 10.200.0.1 dev eth0 scope 0",
        "10.200.0.0/16 via 10.200.0.1 dev eth0 scope 0 src 10.200.0.2",
        "10.200.0.1/32 dev eth0 scope 253 src 10.200.0.2",
    ]
    assert routes(bench.kernel) == [f"10.200.0.2/32 dev {host_end} scope 254"]
    assert host.read_sysctl("net/ipv4/ip_forward") == "1"
    assert host.read_sysctl(f"net/ipv6/conf/{host_end}/accept_ra") == "0"


def test_a_version_gets_its_own_shape(bench: Bench) -> None:
    made = bench.call(Command.ADD, conf(bench, dns={"nameservers": ["1.1.1.1"]}), cni_version="0.2.0")
    assert made == {
        "cniVersion": "0.2.0",
        "ip4": {"ip": "10.200.0.2/16", "gateway": "10.200.0.1"},
        "dns": {"nameservers": ["1.1.1.1"]},
    }


@pytest.mark.parametrize("subnets", [(V4,), (V6,), (V4, V6), (V6, V4), (V4, "10.9.0.0/24")])
def test_add_and_del_leave_the_world_as_it_was(bench: Bench, subnets: tuple[str, ...]) -> None:
    before = bench.kernel.snapshot()
    made = bench.call(Command.ADD, conf(bench, *subnets))
    assert [ip["interface"] for ip in made["ips"]] == [1] * len(subnets)
    bench.call(Command.CHECK, conf(bench, *subnets), prev=made)
    for _ in range(2):
        bench.call(Command.DEL, conf(bench, *subnets), prev=made)
    assert bench.kernel.snapshot() == before
    assert bench.reserved() == set()


MASQ = {"ipMasq": True, "ipMasqBackend": "nftables"}


def steps_of_add(tmp_path: Path, subnets: tuple[str, ...], more: dict[str, Any]) -> int:
    bench = Bench(tmp_path)
    start = len(bench.kernel.steps)
    bench.call(Command.ADD, conf(bench, *subnets, **more))
    return len(bench.kernel.steps) - start


@pytest.mark.parametrize("code", [errno.EIO, errno.EEXIST, errno.ENODEV, errno.ENOBUFS])
@pytest.mark.parametrize(("subnets", "more"), [((V4,), {}), ((V4, V6), MASQ)])
def test_an_add_that_fails_at_any_step_leaves_nothing(
    tmp_path: Path, subnets: tuple[str, ...], more: dict[str, Any], code: int
) -> None:
    count = steps_of_add(tmp_path / "count", subnets, more)
    assert count >= 10
    refused = 0
    for nth in range(count):
        bench = Bench(tmp_path / str(nth))
        before = bench.kernel.snapshot()
        bench.kernel.fail_step(nth, code)
        try:
            made = bench.call(Command.ADD, conf(bench, *subnets, **more))
        except CniError:
            refused += 1
        else:
            # A step that may fail: what stands is whole, and goes as it should.
            bench.call(Command.CHECK, conf(bench, *subnets, **more), prev=made)
            bench.call(Command.DEL, conf(bench, *subnets, **more), prev=made)
        assert bench.kernel.snapshot() == before, f"step {nth}"
        assert bench.reserved() == set()
    assert refused >= 8


@pytest.mark.parametrize("with_prev", [True, False])
@pytest.mark.parametrize("netns", [NETNS, "", "/run/netns/gone"])
@pytest.mark.parametrize("sparing", [True, False])
def test_masquerading_ends_with_del_whatever_is_left(
    bench: Bench, netns: str, with_prev: bool, sparing: bool
) -> None:
    given = conf(bench, V4, V6, **MASQ)
    made = bench.call(Command.ADD, given)
    bench.call(Command.CHECK, given, prev=made)
    assert len(bench.kernel.host().rules(masquerade.CHECKS).rules) == 2
    if sparing:
        bench.invoker = bench.invoker.sparing()
    bench.call(Command.DEL, given, netns=netns, prev=made if with_prev else None)
    assert bench.kernel.host().rules(masquerade.CHECKS).rules == ()


def test_an_address_is_free_only_when_it_is_masqueraded_no_more(bench: Bench) -> None:
    given = conf(bench, **MASQ)
    made = bench.call(Command.ADD, given)
    bench.kernel.fail_step(0)
    with pytest.raises(CniError, match="cannot delete rule"):
        bench.call(Command.DEL, given, prev=made)
    assert bench.reserved() == {"10.200.0.2"}
    bench.call(Command.DEL, given, prev=made)
    assert bench.reserved() == set()


def test_check_misses_a_rule(bench: Bench) -> None:
    given = conf(bench, **MASQ)
    made = bench.call(Command.ADD, given)
    bench.kernel.host().change_rules([net.FlushChain(chain=masquerade.CHECKS)])
    with pytest.raises(CniError, match=r"no rule masquerades 10\.200\.0\.2"):
        bench.call(Command.CHECK, given, prev=made)


def test_gc_keeps_the_rules_of_valid_attachments(bench: Bench) -> None:
    given = conf(bench, **MASQ)
    bench.call(Command.ADD, given)
    valid = [{"containerID": VM, "ifname": IF_NAME}]
    bench.call(Command.GC, given | {"cni.dev/valid-attachments": valid})
    assert len(bench.kernel.host().rules(masquerade.CHECKS).rules) == 1
    bench.call(Command.GC, given)
    assert len(bench.kernel.host().rules(masquerade.CHECKS).rules) == 1
    bench.call(Command.GC, given | {"cni.dev/valid-attachments": []})
    assert bench.kernel.host().rules(masquerade.CHECKS).rules == ()
    assert bench.reserved() == set()


@pytest.mark.parametrize(
    ("host_ipv6", "subnets", "off"),
    [(True, (V4,), "0"), (False, (V4,), "1"), (False, (V4, V6), "0")],
    ids=["as the reference", "off where no address needs it", "on where one does"],
)
def test_the_host_end_has_ipv6_unless_the_operator_says_not(
    tmp_path: Path, host_ipv6: bool, subnets: tuple[str, ...], off: str
) -> None:
    bench = Bench(tmp_path)
    bench.invoker = BuiltinInvoker(bench.kernel, Executables({}), host_ipv6=host_ipv6)
    bench.call(Command.ADD, conf(bench, *subnets))
    name = veth.host_device_name("net", VM, IF_NAME)
    assert bench.kernel.host().read_sysctl(f"net/ipv6/conf/{name}/disable_ipv6") == off


def test_the_host_end_has_the_same_mac_each_time(bench: Bench) -> None:
    """A VM that comes back from a snapshot knows its gateway by it."""
    seen = set()
    for _ in range(2):
        made = bench.call(Command.ADD, conf(bench))
        link = bench.kernel.host().link(name=veth.host_device_name("net", VM, IF_NAME))
        assert made["interfaces"][0]["mac"] == link.mac.hex(":")
        seen.add(link.mac)
        bench.call(Command.DEL, conf(bench), prev=made)
    assert seen == {veth.host_mac("net", VM, IF_NAME)}
    (mac,) = seen
    assert mac[0] & 0x03 == 0x02  # locally administered, one station's
    assert veth.host_mac("net", VM, "eth1") != mac


def test_a_taken_host_name_gets_another(bench: Bench) -> None:
    name = veth.host_device_name("net", VM, IF_NAME)
    bench.kernel.host().apply([net.AddLink(name=name, kind="dummy")])
    made = bench.call(Command.ADD, conf(bench))
    other = made["interfaces"][0]["name"]
    assert other != name
    assert other.startswith("veth")
    assert len(other) == len(name)
    bench.call(Command.DEL, conf(bench), prev=made)
    assert bench.kernel.host().link(name=name).kind == "dummy"


def test_a_taken_name_inside_is_refused_and_stays(bench: Bench) -> None:
    with bench.kernel.open_netns(NETNS) as netns:
        netns.apply([net.AddLink(name=IF_NAME, kind="dummy")])
    before = bench.kernel.snapshot()
    with pytest.raises(CniError, match=r'container veth name \("eth0"\) peer provided \("veth'):
        bench.call(Command.ADD, conf(bench))
    assert bench.kernel.snapshot() == before
    assert bench.reserved() == set()


def test_an_address_routed_elsewhere_is_refused(bench: Bench) -> None:
    host = bench.kernel.host()
    (dummy,) = host.apply([net.AddLink(name="d0", kind="dummy", up=True), net.GetLink(name="d0")])
    taken = net.AddRoute(dst=ip_network("10.200.0.2/32"), index=dummy.index, scope=net.SCOPE_HOST)
    host.apply([taken])
    before = bench.kernel.snapshot()
    with pytest.raises(CniError, match=r"failed to add route on host: 10\.200\.0\.2/32 is routed to"):
        bench.call(Command.ADD, conf(bench))
    assert bench.kernel.snapshot() == before


@pytest.mark.parametrize("with_prev", [True, False])
@pytest.mark.parametrize("netns", ["", "/run/netns/gone", "/run/netns/empty"])
def test_del_finds_the_host_end_without_the_namespace(bench: Bench, netns: str, with_prev: bool) -> None:
    made = bench.call(Command.ADD, conf(bench))
    bench.kernel.put_file("/run/netns/empty")
    bench.call(Command.DEL, conf(bench), netns=netns, prev=made if with_prev else None)
    assert [link.name for link in bench.kernel.host().links()] == ["lo"]
    assert bench.reserved() == set()


def test_del_leaves_a_stranger_with_our_link_s_name(bench: Bench) -> None:
    bench.kernel.host().apply([net.AddLink(name="veth12345678", kind="dummy")])
    prev = {"cniVersion": "1.1.0", "interfaces": [{"name": "veth12345678", "mac": "02:00:00:00:00:99"}]}
    bench.call(Command.DEL, conf(bench), netns="", prev=prev)
    assert bench.kernel.host().link(name="veth12345678")


def test_sparing_del_leaves_addresses_and_links(bench: Bench) -> None:
    made = bench.call(Command.ADD, conf(bench))
    before = bench.kernel.snapshot()
    bench.invoker = bench.invoker.sparing()
    bench.call(Command.DEL, conf(bench), netns="", prev=made)
    bench.call(Command.DEL, conf(bench), prev=made)
    assert bench.kernel.snapshot() == before
    assert bench.reserved() == {"10.200.0.2"}


@pytest.mark.parametrize(
    ("harm", "text"),
    [
        ([net.SetLink(name=IF_NAME, mac=bytes.fromhex("020000000077"))], "doesn't match container Mac"),
        ([net.DelLink(name=IF_NAME)], "ptp: Container Interface name in prevResult: eth0 not found"),
        (
            [net.DelAddress(index=2, address=ip_interface("10.200.0.2/16"))],
            "Failed to match addr 10.200.0.2/16",
        ),
        ([net.DelRoute(dst=ip_network("10.200.0.0/16"), index=2)], "Failed to find Gateway 10.200.0.1"),
        ([net.DelRoute(dst=ip_network("0.0.0.0/0"), index=2)], "Expected Route 0.0.0.0/0"),
    ],
)
def test_check_names_what_is_wrong(bench: Bench, harm: list[net.Request], text: str) -> None:
    given = conf(bench, routes=[{"dst": "0.0.0.0/0"}])
    made = bench.call(Command.ADD, given)
    bench.call(Command.CHECK, given, prev=made)
    with bench.kernel.open_netns(NETNS) as netns:
        netns.apply(harm)
    with pytest.raises(CniError) as caught:
        bench.call(Command.CHECK, given, prev=made)
    assert text in caught.value.msg


def test_check_wants_the_address_reserved_and_a_previous_result(bench: Bench) -> None:
    made = bench.call(Command.ADD, conf(bench))
    with pytest.raises(CniError, match="ptp: Required prevResult missing"):
        bench.call(Command.CHECK, conf(bench))
    (bench.directory / "net" / "10.200.0.2").unlink()
    with pytest.raises(CniError, match="host-local: Failed to find address added by container vm"):
        bench.call(Command.CHECK, conf(bench), prev=made)


@pytest.mark.parametrize(
    ("given", "netns", "text"),
    [
        ({"type": "ptp"}, NETNS, "no plugin name provided"),
        (
            {"type": "ptp", "mtu": "big", "ipam": {}},
            NETNS,
            "failed to load netconf: json: cannot unmarshal string",
        ),
        ({"type": "ptp", "ipam": {"type": "nobody"}}, NETNS, 'failed to find plugin "nobody"'),
        (MASQ | {"ipMasqBackend": "ebtables"}, NETNS, 'unknown ipmasq backend "ebtables"'),
        ({}, "/run/netns/none", 'failed to open netns "/run/netns/none": failed to Statfs'),
    ],
)
def test_what_cannot_be_done_is_refused(bench: Bench, given: dict[str, Any], netns: str, text: str) -> None:
    before = bench.kernel.snapshot()
    with pytest.raises(CniError) as caught:
        bench.call(Command.ADD, {"type": "ptp", **given} if given else conf(bench), netns=netns)
    assert caught.value.msg.startswith(text)
    assert bench.kernel.snapshot() == before
    assert bench.reserved() == set()


def test_an_ipam_plugin_without_addresses_is_refused(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    executables = Executables({"none": ("1.1.0",)}, {"none": json.dumps({"cniVersion": "1.1.0"}).encode()})
    bench.invoker = BuiltinInvoker(bench.kernel, executables)
    with pytest.raises(CniError, match="IPAM plugin returned missing IP config"):
        bench.call(Command.ADD, {"type": "ptp", "ipam": {"type": "none"}})
    assert executables.calls == [("none", Command.ADD), ("none", Command.DEL)]


def test_status_and_gc_reach_the_ipam_plugin(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    executables = Executables({"other": ("1.1.0",)})
    bench.invoker = BuiltinInvoker(bench.kernel, executables)
    for command in (Command.STATUS, Command.GC):
        bench.call(command, {"type": "ptp", "ipam": {"type": "other"}})
    assert executables.calls == [("other", Command.STATUS), ("other", Command.GC)]


def test_host_ends_have_names_of_their_own() -> None:
    names = {
        veth.host_device_name(*parts)
        for parts in itertools.chain(
            itertools.product(("a", "b"), ("c", "d"), ("eth0", "eth1")),
            [("ab", "", "ceth0"), ("a", "bc", "eth0")],
        )
    }
    assert len(names) == 10
    assert {len(name) for name in names} == {12}


def test_a_link_that_is_gone_is_told_as_gone(bench: Bench) -> None:
    with pytest.raises(NotFound):
        bench.kernel.host().link(name="veth00000000")
