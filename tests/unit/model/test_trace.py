"""W3C Trace Context: what is read of a caller, and what is told to plugins."""

from __future__ import annotations

import pytest

from vmplumbd.model.trace import TraceContext, parse

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
WELL = f"00-{TRACE}-{SPAN}-01"


@pytest.mark.parametrize(
    ("header", "sampled"),
    [
        (WELL, True),
        (f"00-{TRACE}-{SPAN}-00", False),
        (f"00-{TRACE}-{SPAN}-03", True),
        (f"cc-{TRACE}-{SPAN}-01-new", True),
    ],
    ids=["sampled", "not sampled", "other flags too", "a later version"],
)
def test_a_well_formed_parent_is_read(header: str, sampled: bool) -> None:
    assert parse(header) == TraceContext(trace_id=TRACE, span_id=SPAN, sampled=sampled)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "00",
        WELL.upper(),
        f"00-{TRACE}-{SPAN}-01-more",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-{SPAN}-1",
        f"{WELL}\nLD_PRELOAD=/tmp/x",
        f"{WELL}\n",
        "٠٠" + WELL[2:],
    ],
)
def test_all_else_is_no_parent(header: str) -> None:
    assert parse(header) is None


@pytest.mark.parametrize(
    ("state", "kept"),
    [
        ("", ""),
        ("congo=t61rcWkgMzE", "congo=t61rcWkgMzE"),
        ("rojo=00f067aa0ba902b7, congo=t61", "rojo=00f067aa0ba902b7,congo=t61"),
        ("fw529a3039@dt=FfAB", "fw529a3039@dt=FfAB"),
        ("UPPER=x", ""),
        ("a=b\nLD_PRELOAD=x", ""),
        ("a=" + "x" * 600, ""),
        (",".join(f"k{number}=v" for number in range(33)), ""),
    ],
)
def test_a_state_is_kept_whole_or_not_at_all(state: str, kept: str) -> None:
    found = parse(WELL, state)
    assert found is not None
    assert found.state == kept


def test_a_child_is_always_the_same_and_another_for_another_name() -> None:
    parent = parse(WELL, "congo=t61")
    assert parent is not None
    child = parent.child("CNI_ADD", 1)
    assert child == parent.child("CNI_ADD", 1)
    assert child.trace_id == TRACE
    assert (
        len({parent.span_id, child.span_id, parent.child("CNI_ADD", 2).span_id, child.child(0).span_id}) == 4
    )
    assert child.environment() == {"TRACEPARENT": f"00-{TRACE}-{child.span_id}-01", "TRACESTATE": "congo=t61"}
    assert parse(child.traceparent) == TraceContext(trace_id=TRACE, span_id=child.span_id, sampled=True)
