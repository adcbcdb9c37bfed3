"""How far a kill reaches: what leaves its plugin's process group dies with it all the same."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import host as hosts
from tests.unit.cni.test_exec import gone, late
from vmplumbd.cni import cells, orphans
from vmplumbd.cni.cells import Cells
from vmplumbd.cni.error import PluginFailed, PluginTimedOut
from vmplumbd.cni.exec import ExecInvoker
from vmplumbd.cni.invoke import Command, Invocation

Plugin = Callable[..., Path]


@pytest.fixture
def groups() -> Iterator[Path]:
    """A directory of cgroup v2 to divide."""
    with hosts.control_group() as directory:
        yield directory


@pytest.fixture
def plugin(tmp_path: Path) -> Plugin:
    """Write the plugin `p` that starts a grandchild, waits until it is up, and then does as the text says."""

    def write(then: str, how: str = "setsid") -> Path:
        os.mkfifo(tmp_path / "pid")
        script = tmp_path / "p"
        script.write_text(
            f"#!/bin/sh\n{how} sh -c 'echo $$; exec sleep 600' >{tmp_path}/pid 3>&1 &\n"
            f"read pid <{tmp_path}/pid; echo $pid >{tmp_path}/told\n{then}\n"
        )
        script.chmod(0o755)
        return tmp_path / "told"

    return write


def invocation(directory: Path, *, seconds: float = 120.0) -> Invocation:
    return Invocation(
        command=Command.DEL,
        plugin="p",
        stdin=b"{}",
        container_id="c1",
        path=(str(directory),),
        deadline=time.monotonic() + seconds,
    )


@pytest.mark.cgroups
def test_a_failed_plugin_takes_a_grandchild_of_another_session_along(
    plugin: Plugin, groups: Path, tmp_path: Path
) -> None:
    told = plugin("exit 1")
    with pytest.raises(PluginFailed):
        ExecInvoker(cells=Cells(str(groups))).invoke(invocation(tmp_path))
    assert gone(int(told.read_text()))
    assert [one.name for one in groups.iterdir() if one.is_dir()] == ["left"]


@pytest.mark.cgroups
def test_the_deadline_takes_a_grandchild_of_another_session_along(
    plugin: Plugin, groups: Path, tmp_path: Path
) -> None:
    told = plugin("exec sleep 600")

    def attempt(seconds: float) -> None:
        with pytest.raises(PluginTimedOut):
            ExecInvoker(cells=Cells(str(groups))).invoke(invocation(tmp_path, seconds=seconds))

    late(told, attempt)
    assert gone(int(told.read_text()))


@pytest.mark.cgroups
def test_what_a_plugin_leaves_on_purpose_stays_in_a_group_for_such(
    plugin: Plugin, groups: Path, tmp_path: Path
) -> None:
    told = plugin("exit 0")
    assert ExecInvoker(cells=Cells(str(groups)), drain_seconds=0.1).invoke(invocation(tmp_path)) == b""
    pid = int(told.read_text())
    assert (groups / "left" / "cgroup.procs").read_text().split() == [str(pid)]
    os.kill(pid, signal.SIGKILL)
    assert gone(pid)


@pytest.mark.cgroups
def test_what_a_call_of_a_dead_agent_left_running_ends_at_the_next_start(groups: Path) -> None:
    dead = Cells(str(groups))
    pid = dead.open().spawn(lambda: os.posix_spawn("/bin/sleep", ["sleep", "600"], {}))
    assert Cells(str(groups)).sweep(60.0) == 1
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
    assert Cells(str(groups)).sweep() == 0


@pytest.mark.cgroups
def test_a_number_that_is_taken_is_passed_over(groups: Path) -> None:
    (groups / "call-0").mkdir()
    cell = Cells(str(groups)).open()
    assert (groups / "call-1").is_dir()
    cell.close()
    assert not (groups / "call-1").exists()


def test_no_directory_of_control_groups_is_told_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"cgroup\.kill"):
        Cells(str(tmp_path))


@pytest.mark.cgroups
def test_a_plugin_runs_though_its_control_group_cannot_be_made(
    plugin: Plugin, groups: Path, tmp_path: Path
) -> None:
    plugin("exit 1")
    made = Cells(str(groups))
    made._directory = "/proc/nowhere"
    with pytest.raises(PluginFailed, match="exit status 1"):
        ExecInvoker(cells=made).invoke(invocation(tmp_path))
    os.kill(int((tmp_path / "told").read_text()), signal.SIGKILL)


@pytest.mark.parametrize(
    ("cgroup", "mounts", "own"),
    [
        ("0::/a/b", "1 2 0:1 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw", "/sys/fs/cgroup/a/b"),
        (
            "5:memory:/x\n0::/",
            "1 2 0:1 / /sys/fs/cgroup/unified rw - cgroup2 none rw",
            "/sys/fs/cgroup/unified",
        ),
        ("0::/a/b", "1 2 0:1 /a /cg rw shared:1 - cgroup2 cgroup2 rw", "/cg/b"),
        ("0::/a/b", "1 2 0:1 /other /cg rw - cgroup2 cgroup2 rw", ""),
        ("0::/a", "1 2 0:1 / /with\\040blank rw - cgroup2 cgroup2 rw", "/with blank/a"),
        ("5:memory:/x", "1 2 0:1 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw", ""),
        ("0::/a", "1 2 0:1 / / rw - ext4 /dev/vda rw", ""),
    ],
)
def test_the_own_control_group_is_read_from_proc(tmp_path: Path, cgroup: str, mounts: str, own: str) -> None:
    (tmp_path / "cgroup").write_text(f"{cgroup}\n")
    (tmp_path / "mountinfo").write_text(f"{mounts}\n")
    assert cells._own(tmp_path) == own


def test_children_are_told_when_two_readings_of_the_kernels_list_agree() -> None:
    readings = iter([[1, 3], [2, 3], [2, 3], [3]])
    assert orphans._children(lambda: next(readings)) == [2, 3]
    assert list(readings) == [[3]]


STAT = "7 (with ) blank) {state} 1" + " 0" * 45 + " {start} {end} 0\n"


@pytest.mark.parametrize(
    ("environ", "stat", "told"),
    [
        (b"A=1\0B=2\0", "", [b"A=1", b"B=2", b""]),
        (b"", STAT.format(state="Z", start=0, end=0), None),
        (b"", STAT.format(state="S", start=4096, end=4096), []),
        (None, "", None),
    ],
    ids=["as it is", "ended", "without one", "gone"],
)
def test_an_environment_is_told_from_none_at_the_first_look(
    tmp_path: Path, environ: bytes | None, stat: str, told: list[bytes] | None
) -> None:
    if environ is not None:
        (tmp_path / "environ").write_bytes(environ)
    (tmp_path / "stat").write_text(stat)
    looks: list[float] = []
    assert orphans._environment(tmp_path, looks.append) == told
    assert looks == []


def test_an_environment_that_execve_has_not_written_yet_is_waited_for(tmp_path: Path) -> None:
    (tmp_path / "environ").write_bytes(b"")
    (tmp_path / "stat").write_text(STAT.format(state="R", start=0, end=0))
    left = iter((1, 2, 3))

    def pause(_: float) -> None:
        if next(left) == 3:
            (tmp_path / "environ").write_bytes(b"A=1\0")

    assert orphans._environment(tmp_path, pause) == [b"A=1", b""]
    assert list(left) == []


def test_an_environment_that_execve_never_writes_is_given_up_after_a_second(tmp_path: Path) -> None:
    (tmp_path / "environ").write_bytes(b"")
    (tmp_path / "stat").write_text(STAT.format(state="D", start=0, end=0))
    waits: list[float] = []
    assert orphans._environment(tmp_path, waits.append) == []
    assert sum(waits) == pytest.approx(1.0)


def test_the_mark_of_a_process_that_executes_without_end_is_seen_at_each_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orphans, "_EXEC_SECONDS", 60.0)  # it may be kept from running in the midst of execve
    again = tmp_path / "again"
    again.write_text(f"#!/bin/sh\nexec {again}\n")
    again.chmod(0o755)
    pid = os.posix_spawn(again, [str(again)], {orphans.MARK: "m"})
    try:
        seen = [orphans._environment(Path(f"/proc/{pid}")) for _ in range(1000)]
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    assert {f"{orphans.MARK}=m".encode() in (one or []) for one in seen} == {True}


# In a process of its own: a subreaper reaps whatever children it has. A killed plugin ends when the machine lets it.
SUBREAPER = """
import json, sys, time
from vmplumbd.cni import exec as exec_
from vmplumbd.cni.error import CniError
from vmplumbd.cni.exec import ExecInvoker
from vmplumbd.cni.invoke import Command, Invocation
from vmplumbd.cni.orphans import Orphans, _children
from vmplumbd.kernel import syscalls
exec_._REAP_SECONDS = 60.0
syscalls.become_subreaper()
invoker = ExecInvoker(orphans=Orphans(), drain_seconds=0.1)
given = Invocation(command=Command.DEL, plugin="p", stdin=b"{}", container_id="c1", path=(sys.argv[1],),
                   deadline=time.monotonic() + float(sys.argv[2]))
try:
    invoker.invoke(given)
    said = ""
except CniError as exc:
    said = type(exc).__name__
print(json.dumps({"said": said, "children": _children()}))
if sys.argv[3:]:
    sys.stdin.readline()
    invoker.orphans.reap()
    print(json.dumps(_children()))
"""


def as_subreaper(directory: Path, seconds: float, *more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SUBREAPER, str(directory), str(seconds), *more],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def ends(directory: Path, seconds: float) -> dict[str, object]:
    """What a subreaper says of its call, and which children it has left."""
    said: dict[str, object] = json.loads(as_subreaper(directory, seconds).communicate(timeout=200)[0])
    return said


def test_a_subreaper_finds_what_left_the_group_of_a_failed_plugin_by_its_mark(
    plugin: Plugin, tmp_path: Path
) -> None:
    told = plugin("exit 1")
    assert ends(tmp_path, 120.0) == {"said": "PluginFailed", "children": []}
    assert gone(int(told.read_text()))


def test_a_subreaper_finds_what_left_the_group_of_a_late_plugin_by_its_mark(
    plugin: Plugin, tmp_path: Path
) -> None:
    told = plugin("exec sleep 600")

    def attempt(seconds: float) -> None:
        assert ends(tmp_path, seconds) == {"said": "PluginTimedOut", "children": []}

    late(told, attempt)
    assert gone(int(told.read_text()))


def test_a_subreaper_finds_what_left_group_session_and_environment_of_the_only_plugin(
    plugin: Plugin, tmp_path: Path
) -> None:
    told = plugin("exit 1", how="env -i setsid")
    agent = as_subreaper(tmp_path, 30.0)
    assert json.loads(agent.communicate(timeout=60)[0]) == {"said": "PluginFailed", "children": []}
    assert gone(int(told.read_text()))


# A call with the mark "m" ends beside what argv[1] says; then an orphan without a mark is there.
UNMARKED = """
import json, os, sys, time
from vmplumbd.cni.orphans import Orphans, _children
made = Orphans()
def sleeper():
    return os.posix_spawn("/bin/sleep", ["sleep", "600"], {})
if sys.argv[1] == "one that was there":
    sleeper()
others = [made.start(sleeper, "before")] if sys.argv[1] == "one that began before" else []
called = made.start(sleeper, "m")
if sys.argv[1] == "one that began since":
    others.append(made.start(sleeper, "since"))
os.kill(called, 9)
os.waitpid(called, 0)
made.ended(called)
orphan = sleeper()
if sys.argv[1] == "one that began at its end":
    others.append(made.start(sleeper, "since"))
made.kill("m")
left = _children()
for one in left:
    os.kill(one, 9)
print(json.dumps(orphan in left))
"""


@pytest.mark.parametrize(
    ("beside", "stays"),
    [
        ("nobody", False),
        ("one that was there", True),
        ("one that began before", True),
        ("one that began since", True),
        ("one that began at its end", True),
    ],
)
def test_an_orphan_without_a_mark_is_a_plugin_s_if_it_can_be_nobody_else_s(
    beside: str, *, stays: bool
) -> None:
    told = subprocess.run(
        [sys.executable, "-c", UNMARKED, beside],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert json.loads(told.stdout) is stays


def test_a_subreaper_leaves_what_a_plugin_left_on_purpose_and_reaps_it_when_it_ends(
    plugin: Plugin, tmp_path: Path
) -> None:
    told = plugin("exit 0")
    agent = as_subreaper(tmp_path, 120.0, "reap")
    assert agent.stdout is not None
    pid = int(told.read_text()) if json.loads(agent.stdout.readline())["said"] == "" else 0
    os.kill(pid, signal.SIGKILL)
    assert gone(pid)
    assert json.loads(agent.communicate("go\n", timeout=60)[0]) == []


ENDED = """
import json, os
from vmplumbd.cni.orphans import Orphans, _children
made = Orphans()
ended = os.posix_spawn("/bin/true", ["true"], {})
os.waitid(os.P_PID, ended, os.WEXITED | os.WNOWAIT)
runs = os.posix_spawn("/bin/sleep", ["sleep", "600"], {"VMPLUMB_CALL": "other"})
made.kill("m")
left = _children()
made.kill("other")
print(json.dumps([left == [runs], _children()]))
"""


def test_a_kill_reaps_who_has_ended_and_leaves_the_orphans_of_other_calls() -> None:
    told = subprocess.run(
        [sys.executable, "-c", ENDED],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert json.loads(told.stdout) == [True, []]
