"""An etcd with TLS for a whole module, inside the module's host."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import host as hosts
from tests.security.authority import Authority
from tools.fleet import rig
from vmplumb import Tls

SHORT = {"fleet__ttl": "3"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Secured:
    """A cluster, the authority of all certificates, and how this test speaks to etcd and to agents."""

    cluster: rig.Cluster
    authority: Authority
    tls: Tls

    def settings(self, name: str) -> dict[str, str]:
        """An agent's settings in this fleet, its own certificate among them."""
        folder = self.authority.folder
        if not (folder / f"{name}.pem").exists():
            self.authority.leaf(name, "IP:127.0.0.1", f"DNS:{name}")
        # A busy machine may hold an agent up; where a test waits for the end of a lease it is SHORT.
        return rig.agent_settings(name, self.cluster.endpoints, folder, ttl=60, interval=0.1)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Who signs everything."""
    made = Authority(tmp_path_factory.mktemp("fleet-ca"))
    made.leaf("etcd", "IP:127.0.0.1", "DNS:localhost")
    made.leaf("orchestrator", "URI:spiffe://fleet.example/orchestrator")
    return made


@pytest.fixture(scope="module")
def etcd(module_host: hosts.Host, authority: Authority) -> Iterator[Secured]:
    """A cluster of three, in the host's memory: a leader that waits a second for its disk is one no more."""
    folder = authority.folder
    place = Path("/run/etcd")
    place.mkdir()
    with rig.cluster(
        place,
        size=3,
        certificate=folder / "etcd.pem",
        key=folder / "etcd.key",
        ca=authority.bundle,
    ) as made:
        tls = Tls.from_files(
            ca=authority.bundle, cert=folder / "orchestrator.pem", key=folder / "orchestrator.key"
        )
        yield Secured(cluster=made, authority=authority, tls=tls)
