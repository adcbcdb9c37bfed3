"""A network from request to tear-down over gRPC: streams, replays, conflicts, and the world as before."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import grpc
import pytest

from tests.host import Host, an_owner, says_owner
from tests.snapshot import snapshot
from tests.system.daemon import (
    REDIRECT,
    Daemon,
    conflist,
    eventually,
    ptp,
    refused,
    request,
    reservations,
    static_request,
    steps,
)
from vmplumb.v1 import network_agent_service_pb2 as pb
from vmplumb.v1 import vm_network_pb2

pytestmark = pytest.mark.host


@pytest.fixture(autouse=True)
def world_as_before(daemon: Daemon) -> Iterator[None]:
    """Every test here leaves nothing behind."""
    before = snapshot()
    yield
    for one in daemon.networks():
        daemon.tear_down(one.vm_id)
    daemon.quiet()
    assert snapshot() == before


def test_a_stream_counts_from_one_and_ends_with_its_only_result(daemon: Daemon) -> None:
    live = daemon.set_up("life-1")
    assert not any(one.replayed for one in live)
    events = daemon.set_up("life-1")  # whoever was told the end alone can ask for all of it
    assert events[-1].result == live[-1].result
    assert [one.sequence for one in events] == list(range(1, len(events) + 1))
    assert {one.uid for one in events} == {daemon.get("life-1").uid}
    assert [one.WhichOneof("event") for one in events].count("result") == 1
    assert events[-1].WhichOneof("event") == "result"
    told = steps(events)
    order = [("CNI_LOAD", "SUCCEEDED"), ("NETNS", "SUCCEEDED"), ("CNI_ADD", "SUCCEEDED")]
    assert [told.index(one) for one in order] == sorted(told.index(one) for one in order)
    calls = [one.progress.plugin_call for one in events if one.progress.HasField("plugin_call")]
    assert [(one.type, one.command) for one in calls if one.command == "ADD"] == [
        ("ptp", "ADD"),
        ("tc-redirect-tap", "ADD"),
    ]


def test_a_result_is_what_the_vmm_and_the_guest_need(daemon: Daemon, module_host: Host) -> None:
    result = daemon.result("life-2", vm_if_name="eth7")
    (one,) = result.interfaces
    static, conf = one.static_configuration, one.vm_conf
    address, _, length = static.ip_configuration.ip_addr.partition("/")
    assert reservations(module_host) == {address: "life-2"}
    assert length == "16"
    assert conf.vm_ip_configs == [conf.vm_ip_config]
    assert static.host_dev_name == conf.tap_name
    assert result.netns_path.endswith("/netns/life-2")
    assert not result.netns_adopted
    gateway = static.ip_configuration.gateway
    assert result.ip_boot_param == f"{address}::{gateway}:255.255.0.0::eth7:off:::"
    assert json.loads(one.firecracker_interface.json) == {
        "iface_id": "1",
        "host_dev_name": conf.tap_name,
        "guest_mac": static.mac_address,
    }
    assert json.loads(one.cni_result.json)["cniVersion"] == one.cni_result.cni_version == "1.0.0"
    links = json.loads(module_host.run(["ip", "-n", "life-2", "-j", "link"]).stdout)
    assert {conf.tap_name, "eth0"} <= {link["ifname"] for link in links}
    assert next(link["mtu"] for link in links if link["ifname"] == conf.tap_name) == conf.vm_mtu


def test_a_ready_network_is_replayed_and_no_plugin_is_called(daemon: Daemon) -> None:
    first = daemon.set_up("life-3")
    again = daemon.set_up("life-3")
    assert all(one.replayed for one in again)
    assert [one.sequence for one in again] == list(range(1, first[-1].sequence + 1))
    assert {one.uid for one in again} == {first[-1].uid}
    assert again[-1].result == first[-1].result


def test_eight_callers_at_once_share_one_set_up(daemon: Daemon) -> None:
    start = threading.Barrier(8)

    def call(_: int) -> list[pb.SetupNetworkResponse]:
        start.wait()
        return daemon.set_up("life-4")

    with ThreadPoolExecutor(8) as pool:
        streams = list(pool.map(call, range(8)))
    assert len({one.uid for events in streams for one in events}) == 1
    assert len({events[-1].result.SerializeToString(deterministic=True) for events in streams}) == 1
    for events in streams:
        numbers = [one.sequence for one in events]
        assert numbers == sorted(set(numbers))


def test_who_hears_of_a_set_up_only_when_it_is_over_is_told_the_end_alone(daemon: Daemon) -> None:
    live = daemon.set_up("life-9")
    quick = [one for one in live if not one.replayed]
    assert quick[-1].HasField("result")
    # Either it was over before its caller looked, or its caller saw every step.
    assert len(quick) == 1 or [one.sequence for one in live] == list(range(1, live[-1].sequence + 1))


def test_another_spec_is_a_conflict_while_the_network_stands(daemon: Daemon) -> None:
    daemon.set_up("life-5")
    told = refused(lambda: daemon.set_up("life-5", vm_if_name="other"))
    assert (told.code, told.reason) == (grpc.StatusCode.ALREADY_EXISTS, "SPEC_CONFLICT")
    assert told.info.metadata["vm_id"] == "life-5"
    assert refused(lambda: daemon.set_up("life-5", force=True)).reason == "SPEC_CONFLICT"


def test_kernel_args_and_timeout_are_no_part_of_the_spec(daemon: Daemon) -> None:
    first = daemon.set_up("life-6", kernel_args="quiet")
    assert daemon.set_up("life-6", kernel_args="console=ttyS0", seconds=3)[-1].uid == first[-1].uid


def test_a_replay_after_resume_has_only_what_comes_after(daemon: Daemon) -> None:
    daemon.set_up("life-7")
    events = daemon.set_up("life-7")
    uid, middle = events[0].uid, len(events) // 2
    rest = daemon.set_up("life-7", resume={"uid": uid, "sequence": middle})
    assert [one.sequence for one in rest] == [one.sequence for one in events[middle:]]
    for lost, sequence in (("other", 1), (uid, len(events) + 1)):
        told = refused(partial(daemon.set_up, "life-7", resume={"uid": lost, "sequence": sequence}))
        assert (told.code, told.reason) == (grpc.StatusCode.OUT_OF_RANGE, "RESUME_POSITION_LOST")


def test_a_resume_of_nothing_begins_nothing(daemon: Daemon) -> None:
    told = refused(lambda: daemon.set_up("life-8", resume={"uid": "gone", "sequence": 1}))
    assert told.reason == "RESUME_POSITION_LOST"
    assert daemon.networks() == []


def test_validate_only_checks_and_does_nothing(daemon: Daemon) -> None:
    revision = daemon.status().revision
    assert daemon.set_up("life-9", validate_only=True) == []
    assert refused(lambda: daemon.set_up("life-9", "nope", validate_only=True)).reason == (
        "CNI_NETWORK_NOT_FOUND"
    )
    assert daemon.status().revision == revision
    daemon.set_up("life-9")
    assert daemon.set_up("life-9", validate_only=True) == []
    told = refused(lambda: daemon.set_up("life-9", vm_if_name="other", validate_only=True))
    assert told.reason == "SPEC_CONFLICT"


def test_teardown_of_nothing_and_a_second_one_are_success(daemon: Daemon) -> None:
    assert not daemon.tear_down("life-10").existed
    uid = daemon.set_up("life-10")[-1].uid
    done = daemon.tear_down("life-10")
    assert (done.existed, done.network_uid, done.devices_gone) == (True, uid, True)
    assert not daemon.tear_down("life-10").existed
    assert refused(lambda: daemon.get("life-10")).reason == "VM_NOT_FOUND"


def test_teardown_streams_its_steps_and_plugin_calls(daemon: Daemon) -> None:
    daemon.set_up("life-11")
    order = pb.TeardownNetworkRequest(vm_id="life-11", wait_for_devices=True)
    live = list(daemon.stub.TeardownNetwork(order, timeout=30))
    whole = pb.TeardownNetworkRequest(vm_id="life-11", resume=pb.ResumePosition(uid=live[-1].uid, sequence=0))
    events = list(daemon.stub.TeardownNetwork(whole, timeout=30))
    assert [one.sequence for one in events] == list(range(1, len(events) + 1))
    assert events[-1].result == live[-1].result
    told = steps(events)
    assert ("CUT_OFF", "SUCCEEDED") in told
    assert ("NETNS_REMOVE", "SUCCEEDED") in told
    calls = [one.progress.plugin_call for one in events if one.progress.HasField("plugin_call")]
    assert [(one.type, one.command) for one in calls] == [("tc-redirect-tap", "DEL"), ("ptp", "DEL")]
    # The stream broke before its end: the rest of it is still held.
    place = pb.ResumePosition(uid=events[0].uid, sequence=1)
    rest = pb.TeardownNetworkRequest(vm_id="life-11", resume=place)
    again = list(daemon.stub.TeardownNetwork(rest, timeout=30))
    assert [one.sequence for one in again] == [one.sequence for one in events[1:]]
    assert again[-1].result == events[-1].result


def test_another_uid_tears_nothing_down(daemon: Daemon) -> None:
    daemon.set_up("life-12")
    told = refused(lambda: daemon.tear_down("life-12", uid="0" * 32))
    assert (told.code, told.reason) == (grpc.StatusCode.ABORTED, "UID_MISMATCH")
    assert daemon.get("life-12").phase == vm_network_pb2.PHASE_READY
    check = daemon.stub.CheckNetwork(pb.CheckNetworkRequest(vm_id="life-12"))
    assert list(check.findings) == []


def test_a_vm_set_up_again_at_once_keeps_its_new_address(daemon: Daemon, module_host: Host) -> None:
    for _ in range(5):
        daemon.set_up("life-13")
        daemon.tear_down("life-13", wait=False)
    result = daemon.result("life-13")
    daemon.quiet()
    address = result.interfaces[0].static_configuration.ip_configuration.ip_addr.split("/")[0]
    assert reservations(module_host) == {address: "life-13"}
    assert list(daemon.stub.CheckNetwork(pb.CheckNetworkRequest(vm_id="life-13")).findings) == []


def test_an_address_stays_taken_while_a_vmm_holds_the_tap(daemon: Daemon, module_host: Host) -> None:
    result = daemon.result("life-14")
    address = result.interfaces[0].static_configuration.ip_configuration.ip_addr.split("/")[0]
    holder = module_host.popen(["ip", "netns", "exec", "life-14", "cat"], stdin=-1)
    inode = module_host.run(["stat", "-L", "-c", "%i", result.netns_path]).stdout
    eventually(
        lambda: inode in module_host.run(["stat", "-L", "-c", "%i", f"/proc/{holder.pid}/ns/net"]).stdout,
        "the holder is inside",
    )
    done = daemon.tear_down("life-14", wait=False)
    assert (done.existed, done.devices_gone) == (True, False)
    assert reservations(module_host) == {address: "life-14"}
    (due,) = daemon.status().pending_releases
    assert due.vm_id == "life-14"
    # The same VM may come back only when its former device has gone.
    told = refused(lambda: daemon.set_up("life-14", seconds=0.3))
    assert told.failure.retryable
    assert reservations(module_host) == {address: "life-14"}
    assert holder.stdin is not None
    holder.stdin.close()
    daemon.quiet()
    assert reservations(module_host) == {}
    daemon.set_up("life-14")


def test_an_existing_namespace_is_adopted_and_never_removed(daemon: Daemon, module_host: Host) -> None:
    module_host.run(["ip", "netns", "add", "mine"])
    try:
        before = snapshot()
        inside = module_host.run(["ip", "-n", "mine", "-br", "link"]).stdout
        result = daemon.result("life-15", netns_path="/run/netns/mine")
        assert result.netns_adopted
        assert result.netns_path == "/run/netns/mine"
        done = daemon.tear_down("life-15", wait=False)
        assert done.devices_gone
        assert snapshot() == before
        assert module_host.run(["ip", "-n", "mine", "-br", "link"]).stdout == inside
    finally:
        module_host.run(["ip", "netns", "del", "mine"])


def test_a_failed_set_up_leaves_an_adopted_namespace_as_it_was(daemon: Daemon, module_host: Host) -> None:
    daemon.network("tapless", ptp())
    module_host.run(["ip", "netns", "add", "mine"])
    try:
        before = snapshot()
        told = refused(lambda: daemon.set_up("life-16", "tapless", netns_path="/run/netns/mine"))
        assert (told.code, told.reason) == (grpc.StatusCode.INTERNAL, "CNI_RESULT_UNUSABLE")
        assert "such as tc-redirect-tap" in told.message
        assert snapshot() == before
        assert daemon.get("life-16").phase == vm_network_pb2.PHASE_FAILED
        daemon.tear_down("life-16")
    finally:
        module_host.run(["ip", "netns", "del", "mine"])


def test_what_is_no_namespace_is_refused_before_any_effect(daemon: Daemon, module_host: Host) -> None:
    path = module_host.netns_dir / "plain"
    path.touch()
    try:
        told = refused(lambda: daemon.set_up("life-17", netns_path=str(path)))
        assert (told.code, told.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "NOT_A_NETNS")
        assert told.message.startswith(f'path "{path}" does not appear to be a mounted netns: ')
        assert path.exists()
        assert daemon.networks() == []
    finally:
        path.unlink()


@pytest.mark.parametrize("path", ["/tmp/elsewhere", "/run/netns/../x", "/proc/1/ns/net", "/run/netns"])
def test_a_namespace_elsewhere_is_not_allowed(daemon: Daemon, path: str) -> None:
    told = refused(lambda: daemon.set_up("life-18", netns_path=path))
    assert (told.code, told.reason) == (grpc.StatusCode.PERMISSION_DENIED, "PATH_NOT_ALLOWED")
    assert told.violations == (("spec.netns_path", "path.not_allowed"),)


def test_directories_that_the_set_up_made_go_with_it(daemon: Daemon, module_host: Host) -> None:
    result = daemon.result("life-19", netns_path="/run/netns/pool/a/ns")
    assert (module_host.netns_dir / "pool/a").stat().st_mode & 0o777 == 0o755
    assert result.netns_path == "/run/netns/pool/a/ns"
    daemon.tear_down("life-19")
    assert not (module_host.netns_dir / "pool").exists()


def test_directories_that_several_set_ups_use_go_with_the_last(daemon: Daemon, module_host: Host) -> None:
    before = snapshot()
    for number, path in enumerate(("shared/one", "shared/two", "shared/three")):
        daemon.set_up(f"life-{number}", netns_path=f"/run/netns/{path}")
    for number in range(3):
        assert (module_host.netns_dir / "shared").exists()
        daemon.tear_down(f"life-{number}")
    assert not (module_host.netns_dir / "shared").exists()
    daemon.quiet()
    assert snapshot() == before


def test_static_interfaces_are_answered_and_nothing_is_made(daemon: Daemon) -> None:
    before = snapshot()
    (last,) = [
        one
        for one in daemon.stub.SetupNetwork(static_request("life-20", "tapA", "tapB"), timeout=60)
        if one.WhichOneof("event") == "result"
    ]
    assert [one.static_configuration.host_dev_name for one in last.result.interfaces] == ["tapA", "tapB"]
    assert [one.firecracker_interface.iface_id for one in last.result.interfaces] == ["1", "2"]
    assert last.result.ip_boot_param == ""
    assert snapshot() == before
    told = refused(
        lambda: daemon.stub.SetupNetwork(static_request("life-21", "tapA", netns_path="/run/netns/none"))
    )
    assert told.reason == "NOT_A_NETNS"
    assert [one.vm_id for one in daemon.networks()] == ["life-20"]


def test_a_static_address_drives_the_boot_parameter(daemon: Daemon) -> None:
    asked = static_request("life-22", "tap0")
    ip = asked.spec.network_interfaces.interfaces[0].static_configuration.ip_configuration
    ip.ip_addr, ip.gateway, ip.if_name = "198.51.100.2/24", "198.51.100.1", "eth0"
    ip.nameservers.extend(["192.0.2.1", "192.0.2.2"])
    result = list(daemon.stub.SetupNetwork(asked, timeout=60))[-1].result
    assert result.ip_boot_param == ("198.51.100.2::198.51.100.1:255.255.255.0::eth0:off:192.0.2.1:192.0.2.2:")


def test_tap_name_and_owner_are_the_callers(daemon: Daemon, module_host: Host) -> None:
    uid, gid = an_owner()
    result = daemon.result("life-23", tap={"name": "vm0tap", "uid": uid, "gid": gid})
    assert result.interfaces[0].static_configuration.host_dev_name == "vm0tap"
    shown = module_host.run(["ip", "-n", "life-23", "-d", "-j", "link", "show", "vm0tap"]).stdout
    (link,) = json.loads(shown)
    assert says_owner(link["linkinfo"]["info_data"], uid, gid)


def test_a_loopback_nameserver_is_passed_on_with_a_warning(daemon: Daemon) -> None:
    daemon.network("stub", ptp(dns={"nameservers": ["127.0.0.53"]}), REDIRECT)
    result = daemon.result("life-24", "stub")
    assert [one.reason for one in result.warnings] == [3]
    assert list(result.interfaces[0].vm_conf.vm_nameservers) == ["127.0.0.53"]
    assert ":off:127.0.0.53::" in result.ip_boot_param


def test_many_nameservers_are_cut_to_two_with_a_warning(daemon: Daemon) -> None:
    servers = ["2001:db8::53", "192.0.2.1", "192.0.2.2", "192.0.2.3"]
    daemon.network("dns", ptp(dns={"nameservers": servers}), REDIRECT)
    result = daemon.result("life-25", "dns")
    assert list(result.interfaces[0].vm_conf.vm_nameservers) == servers
    kept = result.interfaces[0].static_configuration.ip_configuration.nameservers
    assert list(kept) == ["192.0.2.1", "192.0.2.2"]
    assert sorted(one.reason for one in result.warnings) == [1, 2]


def test_capability_args_reach_the_plugin(daemon: Daemon) -> None:
    ipam: dict[str, Any] = {"type": "host-local", "ranges": [[{"subnet": "10.200.0.0/16"}]]}
    daemon.network(
        "caps", {"type": "ptp", "capabilities": {"ips": True}, "ipam": ipam}, REDIRECT, version="1.0.0"
    )
    result = daemon.result("life-26", "caps", capability_args=b'{"ips": ["10.200.9.9/16"]}')
    assert result.interfaces[0].static_configuration.ip_configuration.ip_addr == "10.200.9.9/16"


def test_an_inline_list_serves_as_well_as_a_file(daemon: Daemon) -> None:
    config = {"json": conflist("inline", ptp(), REDIRECT), "name": "inline"}
    assert daemon.result("life-27", "", network_config=config).ip_boot_param
    told = refused(lambda: daemon.set_up("life-28", "", network_config={"json": b"{}", "name": "x"}))
    assert (told.code, told.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "CONFIG_LIST_MISMATCH")
    assert told.violations
    other = {"json": config["json"], "name": "other"}
    assert refused(lambda: daemon.set_up("life-28", "", network_config=other)).reason == (
        "CONFIG_LIST_MISMATCH"
    )


def test_secrets_stay_out_of_records(daemon: Daemon) -> None:
    daemon.set_up(
        "life-29", args=[{"key": "IgnoreUnknown", "value": "1"}, {"key": "TOKEN", "value": "s3cret"}]
    )
    record = daemon.get("life-29")
    (interface,) = record.spec.network_interfaces.interfaces
    assert [(one.key, one.value) for one in interface.cni_configuration.args] == [
        ("IgnoreUnknown", ""),
        ("TOKEN", ""),
    ]
    assert b"s3cret" not in record.SerializeToString()
    daemon.set_up("life-30")
    assert daemon.get("life-30").spec_hash not in {"", record.spec_hash}


def test_a_caller_that_goes_away_ends_nothing(daemon: Daemon) -> None:
    daemon.plugin("slow", SLOW)
    daemon.network("slow", ptp(), REDIRECT, {"type": "slow"})
    gate = daemon.directory / "gate"
    call = daemon.stub.SetupNetwork(request("life-31", "slow"), timeout=30)
    first = next(iter(call))
    call.cancel()  # type: ignore[no-untyped-call]  # grpc's stubs leave it so
    late = daemon.stub.SetupNetwork(request("life-31", "slow"), timeout=0.2)
    with pytest.raises(grpc.RpcError) as caught:
        list(late)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert daemon.get("life-31").phase == vm_network_pb2.PHASE_SETTING_UP
    stream = daemon.stub.SetupNetwork(
        request("life-31", "slow", resume={"uid": first.uid, "sequence": first.sequence}), timeout=30
    )
    follower = iter(stream)
    assert next(follower).sequence == first.sequence + 1
    gate.touch()
    rest = list(follower)
    gate.unlink()
    assert rest[-1].WhichOneof("event") == "result"
    assert rest[-1].uid == first.uid


def test_a_teardown_ends_a_running_set_up(daemon: Daemon) -> None:
    daemon.plugin("slow", SLOW)
    daemon.network("slow", ptp(), REDIRECT, {"type": "slow"})
    failed: list[Any] = []
    running = daemon.stub.SetupNetwork(request("life-32", "slow"), timeout=60)
    next(iter(running))

    def follow() -> None:
        failed.append(refused(lambda: running))

    follower = threading.Thread(target=follow)
    follower.start()
    eventually((daemon.directory / "in-life-32").exists, "the plugin runs")
    # Nobody opens the gate: had the set-up not ended, this would outlast its deadline.
    assert daemon.tear_down("life-32").existed
    follower.join()
    assert (failed[0].code, failed[0].reason) == (grpc.StatusCode.ABORTED, "TORN_DOWN")
    assert refused(lambda: daemon.get("life-32")).reason == "VM_NOT_FOUND"
    (daemon.directory / "in-life-32").unlink()


SLOW = """
case "$CNI_COMMAND" in
VERSION) echo '{"cniVersion":"1.0.0","supportedVersions":["0.3.1","0.4.0","1.0.0"]}'; exit 0;;
ADD)
  IN=$(cat); : > $DIR/in-$CNI_CONTAINERID
  while [ ! -e $DIR/gate ]; do sleep 0.02; done
  rm -f $DIR/in-$CNI_CONTAINERID
  echo "$IN" | python3 -c 'import json,sys; print(json.dumps(json.load(sys.stdin)["prevResult"]))';;
*) cat >/dev/null;;
esac
"""
