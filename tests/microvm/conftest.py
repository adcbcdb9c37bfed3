"""The guest that these tests boot, found or built before the first of them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tools.guest import boot, build

BootGuest = Callable[..., boot.GuestReport]


@pytest.fixture(scope="session")
def guest() -> build.Guest:
    """A kernel and an initramfs, and QEMU. Made before any host is entered: there a registry is reached."""
    try:
        boot.find_qemu()
        return build.find(os.environ)
    except (build.Unavailable, boot.CannotBoot) as exc:
        pytest.skip(f"no guest: {exc}")


@pytest.fixture
def boot_guest(guest: build.Guest) -> BootGuest:
    """`boot_guest(netns, tap, mac, ip)` boots on that tap and returns the GuestReport."""

    def run(netns: Path, tap: str, mac: str, ip: str, *, pings: int = 3) -> boot.GuestReport:
        return boot.boot(
            kernel=guest.kernel, initrd=guest.initrd, netns=netns, tap=tap, mac=mac, ip=ip, pings=pings
        )

    return run
