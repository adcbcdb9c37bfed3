"""Plugins that change what others made, beside the reference's v1.9.1.

All cases of a plugin and a side run in one host, one after the other; each begins with a veth pair, one end in a fresh
namespace, and what is there after each call is compared.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from tests import host as hosts
from tests.parity.plugins import sides
from tests.snapshot import differences
from vmplumbd.cni.error import CniError
from vmplumbd.cni.invoke import Command, Invocation, Invoker
from vmplumbd.kernel.linux import LinuxKernel

pytestmark = [pytest.mark.parity, pytest.mark.host]

ADD, CHECK, DEL = Command.ADD, Command.CHECK, Command.DEL
NETNS = sides.NETNS
MAC, NEW_MAC = "02:00:00:00:00:10", "c2:11:22:33:44:55"
PREV: dict[str, Any] = {
    "interfaces": [
        {"name": "vethhost", "mac": "02:00:00:00:00:99"},
        {"name": "eth0", "sandbox": NETNS, "mac": MAC},
    ],
    "ips": [{"interface": 1, "address": "10.0.0.2/24", "gateway": "10.0.0.1"}],
    "routes": [{"dst": "0.0.0.0/0"}],
    "dns": {"nameservers": ["1.1.1.1"]},
}
MANY: dict[str, Any] = {
    **PREV,
    "interfaces": [
        {"name": "br0", "mac": "02:00:00:00:00:01"},
        *PREV["interfaces"],
        {"name": "eth1", "sandbox": NETNS, "mac": "02:00:00:00:00:22"},
        {"name": "eth0", "sandbox": "/run/netns/other", "mac": "02:00:00:00:00:33"},
        {"name": "tap0", "sandbox": "vm1", "mac": MAC},
    ],
    "ips": [{"interface": 2, "address": "10.0.0.2/24"}, {"interface": 3, "address": "2001:db8::2/64"}],
}
SET = ("ip", "link", "set", "eth0")
DATA_DIR = Path("/run/cni/tuning")
FORWARD = "net/ipv4/ip_forward"
SYSCTLS = (FORWARD, "net/ipv4/conf/eth0/rp_filter", "net/ipv6/conf/eth0/accept_ra", "net/core/somaxconn")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A command inside the host between two calls, or with `inside` in the namespace."""

    argv: Sequence[str]
    inside: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call; what is not said is the case's."""

    command: Command
    options: Mapping[str, Any] = field(default_factory=dict)


WHOLE = (Call(command=ADD), Call(command=CHECK), Call(command=DEL), Call(command=DEL))
ONCE = (Call(command=ADD), Call(command=DEL))


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Calls of one plugin. `text` and `on_purpose` are as in sides.Case."""

    name: str
    conf: Mapping[str, Any]
    steps: Sequence[Run | Call] = WHOLE
    cni_version: str = "1.0.0"
    prev: Mapping[str, Any] | None = field(default_factory=lambda: PREV)
    cni_args: str = ""
    netns: str = NETNS
    stdin: Callable[[bytes], bytes] = bytes
    text: str = ""
    on_purpose: frozenset[str] = frozenset()


def tuning(name: str, steps: Any = WHOLE, **more: Any) -> Case:
    options = {key: more.pop(key) for key in tuple(more) if key in Case.__dataclass_fields__}
    return Case(name=f"tuning {name}", conf={"type": "tuning", **more}, steps=steps, **options)


def refused(name: str, text: str, make: Callable[..., Case] = tuning, **more: Any) -> Case:
    return make(name, ONCE, text=text, **more)


def inside(*argv: str) -> Run:
    return Run(argv=argv, inside=True)


def allow(*lines: str) -> Run:
    """The operator's list, on a file system of this host's own."""
    text = "\\n".join(lines)
    script = f"mount -t tmpfs etc /etc && mkdir -p /etc/cni/tuning && printf '{text}' > {ALLOWLIST}"
    return Run(argv=("sh", "-c", script))


ALLOWLIST = "/etc/cni/tuning/allowlist.conf"
FORGET = Run(argv=("umount", "/etc"))
IP_FORWARD = {"net.ipv4.ip_forward": "1"}

# The reference refuses the DEL too: what was refused could never be torn down.
DEL_DONE = frozenset({"/1/code"})

TUNING = [
    tuning("sysctls", sysctl={**IP_FORWARD, "net/ipv6/conf/IFNAME/accept_ra": "0"}),
    tuning("sysctl of the interface", sysctl={"net.ipv4.conf.IFNAME.rp_filter": "2"}),
    tuning("mac", mac=NEW_MAC),
    tuning("mac in another notation", mac="c211.2233.4455", steps=ONCE),
    tuning("mac 0.4.0", mac=NEW_MAC, cni_version="0.4.0"),
    tuning("mac 1.1.0", mac=NEW_MAC, cni_version="1.1.0"),
    tuning("mac 0.2.0", ONCE, mac=NEW_MAC, cni_version="0.2.0", prev={"ip4": {"ip": "10.0.0.2/24"}}),
    tuning("mac by arguments", mac="c2:00:00:00:00:01", cni_args=f"MAC={NEW_MAC}"),
    tuning("mac of the runtime", cni_args=f"MAC={MAC}", runtimeConfig={"mac": NEW_MAC}),
    tuning("mtu", mtu=1400),
    tuning("promisc", promisc=True),
    tuning("allmulti", allmulti=True),
    tuning("allmulti off", allmulti=False),
    tuning("queue", txQLen=20000),
    tuning("queue of nothing", txQLen=0),
    tuning("everything", mac=NEW_MAC, mtu=1300, promisc=True, allmulti=True, txQLen=5, sysctl=IP_FORWARD),
    tuning(
        "everything by args",
        mtu=1300,
        sysctl={"net.core.somaxconn": "99"},
        args={"cni": {"mac": NEW_MAC, "mtu": 1350, "promisc": True, "allmulti": True, "txQLen": 3}},
    ),
    tuning("nothing"),
    tuning("its own directory", mtu=1400, dataDir="/run/cni/tuning/deep"),
    tuning("added twice", (*ONCE[:1], *ONCE[:1], *ONCE[1:]), mtu=1400),
    tuning(
        "after the link",
        (*ONCE[:1], inside("ip", "link", "del", "eth0"), *ONCE[1:]),
        mtu=1400,
        # The reference leaves the file of a link that is gone.
        on_purpose=frozenset({"/1/world/files"}),
    ),
    tuning(
        "a damaged file",
        (*ONCE[:1], Run(argv=("sh", "-c", f"echo '[' > {DATA_DIR}/vm1_eth0.json")), *ONCE[1:]),
        mtu=1400,
        on_purpose=frozenset({"/1/world/files"}),
    ),
    tuning("allowed", (allow("^net.core.", "ip_forward$"), *WHOLE, FORGET), sysctl=IP_FORWARD),
    tuning("forbidden", (allow("^net.core.", "", " x "), *ONCE, FORGET), sysctl=IP_FORWARD),
    tuning(
        "a list that is none", (allow("("), *ONCE, FORGET), sysctl=IP_FORWARD, text="error parsing regexp: "
    ),
    tuning(
        "harm to the mac",
        (*WHOLE[:1], inside("ip", "link", "set", "eth0", "address", MAC), *WHOLE[1:3]),
        mac=NEW_MAC,
    ),
    tuning(
        "harm to a sysctl",
        (*WHOLE[:1], inside("sysctl", "-q", "-w", f"{FORWARD}=0"), *WHOLE[1:3]),
        sysctl=IP_FORWARD,
    ),
    tuning(
        "harm to the mtu",
        (*WHOLE[:1], inside("ip", "link", "set", "eth0", "mtu", "1401"), *WHOLE[1:3]),
        mtu=1400,
    ),
    tuning(
        "harm to promisc",
        (*WHOLE[:1], inside("ip", "link", "set", "eth0", "promisc", "off"), *WHOLE[1:3]),
        promisc=True,
    ),
    tuning(
        "mac in capitals",
        mac=NEW_MAC.upper(),
        # The reference compares text, and fails on what it has set itself.
        text="Tuning configured Ethernet of eth0",
        on_purpose=frozenset({"/1/code"}),
    ),
    *(
        tuning(f"sysctl {name}", steps, sysctl=sysctl)
        for name, steps, sysctl in (
            ("written in hexadecimal", WHOLE, {"net.ipv4.ip_forward": "0x1"}),
            ("that is a list", WHOLE, {"net.ipv4.ip_local_port_range": "20000\t30000"}),
            ("with two slashes", WHOLE, {"net//ipv4/ip_forward": "1"}),
            ("with a slash before it", WHOLE, {"/net/ipv4/ip_forward": "1"}),
            ("with its whole path", ONCE, {"/proc/sys/net/ipv4/ip_forward": "1"}),
            ("that leads elsewhere", ONCE, {"net/../kernel/hostname": "x"}),
            ("with a name and no value", ONCE, {"net.ipv4.ip_forward": None}),
            ("without a name", ONCE, {"": "1"}),
            ("of no family", ONCE, {"net": "1"}),
            ("in capitals", ONCE, {"NET.ipv4.ip_forward": "1"}),
            ("of the interface, twice", ONCE, {"net.ipv4.conf.IFNAME.IFNAME": "1"}),
            ("with blanks around it", ONCE, {"net.ipv4.ip_forward": " 1 "}),
        )
    ),
    refused(
        "a sysctl that is read only",
        "/nf_conntrack_count: permission denied",
        sysctl={"net.netfilter.nf_conntrack_count": "1"},
    ),
    refused(
        "a sysctl of all namespaces", "/rmem_max: permission denied", sysctl={"net.core.rmem_max": "212993"}
    ),
    tuning("mtu taken back by args", mtu=1400, args={"cni": {"mtu": 0, "mac": ""}}, mac=NEW_MAC),
    tuning("args of null", mtu=1400, args={"cni": {"mtu": None, "promisc": None}}),
    tuning("promisc taken back by args", promisc=True, args={"cni": {"promisc": False}}),
    tuning("promisc before it", (inside(*SET, "promisc", "on"), *WHOLE), promisc=True),
    tuning("promisc of somebody else", (inside(*SET, "promisc", "on"), *WHOLE), mtu=1400),
    tuning("allmulti before it", (inside(*SET, "allmulticast", "on"), *WHOLE), allmulti=False),
    tuning("mac among many interfaces", mac=NEW_MAC, prev=MANY),
    tuning("nothing among many interfaces", prev=MANY, cni_version="1.1.0"),
    tuning("everything of a link that is up", (inside(*SET, "up"), *WHOLE), mac=NEW_MAC, mtu=1300, txQLen=7),
    *(
        tuning(
            f"{name}",
            (Call(command=ADD),),
            # The reference has the kernel set what is left of it.
            text="invalid",
            on_purpose=frozenset({"/0/"}),
            **more,
        )
        for name, more in (
            ("a queue of less than nothing", {"txQLen": -1}),
            ("a queue beyond 31 bits", {"txQLen": 2**31}),
            ("a mac of eight bytes", {"mac": "02:00:00:00:00:00:00:01"}),
        )
    ),
    refused("no previous result", "", prev=None, mtu=1400),
    refused("no namespace", "failed to Statfs", netns="/run/netns/none", mtu=1400),
    refused(
        "a mac that is none",
        "",
        mac="c2:11:22:33:44",
        on_purpose=frozenset({"/0/world/files"}),
    ),
    refused(
        "a multicast mac",
        "annot assign requested address",
        mac="01:00:5e:00:00:01",
        on_purpose=frozenset({"/0/world/files"}),
    ),
    refused("a small mtu", "nvalid argument", mtu=5, on_purpose=frozenset({"/0/world/files"})),
    refused("a sysctl that is not there", "open /proc/sys/net/ipv4/none: ", sysctl={"net.ipv4.none": "1"}),
    refused("a sysctl's bad value", "", sysctl={"net.ipv4.ip_forward": "x"}),
    refused("another sysctl", "", sysctl={"kernel.hostname": "x"}),
    refused(
        "a sysctl of a wrong type",
        "json: cannot unmarshal number into Go struct field",
        sysctl={"net.ipv4.ip_forward": 1},
        on_purpose=DEL_DONE,
    ),
    refused(
        "a wrong type",
        "failed to load netconf: json: cannot unmarshal string into Go struct field",
        mtu="1",
        on_purpose=DEL_DONE,
    ),
    refused("unknown arguments", "", cni_args="IP=10.0.0.1", mtu=1400, on_purpose=DEL_DONE),
    refused(
        "a sysctl twice",
        "",
        sysctl=IP_FORWARD,
        stdin=lambda raw: raw.replace(b'{"net.ipv4', b'{"net.ipv4.ip_forward": "0", "net.ipv4'),
    ),
    refused(
        "half of it",
        "nvalid argument",
        sysctl=IP_FORWARD,
        mac=NEW_MAC,
        mtu=5,
        # The reference leaves the first settings of an ADD that failed.
        on_purpose=frozenset({"/0/world/inside", "/0/world/files", "/0/world/sysctls", "/1/world/sysctls"}),
    ),
]


def limits(name: str, steps: Any = WHOLE, **more: Any) -> Case:
    options = {key: more.pop(key) for key in tuple(more) if key in Case.__dataclass_fields__}
    return Case(name=f"bandwidth {name}", conf={"type": "bandwidth", **more}, steps=steps, **options)


def tc(*words: str) -> Run:
    return Run(argv=("tc", *words))


INGRESS = {"ingressRate": 8_000_000, "ingressBurst": 80_000}
EGRESS = {"egressRate": 16_000_000, "egressBurst": 160_000}
BOTH = {**INGRESS, **EGRESS}
RUNTIME = {"runtimeConfig": {"bandwidth": BOTH}}
CHANGED = (
    "qdisc",
    "change",
    "dev",
    "vethhost",
    "root",
    "tbf",
    "rate",
    "9mbit",
    "burst",
    "9k",
    "latency",
    "9ms",
)
DEVICE = "bwpab145a0ee221"
# Of the host end, the reference's DEL leaves the limit, and the redirect to a device that is gone.
FREED = frozenset({"/2/world/host", "/3/world/host"})
FREED_ONCE = frozenset({"/1/world/host"})

BANDWIDTH = [
    limits("both ways", **BOTH, on_purpose=FREED),
    limits("both ways 0.3.1", ONCE, **BOTH, cni_version="0.3.1", on_purpose=FREED_ONCE),
    limits("both ways 1.1.0", **BOTH, cni_version="1.1.0", on_purpose=FREED),
    limits("ingress", **INGRESS, on_purpose=FREED),
    limits("egress", **EGRESS, on_purpose=FREED),
    limits("of the runtime", **RUNTIME, on_purpose=FREED),
    limits("its own before the runtime's", **EGRESS, **RUNTIME, on_purpose=FREED),
    limits("its own nothing before the runtime's", ingressRate=0, **RUNTIME),
    limits("none"),
    limits("zero", ingressRate=0, ingressBurst=0, egressRate=0, egressBurst=0),
    limits("a slow rate", ingressRate=8_000, ingressBurst=80_000, on_purpose=FREED),
    limits("odd numbers", ingressRate=12_345_677, ingressBurst=98_765, **EGRESS, on_purpose=FREED),
    limits("more than 32 bits", ingressRate=80 * 10**9, ingressBurst=16 * 10**9, on_purpose=FREED),
    limits(
        "a burst longer than the kernel can count",
        ingressRate=8_000,
        ingressBurst=2**31 - 1,
        # The reference goes round at 32 bits: of a burst of 256 MiB less than 1 % is left.
        on_purpose=FREED | {"/0/world/host/qdiscs/1/options", "/1/world/host/qdiscs/1/options"},
    ),
    limits(
        "a large mtu",
        (Run(argv=("ip", "link", "set", "vethhost", "mtu", "9000")), *ONCE),
        **EGRESS,
        on_purpose=FREED_ONCE,
    ),
    limits("without namespace", (*WHOLE[:1], Call(command=DEL, options={"netns": ""})), **EGRESS),
    limits("without the link", (*WHOLE[:1], inside("ip", "link", "del", "eth0"), *WHOLE[2:]), **BOTH),
    limits("after another rate", (*WHOLE[:1], tc(*CHANGED), *WHOLE[1:2]), **INGRESS),
    limits("after the device", (*WHOLE[:1], Run(argv=("ip", "link", "del", DEVICE)), *WHOLE[1:2]), **EGRESS),
    limits(
        "after the filter",
        (*WHOLE[:1], tc("qdisc", "del", "dev", "vethhost", "root"), *WHOLE[1:2]),
        **INGRESS,
    ),
    limits(
        "after the redirect",
        (*WHOLE[:1], tc("qdisc", "del", "dev", "vethhost", "ingress"), *WHOLE[1:2]),
        **EGRESS,
        # The reference looks at the device alone, which nothing reaches.
        text="Failed to find redirect from vethhost to bwp",
        on_purpose=frozenset({"/1/code"}),
    ),
    limits("the slowest rate", ingressRate=15, ingressBurst=89, on_purpose=FREED),
    limits("a burst of gigabytes", ingressRate=10**9, ingressBurst=2**34 - 8, on_purpose=FREED),
    limits("a rate of 400 gigabits", egressRate=400 * 10**9, egressBurst=10**10, on_purpose=FREED),
    limits("many interfaces", **BOTH, prev=MANY, on_purpose=FREED),
    limits("none, many interfaces", prev=MANY, cni_version="1.1.0"),
    limits("of the runtime, empty", runtimeConfig={"bandwidth": {}}),
    limits("its own null before the runtime's", ingressRate=None, **RUNTIME),
    limits(
        "an ingress qdisc of somebody else",
        (tc("qdisc", "add", "dev", "vethhost", "clsact"), *ONCE[:1]),
        **INGRESS,
    ),
    limits("another interface's del", (*ONCE[:1], Call(command=DEL, options={"if_name": "eth7"})), **INGRESS),
    refused(
        "half of a request's",
        "",
        limits,
        runtimeConfig={"bandwidth": {"egressRate": 8000}},
        on_purpose=DEL_DONE,
    ),
    refused("rate alone", "", limits, ingressRate=8_000, on_purpose=DEL_DONE),
    refused("burst alone", "", limits, egressBurst=8_000, on_purpose=DEL_DONE),
    refused("a burst too large", "", limits, ingressRate=8_000, ingressBurst=2**35, on_purpose=DEL_DONE),
    refused("a rate of less than a byte", "", limits, ingressRate=7, ingressBurst=80_000),
    refused("a burst of less than a byte", "", limits, ingressRate=8_000, ingressBurst=7),
    refused("a burst of no time", "", limits, ingressRate=10**12, ingressBurst=80_000),
    refused(
        "half of it",
        "create ifb qdisc: create qdisc: invalid argument",
        limits,
        **INGRESS,
        egressRate=7,
        egressBurst=80_000,
        # The reference leaves all that it made before it failed.
        on_purpose=frozenset({"/0/world/host", "/1/world/host"}),
    ),
    refused(
        "a negative rate",
        "failed to parse network configuration: json: ",
        limits,
        ingressRate=-1,
        on_purpose=DEL_DONE,
    ),
    refused(
        "a rate of a wrong type",
        "failed to parse network configuration: json: ",
        limits,
        egressRate="1",
        on_purpose=DEL_DONE,
    ),
    refused("no previous result", "", limits, **BOTH, prev=None),
    refused("no interfaces", "", limits, **BOTH, prev={**PREV, "interfaces": [], "ips": []}),
    refused("a stranger's host end", "", limits, **BOTH, prev={**PREV, "interfaces": PREV["interfaces"][1:]}),
    refused("no namespace", "failed to Statfs", limits, **BOTH, netns="/run/netns/none"),
    limits("twice", (*WHOLE[:1], *WHOLE[:1], *WHOLE[2:3]), **EGRESS, on_purpose=frozenset({"/2/world/host"})),
    refused("0.2.0", "", limits, **BOTH, cni_version="0.2.0"),
]
CASES = [*TUNING, *BANDWIDTH]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What one call gave, and the world after it."""

    result: Any
    code: int | None
    text: str
    world: Any


Side: TypeAlias = dict[str, list[Seen]]


def all_of(make: Callable[[LinuxKernel], Invoker], bin_path: str, cases: Sequence[Case]) -> Side:
    """Every case of one side."""

    def act() -> Side:
        kernel = LinuxKernel()
        try:
            invoker = make(kernel)
            return {case.name: walk(case, invoker, bin_path) for case in cases}
        finally:
            kernel.close()

    return hosts.in_host(act)


def walk(case: Case, invoker: Invoker, bin_path: str) -> list[Seen]:
    """The steps of a case, from a fresh pair of links to none."""
    run("ip", "netns", "add", sides.NAME)
    peer = ("peer", "name", "eth0", "netns", sides.NAME, "address", MAC)
    run("ip", "link", "add", "vethhost", "address", "02:00:00:00:00:99", "type", "veth", *peer)
    seen: list[Seen] = []
    made: Any = None
    try:
        for step in case.steps:
            if isinstance(step, Run):
                run(*(("ip", "netns", "exec", sides.NAME) if step.inside else ()), *step.argv)
                continue
            seen.append(take(case, step, invoker, bin_path, made))
            made = seen[-1].result or made
    finally:
        run("sh", "-c", f"ip netns del {sides.NAME}; ip link del vethhost 2>/dev/null; rm -rf /run/cni")
        for name in names_of(ip("link")):
            if name != "lo":
                run("ip", "link", "del", name)
    return seen


def take(case: Case, step: Call, invoker: Invoker, bin_path: str, made: Any) -> Seen:
    body = {"cniVersion": case.cni_version, "name": "net", **case.conf}
    prev = made if made is not None and step.command is not ADD else case.prev
    if prev is not None:
        body["prevResult"] = {"cniVersion": case.cni_version, **prev}
    invocation = Invocation(
        command=step.command,
        plugin=case.conf["type"],
        stdin=case.stdin(json.dumps(body).encode()),
        container_id="vm1",
        netns=case.netns,
        if_name="eth0",
        args=case.cni_args,
        path=(bin_path,),
    )
    invocation = dataclasses.replace(invocation, **step.options)
    try:
        printed = invoker.invoke(invocation)
    except CniError as exc:
        return Seen(result=None, code=exc.code, text=str(exc), world=world())
    return Seen(result=json.loads(printed) if printed else None, code=None, text="", world=world())


def world() -> dict[str, Any]:
    """Links, qdiscs and filters on both sides, sysctls, and tuning's files without our own key."""
    found = run("ip", "netns", "exec", sides.NAME, "sysctl", "-e", *SYSCTLS, check=False)
    files: dict[str, Any] = {}
    for path in sorted(DATA_DIR.rglob("*.json")):
        content: Any = path.read_text()
        with contextlib.suppress(ValueError):
            content = {key: item for key, item in json.loads(content).items() if key != "network"}
        files[path.name] = (f"{path.stat().st_mode:o}", content)
    return {
        "host": {"links": ip("link"), **queues()},
        "inside": {"links": ip("-n", sides.NAME, "link"), **queues("-n", sides.NAME)},
        "sysctls": found.splitlines(),
        "files": files,
    }


def comparable(side: Sequence[Seen]) -> Any:
    """Everything but the texts of refusals."""
    return [unified(dataclasses.asdict(dataclasses.replace(seen, text=""))) for seen in side]


def unified(value: Any) -> Any:
    """The same without numbers of this host and without the MACs of intermediate devices, which are random."""
    if isinstance(value, list):
        return list(map(unified, value))
    if not isinstance(value, dict):
        return value
    passing = sides.PASSING
    if str(value.get("name") or value.get("ifname")).startswith("bwp"):
        passing |= {"mac", "address"}
    return {key: unified(item) for key, item in value.items() if key not in passing}


def queues(*where: str) -> dict[str, Any]:
    qdiscs = json.loads(run("tc", *where, "-d", "-j", "qdisc", "show"))
    filters = {}
    for qdisc in qdiscs:
        if qdisc["kind"] == "ingress":
            shown = run("tc", *where, "-d", "-j", "filter", "show", "dev", qdisc["dev"], "ingress")
            filters[qdisc["dev"]] = json.loads(shown)
            for row in filters[qdisc["dev"]]:
                actions = row.get("options", {}).get("actions", [])
                # The reference redirects twice; the kernel never comes to the second time.
                del actions[1:]
                for action in actions:
                    # Its number is the next that is free: an action of a moment ago may not have gone yet.
                    action.pop("index", None)
    return {"qdiscs": qdiscs, "filters": filters}


def ip(*words: str) -> Any:
    return json.loads(run("ip", "-d", "-j", *words) or "[]")


def names_of(links: Sequence[Mapping[str, Any]]) -> list[str]:
    return [link["ifname"] for link in links]


def run(*argv: str, check: bool = True) -> str:
    return subprocess.run(argv, check=check, capture_output=True, text=True).stdout


@functools.cache
def both(kind: str) -> tuple[Side, Side]:
    """What our plugin gave, and the reference's, in all of its cases."""
    bin_path = sides.reference_plugins()
    assert bin_path is not None
    cases = [case for case in CASES if case.conf["type"] == kind]
    return all_of(sides.ours, bin_path, cases), all_of(sides.theirs, bin_path, cases)


@pytest.fixture(scope="module")
def possible() -> None:
    """Skips where there is no host, or no reference."""
    if (reason := hosts.refusal()) is not None:
        pytest.skip(reason)
    if sides.reference_plugins() is None:
        pytest.skip("the reference plugins need Go")


@pytest.mark.usefixtures("possible")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "_"))
def test_ours_is_as_theirs(case: Case) -> None:
    ours, theirs = (side[case.name] for side in both(case.conf["type"]))
    lines = differences(comparable(ours), comparable(theirs), sides.SIDES)
    assert [line for line in lines if not line.startswith(tuple(case.on_purpose))] == []
    for place in case.on_purpose:
        assert any(line.startswith(place) for line in lines), f"no longer different: {place}"
    for step, (our, their) in enumerate(zip(ours, theirs, strict=True)):
        if f"/{step}/code" in case.on_purpose:
            assert (our.code is None) is not (their.code is None)
        if case.text:
            assert our.code is None or case.text in our.text
            assert their.code is None or case.text in their.text
        elif f"/{step}/code" not in case.on_purpose:
            assert our.text == their.text
