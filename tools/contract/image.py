"""The contract as descriptors: with protovalidate's rules, without them, and as an image buf can read."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from google.protobuf import descriptor_pb2, duration_pb2, field_mask_pb2, timestamp_pb2
from protovalidate._gen.buf.validate import validate_pb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
    from google.protobuf.message import Message

CONTRACT = "vmplumb.v1"
VALIDATE = "buf/validate/validate.proto"
# Extension numbers of buf.validate in google.protobuf.{Message,Field,Oneof}Options.
_RULES = 1159
# buf.alpha.image.v1.ImageFile.buf_extension { is_import: true }, as bytes: field 8042, 2 bytes, field 1 = 1.
_IS_IMPORT = b"\xd2\xf6\x03\x02\x08\x01"


def validate_descriptors() -> FileDescriptorSet:
    """`buf/validate/validate.proto` and its imports, from the installed protovalidate."""
    found = descriptor_pb2.FileDescriptorSet()
    for module in (descriptor_pb2, duration_pb2, field_mask_pb2, timestamp_pb2):
        module.DESCRIPTOR.CopyToProto(found.file.add())  # type: ignore[no-untyped-call, unused-ignore]  # stubs differ by release
    found.file.add().ParseFromString(validate_pb.desc().proto.to_binary())
    return found


def build(protos: Path) -> FileDescriptorSet:
    """Compile every file of `protos`, imports and source comments included. Raises when protoc refuses."""
    sources = sorted(str(path.relative_to(protos)) for path in protos.rglob("*.proto"))
    with tempfile.TemporaryDirectory() as scratch:
        imports, out = Path(scratch) / "imports.binpb", Path(scratch) / "image.binpb"
        imports.write_bytes(validate_descriptors().SerializeToString())
        subprocess.run(
            [
                sys.executable,
                "-m",
                "grpc_tools.protoc",
                f"--descriptor_set_in={imports}",
                f"-I{protos}",
                "--include_imports",
                "--include_source_info",
                f"-o{out}",
                *sources,
            ],
            check=True,
        )
        return descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes())


def rules(full: FileDescriptorSet) -> FileDescriptorSet:
    """`full` without source comments: what a server needs to check requests."""
    slim = descriptor_pb2.FileDescriptorSet()
    slim.CopyFrom(full)
    for file in slim.file:
        file.ClearField("source_code_info")
    return slim


def without_rules(full: FileDescriptorSet) -> FileDescriptorSet:
    """`full` without protovalidate: its import gone, its options removed, comments kept."""
    slim = descriptor_pb2.FileDescriptorSet()
    for file in full.file:
        if file.name != VALIDATE:
            slim.file.append(file)
    for file in slim.file:
        kept = [name for name in file.dependency if name != VALIDATE]
        del file.dependency[:]
        file.dependency.extend(kept)
        for options in _options(file):
            _drop_field(options, _RULES)
    return slim


def for_buf(full: FileDescriptorSet) -> bytes:
    """`full` as a buf image in which only the contract's own files are linted and compared."""
    marked = descriptor_pb2.FileDescriptorSet()
    marked.CopyFrom(full)
    for file in marked.file:
        if file.package != CONTRACT:
            file.MergeFromString(_IS_IMPORT)
    return marked.SerializeToString(deterministic=True)


def _options(file: FileDescriptorProto) -> Iterator[Message]:
    pending = list(file.message_type)
    while pending:
        message = pending.pop()
        pending.extend(message.nested_type)
        yield message.options
        for field in message.field:
            yield field.options
        for oneof in message.oneof_decl:
            yield oneof.options


def _drop_field(message: Message, number: int) -> None:
    """Remove an unknown field, or an extension, by its number, from the serialized form."""
    data = message.SerializeToString()
    kept, at = bytearray(), 0
    while at < len(data):
        start = at
        tag, at = _varint(data, at)
        match tag & 7:
            case 0:
                _, at = _varint(data, at)
            case 1:
                at += 8
            case 2:
                size, at = _varint(data, at)
                at += size
            case 5:
                at += 4
            case wire:
                raise ValueError(f"wire type {wire} in options")
        if tag >> 3 != number:
            kept += data[start:at]
    message.Clear()
    message.MergeFromString(bytes(kept))


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at
