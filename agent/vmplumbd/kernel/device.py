"""The facts of a link that three ioctls tell, at a tenth of what a netlink answer costs to read.

Any socket does: the kernel looks in the namespace in which it was opened.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct

from vmplumbd.model import net

_SIOCGIFINDEX = 0x8933
_SIOCGIFMTU = 0x8921
_SIOCGIFHWADDR = 0x8927
_LONGEST_NAME = 15
_ASK = struct.Struct("=16s24x")
_NUMBER = struct.Struct("=16xi20x")
_HARDWARE = struct.Struct("=16xH6s16x")


def look(socket: int, name: str) -> net.Device:
    """The link of that name. Raises OSError ENODEV."""
    raw = name.encode()
    if not 0 < len(raw) <= _LONGEST_NAME:  # the ioctl would cut it short
        raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
    asked = _ASK.pack(raw)
    (index,) = _NUMBER.unpack(fcntl.ioctl(socket, _SIOCGIFINDEX, asked))
    (mtu,) = _NUMBER.unpack(fcntl.ioctl(socket, _SIOCGIFMTU, asked))
    _, mac = _HARDWARE.unpack(fcntl.ioctl(socket, _SIOCGIFHWADDR, asked))
    return net.Device(index=index, name=name, mac=mac, mtu=mtu)
