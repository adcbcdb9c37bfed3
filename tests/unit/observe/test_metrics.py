"""Metrics: what an operation's events become, and that no label is a caller's."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, cast

from prometheus_client.parser import text_string_to_metric_families

from tests.fakes.clock import Clock
from vmplumbd.errors import AddFailed, PluginError, Reason
from vmplumbd.model.findings import Action, Finding
from vmplumbd.model.ids import Uid, VmId
from vmplumbd.model.lifecycle import Phase
from vmplumbd.model.progress import Failure, PluginCall, ResourceKind, Step, StepEvent, StepState
from vmplumbd.model.record import Cordon
from vmplumbd.observe.metrics import PLUGIN_TYPES, Build, Metrics
from vmplumbd.operations.book import Kind, Operation
from vmplumbd.operations.doctor import Diagnosis
from vmplumbd.operations.events import EventLog
from vmplumbd.operations.lanes import LaneName
from vmplumbd.operations.pool import PoolState
from vmplumbd.rpc.seen import Call

Sample = tuple[str, tuple[tuple[str, str], ...]]


@dataclass
class Having:
    """As much of an agent, its tools, lanes, book and settings as the metrics look at."""

    started: float = 5.0
    ready: bool = True
    problems: tuple[Failure, ...] = ()
    cordon: Cordon | None = None
    diagnosed: tuple[float, Diagnosis] | None = None
    admitted: int = 3
    limit: int = 1000
    max_networks: int = 4000
    conf_dir: str = "/nowhere"
    phases: tuple[Phase, ...] = ()
    tries: tuple[int, ...] = ()
    pool: tuple[PoolState, ...] = ()
    tools: Any = field(init=False)

    def __post_init__(self) -> None:
        self.tools = self

    def __getattr__(self, name: str) -> Any:
        if name in {"lanes", "book", "settings", "defaults"}:
            return self
        raise AttributeError(name)

    def pools(self) -> tuple[PoolState, ...]:
        return self.pool

    def waiting(self) -> dict[LaneName, int]:
        return {LaneName.BUILT_IN: 2, LaneName.EXEC: 0, LaneName.TEAR_DOWN: 1}

    def records(self) -> list[Any]:
        return [_Phased(one) for one in self.phases]

    def releases(self) -> list[Any]:
        return [_Tried(one) for one in self.tries]


@dataclass
class _Phased:
    phase: Phase


@dataclass
class _Tried:
    attempts: int


def made(
    agent: Having | None = None, journal: str = "/nowhere/journal.db", *, out_of_fleet: bool = False
) -> Metrics:
    build = Build(version="0.1.0", contract="1.0.0")
    return Metrics(
        cast("Any", agent or Having()),
        build,
        journal=journal,
        calls_open=lambda: 4,
        out_of_fleet=lambda: out_of_fleet,
    )


def samples(metrics: Metrics) -> dict[Sample, float]:
    """What Prometheus would read."""
    return {
        (one.name, tuple(sorted(one.labels.items()))): one.value
        for family in text_string_to_metric_families(metrics.text().decode())
        for one in family.samples
    }


def operation(clock: Clock, kind: Kind = Kind.SET_UP) -> Operation:
    return Operation(kind=kind, vm_id=VmId("vm-1"), uid=Uid("u"), spec_hash=b"", log=EventLog(clock))


def test_steps_plugins_retries_and_the_end_of_an_operation_are_counted() -> None:
    clock = Clock()
    one = operation(clock)
    failed = Failure(reason=Reason.CNI_ADD_FAILED, message="no")
    events: list[tuple[float, StepEvent]] = [
        (0.001, StepEvent(step=Step.CNI_LOAD, state=StepState.SUCCEEDED)),
        (0.002, StepEvent(step=Step.NETNS, state=StepState.STARTED)),
        (0.010, StepEvent(step=Step.NETNS, state=StepState.SUCCEEDED)),
        (0.0, StepEvent(step=Step.CNI_ADD, state=StepState.STARTED)),
        (
            0.2,
            StepEvent(step=Step.CNI_ADD, state=StepState.PLUGIN_CALLED, plugin_call=call("ptp", 0.2, True)),
        ),
        (0.0, StepEvent(step=Step.CNI_ADD, state=StepState.RETRYING, failure=failed)),
        (1.0, StepEvent(step=Step.CNI_ADD, state=StepState.STARTED, attempt=2)),
        (
            0.3,
            StepEvent(step=Step.CNI_ADD, state=StepState.PLUGIN_CALLED, plugin_call=call("ptp", 0.3, False)),
        ),
        (0.0, StepEvent(step=Step.CNI_ADD, state=StepState.SUCCEEDED, attempt=2)),
    ]
    one.log.flush()  # somebody reads along: every event is let out
    for later, event in events:
        clock.time += later
        one.log.tell(event)
    clock.time += 0.5
    one.log.finish()
    metrics = made()
    metrics.ended(one)
    found = samples(metrics)
    assert {key: round(value, 6) for key, value in found.items() if key[0] == "vmplumb_step_seconds_sum"} == {
        ("vmplumb_step_seconds_sum", (("kind", "set-up"), ("step", "cni-load"))): 0.001,
        ("vmplumb_step_seconds_sum", (("kind", "set-up"), ("step", "netns"))): 0.010,
        ("vmplumb_step_seconds_sum", (("kind", "set-up"), ("step", "cni-add"))): 1.5,
    }
    assert round(found["vmplumb_operation_seconds_sum", (("kind", "set-up"),)], 6) == 2.013
    assert found["vmplumb_operations_total", (("kind", "set-up"), ("reason", "OK"))] == 1
    assert found["vmplumb_retries_total", (("reason", "CNI_ADD_FAILED"), ("step", "cni-add"))] == 1
    assert found["vmplumb_plugin_seconds_count", (("command", "ADD"), ("type", "ptp"))] == 2
    assert found["vmplumb_plugin_failures_total", (("command", "ADD"), ("type", "ptp"))] == 1


def call(kind: str, duration: float, failed: bool) -> PluginCall:
    return PluginCall(type=kind, command="ADD", duration=duration, attempt=1, failed=failed)


def test_a_failure_is_counted_by_its_reason() -> None:
    clock = Clock()
    one = operation(clock, Kind.TEAR_DOWN)
    one.log.finish(error=AddFailed("no", PluginError(code=100, message="no")))
    metrics = made()
    metrics.ended(one)
    assert (
        samples(metrics)["vmplumb_operations_total", (("kind", "teardown"), ("reason", "CNI_ADD_FAILED"))]
        == 1
    )


def test_types_of_plugins_that_callers_name_are_told_apart_up_to_a_number() -> None:
    metrics, clock = made(), Clock()
    for number in range(3 * PLUGIN_TYPES):
        one = operation(clock)
        for kind in (f"theirs-{number}", "bridge"):
            one.log.tell(
                StepEvent(
                    step=Step.CNI_ADD, state=StepState.PLUGIN_CALLED, plugin_call=call(kind, 0.1, False)
                )
            )
        one.log.finish()
        metrics.ended(one)
    counts = {
        dict(labels)["type"]: value
        for (name, labels), value in samples(metrics).items()
        if name == "vmplumb_plugin_seconds_count"
    }
    assert len(counts) == PLUGIN_TYPES + 2
    assert counts["other"] == 2 * PLUGIN_TYPES
    assert counts["bridge"] == 3 * PLUGIN_TYPES


def test_calls_have_the_ecosystems_names_and_codes() -> None:
    metrics = made()
    get = Call(kind="unary", service="vmplumb.v1.NetworkAgentService", method="GetNetwork")
    for code in ("OK", "NOT_FOUND", "NOT_FOUND", "DEADLINE_EXCEEDED"):
        metrics.started(get)
        metrics.handled(get, code, 0.1)
    found = samples(metrics)
    labels = (("grpc_method", "GetNetwork"), ("grpc_service", get.service), ("grpc_type", "unary"))
    assert found["grpc_server_started_total", labels] == 4
    assert found["grpc_server_handling_seconds_count", labels] == 4
    handled = {
        dict(key)["grpc_code"]: value
        for (name, key), value in found.items()
        if name == "grpc_server_handled_total"
    }
    assert handled == {"OK": 1, "NotFound": 2, "DeadlineExceeded": 1}


def test_what_the_agent_holds_is_read_when_it_is_asked_for(tmp_path: Any) -> None:
    (tmp_path / "journal.db").write_bytes(b"x" * 100)
    (tmp_path / "journal.db-wal").write_bytes(b"x" * 20)
    finding = Finding(kind=ResourceKind.LINK, what="veth1", where="", would_do=Action.REMOVE, detail="")
    agent = Having(
        phases=(Phase.READY, Phase.READY, Phase.FAILED),
        tries=(0, 3),
        pool=(PoolState(network="fcnet", depth=2, size=4, hits=7, misses=1, problem=""),),
        diagnosed=(99.0, Diagnosis(revision=1, findings=(finding, finding))),
    )
    found = samples(made(agent, str(tmp_path / "journal.db"), out_of_fleet=True))
    mine = {key: value for key, value in found.items() if re.match("vmplumb_(?!operation_|start)", key[0])}
    pool = (("network", "fcnet"),)
    expected: dict[Sample, float] = {
        ("vmplumb_build_info", (("contract", "1.0.0"), ("version", "0.1.0"))): 1,
        ("vmplumb_ready", ()): 1,
        ("vmplumb_cordoned", ()): 0,
        ("vmplumb_out_of_fleet", ()): 1,
        ("vmplumb_problems", ()): 0,
        ("vmplumb_calls_open", ()): 4,
        ("vmplumb_operations_admitted", ()): 3,
        ("vmplumb_operations_limit", ()): 1000,
        **{
            ("vmplumb_operations_total", (("kind", kind), ("reason", reason))): 0
            for kind in ("set-up", "teardown", "check")
            for reason in ("OK", "INTERNAL", "JOURNAL_FAILED")
        },
        ("vmplumb_lane_queued", (("lane", "built-in"),)): 2,
        ("vmplumb_lane_queued", (("lane", "exec"),)): 0,
        ("vmplumb_lane_queued", (("lane", "tear-down"),)): 1,
        ("vmplumb_networks", (("phase", "SETTING_UP"),)): 0,
        ("vmplumb_networks", (("phase", "READY"),)): 2,
        ("vmplumb_networks", (("phase", "FAILED"),)): 1,
        ("vmplumb_networks", (("phase", "TEARING_DOWN"),)): 0,
        ("vmplumb_networks_limit", ()): 4000,
        ("vmplumb_releases_pending", ()): 2,
        ("vmplumb_releases_failed", ()): 1,
        ("vmplumb_journal_bytes", ()): 120,
        ("vmplumb_address_ranges_left_out", ()): 0,
        ("vmplumb_pool_depth", pool): 2,
        ("vmplumb_pool_size", pool): 4,
        ("vmplumb_pool_hits_total", pool): 7,
        ("vmplumb_pool_misses_total", pool): 1,
        ("vmplumb_diagnosed_timestamp_seconds", ()): 99,
        ("vmplumb_findings", (("action", "REMOVE"), ("kind", "LINK"))): 2,
    }
    assert mine == expected
