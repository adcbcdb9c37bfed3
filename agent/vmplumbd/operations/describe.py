"""DescribeNetwork: the devices between the VM and the host, as the kernel has them now."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from vmplumbd import vmconf
from vmplumbd.abc import Netns
from vmplumbd.cni import result as results
from vmplumbd.errors import AgentError, NotFound
from vmplumbd.model import net
from vmplumbd.model.outcome import Attachment, VmRoute
from vmplumbd.model.progress import Holder
from vmplumbd.model.record import Record
from vmplumbd.operations import namespace
from vmplumbd.operations.tools import Tools


class Role(enum.Enum):
    """What a device does on the path; numbers are the wire's DeviceRole."""

    TAP = 1
    NETNS_END = 2
    HOST_END = 3
    BRIDGE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """One device. `netns_path` is empty on the host; names are empty where there is none."""

    role: Role
    link: net.LinkInfo
    netns_path: str
    addresses: tuple[net.Interface, ...]
    routes: tuple[VmRoute, ...]
    peer_name: str = ""
    master_name: str = ""
    redirect_to: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """The devices from the VM's side to the host's, whether the namespace is there, and who holds it or its tap."""

    netns_exists: bool
    devices: tuple[Described, ...]
    holders: tuple[Holder, ...] = ()


def describe(tools: Tools, record: Record) -> Description:
    """Look. Blocks; changes nothing. Raises KernelFault."""
    plan = record.plan
    exists = bool(plan.netns_path) and namespace.is_ours(
        tools.kernel, plan.netns_path, plan.netns_device, plan.netns_inode
    )
    devices: list[Described] = []
    for attachment in plan.attachments:
        if not attachment.result:
            continue
        host_name = attachment.host_devices[0][0] if attachment.host_devices else ""
        if exists:
            with tools.kernel.open_netns(plan.netns_path) as inside:
                devices.extend(_inside(inside, attachment, record.vm_id, plan.netns_path, host_name))
        devices.extend(_outside(tools.kernel.host(), attachment))
    # Also of a namespace without a name: what lives in it keeps it.
    holders = tools.holders(plan.netns_inode, plan.netns_path) if plan.netns_inode else ()
    return Description(netns_exists=exists, devices=tuple(devices), holders=holders)


def _inside(inside: Netns, attachment: Attachment, vm_id: str, where: str, host_name: str) -> list[Described]:
    found: list[Described] = []
    names: dict[int, str] = {one.index: one.name for one in inside.links()}
    try:
        tap_name = vmconf.vm_pair(results.parse(attachment.result), vm_id).tap.name
    except AgentError:
        tap_name = ""
    for name, role in ((tap_name, Role.TAP), (attachment.if_name, Role.NETNS_END)):
        try:
            link = inside.link(name=name)
        except NotFound:
            continue
        targets = [names.get(index, str(index)) for index in inside.redirects(link.index)]
        found.append(
            Described(
                role=role,
                link=link,
                netns_path=where,
                addresses=tuple(one.address for one in inside.addresses(link.index)),
                routes=_routes(inside, link.index),
                peer_name=host_name if role is Role.NETNS_END else "",
                redirect_to=targets[0] if targets else "",
            )
        )
    return found


def _outside(host: Netns, attachment: Attachment) -> list[Described]:
    found: list[Described] = []
    for _, index in attachment.host_devices:
        try:
            link = host.link(index=index)
        except NotFound:
            continue
        master = None
        if link.master:
            try:
                master = host.link(index=link.master)
            except NotFound:
                master = None
        found.append(
            Described(
                role=Role.HOST_END,
                link=link,
                netns_path="",
                addresses=tuple(one.address for one in host.addresses(index)),
                routes=_routes(host, index),
                peer_name=attachment.if_name,
                master_name=master.name if master else "",
            )
        )
        if master is not None:
            found.append(
                Described(
                    role=Role.BRIDGE,
                    link=master,
                    netns_path="",
                    addresses=tuple(one.address for one in host.addresses(master.index)),
                    routes=(),
                )
            )
    return found


def _routes(where: Netns, index: int) -> tuple[VmRoute, ...]:
    return tuple(
        VmRoute(
            dst=str(one.dst),
            gw="" if one.gateway is None else str(one.gateway),
            priority=one.priority,
            table=one.table,
            scope=one.scope,
        )
        for one in where.routes()
        if one.index == index
    )
