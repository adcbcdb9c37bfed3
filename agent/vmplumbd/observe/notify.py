"""What the service manager is told: ready, alive, stopping (sd_notify(3), sd_watchdog_enabled(3)).

A datagram to the socket that it names. Without one, nothing is said, and nothing fails.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Mapping


class Notifier:
    """Speaks to the service manager that `environment` names. For several threads."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        name = environment.get("NOTIFY_SOCKET", "")
        self._address = f"\0{name[1:]}" if name.startswith("@") else name
        self._period = _watchdog(environment)

    @property
    def watchdog_period(self) -> float:
        """Seconds between two signs of life, half of what is allowed; 0 if nobody waits for any."""
        return self._period / 2 if self._address else 0.0

    def ready(self, status: str) -> None:
        """The agent serves."""
        self._say(f"READY=1\nSTATUS={_line(status)}\nMAINPID={os.getpid()}")

    def status(self, text: str) -> None:
        """One line for people."""
        self._say(f"STATUS={_line(text)}")

    def alive(self) -> None:
        """A sign of life."""
        self._say("WATCHDOG=1")

    def stopping(self, status: str) -> None:
        """The agent goes."""
        self._say(f"STOPPING=1\nSTATUS={_line(status)}")

    def extend(self, seconds: float) -> None:
        """Starting or stopping may take so much longer from now on."""
        self._say(f"EXTEND_TIMEOUT_USEC={int(seconds * 1_000_000)}")

    def _say(self, text: str) -> None:
        if not self._address:
            return
        # Whoever does not listen, or is slow, does not hold the agent.
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            sender.sendto(text.encode(), self._address)


def _watchdog(environment: Mapping[str, str]) -> float:
    try:
        microseconds = int(environment.get("WATCHDOG_USEC", "0"))
        whose = int(environment.get("WATCHDOG_PID", "0") or 0)
    except ValueError:
        return 0.0
    return microseconds / 1_000_000 if microseconds > 0 and whose in {0, os.getpid()} else 0.0


def _line(text: str) -> str:
    return " ".join(text.split())
