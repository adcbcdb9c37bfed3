"""Who keeps a network namespace, and so its devices, in being: read from /proc, which costs a walk."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from vmplumbd.kernel import syscalls
from vmplumbd.model.progress import Holder

# Whatever root a VMM sees: a jailed one has the device at the same place below its own.
_TUN = "/net/tun"
_TUNGETDEVNETNS = 0x54E3


def of_netns(inode: int, path: str) -> tuple[Holder, ...]:
    """Processes that hold a tap of the namespace with this inode, or live in it, which was at `path`; by pid.

    A process is told once, by its tap if it holds one. As far as /proc can be read. Blocks for a walk over every
    process.
    """
    found: list[Holder] = []
    for name in sorted((one for one in os.listdir("/proc") if one.isdigit()), key=int):  # noqa: PTH208 - names alone
        # A process may end while it is looked at, or belong to another user.
        with contextlib.suppress(OSError):
            lives = inode in homes(int(name))
            what = _tap_of(int(name), inode) or (path if lives else "")
            if what:
                command = Path(f"/proc/{name}/comm").read_text(encoding="utf-8", errors="replace").strip()
                found.append(Holder(pid=int(name), command=command, what=what))
    return tuple(found)


def homes(pid: int) -> dict[int, str]:
    """The network namespaces that a process lives in, by inode, each with a path into it.

    Each thread has its own, and the first one may have left. Of this process only the first counts: an operation
    is inside another namespace for a moment. Raises PermissionError.
    """
    found: dict[int, str] = {}
    own = pid == os.getpid()
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for thread in [str(pid)] if own else os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 - names alone
            path = f"/proc/{pid}/task/{thread}/ns/net"
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                found.setdefault(os.stat(path).st_ino, path)  # noqa: PTH116 - thousands of them
    return found


def _tap_of(pid: int, inode: int) -> str:
    """The name of a tap in the namespace that the process holds open; empty if it holds none that can be seen."""
    if pid == os.getpid():
        return ""  # what an operation of our own has open for a moment
    for number, name in _taps(pid):
        with contextlib.suppress(OSError):
            if _netns_of(pid, number) == inode:
                return name
    return ""


def _taps(pid: int) -> Iterator[tuple[int, str]]:
    """The descriptors of a process that are a tap, with its name."""
    with contextlib.suppress(OSError):
        for number in os.listdir(f"/proc/{pid}/fd"):  # noqa: PTH208 - names alone
            with contextlib.suppress(OSError):
                if not os.readlink(f"/proc/{pid}/fd/{number}").endswith(_TUN):  # noqa: PTH115 - thousands of them
                    continue
                told = Path(f"/proc/{pid}/fdinfo/{number}").read_text("utf-8", "replace")
                for line in told.splitlines():
                    key, _, value = line.partition(":")
                    if key == "iff" and value.strip():
                        yield int(number), value.strip()


def _netns_of(pid: int, number: int) -> int:
    """The inode of the namespace in which the tap behind another process's descriptor is."""
    process = os.pidfd_open(pid)
    try:
        tap = syscalls.pidfd_getfd(process, number)
        try:
            netns = fcntl.ioctl(tap, _TUNGETDEVNETNS)
        finally:
            os.close(tap)
        try:
            return os.fstat(netns).st_ino
        finally:
            os.close(netns)
    finally:
        os.close(process)
