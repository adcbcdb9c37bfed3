"""The networks whose effects are recorded: each built-in plugin is in one of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

NETWORK = "net"
TAP: Mapping[str, Any] = {"type": "tc-redirect-tap"}


def ptp(directory: Path) -> bytes:
    """ptp over host-local with both families, then a tap."""
    return _conflist({"type": "ptp", "ipam": _host_local(directory, six=True)}, TAP)


def masqueraded(directory: Path) -> bytes:
    """The same behind the host's address."""
    return _conflist({"type": "ptp", "ipMasq": True, "ipam": _host_local(directory)}, TAP)


def bridged(directory: Path) -> bytes:
    """A bridge that is the gateway, and masquerades."""
    bridge = {"type": "bridge", "bridge": "br0", "isGateway": True, "ipMasq": True}
    return _conflist({**bridge, "ipam": _host_local(directory)}, TAP)


def chained(directory: Path) -> bytes:
    """Static addresses, and the plugins that come after a main one."""
    ipam = {"type": "static", "addresses": [{"address": "10.2.0.2/24", "gateway": "10.2.0.1"}]}
    rates = {"ingressRate": 8_000_000, "ingressBurst": 80_000, "egressRate": 8_000_000, "egressBurst": 80_000}
    tuning = {
        "type": "tuning",
        "mtu": 1400,
        "sysctl": {"net.ipv4.conf.IFNAME.arp_notify": "1"},
        "dataDir": str(directory / "tuning"),
    }
    return _conflist({"type": "ptp", "ipam": ipam}, tuning, {"type": "bandwidth", **rates}, TAP)


def cloned(directory: Path) -> bytes:
    """The same inside for each, behind an address of its own."""
    inside = {"address": "172.16.0.2/30", "gateway": "172.16.0.1", "mac": "02:fc:00:00:00:02"}
    return _conflist(
        {"type": "ptp", "ipam": _host_local(directory)}, {"type": "vmplumb-clone", "inside": inside}
    )


CHAINS: Mapping[str, Callable[[Path], bytes]] = {
    "ptp": ptp,
    "masqueraded": masqueraded,
    "bridged": bridged,
    "chained": chained,
    "cloned": cloned,
}
# Those that a warm pool can be made for.
POOLED = ("ptp", "masqueraded")
# A bridge stays, with its address: others are on it.
BRIDGES = ("br0",)


def types_of(conf_list: bytes) -> set[str]:
    """The plugins of a network, IPAM plugins too."""
    plugins = json.loads(conf_list)["plugins"]
    return {one["type"] for one in plugins} | {one["ipam"]["type"] for one in plugins if "ipam" in one}


def _host_local(directory: Path, *, six: bool = False) -> dict[str, Any]:
    ranges = [[{"subnet": "10.1.0.0/24"}], *([[{"subnet": "fd00:1::/64"}]] if six else [])]
    routes = [{"dst": "0.0.0.0/0"}, *([{"dst": "::/0"}] if six else [])]
    return {"type": "host-local", "ranges": ranges, "dataDir": str(directory / "networks"), "routes": routes}


def _conflist(*plugins: Mapping[str, Any]) -> bytes:
    return json.dumps({"name": NETWORK, "cniVersion": "1.0.0", "plugins": plugins}).encode()
