"""A guest boots on the network that the agent made, takes what it was told, and reaches its gateway."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from tests.microvm.conftest import Agent, BootGuest
from tests.snapshot import snapshot
from tools.guest import build

pytestmark = [pytest.mark.microvm, pytest.mark.slow]

VM = "vm-1"
IPAM = {"type": "host-local", "subnet": "10.30.0.0/24", "routes": [{"dst": "0.0.0.0/0"}]}
PTP = {"type": "ptp", "ipam": IPAM, "dns": {"nameservers": ["10.30.0.1"]}}
BRIDGE = {"type": "bridge", "bridge": "br-test", "isGateway": True, "ipam": IPAM}
TAP = {"type": "tc-redirect-tap"}


def prove(agent: Agent, boot_guest: BootGuest, *, bridges: tuple[str, ...] = ()) -> None:
    """Set up, boot, compare with what was returned, tear down, and find the world as before."""
    before = snapshot(bridges=bridges)
    agent.start()
    result = agent.set_up(VM)
    static = result.interfaces[0].static_configuration
    ip = result.ip_boot_param.removeprefix("ip=")
    report = boot_guest(Path(result.netns_path), static.host_dev_name, static.mac_address, ip)
    assert (report.fault, report.address, report.gateway, report.mac, report.ping) == (
        "",
        static.ip_configuration.ip_addr,
        static.ip_configuration.gateway,
        static.mac_address,
        "3/3",
    )
    agent.tear_down(VM)
    deadline = time.monotonic() + 10
    while (after := snapshot(bridges=bridges)) != before and time.monotonic() < deadline:
        time.sleep(0.05)  # devices go a little after their namespace; nothing tells of it here
    assert after == before


def executed_plugins(agent: Agent, reference: Path, own: Path) -> None:
    """Every plugin of the chain is executed: the real ones, and our tc-redirect-tap as an executable."""
    agent.host.run([sys.executable, "-m", "vmplumbd", "install-plugins", own])
    for name in ("ptp", "host-local"):
        assert (reference / name).is_file()
        (own / name).unlink(missing_ok=True)
    agent.settings |= {"cni.prefer": "executable", "paths.bin_path": f"{reference}:{own}"}


def test_on_built_in_ptp(guest: build.Guest, agent: Agent, boot_guest: BootGuest) -> None:
    agent.network(PTP, TAP)
    prove(agent, boot_guest)


@pytest.mark.parity
def test_on_the_real_ptp_with_our_tc_redirect_tap(
    guest: build.Guest, reference_plugins: Path, agent: Agent, boot_guest: BootGuest, tmp_path: Path
) -> None:
    executed_plugins(agent, reference_plugins, tmp_path)
    agent.network(PTP, TAP)
    prove(agent, boot_guest)


@pytest.mark.parity
def test_on_the_real_bridge_with_our_tc_redirect_tap(
    guest: build.Guest, reference_plugins: Path, agent: Agent, boot_guest: BootGuest, tmp_path: Path
) -> None:
    executed_plugins(agent, reference_plugins, tmp_path)
    agent.network(BRIDGE, TAP)
    prove(agent, boot_guest, bridges=("br-test",))
