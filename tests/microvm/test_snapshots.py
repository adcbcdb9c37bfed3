"""A guest that was stopped, saved and taken from its network comes back to the same one, and goes on."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.microvm.conftest import Agent
from tests.snapshot import snapshot
from tests.system.daemon import eventually
from tools.guest import boot, build
from tools.guest.machine import Machine
from vmplumb import vmm
from vmplumb.v1 import vm_network_pb2

pytestmark = [pytest.mark.microvm, pytest.mark.slow, pytest.mark.timeout(900)]

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "vmm.md").read_text()


def conflist(name: str) -> list[dict[str, Any]]:
    """The plugins of a network that the documentation shows."""
    (found,) = re.findall(rf'```json title="{name}"\n(.*?)```', PAGE, re.DOTALL)
    plugins: list[dict[str, Any]] = json.loads(found)["plugins"]
    return plugins


MAC, ADDRESS, TAP = "02:fc:00:00:00:4d", "10.30.0.77/24", "vm1tap"
ASKED = {
    "tap": {"name": TAP, "uid": 0, "gid": 0},
    "capability_args": json.dumps({"mac": MAC, "ips": [ADDRESS]}).encode(),
}
BEAT = r"VMPLUMB-GUEST BEAT n=(\d+) address=(\S*) mac=(\S*) ping=1\r?\n"


def command(
    guest: build.Guest, result: vm_network_pb2.SetupResult, *words: str, memory_mib: int = 128
) -> list[str]:
    """QEMU for the guest that beats, on the network of a result. The same for the guest that comes back."""
    return boot.command(
        kernel=guest.kernel,
        initrd=guest.initrd,
        netns=Path(result.netns_path),
        tap=result.interfaces[0].static_configuration.host_dev_name,
        network=vmm.qemu_arguments(result, transport="mmio"),
        words=["vmplumb.beat=1", *words, vmm.boot_arguments(result)],
        accel="kvm" if boot.kvm_usable() else "tcg",
        memory_mib=memory_mib,
    )


def identity(result: vm_network_pb2.SetupResult) -> list[str]:
    """All that a guest can tell its network by, the MAC of its gateway too."""
    (one,) = result.interfaces
    hosts = [each for each in json.loads(one.cni_result.json)["interfaces"] if not each.get("sandbox")]
    static = one.static_configuration
    return [
        result.netns_path,
        static.host_dev_name,
        static.mac_address,
        static.ip_configuration.ip_addr,
        static.ip_configuration.gateway,
        hosts[0]["mac"],
    ]


def test_a_guest_comes_back_to_the_network_it_had(guest: build.Guest, agent: Agent, tmp_path: Path) -> None:
    before = snapshot()
    agent.network(*conflist("identity"))
    agent.start()
    first = agent.set_up("vm-1", **ASKED)
    assert identity(first)[:5] == ["/var/run/netns/vm-1", TAP, MAC, ADDRESS, "10.30.0.1"]
    with Machine(command(guest, first)) as machine:
        machine.wait_for(r"VMPLUMB-GUEST OK ")
        beat = machine.wait_for(BEAT)
        machine.stop()
        machine.save(tmp_path / "vm-1")
    agent.tear_down("vm-1")
    other = agent.set_up("vm-2")  # it may have what is free meanwhile
    second = agent.set_up("vm-1", **ASKED)
    assert identity(second) == identity(first)
    assert agent.check("vm-1") == []
    with Machine(command(guest, second), incoming=True) as machine:
        machine.restore(tmp_path / "vm-1")
        machine.go_on()
        again = machine.wait_for(BEAT)
        assert "VMPLUMB-GUEST OK" not in machine.console  # it did not boot: it went on
    assert int(again.group(1)) > int(beat.group(1))
    assert again.group(2, 3) == beat.group(2, 3) == (ADDRESS, MAC)
    for vm_id in ("vm-1", "vm-2"):
        agent.tear_down(vm_id)
    assert not re.search(ADDRESS, other.ip_boot_param)
    eventually(lambda: snapshot() == before, "the world as before")
