"""The agent keeps the contract: every profile against real agents, in a host of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance.ask import ask
from vmplumb_conformance.profile import GROUPS
from vmplumb_conformance.registry import checks

# What no agent of ours lets anybody see, and why.
SKIPPED = {
    "leaks are not collected where that is not supported": "the server has CAPABILITY_COLLECT_LEAKS",
    "a diagnosis is refused where it is not supported": "the server has CAPABILITY_DIAGNOSE_HOST",
}


@pytest.mark.host
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_agent_passes_every_check_of_every_profile(tmp_path: Path) -> None:
    junit = tmp_path / "junit.xml"
    answer = ask(tmp_path, "vmplumbd", "--junit", str(junit))
    if answer.status == 2:
        pytest.skip(answer.said.strip())
    assert [
        (one["check"], one["why"]) for one in answer.lines if one["verdict"] not in {"passed", "skipped"}
    ] == []
    assert answer.status == 0, answer.said
    skipped = {one["check"]: one["why"] for one in answer.lines if one["verdict"] == "skipped"}
    assert skipped.keys() == SKIPPED.keys()
    assert all(skipped[name].startswith(why) for name, why in SKIPPED.items())
    assert {one["profile"] for one in answer.lines if one["verdict"] == "passed"} == set(GROUPS)
    assert len(answer.lines) == len(checks())
    assert junit.read_bytes().startswith(b"<?xml")
