"""One server, spoken to with the generated stubs: calls, streams, and what a refusal carries."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

from vmplumb.v1 import errors_pb2, vm_network_pb2
from vmplumb.v1 import network_agent_service_pb2 as pb
from vmplumb.v1 import network_agent_service_pb2_grpc as pb_grpc

T = TypeVar("T")
SetUpEvents: TypeAlias = list[pb.SetupNetworkResponse]
TearDownEvents: TypeAlias = list[pb.TeardownNetworkResponse]

DETAILS = "grpc-status-details-bin"
# Longer than any operation of a check takes, shorter than a check may: a call that hangs is told as such.
PATIENCE = 60.0


class Broken(AssertionError):
    """The server broke the requirement; the message says how."""


class Skipped(Exception):
    """The check does not apply to this server; the message says why."""


def expect(holds: object, what: str) -> None:
    """Raise Broken with `what` unless it holds."""
    if not holds:
        raise Broken(what)


def same(found: object, wanted: object, what: str) -> None:
    """Raise Broken unless both are equal."""
    if found != wanted:
        raise Broken(f"{what}: expected {_short(wanted)}, got {_short(found)}")


def one_of(found: object, wanted: tuple[object, ...], what: str) -> None:
    """Raise Broken unless it is one of those."""
    if found not in wanted:
        raise Broken(f"{what}: expected one of {_short(wanted)}, got {_short(found)}")


def _short(value: object) -> str:
    text = repr(value) if not hasattr(value, "DESCRIPTOR") else str(value).strip()
    return text if len(text) < 400 else f"{text[:400]}..."


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A status other than OK, as it came. `info` and `failure` are None where the details lack them."""

    code: grpc.StatusCode
    message: str
    info: error_details_pb2.ErrorInfo | None
    failure: errors_pb2.Failure | None
    violations: tuple[tuple[str, str, str], ...]
    """Field, rule id, message."""
    retry_after: float | None
    details_size: int

    @property
    def reason(self) -> str:
        """ErrorInfo's reason; "(none)" without one."""
        return "(none)" if self.info is None else str(self.info.reason)

    @property
    def rules(self) -> list[str]:
        """Rule ids of the violations, sorted."""
        return sorted(rule for _, rule, _ in self.violations)

    def is_a(self, code: str, reason: str) -> Refusal:
        """Raise Broken unless it is this error, whole: code, reason, and all that every status carries."""
        same((self.code.name, self.reason), (code, reason), "the refusal")
        if reason != "(none)":
            self.is_whole()
        return self

    def is_whole(self) -> None:
        """Raise Broken unless it carries what rule 3 asks of every status."""
        if self.info is None or self.failure is None:
            raise Broken(f"{self.code.name} without ErrorInfo and Failure: {self.message}")
        same(self.info.domain, "vmplumb.v1", "ErrorInfo.domain")
        reasons = {
            name.removeprefix("ERROR_REASON_")
            for name in errors_pb2.ErrorReason.DESCRIPTOR.values_by_name
            if name != "ERROR_REASON_UNSPECIFIED"
        }
        expect(self.info.reason in reasons, f"ErrorInfo.reason {self.info.reason} is not of ErrorReason")
        name = errors_pb2.ErrorReason.Name(self.failure.reason)
        same(name, f"ERROR_REASON_{self.info.reason}", "Failure.reason")
        same(self.failure.grpc_code, self.code.value[0], "Failure.grpc_code")
        expect(
            self.details_size < 6 * 1024, f"the details have {self.details_size} bytes, the limit is 6 KiB"
        )


def refusal_of(error: grpc.RpcError) -> Refusal:
    """The parts of a status. Raises Broken if its details cannot be read."""
    call: Any = error
    raw = dict(call.trailing_metadata() or ()).get(DETAILS)
    info, failure, retry = None, None, None
    violations: tuple[tuple[str, str, str], ...] = ()
    if isinstance(raw, bytes):
        try:
            for detail in status_pb2.Status.FromString(raw).details:
                if detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR):
                    detail.Unpack(info := error_details_pb2.ErrorInfo())
                elif detail.Is(errors_pb2.Failure.DESCRIPTOR):
                    detail.Unpack(failure := errors_pb2.Failure())
                elif detail.Is(error_details_pb2.BadRequest.DESCRIPTOR):
                    detail.Unpack(bad := error_details_pb2.BadRequest())
                    violations = tuple(
                        (one.field, one.reason, one.description) for one in bad.field_violations
                    )
                elif detail.Is(error_details_pb2.RetryInfo.DESCRIPTOR):
                    detail.Unpack(told := error_details_pb2.RetryInfo())
                    retry = told.retry_delay.seconds + told.retry_delay.nanos / 1e9
        except DecodeError as exc:
            raise Broken(f"{DETAILS} cannot be read: {exc}") from exc
    return Refusal(
        code=call.code(),
        message=call.details() or "",
        info=info,
        failure=failure,
        violations=violations,
        retry_after=retry,
        details_size=len(raw) if isinstance(raw, bytes) else 0,
    )


async def refused(act: Awaitable[object]) -> Refusal:
    """What a call is refused with. Raises Broken if it is not."""
    try:
        answer = await act
    except grpc.RpcError as exc:
        return refusal_of(exc)
    raise Broken(f"expected a refusal, got OK: {_short(answer)}")


async def drained(call: AsyncIterator[T]) -> list[T]:
    """A stream to its end."""
    return [one async for one in call]


async def into(events: list[Any], call: AsyncIterator[Any]) -> None:
    """A stream to its end; what came before a refusal is there too."""
    async for one in call:
        events.append(one)  # noqa: PERF401  a comprehension would lose it


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """Files of a caller who speaks TLS; without a certificate it says nothing of who it is."""

    ca: Path
    certificate: Path | None = None
    key: Path | None = None


@dataclass(slots=True, kw_only=True)
class Server:
    """A server at its address. The channel is made at the first call and closed by `close`."""

    address: str
    tls: Tls | None = None
    _channel: grpc.aio.Channel | None = field(default=None, repr=False)

    @property
    def channel(self) -> grpc.aio.Channel:
        """The channel; call it on the loop that uses it."""
        if self._channel is None:
            self._channel = self.dial()
        return self._channel

    def dial(self) -> grpc.aio.Channel:
        """A channel of its own: it shares no connection with another."""
        options = (
            ("grpc.use_local_subchannel_pool", 1),
            ("grpc.initial_reconnect_backoff_ms", 50),
            ("grpc.max_reconnect_backoff_ms", 500),
        )
        if self.tls is None:
            return grpc.aio.insecure_channel(self.address, options=options)
        read = [
            None if one is None else one.read_bytes()
            for one in (self.tls.ca, self.tls.key, self.tls.certificate)
        ]
        credentials = grpc.ssl_channel_credentials(*read)
        return grpc.aio.secure_channel(self.address, credentials, options=options)

    @property
    def stub(self) -> Any:
        """The service; any of its calls."""
        return pb_grpc.NetworkAgentServiceStub(self.channel)

    async def close(self) -> None:
        """Hang up."""
        if self._channel is not None:
            await self._channel.close(None)
            self._channel = None

    async def set_up(self, request: pb.SetupNetworkRequest, *, timeout: float = PATIENCE) -> SetUpEvents:
        """Every event of a set-up that goes well."""
        return await drained(self.stub.SetupNetwork(request, timeout=timeout))

    async def result(self, request: pb.SetupNetworkRequest) -> vm_network_pb2.SetupResult:
        """The result of a set-up that goes well."""
        return result_of(await self.set_up(request))

    async def tear_down(self, vm_id: str, *, timeout: float = PATIENCE, **fields: Any) -> TearDownEvents:
        """Every event of a teardown that goes well."""
        return await drained(self.stub.TeardownNetwork(tear_down(vm_id, **fields), timeout=timeout))

    async def get(self, vm_id: str) -> vm_network_pb2.VMNetwork:
        """The record."""
        answer = await self.stub.GetNetwork(pb.GetNetworkRequest(vm_id=vm_id), timeout=PATIENCE)
        network: vm_network_pb2.VMNetwork = answer.network
        return network

    async def page(self, **fields: Any) -> pb.ListNetworksResponse:
        """One page."""
        answer = await self.stub.ListNetworks(pb.ListNetworksRequest(**fields), timeout=PATIENCE)
        assert isinstance(answer, pb.ListNetworksResponse)
        return answer

    async def pages(self, **fields: Any) -> list[pb.ListNetworksResponse]:
        """Every page."""
        found = [await self.page(**fields)]
        while found[-1].next_page_token:
            found.append(await self.page(page_token=found[-1].next_page_token, **fields))
            expect(len(found) < 100_000, "pages without end")
        return found

    async def networks(self, **fields: Any) -> list[vm_network_pb2.VMNetwork]:
        """Every record."""
        return [one for page in await self.pages(**fields) for one in page.networks]

    async def status(self) -> pb.GetStatusResponse:
        """GetStatus."""
        answer = await self.stub.GetStatus(pb.GetStatusRequest(), timeout=PATIENCE)
        assert isinstance(answer, pb.GetStatusResponse)
        return answer

    async def check(self, vm_id: str) -> pb.CheckNetworkResponse:
        """CheckNetwork."""
        answer = await self.stub.CheckNetwork(pb.CheckNetworkRequest(vm_id=vm_id), timeout=PATIENCE)
        assert isinstance(answer, pb.CheckNetworkResponse)
        return answer

    async def describe(self, vm_id: str) -> pb.DescribeNetworkResponse:
        """DescribeNetwork."""
        answer = await self.stub.DescribeNetwork(pb.DescribeNetworkRequest(vm_id=vm_id), timeout=PATIENCE)
        assert isinstance(answer, pb.DescribeNetworkResponse)
        return answer

    async def collect(self, **fields: Any) -> pb.CollectGarbageResponse:
        """CollectGarbage."""
        answer = await self.stub.CollectGarbage(pb.CollectGarbageRequest(**fields), timeout=PATIENCE)
        assert isinstance(answer, pb.CollectGarbageResponse)
        return answer

    async def cordon(self, **fields: Any) -> pb.CordonHostResponse:
        """CordonHost."""
        answer = await self.stub.CordonHost(pb.CordonHostRequest(**fields), timeout=PATIENCE)
        assert isinstance(answer, pb.CordonHostResponse)
        return answer

    async def diagnose(self, **fields: Any) -> pb.DiagnoseHostResponse:
        """DiagnoseHost."""
        answer = await self.stub.DiagnoseHost(pb.DiagnoseHostRequest(**fields), timeout=PATIENCE)
        assert isinstance(answer, pb.DiagnoseHostResponse)
        return answer


def tear_down(vm_id: str, *, seconds: float | None = None, **fields: Any) -> pb.TeardownNetworkRequest:
    """A teardown; `seconds` is its operation_timeout."""
    asked = pb.TeardownNetworkRequest(vm_id=vm_id, **fields)
    if seconds is not None:
        asked.operation_timeout.FromNanoseconds(int(seconds * 1e9))
    return asked


def result_of(events: SetUpEvents) -> vm_network_pb2.SetupResult:
    """The result that ends the events. Raises Broken if there is none."""
    expect(events and events[-1].WhichOneof("event") == "result", "the stream ends without a result")
    return events[-1].result


def torn(events: TearDownEvents) -> pb.TeardownResult:
    """The result that ends a teardown's events. Raises Broken if there is none."""
    expect(events and events[-1].WhichOneof("event") == "result", "the stream ends without a result")
    return events[-1].result
