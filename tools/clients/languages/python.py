"""Python: `clients/python`, which the environment has. Its generated code is compared by `make lint`."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from tools.clients.language import Count, Language, Workshop, junit

TESTS = (
    "clients/python/tests",
    "tests/contract_rules/test_engines.py",
    "tests/docs/test_clients.py",
)


def generate(_: Workshop, __: Path) -> None:
    """Nothing: tools/contract/generate.py does."""


def build(_: Workshop) -> None:
    """Nothing: the environment has it."""


def test(shop: Workshop) -> Count:
    """Every test: against an agent of ours, and, of the README's programs, a live one."""
    reports = shop.tools / "reports"
    shutil.rmtree(reports, ignore_errors=True)
    shop.run(sys.executable, "-m", "pytest", "-q", f"--junitxml={reports / 'TEST-python.xml'}", *TESTS)
    return junit(reports)


LANGUAGE = Language(name="python", packages=(), generated=(), generate=generate, build=build, test=test)
