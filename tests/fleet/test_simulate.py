"""The simulated fleet, in short: fifty agents for five seconds."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]


@pytest.mark.host
@pytest.mark.etcd
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_fifty_agents_are_found_and_those_killed_are_gone(tmp_path: Path) -> None:
    words = [
        "--agents",
        "50",
        "--seconds",
        "5",
        "--json",
        str(tmp_path / "f.json"),
        "--svg",
        str(tmp_path / "f.svg"),
    ]
    done = subprocess.run(
        [sys.executable, "-m", "tools.fleet.simulate", *words],
        capture_output=True, text=True, cwd=TOP, timeout=850, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    (told,) = json.loads((tmp_path / "f.json").read_text())["figures"]
    assert told["agents"] == 50
    assert told["finds"] >= 1
    assert told["find_p99"] >= told["find_p50"] > 0
    assert told["puts"] > 0
    assert told["etcd_cpu"] > 0
    assert told["gone_last_seconds"] >= told["gone_first_seconds"] > 0
    assert "<svg" in (tmp_path / "f.svg").read_text()
