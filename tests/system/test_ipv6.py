"""IPv6 and dual stack through the daemon: the answer, a packet to the gateway and back, and nothing left."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.host import Host
from tests.snapshot import snapshot
from tests.system.daemon import REDIRECT, Daemon, daemon_in
from vmplumb.v1 import cni_pb2, errors_pb2
from vmplumb.v1 import network_agent_service_pb2 as pb

pytestmark = pytest.mark.host

V4, V6 = "10.200.0.0/16", "2001:db8:1::/64"

# What a guest does: asks whether somebody has its address already, who has the gateway, then sends that an echo
# request; says who answered. Whoever objects to its address does so before the echo comes back.
GUEST = """
import fcntl, os, select, socket, struct, sys, time

tap, mac, own, gateway = sys.argv[1:]
own, gateway = (socket.inet_pton(socket.AF_INET6, one) for one in (own, gateway))
mac = bytes.fromhex(mac.replace(":", ""))
fd = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(fd, 0x400454CA, struct.pack("16sH22x", tap.encode(), 0x0002 | 0x1000 | 0x4000))


def checksum(source, target, body):
    data = source + target + struct.pack("!II", len(body), 58) + body
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def send(link, target, kind, rest, source=own):
    body = struct.pack("!BBH", kind, 0, 0) + rest
    body = struct.pack("!BBH", kind, 0, checksum(source, target, body)) + rest
    packet = struct.pack("!IHBB", 6 << 28, len(body), 58, 255) + source + target + body
    os.write(fd, bytes(10) + link + mac + b"\\x86\\xdd" + packet)


def ask(answer, *question):
    end = time.monotonic() + 60
    while time.monotonic() < end:
        send(*question)
        while select.select([fd], [], [], 0.3)[0]:
            frame = os.read(fd, 2000)[10:]
            if frame[12:14] != b"\\x86\\xdd" or frame[20] != 58:
                continue
            if frame[54] == 136 and frame[62:78] == own:
                sys.exit("somebody has the address")
            if frame[54] == answer:
                return frame
    sys.exit(f"no ICMPv6 {answer} in a minute")


def group(address):
    return socket.inet_pton(socket.AF_INET6, "ff02::1:ff00:0")[:13] + address[13:]


send(b"\\x33\\x33" + group(own)[12:], group(own), 135, bytes(4) + own, bytes(16))
told = ask(136, b"\\x33\\x33" + group(gateway)[12:], group(gateway), 135, bytes(4) + gateway + b"\\1\\1" + mac)
back = ask(129, told[6:12], gateway, 128, struct.pack("!HH", 1, 1) + b"hello?")
print(socket.inet_ntop(socket.AF_INET6, back[22:38]), back[62:68].decode())
"""


def network(*subnets: str) -> dict[str, Any]:
    ranges = [[{"subnet": subnet}] for subnet in subnets]
    routes = [{"dst": "::/0" if ":" in subnet else "0.0.0.0/0"} for subnet in subnets]
    return {"type": "ptp", "ipam": {"type": "host-local", "ranges": ranges, "routes": routes}}


@pytest.fixture
def daemon(host: Host) -> Iterator[Daemon]:
    with daemon_in(host) as made:
        made.network("six", network(V6), REDIRECT)
        made.network("dual", network(V6, V4), REDIRECT)
        yield made


def echoed(host: Host, vm_id: str, conf: cni_pb2.StaticNetworkConf) -> str:
    """What came back from the gateway."""
    (own,) = (ip for ip in conf.vm_ip_configs if ":" in ip.address)
    words = [conf.tap_name, conf.vm_mac_addr, own.address.partition("/")[0], own.gateway]
    return host.run(["ip", "netns", "exec", vm_id, sys.executable, "-c", GUEST, *words]).stdout


def test_an_ipv6_only_guest_reaches_its_gateway(daemon: Daemon, host: Host) -> None:
    before = snapshot()
    result = daemon.result("six-1", "six")
    (one,) = result.interfaces
    conf = one.vm_conf
    assert [(ip.address, ip.gateway) for ip in conf.vm_ip_configs] == [("2001:db8:1::2/64", "2001:db8:1::1")]
    assert [(route.dst, route.gw) for route in conf.vm_routes] == [("::/0", "")]
    assert not conf.HasField("vm_ip_config")
    assert result.ip_boot_param == ""
    assert [warning.reason for warning in result.warnings] == [errors_pb2.WARNING_REASON_IPV6_ONLY]
    assert echoed(host, "six-1", conf) == "2001:db8:1::1 hello?\n"
    checked = daemon.stub.CheckNetwork(pb.CheckNetworkRequest(vm_id="six-1"), timeout=20)
    assert (list(checked.findings), checked.cni_check_skipped) == ([], False)
    daemon.tear_down("six-1")
    daemon.quiet()
    assert snapshot() == before


def test_a_dual_stack_guest_has_both_and_boots_with_ipv4(daemon: Daemon, host: Host) -> None:
    before = snapshot()
    result = daemon.result("dual-1", "dual")
    (one,) = result.interfaces
    conf = one.vm_conf
    assert [ip.address for ip in conf.vm_ip_configs] == ["2001:db8:1::2/64", "10.200.0.2/16"]
    assert conf.vm_ip_config.address == "10.200.0.2/16"
    assert result.ip_boot_param.startswith("10.200.0.2::10.200.0.1:255.255.0.0::")
    assert list(result.warnings) == []
    assert echoed(host, "dual-1", conf) == "2001:db8:1::1 hello?\n"
    daemon.tear_down("dual-1")
    daemon.quiet()
    assert snapshot() == before
