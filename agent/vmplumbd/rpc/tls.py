"""Mutual TLS whose files may change while calls run: certificate, key and trust bundle are looked at again for
each new connection. Connections that are open keep what they were made with, so no call is dropped.

gRPC's Python API has no minimum version: `vmplumbd.__main__` leaves TLS 1.2 no cipher suite before gRPC is loaded,
and the door refuses a call over any other version than 1.3 (`rpc.door`).
"""

from __future__ import annotations

import os
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import grpc

VERSION = b"TLSv1.3"

_Marks = tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """PEM files: the agent's certificate chain, its key, and the CAs of callers."""

    certificate: str
    key: str
    client_ca: str

    @property
    def all(self) -> tuple[str, str, str]:
        """The three."""
        return self.certificate, self.key, self.client_ca


class Certificates:
    """What new connections are made with. `tell(event, fields)` hears of changes, on gRPC's threads."""

    def __init__(self, files: TlsFiles, tell: Callable[[str, dict[str, str]], None]) -> None:
        """Raises OSError for a file that cannot be read or used (ssl.SSLError is one)."""
        self._files = files
        self._tell = tell
        self._mutex = threading.Lock()
        self._marks = _marks(files)
        self._configuration = _load(files)
        self._refused: _Marks | None = None

    def credentials(self) -> grpc.ServerCredentials:
        """For a server: callers must have a certificate of a CA in the bundle."""
        return grpc.dynamic_ssl_server_credentials(
            self._configuration,
            self.changed,  # type: ignore[arg-type, unused-ignore]  # None is "as before", which stubs do not know
            require_client_authentication=True,
        )

    def changed(self) -> grpc.ServerCertificateConfiguration | None:
        """The files as they are now if they changed since the last call, and None if they did not.

        Files that do not fit each other, or cannot be read, are told once and left for the next time: a rotation
        is several renames.
        """
        with self._mutex:
            try:
                marks = _marks(self._files)
                if marks == self._marks:
                    return None
                made = _load(self._files)
                if _marks(self._files) != marks:
                    return None  # they are being replaced right now
            except OSError as exc:
                if self._refused != (now := _marks_or_none(self._files)):
                    self._refused = now
                    self._tell("tls.refused", {"error": str(exc)})
                return None
            self._marks, self._configuration, self._refused = marks, made, None
        self._tell("tls.reloaded", {"certificate": self._files.certificate})
        return made


def _marks(files: TlsFiles) -> _Marks:
    found = [os.stat(path) for path in files.all]  # noqa: PTH116 - for each connection
    return tuple((one.st_ino, one.st_mtime_ns, one.st_size) for one in found)


def _marks_or_none(files: TlsFiles) -> _Marks | None:
    try:
        return _marks(files)
    except OSError:
        return None


def _load(files: TlsFiles) -> grpc.ServerCertificateConfiguration:
    # gRPC takes files that do not fit each other and fails each handshake; OpenSSL says so at once.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    context.load_verify_locations(files.client_ca)
    certificate, key, client_ca = (Path(path).read_bytes() for path in files.all)
    return grpc.ssl_server_certificate_configuration([(key, certificate)], client_ca)
