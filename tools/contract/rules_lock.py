"""Every protovalidate rule of the contract, a sorted line each; `buf breaking` does not see them.

The committed `protos/rules.lock` makes a tightened or loosened rule a change that a reviewer reads.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from google.protobuf import descriptor_pool, json_format, message_factory

from tools.contract import image

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorSet
    from google.protobuf.message import Message


def text(full: FileDescriptorSet) -> str:
    """The lock of `full`. Raises ValueError when there is no rule at all: then something else is wrong."""
    lines = sorted(_lines(full))
    if not lines:
        raise ValueError("no rules found")
    return "\n".join(lines) + "\n"


def _lines(full: FileDescriptorSet) -> Iterator[str]:
    pool = descriptor_pool.DescriptorPool()
    for file in full.file:
        pool.Add(file)  # type: ignore[no-untyped-call, unused-ignore]  # stubs differ by release

    def rule(options: Message, kind: str) -> Iterator[str]:
        # To protobuf's own classes the extension is unknown bytes; the pool's classes know it.
        option_class = message_factory.GetMessageClass(
            pool.FindMessageTypeByName(options.DESCRIPTOR.full_name)
        )
        known = option_class.FromString(options.SerializeToString())
        extension: Any = pool.FindExtensionByName(f"buf.validate.{kind}")  # typed only in generated code
        if known.HasExtension(extension):
            value = json_format.MessageToDict(known.Extensions[extension], preserving_proto_field_name=True)
            yield json.dumps(value, sort_keys=True)

    def walk(message: DescriptorProto, name: str) -> Iterator[str]:
        yield from (f"{name} {line}" for line in rule(message.options, "message"))
        for field in message.field:
            yield from (f"{name}.{field.name} {line}" for line in rule(field.options, "field"))
        for oneof in message.oneof_decl:
            yield from (f"{name}.{oneof.name} {line}" for line in rule(oneof.options, "oneof"))
        for nested in message.nested_type:
            yield from walk(nested, f"{name}.{nested.name}")

    for file in full.file:
        if file.package == image.CONTRACT:
            for message in file.message_type:
                yield from walk(message, f"{file.package}.{message.name}")
