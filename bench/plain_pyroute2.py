"""The same end state by pyroute2, used as its documentation shows. No address management, no files.

Usage: python -m bench.plain_pyroute2
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from pyroute2 import IPRoute, NetNS, netns

from bench import jobs

_EVERYTHING = 3  # ETH_P_ALL
_INGRESS = 0xFFFF0000


def set_up(_: str, number: int) -> None:
    """A namespace with the veth pair, the routes, the tap and the redirects."""
    name, host_name = f"p{number}", f"pr{number:08x}"
    high, low = divmod(number + 2, 256)
    address = f"10.204.{high}.{low}"
    netns.create(name)
    with IPRoute() as host, NetNS(name) as inside:
        host.link("add", ifname=host_name, kind="veth", peer={"ifname": "veth0", "net_ns_fd": name})
        (outer,) = host.link_lookup(ifname=host_name)
        (link,) = inside.link_lookup(ifname="veth0")
        inside.link("set", index=link, state="up")
        inside.addr("add", index=link, address=address, prefixlen=16)
        inside.route("del", dst="10.204.0.0/16", oif=link, proto=2, scope=253)
        inside.route("add", dst="10.204.0.1/32", oif=link, scope=253, prefsrc=address)
        inside.route("add", dst="10.204.0.0/16", oif=link, gateway="10.204.0.1", prefsrc=address)
        host.link("set", index=outer, state="up")
        host.addr("add", index=outer, address="10.204.0.1", prefixlen=32)
        host.route("add", dst=f"{address}/32", oif=outer, scope=254)
        Path(f"/proc/sys/net/ipv6/conf/{host_name}/accept_ra").write_text("0", encoding="ascii")
        inside.link("add", ifname="tap0", kind="tuntap", mode="tap", uid=os.geteuid(), gid=os.getegid())
        (tap,) = inside.link_lookup(ifname="tap0")
        inside.link("set", index=tap, mtu=1500, state="up")
        for device in (tap, link):
            inside.tc("add", "ingress", device, handle=_INGRESS)
        for device, other in ((tap, link), (link, tap)):
            action = {"kind": "mirred", "direction": "egress", "action": "redirect", "ifindex": other}
            inside.tc(
                "add-filter",
                "u32",
                device,
                parent=_INGRESS,
                protocol=_EVERYTHING,
                target=0,
                keys=["0x0/0x0+0"],
                action=[action],
            )


def tear_down(_: str, number: int) -> None:
    """Remove the namespace; its devices go with it."""
    netns.remove(f"p{number}")


if __name__ == "__main__":
    sys.setswitchinterval(0.0005)
    jobs.serve(set_up, tear_down, {})
