"""What a plugin says is kept as far as a record may grow: the beginning of its words, the end of its errors."""

from __future__ import annotations

import pytest

from vmplumbd.cni.error import CniError
from vmplumbd.errors import AddFailed, PluginFailed
from vmplumbd.operations import chain

LONG = "ü" * 300_000


@pytest.mark.parametrize(
    ("said", "kept"),
    [("", ""), ("no room", "no room"), ("ü" * 4096, "ü" * 4096), (LONG, "ü" * 8192)],
    ids=["nothing", "little", "some", "a lot"],
)
def test_the_beginning_of_words_is_kept(said: str, kept: str) -> None:
    error = CniError(said, code=100, details=said)
    told = chain.failure(error, AddFailed, "")
    assert isinstance(told, PluginFailed)
    assert (told.plugin_error.message, told.plugin_error.details) == (kept, kept)
    assert len(told.message.encode()) <= 16 * 1024


@pytest.mark.parametrize(
    ("said", "kept"), [("last words", "last words"), ("x" * 5000 + LONG + "end", "ü" * 2046 + "end")]
)
def test_the_end_of_standard_error_is_kept(said: str, kept: str) -> None:
    error = CniError("no", code=100)
    error.stderr_tail = said
    told = chain.failure(error, AddFailed, "")
    assert isinstance(told, PluginFailed)
    assert told.plugin_error.stderr_tail == kept
