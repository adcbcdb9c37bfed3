"""A host is emptied: networks go as one group, with their addresses, and nothing that is not theirs goes too."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest
from click.testing import CliRunner

from tests.host import Host
from tests.snapshot import snapshot
from tests.system.daemon import REDIRECT, Daemon, eventually, ptp, reservations
from vmplumb._cli.app import root
from vmplumb.v1 import network_agent_service_pb2 as pb

pytestmark = pytest.mark.host

GROUP = 0x766D
OTHER = {"type": "host-local", "subnet": "10.41.0.0/24"}


@pytest.fixture(autouse=True)
def world_as_before(daemon: Daemon) -> Iterator[None]:
    before = snapshot()
    yield
    daemon.quiet()
    eventually(lambda: snapshot() == before, "the world is as it was")


def drain(daemon: Daemon, *, dry_run: bool = False) -> pb.CollectGarbageResponse:
    order = pb.CollectGarbageRequest(
        allow_empty=True, as_of_revision=daemon.status().revision, as_one_group=True, dry_run=dry_run
    )
    answer = daemon.stub.CollectGarbage(order, timeout=60)
    assert not [one.failure.message for one in answer.collected if one.HasField("failure")]
    return answer


def host_links(host: Host) -> set[str]:
    return {
        line.split(":")[1].strip().partition("@")[0]
        for line in host.run(["ip", "-o", "link"]).stdout.splitlines()
    }


def test_all_go_whoever_holds_them_and_are_free_at_the_answer(daemon: Daemon, module_host: Host) -> None:
    """One namespace is the caller's own, one is lived in, one has a teardown of its own before."""
    module_host.run(["ip", "netns", "add", "own"])
    links = host_links(module_host)
    for number in range(6):
        daemon.set_up(f"drain-{number}")
    daemon.network("masked", ptp(ipMasq=True, ipMasqBackend="nftables", ipam=OTHER), REDIRECT)
    daemon.set_up("drain-masked", "masked")
    assert "drain-masked" in module_host.run(["nft", "list", "ruleset"]).stdout
    daemon.set_up("drain-own", netns_path="/run/netns/own")
    holder = subprocess.Popen(["nsenter", "--net=/run/netns/drain-3", "sleep", "60"])
    daemon.tear_down("drain-5", wait=False)
    assert pb.CAPABILITY_COLLECT_AS_ONE_GROUP in daemon.status().capabilities
    planned = drain(daemon, dry_run=True)
    done = drain(daemon)
    ids = [*(f"drain-{number}" for number in range(5)), "drain-masked", "drain-own"]
    assert [one.vm_id for one in planned.collected] == ids
    assert [(one.vm_id, one.uid) for one in done.collected] == [
        (one.vm_id, one.uid) for one in planned.collected
    ]
    assert daemon.networks() == []
    left = {owner for owner in reservations(module_host).values() if owner != "drain-5"}
    assert (left, host_links(module_host) - links) == (set(), set())
    assert daemon.tear_down("drain-0").existed is False
    holder.kill()
    holder.wait()
    assert "drain-masked" not in module_host.run(["nft", "list", "ruleset"]).stdout
    daemon.set_up("drain-0")
    daemon.tear_down("drain-0")
    module_host.run(["ip", "netns", "del", "own"])


def test_a_group_that_somebody_else_uses_is_left_alone(daemon: Daemon, module_host: Host) -> None:
    module_host.run(["ip", "link", "add", "foreign0", "type", "veth", "peer", "name", "foreign1"])
    module_host.run(["ip", "link", "set", "foreign0", "group", str(GROUP)])
    for number in range(3):
        daemon.set_up(f"alone-{number}")
    done = CliRunner().invoke(root, ["--target", f"unix:{daemon.socket}", "drain", "--yes"])
    assert (done.exit_code, [f"alone-{n}" in done.output for n in range(3)]) == (0, [True] * 3), done.output
    assert (daemon.networks(), reservations(module_host)) == ([], {})
    assert "foreign0" in host_links(module_host)
    module_host.run(["ip", "link", "del", "foreign0"])
