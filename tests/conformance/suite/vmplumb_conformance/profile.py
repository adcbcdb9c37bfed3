"""What a run knows of the servers besides their address: each thing lets more checks run.

A profile is a TOML file:

    [server.main]              # required: the server under test
    address = "unix:/run/vmplumb/vmplumbd.sock"      # or "host:port" with ca, certificate, key
    [server.tight]             # room for 2 networks, 1 operation that waits and 1 watch; no optional capability
    [server.spare]             # may be stopped, restarted and broken by [act]
    [server.stranger]          # as main, with another identity, which is no administrator's
    [server.anonymous]         # as main, with no identity at all
    [server.reader]            # as main, with an identity that may read and not set up
    [server.capped]            # as main, with an identity whose limit is one network

    [networks]                 # names of CNI networks, see NEEDS below
    plain = "..."
    [script]                   # the scripted plugin and the directory it reads, shared with the runner
    network = "..."
    directory = "..."
    [paths]
    forbidden = "/somewhere"   # absolute, on none of the operator's lists
    link = "/run/netns/link"   # below an allowed directory, a link to a forbidden one
    not_a_netns = "/run/..."   # allowed, exists and is no namespace
    no_parent = "/run/..."     # allowed, and a namespace cannot be made there
    [act]                      # commands that act on the spare server, run to their end
    restart = "systemctl restart vmplumbd"
    [kernel]
    shared = true              # the runner is root in the server's own namespaces
"""

from __future__ import annotations

import asyncio
import copy
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vmplumb_conformance.wire import Server, Tls

NEEDS: Mapping[str, str] = {
    "server.tight": "a server with room for 2 networks, 1 operation that waits, 1 watch and no optional capability",
    "server.spare": "a server that may be stopped and broken",
    "server.stranger": "the same server as main, for another caller",
    "server.anonymous": "the same server as main, for a caller without an identity",
    "server.reader": "the same server as main, for a caller that may not set up",
    "server.capped": "the same server as main, for a caller whose limit is one network",
    "networks.plain": "a CNI network on which set-ups succeed",
    "networks.full": "a CNI network with no address left",
    "networks.tapless": "a CNI network that gives no tap device",
    "networks.lacking": "a CNI network whose plugin is not installed",
    "networks.outdated": "a CNI network whose plugin does not support its cniVersion",
    "networks.unchecked": "a CNI network with disableCheck",
    "networks.owned": "a CNI network of cniVersion 1.1.0 that the operator marks as owned, with the scripted plugin",
    "networks.crowded": "a CNI network that has reached a limit of the host's kernel",
    "script": "a CNI network that ends with the scripted plugin, and its directory",
    "paths.forbidden": "a path on none of the operator's lists",
    "paths.link": "a link below an allowed directory that leads to a forbidden one",
    "paths.not_a_netns": "a path that exists and is no namespace",
    "paths.no_parent": "a path at which no namespace can be made",
    "act.restart": "a command that ends the spare server and starts it again with the same journal",
    "act.drain": "a command that begins to drain the spare server, which then waits for what runs",
    "act.break_journal": "a command after which the spare server cannot write its journal",
    "act.mend_journal": "a command that mends that",
    "act.break_kernel": "a command after which the spare server's kernel refuses requests",
    "act.mend_kernel": "a command that mends that",
    "act.break_self": "a command after which the spare server has a fault of its own at each call",
    "act.mend_self": "a command that mends that",
    "act.crash": "a command that kills the spare server without a word and starts it again",
    "act.remove_conf": "a command that takes the scripted network's configuration away from the spare server",
    "act.restore_conf": "a command that puts it back",
    "kernel": "being root in the server's own namespaces",
}
"""Everything a check may need beyond the address of the server."""

GROUPS = ("address", "network", "script", "limits", "identity", "faults", "restart", "root")
"""The profiles, from what an address alone allows to what needs the host's kernel."""


def group(needs: frozenset[str]) -> str:
    """The profile a check belongs to, by what it needs."""
    if "kernel" in needs:
        return "root"
    if any(one.startswith(("act.break", "act.mend")) for one in needs):
        return "faults"
    if any(one.startswith("act.") for one in needs):
        return "restart"
    if needs & {"server.stranger", "server.anonymous", "server.reader", "server.capped"}:
        return "identity"
    if "server.tight" in needs:
        return "limits"
    if "script" in needs or "networks.owned" in needs:
        return "script"
    return "network" if needs else "address"


class BadProfile(Exception):
    """The profile cannot be used; the message says where and why."""


@dataclass(slots=True, kw_only=True)
class Stage:
    """The servers under test, and what is known of their surroundings."""

    servers: Mapping[str, Server]
    networks: Mapping[str, str] = field(default_factory=dict)
    script_network: str = ""
    script_directory: Path | None = None
    paths: Mapping[str, str] = field(default_factory=dict)
    acts: Mapping[str, str] = field(default_factory=dict)
    kernel: bool = False

    def lacks(self, need: str) -> bool:
        """Whether the stage has no such thing."""
        kind, _, name = need.partition(".")
        match kind:
            case "server":
                return name not in self.servers
            case "networks":
                return name not in self.networks
            case "script":
                return not self.script_network or self.script_directory is None
            case "paths":
                return name not in self.paths
            case "act":
                return name not in self.acts
            case _:
                return not self.kernel

    def seen_with(self, needs: frozenset[str]) -> Stage:
        """The stage with nothing but what is needed: what a check does not ask for it does not find."""
        seen = copy.copy(self)
        seen.servers = {
            name: one for name, one in self.servers.items() if name == "main" or f"server.{name}" in needs
        }
        seen.networks = {name: one for name, one in self.networks.items() if f"networks.{name}" in needs}
        seen.paths = {name: one for name, one in self.paths.items() if f"paths.{name}" in needs}
        seen.acts = {name: one for name, one in self.acts.items() if f"act.{name}" in needs}
        if "script" not in needs:
            seen.script_network, seen.script_directory = "", None
        return seen

    async def act(self, name: str) -> None:
        """Run a command to its end. Raises OSError with its output if it fails."""
        process = await asyncio.create_subprocess_shell(
            self.acts[name], stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        said, _ = await process.communicate()
        if process.returncode:
            raise OSError(
                f"{self.acts[name]}: exit status {process.returncode}: {said.decode(errors='replace')}"
            )

    async def close(self) -> None:
        """Hang up everywhere."""
        for server in self.servers.values():
            await server.close()


def load(path: Path) -> Stage:
    """Read a profile. Raises BadProfile."""
    try:
        tree = tomllib.loads(path.read_text())
    except (OSError, tomllib.TOMLDecodeError) as exc:
        raise BadProfile(f"{path}: {exc}") from exc
    try:
        return of(tree)
    except BadProfile as exc:
        raise BadProfile(f"{path}: {exc}") from None


def of(tree: Mapping[str, Any]) -> Stage:
    """A profile from its values. Raises BadProfile: what is misspelt must not silently skip checks."""
    tables = {key: tree.get(key, {}) for key in ("server", "networks", "script", "paths", "act", "kernel")}
    unknown = [key for key in tree if key not in tables]
    for kind in ("networks", "paths", "act"):
        unknown += [f"{kind}.{name}" for name in tables[kind] if f"{kind}.{name}" not in NEEDS]
    unknown += [
        f"server.{name}" for name in tables["server"] if name != "main" and f"server.{name}" not in NEEDS
    ]
    unknown += [f"script.{name}" for name in tables["script"] if name not in {"network", "directory"}]
    unknown += [f"kernel.{name}" for name in tables["kernel"] if name != "shared"]
    if unknown:
        raise BadProfile(f"no such setting: {', '.join(sorted(unknown))}")
    if "main" not in tables["server"]:
        raise BadProfile("[server.main] with an address is required")
    directory = tables["script"].get("directory")
    return Stage(
        servers={name: _server(name, given) for name, given in tables["server"].items()},
        networks=tables["networks"],
        script_network=tables["script"].get("network", ""),
        script_directory=None if directory is None else Path(directory),
        paths=tables["paths"],
        acts=tables["act"],
        kernel=bool(tables["kernel"].get("shared", False)),
    )


def _server(name: str, given: Mapping[str, Any]) -> Server:
    unknown = given.keys() - {"address", "ca", "certificate", "key"}
    if unknown or "address" not in given:
        raise BadProfile(
            f"[server.{name}] has address, and ca, certificate and key for TLS; no {sorted(unknown)}"
        )
    files = {key: Path(given[key]) for key in ("ca", "certificate", "key") if key in given}
    if ("certificate" in files) != ("key" in files) or (files and "ca" not in files):
        raise BadProfile(f"[server.{name}]: certificate goes with key, and both with ca")
    tls = Tls(ca=files["ca"], certificate=files.get("certificate"), key=files.get("key")) if files else None
    return Server(address=given["address"], tls=tls)
