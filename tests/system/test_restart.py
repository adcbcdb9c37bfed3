"""Stop abandons, start adopts: what a killed, stopped or rebooted agent finds, keeps and takes back."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest

from tests.host import Host
from tests.snapshot import settled, snapshot
from tests.system.daemon import (
    REDIRECT,
    Daemon,
    daemon_in,
    eventually,
    ptp,
    refusal,
    refused,
    request,
    reservations,
    steps,
)
from tests.system.test_life import SLOW
from vmplumb import Client, Retry
from vmplumb.v1 import errors_pb2, vm_network_pb2
from vmplumb.v1 import network_agent_service_pb2 as pb


@pytest.fixture
def fresh(host: Host) -> Iterator[Daemon]:
    """A daemon and a host for one test, since the test ends the daemon."""
    with daemon_in(host, limits__first_retry="0.01", limits__longest_retry="0.05") as made:
        yield made


def test_networks_stay_while_the_agent_is_away_and_are_adopted(host: Host, fresh: Daemon) -> None:
    before = fresh.set_up("vm-1")
    there = settled(snapshot)
    assert fresh.terminate() == 0
    assert snapshot() == there
    fresh.start()
    assert fresh.wait_for("reconciled")["adopted"] == 1
    after = fresh.set_up("vm-1")
    assert [one.WhichOneof("event") for one in after] == ["result"]
    assert after[-1].replayed
    assert (after[-1].uid, after[-1].sequence) == (before[-1].uid, before[-1].sequence)
    assert after[-1].result == before[-1].result
    assert fresh.tear_down("vm-1").devices_gone
    assert reservations(host) == {}


def test_a_kill_during_a_set_up_is_undone_at_the_next_start_and_the_caller_may_repeat(
    host: Host, fresh: Daemon
) -> None:
    fresh.plugin("slow", SLOW)
    fresh.network("slow", ptp(), REDIRECT, {"type": "slow"})
    before = snapshot()
    call = fresh.stub.SetupNetwork(request("vm-1", "slow"), timeout=30)
    uid = next(iter(call)).uid
    eventually((fresh.directory / "in-vm-1").exists, "the plugin runs")
    fresh.kill()
    fresh.start()
    assert fresh.wait_for("reconciled")["undone"] == 1
    eventually(lambda: snapshot() == before, "the world is as it was")
    assert fresh.get("vm-1").phase == vm_network_pb2.PHASE_FAILED
    (fresh.directory / "gate").touch()
    again = fresh.set_up("vm-1", "slow")
    assert again[-1].WhichOneof("event") == "result"
    assert again[-1].uid != uid
    fresh.tear_down("vm-1")
    fresh.quiet()
    eventually(lambda: snapshot() == before, "the world is as it was")


def test_a_client_whose_set_up_a_kill_undid_gets_its_network_all_the_same(fresh: Daemon) -> None:
    fresh.plugin("slow", SLOW)
    fresh.network("slow", ptp(), REDIRECT, {"type": "slow"})
    asked = request("vm-1", "slow")
    began = threading.Event()
    target = f"unix:{fresh.socket}"
    with Client(target, retry=Retry(attempts=30, most=0.5)) as client, ThreadPoolExecutor(1) as caller:
        call = caller.submit(client.set_up, "vm-1", asked.spec, on_progress=lambda _: began.set(), timeout=30)
        eventually((fresh.directory / "in-vm-1").exists, "the plugin runs")
        assert began.wait(10)
        fresh.kill()
        (fresh.directory / "gate").touch()
        fresh.start()
        assert call.result(30).ip_boot_param
    assert fresh.tear_down("vm-1").existed


def test_a_start_does_not_wait_for_each_network_whose_plugin_hangs(host: Host) -> None:
    hangs = """
case $CNI_COMMAND in
VERSION) echo '{"cniVersion":"1.0.0","supportedVersions":["1.0.0"]}';;
ADD) sed -e 's/.*"prevResult": *//' -e 's/}$//';;
DEL) while [ -e $DIR/hang ]; do sleep 0.02; done;;
esac
"""
    with daemon_in(host, limits__undo_timeout="4") as made:
        before = snapshot()
        made.plugin("hangs", hangs)
        made.network("hanging", ptp(), REDIRECT, {"type": "hangs"})
        for number in range(5):
            made.set_up(f"vm-{number}", "hanging")
            host.run(["ip", "netns", "del", f"vm-{number}"])
        assert made.terminate() == 0
        (made.directory / "hang").touch()
        began = time.monotonic()
        made.start()
        # Each of them would have taken four seconds.
        assert time.monotonic() - began < 12
        assert made.wait_for("reconciled")["waiting"] == 5
        assert made.result("bystander").ip_boot_param
        (made.directory / "hang").unlink()
        for vm_id in ("bystander", *(f"vm-{number}" for number in range(5))):
            eventually(functools.partial(torn_down, made, vm_id), f"{vm_id} is taken back")
        made.quiet()
        eventually(lambda: snapshot() == before, "the world is as it was")


def torn_down(made: Daemon, vm_id: str) -> bool:
    """Whether its teardown is through, or there is nothing of it any more."""
    try:
        made.tear_down(vm_id)
    except grpc.RpcError:
        return False
    return True


def test_a_drain_lets_a_running_set_up_end(host: Host, fresh: Daemon) -> None:
    fresh.plugin("slow", SLOW)
    fresh.network("slow", ptp(), REDIRECT, {"type": "slow"})
    call = fresh.stub.SetupNetwork(request("vm-1", "slow"), timeout=30)
    next(iter(call))
    eventually((fresh.directory / "in-vm-1").exists, "the plugin runs")
    assert fresh.process is not None
    fresh.process.send_signal(signal.SIGTERM)
    fresh.wait_for("draining")
    assert refused(lambda: fresh.set_up("vm-2")).reason == "AGENT_NOT_READY"
    (fresh.directory / "gate").touch()
    assert fresh.wait() == 0
    fresh.start()
    assert fresh.get("vm-1").phase == vm_network_pb2.PHASE_READY
    fresh.tear_down("vm-1")


def test_after_a_reboot_what_lies_on_disk_is_released(host: Host, fresh: Daemon) -> None:
    fresh.set_up("vm-1")
    assert fresh.terminate() == 0
    # What a reboot does: the kernel's part is gone, the disk is not.
    host.run(["ip", "netns", "del", "vm-1"])
    eventually(lambda: "veth" not in host.run(["ip", "-br", "link"]).stdout, "the devices are gone")
    assert set(reservations(host).values()) == {"vm-1"}
    fresh.start(environment={"VMPLUMBD_BOOT_ID": "another-boot"})
    assert fresh.wait_for("reconciled")["released"] == 1
    assert reservations(host) == {}
    assert fresh.networks() == []
    assert not (host.cni_state / "vm-1").exists()


def test_after_a_reboot_what_the_journal_has_lost_is_taken_where_it_is_ours_alone(host: Host) -> None:
    """Rows may be lost with the power while files survive."""
    shared = ptp(ipam={**ptp()["ipam"], "subnet": "10.210.0.0/16"})
    with daemon_in(host, cni__owned_networks="fcnet") as made:
        made.network("shared", shared, REDIRECT)
        for vm_id, network in (("known", "fcnet"), ("lost", "fcnet"), ("theirs", "shared")):
            made.set_up(vm_id, network)
        assert made.terminate() == 0
        for vm_id in ("known", "lost", "theirs"):
            host.run(["ip", "netns", "del", vm_id])
        eventually(lambda: "veth" not in host.run(["ip", "-br", "link"]).stdout, "the devices are gone")
        with contextlib.closing(sqlite3.connect(made.directory / "state" / "journal.db")) as db, db:
            db.execute("DELETE FROM networks WHERE vm_id <> 'known'")
        networks = host.cni_state / "networks"
        # Of another runtime: one that ran before the boot, and one that runs already.
        (networks / "fcnet" / "10.200.5.5").write_text("stranger\r\neth0")
        (networks / "fcnet" / "10.200.6.6").write_text("young\r\neth0")
        (networks / "elsewhere").mkdir()
        (networks / "elsewhere" / "10.9.0.2").write_text("foreign\r\neth0")
        for folder, _, names in os.walk(host.cni_state):
            for name in names:
                if name != "10.200.6.6":
                    os.utime(Path(folder, name), (1, 1))  # before any boot
        made.start(environment={"VMPLUMBD_BOOT_ID": "another-boot"})
        assert made.networks() == []
        made.quiet()
        assert reservations(host) == {"10.200.6.6": "young"}
        assert list(reservations(host, "shared").values()) == ["theirs"]
        assert reservations(host, "elsewhere") == {"10.9.0.2": "foreign"}
        assert sorted(one.name for one in host.cni_state.iterdir()) == ["networks", "theirs"]
        told = {(line["vm_id"], line["taken"]) for line in made.lines if line["event"] == "reboot"}
        assert told == {("lost", True), ("stranger", True), ("young", False), ("theirs", False)}
        # The next start is of the same boot: nothing is swept any more.
        os.utime(networks / "fcnet" / "10.200.6.6", (1, 1))
        assert made.terminate() == 0
        made.start(environment={"VMPLUMBD_BOOT_ID": "another-boot"})
        assert reservations(host) == {"10.200.6.6": "young"}


def test_a_namespace_that_is_another_one_now_is_not_touched(host: Host, fresh: Daemon) -> None:
    fresh.set_up("vm-1")
    assert fresh.terminate() == 0
    host.run(["ip", "netns", "del", "vm-1"])
    eventually(lambda: "veth" not in host.run(["ip", "-br", "link"]).stdout, "the devices are gone")
    host.run(["ip", "netns", "add", "vm-1"])
    fresh.start()
    assert fresh.wait_for("reconciled")["adopted"] == 0
    assert "vm-1" in host.run(["ip", "netns"]).stdout
    assert reservations(host) == {}
    host.run(["ip", "netns", "del", "vm-1"])


def test_a_teardown_names_who_still_lives_in_the_namespace(host: Host, fresh: Daemon) -> None:
    fresh.set_up("vm-1")
    lodger = host.popen(["ip", "netns", "exec", "vm-1", "sleep", "60"])
    eventually(
        lambda: Path(f"/proc/{lodger.pid}/comm").read_text().strip() == "sleep", "it lives in the namespace"
    )

    def torn_down(milliseconds: int) -> pb.TeardownResult | None:
        """None where the machine is so busy that the time was over before the wait for the devices."""
        order = pb.TeardownNetworkRequest(vm_id="vm-1", wait_for_devices=True)
        order.operation_timeout.FromMilliseconds(milliseconds)
        try:
            return list(fresh.stub.TeardownNetwork(order, timeout=60))[-1].result
        except grpc.RpcError as exc:
            if refusal(exc).reason != "OPERATION_TIMEOUT":
                raise
            return None

    result = torn_down(300) or torn_down(10_000)
    assert result is not None
    assert not result.devices_gone
    assert [(one.pid, one.command) for one in result.holders] == [(lodger.pid, "sleep")]
    assert reservations(host) != {}
    lodger.kill()
    lodger.wait()
    eventually(lambda: reservations(host) == {}, "the address is free")


def test_a_client_waits_for_an_agent_that_is_held_up(fresh: Daemon) -> None:
    assert fresh.process is not None
    said: list[bool] = []
    with Client(f"unix:{fresh.socket}", retry=Retry(attempts=1)) as client:
        caller = threading.Thread(target=lambda: said.append(client.status(timeout=60).ready))
        fresh.process.send_signal(signal.SIGSTOP)
        try:
            caller.start()
            caller.join(2)
            waits = caller.is_alive()
        finally:
            fresh.process.send_signal(signal.SIGCONT)
        caller.join(60)
    assert (waits, said) == (True, [True])


LATER = """
case "$CNI_COMMAND" in
VERSION) echo '{"cniVersion":"1.0.0","supportedVersions":["1.0.0"]}'; exit 0;;
ADD)
  IN=$(cat); N=$(cat $DIR/tries 2>/dev/null || echo 0); N=$((N + 1)); echo $N > $DIR/tries
  if [ $N -le 2 ]; then ACT; fi
  echo "$IN" | python3 -c 'import json,sys; print(json.dumps(json.load(sys.stdin)["prevResult"]))';;
*) cat >/dev/null;;
esac
"""


@pytest.mark.parametrize(
    "act",
    ["""echo '{"code":11,"msg":"later"}'; exit 1""", "kill -9 $$"],
    ids=["code 11", "killed by a signal"],
)
def test_what_is_transient_is_tried_again_and_told(host: Host, fresh: Daemon, act: str) -> None:
    fresh.plugin("later", LATER.replace("ACT", act))
    fresh.network("later", ptp(), REDIRECT, {"type": "later"})
    before = snapshot()
    events = fresh.set_up("vm-1", "later")
    told = [one for one in events if one.progress.state == vm_network_pb2.STEP_STATE_RETRYING]
    assert [one.progress.attempt for one in told] == [1, 2]
    assert all(one.progress.HasField("retry_delay") for one in told)
    assert ("CNI_ADD", "SUCCEEDED") in steps(events)
    fresh.tear_down("vm-1")
    assert snapshot() == before


def test_what_outlasts_the_retries_is_undone_whole(host: Host, fresh: Daemon) -> None:
    always = LATER.replace("-le 2", "-le 99").replace("ACT", """echo '{"code":11,"msg":"later"}'; exit 1""")
    fresh.plugin("later", always)
    fresh.network("later", ptp(), REDIRECT, {"type": "later"})
    before = snapshot()
    told = refused(lambda: fresh.set_up("vm-1", "later"))
    assert told.reason == "CNI_TRY_AGAIN_LATER"
    assert told.retry_after is not None
    assert snapshot() == before
    assert fresh.get("vm-1").phase == vm_network_pb2.PHASE_FAILED
    # A failed vm_id may begin again, also with another spec, under a new uid.
    old = fresh.get("vm-1").uid
    assert fresh.set_up("vm-1")[-1].uid != old
    fresh.tear_down("vm-1")


def test_a_watch_sees_a_network_come_and_go_and_resumes_by_revision(fresh: Daemon) -> None:
    stream = fresh.stub.WatchNetworks(pb.WatchNetworksRequest(), timeout=30)
    seen = iter(stream)
    mark = next(seen)
    assert mark.WhichOneof("event") == "bookmark"
    fresh.set_up("vm-1")
    fresh.tear_down("vm-1")
    phases: list[vm_network_pb2.Phase.ValueType] = []
    while not phases or phases[-1] != vm_network_pb2.PHASE_REMOVED:
        change = next(seen)
        phases.append(change.network.phase)
    stream.cancel()  # type: ignore[no-untyped-call]  # grpc's stubs leave it so
    assert phases[:2] == [vm_network_pb2.PHASE_SETTING_UP, vm_network_pb2.PHASE_READY]
    again = fresh.stub.WatchNetworks(pb.WatchNetworksRequest(after_revision=mark.revision), timeout=30)
    replayed = [next(iter_).network.phase for iter_ in [iter(again)] for _ in phases]
    again.cancel()  # type: ignore[no-untyped-call]  # grpc's stubs leave it so
    assert replayed == phases
    lost = pb.WatchNetworksRequest(after_revision=10**9)
    assert refused(lambda: fresh.stub.WatchNetworks(lost, timeout=30)).reason == "RESUME_POSITION_LOST"


# Says which verbs it was called for; gives its prevResult on.
LISTED = """
IN=$(cat)
case "$CNI_COMMAND" in
VERSION) echo '{"cniVersion":"1.0.0","supportedVersions":["0.3.1","0.4.0","1.0.0"]}'; exit 0;;
ADD) echo "$IN" | python3 -c 'import json,sys; print(json.dumps(json.load(sys.stdin)["prevResult"]))';;
esac
echo "$CNI_COMMAND" >> $DIR/called
"""


def test_a_journal_that_saw_the_boot_proves_an_id_of_an_owned_network_fresh(host: Host) -> None:
    with daemon_in(host, cni__owned_networks="own") as made:
        made.plugin("listed", LISTED)
        for name in ("own", "shared"):
            made.network(name, ptp(), REDIRECT, {"type": "listed"})
        called = made.directory / "called"

        def verbs(network: str) -> list[str]:
            called.unlink(missing_ok=True)
            made.set_up("vm-1", network)
            told = called.read_text().split()
            made.tear_down("vm-1")
            made.quiet()
            return told

        # The journal began in this boot: something of before it may be there.
        assert verbs("own") == verbs("shared") == ["DEL", "ADD"]
        made.terminate()
        made.start(environment={"VMPLUMBD_BOOT_ID": "another-boot"})
        assert verbs("own") == ["ADD"]
        assert verbs("shared") == ["DEL", "ADD"]


def test_a_damaged_journal_is_set_aside_and_the_agent_says_so(host: Host, fresh: Daemon) -> None:
    assert fresh.terminate() == 0
    path = fresh.directory / "state" / "journal.db"
    for one in path.parent.glob("journal.db-*"):
        one.unlink()
    path.write_bytes(b"no journal any more" * 100)
    fresh.start()
    kept = Path(fresh.wait_for("journal.set_aside")["kept"])
    assert kept.read_bytes() == b"no journal any more" * 100
    (problem,) = fresh.status().problems
    assert str(kept) in problem.message
    fresh.set_up("vm-1")
    assert fresh.tear_down("vm-1").devices_gone


def test_a_journal_that_was_lost_keeps_gc_from_the_addresses_of_networks_it_knew(host: Host) -> None:
    with daemon_in(host, cni__owned_networks="fcnet") as made:
        before = snapshot()
        made.set_up("vm-1")
        made.terminate()
        journal = made.directory / "state" / "journal.db"
        journal.write_bytes(b"no journal at all, and long enough to be taken for one" * 40)
        for suffix in ("-wal", "-shm"):
            journal.with_name(f"journal.db{suffix}").unlink(missing_ok=True)
        made.start()
        assert made.networks() == []
        held = reservations(host)
        order = pb.CollectGarbageRequest(allow_empty=True, as_of_revision=made.status().revision)
        told = made.stub.CollectGarbage(order, timeout=20)
        assert [one.reason for one in told.cni_gc_failures] == [errors_pb2.ERROR_REASON_UNSUPPORTED]
        assert list(told.cni_gc_networks) == []
        assert reservations(host) == held == dict.fromkeys(held, "vm-1")
        # Set up again, the id is taken back from what lies there; the namespace is adopted, and so stays.
        made.set_up("vm-1")
        made.tear_down("vm-1")
        made.quiet()
        host.run(["ip", "netns", "del", "vm-1"])
    assert snapshot() == before
