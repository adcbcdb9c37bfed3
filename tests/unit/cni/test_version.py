"""Versions: what parses, and which is newer."""

from __future__ import annotations

import pytest

from vmplumbd.cni import version
from vmplumbd.cni.error import InvalidVersion


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", (0, 1, 0)), ("1", (1, 0, 0)), ("0.4", (0, 4, 0)), ("1.1.0", (1, 1, 0)), ("10.20.30", (10, 20, 30))],
)
def test_missing_parts_are_zero_and_nothing_is_0_1_0(text: str, expected: tuple[int, int, int]) -> None:
    assert version.parse(text) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1.0.0.0", 'invalid version "1.0.0.0": too many parts'),
        ("x", 'failed to convert major version part "x"'),
        ("1.", 'failed to convert minor version part ""'),
        ("1.0.f", 'failed to convert micro version part "f"'),
        ("1.0.\u0661", "failed to convert micro version part"),
    ],
)
def test_what_is_no_version_says_which_part(text: str, said: str) -> None:
    with pytest.raises(InvalidVersion, match=r"^" + said.replace("(", r"\(")):
        version.parse(text)


def test_known_versions_are_in_order_and_end_with_the_current() -> None:
    assert sorted(version.ALL, key=version.parse) == list(version.ALL)
    assert version.ALL[-1] == version.CURRENT


@pytest.mark.parametrize(
    ("candidates", "expected"),
    [
        (["1.1.0", "0.4.0", "1.0.0"], "1.1.0"),
        (["99.0.0", "0.4.0"], "0.4.0"),
        (["99.0.0"], None),
        ([], None),
    ],
)
def test_the_greatest_that_we_speak_is_chosen(candidates: list[str], expected: str | None) -> None:
    assert version.greatest(candidates) == expected
