"""Namespaces begun before they are asked for, on a thread of their own.

The kernel takes about as long to make a namespace as we take to look at a request and write it down. A
namespace without a name leaves nothing behind, whatever happens, so the two may go on beside each other.

While requests follow each other, the next one's is made as well, and nobody waits for it. It is handed out only
while it is young: a namespace takes some of the host's settings when it is made.
"""

from __future__ import annotations

import queue
import threading
import time

from vmplumbd.kernel import netns

# How soon a request follows another for one to be made for the next, and how long that is good. Seconds.
_FRESH = 0.1


class Asked:
    """A namespace that was asked for. Whoever is first takes it: the maker to make it, or its asker to do without."""

    __slots__ = ("_free", "_made", "_ready", "unwanted")

    def __init__(self) -> None:
        self._free = threading.Lock()
        self._ready = threading.Lock()
        self._ready.acquire()
        self._made: netns.Opened | None = None
        self.unwanted = False

    def begin(self) -> bool:
        """Whether it is the caller's to make, or to do without."""
        return self._free.acquire(blocking=False)

    def answer(self, made: netns.Opened | None) -> None:
        """The maker is done: None if it could not."""
        self._made = made
        self._ready.release()

    def wait(self) -> netns.Opened | None:
        """What was made, the caller's from now on. Blocks; None if it could not be, or if nobody had begun."""
        if self.begin():
            return None
        self._ready.acquire()
        made, self._made = self._made, None
        return made


class Maker:
    """Makes namespaces on its thread, which starts with the first one asked for."""

    def __init__(self, home: netns.Home) -> None:
        self._home = home
        self._queue: queue.SimpleQueue[Asked | None] = queue.SimpleQueue()
        self._mutex = threading.Lock()
        self._worker: threading.Thread | None = None
        self._last_ask = float("-inf")
        self._busy = False
        self._spare: Asked | None = None

    def ask(self) -> Asked:
        """Ask for one. Does not block."""
        now = time.monotonic()
        with self._mutex:
            if self._worker is None:
                self._worker = threading.Thread(target=self._serve, name="namespaces", daemon=True)
                self._worker.start()
            busy, self._last_ask = now - self._last_ask < _FRESH, now
            self._busy = busy
            asked, self._spare = self._spare, None
            if asked is not None and not busy:
                self.forget(asked)
                asked = None
            if asked is None:
                asked = Asked()
                self._queue.put(asked)
        return asked

    def ask_for_the_next(self) -> None:
        """Ask for the one that the next request wants, if requests follow each other. Does not block.

        The maker takes the interpreter from the caller: the time for it is before a long wait for the kernel.
        """
        if self._busy and self._spare is None:
            with self._mutex:
                if self._spare is None and self._worker is not None:
                    self._spare = Asked()
                    self._queue.put(self._spare)

    def forget(self, asked: Asked) -> None:
        """Nobody wants it any more. Does not block: the maker lets go of what it has begun."""
        if not asked.begin():
            asked.unwanted = True
            self._queue.put(asked)

    def close(self) -> None:
        """End the thread."""
        with self._mutex:
            thread, self._worker = self._worker, None
        if thread is not None:
            self._queue.put(None)
            thread.join()
        self._drop_spare()

    def _drop_spare(self) -> None:
        with self._mutex:
            spare, self._spare = self._spare, None
        if spare is not None and (made := spare.wait()) is not None:
            made.close()

    def _next(self) -> Asked | None:
        """What to do next. When nothing comes for a while, nothing that nobody asked for is kept."""
        while True:
            try:
                return self._queue.get(timeout=None if self._spare is None else _FRESH)
            except queue.Empty:
                self._drop_spare()

    def _serve(self) -> None:
        while (asked := self._next()) is not None:
            if asked.unwanted:
                # Made before this came through the queue, and never waited for.
                if (made := asked.wait()) is not None:
                    made.close()
            elif asked.begin():
                made = None
                try:
                    made = netns.create_unnamed(self._home)
                except Exception:  # noqa: BLE001 - the asker makes its own, and is told what is in the way
                    made = None
                finally:
                    asked.answer(made)
            if netns.is_lost_thread():
                with self._mutex:
                    self._worker = None
                return
