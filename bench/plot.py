"""A line chart as SVG text: both axes logarithmic where the values span more than a decade."""

from __future__ import annotations

import math
from collections.abc import Mapping
from html import escape

_WIDTH, _HEIGHT = 760, 420
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 230, 40, 50
_COLOURS = ("#1b6ca8", "#d1495b", "#2e8b57", "#8a5a00", "#6a4c93", "#555555", "#c46210", "#008b8b")


def lines(series: Mapping[str, Mapping[int, float]], *, title: str, across: str, up: str) -> str:
    """One line a series; x values are spaced evenly, since there are few of them."""
    xs = sorted({x for one in series.values() for x in one})
    values = [y for one in series.values() for y in one.values()]
    log = max(values) > 10 * min(values)
    low, high = (_decades(min(values), max(values))) if log else (0.0, _round_up(max(values)))

    def place_x(x: int) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * (xs.index(x) / max(1, len(xs) - 1))

    def place_y(y: float) -> float:
        part = math.log(y / low) / math.log(high / low) if log else (y - low) / (high - low)
        return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * part

    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" font-size="12">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
        f'<text x="{_LEFT}" y="22" font-size="15" font-weight="bold">{escape(title)}</text>',
        f'<text x="{(_LEFT + _WIDTH - _RIGHT) / 2}" y="{_HEIGHT - 12}" text-anchor="middle">{escape(across)}</text>',
        f'<text x="16" y="{_TOP - 8}">{escape(up)}{", log" if log else ""}</text>',
    ]
    for tick in _ticks(low, high, log=log):
        y = place_y(tick)
        out.append(f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#dddddd"/>')
        out.append(f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>')
    out.extend(
        f'<text x="{place_x(x):.1f}" y="{_HEIGHT - _BOTTOM + 18}" text-anchor="middle">{x}</text>' for x in xs
    )
    ends: list[float] = []
    ordered = sorted(series.items(), key=lambda item: -item[1][max(item[1])])
    for number, (name, one) in enumerate(ordered):
        colour = _COLOURS[number % len(_COLOURS)]
        points = [(place_x(x), place_y(y)) for x, y in sorted(one.items())]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        out.extend(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points)
        at = max([points[-1][1], *(end + 15 for end in ends[-1:])])
        ends.append(at)
        out.append(f'<text x="{_WIDTH - _RIGHT + 10}" y="{at + 4:.1f}" fill="{colour}">{escape(name)}</text>')
    out.append("</svg>")
    return "\n".join(out) + "\n"


def _decades(low: float, high: float) -> tuple[float, float]:
    return 10 ** math.floor(math.log10(low)), 10 ** math.ceil(math.log10(high))


def _round_up(value: float) -> float:
    step = 10 ** math.floor(math.log10(value))
    return float(math.ceil(value / step) * step)


def _ticks(low: float, high: float, *, log: bool) -> list[float]:
    if not log:
        return [low + (high - low) * part / 5 for part in range(6)]
    found: list[float] = []
    decade = low
    while decade <= high * 1.0001:
        found.extend(decade * each for each in (1, 2, 5) if decade * each <= high * 1.0001)
        decade *= 10
    return found
