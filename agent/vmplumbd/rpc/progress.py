"""From an operation's thread to its streams: who reads an event log on the loop.

Waking the loop costs the lane the interpreter lock, so a reader is woken by the end of the operation
alone for the first moments; if that does not come, it asks to see each event as it happens.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from vmplumbd.model.progress import Event, StepEvent, StepState
from vmplumbd.operations.events import Entry, EventLog

# Longer than a set-up of built-in plugins takes, shorter than a person notices. Seconds.
_PATIENCE = 0.01


class Bell:
    """Rung on any thread, heard on the loop by one waiter. Rings between two waits are one."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._rung = False
        self._heard = False
        self._waiter: asyncio.Future[bool] | None = None

    def ring(self) -> None:
        """Wake who waits, or who waits next."""
        if not self._rung:
            self._rung = True
            # The loop may be gone when the agent stops: then nobody listens any more.
            if not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._hear)

    async def wait(self, seconds: float | None = None) -> bool:
        """Wait for a ring. False if `seconds` passed without one."""
        if not self._heard:
            # A future and a timer: asyncio.wait_for would make a task of it, and each wait is on somebody's path.
            waiter = self._waiter = self._loop.create_future()
            timer = None if seconds is None else self._loop.call_later(seconds, _give_up, waiter)
            try:
                if not await waiter:
                    return False
            finally:
                self._waiter = None
                if timer is not None:
                    timer.cancel()
        self._heard = self._rung = False
        return True

    def _hear(self) -> None:
        self._heard = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(True)


def _give_up(waiter: asyncio.Future[bool]) -> None:
    if not waiter.done():
        waiter.set_result(False)


async def entries(log: EventLog, *, after: int) -> AsyncIterator[Entry]:
    """Events after a sequence number, then live ones, to the end of the operation.

    A reader whom only the end woke has lagged behind all that came before: of that it is told what went
    wrong, was tried again or was warned of, and nothing else. A message a step costs both sides more than
    a quick operation itself takes.
    """
    bell = Bell()
    attached = log.last_sequence
    log.subscribe(bell.ring)
    patience: float | None = _PATIENCE
    position = after
    try:
        while True:
            # In this order: an event written between the two is in the next read.
            finished = log.finished
            lagged = finished and patience is not None
            for entry in log.since(position):
                position = entry.sequence
                if not lagged or entry.sequence <= attached or _is_news(entry.event):
                    yield entry
            if finished:
                return
            if not await bell.wait(patience):
                patience = None
                log.flush()
    finally:
        log.unsubscribe(bell.ring)


def _is_news(event: Event) -> bool:
    """Whether an event says more than that a step went as it should."""
    return not isinstance(event, StepEvent) or bool(
        event.failure
        or event.warnings
        or event.state in {StepState.FAILED, StepState.RETRYING}
        or (event.plugin_call is not None and event.plugin_call.failed)
    )


async def ended(when_ended: Callable[[Callable[[], None]], None]) -> None:
    """Wait until an operation has ended."""
    bell = Bell()
    when_ended(bell.ring)
    await bell.wait()
