"""One target under libFuzzer: python -m tools.fuzz.one TARGET [libFuzzer's flags and directories]."""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["vmplumbd"]):
    from tests.fuzz.targets import TARGETS


def _broken(data: bytes) -> None:
    """A target with a defect, for the test of what is told and kept."""
    assert not data.startswith(b"{")


def main(arguments: list[str]) -> None:
    """Run until libFuzzer ends the process."""
    target = _broken if arguments[0] == "broken" else TARGETS[arguments[0]]
    atheris.Setup([sys.argv[0], *arguments[1:]], target)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
