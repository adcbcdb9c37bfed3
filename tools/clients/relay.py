"""A relay before the agent's socket that breaks connections at a given place, to test a client's way back.

It reads the frames of HTTP/2 that the agent sends (RFC 9113, section 4.1) as far as it takes to count gRPC's messages
in them. Nothing is changed; a connection is only ended, in the middle of a call.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

FRAME_HEADER, MESSAGE_HEADER = 9, 5
DATA, PADDED = 0x0, 0x8
CHUNK = 65536


class MessageCounter:
    """Counts the gRPC messages that have come whole in a stream of HTTP/2 frames, over all its calls."""

    def __init__(self) -> None:
        self._frames = bytearray()
        self._calls: dict[int, bytearray] = {}
        self.messages = 0

    def feed(self, data: bytes, limit: int) -> int:
        """Take bytes; answers how many of them come before the place where the message after `limit` begins."""
        self._frames += data
        taken = 0  # of self._frames
        carried = len(self._frames) - len(data)
        while len(self._frames) - taken >= FRAME_HEADER:
            head = self._frames[taken : taken + FRAME_HEADER]
            size = FRAME_HEADER + int.from_bytes(head[:3])
            if head[3] == DATA and size > FRAME_HEADER and self.messages >= limit:
                return max(0, taken - carried)
            if len(self._frames) - taken < size:
                break
            if head[3] == DATA:
                self._data(bytes(self._frames[taken + FRAME_HEADER : taken + size]), head)
            taken += size
        del self._frames[:taken]
        return len(data)

    def _data(self, payload: bytes, head: bytes | bytearray) -> None:
        if head[4] & PADDED:
            payload = payload[1 : len(payload) - payload[0]]
        call = self._calls.setdefault(int.from_bytes(head[5:9]) & 0x7FFFFFFF, bytearray())
        call += payload
        while len(call) >= MESSAGE_HEADER:
            size = MESSAGE_HEADER + int.from_bytes(call[1:5])
            if len(call) < size:
                break
            del call[:size]
            self.messages += 1


class Relay:
    """One relay: a Unix socket before another. Its first `times` connections are cut, the others let through.

    A connection is cut before the message (over all its calls) that comes after `messages`, or after `bytes_` bytes
    from the agent.
    """

    def __init__(
        self, path: Path, target: Path, *, times: int, messages: int | None, bytes_: int | None
    ) -> None:
        self.path = path
        self.connections = 0
        self.cuts = 0
        self._target, self._times, self._messages, self._bytes = target, times, messages, bytes_
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """End the listener and every connection."""
        for one in (self._listener, *self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            agent = socket.socket(socket.AF_UNIX)
            try:
                agent.connect(str(self._target))
            except OSError:
                client.close()
                continue
            with self._lock:
                self.connections += 1
                cut = self.connections <= self._times
                self._open |= {client, agent}
            place = self._place() if cut else len
            threading.Thread(target=self._pump, args=(client, agent, len), daemon=True).start()
            threading.Thread(target=self._pump, args=(agent, client, place), daemon=True).start()

    def _place(self) -> Callable[[bytes], int]:
        """How many of the next bytes may pass; fewer than all means: cut."""
        if self._messages is not None:
            counter, limit = MessageCounter(), self._messages
            return lambda data: counter.feed(data, limit)
        left = self._bytes or 0

        def by_bytes(data: bytes) -> int:
            nonlocal left
            passing = min(left, len(data))
            left -= passing
            return passing

        return by_bytes

    def _pump(self, source: socket.socket, sink: socket.socket, place: Callable[[bytes], int]) -> None:
        with suppress(OSError):
            while data := source.recv(CHUNK):
                passing = place(data)
                sink.sendall(data[:passing])
                if passing < len(data):
                    with self._lock:
                        self.cuts += 1
                    break
        for one in (source, sink):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
