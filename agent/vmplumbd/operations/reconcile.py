"""What a start does before the listeners open: adopt what is READY, take back what was under way.

The kernel is the truth. A record of another boot speaks of a kernel that is gone: its namespace and
devices are, and what lies on disk (reservations, caches) is released by DEL without a namespace. A host
restored from a snapshot keeps its boot id, so namespace inodes are compared too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from vmplumbd.errors import AgentError, Reason
from vmplumbd.model.ids import VmId
from vmplumbd.model.lifecycle import Happening, Phase, after
from vmplumbd.model.progress import Failure, PluginCall
from vmplumbd.model.record import Record
from vmplumbd.operations import failures, namespace, reap
from vmplumbd.operations.book import Kind, Operation
from vmplumbd.operations.events import EventLog
from vmplumbd.operations.lanes import Sleep, Work
from vmplumbd.operations.tools import Tools

# First wait before a failed release is tried again, doubled up to the longest. Seconds.
_FIRST_DELAY = 1.0
_LONGEST_DELAY = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """What a start found and did, by vm_id."""

    adopted: tuple[str, ...]
    undone: tuple[str, ...]
    released: tuple[str, ...]
    waiting: tuple[str, ...]


def reconcile(tools: Tools, tell: Callable[[str, str, str], None]) -> Reconciled:
    """Bring records and kernel together. Blocks. `tell(what, vm_id, detail)` for each that is not adopted.

    A record that cannot be taken back now stays FAILED and is tried again; nothing blocks on it.
    """
    adopted: list[str] = []
    undone: list[str] = []
    released: list[str] = []
    waiting: list[str] = []
    # For all that plugins are executed for, together: one that hangs must not keep the listeners from opening.
    ends = tools.clock.monotonic() + tools.settings.undo_timeout
    for record in tools.book.records():
        if record.phase is Phase.READY and _stands(tools, record):
            adopted.append(record.vm_id)
            continue
        if record.is_memory:
            continue
        told = _why(tools, record)
        if _take_back(tools, record, told, None if reap.all_built_in(tools, record.plan) else ends):
            group = undone if record.phase is Phase.SETTING_UP else released
            group.append(record.vm_id)
        else:
            waiting.append(record.vm_id)
        tell("taken back" if record.vm_id not in waiting else "waits", record.vm_id, told)
    for release in tools.book.releases():
        reap.watch(tools, release)
    for vm_id in waiting:
        kept = tools.book.get(VmId(vm_id))
        if kept is not None:
            schedule(tools, kept)
    return Reconciled(
        adopted=tuple(adopted), undone=tuple(undone), released=tuple(released), waiting=tuple(waiting)
    )


def schedule(tools: Tools, record: Record) -> None:
    """Try again, with back-off and for ever, to take back what a FAILED record still holds."""
    if record.owes:
        tools.lanes.submit(_again(tools, record), reap.lane_of(tools, record.plan), background=True)


def keep_failed(tools: Tools, operation: Operation, record: Record, error: AgentError) -> None:
    """Record that an operation failed, and see to it that what is left is given back when `record` says.

    A journal that does not take it is added to the error's notes: the record is believed until one does.
    """
    failed = replace(
        record,
        phase=after(record.phase, Happening.FAILED),
        failure=failures.failure(error),
        last_sequence=operation.log.last_sequence,
    )
    try:
        kept = tools.book.write(failed)
    except AgentError as lost:
        error.add_note(f"and the failure could not be recorded: {lost}")
        kept = tools.book.believe(failed)
    schedule(tools, kept)


def _again(tools: Tools, record: Record) -> Work:
    delay = _FIRST_DELAY
    current = record
    while True:
        yield Sleep(seconds=delay)
        delay = min(delay * 2, _LONGEST_DELAY)
        operation = Operation(
            kind=Kind.TEAR_DOWN,
            vm_id=record.vm_id,
            uid=record.uid,
            spec_hash=record.spec_hash,
            log=EventLog(tools.clock),
        )
        with tools.book.mutex:
            found = tools.book.get(record.vm_id)
            if found is None or found.uid != record.uid or found.phase is not Phase.FAILED:
                return
            if record.vm_id in tools.book.running:
                continue
            tools.book.running[record.vm_id] = operation
        try:
            if _take_back(tools, found, found.failure.message if found.failure else ""):
                return
            current = tools.book.get(record.vm_id) or current
        finally:
            operation.log.finish()
            tools.book.ended(operation)


def _stands(tools: Tools, record: Record) -> bool:
    plan = record.plan
    if not plan.netns_path:
        return True
    if record.boot_id != tools.book.boot_id:
        return False
    return namespace.is_ours(tools.kernel, plan.netns_path, plan.netns_device, plan.netns_inode)


def _why(tools: Tools, record: Record) -> str:
    if record.boot_id != tools.book.boot_id:
        return "the host has rebooted since"
    if record.phase is Phase.READY:
        return f"namespace {record.plan.netns_path} is gone, or another one lies there"
    if record.phase is Phase.FAILED:
        return record.failure.message if record.failure else "it failed"
    return f"the agent was restarted while it was {record.phase.name}"


def _take_back(tools: Tools, record: Record, why: str, deadline: float | None = None) -> bool:
    """Take back what a record holds. False if something stays; the record then says what.

    Without a `deadline` it has the time of an undoing to itself.
    """
    old_boot = record.boot_id != tools.book.boot_id
    plan = record.plan
    current = record
    if old_boot or (record.phase is Phase.READY and not _stands(tools, record)):
        # Whatever lies at the path now is not what we made: only a dead file of ours may go.
        there = _is_namespace(tools, plan.netns_path)
        plan = replace(
            plan, netns_path="" if there else plan.netns_path, netns_owned=not there and plan.netns_owned
        )
        current = replace(record, plan=plan)
    # The caller that waited for it may ask: it hears why, and may set up again.
    stays = record.phase is Phase.SETTING_UP or (record.phase is Phase.FAILED and not old_boot)
    try:
        gone = reap.take_back(
            tools,
            current,
            deadline=deadline or tools.clock.monotonic() + tools.settings.undo_timeout,
            tell=_silence,
            # A row that stays has no place for what is still owed.
            defer=not stays,
        )
    except Exception as exc:  # noqa: BLE001 - whatever it is, other networks are recovered, and this one again
        _keep(tools, record, (failures.as_agent_error(exc),))
        return False
    if gone.failed:
        _keep(tools, record, gone.failed)
        return False
    if stays:
        failure = record.failure or Failure(reason=Reason.INTERNAL, message=why, retryable=True)
        cleared = replace(
            record,
            phase=Phase.FAILED,
            plan=replace(record.plan, attachments=(), netns_owned=False, netns_dir=None),
            failure=replace(failure, leftovers=()),
            release_at=0.0,
        )
        _note(tools, cleared)
        return True
    release = reap.release_of(current, gone.waits_for, tools) if gone.waits_for else None
    try:
        reap.forget(tools, record, release, gone.going)
    except AgentError as exc:
        _keep(tools, record, (exc,))
        return False
    return True


def _keep(tools: Tools, record: Record, failed: tuple[AgentError, ...]) -> None:
    told = failures.failure(failed[0])
    leftovers = reap.leftovers(record, failed)
    changed = replace(
        record,
        phase=Phase.FAILED,
        failure=replace(told, leftovers=leftovers),
        release_attempts=record.release_attempts + 1,
    )
    _note(tools, changed)


def _note(tools: Tools, record: Record) -> None:
    try:
        tools.book.write(record)
    except AgentError:
        # The row stays as it was, and the next start finds it again; until then this is what is so.
        tools.book.believe(record)


def _is_namespace(tools: Tools, path: str) -> bool:
    if not path:
        return False
    try:
        tools.kernel.netns_identity(path)
    except AgentError:
        return False
    return True


def _silence(call: PluginCall) -> None:
    """Nobody listens at start; failures are kept in the record."""
    del call
