"""A stage of reference servers, all in this process: main, tight and spare, with doors for other callers."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc

from tests.conformance.reference import NETNS_DIR, Caller, Door, Network, Options, Reference, World
from vmplumb.v1 import network_agent_service_pb2_grpc as pb_grpc
from vmplumb_conformance.profile import Stage
from vmplumb_conformance.wire import Server

NETWORKS = {
    "plain": Network(),
    "full": Network(refusal="ADDRESSES_EXHAUSTED"),
    "tapless": Network(tapless=True),
    "lacking": Network(refusal="CNI_PLUGIN_UNAVAILABLE"),
    "outdated": Network(refusal="CNI_PLUGIN_UNAVAILABLE"),
    "unchecked": Network(disable_check=True),
    "owned": Network(scripted=True, owned=True),
    "crowded": Network(refusal="HOST_LIMIT_REACHED"),
}
SCRIPTED = "scripted"
TIGHT = Options(max_networks=2, max_running=1, max_queued=1, max_watches=1, capabilities=())
MAIN = Caller(name="main")
DOORS = {
    "stranger": Caller(name="stranger"),
    "anonymous": Caller(name=""),
    "reader": Caller(name="reader", may_set_up=False),
    "capped": Caller(name="capped", max_networks=1),
}
DOOR: Any = Door  # its methods are set one by one, which no type sees
ACTS = (
    "restart", "crash", "drain", "break_journal", "mend_journal", "break_kernel", "mend_kernel", "break_self",
    "mend_self", "remove_conf", "restore_conf",
)  # fmt: skip


@dataclass(slots=True)
class House:
    """One reference and its sockets; it can be ended and begun again with its journal."""

    kind: type[Reference]
    world: World
    options: Options
    doors: dict[Path, Caller]
    current: Reference = field(init=False)
    _servers: list[grpc.aio.Server] = field(default_factory=list)

    async def open(self) -> None:
        """Begin, and listen."""
        self.current = self.kind(self.world, self.options)
        await self._listen()

    async def _listen(self) -> None:
        for path, caller in self.doors.items():
            server = grpc.aio.server()
            door: Any = DOOR(lambda: self.current, caller)
            pb_grpc.add_NetworkAgentServiceServicer_to_server(door, server)
            server.add_insecure_port(f"unix:{path}")
            await server.start()
            self._servers.append(server)

    async def again(self, *, crash: bool) -> None:
        """End, at once or after what runs, and begin again with the same journal."""
        if not crash:
            self.current.drain()
            await self.current.idle()
        journal = self.current.die()
        await self.close()
        self.current = self.kind(self.world, self.options, journal)
        await self._listen()

    async def close(self) -> None:
        """Hang up."""
        self.current.die()
        for server in self._servers:
            await server.stop(None)
        self._servers.clear()


@dataclass(slots=True, kw_only=True)
class Houses(Stage):
    """The stage whose acts are done in this process."""

    spare: House

    async def act(self, name: str) -> None:
        """Do it."""
        verb, _, what = name.partition("_")
        match verb:
            case "restart":
                await self.spare.again(crash=False)
            case "crash":
                await self.spare.again(crash=True)
            case "drain":
                self.spare.current.drain()
            case "break":
                self.spare.world.broken.add(what)
            case "mend":
                self.spare.world.broken.discard(what)
            case "remove":
                self.spare.world.hidden.add(SCRIPTED)
            case "restore":
                self.spare.world.hidden.discard(SCRIPTED)


@contextlib.asynccontextmanager
async def houses(
    kind: type[Reference] = Reference, *, options: Options | None = None
) -> AsyncIterator[Stage]:
    """A stage of servers of a kind, closed with the block. `options` are the main one's."""
    with tempfile.TemporaryDirectory(prefix="vmplumb-conf-") as name:
        place = Path(name)
        scripts = place / "scripts"
        scripts.mkdir()

        def world() -> World:
            return World(
                networks={**NETWORKS, SCRIPTED: Network(scripted=True)},
                scripts=scripts,
                links={f"{NETNS_DIR}/link": "/forbidden"},
                not_a_netns=f"{NETNS_DIR}/plain-file",
                no_parent=f"{NETNS_DIR}/no-parent",
            )

        def sock(role: str) -> Path:
            return place / f"{role}.sock"

        doors = {sock("main"): MAIN, **{sock(one): caller for one, caller in DOORS.items()}}
        main = House(kind, world(), options or Options(), doors)
        tight = House(kind, world(), TIGHT, {sock("tight"): MAIN})
        spare = House(kind, world(), Options(), {sock("spare"): MAIN})
        stage = Houses(
            servers={one: Server(address=f"unix:{sock(one)}") for one in ("main", "tight", "spare", *DOORS)},
            networks={name: name for name in NETWORKS},
            script_network=SCRIPTED,
            script_directory=scripts,
            paths={
                "forbidden": "/forbidden",
                "link": f"{NETNS_DIR}/link",
                "not_a_netns": f"{NETNS_DIR}/plain-file",
                "no_parent": f"{NETNS_DIR}/no-parent",
            },
            acts=dict.fromkeys(ACTS, ""),
            spare=spare,
        )
        everything = (main, tight, spare)
        for one in everything:
            await one.open()
        try:
            yield stage
        finally:
            await stage.close()
            for one in everything:
                await one.close()
