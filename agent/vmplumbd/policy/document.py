"""The operator's policy file: TOML text to a Policy, with every fault at once and its place. Pure.

[[rule]]
name = "orchestrator"
who = ["spiffe://prod.example/orchestrator/*"]
rpcs = ["*"]
networks = ["fcnet", "tenant-*"]
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from vmplumbd.errors import InvalidSpec, Violation
from vmplumbd.policy import identity
from vmplumbd.policy.access import PATH_FIELDS, Name, Policy, Range, Rule, TapOwner
from vmplumbd.policy.rate import Rate

# What a rule has that says nothing of it: enough for an orchestrator, too little to drown the agent.
DEFAULT_RATE = 200.0
DEFAULT_STREAMS = 128

_LAST_PORT = 65535
# 4294967295 is the kernel's "none".
_LAST_ID = 4294967294
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,63}")
_RANGE = re.compile(r"(\d{1,10})(?:-(\d{1,10}))?")
_KEYS = frozenset(
    {
        "name",
        "who",
        "rpcs",
        "administrator",
        "networks",
        "tap_owners",
        "args",
        "capability_args",
        "host_ports",
    }
    | {"paths", "inline_conflists", "max_networks", "max_operations", "max_streams", "rate", "burst"}
)


class InvalidPolicy(InvalidSpec):
    """The policy cannot be used; `violations` says where and why, all of it."""


def parse(text: str, known_rpcs: Sequence[str]) -> Policy:
    """Read a policy. Raises InvalidPolicy."""
    try:
        tree = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as exc:
        raise _invalid([Violation(field="", rule="toml", message=f"no TOML: {exc}")]) from exc
    wrong = [Violation(field=key, rule="unknown", message="no such setting") for key in tree if key != "rule"]
    rules: list[Rule] = []
    given = tree.get("rule", [])
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        wrong.append(Violation(field="rule", rule="type", message="must be tables: [[rule]]"))
        given = []
    for index, table in enumerate(given):
        reader = _Reader(table, f"rule[{index}]", wrong)
        rules.append(_rule(reader, known_rpcs))
    names = [one.name for one in rules]
    wrong.extend(
        Violation(field=f"rule[{index}].name", rule="unique", message=f'"{name}" is another rule\'s name')
        for index, name in enumerate(names)
        if name and name in names[:index]
    )
    if wrong:
        raise _invalid(wrong)
    return Policy(rules=tuple(rules))


def _invalid(wrong: list[Violation]) -> InvalidPolicy:
    listed = "; ".join(f"{one.field}: {one.message}" if one.field else one.message for one in wrong)
    return InvalidPolicy(f"the policy cannot be used: {listed}", tuple(wrong))


def _rule(given: _Reader, known_rpcs: Sequence[str]) -> Rule:
    given.refuse_unknown()
    rate = given.number("rate", DEFAULT_RATE)
    burst = given.count("burst", max(1, math.ceil(rate)))
    return Rule(
        name=given.one("name", _rule_name, "") or "",
        who=given.several("who", identity.parse_pattern, required=True),
        rpcs=given.several("rpcs", lambda text: _rpc(text, known_rpcs), required=True),
        administrator=given.flag("administrator"),
        networks=given.several("networks", _pattern),
        tap_owners=given.several("tap_owners", _tap_owner),
        args=given.several("args", _pattern),
        capability_args=given.several("capability_args", _pattern),
        host_ports=given.several("host_ports", lambda text: _range(text, 1, _LAST_PORT)),
        paths=given.several("paths", _path_field),
        inline_conflists=given.flag("inline_conflists"),
        max_networks=given.count("max_networks", None, least=0),
        max_operations=given.count("max_operations", None),
        max_streams=given.count("max_streams", DEFAULT_STREAMS),
        rate=Rate(per_second=rate, burst=burst or 1) if rate else None,
    )


class _Reader:
    """One table. A value of another type, or one that cannot be read, is noted and left out."""

    def __init__(self, table: Mapping[str, Any], place: str, wrong: list[Violation]) -> None:
        self._table = table
        self._place = place
        self._wrong = wrong

    def refuse_unknown(self) -> None:
        for key in self._table:
            if key not in _KEYS:
                self._note(key, "unknown", "no such setting")

    def one(self, key: str, read: Callable[[str], Any], default: Any) -> Any:  # noqa: ANN401 - what `read` makes
        if key not in self._table:
            self._note(key, "required", "must be set")
            return default
        value = self._table[key]
        if not isinstance(value, str):
            self._note(key, "type", "must be a string")
            return default
        return self._read(key, read, value)

    def several(self, key: str, read: Callable[[str], Any], *, required: bool = False) -> tuple[Any, ...]:
        value = self._table.get(key, [])
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            self._note(key, "type", "must be a list of strings")
            return ()
        if required and not value:
            self._note(key, "required", "must name at least one")
        made = [self._read(f"{key}[{index}]", read, one) for index, one in enumerate(value)]
        return tuple(one for one in made if one is not None)

    def flag(self, key: str) -> bool:
        value = self._table.get(key, False)
        if not isinstance(value, bool):
            self._note(key, "type", "must be true or false")
            return False
        return value

    def count(self, key: str, default: int | None, *, least: int = 1) -> int | None:
        value = self._table.get(key, default)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= 1 << 31:
            self._note(key, "range", f"must be a whole number of at least {least}")
            return default
        return value

    def number(self, key: str, default: float) -> float:
        value = self._table.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1e6:
            self._note(key, "range", "must be a number from 0 (no limit) to 1000000")
            return default
        return float(value)

    def _read(self, key: str, read: Callable[[str], Any], text: str) -> Any:  # noqa: ANN401 - as above
        try:
            return read(text)
        except ValueError as exc:
            self._note(key, "form", str(exc))
            return None

    def _note(self, key: str, rule: str, message: str) -> None:
        self._wrong.append(Violation(field=f"{self._place}.{key}", rule=rule, message=message))


def _rule_name(text: str) -> str:
    if _NAME.fullmatch(text) is None:
        raise ValueError('must be a word of letters, digits, "_", "." and "-"')
    return text


def _rpc(text: str, known: Sequence[str]) -> str:
    if text != "*" and text not in known:
        raise ValueError(f'"{text}" is no RPC; there are {", ".join(known)}')
    return text


def _pattern(text: str) -> Name:
    if not text or "*" in text[:-1] or not text.isprintable():
        raise ValueError(f'{text!r} is neither a name nor the beginning of names ("tenant-*")')
    return Name(text=text)


def _path_field(text: str) -> str:
    if text not in PATH_FIELDS:
        raise ValueError(f'"{text}" is none of {", ".join(PATH_FIELDS)}')
    return text


def _tap_owner(text: str) -> TapOwner:
    user, colon, group = text.partition(":")
    if not colon:
        raise ValueError(f'"{text}" is not USERS:GROUPS, such as "1000-1999:1000" or "1000:"')
    return TapOwner(
        users=_range(user, 0, _LAST_ID) if user else None,
        groups=_range(group, 0, _LAST_ID) if group else None,
        text=text,
    )


def _range(text: str, least: int, most: int) -> Range:
    if text == "*":
        return Range(first=least, last=most)
    match = _RANGE.fullmatch(text) if text.isascii() else None
    if match is None:
        raise ValueError(f'"{text}" is neither a number nor a range such as 20000-29999')
    first = int(match[1])
    last = int(match[2]) if match[2] is not None else first
    if not least <= first <= last <= most:
        raise ValueError(f'"{text}" is not between {least} and {most}, or is upside down')
    return Range(first=first, last=last)
