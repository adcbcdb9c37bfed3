"""The bridge itself and its ports: made where it is missing, looked at before a port is added, never removed.

Host ends that we make have a MAC made of the network's name and their own, so that GC can tell them from
every other port without a file that remembers them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from vmplumbd.abc import Netns
from vmplumbd.errors import Exists, HostLimitReached, KernelFault, NotFound, Unsupported
from vmplumbd.model import net
from vmplumbd.plugins.bridge.config import BridgeConf
from vmplumbd.plugins.conf import PluginFault

# BR_MAX_PORTS of the kernel (net/bridge/br_private.h) is 1024, and no port has the number 0.
MOST_PORTS = 1023


def full(bridge: str) -> HostLimitReached:
    """A bridge has as many ports as the kernel allows."""
    return HostLimitReached(
        f"bridge {bridge} has {MOST_PORTS} ports, and no bridge can have more",
        hint="may the network be spread over several bridges, or are there ports that nobody needs?",
    )


def marked_mac(network: str, host_device: str) -> bytes:
    """The MAC of a host end that we make: local, unicast, and nobody else's choice for that name."""
    digest = hashlib.sha256(f"{network}\0{host_device}\0port".encode(errors="surrogateescape")).digest()
    return bytes([digest[0] & 0xFC | 0x02]) + digest[1:6]


def refuse_full(host: Netns, bridge: net.LinkInfo) -> None:
    """Raises HostLimitReached if a bridge has no room for one more port."""
    if host.count_ports(bridge.name) >= MOST_PORTS:
        raise full(bridge.name)


def ensure(host: Netns, parsed: BridgeConf) -> net.LinkInfo:
    """Find the bridge, or make it: up, promiscuous where asked, with room for a port.

    MTU and VLAN filtering are set on a new bridge only, as the reference does. Raises PluginFault, Unsupported,
    HostLimitReached, with nothing changed unless the kernel refuses a change.
    """
    name = parsed.bridge
    try:
        try:
            bridge = host.link(name=name)
        except NotFound:
            bridge = _make(host, parsed)
        if bridge.kind != "bridge":
            raise PluginFault(f'"{name}" already exists but is not a bridge')
        refuse_without_vlans(parsed, bridge)
        refuse_full(host, bridge)
        promisc = parsed.promisc and not bridge.promisc
        if promisc or not bridge.up:
            host.apply([net.SetLink(index=bridge.index, up=True, promisc=True if promisc else None)])
    except (KernelFault, PluginFault) as exc:
        raise PluginFault(f'failed to create bridge "{name}": {exc}') from exc
    # Its routes are ours to make; a kernel without IPv6 has none to accept.
    host.try_sysctls({f"net/ipv6/conf/{name}/accept_ra": "0"})
    return bridge


def refuse_without_vlans(parsed: BridgeConf, bridge: net.LinkInfo) -> None:
    """Raises Unsupported if VLANs are asked of a bridge whose kernel has none."""
    # A trunk of nothing makes a new bridge filter, and asks nothing of one that is there.
    if (parsed.vlan or parsed.trunk) and bridge.default_vlan is None:
        raise Unsupported(
            f"failed to setup vlan tag on interface of bridge {bridge.name}: this kernel does not filter VLANs",
            hint="is the kernel built with CONFIG_BRIDGE_VLAN_FILTERING?",
        )


def _make(host: Netns, parsed: BridgeConf) -> net.LinkInfo:
    name = parsed.bridge
    add = net.AddLink(
        name=name, kind="bridge", mtu=parsed.mtu, vlan_filtering=True if parsed.filters_vlans else None
    )
    try:
        (made,) = host.apply([add, net.GetLink(name=name)])
    except Exists:
        # Someone else has made it since we looked.
        return host.link(name=name)
    except KernelFault as exc:
        raise PluginFault(f'could not add "{name}": {exc}') from exc
    return made


def attachment(parsed: BridgeConf, bridge: net.LinkInfo, port: int) -> Iterator[net.Request]:
    """What makes a link a port: up, on the bridge, with what the configuration asks of it."""
    yield net.SetLink(
        index=port,
        up=True,
        master=bridge.index,
        hairpin=True if parsed.hairpin else None,
        isolated=True if parsed.isolated else None,
    )
    yield from vlans(parsed.vlan, parsed.trunk or (), bridge, port, keep_default=parsed.keep_default_vlan)


def vlans(
    vlan: int, trunk: tuple[int, ...], bridge: net.LinkInfo, port: int, *, keep_default: bool
) -> Iterator[net.Request]:
    """What puts a new port into its VLANs. A trunk without a VLAN of its own has VLAN 1 untagged."""
    if not vlan and not trunk:
        return
    if bridge.default_vlan and not keep_default:
        yield net.DelBridgeVlan(index=port, vid=bridge.default_vlan)
    if vlan:
        yield net.AddBridgeVlan(index=port, vid=vlan, pvid=True, untagged=True)
    for vid in trunk:
        yield net.AddBridgeVlan(index=port, vid=vid)
    if not vlan:
        yield net.AddBridgeVlan(index=port, vid=1, pvid=True, untagged=True)
