"""The demonstration of a fleet, as the machine's root and as nobody in particular."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests import host as hosts
from tools.fleet import rig

TOP = Path(__file__).parents[2]
USER_NAMESPACE = ("unshare", "--user", "--map-root-user")


@pytest.mark.host
@pytest.mark.etcd
@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("around", [(), USER_NAMESPACE], ids=["as it is", "in a user namespace"])
def test_thirty_vms_outlive_a_lost_host_and_a_drained_one_and_leave_nothing(around: Sequence[str]) -> None:
    reason = hosts.refusal() or rig.missing()
    if reason is not None:
        pytest.skip(reason)
    if around:
        probe = subprocess.run([*around, "true"], capture_output=True, text=True, check=False)
        if probe.returncode:
            pytest.skip(f"no user namespace here: {probe.stderr.strip()}")
    done = subprocess.run(
        # On a machine that is very busy an agent may not get to keep its lease for long.
        [*around, sys.executable, "-m", "tools.fleet.demo", "--ttl", "30"],
        capture_output=True,
        text=True,
        cwd=TOP,
        timeout=1700,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "30 at host-c" in done.stdout
    assert "nothing left" in done.stdout


def test_the_orchestrator_fits_on_a_page_and_uses_nothing_but_the_fleet() -> None:
    text = (TOP / "tools/fleet/orchestrator.py").read_text()
    assert len(text.splitlines()) <= 60
    ours = [
        line
        for line in text.splitlines()
        if line.startswith(("from vmplumb", "import vmplumb", "from tools"))
    ]
    assert ours == [
        "from vmplumb import Tls, VmplumbError",
        "from vmplumb.fleet import EtcdError, Fleet, NoAgent",
        "from vmplumb.v1.vm_network_pb2 import NetworkSpec",
    ]
    assert f"orchestrator of {len(text.splitlines())} lines" in (TOP / "docs/fleet.md").read_text()
