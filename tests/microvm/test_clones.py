"""The demonstration of clones runs: four guests from one snapshot, each reached under an address of its own."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests import host as hosts
from tools.guest import build

pytestmark = [pytest.mark.microvm, pytest.mark.slow, pytest.mark.host, pytest.mark.timeout(1800)]

TOP = Path(__file__).parents[2]


def test_four_guests_of_one_snapshot_run_at_once(guest: build.Guest) -> None:
    reason = hosts.refusal()
    if reason is not None:
        pytest.skip(reason)
    done = subprocess.run(
        [sys.executable, "-m", "tools.demo.clones"],
        capture_output=True,
        text=True,
        cwd=TOP,
        timeout=1700,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    beats = re.findall(
        r"^  (clone-\d)  VMPLUMB-GUEST BEAT .* ping=1 out=1  heard as (\S+)$", done.stdout, re.MULTILINE
    )
    assert [name for name, _ in beats] == ["clone-1", "clone-2", "clone-3", "clone-4"]
    assert len({address for _, address in beats}) == 4
    assert [line.split() for line in done.stdout.splitlines() if line.endswith(" is silent")] == [
        ["clone-2", dict(beats)["clone-2"], "is", "silent"]
    ]
    assert "nothing left" in done.stdout
