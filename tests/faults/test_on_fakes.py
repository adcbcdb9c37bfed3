"""Each effect of an operation fails in turn, on the fake kernel with real files and a real journal.

Every test run gives each effect one error before it is done and one after; `python -m tools.effects --run`
gives it all that fit, and the lasting ones: a disk that stays full, descriptors that stay used up.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager

import pytest

from tests.faults.bench import Bench, FakePlace, bench
from tests.faults.cases import What, all_broken, record
from tests.faults.seam import Seam, standing


@pytest.fixture
def seam() -> Iterator[Seam]:
    with standing(Seam()) as made:
        yield made


@pytest.mark.parametrize("adopted", [False, True], ids=["namespace made", "namespace adopted"])
@pytest.mark.parametrize("what", What, ids=lambda what: what.value)
def test_a_fault_at_any_step_leaves_nothing_and_one_retry_is_enough(
    seam: Seam, what: What, adopted: bool
) -> None:
    def make(seam: Seam) -> AbstractContextManager[Bench]:
        return bench(seam, FakePlace(), adopted=adopted)

    recorded = record(what, make, seam)
    faults = recorded.faults(every=False)
    assert {one.number for one in faults} > set()
    assert all_broken(recorded, faults, make, seam, both=False) == []


@pytest.mark.parametrize("adopted", [False, True], ids=["namespace made", "namespace adopted"])
@pytest.mark.parametrize("what", What, ids=lambda what: what.value)
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
