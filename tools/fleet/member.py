"""One host of the demonstration: a network and mount namespace of its own, an agent in it, and who watches over both.

member.py NAME ADDRESS/BITS FOLDER ENDPOINTS TTL    told "go" when eth0 is there, "end" when it is enough; says what
happens as lines of JSON. FOLDER has ca.pem, NAME.pem, NAME.key and policy.toml; what the host writes lies in its own
/run, so that killing the process group is the loss of a host, disk and all.
"""

from __future__ import annotations

import ipaddress
import json
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests import host as hosts
from tests.snapshot import settled, snapshot
from tools.fleet import rig

PORT = 7443
NETWORK = "fleet"
STATE = Path("/run/vmplumb/state")
CONF_DIR = Path("/run/vmplumb/net.d")
LOG = Path("/run/vmplumbd.log")
# How long the kernel may take to see the last devices go after the namespaces are unlinked, on a busy machine.
SETTLE_SECONDS = 60.0


def main(name: str, address: str, folder: str, endpoints: str, ttl: str) -> None:
    """Be the host until it is enough."""
    with hosts.private_host() as host:
        say("host")
        await_word("go")
        ip = ipaddress.ip_interface(address)
        # No address that the kernel makes up: it would come in its own time, between two looks.
        host.run(["ip", "link", "set", "eth0", "addrgenmode", "none", "up"])
        host.run(["ip", "addr", "add", address, "dev", "eth0"])
        before = settled(snapshot)
        CONF_DIR.mkdir(parents=True)
        (CONF_DIR / f"{NETWORK}.conflist").write_text(json.dumps(conflist(int(ip.ip) & 0xFF)))
        with LOG.open("wb") as log:
            agent = host.popen(
                command(name, f"{ip.ip}:{PORT}", Path(folder), endpoints, ttl),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
            say("agent", pid=agent.pid)
            await_word("end")
            agent.terminate()
            status = agent.wait(120)
        deadline = time.monotonic() + SETTLE_SECONDS
        while (after := snapshot()) != before and time.monotonic() < deadline:
            time.sleep(0.05)
        differ = [part for part, was in before.items() if after[part] != was]
        say("ended", status=status, rows=rows(STATE / "journal.db"), differ=differ, log=LOG.read_text())


def conflist(number: int) -> dict[str, Any]:
    """The network, with a range that no other host has."""
    ipam = {"type": "host-local", "subnet": f"10.190.{number}.0/24", "routes": [{"dst": "0.0.0.0/0"}]}
    return {
        "cniVersion": "1.0.0",
        "name": NETWORK,
        "plugins": [{"type": "ptp", "ipam": ipam}, {"type": "tc-redirect-tap"}],
    }


def command(name: str, address: str, folder: Path, endpoints: str, ttl: str) -> list[str]:
    """The agent's command line."""
    settings = {
        "paths.state_dir": STATE,
        "paths.conf_dir": CONF_DIR,
        "listen.unix": "/run/vmplumb/vmplumbd.sock",
        "listen.tcp": address,
        "listen.tls_certificate": folder / f"{name}.pem",
        "listen.tls_key": folder / f"{name}.key",
        "listen.tls_client_ca": folder / "ca.pem",
        "policy.file": folder / "policy.toml",
        **rig.agent_settings(name, endpoints.split(","), folder, ttl=int(ttl), interval=0.2),
    }
    flags = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    return [sys.executable, "-m", "vmplumbd", "serve", *flags]


def rows(journal: Path) -> dict[str, int]:
    """How many rows the journal has that stand for something."""
    opened = sqlite3.connect(f"file:{journal}?mode=ro", uri=True)
    try:
        return {
            table: opened.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("networks", "releases", "members")
        }
    finally:
        opened.close()


def say(event: str, **fields: object) -> None:
    """One line for who watches."""
    print(json.dumps({"event": event, **fields}), flush=True)


def await_word(wanted: str) -> None:
    """Block until it is said. Who asks may be gone: then this host is, too."""
    if sys.stdin.readline().strip() != wanted:
        sys.exit(f"not told {wanted}")


if __name__ == "__main__":
    main(*sys.argv[1:6])
