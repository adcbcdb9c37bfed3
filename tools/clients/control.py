"""How a test, in any language, orders what happens around a live agent: a line asks, a line answers, no sleeping.

The socket is VMPLUMB_TEST_CONTROL. Every answer begins with OK or ERROR.

RELAY times=K messages=N   a new relay before the agent's socket that cuts its first K connections before the message
                           after N; "OK PATH" is its socket. `bytes=N` instead: after N bytes from the agent.
SEEN PATH                  "OK connections=C cuts=K" of that relay
WAIT VM                    answers when the plugin `gate` is called for that VM and waits
OPEN VM                    lets the plugin `gate` go on for that VM: now, or when it comes
RESTART                    ends the agent with SIGTERM and starts it again; answers when it serves

Of the fleet (`live_fleet.py`), which the first FLEET starts:

FLEET                      "OK ENDPOINT" of its etcd, once both agents have told of themselves
KILL AGENT|etcd            SIGKILL; an agent's lease ends by itself
START AGENT|etcd           starts it again; answers when the agent has told of itself, or etcd answers
PAUSE AGENT                SIGSTOP: as silent as a host without power; its lease ends
RESUME AGENT               lets it go on; answers when it is in the fleet again
CORDON AGENT on|off        answers when all know
PLACE VM                   a set-up by the Python client's fleet; "OK AGENT" says where
"""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tools.clients.live_fleet import LiveFleet
from tools.clients.relay import Relay

PATIENCE = 60.0


class Control:
    """What the lines act on."""

    def __init__(self, directory: Path, agent: Path, restart: Callable[[], None], fleet: LiveFleet) -> None:
        self.path = directory / "control.sock"
        self._directory, self._agent, self._restart = directory, agent, restart
        self._fleet = fleet
        self._relays: dict[str, Relay] = {}
        self._changed = threading.Condition()
        self._waiting: dict[str, list[Callable[[], None]]] = {}
        self._opened: set[str] = set()
        self._server = _Server(str(self.path), self)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """End the socket and the relays."""
        self._server.shutdown()
        self._server.server_close()
        for relay in self._relays.values():
            relay.close()

    def answer(self, line: str) -> str:
        """What a line is answered with."""
        match line.split():
            case ["RELAY", *settings]:
                return self._relay(dict(one.split("=", 1) for one in settings))
            case ["SEEN", path]:
                relay = self._relays[path]
                return f"connections={relay.connections} cuts={relay.cuts}"
            case ["WAIT", vm_id]:
                with self._changed:
                    if not self._changed.wait_for(lambda: self._waiting.get(vm_id), PATIENCE):
                        raise TimeoutError(f"no plugin waits for {vm_id}")
                return ""
            case ["OPEN", vm_id]:
                self._open(vm_id)
                return ""
            case ["RESTART"]:
                self._restart()
                return ""
            case _:
                return self._of_the_fleet(line)

    def _of_the_fleet(self, line: str) -> str:
        match line.split():
            case ["FLEET"]:
                return self._fleet.begin()
            case ["KILL", name]:
                self._fleet.kill(name)
            case ["START", name]:
                self._fleet.start(name)
            case ["PAUSE", name]:
                self._fleet.pause(name)
            case ["RESUME", name]:
                self._fleet.resume(name)
            case ["CORDON", name, on]:
                self._fleet.cordon(name, on)
            case ["PLACE", vm_id]:
                return self._fleet.place(vm_id)
            case _:
                raise ValueError(f"no such line: {line}")
        return ""

    def arrive(self, vm_id: str, go: Callable[[], None]) -> None:
        """The plugin is called: it goes on by `go`, at once if it was let through before."""
        with self._changed:
            if vm_id in self._opened:
                self._opened.discard(vm_id)
                go()
            else:
                self._waiting.setdefault(vm_id, []).append(go)
                self._changed.notify_all()

    def leave(self, vm_id: str, go: Callable[[], None]) -> None:
        """The plugin has ended."""
        with self._changed:
            if go in self._waiting.get(vm_id, []):
                self._waiting[vm_id].remove(go)

    def _open(self, vm_id: str) -> None:
        with self._changed:
            waiting = self._waiting.pop(vm_id, [])
            if not waiting:
                self._opened.add(vm_id)
            for go in waiting:
                go()

    def _relay(self, settings: dict[str, str]) -> str:
        with self._changed:
            path = self._directory / f"relay-{len(self._relays)}.sock"
            self._relays[str(path)] = Relay(
                path,
                self._agent,
                times=int(settings.get("times", "1")),
                messages=int(settings["messages"]) if "messages" in settings else None,
                bytes_=int(settings["bytes"]) if "bytes" in settings else None,
            )
        return str(path)


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, path: str, control: Control) -> None:
        self.control = control
        super().__init__(path, _Handler)


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, _Server)
        control = self.server.control
        while line := self.rfile.readline().decode().strip():
            verb, _, vm_id = line.partition(" ")
            if verb == "ARRIVE":  # the plugin's own

                def go() -> None:
                    self._say("OK")

                control.arrive(vm_id, go)
                self.rfile.read()
                control.leave(vm_id, go)
                return
            try:
                self._say(f"OK {control.answer(line)}".strip())
            except Exception as exc:  # noqa: BLE001  whatever it is, the test reads it
                self._say(f"ERROR {type(exc).__name__}: {exc}")

    def _say(self, line: str) -> None:
        with suppress(OSError):  # who asked may be gone
            self.wfile.write(f"{line}\n".encode())
