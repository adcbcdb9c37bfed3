"""Every call of every service, as who watches calls sees it: when it began, how it ended, how long it took.

Without a watcher nothing is between gRPC and the services.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import grpc
from google.protobuf.message import Message

from vmplumbd.model.trace import TraceContext

Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call. `kind` is "unary", "server_stream", "client_stream" or "bidi_stream"."""

    kind: str
    service: str
    method: str


class Watcher(Protocol):
    """Told of calls, on the event loop. Must be short and not raise."""

    def started(self, call: Call) -> None:
        """A call began."""

    def handled(self, call: Call, code: str, seconds: float) -> None:
        """It ended. `code` is gRPC's name for it ("NOT_FOUND")."""


class Tracer(Protocol):
    """Traces calls, on the event loop. Must be short and not raise."""

    def begin(self, call: Call, traceparent: str, tracestate: str) -> TraceContext:
        """The span of a call, below the caller's if that is well-formed."""

    def end(self, call: Call, span: TraceContext, traceparent: str, code: str, seconds: float) -> None:
        """The call ended."""


# The span of the call that this task serves.
SPAN: ContextVar[TraceContext | None] = ContextVar("SPAN", default=None)


class Seen(grpc.aio.ServerInterceptor):  # type: ignore[type-arg, unused-ignore]  # generic in stubs alone
    """Puts watchers before every method. A method that nobody serves is not seen: its name is the caller's."""

    def __init__(self, watchers: Sequence[Watcher], tracer: Tracer | None = None) -> None:
        self._watchers = tuple(watchers)
        self._tracer = tracer
        self._made: dict[str, Handler] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:  # noqa: ANN401 - gRPC's handlers are of any message
        """The handler of a call, watched."""
        name = str(handler_call_details.method)
        if (known := self._made.get(name)) is not None:
            return known
        handler = await continuation(handler_call_details)
        if handler is None:
            return None
        self._made[name] = made = self._watched(name, handler)
        return made

    def _watched(self, name: str, handler: Any) -> Handler:  # noqa: ANN401 - as above
        service, _, method = name.lstrip("/").partition("/")
        streams_in, streams_out = handler.request_streaming, handler.response_streaming
        kinds = {
            (False, False): ("unary", "unary_unary"),
            (False, True): ("server_stream", "unary_stream"),
            (True, False): ("client_stream", "stream_unary"),
            (True, True): ("bidi_stream", "stream_stream"),
        }
        kind, form = kinds[streams_in, streams_out]
        call = Call(kind=kind, service=service, method=method)
        inner = getattr(handler, form)
        make: Callable[..., Handler] = getattr(grpc, f"{form}_rpc_method_handler")
        watched = self._stream(call, inner) if streams_out else self._single(call, inner)
        return make(
            watched,
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )

    def _single(self, call: Call, inner: Any) -> Any:  # noqa: ANN401 - as above
        async def watched(request: Message, context: Any) -> Message:  # noqa: ANN401 - as above
            with self._watching(call, context):
                answer: Message = await inner(request, context)
                return answer

        return watched

    def _stream(self, call: Call, inner: Any) -> Any:  # noqa: ANN401 - as above
        async def watched(request: Message, context: Any) -> AsyncIterator[Message]:  # noqa: ANN401 - as above
            with self._watching(call, context):
                async with contextlib.aclosing(inner(request, context)) as answers:
                    async for answer in answers:
                        yield answer

        return watched

    @contextlib.contextmanager
    def _watching(self, call: Call, context: Any) -> Iterator[None]:  # noqa: ANN401 - as above
        begun = time.perf_counter()
        for one in self._watchers:
            one.started(call)
        parent, span = "", None
        if self._tracer is not None:
            given = {str(key): value for key, value in context.invocation_metadata() or ()}
            parent = str(given.get("traceparent", ""))
            span = self._tracer.begin(call, parent, str(given.get("tracestate", "")))
            SPAN.set(span)
        code = grpc.StatusCode.OK
        try:
            yield
        except (asyncio.CancelledError, GeneratorExit):
            code = grpc.StatusCode.CANCELLED
            raise
        except BaseException:
            code = _code_of(context)
            raise
        finally:
            seconds = time.perf_counter() - begun
            for one in self._watchers:
                one.handled(call, code.name, seconds)
            if self._tracer is not None and span is not None:
                self._tracer.end(call, span, parent, code.name, seconds)


def _code_of(context: Any) -> grpc.StatusCode:  # noqa: ANN401 - as above
    """The code of a call that was aborted; without one a fault of the agent, which gRPC calls UNKNOWN."""
    code = context.code()
    for known in grpc.StatusCode:
        if code in (known, known.value[0]) and known is not grpc.StatusCode.OK:
            return known
    return grpc.StatusCode.UNKNOWN
