"""Callers that run into each other, and callers that do not read what they asked for."""

from __future__ import annotations

import collections
import contextlib
import functools
import random
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.host import Host
from tests.snapshot import snapshot
from tests.system.daemon import REDIRECT, Daemon, eventually, ptp, refusal, request, reservations
from tests.torture.rig import PASS_ON
from vmplumb.v1 import network_agent_service_pb2 as pb
from vmplumb.v1 import network_agent_service_pb2_grpc as pb_grpc
from vmplumb.v1 import vm_network_pb2

pytestmark = pytest.mark.host

CALLERS = 100
SEED = 11


@pytest.fixture(autouse=True)
def world_as_before(daemon: Daemon) -> Iterator[None]:
    """Every race leaves nothing behind, whoever won."""
    daemon.plugin("pass-on", PASS_ON.partition("\n")[2])
    elsewhere = {**ptp()["ipam"], "subnet": "10.204.0.0/16"}
    daemon.network("mixed", ptp(ipam=elsewhere), REDIRECT, {"type": "pass-on"})
    before = snapshot()
    yield
    for one in daemon.networks():
        daemon.tear_down(one.vm_id)
    daemon.quiet()
    eventually(lambda: snapshot() == before, "the world is as it was")
    assert [line for line in daemon.lines if line["event"] == "operation.fault"] == []


def outcome(act: Callable[[], list[pb.SetupNetworkResponse]]) -> tuple[str, str]:
    """How a set-up ended: ("result", its uid), or the reason it was refused with, and no uid."""
    try:
        last = act()[-1]
    except grpc.RpcError as exc:
        return refusal(exc).reason, ""
    return last.WhichOneof("event") or "", last.uid


@pytest.mark.parametrize("network", ["fcnet", "mixed"])
def test_a_hundred_callers_with_one_id_and_one_spec_share_one_network(
    daemon: Daemon, module_host: Host, network: str
) -> None:
    with ThreadPoolExecutor(CALLERS) as callers:
        ended = list(callers.map(lambda _: outcome(lambda: daemon.set_up("one", network)), range(CALLERS)))
    assert len(set(ended)) == 1
    assert ended[0] == ("result", daemon.get("one").uid)
    assert list(reservations(module_host, network).values()) == ["one"]


def test_a_hundred_callers_with_one_id_and_different_specs_have_one_winner(
    daemon: Daemon, module_host: Host
) -> None:
    def ask(number: int) -> tuple[str, str]:
        network = "mixed" if number % 2 else "fcnet"
        return outcome(lambda: daemon.set_up("one", network, if_name=f"eth{number % 50}"))

    with ThreadPoolExecutor(CALLERS) as callers:
        ended = collections.Counter(callers.map(ask, range(CALLERS)))
    # Each spec was asked for twice, so the winner may have a companion.
    assert set(ended) == {("result", daemon.get("one").uid), ("SPEC_CONFLICT", "")}
    assert ended["result", daemon.get("one").uid] <= 2
    held = [*reservations(module_host).values(), *reservations(module_host, "mixed").values()]
    assert held == ["one"]


@pytest.mark.parametrize(("network", "longest"), [("fcnet", 0.012), ("mixed", 0.08)])
def test_a_teardown_may_come_at_any_moment_of_a_set_up(
    daemon: Daemon, module_host: Host, network: str, longest: float
) -> None:
    seen = collections.Counter[str]()
    rounds = 24
    with ThreadPoolExecutor(1) as caller:
        for number in range(rounds):
            ending = caller.submit(outcome, lambda: daemon.set_up("raced", network))
            if number < rounds - 1:
                threading.Event().wait(longest * number / rounds)
            else:
                ending.result(30)  # and the last one comes after it
            torn = daemon.tear_down("raced")
            how, uid = ending.result(30)
            seen[how] += 1
            # Torn down before it began, it is there now, and whole; torn down before its first effect, it is not.
            if not torn.existed and how == "result":
                assert daemon.get("raced").uid == uid
                daemon.tear_down("raced")
            assert daemon.networks() == []
            assert reservations(module_host, network) == {}
            assert not (module_host.netns_dir / "raced").exists()
    # A set-up that is asked for while a teardown runs is refused; all else was ended, or finished first.
    assert set(seen) <= {"result", "TORN_DOWN", "OPERATION_PENDING"}, seen
    assert seen["result"] > 0


# A plugin that hangs at the first call of COMMAND.
HANGS_ONCE = """
case "$CNI_COMMAND" in
VERSION) echo '{"cniVersion":"1.0.0","supportedVersions":["1.0.0"]}'; exit;;
COMMAND) if [ ! -e $DIR/hung ]; then : >$DIR/hung; exec sleep 600; fi;;
esac
if [ $CNI_COMMAND = ADD ]; then sed -e 's/.*"prevResult": *//' -e 's/}$//'; else cat >/dev/null; fi
"""


@pytest.mark.parametrize("command", ["DEL", "ADD"])
def test_a_teardown_ends_a_set_up_whose_plugin_hangs(daemon: Daemon, command: str) -> None:
    hung = daemon.directory / "hung"
    hung.unlink(missing_ok=True)
    daemon.plugin("hangs-once", HANGS_ONCE.replace("COMMAND)", f"{command})"))
    elsewhere = {**ptp()["ipam"], "subnet": "10.206.0.0/16"}
    daemon.network("hanging", ptp(ipam=elsewhere), REDIRECT, {"type": "hangs-once"})
    with ThreadPoolExecutor(1) as caller:
        ending = caller.submit(outcome, lambda: daemon.set_up("hung", "hanging"))
        eventually(hung.exists, "the plugin hangs")
        assert daemon.tear_down("hung", timeout=40).existed
        assert ending.result(60) == ("TORN_DOWN", "")
    assert daemon.result("hung", "hanging").ip_boot_param


def test_a_collection_may_come_at_any_moment_of_both(daemon: Daemon) -> None:
    kept = {f"kept-{number}": daemon.set_up(f"kept-{number}")[-1].uid for number in range(4)}
    end = threading.Event()
    faults: list[str] = []
    seen = collections.Counter[str]()

    def live(number: int) -> None:
        dice = random.Random(f"{SEED}/{number}")
        while not end.is_set():
            act = functools.partial(daemon.set_up, f"gone-{number}", dice.choice(["fcnet", "mixed"]))
            seen[outcome(act)[0]] += 1
            if dice.random() < 0.5:
                with contextlib.suppress(grpc.RpcError):
                    daemon.tear_down(f"gone-{number}", wait=False)

    def collect() -> int:
        order = pb.CollectGarbageRequest(
            valid_vm_ids=list(kept),
            as_of_revision=daemon.stub.ListNetworks(pb.ListNetworksRequest(page_size=1), timeout=60).revision,
        )
        answer = daemon.stub.CollectGarbage(order, timeout=30)
        faults.extend(str(one) for one in answer.collected if one.HasField("failure"))
        return len([one for one in answer.collected if one.vm_id.startswith("kept")])

    threads = [threading.Thread(target=live, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    try:
        taken = sum(collect() for _ in range(25))
    finally:
        end.set()
        for thread in threads:
            thread.join(60)
    assert (taken, faults) == (0, [])
    assert {vm_id: daemon.get(vm_id).uid for vm_id in kept} == kept
    assert set(seen) <= {"result", "TORN_DOWN", "OPERATION_PENDING", "SPEC_CONFLICT"}, seen
    assert seen["result"] > 0


class Tap:
    """A socket before the agent's that passes on what callers say, and what they hear as slowly as asked."""

    def __init__(self, agent: Path, directory: Path, *, every: float | None) -> None:
        """One byte `every` seconds; None for none at all."""
        self.path = directory / "slow.sock"
        self._agent = agent
        self._every = every
        self._end = threading.Event()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.path))
        self._listener.listen()
        self._open: list[socket.socket] = [self._listener]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._end.set()
        for one in self._open:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                caller, _ = self._listener.accept()
                agent = socket.socket(socket.AF_UNIX)
                agent.connect(str(self._agent))
                self._open += [caller, agent]
                threading.Thread(target=self._say, args=(caller, agent), daemon=True).start()
                threading.Thread(target=self._hear, args=(agent, caller), daemon=True).start()

    def _say(self, caller: socket.socket, agent: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while said := caller.recv(65536):
                agent.sendall(said)

    def _hear(self, agent: socket.socket, caller: socket.socket) -> None:
        with contextlib.suppress(OSError):
            # The first answers make the connection; without them nobody would ask anything.
            caller.sendall(agent.recv(64))
            while not self._end.wait(self._every):
                caller.sendall(agent.recv(1))


@pytest.mark.parametrize("every", [None, 1.0], ids=["never reads", "reads a byte a second"])
def test_a_caller_that_does_not_read_keeps_nobody_waiting(daemon: Daemon, every: float | None) -> None:
    assert daemon.status().ready

    def connections() -> int:
        rows = Path("/proc/net/unix").read_text().splitlines()
        return len([row for row in rows if row.endswith(str(daemon.socket)) and row.split()[5] == "03"])

    held = connections()
    with tempfile.TemporaryDirectory() as name:
        slow = Tap(daemon.socket, Path(name), every=every)
        options = (("grpc.use_local_subchannel_pool", 1),)
        with grpc.insecure_channel(f"unix:{slow.path}", options=options) as channel:
            stub = pb_grpc.NetworkAgentServiceStub(channel)
            watches = [stub.WatchNetworks(pb.WatchNetworksRequest(), timeout=60) for _ in range(4)]
            asked = stub.SetupNetwork(request("unread", "mixed"), timeout=60)
            eventually(
                lambda: (
                    [one.phase for one in daemon.networks() if one.vm_id == "unread"]
                    == [vm_network_pb2.PHASE_READY]
                ),
                "it is set up for a caller that does not hear of it",
            )
            # More news than the connection holds: a change with a long list of arguments is some 60 kB.
            long = [{"key": "K", "value": "V" * 60_000}, {"key": "IgnoreUnknown", "value": "1"}]
            for number in range(30):
                assert daemon.result(f"news-{number}", args=long).ip_boot_param
                assert daemon.tear_down(f"news-{number}", wait=False).existed
            assert daemon.tear_down("unread").existed
            calls: list[Any] = [*watches, asked]
            for call in calls:
                call.cancel()
        slow.close()
    daemon.quiet()
    eventually(lambda: connections() == held, "the connection is given back")


def test_callers_that_cancel_at_once_leave_whole_networks_or_none(daemon: Daemon, module_host: Host) -> None:
    dice = random.Random(SEED)
    for number in range(40):
        call = daemon.stub.SetupNetwork(request(f"cut-{number}"), timeout=30)
        threading.Event().wait(dice.random() * 0.003)
        call.cancel()  # type: ignore[no-untyped-call]  # grpc's stubs leave it so

    def idle() -> bool:
        figures = daemon.status().figures
        return figures.operations_running == figures.operations_queued == 0

    # What was asked on this connection before the status has begun by then.
    eventually(idle, "what was begun has ended")
    assert {one.phase for one in daemon.networks()} <= {vm_network_pb2.PHASE_READY}
    there = {one.vm_id for one in daemon.networks()}
    assert set(reservations(module_host).values()) == there
    for number in range(40):
        assert daemon.tear_down(f"cut-{number}", wait=False).existed == (f"cut-{number}" in there)
