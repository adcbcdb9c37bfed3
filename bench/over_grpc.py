"""A caller of the agent over gRPC: the stream is read to its end.

Usage: python -m bench.over_grpc TARGET [CA CERTIFICATE KEY]
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import grpc

from bench import jobs
from vmplumb.v1 import network_agent_service_pb2 as pb
from vmplumb.v1 import network_agent_service_pb2_grpc as pb_grpc


def dial(target: str, files: list[str]) -> grpc.Channel:
    """A channel to `target`; with the three TLS files, by mutual TLS."""
    if not files:
        return grpc.insecure_channel(target)
    authority, certificate, key = (Path(name).read_bytes() for name in files)
    return grpc.secure_channel(target, grpc.ssl_channel_credentials(authority, key, certificate))


def run(arguments: list[str]) -> None:
    """Serve jobs by calls."""
    target, *files = arguments
    stub = pb_grpc.NetworkAgentServiceStub(dial(target, files))

    def set_up(network: str, number: int) -> None:
        request = pb.SetupNetworkRequest(vm_id=f"r{number}")
        request.spec.network_interfaces.interfaces.add().cni_configuration.network_name = network
        events = list(stub.SetupNetwork(request))
        last = events[-1] if events else None
        if last is None or last.WhichOneof("event") != "result":
            raise RuntimeError(f"the stream ended with {last}")

    def tear_down(network: str, number: int) -> None:  # noqa: ARG001 - the record knows its network
        for _ in stub.TeardownNetwork(pb.TeardownNetworkRequest(vm_id=f"r{number}")):
            pass

    def check(network: str, base: int, count: int, callers: int) -> dict[str, Any]:
        def one(_: str, number: int) -> None:
            found = stub.CheckNetwork(pb.CheckNetworkRequest(vm_id=f"r{number}"))
            if found.findings:
                raise RuntimeError(f"CHECK finds {found.findings}")

        return jobs.run(one, None, network, base, count, callers)

    def fill(network: str, base: int, count: int, callers: int) -> dict[str, Any]:  # noqa: ARG001 - every job has its shape
        """Wait until the warm pools are full."""
        while any(one.depth < one.size for one in stub.GetStatus(pb.GetStatusRequest()).pools):
            time.sleep(0.005)
        return jobs.run(None, None, network, base, 0, 1)

    jobs.serve(set_up, tear_down, {"check": check, "fill": fill})


if __name__ == "__main__":
    run(sys.argv[1:])
