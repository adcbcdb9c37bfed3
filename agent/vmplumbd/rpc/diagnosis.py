"""Findings and checks as messages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from vmplumb.v1 import errors_pb2
from vmplumb.v1 import network_agent_service_pb2 as pb
from vmplumbd.model.findings import Finding
from vmplumbd.operations.clear import Cleared
from vmplumbd.operations.doctor import Diagnosis
from vmplumbd.rpc import convert

# gRPC's default receive limit is 4 MiB; an answer stays well below it.
FINDINGS_BYTES = 3 * 1024 * 1024
# A finding quotes names of files and errors of others; more of a text helps nobody.
_LONGEST = 2048


class _List(Protocol):
    def append(self, value: pb.Finding, /) -> None:
        """Add one."""


def response(found: Diagnosis) -> pb.DiagnoseHostResponse:
    """The answer to DiagnoseHost."""
    made = pb.DiagnoseHostResponse(revision=found.revision)
    for one in found.checks:
        made.preflight.add(
            name=one.name,
            ok=one.ok,
            detail=one.detail[:_LONGEST],
            remedy=one.remedy[:_LONGEST],
            required=one.required,
        )
    made.findings_truncated = fill(made.findings, (finding(one) for one in found.findings))
    return made


def fill(into: _List, found: Iterable[pb.Finding]) -> bool:
    """Put findings into an answer while there is room; whether some were left out."""
    used = 0
    for one in found:
        used += one.ByteSize() + 8
        if used > FINDINGS_BYTES:
            return True
        into.append(one)
    return False


def finding(one: Finding) -> pb.Finding:
    """One finding."""
    made = pb.Finding(
        kind=errors_pb2.ResourceKind.ValueType(one.kind.value),
        what=_text(one.what),
        where=_text(one.where),
        vm_id=_text(one.vm_id),
        would_do=pb.FindingAction.ValueType(one.would_do.value),
        detail=_text(one.detail),
        seen_in=[pb.HostView.ValueType(view.value) for view in one.seen_in],
        missing_in=[pb.HostView.ValueType(view.value) for view in one.missing_in],
    )
    if one.age is not None:
        made.age.CopyFrom(convert.duration(max(0.0, one.age)))
    return made


def cleared(one: Cleared) -> pb.Finding:
    """One finding, with what became of it."""
    made = finding(one.finding)
    made.done = one.done
    if one.error is not None:
        made.failure.CopyFrom(convert.failure_of(one.error))
    return made


def _text(words: str) -> str:
    # Names of files need not be UTF-8, and a message must be.
    return words[:_LONGEST].encode(errors="replace").decode()
