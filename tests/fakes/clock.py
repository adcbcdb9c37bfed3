"""A clock that is a value."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Clock:
    """Goes when told."""

    time: float = 1000.0

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time
