from __future__ import annotations

import errno
import json
from contextlib import nullcontext
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.kernel import FakeKernel, Link
from tests.unit.plugins.chains import IF_NAME, NETNS, VM, Bench, NoExecutables
from vmplumbd.cni import config
from vmplumbd.cni.error import CniError
from vmplumbd.cni.invoke import Command, Invocation
from vmplumbd.errors import Unsupported
from vmplumbd.model import net
from vmplumbd.plugins.attachments import VALID_ATTACHMENTS
from vmplumbd.plugins.bandwidth import config as bandwidth
from vmplumbd.plugins.builtin import BuiltinInvoker

HOST_END = "veth0"
INGRESS = {"ingressRate": 8_000_000, "ingressBurst": 80_000}
EGRESS = {"egressRate": 16_000_000, "egressBurst": 160_000}
BOTH = {**INGRESS, **EGRESS}
# 10,000 bytes at 1,000,000 bytes a second take 10 ms, which is 156,250 ticks.
INGRESS_LIMIT = net.RateLimit(rate=1_000_000, buffer=156_250, limit=35_000)
EGRESS_LIMIT = net.RateLimit(rate=2_000_000, buffer=156_250, limit=70_000)
PREV: dict[str, Any] = {
    "cniVersion": "1.1.0",
    "interfaces": [{"name": HOST_END}, {"name": IF_NAME, "sandbox": NETNS}],
    "ips": [{"interface": 1, "address": "10.0.0.2/24"}],
}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return made_bench(tmp_path)


def made_bench(directory: Path) -> Bench:
    bench = Bench(directory)
    with bench.kernel.open_netns(NETNS) as netns:
        netns.apply([net.AddVeth(name=IF_NAME, peer=HOST_END, mtu=1400)])
    return bench


def conf(**more: Any) -> dict[str, Any]:
    return {"type": "bandwidth", **more}


def links(bench: Bench) -> dict[str, Link]:
    return {link.name: link for link in bench.kernel.world.spaces[1].links}


def device(vm: str = VM, network: str = "net") -> str:
    return bandwidth.device_name(network, vm)


def test_both_ways_are_limited_and_freed(bench: Bench) -> None:
    before = bench.kernel.snapshot()
    made = bench.call(Command.ADD, conf(**BOTH), prev=PREV)
    mac = bandwidth.device_mac("net", IF_NAME).hex(":")
    assert made == {**PREV, "interfaces": [*PREV["interfaces"], {"name": device(), "mac": mac}]}
    veth, ifb = links(bench)[HOST_END], links(bench)[device()]
    assert (veth.rate_limit, veth.redirects) == (INGRESS_LIMIT, (ifb.index,))
    assert (ifb.kind, ifb.mtu, ifb.up, ifb.tx_queue_length) == ("ifb", 1400, True, 0)
    assert ifb.rate_limit == EGRESS_LIMIT
    bench.call(Command.CHECK, conf(**BOTH), prev=made)
    for _ in range(2):
        bench.call(Command.DEL, conf(**BOTH), prev=made)
        assert bench.kernel.snapshot() == before


@pytest.mark.parametrize("way", [INGRESS, EGRESS])
def test_one_way_alone(bench: Bench, way: dict[str, int]) -> None:
    before = bench.kernel.snapshot()
    made = bench.call(Command.ADD, conf(**way), prev=PREV)
    assert (device() in links(bench)) is (way is EGRESS)
    assert (links(bench)[HOST_END].rate_limit is None) is (way is EGRESS)
    bench.call(Command.CHECK, conf(**way), prev=made)
    bench.call(Command.DEL, conf(**way), prev=made)
    assert bench.kernel.snapshot() == before


@pytest.mark.parametrize(
    ("given", "ingress", "egress"),
    [
        ({}, None, None),
        ({"ingressRate": 0, "ingressBurst": 0}, None, None),
        ({"runtimeConfig": {"bandwidth": BOTH}}, INGRESS_LIMIT, EGRESS_LIMIT),
        # Any number of its own, also 0, and the request's are passed over.
        ({"runtimeConfig": {"bandwidth": BOTH}, "egressRate": 0}, None, None),
        ({"runtimeConfig": {"bandwidth": BOTH}, "INGRESSrate": 8_000_000, **INGRESS}, INGRESS_LIMIT, None),
        (
            {"ingressRate": 8_000, "ingressBurst": 2**31 - 1},
            net.RateLimit(rate=1000, buffer=2**32 - 1, limit=2**28 + 24),
            None,
        ),
        (
            {"ingressRate": 2**40, "ingressBurst": 2**34},
            net.RateLimit(rate=2**37, buffer=244_140, limit=2**32 - 1),
            None,
        ),
    ],
)
def test_numbers_of_the_configuration_and_of_the_request(
    given: dict[str, Any], ingress: net.RateLimit | None, egress: net.RateLimit | None
) -> None:
    stdin = json.dumps({"name": "net", **given}).encode()
    parsed = bandwidth.parse(bandwidth.load(stdin))
    assert (parsed.ingress, parsed.egress) == (ingress, egress)


def test_without_limits_the_result_is_passed_on(bench: Bench) -> None:
    before = bench.kernel.snapshot()
    assert bench.call(Command.ADD, conf(), prev=PREV) == PREV
    assert bench.kernel.snapshot() == before


FAR = ["10.1.0.0/16", "fd00:1::/64", "10.2.3.4/8"]
NETWORKS = [ip_network("10.1.0.0/16"), ip_network("fd00:1::/64"), ip_network("10.0.0.0/8")]


@pytest.mark.parametrize("shaped", [True, False])
def test_limits_for_some_far_ends(bench: Bench, shaped: bool) -> None:
    before = bench.kernel.snapshot()
    given = {**BOTH, "shapedSubnets" if shaped else "unshapedSubnets": FAR}
    made = bench.call(Command.ADD, conf(**given), prev=PREV)
    veth, ifb = links(bench)[HOST_END], links(bench)[device()]
    assert (veth.rate_limit, ifb.rate_limit) == (None, EGRESS_LIMIT)
    assert (veth.htb, veth.classes) == (0 if shaped else 1, ((1, replace(INGRESS_LIMIT, limit=0)),))
    host = bench.kernel.host()
    assert {(each.network, each.source, each.minor, each.to) for each in host.matches(2, at_root=True)} == {
        (network, True, int(shaped), 0) for network in NETWORKS
    }
    assert {(each.network, each.source, each.to) for each in host.matches(2)} == {
        (network, False, ifb.index if shaped else 0) for network in NETWORKS
    }
    assert veth.redirects == (() if shaped else (ifb.index,))
    bench.call(Command.CHECK, conf(**given), prev=made)
    with pytest.raises(CniError, match=r"Failed to find filter for 10\.9\.0\.0/16 on veth0"):
        bench.call(Command.CHECK, conf(**BOTH, unshapedSubnets=["10.9.0.0/16"]), prev=made)
    for _ in range(2):
        bench.call(Command.DEL, conf(**given), prev=made)
        assert bench.kernel.snapshot() == before


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({}, None),
        ({"shapedSubnets": [], "unshapedSubnets": None}, None),
        ({"unshapedSubnets": ["10.0.0.1/8"]}, ("10.0.0.0/8", False)),
        ({"runtimeConfig": {"bandwidth": {"shapedSubnets": ["fd00::/8"]}}}, ("fd00::/8", True)),
        # The operator's lists stand, whatever the request's.
        (
            {
                "unshapedSubnets": ["10.0.0.0/8"],
                "runtimeConfig": {"bandwidth": {"shapedSubnets": ["fd00::/8"]}},
            },
            ("10.0.0.0/8", False),
        ),
    ],
)
def test_lists_of_the_configuration_and_of_the_request(
    given: dict[str, Any], wanted: tuple[str, bool] | None
) -> None:
    parsed = bandwidth.parse(bandwidth.load(json.dumps({"name": "net", **given}).encode()))
    if wanted is None:
        assert parsed.subnets is None
        return
    network, shaped = wanted
    assert parsed.subnets == bandwidth.Subnets(networks=(ip_network(network),), shaped=shaped)


@pytest.mark.parametrize("code", [errno.EIO, errno.EEXIST, errno.ENODEV, errno.EOPNOTSUPP])
@pytest.mark.parametrize("more", [{}, {"shapedSubnets": FAR}, {"unshapedSubnets": FAR}])
def test_an_add_that_fails_at_any_step_leaves_nothing(
    tmp_path: Path, code: int, more: dict[str, Any]
) -> None:
    whole = made_bench(tmp_path)
    start = len(whole.kernel.steps)
    whole.call(Command.ADD, conf(**BOTH, **more), prev=PREV)
    count = len(whole.kernel.steps) - start
    assert count >= 7
    for nth in range(count):
        bench = made_bench(tmp_path)
        before = bench.kernel.snapshot()
        bench.kernel.fail_step(nth, code)
        with pytest.raises(CniError):
            bench.call(Command.ADD, conf(**BOTH, **more), prev=PREV)
        assert bench.kernel.snapshot() == before, f"step {nth}"


@pytest.mark.parametrize(
    ("given", "options", "text"),
    [
        ({}, {"prev": None}, "must be called as chained plugin"),
        ({}, {"prev": {"cniVersion": "9"}}, "could not parse prevResult: "),
        ({}, {"prev": {**PREV, "interfaces": []}}, "no interfaces provided"),
        ({}, {"prev": {**PREV, "interfaces": PREV["interfaces"][1:]}}, "no veth peer of container interface"),
        ({}, {"netns": "/run/netns/none"}, "failed to open netns"),
        ({"ingressRate": 8}, {}, "if rate is set, burst must also be set"),
        ({"egressBurst": 8}, {}, "if burst is set, rate must also be set"),
        ({**INGRESS, "ingressBurst": 2**35}, {}, "burst cannot be more than 4GB"),
        ({**INGRESS, "ingressRate": 7}, {}, "create qdisc: invalid argument"),
        ({**BOTH, "egressBurst": 7}, {}, "create ifb qdisc: create qdisc: invalid argument"),
        ({**BOTH, "shapedSubnets": ["10.0.0.1"]}, {}, 'bad subnet "10.0.0.1" provided, details invalid CIDR'),
        (
            {**BOTH, "shapedSubnets": FAR, "unshapedSubnets": FAR},
            {},
            "unshapedSubnets and shapedSubnets cannot",
        ),
        ({**INGRESS, "ingressRate": -1}, {}, "failed to parse network configuration: json: cannot unmarshal"),
        ({**INGRESS, "ingressRate": 2**64}, {}, "failed to parse network configuration: json: cannot unmar"),
        ({**INGRESS, "ingressRate": "1M"}, {}, "failed to parse network configuration: json: cannot unmar"),
    ],
)
def test_what_cannot_be_done_is_refused(
    bench: Bench, given: dict[str, Any], options: dict[str, Any], text: str
) -> None:
    before = bench.kernel.snapshot()
    with pytest.raises(CniError) as caught:
        bench.call(Command.ADD, conf(**(given or BOTH)), **{"prev": PREV} | options)
    assert caught.value.msg.startswith(text)
    assert bench.kernel.snapshot() == before


@pytest.mark.parametrize(
    ("foreign", "text"),
    [
        (net.AddTbf(index=2, limit=INGRESS_LIMIT), "create qdisc: file exists"),
        (net.AddLink(name=device(), kind="ifb"), "adding link: file exists"),
        (net.AddIngress(index=2), "create ingress qdisc: file exists"),
    ],
)
def test_what_is_there_already_is_refused_and_stays(bench: Bench, foreign: net.Request, text: str) -> None:
    bench.kernel.host().apply([foreign])
    before = bench.kernel.snapshot()
    with pytest.raises(CniError, match=text):
        bench.call(Command.ADD, conf(**BOTH), prev=PREV)
    assert bench.kernel.snapshot() == before


@pytest.mark.parametrize("kind", ["bridge", "dummy"])
def test_a_link_that_is_no_pair_is_refused(tmp_path: Path, kind: str) -> None:
    bench = Bench(tmp_path)
    with bench.kernel.open_netns(NETNS) as netns:
        with pytest.raises(CniError, match="container interface eth0 has no veth peer: could not look up"):
            bench.call(Command.ADD, conf(**BOTH), prev=PREV)
        netns.apply([net.AddLink(name=IF_NAME, kind=kind)])
    with pytest.raises(CniError, match="container interface eth0 has no veth peer: interface"):
        bench.call(Command.ADD, conf(**BOTH), prev=PREV)


@pytest.mark.parametrize(
    ("harm", "text"),
    [
        ([net.DelTbf(index=2)], "Failed to find qdisc"),
        ([net.DelTbf(index=3)], "Failed to find qdisc"),
        (
            [net.DelTbf(index=2), net.AddTbf(index=2, limit=net.RateLimit(rate=9, buffer=9, limit=9))],
            "Rate doesn't match",
        ),
        (
            [
                net.DelTbf(index=3),
                net.AddTbf(index=3, limit=net.RateLimit(rate=2_000_000, buffer=9, limit=9)),
            ],
            "Limit doesn't match",
        ),
        (
            [
                net.DelTbf(index=3),
                net.AddTbf(index=3, limit=net.RateLimit(rate=2_000_000, buffer=9, limit=70_000)),
            ],
            "Buffer doesn't match",
        ),
        ([net.DelIngress(index=2)], "Failed to find redirect from veth0 to bwp"),
        ([net.DelLink(name=device())], "get ifb device: Link not found"),
        ([net.DelLink(index=2)], "container interface eth0 has no veth peer"),
    ],
)
def test_check_names_what_is_wrong(bench: Bench, harm: list[net.Request], text: str) -> None:
    made = bench.call(Command.ADD, conf(**BOTH), prev=PREV)
    bench.kernel.host().apply(harm)
    with pytest.raises(CniError) as caught:
        bench.call(Command.CHECK, conf(**BOTH), prev=made)
    assert caught.value.msg.startswith(text)


@pytest.mark.parametrize("netns", ["", "/run/netns/none", NETNS])
@pytest.mark.parametrize("with_prev", [True, False])
def test_del_finds_the_device_without_anything(bench: Bench, netns: str, with_prev: bool) -> None:
    made = bench.call(Command.ADD, conf(**BOTH), prev=PREV)
    bench.call(Command.DEL, conf(), netns=netns, prev=made if with_prev else None)
    assert links(bench).keys() == {"lo", HOST_END}


def test_another_interface_of_the_vm_keeps_its_device(bench: Bench) -> None:
    mac = bandwidth.device_mac("net", "eth1")
    assert mac[:5] == bandwidth.device_mac("net", IF_NAME)[:5]
    bench.kernel.host().apply([net.AddLink(name=device(), kind="ifb", mac=mac)])
    before = bench.kernel.snapshot()
    for command, text in (
        (Command.ADD, "adding link: file exists"),
        (Command.CHECK, "get ifb device: Link not found"),
    ):
        with pytest.raises(CniError, match=text):
            bench.call(command, conf(**EGRESS), prev=PREV)
    bench.call(Command.DEL, conf(**EGRESS), prev=PREV)
    assert bench.kernel.snapshot() == before


def test_del_leaves_what_is_not_its_own(bench: Bench) -> None:
    other = net.RateLimit(rate=9, buffer=9, limit=9)
    bench.kernel.host().apply(
        [net.AddTbf(index=2, limit=other), net.AddIngress(index=2), net.AddLink(name=device(), kind="dummy")]
    )
    before = bench.kernel.snapshot()
    bench.call(Command.DEL, conf(**BOTH), prev=PREV)
    assert bench.kernel.snapshot() == before


def test_a_teardown_that_takes_the_namespace_removes_the_device_alone(bench: Bench) -> None:
    made = bench.call(Command.ADD, conf(**BOTH), prev=PREV)
    bench.invoker = bench.invoker.sparing()
    bench.call(Command.DEL, conf(**BOTH), prev=made)
    assert device() not in links(bench)
    assert links(bench)[HOST_END].rate_limit == INGRESS_LIMIT


@pytest.mark.parametrize(
    ("valid", "left"),
    [
        ({}, {device(VM), device("vm2")}),
        ({VALID_ATTACHMENTS: [{"containerID": "vm2", "ifname": "eth0"}]}, {device("vm2")}),
        ({VALID_ATTACHMENTS: None}, set()),
    ],
)
def test_gc_removes_what_no_valid_attachment_of_the_network_owns(
    bench: Bench, valid: dict[str, Any], left: set[str]
) -> None:
    host = bench.kernel.host()
    mac = bandwidth.device_mac("net", IF_NAME)
    for vm in (VM, "vm2"):
        host.apply([net.AddLink(name=device(vm), kind="ifb", mac=mac)])
    others = [
        net.AddLink(name=device(VM, "other"), kind="ifb", mac=bandwidth.device_mac("other", IF_NAME)),
        net.AddLink(name="bwp000000000000", kind="ifb"),
        net.AddLink(name="bwp111111111111", kind="dummy", mac=mac),
        net.AddLink(name="ifb0", kind="ifb", mac=mac),
    ]
    host.apply(others)
    bench.call(Command.GC, conf(**valid))
    assert links(bench).keys() - {"lo", HOST_END} == left | {each.name for each in others}


def test_names_are_the_reference_s() -> None:
    assert bandwidth.device_name("net", "vm1") == "bwpab145a0ee221"


@pytest.mark.parametrize("given", [{**INGRESS, "ingressBurst": 0}, {**INGRESS, "ingressRate": "1M"}])
def test_del_does_not_mind_limits_that_were_refused(bench: Bench, given: dict[str, Any]) -> None:
    before = bench.kernel.snapshot()
    for command, refused in ((Command.ADD, True), (Command.DEL, False)):
        with pytest.raises(CniError) if refused else nullcontext():
            bench.call(command, conf(**given), prev=PREV)
    assert bench.kernel.snapshot() == before


@pytest.mark.parametrize(
    ("lacks", "what"),
    [
        ("ifb", "intermediate devices"),
        ("tbf", "token bucket filters"),
        ("ingress", "ingress qdiscs"),
        ("htb", "hierarchical token buckets"),
    ],
)
def test_what_the_kernel_lacks_is_told_before_the_attempt(tmp_path: Path, lacks: str, what: str) -> None:
    some = {"shapedSubnets": FAR} if lacks == "htb" else {}
    kernel = FakeKernel(lacks=[lacks])
    kernel.create_netns(NETNS)
    with kernel.open_netns(NETNS) as netns:
        netns.apply([net.AddVeth(name=IF_NAME, peer=HOST_END)])
    before = kernel.snapshot()
    bench = Bench(tmp_path)
    bench.kernel, bench.invoker = kernel, BuiltinInvoker(kernel, NoExecutables())

    def preflight(plugin: dict[str, Any]) -> None:
        body = {"cniVersion": "1.0.0", "name": "net", "plugins": [plugin]}
        network = config.parse_list(json.dumps(body).encode())
        assert bench.invoker.preflight(network, ("/opt/cni/bin",)) == ()

    preflight(conf())
    preflight(conf(ingressRate="much"))
    if some:
        preflight(conf(**BOTH))
    with pytest.raises(Unsupported, match=what) as caught:
        preflight(conf(**BOTH, **some))
    assert "modprobe" in str(caught.value)
    with pytest.raises(CniError, match=what):
        bench.call(Command.ADD, conf(runtimeConfig={"bandwidth": {**BOTH, **some}}), prev=PREV)
    assert kernel.snapshot() == before


def test_a_kernel_that_has_all_is_tried_out_once(bench: Bench) -> None:
    body = {"cniVersion": "1.0.0", "name": "net", "plugins": [conf(**BOTH)]}
    network = config.parse_list(json.dumps(body).encode())
    before = bench.kernel.snapshot()
    for _ in range(2):
        assert bench.invoker.preflight(network, ("/opt/cni/bin",)) == ()
    assert bench.kernel.snapshot() == before
    assert sum(step.startswith("add ifb") for step in bench.kernel.steps) == 1


def test_traces_are_the_device_and_what_is_in_a_namespace(bench: Bench) -> None:
    stdin = json.dumps({"cniVersion": "1.1.0", "name": "net", **conf(**BOTH)}).encode()
    call = Invocation(command=Command.DEL, plugin="bandwidth", stdin=stdin, container_id=VM, if_name=IF_NAME)
    found = [bench.invoker.has_traces(call)]
    bench.call(Command.ADD, conf(**BOTH), prev=PREV)
    assert [*found, bench.invoker.has_traces(call)] == [False, True]
