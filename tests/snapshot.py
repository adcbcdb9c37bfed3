"""The world as the calling thread sees it, as one value to compare before and after.

What may stay after a tear-down is left out by the list below, and by nothing else:

- forwarding (`ip_forward` and IPv6's `forwarding`), switched on for good by the first network;
- the bridges named to `snapshot`, with their addresses and the routes through them;
- host-local's `lock` and `last_reserved_ip.*`, and directories that hold nothing else;
- the default namespace directory with its mount;
- nft tables and base chains, and the shared chains in NFT_SHARED_CHAINS.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import stat
import subprocess
import threading
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from typing import Any

NETNS_DIR = "/run/netns"
STATE_DIRS = ("/var/lib/cni",)
RESIDUE_FILES = ("lock", "last_reserved_ip.")
NFT_SHARED_CHAINS = frozenset(
    {("cni_plugins_masquerade", "masq_checks"), ("cni_plugins_masquerade", "postrouting")}
)
SYSCTLS = {
    "ipv4": ("accept_local", "arp_notify", "proxy_arp", "route_localnet", "rp_filter", "send_redirects"),
    "ipv6": ("accept_dad", "accept_ra", "addr_gen_mode", "disable_ipv6", "keep_addr_on_down", "proxy_ndp"),
}
PASSING = frozenset(
    {"stats", "stats64", "valid_life_time", "preferred_life_time", "expires", "handle", "cache", "used"}
    | {"installed", "last_used"}
    | {"gc_timer", "hello_timer", "tcn_timer", "topology_change_timer"}
    | {"forward_delay_timer", "hold_timer", "message_age_timer"}
)

# States of links that are up, of which the kernel has not told yet that they have a carrier, or have it no more.
NOT_YET = {"veth": ("DOWN", "LOWERLAYERDOWN", "UNKNOWN"), "tun": ("UNKNOWN", "UP")}
SETTLE_SECONDS = 60.0

# One process for each set of options: every command of a batch answers with a document of its own.
IP_BATCHES = {
    (): {"links": "link show", "addresses": "addr show"},
    ("-4",): {"routes4": "route show table all", "rules4": "rule show"},
    ("-6",): {"routes6": "route show table all", "rules6": "rule show"},
}


def snapshot(*, bridges: Collection[str] = (), state_dirs: Collection[str] = STATE_DIRS) -> dict[str, Any]:
    """Links, addresses, routes, rules, qdiscs, filters, nft rules, sysctls, namespaces, mounts, CNI files."""
    world: dict[str, Any] = _ip()
    world["qdiscs"] = _json(["tc", "-j", "qdisc", "show"])
    for key in ("links", "addresses"):
        world[key] = [link for link in world[key] if link.get("ifname") not in bridges]
    for key in ("routes4", "routes6", "qdiscs"):
        world[key] = [row for row in world[key] if row.get("dev") not in bridges]
    ingress = [row["dev"] for row in world["qdiscs"] if row.get("kind") in ("ingress", "clsact")]
    world["filters"] = {dev: _filters(dev) for dev in ingress}
    world["nft"] = _nft()
    world["sysctls"] = _sysctls(bridges)
    world["namespaces"] = _namespaces()
    world["mounts"] = _mounts()
    world["files"] = {name: _files(Path(name)) for name in state_dirs}
    return world


def namespace_snapshot(path: str) -> dict[str, Any]:
    """What the namespace at `path` holds: the network part of `snapshot`."""
    name = os.path.relpath(path, NETNS_DIR)
    inside: dict[str, Any] = _ip("-n", name)
    inside["qdiscs"] = _json(["tc", "-n", name, "-j", "qdisc", "show"])
    ingress = [row["dev"] for row in inside["qdiscs"] if row.get("kind") in ("ingress", "clsact")]
    inside["filters"] = {
        dev: _json(["tc", "-n", name, "-j", "filter", "show", "dev", dev, "ingress"]) for dev in ingress
    }
    return inside


def differences(one: Any, other: Any, names: tuple[str, str] = ("was", "now"), where: str = "") -> list[str]:
    """Where two worlds differ, a line each: place, the one, the other."""
    if isinstance(one, dict) and isinstance(other, dict):
        keys = dict.fromkeys([*other, *one])
        lines = [differences(one.get(key), other.get(key), names, f"{where}/{key}") for key in keys]
        return [line for each in lines for line in each]
    if isinstance(one, list | tuple) and type(one) is type(other) and len(one) == len(other):
        pairs = enumerate(zip(one, other, strict=True))
        return [line for index, (a, b) in pairs for line in differences(a, b, names, f"{where}/{index}")]
    return [] if one == other else [f"{where}: {names[0]} {one!r}, {names[1]} {other!r}"]


def settled(look: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What `look`, one of the two above, sees in a world where networks stand, once the kernel is done with them.

    Of a carrier it tells up to a second later, a link-local address comes after that, and then it looks whether
    another has it. A pair must be up at both ends, and a tap held by nobody. Raises AssertionError after a minute.
    """
    end, pause, last = time.monotonic() + SETTLE_SECONDS, threading.Event(), dict[str, Any]()
    while _under_way(found := look()) or found != last:
        if time.monotonic() > end:
            raise AssertionError(f"not settled in {SETTLE_SECONDS} s: {found['links']} {found['addresses']}")
        last = found
        pause.wait(0.05)
    return found


def _under_way(world: dict[str, Any]) -> bool:
    addresses = [one for link in world["addresses"] for one in link.get("addr_info", ())]
    return any(one.get("tentative") for one in addresses) or any(
        "UP" in link["flags"]
        and link["operstate"] in NOT_YET.get(link.get("linkinfo", {}).get("info_kind"), ())
        for link in world["links"]
    )


def _ip(*where: str) -> dict[str, Any]:
    found = {}
    for options, commands in IP_BATCHES.items():
        said = _output(
            ["ip", *where, "-d", "-j", *options, "-batch", "-"],
            "".join(f"{one}\n" for one in commands.values()),
        )
        position = 0
        for key in commands:
            value, end = json.JSONDecoder().raw_decode(said, position)
            position = end + len(said[end:]) - len(said[end:].lstrip())
            found[key] = _lasting(value)
    return found


def _filters(device: str) -> Any:
    """A device's filters; none of one that has gone since it was listed."""
    try:
        return _json(["tc", "-j", "filter", "show", "dev", device, "ingress"])
    except AssertionError:
        with suppress(OSError):
            socket.if_nametoindex(device)
            raise
        return []


def _json(argv: list[str]) -> Any:
    return _lasting(json.loads(_output(argv) or "[]"))


def _output(argv: list[str], stdin: str = "") -> str:
    done = subprocess.run(argv, capture_output=True, text=True, input=stdin, check=False)
    if done.returncode:
        raise AssertionError(f"{argv} exited with {done.returncode}: {done.stderr}")
    return done.stdout


def _lasting(value: Any) -> Any:
    """Without counters, timers and handles, which differ between two equal worlds."""
    if isinstance(value, dict):
        return {key: _lasting(inner) for key, inner in value.items() if key not in PASSING}
    if isinstance(value, list):
        return [_lasting(inner) for inner in value if inner != {}]  # `ip -j` pads lists with empty objects
    return value


def _nft() -> list[Any]:
    if shutil.which("nft") is None:
        return []
    ruleset = _json(["nft", "-j", "list", "ruleset"])["nftables"]
    return [row for row in ruleset if not _shared_nft(row)]


def _shared_nft(row: dict[str, Any]) -> bool:
    ((kind, body),) = row.items()
    if kind in ("metainfo", "table"):
        return True
    if kind == "chain":
        return "hook" in body or (body["table"], body["name"]) in NFT_SHARED_CHAINS
    return kind == "rule" and (body["table"], body["chain"]) == ("cni_plugins_masquerade", "postrouting")


def _sysctls(bridges: Collection[str]) -> dict[str, str]:
    found = {}
    for family, keys in SYSCTLS.items():
        root = Path("/proc/sys/net", family, "conf")
        if not root.is_dir():
            continue
        for device in sorted({entry.name for entry in root.iterdir()} - set(bridges)):
            for key in keys:
                # A key that this kernel has not, or a device that goes meanwhile.
                with suppress(FileNotFoundError):
                    found[f"{family}/{device}/{key}"] = (root / device / key).read_text("ascii").strip()
    return found


def _namespaces() -> dict[str, str]:
    root = Path(NETNS_DIR)
    if not root.is_dir():
        return {}
    return {
        entry.name: "mount" if os.path.ismount(entry) or _is_nsfs(entry) else "file"
        for entry in sorted(root.iterdir())
    }


def _is_nsfs(path: Path) -> bool:
    try:
        return path.stat().st_dev != path.parent.stat().st_dev
    except OSError:
        return False


def _mounts() -> list[tuple[str, str]]:
    """Mount point and kind, of everything but the namespace directory itself."""
    mounts = []
    for line in Path("/proc/thread-self/mountinfo").read_text("utf-8").splitlines():
        before, after = line.split(" - ", 1)
        point, kind = before.split()[4], after.split()[0]
        if point != NETNS_DIR:
            mounts.append((point, kind))
    return sorted(mounts)


def _files(root: Path) -> dict[str, str]:
    found = {}
    for folder, _, names in os.walk(root):
        for name in sorted(names):
            path = Path(folder, name)
            if name == RESIDUE_FILES[0] or name.startswith(RESIDUE_FILES[1]):
                continue
            with suppress(FileNotFoundError):  # gone since it was listed
                regular = stat.S_ISREG(path.lstat().st_mode)
                found[str(path.relative_to(root))] = (
                    path.read_text("utf-8", "replace") if regular else "not a file"
                )
    return found
