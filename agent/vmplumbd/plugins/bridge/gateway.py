"""Which address a bridge has for the VMs on it, and what must change there. Pure.

The gateway is the IPAM plugin's, or the first address of the subnet; with `isDefaultGateway` each family
gets a default route through it, unless the IPAM plugin names one with its gateway (plugins:plugins/main/
bridge/bridge.go, calcGateways and ensureAddr).
"""

from __future__ import annotations

import dataclasses
import ipaddress
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from vmplumbd.cni.result import IPConfig, Result, Route
from vmplumbd.model import net
from vmplumbd.plugins.bridge.config import BridgeConf
from vmplumbd.plugins.conf import PluginFault

# The container's place in a result of this plugin: after the bridge and the host end.
CONTAINER = 2

_EVERYWHERE = {4: ipaddress.ip_interface("0.0.0.0/0"), 6: ipaddress.ip_interface("::/0")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer3:
    """What the IPAM plugin's answer means: the VM's addresses and routes, and the bridge's own addresses."""

    ips: tuple[IPConfig, ...]
    routes: tuple[Route, ...]
    gateways: tuple[net.Interface, ...]


def layer3(parsed: BridgeConf, leased: Result) -> Layer3:
    """Gateways and default routes. Bridge addresses are in the order they are set: IPv4 first."""
    ips: list[IPConfig] = []
    routes = list(leased.routes)
    gateways: list[net.Interface] = []
    settled: set[int] = set()
    for ip in leased.ips:
        family = ip.address.version
        gateway = ip.gateway
        if gateway is None and parsed.is_gateway:
            gateway = _first_of(ip.address.network)
        ips.append(dataclasses.replace(ip, gateway=gateway, interface=CONTAINER))
        if parsed.is_default_gateway and family not in settled:
            settled.add(family)
            everywhere = _EVERYWHERE[family]
            if not any(route.gw is not None and route.dst == everywhere for route in routes):
                routes.append(Route(dst=everywhere, gw=gateway))
        if parsed.is_gateway and gateway is not None and gateway.version != family:
            raise PluginFault(f"failed to set bridge addr: {gateway} is no gateway for {ip.address}")
        if parsed.is_gateway and gateway is not None:
            gateways.append(ipaddress.ip_interface((gateway, ip.address.network.prefixlen)))
    return Layer3(
        ips=tuple(ips),
        routes=tuple(routes),
        gateways=tuple(sorted(gateways, key=lambda each: each.version)),
    )


def _first_of(subnet: net.Network) -> net.Address:
    try:
        return subnet.network_address + 1
    except ipaddress.AddressValueError as exc:
        raise PluginFault(
            f"failed to set bridge addr: there is no address for a gateway of {subnet}"
        ) from exc


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressChange:
    """What makes a link's addresses those of a gateway: some go, then some come. `kept` are there already."""

    gone: tuple[net.Interface, ...]
    new: tuple[net.Interface, ...]
    kept: tuple[net.Interface, ...] = ()


def address_change(
    name: str, present: Sequence[net.Interface], wanted: Sequence[net.Interface], *, force: bool
) -> AddressChange:
    """What to take from a link and what to add. Raises PluginFault where another address stands in the way.

    Every other IPv4 address does, and every IPv6 address of an overlapping subnet; with `force` they go.
    """
    now = list(present)
    gone: list[net.Interface] = []
    new: list[net.Interface] = []
    for address in wanted:
        for other in _in_the_way(now, address):
            if not force:
                raise PluginFault(f'"{name}" already has an IP address different from {address}')
            now.remove(other)
            (new.remove if other in new else gone.append)(other)
        if address not in now:
            now.append(address)
            new.append(address)
    kept = tuple(each for each in wanted if each in now and each not in new)
    return AddressChange(gone=tuple(gone), new=tuple(new), kept=kept)


def _in_the_way(present: Sequence[net.Interface], address: net.Interface) -> Iterator[net.Interface]:
    """The addresses before `address` in the link's own order: the reference stops where it finds its own."""
    for other in list(present):
        if other == address:
            return
        if other.version != address.version:
            continue
        if other.version == 4 or other.ip in address.network or address.ip in other.network:
            yield other
