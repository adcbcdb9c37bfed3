"""The bandwidth plugin: token bucket filters on the host end of a VM's veth pair, both ways.

What goes to the VM is held back where the host end sends it. What comes from the VM is held back on an
intermediate device, to which the host end's ingress redirects (plugins:plugins/meta/bandwidth). The container
end is left alone, so it may be redirected to a tap.

Beyond the reference: an ADD that fails takes back what it made, as does DEL on a host end that is still
there; CHECK misses a filter that is gone; GC removes devices of its network that no valid attachment owns, which
it knows by their MAC.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from vmplumbd.abc import Kernel, Netns
from vmplumbd.cni import version as versions
from vmplumbd.cni.error import CniError
from vmplumbd.cni.invoke import Command, Invocation
from vmplumbd.cni.result import Interface, Result
from vmplumbd.errors import KernelFault, NotFound, Unsupported
from vmplumbd.model import net
from vmplumbd.plugins import attachments, conf, prev_result
from vmplumbd.plugins.conf import Malformed, PluginFault, Section
from vmplumbd.plugins.skel import Verb

_PREFIX = "bwp"
_LONGEST_NAME = 15
_VETH, _IFB = "veth", "ifb"
_KEYS = ("ingressRate", "ingressBurst", "egressRate", "egressBurst")
_CLASS = 0x00010001  # the reference's, on a filter of its choice
_PRIORITY = 1

_WAITS = 40  # a packet may wait for 1/40 s, 25 ms, beside the burst
_LARGEST = 2**32 - 1

_LIMIT_OF_A_TRIAL = net.RateLimit(rate=1_000_000, buffer=1_000_000, limit=100_000)
# What the kernel says of a kind of link, qdisc, filter or action that it does not have.
_UNKNOWN = frozenset({errno.EOPNOTSUPP, errno.ENOENT})


@dataclass(frozen=True, slots=True, kw_only=True)
class BandwidthConf:
    """What the VM may receive (`ingress`) and send (`egress`); None is without a limit."""

    cni_version: str
    network: str
    ingress: net.RateLimit | None
    egress: net.RateLimit | None


def parse(top: Section) -> BandwidthConf:
    """Read a configuration. Raises PluginFault with the reference's text."""
    try:
        limits, cni_version, network = _limits(top), top.text("cniVersion"), top.text("name")
    except Malformed as exc:
        raise PluginFault(f"failed to parse network configuration: {exc}") from exc
    pairs = ((limits[0], limits[1]), (limits[2], limits[3]))
    for rate, burst in pairs:
        if rate and not burst:
            raise PluginFault("if rate is set, burst must also be set")
        if burst and not rate:
            raise PluginFault("if burst is set, rate must also be set")
        if burst // 8 >= _LARGEST:
            raise PluginFault("burst cannot be more than 4GB")
    ingress, egress = (rate_limit(rate, burst) if rate else None for rate, burst in pairs)
    return BandwidthConf(cni_version=cni_version or "0.1.0", network=network, ingress=ingress, egress=egress)


def rate_limit(rate: int, burst: int) -> net.RateLimit:
    """Bits a second and bits, as the kernel wants them. What it cannot hold is cut to the largest it can."""
    rate_bytes, burst_bytes = rate // 8, burst // 8
    # Microseconds first, as the reference counts, else CHECK of the one misses what the other has made.
    micros = burst_bytes * 1_000_000 // rate_bytes if rate_bytes else 0
    return net.RateLimit(
        rate=rate_bytes,
        buffer=min(micros * 1000 // 64, _LARGEST),
        limit=min(rate_bytes // _WAITS + burst_bytes, _LARGEST),
    )


def device_name(network: str, container_id: str) -> str:
    """The intermediate device of a VM in a network: known without any state, and so found again."""
    digest = hashlib.sha512(f"{network}{container_id}".encode(errors="surrogateescape"))
    return f"{_PREFIX}{digest.hexdigest()}"[:_LONGEST_NAME]


def device_mac(network: str) -> bytes:
    """The MAC of a network's intermediate devices. Nothing on the wire sees it."""
    digest = hashlib.sha256(f"bandwidth\0{network}".encode(errors="surrogateescape")).digest()
    return b"\x06" + digest[:5]  # locally administered


class Bandwidth:
    """The plugin. `keep_devices`: DEL leaves the host end to its namespace's end."""

    def __init__(self, kernel: Kernel, *, keep_devices: bool = False) -> None:
        self._kernel = kernel
        self._keep_devices = keep_devices
        self._works = False
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
            parsed = parse(conf.load(stdin, "PluginConf"))
        except (Malformed, PluginFault):
            return  # the verb's to refuse
        if not self._works and (parsed.ingress, parsed.egress) != (None, None):
            self._try_out()
            self._works = True

    def add(self, call: Invocation) -> Result:
        """Set the limits, or none. Answers prevResult with the device. Raises CniError, KernelFault."""
        top = _load(call)
        parsed = parse(top)
        made = _prev_result(call, top, parsed)
        if made is None:
            raise PluginFault("must be called as chained plugin")
        if parsed.ingress is None and parsed.egress is None:
            return made
        with prev_result.open_netns(self._kernel, call.netns) as netns:
            link = _host_end(netns, self._kernel.host(), call.if_name, made.interfaces)
        undo: list[net.Request] = []
        try:
            interfaces = self._limit(call, parsed, link, undo)
        except BaseException as exc:
            _take_back(self._kernel.host(), undo, exc)
            raise
        return replace(made, interfaces=(*made.interfaces, *interfaces))

    def del_(self, call: Invocation) -> None:
        """Remove the device, and the limits of a host end that is there. What is gone is success.

        Blocks for the kernel's grace period when there is a device. Raises CniError, KernelFault.
        """
        top = _load(call)
        parsed = parse(top)
        made = _prev_result(call, top, parsed)
        host = self._kernel.host()
        device = _device(host, device_name(parsed.network, call.container_id))
        if call.netns and made is not None and not self._keep_devices:
            # No namespace, no link in it or no pair: then there is no host end either.
            with suppress(PluginFault), prev_result.open_netns(self._kernel, call.netns) as netns:
                _free(host, _host_end(netns, host, call.if_name, made.interfaces), parsed, device)
        if device is not None:
            with suppress(NotFound):
                host.apply([net.DelLink(index=device.index)])

    def has_traces(self, call: Invocation) -> bool:
        """Whether there is the device, or a namespace whose link's host end may be limited."""
        name = device_name(parse(_load(call)).network, call.container_id)
        return bool(call.netns) or _device(self._kernel.host(), name) is not None

    def check(self, call: Invocation) -> None:
        """Raises CniError unless the limits are as they were set."""
        top = _load(call)
        parsed = parse(top)
        made = _prev_result(call, top, parsed)
        if made is None:
            raise PluginFault("must be called as a chained plugin")
        host = self._kernel.host()
        with prev_result.open_netns(self._kernel, call.netns) as netns:
            link = _host_end(netns, host, call.if_name, made.interfaces)
        if parsed.ingress is not None:
            _check_limit(host, link, parsed.ingress)
        if parsed.egress is not None:
            device = _device(host, device_name(parsed.network, call.container_id))
            if device is None:
                raise PluginFault("get ifb device: Link not found")
            _check_limit(host, device, parsed.egress)
            if device.index not in host.redirects(link.index):
                raise PluginFault(f"Failed to find redirect from {link.name} to {device.name}")

    def gc(self, call: Invocation) -> None:
        """Remove the network's devices that no valid attachment owns. Raises CniError, KernelFault.

        A configuration that does not name the valid attachments removes nothing. A device that the
        executable made has a MAC by chance, and stays: nobody knows whose it is.
        """
        valid = attachments.valid(call.stdin)
        if valid is None:
            return
        network = parse(_load(call)).network
        keep = {device_name(network, container_id) for container_id, _ in valid}
        mac, host = device_mac(network), self._kernel.host()
        for link in host.links():
            if (
                link.kind == _IFB
                and link.mac == mac
                and link.name.startswith(_PREFIX)
                and link.name not in keep
            ):
                with suppress(NotFound):
                    host.apply([net.DelLink(index=link.index)])

    def _limit(
        self, call: Invocation, parsed: BandwidthConf, link: net.LinkInfo, undo: list[net.Request]
    ) -> tuple[Interface, ...]:
        # A request that is refused has done nothing, and what is in its way may be a stranger's. So each
        # goes alone, and its undoing is noted when it is done.
        if parsed.ingress is not None:
            self._act(net.AddTbf(index=link.index, limit=parsed.ingress), "create qdisc")
            undo.append(net.DelTbf(index=link.index))
        if parsed.egress is None:
            return ()
        name = device_name(parsed.network, call.container_id)
        add = net.AddLink(
            name=name,
            kind=_IFB,
            mtu=link.mtu,
            tx_queue_length=0,
            mac=device_mac(parsed.network),
            up=True,
        )
        self._act(add, "adding link")
        undo.append(net.DelLink(name=name))
        device = self._kernel.host().link(name=name)
        limit = net.AddTbf(index=device.index, limit=parsed.egress)
        self._act(limit, "create ifb qdisc: create qdisc")
        self._act(net.AddIngress(index=link.index), "create ingress qdisc")
        undo.append(net.DelIngress(index=link.index))
        redirect = net.AddRedirect(index=link.index, to=device.index, priority=_PRIORITY, class_id=_CLASS)
        self._act(redirect, "add filter")
        return (Interface(name=name, mac=prev_result.mac_text(device.mac)),)

    def _act(self, request: net.Request, fault: str) -> None:
        try:
            self._kernel.host().apply([request])
        except KernelFault as exc:
            if exc.errno in _UNKNOWN:
                self._try_out()
            raise PluginFault(f"{fault}: {os.strerror(exc.errno).lower()}") from exc

    def _try_out(self) -> None:
        """Raises Unsupported for the first thing that the kernel does not have."""
        with self._kernel.trial_netns() as netns:
            _have(netns, net.AddLink(name="ifb0", kind=_IFB), "intermediate devices", "ifb")
            device, lo = netns.link(name="ifb0").index, netns.link(name="lo").index
            limit = net.AddTbf(index=device, limit=_LIMIT_OF_A_TRIAL)
            _have(netns, limit, "token bucket filters", "sch_tbf")
            _have(netns, net.AddIngress(index=lo), "ingress qdiscs", "sch_ingress")
            redirect = net.AddRedirect(index=lo, to=device)
            _have(netns, redirect, "redirects by u32 filters", "cls_u32 act_mirred")


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


def _load(call: Invocation) -> Section:
    try:
        return conf.load(call.stdin, "PluginConf")
    except Malformed as exc:
        raise PluginFault(f"failed to parse network configuration: {exc}") from exc


def _limits(top: Section) -> tuple[int, ...]:
    """The four numbers: the configuration's own if it has any of them, else the request's."""
    runtime = top.section("runtimeConfig") or Section("PluginConf.runtimeConfig", {})
    asked = runtime.section("bandwidth") or Section("PluginConf.runtimeConfig.bandwidth", {})
    numbers = [tuple(_bits(holder, key) for key in _KEYS) for holder in (top, asked)]
    return numbers[0] if any(key.lower() in top.values for key in _KEYS) else numbers[1]


def _bits(holder: Section, key: str) -> int:
    number = holder.number(key, "uint64") or 0
    if number >= 2**64:
        raise Malformed(
            f"json: cannot unmarshal number {number} into Go struct field {holder.struct}.{key} of type uint64"
        )
    return number


def _prev_result(call: Invocation, top: Section, parsed: BandwidthConf) -> Result | None:
    try:
        return prev_result.of(call, top, parsed.cni_version)
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


def _device(host: Netns, name: str) -> net.LinkInfo | None:
    try:
        link = host.link(name=name)
    except NotFound:
        return None
    return link if link.kind == _IFB else None


def _free(host: Netns, link: net.LinkInfo, parsed: BandwidthConf, device: net.LinkInfo | None) -> None:
    """Take from a host end what ADD has put there, and nothing of anybody else's."""
    requests: list[net.Request] = []
    if device is not None and device.index in host.redirects(link.index):
        requests.append(net.DelIngress(index=link.index))
    if parsed.ingress is not None and host.rate_limit(link.index) == parsed.ingress:
        requests.append(net.DelTbf(index=link.index))
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


def _check_limit(host: Netns, link: net.LinkInfo, wanted: net.RateLimit) -> None:
    found = host.rate_limit(link.index)
    if found is None:
        raise PluginFault("Failed to find qdisc")
    for what, is_, should in (
        ("Rate", found.rate, wanted.rate),
        ("Limit", found.limit, wanted.limit),
        ("Buffer", found.buffer, wanted.buffer),
    ):
        if is_ != should:
            raise PluginFault(f"{what} doesn't match")
