"""Where an agent is, and how a connection to it is made. TCP without TLS is refused, as the agent does."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import grpc

DEFAULT_TARGET = "unix:/run/vmplumb/vmplumbd.sock"

_OPTIONS: tuple[tuple[str, int | str], ...] = (
    # After an agent's restart gRPC would sit out its own back-off, a second and more, and fail every call
    # made meanwhile without trying; the back-off here is Retry's.
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 1000),
    # The details of a status take up to 6 KiB before base64.
    ("grpc.max_metadata_size", 32 * 1024),
    # A connection of one's own: channels with the same target and options would share theirs.
    ("grpc.use_local_subchannel_pool", 1),
)
# What a Unix socket's path would become as the authority is refused by some servers.
_UNIX = (("grpc.default_authority", "localhost"),)
# By its name a back-off, it bounds how long one connection may take to be made; by default it is 20 seconds. Whoever
# listens on a Unix socket may take them, since one without a listener refuses at once. A host that is lost says
# nothing, and is given up for another one.
_TCP = (("grpc.min_reconnect_backoff_ms", 1000),)

Options = list[tuple[str, int | str]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Tls:
    """How a connection over TCP is secured. With `cert` and `key`, the caller proves who it is (mTLS)."""

    ca: bytes | None = None
    """PEM of the authorities the agent's certificate is checked against; None means the system's."""
    cert: bytes | None = None
    """PEM of the caller's certificate chain."""
    key: bytes | None = None
    """PEM of its key."""
    server_name: str = ""
    """The name the agent's certificate is for, where it is not the target's."""

    def __post_init__(self) -> None:
        if (self.cert is None) is not (self.key is None):
            raise ValueError("a certificate and its key go together")

    @classmethod
    def from_files(
        cls,
        *,
        ca: Path | str | None = None,
        cert: Path | str | None = None,
        key: Path | str | None = None,
        server_name: str = "",
    ) -> Tls:
        """Read the PEM files. Raises OSError for one that cannot be read."""
        return cls(ca=_read(ca), cert=_read(cert), key=_read(key), server_name=server_name)

    def credentials(self) -> grpc.ChannelCredentials:
        """What gRPC takes."""
        return grpc.ssl_channel_credentials(self.ca, self.key, self.cert)


def options(target: str, tls: Tls | None) -> Options:
    """The channel's options. Raises ValueError for a target that needs TLS and has none."""
    if is_unix(target):
        return [*_OPTIONS, *_UNIX]
    if tls is None:
        raise ValueError(f"{target} is not a Unix socket: TCP needs TLS")
    if tls.server_name:
        return [*_OPTIONS, *_TCP, ("grpc.ssl_target_name_override", tls.server_name)]
    return [*_OPTIONS, *_TCP]


def is_unix(target: str) -> bool:
    """Whether the target is a Unix socket."""
    return target.startswith(("unix:", "unix-abstract:"))


def _read(path: Path | str | None) -> bytes | None:
    return None if path is None else Path(path).read_bytes()
