"""The audit: one JSON line for each call that may change something, in a file that is only ever added to.

The file is opened to append, with mode 0600, and never written otherwise. It is moved aside when it is full
(`max_bytes`, then `keep` old ones stay), or by somebody else, who sends SIGHUP: then it is opened anew.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path

_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW


class Audit:
    """Writes lines. Safe from any thread."""

    def __init__(
        self,
        path: str,
        *,
        max_bytes: int,
        keep: int,
        clock: Callable[[], float],
        failed: Callable[[str], None],
    ) -> None:
        """Raises OSError if the file cannot be opened. `failed` hears of the first of several lost lines."""
        self._path = Path(path)
        self._max_bytes = max_bytes
        self._keep = keep
        self._clock = clock
        self._failed = failed
        self._mutex = threading.Lock()
        self._fd = self._open()
        self._size = os.fstat(self._fd).st_size
        self._lost = 0
        self._torn = False

    def write(self, **fields: object) -> None:
        """One line, with its time. A line that cannot be written is counted in the next one that can: `lost`."""
        now = datetime.datetime.fromtimestamp(self._clock(), datetime.UTC)
        with self._mutex:
            if self._lost:
                fields["lost"] = self._lost
            # Escapes are ASCII: a name cannot end a line.
            line = json.dumps({"time": now.isoformat(timespec="microseconds"), **fields}, default=str)
            # What a full disk cut short ends here.
            raw = (b"\n" if self._torn else b"") + line.encode() + b"\n"
            try:
                if self._max_bytes and self._size and self._size + len(raw) > self._max_bytes:
                    self._rotate()
                written = os.write(self._fd, raw)
                self._size += written
                self._torn = written != len(raw)
                if self._torn:
                    raise OSError("a line was written in part")
            except OSError as exc:
                self._lost += 1
                if self._lost == 1:
                    self._failed(str(exc))
            else:
                self._lost = 0

    def reopen(self) -> None:
        """Open the file that has the name now. Raises OSError, and goes on with the old one then."""
        with self._mutex:
            self._take(self._open())

    def close(self) -> None:
        """Close the file."""
        with self._mutex:
            os.close(self._fd)

    def _open(self) -> int:
        return os.open(self._path, _FLAGS, 0o600)

    def _take(self, fd: int) -> None:
        os.close(self._fd)
        self._fd = fd
        self._size = os.fstat(fd).st_size

    def _rotate(self) -> None:
        for number in range(self._keep, 0, -1):
            source = self._path if number == 1 else self._aside(number - 1)
            with contextlib.suppress(FileNotFoundError):
                source.rename(self._aside(number))
        if not self._keep:
            self._path.unlink(missing_ok=True)
        self._take(self._open())

    def _aside(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")
