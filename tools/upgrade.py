"""Change under load: an agent is restarted, upgraded, put back, reloaded and cordoned while clients call it.

    python -m tools.upgrade                          5 rounds, 8 callers
    python -m tools.upgrade --rounds 2 --callers 4

Callers use the Python client with its own retries, and live VMs one after the other: set-up, a look, teardown.
In each round the agent

    restart     ends (SIGTERM) and begins
    upgrade     ends; its journal is that of the version before; it begins and takes it over
    downgrade   ends; its journal is that of the next version; it begins and works with it
    reload      is told to read its configuration again (SIGHUP): a new one, one that cannot be used, the old one
    cordon      lets no new network begin for half a second, and until a caller has met it

A call that fails in spite of the client's retries is a failure of the run. Networks that were there before the
first round must be as they were after the last, and in the end the host must be as before. Prints a line for
each kind of change: calls around it, those among them that were tried again, those that failed, the longest time
without any answer, the longest call. Exit status 0: kept, 1: something was broken, and what is printed, 2: this
machine cannot run it.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from tests import host as hosts
from tests.snapshot import namespace_snapshot, settled, snapshot
from tests.torture import journals
from tests.torture.rig import Installed, calling, installed, until
from vmplumb import Client, Retry, VmplumbError
from vmplumb.v1 import vm_network_pb2
from vmplumbd.journal import schema

CALLERS = 8
ROUNDS = 5
STANDING = 5
CORDON = 0.5
# Of undisturbed load after a change, before the next.
BREATH = 0.5
PATIENCE = 120.0


@dataclass(slots=True)
class Change:
    """One kind of change: what callers saw between its beginning and its end. Times in seconds."""

    times: int = 0
    calls: int = 0
    retried: int = 0
    failed: int = 0
    longest_gap: float = 0.0
    longest_call: float = 0.0


@dataclass(slots=True)
class Report:
    """What a run did, and what was wrong."""

    callers: int = 0
    rounds: int = 0
    changes: dict[str, Change] = field(default_factory=dict)
    calls: int = 0
    retried: int = 0
    failed: int = 0
    lives: int = 0
    seconds: float = 0.0
    broken: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a client, all its tries: monotonic times, how often it was tried again, what it failed with."""

    began: float
    ended: float
    tries: int
    error: str


@dataclass(frozen=True, kw_only=True)
class Counting(Retry):
    """The client's own patience, longer than a busy machine's restart, and what it was asked."""

    attempts: int = 40
    most: float = 1.0
    asked: list[int] = field(default_factory=list)

    def wait(self, failures: int) -> float:
        """One more try."""
        self.asked.append(failures)
        return super().wait(failures)


class Caller:
    """Lives VMs until it is told to end."""

    def __init__(self, number: int, agent: Installed) -> None:
        self.number = number
        self.agent = agent
        self.calls: list[Call] = []
        self.lives = 0
        self.end = threading.Event()
        self._retry = Counting()

    @property
    def tries_again(self) -> bool:
        """Whether the call under way was refused, and is tried again."""
        return bool(self._retry.asked)

    def run(self) -> None:
        """Until the end."""
        spec = spec_of("mixed" if self.number % 4 == 0 else "fcnet")
        with Client(f"unix:{self.agent.socket}", retry=self._retry) as client:
            while not self.end.is_set():
                self.lives += 1
                vm_id = f"vm-{self.number}-{self.lives}"
                self._call(functools.partial(client.set_up, vm_id, spec, timeout=PATIENCE))
                self._call(functools.partial(client.get, vm_id, timeout=PATIENCE))
                self._call(functools.partial(client.tear_down, vm_id, timeout=PATIENCE))

    def _call(self, act: Callable[[], object]) -> None:
        self._retry.asked.clear()
        began = time.monotonic()
        error = ""
        try:
            act()
        except VmplumbError as exc:
            error = f"{type(exc).__name__}: {exc}"
        self.calls.append(Call(began, time.monotonic(), len(self._retry.asked), error))


def spec_of(network: str) -> vm_network_pb2.NetworkSpec:
    """A VM's one interface on that network."""
    spec = vm_network_pb2.NetworkSpec()
    spec.network_interfaces.interfaces.add(cni_configuration={"network_name": network})
    return spec


def restart(agent: Installed, _: Sequence[Caller]) -> None:
    """The same agent, anew."""
    _stop(agent)
    agent.start()


def upgrade(agent: Installed, _: Sequence[Caller]) -> None:
    """The version before leaves its journal; this one takes it over."""
    _stop(agent)
    journals.make_older(agent.journal, schema.VERSION - 1)
    agent.start()
    assert journals.version_of(agent.journal) == schema.VERSION


def downgrade(agent: Installed, _: Sequence[Caller]) -> None:
    """The next version leaves its journal; this one works with it as it is."""
    _stop(agent)
    journals.make_newer(agent.journal)
    agent.start()
    assert journals.version_of(agent.journal) == schema.VERSION + 1


def reload(agent: Installed, _: Sequence[Caller]) -> None:
    """Other limits, a file that cannot be used, and the first limits again."""
    for text in ("[limits]\nmax_networks = 3000\nattempts = 4\n", "[limits]\nmax_networks = 'many'\n", ""):
        aside = agent.file.with_suffix(".new")
        aside.write_text(text)
        aside.rename(agent.file)
        before = len(agent.said("reload.done"))
        os.kill(agent.pid, signal.SIGHUP)
        until(lambda before=before: len(agent.said("reload.done")) > before, "it was read again")  # type: ignore[misc]
    told = agent.said()
    refused = [one for one in told if one["event"] == "reload.refused"]
    taken = [one for one in told if one["event"] == "config.changed"]
    assert taken, "other limits were taken"
    assert 2 * len(refused) == len(taken), "what cannot be used was refused, and nothing else"


def cordon(agent: Installed, crowd: Sequence[Caller]) -> None:
    """No new network for a while."""
    with Client(f"unix:{agent.socket}") as client:
        client.cordon(reason="a test", timeout=PATIENCE)
        threading.Event().wait(CORDON)
        until(lambda: any(one.tries_again for one in crowd), "a caller is refused", seconds=PATIENCE)
        client.cordon(cordoned=False, timeout=PATIENCE)


def _stop(agent: Installed) -> None:
    status = agent.stop()
    assert status == 0, f"the agent ended with {status}"


CHANGES: Mapping[str, Callable[[Installed, Sequence[Caller]], None]] = {
    "restart": restart,
    "upgrade": upgrade,
    "downgrade": downgrade,
    "reload": reload,
    "cordon": cordon,
}


def run(host: hosts.Host, *, rounds: int, callers: int) -> Report:
    """A run in this host. Blocks. Leaves nothing if the agent keeps its promises."""
    began = time.monotonic()
    report = Report(callers=callers, rounds=rounds)
    spans: list[tuple[str, float, float]] = []
    with installed(host) as agent:
        before = snapshot()
        agent.start()
        crowd = [Caller(number, agent) for number in range(callers)]
        with Client(f"unix:{agent.socket}") as client:
            standing = [f"standing-{number}" for number in range(STANDING)]
            made = {one: client.set_up(one, spec_of("fcnet"), timeout=PATIENCE) for one in standing}
        inside = {one: settled(lambda one=one: namespace_snapshot(f"/run/netns/{one}")) for one in standing}  # type: ignore[misc]
        with calling(crowd, report.broken, seconds=2 * PATIENCE):
            for _ in range(rounds):
                for name, change in CHANGES.items():
                    threading.Event().wait(BREATH)
                    start = time.monotonic()
                    change(agent, crowd)
                    # The first call after it is its own: it tells how long nobody was answered.
                    answered = functools.partial(_answered, crowd, time.monotonic())
                    until(answered, "callers are answered", seconds=PATIENCE)
                    spans.append((name, start, time.monotonic()))
            threading.Event().wait(BREATH)
        _add_up(report, crowd, spans)
        with Client(f"unix:{agent.socket}") as client:
            for one in standing:
                if client.set_up(one, spec_of("fcnet"), timeout=PATIENCE) != made[one]:
                    report.broken.append(f"{one} has another answer than before")
                now = namespace_snapshot(f"/run/netns/{one}")
                differs = [key for key, was in inside[one].items() if now[key] != was]
                report.broken += [f"{key} in the namespace of {one}: not as before" for key in differs]
                if list(client.check(one, timeout=PATIENCE).findings):
                    report.broken.append(f"{one} is not healthy")
        agent.tear_all_down()
        after = snapshot()
        report.broken += [f"left in {key}" for key, was in before.items() if after[key] != was]
        report.broken += agent.misdeeds()
        _stop(agent)
    report.seconds = round(time.monotonic() - began, 1)
    return report


def _answered(crowd: list[Caller], since: float) -> bool:
    """Whether every caller has had an answer to a call since then."""
    return all(one.calls and one.calls[-1].ended > since for one in crowd)


def _add_up(report: Report, crowd: list[Caller], spans: list[tuple[str, float, float]]) -> None:
    calls = sorted((call for one in crowd for call in one.calls), key=lambda call: call.ended)
    report.lives = sum(one.lives for one in crowd)
    report.calls = len(calls)
    report.retried = sum(call.tries > 0 for call in calls)
    failed = [call.error for call in calls if call.error]
    report.failed = len(failed)
    report.broken += [f"a call failed: {error}" for error in failed[:5]]
    for name, start, end in spans:
        change = report.changes.setdefault(name, Change())
        change.times += 1
        around = [call for call in calls if call.ended >= start and call.began <= end]
        answers = [start, *(call.ended for call in around if start <= call.ended <= end), end]
        gaps = [later - earlier for earlier, later in itertools.pairwise(answers)]
        change.calls += len(around)
        change.retried += sum(call.tries > 0 for call in around)
        change.failed += sum(bool(call.error) for call in around)
        change.longest_gap = round(max(change.longest_gap, *gaps), 3)
        longest = max((call.ended - call.began for call in around), default=0.0)
        change.longest_call = round(max(change.longest_call, longest), 3)


def table(report: Report) -> Iterator[str]:
    """As docs/operating.md has it."""
    yield "| change | times | calls around it | tried again | failed | longest time without an answer | longest call |"
    yield "|---|---|---|---|---|---|---|"
    for name, one in report.changes.items():
        yield (
            f"| {name} | {one.times} | {one.calls} | {one.retried} | {one.failed} | {one.longest_gap:.2f} s "
            f"| {one.longest_call:.2f} s |"
        )


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--callers", type=int, default=CALLERS)
    given = parser.parse_args()
    refused = hosts.become_root() or hosts.refusal()
    if refused:
        print(f"upgrade: this machine cannot run it: {refused}", file=sys.stderr)
        return 2
    with hosts.private_host() as host:
        report = run(host, rounds=given.rounds, callers=given.callers)
    print("\n".join(table(report)))
    told: dict[str, Any] = {key: value for key, value in asdict(report).items() if key != "changes"}
    print(json.dumps(told, indent=2))
    return 1 if report.broken else 0


if __name__ == "__main__":
    sys.exit(main())
