"""What a link and its namespace shall be set to, out of a configuration. Pure.

Who says more lately wins: the configuration, then CNI_ARGS, `runtimeConfig.mac`, `args.cni`
(plugins:plugins/meta/tuning/tuning.go, whose texts these are).
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vmplumbd.cni import args
from vmplumbd.cni.error import CniError
from vmplumbd.plugins import conf
from vmplumbd.plugins.conf import Malformed, PluginFault, Section

DEFAULT_DATA_DIR = "/run/cni/tuning"
DEFAULT_ALLOWLIST = "/etc/cni/tuning/allowlist.conf"

_ROOT = "/proc/sys/"
_LARGEST = 2**31 - 1
_MAC = re.compile(
    r"(?:[0-9a-f]{2}(:|-)(?:[0-9a-f]{2}\1){4}[0-9a-f]{2}|[0-9a-f]{4}(?:\.[0-9a-f]{4}){2})", re.I
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attributes:
    """Attributes of a link, to be set or as they were; None is left as it is."""

    mac: bytes | None = None
    promisc: bool | None = None
    allmulti: bool | None = None
    tx_queue_length: int | None = None
    mtu: int | None = None


NOTHING = Attributes()


@dataclass(frozen=True, slots=True, kw_only=True)
class TuningConf:
    """What one call shall set. `sysctls` and `mac` are as written, and not looked at yet.

    `promisc` and `mtu` cannot say "off" and 0: those leave the link as it is.
    """

    cni_version: str
    network: str
    data_dir: str
    sysctls: tuple[tuple[str, str], ...]
    mac: str
    promisc: bool
    allmulti: bool | None
    tx_queue_length: int | None
    mtu: int


def load(stdin: bytes) -> Section:
    """The configuration. Raises PluginFault."""
    try:
        return conf.load(stdin, "TuningConf")
    except Malformed as exc:
        raise PluginFault(f"failed to load netconf: {exc}") from exc


def data_dir(top: Section) -> str:
    """Where links are written down: all that DEL and GC need. Raises PluginFault."""
    try:
        directory = top.text("dataDir") or DEFAULT_DATA_DIR
        directory.encode()
    except Malformed as exc:
        raise PluginFault(f"failed to load netconf: {exc}") from exc
    except UnicodeEncodeError as exc:
        raise PluginFault(f"failed to create backup directory: {exc.reason}") from exc
    if "\0" in directory:
        raise PluginFault("failed to create backup directory: invalid argument")
    return directory


def parse(top: Section, cni_args: str) -> TuningConf:
    """Read a configuration and CNI_ARGS. Raises PluginFault."""
    try:
        return _parse(top, cni_args)
    except Malformed as exc:
        raise PluginFault(f"failed to load netconf: {exc}") from exc


def refuse_conflicts(stdin: bytes) -> None:
    """Raises PluginFault if a key stands twice among the settings, also once with dots and once with slashes.

    JSON objects keep one of two values; which one would be written is nobody's decision.
    """
    for top in _objects_at(json.loads(stdin, object_pairs_hook=_Pairs), "sysctl"):
        keys = [key.replace(".", "/") for key, _ in top]
        if len(set(keys)) < len(keys):
            raise PluginFault("duplicated sysctl keys are not allowed")


def settings(parsed: TuningConf, if_name: str) -> tuple[tuple[str, str], ...]:
    """Keys below /proc/sys, "net/ipv4/ip_forward" style, and values. Raises PluginFault.

    "IFNAME" in a key is the interface. Other settings than the network's have no namespace.
    """
    found = []
    for key, value in parsed.sysctls:
        written = key.replace(".", "/").replace("IFNAME", if_name, 1)
        path = posixpath.normpath(f"{_ROOT}{written}")
        if not path.startswith(f"{_ROOT}net/"):
            raise PluginFault(f'invalid net sysctl key: "{written}"')
        found.append((path.removeprefix(_ROOT), value))
    return tuple(found)


def attributes(parsed: TuningConf) -> Attributes:
    """What of the link is to be set. Raises PluginFault."""
    mac = mac_bytes(parsed.mac) if parsed.mac else None
    if parsed.mac and mac is None:
        raise PluginFault(
            f"invalid args {parsed.mac} for MAC addr: address {parsed.mac}: invalid MAC address"
        )
    return Attributes(
        mac=mac,
        promisc=parsed.promisc or None,
        allmulti=parsed.allmulti,
        tx_queue_length=parsed.tx_queue_length,
        mtu=parsed.mtu or None,
    )


def mac_bytes(text: str) -> bytes | None:
    """A MAC in any of its three notations; None if it is none."""
    return bytes.fromhex(re.sub("[:.-]", "", text)) if _MAC.fullmatch(text) else None


def refuse_forbidden(parsed: TuningConf, allowed: Sequence[str]) -> None:
    """Raises PluginFault unless each key matches one of the operator's expressions, which may match a part."""
    try:
        expressions = [re.compile(each) for each in allowed]
    except re.error as exc:
        raise PluginFault(f"error parsing regexp: {exc}") from exc
    for key, _ in parsed.sysctls:
        if not any(each.search(key) for each in expressions):
            listed = " ".join(allowed)
            raise PluginFault(
                f"Sysctl {key} is not allowed. Only the following sysctls are allowed: [{listed}]"
            )


def _parse(top: Section, cni_args: str) -> TuningConf:
    # Go decodes the whole before it looks at any of it: a wrong type anywhere comes first.
    sysctls = _sysctls(top)
    mac, mtu, promisc = top.text("mac"), top.number("mtu"), top.flag("promisc")
    allmulti = top.flag("allmulti") if top.has("allmulti") else None
    queue = top.number("txQLen")
    directory = data_dir(top)
    runtime_mac = (top.section("runtimeConfig") or Section("TuningConf.runtimeConfig", {})).text("mac")
    cni = (top.section("args") or Section("TuningConf.args", {})).section("cni")
    cni = cni or Section("TuningConf.args.cni", {})

    by_args = _mac_by_args(cni_args)
    mac = runtime_mac or by_args or mac
    sysctls |= _sysctls(cni)
    mac = cni.text("mac") if cni.has("mac") else mac
    promisc = cni.flag("promisc") if cni.has("promisc") else promisc
    mtu = cni.number("mtu") if cni.has("mtu") else mtu
    allmulti = cni.flag("allmulti") if cni.has("allmulti") else allmulti
    queue = cni.number("txQLen") if cni.has("txQLen") else queue
    for name, number in (("mtu", mtu), ("txQLen", queue)):
        if number is not None and not 0 <= number <= _LARGEST:
            raise PluginFault(f"invalid argument: {name} {number}")
    return TuningConf(
        cni_version=top.text("cniVersion") or "0.1.0",
        network=top.text("name"),
        data_dir=directory,
        sysctls=tuple(sysctls.items()),
        mac=mac,
        promisc=promisc,
        mtu=mtu or 0,
        allmulti=allmulti,
        tx_queue_length=queue,
    )


def _sysctls(holder: Section) -> dict[str, str]:
    found: Mapping[str, Any] = holder.mapping("sysctl")
    for value in found.values():
        if not isinstance(value, str | None):
            raise Malformed(
                f"json: cannot unmarshal {conf.kind_of(value)} into Go struct field "
                f"{holder.struct}.sysctl of type string"
            )
    return {key: value or "" for key, value in found.items()}


def _mac_by_args(cni_args: str) -> str:
    try:
        return args.load(cni_args, ("MAC",)).get("MAC", "")
    except CniError as exc:
        raise PluginFault(exc.msg) from exc


class _Pairs(list[tuple[str, Any]]):
    """A JSON object with all of its pairs."""


def _objects_at(top: object, name: str) -> Iterable[_Pairs]:
    if isinstance(top, _Pairs):
        for key, value in top:
            if key.lower() == name and isinstance(value, _Pairs):
                yield value
