"""Someone else's hands: what is ours is deleted, our address is used, the configuration changes meanwhile.

In each case CheckNetwork or DescribeNetwork tells it, a teardown without force succeeds and leaves nothing,
and the VM can be set up again.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from ipaddress import ip_interface

import grpc
import pytest

from tests.host import Host
from tests.snapshot import snapshot
from tests.system.daemon import REDIRECT, Daemon, ptp, refused, request, reservations
from vmplumb.v1 import network_agent_service_pb2 as pb
from vmplumb.v1 import vm_network_pb2

pytestmark = pytest.mark.host


@pytest.fixture(autouse=True)
def world_as_before(daemon: Daemon) -> Iterator[None]:
    """Every test here leaves nothing behind, whatever it damaged."""
    before = snapshot()
    yield
    for one in daemon.networks():
        daemon.tear_down(one.vm_id)
    daemon.quiet()
    assert snapshot() == before


def sh(host: Host, script: str) -> str:
    return host.run(["sh", "-ec", script]).stdout


def described(daemon: Daemon, vm_id: str) -> pb.DescribeNetworkResponse:
    return daemon.stub.DescribeNetwork(pb.DescribeNetworkRequest(vm_id=vm_id), timeout=60)


# What is deleted (N is the namespace, VETH the host's end), and whether Check, or else Describe, tells it.
DELETED = {
    "the namespace": ("ip netns del $N", "find the namespace"),
    "the namespace, another one in its place": ("ip netns del $N; ip netns add $N", "find the namespace"),
    "the namespace's mount, its file left": ("umount /run/netns/$N", "find the namespace"),
    "the host's end of the pair": ("ip link del $VETH", "find veth"),
    "the namespace's end of the pair": ("ip -n $N link del eth0", "find eth0"),
    "the tap": ("ip -n $N link del tap0", "find tap0"),
    "the address in the namespace": ("ip -n $N addr flush dev eth0", "find address"),
    "the gateway's address on the host": ("ip addr flush dev $VETH", "find route"),
    "the host's route": ("ip route flush dev $VETH", "find route"),
    "the reservation": ("rm /var/lib/cni/networks/fcnet/10.*", "host-local"),
    "all reservations, with their directory": ("rm -r /var/lib/cni/networks", "host-local"),
    "the cache": ("rm -r /var/lib/cni/$N", ""),
    "all of CNI's state": ("rm -r /var/lib/cni/*", "host-local"),
    "the conflist": ("rm $CONF/fcnet.conflist", ""),
    "everything": ("rm -r /var/lib/cni/*; ip netns del $N; ip link del $VETH || true", "find the namespace"),
}


@pytest.mark.parametrize(("act", "told"), DELETED.values(), ids=DELETED)
def test_what_is_ours_is_deleted(daemon: Daemon, module_host: Host, act: str, told: str) -> None:
    daemon.set_up("hurt")
    (veth,) = [
        one.name
        for one in described(daemon, "hurt").devices
        if one.role == vm_network_pb2.DEVICE_ROLE_HOST_END
    ]
    sh(module_host, f"N=hurt VETH={veth} CONF={daemon.conf}; {act}")
    findings = daemon.stub.CheckNetwork(pb.CheckNetworkRequest(vm_id="hurt"), timeout=20).findings
    if told:
        assert any(told in one.message for one in findings), [one.message for one in findings]
    else:
        assert list(findings) == []
    shown = described(daemon, "hurt")
    assert shown.netns_exists == (told != "find the namespace")
    assert shown.network.phase == vm_network_pb2.PHASE_READY
    # Another VM is none the wiser.
    daemon.network("fcnet", ptp(), REDIRECT)
    daemon.set_up("bystander")
    assert daemon.tear_down("hurt").existed
    daemon.quiet()
    assert "hurt" not in reservations(module_host).values()
    assert not (module_host.cni_state / "hurt").exists()
    if act.endswith("netns add $N"):
        # It is not ours, so it stays.
        assert "hurt" in sh(module_host, "ip netns")
        sh(module_host, "ip netns del hurt")
    assert not (module_host.netns_dir / "hurt").exists()
    assert daemon.result("hurt").ip_boot_param
    assert list(daemon.stub.CheckNetwork(pb.CheckNetworkRequest(vm_id="hurt"), timeout=20).findings) == []


def test_an_address_that_another_program_reserved_is_passed_over_and_left(
    daemon: Daemon, module_host: Host
) -> None:
    folder = module_host.cni_state / "networks" / "fcnet"
    folder.mkdir(parents=True, exist_ok=True)
    first = daemon.result("first").interfaces[0].static_configuration.ip_configuration.ip_addr
    wanted = str(ip_interface(first).ip + 1)
    (folder / wanted).write_text("foreign\r\neth0")
    second = daemon.result("second").interfaces[0].static_configuration.ip_configuration.ip_addr
    assert str(ip_interface(second).ip) == str(ip_interface(first).ip + 2)
    # Asked for by name it is refused, and stays whose it is.
    told = refused(lambda: daemon.set_up("third", args=[{"key": "IP", "value": wanted}]))
    assert (told.code, told.reason) == (grpc.StatusCode.INTERNAL, "CNI_ADD_FAILED")
    assert wanted in told.message
    assert "who owns the file" in told.failure.hint
    for vm_id in ("first", "second", "third"):
        daemon.tear_down(vm_id)
    daemon.quiet()
    assert reservations(module_host) == {wanted: "foreign"}
    (folder / wanted).unlink()


def test_an_address_that_the_host_has_itself_is_refused_and_found(daemon: Daemon, module_host: Host) -> None:
    other = "ip tuntap add other mode tap; ip addr add 10.200.7.7/32 dev other; ip link set other up"
    asked = [{"key": "IP", "value": "10.200.7.7"}]
    daemon.set_up("before", args=asked)
    sh(module_host, other)
    (finding,) = daemon.stub.CheckNetwork(pb.CheckNetworkRequest(vm_id="before"), timeout=20).findings
    assert "10.200.7.7 is an address of the host itself" in finding.message
    assert daemon.tear_down("before").devices_gone
    told = refused(lambda: daemon.set_up("after", args=asked))
    assert told.reason == "CNI_RESULT_UNUSABLE"
    assert "10.200.7.7 is an address of the host itself" in told.message
    assert "which interface" in told.failure.hint
    assert reservations(module_host) == {}
    sh(module_host, "ip link del other")
    assert daemon.result("after", args=asked).ip_boot_param.startswith("10.200.7.7:")


def test_an_address_that_the_host_routes_elsewhere_is_refused(daemon: Daemon, module_host: Host) -> None:
    sh(
        module_host,
        "ip tuntap add other mode tap; ip link set other up; ip route add 10.200.8.8/32 dev other",
    )
    asked = [{"key": "IP", "value": "10.200.8.8"}]
    told = refused(lambda: daemon.set_up("vm", args=asked))
    assert told.reason == "CNI_ADD_FAILED"
    assert "10.200.8.8/32 is routed to ifindex" in told.message
    assert "use this address" in told.failure.hint
    assert reservations(module_host) == {}
    assert "10.200.8.8 dev other" in sh(module_host, "ip route")
    sh(module_host, "ip link del other")
    assert daemon.result("vm", args=asked).ip_boot_param.startswith("10.200.8.8:")


def test_a_lock_that_another_program_keeps_holds_its_own_network_alone(
    daemon: Daemon, module_host: Host
) -> None:
    elsewhere = {**ptp()["ipam"], "subnet": "10.205.0.0/16"}
    daemon.network("other", ptp(ipam=elsewhere), REDIRECT)
    daemon.set_up("stands")
    with (module_host.cni_state / "networks" / "fcnet" / "lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        waits = [daemon.stub.SetupNetwork(request(f"waits-{number}"), timeout=30) for number in range(4)]
        brief = refused(lambda: daemon.set_up("brief", seconds=0.2))
        assert brief.reason == "OPERATION_TIMEOUT"
        torn_down = daemon.stub.SetupNetwork(request("torn"), timeout=30)
        for number in range(3):
            assert daemon.result(f"bystander-{number}", "other").ip_boot_param
            assert daemon.tear_down(f"bystander-{number}").devices_gone
        # The VM is cut off and its devices go; only its address waits.
        assert daemon.tear_down("stands", wait=False).existed
        daemon.tear_down("torn", wait=False)
        assert refused(lambda: torn_down).reason == "TORN_DOWN"
        assert "stands" in reservations(module_host).values()
    for number, call in enumerate(waits):
        assert list(call)[-1].WhichOneof("event") == "result"
        assert daemon.tear_down(f"waits-{number}").existed
    daemon.quiet()
    assert reservations(module_host) == {}
