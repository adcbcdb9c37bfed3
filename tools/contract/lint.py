"""Every check of the contract, a line each; exit 1 if one fails. `--write` makes lock or baseline anew.

lint.py                   check
lint.py --write lock      after a rule was changed on purpose
lint.py --write baseline  when a version of the contract is declared: `breaking` compares with it
"""

from __future__ import annotations

import argparse
import difflib
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from google.protobuf.descriptor_pb2 import FileDescriptorSet  # noqa: E402  after the path, as below

from tools.contract import error_tables, generate, image, requirements, rules_lock  # noqa: E402  run as a file, from a clone
from vmplumbd import errors  # noqa: E402
from vmplumbd.rpc import status  # noqa: E402

LOCK = Path("protos/rules.lock")
BASELINE = Path("protos/baseline.binpb")


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """A checkout: `root` holds protos/, `full` is what they compile to."""

    root: Path
    full: FileDescriptorSet

    @classmethod
    def read(cls, root: Path = ROOT) -> Contract:
        """Compile. Raises CalledProcessError when protoc refuses."""
        return cls(root=root, full=image.build(root / "protos"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a check found. No faults is good; `note` is told then, or why it was `skipped`."""

    faults: list[str]
    note: str = ""
    skipped: bool = False


Check: TypeAlias = Callable[[Contract], Verdict]


def buf_lint(contract: Contract) -> Verdict:
    """buf's STANDARD and COMMENTS, on the compiled image: no validate.proto is needed."""
    return Verdict(faults=_buf(contract, "lint"), note="STANDARD, COMMENTS")


def buf_format(contract: Contract) -> Verdict:
    """buf's formatting of the sources."""
    done = _run([_buf_path(), "format", "--diff", "--exit-code", str(contract.root / "protos")])
    return Verdict(faults=done.splitlines())


def locked_rules(contract: Contract) -> Verdict:
    """The rules are those of the lock."""
    fresh = rules_lock.text(contract.full)
    lock = contract.root / LOCK
    there = lock.read_text() if lock.exists() else ""
    changed = difflib.unified_diff(there.splitlines(), fresh.splitlines(), "lock", "protos", lineterm="", n=0)
    return Verdict(faults=list(changed), note=f"{len(fresh.splitlines())} rules")


def tables(contract: Contract) -> Verdict:
    """Error tables, ErrorReason and what the agent answers agree."""
    agent = {reason.value: status.code_of(reason).name for reason in errors.Reason}
    found = error_tables.faults(contract.full, agent)
    uses = sum(len(table) for table in error_tables.rows(contract.full).values())
    return Verdict(faults=found, note=f"{uses} rows, {len(error_tables.codes(contract.full))} reasons")


def requirement_ids(contract: Contract) -> Verdict:
    """Ids of requirements are well formed and stand once; every row of an error table has one."""
    found = requirements.faults(contract.full)
    return Verdict(faults=found, note=f"{len(requirements.ids(contract.full))} ids")


def generated(contract: Contract) -> Verdict:
    """What is generated is committed as it is generated."""
    with tempfile.TemporaryDirectory() as scratch:
        made = generate.generate(contract.full, Path(scratch))
        return Verdict(
            faults=generate.differences(contract.root, Path(scratch), made), note=f"{len(made)} files"
        )


def buf_breaking(contract: Contract) -> Verdict:
    """Nothing that the baseline promises is broken."""
    baseline = contract.root / BASELINE
    if not baseline.exists():
        return Verdict(faults=[], note=f"no {BASELINE} yet", skipped=True)
    against = [f"--against={baseline}", "--exclude-imports"]
    return Verdict(faults=_buf(contract, "breaking", *against), note=f"against {BASELINE}")


CHECKS: dict[str, Check] = {
    "buf lint": buf_lint,
    "buf format": buf_format,
    "rules lock": locked_rules,
    "error tables": tables,
    "requirements": requirement_ids,
    "generated code": generated,
    "buf breaking": buf_breaking,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--write", choices=["lock", "baseline"], help="make the file anew, check nothing")
    arguments = parser.parse_args()
    contract = Contract.read()
    match arguments.write:
        case "lock":
            (ROOT / LOCK).write_text(rules_lock.text(contract.full))
            return 0
        case "baseline":
            (ROOT / BASELINE).write_bytes(image.for_buf(image.rules(contract.full)))
            return 0
    failed = 0
    for name, check in CHECKS.items():
        verdict = check(contract)
        state = "FAILED" if verdict.faults else "skipped" if verdict.skipped else "ok"
        print(f"{name:16} {state:8} {len(verdict.faults) if verdict.faults else verdict.note}")
        for fault in verdict.faults:
            print(f"    {fault}")
        failed += bool(verdict.faults)
    return 1 if failed else 0


def _buf(contract: Contract, verb: str, *arguments: str) -> list[str]:
    with tempfile.TemporaryDirectory() as scratch:
        compiled = Path(scratch) / "contract.binpb"
        compiled.write_bytes(image.for_buf(contract.full))
        config = f"--config={contract.root / 'buf.yaml'}"
        return _run([_buf_path(), verb, str(compiled), config, *arguments]).splitlines()


def _buf_path() -> str:
    return f"{sysconfig.get_path('scripts')}/buf"


def _run(command: list[str]) -> str:
    """What a failing command says; "" for one that succeeds."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return ""
    return done.stdout + done.stderr or f"{command[0]}: exit status {done.returncode}"


if __name__ == "__main__":
    sys.exit(main())
