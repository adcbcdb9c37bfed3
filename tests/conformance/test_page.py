"""docs/conformance.md says what the runner itself says."""

from __future__ import annotations

import pytest

from tests.conformance import mutants, pages

PAGE = pages.PAGE.read_text()


@pytest.mark.parametrize("name", ["profiles", "needs", "requirements"])
def test_a_table_of_the_page_is_the_runners_own_list(name: str) -> None:
    assert pages.block(PAGE, name) == getattr(pages, name)()


def test_the_page_has_each_mutant_and_what_caught_it() -> None:
    rows = pages.block(PAGE, "mutants")[2:]
    kinds = mutants.mutants()
    assert len(rows) == len(kinds)
    for row, kind in zip(rows, kinds, strict=True):
        assert row.startswith(pages.named(kind))
        assert row.removeprefix(pages.named(kind)).strip(" |") not in {"", "None"}


def test_the_page_has_the_report_against_the_agent() -> None:
    assert "0 broken" in pages.block(PAGE, "report")[-2]
