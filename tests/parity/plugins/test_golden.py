"""Every call of a recorded run of the real plugins, given to ours: same answers, same kernel, same files.

The recording has host ends and MACs of its own; what our ADD made takes their place in what follows.
Its `/golden` is a directory of this test's host.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.host import Host
from tests.parity.plugins import sides
from tests.snapshot import differences
from vmplumbd.cni.invoke import Command, Invocation
from vmplumbd.cni.version import VersionInfo
from vmplumbd.kernel.linux import LinuxKernel
from vmplumbd.plugins import skel
from vmplumbd.plugins.builtin import BuiltinInvoker
from vmplumbd.plugins.host_local.plugin import HostLocal

DATA = Path(__file__).parents[2] / "data" / "golden"
HERE = "/run/golden"
VM = "golden-00000"
NETWORKS = {"ptp": "fcnet", "bridge": "fcnet-bridge"}

# Counters, timers, and numbers that the kernel gives out in the order of all its users.
PASSING = frozenset(
    [
        "stats",
        "stats64",
        "valid_life_time",
        "preferred_life_time",
        "installed",
        "first_used",
        "last_used",
        "index",
        "ref",
        "bind",
        "link_netnsid",
        "not_in_hw",
        "handle",
        "bytes",
        "packets",
        "drops",
        "overlimits",
        "requeues",
        "backlog",
        "qlen",
    ]
)
PASSING |= sides.TIMERS


def recorded(main: str, name: str) -> str:
    return (DATA / main / name).read_text(encoding="utf-8").replace("/golden/", f"{HERE}/")


def environment(main: str, call: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in recorded(main, f"{call}.env").split())


class Ipam:
    """host-local as an executable would be called: what it was called with, and what it answered."""

    def __init__(self) -> None:
        self._plugin = HostLocal()
        self.calls: list[tuple[Mapping[str, str], Any, Any]] = []

    def invoke(self, invocation: Invocation) -> bytes:
        printed = skel.dispatch(self._plugin, invocation)
        answer = json.loads(printed) if printed else None
        self.calls.append((invocation.environment(), json.loads(invocation.stdin), answer))
        return printed

    def find(self, plugin: str, path: tuple[str, ...]) -> str:
        return f"{path[0]}/{plugin}"

    def versions(self, plugin: str, path: tuple[str, ...]) -> VersionInfo:  # noqa: ARG002  the Protocol's
        raise AssertionError("nobody asks")


class Replay:
    """The recording's calls, with our names for its names."""

    def __init__(self, kernel: LinuxKernel, main: str) -> None:
        self.main = main
        self.ipam = Ipam()
        self.invoker = BuiltinInvoker(kernel, self.ipam, executed=("host-local",))
        self.ours: dict[str, str] = {}

    def call(self, call: str) -> None:
        """Give one call to our plugin, and compare its answer."""
        environ = environment(self.main, call)
        plugin = call.split(".")[2]
        printed = self.invoker.invoke(
            Invocation(
                command=Command(environ["CNI_COMMAND"]),
                plugin=plugin,
                stdin=self._renamed(recorded(self.main, f"{call}.stdin.json")).encode(),
                container_id=environ["CNI_CONTAINERID"],
                netns=environ["CNI_NETNS"],
                if_name=environ["CNI_IFNAME"],
                args=environ["CNI_ARGS"],
                path=(environ["CNI_PATH"],),
            )
        )
        expected = self._answer(call)
        made = json.loads(printed) if printed else None
        if plugin == self.main and made is not None:
            for their, our in zip(expected["interfaces"], made["interfaces"], strict=True):
                self.ours |= {their["name"]: our["name"], their["mac"]: our["mac"]}
            expected = self._answer(call)
        assert made == expected
        if made is not None:
            assert list(made) == list(expected)

    def delegated(self, call: str) -> None:
        """Compare the last call that our ptp made to its IPAM plugin."""
        environ, stdin, answer = self.ipam.calls[-1]
        assert environ == environment(self.main, call)
        assert stdin == json.loads(recorded(self.main, f"{call}.stdin.json"))
        assert answer == self._answer(call)

    def world(self, name: str) -> Any:
        """A recorded view, with our names."""
        return settled(json.loads(self._renamed(recorded(self.main, name))))

    def _answer(self, call: str) -> Any:
        text = self._renamed(recorded(self.main, f"{call}.stdout.json"))
        return json.loads(text) if text.strip() else None

    def _renamed(self, text: str) -> str:
        return re.sub(
            r"veth[0-9a-f]{8}|(?:[0-9a-f]{2}:){5}[0-9a-f]{2}", lambda m: self.ours.get(m[0], m[0]), text
        )


def settled(value: Any) -> Any:
    """A view without what passes; link-local addresses and a tap's own MAC are one word."""
    if isinstance(value, dict):
        return {key: settled(item) for key, item in value.items() if key not in PASSING}
    if isinstance(value, list):
        items = [settled(item) for item in value if item != {}]
        return (
            sorted(items, key=json.dumps)
            if any("dst" in item for item in items if isinstance(item, dict))
            else items
        )
    return sides.unified(value) if isinstance(value, str) else value


def view(host: Host, *argv: str) -> Any:
    return settled(json.loads(host.run(argv).stdout))


@pytest.mark.host
@pytest.mark.parametrize("main", NETWORKS)
def test_the_recorded_run(host: Host, main: str) -> None:
    Path(HERE, "netns").mkdir(parents=True)
    Path(HERE, "resolv.conf").write_text("nameserver 10.0.0.2\nnameserver 10.0.0.3\n", encoding="utf-8")
    netns = f"{HERE}/netns/{VM}"
    kernel = LinuxKernel()
    try:
        kernel.create_netns(netns)
        replay = Replay(kernel, main)
        replay.call("io.01.tc-redirect-tap.DEL")
        replay.call(f"io.02.{main}.DEL")
        replay.delegated("io.03.host-local.DEL")
        replay.call(f"io.04.{main}.ADD")
        replay.delegated("io.05.host-local.ADD")
        replay.call("io.06.tc-redirect-tap.ADD")
        kernel.close_kept()
        compare_worlds(host, replay, netns)
        replay.call("io.07.tc-redirect-tap.DEL")
        replay.call(f"io.08.{main}.DEL")
        replay.delegated("io.09.host-local.DEL")
        bridges = ["fcbr0"] if main == "bridge" else []
        assert [link["ifname"] for link in view(host, "ip", "-j", "link")] == ["lo", *bridges]
        kernel.close_kept()
        kernel.delete_netns(netns)
    finally:
        kernel.close()


def compare_worlds(host: Host, replay: Replay, netns: str) -> None:
    for place, enter in (("host", ()), ("netns", ("nsenter", f"--net={netns}"))):
        sides.settle(netns if enter else None)
        seen = {
            "link": view(host, *enter, "ip", "-d", "-j", "link", "show"),
            "addr": view(host, *enter, "ip", "-d", "-j", "addr", "show"),
            "route": view(host, *enter, "ip", "-d", "-j", "route", "show", "table", "all"),
            "route6": view(host, *enter, "ip", "-d", "-j", "-6", "route", "show", "table", "all"),
            "qdisc": view(host, *enter, "tc", "-d", "-j", "qdisc", "show"),
        }
        if enter:
            for device in ("veth0", "tap0"):
                seen[f"filter.{device}"] = view(
                    host, *enter, "tc", "-d", "-j", "filter", "show", "dev", device, "ingress"
                )
        expected = {key: replay.world(f"{place}.{key}.json") for key in seen}
        lines = differences(sides.unified(seen), sides.unified(expected), sides.SIDES)
        assert lines == [], "\n".join(lines)
    network = NETWORKS[replay.main]
    files = {path.name: path.read_bytes() for path in Path(HERE, "hostlocal", network).iterdir()}
    kept = DATA / replay.main / "host-local" / network
    assert files == {path.name: path.read_bytes() for path in kept.iterdir()}


@pytest.mark.parametrize("main", NETWORKS)
def test_what_is_recorded_is_what_is_replayed(main: str) -> None:
    calls = sorted({path.name.rsplit(".", 1)[0] for path in (DATA / main).glob("io.*.env")})
    assert len(calls) == 9
    source = Path(__file__).read_text(encoding="utf-8").replace("{main}", main)
    assert all(f'"{call}"' in source for call in calls)
