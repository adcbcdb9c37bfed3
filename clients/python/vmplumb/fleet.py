"""Many agents as one: found by what they tell of themselves in an etcd, called as each one is. It blocks.

Agents tell who they are and roughly what they have left (FleetAgent), under a lease; a host that is lost vanishes
with it. Where a VM's network was placed is a key beside them, changed only by comparing: so two callers with one
VM never make two networks, whatever either of them saw.
"""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import grpc
from google.protobuf import json_format

from vmplumb._channel import Tls, is_unix
from vmplumb._client import Client, Leash
from vmplumb._errors import VmNotFound, VmplumbError
from vmplumb._etcd_client import Etcd, EtcdError, Item
from vmplumb._follow import ProgressEvent, Retry, Seconds
from vmplumb.v1.fleet_pb2 import FleetAgent
from vmplumb.v1.network_agent_service_pb2 import TeardownResult
from vmplumb.v1.vm_network_pb2 import NetworkSpec, Phase, SetupResult

__all__ = ["DEFAULT_PREFIX", "Change", "EtcdError", "Fleet", "NoAgent", "Placed", "Stray", "fits"]

DEFAULT_PREFIX = "/vmplumb/v1"

# What an agent answers that another may do: nothing of the VM is left there then, or it is torn down first.
_ELSEWHERE = frozenset(
    {
        "TOO_MANY_NETWORKS",
        "TOO_MANY_OPERATIONS",
        "ADDRESSES_EXHAUSTED",
        "HOST_LIMIT_REACHED",
        "LIMIT_EXCEEDED",
        "AGENT_NOT_READY",
        "CNI_NETWORK_NOT_FOUND",
        "CNI_PLUGIN_UNAVAILABLE",
        "UNSUPPORTED",
        "JOURNAL_FAILED",
    }
)
# How often is looked whether an agent that does not answer is still there, and what it is given to prove itself.
_POLL_SECONDS = 0.5
_PROOF_SECONDS = 1.0
# So many agents that seem full are asked whether they are, before a fleet is said to have no room.
_ASKED_ANYWAY = 5
# What was begun is taken back though the caller's time has run out, within this.
_CLEAN_UP_SECONDS = 30.0

_Result = TypeVar("_Result", SetupResult, TeardownResult)


class NoAgent(Exception):
    """No agent of the fleet has room for the network, or none has it; `tried` says what each answered."""

    def __init__(self, message: str, tried: Mapping[str, str]) -> None:
        super().__init__(message + "".join(f"; {agent}: {why}" for agent, why in tried.items()))
        self.tried = dict(tried)


@dataclass(frozen=True, kw_only=True, slots=True)
class Placed:
    """A network and the agent that made it."""

    agent: FleetAgent
    result: SetupResult


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """An agent as it is now; None once it is gone."""

    agent_id: str
    agent: FleetAgent | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Stray:
    """A network that an agent has, while another is said to have it: its host was lost, and has come back."""

    agent: FleetAgent
    vm_id: str
    uid: str
    placed_at: str


class Fleet:
    """The agents that tell of themselves below `prefix` of an etcd. For several threads.

    `tls` is etcd's, `agent_tls` that of every agent. Methods raise EtcdError for what etcd refuses, and
    VmplumbError for what an agent does.
    """

    def __init__(
        self,
        endpoints: Sequence[str],
        *,
        tls: Tls | None = None,
        agent_tls: Tls | None = None,
        prefix: str = DEFAULT_PREFIX,
        retry: Retry | None = None,
        choose: random.Random | None = None,
    ) -> None:
        """`choose` decides between agents that are as good as each other; a seeded one makes a run repeatable."""
        self._etcd = Etcd(endpoints, tls=tls)
        self._agent_tls = agent_tls
        self._agents = f"{prefix.rstrip('/')}/agents/"
        self._places = f"{prefix.rstrip('/')}/places/"
        self._retry = retry or Retry()
        self._choose = choose or random.Random()  # noqa: S311 - spreads load, keeps no secret
        # By address and name in the certificate. A connection that is not used any more ends by itself.
        self._clients: dict[tuple[str, str], Client] = {}
        self._meeting = threading.Lock()

    def __enter__(self) -> Fleet:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the connections to etcd and to agents. Networks and operations stay."""
        self._etcd.close()
        with self._meeting:
            for one in self._clients.values():
                one.close()
            self._clients.clear()

    def agents(self) -> list[FleetAgent]:
        """Every agent there is now, by id."""
        return self._read()[1]

    def watch(self) -> Generator[Change, None, None]:
        """Every agent, then every change of one, in order, until the iterator is closed.

        Goes on over members of etcd that are lost. Raises EtcdError while none answers: begin again then.
        """
        revision, agents = self._read()
        for agent in agents:
            yield Change(agent_id=agent.id, agent=agent)
        for item in self._etcd.watch(self._agents, revision):
            agent_id = item.key.removeprefix(self._agents)
            yield Change(agent_id=agent_id, agent=None if item.value is None else _parse(item.value))

    def find(self, network: str = "", labels: Mapping[str, str] | None = None) -> list[FleetAgent]:
        """The agents that have the network, room in it and those labels, the best first."""
        return self._ordered(
            [one for one in self.agents() if fits(one, [network] if network else [], labels)]
        )

    def where(self, vm_id: str) -> str:
        """The id of the agent that has, or is about to have, a VM's network; empty if none has."""
        found = self._etcd.get(self._places + vm_id)
        return "" if found is None or found.value is None else found.value.decode()

    def placements(self) -> dict[str, str]:
        """Every VM and the agent that has its network."""
        _, items = self._etcd.read(self._places)
        return {one.key.removeprefix(self._places): (one.value or b"").decode() for one in items}

    def set_up(
        self,
        vm_id: str,
        spec: NetworkSpec,
        *,
        labels: Mapping[str, str] | None = None,
        on_progress: Callable[[ProgressEvent], None] | None = None,
        kernel_args: str = "",
        operation_timeout: Seconds | None = None,
        timeout: float = 120.0,
    ) -> Placed:
        """Make, or find, the network of a VM at one agent, never at two; says at which.

        An agent that is full or drains is left for the next best, after it was asked to take back what it may
        have begun. One that does not answer is waited for, until it answers or its lease has ended: only then
        is its host lost, and another may do it. Raises NoAgent, and VmplumbError for a refusal that another
        agent would give too.
        """
        wanted = _networks(spec)
        until = time.monotonic() + timeout
        tried: dict[str, str] = {}
        while True:
            agents = {one.id: one for one in self.agents()}
            place = self._etcd.get(self._places + vm_id)
            agent = agents.get(_agent_of(place))
            if agent is None:
                # Nobody has it, or who had it is lost.
                left = self._candidates(agents.values(), wanted, labels, tried)
                if not left:
                    self._forget(place)
                    raise NoAgent(f"no agent has room for {', '.join(wanted) or vm_id}", tried)
                agent = self._ordered(left)[0]
                if self._etcd.swap(self._places + vm_id, place, agent.id.encode()) is not None:
                    continue  # another caller was first
            try:
                result = self._called(
                    agent,
                    until,
                    lambda client, timeout, leash: client.set_up(
                        vm_id,
                        spec,
                        on_progress=on_progress,
                        kernel_args=kernel_args,
                        operation_timeout=operation_timeout,
                        timeout=timeout,
                        leash=leash,
                    ),
                )
                if result is None:
                    tried.pop(agent.id, None)
                elif self._stands(vm_id, agent):
                    return Placed(agent=agent, result=result)
            except VmplumbError as exc:
                if exc.reason in _ELSEWHERE:
                    if self._left(vm_id, agent, failed=True):
                        tried[agent.id] = str(exc)
                    continue
                if exc.reason:
                    # The agent's word counts; that a place may be kept in vain does not hide it.
                    with contextlib.suppress(VmplumbError, EtcdError):
                        self._left(vm_id, agent, failed=False)
                raise

    def tear_down(
        self, vm_id: str, *, wait_for_devices: bool = False, timeout: float = 120.0
    ) -> TeardownResult | None:
        """Remove the network of a VM, wherever it is. None if nobody has it, or who had it is lost.

        An agent that does not answer is waited for as by `set_up`.
        """
        until = time.monotonic() + timeout
        while True:
            place = self._etcd.get(self._places + vm_id)
            agent = next((one for one in self.agents() if one.id == _agent_of(place)), None)
            done = None
            if agent is not None:
                done = self._called(
                    agent,
                    until,
                    lambda client, timeout, leash: client.tear_down(
                        vm_id, wait_for_devices=wait_for_devices, timeout=timeout, leash=leash
                    ),
                )
                if done is None:
                    continue
            self._forget(place)
            return done

    def strays(self, *, timeout: float = 30.0) -> list[Stray]:
        """Networks that stand where they are not placed any more: `Client.tear_down` of that uid removes one.

        `timeout` bounds each page of an agent's list. Raises VmplumbError for an agent that cannot be asked.
        """
        there = []
        for agent in self.agents():
            there += [(agent, one) for one in self._shared(agent).list(timeout=timeout)]
        # Read last: what moved meanwhile to an agent stands where it is placed.
        places = self.placements()
        return [
            Stray(agent=agent, vm_id=one.vm_id, uid=one.uid, placed_at=places[one.vm_id])
            for agent, one in there
            if places.get(one.vm_id, agent.id) != agent.id
        ]

    def client(self, agent: FleetAgent) -> Client:
        """A client of one agent, for everything else; whoever asks for it closes it."""
        tls = self._agent_tls
        if tls is not None and agent.server_name:
            tls = replace(tls, server_name=agent.server_name)
        return Client(agent.address, tls=None if is_unix(agent.address) else tls, retry=self._retry)

    def _shared(self, agent: FleetAgent) -> Client:
        with self._meeting:
            key = agent.address, agent.server_name
            if key not in self._clients:
                self._clients[key] = self.client(agent)
            return self._clients[key]

    def _called(
        self, agent: FleetAgent, until: float, call: Callable[[Client, float, Leash], _Result]
    ) -> _Result | None:
        """What an agent answers before `until`; None if it did not, and the fleet is to be asked again.

        A host that is lost may leave its connections open, silent for ever: its lease is watched beside the call.
        """
        leash, ended = Leash(), threading.Event()
        client = self._shared(agent)
        threading.Thread(
            target=self._cut_once_lost, args=(agent, client, leash, ended), name="fleet-lease", daemon=True
        ).start()
        try:
            return call(client, max(0.001, until - time.monotonic()), leash)
        except VmplumbError as exc:
            if not leash.is_cut:
                if exc.reason or exc.code is not grpc.StatusCode.UNAVAILABLE or time.monotonic() >= until:
                    raise
                time.sleep(min(_POLL_SECONDS, max(0.0, until - time.monotonic())))
            return None
        finally:
            ended.set()

    def _cut_once_lost(self, agent: FleetAgent, client: Client, leash: Leash, ended: threading.Event) -> None:
        """End a call at an agent whose lease has ended, unless it is only etcd that does not hear of it."""
        while not ended.wait(_POLL_SECONDS):
            # What etcd cannot tell is not known; and a fleet that is closed asks nothing any more.
            with contextlib.suppress(EtcdError, ValueError):
                if self._etcd.get(self._agents + agent.id) is None and not _answers(client):
                    leash.cut()
                    return

    def _candidates(
        self,
        agents: Iterable[FleetAgent],
        networks: Sequence[str],
        labels: Mapping[str, str] | None,
        tried: Mapping[str, str],
    ) -> list[FleetAgent]:
        fitting = [one for one in agents if one.id not in tried and fits(one, networks, labels)]
        if fitting or len(tried) >= _ASKED_ANYWAY:
            return fitting
        # What is told is a moment old: of those that seem full, some are asked all the same.
        return [one for one in agents if one.id not in tried and _has(one, networks, labels)]

    def _stands(self, vm_id: str, agent: FleetAgent) -> bool:
        """Whether a network that was just made is where the VM is placed, once another caller had its say."""
        there = self._etcd.get(self._places + vm_id)
        if there is None:
            # Another caller was refused here, and gave the place up before this one's network stood.
            there = self._etcd.swap(self._places + vm_id, None, agent.id.encode())
            if there is None:
                return True
        if _agent_of(there) == agent.id:
            return True
        client = self._shared(agent)
        with contextlib.suppress(VmNotFound):  # who has placed it elsewhere has torn it down here
            found = client.get(vm_id, timeout=_CLEAN_UP_SECONDS)
            client.tear_down(vm_id, uid=found.uid, timeout=_CLEAN_UP_SECONDS)
        return False

    def _left(self, vm_id: str, agent: FleetAgent, *, failed: bool) -> bool:
        """Whether nothing of a VM is at an agent that refused it; its place is given up then.

        With `failed`, a record of a set-up that failed there is torn down first; else it stays, with its place.
        """
        place = self._etcd.get(self._places + vm_id)
        if _agent_of(place) != agent.id:
            return True  # another caller has left it already
        client = self._shared(agent)
        try:
            found = client.get(vm_id, timeout=_CLEAN_UP_SECONDS)
        except VmNotFound:
            pass
        else:
            if not failed or found.phase != Phase.PHASE_FAILED:
                return False  # another caller's call is at work there, or has succeeded
            client.tear_down(vm_id, uid=found.uid, timeout=_CLEAN_UP_SECONDS)
        self._forget(place)
        return True

    def _forget(self, place: Item | None) -> None:
        if place is not None:
            self._etcd.swap(place.key, place, None)

    def _read(self) -> tuple[int, list[FleetAgent]]:
        revision, items = self._etcd.read(self._agents)
        return revision, [_parse(one.value) for one in items if one.value is not None]

    def _ordered(self, agents: list[FleetAgent]) -> list[FleetAgent]:
        """The emptiest first. What they tell is seconds old, so callers at once should not all take one."""
        chance = {one.id: self._choose.random() for one in agents}
        return sorted(agents, key=lambda one: (round(_used(one), 1), chance[one.id]))


def fits(agent: FleetAgent, networks: Sequence[str], labels: Mapping[str, str] | None = None) -> bool:
    """Whether an agent takes new networks, has these labels, and a free address in each of these. Pure."""
    there = {one.name: one for one in agent.networks}
    return (
        _has(agent, networks, labels)
        and agent.networks_live < agent.networks_max
        and all(
            not there[name].HasField("addresses_free") or there[name].addresses_free > 0 for name in networks
        )
    )


def _has(agent: FleetAgent, networks: Sequence[str], labels: Mapping[str, str] | None) -> bool:
    there = {one.name for one in agent.networks}
    return (
        not agent.draining
        and all(agent.labels.get(key) == value for key, value in (labels or {}).items())
        and there.issuperset(networks)
    )


def _used(agent: FleetAgent) -> float:
    """How much of an agent is taken, 0 to 1: what it holds and what it is about to."""
    return (agent.networks_live + agent.operations) / max(1, agent.networks_max)


def _networks(spec: NetworkSpec) -> list[str]:
    names = [
        one.cni_configuration.network_name
        for one in spec.network_interfaces.interfaces
        if one.HasField("cni_configuration") and one.cni_configuration.network_name
    ]
    return list(dict.fromkeys(names))


def _answers(client: Client) -> bool:
    """Whether an agent says anything at all."""
    try:
        client.status(timeout=_PROOF_SECONDS)
    except VmplumbError as exc:
        return bool(exc.reason)
    return True


def _agent_of(place: Item | None) -> str:
    return "" if place is None or place.value is None else place.value.decode()


def _parse(value: bytes) -> FleetAgent:
    # A newer agent may tell more.
    return json_format.Parse(value, FleetAgent(), ignore_unknown_fields=True)
