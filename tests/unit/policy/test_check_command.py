"""`vmplumbd policy check`: what a file would allow to whom, and why."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.policy.test_access import POLICY, SPIFFE
from vmplumbd.__main__ import run


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "policy.toml"
    path.write_text(POLICY)
    return str(path)


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        ([], 0, "3 rules, no fault"),
        (
            ["--as", SPIFFE, "--rpc", "GetNetwork"],
            0,
            'GetNetwork  allowed  by rule "vms": at most 10 networks',
        ),
        (
            ["--as", SPIFFE, "--rpc", "CollectGarbage"],
            1,
            'CollectGarbage  DENIED  rule "vms" does not allow CollectGarbage',
        ),
        (
            ["--as", SPIFFE, "--rpc", "SetupNetwork", "--network", "fcnet", "--tap-owner", "1000:100"],
            0,
            "allowed",
        ),
        (
            ["--as", SPIFFE, "--rpc", "SetupNetwork", "--network", "x", "--host-port", "22"],
            1,
            "22 is not allowed",
        ),
        (
            ["--as", SPIFFE, "--rpc", "SetupNetwork", "--inline", "--path", "bin_path"],
            1,
            "choose its bin_path",
        ),
        (["--as", SPIFFE, "--rpc", "SetupNetwork", "--tap-owner", "0:"], 1, "a tap of 0: is not allowed"),
        (["--as", "dns:x.ops.example"], 0, "DiagnoseHost  allowed"),
        (["--as", "dns:elsewhere"], 1, 'DiagnoseHost  DENIED  rule "readers"'),
        (["--as", "unix", "--rpc", "DiagnoseHost"], 0, "mode and group"),
    ],
)
def test_it_says_what_is_allowed_and_why(
    file: str, capsys: pytest.CaptureFixture[str], words: list[str], status: int, told: str
) -> None:
    assert run(["policy", "check", file, *words]) == status
    assert told in capsys.readouterr().out


def test_a_program_reads_lines_of_json(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["policy", "check", file, "--as", SPIFFE, "--rpc", "GetStatus", "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == {
        "rpc": "GetStatus",
        "allowed": False,
        "rule": "vms",
        "why": 'rule "vms" does not allow GetStatus',
    }


@pytest.mark.parametrize(
    ("text", "words", "told"),
    [
        (
            "[[rule]]\nname = 'x'\n",
            [],
            "rule[0].who: must name at least one; rule[0].rpcs: must name at least one",
        ),
        (None, [], "the policy cannot be read"),
        ("", ["--rpc", "Reboot"], "no such RPC: Reboot"),
        ("", ["--host-port", "x"], "invalid literal"),
    ],
)
def test_what_cannot_be_used_is_told_with_exit_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | None, words: list[str], told: str
) -> None:
    path = tmp_path / "policy.toml"
    if text is not None:
        path.write_text(text)
    assert run(["policy", "check", str(path), "--as", SPIFFE, *words]) == 2
    assert told in capsys.readouterr().err
