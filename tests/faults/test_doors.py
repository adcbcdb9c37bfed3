"""Nothing leaves the agent but through a door: what a run really calls is compared with what the seam counts."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import sys
import types
from typing import Any

from tests.faults import seam as seams
from tests.faults.bench import HostPlace, bench
from tests.faults.seam import Seam, entries_of
from tests.host import Host
from vmplumbd.kernel import syscalls
from vmplumbd.kernel.rtnl import Channel

# Methods of sockets, connections, cursors and files that only ask, or give back.
ASKING = frozenset(
    {"fileno", "setsockopt", "getsockname", "close", "fetchone", "fetchall", "read", "readall"}
)
# A datagram socket's connect looks for a route and sends nothing.
ASKING_IN = {"connect": "kernel.linux:is_own_address"}
OF_A_CHANNEL = frozenset(
    f"kernel.rtnl:{name}" for name in ("exchange", "dump", "transact", "_receive", "_drain")
)
OF_A_LISTING = frozenset({"__enter__", "__exit__", "close", "is_dir", "is_file", "is_symlink"})
OF_A_CONNECTION = frozenset({"execute", "executemany"})


def test_what_set_up_and_teardown_call_is_what_the_seam_counts(host: Host) -> None:
    called: set[tuple[str, str, str]] = set()

    def look(frame: types.FrameType, event: str, function: Any) -> None:
        if event == "c_call" and (asker := _asker(frame)) is not None:
            owner = getattr(function, "__self__", None)
            home = getattr(function, "__module__", None) or type(owner).__module__
            called.add((str(home), function.__name__, asker))

    place = HostPlace()
    for adopted in (False, True):
        with bench(Seam(), place, adopted=adopted) as made:
            real = place.run

            def run(act: Any, real: Any = real) -> Any:
                def watched() -> Any:
                    sys.setprofile(look)
                    try:
                        return act()
                    finally:
                        sys.setprofile(None)

                return real(watched)

            place.run = run  # type: ignore[method-assign]
            assert made.set_up().log.error is None
            made.finish()
            place.run = real  # type: ignore[method-assign]
    place.leave()
    assert {("posix", "link"), ("posix", "mkdir"), ("fcntl", "flock")} <= {
        (home, name) for home, name, _ in called
    }
    uncounted = sorted(one for one in called if not _counted(*one))
    assert uncounted == []


def test_only_one_module_calls_the_c_library(host: Host) -> None:
    import ctypes

    with_ctypes = {
        name
        for name, module in sys.modules.items()
        if name.startswith("vmplumbd.") and any(value is ctypes for value in vars(module).values())
    }
    assert with_ctypes == {syscalls.__name__}
    assert {"mount", "umount", "setns", "unshare"} <= set(entries_of(syscalls))


def _asker(frame: types.FrameType) -> str | None:
    there: types.FrameType | None = frame
    while there is not None:
        module = there.f_globals.get("__name__", "")
        if module.startswith("vmplumbd."):
            return f"{module.removeprefix('vmplumbd.')}:{there.f_code.co_name}"
        if module not in seams._BETWEEN:
            return None
        there = there.f_back
    return None


def _counted(home: str, name: str, asker: str) -> bool:
    if home == "posix" and not hasattr(os, name):
        return name in OF_A_LISTING
    if home == "posix":
        return name in seams.UNCOUNTED or name in seams.counted_functions()
    if home == "fcntl":
        return hasattr(fcntl, name) and name in {"flock", "ioctl", "fcntl", "lockf"}
    if home in {"_socket", "socket"}:
        return name in ASKING or asker in OF_A_CHANNEL or ASKING_IN.get(name) == asker
    if home in {sqlite3.Connection.__module__, "_sqlite3"}:
        return name in ASKING or name in OF_A_CONNECTION or name == "connect"
    if home in {"_io", "io"}:
        return name in ASKING or name in {"open", "__enter__", "__exit__"}
    return home not in {"_posixsubprocess", "mmap", "select", "_ctypes"}


def test_a_channel_has_no_other_way_out() -> None:
    doors = {"batch", "exchange", "dump", "transact"}
    reading = {"notices", "enlarge", "hear_only", "fileno", "close"}
    assert {
        name for name, each in vars(Channel).items() if callable(each) and name[0] != "_"
    } == doors | reading
