"""Executables that an operator has pinned by their SHA-256, run from the very bytes that were hashed.

A path is looked up twice, once to look and once to run, and somebody may change what it leads to in between.
So a pinned plugin is copied into a sealed file in memory, the copy is hashed, and the copy is executed.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from vmplumbd.cni.error import PluginNotFound, PluginNotTrusted

_MFD_EXEC = 0x10  # Linux 6.3: says that this one is meant to be executed (vm.memfd_noexec)
_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
_MOST = 512 << 20
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class _Copy:
    fd: int
    sha256: str


class Pins:
    """The digests, by plugin type. A type that has none may not run at all once there are pins for any.

    Keeps a sealed copy of each pinned executable in memory until the file changes. For several threads.
    """

    def __init__(self, digests: Mapping[str, Iterable[str]]) -> None:
        self._digests = {kind: frozenset(one.lower() for one in each) for kind, each in digests.items()}
        self._copies: dict[str, tuple[tuple[int, ...], _Copy]] = {}
        self._guard = threading.Lock()

    def open(self, plugin: str, executable: str) -> int:
        """A descriptor to execute, close-on-exec; the caller closes it. Raises PluginNotTrusted, PluginNotFound."""
        allowed = self._digests.get(plugin)
        if allowed is None:
            raise PluginNotTrusted(f"plugin {plugin} is pinned to no SHA-256, and others are")
        with self._guard:
            copy = self._copy(executable)
            if copy.sha256 not in allowed:
                raise PluginNotTrusted(
                    f"{executable} has SHA-256 {copy.sha256}, to which {plugin} is not pinned"
                )
            if os.pread(copy.fd, 2, 0) == b"#!":
                raise PluginNotTrusted(
                    f"{executable} is a script: its interpreter would open it again by its name, past the pin"
                )
            return fcntl.fcntl(copy.fd, fcntl.F_DUPFD_CLOEXEC, 3)

    def _copy(self, executable: str) -> _Copy:
        try:
            source = os.open(executable, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as exc:
            raise PluginNotFound(f"cannot read {executable}: {exc.strerror}") from exc
        try:
            stat = os.fstat(source)
            # Only what saves a copy: a change that this key does not show still runs what was hashed.
            key = (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
            known = self._copies.get(executable)
            if known is not None and known[0] == key:
                return known[1]
            copy = _sealed(executable, source)
        finally:
            os.close(source)
        if known is not None:
            os.close(known[1].fd)
        self._copies[executable] = (key, copy)
        return copy

    def close(self) -> None:
        """Give the copies back."""
        with self._guard:
            for _, copy in self._copies.values():
                os.close(copy.fd)
            self._copies.clear()


def _sealed(executable: str, source: int) -> _Copy:
    fd = _memory_file(os.path.basename(executable))  # noqa: PTH119 - a name, no path
    try:
        total = 0
        while chunk := os.read(source, _CHUNK):
            total += len(chunk)
            if total > _MOST:
                raise PluginNotTrusted(f"{executable} is longer than {_MOST >> 20} MiB")
            rest = memoryview(chunk)
            while rest:
                rest = rest[os.write(fd, rest) :]
        os.fchmod(fd, 0o500)
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, _SEALS)
        # Hashed after the seals: nothing can change it from here on.
        digest = hashlib.sha256()
        place = 0
        while chunk := os.pread(fd, _CHUNK, place):
            digest.update(chunk)
            place += len(chunk)
        return _Copy(fd=fd, sha256=digest.hexdigest())
    except OSError as exc:
        os.close(fd)
        raise PluginNotTrusted(f"cannot copy {executable} to hash it: {exc.strerror}") from exc
    except BaseException:
        os.close(fd)
        raise


def _memory_file(name: str) -> int:
    flags = os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING
    with contextlib.suppress(OSError):
        return os.memfd_create(name, flags | _MFD_EXEC)
    return os.memfd_create(name, flags)
