"""The reference keeps the contract as far as a server without a kernel can."""

from __future__ import annotations

import asyncio
from xml.etree import ElementTree

import pytest

from tests.conformance import house
from vmplumb_conformance import report, runner
from vmplumb_conformance.profile import GROUPS
from vmplumb_conformance.registry import checks
from vmplumb_conformance.runner import Outcome, Verdict


async def run() -> list[Outcome]:
    async with house.houses() as stage:
        return [one async for one in runner.run(stage, checks())]


@pytest.fixture(scope="module")
def outcomes() -> list[Outcome]:
    return asyncio.run(run())


def test_it_passes_every_check_that_needs_no_kernel(outcomes: list[Outcome]) -> None:
    assert [(one.check.name, one.why) for one in report.failed(outcomes)] == []
    skipped = {one.check.name for one in outcomes if one.verdict is Verdict.SKIPPED}
    assert skipped == {one.name for one in checks() if one.group == "root"}


def test_the_report_has_a_line_a_requirement_and_says_why_checks_were_skipped(
    outcomes: list[Outcome],
) -> None:
    text = report.text(outcomes, title="reference")
    for requirement, of_it in report.by_requirement(outcomes).items():
        (line,) = [one for one in text.splitlines() if one.startswith(requirement)]
        assert line.split()[1] == report.verdict(of_it).value
    assert "needs being root in the server's own namespaces" in text
    assert "0 broken" in text.splitlines()[-1]


def test_junit_has_a_case_a_check(outcomes: list[Outcome]) -> None:
    root = ElementTree.fromstring(report.junit(outcomes, suite="conformance"))
    assert [one.get("name") for one in root] == list(GROUPS)
    cases = list(root.iter("testcase"))
    assert len(cases) == len(outcomes)
    assert sum(one.find("skipped") is not None for one in cases) == sum(
        one.verdict is Verdict.SKIPPED for one in outcomes
    )
    named = {one.get("value") for one in root.iter("property")}
    assert named == set(report.by_requirement(outcomes))
