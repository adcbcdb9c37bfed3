"""The rules on the model give the contract's answers: the same ids, fields, words and order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from hypothesis import given, settings

from tests.unit.model.specs import SPECS, TEXT, message
from vmplumb.v1 import network_agent_service_pb2 as pb
from vmplumbd.errors import ConfigListMismatch, Violation
from vmplumbd.model import rules
from vmplumbd.model.spec import (
    CniConfiguration,
    NetworkInterface,
    NetworkSpec,
    RateLimiter,
    StaticNetworkConfiguration,
    TokenBucket,
)
from vmplumbd.rpc import convert
from vmplumbd.rpc.validation import RequestRules

CONTRACT = RequestRules.load()
VECTORS = json.loads((Path(__file__).parents[2] / "contract_rules" / "vectors.json").read_text())


def by_the_contract(request: pb.SetupNetworkRequest) -> tuple[Violation, ...]:
    return CONTRACT.violations(request.DESCRIPTOR.full_name, request.SerializeToString())


def in_the_model(vector: dict[str, Any]) -> tuple[pb.SetupNetworkRequest, NetworkSpec] | None:
    """The vector's request and its spec; None where the model cannot even hold what is wrong with it."""
    if vector["message"] != "SetupNetworkRequest" or set(vector["json"]) - {"vmId", "spec"}:
        return None
    request = json_format.ParseDict(vector["json"], pb.SetupNetworkRequest())
    if not request.HasField("spec") or not request.spec.HasField("network_interfaces"):
        return None
    try:
        spec = convert.network_spec(request.spec)
    except (ValueError, ConfigListMismatch):
        return None
    return (request, spec) if message(spec) == request.spec else None


HELD = [(vector["id"], *held) for vector in VECTORS if (held := in_the_model(vector)) is not None]


def test_most_vectors_can_be_held_by_the_model() -> None:
    assert len(HELD) >= 70


@pytest.mark.parametrize(("request_", "spec"), [one[1:] for one in HELD], ids=[one[0] for one in HELD])
def test_every_vector_is_judged_as_the_contract_judges_it(
    request_: pb.SetupNetworkRequest, spec: NetworkSpec
) -> None:
    assert rules.violations(request_.vm_id, spec) == by_the_contract(request_)


@settings(max_examples=100, deadline=None)
@given(TEXT, SPECS)
def test_any_spec_is_judged_as_the_contract_judges_it(vm_id: str, spec: NetworkSpec) -> None:
    request = pb.SetupNetworkRequest(vm_id=vm_id, spec=message(spec))
    assert rules.violations(vm_id, spec) == by_the_contract(request)


@pytest.mark.parametrize(("timeout", "well"), [(0.0, False), (-1, False), (3600, True), (3600.1, False)])
def test_a_timeout_has_the_contracts_bounds(timeout: float, well: bool) -> None:
    request = pb.SetupNetworkRequest(vm_id="v", spec=message(NetworkSpec()))
    request.operation_timeout.FromNanoseconds(round(timeout * 1e9))
    found = rules.violations("v", NetworkSpec(), timeout=timeout)
    assert found == by_the_contract(request)
    assert (not found) is well


def test_text_that_utf8_cannot_write_is_refused() -> None:
    # A message cannot hold it, so the contract has no rule.
    spec = NetworkSpec(interfaces=(NetworkInterface(cni=CniConfiguration(network_name="n\udc80")),))
    assert "string.utf8" in {one.rule for one in rules.violations("v", spec)}


@pytest.mark.parametrize(("size", "rule"), [(-1, "int64.gte"), (1 << 63, "int64.lt"), (0, "")])
def test_numbers_that_the_wire_cannot_hold_are_refused(size: int, rule: str) -> None:
    limiter = RateLimiter(ops=TokenBucket(size=size, refill_time_ms=0))
    spec = NetworkSpec(
        interfaces=(
            NetworkInterface(
                static=StaticNetworkConfiguration(host_dev_name="tap0"), in_rate_limiter=limiter
            ),
        )
    )
    place = "spec.network_interfaces.interfaces[0].in_rate_limiter.ops.size"
    assert [(one.field, one.rule) for one in rules.violations("v", spec)] == ([(place, rule)] if rule else [])
