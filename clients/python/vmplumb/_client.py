"""The client that blocks. Safe for use by many threads at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar, cast

import grpc

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

_Asked = TypeVar("_Asked")
_Answer = TypeVar("_Answer")
_Result = TypeVar("_Result", SetupResult, TeardownResult)
_Request = TypeVar("_Request", SetupNetworkRequest, TeardownNetworkRequest)
_Response = TypeVar("_Response", SetupNetworkResponse, TeardownNetworkResponse)


class Leash:
    """One set-up or teardown, for another thread that may end it: the stream that is open, or the wait for the next."""

    def __init__(self) -> None:
        self._cut = threading.Event()
        self._call: grpc.Call | None = None
        self._lock = threading.Lock()

    @property
    def is_cut(self) -> bool:
        """Whether somebody has ended it."""
        return self._cut.is_set()

    def cut(self) -> None:
        """End the call, whose error is then not for its caller. The operation goes on."""
        with self._lock:
            self._cut.set()
            if self._call is not None:
                self._call.cancel()  # type: ignore[no-untyped-call]  # the stubs left it bare

    def hold(self, call: grpc.Call) -> None:
        """The stream that is to be ended from now on."""
        with self._lock:
            self._call = call
            if self.is_cut:
                call.cancel()  # type: ignore[no-untyped-call]  # the stubs left it bare

    def wait(self, seconds: float) -> bool:
        """Block so long; False if it was cut."""
        return not self._cut.wait(seconds)


class Client:
    """One agent, over a Unix socket or mTLS.

    Every method raises VmplumbError for what the agent or gRPC refuses. While no agent answers it is called
    again, as `retry` says; every call of the contract may be repeated. `timeout` bounds a whole call, all
    tries included; what runs out then is this side's patience: an operation that began goes on, and the same
    call attaches to it.
    """

    def __init__(
        self, target: str = DEFAULT_TARGET, *, tls: Tls | None = None, retry: Retry | None = None
    ) -> None:
        """Connect when first used. Raises ValueError for TCP without TLS."""
        options = _channel.options(target, tls)
        if tls is None:
            self._channel = grpc.insecure_channel(target, options)
        else:
            self._channel = grpc.secure_channel(target, tls.credentials(), options)
        self._stub = NetworkAgentServiceStub(self._channel)
        self._retry = retry or Retry()
        self._closed = False

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End every call and the connection. Operations go on."""
        self._closed = True
        self._channel.close()

    def set_up(
        self,
        vm_id: str,
        spec: NetworkSpec,
        *,
        on_progress: Callable[[ProgressEvent], None] | None = None,
        kernel_args: str = "",
        operation_timeout: Seconds | None = None,
        timeout: Seconds | None = None,
        leash: Leash | None = None,
    ) -> SetupResult:
        """Make, or find, the network of a VM. The same call with the same spec gives the same answer.

        Calls `on_progress` on this thread, once for an event, over every broken stream. `operation_timeout`
        bounds the agent's work; None means the agent's default. `leash` lets another thread end the call.
        """
        request = _follow.set_up_request(
            vm_id, spec, kernel_args=kernel_args, operation_timeout=operation_timeout
        )
        patience = Patience(self._retry, timeout, lambda: self._closed)
        follow: Follow[SetupNetworkRequest, SetupNetworkResponse, SetupResult] = Follow(request, patience)
        return _to_the_end(self._stub.SetupNetwork, follow, patience, on_progress, leash or Leash())

    def validate(
        self, vm_id: str, spec: NetworkSpec, *, kernel_args: str = "", timeout: Seconds | None = None
    ) -> None:
        """Have a set-up checked, nothing done. Raises what `set_up` would raise before its first effect."""
        request = _follow.set_up_request(vm_id, spec, kernel_args=kernel_args, validate_only=True)
        self._ask(_drained(self._stub.SetupNetwork), request, timeout)

    def tear_down(
        self,
        vm_id: str,
        *,
        uid: str = "",
        force: bool = False,
        wait_for_devices: bool = False,
        on_progress: Callable[[ProgressEvent], None] | None = None,
        operation_timeout: Seconds | None = None,
        timeout: Seconds | None = None,
        leash: Leash | None = None,
    ) -> TeardownResult:
        """Remove the network of a VM, or attach to its teardown. Nothing there is success: `existed` is
        False.

        With `uid`, only that incarnation. With `force`, the record goes even if a plugin refuses. Ends a
        running set-up. `leash` lets another thread end the call.
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
        return _to_the_end(self._stub.TeardownNetwork, follow, patience, on_progress, leash or Leash())

    def get(self, vm_id: str, *, timeout: Seconds | None = None) -> VMNetwork:
        """Read one record. Raises VmNotFound."""
        return self._ask(self._stub.GetNetwork, GetNetworkRequest(vm_id=vm_id), timeout).network

    def list(
        self, phases: Iterable[Phase.ValueType] = (), *, page_size: int = 0, timeout: Seconds | None = None
    ) -> Iterator[VMNetwork]:
        """Read the records in these phases, all if none is named, in the order of their ids.

        Pages are fetched as they are needed; `timeout` bounds each.
        """
        request = _follow.list_request(phases, page_size)
        while True:
            page = self._ask(self._stub.ListNetworks, request, timeout)
            yield from page.networks
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def watch(self, vm_ids: Iterable[str] = (), *, after_revision: int | None = None) -> Iterator[WatchEvent]:
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
                for response in call:
                    yield from watch.take(response)
                error = _follow.watch_ended()
            except grpc.RpcError as exc:
                error = _error_of(exc)
            finally:
                call.cancel()  # type: ignore[no-untyped-call]  # the stubs left it bare
            time.sleep(watch.again(error))

    def check(self, vm_id: str, *, timeout: Seconds | None = None) -> CheckNetworkResponse:
        """Look whether a network is as it should be. What is not is a finding, not an error."""
        return self._ask(self._stub.CheckNetwork, CheckNetworkRequest(vm_id=vm_id), timeout)

    def describe(self, vm_id: str, *, timeout: Seconds | None = None) -> DescribeNetworkResponse:
        """Read one record and the devices between the VM and the host, as the kernel has them now."""
        return self._ask(self._stub.DescribeNetwork, DescribeNetworkRequest(vm_id=vm_id), timeout)

    def collect_garbage(
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
        return self._ask(self._stub.CollectGarbage, request, timeout)

    def diagnose(
        self, *, skip_findings: bool = False, skip_preflight: bool = False, timeout: Seconds | None = None
    ) -> DiagnoseHostResponse:
        """Compare what journal, caches, reservations and kernel say, and check what the host must offer."""
        request = DiagnoseHostRequest(skip_findings=skip_findings, skip_preflight=skip_preflight)
        return self._ask(self._stub.DiagnoseHost, request, timeout)

    def cordon(
        self, *, cordoned: bool = True, reason: str = "", timeout: Seconds | None = None
    ) -> CordonHostResponse:
        """Let no new network begin on the host; with `cordoned` False let them begin again. Networks stay."""
        return self._ask(self._stub.CordonHost, CordonHostRequest(cordoned=cordoned, reason=reason), timeout)

    def status(self, *, timeout: Seconds | None = None) -> GetStatusResponse:
        """Ask what the agent is, what it can do and how much of it it does."""
        return self._ask(self._stub.GetStatus, GetStatusRequest(), timeout)

    def _ask(
        self,
        method: Callable[..., _Answer],
        request: object,
        timeout: Seconds | None,
    ) -> _Answer:
        patience = Patience(self._retry, timeout, lambda: self._closed)
        while True:
            try:
                return method(request, timeout=patience.left())
            except grpc.RpcError as exc:
                error = _error_of(exc)
            time.sleep(patience.wait_after(error))


def _to_the_end(
    method: grpc.UnaryStreamMultiCallable[_Request, _Response],
    follow: Follow[_Request, _Response, _Result],
    patience: Patience,
    on_progress: Callable[[ProgressEvent], None] | None,
    leash: Leash,
) -> _Result:
    while True:
        call = method(follow.request(), timeout=patience.left())
        leash.hold(call)
        try:
            for response in call:
                event = follow.take(response)
                if event is not None and on_progress is not None:
                    on_progress(event)
        except grpc.RpcError as exc:
            error = _error_of(exc)
        else:
            return follow.ended()
        finally:
            call.cancel()  # type: ignore[no-untyped-call]  # the stubs left it bare
        if leash.is_cut or not leash.wait(follow.again(error)):
            raise error


def _drained(method: Callable[..., Iterable[object]]) -> Callable[..., None]:
    def drained(request: object, *, timeout: float | None) -> None:
        for _ in method(request, timeout=timeout):
            pass

    return drained


def _error_of(error: grpc.RpcError) -> VmplumbError:
    # Every RpcError a call raises is the call itself, which the stubs do not know.
    call = cast("grpc.Call", error)
    return from_status(call.code(), call.details() or "", call.trailing_metadata())
