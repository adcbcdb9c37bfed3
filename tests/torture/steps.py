"""SIGKILL at every step: the real daemon dies after each change it makes, one after the other, and is started again.

The daemon runs behind the seam of `tests/faults`, which it does not know: `stand` is called before its first
line, counts what changes anything outside the process, and kills it after the one that `Control` names. A
kill between two changes is a kill after the first of them, so these are all there are.
"""

from __future__ import annotations

import enum
import mmap
import os
import posix
import signal
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc

from tests.faults.bench import NO_POOL, HostPlace, Pool
from tests.faults.doors import door
from tests.faults.seam import Seam, asker_of_this, standing
from tests.host import Host
from tests.snapshot import snapshot
from tests.system.daemon import refusal, request
from tests.torture.forge import Hook
from tests.torture.rig import PATIENCE, Installed, installed, until
from vmplumb.v1 import network_agent_service_pb2 as pb
from vmplumb.v1 import network_agent_service_pb2_grpc as pb_grpc

VM = "vm-1"
_NUMBERS = struct.Struct("=qq")
_COUNT = slice(8, 16)
_SIZE = 512
# No operation has as many changes.
_END = 1000


class Control:
    """Memory that test and daemon share: after which change to die, how many there were, and the last one's name."""

    def __init__(self, path: Path) -> None:
        self.path = path
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.ftruncate(fd, _SIZE)
        self._memory = mmap.mmap(fd, _SIZE)
        os.close(fd)

    def arm(self, die_after: int) -> None:
        """Count from now on, and die after that many changes; 0 is never."""
        self._memory[_NUMBERS.size :] = bytes(_SIZE - _NUMBERS.size)
        self._memory[: _NUMBERS.size] = _NUMBERS.pack(die_after, 0)

    def passed(self, name: str) -> bool:
        """Another change was made. Whether it is the last."""
        die_after, count = _NUMBERS.unpack(self._memory[: _NUMBERS.size])
        room = _SIZE - _NUMBERS.size
        self._memory[_NUMBERS.size :] = name.encode()[:room].ljust(room, b"\0")
        # The first number is the test's to write.
        self._memory[_COUNT] = struct.pack("=q", count + 1)
        return bool(count + 1 == die_after)

    @property
    def count(self) -> int:
        """Changes since it was armed."""
        return int(_NUMBERS.unpack(self._memory[: _NUMBERS.size])[1])

    @property
    def last(self) -> str:
        """The last change."""
        return bytes(self._memory[_NUMBERS.size :]).rstrip(b"\0").decode()

    def close(self) -> None:
        """Give the memory back."""
        self._memory.close()


class _Killer(Seam):
    def __init__(self, control: Control) -> None:
        super().__init__()
        self.armed = True
        self._control = control
        self._mutex = threading.Lock()
        self._changing = threading.local()

    def ask(self, name: str, place: str | None = None) -> None:
        del place
        if name.startswith("netlink RTM_") and door(name).changes:
            self._changing.sent = True

    def done(self, name: str) -> None:
        changes = door(name).changes and not name.startswith("plugin ")
        if name == "netlink send":
            changes, self._changing.sent = getattr(self._changing, "sent", False), False
        if not changes or (asker := asker_of_this()) is None:
            return
        with self._mutex:
            if self._control.passed(f"{name} [{asker}]"):
                posix.kill(posix.getpid(), signal.SIGKILL)
                signal.pause()


class Namespace(enum.Enum):
    """Where the network's namespace lies: what the caller names."""

    MADE = ""
    ADOPTED = "/run/netns/adopted"
    MADE_ELSEWHERE = "/run/netns/of/mine/vm"
    CLAIMED = " "


_standing: list[AbstractContextManager[Seam]] = []


def stand(path: str) -> None:
    """Called in the daemon's process before its first line."""
    _standing.append(standing(_Killer(Control(Path(path)))))
    _standing[-1].__enter__()


@dataclass(slots=True)
class Walk:
    """What a walk through the steps did: kills by the operation that was killed, and what was broken."""

    kills: dict[str, int] = field(default_factory=dict)
    steps: dict[str, list[str]] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)


class _Broken(Exception):
    pass


class Walker:
    """Walks through one kind of life: a network that is set up and torn down, killed on its way."""

    def __init__(self, agent: Installed, host: Host, *, network: str, namespace: Namespace) -> None:
        self.agent = agent
        self.host = host
        self.network = network
        self.netns = namespace.value.strip()
        self.pooled = namespace is Namespace.CLAIMED
        self.control = Control(agent.directory / "control")
        self.walk = Walk()
        self.place = HostPlace()
        if namespace is Namespace.ADOPTED:
            self.place.adopt(self.netns)
        self.before = self._seen(NO_POOL)

    def start(self, *, serving: bool = True) -> None:
        """Start the daemon behind the seam."""
        self.agent.start(
            serving=serving, hook=Hook(function="tests.torture.steps:stand", argument=str(self.control.path))
        )
        if serving:
            # It answers, so all of its start is over, and is not counted with what comes.
            until(self._nothing_is_due, "nothing is due")

    def through(self, *, every: int = 1) -> None:
        """Kill at every `every`th step of set-up, of teardown and release, and of the start after a kill."""
        set_ups: Iterator[int] = iter(range(1, _END, every))
        teardowns: Iterator[int] = iter(range(1, _END, every))
        up, down = next(set_ups, 0), next(teardowns, 0)
        while (up or down) and not self.walk.broken:
            with self._noting(f"set-up killed after {up}, teardown after {down}"):
                self._anew()
                up = next(set_ups, 0) if self._killed("set-up", up, self._set_up) else 0
                self._healthy()
                down = next(teardowns, 0) if self._killed("teardown", down, self._tear_down) else 0
                self._as_before()
        if not self.walk.broken:
            self._through_recovery(every)

    def _anew(self) -> None:
        """A daemon that has done nothing yet: so the n-th change is the same one in every life."""
        if self.agent.pid:
            self.agent.kill()
        self.control.arm(0)
        self.start()

    def _through_recovery(self, every: int) -> None:
        """The set-up dies before its commit, and the start after it dies at each of its steps."""
        steps = dict(zip(range(1, _END, every), self.walk.steps["set-up"], strict=False))
        cached = [number for number, name in steps.items() if "cni.cache:" in name]
        # The cache is written last before the commit; where only some steps were taken, one before any commit.
        last = max(cached or [number for number, name in steps.items() if "journal INSERT" not in name])
        for number in range(1, _END, every):
            with self._noting(f"recovery killed after {number}"):
                self._anew()
                if not self._killed(
                    "set-up", last, lambda: self._set_up(once=True), counted=False, restart=False
                ):
                    raise _Broken(f"the set-up came to its end before change {last}")
                self.control.arm(number)
                self.start(serving=False)
                until(lambda: not self.agent.runs() or self._nothing_is_due(), "it is killed, or is ready")
                if self.agent.runs():
                    self.control.arm(0)
                    self._tear_down()
                    return
                self._note("recovery", number)
                self.control.arm(0)
                self.start()
                self._set_up()
                self._healthy()
                self._tear_down()
                self._as_before()
            if self.walk.broken:
                return

    def _killed(
        self,
        what: str,
        die_after: int,
        act: Callable[[], None],
        *,
        counted: bool = True,
        restart: bool = True,
    ) -> bool:
        """Do it, with a kill on the way and a repeated call; False if it came to its end before the kill."""
        if not die_after:
            act()
            return False
        self.control.arm(die_after)
        with suppress(_Interrupted):
            act()
        if self.agent.runs():
            # What is still due comes after the answer, and is a step as well.
            until(lambda: not self.agent.runs() or self._nothing_is_due(), "it is killed, or nothing is due")
        if self.agent.runs():
            self.control.arm(0)
            return False
        self.agent.forge.wait(self.agent.pid)
        if counted:
            self._note(what, die_after)
        self.control.arm(0)
        if restart:
            self.start()
            act()
        return True

    def _note(self, what: str, number: int) -> None:
        self.agent.forge.wait(self.agent.pid)
        if self.control.count != number:
            raise _Broken(
                f"the agent died after {self.control.count} changes, not {number}: {self.agent.said()[-3:]}"
            )
        self.walk.kills[what] = self.walk.kills.get(what, 0) + 1
        self.walk.steps.setdefault(what, []).append(self.control.last)

    def _set_up(self, *, once: bool = False) -> None:
        def call(stub: pb_grpc.NetworkAgentServiceStub) -> Any:
            return list(
                stub.SetupNetwork(request(VM, self.network, netns_path=self.netns), timeout=PATIENCE)
            )[-1]

        last = self._called(call, once=once)
        if last.WhichOneof("event") != "result":
            raise _Broken(f"the set-up ended without a result: {last}")

    def _tear_down(self) -> None:
        def call(stub: pb_grpc.NetworkAgentServiceStub) -> Any:
            return list(stub.TeardownNetwork(pb.TeardownNetworkRequest(vm_id=VM), timeout=PATIENCE))[-1]

        self._called(call, once=False)

    def _called(self, call: Callable[[pb_grpc.NetworkAgentServiceStub], Any], *, once: bool) -> Any:
        """The answer; repeated where an error says that it may be. Raises _Interrupted when the agent died."""
        end = time.monotonic() + PATIENCE
        while True:
            try:
                with self.agent.stub() as stub:
                    return call(stub)
            except grpc.RpcError as exc:
                error: Any = exc  # a Call as well, which grpc's stubs do not say
                trailers = {key for key, _ in error.trailing_metadata() or ()}
                if "grpc-status-details-bin" not in trailers:
                    if self._has_died(seconds=1.0):
                        raise _Interrupted from exc
                    # The connection was not made in time, or broke under a call that may be repeated.
                    if time.monotonic() > end:
                        raise _Broken(
                            f"the agent lives and answers {error.code()}: {error.details()}"
                        ) from exc
                    continue
                told = refusal(exc)
                if once or not told.failure.retryable or told.reason not in {"OPERATION_PENDING"}:
                    raise _Broken(f"refused with {told}") from exc

    def _has_died(self, *, seconds: float) -> bool:
        with suppress(AssertionError):
            until(lambda: not self.agent.runs(), "it has died", seconds=seconds)
        return not self.agent.runs()

    def _healthy(self) -> None:
        with self.agent.stub() as stub:
            answer = stub.CheckNetwork(pb.CheckNetworkRequest(vm_id=VM), timeout=PATIENCE)
        if answer.findings:
            raise _Broken(f"the check finds {answer.findings}")

    def _nothing_is_due(self) -> bool:
        if not self.agent.listens():
            return False
        with suppress(grpc.RpcError), self.agent.stub() as stub:
            status = stub.GetStatus(pb.GetStatusRequest(), timeout=10)
            filled = all(one.depth == one.size for one in status.pools)
            return bool(status.figures.pending_releases == 0 and filled)
        return False

    def _as_before(self) -> None:
        until(self._nothing_is_due, "nothing is due")
        with suppress(AssertionError):
            # Nobody waits for the devices of a pool's member that was never anybody's.
            until(lambda: self._seen(self.agent.pool()) == self.before, "the host is as before")
        now = self._seen(self.agent.pool())
        left = {key: now[key] for key, was in self.before.items() if now[key] != was}
        if left:
            raise _Broken(f"left: {left}")
        rows = self.agent.rows()
        if rows["networks"] or rows["releases"] or rows["members"] != int(self.pooled):
            raise _Broken(f"left in the journal: {self.agent.rows()}")

    def _seen(self, pool: Pool) -> dict[str, Any]:
        """What a look from this process sees; cheaper than `snapshot`, which comes once in the end."""
        state = self.host.cni_state
        files = {
            str(path.relative_to(state)): path.read_text("utf-8") if path.is_file() else ""
            for path in sorted(state.rglob("*"))
            if path.name != "lock" and not path.name.startswith("last_reserved_ip.")
        }
        for network in ("", f"/{self.network}"):
            files.pop(f"networks{network}", None)
        return {**self.place.seen(pool), "files": files}

    @contextmanager
    def _noting(self, where: str) -> Iterator[None]:
        try:
            yield
        except (_Broken, _Interrupted, AssertionError, grpc.RpcError) as exc:
            self.walk.broken.append(f"{where}, last {self.control.last}: {exc!r}")


class _Interrupted(Exception):
    """The agent died under the call."""


def walk(
    host: Host, *, network: str = "fcnet", namespace: Namespace = Namespace.MADE, every: int = 1
) -> Walk:
    """A walk in this host. Blocks. Leaves nothing if the agent keeps its promises."""
    settings = {"kernel.ahead": "false"}
    if namespace is Namespace.CLAIMED:
        settings |= {"pool.sizes": f"{network}=1", "pool.refill_rate": "1000"}
    with installed(host, settings) as agent:
        before = snapshot()
        walker = Walker(agent, host, network=network, namespace=namespace)
        walker.through(every=every)
        told = walker.walk
        told.broken += agent.misdeeds()
        if agent.runs() and namespace is Namespace.CLAIMED:
            agent.discard_pools()
            with suppress(AssertionError):
                until(lambda: snapshot() == before, "the devices of members are gone")
        if agent.runs() and (status := agent.stop()) != 0:
            told.broken.append(f"the agent ended with {status}")
        walker.place.leave()
        walker.control.close()
        after = snapshot()
        told.broken += [f"left in {key}" for key, was in before.items() if after[key] != was]
    return told
