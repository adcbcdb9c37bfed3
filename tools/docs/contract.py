"""The reference of the contract, from the protos: services, messages and enums with their comments as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
)

from tools.contract import image

PROTOS = Path(__file__).resolve().parents[2] / "protos"
ORDER = ("network_agent_service", "vm_network", "network", "cni", "rate_limiter", "errors")
# Field numbers of descriptor.proto, of which the paths of source comments are made.
_MESSAGE, _ENUM, _SERVICE, _FIELD, _VALUE, _METHOD = 4, 5, 6, 2, 2, 2


def page() -> str:
    """The whole page."""
    full = image.build(PROTOS)
    files = {Path(one.name).stem: one for one in full.file if one.package == image.CONTRACT}
    lines = [
        "# Contract",
        "",
        "Made from the comments of `protos/vmplumb/v1`. What a requirement id is says",
        "[Conformance](../conformance.md).",
    ]
    for name in (*ORDER, *sorted(files.keys() - set(ORDER))):
        lines += ["", f"## {name}.proto", *_file(files[name], full)]
    return "\n".join(lines) + "\n"


def _file(file: FileDescriptorProto, full: FileDescriptorSet) -> Iterator[str]:
    comments = {tuple(place.path): place.leading_comments for place in file.source_code_info.location}
    known = {f".{one.package}.{kind.name}" for one in full.file for kind in one.message_type}
    known |= {f".{one.package}.{kind.name}" for one in full.file for kind in one.enum_type}
    for number, service in enumerate(file.service):
        yield from ("", f"### {service.name}", "", prose(comments.get((_SERVICE, number), "")))
        for place, method in enumerate(service.method):
            answer = "stream of " if method.server_streaming else ""
            yield from ("", f"### {method.name}", "")
            yield f"{_link(method.input_type, known)} → {answer}{_link(method.output_type, known)}"
            yield from ("", prose(comments.get((_SERVICE, number, _METHOD, place), "")))
    for number, message in enumerate(file.message_type):
        yield from ("", f"### {message.name}", "", prose(comments.get((_MESSAGE, number), "")))
        yield from _fields(message, number, comments, known)
    for number, enum in enumerate(file.enum_type):
        yield from ("", f"### {enum.name}", "", prose(comments.get((_ENUM, number), "")))
        yield from _values(enum, number, comments)


def _fields(
    message: DescriptorProto, number: int, comments: dict[tuple[int, ...], str], known: set[str]
) -> Iterator[str]:
    if not message.field:
        return
    yield from ("", "| field | type | |", "|---|---|---|")
    for place, field in enumerate(message.field):
        words = _cell(comments.get((_MESSAGE, number, _FIELD, place), ""))
        yield f"| `{field.name}` | {_type(field, known)} | {words} |"


def _values(enum: EnumDescriptorProto, number: int, comments: dict[tuple[int, ...], str]) -> Iterator[str]:
    yield from ("", "| value | number | |", "|---|---|---|")
    for place, value in enumerate(enum.value):
        words = _cell(comments.get((_ENUM, number, _VALUE, place), ""))
        yield f"| `{value.name}` | {value.number} | {words} |"


def _type(field: FieldDescriptorProto, known: set[str]) -> str:
    kinds = FieldDescriptorProto
    named = field.type in {kinds.TYPE_MESSAGE, kinds.TYPE_ENUM}
    name = (
        _link(field.type_name, known) if named else kinds.Type.Name(field.type).removeprefix("TYPE_").lower()
    )
    if field.label == kinds.LABEL_REPEATED:
        return f"repeated {name}"
    return f"optional {name}" if field.proto3_optional else name


def _link(full_name: str, known: set[str]) -> str:
    name = full_name.rsplit(".", 1)[-1]
    ours = full_name in known and full_name.startswith(f".{image.CONTRACT}.")
    return f"[{name}](#{name.lower()})" if ours else f"`{full_name.lstrip('.')}`"


def prose(comment: str) -> str:
    """A comment as Markdown: its tables are tables, what is set off by blanks is code or a list."""
    found: list[str] = []
    for line in comment.splitlines():
        text = line.removeprefix(" ")
        bare = text.strip()
        if bare.startswith("|"):
            if found and found[-1] and not found[-1].startswith("|"):
                found.append("")
            found.append(_safe(bare))
        elif re.match(r" ?\d+\. ", text):
            found += ["", _safe(bare)]
        elif text.startswith("   ") and bare:
            # A continuation of a list's item, or a diagram.
            found.append(f"   {_safe(bare)}")
        else:
            found.append(_safe(text.rstrip()))
    return "\n".join(found).strip()


def _cell(comment: str) -> str:
    return " ".join(_safe(comment).split()).replace("|", "\\|")


def _safe(text: str) -> str:
    return text.replace("<", "&lt;").replace("*", "\\*").replace("[REQ", "\\[REQ").replace("_", "\\_")
