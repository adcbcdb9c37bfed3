"""Each lack of a host is told with its remedy, and nothing that is well is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from vmplumbd.model.preflight import Disk, HostFacts, Wanted, checks

FEATURES = ("veth", "tun", "sch_ingress", "cls_u32", "act_mirred", "nf_tables", "bridge", "ifb", "sch_tbf")
DISK = Disk(path="/var/lib/cni", free_bytes=1 << 30, free_inodes=100_000, inodes=200_000)
WELL = HostFacts(
    features=dict.fromkeys(FEATURES, ""),
    sysctls={
        "net.ipv4.ip_forward": "1",
        "net.ipv4.neigh.default.gc_thresh3": "8192",
        "user.max_net_namespaces": "9000",
    },
    capabilities=(1 << 41) - 1,
    propagation="shared",
    files_soft=65536,
    files_hard=65536,
    clock_synchronised=True,
    disks=(DISK,),
)
WANTED = Wanted(
    netns_dir="/var/run/netns",
    max_networks=4000,
    now=1_800_000_000.0,
    newest=1_700_000_000.0,
    plugins={"fcnet": ()},
)

# What differs from a host where all is well (facts, wanted), and the one check that says so: (name, required).
CASES: Mapping[str, tuple[dict[str, Any], dict[str, Any], tuple[str, bool]]] = {
    "no tun device": (
        {"features": {**WELL.features, "tun": "/dev/net/tun: ENOENT"}},
        {},
        ("module.tun", True),
    ),
    "no u32": ({"features": {**WELL.features, "cls_u32": "ENOENT"}}, {}, ("module.cls_u32", True)),
    "no nf_tables": (
        {"features": {**WELL.features, "nf_tables": "EOPNOTSUPP"}},
        {},
        ("module.nf_tables", False),
    ),
    "forwarding off and locked": (
        {"sysctls": {**WELL.sysctls, "net.ipv4.ip_forward": "0"}, "sysctls_writable": False},
        {},
        ("sysctl.ip_forward", True),
    ),
    "few neighbours": (
        {"sysctls": {**WELL.sysctls, "net.ipv4.neigh.default.gc_thresh3": "1024"}},
        {},
        ("sysctl.gc_thresh3", False),
    ),
    "few namespaces": ({}, {"max_networks": 9001, "newest": 0.0}, ("sysctl.max_net_namespaces", False)),
    "no CAP_NET_ADMIN": ({"capabilities": ((1 << 41) - 1) & ~(1 << 12)}, {}, ("capability.net_admin", True)),
    "a plugin is missing": ({}, {"plugins": {"fcnet": ("no such plugin",)}}, ("plugins.fcnet", False)),
    "a configuration is no JSON": ({}, {"unreadable": {"/etc/a.conflist": "?"}}, ("conf.a.conflist", True)),
    "no network": ({}, {"plugins": {}}, ("conf.networks", False)),
    "a private mount": ({"propagation": "private"}, {}, ("mount.netns_dir", False)),
    "few files": ({"files_soft": 1024}, {}, ("limit.files", False)),
    "the clock went back": ({}, {"newest": 1_800_000_100.0}, ("clock.time", False)),
    "the clock was never set": ({}, {"now": 100.0, "newest": 0.0}, ("clock.time", False)),
    "no time service": ({"clock_synchronised": False}, {}, ("clock.synchronised", False)),
    "a full disk": ({"disks": (replace(DISK, free_bytes=1000),)}, {}, ("disk./var/lib/cni", False)),
    "no inodes": ({"disks": (replace(DISK, free_inodes=10),)}, {}, ("disk./var/lib/cni", False)),
    "a read-only disk": ({"disks": (replace(DISK, read_only=True),)}, {}, ("disk./var/lib/cni", True)),
}


def test_where_all_is_well_every_check_says_so() -> None:
    found = checks(WELL, WANTED)
    assert [one for one in found if not one.ok or one.remedy] == []
    assert len({one.name for one in found}) == len(found)


@pytest.mark.parametrize(("facts", "wanted", "expected"), CASES.values(), ids=CASES)
def test_a_lack_is_told_with_its_remedy(
    facts: dict[str, Any], wanted: dict[str, Any], expected: tuple[str, bool]
) -> None:
    wide = {"sysctls": {**WELL.sysctls, "net.ipv4.neigh.default.gc_thresh3": "16384"}} | facts
    (told,) = (one for one in checks(replace(WELL, **wide), replace(WANTED, **wanted)) if not one.ok)
    assert (told.name, told.required) == expected
    assert told.detail
    assert told.remedy


@pytest.mark.parametrize(
    ("facts", "name"),
    [
        ({"sysctls": {**WELL.sysctls, "net.ipv4.ip_forward": "0"}}, "sysctl.ip_forward"),
        ({"propagation": ""}, "mount.netns_dir"),
        ({"clock_synchronised": None}, "clock.synchronised"),
        ({"disks": (replace(DISK, inodes=0, free_inodes=0),)}, "disk./var/lib/cni"),
    ],
)
def test_what_the_first_network_brings_or_nobody_knows_is_no_lack(facts: dict[str, Any], name: str) -> None:
    (told,) = (one for one in checks(replace(WELL, **facts), WANTED) if one.name == name)
    assert told.ok
