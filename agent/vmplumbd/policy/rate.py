"""How often: a token bucket for each of many, in bounded memory. The time is given, so this is pure."""

from __future__ import annotations

import collections
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """So many a second, and so many at once after a rest."""

    per_second: float
    burst: int


class Buckets:
    """A bucket for each key. The one unused for longest is forgotten beyond `most`: it is full again by then."""

    def __init__(self, *, most: int = 4096) -> None:
        self._most = most
        self._levels: collections.OrderedDict[str, tuple[float, float]] = collections.OrderedDict()

    def take(self, key: str, rate: Rate, now: float, tokens: float = 1.0) -> float:
        """Take tokens: 0.0, or the seconds until there are so many. Nothing is taken then.

        More than the bucket holds are given when it is full, and owed.
        """
        level, at = self._levels.pop(key, (float(rate.burst), now))
        level = min(float(rate.burst), level + max(0.0, now - at) * rate.per_second)
        short = min(tokens, float(rate.burst)) - level
        self._levels[key] = (level, now) if short > 0 else (level - tokens, now)
        while len(self._levels) > self._most:
            self._levels.popitem(last=False)
        return short / rate.per_second if short > 0 else 0.0

    def __len__(self) -> int:
        return len(self._levels)
