"""The parts of docs/conformance.md that are made: python -m tests.conformance.pages runs the suite and writes them.

Tables of profiles and requirements are the runner's own lists, and a test holds the page to them. The report and
the mutants are from a run against real agents and against the wrong servers.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.conformance import mutants
from tests.conformance.ask import ask
from tests.conformance.reference import Reference
from vmplumb_conformance.profile import GROUPS, NEEDS
from vmplumb_conformance.registry import checks

PAGE = Path(__file__).resolve().parents[2] / "docs/conformance.md"
ABOUT = {
    "address": "nothing but its address: requests without CNI networks, validation, lists, watches",
    "network": "names of CNI networks, paths to refuse",
    "script": "a network that ends with the scripted plugin: it fails, hangs and prints garbage as a file says",
    "limits": "a second server with next to no room",
    "identity": "more callers, each with an identity",
    "faults": "commands that break the server's journal, kernel or self",
    "restart": "commands that drain, restart and kill a server",
    "root": "the server's own host: namespaces and devices are looked at",
}


def profiles() -> list[str]:
    """A row a profile."""
    every = checks()
    rows = ["| profile | checks | what it needs |", "|---|---|---|"]
    rows += [
        f"| `{group}` | {sum(one.group == group for one in every)} | {ABOUT[group]} |" for group in GROUPS
    ]
    rows.append(f"| | {len(every)} | |")
    return rows


def needs() -> list[str]:
    """A row a need."""
    return [
        "| in a profile | what it is |",
        "|---|---|",
        *(f"| `{name}` | {what} |" for name, what in NEEDS.items()),
    ]


def requirements() -> list[str]:
    """A row a requirement, with its checks."""
    found: dict[str, list[str]] = {}
    vectors: dict[str, int] = {}
    for one in checks():
        for requirement in one.requirements:
            names = found.setdefault(requirement, [])
            if one.name.startswith("vector "):
                vectors[requirement] = vectors.get(requirement, 0) + 1
            else:
                names.append(one.name)
    rows = ["| requirement | checks |", "|---|---|"]
    for requirement, names in sorted(found.items()):
        more = [f"{vectors[requirement]} vectors"] if requirement in vectors else []
        rows.append(f"| {requirement} | {'; '.join([*names, *more])} |")
    return rows


def caught(lines: Sequence[dict[str, Any]]) -> list[str]:
    """A row a mutant, with the check that caught it first."""
    rows = ["| the contract says | the wrong server | caught by |", "|---|---|---|"]
    rows += [f"| {_cell(one['sentence'])} | {_cell(one['deed'])} | {one['caught_by']} |" for one in lines]
    return rows


def named(kind: type[Reference]) -> str:
    """The first two cells of a mutant's row."""
    return f"| {_cell(mutants.sentence(kind))} | {_cell(mutants.deed(kind))} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def block(page: str, name: str) -> list[str]:
    """The lines between the marks of a made part."""
    begin, end = f"<!-- {name}: made -->", "<!-- end -->"
    return page.split(begin, 1)[1].split(end, 1)[0].strip("\n").splitlines()


def with_block(page: str, name: str, lines: Sequence[str]) -> str:
    """The page with other lines there."""
    begin, end = f"<!-- {name}: made -->", "<!-- end -->"
    before, rest = page.split(begin, 1)
    return "\n".join([before + begin, "", *lines, "", end + rest.split(end, 1)[1]])


def main() -> int:
    """Run everything and write the page; 1 if something failed, and the page says so."""
    page = PAGE.read_text()
    for name, lines in (("profiles", profiles()), ("needs", needs()), ("requirements", requirements())):
        page = with_block(page, name, lines)
    status = 0
    if sys.argv[1:] != ["--lists"]:
        with tempfile.TemporaryDirectory() as folder:
            live = ask(Path(folder), "vmplumbd")
        with tempfile.TemporaryDirectory() as folder:
            hunted = ask(Path(folder), "mutants")
        status = 1 if live.status or hunted.status else 0
        *_, skipped = live.report.partition("\nskipped\n")
        page = with_block(page, "report", ["```", *f"skipped\n{skipped}".splitlines(), "```"])
        page = with_block(page, "mutants", caught(hunted.lines))
    PAGE.write_text(page)
    return status


if __name__ == "__main__":
    sys.exit(main())
