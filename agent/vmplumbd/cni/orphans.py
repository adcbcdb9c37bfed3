"""Processes that outlived the plugin that started them, in an agent that the kernel hands them to.

A process whose parent ends becomes a child of the nearest subreaper (prctl(2), PR_SET_CHILD_SUBREAPER), so one
that left its plugin's process group is still found: by the mark of its call in its environment, which it
inherited. One that runs with another environment is not; a control group (`cni.cells`) holds that one too.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable

MARK = "VMPLUMB_CALL"

# A killed orphan hands its own children on to us: so many generations are followed.
_GENERATIONS = 64


class Orphans:
    """The children of this process that no call of a plugin waits for. For several threads.

    Only for a process that is a subreaper and starts children in `cni.exec` alone: any other is reaped here.
    """

    def __init__(self) -> None:
        self._known: set[int] = set()
        self._guard = threading.Lock()

    def start(self, spawn: Callable[[], int]) -> int:
        """Spawn a child that its caller will wait for, and say so with `ended`."""
        with self._guard:
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

    def kill(self, mark: str) -> int:
        """Kill and reap every orphan of the call with that mark; answers how many there were.

        Its plugin must have ended. Blocks until they have.
        """
        wanted = f"{MARK}={mark}".encode()
        killed = 0
        for _ in range(_GENERATIONS):
            with self._guard:
                found = [pid for pid in _children() if pid not in self._known and wanted in _environment(pid)]
                for pid in found:
                    # Ours until we wait for it, so the number is still its own.
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                for pid in found:
                    with contextlib.suppress(ChildProcessError):
                        os.waitpid(pid, 0)
            if not found:
                break
            killed += len(found)
        return killed


def _children() -> list[int]:
    found: list[int] = []
    for thread in os.listdir("/proc/self/task"):  # noqa: PTH208 - names are all that is wanted
        with contextlib.suppress(OSError), open(f"/proc/self/task/{thread}/children", "rb") as file:  # noqa: PTH123
            found += [int(one) for one in file.read().split()]
    return found


def _environment(pid: int) -> list[bytes]:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:  # noqa: PTH123 - a file of the kernel's
            return file.read().split(b"\0")
    except OSError:
        return []
