"""What our messages make, as `ip`, `tc` and `ip netns` see it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from ipaddress import IPv4Address, ip_interface, ip_network
from typing import Any

import pytest

from tests import host as hosts
from tests.snapshot import snapshot
from vmplumbd import errors
from vmplumbd.kernel.linux import LinuxKernel
from vmplumbd.model import net

ONE = "/run/netns/one"
VM, GATEWAY = ip_interface("10.200.0.2/16"), IPv4Address("10.200.0.1")

# Of the recordings that the reference plugins left behind: what `ip -d -j link` says of a veth's two
# ends and of a tap, without names, addresses, numbers of queues and what differs from run to run.
REFERENCE = {
    "veth0": {
        "mtu": 1500,
        "qdisc": "noqueue",
        "linkmode": "DEFAULT",
        "group": "default",
        "txqlen": 1000,
        "link_type": "ether",
        "linkinfo": {"info_kind": "veth"},
        "inet6_addr_gen_mode": "eui64",
    },
    "vethhost": {
        "mtu": 1500,
        "qdisc": "noqueue",
        "linkmode": "DEFAULT",
        "group": "default",
        "link_type": "ether",
        "linkinfo": {"info_kind": "veth"},
        "inet6_addr_gen_mode": "eui64",
    },
    "tap0": {
        "mtu": 1500,
        "qdisc": "pfifo_fast",
        "linkmode": "DEFAULT",
        "group": "default",
        "txqlen": 1000,
        "link_type": "ether",
        "linkinfo": {
            "info_kind": "tun",
            "info_data": {
                "type": "tap",
                "pi": True,
                "vnet_hdr": True,
                "multi_queue": False,
                "persist": True,
                "user": "root",
                "group": "root",
            },
        },
        "inet6_addr_gen_mode": "eui64",
    },
}
COMPARED = tuple(REFERENCE["tap0"])


@pytest.fixture
def kernel(host: hosts.Host) -> Iterator[LinuxKernel]:
    made = LinuxKernel()
    yield made
    made.close()


def set_up(kernel: LinuxKernel, path: str = ONE) -> net.LinkInfo:
    """A microVM's network as ptp and tc-redirect-tap make it; answers the namespace's end of the pair."""
    host = kernel.host()
    kernel.create_netns(path)
    with kernel.open_netns(path) as netns:
        (veth,) = netns.apply([net.AddVeth(name="veth0", peer="vethhost"), net.GetLink(name="veth0")])
        host.apply(
            [
                net.SetLink(index=veth.peer_index, up=True),
                net.AddAddress(index=veth.peer_index, address=ip_interface(f"{GATEWAY}/32")),
            ]
        )
        netns.apply(
            [
                net.AddAddress(index=veth.index, address=VM, broadcast=IPv4Address("10.200.255.255")),
                net.SetLink(index=veth.index, up=True),
                net.DelRoute(dst=VM.network, index=veth.index),
                net.AddRoute(dst=ip_network(GATEWAY), index=veth.index, scope=net.SCOPE_LINK, src=VM.ip),
                net.AddRoute(dst=VM.network, index=veth.index, gateway=GATEWAY, src=VM.ip),
            ]
        )
        tap = netns.add_tap("tap0", uid=0, gid=0, mtu=1500)
        netns.apply(
            [
                net.SetLink(index=tap.index, up=True),
                net.AddIngress(index=tap.index),
                net.AddIngress(index=veth.index),
                net.AddRedirect(index=tap.index, to=veth.index),
                net.AddRedirect(index=veth.index, to=tap.index),
            ]
        )
        host.apply([net.AddRoute(dst=ip_network(VM.ip), index=veth.peer_index, scope=net.SCOPE_HOST)])
    kernel.close_kept()
    return veth


def show(host: hosts.Host, *argv: str) -> Any:
    return json.loads(host.run(argv).stdout or "[]")


def test_links_are_as_the_reference_plugins_make_them(host: hosts.Host, kernel: LinuxKernel) -> None:
    set_up(kernel)
    seen = {
        row["ifname"]: {key: row[key] for key in COMPARED if key in row}
        for row in show(host, "ip", "-n", "one", "-d", "-j", "link") + show(host, "ip", "-d", "-j", "link")
        if row["ifname"] != "lo"
    }
    assert seen == REFERENCE


def test_addresses_and_routes_are_as_ptp_makes_them(host: hosts.Host, kernel: LinuxKernel) -> None:
    set_up(kernel)
    inside = host.run(["ip", "-n", "one", "-4", "route"]).stdout.splitlines()
    assert [line.strip() for line in inside] == [
        "10.200.0.0/16 via 10.200.0.1 dev veth0 src 10.200.0.2",
        "10.200.0.1 dev veth0 scope link src 10.200.0.2",
    ]
    assert host.run(["ip", "-4", "route"]).stdout.split() == [
        "10.200.0.2",
        "dev",
        "vethhost",
        "scope",
        "host",
    ]
    (address,) = show(host, "ip", "-n", "one", "-4", "-j", "addr", "show", "veth0")[0]["addr_info"]
    assert (address["local"], address["prefixlen"], address["broadcast"], address["scope"]) == (
        "10.200.0.2",
        16,
        "10.200.255.255",
        "global",
    )


@pytest.mark.parametrize(("device", "other"), [("tap0", "veth0"), ("veth0", "tap0")])
def test_a_redirect_is_a_u32_match_all_with_mirred(
    host: hosts.Host, kernel: LinuxKernel, device: str, other: str
) -> None:
    set_up(kernel)
    argv = ["tc", "-n", "one", "-j", "filter", "show", "dev", device, "ingress"]
    (rule,) = [row for row in show(host, *argv) if "actions" in row.get("options", {})]
    options = rule["options"]
    assert (rule["protocol"], rule["pref"], rule["kind"]) == ("all", 49152, "u32")
    assert options["fh"] == "800::800"
    assert options["match"] == {"value": "0", "mask": "0", "offmask": "", "off": 0}
    (action,) = options["actions"]
    assert (action["mirred_action"], action["to_dev"], action["direction"]) == ("redirect", other, "egress")
    assert action["control_action"] == {"type": "stolen"}


def test_ip_netns_sees_ours(host: hosts.Host, kernel: LinuxKernel) -> None:
    kernel.create_netns(ONE)
    assert [row["name"] for row in show(host, "ip", "-j", "netns")] == ["one"]
    host.run(["ip", "netns", "exec", "one", "true"])
    host.run(["ip", "netns", "del", "one"])
    with pytest.raises(errors.NotFound):
        kernel.netns_identity(ONE)


def test_a_namespace_of_ip_netns_is_adopted(host: hosts.Host, kernel: LinuxKernel) -> None:
    host.run(["ip", "netns", "add", "one"])
    host.run(["ip", "-n", "one", "link", "set", "lo", "up"])
    with kernel.open_netns(ONE) as netns:
        assert [(link.name, link.up) for link in netns.links()] == [("lo", True)]
        uid, gid = hosts.an_owner()
        netns.add_tap("tap0", uid=uid, gid=gid, mtu=1500)
        netns.write_sysctl("net/ipv4/ip_forward", "1")
    (tap,) = show(host, "ip", "-n", "one", "-d", "-j", "link", "show", "tap0")
    assert hosts.says_owner(tap["linkinfo"]["info_data"], uid, gid)
    forward = host.run(["ip", "netns", "exec", "one", "sysctl", "-n", "net.ipv4.ip_forward"])
    assert forward.stdout.strip() == "1"


def test_a_tap_has_carrier_until_its_handle_is_closed(host: hosts.Host, kernel: LinuxKernel) -> None:
    kernel.create_netns(ONE)
    with kernel.open_netns(ONE) as netns:
        tap = netns.add_tap("tap0", uid=0, gid=0, mtu=1500)
        netns.apply([net.SetLink(index=tap.index, up=True)])
        # Set up with carrier, a tap gets its link-local address, as with the reference plugin.
        inside = show(host, "ip", "-n", "one", "-6", "-j", "addr", "show", "tap0")
        assert [row["addr_info"][0]["scope"] for row in inside if row] == ["link"]
        assert "NO-CARRIER" not in flags(host)
    assert "NO-CARRIER" in flags(host)


def flags(host: hosts.Host) -> list[str]:
    (tap,) = [row for row in show(host, "ip", "-n", "one", "-j", "link", "show", "tap0") if row]
    found: list[str] = tap["flags"]
    return found


def test_the_world_is_as_before_when_the_namespace_is_gone(host: hosts.Host, kernel: LinuxKernel) -> None:
    before = snapshot()
    watch = kernel.watch()
    veth = set_up(kernel)
    assert snapshot() != before
    kernel.delete_netns(ONE)
    assert watch.wait_gone([veth.peer_index], 60) == {veth.peer_index}
    watch.close()
    assert snapshot() == before


def test_the_directory_of_namespaces_is_made_as_iproute2_makes_it(bare_host: hosts.Host) -> None:
    kernel = LinuxKernel()
    before = snapshot()
    made = kernel.prepare_netns_dir("/run/netns")
    assert made == net.NetnsDir(path="/run/netns", made=("/run/netns",), mounted=True)
    kernel.create_netns(ONE)
    bare_host.run(["ip", "netns", "add", "two"])
    names = {row["name"] for row in show(bare_host, "ip", "-j", "netns")}
    # A stranger's mount namespace, which shares the directory, sees what is made in ours afterwards.
    assert names == {"one", "two"}
    mounts = bare_host.run(["findmnt", "-n", "-o", "PROPAGATION", "/run/netns"]).stdout.split()
    assert set(mounts) == {"shared"}
    assert len(mounts) == 1
    for name in ("one", "two"):
        kernel.delete_netns(f"/run/netns/{name}")
    kernel.undo_netns_dir(made)
    assert snapshot() == before
    kernel.close()


def test_ip_netns_first_and_ours_after_share_one_mount(bare_host: hosts.Host) -> None:
    bare_host.run(["ip", "netns", "add", "two"])
    kernel = LinuxKernel()
    assert kernel.prepare_netns_dir("/run/netns") == net.NetnsDir(path="/run/netns")
    kernel.close()


@pytest.mark.parametrize(
    "path", ["/proc/self/ns/mnt", "/proc/self/status", "/run/netns", "/run/fifo", "/run/file"]
)
def test_other_things_are_no_namespace(host: hosts.Host, kernel: LinuxKernel, path: str) -> None:
    host.run(["mkfifo", "/run/fifo"])
    host.run(["touch", "/run/file"])
    with pytest.raises(errors.NotANetns):
        kernel.netns_identity(path)


def test_the_hosts_own_namespace_is_refused(host: hosts.Host, kernel: LinuxKernel) -> None:
    host.run(["touch", ONE])
    host.run(["mount", "--bind", "/proc/self/ns/net", ONE])
    with pytest.raises(errors.NotANetns):
        kernel.netns_identity(ONE)
    with pytest.raises(errors.NotANetns), kernel.open_netns(ONE):
        pass


def test_a_second_mount_on_a_namespace_goes_with_it(host: hosts.Host, kernel: LinuxKernel) -> None:
    before = snapshot()
    kernel.create_netns(ONE)
    host.run(["mount", "--bind", ONE, ONE])
    kernel.delete_netns(ONE)
    assert snapshot() == before


def test_the_kernels_own_words_are_in_the_fault(host: hosts.Host, kernel: LinuxKernel) -> None:
    with pytest.raises(errors.KernelFault, match="Parent Qdisc") as caught:
        kernel.host().apply([net.AddRedirect(index=1, to=1)])
    assert str(caught.value).startswith("cannot add redirect from link 1 to link 1 in the host: EINVAL")
