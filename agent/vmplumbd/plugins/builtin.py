"""Who makes a call: the built-in plugin of that type, or the executable.

A type that is not built in is executed. Of a built-in type, the executable is taken where the operator's
setting says so, and where the configuration asks for what is not built in. What no one can do is found by
`preflight`, before any effect.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vmplumbd.abc import Kernel
from vmplumbd.cni import config
from vmplumbd.cni.config import NetworkConfigList, PluginConfig
from vmplumbd.cni.error import CniError, PluginNotFound
from vmplumbd.cni.invoke import Command, InProcess, Invocation, Invoker, refuse_late_start
from vmplumbd.cni.result import Result
from vmplumbd.cni.version import VersionInfo
from vmplumbd.model.spec import BUILT_IN_PLUGINS
from vmplumbd.plugins import skel
from vmplumbd.plugins.bandwidth.plugin import Bandwidth
from vmplumbd.plugins.bridge.plugin import Bridge
from vmplumbd.plugins.bridge.spoof_check import SpoofCheck
from vmplumbd.plugins.clone import Clone
from vmplumbd.plugins.host_local.allocator import Full
from vmplumbd.plugins.host_local.plugin import HostLocal, directory_of
from vmplumbd.plugins.loopback import Loopback
from vmplumbd.plugins.masquerade import Masquerade
from vmplumbd.plugins.ptp import Ptp
from vmplumbd.plugins.skel import Plugin, Traceable, Verb
from vmplumbd.plugins.static import Static
from vmplumbd.plugins.tc_redirect_tap import TcRedirectTap
from vmplumbd.plugins.tuning import config as tuning_config
from vmplumbd.plugins.tuning.plugin import Tuning

TYPES = BUILT_IN_PLUGINS


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Why a network cannot be set up here: a plugin that is missing, or too old, or too new."""

    plugin: str
    message: str


class BuiltinInvoker(InProcess):
    """An Invoker that runs plugins in process where it can, and hands the rest to `executables`.

    `executed` are the types whose executable wins, `tuning_allowlist` is the operator's file of settings that
    tuning may set. `allowed` are the types that a network may use, all if empty: `preflight` refuses others,
    while DEL of what stands goes on. Without `host_ipv6` the host's devices of ptp without IPv6 addresses have
    it off. Safe for several threads, as far as Kernel is.
    """

    def __init__(
        self,
        kernel: Kernel,
        executables: Invoker,
        *,
        executed: Collection[str] = (),
        host_local: HostLocal | None = None,
        masquerade: Masquerade | None = None,
        spoof_check: SpoofCheck | None = None,
        sparing: bool = False,
        freeing: bool = False,
        host_ipv6: bool = True,
        tuning_allowlist: str = tuning_config.DEFAULT_ALLOWLIST,
        allowed: Collection[str] = (),
    ) -> None:
        self._kernel = kernel
        self._allowed = frozenset(allowed)
        self._executables = executables
        self._executed = frozenset(executed)
        self._host_local = host_local or HostLocal()
        self._masquerade = masquerade or Masquerade(kernel)
        self._versions: dict[tuple[str, int, int], VersionInfo] = {}
        self._asking = threading.Lock()
        self._tuning_allowlist = tuning_allowlist
        ptp = Ptp(kernel, self, self._masquerade, keep_devices=sparing, host_ipv6=host_ipv6)
        self._spoof_check = spoof_check or SpoofCheck(kernel, self._masquerade)
        bridge = Bridge(kernel, self, self._masquerade, self._spoof_check, keep_devices=sparing)
        bandwidth = Bandwidth(kernel, keep_devices=sparing)
        clone = Clone(kernel, keep_devices=sparing)
        self._plugins: Mapping[str, Plugin] = {
            "bandwidth": bandwidth,
            "bridge": bridge,
            "host-local": _Sparing(self._host_local) if sparing and not freeing else self._host_local,
            "loopback": Loopback(kernel),
            "ptp": ptp,
            "static": Static(),
            "tc-redirect-tap": TcRedirectTap(kernel, keep_devices=sparing),
            "tuning": Tuning(kernel, allowlist=tuning_allowlist, keep_devices=sparing),
            "vmplumb-clone": clone,
        }
        self._traces = {
            kind: plugin.has_traces for kind, plugin in self._plugins.items() if isinstance(plugin, Traceable)
        }
        # What a plugin's configuration asks of the host, refused before the attempt.
        self._obstacles: Mapping[str, Callable[[bytes], None]] = {
            "bandwidth": bandwidth.obstacle,
            "bridge": bridge.obstacle,
            "ptp": ptp.obstacle,
            "vmplumb-clone": clone.obstacle,
        }

    def sparing(self) -> BuiltinInvoker:
        """The same, but DEL of built-in plugins leaves addresses reserved and links where they are.

        For the teardown whose namespace takes its links along, and whose addresses are free after that.
        """
        return self._without_links(freeing=False)

    def freeing(self) -> BuiltinInvoker:
        """The same, but DEL of built-in plugins looks for no links: they have been seen to go."""
        return self._without_links(freeing=True)

    def _without_links(self, *, freeing: bool) -> BuiltinInvoker:
        return BuiltinInvoker(
            self._kernel,
            self._executables,
            executed=self._executed,
            host_local=self._host_local,
            masquerade=self._masquerade,
            spoof_check=self._spoof_check,
            sparing=True,
            freeing=freeing,
            tuning_allowlist=self._tuning_allowlist,
            allowed=self._allowed,
        )

    @property
    def host_local(self) -> HostLocal:
        """The built-in IPAM plugin: what it has reserved can be asked of it."""
        return self._host_local

    def invoke(self, invocation: Invocation) -> bytes:
        """Make the call. Raises CniError."""
        plugin = self._in_process(invocation.plugin, invocation.stdin)
        if plugin is None:
            return self._executables.invoke(invocation)
        refuse_late_start(invocation)
        return skel.dispatch(plugin, invocation)

    def takes(self, plugin: str, stdin: bytes) -> bool:
        """Whether the plugin with this configuration runs in process."""
        return self._in_process(plugin, stdin) is not None

    def call(self, invocation: Invocation) -> Result | None:
        """The same as `invoke` for what `takes` agreed to, with results as values. Raises CniError."""
        refuse_late_start(invocation)
        return skel.run(self._plugins[invocation.plugin], invocation)

    def has_traces(self, invocation: Invocation) -> bool:
        """Whether DEL would find anything; True of a plugin that cannot tell. Raises CniError."""
        ask = self._traces.get(invocation.plugin)
        if ask is None:
            return Command.DEL in self._plugins[invocation.plugin].verbs
        return ask(invocation)

    def find(self, plugin: str, path: tuple[str, ...]) -> str:
        """Say where the plugin is. Raises PluginNotFound."""
        return f"built-in {plugin}" if self.built_in(plugin) else self._executables.find(plugin, path)

    def versions(self, plugin: str, path: tuple[str, ...]) -> VersionInfo:
        """What the plugin supports. An executable is asked once, until it changes. Raises CniError."""
        if self.built_in(plugin):
            return skel.version_info(self._plugins[plugin])
        return self._executable_versions(plugin, self._executables.find(plugin, path), path)

    def plugin(self, kind: str) -> Plugin:
        """The built-in plugin of a type, one of TYPES. Raises KeyError."""
        return self._plugins[kind]

    def built_in(self, plugin: str) -> bool:
        """Whether a type runs in process, as far as its configuration allows."""
        return plugin in self._plugins and plugin not in self._executed

    def request_of(self, network: NetworkConfigList, index: int) -> bytes:
        """What the plugin at that place reads on stdin when nothing is added."""
        return config.request(network, network.plugins[index])

    def runs_in_process(self, network: NetworkConfigList) -> bool:
        """Whether all of a network's plugins do, its IPAM plugins too."""
        return all(
            self._in_process(kind, stdin) is not None
            for plugin in network.plugins
            for kind, stdin in _calls(network, plugin)
        )

    def preflight(self, network: NetworkConfigList, bin_path: Sequence[str]) -> tuple[Problem, ...]:
        """What is in the way of this network here; nothing if empty. Changes nothing.

        May execute plugins for VERSION, once for each executable until it changes. Raises Unsupported or
        HostLimitReached for what the host lacks, KernelFault where it cannot be asked.
        """
        problems: list[Problem] = []
        cni_version = network.cni_version or "0.1.0"
        for plugin in network.plugins:
            for kind, stdin in _calls(network, plugin):
                message = self._problem(kind, stdin, tuple(bin_path), cni_version)
                if message is not None and Problem(plugin=kind, message=message) not in problems:
                    problems.append(Problem(plugin=kind, message=message))
                if message is None and kind in self._obstacles and self._in_process(kind, stdin) is not None:
                    self._obstacles[kind](stdin)
        return tuple(problems)

    def full(self, network: NetworkConfigList, container_id: str, if_name: str) -> Full | None:
        """The range set of a network's addresses that has none left; None too if nobody here can know.

        Raises OSError, CniError if the reservations cannot be read.
        """
        for plugin in network.plugins:
            for kind, stdin in _calls(network, plugin):
                if kind == "host-local" and self._in_process(kind, stdin) is not None:
                    found = self._host_local.full(stdin, container_id, if_name)
                    if found is not None:
                        return found
        return None

    def usage(self, network: NetworkConfigList) -> tuple[Full, ...]:
        """How many addresses of each of a network's range sets are held, as far as somebody here can know.

        Those whose lock another process holds now are left out. Raises OSError, CniError.
        """
        return tuple(
            found
            for plugin in network.plugins
            for kind, stdin in _calls(network, plugin)
            if kind == "host-local" and self._in_process(kind, stdin) is not None
            if not self._host_local.locked_elsewhere(stdin)
            for found in self._host_local.usage(stdin)
        )

    def locked_elsewhere(self, network: NetworkConfigList) -> str:
        """The directory of reservations that another process has locked, "" if none. Does not wait."""
        for plugin in network.plugins:
            for kind, stdin in _calls(network, plugin):
                if kind == "host-local" and self._in_process(kind, stdin) is not None:
                    directory = self._host_local.locked_elsewhere(stdin)
                    if directory:
                        return directory
        return ""

    def free(self, network: NetworkConfigList, owners: Sequence[tuple[str, str]]) -> bool:
        """Give back what attachments, (container_id, if_name), hold of a network, all else of which is gone.

        False, with nothing given back, where not all of its addresses are given in process. Raises OSError,
        CniError, with some given back.
        """
        directories = []
        for plugin in network.plugins:
            for kind, stdin in _calls(network, plugin):
                if self._in_process(kind, stdin) is None:
                    return False
                if kind == "host-local":
                    directories.append(directory_of(stdin))
        for directory in directories:
            self._host_local.release_all(directory, owners)
        return True

    def _in_process(self, kind: str, stdin: bytes) -> Plugin | None:
        if not self.built_in(kind):
            return None
        plugin = self._plugins[kind]
        return None if plugin.not_built_in(stdin) else plugin

    def _problem(self, kind: str, stdin: bytes, path: tuple[str, ...], cni_version: str) -> str | None:
        if self._allowed and kind not in self._allowed:
            return f"plugin {kind} is not one of those that the operator allows: {', '.join(sorted(self._allowed))}"
        plugin = self._in_process(kind, stdin)
        if plugin is not None:
            supported = plugin.supported
        else:
            try:
                where = self._executables.find(kind, path)
            except PluginNotFound as exc:
                lacks = self._plugins[kind].not_built_in(stdin) if self.built_in(kind) else None
                return f"{lacks} is not built into {kind}, and {exc}" if lacks else str(exc)
            except CniError as exc:
                return str(exc)
            try:
                supported = self._executable_versions(kind, where, path).supported
            except CniError as exc:
                return f"plugin {kind} does not answer VERSION: {exc}"
        if cni_version in supported:
            return None
        return f'plugin {kind} does not support config version "{cni_version}"'

    def _executable_versions(self, kind: str, where: str, path: tuple[str, ...]) -> VersionInfo:
        try:
            info = Path(where).stat()
        except OSError:
            return self._executables.versions(kind, path)
        key = (where, info.st_ino, info.st_mtime_ns)
        with self._asking:
            known = self._versions.get(key)
        if known is None:
            known = self._executables.versions(kind, path)
            with self._asking:
                self._versions[key] = known
        return known


class _Sparing:
    """host-local without DEL."""

    def __init__(self, plugin: HostLocal) -> None:
        self._plugin = plugin
        self.supported = plugin.supported
        self.verbs: Mapping[Command, Verb] = {**plugin.verbs, Command.DEL: _nothing}

    def not_built_in(self, stdin: bytes) -> str | None:
        return self._plugin.not_built_in(stdin)


def _nothing(_: Invocation) -> Result | None:
    return None


def _calls(network: NetworkConfigList, plugin: PluginConfig) -> tuple[tuple[str, bytes], ...]:
    """Which types a plugin of the list brings into play, with what each reads on stdin."""
    stdin = config.request(network, plugin)
    ipam = plugin.conf.get("ipam")
    kind = ipam.get("type") if isinstance(ipam, dict) else None
    delegated = ((kind, stdin),) if isinstance(kind, str) and kind else ()
    return ((plugin.type, stdin), *delegated)
