"""Moving in: what the Go SDK or libcni left running becomes the agent's own, without a touch.

A cache record says how an attachment was made; the kernel and host-local say whether it still stands. Where
all three agree, a READY row of the journal is written, and nothing else: no namespace is changed, no device,
no file. The row has what DEL needs, as if the agent had made the network; at its start the agent adopts it.
"""

from __future__ import annotations

import json
import os
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from vmplumbd import vmconf
from vmplumbd.abc import Clock, Kernel
from vmplumbd.cni import cache as caches
from vmplumbd.cni import config
from vmplumbd.cni import result as results
from vmplumbd.cni.cache import CachedResult
from vmplumbd.cni.error import CniError
from vmplumbd.errors import AgentError, NotANetns, NotFound
from vmplumbd.model import judge, net
from vmplumbd.model.findings import CacheKind, CacheSeen
from vmplumbd.model.ids import Uid, VmId, parse_vm_id
from vmplumbd.model.lifecycle import Phase
from vmplumbd.model.outcome import Attachment, Plan
from vmplumbd.model.record import Record
from vmplumbd.model.spec import DEFAULT_IF_NAME, NetworkSpec
from vmplumbd.operations import look
from vmplumbd.operations.tools import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """One attachment that another runtime left, as its cache says. `netns` is empty where it is the default."""

    vm_id: VmId
    network: str
    if_name: str
    netns: str
    args: tuple[tuple[str, str], ...]
    capability_args: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeOverOrder:
    """What to take over: `vm_ids` alone, or all there is. `cache_dirs` are looked at beside the agent's own.

    `keep_namespaces`: a teardown leaves namespaces where they are, even those that the SDK would remove.
    `spec_of` makes the spec that the callers of the VM will send, encoded; it raises InvalidSpec.
    """

    spec_of: Callable[[Left], bytes]
    vm_ids: frozenset[str] = frozenset()
    cache_dirs: tuple[str, ...] = ()
    keep_namespaces: bool = False
    apply: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenOver:
    """What became, or would become, of one container id. `why` says why not, and is empty otherwise."""

    vm_id: str
    network: str = ""
    netns_path: str = ""
    netns_owned: bool = False
    tap: str = ""
    addresses: tuple[str, ...] = ()
    why: str = ""
    done: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """What taking over works with: `known` are the VMs of the journal, `write` puts a row into it."""

    kernel: Kernel
    known: frozenset[str]
    boot_id: str
    write: Callable[[Record], object]
    clock: Clock
    settings: Settings
    decode_spec: Callable[[bytes], NetworkSpec]
    spec_hash: Callable[[bytes], bytes]


class _Refused(Exception):
    """Why an attachment stays with its runtime."""


def take_over(host: Host, order: TakeOverOrder) -> tuple[TakenOver, ...]:
    """Look, and with `apply` write a row for each that stands. By container id. Raises JournalFailed."""
    groups: dict[str, list[CacheSeen]] = defaultdict(list)
    for cache in look.caches(host.settings, _networks(host), (), more=order.cache_dirs):
        if cache.kind is CacheKind.RECORD and (not order.vm_ids or cache.container_id in order.vm_ids):
            groups[cache.container_id].append(cache)
    done = [_one(host, order, vm_id, groups[vm_id]) for vm_id in sorted(groups)]
    done += [
        TakenOver(vm_id=vm_id, why="no cache record of it was found")
        for vm_id in sorted(order.vm_ids - set(groups))
    ]
    return tuple(done)


def _networks(host: Host) -> list[str]:
    return [one.name for one in look.configured(host.settings.defaults.conf_dir)]


def _one(host: Host, order: TakeOverOrder, container_id: str, found: Sequence[CacheSeen]) -> TakenOver:
    told = TakenOver(vm_id=container_id, network=", ".join(dict.fromkeys(one.network for one in found)))
    try:
        record = _record(host, order, container_id, found)
    except _Refused as exc:
        return replace(told, why=str(exc))
    except (AgentError, CniError, OSError) as exc:
        return replace(told, why=str(exc))
    (attachment,) = record.plan.attachments
    told = replace(
        told,
        netns_path=record.plan.netns_path,
        netns_owned=record.plan.netns_owned,
        tap=vmconf.vm_pair(results.parse(attachment.result), container_id).tap.name,
        addresses=tuple(sorted(str(one) for one in judge.addresses(attachment))),
    )
    if order.apply:
        host.write(record)
    return replace(told, done=order.apply)


def _record(host: Host, order: TakeOverOrder, container_id: str, found: Sequence[CacheSeen]) -> Record:
    """The row, with everything checked against kernel and disk. Touches nothing. Raises _Refused."""
    try:
        vm_id = parse_vm_id(container_id)
    except ValueError:
        raise _Refused("its container id can be no vm_id") from None
    if vm_id in host.known:
        raise _Refused("the agent has a network of this VM already")
    if len({(one.network, one.if_name) for one in found}) > 1:
        raise _Refused("it has several attachments, and which interface comes first is not known")
    # Of two records of one attachment the VM's own counts: the SDK's. libcni's shared directory comes after.
    seen = next((one for one in found if one.per_vm), found[0])
    cached = caches.read_path(seen.path)
    if cached is None:
        raise _Refused(f"{seen.path} is gone, or no record any more")
    conf = cached.attachment.conf
    if not conf.netns:
        raise _Refused("its record names no namespace")
    default = f"{host.settings.netns_dir}/{vm_id}"
    is_default = os.path.realpath(conf.netns) == os.path.realpath(default)
    try:
        identity = host.kernel.netns_identity(conf.netns)
    except (NotFound, NotANetns):
        raise _Refused(f"its namespace {conf.netns} is gone") from None
    attachment = _attachment(host, cached, vm_id, seen.directory)
    _check_reserved(cached, vm_id, attachment)
    left = Left(
        vm_id=vm_id,
        network=cached.attachment.network,
        if_name=conf.if_name,
        netns="" if is_default else conf.netns,
        args=conf.args,
        capability_args=attachment.capability_args,
    )
    spec_bytes = order.spec_of(left)
    spec = host.decode_spec(spec_bytes)
    _check_spec(spec, left, default)
    # What an answer is made of must be there, or the network would be READY and unusable.
    made = vmconf.CniOutcome(
        index=0, result=results.parse(attachment.result), raw=attachment.result, mtu=attachment.mtu
    )
    vmconf.outcome(spec, vm_id, conf.netns, [made])
    now = host.clock.now()
    return Record(
        vm_id=vm_id,
        uid=Uid(uuid.uuid4().hex),
        revision=0,
        phase=Phase.READY,
        spec=spec_bytes,
        spec_hash=host.spec_hash(spec_bytes),
        boot_id=host.boot_id,
        plan=Plan(
            netns_path=conf.netns,
            # The SDK makes a namespace at that path and removes it; another one somebody else made.
            netns_owned=is_default and not order.keep_namespaces,
            netns_device=identity.device,
            netns_inode=identity.inode,
            attachments=(attachment,),
        ),
        create_time=now,
        update_time=now,
        last_sequence=1,
    )


def _attachment(host: Host, cached: CachedResult, vm_id: VmId, directory: str) -> Attachment:
    """What DEL will need, with the devices as they are now."""
    conf = cached.attachment.conf
    network = config.parse_list(cached.attachment.config)
    if not network.plugins:
        raise _Refused("its record has no plugins")
    result = results.parse(cached.result)
    pair = vmconf.vm_pair(result, vm_id)
    try:
        with host.kernel.open_netns(conf.netns) as inside:
            asked = [net.GetLink(name=pair.tap.name), net.GetLink(name=conf.if_name)]
            tap, end = inside.apply(asked)
    except NotFound:
        raise _Refused(f"{pair.tap.name} or {conf.if_name} is gone from {conf.netns}") from None
    names = {one.name for one in result.interfaces if not one.sandbox}
    devices: tuple[tuple[str, int], ...] = ()
    if names:
        try:
            other = host.kernel.host().link(index=end.peer_index)
        except NotFound:
            other = None
        if other is None or other.name not in names:
            raise _Refused(f"the host's end of {conf.if_name} is gone")
        devices = ((other.name, other.index),)
    return Attachment(
        index=0,
        network=cached.attachment.network,
        conf_list=cached.attachment.config,
        if_name=conf.if_name,
        args=conf.args,
        capability_args=json.dumps(dict(conf.capability_args)).encode() if conf.capability_args else b"",
        bin_path=host.settings.defaults.bin_path,
        cache_dir=directory,
        result=cached.result,
        mtu=tap.mtu,
        host_devices=devices,
    )


def _check_reserved(cached: CachedResult, vm_id: VmId, attachment: Attachment) -> None:
    """Raises _Refused unless host-local, where it gave the addresses, still holds them for this VM."""
    seen = look.network_seen(config.parse_list(cached.attachment.config), owned=False)
    for address in judge.addresses(attachment):
        if not any(address.version == one.version and address in one for one in seen.ranges):
            continue
        holders = [_holder(f"{directory}/{address}") for directory in seen.directories]
        if vm_id not in holders:
            raise _Refused(f"its address {address} is not reserved for it")


def _holder(path: str) -> str:
    try:
        lines = Path(path).read_bytes().decode(errors="replace").split()
    except OSError:
        return ""
    return lines[0] if lines else ""


def _check_spec(spec: NetworkSpec, left: Left, default: str) -> None:
    """Raises _Refused unless the spec asks for what there is."""
    asked = [one.cni for one in spec.interfaces if one.cni is not None]
    if len(asked) != 1 or len(spec.interfaces) != 1:
        raise _Refused("the spec must have one interface, with a CNI configuration")
    (cni,) = asked
    name = cni.network_name or _inline_name(cni.network_config)
    if (name, cni.if_name or DEFAULT_IF_NAME) != (left.network, left.if_name):
        raise _Refused(
            f"the spec asks for {cni.if_name or DEFAULT_IF_NAME} on {name}, "
            f"there is {left.if_name} on {left.network}"
        )
    if os.path.realpath(spec.netns_path or default) != os.path.realpath(left.netns or default):
        raise _Refused(
            f"the spec asks for namespace {spec.netns_path or default}, it is {left.netns or default}"
        )


def _inline_name(raw: bytes | None) -> str:
    try:
        return config.parse_list(raw or b"").name
    except CniError:
        return ""


def refused(taken: Iterable[TakenOver]) -> bool:
    """Whether something stays with its runtime."""
    return any(one.why for one in taken)
