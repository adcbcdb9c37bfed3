"""A guest that lives on: its console is followed, it can be stopped, written to a file, and gone on with elsewhere."""

from __future__ import annotations

import json
import os
import re
import shlex
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from tools.guest import boot

# A machine that is ten times slower is no reason to give up. Seconds.
PATIENCE = 300.0


class MachineFault(Exception):
    """QEMU, or the guest in it, did not do what was asked of it; the console's end is told."""


class Machine:
    """QEMU with a line of control (QMP). Ended, however far it is, with the `with` block.

    `line` is the command, the guest's console on standard output; `incoming` has it wait for a saved state
    instead of booting. Not for several threads.
    """

    def __init__(self, line: Sequence[str], *, incoming: bool = False) -> None:
        ours, theirs = socket.socketpair()
        control = ["-chardev", f"socket,id=qmp,fd={theirs.fileno()}", "-mon", "chardev=qmp,mode=control"]
        more = ["-incoming", "defer"] if incoming else []
        try:
            self.process = subprocess.Popen(
                [*line, *control, *more],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=(theirs.fileno(),),
            )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        self._control = ours
        self._unread = b""
        self._events: list[Mapping[str, Any]] = []
        self.console = ""
        self._read_to = 0

    def __enter__(self) -> Machine:
        try:
            self._message(time.monotonic() + PATIENCE)  # the greeting
            self.ask("qmp_capabilities")
            capability = {"capability": "events", "state": True}
            self.ask("migrate-set-capabilities", capabilities=[capability])
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def end(self) -> None:
        """End it, whatever it does."""
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()
        self._control.close()

    def wait_for(self, pattern: str, *, seconds: float = PATIENCE) -> re.Match[str]:
        """The next place of the console, after what was found before, that the pattern fits. Raises MachineFault."""
        deadline = time.monotonic() + seconds
        wanted = re.compile(pattern, re.MULTILINE)
        while True:
            found = wanted.search(self.console, self._read_to)
            if found is not None:
                self._read_to = found.end()
                return found
            self._listen(deadline, f"for /{pattern}/ on the console")

    def skip(self) -> None:
        """What the console has said so far is old."""
        while self._readable(0):
            self._listen(time.monotonic(), "for nothing")
        self._read_to = len(self.console)

    def ask(self, execute: str, **arguments: object) -> object:
        """A command of QMP and its answer. Raises MachineFault."""
        said = {"execute": execute} | ({"arguments": arguments} if arguments else {})
        self._control.sendall(json.dumps(said).encode() + b"\n")
        deadline = time.monotonic() + PATIENCE
        while True:
            message = self._message(deadline)
            if "return" in message:
                return message["return"]
            if "error" in message:
                raise self._fault(f"{execute} is refused: {message['error'].get('desc')}")

    def stop(self) -> None:
        """Stop the guest's clock; `go_on` lets it run again."""
        self.ask("stop")

    def go_on(self) -> None:
        """Let a stopped guest run."""
        self.ask("cont")

    def save(self, path: Path) -> None:
        """Write the stopped guest to a file, whole: memory and devices. It can be restored any number of times."""
        self._events.clear()
        self.ask("migrate", uri=f"exec:cat >{shlex.quote(str(path))}")
        self._migrated("saved")

    def restore(self, path: Path) -> None:
        """Read the guest from a file. It is stopped as it was when it was saved."""
        self._events.clear()
        self.ask("migrate-incoming", uri=f"exec:cat {shlex.quote(str(path))}")
        self._migrated("restored")

    def _migrated(self, what: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while True:
            for event in self._events:
                status = event["data"].get("status") if event["event"] == "MIGRATION" else None
                if status == "completed":
                    return
                if status in {"failed", "cancelled"}:
                    raise self._fault(f"the guest was not {what}: {status}")
            self._events.clear()
            self._message(deadline)

    def _message(self, deadline: float) -> Mapping[str, Any]:
        """The next message; an event is kept as well."""
        while b"\n" not in self._unread:
            left = deadline - time.monotonic()
            if left <= 0 or not boot.readable(self._control.fileno(), left):
                raise self._fault("QEMU does not answer")
            data = self._control.recv(65536)
            if not data:
                self._drain()
                raise self._fault(f"QEMU ended with {self.process.wait()}")
            self._unread += data
        line, _, self._unread = self._unread.partition(b"\n")
        message: Mapping[str, Any] = json.loads(line)
        if "event" in message:
            self._events.append(message)
        return message

    def _readable(self, seconds: float) -> bool:
        assert self.process.stdout is not None
        return boot.readable(self.process.stdout.fileno(), max(0.0, seconds))

    def _listen(self, deadline: float, what: str) -> None:
        if not self._readable(deadline - time.monotonic()):
            raise self._fault(f"waited in vain {what}")
        assert self.process.stdout is not None
        data = os.read(self.process.stdout.fileno(), 65536)
        if not data:
            raise self._fault(f"QEMU ended with {self.process.wait()}, waited {what}")
        self.console += data.decode("utf-8", "replace")

    def _drain(self) -> None:
        assert self.process.stdout is not None
        self.console += self.process.stdout.read().decode("utf-8", "replace")

    def _fault(self, text: str) -> MachineFault:
        return MachineFault(f"{text}\n--- last of the console\n{self.console[-2000:]}")
