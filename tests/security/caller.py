"""A caller of the agent as a process of a test's host: bytes in, bytes out, so that it can send what no client would.

Run as a module it reads a JSON line for each call from stdin and answers with one: a thread of gRPC's that is
older than the host would be in another network.

    {"rpc": "GetStatus", "request": "<hex>", "fresh": true}
    {"code": "OK", "message": "", "details": "<hex>", "responses": ["<hex>"]}
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from google.rpc import error_details_pb2, status_pb2

from tests.host import Host
from vmplumb.v1 import errors_pb2

SERVICE = "vmplumb.v1.NetworkAgentService"
STREAMS = frozenset({"SetupNetwork", "TeardownNetwork", "WatchNetworks"})
PATIENCE = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """How a call ended. `responses` are bytes."""

    code: str
    message: str = ""
    reason: str = ""
    metadata: dict[str, str]
    violations: tuple[tuple[str, str], ...] = ()
    retry_after: float | None = None
    failure: errors_pb2.Failure
    responses: tuple[bytes, ...] = ()


@dataclass(slots=True)
class Caller:
    """One process that calls with one certificate."""

    process: subprocess.Popen[str]

    def call(self, rpc: str, request: bytes = b"", *, fresh: bool = False) -> Answer:
        """One call to its end; over a connection of its own if `fresh`."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"rpc": rpc, "request": request.hex(), "fresh": fresh}) + "\n")
        self.process.stdin.flush()
        return answer(json.loads(self.process.stdout.readline()))


def answer(told: dict[str, Any]) -> Answer:
    """What a line of the process says."""
    info = error_details_pb2.ErrorInfo()
    bad = error_details_pb2.BadRequest()
    retry = error_details_pb2.RetryInfo()
    failure = errors_pb2.Failure()
    seen = set()
    for detail in status_pb2.Status.FromString(bytes.fromhex(told["details"])).details:
        for message in (info, bad, retry, failure):
            if detail.Is(message.DESCRIPTOR):
                detail.Unpack(message)
                seen.add(message.DESCRIPTOR.name)
    return Answer(
        code=told["code"],
        message=told["message"],
        reason=info.reason,
        metadata=dict(info.metadata),
        violations=tuple((one.field, one.reason) for one in bad.field_violations),
        retry_after=retry.retry_delay.ToTimedelta().total_seconds() if "RetryInfo" in seen else None,
        failure=failure,
        responses=tuple(bytes.fromhex(one) for one in told["responses"]),
    )


@contextmanager
def calling(
    host: Host, target: str, *, ca: Path | None = None, certificate: Path | None = None
) -> Iterator[Caller]:
    """A caller of a target ("127.0.0.1:7443", "unix:PATH"); with the certificate's key beside it."""
    words = [target, str(ca or ""), str(certificate or "")]
    process = host.popen(
        [sys.executable, "-m", "tests.security.caller", *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    try:
        yield Caller(process)
    finally:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        process.wait(PATIENCE)
        process.stdout.close()


def channel(target: str, ca: str, certificate: str) -> grpc.Channel:
    """A connection that nothing else shares."""
    options = (
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.initial_reconnect_backoff_ms", 50),
        ("grpc.max_receive_message_length", -1),
        ("grpc.max_send_message_length", -1),
    )
    if not ca:
        return grpc.insecure_channel(target, options)
    pair = {}
    if certificate:
        pem = Path(certificate)
        pair = {"private_key": pem.with_suffix(".key").read_bytes(), "certificate_chain": pem.read_bytes()}
    credentials = grpc.ssl_channel_credentials(root_certificates=Path(ca).read_bytes(), **pair)
    return grpc.secure_channel(target, credentials, options)


def call(to: grpc.Channel, rpc: str, request: bytes, *, timeout: float = PATIENCE) -> dict[str, Any]:
    """One call with raw bytes, as a line of this process."""
    path = rpc if rpc.startswith("/") else f"/{SERVICE}/{rpc}"
    try:
        if rpc in STREAMS or rpc.endswith("/Watch"):
            responses = list(to.unary_stream(path, bytes, bytes)(request, timeout=timeout))
        else:
            responses = [to.unary_unary(path, bytes, bytes)(request, timeout=timeout)]
    except grpc.RpcError as error:
        status: Any = error
        trailing = dict(status.trailing_metadata() or ())
        details = trailing.get("grpc-status-details-bin", b"")
        return {
            "code": status.code().name,
            "message": status.details() or "",
            "details": details.hex(),
            "responses": [],
        }
    return {"code": "OK", "message": "", "details": "", "responses": [bytes(one).hex() for one in responses]}


def main(target: str, ca: str, certificate: str) -> None:
    """Answer line by line until stdin ends."""
    kept = channel(target, ca, certificate)
    for line in sys.stdin:
        asked = json.loads(line)
        to = channel(target, ca, certificate) if asked["fresh"] else kept
        print(json.dumps(call(to, asked["rpc"], bytes.fromhex(asked["request"]))), flush=True)
        if asked["fresh"]:
            to.close()
    kept.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
