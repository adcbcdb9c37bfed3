"""The states of a network: every cell of the table, and nothing beside it."""

from __future__ import annotations

import itertools

import pytest

from vmplumbd.model.ids import RESERVED_VM_IDS, parse_vm_id
from vmplumbd.model.lifecycle import TRANSITIONS, Happening, Phase, after

P, H = Phase, Happening
EXPECTED = {
    (None, H.BEGUN): P.SETTING_UP,
    (P.FAILED, H.BEGUN): P.SETTING_UP,
    (P.SETTING_UP, H.COMMITTED): P.READY,
    (P.SETTING_UP, H.FAILED): P.FAILED,
    (P.TEARING_DOWN, H.FAILED): P.FAILED,
    (P.SETTING_UP, H.TEAR_DOWN): P.TEARING_DOWN,
    (P.READY, H.TEAR_DOWN): P.TEARING_DOWN,
    (P.FAILED, H.TEAR_DOWN): P.TEARING_DOWN,
    (P.TEARING_DOWN, H.GONE): P.REMOVED,
    (P.SETTING_UP, H.GONE): P.REMOVED,
}


@pytest.mark.parametrize(("phase", "happening"), list(itertools.product([None, *Phase], Happening)))
def test_a_cell_leads_on_or_is_a_defect(phase: Phase | None, happening: Happening) -> None:
    expected = EXPECTED.get((phase, happening))
    if expected is not None:
        assert after(phase, happening) is expected
        return
    with pytest.raises(ValueError, match="cannot happen in phase"):
        after(phase, happening)


def test_every_phase_can_be_reached_and_only_removed_is_the_end() -> None:
    assert set(TRANSITIONS.values()) == set(Phase)
    assert {phase for phase, _ in TRANSITIONS if phase is not None} == set(Phase) - {Phase.REMOVED}


@pytest.mark.parametrize("text", ["a", "vm-1", "0" * 64, "A-b-9"])
def test_a_vm_id_is_what_firecracker_and_cni_both_take(text: str) -> None:
    assert parse_vm_id(text) == text


@pytest.mark.parametrize(
    "text", ["", "-a", "a/b", "..", "a.b", "a_b", "a\n", "0" * 65, "ä", *sorted(RESERVED_VM_IDS)]
)
def test_what_is_no_vm_id_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a vm_id"):
        parse_vm_id(text)
