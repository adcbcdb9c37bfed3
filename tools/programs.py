"""Where programs are that `tools/system_packages.sh` installs, or unpacks beside the checkout."""

from __future__ import annotations

import shutil
from pathlib import Path

UNPACKED = Path(__file__).resolve().parents[1] / ".tools" / "packages"


def find(program: str) -> str | None:
    """The program on PATH, or in an unpacked package; None if it is in neither."""
    found = shutil.which(program)
    if found is None:
        found = next((str(one) for one in sorted(UNPACKED.glob(f"*/usr/bin/{program}"))), None)
    return found
