"""Limits for some far ends, in the real kernel: which packets come to the limit, counted by the kernel."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

import pytest

from tests.host import Host
from tests.snapshot import snapshot
from tests.system.daemon import conflist, eventually, ptp
from vmplumbd.cni import config, runtime
from vmplumbd.cni.args import RuntimeConf
from vmplumbd.cni.exec import ExecInvoker
from vmplumbd.kernel.linux import LinuxKernel
from vmplumbd.plugins.builtin import BuiltinInvoker

pytestmark = pytest.mark.host

LIMITS = {
    "ingressRate": 80_000_000,
    "ingressBurst": 800_000,
    "egressRate": 80_000_000,
    "egressBurst": 800_000,
}
LISTED, OTHER = "192.0.2.1", "198.51.100.1"
SEND = """
import socket, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
    sock.bind((sys.argv[1], 0))
    for _ in range(int(sys.argv[3])):
        sock.sendto(b"x", (sys.argv[2], 9))
"""
# Somebody must listen, or errors go back.
LISTEN = """
import socket
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
    sock.bind(("", 9))
    print("listening", flush=True)
    while True:
        sock.recv(9)
"""


@pytest.mark.parametrize("key", ["shapedSubnets", "unshapedSubnets"])
def test_only_what_is_meant_comes_to_the_limit(host: Host, key: str) -> None:
    host.run(["ip", "netns", "add", "own"])
    for address in (LISTED, OTHER):
        host.run(["ip", "addr", "add", f"{address}/32", "dev", "lo"])
    before = snapshot()
    kernel = LinuxKernel()
    try:
        options: dict[str, Any] = {"invoker": BuiltinInvoker(kernel, ExecInvoker()), "path": ("/nowhere",)}
        plugins = (ptp(), {"type": "bandwidth", **LIMITS, key: ["192.0.2.0/24", "2001:db8::/32"]})
        network = config.parse_list(conflist("some", *plugins))
        attached = RuntimeConf(container_id="vm1", netns="/run/netns/own", if_name="eth0")
        made = runtime.add(network, attached, **options)
        runtime.check(network, attached, prev_result=made.raw, **options)
        veth, _, device = (each.name for each in made.result.interfaces)
        vm = str(made.result.ips[0].address.ip)
        enter = ["ip", "netns", "exec", "own"]
        for where in ([], enter):
            listener = host.popen([*where, sys.executable, "-c", LISTEN], stdout=subprocess.PIPE)
            assert listener.stdout is not None
            assert listener.stdout.readline() == "listening\n"
        for far, count in ((LISTED, 100), (OTHER, 5)):
            host.run([*enter, sys.executable, "-c", SEND, vm, far, str(count)])
            host.run([sys.executable, "-c", SEND, far, vm, str(count)])
        # Without a list of those that count, what the link itself needs counts too: ARP, neighbour discovery.
        most = 100 if key == "shapedSubnets" else 50
        least = 100 if key == "shapedSubnets" else 5
        eventually(lambda: least <= sent(host, device) <= most, f"{least} to {most} packets on {device}")
        eventually(lambda: least <= in_class(host, veth) <= most, f"{least} to {most} packets in the class")
        host.end_processes()
        runtime.del_(network, attached, prev_result=made.raw, **options)
    finally:
        kernel.close()
    assert snapshot() == before


def sent(host: Host, device: str) -> int:
    (shown,) = json.loads(host.run(["ip", "-s", "-j", "link", "show", device]).stdout)
    return int(shown["stats64"]["tx"]["packets"])


def in_class(host: Host, device: str) -> int:
    shown = host.run(["tc", "-s", "class", "show", "dev", device]).stdout
    found = re.search(r"Sent \d+ bytes (\d+) pkt", shown)
    assert found is not None, shown
    return int(found[1])
