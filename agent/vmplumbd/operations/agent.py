"""What may be asked of the agent: each verb decided at once, without blocking, and run on a lane.

The decisions are the contract's idempotency table. They are taken under the book's mutex, so two calls
with one vm_id never both begin.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vmplumbd.errors import (
    AgentNotReady,
    LimitExceeded,
    OperationPending,
    ResumePositionLost,
    SpecConflict,
    Unsupported,
    VmNotFound,
    WrongPhase,
)
from vmplumbd.model import secrets
from vmplumbd.model.caller import LOCAL, Caller
from vmplumbd.model.ids import Uid, VmId
from vmplumbd.model.lifecycle import Phase
from vmplumbd.model.outcome import Outcome
from vmplumbd.model.progress import Failure
from vmplumbd.model.record import Cordon, Record
from vmplumbd.model.spec import NetworkSpec
from vmplumbd.operations import addresses, answer, chain, failures, foreign, set_up, tear_down
from vmplumbd.operations.book import Kind, Operation
from vmplumbd.operations.check import Findings, check
from vmplumbd.operations.collect import Collected, CollectOrder, collect
from vmplumbd.operations.doctor import DiagnoseOrder, Diagnosis, diagnose
from vmplumbd.operations.events import EventLog
from vmplumbd.operations.lanes import LaneName
from vmplumbd.operations.pool import PoolState
from vmplumbd.operations.set_up import SetUpOrder
from vmplumbd.operations.tear_down import TearDownOrder
from vmplumbd.operations.tools import Tools

# Finished operations whose events are kept for replay; older set-ups replay their result alone.
_KEPT = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Resume:
    """A place in the events of an operation."""

    uid: str
    sequence: int


class Agent:
    """The verbs. Every method returns at once unless it says that it blocks."""

    def __init__(
        self,
        tools: Tools,
        problems: Sequence[Failure] = (),
        pools: Callable[[], Sequence[PoolState]] = tuple,
    ) -> None:
        self.tools = tools
        self.pools = pools
        self.started = tools.clock.now()
        self.problems = tuple(problems)
        self._finished: dict[str, Operation] = {}
        self._draining = False
        self._ready = False
        self._collecting: Operation | None = None
        self._diagnosing: Operation | None = None
        # Told of each change of the cordon, on its thread.
        self.cordoned: Callable[[], None] | None = None
        # The last diagnosis that compared the views, and when it ended.
        self.diagnosed: tuple[float, Diagnosis] | None = None

    @property
    def ready(self) -> bool:
        """Whether a new network may begin now."""
        return self._ready and not self._draining and self.cordon is None

    @property
    def draining(self) -> bool:
        """Whether the agent is about to go."""
        return self._draining

    @property
    def cordon(self) -> Cordon | None:
        """Why no new network may begin though the agent serves; None if they may."""
        return self.tools.book.cordon

    def set_cordon(self, *, cordoned: bool, reason: str = "", by: Caller = LOCAL) -> Cordon | None:
        """Let no new network begin, or let them; answers what holds. Blocks. Raises JournalFailed, AgentNotReady."""
        self._check_ready()
        cordon = None
        if cordoned:
            before = self.cordon
            since = self.tools.clock.now() if before is None else before.since
            cordon = Cordon(since=since, reason=reason, by=by.identity)
        if cordon != self.cordon:
            self.tools.book.set_cordon(cordon)
            self.tools.note("cordon" if cordoned else "uncordon", {"reason": reason, "by": by.identity})
            if not cordoned:
                self.tools.pools.fill()
        if self.cordoned is not None:
            self.cordoned()
        return cordon

    def open(self) -> None:
        """Recovery is done: accept operations."""
        self._ready = True

    def drain(self, seconds: float) -> bool:
        """Accept nothing new and wait for what runs. Blocks. Networks stay. False if time ran out."""
        self._draining = True
        self.tools.book.wake_watchers()
        return self.tools.lanes.drained(seconds)

    def validate(self, vm_id: VmId, spec: NetworkSpec, spec_hash: bytes, by: Caller = LOCAL) -> None:
        """Check as `set_up` would, and do nothing. Blocks for the host's files. Raises as it would."""
        with self.tools.book.mutex:
            if self._decide_set_up(vm_id, spec_hash, by) is None:
                self._check_cordon()
                self._check_limits(vm_id, by, adds=True)
        self._check_inline(spec)
        prepared = set_up.prepare(self.tools, vm_id, spec, by)
        if not self.tools.book.knows(vm_id):
            foreign.refuse_what_stands(self.tools, vm_id, prepared.chains)
        for found in prepared.chains:
            chain.check_plugins(found, self.tools.preflight)
            addresses.refuse_if_full(self.tools, vm_id, found)

    def set_up(
        self, vm_id: VmId, order: SetUpOrder, resume: Resume | None = None, by: Caller = LOCAL
    ) -> Operation:
        """Begin, attach to, or replay a set-up.

        Raises SpecConflict, OperationPending, ResumePositionLost, TooManyOperations, LimitExceeded,
        AgentNotReady.
        """
        if resume is not None:
            return self._resume(vm_id, resume, Kind.SET_UP, by)
        self._check_ready()
        self._check_inline(order.spec)
        with self.tools.book.mutex:
            found = self._decide_set_up(vm_id, order.spec_hash, by)
            if found is not None:
                return found
            self._check_cordon()
            self._check_limits(vm_id, by, adds=True)
            former = self.tools.book.get(vm_id)
            operation = Operation(
                kind=Kind.SET_UP,
                vm_id=vm_id,
                uid=Uid(uuid.uuid4().hex),
                spec_hash=order.spec_hash,
                log=EventLog(self.tools.clock),
                owner=by.identity if former is None else former.owner,
                hide=lambda text: secrets.of_spec(order.spec).hide(text),
                trace_parent=order.trace,
            )
            self.tools.lanes.submit(set_up.set_up(self.tools, operation, order), LaneName.BUILT_IN)
            self.tools.book.running[vm_id] = operation
            self._keep(operation)
        return operation

    def tear_down(
        self, vm_id: VmId, order: TearDownOrder, resume: Resume | None = None, by: Caller = LOCAL
    ) -> Operation | None:
        """Begin or attach to a teardown; None if the caller has no such VM.

        Raises TooManyOperations, AgentNotReady, ResumePositionLost.
        """
        if resume is not None:
            return self._resume(vm_id, resume, Kind.TEAR_DOWN, by)
        self._check_ready()
        book = self.tools.book
        with book.mutex:
            running = book.running.get(vm_id)
            record = book.get(vm_id)
            owner = by.identity
            if record is not None:
                owner = record.owner
            elif running is not None:
                owner = running.owner
            if not by.sees(owner):
                return None
            if running is not None and running.kind is Kind.TEAR_DOWN:
                return running
            if running is None and record is None:
                return None
            operation = Operation(
                kind=Kind.TEAR_DOWN,
                vm_id=vm_id,
                uid=Uid(uuid.uuid4().hex),
                spec_hash=b"",
                log=EventLog(self.tools.clock),
                owner=owner,
                trace_parent=order.trace,
            )
            work = tear_down.tear_down(self.tools, operation, order, running)
            self.tools.lanes.submit(work, LaneName.TEAR_DOWN, always=True)
            book.running[vm_id] = operation
            self._keep(operation)
        if running is not None and running.kind is Kind.SET_UP and order.uid in {"", running.uid}:
            running.token.cancel()
        return operation

    def get(self, vm_id: VmId, by: Caller = LOCAL) -> Record:
        """The record. Raises VmNotFound, for another's too."""
        record = self.tools.book.get(vm_id)
        if record is None or not by.sees(record.owner):
            raise VmNotFound(f"no network of {vm_id}")
        return record

    def list(self, by: Caller = LOCAL) -> Sequence[Record]:
        """Every record that the caller sees, in byte order of vm_id."""
        records = self.tools.book.records()
        return records if by.sees_all else [one for one in records if by.sees(one.owner)]

    def outcome(self, record: Record) -> Outcome | None:
        """The answer that a READY record stands for."""
        return answer.of_record(self.tools, record) if record.phase is Phase.READY else None

    def check(self, vm_id: VmId, by: Caller = LOCAL) -> CheckCall:
        """Begin a check. Raises VmNotFound, WrongPhase, OperationPending, TooManyOperations, LimitExceeded."""
        book = self.tools.book
        self._check_ready()
        with book.mutex:
            record = self.get(vm_id, by)
            if vm_id in book.running:
                raise OperationPending(f"an operation runs on {vm_id}")
            self._check_limits(vm_id, by, adds=False)
            if record.phase is not Phase.READY:
                raise WrongPhase(f"the network of {vm_id} is {record.phase.name}, not READY")
            operation = Operation(
                kind=Kind.CHECK,
                vm_id=vm_id,
                uid=record.uid,
                spec_hash=record.spec_hash,
                log=EventLog(self.tools.clock),
                owner=record.owner,
            )
            call = CheckCall(operation=operation)
            work = check(self.tools, operation, record, call.answer)
            self.tools.lanes.submit(work, LaneName.EXEC)
            book.running[vm_id] = operation
        return call

    def collect(self, order: CollectOrder) -> CollectCall:
        """Begin a collection. Raises OperationPending while another runs."""
        self._check_ready()
        with self.tools.book.mutex:
            if self._collecting is not None and not self._collecting.wait(0):
                raise OperationPending("another collection runs")
            operation = Operation(
                kind=Kind.CHECK, vm_id=VmId(""), uid=Uid(""), spec_hash=b"", log=EventLog(self.tools.clock)
            )
            call = CollectCall(operation=operation)
            work = collect(self.tools, operation, order, self.tear_down, call.answer)
            self.tools.lanes.submit(work, LaneName.EXEC, always=True)
            self._collecting = operation
        return call

    def diagnose(self, order: DiagnoseOrder) -> DiagnoseCall:
        """Begin a diagnosis. Raises OperationPending while another runs."""
        self._check_ready()
        with self.tools.book.mutex:
            if self._diagnosing is not None and not self._diagnosing.wait(0):
                raise OperationPending("another diagnosis runs")
            operation = Operation(
                kind=Kind.CHECK, vm_id=VmId(""), uid=Uid(""), spec_hash=b"", log=EventLog(self.tools.clock)
            )
            call = DiagnoseCall(operation=operation)

            def answer(found: Diagnosis) -> None:
                if not order.skip_findings:
                    self.diagnosed = (self.tools.clock.now(), found)
                call.answer(found)

            work = diagnose(self.tools, operation, order, answer)
            self.tools.lanes.submit(work, LaneName.EXEC, always=True)
            self._diagnosing = operation
        return call

    def watch(self, wake: Callable[[], None]) -> Callable[[], None]:
        """Call `wake` after each change; answers how to stop it."""
        self.tools.book.watch(wake)
        return lambda: self.tools.book.unwatch(wake)

    def _check_limits(self, vm_id: VmId, by: Caller, *, adds: bool) -> None:
        """Raises LimitExceeded if the caller has as much as it may. The mutex is held."""
        book = self.tools.book
        if by.max_operations is not None and (count := book.under_way(by.identity)) >= by.max_operations:
            raise LimitExceeded(
                f"{count} operations of {by.identity} are under way, its limit is {by.max_operations}",
                limit="policy.max_operations",
            )
        if not adds or by.max_networks is None or book.get(vm_id) is not None:
            return
        if (count := book.held_by(by.identity)) >= by.max_networks:
            raise LimitExceeded(
                f"{by.identity} has {count} networks, its limit is {by.max_networks}",
                limit="policy.max_networks",
            )

    def _decide_set_up(self, vm_id: VmId, spec_hash: bytes, by: Caller) -> Operation | None:
        """The operation to attach to, None to begin. Raises what the idempotency table says."""
        book = self.tools.book
        running = book.running.get(vm_id)
        if not by.sees_all:
            taken = book.get(vm_id) or running
            if taken is not None and not by.sees(taken.owner):
                # That the id is taken cannot be hidden; by whom, for what and since when can.
                raise SpecConflict(f"{vm_id} is taken on this host", hint="does another id do?")
        if running is not None and running.kind is Kind.SET_UP:
            if running.spec_hash != spec_hash:
                raise SpecConflict(f"a set-up of {vm_id} with another spec is running")
            return running
        if running is not None and running.kind is Kind.TEAR_DOWN:
            raise OperationPending(f"a teardown of {vm_id} is running")
        record = book.get(vm_id)
        if record is None or record.phase is Phase.FAILED:
            return None
        if record.phase is not Phase.READY:
            raise OperationPending(f"the network of {vm_id} is {record.phase.name}")
        if record.spec_hash != spec_hash:
            raise SpecConflict(
                f"{vm_id} has a network with another spec", hint="is another caller using this vm_id?"
            )
        return self._replay(record)

    def _replay(self, record: Record) -> Operation:
        kept = self._finished.get(record.uid)
        if kept is not None:
            return kept
        log = EventLog(self.tools.clock, first=max(1, record.last_sequence))
        operation = Operation(
            kind=Kind.SET_UP,
            vm_id=record.vm_id,
            uid=record.uid,
            spec_hash=record.spec_hash,
            log=log,
            owner=record.owner,
        )
        if record.phase is Phase.READY:
            log.finish(outcome=answer.of_record(self.tools, record))
        operation.end()
        return operation

    def _resume(self, vm_id: VmId, resume: Resume, kind: Kind, by: Caller) -> Operation:
        with self.tools.book.mutex:
            held = self._finished.get(resume.uid)
            if held is not None and not by.sees(held.owner):
                held = None
            if held is not None and held.kind is kind and held.vm_id == vm_id:
                if resume.sequence <= held.log.last_sequence:
                    return held
            elif kind is Kind.SET_UP:
                record = self.tools.book.get(vm_id)
                if (
                    record is not None
                    and record.uid == resume.uid
                    and by.sees(record.owner)
                    # How far a set-up came before the agent was killed is not known: its caller may begin anew.
                    and resume.sequence <= record.last_sequence
                ):
                    if record.phase is Phase.READY:
                        return self._replay(record)
                    if record.phase is Phase.FAILED and record.failure is not None:
                        operation = self._replay(record)
                        operation.log.finish(error=failures.of_failure(record.failure))
                        return operation
        raise ResumePositionLost(f"{resume.sequence} of {resume.uid} is not held for {vm_id}")

    def _keep(self, operation: Operation) -> None:
        self._finished[operation.uid] = operation
        while len(self._finished) > _KEPT:
            self._finished.pop(next(iter(self._finished)))

    def _check_cordon(self) -> None:
        cordon = self.cordon
        if cordon is not None:
            raise AgentNotReady(
                f"no new network may begin on this host: {cordon.reason or 'it is cordoned'}",
                hint="does another host do, or is it time for `vmplumbctl uncordon`?",
            )

    def _check_ready(self) -> None:
        if not self._ready or self._draining:
            raise AgentNotReady("the agent is draining" if self._draining else "the agent is starting")

    def _check_inline(self, spec: NetworkSpec) -> None:
        inline = any(one.cni is not None and one.cni.network_config is not None for one in spec.interfaces)
        if inline and not self.tools.settings.inline_config:
            raise Unsupported("inline network configurations are switched off by the operator")


@dataclass(slots=True, kw_only=True)
class CheckCall:
    """A check under way; `findings` is there once `operation` has ended without error."""

    operation: Operation
    findings: Findings | None = None

    def answer(self, findings: Findings) -> None:
        """Take the findings."""
        self.findings = findings


@dataclass(slots=True, kw_only=True)
class CollectCall:
    """A collection under way; `collected` is there once `operation` has ended without error."""

    operation: Operation
    collected: Collected | None = None

    def answer(self, collected: Collected) -> None:
        """Take the result."""
        self.collected = collected


@dataclass(slots=True, kw_only=True)
class DiagnoseCall:
    """A diagnosis under way; `diagnosis` is there once `operation` has ended without error."""

    operation: Operation
    diagnosis: Diagnosis | None = None

    def answer(self, diagnosis: Diagnosis) -> None:
        """Take the result."""
        self.diagnosis = diagnosis
