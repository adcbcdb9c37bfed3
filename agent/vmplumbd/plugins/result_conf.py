"""Routes and resolvers that a configuration spells out for the result."""

from __future__ import annotations

from vmplumbd.cni import result
from vmplumbd.plugins import conf
from vmplumbd.plugins.conf import Section


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
