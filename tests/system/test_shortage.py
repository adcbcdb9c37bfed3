"""What the host has no more of: room on a disk, a disk to write on, descriptors, netlink's buffers.

Who meets it is refused with reason, place and hint, and nothing of the try is left; others are served; what
stands stays and can be torn down; once there is enough again, the same call goes through.
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

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
    reservations,
)
from vmplumb.v1 import network_agent_service_pb2 as pb
from vmplumb.v1 import network_agent_service_pb2_grpc as pb_grpc
from vmplumb.v1 import vm_network_pb2
from vmplumbd.errors import Reason

Spoil = Callable[[Host, Path], AbstractContextManager[None]]


@contextmanager
def small_disk(host: Host, place: Path) -> Iterator[Path]:
    """A tmpfs of 1 MiB at `place`, gone with the block."""
    place.mkdir(parents=True, exist_ok=True)
    host.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=0755", "small", str(place)])
    try:
        yield place
    finally:
        host.run(["umount", "-l", str(place)])


@contextmanager
def full(_host: Host, place: Path) -> Iterator[None]:
    """Not a byte more fits on the disk, for the block."""
    ballast = place / "ballast"
    fd = os.open(ballast, os.O_WRONLY | os.O_CREAT)
    with suppress(OSError):
        while os.write(fd, bytes(4096)):
            pass
    os.close(fd)
    yield
    ballast.unlink()


@contextmanager
def read_only(host: Host, place: Path) -> Iterator[None]:
    """The disk is read-only, for the block."""
    # Without the options it has: among them are ids that the user namespace of an ordinary user does not know.
    remount = ["mount", "--options-mode", "ignore", "-o"]
    host.run([*remount, "remount,ro", str(place)])
    yield
    host.run([*remount, "remount,rw", str(place)])


def findings(daemon: Daemon, vm_id: str) -> list[str]:
    asked = pb.CheckNetworkRequest(vm_id=vm_id)
    return [one.message for one in daemon.stub.CheckNetwork(asked, timeout=20).findings]


@pytest.mark.parametrize(
    ("spoil", "hint"), [(full, "is the disk full?"), (read_only, "is the disk read-only?")]
)
@pytest.mark.parametrize("where", ["networks", "caches"])
def test_a_disk_under_reservations_or_caches_is_full_or_read_only(
    daemon: Daemon, module_host: Host, where: str, spoil: Spoil, hint: str
) -> None:
    elsewhere = {**ptp()["ipam"], "subnet": "10.201.0.0/16", "dataDir": "/run/elsewhere"}
    daemon.network("other", ptp(ipam=elsewhere), REDIRECT)
    before = snapshot()
    with small_disk(module_host, module_host.cni_state / where) as place:
        caches: dict[str, dict[str, Any]] = {
            one: {"cache_dir": f"{place}/{one}"} if where == "caches" else {} for one in ("stands", "hit")
        }
        daemon.set_up("stands", **caches["stands"])
        with spoil(module_host, place):
            told = refused(lambda: daemon.set_up("hit", **caches["hit"]))
            assert (told.code, told.reason) == (grpc.StatusCode.INTERNAL, "CNI_ADD_FAILED")
            assert str(place) in told.message
            assert told.failure.hint == hint
            assert told.failure.retryable
            assert list(told.failure.leftovers) == []
            assert daemon.result("bystander", "other").ip_boot_param
            assert daemon.tear_down("bystander").devices_gone
            assert findings(daemon, "stands") == []
            assert daemon.get("hit").phase == vm_network_pb2.PHASE_FAILED
            torn = daemon.tear_down("stands")
            assert torn.devices_gone
            # What a read-only disk keeps is told, and tried again.
            assert [one.what for one in torn.leftovers] == (["fcnet/eth0"] if spoil is read_only else [])
        daemon.quiet()
        assert "stands" not in reservations(module_host).values()
        assert daemon.result("hit", **caches["hit"]).ip_boot_param
        daemon.tear_down("hit")
        daemon.quiet()
    assert snapshot() == before


# A plugin that uses up the room while it is called, once a file says so: what follows cannot be recorded.
GREEDY = """
if [ -e $DIR/greedy-at-$CNI_COMMAND ]; then rm $DIR/greedy-at-$CNI_COMMAND; cat /dev/zero >PLACE/ballast; fi
case "$CNI_COMMAND" in
VERSION) echo '{"cniVersion":"1.0.0","supportedVersions":["1.0.0"]}';;
ADD) sed -e 's/.*"prevResult": *//' -e 's/}$//';;
*) cat >/dev/null;;
esac
"""


@contextmanager
def journal_on_a_small_disk(host: Host) -> Iterator[tuple[Daemon, Path]]:
    """A daemon whose state directory is a small disk, with the network `greedy`."""
    place = Path("/run/vmplumb")
    with small_disk(host, place), daemon_in(host, paths__state_dir=str(place)) as daemon:
        daemon.plugin("greedy", GREEDY.replace("PLACE", str(place)))
        elsewhere = {**ptp()["ipam"], "subnet": "10.202.0.0/16"}
        daemon.network("greedy", ptp(ipam=elsewhere), REDIRECT, {"type": "greedy"})
        yield daemon, place


def test_a_full_disk_under_the_journal(host: Host) -> None:
    before = snapshot()
    with journal_on_a_small_disk(host) as (daemon, place):
        daemon.set_up("stands")
        there = settled(snapshot)
        with full(host, place):  # before the first effect
            told = refused(lambda: daemon.set_up("early"))
            assert (told.code, told.reason) == (grpc.StatusCode.UNAVAILABLE, "JOURNAL_FAILED")
            assert str(place) in told.message
            assert told.failure.hint == "is the disk full?"
            assert snapshot() == there
            assert refused(lambda: daemon.tear_down("stands")).reason == "JOURNAL_FAILED"
            assert [(one.vm_id, one.phase) for one in daemon.networks()] == [
                ("stands", vm_network_pb2.PHASE_READY)
            ]
            assert findings(daemon, "stands") == []
            assert daemon.set_up("stands")[-1].replayed
        (daemon.directory / "greedy-at-ADD").touch()  # before the commit
        told = refused(lambda: daemon.set_up("late", "greedy"))
        assert told.reason == "JOURNAL_FAILED"
        assert list(told.failure.leftovers) == []
        assert snapshot() == there
        assert refused(lambda: daemon.set_up("late", "greedy")).reason == "JOURNAL_FAILED"
        (place / "ballast").unlink()
        # What was under way when there was no room is in nobody's way.
        for one in ("early", "late"):
            assert daemon.result(one).ip_boot_param
        for one in ("early", "late", "stands"):
            assert daemon.tear_down(one).devices_gone
        daemon.quiet()
        assert daemon.networks() == []
    assert snapshot() == before


class FailingDisk:
    """An ext4 of its own, on an image, whose file system can meet an error: it is read-only from then on."""

    def __init__(self, host: Host, image: Path, place: Path) -> None:
        self.host = host
        self.image = image
        self.place = place
        with image.open("wb") as made:
            made.truncate(16 << 20)
        host.run(["mkfs.ext4", "-q", str(image)])
        place.mkdir()

    def mount(self) -> None:
        """There, and writable: as after the repair."""
        self.host.run(["mount", "-o", "loop,errors=remount-ro", str(self.image), str(self.place)])

    @property
    def fault(self) -> Path:
        """What is written there is an error of the file system."""
        device = self.host.run(["findmnt", "-n", "-o", "SOURCE", str(self.place)]).stdout.strip()
        return Path(f"/sys/fs/ext4/{Path(device).name}/trigger_fs_error")

    def sync(self) -> None:
        """What was written is on the disk."""
        self.host.run(["sync", "-f", str(self.place)])

    def unmount(self) -> None:
        """Gone; nobody uses it."""
        self.host.run(["umount", str(self.place)])


@pytest.fixture
def failing_disk(host: Host, tmp_path: Path) -> Iterator[FailingDisk]:
    """A disk that can fail, mounted; gone afterwards."""
    made = FailingDisk(host, tmp_path / "image", Path("/run/vmplumb"))
    made.mount()
    yield made
    # Also after a failure, while a daemon still holds it.
    host.run(["umount", "-l", str(made.place)], check=False)


# A plugin under whose ADD the file system fails, once a file says so.
FAILS_THE_DISK = """
case "$CNI_COMMAND" in
VERSION) echo '{"cniVersion":"1.0.0","supportedVersions":["1.0.0"]}';;
ADD) if [ -e $DIR/fail ]; then rm $DIR/fail; echo "a fault of the test" >FAULT; fi
  sed -e 's/.*"prevResult": *//' -e 's/}$//';;
*) cat >/dev/null;;
esac
"""


@pytest.mark.disk
def test_the_journal_s_file_system_becomes_read_only_while_the_agent_runs(
    host: Host, failing_disk: FailingDisk
) -> None:
    place = failing_disk.place
    before = snapshot()
    hint = "does the disk work, has it room, and has its file system become read-only?"
    with daemon_in(host, paths__state_dir=str(place)) as daemon:
        daemon.plugin("fails-the-disk", FAILS_THE_DISK.replace("FAULT", str(failing_disk.fault)))
        elsewhere = {**ptp()["ipam"], "subnet": "10.202.0.0/16"}
        daemon.network("failing", ptp(ipam=elsewhere), REDIRECT, {"type": "fails-the-disk"})
        daemon.set_up("stands")
        daemon.tear_down("gone")
        failing_disk.sync()
        there = settled(snapshot)
        (daemon.directory / "fail").touch()
        # Between the first effect and the commit.
        told = refused(lambda: daemon.set_up("late", "failing"))
        assert (told.code, told.reason) == (grpc.StatusCode.UNAVAILABLE, "JOURNAL_FAILED")
        assert str(place) in told.message
        assert told.failure.hint == hint
        assert told.failure.retryable
        assert list(told.failure.leftovers) == []
        assert snapshot() == there
        for act in (
            lambda: daemon.set_up("early"),
            lambda: daemon.set_up("late", "failing"),
            lambda: daemon.tear_down("stands"),
        ):
            assert refused(act).reason == "JOURNAL_FAILED"
            assert snapshot() == there
        # What needs no journal is answered, and the network stands.
        assert daemon.get("stands").phase == vm_network_pb2.PHASE_READY
        assert findings(daemon, "stands") == []
        assert daemon.set_up("stands")[-1].replayed
        assert daemon.status().ready
        # Such a file system comes back by another mount alone, so the agent is started again.
        assert daemon.terminate() == 0
        told_at_start = host.run(daemon.command(), check=False)
        assert (told_at_start.returncode, "Read-only file system" in told_at_start.stderr) == (3, True)
        failing_disk.unmount()
        failing_disk.mount()
        daemon.start()
        assert [(one.vm_id, one.phase) for one in daemon.networks() if one.vm_id == "stands"] == [
            ("stands", vm_network_pb2.PHASE_READY)
        ]
        assert findings(daemon, "stands") == []
        for one in ("early", "late"):
            assert daemon.result(one).ip_boot_param
        for one in ("early", "late", "stands"):
            assert daemon.tear_down(one).devices_gone
        daemon.quiet()
        assert daemon.networks() == []
        assert daemon.terminate() == 0
    assert snapshot() == before


def test_a_teardown_that_cannot_be_recorded_is_done_again(host: Host) -> None:
    before = snapshot()
    with journal_on_a_small_disk(host) as (daemon, place):
        for one in ("repeated", "replaced", "left"):
            daemon.set_up(one, "greedy")
            (daemon.directory / "greedy-at-DEL").touch()
            assert refused(lambda vm_id=one: daemon.tear_down(vm_id)).reason == "JOURNAL_FAILED"  # type: ignore[misc]
            (place / "ballast").unlink()
        assert daemon.tear_down("repeated").devices_gone
        assert daemon.result("replaced").ip_boot_param
        assert daemon.tear_down("replaced").devices_gone
        # Nobody asks again: the agent itself does.
        eventually(lambda: "left" not in reservations(host, "greedy").values(), "what is left is released")
        eventually(
            lambda: (
                [(one.vm_id, one.phase) for one in daemon.networks()]
                in ([], [("left", vm_network_pb2.PHASE_FAILED)])
            ),
            "and recorded",
        )
        daemon.tear_down("left")
        daemon.quiet()
    assert snapshot() == before


def test_a_state_directory_that_cannot_be_written_refuses_the_start(host: Host, tmp_path: Path) -> None:
    place = Path("/run/vmplumb")
    with small_disk(host, place), read_only(host, place):
        words = ["serve", "--set", f"paths.state_dir={place}", "--set", f"listen.unix={tmp_path}/sock"]
        done = host.run([sys.executable, "-m", "vmplumbd", *words], check=False)
    assert done.returncode == 3
    assert f"cannot use journal {place}" in done.stderr
    assert "is the disk read-only?" in done.stderr


def descriptors(daemon: Daemon) -> list[int]:
    assert daemon.process is not None
    return sorted(int(one.name) for one in Path(f"/proc/{daemon.process.pid}/fd").iterdir())


def leave_free(daemon: Daemon, count: int | None) -> None:
    """Let the daemon open `count` more descriptors; None for as many as it likes."""
    assert daemon.process is not None
    pid = daemon.process.pid
    _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    held = descriptors(daemon)
    free = [number for number in range(max(held) + 100) if number not in held]
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (hard if count is None else free[count], hard))


def test_without_descriptors_a_set_up_is_refused_whole_and_a_teardown_is_made_up_for(host: Host) -> None:
    before = snapshot()
    with daemon_in(host, limits__exec_threads="1", limits__first_retry="0.001") as daemon:
        daemon.plugin("pass-on", GREEDY)
        daemon.network("mixed", ptp(), REDIRECT, {"type": "pass-on"})
        for network in ("fcnet", "mixed"):
            daemon.set_up("warm", network)
            assert findings(daemon, "warm") == []
            daemon.tear_down("warm")
        daemon.quiet()
        held = descriptors(daemon)
        ended: set[str] = set()
        for network in ("fcnet", "mixed"):
            for count in range(8):
                leave_free(daemon, count)
                try:
                    daemon.set_up("vm", network)
                    ended.add("well")
                except grpc.RpcError as exc:
                    told = refusal(exc)
                    ended.add(told.reason)
                    assert told.failure.hint == "is the agent's limit of open files (LimitNOFILE) too low?", (
                        told
                    )
                    assert "oo many open files" in told.message
                assert daemon.status().ready
                assert len(daemon.networks()) <= 1
                with suppress(grpc.RpcError):
                    daemon.tear_down("vm")
                leave_free(daemon, None)
                daemon.tear_down("vm")
                daemon.quiet()
                assert snapshot() == before, (network, count)
                eventually(lambda: len(descriptors(daemon)) <= len(held), "no descriptor is lost")
        assert {"well", "KERNEL_FAULT"} < ended <= {"well", *Reason}, ended
        assert daemon.tear_down("vm").devices_gone
        assert [one for one in daemon.lines if one["event"] == "operation.fault"] == []


def test_a_caller_that_finds_no_descriptor_free_is_served_later(host: Host) -> None:
    with daemon_in(host) as daemon:
        assert daemon.status().ready
        leave_free(daemon, 0)
        with grpc.insecure_channel(f"unix:{daemon.socket}") as late:
            call = pb_grpc.NetworkAgentServiceStub(late).GetStatus.future(
                pb.GetStatusRequest(), timeout=20, wait_for_ready=True
            )
            assert daemon.status().ready
            leave_free(daemon, None)
            assert call.result().ready


def test_answers_of_the_kernel_that_are_lost_are_made_up_for(host: Host) -> None:
    class Deaf(Daemon):
        def command(self) -> list[str]:
            return [word if word != "vmplumbd" else "tests.system.deaf" for word in super().command()]

    hint = "is the host out of memory, or netlink's receive buffer too small?"
    before = snapshot()
    with tempfile.TemporaryDirectory(prefix="vmplumbd-") as name:
        daemon = Deaf(host, Path(name), {"limits.first_retry": "0.001"})
        flag = daemon.directory / "deaf"
        daemon.start(environment={"VMPLUMB_TEST_DEAF": str(flag)})
        daemon.set_up("stands")
        flag.touch()
        told = refused(lambda: daemon.set_up("vm"))
        assert told.failure.hint == hint
        assert "ENOBUFS" in told.message
        # What could not be taken back for the same reason is told, and tried again.
        assert all(one.will_retry for one in told.failure.leftovers)
        told = refused(lambda: findings(daemon, "stands"))
        assert (told.reason, told.failure.hint) == ("KERNEL_FAULT", hint)
        # Whether a teardown needs an answer that is lost is the kernel's affair.
        with suppress(grpc.RpcError):
            daemon.tear_down("stands")
        assert daemon.status().ready
        flag.unlink()
        assert daemon.result("vm").ip_boot_param
        for one in ("vm", "stands"):
            assert daemon.tear_down(one).devices_gone
        daemon.quiet()
        assert snapshot() == before
        assert daemon.terminate() == 0
