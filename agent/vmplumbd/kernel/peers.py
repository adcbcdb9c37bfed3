"""Which processes are connected to a Unix socket of ours (unix(7) SO_PEERCRED; proc_pid_net(5) unix).

gRPC keeps its sockets to itself and does not say over which a call came. The kernel lists the connections, and each of
them names the process that made it: one process is the caller for certain, several are those it may have been.
"""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import struct
from dataclasses import dataclass
from pathlib import Path

_CONNECTED = "03"
_CREDENTIALS = struct.Struct("iII")


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A process as it was when it connected."""

    pid: int
    uid: int
    gid: int


class Peers:
    """Processes connected to the socket at `path`. Connections that were seen once are not looked up again."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._known: dict[int, Peer] = {}

    def connected(self) -> tuple[Peer, ...]:
        """Who is connected now, each process once."""
        inodes = self._inodes()
        if not inodes <= self._known.keys():
            self._known.update(_credentials(inodes - self._known.keys()))
        self._known = {inode: peer for inode, peer in self._known.items() if inode in inodes}
        return tuple(sorted(set(self._known.values()), key=lambda one: (one.pid, one.uid)))

    def _inodes(self) -> set[int]:
        # Num RefCount Protocol Flags Type St Inode Path; a connection has the path of the socket it was accepted from.
        found = set()
        suffix = f" {self._path}\n"
        with Path("/proc/thread-self/net/unix").open(encoding="utf-8", errors="surrogateescape") as lines:
            for line in lines:
                if line.endswith(suffix) and (parts := line.split())[5] == _CONNECTED:
                    found.add(int(parts[6]))
        return found


def _credentials(inodes: set[int]) -> dict[int, Peer]:
    found: dict[int, Peer] = {}
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - names are all that is needed
        with contextlib.suppress(OSError):  # closed meanwhile
            info = os.fstat(int(name))
            if not stat.S_ISSOCK(info.st_mode) or info.st_ino not in inodes:
                continue
            with socket.socket(fileno=os.dup(int(name))) as same:
                raw = same.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
            pid, uid, gid = _CREDENTIALS.unpack(raw)
            found[info.st_ino] = Peer(pid=pid, uid=uid, gid=gid)
    return found
