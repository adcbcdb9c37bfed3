"""Where the agent is and how a command speaks."""

from __future__ import annotations

from dataclasses import dataclass

import click

from vmplumb._channel import DEFAULT_TARGET, Tls
from vmplumb._client import Client
from vmplumb._follow import Retry


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Where the agent is and how this command speaks."""

    target: str = DEFAULT_TARGET
    ca: str | None = None
    cert: str | None = None
    key: str | None = None
    server_name: str = ""
    output: str = "text"
    deadline: float | None = None
    tries: int = 4
    quiet: bool = False

    @property
    def json(self) -> bool:
        """Whether a program reads the output."""
        return self.output != "text"

    def client(self) -> Client:
        """The client these settings name. Raises click.UsageError for what cannot be one."""
        tls: Tls | None = None
        try:
            if self.ca or self.cert or self.key:
                tls = Tls.from_files(ca=self.ca, cert=self.cert, key=self.key, server_name=self.server_name)
            return Client(self.target, tls=tls, retry=Retry(attempts=self.tries))
        except (ValueError, OSError) as exc:
            raise click.UsageError(str(exc)) from exc
