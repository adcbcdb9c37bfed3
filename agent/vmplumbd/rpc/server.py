"""Listeners, health, reflection and drain."""

from __future__ import annotations

from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from vmplumb.v1 import network_agent_service_pb2 as pb
from vmplumb.v1 import network_agent_service_pb2_grpc as pb_grpc
from vmplumbd.rpc.servicer import Servicer

SERVICE = "vmplumb.v1.NetworkAgentService"
REFLECTION = "grpc.reflection.v1alpha.ServerReflection"


class Server:
    """A gRPC server on a loop of its caller's."""

    def __init__(self, servicer: Servicer) -> None:
        self._server = grpc.aio.server(
            options=(
                # A second agent on the same address must not share it silently.
                ("grpc.so_reuseport", 0),
                ("grpc.max_receive_message_length", 4 * 1024 * 1024),
            )
        )
        self._health = health.aio.HealthServicer()  # type: ignore[attr-defined, unused-ignore]  # named at run time
        pb_grpc.add_NetworkAgentServiceServicer_to_server(servicer, self._server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        assert pb.DESCRIPTOR.services_by_name["NetworkAgentService"].full_name == SERVICE
        reflection = _Reflection((SERVICE, health.SERVICE_NAME, REFLECTION))
        self._server.add_generic_rpc_handlers((reflection,))

    def listen_unix(self, path: str) -> None:
        """Serve on a Unix socket. Raises RuntimeError if it cannot be bound."""
        self._server.add_insecure_port(f"unix:{path}")

    def listen_tls(self, address: str, *, certificate: bytes, key: bytes, client_ca: bytes) -> int:
        """Serve on TCP with mutual TLS; answers the port. Raises RuntimeError if it cannot be bound."""
        credentials = grpc.ssl_server_credentials(
            [(key, certificate)], root_certificates=client_ca, require_client_auth=True
        )
        return int(self._server.add_secure_port(address, credentials))

    async def start(self) -> None:
        """Begin to serve, and say so to health checks."""
        await self._server.start()
        for name in ("", SERVICE):
            await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)

    async def stop(self, grace: float) -> None:
        """Stop: health says so first, open calls have `grace` seconds."""
        await self._health.enter_graceful_shutdown()
        await self._server.stop(grace)


class _Reflection(grpc.GenericRpcHandler):  # type: ignore[type-arg, unused-ignore]  # generic in stubs alone
    """gRPC's reflection service, loaded by the first call to it: a tenth of a start that few calls ask for."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names
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
            self._handler = grpc.stream_stream_rpc_method_handler(
                servicer.ServerReflectionInfo,
                request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
                response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
            )
        return self._handler
