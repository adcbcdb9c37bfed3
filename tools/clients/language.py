"""What a client's language is to `make clients`: one `Language` in one file of `tools/clients/languages`.

A language says which programs it needs, how its code is generated, how it is built and how it is tested. It does so
through a `Workshop`, which has the compiled contract and runs commands.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tools.contract import image

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "clients"
LIVE_AGENT = "tools.clients.live_agent"


class Broken(Exception):
    """A command of a language failed; the text says which and how."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """Tests of a language."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: Count) -> Count:
        return Count(
            passed=self.passed + other.passed,
            failed=self.failed + other.failed,
            skipped=self.skipped + other.skipped,
        )

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed" + (
            f", {self.skipped} skipped" if self.skipped else ""
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """What a language works with. Paths are absolute."""

    name: str
    root: Path = ROOT
    environment: Mapping[str, str] = field(default_factory=dict)
    patience: float = 900.0
    """Seconds after which a command is taken to hang; it fails then."""

    @property
    def tools(self) -> Path:
        """A directory for what the language installs: kept between runs, not committed."""
        return _made(BUILD / self.name)

    @property
    def log(self) -> Path:
        """Everything its commands said."""
        return BUILD / f"{self.name}.log"

    @property
    def contract(self) -> Path:
        """The contract with all it imports and with protovalidate's rules: a descriptor set."""
        return BUILD / "contract.binpb"

    @property
    def contract_without_rules(self) -> Path:
        """The contract without protovalidate's import and options: a descriptor set."""
        return BUILD / "contract-without-rules.binpb"

    @property
    def protos(self) -> list[str]:
        """The names of the contract's own files, as in the descriptor sets."""
        return sorted(
            str(one.relative_to(self.root / "protos")) for one in self.root.glob("protos/**/*.proto")
        )

    def protoc(
        self, *flags: str, descriptors: Path | None = None, protos: Sequence[str] | None = None
    ) -> None:
        """The protoc of the lock, with plugins named in `flags`, over the contract's own files."""
        self.run(
            sys.executable,
            "-m",
            "grpc_tools.protoc",
            f"--descriptor_set_in={descriptors or self.contract}",
            *flags,
            *(self.protos if protos is None else protos),
        )

    def run(self, *argv: str | os.PathLike[str], cwd: Path | None = None, tries: int = 1) -> str:
        """Run a command; answers its standard output. Raises Broken. `tries` is for what asks a registry."""
        for left in reversed(range(tries)):
            try:
                return self._once([os.fspath(one) for one in argv], cwd or self.root)
            except Broken:
                if not left:
                    raise
        raise AssertionError("unreachable")

    def run_live(self, *argv: str | os.PathLike[str], cwd: Path) -> str:
        """Run a command in a host of its own, beside a live agent (`live_agent.py` says what it finds)."""
        return self.run(sys.executable, "-m", LIVE_AGENT, "--cwd", cwd, "--", *argv)

    def _once(self, argv: list[str], cwd: Path) -> str:
        with self.log.open("a", encoding="utf-8") as log:
            log.write(f"$ {' '.join(argv)}\n")
            log.flush()
            before = log.tell()
            try:
                process = subprocess.Popen(
                    argv,
                    cwd=cwd,
                    env={**os.environ, **self.environment},
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                    errors="replace",
                    start_new_session=True,
                )
            except OSError as exc:
                raise Broken(f"{' '.join(argv)}: {exc}") from exc
            try:
                said, _ = process.communicate(timeout=self.patience)
                how = f"exit status {process.returncode}"
            except subprocess.TimeoutExpired:
                how = f"did not end in {self.patience} s"
            finally:
                # Whatever it has started goes with it, also when the whole is interrupted.
                if process.returncode is None:
                    os.killpg(process.pid, signal.SIGKILL)
                    said, _ = process.communicate()
            log.write(said)
        if process.returncode:
            with self.log.open("rb") as log_again:
                log_again.seek(before)
                told = log_again.read().decode(errors="replace")
            raise Broken(f"{' '.join(argv)}: {how}\n{told}")
        return said


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """One language. `generate` writes below a directory, laid out as the repository."""

    name: str
    packages: tuple[str, ...]
    """What it needs, as `tools/system_packages.sh` names it."""
    generated: tuple[Path, ...]
    """Directories of the repository that hold generated files and nothing else. The first one also gets
    `contract.sha256`, which says of which contract they are made. Empty where others generate and compare them."""
    generate: Callable[[Workshop, Path], None]
    build: Callable[[Workshop], None]
    """Whatever needs a registry is done when it ends: tests run in a network of their own."""
    test: Callable[[Workshop], Count]
    """Raises Broken for a test that fails."""
    handwritten: tuple[str, ...] = ()
    """Globs, from the repository's root, of what is written by hand and is neither test nor example: the thin layer."""


def junit(reports: Path) -> Count:
    """The tests in a directory's reports in JUnit's XML: surefire's and pytest's."""
    total = Count()
    for path in sorted(reports.glob("TEST-*.xml")):
        for suite in ET.parse(path).getroot().iter("testsuite"):
            figures = {name: int(suite.get(name, "0")) for name in ("tests", "failures", "errors", "skipped")}
            failed = figures["failures"] + figures["errors"]
            passed = figures["tests"] - failed - figures["skipped"]
            total += Count(passed=passed, failed=failed, skipped=figures["skipped"])
    return total


def write_contract() -> None:
    """Compile the contract for every language. Raises CalledProcessError when protoc refuses."""
    shop = Workshop(name="contract")
    BUILD.mkdir(parents=True, exist_ok=True)
    full = image.build(ROOT / "protos")
    for path, made in (
        (shop.contract, full),
        (shop.contract_without_rules, image.without_rules(full)),
    ):
        path.write_bytes(made.SerializeToString(deterministic=True))


def _made(directory: Path) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    return directory
