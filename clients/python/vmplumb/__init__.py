"""A typed client of vmplumb.v1, the agent that gives Firecracker microVMs their networks.

The messages are in `vmplumb.v1`. What is named here is loaded when it is first used, so that a program that
wants nothing but messages pays for nothing else.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vmplumb._aio import AsyncClient
    from vmplumb._channel import DEFAULT_TARGET, Tls
    from vmplumb._client import Client
    from vmplumb._errors import (
        AccessDenied,
        AddressesExhausted,
        AgentNotReady,
        AgentUnreachable,
        CallCancelled,
        CniAddFailed,
        CniDelFailed,
        CniNetworkNotFound,
        CniPluginUnavailable,
        CniResultUnusable,
        CniTryAgainLater,
        ConfigListMismatch,
        DeadlineExceeded,
        HostLimitReached,
        Internal,
        InvalidRequest,
        JournalFailed,
        KernelFault,
        LimitExceeded,
        NetnsSetupFailed,
        NotANetns,
        NotImplementedByAgent,
        OperationPending,
        OperationTimeout,
        PathNotAllowed,
        ProtocolBroken,
        ResumePositionLost,
        SpecConflict,
        TooManyNetworks,
        TooManyOperations,
        TornDown,
        UidMismatch,
        Unauthenticated,
        UnknownField,
        Unsupported,
        Violation,
        VmNotFound,
        VmplumbError,
        WrongPhase,
    )
    from vmplumb._follow import ProgressEvent, Retry, WatchEvent

__all__ = [
    "DEFAULT_TARGET",
    "AccessDenied",
    "AddressesExhausted",
    "AgentNotReady",
    "AgentUnreachable",
    "AsyncClient",
    "CallCancelled",
    "Client",
    "CniAddFailed",
    "CniDelFailed",
    "CniNetworkNotFound",
    "CniPluginUnavailable",
    "CniResultUnusable",
    "CniTryAgainLater",
    "ConfigListMismatch",
    "DeadlineExceeded",
    "HostLimitReached",
    "Internal",
    "InvalidRequest",
    "JournalFailed",
    "KernelFault",
    "LimitExceeded",
    "NetnsSetupFailed",
    "NotANetns",
    "NotImplementedByAgent",
    "OperationPending",
    "OperationTimeout",
    "PathNotAllowed",
    "ProgressEvent",
    "ProtocolBroken",
    "ResumePositionLost",
    "Retry",
    "SpecConflict",
    "Tls",
    "TooManyNetworks",
    "TooManyOperations",
    "TornDown",
    "UidMismatch",
    "Unauthenticated",
    "UnknownField",
    "Unsupported",
    "Violation",
    "VmNotFound",
    "VmplumbError",
    "WatchEvent",
    "WrongPhase",
]

_HOMES = {
    "AsyncClient": "vmplumb._aio",
    "Client": "vmplumb._client",
    "DEFAULT_TARGET": "vmplumb._channel",
    "Tls": "vmplumb._channel",
    "ProgressEvent": "vmplumb._follow",
    "Retry": "vmplumb._follow",
    "WatchEvent": "vmplumb._follow",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'vmplumb' has no attribute {name!r}")
    value: object = getattr(importlib.import_module(_HOMES.get(name, "vmplumb._errors")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
