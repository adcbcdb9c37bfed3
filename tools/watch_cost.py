"""What watching costs the agent: start, idle memory, set-ups and teardowns, with nothing on, metrics, traces, both.

python -m tools.watch_cost [--rounds N] [--vms N]     2: cannot run here

Every round measures each kind once, one after the other, so that a machine that gets busier is unfair to none; of
latencies the medians over all rounds are told. Traces go to an address where nobody listens, in batches as always.
"""

from __future__ import annotations

import argparse
import functools
import statistics
import sys
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from tests import host as hosts
from tests.system.daemon import Daemon, daemon_in

TRACES = {"traces__enabled": "true", "traces__endpoint": "unix:/nowhere/otlp.sock"}
METRICS = {"metrics__listen": "127.0.0.1:19477"}
KINDS = {"nothing on": {}, "metrics": METRICS, "traces": TRACES, "both": {**METRICS, **TRACES}}
PAGE = 4096
TICKS = 100.0


@dataclass(slots=True)
class Figures:
    """What was measured of one kind, a number a round, or a VM."""

    start_cpu: list[float] = field(default_factory=list)
    idle_mb: list[float] = field(default_factory=list)
    set_up_ms: list[float] = field(default_factory=list)
    tear_down_ms: list[float] = field(default_factory=list)
    vm_cpu_ms: list[float] = field(default_factory=list)


def cpu_seconds(daemon: Daemon) -> float:
    """Processor time of the agent so far."""
    assert daemon.process is not None
    fields = Path(f"/proc/{daemon.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory_mb(daemon: Daemon) -> float:
    """Resident memory."""
    assert daemon.process is not None
    return int(Path(f"/proc/{daemon.process.pid}/statm").read_text().split()[1]) * PAGE / 1e6


def measure(host: hosts.Host, *, settings: dict[str, str], vms: int, into: Figures) -> None:
    """One life of an agent."""
    with daemon_in(host, **settings) as daemon:
        into.start_cpu.append(cpu_seconds(daemon))
        into.idle_mb.append(memory_mb(daemon))
        daemon.set_up("warm")
        daemon.tear_down("warm")
        before = cpu_seconds(daemon)
        for number in range(vms):
            begun = time.perf_counter()
            daemon.set_up(f"vm-{number}")
            done = time.perf_counter()
            daemon.tear_down(f"vm-{number}", wait=False)
            into.set_up_ms.append((done - begun) * 1e3)
            into.tear_down_ms.append((time.perf_counter() - done) * 1e3)
        into.vm_cpu_ms.append((cpu_seconds(daemon) - before) * 1e3 / vms)
        daemon.quiet()


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="tools.watch_cost", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--vms", type=int, default=100)
    asked = parser.parse_args()
    refusal = hosts.become_root() or hosts.refusal()
    if refusal:
        print(f"watch cost: this machine cannot run it: {refusal}", file=sys.stderr)
        return 2
    found: dict[str, Figures] = defaultdict(Figures)
    for _ in range(asked.rounds):
        for kind, settings in KINDS.items():
            hosts.in_host_with(functools.partial(measure, settings=settings, vms=asked.vms, into=found[kind]))
    print(
        f"{'':12}{'start, s CPU':>14}{'idle, MB':>10}{'set-up, ms':>12}{'teardown, ms':>14}{'CPU a VM, ms':>14}"
    )
    for kind, one in found.items():
        print(
            f"{kind:12}{min(one.start_cpu):14.2f}{max(one.idle_mb):10.1f}{statistics.median(one.set_up_ms):12.2f}"
            f"{statistics.median(one.tear_down_ms):14.2f}{min(one.vm_cpu_ms):14.2f}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
