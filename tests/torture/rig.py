"""What torture, fault and soak runs share: an installed agent, its files, and what must be gone at the end."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

import grpc

from tests.faults.bench import Pool
from tests.host import Host
from tests.system.daemon import REDIRECT, conflist, ptp
from tests.torture.forge import Forge, Hook
from vmplumb.v1 import network_agent_service_pb2 as pb
from vmplumb.v1 import network_agent_service_pb2_grpc as pb_grpc
from vmplumbd.model.record import Member

PATIENCE = 30.0

# A chained plugin that is executed: it passes its prevResult on, as the meta plugins do.
PASS_ON = """#!/bin/sh
case "$CNI_COMMAND" in
VERSION) echo '{"cniVersion":"1.0.0","supportedVersions":["0.3.1","0.4.0","1.0.0"]}';;
ADD) sed -e 's/.*"prevResult": *//' -e 's/}$//';;
*) cat >/dev/null;;
esac
"""


def until(holds: Callable[[], Any], what: str, *, seconds: float = PATIENCE) -> Any:
    """The first true value of `holds`. Raises AssertionError after `seconds`."""
    end = time.monotonic() + seconds
    pause = threading.Event()
    while not (found := holds()):
        if time.monotonic() > end:
            raise AssertionError(f"did not happen in {seconds} s: {what}")
        pause.wait(0.004)
    return found


class Installed:
    """An agent's directories and networks in a host, and the daemon that runs there, if one does.

    Networks: `fcnet` is all built in and masquerades, `mixed` ends with an executed plugin.
    """

    def __init__(self, forge: Forge, directory: Path, settings: Mapping[str, str] | None = None) -> None:
        self.forge = forge
        self.directory = directory
        self.log = directory / "log"
        self.socket = directory / "agent.sock"
        self.journal = directory / "state" / "journal.db"
        # Read beside the settings, which count more.
        self.file = directory / "vmplumbd.toml"
        self.file.touch()
        self.pid = 0
        for name in ("conf", "bin"):
            (directory / name).mkdir()
        self.settings = {
            "paths.state_dir": str(directory / "state"),
            "paths.conf_dir": str(directory / "conf"),
            "paths.bin_path": str(directory / "bin"),
            "listen.unix": str(self.socket),
            "limits.first_retry": "0.01",
            "limits.longest_retry": "0.05",
            **(settings or {}),
        }
        self.plugin("pass-on", PASS_ON)
        self.network("fcnet", ptp(ipMasq=True, ipMasqBackend="nftables"), REDIRECT)
        # A range of its own: two networks know nothing of each other's addresses.
        elsewhere = {**ptp()["ipam"], "subnet": "10.201.0.0/16"}
        self.network("mixed", ptp(ipam=elsewhere), REDIRECT, {"type": "pass-on"})

    def network(self, name: str, *plugins: Mapping[str, Any]) -> None:
        """Install a conflist."""
        path = self.directory / "conf" / f"{name}.conflist"
        path.write_bytes(conflist(name, *plugins))

    def plugin(self, name: str, script: str) -> None:
        """Install a shell script as a plugin."""
        aside = self.directory / "bin" / f"{name}.new"
        aside.write_text(script)
        aside.chmod(0o755)
        aside.rename(aside.with_suffix(""))

    def start(
        self,
        *,
        serving: bool = True,
        hook: Hook | None = None,
        environment: Mapping[str, str] | None = None,
        files: int = 0,
    ) -> int:
        """Start a daemon; answers its pid, once it listens if `serving`."""
        words = [
            "serve",
            "--config",
            str(self.file),
            *(word for key, value in self.settings.items() for word in ("--set", f"{key}={value}")),
        ]
        self.pid = self.forge.start(words, log=self.log, hook=hook, environment=environment, files=files)
        if serving:
            until(lambda: self.listens() or self.forge.poll(self.pid) is not None, "the agent listens")
            assert self.forge.poll(self.pid) is None, f"the agent ended: {self.said()[-5:]}"
        return self.pid

    def listens(self) -> bool:
        """Whether somebody accepts on the socket."""
        with socket.socket(socket.AF_UNIX) as client, suppress(OSError):
            client.connect(str(self.socket))
            return True
        return False

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone. Ended already is as good."""
        with suppress(ProcessLookupError):
            if self.forge.poll(self.pid) is None:
                os.kill(self.pid, signal.SIGKILL)
        self.forge.wait(self.pid)

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        os.kill(self.pid, signal.SIGTERM)
        return self.forge.wait(self.pid)

    def runs(self) -> bool:
        """Whether the daemon runs."""
        return bool(self.pid) and self.forge.poll(self.pid) is None

    def channel(self) -> grpc.Channel:
        """A channel that comes back quickly after a restart."""
        return grpc.insecure_channel(
            f"unix:{self.socket}",
            options=(
                ("grpc.initial_reconnect_backoff_ms", 20),
                # How long one try may take: on a busy machine a connection is not made in a moment.
                ("grpc.min_reconnect_backoff_ms", 10_000),
                ("grpc.max_reconnect_backoff_ms", 40),
                ("grpc.use_local_subchannel_pool", 1),
            ),
        )

    @contextmanager
    def stub(self) -> Iterator[pb_grpc.NetworkAgentServiceStub]:
        """The service, over a channel of its own."""
        with self.channel() as channel:
            yield pb_grpc.NetworkAgentServiceStub(channel)

    def said(self, event: str = "") -> list[dict[str, Any]]:
        """The log's lines, of all daemons so far."""
        lines = []
        if self.log.exists():
            for text in self.log.read_text("utf-8", "replace").splitlines():
                try:
                    line = json.loads(text)
                except ValueError:
                    line = {"event": "not JSON", "text": text}
                if not event or line.get("event") == event:
                    lines.append(line)
        return lines

    def misdeeds(self) -> list[str]:
        """What the daemons said that they must never say, five lines of each kind at most."""
        lines = self.said()
        return [
            f"the agent said {line}"
            for event in ("operation.fault", "crashed", "not JSON", "start.failed")
            for line in [one for one in lines if one.get("event") == event][:5]
        ]

    def quiet(self, *, seconds: float = PATIENCE) -> None:
        """Wait until no release is due any more."""
        with self.stub() as stub:
            until(
                lambda: (
                    stub.GetStatus(
                        pb.GetStatusRequest(), timeout=10, wait_for_ready=True
                    ).figures.pending_releases
                    == 0
                ),
                "no pending release",
                seconds=seconds,
            )

    def tear_all_down(self) -> None:
        """Tear down every network the agent knows, and wait until nothing is due."""
        with self.stub() as stub:
            while True:
                found = stub.ListNetworks(
                    pb.ListNetworksRequest(page_size=1000), timeout=10, wait_for_ready=True
                )
                if not found.networks:
                    break
                for one in found.networks:
                    order = pb.TeardownNetworkRequest(vm_id=one.vm_id, wait_for_devices=True)
                    list(stub.TeardownNetwork(order, timeout=PATIENCE))
        self.quiet()

    def rows(self) -> dict[str, int]:
        """How many rows the journal's tables hold. The daemon may run."""
        with sqlite3.connect(f"file:{self.journal}?mode=ro", uri=True) as db:
            counted = {
                table: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
                for table in ("networks", "releases", "members")
            }
        db.close()
        return counted

    def pool(self) -> Pool:
        """The members of warm pools on record. The daemon may run."""
        with sqlite3.connect(f"file:{self.journal}?mode=ro", uri=True) as db:
            rows = db.execute(
                "SELECT member_id, network, conf_list, boot_id, path, ready, host_name, host_index FROM members"
            ).fetchall()
        db.close()
        members = [
            Member(
                member_id=row[0],
                network=row[1],
                conf_list=row[2],
                boot_id=row[3],
                path=row[4],
                ready=bool(row[5]),
                host_device=(row[6], row[7]),
            )
            for row in rows
        ]
        return Pool(str(self.directory / "state" / "pool"), tuple(members))

    def discard_pools(self) -> None:
        """Start the daemon without a pool: it takes away what there is of one."""
        if self.runs():
            assert self.stop() == 0
        self.settings["pool.sizes"] = ""
        self.start()
        until(lambda: not self.rows()["members"], "no member is left")


class Caller(Protocol):
    """Calls the agent on a thread of its own until it is told to end."""

    number: int
    end: threading.Event

    def run(self) -> None:
        """Until the end."""


@contextmanager
def calling(crowd: Sequence[Caller], broken: list[str], *, seconds: float) -> Iterator[None]:
    """All of them call while the block runs. Who has not ended so long after it is broken."""
    threads = [threading.Thread(target=one.run, name=f"caller-{one.number}", daemon=True) for one in crowd]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for one in crowd:
            one.end.set()
    for thread in threads:
        thread.join(seconds)
        if thread.is_alive():
            broken.append(f"{thread.name} hangs")


@contextmanager
def installed(host: Host, settings: Mapping[str, str] | None = None) -> Iterator[Installed]:
    """An agent installed in the host, with a forge; what runs is killed with the block."""
    # Outside the host's tmpfs: gRPC's threads may be older than the host, and both see this path.
    directory = Path(tempfile.mkdtemp(prefix="vmplumb-torture-"))
    forge = Forge(host)
    made = Installed(forge, directory, settings)
    try:
        yield made
    finally:
        if made.runs():
            made.kill()
        forge.close()
        shutil.rmtree(directory, ignore_errors=True)
