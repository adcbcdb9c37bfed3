"""Kill runs: the real daemon is SIGKILLed at random instants under load, restarted, and called again.

    python -m tools.torture --kills 1000 --seed 1
    python -m tools.torture --every-step

Callers each live VMs from set-up to teardown and repeat a call that a kill interrupted, as an orchestrator
does. Every answer is judged: a network that is told of must be there, with an address that no other VM
has; what is no network must be a clean error. In the end everything is torn down and the host must be as
it was before: links, routes, namespaces, files, an empty journal.

With --every-step there is one caller, and the daemon is killed after each change that it makes, in turn: in
set-up, in teardown and release, and in the start after a kill; with a namespace made and one adopted, all
built in and with an executed plugin.

The seed fixes what callers do and when the daemon is killed; how threads interleave is the machine's.
Exit status 0: kept, 1: something was broken, and what is printed, 2: this machine cannot run it.
"""

from __future__ import annotations

import argparse
import collections
import functools
import itertools
import json
import random
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, fields
from typing import Any

import grpc

from tests import host as hosts
from tests.snapshot import differences, namespace_snapshot, snapshot
from tests.system.daemon import refusal, request
from tests.torture.rig import Installed, calling, installed, until
from tests.torture.steps import Namespace, walk
from vmplumb.v1 import network_agent_service_pb2 as pb
from vmplumb.v1 import network_agent_service_pb2_grpc as pb_grpc

# A repeated call must be answered within this time, kills and restarts included. Seconds.
PATIENCE = 60.0
# The part of the kills that hit a start: imports are done, so it is recovery that is hit.
STARTS = 0.25
LONGEST_LIFE = 0.5
LONGEST_START = 0.06
# Warm pools are filled while nobody asks: all callers hold their breath at once, this long in each period. Seconds.
PERIOD = 0.25
BREATH = 0.06
POOL = {"pool.sizes": "fcnet=8", "pool.refill_rate": "1000"}
# What a caller may hear that is no fault of the agent; it then tears down and goes on.
CLEAN = frozenset({"OPERATION_PENDING", "AGENT_NOT_READY", "INTERNAL", "TORN_DOWN", "SPEC_CONFLICT"})
SHARED = ("shared-0", "shared-1")


@dataclass(slots=True)
class Tally:
    """What a run did, and what was wrong."""

    seed: int = 0
    callers: int = 0
    kills: int = 0
    kills_in_start: int = 0
    set_ups: int = 0
    claims: int = 0
    teardowns: int = 0
    checks: int = 0
    interrupted: int = 0
    errors: collections.Counter[str] = field(default_factory=collections.Counter)
    adopted: int = 0
    undone: int = 0
    released: int = 0
    waiting: int = 0
    seconds: float = 0.0
    broken: list[str] = field(default_factory=list)


class Broken(Exception):
    """A promise was not kept."""


class Addresses:
    """Who has which address, as callers were told."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._held: dict[str, str] = {}

    def take(self, address: str, vm_id: str) -> None:
        with self._mutex:
            holder = self._held.setdefault(address, vm_id)
        if holder != vm_id:
            raise Broken(f"{vm_id} was given {address}, which {holder} has")

    def give(self, vm_id: str) -> None:
        with self._mutex:
            self._held = {address: holder for address, holder in self._held.items() if holder != vm_id}


class Caller:
    """One orchestrator: sets up, looks, tears down, again and again, until it is told to end."""

    def __init__(
        self, number: int, seed: int, host: hosts.Host, agent: Installed, addresses: Addresses
    ) -> None:
        self.number = number
        self.dice = random.Random(f"{seed}/{number}")
        self.host = host
        self.agent = agent
        self.addresses = addresses
        self.tally = Tally()
        self.end = threading.Event()
        self.adopted = f"/run/netns/adopted-{number}"

    def run(self) -> None:
        """Until the end, or until something is broken."""
        with self.agent.stub() as stub:
            life = 0
            while not self.end.is_set() and not self.tally.broken:
                life += 1
                self._breathe()
                try:
                    self._live(stub, f"vm-{self.number}-{life % 3}")
                except Broken as exc:
                    self.tally.broken.append(f"caller {self.number}, life {life}: {exc}")

    def _breathe(self) -> None:
        left = BREATH - time.monotonic() % PERIOD
        if left > 0:
            self.end.wait(left)

    def _live(self, stub: pb_grpc.NetworkAgentServiceStub, vm_id: str) -> None:
        kind = self.dice.random()
        if kind < 0.1:
            self._share(stub, self.dice.choice(SHARED))
            return
        network = "mixed" if kind < 0.2 else "fcnet"
        netns = self.adopted if kind > 0.85 else ""
        if self.dice.random() < 0.1:
            self._abandon(stub, vm_id, network, netns)
        else:
            result = self._set_up(stub, vm_id, network, netns)
            if result is not None:
                self._judge(vm_id, network, result)
                if self.dice.random() < 0.3:
                    self._check(stub, vm_id)
        self.addresses.give(vm_id)
        self._tear_down(stub, vm_id, wait=self.dice.random() < 0.5)

    def _set_up(
        self, stub: pb_grpc.NetworkAgentServiceStub, vm_id: str, network: str, netns: str
    ) -> Any | None:  # noqa: ANN401 - a result, by its message
        for _ in self._repeated(f"set-up of {vm_id}"):
            try:
                asked = request(vm_id, network, netns_path=netns)
                last = list(stub.SetupNetwork(asked, timeout=PATIENCE, wait_for_ready=True))[-1]
            except grpc.RpcError as exc:
                if self._interrupted(exc):
                    continue
                return None
            if last.WhichOneof("event") != "result":
                raise Broken(f"set-up of {vm_id} ended without a result: {last}")
            self.tally.set_ups += 1
            return last.result
        return None

    def _abandon(self, stub: pb_grpc.NetworkAgentServiceStub, vm_id: str, network: str, netns: str) -> None:
        """Ask, and go away after a moment: the operation goes on, or died with the agent."""
        call = stub.SetupNetwork(
            request(vm_id, network, netns_path=netns), timeout=PATIENCE, wait_for_ready=True
        )
        self.end.wait(self.dice.random() * 0.01)
        call.cancel()  # type: ignore[no-untyped-call]  # grpc's stubs leave it so

    def _share(self, stub: pb_grpc.NetworkAgentServiceStub, vm_id: str) -> None:
        """A VM that several callers take for theirs: each hears a result or a clean error."""
        self._set_up(stub, vm_id, "fcnet", "")
        self._tear_down(stub, vm_id, wait=False)

    def _check(self, stub: pb_grpc.NetworkAgentServiceStub, vm_id: str) -> None:
        try:
            answer = stub.CheckNetwork(
                pb.CheckNetworkRequest(vm_id=vm_id), timeout=PATIENCE, wait_for_ready=True
            )
        except grpc.RpcError as exc:
            self._interrupted(exc)
            return
        self.tally.checks += 1
        if answer.findings:
            raise Broken(f"check of {vm_id} finds {answer.findings}")

    def _tear_down(self, stub: pb_grpc.NetworkAgentServiceStub, vm_id: str, *, wait: bool) -> None:
        for _ in self._repeated(f"teardown of {vm_id}"):
            order = pb.TeardownNetworkRequest(vm_id=vm_id, wait_for_devices=wait)
            try:
                events = list(stub.TeardownNetwork(order, timeout=PATIENCE, wait_for_ready=True))
            except grpc.RpcError as exc:
                if self._interrupted(exc):
                    continue
                raise Broken(f"teardown of {vm_id} was refused: {refusal(exc)}") from exc
            if events[-1].WhichOneof("event") != "result":
                raise Broken(f"teardown of {vm_id} ended without a result: {events[-1]}")
            self.tally.teardowns += 1
            return

    def _repeated(self, what: str) -> Iterator[int]:
        """Numbers of tries, with a breath between them. Raises Broken when patience ends."""
        end = time.monotonic() + PATIENCE
        number = 0
        while time.monotonic() < end:
            yield number
            number += 1
            self.end.wait(0) or threading.Event().wait(0.005)
        raise Broken(f"{what} was not answered in {PATIENCE} s, {number} tries")

    def _interrupted(self, error: grpc.RpcError) -> bool:
        """Whether the call is to be repeated. Raises Broken for an error that is not clean."""
        exc: Any = error  # a Call as well, which grpc's stubs do not say
        trailers = {key for key, _ in exc.trailing_metadata() or ()}
        if "grpc-status-details-bin" not in trailers:
            # Not the agent's words but gRPC's: the connection broke.
            if exc.code() not in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}:
                raise Broken(f"{exc.code()}: {exc.details()}") from exc
            self.tally.interrupted += 1
            return True
        told = refusal(error)
        self.tally.errors[told.reason] += 1
        if told.reason not in CLEAN:
            raise Broken(f"refused with {told}") from exc
        return told.failure.retryable

    def _judge(self, vm_id: str, network: str, result: Any) -> None:  # noqa: ANN401 - a result
        """What was told must be true."""
        address = result.interfaces[0].static_configuration.ip_configuration.ip_addr.split("/")[0]
        self.addresses.take(f"{network} {address}", vm_id)
        held = self.host.cni_state / "networks" / network / address
        try:
            owner = held.read_text().split()[0]
        except FileNotFoundError:
            raise Broken(f"{vm_id} was given {address}, which is not reserved") from None
        if owner != vm_id:
            raise Broken(f"{vm_id} was given {address}, which is reserved for {owner}")
        if not self.host.netns_dir.joinpath(result.netns_path.rsplit("/", 1)[1]).exists():
            raise Broken(f"{vm_id} was given {result.netns_path}, which is not there")


def torture(host: hosts.Host, *, kills: int, seed: int, callers: int, chatty: bool = False) -> Tally:
    """A run in this host. Blocks. Leaves nothing if the agent keeps its promises."""
    began = time.monotonic()
    dice = random.Random(f"{seed}/killer")
    total = Tally(seed=seed, callers=callers)
    addresses = Addresses()
    with installed(host, POOL) as agent:
        crowd = [Caller(number, seed, host, agent, addresses) for number in range(callers)]
        for one in crowd:
            host.run(["ip", "netns", "add", one.adopted.rsplit("/", 1)[1]])
        before = snapshot()
        inside = {one.adopted: namespace_snapshot(one.adopted) for one in crowd}
        with calling(crowd, total.broken, seconds=2 * PATIENCE):
            for number in range(kills):
                _kill_once(agent, dice, total)
                if chatty and number % 50 == 49:
                    print(
                        f"{number + 1} kills, {sum(one.tally.set_ups for one in crowd)} set-ups",
                        file=sys.stderr,
                    )
                if any(one.tally.broken for one in crowd):
                    break
            agent.start()
        _add_up(total, crowd, agent)
        _judge_the_end(agent, before, inside, total)
        for one in crowd:
            host.run(["ip", "netns", "del", one.adopted.rsplit("/", 1)[1]])
    total.seconds = round(time.monotonic() - began, 1)
    return total


def _kill_once(agent: Installed, dice: random.Random, total: Tally) -> None:
    in_start = dice.random() < STARTS
    moment = dice.random()
    agent.start(serving=not in_start)
    threading.Event().wait(moment * (LONGEST_START if in_start else LONGEST_LIFE))
    if not in_start:
        total.claims += _claims(agent)
    if agent.forge.poll(agent.pid) is not None:
        total.broken.append(f"the agent ended by itself: {agent.said()[-5:]}")
    total.kills_in_start += not agent.listens()
    agent.kill()
    total.kills += 1


def _claims(agent: Installed) -> int:
    """How many set-ups this daemon has served from its pool."""
    with suppress(grpc.RpcError), agent.stub() as stub:
        return sum(one.hits for one in stub.GetStatus(pb.GetStatusRequest(), timeout=PATIENCE).pools)
    return 0


def _add_up(total: Tally, crowd: list[Caller], agent: Installed) -> None:
    for one in crowd:
        mine = one.tally
        total.set_ups += mine.set_ups
        total.teardowns += mine.teardowns
        total.checks += mine.checks
        total.interrupted += mine.interrupted
        total.errors += mine.errors
        total.broken += mine.broken
    for line in agent.said("reconciled"):
        total.adopted += line["adopted"]
        total.undone += line["undone"]
        total.released += line["released"]
        total.waiting += line["waiting"]
    total.broken += agent.misdeeds()


def _judge_the_end(agent: Installed, before: dict[str, Any], inside: dict[str, Any], total: Tally) -> None:
    with _noted(total):
        agent.tear_all_down()
    with _noted(total):
        agent.discard_pools()
    with _noted(total):
        until(lambda: snapshot() == before, "the host is as before")
    after = snapshot()
    for key, was in before.items():
        if after[key] != was:
            total.broken.append(f"left in {key}: {differences(was, after[key])}"[:2000])
    for path, was in inside.items():
        if namespace_snapshot(path) != was:
            total.broken.append(f"left in {path}: {differences(was, namespace_snapshot(path))}"[:2000])
    if any(agent.rows().values()):
        total.broken.append(f"left in the journal: {agent.rows()}")
    if (status := agent.stop()) != 0:
        total.broken.append(f"the agent ended with {status}")


@contextmanager
def _noted(total: Tally) -> Iterator[None]:
    try:
        yield
    except (AssertionError, grpc.RpcError) as exc:
        total.broken.append(str(exc))


def every_step() -> int:
    """Walk through every step of every kind of life, and print what was killed where."""
    broken = 0
    for network, namespace in itertools.product(("fcnet", "mixed"), Namespace):
        if (network, namespace) == ("mixed", Namespace.CLAIMED):
            continue  # a pool is made for chains that are all built in
        began = time.monotonic()
        done = hosts.in_host_with(functools.partial(walk, network=network, namespace=namespace))
        broken += len(done.broken)
        print(
            json.dumps(
                {
                    "network": network,
                    "namespace": namespace.name,
                    "kills": done.kills,
                    "seconds": round(time.monotonic() - began, 1),
                    "broken": done.broken,
                }
            ),
            flush=True,
        )
        for what, names in done.steps.items():
            for number, name in enumerate(names, 1):
                print(f"  {what:10} {number:3} {name}")
    return 1 if broken else 0


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=None, help="by default one is thrown, and printed")
    parser.add_argument("--callers", type=int, default=16)
    parser.add_argument("--every-step", action="store_true", help="kill after each change, in turn")
    given = parser.parse_args()
    seed = random.SystemRandom().randrange(1 << 32) if given.seed is None else given.seed
    refused = hosts.become_root() or hosts.refusal()
    if refused:
        print(f"torture: this machine cannot run it: {refused}", file=sys.stderr)
        return 2
    if given.every_step:
        return every_step()
    with hosts.private_host() as host:
        total = torture(host, kills=given.kills, seed=seed, callers=given.callers, chatty=True)
    print(json.dumps({one.name: getattr(total, one.name) for one in fields(total)}, indent=2))
    return 1 if total.broken else 0


if __name__ == "__main__":
    sys.exit(main())
