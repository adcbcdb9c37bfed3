"""Mutual TLS whose files may change while calls run: certificate, key and trust bundle are looked at again for
each new connection. Connections that are open keep what they were made with, so no call is dropped. The same for
connections that the agent opens: whoever has them asks whether the files have changed.

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
from typing import Generic, TypeVar

import grpc

from vmplumb._channel import Tls

VERSION = b"TLSv1.3"

_Marks = tuple[tuple[int, int, int], ...]
_Made = TypeVar("_Made")


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """PEM files: the agent's certificate chain, its key, and the CAs of the other side. To etcd it may have neither."""

    certificate: str
    key: str
    ca: str

    @property
    def all(self) -> tuple[str, ...]:
        """Those that there are."""
        return tuple(one for one in (self.certificate, self.key, self.ca) if one)


class Certificates(Generic[_Made]):
    """What new connections are made with. `tell(event, fields)` hears of changes, on the thread that asks for them."""

    def __init__(
        self, files: TlsFiles, load: Callable[[TlsFiles], _Made], tell: Callable[[str, dict[str, str]], None]
    ) -> None:
        """`load` is `of_server` or `of_client`.

        Raises OSError for a file that cannot be read or used (ssl.SSLError is one).
        """
        self._files = files
        self._load = load
        self._tell = tell
        self._mutex = threading.Lock()
        self._marks = _marks(files)
        self.first = load(files)
        """The files as they were at the beginning."""
        self._refused: _Marks | None = None

    def changed(self) -> _Made | None:
        """The files as they are now if they changed since the last call, and None if they did not.

        Files that do not fit each other, or cannot be read, are told once and left for the next time: a rotation
        is several renames.
        """
        with self._mutex:
            try:
                marks = _marks(self._files)
                if marks == self._marks:
                    return None
                made = self._load(self._files)
                if _marks(self._files) != marks:
                    return None  # they are being replaced right now
            except OSError as exc:
                if self._refused != (now := _marks_or_none(self._files)):
                    self._refused = now
                    self._tell("tls.refused", {"error": str(exc)})
                return None
            self._marks, self._refused = marks, None
        self._tell("tls.reloaded", {"certificate": self._files.certificate})
        return made


ServerCertificates = Certificates[grpc.ServerCertificateConfiguration]


def of_server(files: TlsFiles) -> grpc.ServerCertificateConfiguration:
    """For connections that come."""
    _check(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), files)
    certificate, key, ca = (Path(path).read_bytes() for path in files.all)
    return grpc.ssl_server_certificate_configuration([(key, certificate)], ca)


def of_client(files: TlsFiles) -> Tls:
    """For connections that the agent opens."""
    _check(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), files)
    return Tls.from_files(ca=files.ca, cert=files.certificate or None, key=files.key or None)


def credentials(certificates: ServerCertificates) -> grpc.ServerCredentials:
    """For a server: callers must have a certificate of a CA in the bundle."""
    return grpc.dynamic_ssl_server_credentials(
        certificates.first,
        certificates.changed,  # type: ignore[arg-type, unused-ignore]  # None is "as before", which stubs do not know
        require_client_authentication=True,
    )


def _marks(files: TlsFiles) -> _Marks:
    found = [os.stat(path) for path in files.all]  # noqa: PTH116 - for each connection
    return tuple((one.st_ino, one.st_mtime_ns, one.st_size) for one in found)


def _marks_or_none(files: TlsFiles) -> _Marks | None:
    try:
        return _marks(files)
    except OSError:
        return None


def _check(context: ssl.SSLContext, files: TlsFiles) -> None:
    # gRPC takes files that do not fit each other and fails each handshake; OpenSSL says so at once.
    if files.certificate:
        context.load_cert_chain(files.certificate, files.key)
    context.load_verify_locations(files.ca)
