"""How a test runs one of the demonstrations, and judges that it went to its end and left nothing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

TOP = Path(__file__).parents[1]
USER_NAMESPACE = ("unshare", "--user", "--map-root-user")


def run(module: str, *words: str, seconds: float, around: Sequence[str] = ()) -> str:
    """What the demonstration prints. `around` goes before its command line: USER_NAMESPACE, or nothing.

    Skips the test where there is nothing to go around it. It must be marked `host`.
    """
    if around:
        probe = subprocess.run([*around, "true"], capture_output=True, text=True, check=False)
        if probe.returncode:
            pytest.skip(f"no user namespace here: {probe.stderr.strip()}")
    done = subprocess.run(
        [*around, sys.executable, "-m", module, *words],
        capture_output=True,
        text=True,
        cwd=TOP,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing left" in done.stdout
    return done.stdout
