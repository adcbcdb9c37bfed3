"""Many networks taken back together: their host devices are destroyed as one group.

Unregistering a link costs the kernel's grace periods, which all links of one group share: 400 are gone in a
quarter of a second, where batches take one. Every other change of links on the host waits meanwhile, so this
is for a host that is being emptied. It does not wait for a VMM that still holds a tap: the host's device goes,
whoever holds the VM's.
"""

from __future__ import annotations

import contextlib
import threading
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace

from vmplumbd.cni.error import CniError
from vmplumbd.errors import AgentError, AgentNotReady, KernelFault
from vmplumbd.model.ids import Uid, VmId
from vmplumbd.model.lifecycle import Happening, Phase, after
from vmplumbd.model.progress import PluginCall, Step, StepState
from vmplumbd.model.record import Record
from vmplumbd.operations import chain, failures, reap, tear_down
from vmplumbd.operations.book import Kind, Operation
from vmplumbd.operations.events import EventLog
from vmplumbd.operations.lanes import LaneName, Work
from vmplumbd.operations.set_up import tell_step
from vmplumbd.operations.tools import Tools


@dataclass(frozen=True, slots=True, kw_only=True)
class Drained:
    """What became of one network."""

    record: Record
    error: AgentError | None


def suits(tools: Tools, record: Record) -> bool:
    """Whether a network can be taken back by its host devices: all of it is ours, and made in process."""
    plan = record.plan
    return (
        record.phase is Phase.READY
        and plan.netns_owned
        and bool(plan.attachments)
        and all(one.host_devices for one in plan.attachments)
        and record.boot_id == tools.book.boot_id
        and reap.all_built_in(tools, plan)
    )


def drain(tools: Tools, records: Sequence[Record]) -> tuple[Drained, ...]:
    """Take back networks that suit, devices and addresses included. Blocks.

    One with an operation under way, or that changed meanwhile, is left out. If the group cannot be used,
    since a foreign link is in it, networks go one by one. Raises JournalFailed with nothing done.
    """
    operations = _begin(tools, records)
    try:
        marked = tools.book.write_all(
            [
                replace(record, phase=after(record.phase, Happening.TEAR_DOWN), release_at=0.0)
                for record in records
                if record.vm_id in operations
            ]
        )
    except AgentError as exc:
        for operation in operations.values():
            _end(tools, operation, exc)
        raise
    if not marked:
        return ()
    # All but devices and addresses needs no turn among the changes of links, so it is done while the group
    # goes. The namespaces live on until then: the kernel would begin with them.
    taken: dict[VmId, reap.TakenBack] = {}
    over = threading.Event()
    later = [record for record in marked if chain.guards(record.plan)]
    soon = [record for record in marked if record not in later] if later else marked
    tools.lanes.submit(_in_the_lane(tools, soon, taken, over), LaneName.TEAR_DOWN, background=True)
    together = _destroy(tools, marked)
    over.wait(tools.settings.operation_timeout)
    # A VM is cut off before its masquerade goes, so that nothing of it gets out under its own address.
    _take_back(tools, later, taken)
    done: list[Record] = []
    fates: list[Drained] = []
    free = _free(tools, [one for one in marked if not _fault_of(taken, one)]) if together else frozenset()
    for record in marked:
        operation = operations[record.vm_id]
        found = taken.get(record.vm_id)
        failed = _fault_of(taken, record)
        if not failed and record.vm_id not in free:
            failed = reap.free(tools, record) if together else _one_by_one(tools, record)
        for step, well in found.steps if found is not None else ():
            tell_step(operation, step, StepState.SUCCEEDED if well else StepState.FAILED)
        if failed:
            fates.append(_failed(tools, operation, record, tear_down.del_failed(failed)))
        else:
            done.append(record)
    for found in taken.values():
        reap.let_go(found.going)
    try:
        tools.book.remove_all(done)
    except AgentError as exc:
        fates += [_failed(tools, operations[record.vm_id], record, exc) for record in done]
        return tuple(fates)
    for record in done:
        tell_step(operations[record.vm_id], Step.DEVICES_GONE, StepState.SUCCEEDED)
        _end(tools, operations[record.vm_id], None)
        fates.append(Drained(record=record, error=None))
    return tuple(fates)


def _begin(tools: Tools, records: Sequence[Record]) -> dict[VmId, Operation]:
    """From now on nobody else operates on these. Those that changed, or are operated on, are left out."""
    begun: dict[VmId, Operation] = {}
    book = tools.book
    with book.mutex:
        for record in records:
            if record.vm_id in book.running or book.get(record.vm_id) is not record:
                continue
            begun[record.vm_id] = book.running[record.vm_id] = Operation(
                kind=Kind.TEAR_DOWN,
                vm_id=record.vm_id,
                uid=Uid(uuid.uuid4().hex),
                spec_hash=b"",
                log=EventLog(tools.clock),
                network_uid=record.uid,
            )
    return begun


def _in_the_lane(
    tools: Tools, records: Sequence[Record], taken: dict[VmId, reap.TakenBack], over: threading.Event
) -> Work:
    yield from ()
    try:
        _take_back(tools, records, taken)
    finally:
        over.set()


def _take_back(tools: Tools, records: Sequence[Record], taken: dict[VmId, reap.TakenBack]) -> None:
    """DEL of all but links and addresses, and the namespaces' names."""
    deadline = tools.clock.monotonic() + tools.settings.operation_timeout
    for record in records:
        try:
            found = reap.take_back(tools, record, deadline=deadline, tell=_silence, cut=False)
        except Exception as exc:  # noqa: BLE001 - the others are taken back all the same
            found = reap.TakenBack(steps=(), failed=(failures.as_agent_error(exc),), waits_for=())
        taken[record.vm_id] = found


def _one_by_one(tools: Tools, record: Record) -> tuple[AgentError, ...]:
    """An ordinary taking back, with devices removed before it ends."""
    deadline = tools.clock.monotonic() + tools.settings.undo_timeout
    return reap.take_back(tools, record, deadline=deadline, tell=_silence, defer=False).failed


def _fault_of(taken: dict[VmId, reap.TakenBack], record: Record) -> tuple[AgentError, ...]:
    found = taken.get(record.vm_id)
    if found is not None:
        return found.failed
    return (AgentNotReady(f"the agent ended before the network of {record.vm_id} was taken back"),)


def _free(tools: Tools, records: Sequence[Record]) -> frozenset[VmId]:
    """Give back addresses, a network at a time; answers whose are free. The others' are tried one by one."""
    owners: dict[bytes, list[tuple[str, str]]] = {}
    for record in records:
        for one in record.plan.attachments:
            owners.setdefault(one.conf_list, []).append((record.vm_id, one.if_name))
    given: set[bytes] = set()
    for conf_list, listed in owners.items():
        with contextlib.suppress(OSError, CniError):
            if tools.free(conf_list, listed):
                given.add(conf_list)
    return frozenset(
        record.vm_id for record in records if all(one.conf_list in given for one in record.plan.attachments)
    )


def _destroy(tools: Tools, records: Sequence[Record]) -> bool:
    """Delete every host device at once. False if that cannot be: nothing, or not all, has gone then."""
    host = tools.kernel.host()
    indexes = [
        index
        for record in records
        for one in record.plan.attachments
        for name, index in one.host_devices
        if reap.is_there(host, name, index)
    ]
    try:
        tools.kernel.delete_group(tools.settings.drain_group, indexes)
    except KernelFault:
        return False
    return len(tools.devices.wait_gone(indexes, 0.0)) == len(indexes)


def _failed(tools: Tools, operation: Operation, record: Record, error: AgentError) -> Drained:
    tear_down.fail(tools, operation, error)
    tools.book.ended(operation)
    return Drained(record=record, error=error)


def _end(tools: Tools, operation: Operation, error: AgentError | None) -> None:
    tools.book.leave(operation)
    operation.log.finish(error=error)
    tools.book.ended(operation)


def _silence(call: PluginCall) -> None:
    """Failures are in the answer and in the record."""
    del call
