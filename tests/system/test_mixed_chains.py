"""Chains of built-in plugins and executables: firewall and portmap of the reference beside ours."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests import host as hosts
from tests.host import Host
from tests.parity.plugins import sides
from tests.snapshot import snapshot
from tests.system.daemon import HOST_LOCAL, REDIRECT, Daemon, conflist, daemon_in, ptp
from vmplumb.v1 import network_agent_service_pb2 as pb
from vmplumbd.cni import config, runtime
from vmplumbd.cni.args import RuntimeConf
from vmplumbd.cni.exec import ExecInvoker
from vmplumbd.cni.result import Result
from vmplumbd.kernel.linux import LinuxKernel
from vmplumbd.plugins.builtin import BuiltinInvoker

pytestmark = [pytest.mark.host, pytest.mark.parity]

ROOT = Path(__file__).parents[2]
STATE = ("/var/lib/cni", "/run/cni")
PORTMAP = {"type": "portmap", "backend": "nftables", "capabilities": {"portMappings": True}}
FIREWALL = {"type": "firewall", "backend": "iptables"}
TUNING = {"type": "tuning", "mtu": 1400, "txQLen": 99, "sysctl": {"net.ipv4.conf.IFNAME.arp_notify": "1"}}
LIMITS = {
    "ingressRate": 80_000_000,
    "ingressBurst": 800_000,
    "egressRate": 80_000_000,
    "egressBurst": 800_000,
}
BANDWIDTH = {"type": "bandwidth", "capabilities": {"bandwidth": True}}
CAPABILITIES: Mapping[str, Any] = {
    "portMappings": [{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}],
    "bandwidth": LIMITS,
}
BRIDGE = {"type": "bridge", "bridge": "mixed0", "isDefaultGateway": True, "ipam": HOST_LOCAL}
CHAINS: Mapping[str, Sequence[Mapping[str, Any]]] = {
    "builtin": (ptp(), TUNING, BANDWIDTH, REDIRECT),
    "portmap": (ptp(), PORTMAP, REDIRECT),
    "firewall": (ptp(), FIREWALL, REDIRECT),
    "behind": (ptp(), REDIRECT, FIREWALL, PORTMAP),
    "bridge": (BRIDGE, BANDWIDTH, FIREWALL, PORTMAP, REDIRECT),
    "everything": (ptp(), TUNING, BANDWIDTH, FIREWALL, PORTMAP, REDIRECT),
}


@pytest.fixture(scope="module")
def executables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A directory of CNI_PATH with firewall and portmap alone; iptables is on PATH meanwhile."""
    if (reason := hosts.refusal()) is not None:
        pytest.skip(reason)
    found = sides.reference_plugins()
    if found is None:
        pytest.skip("the reference plugins need Go")
    done = subprocess.run([ROOT / "tools" / "iptables.sh"], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(done.stderr.strip())
    directory = tmp_path_factory.mktemp("bin")
    for name in ("firewall", "portmap"):
        (directory / name).symlink_to(Path(found, name))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", done.stdout.strip(), prepend=":")
        yield directory


def rules(host: Host) -> str:
    return host.run(["nft", "list", "ruleset"]).stdout


def look(host: Host, chain: str, address: str) -> None:
    """What each plugin of the chain has done is there."""
    found = rules(host)
    kinds = [plugin["type"] for plugin in CHAINS[chain]]
    assert (f"dnat to {address}:80" in found) is ("portmap" in kinds)
    accepted = re.search(rf"ip saddr {re.escape(address)} .*accept", found)
    assert (accepted is not None) is ("firewall" in kinds)
    qdiscs = json.loads(host.run(["tc", "-j", "qdisc", "show"]).stdout)
    assert ("tbf" in [each["kind"] for each in qdiscs]) is ("bandwidth" in kinds)


class Runtime:
    """What a caller of the library does, in a namespace of his own."""

    def __init__(self, host: Host, kernel: LinuxKernel, directory: Path, chain: str) -> None:
        self.host = host
        self.network = config.parse_list(conflist("mixed", *CHAINS[chain]))
        self.options: dict[str, Any] = {
            "invoker": BuiltinInvoker(kernel, ExecInvoker(passthrough=("PATH",))),
            "path": (str(directory),),
        }
        host.run(["ip", "netns", "add", "own"])

    def life(self, vm: str, chain: str) -> Result:
        """Set up, look, check, tear down."""
        attached = RuntimeConf(
            container_id=vm, netns="/run/netns/own", if_name="eth0", capability_args=CAPABILITIES
        )
        made = runtime.add(self.network, attached, **self.options)
        look(self.host, chain, str(made.result.ips[0].address.ip))
        runtime.check(self.network, attached, prev_result=made.raw, **self.options)
        runtime.del_(self.network, attached, prev_result=made.raw, **self.options)
        return made.result


@pytest.mark.parametrize("chain", CHAINS)
def test_a_chain_through_the_runtime_leaves_nothing(host: Host, executables: Path, chain: str) -> None:
    kernel = LinuxKernel()
    try:
        caller = Runtime(host, kernel, executables, chain)
        # The first leaves the chains that all share.
        caller.life("vm0", chain)
        before = snapshot(bridges=("mixed0",), state_dirs=STATE)
        made = caller.life("vm1", chain)
    finally:
        kernel.close()
    taps = [each.name for each in made.interfaces if each.sandbox == "vm1"]
    assert taps == ["tap0"]
    assert snapshot(bridges=("mixed0",), state_dirs=STATE) == before


@pytest.fixture(scope="module")
def agent(module_host: Host, executables: Path) -> Iterator[Daemon]:
    """A daemon that finds firewall, portmap and iptables, with a network for each chain."""
    with daemon_in(module_host) as made:
        for path in executables.iterdir():
            shutil.copy(path, made.bin)
        for name, plugins in CHAINS.items():
            made.network(name, *plugins)
        yield made


@pytest.mark.parametrize("chain", CHAINS)
def test_a_chain_through_the_agent_leaves_nothing(agent: Daemon, module_host: Host, chain: str) -> None:
    asked = json.dumps(CAPABILITIES).encode()
    before = None
    for vm in ("first", "second"):
        result = agent.result(f"{chain}-{vm}", chain, capability_args=asked)
        address = result.interfaces[0].static_configuration.ip_configuration.ip_addr.split("/")[0]
        look(module_host, chain, address)
        found = agent.stub.CheckNetwork(pb.CheckNetworkRequest(vm_id=f"{chain}-{vm}"), timeout=20)
        assert (list(found.findings), found.cni_check_skipped) == ([], False)
        agent.tear_down(f"{chain}-{vm}")
        agent.quiet()
        after = snapshot(bridges=("mixed0",), state_dirs=STATE)
        # The first leaves the chains that all share.
        assert before in (None, after)
        before = after


SERVER = """
import socket
with socket.create_server(("", 80)) as server:
    print("listening", flush=True)
    link, _ = server.accept()
    link.sendall(b"from the VM")
    link.close()
"""


def test_a_mapped_port_leads_into_the_namespace(host: Host, executables: Path) -> None:
    host.run(["ip", "netns", "add", "own"])
    host.run(["ip", "addr", "add", "192.0.2.1/32", "dev", "lo"])
    kernel = LinuxKernel()
    options: dict[str, Any] = {
        "invoker": BuiltinInvoker(kernel, ExecInvoker(passthrough=("PATH",))),
        "path": (str(executables),),
    }
    network = config.parse_list(conflist("mixed", ptp(), FIREWALL, BANDWIDTH, PORTMAP))
    attached = RuntimeConf(
        container_id="vm1", netns="/run/netns/own", if_name="eth0", capability_args=CAPABILITIES
    )
    try:
        made = runtime.add(network, attached, **options)
        server = host.popen(
            ["ip", "netns", "exec", "own", sys.executable, "-c", SERVER], stdout=subprocess.PIPE
        )
        assert server.stdout is not None
        assert server.stdout.readline() == "listening\n"
        client = "import socket; print(socket.create_connection(('192.0.2.1', 8080), 60).recv(99).decode())"
        assert host.run([sys.executable, "-c", client]).stdout == "from the VM\n"
        assert server.wait(60) == 0
        # What the VM sends has gone through its limit.
        device = made.result.interfaces[-1].name
        (shown,) = json.loads(host.run(["ip", "-s", "-j", "link", "show", device]).stdout)
        assert shown["stats64"]["tx"]["packets"] >= 3
        runtime.del_(network, attached, prev_result=made.raw, **options)
    finally:
        kernel.close()
