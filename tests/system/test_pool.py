"""Warm pools: namespaces made ahead, claimed once, adopted over a restart, never left behind."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.host import NETNS_DIR, Host, an_owner, says_owner
from tests.snapshot import namespace_snapshot, settled, snapshot
from tests.system.daemon import REDIRECT, Daemon, daemon_in, eventually, ptp, steps
from vmplumb.v1 import network_agent_service_pb2 as pb
from vmplumb.v1 import vm_network_pb2

pytestmark = pytest.mark.host

SIZE = 3

# An executable that adds nothing to the result before it.
HANDS_ON = """
case $CNI_COMMAND in
VERSION) echo '{"cniVersion": "1.0.0", "supportedVersions": ["1.0.0"]}';;
ADD) sed -e 's/.*"prevResult": *//' -e 's/}$//';;
*) cat >/dev/null;;
esac
"""


@pytest.fixture
def pooled(host: Host) -> Iterator[Daemon]:
    """A daemon with a full pool, its networks and its pool gone afterwards."""
    before, there = snapshot(), names(host)
    with daemon_in(
        # The rate of all others would take a quarter of an hour for a member.
        host,
        pool__sizes=f"fcnet={SIZE}@1000",
        pool__refill_rate="0.001",
        limits__first_retry="0.01",
    ) as made:
        full(made)
        yield made
        for one in made.networks():
            made.tear_down(one.vm_id)
        made.quiet()
        # A pool of no size is discarded at the start.
        made.terminate()
        made.settings["pool.sizes"] = ""
        made.start()
        made.quiet()
        # Nobody waits for the devices of a member that was never anybody's.
        eventually(lambda: names(host) == there, "the devices of members are gone")
    assert snapshot() == before


def names(host: Host) -> list[str]:
    """The links of the host."""
    return [one["ifname"] for one in json.loads(host.run(["ip", "-j", "link"]).stdout)]


def full(daemon: Daemon) -> pb.PoolStatus:
    """Wait until the pool is full."""
    eventually(lambda: all(one.depth == one.size for one in daemon.status().pools), "the pool is full")
    (one,) = daemon.status().pools
    return one


def members(daemon: Daemon) -> list[str]:
    """Where the members lie."""
    return sorted(str(each) for each in (daemon.directory / "state" / "pool").iterdir())


def claims(events: list[pb.SetupNetworkResponse]) -> bool:
    """Whether a set-up claimed a member."""
    return ("POOL_CLAIM", "SUCCEEDED") in steps(events)


def whole(daemon: Daemon, vm_id: str, **fields: Any) -> list[pb.SetupNetworkResponse]:
    """A set-up, with all its events."""
    daemon.set_up(vm_id, **fields)
    return daemon.set_up(vm_id, **fields)


def shape(host: Host, name: str) -> object:
    """What a namespace looks like, but for names and numbers that differ anyway."""
    links = settled(lambda: namespace_snapshot(str(NETNS_DIR / name)))["links"]
    for link in links:
        for key in ("ifindex", "address", "link_index", "link_netnsid"):
            link.pop(key, None)
    routes = json.loads(host.run(["ip", "-n", name, "-j", "route"]).stdout)
    filters = [
        json.loads(host.run(["tc", "-n", name, "-j", "qdisc", "show", "dev", one["ifname"]]).stdout)
        for one in links
    ]
    addresses = json.loads(host.run(["ip", "-n", name, "-4", "-j", "addr", "show", "dev", "eth0"]).stdout)
    own = addresses[0]["addr_info"][0]["local"]
    return json.loads(json.dumps([links, routes, filters]).replace(f'"{own}"', '"OWN"'))


def test_a_claimed_network_is_a_network_like_any_other(pooled: Daemon, host: Host) -> None:
    claimed = whole(pooled, "pool-1")
    assert claims(claimed)
    # Another interface name is nothing a member has.
    assert not claims(whole(pooled, "pool-2", if_name="eth1"))
    pooled.tear_down("pool-2")
    full(pooled)
    pooled.terminate()
    pooled.settings["pool.sizes"] = ""
    pooled.start()
    cold = whole(pooled, "pool-3")
    assert not claims(cold)
    assert shape(host, "pool-1") == shape(host, "pool-3")
    for one in ("pool-1", "pool-3"):
        found = pooled.stub.CheckNetwork(pb.CheckNetworkRequest(vm_id=one), timeout=20)
        assert list(found.findings) == []
    roles = [
        [one.role for one in pooled.stub.DescribeNetwork(pb.DescribeNetworkRequest(vm_id=vm)).devices]
        for vm in ("pool-1", "pool-3")
    ]
    assert roles[0] == roles[1]


def test_hits_and_misses_are_counted_and_a_miss_goes_the_cold_way(pooled: Daemon) -> None:
    for number in range(SIZE + 2):
        pooled.set_up(f"pool-{number}")
    (one,) = pooled.status().pools
    assert one.network_name == "fcnet"
    assert one.hits >= SIZE
    assert one.hits + one.misses == SIZE + 2
    assert pb.CAPABILITY_WARM_POOL in pooled.status().capabilities
    full(pooled)


def test_a_member_is_used_once(pooled: Daemon, host: Host) -> None:
    inodes = []
    for _ in range(2 * SIZE):
        pooled.set_up("pool-1")
        inodes.append((NETNS_DIR / "pool-1").stat().st_ino)
        pooled.tear_down("pool-1")
        full(pooled)
    assert len(set(inodes)) == len(inodes) or pooled.status().pools[0].misses == 0
    assert pooled.status().pools[0].misses == 0


def test_tap_name_and_owner_are_given_at_the_claim(pooled: Daemon, host: Host) -> None:
    uid, gid = an_owner()
    events = whole(pooled, "pool-1", tap={"name": "vmtap", "uid": uid, "gid": gid})
    assert claims(events)
    (tap,) = json.loads(host.run(["ip", "-n", "pool-1", "-d", "-j", "link", "show", "vmtap"]).stdout)
    assert says_owner(tap["linkinfo"]["info_data"], uid, gid)


def test_members_are_adopted_over_a_kill_and_a_start(pooled: Daemon) -> None:
    before = members(pooled)
    pooled.kill()
    pooled.start()
    assert members(pooled) == before
    full(pooled)
    assert claims(whole(pooled, "pool-1"))


@pytest.fixture
def stranger(pooled: Daemon, host: Host) -> Iterator[str]:
    """A bridge of somebody else's on the host, for as long as the pool is there."""
    host.run(["ip", "link", "add", "br-other", "type", "bridge"])
    yield "br-other"
    host.run(["ip", "link", "del", "br-other"])


def host_ends(host: Host) -> list[str]:
    """The members' devices on the host, where nobody else has a pair."""
    links = json.loads(host.run(["ip", "-j", "link", "show", "type", "veth"]).stdout)
    return [one["ifname"] for one in links]


def harm(host: Host, daemon: Daemon, what: str, stranger: str) -> None:
    """Do to every member what only another program of the host would."""
    for path in members(daemon):
        match what:
            case "namespace":
                host.run(["umount", path])
            case "host end gone":
                host.run(["nsenter", f"--net={path}", "ip", "link", "del", "eth0"])
            case "tap gone":
                host.run(["nsenter", f"--net={path}", "ip", "link", "del", "tap0"])
    for name in host_ends(host):
        match what:
            case "host end up":
                host.run(["ip", "link", "set", name, "up"])
            case "host end on a bridge":
                host.run(["ip", "link", "set", name, "master", stranger])


@pytest.mark.parametrize(
    "what", ["namespace", "host end gone", "tap gone", "host end up", "host end on a bridge"]
)
def test_a_member_that_is_not_as_it_was_made_is_not_adopted(
    pooled: Daemon, host: Host, stranger: str, what: str
) -> None:
    victims = members(pooled)
    pooled.kill()
    harm(host, pooled, what, stranger)
    pooled.start()
    full(pooled)
    assert not set(members(pooled)) & set(victims)
    assert claims(whole(pooled, "pool-1"))


@pytest.mark.parametrize("what", ["namespace", "host end gone", "host end up", "host end on a bridge"])
def test_a_member_that_is_changed_while_it_waits_is_a_miss(
    pooled: Daemon, host: Host, stranger: str, what: str
) -> None:
    harm(host, pooled, what, stranger)
    assert not claims(whole(pooled, "pool-1"))
    found = pooled.stub.CheckNetwork(pb.CheckNetworkRequest(vm_id="pool-1"), timeout=20)
    assert list(found.findings) == []


def test_a_tap_that_is_gone_is_made_again_in_the_claimed_namespace(pooled: Daemon, host: Host) -> None:
    for path in members(pooled):
        host.run(["nsenter", f"--net={path}", "ip", "link", "del", "tap0"])
    pooled.set_up("pool-1")
    found = pooled.stub.CheckNetwork(pb.CheckNetworkRequest(vm_id="pool-1"), timeout=20)
    assert list(found.findings) == []


def test_a_changed_network_gets_no_old_member(pooled: Daemon) -> None:
    victims = members(pooled)
    pooled.network("fcnet", ptp(), REDIRECT, version="1.1.0")
    assert not claims(whole(pooled, "pool-1"))
    full(pooled)
    assert not set(members(pooled)) & set(victims)


def test_a_plugin_from_a_file_beside_the_list_is_part_of_the_network(pooled: Daemon) -> None:
    pooled.network("fcnet", ptp())
    beside = pooled.conf / "fcnet"
    beside.mkdir()
    (beside / "10-tap.conf").write_text(json.dumps(REDIRECT))
    assert not claims(whole(pooled, "pool-1"))
    pooled.tear_down("pool-1")
    full(pooled)
    assert claims(whole(pooled, "pool-1"))


def test_the_doctor_knows_the_pool(pooled: Daemon) -> None:
    found = pooled.stub.DiagnoseHost(pb.DiagnoseHostRequest(skip_preflight=True), timeout=30)
    assert list(found.findings) == []


def test_a_pool_is_drained_on_request_and_filled_again_by_the_next_set_up(pooled: Daemon) -> None:
    def collect(*, dry_run: bool) -> int:
        order = pb.CollectGarbageRequest(
            allow_empty=True, as_of_revision=pooled.status().revision, drain_pools=True, dry_run=dry_run
        )
        return pooled.stub.CollectGarbage(order, timeout=30).pool_members

    assert collect(dry_run=True) == SIZE
    assert len(members(pooled)) == SIZE
    assert collect(dry_run=False) == SIZE
    assert pooled.status().pools[0].depth == 0
    assert not claims(whole(pooled, "pool-1"))
    full(pooled)


def test_members_made_in_process_are_not_for_plugins_that_are_executed_since(
    pooled: Daemon, host: Host
) -> None:
    pooled.terminate()
    host.run([sys.executable, "-m", "vmplumbd", "install-plugins", str(pooled.bin)])
    pooled.settings["cni.prefer"] = "executable"
    pooled.start()
    assert pooled.status().pools[0].depth == 0
    assert not claims(whole(pooled, "pool-1"))
    assert pooled.get("pool-1").phase == vm_network_pb2.PHASE_READY


def test_a_network_that_is_executed_since_has_no_members_and_its_pool_says_so(pooled: Daemon) -> None:
    pooled.plugin("other", HANDS_ON)
    pooled.network("fcnet", ptp(), {"type": "other"}, REDIRECT)
    pooled.set_up("pool-1")
    eventually(lambda: pooled.status().pools[0].depth == 0, "the members are gone")
    (problem,) = eventually(lambda: pooled.status().problems, "the pool says why")
    assert "ptp, tc-redirect-tap alone" in problem.message
    pooled.network("fcnet", ptp(), REDIRECT)
