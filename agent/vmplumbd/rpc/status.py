"""Error → gRPC status: one table, and the details every status carries.

A status's details stay below 6 KiB: a bigger trailer begins to fail calls with RESOURCE_EXHAUSTED.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping

import grpc
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.rpc import code_pb2, error_details_pb2, status_pb2

from vmplumb.v1 import errors_pb2
from vmplumbd.errors import AgentError, InvalidSpec, Reason
from vmplumbd.rpc import convert
from vmplumbd.rpc.redact import hide_in

DOMAIN = "vmplumb.v1"
MAX_DETAILS = 6 * 1024
_MAX_TEXT = 1024
# What is looked at of a longer text: the rest is cut off, and to look for secrets takes its time.
_LOOKED_AT = 4 * _MAX_TEXT
# What the wrapping of details, and a delay to retry after, may add.
_ENVELOPE = 256
_RETRY_AFTER_SECONDS = 1

_C = grpc.StatusCode

CODES: Mapping[Reason, grpc.StatusCode] = {
    Reason.INVALID_REQUEST: _C.INVALID_ARGUMENT,
    Reason.UNKNOWN_FIELD: _C.INVALID_ARGUMENT,
    Reason.CONFIG_LIST_MISMATCH: _C.INVALID_ARGUMENT,
    Reason.PATH_NOT_ALLOWED: _C.PERMISSION_DENIED,
    Reason.SPEC_CONFLICT: _C.ALREADY_EXISTS,
    Reason.OPERATION_PENDING: _C.ABORTED,
    Reason.TORN_DOWN: _C.ABORTED,
    Reason.VM_NOT_FOUND: _C.NOT_FOUND,
    Reason.CNI_NETWORK_NOT_FOUND: _C.FAILED_PRECONDITION,
    Reason.NOT_A_NETNS: _C.FAILED_PRECONDITION,
    Reason.CNI_PLUGIN_UNAVAILABLE: _C.FAILED_PRECONDITION,
    Reason.WRONG_PHASE: _C.FAILED_PRECONDITION,
    Reason.CNI_ADD_FAILED: _C.INTERNAL,
    Reason.CNI_DEL_FAILED: _C.INTERNAL,
    Reason.CNI_RESULT_UNUSABLE: _C.INTERNAL,
    Reason.CNI_TRY_AGAIN_LATER: _C.UNAVAILABLE,
    Reason.OPERATION_TIMEOUT: _C.DEADLINE_EXCEEDED,
    Reason.RESUME_POSITION_LOST: _C.OUT_OF_RANGE,
    Reason.TOO_MANY_OPERATIONS: _C.RESOURCE_EXHAUSTED,
    Reason.AGENT_NOT_READY: _C.UNAVAILABLE,
    Reason.NETNS_SETUP_FAILED: _C.INTERNAL,
    Reason.UID_MISMATCH: _C.ABORTED,
    Reason.ADDRESSES_EXHAUSTED: _C.RESOURCE_EXHAUSTED,
    Reason.KERNEL_FAULT: _C.INTERNAL,
    Reason.JOURNAL_FAILED: _C.UNAVAILABLE,
    Reason.ACCESS_DENIED: _C.PERMISSION_DENIED,
    Reason.UNAUTHENTICATED: _C.UNAUTHENTICATED,
    Reason.INTERNAL: _C.INTERNAL,
    Reason.UNSUPPORTED: _C.FAILED_PRECONDITION,
    Reason.TOO_MANY_NETWORKS: _C.RESOURCE_EXHAUSTED,
    Reason.HOST_LIMIT_REACHED: _C.RESOURCE_EXHAUSTED,
    Reason.LIMIT_EXCEEDED: _C.RESOURCE_EXHAUSTED,
}

_RETRY_INFO = frozenset({Reason.OPERATION_PENDING, Reason.CNI_TRY_AGAIN_LATER, Reason.AGENT_NOT_READY})


def code_of(reason: Reason) -> grpc.StatusCode:
    """The gRPC code of a reason."""
    return CODES[reason]


def status_of(
    error: AgentError, *, vm_id: str = "", hide: Callable[[str], str] = str
) -> tuple[grpc.StatusCode, str, bytes]:
    """Code, message and the bytes of grpc-status-details-bin. Every text of the error passes through `hide`, once."""
    hide = functools.cache(lambda text, hidden=hide: hidden(text[:_LOOKED_AT]))
    code = code_of(error.reason)
    message = _head(hide(str(error)), _MAX_TEXT)
    proto = status_pb2.Status(code=code_pb2.Code.Value(code.name), message=message)
    info = error_details_pb2.ErrorInfo(domain=DOMAIN, reason=error.reason.value)
    if vm_id:
        info.metadata["vm_id"] = vm_id
    if error.limit:
        info.metadata["limit"] = error.limit
    _add(proto, info)
    room = MAX_DETAILS - proto.ByteSize() - _ENVELOPE
    failure = convert.failure_of(error)
    if failure.HasField("cni_error"):
        failure.cni_error.stderr_tail = _tail(failure.cni_error.stderr_tail, _LOOKED_AT)
    hide_in(failure, hide)
    _add(proto, _fitting(failure, room))
    if error.retry_after is not None:
        _add(proto, error_details_pb2.RetryInfo(retry_delay=convert.duration(error.retry_after)))
    elif error.reason in _RETRY_INFO:
        _add(proto, error_details_pb2.RetryInfo(retry_delay=Duration(seconds=_RETRY_AFTER_SECONDS)))
    if isinstance(error, InvalidSpec) or error.violations:
        _add(proto, _bad_request(error, hide, MAX_DETAILS - proto.ByteSize() - _ENVELOPE))
    return code, message, proto.SerializeToString()


def _fitting(failure: errors_pb2.Failure, room: int) -> errors_pb2.Failure:
    """The failure in at most `room` bytes: its texts cut, what is said twice and the last leftovers left out."""
    failure.message = _head(failure.message, _MAX_TEXT)
    failure.hint = _head(failure.hint, _MAX_TEXT // 4)
    if failure.HasField("cni_error"):
        error = failure.cni_error
        error.msg = _head(error.msg, _MAX_TEXT // 2)
        error.details = _head(error.details, _MAX_TEXT // 2)
        error.plugin = _head(error.plugin, _MAX_TEXT // 4)
        error.stderr_tail = _tail(error.stderr_tail, _MAX_TEXT)
    if failure.HasField("kernel_error"):
        failure.kernel_error.verb = _head(failure.kernel_error.verb, _MAX_TEXT // 4)
        failure.kernel_error.where = _head(failure.kernel_error.where, _MAX_TEXT // 4)
    for leftover in failure.leftovers:
        leftover.cause = _head(leftover.cause, _MAX_TEXT // 4)
        leftover.what = _head(leftover.what, _MAX_TEXT // 4)
        leftover.where = _head(leftover.where, _MAX_TEXT // 4)
    while failure.leftovers and failure.ByteSize() > room:
        del failure.leftovers[-1]
    return failure


def _head(text: str, size: int) -> str:
    """The beginning of a text, at most `size` bytes of UTF-8."""
    return text.encode()[:size].decode(errors="ignore")


def _tail(text: str, size: int) -> str:
    return text.encode()[-size:].decode(errors="ignore")


def _bad_request(error: AgentError, hide: Callable[[str], str], room: int) -> error_details_pb2.BadRequest:
    """All violations that fit; the last one is `truncated` and says how many more there are."""
    bad = error_details_pb2.BadRequest()
    used = 0
    for index, one in enumerate(error.violations):
        entry = error_details_pb2.BadRequest.FieldViolation(
            field=_head(one.field, 512), reason=one.rule, description=_head(hide(one.message), _MAX_TEXT)
        )
        used += entry.ByteSize() + 4
        if used > room:
            more = len(error.violations) - index
            bad.field_violations.add(reason="truncated", description=f"and {more} more violations")
            break
        bad.field_violations.append(entry)
    return bad


def _add(proto: status_pb2.Status, detail: object) -> None:
    packed = Any()
    packed.Pack(detail)  # type: ignore[arg-type]  # every detail here is a message
    proto.details.append(packed)
