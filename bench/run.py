"""`make bench`: set-up and teardown beside their peers, side by side in one run, held against the targets.

    python -m bench [--quick] [--only SECTION ...] [--json FILE] [--plots DIRECTORY]

Each section runs in a private host (network and mount namespace, tmpfs). Programs take turns in short
blocks, in an order that rotates, so that a slow minute of the machine meets all of them alike; a ratio is
the median of the blocks' ratios. A program that cannot be had here is a row that says why.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import peers, plot, world
from bench.figures import Figure, Report, median, spread, verdict_row
from bench.peers import Absent, Check, Daemon, Peer, Told, Wrong
from bench.world import World
from tests import host as hosts


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How much is measured."""

    rounds: int
    block: int
    slow_rounds: int
    slow_block: int
    live: tuple[int, ...]
    reserved: int
    rules: int
    callers: tuple[int, ...]
    operations: int
    churns: int
    gone: int
    records: int
    starts: int
    pool: int


FULL = Sizes(
    rounds=15, block=20, slow_rounds=8, slow_block=6, live=(0, 500, 1000, 2000, 4000), reserved=10_000, rules=2000,
    callers=(1, 8, 32), operations=2000, churns=3, gone=400, records=2000, starts=7, pool=32,
)  # fmt: skip
QUICK = Sizes(
    rounds=3, block=10, slow_rounds=2, slow_block=3, live=(0, 200), reserved=2000, rules=300,
    callers=(1, 8), operations=160, churns=1, gone=60, records=100, starts=3, pool=12,
)  # fmt: skip

MOST_CALLERS = 32


# ---- blocks in turn -----------------------------------------------------------------------------


@dataclass(slots=True, kw_only=True)
class Runner:
    """Something that takes turns: a block of set-ups, whose networks are gone again afterwards."""

    name: str
    block: Callable[[], Sequence[float]]
    slow: bool = False
    samples: list[float] = field(default_factory=list)
    medians: dict[int, float] = field(default_factory=dict)


def of_peer(
    here: World, peer: Peer, name: str, size: int, *, slow: bool = False, cpu: list[float] | None = None
) -> Runner:
    """Blocks of a peer; its CPU time for each set-up goes to `cpu`."""

    def block() -> Sequence[float]:
        base = peer.numbers(size) % 40_000
        told = peer.job("set_up", base, size)
        peer.job("tear_down", base, size)
        here.settle()
        if cpu is not None:
            cpu.append(told.cpu / size)
        return told.up

    return Runner(name=name, block=block, slow=slow)


def of_check(here: World, check: Check, size: int) -> Runner:
    """Blocks of the second floor; each gives its median."""

    def block() -> Sequence[float]:
        found = check.block(size)
        here.settle()
        return (found,)

    return Runner(name="second C floor", block=block)


def take_turns(runners: list[Runner], rounds: int, slow_rounds: int) -> None:
    """Every runner's block in each round; slow ones in the first `slow_rounds` alone."""
    for runner in runners:
        runner.block()  # the first block of each warms its caches
    for turn in range(rounds):
        there = [one for one in runners if not one.slow or turn < slow_rounds]
        shift = turn % len(there)
        for runner in there[shift:] + there[:shift]:
            found = runner.block()
            runner.samples.extend(found)
            runner.medians[turn] = median(found)


def ratio(above: Runner, below: Runner) -> float:
    """The median of the ratios of blocks in one round."""
    return median(
        above.medians[turn] / below.medians[turn] for turn in above.medians if turn in below.medians
    )


def faster(runners: list[Runner]) -> Runner:
    """The one with the smallest median."""
    return min(runners, key=lambda one: median(one.medians.values()))


def floors(here: World, sizes: Sizes) -> list[Runner]:
    """Our floor, and the second one where there is its source."""
    found = [of_peer(here, here.start(world.floor()), "C floor", sizes.block)]
    try:
        found.append(of_check(here, Check(binary=peers.build_check()), sizes.block))
    except Absent as exc:
        print(f"  second C floor: not there: {exc}")
    return found


def tell(
    report: Report, section: str, runners: Sequence[Runner], below: Runner, words: str = "the floor"
) -> None:
    """A row for each, with its ratio to `below`."""
    for one in runners:
        if one.medians:
            note = "" if one is not below else f"<- {words}"
            report.add(
                Figure(
                    section=section,
                    name=one.name,
                    spread=spread(one.samples),
                    ratio=ratio(one, below),
                    note=note,
                )
            )


# ---- sections -----------------------------------------------------------------------------------


def one_caller(report: Report, sizes: Sizes, here: World) -> None:
    """Set-ups one at a time, on an empty host."""
    cpu_in_process: list[float] = []
    runners = floors(here, sizes)
    own = list(runners)
    in_process = of_peer(
        here, here.start(world.in_process()), "vmplumbd in process", sizes.block, cpu=cpu_in_process
    )
    daemon = here.start(world.daemon())
    grpc = of_peer(
        here,
        here.start(world.caller(f"unix:{daemon.socket}")),
        "vmplumbd, gRPC on a Unix socket",
        sizes.block,
    )
    built_in = of_peer(here, here.start(world.chain("built-in")), "our ptp + host-local, no tap", sizes.block)
    runners += [in_process, grpc, built_in]
    slow: dict[str, Runner] = {}

    def also(name: str, make: Callable[[], Runner]) -> None:
        try:
            slow[name] = make()
            runners.append(slow[name])
        except Absent as exc:
            report.absent("one caller", name, str(exc))

    def mtls() -> Runner:
        secure = here.start(world.daemon(tls=True, name="mtls"))
        files = [world.TOP / "tls" / name for name in ("ca.pem", "client.pem", "client.key")]
        return of_peer(
            here,
            here.start(world.caller(f"127.0.0.1:{secure.port}", *files)),
            "vmplumbd, gRPC by mutual TLS",
            sizes.block,
        )

    def small(make: Callable[[], Peer], name: str) -> Callable[[], Runner]:
        return lambda: of_peer(here, here.start(make()), name, sizes.slow_block, slow=True)

    go_name = "libcni, reference ptp + host-local, no tap"
    also("mtls", mtls)
    also("libcni", small(world.libcni, go_name))
    also("executed", small(lambda: world.chain("executed"), "reference plugins executed by us"))
    also("fresh", small(lambda: world.chain("executed-fresh"), "reference plugins executed by us, fresh id"))
    also(
        "pyroute2",
        small(lambda: Peer(name="pyroute2", argv=world.python("plain_pyroute2")), "pyroute2, no IPAM"),
    )
    before = daemon.cpu_ms()
    take_turns(runners, sizes.rounds, sizes.slow_rounds)
    set_ups = (sizes.rounds + 1) * sizes.block
    floor = faster(own)
    tell(report, "one caller", runners, floor)
    if len(own) == 2:
        agree = ratio(own[0], own[1])
        report.judge(
            "our C floor against the second", "within 5 %, or faster", agree, agree <= 1.05, f"{agree:.2f}x"
        )
    cpu = median(cpu_in_process)
    report.add(
        Figure(section="one caller", name="CPU a set-up, in process, kernel's part included", value=cpu)
    )
    report.add(
        Figure(
            section="one caller",
            name="CPU a set-up and teardown, daemon over gRPC",
            value=(daemon.cpu_ms() - before) / set_ups,
        )
    )
    against(report, "cold set-up, in process", in_process, floor, 1.6)
    against(report, "cold set-up, gRPC stream, one caller", grpc, floor, 2.5)
    if "libcni" in slow:
        go = slow["libcni"]
        several = ratio(go, built_in)
        report.judge(
            "ptp + host-local, no tap, against libcni",
            ">= 8x faster",
            several,
            several >= 8,
            f"{several:.1f}x faster",
        )
        for key, most in (("executed", 1.0), ("fresh", 0.75)):
            if key in slow:
                against(report, slow[key].name, slow[key], go, most, "libcni")


def against(report: Report, what: str, one: Runner, below: Runner, most: float, words: str = "floor") -> None:
    """Judge a ratio."""
    found = ratio(one, below)
    p50 = median(one.medians.values())
    report.judge(what, f"<= {most}x {words}", found, found <= most, f"{found:.2f}x ({p50:.2f} ms)")


def masquerade(report: Report, sizes: Sizes, here: World) -> None:
    """ptp with ipMasq by nftables, without and with rules of others."""
    for rules in (0, sizes.rules):
        name = f"ptp + ipMasq (nftables), {rules} rules there"
        try:
            ours = of_peer(
                here, here.start(world.chain("built-in", "built-in-masq")), f"our {name}", sizes.slow_block
            )
            go = of_peer(here, here.start(world.libcni("libcni-masq")), f"libcni {name}", sizes.slow_block)
            if rules:
                world.masquerade_rules(rules)
            take_turns([ours, go], sizes.slow_rounds, sizes.slow_rounds)
        except (Absent, Wrong) as exc:
            report.absent("masquerade", name, str(exc))
            report.judge(name, ">= 10x faster than libcni", None, None, str(exc)[:60])
            continue
        tell(report, "masquerade", [ours, go], ours, "ours")
        several = ratio(go, ours)
        report.judge(name, ">= 10x faster than libcni", several, several >= 10, f"{several:.1f}x faster")


def reservations(report: Report, sizes: Sizes, here: World) -> None:
    """Addresses when many are reserved: in process, and libcni beside it."""
    agent = here.start(world.in_process())
    other = Peer(name="full", argv=agent.argv, network="reserved", next_number=20_000)
    other.process = agent.process
    world.reserve("reserved", sizes.reserved)
    few = of_peer(here, agent, "in process, no reservations", sizes.block)
    many = of_peer(here, other, f"in process, {sizes.reserved} reservations", sizes.block)
    runners = [few, many]
    try:
        world.reserve("libcni-reserved", sizes.reserved)
        go = here.start(world.libcni())
        full = Peer(name="full", argv=go.argv, network="libcni-reserved", next_number=20_000)
        full.process = go.process
        runners += [
            of_peer(here, go, "libcni, no reservations", sizes.slow_block, slow=True),
            of_peer(here, full, f"libcni, {sizes.reserved} reservations", sizes.slow_block, slow=True),
        ]
    except Absent as exc:
        report.absent("reservations", "libcni", str(exc))
    take_turns(runners, sizes.rounds, sizes.slow_rounds)
    tell(report, "reservations", runners, few, "none reserved")
    found = ratio(many, few)
    report.judge(
        f"set-up with {sizes.reserved} reservations",
        "as with none (<= 1.1x)",
        found,
        found <= 1.1,
        f"{found:.2f}x",
    )


@dataclass(slots=True)
class Growth:
    """p50 by live networks, by program: what the first plot shows."""

    by_live: dict[str, dict[int, float]] = field(default_factory=lambda: defaultdict(dict))


def live_networks(report: Report, sizes: Sizes, here: World, growth: Growth, *, ipv6: bool = True) -> None:
    """Set-ups beside many live networks, all of them made by us."""
    section = "live networks" if ipv6 else "live networks, IPv6 off"
    runners = floors(here, sizes)
    own = list(runners)
    holder = here.start(world.in_process(*(() if ipv6 else ("kernel.host_ipv6=false",))))
    holder.next_number = max(sizes.live) + 100
    in_process = of_peer(here, holder, "vmplumbd in process", sizes.block)
    runners.append(in_process)
    go: Runner | None = None
    grpc: Runner | None = None
    if ipv6:
        daemon = here.start(world.daemon())
        grpc = of_peer(
            here, here.start(world.caller(f"unix:{daemon.socket}")), "vmplumbd over gRPC", sizes.block
        )
        runners.append(grpc)
        try:
            go = of_peer(
                here, here.start(world.libcni()), "libcni + reference, no tap", sizes.slow_block, slow=True
            )
            runners.append(go)
        except Absent as exc:
            report.absent(section, "libcni", str(exc))
    first: dict[str, float] = {}
    there = 0
    for live in sizes.live if ipv6 else (0, sizes.live[-2] or sizes.live[-1]):
        if live > there:
            before = world.free_memory_mb()
            holder.job("set_up", there, live - there, 8)
            cost = (before - world.free_memory_mb()) / (live - there) * 1024
            report.add(
                Figure(
                    section=section,
                    name=f"memory a live network costs the machine, to {live}",
                    value=cost,
                    unit="KiB",
                )
            )
            here.devices += live - there
            there = live
            if go is not None:
                world.reserve("libcni", live)
        for one in runners:
            one.samples.clear()
            one.medians.clear()
        take_turns(runners, max(3, sizes.rounds // 2), max(2, sizes.slow_rounds // 2))
        floor = faster(own)
        for one in runners:
            growth.by_live[one.name if ipv6 else f"{one.name}, IPv6 off"][live] = median(one.medians.values())
            report.add(
                Figure(
                    section=section,
                    name=f"{live} live: {one.name}",
                    spread=spread(one.samples),
                    ratio=ratio(one, floor),
                    more={"live": live},
                )
            )
        if not ipv6:
            continue
        first.setdefault("floor", median(floor.medians.values()))
        first.setdefault("ours", median(in_process.medians.values()))
        if live:
            against(report, f"set-up in process at {live} live", in_process, floor, 1.6)
            ours_grew = median(in_process.medians.values()) / first["ours"]
            floor_grew = median(floor.medians.values()) / first["floor"]
            found = ours_grew / floor_grew
            report.judge(
                f"growth to {live} live, ours against the floor's", "<= 1.2x", found, found <= 1.2,
                f"{found:.2f}x ({ours_grew:.1f}x / {floor_grew:.1f}x)",
            )  # fmt: skip
            if go is not None and live in {2000, sizes.live[-1] if sizes is QUICK else 0}:
                several = ratio(go, in_process)
                report.judge(
                    f"libcni at {live} live",
                    ">= 10x faster than libcni",
                    several,
                    several >= 10,
                    f"{several:.1f}x faster",
                )


@dataclass(slots=True)
class Rates:
    """Set-ups and teardowns a second by callers, by program: what the second plot shows."""

    by_callers: dict[str, dict[int, float]] = field(default_factory=lambda: defaultdict(dict))


def many_callers(report: Report, sizes: Sizes, here: World, rates: Rates) -> None:
    """Set-up and teardown of each network, by several callers at once, until the last device is gone."""
    floor = here.start(world.floor())
    agent = here.start(world.in_process())
    daemon = here.start(world.daemon())
    remote = here.start(world.caller(f"unix:{daemon.socket}"))
    ways: list[tuple[str, Peer, str]] = [
        ("C floor, unlinking", floor, "churn"),
        ("C floor, deleting", floor, "churn_delete"),
        ("vmplumbd in process", agent, "churn"),
        ("vmplumbd over gRPC", remote, "churn"),
    ]
    pairs = sizes.operations // 2
    for _, peer, verb in ways:
        base = peer.numbers(20)
        peer.job(verb, base, 20, 4)
        here.settle()
    results: dict[tuple[str, int], list[tuple[float, Told]]] = defaultdict(list)
    for turn in range(sizes.churns):
        for callers in sizes.callers:
            shift = turn % len(ways)
            for name, peer, verb in ways[shift:] + ways[:shift]:
                base = peer.numbers(pairs) % 50_000
                started = time.perf_counter()
                told = peer.job(verb, base, pairs, callers)
                # `settle` ends with a pause of its own, which is not the program's.
                drained = (time.perf_counter() - started) * 1e3 + here.settle()
                results[name, callers].append((2 * pairs / drained * 1e3, told))
    for callers in sizes.callers:
        best = max(median(rate for rate, _ in results[name, callers]) for name, _, _ in ways[:2])
        best_of_all = max(
            median(rate for rate, _ in results[name, n]) for name, _, _ in ways[:2] for n in sizes.callers
        )
        tails: dict[str, tuple[float, float]] = {}
        for name, _, _ in ways:
            runs = results[name, callers]
            rate = median(one for one, _ in runs)
            tails[name] = (
                median(spread(told.up).p50 for _, told in runs),
                median(spread(told.up).p99 for _, told in runs),
            )
            rates.by_callers[name][callers] = rate
            report.add(
                Figure(
                    section="many callers", name=f"{callers} callers: {name}", value=rate, unit="operations/s",
                    ratio=rate / best_of_all, more={"callers": callers},
                    note=f"set-up p50 {tails[name][0]:.2f}  p99 {tails[name][1]:.2f}",
                )
            )  # fmt: skip
        if callers == 1:
            continue
        floor_p99 = min(tails[name][1] for name, _, _ in ways[:2])
        for name, least in (("vmplumbd in process", 0.6), ("vmplumbd over gRPC", 0.4)):
            part = rates.by_callers[name][callers] / best_of_all
            report.judge(
                f"{name}, {callers} callers, operations a second", f">= {least:.0%} of the floor", part, part >= least,
                f"{part:.0%} ({rates.by_callers[name][callers]:.0f} of {best_of_all:.0f}/s; {best:.0f} at {callers})",
            )  # fmt: skip
            p50, p99 = tails[name]
            most = max(3 * p50, floor_p99 + p50)
            report.judge(
                f"{name}, {callers} callers, p99 of a set-up",
                f"<= {most:.1f} ms",
                p99,
                p99 <= most,
                f"{p99:.1f} ms (p50 {p50:.1f})",
            )


def teardown(report: Report, sizes: Sizes, here: World) -> None:
    """The teardown call, many VMs gone, and set-ups meanwhile."""
    agent = here.start(world.in_process())
    daemon = here.start(world.daemon())
    remote = here.start(world.caller(f"unix:{daemon.socket}"))
    for name, peer in (("in process", agent), ("over gRPC", remote)):
        calls: list[float] = []
        for _ in range(max(2, sizes.rounds // 3)):
            base = peer.numbers(sizes.block)
            peer.job("set_up", base, sizes.block)
            calls.extend(peer.job("tear_down", base, sizes.block).down)
            here.settle()
        found = spread(calls)
        report.add(Figure(section="teardown", name=f"teardown call, {name}", spread=found))
        if peer is agent:
            report.judge(
                "teardown call",
                "<= 1 ms",
                found.p50,
                found.p50 <= 1.0,
                f"{found.p50:.2f} ms (p99 {found.p99:.2f})",
            )
    took: list[float] = []
    for _ in range(3):
        base = agent.numbers(sizes.gone)
        agent.job("set_up", base, sizes.gone, 8)
        started = time.perf_counter()
        agent.job("tear_down", base, sizes.gone, MOST_CALLERS)
        took.append((time.perf_counter() - started) * 1e3 + here.settle())
    gone = median(took)
    report.add(
        Figure(section="teardown", name=f"{sizes.gone} VMs gone, in batches, to the last device", value=gone)
    )
    report.judge(f"{sizes.gone} VMs gone, in batches", "<= 1 s", gone, gone <= 1000, f"{gone:.0f} ms")
    drained: list[float] = []
    emptied = here.start(world.in_process(name="drained"))
    for _ in range(3):
        base = emptied.numbers(sizes.gone)
        emptied.job("set_up", base, sizes.gone, 8)
        # The answer comes when devices are gone and addresses free; nothing is left to wait for.
        drained.append(emptied.job("drain", base, sizes.gone).down[0] + here.settle())
    together = median(drained)
    report.add(
        Figure(
            section="teardown",
            name=f"{sizes.gone} VMs gone, as one group on a drain, answered",
            value=together,
        )
    )
    report.judge(
        f"{sizes.gone} VMs gone, as one group", "<= 0.3 s", together, together <= 300, f"{together:.0f} ms"
    )
    base = agent.numbers(sizes.block * 5)
    quiet = spread(agent.job("set_up", base, sizes.block * 5).up)
    agent.job("tear_down", base, sizes.block * 5, 8)
    here.settle()
    base = agent.numbers(sizes.gone)
    agent.job("set_up", base, sizes.gone, 8)
    beside = agent.job("set_up_beside", base, sizes.gone)
    here.devices += len(beside.up)
    here.settle()
    busy = spread(beside.up)
    report.add(Figure(section="teardown", name="set-up in process, nothing else under way", spread=quiet))
    report.add(
        Figure(
            section="teardown", name=f"set-up in process while {sizes.gone} are torn down and reaped", spread=busy,
            ratio=busy.p99 / quiet.p99, note="ratio of p99",
        )
    )  # fmt: skip
    found_ratio = busy.p99 / quiet.p99
    report.judge(
        "set-up p99 during reaping",
        "<= 2x its usual",
        found_ratio,
        found_ratio <= 2,
        f"{found_ratio:.1f}x ({busy.p99:.1f} ms)",
    )


def size_and_start(report: Report, sizes: Sizes, here: World) -> None:
    """Memory of the daemon, and how fast it starts."""
    loaded = subprocess.run(
        [sys.executable, "-c", "import sys, vmplumbd.main; print(*sorted({'pyroute2', 'rich'} & set(sys.modules)))"],
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    peers.byte_compile()
    starts = []
    for number in range(sizes.starts):
        one = world.daemon(name=f"start{number}").start()
        starts.append(one.start_ms)
        one.stop()
    daemon = here.start(world.daemon())
    time.sleep(0.5)
    idle = daemon.resident_mb()
    caller = here.start(world.caller(f"unix:{daemon.socket}"))
    base = caller.numbers(1)
    caller.job("set_up", base, 1)
    caller.job("check", base, 1)
    checked = daemon.resident_mb()
    base = caller.numbers(sizes.records)
    caller.job("set_up", base, sizes.records, 8)
    full = daemon.resident_mb()
    here.devices += sizes.records + 1
    daemon.stop()
    again = Daemon(state_dir=daemon.state_dir, conf_dir=daemon.conf_dir, socket=daemon.socket).start()
    here.programs[here.programs.index(daemon)] = again
    adopted = again.resident_mb()
    section = "memory and start"
    start = median(starts)
    for name, value, unit in (
        ("daemon idle", idle, "MB"),
        ("daemon after the first CHECK", checked, "MB"),
        (f"daemon with {sizes.records} records", full, "MB"),
        (f"daemon with {sizes.records} records, restarted", adopted, "MB"),
        ("a record", (full - checked) * 1024 / sizes.records, "KiB"),
        ("start, to a socket that answers", start, "ms"),
        (f"start with {sizes.records} live networks to adopt", again.start_ms, "ms"),
    ):
        report.add(Figure(section=section, name=name, value=value, unit=unit))
    note = f"loads {loaded}" if loaded else "neither pyroute2 nor rich loaded"
    report.judge("memory idle", "<= 60 MB, lean", idle, idle <= 60 and not loaded, f"{idle:.0f} MB, {note}")
    report.judge("memory after the first CHECK", "<= 80 MB", checked, checked <= 80, f"{checked:.0f} MB")
    report.judge(f"memory with {sizes.records} records", "<= 110 MB", full, full <= 110, f"{full:.0f} MB")
    report.judge("start", "<= 0.5 s", start, start <= 500, f"{start:.0f} ms")


def pool(report: Report, sizes: Sizes, here: World) -> None:
    """Claims from the warm pool: as many as it holds, then a burst of twice as many."""
    size = sizes.pool
    flags = (f"pool.sizes={{}}={size}", "pool.refill_rate=10000")
    agent = here.start(world.in_process(*(one.format("in-process") for one in flags), name="pooled-agent"))
    daemon = here.start(world.daemon(name="pooled", flags=tuple(one.format("grpc") for one in flags)))
    remote = here.start(world.caller(f"unix:{daemon.socket}"))
    floor = here.start(world.floor())
    here.devices += 2 * size
    ways = (("in process", agent, 0.5), ("gRPC", remote, 1.2))
    claims: dict[str, list[float]] = {name: [] for name, _, _ in ways}
    cold: list[float] = []
    for turn in range(sizes.rounds + 1):
        base = floor.numbers(size)
        found = floor.job("set_up", base, size).up
        floor.job("tear_down", base, size)
        here.settle()
        for name, peer, _ in ways:
            peer.job("fill", 0, size)
            base = peer.numbers(size)
            up = peer.job("set_up", base, size).up
            peer.job("tear_down", base, size)
            here.settle()
            if turn:  # the first warms caches
                claims[name].extend(up)
        if turn:
            cold.extend(found)
    below = spread(cold)
    report.add(Figure(section="pool", name="C floor, cold", spread=below, ratio=1.0))
    for name, _, most in ways:
        seen = spread(claims[name])
        report.add(Figure(section="pool", name=f"claim, {name}", spread=seen, ratio=seen.p50 / below.p50))
        report.judge(
            f"claim from the pool, {name}", f"<= {most} ms", seen.p50, seen.p50 <= most,
            f"{seen.p50:.2f} ms ({seen.p50 / below.p50:.2f}x the cold floor)",
        )  # fmt: skip
    for name, peer, _ in ways:
        peer.job("fill", 0, size)
        base = peer.numbers(2 * size)
        told = peer.job("set_up", base, 2 * size, 8)
        seen = spread(told.up)
        rate = 2 * size / told.wall * 1e3
        report.add(
            Figure(
                section="pool", name=f"burst of {2 * size} by 8 callers on a pool of {size}, {name}",
                spread=seen, note=f"{rate:.0f} set-ups a second",
            )
        )  # fmt: skip
        report.judge(
            f"burst of twice the pool, {name}", "reported", rate, True, f"{rate:.0f}/s, p99 {seen.p99:.1f} ms"
        )
        peer.job("tear_down", base, 2 * size, 8)
        here.settle()


# ---- the run ------------------------------------------------------------------------------------


def main() -> int:
    """Run what was asked for. Exit status 0: measured, whatever the verdicts; 2: it cannot be here."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sizes, under a minute; figures are rough")
    parser.add_argument("--only", nargs="+", metavar="SECTION", help="only these sections")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write JSON lines")
    parser.add_argument("--plots", type=Path, metavar="DIRECTORY", help="write the plots as SVG")
    asked = parser.parse_args()
    if (why := hosts.refusal()) is not None:
        print(f"nothing can be measured here: {why}", file=sys.stderr)
        return 2
    sizes = QUICK if asked.quick else FULL
    report, growth, rates = Report(), Growth(), Rates()
    sections: dict[str, Callable[[World], None]] = {
        "one-caller": lambda here: one_caller(report, sizes, here),
        "masquerade": lambda here: masquerade(report, sizes, here),
        "reservations": lambda here: reservations(report, sizes, here),
        "live": lambda here: live_networks(report, sizes, here, growth),
        "live-no-ipv6": lambda here: live_networks(report, sizes, here, growth, ipv6=False),
        "callers": lambda here: many_callers(report, sizes, here, rates),
        "teardown": lambda here: teardown(report, sizes, here),
        "memory": lambda here: size_and_start(report, sizes, here),
        "pool": lambda here: pool(report, sizes, here),
    }
    if asked.only and (unknown := [name for name in asked.only if name not in sections]):
        parser.error(f"no section {', '.join(unknown)}; there are {', '.join(sections)}")
    build()
    about = describe(sizes)
    print(", ".join(f"{key} {value}" for key, value in about.items()))
    for name, act in sections.items():
        if asked.only and name not in asked.only:
            continue
        print(f"\n{name}: {SAYS.get(name, '')}", flush=True)
        try:
            world.in_world(act)
        except (Wrong, Absent) as exc:
            report.absent(name, "the rest of this section", str(exc))
    print("\ntargets")
    for verdict in report.verdicts:
        print(verdict_row(verdict))
    missed = [one for one in report.verdicts if one.met is False]
    print(f"\n{len(report.verdicts)} targets: {sum(one.met is True for one in report.verdicts)} ok, {len(missed)} missed, "
          f"{sum(one.met is None for one in report.verdicts)} without a figure")  # fmt: skip
    if asked.json:
        asked.json.write_text("\n".join(report.lines(about)) + "\n", encoding="utf-8")
    if asked.plots:
        asked.plots.mkdir(parents=True, exist_ok=True)
        if growth.by_live:
            (asked.plots / "latency.svg").write_text(
                plot.lines(growth.by_live, title="Set-up, median", across="live networks", up="ms"),
                encoding="utf-8",
            )
        if rates.by_callers:
            (asked.plots / "throughput.svg").write_text(
                plot.lines(
                    rates.by_callers, title="Set-ups and teardowns a second", across="callers", up="a second"
                ),
                encoding="utf-8",
            )
    return 0


def build() -> None:
    """Make the peers where there is a network, which a section's private host has not."""
    for act in (peers.build_floor, peers.build_libcni, peers.reference_plugins):
        # The row of a peer that cannot be made says why.
        with contextlib.suppress(Absent, Wrong):
            act()


SAYS = {
    "one-caller": "set-ups one at a time on an empty host; ms, then the ratio to the floor",
    "masquerade": "ptp with ipMasq through nftables; ms, then the ratio to ours",
    "reservations": "addresses when many are reserved; ms, then the ratio to none",
    "live": "set-ups beside live networks; ms, then the ratio to the floor at the same number",
    "live-no-ipv6": "the same with kernel.host_ipv6 = false, all live networks made so",
    "callers": "set-up and teardown by several callers; operations a second, then the part of the floor's best",
    "teardown": "the call, and what goes on behind it",
    "memory": "the daemon's size and start",
    "pool": "claims from warm pools; ms, then the ratio to the cold floor",
}


def describe(sizes: Sizes) -> dict[str, Any]:
    """What was measured, where."""
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False, cwd=peers.ROOT
    )
    return {
        "commit": done.stdout.strip() or "unknown",
        "kernel": platform.release(),
        "cpus": os.cpu_count(),
        "python": platform.python_version(),
        "form": "quick" if sizes is QUICK else "full",
        "load": round(os.getloadavg()[0], 1),
    }


if __name__ == "__main__":
    raise SystemExit(main())
