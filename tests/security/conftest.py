"""One host for a whole module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import host as hosts


@pytest.fixture(scope="module")
def module_host() -> Iterator[hosts.Host]:
    """A host for all tests of a module."""
    reason = hosts.refusal()
    if reason is not None:
        pytest.skip(reason)
    with hosts.private_host() as made:
        yield made
