"""Routes and resolvers that a configuration spells out for the result, and how many addresses one can have."""

from __future__ import annotations

from collections.abc import Iterable

from vmplumbd.cni import result
from vmplumbd.cni import version as versions
from vmplumbd.cni.error import CniError
from vmplumbd.plugins import conf
from vmplumbd.plugins.conf import PluginFault, Section

# The first version whose results hold more than one address a family.
_MANY_ADDRESSES_SINCE = "0.3.0"


def routes(holder: Section, key: str = "routes") -> tuple[result.Route, ...]:
    """The list of routes at `key`, empty if absent. Raises Malformed."""
    return tuple(_route(each) for each in holder.items(key) or [])


def dns(holder: Section, key: str = "dns") -> result.DNS:
    """The resolver at `key`, an empty one if absent. Raises Malformed."""
    given = holder.section(key)
    if given is None:
        return result.DNS()
    return result.DNS(
        nameservers=given.texts("nameservers"),
        domain=given.text("domain") or None,
        search=given.texts("search"),
        options=given.texts("options"),
    )


def check_families(families: Iterable[int], cni_version: str) -> None:
    """Raises PluginFault for more addresses of a family, 4 or 6, than the version's results can have."""
    each = tuple(families)
    if max(each.count(4), each.count(6)) < 2:
        return
    try:
        many = versions.at_least(cni_version, _MANY_ADDRESSES_SINCE)
    except CniError:
        many = False
    if not many:
        raise PluginFault(f"CNI version {cni_version} does not support more than 1 address per family")


def _route(value: object) -> result.Route:
    given = conf.section(value, "Route")
    return result.Route(
        dst=conf.parse_cidr(given.text("dst")),
        gw=given.address("gw"),
        mtu=given.number("mtu") or None,
        advmss=given.number("advmss") or None,
        priority=given.number("priority") or None,
        table=given.number("table"),
        scope=given.number("scope"),
    )
