"""The demonstration of clones runs: four guests from one snapshot, each reached under an address of its own."""

from __future__ import annotations

import re

import pytest

from tests import demos
from tools.guest import build

pytestmark = [pytest.mark.microvm, pytest.mark.slow, pytest.mark.host, pytest.mark.timeout(1800)]


def test_four_guests_of_one_snapshot_run_at_once(guest: build.Guest) -> None:
    said = demos.run("tools.demo.clones", seconds=1700)
    beats = re.findall(
        r"^  (clone-\d)  VMPLUMB-GUEST BEAT .* ping=1 out=1  heard as (\S+)$", said, re.MULTILINE
    )
    assert [name for name, _ in beats] == ["clone-1", "clone-2", "clone-3", "clone-4"]
    assert len({address for _, address in beats}) == 4
    assert [line.split() for line in said.splitlines() if line.endswith(" is silent")] == [
        ["clone-2", dict(beats)["clone-2"], "is", "silent"]
    ]
