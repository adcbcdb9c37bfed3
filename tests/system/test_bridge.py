"""Networks on a bridge, through the agent and through the runtime: what is made goes, the bridge stays."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.host import Host
from tests.parity.plugins import sides
from tests.snapshot import snapshot
from tests.system.daemon import (
    HOST_LOCAL,
    REDIRECT,
    Daemon,
    conflist,
    eventually,
    refused,
    reservations,
)
from vmplumb.v1 import network_agent_service_pb2 as pb
from vmplumb.v1 import vm_network_pb2
from vmplumbd.cni import config, runtime
from vmplumbd.cni.args import RuntimeConf
from vmplumbd.cni.error import CniError
from vmplumbd.cni.exec import ExecInvoker
from vmplumbd.kernel.linux import LinuxKernel
from vmplumbd.model import net
from vmplumbd.plugins.builtin import BuiltinInvoker

pytestmark = pytest.mark.host

BRIDGE = "vmbr0"
PLUGIN: dict[str, Any] = {
    "type": "bridge",
    "bridge": BRIDGE,
    "isDefaultGateway": True,
    "macspoofchk": True,
    "ipMasq": True,
    "ipMasqBackend": "nftables",
    "ipam": {**HOST_LOCAL, "subnet": "10.222.0.0/24"},
}


def world() -> dict[str, Any]:
    return snapshot(bridges=(BRIDGE,))


@pytest.fixture(scope="module")
def networks(daemon: Daemon) -> Daemon:
    """The daemon, with a network on a bridge and one that cannot be set up."""
    daemon.network("brnet", PLUGIN, REDIRECT)
    daemon.network("tapless", PLUGIN)
    return daemon


@pytest.fixture(autouse=True)
def world_as_before(networks: Daemon) -> Iterator[None]:
    """Every test here leaves nothing behind but the bridge."""
    before = world()
    yield
    for one in networks.networks():
        networks.tear_down(one.vm_id)
    networks.quiet()
    assert world() == before


def ports(host: Host) -> list[dict[str, Any]]:
    """The bridge's ports."""
    found: list[dict[str, Any]] = json.loads(host.run(["bridge", "-j", "link", "show"]).stdout or "[]")
    return [each for each in found if each.get("master") == BRIDGE]


def checked(daemon: Daemon, vm: str) -> list[str]:
    answer = daemon.stub.CheckNetwork(pb.CheckNetworkRequest(vm_id=vm), timeout=20)
    return [one.message for one in answer.findings]


def test_two_vms_share_a_bridge_and_leave_it_alone(networks: Daemon, module_host: Host) -> None:
    results = [networks.result(f"bridge-{number}", "brnet") for number in range(2)]
    static = [result.interfaces[0].static_configuration for result in results]
    assert {one.ip_configuration.gateway for one in static} == {"10.222.0.1"}
    assert len({one.mac_address for one in static}) == 2
    assert {each["state"] for each in ports(module_host)} == {"forwarding"}
    assert len(ports(module_host)) == 2
    rules = module_host.run(["nft", "list", "ruleset"]).stdout
    for number, one in enumerate(static):
        address = one.ip_configuration.ip_addr.split("/")[0]
        assert f"ip saddr {address} ip daddr != 10.222.0.0/24 masquerade" in rules
        assert f"ether saddr {one.mac_address} return" in rules
        assert checked(networks, f"bridge-{number}") == []
    shown = networks.stub.DescribeNetwork(pb.DescribeNetworkRequest(vm_id="bridge-1"), timeout=60)
    roles = {vm_network_pb2.DeviceRole.Name(one.role).removeprefix("DEVICE_ROLE_") for one in shown.devices}
    assert roles == {"TAP", "NETNS_END", "HOST_END", "BRIDGE"}
    networks.tear_down("bridge-0")
    assert len(ports(module_host)) == 1
    assert checked(networks, "bridge-1") == []


def test_a_vm_that_is_torn_down_is_cut_off_while_its_vmm_holds_the_tap(
    networks: Daemon, module_host: Host
) -> None:
    networks.set_up("bridge-held", "brnet")
    (port,) = ports(module_host)
    path = networks.get("bridge-held").result.netns_path
    holder = module_host.popen(["ip", "netns", "exec", "bridge-held", "cat"], stdin=-1)
    inode = module_host.run(["stat", "-L", "-c", "%i", path]).stdout
    eventually(
        lambda: inode in module_host.run(["stat", "-L", "-c", "%i", f"/proc/{holder.pid}/ns/net"]).stdout,
        "the holder is inside",
    )
    done = networks.tear_down("bridge-held", wait=False)
    assert not done.devices_gone
    (left,) = ports(module_host)
    assert (left["ifname"], left["state"], "UP" in left["flags"]) == (port["ifname"], "disabled", False)
    assert list(reservations(module_host, "brnet").values()) == ["bridge-held"]
    assert holder.stdin is not None
    holder.stdin.close()
    networks.quiet()
    assert (ports(module_host), reservations(module_host, "brnet")) == ([], {})


def test_a_failed_set_up_leaves_the_bridge_alone(networks: Daemon, module_host: Host) -> None:
    told = refused(lambda: networks.set_up("bridge-failed", "tapless"))
    assert told.reason == "CNI_RESULT_UNUSABLE"
    assert ports(module_host) == []
    assert reservations(module_host, "tapless") == {}


def test_a_port_that_left_its_bridge_is_found(networks: Daemon, module_host: Host) -> None:
    networks.set_up("bridge-hurt", "brnet")
    (port,) = ports(module_host)
    module_host.run(["ip", "link", "set", port["ifname"], "nomaster"])
    assert any(
        "CNI veth created for bridge vmbr0 was not found" in one for one in checked(networks, "bridge-hurt")
    )


def test_a_full_bridge_is_told_before_anything_is_made(networks: Daemon, module_host: Host) -> None:
    kernel, group = LinuxKernel(), 4711
    host = kernel.host()
    try:
        (bridge,) = host.apply([net.AddLink(name="full0", kind="bridge"), net.GetLink(name="full0")])
        pairs = [(f"fa{number}", f"fb{number}") for number in range(512)]
        host.apply([net.AddVeth(name=one, peer=other, peer_group=group) for one, other in pairs])
        names = [name for pair in pairs for name in pair][:1023]
        host.apply([net.SetLink(name=name, master=bridge.index) for name in names])
        networks.network("full", {**PLUGIN, "bridge": "full0"}, REDIRECT)
        told = refused(lambda: networks.set_up("bridge-full", "full"))
        assert (told.code, told.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "HOST_LIMIT_REACHED")
        assert "bridge full0 has 1023 ports" in told.message
        assert [one.vm_id for one in networks.networks()] == []
    finally:
        kernel.close()
        module_host.run(["ip", "link", "del", "group", str(group)])
        module_host.run(["ip", "link", "del", "full0"])


@pytest.mark.parity
def test_the_reference_s_bridge_serves_our_tap(networks: Daemon, module_host: Host) -> None:
    found = sides.reference_plugins()
    if found is None:
        pytest.skip("the reference plugins need Go")
    # Under a name that is not built in.
    shutil.copy(Path(found, "bridge"), networks.bin / "their-bridge")
    shutil.copy(Path(found, "host-local"), networks.bin)
    networks.network("theirs", {**PLUGIN, "type": "their-bridge"}, REDIRECT)
    result = networks.result("bridge-executed", "theirs")
    (port,) = ports(module_host)
    assert result.interfaces[0].static_configuration.ip_configuration.gateway == "10.222.0.1"
    assert checked(networks, "bridge-executed") == []
    assert networks.tear_down("bridge-executed").devices_gone
    assert port["ifname"] not in [each["ifname"] for each in ports(module_host)]


def test_gc_takes_ports_of_ours_that_nobody_owns(module_host: Host) -> None:
    conf = {"cniVersion": "1.1.0", **PLUGIN}
    network = config.parse_list(conflist("brnet", conf, version="1.1.0"))
    kernel = LinuxKernel()
    before = ports(module_host)
    try:
        options: dict[str, Any] = {"invoker": BuiltinInvoker(kernel, ExecInvoker()), "path": ("/none",)}
        attached = {}
        for vm in ("kept", "lost"):
            module_host.run(["ip", "netns", "add", vm])
            attached[vm] = RuntimeConf(container_id=vm, netns=f"/run/netns/{vm}", if_name="eth0")
            made = runtime.add(network, attached[vm], **options)
        module_host.run(["ip", "-n", "kept", "link", "add", "eth7", "type", "veth", "peer", "veth01234567"])
        module_host.run(["ip", "-n", "kept", "link", "set", "veth01234567", "netns", str(os.getpid())])
        module_host.run(["ip", "link", "set", "veth01234567", "master", BRIDGE])
        lost = made.result.interfaces[1].name
        there = {each["ifname"] for each in ports(module_host)}
        assert {lost, "veth01234567"} <= there
        runtime.gc(network, [runtime.Attachment(container_id="kept", if_name="eth0")], **options)
        assert there - {each["ifname"] for each in ports(module_host)} == {lost}
        assert "lost" not in module_host.run(["nft", "list", "ruleset"]).stdout
        assert list(reservations(module_host, "brnet").values()) == ["kept"]
        runtime.del_(network, attached["kept"], **options)
        module_host.run(["ip", "-n", "kept", "link", "del", "eth7"])
    finally:
        kernel.close()
        for vm in ("kept", "lost"):
            module_host.run(["ip", "netns", "del", vm])
    assert ports(module_host) == before


def looked(host: Host, vm: str, outcome: str) -> None:
    """Wait until the kernel has looked for duplicates of the VM's address."""

    def over() -> bool:
        return outcome in host.run(["ip", "-n", vm, "-6", "addr", "show", "dev", "eth0"]).stdout

    eventually(over, f"{vm}: {outcome}")


def test_a_duplicate_is_found_behind_the_set_up_and_told_by_check(module_host: Host) -> None:
    address = {"type": "static", "addresses": [{"address": "2001:db8:7::7/64"}]}
    conf = {"type": "bridge", "bridge": BRIDGE, "enabledad": True, "ipam": address}
    network = config.parse_list(conflist("brnet", conf))
    kernel = LinuxKernel()
    options: dict[str, Any] = {"invoker": BuiltinInvoker(kernel, ExecInvoker()), "path": ("/none",)}
    made = {}
    # The kernel waits up to a second before it looks, by chance.
    at_once = "echo 0 >/proc/sys/net/ipv6/conf/default/router_solicitation_delay"
    try:
        for vm, outcome in (("first", "global \n"), ("second", "global dadfailed")):
            module_host.run(["ip", "netns", "add", vm])
            module_host.run(["ip", "netns", "exec", vm, "sh", "-c", at_once])
            own = RuntimeConf(container_id=vm, netns=f"/run/netns/{vm}", if_name="eth0")
            made[vm] = (own, runtime.add(network, own, **options).raw)
            looked(module_host, vm, outcome)
        runtime.check(network, made["first"][0], prev_result=made["first"][1], **options)
        with pytest.raises(CniError, match="link eth0 has address 2001:db8:7::7 in DADFAILED state"):
            runtime.check(network, made["second"][0], prev_result=made["second"][1], **options)
        for own, raw in made.values():
            runtime.del_(network, own, prev_result=raw, **options)
    finally:
        kernel.close()
        for vm in ("first", "second"):
            module_host.run(["ip", "netns", "del", vm], check=False)


SEND = """
import socket, subprocess, sys
gateway, bridge_mac, own_mac = sys.argv[1:]
link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for mac, word in (("02:00:00:00:00:66", b"spoofed"), (own_mac, b"honest")):
    subprocess.run(["ip", "link", "set", "eth0", "address", mac], check=True)
    subprocess.run(["ip", "neigh", "replace", gateway, "lladdr", bridge_mac, "dev", "eth0"], check=True)
    link.sendto(word, (gateway, 5353))
"""


def test_what_comes_under_another_mac_is_dropped(module_host: Host) -> None:
    network = config.parse_list(conflist("brnet", PLUGIN))
    attached = RuntimeConf(container_id="vm1", netns="/run/netns/own", if_name="eth0")
    module_host.run(["ip", "netns", "add", "own"])
    kernel = LinuxKernel()
    try:
        options: dict[str, Any] = {"invoker": BuiltinInvoker(kernel, ExecInvoker()), "path": ("/none",)}
        made = runtime.add(network, attached, **options)
        bridge, _, inside = made.result.interfaces
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as heard:
            heard.bind(("10.222.0.1", 5353))
            heard.settimeout(60)
            macs = (bridge.mac or "", inside.mac or "")
            module_host.run(["ip", "netns", "exec", "own", sys.executable, "-c", SEND, "10.222.0.1", *macs])
            # One after the other by one way: had the first passed, it would be here before the second.
            assert heard.recv(99) == b"honest"
        runtime.del_(network, attached, prev_result=made.raw, **options)
    finally:
        kernel.close()
        module_host.run(["ip", "netns", "del", "own"])
