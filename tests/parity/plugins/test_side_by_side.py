"""Our plugins beside the reference's v1.9.1: same results, same refusals, same kernel, same files."""

from __future__ import annotations

from typing import Any

import pytest

from tests import host as hosts
from tests.parity.plugins import sides
from tests.parity.plugins.sides import RESOLV_CONF, Case, Step
from vmplumbd.cni.invoke import Command
from vmplumbd.plugins.masquerade import Owner

pytestmark = [pytest.mark.parity, pytest.mark.host]

V4, V6 = "10.200.0.0/16", "2001:db8:1::/64"
GONE = "/run/netns/gone"
ADD, DEL, CHECK, STATUS = Command.ADD, Command.DEL, Command.CHECK, Command.STATUS


def ptp(*subnets: str, ipam: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    ranges = [[{"subnet": subnet}] for subnet in subnets or (V4,)]
    return {"type": "ptp", "ipam": {"type": "host-local", "ranges": ranges} | (ipam or {}), **more}


def host_local(*subnets: str, **ipam: Any) -> dict[str, Any]:
    return {**ptp(*subnets, ipam=ipam), "type": "host-local"}


def refused(name: str, conf: dict[str, Any], text: str, **step: Any) -> Case:
    version = step.pop("cni_version", "1.0.0")
    return Case(name=name, conf=conf, steps=(Step(**step), Step(command=DEL)), cni_version=version, text=text)


# The links go some time after their namespace.
NAMESPACE_GONE = Step(
    run=(
        "sh",
        "-c",
        f'ip netns del {sides.NAME}; while [ -n "$(ip -o link show type veth)" ]; do :; done',
    )
)

PTP = [
    *(
        Case(name=f"ptp {version}", conf=ptp(), cni_version=version)
        for version in ("0.4.0", "1.0.0", "1.1.0")
    ),
    *(
        Case(name=f"ptp {version}", conf=ptp(), cni_version=version, steps=(Step(), Step(command=DEL)))
        for version in ("0.1.0", "0.2.0", "0.3.0", "0.3.1")
    ),
    Case(name="ptp default route", conf=ptp(ipam={"routes": [{"dst": "0.0.0.0/0"}]})),
    Case(
        name="ptp many routes",
        conf=ptp(
            ipam={
                "routes": [
                    {"dst": "0.0.0.0/0", "gw": "10.200.0.1"},
                    {"dst": "192.0.2.0/24", "priority": 77},
                    {"dst": "203.0.113.0/24", "gw": "10.200.0.9", "mtu": 1400, "advmss": 1360},
                ]
            }
        ),
        cni_version="1.1.0",
    ),
    Case(name="ptp mtu", conf=ptp(mtu=1400)),
    Case(
        name="ptp dns of the plugin",
        conf=ptp(ipam={"resolvConf": RESOLV_CONF}, dns={"nameservers": ["9.9.9.9"]}),
    ),
    Case(name="ptp dns of ipam", conf=ptp(ipam={"resolvConf": RESOLV_CONF})),
    Case(name="ptp empty dns", conf=ptp(ipam={"resolvConf": RESOLV_CONF}, dns={"domain": ""})),
    Case(name="ptp keys in other cases", conf={**ptp(), "MTU": 1300}),
    Case(name="ptp ipv6", conf=ptp(V6, ipam={"routes": [{"dst": "::/0"}]}), detects_duplicates=True),
    Case(
        name="ptp dual stack",
        conf=ptp(V4, V6, ipam={"routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]}),
        detects_duplicates=True,
    ),
    Case(
        name="ptp over static",
        conf={
            "type": "ptp",
            "ipam": {
                "type": "static",
                "addresses": [
                    {"address": "10.10.0.2/24", "gateway": "10.10.0.1"},
                    {"address": "2001:db8:1::2/64", "gateway": "2001:db8:1::1"},
                ],
                "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}],
            },
        },
    ),
    Case(name="ptp two ipv4", conf=ptp(V4, "10.9.0.0/24")),
    Case(
        name="ptp del without namespace",
        conf=ptp(),
        steps=(
            Step(),
            NAMESPACE_GONE,
            Step(command=DEL),
            Step(command=DEL, netns=""),
        ),
    ),
    Case(
        name="ptp a route of another table",
        conf=ptp(ipam={"routes": [{"dst": "198.51.100.0/24", "table": 100}]}),
        cni_version="1.1.0",
        # The reference's CHECK looks for every route in the main table.
        on_purpose=frozenset({"/1/code"}),
        text="Expected Route",
    ),
    Case(
        name="ptp a second gateway inside",
        conf=ptp(),
        steps=(Step(), Step(vm="vm2", if_name="eth1")),
        text="add route",
        # The reference leaves the link of an ADD that failed.
        on_purpose=frozenset({"/1/world/host", "/1/world/inside"}),
    ),
    Case(
        name="ptp check after harm",
        conf=ptp(),
        steps=(
            Step(),
            Step(run=("ip", "-n", sides.NAME, "addr", "flush", "dev", "eth0")),
            Step(command=CHECK),
            Step(command=DEL),
        ),
        text="Failed to match addr",
    ),
    Case(name="ptp status", conf=ptp(), steps=(Step(command=STATUS),), cni_version="1.1.0"),
    Case(name="ptp gc", conf=ptp(), steps=(Step(), Step(command=Command.GC)), cni_version="1.1.0"),
    refused("ptp same vm twice", ptp(), "", vm="vm1"),
    refused("ptp no namespace", ptp(), "failed to open netns", netns=GONE),
    refused("ptp namespace is a file", ptp(), "failed to open netns", netns=RESOLV_CONF),
    refused("ptp no ipam", {"type": "ptp"}, "no plugin name provided"),
    refused(
        "ptp unknown ipam",
        {"type": "ptp", "ipam": {"type": "nobody"}},
        'failed to find plugin "nobody" in path',
    ),
    refused("ptp wrong type", ptp(mtu="big"), "failed to load netconf: json: cannot unmarshal string"),
    refused("ptp unknown version", ptp(), "incompatible CNI versions", cni_version="9.9.9"),
    refused("ptp no interface name", ptp(), "required env variables [CNI_IFNAME] missing", if_name=""),
    refused("ptp no netns", ptp(), "required env variables [CNI_NETNS] missing", netns=""),
    refused("ptp bad vm", ptp(), "invalid characters in containerID; a/../b", vm="a/../b"),
    refused(
        "ptp bad interface name",
        ptp(),
        "interface name contains / or : or whitespace characters",
        if_name="a b",
    ),
    refused("ptp long interface name", ptp(), "interface name is too long", if_name="a234567890123456"),
    refused("ptp bad name", {**ptp(), "name": "a/b"}, "invalid characters found in network name; a/b"),
    refused("ptp no name", {**ptp(), "name": ""}, "missing network name"),
    refused("ptp no json", ptp(), "error unmarshall network config: ", stdin=b"{"),
    refused("ptp strict arguments", ptp(), 'ARGS: unknown args ["K=V"]', args="K=V"),
    refused("ptp exhausted", ptp("10.7.0.0/30", ipam={"rangeEnd": "10.7.0.1"}), "", args="IP=10.7.0.1"),
    Case(
        name="ptp name taken inside",
        conf=ptp(),
        steps=(Step(run=("ip", "-n", sides.NAME, "link", "add", "eth0", "type", "bridge")), Step()),
        text='container veth name ("eth0") peer provided ("',
    ),
    Case(name="ptp check of an old version", conf=ptp(), steps=(Step(command=CHECK),), cni_version="0.3.1"),
    Case(name="ptp status of an old version", conf=ptp(), steps=(Step(command=STATUS),), cni_version="1.0.0"),
    Case(name="ptp check without result", conf=ptp(), steps=(Step(), Step(command=CHECK, with_prev=False))),
]

# What a namespace, or the host, may have been told before a network comes.
NO_IPV6 = "for one in all default lo; do echo 1 >/proc/sys/net/ipv6/conf/$one/disable_ipv6; done"
NO_IPV6_INSIDE = Step(run=("ip", "netns", "exec", sides.NAME, "sh", "-c", NO_IPV6))
NO_IPV6_HOST = Step(run=("sh", "-c", NO_IPV6))
CALLS = (Step(), Step(command=CHECK), Step(command=DEL))
# The reference leaves the link of an ADD that failed.
LINK_STAYS = frozenset({"/0/world/host", "/0/world/inside"})

IPV6 = [
    Case(name="ptp ipv6 first", conf=ptp(V6, V4)),
    Case(name="ptp two ipv6", conf=ptp(V6, "2001:db8:2::/64")),
    Case(name="ptp ipv6 0.3.1", conf=ptp(V6), cni_version="0.3.1", steps=(Step(), Step(command=DEL))),
    Case(
        name="ptp dual stack 0.2.0", conf=ptp(V4, V6), cni_version="0.2.0", steps=(Step(), Step(command=DEL))
    ),
    Case(name="ptp ipv6 spelt out", conf=ptp("2001:0DB8:0001:0000:0000::/64"), steps=CALLS),
    *(
        Case(name=f"ptp ipv6 prefix of {length}", conf=ptp(f"2001:db8:1::/{length}"), steps=CALLS)
        for length in (48, 120, 126)
    ),
    *(
        refused(f"ptp ipv6 prefix of {length}", ptp(f"2001:db8:1::/{length}"), "too small to allocate from")
        for length in (127, 128)
    ),
    Case(
        name="ptp dual stack, many routes",
        conf=ptp(
            V4,
            V6,
            ipam={
                "routes": [
                    {"dst": "::/0"},
                    {"dst": "0.0.0.0/0", "gw": "10.200.0.1"},
                    {"dst": "2001:db8:5::/48", "gw": "2001:db8:1::9"},
                    {"dst": "2001:db8:6::/48", "priority": 77, "mtu": 1400},
                    {"dst": "fd00::/8", "gw": "2001:db8:1::1", "scope": 0},
                ]
            },
        ),
        cni_version="1.1.0",
        steps=CALLS,
    ),
    Case(name="ptp ipv6 route to ipv4", conf=ptp(V4, ipam={"routes": [{"dst": "::/0"}]}), text="add route"),
    Case(
        name="ptp ipv6 gateway given",
        conf=ptp(ipam={"ranges": [[{"subnet": V6, "gateway": "2001:db8:1::ff"}]]}),
    ),
    Case(
        name="ptp ipv6 part of a range",
        conf=ptp(
            ipam={"ranges": [[{"subnet": V6, "rangeStart": "2001:db8:1::a0", "rangeEnd": "2001:db8:1::af"}]]}
        ),
        steps=CALLS,
    ),
    Case(
        name="ptp ipv6 link-local gateway",
        conf=ptp(ipam={"ranges": [[{"subnet": V6, "gateway": "fe80::1"}]]}),
        steps=CALLS,
        # Which of two link-local addresses came last: ours takes the gateway's before the link has carrier.
        on_purpose=frozenset({"/0/world/host/addresses", "/1/world/host/addresses"}),
    ),
    Case(
        name="ptp ipv6 requested",
        conf=ptp(V4, V6),
        steps=(Step(args="IP=2001:db8:1::77"), Step(command=CHECK), Step(command=DEL)),
    ),
    Case(
        name="ptp ipv6 requested outside",
        conf=ptp(V4, V6),
        steps=(Step(args="IP=2001:db8:9::77"), Step(command=DEL)),
    ),
    Case(name="ptp ipv6 smallest mtu", conf=ptp(V6, mtu=1280), steps=CALLS),
    Case(
        name="ptp ipv6 mtu too small",
        conf=ptp(V6, mtu=1279),
        steps=(Step(), Step(command=DEL)),
        text=" ",
        on_purpose=LINK_STAYS,
    ),
    Case(name="ptp ipv4, ipv6 off inside", conf=ptp(V4), steps=(NO_IPV6_INSIDE, *CALLS)),
    Case(name="ptp dual stack, ipv6 off inside", conf=ptp(V4, V6), steps=(NO_IPV6_INSIDE, *CALLS)),
    Case(name="ptp ipv4, ipv6 off on the host", conf=ptp(V4), steps=(NO_IPV6_HOST, *CALLS)),
    Case(
        name="ptp dual stack, ipv6 off on the host",
        conf=ptp(V4, V6),
        steps=(NO_IPV6_HOST, Step(), Step(command=DEL)),
        text=" ",
        on_purpose=LINK_STAYS,
    ),
    Case(
        name="ptp ipv6 check after harm",
        conf=ptp(V4, V6),
        steps=(
            Step(),
            Step(run=("ip", "-n", sides.NAME, "addr", "del", "2001:db8:1::2/64", "dev", "eth0")),
            Step(command=CHECK),
            Step(command=DEL),
        ),
    ),
    Case(
        name="host-local ipv6 round robin",
        conf=host_local("2001:db8:1::/125"),
        steps=(
            *(Step(vm=f"vm{number}") for number in range(8)),
            Step(command=DEL, vm="vm1"),
            Step(command=DEL, vm="vm3"),
            *(Step(vm=f"new{number}") for number in range(3)),
        ),
    ),
    Case(
        name="host-local dual stack, both requested",
        conf=host_local(V4, V6),
        steps=(Step(args="IP=10.200.0.9"), Step(vm="vm2", args="IP=2001:DB8:1:0::9"), Step(command=CHECK)),
    ),
    refused("host-local ipv6 gateway requested", host_local(V6), "", args="IP=2001:db8:1::1"),
    refused("host-local families mixed", host_local(ranges=[[{"subnet": V4}, {"subnet": V6}]]), ""),
    refused("host-local ipv6 host bits", host_local("2001:db8:1::1/64"), ""),
    refused("host-local ipv6 with a zone", host_local("fe80::1%eth0/64"), ""),
]


def masq(*subnets: str, **more: Any) -> dict[str, Any]:
    return ptp(*subnets) | {"ipMasq": True, "ipMasqBackend": "nftables"} | more


def nft(*words: str) -> Step:
    return Step(run=("nft", " ".join(words)))


MASQ_TABLE = "inet cni_plugins_masquerade"
CHECKS_OF_MASQ = f"{MASQ_TABLE} masq_checks"
OTHER_LINK: dict[str, Any] = {"if_name": "eth1", "conf": ptp("10.9.0.0/24", "2001:db8:9::/64")}
LONG_ID = "v" * 100

MASQ = [
    *(
        Case(name=f"masq {version}", conf=masq(), cni_version=version)
        for version in ("0.4.0", "1.0.0", "1.1.0")
    ),
    Case(name="masq 0.3.1", conf=masq(), cni_version="0.3.1", steps=(Step(), Step(command=DEL))),
    Case(name="masq ipv6", conf=masq(V6)),
    Case(name="masq dual stack", conf=masq(V4, V6)),
    Case(name="masq dual stack, ipv6 first", conf=masq(V6, V4)),
    Case(name="masq two ipv4", conf=masq(V4, "10.9.0.0/24")),
    Case(name="masq prefixes of broken bytes", conf=masq("10.1.16.0/20", "2001:db8:0:8::/61")),
    Case(name="masq small subnets", conf=masq("10.1.16.0/30", "2001:db8::/126")),
    Case(name="masq wide subnets", conf=masq("10.128.0.0/9", "2001:db8::/32")),
    Case(name="masq default backend", conf=ptp(ipMasq=True)),
    Case(name="masq backend null", conf=masq(ipMasqBackend=None)),
    Case(name="masq keys in other cases", conf=ptp(IPMASQ=True, ipmasqbackend="nftables")),
    Case(name="masq off", conf=masq(ipMasq=False)),
    Case(name="masq long id", conf=masq(), steps=(Step(vm=LONG_ID), Step(command=DEL, vm=LONG_ID))),
    Case(
        name="masq quotes in a name",
        conf=masq(),
        steps=(Step(if_name='e"0'), Step(command=DEL, if_name='e"0')),
    ),
    Case(
        name="masq several attachments",
        conf=masq(V4, V6),
        steps=(
            Step(),
            Step(**OTHER_LINK),
            Step(command=DEL),
            Step(),
            Step(command=DEL, **OTHER_LINK),
            Step(command=DEL),
        ),
    ),
    Case(
        name="masq again after del",
        conf=masq(V4, V6),
        steps=(Step(), Step(command=DEL), Step(), Step(command=CHECK)),
    ),
    Case(
        name="masq beside foreign rules",
        conf=masq(),
        steps=(
            nft("add table inet other"),
            nft("add chain inet other c { type nat hook postrouting priority 90; }"),
            nft("add rule inet other c ip saddr 10.0.0.0/8 counter masquerade"),
            Step(),
            nft(f"add rule {CHECKS_OF_MASQ} ip saddr 192.0.2.1 masquerade comment", '"somebody"'),
            nft("add rule inet other c ip6 saddr fd00::/8 masquerade"),
            Step(command=CHECK),
            Step(command=DEL),
        ),
    ),
    Case(
        name="masq replaces a stale rule",
        conf=masq(),
        steps=(
            Step(),
            Step(command=DEL),
            nft(
                f"add rule {CHECKS_OF_MASQ} ip saddr 192.0.2.1 masquerade comment",
                f'"{Owner(network="net", container_id="vm1", if_name="eth0").key}, of a former life"',
            ),
            Step(),
            Step(command=DEL),
        ),
    ),
    Case(
        name="masq repairs the base chain",
        conf=masq(V4, V6),
        steps=(
            Step(),
            nft(f"flush chain {MASQ_TABLE} postrouting"),
            nft(f"add rule {MASQ_TABLE} postrouting accept"),
            Step(**OTHER_LINK),
            Step(command=DEL),
        ),
    ),
    Case(
        name="masq del after the table went",
        conf=masq(),
        steps=(Step(), nft(f"delete table {MASQ_TABLE}"), Step(command=DEL), Step(), Step(command=DEL)),
    ),
    Case(
        name="masq check after harm",
        conf=masq(),
        steps=(Step(), nft(f"flush chain {CHECKS_OF_MASQ}"), Step(command=CHECK), Step(command=DEL)),
        # The reference's CHECK does not look at rules.
        on_purpose=frozenset({"/1/code"}),
        text="no rule masquerades",
    ),
    Case(
        name="masq del without namespace",
        conf=masq(V4, V6),
        steps=(Step(), NAMESPACE_GONE, Step(command=DEL)),
        # The reference leaves the rules of a link that is gone.
        on_purpose=frozenset({"/1/world/host/nft"}),
    ),
    Case(
        name="masq gc",
        conf=masq() | {"cni.dev/valid-attachments": [{"containerID": "vm1", "ifname": "eth1"}]},
        steps=(Step(), Step(**OTHER_LINK), Step(command=Command.GC)),
        cni_version="1.1.0",
        # No plugin of the reference collects; the first attachment's rule and address go.
        on_purpose=frozenset({"/2/world/host/nft", "/2/world/files"}),
    ),
    *(
        Case(
            name=f"masq {name} backend",
            conf=masq(ipMasqBackend=backend),
            steps=(Step(), Step(command=DEL)),
            # The reference finds out when all else is made, and leaves it; nothing of it is used up here.
            on_purpose=frozenset(
                {"/0/world/host", "/0/world/inside", "/0/world/forwarding", "/0/world/files"}
                | {"/1/world/forwarding", "/1/world/files"}
            ),
        )
        for name, backend in (("unknown", "ebtables"), ("empty", ""))
    ),
    refused(
        "masq backend of a wrong type",
        masq(ipMasqBackend=7),
        "failed to load netconf: json: cannot unmarshal number",
    ),
    refused(
        "masq wanted in words", masq(ipMasq="yes"), "failed to load netconf: json: cannot unmarshal string"
    ),
    refused("masq no namespace", masq(), "failed to open netns", netns=GONE),
    refused(
        "masq exhausted",
        ptp("10.7.0.0/30", ipam={"rangeEnd": "10.7.0.1"}, ipMasq=True),
        "",
        args="IP=10.7.0.1",
    ),
    refused("masq same vm twice", masq(), "", vm="vm1"),
    Case(
        name="masq a chain of another kind in the way",
        conf=masq(),
        steps=(
            nft(f"add table {MASQ_TABLE}"),
            nft(f"add chain {MASQ_TABLE} postrouting {{ type filter hook output priority 0; }}"),
            Step(),
            Step(command=DEL),
        ),
        text=" ",
        # The reference leaves the link of an ADD that failed, but not its address.
        on_purpose=frozenset({"/0/world/host", "/0/world/inside"}),
    ),
]

HOST_LOCAL = [
    Case(name="host-local", conf=host_local()),
    Case(
        name="host-local dual stack",
        conf=host_local(V4, V6),
        cni_version="0.2.0",
        steps=(Step(), Step(command=DEL)),
    ),
    Case(
        name="host-local old style",
        conf=host_local(subnet="10.1.2.0/24", rangeStart="10.1.2.9", gateway="10.1.2.30", ranges=[]),
    ),
    Case(
        name="host-local round robin",
        conf=host_local("10.7.0.0/29"),
        steps=(
            *(Step(vm=f"vm{number}") for number in range(6)),
            Step(command=DEL, vm="vm1"),
            Step(command=DEL, vm="vm3"),
            *(Step(vm=f"new{number}") for number in range(3)),
        ),
    ),
    Case(
        name="host-local several ranges",
        conf={
            **host_local(),
            "ipam": {
                "type": "host-local",
                "ranges": [[{"subnet": "10.7.0.0/30"}, {"subnet": "10.8.0.0/30"}]],
            },
        },
        steps=tuple(Step(vm=f"vm{number}") for number in range(3)),
    ),
    Case(
        name="host-local requested", conf=host_local(), steps=(Step(args="IP=10.200.3.4/24"), Step(vm="vm2"))
    ),
    Case(
        name="host-local requested by config",
        conf={**host_local(V4, V6), "args": {"cni": {"ips": ["10.200.0.77", "2001:db8:1::77/64"]}}},
    ),
    Case(
        name="host-local of the runtime",
        conf={
            **host_local(),
            "runtimeConfig": {"ips": ["10.3.0.9"], "ipRanges": [[{"subnet": "10.3.0.0/24"}]]},
        },
    ),
    Case(
        name="host-local routes and dns",
        conf=host_local(
            resolvConf=RESOLV_CONF, routes=[{"dst": "0.0.0.0/0"}, {"dst": "10.0.0.0/8", "gw": "10.200.0.9"}]
        ),
    ),
    Case(
        name="host-local with an empty file",
        conf=host_local(),
        steps=(
            Step(command=DEL),
            Step(run=("touch", "/var/lib/cni/networks/net/10.200.0.2")),
            Step(),
            Step(command=DEL),
        ),
    ),
    Case(
        name="host-local with an early file",
        conf=host_local(),
        steps=(
            Step(command=DEL),
            Step(run=("sh", "-c", "printf vm1 > /var/lib/cni/networks/net/10.200.0.9")),
            Step(),
            Step(command=CHECK),
            Step(command=DEL),
        ),
    ),
    Case(name="host-local twice", conf=host_local(), steps=(Step(), Step(), Step(command=CHECK))),
    Case(name="host-local check of nothing", conf=host_local(), steps=(Step(command=CHECK),)),
    Case(name="host-local status", conf=host_local(), steps=(Step(command=STATUS),), cni_version="1.1.0"),
    refused("host-local gateway requested", host_local(), "", args="IP=10.200.0.1"),
    refused("host-local outside requested", host_local(), "", args="IP=10.6.0.1"),
    refused("host-local no ranges", {"type": "host-local", "ipam": {"type": "host-local"}}, ""),
    refused("host-local no ipam", {"type": "host-local"}, ""),
    refused("host-local too small", host_local("10.0.0.0/31"), ""),
    refused("host-local host bits", host_local("10.0.0.3/24"), ""),
    refused("host-local overlap", host_local("10.0.0.0/16", "10.0.4.0/24"), ""),
    refused("host-local two of a family", host_local("10.0.0.0/24", "10.1.0.0/24"), "", cni_version="0.2.0"),
    refused("host-local bad range", host_local(subnet="10.1.2.0/24", rangeStart="10.1.3.1"), ""),
    refused("host-local bad cidr", host_local("10.1.2"), ""),
    refused("host-local bad address", host_local(subnet="10.1.2.0/24", gateway="x"), ""),
    refused("host-local missing resolv.conf", host_local(resolvConf="/run/none"), ""),
    refused("host-local bad argument", host_local(), "", args="IP=x"),
    refused("host-local bad pair", host_local(), "", args="IP=10.200.0.3;"),
]


def of_range(**range_: str) -> dict[str, Any]:
    """host-local with one range, as it is written."""
    return host_local(ranges=[[range_]])


def vms(count: int) -> tuple[Step, ...]:
    return tuple(Step(vm=f"vm{number}") for number in range(count))


SUBNET = "10.1.2.0/29"
PARTS = [
    {"subnet": "10.3.0.0/24", "rangeStart": "10.3.0.8", "rangeEnd": "10.3.0.9"},
    {"subnet": "10.3.0.0/24", "rangeStart": "10.3.0.2", "rangeEnd": "10.3.0.3"},
]
EVERY_KEY = {"dst": "192.0.2.7/24", "gw": "10.1.2.3", "mtu": 1400, "advmss": 1360, "priority": 7}
EVERY_KEY |= {"table": 99, "scope": 253}

EDGES = [
    # To the last address and one further.
    *(
        Case(name=f"host-local edge: {name}", conf=of_range(**written), steps=vms(count + 1))
        for name, count, written in (
            ("network's address", 6, {"subnet": SUBNET, "rangeStart": "10.1.2.0"}),
            ("broadcast address", 6, {"subnet": SUBNET, "rangeEnd": "10.1.2.7"}),
            ("one address", 1, {"subnet": SUBNET, "rangeStart": "10.1.2.3", "rangeEnd": "10.1.2.3"}),
            ("gateway in the middle", 5, {"subnet": SUBNET, "gateway": "10.1.2.4"}),
            ("gateway at the end", 5, {"subnet": SUBNET, "gateway": "10.1.2.6"}),
            ("gateway outside", 6, {"subnet": SUBNET, "gateway": "10.9.9.9"}),
            ("gateway of the other family", 6, {"subnet": SUBNET, "gateway": "2001:db8::1"}),
            ("the last ipv4 addresses", 6, {"subnet": "255.255.255.248/29", "rangeEnd": "255.255.255.255"}),
            ("the last ipv6 addresses", 6, {"subnet": "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fff8/125"}),
            ("an ipv6 subnet of four", 2, {"subnet": "2001:db8::/126"}),
        )
    ),
    *(
        Case(
            name=f"host-local edge: {name}",
            conf=of_range(**written),
            steps=(Step(), Step(command=CHECK), Step(command=DEL)),
        )
        for name, written in {
            "all of ipv4": {"subnet": "0.0.0.0/0"},
            "all of ipv6": {"subnet": "::/0"},
            "only the gateway": {"subnet": SUBNET, "rangeEnd": "10.1.2.1"},
            "a point to point subnet": {"subnet": "10.1.2.0/31"},
            "one address alone": {"subnet": "10.1.2.0/32"},
            "ends in turn": {"subnet": SUBNET, "rangeStart": "10.1.2.5", "rangeEnd": "10.1.2.4"},
            "end before the first": {"subnet": SUBNET, "rangeEnd": "10.1.2.0"},
            "start of the other family": {"subnet": SUBNET, "rangeStart": "2001:db8::1"},
            "end of the other family": {"subnet": SUBNET, "rangeEnd": "2001:db8::1"},
            "ipv4 within ipv6": {"subnet": "::ffff:10.1.2.0/120"},
            "start as ipv4 within ipv6": {"subnet": SUBNET, "rangeStart": "::ffff:10.1.2.4"},
            "zeros before the numbers": {"subnet": "010.1.2.0/29"},
            "a mask": {"subnet": "10.1.2.0/255.255.255.0"},
        }.items()
    ),
    Case(
        name="host-local parts of a subnet, the higher first",
        conf=host_local(ranges=[PARTS]),
        steps=(*vms(4), Step(command=DEL, vm="vm0"), Step(command=DEL, vm="vm2"), *vms(3)),
    ),
    Case(
        name="host-local a range within another",
        conf=host_local(ranges=[[PARTS[0], {"subnet": "10.3.0.0/24"}]]),
    ),
    Case(
        name="host-local the second of two is full",
        conf=host_local(ranges=[[{"subnet": SUBNET}], [{"subnet": "10.3.0.0/30", "rangeEnd": "10.3.0.1"}]]),
        steps=(Step(), Step(command=CHECK), Step(command=DEL)),
    ),
    Case(
        name="host-local an old range before the others",
        conf=host_local(ranges=[[{"subnet": "10.3.0.0/24"}]], subnet=SUBNET, rangeStart="10.1.2.4"),
    ),
    Case(
        name="host-local another subnet since",
        conf=of_range(subnet=SUBNET),
        steps=(
            Step(),
            Step(command=CHECK, conf={"ipam": of_range(subnet="10.9.0.0/24")["ipam"]}),
            Step(conf={"ipam": of_range(subnet="10.9.0.0/24")["ipam"]}),
            Step(command=DEL),
        ),
    ),
    *(
        Case(
            name=f"host-local requested: {args}",
            conf=of_range(subnet=SUBNET),
            steps=(Step(args=args), Step(command=CHECK), Step(command=DEL)),
        )
        for args in (
            "IP=10.1.2.0",
            "IP=10.1.2.7",
            "IP=10.1.2.3/8",
            "IP=10.1.2.3/33",
            "IP=::ffff:10.1.2.3",
            "IP=10.1.2.3;IP=10.1.2.4",
            "IP=",
            "ip=10.1.2.3",
            "IP= 10.1.2.3",
        )
    ),
    *(
        Case(
            name=f"host-local requested by config: {' '.join(ips)}",
            conf={**of_range(subnet=SUBNET), "args": {"cni": {"ips": ips}}},
            steps=(Step(), Step(command=CHECK), Step(command=DEL)),
        )
        for ips in (["10.1.2.3", "10.1.2.3/29"], ["10.1.2.3", "10.1.2.4"], [""])
    ),
    Case(
        name="host-local requested by arguments and by the runtime",
        conf={
            **host_local(ranges=[[{"subnet": SUBNET}], [{"subnet": "10.3.0.0/24"}]]),
            "runtimeConfig": {"ips": ["10.3.0.7"]},
        },
        steps=(Step(args="IP=10.1.2.4"), Step(command=CHECK), Step(command=DEL)),
    ),
    Case(
        name="host-local requested again by the same",
        conf=of_range(subnet=SUBNET),
        steps=(
            Step(args="IP=10.1.2.4"),
            Step(args="IP=10.1.2.4"),
            Step(args="IP=10.1.2.5"),
            Step(command=DEL),
        ),
    ),
    *(
        Case(
            name=f"host-local {what[-1]} in the way",
            conf=of_range(subnet=SUBNET),
            steps=(
                Step(),
                Step(run=("sh", "-c", f"cd /var/lib/cni/networks/net && {' '.join(what[:-1])}")),
                *(Step(command=command, vm="vm2") for command in (ADD, CHECK, DEL)),
                *vms(5)[1:],
            ),
        )
        for what in (
            ("mkdir 10.1.2.3", "a directory"),
            ("ln -s 10.1.2.2 10.1.2.3", "a link"),
            ("mkdir backup", "another directory"),
            ("cp 10.1.2.2 10.1.2.2~", "a copy"),
        )
    ),
    Case(name="host-local its own directory", conf=host_local(dataDir="/var/lib/cni/other/")),
    *(
        Case(
            name=f"host-local every key of a route, {version}",
            conf=of_range(subnet=SUBNET)
            | {"ipam": {**of_range(subnet=SUBNET)["ipam"], "routes": [EVERY_KEY]}},
            steps=(Step(), Step(command=DEL)),
            cni_version=version,
        )
        for version in ("0.2.0", "0.4.0", "1.0.0", "1.1.0")
    ),
]


def over_static(address: str, gateway: str, **more: Any) -> dict[str, Any]:
    return {
        "type": "ptp",
        "ipam": {"type": "static", "addresses": [{"address": address, "gateway": gateway}]},
        **more,
    }


def inside(*words: str) -> Step:
    return Step(run=("ip", "-n", sides.NAME, *words))


HOST_END_DOWN = "ip link set $(ip -o link show type veth | sed 's/.*\\(veth[0-9a-f]*\\).*/\\1/') down"

PTP_EDGES = [
    *(
        Case(name=f"ptp over static: {address} by {gateway}", conf=over_static(address, gateway), steps=CALLS)
        for address, gateway in (
            ("10.3.0.9/31", "10.3.0.8"),
            ("10.3.0.10/30", "10.3.0.9"),
            ("2001:db8::9/128", "2001:db8::1"),
            ("2001:db8::9/127", "2001:db8::8"),
        )
    ),
    Case(
        name="ptp over static: an address without a subnet",
        conf=over_static("10.3.0.9/32", "169.254.1.1"),
        steps=(Step(),),
        text=" delete route ",
        on_purpose=LINK_STAYS,
    ),
    *(Case(name=f"ptp mtu {mtu}", conf=ptp(mtu=mtu), steps=CALLS) for mtu in (-1, 68, 65535)),
    *(
        Case(
            name=f"ptp interface {name}",
            conf=ptp(V4, V6),
            steps=tuple(Step(command=each, if_name=name) for each in (ADD, CHECK, DEL)),
        )
        for name in ("eth0.1", "a23456789012345")
    ),
    *(
        Case(
            name=f"ptp dns: {name}",
            conf=ptp(ipam={"resolvConf": RESOLV_CONF}, dns=dns),
            steps=(Step(),),
            cni_version=version,
        )
        for name, version, dns in (
            (
                "everything",
                "1.0.0",
                {"nameservers": ["1.1.1.1"], "domain": "d", "search": ["s"], "options": ["o"]},
            ),
            ("everything, 0.2.0", "0.2.0", {"nameservers": ["1.1.1.1"], "domain": "d", "search": ["s"]}),
            ("an empty list", "1.0.0", {"search": []}),
            ("a list that is null", "1.0.0", {"nameservers": None, "domain": "d"}),
        )
    ),
    *(
        Case(
            name=f"ptp after harm: {name}",
            conf=ptp(ipam={"routes": [{"dst": "192.0.2.0/24"}]}),
            steps=(Step(), *harm, Step(command=CHECK), Step(command=DEL)),
            text=text,
        )
        for name, text, harm in (
            (
                "another mac",
                "doesn't match container Mac",
                [inside("link", "set", "eth0", "address", "02:00:00:00:00:05")],
            ),
            ("no route", "Expected Route", [inside("route", "del", "192.0.2.0/24")]),
            ("no route to the subnet", "Failed to find Gateway", [inside("route", "del", "10.200.0.0/16")]),
            (
                "no reservation",
                "Failed to find address",
                [Step(run=("rm", "/var/lib/cni/networks/net/10.200.0.2"))],
            ),
            ("host end down", "", [Step(run=("sh", "-c", HOST_END_DOWN))]),
        )
    ),
    Case(
        name="ptp gc keeps what is valid, among strangers",
        conf=masq()
        | {
            "cni.dev/valid-attachments": [
                {"containerID": "vm1", "ifname": "eth0"},
                {"containerID": "x", "ifname": "y"},
            ]
        },
        steps=(Step(), Step(command=Command.GC), Step(command=CHECK), Step(command=DEL)),
        cni_version="1.1.0",
    ),
    Case(
        name="ptp gc of nobody",
        conf=ptp() | {"cni.dev/valid-attachments": None},
        steps=(Step(), Step(command=Command.GC)),
        cni_version="1.1.0",
        on_purpose=frozenset({"/1/world/files"}),
    ),
    *(
        Case(
            name=f"ptp status: {name}",
            conf=conf,
            steps=(Step(command=STATUS),),
            cni_version="1.1.0",
            text="no plugin name provided" if "ipam" not in conf else "",
        )
        for name, conf in {
            "no address left": ptp("10.7.0.0/30", ipam={"rangeEnd": "10.7.0.1"}),
            "no ipam": {"type": "ptp"},
        }.items()
    ),
]

LOOPBACK = [
    *(
        Case(
            name=f"loopback chained, {before} in {version}",
            conf={"type": "loopback", "prevResult": {"cniVersion": before, "dns": {"domain": "d"}}},
            cni_version=version,
            steps=(Step(),),
            # The reference reads a result of another family of versions for nobody.
            on_purpose=frozenset({"/0/"}),
            text="could not parse prevResult",
        )
        for before, version in (("0.4.0", "1.0.0"), ("1.1.0", "0.4.0"), ("0.2.0", "0.3.1"))
    ),
    Case(
        name="loopback chained, 1.0.0 in 1.1.0",
        conf={
            "type": "loopback",
            "prevResult": {
                "cniVersion": "1.0.0",
                "interfaces": [
                    {"name": "a"},
                    {"name": "b", "mac": "x", "sandbox": "/s", "mtu": 9, "pciID": "q"},
                ],
                "ips": [{"address": "10.0.0.1/24"}, {"address": "2001:db8::1/64", "interface": 1}],
                "routes": [
                    {"dst": "0.0.0.0/0", "mtu": 7, "advmss": 8, "priority": 9, "table": 5, "scope": 3}
                ],
                "dns": {"nameservers": ["1.1.1.1"], "options": ["o"]},
            },
        },
        cni_version="1.1.0",
        steps=(Step(),),
    ),
    Case(name="loopback", conf={"type": "loopback"}),
    Case(
        name="loopback 0.2.0",
        conf={"type": "loopback"},
        cni_version="0.2.0",
        steps=(Step(), Step(command=DEL)),
        # The reference prints a result of 1.x and calls it 0.2.0.
        on_purpose=frozenset({"/0/result/"}),
    ),
    Case(
        name="loopback chained",
        conf={"type": "loopback", "prevResult": {"cniVersion": "1.0.0", "ips": [{"address": "10.0.0.1/24"}]}},
    ),
    Case(
        name="loopback with a strange address",
        conf={"type": "loopback"},
        steps=(Step(run=("ip", "-n", sides.NAME, "addr", "add", "192.0.2.1/32", "dev", "lo")), Step()),
    ),
    Case(name="loopback check while down", conf={"type": "loopback"}, steps=(Step(command=CHECK),)),
    Case(
        name="loopback del without namespace",
        conf={"type": "loopback"},
        steps=(Step(command=DEL, netns=GONE),),
    ),
    Case(
        name="loopback without namespace",
        conf={"type": "loopback"},
        steps=(Step(netns=GONE),),
        text="failed to Statfs",
    ),
]


@pytest.fixture(scope="module")
def bin_path() -> str:
    """Where the reference plugins are."""
    if (reason := hosts.refusal()) is not None:
        pytest.skip(reason)
    found = sides.reference_plugins()
    if found is None:
        pytest.skip("the reference plugins need Go")
    return found


@pytest.mark.parametrize(
    "case", [*PTP, *PTP_EDGES, *IPV6, *MASQ, *HOST_LOCAL, *EDGES, *LOOPBACK], ids=lambda case: case.name
)
def test_ours_is_as_theirs(case: Case, bin_path: str) -> None:
    sides.assert_same(case, bin_path)
