"""A guest boots on the network that the agent made, takes what it was told, and reaches its gateway."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from tests.microvm.conftest import Agent, BootGuest
from tests.snapshot import snapshot
from tools.guest import build

pytestmark = [pytest.mark.microvm, pytest.mark.slow, pytest.mark.timeout(900)]

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
    deadline = time.monotonic() + 60
    while (after := snapshot(bridges=bridges)) != before and time.monotonic() < deadline:
        time.sleep(0.05)  # devices go a little after their namespace; nothing tells of it here
    assert after == before


def watched(agent: Agent, place: Path, *sources: Path) -> Path:
    """The agent's bin_path: every plugin of `sources`, each writing its name and command before it runs."""
    calls = place / "calls"
    calls.touch()
    (place / "bin").mkdir()
    for source in sources:
        for plugin in source.iterdir():
            watcher = place / "bin" / plugin.name
            if not watcher.exists():
                watcher.write_text(
                    f'#!/bin/sh\necho "{plugin.name} $CNI_COMMAND" >>{calls}\nexec {plugin} "$@"\n'
                )
                watcher.chmod(0o755)
    agent.settings["paths.bin_path"] = str(place / "bin")
    return calls


def executed(calls: Path) -> set[str]:
    """The types that were executed for ADD."""
    return {line.split()[0] for line in calls.read_text().splitlines() if line.endswith(" ADD")}


@pytest.fixture
def launchers(agent: Agent, tmp_path: Path) -> Path:
    """The agent's own plugins as executables."""
    place = tmp_path / "launchers"
    agent.host.run([sys.executable, "-m", "vmplumbd", "install-plugins", place])
    return place


def test_on_built_in_ptp(
    guest: build.Guest, launchers: Path, agent: Agent, boot_guest: BootGuest, tmp_path: Path
) -> None:
    calls = watched(agent, tmp_path, launchers)
    agent.network(PTP, TAP)
    prove(agent, boot_guest)
    assert executed(calls) == set()


def test_on_built_in_bridge(
    guest: build.Guest, launchers: Path, agent: Agent, boot_guest: BootGuest, tmp_path: Path
) -> None:
    calls = watched(agent, tmp_path, launchers)
    agent.network({**BRIDGE, "macspoofchk": True, "ipMasq": True, "ipMasqBackend": "nftables"}, TAP)
    prove(agent, boot_guest, bridges=("br-test",))
    assert executed(calls) == set()


@pytest.mark.parity
def test_on_the_real_ptp_with_our_tc_redirect_tap_as_an_executable(
    guest: build.Guest,
    reference_plugins: Path,
    launchers: Path,
    agent: Agent,
    boot_guest: BootGuest,
    tmp_path: Path,
) -> None:
    calls = watched(agent, tmp_path, reference_plugins, launchers)
    agent.settings["cni.prefer"] = "executable"
    agent.network(PTP, TAP)
    prove(agent, boot_guest)
    assert executed(calls) == {"ptp", "host-local", "tc-redirect-tap"}


@pytest.mark.parity
def test_on_the_real_bridge_with_our_tc_redirect_tap_as_an_executable(
    guest: build.Guest,
    reference_plugins: Path,
    launchers: Path,
    agent: Agent,
    boot_guest: BootGuest,
    tmp_path: Path,
) -> None:
    calls = watched(agent, tmp_path, reference_plugins, launchers)
    agent.settings["cni.prefer"] = "executable"
    agent.network(BRIDGE, TAP)
    prove(agent, boot_guest, bridges=("br-test",))
    assert executed(calls) == {"bridge", "host-local", "tc-redirect-tap"}


@pytest.mark.parity
def test_on_the_real_bridge_with_our_tc_redirect_tap_in_process(
    guest: build.Guest, reference_plugins: Path, agent: Agent, boot_guest: BootGuest, tmp_path: Path
) -> None:
    # Under a name that is not built in.
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "their-bridge").symlink_to(reference_plugins / "bridge")
    calls = watched(agent, tmp_path, reference_plugins, theirs)
    agent.network({**BRIDGE, "type": "their-bridge"}, TAP)
    prove(agent, boot_guest, bridges=("br-test",))
    assert executed(calls) == {"their-bridge", "host-local"}
