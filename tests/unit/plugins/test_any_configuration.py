"""Whatever a configuration says: a plugin does it, or refuses it with a CniError and leaves nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.plugins.chains import IF_NAME, NETNS, Bench
from vmplumbd.cni.error import CniError
from vmplumbd.cni.invoke import Command
from vmplumbd.model import net

PREV = {
    "cniVersion": "1.0.0",
    "interfaces": [{"name": "veth0"}, {"name": IF_NAME, "sandbox": NETNS}],
    "ips": [{"interface": 1, "address": "10.0.0.2/24"}],
}
WORDS = st.sampled_from(
    [
        "10.0.0.1/24",
        "fd00::1/64",
        "::ffff:10.0.0.1/120",
        "10.0.0.1",
        "/",
        "02:00:00:00:00:01",
        "net.ipv4.ip_forward",
        "net/ipv6/conf/IFNAME/accept_ra",
        "kernel.hostname",
        "..",
        "a\0b",
        "\ud800",
        "ü",
        "",
    ]
)
NUMBERS = st.sampled_from([-1, 0, 1, 7, 8, 1400, 2**31, 2**32, 2**35, 2**63, 2**64, 1.5, 1e300])
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=4,
)
ADDRESS = st.fixed_dictionaries({}, optional={"address": WORDS | VALUES, "gateway": WORDS | VALUES})
IPAM = st.fixed_dictionaries(
    {},
    optional={
        "addresses": st.lists(ADDRESS, max_size=3) | VALUES,
        "routes": st.lists(st.fixed_dictionaries({}, optional={"dst": WORDS, "gw": VALUES, "table": VALUES}))
        | VALUES,
        "dns": VALUES,
    },
)
TUNED: dict[str, Any] = {
    "sysctl": st.dictionaries(WORDS, WORDS | VALUES, max_size=3),
    "mac": WORDS | VALUES,
    "mtu": NUMBERS | VALUES,
    "promisc": VALUES,
    "allmulti": VALUES,
    "txQLen": NUMBERS | VALUES,
    "dataDir": st.sampled_from(["", "", "", "a\0b", "/\ud800", 7]),
}
LIMITED: dict[str, Any] = {
    **dict.fromkeys(("ingressRate", "ingressBurst", "egressRate", "egressBurst"), NUMBERS | VALUES),
    **dict.fromkeys(("shapedSubnets", "unshapedSubnets"), st.lists(WORDS, max_size=3) | VALUES),
}


def body(kind: str, keys: dict[str, Any], **more: Any) -> Any:
    inner = st.fixed_dictionaries({}, optional=keys) | VALUES
    request = st.fixed_dictionaries({}, optional={"bandwidth": inner, "ips": VALUES, "mac": VALUES})
    cni = st.fixed_dictionaries({}, optional={"cni": inner}) | VALUES
    return st.fixed_dictionaries(
        {"type": st.just(kind)}, optional={**keys, **more, "args": cni, "runtimeConfig": request | VALUES}
    )


BODIES = (
    body("static", {}, ipam=IPAM | VALUES)
    | body("tuning", TUNED)
    | body("bandwidth", LIMITED)
    | body(
        "bandwidth", {key: st.just(8_000_000) for key in list(LIMITED)[:4]} | dict(list(LIMITED.items())[4:])
    )
)

FLAGS = st.booleans()
INTEGERS = st.sampled_from([-1, 0, 0, 1, 7, 68, 1400, 4094, 4095, 2**31, 2**32, 2**63, 2**64])
TRUNK = st.fixed_dictionaries({}, optional=dict.fromkeys(("minID", "maxID", "id"), INTEGERS))
HOST = st.sampled_from(["10.0.0.2/24", "10.1.0.2/24", "fd00::2/64", "fd00::3/48", "10.0.0.3/31"])
STATIC = st.fixed_dictionaries(
    {
        "type": st.just("static"),
        "addresses": st.lists(
            st.fixed_dictionaries({"address": HOST}, optional={"gateway": WORDS}), max_size=3
        ),
    },
    optional={"routes": st.lists(st.fixed_dictionaries({"dst": WORDS}, optional={"gw": WORDS}), max_size=2)},
)
BRIDGED: dict[str, Any] = {
    **dict.fromkeys(("isGateway", "isDefaultGateway", "forceAddress", "ipMasq", "hairpinMode"), FLAGS),
    **dict.fromkeys(("promiscMode", "preserveDefaultVlan", "macspoofchk", "enabledad"), FLAGS),
    **dict.fromkeys(("disableContainerInterface", "portIsolation"), FLAGS),
    "ipMasqBackend": st.just("nftables") | WORDS,
    "bridge": st.sampled_from(["br0", "br0", "br0", "b" * 16, "lo", "a/b"]) | WORDS,
    "mtu": INTEGERS,
    "vlan": INTEGERS,
    "vlanTrunk": st.lists(TRUNK, max_size=3),
    "ipam": STATIC,
}


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("any")


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    conf=BODIES, args=st.sampled_from(["", "IP=10.0.0.9/24", "MAC=02:00:00:00:00:07", "IgnoreUnknown=1;X=Y"])
)
def test_a_plugin_does_it_or_refuses_it(directory: Path, conf: dict[str, Any], args: str) -> None:
    bench = Bench(directory)
    with bench.kernel.open_netns(NETNS) as netns:
        netns.apply([net.AddVeth(name=IF_NAME, peer="veth0")])
    backups = directory / "tuning"
    if conf["type"] == "tuning":
        conf = {**conf, "dataDir": conf.get("dataDir") or str(backups)}
    before = bench.kernel.snapshot()
    try:
        made = bench.call(Command.ADD, conf, prev=PREV, args=args, cni_version="1.0.0")
    except CniError:
        pass
    else:
        bench.call(Command.CHECK, conf, prev=made or PREV, args=args, cni_version="1.0.0")
        bench.call(Command.DEL, conf, prev=made or PREV, args=args, cni_version="1.0.0")
        # Settings stay as long as their namespace.
        with bench.kernel.open_netns(NETNS) as netns:
            for key in conf.get("sysctl") or {}:
                if "accept_ra" in key:
                    netns.write_sysctl(f"net/ipv6/conf/{IF_NAME}/accept_ra", "1")
    assert bench.kernel.snapshot() == before
    assert not list(backups.glob("*"))


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    conf=st.fixed_dictionaries({"type": st.just("bridge")}, optional=BRIDGED)
    | st.fixed_dictionaries({"type": st.just("bridge")}, optional=dict.fromkeys(BRIDGED, VALUES)),
    args=st.sampled_from(["", "", "MAC=02:00:00:00:00:07", "MAC=x;IgnoreUnknown=1", "MAC=02"]),
    vlans=st.booleans(),
)
def test_bridge_does_it_or_refuses_it(
    directory: Path, conf: dict[str, Any], args: str, *, vlans: bool
) -> None:
    bench = Bench(directory)
    bench.kernel.filters_vlans = vlans
    before = lasting(bench)
    try:
        made = bench.call(Command.ADD, conf, args=args, cni_version="1.0.0")
    except CniError as exc:
        exc.to_json()
    else:
        bench.call(Command.CHECK, conf, prev=made, args=args, cni_version="1.0.0")
        bench.call(Command.DEL, conf, prev=made, args=args, cni_version="1.0.0")
    assert lasting(bench) == before


def lasting(bench: Bench) -> dict[str, Any]:
    """What stays after DEL but bridges and the links of their VLANs' gateways."""
    links = bench.kernel.host().links()
    bridges = {link.name for link in links if link.kind == "bridge"}
    gateways = {link.index for link in links if link.name.rpartition(".")[0] in bridges}
    stays = {link.name for link in links if {link.index, link.peer_index} & gateways}
    return bench.kernel.snapshot(bridges=bridges | stays)
