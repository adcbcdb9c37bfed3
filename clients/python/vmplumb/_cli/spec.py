"""A NetworkSpec from a command line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

import click
from google.protobuf import json_format

from vmplumb.v1.cni_pb2 import CNIArg, NetworkConfigList
from vmplumb.v1.network_pb2 import CNIConfiguration, NetworkInterface
from vmplumb.v1.rate_limiter_pb2 import RateLimiter, TokenBucket
from vmplumb.v1.vm_network_pb2 import NetworkSpec

_BUCKET = re.compile(r"(?P<size>\d+[KMG]?)/(?P<refill>\d+)(?P<unit>ms|s)?(\+(?P<burst>\d+[KMG]?))?")
_UNITS = {"K": 1024, "M": 1024**2, "G": 1024**3}


@dataclass(frozen=True, kw_only=True, slots=True)
class SpecOptions:
    """What the options of set-up say."""

    network: str | None
    config: bytes | None
    if_name: str
    vm_if_name: str
    netns: str
    args: tuple[str, ...]
    capability_args: str
    tap_name: str
    tap_uid: int | None
    tap_gid: int | None
    force: bool
    mmds: bool
    bin_path: tuple[str, ...]
    conf_dir: str
    cache_dir: str
    in_bandwidth: str | None
    in_ops: str | None
    out_bandwidth: str | None
    out_ops: str | None
    firecracker_accepts_mtu: bool


def from_options(options: SpecOptions) -> NetworkSpec:
    """One interface by CNI. Raises click.BadParameter for what cannot be read; the agent judges the rest."""
    cni = CNIConfiguration(
        network_name=options.network or "",
        if_name=options.if_name,
        vm_if_name=options.vm_if_name,
        args=_args(options.args),
        bin_path=options.bin_path,
        conf_dir=options.conf_dir,
        cache_dir=options.cache_dir,
        force=options.force,
        capability_args=_capability_args(options.capability_args),
    )
    if options.config is not None:
        cni.network_config.CopyFrom(NetworkConfigList(json=options.config))
    if options.tap_name or options.tap_uid is not None or options.tap_gid is not None:
        cni.tap.name = options.tap_name
        if options.tap_uid is not None:
            cni.tap.uid = options.tap_uid
        if options.tap_gid is not None:
            cni.tap.gid = options.tap_gid
    interface = NetworkInterface(cni_configuration=cni, allow_mmds=options.mmds)
    if options.in_bandwidth or options.in_ops:
        interface.in_rate_limiter.CopyFrom(_limiter("in", options.in_bandwidth, options.in_ops))
    if options.out_bandwidth or options.out_ops:
        interface.out_rate_limiter.CopyFrom(_limiter("out", options.out_bandwidth, options.out_ops))
    spec = NetworkSpec(netns_path=options.netns, firecracker_accepts_mtu=options.firecracker_accepts_mtu)
    spec.network_interfaces.interfaces.append(interface)
    return spec


def from_json(text: bytes) -> NetworkSpec:
    """A spec in proto JSON. Raises click.BadParameter."""
    try:
        return json_format.Parse(text, NetworkSpec())
    except (json_format.ParseError, UnicodeDecodeError) as exc:
        raise click.BadParameter(f"no NetworkSpec in JSON: {exc}", param_hint="--spec") from exc


def bucket(text: str, option: str) -> TokenBucket:
    """SIZE/REFILL[+BURST] as a token bucket. Raises click.BadParameter."""
    match = _BUCKET.fullmatch(text)
    if match is None:
        raise click.BadParameter(
            f"{text!r} is not SIZE/REFILL[+BURST], as 10M/100ms+1M", param_hint=f"--{option}"
        )
    milliseconds = int(match["refill"]) * (1000 if match["unit"] == "s" else 1)
    made = TokenBucket(size=_amount(match["size"]), refill_time=milliseconds)
    if match["burst"] is not None:
        made.one_time_burst = _amount(match["burst"])
    return made


def _limiter(way: str, bandwidth: str | None, ops: str | None) -> RateLimiter:
    return RateLimiter(
        bandwidth=bucket(bandwidth, f"{way}-bandwidth") if bandwidth else None,
        ops=bucket(ops, f"{way}-ops") if ops else None,
    )


def _amount(text: str) -> int:
    return int(text[:-1]) * _UNITS[text[-1]] if text[-1] in _UNITS else int(text)


def _args(pairs: Iterable[str]) -> list[CNIArg]:
    made: list[CNIArg] = []
    for pair in pairs:
        key, found, value = pair.partition("=")
        if not found:
            raise click.BadParameter(f"{pair!r} is not KEY=VALUE", param_hint="--arg")
        made.append(CNIArg(key=key, value=value))
    return made


def _capability_args(text: str) -> bytes:
    if not text:
        return b""
    try:
        value = json.loads(text)
    except ValueError as exc:
        raise click.BadParameter(f"no JSON: {exc}", param_hint="--capability-args") from exc
    if not isinstance(value, dict):
        raise click.BadParameter("no JSON object", param_hint="--capability-args")
    return text.encode()
