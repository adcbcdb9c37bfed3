"""What a host offers is found by trying, in a namespace of its own, and nothing of the trying stays."""

from __future__ import annotations

import gc
import subprocess
import sys
from pathlib import Path

import pytest

from tests import host as hosts
from tests.descriptors import opened
from tests.snapshot import snapshot
from tests.system.daemon import eventually
from vmplumbd.kernel import holders
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


# A thread goes into the namespace at argv[1], and the thread that began leaves the process or stays.
THREAD = """
import ctypes, os, sys, threading
libc = ctypes.CDLL(None, use_errno=True)
def live():
    with open(sys.argv[1]) as space:
        assert libc.setns(space.fileno(), 0x40000000) == 0
    print("inside", flush=True)
    threading.Event().wait()
threading.Thread(target=live).start()
if sys.argv[2] == "leaves":
    # exit(2): of this thread alone.
    libc.syscall(60 if os.uname().machine == "x86_64" else 93, 0)
"""


@pytest.mark.parametrize("first", ["stays", "leaves"])
def test_a_thread_that_lives_in_a_namespace_is_seen_wherever_its_process_began(
    host: hosts.Host, first: str
) -> None:
    host.run(["ip", "netns", "add", "one"])
    inode = Path("/run/netns/one").stat().st_ino
    process = host.popen([sys.executable, "-c", THREAD, "/run/netns/one", first], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == "inside\n"
    if first == "leaves":
        state = Path(f"/proc/{process.pid}/stat")
        eventually(lambda: state.read_text().rpartition(")")[2].split()[0] == "Z", "the first has left")
    probe = LinuxProbe()
    (holder,) = probe.inhabited().by_inode[inode]
    assert holder.pid == process.pid
    assert Path(holder.what).stat().st_ino == inode
    assert [one.pid for one in holders.of_netns(inode, "/run/netns/one")] == [process.pid]
    probe.close()
    process.kill()
