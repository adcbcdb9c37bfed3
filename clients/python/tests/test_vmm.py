"""Calls and command lines for VMMs: what docs/vmm.md shows is what the module makes."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from vmplumb import vmm
from vmplumb.v1 import vm_network_pb2

PAGE_DIRECTORY = Path(__file__).resolve().parents[3] / "docs"
PAGE = (PAGE_DIRECTORY / "vmm.md").read_text()
BLOCKS = dict(re.findall(r"```(?:sh|json) title=\"([\w-]+)\"\n(.*?)```", PAGE, re.DOTALL))
BOOT = "console=ttyS0 reboot=k panic=1"


def result(*, mtu: int = 1400, mmds: bool = True) -> vm_network_pb2.SetupResult:
    made = vm_network_pb2.SetupResult(
        netns_path="/var/run/netns/vm-1",
        ip_boot_param="10.30.0.2::10.30.0.1:255.255.255.0::eth0:off:::",
        mmds_interface_ids=["1"] if mmds else [],
    )
    one = made.interfaces.add(index=0)
    one.static_configuration.host_dev_name = "tap0"
    one.static_configuration.mac_address = "02:fc:00:00:00:01"
    one.vm_conf.vm_mtu = mtu
    one.firecracker_interface.iface_id = "1"
    one.firecracker_interface.json = (
        b'{"iface_id":"1","host_dev_name":"tap0","guest_mac":"02:fc:00:00:00:01"}'
    )
    return made


# Networks that tests/microvm read from the page and use.
CONFLISTS = ("identity", "clones")
NO_NETWORK = vm_network_pb2.SetupResult()
INSIDE_AS_USER = [*vmm.inside(result()), *vmm.as_user(123, 456)]
JAILER = ["jailer", *["--id", "vm-1", "--exec-file", "/usr/bin/firecracker", "--uid", "123", "--gid", "456"]]
LINES = {
    "jailer": [*JAILER, *vmm.jailer_arguments(result())],
    "boot": vmm.boot_arguments(result(), BOOT).split(),
    "q35": [*INSIDE_AS_USER, "qemu-system-x86_64", "-machine", "q35", *vmm.qemu_arguments(result())],
    "microvm": [
        *INSIDE_AS_USER,
        *("qemu-system-x86_64", "-machine", "microvm"),
        *vmm.qemu_arguments(result(), transport="mmio"),
    ],
    "cloud-hypervisor": [
        *vmm.inside(result()),
        *("cloud-hypervisor", "--kernel", "vmlinux"),
        *vmm.cloud_hypervisor_arguments(result()),
    ],
}


@pytest.mark.parametrize(("name", "line"), LINES.items(), ids=LINES)
def test_the_page_shows_the_command_that_is_made(name: str, line: list[str]) -> None:
    assert shlex.split(BLOCKS[name].replace("\\\n", " ")) == line


@pytest.mark.parametrize("name", CONFLISTS)
def test_the_pages_conflists_are_json(name: str) -> None:
    assert json.loads(BLOCKS[name])["plugins"]


def test_the_page_shows_firecrackers_calls() -> None:
    assert [tuple(call) for call in json.loads(BLOCKS["firecracker"])] == vmm.firecracker_calls(result())


def test_the_page_shows_nothing_else() -> None:
    assert BLOCKS.keys() == {*LINES, *CONFLISTS, "firecracker"}


def test_the_page_shows_the_network_of_the_demonstration() -> None:
    shown = (PAGE_DIRECTORY.parent / "tools" / "demo" / "20-clones.conflist").read_text()
    assert json.loads(BLOCKS["clones"]) == json.loads(shown)


PTP = [{"name": "veth1"}, {"name": "eth0", "sandbox": "/run/netns/vm-1"}]
TAP = [{"name": "tap0", "sandbox": "/run/netns/vm-1"}, {"name": "tap0", "sandbox": "vm-1"}]
ADDRESSES: dict[str, tuple[list[dict[str, object]], list[str]]] = {
    "the VM's own": (
        [{"address": "10.0.0.2/24", "interface": 1}, {"address": "10.0.0.2/24", "interface": 3}],
        ["10.0.0.2/24"],
    ),
    "translated": (
        [{"address": "10.0.0.2/24", "interface": 1}, {"address": "172.16.0.2/30", "interface": 3}],
        ["10.0.0.2/24"],
    ),
    "the VM's alone": ([{"address": "10.0.0.2/24", "interface": 3}], ["10.0.0.2/24"]),
    "nobody's": ([{"address": "10.0.0.2/24"}], ["10.0.0.2/24"]),
}


@pytest.mark.parametrize(("ips", "want"), ADDRESSES.values(), ids=ADDRESSES)
def test_the_addresses_outside_are_the_cni_results(ips: list[dict[str, object]], want: list[str]) -> None:
    made = result()
    made.interfaces[0].cni_result.json = json.dumps({"interfaces": [*PTP, *TAP], "ips": ips}).encode()
    assert (vmm.outside_addresses(made), vmm.host_devices(made)) == (want, ["veth1"])


def test_what_is_not_there_is_left_out() -> None:
    plain = result(mtu=0, mmds=False)
    plain.interfaces[0].static_configuration.mac_address = ""
    assert vmm.qemu_arguments(plain)[-1] == "virtio-net-pci,romfile=,netdev=net0"
    assert vmm.cloud_hypervisor_arguments(plain) == ["--net", "tap=tap0"]
    assert [path for _, path, _ in vmm.firecracker_calls(plain)] == ["/network-interfaces/1"]
    made = (vmm.inside, vmm.jailer_arguments, vmm.firecracker_calls, vmm.qemu_arguments)
    assert [make(NO_NETWORK) for make in made] == [[], [], [], []]
    assert (vmm.cloud_hypervisor_arguments(NO_NETWORK), vmm.boot_arguments(NO_NETWORK)) == ([], "")


def test_a_limiters_large_numbers_reach_firecracker_as_numbers() -> None:
    made = result()
    body = {"iface_id": "1", "host_dev_name": "tap0", "rx_rate_limiter": {"ops": {"size": 1 << 53}}}
    made.interfaces[0].firecracker_interface.json = json.dumps(body).encode()
    assert vmm.firecracker_calls(made)[0] == ("PUT", "/network-interfaces/1", body)
