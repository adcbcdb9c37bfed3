"""How much memory the agent may use: the host's, or what its control groups leave of it."""

from __future__ import annotations

import os
from pathlib import Path

_GROUP_OF_SELF = Path("/proc/self/cgroup")
_GROUPS = Path("/sys/fs/cgroup")


def usable(own: Path = _GROUP_OF_SELF, groups: Path = _GROUPS) -> int:
    """Bytes. The kernel charges namespaces and devices to the control group of who makes them."""
    return min([os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"), *_limits(own, groups)])


def _limits(own: Path, groups: Path) -> list[int]:
    """`memory.max` of the group of this process and of all above it, where they are limited (cgroup v2)."""
    try:
        lines = own.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    named = next((line.removeprefix("0::").lstrip("/") for line in lines if line.startswith("0::")), None)
    if named is None:
        return []
    found = []
    for group in (groups / named, *(groups / named).parents):
        try:
            text = (group / "memory.max").read_text(encoding="ascii").strip()
        except OSError:
            continue
        if text.isdecimal():
            found.append(int(text))
        if group == groups:
            break
    return found
