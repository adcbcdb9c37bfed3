"""The static IPAM plugin: the addresses that are written down, and nothing kept.

Who says more lately wins: addresses of the configuration, those of CNI_ARGS beside them, and in place of both
those of `args.cni.ips`, and of `runtimeConfig.ips` (plugins:plugins/ipam/static/main.go).

Beyond the reference: CHECK misses an address that the result does not have.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from vmplumbd.cni import args, convert, result
from vmplumbd.cni import version as versions
from vmplumbd.cni.error import CniError
from vmplumbd.cni.invoke import Command, Invocation
from vmplumbd.cni.result import IPConfig, Result
from vmplumbd.model import net
from vmplumbd.plugins import conf, prev_result, result_conf
from vmplumbd.plugins.conf import Malformed, PluginFault, Section
from vmplumbd.plugins.skel import Verb


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticConf:
    """What the result shall say. `cni_version` is the configuration's."""

    cni_version: str
    ips: tuple[IPConfig, ...]
    routes: tuple[result.Route, ...]
    dns: result.DNS


@functools.lru_cache(maxsize=256)
def parse(stdin: bytes, cni_args: str) -> StaticConf:
    """Read a configuration and CNI_ARGS. Raises PluginFault with the reference's text."""
    try:
        return _parse(conf.load(stdin, "Net"), cni_args)
    except Malformed as exc:
        raise PluginFault(str(exc)) from exc


class Static:
    """The plugin. DEL, GC and STATUS succeed with nothing done: nothing is held."""

    def __init__(self) -> None:
        self.supported = versions.ALL
        self.verbs: Mapping[Command, Verb] = {Command.ADD: self.add, Command.CHECK: self.check}

    def not_built_in(self, stdin: bytes) -> str | None:  # noqa: ARG002  everything is
        """Nothing is left to the executable."""
        return None

    def add(self, call: Invocation) -> Result:
        """Say what is written down. Raises PluginFault."""
        parsed = parse(call.stdin, call.args)
        made = Result(cni_version=versions.CURRENT, ips=parsed.ips, routes=parsed.routes, dns=parsed.dns)
        try:
            return convert.to_version(made, parsed.cni_version)
        except CniError as exc:
            raise PluginFault(exc.msg) from exc

    def check(self, call: Invocation) -> None:
        """Raises PluginFault unless prevResult has each address, with its gateway where one is written."""
        parsed = parse(call.stdin, call.args)
        try:
            made = prev_result.of(call, conf.load(call.stdin, "NetConf"), parsed.cni_version)
        except CniError as exc:
            raise PluginFault(exc.msg) from exc
        if made is None:
            raise PluginFault("Required prevResult missing")
        for ip in parsed.ips:
            same = [each for each in made.ips if each.address.ip == ip.address.ip]
            if not any(ip.gateway in (None, each.gateway) for each in same):
                raise PluginFault(f"static: Failed to match addr {ip.address.ip} on interface {call.if_name}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Draft:
    """An address as it is written in the configuration."""

    text: str
    gateway: net.Address | None


def _parse(top: Section, cni_args: str) -> StaticConf:
    # Go decodes the whole before it looks at any of it: a wrong type anywhere comes first.
    ipam = top.section("ipam", "Net.ipam")
    in_runtime = (top.section("runtimeConfig") or Section("Net.runtimeConfig", {})).texts("ips")
    cni = (top.section("args") or Section("Net.args", {})).section("cni") or Section("Net.args.cni", {})
    in_args = cni.texts("ips")
    drafts = () if ipam is None else tuple(_draft(each) for each in ipam.items("addresses") or [])
    routes = () if ipam is None else result_conf.routes(ipam)
    dns = result.DNS() if ipam is None else result_conf.dns(ipam)
    cni_version = top.text("cniVersion")

    if ipam is None:
        raise PluginFault("IPAM config missing 'ipam' key")
    by_args = _of_cni_args(cni_args)
    overriding = [ips for ips in (in_args, in_runtime) if ips]
    for texts in overriding:
        for text in texts:
            _cidr(text, "an entry in the 'ips' field is NOT in CIDR notation")
    if overriding:
        ips = tuple(IPConfig(address=conf.parse_cidr(text)) for text in overriding[-1])
    else:
        ips = (*map(_written, drafts), *by_args)
    result_conf.check_families((ip.address.version for ip in ips), cni_version)
    return StaticConf(cni_version=cni_version, ips=ips, routes=routes, dns=dns)


def _draft(value: object) -> _Draft:
    address = conf.section(value, "Address")
    return _Draft(text=address.text("address"), gateway=address.address("gateway"))


def _written(draft: _Draft) -> IPConfig:
    address = _cidr(draft.text, "the 'address' field is expected to be in CIDR notation")
    return IPConfig(address=address, gateway=draft.gateway)


def _of_cni_args(cni_args: str) -> tuple[IPConfig, ...]:
    try:
        pairs = args.load(cni_args, ("IP", "GATEWAY"))
    except CniError as exc:
        raise PluginFault(exc.msg) from exc
    ips = [
        IPConfig(address=_cidr(text.strip(), "the 'ip' field is expected to be in CIDR notation"))
        for text in _listed(pairs.get("IP", ""))
    ]
    for text in _listed(pairs.get("GATEWAY", "")):
        try:
            gateway = conf.parse_address(text.strip())
        except Malformed as exc:
            raise PluginFault(f"invalid gateway address: {text}") from exc
        # A gateway belongs to the addresses of CNI_ARGS in whose subnet it is; of two the last counts.
        ips = [replace(ip, gateway=gateway) if gateway in ip.address.network else ip for ip in ips]
    return tuple(ips)


def _listed(text: str) -> Sequence[str]:
    return text.split(",") if text else ()


def _cidr(text: str, fault: str) -> net.Interface:
    try:
        return conf.parse_cidr(text)
    except Malformed as exc:
        raise PluginFault(f"{fault}, got: '{text}'") from exc
