"""The reference keeps the contract as far as a server without a kernel can, and the reports say so."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from tests.conformance.ask import Answer, ask
from vmplumb_conformance import report
from vmplumb_conformance.profile import GROUPS
from vmplumb_conformance.registry import Check, checks
from vmplumb_conformance.runner import Outcome, Verdict


@pytest.fixture(scope="module")
def answer(tmp_path_factory: pytest.TempPathFactory) -> Answer:
    folder = tmp_path_factory.mktemp("reference")
    return ask(folder, "reference", "--junit", str(folder / "junit.xml"))


def test_it_passes_every_check_that_needs_no_kernel(answer: Answer) -> None:
    assert [
        (one["check"], one["why"]) for one in answer.lines if one["verdict"] not in {"passed", "skipped"}
    ] == []
    assert answer.status == 0, answer.said
    skipped = {one["check"] for one in answer.lines if one["verdict"] == "skipped"}
    assert skipped == {one.name for one in checks() if one.group == "root"}
    assert len(answer.lines) == len(checks())


def test_the_report_has_a_line_a_requirement_and_says_why_checks_were_skipped(answer: Answer) -> None:
    lines = answer.report.splitlines()
    for requirement in {name for one in answer.lines for name in one["requirements"]}:
        (line,) = [one for one in lines if one.startswith(requirement)]
        assert line.split()[1] in {"passed", "skipped"}
    assert "  needs being root in the server's own namespaces:" in lines
    assert "0 broken" in lines[-1]


async def _nothing(_: object) -> None: ...


def outcome(name: str, verdict: Verdict, why: str = "", needs: str = "") -> Outcome:
    made = Check(
        name=name, requirements=("REQ-A-001", "REQ-B-001"), needs=frozenset(needs.split()), body=_nothing
    )
    return Outcome(check=made, verdict=verdict, why=why, seconds=0.25)


OUTCOMES = [
    outcome("well", Verdict.PASSED),
    outcome("bad", Verdict.FAILED, "expected 1,\ngot 2 \x00", needs="script"),
    outcome("odd", Verdict.FAULT, "Traceback"),
    outcome("left out", Verdict.SKIPPED, "needs a kernel", needs="kernel"),
]


def test_a_report_tells_what_failed_and_why() -> None:
    text = report.text(OUTCOMES, title="some server")
    assert "REQ-A-001        FAULT         4  well (and 3 more)" in text
    assert "  bad [REQ-A-001, REQ-B-001]: FAILED\n      expected 1,\n      got 2" in text
    assert "  needs a kernel:\n      left out" in text
    assert text.endswith("2 requirements: 0 kept, 2 broken, 0 not looked at")
    assert [one.check.name for one in report.failed(OUTCOMES)] == ["bad", "odd"]


def test_junit_has_a_suite_a_profile_and_a_case_a_check() -> None:
    root = ElementTree.fromstring(report.junit(OUTCOMES, suite="conformance"))
    assert [(one.get("name"), one.get("tests"), one.get("failures"), one.get("errors")) for one in root] == [
        ("address", "2", "0", "1"),
        ("script", "1", "1", "0"),
        ("root", "1", "0", "0"),
    ]
    assert [one.get("name") for one in root] == [
        one for one in GROUPS if one in {"address", "script", "root"}
    ]
    (failure,) = root.iter("failure")
    assert failure.text == "expected 1,\ngot 2 "
    assert {one.get("value") for one in root.iter("property")} == {"REQ-A-001", "REQ-B-001"}
