"""The events of an operation: one stream feeds the RPC, the log and the metrics."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TypeAlias

from vmplumbd.errors import PluginError, Reason


class Step(enum.Enum):
    """Steps of an operation; numbers are the wire's."""

    VALIDATE = 1
    NETNS = 2
    CNI_LOAD = 3
    CNI_DEL_PREEXISTING = 4
    CNI_ADD = 5
    PARSE_RESULT = 6
    ROLLBACK = 7
    CNI_DEL = 8
    NETNS_REMOVE = 9
    QUEUE = 10
    POOL_CLAIM = 11
    CUT_OFF = 12
    DEVICES_GONE = 13
    COMMIT = 14


class StepState(enum.Enum):
    """States of a step; numbers are the wire's."""

    STARTED = 1
    RETRYING = 2
    SUCCEEDED = 3
    FAILED = 4
    SKIPPED = 5
    PLUGIN_CALLED = 6


class ResourceKind(enum.Enum):
    """Kinds of thing a network leaves on a host; numbers are the wire's."""

    NETNS = 1
    LINK = 2
    ADDRESS = 3
    ROUTE = 4
    TRAFFIC_CONTROL = 5
    NFT_RULES = 6
    RESERVATION = 7
    CNI_CACHE = 8
    CNI_ATTACHMENT = 9
    JOURNAL_RECORD = 10
    FILE = 11


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """Something an operation could not take back, and why. `will_retry`: the agent does, by itself."""

    kind: ResourceKind
    what: str
    where: str
    cause: str
    will_retry: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """A process that keeps a namespace or a device in being; `what` names it."""

    pid: int
    command: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """The facts of an error, as stored and streamed."""

    reason: Reason
    message: str
    retryable: bool = False
    plugin_error: PluginError | None = None
    leftovers: tuple[Leftover, ...] = ()
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Warning:
    """What did not fail but the caller should know. `reason` is an upper-case word of the contract."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginCall:
    """One invocation of a plugin; `duration` in seconds; `code` 0 and an empty message on success."""

    type: str
    command: str
    duration: float
    attempt: int
    code: int = 0
    message: str = ""
    stderr_tail: str = ""
    failed: bool = False
    position: int = 0
    built_in: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StepEvent:
    """A step changed its state. `retry_delay` in seconds, with RETRYING."""

    step: Step
    state: StepState
    attempt: int = 1
    max_attempts: int = 0
    retry_delay: float | None = None
    failure: Failure | None = None
    warnings: tuple[Warning, ...] = ()
    plugin_call: PluginCall | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The last event of an operation that went well."""


Event: TypeAlias = StepEvent | Done
