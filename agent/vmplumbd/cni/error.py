"""The CNI error object, and what may go wrong around it.

A plugin fails by printing `{"code", "msg", "details"}` on stdout and exiting non-zero (cni:SPEC.md, Error).
Everything this library raises on purpose is a CniError, so a caller needs one `except`, and reads `code`
or the class, never the text. Texts begin with libcni's constant parts, because people search for them.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Callable
from typing import Any, Self


class ErrorCode(enum.IntEnum):
    """Codes of cni:SPEC.md and cni:pkg/types/types.go. 100 and above belong to plugins."""

    UNKNOWN = 0
    INCOMPATIBLE_VERSION = 1
    UNSUPPORTED_FIELD = 2
    UNKNOWN_CONTAINER = 3
    INVALID_ENVIRONMENT = 4
    IO_FAILURE = 5
    DECODING_FAILURE = 6
    INVALID_NETWORK_CONFIG = 7
    INVALID_NETNS = 8
    TRY_AGAIN_LATER = 11
    PLUGIN_NOT_AVAILABLE = 50
    LIMITED_CONNECTIVITY = 51
    INTERNAL = 999


class CniError(Exception):
    """A fault with a CNI code. `code` is a plain int, since plugins may use any.

    `plugin` and `command` say which call failed, `place` is libcni's prefix for it. `stderr_tail`,
    `exit_status` and `signal` are what an executed plugin left besides its error object. `hint` is what a
    person may look at, as a question; the protocol has no place for it.
    """

    default_code: int = ErrorCode.UNKNOWN
    hint: str | None = None

    def __init__(
        self,
        msg: str,
        *,
        code: int | None = None,
        details: str = "",
        plugin: str | None = None,
        command: str | None = None,
        stderr_tail: str = "",
        exit_status: int | None = None,
        signal: int | None = None,
    ) -> None:
        super().__init__(msg)
        self.code: int = int(self.default_code if code is None else code)
        self.msg = msg
        self.details = details
        self.plugin = plugin
        self.command = command
        self.stderr_tail = stderr_tail
        self.exit_status = exit_status
        self.signal = signal
        self.place: str = ""

    def __str__(self) -> str:
        """Say what libcni's error says: place, message, details."""
        said = f"{self.msg}; {self.details}" if self.details else self.msg
        return f"{self.place}: {said}" if self.place else said

    def pass_through(self, hide: Callable[[str], str]) -> None:
        """Put every text through `hide`, in place."""
        self.msg, self.details, self.stderr_tail = hide(self.msg), hide(self.details), hide(self.stderr_tail)
        self.args = (self.msg,)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(code={self.code}, {str(self)!r})"

    def to_json(self, *, cni_version: str | None = None) -> bytes:
        """Write the error object as a plugin prints it: four spaces, no newline at the end."""
        body: dict[str, Any] = {} if cni_version is None else {"cniVersion": cni_version}
        body["code"] = self.code
        body["msg"] = self.msg
        if self.details:
            body["details"] = self.details
        # A half of a surrogate pair is no UTF-8: it is written as JSON escapes it.
        return json.dumps(body, indent=4, ensure_ascii=False).encode(errors="backslashreplace")

    @classmethod
    def from_json(cls, raw: bytes) -> Self:
        """Read an error object. Absent fields stay zero. Raises ValueError if it is none."""
        try:
            body = json.loads(raw)
        except RecursionError as exc:
            raise ValueError(str(exc)) from exc
        if body is None:
            body = {}
        if not isinstance(body, dict):
            raise ValueError("an error object is a JSON object")  # noqa: TRY004 - see below
        code, msg, details = body.get("code") or 0, body.get("msg") or "", body.get("details") or ""
        if isinstance(code, bool) or not isinstance(code, int) or code < 0:
            raise ValueError(f"code is no unsigned integer: {code!r}")
        if not isinstance(msg, str) or not isinstance(details, str):
            raise ValueError("msg and details are strings")  # noqa: TRY004 - one class says "no error object"
        return cls(msg, code=code, details=details)


class InvalidConfig(CniError):
    """A network configuration cannot be used as it is written."""

    default_code = ErrorCode.INVALID_NETWORK_CONFIG


class NetworkNotFound(CniError):
    """No configuration with that name in the directory. `no_files` if there was none at all."""

    default_code = ErrorCode.INVALID_NETWORK_CONFIG

    def __init__(self, msg: str, *, no_files: bool = False) -> None:
        super().__init__(msg)
        self.no_files = no_files


class InvalidName(CniError):
    """A container ID, network name or interface name breaks its rules."""

    default_code = ErrorCode.INVALID_ENVIRONMENT


class InvalidArgs(CniError):
    """CNI_ARGS cannot be read, or pairs cannot be written as CNI_ARGS."""

    default_code = ErrorCode.INVALID_ENVIRONMENT


class InvalidVersion(CniError):
    """A version is no version, or not one that the verb needs."""

    default_code = ErrorCode.INCOMPATIBLE_VERSION


class InvalidResult(CniError):
    """A plugin said success and printed something that is no result."""

    hint = "does the plugin print one CNI result on its stdout, and nothing else?"
    default_code = ErrorCode.DECODING_FAILURE


class CacheFailed(CniError):
    """The result cache cannot be written, or a name in it cannot be trusted."""

    default_code = ErrorCode.IO_FAILURE


class PluginNotFound(CniError):
    """No such plugin in the given directories. Nothing ran."""


class PluginNotTrusted(CniError):
    """The operator's pins forbid the executable. Nothing ran."""

    hint = "was the plugin replaced, and is its new SHA-256 meant to run here?"


class PluginFailed(CniError):
    """A plugin ran and failed, or could not be started."""


class PluginTimedOut(PluginFailed):
    """The deadline passed: the plugin was not started, or was killed with all its process group."""

    hint = "does the plugin hang, or was the time too short for it?"


class PluginCancelled(PluginFailed):
    """The caller gave up: the plugin was not started, or was killed with all its process group."""


class PluginBusy(PluginFailed):
    """The executable stayed open for writing as long as we were willing to wait. It did not run."""

    default_code = ErrorCode.TRY_AGAIN_LATER
