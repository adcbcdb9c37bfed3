"""JSON lines on stderr: a short event name and fields, one fact a line."""

from __future__ import annotations

import json
import threading
import time
from typing import TextIO

_LEVELS = ("debug", "info", "warning", "error")


class Log:
    """Writes lines. Safe from any thread."""

    def __init__(self, out: TextIO, *, level: str = "info") -> None:
        self._out = out
        self._least = _LEVELS.index(level)
        self._mutex = threading.Lock()

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
        line = json.dumps(
            {"time": round(time.time(), 6), "level": level, "event": event, **fields}, default=str
        )
        with self._mutex:
            print(line, file=self._out, flush=True)
