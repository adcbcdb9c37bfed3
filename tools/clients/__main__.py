"""The clients in every language: generated code compared, built, tested against a live agent.

python -m tools.clients [LANGUAGE...]           check, build and test; a line a language and a total
python -m tools.clients --write [LANGUAGE...]   write the generated code anew
python -m tools.clients --check [LANGUAGE...]   only compare the generated code
python -m tools.clients --stale                 which committed code is made of another contract; needs no tool

A language whose programs are not here, and cannot be installed, is left out with the reason; with CI=true
that fails. `tools/clients/languages` has a file for each. Exit 1 when one fails.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tools.clients.language import BUILD, ROOT, Broken, Count, Language, Workshop, write_contract

LAST_LINES = 80
# Lines of code, without comments and blank lines, that a client may add to what is generated.
HANDWRITTEN_LINES = 300
COMMENT = ("//", "/*", "*", "#")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one language."""

    name: str
    count: Count | None = None
    failure: str = ""
    left_out: str = ""
    seconds: float = 0.0

    def __str__(self) -> str:
        took = f"  ({self.name}: {self.seconds:.0f} s)" if self.seconds else ""
        if self.left_out:
            return f"{self.name}: left out: {self.left_out}"
        if self.failure:
            return f"{self.name}: FAILED{took}"
        return f"{self.name}: {self.count or 'as it is generated'}{took}"


def languages() -> dict[str, Language]:
    """Every language, by name: one for each file beside this one."""
    found = {}
    for path in sorted((Path(__file__).parent / "languages").glob("*.py")):
        one: Language = importlib.import_module(f"tools.clients.languages.{path.stem}").LANGUAGE
        found[one.name] = one
    return found


def lacking(language: Language) -> str:
    """Why the language cannot be worked with here; empty if it can. Installs what can be installed."""
    command = [str(ROOT / "tools" / "system_packages.sh"), *language.packages]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    if done.returncode == 0:
        return ""
    reasons = [line.removeprefix("left out: ") for line in done.stderr.splitlines() if "left out: " in line]
    return "; ".join(reasons) or done.stderr.strip() or "its programs are not here"


def no_host() -> str:
    """Why no live agent can be had here: a host of its own cannot be made. Empty if it can."""
    script = "from tests import host; print(host.become_root() or host.refusal() or '')"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=False
    )
    return (done.stdout if done.returncode == 0 else done.stderr).strip()


def differences(language: Language, fresh: Path) -> list[str]:
    """What of the committed generated code is not as `fresh` has it."""
    there, made = _files(language, ROOT), _files(language, fresh)
    return [
        *(f"missing: {path}" for path in sorted(made.keys() - there.keys())),
        *(f"not generated: {path}" for path in sorted(there.keys() - made.keys())),
        *(f"differs: {path}" for path in sorted(there.keys() & made.keys()) if there[path] != made[path]),
    ]


def compare(language: Language, shop: Workshop, *, write: bool) -> str:
    """Generate and compare, or write; answers the differences as text, empty when there are none."""
    if not language.generated:
        return ""
    with tempfile.TemporaryDirectory() as scratch:
        fresh = Path(scratch)
        language.generate(shop, fresh)
        (fresh / _sum(language)).write_text(contract_sum())
        if not write:
            return "\n".join(differences(language, fresh))
        for directory in language.generated:
            shutil.rmtree(ROOT / directory, ignore_errors=True)
            shutil.copytree(fresh / directory, ROOT / directory)
    return ""


def handwritten(language: Language) -> int:
    """How many lines of code are written by hand."""
    texts = (path.read_text() for glob in language.handwritten for path in ROOT.glob(glob))
    lines = (line.strip() for text in texts for line in text.splitlines())
    return sum(1 for line in lines if line and not line.startswith(COMMENT))


def contract_sum() -> str:
    """What tells one state of `protos/` from another."""
    digest = hashlib.sha256()
    for path in sorted((ROOT / "protos").rglob("*.proto")):
        digest.update(f"{path.relative_to(ROOT)}\0".encode())
        digest.update(path.read_bytes())
    return f"{digest.hexdigest()}\n"


def stale(table: Mapping[str, Language]) -> list[str]:
    """The languages whose committed code is made of another contract than the one that is here."""
    now = contract_sum()
    return [
        name
        for name, one in table.items()
        if one.generated
        if not (ROOT / _sum(one)).exists() or (ROOT / _sum(one)).read_text() != now
    ]


def work(language: Language, *, write: bool, check_only: bool) -> Outcome:
    """Everything that is to be done for one language. Raises nothing that a command did."""
    start = time.monotonic()
    shop = Workshop(name=language.name)
    shop.log.unlink(missing_ok=True)
    count = None
    try:
        failure = compare(language, shop, write=write)
        if failure:
            failure = f"{failure}\ngenerated code is not as committed: make generate"
        elif (lines := handwritten(language)) > HANDWRITTEN_LINES:
            failure = f"{lines} lines of code are written by hand, {HANDWRITTEN_LINES} at most"
        elif not (write or check_only):
            language.build(shop)
            count = language.test(shop)
            if not count.passed:
                failure = "no test ran"
            elif count.failed:
                failure = f"{count.failed} tests failed"
            elif count.skipped and os.environ.get("CI") == "true":
                failure = f"{count.skipped} tests were skipped"
    except Broken as exc:
        failure = str(exc)
    return Outcome(name=language.name, count=count, failure=failure, seconds=time.monotonic() - start)


def main(arguments: Sequence[str], table: Mapping[str, Language] | None = None) -> int:
    """Do what is asked, for every language there is unless a table is given; 1 if something failed."""
    table = table or languages()
    parser = argparse.ArgumentParser(
        prog="tools.clients", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true", help="write the generated code anew")
    parser.add_argument("--check", action="store_true", help="only compare the generated code")
    parser.add_argument("--stale", action="store_true", help="which committed code is of another contract")
    parser.add_argument("--jobs", type=int, default=2, help="languages at once (2)")
    parser.add_argument("languages", nargs="*", choices=[*table, []], help="all if none is named")
    asked = parser.parse_args(arguments)
    if asked.stale:
        old = stale(table)
        compared = ", ".join(name for name, one in table.items() if one.generated)
        print(
            f"clients' generated code: of another contract: {', '.join(old)}; make generate"
            if old
            else f"clients' generated code is of this contract: {compared}"
        )
        return 1 if old else 0
    write_contract()
    outcomes, here = [], []
    hostless = "" if asked.write or asked.check else no_host()
    for name in asked.languages or table:
        reason = hostless or lacking(table[name])
        if reason:
            outcomes.append(Outcome(name=name, left_out=reason))
        else:
            here.append(table[name])
    with ThreadPoolExecutor(asked.jobs) as pool:
        outcomes += pool.map(lambda one: work(one, write=asked.write, check_only=asked.check), here)
    for one in outcomes:
        if one.failure:
            lines = one.failure.splitlines()
            print(f"== {one.name}: the end of {(BUILD / f'{one.name}.log').relative_to(ROOT)}")
            print("\n".join(lines[-LAST_LINES:]))
    for one in sorted(outcomes, key=lambda one: one.name):
        print(one)
    total = sum((one.count for one in outcomes if one.count), Count())
    if not (asked.write or asked.check):
        print(f"clients: {total}")
    bad = [one for one in outcomes if one.failure or (one.left_out and os.environ.get("CI") == "true")]
    return 1 if bad else 0


def _sum(language: Language) -> Path:
    return language.generated[0] / "contract.sha256"


def _files(language: Language, root: Path) -> dict[Path, bytes]:
    return {
        path.relative_to(root): path.read_bytes()
        for directory in language.generated
        for path in sorted((root / directory).rglob("*"))
        if path.is_file()
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
