"""The CNI chain of one attachment: found, checked, added and deleted through `vmplumbd.cni`.

This is where the agent's values meet the CNI runtime's, and where CNI's errors become ours.
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from vmplumbd import vmconf
from vmplumbd.cni import confdir, config, runtime
from vmplumbd.cni import version as versions
from vmplumbd.cni.args import RuntimeConf
from vmplumbd.cni.cache import Cache
from vmplumbd.cni.config import NetworkConfigList
from vmplumbd.cni.error import (
    CacheFailed,
    CniError,
    ErrorCode,
    InvalidConfig,
    NetworkNotFound,
    PluginCancelled,
    PluginNotFound,
    PluginNotTrusted,
    PluginTimedOut,
)
from vmplumbd.cni.invoke import Invoker
from vmplumbd.cni.result import Result
from vmplumbd.errors import (
    AddFailed,
    AddressesExhausted,
    AgentError,
    ConfigListMismatch,
    DelFailed,
    HostLimitReached,
    NotAllowed,
    OperationTimeout,
    PluginError,
    PluginFailed,
    PluginUnavailable,
    TornDown,
    TryAgainLater,
    Violation,
    hint_of,
    kernel_fault,
)
from vmplumbd.errors import NetworkNotFound as OurNetworkNotFound
from vmplumbd.model import secrets
from vmplumbd.model.ids import VmId
from vmplumbd.model.outcome import Attachment, Plan
from vmplumbd.model.progress import PluginCall
from vmplumbd.model.spec import BUILT_IN_PLUGINS, DEFAULT_CACHE_ROOT, DEFAULT_IF_NAME, CniConfiguration
from vmplumbd.policy import inline
from vmplumbd.policy.inline import InlineRules
from vmplumbd.policy.paths import PathPolicy

# What of a plugin's standard error a record and an event keep at most: CNIError.stderr_tail.
_STDERR_KEPT = 4096
# And of each other text of a plugin, so that a record stays below 1 MiB whatever a plugin says.
_TEXT_KEPT = 16 * 1024
_INLINE_RULES = InlineRules(plugins=frozenset(BUILT_IN_PLUGINS))

Tell = Callable[[PluginCall], None]
# The result cache of a directory.
Caches = Callable[[str], Cache]
Preflight = Callable[[NetworkConfigList, tuple[str, ...]], Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainDefaults:
    """What an empty field of a request means on this host, and what a request may say at all."""

    policy: PathPolicy
    inline: InlineRules = _INLINE_RULES
    bin_path: tuple[str, ...]
    conf_dir: str
    cache_root: str = DEFAULT_CACHE_ROOT


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """A configuration list and the attachment made of it, not yet touched."""

    network: NetworkConfigList
    attachment: Attachment


def find(index: int, cni: CniConfiguration, vm_id: VmId, defaults: ChainDefaults) -> Chain:
    """Find the chain of interface `index`, whose paths are settled. Reads files, touches nothing.

    Raises NotAllowed, NetworkNotFound, ConfigListMismatch.
    """
    bin_path = cni.bin_path or defaults.bin_path
    if cni.network_config is not None:
        network = _parse_inline(index, cni.network_config)
        _check_inline(index, network, defaults.inline)
    else:
        network = load(cni.conf_dir or defaults.conf_dir, cni.network_name)
    return Chain(
        network=network,
        attachment=Attachment(
            index=index,
            network=network.name,
            conf_list=self_contained(network),
            if_name=cni.if_name or DEFAULT_IF_NAME,
            args=vmconf.tap_arguments(cni),
            capability_args=cni.capability_args,
            bin_path=bin_path,
            cache_dir=cni.cache_dir or f"{defaults.cache_root}/{vm_id}",
            inline=cni.network_config is not None,
        ),
    )


def check_plugins(found: Chain, preflight: Preflight) -> None:
    """Raises PluginUnavailable unless every plugin is there and speaks the list's version.

    Executed plugins may be asked for their VERSION: this blocks.
    """
    problems = preflight(found.network, found.attachment.bin_path)
    if problems:
        path = ":".join(found.attachment.bin_path)
        raise PluginUnavailable("; ".join(problems), hint=f"is the right version installed in {path}?")


def gc(
    network: NetworkConfigList,
    valid: Sequence[tuple[str, str]],
    *,
    invoker: Invoker,
    bin_path: tuple[str, ...],
    deadline: float | None,
) -> tuple[AgentError, ...]:
    """CNI GC of a network, with the (vm_id, if_name) pairs that stay; answers what failed."""
    try:
        runtime.gc(
            network,
            [runtime.Attachment(container_id=vm_id, if_name=if_name) for vm_id, if_name in valid],
            invoker=invoker,
            path=bin_path,
            deadline=deadline,
        )
    except runtime.SeveralFailed as exc:
        return tuple(failure(one, PluginFailed, f'CNI GC of "{network.name}": ') for one in exc.failures)
    except CniError as exc:
        return (failure(exc, PluginFailed, f'CNI GC of "{network.name}": '),)
    return ()


def add(
    attachment: Attachment,
    vm_id: VmId,
    netns: str,
    *,
    invoker: Invoker,
    deadline: float | None,
    cancelled: Callable[[], bool],
    attempt: int,
    tell: Tell,
    env: Mapping[str, str] | None = None,
    ahead: object = None,
    caches: Caches = Cache,
) -> runtime.Added:
    """CNI ADD of the whole chain. Blocks. Leaves what a failed ADD leaves: DEL must follow.

    Raises AddFailed, TryAgainLater, AddressesExhausted, PluginUnavailable, OperationTimeout, TornDown.
    """
    try:
        return runtime.add(
            _parsed(attachment.conf_list),
            _runtime_conf(attachment, vm_id, netns),
            invoker=invoker,
            path=attachment.bin_path,
            cache=caches(attachment.cache_dir),
            deadline=deadline,
            cancelled=cancelled,
            env=env,
            tell=_told(tell),
            attempt=attempt,
            ahead=ahead,
        )
    except CniError as exc:
        raise failure(exc, AddFailed, "failed to create CNI network: ") from exc


def delete(
    attachment: Attachment,
    vm_id: VmId,
    netns: str,
    *,
    invoker: Invoker,
    deadline: float | None,
    cancelled: Callable[[], bool] | None = None,
    tell: Tell,
    env: Mapping[str, str] | None = None,
    strict: bool = False,
    attempt: int = 1,
    last: bool = True,
    caches: Caches = Cache,
) -> tuple[PluginFailed, ...]:
    """CNI DEL of the whole chain, every plugin of it; answers the failures. Needs nothing else.

    Once `cancelled` says so, a plugin that is executed is killed, and no other is called. With `last` the cache
    file goes too; else another DEL follows.
    """
    network = _parsed(attachment.conf_list)
    conf = _runtime_conf(attachment, vm_id, netns)
    cache = caches(attachment.cache_dir)
    try:
        runtime.del_(
            network,
            conf,
            invoker=invoker,
            path=attachment.bin_path,
            # The record has what the file has; without it ADD did not end, and the file may know more.
            cache=None if attachment.result or not last else cache,
            prev_result=attachment.result or None,
            deadline=deadline,
            cancelled=cancelled,
            strict=strict,
            env=env,
            tell=_told(tell),
            attempt=attempt,
        )
    except runtime.SeveralFailed as exc:
        return tuple(_del_failed(one, attachment.network) for one in exc.failures)
    except CniError as exc:
        return (_del_failed(exc, attachment.network),)
    except Exception as exc:  # noqa: BLE001 - a defect in a plugin of ours must not keep the rest from being undone
        fault = CniError(secrets.of_attachment(attachment).hide(f"{type(exc).__name__}: {exc}"))
        fault.__cause__ = exc
        return (_del_failed(fault, attachment.network),)
    if last:
        try:
            cache.remove(network.name, conf)
            # A per-VM cache directory goes with its VM; one that holds other attachments stays.
            if os.path.basename(attachment.cache_dir.rstrip("/")) == vm_id:  # noqa: PTH119 - the hot path
                cache.remove_directories()
        except CacheFailed as exc:
            return (_del_failed(exc, attachment.network),)
    return ()


def guards(plan: Plan) -> bool:
    """Whether chains of a plan keep rules in the host's packet filter, which must outlive the VM's traffic."""
    return any(
        plugin.conf.get("ipMasq") or plugin.conf.get("macspoofchk")
        for attachment in plan.attachments
        for plugin in _parsed(attachment.conf_list).plugins
    )


def result_of(attachment: Attachment) -> Result | None:
    """What ADD answered; None if it did not end, or answered what cannot be read."""
    if not attachment.result:
        return None
    try:
        return runtime.recorded(attachment.result, _parsed(attachment.conf_list).cni_version)
    except CniError:
        return None


def has_traces(attachment: Attachment, vm_id: VmId, *, invoker: Invoker, caches: Caches = Cache) -> bool:
    """Whether DEL of an attachment whose namespace is new might find anything. Changes nothing."""
    return runtime.has_traces(
        _parsed(attachment.conf_list),
        _runtime_conf(attachment, vm_id, ""),
        invoker=invoker,
        path=attachment.bin_path,
        cache=caches(attachment.cache_dir),
    )


def check(
    attachment: Attachment,
    vm_id: VmId,
    netns: str,
    *,
    invoker: Invoker,
    deadline: float | None,
    caches: Caches = Cache,
) -> tuple[AgentError, ...] | None:
    """CNI CHECK of the chain: findings, or None where the version or disableCheck leaves it out."""
    network = _parsed(attachment.conf_list)
    if network.disable_check or not versions.at_least(network.cni_version, versions.CHECK_SINCE):
        return None
    try:
        runtime.check(
            network,
            _runtime_conf(attachment, vm_id, netns),
            invoker=invoker,
            path=attachment.bin_path,
            cache=caches(attachment.cache_dir),
            prev_result=attachment.result or None,
            deadline=deadline,
        )
    except CniError as exc:
        return (failure(exc, PluginFailed, "CNI CHECK: "),)
    return ()


def _tail(text: str) -> str:
    """The end of a plugin's standard error, as much as a record may keep of it (CNIError.stderr_tail)."""
    return text.encode()[-_STDERR_KEPT:].decode(errors="ignore")


def _head(text: str) -> str:
    """The beginning of what a plugin says, as much as a record keeps of it."""
    return text.encode()[:_TEXT_KEPT].decode(errors="ignore") if len(text) > _TEXT_KEPT // 4 else text


def failure(exc: CniError, family: type[PluginFailed], prefix: str) -> AgentError:
    """Our error for a CNI one: by class and code, never by text."""
    message = _head(f"{prefix}{exc}")
    error = PluginError(
        code=exc.code,
        message=_head(exc.msg),
        details=_head(exc.details),
        plugin=exc.plugin or "",
        stderr_tail=_tail(exc.stderr_tail),
    )
    if isinstance(exc, PluginNotFound):
        return PluginUnavailable(message, hint="is the plugin installed in bin_path?")
    if isinstance(exc, PluginNotTrusted):
        return PluginUnavailable(message, hint=exc.hint)
    if isinstance(exc, PluginTimedOut):
        return OperationTimeout(message, hint=exc.hint)
    if isinstance(exc, PluginCancelled):
        return TornDown(message)
    if exc.code == ErrorCode.TRY_AGAIN_LATER:
        return TryAgainLater(message, error)
    if getattr(exc, "exhausted", False):
        return AddressesExhausted(message, error, hint="does another network or host have addresses left?")
    if isinstance(exc.__cause__, HostLimitReached):
        return HostLimitReached(message, hint=exc.__cause__.hint)
    hint = exc.hint or hint_of(exc)
    if exc.signal is not None:
        hint = hint or "did the plugin crash, or was it killed for want of memory?"
    return family(message, error, killed=exc.signal is not None, hint=hint)


def load(conf_dir: str, name: str) -> NetworkConfigList:
    """The network's list. Raises NetworkNotFound, ConfigListMismatch. Read again only when a file changed."""
    return _load(conf_dir, name, confdir.signature(conf_dir, name))


def self_contained(network: NetworkConfigList) -> bytes:
    """The list as one document: plugins from files beside it are written into it."""
    if len(_parsed(network.raw).plugins) == len(network.plugins):
        return network.raw
    return _joined(network.raw, json.dumps([dict(plugin.conf) for plugin in network.plugins]))


@functools.lru_cache(maxsize=256)
def _load(conf_dir: str, name: str, signature: object) -> NetworkConfigList:
    del signature  # what makes a change of the files another entry
    try:
        return confdir.load(conf_dir, name)
    except NetworkNotFound as exc:
        raise OurNetworkNotFound(
            f'failed to load CNI configuration from dir "{conf_dir}" for network "{name}": {exc}',
            hint=f"is there a conflist with that name in {conf_dir}?",
        ) from exc
    except CniError as exc:
        if isinstance(exc.__cause__, OSError):
            # Nothing is wrong with the request.
            raise kernel_fault(
                f'read the configuration of network "{name}"',
                where=conf_dir,
                errno=exc.__cause__.errno or 0,
            ) from exc
        raise ConfigListMismatch(
            f'failed to load CNI configuration from dir "{conf_dir}" for network "{name}": {exc}'
        ) from exc


def _parse_inline(index: int, raw: bytes) -> NetworkConfigList:
    try:
        network = config.parse_list(raw)
        if not network.plugins:
            raise InvalidConfig("no plugin configs found")
    except CniError as exc:
        raise ConfigListMismatch(
            f"network_config is no CNI network configuration list: {exc}",
            (
                Violation(
                    field=f"spec.network_interfaces.interfaces[{index}].cni_configuration.network_config.json",
                    rule="network_config_list.json",
                    message=str(exc),
                ),
            ),
        ) from exc
    return network


def _check_inline(index: int, network: NetworkConfigList, rules: InlineRules) -> None:
    field = f"spec.network_interfaces.interfaces[{index}].cni_configuration.network_config.json"
    wrong = inline.violations([plugin.conf for plugin in network.plugins], rules, field)
    if wrong:
        raise NotAllowed(wrong[0].message, wrong)


@functools.lru_cache(maxsize=256)
def _parsed(raw: bytes) -> NetworkConfigList:
    return config.parse_list(raw)


@functools.lru_cache(maxsize=256)
def _joined(raw: bytes, plugins: str) -> bytes:
    return json.dumps({**json.loads(raw), "plugins": json.loads(plugins)}).encode()


@functools.lru_cache(maxsize=256)
def _capability_args(raw: bytes) -> dict[str, object]:
    return dict(json.loads(raw)) if raw else {}


def _runtime_conf(attachment: Attachment, vm_id: VmId, netns: str) -> RuntimeConf:
    return RuntimeConf(
        container_id=vm_id,
        netns=netns,
        if_name=attachment.if_name,
        args=attachment.args,
        capability_args=_capability_args(attachment.capability_args),
        hide=lambda text: secrets.of_attachment(attachment).hide(text),
    )


def _told(tell: Tell) -> Callable[[runtime.PluginCall], None]:
    def told(call: runtime.PluginCall) -> None:
        error = call.error
        tell(
            PluginCall(
                type=call.plugin,
                command=call.command.value,
                duration=call.duration,
                attempt=call.attempt,
                code=error.code if error else 0,
                message=_head(str(error)) if error else "",
                stderr_tail=_tail(error.stderr_tail) if error else "",
                failed=error is not None,
                position=call.index,
            )
        )

    return told


def _del_failed(exc: CniError, network: str) -> PluginFailed:
    told = failure(exc, DelFailed, f'failed to delete CNI network list "{network}": ')
    if isinstance(told, PluginFailed):
        return told
    error = PluginError(
        code=exc.code,
        message=exc.msg,
        details=exc.details,
        plugin=exc.plugin or "",
        stderr_tail=exc.stderr_tail,
    )
    return DelFailed(told.message, error, hint=told.hint)
