"""What lies below a root, and what is said of a path that does not."""

from __future__ import annotations

import pytest

from vmplumbd.policy import paths


@pytest.mark.parametrize(
    ("path", "below"),
    [
        ("/run/netns/a", True),
        ("/run/netns/a/b", True),
        ("/run/netns", False),
        ("/run/netns-evil/a", False),
        ("/run", False),
    ],
)
def test_below_a_root_is_not_the_root_and_not_beside_it(path: str, below: bool) -> None:
    assert paths.is_below(path, ["/run/netns"]) is below
    assert paths.is_below(path, ["/run/netns/"]) is below


def test_a_violation_says_what_is_allowed() -> None:
    told = paths.violation("f", "/x", ["/a", "/b"])
    assert (told.field, told.rule) == ("f", "path.not_allowed")
    assert "/a, /b" in told.message
