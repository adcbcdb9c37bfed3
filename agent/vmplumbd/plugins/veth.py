"""A veth pair from a VM's namespace to the host: made, found again without the namespace, removed."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress

from vmplumbd.abc import Kernel, Netns
from vmplumbd.cni.error import ErrorCode
from vmplumbd.cni.invoke import Invocation
from vmplumbd.cni.result import Interface
from vmplumbd.errors import Exists, KernelFault, NotANetns, NotFound
from vmplumbd.model import net
from vmplumbd.plugins import prev_result
from vmplumbd.plugins.ahead import MadeAhead
from vmplumbd.plugins.conf import PluginFault

_TRIES = 10


def host_device_name(network: str, container_id: str, if_name: str) -> str:
    """The name of an attachment's host end: known before it is made, the same each time."""
    digest = hashlib.sha256(f"{network}\0{container_id}\0{if_name}".encode(errors="surrogateescape"))
    return f"veth{digest.hexdigest()[:8]}"


def host_mac(network: str, container_id: str, if_name: str) -> bytes:
    """The MAC of an attachment's host end: the same each time, so a VM that comes back finds its gateway there."""
    digest = hashlib.sha256(f"{network}\0{container_id}\0{if_name}".encode(errors="surrogateescape")).digest()
    return bytes([digest[8] & 0xFC | 0x02]) + digest[9:14]


def make(
    kernel: Kernel,
    netns: Netns,
    name: str,
    peer: str,
    *,
    mtu: int,
    mac: bytes | None = None,
    peer_mac: bytes | None = None,
) -> net.LinkInfo:
    """Make the pair and answer its end in `netns`. Raises PluginFault, KernelFault, with nothing left.

    A host end whose name is taken gets one by chance, and then a MAC of the kernel's choice.
    """
    return _make(kernel, netns, name, peer, mtu=mtu, mac=mac, peer_mac=peer_mac)[0]


def random_mac() -> bytes:
    """A MAC by chance: locally administered, one station's."""
    chosen = os.urandom(6)
    return bytes([chosen[0] & 0xFC | 0x02]) + chosen[1:]


def make_known(
    kernel: Kernel,
    netns: Netns,
    name: str,
    peer: str,
    *,
    mtu: int,
    mac: bytes | None = None,
    peer_mac: bytes | None = None,
) -> tuple[net.LinkInfo, Interface]:
    """Make the pair; answer its end in `netns`, and the other. Raises as `make` does.

    The host end's MAC is given or chosen here: it need not be asked for, and a link manager that gives MACs
    to links whose own the kernel chose leaves it alone.
    """
    random = random_mac()
    link, far = _make(
        kernel, netns, name, peer, mtu=mtu, mac=mac, peer_mac=peer_mac or random, by_chance=random
    )
    its_own = peer_mac if peer_mac and far == peer else random
    return link, Interface(name=far, mac=prev_result.mac_text(its_own))


def _make(
    kernel: Kernel,
    netns: Netns,
    name: str,
    peer: str,
    *,
    mtu: int,
    mac: bytes | None = None,
    peer_mac: bytes | None = None,
    by_chance: bytes | None = None,
) -> tuple[net.LinkInfo, str]:
    """The pair's end here and the name of the other, whose MAC is `by_chance` when its name is."""
    for _ in range(_TRIES):
        add = net.AddVeth(name=name, peer=peer, mtu=mtu, mac=mac, peer_mac=peer_mac)
        try:
            (link,) = netns.apply([add, net.GetLink(name=name)])
        except KernelFault as exc:
            if exc.op > 0:
                with suppress(KernelFault):
                    netns.apply([net.DelLink(name=name)])
                raise
            if not isinstance(exc, Exists):
                raise PluginFault(f"failed to make veth pair: {exc}") from exc
            if not exists(kernel.host(), peer):
                raise PluginFault(
                    f'container veth name ("{name}") peer provided ("{peer}") already exists'
                ) from exc
            # A former life of this attachment, on its way out, or a stranger.
            peer, peer_mac = f"veth{os.urandom(4).hex()}", by_chance
            continue
        return link, peer
    raise PluginFault("failed to find a unique veth name")


def take_over(kernel: Kernel, netns: Netns, name: str, ahead: MadeAhead) -> tuple[net.Device, Interface]:
    """The pair that was made ahead. Raises PluginFault if it is not as it was made.

    The host end keeps the name it has: DEL finds it by prevResult, or it goes with its namespace.
    """
    try:
        here, far = netns.device(name), kernel.host().device(ahead.host_name)
    except NotFound as exc:
        raise _lost(f"a device that was made ahead is gone: {exc}") from exc
    if (far.index, prev_result.mac_text(far.mac)) != (ahead.host_index, ahead.host_mac):
        raise _lost(f"{ahead.host_name} is not the device that was made ahead")
    return here, Interface(name=ahead.host_name, mac=ahead.host_mac)


def _lost(message: str) -> PluginFault:
    # Tried again: the next attempt makes its own.
    return PluginFault(message, code=ErrorCode.TRY_AGAIN_LATER)


def make_ahead(kernel: Kernel, netns: Netns, *, name: str, mtu: int) -> tuple[net.Device, Interface, int]:
    """A pair for a warm pool: the end here, up; the host's, with its ifindex, down and under a name by chance."""
    link, far = make_known(kernel, netns, name, f"veth{os.urandom(4).hex()}", mtu=mtu)
    try:
        netns.apply([net.SetLink(index=link.index, up=True)])
        ignore_advertisements(kernel.host(), far.name)
    except BaseException as exc:
        take_back(netns, link.index, exc)
        raise
    return net.Device(index=link.index, name=name, mac=link.mac, mtu=link.mtu), far, link.peer_index


def ignore_advertisements(host: Netns, name: str) -> None:
    """Let no router tell the host end its routes: they are ours to make."""
    with suppress(KernelFault, OSError):  # a kernel without IPv6 has none to accept
        host.write_sysctl(f"net/ipv6/conf/{name}/accept_ra", "0")


def switch_ipv6_off(host: Netns, name: str) -> None:
    """No IPv6 on the host end, which is down yet: taken away afterwards it costs more than it does."""
    with suppress(NotFound):  # a kernel without IPv6
        host.write_sysctl(f"net/ipv6/conf/{name}/disable_ipv6", "1")


def take_back(netns: Netns, index: int, fault: BaseException) -> None:
    """Remove a pair that an ADD made before it failed with `fault`, which is told what stays."""
    try:
        netns.apply([net.DelLink(index=index)])
    except NotFound:
        pass
    except KernelFault as failed:
        fault.add_note(f"the link is still there: {failed}")


def own(host: Netns, name: str, mac: str | None) -> net.LinkInfo | None:
    """The veth of that name on the host, with that MAC where one is known."""
    try:
        link = host.link(name=name)
    except NotFound:
        return None
    if link.kind != "veth" or (mac and prev_result.mac_text(link.mac) != mac.lower()):
        return None
    return link


def delete_inside(kernel: Kernel, call: Invocation) -> bool:
    """Remove the call's link from its namespace. False if one of them is gone. Raises PluginFault, KernelFault.

    Blocks for the kernel's grace period.
    """
    try:
        with prev_result.open_netns(kernel, call.netns) as netns:
            netns.apply([net.DelLink(name=call.if_name)])
    except NotFound:
        return False
    except PluginFault as exc:
        if isinstance(exc.__cause__, NotFound | NotANetns):
            return False
        raise
    return True


def delete(host: Netns, link: net.LinkInfo) -> None:
    """Remove a host end, and with it the other. Gone already is success. Blocks as `delete_inside` does."""
    with suppress(NotFound):
        host.apply([net.DelLink(index=link.index)])


def exists(netns: Netns, name: str) -> bool:
    """Whether a link has the name."""
    try:
        netns.device(name)
    except NotFound:
        return False
    return True
