"""What a check is given: the servers, fresh vm_ids that are cleaned up after it, scripts for the plugin."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import grpc

from vmplumb.v1 import network_agent_service_pb2 as pb
from vmplumb_conformance.profile import Stage
from vmplumb_conformance.wire import Broken, Server

PREFIX = "conf-"
# How long a check waits for what must happen.
PATIENCE = 30.0
# How long it watches for what must not happen.
QUIET = 0.15

Step = Mapping[str, Any]
T = TypeVar("T")


def begin(work: Awaitable[T]) -> asyncio.Future[T]:
    """Let something run beside the check. Its end need not be looked at."""
    begun = asyncio.ensure_future(work)
    begun.add_done_callback(lambda one: one.cancelled() or one.exception())
    return begun


@dataclass(slots=True)
class Context:
    """One check's view of the stage."""

    stage: Stage
    _made: list[tuple[Server, str]] = field(default_factory=list)
    _gates: list[Path] = field(default_factory=list)

    @property
    def main(self) -> Server:
        """The server under test."""
        return self.stage.servers["main"]

    def server(self, name: str) -> Server:
        """Another server of the stage; the check must need it."""
        return self.stage.servers[name]

    def vm(self, server: Server | None = None, *, like: str = "", ending: str = "") -> str:
        """A new vm_id, or another one with an ending; what is set up under it is torn down after the check."""
        made = f"{like or PREFIX + uuid.uuid4().hex[:16]}{ending}"
        self._made.append((server or self.main, made))
        return made

    # Requests.

    def static(self, vm_id: str, *taps: str, address: bool = False, **outer: Any) -> pb.SetupNetworkRequest:
        """A set-up of static interfaces (tap0 if none are named), which any server can do."""
        asked = pb.SetupNetworkRequest(vm_id=vm_id, **outer)
        asked.spec.network_interfaces.SetInParent()
        for name in taps or ("tap0",):
            one = asked.spec.network_interfaces.interfaces.add().static_configuration
            one.host_dev_name = name
            if address:
                one.mac_address = "02:00:00:00:00:01"
                one.ip_configuration.ip_addr = "198.51.100.2/24"
                one.ip_configuration.gateway = "198.51.100.1"
        return asked

    def cni(
        self,
        vm_id: str,
        network: str | None = None,
        *,
        seconds: float | None = None,
        netns_path: str = "",
        outer: Mapping[str, Any] | None = None,
        **fields: Any,
    ) -> pb.SetupNetworkRequest:
        """A set-up on a CNI network, the plain one if none is named. `fields` are CNIConfiguration's."""
        asked = pb.SetupNetworkRequest(vm_id=vm_id, **(outer or {}))
        asked.spec.netns_path = netns_path
        if network is None:
            network = "" if "network_config" in fields else self.stage.networks["plain"]
        asked.spec.network_interfaces.interfaces.add(cni_configuration={"network_name": network, **fields})
        if seconds is not None:
            asked.operation_timeout.FromNanoseconds(int(seconds * 1e9))
        return asked

    def scripted(self, vm_id: str, **fields: Any) -> pb.SetupNetworkRequest:
        """A set-up on the network with the scripted plugin."""
        return self.cni(vm_id, self.stage.script_network, **fields)

    # The scripted plugin.

    @property
    def scripts(self) -> Path:
        """The plugin's directory; the check must need `script`."""
        if self.stage.script_directory is None:
            raise ValueError("the check does not say that it needs the scripted plugin")
        return self.stage.script_directory

    def script(
        self, vm_id: str, *, otherwise: Mapping[str, Step] | None = None, **commands: Sequence[Step]
    ) -> None:
        """Say what the plugin does at each call for a VM; calls before count."""
        path = self.scripts / f"{vm_id}.json"
        aside = path.with_suffix(".new")
        aside.write_text(json.dumps({**commands, "otherwise": otherwise or {}}))
        aside.rename(path)
        for step in (*(one for steps in commands.values() for one in steps), *(otherwise or {}).values()):
            if "wait" in step:
                self._gates.append(self.scripts / f"{vm_id}.{step['wait']}")

    def open(self, vm_id: str, gate: str) -> None:
        """Let the plugin go on."""
        (self.scripts / f"{vm_id}.{gate}").touch()

    def calls(self, vm_id: str) -> list[str]:
        """The plugin's calls for a VM: "ADD begin", "ADD end", ..."""
        with contextlib.suppress(FileNotFoundError):
            return (self.scripts / f"{vm_id}.log").read_text().splitlines()
        return []

    def count(self, vm_id: str, command: str) -> int:
        """How many calls of a command began."""
        return self.calls(vm_id).count(f"{command} begin")

    async def called(self, vm_id: str, command: str, times: int = 1) -> None:
        """Wait until the plugin has been called so often."""
        await self.until(
            lambda: self.count(vm_id, command) >= times, f"call {times} of {command} for {vm_id}"
        )

    # Waiting.

    async def until(self, holds: Callable[[], Any], what: str, *, seconds: float = PATIENCE) -> Any:
        """The first true value of `holds`, which may be a coroutine function. Raises Broken if none comes."""
        end = time.monotonic() + seconds
        while True:
            found = holds()
            if isinstance(found, Awaitable):
                found = await found
            if found:
                return found
            if time.monotonic() > end:
                raise Broken(f"did not happen in {seconds:.0f} s: {what}")
            await asyncio.sleep(0.01)

    async def arrived(self, server: Server | None = None) -> None:
        """Wait until the server has begun with the calls that were made before this one.

        They share its connection, on which a call made later arrives later.
        """
        for _ in range(3):
            await (server or self.main).status()
        await asyncio.sleep(QUIET)

    async def serves(self, server: Server) -> None:
        """Wait until a server that was stopped or broken takes set-ups again."""

        async def ready() -> bool:
            try:
                return (await server.status()).ready
            except grpc.RpcError:
                return False

        await self.until(ready, "the server is ready again")

    async def answers(self, server: Server) -> None:
        """Wait until a server that was stopped is there again, ready or not."""

        async def there() -> bool:
            try:
                return bool((await server.status()).agent_name)
            except grpc.RpcError:
                return False

        await self.until(there, "the server is there again")

    # After the check.

    async def clean_up(self) -> list[str]:
        """Let every plugin go on and tear down what the check made; what that failed on, for people."""
        for gate in self._gates:
            gate.touch()
        for _, vm_id in self._made:
            if self.stage.script_directory is not None:
                (self.stage.script_directory / f"{vm_id}.json").unlink(missing_ok=True)
        faults = []
        for server, vm_id in self._made:
            try:
                asked = pb.TeardownNetworkRequest(vm_id=vm_id, force=True)
                async for _ in server.stub.TeardownNetwork(asked, timeout=PATIENCE):
                    pass
            except grpc.RpcError as exc:
                faults.append(f"{vm_id}: {exc.code().name}: {exc.details()}")
        for _, vm_id in self._made:
            if self.stage.script_directory is not None:
                for path in self.stage.script_directory.glob(f"{vm_id}.*"):
                    path.unlink(missing_ok=True)
        self._made.clear()
        return faults
