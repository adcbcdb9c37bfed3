"""vmplumbd.cni against libcni v1.3.0: same calls in the same order, same outcome, same cache."""

from __future__ import annotations

import dataclasses
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.parity.libcni import cases, rig

pytestmark = pytest.mark.parity


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One directory for all runs, so that every path a plugin sees is the same."""
    if shutil.which("go") is None:
        pytest.skip("no go: libcni cannot be built")
    rig.build()
    # A hard link cannot leave its file system.
    directory = rig.BUILD / f"run-{tmp_path_factory.getbasetemp().name}"
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


def constant(outcomes: list[dict[str, Any]], vary: tuple[str, ...]) -> list[dict[str, Any]]:
    """The outcomes without those parts of texts that nobody promises."""
    kept = []
    for outcome in outcomes:
        error = outcome["error"]
        for pattern in vary:
            error = None if error is None else re.sub(pattern, "*", error, flags=re.DOTALL)
        kept.append(outcome | {"error": error})
    return kept


def where_theirs_is_coded(ours: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Ours without the codes of errors to which libcni gives none."""
    return [
        mine | {"code": None} if their["code"] is None else mine
        for mine, their in zip(ours, theirs, strict=True)
    ]


def comparable(case: rig.Case, ours: rig.Seen, theirs: rig.Seen) -> tuple[rig.Seen, rig.Seen]:
    """Both, as far as they have to be equal."""
    outcomes = where_theirs_is_coded(ours.outcomes, theirs.outcomes)
    return (
        dataclasses.replace(ours, outcomes=constant(outcomes, case.vary)),
        dataclasses.replace(theirs, outcomes=constant(theirs.outcomes, case.vary)),
    )


@pytest.mark.parametrize("case", cases.CASES, ids=lambda case: case.id)
def test_same_as_libcni(case: rig.Case, home: Path) -> None:
    theirs = rig.run(case, rig.by_libcni, home)
    ours = rig.run(case, rig.by_us, home)
    mine, their = comparable(case, ours, theirs)
    for aspect in ("calls", "outcomes", "cache"):
        if aspect not in case.differs:
            assert getattr(mine, aspect) == getattr(their, aspect)
            continue
        difference = case.differs[aspect]
        assert getattr(mine, aspect) != getattr(their, aspect), f"no longer so: {difference.reason}"
        assert difference.ours(ours), difference.reason


def test_a_deadline_ends_a_plugin_as_by_libcni(home: Path) -> None:
    # On a busy machine a plugin may not have come to its sleep when the first deadline passes.
    for seconds in (0.3, 3.0, 30.0):
        case = rig.Case(
            id="failure-by-deadline",
            answers={"beta": {"ADD": {"sleep": 600}}},
            steps=(cases.attach("add", cases.CHAIN, seconds=seconds),),
            vary=(r"(?<=signal: killed).*",),
        )
        theirs, ours = rig.run(case, rig.by_libcni, home), rig.run(case, rig.by_us, home)
        if cases.plugins_called(theirs) == cases.plugins_called(ours) == ["ADD alpha", "ADD beta"]:
            break
    mine, their = comparable(case, ours, theirs)
    assert mine == their
    assert cases.plugins_called(ours) == ["ADD alpha", "ADD beta"]


NETWORKS = {
    "chain": cases.CHAIN_11,
    "0.4.0": cases.conflist("alpha", "beta", version="0.4.0"),
    "0.2.0": cases.conflist("alpha", version="0.2.0"),
}
MORE = {"args": [["IgnoreUnknown", "1"], ["a", "b"]], "capability_args": {"mac": "02:00:00:00:00:09"}}


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize(
    "engines", [(rig.by_us, rig.by_libcni), (rig.by_libcni, rig.by_us)], ids=["us", "libcni"]
)
def test_either_reads_and_removes_what_the_other_wrote(
    network: str, engines: tuple[rig.Engine, rig.Engine], home: Path
) -> None:
    text = NETWORKS[network]
    steps = (
        cases.attach("add", text, **MORE),
        {"verb": "attachments"},
        cases.attach("add", text, container_id="c2", **MORE),
        cases.attach("cached_result", text, container_id="c2"),
        cases.attach("cached_config", text),
        cases.attach("check", text, container_id="c2"),
        {"verb": "gc", "inline": text, "valid": []},
        cases.attach("del", text),
    )
    case = rig.Case(id="mixed", steps=steps)
    alone = rig.run(case, rig.by_libcni, home)
    mixed = rig.run(case, rig.by_turns(*engines), home)
    mine, their = comparable(case, mixed, alone)
    assert mine == their
    assert mixed.cache == {}


@pytest.mark.parametrize("stubborn", ["alpha", "beta", "gamma"])
def test_by_default_one_stubborn_plugin_keeps_no_other_from_its_del(stubborn: str, home: Path) -> None:
    case = rig.Case(
        id="stubborn",
        answers={stubborn: cases.failing("DEL", stdout=cases.said(101, "plugin error: banana"))},
        steps=(cases.attach("add", cases.CHAIN), cases.attach("del", cases.CHAIN)),
    )
    theirs = rig.run(case, rig.by_libcni, home)
    ours = rig.run(case, rig.by_us_whole_chain, home)
    mine, their = comparable(case, ours, theirs)
    assert mine.outcomes == their.outcomes
    assert mine.cache == their.cache != {}
    assert cases.plugins_called(ours)[3:] == ["DEL gamma", "DEL beta", "DEL alpha"]
    assert ours.calls[: len(theirs.calls)] == theirs.calls


CNITOOL = {
    "add-check-del": (("add", "check", "del"), {}),
    "gc-deletes-all": (("add", "gc"), {}),
    "status": (("status",), {}),
    "status-fails": (("status",), {"beta": cases.failing("STATUS", stdout=cases.said(50, "not now"))}),
    "add-fails": (("add", "del"), {"gamma": cases.failing("ADD", stdout=cases.said(101, "banana"))}),
    "del-fails": (("add", "del"), {"gamma": cases.failing("DEL", exit=1)}),
}


@pytest.mark.parametrize("name", CNITOOL)
def test_same_as_cnitool(name: str, home: Path) -> None:
    reason = rig.cnitool_refusal()
    if reason is not None:
        pytest.skip(reason)
    verbs, answers = CNITOOL[name]
    given = {
        "container_id": rig.cnitool_container_id("/run/netns/c1"),
        "netns": "/run/netns/c1",
        "if_name": "eth0",
    }
    case = rig.Case(
        id=name,
        files={cases.CONFLIST: cases.CHAIN_11},
        answers=answers,
        steps=tuple(cases.by_name(verb) | given | MORE for verb in verbs),
    )
    theirs = rig.run(case, rig.by_cnitool, home)
    ours = rig.run(case, rig.by_us, home)
    mine, their = comparable(case, ours, theirs)
    assert mine == their


def test_every_case_has_a_name_of_its_own() -> None:
    names = [case.id for case in cases.CASES]
    assert len(names) == len(set(names))
