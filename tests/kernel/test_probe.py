"""What a host offers is found by trying, in a namespace of its own, and nothing of the trying stays."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

from tests import host as hosts
from tests.descriptors import opened
from tests.snapshot import snapshot
from tests.system.daemon import eventually
from vmplumbd.kernel.probe import LinuxProbe

WORKS = ("veth", "tun", "sch_ingress", "cls_u32", "act_mirred", "bridge")


def test_what_the_kernel_has_works_and_trying_it_leaves_nothing(host: hosts.Host) -> None:
    gc.collect()  # what other tests left in cycles must not go while ours are counted
    probe = LinuxProbe()
    before, open_before = snapshot(), opened()
    first = probe.facts(netns_dir="/run/netns", directories=["/var/lib/cni", "/var/lib/cni", "/none/at/all"])
    assert {name: first.features[name] for name in WORKS} == dict.fromkeys(WORKS, "")
    assert first.capabilities >> 12 & 1
    assert [one.path for one in first.disks] == ["/var/lib/cni", "/none/at/all"]
    assert probe.facts(netns_dir="/run/netns", directories=[]).features == first.features
    assert (snapshot(), opened()) == (before, open_before)
    probe.close()


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("true", "shared"),
        ("mount --make-private /run/netns", "private"),
        ("mount --make-slave /run/netns", "private"),
        ("umount /run/netns", "private"),
        ("umount /run/netns; rmdir /run/netns", ""),
    ],
)
def test_the_propagation_of_the_directory_of_namespaces(host: hosts.Host, script: str, expected: str) -> None:
    host.run(["sh", "-ec", script])
    probe = LinuxProbe()
    assert probe.facts(netns_dir="/run/netns", directories=[]).propagation == expected
    probe.close()


def test_a_missing_tun_device_is_told_as_such(host: hosts.Host) -> None:
    host.run(["mount", "-t", "tmpfs", "none", "/dev/net"])
    probe = LinuxProbe()
    assert probe.facts(netns_dir="/run/netns", directories=[]).features["tun"] == "/dev/net/tun: ENOENT"
    probe.close()


def test_who_lives_in_a_namespace_is_told_with_a_way_into_it(host: hosts.Host) -> None:
    host.run(["ip", "netns", "add", "one"])
    inode = Path("/run/netns/one").stat().st_ino
    probe = LinuxProbe()
    assert inode not in probe.inhabited().by_inode
    process = host.popen(["ip", "netns", "exec", "one", "sleep", "60"])
    eventually(lambda: Path(f"/proc/{process.pid}/comm").read_text().strip() == "sleep", "it lives there")
    (holder,) = probe.inhabited().by_inode[inode]
    assert (holder.pid, holder.command) == (process.pid, "sleep")
    assert Path(holder.what).stat().st_ino == inode
    assert probe.uptime() > 0
    probe.close()
