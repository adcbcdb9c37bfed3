"""Our messages, read by pyroute2: it must find in them what was asked, and nothing else."""

from __future__ import annotations

import struct
from ipaddress import IPv4Address, ip_address, ip_interface, ip_network
from typing import Any

import pytest
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg
from pyroute2.netlink.rtnl.tcmsg import tcmsg

from vmplumbd.kernel import links, requests, rtnl, shaping, tc
from vmplumbd.model import net

HOST_FD = 5
CREATE_NEW = 0x1 | 0x200 | 0x400
APPEND = 0x1 | 0x400 | 0x800
READERS = {
    rtnl.RTM_NEWLINK: ifinfmsg,
    rtnl.RTM_SETLINK: ifinfmsg,
    rtnl.RTM_GETLINK: ifinfmsg,
    rtnl.RTM_DELLINK: ifinfmsg,
    rtnl.RTM_NEWADDR: ifaddrmsg,
    rtnl.RTM_DELADDR: ifaddrmsg,
    rtnl.RTM_NEWROUTE: rtmsg,
    rtnl.RTM_DELROUTE: rtmsg,
    rtnl.RTM_NEWQDISC: tcmsg,
    rtnl.RTM_DELQDISC: tcmsg,
    rtnl.RTM_NEWTCLASS: tcmsg,
    rtnl.RTM_NEWTFILTER: tcmsg,
}


def read(message: rtnl.Message) -> tuple[int, int, dict[str, Any]]:
    """Type, flags and what pyroute2 makes of the rest, nested attributes as dicts."""
    header = struct.pack("=IHHII", 16 + len(message.body), message.kind, message.flags, 1, 0)
    parsed = READERS[message.kind](header + message.body)
    parsed.decode()
    return message.kind, message.flags, plain(parsed)


def plain(value: Any) -> Any:
    if isinstance(value, dict) or hasattr(value, "get_attrs"):
        fields = {
            key: plain(inner)
            for key, inner in value.items()
            if key not in ("attrs", "header", "value", "state", "__align") and inner not in (0, None)
        }
        return fields | {name: plain(inner) for name, inner, *_ in value.get("attrs", [])}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    return value


SCOPE_LINK, MAIN, BOOT, UNICAST, V4, V6 = 253, 254, 3, 1, 2, 10
MAC = b"\x02\x00\x00\x00\x00\x07"
INGRESS = {"parent": 0xFFFFFFF1, "index": 3, "TCA_KIND": "ingress"}

CASES: list[tuple[str, net.Request, int, int, dict[str, Any]]] = [
    (
        "veth",
        net.AddVeth(name="eth0", peer="veth7", mtu=1400, mac=MAC, peer_mac=MAC, peer_group=9),
        rtnl.RTM_NEWLINK,
        CREATE_NEW,
        {
            "IFLA_IFNAME": "eth0",
            "IFLA_MTU": 1400,
            "IFLA_ADDRESS": "02:00:00:00:00:07",
            "IFLA_LINKINFO": {
                "IFLA_INFO_KIND": "veth",
                "IFLA_INFO_DATA": {
                    "VETH_INFO_PEER": {
                        "IFLA_IFNAME": "veth7",
                        "IFLA_TXQLEN": 0,
                        "IFLA_NET_NS_FD": HOST_FD,
                        "IFLA_MTU": 1400,
                        "IFLA_ADDRESS": "02:00:00:00:00:07",
                        "IFLA_GROUP": 9,
                    }
                },
            },
        },
    ),
    (
        "bridge",
        net.AddLink(name="br0", kind="bridge", tx_queue_length=0, vlan_filtering=True, up=True),
        rtnl.RTM_NEWLINK,
        CREATE_NEW,
        {
            "flags": 1,
            "change": 1,
            "IFLA_IFNAME": "br0",
            "IFLA_TXQLEN": 0,
            "IFLA_LINKINFO": {"IFLA_INFO_KIND": "bridge", "IFLA_INFO_DATA": {"IFLA_BR_VLAN_FILTERING": 1}},
        },
    ),
    (
        "get_by_name",
        net.GetLink(name="eth0"),
        rtnl.RTM_GETLINK,
        1,
        {"IFLA_IFNAME": "eth0", "IFLA_EXT_MASK": 8},
    ),
    ("get_by_index", net.GetLink(index=3), rtnl.RTM_GETLINK, 1, {"index": 3, "IFLA_EXT_MASK": 8}),
    ("up", net.SetLink(index=3, up=True), rtnl.RTM_SETLINK, 1, {"index": 3, "flags": 1, "change": 1}),
    ("down", net.SetLink(index=3, up=False), rtnl.RTM_SETLINK, 1, {"index": 3, "change": 1}),
    (
        "everything_on_a_link",
        net.SetLink(
            name="eth0",
            promisc=True,
            allmulti=True,
            mtu=1300,
            mac=MAC,
            master=0,
            group=7,
            tx_queue_length=10,
        ),
        rtnl.RTM_SETLINK,
        1,
        {
            "flags": 0x300,
            "change": 0x300,
            "IFLA_IFNAME": "eth0",
            "IFLA_MTU": 1300,
            "IFLA_MASTER": 0,
            "IFLA_GROUP": 7,
            "IFLA_TXQLEN": 10,
            "IFLA_ADDRESS": "02:00:00:00:00:07",
        },
    ),
    (
        "announced_addresses",
        net.SetLink(index=3, arp_notify=True),
        rtnl.RTM_SETLINK,
        1,
        {"index": 3, "IFLA_AF_SPEC": {"AF_INET": bytes.fromhex("10000200 0c000100 08001600 01000000")}},
    ),
    ("delete", net.DelLink(index=3), rtnl.RTM_DELLINK, 1, {"index": 3}),
    (
        "address4",
        net.AddAddress(
            index=3, address=ip_interface("10.0.0.2/24"), broadcast=IPv4Address("10.0.0.255"), no_dad=True
        ),
        rtnl.RTM_NEWADDR,
        CREATE_NEW,
        {
            "family": V4,
            "prefixlen": 24,
            "index": 3,
            "IFA_LOCAL": "10.0.0.2",
            "IFA_ADDRESS": "10.0.0.2",
            "IFA_BROADCAST": "10.0.0.255",
            "IFA_FLAGS": 2,
        },
    ),
    (
        "address6_gone",
        net.DelAddress(index=3, address=ip_interface("fd00::2/64")),
        rtnl.RTM_DELADDR,
        1,
        {"family": V6, "prefixlen": 64, "index": 3, "IFA_LOCAL": "fd00::2", "IFA_ADDRESS": "fd00::2"},
    ),
    (
        "route4",
        net.AddRoute(
            dst=ip_network("10.0.0.0/24"),
            index=3,
            gateway=ip_address("10.0.0.1"),
            src=ip_address("10.0.0.2"),
            scope=SCOPE_LINK,
            priority=5,
            mtu=1300,
            advmss=1200,
        ),
        rtnl.RTM_NEWROUTE,
        CREATE_NEW,
        {
            "family": V4,
            "dst_len": 24,
            "table": MAIN,
            "proto": BOOT,
            "scope": SCOPE_LINK,
            "type": UNICAST,
            "RTA_DST": "10.0.0.0",
            "RTA_PREFSRC": "10.0.0.2",
            "RTA_GATEWAY": "10.0.0.1",
            "RTA_PRIORITY": 5,
            "RTA_METRICS": {"RTAX_MTU": 1300, "RTAX_ADVMSS": 1200},
            "RTA_OIF": 3,
        },
    ),
    (
        "default_route6_in_a_far_table",
        net.AddRoute(dst=ip_network("::/0"), index=3, gateway=ip_address("fd00::1"), table=1000, append=True),
        rtnl.RTM_NEWROUTE,
        APPEND,
        {
            "family": V6,
            "proto": BOOT,
            "type": UNICAST,
            "RTA_TABLE": 1000,
            "RTA_GATEWAY": "fd00::1",
            "RTA_OIF": 3,
        },
    ),
    (
        "route_gone",
        net.DelRoute(dst=ip_network("10.0.0.0/24"), index=3),
        rtnl.RTM_DELROUTE,
        1,
        {"family": V4, "dst_len": 24, "table": MAIN, "scope": 255, "RTA_DST": "10.0.0.0", "RTA_OIF": 3},
    ),
    (
        "ingress",
        net.AddIngress(index=3),
        rtnl.RTM_NEWQDISC,
        CREATE_NEW,
        INGRESS | {"handle": 0xFFFF0000},
    ),
    (
        "intermediate_device",
        net.AddLink(name="ifb0", kind="ifb", mtu=1400, tx_queue_length=0, mac=MAC, up=True),
        rtnl.RTM_NEWLINK,
        CREATE_NEW,
        {
            "flags": 1,
            "change": 1,
            "IFLA_IFNAME": "ifb0",
            "IFLA_MTU": 1400,
            "IFLA_TXQLEN": 0,
            "IFLA_ADDRESS": "02:00:00:00:00:07",
            "IFLA_LINKINFO": {"IFLA_INFO_KIND": "ifb"},
        },
    ),
    (
        "rate_limit_gone",
        net.DelTbf(index=3),
        rtnl.RTM_DELQDISC,
        1,
        {"parent": 0xFFFFFFFF, "index": 3, "TCA_KIND": "tbf"},
    ),
    ("ingress_gone", net.DelIngress(index=3), rtnl.RTM_DELQDISC, 1, INGRESS),
]


@pytest.mark.parametrize(
    ("request_", "kind", "flags", "fields"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_pyroute2_reads_what_was_asked(
    request_: net.Request, kind: int, flags: int, fields: dict[str, Any]
) -> None:
    (message,) = requests.encode(request_, HOST_FD)
    assert read(message) == (kind, flags, fields)


def test_a_redirect_matches_all_and_goes_to_its_target() -> None:
    (message,) = requests.encode(net.AddRedirect(index=3, to=7), HOST_FD)
    kind, flags, fields = read(message)
    options = fields.pop("TCA_OPTIONS")
    assert (kind, flags) == (rtnl.RTM_NEWTFILTER, CREATE_NEW)
    assert fields == {"index": 3, "parent": 0xFFFF0000, "info": 0x0300, "TCA_KIND": "u32"}
    selector = options["TCA_U32_SEL"]
    assert (selector["flags"], selector["nkeys"]) == (1, 1)
    (action,) = options["TCA_U32_ACT"].values()
    assert action["TCA_ACT_KIND"] == "mirred"
    wanted = {"action": 4, "eaction": 1, "ifindex": 7}
    assert action["TCA_ACT_OPTIONS"]["TCA_MIRRED_PARMS"] == wanted


def test_a_redirect_may_have_a_place_and_a_class() -> None:
    asked = net.AddRedirect(index=3, to=7, priority=1, class_id=0x10001)
    _, _, fields = read(requests.encode(asked, HOST_FD)[0])
    _, _, plainly = read(requests.encode(net.AddRedirect(index=3, to=7), HOST_FD)[0])
    assert fields["info"] == 0x10300
    assert fields["TCA_OPTIONS"].pop("TCA_U32_CLASSID") == 0x10001
    assert fields["TCA_OPTIONS"] == plainly["TCA_OPTIONS"]


@pytest.mark.parametrize(("rate", "rate_32"), [(1_000_000, 1_000_000), (2**33, 2**32 - 1)])
def test_a_rate_limit_says_rate_burst_and_queue(rate: int, rate_32: int) -> None:
    limit = net.RateLimit(rate=rate, buffer=156_250, limit=35_000)
    (message,) = requests.encode(net.AddTbf(index=3, limit=limit), HOST_FD)
    kind, flags, fields = read(message)
    options = fields.pop("TCA_OPTIONS")
    assert (kind, flags) == (rtnl.RTM_NEWQDISC, CREATE_NEW)
    assert fields == {"parent": 0xFFFFFFFF, "handle": 0x10000, "index": 3, "TCA_KIND": "tbf"}
    assert options["TCA_TBF_PARMS"] == {"rate": rate_32, "limit": 35_000, "buffer": 156_250}
    assert ("UNKNOWN" in options) is (rate != rate_32)  # pyroute2 has no name for the rate in 64 bits
    assert tc.rate_limit_of(memoryview(message.body), 3) == limit
    assert tc.rate_limit_of(memoryview(message.body), 4) is None


def test_a_class_says_rate_ceiling_and_burst() -> None:
    limit = net.RateLimit(rate=1_000_000, buffer=156_250, limit=0)
    (root,) = requests.encode(net.AddHtb(index=3, default=1), HOST_FD)
    kind, flags, fields = read(root)
    assert (kind, flags) == (rtnl.RTM_NEWQDISC, CREATE_NEW)
    init = {"version": 3, "rate2quantum": 10, "defcls": 1}
    assert fields == {
        "parent": 0xFFFFFFFF,
        "handle": 0x10000,
        "index": 3,
        "TCA_KIND": "htb",
        "TCA_OPTIONS": {"TCA_HTB_INIT": init},
    }
    (message,) = requests.encode(net.AddHtbClass(index=3, minor=1, limit=limit), HOST_FD)
    kind, flags, fields = read(message)
    options = fields.pop("TCA_OPTIONS")["TCA_HTB_PARMS"]
    assert (kind, flags) == (rtnl.RTM_NEWTCLASS, CREATE_NEW)
    assert fields == {"parent": 0x10000, "handle": 0x10001, "index": 3, "TCA_KIND": "htb"}
    assert {key: options[key] for key in ("rate", "ceil", "buffer", "cbuffer", "quantum")} == {
        "rate": 1_000_000,
        "ceil": 1_000_000,
        "buffer": 156_250,
        "cbuffer": 156_250,
        "quantum": 100_000,
    }


WORD = "0xffffffff"


@pytest.mark.parametrize(
    ("network", "source", "info", "keys"),
    [
        ("10.0.0.0/8", True, 0x0008, ["0x0a000000/0xff000000+12"]),
        ("10.1.2.3/32", False, 0x0008, [f"0x0a010203/{WORD}+16"]),
        ("0.0.0.0/0", True, 0x0008, ["0x0/0x0+12"]),
        ("fd00:1::/40", True, 0xDD86, [f"0xfd000001/{WORD}+8", "0x0/0xff000000+12"]),
        (
            "fd00::1/128",
            False,
            0xDD86,
            [f"0xfd000000/{WORD}+24", f"0x0/{WORD}+28", f"0x0/{WORD}+32", f"0x1/{WORD}+36"],
        ),
    ],
)
def test_a_filter_for_a_subnet_compares_its_words(
    network: str, source: bool, info: int, keys: list[str]
) -> None:
    match = net.Match(network=ip_network(network), source=source, minor=1)
    asked = net.AddMatch(index=3, priority=2, match=match, at_root=True)
    (message,) = requests.encode(asked, HOST_FD)
    kind, flags, fields = read(message)
    options = fields.pop("TCA_OPTIONS")
    assert (kind, flags) == (rtnl.RTM_NEWTFILTER, CREATE_NEW)
    assert fields == {"index": 3, "parent": 0x10000, "info": 0x20000 | info, "TCA_KIND": "u32"}
    assert options["TCA_U32_CLASSID"] == 0x10001
    # pyroute2 reads keys four bytes too early, so what it writes for them is compared.
    theirs = tcmsg()
    theirs["attrs"] = [["TCA_OPTIONS", {"attrs": [["TCA_U32_SEL", {"keys": keys}]]}]]
    theirs["attrs"].insert(0, ["TCA_KIND", "u32"])
    theirs.encode()
    selector = rtnl.attribute_map(memoryview(message.body), 20)[2]
    assert bytes(rtnl.attribute_map(selector, 0)[5]) in bytes(theirs.data)
    assert shaping.match_of(memoryview(message.body)) == match


def test_bridge_port_settings_are_a_message_of_their_own() -> None:
    link, port = requests.encode(net.SetLink(index=3, master=2, hairpin=True, isolated=False), HOST_FD)
    assert read(link) == (rtnl.RTM_SETLINK, 1, {"index": 3, "IFLA_MASTER": 2})
    kind, flags, fields = read(port)
    assert (kind, flags) == (rtnl.RTM_SETLINK, 1)
    assert fields["IFLA_PROTINFO"] == {"IFLA_BRPORT_MODE": 1, "IFLA_BRPORT_ISOLATED": 0}


def test_a_vlan_of_a_port_is_kept_by_its_bridge() -> None:
    both = net.AddBridgeVlan(index=3, vid=100, pvid=True, untagged=True)
    wanted: list[tuple[net.Request, int, dict[str, int]]] = [
        (both, rtnl.RTM_SETLINK, {"flags": 6, "vid": 100}),
        (net.AddBridgeVlan(index=3, vid=101), rtnl.RTM_SETLINK, {"vid": 101}),
        (net.DelBridgeVlan(index=3, vid=1), rtnl.RTM_DELLINK, {"vid": 1}),
    ]
    for request, kind, info in wanted:
        (message,) = requests.encode(request, HOST_FD)
        spec = {"IFLA_BRIDGE_VLAN_FLAGS": 1, "IFLA_BRIDGE_VLAN_INFO": info}
        assert read(message) == (kind, 1, {"family": 7, "index": 3, "IFLA_AF_SPEC": spec})


def test_vlan_messages_are_those_that_pyroute2_sends() -> None:
    asked = ifinfmsg()
    asked["family"], asked["index"] = 7, 3
    spec = {"attrs": [("IFLA_BRIDGE_VLAN_FLAGS", 1), ("IFLA_BRIDGE_VLAN_INFO", {"flags": 6, "vid": 100})]}
    asked["attrs"] = [("IFLA_AF_SPEC", spec)]
    asked.encode()
    request = net.AddBridgeVlan(index=3, vid=100, pvid=True, untagged=True)
    (message,) = requests.encode(request, HOST_FD)
    assert message.body == bytes(asked.data[16:])


def test_the_default_vlan_of_a_bridge_is_read() -> None:
    for data, wanted in (([("IFLA_BR_VLAN_DEFAULT_PVID", 9)], 9), ([("IFLA_BR_STP_STATE", 1)], None)):
        told = ifinfmsg()
        told["index"] = 4
        info = [("IFLA_INFO_KIND", "bridge"), ("IFLA_INFO_DATA", {"attrs": data})]
        told["attrs"] = [("IFLA_IFNAME", "br0"), ("IFLA_LINKINFO", {"attrs": info})]
        told.encode()
        found = links.read_link(memoryview(bytes(told.data[16:])))
        assert (found.name, found.kind, found.default_vlan) == ("br0", "bridge", wanted)


def test_a_link_left_as_it_is_needs_no_message() -> None:
    assert requests.encode(net.SetLink(index=3), HOST_FD) == []


@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_attributes_are_padded(case: tuple[Any, ...]) -> None:
    assert all(len(message.body) % 4 == 0 for message in requests.encode(case[1], HOST_FD))
