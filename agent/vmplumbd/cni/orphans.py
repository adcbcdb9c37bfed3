"""Processes that outlived the plugin that started them, in an agent that the kernel hands them to.

A process whose parent ends becomes a child of the nearest subreaper (prctl(2), PR_SET_CHILD_SUBREAPER), so one
that left its plugin's process group is still found: by the mark of its call in its environment, which it
inherited. One that runs with another environment is found where its plugin was the only one: nobody else can
have handed it on. Else it is missed; a control group (`cni.cells`) holds that one too.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

MARK = "VMPLUMB_CALL"

# A killed orphan hands its own children on to us: so many generations are followed.
_GENERATIONS = 64

# How long a process may be in the midst of execve(2), where its environment cannot be told, and how often to look.
_EXEC_SECONDS = 1.0
_EXEC_PERIOD = 0.001
_ENDED = (b"Z", b"X")


class Orphans:
    """The children of this process that no call of a plugin waits for. For several threads.

    Only for a process that is a subreaper and starts children in `cni.exec` alone: any other is reaped here.
    """

    def __init__(self) -> None:
        self._known: set[int] = set()
        self._guard = threading.Lock()
        # The mark of the call before which this process had no child, and since which no other has begun.
        self._only = ""

    def start(self, spawn: Callable[[], int], mark: str = "") -> int:
        """Spawn a child of the call with that mark, for which its caller will wait, and say so with `ended`."""
        with self._guard:
            self._only = mark if _has_no_child() else ""
            pid = spawn()
            self._known.add(pid)
        return pid

    def ended(self, pid: int) -> None:
        """The caller has waited for its child."""
        with self._guard:
            self._known.discard(pid)

    def reap(self) -> None:
        """Wait for orphans that have ended, as far as they come first. Does not block."""
        with self._guard:
            while True:
                try:
                    first = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
                except ChildProcessError:
                    return
                if first is None or first.si_pid in self._known:
                    return
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(first.si_pid, os.WNOHANG)

    def kill(self, mark: str) -> None:
        """Kill and reap every orphan of the call with that mark, and reap what has ended by itself.

        Its plugin must have ended. Blocks until they have.
        """
        wanted = f"{MARK}={mark}".encode()
        for _ in range(_GENERATIONS):
            with self._guard:
                # Whoever ended meanwhile has handed its children on to us: another look.
                every = bool(mark) and self._only == mark
                found = [pid for pid in _children() if pid not in self._known]
                if not sum(self._end(pid, wanted, every=every) for pid in found):
                    break

    @staticmethod
    def _end(pid: int, wanted: bytes, *, every: bool) -> bool:
        environment = _environment(Path(f"/proc/{pid}"))
        if environment is not None and wanted not in environment and not every:
            return False
        # Ours until we wait for it, so the number is still its own.
        if environment is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            # A leader that has ended may have threads that run: such a one is not waited for.
            return os.waitpid(pid, os.WNOHANG if environment is None else 0)[0] == pid
        return True


def _has_no_child() -> bool:
    """Whether this process has no child at all, not even one that has ended."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return True
    return False


def _read_children() -> list[int]:
    found: list[int] = []
    for thread in os.listdir("/proc/self/task"):  # noqa: PTH208 - names are all that is wanted
        with contextlib.suppress(OSError), open(f"/proc/self/task/{thread}/children", "rb") as file:  # noqa: PTH123
            found += [int(one) for one in file.read().split()]
    return found


def _children(read: Callable[[], list[int]] = _read_children) -> list[int]:
    # A child that goes while the kernel writes the list may hide the next one, but then the list was another
    # when it came to that child, and the next reading differs (proc(5), /proc/tid/children). No child is started
    # under the guard, so two readings alike are reached.
    last: list[int] | None = None
    while last != (found := read()):
        last = found
    return found


def _environment(process: Path, pause: Callable[[float], object] = time.sleep) -> list[bytes] | None:
    """The environment of a process with a directory in /proc: empty where it may not be read, None if it has ended.

    In the midst of execve(2) the file is empty for a moment, because the new stack has none yet: waits until it
    has, `_EXEC_SECONDS` at most. `pause` is called with seconds between two looks.
    """
    for _ in range(round(_EXEC_SECONDS / _EXEC_PERIOD)):
        try:
            found = _if_allowed(process / "environ")
            if found:
                return found.split(b"\0")
            fields = (process / "stat").read_bytes().rpartition(b")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return None
        except OSError:
            return []
        # proc(5): state is the third field, env_start and env_end are the 50th and the 51st.
        if fields[0] in _ENDED:
            return None
        if found is None or int(fields[47]) == int(fields[48]) != 0:
            return []
        pause(_EXEC_PERIOD)
    return []


def _if_allowed(file: Path) -> bytes | None:
    """What it holds, or None. What tells of a process that has ended is root's, whoever ran it."""
    try:
        return file.read_bytes()
    except PermissionError:
        return None
