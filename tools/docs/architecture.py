"""The drawing of the agent's rooms, from the import contracts in pyproject.toml.

python -m tools.docs.architecture writes it; with --check it only says whether drawing and page are of the contracts.
"""

from __future__ import annotations

import sys
import textwrap
import tomllib
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

ROOT = Path(__file__).resolve().parents[2]
DRAWING, PAGE = ROOT / "docs/architecture.svg", ROOT / "docs/architecture.md"

WIDTH, LEFT, TOP = 860, 150, 66
HEIGHT_OF_ROOM, GAP_DOWN, GAP_RIGHT, RIGHT = 40, 14, 12, 24
# Of what stays in a room: a line of it, and the widest that a letter of it may be.
LINE, LETTER = 13, 5.4
ARROW = (
    "<defs><marker id='head' markerWidth='8' markerHeight='8' refX='7' refY='4' orient='auto'>"
    "<path d='M0,0 L8,4 L0,8 z' fill='#5b6b7b'/></marker></defs>"
)
ARROW_AT_END = "marker-end='url(#head)'"
FONT = "font-family='Helvetica, Arial, sans-serif'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Walls:
    """What the contracts say: lines of rooms from the top, and what stays in which room."""

    lines: tuple[tuple[str, ...], ...]
    stays: dict[str, tuple[str, ...]]


def walls(pyproject: Path = ROOT / "pyproject.toml") -> Walls:
    """Read the contracts."""
    contracts = tomllib.loads(pyproject.read_text())["tool"]["importlinter"]["contracts"]
    (layers,) = [one["layers"] for one in contracts if one["type"] == "layers"]
    stays: dict[str, list[str]] = {}
    for one in contracts:
        for allowed in one.get("ignore_imports", ()):
            where, _, what = allowed.partition(" -> ")
            room = where.removeprefix("vmplumbd.").split(".")[0]
            # "**" stands for all that the contract forbids elsewhere.
            names = one["forbidden_modules"] if what == "**" else [what]
            stays.setdefault(room, []).extend(name for name in names if name not in stays.get(room, ()))
    return Walls(
        lines=tuple(tuple(part.strip() for part in line.split("|")) for line in layers),
        stays={room: tuple(names) for room, names in stays.items()},
    )


def svg(found: Walls) -> str:
    """The drawing."""
    inside = [[_inside(found, room, _width(line)) for room in line] for line in found.lines]
    # A room with one line in it is no higher than one with none.
    heights = [HEIGHT_OF_ROOM + LINE * max(0, *(len(one) - 1 for one in line)) for line in inside]
    height = TOP + sum(heights) + len(heights) * GAP_DOWN + 24
    parts = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {height}' role='img'>",
        "<title>the rooms of vmplumbd</title>",
        f"<rect width='{WIDTH}' height='{height}' fill='#ffffff'/>",
        _text(LEFT, 28, "The rooms of vmplumbd", size=18, weight="bold"),
        _text(
            LEFT,
            48,
            "a room imports only rooms below its own line; what is in italics stays in its room",
            size=12,
        ),
        ARROW,
        f"<line x1='70' y1='{TOP}' x2='70' y2='{height - 34}' stroke='#5b6b7b' stroke-width='2' {ARROW_AT_END}/>",
        _text(84, TOP + 16, "imports", size=12),
    ]
    for number, line in enumerate(found.lines):
        y = TOP + sum(heights[:number]) + number * GAP_DOWN
        width = _width(line)
        for place, room in enumerate(line):
            x = LEFT + place * (width + GAP_RIGHT)
            parts.append(
                f"<rect x='{x:.1f}' y='{y}' width='{width:.1f}' height='{heights[number]}' rx='5'"
                f" fill='{_shade(number, len(found.lines))}' stroke='#34495e'/>"
            )
            words = inside[number][place]
            middle = x + width / 2
            parts.append(
                _text(middle, y + (18 if words else 25), room, size=14, weight="bold", anchor="middle")
            )
            parts += [
                _text(middle, y + 33 + LINE * below, one, size=10, style="italic", anchor="middle")
                for below, one in enumerate(words)
            ]
    parts.append("</svg>")
    return "\n".join(parts) + "\n"


def _width(line: tuple[str, ...]) -> float:
    return (WIDTH - LEFT - RIGHT - GAP_RIGHT * (len(line) - 1)) / len(line)


def _inside(found: Walls, room: str, width: float) -> list[str]:
    return textwrap.wrap(", ".join(found.stays.get(room, ())), int((width - 10) / LETTER))


def _shade(number: int, count: int) -> str:
    top, bottom = (0xDC, 0xEB, 0xF7), (0xE8, 0xF3, 0xE4)
    part = number / max(1, count - 1)
    return "#" + "".join(f"{round(a + (b - a) * part):02x}" for a, b in zip(top, bottom, strict=True))


def _text(
    x: float,
    y: float,
    words: str,
    *,
    size: int,
    weight: str = "normal",
    style: str = "normal",
    anchor: str = "start",
) -> str:
    return (
        f"<text x='{x:.1f}' y='{y:.1f}' {FONT} font-size='{size}' font-weight='{weight}' font-style='{style}'"
        f" text-anchor='{anchor}' fill='#1d2b36'>{escape(words)}</text>"
    )


def faults(found: Walls) -> list[str]:
    """What of the drawing or of the page is not of the contracts."""
    wrong = []
    if not DRAWING.exists() or DRAWING.read_text() != svg(found):
        wrong.append("docs/architecture.svg is of other import contracts: python -m tools.docs.architecture")
    page = PAGE.read_text()
    wrong += [
        f"docs/architecture.md does not say what {room} is"
        for line in found.lines
        for room in line
        if f"`{room}`" not in page
    ]
    return wrong


def main() -> int:
    """Write the drawing, or check it."""
    if sys.argv[1:] == ["--check"]:
        wrong = faults(walls())
        print("\n".join(wrong) or "the drawing of the rooms is of the import contracts")
        return 1 if wrong else 0
    DRAWING.write_text(svg(walls()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
