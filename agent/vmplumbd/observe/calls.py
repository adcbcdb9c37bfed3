"""A line of the log for each call, for those who look closely."""

from __future__ import annotations

from typing import Protocol

from vmplumbd.observe.log import Log


class Call(Protocol):
    """A gRPC call, as `rpc.seen` tells of it."""

    @property
    def kind(self) -> str:
        """Which side streams."""

    @property
    def service(self) -> str:
        """The service's full name."""

    @property
    def method(self) -> str:
        """The method's name."""


class CallLog:
    """Writes a line when a call has ended."""

    def __init__(self, log: Log) -> None:
        self._log = log

    def started(self, call: Call) -> None:
        """Its end is told."""

    def handled(self, call: Call, code: str, seconds: float) -> None:
        """A call ended."""
        self._log.debug("rpc", service=call.service, method=call.method, code=code, seconds=round(seconds, 6))
