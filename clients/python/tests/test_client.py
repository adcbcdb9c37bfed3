"""The client against an agent of ours that breaks streams, lags and refuses: sync and async alike."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import click
import grpc
import pytest
from click.testing import CliRunner
from google.protobuf.any_pb2 import Any as Packed
from google.rpc import error_details_pb2, status_pb2

import vmplumb
from vmplumb import _errors
from vmplumb._cli.app import root
from vmplumb.v1 import errors_pb2, vm_network_pb2
from vmplumb.v1 import network_agent_service_pb2 as pb
from vmplumb.v1 import network_agent_service_pb2_grpc as pb_grpc

EVENTS = 6

# The codes that the command's exit codes hang on; the rest of the reasons come as ABORTED.
CODES = {
    "VM_NOT_FOUND": grpc.StatusCode.NOT_FOUND,
    "SPEC_CONFLICT": grpc.StatusCode.ALREADY_EXISTS,
    "ADDRESSES_EXHAUSTED": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "INVALID_REQUEST": grpc.StatusCode.INVALID_ARGUMENT,
}


def reasons() -> list[str]:
    """Every reason of the contract."""
    names = [name.removeprefix("ERROR_REASON_") for name in errors_pb2.ErrorReason.keys()]  # noqa: SIM118 - no dict
    return [name for name in names if name != "UNSPECIFIED"]


class Agent(pb_grpc.NetworkAgentServiceServicer):
    """`breaks` streams are cut off after two events each; a vm_id that names a reason is refused with it."""

    def __init__(self) -> None:
        self.breaks = 0
        self.calls: list[tuple[str, int]] = []

    def SetupNetwork(
        self, request: pb.SetupNetworkRequest, context: Any
    ) -> Iterator[pb.SetupNetworkResponse]:
        if (reason := request.vm_id.replace("-", "_").upper()) in reasons():
            refuse(context, reason)
        self.calls.append((request.resume.uid, request.resume.sequence))
        first = request.resume.sequence + 1 if request.HasField("resume") else 1
        for told, sequence in enumerate(range(first, EVENTS + 1)):
            if self.breaks and told == 2:
                self.breaks -= 1
                context.abort(grpc.StatusCode.UNAVAILABLE, "the connection broke")
            event = pb.SetupNetworkResponse(uid="u1", sequence=sequence)
            if sequence == EVENTS:
                event.result.ip_boot_param = "10.0.0.2::10.0.0.1:255.255.255.0::eth0:off:::"
            else:
                event.progress.step = vm_network_pb2.STEP_CNI_ADD
                event.progress.state = vm_network_pb2.STEP_STATE_STARTED
            yield event

    def GetNetwork(self, request: pb.GetNetworkRequest, context: Any) -> pb.GetNetworkResponse:
        refuse(context, "VM_NOT_FOUND")
        raise AssertionError("abort raises")


def refuse(context: Any, reason: str) -> None:
    """End the call as the agent does: with ErrorInfo, Failure and violations."""
    code = CODES.get(reason, grpc.StatusCode.ABORTED)
    status = status_pb2.Status(code=code.value[0], message=f"because of {reason}")
    details: list[Any] = [
        error_details_pb2.ErrorInfo(domain="vmplumb.v1", reason=reason),
        errors_pb2.Failure(message="because", reason=errors_pb2.ErrorReason.Value(f"ERROR_REASON_{reason}")),
        error_details_pb2.BadRequest(
            field_violations=[{"field": "spec.netns_path", "reason": "string.pattern", "description": "no"}]
        ),
    ]
    for detail in details:
        packed = Packed()
        packed.Pack(detail)
        status.details.append(packed)
    raw = status.SerializeToString()
    context.set_trailing_metadata((("grpc-status-details-bin", raw),))
    context.abort(code, status.message)


@pytest.fixture
def agent() -> Iterator[tuple[Agent, str]]:
    """The fake and its target."""
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(4) as pool:
        server = grpc.server(pool)
        fake = Agent()  # type: ignore[abstract]  # only what the tests call
        pb_grpc.add_NetworkAgentServiceServicer_to_server(fake, server)
        target = f"unix:{Path(folder) / 'agent.sock'}"
        server.add_insecure_port(target)
        server.start()
        yield fake, target
        server.stop(None).wait()


def set_up(way: str, target: str, vm_id: str) -> tuple[vm_network_pb2.SetupResult, list[int]]:
    """Set up by the sync or the async client; answers the result and the sequences that were told."""
    told: list[int] = []
    retry = vmplumb.Retry(attempts=4, first=0.01, most=0.02)
    spec = vm_network_pb2.NetworkSpec()

    def note(event: vmplumb.ProgressEvent) -> None:
        told.append(event.sequence)

    if way == "sync":
        with vmplumb.Client(target, retry=retry) as client:
            return client.set_up(vm_id, spec, on_progress=note), told

    async def run() -> vm_network_pb2.SetupResult:
        async with vmplumb.AsyncClient(target, retry=retry) as client:
            return await client.set_up(vm_id, spec, on_progress=note)

    return asyncio.run(run()), told


@pytest.mark.parametrize("way", ["sync", "async"])
@pytest.mark.parametrize("breaks", [0, 1, 2])
def test_a_broken_stream_is_attached_again_and_no_event_is_told_twice(
    agent: tuple[Agent, str], way: str, breaks: int
) -> None:
    fake, target = agent
    fake.breaks = breaks
    result, told = set_up(way, target, "vm-1")
    assert told == list(range(1, EVENTS))
    assert result.ip_boot_param.startswith("10.0.0.2:")
    assert fake.calls == [("", 0), ("u1", 2), ("u1", 4)][: breaks + 1]


@pytest.mark.parametrize("way", ["sync", "async"])
@pytest.mark.parametrize("reason", [one for one in reasons() if one not in {"AGENT_NOT_READY"}])
def test_every_reason_is_a_class_of_its_own(agent: tuple[Agent, str], way: str, reason: str) -> None:
    _, target = agent
    expected = _errors.BY_REASON[reason]
    with pytest.raises(expected) as caught:
        set_up(way, target, reason.lower().replace("_", "-"))
    assert caught.value.reason == reason
    assert [(one.field, one.rule) for one in caught.value.violations] == [
        ("spec.netns_path", "string.pattern")
    ]


def test_no_reason_of_the_contract_is_without_a_class() -> None:
    assert set(_errors.BY_REASON) == set(reasons())


def test_nobody_there_is_an_error_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(vmplumb.AgentUnreachable):
        set_up("sync", f"unix:{tmp_path}/nobody.sock", "vm-1")


def test_every_public_name_is_there_and_importing_is_light() -> None:
    assert all(getattr(vmplumb, name) is not None for name in vmplumb.__all__)
    script = "import sys, vmplumb; print([m for m in ('grpc', 'rich', 'click') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (["get", "vm-1"], 4, "VM_NOT_FOUND"),
        (["set-up", "spec-conflict", "--network", "n"], 3, "SPEC_CONFLICT"),
        (["set-up", "addresses-exhausted", "--network", "n"], 8, "ADDRESSES_EXHAUSTED"),
        (["set-up", "invalid-request", "--network", "n"], 2, "spec.netns_path"),
        (["set-up", "vm-1", "--network", "n"], 0, "10.0.0.2"),
        (["set-up", "vm-1"], 2, "--network"),
    ],
    ids=["not found", "conflict", "exhausted", "violations", "well", "usage"],
)
def test_the_command_says_what_happened_and_its_exit_code_says_which_kind(
    agent: tuple[Agent, str], words: list[str], status: int, told: str
) -> None:
    _, target = agent
    done = CliRunner().invoke(root, ["--target", target, *words])
    assert done.exit_code == status, done.output
    assert told in done.output
    assert "Traceback" not in done.output


def commands(group: click.Group, *before: str) -> Iterator[tuple[str, ...]]:
    """The words of every command."""
    for name, one in group.commands.items():
        yield (*before, name)
        if isinstance(one, click.Group):
            yield from commands(one, *before, name)


# These become the daemon's own command, whose help it is.
BECOME = {("import",), ("policy", "check")}


@pytest.mark.parametrize("words", [one for one in commands(root) if one not in BECOME], ids=" ".join)
def test_every_command_shows_its_help_whatever_is_not_set(words: tuple[str, ...]) -> None:
    done = CliRunner().invoke(root, [*words, "--help"], env=dict.fromkeys(os.environ))
    assert done.exit_code == 0, done.output
    assert done.output.startswith("Usage: ")


def test_a_fleet_without_an_etcd_says_what_is_not_set() -> None:
    done = CliRunner().invoke(root, ["fleet", "list"], env={"VMPLUMB_ETCD": None})
    assert done.exit_code == 2
    assert "--etcd or VMPLUMB_ETCD" in done.output
