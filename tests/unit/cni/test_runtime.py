"""The verbs, with an invoker that answers from a table. libcni's own behaviour is in tests/parity/libcni."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from vmplumbd.cni import config, runtime
from vmplumbd.cni.args import RuntimeConf
from vmplumbd.cni.cache import Cache
from vmplumbd.cni.error import (
    CacheFailed,
    CniError,
    InvalidConfig,
    PluginCancelled,
    PluginFailed,
    PluginTimedOut,
)
from vmplumbd.cni.invoke import Command, Invocation
from vmplumbd.cni.version import VersionInfo

RAW = b'{ "cniVersion":"1.0.0", "ips":[{"address":"10.0.0.2/24"}], "odd": 1 }\n'
CHAIN = config.parse_list(
    b'{"name":"net","cniVersion":"1.0.0","plugins":[{"type":"a"},{"type":"b"},{"type":"c"}]}'
)
CONF = RuntimeConf(container_id="c1", netns="/n", if_name="eth0")


@dataclass
class TableInvoker:
    """Answers ADD with RAW and fails what `failing` names, as `ADD b`."""

    failing: dict[str, CniError] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    requests: list[Any] = field(default_factory=list)
    after: Callable[[], None] = lambda: None

    def invoke(self, invocation: Invocation) -> bytes:
        call = f"{invocation.command} {invocation.plugin}"
        self.calls.append(call)
        self.requests.append(json.loads(invocation.stdin))
        self.after()
        if call in self.failing:
            raise self.failing[call]
        return RAW if invocation.command is Command.ADD else b""

    def find(self, plugin: str, path: tuple[str, ...]) -> str:
        return "/".join((*path, plugin))

    def versions(self, plugin: str, path: tuple[str, ...]) -> VersionInfo:
        known = {"a": ("1.0.0",), "b": ("1.0.0",), "c": ("0.4.0", "1.0.0")}
        assert path == ("/p",)
        return VersionInfo(cni_version="1.1.0", supported=known[plugin])


def test_add_returns_the_last_result_and_its_bytes() -> None:
    added = runtime.add(CHAIN, CONF, invoker=TableInvoker(), path=["/p"])
    assert added.raw == RAW
    assert str(added.result.ips[0].address) == "10.0.0.2/24"


def test_every_call_is_told_once_with_its_outcome() -> None:
    told: list[runtime.PluginCall] = []
    broken = TableInvoker(failing={"ADD b": PluginFailed("banana", code=101)})
    with pytest.raises(PluginFailed):
        runtime.add(CHAIN, CONF, invoker=broken, path=[], tell=told.append, attempt=3)
    assert [(each.plugin, each.command, each.index, each.count, each.attempt) for each in told] == [
        ("a", "ADD", 0, 3, 3),
        ("b", "ADD", 1, 3, 3),
    ]
    assert told[0].error is None
    assert told[1].error is not None
    assert (told[1].error.plugin, told[1].error.command, told[1].error.code) == ("b", "ADD", 101)
    assert all(each.duration >= 0 for each in told)


def test_del_tries_the_whole_chain_and_keeps_every_failure(tmp_path: Path) -> None:
    cache = Cache(str(tmp_path))
    invoker = TableInvoker(failing={"DEL c": PluginFailed("x", code=7), "DEL a": PluginFailed("y", code=9)})
    runtime.add(CHAIN, CONF, invoker=invoker, path=[], cache=cache)
    with pytest.raises(runtime.DelFailed) as raised:
        runtime.del_(CHAIN, CONF, invoker=invoker, path=[], cache=cache)
    assert invoker.calls[3:] == ["DEL c", "DEL b", "DEL a"]
    assert [each.code for each in raised.value.failures] == [7, 9]
    assert (raised.value.code, raised.value.plugin) == (7, "c")
    assert str(raised.value) == ('plugin type="c" failed (delete): x\nplugin type="a" failed (delete): y')
    assert len(cache.attachments()) == 1
    invoker.failing.clear()
    runtime.del_(CHAIN, CONF, invoker=invoker, path=[], cache=cache)
    assert cache.attachments() == ()


def test_strict_del_stops_at_the_first_failure() -> None:
    invoker = TableInvoker(failing={"DEL b": PluginFailed("x")})
    with pytest.raises(PluginFailed, match=r'^plugin type="b" failed \(delete\): x$'):
        runtime.del_(CHAIN, CONF, invoker=invoker, path=[], strict=True)
    assert invoker.calls == ["DEL c", "DEL b"]


def test_del_takes_the_callers_result_where_no_file_is_usable(tmp_path: Path) -> None:
    expected = {"cniVersion": "1.0.0", "ips": [{"address": "10.0.0.2/24"}]}
    broken = Cache(str(tmp_path))
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "net-c1-eth0").write_text("")
    for cache in (None, Cache(str(tmp_path / "empty")), broken):
        invoker = TableInvoker()
        runtime.del_(CHAIN, CONF, invoker=invoker, path=[], cache=cache, prev_result=RAW)
        assert [request["prevResult"] for request in invoker.requests] == [expected] * 3


def test_del_goes_on_without_a_result() -> None:
    for given in (None, b"torn", b'{"cniVersion":"9.9.9"}'):
        invoker = TableInvoker()
        runtime.del_(CHAIN, CONF, invoker=invoker, path=[], prev_result=given)
        assert invoker.calls == ["DEL c", "DEL b", "DEL a"]
        assert not any("prevResult" in request for request in invoker.requests)


def test_cancel_is_looked_at_between_plugins() -> None:
    invoker = TableInvoker()
    with pytest.raises(PluginCancelled) as raised:
        runtime.add(CHAIN, CONF, invoker=invoker, path=[], cancelled=lambda: len(invoker.calls) == 2)
    assert invoker.calls == ["ADD a", "ADD b"]
    assert raised.value.plugin == "c"


def test_the_deadline_is_looked_at_between_plugins() -> None:
    invoker = TableInvoker()
    with pytest.raises(PluginTimedOut):
        runtime.add(CHAIN, CONF, invoker=invoker, path=[], deadline=time.monotonic() - 1)
    assert invoker.calls == []


def test_a_failed_cache_write_fails_the_add(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CacheFailed, match=r'^failed to set network "net" cached result: '):
        runtime.add(CHAIN, CONF, invoker=TableInvoker(), path=[], cache=Cache(str(tmp_path / "file")))


def test_a_list_without_plugins_adds_nothing() -> None:
    with pytest.raises(InvalidConfig, match=r"^no plugin configs found$"):
        runtime.add(config.parse_list(b'{"name":"net"}'), CONF, invoker=TableInvoker(), path=[])


def test_a_plugins_own_mistake_is_not_taken_for_a_cni_fault() -> None:
    told: list[runtime.PluginCall] = []

    def stumble() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        runtime.add(CHAIN, CONF, invoker=TableInvoker(after=stumble), path=[], tell=told.append)
    assert len(told) == 1


def test_validate_tells_every_plugin_that_does_not_fit() -> None:
    network = config.parse_list(
        b'{"name":"net","cniVersion":"0.4.0","plugins":[{"type":"a"},{"type":"b"},{"type":"c"}]}'
    )
    with pytest.raises(runtime.ValidateFailed) as raised:
        runtime.validate(network, invoker=TableInvoker(), path=["/p"])
    assert [each.plugin for each in raised.value.failures] == ["a", "b"]
