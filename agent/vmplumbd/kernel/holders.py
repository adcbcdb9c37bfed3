"""Who keeps a network namespace, and so its devices, in being: read from /proc, which costs a walk."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from vmplumbd.model.progress import Holder


def of_netns(inode: int, path: str) -> tuple[Holder, ...]:
    """Processes that live in the namespace with this inode, which was at `path`; by pid.

    As far as /proc can be read. Blocks for a walk over every process.
    """
    found: list[Holder] = []
    for name in sorted((one for one in os.listdir("/proc") if one.isdigit()), key=int):  # noqa: PTH208 - names alone
        # A process may end while it is looked at, or belong to another user.
        with contextlib.suppress(OSError):
            if Path(f"/proc/{name}/ns/net").stat().st_ino == inode:
                command = Path(f"/proc/{name}/comm").read_text(encoding="utf-8", errors="replace").strip()
                found.append(Holder(pid=int(name), command=command, what=path))
    return tuple(found)
