"""One method an RPC: check at the door, convert, call the agent, convert back."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TypeAlias

import grpc
from google.protobuf.message import Message

from vmplumb.v1 import network_agent_service_pb2 as pb
from vmplumb.v1 import network_agent_service_pb2_grpc as pb_grpc
from vmplumb.v1 import vm_network_pb2
from vmplumbd.errors import (
    AccessDenied,
    AgentError,
    AgentNotReady,
    InvalidSpec,
    LimitExceeded,
    ResumePositionLost,
    Unauthenticated,
    UnknownField,
    Violation,
    first_of,
)
from vmplumbd.model.caller import Caller
from vmplumbd.model.ids import VmId
from vmplumbd.model.lifecycle import Phase
from vmplumbd.model.progress import StepEvent
from vmplumbd.model.record import Record
from vmplumbd.operations import failures
from vmplumbd.operations.agent import Agent, Resume
from vmplumbd.operations.book import Operation
from vmplumbd.operations.collect import CollectOrder
from vmplumbd.operations.describe import describe
from vmplumbd.operations.doctor import DiagnoseOrder
from vmplumbd.operations.set_up import SetUpOrder
from vmplumbd.operations.tear_down import TearDownOrder
from vmplumbd.rpc import convert, diagnosis, progress, status, wants
from vmplumbd.rpc.audit import MUTATING, Auditor
from vmplumbd.rpc.door import Door, Visit, Way
from vmplumbd.rpc.figures import status_response
from vmplumbd.rpc.seen import SPAN
from vmplumbd.rpc.validation import RequestRules, refuse_too_long, refuse_too_much, unknown_fields

Context: TypeAlias = "grpc.aio.ServicerContext[Message, Message]"

PAGE_DEFAULT = 100
PAGE_MOST = 1000
# gRPC's default receive limit is 4 MiB; a page stays well below it.
PAGE_BYTES = 3 * 1024 * 1024
# A watch tells that it lives at least this often, in seconds.
_BOOKMARK_EVERY = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """In the place of a request of so many bytes that could not be read, or was too long to be."""

    size: int


@dataclass(slots=True, kw_only=True)
class Served:
    """One call: who it is for, and the operation that it began or found."""

    began: float
    visit: Visit | None = None
    uid: str = ""

    @property
    def let_in(self) -> Visit:
        """How it came in."""
        assert self.visit is not None
        return self.visit

    @property
    def caller(self) -> Caller:
        """Who the agent deals with."""
        return self.let_in.caller


class Servicer(pb_grpc.NetworkAgentServiceServicer):
    """vmplumb.v1.NetworkAgentService, on the event loop; nothing here blocks."""

    def __init__(
        self,
        agent: Agent,
        rules: RequestRules,
        *,
        key: bytes,
        door: Door,
        way: Way,
        auditor: Auditor | None = None,
    ) -> None:
        self._agent = agent
        self._rules = rules
        self._key = key
        self._door = door
        self._way = way
        self._auditor = auditor
        self._clock = agent.tools.clock.monotonic

    async def SetupNetwork(  # noqa: N802 - the contract's name
        self, request: pb.SetupNetworkRequest, context: Context
    ) -> AsyncIterator[pb.SetupNetworkResponse]:
        """Set up, attach, replay or resume."""
        async with self._serving(context, "SetupNetwork", request) as served:
            vm_id = VmId(request.vm_id)
            spec = convert.network_spec(request.spec)
            raw = convert.spec_bytes(request.spec)
            order = SetUpOrder(
                spec=spec,
                spec_bytes=raw,
                spec_hash=convert.spec_hash(raw),
                timeout=self._timeout(request),
                by=served.caller,
                trace=SPAN.get(),
            )
            if request.validate_only:
                async with self._door.aside(served.let_in):
                    await asyncio.to_thread(self._agent.validate, vm_id, spec, order.spec_hash, served.caller)
                return
            resume = _resume(request)
            operation = self._agent.set_up(vm_id, order, resume, served.caller)
            served.uid = operation.uid
            before = operation.log.last_sequence
            async for entry in progress.entries(operation.log, after=resume.sequence if resume else 0):
                response = pb.SetupNetworkResponse(
                    uid=operation.uid, sequence=entry.sequence, replayed=entry.sequence <= before
                )
                response.event_time.CopyFrom(convert.timestamp(entry.time))
                if isinstance(entry.event, StepEvent):
                    response.progress.CopyFrom(convert.progress(entry.event))
                else:
                    response.result.CopyFrom(self._result(operation))
                yield response
            if operation.log.error is not None:
                raise operation.log.error

    async def TeardownNetwork(  # noqa: N802 - the contract's name
        self, request: pb.TeardownNetworkRequest, context: Context
    ) -> AsyncIterator[pb.TeardownNetworkResponse]:
        """Tear down, or attach to a teardown."""
        async with self._serving(context, "TeardownNetwork", request) as served:
            order = TearDownOrder(
                uid=request.uid,
                force=request.force,
                timeout=self._timeout(request),
                wait_for_devices=request.wait_for_devices,
                trace=SPAN.get(),
            )
            resume = _resume(request)
            operation = self._agent.tear_down(VmId(request.vm_id), order, resume, served.caller)
            if operation is None:
                nothing = pb.TeardownNetworkResponse(sequence=1)
                nothing.event_time.GetCurrentTime()
                nothing.result.existed = False
                nothing.result.devices_gone = True
                yield nothing
                return
            served.uid = operation.uid
            before = operation.log.last_sequence
            async for entry in progress.entries(operation.log, after=resume.sequence if resume else 0):
                response = pb.TeardownNetworkResponse(
                    uid=operation.uid, sequence=entry.sequence, replayed=entry.sequence <= before
                )
                response.event_time.CopyFrom(convert.timestamp(entry.time))
                if isinstance(entry.event, StepEvent):
                    response.progress.CopyFrom(convert.progress(entry.event))
                else:
                    response.result.CopyFrom(_teardown_result(operation))
                yield response
            if operation.log.error is not None:
                raise operation.log.error

    async def GetNetwork(  # noqa: N802 - the contract's name
        self, request: pb.GetNetworkRequest, context: Context
    ) -> pb.GetNetworkResponse:
        """Read one record."""
        async with self._serving(context, "GetNetwork", request) as served:
            record = self._agent.get(VmId(request.vm_id), served.caller)
            return pb.GetNetworkResponse(network=self._network(record))
        raise AssertionError("unreachable: _serving aborts")

    async def ListNetworks(  # noqa: N802 - the contract's name
        self, request: pb.ListNetworksRequest, context: Context
    ) -> pb.ListNetworksResponse:
        """Read a page."""
        async with self._serving(context, "ListNetworks", request) as served:
            revision = self._agent.tools.book.revision
            response = pb.ListNetworksResponse(revision=revision)
            phases = {Phase(value) for value in request.phases}
            after = self._read_token(request, served.caller)
            most = min(request.page_size or PAGE_DEFAULT, PAGE_MOST)
            used = 0
            last = ""
            for record in self._agent.list(served.caller):
                if record.vm_id <= after or (phases and record.phase not in phases):
                    continue
                if len(response.networks) >= most:
                    response.next_page_token = self._token(request, last, served.caller)
                    break
                message = self._network(record)
                size = message.ByteSize()
                if response.networks and used + size > PAGE_BYTES:
                    response.next_page_token = self._token(request, last, served.caller)
                    break
                used += size
                last = record.vm_id
                response.networks.append(message)
            return response
        raise AssertionError("unreachable: _serving aborts")

    async def WatchNetworks(  # noqa: N802 - the contract's name
        self, request: pb.WatchNetworksRequest, context: Context
    ) -> AsyncIterator[pb.WatchNetworksResponse]:
        """Follow changes until the caller goes."""
        async with self._serving(context, "WatchNetworks", request) as served:
            with self._door.watching():
                wanted = set(request.vm_ids)
                policy = self._door.policy
                book = self._agent.tools.book
                bell = progress.Bell()
                stop = self._agent.watch(bell.ring)
                try:
                    if request.HasField("after_revision"):
                        position = request.after_revision
                    else:
                        position = book.revision
                        for record in self._agent.list(served.caller):
                            if not wanted or record.vm_id in wanted:
                                yield self._change(record)
                        yield pb.WatchNetworksResponse(revision=position, bookmark=pb.WatchBookmark())
                    while True:
                        if policy is not self._door.policy:
                            policy = self._door.policy
                            self._door.look_again(served.let_in, "WatchNetworks", context)
                        changes = book.changes_after(position)
                        if changes is None:
                            raise ResumePositionLost(f"changes after revision {position} are no longer held")
                        for record in changes:
                            position = record.revision
                            if served.caller.sees(record.owner) and (not wanted or record.vm_id in wanted):
                                yield self._change(record)
                        if self._agent.draining:
                            raise AgentNotReady(
                                "the agent goes away", hint="watch again with the last revision?"
                            )
                        if not await bell.wait(_BOOKMARK_EVERY):
                            yield pb.WatchNetworksResponse(revision=position, bookmark=pb.WatchBookmark())
                finally:
                    stop()

    async def CheckNetwork(  # noqa: N802 - the contract's name
        self, request: pb.CheckNetworkRequest, context: Context
    ) -> pb.CheckNetworkResponse:
        """Look whether a network is as it should be."""
        async with self._serving(context, "CheckNetwork", request) as served:
            call = self._agent.check(VmId(request.vm_id), served.caller)
            await progress.ended(call.operation.when_ended)
            if call.operation.log.error is not None:
                raise call.operation.log.error
            assert call.findings is not None
            return pb.CheckNetworkResponse(
                findings=[convert.failure_of(one) for one in call.findings.findings],
                cni_check_skipped=call.findings.cni_check_skipped,
            )
        raise AssertionError("unreachable: _serving aborts")

    async def DescribeNetwork(  # noqa: N802 - the contract's name
        self, request: pb.DescribeNetworkRequest, context: Context
    ) -> pb.DescribeNetworkResponse:
        """Show the devices between the VM and the host."""
        async with self._serving(context, "DescribeNetwork", request) as served:
            async with self._door.aside(served.let_in):
                record = self._agent.get(VmId(request.vm_id), served.caller)
                description = await asyncio.to_thread(describe, self._agent.tools, record)
            response = convert.description(description)
            response.network.CopyFrom(self._network(record))
            return response
        raise AssertionError("unreachable: _serving aborts")

    async def CollectGarbage(  # noqa: N802 - the contract's name
        self, request: pb.CollectGarbageRequest, context: Context
    ) -> pb.CollectGarbageResponse:
        """Tear down what no valid VM owns."""
        async with self._serving(context, "CollectGarbage", request) as served:
            call = self._agent.collect(
                CollectOrder(
                    valid_vm_ids=frozenset(request.valid_vm_ids),
                    as_of_revision=request.as_of_revision,
                    dry_run=request.dry_run,
                    collect_leaks=request.collect_leaks,
                    quarantine=request.quarantine,
                    as_one_group=request.as_one_group,
                    drain_pools=request.drain_pools,
                    by=served.caller,
                )
            )
            await progress.ended(call.operation.when_ended)
            if call.operation.log.error is not None:
                raise call.operation.log.error
            assert call.collected is not None
            response = pb.CollectGarbageResponse(
                cni_gc_networks=call.collected.gc_networks,
                pool_members=call.collected.pool_members,
                cni_gc_failures=[convert.failure_of(one) for one in call.collected.gc_errors],
            )
            for fate in call.collected.fates:
                entry = response.collected.add(vm_id=fate.vm_id, uid=fate.uid)
                if fate.error is not None:
                    entry.failure.CopyFrom(convert.failure_of(fate.error))
            found = (diagnosis.cleared(one) for one in call.collected.leaks)
            response.findings_truncated = diagnosis.fill(response.findings, found)
            return response
        raise AssertionError("unreachable: _serving aborts")

    async def DiagnoseHost(  # noqa: N802 - the contract's name
        self, request: pb.DiagnoseHostRequest, context: Context
    ) -> pb.DiagnoseHostResponse:
        """Compare the four views."""
        async with self._serving(context, "DiagnoseHost", request):
            order = DiagnoseOrder(skip_findings=request.skip_findings, skip_preflight=request.skip_preflight)
            call = self._agent.diagnose(order)
            await progress.ended(call.operation.when_ended)
            if call.operation.log.error is not None:
                raise call.operation.log.error
            assert call.diagnosis is not None
            return diagnosis.response(call.diagnosis)
        raise AssertionError("unreachable: _serving aborts")

    async def CordonHost(  # noqa: N802 - the contract's name
        self, request: pb.CordonHostRequest, context: Context
    ) -> pb.CordonHostResponse:
        """Let no new network begin, or let them begin again."""
        async with self._serving(context, "CordonHost", request) as served:
            cordon = await asyncio.to_thread(
                self._agent.set_cordon,
                cordoned=request.cordoned,
                reason=request.reason,
                by=served.caller,
            )
            return pb.CordonHostResponse(cordon=None if cordon is None else convert.cordon(cordon))
        raise AssertionError("unreachable: _serving aborts")

    async def GetStatus(  # noqa: N802 - the contract's name
        self, request: pb.GetStatusRequest, context: Context
    ) -> pb.GetStatusResponse:
        """Tell what the agent is and does."""
        async with self._serving(context, "GetStatus", request) as served:
            return status_response(self._agent, served.caller)
        raise AssertionError("unreachable: _serving aborts")

    @contextlib.asynccontextmanager
    async def _serving(
        self, context: Context, rpc: str, request: Message | Unreadable
    ) -> AsyncIterator[Served]:
        """Let a caller in, check what it asks, answer our errors with their status and details, and audit.

        A stranger among the errors is a fault of the agent.
        """
        served = Served(began=self._clock())
        gone = False
        error: AgentError | None = None
        try:
            served.visit = visit = self._door.visit(self._way, context)
            with contextlib.ExitStack() as open_call:
                async with self._door.turn(visit):
                    open_call.enter_context(self._door.entered(visit, rpc))
                    self._door.weigh(visit, _size(request))
                    self._check(request, mutates=rpc in MUTATING)
                    if visit.rule is not None and isinstance(request, Message):
                        visit.permit(rpc, wants.ask_of(request))
                yield served
        except (asyncio.CancelledError, GeneratorExit, grpc.aio.AbortError):
            gone = True
            raise
        except AgentError as exc:
            error = exc
            let_in = served.visit is not None
            await self._door.slow_down(self._way, context, exc, let_in=let_in, size=_size(request))
            await _abort(context, exc, request)
        except Exception as exc:  # noqa: BLE001 - whatever it is, the caller gets a status that says so
            error = failures.as_agent_error(exc)
            await _abort(context, error, request)
        finally:
            if self._auditor is not None and rpc in MUTATING:
                self._audit(self._auditor, context, rpc, request, served, error, gone=gone)

    def _audit(
        self,
        auditor: Auditor,
        context: Context,
        rpc: str,
        request: Message | Unreadable,
        served: Served,
        error: AgentError | None,
        *,
        gone: bool,
    ) -> None:
        visit = served.visit
        auditor.note(
            rpc=rpc,
            request=request,
            way=self._way,
            who=self._door.who(self._way, context) if visit is None else visit.caller.identity,
            rule="" if visit is None else visit.caller.rule,
            peer=context.peer() if self._way is Way.TCP else "",
            uid=served.uid,
            seconds=self._clock() - served.began,
            error=error,
            gone=gone,
        )

    def _check(self, request: Message | Unreadable, *, mutates: bool) -> None:
        limits = self._door.limits
        refuse_too_long(_size(request), limits.message_bytes)
        if isinstance(request, Unreadable):
            wrong = Violation(field="", rule="wire", message="not a message of the contract")
            raise InvalidSpec("the request is no message of the contract, or its text is not UTF-8", (wrong,))
        refuse_too_much(request, list_items=limits.list_items, json_depth=limits.json_depth)
        if mutates and (unknown := unknown_fields(request)):
            names = ", ".join(unknown) or "too many to be named"
            raise UnknownField(
                f"the request has fields this agent does not know: {names}",
                tuple(
                    Violation(field=path, rule="unknown_field", message="this agent does not know the field")
                    for path in unknown
                ),
            )
        violations = self._rules.violations(request.DESCRIPTOR.full_name, request.SerializeToString())
        if violations:
            raise InvalidSpec(f"{violations[0].field}: {first_of(violations)}", violations)

    def _mark(self, request: pb.ListNetworksRequest, last: str, caller: Caller) -> bytes:
        """Made with the agent's key: a token is good for one caller, one filter and one place."""
        about = repr((sorted(request.phases), caller.identity, last)).encode()
        return hmac.digest(self._key, b"page" + about, hashlib.sha256)[:16]

    def _token(self, request: pb.ListNetworksRequest, last: str, caller: Caller) -> str:
        return base64.urlsafe_b64encode(self._mark(request, last, caller) + last.encode()).decode()

    def _read_token(self, request: pb.ListNetworksRequest, caller: Caller) -> str:
        """The last vm_id of the page before. Raises InvalidSpec for a token that was not made for this call."""
        if not request.page_token:
            return ""
        try:
            raw = base64.b64decode(request.page_token.encode(), altchars=b"-_", validate=True)
            mark, last = raw[:16], raw[16:].decode()
        except ValueError:
            mark, last = b"", ""
        if not last or not hmac.compare_digest(mark, self._mark(request, last, caller)):
            wrong = Violation(field="page_token", rule="page_token", message="not a token for this filter")
            raise InvalidSpec("page_token: not a token that this agent made for this filter", (wrong,))
        return last

    def _timeout(self, request: pb.SetupNetworkRequest | pb.TeardownNetworkRequest) -> float:
        if request.HasField("operation_timeout"):
            return convert.seconds_of(request.operation_timeout)
        return self._agent.tools.settings.operation_timeout

    def _result(self, operation: Operation) -> vm_network_pb2.SetupResult:
        assert operation.log.outcome is not None
        record = self._agent.tools.book.get(operation.vm_id)
        adopted = record is not None and bool(record.plan.netns_path) and not record.plan.netns_owned
        return convert.setup_result(operation.log.outcome, netns_adopted=adopted)

    def _change(self, record: Record) -> pb.WatchNetworksResponse:
        return pb.WatchNetworksResponse(revision=record.revision, network=self._network(record))

    def _network(self, record: Record) -> vm_network_pb2.VMNetwork:
        return convert.network(record, self._agent.outcome(record), key=self._key)


def _size(request: Message | Unreadable) -> int:
    return request.ByteSize() if isinstance(request, Message) else request.size


async def _abort(context: Context, error: AgentError, request: object) -> None:
    # What the door and the contract's rules say quotes no value, and has to be cheap.
    quotes = type(error) is not InvalidSpec and not isinstance(
        error, (LimitExceeded, AccessDenied, Unauthenticated, UnknownField)
    )
    hide = wants.secrets_of(request).hide if quotes else str
    code, message, details = status.status_of(error, vm_id=getattr(request, "vm_id", ""), hide=hide)
    await context.abort(code, message, (("grpc-status-details-bin", details),))


def _resume(request: pb.SetupNetworkRequest | pb.TeardownNetworkRequest) -> Resume | None:
    if not request.HasField("resume"):
        return None
    return Resume(uid=request.resume.uid, sequence=request.resume.sequence)


def _teardown_result(operation: Operation) -> pb.TeardownResult:
    return pb.TeardownResult(
        existed=operation.existed,
        network_uid=operation.network_uid,
        ignored_failures=[convert.failure_of(one) for one in operation.ignored_failures],
        leftovers=[convert.leftover(one) for one in operation.leftovers],
        devices_gone=operation.devices_gone,
        holders=[convert.holder(one) for one in operation.holders],
    )
