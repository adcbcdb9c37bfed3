"""What a caller may write into a network configuration list of its own. Pure.

A list names programs that run as root, and tells them where to write. So its plugin types come from the
operator's list, and what reaches files, settings or devices of the host is refused unless the operator has
named the very key. Keys are compared as Go's JSON decoder compares them, without regard to case, since that is
who reads them (go:encoding/json, foldFunc).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from vmplumbd.errors import Violation

# Keys that lead a plugin to files, sockets or settings of the host, in any plugin, and those that the runtime
# writes: what a rule says of a caller's capability arguments holds for runtimeConfig.
_OF_ANY = frozenset(
    {
        "bindir",
        "cnidir",
        "confdir",
        "daemonsocketpath",
        "datadir",
        "kubeconfig",
        "logfile",
        "prevresult",
        "resolvconf",
        "runtimeconfig",
        "socketpath",
        "sysctl",
    }
)
# Keys that reach what other VMs, or the host, have too.
_OF_ONE: Mapping[str, frozenset[str]] = {
    "bridge": frozenset({"bridge", "forceaddress", "promiscmode", "vlan", "vlantrunk"}),
    "ptp": frozenset(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class InlineRules:
    """`plugins` are the types that may be named; `keys` are TYPE.KEY that may be used although they reach the host."""

    plugins: frozenset[str]
    keys: frozenset[str] = frozenset()


def violations(
    plugins: Iterable[Mapping[str, object]], rules: InlineRules, field: str
) -> tuple[Violation, ...]:
    """Everything in a list's plugins that the rules forbid; nothing if empty. `field` is where the list stands."""
    allowed = frozenset(_folded(key) for key in rules.keys)
    found: list[Violation] = []
    for index, plugin in enumerate(plugins):
        for place, key, value, owner in _walk(plugin):
            where = f"{field}.plugins[{index}]{place}"
            folded = _folded(key)
            if folded == "type" and isinstance(value, str):
                if value not in rules.plugins:
                    listed = ", ".join(sorted(rules.plugins))
                    found.append(_not_allowed(where, f"plugin type {value} is not one of {listed}"))
            elif f"{_folded(owner)}.{folded}" in allowed:
                continue
            elif folded in _OF_ANY or folded in _OF_ONE.get(owner, ()):
                found.append(
                    _not_allowed(where, f"{owner}.{key} is the operator's to allow (cni.inline_keys)")
                )
            elif isinstance(value, str) and _is_path(value):
                found.append(
                    _not_allowed(where, f"{owner}.{key} is a path, which is the operator's to allow")
                )
    return tuple(found)


def _walk(plugin: Mapping[str, object]) -> Iterator[tuple[str, str, object, str]]:
    """Every member of every object, with its place and the type of the plugin that reads it.

    A member of a list has the key of the list.
    """
    waiting: list[tuple[str, str, object, str]] = [("", "", plugin, "")]
    while waiting:
        place, key, value, owner = waiting.pop()
        if isinstance(value, Mapping):
            reader = _type(value) or owner
            for name, below in value.items():
                yield f"{place}.{name}", str(name), below, reader
                if isinstance(below, Mapping | list):
                    waiting.append((f"{place}.{name}", str(name), below, reader))
        elif isinstance(value, list):
            for number, below in enumerate(value):
                if isinstance(below, Mapping | list):
                    waiting.append((f"{place}[{number}]", key, below, owner))
                else:
                    yield f"{place}[{number}]", key, below, owner


def _type(value: Mapping[str, object]) -> str:
    found = (one for key, one in value.items() if _folded(key) == "type")
    return next((one for one in found if isinstance(one, str)), "")


def _is_path(value: str) -> bool:
    # No address, prefix or name of CNI's begins so.
    return value.startswith(("/", "./", "../")) or "/../" in value or value.endswith("/..")


def _folded(key: str) -> str:
    return key.casefold()


def _not_allowed(field: str, message: str) -> Violation:
    return Violation(field=field, rule="network_config_list.not_allowed", message=message)
