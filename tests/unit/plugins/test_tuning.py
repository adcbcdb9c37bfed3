from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.plugins.chains import IF_NAME, NETNS, VM, Bench, NoExecutables
from vmplumbd.cni.error import CniError
from vmplumbd.cni.invoke import Command, Invocation
from vmplumbd.model import net
from vmplumbd.plugins.attachments import VALID_ATTACHMENTS
from vmplumbd.plugins.builtin import BuiltinInvoker
from vmplumbd.plugins.tuning import config

MAC = "02:00:00:00:00:10"
NEW_MAC = "c2:11:22:33:44:55"
FORWARD, ACCEPT = "net.ipv4.ip_forward", "net/ipv6/conf/IFNAME/accept_ra"
ALL: dict[str, Any] = {
    "sysctl": {FORWARD: "1", ACCEPT: "0"},
    "mac": NEW_MAC,
    "mtu": 1400,
    "promisc": True,
    "allmulti": True,
    "txQLen": 7,
}
PREV: dict[str, Any] = {
    "cniVersion": "1.1.0",
    "interfaces": [
        {"name": "veth0", "mac": "02:00:00:00:00:99"},
        {"name": IF_NAME, "sandbox": NETNS, "mac": MAC},
        {"name": IF_NAME, "sandbox": VM, "mac": MAC},
    ],
    "ips": [{"interface": 1, "address": "10.0.0.2/24"}],
}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return made_bench(tmp_path)


def made_bench(directory: Path) -> Bench:
    bench = Bench(directory)
    with bench.kernel.open_netns(NETNS) as netns:
        netns.apply([net.AddVeth(name=IF_NAME, peer="veth0", mac=bytes.fromhex(MAC.replace(":", "")))])
    return bench


def conf(bench: Bench, **more: Any) -> dict[str, Any]:
    return {"type": "tuning", "dataDir": str(bench.directory / "tuning"), **more}


def files(bench: Bench) -> dict[str, Any]:
    return {path.name: json.loads(path.read_bytes()) for path in (bench.directory / "tuning").glob("*")}


def link(bench: Bench) -> tuple[Any, ...]:
    (found,) = (each for each in bench.kernel.world.spaces[2].links if each.name == IF_NAME)
    return found.mac.hex(":"), found.mtu, found.promisc, found.allmulti, found.tx_queue_length


def setting(bench: Bench, key: str) -> str:
    with bench.kernel.open_netns(NETNS) as netns:
        return netns.read_sysctl(key)


def test_everything_is_set_and_the_link_put_back(bench: Bench) -> None:
    before = link(bench)
    made = bench.call(Command.ADD, conf(bench, **ALL), prev=PREV)
    own, pseudo = ({**each, "mac": NEW_MAC} for each in PREV["interfaces"][1:])
    assert made == {**PREV, "interfaces": [PREV["interfaces"][0], own, pseudo]}
    assert link(bench) == (NEW_MAC, 1400, True, True, 7)
    assert (setting(bench, "net/ipv4/ip_forward"), setting(bench, "net/ipv6/conf/eth0/accept_ra")) == (
        "1",
        "0",
    )
    original = {"mac": MAC, "promisc": False, "mtu": 1500, "allmulti": False, "txQLen": 1000}
    assert files(bench) == {"vm_eth0.json": {**original, "network": "net"}}
    bench.call(Command.CHECK, conf(bench, **ALL), prev=made)
    for _ in range(2):
        bench.call(Command.DEL, conf(bench, **ALL), prev=made)
    assert (link(bench), files(bench)) == (before, {})


@pytest.mark.parametrize("code", [errno.EIO, errno.ENODEV, errno.EACCES])
@pytest.mark.parametrize("earlier", [None, {"mtu": 9000}])
def test_an_add_that_fails_at_any_step_leaves_nothing_half_set(
    tmp_path: Path, code: int, earlier: dict[str, Any] | None
) -> None:
    def fresh(number: int) -> Bench:
        directory = tmp_path / str(number)
        directory.mkdir()
        bench = made_bench(directory)
        with bench.kernel.open_netns(NETNS) as netns:
            netns.write_sysctl("net/ipv4/ip_forward", "0")
            netns.write_sysctl("net/ipv6/conf/eth0/accept_ra", "2")
        if earlier is not None:
            (directory / "tuning").mkdir()
            (directory / "tuning" / "vm_eth0.json").write_text(json.dumps(earlier))
        return bench

    whole = fresh(-1)
    start = len(whole.kernel.steps)
    whole.call(Command.ADD, conf(whole, **ALL), prev=PREV)
    count = len(whole.kernel.steps) - start
    assert count >= 8
    for nth in range(count):
        bench = fresh(nth)
        before, kept = bench.kernel.snapshot(), files(bench)
        bench.kernel.fail_step(nth, code)
        with pytest.raises(CniError):
            bench.call(Command.ADD, conf(bench, **ALL), prev=PREV)
        assert (bench.kernel.snapshot(), files(bench)) == (before, kept), f"step {nth}"
        assert setting(bench, "net/ipv4/ip_forward") == "0", f"step {nth}"


@pytest.mark.parametrize(
    ("given", "options", "text"),
    [
        ({}, {"prev": None}, "Required prevResult missing"),
        ({}, {"prev": {"cniVersion": "9"}}, "could not parse prevResult: "),
        ({}, {"netns": "/run/netns/none"}, "failed to open netns"),
        ({}, {"args": "IP=10.0.0.1"}, 'ARGS: unknown args ["IP=10.0.0.1"]'),
        ({"mac": "c2:11:22:33:44"}, {}, "invalid args c2:11:22:33:44 for MAC addr: "),
        ({"mac": "00:00:5e:00:53:01:00:00"}, {}, "invalid args 00:00:5e:00:53:01:00:00 for MAC addr: "),
        ({"mtu": "1500"}, {}, "failed to load netconf: json: cannot unmarshal string"),
        ({"mtu": -1}, {}, "invalid argument: mtu -1"),
        ({"mtu": 5}, {}, "failed to set MTU of eth0: invalid argument"),
        ({"txQLen": -1}, {}, "invalid argument: txQLen -1"),
        ({"sysctl": {FORWARD: 1}}, {}, "failed to load netconf: json: cannot unmarshal number"),
        ({"sysctl": {FORWARD: "yes"}}, {}, "write /proc/sys/net/ipv4/ip_forward: invalid argument"),
        ({"sysctl": {"net.ipv4.none": "1"}}, {}, "open /proc/sys/net/ipv4/none: no such file or directory"),
        ({"sysctl": {"kernel.hostname": "x"}}, {}, 'invalid net sysctl key: "kernel/hostname"'),
        ({"sysctl": {"net/.": "x", "./kernel/x": "1"}}, {}, "invalid net sysctl key: "),
        (
            {"sysctl": {FORWARD: "1", "net/ipv4/ip_forward": "0"}},
            {},
            "duplicated sysctl keys are not allowed",
        ),
    ],
)
def test_what_cannot_be_done_is_refused(
    bench: Bench, given: dict[str, Any], options: dict[str, Any], text: str
) -> None:
    before = bench.kernel.snapshot()
    with pytest.raises(CniError) as caught:
        bench.call(Command.ADD, conf(bench, **(ALL | given)), **{"prev": PREV} | options)
    assert caught.value.msg.startswith(text)
    assert (bench.kernel.snapshot(), files(bench)) == (before, {})


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        (None, None),
        ("", "Sysctl net.ipv4.ip_forward is not allowed. Only the following sysctls are allowed: []"),
        ("\n  ^net.ipv4.ip_forward$\n\naccept_ra\n", None),
        ("accept\n^net.ipv4$\n", "Only the following sysctls are allowed: [accept ^net.ipv4$]"),
        ("(", "error parsing regexp: "),
    ],
)
def test_the_operator_s_list_decides(bench: Bench, written: str | None, wanted: str | None) -> None:
    path = bench.directory / "allowlist.conf"
    if written is not None:
        path.write_text(written)
    bench.invoker = BuiltinInvoker(bench.kernel, NoExecutables(), tuning_allowlist=str(path))
    if wanted is None:
        bench.call(Command.ADD, conf(bench, **ALL), prev=PREV)
        return
    before = bench.kernel.snapshot()
    with pytest.raises(CniError) as caught:
        bench.call(Command.ADD, conf(bench, **ALL), prev=PREV)
    assert wanted in caught.value.msg
    assert bench.kernel.snapshot() == before


@pytest.mark.parametrize(
    ("top", "cni_args", "wanted"),
    [
        ({"mac": "a"}, "", "a"),
        ({"mac": "a"}, "MAC=b", "b"),
        ({"mac": "a", "runtimeConfig": {"mac": "c"}}, "MAC=b", "c"),
        ({"mac": "a", "runtimeConfig": {"mac": "c"}, "args": {"cni": {"mac": "d"}}}, "MAC=b", "d"),
        ({"mac": "a", "args": {"cni": {"mac": ""}}}, "", ""),
        ({"mac": "a"}, "IgnoreUnknown=true;K=V", "a"),
    ],
)
def test_the_last_word_on_the_mac(top: dict[str, Any], cni_args: str, wanted: str) -> None:
    stdin = json.dumps({"cniVersion": "1.0.0", "name": "net", **top}).encode()
    assert config.parse(config.load(stdin), cni_args).mac == wanted


def test_arguments_of_the_runtime_win_over_the_configuration() -> None:
    cni = {"sysctl": {"b": "2"}, "promisc": False, "mtu": 1300, "allmulti": False, "txQLen": 0}
    top = {**ALL, "sysctl": {"a": "1", "b": "1"}, "args": {"cni": cni}}
    stdin = json.dumps({"cniVersion": "1.0.0", "name": "net", **top}).encode()
    parsed = config.parse(config.load(stdin), "")
    assert parsed.sysctls == (("a", "1"), ("b", "2"))
    assert (parsed.promisc, parsed.mtu, parsed.allmulti, parsed.tx_queue_length) == (False, 1300, False, 0)


@pytest.mark.parametrize(
    ("harm", "text"),
    [
        (net.SetLink(name=IF_NAME, mac=bytes(5) + b"\1"), "Tuning configured Ethernet of eth0 is c2:11"),
        (net.SetLink(name=IF_NAME, mtu=1401), "Tuning configured MTU of eth0 is 1400, current value is 1401"),
        (net.SetLink(name=IF_NAME, promisc=False), "Tuning link eth0 configured promisc is true, current"),
        (net.SetLink(name=IF_NAME, allmulti=False), "Tuning configured all-multicast mode of eth0"),
        (net.SetLink(name=IF_NAME, tx_queue_length=8), "Tuning configured Transmit Queue Length of eth0"),
        (net.DelLink(name=IF_NAME), "open /proc/sys/net/ipv6/conf/eth0/accept_ra: no such file"),
        ("0", "Tuning configured value of /proc/sys/net/ipv4/ip_forward is 1, current value is 0"),
    ],
)
def test_check_names_what_has_changed(bench: Bench, harm: net.Request | str, text: str) -> None:
    bench.call(Command.ADD, conf(bench, **ALL | {"mac": NEW_MAC.upper()}), prev=PREV)
    bench.call(Command.CHECK, conf(bench, **ALL | {"mac": NEW_MAC.upper()}), prev=PREV)
    with bench.kernel.open_netns(NETNS) as netns:
        if isinstance(harm, str):
            netns.write_sysctl("net/ipv4/ip_forward", harm)
        else:
            netns.apply([harm])
    with pytest.raises(CniError) as caught:
        bench.call(Command.CHECK, conf(bench, **ALL), prev=PREV)
    assert text in caught.value.msg


@pytest.mark.parametrize("netns", ["", "/run/netns/none", NETNS])
def test_del_forgets_a_link_that_is_gone(bench: Bench, netns: str) -> None:
    bench.call(Command.ADD, conf(bench, **ALL), prev=PREV)
    with bench.kernel.open_netns(NETNS) as inside:
        inside.apply([net.DelLink(name=IF_NAME)])
    bench.call(Command.DEL, conf(bench, **ALL), netns=netns)
    assert files(bench) == {}


def test_del_that_cannot_put_back_says_so_and_tries_again(bench: Bench) -> None:
    before = link(bench)
    bench.call(Command.ADD, conf(bench, **ALL), prev=PREV)
    bench.kernel.fail_step(1, errno.EBUSY)
    with pytest.raises(CniError, match="cannot change link"):
        bench.call(Command.DEL, conf(bench, **ALL))
    assert files(bench).keys() == {"vm_eth0.json"}
    bench.call(Command.DEL, conf(bench, **ALL))
    assert (link(bench), files(bench)) == (before, {})


@pytest.mark.parametrize("content", ["", "[", '{"mtu": "x"}', '{"mac": "x"}'])
def test_a_damaged_file_is_forgotten(bench: Bench, content: str) -> None:
    before = link(bench)
    (bench.directory / "tuning").mkdir()
    (bench.directory / "tuning" / "vm_eth0.json").write_text(content)
    bench.call(Command.DEL, conf(bench))
    assert ((bench.directory / "tuning" / "vm_eth0.json").exists(), link(bench)) == (False, before)


def test_a_teardown_that_takes_the_namespace_only_forgets(bench: Bench) -> None:
    bench.call(Command.ADD, conf(bench, **ALL), prev=PREV)
    bench.invoker = bench.invoker.sparing()
    bench.call(Command.DEL, conf(bench, **ALL))
    assert (link(bench)[0], files(bench)) == (NEW_MAC, {})


@pytest.mark.parametrize(
    ("valid", "left"),
    [
        (None, {"vm_eth0.json", "vm2_eth0.json"}),
        ([{"containerID": "vm2", "ifname": "eth0"}], {"vm2_eth0.json"}),
        ([], set()),
    ],
)
def test_gc_forgets_what_no_valid_attachment_of_the_network_owns(
    bench: Bench, valid: list[dict[str, str]] | None, left: set[str]
) -> None:
    for vm in (VM, "vm2"):
        bench.call(Command.ADD, conf(bench, mtu=1400), prev=PREV, vm=vm)
    bench.call(Command.ADD, conf(bench, mtu=1400, name="other"), prev=PREV, vm="vm3")
    strangers = {"them_eth0.json": {"mtu": 1500}, "them_eth1.json": []}
    for name, content in strangers.items():
        (bench.directory / "tuning" / name).write_text(json.dumps(content))
    named = {} if valid is None else {VALID_ATTACHMENTS: valid}
    bench.call(Command.GC, conf(bench, **named))
    assert files(bench).keys() == left | {"vm3_eth0.json"} | strangers.keys()


def test_traces_are_what_is_written_down(bench: Bench) -> None:
    stdin = json.dumps({"cniVersion": "1.1.0", "name": "net", **conf(bench, mtu=1400)}).encode()
    call = Invocation(command=Command.DEL, plugin="tuning", stdin=stdin, container_id=VM, if_name=IF_NAME)
    found = [bench.invoker.has_traces(call)]
    bench.call(Command.ADD, conf(bench, mtu=1400), prev=PREV)
    found.append(bench.invoker.has_traces(call))
    bench.call(Command.DEL, conf(bench, mtu=1400))
    assert [*found, bench.invoker.has_traces(call)] == [False, True, False]
