"""The result of ADD, in the shape of CNI 1.x whatever version it was written in.

Old shapes are mapped on reading and on writing: 0.1 and 0.2 have `ip4` and `ip6`, 0.3 to 0.4 have a `version`
in each address. Host bits of addresses and routes are kept. Keys are found without regard to case, as Go's
JSON finds them; keys that no version has are dropped, as libcni drops them between plugins.
"""

from __future__ import annotations

import functools
import ipaddress
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from vmplumbd.cni.error import InvalidResult

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IpInterface = ipaddress.IPv4Interface | ipaddress.IPv6Interface

VERSIONS_02 = ("0.1.0", "0.2.0")
VERSIONS_04 = ("0.3.0", "0.3.1", "0.4.0")
VERSIONS_1 = ("1.0.0", "1.1.0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """A device that a plugin made. `sandbox` is the namespace's path, None on the host."""

    name: str
    mac: str | None = None
    mtu: int | None = None
    sandbox: str | None = None
    socket_path: str | None = None
    pci_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IPConfig:
    """An address with its prefix. `interface` is an index into the result's interfaces; nobody checked it."""

    address: IpInterface
    gateway: IpAddress | None = None
    interface: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A route. `dst` may have host bits, `dst.network` has none. `gw` None means the address's gateway."""

    dst: IpInterface
    gw: IpAddress | None = None
    mtu: int | None = None
    advmss: int | None = None
    priority: int | None = None
    table: int | None = None
    scope: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DNS:
    """What a resolver wants to know. Nothing here is checked to be an address."""

    nameservers: tuple[str, ...] = ()
    domain: str | None = None
    search: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


_NO_DNS = DNS()


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What ADD made. `cni_version` is the version it was written in, or shall be written in."""

    cni_version: str
    interfaces: tuple[Interface, ...] = ()
    ips: tuple[IPConfig, ...] = ()
    routes: tuple[Route, ...] = ()
    dns: DNS = _NO_DNS


def parse(raw: bytes | str | Mapping[str, Any] | None, *, default_version: str = "0.1.0") -> Result:
    """Read a result of any version. `default_version`, the configuration's, holds where it names none.

    Raises InvalidResult if it is no JSON object, of a version unknown, or a field has the wrong type.
    """
    if isinstance(raw, bytes | str):
        try:
            raw = json.loads(raw)
        except (ValueError, RecursionError) as exc:
            raise InvalidResult(f"failed to unmarshal raw result: {exc}") from exc
    if raw is None:
        raw = {}
    if not isinstance(raw, Mapping):
        raise InvalidResult(f"failed to unmarshal raw result: not an object but {type(raw).__name__}")
    stated = raw.get("cniVersion")
    cni_version = stated if isinstance(stated, str) and stated else default_version or "0.1.0"
    reader = _READERS.get(cni_version)
    if reader is None:
        raise InvalidResult(f'unsupported CNI result version "{cni_version}"')
    try:
        return reader(cni_version, raw)
    except _Unusable as exc:
        raise InvalidResult(f"failed to unmarshal raw result: {exc}") from exc


def to_object(result: Result) -> dict[str, Any]:
    """Write the result in its own version, as an object for JSON. What the version cannot say is left out.

    Raises InvalidResult if the version is unknown.
    """
    if result.cni_version in VERSIONS_1:
        return _write_1(result)
    if result.cni_version in VERSIONS_04:
        return _write_04(result)
    if result.cni_version in VERSIONS_02:
        return _write_02(result)
    raise InvalidResult(f'unsupported CNI result version "{result.cni_version}"')


def to_json(result: Result) -> bytes:
    """Write the result in its own version as a plugin prints it: four spaces, no newline at the end."""
    return json.dumps(to_object(result), indent=4, ensure_ascii=False).encode()


class _Unusable(Exception):
    """A field has a type it cannot have."""


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value or None
    raise _Unusable("is no string")


def _items(value: object) -> Sequence[Any]:
    if value is None:
        return ()
    if isinstance(value, list | tuple):
        return value
    raise _Unusable("is no list")


def _texts(value: object) -> tuple[str, ...]:
    texts = tuple(_items(value))
    if not all(isinstance(text, str) for text in texts):
        raise _Unusable("is no list of strings")
    return texts


def _number(value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise _Unusable("is no integer")
    return value


def _positive(value: object) -> int | None:
    return _number(value) or None


def _address(value: object) -> IpAddress | None:
    text = _text(value)
    if text is None:
        return None
    try:
        return _parse_address(text)
    except ValueError as exc:
        raise _Unusable(f"is no IP address: {text!r}") from exc


def _cidr(value: object) -> IpInterface:
    if not isinstance(value, str):
        raise _Unusable("is no string")
    try:
        return _parse_cidr(value)
    except ValueError as exc:
        raise _Unusable(f"is no address with a prefix length: {value!r}") from exc


# Within a chain the same few addresses are read again and again, and ipaddress is slow at it.
@functools.lru_cache(maxsize=4096)
def _parse_address(text: str) -> IpAddress:
    address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            raise ValueError("an address of a result has no zone")
        return address.ipv4_mapped or address
    return address


@functools.lru_cache(maxsize=4096)
def _parse_cidr(text: str) -> IpInterface:
    # Go's ParseCIDR wants a prefix length; Python would take a bare address or a netmask too.
    address, _, length = text.partition("/")
    if not length.isdecimal() or "%" in address:
        raise ValueError("no prefix length, or a zone")
    return ipaddress.ip_interface(text)


def _same(value: object) -> object:
    return value


# For each key of an object: our name of the field, and how its value is read. What is absent costs nothing.
_Table = Mapping[str, tuple[str, Callable[[Any], Any]]]

_INTERFACE_04: _Table = {"name": ("name", _text), "mac": ("mac", _text), "sandbox": ("sandbox", _text)}
_INTERFACE_1: _Table = {
    **_INTERFACE_04,
    "mtu": ("mtu", _positive),
    "socketPath": ("socket_path", _text),
    "pciID": ("pci_id", _text),
}
_IP: _Table = {
    "address": ("address", _cidr),
    "gateway": ("gateway", _address),
    "interface": ("interface", _number),
}
_IP_02: _Table = {
    "ip": ("address", _cidr),
    "gateway": ("gateway", _address),
    "routes": ("routes", _items),
}
_ROUTE: _Table = {
    "dst": ("dst", _cidr),
    "gw": ("gw", _address),
    "mtu": ("mtu", _positive),
    "advmss": ("advmss", _positive),
    "priority": ("priority", _positive),
    "table": ("table", _number),
    "scope": ("scope", _number),
}
_DNS: _Table = {
    "nameservers": ("nameservers", _texts),
    "domain": ("domain", _text),
    "search": ("search", _texts),
    "options": ("options", _texts),
}
_TOP: _Table = {
    key: (key, _same) for key in ("cniVersion", "interfaces", "ips", "routes", "dns", "ip4", "ip6")
}


def _read(value: object, table: _Table, where: str) -> dict[str, Any]:
    """The fields of an object, by our names. Keys that the table lacks are dropped."""
    if type(value) is not dict and not isinstance(value, Mapping):  # the first test is the fast one
        raise _Unusable(f"{where} is no object")
    fields = {}
    key = ""
    try:
        for key, item in value.items():
            entry = table.get(key) or _folded(key, value, table)
            if entry is not None:
                fields[entry[0]] = entry[1](item)
    except _Unusable as exc:
        raise _Unusable(f"{where}.{key} {exc}") from exc
    return fields


def _folded(key: str, value: Mapping[str, Any], table: _Table) -> tuple[str, Callable[[Any], Any]] | None:
    """The entry for a key spelt otherwise, unless the object has the right spelling too."""
    right = next((name for name in table if name.lower() == key.lower()), None)
    return None if right is None or right in value else table[right]


def _read_interface(value: object, table: _Table) -> Interface:
    fields = _read(value, table, "interface")
    fields["name"] = fields.get("name") or ""
    return Interface(**fields)


def _read_ip(value: object) -> IPConfig:
    fields = _read(value, _IP, "ip")
    if "address" not in fields:
        raise _Unusable("ip.address is not there")
    return IPConfig(**fields)


def _read_route(value: object) -> Route:
    fields = _read(value, _ROUTE, "route")
    if "dst" not in fields:
        raise _Unusable("route.dst is not there")
    return Route(**fields)


def _read_dns(value: object) -> DNS:
    return DNS(**_read(value, _DNS, "dns")) if value else _NO_DNS


def _read_since_03(cni_version: str, raw: Mapping[str, Any], *, interface: _Table) -> Result:
    given = _read(raw, _TOP, "result")
    return Result(
        cni_version=cni_version,
        interfaces=tuple([_read_interface(each, interface) for each in _items(given.get("interfaces"))]),
        ips=tuple([_read_ip(each) for each in _items(given.get("ips"))]),
        routes=tuple([_read_route(each) for each in _items(given.get("routes"))]),
        dns=_read_dns(given.get("dns")),
    )


def _read_02(cni_version: str, raw: Mapping[str, Any]) -> Result:
    given = _read(raw, _TOP, "result")
    ips: list[IPConfig] = []
    routes: list[Route] = []
    for key in ("ip4", "ip6"):
        if given.get(key) is None:
            continue
        fields = _read(given[key], _IP_02, key)
        if "address" not in fields:
            raise _Unusable(f"{key}.ip is not there")
        routes += [_read_route(route) for route in fields.pop("routes", ())]
        ips.append(IPConfig(**fields))
    return Result(
        cni_version=cni_version, ips=tuple(ips), routes=tuple(routes), dns=_read_dns(given.get("dns"))
    )


_READERS: Mapping[str, Callable[[str, Mapping[str, Any]], Result]] = {
    **dict.fromkeys(VERSIONS_02, _read_02),
    **dict.fromkeys(VERSIONS_04, partial(_read_since_03, interface=_INTERFACE_04)),
    **dict.fromkeys(VERSIONS_1, partial(_read_since_03, interface=_INTERFACE_1)),
}


def _present(**values: object) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def _write_interface(interface: Interface, *, modern: bool) -> dict[str, Any]:
    written: dict[str, Any] = {"name": interface.name}
    if interface.mac is not None:
        written["mac"] = interface.mac
    if modern and interface.mtu is not None:
        written["mtu"] = interface.mtu
    if interface.sandbox is not None:
        written["sandbox"] = interface.sandbox
    if modern and interface.socket_path is not None:
        written["socketPath"] = interface.socket_path
    if modern and interface.pci_id is not None:
        written["pciID"] = interface.pci_id
    return written


def _write_ip(ip: IPConfig, *, with_family: bool) -> dict[str, Any]:
    written: dict[str, Any] = {"version": str(ip.address.version)} if with_family else {}
    if ip.interface is not None:
        written["interface"] = ip.interface
    written["address"] = str(ip.address)
    if ip.gateway is not None:
        written["gateway"] = str(ip.gateway)
    return written


def _write_route(route: Route) -> dict[str, Any]:
    return {"dst": str(route.dst)} | _present(
        gw=None if route.gw is None else str(route.gw),
        mtu=route.mtu,
        advmss=route.advmss,
        priority=route.priority,
        table=route.table,
        scope=route.scope,
    )


def _write_dns(dns: DNS) -> dict[str, Any]:
    if dns is _NO_DNS:
        return {}
    return _present(
        nameservers=list(dns.nameservers) or None,
        domain=dns.domain,
        search=list(dns.search) or None,
        options=list(dns.options) or None,
    )


def _write_since_03(result: Result, *, modern: bool) -> dict[str, Any]:
    written: dict[str, Any] = {"cniVersion": result.cni_version}
    if result.interfaces:
        written["interfaces"] = [_write_interface(each, modern=modern) for each in result.interfaces]
    if result.ips:
        written["ips"] = [_write_ip(each, with_family=not modern) for each in result.ips]
    if result.routes:
        written["routes"] = [_write_route(each) for each in result.routes]
    return written


def _write_1(result: Result) -> dict[str, Any]:
    written = _write_since_03(result, modern=True)
    if dns := _write_dns(result.dns):
        written["dns"] = dns
    return written


def _write_04(result: Result) -> dict[str, Any]:
    return _write_since_03(result, modern=False) | {"dns": _write_dns(result.dns)}


def _write_02(result: Result) -> dict[str, Any]:
    # One address a family is all that this version can say.
    written: dict[str, Any] = {"cniVersion": result.cni_version}
    for key, family in (("ip4", 4), ("ip6", 6)):
        ip = next((each for each in result.ips if each.address.version == family), None)
        if ip is None:
            continue
        written[key] = _present(
            ip=str(ip.address),
            gateway=None if ip.gateway is None else str(ip.gateway),
            routes=[_write_route(each) for each in result.routes if each.dst.version == family] or None,
        )
    return written | {"dns": _write_dns(result.dns)}
