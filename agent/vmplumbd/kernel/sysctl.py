"""Settings below /proc/sys/net, which shows each thread those of the namespace it is in."""

from __future__ import annotations

import errno
import os

_ROOT = "/proc/sys/"


def read(key: str) -> str:
    """The value without its newline. Raises FileNotFoundError."""
    fd = os.open(_path(key), os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(fd, 4096).decode("ascii").rstrip("\n")
    finally:
        os.close(fd)


def write(key: str, value: str) -> None:
    """Write the value. Raises FileNotFoundError."""
    fd = os.open(_path(key), os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(
            fd, value.encode("utf-8", "surrogatepass")
        )  # the kernel refuses what is no number of its kind
    finally:
        os.close(fd)


def _path(key: str) -> str:
    # Other settings have no namespace: written from inside one they would change the machine.
    strange = not key.isascii() or "\0" in key
    if not key.startswith("net/") or ".." in key.split("/") or strange:
        raise OSError(errno.ENOENT, os.strerror(errno.ENOENT), key)
    return _ROOT + key
