"""The guest that these tests boot, found or built before the first of them; the agent that serves them."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import grpc
import pytest

from tests.host import Host
from tools.guest import boot, build
from vmplumb.v1 import network_agent_service_pb2 as pb
from vmplumb.v1 import network_agent_service_pb2_grpc as pb_grpc
from vmplumb.v1 import network_pb2, vm_network_pb2

ROOT = Path(__file__).resolve().parents[2]
BootGuest: TypeAlias = Callable[..., boot.GuestReport]
RUN = Path("/run/vmplumb")


@pytest.fixture(scope="session")
def guest() -> build.Guest:
    """A kernel and an initramfs, and QEMU. Made before any host is entered: there a registry is reached."""
    try:
        boot.find_qemu()
        return build.find(os.environ)
    except (build.Unavailable, boot.CannotBoot) as exc:
        pytest.skip(f"no guest: {exc}")


@pytest.fixture(scope="session")
def distribution_guest() -> build.Guest:
    """The distribution's kernel, which has IPv6; the smaller ones have not."""
    try:
        boot.find_qemu()
        return build.distribution(build.directory(os.environ))
    except (build.Unavailable, boot.CannotBoot) as exc:
        pytest.skip(f"no guest with IPv6: {exc}")


@pytest.fixture
def boot_guest(guest: build.Guest) -> BootGuest:
    """`boot_guest(netns, tap, mac, ip)` boots on that tap and returns the GuestReport."""

    def run(netns: Path, tap: str, mac: str, ip: str, *, pings: int = 3) -> boot.GuestReport:
        return boot.boot(
            kernel=guest.kernel, initrd=guest.initrd, netns=netns, tap=tap, mac=mac, ip=ip, pings=pings
        )

    return run


@pytest.fixture(scope="session")
def reference_plugins() -> Path:
    """The directory of the real plugins, installed through Go's module proxy where they are not there yet."""
    script = ROOT / "tools" / "reference_plugins.sh"
    if shutil.which("go") is None:
        pytest.skip("the reference plugins are built by Go, which is not here")
    done = subprocess.run([str(script)], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"the reference plugins cannot be installed: {done.stderr.strip()[-300:]}")
    return Path(done.stdout.strip().splitlines()[-1])


@dataclass(kw_only=True)
class Agent:
    """vmplumbd in the test's host, and the two calls these tests make."""

    host: Host
    # Outside the host's own /run: gRPC's threads may be older than the host, and look a path up elsewhere.
    sock: Path
    settings: dict[str, str] = field(default_factory=dict)

    def start(self) -> None:
        """Start it and wait until it listens."""
        settings = {
            "paths.conf_dir": str(RUN / "net.d"),
            "paths.state_dir": str(RUN / "state"),
            "listen.unix": str(self.sock),
            **self.settings,
        }
        flags = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
        log = (RUN / "log").open("w")
        with log:
            process = self.host.popen([sys.executable, "-m", "vmplumbd", "serve", *flags], stderr=log)
        deadline = time.monotonic() + 60
        while not _listens(self.sock):
            assert process.poll() is None, (RUN / "log").read_text()
            assert time.monotonic() < deadline, (RUN / "log").read_text()
            time.sleep(0.02)

    def network(self, *plugins: dict[str, Any]) -> None:
        """Write the conflist of the network `net`."""
        (RUN / "net.d").mkdir(parents=True, exist_ok=True)
        body = {"cniVersion": "1.0.0", "name": "net", "plugins": list(plugins)}
        (RUN / "net.d" / "10-net.conflist").write_text(json.dumps(body))

    def set_up(self, vm_id: str, **fields: Any) -> vm_network_pb2.SetupResult:
        """Set the VM up on `net`; the result, which is the stream's last event. `fields` of CNIConfiguration."""
        configuration = network_pb2.CNIConfiguration(**{"network_name": "net", "if_name": "eth0"} | fields)
        interface = network_pb2.NetworkInterface(cni_configuration=configuration)
        spec = vm_network_pb2.NetworkSpec(
            network_interfaces=network_pb2.NetworkInterfaces(interfaces=[interface])
        )
        with grpc.insecure_channel(f"unix:{self.sock}") as channel:
            stub = pb_grpc.NetworkAgentServiceStub(channel)
            *_, last = stub.SetupNetwork(pb.SetupNetworkRequest(vm_id=vm_id, spec=spec))
        result: vm_network_pb2.SetupResult = last.result
        return result

    def tear_down(self, vm_id: str) -> None:
        """Tear it down and read the stream to its end, its devices gone."""
        with grpc.insecure_channel(f"unix:{self.sock}") as channel:
            stub = pb_grpc.NetworkAgentServiceStub(channel)
            list(stub.TeardownNetwork(pb.TeardownNetworkRequest(vm_id=vm_id, wait_for_devices=True)))

    def check(self, vm_id: str) -> list[str]:
        """What CheckNetwork finds."""
        with grpc.insecure_channel(f"unix:{self.sock}") as channel:
            stub = pb_grpc.NetworkAgentServiceStub(channel)
            return [one.message for one in stub.CheckNetwork(pb.CheckNetworkRequest(vm_id=vm_id)).findings]


@pytest.fixture
def agent(host: Host) -> Iterator[Agent]:
    """An agent that is not started yet."""
    RUN.mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix="vmplumbd-") as place:
        yield Agent(host=host, sock=Path(place) / "agent.sock")
        host.end_processes()


def _listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client, suppress(OSError):
        client.connect(str(path))
        return True
    return False
