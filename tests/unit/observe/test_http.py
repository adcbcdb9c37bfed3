"""The metrics' door: one path, over loopback and a Unix socket, and short with everything else."""

from __future__ import annotations

import asyncio
import stat
import threading
from pathlib import Path

import pytest

from vmplumbd.observe import http
from vmplumbd.observe.http import MetricsDoor

TEXT = b"vmplumb_ready 1.0\n"


async def said(where: str, request: bytes) -> bytes:
    """What is answered to some bytes."""
    if where.startswith("/"):
        reader, writer = await asyncio.open_unix_connection(where)
    else:
        host, _, port = where.rpartition(":")
        reader, writer = await asyncio.open_connection(host.strip("[]"), int(port))
    writer.write(request)
    answer = await asyncio.wait_for(reader.read(), 30)
    writer.close()
    return answer


def ask(where: str, *requests: bytes) -> list[bytes]:
    async def both() -> list[bytes]:
        door = MetricsDoor(lambda: TEXT, "text/plain; version=0.0.4")
        at = await door.listen(where)
        try:
            return [await said(at, one) for one in requests]
        finally:
            await door.close()

    return asyncio.run(both())


@pytest.mark.parametrize("where", ["127.0.0.1:0", "[::1]:0", "socket"])
def test_metrics_are_served(where: str, tmp_path: Path) -> None:
    where = str(tmp_path / "m.sock") if where == "socket" else where
    (answer,) = ask(where, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.split(b"\r\n") == [
        b"HTTP/1.1 200 OK",
        b"Content-Type: text/plain; version=0.0.4",
        b"Content-Length: 18",
        b"Connection: close",
    ]
    assert body == TEXT
    assert not (tmp_path / "m.sock").exists()


@pytest.mark.parametrize(
    ("request_", "first"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", b"HTTP/1.1 404 Not Found"),
        (b"POST /metrics HTTP/1.1\r\n\r\n", b"HTTP/1.1 405 Method Not Allowed"),
        (b"HEAD /metrics?x=1 HTTP/1.1\r\n\r\n", b"HTTP/1.1 200 OK"),
        (b"GET /metrics HTTP/1.1\r\nX: " + b"x" * 10_000 + b"\r\n\r\n", b""),
    ],
    ids=["another path", "another verb", "the head alone", "too long a head"],
)
def test_all_else_is_refused(request_: bytes, first: bytes) -> None:
    (answer,) = ask("127.0.0.1:0", request_)
    assert answer.split(b"\r\n")[0] == first
    assert TEXT not in answer


def test_the_socket_is_its_owners_and_groups(tmp_path: Path) -> None:
    async def mode() -> int:
        door = MetricsDoor(lambda: TEXT, "text/plain")
        path = await door.listen(str(tmp_path / "m.sock"))
        try:
            return stat.S_IMODE(Path(path).stat().st_mode)
        finally:
            await door.close()

    assert asyncio.run(mode()) == 0o660


def test_a_text_that_takes_longer_than_a_caller_may_be_silent_is_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "_PATIENCE", 2.0)
    silence_over = threading.Event()

    def text() -> bytes:
        assert silence_over.wait(60)
        return b"late\n"

    async def run() -> bytes:
        path = str(tmp_path / "slow.sock")
        door = MetricsDoor(text, "text/plain")
        await door.listen(path)
        silent, first = await asyncio.open_unix_connection(path)
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(b"GET /metrics HTTP/1.1\r\n\r\n")
        # Whoever came before and says nothing is cut off: the patience with both has passed then.
        assert await silent.read() == b""
        again, second = await asyncio.open_unix_connection(path)
        assert await again.read() == b""
        silence_over.set()
        answer = await reader.read()
        for one in (first, second, writer):
            one.close()
            await one.wait_closed()
        await door.close()
        return answer

    assert asyncio.run(run()).endswith(b"\r\n\r\nlate\n")
