"""Who may do what: patterns of identities, the policy file with all its faults, and decisions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from vmplumbd.policy import access, document, identity
from vmplumbd.policy.access import Ask
from vmplumbd.policy.document import InvalidPolicy
from vmplumbd.policy.rate import Buckets, Rate

RPCS = (*access.ORDINARY_RPCS, "CollectGarbage", "DiagnoseHost")
SPIFFE = "spiffe://prod.example/ns/vms"

POLICY = """
[[rule]]
name = "vms"
who = ["spiffe://prod.example/ns/vms", "spiffe://prod.example/pool/*"]
rpcs = ["SetupNetwork", "TeardownNetwork", "GetNetwork"]
networks = ["fcnet", "tenant-*"]
tap_owners = ["1000-1999:100", "123:"]
args = ["TC_REDIRECT_TAP_*", "IP"]
capability_args = ["portMappings"]
host_ports = ["20000-29999", "8080"]
max_networks = 10
max_operations = 2
max_streams = 8
rate = 5
burst = 7

[[rule]]
name = "root"
who = ["dns:*.ops.example"]
rpcs = ["*"]
administrator = true
networks = ["*"]
tap_owners = ["*:*"]
args = ["*"]
capability_args = ["*"]
host_ports = ["*"]
paths = ["bin_path", "netns_path"]
inline_conflists = true
rate = 0

[[rule]]
name = "readers"
who = ["*"]
rpcs = ["*"]
"""


@pytest.mark.parametrize(
    ("uris", "dns", "told"),
    [
        ([SPIFFE], ["a.example"], SPIFFE),
        (["https://a.example/x"], [], "https://a.example/x"),
        ([], ["A.Example.", "b.example"], "dns:a.example"),
        ([], ["localhost"], "dns:localhost"),
        ([], [], None),
        ([SPIFFE, SPIFFE + "2"], [], None),
        (["spiffe://prod.example:443/x"], [], None),
        (["spiffe://user@prod.example/x"], [], None),
        (["spiffe://Prod.example/x"], [], None),
        (["spiffe://prod.example/a/../b"], [], None),
        (["spiffe://prod.example/./b"], [], None),
        (["spiffe://prod.example/a//b"], [], None),
        (["spiffe://prod.example/a/"], [], None),
        (["spiffe://prod.example/a%2fb"], [], None),
        (["spiffe://prod.example/a?b"], [], None),
        (["spiffe://prod.example/a#b"], [], None),
        (["spiffe://prod.example/\u0430"], [], None),
        (["spiffe://prod.example/*"], [], None),
        (["spiffe:///x"], [], None),
        (["spiffe://prod.example/a\nb"], [], None),
        (["urn:x"], [], None),
        ([], ["*.example"], None),
        ([], ["a..example"], None),
        ([], ["a.example\0.evil"], None),
    ],
)
def test_a_certificate_has_one_identity_or_none(uris: list[str], dns: list[str], told: str | None) -> None:
    if told is not None:
        assert identity.of_certificate(uris, dns) == told
        return
    with pytest.raises(ValueError, match=r"."):
        identity.of_certificate(uris, dns)


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        (SPIFFE, [SPIFFE], [SPIFFE + "x", SPIFFE + "/x", SPIFFE.upper()]),
        (
            "spiffe://prod.example/ns/*",
            [SPIFFE, "spiffe://prod.example/ns/a/b"],
            ["spiffe://prod.example/ns", "spiffe://prod.example/nsx/a", "spiffe://prod.example.evil/ns/a"],
        ),
        ("spiffe://prod.example/*", [SPIFFE], ["spiffe://prod.example", "spiffe://prod.examples/ns"]),
        ("dns:a.example", ["dns:a.example"], ["dns:b.a.example", "a.example"]),
        (
            "dns:*.example",
            ["dns:a.example"],
            ["dns:a.b.example", "dns:example", "dns:.example", "spiffe://a.example", "a.example"],
        ),
        ("*", [SPIFFE, "dns:a"], ["unix"]),
        ("unix", ["unix"], [SPIFFE, "dns:unix"]),
    ],
)
def test_a_pattern_means_what_it_says_and_no_more(pattern: str, yes: list[str], no: list[str]) -> None:
    made = identity.parse_pattern(pattern)
    assert [one for one in yes if not made.matches(one)] == []
    assert [one for one in no if made.matches(one)] == []


def test_every_fault_of_a_policy_is_told_at_once_with_its_place() -> None:
    text = """
    colour = "red"
    [[rule]]
    name = "a b"
    who = ["nobody", "spiffe://x/*/y", "dns:*.*.example"]
    rpcs = ["Setup"]
    networks = ["a*b", ""]
    tap_owners = ["1000", "5-1:", "4294967295:"]
    host_ports = ["0", "70000", "x"]
    paths = ["netns"]
    administrator = "yes"
    max_networks = -1
    max_operations = 0
    rate = -1
    max_stream = 3
    [[rule]]
    name = "two"
    who = []
    rpcs = "all"
    [[rule]]
    name = "two"
    who = ["*"]
    rpcs = ["*"]
    """
    with pytest.raises(InvalidPolicy) as caught:
        document.parse(text, RPCS)
    assert sorted(one.field for one in caught.value.violations) == sorted(
        [
            "colour",
            "rule[0].max_stream",
            "rule[0].rate",
            "rule[0].name",
            *(f"rule[0].who[{index}]" for index in range(3)),
            "rule[0].rpcs[0]",
            *(f"rule[0].networks[{index}]" for index in range(2)),
            *(f"rule[0].tap_owners[{index}]" for index in range(3)),
            *(f"rule[0].host_ports[{index}]" for index in range(3)),
            "rule[0].paths[0]",
            "rule[0].administrator",
            "rule[0].max_networks",
            "rule[0].max_operations",
            "rule[1].who",
            "rule[1].rpcs",
            "rule[2].name",
        ]
    )


@pytest.mark.parametrize(
    "text", ["rule = 3", "rule = [1]", "[rule]", "[[rule]", "[[rule]]\n" + "x = " + "[" * 5000]
)
def test_what_is_no_policy_is_refused(text: str) -> None:
    with pytest.raises(InvalidPolicy):
        document.parse(text, RPCS)


def test_an_empty_policy_denies_everybody() -> None:
    policy = document.parse("", RPCS)
    assert policy.rule_of(SPIFFE) is None
    assert all(why for _, why in access.explain(policy, SPIFFE, RPCS))


ASKED = Ask(
    networks=(("n", "fcnet"),),
    tap_owners=(("t", 1000, 100),),
    args=(("a", "TC_REDIRECT_TAP_UID"),),
    capability_args=(("c", "portMappings"),),
    host_ports=(("p", 20000),),
)


@pytest.mark.parametrize(
    ("change", "denied"),
    [
        ({}, []),
        ({"networks": (("n", "tenant-7"),)}, []),
        ({"networks": (("n", "fcnet2"), ("m", "tenant"))}, ["networks", "networks"]),
        ({"networks": (("n", ""),)}, ["networks"]),
        ({"tap_owners": (("t", 1999, None),)}, []),
        ({"tap_owners": (("t", 123, None),)}, []),
        ({"tap_owners": (("t", 123, 100),)}, ["tap_owners"]),
        ({"tap_owners": (("t", 2000, 100),)}, ["tap_owners"]),
        ({"tap_owners": (("t", 0, 0),)}, ["tap_owners"]),
        ({"tap_owners": (("t", -1, None),)}, ["tap_owners"]),
        ({"args": (("a", "IP"),)}, []),
        ({"args": (("a", "ip"), ("b", "IPX"))}, ["args", "args"]),
        ({"capability_args": (("c", "bandwidth"),)}, ["capability_args"]),
        ({"host_ports": (("p", 8080), ("q", 29999))}, []),
        ({"host_ports": (("p", 22), ("q", 30000), ("r", -1))}, ["host_ports"] * 3),
        ({"inline": ("i",)}, ["inline_conflists"]),
        ({"paths": (("p", "bin_path"), ("q", "netns_path"))}, ["paths", "paths"]),
        ({"host_wide": ("collect_leaks",)}, ["administrator"]),
    ],
)
def test_a_rule_allows_what_it_lists_and_tells_all_that_it_does_not(
    change: dict[str, object], denied: list[str]
) -> None:
    rule = document.parse(POLICY, RPCS).rule_of(SPIFFE)
    assert rule is not None
    asked = replace(ASKED, **change)  # type: ignore[arg-type]
    found = access.denials(rule, "SetupNetwork", asked)
    assert [one.rule for one in found] == [f"policy.{key}" for key in denied]


def test_what_a_rule_does_not_allow_is_told_so_often_and_no_more() -> None:
    rule = document.parse(POLICY, RPCS).rule_of(SPIFFE)
    assert rule is not None
    asked = Ask(host_ports=(("p", 22),) * 10_000)
    assert len(access.denials(rule, "SetupNetwork", asked)) == 256


@pytest.mark.parametrize(
    ("who", "rule", "allowed"),
    [
        (SPIFFE, "vms", {"SetupNetwork", "TeardownNetwork", "GetNetwork"}),
        ("dns:a.ops.example", "root", set(RPCS)),
        ("dns:elsewhere.example", "readers", set(access.ORDINARY_RPCS)),
        ("unix", None, set(RPCS)),
    ],
)
def test_the_first_rule_that_fits_is_the_only_one(who: str, rule: str | None, allowed: set[str]) -> None:
    policy = document.parse(POLICY, RPCS)
    found = policy.rule_of(who)
    assert (found.name if found is not None else None) == rule
    told = dict(access.explain(policy, who, RPCS))
    assert {rpc for rpc, why in told.items() if not why} == allowed
    assert all(why for rpc, why in told.items() if rpc not in allowed)


def test_what_a_rule_leaves_out_is_bounded_all_the_same() -> None:
    policy = document.parse(POLICY, RPCS)
    vms, root = policy.rules[0], policy.rules[1]
    assert (vms.rate, vms.max_streams) == (Rate(per_second=5, burst=7), 8)
    assert (root.rate, root.max_streams) == (None, document.DEFAULT_STREAMS)


def test_a_bucket_gives_its_burst_and_then_its_rate() -> None:
    buckets, rate = Buckets(), Rate(per_second=2, burst=3)
    assert [buckets.take("a", rate, 100.0) for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]
    assert buckets.take("b", rate, 100.0) == 0.0
    assert buckets.take("a", rate, 100.25) == pytest.approx(0.25)
    assert buckets.take("a", rate, 100.5) == 0.0
    assert buckets.take("a", rate, 99.0) > 0  # a clock that goes back gives nothing
    assert [buckets.take("a", rate, 200.0) for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]


def test_who_takes_more_than_a_bucket_holds_owes_it() -> None:
    buckets, rate = Buckets(), Rate(per_second=2, burst=4)
    assert buckets.take("a", rate, 0.0, 10) == 0.0
    assert buckets.take("a", rate, 0.0) == pytest.approx(3.5)
    assert buckets.take("a", rate, 3.5) == 0.0
    assert buckets.take("a", rate, 4.0, 10) == pytest.approx(1.5)


def test_buckets_stay_few() -> None:
    buckets = Buckets(most=10)
    for number in range(1000):
        buckets.take(str(number), Rate(per_second=1, burst=1), 0.0)
    assert len(buckets) == 10
