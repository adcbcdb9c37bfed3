"""The alert rules: each fires on what it is for, stays quiet otherwise, and has its line in the runbook."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tools import programs

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "deploy/prometheus/alerts.yml"
HERE = 'instance="a", job="vmplumbd"'
HOUR = 60

Series = Mapping[str, str]


def ops(reason: str, kind: str = "set-up") -> str:
    """A series of operations."""
    return f'vmplumb_operations_total{{{HERE}, kind="{kind}", reason="{reason}"}}'


def bucket(bound: str) -> str:
    """A series of set-up latency."""
    return f'vmplumb_operation_seconds_bucket{{{HERE}, kind="set-up", le="{bound}"}}'


def one(name: str, **labels: str) -> str:
    """A series of the agent's."""
    more = "".join(f', {key}="{value}"' for key, value in labels.items())
    return f"{name}{{{HERE}{more}}}"


@dataclass(frozen=True, kw_only=True)
class Case:
    """What makes an alert fire, and what is nearly so. Values are Prometheus' notation, a value a minute."""

    loud: Series
    quiet: Series
    says: str
    severity: str = "warning"
    after: int = HOUR
    labels: Mapping[str, str] = field(default_factory=lambda: {"instance": "a", "job": "vmplumbd"})


FROM_SUM = {"instance": "a"}
SMALL = {"network": "small", "range": "10.0.0.1-10.0.0.14"}
IN_SMALL = {"instance": "a", "job": "vmplumbd", **SMALL}

CASES: Mapping[str, Case] = {
    "VmplumbAgentDown": Case(
        loud={one("up"): "1 1 0x120"},
        quiet={one("up"): "1 0 1x120"},
        says="a: the agent does not answer",
        severity="critical",
    ),
    "VmplumbNotReady": Case(
        loud={one("vmplumb_ready"): "1 0x120", one("vmplumb_cordoned"): "0x120"},
        quiet={one("vmplumb_ready"): "1 0x120", one("vmplumb_cordoned"): "1x120"},
        says="a: the agent accepts no set-ups",
        severity="critical",
    ),
    "VmplumbSetUpsFail": Case(
        loud={ops("OK"): "0+90x120", ops("CNI_ADD_FAILED"): "0+10x120"},
        quiet={ops("OK"): "0+90x120", ops("SPEC_CONFLICT"): "0+10x120"},
        says="a: 10% of set-ups fail on the host",
        labels=FROM_SUM,
    ),
    "VmplumbSetUpsSlow": Case(
        loud={bucket("2.5"): "0+0x120", bucket("5"): "0+100x120", bucket("+Inf"): "0+100x120"},
        quiet={bucket("2.5"): "0+100x120", bucket("0.1"): "0+100x120", bucket("+Inf"): "0+100x120"},
        says="a: of a hundred set-ups one takes 4.975s",
        labels=FROM_SUM,
    ),
    "VmplumbInternalFault": Case(
        loud={ops("INTERNAL"): "0x50 1x70"},
        quiet={ops("INTERNAL"): "0 1x120"},
        says="a: an operation ended by a defect of the agent",
        labels={"instance": "a", "job": "vmplumbd", "kind": "set-up", "reason": "INTERNAL"},
    ),
    "VmplumbJournalFails": Case(
        loud={ops("JOURNAL_FAILED"): "0x57 1x70"},
        quiet={ops("JOURNAL_FAILED"): "0x50 1x70"},
        says="a: the journal cannot be written",
        severity="critical",
        labels=FROM_SUM,
    ),
    "VmplumbJournalLarge": Case(
        loud={one("vmplumb_journal_bytes"): "2147483648x120"},
        quiet={one("vmplumb_journal_bytes"): "1073741824x120"},
        says="a: the journal takes 2GiB",
    ),
    "VmplumbAddressesLow": Case(
        loud={one("vmplumb_addresses_free", **SMALL): "1x120", one("vmplumb_addresses", **SMALL): "20x120"},
        quiet={one("vmplumb_addresses_free", **SMALL): "2x120", one("vmplumb_addresses", **SMALL): "20x120"},
        says="a: small has 5% of 10.0.0.1-10.0.0.14 free",
        labels=IN_SMALL,
    ),
    "VmplumbAddressesExhausted": Case(
        loud={one("vmplumb_addresses_free", **SMALL): "1 0x120"},
        quiet={one("vmplumb_addresses_free", **SMALL): "1x120"},
        says="a: small has no address left in 10.0.0.1-10.0.0.14",
        severity="critical",
        labels=IN_SMALL,
    ),
    "VmplumbNetworksNearLimit": Case(
        loud={
            one("vmplumb_networks", phase="READY"): "90x120",
            one("vmplumb_networks", phase="FAILED"): "5x120",
            one("vmplumb_networks_limit"): "100x120",
        },
        quiet={
            one("vmplumb_networks", phase="READY"): "85x120",
            one("vmplumb_networks", phase="FAILED"): "5x120",
            one("vmplumb_networks_limit"): "100x120",
        },
        says="a: 95% of limits.max_networks",
        labels=FROM_SUM,
    ),
    "VmplumbOperationsNearLimit": Case(
        loud={one("vmplumb_operations_admitted"): "90x120", one("vmplumb_operations_limit"): "100x120"},
        quiet={one("vmplumb_operations_admitted"): "80x120", one("vmplumb_operations_limit"): "100x120"},
        says="a: 90% of limits.max_operations are under way",
        labels=FROM_SUM,
    ),
    "VmplumbReleasesFail": Case(
        loud={one("vmplumb_releases_failed"): "2x120"},
        quiet={one("vmplumb_releases_failed"): "2x50 0x70"},
        says="a: 2 releases of networks that are gone fail",
    ),
    "VmplumbReleasesPileUp": Case(
        loud={one("vmplumb_releases_pending"): "501x120"},
        quiet={one("vmplumb_releases_pending"): "500x120"},
        says="a: 501 networks that are gone still have devices or addresses",
    ),
    "VmplumbLeaks": Case(
        loud={one("vmplumb_findings", kind="LINK", action="REMOVE"): "3x180"},
        quiet={one("vmplumb_findings", kind="LINK", action="WAIT"): "3x180"},
        says="a: the last diagnosis found 3 leaks",
        after=2 * HOUR,
        labels=FROM_SUM,
    ),
    "VmplumbNotDiagnosed": Case(
        loud={one("vmplumb_diagnosed_timestamp_seconds"): "0x3000"},
        quiet={one("vmplumb_diagnosed_timestamp_seconds"): "0+60x3000"},
        says="a: the last diagnosis is 2d 1h 0m 0s old",
        severity="info",
        after=49 * HOUR,
    ),
    "VmplumbPoolEmpty": Case(
        loud={
            one("vmplumb_pool_depth", network="n"): "0x120",
            one("vmplumb_pool_size", network="n"): "4x120",
        },
        quiet={
            one("vmplumb_pool_depth", network="n"): "0x120",
            one("vmplumb_pool_size", network="n"): "0x120",
        },
        says="a: the warm pool of n is empty",
        labels={"instance": "a", "job": "vmplumbd", "network": "n"},
    ),
    "VmplumbProblems": Case(
        loud={one("vmplumb_problems"): "1x120"},
        quiet={one("vmplumb_problems"): "0x120"},
        says="a: GetStatus names 1 problems",
    ),
    "VmplumbOutOfFleet": Case(
        loud={one("vmplumb_out_of_fleet"): "0 1x120"},
        quiet={one("vmplumb_out_of_fleet"): "1x56 0 1x120"},
        says="a: no caller finds the agent in its fleet",
    ),
    "VmplumbDescriptorsLow": Case(
        loud={one("process_open_fds"): "900x120", one("process_max_fds"): "1000x120"},
        quiet={one("process_open_fds"): "800x120", one("process_max_fds"): "1000x120"},
        says="a: 90% of the agent's descriptors are open",
    ),
}


def alerts() -> list[str]:
    """The alerts there are, in the order of the file."""
    return re.findall(r"^ +- alert: (\w+)$", RULES.read_text(), re.MULTILINE)


def test_every_alert_has_a_case_and_a_line_of_the_runbook() -> None:
    assert alerts() == list(CASES)
    runbook = (ROOT / "docs/operating.md").read_text().partition("\n## Alerts\n")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `(Vmplumb\w+)` \| .{20,} \|$", runbook, re.MULTILINE) == alerts()


def test_alerts_fire_when_they_should_and_not_otherwise(tmp_path: Path) -> None:
    if (promtool := programs.find("promtool")) is None:
        pytest.skip("promtool is not installed: tools/system_packages.sh prometheus")
    tests = []
    for name, case in CASES.items():
        told = {
            "exp_labels": {"severity": case.severity, **case.labels},
            "exp_annotations": {"summary": case.says},
        }
        for series, expected in ((case.loud, [told]), (case.quiet, [])):
            tests.append(
                {
                    "name": f"{name} {'fires' if expected else 'is quiet'}",
                    "interval": "1m",
                    "input_series": [{"series": key, "values": values} for key, values in series.items()],
                    "alert_rule_test": [
                        {"alertname": name, "eval_time": f"{case.after}m", "exp_alerts": expected}
                    ],
                }
            )
    file = tmp_path / "tests.yml"
    # JSON is YAML.
    file.write_text(json.dumps({"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": tests}))
    done = subprocess.run([promtool, "test", "rules", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_is_scraped_is_what_the_rules_are_about() -> None:
    if (promtool := programs.find("promtool")) is None:
        pytest.skip("promtool is not installed: tools/system_packages.sh prometheus")
    done = subprocess.run(
        [promtool, "check", "config", "scrape.yml"],
        cwd=RULES.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(alerts())} rules found" in done.stdout
