"""The suite and the contract name the same requirements, and the suite is as big as it says."""

from __future__ import annotations

from collections import Counter

import pytest

from tools.contract import error_tables, requirements
from tools.contract.lint import Contract
from vmplumb_conformance import cli, profile
from vmplumb_conformance.checks.rules import VECTORS
from vmplumb_conformance.registry import add, checks

CHECKS = checks()


@pytest.fixture(scope="module")
def contract() -> Contract:
    return Contract.read()


def test_each_requirement_of_the_contract_has_a_check_and_each_check_is_for_one(contract: Contract) -> None:
    in_contract = set(requirements.ids(contract.full))
    in_suite = {one for check in CHECKS for one in check.requirements}
    assert in_contract - in_suite == set(), "requirements without a check"
    assert in_suite - in_contract == set(), "checks of requirements that the contract does not have"


def test_each_row_of_each_error_table_has_a_check(contract: Contract) -> None:
    in_suite = {one for check in CHECKS for one in check.requirements}
    rows = [row for table in error_tables.rows(contract.full).values() for row in table]
    assert [row for row in rows if row.requirement not in in_suite] == []


def test_there_are_a_hundred_checks_besides_the_vectors_and_sixty_vectors() -> None:
    vectors = [one for one in CHECKS if one.name.startswith("vector ")]
    assert len(vectors) == len(VECTORS) >= 60
    assert len(CHECKS) - len(vectors) >= 100


def test_every_need_is_a_check_s_and_every_profile_has_checks() -> None:
    assert {need for check in CHECKS for need in check.needs} == profile.NEEDS.keys()
    assert {check.group for check in CHECKS} == set(profile.GROUPS)


def test_a_check_must_name_what_it_is_for_and_what_there_is() -> None:
    async def nothing(_: object) -> None: ...

    with pytest.raises(ValueError, match=r"no such need: server\.none"):
        add("a check that is not there", ("REQ-RULE-001",), "server.none", nothing)
    with pytest.raises(ValueError, match="without a requirement"):
        add("a check that is not there", (), "", nothing)
    with pytest.raises(ValueError, match="two checks have the name"):
        add(CHECKS[0].name, ("REQ-RULE-001",), "", nothing)


def test_checks_are_chosen_by_requirement_profile_and_name() -> None:
    assert {one.group for one in cli.choose(CHECKS, ["root"], [])} == {"root"}
    chosen = cli.choose(CHECKS, ["REQ-WATCH-*"], ["REQ-WATCH-10?"])
    ids = Counter(one for check in chosen for one in check.requirements if one.startswith("REQ-WATCH"))
    assert set(ids) == {f"REQ-WATCH-00{number}" for number in range(1, 6)}
    assert len(cli.listing(chosen)) == len(chosen)
