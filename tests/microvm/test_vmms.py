"""What docs/vmm.md says of QEMU runs: on q35 and microvm, as a user without rights, with IPv6 and another MTU."""

from __future__ import annotations

import json
import os
import shutil
import socket
import stat
import struct
from pathlib import Path

import pytest

from tests.host import Host, an_owner
from tests.microvm.conftest import Agent
from tools.guest import boot, build
from tools.guest.machine import Machine, MachineFault
from vmplumb import vmm
from vmplumb.v1 import vm_network_pb2

pytestmark = [pytest.mark.microvm, pytest.mark.slow, pytest.mark.timeout(900)]

VM = "vm-1"
MTU = 1400
RANGES = [[{"subnet": "10.30.0.0/24"}], [{"subnet": "fd00:30::/64"}]]
ROUTES = [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]
DUAL_STACK = {"type": "ptp", "mtu": MTU, "ipam": {"type": "host-local", "ranges": RANGES, "routes": ROUTES}}
TAP = {"type": "tc-redirect-tap"}
TUN = Path("/dev/net/tun")


@pytest.fixture
def tun_for_all(host: Host, tmp_path: Path) -> None:
    """In this host every user may open /dev/net/tun, as on most machines."""
    if TUN.stat().st_mode & 0o006 == 0o006:
        return
    mine = Path("/run/tun")
    try:
        os.mknod(mine, stat.S_IFCHR | 0o666, TUN.stat().st_rdev)
    except PermissionError as exc:
        pytest.skip(f"other users may not open {TUN} here, and no other can be made: {exc}")
    mine.chmod(0o666)
    host.run(["mount", "--bind", str(mine), str(TUN)])


@pytest.fixture
def readable_guest(guest: build.Guest, host: Host) -> build.Guest:
    """The guest where every user may read it."""
    place = Path("/run/guest")
    place.mkdir()
    for path in (guest.kernel, guest.initrd):
        shutil.copyfile(path, place / path.name)
    return build.Guest(
        kernel=place / guest.kernel.name, initrd=place / guest.initrd.name, origin=guest.origin
    )


@pytest.mark.usefixtures("tun_for_all")
def test_a_microvm_run_by_the_user_who_owns_the_tap(agent: Agent, readable_guest: build.Guest) -> None:
    uid, gid = an_owner()
    if uid == 0:
        pytest.skip("this user namespace has one user")
    agent.network(DUAL_STACK, TAP)
    agent.start()
    result = agent.set_up(VM, tap={"name": "vm1tap", "uid": uid, "gid": gid})
    with Machine(command(readable_guest, result, "microvm", vmm.as_user(uid, gid))) as machine:
        said = machine.wait_for(r"VMPLUMB-GUEST (OK|FAIL) .*\n").group(0)
        assert boot.credentials(machine.process.pid) == (uid, 0)
    static = result.interfaces[0].static_configuration
    assert said.startswith(f"VMPLUMB-GUEST OK address={static.ip_configuration.ip_addr} ")
    assert f" mac={static.mac_address} mtu={MTU} " in said
    # Another user is not let at it, and the tap is not made anew for him.
    stranger = vmm.as_user(uid + 1, gid + 1)
    with (
        pytest.raises(MachineFault, match="Operation not permitted"),
        Machine(command(readable_guest, result, "microvm", stranger)) as machine,
    ):
        machine.wait_for("VMPLUMB-GUEST")
    agent.tear_down(VM)


def test_a_guest_with_both_families_and_another_mtu(agent: Agent, distribution_guest: build.Guest) -> None:
    agent.network(DUAL_STACK, TAP)
    agent.start()
    result = agent.set_up(VM)
    conf = result.interfaces[0].vm_conf
    four, six = conf.vm_ip_configs
    assert (conf.vm_mtu, six.address, six.gateway) == (MTU, "fd00:30::2/64", "fd00:30::1")
    static = result.interfaces[0].static_configuration
    with wire(host_end(result)) as frames:
        report = boot.boot(
            kernel=distribution_guest.kernel,
            initrd=distribution_guest.initrd,
            netns=Path(result.netns_path),
            tap=static.host_dev_name,
            mac=static.mac_address,
            ip=result.ip_boot_param,
            network=vmm.qemu_arguments(result),
            machine="q35",
            words=[f"vmplumb.ip6={six.address},{six.gateway}"],
        )
        full = [one for one in packets(frames) if len(one) == MTU]
    assert report.fault == "", report.console[-1500:]
    told = {
        key: report.said[key] for key in ("address", "address6", "gateway6", "ping", "ping6", "mtu", "big")
    }
    assert told == {
        "address": four.address,
        "address6": six.address,
        "gateway6": six.gateway,
        "ping": "3/3",
        "ping6": "3/3",
        "mtu": str(MTU),
        "big": "1",
    }
    # The packet that fills a frame left the guest whole, and forbade to cut it.
    asked = [one for one in full if one[12:16] == socket.inet_aton(four.address.partition("/")[0])]
    assert asked
    assert all(one[6] & 0x40 and not one[6] & 0x3F and not one[7] for one in asked)
    agent.tear_down(VM)


def command(
    guest: build.Guest, result: vm_network_pb2.SetupResult, machine: str, user: list[str]
) -> list[str]:
    """The command of docs/vmm.md, with this guest."""
    accel = "kvm" if boot.kvm_usable() else "tcg"
    words = [*boot.KERNEL_WORDS, *boot.clock_words(machine, accel)]
    return [
        *vmm.inside(result),
        *user,
        boot.QEMU,
        *("-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"),
        *("-machine", machine, "-accel", accel),
        *("-cpu", "max", "-smp", "1", "-m", "192"),
        *("-kernel", str(guest.kernel), "-initrd", str(guest.initrd)),
        *("-append", vmm.boot_arguments(result, " ".join(words))),
        *vmm.qemu_arguments(result, transport="mmio" if machine == "microvm" else "pci"),
        *("-serial", "stdio", "-monitor", "none"),
    ]


def host_end(result: vm_network_pb2.SetupResult) -> str:
    """The host's end of the pair, by the CNI result."""
    made = json.loads(result.interfaces[0].cni_result.json)
    return str(next(one["name"] for one in made["interfaces"] if not one.get("sandbox")))


def wire(device: str) -> socket.socket:
    """Every IPv4 packet that passes a device of the host."""
    ipv4 = 0x0800
    made = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ipv4))
    made.bind((device, ipv4))
    made.setblocking(False)
    return made


def packets(frames: socket.socket) -> list[bytes]:
    """What has passed so far, cut to its own length."""
    found: list[bytes] = []
    while True:
        try:
            data = frames.recv(65536)
        except BlockingIOError:
            return found
        (size,) = struct.unpack_from("!H", data, 2)
        found.append(data[:size])
