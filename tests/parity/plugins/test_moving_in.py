"""Networks that the Go SDK and libcni left running are taken over as they stand, and torn down without a trace.

The reference plugins make them: as the SDK does (a cache directory and a namespace of the VM's own), and
through cnitool (libcni's shared cache, a namespace that somebody else made).
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.host import Host
from tests.parity.plugins import sides
from tests.snapshot import namespace_snapshot, settled, snapshot
from tests.system.daemon import REDIRECT, Daemon, conflist, eventually, ptp, refused, request
from vmplumb.v1 import network_agent_service_pb2 as pb
from vmplumb.v1 import vm_network_pb2
from vmplumbd import config as agent_config
from vmplumbd import main
from vmplumbd.cni import config, runtime
from vmplumbd.cni.args import RuntimeConf
from vmplumbd.cni.cache import Cache
from vmplumbd.cni.exec import ExecInvoker
from vmplumbd.plugins.install import install

pytestmark = [pytest.mark.host, pytest.mark.parity]

CNI = Path("/var/lib/cni")
MASQUERADED = ptp(ipMasq=True, ipMasqBackend="nftables")
BRIDGE = "br-sdk"
CHAINS = {
    "ptp": MASQUERADED,
    "bridge": ptp(ipMasq=True, ipMasqBackend="nftables", isGateway=True, bridge=BRIDGE) | {"type": "bridge"},
}
ARGS = (("IgnoreUnknown", "1"), ("TC_REDIRECT_TAP_NAME", "fc0"))


@dataclass(frozen=True, kw_only=True)
class Foreign:
    """Another runtime on the host, with the reference's plugins and ours as an executable where it has none."""

    host: Host
    bin_path: tuple[str, ...]
    conf_dir: Path

    def sdk(self, vm_id: str, *, if_name: str = "veth0") -> None:
        """As firecracker-go-sdk's setupNetwork leaves a VM."""
        netns = f"/var/run/netns/{vm_id}"
        self.host.run(["ip", "netns", "add", vm_id])
        # Link-local addresses come some time after their link, and would make two looks differ.
        quiet = "for one in all default; do echo 1 > /proc/sys/net/ipv6/conf/$one/disable_ipv6; done"
        self.host.run(["ip", "netns", "exec", vm_id, "sh", "-c", quiet])
        runtime.add(
            config.parse_list((self.conf_dir / "fcnet.conflist").read_bytes()),
            RuntimeConf(container_id=vm_id, netns=netns, if_name=if_name, args=ARGS),
            invoker=ExecInvoker(passthrough=("PATH",)),
            path=self.bin_path,
            cache=Cache(f"{CNI}/{vm_id}"),
        )
        settled = (
            f"ip -n {vm_id} link show fc0 | grep -q 'state DOWN'"
            f" && ip -n {vm_id} link show {if_name} | grep -q 'state UP'"
            " && ! ip link show type veth | grep mtu | grep -qv 'state UP'"
        )
        eventually(
            lambda: self.host.run(["sh", "-c", settled], check=False).returncode == 0,
            "the tap has lost its carrier, and the pair has found its own",
        )

    def cnitool(self, name: str) -> str:
        """As cnitool leaves a namespace; answers the container id it made up."""
        self.host.run(["ip", "netns", "add", name])
        env = {**os.environ, "CNI_PATH": ":".join(self.bin_path), "NETCONFPATH": str(self.conf_dir)}
        tool = f"{self.bin_path[0]}/cnitool"
        self.host.run([tool, "add", "fcnet", f"/var/run/netns/{name}"], env=env)
        (record,) = (CNI / "results").glob("fcnet-cnitool-*")
        return str(json.loads(record.read_text())["containerId"])


@pytest.fixture
def chain() -> str:
    """Which of CHAINS the network has."""
    return "ptp"


@pytest.fixture
def foreign(host: Host, tmp_path: Path, chain: str) -> Foreign:
    reference = sides.reference_plugins()
    if reference is None:
        pytest.skip("the reference plugins cannot be made")
    install(str(tmp_path / "launchers"))
    conf_dir = tmp_path / "conf"
    conf_dir.mkdir()
    (conf_dir / "fcnet.conflist").write_bytes(conflist("fcnet", CHAINS[chain], REDIRECT))
    return Foreign(host=host, bin_path=(reference, str(tmp_path / "launchers")), conf_dir=conf_dir)


@pytest.fixture
def agent(host: Host, foreign: Foreign, tmp_path: Path, chain: str) -> Iterator[Daemon]:
    """An agent that was never started."""
    directory = tmp_path / "agent"
    directory.mkdir()
    made = Daemon(host, directory, {"paths.conf_dir": str(foreign.conf_dir), "cni.owned_networks": "fcnet"})
    made.network("fcnet", CHAINS[chain], REDIRECT)
    yield made
    if made.process is not None and made.process.poll() is None:
        made.terminate()


def take_over(agent: Daemon, *vm_ids: str, **options: Any) -> tuple[int, dict[str, dict[str, Any]]]:
    """What `vmplumbd import` does, without a process of its own: exit status, and what it said by container id."""
    loaded = agent_config.load(None, environment={}, flags=agent.settings)
    with contextlib.redirect_stdout(io.StringIO()) as said:
        status = main.import_networks(loaded, vm_ids=vm_ids, as_json=True, **options)
    lines = [json.loads(line) for line in said.getvalue().splitlines()]
    return status, {line["vm_id"]: line for line in lines}


def command(agent: Daemon, *words: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """`vmplumbd import`: its exit status, and what it said by container id."""
    flags = [word for key, value in agent.settings.items() for word in ("--set", f"{key}={value}")]
    argv = [sys.executable, "-m", "vmplumbd", "import", "--json", *flags, *words]
    done: subprocess.CompletedProcess[str] = agent.host.run(argv, check=False)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines or done.returncode, done.stderr
    return done.returncode, {line["vm_id"]: line for line in lines}


def host_end(vm_id: str) -> str:
    """The name of the host's end of the VM's pair."""
    cached = json.loads((CNI / vm_id / "results" / f"fcnet-{vm_id}-veth0").read_text())
    return str(cached["result"]["interfaces"][0]["name"])


def links() -> set[str]:
    return {one["ifname"] for one in snapshot()["links"]}


def spec(**cni: Any) -> pb.SetupNetworkRequest:
    """What the caller of an SDK-made VM sends once its fleet has changed agents."""
    return request("vm-1", if_name="veth0", args=[{"key": key, "value": value} for key, value in ARGS], **cni)


@pytest.mark.parametrize("chain", CHAINS)
def test_an_sdk_vm_is_taken_over_untouched_and_torn_down_without_a_trace(
    host: Host, foreign: Foreign, agent: Daemon
) -> None:
    host.run(["sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6"])
    before = snapshot(bridges=[BRIDGE])
    foreign.sdk("vm-1")
    left, inside = snapshot(), namespace_snapshot("/run/netns/vm-1")
    assert command(agent)[0] == 0
    assert not (agent.directory / "state" / "journal.db").exists(), "a dry run writes nothing"

    status, told = command(agent, "--apply", "--vm-if-name", "eth0")
    assert (status, told["vm-1"]["done"], told["vm-1"]["why"]) == (0, True, "")
    assert (told["vm-1"]["tap"], told["vm-1"]["netns_owned"]) == ("fc0", True)
    assert (snapshot(), namespace_snapshot("/run/netns/vm-1")) == (left, inside)

    agent.start()
    assert agent.wait_for("reconciled")["adopted"] == 1
    assert (snapshot(), namespace_snapshot("/run/netns/vm-1")) == (left, inside)
    (network,) = agent.networks()
    assert (network.vm_id, network.phase) == ("vm-1", vm_network_pb2.PHASE_READY)
    described = agent.stub.DescribeNetwork(pb.DescribeNetworkRequest(vm_id="vm-1"), timeout=60)
    assert [one.name for one in described.devices][:2] == ["fc0", "veth0"]
    assert vm_network_pb2.DEVICE_ROLE_HOST_END in {one.role for one in described.devices}
    assert not agent.stub.CheckNetwork(pb.CheckNetworkRequest(vm_id="vm-1"), timeout=60).findings
    assert not agent.stub.DiagnoseHost(pb.DiagnoseHostRequest(skip_preflight=True), timeout=60).findings
    # The same spec replays, another one is refused.
    (again,) = agent.stub.SetupNetwork(spec(vm_if_name="eth0"), timeout=60)
    assert again.result.ip_boot_param.split(":")[0] == told["vm-1"]["addresses"][0]
    assert again.result.interfaces[0].static_configuration.host_dev_name == "fc0"
    assert refused(lambda: agent.stub.SetupNetwork(spec(), timeout=60)).reason == "SPEC_CONFLICT"
    assert agent.tear_down("vm-1").devices_gone
    assert snapshot(bridges=[BRIDGE]) == before


def test_a_live_vm_of_another_runtime_keeps_its_network(host: Host, foreign: Foreign, agent: Daemon) -> None:
    """Whoever asks for a network under its id is refused before any effect, and told what to do."""
    del agent.settings["cni.owned_networks"]
    foreign.sdk("vm-1")
    other = foreign.cnitool("theirs")
    lodger = host.popen(["ip", "netns", "exec", "vm-1", "sleep", "600"])
    eventually(lambda: Path(f"/proc/{lodger.pid}/comm").read_text().strip() == "sleep", "it lives in there")
    agent.start()
    left, inside = settled(snapshot), namespace_snapshot("/run/netns/vm-1")
    asked = [request("vm-1"), request("vm-1", if_name="veth0"), request("vm-1", validate_only=True)]
    asked += [request("vm-1", force=True), request("vm-1", netns_path="/run/netns/fresh"), request(other)]
    for one in asked:
        told = refused(lambda one=one: agent.stub.SetupNetwork(one, timeout=60))  # type: ignore[misc]
        assert (told.code, told.reason) == (grpc.StatusCode.ALREADY_EXISTS, "SPEC_CONFLICT")
        assert f"another runtime has a network of {one.vm_id}" in told.message
        assert ("used by sleep" in told.message) == (one.vm_id == "vm-1")
        assert "`vmplumbctl import`" in told.failure.hint
        assert not told.failure.retryable
    assert (settled(snapshot), namespace_snapshot("/run/netns/vm-1")) == (left, inside)
    assert agent.networks() == []


@pytest.mark.parametrize("gone", ["namespace", "interface"])
def test_what_a_vm_of_another_runtime_left_when_it_died_is_cleared_as_the_sdk_does(
    host: Host, foreign: Foreign, agent: Daemon, gone: str
) -> None:
    del agent.settings["cni.owned_networks"]
    foreign.sdk("vm-1")
    words = {
        "namespace": ["ip", "netns", "del", "vm-1"],
        "interface": ["ip", "-n", "vm-1", "link", "del", "veth0"],
    }
    host.run(words[gone])
    agent.start()
    # With the SDK's name of the interface, whose reservation and cache are that life's.
    (*_, last) = agent.stub.SetupNetwork(spec(), timeout=60)
    assert last.result.ip_boot_param
    assert not agent.stub.CheckNetwork(pb.CheckNetworkRequest(vm_id="vm-1"), timeout=60).findings
    assert agent.tear_down("vm-1").devices_gone


def test_a_namespace_that_somebody_else_made_stays(host: Host, foreign: Foreign, agent: Daemon) -> None:
    host.run(["sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6"])
    host.run(["ip", "netns", "add", "empty"])
    host.run(["ip", "netns", "del", "empty"])
    before = snapshot()
    vm_id = foreign.cnitool("theirs")
    status, told = take_over(agent, apply=True)
    assert (status, told[vm_id]["netns_owned"], told[vm_id]["why"]) == (0, False, "")
    agent.start()
    assert agent.wait_for("reconciled")["adopted"] == 1
    assert agent.tear_down(vm_id).devices_gone
    assert namespace_snapshot("/run/netns/theirs")["links"] == [
        one for one in namespace_snapshot("/run/netns/theirs")["links"] if one["ifname"] == "lo"
    ]
    host.run(["ip", "netns", "del", "theirs"])
    assert snapshot() == before


def test_what_does_not_stand_stays_with_its_runtime(host: Host, foreign: Foreign, agent: Daemon) -> None:
    """Each is told with its reason, nothing of it is written, and the sound one is taken over all the same."""
    for vm_id in ("sound", "no-netns", "no-tap", "no-host-end", "no-address"):
        foreign.sdk(vm_id)
    address = next(
        one for one in (CNI / "networks" / "fcnet").iterdir() if one.read_text().startswith("no-address")
    )
    address.unlink()
    body = json.loads((CNI / "sound" / "results" / "fcnet-sound-veth0").read_text())
    tapless = {**body, "containerId": "container", "netns": "/var/run/netns/sound"}
    (CNI / "results").mkdir()
    (CNI / "results" / "podman-container-eth0").write_text(json.dumps({**tapless, "networkName": "podman"}))
    (CNI / "results" / "fcnet-a_b-veth0").write_text(json.dumps({**body, "containerId": "a_b"}))
    (CNI / "results" / "fcnet-sound-veth0").write_text(json.dumps(body))
    host.run(["ip", "netns", "del", "no-netns"])
    # The namespace's devices go behind it.
    eventually(lambda: host_end("no-netns") not in links(), "its host end is gone")
    host.run(["ip", "-n", "no-tap", "link", "del", "fc0"])
    host.run(["ip", "link", "set", host_end("no-host-end"), "name", "renamed"])
    left = settled(snapshot)
    status, told = take_over(agent, apply=True)
    assert settled(snapshot) == left
    assert status == 1
    assert {vm_id: bool(one["why"]) for vm_id, one in told.items()} == {
        "sound": False,
        **dict.fromkeys(("no-netns", "no-tap", "no-host-end", "no-address", "container", "a_b"), True),
    }
    words = {vm_id: one["why"] for vm_id, one in told.items()}
    assert ("gone" in words["no-netns"], "fc0" in words["no-tap"]) == (True, True)
    assert "reserved" in words["no-address"]
    status, told = take_over(agent, "sound", "nobody")
    assert (status, told["sound"]["why"], bool(told["nobody"]["why"])) == (
        1,
        "the agent has a network of this VM already",
        True,
    )
    agent.start()
    assert [one.vm_id for one in agent.networks()] == ["sound"]
    assert take_over(agent)[0] == 3, "a running agent holds the journal"


def test_the_spec_that_callers_will_send_may_be_given(host: Host, foreign: Foreign, agent: Daemon) -> None:
    foreign.sdk("vm-1", if_name="eth0")
    file = agent.directory / "spec.json"
    cni: dict[str, Any] = {"networkName": "fcnet", "tap": {"name": "fc0"}}
    body = {"networkInterfaces": {"interfaces": [{"cniConfiguration": cni, "allowMmds": True}]}}
    for wrong, words in (
        ({"networkName": "other"}, "asks for eth0 on other"),
        ({"ifName": "veth9"}, "asks for veth9 on fcnet"),
        ({"networkName": ""}, "must specify either"),
        ({"nonsense": 1}, "no NetworkSpec"),
    ):
        changed = {**body, "networkInterfaces": {"interfaces": [{"cniConfiguration": {**cni, **wrong}}]}}
        file.write_text(json.dumps(changed))
        status, told = take_over(agent, spec_file=str(file))
        assert (status, words in told["vm-1"]["why"]) == (1, True), told
    file.write_text(json.dumps({**body, "netnsPath": "/var/run/netns/$VM_ID"}))
    assert take_over(agent, apply=True, keep_namespaces=True, spec_file=str(file))[0] == 0
    agent.start()
    asked = request("vm-1", netns_path="/var/run/netns/vm-1", tap={"name": "fc0"})
    asked.spec.network_interfaces.interfaces[0].allow_mmds = True
    (again,) = agent.stub.SetupNetwork(asked, timeout=60)
    assert list(again.result.mmds_interface_ids) == ["1"]
    assert again.result.netns_adopted
    assert agent.tear_down("vm-1").devices_gone
    assert Path("/run/netns/vm-1").exists()
