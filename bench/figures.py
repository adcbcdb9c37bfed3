"""Figures: percentiles, ratios, the targets they are held against, a table for people and lines for machines."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """A distribution, in ms."""

    count: int
    p50: float
    p90: float
    p99: float

    def __str__(self) -> str:
        return f"p50 {self.p50:8.3f}  p90 {self.p90:8.3f}  p99 {self.p99:8.3f}"


def spread(values: Iterable[float]) -> Spread:
    """Percentiles of values; at least one."""
    ordered = sorted(values)
    return Spread(count=len(ordered), p50=_at(ordered, 0.5), p90=_at(ordered, 0.9), p99=_at(ordered, 0.99))


def _at(ordered: Sequence[float], part: float) -> float:
    return ordered[max(0, math.ceil(part * len(ordered)) - 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured thing. `rounds` are medians of interleaved blocks, where it was measured in blocks."""

    section: str
    name: str
    spread: Spread | None = None
    value: float | None = None
    unit: str = "ms"
    ratio: float | None = None
    note: str = ""
    more: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A target, what was measured, and whether it is met; `value` None says why there is no figure."""

    figure: str
    target: str
    value: float | None
    met: bool | None
    shown: str


@dataclass(slots=True)
class Report:
    """Everything one run found, printed as it comes."""

    figures: list[Figure] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)

    def add(self, figure: Figure) -> None:
        """Take a figure and print its row."""
        self.figures.append(figure)
        print(row(figure), flush=True)

    def judge(self, figure: str, target: str, value: float | None, met: bool | None, shown: str) -> None:
        """Take a verdict; all are printed at the end."""
        self.verdicts.append(Verdict(figure=figure, target=target, value=value, met=met, shown=shown))

    def absent(self, section: str, name: str, why: str) -> None:
        """A row without a figure."""
        self.add(Figure(section=section, name=name, note=why))

    def lines(self, about: dict[str, Any]) -> Iterable[str]:
        """JSON lines: what the run was, figures, verdicts."""
        yield json.dumps({"run": about})
        for figure in self.figures:
            yield json.dumps({"figure": asdict(figure)})
        for verdict in self.verdicts:
            yield json.dumps({"target": asdict(verdict)})


def row(figure: Figure) -> str:
    """A line of the table: the ratio last."""
    head = f"  {figure.name:<58}"
    if figure.spread is not None:
        head += str(figure.spread)
    elif figure.value is not None:
        head += f"{figure.value:10.2f} {figure.unit:<28}"
    else:
        return f"{head}not there: {figure.note}"
    if figure.ratio is not None:
        head += f"  {figure.ratio:6.2f}x"
    return f"{head}  {figure.note}".rstrip()


def verdict_row(verdict: Verdict) -> str:
    """A line of the targets table."""
    state = {True: "ok", False: "MISSED", None: "no figure"}[verdict.met]
    return f"  {verdict.figure:<66} {verdict.target:<26} {verdict.shown:<34} {state}"


def median(values: Iterable[float]) -> float:
    """The middle one."""
    return statistics.median(list(values))
