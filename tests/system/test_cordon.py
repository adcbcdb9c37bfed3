"""A cordoned host begins no new network, keeps and serves what it has, and stays cordoned over a restart."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.host import Host
from tests.snapshot import snapshot
from tests.system.daemon import Daemon, daemon_in, refused, request
from vmplumb.v1 import network_agent_service_pb2 as pb
from vmplumb.v1 import vm_network_pb2

pytestmark = pytest.mark.host
SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING


@pytest.fixture
def agent(host: Host) -> Iterator[Daemon]:
    before = snapshot()
    with daemon_in(host) as made:
        yield made
        for one in made.networks():
            made.tear_down(one.vm_id)
        made.quiet()
    assert snapshot() == before


def health(agent: Daemon, service: str) -> int:
    stub = health_pb2_grpc.HealthStub(agent.channel)
    return int(stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=20).status)


def healths(agent: Daemon) -> tuple[int, int]:
    """Of the service, which asks whether work may come, and of the process, which asks whether it lives."""
    return health(agent, "vmplumb.v1.NetworkAgentService"), health(agent, "")


def cordon(agent: Daemon, **fields: object) -> pb.Cordon:
    return agent.stub.CordonHost(pb.CordonHostRequest(**fields), timeout=20).cordon  # type: ignore[arg-type]


def test_no_new_network_begins_and_what_stands_is_served_also_after_a_restart(agent: Daemon) -> None:
    agent.set_up("stands")
    assert healths(agent) == (SERVING, SERVING)
    told = cordon(agent, cordoned=True, reason="a new kernel")
    assert (told.reason, told.by) == ("a new kernel", "local")
    for again in (False, True):
        if again:
            agent.terminate()
            agent.start()
        assert healths(agent) == (NOT_SERVING, SERVING)
        status = agent.status()
        assert (status.ready, status.cordon) == (False, told)
        for asked in (request("new"), request("new", validate_only=True)):
            refusal = refused(lambda asked=asked: agent.stub.SetupNetwork(asked, timeout=20))  # type: ignore[misc]
            assert (refusal.code, refusal.reason) == (grpc.StatusCode.UNAVAILABLE, "AGENT_NOT_READY")
            assert "a new kernel" in refusal.message
            assert "vmplumbctl uncordon" in refusal.failure.hint
            assert refusal.retry_after is not None
        assert agent.set_up("stands")[-1].replayed
        assert agent.get("stands").phase == vm_network_pb2.PHASE_READY
        assert not agent.stub.CheckNetwork(pb.CheckNetworkRequest(vm_id="stands"), timeout=20).findings
        assert [one.vm_id for one in agent.networks()] == ["stands"]
    assert agent.tear_down("stands").devices_gone
    assert not cordon(agent, cordoned=False).HasField("since_time")
    assert healths(agent) == (SERVING, SERVING)
    assert agent.status().ready
    assert agent.result("new").ip_boot_param


def test_said_again_it_keeps_its_beginning_and_takes_the_new_reason(agent: Daemon) -> None:
    first = cordon(agent, cordoned=True)
    again = cordon(agent, cordoned=True, reason="still")
    assert (again.since_time, again.reason) == (first.since_time, "still")
    agent.wait_for("cordon", reason="still")
    cordon(agent, cordoned=False)
    cordon(agent, cordoned=False)
    cordon(agent, cordoned=True, reason="anew")
    agent.wait_for("cordon", reason="anew")
    # What changes nothing is not told.
    told = [one["event"] for one in agent.lines if one["event"].endswith("cordon")]
    assert told == ["cordon", "cordon", "uncordon", "cordon"]


def test_the_command_cordons_drains_and_uncordons(agent: Daemon, host: Host) -> None:
    def vmplumbctl(*words: str) -> tuple[int, str]:
        command = [sys.executable, "-c", "from vmplumb._cli.app import run; run()", *words]
        done = host.run([*command, "--target", f"unix:{agent.socket}"], check=False)
        return done.returncode, done.stdout + done.stderr

    agent.set_up("stands")
    assert vmplumbctl("cordon", "--reason", "a new kernel")[0] == 0
    status, said = vmplumbctl("status")
    assert (status, "NOT READY" in said, "a new kernel" in said) == (1, True, True)
    assert vmplumbctl("uncordon") == (0, "new networks may begin\n")
    assert vmplumbctl("drain", "--yes", "--cordon")[0] == 0
    assert agent.networks() == []
    assert agent.status().cordon.reason == "the host is being drained"
    assert vmplumbctl("uncordon")[0] == 0
