"""Clones of one snapshot: the same network inside, an address of its own outside, and nothing left behind."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.host import Host, an_owner
from tests.snapshot import snapshot
from tests.system.daemon import REDIRECT, Daemon, daemon_in, eventually, ptp, refused, request, reservations
from vmplumb.v1 import network_agent_service_pb2 as pb
from vmplumb.v1 import vm_network_pb2

pytestmark = pytest.mark.host

INSIDE = {"address": "172.16.0.2/30", "gateway": "172.16.0.1", "mac": "02:fc:00:00:00:02"}
CLONE = {"type": "vmplumb-clone", "inside": INSIDE}
BRIDGE = {"type": "bridge", "bridge": "br-clone", "isGateway": True, "ipam": ptp()["ipam"]}


@pytest.fixture
def host(module_host: Host) -> Host:
    """The module's host."""
    return module_host


@pytest.fixture
def agent(daemon: Daemon) -> Iterator[Daemon]:
    """The module's daemon with two networks of clones; the world is as before at the end."""
    daemon.network("clones", ptp(), CLONE)
    daemon.network("bridged", BRIDGE, CLONE)
    daemon.network("masqueraded", ptp(ipMasq=True, ipMasqBackend="nftables"), CLONE)
    before = snapshot(bridges=("br-clone",))
    yield daemon
    eventually(lambda: snapshot(bridges=("br-clone",)) == before, "the world as before")


def outside(result: vm_network_pb2.SetupResult) -> str:
    """The address of its own, as the CNI result has it."""
    made = json.loads(result.interfaces[0].cni_result.json)
    vm = len(made["interfaces"]) - 1
    (address,) = [ip["address"].partition("/")[0] for ip in made["ips"] if ip["interface"] != vm]
    return str(address)


def inside(host: Host, result: vm_network_pb2.SetupResult, *argv: str) -> Any:
    """What a command says in the VM's namespace, as JSON."""
    return json.loads(host.run(["nsenter", f"--net={result.netns_path}", *argv]).stdout)


@pytest.mark.parametrize("network", ["clones", "bridged", "masqueraded"])
def test_clones_are_the_same_inside_and_differ_outside(agent: Daemon, host: Host, network: str) -> None:
    uid, gid = an_owner()
    results = [agent.result(f"vm-{n}", network, tap={"uid": uid, "gid": gid}) for n in (1, 2)]
    for result in results:
        static = result.interfaces[0].static_configuration
        assert (static.host_dev_name, static.mac_address) == ("tap0", INSIDE["mac"])
        ip = static.ip_configuration
        assert (ip.ip_addr, ip.gateway) == (INSIDE["address"], INSIDE["gateway"])
        assert result.ip_boot_param.startswith("172.16.0.2::172.16.0.1:255.255.255.252:")
    first, second = map(outside, results)
    assert first != second
    assert set(reservations(host, network)) == {first, second}
    for n in (1, 2):
        described = agent.stub.DescribeNetwork(pb.DescribeNetworkRequest(vm_id=f"vm-{n}"))
        (tap,) = [one for one in described.devices if one.role == vm_network_pb2.DEVICE_ROLE_TAP]
        assert (tap.name, tap.owner_uid, tap.owner_gid) == ("tap0", uid, gid)
        assert not agent.stub.CheckNetwork(pb.CheckNetworkRequest(vm_id=f"vm-{n}")).findings
        assert agent.tear_down(f"vm-{n}").devices_gone
    assert reservations(host, network) == {}


def test_the_end_state_is_a_tap_an_address_and_two_rules(agent: Daemon, host: Host) -> None:
    result = agent.result("vm-1", "clones")
    own = outside(result)
    (tap,) = inside(host, result, "ip", "-j", "-d", "addr", "show", "dev", "tap0")
    made = json.loads(result.interfaces[0].cni_result.json)
    twin, pseudo = made["interfaces"][-2:]
    assert (tap["address"], "UP" in tap["flags"]) == (twin["mac"], True)
    assert twin["mac"] != pseudo["mac"] == INSIDE["mac"]
    assert [(one["local"], one["prefixlen"]) for one in tap["addr_info"] if one["family"] == "inet"] == [
        ("172.16.0.1", 30)
    ]
    rules = inside(host, result, "nft", "-j", "list", "table", "inet", "vmplumb_clone")["nftables"]
    chains = [one["chain"] for one in rules if "chain" in one]
    assert [(one["name"], one["type"], one["hook"], one["prio"]) for one in chains] == [
        ("in", "nat", "prerouting", -100),
        ("out", "nat", "postrouting", 100),
    ]
    said = {one["rule"]["chain"]: one["rule"]["expr"] for one in rules if "rule" in one}
    field = {"protocol": "ip", "field": "daddr"}
    assert _essence(said["in"]) == [(field, own), {"dnat": {"family": "ip", "addr": "172.16.0.2"}}]
    assert _essence(said["out"]) == [
        ({**field, "field": "saddr"}, "172.16.0.2"),
        {"snat": {"family": "ip", "addr": own}},
    ]
    forwarding = "cat /proc/sys/net/ipv4/conf/{eth0,tap0,all}/forwarding"
    netns = f"--net={result.netns_path}"
    assert host.run(["nsenter", netns, "bash", "-c", forwarding]).stdout.split() == ["1", "1", "0"]
    # The same again is the same gateway: a guest has its MAC in memory.
    agent.tear_down("vm-1")
    again = json.loads(agent.result("vm-1", "clones").interfaces[0].cni_result.json)
    assert again["interfaces"][-2]["mac"] == twin["mac"]
    agent.tear_down("vm-1")


def _essence(expressions: list[dict[str, Any]]) -> list[Any]:
    """Matches as (field, value), without the one on the family, which some versions of nft show."""
    found: list[Any] = []
    for one in expressions:
        match = one.get("match")
        if match is None:
            found.append(one)
        elif "payload" in match["left"]:
            found.append((match["left"]["payload"], match["right"]))
    return found


HARMS = {
    "no tap": ["ip", "link", "del", "tap0"],
    "tap down": ["ip", "link", "set", "tap0", "down"],
    "no address": ["ip", "addr", "flush", "dev", "tap0"],
    "no rules": ["nft", "delete", "table", "inet", "vmplumb_clone"],
    "one rule too many": ["nft", "add", "rule", "inet", "vmplumb_clone", "in", "accept"],
    "no forwarding": ["bash", "-c", "echo 0 >/proc/sys/net/ipv4/conf/tap0/forwarding"],
}


@pytest.mark.parametrize("harm", HARMS.values(), ids=HARMS)
def test_a_check_names_what_is_wrong_and_a_teardown_takes_the_rest(
    agent: Daemon, host: Host, harm: list[str]
) -> None:
    result = agent.result("vm-1", "clones")
    host.run(["nsenter", f"--net={result.netns_path}", *harm])
    assert agent.stub.CheckNetwork(pb.CheckNetworkRequest(vm_id="vm-1")).findings
    assert agent.tear_down("vm-1").devices_gone


def test_a_namespace_of_somebody_else_is_left_as_it_was(agent: Daemon, host: Host) -> None:
    host.run(["ip", "netns", "add", "theirs"])

    def state() -> tuple[str, ...]:
        looks = (
            "ip -j link",
            "ip -j route",
            "nft list ruleset",
            "cat /proc/sys/net/ipv4/conf/all/forwarding",
        )
        return tuple(host.run(["ip", "netns", "exec", "theirs", *look.split()]).stdout for look in looks)

    before = state()
    result = agent.result("vm-1", "clones", netns_path="/run/netns/theirs")
    assert result.netns_adopted
    assert state() != before
    agent.tear_down("vm-1")
    assert state() == before
    host.run(["ip", "netns", "del", "theirs"])


def test_a_set_up_that_fails_after_it_is_taken_back(agent: Daemon, host: Host) -> None:
    agent.plugin(
        "broken",
        'test "$CNI_COMMAND" = VERSION && { echo \'{"cniVersion":"1.0.0","supportedVersions":["1.0.0"]}\'; exit; }\n'
        'test "$CNI_COMMAND" = ADD || exit 0\n'
        'echo \'{"code": 107, "msg": "no luck"}\'; exit 1',
    )
    agent.network("clones", ptp(), CLONE, {"type": "broken"})
    assert refused(lambda: agent.set_up("vm-1", "clones")).reason == "CNI_ADD_FAILED"
    assert reservations(host, "clones") == {}
    agent.tear_down("vm-1")


WRONG = {
    "nothing said of the inside": ({}, "inside"),
    "no address": ({"inside": {**INSIDE, "address": "172.16.0.2"}}, "address"),
    "an IPv6 address": ({"inside": {**INSIDE, "address": "fd00::2/64"}}, "IPv4"),
    "a gateway elsewhere": ({"inside": {**INSIDE, "gateway": "172.16.0.9"}}, "172.16.0.9"),
    "the gateway is the guest": ({"inside": {**INSIDE, "gateway": "172.16.0.2"}}, "172.16.0.2"),
    "many stations' MAC": ({"inside": {**INSIDE, "mac": "03:00:00:00:00:01"}}, "03:00:00:00:00:01"),
    "no MAC": ({"inside": {"address": "172.16.0.2/30", "gateway": "172.16.0.1"}}, "mac"),
    "inside and outside overlap": (
        {"inside": {**INSIDE, "address": "10.200.0.9/16", "gateway": "10.200.0.8"}},
        "tell them apart",
    ),
}


@pytest.mark.parametrize(("fields", "text"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_translated_is_refused_and_leaves_nothing(
    agent: Daemon, host: Host, fields: dict[str, Any], text: str
) -> None:
    agent.network("clones", ptp(), {"type": "vmplumb-clone", **fields})
    refusal = refused(lambda: agent.set_up("vm-1", "clones"))
    assert (refusal.reason, text in refusal.message) == ("CNI_ADD_FAILED", True), refusal.message
    assert not refusal.failure.leftovers
    assert reservations(host, "clones") == {}
    agent.tear_down("vm-1")


def test_a_tap_that_is_there_already_is_not_taken_over(agent: Daemon, host: Host) -> None:
    host.run(["ip", "netns", "add", "theirs"])
    host.run(["ip", "-n", "theirs", "tuntap", "add", "tap0", "mode", "tap"])
    refusal = refused(lambda: agent.set_up("vm-1", "clones", netns_path="/run/netns/theirs"))
    assert refusal.reason == "CNI_ADD_FAILED"
    assert json.loads(host.run(["ip", "-n", "theirs", "-j", "link", "show", "tap0"]).stdout)
    agent.tear_down("vm-1")
    host.run(["ip", "netns", "del", "theirs"])


def test_a_kill_loses_nothing_and_a_clone_nobody_knows_is_found(host: Host) -> None:
    before = snapshot(bridges=("br-clone",))
    with daemon_in(host, cni__owned_networks="clones") as agent:
        agent.network("clones", ptp(), CLONE)
        result = agent.result("vm-1", "clones")
        agent.kill()
        agent.start()
        assert agent.result("vm-1", "clones") == result
        assert not agent.stub.CheckNetwork(pb.CheckNetworkRequest(vm_id="vm-1")).findings
        # The journal is lost: what the clone left on the host is found, and taken away when told to.
        agent.kill()
        for file in (agent.directory / "state").glob("journal.db*"):
            file.unlink()
        agent.start()
        found = agent.stub.DiagnoseHost(pb.DiagnoseHostRequest()).findings
        assert "vm-1" in {one.vm_id for one in found}
        order = pb.CollectGarbageRequest(
            as_of_revision=agent.status().revision, collect_leaks=True, allow_empty=True
        )
        agent.stub.CollectGarbage(order)
        eventually(lambda: not agent.stub.DiagnoseHost(pb.DiagnoseHostRequest()).findings, "nothing is found")
        assert reservations(host, "clones") == {}
    eventually(lambda: snapshot(bridges=("br-clone",)) == before, "the world as before")


def test_as_executables_the_plugins_make_the_same(host: Host, agent: Daemon) -> None:
    built_in = agent.result("vm-1", "clones")
    agent.tear_down("vm-1")
    with daemon_in(host, cni__prefer="executable") as other:
        host.run([sys.executable, "-m", "vmplumbd", "install-plugins", other.bin])
        other.network("clones", ptp(), CLONE)
        events = other.set_up("vm-1", "clones")
        calls = [one.progress.plugin_call for one in events if one.progress.HasField("plugin_call")]
        assert {one.type for one in calls if one.command == "ADD" and not one.built_in} == {
            "ptp",
            "vmplumb-clone",
        }
        static = events[-1].result.interfaces[0].static_configuration
        assert static == built_in.interfaces[0].static_configuration
        assert not other.stub.CheckNetwork(pb.CheckNetworkRequest(vm_id="vm-1")).findings
        assert other.tear_down("vm-1").devices_gone


def test_a_chain_may_not_have_both_ways_to_the_guest(agent: Daemon) -> None:
    """Two plugins that each make the VM's tap are told apart by nobody."""
    agent.network("clones", ptp(), CLONE, REDIRECT)
    assert refused(lambda: list(agent.stub.SetupNetwork(request("vm-1", "clones")))).reason in {
        "CNI_ADD_FAILED",
        "CNI_RESULT_UNUSABLE",
    }
    agent.tear_down("vm-1")
