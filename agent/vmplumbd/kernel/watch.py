"""Sees links of the host go, by the kernel's own notices."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import threading
from collections.abc import Callable, Collection

from vmplumbd.kernel import links, rtnl
from vmplumbd.kernel.rtnl import Channel
from vmplumbd.model import net

# A drain of some thousand links at once sends notices of about 2 KiB each.
_RECEIVE_BUFFER = 8 << 20
_QUESTIONS = 64


class _Wait:
    """Links somebody waits for: those still there, and whom to tell when the last has gone."""

    def __init__(self, indexes: frozenset[int], tell: Callable[[frozenset[int]], None] | None = None) -> None:
        self.indexes = indexes
        self.there = set(indexes)
        self.over = threading.Event()
        self._tell = tell

    def end(self) -> None:
        """The last has gone."""
        self.over.set()
        if self._tell is not None:
            self._tell(self.indexes)


class DeviceWatch:
    """See `abc.DeviceWatch`. Made on a thread that is in the host's namespace."""

    def __init__(self) -> None:
        self._notices = Channel(rtnl.RTMGRP_LINK)
        self._notices.enlarge(_RECEIVE_BUFFER)
        # A set-up alone sends a dozen notices, and waking this thread takes time from the one that sets up.
        self._notices.hear_only(rtnl.RTM_DELLINK)
        self._questions = Channel()
        self._asking = threading.Lock()
        self._lock = threading.Lock()
        self._waits: list[_Wait] = []
        self._closed = False
        self._wake = os.eventfd(0, os.EFD_CLOEXEC)
        self._thread = threading.Thread(target=self._read, name="device-watch", daemon=True)
        self._thread.start()

    def wait_gone(self, indexes: Collection[int], timeout: float) -> frozenset[int]:
        asked = frozenset(indexes)
        wait = _Wait(asked)
        if not self._start(wait):
            wait.over.wait(timeout)
        with self._lock:
            with contextlib.suppress(ValueError):
                self._waits.remove(wait)
            return asked - wait.there

    def on_gone(self, indexes: Collection[int], tell: Callable[[frozenset[int]], None]) -> None:
        wait = _Wait(frozenset(indexes), tell)
        if self._start(wait):
            tell(wait.indexes)

    def close(self) -> None:
        with self._lock:
            if self._closed:
                return
            self._closed = True
        os.eventfd_write(self._wake, 1)
        self._thread.join()
        os.close(self._wake)
        self._notices.close()
        with self._asking:
            self._questions.close()

    def _start(self, wait: _Wait) -> bool:
        """Wait from now on; True when all have gone already, and nobody else will tell."""
        with self._lock:
            if self._closed:
                return True
            self._waits.append(wait)
        # Asked after the wait is in the list, so that a link cannot go unseen in between.
        gone = self._gone(wait.indexes)
        with self._lock:
            wait.there -= gone
            if wait.there or wait not in self._waits:
                return False
            self._waits.remove(wait)
            return True

    def _read(self) -> None:
        poll = select.poll()
        poll.register(self._notices.fileno(), select.POLLIN)
        poll.register(self._wake, select.POLLIN)
        while True:
            poll.poll()
            with self._lock:
                if self._closed:
                    # Whoever waits is let go with what is known; nobody is told after close.
                    for wait in self._waits:
                        wait.over.set()
                    self._waits.clear()
                    return
            self._note(self._seen())

    def _seen(self) -> set[int]:
        gone: set[int] = set()
        while True:
            try:
                for kind, body in self._notices.notices():
                    if kind == rtnl.RTM_DELLINK:
                        gone.add(links.link_index(body))
            except OSError as exc:
                if exc.errno == errno.EAGAIN:
                    return gone
                if exc.errno != errno.ENOBUFS:
                    raise
                # Notices were lost: what somebody waits for is asked for instead.
                with self._lock:
                    asked = frozenset().union(*(wait.there for wait in self._waits))
                return gone | self._gone(asked)

    def _note(self, gone: set[int]) -> None:
        with self._lock:
            complete = []
            for wait in self._waits:
                wait.there -= gone
                if not wait.there:
                    complete.append(wait)
            self._waits = [wait for wait in self._waits if wait.there]
        for wait in complete:
            wait.end()

    def _gone(self, indexes: frozenset[int]) -> set[int]:
        """Which of these the kernel does not know."""
        gone: set[int] = set()
        ordered = sorted(indexes)
        for start in range(0, len(ordered), _QUESTIONS):
            part = ordered[start : start + _QUESTIONS]
            with self._asking:
                _, refusals = self._questions.exchange(
                    [links.get_link(net.GetLink(index=index)) for index in part]
                )
            gone |= {part[refusal.place] for refusal in refusals if refusal.errno == errno.ENODEV}
        return gone
