"""An operation, one fault in it, and the judgement: what the caller was told is true, and nothing stays.

Each function here runs one fault on a bench of its own and answers what was broken, in words; nothing is
broken if that is empty. After the fault comes either one retry by the caller, or none: then what the agent
itself tries again must be enough.
"""

from __future__ import annotations

import enum
import gc
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

from tests.descriptors import opened
from tests.faults.bench import VM, Bench
from tests.faults.seam import Effect, Fault, Seam, When, faults_of, lasting_faults
from tests.snapshot import differences
from vmplumbd.errors import AgentError
from vmplumbd.model.lifecycle import Phase
from vmplumbd.operations.failures import Fault as Defect

Make: TypeAlias = Callable[[Seam], AbstractContextManager[Bench]]


# host-local stamps its directory with a time of chance, and one in a thousand is no good: then it looks again.
_ANOTHER_RUN = "another run than the recorded"
_SAME_RUN = 3
_PATIENCE = 10.0
_PAUSE = threading.Event()


class Crash(BaseException):
    """The agent dies."""


class What(enum.Enum):
    """Whose effects they are."""

    SET_UP = "set-up"
    ROLL_BACK = "a set-up's undoing"
    TEAR_DOWN = "teardown and release"
    RECOVER = "recovery of a set-up at the start"
    REFILL = "a pool's filling"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """The effects of one run without a fault (but for the first of an undoing), and where they begin."""

    what: What
    effects: tuple[Effect, ...]
    since: int = 0
    first: Fault | None = None

    def faults(self, *, every: bool = True) -> list[Fault]:
        """Each effect's faults, then the lasting ones; not `every`: one of each kind before, one after."""
        found: list[Fault] = []
        for number, effect in enumerate(self.effects):
            if number < self.since:
                continue
            fitting = faults_of(number, effect)
            if every:
                found += fitting
                continue
            for when in When:
                some = [one for one in fitting if one.when is when]
                # Another one each time, so that all of them have their turn.
                found += some[number % len(some) : number % len(some) + 1] if some else []
        if every:
            found += [one for one in lasting_faults(self.effects) if one.number >= self.since]
        return found


def record(what: What, make: Make, seam: Seam) -> Recorded:
    """Run once, and write down what it did."""
    with make(seam) as bench:
        if what is What.SET_UP:
            seam.arm()
            error = bench.set_up().log.error
            effects = tuple(seam.disarm())
            assert error is None, error
            bench.finish()
            return Recorded(what=what, effects=effects)
        if what is What.TEAR_DOWN:
            bench.set_up()
            seam.arm()
            bench.finish()
            return Recorded(what=what, effects=tuple(seam.disarm()))
        if what is What.REFILL:
            seam.arm()
            bench.fill()
            effects = tuple(seam.disarm())
            bench.finish()
            return Recorded(what=what, effects=effects)
        if what is What.RECOVER:
            crash_before_the_commit(bench)
            seam.arm()
            bench.start()
            bench.fill()
            bench.settle()
            effects = tuple(seam.disarm())
            bench.finish()
            return Recorded(what=what, effects=effects)
    first = _commit_fails(record(What.SET_UP, make, seam))
    with make(seam) as bench:
        seam.arm(first)
        bench.set_up()
        effects = tuple(seam.disarm())
        bench.finish()
        return Recorded(what=what, effects=effects, since=first.number + 1, first=first)


def broken_by(recorded: Recorded, fault: Fault, make: Make, seam: Seam, *, retry: bool) -> list[str]:
    """Run it with the fault; what was broken."""
    held = len(opened())
    broken: list[str] = []
    with make(seam) as bench:
        run = {
            What.SET_UP: _set_up,
            What.ROLL_BACK: _set_up,
            What.TEAR_DOWN: _tear_down,
            What.RECOVER: _recover,
            What.REFILL: _refill,
        }[recorded.what]
        judge = Judge(bench)
        with judge.noting("it ended with"):
            run(bench, recorded, fault, judge, retry=retry)
        broken += judge.broken
    if not broken and len(opened()) != held:
        broken.append(f"descriptors: {held} became {len(opened())}")
    return broken


class Judge:
    """What was broken, and what there was before."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.broken: list[str] = []
        self.before = bench.seen()

    @contextmanager
    def noting(self, what: str) -> Iterator[None]:
        """A run that does not end well is broken."""
        try:
            yield
        except (AssertionError, AgentError) as exc:
            self.broken.append(f"{what} {exc!r}")

    def same_run(self, recorded: Recorded, fault: Fault) -> None:
        """The fault met the act that was recorded under its number."""
        effects = self.bench.seam.effects
        met = effects[fault.number] if fault.number < len(effects) else None
        if self.bench.seam.strayed or met != recorded.effects[fault.number]:
            self.broken.append(f"{_ANOTHER_RUN}: {met}, not {recorded.effects[fault.number]}")

    def as_before(self, when: str) -> None:
        """Nothing is left."""
        # Nobody waits for the devices of a pool's member that was never anybody's: they go behind it.
        end = time.monotonic() + (_PATIENCE if self.bench.size else 0.0)
        while (now := self.bench.seen()) != self.before and time.monotonic() < end:
            _PAUSE.wait(0.005)
        self.broken += [
            f"{when}, left in {key}: {differences(was, now[key])}"[:1500]
            for key, was in self.before.items()
            if now[key] != was
        ]

    def healthy(self, when: str) -> None:
        """The network is as it should be."""
        self.broken += [f"{when}, not healthy: {one}" for one in self.bench.findings()]

    def clean(self, error: AgentError, when: str) -> None:
        """The error is one of our families, not a defect."""
        if isinstance(error, Defect):
            self.broken.append(f"{when}, a defect: {error} from {error.__cause__!r}")

    def no_rows(self) -> None:
        """The journal is empty; a restart may be needed where the journal itself failed."""
        if any(self.bench.rows()):
            self.bench.stop()
            self.bench.start()
            self.bench.settle()
            if self.bench.tools.book.get(VM) is not None:
                self.bench.tear_down()
                self.bench.settle()
        if any(self.bench.rows()):
            self.broken.append(f"left in the journal: {self.bench.rows()}")
        self.broken += [f"fell out of a lane: {one!r}" for one in self.bench.lanes.fell]


def _set_up(bench: Bench, recorded: Recorded, fault: Fault, judge: Judge, *, retry: bool) -> None:
    seam = bench.seam
    seam.arm(*([recorded.first] if recorded.first else []), fault)
    operation = bench.set_up()
    seam.disarm()
    judge.same_run(recorded, fault)
    error = operation.log.error
    if error is None:
        judge.healthy("in spite of the fault")
    else:
        judge.clean(error, "at the fault")
        if not error.leftovers:
            judge.as_before("after the undo")
        if retry:
            again = bench.set_up().log.error
            if again is not None:
                judge.broken.append(f"the retry was refused: {again!r}")
            else:
                judge.healthy("after the retry")
        else:
            bench.settle()
            judge.as_before("after what was tried again")
    _end(bench, judge)


def _tear_down(bench: Bench, recorded: Recorded, fault: Fault, judge: Judge, *, retry: bool) -> None:
    bench.set_up()
    seam = bench.seam
    seam.arm(fault)
    error = bench.tear_down()
    if error is not None:
        judge.clean(error, "at the fault")
    if fault.lasting:
        # It lasts for a while, with releases tried again, and passes.
        bench.work(until=lambda: seam.hit > 0)
        for _ in range(3):
            bench.work()
        seam.disarm()
    elif error is None or not retry:
        bench.settle()
        seam.disarm()
        if error is not None and bench.stands():
            judge.healthy("after a teardown that was refused")
        elif error is not None:
            judge.as_before("after what was tried again")
    else:
        seam.disarm()
    judge.same_run(recorded, fault)
    _end(bench, judge)


def _refill(bench: Bench, recorded: Recorded, fault: Fault, judge: Judge, *, retry: bool) -> None:
    seam = bench.seam
    seam.arm(fault)
    if fault.lasting:
        bench.work(until=lambda: seam.hit > 0)
        for _ in range(3):
            bench.work()
        judge.as_before("while it lasts")
        seam.disarm()
    bench.fill()
    judge.same_run(recorded, fault)
    seam.disarm()
    judge.as_before("after what was tried again")
    if retry:
        told = bench.set_up().log.error
        if told is not None:
            judge.broken.append(f"a set-up was refused: {told!r}")
        elif [one.hits for one in bench.pools.states()] != [1]:
            judge.broken.append(f"the set-up took no member: {bench.pools.states()}")
        else:
            judge.healthy("after the claim")
    _end(bench, judge)


def _recover(bench: Bench, recorded: Recorded, fault: Fault, judge: Judge, *, retry: bool) -> None:
    seam = bench.seam
    crash_before_the_commit(bench)
    seam.arm(fault)
    try:
        bench.start()
    except (AgentError, OSError):
        # It refuses to start, and says so; the next start finds everything again.
        seam.disarm()
        bench.start()
    if fault.lasting:
        seam.disarm()
    if bench.size:
        bench.fill()
    if retry:
        again = bench.set_up().log.error
        if again is not None:
            judge.broken.append(f"the repeated call was refused: {again!r}")
        else:
            judge.healthy("after the repeated call")
    else:
        bench.settle()
        judge.as_before("after the recovery")
    seam.disarm()
    _end(bench, judge)


def _end(bench: Bench, judge: Judge) -> None:
    """The caller tears down, and all is as before."""
    error = bench.tear_down()
    if error is not None:
        judge.broken.append(f"the teardown was refused: {error!r}")
    bench.settle()
    judge.no_rows()
    judge.as_before("in the end")
    bench.drain()
    if bench.pool().members:
        judge.broken.append(f"left in the pool: {bench.pool().members}")
    judge.as_before("without a pool")


def _commit_fails(recorded: Recorded) -> Fault:
    last = max(number for number, one in enumerate(recorded.effects) if one.door == "journal INSERT")
    return Fault(number=last, when=When.BEFORE, error="SQLITE_IOERR")


def crash_before_the_commit(bench: Bench) -> None:
    """All of a set-up is done, and the agent dies before it says so."""
    put = bench.tools.book._journal.put

    def dies(record: Any) -> None:
        if record.phase is Phase.READY:
            raise Crash
        put(record)

    bench.tools.book._journal.put = dies  # type: ignore[method-assign]
    bench.set_up_and_die()
    bench.stop()


def all_broken(
    recorded: Recorded, faults: Sequence[Fault], make: Make, seam: Seam, *, both: bool
) -> list[str]:
    """Each fault in turn, with a retry and without (one of the two by turns, unless `both`).

    Answers what was broken, with the fault that broke it.
    """
    found: list[str] = []
    gc.collect()  # what other tests left in cycles, descriptors too, must not go while ours are counted
    for turn, fault in enumerate(faults):
        for retry in (True, False) if both else (turn % 2 == 0,):
            broken: list[str] = []
            for _ in range(_SAME_RUN):
                broken = broken_by(recorded, fault, make, seam, retry=retry)
                if not any(one.startswith(_ANOTHER_RUN) for one in broken):
                    break
            found += [f"{_told(recorded, fault, retry=retry)}: {one}" for one in broken]
    return found


def _told(recorded: Recorded, fault: Fault, *, retry: bool) -> str:
    lasting = f" and on ({fault.lasting})" if fault.lasting else ""
    effect = f"{recorded.what.value}, {recorded.effects[fault.number]} #{fault.number}"
    return f"{effect}: {fault.error} {fault.when.value}{lasting}{'' if retry else ', no retry'}"
