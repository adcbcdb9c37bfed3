"""Each check of the contract passes as things are, and fails when its fault is planted."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tools.contract import generate, image, lint

SERVICE = "network_agent_service.proto"


@pytest.fixture(scope="module")
def contract() -> lint.Contract:
    return lint.Contract.read()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    shutil.copytree(lint.ROOT / "protos", tmp_path / "protos")
    shutil.copy(lint.ROOT / "buf.yaml", tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", sorted(lint.CHECKS))
def test_the_contract_passes(contract: lint.Contract, name: str) -> None:
    assert lint.CHECKS[name](contract).faults == []


@pytest.mark.parametrize(
    ("name", "file", "old", "new", "told"),
    [
        ("buf lint", "rate_limiter.proto", "  // Token bucket with bytes as tokens.\n", "", "bandwidth"),
        (
            "buf format",
            "rate_limiter.proto",
            "TokenBucket ops = 2;",
            "TokenBucket  ops = 2;",
            "TokenBucket  ops",
        ),
        ("rules lock", SERVICE, "max_items: 10000", "max_items: 10001", "10001"),
        ("rules lock", "cni.proto", "(buf.validate.field).required = true,", "", "NetworkConfigList.json"),
        ("error tables", SERVICE, "| NOT_A_NETNS ", "| NOT_A_NETSN ", "no such reason"),
        (
            "error tables",
            "errors.proto",
            "// ABORTED: the set-up",
            "// INTERNAL: the set-up",
            "says INTERNAL",
        ),
        ("error tables", "errors.proto", "// OUT_OF_RANGE: ", "// ", "RESUME_POSITION_LOST: no gRPC code"),
        (
            "error tables",
            SERVICE,
            "| HOST_LIMIT_REACHED ",
            "| TOO_MANY_NETWORKS ",
            "HOST_LIMIT_REACHED: in no",
        ),
        (
            "error tables",
            "errors.proto",
            "_TORN_DOWN = 7;",
            "_TORN_UP = 7;",
            "TORN_UP: unknown to the agent",
        ),
        ("requirements", SERVICE, "[REQ-RULE-010]", "[REQ-RULE-011]", "REQ-RULE-011: stands 2 times"),
        ("requirements", SERVICE, "[REQ-RULE-010]", "[REQ-RULE-10]", "REQ-RULE-10: not of the form"),
        (
            "requirements",
            SERVICE,
            "| REQ-RULE-109 |",
            "|              |",
            "every RPC: UNIMPLEMENTED / (none)",
        ),
        ("error tables", SERVICE, "| NOT_FOUND | VM_NOT_FOUND | MUST NOT retry |", "", "GetNetwork: "),
    ],
)
def test_a_planted_fault_is_told(checkout: Path, name: str, file: str, old: str, new: str, told: str) -> None:
    source = checkout / "protos/vmplumb/v1" / file
    text = source.read_text()
    if old.startswith("| NOT_FOUND"):  # the one row of GetNetwork's table, whatever its padding
        old = next(line for line in text.splitlines() if "no such vm_id | NOT_FOUND" in line) + "\n"
    assert old in text
    source.write_text(text.replace(old, new, 1))
    faults = lint.CHECKS[name](lint.Contract.read(checkout)).faults
    assert any(told in fault for fault in faults)


def test_a_field_that_changes_its_number_breaks_the_baseline(checkout: Path) -> None:
    before = lint.Contract.read(checkout)
    (checkout / lint.BASELINE).write_bytes(image.for_buf(image.rules(before.full)))
    assert lint.buf_breaking(before).faults == []
    source = checkout / "protos/vmplumb/v1/network.proto"
    source.write_text(source.read_text().replace("bool force = 9;", "bool force = 19;"))
    assert any("force" in fault for fault in lint.buf_breaking(lint.Contract.read(checkout)).faults)


def test_generated_code_that_was_edited_is_told(contract: lint.Contract, tmp_path: Path) -> None:
    fresh, root = tmp_path / "fresh", tmp_path / "root"
    made = generate.generate(contract.full, fresh)
    shutil.copytree(fresh, root)
    assert generate.differences(root, fresh, made) == []
    package = root / generate.PYTHON_OUT / generate.PACKAGE
    (package / "cni_pb2.py").write_text("")
    (package / "errors_pb2.pyi").unlink()
    (package / "old_pb2.py").write_text("")
    for rules in generate.RULES:
        (root / rules).write_bytes(b"")
    found = [line.partition(":")[0] for line in generate.differences(root, fresh, made)]
    assert sorted(found) == ["differs", "differs", "differs", "missing", "not generated"]


def test_the_clients_code_needs_no_package_of_rules(contract: lint.Contract) -> None:
    slim = image.without_rules(contract.full)
    assert b"buf.validate" not in b"".join(
        file.SerializeToString() for file in slim.file if file.package == image.CONTRACT
    )
    assert all(image.VALIDATE not in file.dependency for file in slim.file)
