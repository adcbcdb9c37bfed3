"""A real vmplumbd in a host of its own for the tests of a client in any language.

python -m tools.clients.live_agent [--cwd DIR] -- COMMAND...

COMMAND runs in the host (network and mount namespace) and finds:

VMPLUMB_TEST_UNIX      path of the agent's Unix socket
VMPLUMB_TEST_TLS       its address over TCP with mutual TLS, HOST:PORT
VMPLUMB_TEST_CA, VMPLUMB_TEST_CERT, VMPLUMB_TEST_KEY   PEM files for that
VMPLUMB_TEST_TENANT_CERT, VMPLUMB_TEST_TENANT_KEY      of a caller who may set up one network, on `quick`, and sees
                       no other's: ACCESS_DENIED, LIMIT_EXCEEDED, VM_NOT_FOUND
VMPLUMB_TEST_STRANGER_CERT, VMPLUMB_TEST_STRANGER_KEY  a certificate of another authority
VMPLUMB_TEST_CONTROL   path of a socket that orders events and makes relays: see `control.py`
VMPLUMB_TEST_VECTORS   tests/contract_rules/vectors.json
VMPLUMB_TEST_BIN, VMPLUMB_TEST_CONF_DIR   the directories of plugins and conflists
VMPLUMB_TEST_CNI_BIN   a directory with the reference plugins, as far as tools/reference_plugins.sh has installed them,
                       and with tc-redirect-tap of vmplumbd as an executable; the agent takes it as bin_path
VMPLUMB_TEST_BRIDGE    the name of a bridge that the test may make and leave behind
VMPLUMB_TEST_FLEET     where agents tell of themselves in the etcd of `control.py`'s FLEET; not set without an etcd

Networks (`network_name`) are real ones, but for what their names say:

quick      ptp, host-local, tc-redirect-tap
bridged    bridge, host-local, tc-redirect-tap
slow       quick, then the plugin `gate`, which waits to be let through (OPEN)
small      quick with one address: the second VM gets ADDRESSES_EXHAUSTED
broken     a plugin that fails ADD for good: CNI_ADD_FAILED, code 100, "the switch is full"
busy       a plugin that says "try again later" (11) for ever: CNI_TRY_AGAIN_LATER
stubborn   a plugin whose first DEL after an ADD fails: CNI_DEL_FAILED, then success
missing    a plugin that is not installed: CNI_PLUGIN_UNAVAILABLE
tapless    ptp alone: CNI_RESULT_UNUSABLE

The exit status is COMMAND's. If it was 0 and a network is left over, or the host is not as it was before, it is 1.
2: this machine cannot run it, and the reason is printed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests import host as hosts
from tests.security.authority import Authority
from tests.snapshot import snapshot
from tests.system.daemon import REDIRECT, Daemon, eventually
from tools.clients import live_fleet
from tools.clients.control import Control
from tools.clients.live_fleet import LiveFleet

ROOT = Path(__file__).resolve().parents[2]
TLS_ADDRESS = "127.0.0.1:17443"
BRIDGE, OTHER_BRIDGE = BRIDGES = ("vmplumbtest0", "vmplumbtest1")
REFERENCE = ROOT / "build" / "cni-bin"
SETTINGS = {
    "limits.attempts": "2",
    "limits.first_retry": "0.01",
    "limits.longest_retry": "0.05",
    "listen.tcp": TLS_ADDRESS,
}
TENANT = "tenant.example"
HERE = ("IP:127.0.0.1", "DNS:localhost")
# Callers over TLS are what callers of the socket are, but for the tenant.
POLICY = f"""
[[rule]]
name = "tenants"
who = ["dns:{TENANT}"]
rpcs = ["*"]
networks = ["quick"]
max_networks = 1
rate = 0

[[rule]]
name = "clients"
who = ["*"]
rpcs = ["*"]
administrator = true
networks = ["*"]
args = ["*"]
paths = ["netns_path"]
inline_conflists = true
rate = 0
"""
NOT_AS_BEFORE = 1
# How long the kernel may take to see the last devices go.
SETTLE_SECONDS = 60.0

PLUGIN = """#!{python}
import json, os, pathlib, socket, sys
command, vm_id = os.environ["CNI_COMMAND"], os.environ.get("CNI_CONTAINERID", "")
asked = json.load(sys.stdin)
def fail(code, msg, details=""):
    json.dump({{"cniVersion": "1.0.0", "code": code, "msg": msg, "details": details}}, sys.stdout)
    sys.exit(1)
if command == "VERSION":
    json.dump({{"cniVersion": "1.0.0", "supportedVersions": ["1.0.0"]}}, sys.stdout)
    sys.exit(0)
mark = pathlib.Path("{directory}", "stubborn." + vm_id)
"""
BEHAVIOUR = {
    "gate": """
if command == "ADD":
    with socket.socket(socket.AF_UNIX) as control:
        control.connect("{control}")
        control.sendall(f"ARRIVE {{vm_id}}\\n".encode())
        control.recv(16)
    json.dump(asked["prevResult"], sys.stdout)
""",
    "broken": """
if command == "ADD":
    fail(100, "the switch is full", "port 1 of 1")
""",
    "busy": """
if command == "ADD":
    fail(11, "the switch is busy")
""",
    "stubborn": """
if command == "ADD":
    mark.touch()
    json.dump(asked["prevResult"], sys.stdout)
elif command == "DEL" and mark.exists():
    mark.unlink()
    fail(101, "the switch is stubborn")
""",
}


def _ptp(subnet: str, **ranges: str) -> dict[str, Any]:
    return {
        "type": "ptp",
        "ipam": {"type": "host-local", "subnet": subnet, "routes": [{"dst": "0.0.0.0/0"}], **ranges},
    }


def furnish(daemon: Daemon, control: Path) -> None:
    """Install the networks and the plugins."""
    quick = _ptp("10.201.0.0/16")
    bridge = {
        **quick,
        "type": "bridge",
        "bridge": BRIDGE,
        "isGateway": True,
        "ipam": _ptp("10.202.0.0/16")["ipam"],
    }
    networks: Mapping[str, Sequence[Mapping[str, Any]]] = {
        "quick": (quick, REDIRECT),
        "bridged": (bridge, REDIRECT),
        "slow": (_ptp("10.203.0.0/16"), REDIRECT, {"type": "gate"}),
        "small": (_ptp("10.204.0.0/24", rangeStart="10.204.0.9", rangeEnd="10.204.0.9"), REDIRECT),
        "broken": (_ptp("10.205.0.0/16"), REDIRECT, {"type": "broken"}),
        "busy": (_ptp("10.206.0.0/16"), REDIRECT, {"type": "busy"}),
        "stubborn": (_ptp("10.207.0.0/16"), REDIRECT, {"type": "stubborn"}),
        "missing": (quick, REDIRECT, {"type": "nowhere"}),
        "tapless": (_ptp("10.208.0.0/16"),),
    }
    for name, plugins in networks.items():
        daemon.network(name, *plugins)
    for name, behaviour in BEHAVIOUR.items():
        path = daemon.bin / name
        path.write_text(
            (PLUGIN + behaviour).format(
                python=f"{sys.executable} -SE", directory=daemon.directory, control=control
            )
        )
        path.chmod(0o755)


def certificates(folder: Path) -> Authority:
    """An authority with a server's and a client's certificate, and a stranger's of another one."""
    folder.mkdir()
    ours = Authority(folder)
    for name in ("server", "client"):
        ours.leaf(name, *HERE)
    ours.leaf("tenant", f"DNS:{TENANT}")
    Authority(folder, "other-ca").leaf("stranger", *HERE)
    return ours


def executables(folder: Path) -> None:
    """The reference plugins, and our tc-redirect-tap, for a runtime that executes them."""
    own = folder.with_name("own-plugins")
    for path in (own, folder):
        path.mkdir()
    subprocess.run(
        [sys.executable, "-m", "vmplumbd", "install-plugins", str(own)], check=True, stdout=subprocess.DEVNULL
    )
    for plugin in (*REFERENCE.glob("*"), own / "tc-redirect-tap"):
        (folder / plugin.name).symlink_to(plugin)


@contextmanager
def live(host: hosts.Host) -> Iterator[tuple[Daemon, LiveFleet, dict[str, str]]]:
    """The agent and what lies around it, and the environment that says where; the host must be entered."""
    # Outside the host's own tmpfs: threads of a client may be older than the host.
    directory = Path(tempfile.mkdtemp(prefix="vmplumb-live-"))
    tls = directory / "tls"
    authority = certificates(tls)
    cni_bin = directory / "cni-bin"
    executables(cni_bin)
    (tls / "policy.toml").write_text(POLICY)
    daemon = Daemon(
        host,
        directory,
        {
            **SETTINGS,
            "listen.tls_certificate": str(tls / "server.pem"),
            "listen.tls_key": str(tls / "server.key"),
            "listen.tls_client_ca": str(tls / "ca.pem"),
            "paths.allowed_bin_paths": str(cni_bin),
            "policy.file": str(tls / "policy.toml"),
        },
    )

    def restart() -> None:
        daemon.terminate()
        daemon.start()

    fleet = LiveFleet(host, directory / "fleet", authority, tls / "policy.toml")
    control = Control(directory, daemon.socket, restart, fleet)
    try:
        furnish(daemon, control.path)
        daemon.start()
        yield (
            daemon,
            fleet,
            {
                **({} if live_fleet.missing() else {"VMPLUMB_TEST_FLEET": live_fleet.PREFIX}),
                "VMPLUMB_TEST_UNIX": str(daemon.socket),
                "VMPLUMB_TEST_TLS": TLS_ADDRESS,
                "VMPLUMB_TEST_CA": str(tls / "ca.pem"),
                "VMPLUMB_TEST_CERT": str(tls / "client.pem"),
                "VMPLUMB_TEST_KEY": str(tls / "client.key"),
                "VMPLUMB_TEST_TENANT_CERT": str(tls / "tenant.pem"),
                "VMPLUMB_TEST_TENANT_KEY": str(tls / "tenant.key"),
                "VMPLUMB_TEST_STRANGER_CERT": str(tls / "stranger.pem"),
                "VMPLUMB_TEST_STRANGER_KEY": str(tls / "stranger.key"),
                "VMPLUMB_TEST_CONTROL": str(control.path),
                "VMPLUMB_TEST_VECTORS": str(ROOT / "tests/contract_rules/vectors.json"),
                "VMPLUMB_TEST_BIN": str(daemon.bin),
                "VMPLUMB_TEST_CONF_DIR": str(daemon.conf),
                "VMPLUMB_TEST_CNI_BIN": str(cni_bin),
                "VMPLUMB_TEST_BRIDGE": OTHER_BRIDGE,
            },
        )
    finally:
        control.close()
        fleet.close()
        if daemon.process is not None and daemon.process.poll() is None:
            daemon.terminate()
        shutil.rmtree(directory, ignore_errors=True)


def run(command: Sequence[str], cwd: str | None = None) -> int:
    """Run the command beside a live agent. The thread must be one that may enter a host."""
    with hosts.private_host() as host:
        before = snapshot(bridges=BRIDGES)
        with live(host) as (daemon, fleet, environment):
            done = subprocess.run(
                command, cwd=cwd, env={**os.environ, **environment}, stdin=subprocess.DEVNULL, check=False
            )
            if done.returncode:
                return done.returncode if done.returncode > 0 else 128 - done.returncode
            left = [*sorted(one.vm_id for one in daemon.networks()), *fleet.left()]
            if left:
                print(f"live agent: networks left over: {', '.join(left)}", file=sys.stderr)
                return NOT_AS_BEFORE
            daemon.quiet()
        after: dict[str, Any] = {}

        def as_before() -> bool:
            after.update(snapshot(bridges=BRIDGES))
            return after == before

        try:
            eventually(as_before, "the host is as it was before", seconds=SETTLE_SECONDS)
        except AssertionError:
            for key in before:
                if before[key] != after[key]:
                    print(f"live agent: {key} was {before[key]}, is {after[key]}", file=sys.stderr)
            return NOT_AS_BEFORE
    return 0


def main() -> int:
    """Parse, enter, run."""
    parser = argparse.ArgumentParser(
        prog="tools.clients.live_agent",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--cwd", help="where COMMAND runs")
    parser.add_argument("command", nargs="+")
    asked = parser.parse_args()
    refusal = hosts.become_root() or hosts.refusal()
    if refusal:
        print(f"live agent: this machine cannot run it: {refusal}", file=sys.stderr)
        return 2
    return run(asked.command, asked.cwd)


if __name__ == "__main__":
    sys.exit(main())
