"""The suite catches servers that are wrong in one sentence of the contract."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance import hunt, mutants
from tests.conformance.ask import ask

MUTANTS = mutants.mutants()


def test_each_mutant_breaks_words_that_stand_in_the_contract() -> None:
    strange = [one.__name__ for one in MUTANTS if not hunt.place_of(mutants.sentence(one))[0]]
    assert strange == []
    assert len(MUTANTS) >= 25


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_each_mutant_is_caught_by_a_check_that_the_report_names(tmp_path: Path) -> None:
    answer = ask(tmp_path, "mutants")
    assert [one["mutant"] for one in answer.lines] == [one.__name__ for one in MUTANTS], answer.said
    assert [one["mutant"] for one in answer.lines if one["caught_by"] is None] == []
    assert answer.status == 0
    assert [one["mutant"] for one in answer.lines if one["caught_by"] not in answer.report] == []
