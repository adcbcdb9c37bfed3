"""Ranges, requested addresses and routes out of a configuration. Pure.

The texts and their order are the reference's (plugins:plugins/ipam/host-local/backend/allocator).
"""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from vmplumbd.cni import args, result
from vmplumbd.cni.error import CniError
from vmplumbd.model import net
from vmplumbd.plugins import conf, result_conf
from vmplumbd.plugins.conf import Malformed, PluginFault, Section

DEFAULT_DATA_DIR = "/var/lib/cni/networks"


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Addresses `first` to `last` of a subnet, both inclusive, as numbers of its family."""

    subnet: net.Network
    first: int
    last: int
    gateway: net.Address

    @property
    def family(self) -> int:
        """4 or 6."""
        return self.subnet.version

    def holds(self, address: net.Address) -> bool:
        """Whether the address is one of these."""
        return address.version == self.family and self.first <= int(address) <= self.last

    def overlaps(self, other: Range) -> bool:
        """Whether an address is in both."""
        return self.family == other.family and self.first <= other.last and other.first <= self.last

    def address(self, number: int) -> net.Address:
        """The address with that number."""
        return ipaddress.IPv4Address(number) if self.family == 4 else ipaddress.IPv6Address(number)

    def __str__(self) -> str:
        return f"{self.address(self.first)}-{self.address(self.last)}"


@dataclass(frozen=True, slots=True)
class RangeSet:
    """Ranges of one family, tried in order; one address is taken of each set."""

    ranges: tuple[Range, ...]

    def range_of(self, address: net.Address) -> Range | None:
        """The range that holds the address."""
        return next((each for each in self.ranges if each.holds(address)), None)

    def __str__(self) -> str:
        return ",".join(map(str, self.ranges))


@dataclass(frozen=True, slots=True, kw_only=True)
class HostLocalConf:
    """What one call shall do. `cni_version` is what the result is written in."""

    cni_version: str
    network: str
    data_dir: str
    resolv_conf: str
    range_sets: tuple[RangeSet, ...]
    requested: tuple[net.Address, ...]
    routes: tuple[result.Route, ...]


@functools.lru_cache(maxsize=256)
def parse(stdin: bytes, cni_args: str) -> HostLocalConf:
    """Read a configuration. The same bytes are read once: a network's are the same for every VM.

    Raises PluginFault with the reference's text.
    """
    try:
        return _parse(conf.load(stdin, "Net"), cni_args)
    except Malformed as exc:
        raise PluginFault(str(exc)) from exc


def _parse(top: Section, cni_args: str) -> HostLocalConf:
    # Go decodes the whole before it looks at any of it: a wrong type anywhere comes first.
    ipam = top.section("ipam", "Net.ipam")
    runtime = top.section("runtimeConfig") or Section("Net.runtimeConfig", {})
    cni = (top.section("args") or Section("Net.args", {})).section("cni") or Section("Net.args.cni", {})
    if ipam is None:
        raise PluginFault("IPAM config missing 'ipam' key")
    old_style = _draft(ipam)
    drafts = [
        *_range_sets(runtime, "ipRanges"),
        *([] if old_style.subnet is None else [[old_style]]),
        *_range_sets(ipam, "ranges"),
    ]
    in_config = [*_requested(cni), *_requested(runtime)]
    routes = result_conf.routes(ipam)
    cni_version = top.text("cniVersion")

    requested = [*_requested_by_args(cni_args), *in_config]
    for address in requested:
        if address is None:
            raise PluginFault("cannot understand ip: IP <nil> not v4 nor v6")
    if not drafts:
        raise PluginFault("no IP ranges specified")
    range_sets = []
    for index, draft in enumerate(drafts):
        try:
            range_sets.append(_range_set(draft))
        except Malformed as exc:
            raise PluginFault(f"invalid range set {index}: {exc}") from exc
    result_conf.check_families((each.ranges[0].family for each in range_sets), cni_version)
    _check_overlaps(range_sets)
    return HostLocalConf(
        cni_version=cni_version,
        network=top.text("name"),
        data_dir=ipam.text("dataDir") or DEFAULT_DATA_DIR,
        resolv_conf=ipam.text("resolvConf"),
        range_sets=tuple(range_sets),
        requested=tuple(address for address in requested if address is not None),
        routes=routes,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Draft:
    """A range as it is written."""

    subnet: net.Interface | None
    start: net.Address | None
    end: net.Address | None
    gateway: net.Address | None


def _draft(given: Section) -> _Draft:
    return _Draft(
        subnet=conf.parse_cidr(given.text("subnet")) if given.has("subnet") else None,
        start=given.address("rangeStart"),
        end=given.address("rangeEnd"),
        gateway=given.address("gateway"),
    )


def _range_sets(holder: Section, key: str) -> list[list[_Draft]]:
    sets = holder.items(key) or []
    if not all(isinstance(each, list) for each in sets):
        raise Malformed(f"json: cannot unmarshal into Go struct field {holder.struct}.{key} of type RangeSet")
    return [[_draft(conf.section(one, "Range")) for one in each] for each in sets]


def _requested(holder: Section) -> list[net.Address | None]:
    addresses: list[net.Address | None] = []
    for text in holder.items("ips") or []:
        if not isinstance(text, str | None):
            raise Malformed(
                f"json: cannot unmarshal {conf.kind_of(text)} into Go struct field {holder.struct}.ips"
            )
        addresses.append(_with_or_without_prefix(text) if text else None)
    return addresses


def _requested_by_args(cni_args: str) -> list[net.Address | None]:
    try:
        text = args.load(cni_args, ("IP",)).get("IP", "")
    except CniError as exc:
        raise PluginFault(exc.msg) from exc
    try:
        return [_with_or_without_prefix(text)] if text else []
    except Malformed as exc:
        raise PluginFault(f'ARGS: error parsing value of pair "IP={text}": {exc}') from exc


def _with_or_without_prefix(text: str) -> net.Address:
    # The prefix is read and forgotten: the range's own holds.
    try:
        return conf.parse_cidr(text).ip if "/" in text else conf.parse_address(text)
    except Malformed as exc:
        raise Malformed(f"invalid IP address {text}") from exc


def _range_set(drafts: Sequence[_Draft]) -> RangeSet:
    if not drafts:
        raise Malformed("empty range set")
    ranges: list[Range] = []
    for draft in drafts:
        ranges.append(_range(draft))
        if ranges[-1].family != ranges[0].family:
            raise Malformed("mixed address families")
    for index, one in enumerate(ranges):
        for other in ranges[index + 1 :]:
            if one.overlaps(other):
                raise Malformed(f"subnets {one} and {other} overlap")
    return RangeSet(tuple(ranges))


def _range(draft: _Draft) -> Range:
    given, start, end = draft.subnet, draft.start, draft.end
    if given is None:
        raise Malformed("IP <nil> not v4 nor v6")
    subnet: net.Network = given.network
    if subnet.prefixlen > subnet.max_prefixlen - 2:
        raise Malformed(f"Network {given} too small to allocate from")
    if isinstance(given, ipaddress.IPv6Interface) and given.ip.ipv4_mapped is not None:
        # An IPv4 address written as IPv6: Go makes it IPv4, and not its mask.
        raise Malformed("IPNet IP and Mask version mismatch")
    if given.ip != subnet.network_address:
        raise Malformed(
            f"Network has host bits set. For a subnet mask of length {subnet.prefixlen} "
            f"the network address is {subnet.network_address}"
        )
    lowest = int(subnet.network_address)
    highest = int(subnet.broadcast_address)
    if start is not None and (start not in subnet or (end is not None and not _ordered(start, end))):
        raise Malformed(f"RangeStart {start} not in network {subnet}")
    first = lowest + 1 if start is None else int(start)
    if end is not None and (end not in subnet or int(end) < first):
        raise Malformed(f"RangeEnd {end} not in network {subnet}")
    # The last address of an IPv4 subnet is its broadcast address.
    last = (highest - 1 if subnet.version == 4 else highest) if end is None else int(end)
    return Range(
        subnet=subnet,
        first=first,
        last=last,
        gateway=draft.gateway or subnet.network_address + 1,
    )


def _ordered(start: net.Address, end: net.Address) -> bool:
    return start.version == end.version and int(start) <= int(end)


def _check_overlaps(range_sets: Sequence[RangeSet]) -> None:
    for index, one in enumerate(range_sets):
        for other_index in range(index + 1, len(range_sets)):
            if any(a.overlaps(b) for a in one.ranges for b in range_sets[other_index].ranges):
                raise PluginFault(f"range set {index} overlaps with {other_index}")
