"""The suite in a process of its own: gRPC's threads are then as young as the host they speak in, and gone with it."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SECONDS = 840


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a run said: exit status, report, diagnostics, a dict a line of JSON."""

    status: int
    report: str
    said: str
    lines: list[dict[str, Any]]


def ask(folder: Path, *arguments: str) -> Answer:
    """Run `against` with these arguments; files go into the folder."""
    lines = folder / "lines"
    command = [
        sys.executable,
        "-m",
        "tests.conformance.against",
        *arguments,
        "--quiet",
        "--json-lines",
        str(lines),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    told = [json.loads(line) for line in lines.read_text().splitlines()] if lines.exists() else []
    return Answer(status=done.returncode, report=done.stdout, said=done.stderr, lines=told)
