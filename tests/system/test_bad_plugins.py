"""Plugins that misbehave, and a configuration that changes while it is read.

Each is told as what it is, its processes are gone, nothing of the try is left, and meanwhile others are
served.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.host import Host
from tests.snapshot import snapshot
from tests.system.daemon import (
    REDIRECT,
    Daemon,
    Refused,
    conflist,
    eventually,
    ptp,
    refusal,
    refused,
    request,
)
from vmplumb.v1 import network_agent_service_pb2 as pb

pytestmark = pytest.mark.host

ELSEWHERE = ptp(ipam={**ptp()["ipam"], "subnet": "10.203.0.0/16"})
VERSION = '{"cniVersion":"1.0.0","supportedVersions":["1.0.0"]}'
# What a plugin is around the one thing it does wrong at ADD. MISDEED runs with prevResult in $PREV.
FRAME = """
case "$CNI_COMMAND" in
VERSION) echo 'SUPPORTED';;
ADD) PREV=$(sed -e 's/.*"prevResult": *//' -e 's/}$//'); echo $$ >$DIR/pid
  MISDEED
  ;;
*) cat >/dev/null;;
esac
""".replace("SUPPORTED", VERSION)


@pytest.fixture(autouse=True)
def world_as_before(daemon: Daemon) -> Iterator[None]:
    """Every test here leaves nothing behind, processes included."""
    before = snapshot()
    yield
    for one in daemon.networks():
        daemon.tear_down(one.vm_id)
    daemon.quiet()
    assert snapshot() == before
    assert daemon.status().ready
    assert [line for line in daemon.lines if line["event"] == "operation.fault"] == []


def install(daemon: Daemon, misdeed: str) -> None:
    daemon.plugin("bad", FRAME.replace("MISDEED", misdeed))
    daemon.network("bad", ELSEWHERE, REDIRECT, {"type": "bad"})


def ended(pid: int) -> bool:
    """Whether nothing of a process is left but perhaps its zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state == "Z"


# What it does, how its caller hears of it (code, reason), words of the message.
BAD = {
    "hangs with grandchildren": (
        "(sleep 60 & echo $! >>$DIR/pid; exec sleep 60) & echo $! >>$DIR/pid; sleep 60",
        grpc.StatusCode.DEADLINE_EXCEEDED, "OPERATION_TIMEOUT", "bad",
    ),
    "ignores SIGTERM": (
        "trap '' TERM INT HUP; sleep 60; sleep 60", grpc.StatusCode.DEADLINE_EXCEEDED, "OPERATION_TIMEOUT", "bad",
    ),
    "writes a gigabyte": (
        "head -c 1000000000 /dev/zero", grpc.StatusCode.INTERNAL, "CNI_ADD_FAILED", "more than",
    ),
    "floods with complaints": (
        "head -c 200000000 /dev/zero >&2; echo last words >&2; exit 1",
        grpc.StatusCode.INTERNAL, "CNI_ADD_FAILED", "bad",
    ),
    "prints half a JSON": (
        "echo $PREV | head -c 40", grpc.StatusCode.INTERNAL, "CNI_ADD_FAILED", "bad",
    ),
    "prints two results": (
        "echo $PREV; echo $PREV", grpc.StatusCode.INTERNAL, "CNI_ADD_FAILED", "bad",
    ),
    "prints what is no object": ("echo '[1, 2]'", grpc.StatusCode.INTERNAL, "CNI_ADD_FAILED", "bad"),
    "prints a result nested a million deep": (
        "head -c 1000000 /dev/zero | tr '\\0' '['", grpc.StatusCode.INTERNAL, "CNI_ADD_FAILED", "bad",
    ),
    "ends by a signal each time": (
        "kill -SEGV $$", grpc.StatusCode.INTERNAL, "CNI_ADD_FAILED", "segmentation fault",
    ),
    "succeeds without a result": ("true", grpc.StatusCode.INTERNAL, "CNI_ADD_FAILED", "bad"),
    "succeeds with a result without a tap": (
        """echo '{"cniVersion":"1.0.0","interfaces":[],"ips":[]}'""",
        grpc.StatusCode.INTERNAL, "CNI_RESULT_UNUSABLE", "did not find",
    ),
    "fails with a page of text": (
        "head -c 5000 /dev/zero | tr '\\0' 'x'; exit 1", grpc.StatusCode.INTERNAL, "CNI_ADD_FAILED", "bad",
    ),
    "removes the namespace": (
        "umount -l $CNI_NETNS; rm $CNI_NETNS; echo $PREV",
        grpc.StatusCode.INTERNAL, "CNI_RESULT_UNUSABLE", "tap0",
    ),
    "closes its pipes and lives on": (
        "exec >&- 2>&-; sleep 60", grpc.StatusCode.DEADLINE_EXCEEDED, "OPERATION_TIMEOUT", "bad",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("misdeed", "code", "reason", "words"), BAD.values(), ids=BAD)
def test_a_plugin_that_misbehaves_hurts_its_own_set_up_alone(
    daemon: Daemon, module_host: Host, misdeed: str, code: grpc.StatusCode, reason: str, words: str
) -> None:
    install(daemon, misdeed)
    before = snapshot()
    ran = daemon.directory / "pid"
    ran.unlink(missing_ok=True)
    hangs = code is grpc.StatusCode.DEADLINE_EXCEEDED

    def attempt(seconds: float) -> Refused:
        call = daemon.stub.SetupNetwork(request("victim", "bad", seconds=seconds), timeout=90)
        next(iter(call))
        assert daemon.result("bystander").ip_boot_param
        assert daemon.tear_down("bystander").devices_gone
        return refused(lambda: call)

    told = attempt(5.0 if hangs else 60.0)
    if hangs and not (ran.exists() and ran.read_text()):
        told = attempt(60.0)  # a machine so busy that its time was over before the plugin ran
    assert (told.code, told.reason) == (code, reason)
    assert words in told.message
    plain = ("exit status", "its diagnostic message", "ensure CNI is configured")
    assert (
        told.failure.hint or told.failure.cni_error.stderr_tail or any(one in told.message for one in plain)
    )
    assert list(told.failure.leftovers) == []
    eventually(lambda: snapshot() == before, "nothing of the try is left")
    pids = [int(word) for word in ran.read_text().split()]
    eventually(lambda: all(map(ended, pids)), f"{pids} have ended")


def test_a_plugin_that_removes_itself_leaves_what_it_made_until_it_is_there_again(daemon: Daemon) -> None:
    install(daemon, "rm $DIR/bin/bad; exit 1")
    told = refused(lambda: daemon.set_up("victim", "bad"))
    assert told.reason == "CNI_ADD_FAILED"
    (left,) = told.failure.leftovers
    assert (left.what, left.will_retry) == ("bad/eth0", True)
    assert told.failure.hint or "exit status" in told.message
    refused(lambda: daemon.tear_down("victim"))
    install(daemon, "true")
    assert daemon.tear_down("victim").existed


def test_a_plugin_that_hangs_at_del_keeps_its_own_teardown_alone(daemon: Daemon) -> None:
    install(daemon, "echo $PREV")
    daemon.set_up("victim", "bad")
    daemon.plugin("bad", "case $CNI_COMMAND in DEL) echo $$ >$DIR/pid; sleep 60;; esac")
    order = pb.TeardownNetworkRequest(vm_id="victim")
    order.operation_timeout.FromMilliseconds(3000)
    call = daemon.stub.TeardownNetwork(order, timeout=30)
    assert daemon.result("bystander").ip_boot_param
    assert daemon.tear_down("bystander").devices_gone
    told = refused(lambda: call)
    assert (told.code, told.reason) == (grpc.StatusCode.DEADLINE_EXCEEDED, "OPERATION_TIMEOUT")
    assert told.failure.hint
    assert [one.what for one in told.failure.leftovers] == ["bad/eth0"]
    assert ended(int((daemon.directory / "pid").read_text()))
    install(daemon, "true")
    assert daemon.tear_down("victim").existed


# DEL hangs, and says so, as long as a file is there.
HANGS_AT_DEL = """
if [ $CNI_COMMAND = DEL ] && [ -e $DIR/hang ]; then
  echo $$ >>$DIR/dels
  while [ -e $DIR/hang ]; do sleep 0.02; done
fi
"""


@pytest.mark.parametrize("force", [False, True], ids=["its record stays", "its record is forgotten"])
def test_a_plugin_that_hangs_again_when_del_is_tried_again_keeps_nobody(
    daemon: Daemon, *, force: bool
) -> None:
    install(daemon, "echo $PREV")
    daemon.set_up("victim", "bad")
    hang, dels = daemon.directory / "hang", daemon.directory / "dels"
    hang.touch()
    dels.write_text("")
    daemon.plugin("bad", HANGS_AT_DEL)
    order = pb.TeardownNetworkRequest(vm_id="victim", force=force)
    order.operation_timeout.FromMilliseconds(500)
    if force:
        list(daemon.stub.TeardownNetwork(order, timeout=30))
    else:
        refused(lambda: list(daemon.stub.TeardownNetwork(order, timeout=30)))
    eventually(lambda: len(dels.read_text().split()) > 1, "it hangs at the agent's own try")
    assert daemon.result("bystander").ip_boot_param
    assert daemon.tear_down("bystander", timeout=20).devices_gone
    # It hangs no more, and what was owed is given back.
    install(daemon, "echo $PREV")
    hang.unlink()
    daemon.tear_down("victim")
    assert daemon.result("victim", "bad").ip_boot_param


def test_a_plugin_that_hangs_while_a_set_up_clears_a_former_life_keeps_nobody(daemon: Daemon) -> None:
    install(daemon, "echo $PREV")
    daemon.set_up("victim", "bad")
    hang, dels = daemon.directory / "hang", daemon.directory / "dels"
    daemon.plugin("bad", "[ $CNI_COMMAND != DEL ] || { echo $$ >>$DIR/dels; exit 1; }")
    refused(lambda: daemon.tear_down("victim"))
    dels.write_text("")
    eventually(
        lambda: len(dels.read_text().split()) == 2, "the agent has tried twice, and does not soon again"
    )
    dels.write_text("")
    hang.touch()
    daemon.plugin("bad", FRAME.replace("MISDEED", "echo $PREV") + HANGS_AT_DEL)
    calls: list[Any] = []
    while not dels.read_text():
        calls.append(daemon.stub.SetupNetwork(request("victim", "bad"), timeout=60))
        eventually(lambda: dels.read_text() or calls[-1].done(), "it hangs, or is refused")
        if not dels.read_text():
            # The agent's own try had not ended.
            assert refused(lambda: list(calls[-1])).reason == "OPERATION_PENDING"
    assert list(daemon.stub.SetupNetwork(request("bystander"), timeout=20))
    hang.unlink()
    assert list(calls[-1])[-1].WhichOneof("event") == "result"


def test_a_configuration_that_changes_while_it_is_read_is_the_old_one_or_the_new_one(daemon: Daemon) -> None:
    stop = threading.Event()
    faults: list[str] = []

    def rewrite() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            mtu = 1400 + number % 2
            text = conflist("turning", ptp(mtu=mtu), REDIRECT)
            if number % 3 == 0:  # as an editor that truncates: half a file may be read
                (daemon.conf / "turning.conflist").write_bytes(text)
            else:
                aside = daemon.conf / "turning.new"
                aside.write_bytes(text)
                aside.rename(daemon.conf / "turning.conflist")
            other = daemon.conf / f"other-{number % 5}.conflist"
            other.unlink() if other.exists() else other.write_bytes(conflist(f"other-{number % 5}", ptp()))

    writer = threading.Thread(target=rewrite)
    writer.start()
    seen = set()
    try:
        for number in range(60):
            vm_id = f"turn-{number}"
            try:
                result = daemon.result(vm_id, "turning")
                seen.add(result.interfaces[0].vm_conf.vm_mtu)
            except grpc.RpcError as exc:
                told = refusal(exc)
                if told.reason not in {"CNI_NETWORK_NOT_FOUND", "CONFIG_LIST_MISMATCH"} or not told.message:
                    faults.append(str(told))
            daemon.tear_down(vm_id, wait=False)
    finally:
        stop.set()
        writer.join()
    for left in daemon.conf.glob("other-*"):
        left.unlink()
    assert faults == []
    assert seen == {1400, 1401}
