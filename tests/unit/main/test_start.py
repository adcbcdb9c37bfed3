"""What a start loads: what few calls need is left out of it, since it is a good part of the start."""

from __future__ import annotations

import subprocess
import sys


def test_a_start_loads_neither_oracles_nor_what_few_calls_ask_for() -> None:
    absent = {"pyroute2", "rich", "grpc_reflection.v1alpha", "protovalidate"}
    program = f"import sys, vmplumbd.main; print(*sorted({absent!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
