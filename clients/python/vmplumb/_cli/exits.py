"""Exit codes: one a family of outcomes, the same for every command."""

from __future__ import annotations

from collections.abc import Mapping

import grpc

from vmplumb._errors import VmplumbError

OK = 0
FINDINGS = 1
INVALID = 2
CONFLICT = 3
NOT_FOUND = 4
UNAVAILABLE = 5
FAILED = 6
NOT_ALLOWED = 7
EXHAUSTED = 8
INTERRUPTED = 130

MEANINGS: Mapping[int, str] = {
    OK: "done; nothing to report",
    FINDINGS: "done, and there are findings: not as it should be, not ready, not all collected",
    INVALID: "the command line or the request is invalid",
    CONFLICT: "conflict or precondition: another spec, a pending operation, a missing plugin, unsupported",
    NOT_FOUND: "no such VM",
    UNAVAILABLE: "no agent answers, or time ran out",
    FAILED: "the operation failed",
    NOT_ALLOWED: "not allowed, or not authenticated",
    EXHAUSTED: "a limit is reached: addresses, networks, operations, the host's kernel",
    INTERRUPTED: "interrupted; an operation that began goes on",
}

_C = grpc.StatusCode
_BY_CODE: Mapping[grpc.StatusCode, int] = {
    _C.INVALID_ARGUMENT: INVALID,
    _C.ALREADY_EXISTS: CONFLICT,
    _C.ABORTED: CONFLICT,
    _C.FAILED_PRECONDITION: CONFLICT,
    _C.OUT_OF_RANGE: CONFLICT,
    _C.UNIMPLEMENTED: CONFLICT,
    _C.NOT_FOUND: NOT_FOUND,
    _C.UNAVAILABLE: UNAVAILABLE,
    _C.DEADLINE_EXCEEDED: UNAVAILABLE,
    _C.CANCELLED: UNAVAILABLE,
    _C.PERMISSION_DENIED: NOT_ALLOWED,
    _C.UNAUTHENTICATED: NOT_ALLOWED,
    _C.RESOURCE_EXHAUSTED: EXHAUSTED,
}


def of(error: VmplumbError) -> int:
    """The exit code of an error."""
    return _BY_CODE.get(error.code, FAILED)
