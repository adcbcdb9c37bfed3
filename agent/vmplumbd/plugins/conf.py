"""A plugin's configuration, read as the reference reads it: Go's encoding/json into a struct.

Keys are found without regard to case, null is absent, and a value of the wrong type is refused with
Go's words, because they are what operators search for. Unknown keys are nobody's business.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vmplumbd.cni import result
from vmplumbd.cni.error import CniError, ErrorCode
from vmplumbd.cni.result import Result
from vmplumbd.model import net

_KINDS: Mapping[type, str] = {
    str: "string",
    bool: "bool",
    int: "number",
    float: "number",
    list: "array",
    dict: "object",
}


class PluginFault(CniError):
    """What a plugin says when it fails with words of its own: code 999, as cni:pkg/skel/skel.go has it."""

    default_code = ErrorCode.INTERNAL


class Malformed(ValueError):
    """The configuration is no JSON, or a field has a type or a form it cannot have."""


@dataclass(frozen=True, slots=True)
class Section:
    """One JSON object of a configuration. `struct` is what Go calls it, for the messages."""

    struct: str
    values: Mapping[str, Any]

    def has(self, key: str) -> bool:
        """Whether the key is there and not null."""
        return self.values.get(key.lower()) is not None

    def text(self, key: str) -> str:
        """A string, "" if absent. Raises Malformed."""
        return str(self._typed(key, "string") or "")

    def flag(self, key: str) -> bool:
        """A boolean, False if absent. Raises Malformed."""
        return bool(self._typed(key, "bool"))

    def number(self, key: str, kind: str = "int") -> int | None:
        """An integer, None if absent. A `kind` of "uint..." refuses negative ones. Raises Malformed."""
        value = self._typed(key, "number", kind)
        if value is None:
            return None
        signed = not kind.startswith("uint")
        if isinstance(value, float) or not (-(2**63) if signed else 0) <= value < 2 ** (63 if signed else 64):
            raise Malformed(self._mismatch(key, f"number {value}", kind))
        return int(value)

    def items(self, key: str) -> list[Any] | None:
        """A list, None if absent. Raises Malformed."""
        value: list[Any] | None = self._typed(key, "array", "[]string")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of strings, empty if absent. Raises Malformed."""
        values = self.items(key) or []
        for value in values:
            if not isinstance(value, str):
                raise Malformed(self._mismatch(key, kind_of(value), "string"))
        return tuple(values)

    def section(self, key: str, struct: str = "") -> Section | None:
        """An object, None if absent. Raises Malformed."""
        value = self._typed(key, "object", struct or self.struct)
        return None if value is None else section(value, struct or f"{self.struct}.{key}")

    def mapping(self, key: str) -> Mapping[str, Any]:
        """An object with its keys as they are spelt, empty if absent. Raises Malformed."""
        return self._typed(key, "object", "map[string]string") or {}

    def address(self, key: str) -> net.Address | None:
        """An IP address, None if absent or "". Raises Malformed."""
        text = self.text(key)
        return parse_address(text) if text else None

    def _typed(self, key: str, kind: str, go_type: str = "") -> Any:  # noqa: ANN401  JSON enters here
        value = self.values.get(key.lower())
        if value is None or kind_of(value) == kind:
            return value
        raise Malformed(self._mismatch(key, kind_of(value), go_type or kind))

    def _mismatch(self, key: str, found: str, wanted: str) -> str:
        return f"json: cannot unmarshal {found} into Go struct field {self.struct}.{key} of type {wanted}"


def load(raw: bytes, struct: str) -> Section:
    """The configuration as a Section. Raises Malformed unless it is one JSON object (null counts as {})."""
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError) as exc:
        raise Malformed("unexpected end of JSON input" if not raw.strip() else str(exc)) from exc
    return section({} if value is None else value, struct)


def with_prev_result(raw: bytes, previous: Result | None) -> bytes:
    """The configuration as an executable reads it, when prevResult was handed over as a value."""
    if previous is None:
        return raw
    return json.dumps({**json.loads(raw), "prevResult": result.to_object(previous)}).encode()


def section(value: object, struct: str) -> Section:
    """A decoded JSON value as a Section. Raises Malformed unless it is an object."""
    if not isinstance(value, dict):
        raise Malformed(f"json: cannot unmarshal {kind_of(value)} into Go value of type {struct}")
    return Section(struct, {key.lower(): item for key, item in value.items()})


def kind_of(value: object) -> str:
    """What Go calls a decoded JSON value."""
    return _KINDS.get(type(value), "null")


def parse_address(text: str) -> net.Address:
    """An address as net.ParseIP takes it: no zone; an IPv4-mapped one is IPv4. Raises Malformed."""
    try:
        if "%" in text:
            raise ValueError(text)
        address = ipaddress.ip_address(text)
    except ValueError as exc:
        raise Malformed(f"invalid IP address: {text}") from exc
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def parse_cidr(text: str) -> net.Interface:
    """An address with a prefix length, host bits kept, as net.ParseCIDR takes it. Raises Malformed."""
    host, slash, prefix = text.partition("/")
    try:
        if not (slash and prefix.isdecimal() and prefix.isascii()) or "%" in host:
            raise ValueError(text)
        return ipaddress.ip_interface(text)
    except ValueError as exc:
        raise Malformed(f"invalid CIDR address: {text}") from exc
