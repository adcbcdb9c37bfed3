"""The demo as a user without root runs it: root of a user namespace, and of nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests import host as hosts

TOP = Path(__file__).parents[2]


@pytest.mark.host
@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_demo_runs_in_a_user_namespace_and_leaves_nothing() -> None:
    reason = hosts.refusal()
    if reason is not None:
        pytest.skip(reason)
    probe = subprocess.run(["unshare", "--user", "--map-root-user", "true"], capture_output=True, check=False)
    if probe.returncode:
        pytest.skip(f"no user namespace here: {probe.stderr.decode().strip()}")
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", sys.executable, "-m", "tools.demo"],
        capture_output=True,
        text=True,
        cwd=TOP,
        timeout=1100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing left" in done.stdout
    assert "VMPLUMB-GUEST OK" in done.stdout or "Left out: no guest is booted" in done.stdout
