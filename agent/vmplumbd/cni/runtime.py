"""The verbs over a list of plugins (cni:libcni/api.go, cni:SPEC.md section 3).

No lock is taken here. The caller sees to it that one container has one call at a time and that GC runs beside
no ADD or DEL of its network (cni:SPEC.md, Lifecycle & Ordering), and calls DEL after an ADD that failed.

Every verb takes `invoker` and `path` (the directories of CNI_PATH), a `deadline` in seconds of
time.monotonic(), a `cancelled` asked between plugins and while one is executed, `env` for every plugin, and
`tell`, which gets a PluginCall after each call, on the calling thread, and must not raise. `attempt` is only
passed on to it.
"""

from __future__ import annotations

import contextlib
import functools
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vmplumbd.cni import args, config, convert, names, result
from vmplumbd.cni import version as versions
from vmplumbd.cni.args import RuntimeConf
from vmplumbd.cni.cache import Cache
from vmplumbd.cni.config import NetworkConfigList, PluginConfig
from vmplumbd.cni.error import (
    CacheFailed,
    CniError,
    InvalidConfig,
    InvalidResult,
    InvalidVersion,
    PluginCancelled,
    PluginTimedOut,
)
from vmplumbd.cni.invoke import Command, InProcess, Invocation, Invoker
from vmplumbd.cni.result import Result


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginCall:
    """One call of one plugin, told when it is over: `duration` in seconds, `index` its place in the list."""

    plugin: str
    command: Command
    index: int
    count: int
    attempt: int
    duration: float
    error: CniError | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """What ADD made: the last plugin's result, and the bytes it printed, untouched."""

    result: Result
    raw: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A container's interface on the network, as GC names those that shall stay."""

    container_id: str
    if_name: str


class SeveralFailed(CniError):
    """More than one thing was tried and at least one failed: `failures`, in order, at least one."""

    def __init__(self, failures: Sequence[CniError], msg: str | None = None) -> None:
        super().__init__(msg or "\n".join(str(each) for each in failures), code=failures[0].code)
        self.failures = tuple(failures)
        self.plugin = failures[0].plugin
        self.command = failures[0].command


class DelFailed(SeveralFailed):
    """Every plugin of the chain got its DEL, unless the time was up; `failures` are of those that failed."""


class GcFailed(SeveralFailed):
    """A stale attachment could not be deleted, or a plugin failed its GC."""


class ValidateFailed(SeveralFailed):
    """A plugin is missing or does not speak the list's version."""


Tell = Callable[[PluginCall], None]
Cancelled = Callable[[], bool]


def add(
    network: NetworkConfigList,
    conf: RuntimeConf,
    *,
    invoker: Invoker,
    path: Sequence[str],
    cache: Cache | None = None,
    deadline: float | None = None,
    cancelled: Cancelled | None = None,
    env: Mapping[str, str] | None = None,
    tell: Tell | None = None,
    attempt: int = 1,
    ahead: object = None,
) -> Added:
    """Attach: every plugin in order, each with the result of the one before; then write the cache file.

    Names are checked before the first plugin. Raises CniError; whatever was made until then stays, so DEL
    must follow. Without a `cache` nothing is written, and DEL needs the raw result from the caller. `ahead` is
    handed to plugins in process.
    """
    calls = _Calls(network, conf, invoker, tuple(path), deadline, cancelled, env or {}, tell, attempt, ahead)
    if not network.plugins:
        raise InvalidConfig("no plugin configs found")
    try:
        names.check_container_id(conf.container_id)
        names.check_network_name(network.name)
        names.check_if_name(conf.if_name)
        args.check(conf.args)
    except CniError as exc:
        exc.place = _place(network.plugins[0], "add")
        raise

    done: Result | None = None
    raw = b""
    for index, plugin in enumerate(network.plugins):
        try:
            done, raw = calls.call(Command.ADD, index, done)
        except CniError as exc:
            exc.place = _place(plugin, "add")
            raise
    assert done is not None, "a list without plugins was refused above"
    compact = None if raw else _compact(done)
    if cache is not None:
        try:
            cache.write(network, conf, done, compact)
        except CacheFailed as exc:
            exc.place = f'failed to set network "{network.name}" cached result'
            raise
    return Added(result=done, raw=compact or raw)


def del_(
    network: NetworkConfigList,
    conf: RuntimeConf,
    *,
    invoker: Invoker,
    path: Sequence[str],
    cache: Cache | None = None,
    prev_result: bytes | None = None,
    strict: bool = False,
    deadline: float | None = None,
    cancelled: Cancelled | None = None,
    env: Mapping[str, str] | None = None,
    tell: Tell | None = None,
    attempt: int = 1,
) -> None:
    """Detach: every plugin in reverse order, all with the result of ADD; then remove the cache file.

    The result is the cache file's, else `prev_result`, the raw bytes that `add` returned, else none: a plugin
    must do without. A failing plugin does not keep the others from their DEL, since the address belongs to
    the first of the list, the last to be asked; DelFailed then has all failures, and the cache file stays.
    `strict` is libcni's way: the first failure is raised and the rest is not called.
    """
    calls = _Calls(network, conf, invoker, tuple(path), deadline, cancelled, env or {}, tell, attempt)
    previous = _recorded_for_del(network, conf, cache, prev_result)
    failures: list[CniError] = []
    for index in reversed(range(len(network.plugins))):
        plugin = network.plugins[index]
        try:
            calls.call(Command.DEL, index, previous)
        except CniError as exc:
            exc.place = _place(plugin, "delete")
            if strict:
                raise
            failures.append(exc)
    if failures:
        raise DelFailed(failures) from failures[0]
    if cache is not None:
        cache.remove(network.name, conf)


def has_traces(
    network: NetworkConfigList,
    conf: RuntimeConf,
    *,
    invoker: Invoker,
    path: Sequence[str],
    cache: Cache | None = None,
) -> bool:
    """Whether DEL might find anything of this attachment; where it cannot, DEL may be left out.

    Only plugins in process can be asked, so an executed one is always a yes. Changes nothing.
    """
    if not isinstance(invoker, InProcess) or (cache is not None and cache.has(network.name, conf)):
        return True
    calls = _Calls(network, conf, invoker, tuple(path), None, None, {}, None, 1)
    try:
        for plugin in network.plugins:
            stdin = config.request(network, plugin, capability_args=conf.capability_args)
            if not invoker.takes(plugin.type, stdin):
                return True
            if invoker.has_traces(calls.invocation(Command.DEL, plugin, stdin, None)):
                return True
    except (CniError, OSError):
        return True
    return False


def check(
    network: NetworkConfigList,
    conf: RuntimeConf,
    *,
    invoker: Invoker,
    path: Sequence[str],
    cache: Cache | None = None,
    prev_result: bytes | None = None,
    deadline: float | None = None,
    cancelled: Cancelled | None = None,
    env: Mapping[str, str] | None = None,
    tell: Tell | None = None,
    attempt: int = 1,
) -> None:
    """Ask every plugin in order whether its work still stands. Returns at once if the list disables it.

    The result comes from where `del_` takes it. Raises InvalidVersion below 0.4.0, InvalidResult if the
    result on record cannot be used, else the first plugin's failure as it is.
    """
    calls = _Calls(network, conf, invoker, tuple(path), deadline, cancelled, env or {}, tell, attempt)
    if not versions.at_least(network.cni_version, versions.CHECK_SINCE):
        raise InvalidVersion(
            f'configuration version "{network.cni_version}" does not support the CHECK command'
        )
    if network.disable_check:
        return
    try:
        previous = _recorded(network, conf, cache, prev_result)
    except InvalidResult as exc:
        exc.place = f'failed to get network "{network.name}" cached result'
        raise
    for index in range(len(network.plugins)):
        calls.call(Command.CHECK, index, previous)


def gc(
    network: NetworkConfigList,
    valid: Iterable[Attachment] | None,
    *,
    invoker: Invoker,
    path: Sequence[str],
    cache: Cache | None = None,
    strict: bool = False,
    deadline: float | None = None,
    cancelled: Cancelled | None = None,
    env: Mapping[str, str] | None = None,
    tell: Tell | None = None,
    attempt: int = 1,
) -> None:
    """Delete what is on record and not `valid`, then tell every plugin what is (from 1.1.0 on).

    None for `valid` deletes every attachment of the network and tells plugins nothing about any, as libcni
    does. Does nothing if the list disables it. All is tried; raises GcFailed with all failures, CacheFailed
    if the records cannot be listed. `strict` is for the DELs.
    """
    if network.disable_gc:
        return
    kept = None if valid is None else tuple(valid)
    failures: list[CniError] = []
    stale = () if cache is None else cache.attachments()
    for each in stale:
        attachment = Attachment(container_id=each.conf.container_id, if_name=each.conf.if_name)
        if each.network != network.name or (kept is not None and attachment in kept):
            continue
        try:
            del_(
                network,
                each.conf,
                invoker=invoker,
                path=path,
                cache=cache,
                strict=strict,
                deadline=deadline,
                cancelled=cancelled,
                env=env,
                tell=tell,
                attempt=attempt,
            )
        except CniError as exc:
            failures.append(
                _wrapped("delete stale attachment", f"{each.conf.container_id} {each.conf.if_name}", exc)
            )
    if _since(network, versions.GC_SINCE):
        nobody = RuntimeConf(container_id="", netns="", if_name="")
        calls = _Calls(network, nobody, invoker, tuple(path), deadline, cancelled, env or {}, tell, attempt)
        extra: dict[str, Any] = {}
        if kept is not None:
            listed = [{"containerID": each.container_id, "ifname": each.if_name} for each in kept]
            # Two names: the spec had the one, libcni sent the other, plugins read either.
            extra = {"cni.dev/valid-attachments": listed, "cni.dev/attachments": listed}
        for index, plugin in enumerate(network.plugins):
            try:
                calls.call(Command.GC, index, extra=extra)
            except CniError as exc:
                failures.append(_wrapped("GC plugin", plugin.type, exc))
    if failures:
        raise GcFailed(failures) from failures[0]


def status(
    network: NetworkConfigList,
    *,
    invoker: Invoker,
    path: Sequence[str],
    deadline: float | None = None,
    cancelled: Cancelled | None = None,
    env: Mapping[str, str] | None = None,
    tell: Tell | None = None,
    attempt: int = 1,
) -> None:
    """Ask every plugin in order whether it could serve an ADD; below 1.1.0 there is nobody to ask.

    Raises the first failure as it is: code 50 says not available, 51 that attachments may suffer too.
    """
    if not _since(network, versions.STATUS_SINCE):
        return
    nobody = RuntimeConf(container_id="", netns="", if_name="")
    calls = _Calls(network, nobody, invoker, tuple(path), deadline, cancelled, env or {}, tell, attempt)
    for index in range(len(network.plugins)):
        calls.call(Command.STATUS, index)


def validate(network: NetworkConfigList, *, invoker: Invoker, path: Sequence[str]) -> frozenset[str]:
    """Check that every plugin is there and speaks the list's version; return the capabilities switched on.

    Runs VERSION of each plugin. Raises ValidateFailed with all failures.
    """
    wanted = network.cni_version or "0.1.0"
    failures: list[CniError] = []
    for plugin in network.plugins:
        try:
            if wanted not in invoker.versions(plugin.type, tuple(path)).supported:
                raise InvalidVersion(
                    f'plugin {plugin.type} does not support config version "{wanted}"', plugin=plugin.type
                )
        except CniError as exc:
            exc.plugin = exc.plugin or plugin.type
            failures.append(exc)
    if failures:
        raise ValidateFailed(failures, f"[{' '.join(str(each) for each in failures)}]")
    return frozenset().union(*(plugin.capabilities for plugin in network.plugins))


@dataclass(frozen=True, slots=True)
class _Calls:
    """What the calls of one verb have in common."""

    network: NetworkConfigList
    conf: RuntimeConf
    invoker: Invoker
    path: tuple[str, ...]
    deadline: float | None
    cancelled: Cancelled | None
    env: Mapping[str, str]
    tell: Tell | None
    attempt: int
    ahead: object = None

    def call(
        self,
        command: Command,
        index: int,
        previous: Result | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> tuple[Result | None, bytes]:
        """Make one call, say where it failed if it did, and tell.

        ADD answers the result, and what the plugin printed, b"" where it was asked in process.
        """
        plugin = self.network.plugins[index]
        started = time.monotonic()
        error: CniError | None = None
        try:
            self._refuse_late_start(started)
            return self._make(command, plugin, previous, extra)
        except CniError as exc:
            exc.plugin, exc.command = plugin.type, command.value
            if self.conf.hide is not None:
                exc.pass_through(self.conf.hide)
            error = exc
            raise
        finally:
            if self.tell is not None:
                self.tell(
                    PluginCall(
                        plugin=plugin.type,
                        command=command,
                        index=index,
                        count=len(self.network.plugins),
                        attempt=self.attempt,
                        duration=time.monotonic() - started,
                        error=error,
                    )
                )

    def _make(
        self,
        command: Command,
        plugin: PluginConfig,
        previous: Result | None,
        extra: Mapping[str, Any] | None,
    ) -> tuple[Result | None, bytes]:
        given = self.conf.capability_args
        stdin = config.request(self.network, plugin, capability_args=given, extra=extra)
        if isinstance(self.invoker, InProcess) and self.invoker.takes(plugin.type, stdin):
            return self.invoker.call(self.invocation(command, plugin, stdin, previous)), b""
        if previous is not None:
            stdin = config.request(
                self.network,
                plugin,
                prev_result=result.to_object(previous),
                capability_args=given,
                extra=extra,
            )
        printed = self.invoker.invoke(self.invocation(command, plugin, stdin, None))
        if command is not Command.ADD:
            return None, b""
        return result.parse(printed, default_version=self.network.cni_version), printed

    def invocation(
        self, command: Command, plugin: PluginConfig, stdin: bytes, previous: Result | None
    ) -> Invocation:
        """One call as a value."""
        return Invocation(
            command=command,
            plugin=plugin.type,
            stdin=stdin,
            container_id=self.conf.container_id,
            netns=self.conf.netns,
            if_name=self.conf.if_name,
            args=args.join(self.conf.args),
            path=self.path,
            deadline=self.deadline,
            cancelled=self.cancelled,
            env=self.env,
            previous=previous,
            ahead=self.ahead,
        )

    def _refuse_late_start(self, now: float) -> None:
        if self.cancelled is not None and self.cancelled():
            raise PluginCancelled("netplugin failed with no error message: context canceled")
        if self.deadline is not None and now >= self.deadline:
            raise PluginTimedOut("netplugin failed with no error message: context deadline exceeded")


_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)


def _compact(done: Result) -> bytes:
    """A result as a plugin in process prints it: json's indenting writer is Python's own, ten times slower."""
    return _ENCODER.encode(result.to_object(done)).encode()


def _place(plugin: PluginConfig, verb: str) -> str:
    own_name = f' name="{plugin.name}"' if plugin.name else ""
    return f'plugin type="{plugin.type}"{own_name} failed ({verb})'


def _since(network: NetworkConfigList, version: str) -> bool:
    try:
        return versions.at_least(network.cni_version, version)
    except InvalidVersion:
        return False


def _wrapped(verb: str, what: str, cause: CniError) -> CniError:
    cause.place = f"failed to {verb} {what}" + (f": {cause.place}" if cause.place else "")
    return cause


def _recorded(
    network: NetworkConfigList, conf: RuntimeConf, cache: Cache | None, given: bytes | None
) -> Result | None:
    found = None if cache is None else cache.read(network.name, conf, cni_version=network.cni_version)
    if found is None and given is not None:
        found = recorded(given, network.cni_version)
    return found


@functools.lru_cache(maxsize=256)  # a teardown reads it for its cut, for its DEL, and behind its answer
def recorded(raw: bytes, version: str) -> Result:
    """What `add` answered as `raw`, in a version of the specification. Raises InvalidResult."""
    return convert.to_version(result.parse(raw, default_version=version), version)


def _recorded_for_del(
    network: NetworkConfigList, conf: RuntimeConf, cache: Cache | None, given: bytes | None
) -> Result | None:
    if not versions.at_least(network.cni_version, versions.DEL_PREV_RESULT_SINCE):
        return None
    try:
        return _recorded(network, conf, cache, given)
    except InvalidResult:
        # As libcni: a file that is of no use is removed, and DEL goes on.
        if cache is not None:
            with contextlib.suppress(CacheFailed):
                cache.remove(network.name, conf)
    try:
        return _recorded(network, conf, None, given)
    except InvalidResult:
        return None
