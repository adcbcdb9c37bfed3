"""The demonstration of a fleet, as the machine's root and as nobody in particular."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests import demos

TOP = Path(__file__).parents[2]


@pytest.mark.host
@pytest.mark.etcd
@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("around", [(), demos.USER_NAMESPACE], ids=["as it is", "in a user namespace"])
def test_thirty_vms_outlive_a_lost_host_and_a_drained_one_and_leave_nothing(around: Sequence[str]) -> None:
    # On a machine that is very busy an agent may not get to keep its lease for long.
    said = demos.run("tools.fleet.demo", "--ttl", "30", seconds=1700, around=around)
    assert "30 at host-c" in said


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
