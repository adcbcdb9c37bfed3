"""Namespaces begun before they are asked for, on a thread of their own.

The kernel takes about as long to make a namespace as we take to look at a request and write it down. A
namespace without a name leaves nothing behind, whatever happens, so the two may go on beside each other.
"""

from __future__ import annotations

import queue
import threading

from vmplumbd.kernel import netns


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
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def ask(self) -> Asked:
        """Ask for one. Does not block."""
        if self._thread is None:
            with self._starting:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._serve, name="namespaces", daemon=True)
                    self._thread.start()
        asked = Asked()
        self._queue.put(asked)
        return asked

    def forget(self, asked: Asked) -> None:
        """Nobody wants it any more. Does not block: the maker lets go of what it has begun."""
        if not asked.begin():
            asked.unwanted = True
            self._queue.put(asked)

    def close(self) -> None:
        """End the thread."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None

    def _serve(self) -> None:
        while (asked := self._queue.get()) is not None:
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
                self._thread = None
                return
