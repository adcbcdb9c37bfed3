"""Progress as it happens: a line a step that changes while it runs in a terminal, a line an event
elsewhere."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol

import click
from rich.console import Console, Group
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from vmplumb._cli import document, words
from vmplumb._follow import ProgressEvent
from vmplumb.v1.vm_network_pb2 import (
    STEP_STATE_FAILED,
    STEP_STATE_PLUGIN_CALLED,
    STEP_STATE_RETRYING,
    STEP_STATE_SKIPPED,
    STEP_STATE_STARTED,
    STEP_STATE_SUCCEEDED,
    Step,
    StepState,
)


class Steps(Protocol):
    """Shows the events of one operation."""

    def __enter__(self) -> Steps: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    def __call__(self, event: ProgressEvent) -> None: ...


class Silent:
    """Shows nothing."""

    def __enter__(self) -> Silent:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def __call__(self, event: ProgressEvent) -> None:
        pass


class Lines:
    """A line an event, with the time since the first."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._first: dt.datetime | None = None

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def __call__(self, event: ProgressEvent) -> None:
        self._first = self._first or event.time
        since = (event.time - self._first).total_seconds()
        for text in describe(event):
            line = f"{since:9.4f}s  {words.step(event.progress.step):<18} {text}"
            self._console.print(Text(line), soft_wrap=True)


@dataclass(slots=True)
class _Row:
    name: str
    state: StepState.ValueType
    started: dt.datetime
    ended: dt.datetime
    said: str = ""
    notes: list[str] = field(default_factory=list)


class Board:
    """A line a step, redrawn while it runs."""

    def __init__(self, console: Console, title: str) -> None:
        self._title = title
        self._rows: dict[tuple[str, Step.ValueType], _Row] = {}
        self._live = Live(console=console, refresh_per_second=12, get_renderable=self._render)

    def __enter__(self) -> Board:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.update(self._render(), refresh=True)
        self._live.stop()

    def __call__(self, event: ProgressEvent) -> None:
        progress = event.progress
        key = (event.uid, progress.step)
        row = self._rows.get(key)
        if row is None:
            row = _Row(words.step(progress.step), progress.state, event.time, event.time)
            self._rows[key] = row
        row.ended = event.time
        if progress.state == STEP_STATE_PLUGIN_CALLED:
            row.notes.append(words.plugin_call(progress.plugin_call))
        else:
            row.state = progress.state
            row.said = "" if progress.state in _TELL_THEMSELVES else next(iter(describe(event)))
        row.notes.extend(f"warning: {one.message}" for one in progress.warnings)

    def _render(self) -> Group:
        grid = Table.grid(padding=(0, 1))
        for row in self._rows.values():
            sign, style = _SIGNS.get(row.state, ("·", "dim"))
            mark: Text | Spinner = (
                Spinner("dots", style="cyan") if row.state in _RUNNING else Text(sign, style)
            )
            took = "" if row.state in _RUNNING else words.span((row.ended - row.started).total_seconds())
            grid.add_row(mark, Text(row.name), Text(took, "dim", justify="right"), Text(row.said, style))
            for note in row.notes:
                grid.add_row(
                    "", "", "", Text(note, "yellow" if "FAILED" in note or "warning" in note else "dim")
                )
        return Group(Text(self._title, "bold"), grid)


_TELL_THEMSELVES = frozenset({STEP_STATE_STARTED, STEP_STATE_SUCCEEDED})
_RUNNING = frozenset({STEP_STATE_STARTED, STEP_STATE_RETRYING})
_SIGNS = {
    STEP_STATE_SUCCEEDED: ("✓", "green"),
    STEP_STATE_FAILED: ("✗", "red"),
    STEP_STATE_SKIPPED: ("-", "dim"),
    STEP_STATE_RETRYING: ("↻", "yellow"),
}


def describe(event: ProgressEvent) -> list[str]:
    """An event in words: what happened to the step, then each warning."""
    progress = event.progress
    if progress.state == STEP_STATE_PLUGIN_CALLED:
        said = words.plugin_call(progress.plugin_call)
    else:
        said = words.step_state(progress.state)
        if progress.attempt > 1 or progress.state == STEP_STATE_RETRYING:
            of = f" of {progress.max_attempts}" if progress.max_attempts else ""
            said += f" (attempt {progress.attempt}{of})"
        if progress.HasField("retry_delay"):
            said += f", again in {words.span(progress.retry_delay)}"
        if progress.HasField("failure"):
            said += f": {words.reason(progress.failure.reason)}: {progress.failure.message}"
    return [said, *(f"warning: {one.message}" for one in progress.warnings)]


class JsonLines(Silent):
    """A JSON line an event, on standard output."""

    def __call__(self, event: ProgressEvent) -> None:
        line = {
            "progress": document.of(event.progress),
            "uid": event.uid,
            "sequence": event.sequence,
            "time": event.time.isoformat(),
            "replayed": event.replayed,
        }
        click.echo(document.text(line, indent=None))
