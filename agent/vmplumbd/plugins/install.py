"""Executables for other runtimes: a launcher a built-in plugin, in a directory of CNI_PATH."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

from vmplumbd.plugins import builtin

MARK = "# Written by `vmplumbd install-plugins`; it overwrites only files with this line."


def install(directory: str) -> list[str]:
    """Write a launcher for each built-in plugin and answer their paths. The directory is made if need be.

    A launcher runs the interpreter that this process runs. Each is put in place by rename, so a runtime
    never executes half of one. Raises FileExistsError, before it writes anything, if a name is taken
    by a file that is no launcher; OSError.
    """
    target = Path(directory)
    target.mkdir(mode=0o755, parents=True, exist_ok=True)
    paths = [target / kind for kind in builtin.TYPES]
    for path in paths:
        if path.exists() and MARK.encode() not in path.read_bytes():
            raise FileExistsError(f"{path} is there already, and no launcher of ours")
    for path in paths:
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        draft.write_text(_launcher(path.name), encoding="utf-8")
        draft.chmod(0o755)
        draft.rename(path)
    return [str(path) for path in paths]


def _launcher(kind: str) -> str:
    # A shell between, because an interpreter's path may be too long, or hold blanks, for a #! line.
    interpreter = shlex.quote(sys.executable)
    return f"#!/bin/sh\n{MARK}\nexec {interpreter} -I -m vmplumbd plugin {kind}\n"
