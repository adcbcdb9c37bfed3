"""Every mutant before the suite: which check catches it first, and whether any does.

The checks of the requirement whose sentence a mutant breaks come first, then all others; the first that fails ends
the hunt. Vectors are left out, as is what needs a kernel.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.conformance import house, mutants
from tests.conformance.reference import Options, Reference
from vmplumb_conformance import runner
from vmplumb_conformance.registry import Check, checks
from vmplumb_conformance.runner import Outcome, Verdict

PROTOS = Path(__file__).resolve().parents[2] / "protos/vmplumb/v1"
ID = re.compile(r"\[?(REQ-[A-Z]+-\d{3})\]?")
AT_ONCE = 16
# A mutant may hang where a good server answers.
SECONDS = 15.0
# Too few for the check that fills a page of a thousand, which takes longer than all others.
FEW, MANY = Options(max_networks=500), Options()


@dataclass(frozen=True, slots=True, kw_only=True)
class Catch:
    """A mutant and what caught it."""

    mutant: type[Reference]
    requirement: str
    caught: Outcome | None
    ran: int


@cache
def contract() -> str:
    """The comments of the protos as one text, without their line breaks and layout."""
    words = []
    for path in sorted(PROTOS.glob("*.proto")):
        for line in path.read_text().splitlines():
            comment = line.strip()
            words.append(comment.removeprefix("//").strip() if comment.startswith("//") else "")
    return " ".join(" ".join(words).split())


def place_of(sentence: str) -> tuple[bool, str]:
    """Whether the contract has these words, and the id that stands with them ("" if none does)."""
    text, ids = "", []
    for piece in re.split(r"( ?\[?REQ-[A-Z]+-\d{3}\]?)", contract()):
        found = ID.search(piece)
        if found is not None:
            ids.append((len(text), found.group(1)))
        else:
            text += piece
    at = text.find(sentence)
    if at < 0:
        return False, ""
    end = at + len(sentence)
    # The id of a sentence stands at its end, that of a row in its last column.
    following = [(place - end, one) for place, one in ids if place >= end]
    distance, one = min(following, default=(1 << 30, ""))
    return True, one if distance < 250 else ""


def order(requirement: str, every: Sequence[Check]) -> list[Check]:
    """Its own checks first."""
    eligible = [one for one in every if not one.name.startswith("vector ") and one.group != "root"]
    return sorted(eligible, key=lambda one: requirement not in one.requirements)


async def hunt_one(kind: type[Reference], every: Sequence[Check]) -> Catch:
    """One mutant, until a check catches it."""
    _, requirement = place_of(mutants.sentence(kind))
    ran = 0
    async with house.houses(kind, options=MANY if requirement == "REQ-LIST-004" else FEW) as stage:
        async for one in runner.run(stage, order(requirement, every), seconds=SECONDS):
            ran += one.verdict is not Verdict.SKIPPED
            if one.verdict is Verdict.FAILED:
                return Catch(mutant=kind, requirement=requirement, caught=one, ran=ran)
    return Catch(mutant=kind, requirement=requirement, caught=None, ran=ran)


async def hunt(kinds: Sequence[type[Reference]]) -> list[Catch]:
    """All of them, some at once, in this process."""
    runner.keep_grpc()
    every = checks()
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(kind: type[Reference]) -> Catch:
        async with gate:
            return await hunt_one(kind, every)

    return await asyncio.gather(*(one(kind) for kind in kinds))


def json_line(one: Catch) -> str:
    """A mutant as a line of JSON."""
    caught = one.caught
    return json.dumps(
        {
            "mutant": one.mutant.__name__,
            "sentence": mutants.sentence(one.mutant),
            "requirement": one.requirement,
            "deed": mutants.deed(one.mutant),
            "caught_by": None if caught is None else caught.check.name,
            "requirements": [] if caught is None else caught.check.requirements,
            "why": "" if caught is None else caught.why,
            "checks_run": one.ran,
        }
    )


def text(catches: Sequence[Catch]) -> str:
    """A line a mutant: its name, the sentence it breaks, the check that caught it."""
    lines = []
    for one in catches:
        by = (
            "NOT CAUGHT"
            if one.caught is None
            else f"{one.caught.check.name} [{', '.join(one.caught.check.requirements)}]"
        )
        lines += [
            f"{one.mutant.__name__}",
            f'    breaks  "{mutants.sentence(one.mutant)}" {one.requirement}',
            f"    by      {mutants.deed(one.mutant)}",
            f"    caught  {by}",
        ]
    free = sum(one.caught is None for one in catches)
    lines.append(f"{len(catches)} wrong servers: {len(catches) - free} caught, {free} not")
    return "\n".join(lines)
