"""The soak: VMs come and go at half the top rate for a while, and nothing of the agent may grow.

    python -m tools.soak --seconds 600 --seed 1 --svg docs/soak.svg

First callers live VMs as fast as they can, for the top rate and until what the agent keeps of the past (the
events of ended operations, the history of changes) is full. Then lives begin at half that rate, by a timetable,
and once a second descriptors, threads, memory and journal of the daemon and the kernel's slab are read;
latency is a set-up's, from call to result, of the fastest tenth in that second: what else runs on the machine
slows down most, but seldom all. The medians of the first and the last third of the samples are compared, each
within the bound of `BOUNDS`: a median shows a leak and no spike. Of latency it is the quietest tenth of a third's
seconds, since a busy machine is slow for minutes; what a life costs the agent is seen in its processor time. Where it
is slow in the end, lives go on for a while until quiet seconds have come: what grew in the agent would stay.
Descriptors and slab are compared at rest, before the first life by the timetable and after the last: a busy machine
has many networks on their way, and the kernel's own end of a namespace lags behind. In the end the host must be as
before and the journal empty.

The seed fixes what each life does. Exit status 0: flat, 1: something grew or was left, and what is printed,
2: this machine cannot run it.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import sqlite3
import statistics
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import grpc

from bench import plot
from tests import host as hosts
from tests.snapshot import snapshot
from tests.system.daemon import refusal, request
from tests.torture.rig import Installed, installed, until
from vmplumb.v1 import network_agent_service_pb2 as pb
from vmplumb.v1 import network_agent_service_pb2_grpc as pb_grpc

CALLERS = 8
PATIENCE = 60.0
# The agent keeps 4096 ended operations and 10 000 changes; a life is two operations and four changes. After
# so many lives both are full; before, a life may add what it keeps. Bytes.
LIVES_KEPT = 2600
BYTES_KEPT = 24 * 1024
LONGEST_WARM_UP = 120.0
SAMPLE_EVERY = 1.0
# Fewer cannot be judged: a third of them has a median. Where the agent is held up, more seconds are taken.
LEAST_SAMPLES = 9
# How long lives go on for quiet seconds, in seconds.
LONGEST_WAIT_FOR_QUIET = 90.0
POINTS = 24


@dataclass(frozen=True, slots=True)
class Bound:
    """How far the last third's median may lie above the first's: `ratio` times it, and `more` on top."""

    ratio: float
    more: float
    unit: str
    why: str

    def most(self, first: float) -> float:
        """What the last may be."""
        return first * self.ratio + self.more


MIB = float(1 << 20)
BOUNDS: Mapping[str, Bound] = {
    "descriptors": Bound(
        1.0, 18, "", "each of sixteen threads for executed plugins opens one when first used"
    ),
    "threads": Bound(1.0, 2, "", "gRPC makes and ends its own"),
    "memory": Bound(1.03, 3 * MIB, "bytes", "the allocator's pools settle late"),
    "journal": Bound(1.5, 1 * MIB, "bytes", "SQLite's log is used anew from its beginning"),
    "slab": Bound(1.25, 64 * MIB, "bytes", "it is the machine's, so other work shows in it"),
    "processor": Bound(1.5, 0.001, "s a life", "a shared processor's caches are shared too"),
    "latency": Bound(3.0, 0.01, "s", "the machine is not ours alone"),
}


# What is read of the quietest tenth of a third's seconds: what else runs on the machine is no growth.
QUIET = frozenset({"latency"})
# What is compared at rest, and how long an agent may take to come to rest, in seconds.
AT_REST = ("descriptors", "slab")
REST_BEFORE, REST_AFTER = 1.0, 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One reading. `at` in seconds from the start of the timetable, `latency` the fastest tenth's since the last.

    `lives` have ended until now, the warm-up's too.
    """

    at: float
    lives: int
    descriptors: float
    threads: float
    memory: float
    journal: float
    slab: float
    processor: float
    latency: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The medians of the first and the last third of the samples; `broken` says why that is not flat."""

    first: float
    last: float
    broken: str = ""


@dataclass(slots=True, kw_only=True)
class Soaked:
    """What a run did, how each quantity went, and what was wrong."""

    seed: int
    seconds: float
    top_rate: float = 0.0
    rate: float = 0.0
    warm_up: int = 0
    lives: int = 0
    late: int = 0
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)


class Crowd:
    """Callers that live VMs: the next number, when it is due, until told to end."""

    def __init__(self, agent: Installed, seed: int, due: Callable[[int], float]) -> None:
        """`due` says when a life may begin, in seconds of time.monotonic()."""
        self.agent = agent
        self.seed = seed
        self.due = due
        self.end = threading.Event()
        self.done = 0
        self.late = 0
        self.broken: list[str] = []
        self._numbers = itertools.count()
        self._mutex = threading.Lock()
        self._latencies: list[float] = []
        self._threads = [
            threading.Thread(target=self._live_on, name=f"caller-{number}", daemon=True)
            for number in range(CALLERS)
        ]
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        """Let the lives under way end."""
        self.end.set()
        for thread in self._threads:
            thread.join(2 * PATIENCE)
            if thread.is_alive():
                self.broken.append(f"{thread.name} hangs")

    def latencies(self) -> list[float]:
        """Of the set-ups that ended since the last call, in seconds."""
        with self._mutex:
            taken, self._latencies = self._latencies, []
        return taken

    def _live_on(self) -> None:
        with self.agent.stub() as stub:
            while not self.end.is_set() and not self.broken:
                number = next(self._numbers)
                wait = self.due(number) - time.monotonic()
                if wait > 0 and self.end.wait(wait):
                    return
                try:
                    self._live(stub, f"vm-{number}", random.Random(f"{self.seed}/{number}"))
                except grpc.RpcError as exc:
                    self.broken.append(f"life {number}: {_words(exc)}")
                with self._mutex:
                    self.done += 1
                    self.late += wait < -1.0

    def _live(self, stub: pb_grpc.NetworkAgentServiceStub, vm_id: str, dice: random.Random) -> None:
        network = "mixed" if dice.random() < 0.02 else "fcnet"
        began = time.monotonic()
        events = list(stub.SetupNetwork(request(vm_id, network), timeout=PATIENCE))
        if network == "fcnet":
            with self._mutex:
                self._latencies.append(time.monotonic() - began)
        if events[-1].WhichOneof("event") != "result":
            self.broken.append(f"set-up of {vm_id} ended without a result")
        kind = dice.random()
        if kind < 0.05:
            found = stub.CheckNetwork(pb.CheckNetworkRequest(vm_id=vm_id), timeout=PATIENCE).findings
            if found:
                self.broken.append(f"check of {vm_id} finds {found}")
        elif kind < 0.1:
            stub.DescribeNetwork(pb.DescribeNetworkRequest(vm_id=vm_id), timeout=PATIENCE)
        elif kind < 0.15:
            call = stub.SetupNetwork(request(vm_id, network), timeout=PATIENCE)
            call.cancel()  # type: ignore[no-untyped-call]  # grpc's stubs leave it so
        order = pb.TeardownNetworkRequest(vm_id=vm_id, wait_for_devices=dice.random() < 0.3)
        list(stub.TeardownNetwork(order, timeout=PATIENCE))


def soak(
    host: hosts.Host, *, seconds: float, seed: int, warm_up: float = LONGEST_WARM_UP, chatty: bool = False
) -> tuple[Soaked, list[Sample]]:
    """A run in this host; answers also its samples. Blocks. Leaves nothing if the agent keeps its promises.

    The warm-up lasts `warm_up` seconds, or until the agent's bounded memories are full.
    """
    told = Soaked(seed=seed, seconds=seconds)
    with installed(host) as agent:
        before = snapshot()
        agent.start()
        _warm_up(agent, told, warm_up)
        at_rest = {name: _at_rest(agent, name, 0, REST_BEFORE) for name in AT_REST}
        _say(chatty, f"{told.warm_up} lives to warm up, the top rate is {told.top_rate:.0f} lives a second")
        start = time.monotonic()
        crowd = Crowd(agent, seed, lambda number: start + number / told.rate)
        samples: list[Sample] = []
        pause = threading.Event()
        spent, lived = _processor(agent), 0
        while not crowd.broken and _goes_on(samples, time.monotonic() - start, seconds):
            pause.wait(SAMPLE_EVERY)
            latencies = crowd.latencies()
            if latencies:
                at, before_it, done = time.monotonic() - start, spent, crowd.done
                spent = _processor(agent)
                costs = (spent - before_it) / max(1, done - lived)
                lived = done
                samples.append(_sample(agent, at, told.warm_up + done, costs, _quiet(latencies)))
            if len(samples) % 30 == 29:
                _say(chatty, f"{samples[-1]}")
        crowd.join()
        told.lives, told.late = crowd.done, crowd.late
        told.broken += crowd.broken
        if not told.broken:
            told.verdicts = judge(samples)
            agent.quiet()
            for name, first in at_rest.items():
                last = _at_rest(agent, name, BOUNDS[name].most(first), REST_AFTER)
                told.verdicts[name] = verdict(name, first, last)
            told.broken += [one.broken for one in told.verdicts.values() if one.broken]
        _judge_the_end(agent, before, told)
    return told, samples


def _goes_on(samples: Sequence[Sample], lasted: float, seconds: float) -> bool:
    if lasted < seconds or len(samples) < LEAST_SAMPLES:
        return True
    grew = any(one.broken for name, one in judge(samples).items() if name in QUIET)
    return grew and lasted < seconds + LONGEST_WAIT_FOR_QUIET


def chart(samples: Sequence[Sample], title: str) -> str:
    """The samples as an SVG: each quantity beside its own value at the start, medians of a few seconds."""
    size = max(1, len(samples) // POINTS)
    parts = [samples[at : at + size] for at in range(0, len(samples) - size + 1, size)]
    series = {}
    for name in BOUNDS:
        medians = [statistics.median(getattr(one, name) for one in part) for part in parts]
        series[name] = {
            round(part[-1].at): value / (medians[0] or 1.0)
            for part, value in zip(parts, medians, strict=True)
        }
    return plot.lines(series, title=title, across="seconds", up="times the value at the start")


def _warm_up(agent: Installed, told: Soaked, longest: float) -> None:
    began = time.monotonic()
    crowd = Crowd(agent, told.seed + 1, lambda _: 0.0)
    pause = threading.Event()
    while not crowd.broken:
        pause.wait(0.1)
        if crowd.done >= LIVES_KEPT or time.monotonic() - began >= longest:
            break
    told.top_rate = crowd.done / (time.monotonic() - began)
    crowd.join()
    told.warm_up = crowd.done
    told.broken += crowd.broken
    told.rate = max(1.0, told.top_rate / 2)
    agent.quiet()


def _processor(agent: Installed) -> float:
    """What the agent and the plugins it has waited for have used, in seconds."""
    fields = Path(f"/proc/{agent.pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def _sample(agent: Installed, at: float, lives: int, processor: float, latency: float) -> Sample:
    process = Path(f"/proc/{agent.pid}")
    status = _table(process / "status")
    return Sample(
        at=at,
        lives=lives,
        descriptors=_descriptors(agent),
        threads=status["Threads"],
        memory=status["VmRSS"] * 1024,
        journal=sum(one.stat().st_size for one in agent.journal.parent.glob("journal.db*")),
        slab=_slab(),
        processor=processor,
        latency=latency,
    )


def _table(path: Path) -> dict[str, int]:
    """The numbers of a file of "name: number unit" lines."""
    found = {}
    for line in path.read_text("ascii", "replace").splitlines():
        name, _, rest = line.partition(":")
        words = rest.split()
        if words and words[0].isdigit():
            found[name] = int(words[0])
    return found


def judge(samples: Sequence[Sample]) -> dict[str, Verdict]:
    """Each quantity of BOUNDS but those AT_REST: the medians of the first and the last third, and what is wrong.

    Raises ValueError with fewer than LEAST_SAMPLES.
    """
    third = len(samples) // 3
    if len(samples) < LEAST_SAMPLES:
        raise ValueError(f"{len(samples)} samples are too few to judge")
    kept = [min(LIVES_KEPT, one.lives) for one in (samples[third // 2], samples[-1 - third // 2])]
    found = {}
    for name in BOUNDS.keys() - set(AT_REST):
        middle = _quiet if name in QUIET else statistics.median
        first = middle([getattr(one, name) for one in samples[:third]])
        last = middle([getattr(one, name) for one in samples[-third:]])
        filling = (kept[1] - kept[0]) * BYTES_KEPT if name == "memory" else 0
        found[name] = verdict(name, first, last, filling)
    return found


def verdict(name: str, first: float, last: float, filling: float = 0.0) -> Verdict:
    """What is wrong with a quantity of BOUNDS that was `first` and is `last`; `filling` of it may have come."""
    bound, broken = BOUNDS[name], ""
    if last - filling > bound.most(first):
        broken = (
            f"{name} grew from {first:g} to {last:g} {bound.unit}, more than {bound.ratio:g} times "
            f"and {bound.more:g} ({bound.why})"
        )
    return Verdict(first=first, last=last, broken=broken)


def _at_rest(agent: Installed, name: str, most: float, seconds: float) -> float:
    """The least within that time; not looked for any longer once it is no more than `most`."""
    end = time.monotonic() + seconds
    pause = threading.Event()
    least = _reading(agent, name)
    while least > most and time.monotonic() < end:
        pause.wait(0.05)
        least = min(least, _reading(agent, name))
    return least


def _reading(agent: Installed, name: str) -> float:
    return _descriptors(agent) if name == "descriptors" else _slab()


def _slab() -> float:
    """What a namespace costs lies in both: slab that cannot be reclaimed, and memory of each processor. Bytes."""
    memory = _table(Path("/proc/meminfo"))
    return (memory["SUnreclaim"] + memory.get("Percpu", 0)) * 1024


def _descriptors(agent: Installed) -> int:
    return len(list(Path(f"/proc/{agent.pid}/fd").iterdir()))


def _quiet(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 10]


def _judge_the_end(agent: Installed, before: Mapping[str, object], told: Soaked) -> None:
    try:
        agent.tear_all_down()
        until(lambda: snapshot() == before, "the host is as before")
    except (AssertionError, grpc.RpcError) as exc:
        told.broken.append(str(exc))
        now = snapshot()
        told.broken += [
            f"{key} is {str(now[key])[:1000]}, it was {str(was)[:1000]}"
            for key, was in before.items()
            if now[key] != was
        ]
    try:
        if any(agent.rows().values()):
            told.broken.append(f"left in the journal: {agent.rows()}")
    except sqlite3.Error as exc:
        told.broken.append(f"the journal cannot be read: {exc}")
    told.broken += agent.misdeeds()
    if agent.runs() and (status := agent.stop()) != 0:
        told.broken.append(f"the agent ended with {status}")


def _words(exc: grpc.RpcError) -> str:
    try:
        return str(refusal(exc))
    except AssertionError as bare:
        return str(bare)


def _say(chatty: bool, text: str) -> None:
    if chatty:
        print(text, file=sys.stderr)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=None, help="by default one is thrown, and printed")
    parser.add_argument("--svg", type=Path, default=None, help="where the plot goes")
    given = parser.parse_args()
    seed = random.SystemRandom().randrange(1 << 32) if given.seed is None else given.seed
    refused = hosts.become_root() or hosts.refusal()
    if refused:
        print(f"soak: this machine cannot run it: {refused}", file=sys.stderr)
        return 2
    with hosts.private_host() as host:
        told, samples = soak(host, seconds=given.seconds, seed=seed, chatty=True)
    if given.svg is not None and samples:
        title = f"{told.lives} VMs come and go, {told.rate:.0f} a second"
        given.svg.write_text(chart(samples, title), encoding="utf-8")
    print(json.dumps(asdict(told), indent=2))
    return 1 if told.broken else 0


if __name__ == "__main__":
    sys.exit(main())
