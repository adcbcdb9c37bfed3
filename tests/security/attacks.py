"""Attacks on the agent that come over the wire, as a table: each is a call, and what it must be refused with.

The caller `a` may do all that a rule can allow but be an administrator, so that what refuses an attack is not only
the policy; `narrow` may use one network and nothing else. `victim` is a network of somebody else.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.system.daemon import conflist, ptp, request, static_request
from vmplumb.v1 import network_agent_service_pb2 as pb

VICTIM = "victim"
POLICY = """
[[rule]]
name = "wide"
who = ["spiffe://test.example/a", "spiffe://test.example/b"]
rpcs = ["*", "CollectGarbage"]
networks = ["*"]
tap_owners = ["1000-1999:1000-1999"]
args = ["*"]
capability_args = ["*"]
host_ports = ["20000-29999"]
paths = ["bin_path", "conf_dir", "cache_dir", "netns_path"]
inline_conflists = true
rate = 0

[[rule]]
name = "narrow"
who = ["spiffe://test.example/narrow"]
rpcs = ["SetupNetwork"]
networks = ["fcnet"]
rate = 0

[[rule]]
name = "root"
who = ["dns:root.example"]
rpcs = ["*"]
administrator = true
networks = ["*"]
rate = 0
"""

INVALID = ("INVALID_ARGUMENT", "INVALID_REQUEST")
UNKNOWN = ("INVALID_ARGUMENT", "UNKNOWN_FIELD")
MISMATCH = ("INVALID_ARGUMENT", "CONFIG_LIST_MISMATCH")
PATH = ("PERMISSION_DENIED", "PATH_NOT_ALLOWED")
DENIED = ("PERMISSION_DENIED", "ACCESS_DENIED")
LIMIT = ("RESOURCE_EXHAUSTED", "LIMIT_EXCEEDED")
LOST = ("OUT_OF_RANGE", "RESUME_POSITION_LOST")
NOT_FOUND = ("NOT_FOUND", "VM_NOT_FOUND")
CONFLICT = ("ALREADY_EXISTS", "SPEC_CONFLICT")
NO_NETWORK = ("FAILED_PRECONDITION", "CNI_NETWORK_NOT_FOUND")
NO_PLUGIN = ("FAILED_PRECONDITION", "CNI_PLUGIN_UNAVAILABLE")
UNSUPPORTED = ("FAILED_PRECONDITION", "UNSUPPORTED")
# Refused by gRPC before the agent's code sees a request: no details.
TOO_LONG = ("RESOURCE_EXHAUSTED", "")
NO_SUCH_RPC = ("UNIMPLEMENTED", "")


@dataclass(frozen=True, slots=True)
class World:
    """What an attack may need to know: the victim's uid, a page token of somebody else, and the caller's own."""

    victim_uid: str
    others_token: str
    own_token: str


Make = Callable[[World], bytes]


@dataclass(frozen=True, slots=True)
class Attack:
    """One attack. `who` is the certificate it comes with."""

    name: str
    rpc: str
    make: Make
    told: tuple[str, str]
    who: str = "a"


def attacks() -> tuple[Attack, ...]:
    """The table."""
    return (
        *_vm_ids(),
        *_names(),
        *_paths(),
        *_arguments(),
        *_capability_args(),
        *_inline_lists(),
        *_numbers(),
        *_shapes(),
        *_others_networks(),
        *_pages(),
        *_bytes(),
        *_policy(),
    )


def _set_up(name: str, told: tuple[str, str], who: str = "a", **fields: Any) -> Attack:
    network = fields.pop("network", "fcnet")
    vm_id = fields.pop("vm_id", "attacker")
    return Attack(
        name,
        "SetupNetwork",
        lambda _: request(vm_id, network, **fields).SerializeToString(),
        told,
        who,
    )


def _vm_ids() -> Iterator[Attack]:
    for name, vm_id in (
        ("climbs", "../../etc"),
        ("is a directory", "."),
        ("is the parent", ".."),
        ("has a slash", "a/b"),
        ("has a backslash", "a\\b"),
        ("has a NUL", "a\0b"),
        ("ends a line", "vm-1\n"),
        ("has a colon", "vm:1"),
        ("has an equals sign", "vm=1"),
        ("has a semicolon", "vm;1"),
        ("has a space", "vm 1"),
        ("begins with a dash", "-rf"),
        ("is empty", ""),
        ("is host-local's directory", "networks"),
        ("is libcni's directory", "results"),
        ("is 65 bytes", "a" * 65),
        ("has a Cyrillic letter", "vic\u0442im"),
        ("has a full-width solidus", "a\uff0fb"),
        ("has an en dash", "vm\u20131"),
        ("turns the direction of writing", "vm-\u202e1"),
        ("has digits of another script", "vm-\u0661"),
    ):
        yield _set_up(f"vm_id {name}", INVALID, vm_id=vm_id)
    yield Attack("vm_id of a teardown climbs", "TeardownNetwork", lambda _: _wire(1, "../x"), INVALID)
    yield Attack("vm_id of a read climbs", "GetNetwork", lambda _: _wire(1, "../x"), INVALID)
    yield Attack("vm_id of a check has a NUL", "CheckNetwork", lambda _: _wire(1, "a\0"), INVALID)
    yield Attack(
        "vm_id among the valid ones climbs",
        "CollectGarbage",
        lambda _: pb.CollectGarbageRequest(valid_vm_ids=["../x"], as_of_revision=1).SerializeToString(),
        INVALID,
    )


def _names() -> Iterator[Attack]:
    for name, network in (
        ("climbs", "../fcnet"),
        ("is a path", "/etc/passwd"),
        ("has a NUL", "fcnet\0"),
        ("ends a line", "fcnet\n"),
        ("is hidden", ".fcnet"),
        ("is a pattern", "*"),
        ("has a Cyrillic letter", "f\u0441net"),
        ("is 129 bytes", "a" * 129),
    ):
        yield _set_up(f"network name {name}", INVALID, network=network)
    yield _set_up("network name is almost one", NO_NETWORK, network="fcnet.")
    for field in ("if_name", "vm_if_name"):
        for name, text in (
            ("climbs", "../../x"),
            ("is the parent", ".."),
            ("is 16 bytes", "a" * 16),
            ("is 15 letters of more bytes", "\u00e9" * 15),
            ("is a template of the kernel's", "eth%d"),
            ("ends ip= early", "eth0:"),
            ("has a space", "a b"),
            ("has a newline", "eth0\n"),
            ("has a NUL", "eth0\0"),
            ("is a look-alike", "\u0435th0"),
        ):
            yield _set_up(f"{field} {name}", INVALID, **{field: text})
    for name, text in (("climbs", "../x"), ("is 16 bytes", "t" * 16), ("is a template", "tap%d")):
        yield _set_up(f"tap name {name}", INVALID, tap={"name": text})
    for name, text in (("climbs", "../x"), ("has a colon", "tap:0"), ("is 16 bytes", "t" * 16)):
        yield Attack(f"static device {name}", "SetupNetwork", _static(text), INVALID)


def _static(device: str) -> Make:
    return lambda _: static_request("attacker", device).SerializeToString()


def _paths() -> Iterator[Attack]:
    for field, text, told in (
        ("netns_path", "/etc/passwd", PATH),
        ("netns_path", "/var/run/netns/../../../etc/attacker", PATH),
        ("netns_path", "/proc/1/ns/net", PATH),
        ("netns_path", "/proc/self/ns/net", PATH),
        ("netns_path", "netns/x", INVALID),
        ("netns_path", "/var/run/netns/", INVALID),
        ("netns_path", "/var/run/netns/a\0b", INVALID),
        ("netns_path", "/" + "a" * 4095, INVALID),
        ("conf_dir", "/etc", PATH),
        ("conf_dir", "/etc/cni/conf.d/../../ssl", PATH),
        ("conf_dir", "conf.d", INVALID),
        ("conf_dir", "/etc\0", INVALID),
        ("cache_dir", "/etc", PATH),
        ("cache_dir", "/var/lib/cni/../../../etc", PATH),
        ("cache_dir", "/var/lib/cni-evil", PATH),
        ("cache_dir", "/proc/self/cwd", PATH),
        ("cache_dir", "cache", INVALID),
    ):
        yield _set_up(f"{field} {_short(text)}", told, **{field: text})
    for name, path, told in (
        ("is /tmp", ["/tmp"], PATH),
        ("is /proc/self/cwd", ["/proc/self/cwd"], PATH),
        ("climbs", ["/opt/cni/bin/../../../tmp"], PATH),
        ("hides one behind a good one", ["/usr", "/tmp"], PATH),
        ("joins two", ["/opt/cni/bin:/tmp"], INVALID),
        ("is relative", ["bin"], INVALID),
        ("has a NUL", ["/opt/cni/bin\0"], INVALID),
        ("has 17 entries", ["/opt/cni/bin"] * 17, INVALID),
    ):
        yield _set_up(f"bin_path {name}", told, bin_path=path)


def _arguments() -> Iterator[Attack]:
    for name, key, value in (
        ("key is empty", "", "x"),
        ("key has an equals sign", "A=B", "x"),
        ("key has a semicolon", "A;B", "x"),
        ("key has a NUL", "A\0", "x"),
        ("value begins another argument", "A", "x;K8S_POD_NAME=y"),
        ("value has a NUL", "A", "x\0LD_PRELOAD=/tmp/x.so"),
        ("key is 1025 bytes", "K" * 1025, "x"),
        ("value is 65537 bytes", "A", "v" * 65537),
    ):
        yield _set_up(f"argument's {name}", INVALID, args=[{"key": key, "value": value}])
    yield _set_up("129 arguments", INVALID, args=[{"key": "A", "value": "x"}] * 129)
    yield _set_up("arguments of 65 KiB together", INVALID, args=[{"key": "A", "value": "x" * 1000}] * 66)
    for name, key, value in (
        ("root as the tap's user", "TC_REDIRECT_TAP_UID", "0"),
        ("a user below zero", "TC_REDIRECT_TAP_UID", "-1"),
        ("a user that wraps around to one that is allowed", "TC_REDIRECT_TAP_UID", str((1 << 32) + 1000)),
        ("a user in hexadecimal", "TC_REDIRECT_TAP_UID", "0x3e8"),
        ("a user in digits of another script", "TC_REDIRECT_TAP_UID", "\u0661\u0660\u0660\u0660"),
        ("root as the tap's group", "TC_REDIRECT_TAP_GID", "0"),
    ):
        yield _set_up(f"argument says {name}", DENIED, args=[{"key": key, "value": value}])
    yield _set_up(
        "the second of two arguments gives the tap to root",
        DENIED,
        args=[
            {"key": "TC_REDIRECT_TAP_UID", "value": "1000"},
            {"key": "TC_REDIRECT_TAP_UID", "value": "0"},
        ],
    )
    yield _set_up(
        "tap and its arguments disagree",
        INVALID,
        tap={"uid": 1000},
        args=[
            {"key": "TC_REDIRECT_TAP_UID", "value": "0"},
        ],
    )
    yield _set_up("tap for root", DENIED, tap={"uid": 0, "gid": 0})
    yield _set_up("tap for the kernel's nobody", INVALID, tap={"uid": 4294967295})


def _capability_args() -> Iterator[Attack]:
    for name, text, told in (
        ("are an array", b"[]", INVALID),
        ("are a string", b'"x"', INVALID),
        ("are no JSON", b"{", INVALID),
        ("have more behind them", b'{} {"mac":"x"}', INVALID),
        ("are not UTF-8", b'{"mac":"\xff"}', INVALID),
        ("are UTF-16", '{"mac":"x"}'.encode("utf-16"), INVALID),
        ("have a byte order mark", b"\xef\xbb\xbf{}", INVALID),
        ("have NaN", b'{"bandwidth":{"ingressRate":NaN}}', INVALID),
        ("have a number without end", b'{"bandwidth":{"ingressRate":1e999}}', INVALID),
        ("have a number of 5000 digits", b'{"bandwidth":{"ingressRate":' + b"9" * 5000 + b"}}", INVALID),
        ("have a key twice", b'{"mac":"02:00:00:00:00:01","mac":"02:00:00:00:00:02"}', INVALID),
        (
            "have a key twice, in another case",
            b'{"portMappings":[],"PortMappings":[{"hostPort":22}]}',
            INVALID,
        ),
        ("have a key twice, with a long s", '{"ips":[],"ip\u017f":["10.0.0.1/8"]}'.encode(), INVALID),
        ("have a key twice, deep inside", b'{"x":[{"y":{"hostPort":20000,"hostPort":22}}]}', INVALID),
        ("are 33 deep", b'{"x":' + b"[" * 32 + b"]" * 32 + b"}", LIMIT),
        ("are 60000 deep", b'{"x":' + b"[" * 60000, LIMIT),
        ("are deep behind a string of brackets", b'{"s":"]]]]","x":' + b"[" * 40 + b"]" * 40 + b"}", LIMIT),
        ("are 65537 bytes", b'{"x":"' + b"a" * 65529 + b'"}', INVALID),
        ("map a privileged port", b'{"portMappings":[{"hostPort":22,"containerPort":22}]}', DENIED),
        ("map a privileged port, in another case", b'{"portMappings":[{"HOSTPORT":22}]}', DENIED),
        ("map a privileged port, below another key", b'{"PORTMAPPINGS":[{"hostPort":22}]}', DENIED),
        ("map a port as text", b'{"portMappings":[{"hostPort":"22"}]}', DENIED),
        ("map a port as a fraction", b'{"portMappings":[{"hostPort":22.0}]}', DENIED),
        ("map a port below zero", b'{"portMappings":[{"hostPort":-65514}]}', DENIED),
        ("map a port that wraps around", b'{"portMappings":[{"hostPort":65558}]}', DENIED),
        ("map a port outside of a list", b'{"portMappings":{"hostPort":22}}', DENIED),
        ("map a port of no number", b'{"portMappings":[{}]}', DENIED),
    ):
        yield _set_up(f"capability args {name}", told, capability_args=text)


def _inline(title: str, told: tuple[str, str], text: bytes, who: str = "a", **views: Any) -> Attack:
    def make(_: World) -> bytes:
        asked = request("attacker", "", network_config={"json": text, **views})
        return asked.SerializeToString()

    return Attack(f"inline list {title}", "SetupNetwork", make, told, who)


def _inline_lists() -> Iterator[Attack]:
    good = conflist("inline", ptp())
    yield _inline("of somebody who may send none", DENIED, good, "narrow")
    yield _inline("without JSON", INVALID, b"")
    yield _inline("is no object", MISMATCH, b"[]")
    yield _inline("is cut short", MISMATCH, good[:-3])
    yield _inline("is UTF-16", MISMATCH, good.decode().encode("utf-16"))
    yield _inline("is 40 deep", LIMIT, b'{"name":"x","plugins":' + b"[" * 40 + b"]" * 40 + b"}")
    yield _inline("is 250000 deep", LIMIT, b"[" * 250000)
    yield _inline("is deep behind many escapes", LIMIT, b'"' + b'\\"' * 60000 + b'"' + b"[" * 100)
    yield _inline(
        "has a name twice",
        INVALID,
        b'{"name":"a","name":"b","cniVersion":"1.0.0","plugins":[{"type":"ptp"}]}',
    )
    yield _inline(
        "has a type twice, in another case",
        INVALID,
        b'{"name":"a","cniVersion":"1.0.0","plugins":[{"type":"ptp","Type":"evil"}]}',
    )
    yield _inline(
        "hides a type twice behind a byte that is no UTF-8",
        INVALID,
        b'{"name":"a","x":"\xff","cniVersion":"1.0.0","plugins":[{"type":"ptp","type":"evil"}]}',
    )
    for name, network in (
        ("climbs", "../../etc/x"),
        ("has a slash", "a/b"),
        ("has a NUL", "a\0b"),
        ("is hidden", ".x"),
        ("is empty", ""),
        ("has a newline", "a\nb"),
        ("has a look-alike", "f\u0441net"),
        ("has half a character", "a\ud800"),
    ):
        yield _inline(
            f"whose name {name}",
            MISMATCH,
            json.dumps({"name": network, "cniVersion": "1.0.0", "plugins": [ptp()]}).encode(),
        )
    for name, kind in (
        ("is a path", "/bin/sh"),
        ("climbs", "../../../bin/sh"),
        ("has a NUL", "ptp\0"),
        ("is the parent", ".."),
    ):
        yield _inline(f"whose plugin {name}", MISMATCH, conflist("inline", {"type": kind}))
        yield _inline(
            f"whose IPAM plugin {name}", MISMATCH, conflist("inline", {"type": "ptp", "ipam": {"type": kind}})
        )
    yield _inline("whose view has another name", MISMATCH, good, name="other")
    yield _inline("whose view has another version", MISMATCH, good, cni_version="0.4.0")
    yield _inline("whose view has another plugin", MISMATCH, good, plugins=[{"type": "loopback"}])
    yield _inline(
        "whose view has one plugin more", MISMATCH, good, plugins=[{"type": "ptp"}, {"type": "ptp"}]
    )
    yield _inline(
        "whose view has another configuration",
        MISMATCH,
        good,
        plugins=[{"type": "ptp", "json": b'{"type":"ptp"}'}],
    )
    yield _inline("whose view has 33 plugins", INVALID, good, plugins=[{"type": "ptp"}] * 33)
    yield _inline("whose view's type is a path", INVALID, good, plugins=[{"type": "/bin/sh"}])
    yield _inline("of 256 KiB and a byte", INVALID, b" " * (262145 - len(good)) + good)
    yield _inline("of 33 plugins", MISMATCH, conflist("inline", *[ptp()] * 33))
    for name, plugin in (
        ("joins a bridge of the host", {"type": "bridge", "bridge": "br-mgmt"}),
        ("joins a bridge of the host, its type in another case", {"Type": "bridge", "bridge": "br-mgmt"}),
        ("writes reservations elsewhere", {**ptp(), "ipam": {"type": "host-local", "dataDir": "x"}}),
        ("sets the host's sysctls", {"type": "tuning", "SysCtl": {"net.ipv4.ip_forward": "0"}}),
        ("gives itself capability arguments", {**ptp(), "runtimeConfig": {"mac": "02:00:00:00:00:01"}}),
        ("runs another program", {"type": "evil"}),
        ("leads a plugin to a file", {**ptp(), "note": "/etc/shadow"}),
    ):
        yield _inline(f"that {name}", DENIED, conflist("inline", plugin))
    yield _inline("of a version that is none", NO_PLUGIN, conflist("inline", ptp(), version="9.9.x"))


def _numbers() -> Iterator[Attack]:
    for name, seconds, nanos in (
        ("zero", 0, 0),
        ("below zero", -1, 0),
        ("an hour and a second", 3601, 0),
        ("as long as a number can be", (1 << 63) - 1, 0),
        ("with nanoseconds of another sign", 1, -1),
        ("with too many nanoseconds", 1, 2_000_000_000),
    ):
        yield Attack(f"operation_timeout {name}", "SetupNetwork", _timed(seconds, nanos), INVALID)
    yield Attack(
        "page_size below zero",
        "ListNetworks",
        lambda _: pb.ListNetworksRequest(page_size=-1).SerializeToString(),
        INVALID,
    )
    yield Attack("phase that is none", "ListNetworks", lambda _: b"\x1a\x01\x63", INVALID)
    yield Attack("17 phases", "ListNetworks", lambda _: b"\x1a\x11" + b"\x02" * 17, INVALID)
    yield Attack("half a million phases", "ListNetworks", lambda _: _field(3, b"\x02" * 500_000), LIMIT)
    yield Attack("half a million VMs to watch", "WatchNetworks", lambda _: b"\x0a\x00" * 500_000, LIMIT)
    yield Attack(
        "1001 VMs to watch",
        "WatchNetworks",
        lambda _: pb.WatchNetworksRequest(vm_ids=["a"] * 1001).SerializeToString(),
        INVALID,
    )
    yield Attack(
        "a revision of the future to watch from",
        "WatchNetworks",
        lambda _: pb.WatchNetworksRequest(after_revision=(1 << 64) - 1).SerializeToString(),
        LOST,
    )
    yield Attack(
        "10001 valid VMs",
        "CollectGarbage",
        lambda _: pb.CollectGarbageRequest(valid_vm_ids=["a"] * 10001, as_of_revision=1).SerializeToString(),
        INVALID,
    )


def _timed(seconds: int, nanos: int) -> Make:
    def make(_: World) -> bytes:
        asked = request("attacker")
        asked.operation_timeout.seconds = seconds
        asked.operation_timeout.nanos = nanos
        return asked.SerializeToString()

    return make


def _shapes() -> Iterator[Attack]:
    def spec(change: Callable[[pb.SetupNetworkRequest], object]) -> Make:
        def make(_: World) -> bytes:
            asked = request("attacker")
            change(asked)
            return asked.SerializeToString()

        return make

    def add(asked: pb.SetupNetworkRequest, **fields: Any) -> None:
        asked.spec.network_interfaces.interfaces.add(**fields)

    def crowd(asked: pb.SetupNetworkRequest) -> None:
        for _ in range(32):
            add(asked, static_configuration={"host_dev_name": "t"})

    def first(asked: pb.SetupNetworkRequest) -> Any:
        return asked.spec.network_interfaces.interfaces[0]

    def ip(**fields: Any) -> Make:
        given = {"ip_addr": "10.0.0.2/24", "gateway": "10.0.0.1", **fields}
        static = {"host_dev_name": "tap0", "ip_configuration": given}

        def make(_: World) -> bytes:
            asked = pb.SetupNetworkRequest(vm_id="attacker")
            add(asked, static_configuration=static)
            return asked.SerializeToString()

        return make

    for name, make in (
        (
            "33 interfaces",
            spec(crowd),
        ),
        ("two ways in one interface", spec(lambda asked: first(asked).static_configuration.SetInParent())),
        ("two chains", spec(lambda asked: add(asked, cni_configuration={"network_name": "fcnet"}))),
        ("an interface of nothing", spec(add)),
        (
            "a network by name and inline",
            spec(lambda asked: first(asked).cni_configuration.network_config.SetInParent()),
        ),
        ("no spec", lambda _: pb.SetupNetworkRequest(vm_id="attacker").SerializeToString()),
        ("kernel arguments with ip=", spec(lambda asked: setattr(asked, "kernel_args", "quiet\tip=dhcp"))),
        ("kernel arguments with a NUL", spec(lambda asked: setattr(asked, "kernel_args", "quiet\0"))),
        ("kernel arguments of 4097 bytes", spec(lambda asked: setattr(asked, "kernel_args", "a" * 4097))),
        ("an IPv4 address in IPv6", ip(ip_addr="::ffff:10.0.0.2/120")),
        ("an address that ends ip= early", ip(ip_addr="10.0.0.2/24:::::")),
        ("an address in octal", ip(ip_addr="010.0.0.2/24")),
        ("a gateway that ends ip= early", ip(gateway="10.0.0.1:255.0.0.0")),
        ("a nameserver that ends ip= early", ip(nameservers=["8.8.8.8:x"])),
        ("three nameservers", ip(nameservers=["8.8.8.8"] * 3)),
        ("a guest's interface that ends ip= early", ip(if_name="eth0:off")),
    ):
        yield Attack(f"spec with {name}", "SetupNetwork", make, INVALID)
    for name, inside in (
        ("interfaces", b"\x0a\x00" * 500_000),
        ("arguments", _field(1, _field(2, b"\x2a\x00" * 500_000))),
        ("views of plugins", _field(1, _field(2, _field(2, b"\x32\x00" * 500_000)))),
    ):
        raw = _wire(1, "attacker") + _field(2, _field(1, inside))
        yield Attack(f"spec with half a million {name}", "SetupNetwork", _always(raw), LIMIT)
    yield Attack(
        "half a million unknown fields of a set-up",
        "SetupNetwork",
        lambda _: request("attacker").SerializeToString() + b"\xf8\x3f\x01" * 300_000,
        UNKNOWN,
    )
    deep = "spec.network_interfaces.interfaces.cni_configuration"
    unknown = b"\xfa\x3f\x01x"
    yield Attack(
        "unknown field of a set-up",
        "SetupNetwork",
        lambda _: request("attacker").SerializeToString() + unknown,
        UNKNOWN,
    )
    yield Attack(
        f"unknown field in {deep}",
        "SetupNetwork",
        spec(lambda asked: first(asked).cni_configuration.MergeFromString(unknown)),
        UNKNOWN,
    )
    yield Attack(
        "unknown field of a teardown", "TeardownNetwork", lambda _: _wire(1, "attacker") + unknown, UNKNOWN
    )
    yield Attack(
        "unknown field of a collection", "CollectGarbage", lambda _: b"\x10\x01\x20\x01" + unknown, UNKNOWN
    )


def _others_networks() -> Iterator[Attack]:
    yield Attack("read somebody else's network", "GetNetwork", lambda _: _wire(1, VICTIM), NOT_FOUND)
    yield Attack("describe somebody else's network", "DescribeNetwork", lambda _: _wire(1, VICTIM), NOT_FOUND)
    yield Attack("check somebody else's network", "CheckNetwork", lambda _: _wire(1, VICTIM), NOT_FOUND)
    yield _set_up("take somebody else's vm_id", CONFLICT, vm_id=VICTIM)
    yield _set_up("try a spec out on somebody else's vm_id", CONFLICT, vm_id=VICTIM, validate_only=True)
    yield _set_up(
        "move into somebody else's namespace", PATH, netns_path=f"/var/run/netns/{VICTIM}", if_name="eth9"
    )
    yield _set_up(
        "move into somebody else's namespace by another way",
        PATH,
        netns_path=f"/run/netns/./{VICTIM}",
        if_name="eth9",
    )
    yield _set_up("move into a namespace of the host by its name", PATH, vm_id="mgmt")
    yield _set_up("try a namespace of the host by its name", PATH, vm_id="mgmt", validate_only=True)
    yield _set_up("write into somebody else's cache", PATH, cache_dir=f"/var/lib/cni/{VICTIM}")
    yield _set_up("write into host-local's directory", PATH, cache_dir="/var/lib/cni/networks/fcnet")
    yield Attack("follow somebody else's set-up", "SetupNetwork", _resumed, LOST)
    yield Attack(
        "follow a teardown with the uid of somebody else's set-up",
        "TeardownNetwork",
        lambda world: pb.TeardownNetworkRequest(
            vm_id=VICTIM, resume=pb.ResumePosition(uid=world.victim_uid, sequence=0)
        ).SerializeToString(),
        LOST,
    )
    yield Attack(
        "follow a set-up that never was",
        "SetupNetwork",
        lambda _: request(
            "attacker", resume={"uid": "f" * 32, "sequence": (1 << 64) - 1}
        ).SerializeToString(),
        LOST,
    )
    yield Attack(
        "follow a set-up with a uid that climbs",
        "SetupNetwork",
        lambda _: request("attacker", resume={"uid": "../" * 30, "sequence": 1}).SerializeToString(),
        INVALID,
    )


def _resumed(world: World) -> bytes:
    return request(VICTIM, resume={"uid": world.victim_uid, "sequence": 1}).SerializeToString()


def _pages() -> Iterator[Attack]:
    def page(make: Callable[[World], str], **fields: Any) -> Make:
        return lambda world: pb.ListNetworksRequest(page_token=make(world), **fields).SerializeToString()

    def forged(world: World) -> str:
        raw = base64.urlsafe_b64decode(world.own_token)
        return base64.urlsafe_b64encode(raw[:16] + VICTIM.encode()).decode()

    for name, make in (
        ("of somebody else", page(lambda world: world.others_token, page_size=1)),
        ("replayed with another filter", page(lambda world: world.own_token, phases=[2])),
        ("that names another place", page(forged)),
        ("cut short", page(lambda world: world.own_token[:8])),
        (
            "with a bit turned",
            page(lambda world: ("B" if world.own_token[0] == "A" else "A") + world.own_token[1:]),
        ),
        ("that is no base64", page(lambda _: "!!!!")),
        ("of nothing but a mark", page(lambda _: base64.urlsafe_b64encode(b"\0" * 16).decode())),
        ("that is not UTF-8 within", page(lambda _: base64.urlsafe_b64encode(b"\0" * 16 + b"\xff").decode())),
        ("of 1025 bytes", page(lambda _: "A" * 1025)),
    ):
        yield Attack(f"page token {name}", "ListNetworks", make, INVALID)


def _bytes() -> Iterator[Attack]:
    yield Attack("bytes that are no message", "SetupNetwork", lambda _: b"\xff" * 100, INVALID)
    yield Attack("a length beyond the end", "SetupNetwork", lambda _: b"\x0a\xff\xff\xff\x7fx", INVALID)
    yield Attack("groups in groups", "SetupNetwork", lambda _: b"\x7b" * 200, INVALID)
    yield Attack("a vm_id that is not UTF-8", "SetupNetwork", lambda _: b"\x0a\x02\xc3\x28", INVALID)
    yield Attack("a megabyte and more", "SetupNetwork", lambda _: _wire(3, "a" * (1 << 20)), LIMIT)
    yield Attack(
        "two million interfaces",
        "SetupNetwork",
        lambda _: _field(2, _field(1, b"\x0a\x00" * 2_000_000)),
        LIMIT,
    )
    yield Attack("five megabytes", "SetupNetwork", lambda _: _wire(3, "a" * (5 << 20)), TOO_LONG)
    yield Attack("an RPC that is none", "Reboot", lambda _: b"", NO_SUCH_RPC)
    yield Attack(
        "a path that is none", "/../vmplumb.v1.NetworkAgentService/GetStatus", lambda _: b"", NO_SUCH_RPC
    )


def _policy() -> Iterator[Attack]:
    yield Attack("a diagnosis by somebody who is no administrator", "DiagnoseHost", lambda _: b"", DENIED)
    cordon = pb.CordonHostRequest(cordoned=True, reason="x").SerializeToString()
    yield Attack("a cordon by somebody who is no administrator", "CordonHost", lambda _: cordon, DENIED)
    yield Attack(
        "unknown field of a cordon", "CordonHost", lambda _: cordon + b"\xfa\x3f\x01x", UNKNOWN, "root"
    )
    yield Attack(
        "a cordon with a long reason",
        "CordonHost",
        lambda _: pb.CordonHostRequest(cordoned=True, reason="x" * 257).SerializeToString(),
        INVALID,
        "root",
    )
    for option in ("collect_leaks", "as_one_group", "drain_pools", "quarantine"):
        yield Attack(
            f"a collection with {option} by somebody who is no administrator",
            "CollectGarbage",
            _collection(option),
            DENIED,
        )
    yield _set_up("a network that no rule names", DENIED, "narrow", network="other")
    yield _set_up(
        "an argument that no rule names", DENIED, "narrow", args=[{"key": "IP", "value": "10.0.0.9"}]
    )
    yield _set_up(
        "a capability that no rule names", DENIED, "narrow", capability_args=b'{"ips":["10.0.0.9/8"]}'
    )
    yield _set_up("a directory that no rule lets one choose", DENIED, "narrow", bin_path=["/opt/cni/bin"])
    yield _set_up("a namespace that no rule lets one choose", DENIED, "narrow", netns_path="/var/run/netns/x")
    yield Attack("an RPC that no rule names", "GetStatus", lambda _: b"", DENIED, "narrow")


def _collection(option: str) -> Make:
    asked = pb.CollectGarbageRequest(allow_empty=True, as_of_revision=1)
    setattr(asked, option, True)
    return lambda _: asked.SerializeToString()


def _wire(number: int, text: str) -> bytes:
    """A string field as it stands on the wire."""
    return _field(number, text.encode())


def _always(raw: bytes) -> Make:
    return lambda _: raw


def _field(number: int, raw: bytes) -> bytes:
    """A field of bytes, or a message in a message, as it stands on the wire."""
    size, prefix = len(raw), bytearray()
    while True:
        byte, size = size & 0x7F, size >> 7
        prefix.append(byte | (0x80 if size else 0))
        if not size:
            return bytes([number << 3 | 2]) + bytes(prefix) + raw


def _short(text: str) -> str:
    shown = text.replace("\0", "<NUL>")
    return shown if len(shown) < 50 else f"{shown[:10]}... of {len(text)} bytes"
