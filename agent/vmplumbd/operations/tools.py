"""What every operation works with: built once in `main`, handed down whole, never looked up."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from vmplumbd.abc import Clock, DeviceWatch, Expected, Held, Kernel, Probe
from vmplumbd.cni.cache import Cache
from vmplumbd.cni.config import NetworkConfigList
from vmplumbd.cni.invoke import Invoker
from vmplumbd.model.progress import Holder
from vmplumbd.model.record import Member, Release
from vmplumbd.model.spec import NetworkSpec
from vmplumbd.operations.book import Book
from vmplumbd.operations.chain import Chain, ChainDefaults, Preflight
from vmplumbd.operations.lanes import Lanes
from vmplumbd.operations.retry import RetryPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The operator's choices for operations. Times in seconds.

    `state_dir` is the agent's own directory: its journal, and the quarantine of leaks.
    `drain_group` is the group number that host devices get to be destroyed together.
    `settle_timeout` bounds how long a set-up waits for a former device of the same VM to go.
    """

    defaults: ChainDefaults
    netns_dir: str
    state_dir: str = ""
    operation_timeout: float = 120.0
    undo_timeout: float = 60.0
    settle_timeout: float = 5.0
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    max_networks: int = 4000
    journal_bytes: int = 1 << 30
    strict_del: bool = False
    inline_config: bool = True
    owned_networks: frozenset[str] = frozenset()
    drain_group: int = 0x766D


@dataclass(frozen=True, slots=True, kw_only=True)
class Full:
    """Addresses of a network: `taken` of `size` in `ranges` are held."""

    ranges: str
    taken: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Going:
    """What a teardown leaves to its end: a namespace without a name, if it is held, and links expected to go."""

    expected: Expected
    held: Held | None


class Reaper(Protocol):
    """Who finishes a teardown once its devices have gone. Nothing here blocks."""

    def take(self, release: Release, going: Going) -> None:
        """Let a namespace go when others do not suffer from it; `due` follows when its devices have gone."""

    def hurry(self, release: Release) -> None:
        """Somebody waits for the devices of this one: let its namespace go before the others."""

    def due(self, release: Release) -> None:
        """Take back what a release still holds; try again until it is."""

    def close(self) -> None:
        """The agent ends: let go of everything."""


class Pools(Protocol):
    """Namespaces that were made ahead. `take`, `drain`, and what fills a pool, run on the set-up lane."""

    def would_miss(self, spec: NetworkSpec) -> bool:
        """Whether the request will most likely need a namespace that is not there yet. Pure."""

    def take(self, spec: NetworkSpec, chains: Sequence[Chain]) -> Member | None:
        """A member for this request, looked at once more; None is a miss, or not for a pool at all."""

    def made(self, member: Member) -> object:
        """What a member's plugins made ahead, to be handed to them."""

    def refill(self, network: str) -> None:
        """Begin to fill a network's pool. Does not block."""

    def fill(self) -> None:
        """Begin to fill every pool, drained ones too. Does not block."""

    def drain(self, *, dry_run: bool = False) -> int:
        """Discard every member; answers how many. A network's next set-up, or `fill`, fills it again. Blocks."""


def needs_netns(spec: NetworkSpec) -> bool:
    """Whether a request leaves its namespace to the agent. Pure."""
    return not spec.netns_path and any(one.cni is not None for one in spec.interfaces)


class NoPools:
    """Nothing is made ahead."""

    def would_miss(self, spec: NetworkSpec) -> bool:
        """Whether the request needs a namespace at all."""
        return needs_netns(spec)

    def take(self, spec: NetworkSpec, chains: Sequence[Chain]) -> None:
        """A miss, always."""

    def made(self, member: Member) -> object:
        """Nobody has a member."""
        raise AssertionError(f"there is no pool that {member.path} could be of")

    def refill(self, network: str) -> None:
        """Nothing to fill."""

    def fill(self) -> None:
        """Nothing to fill."""

    def drain(self, *, dry_run: bool = False) -> int:
        """Nothing to discard."""
        del dry_run
        return 0


def _unheard(event: str, fields: Mapping[str, str]) -> None:
    del event, fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """The outside, as operations see it.

    `decode_spec` reads a record's spec, which the edge encoded. `runs_in_process` says whether no plugin
    of a conflist is executed, `preflight` what keeps a list from being added here, `full` (network, vm_id,
    if_name) which range of addresses has none left, `usage` how many each has, `locked` which directory another
    process keeps.
    `free` gives back, at once, what (vm_id, if_name)s hold of a conflist; False where it cannot, and it may
    raise OSError and CniError half-way.
    `sparing_invoker` does all that DEL does but leaves addresses reserved, and links to the end of their namespace;
    `freeing_invoker` gives back addresses whose links have been seen to go.
    `caches` is the result cache in a directory.
    `holders` says who lives in the namespace with an inode; `probe` what the host offers. `note` takes an
    event and its fields for the log. `settings` are replaced as a whole when the operator changes them: what runs
    has the new ones from then on. `built_in_networks` are those whose last set-up ran in process, as the next
    one most likely will: a guess, for speed alone.
    """

    kernel: Kernel
    devices: DeviceWatch
    book: Book
    clock: Clock
    invoker: Invoker
    pools: Pools = field(default_factory=NoPools)
    built_in_networks: set[str] = field(default_factory=set)
    sparing_invoker: Invoker
    freeing_invoker: Invoker
    lanes: Lanes
    reaper: Reaper
    settings: Settings
    decode_spec: Callable[[bytes], NetworkSpec]
    runs_in_process: Callable[[bytes], bool]
    preflight: Preflight
    full: Callable[[NetworkConfigList, str, str], Full | None]
    usage: Callable[[NetworkConfigList], Sequence[Full]] = lambda network: ()  # noqa: ARG005 - nobody knows
    locked: Callable[[NetworkConfigList], str] = lambda network: ""  # noqa: ARG005 - nothing is locked
    free: Callable[[bytes, Sequence[tuple[str, str]]], bool]
    holders: Callable[[int, str], tuple[Holder, ...]]
    probe: Probe
    caches: Callable[[str], Cache] = Cache
    note: Callable[[str, Mapping[str, str]], None] = _unheard

    def change_settings(self, settings: Settings) -> None:
        """The operator has other wishes. One step: who reads a setting has the old ones or the new."""
        object.__setattr__(self, "settings", settings)
