"""journald's native protocol: an entry with fields of its own, searched for by `journalctl VMPLUMB_VM_ID=vm-1`.

A datagram to a socket, in the form of systemd's "Native Journal Protocol"; what is too long for one goes as a sealed
memory file. Nothing blocks: what journald does not take at once is not taken.
"""

from __future__ import annotations

import array
import errno
import fcntl
import json
import os
import re
import socket
import struct

from vmplumbd.observe.log import Record, message

SOCKET = "/run/systemd/journal/socket"
_PRIORITIES = {"debug": 7, "info": 6, "warning": 4, "error": 3}
_NAME_BYTES = 64
_TOO_LONG = frozenset({errno.EMSGSIZE, errno.ENOBUFS})
_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


def listens(stream: str, fd: int) -> bool:
    """Whether a descriptor leads to journald: `stream` is JOURNAL_STREAM, "DEVICE:INODE" (systemd.exec(5))."""
    device, _, inode = stream.partition(":")
    try:
        found = os.fstat(fd)
        return (found.st_dev, found.st_ino) == (int(device), int(inode))
    except (OSError, ValueError):
        return False


class Journald:
    """Takes records for journald, as far as it is there. Safe from any thread."""

    def __init__(self, path: str = SOCKET) -> None:
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._socket.setblocking(False)

    def close(self) -> None:
        """Give back the socket."""
        self._socket.close()

    def __call__(self, record: Record) -> bool:
        """Hand over a record; False if it was not taken."""
        raw = entry(record)
        try:
            self._socket.sendto(raw, self._path)
        except OSError as exc:
            return exc.errno in _TOO_LONG and self._send_file(raw)
        return True

    def _send_file(self, raw: bytes) -> bool:
        try:
            fd = os.memfd_create("vmplumbd-log", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
            with os.fdopen(fd, "wb", buffering=0) as file:
                file.write(raw)
                fcntl.fcntl(fd, fcntl.F_ADD_SEALS, _SEALS)
                rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))
                self._socket.sendmsg([], [rights], 0, self._path)
        except OSError:
            return False
        return True


def entry(record: Record) -> bytes:
    """A record as journald reads it."""
    fields = {
        "MESSAGE": message(record),
        "PRIORITY": str(_PRIORITIES[str(record["level"])]),
        "SYSLOG_IDENTIFIER": "vmplumbd",
        "VMPLUMB_EVENT": str(record["event"]),
    }
    for key, value in list(record.items())[3:]:
        name = "VMPLUMB_" + re.sub("[^A-Z0-9]", "_", key.upper())
        fields[name[:_NAME_BYTES]] = value if isinstance(value, str) else json.dumps(value, default=str)
    return b"".join(_field(name, value.encode()) for name, value in fields.items())


def _field(name: str, value: bytes) -> bytes:
    if b"\n" in value:
        return name.encode() + b"\n" + struct.pack("<Q", len(value)) + value + b"\n"
    return name.encode() + b"=" + value + b"\n"
