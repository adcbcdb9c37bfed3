"""A look at the host for the leak finder: the four views, read and not judged. Changes nothing.

The journal is read before everything else and once more after it: a VM that changed in between is busy,
and nothing is judged of it. Namespaces, reservations and caches are read file by file while others may
change them; what such a moment shows wrongly is gone when a second look is taken.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from vmplumbd.abc import Kernel, Netns
from vmplumbd.cni import cache as cni_cache
from vmplumbd.cni import confdir, config
from vmplumbd.cni.config import NetworkConfigList
from vmplumbd.cni.error import CniError
from vmplumbd.errors import AgentError, NotANetns, Unsupported
from vmplumbd.model import judge, net
from vmplumbd.model.findings import (
    CacheKind,
    CacheSeen,
    EmptyCacheSeen,
    FileMark,
    FileSeen,
    LinkSeen,
    NamespaceSeen,
    NetworkSeen,
    ReservationSeen,
    RuleSeen,
    Views,
)
from vmplumbd.model.ids import RESERVED_VM_IDS, parse_vm_id
from vmplumbd.model.outcome import Attachment
from vmplumbd.model.progress import Holder
from vmplumbd.model.record import Record, Release
from vmplumbd.operations.tools import Settings, Tools
from vmplumbd.plugins import masquerade
from vmplumbd.plugins.host_local import config as host_local
from vmplumbd.plugins.host_local import store

# A cache record is some kilobytes; a larger file is not read.
_LARGEST = 4 * 1024 * 1024
# plugins:pkg/ip/ipmasq_nftables_linux.go commentForInstance
_COMMENT = re.compile(r"[0-9a-f]{16}-[0-9a-f]{16}, net: (.*), if: (.*), id: (.*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Journal:
    records: tuple[Record, ...]
    releases: tuple[Release, ...]
    running: frozenset[str]
    members: frozenset[str]
    revision: int


def look(tools: Tools) -> Views:
    """All views. Blocks; its time grows with the networks on the host. Raises KernelFault."""
    before = _journal(tools)
    host = tools.kernel.host()
    # Before the namespaces they lead to: a link whose namespace is then not listed has really lost it.
    links = tuple(host.links())
    routes = tuple(host.routes())
    networks = known_networks(tools, before.records, before.releases)
    known = [one.name for one in networks]
    seen_caches = caches(tools.settings, known, before.records)
    empty = _empty_caches(tools.settings, {one.directory for one in seen_caches})
    reservations = tuple(
        found
        for network in networks
        for path in network.directories
        for found in _reservations(network.name, path)
    )
    lived_in = tools.probe.inhabited()
    inhabited = lived_in.by_inode
    netns_dirs = (tools.settings.netns_dir, *tools.settings.defaults.policy.netns_roots)
    named = [path for one in dict.fromkeys(netns_dirs) for path in tools.kernel.netns_paths(one)]
    named += [one.plan.netns_path for one in before.records if one.plan.netns_path]
    known_inodes = {one.plan.netns_inode for one in before.records}
    namespaces = _namespaces(tools, named, inhabited, known_inodes)
    pooled = tools.kernel.netns_paths(pool_directory(tools.settings)) if tools.settings.state_dir else ()
    pool = _namespaces(tools, pooled, inhabited, known_inodes)
    fed: set[int] = set()
    if any(one.kind == "ifb" for one in links):
        fed = {to for one in links if one.kind == "veth" for to in host.redirects(one.index)}
    at_path = {
        str(one.vm_id): _identity(tools.kernel, one.plan.netns_path)
        for one in before.records
        if one.plan.netns_path
    }
    unnamed = _unnamed(tools, (*namespaces, *pool), before, inhabited)
    rules = _rules(tools, before, [one.name for one in networks])
    damaged = set_aside(tools.settings.state_dir)
    # What went meanwhile is nobody's leak.
    lasting = {(one.index, one.name) for one in host.links()}
    after = _journal(tools)
    # Also of networks that both came and went in between, which neither journal has.
    meanwhile = tools.book.changes_after(before.revision) or ()
    claimed = {one.plan.netns_path for one in (*before.records, *after.records) if one.plan.netns_path}
    return Views(
        now=tools.clock.now(),
        boot_time=tools.clock.now() - tools.probe.uptime(),
        boot_id=tools.book.boot_id,
        records=before.records,
        releases=before.releases,
        busy=_busy(before, after) | {str(one.vm_id) for one in meanwhile},
        passing=_passing(before, after, meanwhile),
        networks=networks,
        reservations=reservations,
        caches=seen_caches,
        empty_caches=empty,
        namespaces=namespaces,
        unnamed=unnamed,
        at_path=at_path,
        claimed=frozenset(os.path.realpath(one) for one in claimed),
        host_links=tuple(one for one in links if (one.index, one.name) in lasting),
        host_routes=routes,
        fed=frozenset(fed),
        rules=rules,
        all_processes_seen=lived_in.complete,
        pool=pool,
        members=before.members | after.members,
        set_aside=damaged,
    )


def pool_directory(settings: Settings) -> str:
    """Where the namespaces of warm pools lie."""
    return f"{settings.state_dir}/pool"


def mark_of(path: str) -> FileMark | None:
    """Which file lies at `path`, None if none does. Links are not followed."""
    try:
        info = os.lstat(path)
    except OSError:
        return None
    return FileMark(inode=info.st_ino, size=info.st_size, mtime_ns=info.st_mtime_ns)


def known_networks(
    tools: Tools, records: Iterable[Record], releases: Iterable[Release] = ()
) -> tuple[NetworkSeen, ...]:
    """The networks of the configuration directory, and those of records, by name."""
    found: dict[str, NetworkSeen] = {}
    plans = [*(one.plan for one in records), *(one.plan for one in releases)]
    raws = {one.conf_list for plan in plans for one in plan.attachments}
    lists = [*configured(tools.settings.defaults.conf_dir)]
    for raw in sorted(raws):
        with contextlib.suppress(CniError):
            lists.append(config.parse_list(raw))
    for each in lists:
        if not each.name or "/" in each.name:
            continue
        seen = network_seen(each, owned=each.name in tools.settings.owned_networks)
        old = found.get(each.name)
        if old is not None:
            seen = replace(
                old,
                ranges=tuple(dict.fromkeys((*old.ranges, *seen.ranges))),
                directories=tuple(dict.fromkeys((*old.directories, *seen.directories))),
                bridges=tuple(dict.fromkeys((*old.bridges, *seen.bridges))),
            )
        found[each.name] = seen
    return tuple(found[name] for name in sorted(found))


def configured(conf_dir: str) -> Iterator[NetworkConfigList]:
    """Every list of a configuration directory that can be read, single plugins as lists of one."""
    for path in confdir.configurations(conf_dir):
        with contextlib.suppress(CniError, OSError):
            yield confdir.load_any(path)


def _journal(tools: Tools) -> _Journal:
    book = tools.book
    # First, so that what changes while this is read is a change after it.
    revision = book.revision
    with book.mutex:
        running = frozenset(str(one) for one in book.running)
    return _Journal(
        revision=revision,
        records=tuple(book.records()),
        releases=tuple(book.releases()),
        running=running,
        members=frozenset(one.path for one in book.members()),
    )


def _busy(before: _Journal, after: _Journal) -> frozenset[str]:
    changed = {(one.vm_id, one.revision) for one in before.records} ^ {
        (one.vm_id, one.revision) for one in after.records
    }
    released = {(one.vm_id, one.release_id) for one in before.releases} ^ {
        (one.vm_id, one.release_id) for one in after.releases
    }
    return before.running | after.running | {str(vm_id) for vm_id, _ in changed | released}


def _passing(
    before: _Journal, after: _Journal, meanwhile: Iterable[Record]
) -> tuple[tuple[str, Attachment], ...]:
    stays = {(one.vm_id, one.revision) for one in before.records}
    stood = {one.release_id for one in before.releases}
    plans = [
        *((one.vm_id, one.plan) for one in meanwhile),
        *((one.vm_id, one.plan) for one in after.records if (one.vm_id, one.revision) not in stays),
        *((one.vm_id, one.plan) for one in after.releases if one.release_id not in stood),
    ]
    return tuple(dict.fromkeys((str(vm_id), one) for vm_id, plan in plans for one in plan.attachments))


def network_seen(network: NetworkConfigList, *, owned: bool) -> NetworkSeen:
    """A network with the ranges and directories of its host-local, if it has one."""
    ranges: list[net.Network] = []
    directories: list[str] = []
    # plugins:plugins/main/bridge/bridge.go defaultBrName
    bridges = [str(one.conf.get("bridge") or "cni0") for one in network.plugins if one.type == "bridge"]
    for plugin in network.plugins:
        ipam = plugin.conf.get("ipam")
        if not isinstance(ipam, dict) or ipam.get("type") != "host-local":
            continue
        data_dir: Any = ipam.get("dataDir")
        try:
            parsed = host_local.parse(config.request(network, plugin), "")
        except CniError:
            data_dir = data_dir if isinstance(data_dir, str) and data_dir else host_local.DEFAULT_DATA_DIR
        else:
            data_dir = parsed.data_dir
            ranges += [one.subnet for each in parsed.range_sets for one in each.ranges]
        directories.append(f"{data_dir.rstrip('/')}/{network.name}")
    return NetworkSeen(
        name=network.name,
        owned=owned,
        ranges=tuple(dict.fromkeys(ranges)),
        directories=tuple(dict.fromkeys(directories)),
        bridges=tuple(dict.fromkeys(bridges)),
    )


def _reservations(network: str, directory: str) -> Iterator[ReservationSeen]:
    try:
        names = sorted(os.listdir(directory))  # noqa: PTH208 - names, not paths
    except OSError:
        return
    for name in names:
        if name == store.LOCK or name.startswith(store.LAST_RESERVED):
            continue
        path = f"{directory}/{name}"
        mark = mark_of(path)
        content = _read(path)
        if mark is not None and content is not None:
            yield ReservationSeen(
                network=network,
                directory=directory,
                name=name,
                content=content.decode(errors="surrogateescape").strip(),
                mark=mark,
            )


def caches(
    settings: Settings, networks: Iterable[str], records: Iterable[Record], *, more: Iterable[str] = ()
) -> tuple[CacheSeen, ...]:
    """Every file of the cache directories: the roots, those of single VMs in them, those of records, `more`.

    A file that is no record is told if its name begins with one of the networks.
    """
    # Each directory with the VM it is named for, "" if it is shared.
    directories: dict[str, str] = {}
    for root in (*settings.defaults.policy.cache_roots, *more):
        directories.setdefault(root.rstrip("/"), "")
        directories.update(_vm_directories(root))
    for record in records:
        for one in record.plan.attachments:
            path = one.cache_dir.rstrip("/")
            directories.setdefault(path, str(record.vm_id) if path.endswith(f"/{record.vm_id}") else "")
    # The longest name first: "net-a" is not "net" with a VM called "a".
    prefixes = sorted(networks, key=len, reverse=True)
    return tuple(
        found
        for directory, vm_id in directories.items()
        for found in _cache_files(directory, vm_id, prefixes)
    )


def _empty_caches(settings: Settings, filled: Collection[str]) -> tuple[EmptyCacheSeen, ...]:
    return tuple(
        EmptyCacheSeen(path=path, vm_id=vm_id, mark=mark)
        for root in dict.fromkeys(settings.defaults.policy.cache_roots)
        for path, vm_id in sorted(_vm_directories(root))
        if path not in filled and (mark := mark_of(path)) is not None and _is_empty(path)
    )


def _vm_directories(root: str) -> Iterator[tuple[str, str]]:
    with contextlib.suppress(OSError), os.scandir(root) as entries:
        for entry in entries:
            if entry.name in RESERVED_VM_IDS or not entry.is_dir(follow_symlinks=False):
                continue
            with contextlib.suppress(ValueError):
                yield f"{root.rstrip('/')}/{entry.name}", str(parse_vm_id(entry.name))


def _is_empty(directory: str) -> bool:
    """Whether a cache directory has its `results` and nothing else at all."""
    try:
        return os.listdir(directory) == ["results"] and not os.listdir(f"{directory}/results")  # noqa: PTH208
    except OSError:
        return False


def _cache_files(directory: str, vm_id: str, prefixes: list[str]) -> Iterator[CacheSeen]:
    for folder, drafts in ((f"{directory}/results", False), (directory, True)):
        try:
            names = sorted(os.listdir(folder))  # noqa: PTH208 - names, not paths
        except OSError:
            continue
        for name in names:
            path = f"{folder}/{name}"
            mark = mark_of(path)
            if mark is None or not os.path.isfile(path) or drafts != name.startswith("."):  # noqa: PTH113
                continue
            found = cni_cache.read_path(path) if not drafts and mark.size < _LARGEST else None
            if found is not None:
                attachment = found.attachment
                yield CacheSeen(
                    path=path,
                    directory=directory,
                    kind=CacheKind.RECORD,
                    network=attachment.network,
                    container_id=attachment.conf.container_id,
                    if_name=attachment.conf.if_name,
                    netns=os.path.realpath(attachment.conf.netns) if attachment.conf.netns else "",
                    per_vm=vm_id,
                    host_devices=judge.host_device_names(found.result),
                    mac=judge.inside_mac(found.result, attachment.conf.if_name),
                    mark=mark,
                )
                continue
            named = _from_name(name.removeprefix(".") if drafts else name, vm_id, prefixes)
            if named is not None:
                network, container_id, if_name = named
                yield CacheSeen(
                    path=path,
                    directory=directory,
                    kind=CacheKind.DRAFT if drafts else CacheKind.DAMAGED,
                    network=network,
                    container_id=container_id,
                    if_name=if_name,
                    per_vm=vm_id,
                    mark=mark,
                )


def _from_name(name: str, vm_id: str, prefixes: list[str]) -> tuple[str, str, str] | None:
    """Network, container id and interface of a file `<network>-<container id>-<interface>`, if they are known."""
    for network in prefixes:
        if not name.startswith(f"{network}-"):
            continue
        rest = name[len(network) + 1 :]
        if vm_id and rest.startswith(f"{vm_id}-"):
            return network, vm_id, rest[len(vm_id) + 1 :]
        container_id, dash, if_name = rest.rpartition("-")
        if dash and container_id and if_name:
            return network, container_id, if_name
    return None


def _namespaces(
    tools: Tools,
    paths: Iterable[str],
    inhabited: Mapping[int, Sequence[Holder]],
    known_inodes: Collection[int],
) -> tuple[NamespaceSeen, ...]:
    """What lies at these paths. Of namespaces that no record has, the addresses too."""
    kernel = tools.kernel
    found: dict[str, NamespaceSeen] = {}
    for path in paths:
        real = os.path.realpath(path)
        if real in found:
            continue
        try:
            with kernel.open_netns(path) as inside:
                identity = inside.identity
                links = tuple(_links(inside, stranger=identity.inode not in known_inodes))
        except NotANetns:
            if _is_plain(path):
                found[real] = NamespaceSeen(path=path, real=real, mark=mark_of(path) or FileMark())
            continue
        except AgentError:
            # Gone meanwhile, or not ours to enter.
            continue
        found[real] = NamespaceSeen(
            path=path,
            real=real,
            identity=identity,
            links=links,
            holders=tuple(inhabited.get(identity.inode, ())),
        )
    return tuple(found[real] for real in sorted(found))


def _unnamed(
    tools: Tools,
    named: tuple[NamespaceSeen, ...],
    journal: _Journal,
    inhabited: Mapping[int, Sequence[Holder]],
) -> tuple[NamespaceSeen, ...]:
    """Namespaces that processes live in and no known name leads to."""
    skip = {one.identity.inode for one in named if one.identity is not None}
    skip |= {one.plan.netns_inode for one in journal.records}
    skip |= {one.plan.netns_inode for one in journal.releases}
    skip.add(tools.kernel.host().identity.inode)
    found: list[NamespaceSeen] = []
    for inode, holders in sorted(inhabited.items()):
        if inode in skip:
            continue
        path = holders[0].what
        with contextlib.suppress(AgentError), tools.kernel.open_netns(path) as inside:
            if inside.identity.inode == inode:
                links = tuple(_links(inside))
                found.append(
                    NamespaceSeen(
                        path=path, real=path, identity=inside.identity, links=links, holders=tuple(holders)
                    )
                )
    return tuple(found)


def _is_plain(path: str) -> bool:
    """Whether it is a file of its directory, and no mount: the host's own namespace is no namespace to adopt."""
    try:
        info, parent = os.lstat(path), os.stat(os.path.dirname(path))  # noqa: PTH116, PTH120 - beside text
    except OSError:
        return False
    return stat.S_ISREG(info.st_mode) and info.st_dev == parent.st_dev


def _links(inside: Netns, *, stranger: bool = False) -> Iterator[LinkSeen]:
    for link in inside.links():
        redirects = tuple(inside.redirects(link.index)) if link.kind == "tun" else ()
        held = tuple(one.address.ip for one in inside.addresses(link.index)) if stranger else ()
        yield LinkSeen(link=link, redirects=redirects, addresses=held)


def _rules(tools: Tools, journal: _Journal, networks: Iterable[str]) -> tuple[RuleSeen, ...]:
    """The rules that masquerade for known networks. A kernel without nf_tables has none."""
    try:
        listed = tools.kernel.host().rules(masquerade.CHECKS).rules
    except Unsupported:
        return ()
    plans = [(one.vm_id, one.plan) for one in journal.records]
    plans += [(one.vm_id, one.plan) for one in journal.releases]
    owners = {
        owner.key: owner
        for vm_id, plan in plans
        for one in plan.attachments
        for owner in [masquerade.Owner(network=one.network, container_id=vm_id, if_name=one.if_name)]
    }
    found: list[RuleSeen] = []
    for rule in listed:
        key = rule.comment.partition(",")[0]
        owner = owners.get(key) or _owner_in(rule.comment)
        if owner is not None and owner.key == key:
            found.append(
                RuleSeen(
                    handle=rule.handle,
                    comment=rule.comment,
                    network=owner.network,
                    container_id=owner.container_id,
                    if_name=owner.if_name,
                )
            )
            continue
        # Cut short, so that only the hash of the network tells.
        for network in networks:
            someone = masquerade.Owner(network=network, container_id="", if_name="")
            if key.partition("-")[0] == someone.key.partition("-")[0]:
                found.append(RuleSeen(handle=rule.handle, comment=rule.comment, network=network))
    return tuple(found)


def _owner_in(comment: str) -> masquerade.Owner | None:
    named = _COMMENT.fullmatch(comment)
    if named is None:
        return None
    network, if_name, container_id = named.groups()
    return masquerade.Owner(network=network, container_id=container_id, if_name=if_name)


def _identity(kernel: Kernel, path: str) -> net.NetnsIdentity | None:
    try:
        return kernel.netns_identity(path)
    except AgentError:
        return None


def set_aside(state_dir: str) -> tuple[FileSeen, ...]:
    """Journals that were damaged and kept: networks that they knew may live on unknown."""
    found: list[FileSeen] = []
    with contextlib.suppress(OSError):
        for name in sorted(os.listdir(state_dir)) if state_dir else ():  # noqa: PTH208 - names, not paths
            mark = mark_of(f"{state_dir}/{name}")
            if ".damaged-" in name and not name.endswith(("-wal", "-shm")) and mark is not None:
                found.append(FileSeen(path=f"{state_dir}/{name}", mark=mark))
    return tuple(found)


def _read(path: str) -> bytes | None:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return os.read(fd, 65536)
    except OSError:
        return None
    finally:
        os.close(fd)
