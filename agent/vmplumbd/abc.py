"""The seam: every Protocol that the pure rooms ask of the outside.

Concrete things are built in `main` alone; tests pass fakes that obey the same contract suites.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from vmplumbd.model import net
from vmplumbd.model.findings import Inhabited
from vmplumbd.model.ids import VmId
from vmplumbd.model.preflight import HostFacts
from vmplumbd.model.record import Cordon, JournalState, Member, Record, Release


class Netns(Protocol):
    """An open network namespace. Belongs to the thread that opened it until it is closed."""

    @property
    def identity(self) -> net.NetnsIdentity:
        """Which namespace this is."""

    def apply(self, requests: Sequence[net.Request]) -> Sequence[net.LinkInfo]:
        """Send all requests in one batch and answer the GetLinks among them, in order.

        Raises KernelFault (NotFound, Exists, Busy) of the first refused request, with its index
        in `op`. The kernel goes on after a refused request: later ones may have taken effect. None is
        sent if a number does not fit its field.
        """

    @property
    def is_new(self) -> bool:
        """Whether this thread made the namespace and keeps it open since: what is in it, this thread put there."""

    def device(self, name: str) -> net.Device:
        """The few facts of a link, for a fraction of what `link` costs. Raises NotFound."""

    def own_tap(self, name: str, *, uid: int, gid: int) -> None:
        """Give a tap to another owner. Raises NotFound, Busy while someone has it open."""

    def add_tap(self, name: str, *, uid: int, gid: int, mtu: int) -> net.Device:
        """Make a tap (vnet_hdr, one queue), owned by uid and gid; it is down.

        It persists once the namespace is closed without an exception; before, it goes with the process.

        An empty name lets the kernel choose tapN. Raises Exists if the name is taken, also by a tap.
        It has carrier until this handle is closed, so that it may be set up as an opened tap is.
        """

    def link(self, *, name: str = "", index: int = 0) -> net.LinkInfo:
        """One link. Raises NotFound."""

    def links(self) -> Sequence[net.LinkInfo]:
        """Every link, by index."""

    def count_ports(self, bridge: str) -> int:
        """How many ports a bridge has, without a list of them. The caller knows that the link is a bridge.

        Raises KernelFault.
        """

    def ports(self, bridge: int) -> Sequence[net.LinkInfo]:
        """The links whose master is this one, by index."""

    def addresses(self, index: int) -> Sequence[net.AddressInfo]:
        """The addresses of a link, IPv4 first."""

    def routes(self) -> Sequence[net.RouteInfo]:
        """Unicast routes of every table but local, IPv4 first, then by destination."""

    def has_ingress(self, index: int) -> bool:
        """Whether the link has an ingress qdisc."""

    def redirects(self, index: int) -> Sequence[int]:
        """Where the link's ingress redirects to: the ifindexes of its mirred actions."""

    def rate_limit(self, index: int) -> net.RateLimit | None:
        """The token bucket filter that is the link's root qdisc; None if it has none."""

    def class_limit(self, index: int, minor: int) -> net.RateLimit | None:
        """The class of the link's hierarchical token bucket, with 0 as its `limit`; None if it is not there."""

    def matches(self, index: int, *, at_root: bool = False) -> Sequence[net.Match]:
        """The filters for subnets at the link's ingress or root, in the order they are tried."""

    def read_sysctl(self, key: str) -> str:
        """A setting of this namespace, "net/ipv4/ip_forward" style. Raises NotFound."""

    def write_sysctl(self, key: str, value: str) -> None:
        """Write a setting of this namespace. Raises NotFound."""

    def try_sysctls(self, settings: Mapping[str, str]) -> None:
        """Write settings of this namespace; those that are not there, or refuse the value, are passed over."""

    def change_rules(
        self, requests: Sequence[net.RuleRequest], *, generation: int | None = None, dry: bool = False
    ) -> Sequence[int]:
        """Change the packet filter (nf_tables) in one transaction. Answers the handles of the AddRules.

        All or nothing: raises KernelFault (NotFound, Exists, Busy) of the first refused request, with its
        index in `op`, and nothing was done. With `generation`, raises Changed unless the ruleset is of it;
        the ruleset is of the next one afterwards (`net.next_generation`). A `dry` run is taken back at once.
        At most a hundred AddRules, whose answers are as long as they are, or two thousand removals; more may be
        refused (EMSGSIZE), or done and its answers lost (Busy). Raises Unsupported, as the three below do, where
        the kernel has no nf_tables.
        """

    def generation(self) -> int:
        """The generation of the packet filter's ruleset: another one after every change by anybody."""

    def rules(self, chain: net.ChainName) -> net.RuleList:
        """The rules of a chain by handle and comment, in order; none of a chain that is not there."""

    def rule(self, chain: net.ChainName, handle: int) -> net.RuleInfo:
        """One rule whole. Raises NotFound."""


class Kernel(Protocol):
    """The host's kernel, as far as this agent touches it. Every method may block; none is async."""

    def host(self) -> Netns:
        """The namespace the agent runs in, open for as long as the agent runs. Per thread."""

    def expect_netns(self) -> None:
        """A create_netns of this thread will most likely come soon: begin with what leaves nothing behind.

        Does not block and raises nothing. What was begun in vain goes at `close_kept`.
        """

    def create_netns(self, path: str) -> net.NetnsIdentity:
        """Make a namespace and bind it at `path`, whose parent exists. Raises Exists if the path is taken.

        On failure nothing is left: the file made for the mount is removed again.
        """

    def open_netns(self, path: str) -> AbstractContextManager[Netns]:
        """Open a namespace by path. Raises NotANetns, NotFound. Closing gives back its sockets."""

    def trial_netns(self) -> AbstractContextManager[Netns]:
        """A fresh namespace without a path, to try out what this kernel can do. It goes when it is closed."""

    def netns_identity(self, path: str) -> net.NetnsIdentity:
        """What lies at `path`. Raises NotFound if nothing, NotANetns if something else or the host's own."""

    def netns_paths(self, directory: str) -> Sequence[str]:
        """What lies in a directory of namespaces, by name: namespaces, and files that are none.

        Directories are left out. A directory that is not there is empty. Raises KernelFault.
        """

    def move_netns(self, source: str, target: str) -> None:
        """Bind the namespace at `source` at `target`, whose parent exists, and take it from `source`.

        Raises Exists if `target` is taken, NotFound, NotANetns. A failure leaves it where it was; the death of
        the process in between leaves it at both.
        """

    def delete_netns(self, path: str) -> None:
        """Detach the mount and unlink the file. Gone already is success. Never enters the namespace."""

    def unlink_netns(self, path: str) -> Held | None:
        """As delete_netns, but the namespace lives on until the answer is closed. None: it does not.

        So many namespaces at once do not die at once: while they do, everybody else's requests wait.
        """

    def prepare_netns_dir(self, path: str, *, private: bool = False) -> net.NetnsDir:
        """Make `path` a directory that holds namespaces as `ip netns` wants it: 0755, a shared mount.

        With `private` a mount that nobody shares, from which namespaces move quickly. Idempotent; answers what
        this call itself made.
        """

    def plan_netns_dir(self, path: str) -> net.NetnsDir:
        """What prepare_netns_dir would make now. Changes nothing."""

    def undo_netns_dir(self, made: net.NetnsDir) -> None:
        """Take back exactly what prepare_netns_dir made. A directory in use stays as it is."""

    def close_kept(self) -> None:
        """Close what this thread's create_netns kept open for a later open_netns: the end of an operation.

        Until then the sockets hold the namespace, unless delete_netns of its path comes first.
        """

    def delete_group(self, group: int, indexes: Collection[int]) -> None:
        """Delete these host links (gone already is success) in one step, as members of `group`.

        The group is set here, not at creation. Raises Busy, with nothing deleted, when the group
        holds a link that is not among `indexes`. Other set-ups wait meanwhile: 32 links at most.
        """

    def is_own_address(self, address: net.Address) -> bool:
        """Whether the host itself answers to an address: what is sent there never reaches a VM."""

    def watch(self) -> DeviceWatch:
        """Start to watch the host's links go. The caller closes it."""


class Held(Protocol):
    """A namespace without a name that is kept in being. Any thread may close it."""

    def close(self) -> None:
        """Let it go: its devices are destroyed, unless others hold it too. Again is nothing."""


class Expected(Protocol):
    """Links whose end is waited for. Any thread may ask."""

    @property
    def over(self) -> bool:
        """Whether all have been seen to go."""

    def then(self, tell: Callable[[], None]) -> None:
        """Call `tell` too, once, when the last has gone; at once if it has. It must be short and not raise."""

    def saw_gone(self, indexes: Iterable[int]) -> None:
        """The caller has found these gone. Nobody is told of it by this call."""

    def cancel(self) -> None:
        """Wait no more; nobody is told."""


class DeviceWatch(Protocol):
    """Sees links of the host go. A thread of its own reads the kernel's notices; any thread may ask.

    The kernel gives an ifindex again only after it has gone round, so a gone one stays gone.
    """

    def wait_gone(self, indexes: Collection[int], timeout: float) -> frozenset[int]:
        """Wait until all are gone, at most `timeout` seconds. Answers those that are gone by then."""

    def expect(self, indexes: Collection[int]) -> Expected:
        """Wait for links without asking the kernel, which takes its turn among everybody's requests.

        What went before this call is not seen: the caller has to find them there after it.
        """

    def on_gone(self, indexes: Collection[int], tell: Callable[[frozenset[int]], None]) -> None:
        """Call `tell` once with all of them when the last has gone, on the watch's thread.

        Gone already: called at once, on the caller's thread. `tell` must be short and not raise.
        """

    def close(self) -> None:
        """Stop watching. Waiters are answered with what is gone so far; no `tell` comes after it."""


class Probe(Protocol):
    """What the host offers, and who lives on it. Blocks; changes nothing."""

    def uptime(self) -> float:
        """Seconds since this boot."""

    def inhabited(self) -> Inhabited:
        """Network namespaces that processes live in, and who, by pid."""

    def facts(self, *, netns_dir: str, directories: Collection[str]) -> HostFacts:
        """What preflight judges; `directories` are those whose disks matter. Raises OSError, KernelFault."""


class Clock(Protocol):
    """Time, so that tests need not wait."""

    def now(self) -> float:
        """Seconds since the epoch."""

    def monotonic(self) -> float:
        """Seconds on a clock that never goes back."""


class Journal(Protocol):
    """Records that outlive the agent. Any thread may call; every write is one transaction.

    Every method raises JournalFailed when the journal cannot be read or written.
    """

    def load(self) -> JournalState:
        """All there is."""

    def set_cordon(self, cordon: Cordon | None) -> None:
        """Note whether new networks may begin."""

    def exceeds(self, limit: int) -> int:
        """Bytes that are in use, if they are more than the limit; else 0."""

    def put(self, record: Record) -> None:
        """Write a record whole."""

    def put_all(self, records: Sequence[Record]) -> None:
        """Write records whole, all or none."""

    def remove_all(self, vm_ids: Sequence[VmId], revision: int) -> None:
        """Forget records, all or none."""

    def remove(self, vm_id: VmId, revision: int, release: Release | None = None) -> Release | None:
        """Forget a record; `release` takes its place in the same transaction and gets its id."""

    def claim(self, record: Record, member_id: int) -> None:
        """Write a record, and forget the pool's member that it takes, in one transaction."""

    def put_member(self, member: Member) -> Member:
        """Write a member whole; answers it with its id, which a new one (0) gets."""

    def remove_member(self, member_id: int) -> None:
        """Forget a member."""

    def tried_release(self, release_id: int, attempts: int, last_error: str) -> None:
        """Note a release that failed."""

    def released(self, release_ids: list[int]) -> None:
        """Forget releases that are done."""

    def set_boot_id(self, boot_id: str) -> None:
        """Note the boot this agent runs under."""
