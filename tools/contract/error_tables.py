"""The error tables of the service: every RPC has one, and its reasons and codes are those of ErrorReason."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tools.contract import image

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

CODES = frozenset(
    {
        "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
        "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE",
        "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
    }
)  # fmt: skip
COMMON = "every RPC"
NO_REASON = "(none)"
_PREFIX = "ERROR_REASON_"
_HEADER = ["condition", "code", "reason", "caller", "requirement"]
# Field numbers of descriptor.proto, of which the paths of source comments are made.
_FILE_ENUM, _FILE_SERVICE, _ENUM_VALUE, _SERVICE_METHOD = 5, 6, 2, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One error: `where` it can happen (an RPC, or COMMON), with which code and reason, and its id."""

    where: str
    code: str
    reason: str
    requirement: str


def codes(full: FileDescriptorSet) -> dict[str, str]:
    """gRPC code of each reason but UNSPECIFIED, from the first word of its comment; "" if it has none."""
    found = {}
    for name, comment in reasons(full).items():
        code = re.match(r"([A-Z_]+):", comment[0] if comment else "")
        found[name] = code.group(1) if code else ""
    return found


def reasons(full: FileDescriptorSet) -> dict[str, list[str]]:
    """Each reason but UNSPECIFIED, with the lines of its comment."""
    found = {}
    for file in _contract(full):
        comments = _comments(file)
        for number, enum in enumerate(file.enum_type):
            if enum.name == "ErrorReason":
                for place, value in enumerate(enum.value):
                    comment = comments.get((_FILE_ENUM, number, _ENUM_VALUE, place), "")
                    lines = [line.strip() for line in comment.strip().splitlines()]
                    found[value.name.removeprefix(_PREFIX)] = lines
    found.pop("UNSPECIFIED", None)
    return found


def rows(full: FileDescriptorSet) -> dict[str, list[Row]]:
    """The error table of each RPC, and that of COMMON. An RPC without one has an empty list."""
    found = {}
    for file in _contract(full):
        comments = _comments(file)
        for number, service in enumerate(file.service):
            found[COMMON] = list(_rows(COMMON, comments.get((_FILE_SERVICE, number), "")))
            for place, method in enumerate(service.method):
                comment = comments.get((_FILE_SERVICE, number, _SERVICE_METHOD, place), "")
                found[method.name] = list(_rows(method.name, comment))
    return found


def faults(full: FileDescriptorSet, agent: Mapping[str, str]) -> list[str]:
    """What does not agree: tables, ErrorReason with its comments, and the agent's code of each reason."""
    code_of, tables = codes(full), rows(full)
    found = [
        f"{reason}: no gRPC code before its comment" for reason, code in code_of.items() if code not in CODES
    ]
    found += [f"{where}: no error table" for where, table in tables.items() if not table]
    found += [line for table in tables.values() for row in table for line in _row_faults(row, code_of)]
    used = {row.reason for table in tables.values() for row in table}
    found += [f"{reason}: in no error table" for reason in sorted(code_of.keys() - used)]
    found += [f"{reason}: unknown to the agent" for reason in sorted(code_of.keys() - agent.keys())]
    found += [f"{reason}: only in the agent" for reason in sorted(agent.keys() - code_of.keys())]
    found += [
        f"{reason}: {code} in errors.proto, {agent[reason]} in the agent"
        for reason, code in code_of.items()
        if agent.get(reason, code) != code
    ]
    return found


def _row_faults(row: Row, code_of: Mapping[str, str]) -> Iterator[str]:
    if row.code not in CODES:
        yield f"{row.where}: {row.code} is no gRPC code"
    elif row.reason == NO_REASON:
        return
    elif row.reason not in code_of:
        yield f"{row.where}: {row.code} / {row.reason}: no such reason"
    elif code_of[row.reason] != row.code:
        yield f"{row.where}: {row.code} / {row.reason}: errors.proto says {code_of[row.reason]}"


def _contract(full: FileDescriptorSet) -> Iterator[FileDescriptorProto]:
    return (file for file in full.file if file.package == image.CONTRACT)


def _comments(file: FileDescriptorProto) -> dict[tuple[int, ...], str]:
    return {tuple(place.path): place.leading_comments for place in file.source_code_info.location}


def _rows(where: str, comment: str) -> Iterator[Row]:
    inside = False
    for line in comment.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if cells == _HEADER:
            inside = True
        elif not line.strip().startswith("|"):
            inside = False
        elif inside and not set(cells[0]) <= {"-"}:
            if len(cells) != len(_HEADER):
                raise ValueError(f"{where}: a row of its error table has {len(cells)} cells: {line.strip()}")
            yield Row(where=where, code=cells[1], reason=cells[2], requirement=cells[4])
