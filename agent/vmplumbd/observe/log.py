"""The log: a short event name and fields, one fact a line, as JSON or as text, or as an entry of the journal.

Fields are ids, places, figures and reasons. Values of arguments, capability arguments and inline lists never come here.
"""

from __future__ import annotations

import datetime
import json
import threading
import time
from collections.abc import Callable, Mapping
from typing import TextIO, TypeAlias

_LEVELS = ("debug", "info", "warning", "error")

Record: TypeAlias = Mapping[str, object]
"""`time` (seconds since the epoch), `level`, `event`, then the fields."""


def as_json(record: Record) -> str:
    """One line for machines."""
    return json.dumps(record, default=str)


def as_text(record: Record) -> str:
    """One line for people: no value can end it, or look like another field."""
    seconds = record["time"]
    assert isinstance(seconds, float)
    when = datetime.datetime.fromtimestamp(seconds, datetime.UTC).isoformat(timespec="milliseconds")
    return f"{when.replace('+00:00', 'Z')} {record['level']!s:7} {message(record)}"


def message(record: Record) -> str:
    """The event and its fields, without time and level."""
    fields = (f" {key}={_word(value)}" for key, value in list(record.items())[3:])
    return f"{record['event']}{''.join(fields)}"


class Log:
    """Writes lines. Safe from any thread."""

    def __init__(
        self,
        out: TextIO,
        *,
        level: str = "info",
        line: Callable[[Record], str] = as_json,
        entry: Callable[[Record], bool] = lambda record: False,  # noqa: ARG005 - nobody takes it
    ) -> None:
        """`entry` may take a record; what it does not take becomes a `line` of `out`."""
        self._out = out
        self._least = _LEVELS.index(level)
        self._line = line
        self._entry = entry
        self._mutex = threading.Lock()

    def set_level(self, level: str) -> None:
        """Write nothing that weighs less from now on."""
        self._least = _LEVELS.index(level)

    def debug(self, event: str, **fields: object) -> None:
        """What only somebody who looks closely wants to know."""
        self._write("debug", event, fields)

    def info(self, event: str, **fields: object) -> None:
        """A fact."""
        self._write("info", event, fields)

    def warning(self, event: str, **fields: object) -> None:
        """A fact that someone should look at."""
        self._write("warning", event, fields)

    def error(self, event: str, **fields: object) -> None:
        """A fault."""
        self._write("error", event, fields)

    def _write(self, level: str, event: str, fields: dict[str, object]) -> None:
        if _LEVELS.index(level) < self._least:
            return
        record = {"time": round(time.time(), 6), "level": level, "event": event, **fields}
        if self._entry(record):
            return
        line = self._line(record)
        with self._mutex:
            print(line, file=self._out, flush=True)


def _word(value: object) -> str:
    if (
        isinstance(value, str)
        and value
        and value.isascii()
        and value.isprintable()
        and not set(value) & set(' "=')
    ):
        return value
    return json.dumps(value, default=str)
