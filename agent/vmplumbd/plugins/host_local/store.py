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
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from vmplumbd.plugins.conf import PluginFault

LOCK = "lock"
LAST_RESERVED = "last_reserved_ip."

# What a wait for a lock that another process holds adds up to, about ten seconds.
_WAITS = (0.0005, 0.001, 0.002, 0.005, *[0.01] * 100, *[0.05] * 180)
_TRY_AGAIN_LATER = 11

# How far back a stamp lies: more than the coarsest clock a file system writes (2 s).
_STAMP_AGE_NS = 10_000_000_000
_NO_TMPFILE = frozenset({errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL})


@dataclass(frozen=True, slots=True)
class Signature:
    """What tells one file from another of the same name."""

    inode: int
    mtime_ns: int
    size: int


@dataclass(frozen=True, slots=True)
class Change:
    """The state of the directory, as far as its own inode tells it."""

    inode: int
    mtime_ns: int


class Store:
    """A directory of reservations. Every method but `locked` and `close` wants the lock held."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._threads = threading.Lock()
        self._dir = -1
        self._lock = -1

    @classmethod
    def open(cls, path: str) -> Self:
        """Open a directory, made if it is not there, with its lock file. Raises OSError."""
        store = cls(path)
        store._reopen()
        return store

    def close(self) -> None:
        """Give back the descriptors."""
        for fd in (self._dir, self._lock):
            if fd >= 0:
                os.close(fd)
        self._dir = self._lock = -1

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the directory's lock, against other threads and other processes.

        Blocks; raises PluginFault with code 11 (try again later) after about ten seconds. Whoever
        removed the directory or its lock file meanwhile gets them made again.
        """
        with self._threads:
            self._take()
            try:
                yield
            finally:
                fcntl.flock(self._lock, fcntl.LOCK_UN)

    def change(self) -> Change:
        """Where the directory stands now."""
        info = os.fstat(self._dir)
        return Change(info.st_ino, info.st_mtime_ns)

    def touch(self) -> int:
        """Set the directory's time to the kernel's clock and answer it, in nanoseconds."""
        os.utime(self._dir)
        return os.fstat(self._dir).st_mtime_ns

    def stamp(self, now_ns: int) -> Change | None:
        """Give the directory a time of our own making, which no change of it can produce.

        It lies ten seconds back, with nanoseconds by chance; the kernel writes its clock's time on
        every change, so an equal time later means that nothing was added or removed since, however
        coarse the clock is. None where the file system cannot keep nanoseconds: nothing is known then.
        """
        chance = int.from_bytes(os.urandom(4), "little") % 1_000_000_000
        wanted = now_ns - _STAMP_AGE_NS - now_ns % 1_000_000_000 + chance
        os.utime(self._dir, ns=(wanted, wanted))
        after = self.change()
        return after if after.mtime_ns == wanted and wanted % 1_000 else None

    def names(self) -> dict[str, Signature]:
        """The files that may be reservations, with their signatures."""
        found: dict[str, Signature] = {}
        with os.scandir(self._dir) as entries:
            for entry in entries:
                if entry.name == LOCK or entry.name.startswith(LAST_RESERVED):
                    continue
                with suppress(FileNotFoundError):
                    info = entry.stat(follow_symlinks=False)
                    if stat.S_ISREG(info.st_mode):
                        found[entry.name] = Signature(info.st_ino, info.st_mtime_ns, info.st_size)
        return found

    def read(self, name: str) -> str | None:
        """What a file says, stripped as the reference strips it; None if there is no such file."""
        try:
            fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=self._dir)
        except FileNotFoundError:
            return None
        try:
            return os.read(fd, 65536).decode(errors="surrogateescape").strip()
        finally:
            os.close(fd)

    def create(self, name: str, content: str) -> Signature | None:
        """Make a file that says `content`. None if the name is taken. Raises OSError, leaving nothing."""
        fd, draft = self._draft()
        try:
            _write_all(fd, content.encode(errors="surrogateescape"))
            source = draft or f"/proc/self/fd/{fd}"
            try:
                os.link(source, name, src_dir_fd=self._dir, dst_dir_fd=self._dir, follow_symlinks=True)
            except FileExistsError:
                return None
            info = os.fstat(fd)
            return Signature(info.st_ino, info.st_mtime_ns, info.st_size)
        finally:
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
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
        fd = os.open(f"{LAST_RESERVED}{range_set}", flags, 0o600, dir_fd=self._dir)
        try:
            _write_all(fd, address.encode())
        finally:
            os.close(fd)

    def _take(self) -> None:
        while True:
            self._flock()
            if self._is_current():
                return
            self._reopen()

    def _flock(self) -> None:
        pause: threading.Event | None = None
        for wait in _WAITS:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pause = pause or threading.Event()
                pause.wait(wait)
            else:
                return
        raise PluginFault(f"the lock of {self.path} is held by another process", code=_TRY_AGAIN_LATER)

    def _is_current(self) -> bool:
        """Whether the descriptors are still what lies at the path: a removed lock locks nobody out."""
        try:
            same_dir = os.path.samestat(Path(self.path).stat(), os.fstat(self._dir))
            return same_dir and os.path.samestat(os.stat(LOCK, dir_fd=self._dir), os.fstat(self._lock))
        except FileNotFoundError:
            return False

    def _reopen(self) -> None:
        self.close()
        Path(self.path).mkdir(0o755, parents=True, exist_ok=True)
        self._dir = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        self._lock = os.open(LOCK, os.O_RDONLY | os.O_CREAT, 0o750, dir_fd=self._dir)

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
