"""Every reason has its code, every status its details, and none is too big for gRPC's headers."""

from __future__ import annotations

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from hypothesis import given
from hypothesis import strategies as st

from vmplumb.v1 import errors_pb2
from vmplumbd.errors import (
    AddFailed,
    AgentError,
    AgentNotReady,
    InvalidSpec,
    NotFound,
    OperationPending,
    PluginError,
    Reason,
    TornDown,
    Violation,
)
from vmplumbd.model.progress import Leftover, ResourceKind
from vmplumbd.rpc import status


def parts(error: AgentError) -> tuple[status_pb2.Status, dict[str, object]]:
    """The status of an error, and its details by name."""
    _, _, raw = status.status_of(error, vm_id="vm-1")
    told = status_pb2.Status.FromString(raw)
    found: dict[str, object] = {}
    for detail in told.details:
        for kind in (
            error_details_pb2.ErrorInfo,
            error_details_pb2.BadRequest,
            error_details_pb2.RetryInfo,
            errors_pb2.Failure,
        ):
            if detail.Is(kind.DESCRIPTOR):
                message = kind()
                detail.Unpack(message)
                found[kind.DESCRIPTOR.name] = message
    return told, found


def bad_request(error: AgentError) -> error_details_pb2.BadRequest:
    message = parts(error)[1]["BadRequest"]
    assert isinstance(message, error_details_pb2.BadRequest)
    return message


def failure(error: AgentError) -> errors_pb2.Failure:
    message = parts(error)[1]["Failure"]
    assert isinstance(message, errors_pb2.Failure)
    return message


def families(root: type[AgentError] = AgentError) -> list[type[AgentError]]:
    return [root, *(one for below in root.__subclasses__() for one in families(below))]


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_a_code_and_a_name_in_the_contract(reason: Reason) -> None:
    assert status.code_of(reason) is not grpc.StatusCode.OK
    assert errors_pb2.ErrorReason.Value(f"ERROR_REASON_{reason.value}")


def test_the_contract_has_no_reason_that_the_agent_lacks() -> None:
    named = {name.removeprefix("ERROR_REASON_") for name in errors_pb2.ErrorReason.keys()}  # noqa: SIM118 - no mapping
    assert named - {"UNSPECIFIED"} == {one.value for one in Reason}


def test_every_family_has_a_reason_of_the_table() -> None:
    assert {one.reason for one in families()} <= set(status.CODES)


def test_a_status_says_who_why_and_what() -> None:
    error = AddFailed(
        "failed to create CNI network: x",
        PluginError(code=999, message="x", details="y", plugin="ptp", stderr_tail="z"),
        hint="is it there?",
    )
    told, found = parts(error)
    info, said = found["ErrorInfo"], failure(error)
    assert isinstance(info, error_details_pb2.ErrorInfo)
    assert (info.domain, info.reason, dict(info.metadata)) == (
        "vmplumb.v1",
        "CNI_ADD_FAILED",
        {"vm_id": "vm-1"},
    )
    assert told.message == "failed to create CNI network: x; is it there?"
    assert (said.grpc_code, said.retryable, said.hint) == (13, True, "is it there?")
    assert (said.cni_error.code, said.cni_error.plugin, said.cni_error.stderr_tail) == (999, "ptp", "z")


def test_a_kernel_fault_names_its_errno() -> None:
    said = failure(NotFound("find tap0", where="/run/netns/x", errno=19)).kernel_error
    assert (said.verb, said.where, said.error_number, said.error_name) == (
        "find tap0",
        "/run/netns/x",
        19,
        "ENODEV",
    )


@pytest.mark.parametrize(
    ("error", "expected"),
    [(OperationPending("x"), True), (AgentNotReady("x"), True), (TornDown("x"), False)],
    ids=["pending", "not ready", "torn down"],
)
def test_who_may_come_back_hears_when(error: AgentError, expected: bool) -> None:
    assert ("RetryInfo" in parts(error)[1]) is expected


def test_five_hundred_violations_are_cut_and_the_last_says_how_many_more() -> None:
    every = tuple(
        Violation(field=f"spec.network_interfaces.interfaces[{one}]", rule="x.y", message="no " * 20)
        for one in range(500)
    )
    error = InvalidSpec("bad", every)
    shown = bad_request(error).field_violations
    assert len(status.status_of(error)[2]) < status.MAX_DETAILS
    assert shown[-1].reason == "truncated"
    assert shown[-1].description == f"and {500 - (len(shown) - 1)} more violations"
    assert [one.field for one in shown[:-1]] == [one.field for one in every[: len(shown) - 1]]


def test_few_violations_are_told_whole() -> None:
    every = (Violation(field="a", rule="r", message="m"), Violation(field="b", rule="s", message="n"))
    shown = [
        (one.field, one.reason, one.description)
        for one in bad_request(InvalidSpec("x", every)).field_violations
    ]
    assert shown == [("a", "r", "m"), ("b", "s", "n")]


def test_of_a_long_stderr_the_end_is_kept() -> None:
    error = AddFailed("x", PluginError(code=1, message="m", stderr_tail="old " * 9000 + "the end"))
    tail = failure(error).cni_error.stderr_tail
    assert tail.endswith("the end")
    assert len(tail.encode()) <= 1024


@given(text=st.text(max_size=40), times=st.integers(1, 400), leftovers=st.integers(0, 40))
def test_no_text_makes_a_status_too_big(text: str, times: int, leftovers: int) -> None:
    long = text * times
    error = AddFailed(
        long, PluginError(code=1, message=long, details=long, plugin=long, stderr_tail=long), hint=long
    )
    error.leftovers = tuple(
        Leftover(kind=ResourceKind.LINK, what=long, where=long, cause=long) for _ in range(leftovers)
    )
    assert len(status.status_of(error, vm_id="v" * 64)[2]) <= status.MAX_DETAILS


def test_a_text_is_looked_at_for_secrets_once_and_no_further_than_it_is_told() -> None:
    long = "x" * 100_000
    error = InvalidSpec(long, tuple(Violation(field=f"f{each}", rule="r", message=long) for each in range(9)))
    looked_at: list[str] = []

    def hide(text: str) -> str:
        looked_at.append(text)
        return text

    code, message, _ = status.status_of(error, hide=hide)
    assert (code, message) == (grpc.StatusCode.INVALID_ARGUMENT, "x" * 1024)
    assert [len(one) for one in looked_at] == [4096]
