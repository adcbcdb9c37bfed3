"""Deadline and cancel token of an operation, passed by hand."""

from __future__ import annotations

import threading
from collections.abc import Callable

from vmplumbd.abc import Clock
from vmplumbd.errors import OperationTimeout, TornDown


class CancelToken:
    """Set once, from any thread. Who waits is told by a callback, on the thread that cancels."""

    def __init__(self) -> None:
        self._cancelled = False
        self._mutex = threading.Lock()
        self._callbacks: list[Callable[[], None]] = []

    def cancel(self) -> None:
        """Ask the operation to end. A second call does nothing."""
        with self._mutex:
            self._cancelled = True
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()

    def cancelled(self) -> bool:
        """Whether the operation was asked to end."""
        return self._cancelled

    def when_cancelled(self, callback: Callable[[], None]) -> None:
        """Call back once: at cancel, or at once if that was already."""
        with self._mutex:
            if not self._cancelled:
                self._callbacks.append(callback)
                return
        callback()


class Deadline:
    """A point on the monotonic clock; `at` None never comes."""

    def __init__(self, clock: Clock, seconds: float | None) -> None:
        self._clock = clock
        self.seconds = seconds
        self.at = None if seconds is None else clock.monotonic() + seconds

    def remaining(self) -> float | None:
        """Seconds left, never below 0."""
        return None if self.at is None else max(0.0, self.at - self._clock.monotonic())

    def expired(self) -> bool:
        """Whether it has passed."""
        return self.at is not None and self._clock.monotonic() >= self.at


class Bounds:
    """What may end an operation from outside: its deadline and a teardown."""

    def __init__(self, deadline: Deadline, token: CancelToken) -> None:
        self.deadline = deadline
        self.token = token

    def check(self, doing: str) -> None:
        """Raise TornDown or OperationTimeout if the operation should end before `doing`."""
        if self.token.cancelled():
            raise TornDown(f"set-up was ended by a teardown before {doing}")
        if self.deadline.expired():
            raise OperationTimeout(f"operation_timeout of {self.deadline.seconds} s ran out before {doing}")
