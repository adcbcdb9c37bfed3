"""Error families of the agent: each has an identity, a place, a cause and a hint.

Nothing decides by reading a message: `reason` is the identity that reaches callers as
ErrorReason of the contract, the class is what code branches on.
"""

from __future__ import annotations

import enum
import errno as errnos
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

# What to look at when the host has run out of something, or forbids it.
_HINTS: Mapping[int, str] = {
    errnos.ENOSPC: "is the disk full?",
    errnos.EDQUOT: "is the disk's quota used up?",
    errnos.EROFS: "is the disk read-only?",
    errnos.EIO: "does the disk work?",
    errnos.EMFILE: "is the agent's limit of open files (LimitNOFILE) too low?",
    errnos.ENFILE: "has the host too many open files (fs.file-max)?",
    errnos.ENOMEM: "is the host, or the agent's cgroup, out of memory?",
    errnos.ENOBUFS: "is the host out of memory, or netlink's receive buffer too small?",
    errnos.EPERM: "has the agent the capabilities it needs?",
    errnos.EACCES: "may the agent read and write there?",
}


def hint_of(exc: BaseException | None) -> str | None:
    """What to look at for an error of the system, found in `exc` or in what it was raised from."""
    while exc is not None:
        if isinstance(exc, OSError):
            return _HINTS.get(exc.errno or 0)
        exc = exc.__cause__
    return None


class Reason(enum.StrEnum):
    """ErrorReason of vmplumb.v1 without its prefix; the contract's comments say what each means."""

    INVALID_REQUEST = "INVALID_REQUEST"
    UNKNOWN_FIELD = "UNKNOWN_FIELD"
    CONFIG_LIST_MISMATCH = "CONFIG_LIST_MISMATCH"
    PATH_NOT_ALLOWED = "PATH_NOT_ALLOWED"
    SPEC_CONFLICT = "SPEC_CONFLICT"
    OPERATION_PENDING = "OPERATION_PENDING"
    TORN_DOWN = "TORN_DOWN"
    VM_NOT_FOUND = "VM_NOT_FOUND"
    CNI_NETWORK_NOT_FOUND = "CNI_NETWORK_NOT_FOUND"
    NOT_A_NETNS = "NOT_A_NETNS"
    CNI_PLUGIN_UNAVAILABLE = "CNI_PLUGIN_UNAVAILABLE"
    WRONG_PHASE = "WRONG_PHASE"
    CNI_ADD_FAILED = "CNI_ADD_FAILED"
    CNI_DEL_FAILED = "CNI_DEL_FAILED"
    CNI_RESULT_UNUSABLE = "CNI_RESULT_UNUSABLE"
    CNI_TRY_AGAIN_LATER = "CNI_TRY_AGAIN_LATER"
    OPERATION_TIMEOUT = "OPERATION_TIMEOUT"
    RESUME_POSITION_LOST = "RESUME_POSITION_LOST"
    TOO_MANY_OPERATIONS = "TOO_MANY_OPERATIONS"
    AGENT_NOT_READY = "AGENT_NOT_READY"
    NETNS_SETUP_FAILED = "NETNS_SETUP_FAILED"
    UID_MISMATCH = "UID_MISMATCH"
    ADDRESSES_EXHAUSTED = "ADDRESSES_EXHAUSTED"
    KERNEL_FAULT = "KERNEL_FAULT"
    JOURNAL_FAILED = "JOURNAL_FAILED"
    ACCESS_DENIED = "ACCESS_DENIED"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    INTERNAL = "INTERNAL"
    UNSUPPORTED = "UNSUPPORTED"
    TOO_MANY_NETWORKS = "TOO_MANY_NETWORKS"
    HOST_LIMIT_REACHED = "HOST_LIMIT_REACHED"
    LIMIT_EXCEEDED = "LIMIT_EXCEEDED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One rule that one field of a request breaks. `field` is a proto field path, `rule` the rule's id."""

    field: str
    rule: str
    message: str


def first_of(wrong: Sequence[Violation]) -> str:
    """The first of them in words, and how many more there are."""
    more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
    return f"{wrong[0].message}{more}"


class AgentError(Exception):
    """The root of every fault this agent tells a caller. `hint` is what to look at, as a question."""

    reason: Reason = Reason.INTERNAL
    retryable: bool = False
    # The name of the limit that was reached, where a limit is the fault.
    limit: str = ""
    # The rules that a request breaks, where that is the fault.
    violations: tuple[Violation, ...] = ()
    # Seconds after which the same call may go better, where somebody knows.
    retry_after: float | None = None

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        # What an undo after this fault could not take back (model.progress.Leftover).
        self.leftovers: tuple[Any, ...] = ()

    def __str__(self) -> str:
        return f"{self.message}; {self.hint}" if self.hint else self.message


class InvalidSpec(AgentError):
    """The request breaks rules; `violations` has all of them. Nothing was done."""

    reason = Reason.INVALID_REQUEST

    def __init__(self, message: str, violations: tuple[Violation, ...] = ()) -> None:
        super().__init__(message)
        self.violations = violations


class ConfigListMismatch(InvalidSpec):
    """An inline configuration is no conflist, or its parsed view disagrees with it."""

    reason = Reason.CONFIG_LIST_MISMATCH


class UnknownField(InvalidSpec):
    """A mutating request has a field this agent does not know."""

    reason = Reason.UNKNOWN_FIELD


class PathNotAllowed(InvalidSpec):
    """A path is not on the operator's list."""

    reason = Reason.PATH_NOT_ALLOWED


class NotAllowed(InvalidSpec):
    """The request asks for what only the operator may allow; `violations` has all of it."""

    reason = Reason.ACCESS_DENIED


class SpecConflict(AgentError):
    """The vm_id exists with another spec."""

    reason = Reason.SPEC_CONFLICT


class OperationPending(AgentError):
    """An operation which excludes this one is running on the vm_id."""

    reason = Reason.OPERATION_PENDING
    retryable = True


class TornDown(AgentError):
    """The set-up was ended by a teardown."""

    reason = Reason.TORN_DOWN


class VmNotFound(AgentError):
    """No such vm_id."""

    reason = Reason.VM_NOT_FOUND


class WrongPhase(AgentError):
    """The network is not in a phase this request needs."""

    reason = Reason.WRONG_PHASE


class UidMismatch(AgentError):
    """The uid given is not the record's."""

    reason = Reason.UID_MISMATCH


class NetworkNotFound(AgentError):
    """The named network is not in the configuration directory."""

    reason = Reason.CNI_NETWORK_NOT_FOUND


class PluginUnavailable(AgentError):
    """A plugin is missing, or does not support the configuration's version."""

    reason = Reason.CNI_PLUGIN_UNAVAILABLE


class NotANetns(AgentError):
    """What lies at netns_path is no network namespace."""

    reason = Reason.NOT_A_NETNS


class NetnsSetupFailed(AgentError):
    """Making the network namespace failed."""

    reason = Reason.NETNS_SETUP_FAILED
    retryable = True


class ResultUnusable(AgentError):
    """The CNI result has no tap device, or no address, for the VM."""

    reason = Reason.CNI_RESULT_UNUSABLE


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginError:
    """What a CNI plugin said, or how it ended. `code` 0 when the plugin gave none."""

    code: int
    message: str
    details: str = ""
    plugin: str = ""
    stderr_tail: str = ""


class PluginFailed(AgentError):
    """A plugin failed; `plugin_error` says how, `killed` that a signal nobody here sent ended it."""

    reason = Reason.CNI_ADD_FAILED

    def __init__(
        self, message: str, plugin_error: PluginError, *, killed: bool = False, hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.plugin_error = plugin_error
        self.killed = killed


class AddFailed(PluginFailed):
    """CNI ADD failed for good."""

    reason = Reason.CNI_ADD_FAILED
    retryable = True


class DelFailed(PluginFailed):
    """CNI DEL failed for good."""

    reason = Reason.CNI_DEL_FAILED
    retryable = True


class TryAgainLater(PluginFailed):
    """CNI error 11 outlasted the retries."""

    reason = Reason.CNI_TRY_AGAIN_LATER
    retryable = True


class AddressesExhausted(PluginFailed):
    """The IPAM plugin has no address left."""

    reason = Reason.ADDRESSES_EXHAUSTED
    limit = "addresses"


class OperationTimeout(AgentError):
    """The agent's own time for the operation ran out."""

    reason = Reason.OPERATION_TIMEOUT
    retryable = True


class ResumePositionLost(AgentError):
    """The position to resume from is no longer held."""

    reason = Reason.RESUME_POSITION_LOST


class TooManyOperations(AgentError):
    """The agent runs, or holds, as much as it is allowed to."""

    reason = Reason.TOO_MANY_OPERATIONS
    retryable = True
    limit = "limits.max_operations"


class TooManyNetworks(AgentError):
    """The agent holds as many networks as it may."""

    reason = Reason.TOO_MANY_NETWORKS
    limit = "limits.max_networks"


class LimitExceeded(AgentError):
    """A limit of one caller or one request is reached; `limit` names it."""

    reason = Reason.LIMIT_EXCEEDED
    retryable = True

    def __init__(
        self, message: str, *, limit: str, hint: str | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.limit = limit
        self.retry_after = retry_after


class AccessDenied(AgentError):
    """The caller is known and may not do this; `violations` says what of it, if it is about parts of a request."""

    reason = Reason.ACCESS_DENIED

    def __init__(
        self, message: str, *, hint: str | None = None, violations: tuple[Violation, ...] = ()
    ) -> None:
        super().__init__(message, hint=hint)
        self.violations = violations


class Unauthenticated(AgentError):
    """The caller did not say who it is, in a way the agent takes."""

    reason = Reason.UNAUTHENTICATED


class HostLimitReached(AgentError):
    """A limit of the host's kernel is reached: the ports of a bridge, a full conntrack."""

    reason = Reason.HOST_LIMIT_REACHED
    limit = "host"


class AgentNotReady(AgentError):
    """The agent is starting or draining, or lets no new network begin."""

    reason = Reason.AGENT_NOT_READY
    retryable = True


class JournalFailed(AgentError):
    """The journal could not be read or written."""

    reason = Reason.JOURNAL_FAILED
    retryable = True


class Unsupported(AgentError):
    """This host or this agent cannot do what was asked."""

    reason = Reason.UNSUPPORTED


class KernelFault(AgentError):
    """The kernel refused: `verb` and object, `where` (a device, a namespace), `errno`.

    `op` is the index of the refused request in its batch; those before it took effect.
    """

    reason = Reason.KERNEL_FAULT
    retryable = True
    errnos_: ClassVar[frozenset[int]] = frozenset()

    def __init__(
        self, verb: str, *, where: str, errno: int, op: int = 0, note: str = "", hint: str | None = None
    ) -> None:
        cause = errnos.errorcode.get(errno, str(errno))
        detail = f": {note}" if note else ""
        super().__init__(
            f"cannot {verb} in {where}: {cause} ({os.strerror(errno)}){detail}",
            hint=hint or _HINTS.get(errno),
        )
        self.verb = verb
        self.where = where
        self.errno = errno
        self.op = op


class NotFound(KernelFault):
    """The device, address, route, qdisc or file is not there."""

    errnos_ = frozenset({errnos.ENODEV, errnos.ENOENT, errnos.ESRCH, errnos.EADDRNOTAVAIL, errnos.ENXIO})


class Exists(KernelFault):
    """The device, address, route or qdisc is there already."""

    errnos_ = frozenset({errnos.EEXIST})


class Busy(KernelFault):
    """Something holds it, or the kernel asks to try again."""

    errnos_ = frozenset({errnos.EBUSY, errnos.EAGAIN, errnos.EINTR, errnos.ENOBUFS})


class Changed(KernelFault):
    """The rules of the packet filter are of another generation than the request was made for."""

    errnos_ = frozenset({errnos.ERESTART})


class ThreadLost(KernelFault):
    """The calling thread is not in the host's namespace. It must end; nothing else may run on it."""

    def __init__(self, *, errno: int) -> None:
        super().__init__("bring the thread back", where="the host's network namespace", errno=errno)


def kernel_fault(
    verb: str, *, where: str, errno: int, op: int = 0, note: str = "", hint: str | None = None
) -> KernelFault:
    """The KernelFault of the class that fits `errno`."""
    for family in (NotFound, Exists, Busy, Changed):
        if errno in family.errnos_:
            return family(verb, where=where, errno=errno, op=op, note=note, hint=hint)
    return KernelFault(verb, where=where, errno=errno, op=op, note=note, hint=hint)
