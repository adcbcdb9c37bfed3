"""One directory of reservations, the real host-local and ours on it at the same time."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.parity.plugins import sides
from vmplumbd.cni.error import CniError
from vmplumbd.cni.exec import ExecInvoker
from vmplumbd.cni.invoke import Command, Invocation
from vmplumbd.plugins import skel
from vmplumbd.plugins.host_local.plugin import HostLocal

pytestmark = pytest.mark.parity

Call = Callable[[Command, str], bytes]


@pytest.fixture(scope="module")
def bin_path() -> str:
    """Where the reference plugins are."""
    found = sides.reference_plugins()
    if found is None:
        pytest.skip("the reference plugins need Go")
    return found


def callers(directory: Path, bin_path: str, subnet: str) -> tuple[Call, Call]:
    """How to call ours and theirs on one directory."""
    ipam = {"type": "host-local", "subnet": subnet, "dataDir": str(directory)}
    stdin = json.dumps({"cniVersion": "1.0.0", "name": "net", "type": "ptp", "ipam": ipam}).encode()
    plugin, executables = HostLocal(), ExecInvoker()

    def invocation(command: Command, vm: str) -> Invocation:
        return Invocation(
            command=command,
            plugin="host-local",
            stdin=stdin,
            container_id=vm,
            netns="/run/netns/none",
            if_name="eth0",
            path=(bin_path,),
        )

    return (
        lambda command, vm: skel.dispatch(plugin, invocation(command, vm)),
        lambda command, vm: executables.invoke(invocation(command, vm)),
    )


def address(printed: bytes) -> str:
    return str(json.loads(printed)["ips"][0]["address"]).partition("/")[0]


def reserved(directory: Path) -> set[str]:
    names = {path.name for path in (directory / "net").iterdir()}
    return {name for name in names if name[0].isdigit()}


def test_each_frees_and_checks_what_the_other_took(tmp_path: Path, bin_path: str) -> None:
    pair = callers(tmp_path, bin_path, "10.7.0.0/24")
    for taker, other in (pair, pair[::-1]):
        taken = address(taker(Command.ADD, "vm"))
        assert reserved(tmp_path) == {taken}
        other(Command.CHECK, "vm")
        with pytest.raises(CniError, match="duplicate allocation is not allowed"):
            other(Command.ADD, "vm")
        other(Command.DEL, "vm")
        assert reserved(tmp_path) == set()
        with pytest.raises(CniError, match="Failed to find address added by container vm"):
            taker(Command.CHECK, "vm")


def test_each_goes_on_where_the_other_stopped(tmp_path: Path, bin_path: str) -> None:
    pair = callers(tmp_path, bin_path, "10.7.0.0/28")
    given = [address(pair[turn % 2](Command.ADD, f"vm{turn}")) for turn in range(13)]
    assert given == [f"10.7.0.{number}" for number in range(2, 15)]
    for caller in pair:
        with pytest.raises(CniError, match="no IP addresses available in range set"):
            caller(Command.ADD, "one-more")


def test_both_at_once_never_give_an_address_twice(tmp_path: Path, bin_path: str) -> None:
    pair = callers(tmp_path, bin_path, "10.7.0.0/24")
    held: dict[str, str] = {}
    twice: list[str] = []
    faults: list[BaseException] = []
    lock = threading.Lock()

    def work(caller: Call, who: str, rounds: int) -> None:
        try:
            for turn in range(rounds):
                vm = f"{who}-{turn}"
                taken = address(caller(Command.ADD, vm))
                with lock:
                    if taken in held:
                        twice.append(taken)
                    held[taken] = vm
                if turn % 3 == 0:
                    with lock:
                        del held[taken]
                    caller(Command.DEL, vm)
        except BaseException as exc:  # noqa: BLE001  told by the test
            faults.append(exc)

    threads = [
        threading.Thread(target=work, args=(pair[0], "ours-a", 60)),
        threading.Thread(target=work, args=(pair[0], "ours-b", 60)),
        threading.Thread(target=work, args=(pair[1], "theirs-a", 30)),
        threading.Thread(target=work, args=(pair[1], "theirs-b", 30)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert twice == []
    assert reserved(tmp_path) == set(held)
    contents = {name: (tmp_path / "net" / name).read_bytes() for name in held}
    assert contents == {name: f"{vm}\r\neth0".encode() for name, vm in held.items()}
