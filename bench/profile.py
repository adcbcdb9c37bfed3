"""Where the time of one set-up goes: an agent in this process, its seams timed, each second counted once.

    python -m bench.profile [--count 200] [--claims] [--json FILE] [--set SECTION.KEY=VALUE]

With --claims each one claims a member of a warm pool, which is full before it begins and made full again after it
ended.

What is timed inside something timed is taken from it, so the parts add up to the whole. The clock costs
some tenths of a microsecond a seam; the whole is measured without it as well.
"""

from __future__ import annotations

import argparse
import functools
import io
import json
import statistics
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import in_process, world
from bench.world import World
from vmplumbd import config, main, vmconf
from vmplumbd.cni.cache import Cache
from vmplumbd.journal.store import SqliteJournal
from vmplumbd.kernel import device, netns, requests, sysctl, tap
from vmplumbd.kernel.ahead import Asked
from vmplumbd.kernel.linux import LinuxKernel
from vmplumbd.kernel.rtnl import Channel
from vmplumbd.model.ids import VmId
from vmplumbd.observe.log import Log
from vmplumbd.operations import chain, lanes, set_up
from vmplumbd.operations.agent import Agent
from vmplumbd.operations.book import Operation
from vmplumbd.operations.events import EventLog
from vmplumbd.operations.tear_down import TearDownOrder
from vmplumbd.plugins.host_local import allocator
from vmplumbd.plugins.host_local.store import Store

NETWORK = "in-process"
# Longer than a claim takes, so that the next member is made in nobody's time. Seconds.
_REFILLED_AFTER = 0.02

# The seams, by what they are for. What none of them covers is "python in between".
SEAMS: tuple[tuple[str, object, str], ...] = (
    ("kernel: namespace (unshare, socket, tun, bind mount)", netns, "create"),
    ("kernel: namespace, begun ahead: waited for", Asked, "wait"),
    ("kernel: namespace, begun ahead: bind mount", netns, "name"),
    ("kernel: a member's namespace moved", netns, "move"),
    ("kernel: a member's namespace entered", netns, "open_existing"),
    ("kernel: netlink", Channel, "exchange"),
    ("kernel: tap", tap, "claim"),
    ("kernel: tap", tap, "persist"),
    ("kernel: links told by ioctl", device, "look"),
    ("kernel: settings", sysctl, "read"),
    ("kernel: settings", sysctl, "write"),
    ("kernel: whose address is it", LinuxKernel, "is_own_address"),
    ("messages encoded", requests, "encode"),
    ("journal", SqliteJournal, "put"),
    ("journal", SqliteJournal, "claim"),
    ("reservation", allocator, "allocate"),
    ("reservation", Store, "_take"),
    ("reservation", Store, "stamp"),
    ("cache file", Cache, "write"),
    ("conflist, paths, plugins looked at", set_up, "prepare"),
    ("conflist, paths, plugins looked at", chain, "check_plugins"),
    ("a former life looked for", chain, "has_traces"),
    ("answer computed", vmconf, "outcome"),
    ("events", EventLog, "tell"),
    ("request taken, operation begun", Agent, "set_up"),
)


class Clock:
    """Exclusive time by name, for all threads."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = defaultdict(float)
        self.calls: dict[str, int] = defaultdict(int)
        self._stacks = threading.local()

    def wrap(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, timed."""

        @functools.wraps(function)
        def timed(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - whatever is wrapped
            stack = self._stacks.__dict__.setdefault("open", [])
            stack.append(0.0)
            started = time.perf_counter()
            try:
                return function(*arguments, **named)
            finally:
                took = time.perf_counter() - started
                self.spent[name] += took - stack.pop()
                self.calls[name] += 1
                if stack:
                    stack[-1] += took

        return timed


def profile(here: World, count: int, flags: list[str], *, claims: bool) -> dict[str, Any]:
    """Set up `count` networks without the clock and `count` with it; answers milliseconds a set-up."""
    if claims:
        flags = [f"pool.sizes={NETWORK}=8", f"pool.refill_rate={1 / _REFILLED_AFTER}", *flags]
    given = {"paths.state_dir": str(world.TOP / "state"), "paths.conf_dir": str(world.CONF_DIR)}
    given |= dict(flag.split("=", 1) for flag in flags)
    daemon = main.build(config.load(None, {}, given), Log(io.StringIO(), level="error"))
    agent, order = daemon.agent, in_process.order(NETWORK)

    def made(base: int) -> list[float]:
        took = []
        for number in range(base, base + count):
            in_process.fill_pools(agent)
            started = time.perf_counter()
            ended(agent.set_up(VmId(f"p{number}"), order))
            took.append((time.perf_counter() - started) * 1e3)
        for number in range(base, base + count):
            ended(agent.tear_down(VmId(f"p{number}"), TearDownOrder(timeout=60.0)))
        here.settle()
        return took

    in_process.fill_pools(agent)
    here.devices = world.count_devices()  # members stand
    made(0)  # caches are warm after it
    plain = made(count)
    clock = Clock()
    for name, owner, attribute in SEAMS:
        setattr(owner, attribute, clock.wrap(name, getattr(owner, attribute)))
    on_lane = lanes.Lanes._advance  # noqa: SLF001 - the whole of what runs on a lane
    lanes.Lanes._advance = clock.wrap("python in between", on_lane)  # type: ignore[method-assign]  # noqa: SLF001
    parts: dict[str, list[float]] = defaultdict(list)
    took = []
    for number in range(10 * count, 11 * count):
        in_process.fill_pools(agent)
        daemon.lanes.drained(60.0)
        clock.spent.clear()
        started = time.perf_counter()
        operation = agent.set_up(VmId(f"p{number}"), order)
        ended(operation)
        took.append((time.perf_counter() - started) * 1e3)
        daemon.lanes.drained(60.0)  # the lane's own clock is read at its end
        for name, seconds in clock.spent.items():
            parts[name].append(seconds * 1e3)
    # A shared machine stalls now and then: medians, as everywhere.
    spent = {name: statistics.median([*each, *[0.0] * (count - len(each))]) for name, each in parts.items()}
    spent = {name: value for name, value in spent.items() if value}
    calls = {name: number / count for name, number in clock.calls.items()}
    for number in range(10 * count, 11 * count):
        ended(agent.tear_down(VmId(f"p{number}"), TearDownOrder(timeout=60.0)))
    here.settle()
    daemon.close()
    whole = statistics.median(took)
    spent["handed over between threads"] = whole - sum(spent.values())
    fastest = sorted(plain)[len(plain) // 20]  # what a busy machine shows of an idle one
    return {
        "plain": statistics.median(plain),
        "fastest": fastest,
        "timed": whole,
        "spent": spent,
        "calls": calls,
    }


def ended(operation: Operation | None) -> None:
    """Wait for the end. Raises the operation's error."""
    if operation is None:
        raise RuntimeError("nothing to tear down")
    operation.wait()
    if operation.log.error is not None:
        raise operation.log.error


def run() -> None:
    """Print the parts, the largest first."""
    parser = argparse.ArgumentParser(prog="python -m bench.profile", description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--claims", action="store_true")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE")
    asked = parser.parse_args()
    main.tune_interpreter()
    found = world.in_world(lambda here: profile(here, asked.count, asked.set, claims=asked.claims))
    how = "claimed from a pool" if asked.claims else "cold"
    print(
        f"one set-up, {how}, in process: p50 {found['plain']:.2f} ms, the fastest twentieth within "
        f"{found['fastest']:.2f} ms; with the clock p50 {found['timed']:.2f} ms"
    )
    for name, spent in sorted(found["spent"].items(), key=lambda item: -item[1]):
        print(
            f"  {name:56} {spent:7.3f} ms  {spent / found['timed']:4.0%}  {found['calls'].get(name, 0):5.1f} calls"
        )
    if asked.json:
        asked.json.write_text(json.dumps(found) + "\n", encoding="utf-8")


if __name__ == "__main__":
    run()
