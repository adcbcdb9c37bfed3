"""The error object, both ways."""

from __future__ import annotations

import json

import pytest

from vmplumbd.cni.error import CniError, ErrorCode, PluginFailed


def test_an_error_prints_as_plugins_print_it() -> None:
    error = CniError("later", code=ErrorCode.TRY_AGAIN_LATER, details="pool empty")
    assert error.to_json() == b'{\n    "code": 11,\n    "msg": "later",\n    "details": "pool empty"\n}'
    assert json.loads(CniError("x").to_json(cni_version="1.0.0")) == {
        "cniVersion": "1.0.0",
        "code": 0,
        "msg": "x",
    }


def test_an_error_is_read_back() -> None:
    error = PluginFailed.from_json(CniError("a", code=123, details="b").to_json())
    assert (type(error), error.code, error.msg, error.details) == (PluginFailed, 123, "a", "b")


@pytest.mark.parametrize("raw", [b"{}", b"null", b'{"foo":1}', b'{"code":null,"msg":null}'])
def test_absent_fields_are_zero(raw: bytes) -> None:
    error = CniError.from_json(raw)
    assert (error.code, error.msg, error.details) == (0, "", "")


@pytest.mark.parametrize(
    "raw",
    [b"", b"[]", b'"x"', b'{"code":-1}', b'{"code":"1"}', b'{"code":true}', b'{"code":1.5}', b'{"msg":1}'],
)
def test_what_is_no_error_object_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the class is the promise
        CniError.from_json(raw)


def test_the_text_is_place_message_details() -> None:
    error = CniError("msg", details="more")
    error.place = 'plugin type="ptp" failed (add)'
    assert str(error) == 'plugin type="ptp" failed (add): msg; more'
