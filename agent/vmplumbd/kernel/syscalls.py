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

_PR_CAPBSET_READ = 23
_PR_CAPBSET_DROP = 24
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_CAPABILITY_VERSION_3 = 0x20080522
_SYS_PIDFD_GETFD = 438

_STA_UNSYNC = 0x40
_SOL_SOCKET, _SO_ATTACH_FILTER = socket.SOL_SOCKET, 26

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


class _OpenHow(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


class _CapHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _CapData(ctypes.Structure):
    # Of two parts of 32 each: effective, permitted, inheritable (capget(2)).
    _fields_ = (("sets", ctypes.c_uint32 * 6),)


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


def become_subreaper() -> None:
    """Be given the orphans among this process's descendants, for as long as it lives (prctl(2))."""
    _prctl("PR_SET_CHILD_SUBREAPER", _PR_SET_CHILD_SUBREAPER, 1)


def set_no_new_privs() -> None:
    """No program that is executed from here gains rights by its file's mode. For the calling thread."""
    _prctl("PR_SET_NO_NEW_PRIVS", _PR_SET_NO_NEW_PRIVS, 1)


def bounding_set() -> int:
    """The capabilities that the calling thread, and what it executes, may have at all: a bit each."""
    found = 0
    for number in range(64):
        known = _libc.prctl(_PR_CAPBSET_READ, *(ctypes.c_ulong(one) for one in (number, 0, 0, 0)))
        if known < 0:
            break  # the kernel knows no more
        found |= known << number
    return found


def drop_from_bounding_set(capability: int) -> None:
    """Never have that capability again, nor let a program have it. For the calling thread; needs CAP_SETPCAP."""
    _prctl("PR_CAPBSET_DROP", _PR_CAPBSET_DROP, capability)


def set_capabilities(mask: int) -> None:
    """Have no others, effective, permitted and inheritable, nor ambient, which follows. For the calling thread."""
    header = _CapHeader(_CAPABILITY_VERSION_3, 0)
    data = _CapData()
    if _libc.capget(ctypes.byref(header), ctypes.byref(data)) != 0:
        _raise("capget")
    for number, part in enumerate((mask & 0xFFFFFFFF,) * 3 + (mask >> 32,) * 3):
        data.sets[number] &= part
    if _libc.capset(ctypes.byref(header), ctypes.byref(data)) != 0:
        _raise("capset")


def capabilities() -> int:
    """What the calling thread may do now: its effective capabilities, a bit each."""
    header = _CapHeader(_CAPABILITY_VERSION_3, 0)
    data = _CapData()
    if _libc.capget(ctypes.byref(header), ctypes.byref(data)) != 0:
        _raise("capget")
    return int(data.sets[0]) | int(data.sets[3]) << 32


def _prctl(name: str, option: int, value: int) -> None:
    if _libc.prctl(option, *(ctypes.c_ulong(one) for one in (value, 0, 0, 0))) != 0:
        _raise(f"prctl {name}")


def pidfd_getfd(process: int, number: int) -> int:
    """A descriptor for what another process, behind a pidfd, has open under `number`. ENOSYS before Linux 5.6."""
    fd = _libc.syscall(
        ctypes.c_long(_SYS_PIDFD_GETFD), ctypes.c_int(process), ctypes.c_int(number), ctypes.c_uint(0)
    )
    if fd < 0:
        _raise(f"descriptor {number}")
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
