"""Results that are handed on as values are those that pass as JSON."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.kernel import FakeKernel
from tests.unit.plugins.chains import NETNS
from vmplumbd.cni import config, result, runtime
from vmplumbd.cni.args import RuntimeConf
from vmplumbd.cni.error import CniError
from vmplumbd.cni.exec import ExecInvoker
from vmplumbd.cni.invoke import Invocation
from vmplumbd.cni.version import VersionInfo
from vmplumbd.plugins.builtin import BuiltinInvoker

ATTACHED = RuntimeConf(container_id="vm1", netns=NETNS, if_name="eth0")


class ByJson:
    """The same plugins, as one who knows only bytes sees them."""

    def __init__(self, inner: BuiltinInvoker) -> None:
        self._inner = inner

    def invoke(self, invocation: Invocation) -> bytes:
        return self._inner.invoke(invocation)

    def find(self, plugin: str, path: tuple[str, ...]) -> str:
        return self._inner.find(plugin, path)

    def versions(self, plugin: str, path: tuple[str, ...]) -> VersionInfo:
        return self._inner.versions(plugin, path)


def conflist(directory: Path, version: str, **ptp: Any) -> config.NetworkConfigList:
    ipam = {
        "type": "host-local",
        "dataDir": str(directory),
        "ranges": [[{"subnet": "10.1.0.0/24"}], [{"subnet": "fd00:1::/120"}]],
        "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}],
    }
    plugins = [{"type": "ptp", "ipam": ipam, **ptp}, {"type": "tc-redirect-tap"}]
    return config.parse_list(json.dumps({"cniVersion": version, "name": "net", "plugins": plugins}).encode())


def made(directory: Path, network: config.NetworkConfigList, *, by_json: bool) -> runtime.Added:
    kernel = FakeKernel()
    kernel.create_netns(NETNS)
    inner = BuiltinInvoker(kernel, ExecInvoker())
    invoker = ByJson(inner) if by_json else inner
    added = runtime.add(network, ATTACHED, invoker=invoker, path=("/nowhere",))
    runtime.check(network, ATTACHED, invoker=invoker, path=("/nowhere",), prev_result=added.raw)
    assert runtime.has_traces(network, ATTACHED, invoker=inner, path=("/nowhere",))
    runtime.del_(network, ATTACHED, invoker=invoker, path=("/nowhere",), prev_result=added.raw)
    assert not runtime.has_traces(
        network, dataclasses.replace(ATTACHED, netns=""), invoker=inner, path=("/nowhere",)
    )
    assert kernel.snapshot()[NETNS].links == FakeKernel().snapshot()["host"].links
    return added


@pytest.mark.parametrize("version", ["0.4.0", "1.0.0", "1.1.0"])
@pytest.mark.parametrize("more", [{}, {"mtu": 1400}, {"dns": {"nameservers": ["1.1.1.1"], "domain": "x"}}])
def test_a_chain_gives_the_same_result_either_way(tmp_path: Path, version: str, more: dict[str, Any]) -> None:
    told = []
    for by_json in (True, False):
        directory = tmp_path / str(by_json)
        one = made(directory, conflist(directory, version, **more), by_json=by_json)
        # What is handed on must be what a reader of the printed result would see.
        assert result.parse(one.raw, default_version=version) == one.result
        text = one.raw.decode()
        for each in one.result.interfaces:
            text = text.replace(each.mac or "no mac", "MAC")
        told.append(json.loads(text))
    assert told[0] == told[1]


def test_an_attachment_leaves_traces_wherever_it_can_lie(tmp_path: Path) -> None:
    network = conflist(tmp_path, "1.0.0")
    kernel = FakeKernel()
    kernel.create_netns(NETNS)
    invoker = BuiltinInvoker(kernel, ExecInvoker())
    unattached = dataclasses.replace(ATTACHED, netns="")

    def traces() -> bool:
        return runtime.has_traces(network, unattached, invoker=invoker, path=("/nowhere",))

    assert not traces()
    runtime.add(network, ATTACHED, invoker=invoker, path=("/nowhere",))
    assert traces()
    kernel.delete_netns(NETNS)
    assert traces(), "the address is still reserved"
    runtime.del_(network, unattached, invoker=invoker, path=("/nowhere",))
    assert not traces()


def test_an_executed_plugin_cannot_be_asked(tmp_path: Path) -> None:
    invoker = BuiltinInvoker(FakeKernel(), ExecInvoker(), executed=("tc-redirect-tap",))
    assert runtime.has_traces(conflist(tmp_path, "1.0.0"), ATTACHED, invoker=invoker, path=("/nowhere",))


def test_a_failure_is_told_as_it_is_told_by_bytes(tmp_path: Path) -> None:
    texts = []
    for by_json in (True, False):
        kernel = FakeKernel()  # without the namespace
        inner = BuiltinInvoker(kernel, ExecInvoker())
        with pytest.raises(CniError) as caught:
            runtime.add(
                conflist(tmp_path / str(by_json), "1.0.0"),
                ATTACHED,
                invoker=ByJson(inner) if by_json else inner,
                path=("/nowhere",),
            )
        texts.append((str(caught.value), caught.value.code, caught.value.plugin))
    assert texts[0] == texts[1]
