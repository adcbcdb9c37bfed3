"""The real daemon is killed after each change that it makes, and nothing is lost or left after the next start.

`make torture ARGS=--every-step` walks in an adopted namespace and with an executed plugin at each step, too.
"""

from __future__ import annotations

import threading

import pytest

from tests import host as hosts
from tests.torture.steps import Namespace, Walk, walk


@pytest.mark.slow
@pytest.mark.host
@pytest.mark.timeout(900)
def test_a_kill_after_any_change_leaves_nothing_and_the_repeated_call_goes_well() -> None:
    reason = hosts.refusal()
    if reason is not None:
        pytest.skip(reason)
    done: dict[str, Walk] = {}

    # Each in a host of its own, since a kill leaves the processors idle half of the time.
    def made() -> None:
        done["made"] = hosts.in_host_with(walk)

    def others() -> None:
        for name, namespace, every in (
            ("adopted", Namespace.ADOPTED, 10),
            ("made elsewhere", Namespace.MADE_ELSEWHERE, 6),
            ("claimed", Namespace.CLAIMED, 6),
        ):
            done[name] = hosts.in_host_with(lambda host: walk(host, namespace=namespace, every=every))  # noqa: B023

    threads = [threading.Thread(target=one) for one in (made, others)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {name: one.broken for name, one in done.items()} == {
        "made": [],
        "adopted": [],
        "made elsewhere": [],
        "claimed": [],
    }
    for one in done.values():
        assert set(one.kills) == {"set-up", "teardown", "recovery"}
    # Every change of a set-up was the last one of a daemon, to its commit: the list is the run's own.
    assert done["made"].kills["set-up"] > 20
    assert done["made"].steps["set-up"][-1].startswith("journal INSERT")
