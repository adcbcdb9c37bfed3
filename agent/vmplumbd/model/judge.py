"""Which differences between the views are findings, and what would be done about each. Pure.

Whose a thing is decides what may be done. Of a network that the operator marks as the agent's own
(`cni.owned_networks`) every attachment is in the journal, or it is a leak. Of another network that the
agent knows, what nobody accounts for is reported and stays; what another runtime's cache accounts for is
foreign. A network the agent does not know, and a namespace or device that nothing ties to a known one,
is foreign and not even reported. What a process uses is never given an action, whoever owns it.
"""

from __future__ import annotations

import collections
import functools
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from ipaddress import ip_address

from vmplumbd.cni import result as results
from vmplumbd.cni.error import CniError
from vmplumbd.model import net, outside
from vmplumbd.model.findings import (
    Action,
    CacheKind,
    CacheSeen,
    FileMark,
    Finding,
    HostView,
    NamespaceSeen,
    NetworkSeen,
    ReservationSeen,
    Views,
)
from vmplumbd.model.ids import parse_vm_id
from vmplumbd.model.lifecycle import Phase
from vmplumbd.model.outcome import Attachment
from vmplumbd.model.progress import ResourceKind
from vmplumbd.model.record import Record

# A draft is written and renamed at once, and a directory filled at once; seconds.
DRAFT_AGE = 60.0
EMPTY_AGE = 3600.0
# Devices go within some milliseconds; a release that waits longer is worth telling. Seconds.
RELEASE_AGE = 5.0

DRAFT_PREFIX = ".draft-"
RULES = "inet cni_plugins_masquerade masq_checks"
# plugins:plugins/meta/bandwidth/main.go getIfbDeviceName
_IFB = re.compile(r"bwp[0-9a-f]{12}")
# plugins:pkg/ip/link_linux.go RandomVethName
_VETH = re.compile(r"veth[0-9a-f]{8}")
_J, _C, _R, _K = HostView.JOURNAL, HostView.CNI_CACHE, HostView.RESERVATIONS, HostView.KERNEL


def judge(views: Views) -> tuple[Finding, ...]:
    """Every finding, those of one view together. The same views give the same findings."""
    known = _Known(views)
    found = (
        *_records(known),
        *_releases(known),
        *_caches(known),
        *_reservations(known),
        *_missing_files(known),
        *_namespaces(known),
        *_pool(known),
        *_inside(known),
        *_host_devices(known),
        *_host_routes(known),
        *_ifbs(known),
        *_rules(known),
        *_own_files(known),
    )
    return found if views.all_processes_seen else tuple(_cautious(one) for one in found)


def _cautious(finding: Finding) -> Finding:
    """The finding, reported only if a process that could not be looked at may use what it is."""
    in_kernel = finding.kind in (ResourceKind.NETNS, ResourceKind.LINK, ResourceKind.NFT_RULES)
    if not in_kernel and finding.would_do not in (Action.CNI_DEL, Action.RELEASE):
        return finding
    if finding.kind is ResourceKind.JOURNAL_RECORD or finding.would_do in (Action.REPORT, Action.WAIT):
        return finding
    detail = f"{finding.detail}; stays, since not every process could be looked at for who uses it"
    return replace(finding, would_do=Action.REPORT, detail=detail)


def kept(finding: Finding, vm_ids: frozenset[str]) -> Finding:
    """The finding, reported only if its VM is one of those that someone says are alive."""
    if finding.vm_id not in vm_ids or finding.would_do is Action.WAIT:
        return finding
    return replace(
        finding, would_do=Action.REPORT, detail=f"{finding.detail}; the caller says that this VM lives"
    )


def addresses(attachment: Attachment) -> frozenset[net.Address]:
    """The VM's addresses of an attachment."""
    return frozenset(outside.addresses(_result(attachment.result)))


def device_names(attachment: Attachment) -> frozenset[str]:
    """The devices that an attachment has inside its namespace. The pseudo-interface is named as the tap."""
    return frozenset(one.name for one in _result(attachment.result).interfaces if one.sandbox)


def host_device_names(raw: bytes) -> tuple[str, ...]:
    """The links of the host that a CNI result names."""
    return tuple(one.name for one in _result(raw).interfaces if not one.sandbox)


def inside_mac(raw: bytes, if_name: str) -> str:
    """The MAC that a CNI result gives its interface inside the namespace, in lower case; empty if none."""
    found = [one for one in _result(raw).interfaces if one.sandbox and one.name == if_name]
    return (found[0].mac or "").lower() if found else ""


def ifb_name(network: str, container_id: str) -> str:
    """The bandwidth plugin's IFB of an attachment."""
    return "bwp" + hashlib.sha512(f"{network}{container_id}".encode()).hexdigest()[:12]


class _Known:
    """The views, looked up the ways the rules ask."""

    def __init__(self, views: Views) -> None:
        self.views = views
        self.networks = {one.name: one for one in views.networks}
        self.records = {str(one.vm_id): one for one in views.records}
        self.attached: dict[tuple[str, str, str], Attachment] = {}
        self.of_owner: dict[tuple[str, str], list[tuple[str, Attachment]]] = collections.defaultdict(list)
        self.by_inode: dict[tuple[int, int], Record] = {}
        self.owing: set[tuple[str, str, str]] = set()
        self.owing_inodes: set[tuple[int, int]] = set()
        self.devices: set[int] = set()
        self.device_names: dict[str, str] = {}
        # A bridge is everybody's.
        bridges = {one.name for one in views.host_links if one.kind == "bridge"}
        for record in views.records:
            self.by_inode[record.plan.netns_device, record.plan.netns_inode] = record
            for one in record.plan.attachments:
                key = (str(record.vm_id), one.network, one.if_name)
                self.attached[key] = one
                self.of_owner[key[:2]].append((one.if_name, one))
                if record.phase is not Phase.READY:
                    self.owing.add(key)
                self.devices.update(index for _, index in one.host_devices)
                self.device_names.update(
                    (name, str(record.vm_id)) for name, _ in one.host_devices if name not in bridges
                )
        for release in views.releases:
            self.owing.update(
                (str(release.vm_id), one.network, one.if_name) for one in release.plan.attachments
            )
            self.owing_inodes.add((release.plan.netns_device, release.plan.netns_inode))
            self.devices.update(index for _, index in release.host_devices)
        # Another runtime's cache accounts for an attachment of a network that is not ours alone.
        self.foreign = {
            (one.network, one.container_id)
            for one in views.caches
            if one.kind is CacheKind.RECORD and not one.per_vm and not self.owns(one.network)
        }
        self.host_names = {one.index: one.name for one in views.host_links}
        self.claims: dict[str, list[CacheSeen]] = collections.defaultdict(list)
        for cache in views.caches:
            if cache.kind is CacheKind.RECORD and cache.network in self.networks and cache.netns:
                self.claims[cache.netns].append(cache)
        self.reserved: dict[str, set[str]] = collections.defaultdict(set)
        self.reserved_at: dict[str, ReservationSeen] = {}
        for file in views.reservations:
            if file.container_id:
                self.reserved[file.container_id].add(file.network)
                self.reserved_at[file.name] = file
        self.routes: dict[int, list[net.RouteInfo]] = collections.defaultdict(list)
        for route in views.host_routes:
            if route.dst.prefixlen == route.dst.max_prefixlen:
                self.routes[route.index].append(route)
        self.ages: dict[str, float] = {}
        files = [(one.container_id, one.mark) for one in views.caches if one.kind is CacheKind.RECORD]
        for owner, mark in (*files, *((one.container_id, one.mark) for one in views.reservations)):
            if owner:
                self.ages[owner] = max(self.ages.get(owner, 0.0), self.age(mark))
        self.users = self._users()
        self.homes = {
            one.real: str(home.vm_id) for one in views.namespaces if (home := self.of_record(one)) is not None
        }

    def owns(self, network: str) -> bool:
        found = self.networks.get(network)
        return found is not None and found.owned

    def act(self, network: str, action: Action) -> Action:
        """The action where the network is ours alone, else a report."""
        return action if self.owns(network) else Action.REPORT

    def age(self, mark: FileMark) -> float:
        return max(0.0, self.views.now - mark.mtime_ns / 1e9)

    def age_of(self, owner: str) -> float | None:
        """How long a container has been there, by its files: what is in the kernel tells no time."""
        return self.ages.get(owner)

    def since(self, mark: FileMark) -> str:
        return "; it is older than this boot" if mark.mtime_ns / 1e9 < self.views.boot_time else ""

    def owners_of(self, space: NamespaceSeen) -> set[tuple[str, str]]:
        """(network, container id) pairs that speak of a namespace of this name: another one may bear it now."""
        tied = {(one.network, one.container_id) for one in self.claims.get(space.real, ())}
        tied.update((network, space.name) for network in self.reserved.get(space.name, ()))
        return tied

    def proven_owners_of(self, space: NamespaceSeen) -> set[tuple[str, str]]:
        """Those of whom something is in the namespace: an address reserved for them, the very interface."""
        held = {str(address) for one in space.links for address in one.addresses}
        reserved = [self.reserved_at[one] for one in held if one in self.reserved_at]
        proven = {(one.network, one.container_id) for one in reserved}
        for cache in self.claims.get(space.real, ()):
            for inner in space.links:
                outside = self.host_names.get(inner.link.peer_index, "")
                same = bool(cache.mac) and inner.link.mac.hex(":") == cache.mac
                if inner.link.name == cache.if_name and (same or outside in cache.host_devices):
                    proven.add((cache.network, cache.container_id))
        return proven

    def of_record(self, space: NamespaceSeen) -> Record | None:
        if space.identity is None:
            return None
        return self.by_inode.get((space.identity.device, space.identity.inode))

    def user_of(self, container_id: str) -> str:
        """Who uses the namespace of a container, in words; empty if nobody is known to."""
        return self.users.get(container_id, "")

    def _users(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for space in self.views.namespaces:
            if not space.in_use:
                continue
            found[space.name] = space.in_use
            found.update({container_id: space.in_use for _, container_id in self.owners_of(space)})
        return found


def _records(known: _Known) -> Iterator[Finding]:
    """Rows of the journal that the kernel knows nothing of."""
    views = known.views
    for record in views.records:
        plan = record.plan
        if record.vm_id in views.busy:
            continue
        if record.phase is not Phase.READY:
            if plan.attachments or plan.netns_owned:
                yield _owed(known, record)
            continue
        if not plan.netns_path or record.boot_id != views.boot_id:
            continue
        there = views.at_path.get(str(record.vm_id))
        if there == net.NetnsIdentity(device=plan.netns_device, inode=plan.netns_inode):
            continue
        left = _left_of(known, record)
        if there is not None:
            action = Action.CNI_DEL
            detail = f"namespace {plan.netns_path} is gone; another one lies there, and stays"
        elif left:
            action, detail = Action.CNI_DEL, f"namespace {plan.netns_path} is gone"
        else:
            action, detail = Action.FORGET, f"namespace {plan.netns_path} is gone, and all else of it"
        yield Finding(
            kind=ResourceKind.JOURNAL_RECORD,
            what=record.vm_id,
            where=", ".join(dict.fromkeys(one.network for one in plan.attachments)),
            would_do=action,
            detail=detail,
            vm_id=record.vm_id,
            age=views.now - record.create_time,
            seen_in=(_J, *left),
            missing_in=(_K,),
            mark=f"{record.uid}:{record.revision}",
        )


def _left_of(known: _Known, record: Record) -> tuple[HostView, ...]:
    """The other views that still have something of a record whose namespace is gone."""
    keys = {(str(record.vm_id), one.network, one.if_name) for one in record.plan.attachments}
    indexes = {index for one in record.plan.attachments for _, index in one.host_devices}
    names = {name for one in record.plan.attachments for name, _ in one.host_devices}
    left: list[HostView] = []
    if any((one.container_id, one.network, one.if_name) in keys for one in known.views.caches):
        left.append(_C)
    if any((one.container_id, one.network, one.if_name) in keys for one in known.views.reservations):
        left.append(_R)
    if any(one.index in indexes and one.name in names for one in known.views.host_links):
        left.append(_K)
    return tuple(left)


def _owed(known: _Known, record: Record) -> Finding:
    why = record.failure.message if record.failure is not None else record.phase.name
    return Finding(
        kind=ResourceKind.CNI_ATTACHMENT,
        what=", ".join(f"{one.network}/{one.if_name}" for one in record.plan.attachments) or record.vm_id,
        where=record.plan.netns_path,
        would_do=Action.WAIT,
        detail=f"the agent takes it back, and tries again until it can: {why}",
        vm_id=record.vm_id,
        age=known.views.now - record.update_time,
        seen_in=(_J,),
        mark=record.uid,
    )


def _releases(known: _Known) -> Iterator[Finding]:
    views = known.views
    for release in views.releases:
        age = views.now - release.created
        if release.vm_id in views.busy or (not release.attempts and age < RELEASE_AGE):
            continue
        devices = ", ".join(name for name, _ in release.host_devices)
        why = release.last_error or f"{devices or 'its turn'} is still there: does a VMM hold the tap?"
        yield Finding(
            kind=ResourceKind.CNI_ATTACHMENT,
            what=", ".join(f"{one.network}/{one.if_name}" for one in release.plan.attachments),
            where=release.plan.netns_path,
            would_do=Action.WAIT,
            detail=f"released when it can be, tried {release.attempts} times: {why}",
            vm_id=release.vm_id,
            age=age,
            seen_in=(_J,),
            mark=str(release.release_id),
        )


def _caches(known: _Known) -> Iterator[Finding]:
    views = known.views
    for cache in views.caches:
        network = cache.network
        if network not in known.networks or cache.container_id in views.busy:
            continue
        if cache.kind is CacheKind.RECORD:
            yield from _cached_attachment(known, cache)
            continue
        if cache.kind is CacheKind.DRAFT:
            if known.age(cache.mark) < DRAFT_AGE:
                continue
            detail = "half written: whoever wrote it was killed"
        else:
            detail = "empty: no DEL can use it" if not cache.mark.size else "damaged: no DEL can use it"
        yield _of_cache(known, cache, known.act(network, Action.REMOVE), detail)
    for empty in views.empty_caches:
        if empty.vm_id in known.records or empty.vm_id in views.busy or known.age(empty.mark) < EMPTY_AGE:
            continue
        yield Finding(
            kind=ResourceKind.FILE,
            what=empty.path.rpartition("/")[2],
            where=empty.path.rpartition("/")[0],
            would_do=Action.REMOVE,
            detail="the cache directory of a VM that is gone, and empty",
            vm_id=empty.vm_id,
            age=known.age(empty.mark),
            seen_in=(_C,),
            missing_in=(_J,),
            mark=str(empty.mark.inode),
        )


def _cached_attachment(known: _Known, cache: CacheSeen) -> Iterator[Finding]:
    key = (cache.container_id, cache.network, cache.if_name)
    attachment = known.attached.get(key)
    if key in known.owing:
        return
    if attachment is not None:
        if attachment.cache_dir.rstrip("/") != cache.directory:
            detail = f"a second record of an attachment whose own is in {attachment.cache_dir}"
            yield _of_cache(known, cache, known.act(cache.network, Action.REMOVE), detail)
        return
    if not known.owns(cache.network):
        if cache.per_vm:
            detail = (
                "another runtime's network, or one this agent has lost: does `vmplumbd import` take it over?"
            )
            yield _of_cache(known, cache, Action.REPORT, detail)
        return
    neighbour = known.homes.get(cache.netns) or next(
        (known.device_names[name] for name in cache.host_devices if name in known.device_names), ""
    )
    if neighbour:
        # DEL of it would take a living network's devices.
        detail = f"an attachment that the journal does not know, with devices that are {neighbour}'s"
        yield _of_cache(known, cache, Action.REMOVE, detail)
        return
    detail = f"an attachment that the journal does not know{known.since(cache.mark)}"
    user = known.user_of(cache.container_id)
    if user:
        detail = f"{detail}, in use by {user}: does `vmplumbd import` take it over?"
    yield _of_cache(known, cache, Action.REPORT if user else Action.CNI_DEL, detail)


def _of_cache(known: _Known, cache: CacheSeen, action: Action, detail: str) -> Finding:
    attached = (cache.container_id, cache.network, cache.if_name) in known.attached
    return Finding(
        kind=ResourceKind.CNI_CACHE,
        what=cache.name,
        where=cache.path.rpartition("/")[0],
        would_do=action,
        detail=detail,
        vm_id=cache.container_id,
        age=known.age(cache.mark),
        seen_in=(_C,),
        missing_in=() if attached else (_J,),
        mark=str(cache.mark),
    )


def _reservations(known: _Known) -> Iterator[Finding]:
    views = known.views
    for one in views.reservations:
        owner = one.container_id
        if owner in views.busy:
            continue
        if one.name.startswith(DRAFT_PREFIX):
            if known.age(one.mark) >= DRAFT_AGE:
                action = known.act(one.network, Action.REMOVE)
                yield _of_reservation(known, one, action, "half written: whoever wrote it was killed")
            continue
        if not _is_address(one.name):
            continue
        if not owner:
            detail = "empty: whoever made it was killed before it was written, and no DEL matches it"
            yield _of_reservation(known, one, known.act(one.network, Action.RELEASE), detail)
            continue
        held = [
            attachment
            for if_name, attachment in known.of_owner.get((owner, one.network), ())
            if one.if_name in ("", if_name)
        ]
        owing = [(owner, one.network, attachment.if_name) for attachment in held]
        if any(key in known.owing for key in (*owing, (owner, one.network, one.if_name))):
            continue
        if held:
            if any(_address(one.name) in addresses(attachment) for attachment in held):
                continue
            given = ", ".join(sorted(str(address) for found in held for address in addresses(found)))
            detail = f"reserved for a VM whose addresses are others ({given})"
            yield _of_reservation(known, one, known.act(one.network, Action.RELEASE), detail)
            continue
        if not known.owns(one.network) and (one.network, owner) in known.foreign:
            continue
        detail = f"reserved for a VM that the journal does not know{known.since(one.mark)}"
        user = known.user_of(owner)
        if user:
            yield _of_reservation(known, one, Action.REPORT, f"{detail}, whose namespace is in use by {user}")
        else:
            yield _of_reservation(known, one, known.act(one.network, Action.RELEASE), detail)


def _of_reservation(known: _Known, one: ReservationSeen, action: Action, detail: str) -> Finding:
    in_journal = (one.container_id, one.network) in known.of_owner
    return Finding(
        kind=ResourceKind.FILE if one.name.startswith(DRAFT_PREFIX) else ResourceKind.RESERVATION,
        what=one.name,
        where=one.directory,
        would_do=action,
        detail=detail,
        vm_id=one.container_id,
        age=known.age(one.mark),
        seen_in=(_R,),
        missing_in=() if in_journal else (_J,),
        mark=str(one.mark),
    )


def _missing_files(known: _Known) -> Iterator[Finding]:
    """What a READY network should have on disk."""
    views = known.views
    reserved = {(one.network, one.container_id, one.name) for one in views.reservations}
    cached = {(one.container_id, one.network, one.if_name) for one in views.caches}
    for record, attachment in _ready(known):
        network = known.networks.get(attachment.network)
        for address in sorted(addresses(attachment), key=str):
            if network is None or not _in_ranges(network, address):
                continue
            if (attachment.network, str(record.vm_id), str(address)) in reserved:
                continue
            yield _missing(
                known,
                record,
                kind=ResourceKind.RESERVATION,
                what=str(address),
                where=network.directories[0] if network.directories else "",
                view=_R,
                detail="not reserved: another VM may be given it; does a new set-up of this VM help?",
            )
        if (str(record.vm_id), attachment.network, attachment.if_name) not in cached:
            yield _missing(
                known,
                record,
                kind=ResourceKind.CNI_CACHE,
                what=f"{attachment.network}-{record.vm_id}-{attachment.if_name}",
                where=f"{attachment.cache_dir}/results",
                view=_C,
                detail="no cache record: other runtimes do not see the attachment; teardown needs none",
            )


def _missing(
    known: _Known, record: Record, *, kind: ResourceKind, what: str, where: str, view: HostView, detail: str
) -> Finding:
    return Finding(
        kind=kind,
        what=what,
        where=where,
        would_do=Action.REPORT,
        detail=detail,
        vm_id=record.vm_id,
        age=known.views.now - record.create_time,
        seen_in=(_J,),
        missing_in=(view,),
        mark=f"{record.uid}:{record.revision}",
    )


def _namespaces(known: _Known) -> Iterator[Finding]:
    views = known.views
    for space in views.namespaces:
        if space.name in views.busy or known.of_record(space) is not None or space.real in views.claimed:
            # What else lies at a record's path is told with the record.
            continue
        named = known.owners_of(space)
        tied = named if space.identity is None else known.proven_owners_of(space)
        if any(owner in views.busy for _, owner in tied):
            continue
        owner = (
            space.name if space.name in {name for _, name in tied} else next(iter(sorted(tied)), ("", ""))[1]
        )
        ours = bool(tied) and all(known.owns(network) for network, _ in tied)
        if space.identity is None:
            if not _is_vm_id(space.name):
                continue
            yield _of_namespace(
                known,
                space,
                Action.REMOVE if ours and not space.mark.size else Action.REPORT,
                "no namespace, but a file in the place of one: a set-up with this name would be refused",
                owner,
            )
            continue
        if (space.identity.device, space.identity.inode) in known.owing_inodes:
            continue
        spoken = tied or named
        if spoken and all(key in known.foreign for key in spoken):
            continue
        bare = bool(named) and all(one.link.name == "lo" for one in space.links)
        if not tied and not bare and not _is_wired(space):
            continue
        if space.in_use:
            action, detail = (
                Action.REPORT,
                f"a VM's namespace that the journal does not know, in use by {space.in_use}",
            )
        elif not tied and bare:
            action, detail = Action.REPORT, "empty, with the name of a VM that the journal does not know"
        elif not tied:
            action, detail = Action.REPORT, "a tap is wired in it, and nobody knows for which VM"
        else:
            action, detail = Action.REMOVE, "the namespace of a VM that the journal does not know"
            if not ours:
                action, detail = Action.REPORT, f"{detail}: does `vmplumbd import` take it over?"
        yield _of_namespace(known, space, action, detail, owner)


def _of_namespace(known: _Known, space: NamespaceSeen, action: Action, detail: str, owner: str) -> Finding:
    identity = space.identity
    also = [_C] if any(owner == one.container_id for one in known.claims.get(space.real, ())) else []
    also += [_R] if known.reserved.get(owner) else []
    return Finding(
        kind=ResourceKind.FILE if identity is None else ResourceKind.NETNS,
        what=space.name,
        where=space.path.rpartition("/")[0],
        would_do=action,
        detail=detail,
        vm_id=owner,
        age=known.age_of(owner) if identity is not None else known.age(space.mark),
        seen_in=(*also, _K),
        missing_in=(_J,),
        mark=str(space.mark) if identity is None else f"{identity.device}:{identity.inode}",
    )


def _is_wired(space: NamespaceSeen) -> bool:
    """Whether a tap in it is wired to another link, as tc-redirect-tap does."""
    return any(one.link.kind == "tun" and one.redirects for one in space.links)


def _pool(known: _Known) -> Iterator[Finding]:
    """What lies among the members of the warm pools, in a directory that is the agent's alone."""
    for space in known.views.pool:
        if space.path in known.views.members or known.of_record(space) is not None:
            continue
        if space.identity is not None and (space.identity.device, space.identity.inode) in known.owing_inodes:
            continue
        detail = "the journal does not know it as a member of a warm pool"
        action = Action.REMOVE
        if space.in_use:
            action, detail = Action.REPORT, f"{detail}; in use by {space.in_use}"
        yield _of_namespace(known, space, action, detail, "")


def _inside(known: _Known) -> Iterator[Finding]:
    """What is too much, or too little, in the namespaces of READY networks."""
    views = known.views
    for space in views.namespaces:
        record = known.of_record(space)
        if record is None or record.phase is not Phase.READY or record.vm_id in views.busy:
            continue
        expected = {name for one in record.plan.attachments for name in device_names(one)}
        names = {one.link.index: one.link.name for one in space.links}
        for name in sorted(expected - set(names.values())):
            yield _missing(
                known,
                record,
                kind=ResourceKind.LINK,
                what=name,
                where=space.path,
                view=_K,
                detail="gone: the VM's network does not work",
            )
        for one in space.links:
            targets = {names.get(index, "") for index in one.redirects}
            if one.link.kind != "tun" or one.link.name in expected or not targets & expected:
                continue
            in_use = one.link.oper_up
            free = record.plan.netns_owned and not in_use
            used = ", and someone holds it open" if in_use else ""
            yield Finding(
                kind=ResourceKind.LINK,
                what=one.link.name,
                where=space.path,
                would_do=Action.REMOVE if free else Action.REPORT,
                detail=f"a second tap, wired to {', '.join(sorted(targets & expected))}{used}",
                vm_id=record.vm_id,
                seen_in=(_K,),
                missing_in=(_J,),
                mark=str(one.link.index),
            )


def _host_devices(known: _Known) -> Iterator[Finding]:
    """Host ends without a namespace that has a name, and host ends that are gone."""
    views = known.views
    there = {one.index: one for one in views.host_links}
    for record, attachment in _ready(known):
        for name, index in attachment.host_devices:
            if index not in there:
                yield _missing(
                    known,
                    record,
                    kind=ResourceKind.LINK,
                    what=name,
                    where="",
                    view=_K,
                    detail="the host's end of the VM's network is gone",
                )
    named = _far_ends(views.namespaces)
    unnamed = {pair: space for space in views.unnamed for pair in _far_ends((space,))}
    # What was made, or let go, after the journal was read first; its namespace had no name any more.
    accounted = known.devices | {index for _, one in views.passing for _, index in one.host_devices}
    for link in views.host_links:
        pair = (link.index, link.peer_index)
        if link.kind != "veth" or link.index in accounted or pair in named:
            continue
        tie = _tie(known, link.index)
        if tie is None:
            yield from _port(known, link, there, unnamed)
            continue
        network, address, owner = tie
        if owner in views.busy or (network, owner) in known.foreign:
            continue
        space = unnamed.get(pair)
        detail = (
            f"the host's end of a network with {address} of {network}, whose namespace has no name any more"
        )
        action = known.act(network, Action.REMOVE) if _VETH.fullmatch(link.name) else Action.REPORT
        if space is not None:
            action, detail = Action.REPORT, f"{detail}; {space.in_use} lives in it"
        yield Finding(
            kind=ResourceKind.LINK,
            what=link.name,
            where="",
            would_do=action,
            detail=detail,
            vm_id=owner,
            age=known.age_of(owner),
            seen_in=(_K,),
            missing_in=(_J,),
            mark=str(link.index),
        )


def _port(
    known: _Known,
    link: net.LinkInfo,
    there: Mapping[int, net.LinkInfo],
    unnamed: Mapping[tuple[int, int], NamespaceSeen],
) -> Iterator[Finding]:
    """A port of a bridge that is ours alone. Nothing tells its VM, so it is reported and stays."""
    bridge = there.get(link.master)
    network = next(
        (
            one
            for one in known.views.networks
            if one.owned and bridge is not None and bridge.name in one.bridges
        ),
        None,
    )
    near = there.get(link.peer_index)
    if bridge is None or network is None or (near is not None and near.peer_index == link.index):
        return
    space = unnamed.get((link.index, link.peer_index))
    used = f"; {space.in_use} lives in it" if space is not None else ""
    yield Finding(
        kind=ResourceKind.LINK,
        what=link.name,
        where="",
        would_do=Action.REPORT,
        detail=f"a port of {bridge.name} of {network.name}, whose namespace has no name{used}",
        seen_in=(_K,),
        missing_in=(_J,),
        mark=str(link.index),
    )


def _host_routes(known: _Known) -> Iterator[Finding]:
    """Routes to a single address of a known network that lead elsewhere than to its VM."""
    views = known.views
    links = {one.index: one for one in views.host_links}
    named = _far_ends(views.namespaces)
    held = [
        *known.attached.values(),
        *(one for release in views.releases for one in release.plan.attachments),
    ]
    expected = {
        (address, index) for one in held for address in addresses(one) for _, index in one.host_devices
    }
    for route in (one for several in known.routes.values() for one in several):
        link = links.get(route.index)
        if link is None:
            continue
        address = route.dst.network_address
        if (address, route.index) in expected:
            continue
        network = _network_of(known, address)
        if network is None:
            continue
        if link.kind == "veth" and (
            (link.index, link.peer_index) in named or link.index not in known.devices
        ):
            # The link of a leak goes with its route; a neighbour's is its own.
            continue
        reserved = known.reserved_at.get(str(address))
        owner = reserved.container_id if reserved is not None else ""
        if owner in views.busy and owner:
            continue
        yield Finding(
            kind=ResourceKind.ROUTE,
            what=str(address),
            where=link.name,
            would_do=Action.REPORT,
            detail=f"an address of {network.name} is routed to {link.name}: what is sent to its VM goes there",
            vm_id=owner,
            age=known.age_of(owner),
            seen_in=(_K,),
            missing_in=(_J,),
            mark=str(route.index),
        )


def _ifbs(known: _Known) -> Iterator[Finding]:
    """IFBs of the bandwidth plugin, whose names say for which attachment they were made."""
    views = known.views
    found = [one for one in views.host_links if one.kind == "ifb" and _IFB.fullmatch(one.name)]
    if not found:
        return
    live = {ifb_name(network, owner) for owner, network, _ in (*known.attached, *known.owing)}
    live |= {ifb_name(one.network, owner) for owner, one in views.passing}
    candidates = {(one.network, one.container_id) for one in views.reservations if one.container_id}
    candidates |= {(one.network, one.container_id) for one in views.caches if one.container_id}
    by_name = {ifb_name(*pair): pair for pair in sorted(candidates)}
    for link in found:
        if link.name in live:
            continue
        network, owner = by_name.get(link.name, ("", ""))
        if owner in views.busy and owner:
            continue
        if owner and network in known.networks and (network, owner) not in known.foreign:
            action, detail = (
                known.act(network, Action.REMOVE),
                f"shapes {network} of a VM that the journal does not know",
            )
            user = known.user_of(owner)
            if user:
                action, detail = Action.REPORT, f"{detail}, in use by {user}"
        elif not owner and link.index not in views.fed:
            action, detail = Action.REPORT, "nothing is redirected to it, and nobody knows whose it is"
        else:
            continue
        yield Finding(
            kind=ResourceKind.LINK,
            what=link.name,
            where="",
            would_do=action,
            detail=detail,
            vm_id=owner,
            age=known.age_of(owner),
            seen_in=(_K,),
            missing_in=(_J,),
            mark=str(link.index),
        )


def _rules(known: _Known) -> Iterator[Finding]:
    """Rules that masquerade for attachments that nobody has."""
    for rule in known.views.rules:
        owner, network = rule.container_id, rule.network
        key = (owner, network, rule.if_name)
        if network not in known.networks or key in known.attached or key in known.owing:
            continue
        if (owner and owner in known.views.busy) or (network, owner) in known.foreign:
            continue
        action, detail = (
            known.act(network, Action.REMOVE),
            "masquerades for a VM that the journal does not know",
        )
        user = known.user_of(owner)
        if user or not owner:
            detail = f"{detail}, in use by {user}" if user else f"{detail}; its comment is cut short"
            action = Action.REPORT
        yield Finding(
            kind=ResourceKind.NFT_RULES,
            what=f"handle {rule.handle}",
            where=RULES,
            would_do=action,
            detail=detail,
            vm_id=owner,
            age=known.age_of(owner),
            seen_in=(_K,),
            missing_in=(_J,),
            mark=f"{rule.handle} {rule.comment}",
        )


def _own_files(known: _Known) -> Iterator[Finding]:
    for one in known.views.set_aside:
        yield Finding(
            kind=ResourceKind.FILE,
            what=one.path.rpartition("/")[2],
            where=one.path.rpartition("/")[0],
            would_do=Action.REPORT,
            detail="a damaged journal that was set aside: networks in it may be unknown now",
            age=known.age(one.mark),
            seen_in=(_J,),
            mark=str(one.mark),
        )


def _ready(known: _Known) -> Iterator[tuple[Record, Attachment]]:
    """Attachments of READY networks that stand in the kernel."""
    views = known.views
    for record in views.records:
        plan = record.plan
        if record.phase is not Phase.READY or record.vm_id in views.busy:
            continue
        identity = net.NetnsIdentity(device=plan.netns_device, inode=plan.netns_inode)
        if plan.netns_path and views.at_path.get(str(record.vm_id)) != identity:
            continue
        for attachment in plan.attachments:
            yield record, attachment


def _far_ends(spaces: Iterable[NamespaceSeen]) -> set[tuple[int, int]]:
    """(host ifindex, ifindex inside) of every veth in these namespaces."""
    return {
        (one.link.peer_index, one.link.index)
        for space in spaces
        for one in space.links
        if one.link.kind == "veth"
    }


def _tie(known: _Known, index: int) -> tuple[str, net.Address, str] | None:
    """Network, address and owner of a host link that routes to an address of a known network."""
    for route in known.routes.get(index, ()):
        network = _network_of(known, route.dst.network_address)
        if network is not None:
            reserved = known.reserved_at.get(str(route.dst.network_address))
            owner = reserved.container_id if reserved is not None and reserved.network == network.name else ""
            return network.name, route.dst.network_address, owner
    return None


def _network_of(known: _Known, address: net.Address) -> NetworkSeen | None:
    return next((one for one in known.views.networks if _in_ranges(one, address)), None)


def _in_ranges(network: NetworkSeen, address: net.Address) -> bool:
    return any(address.version == one.version and address in one for one in network.ranges)


def _is_vm_id(name: str) -> bool:
    try:
        parse_vm_id(name)
    except ValueError:
        return False
    return True


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _address(name: str) -> net.Address:
    return ip_address(name)


@functools.lru_cache(maxsize=8192)
def _result(raw: bytes) -> results.Result:
    try:
        return results.parse(raw)
    except CniError:
        return results.Result(cni_version="1.0.0")
