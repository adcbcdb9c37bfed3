"""Four guests from one snapshot, at once: the same inside, each with an address of its own outside.

Runs in a host of its own, as the other demonstration. One guest boots on a network of clones, is stopped and
written to a file; its network is torn down. Then four networks are set up and four guests go on from that file.
Each must reach the host under its own address, and must be reached there. Exit 0: all of it was as promised.
Exit 1: something was not. Exit 2: this machine cannot run it, and the reason is printed.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import sys
import time
from collections.abc import Iterator, Sequence
from ipaddress import ip_interface
from pathlib import Path

from tests import host as hosts
from tests.snapshot import snapshot
from tools.demo.__main__ import CONF_DIR, SOCKET, Failed, agent, compare, find_guest, say
from tools.guest import boot, build
from tools.guest.machine import Machine, MachineFault
from vmplumb import Client, vmm
from vmplumb.v1 import network_pb2, vm_network_pb2

CLONES = ("clone-1", "clone-2", "clone-3", "clone-4")
HERE = Path(__file__).resolve().parent
# How long a guest may take to answer on a machine that is busy, and how often it is asked. Seconds.
PATIENCE = 300.0
WAIT = 1.0
# A guest that was stopped is given this many chances to answer all the same.
CHANCES = 3
IPV4 = 0x0800
ECHO_REQUEST, ECHO_REPLY = 8, 0
BEAT = r"VMPLUMB-GUEST BEAT n=(\d+) address=(\S*) mac=(\S*) ping=1 out=1\r?\n"
# The host's end of every clone's link has it: what a guest reaches there it reaches through the translation.
HOST_ADDRESS = "10.91.0.1"


def main() -> int:
    """Run it; the exit status says how it went."""
    start = time.monotonic()
    guest, no_guest = find_guest()
    refusal = no_guest or hosts.become_root() or hosts.refusal()
    if refusal or guest is None:
        print(f"demo-clones: this machine cannot run it: {refusal}", file=sys.stderr)
        return 2
    try:
        with hosts.private_host() as host:
            tour(host, guest)
    except (Failed, MachineFault, boot.CannotBoot) as exc:
        print(f"\ndemo-clones: FAILED: {exc}", file=sys.stderr)
        return 1
    print(f"\ndemo-clones: all of it in {time.monotonic() - start:.1f} s")
    return 0


def tour(host: hosts.Host, guest: build.Guest) -> None:
    """Each step, told as it goes. Raises Failed, MachineFault."""
    before = snapshot()
    state = Path("/run/snapshot")
    with agent(host, Path("/run/vmplumbd.log")), Client(f"unix:{SOCKET}") as client:
        (CONF_DIR / "20-clones.conflist").write_bytes((HERE / "20-clones.conflist").read_bytes())
        say("One guest boots on a network of clones, is stopped, and written to a file")
        n = take_snapshot(client, guest, state)
        print(f"  {state.stat().st_size / 1e6:.0f} MB; it had pinged its gateway {n} times")
        say("Four networks: the same inside, an address of its own each")
        results = {vm_id: client.set_up(vm_id, spec()) for vm_id in CLONES}
        addresses = {vm_id: outside(one) for vm_id, one in results.items()}
        for vm_id, one in results.items():
            static = one.interfaces[0].static_configuration
            ip = static.ip_configuration
            print(
                f"  {vm_id}  {static.host_dev_name} {static.mac_address} {ip.ip_addr}  outside {addresses[vm_id]}"
            )
        if len({str(one.interfaces[0].static_configuration) for one in results.values()}) != 1:
            raise Failed("the clones differ inside")
        if len(set(addresses.values())) != len(CLONES):
            raise Failed(f"the clones have the addresses {addresses}")
        with contextlib.ExitStack() as running:
            ears = {vm_id: running.enter_context(sources(host_end(one))) for vm_id, one in results.items()}
            machines = {
                vm_id: running.enter_context(Machine(command(guest, one), incoming=True))
                for vm_id, one in results.items()
            }
            say("Four guests go on from the one file, at once")
            go_on_together(machines, state)
            for vm_id, machine in machines.items():
                beat = machine.wait_for(BEAT, seconds=PATIENCE)
                if int(beat.group(1)) <= n or "VMPLUMB-GUEST OK" in machine.console:
                    raise Failed(f"{vm_id} booted anew: {beat.group(0)}")
                heard = heard_from(ears[vm_id])
                if heard != {addresses[vm_id]}:
                    raise Failed(f"the host hears {vm_id} as {heard}, not as {addresses[vm_id]}")
                print(f"  {vm_id}  {beat.group(0).strip()}  heard as {addresses[vm_id]}")
            say("The host reaches each under its own address")
            reach(addresses, silent=())
            say("clone-2 is stopped: its address falls silent, and no other")
            machines["clone-2"].stop()
            reach(addresses, silent=("clone-2",))
            machines["clone-2"].go_on()
            reach(addresses, silent=())
        say("All of it taken back")
        for vm_id in CLONES:
            client.tear_down(vm_id, wait_for_devices=True)
        (CONF_DIR / "20-clones.conflist").unlink()
        compare(before)


def take_snapshot(client: Client, guest: build.Guest, state: Path) -> int:
    """Boot, stop, save, and take the network down; answers how often the guest had pinged."""
    made = client.set_up("template", spec())
    with Machine(command(guest, made)) as machine:
        machine.wait_for(r"VMPLUMB-GUEST OK .*\n", seconds=PATIENCE)
        beat = machine.wait_for(BEAT, seconds=PATIENCE)
        machine.stop()
        machine.save(state)
    client.tear_down("template", wait_for_devices=True)
    return int(beat.group(1))


def go_on_together(machines: dict[str, Machine], state: Path) -> None:
    """Each reads the file, then all run."""
    for machine in machines.values():
        machine.restore(state)
    for machine in machines.values():
        machine.go_on()


def spec() -> vm_network_pb2.NetworkSpec:
    """What each of them asks for, the template and the clones."""
    interface = network_pb2.NetworkInterface(
        cni_configuration=network_pb2.CNIConfiguration(network_name="clones")
    )
    interfaces = network_pb2.NetworkInterfaces(interfaces=[interface])
    return vm_network_pb2.NetworkSpec(network_interfaces=interfaces)


def command(guest: build.Guest, made: vm_network_pb2.SetupResult) -> list[str]:
    """QEMU in the VM's namespace, for the first guest and for those that go on from it."""
    return boot.command(
        kernel=guest.kernel,
        initrd=guest.initrd,
        netns=Path(made.netns_path),
        tap=made.interfaces[0].static_configuration.host_dev_name,
        network=vmm.qemu_arguments(made, transport="mmio"),
        words=["vmplumb.beat=1", f"vmplumb.out={HOST_ADDRESS}", vmm.boot_arguments(made)],
        accel="kvm" if boot.kvm_usable() else "tcg",
        memory_mib=128,
    )


def outside(made: vm_network_pb2.SetupResult) -> str:
    """The address that stands for the VM outside: the CNI result's, of the link in the namespace."""
    return str(ip_interface(vmm.outside_addresses(made)[0]).ip)


def host_end(made: vm_network_pb2.SetupResult) -> str:
    """The host's device of the VM's pair."""
    return vmm.host_devices(made)[0]


@contextlib.contextmanager
def sources(device: str) -> Iterator[socket.socket]:
    """Every IPv4 packet that comes in on a device."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(IPV4)) as ear:
        ear.bind((device, IPV4))
        ear.setblocking(False)
        yield ear


def heard_from(ear: socket.socket) -> set[str]:
    """Who sent what came in so far."""
    found: set[str] = set()
    while True:
        try:
            data, address = ear.recvfrom(65536)
        except BlockingIOError:
            return found
        if address[2] == socket.PACKET_HOST:
            found.add(socket.inet_ntoa(data[12:16]))


def reach(addresses: dict[str, str], *, silent: Sequence[str]) -> None:
    """Ping each address until it answers; those that must be silent get their chances. Raises Failed."""
    for vm_id, address in addresses.items():
        if vm_id in silent:
            answered = any(answers(address) for _ in range(CHANCES))
        else:
            deadline = time.monotonic() + PATIENCE
            while not (answered := answers(address)) and time.monotonic() < deadline:
                pass
        if answered == (vm_id in silent):
            raise Failed(f"{address} of {vm_id} {'answers' if answered else 'does not answer'}")
        print(f"  {vm_id}  {address}  {'answers' if answered else 'is silent'}")


def answers(address: str) -> bool:
    """Whether an echo request is answered within a moment."""
    wanted = os.getpid() & 0xFFFF, int.from_bytes(os.urandom(2))
    head = struct.pack("!BBHHH", ECHO_REQUEST, 0, 0, *wanted)
    total = sum(struct.unpack("!4H", head))
    total = (total >> 16) + (total & 0xFFFF)
    request = struct.pack("!BBHHH", ECHO_REQUEST, 0, ~total & 0xFFFF, *wanted)
    deadline = time.monotonic() + WAIT
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as sock:
        sock.sendto(request, (address, 0))
        while (left := deadline - time.monotonic()) > 0:
            sock.settimeout(left)
            try:
                data, sender = sock.recvfrom(1024)
            except TimeoutError:
                return False
            kind, _, _, *told = struct.unpack_from("!BBHHH", data, (data[0] & 0xF) * 4)
            if (sender[0], kind, tuple(told)) == (address, ECHO_REPLY, wanted):
                return True
    return False


if __name__ == "__main__":
    sys.exit(main())
