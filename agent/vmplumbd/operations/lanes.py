"""The threads operations run on. Nothing waits on a lane: work that must wait parks and frees it.

A network namespace belongs to a thread, and netlink, exec, SQLite and flock block, so operations are
synchronous code on a few threads. The kernel's RTNL lock is the limit of built-in work, so one lane
serves it; executed plugins are processes, so many of them may be waited for at once.
"""

from __future__ import annotations

import enum
import heapq
import itertools
import queue
import threading
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from vmplumbd.abc import Clock
from vmplumbd.errors import TooManyOperations
from vmplumbd.operations.cancel import CancelToken


class LaneName(enum.Enum):
    """Which threads a piece of work runs on."""

    BUILT_IN = "built-in"
    EXEC = "exec"
    TEAR_DOWN = "tear-down"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sleep:
    """Park for `seconds`, or until the token is cancelled."""

    seconds: float
    token: CancelToken | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitFor:
    """Park until `when(callback)` calls back, or for `seconds` at most."""

    when: Callable[[Callable[[], None]], None]
    seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GoTo:
    """Continue on another lane."""

    lane: LaneName


Park: TypeAlias = Sleep | WaitFor | GoTo
Work: TypeAlias = Generator[Park, None, None]


class _Job:
    __slots__ = ("background", "lane", "work")

    def __init__(self, work: Work, lane: LaneName, *, background: bool) -> None:
        self.background = background
        self.work = work
        self.lane = lane


class Lanes:
    """Lanes with their threads, and one timer thread for parked work.

    `limit` bounds the operations admitted and not yet ended, parked ones too. `fit` is asked on a lane's
    thread after each piece of work: one that is not fit for another ends, and a new one takes its place.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        threads: Mapping[LaneName, int],
        limit: int,
        fell: Callable[[BaseException], None],
        fit: Callable[[], bool] = lambda: True,
    ) -> None:
        self._clock = clock
        self.limit = limit
        self._fell = fell
        self._fit = fit
        self._mutex = threading.Condition()
        self._admitted = 0
        self._last = clock.monotonic()
        self._queues: dict[LaneName, queue.SimpleQueue[_Job | None]] = {
            lane: queue.SimpleQueue() for lane in LaneName
        }
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._timer_wakes = threading.Condition()
        self._closing = False
        self._threads = [
            self._thread(lane, f"{lane.value}-{number}")
            for lane in LaneName
            for number in range(threads[lane])
        ]
        self._threads.append(threading.Thread(target=self._tick, name="parked", daemon=True))
        for thread in self._threads:
            thread.start()

    @property
    def admitted(self) -> int:
        """Operations under way, queued or parked."""
        return self._admitted

    def waiting(self) -> Mapping[LaneName, int]:
        """Pieces of work that wait for a thread of their lane."""
        return {lane: found.qsize() for lane, found in self._queues.items()}

    @property
    def alive(self) -> bool:
        """Whether every thread that should run does, or is about to."""
        return all(thread.ident is None or thread.is_alive() for thread in self._threads)

    def idle_for(self) -> float:
        """Seconds since an operation was last admitted or ended; 0 while one is under way."""
        with self._mutex:
            return 0.0 if self._admitted else self._clock.monotonic() - self._last

    def submit(self, work: Work, lane: LaneName, *, always: bool = False, background: bool = False) -> None:
        """Queue work. Raises TooManyOperations beyond the limit, unless `always` (teardowns).

        Work in the `background` (recovery) is neither limited nor waited for at a drain.
        """
        with self._mutex:
            if self._admitted >= self.limit and not (always or background):
                raise TooManyOperations(
                    f"{self._admitted} operations are under way, the limit is {self.limit}"
                )
            if not background:
                self._admitted += 1
                self._last = self._clock.monotonic()
        self._queues[lane].put(_Job(work, lane, background=background))

    def after(self, seconds: float, callback: Callable[[], None]) -> None:
        """Call back on the timer thread; the callback must not block."""
        with self._timer_wakes:
            heapq.heappush(self._timers, (self._clock.monotonic() + seconds, next(self._order), callback))
            self._timer_wakes.notify()

    def drained(self, seconds: float) -> bool:
        """Wait until nothing is under way. False if that takes longer."""
        with self._mutex:
            return self._mutex.wait_for(lambda: self._admitted == 0, timeout=seconds)

    def close(self, seconds: float = 0.0) -> bool:
        """End the threads once their present piece of work parks or ends. Parked work is abandoned.

        Waits at most that long, and answers whether all of them have ended.
        """
        self._closing = True
        for name, lane in self._queues.items():
            for _ in [thread for thread in self._threads if thread.name.startswith(name.value)]:
                lane.put(None)
        with self._timer_wakes:
            self._timer_wakes.notify()
        end = self._clock.monotonic() + seconds
        for thread in self._threads:
            if thread.is_alive():
                thread.join(max(0.0, end - self._clock.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _serve(self, name: LaneName) -> None:
        lane = self._queues[name]
        while (job := lane.get()) is not None:
            if self._closing:
                return
            self._advance(job)
            if not self._fit():
                self._hand_over(name)
                return

    def _hand_over(self, name: LaneName) -> None:
        me = threading.current_thread()
        follower = self._thread(name, me.name)
        self._threads[self._threads.index(me)] = follower
        # Started by the timer's thread: one that this thread starts is where this one is.
        self.after(0.0, follower.start)

    def _thread(self, lane: LaneName, name: str) -> threading.Thread:
        return threading.Thread(target=self._serve, args=(lane,), name=name, daemon=True)

    def _advance(self, job: _Job) -> None:
        fault: Exception | None = None
        while True:
            try:
                park = next(job.work) if fault is None else job.work.throw(fault)
            except StopIteration:
                break
            except BaseException as exc:  # noqa: BLE001 - a fault of one operation must not end the lane
                self._fell(exc)
                break
            if isinstance(park, GoTo) and park.lane is job.lane:
                continue
            fault = self._park(job, park)
            if fault is not None:
                continue
            return
        with self._mutex:
            if not job.background:
                self._admitted -= 1
                self._last = self._clock.monotonic()
            self._mutex.notify_all()

    def _park(self, job: _Job, park: Park) -> Exception | None:
        """Let it wait. Answers what it cannot wait for: that is the operation's to hear, not the lane's."""
        if isinstance(park, GoTo):
            job.lane = park.lane
            self._queues[job.lane].put(job)
            return None
        woken = threading.Lock()

        def wake() -> None:
            # Timer, token and event may all come; the first one resumes.
            if woken.acquire(blocking=False):
                self._queues[job.lane].put(job)

        if isinstance(park, Sleep):
            if park.token is not None:
                park.token.when_cancelled(wake)
            self.after(park.seconds, wake)
        else:
            if park.seconds is not None:
                self.after(park.seconds, wake)
            try:
                park.when(wake)
            except Exception as exc:  # noqa: BLE001 - whatever it is, the lane serves others
                # Woken meanwhile, it goes on as if the wait were over, perhaps on another thread already.
                return exc if woken.acquire(blocking=False) else None
        return None

    def _tick(self) -> None:
        while True:
            due: list[Callable[[], None]] = []
            with self._timer_wakes:
                # Looked at under the lock: a `close` before it is seen, one after it wakes the wait.
                if self._closing:
                    return
                now = self._clock.monotonic()
                while self._timers and self._timers[0][0] <= now:
                    due.append(heapq.heappop(self._timers)[2])
                if not due:
                    wait = self._timers[0][0] - now if self._timers else None
                    self._timer_wakes.wait(wait)
            for callback in due:
                callback()
