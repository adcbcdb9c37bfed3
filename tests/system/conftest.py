"""One host and one daemon for a whole module, where its tests do not disturb each other."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import host as hosts
from tests.system.daemon import Daemon, daemon_in


@pytest.fixture(scope="module")
def daemon(module_host: hosts.Host) -> Iterator[Daemon]:
    """The module's daemon, with quick retries."""
    with daemon_in(module_host, limits__first_retry="0.01", limits__longest_retry="0.05") as made:
        yield made
