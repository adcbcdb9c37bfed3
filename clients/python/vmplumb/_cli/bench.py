"""A measurement of an agent on its own host: networks are set up and torn down, and every call is timed.

Whatever ends a measurement, no network of its own is left behind that the agent can take back.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import math
import secrets
import signal
import statistics
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.text import Text

from vmplumb._cli import words
from vmplumb._client import Client
from vmplumb._errors import VmplumbError
from vmplumb._follow import ProgressEvent
from vmplumb.v1.vm_network_pb2 import STEP_STATE_STARTED, NetworkSpec

PREFIX = "bench-"
# What a teardown that ends a measurement may take, in seconds: the deadline of the command is for measuring.
_TAKE_BACK = 120.0
# Networks that are made once more, for their steps. That takes calls that are not measured.
_SAMPLE = 50
ELSEWHERE = "elsewhere"


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One call as its caller saw it, and how long each step of the agent took in it, if asked. Seconds."""

    seconds: float
    steps: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Spread:
    """What a number of durations have in common. Seconds."""

    count: int
    p50: float
    p90: float
    p99: float
    most: float
    sum: float

    @classmethod
    def of(cls, durations: Sequence[float]) -> Spread:
        """The spread of at least one duration. A percentile is one of the durations: the nearest rank."""
        ranked = sorted(durations)
        p50, p90, p99 = (ranked[math.ceil(len(ranked) * one / 100) - 1] for one in (50, 90, 99))
        return cls(count=len(ranked), p50=p50, p90=p90, p99=p99, most=ranked[-1], sum=math.fsum(ranked))


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """What was measured: as many set-ups as teardowns, in `seconds` altogether.

    `stepwise`: set-ups and teardowns after those, whose steps were told.
    """

    network: str
    agent: str
    concurrency: int
    seconds: float
    set_ups: tuple[Call, ...]
    teardowns: tuple[Call, ...]
    stepwise: tuple[tuple[Call, ...], tuple[Call, ...]]

    @property
    def operations(self) -> int:
        """Set-ups and teardowns together."""
        return len(self.set_ups) + len(self.teardowns)

    @property
    def rate(self) -> float:
        """Operations a second."""
        return self.operations / self.seconds

    def document(self) -> dict[str, Any]:
        """For programs."""
        return {
            "network": self.network,
            "agent": self.agent,
            "concurrency": self.concurrency,
            "seconds": self.seconds,
            "operations": self.operations,
            "operations_per_second": self.rate,
            "set_up": _document(self.set_ups, self.stepwise[0]),
            "tear_down": _document(self.teardowns, self.stepwise[1]),
        }


def _document(calls: Sequence[Call], stepwise: Sequence[Call]) -> dict[str, Any]:
    return {
        **_figures(Spread.of([one.seconds for one in calls])),
        "mean": statistics.fmean(one.seconds for one in calls),
        "steps": [{"step": name, **_figures(one), "share": share} for name, one, share in steps(stepwise)],
    }


def _figures(one: Spread) -> dict[str, float]:
    return {"count": one.count, "p50": one.p50, "p90": one.p90, "p99": one.p99, "max": one.most}


def steps(calls: Sequence[Call]) -> Iterator[tuple[str, Spread, float]]:
    """(step, spread, share of all time), in the order in which they came.

    The last one is what lies outside of the agent's steps: its queue and journal, gRPC, and this side. A teardown
    so quick that its end alone was told is not among them.
    """
    calls = [one for one in calls if one.steps]
    if not calls:
        return
    whole = math.fsum(one.seconds for one in calls)
    for name in dict.fromkeys(name for one in calls for name in one.steps):
        spread = Spread.of([one.steps[name] for one in calls if name in one.steps])
        yield name, spread, spread.sum / whole
    rest = Spread.of([max(0.0, one.seconds - math.fsum(one.steps.values())) for one in calls])
    yield ELSEWHERE, rest, rest.sum / whole


class LeftBehind(Exception):
    """Networks of a measurement that could not be taken back, each with the reason."""

    def __init__(self, left: Mapping[str, VmplumbError]) -> None:
        super().__init__(", ".join(left))
        self.left = dict(left)


@dataclass(slots=True)
class _Watch:
    """Tells which step an operation's time went to, by the agent's clock.

    What passed between two events is the step's that the later one tells of, unless it tells that it began:
    of a step that is quick nothing but its end may come.
    """

    last: dt.datetime | None = None
    took: dict[str, float] = field(default_factory=dict)

    def __call__(self, event: ProgressEvent) -> None:
        told = event.progress
        if told.state != STEP_STATE_STARTED:
            if self.last is not None:
                took = (event.time - self.last).total_seconds()
            else:
                took = told.plugin_call.duration.ToTimedelta().total_seconds()
            name = words.step(told.step)
            self.took[name] = self.took.get(name, 0.0) + max(0.0, took)
        self.last = event.time


class Bench:
    """One measurement, by threads that share a client. Its VMs' ids begin with `prefix`, and are nobody else's."""

    def __init__(self, client: Client, network: str, spec: NetworkSpec) -> None:
        """Nothing is asked of the agent yet."""
        self._client, self._network, self._spec = client, network, spec
        self.prefix = f"{PREFIX}{secrets.token_hex(4)}-"
        self._stop = threading.Event()
        # Ids whose set-up was asked for and whose teardown was not answered yet.
        self._open: set[str] = set()
        self._lock = threading.Lock()

    def run(
        self,
        *,
        count: int,
        concurrency: int,
        deadline: float | None = None,
        told: Callable[[], object] = lambda: None,
    ) -> Report:
        """Set up and tear down `count` networks, after one that is not counted; `told` is called after each.

        Up to 50 more follow, of which the steps are asked for: a quick set-up is told of by its end alone, and
        by its steps when it is asked for again.

        Raises what the agent refuses, before the first effect if it refuses the request or the network, and
        LeftBehind. Whatever it raises, what it began is taken back before.
        """
        until = math.inf if deadline is None else time.monotonic() + deadline
        self._client.validate(f"{self.prefix}0", self._spec, timeout=_left(until))
        status = self._client.status(timeout=_left(until))
        with ThreadPoolExecutor(concurrency, thread_name_prefix="bench") as pool:
            try:
                pool.submit(self._one, 0, until).result()
                began = time.perf_counter()
                made, gone = self._several(pool, range(1, count + 1), until, told)
                seconds = time.perf_counter() - began
                more = range(count + 1, count + 1 + min(count, _SAMPLE))
                stepwise = self._several(pool, more, until, lambda: None, stepwise=True)
            finally:
                self._stop.set()
                self._end_what_runs()
                pool.shutdown(wait=True, cancel_futures=True)
                self._take_back()
        return Report(
            network=self._network,
            agent=f"{status.agent_name} {status.agent_version}",
            concurrency=concurrency,
            seconds=seconds,
            set_ups=made,
            teardowns=gone,
            stepwise=stepwise,
        )

    def _several(
        self,
        pool: ThreadPoolExecutor,
        numbers: Iterable[int],
        until: float,
        told: Callable[[], object],
        *,
        stepwise: bool = False,
    ) -> tuple[tuple[Call, ...], tuple[Call, ...]]:
        calls = [pool.submit(self._one, number, until, stepwise=stepwise) for number in numbers]
        for each in calls:
            each.add_done_callback(lambda _: told())
        # The first failure is enough; what is left then is cancelled by who called.
        for one in wait(calls, return_when=FIRST_EXCEPTION).done:
            one.result()
        both = [one.result() for one in calls]
        return tuple(made for made, _ in both), tuple(gone for _, gone in both)

    def _one(self, number: int, until: float, *, stepwise: bool = False) -> tuple[Call, Call]:
        vm_id = f"{self.prefix}{number}"
        with self._lock:
            if self._stop.is_set():
                raise _Stopped
            self._open.add(vm_id)
        made, gone = _Watch(), _Watch()
        began = time.perf_counter()
        self._client.set_up(vm_id, self._spec, timeout=_left(until))
        set_up = time.perf_counter() - began
        if stepwise:
            self._client.set_up(vm_id, self._spec, on_progress=made, timeout=_left(until))
        began = time.perf_counter()
        self._tear_down(vm_id, gone)
        torn_down = time.perf_counter() - began
        return Call(seconds=set_up, steps=made.took), Call(seconds=torn_down, steps=gone.took)

    def _tear_down(self, vm_id: str, watch: _Watch) -> None:
        self._client.tear_down(vm_id, wait_for_devices=True, on_progress=watch, timeout=_TAKE_BACK)
        with self._lock:
            self._open.discard(vm_id)

    def _end_what_runs(self) -> None:
        """A teardown ends a set-up that runs. One that is on its way comes after it: `_take_back` has it."""
        for vm_id in self._still_open():
            try:
                self._client.tear_down(vm_id, timeout=_TAKE_BACK)
            except VmplumbError:
                continue

    def _take_back(self) -> None:
        """Nothing is asked for by anybody any more: tear down what is left."""
        left: dict[str, VmplumbError] = {}
        for vm_id in self._still_open():
            try:
                self._tear_down(vm_id, _Watch())
            except VmplumbError as exc:
                left[vm_id] = exc
        if left:
            raise LeftBehind(left)

    def _still_open(self) -> list[str]:
        with self._lock:
            return sorted(self._open)


class _Stopped(Exception):
    """The measurement ended before this network began."""


@contextlib.contextmanager
def interrupted_once(console: Console) -> Iterator[None]:
    """SIGINT, SIGTERM and SIGHUP raise KeyboardInterrupt, the first of them: what follows is not cut short by
    a second. For the main thread."""
    seen = False

    def end(_number: int, _frame: object) -> None:
        nonlocal seen
        if seen:
            return
        seen = True
        console.print(Text("interrupted: taking back what was begun"), soft_wrap=True)
        raise KeyboardInterrupt

    before = {one: signal.signal(one, end) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def tell(report: Report, console: Console) -> None:
    """The report as text."""
    console.print(
        Text(
            f"{report.network} at {report.agent}: {report.operations} operations, {report.concurrency} at a"
            f" time, in {words.span(report.seconds)}: {report.rate:.1f} a second"
        ),
        soft_wrap=True,
    )
    kinds = (
        ("set-up", report.set_ups, report.stepwise[0]),
        ("teardown", report.teardowns, report.stepwise[1]),
    )
    rows = [("", "p50", "p90", "p99", "max", "share")]
    for kind, calls, stepwise in kinds:
        rows.append((kind, *_spans(Spread.of([one.seconds for one in calls])), "100%"))
        rows += [(f"  {name}", *_spans(one), f"{share:.0%}") for name, one, share in steps(stepwise)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    for head, row in enumerate(rows):
        cells = [row[0].ljust(widths[0]), *(text.rjust(widths[1 + at]) for at, text in enumerate(row[1:]))]
        style = "bright_black" if not head else "" if row[0].startswith(" ") else "bold"
        console.print(Text("  ".join(cells), style), soft_wrap=True)


def _spans(one: Spread) -> tuple[str, str, str, str]:
    return words.span(one.p50), words.span(one.p90), words.span(one.p99), words.span(one.most)


def _left(until: float) -> float | None:
    # A call with nothing left still says so itself, as DEADLINE_EXCEEDED.
    return None if until == math.inf else max(0.001, until - time.monotonic())
