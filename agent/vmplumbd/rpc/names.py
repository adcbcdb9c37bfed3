"""The names of the contract's RPCs, without gRPC."""

from __future__ import annotations

from vmplumb.v1 import network_agent_service_pb2 as pb

_METHODS = pb.DESCRIPTOR.services_by_name["NetworkAgentService"].methods

RPCS: tuple[str, ...] = tuple(method.name for method in _METHODS)
