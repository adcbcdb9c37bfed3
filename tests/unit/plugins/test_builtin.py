from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.kernel import FakeKernel
from tests.unit.plugins.chains import Bench, Executables, NoExecutables
from vmplumbd.cni import config
from vmplumbd.cni.error import CniError, PluginCancelled, PluginNotFound
from vmplumbd.cni.invoke import Command, Invocation
from vmplumbd.errors import HostLimitReached
from vmplumbd.plugins.builtin import BuiltinInvoker

IPAM = {"type": "host-local", "subnet": "10.0.0.0/24"}
PTP, TAP = {"type": "ptp", "ipam": IPAM}, {"type": "tc-redirect-tap"}
MASQ = PTP | {"ipMasq": True, "ipMasqBackend": "iptables"}
NFT = PTP | {"ipMasq": True, "ipMasqBackend": "nftables"}


def network(*plugins: dict[str, Any], version: str = "1.0.0") -> config.NetworkConfigList:
    return config.parse_list(json.dumps({"cniVersion": version, "name": "net", "plugins": plugins}).encode())


@pytest.mark.parametrize(
    ("plugins", "version", "executables", "wanted"),
    [
        ([PTP, TAP], "1.0.0", {}, []),
        ([PTP, TAP], "0.2.0", {}, ['plugin tc-redirect-tap does not support config version "0.2.0"']),
        ([PTP | {"ipam": {"type": "dhcp"}}], "1.0.0", {}, ['failed to find plugin "dhcp" in path []']),
        ([PTP, {"type": "firewall"}], "1.0.0", {}, ['failed to find plugin "firewall" in path []']),
        ([PTP, {"type": "firewall"}], "1.0.0", {"firewall": ("0.4.0", "1.0.0")}, []),
        (
            [PTP, {"type": "firewall"}],
            "0.3.1",
            {"firewall": ("0.4.0", "1.0.0")},
            ['plugin firewall does not support config version "0.3.1"'],
        ),
        (
            [MASQ],
            "1.0.0",
            {},
            ['ipMasq through iptables is not built into ptp, and failed to find plugin "ptp" in path []'],
        ),
        ([MASQ], "1.0.0", {"ptp": ("1.0.0",)}, []),
        ([NFT, PTP | {"ipMasq": True}], "1.0.0", {}, []),
    ],
)
def test_preflight_names_what_is_in_the_way(
    plugins: list[dict[str, Any]], version: str, executables: dict[str, tuple[str, ...]], wanted: list[str]
) -> None:
    invoker = BuiltinInvoker(FakeKernel(), Executables(executables))
    found = invoker.preflight(network(*plugins, version=version), ("/opt/cni/bin",))
    assert [each.message for each in found] == wanted


@pytest.mark.parametrize("plugin", [NFT, PTP, MASQ])
def test_what_the_host_lacks_is_told_where_it_is_needed(plugin: dict[str, Any]) -> None:
    kernel = FakeKernel()
    kernel.host().write_sysctl("net/netfilter/nf_conntrack_count", "262144")
    invoker = BuiltinInvoker(kernel, Executables({"ptp": ("1.0.0",)}))
    if plugin is NFT:
        with pytest.raises(HostLimitReached, match="262144 of 262144"):
            invoker.preflight(network(plugin), ())
    else:
        assert invoker.preflight(network(plugin), ()) == ()


@pytest.mark.parametrize(
    ("plugins", "executed", "wanted"),
    [
        ([PTP, TAP], (), True),
        ([PTP, TAP], ("ptp",), False),
        ([PTP, TAP], ("host-local",), False),
        ([MASQ], (), False),
        ([NFT, TAP], (), True),
        ([{"type": "macvlan"}], (), False),
    ],
)
def test_what_runs_in_process_is_known(
    plugins: list[dict[str, Any]], executed: tuple[str, ...], wanted: bool
) -> None:
    invoker = BuiltinInvoker(FakeKernel(), NoExecutables(), executed=executed)
    assert invoker.runs_in_process(network(*plugins)) is wanted


@pytest.mark.parametrize(
    ("conf", "executed"),
    [({"type": "firewall"}, ()), (MASQ, ()), (PTP, ("ptp",)), (TAP, ("tc-redirect-tap",))],
)
def test_the_executable_is_called_where_it_must(conf: dict[str, Any], executed: tuple[str, ...]) -> None:
    executables = Executables({"firewall": (), "ptp": (), "tc-redirect-tap": ()})
    invoker = BuiltinInvoker(FakeKernel(), executables, executed=executed)
    stdin = json.dumps({"cniVersion": "1.0.0", "name": "net", **conf}).encode()
    invoker.invoke(Invocation(command=Command.ADD, plugin=conf["type"], stdin=stdin))
    assert executables.calls == [(conf["type"], Command.ADD)]


def test_a_cancelled_call_does_nothing(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    before = bench.kernel.snapshot()
    stdin = json.dumps({"cniVersion": "1.0.0", "name": "net", **PTP}).encode()
    call = Invocation(command=Command.ADD, plugin="ptp", stdin=stdin, cancelled=lambda: True)
    with pytest.raises(PluginCancelled):
        bench.invoker.invoke(call)
    assert bench.kernel.snapshot() == before


def test_missing_plugins_are_not_found() -> None:
    invoker = BuiltinInvoker(FakeKernel(), NoExecutables())
    with pytest.raises(PluginNotFound):
        invoker.find("macvlan", ())
    assert invoker.find("ptp", ()) == "built-in ptp"
    assert invoker.versions("ptp", ()).supported[0] == "0.1.0"
    assert invoker.versions("tc-redirect-tap", ()).supported[0] == "0.3.0"


NAMED = {"cniVersion": "1.1.0", "name": "net", "type": "loopback"}


@pytest.mark.parametrize(
    ("command", "options", "code", "msg"),
    [
        (
            Command.ADD,
            {"container_id": "", "netns": "", "path": ()},
            4,
            "[CNI_CONTAINERID,CNI_NETNS,CNI_PATH]",
        ),
        (
            Command.DEL,
            {"container_id": "", "netns": ""},
            4,
            "required env variables [CNI_CONTAINERID] missing",
        ),
        (Command.ADD, {"container_id": "a b", "netns": ""}, 4, "invalid characters in containerID"),
        (Command.ADD, {"if_name": ".."}, 4, "interface name is . or .."),
        (Command.GC, {"container_id": "", "if_name": "", "netns": "", "path": ()}, 4, "[CNI_PATH] missing"),
        (Command.ADD, {"stdin": b"["}, 6, "error unmarshall network config: "),
        (Command.ADD, {"stdin": b"[]"}, 6, "error unmarshall network config: json: cannot unmarshal array"),
        (
            Command.ADD,
            {"stdin": b'{"name": 7}'},
            6,
            "error unmarshall network config: json: cannot unmarshal",
        ),
        (Command.ADD, {"stdin": b"{}"}, 7, "missing network name"),
        (Command.ADD, {"stdin": b'{"name": "../x"}'}, 7, "invalid characters found in network name"),
        (Command.ADD, {"stdin": b'{"name": "n", "cniVersion": "2.0.0"}'}, 1, "incompatible CNI versions"),
        (
            Command.CHECK,
            {"stdin": b'{"name": "n", "cniVersion": "0.3.1"}'},
            1,
            "config version does not allow CHECK",
        ),
        (
            Command.CHECK,
            {"stdin": b'{"name": "n", "cniVersion": "9.0.0"}'},
            1,
            "plugin version does not allow CHECK",
        ),
        (
            Command.GC,
            {"stdin": b'{"name": "n", "cniVersion": "1.0.0"}'},
            1,
            "config version does not allow GC",
        ),
        (
            Command.STATUS,
            {"stdin": b'{"name": "n", "cniVersion": "1"}'},
            1,
            "config version does not allow STATUS",
        ),
        (
            Command.STATUS,
            {"stdin": b'{"name": "n", "cniVersion": "x"}'},
            6,
            "failed to convert major version part",
        ),
    ],
)
def test_a_call_is_checked_in_the_skeleton_s_order(
    command: Command, options: dict[str, Any], code: int, msg: str
) -> None:
    invoker = BuiltinInvoker(FakeKernel(), NoExecutables())
    given = {
        "stdin": json.dumps(NAMED).encode(),
        "container_id": "vm",
        "netns": "/run/netns/vm",
        "if_name": "eth0",
        "path": ("/bin",),
    } | options
    with pytest.raises(CniError) as caught:
        invoker.invoke(Invocation(command=command, plugin="loopback", **given))
    assert caught.value.code == code
    assert msg in caught.value.msg


def test_a_verb_that_a_plugin_lacks_succeeds() -> None:
    invoker = BuiltinInvoker(FakeKernel(), NoExecutables())
    for command in (Command.GC, Command.STATUS):
        call = Invocation(
            command=command, plugin="loopback", stdin=json.dumps(NAMED).encode(), path=("/bin",)
        )
        assert invoker.invoke(call) == b""


def test_loopback_goes_up_and_down(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    before = bench.kernel.snapshot()
    conf = {"type": "loopback"}
    made = bench.call(Command.ADD, conf)
    assert made["interfaces"] == [{"name": "lo", "mac": "00:00:00:00:00:00", "sandbox": "/run/netns/vm"}]
    bench.call(Command.CHECK, conf)
    bench.call(Command.DEL, conf)
    with pytest.raises(CniError, match="loopback interface is down"):
        bench.call(Command.CHECK, conf)
    assert bench.kernel.snapshot() == before


def test_loopback_passes_a_previous_result_on(tmp_path: Path) -> None:
    prev = {"cniVersion": "1.1.0", "interfaces": [{"name": "eth0"}], "dns": {"nameservers": ["1.1.1.1"]}}
    assert Bench(tmp_path).call(Command.ADD, {"type": "loopback"}, prev=prev) == prev


@pytest.mark.parametrize(
    ("ipam", "freed"),
    [("host-local", True), ("static", True), ("dhcp", False)],
    ids=["here", "none", "executed"],
)
def test_addresses_are_given_back_together_where_they_are_given_in_process(
    tmp_path: Path, ipam: str, freed: bool
) -> None:
    invoker = BuiltinInvoker(FakeKernel(), NoExecutables())
    conf = {"type": ipam, "subnet": "10.0.0.0/24", "dataDir": str(tmp_path)}
    assert invoker.free(network({"type": "ptp", "ipam": conf}), [("vm", "eth0")]) is freed
