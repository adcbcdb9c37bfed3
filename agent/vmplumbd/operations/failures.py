"""Faults as values: what is streamed, stored and answered of an error."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from vmplumbd.cni.error import CniError
from vmplumbd.errors import (
    AgentError,
    NotANetns,
    PluginError,
    PluginFailed,
    ResultUnusable,
    TooManyOperations,
)
from vmplumbd.model.progress import Failure


class Fault(AgentError):
    """A defect of the agent itself, told as INTERNAL; the traceback is its cause."""


def as_agent_error(exc: BaseException) -> AgentError:
    """`exc` as one of our families; a stranger becomes a Fault with `exc` as its cause."""
    if isinstance(exc, AgentError):
        return exc
    if isinstance(exc, CniError):
        fault = Fault(f"a CNI fault outside a plugin: {exc}")
    else:
        fault = Fault(f"{type(exc).__name__}: {exc}")
    fault.__cause__ = exc
    return fault


def hide(error: AgentError, hidden: Callable[[str], str]) -> AgentError:
    """The error, with every text of it put through `hidden`, in place."""
    error.message = hidden(error.message)
    error.args = (error.message,)
    if error.hint:
        error.hint = hidden(error.hint)
    if isinstance(error, PluginFailed):
        told = error.plugin_error
        error.plugin_error = replace(
            told,
            message=hidden(told.message),
            details=hidden(told.details),
            stderr_tail=hidden(told.stderr_tail),
        )
    error.violations = tuple(replace(one, message=hidden(one.message)) for one in error.violations)
    return error


def failure(error: AgentError) -> Failure:
    """The facts of an error."""
    return Failure(
        reason=error.reason,
        message=error.message,
        retryable=error.retryable,
        plugin_error=error.plugin_error if isinstance(error, PluginFailed) else None,
        leftovers=error.leftovers,
        hint=error.hint or "",
    )


class StoredFailure(PluginFailed):
    """A failure read back from the journal; it has the reason of the first one."""


def of_failure(stored: Failure) -> AgentError:
    """The error that a stored failure stands for."""
    error = StoredFailure(
        stored.message, stored.plugin_error or PluginError(code=0, message=""), hint=stored.hint or None
    )
    error.reason = stored.reason
    error.retryable = stored.retryable
    error.leftovers = stored.leftovers
    return error


def no_plugin_error(exc: AgentError) -> PluginError:
    """Stands for the plugin's error where no plugin was the cause."""
    return PluginError(code=0, message=exc.message)


def too_many_watches(limit: int) -> AgentError:
    """No further watch is accepted."""
    return TooManyOperations(f"{limit} watches are open, which is the limit")


def no_such_netns(path: str) -> AgentError:
    """A static-only spec names a namespace that is not there: nothing is made for it."""
    return NotANetns(f'path "{path}" does not appear to be a mounted netns: no such file or directory')


def tap_not_found(tap: str, netns: str) -> AgentError:
    """The result names a tap that the kernel does not have."""
    return ResultUnusable(
        f'failed to find MTU: failed to find device "{tap}" in netns "{netns}"',
        hint="did the last plugin of the chain make it?",
    )


def hosts_own_address(address: str) -> AgentError:
    """The VM was given an address that the host answers to itself: nothing would ever reach the VM."""
    return ResultUnusable(
        f"the VM's address {address} is an address of the host itself",
        hint=f"which interface of the host has {address}, and is it meant to be in this network's range?",
    )
