"""The contract's rules at the door: every violation of a request, before anything is done.

The messages that gRPC hands over are made without protovalidate's options, so that a client needs no
package of rules. The rules lie beside this module as descriptors (`rules.binpb`); a request is parsed
once more, into a message of a private pool that has them, and judged there.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NoReturn

from google.protobuf import unknown_fields as unknown

from vmplumbd.errors import Violation
from vmplumbd.rpc import rules

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from google.protobuf.descriptor import FieldDescriptor
    from google.protobuf.message import Message

# exec(2) refuses a string above 128 KiB; half of it leaves room for the rest of the environment.
ARGS_MAX_BYTES = 65536


class RequestRules:
    """Judges requests. Make one at start with `load`: every rule is read by then."""

    def __init__(self, requests: Mapping[str, tuple[type[Message], rules.MessageRules]]) -> None:
        self._requests = requests

    @classmethod
    def load(cls) -> RequestRules:
        """Read the rules that lie beside this package's code. Raises OSError, rules.UnknownRule."""
        return cls(rules.load())

    def violations(self, full_message_name: str, serialized: bytes) -> tuple[Violation, ...]:
        """All rules the request breaks, in the order of its fields; empty if it breaks none.

        Raises KeyError for a message that is no request of the contract, and protobuf's DecodeError.
        """
        request, judge = self._requests[full_message_name]
        message = request.FromString(serialized)
        return (*judge.violations(message), *_beyond_cel(message))


def unknown_fields(message: Message) -> tuple[str, ...]:
    """Paths of the fields, anywhere in `message`, that this build does not know: "spec.#7" is field 7."""
    return tuple(_unknown_paths(message, ""))


def _beyond_cel(message: Message) -> Iterator[Violation]:
    """The rules the contract states in words, since CEL can neither add up nor read JSON."""
    spec = getattr(message, "spec", None)
    if spec is None:
        return
    for index, interface in enumerate(spec.network_interfaces.interfaces):
        if not interface.HasField("cni_configuration"):
            continue
        cni = interface.cni_configuration
        place = f"spec.network_interfaces.interfaces[{index}].cni_configuration"
        size = sum(len(arg.key.encode()) + len(arg.value.encode()) + 2 for arg in cni.args) - 1
        if size > ARGS_MAX_BYTES:
            yield Violation(
                field=f"{place}.args",
                rule="cni_configuration.args_size",
                message=f"args must be at most {ARGS_MAX_BYTES} bytes as CNI_ARGS, and are {size}",
            )
        if cni.capability_args and not _is_json_object(cni.capability_args):
            yield Violation(
                field=f"{place}.capability_args",
                rule="cni_configuration.capability_args",
                message="capability_args must be a JSON object in UTF-8",
            )


def _is_json_object(text: bytes) -> bool:
    try:
        return isinstance(json.loads(text.decode(), parse_constant=_refuse), dict)
    except (ValueError, RecursionError):
        return False


def _refuse(constant: str) -> NoReturn:
    # Python reads NaN and Infinity, which no JSON has and no plugin can read.
    raise ValueError(constant)


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
