"""When steps began and ended, read from events that do not tell all of it."""

from __future__ import annotations

from tests.fakes.clock import Clock
from vmplumbd.model.progress import PluginCall, Step, StepEvent, StepState
from vmplumbd.observe import steps
from vmplumbd.operations.events import EventLog


def told(*events: tuple[float, Step, StepState | float]) -> list[tuple[str, str, float, float]]:
    """Attempts of a log of (time, step, state); a number is a plugin call of that length that ended then."""
    clock = Clock(100.0)
    log = EventLog(clock)
    for when, step, what in events:
        clock.time = 100.0 + when
        if isinstance(what, float):
            call = PluginCall(type="ptp", command="DEL", duration=what, attempt=1)
            log.tell(StepEvent(step=step, state=StepState.PLUGIN_CALLED, plugin_call=call))
        else:
            log.tell(StepEvent(step=step, state=what))
    log.finish()
    return [
        (one.name, one.state.name, round(one.begun - 100, 6), round(one.ended - 100, 6))
        for one in steps.attempts(log)
    ]


def test_a_step_that_is_told_by_its_end_alone_begins_where_the_one_before_ended() -> None:
    assert told((1, Step.CNI_LOAD, StepState.SUCCEEDED), (3, Step.NETNS, StepState.SUCCEEDED)) == [
        ("cni-load", "SUCCEEDED", 0, 1),
        ("netns", "SUCCEEDED", 1, 3),
    ]


def test_steps_that_are_told_together_are_parted_by_their_plugin_calls() -> None:
    assert told(
        (6, Step.CNI_DEL, 2.0),
        (9, Step.CNI_DEL, 3.0),
        (9, Step.CUT_OFF, StepState.SUCCEEDED),
        (10, Step.CNI_DEL, StepState.SUCCEEDED),
        (11, Step.NETNS_REMOVE, StepState.SUCCEEDED),
    ) == [
        ("cut-off", "SUCCEEDED", 0, 4),
        ("cni-del", "SUCCEEDED", 4, 10),
        ("netns-remove", "SUCCEEDED", 10, 11),
    ]


def test_each_attempt_counts_and_skipped_steps_do_not() -> None:
    assert told(
        (1, Step.CNI_DEL_PREEXISTING, StepState.SKIPPED),
        (1, Step.CNI_ADD, StepState.STARTED),
        (3, Step.CNI_ADD, 1.5),
        (3, Step.CNI_ADD, StepState.RETRYING),
        (5, Step.CNI_ADD, StepState.STARTED),
        (6, Step.CNI_ADD, 0.5),
        (6, Step.CNI_ADD, StepState.SUCCEEDED),
    ) == [("cni-add", "RETRYING", 1, 3), ("cni-add", "SUCCEEDED", 5, 6)]


def test_a_step_that_failed_is_told_by_what_is_taken_back() -> None:
    assert told(
        (1, Step.CNI_LOAD, StepState.SUCCEEDED),
        (2, Step.CNI_ADD, StepState.STARTED),
        (4, Step.CNI_ADD, 1.5),
        (5, Step.ROLLBACK, StepState.STARTED),
        (7, Step.ROLLBACK, 1.0),
        (8, Step.ROLLBACK, StepState.SUCCEEDED),
    ) == [
        ("cni-load", "SUCCEEDED", 0, 1),
        ("cni-add", "FAILED", 2, 4),
        ("rollback", "SUCCEEDED", 5, 8),
    ]
