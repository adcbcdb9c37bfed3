"""Each engine that judges the vectors finds what they want, but for what `engines.json` says of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format

from tests.contract_rules.test_rules import LIBRARY
from tests.contract_rules.test_vectors import RULES, VECTORS
from vmplumb import validation
from vmplumb.v1 import network_agent_service_pb2 as pb

EXPECTED: list[dict[str, Any]] = json.loads(Path(__file__).with_name("engines.json").read_text())
ENGINES: dict[str, Any] = {
    "protovalidate": LIBRARY.violations,
    "vmplumbd": RULES.violations,
    "vmplumb.validation": lambda name, wire: validation.violations(
        getattr(pb, name.rpartition(".")[2]).FromString(wire)
    ),
}


def not_found(engine: str) -> set[str]:
    return {rule for one in EXPECTED if one["engine"] == engine for rule in one["rules"]}


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_finds_what_a_vector_wants_but_for_what_is_listed(engine: str) -> None:
    missed: set[str] = set()
    for vector in VECTORS:
        message = json_format.ParseDict(vector["json"], getattr(pb, vector["message"])())
        judged = list(ENGINES[engine](message.DESCRIPTOR.full_name, message.SerializeToString()))
        assert all(one.message for one in judged)
        found = [one.rule for one in judged]
        if "fields" in vector and not not_found(engine) & set(vector["want"]):
            assert sorted(one.field for one in judged) == sorted(vector["fields"]), vector["id"]
        assert sorted(found) == sorted(one for one in vector["want"] if one not in not_found(engine)), vector[
            "id"
        ]
        missed |= set(vector["want"]) - set(found)
    # What is listed is missed by some vector, so that the list does not outlive its reason.
    assert missed == not_found(engine)
    assert all(one["reason"] for one in EXPECTED)
