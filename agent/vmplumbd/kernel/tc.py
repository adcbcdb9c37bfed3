"""Ingress qdisc, a u32 filter that matches all and redirects to another link's egress, token bucket filter."""

from __future__ import annotations

import struct

from vmplumbd.kernel import rtnl
from vmplumbd.kernel.rtnl import Message
from vmplumbd.model import net

TC_H_INGRESS = 0xFFFFFFF1
TC_H_ROOT = 0xFFFFFFFF
ROOT_HANDLE = 0x00010000
INGRESS_HANDLE = 0xFFFF0000
ETH_P_ALL_NETWORK_ORDER = 0x0300
TC_ACT_STOLEN = 4
TCA_EGRESS_REDIR = 1
TC_U32_TERMINAL = 1

TCA_KIND, TCA_OPTIONS = 1, 2
TCA_U32_CLASSID, TCA_U32_SEL, TCA_U32_ACT = 1, 5, 7
TCA_TBF_PARMS, TCA_TBF_RATE64 = 1, 4
TCA_ACT_KIND, TCA_ACT_OPTIONS = 1, 2
TCA_MIRRED_PARMS = 2

_TCMSG = struct.Struct("=BxxxiIII")  # family, index, handle, parent, info
_MIRRED = struct.Struct("=IIiiiiI")  # index, capab, action, refcnt, bindcnt, eaction, ifindex
# rate, peak rate: cell log, link layer, overhead, cell align, mpu, bytes a second; then limit, buffer, mtu
_TBF = struct.Struct("=BBHhHI BBHhHI III")
_TBF_RATE, _TBF_LIMIT, _TBF_BUFFER = 5, 12, 13
_U64 = struct.Struct("=Q")
_LARGEST_U32 = 0xFFFFFFFF
_NO_RATE = (0, 0, 0, 0, 0, 0)
_INGRESS = rtnl.text(TCA_KIND, "ingress")
_TBF_KIND = rtnl.text(TCA_KIND, "tbf")
_U32_KIND = rtnl.text(TCA_KIND, "u32")
_MIRRED_KIND = rtnl.text(TCA_ACT_KIND, "mirred")
# One key that compares nothing: mask and value 0.
_MATCH_ALL = rtnl.attribute(
    TCA_U32_SEL, struct.pack("=BBBxHHhhI IIii", TC_U32_TERMINAL, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0)
)
_IFINDEX = struct.Struct("=I")


def redirect_action(target: int) -> bytes:
    """The option of a u32 filter that sends what it matches out of another link."""
    redirect = _MIRRED.pack(0, 0, TC_ACT_STOLEN, 0, 0, TCA_EGRESS_REDIR, target)
    options = rtnl.attribute(TCA_ACT_OPTIONS, rtnl.attribute(TCA_MIRRED_PARMS, redirect))
    return rtnl.attribute(TCA_U32_ACT, rtnl.attribute(1, _MIRRED_KIND + options))


def _redirect(target: int, class_id: int = 0) -> bytes:
    action = redirect_action(target)
    owner = rtnl.u32(TCA_U32_CLASSID, class_id) if class_id else b""
    return _U32_KIND + rtnl.attribute(TCA_OPTIONS, _MATCH_ALL + owner + action)


# Every redirect is the same but for its last four bytes, the target.
_REDIRECT_BUT_TARGET = _redirect(0)[:-4]


def add_ingress(request: net.AddIngress) -> Message:
    """The qdisc, refused when there is one."""
    body = _TCMSG.pack(0, request.index, INGRESS_HANDLE, TC_H_INGRESS, 0) + _INGRESS
    return Message(rtnl.RTM_NEWQDISC, rtnl.CREATE_NEW, body)


def del_ingress(request: net.DelIngress) -> Message:
    """The qdisc at the ingress, with its filters."""
    return Message(
        rtnl.RTM_DELQDISC, rtnl.NLM_F_REQUEST, _TCMSG.pack(0, request.index, 0, TC_H_INGRESS, 0) + _INGRESS
    )


def add_redirect(request: net.AddRedirect) -> Message:
    """The filter; its handle is the kernel's choice, and its preference unless one is asked for."""
    info = request.priority << 16 | ETH_P_ALL_NETWORK_ORDER
    body = _TCMSG.pack(0, request.index, 0, INGRESS_HANDLE, info)
    if request.class_id:
        body += _redirect(request.to, request.class_id)
    else:
        body += _REDIRECT_BUT_TARGET + _IFINDEX.pack(request.to)
    return Message(rtnl.RTM_NEWTFILTER, rtnl.CREATE_NEW, body)


def add_tbf(request: net.AddTbf) -> Message:
    """The qdisc, refused when the link has a root qdisc of that handle."""
    limit = request.limit
    rate = (0, 0, 0, 0, 0, min(limit.rate, _LARGEST_U32))
    options = rtnl.attribute(TCA_TBF_PARMS, _TBF.pack(*rate, *_NO_RATE, limit.limit, limit.buffer, 0))
    if limit.rate > _LARGEST_U32:
        options += rtnl.attribute(TCA_TBF_RATE64, _U64.pack(limit.rate))
    body = _TCMSG.pack(0, request.index, ROOT_HANDLE, TC_H_ROOT, 0) + _TBF_KIND
    return Message(rtnl.RTM_NEWQDISC, rtnl.CREATE_NEW, body + rtnl.attribute(TCA_OPTIONS, options))


def del_tbf(request: net.DelTbf) -> Message:
    """The root qdisc, refused unless it is a token bucket filter."""
    body = _TCMSG.pack(0, request.index, 0, TC_H_ROOT, 0) + _TBF_KIND
    return Message(rtnl.RTM_DELQDISC, rtnl.NLM_F_REQUEST, body)


def dump_qdiscs(index: int) -> Message:
    """Qdiscs; the kernel sends those of every link."""
    return Message(rtnl.RTM_GETQDISC, rtnl.NLM_F_REQUEST, _TCMSG.pack(0, index, 0, 0, 0))


def dump_ingress_filters(index: int) -> Message:
    """Filters at a link's ingress."""
    return Message(rtnl.RTM_GETTFILTER, rtnl.NLM_F_REQUEST, _TCMSG.pack(0, index, 0, INGRESS_HANDLE, 0))


def is_ingress_of(body: memoryview, index: int) -> bool:
    """Whether a qdisc message tells of this link's ingress."""
    _, owner, _, parent, _ = _TCMSG.unpack_from(body)
    return bool(owner == index and parent == TC_H_INGRESS)


def rate_limit_of(body: memoryview, index: int) -> net.RateLimit | None:
    """What a qdisc message tells of the token bucket filter at this link's root, if it does."""
    _, owner, _, parent, _ = _TCMSG.unpack_from(body)
    if owner != index or parent != TC_H_ROOT:
        return None
    found = rtnl.attribute_map(body, 20)
    if TCA_OPTIONS not in found or bytes(found[TCA_KIND]).rstrip(b"\0") != b"tbf":
        return None
    options = rtnl.attribute_map(found[TCA_OPTIONS], 0)
    fields = _TBF.unpack_from(options[TCA_TBF_PARMS])
    rate = fields[_TBF_RATE]
    if TCA_TBF_RATE64 in options:
        (rate,) = _U64.unpack_from(options[TCA_TBF_RATE64])
    return net.RateLimit(rate=rate, buffer=fields[_TBF_BUFFER], limit=fields[_TBF_LIMIT])


def redirects(body: memoryview) -> list[int]:
    """The ifindexes to which a filter message's u32 filter redirects."""
    found = rtnl.attribute_map(body, 20)
    if TCA_OPTIONS not in found or bytes(found[TCA_KIND]).rstrip(b"\0") != b"u32":
        return []
    actions = rtnl.attribute_map(found[TCA_OPTIONS], 0).get(TCA_U32_ACT)
    if actions is None:
        return []
    targets = []
    for _, action in rtnl.attributes(actions, 0):
        parts = rtnl.attribute_map(action, 0)
        if bytes(parts.get(TCA_ACT_KIND, b"")).rstrip(b"\0") != b"mirred" or TCA_ACT_OPTIONS not in parts:
            continue
        parameters = rtnl.attribute_map(parts[TCA_ACT_OPTIONS], 0).get(TCA_MIRRED_PARMS)
        if parameters is not None:
            *_, verdict, target = _MIRRED.unpack_from(parameters)
            if verdict == TCA_EGRESS_REDIR:
                targets.append(target)
    return targets
