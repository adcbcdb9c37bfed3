"""Every input that is kept, and some at random, through what is fuzzed; and the fuzzer itself, for a little."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import TARGETS
from tools.fuzz import __main__ as fuzz

CORPUS = Path(__file__).with_name("corpus")


def test_every_target_has_a_corpus_and_a_name() -> None:
    assert tuple(TARGETS) == fuzz.NAMES
    assert {one.name for one in CORPUS.iterdir()} == set(TARGETS)


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_kept_breaks_nothing(name: str) -> None:
    inputs = sorted((CORPUS / name).iterdir())
    assert inputs
    for one in inputs:
        TARGETS[name](one.read_bytes())


@pytest.mark.parametrize("name", TARGETS)
def test_noise_breaks_nothing(name: str) -> None:
    @settings(max_examples=50, deadline=None)
    @given(st.binary(max_size=200))
    def fed(data: bytes) -> None:
        TARGETS[name](data)

    fed()


@pytest.mark.fuzzer
@pytest.mark.timeout(600)
def test_ten_seconds_of_fuzzing_each_find_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    status = fuzz.main(["--seconds", "10", "--seed", "1"])
    said = capsys.readouterr().out
    print(said)
    assert status == 0, said
    assert said.count("nothing broke") == len(TARGETS)


@pytest.mark.fuzzer
@pytest.mark.timeout(300)
def test_an_input_that_breaks_a_target_is_told_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fuzz, "CORPUS", tmp_path / "corpus")
    monkeypatch.setattr(fuzz, "BUILD", tmp_path / "build")
    (tmp_path / "corpus" / "broken").mkdir(parents=True)
    (tmp_path / "corpus" / "broken" / "one").write_bytes(b"{}")
    found = fuzz.run("broken", seconds=5, seed=1)
    assert found.broken is not None
    assert found.broken.parent == tmp_path / "corpus" / "broken"
    assert found.broken.read_bytes().startswith(b"{")
    assert "AssertionError" in found.said
