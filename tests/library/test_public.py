"""Public are `vmplumbd.api` and `vmplumbd.cni`, each name with its signature; a change of either is a decision."""

from __future__ import annotations

from pathlib import Path

from tests.library.public import public

PINNED = Path(__file__).with_name("public.txt")


def test_nothing_public_was_added_changed_or_taken_away_unsaid() -> None:
    pinned, now = PINNED.read_text().splitlines(), list(public())
    assert sorted(set(now) - set(pinned)) == [], "new or changed: if meant, write the list anew (public.py)"
    assert sorted(set(pinned) - set(now)) == [], "gone: programs may rely on it"
    assert now == pinned
