"""The metrics' door: GET /metrics over HTTP/1.1, on loopback or a Unix socket, and nothing else.

On the event loop; the text is made on a thread. Who says nothing, or too much, is cut off.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable
from pathlib import Path

# A request of Prometheus is some hundred bytes.
_REQUEST_BYTES = 8192
# How long a caller may take to ask, and to read the answer. Seconds.
_PATIENCE = 10.0
_CONNECTIONS = 16


class MetricsDoor:
    """Serves `text` to whoever asks."""

    def __init__(self, text: Callable[[], bytes], content_type: str) -> None:
        self._text = text
        self._content_type = content_type
        self._server: asyncio.Server | None = None
        self._path = ""
        self._open = 0

    async def listen(self, where: str) -> str:
        """Serve at "ADDRESS:PORT" or the path of a Unix socket; answers where. Raises OSError."""
        if where.startswith("/"):
            with contextlib.suppress(FileNotFoundError):
                Path(where).unlink()
            old = os.umask(0o117)
            try:
                self._server = await asyncio.start_unix_server(self._serve, where, limit=_REQUEST_BYTES)
            finally:
                os.umask(old)
            self._path = where
            return where
        host, _, port = where.rpartition(":")
        self._server = await asyncio.start_server(
            self._serve, host.strip("[]"), int(port), limit=_REQUEST_BYTES
        )
        address = self._server.sockets[0].getsockname()
        return f"{host}:{address[1]}"

    async def close(self) -> None:
        """Stop."""
        if self._server is not None:
            self._server.close()
        if self._path:
            with contextlib.suppress(FileNotFoundError):
                Path(self._path).unlink()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        try:
            with contextlib.suppress(
                OSError, TimeoutError, asyncio.LimitOverrunError, asyncio.IncompleteReadError
            ):
                if self._open > _CONNECTIONS:
                    writer.write(_answer(503, b"too many connections\n", "text/plain"))
                else:
                    await self._answer_all(reader, writer)
                async with asyncio.timeout(_PATIENCE):
                    await writer.drain()
        finally:
            self._open -= 1
            writer.close()

    async def _answer_all(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Who asked is answered, however long that takes: a busy host is when somebody looks.
        async with asyncio.timeout(_PATIENCE):
            head = await reader.readuntil(b"\r\n\r\n")
        verb, _, rest = head.split(b"\r\n", 1)[0].decode("latin-1").partition(" ")
        path = rest.partition(" ")[0].partition("?")[0]
        if path != "/metrics":
            answer = _answer(404, b"see /metrics\n", "text/plain")
        elif verb not in {"GET", "HEAD"}:
            answer = _answer(405, b"GET\n", "text/plain")
        else:
            answer = _answer(200, await asyncio.to_thread(self._text), self._content_type)
        if verb == "HEAD":
            answer = answer.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
        writer.write(answer)


_WORDS = {200: "OK", 404: "Not Found", 405: "Method Not Allowed", 503: "Service Unavailable"}


def _answer(status: int, body: bytes, content_type: str) -> bytes:
    head = (
        f"HTTP/1.1 {status} {_WORDS[status]}\r\nContent-Type: {content_type}\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode("latin-1") + body
