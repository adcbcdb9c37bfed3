"""The audit's file: whole lines, added to alone, moved aside by us or by others, lost ones counted."""

from __future__ import annotations

import json
import resource
import signal
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from vmplumbd.observe.audit import Audit


@contextmanager
def audit(path: Path, *, max_bytes: int = 0, keep: int = 2) -> Iterator[tuple[Audit, list[str]]]:
    said: list[str] = []
    made = Audit(
        str(path), max_bytes=max_bytes, keep=keep, clock=lambda: 1_700_000_000.25, failed=said.append
    )
    yield made, said
    made.close()


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_line_is_one_line_whatever_is_in_it(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    with audit(path) as (made, _):
        made.write(who="a\nb\u2028c\0", networks=["x"])
    assert path.read_text().count("\n") == 1
    assert lines(path) == [
        {"time": "2023-11-14T22:13:20.250000+00:00", "who": "a\nb\u2028c\0", "networks": ["x"]}
    ]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_was_written_before_stays(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    for number in range(3):
        with audit(path) as (made, _):
            made.write(n=number)
    assert [one["n"] for one in lines(path)] == [0, 1, 2]


def test_a_full_file_is_moved_aside_and_so_many_stay(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    with audit(path, max_bytes=200, keep=2) as (made, said):
        for number in range(12):
            made.write(n=number, pad="x" * 40)
    kept = sorted(one.name for one in tmp_path.iterdir())
    assert kept == ["audit.jsonl", "audit.jsonl.1", "audit.jsonl.2"]
    numbers = [one["n"] for name in reversed(kept) for one in lines(tmp_path / name)]
    assert numbers == list(range(12))[-len(numbers) :]
    assert all((tmp_path / name).stat().st_size <= 200 for name in kept)
    assert said == []


def test_a_file_that_somebody_moved_is_left_when_told(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    with audit(path) as (made, _):
        made.write(n=1)
        path.rename(tmp_path / "old")
        made.write(n=2)
        made.reopen()
        made.write(n=3)
    assert [one["n"] for one in lines(tmp_path / "old")] == [1, 2]
    assert [one["n"] for one in lines(path)] == [3]


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "audit.jsonl").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match=r"audit\.jsonl"):
        Audit(str(tmp_path / "audit.jsonl"), max_bytes=0, keep=0, clock=lambda: 0.0, failed=print)
    assert not (tmp_path / "elsewhere").exists()


def test_lines_that_are_lost_are_told_once_and_counted_in_the_next(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        with audit(path) as (made, said):
            made.write(n=0)
            resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 10, before[1]))
            made.write(n=1)
            made.write(n=2)
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
            made.write(n=3)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, old)
    assert len(said) == 1
    first, torn, last = path.read_text().splitlines()
    assert json.loads(first)["n"] == 0
    assert len(torn) == 10
    assert (json.loads(last)["n"], json.loads(last)["lost"]) == (3, 2)


def test_many_threads_write_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    with audit(path, max_bytes=4000, keep=1000) as (made, _):

        def write(start: int) -> None:
            for number in range(start, start + 50):
                made.write(n=number)

        threads = [threading.Thread(target=write, args=(100 * index,)) for index in range(8)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
    found = sorted(int(str(one["n"])) for file in tmp_path.iterdir() for one in lines(file))
    assert found == sorted(100 * index + number for index in range(8) for number in range(50))
