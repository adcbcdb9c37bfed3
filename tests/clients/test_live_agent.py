"""The frame that every client's tests stand on: a live agent, its relays and gates, and the end that must be clean."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tools.clients.relay import MessageCounter

pytestmark = pytest.mark.host

PREAMBLE = """
import os, socket, threading, vmplumb
from vmplumb.v1.network_pb2 import NetworkInterfaces
from vmplumb.v1.vm_network_pb2 import NetworkSpec

def order(line):
    with socket.socket(socket.AF_UNIX) as control:
        control.connect(os.environ["VMPLUMB_TEST_CONTROL"])
        control.sendall(line.encode() + b"\\n")
        verdict, _, said = control.makefile().readline().strip().partition(" ")
    assert verdict == "OK", said
    return said

def spec(network):
    made = NetworkSpec()
    made.network_interfaces.interfaces.add().cni_configuration.network_name = network
    return made

def agent(path=os.environ["VMPLUMB_TEST_UNIX"]):
    return vmplumb.Client(f"unix:{path}")
"""


def live(script: str) -> subprocess.CompletedProcess[str]:
    """Run a script beside a live agent."""
    command = [
        sys.executable,
        "-m",
        "tools.clients.live_agent",
        "--",
        sys.executable,
        "-c",
        PREAMBLE + script,
    ]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=110, check=False, env={**os.environ}
    )


@pytest.mark.parametrize(
    ("script", "status", "told"),
    [
        ("agent().set_up('a', spec('quick')); agent().tear_down('a'); print('well')", 0, "well"),
        ("raise SystemExit(7)", 7, ""),
        ("agent().set_up('a', spec('quick'))", 1, "networks left over: a"),
        ("os.system('ip tuntap add leak mode tap')", 1, "leak"),
    ],
    ids=["clean", "its own status", "a network left", "a device left"],
)
def test_the_status_is_the_commands_and_what_is_left_over_fails(script: str, status: int, told: str) -> None:
    done = live(script)
    assert done.returncode == status, done.stderr
    assert told in done.stdout + done.stderr


def test_a_gate_orders_events_and_a_relay_cuts_where_it_was_told() -> None:
    done = live(
        """
for place, connections in (("messages=0", 2), ("messages=2", 2), ("bytes=10", 2)):
    path = order(f"RELAY times=1 {place}")
    told = []
    setting_up = threading.Thread(
        target=lambda: agent(path).set_up("a", spec("slow"), on_progress=lambda one: told.append(one.sequence))
    )
    setting_up.start()
    order("WAIT a")
    assert setting_up.is_alive()
    order("OPEN a")
    setting_up.join()
    assert told == sorted(set(told)), told
    assert order(f"SEEN {path}") == f"connections={connections} cuts=1", order(f"SEEN {path}")
    agent().tear_down("a")
order("OPEN b")
agent().set_up("b", spec("slow"))
order("RESTART")
assert [one.vm_id for one in agent().list()] == ["b"]
agent().tear_down("b", wait_for_devices=True)
print("well")
"""
    )
    assert (done.returncode, done.stdout) == (0, "well\n"), done.stderr


def test_each_network_fails_as_its_name_says() -> None:
    done = live(
        """
def refused(network, vm_id="a", **more):
    try:
        agent().set_up(vm_id, spec(network), **more)
    except vmplumb.VmplumbError as error:
        agent().tear_down(vm_id)
        return error.reason

agent().set_up("first", spec("small"))
print(*(refused(one) for one in ("small", "broken", "busy", "missing", "tapless", "nowhere")))
print(refused("slow", operation_timeout=0.05))
agent().tear_down("first")
agent().set_up("stubborn", spec("stubborn"))
try:
    agent().tear_down("stubborn")
except vmplumb.VmplumbError as error:
    print(error.reason)
agent().tear_down("stubborn")
agent().set_up("b", spec("bridged"))
agent().tear_down("b")
"""
    )
    assert done.stdout.split() == [
        "ADDRESSES_EXHAUSTED",
        "CNI_ADD_FAILED",
        "CNI_TRY_AGAIN_LATER",
        "CNI_PLUGIN_UNAVAILABLE",
        "CNI_RESULT_UNUSABLE",
        "CNI_NETWORK_NOT_FOUND",
        "OPERATION_TIMEOUT",
        "CNI_DEL_FAILED",
    ], done.stderr
    assert done.returncode == 0, done.stderr


def _frame(kind: int, payload: bytes, stream: int = 1) -> bytes:
    return len(payload).to_bytes(3) + bytes([kind, 0]) + stream.to_bytes(4) + payload


@pytest.mark.parametrize("pieces", [1, 3, 1000])
@pytest.mark.parametrize("limit", [0, 1, 2, 9])
def test_messages_are_counted_however_the_bytes_come(limit: int, pieces: int) -> None:
    messages = [b"\0" + len(text).to_bytes(4) + text for text in (b"one", b"", b"three")]
    first, second, third = messages
    frames = [
        _frame(1, b"headers"),
        _frame(0, first[:2]),
        _frame(0, first[2:]),
        _frame(0, second),
        _frame(6, b"ping----"),
        _frame(0, third),
        _frame(1, b"trailers"),
    ]
    # The frame in which the message after `limit` begins.
    cut = {0: 1, 1: 3, 2: 5}.get(limit, len(frames))
    stream, counter, passed = b"".join(frames), MessageCounter(), 0
    size = max(1, len(stream) // pieces)
    for start in range(0, len(stream), size):
        piece = stream[start : start + size]
        passing = counter.feed(piece, limit)
        passed += passing
        if passing < len(piece):
            break
    whole = sum(map(len, frames[:cut]))
    # A frame's header may have passed before it was whole.
    assert whole <= passed < whole + 9 if cut < len(frames) else passed == whole
