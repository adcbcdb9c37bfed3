"""Warm pools: namespaces with everything wired but the identity, claimed by set-ups, refilled when idle.

A member has a journal row before anything of it exists, lies at a path that cannot be guessed, its host
device is down, and it is used once: what was claimed never comes back. Whatever looks odd about a member, at
a start or at its claim, ends it; the set-up then goes the cold way.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from vmplumbd.cni.config import NetworkConfigList
from vmplumbd.errors import AgentError, KernelFault
from vmplumbd.model import net
from vmplumbd.model.record import Member
from vmplumbd.model.spec import DEFAULT_IF_NAME, NetworkSpec
from vmplumbd.operations import chain, namespace
from vmplumbd.operations.chain import Chain
from vmplumbd.operations.lanes import LaneName, Sleep, Work
from vmplumbd.operations.tools import Tools, needs_netns
from vmplumbd.plugins.ahead import MadeAhead

# A burst is over when nothing has come for this long. Seconds.
_IDLE = 0.02
# After a member could not be made: the network may be there in a while. Seconds.
_AFTER_FAILURE = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolSettings:
    """What an operator asks for: `size` members of `network`, at most `rate` a second made."""

    network: str
    size: int
    rate: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolState:
    """A pool now. `problem` says why it is not filled, if something is in the way."""

    network: str
    depth: int
    size: int
    hits: int
    misses: int
    problem: str


class Maker(Protocol):
    """Who knows how a chain's devices are made ahead."""

    def refusal(self, network: NetworkConfigList) -> str:
        """Why the network can have no pool; empty if it can. Pure."""

    def make(self, path: str, network: NetworkConfigList) -> MadeAhead:
        """Wire the new namespace at `path`. Raises AgentError; devices may stay in it."""

    def made(self, member: Member) -> MadeAhead:
        """The devices of a member, as `make` answered them."""

    def is_sound(self, path: str, made: MadeAhead) -> bool:
        """Whether the devices are there as they were made."""


@dataclass(slots=True)
class _Counts:
    hits: int = 0
    misses: int = 0
    problem: str = ""
    filling: bool = False


class Pools:
    """The pools of one agent. Members are claimed, made and discarded on the set-up lane alone, one after the other.

    `take` of a chain that is executed is asked on the lane of those, where it has nothing to give.
    """

    def __init__(
        self, tools: Callable[[], Tools], maker: Maker, wanted: Sequence[PoolSettings], directory: str
    ) -> None:
        self._tools = tools
        self._maker = maker
        self._wanted: Mapping[str, PoolSettings] = {one.network: one for one in wanted}
        self._directory = directory
        self._counts = {name: _Counts() for name in self._wanted}
        self._lock = threading.Lock()
        self._drained: set[str] = set()

    def made(self, member: Member) -> MadeAhead:
        """The devices of a member."""
        return self._maker.made(member)

    def states(self) -> tuple[PoolState, ...]:
        """Every pool, by network."""
        depth = dict.fromkeys(self._wanted, 0)
        for member in self._tools().book.members():
            if member.ready and member.network in depth:
                depth[member.network] += 1
        return tuple(
            PoolState(
                network=name,
                depth=depth[name],
                size=self._wanted[name].size,
                hits=counts.hits,
                misses=counts.misses,
                problem=counts.problem,
            )
            for name, counts in sorted(self._counts.items())
        )

    def adopt(self) -> None:
        """At a start: keep the members that are sound and of use, discard the rest. Blocks."""
        tools = self._tools()
        kept: dict[str, int] = {}
        networks = {name: self._network(name) for name in self._wanted}
        for member in tools.book.members():
            size = self._wanted[member.network].size if member.network in self._wanted else 0
            of_use = networks.get(member.network) == member.conf_list
            if of_use and kept.get(member.network, 0) < size and self._is_sound(member):
                kept[member.network] = kept.get(member.network, 0) + 1
            else:
                self._discard(member)
        self._leave_directory()
        self.fill()

    def fill(self) -> None:
        """Begin to fill every pool, drained ones too. Does not block."""
        self._drained.clear()
        for name in self._wanted:
            self.refill(name)

    def would_miss(self, spec: NetworkSpec) -> bool:
        """Whether the request will most likely need a namespace that is not there yet. Pure."""
        if not needs_netns(spec):
            return False
        if not self._wanted or not _is_plain(spec):
            return True
        cni = spec.interfaces[0].cni
        name = "" if cni is None else cni.network_name
        return not any(one.ready and one.network == name for one in self._tools().book.members())

    def take(self, spec: NetworkSpec, chains: Sequence[Chain]) -> Member | None:
        """A member for this request, looked at once more; None is a miss, or not for a pool at all."""
        if not self._wanted or len(chains) != 1 or not _is_plain(spec):
            return None
        attachment = chains[0].attachment
        counts = self._counts.get(attachment.network)
        if counts is None:
            return None
        tools = self._tools()
        self._drained.discard(attachment.network)
        if not tools.runs_in_process(attachment.conf_list):
            # Members were made by plugins in process. An executable finds the devices in its way.
            tools.lanes.submit(self._retire(attachment.network), LaneName.BUILT_IN, background=True)
            counts.misses += 1
            return None
        for member in tools.book.members():
            if member.network != attachment.network or not member.ready:
                continue
            if member.conf_list == attachment.conf_list and self._is_there(member):
                counts.hits += 1
                return member
            self._discard(member)
        counts.misses += 1
        self.refill(attachment.network)
        return None

    def refill(self, network: str) -> None:
        """Begin to fill a network's pool, unless that is under way, or nobody is to come. Does not block."""
        counts = self._counts.get(network)
        if counts is None or self._is_closed(network):
            return
        with self._lock:
            if counts.filling:
                return
            counts.filling = True
        self._tools().lanes.submit(
            self._fill(self._wanted[network], counts), LaneName.BUILT_IN, background=True
        )

    def drain(self, *, dry_run: bool = False) -> int:
        """Discard every member; answers how many. A network's next set-up fills its pool again. Blocks."""
        members = self._tools().book.members()
        if dry_run:
            return len(members)
        self._drained.update(self._wanted)  # who waits to make the next one makes none
        for member in members:
            self._discard(member)
        self._leave_directory()  # the last ones may have been claimed
        return len(members)

    def _fill(self, wanted: PoolSettings, counts: _Counts) -> Work:
        tools = self._tools()
        try:
            while self._lacks(wanted) and not self._is_closed(wanted.network):
                yield Sleep(seconds=1.0 / wanted.rate)
                if stale := self._stale(wanted.network):
                    # It could not be made and not be taken back: a full disk under the journal does that.
                    for member in stale:
                        self._discard(member)
                    if self._stale(wanted.network):
                        counts.problem = "what was made of a member cannot be taken back yet"
                        yield Sleep(seconds=_AFTER_FAILURE)
                    continue
                if tools.lanes.idle_for() < _IDLE:
                    continue  # set-ups come first, also those that come one after the other
                if tools.book.count() + len(tools.book.members()) >= tools.settings.max_networks:
                    counts.problem = f"max_networks {tools.settings.max_networks} is reached"
                    yield Sleep(seconds=_AFTER_FAILURE)
                    continue
                if self._is_closed(wanted.network):
                    return
                try:
                    counts.problem = self._make_one(wanted.network)
                except Exception as exc:  # noqa: BLE001 - a pool that cannot be filled must not end its lane
                    counts.problem = f"{exc}"
                if counts.problem:
                    yield Sleep(seconds=_AFTER_FAILURE)
        finally:
            with self._lock:
                counts.filling = False

    def _retire(self, network: str) -> Work:
        """Discard what a network has, and say in the pool's state why it gets no more."""
        for member in self._tools().book.members():
            if member.network == network:
                self._discard(member)
        self.refill(network)
        yield from ()

    def _network(self, name: str) -> bytes | None:
        """What a network is now; None if it can have no pool."""
        try:
            network = chain.load(self._tools().settings.defaults.conf_dir, name)
        except AgentError:
            return None
        return None if self._maker.refusal(network) else chain.self_contained(network)

    def _make_one(self, name: str) -> str:
        """Make a member; answers what is in the way, empty if it is there. Raises AgentError, nothing left."""
        tools = self._tools()
        network = chain.load(tools.settings.defaults.conf_dir, name)
        if why := self._maker.refusal(network):
            return why
        member = tools.book.write_member(
            Member(
                member_id=0,
                network=name,
                conf_list=chain.self_contained(network),
                boot_id=tools.book.boot_id,
                path=f"{self._directory}/{secrets.token_hex(16)}",
            )
        )
        try:
            tools.kernel.prepare_netns_dir(self._directory, private=True)
            identity = namespace.create(tools.kernel, member.path)
            made = self._maker.make(member.path, network)
            tools.book.write_member(
                replace(
                    member,
                    ready=True,
                    netns_device=identity.device,
                    netns_inode=identity.inode,
                    host_device=(made.host_name, made.host_index),
                    host_mac=made.host_mac,
                    if_name=made.if_name,
                    tap=made.tap,
                )
            )
        except BaseException:
            self._discard(member)
            raise
        finally:
            tools.kernel.close_kept()
        return ""

    def _lacks(self, wanted: PoolSettings) -> bool:
        members = [one for one in self._tools().book.members() if one.network == wanted.network]
        return len(members) < wanted.size or not all(one.ready for one in members)

    def _is_closed(self, network: str) -> bool:
        """Whether members would wait for nobody: the pool was drained, or the host is cordoned."""
        return network in self._drained or self._tools().book.cordon is not None

    def _stale(self, network: str) -> list[Member]:
        """Members that are not ready though none is being made: asked by who makes them."""
        return [one for one in self._tools().book.members() if one.network == network and not one.ready]

    def _is_there(self, member: Member) -> bool:
        """Whether namespace and host device are those that were made, and untouched: what is cheap to ask."""
        tools = self._tools()
        if member.boot_id != tools.book.boot_id:
            return False
        name, index = member.host_device
        try:
            found = tools.kernel.host().link(name=name)
        except KernelFault:
            return False
        made = (found.index, found.mac.hex(":")) == (index, member.host_mac)
        # Down and alone until it is claimed: else somebody has plans of his own for it.
        untouched = not found.up and not found.master
        return (
            made
            and untouched
            and namespace.is_ours(tools.kernel, member.path, member.netns_device, member.netns_inode)
        )

    def _is_sound(self, member: Member) -> bool:
        return (
            member.ready
            and self._is_there(member)
            and self._maker.is_sound(member.path, self._maker.made(member))
        )

    def _discard(self, member: Member) -> None:
        """End a member: its namespace goes, and its devices with it. What cannot go now stays on record."""
        tools = self._tools()
        try:
            if not namespace.is_another(tools.kernel, member.path, member.netns_device, member.netns_inode):
                namespace.remove(tools.kernel, member.path)
            tools.book.forget_member(member)
        except AgentError:
            return  # found again when the pool is filled, and at the next start
        self._leave_directory()

    def _leave_directory(self) -> None:
        """The last member's directory goes with it. One that cannot go now goes with the next, or at a start."""
        tools = self._tools()
        if not tools.book.members():
            with contextlib.suppress(KernelFault):
                tools.kernel.undo_netns_dir(
                    net.NetnsDir(path=self._directory, made=(self._directory,), mounted=True)
                )


def _is_plain(spec: NetworkSpec) -> bool:
    """Whether a request leaves to the agent what a member has decided already."""
    (interface,) = spec.interfaces if len(spec.interfaces) == 1 else (None,)
    return (
        interface is not None
        and interface.cni is not None
        and not spec.netns_path
        and not interface.cni.conf_dir
        and not interface.cni.bin_path
        and interface.cni.network_config is None
        and interface.cni.if_name in ("", DEFAULT_IF_NAME)
    )
