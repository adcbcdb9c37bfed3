"""A real agent's spans at a collector of ours, and what an executed plugin finds in its environment."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

from tests import host as hosts
from tests.snapshot import snapshot
from tests.system.daemon import REDIRECT, daemon_in, eventually, ptp, request
from vmplumb.v1 import network_agent_service_pb2 as pb

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
CALLERS = (("traceparent", f"00-{TRACE}-{SPAN}-01"), ("tracestate", "congo=t61rcWkgMzE"))
RPC = "vmplumb.v1.NetworkAgentService/SetupNetwork"
PRINTS = """
case $CNI_COMMAND in
VERSION) echo '{"cniVersion":"1.0.0","supportedVersions":["1.0.0"]}' ;;
ADD) env | grep ^TRACE > $DIR/env.$CNI_COMMAND; sed 's/.*"prevResult"://; s/}$//' ;;
*) env | grep ^TRACE > $DIR/env.$CNI_COMMAND || true ;;
esac
"""


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """Keeps every span it is sent."""

    def __init__(self) -> None:
        self.mutex = threading.Lock()
        self.spans: list[Any] = []

    def Export(self, request: Any, _: Any) -> Any:  # noqa: N802 - the contract's name
        with self.mutex:
            for resource in request.resource_spans:
                for scope in resource.scope_spans:
                    self.spans.extend(scope.spans)
        return trace_service_pb2.ExportTraceServiceResponse()

    def names(self) -> set[str]:
        with self.mutex:
            return {one.name for one in self.spans}

    def parents(self) -> dict[str, str]:
        """Each span's parent, by name."""
        with self.mutex:
            names = {one.span_id: one.name for one in self.spans}
            return {one.name: names.get(one.parent_span_id, one.parent_span_id.hex()) for one in self.spans}

    def span_id(self, name: str) -> str:
        with self.mutex:
            (found,) = (one.span_id.hex() for one in self.spans if one.name == name)
        return str(found)


@contextmanager
def collector(directory: Path) -> Iterator[tuple[Collector, str]]:
    """A collector on a Unix socket, and its endpoint."""
    made = Collector()
    server = grpc.server(ThreadPoolExecutor(2))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(made, server)  # type: ignore[no-untyped-call, unused-ignore]
    endpoint = f"unix:{directory}/otlp.sock"
    server.add_insecure_port(endpoint)
    server.start()
    try:
        yield made, endpoint
    finally:
        server.stop(None).wait()


def test_spans_of_a_set_up_hang_below_the_callers_and_plugins_hear_of_theirs(
    module_host: hosts.Host, tmp_path: Path
) -> None:
    before = snapshot()
    with (
        collector(tmp_path) as (collected, endpoint),
        daemon_in(module_host, traces__enabled="true", traces__endpoint=endpoint) as daemon,
    ):
        daemon.plugin("prints", PRINTS)
        daemon.network("traced", ptp(), REDIRECT, {"type": "prints"})
        call = daemon.stub.SetupNetwork(request("vm-t", "traced"), metadata=CALLERS, timeout=60)
        assert list(call)[-1].HasField("result")
        daemon.tear_down("vm-t")
        assert daemon.terminate() == 0, "what waits is exported before the end"
        eventually(lambda: {RPC, "set-up", "teardown", "cni-del"} <= collected.names(), "spans are there")
        parents = collected.parents()
        assert parents[RPC] == SPAN
        assert parents["set-up"] == RPC
        for step in ("cni-load", "netns", "cni-add"):
            assert parents[step] == "set-up", step
        assert parents["ptp ADD"] == parents["prints ADD"] == "cni-add"
        assert parents["cni-del"] == "teardown"
        with collected.mutex:
            below = {
                one.trace_id.hex() for one in collected.spans if one.name in {RPC, "set-up", "prints ADD"}
            }
        assert below == {TRACE}
        told = (daemon.directory / "env.ADD").read_text().splitlines()
        assert sorted(told) == [
            f"TRACEPARENT=00-{TRACE}-{collected.span_id('cni-add')}-01",
            "TRACESTATE=congo=t61rcWkgMzE",
        ]
        (parent,) = (daemon.directory / "env.DEL").read_text().splitlines()
        assert parent.split("-")[2] == collected.span_id("cni-del")
        assert parent.split("-")[1] != TRACE, "a teardown without a caller's trace has one of its own"
    assert snapshot() == before


def test_without_traces_plugins_hear_nothing_of_a_callers(module_host: hosts.Host) -> None:
    with daemon_in(module_host) as daemon:
        daemon.plugin("prints", PRINTS)
        daemon.network("plain", ptp(), REDIRECT, {"type": "prints"})
        list(daemon.stub.SetupNetwork(request("vm-p", "plain"), metadata=CALLERS, timeout=60))
        assert (daemon.directory / "env.ADD").read_text() == ""
        daemon.tear_down("vm-p")
        daemon.quiet()


def test_a_collector_that_is_away_holds_nobody(module_host: hosts.Host, tmp_path: Path) -> None:
    with daemon_in(
        module_host, traces__enabled="true", traces__endpoint=f"unix:{tmp_path}/nobody.sock"
    ) as daemon:
        daemon.set_up("vm-a")
        daemon.tear_down("vm-a")
        daemon.quiet()
        assert daemon.stub.GetStatus(pb.GetStatusRequest(), timeout=60).ready
        assert daemon.terminate(seconds=120) == 0


def test_traces_without_the_packages_are_refused_at_the_start(tmp_path: Path) -> None:
    script = """
import sys
sys.modules["opentelemetry.sdk"] = None
from vmplumbd.__main__ import run
sys.exit(run(sys.argv[1:]))
"""
    settings = {
        "paths.state_dir": tmp_path,
        "listen.unix": tmp_path / "a.sock",
        "traces.enabled": "true",
        "privileges.drop": "false",
    }
    flags = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    done = hosts.in_host(
        lambda: subprocess.run(
            [sys.executable, "-c", script, "serve", *flags],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
    )
    assert done.returncode == 2
    assert "the extra otel of vmplumbd" in done.stderr
