"""What every kernel owes its callers, the fake one and Linux."""

from __future__ import annotations

import errno
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Interface, ip_address, ip_interface, ip_network
from pathlib import Path

import pytest

from tests import host as hosts
from tests.fakes.kernel import FakeKernel
from vmplumbd import abc, errors
from vmplumbd.kernel.linux import LinuxKernel
from vmplumbd.model import net

DIRECTORY = "/run/netns"
ONE = f"{DIRECTORY}/one"
VM = ip_interface("10.200.0.2/16")
GATEWAY = ip_address("10.200.0.1")
SUBNET = ip_network("10.200.0.0/16")
LIMIT = net.RateLimit(rate=1_000_000, buffer=156_250, limit=35_000)
ANY = net.Match(network=ip_network("0.0.0.0/0"), source=True)
NO_BURST = net.RateLimit(rate=1_000_000, buffer=0, limit=35_000)


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.host)])
def kernel(request: pytest.FixtureRequest) -> Iterator[abc.Kernel]:
    if request.param == "fake":
        yield FakeKernel()
        return
    reason = hosts.refusal()
    if reason is not None:
        pytest.skip(reason)
    with hosts.private_host():
        real = LinuxKernel()
        yield real
        real.close()


@contextmanager
def opened(kernel: abc.Kernel, path: str = ONE) -> Iterator[abc.Netns]:
    kernel.create_netns(path)
    with kernel.open_netns(path) as netns:
        yield netns


def add_pair(netns: abc.Netns, name: str = "eth0", peer: str = "veth1234") -> net.LinkInfo:
    (made,) = netns.apply([net.AddVeth(name=name, peer=peer), net.GetLink(name=name)])
    return made


def set_up_pair(kernel: abc.Kernel, netns: abc.Netns) -> net.LinkInfo:
    """A pair with both ends up and an address in the namespace."""
    made = add_pair(netns)
    kernel.host().apply([net.SetLink(index=made.peer_index, up=True)])
    netns.apply([net.AddAddress(index=made.index, address=VM), net.SetLink(index=made.index, up=True)])
    return made


def addresses(netns: abc.Netns, index: int) -> list[net.Interface]:
    return [info.address for info in netns.addresses(index) if not info.address.ip.is_link_local]


def routes(netns: abc.Netns) -> list[net.RouteInfo]:
    return [route for route in netns.routes() if not route.dst.is_link_local and not route.dst.is_multicast]


# Namespaces.


def test_a_new_namespace_holds_loopback_alone(kernel: abc.Kernel) -> None:
    with opened(kernel) as netns:
        assert [(link.index, link.name, link.up) for link in netns.links()] == [(1, "lo", False)]


def test_create_open_and_identity_speak_of_one_namespace(kernel: abc.Kernel) -> None:
    made = kernel.create_netns(ONE)
    with kernel.open_netns(ONE) as netns:
        assert netns.identity == made == kernel.netns_identity(ONE)
    kernel.close_kept()
    with kernel.open_netns(ONE) as netns:
        assert netns.identity == made


def test_two_namespaces_differ_from_each_other_and_from_the_host(kernel: abc.Kernel) -> None:
    identities = {kernel.create_netns(ONE), kernel.create_netns(f"{DIRECTORY}/two"), kernel.host().identity}
    assert len(identities) == 3


def test_a_taken_path_is_refused(kernel: abc.Kernel) -> None:
    made = kernel.create_netns(ONE)
    with pytest.raises(errors.Exists):
        kernel.create_netns(ONE)
    assert kernel.netns_identity(ONE) == made


def test_a_namespace_needs_its_directory(kernel: abc.Kernel) -> None:
    with pytest.raises(errors.NotFound):
        kernel.create_netns("/run/none/one")


def test_nothing_at_a_path_is_not_found(kernel: abc.Kernel) -> None:
    with pytest.raises(errors.NotFound):
        kernel.netns_identity(ONE)
    with pytest.raises(errors.NotFound), kernel.open_netns(ONE):
        pass


def test_a_file_is_not_a_namespace_and_delete_takes_it_away(kernel: abc.Kernel) -> None:
    put_file(kernel, ONE)
    with pytest.raises(errors.NotANetns):
        kernel.netns_identity(ONE)
    with pytest.raises(errors.NotANetns), kernel.open_netns(ONE):
        pass
    with pytest.raises(errors.Exists):
        kernel.create_netns(ONE)
    kernel.delete_netns(ONE)
    kernel.create_netns(ONE)


def put_file(kernel: abc.Kernel, path: str) -> None:
    if isinstance(kernel, FakeKernel):
        kernel.put_file(path)
    else:
        Path(path).touch()


def test_a_directory_of_namespaces_lists_what_lies_in_it(kernel: abc.Kernel) -> None:
    kernel.create_netns(f"{DIRECTORY}/two")
    kernel.create_netns(ONE)
    put_file(kernel, f"{DIRECTORY}/three")
    assert kernel.netns_paths(DIRECTORY) == [ONE, f"{DIRECTORY}/three", f"{DIRECTORY}/two"]
    kernel.delete_netns(ONE)
    assert kernel.netns_paths(DIRECTORY) == [f"{DIRECTORY}/three", f"{DIRECTORY}/two"]
    assert kernel.netns_paths("/run/none") == []


def test_delete_is_done_however_often_it_is_asked(kernel: abc.Kernel) -> None:
    kernel.create_netns(ONE)
    kernel.delete_netns(ONE)
    kernel.delete_netns(ONE)
    with pytest.raises(errors.NotFound):
        kernel.netns_identity(ONE)


def test_a_namespace_moves_to_another_path(kernel: abc.Kernel) -> None:
    two = f"{DIRECTORY}/two"
    identity = kernel.create_netns(ONE)
    kernel.close_kept()
    kernel.move_netns(ONE, two)
    assert kernel.netns_identity(two) == identity
    with pytest.raises(errors.NotFound):
        kernel.netns_identity(ONE)
    with pytest.raises(errors.NotFound):
        kernel.move_netns(ONE, f"{DIRECTORY}/three")
    with pytest.raises(errors.NotFound):
        kernel.netns_identity(f"{DIRECTORY}/three")
    kernel.create_netns(ONE)
    with pytest.raises(errors.Exists):
        kernel.move_netns(ONE, two)
    assert kernel.netns_identity(two) == identity
    kernel.delete_netns(ONE)
    kernel.delete_netns(two)


def test_a_path_can_be_used_again_on_the_same_thread(kernel: abc.Kernel) -> None:
    with opened(kernel) as netns:
        add_pair(netns)
        before = netns.identity
    kernel.delete_netns(ONE)
    with opened(kernel) as netns:
        assert [link.name for link in netns.links()] == ["lo"]
        assert netns.identity == kernel.netns_identity(ONE)
    assert isinstance(before, net.NetnsIdentity)


def test_preparing_a_directory_twice_makes_it_once(kernel: abc.Kernel) -> None:
    planned = kernel.plan_netns_dir("/run/vm-netns")
    assert planned == kernel.plan_netns_dir("/run/vm-netns")
    first = kernel.prepare_netns_dir("/run/vm-netns")
    assert planned == first
    assert kernel.plan_netns_dir("/run/vm-netns") == net.NetnsDir(path="/run/vm-netns")
    again = kernel.prepare_netns_dir("/run/vm-netns")
    assert first == net.NetnsDir(path="/run/vm-netns", made=("/run/vm-netns",), mounted=True)
    assert again == net.NetnsDir(path="/run/vm-netns")
    kernel.create_netns("/run/vm-netns/one")


def test_undoing_a_directory_leaves_one_in_use(kernel: abc.Kernel) -> None:
    made = kernel.prepare_netns_dir("/run/vm-netns")
    identity = kernel.create_netns("/run/vm-netns/one")
    kernel.undo_netns_dir(made)
    assert kernel.netns_identity("/run/vm-netns/one") == identity
    kernel.delete_netns("/run/vm-netns/one")
    kernel.undo_netns_dir(made)
    with pytest.raises(errors.NotFound):
        kernel.create_netns("/run/vm-netns/one")
    kernel.undo_netns_dir(made)


# Links.


def test_a_pair_has_one_end_here_and_one_in_the_host(kernel: abc.Kernel) -> None:
    with opened(kernel) as netns:
        near = add_pair(netns)
        far = kernel.host().link(name="veth1234")
        assert (near.index, near.kind, near.peer_index) == (2, "veth", far.index)
        assert (far.kind, far.peer_index, far.up) == ("veth", near.index, False)
        assert near.mac != far.mac


def test_a_pair_takes_what_it_is_given(kernel: abc.Kernel) -> None:
    mac, peer_mac = b"\x02\x00\x00\x00\x00\x07", b"\x02\x00\x00\x00\x00\x08"
    request = net.AddVeth(name="eth0", peer="veth1234", mtu=1400, mac=mac, peer_mac=peer_mac, peer_group=77)
    with opened(kernel) as netns:
        near, *_ = netns.apply([request, net.GetLink(name="eth0")])
        far = kernel.host().link(name="veth1234")
        assert (near.mac, near.mtu, near.group) == (mac, 1400, 0)
        assert (far.mac, far.mtu, far.group) == (peer_mac, 1400, 77)


def test_only_a_namespace_made_here_and_kept_is_new(kernel: abc.Kernel) -> None:
    with opened(kernel) as netns:
        assert netns.is_new
    assert not kernel.host().is_new
    kernel.close_kept()
    with kernel.open_netns(ONE) as netns:
        assert not netns.is_new


def test_a_device_is_told_by_its_name(kernel: abc.Kernel) -> None:
    with opened(kernel) as netns:
        made = add_pair(netns)
        assert netns.device("eth0") == net.Device(index=made.index, name="eth0", mac=made.mac, mtu=made.mtu)
        for absent in ("eth1", "", "a-name-of-19-chars-"):
            with pytest.raises(errors.NotFound):
                netns.device(absent)


def test_answers_come_in_the_order_of_their_questions(kernel: abc.Kernel) -> None:
    with opened(kernel) as netns:
        add_pair(netns)
        found = netns.apply([net.GetLink(index=2), net.GetLink(name="lo"), net.GetLink(name="eth0")])
        assert [link.name for link in found] == ["eth0", "lo", "eth0"]


def test_both_ends_up_is_operational(kernel: abc.Kernel) -> None:
    with opened(kernel) as netns:
        made = set_up_pair(kernel, netns)
        assert netns.link(index=made.index).oper_up
        kernel.host().apply([net.SetLink(index=made.peer_index, up=False)])
        assert not kernel.host().link(index=made.peer_index).up


def test_deleting_one_end_deletes_both(kernel: abc.Kernel) -> None:
    with opened(kernel) as netns:
        made = add_pair(netns)
        kernel.host().apply([net.DelLink(index=made.peer_index)])
        with pytest.raises(errors.NotFound):
            netns.link(name="eth0")


def test_a_link_changes_only_where_asked(kernel: abc.Kernel) -> None:
    with opened(kernel) as netns:
        made = add_pair(netns)
        mac = b"\x02\x00\x00\x00\x00\x09"
        netns.apply([net.SetLink(index=made.index, mtu=1300, mac=mac, group=9, promisc=True)])
        changed = netns.link(name="eth0")
        assert (changed.mtu, changed.mac, changed.group, changed.promisc, changed.up) == (
            1300,
            mac,
            9,
            True,
            False,
        )
        netns.apply([net.SetLink(name="eth0", promisc=False, up=True)])
        changed = netns.link(name="eth0")
        assert (changed.mtu, changed.promisc, changed.up) == (1300, False, True)


def test_a_link_says_what_it_listens_to_and_how_long_its_queue_is(kernel: abc.Kernel) -> None:
    with opened(kernel) as netns:
        made = add_pair(netns)
        assert (made.allmulti, made.tx_queue_length) == (False, 1000)
        netns.apply([net.SetLink(index=made.index, allmulti=True, tx_queue_length=7)])
        changed = netns.link(name="eth0")
        assert (changed.allmulti, changed.promisc, changed.tx_queue_length) == (True, False, 7)


def test_a_link_may_announce_its_addresses(kernel: abc.Kernel) -> None:
    with opened(kernel) as netns:
        made = add_pair(netns)
        for wanted in (True, False):
            netns.apply([net.SetLink(index=made.index, arp_notify=wanted)])
            assert netns.read_sysctl("net/ipv4/conf/eth0/arp_notify") == str(int(wanted))


def test_a_bridge_takes_and_releases_its_port(kernel: abc.Kernel) -> None:
    host = kernel.host()
    with opened(kernel) as netns:
        made = add_pair(netns)
        (bridge,) = host.apply([net.AddLink(name="br0", kind="bridge", up=True), net.GetLink(name="br0")])
        assert (bridge.kind, bridge.up) == ("bridge", True)
        host.apply(
            [net.SetLink(index=made.peer_index, master=bridge.index, hairpin=True, isolated=True, up=True)]
        )
        assert host.link(index=made.peer_index).master == bridge.index
        host.apply([net.SetLink(index=made.peer_index, master=0)])
        assert host.link(index=made.peer_index).master == 0


def test_a_bridge_knows_its_ports(kernel: abc.Kernel) -> None:
    host = kernel.host()
    with opened(kernel) as netns:
        far = [add_pair(netns, f"eth{n}", f"veth{n}").peer_index for n in range(3)]
        (bridge,) = host.apply([net.AddLink(name="br0", kind="bridge"), net.GetLink(name="br0")])
        assert list(host.ports(bridge.index)) == []
        host.apply([net.SetLink(index=index, master=bridge.index) for index in far[:2]])
        assert list(host.ports(bridge.index)) == [host.link(index=index) for index in far[:2]]
        assert host.count_ports("br0") == 2
        with pytest.raises(errors.NotFound):
            host.count_ports("none")


def test_vlans_of_a_bridge_are_there_or_refused(kernel: abc.Kernel) -> None:
    check_vlans(kernel)


def test_vlans_of_a_bridge_are_refused_by_a_kernel_without_them() -> None:
    check_vlans(FakeKernel(vlans=False))


def check_vlans(kernel: abc.Kernel) -> None:
    host = kernel.host()
    with opened(kernel) as netns:
        port = add_pair(netns).peer_index
        (bridge,) = host.apply([net.AddLink(name="br0", kind="bridge"), net.GetLink(name="br0")])
        host.apply([net.SetLink(index=port, master=bridge.index)])
        member = net.AddBridgeVlan(index=port, vid=7, pvid=True, untagged=True)
        leave = net.DelBridgeVlan(index=port, vid=7)
        filtering = net.AddLink(name="br1", kind="bridge", vlan_filtering=True)
        if bridge.default_vlan is not None:
            host.apply([member, leave, net.DelBridgeVlan(index=port, vid=bridge.default_vlan), filtering])
            assert host.link(name="br1").default_vlan == bridge.default_vlan
            host.apply([net.DelLink(name="br1")])
        else:
            for request in (member, filtering):
                with pytest.raises(errors.KernelFault) as caught:
                    host.apply([request])
                assert caught.value.errno == errno.EOPNOTSUPP
        host.apply([leave, net.SetLink(index=port, master=0)])
        assert [link.name for link in host.links()] == ["lo", "veth1234", "br0"]


def test_a_bridge_has_the_lowest_mac_of_its_ports_until_it_is_given_one(kernel: abc.Kernel) -> None:
    host = kernel.host()
    low, high = b"\x02\0\0\0\0\x07", b"\x02\0\0\0\0\x08"
    with opened(kernel) as netns:
        for number, mac in enumerate((high, low)):
            netns.apply([net.AddVeth(name=f"eth{number}", peer=f"veth{number}", peer_mac=mac)])
        (bridge,) = host.apply([net.AddLink(name="br0", kind="bridge"), net.GetLink(name="br0")])
        index = bridge.index
        seen = host.apply(
            [
                net.SetLink(name="veth0", master=index),
                net.GetLink(index=index),
                net.SetLink(name="veth1", master=index),
                net.GetLink(index=index),
                net.SetLink(name="veth1", master=0),
                net.GetLink(index=index),
                net.SetLink(index=index, mac=bridge.mac),
                net.SetLink(name="veth1", master=index),
                net.GetLink(index=index),
            ]
        )
        assert [link.mac for link in seen] == [high, low, high, bridge.mac]
        netns.apply([net.DelLink(name="eth0"), net.DelLink(name="eth1")])
        assert host.link(index=index).mac == bridge.mac


def test_a_full_bridge_takes_no_port(kernel: abc.Kernel) -> None:
    host = kernel.host()
    most = 1023
    with opened(kernel) as netns:
        pairs: list[net.Request] = [
            net.AddVeth(name=f"eth{number}", peer=f"port{number}") for number in range(most + 1)
        ]
        netns.apply(pairs)
        (bridge,) = host.apply([net.AddLink(name="br0", kind="bridge"), net.GetLink(name="br0")])
        host.apply([net.SetLink(name=f"port{number}", master=bridge.index) for number in range(most)])
        with pytest.raises(errors.KernelFault) as caught:
            host.apply([net.SetLink(name=f"port{most}", master=bridge.index)])
        assert caught.value.errno == errno.EXFULL
        assert host.count_ports("br0") == len(host.ports(bridge.index)) == most


def test_a_namespace_takes_its_links_with_it(kernel: abc.Kernel) -> None:
    watch = kernel.watch()
    with opened(kernel) as netns:
        made = add_pair(netns)
        netns.add_tap("tap0", uid=0, gid=0, mtu=1500)
    told: list[frozenset[int]] = []
    seen = threading.Event()

    def tell(gone: frozenset[int]) -> None:
        told.append(gone)
        seen.set()

    watch.on_gone([made.peer_index], tell)
    assert watch.wait_gone([made.peer_index], 0) == frozenset()
    kernel.delete_netns(ONE)
    assert watch.wait_gone([made.peer_index], 60) == {made.peer_index}
    assert seen.wait(60)
    assert told == [{made.peer_index}]
    watch.on_gone([made.peer_index], told.append)
    assert len(told) == 2
    watch.close()


def test_an_unlinked_namespace_lives_until_it_is_let_go(kernel: abc.Kernel) -> None:
    watch = kernel.watch()
    with opened(kernel) as netns:
        far = add_pair(netns).peer_index
    kernel.close_kept()
    expected, unwanted = watch.expect([far]), watch.expect([far])
    told, cancelled = threading.Event(), threading.Event()
    unwanted.then(cancelled.set)
    unwanted.cancel()
    held = kernel.unlink_netns(ONE)
    assert held is not None
    with pytest.raises(errors.NotFound):
        kernel.netns_identity(ONE)
    assert kernel.host().link(index=far).index == far
    expected.then(told.set)
    assert (expected.over, told.is_set()) == (False, False)
    held.close()
    held.close()
    assert told.wait(60)
    assert expected.over
    late = threading.Event()
    expected.then(late.set)
    assert (late.is_set(), cancelled.is_set()) == (True, False)
    assert kernel.unlink_netns(ONE) is None
    watch.close()


def test_a_group_is_deleted_in_one_step(kernel: abc.Kernel) -> None:
    with opened(kernel) as netns:
        far = [add_pair(netns, f"eth{n}", f"veth{n}").peer_index for n in range(3)]
        stays = add_pair(netns, "eth9", "veth9")
        kernel.delete_group(4242, [*far, 10_000])
        assert [link.name for link in netns.links()] == ["lo", "eth9"]
        assert kernel.host().link(name="veth9").index == stays.peer_index
        kernel.delete_group(4242, far)


def test_a_group_with_a_foreign_link_is_left_alone(kernel: abc.Kernel) -> None:
    with opened(kernel) as netns:
        ours = add_pair(netns)
        foreign = add_pair(netns, "eth1", "foreign0")
        kernel.host().apply([net.SetLink(index=foreign.peer_index, group=4242)])
        with pytest.raises(errors.Busy):
            kernel.delete_group(4242, [ours.peer_index])
        found = {link.name: link.group for link in kernel.host().links() if link.name != "lo"}
        assert found == {"veth1234": 0, "foreign0": 4242}


# Addresses and routes.


def test_addresses_come_and_go(kernel: abc.Kernel) -> None:
    six = ip_interface("fd00::2/64")
    assert isinstance(six, IPv6Interface)
    with opened(kernel) as netns:
        made = add_pair(netns)
        netns.apply(
            [
                net.AddAddress(index=made.index, address=six, no_dad=True),
                net.AddAddress(index=made.index, address=VM, broadcast=IPv4Address("10.200.255.255")),
            ]
        )
        assert addresses(netns, made.index) == [VM, six]
        netns.apply([net.DelAddress(index=made.index, address=VM)])
        assert addresses(netns, made.index) == [six]


def test_the_host_knows_its_own_addresses(kernel: abc.Kernel) -> None:
    host = kernel.host()
    ours, ours6 = ip_interface("10.9.0.1/24"), ip_interface("fd00:9::1/64")
    with opened(kernel) as netns:
        pair = set_up_pair(kernel, netns)
        host.apply([net.AddAddress(index=pair.peer_index, address=one, no_dad=True) for one in (ours, ours6)])
        host.apply([net.AddRoute(dst=ip_network("10.200.0.2/32"), index=pair.peer_index)])
        for address, own in (
            (ours.ip, True), (ours6.ip, True), (ours.ip + 1, False), (ours6.ip + 1, False), (VM.ip, False),
            (ip_address("192.0.2.1"), False), (ip_address("2001:db8::1"), False),
        ):  # fmt: skip
            assert kernel.is_own_address(address) == own, address


def test_an_address_on_a_link_that_is_up_has_its_route(kernel: abc.Kernel) -> None:
    with opened(kernel) as netns:
        made = set_up_pair(kernel, netns)
        assert routes(netns) == [
            net.RouteInfo(
                dst=SUBNET,
                index=made.index,
                src=VM.ip,
                scope=net.SCOPE_LINK,
                protocol=net.PROTO_KERNEL,
            )
        ]
        netns.apply([net.DelAddress(index=made.index, address=VM)])
        assert routes(netns) == []


def test_the_routes_of_ptp(kernel: abc.Kernel) -> None:
    with opened(kernel) as netns:
        made = set_up_pair(kernel, netns)
        index = made.index
        netns.apply(
            [
                net.DelRoute(dst=SUBNET, index=index),
                net.AddRoute(dst=ip_network(GATEWAY), index=index, scope=net.SCOPE_LINK, src=VM.ip),
                net.AddRoute(dst=SUBNET, index=index, gateway=GATEWAY, src=VM.ip),
                net.AddRoute(dst=ip_network("0.0.0.0/0"), index=index, gateway=GATEWAY),
            ]
        )
        host = kernel.host()
        host.apply(
            [
                net.AddAddress(index=made.peer_index, address=ip_interface("10.200.0.1/32")),
                net.AddRoute(dst=ip_network(VM.ip), index=made.peer_index, scope=net.SCOPE_HOST),
            ]
        )
        assert routes(netns) == [
            net.RouteInfo(dst=ip_network("0.0.0.0/0"), index=index, gateway=GATEWAY),
            net.RouteInfo(dst=SUBNET, index=index, gateway=GATEWAY, src=VM.ip),
            net.RouteInfo(dst=ip_network(GATEWAY), index=index, src=VM.ip, scope=net.SCOPE_LINK),
        ]
        assert routes(host) == [
            net.RouteInfo(dst=ip_network(VM.ip), index=made.peer_index, scope=net.SCOPE_HOST)
        ]


def test_a_table_and_a_priority_of_ones_own(kernel: abc.Kernel) -> None:
    with opened(kernel) as netns:
        made = set_up_pair(kernel, netns)
        other = ip_network("10.50.0.0/16")
        added = net.AddRoute(
            dst=other, index=made.index, table=1000, priority=5, scope=net.SCOPE_LINK, mtu=1300, advmss=1200
        )
        netns.apply([added])
        want = net.RouteInfo(dst=other, index=made.index, table=1000, priority=5, scope=net.SCOPE_LINK)
        assert want in netns.routes()
        netns.apply([net.DelRoute(dst=other, index=made.index, table=1000)])
        assert want not in netns.routes()


def test_a_second_next_hop_is_appended(kernel: abc.Kernel) -> None:
    with opened(kernel) as netns:
        made = set_up_pair(kernel, netns)
        other = ip_network("10.50.0.0/16")
        first = net.AddRoute(dst=other, index=made.index, gateway=GATEWAY)
        second = net.AddRoute(dst=other, index=made.index, gateway=ip_address("10.200.0.9"), append=True)
        netns.apply([first, second])
        hops = {route.gateway for route in netns.routes() if route.dst == other}
        assert hops == {GATEWAY, ip_address("10.200.0.9")}


def test_a_link_that_goes_down_loses_its_routes_and_keeps_its_address(kernel: abc.Kernel) -> None:
    with opened(kernel) as netns:
        made = set_up_pair(kernel, netns)
        netns.apply([net.SetLink(index=made.index, up=False)])
        assert (routes(netns), addresses(netns, made.index)) == ([], [VM])


def test_ipv6_routes(kernel: abc.Kernel) -> None:
    six, gateway = ip_interface("fd00::2/64"), ip_address("fd00::1")
    with opened(kernel) as netns:
        made = set_up_pair(kernel, netns)
        netns.apply(
            [
                net.AddAddress(index=made.index, address=six, no_dad=True),
                net.AddRoute(dst=ip_network("::/0"), index=made.index, gateway=gateway),
            ]
        )
        assert [route for route in routes(netns) if route.dst.version == 6] == [
            net.RouteInfo(dst=ip_network("::/0"), index=made.index, gateway=gateway, priority=1024),
            net.RouteInfo(
                dst=ip_network("fd00::/64"), index=made.index, priority=256, protocol=net.PROTO_KERNEL
            ),
        ]


# Taps and redirects.


def test_a_tap_is_made_down_with_the_mtu_asked(kernel: abc.Kernel) -> None:
    with opened(kernel) as netns:
        uid, gid = hosts.an_owner()
        made = netns.add_tap("vm0", uid=uid, gid=gid, mtu=1400)
        link = netns.link(name="vm0")
        assert made == net.Device(index=link.index, name="vm0", mac=link.mac, mtu=1400)
        assert (link.kind, link.mtu, link.up) == ("tun", 1400, False)
        assert (link.owner_uid, link.owner_gid) == (uid, gid)


def test_the_kernel_names_taps(kernel: abc.Kernel) -> None:
    with opened(kernel) as netns:
        names = [netns.add_tap("", uid=0, gid=0, mtu=1500).name for _ in range(2)]
        assert names == ["tap0", "tap1"]


def test_a_tap_changes_its_owner_and_its_name(kernel: abc.Kernel) -> None:
    with opened(kernel) as netns:
        made = netns.add_tap("tap0", uid=0, gid=0, mtu=1500)
    with kernel.open_netns(ONE) as netns:
        uid, gid = hosts.an_owner()
        netns.own_tap("tap0", uid=uid, gid=gid)
        netns.apply([net.SetLink(index=made.index, up=True)])
        netns.apply([net.RenameLink(index=made.index, name="vm-tap")])
        link = netns.link(name="vm-tap")
        assert (link.index, link.up, link.owner_uid, link.owner_gid) == (made.index, True, uid, gid)
        for wrong in ("tap0", "lo"):
            with pytest.raises(errors.KernelFault):
                netns.own_tap(wrong, uid=uid, gid=gid)


@pytest.mark.parametrize("taken", ["eth0", "tap0", "lo"])
def test_a_tap_takes_nobodys_name(kernel: abc.Kernel, taken: str) -> None:
    with opened(kernel) as netns:
        add_pair(netns)
        netns.add_tap("tap0", uid=0, gid=0, mtu=1500)
        before = netns.links()
        with pytest.raises(errors.Exists):
            netns.add_tap(taken, uid=0, gid=0, mtu=1500)
        assert netns.links() == before


def test_a_tap_that_is_refused_its_mtu_is_not_there(kernel: abc.Kernel) -> None:
    with opened(kernel) as netns:
        with pytest.raises(errors.KernelFault):
            netns.add_tap("tap0", uid=0, gid=0, mtu=5)
        assert [link.name for link in netns.links()] == ["lo"]


def test_a_tap_stays_when_the_handle_is_closed(kernel: abc.Kernel) -> None:
    with opened(kernel) as netns:
        netns.add_tap("tap0", uid=0, gid=0, mtu=1500)
    kernel.close_kept()
    with kernel.open_netns(ONE) as netns:
        assert netns.link(name="tap0").kind == "tun"
        netns.apply([net.DelLink(name="tap0")])
        assert [link.name for link in netns.links()] == ["lo"]


def test_a_redirect_both_ways(kernel: abc.Kernel) -> None:
    with opened(kernel) as netns:
        veth = set_up_pair(kernel, netns).index
        tap = netns.add_tap("tap0", uid=0, gid=0, mtu=1500).index
        assert (netns.has_ingress(veth), list(netns.redirects(veth))) == (False, [])
        netns.apply(
            [
                net.SetLink(index=tap, up=True),
                net.AddIngress(index=tap),
                net.AddIngress(index=veth),
                net.AddRedirect(index=tap, to=veth),
                net.AddRedirect(index=veth, to=tap),
            ]
        )
        assert (netns.has_ingress(veth), list(netns.redirects(veth))) == (True, [tap])
        assert (netns.has_ingress(tap), list(netns.redirects(tap))) == (True, [veth])
        netns.apply([net.DelIngress(index=veth)])
        assert (netns.has_ingress(veth), list(netns.redirects(veth))) == (False, [])
        assert list(netns.redirects(tap)) == [veth]


def test_a_rate_limit_stays_until_it_is_taken_away(kernel: abc.Kernel) -> None:
    fast = net.RateLimit(rate=2**33, buffer=4_000_000, limit=2**31)
    with opened(kernel) as netns:
        made = set_up_pair(kernel, netns)
        assert netns.rate_limit(made.index) is None
        for limit in (LIMIT, fast):
            netns.apply([net.AddTbf(index=made.index, limit=limit)])
            assert netns.rate_limit(made.index) == limit
            assert kernel.host().rate_limit(made.peer_index) is None
            netns.apply([net.DelTbf(index=made.index)])
            assert netns.rate_limit(made.index) is None


SUBNETS = (ip_network("10.0.0.0/8"), ip_network("fd00:1::/40"), ip_network("0.0.0.0/0"), ip_network("::/0"))


def test_a_class_limits_what_its_filters_match(kernel: abc.Kernel) -> None:
    fast = net.RateLimit(rate=2**33, buffer=4_000_000, limit=0)
    wanted = [
        net.Match(network=network, source=number % 2 == 0, minor=number % 2)
        for number, network in enumerate(SUBNETS)
    ]
    with opened(kernel) as netns:
        made = set_up_pair(kernel, netns).index
        assert (netns.class_limit(made, 1), list(netns.matches(made, at_root=True))) == (None, [])
        netns.apply(
            [
                net.AddHtb(index=made, default=1),
                net.AddHtbClass(index=made, minor=1, limit=LIMIT),
                net.AddHtbClass(index=made, minor=2, limit=fast),
                *(
                    net.AddMatch(index=made, priority=number, match=match, at_root=True)
                    for number, match in enumerate(wanted, 1)
                ),
            ]
        )
        assert netns.class_limit(made, 1) == replace(LIMIT, limit=0)
        assert (netns.class_limit(made, 2), netns.class_limit(made, 3)) == (fast, None)
        assert (list(netns.matches(made, at_root=True)), list(netns.matches(made))) == (wanted, [])
        assert netns.rate_limit(made) is None
        netns.apply([net.DelHtb(index=made)])
        assert (netns.class_limit(made, 1), list(netns.matches(made, at_root=True))) == (None, [])


def test_some_subnets_are_redirected(kernel: abc.Kernel) -> None:
    with opened(kernel) as netns:
        made = set_up_pair(kernel, netns).index
        (ifb,) = netns.apply([net.AddLink(name="ifb7", kind="ifb", up=True), net.GetLink(name="ifb7")])
        wanted = [
            net.Match(network=SUBNETS[0], source=False, minor=1, to=ifb.index),
            net.Match(network=SUBNETS[1], source=False),
        ]
        netns.apply(
            [
                net.AddIngress(index=made),
                *(net.AddMatch(index=made, priority=n, match=match) for n, match in enumerate(wanted, 1)),
                net.AddRedirect(index=made, to=ifb.index, priority=3),
            ]
        )
        assert list(netns.matches(made)) == wanted
        assert list(netns.redirects(made)) == [ifb.index, ifb.index]
        netns.apply([net.DelIngress(index=made)])
        assert (list(netns.matches(made)), list(netns.redirects(made))) == ([], [])


def test_an_intermediate_device_takes_what_a_link_receives(kernel: abc.Kernel) -> None:
    mac = b"\x06\x00\x00\x00\x00\x09"
    with opened(kernel) as netns:
        made = set_up_pair(kernel, netns)
        add = net.AddLink(name="ifb7", kind="ifb", mtu=1400, tx_queue_length=0, mac=mac, up=True)
        (ifb,) = netns.apply([add, net.GetLink(name="ifb7")])
        assert (ifb.kind, ifb.mtu, ifb.mac, ifb.up, ifb.tx_queue_length) == ("ifb", 1400, mac, True, 0)
        netns.apply(
            [
                net.AddTbf(index=ifb.index, limit=LIMIT),
                net.AddIngress(index=made.index),
                net.AddRedirect(index=made.index, to=ifb.index, priority=1, class_id=0x10001),
            ]
        )
        assert (list(netns.redirects(made.index)), netns.rate_limit(ifb.index)) == ([ifb.index], LIMIT)
        assert netns.rate_limit(made.index) is None


def test_a_trial_happens_where_nobody_sees_it(kernel: abc.Kernel) -> None:
    before = kernel.host().links()
    with kernel.trial_netns() as netns:
        (made,) = netns.apply([net.AddLink(name="ifb7", kind="ifb"), net.GetLink(name="ifb7")])
        assert netns.link(name="ifb7") == made
        assert netns.identity != kernel.host().identity
    assert kernel.host().links() == before


# Refusals.

NOWHERE = 99
REFUSALS: list[tuple[str, net.Request, type[errors.KernelFault], int]] = [
    ("no such link", net.GetLink(name="none"), errors.NotFound, errno.ENODEV),
    ("no such index", net.SetLink(index=NOWHERE, up=True), errors.NotFound, errno.ENODEV),
    ("delete no link", net.DelLink(name="none"), errors.NotFound, errno.ENODEV),
    ("pair: name taken", net.AddVeth(name="eth0", peer="veth9"), errors.Exists, errno.EEXIST),
    ("pair: peer taken", net.AddVeth(name="eth9", peer="veth1234"), errors.Exists, errno.EEXIST),
    ("pair: long name", net.AddVeth(name="e" * 16, peer="veth9"), errors.KernelFault, errno.ERANGE),
    ("pair: long peer", net.AddVeth(name="eth9", peer="v" * 16), errors.KernelFault, errno.ERANGE),
    ("pair: small mtu", net.AddVeth(name="eth9", peer="veth9", mtu=5), errors.KernelFault, errno.EINVAL),
    ("pair: great mtu", net.AddVeth(name="eth9", peer="veth9", mtu=70_000), errors.KernelFault, errno.EINVAL),
    ("bridge: great mtu", net.AddLink(name="x", kind="bridge", mtu=70_000), errors.KernelFault, errno.EINVAL),
    ("mtu beyond all", net.AddVeth(name="eth9", peer="veth9", mtu=2**32), errors.KernelFault, errno.ERANGE),
    ("mtu below all", net.AddLink(name="x", kind="bridge", mtu=-1), errors.KernelFault, errno.ERANGE),
    ("unknown kind", net.AddLink(name="x", kind="nosuch"), errors.KernelFault, errno.EOPNOTSUPP),
    ("small mtu", net.SetLink(index=2, mtu=5), errors.KernelFault, errno.EINVAL),
    ("no master", net.SetLink(index=2, master=NOWHERE), errors.KernelFault, errno.EINVAL),
    ("no bridge port", net.SetLink(index=2, hairpin=True), errors.KernelFault, errno.EOPNOTSUPP),
    ("address twice", net.AddAddress(index=2, address=VM), errors.Exists, errno.EEXIST),
    ("address, no link", net.AddAddress(index=NOWHERE, address=VM), errors.NotFound, errno.ENODEV),
    (
        "no such address",
        net.DelAddress(index=2, address=ip_interface("10.200.0.3/16")),
        errors.NotFound,
        errno.EADDRNOTAVAIL,
    ),
    (
        "route twice",
        net.AddRoute(dst=SUBNET, index=2, scope=net.SCOPE_LINK),
        errors.Exists,
        errno.EEXIST,
    ),
    (
        "gateway afar",
        net.AddRoute(dst=ip_network("9.9.9.0/24"), index=2, gateway=ip_address("8.8.8.8")),
        errors.KernelFault,
        errno.ENETUNREACH,
    ),
    (
        "foreign source",
        net.AddRoute(dst=ip_network("9.9.9.0/24"), index=2, src=ip_address("8.8.8.8")),
        errors.KernelFault,
        errno.EINVAL,
    ),
    (
        "link down",
        net.AddRoute(dst=ip_network("9.9.9.0/24"), index=1),
        errors.KernelFault,
        errno.ENETDOWN,
    ),
    ("no such route", net.DelRoute(dst=ip_network("9.9.9.0/24"), index=2), errors.NotFound, errno.ESRCH),
    ("ingress twice", net.AddIngress(index=2), errors.Exists, errno.EEXIST),
    ("ingress, no link", net.AddIngress(index=NOWHERE), errors.NotFound, errno.ENODEV),
    ("no ingress", net.DelIngress(index=1), errors.NotFound, errno.ENOENT),
    ("rate limit twice", net.AddTbf(index=2, limit=LIMIT), errors.Exists, errno.EEXIST),
    ("rate limit, no link", net.AddTbf(index=NOWHERE, limit=LIMIT), errors.NotFound, errno.ENODEV),
    ("rate limit of nothing", net.AddTbf(index=1, limit=NO_BURST), errors.KernelFault, errno.EINVAL),
    ("another root", net.AddHtb(index=2, default=1), errors.Exists, errno.EEXIST),
    ("no tokens", net.DelHtb(index=1), errors.KernelFault, errno.EINVAL),
    ("class of nothing", net.AddHtbClass(index=1, minor=1, limit=LIMIT), errors.NotFound, errno.ENOENT),
    (
        "match, no root",
        net.AddMatch(index=1, priority=1, match=ANY, at_root=True),
        errors.KernelFault,
        errno.EINVAL,
    ),
    ("match, no ingress", net.AddMatch(index=1, priority=1, match=ANY), errors.KernelFault, errno.EINVAL),
    ("no rate limit", net.DelTbf(index=1), errors.KernelFault, errno.EINVAL),
    ("redirect, no ingress", net.AddRedirect(index=1, to=2), errors.KernelFault, errno.EINVAL),
    ("redirect to nowhere", net.AddRedirect(index=2, to=NOWHERE), errors.NotFound, errno.ENODEV),
]


@pytest.mark.parametrize(
    ("request_", "family", "code"),
    [row[1:] for row in REFUSALS],
    ids=[row[0].replace(" ", "_") for row in REFUSALS],
)
def test_a_refusal_tells_which_request_and_changes_nothing(
    kernel: abc.Kernel, request_: net.Request, family: type[errors.KernelFault], code: int
) -> None:
    with opened(kernel) as netns:
        set_up_pair(kernel, netns)
        netns.apply([net.AddIngress(index=2), net.AddTbf(index=2, limit=LIMIT)])
        before = everything(netns)
        with pytest.raises(family) as caught:
            netns.apply([net.GetLink(index=1), request_])
        assert (caught.value.errno, caught.value.op, caught.value.where) == (code, 1, ONE)
        assert everything(netns) == before


def everything(netns: abc.Netns) -> tuple[object, ...]:
    links = netns.links()
    return (
        [(link.index, link.name, link.mtu, link.master) for link in links],
        [(addresses(netns, link.index), list(netns.redirects(link.index))) for link in links],
        [(netns.has_ingress(link.index), netns.rate_limit(link.index)) for link in links],
        routes(netns),
    )


def test_requests_after_a_refused_one_take_effect(kernel: abc.Kernel) -> None:
    with opened(kernel) as netns:
        made = add_pair(netns)
        with pytest.raises(errors.NotFound) as caught:
            netns.apply(
                [
                    net.DelLink(name="none"),
                    net.SetLink(index=made.index, mtu=1300),
                    net.DelLink(name="nor this"),
                ]
            )
        assert caught.value.op == 0
        assert netns.link(index=made.index).mtu == 1300


def test_no_requests_is_no_work(kernel: abc.Kernel) -> None:
    assert list(kernel.host().apply([])) == []


def test_a_batch_may_be_long(kernel: abc.Kernel) -> None:
    many = [ip_interface(f"10.200.{n >> 8}.{n & 255}/32") for n in range(1, 301)]
    with opened(kernel) as netns:
        made = add_pair(netns)
        asked: list[net.Request] = []
        for address in many:
            asked += [net.AddAddress(index=made.index, address=address), net.GetLink(index=made.index)]
        assert len(netns.apply(asked)) == len(many)
        assert addresses(netns, made.index) == many


# Settings.


def test_a_setting_belongs_to_its_namespace(kernel: abc.Kernel) -> None:
    key = "net/ipv4/ip_forward"
    with opened(kernel) as netns:
        netns.write_sysctl(key, "0")
        kernel.host().write_sysctl(key, "1")
        assert (netns.read_sysctl(key), kernel.host().read_sysctl(key)) == ("0", "1")
        netns.write_sysctl(key, "1")
        kernel.host().write_sysctl(key, "0")
        assert (netns.read_sysctl(key), kernel.host().read_sysctl(key)) == ("1", "0")


def test_a_link_has_settings_while_it_is_there(kernel: abc.Kernel) -> None:
    key = "net/ipv6/conf/eth0/accept_ra"
    with opened(kernel) as netns:
        with pytest.raises(errors.NotFound):
            netns.write_sysctl(key, "0")
        add_pair(netns)
        netns.write_sysctl(key, "0")
        assert netns.read_sysctl(key) == "0"
        with pytest.raises(errors.NotFound):
            kernel.host().read_sysctl(key)


def test_a_setting_keeps_its_value_when_another_is_refused(kernel: abc.Kernel) -> None:
    key = "net/ipv4/ip_forward"
    with opened(kernel) as netns:
        netns.write_sysctl(key, "0")
        for value in ("on", "ü", "\ud800", "1\x002"):
            with pytest.raises(errors.KernelFault) as caught:
                netns.write_sysctl(key, value)
            assert (caught.value.errno, netns.read_sysctl(key)) == (errno.EINVAL, "0")


def test_settings_that_are_not_there_are_passed_over(kernel: abc.Kernel) -> None:
    there, gone = "net/ipv4/ip_forward", "net/ipv6/conf/none/accept_ra"
    with opened(kernel) as netns:
        netns.try_sysctls({gone: "0", there: "1"})
        assert netns.read_sysctl(there) == "1"
    assert kernel.host().read_sysctl(there) == "0"


@pytest.mark.parametrize(
    "key", ["kernel/hostname", "net/../kernel/hostname", "net/ipv4/none", "net/ü", "net/\0", "net/\ud800"]
)
def test_only_network_settings_are_there(kernel: abc.Kernel, key: str) -> None:
    with pytest.raises(errors.NotFound):
        kernel.host().read_sysctl(key)


# Rules of the packet filter.

TABLE = net.TableName(family=net.FAMILY_INET, name="vmplumb_test")
BRIDGE_TABLE = net.TableName(family=net.FAMILY_BRIDGE, name="vmplumb_test")
FIRST, SECOND = (net.ChainName(table=TABLE, name=name) for name in ("first", "second"))
PORTS = net.ChainName(table=BRIDGE_TABLE, name="ports")
TABLE_AND_CHAINS: list[net.RuleRequest] = [
    net.AddTable(table=TABLE, comment="a table"),
    net.AddChain(chain=FIRST, comment="a chain"),
    net.AddChain(chain=SECOND, hook=net.Hook(kind="nat", number=net.HOOK_POSTROUTING, priority=100)),
]


def a_rule(comment: str, chain: net.ChainName = FIRST, leads_to: str = "") -> net.AddRule:
    verdict = net.Verdict(code=net.VERDICT_GOTO if leads_to else net.VERDICT_DROP, chain=leads_to)
    return net.AddRule(chain=chain, expressions=(verdict,), comment=comment)


def comments(netns: abc.Netns, chain: net.ChainName = FIRST) -> list[str]:
    return [rule.comment for rule in netns.rules(chain).rules]


def test_rules_are_kept_in_order_and_found_by_their_handles(kernel: abc.Kernel) -> None:
    host = kernel.host()
    handles = host.change_rules([*TABLE_AND_CHAINS, a_rule("one"), a_rule("two"), a_rule("")])
    assert [each.handle for each in host.rules(FIRST).rules] == list(handles)
    assert comments(host) == ["one", "two", ""]
    host.change_rules([net.DelRule(chain=FIRST, handle=handles[1]), a_rule("three")])
    assert comments(host) == ["one", "", "three"]
    assert comments(host, SECOND) == []
    with pytest.raises(errors.NotFound):
        host.rule(FIRST, handles[1])
    host.change_rules([net.FlushChain(chain=FIRST), a_rule("new")])
    assert comments(host) == ["new"]
    assert host.rules(FIRST).rules[0].handle > max(handles)


@pytest.mark.parametrize("chain", [FIRST, PORTS], ids=["inet", "bridge"])
def test_a_rule_is_read_as_it_was_written(kernel: abc.Kernel, chain: net.ChainName) -> None:
    loads: tuple[net.Expression, ...] = (
        net.LoadMeta(key=net.META_IIFNAME),
        net.Compare(value=b"veth0".ljust(16, b"\0")),
        net.LoadPayload(base=net.PAYLOAD_LINK, offset=6, length=6),
        net.Compare(value=bytes(6), equal=False),
        net.LoadPayload(base=net.PAYLOAD_NETWORK, offset=16, length=4),
        net.Mask(mask=b"\xff\xff\x80\0"),
        net.Compare(value=b"\x0a\1\x80\0"),
        net.Verdict(code=net.VERDICT_JUMP, chain="next"),
    )
    host = kernel.host()
    behind = net.ChainName(table=chain.table, name="next")
    (handle,) = host.change_rules(
        [
            net.AddTable(table=chain.table),
            net.AddChain(chain=chain),
            net.AddChain(chain=behind),
            net.AddRule(chain=chain, expressions=loads, comment="caf\u00e9"),
        ]
    )
    assert host.rule(chain, handle) == net.RuleInfo(handle=handle, comment="caf\u00e9", expressions=loads)


def test_a_transaction_is_done_whole_or_not_at_all(kernel: abc.Kernel) -> None:
    host = kernel.host()
    host.change_rules([*TABLE_AND_CHAINS, a_rule("one")])
    before = host.rules(FIRST)
    with pytest.raises(errors.NotFound) as caught:
        host.change_rules([a_rule("two"), net.DelRule(chain=FIRST, handle=999), a_rule("three")])
    assert caught.value.op == 1
    assert host.rules(FIRST) == before


def test_a_dry_run_is_refused_as_the_act_and_leaves_nothing(kernel: abc.Kernel) -> None:
    host = kernel.host()
    before = host.generation()
    assert host.change_rules([*TABLE_AND_CHAINS, a_rule("one")], dry=True) == []
    assert (host.generation(), comments(host)) == (before, [])
    with pytest.raises(errors.NotFound) as caught:
        host.change_rules([a_rule("one")], dry=True)
    assert caught.value.op == 0


def test_every_change_is_a_generation_and_another_one_is_refused(kernel: abc.Kernel) -> None:
    host = kernel.host()
    first = host.generation()
    host.change_rules([*TABLE_AND_CHAINS, a_rule("one")], generation=first)
    assert host.generation() == host.rules(FIRST).generation == net.next_generation(first)
    with pytest.raises(errors.Changed):
        host.change_rules([a_rule("two")], generation=first)
    assert comments(host) == ["one"]


def test_tables_and_chains_may_be_there_already(kernel: abc.Kernel) -> None:
    host = kernel.host()
    host.change_rules([*TABLE_AND_CHAINS, a_rule("one")])
    host.change_rules([*TABLE_AND_CHAINS, a_rule("two")])
    assert comments(host) == ["one", "two"]
    other = net.AddChain(chain=SECOND, hook=net.Hook(kind="nat", number=net.HOOK_POSTROUTING, priority=7))
    with pytest.raises(errors.KernelFault):
        host.change_rules([other])


def test_a_chain_goes_with_its_rules_unless_another_leads_to_it(kernel: abc.Kernel) -> None:
    host = kernel.host()
    host.change_rules([*TABLE_AND_CHAINS, a_rule("one"), a_rule("way", SECOND, leads_to="first")])
    with pytest.raises(errors.Busy):
        host.change_rules([net.DelChain(chain=FIRST)])
    host.change_rules([net.FlushChain(chain=SECOND), net.DelChain(chain=FIRST)])
    assert comments(host) == []
    for request in (a_rule("two"), net.DelChain(chain=FIRST), net.AddChain(chain=PORTS)):
        with pytest.raises(errors.NotFound):
            host.change_rules([request])


def test_addresses_are_translated_both_ways_as_it_was_asked(kernel: abc.Kernel) -> None:
    """A rule is read back as it was written, and a table goes with all that is in it."""
    table = net.TableName(family=net.FAMILY_INET, name="translation")
    host = kernel.host()
    for source, hook in ((False, net.HOOK_PREROUTING), (True, net.HOOK_POSTROUTING)):
        chain = net.ChainName(table=table, name=f"at-{hook}")
        program = (
            net.LoadMeta(key=net.META_NFPROTO),
            net.Compare(value=bytes((net.FAMILY_IPV4,))),
            net.LoadPayload(base=net.PAYLOAD_NETWORK, offset=12 if source else 16, length=4),
            net.Compare(value=b"\x0a\0\0\1"),
            net.LoadValue(value=b"\xc0\0\2\1"),
            net.Nat(source=source),
        )
        (handle,) = host.change_rules(
            [
                net.AddTable(table=table),
                net.AddChain(chain=chain, hook=net.Hook(kind="nat", number=hook, priority=0)),
                net.AddRule(chain=chain, expressions=program),
            ]
        )
        assert host.rule(chain, handle).expressions == program
    host.change_rules([net.DelTable(table=table)])
    assert host.rules(net.ChainName(table=table, name=f"at-{net.HOOK_PREROUTING}")).rules == ()
    with pytest.raises(errors.NotFound):
        host.change_rules([net.DelTable(table=table)])


def test_each_namespace_has_rules_of_its_own(kernel: abc.Kernel) -> None:
    with opened(kernel) as netns:
        netns.change_rules([*TABLE_AND_CHAINS, a_rule("inside")])
        assert (comments(netns), comments(kernel.host())) == (["inside"], [])


# Threads.


def test_a_handle_belongs_to_its_thread(kernel: abc.Kernel) -> None:
    faults: list[BaseException] = []

    def use(netns: abc.Netns) -> None:
        try:
            netns.links()
        except RuntimeError as exc:
            faults.append(exc)

    with opened(kernel) as netns:
        thread = threading.Thread(target=use, args=(netns,))
        thread.start()
        thread.join()
    assert len(faults) == 1


def test_every_thread_has_the_host(kernel: abc.Kernel) -> None:
    names: list[Sequence[str]] = []
    thread = threading.Thread(target=lambda: names.append([link.name for link in kernel.host().links()]))
    thread.start()
    thread.join()
    assert names == [["lo"]]
