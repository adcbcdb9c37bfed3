"""The bandwidth plugin: token buckets on the host end of a VM's veth pair, both ways.

What goes to the VM is held back where the host end sends it. What comes from the VM is held back on an
intermediate device, to which the host end's ingress redirects (plugins:plugins/meta/bandwidth). The container
end is left alone, so it may be redirected to a tap.

Where only some far ends count, what goes to the VM passes a class of a hierarchical token bucket, or passes it by;
and only what goes to those ends is redirected. A filter without an action lets a packet go its way.

Beyond the reference: an ADD that fails takes back what it made, as does DEL on a host end that is still
there; DEL needs no more of the configuration than the network's name; CHECK misses a filter that is gone; GC
removes devices of its network that no valid attachment owns, which it knows by their MAC.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from vmplumbd.abc import Kernel, Netns
from vmplumbd.cni import version as versions
from vmplumbd.cni.error import CniError
from vmplumbd.cni.invoke import Command, Invocation
from vmplumbd.cni.result import Interface, Result
from vmplumbd.errors import KernelFault, NotFound, Unsupported
from vmplumbd.model import net
from vmplumbd.plugins import attachments, prev_result
from vmplumbd.plugins.bandwidth import config
from vmplumbd.plugins.bandwidth.config import BandwidthConf, device_mac, device_name, is_of_network
from vmplumbd.plugins.conf import PluginFault, Section
from vmplumbd.plugins.skel import Verb

_VETH, _IFB = "veth", "ifb"
_CLASS = 0x00010001  # the reference's, on a filter at ingress, where nothing has classes
_MINOR = 1  # of the class that is limited
_FIRST, _LAST = {4: 1, 6: 2}, 3  # priorities: filters of one priority have one family

_LIMIT_OF_A_TRIAL = net.RateLimit(rate=1_000_000, buffer=1_000_000, limit=100_000)
# What the kernel says of a kind of link, qdisc, filter or action that it does not have.
_UNKNOWN = frozenset({errno.EOPNOTSUPP, errno.ENOENT})


class Bandwidth:
    """The plugin. `keep_devices`: DEL leaves the host end to its namespace's end."""

    def __init__(self, kernel: Kernel, *, keep_devices: bool = False) -> None:
        self._kernel = kernel
        self._keep_devices = keep_devices
        self._works: set[bool] = set()
        self.supported = tuple(each for each in versions.ALL if versions.at_least(each, "0.3.0"))
        self.verbs: Mapping[Command, Verb] = {
            Command.ADD: self.add,
            Command.DEL: self.del_,
            Command.CHECK: self.check,
            Command.GC: self.gc,
        }

    def not_built_in(self, stdin: bytes) -> str | None:  # noqa: ARG002  everything is
        """Nothing is left to the executable."""
        return None

    def obstacle(self, stdin: bytes) -> None:
        """Raises Unsupported if limits are configured that this kernel cannot set, KernelFault if it cannot be asked.

        Tried out once. Limits that come with a request are refused by its ADD.
        """
        try:
            parsed = config.parse(config.load(stdin))
        except PluginFault:
            return  # the verb's to refuse
        some = parsed.subnets is not None
        if parsed.limits and some not in self._works:
            self._try_out(some=some)
            self._works.add(some)

    def add(self, call: Invocation) -> Result:
        """Set the limits, or none. Answers prevResult with the device. Raises CniError, KernelFault."""
        top = config.load(call.stdin)
        parsed = config.parse(top)
        made = _prev_result(call, top, parsed.cni_version)
        if made is None:
            raise PluginFault("must be called as chained plugin")
        if not parsed.limits:
            return made
        with prev_result.open_netns(self._kernel, call.netns) as netns:
            link = _host_end(netns, self._kernel.host(), call.if_name, made.interfaces)
        undo: list[net.Request] = []
        try:
            interfaces = self._limit(call, top, parsed, link, undo)
        except BaseException as exc:
            _take_back(self._kernel.host(), undo, exc)
            raise
        return replace(made, interfaces=(*made.interfaces, *interfaces))

    def del_(self, call: Invocation) -> None:
        """Remove the device, and the limits of a host end that is there. What is gone is success.

        Blocks for the kernel's grace period when there is a device. Raises CniError, KernelFault.
        """
        top = config.load(call.stdin)
        host = self._kernel.host()
        device = _device(host, call, top)
        if call.netns and not self._keep_devices:
            # No limits that could be read, no result, no namespace, no pair in it: then nothing was set there.
            with suppress(CniError):
                parsed = config.parse(top)
                made = _prev_result(call, top, parsed.cni_version)
                with prev_result.open_netns(self._kernel, call.netns) as netns:
                    link = _host_end(netns, host, call.if_name, () if made is None else made.interfaces)
                    _free(host, link, parsed, device)
        if device is not None:
            with suppress(NotFound):
                host.apply([net.DelLink(index=device.index)])

    def has_traces(self, call: Invocation) -> bool:
        """Whether there is the device, or a namespace whose link's host end may be limited."""
        return bool(call.netns) or _device(self._kernel.host(), call, config.load(call.stdin)) is not None

    def check(self, call: Invocation) -> None:
        """Raises CniError unless the limits are as they were set."""
        top = config.load(call.stdin)
        parsed = config.parse(top)
        made = _prev_result(call, top, parsed.cni_version)
        if made is None:
            raise PluginFault("must be called as a chained plugin")
        host = self._kernel.host()
        with prev_result.open_netns(self._kernel, call.netns) as netns:
            link = _host_end(netns, host, call.if_name, made.interfaces)
        if parsed.ingress is not None:
            _check_ingress(host, link, parsed, parsed.ingress)
        if parsed.egress is not None:
            device = _device(host, call, top)
            if device is None:
                raise PluginFault("get ifb device: Link not found")
            _check_limit(host.rate_limit(device.index), parsed.egress)
            _check_redirect(host, link, device, parsed)

    def gc(self, call: Invocation) -> None:
        """Remove the network's devices that no valid attachment owns. Raises CniError, KernelFault.

        A configuration that does not name the valid attachments removes nothing. A device that the
        executable made has a MAC by chance, and stays: nobody knows whose it is.
        """
        valid = attachments.valid(call.stdin)
        if valid is None:
            return
        network = _network(config.load(call.stdin))
        keep = {device_name(network, container_id) for container_id, _ in valid}
        host = self._kernel.host()
        for link in host.links():
            ours = (
                link.kind == _IFB and link.name.startswith(config.PREFIX) and is_of_network(link.mac, network)
            )
            if ours and link.name not in keep:
                with suppress(NotFound):
                    host.apply([net.DelLink(index=link.index)])

    def _limit(
        self,
        call: Invocation,
        top: Section,
        parsed: BandwidthConf,
        link: net.LinkInfo,
        undo: list[net.Request],
    ) -> tuple[Interface, ...]:
        # A request that is refused has done nothing, and what is in its way may be a stranger's. So each
        # goes alone, and its undoing is noted when it is done. What hangs on something of ours goes with it.
        some = parsed.subnets is not None
        if parsed.ingress is not None:
            root, *inside = _to_vm(parsed, link.index, parsed.ingress)
            self._act(root, "create qdisc", some=some)
            undo.append(net.DelHtb(index=link.index) if some else net.DelTbf(index=link.index))
            for request in inside:
                self._act(request, "add class or filter", some=some)
        if parsed.egress is None:
            return ()
        add = net.AddLink(
            name=device_name(_network(top), call.container_id),
            kind=_IFB,
            mtu=link.mtu,
            tx_queue_length=0,
            mac=device_mac(_network(top), call.if_name),
            up=True,
        )
        self._act(add, "adding link", some=some)
        undo.append(net.DelLink(name=add.name))
        device = self._kernel.host().link(name=add.name)
        limit = net.AddTbf(index=device.index, limit=parsed.egress)
        self._act(limit, "create ifb qdisc: create qdisc", some=some)
        self._act(net.AddIngress(index=link.index), "create ingress qdisc", some=some)
        undo.append(net.DelIngress(index=link.index))
        for request in _from_vm(parsed, link.index, device.index):
            self._act(request, "add filter", some=some)
        return (Interface(name=device.name, mac=prev_result.mac_text(device.mac)),)

    def _act(self, request: net.Request, fault: str, *, some: bool) -> None:
        try:
            self._kernel.host().apply([request])
        except KernelFault as exc:
            if exc.errno in _UNKNOWN:
                self._try_out(some=some)
            raise PluginFault(f"{fault}: {os.strerror(exc.errno).lower()}") from exc

    def _try_out(self, *, some: bool) -> None:
        """Raises Unsupported for the first thing that the kernel does not have."""
        with self._kernel.trial_netns() as netns:
            _have(netns, net.AddLink(name="ifb0", kind=_IFB), "intermediate devices", "ifb")
            device, lo = netns.link(name="ifb0").index, netns.link(name="lo").index
            limit = net.AddTbf(index=device, limit=_LIMIT_OF_A_TRIAL)
            _have(netns, limit, "token bucket filters", "sch_tbf")
            _have(netns, net.AddIngress(index=lo), "ingress qdiscs", "sch_ingress")
            redirect = net.AddRedirect(index=lo, to=device)
            _have(netns, redirect, "redirects by u32 filters", "cls_u32 act_mirred")
            if some:
                tree = net.AddHtb(index=lo, default=0)
                _have(netns, tree, "hierarchical token buckets, for limits of some subnets,", "sch_htb")


def _to_vm(parsed: BandwidthConf, index: int, limit: net.RateLimit) -> list[net.Request]:
    """What limits the host end's sending: the root qdisc, and what hangs on it."""
    if parsed.subnets is None:
        return [net.AddTbf(index=index, limit=limit)]
    return [
        net.AddHtb(index=index, default=0 if parsed.subnets.shaped else _MINOR),
        net.AddHtbClass(index=index, minor=_MINOR, limit=limit),
        *(
            net.AddMatch(index=index, priority=_FIRST[match.network.version], match=match, at_root=True)
            for match in _far_sources(parsed)
        ),
    ]


def _from_vm(parsed: BandwidthConf, index: int, device: int) -> list[net.Request]:
    """What sends to the device what the VM sends: filters at the host end's ingress."""
    requests: list[net.Request] = [
        net.AddMatch(index=index, priority=_FIRST[match.network.version], match=match)
        for match in _far_destinations(parsed, device)
    ]
    if parsed.subnets is None:
        requests.append(net.AddRedirect(index=index, to=device, priority=_FIRST[4], class_id=_CLASS))
    elif not parsed.subnets.shaped:
        requests.append(net.AddRedirect(index=index, to=device, priority=_LAST))
    return requests


def _far_sources(parsed: BandwidthConf) -> list[net.Match]:
    if parsed.subnets is None:
        return []
    minor = _MINOR if parsed.subnets.shaped else 0
    return [net.Match(network=each, source=True, minor=minor) for each in parsed.subnets.networks]


def _far_destinations(parsed: BandwidthConf, device: int) -> list[net.Match]:
    if parsed.subnets is None:
        return []
    to = device if parsed.subnets.shaped else 0
    return [net.Match(network=each, source=False, to=to) for each in parsed.subnets.networks]


def _have(netns: Netns, request: net.Request, what: str, modules: str) -> None:
    try:
        netns.apply([request])
    except KernelFault as exc:
        if exc.errno not in _UNKNOWN:
            raise
        raise Unsupported(
            f"this kernel has no {what}, which bandwidth limits need: {exc}",
            hint=f"are the modules there (modprobe -a {modules}), or built in?",
        ) from exc


def _network(top: Section) -> str:
    return str(top.values["name"])  # the skeleton has looked at it


def _prev_result(call: Invocation, top: Section, cni_version: str) -> Result | None:
    try:
        return prev_result.of(call, top, cni_version)
    except CniError as exc:
        raise PluginFault(exc.msg) from exc


def _host_end(netns: Netns, host: Netns, if_name: str, interfaces: Sequence[Interface]) -> net.LinkInfo:
    """The host's end of the link in the namespace, as the result names it. Raises PluginFault."""
    if not interfaces:
        raise PluginFault("no interfaces provided")
    try:
        link = netns.link(name=if_name)
    except NotFound as exc:
        raise PluginFault(
            f'container interface {if_name} has no veth peer: could not look up "{if_name}": Link not found'
        ) from exc
    if link.kind != _VETH:
        raise PluginFault(
            f'container interface {if_name} has no veth peer: interface "{if_name}" was not a veth interface'
        )
    try:
        found = host.link(index=link.peer_index)
    except NotFound as exc:
        raise PluginFault(f"veth peer with index {link.peer_index} is not in host ns") from exc
    # The number is the other namespace's: on the host it may be a stranger's.
    if (found.kind, found.peer_index) != (_VETH, link.index):
        raise PluginFault(f"veth peer with index {link.peer_index} is not in host ns")
    if not any(each.name == found.name and not each.sandbox for each in interfaces):
        raise PluginFault("no veth peer of container interface found in host ns")
    return found


def _device(host: Netns, call: Invocation, top: Section) -> net.LinkInfo | None:
    """The attachment's device. One of the VM's other interfaces has the same name, and is left alone."""
    network = _network(top)
    try:
        link = host.link(name=device_name(network, call.container_id))
    except NotFound:
        return None
    another = is_of_network(link.mac, network) and link.mac != device_mac(network, call.if_name)
    return None if link.kind != _IFB or another else link


def _free(host: Netns, link: net.LinkInfo, parsed: BandwidthConf, device: net.LinkInfo | None) -> None:
    """Take from a host end what ADD has put there, and nothing of anybody else's."""
    requests: list[net.Request] = []
    if device is not None and device.index in host.redirects(link.index):
        requests.append(net.DelIngress(index=link.index))
    if parsed.ingress is not None:
        if parsed.subnets is None and host.rate_limit(link.index) == parsed.ingress:
            requests.append(net.DelTbf(index=link.index))
        elif parsed.subnets is not None and host.class_limit(link.index, _MINOR) == _of_a_class(
            parsed.ingress
        ):
            requests.append(net.DelHtb(index=link.index))
    for request in requests:
        with suppress(NotFound):
            host.apply([request])


def _take_back(host: Netns, undo: Sequence[net.Request], fault: BaseException) -> None:
    for request in reversed(undo):
        try:
            host.apply([request])
        except NotFound:
            pass
        except KernelFault as failed:
            fault.add_note(f"not taken back: {failed}")


def _of_a_class(limit: net.RateLimit) -> net.RateLimit:
    return replace(limit, limit=0)


def _check_ingress(host: Netns, link: net.LinkInfo, parsed: BandwidthConf, wanted: net.RateLimit) -> None:
    if parsed.subnets is None:
        _check_limit(host.rate_limit(link.index), wanted)
        return
    _check_limit(host.class_limit(link.index, _MINOR), _of_a_class(wanted))
    _check_matches(link, host.matches(link.index, at_root=True), _far_sources(parsed))


def _check_redirect(host: Netns, link: net.LinkInfo, device: net.LinkInfo, parsed: BandwidthConf) -> None:
    _check_matches(link, host.matches(link.index), _far_destinations(parsed, device.index))
    if device.index not in host.redirects(link.index):
        raise PluginFault(f"Failed to find redirect from {link.name} to {device.name}")


def _check_matches(link: net.LinkInfo, found: Collection[net.Match], wanted: Collection[net.Match]) -> None:
    for match in wanted:
        if match not in found:
            raise PluginFault(f"Failed to find filter for {match.network} on {link.name}")


def _check_limit(found: net.RateLimit | None, wanted: net.RateLimit) -> None:
    if found is None:
        raise PluginFault("Failed to find qdisc")
    for what, is_, should in (
        ("Rate", found.rate, wanted.rate),
        ("Limit", found.limit, wanted.limit),
        ("Buffer", found.buffer, wanted.buffer),
    ):
        if is_ != should:
            raise PluginFault(f"{what} doesn't match")
