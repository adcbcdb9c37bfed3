"""Versions of the CNI specification, their order, and which verbs exist in which."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

from vmplumbd.cni.error import InvalidVersion

CURRENT = "1.1.0"
ALL = ("0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0")

# The first version that has the verb, or passes prevResult to it (cni:SPEC.md, CHANGELOG of each version).
CHECK_SINCE = "0.4.0"
DEL_PREV_RESULT_SINCE = "0.4.0"
GC_SINCE = "1.1.0"
STATUS_SINCE = "1.1.0"

_INTEGER = re.compile(r"[+-]?[0-9]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionInfo:
    """What a plugin answers to VERSION."""

    cni_version: str
    supported: tuple[str, ...]


@functools.lru_cache(maxsize=256)
def parse(text: str) -> tuple[int, int, int]:
    """Read up to three dotted integers, missing parts are 0, "" is 0.1.0. Raises InvalidVersion."""
    if text == "":
        return (0, 1, 0)
    parts = text.split(".")
    if len(parts) > 3:
        raise InvalidVersion(f'invalid version "{text}": too many parts')
    for part, name in zip(parts, ("major", "minor", "micro"), strict=False):
        if not _INTEGER.fullmatch(part):
            raise InvalidVersion(f'failed to convert {name} version part "{part}": not a number')
    numbers = [int(part) for part in parts] + [0, 0]
    return (numbers[0], numbers[1], numbers[2])


def at_least(text: str, other: str) -> bool:
    """Say whether the first is the second or newer. Raises InvalidVersion."""
    return parse(text) >= parse(other)


def greatest(candidates: list[str]) -> str | None:
    """Pick the greatest version that this library knows how to speak, None if there is none."""
    known = [text for text in candidates if parse(text) <= parse(CURRENT)]
    return max(known, key=parse, default=None)
