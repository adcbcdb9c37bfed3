"""Public are `vmplumbd.api` and `vmplumbd.cni`, each name with its signature; a change of either is a decision."""

from __future__ import annotations

from pathlib import Path

from tests.library.public import public

COMMAND = "python -m tests.library.public > tests/library/public.txt"
PINNED = Path(__file__).with_name("public.txt")


def test_nothing_public_was_added_changed_or_taken_away_unsaid() -> None:
    pinned, now = PINNED.read_text().splitlines(), list(public())
    assert sorted(set(now) - set(pinned)) == [], f"new or changed; if meant: {COMMAND}"
    assert sorted(set(pinned) - set(now)) == [], f"gone, and programs may rely on it; if meant: {COMMAND}"
    assert now == pinned
