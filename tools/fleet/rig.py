"""A real etcd for tests and demos: one member or three, on loopback, with TLS where certificates are given."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

_START_SECONDS = 60.0


@dataclass(slots=True, kw_only=True)
class Member:
    """One process of etcd."""

    name: str
    client: str
    command: Sequence[str]
    log: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, or start it again with the data it had."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log)

    def kill(self) -> None:
        """SIGKILL."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """SIGTERM, and SIGKILL if that is not enough."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()


@dataclass(slots=True, kw_only=True)
class Cluster:
    """Members of one etcd."""

    members: list[Member] = field(default_factory=list)

    @property
    def endpoints(self) -> list[str]:
        """Where they answer, HOST:PORT."""
        return [one.client for one in self.members]


def missing() -> str | None:
    """Why no etcd can be started here, or None."""
    return None if shutil.which("etcd") else "etcd is not installed (tools/system_packages.sh etcd)"


def agent_settings(
    agent_id: str, endpoints: Sequence[str], certificates: Path, *, ttl: int, interval: float
) -> dict[str, str]:
    """What an agent is told of its fleet, as `section.key`. `certificates` has ca.pem, and its own by its id."""
    return {
        "fleet.id": agent_id,
        "fleet.endpoints": json.dumps(list(endpoints)),
        "fleet.tls_ca": str(certificates / "ca.pem"),
        "fleet.tls_certificate": str(certificates / f"{agent_id}.pem"),
        "fleet.tls_key": str(certificates / f"{agent_id}.key"),
        "fleet.ttl": str(ttl),
        "fleet.interval": str(interval),
    }


@contextmanager
def cluster(
    directory: Path,
    *,
    size: int = 1,
    host: str = "127.0.0.1",
    port: int = 23790,
    certificate: Path | None = None,
    key: Path | None = None,
    ca: Path | None = None,
) -> Iterator[Cluster]:
    """Members on ports from `port` on, two each; they answer when the block begins, and are gone after it."""
    tls = certificate is not None
    scheme = "https" if tls else "http"
    peers = ",".join(f"m{number}={scheme}://{host}:{port + 2 * number + 1}" for number in range(size))
    made = Cluster()
    for number in range(size):
        client, peer = f"{host}:{port + 2 * number}", f"{host}:{port + 2 * number + 1}"
        flags = [
            *("--name", f"m{number}", "--data-dir", str(directory / f"m{number}")),
            *(
                "--listen-client-urls",
                f"{scheme}://{client}",
                "--advertise-client-urls",
                f"{scheme}://{client}",
            ),
            *(
                "--listen-peer-urls",
                f"{scheme}://{peer}",
                "--initial-advertise-peer-urls",
                f"{scheme}://{peer}",
            ),
            *("--initial-cluster", peers, "--initial-cluster-token", "vmplumb", "--logger", "zap"),
            *("--heartbeat-interval", "100", "--election-timeout", "1000", "--log-outputs", "stderr"),
        ]
        if tls:
            for prefix in ("", "peer-"):
                flags += [f"--{prefix}cert-file", str(certificate), f"--{prefix}key-file", str(key)]
                flags += [f"--{prefix}trusted-ca-file", str(ca), f"--{prefix}client-cert-auth"]
        log = directory / f"m{number}.log"
        made.members.append(Member(name=f"m{number}", client=client, command=["etcd", *flags], log=log))
    try:
        for one in made.members:
            one.start()
        _wait_until_they_serve(made)
        yield made
    finally:
        for one in made.members:
            one.stop()


def _wait_until_they_serve(made: Cluster) -> None:
    until = time.monotonic() + _START_SECONDS
    pause = threading.Event()
    for one in made.members:
        while b"ready to serve client requests" not in one.log.read_bytes() and b"serving client" not in (
            one.log.read_bytes()
        ):
            if one.process is not None and one.process.poll() is not None:
                raise RuntimeError(f"etcd ended: {one.log.read_text()[-2000:]}")
            if time.monotonic() > until:
                raise RuntimeError(f"etcd does not serve: {one.log.read_text()[-2000:]}")
            pause.wait(0.05)
