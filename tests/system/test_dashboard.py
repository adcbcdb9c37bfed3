"""Every query of the dashboard has an answer from a real Prometheus that reads a real agent under load."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from grafana_foundation_sdk.cog import encoder, plugins
from grafana_foundation_sdk.models import dashboard as grafana
from grafana_foundation_sdk.models import units

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


def strange(tree: Mapping[str, Any]) -> list[str]:
    """Where a dashboard says what Grafana's own types do not know: they keep only what they know."""
    plugins.register_default_plugins()
    made = grafana.Dashboard.from_json(tree)
    found = list(_lost(tree, json.loads(json.dumps(made, cls=encoder.JSONEncoder)), "dashboard"))
    known = {one for one in vars(units).values() if isinstance(one, str)}
    for panel in made.panels:
        if isinstance(panel, grafana.RowPanel):
            continue
        # Of a kind of panel that they do not know, they take whatever there is.
        if isinstance(panel.options, dict):
            found.append(f"{panel.title}: a panel of type {panel.type_val}")
        if panel.field_config.defaults.unit not in known:
            found.append(f"{panel.title}: unit {panel.field_config.defaults.unit}")
    return found


def _lost(ours: object, theirs: object, place: str) -> Iterator[str]:
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key, value in ours.items():
            yield from _lost(value, theirs.get(key), f"{place}.{key}")
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for number, value in enumerate(ours):
            yield from _lost(value, theirs[number], f"{place}[{number}]")
    elif ours != theirs:
        yield place


def test_the_dashboard_is_of_grafanas_own_types() -> None:
    assert strange(json.loads(dashboard.DASHBOARD.read_text())) == []


@pytest.mark.parametrize(
    ("was", "is_", "told"),
    [
        ('"colorMode": "value"', '"colourMode": "value"', "dashboard.panels[1].options.colourMode"),
        ('"legendFormat": ""', '"legend": ""', "dashboard.panels[1].targets[0].legend"),
        ('"type": "stat"', '"type": "statt"', "Ready: a panel of type statt"),
        ('"unit": "short"', '"unit": "shrot"', "Ready: unit shrot"),
        ('"templating"', '"templates"', "dashboard.templates"),
    ],
)
def test_what_grafana_does_not_know_is_told(was: str, is_: str, told: str) -> None:
    assert told in strange(json.loads(dashboard.DASHBOARD.read_text().replace(was, is_, 1)))
