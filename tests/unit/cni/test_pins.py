"""Executables pinned by SHA-256: what runs is what was hashed."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests import descriptors
from vmplumbd.cni.error import PluginNotFound, PluginNotTrusted
from vmplumbd.cni.exec import ExecInvoker
from vmplumbd.cni.invoke import Command, Invocation
from vmplumbd.cni.pins import Pins

Pinned = Callable[[Mapping[str, Sequence[str]]], Pins]


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """The plugin `p`, which is cat: it answers what it is asked."""
    found = shutil.which("cat")
    assert found is not None
    return Path(shutil.copy(found, tmp_path / "p"))


@pytest.fixture
def pinned() -> Iterator[Pinned]:
    """Makes pins whose copies are given back at the end of the test."""
    with ExitStack() as made:
        yield lambda digests: made.enter_context(closing(Pins(digests)))


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def call(program: Path, pins: Pins) -> bytes:
    return ExecInvoker(pins=pins).invoke(
        Invocation(command=Command.DEL, plugin="p", stdin=b"asked", path=(str(program.parent),))
    )


def test_a_pinned_plugin_runs(program: Path, pinned: Pinned) -> None:
    assert call(program, pinned({"p": [sha256(program).upper()]})) == b"asked"


def test_one_of_several_digests_is_enough(program: Path, pinned: Pinned) -> None:
    assert call(program, pinned({"p": ["0" * 64, sha256(program)]})) == b"asked"


@pytest.mark.parametrize("pins", [{"p": ["0" * 64]}, {"p": []}, {"q": ["0" * 64]}])
def test_another_digest_or_none_is_refused(program: Path, pinned: Pinned, pins: dict[str, list[str]]) -> None:
    invoker = ExecInvoker(pins=pinned(pins))
    with pytest.raises(PluginNotTrusted):
        invoker.find("p", (str(program.parent),))
    with pytest.raises(PluginNotTrusted):
        call(program, pinned(pins))


def test_a_file_that_is_replaced_is_hashed_again(program: Path, pinned: Pinned) -> None:
    pins = pinned({"p": [sha256(program)]})
    assert call(program, pins) == b"asked"
    aside = program.with_suffix(".new")
    shutil.copy(shutil.which("true") or "", aside)
    aside.rename(program)
    with pytest.raises(PluginNotTrusted):
        call(program, pins)


def test_a_file_that_changes_under_the_same_times_runs_as_it_was_hashed(
    program: Path, pinned: Pinned
) -> None:
    # Whoever can write the file can put its times back, but for ctime; a clock set back does that too. The
    # copy that was hashed is what runs, whatever lies at the path.
    pins = pinned({"p": [sha256(program)]})
    opened = pins.open("p", str(program))
    program.write_bytes(b"#!/bin/sh\nexit 1\n")
    try:
        assert hashlib.sha256(Path(f"/proc/self/fd/{opened}").read_bytes()).hexdigest() != sha256(program)
        with pytest.raises(PermissionError):
            os.pwrite(opened, b"x", 0)
    finally:
        os.close(opened)


def test_the_copy_cannot_be_written_by_whoever_opens_it_again(program: Path, pinned: Pinned) -> None:
    opened = pinned({"p": [sha256(program)]}).open("p", str(program))
    try:
        with pytest.raises(OSError, match=r"Operation not permitted|Permission denied"):
            Path(f"/proc/self/fd/{opened}").write_bytes(b"x")
    finally:
        os.close(opened)


def test_a_script_is_refused_since_its_interpreter_opens_it_by_name(tmp_path: Path, pinned: Pinned) -> None:
    script = tmp_path / "p"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    with pytest.raises(PluginNotTrusted, match="interpreter"):
        call(script, pinned({"p": [sha256(script)]}))


def test_what_cannot_be_read_is_not_found(tmp_path: Path, pinned: Pinned) -> None:
    with pytest.raises(PluginNotFound, match="No such file"):
        pinned({"p": ["0" * 64]}).open("p", str(tmp_path / "p"))


def test_descriptors_are_given_back(program: Path) -> None:
    with descriptors.none_is_kept():
        pins = Pins({"p": [sha256(program)]})
        for _ in range(3):
            call(program, pins)
        pins.close()
