"""CollectGarbage: networks that no valid VM owns are torn down, then CNI GC on networks that are ours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from vmplumbd.errors import AgentError, UidMismatch, Unsupported
from vmplumbd.model.caller import LOCAL, Caller
from vmplumbd.model.record import Record
from vmplumbd.operations import chain, drain, failures, look
from vmplumbd.operations.book import Operation
from vmplumbd.operations.clear import Cleared, TearDown, clear, spared
from vmplumbd.operations.lanes import GoTo, LaneName, WaitFor, Work
from vmplumbd.operations.tear_down import TearDownOrder
from vmplumbd.operations.tools import Tools


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectOrder:
    """One request. Records with a revision after `as_of_revision` are kept.

    `as_one_group`: what suits goes together (`drain`), and every device has gone before the answer.
    `drain_pools`: members of warm pools go too. `by` is whose networks are concerned; CNI GC is the
    administrators'.
    """

    valid_vm_ids: frozenset[str]
    as_of_revision: int
    dry_run: bool
    collect_leaks: bool = False
    quarantine: bool = False
    as_one_group: bool = False
    drain_pools: bool = False
    by: Caller = LOCAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What became of one network."""

    vm_id: str
    uid: str
    error: AgentError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """Networks collected, what became of leaks, and CNI networks that GC ran on with what it failed on."""

    fates: tuple[Fate, ...]
    leaks: tuple[Cleared, ...] = ()
    gc_networks: tuple[str, ...] = ()
    gc_errors: tuple[AgentError, ...] = ()
    pool_members: int = 0


def collect(
    tools: Tools,
    operation: Operation,
    order: CollectOrder,
    tear_down: TearDown,
    answer: Callable[[Collected], None],
) -> Work:
    """The operation. Ends `operation`; raises nothing."""
    try:
        try:
            fates: list[Fate] = []
            if order.as_one_group and not order.dry_run:
                suited = [record for record in _stale(tools, order) if drain.suits(tools, record)]
                fates += [
                    Fate(vm_id=one.record.vm_id, uid=one.record.uid, error=one.error)
                    for one in (drain.drain(tools, suited) if suited else ())
                ]
            tried = {fate.vm_id for fate in fates}
            for record in _stale(tools, order):
                if record.vm_id in tried:
                    continue
                if order.dry_run:
                    fates.append(Fate(vm_id=record.vm_id, uid=record.uid))
                    continue
                order_one = TearDownOrder(
                    uid=record.uid,
                    timeout=tools.settings.operation_timeout,
                    wait_for_devices=order.as_one_group,
                )
                torn = tear_down(record.vm_id, order_one)
                if torn is not None:
                    yield WaitFor(when=torn.when_ended)
                if torn is not None and not isinstance(torn.log.error, UidMismatch):
                    # A mismatch: someone else tore it down, and the VM is there anew.
                    fates.append(Fate(vm_id=record.vm_id, uid=record.uid, error=torn.log.error))
            members = 0
            if order.drain_pools:
                # Where they are claimed and made, so that nobody claims what goes.
                yield GoTo(lane=LaneName.BUILT_IN)
                members = tools.pools.drain(dry_run=order.dry_run)
                yield GoTo(lane=LaneName.EXEC)
            leaks: tuple[Cleared, ...] = ()
            if order.collect_leaks:
                # Before CNI GC, which takes what it takes without a second look.
                leaks = yield from clear(
                    tools,
                    alive=order.valid_vm_ids,
                    dry_run=order.dry_run,
                    quarantine=order.quarantine,
                    tear_down=tear_down,
                )
            networks, errors = _collect_cni(tools, order, spared(tools, leaks))
            answer(
                Collected(
                    fates=tuple(fates),
                    leaks=leaks,
                    gc_networks=networks,
                    gc_errors=errors,
                    pool_members=members,
                )
            )
        except Exception as exc:  # noqa: BLE001 - every fault is told, whatever it is
            operation.log.finish(error=failures.as_agent_error(exc))
        else:
            operation.log.finish()
    finally:
        operation.end()


def _collect_cni(
    tools: Tools, order: CollectOrder, spared: frozenset[tuple[str, str, str]]
) -> tuple[tuple[str, ...], tuple[AgentError, ...]]:
    """CNI GC on the networks that the operator marks as ours: it drops what other runtimes attached.

    `spared` are attachments (network, vm_id, interface) that stay though the journal does not know them.
    """
    if not order.by.sees_all:
        return (), ()
    errors: list[AgentError] = []
    defaults = tools.settings.defaults
    names = tuple(sorted(tools.settings.owned_networks))
    if names and not order.collect_leaks and (damaged := look.set_aside(tools.settings.state_dir)):
        # Live networks may be unknown, and GC would free their addresses.
        lost = Unsupported(
            f"CNI GC is left out: {damaged[0].path} was set aside, so not every network is known",
            hint="are all networks taken over (vmplumbd import), and can that file go?",
        )
        return (), (lost,)
    for name in () if order.dry_run else names:
        try:
            network = chain.load(defaults.conf_dir, name)
        except AgentError as exc:
            errors.append(exc)
            continue
        # Nobody begins in between: what is not in the list loses its address.
        with tools.book.collecting(name):
            errors.extend(
                chain.gc(
                    network,
                    _valid(tools, name, spared),
                    invoker=tools.invoker,
                    bin_path=defaults.bin_path,
                    deadline=tools.clock.monotonic() + tools.settings.operation_timeout,
                )
            )
    return names, tuple(errors)


def _valid(tools: Tools, name: str, spared: frozenset[tuple[str, str, str]]) -> list[tuple[str, str]]:
    """Which (vm_id, interface)s of a network CNI GC must leave."""
    # An address that waits for its device to go is still in use.
    held = [(one.vm_id, one.plan) for one in tools.book.records()]
    held += [(one.vm_id, one.plan) for one in tools.book.releases()]
    valid = [
        (str(vm_id), attachment.if_name)
        for vm_id, plan in held
        for attachment in plan.attachments
        if attachment.network == name
    ]
    return valid + [(vm_id, if_name) for network, vm_id, if_name in sorted(spared) if network == name]


def _stale(tools: Tools, order: CollectOrder) -> list[Record]:
    return [
        record
        for record in tools.book.records()
        if order.by.sees(record.owner)
        and record.vm_id not in order.valid_vm_ids
        and record.revision <= order.as_of_revision
        and record.vm_id not in tools.book.running
    ]
