"""The bridge plugin: a veth pair whose host end is the port of a bridge (plugins:plugins/main/bridge/bridge.go).

The bridge is made by the first attachment and stays, with its address, as the reference leaves it. Everything
else is the attachment's, and goes with it.

Beyond the reference: an ADD that fails takes back what it made, DEL finds the host end without the
namespace, a full bridge is told before anything is made, and GC removes ports that no valid attachment owns.
"""

from __future__ import annotations

import dataclasses
import errno
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

from vmplumbd.abc import Kernel, Netns
from vmplumbd.cni import result
from vmplumbd.cni import version as versions
from vmplumbd.cni.error import CniError
from vmplumbd.cni.invoke import Command, Invocation, Invoker
from vmplumbd.cni.result import Interface, Result
from vmplumbd.errors import Exists, KernelFault, NotFound
from vmplumbd.model import net, outside
from vmplumbd.plugins import attachments, conf, ipam, masquerade, prev_result, veth
from vmplumbd.plugins.bridge import checks, config, gateway, ports
from vmplumbd.plugins.bridge.config import BridgeConf
from vmplumbd.plugins.bridge.gateway import Layer3
from vmplumbd.plugins.bridge.spoof_check import Guard, SpoofCheck
from vmplumbd.plugins.conf import PluginFault
from vmplumbd.plugins.masquerade import Masquerade, Owner
from vmplumbd.plugins.skel import Verb

# Seconds to wait for a port to run, looking again after each: what the reference waits in all.
_PATIENCE = (0.001, 0.004, 0.015, 0.05, 0.1, 0.3, 0.5, 0.6, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Made:
    """What an ADD has at hand once the pair is there: bridge, the pair's end inside, its host end's name."""

    bridge: net.LinkInfo
    link: net.LinkInfo
    port: str


class Bridge:
    """The plugin. `invoker` calls the IPAM plugin; `keep_devices` leaves links to their namespace's end."""

    def __init__(
        self,
        kernel: Kernel,
        invoker: Invoker,
        rules: Masquerade,
        spoof_check: SpoofCheck,
        *,
        keep_devices: bool = False,
    ) -> None:
        self._kernel = kernel
        self._invoker = invoker
        self._masquerade = rules
        self._spoof_check = spoof_check
        self._keep_devices = keep_devices
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
            parsed = config.parse(stdin, "")
        except PluginFault:
            return None
        if parsed.ip_masq and self._masquerade.by_executable(parsed.ip_masq_backend):
            return "ipMasq through iptables"
        return None

    def obstacle(self, stdin: bytes) -> None:
        """Raises Unsupported or HostLimitReached if this host, or its bridge, cannot do what is asked."""
        try:
            parsed = config.parse(stdin, "")
        except PluginFault:
            return
        if not parsed.can_exist:
            return
        if parsed.ip_masq:
            self._masquerade.refuse_impossible()
        if parsed.mac_spoof_check:
            self._spoof_check.refuse_impossible()
        host = self._kernel.host()
        try:
            bridge = host.link(name=parsed.bridge)
        except KernelFault:
            return  # it will be made, or refused; a kernel that cannot filter VLANs refuses it as a whole
        if bridge.kind == "bridge":
            ports.refuse_without_vlans(parsed, bridge)
            ports.refuse_full(host, bridge)

    def add(self, call: Invocation) -> Result:
        """Attach a namespace to the bridge. Raises CniError, KernelFault, with link and address taken back."""
        parsed = self._supported(call, call.args)
        config.check(parsed)
        if parsed.ip_masq:
            masquerade.refuse_backend(parsed.ip_masq_backend)
        mac = parsed.hardware_address()
        host = self._kernel.host()
        with prev_result.open_netns(self._kernel, call.netns) as netns:
            bridge = ports.ensure(host, parsed)
            name = veth.host_device_name(parsed.network, call.container_id, call.if_name)
            marked = ports.marked_mac(parsed.network, name)
            link, far = veth.make_known(
                self._kernel, netns, call.if_name, name, mtu=parsed.mtu, mac=mac, peer_mac=marked
            )
            try:
                _attach(host, parsed, bridge, link.peer_index, far.name)
                made = _Made(bridge=bridge, link=link, port=far.name)
                if parsed.mac_spoof_check:
                    self._spoof_check.add(_guard(call), made.port, link.mac)
                return self._configure(host, netns, call, parsed, made)
            except BaseException as exc:
                if parsed.mac_spoof_check:
                    self._spoof_check.take_back(_guard(call), far.name, exc)
                veth.take_back(netns, link.index, exc)
                raise

    def del_(self, call: Invocation) -> None:
        """Stop masquerading, remove the link, free the address. What is gone is success, the namespace too.

        Blocks for the kernel's grace period when there is a link to remove. Raises CniError, KernelFault.
        """
        parsed = self._supported(call, call.args)
        if parsed.ip_masq:
            self._masquerade.delete(_owner(call, parsed))
        gone = self._keep_devices or (call.netns and veth.delete_inside(self._kernel, call))
        if not gone:
            self._del_host_end(call, parsed)
        if parsed.mac_spoof_check:
            named = _named_port(call, parsed)
            own = veth.host_device_name(parsed.network, call.container_id, call.if_name)
            self._spoof_check.delete(_guard(call), {own} if named is None else {own, named.name})
        if parsed.ipam_type:
            ipam.delegate(self._invoker, call, parsed.ipam_type, Command.DEL)

    def has_traces(self, call: Invocation) -> bool:
        """Whether there is an address, a host end, or a namespace to look into. Raises CniError, KernelFault."""
        parsed = self._supported(call, call.args)
        name = veth.host_device_name(parsed.network, call.container_id, call.if_name)
        return bool(
            call.netns
            or (parsed.ipam_type and ipam.has_traces(self._invoker, call, parsed.ipam_type))
            or veth.exists(self._kernel.host(), name)
            or (parsed.ip_masq and self._masquerade.owns(_owner(call, parsed)))
            or (parsed.mac_spoof_check and self._spoof_check.owns(_guard(call)))
        )

    def check(self, call: Invocation) -> None:
        """Raises CniError unless bridge, port, link, addresses and routes are what prevResult says."""
        parsed = self._supported(call, call.args)
        with prev_result.open_netns(self._kernel, call.netns) as netns:
            if parsed.ipam_type:
                ipam.delegate(self._invoker, call, parsed.ipam_type, Command.CHECK)
            made = _prev_result(call, parsed)
            if made is None:
                raise PluginFault("Required prevResult missing")
            ends = checks.links(self._kernel.host(), netns, made, parsed, call)
            ipam.check_addresses(netns, call.if_name, outside.ips(made))
            ipam.check_routes(netns, made.routes)
            if parsed.enable_dad:
                checks.duplicates(netns, ends.container)
        if parsed.mac_spoof_check:
            self._spoof_check.check(_guard(call), ends.port.name, ends.container.mac)
        if parsed.ip_masq:
            self._masquerade.check(_owner(call, parsed), [ip.address for ip in outside.ips(made)])

    def gc(self, call: Invocation) -> None:
        """Remove the ports that we made for attachments of this network that are not valid, then IPAM GC.

        Blocks for the kernel's grace period for each. Every port is tried. Raises CniError, KernelFault.
        """
        parsed = self._supported(call, "")
        valid = attachments.valid(call.stdin)
        failed = None if valid is None else self._remove_stale(parsed, valid)
        if parsed.ip_masq and valid is not None:
            owners = [
                Owner(network=parsed.network, container_id=container_id, if_name=if_name)
                for container_id, if_name in valid
            ]
            self._masquerade.collect(parsed.network, owners)
        if parsed.mac_spoof_check and valid is not None:
            self._spoof_check.collect(parsed.network, valid)
        if parsed.ipam_type:
            ipam.delegate(self._invoker, call, parsed.ipam_type, Command.GC)
        if failed is not None:
            raise failed

    def status(self, call: Invocation) -> None:
        """Ready if the IPAM plugin is."""
        parsed = self._supported(call, "")
        if parsed.ipam_type:
            ipam.delegate(self._invoker, call, parsed.ipam_type, Command.STATUS)

    def _supported(self, call: Invocation, cni_args: str) -> BridgeConf:
        parsed = config.parse(call.stdin, cni_args)
        if parsed.ip_masq and self._masquerade.by_executable(parsed.ip_masq_backend):
            raise PluginFault(
                'ipMasq through iptables is not built into this bridge plugin: set "ipMasqBackend" to "nftables"'
            )
        return parsed

    def _configure(
        self, host: Netns, netns: Netns, call: Invocation, parsed: BridgeConf, made: _Made
    ) -> Result:
        if not parsed.ipam_type:
            if parsed.container_interface:
                netns.apply([net.SetLink(index=made.link.index, up=True)])
            interfaces = self._interfaces(host, call, parsed, made)
            return Result(cni_version=versions.CURRENT, interfaces=interfaces, dns=parsed.dns or result.DNS())
        leased = ipam.add(self._invoker, call, parsed.ipam_type, parsed.cni_version)
        try:
            if not leased.ips:
                raise PluginFault("IPAM plugin returned missing IP config")
            asked = gateway.layer3(parsed, leased)
            gateway_link = made.bridge
            if parsed.vlan and asked.gateways:
                gateway_link = _vlan_gateway(self._kernel, parsed, made.bridge)
            change = _gateway_change(host, gateway_link, parsed, asked)
            _configure_inside(netns, call, parsed, made.link, leased, asked)
            _set_gateway(host, gateway_link, change)
            if parsed.is_gateway:
                _enable_forwarding(host, asked)
            if parsed.ip_masq:
                self._masquerade.add(_owner(call, parsed), [ip.address for ip in asked.ips])
            interfaces = self._interfaces(host, call, parsed, made)
            if gateway_link is not made.bridge:
                mac = prev_result.mac_text(gateway_link.mac)
                interfaces = (*interfaces, Interface(name=gateway_link.name, mac=mac))
        except BaseException as exc:
            if parsed.ip_masq:
                self._masquerade.take_back(_owner(call, parsed), exc)
            try:
                ipam.delegate(self._invoker, call, parsed.ipam_type, Command.DEL)
            except CniError as failed:
                exc.add_note(f"the address is still reserved: {failed}")
            raise
        return Result(
            cni_version=versions.CURRENT,
            interfaces=interfaces,
            ips=asked.ips,
            routes=asked.routes,
            dns=parsed.dns or leased.dns,
        )

    def _interfaces(
        self, host: Netns, call: Invocation, parsed: BridgeConf, made: _Made
    ) -> tuple[Interface, ...]:
        """The result's devices, once the port runs: MACs may have changed since they were made."""
        port, bridge = _running(host, parsed, made)
        return (
            Interface(name=bridge.name, mac=prev_result.mac_text(bridge.mac)),
            Interface(name=port.name, mac=prev_result.mac_text(port.mac)),
            Interface(name=made.link.name, mac=prev_result.mac_text(made.link.mac), sandbox=call.netns),
        )

    def _del_host_end(self, call: Invocation, parsed: BridgeConf) -> None:
        host = self._kernel.host()
        named = _named_port(call, parsed)
        link = None if named is None else veth.own(host, named.name, named.mac)
        if link is None:
            # Nobody else gives a veth a name made of this attachment's.
            name = veth.host_device_name(parsed.network, call.container_id, call.if_name)
            link = veth.own(host, name, None)
        if link is not None:
            veth.delete(host, link)

    def _remove_stale(self, parsed: BridgeConf, valid: frozenset[tuple[str, str]]) -> KernelFault | None:
        """The first failure, once every port was tried."""
        host = self._kernel.host()
        if not parsed.can_exist:
            return None
        try:
            bridge = host.link(name=parsed.bridge)
        except NotFound:
            return None
        keep = {veth.host_device_name(parsed.network, *each) for each in valid}
        failed = None
        for port in host.ports(bridge.index) if bridge.kind == "bridge" else ():
            ours = port.kind == "veth" and port.mac == ports.marked_mac(parsed.network, port.name)
            if ours and port.name not in keep:
                try:
                    veth.delete(host, port)
                except KernelFault as exc:
                    failed = failed or exc
        return failed


def _attach(host: Netns, parsed: BridgeConf, bridge: net.LinkInfo, index: int, name: str) -> None:
    """Make the host end a port."""
    requests = [*ports.attachment(parsed, bridge, index)]
    try:
        host.apply(requests)
    except KernelFault as exc:
        if exc.errno == errno.EXFULL:
            raise ports.full(bridge.name) from exc
        if isinstance(requests[exc.op], net.AddBridgeVlan | net.DelBridgeVlan):
            raise PluginFault(f'failed to setup vlan tag on interface "{name}": {exc}') from exc
        raise PluginFault(f'failed to connect "{name}" to bridge {bridge.name}: {exc}') from exc
    # Routes of this link are ours to make; a kernel without IPv6 has none to accept.
    host.try_sysctls({f"net/ipv6/conf/{name}/accept_ra": "0"})


def _configure_inside(
    netns: Netns, call: Invocation, parsed: BridgeConf, link: net.LinkInfo, leased: Result, asked: Layer3
) -> None:
    keys = ("enhanced_dad", "accept_dad") if parsed.enable_dad else ("accept_dad",)
    value = "1" if parsed.enable_dad else "0"
    # A kernel without IPv6, or without the setting, is no fault: the reference passes it over too.
    netns.try_sysctls({f"net/ipv6/conf/{call.if_name}/{key}": value for key in keys})
    ipam.allow_ipv6(netns, call.if_name, asked.ips)
    netns.apply([*_inside(parsed, link, dataclasses.replace(leased, ips=asked.ips, routes=asked.routes))])


def _inside(parsed: BridgeConf, link: net.LinkInfo, made: Result) -> Iterator[net.Request]:
    """As for every plugin; with `enabledad` the kernel looks for duplicates, and nobody waits for it.

    Until it has looked the address is tentative and the namespace's own stack does not use it. A VM's frames
    do not pass through that stack: its own looks for itself. CHECK tells a duplicate.
    """
    yield net.SetLink(index=link.index, arp_notify=True)
    for request in ipam.requests(link, made):
        if parsed.enable_dad and isinstance(request, net.AddAddress):
            yield dataclasses.replace(request, no_dad=False)
        else:
            yield request


def _gateway_change(
    host: Netns, link: net.LinkInfo, parsed: BridgeConf, asked: Layer3
) -> gateway.AddressChange:
    if not asked.gateways:
        return gateway.AddressChange(gone=(), new=())
    present = [each.address for each in host.addresses(link.index)]
    try:
        return gateway.address_change(link.name, present, asked.gateways, force=parsed.force_address)
    except PluginFault as exc:
        what = "vlan interface for bridge with addr" if parsed.vlan else "bridge addr"
        raise PluginFault(f"failed to set {what}: {exc.msg}") from exc


def _set_gateway(host: Netns, link: net.LinkInfo, change: gateway.AddressChange) -> None:
    new = change.new
    if change.gone:
        # An address may have gone with the first of its subnet, one that is to stay too.
        with suppress(NotFound):
            host.apply([net.DelAddress(index=link.index, address=each) for each in change.gone])
        present = {each.address for each in host.addresses(link.index)}
        new = (*(each for each in change.kept if each not in present), *new)
    for address in new:
        # Without duplicate address detection, in which a gateway would not answer its first packets.
        add = net.AddAddress(
            index=link.index,
            address=address,
            broadcast=ipam.broadcast_of(address),
            no_dad=address.version == 6,
        )
        try:
            host.apply([add])
        except Exists:
            pass
        except KernelFault as exc:
            raise PluginFault(
                f'failed to set bridge addr: could not add IP address {address} to "{link.name}": {exc}'
            ) from exc
    if new:
        # A bridge whose MAC is not set takes its lowest port's, and changes it as ports come and go. One
        # that has lost its last port has none, which nobody may be given.
        mac = link.mac if any(link.mac) else veth.random_mac()
        try:
            host.apply([net.SetLink(index=link.index, mac=mac)])
        except KernelFault as exc:
            raise PluginFault(f"failed to set bridge addr: could not set bridge's mac: {exc}") from exc


def _vlan_gateway(kernel: Kernel, parsed: BridgeConf, bridge: net.LinkInfo) -> net.LinkInfo:
    """The gateway's own link where VMs are in a VLAN: a pair in the host, one end a port of that VLAN.

    It stays with its bridge. Raises PluginFault, KernelFault.
    """
    host = kernel.host()
    name = f"{bridge.name}.{parsed.vlan}"
    with suppress(NotFound):
        return host.link(name=name)
    peer = veth.host_device_name(bridge.name, name, "")
    try:
        link = veth.make(kernel, host, name, peer, mtu=bridge.mtu)
        requests: list[net.Request] = [
            net.SetLink(index=link.peer_index, up=True, master=bridge.index),
            *ports.vlans(parsed.vlan, (), bridge, link.peer_index, keep_default=parsed.keep_default_vlan),
            net.SetLink(index=link.index, up=True),
        ]
        try:
            host.apply(requests)
        except BaseException as exc:
            veth.take_back(host, link.index, exc)
            raise
    except (KernelFault, PluginFault) as exc:
        raise PluginFault(f'failed to create vlan interface: "{name}": {exc}') from exc
    return link


def _enable_forwarding(host: Netns, asked: Layer3) -> None:
    try:
        ipam.enable_forwarding(host, asked.ips)
    except PluginFault as exc:
        raise PluginFault(f"failed to enable forwarding: {exc.msg}") from exc


def _running(host: Netns, parsed: BridgeConf, made: _Made) -> tuple[net.LinkInfo, net.LinkInfo]:
    """The port, once it runs, and the bridge. Raises PluginFault after two and a half seconds.

    A kernel since 6.8 brings a link's state up to date when it is asked: no wait.
    """
    pause: threading.Event | None = None
    for wait in (*_PATIENCE, None):
        port, bridge = host.apply([net.GetLink(name=made.port), net.GetLink(index=made.bridge.index)])
        if port.oper_up or not parsed.container_interface:
            return port, bridge
        if wait is not None:
            pause = pause or threading.Event()
            pause.wait(wait)
    raise PluginFault(f"bridge port in error state: {made.port} is not up")


def _owner(call: Invocation, parsed: BridgeConf) -> Owner:
    return Owner(network=parsed.network, container_id=call.container_id, if_name=call.if_name)


def _guard(call: Invocation) -> Guard:
    return Guard(container_id=call.container_id, if_name=call.if_name)


def _named_port(call: Invocation, parsed: BridgeConf) -> Interface | None:
    made = _prev_result(call, parsed)
    return None if made is None else prev_result.host_end(made, call.if_name)


def _prev_result(call: Invocation, parsed: BridgeConf) -> Result | None:
    return prev_result.of(call, conf.load(call.stdin, "NetConf"), parsed.cni_version)
