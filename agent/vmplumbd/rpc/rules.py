"""protovalidate's rules as Python: what the contract uses of them, read from its descriptors at start.

The library itself is the judge in the tests, which compare every answer, and not in the agent: it costs
16 MB and a fifth of a second at start, of the 60 MB and half a second the agent may take. A rule that
is not in the tables below is a fault at start and never a rule that is skipped.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor, OneofDescriptor

from vmplumbd.errors import Violation

RULES = Path(__file__).with_name("rules.binpb")
PACKAGE = "vmplumb.v1"

# A message or a value of a field: its type is the contract's, known only when the rules are read.
Value: TypeAlias = Any
Holds: TypeAlias = Callable[[Value], bool]

_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4 = re.compile(rf"(?:{_OCTET}\.){{3}}{_OCTET}")
_IPV4_PREFIX = re.compile(rf"{_IPV4.pattern}/(?:3[0-2]|[12]?[0-9])")
_DEVICE_NAME = re.compile(r"[!-$&-.0-9;-~]{1,15}")
# The words of Linux's command line are parted by ASCII white space and by nothing else.
_IP_ARGUMENT = re.compile(r"(?:^|[ \t\r\n\v\f])ip(?:=|[ \t\r\n\v\f]|\Z)")


class UnknownRule(Exception):
    """The contract has a rule this module cannot judge: add it to the tables here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One rule of a message or a value."""

    rule: str
    message: str
    holds: Holds


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldRules:
    """What is asked of one field; `below` are the rules of the message it holds."""

    name: str
    repeated: bool
    presence: bool
    required: bool = False
    ignore_zero: bool = False
    checks: tuple[Check, ...] = ()
    item_checks: tuple[Check, ...] = ()
    below: MessageRules | None = None

    @property
    def judges(self) -> bool:
        """Whether anything is asked at all."""
        return bool(self.required or self.checks or self.item_checks or self.below)


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRules:
    """What is asked of one message, and of the messages in it."""

    checks: tuple[Check, ...]
    fields: tuple[FieldRules, ...]

    def violations(self, message: Value, path: str = "") -> Iterator[Violation]:
        """Every rule `message` breaks, its own first, then field by field."""
        yield from _broken(self.checks, message, path)
        for field in self.fields:
            place = f"{path}.{field.name}" if path else field.name
            value = getattr(message, field.name)
            present = message.HasField(field.name) if field.presence else bool(value)
            if not present:
                if field.required:
                    yield Violation(field=place, rule="required", message="value is required")
                if field.required or field.presence or field.ignore_zero:
                    continue
            yield from _broken(field.checks, value, place)
            if field.repeated:
                for index, item in enumerate(value):
                    yield from _broken(field.item_checks, item, f"{place}[{index}]")
                    if field.below is not None:
                        yield from field.below.violations(item, f"{place}[{index}]")
            elif field.below is not None:
                yield from field.below.violations(value, place)


def load(path: Path = RULES) -> dict[str, tuple[type[Value], MessageRules]]:
    """Class and rules of each request, by the full name of its message. Raises OSError, UnknownRule."""
    pool = descriptor_pool.DescriptorPool()
    names = []
    for file in descriptor_pb2.FileDescriptorSet.FromString(path.read_bytes()).file:
        pool.Add(file)  # type: ignore[no-untyped-call, unused-ignore]  # stubs differ by release
        if file.package == PACKAGE:
            names += [f"{PACKAGE}.{each.name}" for each in file.message_type if each.name.endswith("Request")]
    reader = _Reader(pool)
    found = {}
    for name in names:
        descriptor = pool.FindMessageTypeByName(name)
        found[name] = (message_factory.GetMessageClass(descriptor), reader.message_rules(descriptor))
    return found


def _broken(checks: tuple[Check, ...], value: Value, place: str) -> Iterator[Violation]:
    for check in checks:
        if not check.holds(value):
            yield Violation(field=place, rule=check.rule, message=check.message)


class _Reader:
    """Reads the options of descriptors, in the pool that knows what buf.validate's extensions are."""

    def __init__(self, pool: descriptor_pool.DescriptorPool) -> None:
        self._pool = pool
        self._read: dict[str, MessageRules] = {}

    def message_rules(self, descriptor: Descriptor) -> MessageRules:
        if descriptor.full_name not in self._read:
            for oneof in descriptor.oneofs:
                if self._options(oneof, "OneofOptions", "oneof").ListFields():
                    raise UnknownRule(f"{oneof.full_name}: a rule of a oneof")
            rules = self._options(descriptor, "MessageOptions", "message")
            checks = [_cel(rule) for name, rule in _set_fields(rules) if _is_cel(name, "message")]
            fields = [self._field_rules(field) for field in descriptor.fields]
            self._read[descriptor.full_name] = MessageRules(
                checks=tuple(checks), fields=tuple(field for field in fields if field.judges)
            )
        return self._read[descriptor.full_name]

    def _field_rules(self, field: FieldDescriptor) -> FieldRules:
        below = None
        if field.message_type is not None and field.message_type.file.package == PACKAGE:
            nested = self.message_rules(field.message_type)
            below = nested if nested.checks or nested.fields else None
        rules = self._options(field, "FieldOptions", "field")
        cels: list[Check] = []
        standard: list[Check] = []
        items: list[Check] = []
        for name, value in _set_fields(rules):
            if name == "cel":
                cels.append(_cel(value))
            elif name == "repeated":
                for part, bound in value.ListFields():
                    if part.name == "items":
                        for kind, of in bound.ListFields():
                            items += _standard(kind.name, of, field)
                    else:
                        standard.append(_table("repeated", part.name, bound, field))
            elif name not in {"required", "ignore"}:
                standard += _standard(name, value, field)
        ignore = rules.DESCRIPTOR.fields_by_name["ignore"].enum_type.values_by_number[rules.ignore].name
        if ignore not in {"IGNORE_UNSPECIFIED", "IGNORE_IF_ZERO_VALUE"}:
            raise UnknownRule(f"{field.full_name}: {ignore}")
        return FieldRules(
            name=field.name,
            repeated=field.is_repeated,
            presence=field.has_presence,
            required=rules.required,
            ignore_zero=ignore == "IGNORE_IF_ZERO_VALUE",
            checks=(*cels, *standard),
            item_checks=tuple(items),
            below=below,
        )

    def _options(
        self, descriptor: Descriptor | FieldDescriptor | OneofDescriptor, options: str, extension: str
    ) -> Value:
        option_class = message_factory.GetMessageClass(
            self._pool.FindMessageTypeByName(f"google.protobuf.{options}")
        )
        known: Value = option_class.FromString(descriptor.GetOptions().SerializeToString())
        return known.Extensions[self._pool.FindExtensionByName(f"buf.validate.{extension}")]


def _set_fields(rules: Value) -> Iterator[tuple[str, Value]]:
    for field, value in rules.ListFields():
        if field.is_repeated:
            yield from ((field.name, item) for item in value)
        else:
            yield field.name, value


def _is_cel(name: str, place: str) -> bool:
    if name != "cel":
        raise UnknownRule(f"{place}.{name}")
    return True


def _cel(rule: Value) -> Check:
    holds = _CEL.get(rule.expression)
    if holds is None:
        raise UnknownRule(f"{rule.id}: {rule.expression}")
    return Check(rule=rule.id, message=rule.message, holds=holds)


def _standard(kind: str, rules: Value, field: FieldDescriptor) -> list[Check]:
    if kind not in _KINDS:
        raise UnknownRule(f"{field.full_name}: {kind}")
    parts = {part.name: bound for part, bound in rules.ListFields()}
    if kind == "duration":
        return [_duration(parts)]
    found = []
    for name in sorted(parts, key=_order):
        found.append(_table(kind, name, parts[name], field))
        if (empty := _EMPTY.get(f"{kind}.{name}")) is not None:
            found.append(Check(rule=f"{kind}.{name}_empty", message=empty, holds=bool))
    return found


def _table(kind: str, name: str, bound: Value, field: FieldDescriptor) -> Check:
    make = _STANDARD.get(f"{kind}.{name}")
    if make is None:
        raise UnknownRule(f"{field.full_name}: {kind}.{name}")
    message, holds = make(bound, field)
    return Check(rule=f"{kind}.{name}", message=message, holds=holds)


def _order(name: str) -> int:
    """The place of a rule among those of one value: protovalidate's own order of telling them."""
    return _ORDER.index(name) if name in _ORDER else len(_ORDER)


def _duration(parts: Mapping[str, Value]) -> Check:
    if parts.keys() != {"gt", "lte"} or parts["gt"].nanos or parts["lte"].nanos:
        raise UnknownRule(f"duration: {sorted(parts)}")
    low, high = parts["gt"].seconds, parts["lte"].seconds
    return Check(
        rule="duration.gt_lte",
        message=f"must be greater than {low}s and less than or equal to {high}s",
        holds=lambda value: (low, 0) < (value.seconds, value.nanos) <= (high, 0),
    )


def _pattern(bound: str, _: FieldDescriptor) -> tuple[str, Holds]:
    # RE2's `$` is the end of the text; Python's also stands before a last newline.
    if not (bound.startswith("^") and bound.endswith("$")) or "|" in bound:
        raise UnknownRule(f"pattern: {bound}")
    whole = re.compile(bound[1:-1])
    return f"does not match regex pattern `{bound}`", lambda value: whole.fullmatch(value) is not None


def _listed(bound: Value) -> str:
    return "[" + ", ".join(str(item) for item in bound) + "]"


def _not_in(bound: Value, _: FieldDescriptor) -> tuple[str, Holds]:
    refused = frozenset(bound)
    return f"must not be in list {_listed(bound)}", lambda value: value not in refused


def _defined_only(_: bool, field: FieldDescriptor) -> tuple[str, Holds]:
    assert field.enum_type is not None
    defined = frozenset(field.enum_type.values_by_number)
    return "value must be one of the defined enum values", lambda value: value in defined


def _gte(bound: int, _: FieldDescriptor) -> tuple[str, Holds]:
    return f"must be greater than or equal to {bound}", lambda value: value >= bound


_ORDER = ("min_len", "max_bytes", "pattern", "not_in", "defined_only", "ipv4")
_STANDARD: Mapping[str, Callable[[Value, FieldDescriptor], tuple[str, Holds]]] = {
    "string.min_len": lambda bound, _: (
        f"must be at least {bound} characters",
        lambda value: len(value) >= bound,
    ),
    "string.max_bytes": lambda bound, _: (
        f"must be at most {bound} bytes",
        lambda value: len(value.encode()) <= bound,
    ),
    "string.pattern": _pattern,
    "string.not_in": _not_in,
    "string.ipv4": lambda _, __: (
        "must be a valid IPv4 address",
        lambda value: not value or _IPV4.fullmatch(value) is not None,
    ),
    "bytes.max_len": lambda bound, _: (f"must be at most {bound} bytes", lambda value: len(value) <= bound),
    "int32.gte": _gte,
    "int64.gte": _gte,
    "uint32.lt": lambda bound, _: (f"must be less than {bound}", lambda value: value < bound),
    "enum.defined_only": _defined_only,
    "enum.not_in": _not_in,
    "repeated.max_items": lambda bound, _: (
        f"must contain no more than {bound} item(s)",
        lambda value: len(value) <= bound,
    ),
}
# Formats of which protovalidate tells an empty value by a rule of its own.
_EMPTY = {"string.ipv4": "value is empty, which is not a valid IPv4 address"}
_KINDS = frozenset(name.partition(".")[0] for name in _STANDARD) | {"duration"}


def _is_device_name(name: str) -> bool:
    return _DEVICE_NAME.fullmatch(name) is not None and name not in {".", ".."}


def _gives_an_address(interface: Value) -> bool:
    return bool(
        interface.HasField("cni_configuration")
        or (
            interface.HasField("static_configuration")
            and interface.static_configuration.HasField("ip_configuration")
        )
    )


# Each CEL expression of the contract, as it stands there, and the same in Python.
_CEL: Mapping[str, Holds] = {
    "size(this.interfaces) <= 1 || !this.interfaces.exists(i, "
    "has(i.cni_configuration) || (has(i.static_configuration) && "
    "has(i.static_configuration.ip_configuration)))": lambda this: (
        len(this.interfaces) <= 1 or not any(map(_gives_an_address, this.interfaces))
    ),
    "has(this.cni_configuration) || has(this.static_configuration)": lambda this: (
        this.HasField("cni_configuration") or this.HasField("static_configuration")
    ),
    "!(has(this.cni_configuration) && has(this.static_configuration))": lambda this: (
        not (this.HasField("cni_configuration") and this.HasField("static_configuration"))
    ),
    "this.network_name != '' || has(this.network_config)": lambda this: (
        this.network_name != "" or this.HasField("network_config")
    ),
    "!(this.network_name != '' && has(this.network_config))": lambda this: (
        not (this.network_name != "" and this.HasField("network_config"))
    ),
    "!has(this.tap) || !this.args.exists(a, "
    "a.key.startsWith('TC_REDIRECT_TAP_') || a.key == 'IgnoreUnknown')": lambda this: (
        not this.HasField("tap")
        or not any(arg.key.startswith("TC_REDIRECT_TAP_") or arg.key == "IgnoreUnknown" for arg in this.args)
    ),
    "this.matches('^[!-$&-.0-9;-~]{1,15}$') && this != '.' && this != '..'": _is_device_name,
    "this == '' || (this.matches('^[!-$&-.0-9;-~]{1,15}$') && this != '.' && this != '..')": lambda this: (
        this == "" or _is_device_name(this)
    ),
    "this != ''": lambda this: this != "",
    "this.isIpPrefix(4)": lambda this: _IPV4_PREFIX.fullmatch(this) is not None,
    "this.isIp(4)": lambda this: _IPV4.fullmatch(this) is not None,
    "size(this) <= 2": lambda this: len(this) <= 2,
    r"!this.kernel_args.matches('(^|[ \\t\\r\\n\\v\\f])ip(=|[ \\t\\r\\n\\v\\f]|$)') || "
    "!this.spec.network_interfaces.interfaces.exists(i, "
    "has(i.cni_configuration) || (has(i.static_configuration) && "
    "has(i.static_configuration.ip_configuration)))": lambda this: (
        _IP_ARGUMENT.search(this.kernel_args) is None
        or not any(map(_gives_an_address, this.spec.network_interfaces.interfaces))
    ),
    "size(this.valid_vm_ids) > 0 || this.allow_empty": lambda this: (
        len(this.valid_vm_ids) > 0 or this.allow_empty
    ),
}
