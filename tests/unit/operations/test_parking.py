"""What waits does not hold a lane: retries, sleeps, and events that are told once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from types import SimpleNamespace

import pytest

from vmplumbd.errors import Busy, NotFound, TooManyOperations, kernel_fault
from vmplumbd.model.progress import Done, ResourceKind, Step, StepEvent, StepState
from vmplumbd.operations import lanes as lanes_module
from vmplumbd.operations.cancel import CancelToken
from vmplumbd.operations.events import EventLog
from vmplumbd.operations.lanes import GoTo, LaneName, Lanes, Park, Sleep, WaitFor, Work
from vmplumbd.operations.retry import Again, Attempts, RetryPolicy, is_transient
from vmplumbd.operations.undo import Undo


class Clock:
    """The host's clocks."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()


def lanes(limit: int = 10) -> tuple[Lanes, list[BaseException]]:
    fell: list[BaseException] = []
    return Lanes(Clock(), threads=dict.fromkeys(LaneName, 1), limit=limit, fell=fell.append), fell


def busy() -> Busy:
    fault = kernel_fault("do it", where="here", errno=16)
    assert isinstance(fault, Busy)
    return fault


def test_an_act_is_tried_until_it_goes_well_with_a_wait_before_each() -> None:
    tried: list[int] = []

    def act(number: int) -> None:
        tried.append(number)
        if number < 3:
            raise busy()

    waits = list(Attempts(policy=RetryPolicy(attempts=5, first=0.01), transient=is_transient).run(act))
    assert tried == [1, 2, 3]
    assert [one.attempt for one in waits] == [1, 2]
    assert all(0 <= one.delay <= 0.04 for one in waits)


@pytest.mark.parametrize(("errno", "tries"), [(16, 3), (2, 1)], ids=["transient", "for good"])
def test_what_does_not_go_well_raises_its_last_error(errno: int, tries: int) -> None:
    tried: list[int] = []

    def act(number: int) -> None:
        tried.append(number)
        raise kernel_fault("do it", where="here", errno=errno)

    with pytest.raises((Busy, NotFound)):
        list(Attempts(policy=RetryPolicy(attempts=3), transient=is_transient).run(act))
    assert len(tried) == tries


def test_attempts_go_on_on_another_thread() -> None:
    steps = Attempts(policy=RetryPolicy(attempts=3, first=0.0), transient=is_transient).run(_always_busy)
    seen: list[Again] = [next(steps)]
    other = threading.Thread(target=lambda: seen.append(next(steps)))
    other.start()
    other.join()
    assert [one.attempt for one in seen] == [1, 2]


def _always_busy(_: int) -> None:
    raise busy()


def test_a_sleeper_frees_its_lane_and_a_cancel_wakes_it() -> None:
    made, fell = lanes()
    token = CancelToken()
    done: list[str] = []
    ended = threading.Event()
    slept = threading.Event()

    def sleeper() -> Generator[Park, None, None]:
        yield Sleep(seconds=60, token=token)
        done.append("sleeper")
        ended.set()

    def other() -> Generator[Park, None, None]:
        done.append("other")
        slept.set()
        yield GoTo(lane=LaneName.EXEC)
        done.append(threading.current_thread().name)

    made.submit(sleeper(), LaneName.BUILT_IN)
    made.submit(other(), LaneName.BUILT_IN)
    assert slept.wait(60)
    token.cancel()
    assert ended.wait(60)
    assert made.drained(60)
    made.close()
    assert set(done) == {"other", "sleeper", "exec-0"}
    assert fell == []


def test_a_fault_of_one_operation_ends_neither_lane_nor_count() -> None:
    made, fell = lanes(limit=1)

    def broken() -> Generator[Park, None, None]:
        yield from ()
        raise ZeroDivisionError

    made.submit(broken(), LaneName.BUILT_IN)
    assert made.drained(60)
    made.submit(broken(), LaneName.BUILT_IN)
    assert made.drained(60)
    made.close()
    assert [type(one) for one in fell] == [ZeroDivisionError, ZeroDivisionError]


def test_beyond_the_limit_work_is_refused_unless_it_must_be_taken() -> None:
    made, _ = lanes(limit=1)
    token = CancelToken()

    def waits() -> Generator[Park, None, None]:
        yield Sleep(seconds=60, token=token)

    made.submit(waits(), LaneName.BUILT_IN)
    with pytest.raises(TooManyOperations):
        made.submit(waits(), LaneName.BUILT_IN)
    made.submit(waits(), LaneName.TEAR_DOWN, always=True)
    token.cancel()
    assert made.drained(60)
    made.close()


def step(state: StepState, which: Step = Step.NETNS) -> StepEvent:
    return StepEvent(step=which, state=state)


def test_a_step_that_ends_at_once_is_told_in_one_event() -> None:
    log = EventLog(Clock())
    for event in (step(StepState.STARTED), step(StepState.SUCCEEDED), step(StepState.STARTED, Step.CNI_ADD)):
        log.tell(event)
    log.finish()
    told = log.since(0)
    assert [one.sequence for one in told] == [1, 2, 3]
    assert told[0].event == step(StepState.SUCCEEDED)
    assert told[1].event == step(StepState.STARTED, Step.CNI_ADD)
    assert isinstance(told[2].event, Done)
    assert [one.sequence for one in log.since(2)] == [3]


def test_a_reader_that_waits_sees_what_was_held_back_and_then_everything() -> None:
    log = EventLog(Clock())
    woken: list[int] = []
    log.subscribe(lambda: woken.append(1))
    log.tell(step(StepState.STARTED))
    assert log.since(0) == []
    log.flush()
    assert [one.event for one in log.since(0)] == [step(StepState.STARTED)]
    log.tell(step(StepState.SUCCEEDED))
    assert woken
    assert [one.sequence for one in log.since(1)] == [2]


def test_undo_runs_newest_first_and_to_its_end() -> None:
    undo = Undo()
    ran: list[str] = []

    def fails() -> None:
        ran.append("second")
        raise OSError("stuck")

    undo.push(ResourceKind.NETNS, "ns", "/run/netns/x", lambda: ran.append("first"))
    undo.push(ResourceKind.LINK, "veth", "host", fails)
    undo.push(ResourceKind.FILE, "file", "/x", lambda: ran.append("third"))
    left = undo.run()
    assert ran == ["third", "second", "first"]
    assert [(one.kind, one.what, one.cause) for one in left] == [(ResourceKind.LINK, "veth", "stuck")]
    assert undo.run() == ()


def test_what_cannot_be_waited_for_is_heard_by_the_operation_and_the_lane_serves_others() -> None:
    made, fell = lanes()
    heard: list[Exception] = []

    def waits() -> Work:
        def when(wake: Callable[[], None]) -> None:
            raise busy()

        try:
            yield WaitFor(when=when, seconds=600)
        except Busy as exc:
            heard.append(exc)

    def other() -> Work:
        heard.append(RuntimeError("served"))
        yield from ()

    made.submit(waits(), LaneName.TEAR_DOWN)
    made.submit(other(), LaneName.TEAR_DOWN)
    assert made.drained(60)
    assert [type(one) for one in heard] == [Busy, RuntimeError]
    assert fell == []
    made.close()


def test_a_thread_that_is_not_fit_is_followed_by_another_and_the_lanes_stay_alive() -> None:
    fell: list[BaseException] = []
    fit = iter([False])
    made = Lanes(
        Clock(),
        threads=dict.fromkeys(LaneName, 1),
        limit=10,
        fell=fell.append,
        fit=lambda: next(fit, True),
    )
    ran: list[threading.Thread] = []

    def work() -> Work:
        ran.append(threading.current_thread())
        yield from ()

    for _ in range(2):
        made.submit(work(), LaneName.BUILT_IN)
    assert made.drained(60)
    ran[0].join(60)
    assert ran[0] is not ran[1]
    assert made.alive
    assert made.close(60)
    assert not ran[1].is_alive()
    assert fell == []


class Overtaken(threading.Condition):
    """A condition that the timer's thread comes to before somebody notifies it, and waits at after that."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = threading.Event()
        self._notified = threading.Event()

    def __enter__(self) -> bool:
        if threading.current_thread().name == "parked" and not self._notified.is_set():
            self.reached.set()
            self._notified.wait(60)
        return super().__enter__()

    def notify(self, n: int = 1) -> None:
        super().notify(n)
        self._notified.set()


def test_an_end_that_comes_just_before_the_timer_waits_is_not_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        lanes_module, "threading", SimpleNamespace(**{**vars(threading), "Condition": Overtaken})
    )
    made, fell = lanes()
    wakes = made._timer_wakes
    assert isinstance(wakes, Overtaken)
    assert wakes.reached.wait(60)
    assert made.close(10)
    assert fell == []
