"""`vmplumbctl bench` against a real agent: it measures what happened, and leaves nothing, however it ends."""

from __future__ import annotations

import datetime as dt
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

import vmplumb
from tests.host import Host
from tests.snapshot import snapshot
from tests.system.daemon import REDIRECT, Daemon, daemon_in, eventually, ptp, reservations
from vmplumb._cli import bench
from vmplumb.v1 import vm_network_pb2

pytestmark = pytest.mark.host

COMMAND = [sys.executable, "-c", "from vmplumb._cli.app import run; run()", "bench"]
BROKEN = """
case $CNI_COMMAND in
VERSION) echo '{"cniVersion":"1.0.0","supportedVersions":["1.0.0"]}' ;;
ADD) echo '{"cniVersion":"1.0.0","code":100,"msg":"the switch is full"}'; exit 1 ;;
esac
"""
# An ADD that lasts until it is killed, once the file `stuck` is there.
STICKS = """
case $CNI_COMMAND in
VERSION) echo '{"cniVersion":"1.0.0","supportedVersions":["1.0.0"]}' ;;
ADD) if [ -e "$DIR/stuck" ]; then echo x >> "$DIR/held"; exec sleep 3600; fi
  echo '{"cniVersion":"1.0.0"}' ;;
esac
"""


@pytest.fixture
def agent(host: Host) -> Iterator[Daemon]:
    before = snapshot()
    with daemon_in(host, limits__attempts="1") as made:
        yield made
        for one in made.networks():
            if not one.vm_id.startswith(bench.PREFIX):
                made.tear_down(one.vm_id)
        assert made.networks() == []
        made.quiet()
        assert reservations(host) == {}
    assert snapshot() == before


def run(agent: Daemon, *options: str) -> subprocess.CompletedProcess[str]:
    """The command, to its end."""
    return agent.host.run([*COMMAND, *options, "--target", f"unix:{agent.socket}"], check=False)


def test_set_ups_and_teardowns_are_told_with_where_the_time_went(agent: Daemon) -> None:
    agent.set_up("stands")
    done = run(agent, "--network", "fcnet", "--count", "6", "--concurrency", "2", "-o", "json")
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert (told["network"], told["concurrency"], told["operations"]) == ("fcnet", 2, 12)
    assert told["operations_per_second"] == pytest.approx(12 / told["seconds"])
    for kind, step in (("set_up", "cni-add"), ("tear_down", "cni-del")):
        one = told[kind]
        assert one["count"] == 6
        assert 0 < one["p50"] <= one["p90"] <= one["p99"] == one["max"]
        named = {each["step"]: each for each in one["steps"]}
        # A set-up is asked for again, for its steps; a teardown that is quick tells its end alone.
        if kind == "set_up" or named:
            assert 0 < named[step]["count"] <= 6
            assert named[step]["p50"] > 0
            assert list(named)[-1] == "elsewhere"
            assert sum(each["share"] for each in one["steps"]) == pytest.approx(1, abs=0.01)
        if kind == "set_up":
            assert {each["count"] for each in one["steps"]} == {6}
    assert [one.vm_id for one in agent.networks()] == ["stands"]

    # More than was asked for: the first is not counted, and six are made for their steps.
    def began() -> set[str]:
        return {line["vm_id"] for line in agent.lines if str(line.get("vm_id", "")).startswith(bench.PREFIX)}

    eventually(lambda: len(began()) == 13, "the log has come")

    text = run(agent, "--network", "fcnet", "--count", "1")
    assert (text.returncode, text.stderr) == (0, "")
    head, *rows = text.stdout.splitlines()
    assert head.startswith("fcnet at vmplumbd ")
    assert "2 operations, 1 at a time" in head
    assert {"set-up", "cni-load", "netns", "cni-add", "elsewhere", "teardown"} <= {
        one.split()[0] for one in rows
    }


@pytest.mark.parametrize(
    ("options", "status", "said"),
    [
        (("--network", "nowhere"), 3, "nowhere"),
        (("--network", "broken"), 6, "the switch is full"),
        (("--network", "fcnet", "--count", "0"), 2, "0 is not in the range"),
        ((), 2, "--network"),
    ],
)
def test_what_cannot_be_measured_is_refused_with_the_exit_code_of_every_command(
    agent: Daemon, options: tuple[str, ...], status: int, said: str
) -> None:
    agent.plugin("broken", BROKEN)
    agent.network("broken", {"type": "broken"})
    done = run(agent, *options)
    assert (done.returncode, done.stdout) == (status, "")
    assert said in done.stderr
    if "broken" not in options:
        assert not [line for line in agent.lines if str(line.get("vm_id", "")).startswith(bench.PREFIX)]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, "--deadline"])
def test_what_is_cut_short_takes_back_all_it_began(agent: Daemon, how: signal.Signals | str) -> None:
    agent.plugin("sticks", STICKS)
    agent.network("sticky", ptp(), REDIRECT, {"type": "sticks"})
    (agent.directory / "stuck").touch()
    held = agent.directory / "held"
    deadline = ["--deadline", "3"] if isinstance(how, str) else []
    words = [*COMMAND, "--network", "sticky", "--concurrency", "3", *deadline]
    process = agent.host.popen(
        [*words, "--target", f"unix:{agent.socket}"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    if not isinstance(how, str):
        eventually(held.exists, "a set-up is in the plugin", seconds=60)
        process.send_signal(how)
    out, said = process.communicate(timeout=120)
    assert out == ""
    if isinstance(how, str):
        assert process.returncode == 5, said
    else:
        assert (process.returncode, said) == (130, "interrupted: taking back what was begun\n")


def test_the_time_between_two_events_is_the_later_ones_and_the_rest_is_elsewhere() -> None:
    begin = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    watch = bench._Watch()
    for at, step, state, took in (
        (0, "CNI_DEL", "PLUGIN_CALLED", 3),
        (1, "CNI_DEL", "SUCCEEDED", 0),
        (2, "DEVICES_GONE", "STARTED", 0),
        (7, "DEVICES_GONE", "SUCCEEDED", 0),
    ):
        told = vm_network_pb2.Progress(step=f"STEP_{step}", state=f"STEP_STATE_{state}")  # type: ignore[arg-type]
        told.plugin_call.duration.FromMilliseconds(took)
        when = begin + dt.timedelta(milliseconds=at)
        watch(vmplumb.ProgressEvent(uid="u", sequence=at + 1, time=when, replayed=False, progress=told))
    assert watch.took == {"cni-del": pytest.approx(0.004), "devices-gone": pytest.approx(0.005)}
    calls = [bench.Call(seconds=0.01, steps=watch.took), bench.Call(seconds=0.002)]
    shares: Any = {name: (one.count, share) for name, one, share in bench.steps(calls)}
    assert shares == {
        "cni-del": (1, pytest.approx(0.4)),
        "devices-gone": (1, pytest.approx(0.5)),
        "elsewhere": (1, pytest.approx(0.1)),
    }
    assert list(bench.steps([bench.Call(seconds=0.002)])) == []


def test_a_percentile_is_the_nearest_rank() -> None:
    spread = bench.Spread.of([one / 1000 for one in range(100, 0, -1)])
    assert (spread.p50, spread.p90, spread.p99, spread.most) == (0.05, 0.09, 0.099, 0.1)
    assert bench.Spread.of([2.0]) == bench.Spread(count=1, p50=2.0, p90=2.0, p99=2.0, most=2.0, sum=2.0)
