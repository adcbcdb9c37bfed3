"""Results from one version to another (cni:pkg/types/020, 040, 100).

Going up adds nothing. Going down below 1.0 loses what devices have gained since; going down to 0.2 keeps one
address a family and the routes of those families, and is refused where there is no address at all.
"""

from __future__ import annotations

from dataclasses import replace

from vmplumbd.cni.error import InvalidResult
from vmplumbd.cni.result import VERSIONS_02, VERSIONS_04, VERSIONS_1, Interface, IPConfig, Result, Route

_FAMILY = {
    **dict.fromkeys(VERSIONS_02, 0),
    **dict.fromkeys(VERSIONS_04, 1),
    **dict.fromkeys(VERSIONS_1, 2),
}


def to_version(result: Result, version: str) -> Result:
    """The same result in another version; "" means 0.1.0. Raises InvalidResult if there is no way."""
    version = version or "0.1.0"
    if result.cni_version == version:
        return result
    source, target = _FAMILY.get(result.cni_version), _FAMILY.get(version)
    if source is None or target is None:
        raise InvalidResult(f"no converter for CNI result version {result.cni_version} to {version}")
    if target == 0 and source > 0:
        return _down_to_02(result, version)
    if target == 1 and source == 2:
        interfaces = tuple(
            Interface(name=each.name, mac=each.mac, sandbox=each.sandbox) for each in result.interfaces
        )
        return replace(result, cni_version=version, interfaces=interfaces)
    return replace(result, cni_version=version)


def _down_to_02(result: Result, version: str) -> Result:
    first: dict[int, IPConfig] = {}
    for ip in result.ips:
        first.setdefault(ip.address.version, IPConfig(address=ip.address, gateway=ip.gateway))
    if not first:
        raise InvalidResult("cannot convert: no valid IP addresses")
    return Result(
        cni_version=version,
        ips=tuple(first[family] for family in (4, 6) if family in first),
        routes=tuple(
            Route(dst=route.dst, gw=route.gw)
            for family in (4, 6)
            for route in result.routes
            if route.dst.version == family and family in first
        ),
        dns=result.dns,
    )
