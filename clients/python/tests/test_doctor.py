"""`vmplumbctl doctor`: what it asks for, what it tells people and programs, and how it exits."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from click.testing import CliRunner

from vmplumb._cli.app import root
from vmplumb.v1 import errors_pb2
from vmplumb.v1 import network_agent_service_pb2 as pb
from vmplumb.v1 import network_agent_service_pb2_grpc as pb_grpc

LEAK = pb.Finding(
    kind=errors_pb2.RESOURCE_KIND_RESERVATION,
    what="10.0.0.9",
    where="/var/lib/cni/networks/fcnet",
    vm_id="gone",
    would_do=pb.FINDING_ACTION_RELEASE,
    detail="reserved for a VM that the journal does not know",
    missing_in=[pb.HOST_VIEW_JOURNAL],
)
LEAK.age.FromSeconds(3 * 86400)
WELL = pb.PreflightCheck(name="module.tun", ok=True, detail="works", required=True)
LACKS = pb.PreflightCheck(
    name="module.nf_tables", detail="EOPNOTSUPP; needed for masquerade", remedy="modprobe nf_tables"
)
NEEDS = pb.PreflightCheck(name="module.tun", detail="no /dev/net/tun", remedy="mknod", required=True)


class Agent(pb_grpc.NetworkAgentServiceServicer):
    """Answers what it is given, and keeps what it was asked."""

    def __init__(self) -> None:
        self.preflight: list[pb.PreflightCheck] = [WELL]
        self.findings: list[pb.Finding] = []
        self.cleared: list[pb.Finding] = []
        self.asked: list[Any] = []

    def DiagnoseHost(self, request: pb.DiagnoseHostRequest, context: Any) -> pb.DiagnoseHostResponse:
        self.asked.append(request)
        return pb.DiagnoseHostResponse(
            findings=() if request.skip_findings else self.findings,
            preflight=() if request.skip_preflight else self.preflight,
        )

    def CollectGarbage(self, request: pb.CollectGarbageRequest, context: Any) -> pb.CollectGarbageResponse:
        self.asked.append(request)
        return pb.CollectGarbageResponse(findings=self.findings if request.dry_run else self.cleared)


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


def done(**changes: Any) -> pb.Finding:
    made = pb.Finding()
    made.CopyFrom(LEAK)
    made.MergeFrom(pb.Finding(**changes))
    return made


# What the agent says, the words of the command, and its exit code with words of its output.
CASES: Mapping[str, tuple[dict[str, Any], list[str], int, list[str]]] = {
    "all is well": ({}, [], 0, ["ok      module.tun", "nothing disagrees"]),
    "something lacks that some networks need": (
        {"preflight": [WELL, LACKS]},
        [],
        0,
        ["missing module.nf_tables", "do: modprobe nf_tables"],
    ),
    "something lacks that every network needs": ({"preflight": [NEEDS]}, [], 1, ["MISSING module.tun"]),
    "a finding": (
        {"findings": [LEAK]},
        [],
        1,
        [
            "reservation",
            "10.0.0.9",
            "gone",
            "3 days",
            "release",
            "1 finding, 1 could be taken away: doctor",
        ],
    ),
    "a finding, and a dry run": ({"findings": [LEAK]}, ["--fix"], 1, ["10.0.0.9", "1 could be taken away"]),
    "taken away": (
        {"findings": [LEAK], "cleared": [done(done=True)]},
        ["--fix", "--no-dry-run", "--quarantine"],
        0,
        ["release: done", "1 finding, 1 of 1 taken away"],
    ),
    "not taken away": (
        {"findings": [LEAK], "cleared": [done(failure={"message": "it is something else"})]},
        ["--fix", "--no-dry-run"],
        1,
        ["NOT DONE", "it is something else", "0 of 1"],
    ),
    "usage: dry run": ({}, ["--no-dry-run"], 2, ["go with --fix"]),
    "usage: findings": ({}, ["--fix", "--skip-findings"], 2, ["--fix works on findings"]),
}


@pytest.mark.parametrize(("says", "words", "status", "told"), CASES.values(), ids=CASES)
def test_the_doctor_tells_and_exits_by_what_it_found(
    agent: tuple[Agent, str], says: dict[str, Any], words: list[str], status: int, told: list[str]
) -> None:
    fake, target = agent
    for name, value in says.items():
        setattr(fake, name, value)
    found = CliRunner().invoke(root, ["--target", target, "doctor", *words])
    assert found.exit_code == status, found.output
    assert [one for one in told if one not in found.output] == [], found.output


def test_to_fix_leaks_asks_for_no_network_to_be_torn_down(agent: tuple[Agent, str]) -> None:
    fake, target = agent
    CliRunner().invoke(root, ["--target", target, "doctor", "--fix", "--no-dry-run", "--quarantine"])
    assert fake.asked == [
        pb.DiagnoseHostRequest(skip_findings=True),
        pb.CollectGarbageRequest(allow_empty=True, as_of_revision=0, collect_leaks=True, quarantine=True),
    ]


def test_programs_read_one_document(agent: tuple[Agent, str]) -> None:
    fake, target = agent
    fake.findings = [LEAK]
    for words in ([], ["--fix"]):
        found = CliRunner().invoke(root, ["--target", target, "-o", "json", "doctor", *words])
        document = json.loads(found.output)
        assert [one["what"] for one in document["findings"]] == ["10.0.0.9"]
        assert [one["name"] for one in document["preflight"]] == ["module.tun"]


def test_import_runs_the_agents_own_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    lacking = CliRunner().invoke(root, ["import", "--apply", "vm-1"])
    assert (lacking.exit_code, "cannot run vmplumbd" in lacking.output) == (3, True)
