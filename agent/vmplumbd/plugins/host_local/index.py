"""What a directory of reservations says, kept in memory and in step with it.

Ten thousand reservations cost what ten do because the directory is read only when someone else has
changed it. How that is known: after each look and each change of our own, still under the lock, the
directory gets a stamp (store.Store.stamp), a modification time which the kernel cannot write by itself.
The same time under the next lock means that no name came or went in between, so memory is right.
This does not depend on how fine the file system's clock is, nor on the order of events within a tick.

What a changed directory costs is one listing. A file is read again unless inode, time and size are
those of the last reading, and that reading was later than the file's time by a second: a file removed
and made again within one tick of the clock could look the same.

What can go unseen is a change by someone who does not take the lock, in the microseconds between our
own change and its stamp, or one that rewrites a file in place. Neither can give an address twice
(link refuses the name) nor release a stranger's (its content is read before it is removed), and a
refusal for want of addresses, or of a duplicate, is preceded by a full reading.
"""

from __future__ import annotations

import bisect
import ipaddress
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import NamedTuple

from vmplumbd.model import net
from vmplumbd.plugins.host_local.store import Change, Signature, Store

_SETTLED_NS = 1_000_000_000


class _Entry(NamedTuple):
    content: str
    address: net.Address | None
    signature: Signature
    settled: bool


class Numbers:
    """A set of integers kept as runs, so that the next free one is found in one step."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []

    def add(self, number: int) -> None:
        """Put it in. In already is fine."""
        at = bisect.bisect_right(self._starts, number)
        if at and number <= self._ends[at - 1]:
            return
        joins_left = bool(at) and self._ends[at - 1] == number - 1
        joins_right = at < len(self._starts) and self._starts[at] == number + 1
        if joins_left and joins_right:
            self._ends[at - 1] = self._ends.pop(at)
            del self._starts[at]
        elif joins_left:
            self._ends[at - 1] = number
        elif joins_right:
            self._starts[at] = number
        else:
            self._starts.insert(at, number)
            self._ends.insert(at, number)

    def discard(self, number: int) -> None:
        """Take it out. Out already is fine."""
        at = bisect.bisect_right(self._starts, number) - 1
        if at < 0 or number > self._ends[at]:
            return
        start, end = self._starts[at], self._ends[at]
        if start == end:
            del self._starts[at], self._ends[at]
        elif number == start:
            self._starts[at] = number + 1
        elif number == end:
            self._ends[at] = number - 1
        else:
            self._ends[at] = number - 1
            self._starts.insert(at + 1, number + 1)
            self._ends.insert(at + 1, end)

    def count(self, first: int, last: int) -> int:
        """How many from `first` to `last`, both inclusive, are in."""
        at = max(0, bisect.bisect_right(self._starts, first) - 1)
        found = 0
        while at < len(self._starts) and self._starts[at] <= last:
            found += max(0, min(self._ends[at], last) - max(self._starts[at], first) + 1)
            at += 1
        return found

    def next_absent(self, number: int) -> int:
        """The first from `number` upward that is not in."""
        at = bisect.bisect_right(self._starts, number) - 1
        return self._ends[at] + 1 if at >= 0 and number <= self._ends[at] else number


class Index:
    """Reservations of one network. Use it only inside `locked`; it is then in step with the directory."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._seen: Change | None = None
        self._dirty = False
        self._entries: dict[str, _Entry] = {}
        self._owned: dict[str, list[str]] = {}
        self._taken: dict[int, Numbers] = {4: Numbers(), 6: Numbers()}
        self._last: dict[int, net.Address | None] = {}

    def close(self) -> None:
        """Give back the descriptors. Used again, they are opened again."""
        self._store.close()

    def locked(self) -> _Locked:
        """Hold the lock, and stand on what the directory says now. Raises OSError, PluginFault."""
        return _Locked(self)

    def _lock(self) -> None:
        now = self._store.lock(self._seen)
        try:
            if now != self._seen:
                self._look()
        except BaseException:
            self._store.unlock()
            raise
        self._dirty = False

    def _unlock(self, *, well: bool) -> None:
        try:
            if not well:
                # What was done of it is not known: nothing is believed before the next look.
                self._seen = None
            elif self._dirty:
                # Without a stamp the next one has to look; nothing else depends on it.
                self._seen = None
                with suppress(OSError):
                    self._seen = self._store.stamp(self._store.change().mtime_ns)
        finally:
            self._store.unlock()

    def is_locked_elsewhere(self) -> bool:
        """Whether another process holds the lock now. Needs no lock, and does not wait."""
        return self._store.is_held()

    def look_again(self) -> None:
        """Read every file of the directory anew."""
        self._entries.clear()
        self._owned.clear()
        self._taken = {4: Numbers(), 6: Numbers()}
        self._look()

    def names_of(self, content: str) -> Sequence[str]:
        """The files that say exactly this, in the order they were given."""
        return tuple(self._owned.get(content, ()))

    def contents(self) -> Sequence[str]:
        """What the files say, each thing once; "" are files without an owner."""
        return tuple(self._owned)

    def next_free(self, family: int, number: int) -> int:
        """The first address from `number` upward that nobody holds."""
        return self._taken[family].next_absent(number)

    def count_taken(self, family: int, first: int, last: int) -> int:
        """How many addresses from `first` to `last` are held."""
        return self._taken[family].count(first, last)

    def last_reserved(self, range_set: int) -> net.Address | None:
        """The last address given out of a range set, None if none is known."""
        if range_set not in self._last:
            self._last[range_set] = _address(self._store.last_reserved(range_set))
        return self._last[range_set]

    def reserve(self, address: net.Address, content: str, range_set: int) -> bool:
        """Take an address for the owner that `content` names. False if it is taken.

        Raises OSError, with the address not taken.
        """
        name = str(address)
        self._dirty = True
        signature = self._store.create(name, content)
        if signature is None:
            self._remember(
                name, _Entry(self._store.read(name) or "", address, Signature(0, 0, 0), settled=False)
            )
            return False
        try:
            self._store.set_last_reserved(range_set, name)
        except OSError:
            self._last.pop(range_set, None)
            self._store.remove(name)
            raise
        self._last[range_set] = address
        self._remember(name, _Entry(content, address, signature, settled=False))
        return True

    def release(self, content: str) -> Sequence[str]:
        """Remove every file that says exactly this, and answer their names. Raises OSError."""
        names = self.names_of(content)
        for name in names:
            self._dirty = True
            if self._store.read(name) == content:
                self._store.remove(name)
            self._forget(name)
        return names

    def _look(self) -> None:
        now = self._store.touch()
        found = self._store.names()
        for name in [name for name in self._entries if name not in found]:
            self._forget(name)
        for name, signature in found.items():
            known = self._entries.get(name)
            if known is not None and known.settled and known.signature == signature:
                continue
            if known is not None:
                self._forget(name)
            settled = signature.mtime_ns < now - _SETTLED_NS
            content = self._store.read(name)
            if content is not None:
                self._remember(name, _Entry(content, _address(name), signature, settled))
        self._last.clear()
        self._seen = self._store.stamp(now)

    def _remember(self, name: str, entry: _Entry) -> None:
        if name in self._entries:
            self._forget(name)
        self._entries[name] = entry
        self._owned.setdefault(entry.content, []).append(name)
        if entry.address is not None:
            self._taken[entry.address.version].add(int(entry.address))

    def _forget(self, name: str) -> None:
        entry = self._entries.pop(name)
        names = self._owned[entry.content]
        names.remove(name)
        if not names:
            del self._owned[entry.content]
        if entry.address is not None:
            self._taken[entry.address.version].discard(int(entry.address))


class _Locked:
    __slots__ = ("_index",)

    def __init__(self, index: Index) -> None:
        self._index = index

    def __enter__(self) -> None:
        self._index._lock()  # noqa: SLF001 - two halves of one thing

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._index._unlock(well=fault is None)  # noqa: SLF001 - as above


def _address(name: str) -> net.Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None
