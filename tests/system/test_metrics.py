"""Metrics of a real agent under real set-ups, read as Prometheus reads them."""

from __future__ import annotations

import http.client
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests import host as hosts
from tests.snapshot import snapshot
from tests.system.daemon import REDIRECT, Daemon, daemon_in, eventually, ptp, refused
from tools import programs
from vmplumb.v1 import network_agent_service_pb2 as pb

BUSY = """
case $CNI_COMMAND in
VERSION) echo '{"cniVersion":"1.0.0","supportedVersions":["1.0.0"]}' ;;
ADD) echo '{"cniVersion":"1.0.0","code":11,"msg":"busy"}'; exit 1 ;;
esac
"""
SERVICE = "vmplumb.v1.NetworkAgentService"


class OverUnix(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=60)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(self._path)


def text(path: str) -> str:
    """What the agent tells."""
    connection = OverUnix(path)
    connection.request("GET", "/metrics")
    answer = connection.getresponse()
    assert answer.status == 200
    return answer.read().decode()


def samples(path: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """The same, by name and labels."""
    return {
        (one.name, tuple(sorted(one.labels.items()))): one.value
        for family in text_string_to_metric_families(text(path))
        for one in family.samples
    }


def value(path: str, name: str, **labels: str) -> float:
    """One sample; 0 if it is not there."""
    return samples(path).get((name, tuple(sorted(labels.items()))), 0.0)


@pytest.fixture(scope="module")
def watched(
    module_host: hosts.Host, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Daemon, str]]:
    """A daemon with metrics, and where they are."""
    path = str(tmp_path_factory.mktemp("m") / "metrics.sock")
    with daemon_in(
        module_host,
        limits__first_retry="0.01",
        limits__longest_retry="0.05",
        limits__attempts="2",
        metrics__listen=path,
    ) as made:
        yield made, path


def test_set_ups_are_told_with_steps_plugins_phases_and_addresses(watched: tuple[Daemon, str]) -> None:
    daemon, path = watched
    before = snapshot()
    daemon.network("small", ptp(ipam={"type": "host-local", "subnet": "10.77.0.0/28"}), REDIRECT)
    held = {"network": "small", "range": "10.77.0.1-10.77.0.14"}
    assert value(path, "vmplumb_addresses", **held) == 13  # not the gateway's
    assert value(path, "vmplumb_addresses_free", **held) == 13
    for number in range(3):
        daemon.set_up(f"vm-{number}", "small")
    assert value(path, "vmplumb_networks", phase="READY") == 3
    assert value(path, "vmplumb_addresses_free", **held) == 10
    # A caller is answered before the end is counted.
    eventually(
        lambda: value(path, "vmplumb_operation_seconds_count", kind="set-up") == 3,
        "three operations are counted",
    )
    for step in ("cni-load", "netns", "cni-add"):
        assert value(path, "vmplumb_step_seconds_count", kind="set-up", step=step) == 3, step
    assert value(path, "vmplumb_plugin_seconds_count", type="ptp", command="ADD") == 3
    assert value(path, "vmplumb_plugin_seconds_count", type="tc-redirect-tap", command="ADD") == 3
    assert value(path, "vmplumb_journal_bytes") > 0
    assert value(path, "process_resident_memory_bytes") > 0
    called: dict[str, str] = {
        "grpc_type": "server_stream",
        "grpc_service": SERVICE,
        "grpc_method": "SetupNetwork",
    }
    eventually(
        lambda: value(path, "grpc_server_handled_total", grpc_code="OK", **called) == 3, "three calls ended"
    )
    assert value(path, "grpc_server_started_total", **called) == 3
    for number in range(3):
        daemon.tear_down(f"vm-{number}")
    eventually(
        lambda: value(path, "vmplumb_operations_total", kind="teardown", reason="OK") == 3, "torn down"
    )
    assert value(path, "vmplumb_networks", phase="READY") == 0
    daemon.quiet()
    assert value(path, "vmplumb_addresses_free", **held) == 13
    assert snapshot() == before


def test_failures_and_retries_are_told_by_reason(watched: tuple[Daemon, str]) -> None:
    daemon, path = watched
    daemon.plugin("busy", BUSY)
    daemon.network("busy", {"type": "busy"})
    assert refused(lambda: daemon.set_up("vm-b", "busy")).reason == "CNI_TRY_AGAIN_LATER"
    eventually(
        lambda: value(path, "vmplumb_operations_total", kind="set-up", reason="CNI_TRY_AGAIN_LATER") == 1,
        "counted",
    )
    assert value(path, "vmplumb_retries_total", step="cni-add", reason="CNI_TRY_AGAIN_LATER") == 1
    assert value(path, "vmplumb_plugin_failures_total", type="busy", command="ADD") == 2
    daemon.tear_down("vm-b")
    called = {
        "grpc_type": "unary",
        "grpc_service": SERVICE,
        "grpc_method": "GetNetwork",
        "grpc_code": "NotFound",
    }
    refused(lambda: daemon.stub.GetNetwork(pb.GetNetworkRequest(vm_id="nobody"), timeout=30))
    eventually(lambda: value(path, "grpc_server_handled_total", **called) == 1, "counted")


def test_a_diagnosis_tells_what_it_found(watched: tuple[Daemon, str]) -> None:
    daemon, path = watched
    assert not any(name == "vmplumb_diagnosed_timestamp_seconds" for name, _ in samples(path))
    (daemon.directory / "state" / "cni").mkdir()
    daemon.stub.DiagnoseHost(pb.DiagnoseHostRequest(skip_preflight=True), timeout=60)
    assert value(path, "vmplumb_diagnosed_timestamp_seconds") > 0


def test_every_service_is_counted_and_unknown_names_are_not(watched: tuple[Daemon, str]) -> None:
    daemon, path = watched
    identity: Any = lambda raw: raw  # noqa: E731
    for method in ("/grpc.health.v1.Health/Check", "/nobodys.Service/Guess", f"/{SERVICE}/Guess"):
        call = daemon.channel.unary_unary(method, request_serializer=identity, response_deserializer=identity)
        try:
            call(b"", timeout=30)
        except grpc.RpcError as exc:
            assert "Guess" in method, exc  # noqa: PT017 - which of them are served
    services = {
        dict(labels)["grpc_method"] for name, labels in samples(path) if name == "grpc_server_started_total"
    }
    assert "Check" in services
    assert "Guess" not in services


def test_prometheus_own_tool_finds_nothing_to_mend(watched: tuple[Daemon, str]) -> None:
    _, path = watched
    if (promtool := programs.find("promtool")) is None:
        pytest.skip("promtool is not installed: tools/system_packages.sh prometheus")
    done = subprocess.run(
        [promtool, "check", "metrics"], input=text(path).encode(), capture_output=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")


def test_nothing_is_loaded_while_metrics_are_off() -> None:
    script = "import sys, vmplumbd.main; print([m for m in sys.modules if m.partition('.')[0] in sys.argv])"
    watchers = ["prometheus_client", "opentelemetry"]
    said = subprocess.run(
        [sys.executable, "-c", script, *watchers], capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == "[]"
