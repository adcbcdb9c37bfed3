"""Delegation to the IPAM plugin, and what its answer means for a link.

A main plugin calls its IPAM plugin with its own environment and configuration, only the command being
what it needs (cni:pkg/invoke/delegate.go), through the same Invoker that called it: so built-in and
executed plugins mix.
"""

from __future__ import annotations

import dataclasses
import functools
import ipaddress
from collections.abc import Iterator, Sequence

from vmplumbd.abc import Netns
from vmplumbd.cni import result
from vmplumbd.cni.error import PluginNotFound
from vmplumbd.cni.invoke import Command, InProcess, Invocation, Invoker
from vmplumbd.cni.result import IPConfig, Result
from vmplumbd.errors import NotFound
from vmplumbd.model import net
from vmplumbd.plugins import conf
from vmplumbd.plugins.conf import PluginFault, Section


def delegate(invoker: Invoker, call: Invocation, plugin: str, command: Command) -> bytes:
    """Call the IPAM plugin; answers what an executed one printed. Raises CniError, its own where it has one."""
    if not plugin:
        raise PluginFault("no plugin name provided")
    try:
        if isinstance(invoker, InProcess) and invoker.takes(plugin, call.stdin):
            invoker.call(call.delegated(plugin, command))
            return b""
        stdin = conf.with_prev_result(call.stdin, call.previous)
        return invoker.invoke(
            dataclasses.replace(call, command=command, plugin=plugin, stdin=stdin, previous=None)
        )
    except PluginNotFound as exc:
        raise PluginFault(exc.msg) from exc


def add(invoker: Invoker, call: Invocation, plugin: str, cni_version: str) -> Result:
    """Take addresses. Raises CniError."""
    if isinstance(invoker, InProcess) and plugin and invoker.takes(plugin, call.stdin):
        made = invoker.call(call.delegated(plugin, Command.ADD))
        assert made is not None, "ADD answers a result"
        return made
    return result.parse(delegate(invoker, call, plugin, Command.ADD), default_version=cni_version)


def dns_of(top: Section) -> result.DNS | None:
    """What the configuration says of name resolution, which stands before the IPAM plugin's; None if nothing.

    Raises Malformed.
    """
    given = top.section("dns", "NetConf.dns")
    if given is None:
        return None
    if not any(given.has(key) for key in ("nameservers", "search", "options")) and not given.text("domain"):
        return None
    return result.DNS(
        nameservers=given.texts("nameservers"),
        domain=given.text("domain") or None,
        search=given.texts("search"),
        options=given.texts("options"),
    )


def has_traces(invoker: Invoker, call: Invocation, plugin: str) -> bool:
    """Whether DEL of the IPAM plugin would find anything; True where it cannot be told. Raises CniError."""
    if isinstance(invoker, InProcess) and invoker.takes(plugin, call.stdin):
        return invoker.has_traces(call.delegated(plugin, Command.DEL))
    return True


def requests(link: net.LinkInfo | net.Device, made: Result) -> Iterator[net.Request]:
    """Addresses, link up, and the result's routes; a route without a gateway takes the first of its family.

    IPv6 addresses are added without duplicate address detection, which the reference waits for up to
    five seconds: the other end of a veth pair made a moment ago is the only other node on the link, and its
    address is the gateway, which no IPAM plugin gives to a VM.
    """
    for ip in made.ips:
        yield net.AddAddress(
            index=link.index,
            address=ip.address,
            broadcast=broadcast_of(ip.address),
            no_dad=ip.address.version == 6,
        )
    yield net.SetLink(index=link.index, up=True)
    for route in made.routes:
        yield net.AddRoute(
            dst=route.dst.network,
            index=link.index,
            gateway=route.gw or _gateway(made.ips, route.dst.version),
            scope=route.scope or net.SCOPE_UNIVERSE,
            table=route.table or net.TABLE_MAIN,
            priority=route.priority or 0,
            append=True,
        )


def broadcast_of(address: net.Interface) -> ipaddress.IPv4Address | None:
    """The broadcast address that the reference's netlink library sets: none for a prefix of 31 or 32."""
    if isinstance(address, ipaddress.IPv4Interface) and address.network.prefixlen < 31:
        return address.network.broadcast_address
    return None


@functools.lru_cache(maxsize=1024)
def host_interface(address: net.Address) -> net.Interface:
    """The address alone: /32 or /128."""
    return ipaddress.ip_interface(address)


@functools.lru_cache(maxsize=4096)
def host_network(address: net.Address) -> net.Network:
    """The route to the address alone."""
    return ipaddress.ip_network(address)


def enable_forwarding(host: Netns, ips: Sequence[IPConfig]) -> None:
    """Let the host forward, for each family there is. Written only where it is off; never taken back.

    Raises PluginFault.
    """
    for family, key in ((4, "net/ipv4/ip_forward"), (6, "net/ipv6/conf/all/forwarding")):
        if any(ip.address.version == family for ip in ips):
            try:
                if host.read_sysctl(key).strip() != "1":
                    host.write_sysctl(key, "1")
            except (NotFound, OSError) as exc:
                raise PluginFault(f"Could not enable IP forwarding: {exc}") from exc


def allow_ipv6(netns: Netns, if_name: str, ips: Sequence[IPConfig]) -> None:
    """Make IPv6 addresses possible, and lasting, on a link, if there are any. Raises KernelFault."""
    if all(ip.address.version == 4 for ip in ips):
        return
    for name in ("lo", if_name):
        key = f"net/ipv6/conf/{name}/disable_ipv6"
        try:
            if netns.read_sysctl(key).strip() == "0":
                continue
        except NotFound:
            continue
        netns.write_sysctl(key, "0")
    netns.write_sysctl(f"net/ipv6/conf/{if_name}/keep_addr_on_down", "1")


def _gateway(ips: Sequence[IPConfig], family: int) -> net.Address | None:
    gateways = (ip.gateway for ip in ips if ip.gateway is not None)
    return next((gateway for gateway in gateways if gateway.version == family), None)


def check_addresses(netns: Netns, if_name: str, ips: Sequence[IPConfig]) -> None:
    """Raises PluginFault unless each address is on the link and its prefix is routed."""
    if not ips:
        return
    try:
        link = netns.link(name=if_name)
    except NotFound as exc:
        raise PluginFault(f"Cannot find container link {if_name}") from exc
    present = {each.address for each in netns.addresses(link.index)}
    routed = {each.dst for each in netns.routes()}
    for ip in ips:
        if ip.address not in present:
            raise PluginFault(f"Failed to match addr {ip.address} on interface {if_name}")
        if ip.address.network not in routed:
            raise PluginFault(f"Failed to find Gateway {ip.gateway} for interface {if_name}")


def check_routes(netns: Netns, routes: Sequence[result.Route]) -> None:
    """Raises PluginFault unless each route is there, through its gateway where it names one.

    Of a default route only the presence is looked at, as the reference does.
    """
    if not routes:
        return
    present = netns.routes()
    for route in routes:
        network = route.dst.network
        matching = [each for each in present if each.dst == network]
        if route.gw is not None and network.prefixlen:
            matching = [each for each in matching if each.gateway == route.gw]
        if not matching:
            raise PluginFault(f"Expected Route {route.dst} via {route.gw} not found in routing table")
