"""The agent's record of one VM's network, as the journal keeps it."""

from __future__ import annotations

from dataclasses import dataclass, field

from vmplumbd.model.caller import LOCAL_OWNER
from vmplumbd.model.ids import Uid, VmId
from vmplumbd.model.lifecycle import Phase
from vmplumbd.model.outcome import Plan
from vmplumbd.model.progress import Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One network. `spec` is the request's spec as it was sent (the edge's encoding, opaque here).

    Times are seconds since the epoch. `boot_id` is the boot in which the kernel state was made.
    `last_sequence` is the number of the newest event. `release_attempts` counts tries to take back
    what a failure left; `release_at` is when the next one is due. `owner` is the identity that made it.
    """

    vm_id: VmId
    uid: Uid
    revision: int
    phase: Phase
    spec: bytes = field(repr=False)
    spec_hash: bytes
    boot_id: str
    plan: Plan = field(default_factory=Plan)
    failure: Failure | None = None
    create_time: float = 0.0
    update_time: float = 0.0
    last_sequence: int = 0
    release_attempts: int = 0
    release_at: float = 0.0
    owner: str = LOCAL_OWNER

    @property
    def owes(self) -> bool:
        """Whether there may be something to take back."""
        return bool(self.plan.attachments) or self.plan.netns_owned

    @property
    def is_memory(self) -> bool:
        """Whether it only says why a set-up failed, of which nothing is left."""
        return self.phase is Phase.FAILED and not self.owes


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """An address that waits for its device to go: what DEL still owes after a teardown was answered.

    `host_devices` are (name, ifindex) pairs of the namespace the agent runs in.
    """

    release_id: int
    vm_id: VmId
    uid: Uid
    boot_id: str
    plan: Plan
    host_devices: tuple[tuple[str, int], ...]
    created: float
    attempts: int = 0
    last_error: str = ""
    owner: str = LOCAL_OWNER


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A namespace of a warm pool, wired but for what makes it somebody's: address, name, owner of the tap.

    `conf_list` is the list it was made for. `host_device` is the host's end of its pair, (name, ifindex), with
    its MAC as results write it. Until `ready` only `path` is known, and may lead nowhere.
    """

    member_id: int
    network: str
    conf_list: bytes
    boot_id: str
    path: str
    ready: bool = False
    netns_device: int = 0
    netns_inode: int = 0
    host_device: tuple[str, int] = ("", 0)
    host_mac: str = ""
    if_name: str = ""
    tap: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cordon:
    """No new network may begin: since when, why, and which identity said so last."""

    since: float
    reason: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalState:
    """What a journal held when it was opened. `set_aside` names a damaged file that was kept, whole; with
    `unreadable`, the rows that could not be read, the others are still there.

    `boot_id` is that of its last writer, `first_boot_id` the one in which it began.
    """

    records: tuple[Record, ...]
    releases: tuple[Release, ...]
    revision: int
    boot_id: str
    first_boot_id: str = ""
    set_aside: str = ""
    unreadable: tuple[str, ...] = ()
    members: tuple[Member, ...] = ()
    cordon: Cordon | None = None
