"""The private host keeps its promises; every other test here stands on them."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests import host as hosts
from tests.snapshot import differences, snapshot


def identity() -> int:
    return Path("/proc/thread-self/ns/net").stat().st_ino


def test_a_test_is_in_a_network_of_its_own(host: hosts.Host) -> None:
    links = [row["ifname"] for row in snapshot()["links"]]
    assert links == ["lo"]


def test_threads_and_processes_are_in_the_host_too(host: hosts.Host) -> None:
    seen: list[int] = []
    thread = threading.Thread(target=lambda: seen.append(identity()))
    thread.start()
    thread.join()
    inode = host.run(["stat", "-L", "-c", "%i", "/proc/self/ns/net"]).stdout.strip()
    assert seen == [identity()]
    assert int(inode) == identity()


def test_leaving_a_host_brings_the_thread_and_its_directory_back(host: hosts.Host) -> None:
    before = identity(), Path.cwd(), sorted(Path("/run").iterdir())
    with hosts.private_host():
        Path("/run/mark").touch()
        assert identity() != before[0]
    assert (identity(), Path.cwd(), sorted(Path("/run").iterdir())) == before


def test_in_host_gives_back_what_the_act_raises(host: hosts.Host) -> None:
    def act() -> None:
        raise LookupError("from inside")

    with pytest.raises(LookupError, match="from inside"):
        hosts.in_host(act)


def test_ip_netns_works_and_shows_in_the_snapshot(host: hosts.Host) -> None:
    before = snapshot()
    host.run(["ip", "netns", "add", "one"])
    assert snapshot()["namespaces"] == {"one": "mount"}
    host.run(["ip", "netns", "del", "one"])
    assert snapshot() == before


@pytest.mark.parametrize(
    "act",
    [
        ["ip", "link", "add", "left", "type", "veth", "peer", "name", "right"],
        ["ip", "addr", "add", "10.9.9.9/32", "dev", "lo"],
        ["ip", "route", "add", "blackhole", "10.9.9.0/24"],
        ["ip", "rule", "add", "from", "10.9.9.9", "table", "7"],
        ["tc", "qdisc", "add", "dev", "lo", "ingress"],
        ["sh", "-c", "echo 0 > /proc/sys/net/ipv6/conf/lo/accept_ra"],
        ["sh", "-c", "mkdir -p /var/lib/cni/results && echo x > /var/lib/cni/results/left"],
        ["touch", "/run/netns/left"],
        ["mount", "-t", "tmpfs", "left", "/mnt"],
    ],
    ids=lambda argv: "_".join(argv)[:40],
)
def test_a_snapshot_sees_what_is_left_behind(host: hosts.Host, act: list[str]) -> None:
    before = snapshot()
    host.run(act)
    assert snapshot() != before


def test_a_snapshot_leaves_out_what_may_stay(host: hosts.Host) -> None:
    before = snapshot(bridges=["cni0"])
    host.run(["ip", "link", "add", "cni0", "type", "bridge"])
    host.run(["ip", "addr", "add", "10.9.9.1/24", "dev", "cni0"])
    host.run(["sysctl", "-qw", "net.ipv4.ip_forward=1"])
    networks = Path("/var/lib/cni/networks/one")
    networks.mkdir(parents=True)
    (networks / "lock").touch()
    (networks / "last_reserved_ip.0").write_text("10.9.9.2", "ascii")
    assert snapshot(bridges=["cni0"]) == before


def test_differences_name_their_places() -> None:
    was = {"links": [{"ifname": "lo", "mtu": 1}], "files": {"a": "x"}, "same": (1, 2)}
    now = {"links": [{"ifname": "lo", "mtu": 2}], "files": {"a": "x", "b": "y"}, "same": (1, 2)}
    assert differences(was, now) == ["/links/0/mtu: was 1, now 2", "/files/b: was None, now 'y'"]
    assert differences([1], [1, 2], ("ours", "theirs")) == [": ours [1], theirs [1, 2]"]
