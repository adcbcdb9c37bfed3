"""Ingress qdisc, and a u32 filter that matches all and redirects to another link's egress."""

from __future__ import annotations

import struct

from vmplumbd.kernel import rtnl
from vmplumbd.kernel.rtnl import Message
from vmplumbd.model import net

TC_H_INGRESS = 0xFFFFFFF1
INGRESS_HANDLE = 0xFFFF0000
ETH_P_ALL_NETWORK_ORDER = 0x0300
TC_ACT_STOLEN = 4
TCA_EGRESS_REDIR = 1
TC_U32_TERMINAL = 1

TCA_KIND, TCA_OPTIONS = 1, 2
TCA_U32_SEL, TCA_U32_ACT = 5, 7
TCA_ACT_KIND, TCA_ACT_OPTIONS = 1, 2
TCA_MIRRED_PARMS = 2

_TCMSG = struct.Struct("=BxxxiIII")  # family, index, handle, parent, info
_MIRRED = struct.Struct("=IIiiiiI")  # index, capab, action, refcnt, bindcnt, eaction, ifindex
_INGRESS = rtnl.text(TCA_KIND, "ingress")
_U32_KIND = rtnl.text(TCA_KIND, "u32")
_MIRRED_KIND = rtnl.text(TCA_ACT_KIND, "mirred")
# One key that compares nothing: mask and value 0.
_MATCH_ALL = rtnl.attribute(
    TCA_U32_SEL, struct.pack("=BBBxHHhhI IIii", TC_U32_TERMINAL, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0)
)
_IFINDEX = struct.Struct("=I")


def _redirect(target: int) -> bytes:
    redirect = _MIRRED.pack(0, 0, TC_ACT_STOLEN, 0, 0, TCA_EGRESS_REDIR, target)
    options = rtnl.attribute(TCA_ACT_OPTIONS, rtnl.attribute(TCA_MIRRED_PARMS, redirect))
    action = rtnl.attribute(TCA_U32_ACT, rtnl.attribute(1, _MIRRED_KIND + options))
    return _U32_KIND + rtnl.attribute(TCA_OPTIONS, _MATCH_ALL + action)


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
    """The filter; preference and handle are the kernel's choice."""
    body = _TCMSG.pack(0, request.index, 0, INGRESS_HANDLE, ETH_P_ALL_NETWORK_ORDER)
    return Message(
        rtnl.RTM_NEWTFILTER, rtnl.CREATE_NEW, body + _REDIRECT_BUT_TARGET + _IFINDEX.pack(request.to)
    )


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
