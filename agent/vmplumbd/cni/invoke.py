"""One call of one plugin, as a value, and who can make it.

An Invoker turns an Invocation into the plugin's stdout. `exec.ExecInvoker` does it by a process; an
in-process one obeys the same promises, so a chain may mix both.
"""

from __future__ import annotations

import abc
import enum
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from vmplumbd.cni import args
from vmplumbd.cni import version as versions
from vmplumbd.cni.error import CniError, InvalidResult, PluginCancelled, PluginFailed, PluginTimedOut
from vmplumbd.cni.result import Result
from vmplumbd.cni.version import VersionInfo

VERSION_REQUEST = b'{"cniVersion":"' + versions.CURRENT.encode() + b'"}'

# What a plugin from before VERSION answers (cni:pkg/invoke/exec.go): the one text that means something.
_NO_VERSION_COMMAND = "unknown CNI_COMMAND: VERSION"


class Command(enum.StrEnum):
    """CNI_COMMAND."""

    ADD = "ADD"
    DEL = "DEL"
    CHECK = "CHECK"
    GC = "GC"
    STATUS = "STATUS"
    VERSION = "VERSION"


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """One call: what is run, what it reads on stdin, what its environment says.

    `args` is CNI_ARGS as it is sent. `path` are the directories of CNI_PATH. `deadline` is in seconds of
    time.monotonic(); None is no deadline. `cancelled` may be asked from any thread and must not block.
    `env` is added to the plugin's environment; the CNI_ variables win over it. `previous` is prevResult as a
    value: an InProcess is handed it, and then `stdin` has none. `ahead` is what plugins in process have made
    for this attachment before it was asked for; they know what it is, and nobody else looks at it.
    """

    command: Command
    plugin: str
    stdin: bytes = field(repr=False)
    container_id: str = ""
    netns: str = ""
    if_name: str = ""
    args: str = field(default="", repr=False)
    path: tuple[str, ...] = ()
    deadline: float | None = None
    cancelled: Callable[[], bool] | None = field(default=None, compare=False, repr=False)
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    previous: Result | None = None
    ahead: object = None

    def delegated(self, plugin: str, command: Command) -> Invocation:
        """The same call of another plugin. Written out, since it is on the path of every set-up."""
        return Invocation(
            command=command,
            plugin=plugin,
            stdin=self.stdin,
            container_id=self.container_id,
            netns=self.netns,
            if_name=self.if_name,
            args=self.args,
            path=self.path,
            deadline=self.deadline,
            cancelled=self.cancelled,
            env=self.env,
            previous=self.previous,
            ahead=self.ahead,
        )

    def environment(self) -> dict[str, str]:
        """The CNI_ variables of this call, over `env`."""
        return {
            **self.env,
            **args.environment(
                command=self.command.value,
                container_id=self.container_id,
                netns=self.netns,
                if_name=self.if_name,
                args=self.args,
                path=self.path,
            ),
        }


class Invoker(Protocol):
    """Who can call plugins. Safe to use from several threads at once."""

    def invoke(self, invocation: Invocation) -> bytes:
        """Make the call and return what the plugin printed. Blocks, at most a little past the deadline.

        Raises PluginNotFound before anything ran, PluginTimedOut or PluginCancelled after all of it was
        killed, PluginFailed with the plugin's own code otherwise.
        """
        ...

    def find(self, plugin: str, path: tuple[str, ...]) -> str:
        """Say where the plugin is, for people; built-in ones may answer anything. Raises PluginNotFound."""
        ...

    def versions(self, plugin: str, path: tuple[str, ...]) -> VersionInfo:
        """Ask the plugin for VERSION. Raises as `invoke` does, and InvalidResult."""
        ...


class InProcess(abc.ABC):
    """An Invoker that makes some calls in its own process, where results need not pass as JSON.

    A base class, not a Protocol: each call asks for it, and isinstance of a Protocol takes ten times as long.
    """

    @abc.abstractmethod
    def takes(self, plugin: str, stdin: bytes) -> bool:
        """Whether the plugin with this configuration runs here. Pure."""

    @abc.abstractmethod
    def call(self, invocation: Invocation) -> Result | None:
        """Make a call that `takes` agreed to. ADD answers the result in the configuration's version.

        The same as `invoke`, less the JSON. Raises CniError.
        """

    @abc.abstractmethod
    def has_traces(self, invocation: Invocation) -> bool:
        """Whether a DEL that `takes` agreed to would find anything to take back. Changes nothing.

        True where it cannot be told. Raises CniError.
        """


def version_invocation(plugin: str, path: tuple[str, ...], deadline: float | None = None) -> Invocation:
    """The VERSION call. The dummies are for plugins whose skeleton wants every variable set.

    An executable's CNI_PATH must read `dummy`, as libcni sends it, so the invoker finds it in `path` first.
    """
    return Invocation(
        command=Command.VERSION,
        plugin=plugin,
        stdin=VERSION_REQUEST,
        netns="dummy",
        if_name="dummy",
        path=path,
        deadline=deadline,
    )


def read_version_reply(stdout: bytes) -> VersionInfo:
    """Read a VERSION reply (cni:pkg/version/plugin.go). Raises InvalidResult."""
    try:
        body: Any = json.loads(stdout)
    except (ValueError, RecursionError) as exc:
        raise InvalidResult(f"decoding version info: {exc}") from exc
    if not isinstance(body, dict):
        raise InvalidResult("decoding version info: not an object")
    cni_version = body.get("cniVersion")
    supported = body.get("supportedVersions")
    if not isinstance(cni_version, str) or not cni_version:
        raise InvalidResult("decoding version info: missing field cniVersion")
    if not supported:
        if cni_version == "0.2.0":
            return VersionInfo(cni_version=versions.CURRENT, supported=("0.1.0", "0.2.0"))
        raise InvalidResult("decoding version info: missing field supportedVersions")
    if not isinstance(supported, list) or not all(isinstance(entry, str) for entry in supported):
        raise InvalidResult("decoding version info: supportedVersions is no list of strings")
    return VersionInfo(cni_version=cni_version, supported=tuple(supported))


def versions_without_the_command(failure: CniError) -> VersionInfo | None:
    """What a plugin supports that failed VERSION because it is older than VERSION; None: it really failed."""
    if str(failure) == _NO_VERSION_COMMAND:
        return VersionInfo(cni_version=versions.CURRENT, supported=("0.1.0",))
    return None


def read_failure(
    *,
    stdout: bytes,
    stderr: bytes,
    cause: str,
    exit_status: int | None = None,
    signal: int | None = None,
) -> PluginFailed:
    """Make the error of a failed call out of what it printed (cni:pkg/invoke/raw_exec.go).

    `cause` says how it ended, as `exit status 1`. libcni drops stderr when there is anything on stdout; it is
    kept here. An error object without a message gets one that says how the plugin ended.
    """
    tail = stderr.decode(errors="replace")
    if stdout:
        try:
            failure = PluginFailed.from_json(stdout)
        except ValueError as exc:
            printed = _quoted(stdout)
            failure = PluginFailed(
                f"netplugin failed but error parsing its diagnostic message {printed}: {exc}"
            )
        if not failure.msg and not failure.details:
            failure.msg = f"netplugin failed with no error message: {cause}"
    elif stderr:
        failure = PluginFailed(f"netplugin failed: {_quoted(stderr)}: {cause}")
    else:
        failure = PluginFailed(f"netplugin failed with no error message: {cause}")
    failure.stderr_tail = tail
    failure.exit_status = exit_status
    failure.signal = signal
    return failure


def _quoted(raw: bytes) -> str:
    # JSON's quoting is close enough to Go's %q for text; both keep one line one line.
    return json.dumps(raw.decode(errors="replace"), ensure_ascii=False)


def refuse_late_start(invocation: Invocation) -> None:
    """Raise PluginCancelled or PluginTimedOut if the call should not begin any more."""
    if invocation.cancelled is not None and invocation.cancelled():
        raise PluginCancelled("netplugin failed with no error message: context canceled")
    if invocation.deadline is not None and time.monotonic() >= invocation.deadline:
        raise PluginTimedOut("netplugin failed with no error message: context deadline exceeded")
