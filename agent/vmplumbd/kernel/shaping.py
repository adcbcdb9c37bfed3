"""Some of a link's traffic: a hierarchical token bucket with one class, and u32 filters that match subnets."""

from __future__ import annotations

import struct
from ipaddress import IPv4Network, IPv6Network

from vmplumbd.kernel import rtnl, tc
from vmplumbd.kernel.rtnl import Message
from vmplumbd.model import net

TCA_HTB_PARMS, TCA_HTB_INIT, TCA_HTB_RATE64, TCA_HTB_CEIL64 = 1, 2, 6, 7
HTB_VERSION, RATE_TO_QUANTUM = 3, 10
SMALLEST_QUANTUM, LARGEST_QUANTUM = 1_000, 200_000
ETH_P_IP_NETWORK_ORDER, ETH_P_IPV6_NETWORK_ORDER = 0x0008, 0xDD86

_TCMSG = struct.Struct("=BxxxiIII")  # family, index, handle, parent, info
_GLOBAL = struct.Struct("=IIIII")  # version, rate to quantum, default, debug, direct packets
# rate, ceiling: cell log, link layer, overhead, cell align, mpu, bytes a second; then buffers, quantum, level, prio
_CLASS = struct.Struct("=BBHhHI BBHhHI IIIII")
_CLASS_RATE, _CLASS_BUFFER = 5, 12
_SELECTOR = struct.Struct("=BBBxHHhhI")  # flags, offset shift, keys, and offsets that are not used here
_KEY = struct.Struct("=4s4sii")  # mask, value, where in the network header, mask of an offset
_U32 = struct.Struct("=I")
_U64 = struct.Struct("=Q")
_LARGEST_U32 = 0xFFFFFFFF
_HTB_KIND = rtnl.text(tc.TCA_KIND, "htb")
_U32_KIND = rtnl.text(tc.TCA_KIND, "u32")
# Where the header has source and destination.
_SOURCE, _DESTINATION = {4: 12, 6: 8}, {4: 16, 6: 24}
_PROTOCOL = {4: ETH_P_IP_NETWORK_ORDER, 6: ETH_P_IPV6_NETWORK_ORDER}


def add_htb(request: net.AddHtb) -> Message:
    """The root qdisc, refused when the link has one of that handle."""
    options = rtnl.attribute(TCA_HTB_INIT, _GLOBAL.pack(HTB_VERSION, RATE_TO_QUANTUM, request.default, 0, 0))
    body = _TCMSG.pack(0, request.index, tc.ROOT_HANDLE, tc.TC_H_ROOT, 0) + _HTB_KIND
    return Message(rtnl.RTM_NEWQDISC, rtnl.CREATE_NEW, body + rtnl.attribute(tc.TCA_OPTIONS, options))


def del_htb(request: net.DelHtb) -> Message:
    """The root qdisc with classes and filters, refused unless it is a hierarchical token bucket."""
    body = _TCMSG.pack(0, request.index, 0, tc.TC_H_ROOT, 0) + _HTB_KIND
    return Message(rtnl.RTM_DELQDISC, rtnl.NLM_F_REQUEST, body)


def add_class(request: net.AddHtbClass) -> Message:
    """The class. Its quantum is told: the kernel complains in its log about those it chooses."""
    limit = request.limit
    rate = (0, 0, 0, 0, 0, min(limit.rate, _LARGEST_U32))
    quantum = min(max(limit.rate // RATE_TO_QUANTUM, SMALLEST_QUANTUM), LARGEST_QUANTUM)
    options = rtnl.attribute(
        TCA_HTB_PARMS, _CLASS.pack(*rate, *rate, limit.buffer, limit.buffer, quantum, 0, 0)
    )
    if limit.rate > _LARGEST_U32:
        wide = _U64.pack(limit.rate)
        options += rtnl.attribute(TCA_HTB_RATE64, wide) + rtnl.attribute(TCA_HTB_CEIL64, wide)
    body = _TCMSG.pack(0, request.index, tc.ROOT_HANDLE | request.minor, tc.ROOT_HANDLE, 0) + _HTB_KIND
    return Message(rtnl.RTM_NEWTCLASS, rtnl.CREATE_NEW, body + rtnl.attribute(tc.TCA_OPTIONS, options))


def add_match(request: net.AddMatch) -> Message:
    """The filter; its handle is the kernel's choice."""
    match = request.match
    parent = tc.ROOT_HANDLE if request.at_root else tc.INGRESS_HANDLE
    info = request.priority << 16 | _PROTOCOL[match.network.version]
    options = _selector(match) + rtnl.u32(tc.TCA_U32_CLASSID, tc.ROOT_HANDLE | match.minor)
    if match.to:
        options += tc.redirect_action(match.to)
    body = _TCMSG.pack(0, request.index, 0, parent, info) + _U32_KIND
    return Message(rtnl.RTM_NEWTFILTER, rtnl.CREATE_NEW, body + rtnl.attribute(tc.TCA_OPTIONS, options))


def dump_classes(index: int) -> Message:
    """Classes of a link."""
    return Message(rtnl.RTM_GETTCLASS, rtnl.NLM_F_REQUEST, _TCMSG.pack(0, index, 0, 0, 0))


def dump_filters(index: int, *, at_root: bool) -> Message:
    """Filters at a link's root or ingress."""
    parent = tc.ROOT_HANDLE if at_root else tc.INGRESS_HANDLE
    return Message(rtnl.RTM_GETTFILTER, rtnl.NLM_F_REQUEST, _TCMSG.pack(0, index, 0, parent, 0))


def class_limit_of(body: memoryview, minor: int) -> net.RateLimit | None:
    """What a class message tells of that class; its queue is as long as the link's."""
    _, _, handle, _, _ = _TCMSG.unpack_from(body)
    found = rtnl.attribute_map(body, 20)
    if handle != tc.ROOT_HANDLE | minor or bytes(found[tc.TCA_KIND]).rstrip(b"\0") != b"htb":
        return None
    options = rtnl.attribute_map(found[tc.TCA_OPTIONS], 0)
    fields = _CLASS.unpack_from(options[TCA_HTB_PARMS])
    rate = fields[_CLASS_RATE]
    if TCA_HTB_RATE64 in options:
        (rate,) = _U64.unpack_from(options[TCA_HTB_RATE64])
    return net.RateLimit(rate=rate, buffer=fields[_CLASS_BUFFER], limit=0)


def match_of(body: memoryview) -> net.Match | None:
    """What a filter message tells, if it is a u32 filter that matches one subnet."""
    _, _, _, _, info = _TCMSG.unpack_from(body)
    version = {protocol: version for version, protocol in _PROTOCOL.items()}.get(info & 0xFFFF)
    found = rtnl.attribute_map(body, 20)
    if version is None or tc.TCA_OPTIONS not in found:
        return None
    options = rtnl.attribute_map(found[tc.TCA_OPTIONS], 0)
    if tc.TCA_U32_SEL not in options or bytes(found[tc.TCA_KIND]).rstrip(b"\0") != b"u32":
        return None
    selector = options[tc.TCA_U32_SEL]
    keys = [_KEY.unpack_from(selector, _SELECTOR.size + each * _KEY.size) for each in range(selector[2])]
    mask = b"".join(key[0] for key in keys).ljust(4 if version == 4 else 16, b"\0")
    value = b"".join(key[1] for key in keys).ljust(4 if version == 4 else 16, b"\0")
    length = int.from_bytes(mask, "big").bit_count()
    kind = IPv4Network if version == 4 else IPv6Network
    targets = tc.redirects(body)
    minor = 0
    if tc.TCA_U32_CLASSID in options:
        minor = _U32.unpack_from(options[tc.TCA_U32_CLASSID])[0] & 0xFFFF
    return net.Match(
        network=kind((value, length)),
        source=bool(keys) and keys[0][2] == _SOURCE[version],
        minor=minor,
        to=targets[0] if targets else 0,
    )


def _selector(match: net.Match) -> bytes:
    network = match.network
    at = (_SOURCE if match.source else _DESTINATION)[network.version]
    mask, value = network.netmask.packed, network.network_address.packed
    # A word of the address a key; words that need not agree are left out, but for one.
    words = max((network.prefixlen + 31) // 32, 1)
    keys = [
        _KEY.pack(mask[each * 4 : each * 4 + 4], value[each * 4 : each * 4 + 4], at + each * 4, 0)
        for each in range(words)
    ]
    header = _SELECTOR.pack(tc.TC_U32_TERMINAL, 0, words, 0, 0, 0, 0, 0)
    return rtnl.attribute(tc.TCA_U32_SEL, header + b"".join(keys))
