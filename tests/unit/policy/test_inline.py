"""What a list of a caller's own may say."""

from __future__ import annotations

from typing import Any

import pytest

from vmplumbd.policy.inline import InlineRules, violations

RULES = InlineRules(plugins=frozenset({"ptp", "host-local", "bridge", "tuning"}))
DEEP: Any = {"type": "ptp"}
for _ in range(5000):
    DEEP = {"type": "ptp", "below": DEEP}

ALLOWED: dict[str, Any] = {
    "an ordinary chain": {
        "type": "ptp",
        "mtu": 1400,
        "ipam": {"type": "host-local", "subnet": "10.0.0.0/24", "routes": [{"dst": "0.0.0.0/0"}]},
        "dns": {"nameservers": ["10.0.0.1"], "search": ["example.org"]},
    },
    "a prefix with a slash inside": {"type": "ptp", "addresses": ["fd00::/64"]},
    "a bridge by its default name": {"type": "bridge", "isGateway": True},
    "nested without end": DEEP,
}


@pytest.mark.parametrize("plugin", ALLOWED.values(), ids=ALLOWED)
def test_what_reaches_the_vm_alone_is_allowed(plugin: dict[str, Any]) -> None:
    assert violations([plugin], RULES, "f") == ()


REFUSED: dict[str, tuple[Any, list[str]]] = {
    "another type": ({"type": "evil"}, ["type"]),
    "a type in another case of the key": ({"type": "ptp", "Type": "evil"}, ["Type"]),
    "a key by its plugin": ({"type": "bridge", "bridge": "b", "vlan": 5}, ["bridge", "vlan"]),
    "a key by a plugin whose type has another case": ({"TYPE": "bridge", "bridge": "b"}, ["bridge"]),
    "what the runtime writes": ({"type": "ptp", "RuntimeConfig": {"portMappings": []}}, ["RuntimeConfig"]),
    "a key of the IPAM plugin": ({"type": "ptp", "ipam": {"type": "host-local", "dataDir": "x"}}, ["ipam.dataDir"]),
    "the Kelvin sign": ({"type": "ptp", "\u212aubeconfig": "x"}, ["\u212aubeconfig"]),
    "a path by its value": ({"type": "ptp", "x": "/etc"}, ["x"]),
    "a path up in the middle": ({"type": "ptp", "x": "a/../../b"}, ["x"]),
    "a path up at the end": ({"type": "ptp", "x": ["a/.."]}, ["x[0]"]),
    "all of it at once": (
        {"type": "evil", "logFile": "x", "a": [{"b": ["/c"]}]}, ["a[0].b[0]", "logFile", "type"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("plugin", "places"), REFUSED.values(), ids=REFUSED)
def test_what_reaches_the_host_is_told_with_every_place(plugin: dict[str, Any], places: list[str]) -> None:
    found = violations([{"type": "ptp"}, plugin], RULES, "f")
    assert sorted(one.field for one in found) == [f"f.plugins[1].{place}" for place in places]
    assert {one.rule for one in found} == {"network_config_list.not_allowed"}


def test_a_key_that_the_operator_names_is_allowed_for_its_plugin_alone() -> None:
    rules = InlineRules(plugins=RULES.plugins, keys=frozenset({"host-local.DataDir"}))
    ipam = {"type": "host-local", "datadir": "/var/lib/ours"}
    assert violations([{"type": "ptp", "ipam": ipam}], rules, "f") == ()
    (found,) = violations([{"type": "ptp", "dataDir": "/var/lib/ours"}], rules, "f")
    assert found.field == "f.plugins[0].dataDir"
