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
from tests.unit.cni.test_exec import gone
from vmplumbd.cni import cells
from vmplumbd.cni.cells import Cells
from vmplumbd.cni.error import PluginFailed, PluginTimedOut
from vmplumbd.cni.exec import ExecInvoker
from vmplumbd.cni.invoke import Command, Invocation

Plugin = Callable[[str], Path]


@pytest.fixture
def groups() -> Iterator[Path]:
    """A directory of cgroup v2 to divide."""
    with hosts.control_group() as directory:
        yield directory


@pytest.fixture
def plugin(tmp_path: Path) -> Plugin:
    """Write the plugin `p` that starts a grandchild, waits until it is up, and then does as the text says."""

    def write(then: str) -> Path:
        os.mkfifo(tmp_path / "pid")
        script = tmp_path / "p"
        script.write_text(
            f"#!/bin/sh\nsetsid sh -c 'echo $$; exec sleep 600' >{tmp_path}/pid 3>&1 &\n"
            f"read pid <{tmp_path}/pid; echo $pid >{tmp_path}/told\n{then}\n"
        )
        script.chmod(0o755)
        return tmp_path / "told"

    return write


def invocation(directory: Path, *, seconds: float = 30.0) -> Invocation:
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
    with pytest.raises(PluginTimedOut):
        ExecInvoker(cells=Cells(str(groups))).invoke(invocation(tmp_path, seconds=5.0))
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
    assert Cells(str(groups)).sweep() == 1
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


# In a process of its own: a subreaper reaps whatever children it has.
SUBREAPER = """
import json, sys, time
from vmplumbd.cni.error import CniError
from vmplumbd.cni.exec import ExecInvoker
from vmplumbd.cni.invoke import Command, Invocation
from vmplumbd.cni.orphans import Orphans, _children
from vmplumbd.kernel import syscalls
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


@pytest.mark.parametrize(
    ("then", "seconds", "said"), [("exit 1", 30.0, "PluginFailed"), ("exec sleep 600", 2.0, "PluginTimedOut")]
)
def test_a_subreaper_finds_what_left_the_group_by_its_mark(
    plugin: Plugin, tmp_path: Path, then: str, seconds: float, said: str
) -> None:
    told = plugin(then)
    agent = as_subreaper(tmp_path, seconds)
    assert json.loads(agent.communicate(timeout=60)[0]) == {"said": said, "children": []}
    assert gone(int(told.read_text()))


def test_a_subreaper_leaves_what_a_plugin_left_on_purpose_and_reaps_it_when_it_ends(
    plugin: Plugin, tmp_path: Path
) -> None:
    told = plugin("exit 0")
    agent = as_subreaper(tmp_path, 30.0, "reap")
    assert agent.stdout is not None
    pid = int(told.read_text()) if json.loads(agent.stdout.readline())["said"] == "" else 0
    os.kill(pid, signal.SIGKILL)
    assert gone(pid)
    assert json.loads(agent.communicate("go\n", timeout=60)[0]) == []
