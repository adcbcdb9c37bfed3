from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.plugins.chains import Bench
from vmplumbd.cni.error import CniError
from vmplumbd.cni.invoke import Command


def conf(*addresses: dict[str, str], top: dict[str, Any] | None = None, **ipam: Any) -> dict[str, Any]:
    return {"type": "static", "ipam": {"type": "static", "addresses": list(addresses), **ipam}, **(top or {})}


FOUR = {"address": "10.10.0.1/24", "gateway": "10.10.0.254"}
SIX = {"address": "3ffe:ffff:0:01ff::1/64", "gateway": "3ffe:ffff:0:1ff::fe"}


def test_a_chain_gets_the_written_addresses_and_gives_everything_back(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    before = bench.kernel.snapshot()
    routes = [{"dst": "0.0.0.0/0"}, {"dst": "::/0", "gw": "3ffe:ffff:0:1ff::fe"}]
    ptp = {**conf(FOUR, SIX, routes=routes, dns={"domain": "x", "search": ["y"]}), "type": "ptp"}
    made = bench.call(Command.ADD, ptp)
    assert made["ips"] == [
        {"interface": 1, "address": "10.10.0.1/24", "gateway": "10.10.0.254"},
        {"interface": 1, "address": "3ffe:ffff:0:1ff::1/64", "gateway": "3ffe:ffff:0:1ff::fe"},
    ]
    assert (made["routes"], made["dns"]) == (routes, {"domain": "x", "search": ["y"]})
    bench.call(Command.CHECK, ptp, prev=made)
    bench.call(Command.DEL, ptp, prev=made)
    assert bench.kernel.snapshot() == before


@pytest.mark.parametrize(
    ("prev", "text"),
    [
        (None, "Required prevResult missing"),
        ({"cniVersion": "9"}, "could not parse prevResult: "),
        ({"ips": []}, "static: Failed to match addr 10.10.0.1 on interface eth0"),
        ({"ips": [{"address": "10.10.0.1/24"}]}, "static: Failed to match addr 10.10.0.1 on interface eth0"),
        ({"ips": [FOUR | {"gateway": "10.10.0.9"}]}, "static: Failed to match addr 10.10.0.1"),
        ({"ips": [FOUR | {"gateway": "10.10.0.9"}, FOUR]}, None),
    ],
)
def test_check_names_the_address_that_is_not_there(
    tmp_path: Path, prev: dict[str, Any] | None, text: str | None
) -> None:
    bench = Bench(tmp_path)
    if text is None:
        bench.call(Command.CHECK, conf(FOUR), prev=prev)
        return
    with pytest.raises(CniError) as caught:
        bench.call(Command.CHECK, conf(FOUR), prev=prev)
    assert text in caught.value.msg


@pytest.mark.parametrize("command", [Command.DEL, Command.GC, Command.STATUS])
def test_nothing_is_held(tmp_path: Path, command: Command) -> None:
    assert Bench(tmp_path).call(command, {"type": "static"}) == {}
