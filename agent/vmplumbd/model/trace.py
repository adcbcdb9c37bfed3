"""A place in a distributed trace, as W3C Trace Context writes it. Pure: what is below a place is computed, not drawn.

So a plugin can be told its span before that span is made, when the operation has ended.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

# https://www.w3.org/TR/trace-context/#traceparent-header. Of a later version the first four fields are read.
_PARENT = re.compile("([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.ASCII)
_STATE_MEMBER = re.compile(
    r"[a-z0-9][a-z0-9_\-*/@]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]",
    re.ASCII,
)
_STATE_BYTES = 512
_STATE_MEMBERS = 32
_SAMPLED = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceContext:
    """A span: its trace (32 hexadecimal digits), itself (16), whether it is recorded, what vendors add."""

    trace_id: str
    span_id: str
    sampled: bool
    state: str = ""

    def child(self, *name: object) -> TraceContext:
        """The span below this one that has this name: always the same."""
        digest = hashlib.sha256(repr((self.trace_id, self.span_id, name)).encode()).hexdigest()
        return replace(self, span_id=digest[:16])

    @property
    def traceparent(self) -> str:
        """As the header has it."""
        return f"00-{self.trace_id}-{self.span_id}-{int(self.sampled):02x}"

    def environment(self) -> Mapping[str, str]:
        """What a program below this span is told."""
        told = {"TRACEPARENT": self.traceparent}
        if self.state:
            told["TRACESTATE"] = self.state
        return told


def parse(traceparent: str, tracestate: str = "") -> TraceContext | None:
    """Read headers of a caller; None for what is not well-formed. A state that is not is left out alone."""
    found = _PARENT.fullmatch(traceparent)
    if found is None:
        return None
    version, trace_id, span_id, flags, more = found.groups()
    if version == "ff" or (version == "00" and more) or not int(trace_id, 16) or not int(span_id, 16):
        return None
    return TraceContext(
        trace_id=trace_id,
        span_id=span_id,
        sampled=bool(int(flags, 16) & _SAMPLED),
        state=_clean(tracestate),
    )


def _clean(state: str) -> str:
    members = [one.strip(" \t") for one in state.split(",")]
    kept = [one for one in members if one]
    well = len(state) <= _STATE_BYTES and len(kept) <= _STATE_MEMBERS
    return ",".join(kept) if well and all(_STATE_MEMBER.fullmatch(one) for one in kept) else ""
