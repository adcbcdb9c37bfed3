"""The fenced blocks of the documents."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
_BLOCK = re.compile(r"^```(?P<kind>[a-z]*)(?: title=\"(?P<title>[^\"]*)\")?\n(?P<text>.*?)^```$", re.M | re.S)


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One block: where it stands, its language, its title ("" for none) and its text."""

    page: str
    kind: str
    title: str
    text: str


def examples(page: Path) -> Iterator[Example]:
    """The blocks of a page, in order."""
    for one in _BLOCK.finditer(page.read_text()):
        yield Example(
            page=str(page.relative_to(ROOT)), kind=one["kind"], title=one["title"] or "", text=one["text"]
        )


def every() -> list[Example]:
    """The blocks of all pages of docs/."""
    return [one for page in sorted(DOCS.rglob("*.md")) for one in examples(page)]
