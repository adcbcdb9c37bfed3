"""A directory of configurations is listed once, and every change of it is seen."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from vmplumbd.cni import confdir
from vmplumbd.errors import NetworkNotFound
from vmplumbd.operations import chain

_LONG_AGO = 1_600_000_000


def conflist(name: str, plugin: str = "ptp") -> str:
    return json.dumps({"cniVersion": "1.0.0", "name": name, "plugins": [{"type": plugin}]})


@pytest.fixture(params=["a settled directory", "a directory that has just changed"])
def directory(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    (tmp_path / "one.conflist").write_text(conflist("one"))
    if request.param == "a settled directory":
        os.utime(tmp_path, (_LONG_AGO, _LONG_AGO))
    return tmp_path


def replace(path: Path) -> None:
    path.with_suffix(".new").write_text(conflist("one", "bridge"))
    path.with_suffix(".new").replace(path)


def exchange(path: Path) -> None:
    path.unlink()
    path.with_name("b.conflist").write_text(conflist("one", "bridge"))


CHANGES: dict[str, Callable[[Path], object]] = {
    "written in place": lambda path: path.write_text(conflist("one", "bridge")),
    "replaced": replace,
    "an earlier one comes": lambda path: path.with_name("a.conflist").write_text(conflist("one", "bridge")),
    "gone, and another comes": exchange,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_is_seen(directory: Path, change: Callable[[Path], object]) -> None:
    for _ in range(3):
        assert [one.type for one in chain.load(str(directory), "one").plugins] == ["ptp"]
    change(directory / "one.conflist")
    for _ in range(3):
        assert [one.type for one in chain.load(str(directory), "one").plugins] == ["bridge"]


def test_a_network_that_comes_and_goes(directory: Path) -> None:
    other = directory / "two.conflist"
    for _ in range(3):
        with pytest.raises(NetworkNotFound):
            chain.load(str(directory), "two")
        other.write_text(conflist("two"))
        assert chain.load(str(directory), "two").name == "two"
        other.unlink()
    with pytest.raises(NetworkNotFound):
        chain.load(str(directory), "two")


def test_a_directory_that_comes_later(tmp_path: Path) -> None:
    later = tmp_path / "later"
    with pytest.raises(NetworkNotFound):
        chain.load(str(later), "one")
    later.mkdir()
    (later / "one.conflist").write_text(conflist("one"))
    assert chain.load(str(later), "one").name == "one"


def test_what_is_as_it_was_is_not_read_again(directory: Path) -> None:
    assert chain.load(str(directory), "one") is chain.load(str(directory), "one")


def test_one_that_could_not_be_listed_is_listed_again(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: object) -> object:
        raise OSError(24, "Too many open files")

    with monkeypatch.context() as crowded:
        crowded.setattr(os, "scandir", refuse)
        assert confdir.signature(str(directory), "one") == ()
    assert len(confdir.signature(str(directory), "one")) == 1
