"""What is transient, and how long an operation tries again: tenacity's policies, without its sleeping.

A lane must not wait, so the loop asks for the delay and parks the operation (`lanes.Sleep`).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import tenacity

from vmplumbd.errors import Busy, PluginFailed, TryAgainLater


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """`attempts` in all, with exponential back-off and full jitter between `first` and `longest` seconds."""

    attempts: int = 5
    first: float = 0.1
    longest: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """The attempt numbered `attempt` failed with `error`; wait `delay` seconds, then try again."""

    attempt: int
    delay: float
    error: BaseException


@dataclass(slots=True, kw_only=True)
class Attempts:
    """The attempts of one act. `number` is the attempt under way, from 1."""

    policy: RetryPolicy
    transient: Callable[[BaseException], bool]
    number: int = 1

    def run(self, act: Callable[[int], None]) -> Iterator[Again]:
        """Call `act(number)` until it returns; yield before each further attempt.

        Raises what the last attempt raised.
        """
        state: tenacity.RetryCallState | None = None
        while True:
            try:
                act(self.number)
            except Exception as error:
                if state is None:
                    # Most acts succeed at once, and need no policy.
                    stop = tenacity.stop_after_attempt(self.policy.attempts)
                    wait = tenacity.wait_random_exponential(
                        multiplier=self.policy.first, max=self.policy.longest
                    )
                    retry = tenacity.retry_if_exception(self.transient)
                    # tenacity's own loop keeps its statistics by thread, and a parked operation goes on on
                    # another one: its policies are asked here, with a state that is the operation's.
                    state = tenacity.RetryCallState(tenacity.Retrying(), None, (), {})
                state.set_exception(sys.exc_info())  # type: ignore[arg-type]  # inside except it is never None
                if not retry(state) or stop(state):
                    raise
                delay = wait(state)
                yield Again(attempt=self.number, delay=delay, error=error)
            else:
                return
            state.prepare_for_next_attempt()
            self.number = state.attempt_number


def is_transient(error: BaseException) -> bool:
    """CNI code 11, EBUSY and its kin, and a plugin that a signal ended. Never a bad conf or a full range."""
    if isinstance(error, PluginFailed):
        return isinstance(error, TryAgainLater) or error.plugin_error.code == 11 or error.killed
    return isinstance(error, Busy)
