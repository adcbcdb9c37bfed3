"""What the dashboard would show: a real agent under load, a real Prometheus, and the answer to every query, as a table.

python -m tools.dashboard [--seconds N]     exit 1 if a query fails or stays without an answer; 2: cannot run here

Agent and Prometheus live in a host of their own. The load has set-ups that go well, from a warm pool, through an
executed plugin, and that fail; teardowns, checks, a leak and a diagnosis.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import sys
import tempfile
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from tests import host as hosts
from tests.system.daemon import REDIRECT, Daemon, daemon_in, eventually, ptp
from tools import programs
from vmplumb.v1 import network_agent_service_pb2 as pb

ROOT = Path(__file__).resolve().parents[1]
DASHBOARD = ROOT / "deploy/grafana/vmplumbd.json"
ALERTS = ROOT / "deploy/prometheus/alerts.yml"
METRICS, PROMETHEUS = "127.0.0.1:19477", "127.0.0.1:19090"
PLUGIN = """
case $CNI_COMMAND in
VERSION) echo '{"cniVersion":"1.0.0","supportedVersions":["1.0.0"]}' ;;
ADD) echo '{"cniVersion":"1.0.0","code":%d,"msg":"%s"}'; exit 1 ;;
esac
"""
SETTINGS = {
    "metrics__listen": METRICS,
    "limits__attempts": "2",
    "limits__first_retry": "0.01",
    "limits__longest_retry": "0.05",
    "cni__owned_networks": "fcnet",
    "pool__sizes": "pooled=4",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One query of one panel."""

    panel: str
    legend: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What Prometheus says to it: (series, number), or what is wrong."""

    query: Query
    rows: tuple[tuple[str, float], ...] = ()
    error: str = ""


def queries(dashboard: Path = DASHBOARD) -> list[Query]:
    """Every query of a dashboard, in the order of its panels."""
    return [
        Query(panel=panel["title"], legend=target["legendFormat"], text=target["expr"])
        for panel in json.loads(dashboard.read_text())["panels"]
        for target in panel.get("targets", [])
    ]


def answer(query: Query, address: str = PROMETHEUS) -> Answer:
    """Ask Prometheus, with the variables as Grafana fills them in."""
    text = query.text.replace("$__rate_interval", "30s").replace("$instance", ".*")
    try:
        found = _get(address, "query", {"query": text})
    except urllib.error.HTTPError as exc:
        return Answer(query=query, error=json.loads(exc.read()).get("error", str(exc)))
    rows = []
    for one in found["result"]:
        number = float(one["value"][1])
        if math.isfinite(number):
            rows.append((_series(query.legend, one["metric"]), number))
    return Answer(query=query, rows=tuple(sorted(rows)))


def firing(address: str = PROMETHEUS) -> dict[str, str]:
    """The alert rules that Prometheus has loaded, and the health of each."""
    groups = _get(address, "rules", {})["groups"]
    return {rule["name"]: rule["health"] for group in groups for rule in group["rules"]}


@contextmanager
def prometheus(host: hosts.Host, directory: Path) -> Iterator[None]:
    """A Prometheus in the host, which scrapes the agent each second. Raises FileNotFoundError without one."""
    program = programs.find("prometheus")
    if program is None:
        raise FileNotFoundError("prometheus is not installed: tools/system_packages.sh prometheus")
    config = directory / "prometheus.yml"
    # JSON is YAML.
    config.write_text(
        json.dumps(
            {
                "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
                "rule_files": [str(ALERTS)],
                "scrape_configs": [{"job_name": "vmplumbd", "static_configs": [{"targets": [METRICS]}]}],
            }
        )
    )
    with (directory / "prometheus.log").open("wb") as log:
        process = host.popen(
            [
                program,
                f"--config.file={config}",
                f"--storage.tsdb.path={directory / 'tsdb'}",
                f"--web.listen-address={PROMETHEUS}",
                "--log.level=warn",
            ],
            stdout=log,
            stderr=log,
        )
        try:

            def ready() -> bool:
                if process.poll() is not None:
                    raise RuntimeError((directory / "prometheus.log").read_text())
                with suppress(OSError):
                    return bool(
                        urllib.request.urlopen(f"http://{PROMETHEUS}/-/ready", timeout=5).status == 200
                    )
                return False

            eventually(ready, "Prometheus serves", seconds=120)
            yield
        finally:
            process.terminate()
            process.wait()


def furnish(daemon: Daemon, host: hosts.Host) -> None:
    """Install networks and plugins, and leave a leak to be found."""
    daemon.network("pooled", ptp(ipam={"type": "host-local", "subnet": "10.211.0.0/24"}), REDIRECT)
    for name, code, words in (("broken", 100, "the switch is full"), ("busy", 11, "the switch is busy")):
        daemon.plugin(name, PLUGIN % (code, words))
        daemon.network(name, ptp(ipam={"type": "host-local", "subnet": "10.212.0.0/24"}), {"type": name})
    ghost = host.cni_state / "networks" / "fcnet" / "10.200.9.9"
    ghost.parent.mkdir(parents=True, exist_ok=True)
    ghost.write_text("ghost\r\neth0")


@contextmanager
def load(daemon: Daemon) -> Iterator[None]:
    """A round of everything, again and again, on a thread of its own."""
    stop = threading.Event()
    faults: list[BaseException] = []

    def rounds() -> None:
        try:
            while not stop.is_set():
                _round(daemon)
        except BaseException as exc:  # noqa: BLE001 - raised again where the load is ended
            faults.append(exc)

    thread = threading.Thread(target=rounds, name="load")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    if faults:
        raise faults[0]


def _round(daemon: Daemon) -> None:
    good = {"r-1": "fcnet", "r-2": "pooled", "r-3": "fcnet"}
    for vm_id, network in good.items():
        daemon.set_up(vm_id, network)
    for vm_id in good:
        daemon.stub.CheckNetwork(pb.CheckNetworkRequest(vm_id=vm_id), timeout=60)
    for vm_id, network in {"r-4": "broken", "r-5": "busy"}.items():
        with suppress(grpc.RpcError):
            daemon.set_up(vm_id, network)
        daemon.tear_down(vm_id, wait=False)
    for vm_id in good:
        daemon.tear_down(vm_id, wait=False)
    with suppress(grpc.RpcError):
        daemon.stub.GetNetwork(pb.GetNetworkRequest(vm_id="nobody"), timeout=60)
    daemon.stub.DiagnoseHost(pb.DiagnoseHostRequest(skip_preflight=True), timeout=60)


def answers(host: hosts.Host, *, seconds: float) -> tuple[list[Answer], dict[str, str]]:
    """Every query's answer, once all have one or the time is over; and the alert rules with their health."""
    directory = Path(tempfile.mkdtemp(prefix="vmplumb-dashboard-"))
    try:
        with daemon_in(host, **SETTINGS) as daemon:
            furnish(daemon, host)
            with prometheus(host, directory):
                found: list[Answer] = []

                def all_answered() -> bool:
                    found[:] = [answer(one) for one in queries()]
                    return all(one.rows or one.error for one in found)

                with load(daemon), suppress(AssertionError):
                    eventually(all_answered, "every query has an answer", seconds=seconds)
                rules = firing()
            revision = daemon.status().revision
            everything = pb.CollectGarbageRequest(allow_empty=True, as_of_revision=revision, drain_pools=True)
            daemon.stub.CollectGarbage(everything, timeout=60)
            daemon.quiet()
        return found, rules
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def table(found: list[Answer]) -> str:
    """A line a series, panel by panel."""
    lines = []
    for one in found:
        name = one.query.panel
        if one.error or not one.rows:
            lines.append(f"{name:34}  {one.error or 'NO ANSWER':40}  {one.query.text}")
        for series, number in one.rows:
            lines.append(f"{name:34}  {series:40}  {number:.6g}")
            name = ""
    return "\n".join(lines)


def main() -> int:
    """Run, print, judge."""
    parser = argparse.ArgumentParser(prog="tools.dashboard", description=__doc__)
    parser.add_argument("--seconds", type=float, default=120.0, help="how long to wait for answers (120)")
    asked = parser.parse_args()
    refusal = hosts.become_root() or hosts.refusal()
    if refusal is None and programs.find("prometheus") is None:
        refusal = "prometheus is not installed: tools/system_packages.sh prometheus"
    if refusal:
        print(f"dashboard: this machine cannot run it: {refusal}", file=sys.stderr)
        return 2
    found, rules = hosts.in_host_with(lambda host: answers(host, seconds=asked.seconds))
    print(table(found))
    bad = [one for one in found if one.error or not one.rows]
    sick = {name: health for name, health in rules.items() if health != "ok"}
    panels = len({one.query.panel for one in found})
    print(f"dashboard: {panels} panels, {len(found)} queries, {len(bad)} without an answer")
    print(f"alerts: {len(rules)} rules evaluated, {len(sick)} not well {sick or ''}")
    return 1 if bad or sick else 0


def _series(legend: str, labels: dict[str, str]) -> str:
    text = legend
    for key, value in labels.items():
        text = text.replace("{{" + key + "}}", value)
    return text


def _get(address: str, what: str, parameters: dict[str, str]) -> Any:  # noqa: ANN401 - JSON
    url = f"http://{address}/api/v1/{what}?{urllib.parse.urlencode(parameters)}"
    with urllib.request.urlopen(url, timeout=30) as response:
        return json.loads(response.read())["data"]


if __name__ == "__main__":
    sys.exit(main())
