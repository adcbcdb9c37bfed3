"""A built-in plugin as an executable: environment and stdin in, stdout and exit code out.

`run` makes the call of values (cni:pkg/skel/skel.go); `main` gives it what the process has.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from vmplumbd.abc import Kernel
from vmplumbd.cni.error import CniError, InvalidName
from vmplumbd.cni.invoke import Command, Invocation, Invoker
from vmplumbd.plugins import masquerade, skel
from vmplumbd.plugins.builtin import TYPES, BuiltinInvoker
from vmplumbd.plugins.masquerade import Masquerade


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the process shall print and exit with."""

    exit_code: int
    stdout: bytes = b""
    stderr: str = ""


def run(
    kind: str,
    environ: Mapping[str, str],
    read_stdin: Callable[[], bytes],
    *,
    kernel: Kernel,
    executables: Invoker,
) -> Outcome:
    """Make the call that the environment describes, by the plugin `kind`, one of builtin.TYPES.

    IPAM plugins that are not built in are executed from CNI_PATH. Never raises CniError: it is printed.
    """
    rules = Masquerade(kernel, default=masquerade.default_backend(environ.get("PATH")))
    invoker = BuiltinInvoker(kernel, executables, masquerade=rules)
    plugin = invoker.plugin(kind)
    command = environ.get("CNI_COMMAND", "")
    if not command:
        supported = ", ".join(plugin.supported)
        return Outcome(
            exit_code=0,
            stderr=f"CNI {kind} plugin of vmplumbd\nCNI protocol versions supported: {supported}\n",
        )
    try:
        printed = skel.dispatch(plugin, _call(kind, command, environ, read_stdin))
        return Outcome(exit_code=0, stdout=_indented(printed) if command == Command.ADD else printed)
    except CniError as exc:
        return Outcome(exit_code=1, stdout=exc.to_json() + b"\n", stderr=_notes(exc))


def main(kind: str, *, kernel: Kernel, executables: Invoker) -> int:
    """Be the plugin `kind`: read environment and stdin, print, answer the exit code."""
    if kind not in TYPES:
        sys.stderr.write(f"no built-in plugin {kind!r}; there are {', '.join(TYPES)}\n")
        return 2
    outcome = run(kind, os.environ, sys.stdin.buffer.read, kernel=kernel, executables=executables)
    sys.stderr.write(outcome.stderr)
    sys.stdout.buffer.write(outcome.stdout)
    sys.stdout.flush()
    return outcome.exit_code


def _call(kind: str, command: str, environ: Mapping[str, str], read_stdin: Callable[[], bytes]) -> Invocation:
    if command not in Command.__members__:
        raise InvalidName(f"unknown CNI_COMMAND: {command}")
    return Invocation(
        command=Command(command),
        plugin=kind,
        stdin=b"" if command == Command.VERSION else read_stdin(),
        container_id=environ.get("CNI_CONTAINERID", ""),
        netns=environ.get("CNI_NETNS", ""),
        if_name=environ.get("CNI_IFNAME", ""),
        args=environ.get("CNI_ARGS", ""),
        path=tuple(each for each in environ.get("CNI_PATH", "").split(":") if each),
        env={key: value for key, value in environ.items() if not key.startswith("CNI_")},
    )


def _indented(printed: bytes) -> bytes:
    return json.dumps(json.loads(printed), indent=4, ensure_ascii=False).encode() if printed else printed


def _notes(exc: BaseException) -> str:
    return "".join(f"{note}\n" for note in getattr(exc, "__notes__", ()))
