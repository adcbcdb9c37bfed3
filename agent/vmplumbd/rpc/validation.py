"""The contract's rules at the door: every violation of a request, before anything is done.

The messages that gRPC hands over are made without protovalidate's options, so that a client needs no
package of rules. The rules lie beside this module as descriptors (`rules.binpb`); a request is parsed
once more, into a message of a private pool that has them, and judged there.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from google.protobuf import unknown_fields as unknown

from vmplumbd.errors import LimitExceeded, Violation
from vmplumbd.model.spec import MOST_ARGS_BYTES
from vmplumbd.policy import json_text
from vmplumbd.rpc import rules

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from google.protobuf.descriptor import FieldDescriptor
    from google.protobuf.message import Message

# What is told of a request: more than an answer's details have room for, and soon said.
MOST_TOLD = 256
# Fields that nobody knows are looked into for their names up to so many bytes: protobuf takes all apart at once.
MOST_UNKNOWN_BYTES = 2048

_NANOSECONDS = 1_000_000_000


class RequestRules:
    """Judges requests. Make one at start with `load`: every rule is read by then."""

    def __init__(self, requests: Mapping[str, tuple[type[Message], rules.MessageRules]]) -> None:
        self._requests = requests

    @classmethod
    def load(cls) -> RequestRules:
        """Read the rules that lie beside this package's code. Raises OSError, rules.UnknownRule."""
        return cls(rules.load())

    def violations(self, full_message_name: str, serialized: bytes) -> tuple[Violation, ...]:
        """The rules the request breaks, in the order of its fields, MOST_TOLD at most; empty if it breaks none.

        Raises KeyError for a message that is no request of the contract, and protobuf's DecodeError.
        """
        request, judge = self._requests[full_message_name]
        message = request.FromString(serialized)
        found = itertools.chain(judge.violations(message), _beyond_cel(message))
        return tuple(itertools.islice(found, MOST_TOLD))


def refuse_too_long(size: int, message_bytes: int) -> None:
    """Raises LimitExceeded for a request of too many bytes. Before all else."""
    if size > message_bytes:
        raise LimitExceeded(
            f"the request has {size} bytes, the limit is {message_bytes}", limit="limits.message_bytes"
        )


def refuse_too_much(message: Message, *, list_items: int, json_depth: int) -> None:
    """Raises LimitExceeded for a request whose lists have too many items, or whose JSON is too deep.

    Before anything looks at each item: an empty one is two bytes to send, and many rules to judge.
    """
    _refuse_lists(message, list_items)
    spec = getattr(message, "spec", None)
    if spec is None:
        return
    for interface in spec.network_interfaces.interfaces:
        if not interface.HasField("cni_configuration"):
            continue
        cni = interface.cni_configuration
        texts = [cni.capability_args, cni.network_config.json]
        texts += [plugin.json for plugin in cni.network_config.plugins]
        for text in texts:
            if text and (deep := json_text.depth(text, json_depth)) > json_depth:
                raise LimitExceeded(
                    f"JSON of the request is {deep} levels deep or more, the limit is {json_depth}",
                    limit="limits.json_depth",
                )


def unknown_fields(message: Message) -> tuple[str, ...]:
    """Paths of the fields, anywhere in `message`, that this build does not know: "spec.#7" is field 7.

    MOST_TOLD at most, and one empty path where they are too long to be looked into.
    """
    known = type(message)()
    known.CopyFrom(message)
    known.DiscardUnknownFields()  # type: ignore[attr-defined, unused-ignore]  # not in every release's stubs
    size = message.ByteSize() - known.ByteSize()
    if not size:
        return ()
    if size > MOST_UNKNOWN_BYTES:
        return ("",)
    return tuple(itertools.islice(_unknown_paths(message, ""), MOST_TOLD))


def _refuse_lists(message: Message, most: int) -> None:
    found = 0
    waiting = [message]
    while waiting:
        for descriptor, value in waiting.pop().ListFields():
            if descriptor.is_repeated:
                found += len(value)
                if found > most:
                    raise LimitExceeded(
                        f"the lists of the request have {found} items or more, the limit is {most}",
                        limit="limits.list_items",
                    )
            if descriptor.message_type is not None:
                waiting.extend(value if descriptor.is_repeated else (value,))


def _beyond_cel(message: Message) -> Iterator[Violation]:
    """The rules the contract states in words, since CEL can neither add up nor read JSON."""
    timeout = getattr(message, "operation_timeout", None)
    if timeout is not None and not (
        abs(timeout.nanos) < _NANOSECONDS and timeout.seconds * timeout.nanos >= 0
    ):
        # google/protobuf/duration.proto; protovalidate adds the parts up whatever they are.
        yield Violation(
            field="operation_timeout",
            rule="duration",
            message="nanos must be below 1000000000 and of the sign of seconds",
        )
    spec = getattr(message, "spec", None)
    if spec is None:
        return
    for index, interface in enumerate(spec.network_interfaces.interfaces):
        if not interface.HasField("cni_configuration"):
            continue
        cni = interface.cni_configuration
        place = f"spec.network_interfaces.interfaces[{index}].cni_configuration"
        size = sum(len(arg.key.encode()) + len(arg.value.encode()) + 2 for arg in cni.args) - 1
        if size > MOST_ARGS_BYTES:
            yield Violation(
                field=f"{place}.args",
                rule="cni_configuration.args_size",
                message=f"args must be at most {MOST_ARGS_BYTES} bytes as CNI_ARGS, and are {size}",
            )
        if cni.capability_args:
            yield from _object(cni.capability_args, f"{place}.capability_args")
        if cni.HasField("network_config"):
            # What is no JSON at all is told by who reads the list.
            yield from _twice(cni.network_config.json, f"{place}.network_config.json")
            for number, plugin in enumerate(cni.network_config.plugins):
                yield from _twice(plugin.json, f"{place}.network_config.plugins[{number}].json")


def _object(text: bytes, field: str) -> Iterator[Violation]:
    try:
        if isinstance(json_text.read(text), dict):
            return
    except json_text.DuplicateKey as exc:
        yield _duplicate(field, exc)
        return
    except (ValueError, RecursionError):
        pass
    yield Violation(
        field=field,
        rule="cni_configuration.capability_args",
        message="capability_args must be a JSON object in UTF-8",
    )


def _twice(text: bytes, field: str) -> Iterator[Violation]:
    try:
        # As the list's reader does: else a byte that is no UTF-8 would keep this from looking.
        json_text.read(text, mend=True)
    except json_text.DuplicateKey as exc:
        yield _duplicate(field, exc)
    except (ValueError, RecursionError):
        pass


def _duplicate(field: str, exc: json_text.DuplicateKey) -> Violation:
    return Violation(field=field, rule="json.duplicate_key", message=str(exc))


def _unknown_paths(message: Message, prefix: str) -> Iterator[str]:
    for field in unknown.UnknownFieldSet(message):  # type: ignore[attr-defined]  # a sequence, say the docs
        yield f"{prefix}#{field.field_number}"
    for descriptor, value in message.ListFields():
        if descriptor.message_type is not None:
            yield from _unknown_below(descriptor, value, f"{prefix}{descriptor.name}")


def _unknown_below(descriptor: FieldDescriptor, value: Message, path: str) -> Iterator[str]:
    if descriptor.is_repeated:
        for index, item in enumerate(value):  # type: ignore[arg-type, var-annotated]  # a container of messages
            yield from _unknown_paths(item, f"{path}[{index}].")
    else:
        yield from _unknown_paths(value, f"{path}.")
