"""A control group for each running plugin, so that all it has started can be killed at once.

A process group is left by setsid(2), a parent by a double fork; a control group is left by nobody who has no
right to write there. cgroup v2 with `cgroup.kill` (Linux 5.14), in a directory that is the agent's to divide:
systemd says so with Delegate=yes, and marks the directory (systemd:docs/CGROUP_DELEGATION.md).
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import re
import select
import threading
import time
from collections.abc import Callable
from pathlib import Path

_CALL = "call-"
_LEFT = "left"
_THIS_PROCESS = b"0"
_MARKS = ("user.delegate", "trusted.delegate")
_OCTAL = re.compile(r"\\([0-7]{3})")


def delegated(proc: Path = Path("/proc/self")) -> str:
    """The directory below which this process may make control groups, as systemd marked it; "" if there is none."""
    try:
        own = _own(proc)
    except OSError:
        return ""
    for mark in _MARKS if own else ():
        with contextlib.suppress(OSError):
            if os.getxattr(own, mark) == b"1":
                return own
    return ""


def _own(proc: Path) -> str:
    inside = next(
        (line[3:] for line in (proc / "cgroup").read_text().splitlines() if line.startswith("0::")), ""
    )
    if not inside:
        return ""
    for line in (proc / "mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        fields = before.split(" ")
        if after.startswith("cgroup2 ") and len(fields) > 4:
            root, place = (_OCTAL.sub(lambda found: chr(int(found[1], 8)), one) for one in fields[3:5])
            if root in ("/", inside) or inside.startswith(f"{root}/"):
                below = inside if root == "/" else inside[len(root) :]
                return place.rstrip("/") + below.rstrip("/")
    return ""


class Cell:
    """The control group of one call. Not for two threads at once."""

    def __init__(self, cells: Cells, directory: str) -> None:
        self._cells = cells
        self._directory = directory
        self._holds_us = False

    def spawn(self, spawn: Callable[[], int]) -> int:
        """Start a child that is born in here, so that nothing it starts is outside. Raises OSError of `spawn`.

        A child has its parent's control group from its first instruction. Moving it afterwards would leave
        out what it had started by then, so this process goes in, forks, and comes out again.
        """
        with self._cells.spawning:
            try:
                _write(f"{self._directory}/cgroup.procs", _THIS_PROCESS)
            except OSError:
                return spawn()  # disorder among the control groups is no reason to refuse a DEL
            try:
                return spawn()
            finally:
                try:
                    _write(f"{self._cells.home}/cgroup.procs", _THIS_PROCESS)
                except OSError:
                    self._holds_us = True  # it would kill this process too

    def kill(self) -> None:
        """SIGKILL for everything in it, at once, also for what is being forked. Does not wait, raises nothing."""
        if self._holds_us:
            return
        # Whoever kills has the process group to kill as well.
        with contextlib.suppress(OSError):
            _write(f"{self._directory}/cgroup.kill", b"1")

    def empty(self, seconds: float) -> bool:
        """Wait until nothing runs in it, for so long at most; answers whether it is so."""
        if self._holds_us:
            return False
        until = time.monotonic() + seconds
        try:
            fd = os.open(f"{self._directory}/cgroup.events", os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return True
        try:
            poll = select.poll()
            poll.register(fd, select.POLLPRI)
            while b"populated 1" in os.pread(fd, 256, 0):
                rest = until - time.monotonic()
                if rest <= 0:
                    return False
                poll.poll(rest * 1000 + 1)
            return True
        finally:
            os.close(fd)

    def close(self) -> None:
        """Remove it. What still runs there, since a plugin that succeeded left it, moves to a group for such."""
        for _ in range(0 if self._holds_us else 8):
            try:
                os.rmdir(self._directory)  # noqa: PTH106 - on the path of each call
            except FileNotFoundError:
                return
            except OSError as exc:
                if exc.errno != errno.EBUSY:
                    return  # it stays, empty, until the next start
                for pid in _members(self._directory):
                    with contextlib.suppress(OSError):
                        _write(f"{self._cells.left}/cgroup.procs", str(pid).encode())
            else:
                return


class Cells:
    """Control groups below one directory, in which this process may not be itself. For several threads.

    `home` is the control group of this process, `left` that of what plugins left on purpose; who is `spawning`
    is in another's meanwhile.
    """

    def __init__(self, directory: str) -> None:
        """Raises OSError where control groups cannot be made, or cannot be killed as one."""
        self._directory = directory
        self.home = _own(Path("/proc/self"))
        self.left = f"{directory}/{_LEFT}"
        self.spawning = threading.Lock()
        self._number = itertools.count()
        Path(self.left).mkdir(parents=True, exist_ok=True)
        # Not there before Linux 5.14, and in no directory that is not cgroup v2.
        os.stat(f"{self.left}/cgroup.kill")  # noqa: PTH116 - asked for its errno alone

    def open(self) -> Cell:
        """A control group for one call. Raises OSError."""
        while True:
            directory = f"{self._directory}/{_CALL}{next(self._number)}"
            try:
                os.mkdir(directory)  # noqa: PTH102 - on the path of each call
            except FileExistsError:
                continue  # of an agent before us, which `sweep` could not remove
            return Cell(self, directory)

    def sweep(self, seconds: float = 1.0) -> int:
        """End what calls of an agent that died have left running; answers how many groups there were.

        Blocks up to `seconds` a group. For a start, before any call.
        """
        found = 0
        for entry in sorted(Path(self._directory).glob(f"{_CALL}*")):
            found += 1
            cell = Cell(self, str(entry))
            cell.kill()
            with contextlib.suppress(OSError):
                cell.empty(seconds)
                entry.rmdir()
        return found


def _members(directory: str) -> list[int]:
    try:
        return [int(line) for line in Path(f"{directory}/cgroup.procs").read_text().split()]
    except OSError:
        return []


def _write(path: str, what: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, what)
    finally:
        os.close(fd)
