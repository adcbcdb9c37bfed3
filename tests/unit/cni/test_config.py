"""Configuration lists from bytes, and what plugins are sent. More in tests/parity/libcni."""

from __future__ import annotations

import json
from typing import Any

import pytest

from vmplumbd.cni import config
from vmplumbd.cni.error import InvalidConfig


def parsed(plugin: str, **more: Any) -> config.NetworkConfigList:
    body = json.dumps({"name": "net", "cniVersion": "1.0.0"} | more)
    return config.parse_list(f'{body[:-1]}, "plugins": [{plugin}]}}'.encode())


def sent(plugin: str, **how: Any) -> Any:
    network = parsed(plugin)
    return json.loads(config.request(network, network.plugins[0], **how))


@pytest.mark.parametrize(
    "number", ["9007199254740993", "-1152921504606846977", "0.1", "1e-7", "123456789012345678901"]
)
def test_numbers_reach_the_plugin_as_they_are(number: str) -> None:
    network = parsed(f'{{"type":"a","n":{number}}}')
    text = config.request(network, network.plugins[0]).decode()
    assert json.loads(text, parse_int=str)["n"] in {number, float(number)}


@pytest.mark.parametrize(("number", "expected"), [("1500.0", b'"n":1500,'), ("15e2", b'"n":1500,')])
def test_whole_numbers_have_no_fraction(number: str, expected: bytes) -> None:
    network = parsed(f'{{"n":{number},"type":"a"}}')
    assert expected in config.request(network, network.plugins[0])


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xef\xbb\xbf{}",
        '{"name":"net"}'.encode("utf-16"),
        b'{"name":"net","x":NaN}',
        b'{"name":"net","x":Infinity}',
        b'{"name":"net","x":1e999}',
        b'{"name":"net"} x',
        b"[" * 100_000,
        b'{"name":"net","x":' + b"9" * 5000 + b"}",
    ],
)
def test_what_is_no_json_is_refused(raw: bytes) -> None:
    with pytest.raises(InvalidConfig, match=r"^error parsing configuration list: "):
        config.parse_list(raw)


def test_bad_utf8_is_mended_as_go_mends_it() -> None:
    assert config.parse_list(b'{"name":"a\xff"}').name == "a\ufffd"


def test_the_last_of_equal_keys_counts() -> None:
    assert sent('{"type":"a","x":1,"x":2}')["x"] == 2


def test_a_plugin_that_ignores_case_still_reads_our_name() -> None:
    network = parsed('{"name":"a","Name":"b","NAME":"c","type":"x"}')
    pairs = json.loads(config.request(network, network.plugins[0]), object_pairs_hook=list)
    assert [value for key, value in pairs if key.lower() == "name"][-1] == "net"


def test_the_request_leaves_the_configuration_as_it_was() -> None:
    network = parsed('{"type":"a","runtimeConfig":{"z":1},"capabilities":{"mac":true}}')
    before = json.dumps(network.plugins[0].conf)
    config.request(network, network.plugins[0], prev_result={"a": 1}, capability_args={"mac": "x"})
    assert json.dumps(network.plugins[0].conf) == before


def test_runtime_config_has_what_is_declared_and_given() -> None:
    plugin = '{"type":"a","capabilities":{"mac":true,"ips":true,"no":false}}'
    assert sent(plugin, capability_args={"mac": "x", "no": 1, "other": 2})["runtimeConfig"] == {"mac": "x"}
    assert "runtimeConfig" not in sent(plugin, capability_args={"no": 1})


def test_equal_requests_are_equal_bytes() -> None:
    network = parsed('{"type":"a","capabilities":{"b":true,"a":true,"c":true}}')
    requests = {
        config.request(network, network.plugins[0], capability_args=given)
        for given in ({"a": 1, "b": 2, "c": 3}, {"c": 3, "b": 2, "a": 1})
    }
    assert len(requests) == 1


def test_inject_sets_keys_and_reads_again() -> None:
    plugin = config.parse_plugin(b'{"type":"a","name":"n","x":1}')
    assert config.inject(plugin, {"type": "b", "x": 2}).conf == {"name": "n", "type": "b", "x": 2}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"": 1}, "keys cannot be empty"),
        ({"x": None}, "key 'x' value must not be nil"),
        ({"type": ""}, "error parsing configuration: missing 'type'"),
    ],
)
def test_inject_refuses(values: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidConfig) as raised:
        config.inject(config.parse_plugin(b'{"type":"a"}'), values)
    assert str(raised.value) == said


def test_a_list_of_one_has_the_plugins_name_and_version() -> None:
    network = config.list_of_one(
        config.parse_plugin(b'{"type":"a","name":"n","cniVersion":"0.4.0","id":9007199254740993}')
    )
    assert (network.name, network.cni_version, network.plugins[0].conf["id"]) == ("n", "0.4.0", 2**53 + 1)
    assert config.parse_list(network.raw) == network
