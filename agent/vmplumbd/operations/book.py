"""What the agent knows now: records, running operations, and the changes that watchers follow.

The journal is written first, then the memory, then watchers are told, all under one writers' lock, so
revisions reach every reader in order. Readers take only the short memory lock.
"""

from __future__ import annotations

import collections
import contextlib
import enum
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from vmplumbd.abc import Clock, Journal
from vmplumbd.errors import AgentError
from vmplumbd.model.caller import LOCAL_OWNER
from vmplumbd.model.ids import Uid, VmId
from vmplumbd.model.lifecycle import Phase
from vmplumbd.model.net import NetnsDir
from vmplumbd.model.progress import Holder, Leftover, Step
from vmplumbd.model.record import Cordon, JournalState, Member, Record, Release
from vmplumbd.model.trace import TraceContext
from vmplumbd.operations.cancel import CancelToken
from vmplumbd.operations.events import EventLog

# Changes kept for watchers that come back; older positions are lost (OUT_OF_RANGE).
HISTORY = 10_000

T = TypeVar("T")


class Kind(enum.Enum):
    """Kinds of operation that exclude each other on a vm_id."""

    SET_UP = "set-up"
    TEAR_DOWN = "teardown"
    CHECK = "check"


@dataclass(slots=True, kw_only=True, eq=False)
class Operation:
    """One operation on one vm_id. Detached from whoever asked for it; only a teardown ends a set-up.

    `trace_parent` is the span of the call that began it, if that is traced.
    """

    kind: Kind
    vm_id: VmId
    uid: Uid
    spec_hash: bytes
    log: EventLog
    owner: str = LOCAL_OWNER
    # Takes what its request may have of secrets out of a text.
    hide: Callable[[str], str] = field(default=str, repr=False)
    trace_parent: TraceContext | None = None
    token: CancelToken = field(default_factory=CancelToken)
    existed: bool = True
    network_uid: str = ""
    devices_gone: bool = True
    ignored_failures: tuple[AgentError, ...] = ()
    leftovers: tuple[Leftover, ...] = ()
    holders: tuple[Holder, ...] = ()
    _ended: threading.Event = field(default_factory=threading.Event)
    _waiting: list[Callable[[], None]] = field(default_factory=list)
    _mutex: threading.Lock = field(default_factory=threading.Lock)

    @property
    def trace(self) -> TraceContext | None:
        """Its own span."""
        return self.trace_parent.child(self.kind.value) if self.trace_parent is not None else None

    def environment(self, step: Step, attempt: int = 1) -> Mapping[str, str]:
        """What plugins of a step are told beside CNI's variables: the step's span."""
        own = self.trace
        return own.child(step.name, attempt).environment() if own is not None else {}

    def when_ended(self, callback: Callable[[], None]) -> None:
        """Call back once it has ended; at once if it has."""
        with self._mutex:
            if not self._ended.is_set():
                self._waiting.append(callback)
                return
        callback()

    def end(self) -> None:
        """Say that it has ended."""
        with self._mutex:
            self._ended.set()
            waiting, self._waiting = self._waiting, []
        for callback in waiting:
            callback()

    def wait(self, seconds: float | None = None) -> bool:
        """Block until it has ended. For tests and the in-process API."""
        return self._ended.wait(seconds)


class Book:
    """Records by vm_id, running operations by vm_id, and the history of changes."""

    def __init__(self, journal: Journal, clock: Clock, boot_id: str, state: JournalState) -> None:
        self._journal = journal
        self._clock = clock
        self.boot_id = boot_id
        self._writers = threading.Lock()
        self._mutex = threading.Lock()
        self._records: dict[VmId, Record] = {one.vm_id: one for one in state.records}
        self._owned = collections.Counter(one.owner for one in state.records)
        self._netns_dirs = collections.Counter(
            one.plan.netns_dir for one in state.records if one.plan.netns_dir is not None
        )
        self._releases: dict[int, Release] = {one.release_id: one for one in state.releases}
        self._members: dict[int, Member] = {one.member_id: one for one in state.members}
        self._releases_of: dict[VmId, set[int]] = {}
        for one in state.releases:
            self._releases_of.setdefault(one.vm_id, set()).add(one.release_id)
        self.running: dict[VmId, Operation] = {}
        self._last_set_up = float("-inf")
        self._collected: collections.Counter[str] = collections.Counter()
        self._revision = state.revision
        self._cordon = state.cordon
        self._covers_boot = state.first_boot_id not in ("", boot_id)
        self._history: collections.deque[Record] = collections.deque(maxlen=HISTORY)
        self._watchers: list[Callable[[], None]] = []
        # Told of every operation that ended, on its own thread: the log, the metrics.
        self.listeners: list[Callable[[Operation], None]] = []

    @property
    def covers_boot(self) -> bool:
        """Whether the journal is older than this boot: what the agent made since is in it, or was taken back."""
        return self._covers_boot

    @property
    def cordon(self) -> Cordon | None:
        """Why no new network may begin; None if they may."""
        return self._cordon

    def set_cordon(self, cordon: Cordon | None) -> None:
        """Journal whether new networks may begin. Raises JournalFailed; nothing changed then."""
        with self._writers:
            self._journal.set_cordon(cordon)
            self._cordon = cordon

    @property
    def mutex(self) -> threading.Lock:
        """Held while deciding what an arriving request means; never while anything blocks."""
        return self._mutex

    @property
    def revision(self) -> int:
        """Revision of the newest change."""
        return self._revision

    def get(self, vm_id: VmId) -> Record | None:
        """The record of a VM."""
        return self._records.get(vm_id)

    def records(self) -> list[Record]:
        """Every record, in byte order of vm_id."""
        with self._mutex:
            return [self._records[vm_id] for vm_id in sorted(self._records)]

    def others(self, vm_id: VmId) -> list[Record]:
        """Every record but this VM's, in no order: sorting all of them is nothing for the path of a set-up."""
        with self._mutex:
            found = list(self._records.values())
        return [one for one in found if one.vm_id != vm_id]

    def other_netns_dirs(self, vm_id: VmId) -> list[NetnsDir]:
        """What was made for the namespaces of other VMs to lie in, each once: thousands may share one."""
        with self._mutex:
            own = self._records.get(vm_id)
            mine = own.plan.netns_dir if own is not None else None
            return [one for one, count in self._netns_dirs.items() if count > (one == mine)]

    def knows(self, vm_id: VmId) -> bool:
        """Whether the journal has anything of this VM: a record, or what a former network still owes."""
        with self._mutex:
            return vm_id in self._records or vm_id in self._releases_of

    def is_taken(self, vm_id: VmId) -> bool:
        """Whether a network of this VM exists, or something of one, or one is being set up."""
        with self._mutex:
            running = self.running.get(vm_id)
            record = self._records.get(vm_id)
            stands = record is not None and not record.is_memory
            return stands or (running is not None and running.kind is Kind.SET_UP)

    def count(self) -> int:
        """How many records there are."""
        return len(self._records)

    def journal_exceeds(self, limit: int) -> int:
        """Bytes of the journal that are in use, if they are more than the limit; else 0. Raises JournalFailed."""
        return self._journal.exceeds(limit)

    def held_by(self, owner: str) -> int:
        """Networks of an owner, those that are being set up for the first time too. The mutex is held."""
        begun = sum(
            one.kind is Kind.SET_UP and one.owner == owner and vm_id not in self._records
            for vm_id, one in self.running.items()
        )
        return self._owned[owner] + begun

    def under_way(self, owner: str) -> int:
        """Operations of an owner that run now. The mutex is held."""
        return sum(one.owner == owner for one in self.running.values())

    def releases(self) -> list[Release]:
        """Addresses that wait for their device to go."""
        with self._mutex:
            return list(self._releases.values())

    def releases_of(self, vm_id: VmId) -> list[Release]:
        """What a former network of this VM still owes."""
        with self._mutex:
            return [self._releases[number] for number in sorted(self._releases_of.get(vm_id, ()))]

    def owes(self, release: Release) -> bool:
        """Whether a release is not done yet."""
        # The journal gives a number again once its row has gone; the uid is its network's alone.
        found = self._releases.get(release.release_id)
        return found is not None and found.uid == release.uid

    def set_ups_about(self, since: float) -> int:
        """Set-ups under way, and the last one if it ended after `since` (of the clock's monotonic())."""
        with self._mutex:
            running = sum(one.kind is Kind.SET_UP for one in self.running.values())
            return running or int(self._last_set_up > since)

    @contextlib.contextmanager
    def collecting(self, network: str) -> Iterator[None]:
        """CNI GC runs on a network: it frees what is not in the list that is made in here.

        A record written before is in that list; one written meanwhile sees `is_collected`, and waits.
        """
        with self._mutex:
            _add(self._collected, network, 1)
        try:
            yield
        finally:
            with self._mutex:
                _add(self._collected, network, -1)

    def is_collected(self, network: str) -> bool:
        """Whether CNI GC runs on a network now."""
        with self._mutex:
            return self._collected[network] > 0

    def write(self, record: Record) -> Record:
        """Journal and publish a record under the next revision.

        Raises JournalFailed; nothing changed then."""
        with self._writers:
            changed = replace(record, revision=self._revision + 1, update_time=self._clock.now())
            self._journal.put(changed)
            self._publish(changed)
            return changed

    def believe(self, record: Record) -> Record:
        """Publish a FAILED record that the journal could not take.

        The journal keeps the row of what was under way, which a restart undoes; the record is written with
        its next change.
        """
        with self._writers:
            changed = replace(record, revision=self._revision + 1, update_time=self._clock.now())
            self._publish(changed)
            return changed

    def write_all(self, records: Sequence[Record]) -> list[Record]:
        """As `write` for each, in one transaction."""
        with self._writers:
            now = self._clock.now()
            changed = [
                replace(record, revision=revision, update_time=now)
                for revision, record in enumerate(records, start=self._revision + 1)
            ]
            self._journal.put_all(changed)
            for record in changed:
                self._publish(record)
            return changed

    def remove_all(self, records: Sequence[Record]) -> None:
        """As `remove` for each, in one transaction: nothing is owed for them."""
        if not records:
            return
        with self._writers:
            now = self._clock.now()
            gone = [
                replace(record, revision=revision, phase=Phase.REMOVED, update_time=now)
                for revision, record in enumerate(records, start=self._revision + 1)
            ]
            self._journal.remove_all([record.vm_id for record in gone], gone[-1].revision)
            for record in gone:
                self._publish(record)

    def claim(self, record: Record, member: Member) -> Record:
        """As `write`, for a record that takes a member of a pool, which is forgotten in the same transaction."""
        with self._writers:
            changed = replace(record, revision=self._revision + 1, update_time=self._clock.now())
            self._journal.claim(changed, member.member_id)
            with self._mutex:
                self._members.pop(member.member_id, None)
            self._publish(changed)
            return changed

    def members(self) -> list[Member]:
        """The members of warm pools, ready or not, oldest first."""
        with self._mutex:
            return list(self._members.values())

    def write_member(self, member: Member) -> Member:
        """Journal a member; a new one gets its id. Raises JournalFailed."""
        kept = self._journal.put_member(member)
        with self._mutex:
            self._members[kept.member_id] = kept
        return kept

    def forget_member(self, member: Member) -> None:
        """Journal that a member is gone. Raises JournalFailed."""
        self._journal.remove_member(member.member_id)
        with self._mutex:
            self._members.pop(member.member_id, None)

    def remove(self, record: Record, release: Release | None = None) -> Release | None:
        """Journal and publish that a record is gone; `release` takes its place in the same transaction."""
        with self._writers:
            gone = replace(
                record, revision=self._revision + 1, phase=Phase.REMOVED, update_time=self._clock.now()
            )
            kept = self._journal.remove(record.vm_id, gone.revision, release)
            if kept is not None:
                with self._mutex:
                    self._releases[kept.release_id] = kept
                    self._releases_of.setdefault(kept.vm_id, set()).add(kept.release_id)
            self._publish(gone)
            return kept

    def tried_release(self, release: Release, error: str) -> Release:
        """Note a release that failed; answers it with the try counted."""
        tried = replace(release, attempts=release.attempts + 1, last_error=error)
        self._journal.tried_release(tried.release_id, tried.attempts, error)
        with self._mutex:
            self._releases[tried.release_id] = tried
        return tried

    def released(self, release_ids: Iterable[int]) -> None:
        """Forget releases that are done."""
        done = list(release_ids)
        self._journal.released(done)
        with self._mutex:
            for release_id in done:
                gone = self._releases.pop(release_id, None)
                if gone is not None:
                    left = self._releases_of[gone.vm_id]
                    left.discard(release_id)
                    if not left:
                        del self._releases_of[gone.vm_id]

    def leave(self, operation: Operation) -> None:
        """All its acts are done: the next operation on its vm_id may run, before anyone hears of the end.

        A caller that hears it and calls again at once must not be told that an operation runs.
        """
        with self._mutex:
            if self.running.get(operation.vm_id) is operation:
                del self.running[operation.vm_id]
                if operation.kind is Kind.SET_UP:
                    self._last_set_up = self._clock.monotonic()

    def ended(self, operation: Operation) -> None:
        """An operation is over, and its end was told."""
        self.leave(operation)
        operation.end()
        for tell in self.listeners:
            tell(operation)

    def changes_after(self, revision: int) -> list[Record] | None:
        """Changes newer than `revision`, oldest first; None if that position is no longer held."""
        with self._mutex:
            if revision > self._revision:
                return None
            held_from = self._history[0].revision - 1 if self._history else self._revision
            if revision < held_from:
                return None
            # The newest are at the right end; a watcher that keeps up reads few.
            found: list[Record] = []
            for change in reversed(self._history):
                if change.revision <= revision:
                    break
                found.append(change)
            found.reverse()
            return found

    def watch(self, wake: Callable[[], None]) -> None:
        """Call `wake`, on the writing thread, after each change."""
        with self._mutex:
            self._watchers.append(wake)

    def unwatch(self, wake: Callable[[], None]) -> None:
        """Forget a watcher."""
        with self._mutex:
            if wake in self._watchers:
                self._watchers.remove(wake)

    def wake_watchers(self) -> None:
        """Wake every watcher without a change: there is something else to look at."""
        with self._mutex:
            watchers = list(self._watchers)
        for wake in watchers:
            wake()

    def _publish(self, record: Record) -> None:
        with self._mutex:
            self._revision = record.revision
            if record.phase is Phase.REMOVED:
                former = self._records.pop(record.vm_id, None)
            else:
                former = self._records.get(record.vm_id)
                self._records[record.vm_id] = record
                self._count(record, 1)
            if former is not None:
                self._count(former, -1)
            self._history.append(record)
            watchers = list(self._watchers)
        for wake in watchers:
            wake()

    def _count(self, record: Record, more: int) -> None:
        _add(self._owned, record.owner, more)
        if record.plan.netns_dir is not None:
            _add(self._netns_dirs, record.plan.netns_dir, more)


def _add(counts: collections.Counter[T], key: T, more: int) -> None:
    counts[key] += more
    if not counts[key]:
        del counts[key]
