"""Bad requests from fifty connections, and an honest caller beside them: the short form of `make flood`."""

from __future__ import annotations

import pytest

from tests.host import Host
from tools import flood

pytestmark = [pytest.mark.host, pytest.mark.slow]


@pytest.mark.timeout(300)
def test_a_flood_of_bad_requests_costs_an_honest_caller_no_call(
    host: Host, capsys: pytest.CaptureFixture[str]
) -> None:
    told = flood.flood(host, seconds=4, connections=50, rest=1)
    with capsys.disabled():
        print()
        flood.show(told)
    assert told.faults == []
    assert set(told.refused) >= {"INVALID_REQUEST", "ACCESS_DENIED"}
