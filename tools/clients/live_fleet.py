"""A fleet for the tests of a client: an etcd and two agents over TLS, in the host of the live agent, once asked for.

The agents `a` and `b` have a network `fleet`, each with a range of its own, room for two networks each, and the
label `zone` with their own name. Their certificates are in those names alone, not in their addresses'.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import threading
from contextlib import ExitStack
from pathlib import Path

from tests import host as hosts
from tests.security.authority import Authority
from tests.system.daemon import REDIRECT, Daemon, eventually
from tools.fleet import rig
from vmplumb import Client, Tls
from vmplumb.fleet import EtcdError, Fleet
from vmplumb.v1.vm_network_pb2 import NetworkSpec

PREFIX = "/clients"
NETWORK = "fleet"
# Longer than a busy machine keeps an agent from telling of itself, and no shorter than a killed one is waited for.
TTL_SECONDS = 10
ETCD = "etcd"
PORTS = {"a": 17444, "b": 17445}


def missing() -> str | None:
    """Why there can be no fleet here, or None."""
    return rig.missing()


class LiveFleet:
    """Nothing runs before `begin`. For several threads."""

    def __init__(self, host: hosts.Host, directory: Path, authority: Authority, policy: Path) -> None:
        self._host, self._directory, self._authority, self._policy = host, directory, authority, policy
        self._agents: dict[str, Daemon] = {}
        self._cluster: rig.Cluster | None = None
        self._ended = ExitStack()
        self._lock = threading.Lock()

    def begin(self) -> str:
        """Start it, if it does not run; answers the endpoint of etcd once both agents have told of themselves."""
        with self._lock:
            if self._cluster is None:
                self._directory.mkdir()
                self._authority.leaf("etcd", "IP:127.0.0.1")
                folder = self._authority.folder
                self._cluster = self._ended.enter_context(
                    rig.cluster(
                        self._directory,
                        certificate=folder / "etcd.pem",
                        key=folder / "etcd.key",
                        ca=self._authority.bundle,
                    )
                )
                for number, name in enumerate(PORTS):
                    self._agents[name] = self._agent(name, f"10.21{number}.0.0/24")
                for agent in self._agents.values():
                    agent.wait_for("fleet.told")
            return self._member.client

    def kill(self, name: str) -> None:
        """SIGKILL for an agent, whose lease ends by itself, or for "etcd"."""
        if name == ETCD:
            self._member.kill()
        else:
            self._agents[name].kill()

    def start(self, name: str) -> None:
        """Start again what was killed. An agent has told of itself when this returns; etcd answers."""
        if name == ETCD:
            self._member.start()
            with self._fleet() as fleet:
                eventually(lambda: _answers(fleet), "etcd is back")
        else:
            self._agents[name].start()
            self._agents[name].wait_for("fleet.told")

    def pause(self, name: str) -> None:
        """SIGSTOP for an agent: its connections stay open and nothing comes through them."""
        self._process(name).send_signal(signal.SIGSTOP)

    def resume(self, name: str) -> None:
        """Let it go on. It is in the fleet when this returns."""
        self._process(name).send_signal(signal.SIGCONT)
        with self._fleet() as fleet:
            eventually(lambda: name in {one.id for one in fleet.agents()}, "it is in the fleet")

    def cordon(self, name: str, on: str) -> None:
        """Let an agent take no new networks, or again; all know when this returns."""
        draining = on == "on"
        with Client(f"unix:{self._agents[name].socket}") as client, self._fleet() as fleet:
            client.cordon(cordoned=draining, reason="a test" if draining else "")
            eventually(
                lambda: [one.draining for one in fleet.agents() if one.id == name] == [draining], "it is told"
            )

    def place(self, vm_id: str) -> str:
        """Set up by the fleet in Python; answers the agent's id."""
        spec = NetworkSpec()
        spec.network_interfaces.interfaces.add(cni_configuration={"network_name": NETWORK})
        with self._fleet() as fleet:
            return str(fleet.set_up(vm_id, spec).agent.id)

    def left(self) -> list[str]:
        """What the agents and etcd still have, once nothing is due any more."""
        if self._cluster is None:
            return []
        found = []
        for name, agent in self._agents.items():
            found += [f"{one.vm_id} at {name}" for one in agent.networks()]
            agent.quiet()
        with self._fleet() as fleet:
            found += [f"place of {one}" for one in fleet.placements()]
        return found

    def close(self) -> None:
        """End all of it."""
        for agent in self._agents.values():
            if agent.process is not None and agent.process.poll() is None:
                agent.terminate()
        self._ended.close()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _process(self, name: str) -> subprocess.Popen[str]:
        process = self._agents[name].process
        assert process is not None
        return process

    @property
    def _member(self) -> rig.Member:
        assert self._cluster is not None
        (member,) = self._cluster.members
        return member

    def _fleet(self) -> Fleet:
        assert self._cluster is not None
        folder = self._authority.folder
        tls = Tls.from_files(ca=self._authority.bundle, cert=folder / "client.pem", key=folder / "client.key")
        return Fleet(self._cluster.endpoints, tls=tls, agent_tls=tls, prefix=PREFIX)

    def _agent(self, name: str, subnet: str) -> Daemon:
        assert self._cluster is not None
        folder = self._authority.folder
        self._authority.leaf(name, f"DNS:{name}")
        directory = self._directory / name
        directory.mkdir()
        agent = Daemon(
            self._host,
            directory,
            {
                "limits.max_networks": "2",
                "listen.tcp": f"127.0.0.1:{PORTS[name]}",
                "listen.tls_certificate": str(folder / f"{name}.pem"),
                "listen.tls_key": str(folder / f"{name}.key"),
                "listen.tls_client_ca": str(folder / "ca.pem"),
                "policy.file": str(self._policy),
                "paths.cache_root": f"{directory}/cache",
                **rig.agent_settings(name, self._cluster.endpoints, folder, ttl=TTL_SECONDS, interval=0.1),
                "fleet.prefix": PREFIX,
                "fleet.server_name": name,
                "fleet.labels": json.dumps([f"zone={name}"]),
            },
        )
        ipam = {"type": "host-local", "subnet": subnet, "dataDir": f"{directory}/ipam"}
        agent.network(NETWORK, {"type": "ptp", "ipam": ipam}, REDIRECT)
        return agent.start()


def _answers(fleet: Fleet) -> bool:
    try:
        fleet.placements()
    except EtcdError:
        return False
    return True
