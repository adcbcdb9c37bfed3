"""What is looked at in a caller's JSON: its depth without recursion, and keys that stand twice."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmplumbd.policy import json_text
from vmplumbd.policy.json_text import DuplicateKey

LEAVES = st.none() | st.booleans() | st.integers() | st.text('[]{}\\"\\\\ab')
VALUES = st.recursive(
    LEAVES, lambda below: st.lists(below, max_size=4) | st.dictionaries(st.text('a["\\\\'), below, max_size=4)
)


def nesting(value: Any) -> int:
    if isinstance(value, list | dict):
        below = value.values() if isinstance(value, dict) else value
        return 1 + max(map(nesting, below), default=0)
    return 0


@given(VALUES, st.integers(0, 6))
def test_a_depth_is_beyond_a_limit_exactly_if_the_value_is(value: Any, limit: int) -> None:
    text = json.dumps(value).encode()
    assert (json_text.depth(text, limit) > limit) == (nesting(value) > limit)


@pytest.mark.parametrize(
    "text",
    [
        b"[" * 250_000,
        b'{"x":' + b"[" * 60_000,
        b'"' + b'\\"' * 100_000 + b'"' + b"[" * 40,
        b"[]" * 10_000 + b"[" * 33,
        b"[" * 33 + b"]" * 250_000,
    ],
    ids=["open", "open below a key", "behind escapes", "at the end", "at the beginning"],
)
def test_what_is_deep_is_found_whatever_is_around_it(text: bytes) -> None:
    assert json_text.depth(text, 32) > 32


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]" * 100_000,
        b'"' + b"[" * 100_000,
        b'{"a":"' + b"{" * 1000 + b'"}',
        b'["\\\\","' + b"[" * 100 + b'"]',
        b"]" * 1000 + b"[" * 20,
    ],
)
def test_what_is_not_deep_passes(text: bytes) -> None:
    assert json_text.depth(text, 32) <= 32


@pytest.mark.parametrize(
    "text",
    [
        '{"a":1,"a":2}',
        '{"a":1,"A":2}',
        '[{"x":{"Key":1,"b":2,"KEY":3}}]',
        '{"s":1,"\u017f":2}',
        '{"k":1,"\u212a":2}',
        '{"":1,"":2}',
        '{"a":1,"\\u0061":2}',
    ],
)
def test_a_key_that_stands_twice_is_refused(text: str) -> None:
    with pytest.raises(DuplicateKey):
        json_text.read(text.encode())


@pytest.mark.parametrize("text", [b"NaN", b"[Infinity]", b"1e999", b"{", b"\xff", b"9" * 5000, b"'a'"])
def test_what_is_no_json_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        json_text.read(text)


@given(VALUES)
def test_what_is_json_is_read_as_it_is(value: Any) -> None:
    text = json.dumps(value)
    try:
        read = json_text.read(text.encode())
    except DuplicateKey:
        assert any(len({key.casefold() for key in one}) < len(one) for one in _objects(value))
    else:
        assert read == value


def _objects(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, dict):
        return [value, *(one for below in value.values() for one in _objects(below))]
    return [one for below in value for one in _objects(below)] if isinstance(value, list) else []
