"""static beside the reference's v1.9.1: it touches nothing, so what both print is all there is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.fakes.kernel import FakeKernel
from tests.parity.plugins import sides
from vmplumbd.cni.error import CniError
from vmplumbd.cni.exec import ExecInvoker
from vmplumbd.cni.invoke import Command, Invocation, Invoker
from vmplumbd.plugins.builtin import BuiltinInvoker

pytestmark = pytest.mark.parity

FOUR = {"address": "10.10.0.1/24", "gateway": "10.10.0.254"}
BARE = {"address": "10.10.7.1/24"}
SIX = {"address": "3ffe:ffff:0:01ff::1/64", "gateway": "3ffe:ffff:0::1"}
ROUTES = [{"dst": "0.0.0.0/0"}, {"dst": "192.168.0.0/16", "gw": "10.10.5.1"}, {"dst": "3ffe::/64"}]
ROUTE_OPTIONS = [{"dst": "10.0.0.0/8", "mtu": 1400, "advmss": 1300, "priority": 7, "table": 9, "scope": 253}]
DNS = {"nameservers": ["8.8.8.8"], "domain": "foo", "search": ["a", "b"], "options": ["o"]}


def body(*addresses: Any, ipam: dict[str, Any] | None = None, **top: Any) -> dict[str, Any]:
    held = {"type": "static", "addresses": list(addresses), **(ipam or {})}
    return {"cniVersion": "1.0.0", "name": "net", "type": "ptp", "ipam": held, **top}


ADDRESSES: list[tuple[str, dict[str, Any], str]] = [
    *((f"ipv4 in {v}", body(FOUR, cniVersion=v), "") for v in ("0.1.0", "0.2.0", "0.3.1", "0.4.0", "1.1.0")),
    ("dual stack", body(FOUR, SIX), ""),
    ("dual stack 0.2.0", body(FOUR, SIX, ipam={"routes": ROUTES, "dns": DNS}, cniVersion="0.2.0"), ""),
    ("several of a family", body(FOUR, BARE, SIX), ""),
    ("routes and dns", body(FOUR, ipam={"routes": ROUTES, "dns": DNS}), ""),
    ("route options", body(FOUR, ipam={"routes": ROUTE_OPTIONS}, cniVersion="1.1.0"), ""),
    ("an empty resolver", body(FOUR, ipam={"dns": {}}), ""),
    ("no addresses", body(), ""),
    ("keys in other cases", body(FOUR | {"Gateway": "10.10.0.9"}, ipam={"ROUTES": ROUTES}), ""),
    ("by arguments", body(), "IP=10.9.0.1/24"),
    ("arguments beside the configuration", body(FOUR), "IP=10.9.0.1/24, 10.8.0.1/24;GATEWAY=10.9.0.254"),
    ("a gateway for many", body(), "IP=10.9.0.1/24,3ffe:ffff::5/48;GATEWAY=3ffe:ffff::1, 10.9.0.7,10.9.0.8"),
    ("a gateway for none", body(BARE), "GATEWAY=10.10.7.9"),
    ("unknown arguments are let be", body(FOUR), "IgnoreUnknown=1;X=Y"),
    ("args in place of all", body(FOUR, args={"cni": {"ips": ["10.6.0.1/24"]}}), "IP=10.9.0.1/24"),
    ("the runtime in place of all", body(FOUR, runtimeConfig={"ips": ["10.6.0.1/24", "3ffe::1/64"]}), ""),
    (
        "the runtime before args",
        body(args={"cni": {"ips": ["10.5.0.1/24"]}}, runtimeConfig={"ips": ["10.6.0.1/24"]}),
        "",
    ),
]
REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("no ipam", {"cniVersion": "1.0.0", "name": "net", "type": "ptp"}, ""),
    ("no prefix", body({"address": "10.10.0.1"}), ""),
    ("no address", body({"address": ""}), ""),
    ("a bad gateway", body(FOUR | {"gateway": "x"}), ""),
    ("a bad route", body(FOUR, ipam={"routes": [{"dst": "x"}]}), ""),
    ("arguments without prefix", body(), "IP=10.9.0.1"),
    ("a bad gateway in arguments", body(FOUR), "GATEWAY=10.9"),
    ("unknown arguments", body(FOUR), "X=Y"),
    ("a pair that is none", body(FOUR), "IP=10.9.0.1/24;"),
    ("args without prefix", body(args={"cni": {"ips": ["10.6.0.1"]}}), ""),
    ("the runtime without prefix", body(runtimeConfig={"ips": ["10.6.0.1"]}), ""),
    ("two of a family in 0.2.0", body(FOUR, BARE, cniVersion="0.2.0"), ""),
    ("nothing to say in 0.2.0", body(cniVersion="0.2.0"), ""),
]


@pytest.fixture(scope="module")
def both() -> tuple[Invoker, Invoker, str]:
    found = sides.reference_plugins()
    if found is None:
        pytest.skip("the reference plugins need Go")
    return BuiltinInvoker(FakeKernel(), ExecInvoker()), ExecInvoker(), found


def said(invoker: Invoker, bin_path: str, conf: dict[str, Any], args: str) -> Any:
    """What ADD and, with its result, CHECK and DEL say."""
    answers: list[Any] = []
    for command in (Command.ADD, Command.CHECK, Command.DEL):
        prev = {"prevResult": answers[0]} if answers and isinstance(answers[0], dict) else {}
        call = Invocation(
            command=command,
            plugin="static",
            stdin=json.dumps(conf | prev).encode(),
            container_id="vm1",
            netns="/run/netns/none",
            if_name="eth0",
            args=args,
            path=(bin_path,),
        )
        try:
            printed = invoker.invoke(call)
        except CniError as exc:
            answers.append((exc.code, str(exc)))
        else:
            answers.append(json.loads(printed) if printed else None)
    return answers


@pytest.mark.parametrize("case", [*ADDRESSES, *REFUSED], ids=lambda case: case[0].replace(" ", "_"))
def test_ours_says_what_theirs_says(
    both: tuple[Invoker, Invoker, str], case: tuple[str, dict[str, Any], str]
) -> None:
    our, their, bin_path = both
    _, conf, args = case
    theirs = said(their, bin_path, conf, args)
    assert said(our, bin_path, conf, args) == theirs
    assert isinstance(theirs[0], tuple) is (case in REFUSED)
