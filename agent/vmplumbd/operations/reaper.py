"""Lets the devices of networks that are gone die, a few at a time, and gives their addresses back.

A namespace without a name takes its devices along when the last hold on it is let go. The kernel destroys
what it is given at once in one go, and while it does, every other change of links waits: two namespaces
cost a set-up some milliseconds, two hundred nearly half a second. So namespaces are held, and let go in
batches: small ones while networks are set up, larger ones while nobody waits, the next one when the
devices of the last have been seen to go. A process that ends lets go of all of them.
"""

from __future__ import annotations

import collections
import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from vmplumbd.errors import AgentError
from vmplumbd.model.ids import Uid
from vmplumbd.model.record import Release
from vmplumbd.operations import reap
from vmplumbd.operations.book import Kind, Operation
from vmplumbd.operations.events import EventLog
from vmplumbd.operations.lanes import LaneName, Sleep, WaitFor, Work
from vmplumbd.operations.tools import Going, Tools

# How long a release that failed waits, seconds, doubled at each try up to the longest.
_FIRST_DELAY = 1.0
_LONGEST_DELAY = 300.0
# Namespaces let go at once while nobody sets up, and for each set-up under way.
LARGEST_BATCH = 64
BATCH_BESIDE_A_SET_UP = 2
# With this many held (a descriptor and 0.4 MiB of kernel memory each), set-ups have to suffer.
MOST_HELD = 512
# After a set-up another one is likely. Seconds.
SET_UPS_LINGER = 0.1
# Teardowns come in groups, and each waits while devices are destroyed: some company is waited for. Seconds.
_COMPANY = 0.01
# Devices that do not go in this time are held by a VMM; the rest does not wait for them. Seconds.
_PATIENCE = 0.25
# Releases finished before the lane's other work has its turn.
_TURN = 8


def batch_size(held: int, set_ups: int) -> int:
    """How many of the namespaces held are let go together beside this many set-ups."""
    if set_ups == 0 or held > MOST_HELD:
        return LARGEST_BATCH
    return min(LARGEST_BATCH, BATCH_BESIDE_A_SET_UP * set_ups)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Waiting:
    release: Release
    going: Going


class Reaper:
    """See `tools.Reaper`. Its work is done on the teardown lane; a release that fails is tried for ever."""

    def __init__(self, tools: Callable[[], Tools]) -> None:
        self._tools = tools
        self._mutex = threading.Lock()
        self._held: collections.OrderedDict[Uid, _Waiting] = collections.OrderedDict()
        self._last_taken = 0.0
        self._letting_go = False
        self._hurried = False
        self._due: collections.deque[Release] = collections.deque()
        self._finishing = False
        self._closed = False

    def take(self, release: Release, going: Going) -> None:
        """See `tools.Reaper`."""
        going.expected.then(lambda: self.due(release))
        if going.held is None:
            return
        tools = self._tools()
        with self._mutex:
            closed = self._closed
            if not closed:
                self._held[release.uid] = _Waiting(release=release, going=going)
                self._last_taken = tools.clock.monotonic()
                begin, self._letting_go = not self._letting_go, True
        if closed:
            going.held.close()
        elif begin:
            tools.lanes.submit(self._let_go(tools), LaneName.TEAR_DOWN, background=True)

    def hurry(self, release: Release) -> None:
        """See `tools.Reaper`."""
        with self._mutex:
            if release.uid in self._held:
                self._held.move_to_end(release.uid, last=False)
                self._hurried = True

    def due(self, release: Release) -> None:
        """See `tools.Reaper`."""
        tools = self._tools()
        with self._mutex:
            self._due.append(release)
            begin, self._finishing = not self._finishing, True
        if begin:
            tools.lanes.submit(self._finish_all(tools), LaneName.TEAR_DOWN, background=True)

    def close(self) -> None:
        """Let go of everything held: the kernel does the rest, and the next start gives addresses back."""
        with self._mutex:
            self._closed = True
            held = list(self._held.values())
            self._held.clear()
        for one in held:
            _close(one)

    def _let_go(self, tools: Tools) -> Work:
        while True:
            now = tools.clock.monotonic()
            set_ups = tools.book.set_ups_about(now - SET_UPS_LINGER)
            with self._mutex:
                if not self._held:
                    self._letting_go = False
                    return
                # While set-ups run batches are small anyway, and with somebody waiting this one is.
                alone = not (set_ups or self._hurried) and len(self._held) < LARGEST_BATCH
                early = alone and now < self._last_taken + _COMPANY
                self._hurried = False
                size = 0 if early else min(len(self._held), batch_size(len(self._held), set_ups))
                batch = [self._held.popitem(last=False)[1] for _ in range(size)]
            if not batch:
                yield Sleep(seconds=_COMPANY)
                continue
            for one in batch:
                _close(one)
            yield WaitFor(when=_all_gone(batch), seconds=_PATIENCE)

    def _finish_all(self, tools: Tools) -> Work:
        while True:
            with self._mutex:
                turn = [self._due.popleft() for _ in range(min(_TURN, len(self._due)))]
                if not turn:
                    self._finishing = False
                    return
            done: list[Release] = []
            for release in turn:
                if not tools.book.owes(release):
                    continue
                if tools.book.is_taken(release.vm_id) or not reap.all_built_in(tools, release.plan):
                    # DEL by its id would hit the VM's new network, whose set-up settles this; and a plugin that
                    # hangs would hold everybody's releases.
                    self._later(tools, release)
                elif failed := reap.finish(tools, release):
                    self._later(tools, _tried(tools, release, failed[0]))
                else:
                    done.append(release)
            try:
                tools.book.released([one.release_id for one in done])
            except AgentError as exc:
                for release in done:
                    self._later(tools, _tried(tools, release, exc))
            yield Sleep(seconds=0.0)

    def _later(self, tools: Tools, release: Release) -> None:
        lane = reap.lane_of(tools, release.plan)
        tools.lanes.submit(_again(tools, release, lane), lane, background=True)


def _again(tools: Tools, release: Release, lane: LaneName) -> Work:
    delay = _FIRST_DELAY
    current = release
    while True:
        yield Sleep(seconds=delay)
        with _alone(tools, current, lane) as alone:
            if not alone:
                continue
            try:
                failed = reap.settle(tools, current)
            except AgentError as exc:
                failed = (exc,)
        if not failed:
            return
        current = _tried(tools, current, failed[0])
        delay = min(delay * 2, _LONGEST_DELAY)


@contextlib.contextmanager
def _alone(tools: Tools, release: Release, lane: LaneName) -> Iterator[bool]:
    """Whether DEL by the VM's id can hit no network of it, for as long as this lasts."""
    if lane is LaneName.TEAR_DOWN:
        # A set-up that finds a release comes here with it first.
        yield not tools.book.is_taken(release.vm_id)
        return
    operation = Operation(
        kind=Kind.TEAR_DOWN,
        vm_id=release.vm_id,
        uid=release.uid,
        spec_hash=b"",
        log=EventLog(tools.clock),
        existed=False,
    )
    book = tools.book
    with book.mutex:
        record = book.get(release.vm_id)
        free = release.vm_id not in book.running and (record is None or record.is_memory)
        if free:
            book.running[release.vm_id] = operation
    try:
        yield free
    finally:
        if free:
            book.leave(operation)
            operation.log.finish()
            operation.end()


def _tried(tools: Tools, release: Release, error: AgentError) -> Release:
    try:
        return tools.book.tried_release(release, str(error))
    except AgentError:
        # The row stays as it was; it is the same release.
        return release


def _close(one: _Waiting) -> None:
    if one.going.held is not None:
        one.going.held.close()


def _all_gone(batch: list[_Waiting]) -> Callable[[Callable[[], None]], None]:
    left = len(batch)
    mutex = threading.Lock()

    def when(wake: Callable[[], None]) -> None:
        def gone() -> None:
            nonlocal left
            with mutex:
                left -= 1
                last = left == 0
            if last:
                wake()

        for one in batch:
            one.going.expected.then(gone)

    return when
