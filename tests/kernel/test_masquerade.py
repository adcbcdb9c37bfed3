"""Masquerading on the real kernel: packets leave under the host's address, and many hands do no harm."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from ipaddress import ip_interface

import pytest

from tests.host import Host
from tests.snapshot import settled, snapshot
from vmplumbd.cni.exec import ExecInvoker
from vmplumbd.cni.invoke import Command, Invocation
from vmplumbd.errors import NotFound
from vmplumbd.kernel.linux import LinuxKernel
from vmplumbd.plugins.builtin import BuiltinInvoker
from vmplumbd.plugins.masquerade import CHECKS, POSTROUTING, Masquerade, Owner, rule

# With forwarding comes an anycast address for each subnet, so it is on from the start.
OUTSIDE = """
echo 1 >/proc/sys/net/ipv6/conf/all/forwarding
ip netns add outside
ip link add up0 type veth peer name far0 netns outside
ip link set up0 addrgenmode none
ip addr add 198.51.100.1/24 dev up0
ip addr add 2001:db8:ff::1/64 dev up0 nodad
ip link set up0 up
ip -n outside addr add 198.51.100.2/24 dev far0
ip -n outside addr add 2001:db8:ff::2/64 dev far0 nodad
ip -n outside link set lo up
ip -n outside link set far0 up
ip netns add vm
"""
# Says to each who asks under which address the question came.
MIRROR = """
import socket, select
socks = []
for family, address in ((socket.AF_INET, "198.51.100.2"), (socket.AF_INET6, "2001:db8:ff::2")):
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.bind((address, 7007))
    socks.append(sock)
print("ready", flush=True)
while True:
    for sock in select.select(socks, [], [])[0]:
        _, asker = sock.recvfrom(99)
        sock.sendto(asker[0].encode(), asker)
"""
ASK = """
import socket, sys
for address in sys.argv[1:]:
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    sock.settimeout(0.5)
    for _ in range(20):
        sock.sendto(b"?", (address, 7007))
        try:
            print(sock.recvfrom(99)[0].decode())
            break
        except TimeoutError:
            pass  # a link that came up a moment ago may lose what is sent
"""


@pytest.fixture
def kernel(host: Host) -> Iterator[LinuxKernel]:
    made = LinuxKernel()
    yield made
    made.close()


def test_packets_leave_under_the_host_s_address(kernel: LinuxKernel, host: Host) -> None:
    host.run(["sh", "-ec", OUTSIDE])
    mirror = host.popen(
        ["ip", "netns", "exec", "outside", sys.executable, "-c", MIRROR], stdout=subprocess.PIPE
    )
    assert mirror.stdout is not None
    assert mirror.stdout.readline() == "ready\n"
    before = settled(snapshot)
    body = {
        "cniVersion": "1.0.0",
        "name": "net",
        "type": "ptp",
        "ipMasq": True,
        "ipMasqBackend": "nftables",
        "ipam": {
            "type": "host-local",
            "ranges": [[{"subnet": "10.200.0.0/16"}], [{"subnet": "2001:db8:1::/64"}]],
            "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}],
        },
    }
    invoker = BuiltinInvoker(kernel, ExecInvoker())

    def call(command: Command) -> bytes:
        return invoker.invoke(
            Invocation(
                command=command,
                plugin="ptp",
                stdin=json.dumps(body).encode(),
                container_id="vm",
                netns="/run/netns/vm",
                if_name="eth0",
                path=("/nowhere",),
            )
        )

    call(Command.ADD)
    asked = ["198.51.100.2", "2001:db8:ff::2"]
    heard = host.run(["ip", "netns", "exec", "vm", sys.executable, "-c", ASK, *asked]).stdout.split()
    assert heard == ["198.51.100.1", "2001:db8:ff::1"]
    call(Command.DEL)
    assert snapshot() == before


def test_many_hands_leave_each_its_own_rules(kernel: LinuxKernel) -> None:
    # Two memories of one chain, as an agent and a plugin of another runtime have them.
    agent, other = Masquerade(kernel), Masquerade(kernel)
    v4, v6 = ip_interface("10.1.2.3/24"), ip_interface("2001:db8::3/64")
    faults: list[BaseException] = []

    def work(masquerade: Masquerade, who: str) -> None:
        try:
            for turn in range(12):
                owner = Owner(network="net", container_id=f"{who}-{turn}", if_name="eth0")
                masquerade.add(owner, [v4, v6])
                if turn % 3:
                    masquerade.delete(owner)
                    masquerade.delete(owner)
                else:
                    masquerade.check(owner, [v4, v6])
        except BaseException as exc:  # noqa: BLE001  told by the test
            faults.append(exc)

    threads = [
        threading.Thread(target=work, args=(masquerade, f"{name}{number}"))
        for name, masquerade in (("agent", agent), ("other", other))
        for number in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    left = [
        f"{name}{number}-{turn}" for name in ("agent", "other") for number in (0, 1) for turn in (0, 3, 6, 9)
    ]
    comments = [each.comment.rpartition(" ")[2] for each in kernel.host().rules(CHECKS).rules]
    assert sorted(comments) == sorted(left * 2)
    agent.collect("net", [])
    assert kernel.host().rules(CHECKS).rules == ()


def test_a_kernel_that_can_is_asked_once_and_left_as_it_was(kernel: LinuxKernel, host: Host) -> None:
    masquerade = Masquerade(kernel)
    generation = kernel.host().generation()
    masquerade.refuse_impossible()
    masquerade.refuse_impossible()
    assert host.run(["nft", "list", "ruleset"]).stdout == ""
    assert kernel.host().generation() == generation
    with pytest.raises(NotFound):
        kernel.host().rule(POSTROUTING, 1)


def test_thousands_of_rules_are_listed_and_collected_whole(kernel: LinuxKernel) -> None:
    masquerade = Masquerade(kernel)
    owners = [Owner(network="net", container_id=f"vm-{n}", if_name="eth0") for n in range(4000)]
    address = ip_interface("10.0.0.1/8")
    masquerade.add(owners[0], [address])
    for start in range(1, 4000, 100):
        kernel.host().change_rules([rule(owner, address) for owner in owners[start : start + 100]])
    found = kernel.host().rules(CHECKS).rules
    assert [each.comment for each in found] == [owner.comment for owner in owners]
    masquerade.collect("net", owners[17:18])
    assert kernel.host().rules(CHECKS).rules == found[17:18]
