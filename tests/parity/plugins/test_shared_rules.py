"""One chain of masquerade rules, the real ptp and ours on it, one after the other and at the same time."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.host import Host
from tests.parity.plugins import sides
from tests.snapshot import snapshot
from vmplumbd.cni.exec import ExecInvoker
from vmplumbd.cni.invoke import Command, Invocation, Invoker
from vmplumbd.kernel.linux import LinuxKernel
from vmplumbd.plugins.builtin import BuiltinInvoker
from vmplumbd.plugins.masquerade import CHECKS

pytestmark = pytest.mark.parity

Call = Callable[..., Any]


@pytest.fixture
def kernel(host: Host) -> Iterator[LinuxKernel]:
    made = LinuxKernel()
    yield made
    made.close()


def caller(invoker: Invoker, bin_path: str) -> Call:
    def call(command: Command, vm: str, prev: Any = None) -> Any:
        body = {
            "cniVersion": "1.0.0",
            "name": "net",
            "type": "ptp",
            "ipMasq": True,
            "ipMasqBackend": "nftables",
            "ipam": {
                "type": "host-local",
                "ranges": [[{"subnet": "10.200.0.0/16"}], [{"subnet": "10.201.0.0/24"}]],
            },
        }
        if prev is not None:
            body["prevResult"] = prev
        printed = invoker.invoke(
            Invocation(
                command=command,
                plugin="ptp",
                stdin=json.dumps(body).encode(),
                container_id=vm,
                netns=f"/run/netns/{vm}",
                if_name="eth0",
                path=(bin_path,),
            )
        )
        return json.loads(printed) if printed else None

    return call


def test_each_takes_back_what_the_other_wrote(host: Host, kernel: LinuxKernel) -> None:
    bin_path = sides.reference_plugins()
    if bin_path is None:
        pytest.skip("the reference plugins need Go")
    ours = caller(BuiltinInvoker(kernel, ExecInvoker()), bin_path)
    theirs = caller(ExecInvoker(), bin_path)
    for vm in ("vm1", "vm2"):
        host.run(["ip", "netns", "add", vm])
    before = snapshot()
    for one, other in ((ours, theirs), (theirs, ours)):
        first, second = one(Command.ADD, "vm1"), other(Command.ADD, "vm2")
        assert len(kernel.host().rules(CHECKS).rules) == 4
        ours(Command.CHECK, "vm1", first)
        ours(Command.CHECK, "vm2", second)
        other(Command.DEL, "vm1")
        ours(Command.CHECK, "vm2", second)
        assert len(kernel.host().rules(CHECKS).rules) == 2
        one(Command.DEL, "vm2")
        assert kernel.host().rules(CHECKS).rules == ()
    assert snapshot() == before


def test_both_at_once_lose_no_rule_and_leave_none(host: Host, kernel: LinuxKernel) -> None:
    bin_path = sides.reference_plugins()
    if bin_path is None:
        pytest.skip("the reference plugins need Go")
    pair = {
        "ours": caller(BuiltinInvoker(kernel, ExecInvoker()), bin_path),
        "theirs": caller(ExecInvoker(), bin_path),
    }
    for who in pair:
        for number in range(4):
            host.run(["ip", "netns", "add", f"{who}{number}"])
    before = snapshot()
    faults: list[BaseException] = []

    def work(who: str, command: Command) -> None:
        try:
            for number in range(4):
                pair[who](command, f"{who}{number}")
        except BaseException as exc:  # noqa: BLE001  told by the test
            faults.append(exc)

    for command, wanted in ((Command.ADD, 16), (Command.DEL, 0)):
        threads = [threading.Thread(target=work, args=(who, command)) for who in pair]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert faults == []
        owners = [rule.comment.rpartition(" ")[2] for rule in kernel.host().rules(CHECKS).rules]
        assert len(owners) == wanted
        assert all(owners.count(owner) == 2 for owner in owners)
    assert snapshot() == before
