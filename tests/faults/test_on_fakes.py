"""Each effect of an operation fails in turn, on the fake kernel with real files and a real journal.

Every test run gives each effect one error before it is done and one after; `python -m tools.effects --run`
gives it all that fit, and the lasting ones: a disk that stays full, descriptors that stay used up.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.faults.bench import Bench, FakePlace, bench
from tests.faults.cases import What, all_broken, record
from tests.faults.chains import CHAINS, types_of
from tests.faults.seam import Seam, standing
from vmplumbd.plugins import builtin

# Hundreds of runs each: on a busy machine they take their time.
pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def seam() -> Iterator[Seam]:
    with standing(Seam()) as made:
        yield made


LIVES = [one for one in What if one is not What.REFILL]


@pytest.mark.parametrize("adopted", [False, True], ids=["namespace made", "namespace adopted"])
@pytest.mark.parametrize("what", LIVES, ids=lambda what: what.value)
def test_a_fault_at_any_step_leaves_nothing_and_one_retry_is_enough(
    seam: Seam, what: What, adopted: bool
) -> None:
    def make(seam: Seam) -> AbstractContextManager[Bench]:
        return bench(seam, FakePlace(), adopted=adopted)

    recorded = record(what, make, seam)
    faults = recorded.faults(every=False)
    assert len({one.number for one in faults}) > 20
    assert all_broken(recorded, faults, make, seam, both=False) == []


@pytest.mark.parametrize("what", What, ids=lambda what: what.value)
def test_a_fault_at_any_step_of_a_claim_or_a_filling_leaves_nothing_either(seam: Seam, what: What) -> None:
    def make(seam: Seam) -> AbstractContextManager[Bench]:
        return bench(seam, FakePlace(), adopted=False, pool=1, filled=what is not What.REFILL)

    recorded = record(what, make, seam)
    if what is What.SET_UP:
        assert "kernel.move_netns" in [one.door for one in recorded.effects]
    # A pool whose journal is full for a while is filled once there is room.
    lasting = [one for one in recorded.faults() if one.lasting == "disk full"] if what is What.REFILL else []
    faults = recorded.faults(every=False) + lasting
    assert len({one.number for one in faults}) > 15
    assert all_broken(recorded, faults, make, seam, both=False) == []


@pytest.mark.parametrize("what", [What.SET_UP, What.TEAR_DOWN], ids=lambda what: what.value)
@pytest.mark.parametrize(
    ("name", "adopted"),
    [("masqueraded", False), ("bridged", False), ("chained", True)],
    ids=str,
)
def test_other_plugins_leave_nothing_either(seam: Seam, name: str, what: What, adopted: bool) -> None:
    def make(seam: Seam) -> AbstractContextManager[Bench]:
        return bench(seam, FakePlace(), chain=CHAINS[name], adopted=adopted)

    recorded = record(what, make, seam)
    assert all_broken(recorded, recorded.faults(every=False), make, seam, both=False) == []


def test_every_built_in_plugin_is_in_a_network_whose_effects_are_recorded(tmp_path: Path) -> None:
    """A plugin that is built in later goes into a chain of `chains.py`; loopback touches nothing of a VM's."""
    tried = {kind for chain in CHAINS.values() for kind in types_of(chain(tmp_path))}
    assert tried == set(builtin.TYPES) - {"loopback"}


@pytest.mark.parametrize("adopted", [False, True], ids=["namespace made", "namespace adopted"])
@pytest.mark.parametrize("what", LIVES, ids=lambda what: what.value)
def test_a_journal_that_fails_at_any_of_its_statements_loses_nothing(
    seam: Seam, what: What, adopted: bool
) -> None:
    def make(seam: Seam) -> AbstractContextManager[Bench]:
        return bench(seam, FakePlace(), adopted=adopted)

    recorded = record(what, make, seam)
    faults = [
        one
        for one in recorded.faults(every=True)
        if recorded.effects[one.number].door.startswith("journal ") and one.number >= recorded.since
    ]
    assert len({one.number for one in faults}) >= 1
    assert {one.lasting for one in faults} == {"", "disk full"}
    assert all_broken(recorded, faults, make, seam, both=False) == []
