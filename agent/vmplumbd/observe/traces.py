"""OpenTelemetry traces: a span a call, below it one for the operation it began, one a step, one a plugin call.

Loaded only where traces are on; the packages are an extra (`vmplumbd[otel]`). Which span is below which is
computed while things happen (`model.trace`); the spans of an operation are made when it has ended, from its events.
What is exported where, beside `traces.endpoint`, is said by OpenTelemetry's own OTEL_ variables.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping

from opentelemetry import trace as api
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import Decision, ParentBased, Sampler, TraceIdRatioBased
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.trace.span import TraceState

from vmplumbd.model import trace
from vmplumbd.model.progress import StepState
from vmplumbd.model.trace import TraceContext
from vmplumbd.observe import steps
from vmplumbd.observe.calls import Call
from vmplumbd.operations.book import Operation

_WELL = frozenset(
    {"OK", "CANCELLED", "NOT_FOUND", "ALREADY_EXISTS", "INVALID_ARGUMENT", "FAILED_PRECONDITION"}
)
# What is not exported by then is lost: the agent goes.
_LAST_SECONDS = 3.0

Attributes = Mapping[str, str | int | float | bool]


class Traces:
    """Spans of one agent, for a processor that takes them. Safe from any thread."""

    def __init__(
        self,
        processor: SpanProcessor,
        *,
        version: str,
        sample: float = 1.0,
        problem: Callable[[str], None] = lambda text: None,  # noqa: ARG005 - nobody listens
    ) -> None:
        """`sample` is the share of traces that begin here and are kept; 1 leaves it to OTEL_TRACES_SAMPLER.

        `problem` hears what OpenTelemetry's own log says.
        """
        self._ids = _GivenIds()
        # Of a caller's trace the caller has decided.
        sampler: Sampler | None = ParentBased(TraceIdRatioBased(sample)) if sample < 1.0 else None
        self._provider = TracerProvider(
            sampler=sampler,
            resource=Resource.create({"service.name": "vmplumbd", "service.version": version}),
            id_generator=self._ids,
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("vmplumbd", version)
        self._bridge = _Bridge(problem)
        logger = logging.getLogger("opentelemetry")
        logger.addHandler(self._bridge)
        logger.propagate = False

    def begin(self, call: Call, traceparent: str, tracestate: str) -> TraceContext:
        """The span of a call, below the caller's if that is well-formed."""
        parent = trace.parse(traceparent, tracestate)
        span_id = os.urandom(8).hex()
        if parent is not None:
            return TraceContext(
                trace_id=parent.trace_id, span_id=span_id, sampled=parent.sampled, state=parent.state
            )
        trace_id = os.urandom(16).hex()
        decided = self._provider.sampler.should_sample(None, int(trace_id, 16), _name(call))
        return TraceContext(
            trace_id=trace_id, span_id=span_id, sampled=decided.decision is Decision.RECORD_AND_SAMPLE
        )

    def end(self, call: Call, span: TraceContext, traceparent: str, code: str, seconds: float) -> None:
        """A call ended."""
        now = time.time()
        self._make(
            _name(call),
            span,
            trace.parse(traceparent),
            (now - seconds, now),
            kind=SpanKind.SERVER,
            fault="" if code in _WELL else code,
            attributes={
                "rpc.system": "grpc",
                "rpc.service": call.service,
                "rpc.method": call.method,
                "rpc.grpc.status_code": code,
            },
        )

    def ended(self, operation: Operation) -> None:
        """An operation ended: its spans are made now."""
        own, log = operation.trace, operation.log
        if own is None or not own.sampled:
            return
        entries = log.since(0)
        error = log.error
        self._make(
            operation.kind.value,
            own,
            operation.trace_parent,
            (log.begun, entries[-1].time if entries else log.begun),
            fault=error.reason.value if error is not None else "",
            attributes={"vmplumb.vm_id": operation.vm_id, "vmplumb.uid": operation.uid},
        )
        for one in steps.attempts(log):
            step = own.child(one.step.name, one.number)
            went_well = one.state is StepState.SUCCEEDED
            reason = one.failure.reason.value if one.failure is not None else one.state.name
            self._make(
                one.name,
                step,
                own,
                (one.begun, one.ended),
                fault="" if went_well else reason,
                attributes={"vmplumb.attempt": one.number},
            )
            for number, told in enumerate(one.calls):
                call = told.call
                self._make(
                    f"{call.type} {call.command}",
                    step.child(number),
                    step,
                    (told.begun, told.ended),
                    fault=f"code {call.code}" if call.failed else "",
                    attributes={
                        "vmplumb.plugin.type": call.type,
                        "vmplumb.plugin.command": call.command,
                        "vmplumb.plugin.position": call.position,
                    },
                )

    def close(self) -> None:
        """Export what waits, for a few seconds at most. Blocks."""
        # A shutdown tries as long as its exporter does, which is longer than a stop may take.
        last = threading.Thread(target=self._provider.shutdown, name="traces-last", daemon=True)
        last.start()
        last.join(_LAST_SECONDS)
        logging.getLogger("opentelemetry").removeHandler(self._bridge)

    def _make(
        self,
        name: str,
        own: TraceContext,
        parent: TraceContext | None,
        times: tuple[float, float],
        *,
        kind: SpanKind = SpanKind.INTERNAL,
        fault: str,
        attributes: Attributes,
    ) -> None:
        if not own.sampled:
            return
        begun, ended = (int(one * 1_000_000_000) for one in times)
        with self._ids.giving(own):
            span = self._tracer.start_span(
                name, _below(parent), kind=kind, attributes=dict(attributes), start_time=begun
            )
        if fault:
            span.set_status(Status(StatusCode.ERROR, fault))
        span.end(max(begun, ended))


class _GivenIds(IdGenerator):
    """The ids of the span that this thread makes now."""

    def __init__(self) -> None:
        self._now = threading.local()

    def giving(self, own: TraceContext) -> _GivenIds:
        self._now.span = own
        return self

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        del self._now.span

    def generate_span_id(self) -> int:
        return int(self._now.span.span_id, 16)

    def generate_trace_id(self) -> int:
        return int(self._now.span.trace_id, 16)


class _Bridge(logging.Handler):
    """OpenTelemetry's log, into ours."""

    def __init__(self, problem: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._problem = problem

    def emit(self, record: logging.LogRecord) -> None:
        self._problem(record.getMessage())


def _below(parent: TraceContext | None) -> Context:
    if parent is None:
        return Context()
    above = SpanContext(
        trace_id=int(parent.trace_id, 16),
        span_id=int(parent.span_id, 16),
        is_remote=True,
        trace_flags=TraceFlags(TraceFlags.SAMPLED if parent.sampled else TraceFlags.DEFAULT),
        trace_state=TraceState.from_header([parent.state] if parent.state else []),
    )
    return api.set_span_in_context(NonRecordingSpan(above), Context())


def _name(call: Call) -> str:
    return f"{call.service}/{call.method}"
