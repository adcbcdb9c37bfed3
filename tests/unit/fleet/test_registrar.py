"""When an agent tells its fleet of itself, and when it tries again: on a made-up etcd and clock, without a thread."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest
from google.protobuf import json_format

from tests.fakes.clock import Clock
from vmplumb._etcd_client import EtcdError
from vmplumb.v1.fleet_pb2 import FleetAgent
from vmplumbd.fleet.registrar import Registrar

TTL, INTERVAL = 30, 1.0
AWAY = EtcdError("nobody answers", code=grpc.StatusCode.UNAVAILABLE, away=True)
LEASE_GONE = EtcdError("requested lease not found", code=grpc.StatusCode.NOT_FOUND, away=False)


@dataclass
class Etcd:
    """Leases and keys in memory; `fails` is raised by every call while it is set."""

    leases: set[int] = field(default_factory=set)
    keys: dict[str, tuple[bytes, int]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    fails: EtcdError | None = None

    def _called(self, name: str) -> None:
        self.calls.append(name)
        if self.fails is not None:
            raise self.fails

    def grant(self, seconds: int) -> int:
        self._called("grant")
        assert seconds == TTL
        lease = len(self.calls)
        self.leases.add(lease)
        return lease

    def keep(self, lease: int) -> bool:
        self._called("keep")
        return lease in self.leases

    def put(self, key: str, value: bytes, *, lease: int = 0) -> None:
        self._called("put")
        if lease not in self.leases:
            raise LEASE_GONE
        self.keys[key] = value, lease

    def revoke(self, lease: int) -> None:
        self._called("revoke")
        self.leases.discard(lease)
        self.keys = {key: one for key, one in self.keys.items() if one[1] != lease}

    def taken(self) -> list[str]:
        """The calls since the last look."""
        calls, self.calls = self.calls, []
        return calls


@dataclass
class World:
    """One agent and its etcd."""

    etcd: Etcd = field(default_factory=Etcd)
    agent: FleetAgent = field(default_factory=lambda: FleetAgent(id="a", networks_live=1))
    clock: Clock = field(default_factory=Clock)
    notes: list[str] = field(default_factory=list)
    broken: Exception | None = None
    heard: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.registrar = Registrar(
            self.etcd,
            "/p/agents/a",
            ttl=TTL,
            interval=INTERVAL,
            monotonic=self.clock.monotonic,
            describe=self._describe,
            note=self._note,
        )

    def _describe(self) -> FleetAgent:
        if self.broken is not None:
            raise self.broken
        self.agent.update_time.FromNanoseconds(int(self.clock.time * 1e9))
        return self.agent

    def _note(self, event: str, **_: Any) -> None:
        self.notes.append(event)
        self.heard.set()

    def beat(self, later: float = INTERVAL) -> float:
        """Some time later."""
        self.clock.time += later
        return self.registrar.beat()

    def present(self) -> bool:
        """Whether the agent takes its key to stand."""
        return self.registrar.present

    def told(self) -> FleetAgent:
        """What stands in etcd."""
        return json_format.Parse(self.etcd.keys["/p/agents/a"][0], FleetAgent())


def test_what_has_not_changed_is_told_once_and_its_lease_kept_three_times_in_its_life() -> None:
    world = World()
    assert world.beat() == INTERVAL
    assert world.etcd.taken() == ["grant", "put"]
    for _ in range(int(TTL / INTERVAL)):
        world.beat()
    assert world.etcd.taken() == ["keep"] * 3
    world.agent.networks_live = 2
    world.beat()
    assert world.etcd.taken() == ["put"]
    assert world.told().networks_live == 2
    assert world.notes == ["fleet.told"]


def test_it_is_present_while_its_key_stands_under_a_lease_that_lives() -> None:
    world = World()
    assert not world.present()
    world.beat()
    assert world.present()
    world.etcd.fails = AWAY
    world.beat(TTL - 1)
    assert world.present()
    world.beat(1)
    assert not world.present()
    world.etcd.fails = None
    world.beat()
    assert world.present()


def test_it_is_not_present_while_its_key_cannot_be_written() -> None:
    world = World()
    world.beat()
    world.etcd.leases.clear()
    world.agent.networks_live = 2
    world.beat()  # the put is refused
    assert not world.present()
    world.beat()
    assert world.present()


def test_a_lease_that_has_ended_is_followed_by_another() -> None:
    world = World()
    world.beat()
    world.etcd.leases.clear()
    world.etcd.taken()
    world.beat(TTL / 3)
    assert world.etcd.taken() == ["keep", "grant", "put"]


def test_a_put_that_is_refused_lets_go_of_the_lease() -> None:
    world = World()
    world.beat()
    world.etcd.leases.clear()
    world.agent.networks_live = 2
    assert world.beat() == INTERVAL
    world.etcd.taken()
    world.beat()
    assert world.etcd.taken() == ["grant", "put"]
    assert world.notes == ["fleet.told", "fleet.away", "fleet.told"]


def test_an_etcd_that_is_away_is_asked_each_interval_while_the_lease_can_be_saved_then_seldom() -> None:
    world = World()
    world.beat()
    world.etcd.fails = AWAY
    world.agent.networks_live = 2
    waits = [world.beat(later) for later in (1.0, 10.0, TTL - 12.0, 2.0)]
    assert waits == [INTERVAL, INTERVAL, INTERVAL, TTL / 3]
    assert world.notes == ["fleet.told", "fleet.away"]
    world.etcd.fails = None
    assert world.beat(TTL / 3) == INTERVAL
    assert world.told().networks_live == 2
    assert world.notes == ["fleet.told", "fleet.away", "fleet.told"]


def test_an_etcd_that_is_back_before_the_lease_ends_is_told_of_in_the_log_too() -> None:
    world = World()
    world.beat()
    world.etcd.fails = AWAY
    world.beat(TTL / 3)
    world.etcd.fails = None
    world.beat()
    assert world.notes == ["fleet.told", "fleet.away", "fleet.told"]


@pytest.mark.parametrize("broken", [OSError("the disk is gone"), RuntimeError("a mistake of ours")])
def test_an_agent_that_cannot_describe_itself_is_not_lost(broken: Exception) -> None:
    world = World()
    world.beat()
    world.broken = broken
    for _ in range(2 * TTL):
        assert world.beat() == INTERVAL
    assert world.told().networks_live == 1
    assert world.etcd.calls.count("keep") == 6
    assert world.notes == ["fleet.told", "fleet.failed"]
    world.broken = None
    world.beat()
    assert world.notes == ["fleet.told", "fleet.failed", "fleet.told"]


def test_a_stop_takes_the_key_back_and_one_that_cannot_be_is_left_to_its_lease() -> None:
    world = World()
    world.registrar.start()
    assert world.heard.wait(60)
    world.registrar.stop()
    assert world.etcd.keys == {}
    lost = World()
    lost.registrar.start()
    assert lost.heard.wait(60)
    lost.etcd.fails = AWAY
    lost.registrar.stop()
    assert lost.notes[-1] == "fleet.away"
