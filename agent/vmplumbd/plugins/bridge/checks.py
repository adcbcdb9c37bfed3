"""CHECK of bridge, container and host end: kinds, MACs, and who is connected to whom, in the reference's words."""

from __future__ import annotations

from dataclasses import dataclass

from vmplumbd.abc import Netns
from vmplumbd.cni.invoke import Invocation
from vmplumbd.cni.result import Interface, Result
from vmplumbd.errors import NotFound
from vmplumbd.model import net
from vmplumbd.plugins import prev_result
from vmplumbd.plugins.bridge.config import BridgeConf
from vmplumbd.plugins.conf import PluginFault

_NOBODY = Interface(name="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """The pair: its end in the namespace, and the bridge's port."""

    container: net.LinkInfo
    port: net.LinkInfo


def links(host: Netns, netns: Netns, made: Result, parsed: BridgeConf, call: Invocation) -> Ends:
    """Raises PluginFault for the first device that is not as the result says."""
    bridge_said, container_said = _NOBODY, _NOBODY
    for each in made.interfaces:
        if each.name == parsed.bridge:
            bridge_said = each
        elif each.name == call.if_name and (each.sandbox or "") == call.netns:
            container_said = each
    bridge = _bridge(host, bridge_said, parsed)
    if (container_said.sandbox or "") != call.netns:
        raise PluginFault(
            f"Sandbox in prevResult {container_said.sandbox or ''} doesn't match configured netns: {call.netns}"
        )
    container = _container(netns, container_said)
    for each in made.interfaces:
        # The reference looks for a tap on the host too, and so tells of that where the port is at fault.
        if not each.sandbox and each.name != bridge_said.name:
            port = _port(host, each, bridge, container)
            if port is not None:
                return Ends(container=container, port=port)
    raise PluginFault(f"CNI veth created for bridge {parsed.bridge} was not found")


def duplicates(netns: Netns, link: net.LinkInfo) -> None:
    """Raises PluginFault if the kernel has found one of a link's addresses elsewhere."""
    for each in netns.addresses(link.index):
        if each.dad_failed:
            raise PluginFault(f"link {link.name} has address {each.address.ip} in DADFAILED state")


def _bridge(host: Netns, said: Interface, parsed: BridgeConf) -> net.LinkInfo:
    link = _find(host, said, sandboxed=False)
    if link.kind != "bridge":
        raise PluginFault(f"Interface {said.name} does not have link type of bridge")
    if said.mac and said.mac != prev_result.mac_text(link.mac):
        raise PluginFault(f"Bridge interface {said.name} Mac doesn't match: {said.mac}")
    if link.promisc != parsed.promisc:
        wanted, found = (str(flag).lower() for flag in (parsed.promisc, link.promisc))
        raise PluginFault(
            f"Bridge interface {said.name} configured Promisc Mode {wanted} doesn't match current state: {found} "
        )
    return link


def _container(netns: Netns, said: Interface) -> net.LinkInfo:
    link = _find(netns, said, sandboxed=True)
    if link.kind != "veth":
        raise PluginFault(f"Error: Container interface {link.name} not of type veth")
    mac = prev_result.mac_text(link.mac)
    if said.mac and said.mac != mac:
        raise PluginFault(f"Interface {said.name} Mac {said.mac} doesn't match container Mac: {mac}")
    return link


def _port(host: Netns, said: Interface, bridge: net.LinkInfo, container: net.LinkInfo) -> net.LinkInfo | None:
    """A device of the result if it is the container's other end on the bridge; other devices are passed over."""
    link = _find(host, said, sandboxed=False)
    pair = link.kind == "veth" and (link.index, link.peer_index) == (container.peer_index, container.index)
    if not pair or link.master != bridge.index:
        return None
    if said.mac and said.mac != prev_result.mac_text(link.mac):
        raise PluginFault(f"Interface {said.name} Mac doesn't match: {said.mac} not found")
    return link


def _find(netns: Netns, said: Interface, *, sandboxed: bool) -> net.LinkInfo:
    if not said.name:
        raise PluginFault("Interface name missing ")
    try:
        link = netns.link(name=said.name)
    except NotFound as exc:
        raise PluginFault(f"Interface name {said.name} not found") from exc
    if sandboxed and not said.sandbox:
        raise PluginFault(f"Interface {said.name} is expected to be in a sandbox")
    if said.sandbox and not sandboxed:
        raise PluginFault(f"Interface {said.name} should not be in sandbox")
    return link
