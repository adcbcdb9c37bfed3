"""A spec as the journal keeps it: the bytes of the contract's message `NetworkSpec`, without protobuf.

The daemon writes a spec as it came, a program that has the agent in process as this module encodes it; both
are the same bytes for the same spec, so one journal serves either, and tests hold them to that. Fields are
written in the order of their numbers, what is unset or empty is left out, and an unknown field is passed by
(https://protobuf.dev/programming-guides/encoding/).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from ipaddress import IPv4Address, IPv4Interface
from typing import TypeAlias

from vmplumbd.model.spec import (
    CniConfiguration,
    IpConfiguration,
    NetworkInterface,
    NetworkSpec,
    RateLimiter,
    StaticNetworkConfiguration,
    TapOptions,
    TokenBucket,
)

_VARINT, _FIXED64, _LENGTH = 0, 1, 2
# The largest varint protobuf knows is ten bytes long.
_MOST_SHIFT = 63

Fields: TypeAlias = "Iterator[tuple[int, int | bytes]]"


class Damaged(ValueError):
    """The bytes are no message."""


def encode(spec: NetworkSpec) -> bytes:
    """The spec's bytes. Pure. The spec has passed `model.rules` before."""
    interfaces = b"".join(_message(1, _interface(one)) for one in spec.interfaces)
    return _message(1, interfaces) + _text(2, spec.netns_path) + _bool(3, value=spec.firecracker_accepts_mtu)


def decode(raw: bytes) -> NetworkSpec:
    """The spec of the bytes. Raises ValueError."""
    interfaces: list[NetworkInterface] = []
    netns_path = ""
    accepts_mtu = False
    for number, value in _fields(raw):
        match number, value:
            case 1, bytes():
                interfaces += [
                    _read_interface(inner)
                    for below, inner in _fields(value)
                    if below == 1 and isinstance(inner, bytes)
                ]
            case 2, bytes():
                netns_path = value.decode()
            case 3, int():
                accepts_mtu = bool(value)
    return NetworkSpec(
        interfaces=tuple(interfaces), netns_path=netns_path, firecracker_accepts_mtu=accepts_mtu
    )


def spec_hash(raw: bytes) -> bytes:
    """What two specs are compared by."""
    return hashlib.sha256(raw).digest()


# Writing.


def _interface(one: NetworkInterface) -> bytes:
    return (
        (b"" if one.static is None else _message(1, _static(one.static)))
        + (b"" if one.cni is None else _message(2, _cni(one.cni)))
        + _bool(3, value=one.allow_mmds)
        + (b"" if one.in_rate_limiter is None else _message(4, _limiter(one.in_rate_limiter)))
        + (b"" if one.out_rate_limiter is None else _message(5, _limiter(one.out_rate_limiter)))
    )


def _static(one: StaticNetworkConfiguration) -> bytes:
    ip = one.ip_configuration
    return (
        _text(1, one.mac_address)
        + _text(2, one.host_dev_name)
        + (b"" if ip is None else _message(3, _ip(ip)))
    )


def _ip(one: IpConfiguration) -> bytes:
    return (
        _text(1, str(one.ip_addr))
        + _text(2, "" if one.gateway is None else str(one.gateway))
        + _texts(3, one.nameservers)
        + _text(4, one.if_name)
    )


def _cni(one: CniConfiguration) -> bytes:
    inline = b"" if one.network_config is None else _message(2, _octets(7, one.network_config))
    args = b"".join(_message(5, _text(1, key) + _text(2, value)) for key, value in one.args)
    return (
        _text(1, one.network_name)
        + inline
        + _text(3, one.if_name)
        + _text(4, one.vm_if_name)
        + args
        + _texts(6, one.bin_path)
        + _text(7, one.conf_dir)
        + _text(8, one.cache_dir)
        + _bool(9, value=one.force)
        + (b"" if one.tap is None else _message(10, _tap(one.tap)))
        + _octets(11, one.capability_args)
    )


def _tap(one: TapOptions) -> bytes:
    return _text(1, one.name) + _number(2, one.uid) + _number(3, one.gid)


def _limiter(one: RateLimiter) -> bytes:
    return (b"" if one.bandwidth is None else _message(1, _bucket(one.bandwidth))) + (
        b"" if one.ops is None else _message(2, _bucket(one.ops))
    )


def _bucket(one: TokenBucket) -> bytes:
    return _number(1, one.one_time_burst) + _number(2, one.refill_time_ms) + _number(3, one.size)


def _message(number: int, body: bytes) -> bytes:
    return _varint(number << 3 | _LENGTH) + _varint(len(body)) + body


def _octets(number: int, value: bytes) -> bytes:
    return _message(number, value) if value else b""


def _text(number: int, value: str) -> bytes:
    return _octets(number, value.encode())


def _texts(number: int, values: Iterable[str]) -> bytes:
    return b"".join(_message(number, one.encode()) for one in values)


def _bool(number: int, *, value: bool) -> bytes:
    return _number(number, 1) if value else b""


def _number(number: int, value: int | None) -> bytes:
    return b"" if value is None else _varint(number << 3 | _VARINT) + _varint(value)


def _varint(value: int) -> bytes:
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)


# Reading.


def _read_interface(raw: bytes) -> NetworkInterface:
    static = cni = limit_in = limit_out = None
    mmds = False
    for number, value in _fields(raw):
        match number, value:
            case 1, bytes():
                static = _read_static(value)
            case 2, bytes():
                cni = _read_cni(value)
            case 3, int():
                mmds = bool(value)
            case 4, bytes():
                limit_in = _read_limiter(value)
            case 5, bytes():
                limit_out = _read_limiter(value)
    return NetworkInterface(
        static=static, cni=cni, allow_mmds=mmds, in_rate_limiter=limit_in, out_rate_limiter=limit_out
    )


def _read_static(raw: bytes) -> StaticNetworkConfiguration:
    words = _words(raw)
    inner = [value for number, value in _fields(raw) if number == 3 and isinstance(value, bytes)]
    return StaticNetworkConfiguration(
        mac_address=words(1), host_dev_name=words(2), ip_configuration=_read_ip(inner[-1]) if inner else None
    )


def _read_ip(raw: bytes) -> IpConfiguration:
    words = _words(raw)
    try:
        return IpConfiguration(
            ip_addr=IPv4Interface(words(1)),
            gateway=IPv4Address(words(2)),
            nameservers=tuple(
                value.decode() for number, value in _fields(raw) if number == 3 and isinstance(value, bytes)
            ),
            if_name=words(4),
        )
    except ValueError as exc:
        raise Damaged(f"an address of the spec cannot be read: {exc}") from exc


def _read_cni(raw: bytes) -> CniConfiguration:
    words = _words(raw)
    inline: bytes | None = None
    args: list[tuple[str, str]] = []
    bin_path: list[str] = []
    force = False
    tap: TapOptions | None = None
    capability_args = b""
    for number, value in _fields(raw):
        match number, value:
            case 2, bytes():
                inline = b"".join(
                    inner for below, inner in _fields(value) if below == 7 and isinstance(inner, bytes)
                )
            case 5, bytes():
                pair = _words(value)
                args.append((pair(1), pair(2)))
            case 6, bytes():
                bin_path.append(value.decode())
            case 9, int():
                force = bool(value)
            case 10, bytes():
                tap = _read_tap(value)
            case 11, bytes():
                capability_args = value
    return CniConfiguration(
        network_name=words(1),
        network_config=inline,
        if_name=words(3),
        vm_if_name=words(4),
        args=tuple(args),
        bin_path=tuple(bin_path),
        conf_dir=words(7),
        cache_dir=words(8),
        force=force,
        tap=tap,
        capability_args=capability_args,
    )


def _read_tap(raw: bytes) -> TapOptions:
    numbers = _numbers(raw)
    return TapOptions(name=_words(raw)(1), uid=numbers.get(2), gid=numbers.get(3))


def _read_limiter(raw: bytes) -> RateLimiter:
    found = {number: _read_bucket(value) for number, value in _fields(raw) if isinstance(value, bytes)}
    return RateLimiter(bandwidth=found.get(1), ops=found.get(2))


def _read_bucket(raw: bytes) -> TokenBucket:
    numbers = _numbers(raw)
    return TokenBucket(
        size=numbers.get(3, 0), refill_time_ms=numbers.get(2, 0), one_time_burst=numbers.get(1)
    )


def _words(raw: bytes) -> Callable[[int], str]:
    """The text of a field; the last one given counts."""
    found = {number: value for number, value in _fields(raw) if isinstance(value, bytes)}
    return lambda number: found.get(number, b"").decode()


def _numbers(raw: bytes) -> dict[int, int]:
    return {number: value for number, value in _fields(raw) if isinstance(value, int)}


def _fields(raw: bytes) -> Fields:
    """(number, value) of each field, in the order of the bytes. Raises Damaged."""
    at = 0
    while at < len(raw):
        tag, at = _read_varint(raw, at)
        number, kind = tag >> 3, tag & 7
        match kind:
            case 0:
                value, at = _read_varint(raw, at)
                yield number, value
            case 2:
                size, at = _read_varint(raw, at)
                yield number, _cut(raw, at, size)
                at += size
            case 1 | 5:
                _cut(raw, at, 8 if kind == _FIXED64 else 4)
                at += 8 if kind == _FIXED64 else 4
            case _:
                raise Damaged(f"field {number} of the spec has the unknown wire type {kind}")


def _cut(raw: bytes, at: int, size: int) -> bytes:
    if at + size > len(raw):
        raise Damaged("the spec is cut off")
    return raw[at : at + size]


def _read_varint(raw: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(raw) or shift > _MOST_SHIFT:
            raise Damaged("a number of the spec is cut off, or too long")
        byte = raw[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
