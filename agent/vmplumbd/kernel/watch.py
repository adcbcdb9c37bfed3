"""Sees links of the host go, by the kernel's own notices."""

from __future__ import annotations

import errno
import os
import select
import threading
from collections.abc import Callable, Collection, Iterable

from vmplumbd import abc
from vmplumbd.kernel import links, rtnl
from vmplumbd.kernel.rtnl import Channel
from vmplumbd.model import net

# A drain of some thousand links at once sends notices of about 2 KiB each.
_RECEIVE_BUFFER = 8 << 20
_QUESTIONS = 64
_ASK_AGAIN_MS = 200


class _Wait:
    """Links somebody waits for: those still there, and whom to tell when the last has gone.

    Its fields are the watch's, changed under its lock alone.
    """

    def __init__(self, watch: DeviceWatch, indexes: frozenset[int]) -> None:
        self._watch = watch
        self.indexes = indexes
        self.there = set(indexes)
        self.ended = threading.Event()
        self.tells: list[Callable[[], None]] = []

    @property
    def over(self) -> bool:
        return not self.there

    def then(self, tell: Callable[[], None]) -> None:
        if self._watch.tell_later(self, tell):
            tell()

    def saw_gone(self, indexes: Iterable[int]) -> None:
        self._watch.leave_out(self, indexes)

    def cancel(self) -> None:
        self._watch.forget(self)


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
        self._waits: dict[int, list[_Wait]] = {}
        self._closed = False
        # The kernel did not answer what it was asked: it is asked again after a while.
        self._unsure = False
        self._wake = os.eventfd(0, os.EFD_CLOEXEC)
        self._thread = threading.Thread(target=self._read, name="device-watch", daemon=True)
        self._thread.start()

    def wait_gone(self, indexes: Collection[int], timeout: float) -> frozenset[int]:
        wait = self._asked(indexes)
        if not wait.over:
            wait.ended.wait(timeout)
        with self._lock:
            self._drop(wait)
            return wait.indexes - wait.there

    def expect(self, indexes: Collection[int]) -> abc.Expected:
        wait = _Wait(self, frozenset(indexes))
        with self._lock:
            self._keep(wait)
        return wait

    def on_gone(self, indexes: Collection[int], tell: Callable[[frozenset[int]], None]) -> None:
        wait = self._asked(indexes)
        wait.then(lambda: tell(wait.indexes))

    def tell_later(self, wait: _Wait, tell: Callable[[], None]) -> bool:
        """Tell when the wait is over; True if it is, and the caller tells. Nobody is told after close."""
        with self._lock:
            if wait.over:
                return True
            wait.tells.append(tell)
            return False

    def leave_out(self, wait: _Wait, indexes: Iterable[int]) -> None:
        """Wait for these no longer."""
        with self._lock:
            self._drop(wait)
            wait.there.difference_update(indexes)
            self._keep(wait)

    def forget(self, wait: _Wait) -> None:
        """Stop waiting."""
        with self._lock:
            self._drop(wait)
            wait.tells.clear()

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

    def _asked(self, indexes: Collection[int]) -> _Wait:
        """A wait from now on, without those that the kernel does not know any more."""
        wait = _Wait(self, frozenset(indexes))
        with self._lock:
            self._keep(wait)
            if self._closed:
                return wait
        # Asked after the wait is known, so that a link cannot go unseen in between.
        try:
            gone = self._gone(wait.indexes)
        except OSError:
            gone = set()
            self._doubt()
        with self._lock:
            self._drop(wait)
            wait.there -= gone
            self._keep(wait)
        return wait

    def _doubt(self) -> None:
        with self._lock:
            if not self._closed:  # else the descriptors go with it, or have gone
                self._unsure = True
                os.eventfd_write(self._wake, 1)

    def _keep(self, wait: _Wait) -> None:
        if self._closed:
            wait.ended.set()
            return
        for index in wait.there:
            self._waits.setdefault(index, []).append(wait)

    def _drop(self, wait: _Wait) -> None:
        for index in wait.there:
            waits = self._waits.get(index, [])
            if wait in waits:
                waits.remove(wait)
            if not waits:
                self._waits.pop(index, None)

    def _read(self) -> None:
        poll = select.poll()
        poll.register(self._notices.fileno(), select.POLLIN)
        poll.register(self._wake, select.POLLIN)
        while True:
            ready = dict(poll.poll(_ASK_AGAIN_MS if self._unsure else None))
            if self._wake in ready:
                os.eventfd_read(self._wake)
            with self._lock:
                if self._closed:
                    # Whoever waits is let go with what is known; nobody is told after close.
                    for waits in self._waits.values():
                        for wait in waits:
                            wait.ended.set()
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
                if exc.errno == errno.EAGAIN and not self._unsure:
                    return gone
                if exc.errno not in {errno.EAGAIN, errno.ENOBUFS}:
                    raise
                # Notices, or answers, were lost: what somebody waits for is asked for instead.
                return gone | self._ask_again()

    def _ask_again(self) -> set[int]:
        # Before the look at who waits: who begins to wait after it, unanswered, says so again.
        self._unsure = False
        with self._lock:
            asked = frozenset(self._waits)
        try:
            return self._gone(asked)
        except OSError:
            self._unsure = True
            return set()

    def _note(self, gone: set[int]) -> None:
        complete: list[Callable[[], None]] = []
        with self._lock:
            for index in gone & self._waits.keys():
                for wait in self._waits.pop(index):
                    wait.there.discard(index)
                    if wait.over:
                        wait.ended.set()
                        complete += wait.tells
        for tell in complete:
            tell()

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
