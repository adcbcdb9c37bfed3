"""What a warm pool holds ready: a pair and a tap, wired to each other, that are nobody's yet."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeAhead:
    """Devices in a namespace of their own; `host_name` and `host_mac` are the host's end, which is down."""

    if_name: str
    host_name: str
    host_index: int
    host_mac: str
    tap: str
