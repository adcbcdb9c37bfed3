"""The system calls that Python 3.11 has no name for. A failure is an OSError with the path.

`CDLL` gives up the interpreter's lock for the call, so other threads go on.
"""

from __future__ import annotations

import ctypes
import os
import socket
import sys

CLONE_NEWNET = 0x40000000

MS_BIND = 0x1000
MS_REC = 0x4000
MS_SHARED = 0x100000
MS_PRIVATE = 0x40000
MS_MOVE = 0x2000
MNT_DETACH = 2
UMOUNT_NOFOLLOW = 8

RESOLVE_NO_MAGICLINKS = 0x02
RESOLVE_NO_SYMLINKS = 0x04
RESOLVE_BENEATH = 0x08

_SYS_OPENAT2 = 437  # the same number on every architecture, as all calls since Linux 5.1

_STA_UNSYNC = 0x40
_SOL_SOCKET, _SO_ATTACH_FILTER = socket.SOL_SOCKET, 26

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


class _OpenHow(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


class _SockFprog(ctypes.Structure):
    _fields_ = (("len", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def unshare(flags: int) -> None:
    """Leave namespaces for fresh ones. Only the calling thread does."""
    if _libc.unshare(flags) != 0:
        _raise("unshare")


def setns(fd: int, kind: int) -> None:
    """Join the namespace behind `fd`. Only the calling thread does."""
    if _libc.setns(fd, kind) != 0:
        _raise("setns")


def mount(source: str, target: str, flags: int) -> None:
    """Bind mounts and changes of propagation; no file system of its own."""
    if _libc.mount(os.fsencode(source), os.fsencode(target), b"none", ctypes.c_ulong(flags), None) != 0:
        _raise(target)


def umount(target: str, flags: int) -> None:
    """Undo the topmost mount at `target`."""
    if _libc.umount2(os.fsencode(target), flags) != 0:
        _raise(target)


def openat2(directory: int, path: str, *, flags: int, mode: int, resolve: int) -> int:
    """Open below a directory under `resolve` rules. ENOSYS before Linux 5.6."""
    how = _OpenHow(flags, mode, resolve)
    fd = _libc.syscall(
        ctypes.c_long(_SYS_OPENAT2),
        ctypes.c_int(directory),
        os.fsencode(path),
        ctypes.byref(how),
        ctypes.c_size_t(ctypes.sizeof(how)),
    )
    if fd < 0:
        _raise(path)
    return int(fd)


def attach_filter(fd: int, program: bytes) -> None:
    """Give a socket a classic BPF program, of eight bytes an instruction."""
    code = ctypes.create_string_buffer(program, len(program))
    rules = _SockFprog(len(program) // 8, ctypes.addressof(code))
    if _libc.setsockopt(fd, _SOL_SOCKET, _SO_ATTACH_FILTER, ctypes.byref(rules), ctypes.sizeof(rules)) != 0:
        _raise("setsockopt SO_ATTACH_FILTER")


def _raise(what: str) -> None:
    code = ctypes.get_errno()
    raise OSError(code, os.strerror(code), what)


def clock_is_synchronised() -> bool | None:
    """Whether a time service keeps the clock, as the kernel was told; None where it does not say."""
    # struct timex of a 64-bit kernel: modes, padding, four longs, then the status.
    timex = ctypes.create_string_buffer(512)
    if _libc.adjtimex(timex) < 0:
        return None
    return not int.from_bytes(timex.raw[40:44], sys.byteorder) & _STA_UNSYNC
