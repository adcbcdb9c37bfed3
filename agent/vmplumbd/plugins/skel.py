"""The protocol around a plugin: an Invocation in, what it prints out, or a CniError.

The same for a call in process and for an executable: the environment is checked, then the
configuration's name, then its version, then the plugin acts (cni:pkg/skel/skel.go, whose codes and
texts these are). One thing is different: a call with the plugin's own namespace is refused before
the work, where the reference refuses it after.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from typing import Protocol, TypeAlias, runtime_checkable

from vmplumbd.cni import convert, names, result
from vmplumbd.cni import version as versions
from vmplumbd.cni.error import CniError, ErrorCode, InvalidName
from vmplumbd.cni.invoke import Command, Invocation
from vmplumbd.cni.result import Result
from vmplumbd.cni.version import VersionInfo
from vmplumbd.errors import AgentError, Busy, hint_of
from vmplumbd.plugins import conf
from vmplumbd.plugins.conf import Malformed, PluginFault

Verb: TypeAlias = Callable[[Invocation], Result | None]

_BOTH = frozenset({Command.ADD, Command.CHECK})
_ALL_THREE = _BOTH | {Command.DEL}

# Variable, the commands that need it, and how its value is checked for them; in the reference's order.
_REQUIRED: tuple[
    tuple[str, Callable[[Invocation], str], frozenset[Command], Callable[[str], None] | None], ...
]
_REQUIRED = (
    ("CNI_CONTAINERID", lambda call: call.container_id, _ALL_THREE, names.check_container_id),
    ("CNI_NETNS", lambda call: call.netns, _BOTH, None),
    ("CNI_IFNAME", lambda call: call.if_name, _ALL_THREE, names.check_if_name),
    ("CNI_PATH", lambda call: ":".join(call.path), _ALL_THREE | {Command.GC, Command.STATUS}, None),
)
_SINCE: Mapping[Command, str] = {
    Command.CHECK: versions.CHECK_SINCE,
    Command.GC: versions.GC_SINCE,
    Command.STATUS: versions.STATUS_SINCE,
}

_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)


class Plugin(Protocol):
    """A plugin: what it can do, in which versions. A verb that is absent succeeds with nothing done."""

    @property
    def supported(self) -> tuple[str, ...]:
        """Versions of the specification."""

    @property
    def verbs(self) -> Mapping[Command, Verb]:
        """What to call. Each may raise CniError, AgentError, OSError; ADD answers in any version."""

    def not_built_in(self, stdin: bytes) -> str | None:
        """What this configuration asks that only the executable can do; None if nothing. Pure.

        Raises nothing: what is malformed is the verb's to refuse.
        """


@runtime_checkable
class Traceable(Protocol):
    """A plugin that can tell whether its DEL would find anything."""

    def has_traces(self, call: Invocation) -> bool:
        """Whether it would. Without a namespace in the call, what lies outside of one counts alone.

        Changes nothing. Raises CniError, AgentError.
        """


def dispatch(plugin: Plugin, call: Invocation) -> bytes:
    """Make one call. Answers what the plugin prints, in one line. Raises CniError."""
    if call.command is Command.VERSION:
        return version_reply(plugin)
    made = run(plugin, call)
    # json's indenting writer is Python's own and ten times slower: only executables indent.
    return b"" if made is None else _ENCODER.encode(result.to_object(made)).encode(errors="backslashreplace")


def run(plugin: Plugin, call: Invocation) -> Result | None:
    """Make one call but VERSION. ADD answers the result in the configuration's version. Raises CniError."""
    check_environment(call)
    cni_version = _header(call.stdin)
    _check_version(plugin, call.command, cni_version)
    verb = plugin.verbs.get(call.command)
    if verb is None:
        return None
    try:
        made = verb(call)
    except CniError:
        raise
    except AgentError as exc:
        fault = PluginFault(exc.message, code=ErrorCode.TRY_AGAIN_LATER if isinstance(exc, Busy) else None)
        fault.hint = exc.hint
        raise fault from exc
    except OSError as exc:
        fault = PluginFault(f"{exc.filename}: {exc.strerror}" if exc.filename else f"{exc.strerror}")
        fault.hint = hint_of(exc)
        raise fault from exc
    return None if made is None else convert.to_version(made, cni_version)


def check_environment(call: Invocation) -> None:
    """Raises CniError with the code and text of the first bad variable, or of all that are missing."""
    if call.container_id and call.netns and call.if_name and call.path and call.command in _ALL_THREE:
        # The same, for a call that lacks nothing.
        names.check_container_id(call.container_id)
        names.check_if_name(call.if_name)
        return
    missing = []
    for variable, value_of, commands, check in _REQUIRED:
        if call.command not in commands:
            continue
        value = value_of(call)
        if not value:
            missing.append(variable)
        elif check is not None:
            check(value)
    if missing:
        raise InvalidName(f"required env variables [{','.join(missing)}] missing")


def version_reply(plugin: Plugin) -> bytes:
    """What the plugin answers to VERSION."""
    reply = {"cniVersion": versions.CURRENT, "supportedVersions": list(plugin.supported)}
    return json.dumps(reply, separators=(",", ":")).encode() + b"\n"


def version_info(plugin: Plugin) -> VersionInfo:
    """The same as a value."""
    return VersionInfo(cni_version=versions.CURRENT, supported=plugin.supported)


@functools.lru_cache(maxsize=256)
def _header(stdin: bytes) -> str:
    """The configuration's version, once its name is known to be good. Raises CniError."""
    try:
        top = conf.load(stdin, "Net")
        name = top.text("name")
    except Malformed as exc:
        raise CniError(f"error unmarshall network config: {exc}", code=ErrorCode.DECODING_FAILURE) from exc
    if not name:
        raise CniError("missing network name", code=ErrorCode.INVALID_NETWORK_CONFIG)
    names.check_network_name(name)
    try:
        return top.text("cniVersion") or "0.1.0"
    except Malformed as exc:
        raise CniError(
            f"decoding version from network config: {exc}", code=ErrorCode.DECODING_FAILURE
        ) from exc


def _check_version(plugin: Plugin, command: Command, cni_version: str) -> None:
    since = _SINCE.get(command)
    if since is not None:
        try:
            allowed = versions.at_least(cni_version, since)
        except CniError as exc:
            raise CniError(exc.msg, code=ErrorCode.DECODING_FAILURE) from exc
        if not allowed:
            raise _incompatible(f"config version does not allow {command}")
        if not any(versions.at_least(each, cni_version) for each in plugin.supported):
            raise _incompatible(f"plugin version does not allow {command}")
    if cni_version not in plugin.supported:
        known = " ".join(f'"{each}"' for each in plugin.supported)
        raise _incompatible(
            "incompatible CNI versions", f'config is "{cni_version}", plugin supports [{known}]'
        )


def _incompatible(msg: str, details: str = "") -> CniError:
    return CniError(msg, code=ErrorCode.INCOMPATIBLE_VERSION, details=details)
