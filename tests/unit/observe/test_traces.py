"""Spans as an exporter gets them: whose they are, below whom, how long, and which are left out."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from tests.fakes.clock import Clock
from vmplumbd.errors import AddFailed, PluginError
from vmplumbd.model.ids import Uid, VmId
from vmplumbd.model.progress import PluginCall, Step, StepEvent, StepState
from vmplumbd.model.trace import TraceContext
from vmplumbd.observe.traces import Traces
from vmplumbd.operations.book import Kind, Operation
from vmplumbd.operations.events import EventLog
from vmplumbd.rpc.seen import Call

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
CALL = Call(kind="server_stream", service="vmplumb.v1.NetworkAgentService", method="SetupNetwork")


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def traces(exporter: InMemorySpanExporter) -> Iterator[Traces]:
    made = Traces(SimpleSpanProcessor(exporter), version="0.1.0")
    yield made
    made.close()


def tree(exporter: InMemorySpanExporter) -> dict[str, tuple[str, str]]:
    """Each span's name, with its parent's name and its status."""
    spans = exporter.get_finished_spans()
    names = {one.context.span_id: one.name for one in spans if one.context is not None}
    return {
        one.name: (
            _parent(one, names),
            f"{one.status.status_code.name} {one.status.description or ''}".strip(),
        )
        for one in spans
    }


def _parent(span: ReadableSpan, names: dict[int, str]) -> str:
    if span.parent is None:
        return ""
    return names.get(span.parent.span_id, f"{span.parent.span_id:016x}")


def call(kind: str, *, failed: bool = False) -> StepEvent:
    made = PluginCall(
        type=kind, command="ADD", duration=0.5, attempt=1, failed=failed, code=100 if failed else 0
    )
    return StepEvent(step=Step.CNI_ADD, state=StepState.PLUGIN_CALLED, plugin_call=made)


def operation(parent: TraceContext | None, clock: Clock) -> Operation:
    return Operation(
        kind=Kind.SET_UP,
        vm_id=VmId("vm-1"),
        uid=Uid("u"),
        spec_hash=b"",
        log=EventLog(clock),
        trace_parent=parent,
    )


def test_a_call_its_operation_steps_and_plugins_hang_below_each_other(
    traces: Traces, exporter: InMemorySpanExporter
) -> None:
    clock = Clock()
    parent = f"00-{TRACE}-{SPAN}-01"
    server = traces.begin(CALL, parent, "")
    one = operation(server, clock)
    for event in (
        StepEvent(step=Step.NETNS, state=StepState.SUCCEEDED),
        StepEvent(step=Step.CNI_ADD, state=StepState.STARTED),
        call("ptp"),
        call("firewall", failed=True),
    ):
        clock.time += 1
        one.log.tell(event)
    one.log.finish(error=AddFailed("no", PluginError(code=100, message="no")))
    traces.ended(one)
    traces.end(CALL, server, parent, "INTERNAL", 0.5)
    rpc = "vmplumb.v1.NetworkAgentService/SetupNetwork"
    assert tree(exporter) == {
        rpc: (SPAN, "ERROR INTERNAL"),
        "set-up": (rpc, "ERROR CNI_ADD_FAILED"),
        "netns": ("set-up", "UNSET"),
        "cni-add": ("set-up", "ERROR FAILED"),
        "ptp ADD": ("cni-add", "UNSET"),
        "firewall ADD": ("cni-add", "ERROR code 100"),
    }
    spans = {span.name: span for span in exporter.get_finished_spans()}
    assert {f"{span.context.trace_id:032x}" for span in spans.values() if span.context} == {TRACE}
    assert spans[rpc].kind is SpanKind.SERVER
    assert spans["cni-add"].context is not None
    told = one.environment(Step.CNI_ADD)["TRACEPARENT"]
    assert told == f"00-{TRACE}-{spans['cni-add'].context.span_id:016x}-01", (
        "what plugins are told is the step's span"
    )
    ptp = spans["ptp ADD"]
    assert (ptp.end_time, ptp.start_time) == (1_003_000_000_000, 1_002_500_000_000)
    assert ptp.attributes == {
        "vmplumb.plugin.type": "ptp",
        "vmplumb.plugin.command": "ADD",
        "vmplumb.plugin.position": 0,
    }


def test_what_a_caller_does_not_sample_is_not_made_and_plugins_hear_so(
    traces: Traces, exporter: InMemorySpanExporter
) -> None:
    parent = f"00-{TRACE}-{SPAN}-00"
    server = traces.begin(CALL, parent, "")
    one = operation(server, Clock())
    one.log.finish()
    traces.ended(one)
    traces.end(CALL, server, parent, "OK", 0.1)
    assert exporter.get_finished_spans() == ()
    assert one.environment(Step.CNI_ADD)["TRACEPARENT"].endswith("-00")


def test_a_call_without_a_trace_begins_one(traces: Traces, exporter: InMemorySpanExporter) -> None:
    first, second = (traces.begin(CALL, bad, "") for bad in ("", "nonsense"))
    assert first.sampled
    assert first.trace_id != second.trace_id
    traces.end(CALL, first, "", "NOT_FOUND", 0.1)
    assert list(tree(exporter).values()) == [("", "UNSET")]
    (span,) = exporter.get_finished_spans()
    assert span.context is not None
    assert f"{span.context.trace_id:032x}" == first.trace_id


def test_a_share_of_traces_is_kept(exporter: InMemorySpanExporter) -> None:
    traces = Traces(SimpleSpanProcessor(exporter), version="0.1.0", sample=0.0)
    try:
        assert not traces.begin(CALL, "", "").sampled
        assert traces.begin(CALL, f"00-{TRACE}-{SPAN}-01", "").sampled, "callers decide about theirs"
    finally:
        traces.close()


def test_an_operation_without_a_trace_makes_no_span(traces: Traces, exporter: InMemorySpanExporter) -> None:
    one = operation(None, Clock())
    one.log.finish()
    traces.ended(one)
    assert exporter.get_finished_spans() == ()
    assert one.environment(Step.CNI_ADD) == {}


class Stuck(SpanProcessor):
    """Its end comes when the test lets it."""

    def __init__(self) -> None:
        self.let_go = threading.Event()

    def shutdown(self) -> None:
        self.let_go.wait()


def test_an_exporter_that_does_not_end_holds_no_stop() -> None:
    stuck = Stuck()
    traces = Traces(stuck, version="0.1.0")
    traces.close()
    assert not stuck.let_go.is_set()
    stuck.let_go.set()
