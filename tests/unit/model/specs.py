"""Specs as messages and as values of the model: what tests compare the two encodings and judges on."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Interface

from hypothesis import strategies as st

from vmplumb.v1 import vm_network_pb2
from vmplumbd.model import spec as model

# Near the edges of every rule, and text of any kind.
WORDS = [
    "", "a", "eth0", "eth0\n", "tap%d", "a/b", "a:b", ".", "..", "a" * 15, "a" * 16, "é" * 8, "networks",
    "a" * 64, "a" * 65, "\x00", "10.0.0.1", "256.0.0.1", "1.2.3.4\n", "١.2.3.4", "::1", "/run/netns/a",
    "/run/netns/", "/", "run", "/a:b", "IgnoreUnknown", "TC_REDIRECT_TAP_UID", "K=V", "a;b",
    "00:11:22:33:44:55", "00-11-22-33-44-55", "x" * 1025, "n" * 128, "n" * 129,
]  # fmt: skip
TEXT = st.sampled_from(WORDS) | st.text(max_size=6)
NUMBERS = st.sampled_from([0, 1, 127, 128, 4294967294, 4294967295])
MAYBE = st.none() | NUMBERS
JSON = st.sampled_from([b"", b"{}", b"[]", b'{"a":', b'{"a": NaN}', b"\xff", b"{}".ljust(65537)])

TAPS = st.builds(model.TapOptions, name=TEXT, uid=MAYBE, gid=MAYBE)
BUCKETS = st.builds(
    model.TokenBucket,
    size=st.integers(0, 1 << 40),
    refill_time_ms=st.integers(0, 1 << 40),
    one_time_burst=st.none() | st.integers(0, (1 << 63) - 1),
)
LIMITERS = st.builds(model.RateLimiter, bandwidth=st.none() | BUCKETS, ops=st.none() | BUCKETS)
IPS = st.builds(
    model.IpConfiguration,
    ip_addr=st.builds(
        lambda address, prefix: IPv4Interface((address, prefix)), st.ip_addresses(v=4), st.integers(0, 32)
    ),
    gateway=st.ip_addresses(v=4).map(lambda one: IPv4Address(str(one))),
    nameservers=st.lists(TEXT, max_size=3).map(tuple),
    if_name=TEXT,
)
STATICS = st.builds(
    model.StaticNetworkConfiguration,
    host_dev_name=TEXT,
    mac_address=TEXT,
    ip_configuration=st.none() | IPS,
)
CNIS = st.builds(
    model.CniConfiguration,
    network_name=TEXT,
    network_config=st.none() | JSON,
    if_name=TEXT,
    vm_if_name=TEXT,
    args=st.lists(st.tuples(TEXT, TEXT), max_size=3).map(tuple),
    capability_args=JSON,
    bin_path=st.lists(TEXT, max_size=3).map(tuple),
    conf_dir=TEXT,
    cache_dir=TEXT,
    force=st.booleans(),
    tap=st.none() | TAPS,
)
INTERFACES = st.builds(
    model.NetworkInterface,
    static=st.none() | STATICS,
    cni=st.none() | CNIS,
    allow_mmds=st.booleans(),
    in_rate_limiter=st.none() | LIMITERS,
    out_rate_limiter=st.none() | LIMITERS,
)
SPECS = st.builds(
    model.NetworkSpec,
    interfaces=st.lists(INTERFACES, max_size=2).map(tuple),
    netns_path=TEXT,
    firecracker_accepts_mtu=st.booleans(),
)


def message(spec: model.NetworkSpec) -> vm_network_pb2.NetworkSpec:
    """The message of a spec, made field by field with protobuf's own classes."""
    made = vm_network_pb2.NetworkSpec(
        netns_path=spec.netns_path, firecracker_accepts_mtu=spec.firecracker_accepts_mtu
    )
    made.network_interfaces.SetInParent()
    for one in spec.interfaces:
        interface = made.network_interfaces.interfaces.add(allow_mmds=one.allow_mmds)
        if one.static is not None:
            static = interface.static_configuration
            static.SetInParent()
            static.host_dev_name, static.mac_address = one.static.host_dev_name, one.static.mac_address
            if (ip := one.static.ip_configuration) is not None:
                static.ip_configuration.ip_addr = str(ip.ip_addr)
                static.ip_configuration.gateway = str(ip.gateway)
                static.ip_configuration.nameservers.extend(ip.nameservers)
                static.ip_configuration.if_name = ip.if_name
        if one.cni is not None:
            cni = interface.cni_configuration
            cni.SetInParent()
            for name in (
                "network_name", "if_name", "vm_if_name", "conf_dir", "cache_dir", "force", "capability_args"
            ):  # fmt: skip
                setattr(cni, name, getattr(one.cni, name))
            cni.bin_path.extend(one.cni.bin_path)
            for key, value in one.cni.args:
                cni.args.add(key=key, value=value)
            if one.cni.network_config is not None:
                cni.network_config.SetInParent()
                cni.network_config.json = one.cni.network_config
            if one.cni.tap is not None:
                cni.tap.SetInParent()
                cni.tap.name = one.cni.tap.name
                for name in ("uid", "gid"):
                    if (number := getattr(one.cni.tap, name)) is not None:
                        setattr(cni.tap, name, number)
        for name in ("in_rate_limiter", "out_rate_limiter"):
            limiter: model.RateLimiter | None = getattr(one, name)
            if limiter is None:
                continue
            getattr(interface, name).SetInParent()
            for kind in ("bandwidth", "ops"):
                bucket: model.TokenBucket | None = getattr(limiter, kind)
                if bucket is None:
                    continue
                into = getattr(getattr(interface, name), kind)
                into.size, into.refill_time = bucket.size, bucket.refill_time_ms
                if bucket.one_time_burst is not None:
                    into.one_time_burst = bucket.one_time_burst
    return made
