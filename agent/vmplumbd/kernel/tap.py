"""A tap, made through a tun device that was opened in the tap's namespace."""

from __future__ import annotations

import errno
import fcntl
import os
import struct

IFF_TAP = 0x0002
IFF_ONE_QUEUE = 0x2000
IFF_VNET_HDR = 0x4000
IFF_TUN_EXCL = 0x8000

_LONGEST_NAME = 15
_TUNSETIFF = 0x400454CA
_TUNSETPERSIST = 0x400454CB
_TUNSETOWNER = 0x400454CC
_TUNSETGROUP = 0x400454CE
_IFREQ = struct.Struct("=16sH22x")


def claim(tun: int, name: str, *, uid: int, gid: int) -> str:
    """Make the device behind `tun` a tap; answers its name. Without a name the kernel chooses tapN.

    It goes when `tun` is closed, also by the death of the process, until `persist`. Raises
    FileExistsError if any link has the name: without TUN_EXCL the tap of another would be taken over.
    """
    if len(name.encode()) > _LONGEST_NAME:  # the ioctl would cut it short
        raise OSError(errno.ERANGE, os.strerror(errno.ERANGE), name)
    request = _IFREQ.pack(name.encode(), IFF_TAP | IFF_ONE_QUEUE | IFF_VNET_HDR | IFF_TUN_EXCL)
    try:
        answer = fcntl.ioctl(tun, _TUNSETIFF, request)
    except OSError as exc:
        if exc.errno == errno.EBUSY:
            raise FileExistsError(errno.EEXIST, "a link has this name", name) from exc
        raise
    fcntl.ioctl(tun, _TUNSETOWNER, uid)
    fcntl.ioctl(tun, _TUNSETGROUP, gid)
    return answer[:16].rstrip(b"\0").decode()


def take_over(tun: int, name: str, *, uid: int, gid: int) -> None:
    """Give the tap of that name, which must persist, to an owner. Raises OSError EBUSY while it is open."""
    fcntl.ioctl(tun, _TUNSETIFF, _IFREQ.pack(name.encode(), IFF_TAP | IFF_ONE_QUEUE | IFF_VNET_HDR))
    fcntl.ioctl(tun, _TUNSETOWNER, uid)
    fcntl.ioctl(tun, _TUNSETGROUP, gid)


def persist(tun: int) -> None:
    """Let the tap stay when `tun` is closed. A tap that was deleted meanwhile raises OSError."""
    fcntl.ioctl(tun, _TUNSETPERSIST, 1)
