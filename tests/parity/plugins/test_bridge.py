"""bridge beside the reference's v1.9.1: same results, same refusals, same kernel, same files."""

from __future__ import annotations

from typing import Any

import pytest

from tests import host as hosts
from tests.parity.plugins import sides
from tests.parity.plugins.sides import RESOLV_CONF, Case, Step
from vmplumbd.cni.invoke import Command

pytestmark = [pytest.mark.parity, pytest.mark.host]

V4, V6 = "10.200.0.0/16", "2001:db8:1::/64"
ADD, DEL, CHECK, STATUS, GC = Command.ADD, Command.DEL, Command.CHECK, Command.STATUS, Command.GC
GONE = "/run/netns/gone"


def ranges(*subnets: str, **ipam: Any) -> dict[str, Any]:
    return {"type": "host-local", "ranges": [[{"subnet": subnet}] for subnet in subnets or (V4,)], **ipam}


def bridge(*subnets: str, ipam: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {"type": "bridge", "bridge": "br0", "ipam": ranges(*subnets, **(ipam or {})), **more}


def layer2(**more: Any) -> dict[str, Any]:
    return {"type": "bridge", "bridge": "br0", **more}


def run(*words: str) -> Step:
    return Step(run=words)


def inside(*words: str) -> Step:
    return Step(run=("ip", "-n", sides.NAME, *words))


LIFE = (Step(), Step(command=CHECK), Step(command=DEL))

MADE = [
    *(
        Case(name=f"gateway {version}", conf=bridge(isGateway=True), cni_version=version)
        for version in ("0.4.0", "1.1.0")
    ),
    *(
        Case(
            name=f"gateway {version}",
            conf=bridge(isGateway=True),
            cni_version=version,
            steps=(Step(), Step(command=DEL)),
        )
        for version in ("0.1.0", "0.2.0", "0.3.1")
    ),
    Case(name="no gateway", conf=bridge(), steps=LIFE),
    Case(name="default gateway", conf=bridge(isDefaultGateway=True), steps=LIFE),
    Case(
        name="default gateway beside one of ipam",
        conf=bridge(
            isDefaultGateway=True,
            ipam={"routes": [{"dst": "0.0.0.0/0", "gw": "10.200.0.9"}, {"dst": "192.0.2.0/24"}]},
        ),
        steps=LIFE,
    ),
    Case(name="ipv6", conf=bridge(V6, isGateway=True), steps=LIFE, detects_duplicates=True),
    Case(name="dual stack", conf=bridge(V4, V6, isDefaultGateway=True), steps=LIFE),
    Case(
        name="duplicates looked for",
        conf=bridge(V6, isDefaultGateway=True, enabledad=True),
        steps=LIFE,
        detects_duplicates=True,
    ),
    Case(name="two ipv6 subnets", conf=bridge(V6, "2001:db8:2::/64", isGateway=True), steps=LIFE),
    Case(
        name="two ipv4 subnets forced",
        conf=bridge(V4, "10.9.0.0/24", isGateway=True, forceAddress=True),
        steps=LIFE,
    ),
    Case(
        name="another subnet forced",
        conf=bridge(V4, V6, isGateway=True, forceAddress=True),
        steps=(
            Step(),
            Step(command=DEL),
            Step(conf={"ipam": ranges("10.7.0.0/24", "2001:db8:1::/48")}),
            Step(command=CHECK),
        ),
    ),
    Case(
        name="port options",
        conf=bridge(isGateway=True, hairpinMode=True, portIsolation=True, mtu=1400),
        steps=LIFE,
    ),
    Case(name="promiscuous", conf=bridge(promiscMode=True), steps=LIFE),
    Case(
        name="two vms",
        conf=bridge(isGateway=True),
        steps=(
            Step(),
            Step(vm="vm2", if_name="eth1"),
            Step(command=CHECK, vm="vm2", if_name="eth1"),
            Step(command=DEL),
        ),
    ),
    Case(
        name="macs",
        conf=bridge(isGateway=True),
        steps=(
            Step(args="IgnoreUnknown=1;MAC=02:00:00:00:00:01"),
            Step(command=CHECK, args="IgnoreUnknown=1;MAC=02:00:00:00:00:01"),
            Step(command=DEL, args="IgnoreUnknown=1;K=V"),
            Step(
                args="IgnoreUnknown=1;MAC=02:00:00:00:00:01",
                conf={"args": {"cni": {"mac": "0200.0000.0002"}}},
            ),
            Step(command=DEL),
            Step(
                conf={
                    "args": {"cni": {"mac": "02:00:00:00:00:02"}},
                    "runtimeConfig": {"mac": "02-00-00-00-00-0a"},
                }
            ),
        ),
    ),
    Case(
        name="no ipam",
        conf=layer2(dns={"nameservers": ["9.9.9.9"]}),
        steps=LIFE,
        # The reference looks for an IPAM plugin without a name.
        on_purpose=frozenset({"/1/code"}),
        text="no plugin name provided",
    ),
    Case(
        name="container end left down",
        conf=layer2(disableContainerInterface=True),
        steps=(Step(), Step(command=DEL)),
    ),
    Case(name="default bridge", conf={"type": "bridge", "ipam": ranges(), "isGateway": True}, steps=LIFE),
    Case(
        name="a bridge of someone else",
        conf=bridge(isGateway=True, mtu=1300),
        steps=(
            run("ip", "link", "add", "br0", "mtu", "1450", "type", "bridge"),
            run("ip", "addr", "add", "2001:db8:5::1/64", "dev", "br0"),
            *LIFE,
        ),
    ),
    Case(
        name="dns and routes",
        conf=bridge(
            isGateway=True,
            ipam={
                "resolvConf": RESOLV_CONF,
                "routes": [{"dst": "0.0.0.0/0"}, {"dst": "203.0.113.0/24", "gw": "10.200.0.9"}],
            },
        ),
        steps=LIFE,
    ),
    Case(
        name="masqueraded",
        conf=bridge(V4, V6, isGateway=True, ipMasq=True, ipMasqBackend="nftables"),
        steps=LIFE,
    ),
    Case(
        name="macs checked",
        conf=bridge(isGateway=True, macspoofchk=True, ipMasq=True, ipMasqBackend="nftables"),
        steps=(
            Step(),
            Step(vm="vm2", if_name="eth1"),
            Step(command=CHECK, vm="vm2", if_name="eth1"),
            Step(command=DEL),
            Step(command=DEL, vm="vm2", if_name="eth1"),
        ),
        cni_version="1.1.0",
    ),
    Case(name="macs checked without ipam", conf=layer2(macspoofchk=True), steps=(Step(), Step(command=DEL))),
    Case(
        name="nothing to masquerade",
        conf=layer2(ipMasq=True, ipMasqBackend="nftables"),
        steps=(Step(), Step(command=DEL)),
    ),
    Case(
        name="over static",
        conf=layer2(
            isDefaultGateway=True,
            ipam={
                "type": "static",
                "addresses": [{"address": "10.3.0.9/24"}, {"address": "2001:db8:9::7/64"}],
                "dns": {"nameservers": ["1.1.1.1"]},
            },
        ),
        steps=LIFE,
    ),
    Case(
        name="keys in other cases",
        conf={"type": "bridge", "Bridge": "br7", "ipam": ranges(), "isgateway": True, "MTU": 1300},
        steps=(Step(), Step(command=DEL)),
    ),
    Case(
        name="del without namespace",
        conf=bridge(isGateway=True),
        steps=(
            Step(),
            run("ip", "netns", "del", sides.NAME),
            run("sh", "-c", "while ip -o link | grep -q veth; do :; done"),
            Step(command=DEL),
            Step(command=DEL, netns=""),
        ),
    ),
    Case(
        name="a bridge that lost its only port",
        conf=bridge(),
        steps=(Step(), Step(command=DEL), Step(conf={"isGateway": True})),
        # The reference cannot give the bridge the MAC that it has: none.
        on_purpose=frozenset({"/2/"}),
        text="could not set bridge's mac",
    ),
    Case(
        name="status of vlans that cannot be",
        conf=bridge(vlan=4095),
        steps=(Step(command=STATUS),),
        cni_version="1.1.0",
        # The reference looks at no option.
        on_purpose=frozenset({"/0/code"}),
        text="invalid VLAN ID 4095",
    ),
    Case(
        name="status and gc",
        conf=bridge(isGateway=True),
        steps=(Step(command=STATUS), Step(), Step(command=GC)),
        cni_version="1.1.0",
    ),
]


def static(*addresses: dict[str, Any] | str, **more: Any) -> dict[str, Any]:
    """The IPAM plugin that says what is written down."""
    written = [{"address": each} if isinstance(each, str) else each for each in addresses]
    return {"type": "static", "addresses": written, **more}


EMPTY_TRUNKS: list[list[dict[str, int]]] = [[], [{}]]
NEW_BRIDGE = run("ip", "link", "add", "br0", "type", "bridge")


def address(text: str) -> Step:
    return run("ip", "addr", "add", text, "dev", "br0")


COMBINED = [
    Case(
        name="macs checked and masqueraded, dual stack",
        conf=bridge(V4, V6, isDefaultGateway=True, macspoofchk=True, ipMasq=True, ipMasqBackend="nftables"),
        steps=LIFE,
        cni_version="1.1.0",
    ),
    Case(
        name="macs checked, mac given",
        conf=bridge(isGateway=True, macspoofchk=True),
        steps=(Step(args="IgnoreUnknown=1;MAC=02:00:00:00:00:01"), Step(command=CHECK), Step(command=DEL)),
    ),
    Case(
        name="left down, isolated, macs checked",
        conf=layer2(
            portIsolation=True, disableContainerInterface=True, macspoofchk=True, mtu=1400, isGateway=True
        ),
        steps=(Step(), Step(command=DEL)),
    ),
    Case(
        name="an uplink on the bridge, which has its address",
        conf=bridge(isGateway=True),
        steps=(
            NEW_BRIDGE,
            run("ip", "link", "add", "up0", "address", "02:00:00:00:00:31", "type", "veth", "peer", "up1"),
            run("ip", "link", "set", "up0", "master", "br0", "up"),
            run("ip", "link", "set", "up1", "up"),
            address("10.200.0.1/16"),
            *LIFE,
        ),
    ),
    Case(
        name="the gateway's address with another prefix, forced",
        conf=bridge(isGateway=True, forceAddress=True),
        steps=(NEW_BRIDGE, address("10.200.0.1/24"), *LIFE),
    ),
    Case(
        name="the gateway's address behind another of its subnet, forced",
        conf=bridge(isGateway=True, forceAddress=True),
        steps=(NEW_BRIDGE, address("10.200.0.5/16"), address("10.200.0.1/16"), Step()),
        # The reference takes the first address away, the second goes with it, and nobody is the gateway.
        on_purpose=frozenset({"/0/world/host/addresses", "/0/world/host/routes4", "/0/world/host/fdb"}),
    ),
    Case(
        name="several addresses of one subnet in the way, forced",
        conf=bridge(isGateway=True, forceAddress=True),
        steps=(NEW_BRIDGE, address("10.9.0.5/16"), address("10.9.0.6/16"), Step()),
        # The second is gone already when the reference takes it away.
        on_purpose=frozenset({"/0/"}),
        text="could not remove IP address",
    ),
    Case(
        name="an overlapping ipv6 subnet, forced",
        conf=bridge(V6, isGateway=True, forceAddress=True),
        steps=(NEW_BRIDGE, address("2001:db8:1::5/48"), *LIFE),
    ),
    *(
        Case(
            name=f"an empty trunk, bridge there: {trunk}",
            conf=bridge(vlanTrunk=trunk),
            steps=(NEW_BRIDGE, *LIFE),
        )
        for trunk in EMPTY_TRUNKS
    ),
    Case(name="an empty trunk", conf=bridge(vlanTrunk=[]), steps=(Step(),), text="could not add"),
    Case(name="no trunk", conf=bridge(vlanTrunk=None, preserveDefaultVlan=True), steps=LIFE),
    *(Case(name=f"mtu {mtu}", conf=bridge(isGateway=True, mtu=mtu), steps=LIFE) for mtu in (-5, 68, 65535)),
    Case(name="mtu beyond the bridge's", conf=bridge(mtu=9000), steps=(NEW_BRIDGE, *LIFE)),
    Case(
        name="a smaller mtu comes later",
        conf=bridge(isGateway=True),
        steps=(Step(), Step(vm="vm2", if_name="eth1", conf={"mtu": 1300}), Step(command=DEL)),
    ),
    Case(
        name="promiscuous by somebody else",
        conf=bridge(),
        steps=(NEW_BRIDGE, run("ip", "link", "set", "br0", "promisc", "on"), *LIFE),
        text="configured Promisc Mode false doesn't match current state: true",
    ),
    Case(
        name="gateways written down and not",
        conf=layer2(
            isGateway=True,
            forceAddress=True,
            ipam=static(
                {"address": "10.3.0.9/24", "gateway": "10.3.0.77"},
                "10.4.0.9/24",
                {"address": "2001:db8:9::7/64", "gateway": "2001:db8:9::1"},
            ),
        ),
        steps=LIFE,
    ),
    *(
        Case(
            name=f"no room for a gateway: {address}",
            conf=layer2(isDefaultGateway=True, ipam=static(address)),
            steps=(Step(), Step(command=DEL)),
        )
        for address in ("10.3.0.8/31", "10.3.0.9/31", "2001:db8::8/127")
    ),
    Case(
        name="a gateway of the other family",
        conf=layer2(isGateway=True, ipam=static({"address": "10.3.0.9/24", "gateway": "2001:db8::1"})),
        steps=(Step(),),
        # The reference's bridge has no address that a VM could reach.
        on_purpose=frozenset({"/0/"}),
        text="2001:db8::1 is no gateway for 10.3.0.9/24",
    ),
    Case(
        name="a default route of another table",
        conf=bridge(
            isDefaultGateway=True,
            ipam={"routes": [{"dst": "0.0.0.0/0", "gw": "10.200.0.9", "table": 100}]},
        ),
        steps=(Step(), Step(command=DEL)),
        cni_version="1.1.0",
    ),
    *(
        Case(
            name=f"routes without a gateway: {name}",
            conf=layer2(ipam=static("10.3.0.9/24", routes=[{"dst": "192.0.2.0/24", **route}])),
            steps=LIFE,
            cni_version="1.1.0",
        )
        for name, route in {
            "plain": {},
            "of the host": {"scope": 254},
            "of the link": {"scope": 253, "priority": 2**31},
            "main table": {"table": 0, "mtu": 1400, "advmss": 1360},
        }.items()
    ),
    Case(
        name="a route of a table beyond a byte",
        conf=layer2(ipam=static("10.3.0.9/24", routes=[{"dst": "192.0.2.0/24", "table": 70000}])),
        steps=(Step(), Step(command=DEL)),
        cni_version="1.1.0",
    ),
    *(
        Case(
            name=f"a route's {key} of {number}",
            conf=layer2(ipam=static("10.3.0.9/24", routes=[{"dst": "192.0.2.0/24", key: number}])),
            steps=(Step(),),
            cni_version="1.1.0",
            # The reference takes what is left of it.
            on_purpose=frozenset({"/0/"}),
            text="ERANGE",
        )
        for key, number in (("scope", 512), ("table", 2**32 + 5), ("table", -1), ("priority", 2**32 + 7))
    ),
    Case(
        name="two paths",
        conf=layer2(
            ipam=static(
                "10.3.0.9/24", routes=[{"dst": "192.0.2.0/24", "gw": f"10.3.0.{each}"} for each in (1, 2)]
            )
        ),
        steps=LIFE,
    ),
    Case(
        name="two paths, ipv6",
        conf=layer2(
            ipam=static(
                "2001:db8::7/64",
                routes=[{"dst": "2001:db8:7::/64", "gw": f"2001:db8::{each}"} for each in (1, 2)],
            )
        ),
        steps=LIFE,
        # The kernel makes one route of them, in which the reference's CHECK does not look.
        on_purpose=frozenset({"/1/code"}),
        text="Expected Route",
    ),
    Case(
        name="a route with host bits",
        conf=bridge(isGateway=True, ipam={"routes": [{"dst": "192.0.2.7/24"}]}),
        steps=(Step(),),
        on_purpose=frozenset({"/0/"}),
        text="failed to add route",
    ),
    Case(
        name="a route with host bits, ipv6",
        conf=bridge(V6, isGateway=True, ipam={"routes": [{"dst": "2001:db8:7::7/64"}]}),
        steps=LIFE,
        on_purpose=frozenset({"/1/code"}),
        text="Expected Route",
    ),
    Case(
        name="gc keeps what is valid, among strangers",
        conf=bridge(isGateway=True)
        | {
            "cni.dev/valid-attachments": [
                {"containerID": "vm1", "ifname": "eth0"},
                {"containerID": "x", "ifname": "y"},
            ]
        },
        steps=(Step(), Step(command=GC), Step(command=CHECK), Step(command=DEL)),
        cni_version="1.1.0",
    ),
]

HARMED = [
    Case(
        name="check after harm",
        conf=bridge(isDefaultGateway=True),
        steps=(
            Step(),
            Step(command=CHECK, with_prev=False, text="Required prevResult missing"),
            inside("route", "del", "default"),
            Step(command=CHECK, text="Expected Route"),
            inside("addr", "flush", "dev", "eth0"),
            Step(command=CHECK, text="Failed to match addr"),
            run("ip", "link", "set", "br0", "promisc", "on"),
            Step(command=CHECK),
            run("ip", "link", "set", "br0", "promisc", "off"),
            run("sh", "-c", "ip link set $(bridge link | sed 's/.*\\(veth[0-9a-f]*\\).*/\\1/') nomaster"),
            Step(command=CHECK),
            inside("link", "set", "eth0", "address", "02:00:00:00:00:77"),
            Step(command=CHECK, text="doesn't match container Mac"),
            run("ip", "link", "set", "br0", "address", "02:00:00:00:00:78"),
            Step(command=CHECK),
            run("ip", "link", "del", "br0"),
            Step(command=CHECK),
            Step(command=DEL),
        ),
    ),
]

IMPOSSIBLE = Case(
    name="impossible configurations",
    conf=bridge(),
    steps=(
        Step(conf={"hairpinMode": True, "promiscMode": True}),
        Step(conf={"disableContainerInterface": True}),
        Step(conf={"vlan": 4095}),
        Step(conf={"vlan": -1}),
        Step(conf={"vlanTrunk": [{"minID": 1}]}),
        Step(conf={"vlanTrunk": [{"maxID": 1}]}),
        Step(conf={"vlanTrunk": [{"minID": 9, "maxID": 8}]}),
        Step(conf={"vlanTrunk": [{"minID": 0, "maxID": 8}]}),
        Step(conf={"vlanTrunk": [{"minID": 1, "maxID": 4095}]}),
        Step(conf={"vlanTrunk": [{"id": 1}, {"id": 4095}]}),
        Step(conf={"mtu": "big"}, text="failed to load netconf: json: cannot unmarshal string"),
        Step(args="K=V"),
        Step(args="MAC"),
        Step(if_name=""),
        Step(conf={"name": "a/b"}),
        Step(command=CHECK, conf={"vlan": 4095}),
        Step(command=DEL, conf={"vlan": 4095}),
        Step(command=CHECK, netns=GONE, text="failed to open netns"),
    ),
)

# What the reference leaves of an ADD that fails: the bridge, the veth pair, settings of both.
LEFT = frozenset({"/0/world/host", "/0/world/inside"})


def refused(
    name: str, conf: dict[str, Any], text: str = "", left: frozenset[str] = LEFT, **step: Any
) -> Case:
    return Case(name=name, conf=conf, steps=(Step(**step),), text=text, on_purpose=left)


NOTHING: frozenset[str] = frozenset()
BRIDGE_ALONE = frozenset({"/0/world/host"})

REFUSED = [
    IMPOSSIBLE,
    refused("no namespace", bridge(), "failed to open netns", BRIDGE_ALONE, netns=GONE),
    refused("namespace is a file", bridge(), "failed to open netns", BRIDGE_ALONE, netns=RESOLV_CONF),
    refused("bad mac", bridge(), "failed to make veth pair: address 02:00", BRIDGE_ALONE, args="MAC=02:00"),
    refused("mac of a group", bridge(), "failed to make veth pair: ", NOTHING, args="MAC=01:00:00:00:00:01"),
    refused("bridge with a long name", bridge(bridge="b" * 16), 'failed to create bridge "bbb', NOTHING),
    refused("bridge without a name", bridge(bridge=""), 'failed to create bridge ""', NOTHING),
    refused("unknown ipam", layer2(ipam={"type": "nobody"}), 'failed to find plugin "nobody" in path'),
    refused("gateway requested", bridge(), args="IgnoreUnknown=1;IP=10.200.0.1"),
    refused(
        "two ipv4 subnets",
        bridge(V4, "10.9.0.0/24", isGateway=True),
        'failed to set bridge addr: "br0" already has an IP address different from 10.9.0.1/24',
        LEFT,
    ),
    refused(
        "vlan without kernel",
        bridge(vlan=100),
        'failed to create bridge "br0": could not add "br0": ',
        NOTHING,
    ),
    refused("trunk without kernel", bridge(vlanTrunk=[{"id": 7}]), "could not add", NOTHING),
    refused(
        "default route twice",
        bridge(isDefaultGateway=True, ipam={"routes": [{"dst": "0.0.0.0/0"}]}),
        "add route",
    ),
    Case(
        name="vlan on a bridge without",
        conf=bridge(vlan=100),
        steps=(run("ip", "link", "add", "br0", "type", "bridge"), Step()),
        text="failed to setup vlan tag on interface",
        on_purpose=LEFT,
    ),
    refused("a gateway out of reach", layer2(isDefaultGateway=True, ipam=static("10.3.0.9/32")), "add route"),
    Case(
        name="no bridge of that name",
        conf=bridge(bridge="lo"),
        steps=(Step(),),
        text='failed to create bridge "lo": "lo" already exists but is not a bridge',
    ),
    Case(
        name="name taken inside",
        conf=bridge(isGateway=True),
        steps=(inside("link", "add", "eth0", "type", "bridge"), Step(), Step(command=DEL)),
        text='container veth name ("eth0") peer provided ("',
    ),
    Case(
        name="same vm twice",
        conf=bridge(isGateway=True),
        steps=(Step(), Step(), Step(command=CHECK)),
        text='container veth name ("eth0") peer provided ("',
    ),
    Case(
        name="another subnet",
        conf=bridge(isGateway=True),
        steps=(Step(), Step(vm="vm2", if_name="eth1", conf={"ipam": ranges("10.9.0.0/24")})),
        text='failed to set bridge addr: "br0" already has an IP address different from 10.9.0.1/24',
        on_purpose=frozenset({"/1/world/host", "/1/world/inside"}),
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


@pytest.mark.parametrize("case", [*MADE, *COMBINED, *HARMED, *REFUSED], ids=lambda case: case.name)
def test_bridge_is_as_the_reference_s(case: Case, bin_path: str) -> None:
    sides.assert_same(case, bin_path)
