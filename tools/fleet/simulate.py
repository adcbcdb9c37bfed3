"""How much a fleet asks of its etcd, and how quickly it answers: simulate.py --agents 10,100,1000 --seconds 30

The agents are the agent's own registrar with capacity that changes each second, spoken over TLS to an etcd of three
members; what is not real: they share processes and, fifty at a time, connections, and no agent stands behind them.
Everything runs in a host of its own. `--json FILE` and `--svg FILE` keep figures and picture.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.plot import lines
from tests import host as hosts
from tests.security.authority import Authority
from tools.fleet import rig
from vmplumb import Tls
from vmplumb._etcd_client import Etcd
from vmplumb.fleet import DEFAULT_PREFIX, Fleet
from vmplumb.v1.fleet_pb2 import FleetAgent
from vmplumbd.fleet import registrar

ON_ONE_CONNECTION = 50
IN_ONE_PROCESS = 250
VICTIMS = 5
TTL_SECONDS = 10
PATIENCE = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What one fleet cost, by the second while it was measured. Times in milliseconds unless named otherwise."""

    agents: int
    seconds: float
    registered_seconds: float
    finds: int
    find_p50: float
    find_p99: float
    gone_first_seconds: float
    gone_last_seconds: float
    puts: float
    keeps_by_rule: float
    etcd_cpu: float
    loopback_bytes: float
    disk_bytes: float


def be_agents(endpoints: str, folder: str, first: int, count: int) -> None:
    """Be some agents until stdin ends."""
    tls = _tls(Path(folder))
    with ExitStack() as ended:
        store = None
        for number in range(first, first + count):
            if store is None or (number - first) % ON_ONE_CONNECTION == 0:
                store = Etcd(endpoints.split(","), tls=tls)
                ended.callback(store.close)
            agent_id = f"agent-{number:05}"
            registrar.Registrar(
                store,
                f"{DEFAULT_PREFIX}/agents/{agent_id}",
                ttl=TTL_SECONDS,
                interval=1.0,
                monotonic=time.monotonic,
                describe=lambda number=number, agent_id=agent_id: described(agent_id, number),  # type: ignore[misc]
                note=lambda *_, **__: None,
            ).start()
        sys.stdin.read()


def described(agent_id: str, number: int) -> FleetAgent:
    """An agent whose networks come and go each second."""
    live = (number * 7919 + int(time.monotonic()) * 31) % 400
    made = FleetAgent(
        id=agent_id,
        address=f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}:7443",
        agent_version="0",
        contract_version="vmplumb.v1",
        labels={"zone": f"z{number % 3}", "rack": f"r{number // 40}"},
        networks_live=live,
        networks_max=400,
    )
    made.networks.add(name="fcnet", addresses_free=1000 - live, addresses_total=1000)
    made.update_time.GetCurrentTime()
    return made


def measure(cluster: rig.Cluster, folder: Path, agents: int, seconds: float) -> Figures:
    """One fleet, from its registration until some of it is killed and the rest is gone."""
    tls = _tls(folder)
    endpoints = ",".join(cluster.endpoints)
    with ExitStack() as ended:
        fleet = ended.enter_context(Fleet(cluster.endpoints, tls=tls))
        etcd = Etcd(cluster.endpoints, tls=tls)
        ended.callback(etcd.close)
        began = time.monotonic()
        for first in range(VICTIMS, agents, IN_ONE_PROCESS):
            ended.enter_context(_agents(endpoints, folder, first, min(IN_ONE_PROCESS, agents - first)))
        victims = ended.enter_context(_agents(endpoints, folder, 0, VICTIMS))
        while len(fleet.agents()) < agents:
            if time.monotonic() - began > PATIENCE:
                raise RuntimeError(f"{len(fleet.agents())} of {agents} agents are there")
            time.sleep(0.2)
        registered = time.monotonic() - began

        before, start = _load(cluster, etcd), time.monotonic()
        found: list[float] = []
        while time.monotonic() - start < seconds:
            asked = time.monotonic()
            if not fleet.find("fcnet", {"zone": "z1"}):
                raise RuntimeError("nothing is found")
            found.append((time.monotonic() - asked) * 1000)
            time.sleep(0.1)
        after, took = _load(cluster, etcd), time.monotonic() - start
        rate = {key: (after[key] - before[key]) / took for key in before}

        changes = fleet.watch()
        for told, _ in enumerate(changes, 1):
            if told == agents:
                break
        killed = time.monotonic()
        victims.kill()
        victims.wait()
        gone: list[float] = []
        bound = threading.Timer(PATIENCE, fleet.close)
        bound.start()
        for change in changes:
            if change.agent is None:
                gone.append(time.monotonic() - killed)
                if len(gone) == VICTIMS:
                    break
        bound.cancel()
        changes.close()
    found.sort()
    return Figures(
        agents=agents,
        seconds=round(took, 1),
        registered_seconds=round(registered, 1),
        finds=len(found),
        find_p50=round(found[len(found) // 2], 1),
        find_p99=round(found[min(len(found) - 1, len(found) * 99 // 100)], 1),
        gone_first_seconds=round(gone[0], 1),
        gone_last_seconds=round(gone[-1], 1),
        puts=round(rate["revision"], 1),
        keeps_by_rule=round(agents * registrar.KEPT_IN_A_LIFE / TTL_SECONDS, 1),
        etcd_cpu=round(rate["cpu"], 3),
        loopback_bytes=round(rate["loopback"]),
        disk_bytes=round(rate["disk"]),
    )


def _load(cluster: rig.Cluster, etcd: Etcd) -> dict[str, float]:
    """Running totals: revisions, CPU seconds and bytes of all members."""
    cpu = disk = 0.0
    for one in cluster.members:
        assert one.process is not None
        fields = Path(f"/proc/{one.process.pid}/stat").read_text().rpartition(")")[2].split()
        cpu += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        written = Path(f"/proc/{one.process.pid}/io").read_text()
        disk += int(written.partition("write_bytes: ")[2].split()[0])
    told = subprocess.run(
        ["ip", "-s", "-j", "link", "show", "lo"], capture_output=True, text=True, check=True
    )
    loopback = json.loads(told.stdout)[0]["stats64"]["tx"]["bytes"]
    return {"revision": etcd.read("/none/")[0], "cpu": cpu, "disk": disk, "loopback": loopback}


@contextmanager
def _agents(endpoints: str, folder: Path, first: int, count: int) -> Iterator[subprocess.Popen[bytes]]:
    words = ["--be-agents", endpoints, str(folder), str(first), str(count)]
    made = subprocess.Popen([sys.executable, "-m", "tools.fleet.simulate", *words], stdin=subprocess.PIPE)
    try:
        yield made
    finally:
        made.kill()
        made.wait()


def _tls(folder: Path) -> Tls:
    return Tls.from_files(ca=folder / "ca.pem", cert=folder / "member.pem", key=folder / "member.key")


def main() -> int:
    """Measure each size in turn, with an etcd of its own."""
    if sys.argv[1:2] == ["--be-agents"]:
        be_agents(sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
        return 0
    parser = argparse.ArgumentParser(prog="simulate", description=__doc__)
    parser.add_argument("--agents", default="10,100,1000", help="how many, one size after the other")
    parser.add_argument("--seconds", type=float, default=30.0, help="how long each is measured")
    parser.add_argument("--json", type=Path, help="keep the figures there")
    parser.add_argument("--svg", type=Path, help="keep the picture there")
    parser.add_argument("--members", type=int, default=3, help="of the etcd")
    parser.add_argument(
        "--memory", action="store_true", help="let etcd keep its data in memory, no disk be waited for"
    )
    given = parser.parse_args()
    refusal = rig.missing() or hosts.become_root() or hosts.refusal()
    if refusal:
        print(f"simulate: this machine cannot run it: {refusal}", file=sys.stderr)
        return 2
    figures = []
    for agents in (int(one) for one in given.agents.split(",")):
        if agents <= VICTIMS:
            parser.error(f"--agents: more than {VICTIMS}")
        with hosts.private_host(), tempfile.TemporaryDirectory(prefix="vmplumb-fleet-") as name:
            folder = Path(name)
            authority = Authority(folder)
            authority.leaf("member", "IP:127.0.0.1")
            files: dict[str, Any] = {"certificate": folder / "member.pem", "key": folder / "member.key"}
            data = Path("/run") if given.memory else folder
            with rig.cluster(data, size=given.members, ca=authority.bundle, **files) as cluster:
                figures.append(measure(cluster, folder, agents, given.seconds))
        print(json.dumps(asdict(figures[-1])), flush=True)
    if given.json:
        machine = {"cores": os.cpu_count(), "kernel": platform.release()}
        told = {"machine": machine, "figures": [asdict(one) for one in figures]}
        given.json.write_text(json.dumps(told, indent=2) + "\n")
    if given.svg:
        series = {
            "find, p50 (ms)": {one.agents: one.find_p50 for one in figures},
            "find, p99 (ms)": {one.agents: one.find_p99 for one in figures},
            "puts a second": {one.agents: one.puts for one in figures},
            "etcd, % of a core": {one.agents: one.etcd_cpu * 100 for one in figures},
        }
        given.svg.write_text(
            lines(series, title="A fleet and its etcd of three", across="agents", up="see names")
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
