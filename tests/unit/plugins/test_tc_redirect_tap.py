from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from tests.unit.plugins.chains import IF_NAME, NETNS, VM, Bench
from vmplumbd.cni.error import CniError
from vmplumbd.cni.invoke import Command
from vmplumbd.model import net
from vmplumbd.plugins import tc_redirect_tap

CONF = {"type": "tc-redirect-tap"}
MAC = "02:00:00:00:00:10"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return made_bench(tmp_path)


def made_bench(directory: Path, *, new: bool = True) -> Bench:
    bench = Bench(directory)
    if not new:
        bench.kernel.close_kept()
    with bench.kernel.open_netns(NETNS) as netns:
        add = net.AddVeth(name=IF_NAME, peer="veth0", mtu=1400, mac=bytes.fromhex(MAC.replace(":", "")))
        netns.apply([add, net.SetLink(name=IF_NAME, up=True)])
    return bench


def prev(**more: Any) -> dict[str, Any]:
    return {
        "cniVersion": "1.1.0",
        "interfaces": [{"name": "veth0"}, {"name": IF_NAME, "sandbox": NETNS, "mac": "02:00:00:00:00:99"}],
        "ips": [
            {"interface": 1, "address": "10.0.0.2/24", "gateway": "10.0.0.1"},
            {"interface": 0, "address": "10.0.0.1/32"},
        ],
        "routes": [{"dst": "0.0.0.0/0"}],
        "dns": {"nameservers": ["1.1.1.1"]},
        **more,
    }


def links(bench: Bench) -> dict[str, Any]:
    return {link.name: link for link in bench.kernel.world.spaces[2].links}


def test_the_result_gains_the_tap_and_what_the_vm_sees(bench: Bench) -> None:
    made = bench.call(Command.ADD, CONF, prev=prev())
    before = prev()
    assert made == before | {
        "interfaces": [
            *before["interfaces"],
            {"name": "tap0", "sandbox": NETNS},
            {"name": "tap0", "sandbox": VM, "mac": MAC},
        ],
        "ips": [*before["ips"], {"interface": 3, "address": "10.0.0.2/24", "gateway": "10.0.0.1"}],
    }


def test_frames_go_both_ways(bench: Bench) -> None:
    bench.call(Command.ADD, CONF, prev=prev())
    tap, redirect = links(bench)["tap0"], links(bench)[IF_NAME]
    assert (tap.kind, tap.up, tap.mtu, tap.owner) == ("tun", True, 1400, (os.geteuid(), os.getegid()))
    assert (tap.ingress, tap.redirects) == (True, (redirect.index,))
    assert (redirect.ingress, redirect.redirects) == (True, (tap.index,))


def test_name_and_owner_are_the_caller_s(bench: Bench) -> None:
    pairs = ("X=1", "TC_REDIRECT_TAP_NAME=old", "TC_REDIRECT_TAP_NAME=fc0")
    owner = ("TC_REDIRECT_TAP_UID=123", "TC_REDIRECT_TAP_GID=456")
    bench.call(Command.ADD, CONF, prev=prev(), args=";".join(pairs + owner))
    assert links(bench)["fc0"].owner == (123, 456)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"args": "TC_REDIRECT_TAP_NAME"}, 'Invalid cni arguments format, "TC_REDIRECT_TAP_NAME"'),
        ({"args": "TC_REDIRECT_TAP_UID=x"}, 'tapUID should be numeric convertible, got "x"'),
        ({"args": "TC_REDIRECT_TAP_GID="}, 'tapGID should be numeric convertible, got ""'),
        ({"netns": "/run/netns/none"}, 'netns path "/run/netns/none" does not exist'),
        ({"prev": None}, "no previous result was found, was this plugin chained with a previous one?"),
        ({"prev": {"cniVersion": "9.9.9"}}, "failure parsing previous CNI result: "),
        ({"args": "TC_REDIRECT_TAP_NAME=eth0"}, 'failed to create tap device: a device named "eth0"'),
        ({"args": "TC_REDIRECT_TAP_NAME=name-far-too-long"}, "failed to create tap device: "),
    ],
)
def test_what_cannot_be_done_is_refused(bench: Bench, options: dict[str, Any], text: str) -> None:
    before = bench.kernel.snapshot()
    with pytest.raises(CniError) as caught:
        bench.call(Command.ADD, CONF, **{"prev": prev()} | options)
    assert caught.value.msg.startswith(text)
    assert bench.kernel.snapshot() == before


def test_a_missing_redirect_link_is_named(bench: Bench) -> None:
    with bench.kernel.open_netns(NETNS) as netns:
        netns.apply([net.DelLink(name=IF_NAME)])
    with pytest.raises(CniError, match='failed to find redirect interface "eth0"'):
        bench.call(Command.ADD, CONF, prev=prev())


@pytest.mark.parametrize("new", [True, False])
@pytest.mark.parametrize("code", [errno.EIO, errno.EEXIST, errno.ENODEV])
def test_an_add_that_fails_at_any_step_leaves_nothing(tmp_path: Path, code: int, new: bool) -> None:
    whole = made_bench(tmp_path, new=new)
    start = len(whole.kernel.steps)
    whole.call(Command.ADD, CONF, prev=prev())
    count = len(whole.kernel.steps) - start
    assert count >= 6
    for nth in range(count):
        bench = made_bench(tmp_path, new=new)
        before = bench.kernel.snapshot()
        bench.kernel.fail_step(nth, code)
        with pytest.raises(CniError):
            bench.call(Command.ADD, CONF, prev=prev())
        assert bench.kernel.snapshot() == before, f"step {nth}"


def test_a_foreign_ingress_is_refused_and_stays_as_it_was(bench: Bench) -> None:
    bench.kernel.close_kept()  # a namespace that others have had
    with bench.kernel.open_netns(NETNS) as netns:
        netns.apply([net.AddIngress(index=2)])
    before = bench.kernel.snapshot()
    with pytest.raises(CniError, match='failed to add ingress qdisc to device "eth0"'):
        bench.call(Command.ADD, CONF, prev=prev())
    assert bench.kernel.snapshot() == before


@pytest.mark.parametrize("with_prev", [True, False])
def test_del_takes_tap_and_redirect_with_or_without_a_previous_result(bench: Bench, with_prev: bool) -> None:
    before = bench.kernel.snapshot()
    made = bench.call(Command.ADD, CONF, prev=prev())
    for _ in range(2):
        bench.call(Command.DEL, CONF, prev=made if with_prev else None)
    assert bench.kernel.snapshot() == before


def test_del_without_a_previous_result_leaves_a_tap_that_does_not_send_back(bench: Bench) -> None:
    with bench.kernel.open_netns(NETNS) as netns:
        tap = netns.add_tap("tap7", uid=0, gid=0, mtu=1500)
        netns.apply([net.AddIngress(index=2), net.AddRedirect(index=2, to=tap.index)])
    bench.call(Command.DEL, CONF)
    assert "tap7" in links(bench)


def test_del_takes_the_tap_when_the_redirect_link_is_gone(bench: Bench) -> None:
    made = bench.call(Command.ADD, CONF, prev=prev())
    with bench.kernel.open_netns(NETNS) as netns:
        netns.apply([net.DelLink(name=IF_NAME)])
    bench.call(Command.DEL, CONF, prev=made)
    assert links(bench).keys() == {"lo"}


@pytest.mark.parametrize("netns", ["", "/run/netns/none", "/run/netns/empty"])
def test_del_without_a_namespace_is_success(bench: Bench, netns: str) -> None:
    bench.kernel.put_file("/run/netns/empty")
    bench.call(Command.DEL, CONF, netns=netns)


@pytest.mark.parametrize(
    ("harm", "text"),
    [
        ([net.DelLink(name="tap0")], 'did not find expected network device with name "tap0"'),
        ([net.DelLink(name=IF_NAME)], 'did not find expected network device with name "eth0"'),
        ([net.DelIngress(index=2)], 'did not find an ingress qdisc on device "eth0"'),
        ([net.DelIngress(index=3)], 'did not find an ingress qdisc on device "tap0"'),
        (
            [net.DelIngress(index=3), net.AddIngress(index=3)],
            'redirecting from device "tap0" to device "eth0"',
        ),
    ],
)
def test_check_names_what_is_wrong(bench: Bench, harm: list[net.Request], text: str) -> None:
    made = bench.call(Command.ADD, CONF, prev=prev())
    bench.call(Command.CHECK, CONF, prev=made)
    with bench.kernel.open_netns(NETNS) as netns:
        netns.apply(harm)
    with pytest.raises(CniError) as caught:
        bench.call(Command.CHECK, CONF, prev=made)
    assert text in caught.value.msg


def test_old_versions_are_refused(bench: Bench) -> None:
    with pytest.raises(CniError) as caught:
        bench.call(Command.ADD, CONF, prev=prev(), cni_version="0.2.0")
    assert (caught.value.code, caught.value.msg) == (1, "incompatible CNI versions")


def test_an_owner_defaults_to_who_runs_the_plugin() -> None:
    assert tc_redirect_tap.parse_args("") == tc_redirect_tap.TapArgs(
        name="", uid=os.geteuid(), gid=os.getegid()
    )
