"""The demo as a user without root runs it: root of a user namespace, and of nothing else."""

from __future__ import annotations

import pytest

from tests import demos


@pytest.mark.host
@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_demo_runs_in_a_user_namespace_and_leaves_nothing() -> None:
    said = demos.run("tools.demo", seconds=1100, around=demos.USER_NAMESPACE)
    assert "VMPLUMB-GUEST OK" in said or "Left out: no guest is booted" in said
