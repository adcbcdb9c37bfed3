"""Networks with tuning and bandwidth through the agent: collected, drained, taken back after a crash."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.host import Host
from tests.snapshot import snapshot
from tests.system.daemon import REDIRECT, Daemon, daemon_in, ptp
from vmplumb.v1 import network_agent_service_pb2 as pb
from vmplumbd.plugins.bandwidth import config as bandwidth

pytestmark = pytest.mark.host

STATE = ("/var/lib/cni", "/run/cni")
RATES = {"ingressRate": 8_000_000, "ingressBurst": 80_000, "egressRate": 8_000_000, "egressBurst": 80_000}
CHAIN = (ptp(), {"type": "tuning", "mtu": 1400}, {"type": "bandwidth", **RATES}, REDIRECT)
BACKUPS = Path("/run/cni/tuning")


@pytest.fixture
def agent(host: Host) -> Iterator[Daemon]:
    """An agent whose network `limited` is its own; whatever it did is gone at the end."""
    with daemon_in(host, cni__owned_networks="limited") as made:
        made.network("limited", *CHAIN, version="1.1.0")
        before = snapshot(state_dirs=STATE)
        yield made
        made.quiet()
        assert snapshot(state_dirs=STATE) == before


def left(host: Host) -> tuple[set[str], set[str]]:
    """Intermediate devices, and links that are written down."""
    links = json.loads(host.run(["ip", "-d", "-j", "link", "show", "type", "ifb"]).stdout)
    return {each["ifname"] for each in links if each}, {path.name for path in BACKUPS.glob("*")}


def of(*vms: str) -> tuple[set[str], set[str]]:
    return {bandwidth.device_name("limited", vm) for vm in vms}, {f"{vm}_eth0.json" for vm in vms}


def collect(agent: Daemon, *valid: str, **fields: bool) -> pb.CollectGarbageResponse:
    order = pb.CollectGarbageRequest(
        valid_vm_ids=valid, allow_empty=not valid, as_of_revision=agent.status().revision, **fields
    )
    return agent.stub.CollectGarbage(order, timeout=60)


def test_what_another_runtime_left_is_collected(agent: Daemon, host: Host) -> None:
    for vm in ("stays", "goes"):
        agent.set_up(vm, "limited")
    mac = bandwidth.device_mac("limited", "eth0").hex(":")
    device = bandwidth.device_name("limited", "lost")
    host.run(["ip", "link", "add", device, "address", mac, "type", "ifb"])
    (BACKUPS / "lost_eth0.json").write_text('{"mtu": 1500, "network": "limited"}')
    assert left(host) == of("stays", "goes", "lost")
    answer = collect(agent, "stays")
    assert [one.vm_id for one in answer.collected] == ["goes"]
    agent.quiet()
    assert left(host) == of("stays")
    agent.tear_down("stays")


def test_a_drain_takes_limits_along(agent: Daemon, host: Host) -> None:
    for number in range(3):
        agent.set_up(f"vm{number}", "limited")
    answer = collect(agent, as_one_group=True)
    assert not [one.failure.message for one in answer.collected if one.HasField("failure")]
    assert left(host) == of()


def test_after_a_crash_the_record_is_enough(agent: Daemon, host: Host) -> None:
    for vm in ("asked", "gone"):
        agent.set_up(vm, "limited")
    agent.kill()
    host.run(["ip", "netns", "del", "gone"])
    assert left(host) == of("asked", "gone")
    agent.start()
    agent.quiet()
    # The one whose namespace is gone is taken back at once.
    assert left(host) == of("asked")
    for vm in ("asked", "gone"):
        agent.tear_down(vm, force=True)
    assert left(host) == of()
