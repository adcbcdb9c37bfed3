"""What an agent's refusal becomes here: one class a reason of the contract, by code for the rest.

Nothing is decided by a message. The reason is google.rpc.ErrorInfo's, in the domain "vmplumb.v1"; a status
without it was made by gRPC itself, on this side or on the way, and says nothing about the operation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

from vmplumb.v1.errors_pb2 import Failure

DOMAIN = "vmplumb.v1"
_DETAILS = "grpc-status-details-bin"


@dataclass(frozen=True, kw_only=True, slots=True)
class Violation:
    """A rule that a request violates."""

    field: str
    """Path of the field, as "spec.network_interfaces.interfaces[0].cni_configuration.if_name"."""
    rule: str
    """Id of the rule; "truncated" stands for violations that did not fit into the answer."""
    message: str


class VmplumbError(Exception):
    """A call that did not end well. Every error of this package that an agent can cause is one."""

    REASON: ClassVar[str] = ""
    """The contract's reason, as on the wire ("SPEC_CONFLICT"); empty where there is none."""

    def __init__(
        self,
        message: str,
        *,
        code: grpc.StatusCode,
        reason: str = "",
        vm_id: str = "",
        failure: Failure | None = None,
        violations: tuple[Violation, ...] = (),
        retry_after: float | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        """For people."""
        self.code = code
        """The gRPC code."""
        self.reason = reason or self.REASON
        """The contract's reason; empty if gRPC itself made the error. A newer agent may send one that has no
        class here: then the error is a plain VmplumbError."""
        self.vm_id = vm_id
        """The VM it is about; empty if it is about none."""
        self.failure = failure
        """The whole of it, as the agent stores it: plugin, kernel, leftovers, hint."""
        self.violations = violations
        """Every rule the request violates."""
        self.retry_after = retry_after
        """Seconds after which the agent suggests another try; None if it does not."""
        self.metadata: Mapping[str, str] = dict(metadata or {})
        """What else the agent said, for logs."""

    @property
    def retryable(self) -> bool:
        """Whether the same call may succeed later without a change by anyone."""
        if self.failure is not None:
            return self.failure.retryable
        return self.code is grpc.StatusCode.UNAVAILABLE

    def __str__(self) -> str:
        if self.reason:
            return f"{self.reason}: {self.message}"
        return self.message


class InvalidRequest(VmplumbError):
    """The request violates rules of the contract: `violations` has them all."""

    REASON = "INVALID_REQUEST"


class UnknownField(VmplumbError):
    """The request has a field this agent does not know: send less, or update the agent."""

    REASON = "UNKNOWN_FIELD"


class ConfigListMismatch(VmplumbError):
    """The inline configuration is no conflist, or its parsed view disagrees with it."""

    REASON = "CONFIG_LIST_MISMATCH"


class PathNotAllowed(VmplumbError):
    """A path is not below one of the operator's directories."""

    REASON = "PATH_NOT_ALLOWED"


class SpecConflict(VmplumbError):
    """The VM has a network of another spec: tear it down first, or use another id."""

    REASON = "SPEC_CONFLICT"


class OperationPending(VmplumbError):
    """An operation that excludes this one is running: try again after `retry_after`."""

    REASON = "OPERATION_PENDING"


class TornDown(VmplumbError):
    """The set-up was ended by a teardown. Do not repeat it blindly."""

    REASON = "TORN_DOWN"


class VmNotFound(VmplumbError):
    """The agent holds no network of this VM."""

    REASON = "VM_NOT_FOUND"


class CniNetworkNotFound(VmplumbError):
    """The named network is not in the configuration directory."""

    REASON = "CNI_NETWORK_NOT_FOUND"


class NotANetns(VmplumbError):
    """The path exists and is no network namespace, or must exist and does not."""

    REASON = "NOT_A_NETNS"


class CniPluginUnavailable(VmplumbError):
    """A plugin is missing, or does not speak the version of the list."""

    REASON = "CNI_PLUGIN_UNAVAILABLE"


class WrongPhase(VmplumbError):
    """The network is not in a phase this call needs."""

    REASON = "WRONG_PHASE"


class CniAddFailed(VmplumbError):
    """CNI ADD failed for good; `failure.cni_error` is the plugin's."""

    REASON = "CNI_ADD_FAILED"


class CniDelFailed(VmplumbError):
    """CNI DEL failed for good; `failure.cni_error` is the plugin's. The record stays."""

    REASON = "CNI_DEL_FAILED"


class CniResultUnusable(VmplumbError):
    """The CNI result has no tap device or no address for the VM: mend the configuration."""

    REASON = "CNI_RESULT_UNUSABLE"


class CniTryAgainLater(VmplumbError):
    """A plugin asked for another try longer than the agent was willing to."""

    REASON = "CNI_TRY_AGAIN_LATER"


class OperationTimeout(VmplumbError):
    """The agent's own time for the operation ran out. (The caller's own is DeadlineExceeded.)"""

    REASON = "OPERATION_TIMEOUT"


class ResumePositionLost(VmplumbError):
    """The position to go on from is no longer held."""

    REASON = "RESUME_POSITION_LOST"


class TooManyOperations(VmplumbError):
    """The agent runs and queues as many operations as it may."""

    REASON = "TOO_MANY_OPERATIONS"


class AgentNotReady(VmplumbError):
    """The agent is starting or draining, and was so for longer than this client tried."""

    REASON = "AGENT_NOT_READY"


class NetnsSetupFailed(VmplumbError):
    """The network namespace could not be made."""

    REASON = "NETNS_SETUP_FAILED"


class UidMismatch(VmplumbError):
    """The VM's network is another incarnation than the one to be torn down."""

    REASON = "UID_MISMATCH"


class AddressesExhausted(VmplumbError):
    """The network has no address left: choose another host."""

    REASON = "ADDRESSES_EXHAUSTED"


class KernelFault(VmplumbError):
    """The host's kernel refused; `failure.kernel_error` says what and how."""

    REASON = "KERNEL_FAULT"


class JournalFailed(VmplumbError):
    """The agent's journal could not be read or written: nothing was begun, or it was undone."""

    REASON = "JOURNAL_FAILED"


class AccessDenied(VmplumbError):
    """The caller is known and may not make this call."""

    REASON = "ACCESS_DENIED"


class Unauthenticated(VmplumbError):
    """The caller did not say who it is, in a way the agent takes."""

    REASON = "UNAUTHENTICATED"


class Internal(VmplumbError):
    """A fault of the agent itself. Its log has it under the request id in `metadata`."""

    REASON = "INTERNAL"


class Unsupported(VmplumbError):
    """This host's kernel or this agent cannot do what was asked."""

    REASON = "UNSUPPORTED"


class TooManyNetworks(VmplumbError):
    """The agent holds as many networks as it may: choose another host."""

    REASON = "TOO_MANY_NETWORKS"


class HostLimitReached(VmplumbError):
    """A limit of the host's kernel is reached: choose another host."""

    REASON = "HOST_LIMIT_REACHED"


class LimitExceeded(VmplumbError):
    """A limit that the operator sets for this caller or for one call is reached; `metadata["limit"]` names it."""

    REASON = "LIMIT_EXCEEDED"


class AgentUnreachable(VmplumbError):
    """No agent answers at the target, or the connection broke and did not come back."""


class DeadlineExceeded(VmplumbError):
    """The caller's `timeout` ran out. The operation goes on: call again to attach to it."""


class CallCancelled(VmplumbError):
    """The call was cancelled on this side or on the way. The operation goes on."""


class NotImplementedByAgent(VmplumbError):
    """The agent is older than this call."""


class ProtocolBroken(VmplumbError):
    """The agent's answer is not what the contract allows, such as a stream without an end."""


def _reasons(base: type[VmplumbError]) -> dict[str, type[VmplumbError]]:
    return {one.REASON: one for one in base.__subclasses__() if one.REASON}


BY_REASON: Mapping[str, type[VmplumbError]] = _reasons(VmplumbError)
BY_CODE: Mapping[grpc.StatusCode, type[VmplumbError]] = {
    grpc.StatusCode.UNAVAILABLE: AgentUnreachable,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceeded,
    grpc.StatusCode.CANCELLED: CallCancelled,
    grpc.StatusCode.UNIMPLEMENTED: NotImplementedByAgent,
    grpc.StatusCode.UNAUTHENTICATED: Unauthenticated,
}


def from_status(
    code: grpc.StatusCode, message: str, trailing: Iterable[tuple[str, str | bytes]] | None
) -> VmplumbError:
    """The error a status stands for. `trailing` is the call's trailing metadata."""
    info = error_details_pb2.ErrorInfo()
    failure: Failure | None = None
    violations: tuple[Violation, ...] = ()
    retry_after: float | None = None
    for detail in _details(trailing):
        if detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR):
            one = error_details_pb2.ErrorInfo()
            detail.Unpack(one)
            if one.domain == DOMAIN:
                info = one
        elif detail.Is(Failure.DESCRIPTOR):
            failure = Failure()
            detail.Unpack(failure)
        elif detail.Is(error_details_pb2.BadRequest.DESCRIPTOR):
            bad = error_details_pb2.BadRequest()
            detail.Unpack(bad)
            violations = tuple(
                Violation(field=entry.field, rule=entry.reason, message=entry.description)
                for entry in bad.field_violations
            )
        elif detail.Is(error_details_pb2.RetryInfo.DESCRIPTOR):
            retry = error_details_pb2.RetryInfo()
            detail.Unpack(retry)
            retry_after = retry.retry_delay.ToTimedelta().total_seconds()
    cls = BY_REASON.get(info.reason, VmplumbError) if info.reason else BY_CODE.get(code, VmplumbError)
    return cls(
        message or code.name,
        code=code,
        reason=info.reason,
        vm_id=info.metadata.get("vm_id", ""),
        failure=failure,
        violations=violations,
        retry_after=retry_after,
        metadata=info.metadata,
    )


def _details(trailing: Iterable[tuple[str, str | bytes]] | None) -> list[AnyMessage]:
    for key, value in trailing or ():
        if key == _DETAILS and isinstance(value, bytes):
            status = status_pb2.Status()
            try:
                status.MergeFromString(value)
            except DecodeError:  # details that cannot be read leave code and message
                return []
            return list(status.details)
    return []
