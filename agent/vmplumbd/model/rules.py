"""The contract's rules of a set-up, judged on the model itself: for callers who send no message.

The same rule ids, fields, order and words as `rpc.rules` reads from the descriptors; tests hold the two to
the same answers. What needs the host is judged later, by the operation.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Interface
from typing import NoReturn

from vmplumbd.errors import Violation
from vmplumbd.model.ids import RESERVED_VM_IDS
from vmplumbd.model.spec import (
    MOST_ARGS_BYTES,
    CniConfiguration,
    IpConfiguration,
    NetworkInterface,
    NetworkSpec,
    RateLimiter,
    StaticNetworkConfiguration,
    TapOptions,
)

MOST_INTERFACES = 32
MOST_ARGS = 128
MOST_BIN_PATHS = 16
MOST_JSON = 256 * 1024
MOST_CAPABILITY_ARGS = 64 * 1024
LONGEST_TIMEOUT = 3600

_DEVICE_NAME = re.compile(r"[!-$&-.0-9;-~]{1,15}")
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4 = re.compile(rf"(?:{_OCTET}\.){{3}}{_OCTET}")
_INTERFACE_NAME = "must be 1 to 15 bytes of printable ASCII, not . or .., without /, :, % or space"


def violations(vm_id: str, spec: NetworkSpec, *, timeout: float | None = None) -> tuple[Violation, ...]:
    """Every rule that the request breaks, in the order of the contract's fields. Pure."""
    return tuple(_request(vm_id, spec, timeout))


def _request(vm_id: str, spec: NetworkSpec, timeout: float | None) -> Iterator[Violation]:
    yield from _text("vm_id", vm_id, "[a-zA-Z0-9][a-zA-Z0-9-]{0,63}")
    if vm_id in RESERVED_VM_IDS:
        yield _broken("vm_id", "string.not_in", "must not be in list [networks, results, cache]")
    place = "spec.network_interfaces"
    if len(spec.interfaces) > 1 and any(map(_gives_an_address, spec.interfaces)):
        yield _broken(
            place,
            "network_interfaces.ip_with_multiple",
            "cannot specify CNIConfiguration or IPConfiguration when multiple network interfaces are provided",
        )
    yield from _at_most(f"{place}.interfaces", spec.interfaces, MOST_INTERFACES)
    for index, interface in enumerate(spec.interfaces):
        yield from _interface(f"{place}.interfaces[{index}]", interface)
    if spec.netns_path:
        yield from _text("spec.netns_path", spec.netns_path, r"/[^\x00]*[^/\x00]", most=4095)
    if timeout is not None and not 0 < timeout <= LONGEST_TIMEOUT:
        said = f"must be greater than 0s and less than or equal to {LONGEST_TIMEOUT}s"
        yield _broken("operation_timeout", "duration.gt_lte", said)
    for index, interface in enumerate(spec.interfaces):
        if interface.cni is not None:
            yield from _beyond_patterns(f"{place}.interfaces[{index}].cni_configuration", interface.cni)


def _interface(place: str, interface: NetworkInterface) -> Iterator[Violation]:
    if interface.cni is None and interface.static is None:
        yield _broken(
            place,
            "network_interface.neither",
            "must specify at least one of CNIConfiguration or StaticConfiguration for network interfaces",
        )
    if interface.cni is not None and interface.static is not None:
        yield _broken(
            place,
            "network_interface.both",
            "cannot provide both CNIConfiguration and StaticConfiguration for a network interface",
        )
    if interface.static is not None:
        yield from _static(f"{place}.static_configuration", interface.static)
    if interface.cni is not None:
        yield from _cni(f"{place}.cni_configuration", interface.cni)
    for name in ("in_rate_limiter", "out_rate_limiter"):
        limiter: RateLimiter | None = getattr(interface, name)
        if limiter is not None:
            yield from _limiter(f"{place}.{name}", limiter)


def _static(place: str, static: StaticNetworkConfiguration) -> Iterator[Violation]:
    if static.mac_address:
        yield from _text(f"{place}.mac_address", static.mac_address, "([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}")
    if not static.host_dev_name:
        yield _broken(
            f"{place}.host_dev_name",
            "static_network_configuration.host_dev_name",
            "HostDevName must be provided if StaticNetworkConfiguration is provided",
        )
    else:
        yield from _device(f"{place}.host_dev_name", static.host_dev_name)
    if static.ip_configuration is not None:
        yield from _ip(f"{place}.ip_configuration", static.ip_configuration)


def _ip(place: str, ip: IpConfiguration) -> Iterator[Violation]:
    for name, value, kind in (
        ("ip_addr", ip.ip_addr, IPv4Interface),
        ("gateway", ip.gateway, IPv4Address),
    ):
        if not isinstance(value, kind):
            rule = f"ip_configuration.{name}"
            yield _broken(f"{place}.{name}", rule, "invalid ip, only ipv4 addresses are supported")
    if len(ip.nameservers) > 2:
        said = "cannot specify more than 2 nameservers"
        yield _broken(f"{place}.nameservers", "ip_configuration.nameservers", said)
    for index, nameserver in enumerate(ip.nameservers):
        where = f"{place}.nameservers[{index}]"
        if not nameserver:
            yield _broken(where, "string.ipv4_empty", "value is empty, which is not a valid IPv4 address")
        elif _IPV4.fullmatch(nameserver) is None:
            yield _broken(where, "string.ipv4", "must be a valid IPv4 address")
    if ip.if_name:
        yield from _if_name(f"{place}.if_name", ip.if_name)


def _cni(place: str, cni: CniConfiguration) -> Iterator[Violation]:
    if not cni.network_name and cni.network_config is None:
        yield _broken(
            place,
            "cni_configuration.name_or_config",
            "must specify either NetworkName or NetworkConfig in CNIConfiguration",
        )
    if cni.network_name and cni.network_config is not None:
        yield _broken(
            place,
            "cni_configuration.name_and_config",
            "must not specify both NetworkName and NetworkConfig in CNIConfiguration",
        )
    if cni.tap is not None and any(
        key.startswith("TC_REDIRECT_TAP_") or key == "IgnoreUnknown" for key, _ in cni.args
    ):
        yield _broken(
            place,
            "cni_configuration.tap_and_args",
            "must not specify both tap and TC_REDIRECT_TAP_* or IgnoreUnknown in args",
        )
    if cni.network_name:
        yield from _text(f"{place}.network_name", cni.network_name, "[a-zA-Z0-9][a-zA-Z0-9_.-]*", most=128)
    if cni.network_config is not None:
        yield from _inline(f"{place}.network_config.json", cni.network_config)
    for name in ("if_name", "vm_if_name"):
        if value := getattr(cni, name):
            yield from _if_name(f"{place}.{name}", value)
    yield from _at_most(f"{place}.args", cni.args, MOST_ARGS)
    for index, (key, value) in enumerate(cni.args):
        yield from _text(f"{place}.args[{index}].key", key, r"[^=;\x00]+", most=1024)
        yield from _text(f"{place}.args[{index}].value", value, r"[^;\x00]*", most=65536)
    yield from _at_most(f"{place}.bin_path", cni.bin_path, MOST_BIN_PATHS)
    for index, path in enumerate(cni.bin_path):
        yield from _text(f"{place}.bin_path[{index}]", path, r"/[^\x00:]*", most=4095)
    for name in ("conf_dir", "cache_dir"):
        if value := getattr(cni, name):
            yield from _text(f"{place}.{name}", value, r"/[^\x00]*", most=4095)
    if cni.tap is not None:
        yield from _tap(f"{place}.tap", cni.tap)
    if len(cni.capability_args) > MOST_CAPABILITY_ARGS:
        said = f"must be at most {MOST_CAPABILITY_ARGS} bytes"
        yield _broken(f"{place}.capability_args", "bytes.max_len", said)


def _inline(place: str, raw: bytes) -> Iterator[Violation]:
    if not raw:
        yield _broken(place, "required", "value is required")
    elif len(raw) > MOST_JSON:
        yield _broken(place, "bytes.max_len", f"must be at most {MOST_JSON} bytes")


def _tap(place: str, tap: TapOptions) -> Iterator[Violation]:
    if tap.name:
        yield from _device(f"{place}.name", tap.name)
    for name, value in (("uid", tap.uid), ("gid", tap.gid)):
        if value is not None and not 0 <= value < 0xFFFFFFFF:
            yield _broken(f"{place}.{name}", "uint32.lt", "must be less than 4294967295")


def _limiter(place: str, limiter: RateLimiter) -> Iterator[Violation]:
    for name, bucket in (("bandwidth", limiter.bandwidth), ("ops", limiter.ops)):
        if bucket is None:
            continue
        for field, value in (
            ("one_time_burst", bucket.one_time_burst),
            ("refill_time", bucket.refill_time_ms),
            ("size", bucket.size),
        ):
            if value is not None and value < 0:
                where = f"{place}.{name}.{field}"
                yield _broken(where, "int64.gte", "must be greater than or equal to 0")
            if value is not None and value >= 1 << 63:
                yield _broken(f"{place}.{name}.{field}", "int64.lt", f"must be less than {1 << 63}")


def _beyond_patterns(place: str, cni: CniConfiguration) -> Iterator[Violation]:
    size = sum(len(_bytes(key)) + len(_bytes(value)) + 2 for key, value in cni.args) - 1
    if size > MOST_ARGS_BYTES:
        yield _broken(
            f"{place}.args",
            "cni_configuration.args_size",
            f"args must be at most {MOST_ARGS_BYTES} bytes as CNI_ARGS, and are {size}",
        )
    if cni.capability_args and not _is_json_object(cni.capability_args):
        yield _broken(
            f"{place}.capability_args",
            "cni_configuration.capability_args",
            "capability_args must be a JSON object in UTF-8",
        )


def _text(place: str, value: str, pattern: str, *, most: int | None = None) -> Iterator[Violation]:
    """The rules of one text, in protovalidate's order."""
    if _has_surrogates(value):
        yield _broken(place, "string.utf8", "must be text that UTF-8 can write")
    if most is not None and len(_bytes(value)) > most:
        yield _broken(place, "string.max_bytes", f"must be at most {most} bytes")
    if re.fullmatch(pattern, value) is None:
        yield _broken(place, "string.pattern", f"does not match regex pattern `^{pattern}$`")


def _device(place: str, name: str) -> Iterator[Violation]:
    if not _is_device_name(name):
        yield _broken(place, "device_name", f"device name {_INTERFACE_NAME}")


def _if_name(place: str, name: str) -> Iterator[Violation]:
    if not _is_device_name(name):
        yield _broken(place, "if_name", f"interface name {_INTERFACE_NAME}")


def _at_most(place: str, values: tuple[object, ...], most: int) -> Iterator[Violation]:
    if len(values) > most:
        yield _broken(place, "repeated.max_items", f"must contain no more than {most} item(s)")


def _gives_an_address(interface: NetworkInterface) -> bool:
    return interface.cni is not None or (
        interface.static is not None and interface.static.ip_configuration is not None
    )


def _is_device_name(name: str) -> bool:
    return _DEVICE_NAME.fullmatch(name) is not None and name not in {".", ".."}


def _has_surrogates(text: str) -> bool:
    return any("\ud800" <= sign <= "\udfff" for sign in text)


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogatepass")


def _is_json_object(text: bytes) -> bool:
    try:
        return isinstance(json.loads(text.decode(), parse_constant=_refuse), dict)
    except (ValueError, RecursionError):
        return False


def _refuse(constant: str) -> NoReturn:
    # Python reads NaN and Infinity, which no JSON has and no plugin can read.
    raise ValueError(constant)


def _broken(place: str, rule: str, message: str) -> Violation:
    return Violation(field=place, rule=rule, message=message)
