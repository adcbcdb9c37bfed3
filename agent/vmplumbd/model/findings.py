"""What a look at the host saw, view by view, and the differences that were judged out of it. Values only."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from vmplumbd.model import net
from vmplumbd.model.outcome import Attachment
from vmplumbd.model.progress import Holder, ResourceKind
from vmplumbd.model.record import Record, Release


class HostView(enum.Enum):
    """Where a network leaves its mark; numbers are the wire's."""

    JOURNAL = 1
    CNI_CACHE = 2
    RESERVATIONS = 3
    KERNEL = 4


class Action(enum.Enum):
    """What would be done about a finding; numbers are the wire's FindingAction."""

    REPORT = 1
    REMOVE = 2
    RELEASE = 3
    CNI_DEL = 4
    FORGET = 5
    WAIT = 6


ACTS = frozenset({Action.REMOVE, Action.RELEASE, Action.CNI_DEL, Action.FORGET})


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing the views do not agree about. `age` in seconds, None if nobody knows.

    `mark` tells this thing from another one of the same name: two looks with different marks saw two
    things. `vm_id` is whose it is or was, empty if nobody knows.
    """

    kind: ResourceKind
    what: str
    where: str
    would_do: Action
    detail: str
    vm_id: str = ""
    age: float | None = None
    seen_in: tuple[HostView, ...] = ()
    missing_in: tuple[HostView, ...] = ()
    mark: str = ""

    @property
    def key(self) -> tuple[ResourceKind, str, str, Action, str]:
        """What a second look must see again before anything is done."""
        return self.kind, self.what, self.where, self.would_do, self.mark


@dataclass(frozen=True, slots=True, kw_only=True)
class FileMark:
    """Which file it was: inode, size, and when it was last written (nanoseconds since the epoch)."""

    inode: int = 0
    size: int = 0
    mtime_ns: int = 0

    def __str__(self) -> str:
        return f"{self.inode}:{self.size}:{self.mtime_ns}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSeen:
    """A CNI network this agent knows: from its configuration directory, or from a record's own list.

    `owned`: the operator says that no other runtime uses it. `ranges` and `directories` are host-local's;
    `bridges` are those that its VMs are ports of.
    """

    name: str
    owned: bool = False
    ranges: tuple[net.Network, ...] = ()
    directories: tuple[str, ...] = ()
    bridges: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationSeen:
    """A file in host-local's directory of a network. `content` stripped, as the plugin reads it."""

    network: str
    directory: str
    name: str
    content: str
    mark: FileMark = field(default_factory=FileMark)

    @property
    def container_id(self) -> str:
        """Whose it is; empty if the file says nothing."""
        return self.content.splitlines()[0].strip() if self.content else ""

    @property
    def if_name(self) -> str:
        """For which interface; empty in the format of old."""
        lines = self.content.splitlines()
        return lines[1].strip() if len(lines) > 1 else ""


class CacheKind(enum.Enum):
    """What a file of a CNI result cache is."""

    RECORD = "record"
    DAMAGED = "damaged"
    DRAFT = "draft"


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheSeen:
    """A file of a CNI result cache. Of a file that is no record only the name speaks.

    `per_vm` names the VM whose own directory it lies in; `netns` is resolved; `host_devices` are the
    links of the host that its result names, `mac` is that of its interface.
    """

    path: str
    directory: str
    kind: CacheKind
    network: str = ""
    container_id: str = ""
    if_name: str = ""
    netns: str = ""
    per_vm: str = ""
    host_devices: tuple[str, ...] = ()
    mac: str = ""
    mark: FileMark = field(default_factory=FileMark)

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class EmptyCacheSeen:
    """A cache directory of one VM that holds no file."""

    path: str
    vm_id: str
    mark: FileMark = field(default_factory=FileMark)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkSeen:
    """A link, where its ingress redirects to (ifindexes), and in strangers' namespaces its addresses."""

    link: net.LinkInfo
    redirects: tuple[int, ...] = ()
    addresses: tuple[net.Address, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Inhabited:
    """Network namespaces that processes live in, by inode, with who does; `what` is a path into it.

    `complete`: every process could be looked at. Else a namespace without anybody may be in use.
    """

    by_inode: Mapping[int, Sequence[Holder]] = field(default_factory=dict)
    complete: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class NamespaceSeen:
    """What lies at a path: a namespace with its links, or (identity None) something that is none.

    `real` is the path without links. A namespace without a name has the path of a process that lives in it.
    """

    path: str
    real: str = ""
    identity: net.NetnsIdentity | None = None
    links: tuple[LinkSeen, ...] = ()
    holders: tuple[Holder, ...] = ()
    mark: FileMark = field(default_factory=FileMark)

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]

    @property
    def in_use(self) -> str:
        """Who uses it, in words; empty if nobody does."""
        if self.holders:
            return ", ".join(f"{one.command} (pid {one.pid})" for one in self.holders[:3])
        held = [one.link.name for one in self.links if one.link.kind == "tun" and one.link.oper_up]
        return f"whoever holds {held[0]} open" if held else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSeen:
    """A rule that masquerades, by the owner its comment names; what a cut comment does not say is empty."""

    handle: int
    comment: str
    network: str
    container_id: str = ""
    if_name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSeen:
    """A file of the agent's own directory that should not be there."""

    path: str
    mark: FileMark = field(default_factory=FileMark)


@dataclass(frozen=True, slots=True, kw_only=True)
class Views:
    """Everything a look saw. Times in seconds since the epoch.

    `busy` are VMs with an operation under way, or whose record changed while the look lasted: nothing is
    judged of them. `passing` are the attachments, by VM, of networks that came or went meanwhile: their devices
    are nobody's leak, though some tell no VM.
    `at_path` says what lies at the path of each record's namespace: None is nothing; `claimed`
    are those paths without links, also of records made while the look lasted.
    `fed` are the host links that some host link's ingress redirects to. `unnamed` are namespaces that
    processes live in and no name under the agent's directories leads to. `pool` is what lies in the
    directory of the warm pools, `members` are the paths that the journal knows of there.
    """

    now: float
    boot_time: float = 0.0
    boot_id: str = ""
    records: tuple[Record, ...] = ()
    releases: tuple[Release, ...] = ()
    busy: frozenset[str] = frozenset()
    passing: tuple[tuple[str, Attachment], ...] = ()
    networks: tuple[NetworkSeen, ...] = ()
    reservations: tuple[ReservationSeen, ...] = ()
    caches: tuple[CacheSeen, ...] = ()
    empty_caches: tuple[EmptyCacheSeen, ...] = ()
    namespaces: tuple[NamespaceSeen, ...] = ()
    unnamed: tuple[NamespaceSeen, ...] = ()
    at_path: Mapping[str, net.NetnsIdentity | None] = field(default_factory=dict)
    claimed: frozenset[str] = frozenset()
    host_links: tuple[net.LinkInfo, ...] = ()
    host_routes: tuple[net.RouteInfo, ...] = ()
    fed: frozenset[int] = frozenset()
    rules: tuple[RuleSeen, ...] = ()
    all_processes_seen: bool = True
    pool: tuple[NamespaceSeen, ...] = ()
    members: frozenset[str] = frozenset()
    set_aside: tuple[FileSeen, ...] = ()
