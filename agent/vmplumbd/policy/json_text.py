"""What is looked at in a caller's JSON before anything reads it: how deep it is, and keys that stand twice. Pure.

Plugins in Go read keys of an object without regard to case and let the last one win, others the first: what one
reader checked another would not obey. So keys that differ in case alone count as the same.
"""

from __future__ import annotations

import array
import itertools
import json
import math
import re
from typing import Any

# A string to its end, or to the end of the text, so that nothing is looked at twice.
_STRINGS = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\Z)', re.DOTALL)
_BRACKETS = b"[{]}"
_PIECE = 256
_NO_BRACKETS = bytes(set(range(256)) - set(_BRACKETS))
_STEPS = bytes.maketrans(_BRACKETS, bytes((1, 1, 255, 255)))


class DuplicateKey(ValueError):
    """An object has a key twice. `key` is its second spelling."""

    def __init__(self, key: str) -> None:
        super().__init__(f"the key {key!r} stands in one object twice")
        self.key = key


def depth(text: bytes, limit: int) -> int:
    """How deep arrays and objects lie in each other, as far as it is told: a little above the limit if beyond.

    Never recurses, is linear in the text, and short where there is not much to find.
    """
    if text.count(b"[") + text.count(b"{") <= limit:
        return 0
    brackets = array.array("b", _STRINGS.sub(b"", text).translate(_STEPS, _NO_BRACKETS))
    level = most = 0
    for start in range(0, len(brackets), _PIECE):
        levels = list(itertools.accumulate(brackets[start : start + _PIECE], initial=level))
        most, level = max(most, *levels), levels[-1]
        if most > limit:
            break
    return most


def read(text: bytes, *, mend: bool = False) -> Any:  # noqa: ANN401 - any JSON
    """Parse UTF-8 JSON. Raises DuplicateKey, and ValueError for what is no JSON: NaN and endless numbers too.

    With `mend`, bytes that are no UTF-8 are replaced, as Go's reader does. Look at `depth` first.
    """
    words = text.decode(errors="replace" if mend else "strict")
    return json.loads(words, object_pairs_hook=_once, parse_constant=_refuse, parse_float=_finite)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) == len(pairs) and len({key.casefold() for key in made}) == len(pairs):
        return made
    seen: set[str] = set()
    for key, _ in pairs:
        if key.casefold() in seen:
            raise DuplicateKey(key)
        seen.add(key.casefold())
    raise AssertionError("one of them stands twice")


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no JSON")


def _finite(literal: str) -> float:
    number = float(literal)
    if math.isinf(number):
        raise ValueError(f"number out of range: {literal[:40]}")
    return number
