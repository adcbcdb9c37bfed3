"""The short form of `make torture`: sixty kills under load, and nothing is left or lost."""

from __future__ import annotations

import pytest

from tests.host import Host
from tools.torture import torture

SEED = 20


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_sixty_kills_under_load_leave_nothing_and_lose_nothing(host: Host) -> None:
    total = torture(host, kills=60, seed=SEED, callers=16, chatty=False)
    assert total.broken == []
    assert total.kills == 60
    assert total.set_ups > 0
    assert total.claims > 0
    assert total.interrupted > 0
