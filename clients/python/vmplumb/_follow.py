"""What both clients know of a call: its requests, which events are new, and what follows a break.

Nothing here waits or speaks to anyone. A client asks `request()`, feeds what comes to `take()`, and after a
break asks `again()`, which says how long to wait or raises the error for good.
"""

from __future__ import annotations

import copy
import datetime as dt
import math
import random
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

import grpc

from vmplumb._errors import (
    AgentNotReady,
    AgentUnreachable,
    CallCancelled,
    DeadlineExceeded,
    ProtocolBroken,
    ResumePositionLost,
    VmplumbError,
)
from vmplumb.v1.network_agent_service_pb2 import (
    ListNetworksRequest,
    SetupNetworkRequest,
    SetupNetworkResponse,
    TeardownNetworkRequest,
    TeardownNetworkResponse,
    TeardownResult,
    WatchNetworksRequest,
    WatchNetworksResponse,
)
from vmplumb.v1.vm_network_pb2 import PHASE_REMOVED, NetworkSpec, Phase, Progress, SetupResult, VMNetwork

Seconds = float | dt.timedelta
"""A span of time: a number of seconds, or a timedelta."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Retry:
    """How long a client tries on while no agent answers. The wait doubles with each try, with jitter."""

    attempts: int = 6
    """Tries in a row without an answer, the first included. 1 means: never again."""
    first: float = 0.1
    """Seconds before the second try."""
    most: float = 5.0
    """Seconds between two tries at most."""

    def wait(self, failures: int) -> float:
        """Seconds to wait after so many failures in a row."""
        whole: float = min(self.most, self.first * 2 ** (failures - 1))
        return whole * random.uniform(0.5, 1.0)  # noqa: S311 - jitter guards no secret


@dataclass(frozen=True, kw_only=True, slots=True)
class ProgressEvent:
    """One thing that happened during a set-up or a teardown."""

    uid: str
    """The operation: VMNetwork.uid for a set-up, the teardown's own for a teardown."""
    sequence: int
    """Its place in the operation, from 1. A reader that lags may see gaps, never the same one twice."""
    time: dt.datetime
    """When it happened, in UTC."""
    replayed: bool
    """Whether it happened before the call that sent it attached."""
    progress: Progress


@dataclass(frozen=True, kw_only=True, slots=True)
class WatchEvent:
    """A record after a change, or a sign that all up to `revision` has been seen."""

    revision: int
    """A value for `after_revision`, once the first event without a network has come."""
    network: VMNetwork | None
    """The record; PHASE_REMOVED says it is gone. None in a bookmark."""


class Patience:
    """How long one call goes on: the caller's timeout over all tries, and the tries in a row."""

    def __init__(
        self, retry: Retry, timeout: Seconds | None, closed: Callable[[], bool] = lambda: True
    ) -> None:
        """`closed` says whether this side ended the connection: a call that is cancelled then was meant to be."""
        self._retry = retry
        self._closed = closed
        self._failures = 0
        self._until = math.inf if timeout is None else time.monotonic() + seconds(timeout)

    def left(self) -> float | None:
        """Seconds left of the caller's timeout, for gRPC; None if there is no bound."""
        if self._until == math.inf:
            return None
        return max(0.0, self._until - time.monotonic())

    def heard(self) -> None:
        """The agent answered: failures are counted from the start."""
        self._failures = 0

    def wait_after(self, error: VmplumbError) -> float:
        """Seconds to wait before the next try. Raises the error if there is to be none.

        Tried again is what says that nobody was there: a broken connection, an agent that starts or drains.
        An operation that ended UNAVAILABLE (CNI_TRY_AGAIN_LATER, JOURNAL_FAILED) has ended.
        """
        # A server that goes cancels what it could not answer any more.
        dropped = isinstance(error, CallCancelled) and not self._closed()
        if not dropped and not isinstance(error, AgentUnreachable | AgentNotReady):
            raise error
        self._failures += 1
        if self._failures >= self._retry.attempts:
            raise error
        wait = self._retry.wait(self._failures)
        if error.retry_after is not None:
            wait = min(max(wait, error.retry_after), self._retry.most)
        if time.monotonic() + wait >= self._until:
            raise DeadlineExceeded(
                f"no answer within the caller's timeout: {error.message}",
                code=grpc.StatusCode.DEADLINE_EXCEEDED,
            ) from error
        return wait


Request = TypeVar("Request", SetupNetworkRequest, TeardownNetworkRequest)
Response = TypeVar("Response", SetupNetworkResponse, TeardownNetworkResponse)
Result = TypeVar("Result", SetupResult, TeardownResult)


class Follow(Generic[Request, Response, Result]):
    """One set-up or teardown, over as many streams as it takes."""

    def __init__(self, request: Request, patience: Patience) -> None:
        self._request: Request = request
        self._patience = patience
        self._uid = ""
        self._sequence = 0
        self._resume = False
        self.result: Result | None = None

    def request(self) -> Request:
        """The request of the next stream: with a position to go on from once events were seen."""
        request = copy.deepcopy(self._request)
        if self._resume:
            request.resume.uid = self._uid
            request.resume.sequence = self._sequence
        return request

    def take(self, response: Response) -> ProgressEvent | None:
        """The event, if it is progress that was not seen before. A result is kept in `result`."""
        self._patience.heard()
        if response.uid != self._uid:
            # Another operation: the one before has ended, and what it did is undone or forgotten.
            self._uid, self._sequence = response.uid, 0
        new = response.sequence > self._sequence
        self._sequence = max(self._sequence, response.sequence)
        kind = response.WhichOneof("event")
        if kind == "result":
            self.result = response.result  # type: ignore[assignment]  # the response's own kind of result
        elif kind == "progress" and new:
            return ProgressEvent(
                uid=response.uid,
                sequence=response.sequence,
                time=response.event_time.ToDatetime(tzinfo=dt.UTC),
                replayed=response.replayed,
                progress=response.progress,
            )
        return None

    def again(self, error: VmplumbError) -> float:
        """Seconds until the next stream. Raises the error if it is the operation's own, or for good."""
        if isinstance(error, ResumePositionLost) and self._resume:
            # The contract: call again without it. The uid is kept, so that a replay is known for one.
            self._resume = False
            return 0.0
        wait = self._patience.wait_after(error)
        self._resume = bool(self._uid)
        return wait

    def ended(self) -> Result:
        """The result, after a stream that ended well. Raises ProtocolBroken if it had none."""
        if self.result is None:
            raise ProtocolBroken("the stream ended well but without a result", code=grpc.StatusCode.INTERNAL)
        return self.result


class Watch:
    """One watch, over as many streams as it takes, without a change told twice or a removal left out."""

    def __init__(self, vm_ids: Iterable[str], after_revision: int | None, patience: Patience) -> None:
        self._vm_ids = list(vm_ids)
        self._patience = patience
        self._callers_own = after_revision is not None
        self._position = after_revision
        # What the caller was told and is not gone: vm_id -> (uid, revision).
        self._told: dict[str, tuple[str, int]] = {}
        self._snapshot: set[str] = set()

    def request(self) -> WatchNetworksRequest:
        """The request of the next stream."""
        # A snapshot is in the order of ids, not of revisions: one that broke begins anew.
        self._snapshot = set()
        return WatchNetworksRequest(vm_ids=self._vm_ids, after_revision=self._position)

    def take(self, response: WatchNetworksResponse) -> Iterator[WatchEvent]:
        """The events that are new to the caller."""
        self._patience.heard()
        kind = response.WhichOneof("event")
        if kind == "network":
            yield from self._network(response.revision, response.network)
        elif kind == "bookmark":
            if self._position is None:
                # What was told before a break and is in no snapshot since was removed meanwhile.
                for vm_id in sorted(self._told.keys() - self._snapshot):
                    uid, _ = self._told.pop(vm_id)
                    gone = VMNetwork(vm_id=vm_id, uid=uid, revision=response.revision, phase=PHASE_REMOVED)
                    yield WatchEvent(revision=response.revision, network=gone)
            self._position = max(self._position or 0, response.revision)
            yield WatchEvent(revision=response.revision, network=None)

    def again(self, error: VmplumbError) -> float:
        """Seconds until the next stream. Raises the error if there is to be none.

        A position that is no longer held is made good by a new snapshot, unless the watch began at a position
        of the caller's: then only the caller knows what it has seen, and is told.
        """
        if isinstance(error, ResumePositionLost) and self._position is not None and not self._callers_own:
            self._position = None
            return 0.0
        return self._patience.wait_after(error)

    def _network(self, revision: int, network: VMNetwork) -> Iterator[WatchEvent]:
        told = self._told.get(network.vm_id)
        self._snapshot.add(network.vm_id)
        if self._position is not None:
            self._position = max(self._position, revision)
        if told == (network.uid, network.revision):
            return
        if network.phase == PHASE_REMOVED:
            self._told.pop(network.vm_id, None)
        else:
            self._told[network.vm_id] = (network.uid, network.revision)
        yield WatchEvent(revision=revision, network=network)


def watch_ended() -> VmplumbError:
    """A watch whose stream ended well, which only its caller may do: the agent went away."""
    return AgentUnreachable("the agent ended the watch", code=grpc.StatusCode.UNAVAILABLE)


def set_up_request(
    vm_id: str,
    spec: NetworkSpec,
    *,
    kernel_args: str = "",
    operation_timeout: Seconds | None = None,
    validate_only: bool = False,
) -> SetupNetworkRequest:
    """SetupNetwork's request."""
    request = SetupNetworkRequest(
        vm_id=vm_id, spec=spec, kernel_args=kernel_args, validate_only=validate_only
    )
    if operation_timeout is not None:
        request.operation_timeout.FromTimedelta(dt.timedelta(seconds=seconds(operation_timeout)))
    return request


def tear_down_request(
    vm_id: str,
    *,
    uid: str = "",
    force: bool = False,
    wait_for_devices: bool = False,
    operation_timeout: Seconds | None = None,
) -> TeardownNetworkRequest:
    """TeardownNetwork's request."""
    request = TeardownNetworkRequest(vm_id=vm_id, uid=uid, force=force, wait_for_devices=wait_for_devices)
    if operation_timeout is not None:
        request.operation_timeout.FromTimedelta(dt.timedelta(seconds=seconds(operation_timeout)))
    return request


def list_request(phases: Iterable[Phase.ValueType], page_size: int) -> ListNetworksRequest:
    """ListNetworks' first request."""
    return ListNetworksRequest(phases=phases, page_size=page_size)


def seconds(span: Seconds) -> float:
    """A span as a number of seconds."""
    return span.total_seconds() if isinstance(span, dt.timedelta) else float(span)
