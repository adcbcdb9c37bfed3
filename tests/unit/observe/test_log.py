"""The log in its three forms. journald is a socket of ours that reads its protocol."""

from __future__ import annotations

import array
import io
import json
import os
import socket
import struct
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from vmplumbd.observe import journald
from vmplumbd.observe.journald import Journald
from vmplumbd.observe.log import Log, as_text


def fields(raw: bytes) -> dict[str, bytes]:
    """An entry of the native protocol, read as its description says."""
    found: dict[str, bytes] = {}
    while raw:
        line, _, rest = raw.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:
            (size,) = struct.unpack("<Q", rest[:8])
            value, rest = rest[8 : 8 + size], rest[8 + size :]
            assert rest[:1] == b"\n"
            rest = rest[1:]
        found[name.decode()] = value
        raw = rest
    return found


@pytest.fixture
def receiver() -> Iterator[tuple[socket.socket, str]]:
    """Where journald would listen."""
    with tempfile.TemporaryDirectory() as directory, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as made:
        path = f"{directory}/socket"
        made.bind(path)
        made.settimeout(30)
        yield made, path


def lines(log: io.StringIO) -> list[str]:
    return log.getvalue().splitlines()


def test_json_has_an_event_and_its_fields_a_line() -> None:
    out = io.StringIO()
    Log(out).info("set-up", vm_id="vm-1", seconds=0.5, kept=["a", "b"])
    (line,) = lines(out)
    read = json.loads(line)
    assert list(read)[:3] == ["time", "level", "event"]
    del read["time"]
    assert read == {"level": "info", "event": "set-up", "vm_id": "vm-1", "seconds": 0.5, "kept": ["a", "b"]}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("vm-1", "vm-1"),
        ("", '""'),
        ("two words", '"two words"'),
        ("a=b", '"a=b"'),
        ("a\nerror  forged", '"a\\nerror  forged"'),
        (0.25, "0.25"),
        (True, "true"),
        ([1, 2], "[1, 2]"),
    ],
)
def test_text_is_for_people_and_no_value_can_end_a_line(value: object, shown: str) -> None:
    out = io.StringIO()
    Log(out, line=as_text).warning("teardown", what=value)
    (line,) = lines(out)
    when, rest = line.split(" ", 1)
    assert when.endswith("Z")
    assert rest == f"warning teardown what={shown}"


@pytest.mark.parametrize(("level", "told"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)])
def test_less_than_the_level_is_left_out(level: str, told: int) -> None:
    out = io.StringIO()
    log = Log(out, level=level)
    for say in (log.debug, log.info, log.warning, log.error):
        say("x")
    assert len(lines(out)) == told


def test_journald_gets_fields_of_its_own(receiver: tuple[socket.socket, str]) -> None:
    theirs, path = receiver
    out = io.StringIO()
    with closing(Journald(path)) as there:
        Log(out, entry=there).error("operation.fault", vm_id="vm-1", trace="line 1\nline 2", seconds=1.5)
    assert fields(theirs.recv(65536)) == {
        "MESSAGE": b'operation.fault vm_id=vm-1 trace="line 1\\nline 2" seconds=1.5',
        "PRIORITY": b"3",
        "SYSLOG_IDENTIFIER": b"vmplumbd",
        "VMPLUMB_EVENT": b"operation.fault",
        "VMPLUMB_VM_ID": b"vm-1",
        "VMPLUMB_TRACE": b"line 1\nline 2",
        "VMPLUMB_SECONDS": b"1.5",
    }
    assert not out.getvalue()


def test_an_entry_too_long_for_a_datagram_goes_as_a_sealed_file(receiver: tuple[socket.socket, str]) -> None:
    theirs, path = receiver
    text = "x" * 4_000_000
    with closing(Journald(path)) as there:
        Log(io.StringIO(), entry=there).info("long", detail=text)
    raw, ancillary, _, _ = theirs.recvmsg(1, socket.CMSG_SPACE(4))
    assert raw == b""
    ((_, _, data),) = ancillary
    (fd,) = array.array("i", data)
    with os.fdopen(fd, "rb") as file:
        file.seek(0)
        assert fields(file.read())["VMPLUMB_DETAIL"] == text.encode()
        with pytest.raises(OSError, match="not permitted"):
            os.truncate(fd, 0)


def test_without_journald_lines_go_to_stderr(tmp_path: Path) -> None:
    out = io.StringIO()
    with closing(Journald(str(tmp_path / "nobody"))) as there:
        Log(out, line=as_text, entry=there).info("serving")
    assert out.getvalue().endswith("info    serving\n")


def test_a_journald_that_is_full_holds_nobody(receiver: tuple[socket.socket, str]) -> None:
    out = io.StringIO()
    with closing(Journald(receiver[1])) as there:
        log = Log(out, entry=there)
        for number in range(5000):
            log.info("much", number=number, detail="x" * 1000)
    assert lines(out), "what was not taken is on stderr"


def test_the_stream_is_known_by_device_and_inode(tmp_path: Path) -> None:
    with (tmp_path / "out").open("w") as file:
        found = os.fstat(file.fileno())
        assert journald.listens(f"{found.st_dev}:{found.st_ino}", file.fileno())
        for other in ("", f"{found.st_dev}:{found.st_ino + 1}", "x:y", "1"):
            assert not journald.listens(other, file.fileno())
