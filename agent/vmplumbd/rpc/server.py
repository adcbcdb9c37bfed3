"""Listeners, health, reflection and drain."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import grpc
from google.protobuf.message import DecodeError, Message
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from vmplumb.v1 import network_agent_service_pb2 as pb
from vmplumb.v1 import network_agent_service_pb2_grpc as pb_grpc
from vmplumbd.errors import LimitExceeded
from vmplumbd.rpc import tls
from vmplumbd.rpc.door import Way
from vmplumbd.rpc.seen import Seen, Tracer, Watcher
from vmplumbd.rpc.servicer import Servicer, Unreadable

SERVICE = "vmplumb.v1.NetworkAgentService"
REFLECTION = "grpc.reflection.v1alpha.ServerReflection"
_SIDE_STREAMS = 256
# What gRPC takes in at all, so that a request that is a little too long is refused with its reason.
_MOST_RECEIVED = 4 * 1024 * 1024
# More of one connection wait in the caller's own library.
_STREAMS_OF_A_CONNECTION = 128


class Server:
    """A gRPC server for each way in, on a loop of its caller's: so a call's way is known for certain."""

    def __init__(
        self,
        servicer_on: Callable[[Way], Servicer],
        *,
        knows: Callable[[Way, Any], bool] = lambda *_: True,
        beside: Callable[[Way, Any], Awaitable[None]] | None = None,
        longest: Callable[[], int] = lambda: _MOST_RECEIVED,
        max_connections: int = 256,
        watchers: Sequence[Watcher] = (),
        tracer: Tracer | None = None,
    ) -> None:
        self._servicer_on = servicer_on
        self._few = _Few(knows, beside)
        self._longest = longest
        self._max_connections = max_connections
        self._watchers = watchers
        self._tracer = tracer
        self._servers: list[grpc.aio.Server] = []
        self._health = health.aio.HealthServicer()  # type: ignore[attr-defined, unused-ignore]  # named at run time
        assert pb.DESCRIPTOR.services_by_name["NetworkAgentService"].full_name == SERVICE

    def listen_unix(self, path: str, way: Way = Way.UNIX) -> None:
        """Serve on a Unix socket. Raises RuntimeError if it cannot be bound."""
        self._new(way).add_insecure_port(f"unix:{path}")

    def listen_tls(self, address: str, certificates: tls.ServerCertificates) -> int:
        """Serve on TCP with mutual TLS; answers the port. Raises RuntimeError if it cannot be bound."""
        return int(self._new(Way.TCP).add_secure_port(address, tls.credentials(certificates)))

    async def start(self) -> None:
        """Begin to serve, and say to health checks that it lives."""
        for server in self._servers:
            await server.start()
        await self._health.set("", health_pb2.HealthCheckResponse.SERVING)

    async def say(self, *, ready: bool) -> None:
        """Tell health checks of the service whether new networks may begin; those of "" ask whether it lives."""
        state = health_pb2.HealthCheckResponse
        await self._health.set(SERVICE, state.SERVING if ready else state.NOT_SERVING)

    async def stop(self, grace: float) -> None:
        """Stop: health says so first, open calls have `grace` seconds."""
        await self._health.enter_graceful_shutdown()
        await asyncio.gather(*(server.stop(grace) for server in self._servers))

    def _new(self, way: Way) -> grpc.aio.Server:
        options: list[tuple[str, int]] = [
            # A second agent on the same address must not share it silently.
            ("grpc.so_reuseport", 0),
            ("grpc.max_receive_message_length", _MOST_RECEIVED),
        ]
        if way is Way.TCP:
            options += [
                ("grpc.max_allowed_incoming_connections", self._max_connections),
                ("grpc.max_concurrent_streams", _STREAMS_OF_A_CONNECTION),
                # Who connects and says nothing does not stay.
                ("grpc.server_handshake_timeout_ms", 10_000),
            ]
        # One for each server: it keeps the handlers that it has seen, and those know their way in.
        seen = (Seen(self._watchers, self._tracer),) if self._watchers or self._tracer else ()
        server = grpc.aio.server(options=options, interceptors=seen)
        lenient: Any = _Lenient(server, self._longest)
        pb_grpc.add_NetworkAgentServiceServicer_to_server(self._servicer_on(way), lenient)
        health_pb2_grpc.add_HealthServicer_to_server(_Health(self._health, self._few, way), server)
        names = (SERVICE, health.SERVICE_NAME, REFLECTION)
        server.add_generic_rpc_handlers((_Reflection(names, self._few, way),))
        self._servers.append(server)
        return server


class _Lenient:
    """A server whose handlers get a request that cannot be read as such: gRPC alone would answer without details."""

    def __init__(self, server: grpc.aio.Server, longest: Callable[[], int]) -> None:
        self._server = server
        self._longest = longest

    def add_generic_rpc_handlers(self, _: object) -> None:
        """What generated code for older servers calls as well."""

    def add_registered_method_handlers(self, service: str, handlers: dict[str, Any]) -> None:
        """The handlers of a service."""
        made = {
            name: handler._replace(request_deserializer=reader(handler.request_deserializer, self._longest))
            for name, handler in handlers.items()
        }
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, made),))


def reader(
    read: Callable[[bytes], Message], longest: Callable[[], int]
) -> Callable[[bytes], Message | Unreadable]:
    """As `read`, with Unreadable for what is no message or longer than `longest`."""

    def lenient(raw: bytes) -> Message | Unreadable:
        # gRPC reads before anybody is asked who calls, and two million empty messages take a second.
        if len(raw) > longest():
            return Unreadable(size=len(raw))
        try:
            return read(raw)
        except DecodeError:
            return Unreadable(size=len(raw))

    return lenient


class _Few:
    """Streams that belong to no RPC of the contract: so many are open, for callers that may do anything at all."""

    def __init__(
        self, knows: Callable[[Way, Any], bool], beside: Callable[[Way, Any], Awaitable[None]] | None
    ) -> None:
        self._knows = knows
        self._beside = beside
        self._open = 0

    async def count(self, way: Way, context: Any) -> None:  # noqa: ANN401 - of any service
        """One call more, or an abort."""
        if self._beside is not None:
            try:
                await self._beside(way, context)
            except LimitExceeded as exc:
                await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, str(exc))

    @contextlib.asynccontextmanager
    async def one_more(self, way: Way, context: Any) -> AsyncIterator[None]:  # noqa: ANN401 - of any service
        """One more, or an abort."""
        await self.count(way, context)
        if not self._knows(way, context):
            await context.abort(
                grpc.StatusCode.PERMISSION_DENIED, "no rule of the policy is about this caller"
            )
        if self._open >= _SIDE_STREAMS:
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, f"{self._open} such streams are open")
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1


class _Health(health_pb2_grpc.HealthServicer):  # type: ignore[misc, unused-ignore]  # untyped
    """gRPC's health service, with few watches."""

    def __init__(self, inner: Any, few: _Few, way: Way) -> None:  # noqa: ANN401 - untyped
        self._inner = inner
        self._few = few
        self._way = way

    async def Check(self, request: Any, context: Any) -> Any:  # noqa: ANN401, N802 - gRPC's name
        """Health of a service."""
        await self._few.count(self._way, context)
        return await self._inner.Check(request, context)

    async def List(self, request: Any, context: Any) -> Any:  # noqa: ANN401, N802 - gRPC's name
        """Health of all services."""
        await self._few.count(self._way, context)
        return await self._inner.List(request, context)

    async def Watch(self, request: Any, context: Any) -> None:  # noqa: ANN401, N802 - gRPC's name
        """Follow a service's health."""
        async with self._few.one_more(self._way, context):
            await self._inner.Watch(request, context)


class _Reflection(grpc.GenericRpcHandler):  # type: ignore[type-arg, unused-ignore]  # generic in stubs alone
    """gRPC's reflection service, loaded by the first call to it: a tenth of a start that few calls ask for."""

    def __init__(self, names: tuple[str, ...], few: _Few, way: Way) -> None:
        self._names = names
        self._few = few
        self._way = way
        self._handler: grpc.RpcMethodHandler[Any, Any] | None = None

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        """The handler of a call, if it is for this service."""
        if handler_call_details.method != f"/{REFLECTION}/ServerReflectionInfo":
            return None
        if self._handler is None:
            from grpc_reflection.v1alpha import reflection, reflection_pb2  # noqa: PLC0415 - see above

            servicer = reflection.aio.ReflectionServicer(self._names)  # type: ignore[attr-defined, unused-ignore]

            async def info(requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:  # noqa: ANN401
                async with self._few.one_more(self._way, context):
                    counted = self._counted(requests, context)
                    async for response in servicer.ServerReflectionInfo(counted, context):
                        yield response

            self._handler = grpc.stream_stream_rpc_method_handler(
                info,
                request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
                response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
            )
        return self._handler

    async def _counted(self, requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:  # noqa: ANN401 - untyped
        async for request in requests:
            await self._few.count(self._way, context)
            yield request
