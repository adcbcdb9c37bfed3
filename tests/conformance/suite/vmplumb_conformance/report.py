"""What came out: a table by requirement for people, JUnit XML, JSON lines."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from xml.etree import ElementTree

from vmplumb_conformance.profile import GROUPS
from vmplumb_conformance.runner import Outcome, Verdict

_WORST = (Verdict.FAULT, Verdict.FAILED, Verdict.SKIPPED, Verdict.PASSED)
_WIDTH = 16


def failed(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Those that did not end well."""
    return [one for one in outcomes if one.verdict in {Verdict.FAILED, Verdict.FAULT}]


def by_requirement(outcomes: Sequence[Outcome]) -> dict[str, list[Outcome]]:
    """The checks of each requirement, in order of the ids."""
    found: dict[str, list[Outcome]] = {}
    for one in outcomes:
        for requirement in one.check.requirements:
            found.setdefault(requirement, []).append(one)
    return dict(sorted(found.items()))


def verdict(outcomes: Sequence[Outcome]) -> Verdict:
    """Of one requirement: the worst of its checks; skipped only if every one was."""
    there = {one.verdict for one in outcomes}
    if there == {Verdict.SKIPPED}:
        return Verdict.SKIPPED
    return next(one for one in _WORST if one in there and one is not Verdict.SKIPPED)


def text(outcomes: Sequence[Outcome], *, title: str) -> str:
    """The report for people: a line a requirement, what failed and why, what was skipped and why, sums."""
    return "\n".join(_lines(outcomes, title))


def _lines(outcomes: Sequence[Outcome], title: str) -> Iterator[str]:
    requirements = by_requirement(outcomes)
    yield title
    yield ""
    yield f"{'requirement':{_WIDTH}} {'verdict':8} {'checks':>6}  what they look at"
    for requirement, checks in requirements.items():
        names = [one.check.name for one in checks if not one.check.name.startswith("vector ")]
        vectors = len(checks) - len(names)
        said = [*names, *([f"{vectors} vectors"] if vectors else [])]
        told = said[0] + (f" (and {len(said) - 1} more)" if len(said) > 1 else "")
        yield f"{requirement:{_WIDTH}} {verdict(checks).value:8} {len(checks):6}  {told}"
    bad = failed(outcomes)
    if bad:
        yield ""
        yield "failed"
        for one in bad:
            yield f"  {one.check.name} [{', '.join(one.check.requirements)}]: {one.verdict.value}"
            yield from (f"      {line}" for line in one.why.splitlines())
    skipped: dict[str, list[str]] = {}
    for one in outcomes:
        if one.verdict is Verdict.SKIPPED:
            skipped.setdefault(one.why, []).append(one.check.name)
    if skipped:
        yield ""
        yield "skipped"
        for why, names in sorted(skipped.items()):
            yield f"  {why}:"
            yield from (f"      {name}" for name in names)
    yield ""
    for group in GROUPS:
        of_group = [one for one in outcomes if one.check.group == group]
        if of_group:
            yield f"{group:10} {_sums(of_group)}"
    counts = [verdict(one) for one in requirements.values()]
    yield f"{'in all':10} {_sums(outcomes)}"
    yield (
        f"{len(requirements)} requirements: {counts.count(Verdict.PASSED)} kept, "
        f"{counts.count(Verdict.FAILED) + counts.count(Verdict.FAULT)} broken, "
        f"{counts.count(Verdict.SKIPPED)} not looked at"
    )


def _sums(outcomes: Sequence[Outcome]) -> str:
    there = [one.verdict for one in outcomes]
    bad = there.count(Verdict.FAILED) + there.count(Verdict.FAULT)
    return (
        f"{len(there):4} checks: {there.count(Verdict.PASSED)} passed, {bad} failed, "
        f"{there.count(Verdict.SKIPPED)} skipped"
    )


def junit(outcomes: Sequence[Outcome], *, suite: str) -> bytes:
    """JUnit XML: a suite a profile, a case a check, its requirements as a property."""
    root = ElementTree.Element("testsuites", name=suite)
    for group in GROUPS:
        of_group = [one for one in outcomes if one.check.group == group]
        if not of_group:
            continue
        there = [one.verdict for one in of_group]
        node = ElementTree.SubElement(
            root,
            "testsuite",
            name=group,
            tests=str(len(of_group)),
            failures=str(there.count(Verdict.FAILED)),
            errors=str(there.count(Verdict.FAULT)),
            skipped=str(there.count(Verdict.SKIPPED)),
            time=f"{sum(one.seconds for one in of_group):.3f}",
        )
        for one in of_group:
            case = ElementTree.SubElement(
                node, "testcase", classname=f"{suite}.{group}", name=one.check.name, time=f"{one.seconds:.3f}"
            )
            properties = ElementTree.SubElement(case, "properties")
            for requirement in one.check.requirements:
                ElementTree.SubElement(properties, "property", name="requirement", value=requirement)
            if one.verdict is not Verdict.PASSED:
                kind = {Verdict.FAILED: "failure", Verdict.FAULT: "error", Verdict.SKIPPED: "skipped"}
                told = ElementTree.SubElement(
                    case, kind[one.verdict], message=_plain(one.why.partition("\n")[0])
                )
                told.text = _plain(one.why)
    ElementTree.indent(root)
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def _plain(words: str) -> str:
    """Without the signs that XML does not have."""
    return "".join(sign for sign in words if sign >= " " or sign in "\t\n\r")


def json_line(one: Outcome) -> str:
    """One outcome as a line of JSON."""
    return json.dumps(
        {
            "check": one.check.name,
            "requirements": one.check.requirements,
            "profile": one.check.group,
            "verdict": one.verdict.value,
            "why": one.why,
            "seconds": round(one.seconds, 3),
        }
    )
