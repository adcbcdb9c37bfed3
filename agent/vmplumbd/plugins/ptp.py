"""The ptp plugin: a veth pair, the VM's subnet routed through the host end, a host route to each address.

The subnet's own route is replaced by one through the gateway, and the gateway by a route of its own, so
that all traffic but the gateway's ARP goes through the host (plugins:plugins/main/ptp/ptp.go).

Beyond the reference: an ADD that fails takes back what it made, DEL finds the host end without the
namespace, and an address that the host routes elsewhere is refused instead of passed over.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vmplumbd.abc import Kernel, Netns
from vmplumbd.cni import result
from vmplumbd.cni import version as versions
from vmplumbd.cni.error import CniError
from vmplumbd.cni.invoke import Command, Invocation, Invoker
from vmplumbd.cni.result import Interface, IPConfig, Result
from vmplumbd.errors import Exists, NotFound
from vmplumbd.model import net, outside
from vmplumbd.plugins import attachments, conf, ipam, masquerade, prev_result, veth
from vmplumbd.plugins.ahead import MadeAhead
from vmplumbd.plugins.conf import Malformed, PluginFault
from vmplumbd.plugins.masquerade import Masquerade, Owner
from vmplumbd.plugins.skel import Verb


@dataclass(frozen=True, slots=True, kw_only=True)
class PtpConf:
    """What a configuration asks. `dns` None leaves the IPAM plugin's, `ip_masq_backend` None the default."""

    cni_version: str
    network: str
    ipam_type: str
    mtu: int
    ip_masq: bool
    ip_masq_backend: str | None
    dns: result.DNS | None


def parse(stdin: bytes) -> PtpConf:
    """Read a configuration. Raises PluginFault."""
    try:
        return _parse(stdin)
    except Malformed as exc:
        raise PluginFault(f"failed to load netconf: {exc}") from exc


@functools.lru_cache(maxsize=256)
def _parse(stdin: bytes) -> PtpConf:
    top = conf.load(stdin, "NetConf")
    ipam_conf = top.section("ipam", "NetConf.ipam")
    return PtpConf(
        cni_version=top.text("cniVersion") or "0.1.0",
        network=top.text("name"),
        ipam_type="" if ipam_conf is None else ipam_conf.text("type"),
        mtu=max(top.number("mtu") or 0, 0),
        ip_masq=top.flag("ipMasq"),
        ip_masq_backend=top.text("ipMasqBackend") if top.has("ipMasqBackend") else None,
        dns=ipam.dns_of(top),
    )


def host_interface(made: Result) -> Interface | None:
    """The host end in a result of this plugin: its first interface outside any sandbox."""
    return next((each for each in made.interfaces if not each.sandbox), None)


class Ptp:
    """The plugin. `invoker` calls the IPAM plugin; `keep_devices` leaves links to their namespace's end."""

    def __init__(
        self,
        kernel: Kernel,
        invoker: Invoker,
        rules: Masquerade,
        *,
        keep_devices: bool = False,
        host_ipv6: bool = True,
    ) -> None:
        self._kernel = kernel
        self._invoker = invoker
        self._masquerade = rules
        self._keep_devices = keep_devices
        self._host_ipv6 = host_ipv6
        self.supported = versions.ALL
        self.verbs: Mapping[Command, Verb] = {
            Command.ADD: self.add,
            Command.DEL: self.del_,
            Command.CHECK: self.check,
            Command.GC: self.gc,
            Command.STATUS: self.status,
        }

    def not_built_in(self, stdin: bytes) -> str | None:
        """Masquerading through iptables is the executable's."""
        try:
            parsed = parse(stdin)
        except PluginFault:
            return None
        if parsed.ip_masq and self._masquerade.by_executable(parsed.ip_masq_backend):
            return "ipMasq through iptables"
        return None

    def obstacle(self, stdin: bytes) -> None:
        """Raises Unsupported or HostLimitReached if this host cannot masquerade, where that is asked."""
        try:
            wanted = parse(stdin).ip_masq
        except PluginFault:
            return
        if wanted:
            self._masquerade.refuse_impossible()

    def add(self, call: Invocation) -> Result:
        """Make the link. Raises CniError, KernelFault, with link and address taken back."""
        parsed = self._supported(call)
        if parsed.ip_masq:
            masquerade.refuse_backend(parsed.ip_masq_backend)
        leased = ipam.add(self._invoker, call, parsed.ipam_type, parsed.cni_version)
        try:
            if not leased.ips:
                raise PluginFault("IPAM plugin returned missing IP config")
            ipam.enable_forwarding(self._kernel.host(), leased.ips)
            with prev_result.open_netns(self._kernel, call.netns) as netns:
                interfaces = self._wire(netns, call, parsed, leased)
        except BaseException as exc:
            try:
                ipam.delegate(self._invoker, call, parsed.ipam_type, Command.DEL)
            except CniError as failed:
                exc.add_note(f"the address is still reserved: {failed}")
            raise
        return Result(
            cni_version=versions.CURRENT,
            interfaces=interfaces,
            ips=tuple(IPConfig(address=ip.address, gateway=ip.gateway, interface=1) for ip in leased.ips),
            routes=leased.routes,
            dns=parsed.dns or leased.dns,
        )

    def del_(self, call: Invocation) -> None:
        """Stop masquerading, free the address, then remove the link. What is gone is success.

        Blocks for the kernel's grace period when there is a link to remove. Raises CniError, KernelFault.
        """
        parsed = self._supported(call)
        if parsed.ip_masq:
            self._masquerade.delete(_owner(call, parsed))
        ipam.delegate(self._invoker, call, parsed.ipam_type, Command.DEL)
        if self._keep_devices or (call.netns and veth.delete_inside(self._kernel, call)):
            return
        self._del_host_end(call, parsed)

    def has_traces(self, call: Invocation) -> bool:
        """Whether there is an address, a host end, or a namespace to look into. Raises CniError, KernelFault."""
        parsed = self._supported(call)
        name = veth.host_device_name(parsed.network, call.container_id, call.if_name)
        return bool(
            call.netns
            or ipam.has_traces(self._invoker, call, parsed.ipam_type)
            or veth.exists(self._kernel.host(), name)
            or (parsed.ip_masq and self._masquerade.owns(_owner(call, parsed)))
        )

    def check(self, call: Invocation) -> None:
        """Raises CniError unless link, addresses, routes and rules are what prevResult says."""
        parsed = self._supported(call)
        with prev_result.open_netns(self._kernel, call.netns) as netns:
            ipam.delegate(self._invoker, call, parsed.ipam_type, Command.CHECK)
            made = _prev_result(call, parsed)
            if made is None:
                raise PluginFault("ptp: Required prevResult missing")
            interface = prev_result.in_sandbox(made, call.if_name, call.netns)
            if interface is None:
                raise PluginFault(f"Sandbox in prevResult  doesn't match configured netns: {call.netns}")
            _check_link(netns, interface)
            ipam.check_addresses(netns, call.if_name, outside.ips(made))
            ipam.check_routes(netns, made.routes)
        if parsed.ip_masq:
            self._masquerade.check(_owner(call, parsed), [ip.address for ip in outside.ips(made)])

    def gc(self, call: Invocation) -> None:
        """Remove rules that no valid attachment owns, then pass it on: links die with their namespaces."""
        parsed = self._supported(call)
        valid = attachments.valid(call.stdin)
        if parsed.ip_masq and valid is not None:
            owners = [
                Owner(network=parsed.network, container_id=container_id, if_name=if_name)
                for container_id, if_name in valid
            ]
            self._masquerade.collect(parsed.network, owners)
        ipam.delegate(self._invoker, call, parsed.ipam_type, Command.GC)

    def status(self, call: Invocation) -> None:
        """Ready if the IPAM plugin is."""
        ipam.delegate(self._invoker, call, self._supported(call).ipam_type, Command.STATUS)

    def _supported(self, call: Invocation) -> PtpConf:
        parsed = parse(call.stdin)
        if parsed.ip_masq and self._masquerade.by_executable(parsed.ip_masq_backend):
            raise PluginFault(
                'ipMasq through iptables is not built into this ptp plugin: set "ipMasqBackend" to "nftables"'
            )
        return parsed

    def _wire(self, netns: Netns, call: Invocation, parsed: PtpConf, leased: Result) -> tuple[Interface, ...]:
        link: net.Device | net.LinkInfo
        ahead = call.ahead if isinstance(call.ahead, MadeAhead) else None
        if ahead is not None:
            link, far = veth.take_over(self._kernel, netns, call.if_name, ahead)
            far_index = ahead.host_index
        else:
            who = (parsed.network, call.container_id, call.if_name)
            link, far = made = veth.make_known(
                self._kernel,
                netns,
                call.if_name,
                veth.host_device_name(*who),
                mtu=parsed.mtu,
                peer_mac=veth.host_mac(*who),
            )
            far_index = made[0].peer_index
        without_ipv6 = not self._host_ipv6 and all(ip.address.version == 4 for ip in leased.ips)
        try:
            if without_ipv6:
                veth.switch_ipv6_off(self._kernel.host(), far.name)
            self._wire_host(far_index, leased.ips)
            if ahead is None and not without_ipv6:
                veth.ignore_advertisements(self._kernel.host(), far.name)
            ipam.allow_ipv6(netns, call.if_name, leased.ips)
            netns.apply([*ipam.requests(link, leased), *_reroute(link, leased.ips)])
            if parsed.ip_masq:
                self._masquerade.add(_owner(call, parsed), [ip.address for ip in leased.ips])
        except BaseException as exc:
            if parsed.ip_masq:
                self._masquerade.take_back(_owner(call, parsed), exc)
            veth.take_back(netns, link.index, exc)
            raise
        return (
            far,
            Interface(name=link.name, mac=prev_result.mac_text(link.mac), sandbox=call.netns),
        )

    def _wire_host(self, index: int, ips: Sequence[IPConfig]) -> None:
        """The host end up, with the gateways' addresses and a route to each address: one batch."""
        host = self._kernel.host()
        first: list[net.Request] = [
            net.SetLink(index=index, up=True),
            *(
                net.AddAddress(
                    index=index, address=ipam.host_interface(ip.gateway), no_dad=ip.gateway.version == 6
                )
                for ip in ips
                if ip.gateway is not None
            ),
        ]
        routes = [
            net.AddRoute(dst=ipam.host_network(ip.address.ip), index=index, scope=net.SCOPE_HOST)
            for ip in ips
        ]
        while first or routes:
            try:
                host.apply([*first, *routes])
            except Exists as exc:
                place = exc.op - len(first)
                if place < 0:
                    raise
                _refuse_foreign(host, routes[place], index)
                first, routes = [], routes[place + 1 :]
            else:
                break

    def _del_host_end(self, call: Invocation, parsed: PtpConf) -> None:
        host = self._kernel.host()
        made = _prev_result(call, parsed)
        named = None if made is None else host_interface(made)
        link = None if named is None else veth.own(host, named.name, named.mac)
        if link is None:
            # Nobody else gives a veth a name made of this attachment's.
            link = veth.own(
                host, veth.host_device_name(parsed.network, call.container_id, call.if_name), None
            )
        if link is not None:
            veth.delete(host, link)


def _reroute(link: net.LinkInfo | net.Device, ips: Sequence[IPConfig]) -> list[net.Request]:
    requests: list[net.Request] = []
    for ip in ips:
        if ip.gateway is None:
            raise PluginFault(f"failed to add route: the address {ip.address} has no gateway")
        subnet, source = ip.address.network, ip.address.ip
        requests += (
            net.DelRoute(dst=subnet, index=link.index),
            net.AddRoute(
                dst=ipam.host_network(ip.gateway), index=link.index, src=source, scope=net.SCOPE_LINK
            ),
            net.AddRoute(dst=subnet, index=link.index, gateway=ip.gateway, src=source),
        )
    return requests


def _refuse_foreign(host: Netns, route: net.AddRoute, index: int) -> None:
    """A host route that is there already must be this link's, or the VM's traffic goes to someone else."""
    for each in host.routes():
        if each.dst == route.dst and each.table == route.table and each.index != index:
            fault = PluginFault(f"failed to add route on host: {route.dst} is routed to ifindex {each.index}")
            fault.hint = "does another network, or another program, use this address?"
            raise fault


def _owner(call: Invocation, parsed: PtpConf) -> Owner:
    return Owner(network=parsed.network, container_id=call.container_id, if_name=call.if_name)


def _prev_result(call: Invocation, parsed: PtpConf) -> Result | None:
    return prev_result.of(call, conf.load(call.stdin, "NetConf"), parsed.cni_version)


def _check_link(netns: Netns, interface: Interface) -> None:
    try:
        link = netns.link(name=interface.name)
    except NotFound as exc:
        raise PluginFault(f"ptp: Container Interface name in prevResult: {interface.name} not found") from exc
    if link.kind != "veth":
        raise PluginFault(f"Error: Container interface {link.name} not of type veth/p2p")
    mac = prev_result.mac_text(link.mac)
    if interface.mac and interface.mac != mac:
        raise PluginFault(
            f"ptp: Interface {interface.name} Mac {interface.mac} doesn't match container Mac: {mac}"
        )
