"""A fleet, for people: three agents in three hosts, thirty VMs, one host lost, one drained, nothing left.

Everything runs in a host of its own (tests/host.py), and in that three more, joined by a bridge: each with a
vmplumbd that is called over mutual TLS and tells of itself in an etcd. tools/fleet/orchestrator.py places the VMs and
does what is to be done; it is told of nothing but by etcd. This program only kills, cordons, looks and compares.
Exit 0: everything was as promised. Exit 1: something was not. Exit 2: this machine cannot run it.
"""

from __future__ import annotations

import argparse
import collections
import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, TypeVar

from tests import host as hosts
from tests.security.authority import Authority
from tests.snapshot import snapshot
from tools.demo.__main__ import Failed, say, show
from tools.fleet import member, rig
from vmplumb import Client, Tls, VmplumbError
from vmplumb.fleet import EtcdError, Fleet
from vmplumb.v1.vm_network_pb2 import Phase

VMS = 30
BRIDGE = "fleet0"
OUTER = "10.77.0.1"
HOSTS: Mapping[str, str] = {f"host-{name}": f"10.77.0.{11 + number}" for number, name in enumerate("abc")}
ETCD_PORT = 2379
ORCHESTRATOR = "spiffe://fleet.example/orchestrator"
POLICY = f"""
[[rule]]
name = "orchestrators"
who = ["{ORCHESTRATOR}"]
rpcs = ["*"]
networks = ["{member.NETWORK}"]

[[rule]]
name = "operators"
who = ["dns:ops.fleet.example"]
rpcs = ["*"]
administrator = true
networks = ["*"]
"""
T = TypeVar("T")

# A bound for a machine that is very busy; a quiet one needs a fraction.
PATIENCE = 240.0


@dataclass(slots=True)
class Process:
    """One of ours, and the lines that it says."""

    name: str
    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        assert self.process.stdout is not None
        threading.Thread(target=self._read, args=(self.process.stdout,), daemon=True).start()

    def _read(self, stream: IO[str]) -> None:
        for line in stream:
            self.lines.append(line.rstrip())

    def tell(self, word: str) -> None:
        """A line for its stdin."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()

    def said(self, event: str) -> dict[str, Any]:
        """The line of JSON with that event, waited for. Raises Failed."""

        def found() -> dict[str, Any] | None:
            told: list[dict[str, Any]] = [json.loads(one) for one in self.lines if one.startswith("{")]
            return next((one for one in told if one["event"] == event), None)

        line = until(found, f"{self.name} says {event}", alive=self)
        assert line is not None
        return line

    def kill(self) -> None:
        """SIGKILL for its whole group."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def until(holds: Callable[[], T], what: str, *, alive: Process | None = None, seconds: float = PATIENCE) -> T:
    """The first true value, asked again and again. Raises Failed."""
    deadline = time.monotonic() + seconds
    while not (found := holds()):
        if alive is not None and alive.process.poll() is not None and not holds():
            raise Failed(f"{alive.name} has ended with {alive.process.returncode}: {alive.lines[-5:]}")
        if time.monotonic() > deadline:
            said = "" if alive is None else "".join(f"\n  {one}" for one in alive.lines[-40:])
            raise Failed(f"did not happen in {seconds:.0f} s: {what}{said}")
        time.sleep(0.05)
    return found


def main() -> int:
    """Run it; the exit status says how it went."""
    parser = argparse.ArgumentParser(
        prog="make demo-fleet", description="A fleet of three agents and an etcd."
    )
    parser.add_argument(
        "--ttl", type=int, default=10, help="seconds until a host that is lost is out of the fleet"
    )
    ttl = parser.parse_args().ttl
    # A shell that starts this in the background lets it ignore SIGINT, and so what it starts.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    start = time.monotonic()
    refusal = rig.missing() or hosts.become_root() or hosts.refusal()
    if refusal is None and shutil.which("openssl") is None:
        refusal = "openssl is not installed"
    if refusal:
        print(f"demo-fleet: this machine cannot run it: {refusal}", file=sys.stderr)
        return 2
    try:
        with hosts.private_host() as host, tempfile.TemporaryDirectory(prefix="vmplumb-fleet-") as folder:
            tour(host, Path(folder), ttl)
    except (Failed, VmplumbError, EtcdError) as exc:
        print(f"\ndemo-fleet: FAILED: {exc}", file=sys.stderr)
        return 1
    print(f"\ndemo-fleet: all of it in {time.monotonic() - start:.1f} s")
    return 0


def tour(host: hosts.Host, folder: Path, ttl: int) -> None:
    """Each step, told as it goes. Raises Failed."""
    before = snapshot()
    certify(folder)
    host.run(["ip", "link", "add", BRIDGE, "type", "bridge"])
    host.run(["ip", "link", "set", BRIDGE, "addrgenmode", "none"])
    host.run(["ip", "addr", "add", f"{OUTER}/24", "dev", BRIDGE])
    host.run(["ip", "link", "set", BRIDGE, "up"])
    with ExitStack() as ended:
        say("An etcd with TLS, three hosts on a bridge, an agent in each")
        etcd = ended.enter_context(
            rig.cluster(
                Path("/run"),  # memory: a disk that others keep busy would be what is shown
                host=OUTER,
                port=ETCD_PORT,
                certificate=folder / "etcd.pem",
                key=folder / "etcd.key",
                ca=folder / "ca.pem",
            )
        )
        endpoints = ",".join(etcd.endpoints)
        members = {name: ended.enter_context(a_host(host, name, folder, endpoints, ttl)) for name in HOSTS}
        tls = Tls.from_files(ca=folder / "ca.pem", cert=folder / "ops.pem", key=folder / "ops.key")
        fleet = ended.enter_context(Fleet(etcd.endpoints, tls=tls, agent_tls=tls))
        until(lambda: ids(fleet) == set(HOSTS), "all three are in the fleet")
        show(fleet_ctl(folder, endpoints, "list"))
        act(folder, endpoints, fleet, members, ttl)
        say("All is ended: what do hosts, journals and etcd still know?")
        if fleet.placements():
            raise Failed(f"etcd still has {fleet.placements()}")
        print("  etcd: no VM is placed anywhere")
        for name, one in members.items():
            if one.process.poll() is None:
                with Client(f"{HOSTS[name]}:{member.PORT}", tls=tls) as client:
                    until(functools.partial(owes_nothing, client), f"{name} owes nothing")
                judge(name, one)
        until(lambda: not ids(fleet), "no agent is in the fleet any more")
        print("  etcd: no agent")
    host.run(["ip", "link", "del", BRIDGE])
    until(lambda: snapshot() == before, "the outer host is as it was", seconds=60)
    print(f"  nothing left: {', '.join(before)} of the outer host are as they were")


def act(folder: Path, endpoints: str, fleet: Fleet, members: dict[str, Process], ttl: int) -> None:
    """Place, lose, drain, tear down. Raises Failed."""
    script = Path(__file__).with_name("orchestrator.py")
    length = len(script.read_text().splitlines())
    say(f"The orchestrator ({length} lines) places {VMS} VMs")
    words = [sys.executable, str(script), endpoints, str(folder), member.NETWORK, str(VMS)]
    with started("orchestrator", words) as orchestrator:
        start = time.monotonic()
        until(lambda: stands_everywhere(fleet, set(HOSTS)), f"{VMS} networks stand", alive=orchestrator)
        print(f"  {VMS} in {time.monotonic() - start:.1f} s: {counted(fleet)}")

        victim, drained, last = HOSTS
        say(f"{victim} is lost: its processes are killed, its namespaces go with them")
        lost = {vm for vm, at in fleet.placements().items() if at == victim}
        start = time.monotonic()
        members[victim].kill()
        until(lambda: victim not in ids(fleet), f"the lease of {victim} has ended")
        gone = time.monotonic() - start
        until(
            lambda: stands_everywhere(fleet, {drained, last}),
            f"{len(lost)} networks are placed again",
            alive=orchestrator,
        )
        print(f"  out of the fleet after {gone:.1f} s (its lease was {ttl} s)")
        print(
            f"  its {len(lost)} VMs have networks again after {time.monotonic() - start:.1f} s: {counted(fleet)}"
        )

        say(f"{drained} is to be emptied: vmplumbctl cordon --reason ...")
        moved = {vm for vm, at in fleet.placements().items() if at == drained}
        start = time.monotonic()
        show(ctl(folder, HOSTS[drained], "cordon", "--reason", "a new kernel"))
        until(
            lambda: stands_everywhere(fleet, {last}), f"{len(moved)} networks have moved", alive=orchestrator
        )
        print(f"  its {len(moved)} VMs have moved after {time.monotonic() - start:.1f} s: {counted(fleet)}")
        if fleet.strays():
            raise Failed(f"networks stand where they are not placed: {fleet.strays()}")
        show(fleet_ctl(folder, endpoints, "list"))

        say("The orchestrator is interrupted, and takes all of it back")
        start = time.monotonic()
        orchestrator.process.send_signal(signal.SIGINT)
        until(lambda: orchestrator.process.poll() is not None, "the orchestrator ends", alive=orchestrator)
        status = orchestrator.process.wait()
        if status or f"torn down: {VMS}" not in orchestrator.lines:
            raise Failed(f"the orchestrator ended with {status}: {orchestrator.lines[-5:]}")
        print(f"  {VMS} torn down in {time.monotonic() - start:.1f} s")


def judge(name: str, one: Process) -> None:
    """End a host; it says what it still has. Raises Failed."""
    one.tell("end")
    verdict = one.said("ended")
    rows = verdict["rows"]
    if verdict["status"] or any(rows.values()) or verdict["differ"]:
        raise Failed(f"{name}: {json.dumps({key: verdict[key] for key in ('status', 'rows', 'differ')})}")
    parts = ", ".join(f"{count} {table}" for table, count in rows.items())
    print(f"  {name}: its journal has {parts}; links, routes, namespaces, addresses are as before")


def stands_everywhere(fleet: Fleet, where: set[str]) -> bool:
    """Whether every VM has one network, where it is placed and nowhere else."""
    places = fleet.placements()
    if len(places) != VMS or not set(places.values()) <= where:
        return False
    found = collections.Counter[str]()
    for agent in fleet.agents():
        with fleet.client(agent) as client:
            for one in client.list():
                found[one.vm_id] += 1
                if places.get(one.vm_id) != agent.id or one.phase != Phase.PHASE_READY:
                    return False
    return found == collections.Counter(places.keys())


def owes_nothing(client: Client) -> bool:
    """Whether the kernel has let go of all that was torn down."""
    return client.status().figures.pending_releases == 0


def counted(fleet: Fleet) -> str:
    """How many networks each host has."""
    return ", ".join(
        f"{count} at {name}"
        for name, count in sorted(collections.Counter(fleet.placements().values()).items())
    )


def ids(fleet: Fleet) -> set[str]:
    """Who is in the fleet."""
    return {one.id for one in fleet.agents()}


def certify(folder: Path) -> None:
    """One authority for etcd, agents and their callers."""
    authority = Authority(folder)
    authority.leaf("etcd", f"IP:{OUTER}")
    authority.leaf("orchestrator", f"URI:{ORCHESTRATOR}")
    authority.leaf("ops", "DNS:ops.fleet.example")
    for name, address in HOSTS.items():
        authority.leaf(name, f"DNS:{name}", f"IP:{address}")
    (folder / "policy.toml").write_text(POLICY)


@contextmanager
def a_host(outer: hosts.Host, name: str, folder: Path, endpoints: str, ttl: int) -> Iterator[Process]:
    """A host on the bridge with its agent; lost at the end of the block, if it is still there."""
    port = name.replace("host-", "port-")
    words = [
        sys.executable,
        "-m",
        "tools.fleet.member",
        name,
        f"{HOSTS[name]}/24",
        str(folder),
        endpoints,
        str(ttl),
    ]
    with started(name, words) as one:
        one.said("host")
        outer.run(
            [
                *("ip", "link", "add", port, "master", BRIDGE, "type", "veth"),
                *("peer", "name", "eth0", "netns", str(one.process.pid)),
            ]
        )
        outer.run(["ip", "link", "set", port, "addrgenmode", "none", "up"])
        one.tell("go")
        one.said("agent")
        yield one


@contextmanager
def started(name: str, words: list[str]) -> Iterator[Process]:
    """A process in a session of its own; killed with all it has started at the end, if it is still there."""
    made = Process(
        name,
        subprocess.Popen(
            words,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None,
            text=True,
            start_new_session=True,
        ),
    )
    try:
        yield made
    finally:
        made.kill()


def fleet_ctl(folder: Path, endpoints: str, *words: str) -> str:
    """What `vmplumbctl fleet` prints."""
    return _ctl("fleet", *_flags(folder, "etcd-"), "--etcd", endpoints, *words)


def ctl(folder: Path, address: str, *words: str) -> str:
    """What vmplumbctl prints, of one agent."""
    return _ctl("--target", f"{address}:{member.PORT}", *_flags(folder), *words)


def _flags(folder: Path, prefix: str = "") -> list[str]:
    files = {"ca": "ca.pem", "cert": "ops.pem", "key": "ops.key"}
    return [word for flag, file in files.items() for word in (f"--{prefix}{flag}", str(folder / file))]


def _ctl(*words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "vmplumb.cli", *words],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        env={**os.environ, "COLUMNS": "140"},
    )
    if done.returncode:
        raise Failed(f"vmplumbctl {' '.join(words)} exited {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
