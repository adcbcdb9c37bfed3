"""Messages as JSON for programs: proto JSON by the contract's field names, bytes that are JSON opened.

Stable: a field is never renamed, fields without presence are always there. `json` of a CNI result and of a
FirecrackerInterface is an object here and not base64, so that jq can read it.
"""

from __future__ import annotations

import json
from base64 import b64decode
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from vmplumb._errors import VmplumbError


def of(message: Message) -> dict[str, Any]:
    """A message as a JSON object."""
    made: dict[str, Any] = MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    _open(made)
    return made


def of_error(error: VmplumbError) -> dict[str, Any]:
    """An error as a JSON object."""
    return {
        "error": {
            "reason": error.reason,
            "code": error.code.name,
            "message": error.message,
            "vm_id": error.vm_id,
            "retryable": error.retryable,
            "retry_after": error.retry_after,
            "violations": [
                {"field": one.field, "rule": one.rule, "message": one.message} for one in error.violations
            ],
            "failure": of(error.failure) if error.failure is not None else None,
        }
    }


def text(value: object, *, indent: int | None = 2) -> str:
    """A document, or with indent=None one line of JSON lines."""
    return json.dumps(value, indent=indent, ensure_ascii=False)


def _open(value: Any) -> None:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        raw = value.get("json")
        if isinstance(raw, str):
            try:
                value["json"] = json.loads(b64decode(raw)) if raw else None
            except ValueError:
                value["json"] = None
        for one in value.values():
            _open(one)
    elif isinstance(value, list):
        for one in value:
            _open(one)
