"""A kernel as a value: requests are played on a frozen world, and refused as Linux refuses them.

It obeys the suite in tests/contract/test_kernel.py, as the real one does. What it leaves out:
link-local addresses, neighbours, packets, and any time a real kernel takes.
"""

from __future__ import annotations

import collections
import contextlib
import errno
import itertools
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Interface, IPv4Network, IPv6Interface
from pathlib import PurePosixPath
from typing import Any

from vmplumbd import abc, errors
from vmplumbd.kernel import nft, requests
from vmplumbd.model import net

HOST = 1  # the number of the host's own namespace
LONGEST_NAME = 15
MOST_PORTS = 1023
KINDS = frozenset({"bridge", "dummy", "ifb"})
SETTINGS = {
    "net/ipv4/ip_forward": "0",
    "net/ipv4/conf/*/accept_local": "0",
    "net/ipv4/conf/*/arp_notify": "0",
    "net/ipv4/conf/*/forwarding": "0",
    "net/ipv4/conf/*/proxy_arp": "0",
    "net/ipv4/conf/*/route_localnet": "0",
    "net/ipv4/conf/*/rp_filter": "0",
    "net/ipv6/conf/*/accept_dad": "1",
    "net/ipv6/conf/*/accept_ra": "1",
    "net/ipv6/conf/*/addr_gen_mode": "0",
    "net/ipv6/conf/*/disable_ipv6": "0",
    "net/ipv6/conf/*/enhanced_dad": "1",
    "net/ipv6/conf/*/forwarding": "0",
    "net/ipv6/conf/*/keep_addr_on_down": "0",
    "net/netfilter/nf_conntrack_count": "0",
    "net/netfilter/nf_conntrack_max": "262144",
}
SHARED_CHAINS = frozenset(
    {("cni_plugins_masquerade", "masq_checks"), ("cni_plugins_masquerade", "postrouting")}
)
STAYS = frozenset({"net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A link and what hangs on it. `peer` is the namespace and ifindex of a veth's other end."""

    index: int
    name: str
    kind: str = ""
    mac: bytes = b""
    mtu: int = 1500
    up: bool = False
    peer: tuple[int, int] | None = None
    master: int = 0
    group: int = 0
    promisc: bool = False
    allmulti: bool = False
    tx_queue_length: int = 1000
    hairpin: bool = False
    isolated: bool = False
    vlan_filtering: bool = False
    mac_given: bool = False
    vlans: tuple[tuple[int, bool, bool], ...] = ()  # vid, pvid, untagged
    owner: tuple[int, int] | None = None
    addresses: tuple[net.Interface, ...] = ()
    ingress: bool = False
    redirects: tuple[int, ...] = ()
    rate_limit: net.RateLimit | None = None
    htb: int | None = None
    classes: tuple[tuple[int, net.RateLimit], ...] = ()
    matches: tuple[net.AddMatch, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """A chain of the packet filter."""

    hook: net.Hook | None = None
    comment: str = ""
    rules: tuple[net.RuleInfo, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table of the packet filter."""

    comment: str = ""
    chains: Mapping[str, Chain] = field(default_factory=dict)
    next_handle: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """The packet filter of one namespace."""

    tables: Mapping[net.TableName, Table] = field(default_factory=dict)
    generation: int = 1


LOOPBACK = Link(index=1, name="lo", mac=bytes(6), mtu=65536)


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """One namespace. `filter` None: a kernel without nf_tables."""

    links: tuple[Link, ...] = (LOOPBACK,)
    routes: tuple[net.RouteInfo, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    next_index: int = 2
    filter: Filter | None = Filter()


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Namespaces by number; paths lead to a number, or to None for a file that is no namespace."""

    spaces: Mapping[int, Space] = field(default_factory=lambda: {HOST: Space()})
    paths: Mapping[str, int | None] = field(default_factory=dict)
    directories: frozenset[str] = frozenset({"/run/netns"})


class FakeKernel:
    """See `abc.Kernel`. `world` may be read and replaced by a test at any time."""

    def __init__(
        self, world: World | None = None, *, vlans: bool = True, lacks: Collection[str] = ()
    ) -> None:
        self.world = world or World()
        self.lacks = frozenset(lacks)  # kinds of links and qdiscs
        self.filters_vlans = vlans
        self.duplicates: frozenset[net.Interface] = frozenset()
        self.steps: list[str] = []
        self.kept: set[str] = set()
        self.lock = threading.RLock()
        self._numbers = itertools.count(HOST + 1)
        self._macs = itertools.count(1)
        self._held: collections.Counter[int] = collections.Counter()
        self._failure: tuple[int, int] | None = None
        self._watches: list[FakeWatch] = []

    # For tests.

    def snapshot(self, *, bridges: Collection[str] = (), without: Collection[str] = ()) -> dict[str, Any]:
        """The world without what may stay after a tear-down, to compare before and after.

        `bridges` are links of the host that are left out, `without` paths of namespaces.
        """
        with self.lock:
            named = {number: path for path, number in self.world.paths.items() if number is not None}
            spaces = {
                "host" if number == HOST else named.get(number, f"unnamed {number}"): space
                for number, space in self.world.spaces.items()
            }
            files = sorted(path for path, number in self.world.paths.items() if number is None)
            shown: dict[str, Any] = {
                name: _lasting(space, bridges) for name, space in spaces.items() if name not in without
            }
            return shown | {"files": files}

    def fail_step(self, nth: int, code: int = errno.EIO) -> None:
        """Refuse the nth act from now (0 is the next) with this errno; those after it are played again."""
        self._failure = (len(self.steps) + nth, code)

    def put_file(self, path: str) -> None:
        """Something at `path` that is no namespace, as a crash leaves it."""
        self.world = replace(self.world, paths={**self.world.paths, path: None})

    def hold(self, path: str) -> Callable[[], None]:
        """Keep a namespace alive without its path, as a VMM with an open tap does; answers the release."""
        with self.lock:
            number = self._at(path, "hold")
            self._held[number] += 1

        def release() -> None:
            with self.lock:
                self._held[number] -= 1
                if not self._held[number] and number not in self.world.paths.values():
                    self._destroy(number)

        return release

    # abc.Kernel.

    def host(self) -> FakeNetns:
        return FakeNetns(self, HOST, "the host")

    def expect_netns(self) -> None:
        pass

    def create_netns(self, path: str) -> net.NetnsIdentity:
        with self.lock:
            self._step(f"create network namespace {path}", path)
            if path in self.world.paths:
                raise errors.kernel_fault("create network namespace", where=path, errno=errno.EEXIST)
            if str(PurePosixPath(path).parent) not in self.world.directories:
                raise errors.kernel_fault("create network namespace", where=path, errno=errno.ENOENT)
            number = next(self._numbers)
            self.world = replace(
                self.world,
                spaces={**self.world.spaces, number: Space()},
                paths={**self.world.paths, path: number},
            )
            self.kept.add(path)
            return _identity(number)

    @contextlib.contextmanager
    def open_netns(self, path: str) -> Iterator[abc.Netns]:
        with self.lock:
            handle = FakeNetns(self, self._at(path, "open network namespace"), path)
        try:
            yield handle
        finally:
            handle.close()

    @contextlib.contextmanager
    def trial_netns(self) -> Iterator[abc.Netns]:
        with self.lock:
            number = next(self._numbers)
            self._put(number, Space())
            handle = FakeNetns(self, number, "a namespace to try in")
        try:
            yield handle
        finally:
            handle.close()
            with self.lock:
                self._destroy(number)

    def netns_identity(self, path: str) -> net.NetnsIdentity:
        with self.lock:
            return _identity(self._at(path, "open network namespace"))

    def netns_paths(self, directory: str) -> Sequence[str]:
        with self.lock:
            return sorted(path for path in self.world.paths if str(PurePosixPath(path).parent) == directory)

    def move_netns(self, source: str, target: str) -> None:
        with self.lock:
            self._step(f"move network namespace {source}", source)
            if target in self.world.paths:
                raise errors.kernel_fault("create network namespace", where=target, errno=errno.EEXIST)
            number = self._at(source, "open network namespace")
            self.kept.discard(source)
            paths = {path: at for path, at in self.world.paths.items() if path != source}
            self.world = replace(self.world, paths={**paths, target: number})

    def delete_netns(self, path: str) -> None:
        with self.lock:
            self._step(f"delete network namespace {path}", path)
            self.kept.discard(path)
            if path not in self.world.paths:
                return
            paths = dict(self.world.paths)
            number = paths.pop(path)
            self.world = replace(self.world, paths=paths)
            if number is not None and not self._held[number] and number not in paths.values():
                self._destroy(number)

    def unlink_netns(self, path: str) -> FakeHeld | None:
        with self.lock:
            number = self.world.paths.get(path)
            held = None if number is None else FakeHeld(self.hold(path))
            try:
                self.delete_netns(path)
            except BaseException:
                if held is not None:
                    held.close()
                raise
            return held

    def prepare_netns_dir(self, path: str, *, private: bool = False) -> net.NetnsDir:  # noqa: ARG002  no sharing here
        with self.lock:
            self._step(f"prepare namespace directory {path}", path)
            if path in self.world.directories:
                return net.NetnsDir(path=path)
            self.world = replace(self.world, directories=self.world.directories | {path})
            return net.NetnsDir(path=path, made=(path,), mounted=True)

    def plan_netns_dir(self, path: str) -> net.NetnsDir:
        with self.lock:
            if path in self.world.directories:
                return net.NetnsDir(path=path)
            return net.NetnsDir(path=path, made=(path,), mounted=True)

    def undo_netns_dir(self, made: net.NetnsDir) -> None:
        with self.lock:
            in_use = any(str(PurePosixPath(path).parent) == made.path for path in self.world.paths)
            if made.made and not in_use:
                self.world = replace(self.world, directories=self.world.directories - set(made.made))

    def close_kept(self) -> None:
        with self.lock:
            self.kept.clear()

    def delete_group(self, group: int, indexes: Collection[int]) -> None:
        with self.lock:
            self._step(f"delete the links of group {group}", "the host")
            ours = [link.index for link in self.world.spaces[HOST].links if link.index in set(indexes)]
            foreign = [
                link.name
                for link in self.world.spaces[HOST].links
                if link.group == group and link.index not in ours
            ]
            if foreign:
                raise errors.Busy(f"delete the links of group {group}", where="the host", errno=errno.EBUSY)
            for index in ours:
                self._remove_link(HOST, index)

    def is_own_address(self, address: net.Address) -> bool:
        return any(
            one.ip == address and link.up for link in self.world.spaces[HOST].links for one in link.addresses
        )

    def watch(self) -> FakeWatch:
        made = FakeWatch(self)
        with self.lock:
            self._watches.append(made)
        return made

    # What the handles use.

    def _step(self, words: str, where: str, op: int = 0) -> None:
        self.steps.append(words)
        if self._failure is not None and self._failure[0] == len(self.steps) - 1:
            _, code = self._failure
            self._failure = None
            raise errors.kernel_fault(words, where=where, errno=code, op=op, note="a fault of the test")

    def _at(self, path: str, verb: str) -> int:
        if path not in self.world.paths:
            raise errors.kernel_fault(verb, where=path, errno=errno.ENOENT)
        number = self.world.paths[path]
        if number is None:
            raise errors.NotANetns(f"{path} is not a network namespace")
        return number

    def _put(self, number: int, space: Space) -> None:
        self.world = replace(self.world, spaces={**self.world.spaces, number: space})

    def _put_link(self, number: int, link: Link) -> None:
        space = self.world.spaces[number]
        links = tuple(link if old.index == link.index else old for old in space.links)
        self._put(number, replace(space, links=links))

    def _new_link(self, number: int, link: Link) -> Link:
        space = self.world.spaces[number]
        made = replace(
            link,
            index=space.next_index,
            mac=link.mac or b"\x02\0" + next(self._macs).to_bytes(4, "big"),
        )
        self._put(number, replace(space, links=(*space.links, made), next_index=space.next_index + 1))
        return made

    def _remove_link(self, number: int, index: int) -> None:
        space = self.world.spaces.get(number)
        link = _by_index(space, index) if space is not None else None
        if space is None or link is None:
            return
        links = tuple(
            replace(other, master=0) if other.master == index else other
            for other in space.links
            if other is not link
        )
        routes = tuple(route for route in space.routes if route.index != index)
        settings = {key: value for key, value in space.settings.items() if key.split("/")[3:4] != [link.name]}
        self._put(number, replace(space, links=links, routes=routes, settings=settings))
        if link.master:
            self._lowest_mac(number, link.master)
        if link.peer is not None:
            self._remove_link(*link.peer)
        if number == HOST:
            for watch in self._watches:
                watch.changed()

    def _lowest_mac(self, number: int, index: int) -> None:
        """A bridge has the MAC of its lowest port, unless it was given one; all zeroes without ports."""
        space = self.world.spaces[number]
        bridge = _by_index(space, index)
        if bridge is not None and not bridge.mac_given:
            macs = [port.mac for port in space.links if port.master == index]
            self._put_link(number, replace(bridge, mac=min(macs, default=bytes(6))))

    def _destroy(self, number: int) -> None:
        for link in self.world.spaces[number].links:
            self._remove_link(number, link.index)
        self.world = replace(
            self.world, spaces={key: space for key, space in self.world.spaces.items() if key != number}
        )


class FakeNetns:
    """See `abc.Netns`."""

    def __init__(self, kernel: FakeKernel, number: int, where: str) -> None:
        self._kernel = kernel
        self._number = number
        self._where = where
        self._owner = threading.get_ident()
        self._open = True

    @property
    def identity(self) -> net.NetnsIdentity:
        return _identity(self._number)

    def close(self) -> None:
        """Refuse all further use."""
        self._open = False

    def apply(self, requests_: Sequence[net.Request]) -> Sequence[net.LinkInfo]:
        answers: list[net.LinkInfo] = []
        first: errors.KernelFault | None = None
        with self._kernel.lock:
            for op, request in enumerate(requests_):
                try:
                    self._space()
                    self._kernel._step(requests.words(request), self._where, op)
                    found = self._play(request)
                except _Refusal as exc:
                    first = first or errors.kernel_fault(
                        requests.words(request),
                        where=self._where,
                        errno=exc.code,
                        op=op,
                        hint=requests.hint(request),
                    )
                except errors.KernelFault as exc:
                    first = first or exc
                else:
                    if found is not None:
                        answers.append(found)
        if first is not None:
            raise first
        return answers

    @property
    def is_new(self) -> bool:
        with self._kernel.lock:
            return any(self._kernel.world.paths.get(path) == self._number for path in self._kernel.kept)

    def device(self, name: str) -> net.Device:
        with self._kernel.lock:
            self._kernel._step(f"find link {name}", self._where)
            for link in self._space().links:
                if link.name == name:
                    return _device(link)
        raise errors.kernel_fault(f"find link {name}", where=self._where, errno=errno.ENODEV)

    def count_ports(self, bridge: str) -> int:
        return len(self.ports(self.device(bridge).index))

    def own_tap(self, name: str, *, uid: int, gid: int) -> None:
        with self._kernel.lock:
            self._kernel._step(f"change the owner of tap {name}", self._where)
            link = next((each for each in self._space().links if each.name == name), None)
            code = errno.ENODEV if link is None else errno.EINVAL if link.kind != "tun" else 0
            if code or link is None:
                raise errors.kernel_fault(f"change the owner of tap {name}", where=self._where, errno=code)
            self._change(replace(link, owner=(uid, gid)))

    def add_tap(self, name: str, *, uid: int, gid: int, mtu: int) -> net.Device:
        with self._kernel.lock:
            self._kernel._step(f"add tap {name or 'tapN'}", self._where)
            taken = {link.name for link in self._space().links}
            chosen = name or next(f"tap{n}" for n in itertools.count() if f"tap{n}" not in taken)
            code = 0
            if chosen in taken:
                code = errno.EEXIST
            elif len(chosen) > LONGEST_NAME:
                code = errno.ERANGE
            elif mtu and mtu < 68:
                code = errno.EINVAL
            if code:
                raise errors.kernel_fault(f"add tap {chosen}", where=self._where, errno=code)
            made = Link(index=0, name=chosen, kind="tun", mtu=mtu or 1500, owner=(uid, gid))
            return _device(self._kernel._new_link(self._number, made))

    def link(self, *, name: str = "", index: int = 0) -> net.LinkInfo:
        (found,) = self.apply([net.GetLink(name=name, index=index)])
        return found

    def links(self) -> Sequence[net.LinkInfo]:
        with self._kernel.lock:
            return [self._info(link) for link in self._space().links]

    def ports(self, bridge: int) -> Sequence[net.LinkInfo]:
        return [link for link in self.links() if link.master == bridge]

    def addresses(self, index: int) -> Sequence[net.AddressInfo]:
        with self._kernel.lock:
            link = _by_index(self._space(), index)
            held = link.addresses if link is not None else ()
            ordered = sorted(held, key=lambda address: address.version)
            known = self._kernel.duplicates
            return [
                net.AddressInfo(index=index, address=address, scope=0, dad_failed=address in known)
                for address in ordered
            ]

    def routes(self) -> Sequence[net.RouteInfo]:
        with self._kernel.lock:
            return sorted(
                self._space().routes,
                key=lambda route: (route.dst.version, int(route.dst.network_address), route.dst.prefixlen),
            )

    def has_ingress(self, index: int) -> bool:
        with self._kernel.lock:
            link = _by_index(self._space(), index)
            return link is not None and link.ingress

    def redirects(self, index: int) -> Sequence[int]:
        with self._kernel.lock:
            link = _by_index(self._space(), index)
            if link is None:
                return []
            some = [each.match.to for each in link.matches if not each.at_root and each.match.to]
            return [*some, *link.redirects]

    def rate_limit(self, index: int) -> net.RateLimit | None:
        with self._kernel.lock:
            link = _by_index(self._space(), index)
            return None if link is None else link.rate_limit

    def class_limit(self, index: int, minor: int) -> net.RateLimit | None:
        with self._kernel.lock:
            link = _by_index(self._space(), index)
            return None if link is None else dict(link.classes).get(minor)

    def matches(self, index: int, *, at_root: bool = False) -> Sequence[net.Match]:
        with self._kernel.lock:
            link = _by_index(self._space(), index)
            held = () if link is None else (each for each in link.matches if each.at_root is at_root)
            return [each.match for each in sorted(held, key=lambda each: each.priority)]

    def read_sysctl(self, key: str) -> str:
        with self._kernel.lock:
            return self._space().settings.get(key, self._default(key))

    def write_sysctl(self, key: str, value: str) -> None:
        with self._kernel.lock:
            self._default(key)
            self._kernel._step(f"write {key}", self._where)
            if not value.strip().removeprefix("-").isdecimal():
                raise errors.kernel_fault(f"write {key}", where=self._where, errno=errno.EINVAL)
            self._set(key, value)

    def _set(self, key: str, value: str) -> None:
        space = self._space()
        others = {other: held for other, held in space.settings.items() if other != key}
        written = {} if value == self._default(key) else {key: value}
        self._kernel._put(self._number, replace(space, settings=others | written))

    def try_sysctls(self, settings: Mapping[str, str]) -> None:
        for key, value in settings.items():
            with contextlib.suppress(errors.KernelFault):
                self.write_sysctl(key, value)

    def change_rules(
        self, requests_: Sequence[net.RuleRequest], *, generation: int | None = None, dry: bool = False
    ) -> Sequence[int]:
        with self._kernel.lock:
            if not requests_:
                return []
            self._kernel._step(nft.words(requests_[-1]), self._where)
            now = self._filter()
            if generation not in (None, now.generation):
                raise errors.kernel_fault("change the packet filter", where=self._where, errno=errno.ERESTART)
            handles: list[int] = []
            for op, request in enumerate(requests_):
                try:
                    now = _play_rule(now, request, handles)
                except _Refusal as exc:
                    raise errors.kernel_fault(
                        nft.words(request), where=self._where, errno=exc.code, op=op
                    ) from None
            if not dry:
                after = replace(now, generation=net.next_generation(now.generation))
                self._kernel._put(self._number, replace(self._space(), filter=after))
            return [] if dry else handles

    def generation(self) -> int:
        with self._kernel.lock:
            return self._filter().generation

    def rules(self, chain: net.ChainName) -> net.RuleList:
        with self._kernel.lock:
            now = self._filter()
            found = _rules_of(now, chain)
            return net.RuleList(
                generation=now.generation,
                rules=tuple(net.RuleName(handle=each.handle, comment=each.comment) for each in found),
            )

    def rule(self, chain: net.ChainName, handle: int) -> net.RuleInfo:
        with self._kernel.lock:
            for each in _rules_of(self._filter(), chain):
                if each.handle == handle:
                    return each
        raise errors.kernel_fault(f"find rule {handle}", where=self._where, errno=errno.ENOENT)

    def _filter(self) -> Filter:
        found = self._space().filter
        if found is None:
            raise errors.Unsupported("the kernel has no nf_tables")
        return found

    def _space(self) -> Space:
        if not self._open:
            raise RuntimeError(f"the handle of {self._where} is closed")
        if self._number != HOST and threading.get_ident() != self._owner:
            raise RuntimeError(f"the handle of {self._where} belongs to another thread")
        return self._kernel.world.spaces[self._number]

    def _default(self, key: str) -> str:
        parts = key.split("/")
        if len(parts) == 5 and parts[2] == "conf":
            devices = {"all", "default"} | {link.name for link in self._space().links}
            if parts[3] in devices:
                parts[3] = "*"
        value = SETTINGS.get("/".join(parts))
        if value is None:
            raise errors.kernel_fault(f"find {key}", where=self._where, errno=errno.ENOENT)
        return value

    def _play(self, request: net.Request) -> net.LinkInfo | None:
        match request:
            case net.GetLink():
                return self._info(self._which(request.index, request.name))
            case net.AddVeth():
                self._add_veth(request)
            case net.AddLink():
                self._add_link(request)
            case net.SetLink():
                self._set_link(request)
            case net.AddBridgeVlan():
                self._add_vlan(request)
            case net.DelBridgeVlan():
                link = self._which(request.index)
                _refuse(errno.EOPNOTSUPP, not link.master)
                # A VLAN that the port is not in is no fault, nor is a kernel without any.
                self._change(replace(link, vlans=tuple(row for row in link.vlans if row[0] != request.vid)))
            case net.RenameLink():
                self._refuse_name(request.name, self._number)
                self._change(replace(self._which(request.index), name=request.name))
            case net.DelLink():
                link = self._which(request.index, request.name)
                self._kernel._remove_link(self._number, link.index)
            case net.AddAddress():
                self._add_address(request)
            case net.DelAddress():
                self._del_address(request)
            case net.AddRoute():
                self._add_route(request)
            case net.DelRoute():
                self._del_route(request)
            case net.AddTbf():
                link = self._which(request.index)
                _refuse(errno.ENOENT, "tbf" in self._kernel.lacks)
                _refuse(errno.EEXIST, link.rate_limit is not None or link.htb is not None)
                _refuse(errno.EINVAL, not request.limit.buffer or not request.limit.rate)
                self._change(replace(link, rate_limit=request.limit))
            case net.DelTbf():
                link = self._which(request.index)
                _refuse(errno.EINVAL, link.rate_limit is None)
                self._change(replace(link, rate_limit=None))
            case net.AddHtb():
                link = self._which(request.index)
                _refuse(errno.ENOENT, "htb" in self._kernel.lacks)
                _refuse(errno.EEXIST, link.rate_limit is not None or link.htb is not None)
                self._change(replace(link, htb=request.default))
            case net.DelHtb():
                link = self._which(request.index)
                _refuse(errno.EINVAL, link.htb is None)
                kept = tuple(each for each in link.matches if not each.at_root)
                self._change(replace(link, htb=None, classes=(), matches=kept))
            case net.AddHtbClass():
                link = self._which(request.index)
                _refuse(errno.ENOENT, link.htb is None)
                _refuse(errno.EINVAL, not request.limit.rate)
                _refuse(errno.EEXIST, request.minor in dict(link.classes))
                limit = replace(request.limit, limit=0)
                self._change(replace(link, classes=(*link.classes, (request.minor, limit))))
            case net.AddMatch():
                link = self._which(request.index)
                _refuse(errno.EINVAL, link.htb is None if request.at_root else not link.ingress)
                if request.match.to:
                    self._which(request.match.to)
                self._change(replace(link, matches=(*link.matches, request)))
            case net.AddIngress():
                link = self._which(request.index)
                _refuse(errno.ENOENT, "ingress" in self._kernel.lacks)
                _refuse(errno.EEXIST, link.ingress)
                self._change(replace(link, ingress=True))
            case net.DelIngress():
                link = self._which(request.index)
                _refuse(errno.ENOENT, not link.ingress)
                kept = tuple(each for each in link.matches if each.at_root)
                self._change(replace(link, ingress=False, redirects=(), matches=kept))
            case net.AddRedirect():
                link = self._which(request.index)
                _refuse(errno.EINVAL, not link.ingress)
                self._which(request.to)
                self._change(replace(link, redirects=(*link.redirects, request.to)))
        return None

    def _add_veth(self, request: net.AddVeth) -> None:
        for name, number in ((request.name, self._number), (request.peer, HOST)):
            self._refuse_name(name, number)
        _refuse(errno.EEXIST, self._number == HOST and request.name == request.peer)
        _refuse_mtu(request.mtu)
        mtu = request.mtu or 1500
        peer = Link(
            index=0,
            name=request.peer,
            kind="veth",
            mac=request.peer_mac or b"",
            mtu=mtu,
            group=request.peer_group,
            tx_queue_length=0,
        )
        far = self._kernel._new_link(HOST, peer)
        here = Link(
            index=0,
            name=request.name,
            kind="veth",
            mac=request.mac or b"",
            mtu=mtu,
            peer=(HOST, far.index),
        )
        near = self._kernel._new_link(self._number, here)
        self._kernel._put_link(HOST, replace(far, peer=(self._number, near.index)))

    def _add_link(self, request: net.AddLink) -> None:
        self._refuse_name(request.name, self._number)
        _refuse(errno.EOPNOTSUPP, request.kind not in KINDS - self._kernel.lacks)
        _refuse(errno.EOPNOTSUPP, request.vlan_filtering is not None and not self._kernel.filters_vlans)
        if request.kind == "bridge":
            _refuse_mtu(request.mtu)
        queue = request.tx_queue_length
        made = Link(
            index=0,
            name=request.name,
            kind=request.kind,
            mac=request.mac or b"",
            mtu=request.mtu or 1500,
            tx_queue_length=1000 if queue is None else queue,
            vlan_filtering=bool(request.vlan_filtering),
        )
        made = self._kernel._new_link(self._number, made)
        if request.up:
            self._set_link(net.SetLink(index=made.index, up=True))

    def _set_link(self, request: net.SetLink) -> None:
        link = self._which(request.index, request.name)
        if request.master:
            master = _by_index(self._space(), request.master)
            _refuse(errno.EINVAL, master is None)
            _refuse(errno.EOPNOTSUPP, master is not None and master.kind != "bridge")
            ports = [port for port in self._space().links if port.master == request.master]
            _refuse(errno.EXFULL, link.master != request.master and len(ports) >= MOST_PORTS)
        _refuse(errno.EINVAL, request.mtu is not None and request.mtu < 68)
        master_now = link.master if request.master is None else request.master
        port = request.hairpin is not None or request.isolated is not None
        changes = {
            name: value
            for name in ("up", "mtu", "mac", "master", "group", "promisc", "allmulti", "tx_queue_length")
            if (value := getattr(request, name)) is not None
        }
        changed = replace(link, **changes)
        if changed.master != link.master:
            member = bool(changed.master) and self._kernel.filters_vlans
            changed = replace(
                changed, vlans=((1, True, True),) if member else (), hairpin=False, isolated=False
            )
        if request.mac is not None and link.kind == "bridge":
            changed = replace(changed, mac_given=True)
        self._change(changed)
        for bridge in {link.master, changed.master} if link.master != changed.master else set():
            self._kernel._lowest_mac(self._number, bridge)
        if request.arp_notify is not None:
            self._set(f"net/ipv4/conf/{link.name}/arp_notify", str(int(request.arp_notify)))
        if changed.up and not link.up:
            for address in changed.addresses:
                self._connect(changed.index, address)
        if link.up and not changed.up:
            self._down(changed)
        if port:
            _refuse(errno.EOPNOTSUPP, not master_now)
            settings = {
                name: value
                for name in ("hairpin", "isolated")
                if (value := getattr(request, name)) is not None
            }
            self._change(replace(self._which(link.index), **settings))

    def _add_vlan(self, request: net.AddBridgeVlan) -> None:
        link = self._which(request.index)
        _refuse(errno.EOPNOTSUPP, not link.master or not self._kernel.filters_vlans)
        _refuse(errno.EINVAL, not 0 < request.vid < 4095)
        kept = [
            (vid, pvid and not request.pvid, untagged)
            for vid, pvid, untagged in link.vlans
            if vid != request.vid
        ]
        made = (request.vid, request.pvid, request.untagged)
        self._change(replace(link, vlans=tuple(sorted([*kept, made]))))

    def _down(self, link: Link) -> None:
        space = self._space()
        routes = tuple(route for route in space.routes if route.index != link.index)
        self._kernel._put(self._number, replace(space, routes=routes))
        keep = any(
            self.read_sysctl(f"net/ipv6/conf/{name}/keep_addr_on_down") == "1" for name in ("all", link.name)
        )
        if not keep:
            stay = tuple(address for address in link.addresses if address.version == 4)
            self._change(replace(link, addresses=stay))

    def _add_address(self, request: net.AddAddress) -> None:
        link = self._which(request.index)
        same = [
            held
            for held in link.addresses
            if held.ip == request.address.ip
            and (held.version == 6 or held.network.prefixlen == request.address.network.prefixlen)
        ]
        _refuse(errno.EEXIST, bool(same))
        self._change(replace(link, addresses=(*link.addresses, request.address)))
        if link.up:
            self._connect(link.index, request.address)

    def _del_address(self, request: net.DelAddress) -> None:
        link = self._which(request.index)
        _refuse(errno.EADDRNOTAVAIL, request.address not in link.addresses)
        left = tuple(address for address in link.addresses if address != request.address)
        self._change(replace(link, addresses=left))
        space = self._space()
        gone = _connected(link.index, request.address)
        routes = tuple(route for route in space.routes if route != gone and route.src != request.address.ip)
        self._kernel._put(self._number, replace(space, routes=routes))

    def _connect(self, index: int, address: net.Interface) -> None:
        route = _connected(index, address)
        space = self._space()
        if route is not None and route not in space.routes:
            self._kernel._put(self._number, replace(space, routes=(*space.routes, route)))

    def _add_route(self, request: net.AddRoute) -> None:
        link = self._which(request.index)
        _refuse(errno.ENETDOWN, not link.up)
        space = self._space()
        four = isinstance(request.dst, IPv4Network)
        route = net.RouteInfo(
            dst=request.dst,
            index=request.index,
            gateway=request.gateway,
            src=request.src,
            scope=request.scope if four else net.SCOPE_UNIVERSE,
            table=request.table,
            priority=request.priority or (0 if four else 1024),
            protocol=net.PROTO_BOOT,
        )
        same = [
            old
            for old in space.routes
            if (old.dst, old.table, old.priority) == (route.dst, route.table, route.priority)
        ]
        _refuse(errno.EEXIST, bool(same) and (not request.append or route in same))
        if request.gateway is not None:
            near = any(
                old.index == request.index and old.gateway is None and request.gateway in old.dst
                for old in space.routes
                if old.dst.version == request.gateway.version
                and (old.dst.version == 6 or old.scope >= net.SCOPE_LINK)
            )
            linked = request.gateway.version == 6 and request.gateway.is_link_local
            _refuse(errno.ENETUNREACH if four else errno.EHOSTUNREACH, not near and not linked)
        if request.src is not None:
            local = any(held.ip == request.src for other in space.links for held in other.addresses)
            _refuse(errno.EINVAL, not local)
        self._kernel._put(self._number, replace(space, routes=(*space.routes, route)))

    def _del_route(self, request: net.DelRoute) -> None:
        space = self._space()
        for route in space.routes:
            if (route.dst, route.index, route.table) == (request.dst, request.index, request.table) and (
                route.dst.version == 6 or request.scope in (net.SCOPE_NOWHERE, route.scope)
            ):
                left = tuple(other for other in space.routes if other is not route)
                self._kernel._put(self._number, replace(space, routes=left))
                return
        raise _Refusal(errno.ESRCH)

    def _which(self, index: int, name: str = "") -> Link:
        for link in self._space().links:
            if link.index == index if index else link.name == name:
                return link
        raise _Refusal(errno.ENODEV)

    def _change(self, link: Link) -> None:
        self._kernel._put_link(self._number, link)

    def _refuse_name(self, name: str, number: int) -> None:
        _refuse(errno.ERANGE, len(name) > LONGEST_NAME)
        _refuse(errno.EEXIST, any(link.name == name for link in self._kernel.world.spaces[number].links))

    def _info(self, link: Link) -> net.LinkInfo:
        running = link.up and link.kind == "veth"
        if link.peer is not None:
            far = _by_index(self._kernel.world.spaces[link.peer[0]], link.peer[1])
            running = running and far is not None and far.up
        return net.LinkInfo(
            index=link.index,
            name=link.name,
            kind=link.kind,
            mac=link.mac,
            mtu=link.mtu,
            up=link.up,
            peer_index=link.peer[1] if link.peer is not None else 0,
            master=link.master,
            group=link.group,
            promisc=link.promisc,
            allmulti=link.allmulti,
            tx_queue_length=link.tx_queue_length,
            oper_up=running,
            default_vlan=1 if link.kind == "bridge" and self._kernel.filters_vlans else None,
            owner_uid=link.owner[0] if link.owner is not None else None,
            owner_gid=link.owner[1] if link.owner is not None else None,
        )


def _play_rule(now: Filter, request: net.RuleRequest, handles: list[int]) -> Filter:
    """The packet filter after one change; a new rule's handle goes to `handles`."""
    if isinstance(request, net.AddTable):
        if request.table in now.tables:
            return now
        return replace(now, tables={**now.tables, request.table: Table(comment=request.comment)})
    if isinstance(request, net.DelTable):
        _refuse(errno.ENOENT, request.table not in now.tables)
        return replace(now, tables={name: each for name, each in now.tables.items() if name != request.table})
    table = now.tables.get(request.chain.table)
    if table is None:
        raise _Refusal(errno.ENOENT)
    chains = dict(table.chains)
    chain = chains.get(request.chain.name)
    if isinstance(request, net.AddChain):
        if chain is not None:
            _refuse(errno.EOPNOTSUPP, request.hook not in (None, chain.hook))
            return now
        # Chains and rules share their table's handles.
        chains[request.chain.name] = Chain(hook=request.hook, comment=request.comment)
        table = replace(table, chains=chains, next_handle=table.next_handle + 1)
        return replace(now, tables={**now.tables, request.chain.table: table})
    if chain is None:
        raise _Refusal(errno.ENOENT)
    taken = table.next_handle
    match request:
        case net.FlushChain():
            chains[request.chain.name] = replace(chain, rules=())
        case net.DelChain():
            del chains[request.chain.name]
            rules = [rule for other in chains.values() for rule in other.rules]
            _refuse(errno.EBUSY, any(_leads_to(rule, request.chain.name) for rule in rules))
        case net.DelRule():
            left = tuple(rule for rule in chain.rules if rule.handle != request.handle)
            _refuse(errno.ENOENT, left == chain.rules)
            chains[request.chain.name] = replace(chain, rules=left)
        case net.AddRule():
            made = net.RuleInfo(handle=taken, comment=request.comment, expressions=request.expressions)
            _refuse(
                errno.ENOENT,
                any(
                    isinstance(e, net.Verdict) and e.chain and e.chain not in chains for e in made.expressions
                ),
            )
            chains[request.chain.name] = replace(chain, rules=(*chain.rules, made))
            handles.append(taken)
            taken += 1
    table = replace(table, chains=chains, next_handle=taken)
    return replace(now, tables={**now.tables, request.chain.table: table})


def _leads_to(rule: net.RuleInfo, chain: str) -> bool:
    return any(isinstance(each, net.Verdict) and each.chain == chain for each in rule.expressions)


def _rules_of(now: Filter, chain: net.ChainName) -> tuple[net.RuleInfo, ...]:
    table = now.tables.get(chain.table)
    found = None if table is None else table.chains.get(chain.name)
    return () if found is None else found.rules


def _lasting_filter(now: Filter | None) -> Filter | None:
    """Without what is shared by all and stays: tables, base chains, and the masquerade's own two."""
    if now is None:
        return None
    tables = {}
    for name, table in now.tables.items():
        chains = {
            key: replace(chain, rules=tuple(replace(rule, handle=0) for rule in chain.rules))
            for key, chain in table.chains.items()
            if (name.name, key) not in SHARED_CHAINS or (key != "postrouting" and chain.rules)
            if chain.hook is None or chain.rules
        }
        if chains:
            tables[name] = Table(comment=table.comment, chains=chains)
    return Filter(tables=tables, generation=0)


class FakeHeld:
    """See `abc.Held`."""

    def __init__(self, release: Callable[[], None]) -> None:
        self._releases = [release]

    def close(self) -> None:
        if self._releases:
            self._releases.pop()()


class FakeExpected:
    """See `abc.Expected`."""

    def __init__(self, watch: FakeWatch, indexes: Collection[int]) -> None:
        self._watch = watch
        self._indexes = frozenset(indexes)
        self._cancelled = False

    @property
    def over(self) -> bool:
        return self._watch.wait_gone(self._indexes, 0) == self._indexes

    def then(self, tell: Callable[[], None]) -> None:
        self._watch.on_gone(self._indexes, lambda _: None if self._cancelled else tell())

    def saw_gone(self, indexes: Iterable[int]) -> None:
        """The fake looks for itself."""

    def cancel(self) -> None:
        self._cancelled = True


class FakeWatch:
    """See `abc.DeviceWatch`. A link of the fake goes at once, on the thread that deletes it."""

    def __init__(self, kernel: FakeKernel) -> None:
        self._kernel = kernel
        self._change = threading.Condition(kernel.lock)
        self._waits: list[tuple[frozenset[int], Callable[[frozenset[int]], None]]] = []
        self._closed = False

    def wait_gone(self, indexes: Collection[int], timeout: float) -> frozenset[int]:
        asked = frozenset(indexes)
        with self._change:
            self._change.wait_for(lambda: self._closed or not asked & self._there(), timeout)
            return asked - self._there()

    def expect(self, indexes: Collection[int]) -> FakeExpected:
        return FakeExpected(self, indexes)

    def on_gone(self, indexes: Collection[int], tell: Callable[[frozenset[int]], None]) -> None:
        with self._change:
            self._waits.append((frozenset(indexes), tell))
        self._tell()

    def close(self) -> None:
        with self._change:
            self._closed = True
            self._waits.clear()
            self._change.notify_all()

    def changed(self) -> None:
        """The kernel took a link away."""
        with self._change:
            self._change.notify_all()
        self._tell()

    def _there(self) -> frozenset[int]:
        return frozenset(link.index for link in self._kernel.world.spaces[HOST].links)

    def _tell(self) -> None:
        with self._change:
            there = self._there()
            done = [wait for wait in self._waits if not wait[0] & there]
            self._waits = [wait for wait in self._waits if wait[0] & there]
        for indexes, tell in done:
            tell(indexes)


class _Refusal(Exception):
    """The kernel says no, with this errno."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def _refuse(code: int, condition: bool) -> None:
    if condition:
        raise _Refusal(code)


def _refuse_mtu(mtu: int) -> None:
    """What veth pairs and bridges refuse; 0 leaves it to the kernel."""
    _refuse(errno.ERANGE, not 0 <= mtu < 2**32)
    _refuse(errno.EINVAL, mtu != 0 and not 68 <= mtu <= 65535)


def _by_index(space: Space, index: int) -> Link | None:
    return next((link for link in space.links if link.index == index), None)


def _device(link: Link) -> net.Device:
    return net.Device(index=link.index, name=link.name, mac=link.mac, mtu=link.mtu)


def _connected(index: int, address: net.Interface) -> net.RouteInfo | None:
    """The route that the kernel makes for an address of its own accord."""
    if isinstance(address, IPv6Interface):
        return net.RouteInfo(dst=address.network, index=index, priority=256, protocol=net.PROTO_KERNEL)
    assert isinstance(address, IPv4Interface)
    if address.network.prefixlen == 32:
        return None
    return net.RouteInfo(
        dst=address.network,
        index=index,
        src=address.ip,
        scope=net.SCOPE_LINK,
        protocol=net.PROTO_KERNEL,
    )


def _lasting(space: Space, bridges: Collection[str]) -> Space:
    hidden = {link.index for link in space.links if link.name in bridges}
    return replace(
        space,
        links=tuple(link for link in space.links if link.index not in hidden),
        routes=tuple(route for route in space.routes if route.index not in hidden),
        settings={
            key: value
            for key, value in space.settings.items()
            if key not in STAYS and key.split("/")[3:4] not in [[name] for name in bridges]
        },
        next_index=0,
        filter=_lasting_filter(space.filter),
    )


def _identity(number: int) -> net.NetnsIdentity:
    return net.NetnsIdentity(device=4, inode=4026531840 + number)
