"""The short form of `make soak`: a quarter of a minute at half the top rate, and nothing grows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.host import Host
from tools import soak

SEED = 5


@pytest.mark.slow
def test_nothing_grows_while_networks_come_and_go(host: Host) -> None:
    told, samples = soak.soak(host, seconds=13, seed=SEED, warm_up=5)
    assert told.broken == []
    assert told.lives > 0
    assert set(told.verdicts) == set(soak.BOUNDS)
    assert soak.chart(samples, "soak").startswith("<svg")


FLAT = soak.Sample(
    at=0.0,
    lives=10_000,
    descriptors=50,
    threads=30,
    memory=8e7,
    journal=4e6,
    slab=3e7,
    processor=0.005,
    latency=0.01,
)


@pytest.mark.parametrize(
    ("leak", "grew"),
    [
        ({}, []),
        ({"threads": 35}, ["threads"]),
        ({"memory": 9e7}, ["memory"]),
        ({"journal": 2e7}, ["journal"]),
        ({"processor": 0.02}, ["processor"]),
        ({"latency": 0.2}, ["latency"]),
    ],
)
def test_growth_is_found_and_a_spike_is_none(leak: dict[str, float], grew: list[str]) -> None:
    steps = 60
    samples = []
    for step in range(steps):
        risen = {
            name: getattr(FLAT, name) + (to - getattr(FLAT, name)) * step / steps for name, to in leak.items()
        }
        samples.append(replace(FLAT, at=float(step), **risen))
    samples[-3] = replace(samples[-3], descriptors=900, memory=9e9, latency=5.0)
    found = soak.judge(samples)
    assert [name for name, verdict in found.items() if verdict.broken] == grew
    assert set(found) == set(soak.BOUNDS) - set(soak.AT_REST)


def test_latency_that_grew_is_given_time_for_quiet_seconds_and_no_other_growth_is() -> None:
    seconds = 30.0
    slow = [replace(FLAT, at=float(at), latency=0.2 if at >= 15 else 0.01) for at in range(30)]
    assert soak._goes_on(slow, seconds, seconds)
    assert not soak._goes_on(slow, seconds + soak.LONGEST_WAIT_FOR_QUIET, seconds)
    assert not soak._goes_on([*slow, FLAT, FLAT], seconds + 2, seconds)
    leaks = [replace(FLAT, at=float(at), threads=30 + at) for at in range(30)]
    assert not soak._goes_on(leaks, seconds, seconds)
    assert soak._goes_on(leaks[: soak.LEAST_SAMPLES - 1], seconds, seconds)


@pytest.mark.parametrize(("name", "leaked"), [("descriptors", 90), ("slab", 3e8)])
def test_growth_of_what_is_compared_at_rest_is_found(name: str, leaked: float) -> None:
    assert name in soak.AT_REST
    first = getattr(FLAT, name)
    assert not soak.verdict(name, first, first).broken
    assert name in soak.verdict(name, first, leaked).broken
