"""Links between the repository's documents: from a file's own place to the site's page, checked as they are turned."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping
from pathlib import Path

LINK = re.compile(r"(?P<bang>!?)\[(?P<text>[^\]\[]*(?:\[[^\]]*\][^\]\[]*)*)\]\((?P<target>[^()\s]+)\)")
FENCE = re.compile(r"^(```|~~~)")


class DeadLink(Exception):
    """A link leads to nothing in the repository."""


def turn(text: str, place: str, root: Path, pages: Mapping[str, str]) -> str:
    """Markdown that lies at `place` in the repository, with its links made for the site.

    `pages` is the site's page by the repository's file. A link to a file that is no page becomes its name. Raises
    DeadLink.
    """

    def turned(match: re.Match[str]) -> str:
        target = match["target"]
        if re.match(r"[a-z][a-z0-9+.-]*:|#", target):
            return match[0]
        path, _, anchor = target.partition("#")
        meant = posixpath.normpath(posixpath.join(posixpath.dirname(place), path))
        if meant in pages:
            own = posixpath.dirname(pages[place])
            there = posixpath.relpath(pages[meant], own or ".")
            return f"{match['bang']}[{match['text']}]({there}{'#' + anchor if anchor else ''})"
        if not (root / meant).exists():
            raise DeadLink(f"{place}: {target} is not there")
        return match["text"] if match["text"].startswith("`") else f"{match['text']} (`{meant}`)"

    return outside_code(text, lambda line: LINK.sub(turned, line))


def outside_code(text: str, change: Callable[[str], str]) -> str:
    """Change every line that is not in a fenced block."""
    found, inside = [], False
    for line in text.splitlines(keepends=True):
        if FENCE.match(line.strip()):
            inside = not inside
        found.append(line if inside else change(line))
    return "".join(found)
