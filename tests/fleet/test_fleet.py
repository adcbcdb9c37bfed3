"""Real agents that tell of themselves in a real etcd, found and filled through it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.docs.examples import DOCS, examples
from tests.fleet.conftest import SHORT, Secured
from tests.host import Host
from tests.security.authority import Authority
from tests.snapshot import snapshot
from tests.system.daemon import REDIRECT, Daemon, daemon_in, eventually, ptp
from tests.system.test_metrics import value
from tools.fleet import rig
from vmplumb import Client, Tls, VmplumbError
from vmplumb import fleet as fleets
from vmplumb.fleet import EtcdError, Fleet, NoAgent
from vmplumb.v1.vm_network_pb2 import NetworkSpec

pytestmark = [pytest.mark.host, pytest.mark.etcd]


def spec_of(network: str) -> NetworkSpec:
    """A spec of one interface."""
    made = NetworkSpec()
    made.network_interfaces.interfaces.add(cni_configuration={"network_name": network})
    return made


# Says that it was called, and gives its prevResult on once it may.
GATE = """
case $CNI_COMMAND in
VERSION) echo '{"cniVersion":"1.0.0","supportedVersions":["1.0.0"]}' ;;
ADD) touch $DIR/arrived; while [ ! -e $DIR/open ]; do sleep 0.02; done
  sed -e 's/.*"prevResult": *//' -e 's/}$//' ;;
esac
"""

PREFIXES = iter(f"/fleet{number}" for number in range(1000))


@contextmanager
def member(host: Host, etcd: Secured, name: str, prefix: str, **settings: str) -> Iterator[Daemon]:
    """An agent of the fleet, called over its Unix socket, with reservations of its own."""
    with ExitStack() as ended:
        made: Daemon | None = None
        given = {**etcd.settings(name), "fleet.prefix": prefix, **settings}
        made = ended.enter_context(daemon_in(host, fleet__address="unix:/nowhere", **given))
        # Its socket has a name only now; and two agents in one host know nothing of each other.
        made.settings |= {
            "fleet.address": f"unix:{made.socket}",
            "paths.cache_root": f"{made.directory}/cache",
        }
        made.terminate()
        made.start()
        yield made


@pytest.fixture
def prefix() -> str:
    """A fleet of the test's own."""
    return next(PREFIXES)


@pytest.fixture
def fleet(etcd: Secured, prefix: str) -> Iterator[Fleet]:
    with Fleet(etcd.cluster.endpoints, tls=etcd.tls, prefix=prefix) as made:
        yield made


def ids(fleet: Fleet) -> list[str]:
    return [one.id for one in fleet.agents()]


def test_an_agent_tells_who_it_is_and_what_it_has_left_until_it_goes(
    module_host: Host, etcd: Secured, fleet: Fleet, prefix: str
) -> None:
    before = snapshot()
    with member(module_host, etcd, "a", prefix, fleet__labels="zone=one:rack=r/7") as agent:
        agent.wait_for("fleet.told")
        eventually(lambda: ids(fleet) == ["a"], "it is there")
        (told,) = fleet.agents()
        assert told.address == f"unix:{agent.socket}"
        assert dict(told.labels) == {"zone": "one", "rack": "r/7"}
        (network,) = told.networks
        assert (network.name, network.addresses_total) == ("fcnet", network.addresses_free)
        free = network.addresses_free
        agent.set_up("v")
        eventually(lambda: fleet.agents()[0].networks_live == 1, "the network is told")
        assert fleet.agents()[0].networks[0].addresses_free == free - 1
        agent.tear_down("v")
        agent.quiet()
        eventually(lambda: fleet.agents()[0].networks[0].addresses_free == free, "the address is told")
    # A stop takes the key back at once; nobody waits for the lease.
    assert ids(fleet) == []
    assert snapshot() == before


def test_a_lost_host_goes_with_its_lease_and_a_watch_tells(
    module_host: Host, etcd: Secured, fleet: Fleet, prefix: str
) -> None:
    with member(module_host, etcd, "a", prefix, **SHORT) as agent:
        eventually(lambda: ids(fleet) == ["a"], "it is there")
        changes = fleet.watch()
        assert next(changes).agent_id == "a"
        agent.kill()
        change = next(one for one in changes if one.agent is None)
        assert change.agent_id == "a"
        agent.start()
        change = next(one for one in changes if one.agent is not None)
        assert change.agent_id == "a"
        changes.close()


def test_an_agent_serves_while_etcd_is_away_and_tells_again(
    module_host: Host, authority: Any, tmp_path: Any
) -> None:
    folder = authority.folder
    tls = Tls.from_files(
        ca=authority.bundle, cert=folder / "orchestrator.pem", key=folder / "orchestrator.key"
    )
    with rig.cluster(
        tmp_path, port=24790, certificate=folder / "etcd.pem", key=folder / "etcd.key", ca=authority.bundle
    ) as alone:
        etcd = Secured(cluster=alone, authority=authority, tls=tls)
        metrics = str(tmp_path / "metrics.sock")
        with (
            member(module_host, etcd, "a", "/alone", metrics__listen=metrics, **SHORT) as agent,
            Fleet(alone.endpoints, tls=tls, prefix="/alone") as fleet,
        ):
            eventually(lambda: ids(fleet) == ["a"], "it is there")
            eventually(lambda: value(metrics, "vmplumb_out_of_fleet") == 0, "it knows")
            (lost,) = alone.members
            lost.kill()
            agent.wait_for("fleet.away", seconds=60)
            eventually(lambda: value(metrics, "vmplumb_out_of_fleet") == 1, "its lease has ended")
            agent.set_up("v")
            agent.tear_down("v")
            lost.start()
            eventually(lambda: present(fleet), "it is told again", seconds=60)


def test_an_agent_that_has_new_certificates_stays_in_a_fleet_that_trusts_no_others(
    module_host: Host, authority: Authority, tmp_path: Path
) -> None:
    certificates, trusted = tmp_path / "certificates", tmp_path / "trusted.pem"
    certificates.mkdir()
    new = Authority(authority.folder, "new")
    server = authority.folder / "etcd.pem"

    def give(who: Authority, name: str) -> None:
        """New files in the place of the old ones, each by a rename."""
        made = who.leaf(name, f"DNS:{name}")
        for path in (made, made.with_suffix(".key")):
            aside = certificates / "aside"
            aside.write_bytes(path.read_bytes())
            aside.rename(certificates / path.name)

    (certificates / "ca.pem").write_bytes(authority.bundle.read_bytes())
    give(authority, "rotating")
    trusted.write_bytes(authority.bundle.read_bytes())
    with rig.cluster(
        tmp_path, port=25790, certificate=server, key=server.with_suffix(".key"), ca=trusted
    ) as alone:
        settings = rig.agent_settings("rotating", alone.endpoints, certificates, ttl=3, interval=0.1)
        with daemon_in(module_host, fleet__address="unix:/nowhere", **settings) as agent:
            agent.wait_for("fleet.told")
            # What fits nothing is told once, and not taken.
            (certificates / "rotating.key").write_bytes(
                new.leaf("other", "DNS:other").with_suffix(".key").read_bytes()
            )
            agent.wait_for("fleet.tls.refused")
            give(new, "rotating")
            agent.wait_for("fleet.tls.reloaded")
            (member,) = alone.members
            member.kill()
            agent.wait_for("fleet.away")
            agent.lines.clear()
            trusted.write_bytes(new.bundle.read_bytes())
            member.start()
            agent.wait_for("fleet.told")


def test_an_agent_stays_in_its_fleet_while_its_member_of_etcd_is_lost(
    module_host: Host, etcd: Secured, fleet: Fleet, prefix: str
) -> None:
    lost = etcd.cluster.members[0]  # the one that an agent asks first
    with member(module_host, etcd, "a", prefix, **SHORT), closing(fleet.watch()) as changes:
        eventually(lambda: ids(fleet) == ["a"], "it is there")
        # Nobody keeps this lease, and it is twice as long as the agent's.
        lease = fleet._etcd.grant(6)
        fleet._etcd.put(f"{prefix}/agents/witness", b'{"id": "witness"}', lease=lease)
        lost.kill()
        try:
            gone = next(one for one in changes if one.agent is None)
            assert gone.agent_id == "witness"
            assert ids(fleet) == ["a"]
        finally:
            lost.start()
            with Fleet([lost.client], tls=etcd.tls, prefix=prefix) as alone:
                eventually(lambda: present(alone), "the member is back")


def present(fleet: Fleet) -> bool:
    try:
        return ids(fleet) == ["a"]
    except EtcdError:
        return False


def test_an_agent_starts_though_etcd_is_away(module_host: Host, etcd: Secured) -> None:
    settings = {**etcd.settings("a"), "fleet__endpoints": '["127.0.0.1:9"]', "fleet__address": "unix:/x"}
    with daemon_in(module_host, **settings) as agent:
        agent.wait_for("fleet.away", seconds=60)
        agent.set_up("v")
        agent.tear_down("v")
        agent.quiet()


def test_networks_are_placed_where_there_is_room_and_each_once(
    module_host: Host, etcd: Secured, fleet: Fleet, prefix: str
) -> None:
    before = snapshot()
    small = {"limits__max_networks": "2"}
    with (
        member(module_host, etcd, "a", prefix, fleet__labels="zone=one", **small) as a,
        member(module_host, etcd, "b", prefix, fleet__labels="zone=two", **small) as b,
    ):
        # Two agents in one host would give the same addresses: each has a network of its own range.
        for one, subnet in ((a, "10.61.0.0/24"), (b, "10.62.0.0/24")):
            one.network(
                "n",
                {
                    "type": "ptp",
                    "ipam": {"type": "host-local", "subnet": subnet, "dataDir": f"{one.directory}/ipam"},
                },
                {"type": "tc-redirect-tap"},
            )
            one.terminate()
            one.start()
        eventually(lambda: [len(one.networks) for one in fleet.agents()] == [2, 2], "both have it")
        spec = spec_of("n")
        assert fleet.set_up("vm-1", spec, labels={"zone": "two"}).agent.id == "b"
        # The same call finds it, though another agent has more room.
        assert fleet.set_up("vm-1", spec).agent.id == "b"
        assert fleet.where("vm-1") == "b"
        placed = {name: fleet.set_up(name, spec).agent.id for name in ("vm-2", "vm-3", "vm-4")}
        assert sorted([*placed.values(), "b"]) == ["a", "a", "b", "b"]
        # What is told may be older than what is: full is what the agents answer.
        with pytest.raises(NoAgent):
            fleet.set_up("vm-5", spec)
        assert fleet.where("vm-5") == ""
        assert not {one.vm_id for agent in (a, b) for one in agent.networks()} - {"vm-1", *placed}
        gone = fleet.tear_down("vm-1", wait_for_devices=True)
        assert gone is not None
        assert gone.existed
        assert fleet.set_up("vm-5", spec).agent.id == "b"
        for name in ("vm-5", *placed):
            fleet.tear_down(name, wait_for_devices=True)
        assert fleet.placements() == {}
        assert fleet.tear_down("vm-1") is None
        for one in (a, b):
            one.quiet()
    assert snapshot() == before


def test_the_example_of_the_documentation_places_a_vm_and_says_where(
    module_host: Host, etcd: Secured, fleet: Fleet, prefix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (shown,) = [one.text for one in examples(DOCS / "fleet.md") if one.kind == "python"]
    # The page says what is true of a production etcd: an endpoint of its own, and the usual prefix.
    here = shown.replace('["etcd-1:2379"]', repr(etcd.cluster.endpoints)).replace(
        "tls=etcd_tls", f"prefix={prefix!r}, tls=etcd_tls"
    )
    with member(module_host, etcd, "a", prefix, fleet__labels="zone=a") as agent:
        eventually(lambda: ids(fleet) == ["a"], "it is there")
        names = {"etcd_tls": etcd.tls, "agents_tls": etcd.tls, "spec": spec_of("fcnet")}
        exec(compile(here, "docs/fleet.md", "exec"), names)
        assert capsys.readouterr().out.startswith("a 10.200.0.")
        assert fleet.placements() == {}
        agent.quiet()


def test_callers_at_once_with_one_id_get_one_network(
    module_host: Host, etcd: Secured, fleet: Fleet, prefix: str
) -> None:
    with member(module_host, etcd, "a", prefix) as a, member(module_host, etcd, "b", prefix) as b:
        eventually(lambda: ids(fleet) == ["a", "b"], "both are there")
        landed: list[str] = []

        def place() -> None:
            landed.append(fleet.set_up("vm", spec_of("fcnet")).agent.id)

        callers = [threading.Thread(target=place) for _ in range(12)]
        for one in callers:
            one.start()
        for one in callers:
            one.join()
        assert len(landed) == 12
        assert len(set(landed)) == 1
        assert sorted(len(one.networks()) for one in (a, b)) == [0, 1]
        fleet.tear_down("vm", wait_for_devices=True)
        for agent in (a, b):
            agent.quiet()


def test_a_refusal_that_any_agent_would_give_leaves_no_place(
    module_host: Host, etcd: Secured, fleet: Fleet, prefix: str
) -> None:
    with member(module_host, etcd, "a", prefix) as agent:
        eventually(lambda: ids(fleet) == ["a"], "it is there")
        wrong = spec_of("fcnet")
        wrong.network_interfaces.interfaces[0].cni_configuration.if_name = "a/b"
        with pytest.raises(VmplumbError) as told:
            fleet.set_up("vm", wrong)
        assert told.value.reason == "INVALID_REQUEST"
        assert fleet.placements() == {}
        # A conflict leaves what is there, and where.
        fleet.set_up("vm", spec_of("fcnet"))
        with pytest.raises(VmplumbError) as told:
            fleet.set_up("vm", spec_of("other"))
        assert told.value.reason == "SPEC_CONFLICT"
        assert fleet.placements() == {"vm": "a"}
        fleet.tear_down("vm", wait_for_devices=True)
        agent.quiet()


def test_the_vms_of_a_lost_host_are_placed_again_and_strays_are_found_when_it_is_back(
    module_host: Host, etcd: Secured, fleet: Fleet, prefix: str
) -> None:
    with member(module_host, etcd, "a", prefix, **SHORT) as a:
        eventually(lambda: ids(fleet) == ["a"], "it is there")
        fleet.set_up("vm", spec_of("fcnet"))
        a.kill()
        eventually(lambda: ids(fleet) == [], "its lease has ended", seconds=60)
        with member(module_host, etcd, "b", prefix) as b:
            # Two agents in one host: the lost one's network still holds the first address of this one.
            b.network(
                "fcnet",
                {"type": "ptp", "ipam": {"type": "host-local", "subnet": "10.63.0.0/24"}},
                {"type": "tc-redirect-tap"},
            )
            eventually(lambda: ids(fleet) == ["b"], "another is there")
            assert fleet.where("vm") == "a"
            # A name of its own for the namespace, since both agents live in one host.
            spec = spec_of("fcnet")
            spec.netns_path = f"{module_host.netns_dir}/again"
            assert fleet.set_up("vm", spec).agent.id == "b"
            a.settings["fleet.ttl"] = "60"
            a.start()
            eventually(lambda: ids(fleet) == ["a", "b"], "the first is back")
            assert [(one.agent.id, one.vm_id, one.placed_at) for one in fleet.strays()] == [("a", "vm", "b")]
            for one in fleet.strays():
                with fleet.client(one.agent) as client:
                    client.tear_down(one.vm_id, uid=one.uid, wait_for_devices=True)
            assert fleet.strays() == []
            fleet.tear_down("vm", wait_for_devices=True)
            b.quiet()
        a.quiet()


def test_a_host_that_falls_silent_is_left_once_its_lease_has_ended(
    module_host: Host, etcd: Secured, fleet: Fleet, prefix: str
) -> None:
    with member(module_host, etcd, "a", prefix, **SHORT) as a:
        eventually(lambda: ids(fleet) == ["a"], "it is there")
        for vm_id in ("moved", "ended"):
            fleet.set_up(vm_id, spec_of("fcnet"))
        assert a.process is not None
        # Its connections stay open, and nothing comes through them any more: so it is with a host without power.
        a.process.send_signal(signal.SIGSTOP)
        try:
            with member(module_host, etcd, "b", prefix) as b:
                b.network(
                    "fcnet",
                    {"type": "ptp", "ipam": {"type": "host-local", "subnet": "10.64.0.0/24"}},
                    {"type": "tc-redirect-tap"},
                )
                eventually(lambda: "b" in ids(fleet), "another is there")
                spec = spec_of("fcnet")
                spec.netns_path = f"{module_host.netns_dir}/moved-again"
                with ThreadPoolExecutor(2) as pool:
                    ended = pool.submit(fleet.tear_down, "ended", timeout=60)
                    assert fleet.set_up("moved", spec, timeout=60).agent.id == "b"
                    assert ended.result() is None
                assert fleet.placements() == {"moved": "b"}
                fleet.tear_down("moved", wait_for_devices=True)
                b.quiet()
        finally:
            a.process.send_signal(signal.SIGCONT)
        for vm_id in ("moved", "ended"):
            a.tear_down(vm_id)
        a.quiet()


def test_a_set_up_at_an_agent_that_only_etcd_has_lost_is_not_begun_at_another(
    module_host: Host, etcd: Secured, fleet: Fleet, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged = threading.Event()

    def judge(client: Client) -> bool:
        verdict = answers(client)
        judged.set()
        return verdict

    answers = fleets._answers
    monkeypatch.setattr(fleets, "_answers", judge)
    # It tells of itself once, and then not before this test has ended.
    with member(module_host, etcd, "a", prefix, fleet__interval="600", fleet__ttl="3600") as a:
        a.plugin("gate", GATE)
        a.network("gated", ptp(), REDIRECT, {"type": "gate"})
        eventually(lambda: ids(fleet) == ["a"], "it is there")
        # It tells of its networks when it begins: now that there is one more.
        a.terminate()
        a.start()
        eventually(lambda: fleet.find("gated"), "it has the network")
        with ThreadPoolExecutor(1) as pool:
            placed = pool.submit(fleet.set_up, "vm", spec_of("gated"), timeout=60)
            eventually((a.directory / "arrived").exists, "the set-up is under way")
            told = fleet._etcd.get(f"{prefix}/agents/a")
            assert fleet._etcd.swap(f"{prefix}/agents/a", told, None) is None
            assert judged.wait(60)
            assert fleet.agents() == []
            (a.directory / "open").touch()
            assert placed.result().agent.id == "a"
        a.tear_down("vm")
        a.quiet()


def test_an_agent_that_is_cordoned_gets_nothing_new(
    module_host: Host, etcd: Secured, fleet: Fleet, prefix: str
) -> None:
    with member(module_host, etcd, "a", prefix) as agent, Client(f"unix:{agent.socket}") as client:
        eventually(lambda: ids(fleet) == ["a"], "it is there")
        assert [one.id for one in fleet.find("fcnet")] == ["a"]
        assert fleet.find("fcnet", {"zone": "x"}) == []
        assert fleet.find("nosuch") == []
        client.cordon(reason="a new kernel")
        eventually(lambda: fleet.agents()[0].draining, "the cordon is told")
        assert fleet.find("fcnet") == []
        with pytest.raises(NoAgent):
            fleet.set_up("v", spec_of("fcnet"))
        client.cordon(cordoned=False)
        eventually(lambda: fleet.find("fcnet"), "it takes networks again")


def test_vmplumbctl_lists_finds_watches_and_says_where(
    module_host: Host, etcd: Secured, fleet: Fleet, prefix: str
) -> None:
    folder = etcd.authority.folder
    options = [word for one in etcd.cluster.endpoints for word in ("--etcd", one)]
    options += ["--etcd-ca", str(etcd.authority.bundle), "--etcd-cert", str(folder / "orchestrator.pem")]
    options += ["--etcd-key", str(folder / "orchestrator.key"), "--prefix", prefix]

    def ctl(*words: str) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-m", "vmplumb.cli", "fleet", *options, *words]
        return module_host.run(argv, check=False, env={**os.environ, "COLUMNS": "200"})

    with member(module_host, etcd, "a", prefix, fleet__labels="zone=one"):
        eventually(lambda: ids(fleet) == ["a"], "it is there")
        assert "zone=one" in ctl("list").stdout
        assert ctl("find", "--network", "fcnet", "--label", "zone=one").returncode == 0
        assert ctl("find", "--network", "other").returncode == 8
        assert ctl("find", "--label", "zone").returncode == 2
        (told,) = json.loads(ctl("-o", "json", "list").stdout)
        assert told["id"] == "a"
        assert "a" in ctl("top", "--rounds", "1").stdout
        assert ctl("where", "vm").returncode == 4
        assert ctl("strays").returncode == 0
    nobody = [sys.executable, "-m", "vmplumb.cli", "fleet", "--etcd", "127.0.0.1:9", "list"]
    assert module_host.run(nobody, check=False, env={**os.environ}).returncode == 5
