"""Which differences between the views are findings, and what may be done about each."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from vmplumbd.errors import Reason
from vmplumbd.model import net
from vmplumbd.model.findings import (
    Action,
    CacheKind,
    CacheSeen,
    EmptyCacheSeen,
    FileMark,
    LinkSeen,
    NamespaceSeen,
    NetworkSeen,
    ReservationSeen,
    RuleSeen,
    Views,
)
from vmplumbd.model.ids import Uid, VmId
from vmplumbd.model.judge import EMPTY_AGE, ifb_name, judge, kept
from vmplumbd.model.lifecycle import Phase
from vmplumbd.model.outcome import Attachment, Plan
from vmplumbd.model.progress import Failure, Holder, ResourceKind
from vmplumbd.model.record import Record, Release

NOW = 1_800_000_000.0
BOOT = "boot-1"
OURS = NetworkSeen(
    name="fcnet",
    owned=True,
    ranges=(ip_network("10.200.0.0/16"),),
    directories=("/var/lib/cni/networks/fcnet",),
    bridges=("br-ours",),
)
SHARED = replace(
    OURS, name="shared", owned=False, ranges=(ip_network("10.201.0.0/16"),), directories=("/networks/shared",)
)
VETH = net.LinkInfo(index=7, name="veth00000007", kind="veth", mac=b"", mtu=1500, up=True, peer_index=2)
MAC = "02:00:00:00:00:01"
_MAC = bytes.fromhex(MAC.replace(":", ""))
INSIDE = net.LinkInfo(
    index=2,
    name="eth0",
    kind="veth",
    mac=_MAC,
    mtu=1500,
    up=True,
    peer_index=7,
)
TAP = net.LinkInfo(index=3, name="tap0", kind="tun", mac=b"", mtu=1500, up=True)
LINKS = (LinkSeen(link=INSIDE), LinkSeen(link=TAP, redirects=(2,)))


def age(seconds: float, size: int = 20) -> FileMark:
    return FileMark(inode=1, size=size, mtime_ns=int((NOW - seconds) * 1e9))


def result(address: str, vm_id: str) -> bytes:
    sandbox = f"/var/run/netns/{vm_id}"
    return json.dumps(
        {
            "cniVersion": "1.0.0",
            "interfaces": [
                {"name": VETH.name},
                {"name": "eth0", "sandbox": sandbox},
                {"name": "tap0", "sandbox": sandbox},
                {"name": "tap0", "sandbox": vm_id},
            ],
            "ips": [
                {"address": f"{address}/16", "interface": 1},
                {"address": f"{address}/16", "interface": 3},
            ],
        }
    ).encode()


def attachment(vm_id: str = "vm-1", network: str = "fcnet", address: str = "10.200.0.2") -> Attachment:
    return Attachment(
        index=0,
        network=network,
        conf_list=b"{}",
        if_name="eth0",
        cache_dir=f"/var/lib/cni/{vm_id}",
        result=result(address, vm_id),
        host_devices=((VETH.name, VETH.index),),
    )


def record(**changes: Any) -> Record:
    made = Record(
        vm_id=VmId("vm-1"),
        uid=Uid("u1"),
        revision=3,
        phase=Phase.READY,
        spec=b"",
        spec_hash=b"",
        boot_id=BOOT,
        plan=Plan(
            netns_path="/var/run/netns/vm-1",
            netns_owned=True,
            netns_device=4,
            netns_inode=100,
            attachments=(attachment(),),
        ),
        create_time=NOW - 60,
        update_time=NOW - 60,
    )
    return replace(made, **changes)


def reservation(address: str, owner: str, *, network: str = "fcnet", seconds: float = 60) -> ReservationSeen:
    content = f"{owner}\r\neth0" if owner else ""
    return ReservationSeen(
        network=network,
        directory=f"/var/lib/cni/networks/{network}",
        name=address,
        content=content,
        mark=age(seconds, len(content)),
    )


def cache(vm_id: str, network: str = "fcnet", *, shared: bool = False, **changes: Any) -> CacheSeen:
    directory = "/var/lib/cni" if shared else f"/var/lib/cni/{vm_id}"
    made = CacheSeen(
        path=f"{directory}/results/{network}-{vm_id}-eth0",
        directory=directory,
        kind=CacheKind.RECORD,
        network=network,
        container_id=vm_id,
        if_name="eth0",
        netns=f"/run/netns/{vm_id}",
        per_vm="" if shared else vm_id,
        mark=age(60),
    )
    return replace(made, **changes)


def space(
    name: str, inode: int = 200, *, links: tuple[LinkSeen, ...] = LINKS, **changes: Any
) -> NamespaceSeen:
    made = NamespaceSeen(
        path=f"/var/run/netns/{name}",
        real=f"/run/netns/{name}",
        identity=net.NetnsIdentity(device=4, inode=inode),
        links=links,
    )
    return replace(made, **changes)


def world(**more: Any) -> Views:
    """A host with one sound network of ours, and `more`: tuples are added to what is there."""
    sound = Views(
        now=NOW,
        boot_time=NOW - 86400,
        boot_id=BOOT,
        records=(record(),),
        networks=(OURS, SHARED),
        reservations=(reservation("10.200.0.2", "vm-1"),),
        caches=(cache("vm-1"),),
        namespaces=(space("vm-1", 100),),
        at_path={"vm-1": net.NetnsIdentity(device=4, inode=100)},
        host_links=(VETH,),
        host_routes=(net.RouteInfo(dst=ip_network("10.200.0.2/32"), index=7, scope=net.SCOPE_HOST),),
    )
    joined: dict[str, Any] = {
        key: (*getattr(sound, key), *value) if isinstance(value, tuple) else value
        for key, value in more.items()
    }
    return replace(sound, **joined)


def veth(index: int, peer: int = 2) -> net.LinkInfo:
    return replace(VETH, index=index, name=f"veth{index:08}", peer_index=peer)


def route(address: str, index: int) -> net.RouteInfo:
    return net.RouteInfo(dst=ip_network(f"{address}/32"), index=index, scope=net.SCOPE_HOST)


def holding(address: str, *, oper_up: bool = False) -> tuple[LinkSeen, ...]:
    """The links of a VM's namespace, with an address on the inner end."""
    tap = LinkSeen(link=replace(TAP, oper_up=oper_up), redirects=(2,))
    return LinkSeen(link=INSIDE, addresses=(ip_address(address),)), tap


USED = (Holder(pid=42, command="firecracker", what=""),)
HELD = (LinkSeen(link=replace(TAP, oper_up=True), redirects=(2,)), LinkSeen(link=INSIDE))
GONE = {"vm-1": None}
FAILED = record(
    vm_id=VmId("vm-9"),
    phase=Phase.FAILED,
    plan=Plan(netns_path="/var/run/netns/vm-9", netns_inode=900, attachments=(attachment("vm-9"),)),
    failure=Failure(reason=Reason.CNI_DEL_FAILED, message="no"),
)
RELEASED = replace(attachment("vm-8", address="10.200.0.8"), host_devices=(("veth00000008", 8),))
RELEASE = Release(
    release_id=5,
    vm_id=VmId("vm-8"),
    uid=Uid("u8"),
    boot_id=BOOT,
    plan=Plan(netns_device=4, netns_inode=800, attachments=(RELEASED,)),
    host_devices=(("veth00000008", 8),),
    created=NOW - 60,
)
IFB = replace(VETH, index=20, name=ifb_name("fcnet", "gone"), kind="ifb", peer_index=0)

Row = tuple[ResourceKind, str, str, Action]
K, A = ResourceKind, Action

# What is on the host beside a sound network, and what is found.
CASES: Mapping[str, tuple[Views, set[Row]]] = {
    "a sound network": (world(), set()),
    "an address of nobody": (
        world(reservations=(reservation("10.200.0.9", "gone"),)),
        {(K.RESERVATION, "10.200.0.9", "gone", A.RELEASE)},
    ),
    "an address in the format of old": (
        world(reservations=(replace(reservation("10.200.0.9", "x"), content="gone"),)),
        {(K.RESERVATION, "10.200.0.9", "gone", A.RELEASE)},
    ),
    "an address of nobody in a shared network": (
        world(reservations=(reservation("10.201.0.9", "gone", network="shared"),)),
        {(K.RESERVATION, "10.201.0.9", "gone", A.REPORT)},
    ),
    "an address that another runtime's cache accounts for": (
        world(
            reservations=(reservation("10.201.0.9", "other", network="shared"),),
            caches=(cache("other", "shared", shared=True),),
            namespaces=(space("other"),),
        ),
        set(),
    ),
    "an empty reservation": (
        world(reservations=(reservation("10.200.0.9", ""),)),
        {(K.RESERVATION, "10.200.0.9", "", A.RELEASE)},
    ),
    "an empty reservation of a shared network": (
        world(reservations=(reservation("10.201.0.9", "", network="shared"),)),
        {(K.RESERVATION, "10.201.0.9", "", A.REPORT)},
    ),
    "a second address of a live VM": (
        world(reservations=(reservation("10.200.0.9", "vm-1"),)),
        {(K.RESERVATION, "10.200.0.9", "vm-1", A.RELEASE)},
    ),
    "a file that is no address": (world(reservations=(reservation("README", "gone"),)), set()),
    "a fresh draft, and one that stayed": (
        world(
            reservations=(reservation(".draft-1", "a", seconds=1), reservation(".draft-2", "b", seconds=90))
        ),
        {(K.FILE, ".draft-2", "b", A.REMOVE)},
    ),
    "a VM that is set up right now": (
        world(
            busy=frozenset({"new"}),
            reservations=(reservation("10.200.0.9", "new"),),
            caches=(cache("new"),),
            namespaces=(space("new"),),
        ),
        set(),
    ),
    "an attachment that the journal lost": (
        world(
            reservations=(reservation("10.200.0.9", "lost"),),
            caches=(cache("lost"),),
            namespaces=(space("lost", links=holding("10.200.0.9")),),
        ),
        {
            (K.RESERVATION, "10.200.0.9", "lost", A.RELEASE),
            (K.CNI_CACHE, "fcnet-lost-eth0", "lost", A.CNI_DEL),
            (K.NETNS, "lost", "lost", A.REMOVE),
        },
    ),
    "the same with a process in it": (
        world(
            reservations=(reservation("10.200.0.9", "lost"),),
            caches=(cache("lost"),),
            namespaces=(space("lost", holders=USED, links=holding("10.200.0.9")),),
        ),
        {
            (K.RESERVATION, "10.200.0.9", "lost", A.REPORT),
            (K.CNI_CACHE, "fcnet-lost-eth0", "lost", A.REPORT),
            (K.NETNS, "lost", "lost", A.REPORT),
        },
    ),
    "the same with a tap that is held open": (
        world(caches=(cache("lost", mac=MAC),), namespaces=(space("lost", links=HELD),)),
        {(K.CNI_CACHE, "fcnet-lost-eth0", "lost", A.REPORT), (K.NETNS, "lost", "lost", A.REPORT)},
    ),
    "the same on a shared network": (
        world(caches=(cache("lost", "shared", mac=MAC),), namespaces=(space("lost"),)),
        {(K.CNI_CACHE, "shared-lost-eth0", "lost", A.REPORT), (K.NETNS, "lost", "lost", A.REPORT)},
    ),
    "a foreign namespace that bears the name of a VM that is gone": (
        world(
            reservations=(reservation("10.200.0.9", "web"),),
            caches=(cache("web", mac="02:00:00:00:00:99"),),
            namespaces=(space("web", links=LINKS[:1]),),
        ),
        {
            (K.RESERVATION, "10.200.0.9", "web", A.RELEASE),
            (K.CNI_CACHE, "fcnet-web-eth0", "web", A.CNI_DEL),
        },
    ),
    "an empty namespace with the name of a VM that is gone": (
        world(reservations=(reservation("10.200.0.9", "x"),), namespaces=(space("x", links=()),)),
        {(K.RESERVATION, "10.200.0.9", "x", A.RELEASE), (K.NETNS, "x", "", A.REPORT)},
    ),
    "a cache of a network nobody knows": (
        world(
            caches=(
                cache("x", "podman", shared=True),
                cache("x", "podman"),
                cache("x", "", kind=CacheKind.DAMAGED),
            )
        ),
        set(),
    ),
    "a cache whose DEL would hit a live namespace": (
        world(caches=(cache("copy", netns="/run/netns/vm-1"),)),
        {(K.CNI_CACHE, "fcnet-copy-eth0", "copy", A.REMOVE)},
    ),
    "a cache whose DEL would hit a live device": (
        world(caches=(cache("copy", host_devices=(VETH.name,)),)),
        {(K.CNI_CACHE, "fcnet-copy-eth0", "copy", A.REMOVE)},
    ),
    "a second cache of a live attachment": (
        world(caches=(cache("vm-1", shared=True),)),
        {(K.CNI_CACHE, "fcnet-vm-1-eth0", "vm-1", A.REMOVE)},
    ),
    "a cache file that is damaged": (
        world(caches=(cache("gone", kind=CacheKind.DAMAGED, netns=""),)),
        {(K.CNI_CACHE, "fcnet-gone-eth0", "gone", A.REMOVE)},
    ),
    "a young cache directory, and an old one": (
        world(
            empty_caches=(
                EmptyCacheSeen(path="/var/lib/cni/a", vm_id="a", mark=age(10)),
                EmptyCacheSeen(path="/var/lib/cni/b", vm_id="b", mark=age(EMPTY_AGE + 1)),
                EmptyCacheSeen(path="/var/lib/cni/vm-1", vm_id="vm-1", mark=age(EMPTY_AGE + 1)),
            )
        ),
        {(K.FILE, "b", "b", A.REMOVE)},
    ),
    "foreign namespaces": (
        world(namespaces=(space("web", links=()), space("qemu", 201, links=LINKS[:1]))),
        set(),
    ),
    "a wired tap that nobody knows": (world(namespaces=(space("who"),)), {(K.NETNS, "who", "", A.REPORT)}),
    "a file in the place of a namespace": (
        world(
            reservations=(reservation("10.200.0.9", "x"),),
            namespaces=(
                space("x", identity=None, links=()),
                space("y", identity=None, links=()),
                space(".z", identity=None, links=()),
            ),
        ),
        {
            (K.RESERVATION, "10.200.0.9", "x", A.RELEASE),
            (K.FILE, "x", "x", A.REMOVE),
            (K.FILE, "y", "", A.REPORT),
        },
    ),
    "a second tap, and one that is held": (
        world(
            namespaces=(
                space(
                    "vm-1-again",
                    100,
                    links=(
                        LinkSeen(link=replace(TAP, index=8, name="tap8"), redirects=(2,)),
                        LinkSeen(link=replace(TAP, index=9, name="tap9", oper_up=True), redirects=(2,)),
                        LinkSeen(link=replace(TAP, index=10, name="mine")),
                        *LINKS,
                    ),
                ),
            )
        ),
        {(K.LINK, "tap8", "vm-1", A.REMOVE), (K.LINK, "tap9", "vm-1", A.REPORT)},
    ),
    "a host end without a namespace that has a name": (
        world(
            reservations=(reservation("10.200.0.9", "x"),),
            host_links=(veth(9, 5),),
            host_routes=(route("10.200.0.9", 9),),
        ),
        {(K.RESERVATION, "10.200.0.9", "x", A.RELEASE), (K.LINK, "veth00000009", "x", A.REMOVE)},
    ),
    "the same, with a process in the namespace": (
        world(
            host_links=(veth(9, 5),),
            host_routes=(route("10.200.0.9", 9),),
            unnamed=(
                space("net", links=(LinkSeen(link=replace(INSIDE, index=5, peer_index=9)),), holders=USED),
            ),
        ),
        {(K.LINK, "veth00000009", "", A.REPORT)},
    ),
    "a foreign host end": (
        world(host_links=(veth(9, 5), veth(10, 5)), host_routes=(route("172.17.0.2", 9),)),
        set(),
    ),
    "ports of a bridge of ours, and of another one": (
        world(
            host_links=(
                replace(VETH, index=30, name="br-ours", kind="bridge", peer_index=0),
                replace(VETH, index=31, name="br-theirs", kind="bridge", peer_index=0),
                replace(veth(9, 5), master=30),
                replace(veth(10, 5), master=31),
                # Both ends on the host: an uplink, say.
                replace(veth(11, 12), master=30),
                veth(12, 11),
            )
        ),
        {(K.LINK, "veth00000009", "", A.REPORT)},
    ),
    "a member of a pool, and a namespace among them that is none": (
        world(
            pool=(
                space("a", 300, path="/state/pool/a"),
                space("b", 301, path="/state/pool/b"),
                space("c", 302, path="/state/pool/c", holders=USED),
            ),
            members=frozenset({"/state/pool/a"}),
        ),
        {(K.NETNS, "b", "", A.REMOVE), (K.NETNS, "c", "", A.REPORT)},
    ),
    "a route that leads elsewhere": (
        world(host_links=(replace(veth(9), kind="bridge"),), host_routes=(route("10.200.0.9", 9),)),
        {(K.ROUTE, "10.200.0.9", "", A.REPORT)},
    ),
    "a shaper of an attachment that is gone": (
        world(reservations=(reservation("10.200.0.9", "gone"),), host_links=(IFB,)),
        {(K.RESERVATION, "10.200.0.9", "gone", A.RELEASE), (K.LINK, IFB.name, "gone", A.REMOVE)},
    ),
    "what networks have that came and went while the look lasted": (
        world(
            passing=(("gone", replace(attachment("gone"), host_devices=(("veth00000009", 9),))),),
            host_links=(
                replace(VETH, index=30, name="br-ours", kind="bridge", peer_index=0),
                replace(veth(9, 5), master=30),
                IFB,
            ),
        ),
        set(),
    ),
    "shapers of nobody: one in use, one not": (
        world(host_links=(IFB, replace(IFB, index=21, name="bwp0123456789ab")), fed=frozenset({20})),
        {(K.LINK, "bwp0123456789ab", "", A.REPORT)},
    ),
    "rules: of a live VM, of a lost one, of one cut short, of a shared network, of a stranger": (
        world(
            rules=(
                RuleSeen(handle=1, comment="", network="fcnet", container_id="vm-1", if_name="eth0"),
                RuleSeen(handle=2, comment="", network="fcnet", container_id="gone", if_name="eth0"),
                RuleSeen(handle=3, comment="", network="fcnet"),
                RuleSeen(handle=4, comment="", network="shared", container_id="x", if_name="eth0"),
                RuleSeen(handle=5, comment="", network="podman", container_id="x", if_name="eth0"),
            )
        ),
        {
            (K.NFT_RULES, "handle 2", "gone", A.REMOVE),
            (K.NFT_RULES, "handle 3", "", A.REPORT),
            (K.NFT_RULES, "handle 4", "x", A.REPORT),
        },
    ),
    "a namespace that is gone, with what is left": (
        world(at_path=GONE, namespaces=()),
        {(K.JOURNAL_RECORD, "vm-1", "vm-1", A.CNI_DEL)},
    ),
    "another namespace in its place": (
        world(at_path={"vm-1": net.NetnsIdentity(device=4, inode=101)}),
        {(K.JOURNAL_RECORD, "vm-1", "vm-1", A.CNI_DEL)},
    ),
    "a namespace at the path of a record, of which the kernel said nothing yet": (
        world(namespaces=(space("custom"),), claimed=frozenset({"/run/netns/custom"})),
        set(),
    ),
    "a record of which nothing is left": (
        replace(
            world(at_path=GONE), namespaces=(), caches=(), reservations=(), host_links=(), host_routes=()
        ),
        {(K.JOURNAL_RECORD, "vm-1", "vm-1", A.FORGET)},
    ),
    "a live network that lost its files and devices": (
        replace(
            world(),
            caches=(),
            reservations=(),
            host_links=(),
            host_routes=(),
            namespaces=(space("vm-1", 100, links=LINKS[:1]),),
        ),
        {
            (K.RESERVATION, "10.200.0.2", "vm-1", A.REPORT),
            (K.CNI_CACHE, "fcnet-vm-1-eth0", "vm-1", A.REPORT),
            (K.LINK, VETH.name, "vm-1", A.REPORT),
            (K.LINK, "tap0", "vm-1", A.REPORT),
        },
    ),
    "a record whose taking back failed": (
        world(records=(FAILED,), reservations=(reservation("10.200.0.9", "vm-9"),), caches=(cache("vm-9"),)),
        {(K.CNI_ATTACHMENT, "fcnet/eth0", "vm-9", A.WAIT)},
    ),
    "a release that waits for its device": (
        world(
            releases=(RELEASE,),
            reservations=(reservation("10.200.0.8", "vm-8"),),
            namespaces=(space("old", 800),),
            host_links=(veth(8, 4),),
            host_routes=(route("10.200.0.8", 8),),
        ),
        {(K.CNI_ATTACHMENT, "fcnet/eth0", "vm-8", A.WAIT)},
    ),
    "a release that began now": (world(releases=(replace(RELEASE, created=NOW),)), set()),
}


@pytest.mark.parametrize(("views", "expected"), CASES.values(), ids=CASES)
def test_findings(views: Views, expected: set[Row]) -> None:
    found = judge(views)
    assert {(one.kind, one.what, one.vm_id, one.would_do) for one in found} == expected
    assert len(found) == len(expected)
    assert all(one.detail and one.seen_in for one in found)


def test_without_a_look_at_every_process_nothing_is_taken_that_one_may_use() -> None:
    views = world(
        reservations=(reservation("10.200.0.9", "lost"),),
        caches=(cache("lost"), cache("gone", kind=CacheKind.DAMAGED)),
        namespaces=(space("lost"),),
        host_links=(IFB,),
        all_processes_seen=False,
    )
    assert {(one.what, one.would_do) for one in judge(views) if one.would_do is not A.REPORT} == {
        ("fcnet-gone-eth0", A.REMOVE)
    }
    assert judge(replace(views, all_processes_seen=True)) != judge(views)


def test_what_lies_in_the_kernel_is_as_old_as_its_owners_files() -> None:
    found = judge(world(reservations=(reservation("10.200.0.9", "gone", seconds=7200),), host_links=(IFB,)))
    assert {one.what: one.age for one in found} == {"10.200.0.9": 7200.0, IFB.name: 7200.0}


def test_a_leak_of_a_vm_that_lives_is_reported_and_stays() -> None:
    (found,) = judge(world(reservations=(reservation("10.200.0.9", "gone"),)))
    assert kept(found, frozenset({"gone"})).would_do is Action.REPORT
    assert kept(found, frozenset({"other"})) == found


def test_a_finding_is_another_one_when_its_thing_is() -> None:
    old, new = (
        judge(world(reservations=(reservation("10.200.0.9", "gone", seconds=seconds),)))[0]
        for seconds in (60, 1)
    )
    assert old.key != new.key
