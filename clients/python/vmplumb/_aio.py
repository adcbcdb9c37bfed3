"""The client for asyncio: the same calls as the one that blocks, the same promises."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable
from typing import TypeVar, cast

import grpc
import grpc.aio

from vmplumb import _channel, _follow
from vmplumb._channel import DEFAULT_TARGET, Tls
from vmplumb._errors import VmplumbError, from_status
from vmplumb._follow import Follow, Patience, ProgressEvent, Retry, Seconds, Watch, WatchEvent
from vmplumb.v1.network_agent_service_pb2 import (
    CheckNetworkRequest,
    CheckNetworkResponse,
    CollectGarbageRequest,
    CollectGarbageResponse,
    CordonHostRequest,
    CordonHostResponse,
    DescribeNetworkRequest,
    DescribeNetworkResponse,
    DiagnoseHostRequest,
    DiagnoseHostResponse,
    GetNetworkRequest,
    GetStatusRequest,
    GetStatusResponse,
    SetupNetworkRequest,
    SetupNetworkResponse,
    TeardownNetworkRequest,
    TeardownNetworkResponse,
    TeardownResult,
)
from vmplumb.v1.network_agent_service_pb2_grpc import NetworkAgentServiceStub
from vmplumb.v1.vm_network_pb2 import NetworkSpec, Phase, SetupResult, VMNetwork

OnProgress = Callable[[ProgressEvent], Awaitable[None] | None]

_Answer = TypeVar("_Answer")
_Result = TypeVar("_Result", SetupResult, TeardownResult)
_Request = TypeVar("_Request", SetupNetworkRequest, TeardownNetworkRequest)
_Response = TypeVar("_Response", SetupNetworkResponse, TeardownNetworkResponse)


class AsyncClient:
    """One agent, over a Unix socket or mTLS, from one event loop. As Client, in every other respect.

    To cancel a task ends its call, never the operation the call began.
    """

    def __init__(
        self, target: str = DEFAULT_TARGET, *, tls: Tls | None = None, retry: Retry | None = None
    ) -> None:
        """Connect when first used. Raises ValueError for TCP without TLS. To be made where a loop runs."""
        options = _channel.options(target, tls)
        if tls is None:
            self._channel = grpc.aio.insecure_channel(target, options)
        else:
            self._channel = grpc.aio.secure_channel(target, tls.credentials(), options)
        self._stub = NetworkAgentServiceStub(self._channel)
        self._retry = retry or Retry()
        self._closed = False

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End every call and the connection. Operations go on."""
        self._closed = True
        await self._channel.close(None)

    async def set_up(
        self,
        vm_id: str,
        spec: NetworkSpec,
        *,
        on_progress: OnProgress | None = None,
        kernel_args: str = "",
        operation_timeout: Seconds | None = None,
        timeout: Seconds | None = None,
    ) -> SetupResult:
        """Make, or find, the network of a VM. The same call with the same spec gives the same answer.

        Calls `on_progress` once for an event, over every broken stream, and awaits what it returns.
        """
        request = _follow.set_up_request(
            vm_id, spec, kernel_args=kernel_args, operation_timeout=operation_timeout
        )
        patience = Patience(self._retry, timeout, lambda: self._closed)
        follow: Follow[SetupNetworkRequest, SetupNetworkResponse, SetupResult] = Follow(request, patience)
        return await _to_the_end(self._stub.SetupNetwork, follow, patience, on_progress)

    async def validate(
        self, vm_id: str, spec: NetworkSpec, *, kernel_args: str = "", timeout: Seconds | None = None
    ) -> None:
        """Have a set-up checked, nothing done. Raises what `set_up` would raise before its first effect."""
        request = _follow.set_up_request(vm_id, spec, kernel_args=kernel_args, validate_only=True)
        await self._ask(_drained(self._stub.SetupNetwork), request, timeout)

    async def tear_down(
        self,
        vm_id: str,
        *,
        uid: str = "",
        force: bool = False,
        wait_for_devices: bool = False,
        on_progress: OnProgress | None = None,
        operation_timeout: Seconds | None = None,
        timeout: Seconds | None = None,
    ) -> TeardownResult:
        """Remove the network of a VM, or attach to its teardown. Nothing there is success: `existed` is
        False.

        With `uid`, only that incarnation. With `force`, the record goes even if a plugin refuses. Ends a
        running set-up.
        """
        request = _follow.tear_down_request(
            vm_id,
            uid=uid,
            force=force,
            wait_for_devices=wait_for_devices,
            operation_timeout=operation_timeout,
        )
        patience = Patience(self._retry, timeout, lambda: self._closed)
        follow: Follow[TeardownNetworkRequest, TeardownNetworkResponse, TeardownResult] = Follow(
            request, patience
        )
        return await _to_the_end(self._stub.TeardownNetwork, follow, patience, on_progress)

    async def get(self, vm_id: str, *, timeout: Seconds | None = None) -> VMNetwork:
        """Read one record. Raises VmNotFound."""
        return (await self._ask(self._stub.GetNetwork, GetNetworkRequest(vm_id=vm_id), timeout)).network

    async def list(
        self, phases: Iterable[Phase.ValueType] = (), *, page_size: int = 0, timeout: Seconds | None = None
    ) -> AsyncIterator[VMNetwork]:
        """Read the records in these phases, all if none is named, in the order of their ids.

        Pages are fetched as they are needed; `timeout` bounds each.
        """
        request = _follow.list_request(phases, page_size)
        while True:
            page = await self._ask(self._stub.ListNetworks, request, timeout)
            for network in page.networks:
                yield network
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    async def watch(
        self, vm_ids: Iterable[str] = (), *, after_revision: int | None = None
    ) -> AsyncGenerator[WatchEvent, None]:
        """Follow changes until the iterator is closed.

        First comes every record there is, then a bookmark, then changes; with `after_revision` only changes
        after it. A broken stream is resumed: no change comes twice, no removal is left out. Raises
        ResumePositionLost only for a position of the caller's own.
        """
        patience = Patience(self._retry, None, lambda: self._closed)
        watch = Watch(vm_ids, after_revision, patience)
        while True:
            call = self._stub.WatchNetworks(watch.request())
            try:
                async for response in call:
                    for event in watch.take(response):
                        yield event
                error = _follow.watch_ended()
            except grpc.aio.AioRpcError as exc:
                error = _error_of(exc)
            finally:
                call.cancel()
            await asyncio.sleep(watch.again(error))

    async def check(self, vm_id: str, *, timeout: Seconds | None = None) -> CheckNetworkResponse:
        """Look whether a network is as it should be. What is not is a finding, not an error."""
        return await self._ask(self._stub.CheckNetwork, CheckNetworkRequest(vm_id=vm_id), timeout)

    async def describe(self, vm_id: str, *, timeout: Seconds | None = None) -> DescribeNetworkResponse:
        """Read one record and the devices between the VM and the host, as the kernel has them now."""
        return await self._ask(self._stub.DescribeNetwork, DescribeNetworkRequest(vm_id=vm_id), timeout)

    async def collect_garbage(
        self,
        valid_vm_ids: Iterable[str],
        *,
        as_of_revision: int,
        allow_empty: bool = False,
        dry_run: bool = False,
        collect_leaks: bool = False,
        quarantine: bool = False,
        as_one_group: bool = False,
        drain_pools: bool = False,
        timeout: Seconds | None = None,
    ) -> CollectGarbageResponse:
        """Tear down every network of no valid VM whose record is not newer than `as_of_revision`.

        That is the agent's revision from before the list of VMs was drawn up: networks made since then stay.
        """
        request = CollectGarbageRequest(
            valid_vm_ids=valid_vm_ids,
            as_of_revision=as_of_revision,
            allow_empty=allow_empty,
            dry_run=dry_run,
            collect_leaks=collect_leaks,
            quarantine=quarantine,
            as_one_group=as_one_group,
            drain_pools=drain_pools,
        )
        return await self._ask(self._stub.CollectGarbage, request, timeout)

    async def diagnose(
        self, *, skip_findings: bool = False, skip_preflight: bool = False, timeout: Seconds | None = None
    ) -> DiagnoseHostResponse:
        """Compare what journal, caches, reservations and kernel say, and check what the host must offer."""
        request = DiagnoseHostRequest(skip_findings=skip_findings, skip_preflight=skip_preflight)
        return await self._ask(self._stub.DiagnoseHost, request, timeout)

    async def cordon(
        self, *, cordoned: bool = True, reason: str = "", timeout: Seconds | None = None
    ) -> CordonHostResponse:
        """Let no new network begin on the host; with `cordoned` False let them begin again. Networks stay."""
        request = CordonHostRequest(cordoned=cordoned, reason=reason)
        return await self._ask(self._stub.CordonHost, request, timeout)

    async def status(self, *, timeout: Seconds | None = None) -> GetStatusResponse:
        """Ask what the agent is, what it can do and how much of it it does."""
        return await self._ask(self._stub.GetStatus, GetStatusRequest(), timeout)

    async def _ask(
        self, method: Callable[..., Awaitable[_Answer]], request: object, timeout: Seconds | None
    ) -> _Answer:
        patience = Patience(self._retry, timeout, lambda: self._closed)
        while True:
            try:
                return await method(request, timeout=patience.left())
            except grpc.aio.AioRpcError as exc:
                error = _error_of(exc)
            await asyncio.sleep(patience.wait_after(error))


async def _to_the_end(
    method: grpc.aio.UnaryStreamMultiCallable[_Request, _Response],
    follow: Follow[_Request, _Response, _Result],
    patience: Patience,
    on_progress: OnProgress | None,
) -> _Result:
    while True:
        call = method(follow.request(), timeout=patience.left())
        try:
            async for response in call:
                event = follow.take(response)
                if event is not None and on_progress is not None:
                    told = on_progress(event)
                    if inspect.isawaitable(told):
                        await told
        except grpc.aio.AioRpcError as exc:
            error = _error_of(exc)
        else:
            return follow.ended()
        finally:
            call.cancel()
        await asyncio.sleep(follow.again(error))


def _drained(method: Callable[..., AsyncIterable[object]]) -> Callable[..., Awaitable[None]]:
    async def drained(request: object, *, timeout: float | None) -> None:
        async for _ in method(request, timeout=timeout):
            pass

    return drained


def _error_of(error: grpc.aio.AioRpcError) -> VmplumbError:
    # The stubs have their own idea of Metadata; it iterates over pairs.
    trailing = cast("Iterable[tuple[str, str | bytes]]", error.trailing_metadata() or ())
    return from_status(error.code(), error.details() or "", trailing)
