"""CheckNetwork finds each planted damage, DescribeNetwork shows it, CollectGarbage takes what is stale."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import grpc
import pytest

from tests.host import Host
from tests.snapshot import snapshot
from tests.system.daemon import REDIRECT, Daemon, eventually, ptp, refused, request, static_request
from vmplumb.v1 import network_agent_service_pb2 as pb
from vmplumb.v1 import vm_network_pb2

pytestmark = pytest.mark.host


@pytest.fixture(autouse=True)
def world_as_before(daemon: Daemon) -> Iterator[None]:
    """Every test here leaves nothing behind, whatever it damaged."""
    before = snapshot()
    yield
    for one in daemon.networks():
        daemon.tear_down(one.vm_id, force=True)
    daemon.quiet()
    assert snapshot() == before


def check(daemon: Daemon, vm_id: str) -> pb.CheckNetworkResponse:
    return daemon.stub.CheckNetwork(pb.CheckNetworkRequest(vm_id=vm_id), timeout=20)


def sh(host: Host, script: str) -> str:
    return host.run(["sh", "-ec", script]).stdout


def test_a_sound_network_has_no_findings(daemon: Daemon) -> None:
    daemon.set_up("sound")
    answer = check(daemon, "sound")
    assert list(answer.findings) == []
    assert not answer.cni_check_skipped


# What is done to a network (N is its namespace, TAP and VETH its devices), and words of a finding.
DAMAGE = {
    "tap deleted": ("ip -n $N link del $TAP", "find tap0"),
    "tap down": ("ip -n $N link set $TAP down", "use tap0"),
    "filter of the tap removed": ("tc -n $N filter del dev $TAP ingress", "redirect tap0 to eth0"),
    "filter of the link removed": ("tc -n $N filter del dev eth0 ingress", "redirect eth0 to tap0"),
    "address removed": ("ip -n $N addr flush dev eth0", "find address"),
    "route removed": ("ip -n $N route del default", "find route 0.0.0.0/0"),
    "host end down": ("ip link set $VETH down", "use veth"),
    "host end deleted": ("ip link del $VETH", "find veth"),
    "host route removed": ("ip route flush dev $VETH", "route"),
    "namespace unmounted": ("ip netns del $N", "find the namespace"),
    "namespace replaced": ("ip netns del $N; ip netns add $N", "find the namespace"),
    "reservation removed": ("rm /var/lib/cni/networks/fcnet/10.*", "host-local"),
}


@pytest.mark.parametrize(("damage", "told"), DAMAGE.values(), ids=DAMAGE)
def test_a_planted_damage_is_found(daemon: Daemon, module_host: Host, damage: str, told: str) -> None:
    daemon.set_up("hurt")
    described = daemon.stub.DescribeNetwork(pb.DescribeNetworkRequest(vm_id="hurt"), timeout=60)
    veth = next(one.name for one in described.devices if one.role == vm_network_pb2.DEVICE_ROLE_HOST_END)
    sh(module_host, f"N=hurt TAP=tap0 VETH={veth}; {damage}")
    findings = check(daemon, "hurt").findings
    assert any(told in one.message for one in findings), [one.message for one in findings]
    assert daemon.get("hurt").phase == vm_network_pb2.PHASE_READY
    if damage.endswith("ip netns add $N"):
        daemon.tear_down("hurt", force=True)
        subprocess.run(["ip", "netns", "del", "hurt"], check=False, capture_output=True)


def test_check_needs_a_ready_network(daemon: Daemon) -> None:
    told = refused(lambda: check(daemon, "nobody"))
    assert (told.code, told.reason) == (grpc.StatusCode.NOT_FOUND, "VM_NOT_FOUND")
    daemon.network("tapless", ptp())
    refused(lambda: daemon.set_up("failed", "tapless"))
    told = refused(lambda: check(daemon, "failed"))
    assert (told.code, told.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "WRONG_PHASE")


def test_cni_check_is_skipped_where_the_version_has_none_and_the_look_inside_is_not(
    daemon: Daemon, module_host: Host
) -> None:
    daemon.network("old", ptp(), REDIRECT, version="0.3.1")
    daemon.set_up("old", "old")
    answer = check(daemon, "old")
    assert (answer.cni_check_skipped, list(answer.findings)) == (True, [])
    sh(module_host, "tc -n old filter del dev tap0 ingress")
    assert [one.message for one in check(daemon, "old").findings if "redirect tap0" in one.message]


# Opens the tap in the namespace that it is named, as a jailed VMM does, and goes back out with it, as one that is
# handed the tap by its helper: only the descriptor tells.
HOLDS_A_TAP = """
import ctypes, fcntl, os, struct, sys

libc = ctypes.CDLL(None, use_errno=True)
home, there = (os.open(one, os.O_RDONLY) for one in ("/proc/self/ns/net", sys.argv[1]))
assert libc.setns(there, 0x40000000) == 0
tap = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(tap, 0x400454CA, struct.pack("16sH22x", b"tap0", 0x0002 | 0x1000 | 0x4000))
if sys.argv[2] == "outside":
    assert libc.setns(home, 0x40000000) == 0
os.close(there), os.close(home)
print("holds", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("where", ["inside", "outside"])
def test_describe_names_who_holds_the_tap(daemon: Daemon, module_host: Host, where: str) -> None:
    def holders() -> list[tuple[int, str]]:
        told = daemon.stub.DescribeNetwork(pb.DescribeNetworkRequest(vm_id="held"), timeout=20)
        assert all(one.command.startswith("python") for one in told.holders)
        return [(one.pid, one.what) for one in told.holders]

    # Another VM's tap has the same name, and is held by another process.
    paths = [daemon.result(vm_id).netns_path for vm_id in ("held", "other")]
    assert holders() == []
    vmms = [
        module_host.popen([sys.executable, "-c", HOLDS_A_TAP, path, where], stdin=-1, stdout=-1)
        for path in paths
    ]
    for vmm in vmms:
        assert vmm.stdout is not None
        assert vmm.stdout.readline() == "holds\n"
    assert holders() == [(vmms[0].pid, "tap0")]
    done = daemon.tear_down("held", wait=False)
    assert not done.devices_gone
    for vmm in vmms:
        assert vmm.stdin is not None
        vmm.stdin.close()
        vmm.wait(60)
    daemon.quiet()
    daemon.tear_down("other")


def test_describe_shows_the_path_from_tap_to_host(daemon: Daemon) -> None:
    result = daemon.result("path")

    def described() -> pb.DescribeNetworkResponse:
        return daemon.stub.DescribeNetwork(pb.DescribeNetworkRequest(vm_id="path"), timeout=60)

    # The kernel may tell of a carrier up to a second late.
    eventually(lambda: all(one.carrier for one in described().devices[1:]), "both ends have carrier")
    told = described()
    assert told.netns_exists
    assert told.network.vm_id == "path"
    tap, inside, outside = told.devices
    assert (tap.role, inside.role, outside.role) == (1, 2, 3)
    assert (tap.name, tap.redirect_to) == ("tap0", "eth0")
    assert (inside.name, inside.redirect_to, inside.peer_name) == ("eth0", "tap0", outside.name)
    static = result.interfaces[0].static_configuration
    assert static.ip_configuration.ip_addr in inside.addresses
    assert inside.mac_address == static.mac_address
    assert (outside.up, outside.carrier, outside.netns_path) == (True, True, "")


def test_garbage_is_what_no_valid_vm_owns_as_of_a_revision(daemon: Daemon) -> None:
    for name in ("gc-a", "gc-b", "gc-c"):
        daemon.set_up(name)
    revision = daemon.status().revision
    daemon.set_up("gc-young")

    def collect(**fields: object) -> pb.CollectGarbageResponse:
        order = pb.CollectGarbageRequest(valid_vm_ids=["gc-b"], as_of_revision=revision, **fields)  # type: ignore[arg-type]
        return daemon.stub.CollectGarbage(order, timeout=30)

    planned = collect(dry_run=True)
    assert [one.vm_id for one in planned.collected] == ["gc-a", "gc-c"]
    assert len(daemon.networks()) == 4
    done = collect()
    assert [(one.vm_id, one.uid) for one in done.collected] == [
        (one.vm_id, one.uid) for one in planned.collected
    ]
    assert not any(one.HasField("failure") for one in done.collected)
    assert [one.vm_id for one in daemon.networks()] == ["gc-b", "gc-young"]
    assert list(done.cni_gc_networks) == []


def test_garbage_wants_a_revision_and_a_list(daemon: Daemon) -> None:
    told = refused(lambda: daemon.stub.CollectGarbage(pb.CollectGarbageRequest(), timeout=60))
    assert told.reason == "INVALID_REQUEST"
    assert {rule for _, rule in told.violations} == {"collect_garbage.empty", "required"}


def test_a_static_network_can_be_checked(daemon: Daemon) -> None:
    list(daemon.stub.SetupNetwork(static_request("static", "tapA"), timeout=60))
    assert list(check(daemon, "static").findings) == []


def test_an_address_range_that_is_used_up_says_so(daemon: Daemon) -> None:
    ipam = {"type": "host-local", "subnet": "10.201.0.0/30"}
    daemon.network("tiny", {"type": "ptp", "ipam": ipam}, REDIRECT)
    daemon.set_up("tiny-1", "tiny")
    told = refused(lambda: daemon.set_up("tiny-2", "tiny"))
    assert (told.code, told.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "ADDRESSES_EXHAUSTED")
    assert [one.vm_id for one in daemon.networks()] == ["tiny-1"]


def test_check_during_a_set_up_is_pending(daemon: Daemon) -> None:
    daemon.plugin("wait", "cat >/dev/null; while [ ! -e $DIR/gate ]; do sleep 0.02; done; exit 1")
    daemon.network("wait", ptp(), REDIRECT, {"type": "wait"})
    (daemon.directory / "gate").unlink(missing_ok=True)
    # Its VERSION call waits: no record yet, only an operation.
    call = daemon.stub.SetupNetwork(request("pending", "wait"), timeout=20)
    assert refused(lambda: check(daemon, "pending")).reason in {"OPERATION_PENDING", "VM_NOT_FOUND"}
    (daemon.directory / "gate").touch()
    assert refused(lambda: call).reason == "CNI_PLUGIN_UNAVAILABLE"
    (daemon.directory / "gate").unlink()
