"""SetupNetwork: namespace, CNI ADD, the answer; everything taken back if a step fails.

Read from top to bottom it is the life of one request. Nothing is touched before the journal knows of
it; undo is pushed before the act it undoes; the commit is one journal write.
"""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field, replace

from vmplumbd import vmconf
from vmplumbd.cni import result as results
from vmplumbd.cni.runtime import Added
from vmplumbd.errors import (
    AgentError,
    DelFailed,
    LimitExceeded,
    NotFound,
    OperationPending,
    OperationTimeout,
    PluginFailed,
    TooManyNetworks,
)
from vmplumbd.model import net, outside
from vmplumbd.model.caller import LOCAL, Caller
from vmplumbd.model.ids import VmId
from vmplumbd.model.lifecycle import Happening, after
from vmplumbd.model.outcome import Attachment, Outcome, Plan
from vmplumbd.model.progress import (
    Failure,
    PluginCall,
    ResourceKind,
    Step,
    StepEvent,
    StepState,
    Warning,
)
from vmplumbd.model.record import Member, Record
from vmplumbd.model.spec import NetworkSpec
from vmplumbd.model.trace import TraceContext
from vmplumbd.operations import addresses, apart, chain, failures, foreign, namespace, places, reap, reconcile
from vmplumbd.operations.book import Operation
from vmplumbd.operations.cancel import Bounds, Deadline
from vmplumbd.operations.chain import Chain
from vmplumbd.operations.lanes import GoTo, LaneName, Park, Sleep, WaitFor, Work
from vmplumbd.operations.retry import Attempts, is_transient
from vmplumbd.operations.tools import Tools
from vmplumbd.operations.undo import Undo

# How often it is looked whether CNI GC has ended, in seconds.
_LOOK = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class SetUpOrder:
    """One request: the spec, and how it was sent. `timeout` in seconds. `by` is who sent it.

    `trace` is the call's span.
    """

    spec: NetworkSpec
    spec_bytes: bytes = field(repr=False)
    spec_hash: bytes
    timeout: float
    by: Caller = LOCAL
    trace: TraceContext | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A checked request: what it will touch."""

    plan: Plan
    chains: tuple[Chain, ...]


def prepare(tools: Tools, vm_id: VmId, spec: NetworkSpec, by: Caller = LOCAL) -> Prepared:
    """Find all that the request names on the host. Touches nothing.

    Raises what `chain.find` raises, PathNotAllowed and NotANetns for the namespace.
    """
    spec, chains = find_chains(tools, vm_id, spec, by)
    netns_path = spec.netns_path
    if chains:
        netns_path = netns_path or f"{tools.settings.netns_dir}/{vm_id}"
    adopted = namespace.find(tools.kernel, netns_path) if netns_path else None
    owned = bool(chains) and adopted is None
    if netns_path and adopted is None and not owned:
        raise failures.no_such_netns(netns_path)
    if netns_path and not owned:
        # It may have come since it was asked whose it is; a record is written before what it is about is made.
        apart.check(tools, vm_id, spec, by)
    return Prepared(
        plan=Plan(
            netns_path=netns_path,
            netns_owned=owned,
            # Which one it is must be on record before it is touched: its owner may put another in its place.
            netns_device=adopted.device if adopted is not None else 0,
            netns_inode=adopted.inode if adopted is not None else 0,
            netns_dir=_planned_dir(tools, vm_id, netns_path) if owned else None,
            attachments=tuple(one.attachment for one in chains),
        ),
        chains=chains,
    )


def find_chains(
    tools: Tools, vm_id: VmId, spec: NetworkSpec, by: Caller
) -> tuple[NetworkSpec, tuple[Chain, ...]]:
    """The request with its paths settled, and its CNI chains. Touches nothing. Raises as `prepare` does."""
    defaults = tools.settings.defaults
    spec = places.settled(spec, defaults.policy)
    apart.check(tools, vm_id, spec, by)
    return spec, tuple(
        chain.find(index, interface.cni, vm_id, defaults)
        for index, interface in enumerate(spec.interfaces)
        if interface.cni is not None
    )


def set_up(tools: Tools, operation: Operation, order: SetUpOrder) -> Work:
    """The operation, from its first check to its last event. Ends `operation`; raises nothing."""
    bounds = Bounds(Deadline(tools.clock, order.timeout), operation.token)
    record: Record | None = None
    undo = Undo()
    try:
        try:
            is_known = tools.book.knows(operation.vm_id)
            if (old := tools.book.get(operation.vm_id)) is not None:
                # A request that is refused must not touch what the old one left.
                find_chains(tools, operation.vm_id, order.spec, order.by)
                yield from _undo_the_old(tools, operation, old, order, bounds)
            yield from _settle(tools, operation, order, bounds)
            named = {one.cni.network_name for one in order.spec.interfaces if one.cni is not None}
            if named and named <= tools.built_in_networks and tools.pools.would_miss(order.spec):
                tools.kernel.expect_netns()
            prepared = prepare(tools, operation.vm_id, order.spec, order.by)
            if not is_known:
                foreign.refuse_what_stands(tools, operation.vm_id, prepared.chains)
            if tools.book.count() >= tools.settings.max_networks:
                raise TooManyNetworks(
                    f"{tools.book.count()} networks are held, the limit is {tools.settings.max_networks}"
                )
            if used := tools.book.journal_exceeds(tools.settings.journal_bytes):
                raise LimitExceeded(
                    f"the journal has {used} bytes, the limit is {tools.settings.journal_bytes}",
                    limit="limits.journal_bytes",
                    hint="do networks with large inline configurations stand, or releases that never succeed?",
                )
            if not all(tools.runs_in_process(one.conf_list) for one in prepared.plan.attachments):
                tools.built_in_networks.difference_update(named)
                tools.kernel.close_kept()  # what this thread expected is not that one's
                yield GoTo(lane=LaneName.EXEC)
                if prepared.plan.netns_owned:
                    tools.kernel.expect_netns()
            else:
                tools.built_in_networks.update(named - {""})
            for found in prepared.chains:
                chain.check_plugins(found, tools.preflight)
                yield from addresses.make_room(tools, operation.vm_id, found, bounds)
            tell_step(operation, Step.CNI_LOAD, StepState.SUCCEEDED)
            bounds.check("the first effect")
            member = tools.pools.take(order.spec, prepared.chains) if prepared.plan.netns_owned else None
            if member is None:
                record = tools.book.write(_new_record(tools, operation, order, prepared.plan))
            else:
                prepared = replace(prepared, plan=_claiming(prepared.plan, member))
                record = tools.book.claim(_new_record(tools, operation, order, prepared.plan), member)
                tools.pools.refill(member.network)
            outcome, plan = yield from _act(tools, operation, order, prepared, bounds, undo, member)
            record = tools.book.write(
                replace(
                    record,
                    phase=after(record.phase, Happening.COMMITTED),
                    plan=plan,
                    last_sequence=operation.log.last_sequence + 1,
                )
            )
            undo.forget()
        except Exception as exc:  # noqa: BLE001 - every fault is undone, told and recorded, whatever it is
            _fail(tools, operation, record, undo, failures.hide(failures.as_agent_error(exc), operation.hide))
            return
        tools.kernel.close_kept()
        tools.book.leave(operation)
        operation.log.finish(outcome=outcome)
    finally:
        tools.book.ended(operation)


def _act(
    tools: Tools,
    operation: Operation,
    order: SetUpOrder,
    prepared: Prepared,
    bounds: Bounds,
    undo: Undo,
    member: Member | None,
) -> Generator[Park, None, tuple[Outcome, Plan]]:
    plan = prepared.plan
    ahead: object = None
    if member is not None:
        tell_step(operation, Step.POOL_CLAIM, StepState.STARTED)
        ahead = tools.pools.made(member)
        # It is this network's from the record on, wherever it lies.
        for path in (plan.netns_path, plan.claimed_path):
            undo.push(ResourceKind.NETNS, path, path, functools.partial(namespace.remove, tools.kernel, path))
        plan = _make_parent(tools, operation, plan, undo)
        namespace.move(tools.kernel, plan.claimed_path, plan.netns_path)
        plan = replace(plan, claimed_path="")
        tell_step(operation, Step.POOL_CLAIM, StepState.SUCCEEDED)
    elif plan.netns_owned:
        tell_step(operation, Step.NETNS, StepState.STARTED)
        plan = _make_parent(tools, operation, plan, undo)
        # A create that fails leaves nothing; what another program put at the path meanwhile is its own.
        identity = namespace.create(tools.kernel, plan.netns_path)
        undo.push(
            ResourceKind.NETNS,
            plan.netns_path,
            plan.netns_path,
            functools.partial(namespace.remove, tools.kernel, plan.netns_path),
        )
        plan = replace(plan, netns_device=identity.device, netns_inode=identity.inode)
        tell_step(operation, Step.NETNS, StepState.SUCCEEDED)
    elif plan.netns_path:
        adopted = tools.kernel.netns_identity(plan.netns_path)
        if (adopted.device, adopted.inode) != (plan.netns_device, plan.netns_inode):
            # Another one since it was looked at; nothing has been done in either.
            plan = replace(plan, netns_device=adopted.device, netns_inode=adopted.inode)
            _note_plan(tools, operation, plan)
        tell_step(operation, Step.NETNS, StepState.SKIPPED)
    yield from _wait_for_gc(tools, plan, bounds)
    made: list[vmconf.CniOutcome] = []
    attachments: list[Attachment] = []
    for attachment in plan.attachments:
        cni = order.spec.interfaces[attachment.index].cni
        assert cni is not None
        bounds.check("CNI DEL")
        _del_first(tools, operation, attachment, plan, bounds, force=cni.force)
        undo.push(
            ResourceKind.CNI_ATTACHMENT,
            f"{attachment.network}/{attachment.if_name}",
            plan.netns_path,
            functools.partial(_del_after_failure, tools, operation, attachment, plan.netns_path),
        )
        added = yield from _add(tools, operation, attachment, plan.netns_path, bounds, ahead)
        outcome, grown = _look(tools, operation, attachment, added.result, added.raw, plan)
        made.append(outcome)
        attachments.append(grown)
    tell_step(operation, Step.PARSE_RESULT, StepState.STARTED)
    answer = vmconf.outcome(order.spec, operation.vm_id, plan.netns_path, made)
    tell_step(operation, Step.PARSE_RESULT, StepState.SUCCEEDED, warnings=answer.warnings)
    bounds.check("the commit")
    return answer, replace(plan, attachments=tuple(attachments))


def _claiming(plan: Plan, member: Member) -> Plan:
    """The plan of a set-up that takes a member: its namespace is known before it is touched."""
    return replace(
        plan,
        claimed_path=member.path,
        netns_device=member.netns_device,
        netns_inode=member.netns_inode,
    )


def _planned_dir(tools: Tools, vm_id: VmId, netns_path: str) -> net.NetnsDir | None:
    """What must be made for the namespace to lie in, and goes with it. Touches nothing."""
    if os.path.dirname(netns_path) == tools.settings.netns_dir:  # noqa: PTH120 - text in, text out
        # The agent's own directory stays, as `ip netns` leaves its own.
        return None
    return _with_others(tools, vm_id, namespace.plan_parent(tools.kernel, netns_path))


def _with_others(tools: Tools, vm_id: VmId, made: net.NetnsDir) -> net.NetnsDir | None:
    owed = namespace.shared(made, tools.book.other_netns_dirs(vm_id))
    return owed if owed.made or owed.mounted else None


def _make_parent(tools: Tools, operation: Operation, plan: Plan, undo: Undo) -> Plan:
    if plan.netns_dir is not None:
        what = plan.netns_dir.path
        undo.push(ResourceKind.FILE, what, "", functools.partial(_remove_parent, tools, operation.vm_id))
    made = namespace.make_parent(tools.kernel, plan.netns_path)
    if made.path == tools.settings.netns_dir:
        return plan
    owed = _with_others(tools, operation.vm_id, made)
    if owed == plan.netns_dir:
        return plan
    # Another one has made it, or taken it away, since it was looked at.
    if owed is not None:
        undo.push(
            ResourceKind.FILE, made.path, "", functools.partial(namespace.remove_parent, tools.kernel, owed)
        )
    plan = replace(plan, netns_dir=owed)
    _note_plan(tools, operation, plan)
    return plan


def _note_plan(tools: Tools, operation: Operation, plan: Plan) -> None:
    record = tools.book.get(operation.vm_id)
    assert record is not None
    tools.book.write(replace(record, plan=plan))


def _remove_parent(tools: Tools, vm_id: VmId) -> None:
    record = tools.book.get(vm_id)
    if record is not None:
        namespace.remove_parent(tools.kernel, record.plan.netns_dir)


def _del_first(
    tools: Tools, operation: Operation, attachment: Attachment, plan: Plan, bounds: Bounds, *, force: bool
) -> None:
    tell_step(operation, Step.CNI_DEL_PREEXISTING, StepState.STARTED)
    if plan.netns_owned and not chain.has_traces(
        attachment, operation.vm_id, invoker=tools.invoker, caches=tools.caches
    ):
        # The namespace is new and nothing lies outside: DEL would look at the same things, and find nothing.
        tell_step(operation, Step.CNI_DEL_PREEXISTING, StepState.SUCCEEDED)
        return
    if _is_fresh(tools, attachment, plan):
        tell_step(operation, Step.CNI_DEL_PREEXISTING, StepState.SKIPPED)
        return
    failed = chain.delete(
        attachment,
        operation.vm_id,
        plan.netns_path,
        invoker=tools.invoker,
        caches=tools.caches,
        deadline=bounds.deadline.at,
        cancelled=bounds.token.cancelled,
        tell=_calls(operation, Step.CNI_DEL_PREEXISTING, only_failures=True),
        env=operation.environment(Step.CNI_DEL_PREEXISTING),
        strict=tools.settings.strict_del,
    )
    if failed:
        bounds.check("CNI DEL was done")
    if failed and not force:
        raise DelFailed(
            f"failed to delete pre-existing CNI network: {failed[0].message}",
            failed[0].plugin_error,
            hint=failed[0].hint
            or "if what it left behind does not matter, does the same call with force go through?",
        ) from failed[0]
    tell_step(
        operation,
        Step.CNI_DEL_PREEXISTING,
        StepState.SUCCEEDED,
        warnings=tuple(Warning(reason="DEL_FAILED", message=str(one)) for one in failed),
    )


def _wait_for_gc(tools: Tools, plan: Plan, bounds: Bounds) -> Generator[Park, None, None]:
    """CNI GC frees what its list does not name, and the list may be older than this network's record."""
    while any(tools.book.is_collected(one.network) for one in plan.attachments):
        tools.kernel.close_kept()
        yield Sleep(seconds=_LOOK, token=bounds.token)
        bounds.check("CNI GC ended")


def _is_fresh(tools: Tools, attachment: Attachment, plan: Plan) -> bool:
    """Whether the journal proves that DEL has nothing to take back.

    A former network of this id was taken back before the set-up came here, or the journal never knew one; on a
    network that the operator marks as the agent's own nobody else makes any, and a start under a new boot id has
    released what lay on disk there. So it is for a journal that has seen the boot.
    """
    owned = attachment.network in tools.settings.owned_networks
    return owned and plan.netns_owned and tools.book.covers_boot


def _add(
    tools: Tools,
    operation: Operation,
    attachment: Attachment,
    netns: str,
    bounds: Bounds,
    ahead: object,
) -> Generator[Park, None, Added]:
    attempts = Attempts(policy=tools.settings.retry, transient=is_transient)
    added: list[Added] = []

    def attempt(number: int) -> None:
        bounds.check("CNI ADD")
        if number > 1:
            # A failed ADD is followed by DEL before the next one (cni:SPEC.md, section 3).
            _del_after_failure(tools, operation, attachment, netns)
        tell_step(operation, Step.CNI_ADD, StepState.STARTED, attempt=number)
        added.append(
            chain.add(
                attachment,
                operation.vm_id,
                netns,
                invoker=tools.invoker,
                caches=tools.caches,
                deadline=bounds.deadline.at,
                cancelled=bounds.token.cancelled,
                attempt=number,
                tell=_calls(operation, Step.CNI_ADD),
                env=operation.environment(Step.CNI_ADD, number),
                # What was made ahead is gone once a first attempt has failed.
                ahead=ahead if number == 1 else None,
            )
        )

    for again in attempts.run(attempt):
        delay = again.delay
        left = bounds.deadline.remaining()
        if left is not None and left <= delay:
            raise OperationTimeout(
                f"operation_timeout of {bounds.deadline.seconds} s leaves no time for attempt "
                f"{again.attempt + 1}: {again.error}"
            ) from again.error
        operation.log.flush()
        operation.log.tell(
            StepEvent(
                step=Step.CNI_ADD,
                state=StepState.RETRYING,
                attempt=again.attempt,
                max_attempts=tools.settings.retry.attempts,
                retry_delay=delay,
                failure=failures.failure(failures.as_agent_error(again.error)),
            )
        )
        tools.kernel.close_kept()
        yield Sleep(seconds=delay, token=bounds.token)
    tell_step(operation, Step.CNI_ADD, StepState.SUCCEEDED, attempt=attempts.number)
    return added[-1]


def _look(
    tools: Tools, operation: Operation, attachment: Attachment, result: results.Result, raw: bytes, plan: Plan
) -> tuple[vmconf.CniOutcome, Attachment]:
    """Read from the kernel what the result does not say: the tap's MTU, the host's end of the pair."""
    for address in outside.addresses(result):
        if tools.kernel.is_own_address(address):
            raise failures.hosts_own_address(str(address))
    pair = vmconf.vm_pair(result, operation.vm_id)
    where = pair.tap.sandbox or plan.netns_path
    peers = [one.name for one in result.interfaces if not one.sandbox]
    devices: tuple[tuple[str, int], ...] = ()
    try:
        with tools.kernel.open_netns(where) as inside:
            tap = inside.device(pair.tap.name)
            if len(peers) == 1 and plan.netns_owned and tools.runs_in_process(attachment.conf_list):
                # Our plugins name their pair; another's may name its bridge alone, which is not the VM's to lose.
                with contextlib.suppress(NotFound):
                    devices = ((peers[0], tools.kernel.host().device(peers[0]).index),)
            elif peers:
                (end,) = inside.apply([net.GetLink(name=attachment.if_name)])
                devices = _pair_of(tools, end, peers)
    except NotFound as exc:
        raise failures.tap_not_found(pair.tap.name, where) from exc
    return (
        vmconf.CniOutcome(index=attachment.index, result=result, raw=raw, mtu=tap.mtu),
        replace(attachment, result=raw, mtu=tap.mtu, host_devices=devices),
    )


def _pair_of(tools: Tools, end: net.LinkInfo, names: Sequence[str]) -> tuple[tuple[str, int], ...]:
    """The host's end of a pair, if the result names it: a bridge is named there too."""
    if not end.peer_index:
        return ()
    with contextlib.suppress(NotFound):
        other = tools.kernel.host().link(index=end.peer_index)
        if other.name in names:
            return ((other.name, other.index),)
    return ()


def _del_after_failure(tools: Tools, operation: Operation, attachment: Attachment, netns: str) -> None:
    """DEL on its own time budget: cleanup ignores the caller's deadline and a teardown's cancel."""
    failed = chain.delete(
        attachment,
        operation.vm_id,
        netns,
        invoker=tools.invoker,
        caches=tools.caches,
        deadline=tools.clock.monotonic() + tools.settings.undo_timeout,
        tell=_calls(operation, Step.ROLLBACK),
        env=operation.environment(Step.ROLLBACK),
    )
    if failed:
        raise failed[0]


def _fail(tools: Tools, operation: Operation, record: Record | None, undo: Undo, error: AgentError) -> None:
    if record is None:
        # Refused before the first effect: no record is left.
        tools.kernel.close_kept()
        tools.book.leave(operation)
        operation.log.finish(error=error)
        return
    tell_step(operation, Step.ROLLBACK, StepState.STARTED)
    leftovers = undo.run()
    tools.kernel.close_kept()
    state = StepState.FAILED if leftovers else StepState.SUCCEEDED
    tell_step(operation, Step.ROLLBACK, state)
    error.leftovers = leftovers
    # Its plan may have grown since: a directory that was made for the namespace.
    record = tools.book.get(operation.vm_id) or record
    plan = (
        record.plan if leftovers else replace(record.plan, attachments=(), netns_owned=False, netns_dir=None)
    )
    release_at = tools.clock.now() if leftovers else 0.0
    reconcile.keep_failed(tools, operation, replace(record, plan=plan, release_at=release_at), error)
    tools.book.leave(operation)
    operation.log.finish(error=error)


def _undo_the_old(
    tools: Tools, operation: Operation, old: Record, order: SetUpOrder, bounds: Bounds
) -> Generator[Park, None, None]:
    """A FAILED record stands in the way: take back what it left, from its own data (amendment 20)."""
    force = _forced(order)
    if not reap.all_built_in(tools, old.plan):
        # A plugin of it that hangs must not hold the other set-ups.
        yield GoTo(lane=LaneName.EXEC)
    gone = reap.take_back(
        tools,
        old,
        deadline=bounds.deadline.at,
        tell=_calls(operation, Step.CNI_DEL_PREEXISTING),
        env=operation.environment(Step.CNI_DEL_PREEXISTING),
    )
    if gone.failed and not force:
        raise _old_stays(gone.failed)
    if gone.failed:
        _warn_of_failed_dels(operation, gone.failed)
    due = gone.waits_for or gone.failed
    release = reap.release_of(old, gone.waits_for, tools, gone.failed) if due else None
    reap.forget(tools, replace(old, phase=after(old.phase, Happening.TEAR_DOWN)), release, gone.going)
    yield GoTo(lane=LaneName.BUILT_IN)


def _settle(
    tools: Tools, operation: Operation, order: SetUpOrder, bounds: Bounds
) -> Generator[Park, None, None]:
    """Finish what a former network of this VM still owes, so that its DEL cannot hit the new one.

    On the teardown lane, whose one thread runs the reaper too, or as the one operation on this VM: a release is
    never finished twice.
    Raises OperationPending while a former device is held, DelFailed if its DEL fails, without `force`.
    """
    if not tools.book.releases_of(operation.vm_id):
        return
    for release in tools.book.releases_of(operation.vm_id):
        yield GoTo(lane=reap.lane_of(tools, release.plan))
        tools.reaper.hurry(release)
        # Its devices cannot go before it; what fails is told by what is tried next.
        reap.unname(tools, release)
        devices = release.host_devices if release.boot_id == tools.book.boot_id else ()
        if devices and not reap.are_gone(tools, devices):
            tell_step(operation, Step.DEVICES_GONE, StepState.STARTED)
            yield WaitFor(when=_either(tools, devices, bounds), seconds=_patience(tools, bounds))
            bounds.check("its former device was gone")
            if not reap.are_gone(tools, devices):
                names = ", ".join(name for name, _ in devices)
                raise OperationPending(
                    f"the former network of {operation.vm_id} still has its device {names}",
                    hint=reap.HOLDER_HINT,
                )
            tell_step(operation, Step.DEVICES_GONE, StepState.SUCCEEDED)
        failed = reap.settle(tools, release)
        if failed and not _forced(order):
            raise _old_stays(failed)
        if failed:
            _warn_of_failed_dels(operation, failed)
    yield GoTo(lane=LaneName.BUILT_IN)


def _either(
    tools: Tools, devices: tuple[tuple[str, int], ...], bounds: Bounds
) -> Callable[[Callable[[], None]], None]:
    def when(wake: Callable[[], None]) -> None:
        bounds.token.when_cancelled(wake)
        reap.when_gone(tools, devices, wake)

    return when


def _patience(tools: Tools, bounds: Bounds) -> float:
    left = bounds.deadline.remaining()
    return tools.settings.settle_timeout if left is None else min(left, tools.settings.settle_timeout)


def _forced(order: SetUpOrder) -> bool:
    return any(one.cni is not None and one.cni.force for one in order.spec.interfaces)


def _warn_of_failed_dels(operation: Operation, failed: Sequence[AgentError]) -> None:
    tell_step(
        operation,
        Step.CNI_DEL_PREEXISTING,
        StepState.SUCCEEDED,
        warnings=tuple(Warning(reason="DEL_FAILED", message=str(one)) for one in failed),
    )


def _old_stays(failed: Sequence[AgentError]) -> DelFailed:
    first = failed[0]
    error = first.plugin_error if isinstance(first, PluginFailed) else failures.no_plugin_error(first)
    told = DelFailed(
        f"what the former network left cannot be taken back: {first}",
        error,
        hint="if that does not matter, does the same call with force go through?",
    )
    told.__cause__ = first
    return told


def tell_step(
    operation: Operation,
    step: Step,
    state: StepState,
    *,
    attempt: int = 1,
    warnings: tuple[Warning, ...] = (),
    failure: Failure | None = None,
) -> None:
    """Tell that a step changed its state."""
    if warnings or failure is not None:
        event = StepEvent(step=step, state=state, attempt=attempt, warnings=warnings, failure=failure)
    else:
        event = _plain(step, state, attempt)
    operation.log.tell(event)


@functools.lru_cache(maxsize=512)
def _plain(step: Step, state: StepState, attempt: int) -> StepEvent:
    return StepEvent(step=step, state=state, attempt=attempt)


def _calls(operation: Operation, step: Step, *, only_failures: bool = False) -> chain.Tell:
    def told(call: PluginCall) -> None:
        if call.failed or not only_failures:
            operation.log.tell(
                StepEvent(step=step, state=StepState.PLUGIN_CALLED, attempt=call.attempt, plugin_call=call)
            )

    return told


def _new_record(tools: Tools, operation: Operation, order: SetUpOrder, plan: Plan) -> Record:
    now = tools.clock.now()
    return Record(
        vm_id=operation.vm_id,
        uid=operation.uid,
        revision=0,
        phase=after(None, Happening.BEGUN),
        spec=order.spec_bytes,
        spec_hash=order.spec_hash,
        boot_id=tools.book.boot_id,
        plan=plan,
        create_time=now,
        update_time=now,
        owner=operation.owner,
    )
