"""One plugin call, or a chain of them, against a kernel that is a value."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.fakes.kernel import FakeKernel
from vmplumbd.cni.error import PluginNotFound
from vmplumbd.cni.invoke import Command, Invocation
from vmplumbd.cni.version import VersionInfo
from vmplumbd.plugins.builtin import BuiltinInvoker

NETNS = "/run/netns/vm"
VM = "vm"
IF_NAME = "eth0"


class NoExecutables:
    """An Invoker that finds nothing."""

    def invoke(self, invocation: Invocation) -> bytes:
        raise self._missing(invocation.plugin)

    def find(self, plugin: str, path: tuple[str, ...]) -> str:  # noqa: ARG002  the Protocol's
        raise self._missing(plugin)

    def versions(self, plugin: str, path: tuple[str, ...]) -> VersionInfo:  # noqa: ARG002  as above
        raise self._missing(plugin)

    def _missing(self, plugin: str) -> PluginNotFound:
        return PluginNotFound(f'failed to find plugin "{plugin}" in path []', plugin=plugin)


class Executables(NoExecutables):
    """An Invoker whose plugins are a table: type to versions; calls are written down."""

    def __init__(
        self, supported: Mapping[str, Sequence[str]], replies: Mapping[str, bytes] | None = None
    ) -> None:
        self._supported = supported
        self._replies = replies or {}
        self.calls: list[tuple[str, Command]] = []

    def invoke(self, invocation: Invocation) -> bytes:
        if invocation.plugin not in self._supported:
            raise self._missing(invocation.plugin)
        self.calls.append((invocation.plugin, invocation.command))
        return self._replies.get(invocation.plugin, b"")

    def find(self, plugin: str, path: tuple[str, ...]) -> str:  # noqa: ARG002  the Protocol's
        if plugin not in self._supported:
            raise self._missing(plugin)
        return f"/nowhere/{plugin}"

    def versions(self, plugin: str, path: tuple[str, ...]) -> VersionInfo:  # noqa: ARG002  as above
        return VersionInfo(cni_version="1.1.0", supported=tuple(self._supported[plugin]))


class Bench:
    """A kernel with one namespace, the built-in plugins over it, and a directory for reservations."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.kernel = FakeKernel()
        self.kernel.create_netns(NETNS)
        self.invoker = BuiltinInvoker(self.kernel, NoExecutables())

    def ipam(self, *subnets: str, routes: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
        """A host-local section with a range set each."""
        return {
            "type": "host-local",
            "ranges": [[{"subnet": subnet}] for subnet in subnets],
            "dataDir": str(self.directory),
            "routes": list(routes),
        }

    def call(
        self,
        command: Command,
        conf: Mapping[str, Any],
        *,
        prev: Mapping[str, Any] | None = None,
        netns: str = NETNS,
        args: str = "",
        vm: str = VM,
        cni_version: str = "1.1.0",
    ) -> dict[str, Any]:
        """Make one call; the result, {} if there is none."""
        printed = self.invoker.invoke(
            self.invocation(command, conf, prev=prev, netns=netns, args=args, vm=vm, cni_version=cni_version)
        )
        result: dict[str, Any] = json.loads(printed) if printed else {}
        return result

    def invocation(
        self,
        command: Command,
        conf: Mapping[str, Any],
        *,
        prev: Mapping[str, Any] | None = None,
        netns: str = NETNS,
        args: str = "",
        vm: str = VM,
        cni_version: str = "1.1.0",
    ) -> Invocation:
        """What `call` hands over."""
        body = {"cniVersion": cni_version, "name": "net", **conf}
        if prev is not None:
            body["prevResult"] = prev
        return Invocation(
            command=command,
            plugin=conf["type"],
            stdin=json.dumps(body).encode(),
            container_id=vm,
            netns=netns,
            if_name=IF_NAME,
            args=args,
            path=("/opt/cni/bin",),
        )

    def reserved(self) -> set[str]:
        """Addresses that are reserved."""
        names = {path.name for path in self.directory.glob("net/*")}
        return {name for name in names if name != "lock" and not name.startswith("last_reserved_ip.")}
