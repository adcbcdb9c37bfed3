"""Prometheus metrics: calls, operations with their steps and plugins, and what the agent holds at the moment.

Loaded only where metrics are on. What is counted as it happens is counted at the end of a call or an operation; all
else is read when somebody asks. No label has a value that a caller may choose: types of executed plugins, the one kind
that could, are told apart up to a number.
"""

from __future__ import annotations

import collections
import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from vmplumbd.errors import Reason
from vmplumbd.model.lifecycle import Phase
from vmplumbd.model.progress import StepState
from vmplumbd.model.spec import BUILT_IN_PLUGINS
from vmplumbd.observe import steps
from vmplumbd.observe.calls import Call
from vmplumbd.operations import addresses
from vmplumbd.operations.agent import Agent
from vmplumbd.operations.book import Kind, Operation

# Seconds: a built-in step takes tenths of a millisecond, an executed plugin some, a wedged one minutes.
BUCKETS = (
    *(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5),
    *(1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0),
)
# Types of executed plugins that are told apart; the rest is "other".
PLUGIN_TYPES = 32
# Ranges of addresses that are told; beyond that their number is.
RANGES = 256
CONTENT_TYPE = CONTENT_TYPE_LATEST
_PHASES = (Phase.SETTING_UP, Phase.READY, Phase.FAILED, Phase.TEARING_DOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """What runs."""

    version: str
    contract: str


class Metrics:
    """All of it, for one agent. `text` may be asked on any thread, and blocks for the host's files."""

    def __init__(
        self,
        agent: Agent,
        build: Build,
        *,
        journal: str,
        calls_open: Callable[[], int],
        out_of_fleet: Callable[[], bool],
    ) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call, unused-ignore]  # a time series more for each, asked by nobody
        self._registry = registry = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=registry)
        registry.register(_Held(agent, build, journal, calls_open, out_of_fleet))
        labels = ("grpc_type", "grpc_service", "grpc_method")
        self._started = Counter("grpc_server_started", "Calls that began.", labels, registry=registry)
        self._handled = Counter(
            "grpc_server_handled", "Calls that ended, by code.", (*labels, "grpc_code"), registry=registry
        )
        self._handling = Histogram(
            "grpc_server_handling_seconds",
            "How long calls took.",
            labels,
            registry=registry,
            buckets=BUCKETS,
        )
        self._operations = Counter(
            "vmplumb_operations", "Operations that ended, by reason.", ("kind", "reason"), registry=registry
        )
        self._operation = Histogram(
            "vmplumb_operation_seconds",
            "From when an operation was admitted to its end.",
            ("kind",),
            registry=registry,
            buckets=BUCKETS,
        )
        self._step = Histogram(
            "vmplumb_step_seconds",
            "Steps of operations that ended, waiting for the step's turn included.",
            ("kind", "step"),
            registry=registry,
            buckets=BUCKETS,
        )
        self._plugin = Histogram(
            "vmplumb_plugin_seconds",
            "Calls of plugins.",
            ("type", "command"),
            registry=registry,
            buckets=BUCKETS,
        )
        self._plugin_failures = Counter(
            "vmplumb_plugin_failures", "Calls of plugins that failed.", ("type", "command"), registry=registry
        )
        self._retries = Counter(
            "vmplumb_retries",
            "Attempts that failed and were made again.",
            ("step", "reason"),
            registry=registry,
        )
        for kind in Kind:
            # A counter that is born with its first event has no increase: alerts look at these.
            for reason in (_OK, Reason.INTERNAL.value, Reason.JOURNAL_FAILED.value):
                self._operations.labels(kind.value, reason)
            self._operation.labels(kind.value)
        self._types = _Bounded(frozenset(BUILT_IN_PLUGINS), PLUGIN_TYPES)

    def started(self, call: Call) -> None:
        """A call began."""
        self._started.labels(call.kind, call.service, call.method).inc()

    def handled(self, call: Call, code: str, seconds: float) -> None:
        """A call ended."""
        # The ecosystem writes codes as Go does: NOT_FOUND is NotFound, but OK is OK.
        told = code if code == _OK else "".join(part.capitalize() for part in code.split("_"))
        self._handled.labels(call.kind, call.service, call.method, told).inc()
        self._handling.labels(call.kind, call.service, call.method).observe(seconds)

    def ended(self, operation: Operation) -> None:
        """An operation ended. Takes some microseconds, on its own thread, when its caller has been answered."""
        log = operation.log
        kind = operation.kind.value
        for one in steps.attempts(log):
            for told in one.calls:
                labels = (self._types.of(told.call.type), told.call.command)
                self._plugin.labels(*labels).observe(told.call.duration)
                if told.call.failed:
                    self._plugin_failures.labels(*labels).inc()
            if one.state is StepState.RETRYING:
                why = one.failure.reason if one.failure is not None else Reason.INTERNAL
                self._retries.labels(one.name, why.value).inc()
            else:
                self._step.labels(kind, one.name).observe(max(0.0, one.ended - one.first_begun))
        entries = log.since(0)
        last = entries[-1].time if entries else log.begun
        reason = _OK if log.error is None else log.error.reason.value
        self._operations.labels(kind, reason).inc()
        self._operation.labels(kind).observe(max(0.0, last - log.begun))

    def text(self) -> bytes:
        """Everything, as Prometheus reads it."""
        return generate_latest(self._registry)


_OK = "OK"


class _Bounded:
    """Names that somebody may choose, told apart up to a number."""

    def __init__(self, known: frozenset[str], most: int) -> None:
        self._known = set(known)
        self._most = len(known) + most
        self._mutex = threading.Lock()

    def of(self, name: str) -> str:
        if name in self._known:
            return name
        with self._mutex:
            if len(self._known) < self._most:
                self._known.add(name)
        return name if name in self._known else "other"


class _Held(Collector):
    """What the agent holds and does at the moment of asking."""

    def __init__(
        self,
        agent: Agent,
        build: Build,
        journal: str,
        calls_open: Callable[[], int],
        out_of_fleet: Callable[[], bool],
    ) -> None:
        self._agent = agent
        self._build = build
        self._journal = journal
        self._calls_open = calls_open
        self._out_of_fleet = out_of_fleet

    def collect(self) -> Iterable[Metric]:
        """One family after the other. Blocks for the host's files."""
        yield from self._work()
        yield from self._networks()
        yield from self._addresses()
        yield from self._pools()
        yield from self._leaks()

    def _work(self) -> Iterator[Metric]:
        agent, tools = self._agent, self._agent.tools
        build = GaugeMetricFamily("vmplumb_build_info", "What runs.", labels=("version", "contract"))
        build.add_metric((self._build.version, self._build.contract), 1)
        yield build
        yield _gauge("vmplumb_start_time_seconds", "When the agent started.", agent.started)
        yield _gauge("vmplumb_ready", "Whether a set-up would be accepted.", agent.ready)
        yield _gauge("vmplumb_cordoned", "Whether an operator wants none to be.", agent.cordon is not None)
        yield _gauge(
            "vmplumb_out_of_fleet",
            "Whether the agent should be told of in a fleet, and is not.",
            self._out_of_fleet(),
        )
        yield _gauge(
            "vmplumb_problems", "Things an operator should look at: GetStatus has them.", len(agent.problems)
        )
        yield _gauge("vmplumb_calls_open", "Calls of the agent's service that are open.", self._calls_open())
        yield _gauge(
            "vmplumb_operations_admitted", "Operations under way, queued or parked.", tools.lanes.admitted
        )
        yield _gauge("vmplumb_operations_limit", "How many operations may be.", tools.lanes.limit)
        yield _by(
            "vmplumb_lane_queued",
            "Work that waits for a thread of its lane.",
            ("lane",),
            [((lane.value,), count) for lane, count in tools.lanes.waiting().items()],
        )

    def _networks(self) -> Iterator[Metric]:
        tools = self._agent.tools
        phases = collections.Counter(one.phase for one in tools.book.records())
        yield _by(
            "vmplumb_networks",
            "Networks that the agent has a record of.",
            ("phase",),
            [((phase.name,), phases[phase]) for phase in _PHASES],
        )
        yield _gauge("vmplumb_networks_limit", "How many networks may be.", tools.settings.max_networks)
        releases = tools.book.releases()
        failed = sum(one.attempts > 0 for one in releases)
        yield _gauge(
            "vmplumb_releases_pending", "What is still owed for networks that are gone.", len(releases)
        )
        yield _gauge("vmplumb_releases_failed", "Of these, what failed at least once.", failed)
        size = 0
        for path in (self._journal, f"{self._journal}-wal"):
            with contextlib.suppress(OSError):
                size += Path(path).stat().st_size
        yield _gauge("vmplumb_journal_bytes", "The journal with its log.", size)

    def _addresses(self) -> Iterator[Metric]:
        every = list(addresses.usage(self._agent.tools))
        told = every[:RANGES]
        labels = ("network", "range")
        rows = [((one.network, one.found.ranges), one.found) for one in told]
        yield _by(
            "vmplumb_addresses", "Addresses of a range.", labels, [(key, found.size) for key, found in rows]
        )
        yield _by(
            "vmplumb_addresses_free",
            "Addresses of a range that nobody holds.",
            labels,
            [(key, found.size - found.taken) for key, found in rows],
        )
        left_out = len(every) - len(told)
        yield _gauge(
            "vmplumb_address_ranges_left_out", "Ranges of addresses that are too many to be told.", left_out
        )

    def _pools(self) -> Iterator[Metric]:
        pools = self._agent.pools()
        labels = ("network",)
        yield _by(
            "vmplumb_pool_depth", "Members ready.", labels, [((one.network,), one.depth) for one in pools]
        )
        yield _by(
            "vmplumb_pool_size", "Members wanted.", labels, [((one.network,), one.size) for one in pools]
        )
        for name, what, counted in (
            ("vmplumb_pool_hits", "Set-ups that claimed a member.", [one.hits for one in pools]),
            ("vmplumb_pool_misses", "Set-ups that found none.", [one.misses for one in pools]),
        ):
            family = CounterMetricFamily(name, what, labels=labels)
            for pool, count in zip(pools, counted, strict=True):
                family.add_metric((pool.network,), count)
            yield family

    def _leaks(self) -> Iterator[Metric]:
        if self._agent.diagnosed is None:
            return
        when, found = self._agent.diagnosed
        yield _gauge("vmplumb_diagnosed_timestamp_seconds", "When the host was last diagnosed.", when)
        counted = collections.Counter((one.kind.name, one.would_do.name) for one in found.findings)
        yield _by(
            "vmplumb_findings",
            "What the views did not agree about then, by what would be done.",
            ("kind", "action"),
            sorted(counted.items()),
        )


def _gauge(name: str, what: str, value: float) -> Metric:
    return GaugeMetricFamily(name, what, value=value)


def _by(name: str, what: str, labels: Sequence[str], rows: Iterable[tuple[Sequence[str], float]]) -> Metric:
    family = GaugeMetricFamily(name, what, labels=labels)
    for values, number in rows:
        family.add_metric(values, number)
    return family
