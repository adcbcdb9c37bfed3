"""One network's reservations on disk: a file an address, in the reference's layout, under its lock.

The layout (plugins:plugins/ipam/host-local/backend/disk/backend.go): the file is named as the address,
has mode 0600 and says `<container id>\\r\\n<interface name>`; `last_reserved_ip.<range set>` holds the
last address given; `lock` is locked by flock(2). The real plugin and other agents may use the
directory at the same time, each under that lock.

A reservation appears whole or not at all: it is written to a nameless file (O_TMPFILE) which link(2)
then names, and link refuses a name that is taken. So two owners never get one address, whatever
anyone believes to know about the directory, and a crash leaves no file without an owner.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple, Self

from vmplumbd.plugins.conf import PluginFault

LOCK = "lock"
LAST_RESERVED = "last_reserved_ip."

# What a wait for a lock that another process holds adds up to: about ten seconds, as an executable has nobody
# to wait for it, and a fifth of a second in the agent, whose lane serves others.
PATIENT = (0.0005, 0.001, 0.002, 0.005, *[0.01] * 100, *[0.05] * 180)
BRIEF = (0.0005, 0.001, 0.002, 0.005, *[0.01] * 20)
_TRY_AGAIN_LATER = 11
LOCK_HINT = "which program holds it (lslocks), and does it hang?"

# How far back a stamp lies: more than the coarsest clock a file system writes (2 s).
_STAMP_AGE_NS = 10_000_000_000
_NO_FILE = frozenset({errno.EISDIR, errno.ELOOP})
_NO_TMPFILE = frozenset({errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL})


class Signature(NamedTuple):
    """What tells one file from another of the same name. A tuple, since a listing makes thousands."""

    inode: int
    mtime_ns: int
    size: int


class Change(NamedTuple):
    """The state of the directory, as far as its own inode tells it."""

    device: int
    inode: int
    mtime_ns: int


class Store:
    """A directory of reservations. Every method but `lock`, `locked` and `close` wants the lock held."""

    def __init__(self, path: str, waits: Sequence[float] = PATIENT) -> None:
        self.path = path
        self._waits = waits
        self._threads = threading.Lock()
        self._dir = -1
        self._lock = -1

    @classmethod
    def open(cls, path: str, waits: Sequence[float] = PATIENT) -> Self:
        """Open a directory, made if it is not there, with its lock file. Raises OSError.

        `waits` are the seconds between looks at a lock that another process holds.
        """
        store = cls(path, waits)
        store._reopen()
        return store

    def close(self) -> None:
        """Give back the descriptors. A store that nobody has any more gives them back by itself."""
        held = (self._dir, self._lock)
        self._dir = self._lock = -1
        for fd in held:
            if fd >= 0:
                os.close(fd)

    def __del__(self) -> None:
        self.close()

    def lock(self, seen: Change | None = None) -> Change:
        """Hold the directory's lock until `unlock`, against other threads and other processes.

        Answers where it stands. `seen` is where it stood for the caller: if it still does, a look is spared.
        Blocks; raises PluginFault with code 11 (try again later) when its waits are over: it is not held then. A
        directory or a lock file that someone has removed is made again.
        """
        self._threads.acquire()
        try:
            return self._take(seen)
        except BaseException:
            self.unlock()
            raise

    def unlock(self) -> None:
        """Let go of the lock."""
        try:
            if self._lock >= 0:
                fcntl.flock(self._lock, fcntl.LOCK_UN)
        finally:
            self._threads.release()

    @contextmanager
    def locked(self, seen: Change | None = None) -> Iterator[Change]:
        """`lock`, then `unlock`."""
        now = self.lock(seen)
        try:
            yield now
        finally:
            self.unlock()

    def is_held(self) -> bool:
        """Whether another process holds the lock now. Does not wait; a thread of ours is no other."""
        if not self._threads.acquire(blocking=False):
            return False
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        else:
            fcntl.flock(self._lock, fcntl.LOCK_UN)
            return False
        finally:
            self._threads.release()

    def change(self) -> Change:
        """Where the directory stands now."""
        info = os.fstat(self._dir)
        return Change(info.st_dev, info.st_ino, info.st_mtime_ns)

    def touch(self) -> int:
        """Set the directory's time to the kernel's clock and answer it, in nanoseconds.

        On a read-only disk it stays: nothing held must be found out there too.
        """
        with _read_only_is_fine():
            os.utime(self._dir)
        return os.fstat(self._dir).st_mtime_ns

    def stamp(self, now_ns: int) -> Change | None:
        """Give the directory a time of our own making, which no change of it can produce.

        It lies ten seconds back, with nanoseconds by chance; the kernel writes its clock's time on
        every change, so an equal time later means that nothing was added or removed since, however
        coarse the clock is. None where the file system cannot keep nanoseconds, or nothing at all: then
        nothing is known.
        """
        # Odd: a file system that keeps whole microseconds only would not be found out by others.
        chance = int.from_bytes(os.urandom(4), "little") % 1_000_000_000 | 1
        wanted = now_ns - _STAMP_AGE_NS - now_ns % 1_000_000_000 + chance
        with _read_only_is_fine():
            os.utime(self._dir, ns=(wanted, wanted))
        after = self.change()
        return after if after.mtime_ns == wanted and wanted % 1_000 else None

    def names(self) -> dict[str, Signature]:
        """The files that may be reservations, with their signatures."""
        found: dict[str, Signature] = {}
        for name in os.listdir(self._dir):  # noqa: PTH208  a descriptor, and ten thousand names
            if name == LOCK or name.startswith(LAST_RESERVED):
                continue
            try:
                info = os.stat(name, dir_fd=self._dir, follow_symlinks=False)
            except FileNotFoundError:
                continue
            if stat.S_ISREG(info.st_mode):
                found[name] = Signature(info.st_ino, info.st_mtime_ns, info.st_size)
        return found

    def read(self, name: str) -> str | None:
        """What a file says, stripped as the reference strips it; None if there is nothing of that name.

        A directory or a link is in the way as a file is, and says nothing: "".
        """
        try:
            fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=self._dir)
            try:
                return os.read(fd, 65536).decode(errors="surrogateescape").strip()
            finally:
                os.close(fd)
        except FileNotFoundError:
            return None
        except OSError as exc:
            if exc.errno not in _NO_FILE:
                raise
            return ""

    def create(self, name: str, content: str) -> Signature | None:
        """Make a file that says `content`. None if the name is taken. Raises OSError, leaving nothing."""
        fd, draft = self._draft()
        try:
            _write_all(fd, content.encode(errors="surrogateescape"))
            info = os.fstat(fd)
            source = draft or f"/proc/self/fd/{fd}"
            try:
                os.link(source, name, src_dir_fd=self._dir, dst_dir_fd=self._dir, follow_symlinks=True)
            except FileExistsError:
                return None
            return Signature(info.st_ino, info.st_mtime_ns, info.st_size)
        finally:
            # Its content is on its way to the disk or not, as for a file that is not synced.
            with suppress(OSError):
                os.close(fd)
            if draft:
                os.unlink(draft, dir_fd=self._dir)

    def remove(self, name: str) -> None:
        """Remove a file. Gone already is success. Raises OSError."""
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._dir)

    def last_reserved(self, range_set: int) -> str:
        """The last address given out of a range set, "" if none is known."""
        return self.read(f"{LAST_RESERVED}{range_set}") or ""

    def set_last_reserved(self, range_set: int, address: str) -> None:
        """Remember the last address given. Raises OSError."""
        # Cut to size afterwards: ext4 flushes a file that was emptied first when it is closed (0.3 ms).
        flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW
        fd = os.open(f"{LAST_RESERVED}{range_set}", flags, 0o600, dir_fd=self._dir)
        try:
            _write_all(fd, address.encode())
            os.ftruncate(fd, len(address))
        finally:
            os.close(fd)

    def _take(self, seen: Change | None) -> Change:
        while True:
            if self._lock < 0:
                # An attempt to open it anew failed.
                self._reopen()
            self._flock()
            now = self._current(seen)
            if now is not None:
                return now
            self._reopen()

    def _flock(self) -> None:
        pause: threading.Event | None = None
        for wait in self._waits:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pause = pause or threading.Event()
                pause.wait(wait)
            else:
                return
        fault = PluginFault(f"the lock of {self.path} is held by another process", code=_TRY_AGAIN_LATER)
        fault.hint = LOCK_HINT
        raise fault

    def _current(self, seen: Change | None) -> Change | None:
        """Where the path stands; None unless our descriptors are what lies there.

        A removed lock locks nobody out. A directory that is as we left it has the lock it had.
        """
        try:
            there = os.stat(self.path)  # noqa: PTH116  a Path costs more than the call
            now = Change(there.st_dev, there.st_ino, there.st_mtime_ns)
            if now == seen:
                return now
            if not os.path.samestat(there, os.fstat(self._dir)):
                return None
            same_lock = os.path.samestat(os.stat(LOCK, dir_fd=self._dir), os.fstat(self._lock))
        except FileNotFoundError:
            return None
        return now if same_lock else None

    def _reopen(self) -> None:
        self.close()
        Path(self.path).mkdir(0o755, parents=True, exist_ok=True)
        self._dir = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            self._lock = os.open(LOCK, os.O_RDONLY | os.O_CREAT, 0o750, dir_fd=self._dir)
        except BaseException:
            self.close()
            raise

    def _draft(self) -> tuple[int, str]:
        """A file to write into, without a name where the file system can (name "")."""
        try:
            return os.open(".", os.O_TMPFILE | os.O_WRONLY, 0o600, dir_fd=self._dir), ""
        except OSError as exc:
            if exc.errno not in _NO_TMPFILE:
                raise
        # The reference skips a name that is no address, and DEL removes it if its content is the owner's.
        draft = f".draft-{os.urandom(8).hex()}"
        return os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=self._dir), draft


def _write_all(fd: int, content: bytes) -> None:
    while content:
        content = content[os.write(fd, content) :]


@contextmanager
def _read_only_is_fine() -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        if exc.errno != errno.EROFS:
            raise
