"""TeardownNetwork: the VM is cut off, DEL of the whole chain, the namespace unlinked, the record forgotten.

Works from the record alone. Every step is tried whatever fails before it, on the operation's own time
budget; what could not be taken back stays in the journal and is tried again.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace

from vmplumbd.errors import AgentError, DelFailed, OperationTimeout, PluginFailed, UidMismatch
from vmplumbd.model.lifecycle import Happening, Phase, after
from vmplumbd.model.progress import PluginCall, Step, StepEvent, StepState
from vmplumbd.model.record import Record
from vmplumbd.model.trace import TraceContext
from vmplumbd.operations import chain, failures, reap, reconcile
from vmplumbd.operations.book import Operation
from vmplumbd.operations.lanes import GoTo, Park, Sleep, WaitFor, Work
from vmplumbd.operations.retry import Attempts, is_transient
from vmplumbd.operations.set_up import tell_step
from vmplumbd.operations.tools import Tools


@dataclass(frozen=True, slots=True, kw_only=True)
class TearDownOrder:
    """One request. `uid` empty means whichever incarnation there is; `timeout` in seconds.

    `trace` is the call's span.
    """

    uid: str = ""
    force: bool = False
    timeout: float
    wait_for_devices: bool = False
    trace: TraceContext | None = None


def tear_down(tools: Tools, operation: Operation, order: TearDownOrder, before: Operation | None) -> Work:
    """The operation, to its last event, once `before` has ended. Ends `operation`; raises nothing."""
    try:
        if before is not None:
            # The set-up was told to end; it takes back what it did before it does.
            yield WaitFor(when=before.when_ended)
        record = tools.book.get(operation.vm_id)
        if record is None:
            operation.existed = False
            tools.book.leave(operation)
            operation.log.finish()
            return
        operation.network_uid = record.uid
        try:
            if order.uid and order.uid != record.uid:
                raise UidMismatch(f"the network of {record.vm_id} has another uid than {order.uid}")
            record = tools.book.write(
                replace(record, phase=after(record.phase, Happening.TEAR_DOWN), release_at=0.0)
            )
            yield GoTo(lane=reap.lane_of(tools, record.plan))
            deadline = tools.clock.monotonic() + order.timeout
            gone = yield from _take_back(tools, operation, record, deadline)
            for step, well in gone.steps:
                tell_step(operation, step, StepState.SUCCEEDED if well else StepState.FAILED)
            if gone.failed and not order.force:
                raise _failed(tools, order, record, gone.failed, deadline)
            release = None
            if gone.waits_for or gone.failed:
                release = reap.release_of(record, gone.waits_for, tools, gone.failed)
            operation.ignored_failures = gone.failed
            operation.leftovers = reap.leftovers(record, gone.failed)
            kept = reap.forget(tools, record, release, gone.going)
            operation.devices_gone = not gone.waits_for
            if order.wait_for_devices and gone.waits_for:
                if kept is not None:
                    tools.reaper.hurry(kept)
                tell_step(operation, Step.DEVICES_GONE, StepState.STARTED)
                yield WaitFor(
                    when=lambda wake: reap.when_gone(tools, gone.waits_for, wake),
                    seconds=max(0.0, deadline - tools.clock.monotonic()),
                )
                operation.devices_gone = reap.are_gone(tools, gone.waits_for)
                if not operation.devices_gone:
                    operation.holders = tools.holders(record.plan.netns_inode, record.plan.netns_path)
                if kept is not None and operation.devices_gone:
                    # The answer says that the address is free.
                    unsettled = reap.settle(tools, kept)
                    operation.ignored_failures += unsettled
                    operation.leftovers += reap.leftovers(record, unsettled)
                state = StepState.SUCCEEDED if operation.devices_gone else StepState.FAILED
                tell_step(operation, Step.DEVICES_GONE, state)
        except Exception as exc:  # noqa: BLE001 - every fault is told and recorded, whatever it is
            fail(tools, operation, failures.as_agent_error(exc))
            return
        tools.book.leave(operation)
        operation.log.finish()
    finally:
        tools.book.ended(operation)


def _take_back(
    tools: Tools, operation: Operation, record: Record, deadline: float
) -> Generator[Park, None, reap.TakenBack]:
    """Everything is tried; again, with back-off, while all that failed is transient."""
    gone: list[reap.TakenBack] = []

    def attempt(number: int) -> None:
        gone.append(
            reap.take_back(
                tools,
                record,
                deadline=deadline,
                tell=_calls(operation),
                attempt=number,
                env=operation.environment(Step.CNI_DEL, number),
            )
        )
        if gone[-1].failed:
            raise next((one for one in gone[-1].failed if not is_transient(one)), gone[-1].failed[0])

    try:
        for again in Attempts(policy=tools.settings.retry, transient=is_transient).run(attempt):
            if tools.clock.monotonic() + again.delay >= deadline:
                break
            operation.log.tell(
                StepEvent(
                    step=Step.CNI_DEL,
                    state=StepState.RETRYING,
                    attempt=again.attempt,
                    max_attempts=tools.settings.retry.attempts,
                    retry_delay=again.delay,
                    failure=failures.failure(failures.as_agent_error(again.error)),
                )
            )
            yield Sleep(seconds=again.delay)
    except AgentError:
        if not gone or not gone[-1].failed:
            raise
    return gone[-1]


def _failed(
    tools: Tools, order: TearDownOrder, record: Record, failed: tuple[AgentError, ...], deadline: float
) -> AgentError:
    error = del_failed(failed)
    if tools.clock.monotonic() >= deadline:
        said = f"operation_timeout of {order.timeout} s ran out: {error.message}"
        late = OperationTimeout(said, hint=error.hint)
        late.__cause__ = error
        error = late
    error.leftovers = reap.leftovers(record, failed)
    return error


def fail(tools: Tools, operation: Operation, error: AgentError) -> None:
    """A teardown failed: the record says so, and is tried again."""
    current = tools.book.get(operation.vm_id)
    # A network that was not touched yet stays what it is.
    if current is not None and current.phase is Phase.TEARING_DOWN:
        reconcile.keep_failed(tools, operation, replace(current, release_at=tools.clock.now()), error)
    tools.book.leave(operation)
    operation.log.finish(error=error)


def del_failed(failed: tuple[AgentError, ...]) -> AgentError:
    """One error for all that failed."""
    first = failed[0]
    if len(failed) == 1:
        return first
    error = first.plugin_error if isinstance(first, PluginFailed) else failures.no_plugin_error(first)
    told = DelFailed("; ".join(one.message for one in failed), error, hint=first.hint)
    told.__cause__ = ExceptionGroup("every step of the teardown was tried", list(failed))
    return told


def _calls(operation: Operation) -> chain.Tell:
    def told(call: PluginCall) -> None:
        operation.log.tell(
            StepEvent(
                step=Step.CNI_DEL, state=StepState.PLUGIN_CALLED, attempt=call.attempt, plugin_call=call
            )
        )

    return told
