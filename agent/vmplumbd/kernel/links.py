"""Links, addresses and routes as rtnetlink messages, both ways. What is asked comes from `model.net`."""

from __future__ import annotations

import functools
import socket
import struct
from ipaddress import ip_address, ip_interface, ip_network

from vmplumbd.kernel import rtnl
from vmplumbd.kernel.rtnl import Message
from vmplumbd.model import net

AF_BRIDGE = 7

IFLA_ADDRESS, IFLA_IFNAME, IFLA_MTU, IFLA_LINK = 1, 3, 4, 5
IFLA_MASTER, IFLA_PROTINFO, IFLA_TXQLEN, IFLA_OPERSTATE, IFLA_LINKINFO = 10, 12, 13, 16, 18
IFLA_AF_SPEC, IFLA_GROUP, IFLA_NET_NS_FD, IFLA_EXT_MASK = 26, 27, 28, 29
IFLA_INFO_KIND, IFLA_INFO_DATA = 1, 2
IFLA_TUN_OWNER, IFLA_TUN_GROUP = 1, 2
IFLA_BR_VLAN_FILTERING, IFLA_BR_VLAN_DEFAULT_PVID = 7, 39
IFLA_BRIDGE_FLAGS, IFLA_BRIDGE_VLAN_INFO = 0, 2
BRIDGE_FLAGS_MASTER = 1
BRIDGE_VLAN_INFO_PVID, BRIDGE_VLAN_INFO_UNTAGGED = 0x2, 0x4
IFLA_BRPORT_MODE, IFLA_BRPORT_ISOLATED = 4, 33
VETH_INFO_PEER = 1
NLA_F_NESTED = 0x8000
RTEXT_FILTER_SKIP_STATS = 8
IF_OPER_UP = 6
IFLA_INET_CONF, IPV4_DEVCONF_ARP_NOTIFY = 1, 22

IFF_UP, IFF_PROMISC, IFF_ALLMULTI = 0x1, 0x100, 0x200

IFA_ADDRESS, IFA_LOCAL, IFA_BROADCAST, IFA_FLAGS = 1, 2, 4, 8
IFA_F_NODAD, IFA_F_DADFAILED, IFA_F_TENTATIVE = 0x02, 0x08, 0x40

RTA_DST, RTA_OIF, RTA_GATEWAY, RTA_PRIORITY, RTA_PREFSRC = 1, 4, 5, 6, 7
RTA_METRICS, RTA_MULTIPATH, RTA_TABLE = 8, 9, 15
RTAX_MTU, RTAX_ADVMSS = 2, 8
RTN_UNICAST = 1
RTM_F_CLONED = 0x200
TABLE_LOCAL = 255

_FAMILY = {4: int(socket.AF_INET), 6: int(socket.AF_INET6)}

_IFINFO = struct.Struct("=BBHiII")  # family, pad, type, index, flags, change
_IFADDR = struct.Struct("=BBBBI")  # family, prefix length, flags, scope, index
_RTMSG = struct.Struct("=BBBBBBBBI")  # family, dst len, src len, tos, table, protocol, scope, type, flags
_RTNEXTHOP = struct.Struct("=HBBi")  # length, flags, hops, index
_U16 = struct.Struct("=H")
_I32 = struct.Struct("=i")
_U32 = struct.Struct("=I")
_VLAN_INFO = struct.Struct("=HH")  # flags, vid

_LINK_BY_INDEX = _IFINFO.pack(0, 0, 0, 0, 0, 0)
_SKIP_STATS = rtnl.u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS)
_PEER_TX_QUEUE = rtnl.u32(IFLA_TXQLEN, 0)  # as the reference plugins' library makes the far end

DUMP_LINKS = Message(rtnl.RTM_GETLINK, rtnl.NLM_F_REQUEST, _LINK_BY_INDEX + _SKIP_STATS)
DUMP_ROUTES4 = Message(
    rtnl.RTM_GETROUTE, rtnl.NLM_F_REQUEST, _RTMSG.pack(socket.AF_INET, 0, 0, 0, 0, 0, 0, 0, 0)
)
DUMP_ROUTES6 = Message(
    rtnl.RTM_GETROUTE, rtnl.NLM_F_REQUEST, _RTMSG.pack(socket.AF_INET6, 0, 0, 0, 0, 0, 0, 0, 0)
)


def add_veth(request: net.AddVeth, host_fd: int) -> Message:
    """The pair in one message; the peer is born in the namespace behind `host_fd`."""
    peer = _LINK_BY_INDEX + _name(request.peer) + _PEER_TX_QUEUE + rtnl.u32(IFLA_NET_NS_FD, host_fd)
    here = _LINK_BY_INDEX + _name(request.name)
    if request.mtu:
        mtu = rtnl.u32(IFLA_MTU, request.mtu)
        peer += mtu
        here += mtu
    if request.peer_mac is not None:
        peer += rtnl.attribute(IFLA_ADDRESS, request.peer_mac)
    if request.peer_group:
        peer += rtnl.u32(IFLA_GROUP, request.peer_group)
    if request.mac is not None:
        here += rtnl.attribute(IFLA_ADDRESS, request.mac)
    data = rtnl.attribute(IFLA_INFO_DATA, rtnl.attribute(VETH_INFO_PEER, peer))
    return Message(
        rtnl.RTM_NEWLINK, rtnl.CREATE_NEW, here + rtnl.attribute(IFLA_LINKINFO, _kind("veth") + data)
    )


def add_link(request: net.AddLink) -> Message:
    """A link that its kind and a few settings describe."""
    flags = IFF_UP if request.up else 0
    body = _IFINFO.pack(0, 0, 0, 0, flags, flags) + _name(request.name)
    if request.mtu:
        body += rtnl.u32(IFLA_MTU, request.mtu)
    if request.tx_queue_length is not None:
        body += rtnl.u32(IFLA_TXQLEN, request.tx_queue_length)
    if request.mac is not None:
        body += rtnl.attribute(IFLA_ADDRESS, request.mac)
    info = _kind(request.kind)
    if request.vlan_filtering is not None:
        filtering = rtnl.attribute(IFLA_BR_VLAN_FILTERING, bytes([request.vlan_filtering]))
        info += rtnl.attribute(IFLA_INFO_DATA, filtering)
    return Message(rtnl.RTM_NEWLINK, rtnl.CREATE_NEW, body + rtnl.attribute(IFLA_LINKINFO, info))


def get_link(request: net.GetLink) -> Message:
    """One link by index, or by name."""
    return Message(rtnl.RTM_GETLINK, rtnl.NLM_F_REQUEST, _which(request.index, request.name) + _SKIP_STATS)


def set_link(request: net.SetLink) -> list[Message]:
    """One message for the link, and one to its bridge where bridge port settings change."""
    flags = change = 0
    if request.up is not None:
        change |= IFF_UP
        flags |= IFF_UP if request.up else 0
    if request.promisc is not None:
        change |= IFF_PROMISC
        flags |= IFF_PROMISC if request.promisc else 0
    if request.allmulti is not None:
        change |= IFF_ALLMULTI
        flags |= IFF_ALLMULTI if request.allmulti else 0
    settings = b""
    if request.mtu is not None:
        settings += rtnl.u32(IFLA_MTU, request.mtu)
    if request.master is not None:
        settings += rtnl.u32(IFLA_MASTER, request.master)
    if request.group is not None:
        settings += rtnl.u32(IFLA_GROUP, request.group)
    if request.tx_queue_length is not None:
        settings += rtnl.u32(IFLA_TXQLEN, request.tx_queue_length)
    if request.mac is not None:
        settings += rtnl.attribute(IFLA_ADDRESS, request.mac)
    if request.arp_notify is not None:
        notify = rtnl.u32(IPV4_DEVCONF_ARP_NOTIFY, request.arp_notify)
        ipv4 = rtnl.attribute(socket.AF_INET, rtnl.attribute(IFLA_INET_CONF, notify))
        settings += rtnl.attribute(IFLA_AF_SPEC, ipv4)
    messages = []
    if change or settings:
        body = _which(request.index, request.name, flags, change) + settings
        messages.append(Message(rtnl.RTM_SETLINK, rtnl.NLM_F_REQUEST, body))
    port = b""
    if request.hairpin is not None:
        port += rtnl.attribute(IFLA_BRPORT_MODE, bytes([request.hairpin]))
    if request.isolated is not None:
        port += rtnl.attribute(IFLA_BRPORT_ISOLATED, bytes([request.isolated]))
    if port:
        body = _which(request.index, request.name, family=AF_BRIDGE)
        body += rtnl.attribute(IFLA_PROTINFO | NLA_F_NESTED, port)
        messages.append(Message(rtnl.RTM_SETLINK, rtnl.NLM_F_REQUEST, body))
    return messages


def add_bridge_vlan(request: net.AddBridgeVlan) -> Message:
    """Membership of a port, kept by its bridge."""
    flags = BRIDGE_VLAN_INFO_PVID if request.pvid else 0
    flags |= BRIDGE_VLAN_INFO_UNTAGGED if request.untagged else 0
    return Message(rtnl.RTM_SETLINK, rtnl.NLM_F_REQUEST, _port_vlan(request.index, flags, request.vid))


def del_bridge_vlan(request: net.DelBridgeVlan) -> Message:
    """The end of a membership."""
    return Message(rtnl.RTM_DELLINK, rtnl.NLM_F_REQUEST, _port_vlan(request.index, 0, request.vid))


def dump_ports(bridge: int) -> Message:
    """The links of one master."""
    body = DUMP_LINKS.body + rtnl.u32(IFLA_MASTER, bridge)
    return Message(rtnl.RTM_GETLINK, rtnl.NLM_F_REQUEST, body)


def rename_link(request: net.RenameLink) -> Message:
    """One link by index."""
    body = _which(request.index, "") + _name(request.name)
    return Message(rtnl.RTM_SETLINK, rtnl.NLM_F_REQUEST, body)


def del_link(request: net.DelLink) -> Message:
    """One link by index, or by name."""
    return Message(rtnl.RTM_DELLINK, rtnl.NLM_F_REQUEST, _which(request.index, request.name))


def del_group(group: int) -> Message:
    """Every link of a group, in one step."""
    return Message(rtnl.RTM_DELLINK, rtnl.NLM_F_REQUEST, _LINK_BY_INDEX + rtnl.u32(IFLA_GROUP, group))


def add_address(request: net.AddAddress) -> Message:
    """An address, refused when it is there."""
    body = _address(request.index, request.address)
    if request.broadcast is not None:
        body += rtnl.address(IFA_BROADCAST, request.broadcast.packed)
    if request.no_dad:
        body += rtnl.u32(IFA_FLAGS, IFA_F_NODAD)
    return Message(rtnl.RTM_NEWADDR, rtnl.CREATE_NEW, body)


def del_address(request: net.DelAddress) -> Message:
    """The address with exactly this prefix length."""
    return Message(rtnl.RTM_DELADDR, rtnl.NLM_F_REQUEST, _address(request.index, request.address))


def dump_addresses(index: int) -> Message:
    """The addresses of one link."""
    return Message(rtnl.RTM_GETADDR, rtnl.NLM_F_REQUEST, _IFADDR.pack(0, 0, 0, 0, index))


def add_route(request: net.AddRoute) -> Message:
    """A unicast route, refused when it is there unless it is to be appended."""
    body = _route(request.dst, request.table, protocol=net.PROTO_BOOT, scope=request.scope, kind=RTN_UNICAST)
    if request.src is not None:
        body += rtnl.address(RTA_PREFSRC, request.src.packed)
    if request.gateway is not None:
        body += rtnl.address(RTA_GATEWAY, request.gateway.packed)
    if request.priority:
        body += rtnl.u32(RTA_PRIORITY, request.priority)
    metrics = b""
    if request.mtu:
        metrics += rtnl.u32(RTAX_MTU, request.mtu)
    if request.advmss:
        metrics += rtnl.u32(RTAX_ADVMSS, request.advmss)
    if metrics:
        body += rtnl.attribute(RTA_METRICS, metrics)
    flags = rtnl.CREATE_NEW
    if request.append:
        flags = rtnl.NLM_F_REQUEST | rtnl.NLM_F_CREATE | rtnl.NLM_F_APPEND
    return Message(rtnl.RTM_NEWROUTE, flags, body + rtnl.u32(RTA_OIF, request.index))


def del_route(request: net.DelRoute) -> Message:
    """The route to a destination over one link, whatever made it."""
    body = _route(request.dst, request.table, protocol=0, scope=request.scope, kind=0)
    return Message(rtnl.RTM_DELROUTE, rtnl.NLM_F_REQUEST, body + rtnl.u32(RTA_OIF, request.index))


def link_index(body: memoryview) -> int:
    """The ifindex of a link message, or 0 if a bridge sent it about its port."""
    family, _, _, index, _, _ = _IFINFO.unpack_from(body)
    return int(index) if family != AF_BRIDGE else 0


_OF_A_LINK = frozenset(
    {
        IFLA_ADDRESS,
        IFLA_IFNAME,
        IFLA_MTU,
        IFLA_LINK,
        IFLA_MASTER,
        IFLA_TXQLEN,
        IFLA_OPERSTATE,
        IFLA_LINKINFO,
        IFLA_GROUP,
    }
)


_OF_A_BRIDGE = frozenset({IFLA_BR_VLAN_DEFAULT_PVID})


def read_link(body: memoryview) -> net.LinkInfo:
    """A link message of the kernel as a value."""
    _, _, _, index, flags, _ = _IFINFO.unpack_from(body)
    found = rtnl.attribute_map(body, 16, _OF_A_LINK)
    kind, default_vlan = "", None
    owner_uid, owner_gid = None, None
    if IFLA_LINKINFO in found:
        info = rtnl.attribute_map(found[IFLA_LINKINFO], 0)
        kind = _text(info.get(IFLA_INFO_KIND))
        if kind == "bridge" and IFLA_INFO_DATA in info:
            default_vlan = _default_vlan(info[IFLA_INFO_DATA])
        elif kind == "tun" and IFLA_INFO_DATA in info:
            owner_uid, owner_gid = _tap_owner(info[IFLA_INFO_DATA])
    operstate = found.get(IFLA_OPERSTATE)
    return net.LinkInfo(
        index=index,
        name=_text(found.get(IFLA_IFNAME)),
        kind=kind,
        mac=bytes(found.get(IFLA_ADDRESS, b"")),
        mtu=_number(found.get(IFLA_MTU)),
        up=bool(flags & IFF_UP),
        peer_index=_number(found.get(IFLA_LINK)),
        master=_number(found.get(IFLA_MASTER)),
        group=_number(found.get(IFLA_GROUP)),
        promisc=bool(flags & IFF_PROMISC),
        allmulti=bool(flags & IFF_ALLMULTI),
        tx_queue_length=_number(found.get(IFLA_TXQLEN)),
        oper_up=operstate is not None and operstate[0] == IF_OPER_UP,
        default_vlan=default_vlan,
        owner_uid=owner_uid,
        owner_gid=owner_gid,
    )


def _tap_owner(data: memoryview) -> tuple[int | None, int | None]:
    """User and group of a tap; the kernel leaves out what is not set."""
    found = rtnl.attribute_map(data, 0)
    uid, gid = found.get(IFLA_TUN_OWNER), found.get(IFLA_TUN_GROUP)
    return (None if uid is None else _number(uid), None if gid is None else _number(gid))


def group_of(body: memoryview) -> int:
    """The group of a link message, at a tenth of what `read_link` costs: the rest is not looked at."""
    for kind, value in rtnl.attributes(body, 16):
        if kind == IFLA_GROUP:
            return _number(value)
    return 0


def read_address(body: memoryview) -> net.AddressInfo:
    """An address message as a value: of a pair of addresses, our own end."""
    _, length, flags, scope, index = _IFADDR.unpack_from(body)
    found = rtnl.attribute_map(body, 8)
    flags |= _number(found.get(IFA_FLAGS))
    packed = bytes(found.get(IFA_LOCAL) or found[IFA_ADDRESS])
    return net.AddressInfo(
        index=index,
        address=ip_interface((packed, length)),
        scope=scope,
        tentative=bool(flags & IFA_F_TENTATIVE),
        dad_failed=bool(flags & IFA_F_DADFAILED),
    )


def read_route(body: memoryview) -> list[net.RouteInfo]:
    """A route message as values, one a next hop; none when it is not a unicast route, or a local one."""
    family, length, _, _, table, protocol, scope, kind, flags = _RTMSG.unpack_from(body)
    found = rtnl.attribute_map(body, 12)
    table = _number(found.get(RTA_TABLE)) or table
    if kind != RTN_UNICAST or table == TABLE_LOCAL or flags & RTM_F_CLONED:
        return []
    packed = bytes(found.get(RTA_DST, b"\0" * (4 if family == socket.AF_INET else 16)))
    dst = ip_network((packed, length))
    hops = [(_number(found.get(RTA_OIF)), found.get(RTA_GATEWAY))]
    if RTA_MULTIPATH in found:
        hops = _next_hops(found[RTA_MULTIPATH])
    return [
        net.RouteInfo(
            dst=dst,
            index=index,
            gateway=_ip(gateway),
            src=_ip(found.get(RTA_PREFSRC)),
            scope=scope,
            table=table,
            priority=_number(found.get(RTA_PRIORITY)),
            protocol=protocol,
        )
        for index, gateway in hops
    ]


def _which(index: int, name: str, flags: int = 0, change: int = 0, family: int = 0) -> bytes:
    header = _IFINFO.pack(family, 0, 0, index, flags, change)
    return header if index else header + _name(name)


def _port_vlan(index: int, flags: int, vid: int) -> bytes:
    spec = rtnl.attribute(IFLA_BRIDGE_FLAGS, _U16.pack(BRIDGE_FLAGS_MASTER))
    spec += rtnl.attribute(IFLA_BRIDGE_VLAN_INFO, _VLAN_INFO.pack(flags, vid))
    return _which(index, "", family=AF_BRIDGE) + rtnl.attribute(IFLA_AF_SPEC, spec)


def _default_vlan(data: memoryview) -> int | None:
    # A kernel built without VLAN filtering leaves this attribute out, and no other.
    found = rtnl.attribute_map(data, 0, _OF_A_BRIDGE).get(IFLA_BR_VLAN_DEFAULT_PVID)
    return None if found is None else int(_U16.unpack_from(found)[0])


@functools.lru_cache(maxsize=64)
def _kind(kind: str) -> bytes:
    return rtnl.text(IFLA_INFO_KIND, kind)


def _name(name: str) -> bytes:
    return rtnl.text(IFLA_IFNAME, name)


def _address(index: int, address: net.Interface) -> bytes:
    family = _FAMILY[address.version]
    packed = address.packed
    return (
        _IFADDR.pack(family, address.network.prefixlen, 0, 0, index)
        + rtnl.address(IFA_LOCAL, packed)
        + rtnl.address(IFA_ADDRESS, packed)
    )


def _route(dst: net.Network, table: int, *, protocol: int, scope: int, kind: int) -> bytes:
    length = dst.prefixlen
    family = _FAMILY[dst.version]
    # The header has one byte for the table; a greater number goes into an attribute.
    header = _RTMSG.pack(family, length, 0, 0, table if table < 256 else 0, protocol, scope, kind, 0)
    if length:
        header += rtnl.address(RTA_DST, dst.network_address.packed)
    return header if table < 256 else header + rtnl.u32(RTA_TABLE, table)


def _next_hops(body: memoryview) -> list[tuple[int, memoryview | None]]:
    hops = []
    offset = 0
    while offset + 8 <= len(body):
        size, _, _, index = _RTNEXTHOP.unpack_from(body, offset)
        hops.append((index, rtnl.attribute_map(body[offset : offset + size], 8).get(RTA_GATEWAY)))
        offset += max((size + 3) & ~3, 8)
    return hops


def _text(value: memoryview | None) -> str:
    return bytes(value).rstrip(b"\0").decode() if value is not None else ""


def _number(value: memoryview | None) -> int:
    return int(_U32.unpack_from(value)[0]) if value is not None else 0


def _ip(value: memoryview | None) -> net.Address | None:
    return ip_address(bytes(value)) if value is not None else None
