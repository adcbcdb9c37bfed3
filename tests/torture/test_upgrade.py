"""The short form of `python -m tools.upgrade`: one round of every change under load, and no call fails."""

from __future__ import annotations

import pytest

from tests.host import Host
from tools import upgrade


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_no_call_fails_that_a_client_s_retries_do_not_mend_whatever_changes(host: Host) -> None:
    report = upgrade.run(host, rounds=1, callers=4)
    assert report.broken == []
    assert report.failed == 0
    assert set(report.changes) == set(upgrade.CHANGES)
    # Callers met the changes: calls were tried again, and answered.
    assert all(report.changes[name].retried > 0 for name in ("restart", "upgrade", "downgrade", "cordon"))
    assert len(list(upgrade.table(report))) == 2 + len(upgrade.CHANGES)
