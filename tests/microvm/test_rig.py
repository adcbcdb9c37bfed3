"""The rig itself, on a network made by hand: it believes a guest that is right, and no other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.host import Host
from tools.guest import boot

pytestmark = [pytest.mark.microvm, pytest.mark.timeout(900)]

BootGuest = Callable[..., boot.GuestReport]
NETNS = Path("/run/netns/vm-1")
MAC = "02:fc:00:00:00:01"
IP = "10.1.1.2::10.1.1.1:255.255.255.0:vm-1:eth0:off:10.1.1.1"
# The guest's own tap is its wire to the gateway: the namespace is the other end.
WIRE = """
ip netns add vm-1
ip -n vm-1 tuntap add tap0 mode tap vnet_hdr
ip -n vm-1 address add 10.1.1.1/24 dev tap0
ip -n vm-1 link set tap0 up
"""


@pytest.fixture
def wire(host: Host) -> None:
    for line in WIRE.strip().splitlines():
        host.run(line.split())


@pytest.mark.usefixtures("wire")
def test_a_guest_that_took_what_it_was_given_is_believed(boot_guest: BootGuest) -> None:
    report = boot_guest(NETNS, "tap0", MAC, IP)
    assert (report.fault, report.address, report.gateway, report.mac, report.ping) == (
        "",
        "10.1.1.2/24",
        "10.1.1.1",
        MAC,
        "3/3",
    )
    assert report.ok


@pytest.mark.usefixtures("wire")
def test_a_gateway_that_does_not_answer_fails_the_guest(boot_guest: BootGuest) -> None:
    report = boot_guest(NETNS, "tap0", MAC, IP.replace("10.1.1.1:", "10.1.1.9:", 1), pings=1)
    assert (report.ok, report.fault) == (False, "the guest says no-answer")


@pytest.mark.usefixtures("wire")
def test_a_missing_tap_is_named(boot_guest: BootGuest) -> None:
    with pytest.raises(boot.CannotBoot, match="no device tap9 in /run/netns/vm-1"):
        boot_guest(NETNS, "tap9", MAC, IP)


@pytest.mark.usefixtures("wire")
def test_a_missing_namespace_is_named(boot_guest: BootGuest) -> None:
    with pytest.raises(boot.CannotBoot, match="cannot enter the network namespace /run/netns/gone"):
        boot_guest(Path("/run/netns/gone"), "tap0", MAC, IP)
