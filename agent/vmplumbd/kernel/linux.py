"""The concrete kernel: `abc.Kernel` and `abc.Netns` over netlink, namespaces and files."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import struct
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import TypeVar

from vmplumbd import abc, errors
from vmplumbd.kernel import device, links, netns, nft, requests, rtnl, shaping, sysctl, tap, tc, watch
from vmplumbd.kernel.ahead import Asked, Maker
from vmplumbd.kernel.rtnl import Channel, Message, Refused
from vmplumbd.model import net

T = TypeVar("T")

# A receive queue of the usual size holds the answers to some hundred questions; far below it none is lost.
MOST_MESSAGES = 64

_DISCARD = 9
_NO_ROUTE = frozenset(
    {
        errno.ENETUNREACH,
        errno.EHOSTUNREACH,
        errno.EACCES,
        errno.EINVAL,
        errno.EADDRNOTAVAIL,
        errno.EAFNOSUPPORT,
    }
)


class LinuxNetns:
    """An open namespace. See `abc.Netns`."""

    def __init__(
        self,
        home: netns.Home,
        where: str,
        identity: net.NetnsIdentity,
        opened: netns.Opened,
        *,
        is_home: bool,
        is_new: bool = False,
        before_changes: Callable[[], None] | None = None,
    ) -> None:
        """`before_changes` is called once, before the first requests go out."""
        self._home = home
        self._before_changes = before_changes
        self._where = where
        self._identity = identity
        self._opened = opened
        self._is_home = is_home
        self._is_new = is_new
        self._owner = threading.get_ident()
        self._taps: list[int] = []
        self._filter: Channel | None = None

    @property
    def identity(self) -> net.NetnsIdentity:
        return self._identity

    def apply(self, requests_: Sequence[net.Request]) -> Sequence[net.LinkInfo]:
        self._check()
        messages: list[Message] = []
        origins: list[int] = []
        home = self._home.fd
        for index, request in enumerate(requests_):
            try:
                encoded = requests.encode(request, home)
            except struct.error as exc:  # a number that its field cannot hold
                raise errors.kernel_fault(
                    requests.words(request), where=self._where, errno=errno.ERANGE, op=index
                ) from exc
            messages += encoded
            origins += [index] * len(encoded)
        found: list[net.LinkInfo] = []
        first: Refused | None = None
        failed = 0
        if self._before_changes is not None:
            self._before_changes()
            self._before_changes = None
        for start in range(0, len(messages), MOST_MESSAGES):
            try:
                answers = self._opened.channel.batch(messages[start : start + MOST_MESSAGES])
            except Refused as exc:
                if first is None:
                    first, failed = exc, start + exc.refusal.place
            except OSError as exc:
                raise self._fault("apply requests", exc) from exc
            else:
                found += [links.read_link(answer.body) for answer in answers]
        if first is not None:
            request = requests_[origins[failed]]
            raise errors.kernel_fault(
                requests.words(request),
                where=self._where,
                errno=first.refusal.errno,
                op=origins[failed],
                note=first.refusal.note,
                hint=requests.hint(request),
            ) from first
        return found

    @property
    def is_new(self) -> bool:
        return self._is_new

    def device(self, name: str) -> net.Device:
        self._check()
        try:
            return device.look(self._opened.channel.fileno(), name)
        except OSError as exc:
            raise self._fault(f"find link {name}", exc) from exc

    def count_ports(self, bridge: str) -> int:
        self._check()
        try:
            return device.count_ports(self._opened.channel.fileno(), bridge)
        except OSError as exc:
            raise self._fault(f"count the ports of {bridge}", exc) from exc

    def own_tap(self, name: str, *, uid: int, gid: int) -> None:
        self._check()
        try:
            device.look(self._opened.channel.fileno(), name)
            with self._entered():
                tun = os.open(netns.TUN_DEVICE, os.O_RDWR | os.O_CLOEXEC)
            try:
                tap.take_over(tun, name, uid=uid, gid=gid)
            finally:
                os.close(tun)
        except OSError as exc:
            raise self._fault(f"change the owner of tap {name}", exc) from exc

    def add_tap(self, name: str, *, uid: int, gid: int, mtu: int) -> net.Device:
        self._check()
        what = f"add tap {name or 'tapN'}"
        tun = self._opened.take_tun()
        try:
            if tun is None:
                with self._entered():
                    tun = os.open(netns.TUN_DEVICE, os.O_RDWR | os.O_CLOEXEC)
            chosen = tap.claim(tun, name, uid=uid, gid=gid)
        except BaseException as exc:
            if tun is not None:
                netns.give_back(tun)
            if isinstance(exc, OSError):
                raise self._fault(what, exc) from exc
            raise
        try:
            made = self.device(chosen)
            if mtu not in (0, made.mtu):
                self.apply([net.SetLink(index=made.index, mtu=mtu)])
                made = replace(made, mtu=mtu)
            if self._is_home:
                tap.persist(tun)
        except BaseException:
            netns.give_back(tun)
            raise
        self._taps.append(tun)
        return made

    def link(self, *, name: str = "", index: int = 0) -> net.LinkInfo:
        (found,) = self.apply([net.GetLink(name=name, index=index)])
        return found

    def links(self) -> Sequence[net.LinkInfo]:
        found = self._dump("list links", links.DUMP_LINKS)
        return sorted((links.read_link(body) for body in found), key=lambda link: link.index)

    def others_of_group(self, group: int, indexes: Collection[int]) -> Sequence[net.LinkInfo]:
        """The links of a group but for these: nobody else's is read."""
        found = self._dump("list links", links.DUMP_LINKS)
        others = (body for body in found if links.link_index(body) not in indexes)
        return [links.read_link(body) for body in others if links.group_of(body) == group]

    def ports(self, bridge: int) -> Sequence[net.LinkInfo]:
        found = self._dump("list bridge ports", links.dump_ports(bridge))
        ports = (port for body in found if (port := links.read_link(body)).master == bridge)
        return sorted(ports, key=lambda link: link.index)

    def addresses(self, index: int) -> Sequence[net.AddressInfo]:
        try:
            found = self._dump("list addresses", links.dump_addresses(index))
        except errors.NotFound:
            return []
        return [info for body in found if (info := links.read_address(body)).index == index]

    def routes(self) -> Sequence[net.RouteInfo]:
        bodies = self._dump("list routes", links.DUMP_ROUTES4) + self._dump("list routes", links.DUMP_ROUTES6)
        found = [route for body in bodies for route in links.read_route(body)]
        return sorted(found, key=_route_order)

    def has_ingress(self, index: int) -> bool:
        found = self._dump("list qdiscs", tc.dump_qdiscs(index))
        return any(tc.is_ingress_of(body, index) for body in found)

    def redirects(self, index: int) -> Sequence[int]:
        try:
            found = self._dump("list filters", tc.dump_ingress_filters(index))
        except errors.NotFound:
            return []
        return [target for body in found for target in tc.redirects(body)]

    def rate_limit(self, index: int) -> net.RateLimit | None:
        found = (tc.rate_limit_of(body, index) for body in self._dump("list qdiscs", tc.dump_qdiscs(index)))
        return next((each for each in found if each is not None), None)

    def class_limit(self, index: int, minor: int) -> net.RateLimit | None:
        try:
            bodies = self._dump("list classes", shaping.dump_classes(index))
        except errors.NotFound:
            return None
        found = (shaping.class_limit_of(body, minor) for body in bodies)
        return next((each for each in found if each is not None), None)

    def matches(self, index: int, *, at_root: bool = False) -> Sequence[net.Match]:
        try:
            bodies = self._dump("list filters", shaping.dump_filters(index, at_root=at_root))
        except errors.NotFound:
            return []
        return [match for body in bodies if (match := shaping.match_of(body)) is not None]

    def read_sysctl(self, key: str) -> str:
        return self._setting(f"read {key}", lambda: sysctl.read(key))

    def write_sysctl(self, key: str, value: str) -> None:
        self._setting(f"write {key}", lambda: sysctl.write(key, value))

    def try_sysctls(self, settings: Mapping[str, str]) -> None:
        def write_all() -> None:
            for key, value in settings.items():
                with contextlib.suppress(OSError):
                    sysctl.write(key, value)

        self._setting("write settings", write_all)

    def change_rules(
        self, requests_: Sequence[net.RuleRequest], *, generation: int | None = None, dry: bool = False
    ) -> Sequence[int]:
        self._check()
        messages = [nft.encode(request) for request in requests_]
        if not messages:
            return []
        try:
            answers, refusals = self._packet_filter().transact(
                nft.begin(generation), messages, None if dry else nft.END
            )
        except OSError as exc:
            raise self._filter_fault("change the packet filter", exc) from exc
        if refusals:
            first = min(refusals)
            if first.place < 0 and first.errno == errno.EOPNOTSUPP:
                raise _no_filter(first.errno)
            verb = nft.words(requests_[first.place]) if first.place >= 0 else "change the packet filter"
            raise errors.kernel_fault(
                verb, where=self._where, errno=first.errno, op=max(first.place, 0), note=first.note
            )
        return [nft.read_handle(answer.body) for answer in answers if answer.kind == nft.NEWRULE]

    def generation(self) -> int:
        (answer,) = self._ask("read the packet filter's generation", nft.get_generation())
        return nft.read_generation(answer)

    def rules(self, chain: net.ChainName) -> net.RuleList:
        # Asked first: what changes in between makes the list newer than it says, which does no harm.
        generation = self.generation()
        try:
            found = self._packet_filter().dump(nft.dump_rules(chain))
        except OSError as exc:
            fault = self._filter_fault("list rules", exc)
            if not isinstance(fault, errors.NotFound):
                raise fault from exc
            found = []
        return net.RuleList(generation=generation, rules=nft.names(found))

    def rule(self, chain: net.ChainName, handle: int) -> net.RuleInfo:
        (answer,) = self._ask(f"find rule {handle}", nft.get_rule(chain, handle))
        return nft.read_rule(answer)

    def set_group(self, group: int, indexes: Collection[int]) -> None:
        """Move links to a group; those that are gone are left out."""
        moves = [m for index in indexes for m in links.set_link(net.SetLink(index=index, group=group))]
        self._exchange(f"move links to group {group}", moves)

    def delete_group(self, group: int) -> None:
        """Delete every link of a group; an empty one is success."""
        self._exchange(f"delete the links of group {group}", [links.del_group(group)])

    def close_taps(self, *, keep: bool = True) -> None:
        """Take the carrier from the taps made here; they stay, or go if not `keep`.

        Nothing but their descriptors holds them before this: a process that is killed leaves no tap that
        is not wired yet, and so could not be told from a stranger's.
        """
        for tun in self._taps:
            if keep:
                # Deleted by the plugin that made it: there is nothing to keep.
                with contextlib.suppress(OSError):
                    tap.persist(tun)
            netns.give_back(tun)
        self._taps.clear()

    def close_filter(self) -> None:
        """Give the packet filter's socket back."""
        if self._filter is not None:
            self._filter.close()
            self._filter = None

    def _packet_filter(self) -> Channel:
        """Its socket, opened when first asked for: most namespaces never need it. Raises OSError."""
        if self._filter is None:
            with self._entered():
                self._filter = Channel(protocol=rtnl.NETLINK_NETFILTER)
        return self._filter

    def _ask(self, verb: str, message: Message) -> list[memoryview]:
        self._check()
        try:
            return [answer.body for answer in self._packet_filter().batch([message])]
        except OSError as exc:
            raise self._filter_fault(verb, exc) from exc

    def _filter_fault(self, verb: str, exc: OSError) -> errors.AgentError:
        # EINVAL answers a question to a part of netfilter that is not there.
        if exc.errno in (errno.EPROTONOSUPPORT, errno.EOPNOTSUPP, errno.EINVAL):
            return _no_filter(exc.errno)
        return self._fault(verb, exc)

    def _setting(self, verb: str, act: Callable[[], T]) -> T:
        self._check()
        try:
            with self._entered():
                return act()
        except OSError as exc:
            raise self._fault(verb, exc) from exc

    def _entered(self) -> contextlib.AbstractContextManager[None]:
        if self._is_home:
            return contextlib.nullcontext()
        return netns.Inside(self._home, self._opened.fd())

    def _exchange(self, verb: str, messages: list[Message]) -> None:
        """Send, and forgive what is gone already."""
        self._check()
        for start in range(0, len(messages), MOST_MESSAGES):
            try:
                _, refusals = self._opened.channel.exchange(messages[start : start + MOST_MESSAGES])
            except OSError as exc:
                raise self._fault(verb, exc) from exc
            for refusal in refusals:
                fault = errors.kernel_fault(
                    verb, where=self._where, errno=refusal.errno, op=start + refusal.place, note=refusal.note
                )
                if not isinstance(fault, errors.NotFound):
                    raise fault

    def _dump(self, verb: str, message: Message) -> list[memoryview]:
        self._check()
        try:
            return self._opened.channel.dump(message)
        except OSError as exc:
            raise self._fault(verb, exc) from exc

    def _check(self) -> None:
        if threading.get_ident() != self._owner:
            raise RuntimeError(f"the handle of {self._where} belongs to another thread")

    def _fault(self, verb: str, exc: OSError) -> errors.KernelFault:
        return errors.kernel_fault(verb, where=self._where, errno=exc.errno or 0, note=_note(exc))


class LinuxKernel:
    """The kernel of this host. Made in the namespace that is the host's; see `abc.Kernel`."""

    def __init__(self, *, ahead: bool = False) -> None:
        """With `ahead`, `expect_netns` begins a namespace on a thread of its own; without, it does nothing."""
        self._home = netns.Home()
        self._maker = Maker(self._home) if ahead else None
        self._threads = threading.local()
        self._kept = _Kept()
        self._prepared: dict[str, tuple[int, int]] = {}

    def close(self) -> None:
        """Give back what is held on behalf of all threads. Their host handles go with the threads."""
        if self._maker is not None:
            self._maker.close()
        self._kept.close()
        self._threads = threading.local()
        self._home.close()

    def has_this_thread(self) -> bool:
        """False once the calling thread could not come back from a namespace: it must end. Costs nothing."""
        return not netns.is_lost_thread()

    def host(self) -> LinuxNetns:
        netns.refuse_lost_thread()
        mine: _ThreadsHost | None = getattr(self._threads, "host", None)
        if mine is None:
            try:
                if not self._home.has_this_thread():
                    raise errors.ThreadLost(errno=errno.EXDEV)
                channel = Channel()
            except OSError as exc:
                raise errors.kernel_fault(
                    "open a netlink socket", where="the host", errno=exc.errno or 0
                ) from exc
            mine = self._threads.host = _ThreadsHost(self._home, channel)
        return mine.netns

    def expect_netns(self) -> None:
        if self._maker is not None:
            self._forget_expected()
            self._threads.expected = self._maker.ask()

    def _forget_expected(self) -> None:
        asked: Asked | None = getattr(self._threads, "expected", None)
        if asked is not None and self._maker is not None:
            self._threads.expected = None
            self._maker.forget(asked)

    def create_netns(self, path: str) -> net.NetnsIdentity:
        asked: Asked | None = getattr(self._threads, "expected", None)
        self._threads.expected = None
        opened = None if asked is None else asked.wait()
        if opened is None:
            identity, opened = netns.create(self._home, path)
        else:
            try:
                identity = netns.name(opened, path)
            except BaseException:
                opened.close()
                raise
        self._kept.put(path, identity, opened)
        return identity

    def open_netns(self, path: str) -> contextlib.AbstractContextManager[abc.Netns]:
        return _Open(self._home, self._kept, path, self._maker)

    @contextlib.contextmanager
    def trial_netns(self) -> Iterator[abc.Netns]:
        identity, opened = netns.open_fresh(self._home)
        handle = LinuxNetns(self._home, "a namespace to try in", identity, opened, is_home=False, is_new=True)
        try:
            yield handle
        finally:
            handle.close_taps(keep=False)
            handle.close_filter()
            opened.close()

    def netns_identity(self, path: str) -> net.NetnsIdentity:
        return netns.identity(self._home, path)

    def netns_paths(self, directory: str) -> Sequence[str]:
        return netns.paths(directory)

    def move_netns(self, source: str, target: str) -> None:
        self._kept.drop(source)
        netns.move(self._home, source, target)
        # Opened once for all that is done in it next. Where that fails, who opens it is told why.
        with contextlib.suppress(errors.AgentError):
            identity, opened = netns.open_existing(self._home, target)
            self._kept.put(target, identity, opened, is_new=False)

    def delete_netns(self, path: str) -> None:
        netns.delete(path)
        self._kept.drop(path)

    def unlink_netns(self, path: str) -> abc.Held | None:
        held = netns.hold(path)
        try:
            self.delete_netns(path)
        except BaseException:
            if held is not None:
                held.close()
            raise
        return held

    def plan_netns_dir(self, path: str) -> net.NetnsDir:
        return net.NetnsDir(path=path) if self._is_prepared(path) else netns.plan_directory(path)

    def prepare_netns_dir(self, path: str, *, private: bool = False) -> net.NetnsDir:
        # Once for each directory.
        if self._is_prepared(path):
            return net.NetnsDir(path=path)
        made = netns.prepare_directory(path, private=private)
        with contextlib.suppress(OSError):
            found = os.stat(path)  # noqa: PTH116  as above
            self._prepared[path] = found.st_dev, found.st_ino
        return made

    def _is_prepared(self, path: str) -> bool:
        with contextlib.suppress(OSError):
            found = os.stat(path)  # noqa: PTH116  on the path of every set-up
            # Another one at this path is another inode.
            return self._prepared.get(path) == (found.st_dev, found.st_ino)
        return False

    def undo_netns_dir(self, made: net.NetnsDir) -> None:
        self._prepared.pop(made.path, None)
        netns.undo_directory(made)

    def close_kept(self) -> None:
        self._forget_expected()
        self._kept.drop_of_thread(threading.get_ident())

    def delete_group(self, group: int, indexes: Collection[int]) -> None:
        host = self.host()
        ours = frozenset(indexes)
        host.set_group(group, ours)
        foreign = [link.name for link in host.others_of_group(group, ours)]
        if foreign:
            host.set_group(0, ours)
            raise errors.Busy(
                f"delete the links of group {group}",
                where="the host",
                errno=errno.EBUSY,
                note=f"it holds {', '.join(sorted(foreign))}",
                hint="does something else use this group number?",
            )
        host.delete_group(group)

    def is_own_address(self, address: net.Address) -> bool:
        self.host()  # refuses a thread that is not at home
        family = socket.AF_INET if address.version == 4 else socket.AF_INET6
        text = str(address)
        try:
            # Connecting a datagram socket sends nothing: the kernel looks for a route, and speaks to an address
            # of its own from that address. Binding would succeed anywhere with ip_nonlocal_bind.
            with socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as asking:
                asking.connect((text, _DISCARD))
                return bool(asking.getsockname()[0] == text)
        except OSError as exc:
            if exc.errno in _NO_ROUTE:
                return False
            raise errors.kernel_fault(
                f"look for a route to {address}", where="the host", errno=exc.errno or 0
            ) from exc

    def watch(self) -> abc.DeviceWatch:
        if not self._home.has_this_thread():
            raise errors.ThreadLost(errno=errno.EXDEV)
        return watch.DeviceWatch()


class _Open(contextlib.AbstractContextManager[abc.Netns]):
    """A namespace from entering to leaving: what is kept open for its path, or opened anew."""

    __slots__ = ("_handle", "_home", "_kept", "_maker", "_opened", "_path")

    def __init__(self, home: netns.Home, kept: _Kept, path: str, maker: Maker | None) -> None:
        self._home = home
        self._maker = maker
        self._kept = kept
        self._path = path
        self._opened: netns.Opened | None = None

    def __enter__(self) -> LinuxNetns:
        path = self._path
        kept = self._kept.borrow(path)
        if kept is not None:
            # The path may lead elsewhere by now; the name decides, not what we remember.
            try:
                current = netns.identity_now(self._home, path, kept.identity)
            except BaseException:
                self._kept.give_back(path)
                self._kept.drop(path)
                raise
            if current == kept.identity:
                maker = self._maker if kept.is_new else None
                self._handle = LinuxNetns(
                    self._home,
                    path,
                    kept.identity,
                    kept.opened,
                    is_home=False,
                    is_new=kept.is_new,
                    before_changes=None if maker is None else maker.ask_for_the_next,
                )
                return self._handle
            self._kept.give_back(path)
            self._kept.drop(path)
        identity, self._opened = netns.open_existing(self._home, path)
        self._handle = LinuxNetns(self._home, path, identity, self._opened, is_home=False)
        return self._handle

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._handle.close_taps(keep=fault is None)
            self._handle.close_filter()
        finally:
            if self._opened is None:
                self._kept.give_back(self._path)
            else:
                self._opened.close()


class _ThreadsHost:
    """A thread's handle of the host: it goes with the thread, which closes nothing itself."""

    def __init__(self, home: netns.Home, channel: Channel) -> None:
        self._opened = netns.Opened(channel, None)
        self.netns = LinuxNetns(home, "the host", home.identity, self._opened, is_home=True)

    def __del__(self) -> None:
        self.netns.close_taps()
        self.netns.close_filter()
        self._opened.close()


class _KeptNetns:
    """What create_netns or move_netns opened, and who has it."""

    __slots__ = ("identity", "in_use", "is_new", "opened", "thread", "unwanted")

    def __init__(self, identity: net.NetnsIdentity, opened: netns.Opened, *, is_new: bool) -> None:
        self.identity = identity
        self.opened = opened
        self.is_new = is_new
        self.thread = threading.get_ident()
        self.in_use = False
        self.unwanted = False


class _Kept:
    """One opened namespace a thread, by path. A teardown on another thread can drop it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_path: dict[str, _KeptNetns] = {}

    def put(
        self, path: str, identity: net.NetnsIdentity, opened: netns.Opened, *, is_new: bool = True
    ) -> None:
        self.drop_of_thread(threading.get_ident())
        self.drop(path)
        with self._lock:
            self._by_path[path] = _KeptNetns(identity, opened, is_new=is_new)

    def borrow(self, path: str) -> _KeptNetns | None:
        """The calling thread's, unless it is lent already."""
        with self._lock:
            kept = self._by_path.get(path)
            if kept is None or kept.in_use or kept.thread != threading.get_ident():
                return None
            kept.in_use = True
            return kept

    def give_back(self, path: str) -> None:
        with self._lock:
            kept = self._by_path[path]
            kept.in_use = False
            if kept.unwanted:
                del self._by_path[path]
                kept.opened.close()

    def drop(self, path: str) -> None:
        with self._lock:
            self._drop(path)

    def drop_of_thread(self, thread: int) -> None:
        with self._lock:
            for path in [path for path, kept in self._by_path.items() if kept.thread == thread]:
                self._drop(path)

    def close(self) -> None:
        with self._lock:
            for path in list(self._by_path):
                self._drop(path)

    def _drop(self, path: str) -> None:
        kept = self._by_path.get(path)
        if kept is None:
            return
        if kept.in_use:
            kept.unwanted = True
            return
        del self._by_path[path]
        kept.opened.close()


def _route_order(route: net.RouteInfo) -> tuple[int, int, int]:
    return route.dst.version, int(route.dst.network_address), route.dst.prefixlen


def _no_filter(code: int) -> errors.Unsupported:
    return errors.Unsupported(
        f"the kernel has no nf_tables ({errno.errorcode[code]})",
        hint="is nf_tables in the kernel, or loaded (modprobe nf_tables)?",
    )


def _note(exc: OSError) -> str:
    if isinstance(exc, Refused):
        return exc.refusal.note
    return ""
