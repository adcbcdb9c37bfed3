"""The states of a network and the only transitions there are."""

from __future__ import annotations

import enum
from collections.abc import Mapping


class Phase(enum.Enum):
    """Phase of the contract; numbers are the wire's."""

    SETTING_UP = 1
    READY = 2
    FAILED = 3
    TEARING_DOWN = 4
    REMOVED = 5


class Happening(enum.Enum):
    """What can happen to a network."""

    BEGUN = "set-up begun"
    COMMITTED = "committed"
    FAILED = "failed"
    TEAR_DOWN = "teardown begun"
    GONE = "gone"


TRANSITIONS: Mapping[tuple[Phase | None, Happening], Phase] = {
    (None, Happening.BEGUN): Phase.SETTING_UP,
    (Phase.FAILED, Happening.BEGUN): Phase.SETTING_UP,
    (Phase.SETTING_UP, Happening.COMMITTED): Phase.READY,
    (Phase.SETTING_UP, Happening.FAILED): Phase.FAILED,
    (Phase.TEARING_DOWN, Happening.FAILED): Phase.FAILED,
    (Phase.SETTING_UP, Happening.TEAR_DOWN): Phase.TEARING_DOWN,
    (Phase.READY, Happening.TEAR_DOWN): Phase.TEARING_DOWN,
    (Phase.FAILED, Happening.TEAR_DOWN): Phase.TEARING_DOWN,
    (Phase.TEARING_DOWN, Happening.GONE): Phase.REMOVED,
    # A set-up refused before its first effect leaves no record.
    (Phase.SETTING_UP, Happening.GONE): Phase.REMOVED,
}


def after(phase: Phase | None, happening: Happening) -> Phase:
    """The phase that follows. Raises ValueError where the table has no cell: that is a defect."""
    try:
        return TRANSITIONS[phase, happening]
    except KeyError:
        raise ValueError(f"{happening.value} cannot happen in phase {phase}") from None
