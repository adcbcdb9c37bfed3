"""Real daemons by the dozen: a process that has loaded vmplumbd once and forks a fresh one on request.

A cold start costs a second of imports, which is most of what a thousand restarts would measure. The forked
child runs the command line from its first word to its exit status, so recovery, listeners and threads are
those of the product. `Forge` is the caller's side; run as a program this module is the other one.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.host import Host

ROOT = Path(__file__).resolve().parents[2]
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """What a child calls before its first line: `module:function` with one JSON value. For tests' faults."""

    function: str
    argument: Any = None


class Forge:
    """Starts daemons in the host of the thread that made it. Safe for several threads."""

    def __init__(self, host: Host) -> None:
        self._mutex = threading.Lock()
        self._process = host.popen(
            [sys.executable, "-m", "tests.torture.forge"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
        )
        self._ask({"do": "ping"})

    def start(
        self,
        words: Sequence[str],
        *,
        log: Path,
        environment: Mapping[str, str] | None = None,
        hook: Hook | None = None,
        files: int = 0,
    ) -> int:
        """Run `vmplumbd <words>`, stderr appended to `log`; answers its pid. `files`: RLIMIT_NOFILE."""
        asked = {
            "do": "start",
            "words": list(words),
            "log": str(log),
            "environment": dict(environment or {}),
            "hook": None if hook is None else [hook.function, hook.argument],
            "files": files,
        }
        return int(self._ask(asked)["pid"])

    def wait(self, pid: int) -> int:
        """Wait for the end of a daemon; its exit status, negative for a signal."""
        return int(self._ask({"do": "wait", "pid": pid})["status"])

    def poll(self, pid: int) -> int | None:
        """The exit status if it has ended."""
        status = self._ask({"do": "poll", "pid": pid})["status"]
        return None if status is None else int(status)

    def close(self) -> None:
        """End it, and the daemons that still run."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(20)

    def _ask(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._mutex:
            self._process.stdin.write(json.dumps(asked) + "\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the forge ended with {self._process.wait()}")
        told: dict[str, Any] = json.loads(answer)
        return told


def _serve() -> int:
    # Everything a daemon loads, before the first fork; nothing here may start a thread.
    from vmplumbd import main  # noqa: F401 - loads gRPC, in this process alone

    ended: dict[int, int] = {}
    running: set[int] = set()

    def reap(pid: int, flags: int) -> None:
        done, status = os.waitpid(pid, flags)
        if done:
            running.discard(done)
            ended[done] = os.waitstatus_to_exitcode(status)

    for line in sys.stdin:
        asked = json.loads(line)
        answer: dict[str, Any] = {}
        if asked["do"] == "start":
            assert threading.active_count() == 1
            pid = os.fork()
            if pid == 0:
                os._exit(_child(asked))
            running.add(pid)
            # The kernel gives pids again: what an older daemon of this one ended with is not its own.
            ended.pop(pid, None)
            answer["pid"] = pid
        elif asked["do"] in {"wait", "poll"}:
            pid = asked["pid"]
            if pid in running:
                reap(pid, 0 if asked["do"] == "wait" else os.WNOHANG)
            answer["status"] = ended.get(pid)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    for pid in list(running):
        os.kill(pid, signal.SIGKILL)
        reap(pid, 0)
    return 0


def _child(asked: Mapping[str, Any]) -> int:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    null = os.open(os.devnull, os.O_RDWR)
    log = os.open(asked["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for fd, target in ((null, 0), (null, 1), (log, 2)):
        os.dup2(fd, target)
    os.closerange(3, 256)
    sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
    os.environ.update(asked["environment"])
    if asked["files"]:
        import resource

        resource.setrlimit(resource.RLIMIT_NOFILE, (asked["files"], asked["files"]))
    try:
        if asked["hook"] is not None:
            name, argument = asked["hook"]
            module, _, function = name.partition(":")
            getattr(importlib.import_module(module), function)(argument)
        from vmplumbd import __main__ as command

        return command.run(asked["words"])
    except BaseException as exc:  # noqa: BLE001 - the parent's own code must not run on in the child
        sys.stderr.write(json.dumps({"event": "crashed", "error": repr(exc)}) + "\n")
        return 70


if __name__ == "__main__":
    sys.exit(_serve())
