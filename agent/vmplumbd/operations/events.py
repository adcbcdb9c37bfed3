"""The events of one operation, kept for those who attach, and who is told of new ones.

A STARTED event is held back until something else happens: a step that ends at once is told in one
event, not two. A reader that finds nothing new after a while asks for what is held (`flush`), so a
slow step shows as started. Sequence numbers are given when an event is let out and never change.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from vmplumbd.abc import Clock
from vmplumbd.errors import AgentError
from vmplumbd.model.outcome import Outcome
from vmplumbd.model.progress import Done, Event, StepEvent, StepState


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One event: `sequence` from 1, `time` in seconds since the epoch."""

    sequence: int
    time: float
    event: Event


class EventLog:
    """Events of one uid. Written by the operation's thread, read by any. `begun`: when it was admitted."""

    def __init__(self, clock: Clock, *, first: int = 1) -> None:
        self._clock = clock
        self.begun = clock.now()
        self._mutex = threading.Lock()
        self._entries: list[Entry] = []
        self._next = first
        self._held: Entry | None = None
        self._eager = False
        self._readers: list[Callable[[], None]] = []
        self._finished = False
        self.outcome: Outcome | None = None
        self.error: AgentError | None = None

    @property
    def finished(self) -> bool:
        """Whether the last event was written."""
        return self._finished

    @property
    def last_sequence(self) -> int:
        """The newest sequence number given out."""
        return self._next - 1

    def tell(self, event: Event) -> None:
        """Write an event. Readers are woken only when they asked to see each (`flush`)."""
        now = self._clock.now()
        with self._mutex:
            held, self._held = self._held, None
            if held is not None and not _ends(event, held.event):
                self._let_out(held.event, held.time)
            if not self._eager and isinstance(event, StepEvent) and event.state is StepState.STARTED:
                self._held = Entry(sequence=0, time=now, event=event)
                return
            self._let_out(event, now)
            readers = list(self._readers) if self._eager else []
        for reader in readers:
            reader()

    def finish(self, *, outcome: Outcome | None = None, error: AgentError | None = None) -> None:
        """The operation ended: well, with Done as its last event, or with `error`. Every reader is woken."""
        with self._mutex:
            if self._held is not None:
                self._let_out(self._held.event, self._held.time)
                self._held = None
            if error is None:
                self._let_out(Done(), self._clock.now())
            self.outcome = outcome
            self.error = error
            self._finished = True
            readers, self._readers = self._readers, []
        for reader in readers:
            reader()

    def since(self, sequence: int) -> list[Entry]:
        """Events after `sequence`."""
        with self._mutex:
            if not self._entries:
                return []
            skip = sequence + 1 - self._entries[0].sequence
            return self._entries[max(0, skip) :]

    def flush(self) -> None:
        """Let out what is held, and from now on everything at once: someone is watching."""
        with self._mutex:
            self._eager = True
            if self._held is not None:
                self._let_out(self._held.event, self._held.time)
                self._held = None

    def subscribe(self, wake: Callable[[], None]) -> None:
        """Call `wake`, on the operation's thread, for news; at once if the operation has ended."""
        with self._mutex:
            if not self._finished:
                self._readers.append(wake)
                return
        wake()

    def unsubscribe(self, wake: Callable[[], None]) -> None:
        """Forget a reader."""
        with self._mutex:
            if wake in self._readers:
                self._readers.remove(wake)

    def _let_out(self, event: Event, time: float) -> None:
        self._entries.append(Entry(sequence=self._next, time=time, event=event))
        self._next += 1


def _ends(event: Event, started: Event) -> bool:
    return (
        isinstance(event, StepEvent)
        and isinstance(started, StepEvent)
        and event.step is started.step
        and event.attempt == started.attempt
        and event.plugin_call is None
        and event.state in {StepState.SUCCEEDED, StepState.SKIPPED}
    )
