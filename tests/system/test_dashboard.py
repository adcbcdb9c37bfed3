"""Every query of the dashboard has an answer from a real Prometheus that reads a real agent under load."""

from __future__ import annotations

import json
import re

import pytest

from tests import host as hosts
from tests.snapshot import snapshot
from tools import dashboard, programs


@pytest.mark.timeout(400)
def test_every_query_of_every_panel_is_answered(module_host: hosts.Host) -> None:
    if programs.find("prometheus") is None:
        pytest.skip("prometheus is not installed: tools/system_packages.sh prometheus")
    before = snapshot()
    found, rules = dashboard.answers(module_host, seconds=240)
    assert len(found) == len(dashboard.queries()) >= 40
    bad = [one for one in found if one.error or not one.rows]
    assert not bad, dashboard.table(bad)
    assert all(series or not one.query.legend for one in found for series, _ in one.rows)
    assert set(rules.values()) == {"ok"}
    (module_host.cni_state / "networks" / "fcnet" / "10.200.9.9").unlink()
    assert snapshot() == before


def test_a_query_without_an_answer_is_told() -> None:
    query = dashboard.Query(panel="Nobody's", legend="", text="no_such_metric")
    assert "NO ANSWER" in dashboard.table([dashboard.Answer(query=query)])


def test_the_dashboard_is_one_that_grafana_takes() -> None:
    found = json.loads(dashboard.DASHBOARD.read_text())
    panels = found["panels"]
    ids = [one["id"] for one in panels]
    assert len(set(ids)) == len(ids)
    cells = [
        (x, y)
        for one in panels
        for x in range(one["gridPos"]["x"], one["gridPos"]["x"] + one["gridPos"]["w"])
        for y in range(one["gridPos"]["y"], one["gridPos"]["y"] + one["gridPos"]["h"])
    ]
    assert len(set(cells)) == len(cells), "panels overlap"
    assert all(x < 24 for x, _ in cells)
    known = {one["name"] for one in found["templating"]["list"]} | {"__rate_interval"}
    for query in dashboard.queries():
        assert set(re.findall(r"\$\{?(\w+)", query.text)) <= known
        assert "$instance" in query.text
