from __future__ import annotations

import errno
import json
from ipaddress import ip_interface
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.kernel import HOST, FakeKernel, Link
from tests.unit.plugins.chains import IF_NAME, NETNS, VM, Bench, Executables
from vmplumbd.cni import config as cni_config
from vmplumbd.cni.error import CniError
from vmplumbd.cni.invoke import Command
from vmplumbd.errors import HostLimitReached, Unsupported
from vmplumbd.model import net
from vmplumbd.plugins import veth
from vmplumbd.plugins.attachments import VALID_ATTACHMENTS
from vmplumbd.plugins.bridge import config, gateway, ports
from vmplumbd.plugins.bridge.spoof_check import PREROUTING, Guard
from vmplumbd.plugins.builtin import BuiltinInvoker
from vmplumbd.plugins.conf import PluginFault

V4, V6 = "10.200.0.0/16", "2001:db8:1::/64"
BRIDGE = "br0"
STAYS = (BRIDGE, f"{BRIDGE}.100", veth.host_device_name(BRIDGE, f"{BRIDGE}.100", ""))
MASQ = {"ipMasq": True, "ipMasqBackend": "nftables"}
EVERYTHING = {
    "isDefaultGateway": True,
    "hairpinMode": True,
    "portIsolation": True,
    "macspoofchk": True,
    "vlan": 100,
    **MASQ,
}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def conf(bench: Bench, *subnets: str, **more: Any) -> dict[str, Any]:
    return {
        "type": "bridge",
        "bridge": BRIDGE,
        "ipam": bench.ipam(*(subnets or (V4,)), routes=more.pop("routes", ())),
        **more,
    }


def layer2(**more: Any) -> dict[str, Any]:
    return {"type": "bridge", "bridge": BRIDGE, **more}


def link(kernel: FakeKernel, name: str) -> Link:
    """A link of the host as the fake keeps it: with what no answer tells."""
    return next(each for each in kernel.world.spaces[HOST].links if each.name == name)


def host_end(vm: str = VM) -> str:
    return veth.host_device_name("net", vm, IF_NAME)


def test_the_result_and_the_end_state_are_the_reference_s(bench: Bench) -> None:
    made = bench.call(Command.ADD, conf(bench, isDefaultGateway=True, hairpinMode=True, portIsolation=True))
    host = bench.kernel.host()
    bridge, port = host.link(name=BRIDGE), link(bench.kernel, host_end())
    with bench.kernel.open_netns(NETNS) as netns:
        inside = netns.link(name=IF_NAME)
        settings = {
            key: netns.read_sysctl(key)
            for key in (f"net/ipv4/conf/{IF_NAME}/arp_notify", f"net/ipv6/conf/{IF_NAME}/accept_dad")
        }
        routes = [(str(each.dst), str(each.gateway)) for each in netns.routes() if each.gateway]
    assert made == {
        "cniVersion": "1.1.0",
        "interfaces": [
            {"name": BRIDGE, "mac": bridge.mac.hex(":")},
            {"name": host_end(), "mac": port.mac.hex(":")},
            {"name": IF_NAME, "mac": inside.mac.hex(":"), "sandbox": NETNS},
        ],
        "ips": [{"interface": 2, "address": "10.200.0.2/16", "gateway": "10.200.0.1"}],
        "routes": [{"dst": "0.0.0.0/0", "gw": "10.200.0.1"}],
    }
    assert (port.master, port.up, port.hairpin, port.isolated) == (bridge.index, True, True, True)
    assert port.mac == ports.marked_mac("net", host_end())
    assert (bridge.up, inside.up) == (True, True)
    assert [each.address for each in host.addresses(bridge.index)] == [ip_interface("10.200.0.1/16")]
    assert list(settings.values()) == ["1", "0"]
    assert routes == [("0.0.0.0/0", "10.200.0.1")]
    assert host.read_sysctl("net/ipv4/ip_forward") == "1"
    assert [host.read_sysctl(f"net/ipv6/conf/{name}/accept_ra") for name in (BRIDGE, host_end())] == ["0"] * 2


@pytest.mark.parametrize("subnets", [(V4,), (V6,), (V4, V6), (V6, V4)])
@pytest.mark.parametrize(
    "more", [{}, {"isGateway": True}, EVERYTHING], ids=["plain", "gateway", "everything"]
)
def test_add_and_del_leave_the_world_as_it_was(
    bench: Bench, subnets: tuple[str, ...], more: dict[str, Any]
) -> None:
    before = bench.kernel.snapshot(bridges=STAYS)
    given = conf(bench, *subnets, **more)
    made = bench.call(Command.ADD, given)
    bench.call(Command.CHECK, given, prev=made)
    for _ in range(2):
        bench.call(Command.DEL, given, prev=made)
    assert bench.kernel.snapshot(bridges=STAYS) == before
    assert bench.reserved() == set()


def steps_of_add(tmp_path: Path, subnets: tuple[str, ...], more: dict[str, Any]) -> int:
    bench = Bench(tmp_path)
    start = len(bench.kernel.steps)
    bench.call(Command.ADD, conf(bench, *subnets, **more))
    return len(bench.kernel.steps) - start


@pytest.mark.parametrize("code", [errno.EIO, errno.EEXIST, errno.ENODEV, errno.ENOBUFS])
@pytest.mark.parametrize(
    ("subnets", "more"), [((V4,), {"isGateway": True}), ((V4, V6), EVERYTHING)], ids=["few", "everything"]
)
def test_an_add_that_fails_at_any_step_leaves_nothing(
    tmp_path: Path, subnets: tuple[str, ...], more: dict[str, Any], code: int
) -> None:
    count = steps_of_add(tmp_path / "count", subnets, more)
    assert count >= 14
    refused = 0
    for nth in range(count):
        bench = Bench(tmp_path / str(nth))
        before = bench.kernel.snapshot(bridges=STAYS)
        bench.kernel.fail_step(nth, code)
        given = conf(bench, *subnets, **more)
        try:
            made = bench.call(Command.ADD, given)
        except CniError:
            refused += 1
        else:
            # A step that may fail: what stands is whole, and goes as it should.
            bench.call(Command.CHECK, given, prev=made)
            bench.call(Command.DEL, given, prev=made)
        assert bench.kernel.snapshot(bridges=STAYS) == before, f"step {nth}"
        assert bench.reserved() == set()
    assert refused >= 8


def test_a_link_without_addresses_is_up_and_needs_no_ipam_plugin(bench: Bench) -> None:
    before = bench.kernel.snapshot(bridges=STAYS)
    made = bench.call(Command.ADD, layer2(dns={"nameservers": ["9.9.9.9"]}))
    assert "ips" not in made
    assert made["dns"] == {"nameservers": ["9.9.9.9"]}
    with bench.kernel.open_netns(NETNS) as netns:
        assert netns.link(name=IF_NAME).up
    bench.call(Command.CHECK, layer2(), prev=made)
    bench.call(Command.STATUS, layer2())
    bench.call(Command.GC, layer2())
    bench.call(Command.DEL, layer2(), prev=made)
    assert bench.kernel.snapshot(bridges=STAYS) == before


def test_a_container_interface_may_be_left_down(bench: Bench) -> None:
    bench.call(Command.ADD, layer2(disableContainerInterface=True))
    with bench.kernel.open_netns(NETNS) as netns:
        assert not netns.link(name=IF_NAME).up


def test_a_bridge_of_someone_else_keeps_its_mtu_and_is_set_up(bench: Bench) -> None:
    host = bench.kernel.host()
    host.apply([net.AddLink(name=BRIDGE, kind="bridge", mtu=1400)])
    bench.call(Command.ADD, conf(bench, mtu=1300, promiscMode=True))
    bridge = host.link(name=BRIDGE)
    assert (bridge.mtu, bridge.up, bridge.promisc) == (1400, True, True)
    assert link(bench.kernel, host_end()).mtu == 1300


def test_check_tells_a_duplicate_where_the_kernel_looks_for_them(bench: Bench) -> None:
    for asked in (True, False):
        given = conf(bench, V6, enabledad=asked)
        made = bench.call(Command.ADD, given)
        with bench.kernel.open_netns(NETNS) as netns:
            assert netns.read_sysctl(f"net/ipv6/conf/{IF_NAME}/accept_dad") == ("1" if asked else "0")
        bench.kernel.duplicates = frozenset({ip_interface(made["ips"][0]["address"])})
        if asked:
            with pytest.raises(CniError, match="link eth0 has address 2001:db8:1::2 in DADFAILED state"):
                bench.call(Command.CHECK, given, prev=made)
        else:
            bench.call(Command.CHECK, given, prev=made)
        bench.call(Command.DEL, given, prev=made)


# VLANs.


@pytest.mark.parametrize(
    ("more", "wanted"),
    [
        ({}, [(1, True, True)]),
        ({"vlan": 100}, [(100, True, True)]),
        ({"vlan": 100, "preserveDefaultVlan": True}, [(1, False, True), (100, True, True)]),
        (
            {"vlan": 100, "vlanTrunk": [{"minID": 7, "maxID": 8}, {"id": 9}]},
            [(7, False, False), (8, False, False), (9, False, False), (100, True, True)],
        ),
        ({"vlanTrunk": [{"id": 7}]}, [(1, True, True), (7, False, False)]),
        ({"vlanTrunk": []}, [(1, True, True)]),
    ],
)
def test_a_port_is_in_the_vlans_that_are_asked_for(
    bench: Bench, more: dict[str, Any], wanted: list[tuple[int, bool, bool]]
) -> None:
    bench.call(Command.ADD, conf(bench, **more))
    assert list(link(bench.kernel, host_end()).vlans) == wanted
    assert link(bench.kernel, BRIDGE).vlan_filtering == bool(more)


def test_the_gateway_of_a_vlan_has_a_port_of_its_own_which_stays(bench: Bench) -> None:
    given = conf(bench, vlan=100, isGateway=True)
    first = bench.call(Command.ADD, given)
    host = bench.kernel.host()
    own = host.link(name="br0.100")
    assert first["interfaces"][3] == {"name": "br0.100", "mac": own.mac.hex(":")}
    assert [each.address for each in host.addresses(own.index)] == [ip_interface("10.200.0.1/16")]
    assert list(host.addresses(host.link(name=BRIDGE).index)) == []
    port = link(bench.kernel, STAYS[2])
    assert (port.index, port.up, port.vlans) == (own.peer_index, True, ((100, True, True),))
    bench.call(Command.CHECK, given, prev=first)
    bench.call(Command.DEL, given, prev=first, netns="")
    bench.call(Command.GC, {**given, VALID_ATTACHMENTS: []})
    second = bench.call(Command.ADD, given)
    assert second["interfaces"][3] == first["interfaces"][3]
    assert host.link(name="br0.100").index == own.index


def test_a_kernel_without_vlans_is_told_before_anything_is_made(bench: Bench) -> None:
    bench.kernel.filters_vlans = False
    before = bench.kernel.snapshot()
    with pytest.raises(
        CniError, match=r'failed to create bridge "br0": could not add "br0": .*VLAN filtering'
    ):
        bench.call(Command.ADD, conf(bench, vlan=100))
    assert bench.kernel.snapshot() == before
    bench.kernel.host().apply([net.AddLink(name=BRIDGE, kind="bridge")])
    before = bench.kernel.snapshot()
    with pytest.raises(CniError, match="this kernel does not filter VLANs"):
        bench.call(Command.ADD, conf(bench, vlan=100))
    with pytest.raises(Unsupported, match="this kernel does not filter VLANs"):
        preflight(bench, conf(bench, vlan=100))
    assert bench.kernel.snapshot() == before
    assert bench.reserved() == set()


def preflight(bench: Bench, given: dict[str, Any]) -> None:
    raw = {"cniVersion": "1.0.0", "name": "net", "plugins": [given]}
    assert bench.invoker.preflight(cni_config.parse_list(json.dumps(raw).encode()), ()) == ()


# A full bridge.


def fill(bench: Bench, count: int) -> None:
    host = bench.kernel.host()
    (bridge,) = host.apply([net.AddLink(name=BRIDGE, kind="bridge", up=True), net.GetLink(name=BRIDGE)])
    made: list[net.Request] = []
    for number in range(count):
        made += [
            net.AddLink(name=f"d{number}", kind="dummy"),
            net.SetLink(name=f"d{number}", master=bridge.index),
        ]
    host.apply(made)


def test_a_full_bridge_is_told_with_its_number_before_anything_is_made(bench: Bench) -> None:
    fill(bench, ports.MOST_PORTS)
    before = bench.kernel.snapshot()
    with pytest.raises(CniError, match="bridge br0 has 1023 ports") as caught:
        bench.call(Command.ADD, conf(bench))
    assert isinstance(caught.value.__cause__, HostLimitReached)
    with pytest.raises(HostLimitReached, match="bridge br0 has 1023 ports"):
        preflight(bench, conf(bench))
    assert bench.kernel.snapshot() == before


def test_a_bridge_that_someone_else_fills_meanwhile_is_told_as_well(tmp_path: Path) -> None:
    told = 0
    for nth in range(steps_of_add(tmp_path / "count", (V4,), {})):
        bench = Bench(tmp_path / str(nth))
        before = bench.kernel.snapshot(bridges=STAYS)
        bench.kernel.fail_step(nth, errno.EXFULL)
        try:
            bench.call(Command.ADD, conf(bench))
        except CniError as exc:
            told += isinstance(exc.__cause__, HostLimitReached)
            assert bench.kernel.snapshot(bridges=STAYS) == before
    assert told == 1


# DEL and GC.


@pytest.mark.parametrize("with_prev", [True, False])
@pytest.mark.parametrize("netns", ["", "/run/netns/gone", "/run/netns/empty"])
def test_del_finds_the_host_end_without_the_namespace(bench: Bench, netns: str, with_prev: bool) -> None:
    given = conf(bench, isGateway=True, macspoofchk=True, **MASQ)
    before = bench.kernel.snapshot(bridges=STAYS)["host"]
    made = bench.call(Command.ADD, given)
    bench.kernel.put_file("/run/netns/empty")
    bench.call(Command.DEL, given, netns=netns, prev=made if with_prev else None)
    assert bench.kernel.snapshot(bridges=STAYS)["host"] == before
    assert bench.reserved() == set()


def test_del_leaves_a_stranger_with_our_link_s_name(bench: Bench) -> None:
    bench.kernel.host().apply([net.AddLink(name="veth12345678", kind="dummy")])
    prev = {
        "cniVersion": "1.1.0",
        "interfaces": [
            {"name": "veth12345678", "mac": "02:00:00:00:00:99"},
            {"name": IF_NAME, "sandbox": NETNS},
        ],
    }
    bench.call(Command.DEL, conf(bench), netns="", prev=prev)
    assert bench.kernel.host().link(name="veth12345678")


def test_sparing_del_leaves_addresses_and_links_and_takes_rules(bench: Bench) -> None:
    given = conf(bench, isGateway=True, macspoofchk=True, **MASQ)
    without = conf(bench, isGateway=True)
    made = bench.call(Command.ADD, without)
    bare = bench.kernel.snapshot()
    bench.call(Command.DEL, without, prev=made)
    made = bench.call(Command.ADD, given)
    bench.invoker = bench.invoker.sparing()
    bench.call(Command.DEL, given, netns="", prev=made)
    bench.call(Command.DEL, given, prev=made)
    left = bench.kernel.snapshot()
    assert [each.name for each in left["host"].links] == [each.name for each in bare["host"].links]
    assert left["host"].filter == bare["host"].filter
    assert bench.reserved() == {"10.200.0.3"}


def test_traces_are_what_del_would_take(bench: Bench) -> None:
    given = conf(bench, isGateway=True, macspoofchk=True, **MASQ)
    call = bench.invocation(Command.DEL, given, netns="")
    assert not bench.invoker.has_traces(call)
    made = bench.call(Command.ADD, given)
    assert bench.invoker.has_traces(call)
    bench.call(Command.DEL, given, prev=made)
    assert not bench.invoker.has_traces(call)


def test_gc_takes_our_ports_that_nobody_owns_and_no_others(bench: Bench) -> None:
    given = conf(bench, isGateway=True, macspoofchk=True, **MASQ)
    for vm in ("kept", "lost"):
        bench.kernel.create_netns(f"/run/netns/{vm}")
        bench.call(Command.ADD, given, vm=vm, netns=f"/run/netns/{vm}")
    bench.kernel.create_netns("/run/netns/other")
    bench.call(Command.ADD, conf(bench, name="other"), vm="lost", netns="/run/netns/other")
    host = bench.kernel.host()
    bridge = host.link(name=BRIDGE)
    foreign = [("d0", "dummy"), ("veth00000001", "dummy")]
    for name, kind in foreign:
        host.apply([net.AddLink(name=name, kind=kind), net.SetLink(name=name, master=bridge.index)])
    with bench.kernel.open_netns(NETNS) as netns:
        (pair,) = netns.apply(
            [net.AddVeth(name="eth9", peer=host_end("lost")[:-1] + "x"), net.GetLink(name="eth9")]
        )
    host.apply([net.SetLink(index=pair.peer_index, master=bridge.index)])
    before = {each.name for each in host.ports(bridge.index)}
    valid = [{"containerID": "kept", "ifname": IF_NAME}]
    bench.call(Command.GC, {**given, VALID_ATTACHMENTS: valid})
    assert before - {each.name for each in host.ports(bridge.index)} == {host_end("lost")}
    jumps = [each.comment for each in host.rules(PREROUTING).rules]
    assert jumps == [f"macspoofchk-kept-{IF_NAME}"]
    assert bench.reserved() == {"10.200.0.2"}
    bench.call(Command.GC, given)
    assert bench.reserved() == {"10.200.0.2"}


# The check of MACs.


def rules_of(kernel: FakeKernel, vm: str) -> list[net.RuleInfo]:
    host, guard = kernel.host(), Guard(container_id=vm, if_name=IF_NAME)
    chains = (PREROUTING, guard.by_port, guard.by_mac)
    return [
        host.rule(chain, each.handle)
        for chain in chains
        for each in host.rules(chain).rules
        if each.comment == guard.comment
    ]


def test_rules_let_the_mac_of_the_vm_pass_and_no_other(bench: Bench) -> None:
    made = bench.call(Command.ADD, layer2(macspoofchk=True))
    mac = bytes.fromhex(made["interfaces"][2]["mac"].replace(":", ""))
    found = [each.expressions for each in rules_of(bench.kernel, VM)]
    assert found == [
        (
            net.LoadMeta(key=net.META_IIFNAME),
            net.Compare(value=host_end().encode().ljust(16, b"\0")),
            net.Verdict(code=net.VERDICT_JUMP, chain="cni-br-iface-vm-eth0"),
        ),
        (net.Verdict(code=net.VERDICT_JUMP, chain="cni-br-iface-vm-eth0-mac"),),
        (
            net.LoadPayload(base=net.PAYLOAD_LINK, offset=6, length=6),
            net.Compare(value=mac),
            net.Verdict(code=net.VERDICT_RETURN),
        ),
        (net.Verdict(code=net.VERDICT_DROP),),
    ]


def test_a_vm_cannot_take_over_another_s_chains(bench: Bench) -> None:
    given = layer2(macspoofchk=True)
    bench.kernel.create_netns("/run/netns/two")
    host = bench.kernel.host()
    guard = Guard(container_id="a-b", if_name=IF_NAME)
    # The other's pair of names is spelt the same: "a" and "b-eth0".
    with bench.kernel.open_netns("/run/netns/two") as netns:
        netns.apply([net.AddVeth(name="b-eth0", peer="vethother")])
    bench.call(Command.ADD, given, vm="a-b")
    found = host.rules(guard.by_mac).rules
    spoof_check = bench.invoker._spoof_check
    with pytest.raises(PluginFault, match="cni-br-iface-a-b-eth0 serves veth"):
        spoof_check.add(Guard(container_id="a", if_name="b-eth0"), "vethother", bytes(6))
    spoof_check.delete(Guard(container_id="a", if_name="b-eth0"), ("vethother",))
    assert host.rules(guard.by_mac).rules == found
    assert len(host.rules(PREROUTING).rules) == 1


def test_rules_of_a_port_that_is_gone_are_replaced(bench: Bench) -> None:
    given = layer2(macspoofchk=True)
    bench.call(Command.ADD, given)
    bench.kernel.host().apply([net.DelLink(name=host_end())])
    bench.invoker = BuiltinInvoker(bench.kernel, Executables({}))
    bench.call(Command.ADD, given)
    assert len(rules_of(bench.kernel, VM)) == 4


@pytest.mark.parametrize("harm", ["the jump is gone", "the chain is empty", "nothing is dropped"])
def test_check_misses_rules(bench: Bench, harm: str) -> None:
    given = layer2(macspoofchk=True)
    made = bench.call(Command.ADD, given)
    bench.call(Command.CHECK, given, prev=made)
    host, by_mac = bench.kernel.host(), Guard(container_id=VM, if_name=IF_NAME).by_mac
    harms: dict[str, net.RuleRequest] = {
        "the jump is gone": net.FlushChain(chain=PREROUTING),
        "the chain is empty": net.FlushChain(chain=by_mac),
        "nothing is dropped": net.DelRule(chain=by_mac, handle=host.rules(by_mac).rules[-1].handle),
    }
    host.change_rules([harms[harm]])
    with pytest.raises(CniError, match=r"no rule leads|is not as it was written"):
        bench.call(Command.CHECK, given, prev=made)


# What configurations and IPAM plugins say.


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", None),
        ("02:00:00:00:00:0A", "02000000000a"),
        ("02-00-00-00-00-0a", "02000000000a"),
        ("0200.0000.000a", "02000000000a"),
        ("02:00:5e:10:00:00:00:01", "02005e1000000001"),
        ("0200.5e10.0000.0001", "02005e1000000001"),
        (":".join(["00"] * 20), "00" * 20),
        (".".join(["0000"] * 10), "0000" * 10),
        *(
            (bad, "refused")
            for bad in ("02", "02:00", "02:00-00:00:00:00", "02:00:00:00:00:0", "0200.0000.00")
        ),
        *((bad, "refused") for bad in ("02:00:00:00:00:00:00", "020000000000", "02:00:00:00:00:0g", "x")),
    ],
)
def test_macs_are_read_as_go_reads_them(text: str, wanted: str | None) -> None:
    parsed = config.parse(f'{{"runtimeConfig": {{"mac": "{text}"}}}}'.encode(), "")
    if wanted == "refused":
        with pytest.raises(PluginFault, match="failed to make veth pair: address "):
            parsed.hardware_address()
        return
    assert parsed.hardware_address() == (None if wanted is None else bytes.fromhex(wanted))


@pytest.mark.parametrize(
    ("present", "wanted", "force", "outcome"),
    [
        ((), ("10.0.0.1/24",), False, ((), ("10.0.0.1/24",))),
        (("10.0.0.1/24",), ("10.0.0.1/24",), False, ((), ())),
        (("10.0.0.1/24", "10.1.0.1/24"), ("10.0.0.1/24",), False, ((), ())),
        (("10.1.0.1/24", "10.0.0.1/24"), ("10.0.0.1/24",), False, None),
        (("10.1.0.1/24", "10.0.0.1/24"), ("10.0.0.1/24",), True, (("10.1.0.1/24",), ())),
        (("10.0.0.1/16",), ("10.0.0.1/24",), False, None),
        (("10.0.0.1/16",), ("10.0.0.1/24",), True, (("10.0.0.1/16",), ("10.0.0.1/24",))),
        ((), ("10.0.0.1/24", "10.1.0.1/24"), False, None),
        ((), ("10.0.0.1/24", "10.1.0.1/24"), True, ((), ("10.1.0.1/24",))),
        ((), ("10.0.0.1/24", "10.0.0.1/24"), False, ((), ("10.0.0.1/24",))),
        (("fe80::1/64",), ("fd00::1/64",), False, ((), ("fd00::1/64",))),
        (("fd00::9/64",), ("fd00::1/64",), False, None),
        (("fd00::9/64",), ("fd00::1/64",), True, (("fd00::9/64",), ("fd00::1/64",))),
        (("fd00::1/48",), ("fd00:0:0:9::1/64",), False, None),
        (("10.0.0.1/24",), ("fd00::1/64",), False, ((), ("fd00::1/64",))),
    ],
)
def test_a_gateway_s_address_stands_alone(
    present: tuple[str, ...],
    wanted: tuple[str, ...],
    force: bool,
    outcome: tuple[tuple[str, ...], tuple[str, ...]] | None,
) -> None:
    asked = [[ip_interface(each) for each in some] for some in (present, wanted)]
    if outcome is None:
        with pytest.raises(PluginFault, match='"br0" already has an IP address different from'):
            gateway.address_change(BRIDGE, asked[0], asked[1], force=force)
        return
    change = gateway.address_change(BRIDGE, asked[0], asked[1], force=force)
    assert (tuple(map(str, change.gone)), tuple(map(str, change.new))) == outcome


def test_the_last_of_all_addresses_has_none_after_it_for_a_gateway(bench: Bench) -> None:
    asked = {"type": "static", "addresses": [{"address": "255.255.255.255/32"}]}
    with pytest.raises(CniError, match="no address for a gateway of 255"):
        bench.call(Command.ADD, layer2(isGateway=True, ipam=asked))


def test_what_only_the_executable_can_do_is_known(bench: Bench) -> None:
    plugin = bench.invoker.plugin("bridge")
    rows: list[tuple[bytes, str | None]] = [
        (b'{"ipMasq": true, "ipMasqBackend": "iptables", "ipam": {"type": "x"}}', "ipMasq through iptables"),
        (b'{"ipMasq": true, "ipMasqBackend": "nftables", "ipam": {"type": "x"}}', None),
        (b'{"ipMasq": true, "ipMasqBackend": "iptables"}', None),
        (b'{"macspoofchk": true, "vlan": 7}', None),
        (b'{"vlan": "x"}', None),
    ]
    assert [plugin.not_built_in(stdin) for stdin, _ in rows] == [wanted for _, wanted in rows]


def test_gateways_and_routes_of_what_ipam_says(bench: Bench) -> None:
    given = conf(
        bench,
        V4,
        V6,
        isDefaultGateway=True,
        routes=[{"dst": "0.0.0.0/0", "gw": "10.200.0.9"}, {"dst": "fd00::/8"}],
    )
    made = bench.call(Command.ADD, given)
    assert made["routes"] == [
        {"dst": "0.0.0.0/0", "gw": "10.200.0.9"},
        {"dst": "fd00::/8"},
        {"dst": "::/0", "gw": "2001:db8:1::1"},
    ]
