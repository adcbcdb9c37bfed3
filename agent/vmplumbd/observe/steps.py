"""What an operation's events say of its steps: when each began and ended, with its attempts and plugin calls. Pure.

A step that was over before anybody looked is told by its end alone; a teardown tells its steps when all are done. What
was not told is taken from the events around it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from vmplumbd.model.progress import Failure, PluginCall, Step, StepEvent, StepState
from vmplumbd.operations.events import EventLog

_ENDS = frozenset({StepState.SUCCEEDED, StepState.FAILED, StepState.RETRYING})


@dataclass(frozen=True, slots=True, kw_only=True)
class CallTold:
    """A plugin call, and when it ended (seconds since the epoch)."""

    call: PluginCall
    ended: float

    @property
    def begun(self) -> float:
        """When it began."""
        return self.ended - self.call.duration


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt of a step. `state` RETRYING: another one followed. `first_begun` is the first attempt's."""

    step: Step
    state: StepState
    number: int
    first_begun: float
    begun: float
    ended: float
    failure: Failure | None
    calls: tuple[CallTold, ...]

    @property
    def name(self) -> str:
        """The step's name, as people write it."""
        return self.step.name.lower().replace("_", "-")


def attempts(log: EventLog) -> Iterator[Attempt]:
    """Every attempt of every step that was made, in the order they ended."""
    told = _Told(before=log.begun)
    last = log.begun
    for entry in log.since(0):
        last = entry.time
        event = entry.event
        if not isinstance(event, StepEvent):
            continue
        step = event.step
        if event.plugin_call is not None:
            call = CallTold(call=event.plugin_call, ended=entry.time)
            told.calls.setdefault(step, []).append(call)
            continue
        if step is Step.ROLLBACK:
            # What is taken back has failed, which is not told of it.
            yield from told.unfinished(entry.time, but=step)
        if event.state is StepState.STARTED:
            told.first.setdefault(step, entry.time)
            told.begun[step] = entry.time
        elif event.state in _ENDS:
            yield told.end(step, event.state, event.attempt, entry.time, event.failure)
            continue
        told.before = max(told.before, entry.time)
    yield from told.unfinished(last)


@dataclass(slots=True, kw_only=True)
class _Told:
    """What has been told and is not over. `before` is when the last step ended."""

    before: float
    first: dict[Step, float] = field(default_factory=dict)
    begun: dict[Step, float] = field(default_factory=dict)
    calls: dict[Step, list[CallTold]] = field(default_factory=dict)

    def end(self, step: Step, state: StepState, number: int, now: float, failure: Failure | None) -> Attempt:
        own = tuple(self.calls.pop(step, ()))
        since = self.begun.pop(step, max(self.before, own[0].begun) if own else self.before)
        # Calls of a step that is told later have begun after this one was over.
        later = [one.begun for calls in self.calls.values() for one in calls]
        ended = now if own else max(since, min([now, *later]))
        self.before = ended
        return Attempt(
            step=step,
            state=state,
            number=number,
            first_begun=min(since, self.first.get(step, since)),
            begun=min(since, ended),
            ended=ended,
            failure=failure,
            calls=own,
        )

    def unfinished(self, now: float, *, but: Step | None = None) -> Iterator[Attempt]:
        for step in [one for one in {**self.begun, **self.calls} if one is not but]:
            calls = self.calls.get(step)
            number = calls[-1].call.attempt if calls else 1
            yield self.end(step, StepState.FAILED, number, calls[-1].ended if calls else now, None)
