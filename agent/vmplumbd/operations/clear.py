"""The second pass over leaks: what was judged twice, and the same both times, is taken away.

The first look judges and touches nothing. After a moment a second look judges anew, while the VMs in
question can have no set-up; only a finding that is the same thing in both, down to inode, size and time,
is acted on, and each act looks once more at the very thing it removes. With a quarantine, what an act
will remove is moved there or written down there, and synced, before it happens.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import uuid
from collections.abc import Callable, Collection, Generator, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from vmplumbd.cni import cache as caches
from vmplumbd.cni.cache import CachedResult
from vmplumbd.errors import AgentError, NotFound, Reason
from vmplumbd.model import judge, net
from vmplumbd.model.findings import ACTS, Action, FileMark, Finding, Views
from vmplumbd.model.ids import Uid, VmId
from vmplumbd.model.outcome import Attachment
from vmplumbd.model.progress import ResourceKind
from vmplumbd.operations import chain, failures
from vmplumbd.operations.book import Kind, Operation
from vmplumbd.operations.events import EventLog
from vmplumbd.operations.lanes import Park, Sleep, WaitFor
from vmplumbd.operations.look import look, mark_of
from vmplumbd.operations.tear_down import TearDownOrder
from vmplumbd.operations.tools import Tools
from vmplumbd.plugins import masquerade
from vmplumbd.plugins.host_local.store import Store

TearDown = Callable[[VmId, TearDownOrder], Operation | None]

# Between the looks, seconds: devices on their way out and files half written are something else by then.
_PAUSE = 0.25
# How long devices of a removed namespace are waited for, seconds; an idle host takes some 40 ms.
_DEVICES_GO = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleared:
    """What became of one finding."""

    finding: Finding
    done: bool = False
    error: AgentError | None = None


class SomethingElse(AgentError):
    """What a second look found is not what was judged; nothing was done."""

    reason = Reason.OPERATION_PENDING
    retryable = True


def clear(
    tools: Tools, *, alive: frozenset[str], dry_run: bool, quarantine: bool, tear_down: TearDown
) -> Generator[Park, None, tuple[Cleared, ...]]:
    """Judge, look again, act. `alive` are VMs whose leaks stay. Raises KernelFault from a look."""
    first = [judge.kept(one, alive) for one in judge.judge(look(tools))]
    if dry_run or not any(one.would_do in ACTS for one in first):
        return tuple(Cleared(finding=one) for one in first)
    yield Sleep(seconds=_PAUSE)
    with _held(tools, {one.vm_id for one in first if one.vm_id and one.would_do in ACTS}):
        views = look(tools)
        again = {
            one.key: one for one in (judge.kept(one, alive) for one in judge.judge(_without(views, tools)))
        }
        aside = Quarantine(tools, views) if quarantine else None
        done: dict[int, Cleared] = {}
        stuck: set[str] = set()
        for place in sorted(range(len(first)), key=lambda place: _turn(first[place])):
            finding = first[place]
            if finding.would_do not in ACTS:
                done[place] = Cleared(finding=finding)
            elif finding.key not in again:
                done[place] = Cleared(finding=finding, error=_changed(finding))
            elif finding.would_do is Action.RELEASE and finding.vm_id in stuck:
                error = SomethingElse(
                    f"{finding.what} stays reserved while a device of {finding.vm_id} is there"
                )
                done[place] = Cleared(finding=finding, error=error)
            elif finding.kind is ResourceKind.JOURNAL_RECORD:
                done[place] = yield from _forget(tools, again[finding.key], aside, tear_down)
            else:
                done[place] = act(tools, views, again[finding.key], aside)
            if not done[place].done and _turn(finding) in (1, 2) and finding.vm_id:
                stuck.add(finding.vm_id)
            _note(tools, done[place])
        return tuple(done[place] for place in range(len(first)))


def spared(tools: Tools, cleared: Iterable[Cleared]) -> frozenset[tuple[str, str, str]]:
    """Attachments (network, container id, interface) of leaks that stay, as what is left on disk names them.

    CNI GC, which asks nobody, must be told to leave them: a VM may live on them.
    """
    vm_ids = {one.finding.vm_id for one in cleared if one.finding.vm_id and not one.done}
    if not vm_ids:
        return frozenset()
    views = look(tools)
    found = {(one.network, one.container_id, one.if_name) for one in views.caches}
    found |= {(one.network, one.container_id, one.if_name) for one in views.reservations}
    found |= {(one.network, one.container_id, one.if_name) for one in views.rules}
    return frozenset(one for one in found if one[1] in vm_ids and one[2])


def _turn(finding: Finding) -> int:
    """DEL first, since it needs what the others remove; addresses once their devices are gone; files last."""
    match finding.would_do, finding.kind:
        case Action.FORGET, _:
            return 0
        case Action.CNI_DEL, _:
            return 1
        case Action.REMOVE, ResourceKind.NETNS | ResourceKind.LINK:
            return 2
        case Action.RELEASE, _:
            return 3
        case _, _:
            return 4


def _note(tools: Tools, one: Cleared) -> None:
    """What was taken from the host, or could not be, belongs into the log."""
    if one.finding.would_do not in ACTS:
        return
    fields = {
        "kind": one.finding.kind.name,
        "what": one.finding.what,
        "where": one.finding.where,
        "vm_id": one.finding.vm_id,
        "action": one.finding.would_do.name,
        "why": one.finding.detail,
    }
    if one.error is not None:
        fields["error"] = str(one.error)
    tools.note("leak.removed" if one.done else "leak.stays", fields)


def _without(views: Views, tools: Tools) -> Views:
    """The views without our own hold on the VMs, which is no operation of theirs."""
    with tools.book.mutex:
        held = {str(vm_id) for vm_id, one in tools.book.running.items() if one.uid == _HOLD}
    return replace(views, busy=views.busy - held)


_HOLD = Uid("leak collection")


@contextlib.contextmanager
def _held(tools: Tools, vm_ids: Collection[str]) -> Iterator[None]:
    """Keep VMs that the journal does not know from being set up; those it knows are left to their locks."""
    book = tools.book
    held: list[Operation] = []
    with book.mutex:
        for vm_id in sorted(vm_ids):
            if VmId(vm_id) in book.running or book.get(VmId(vm_id)) is not None:
                continue
            operation = Operation(
                kind=Kind.TEAR_DOWN,
                vm_id=VmId(vm_id),
                uid=_HOLD,
                spec_hash=b"",
                log=EventLog(tools.clock),
                existed=False,
            )
            book.running[operation.vm_id] = operation
            held.append(operation)
    try:
        yield
    finally:
        for operation in held:
            operation.log.finish()
            with book.mutex:
                if book.running.get(operation.vm_id) is operation:
                    del book.running[operation.vm_id]
            operation.end()


def _forget(
    tools: Tools, finding: Finding, aside: Quarantine | None, tear_down: TearDown
) -> Generator[Park, None, Cleared]:
    """A record whose namespace is gone: an ordinary teardown works from the record alone."""
    try:
        if aside is not None:
            aside.write_down(finding, record=_shown(tools, finding.vm_id))
        uid = finding.mark.partition(":")[0]
        order = TearDownOrder(uid=uid, timeout=tools.settings.operation_timeout)
        torn = tear_down(VmId(finding.vm_id), order)
        if torn is not None:
            yield WaitFor(when=torn.when_ended)
            if torn.log.error is not None:
                return Cleared(finding=finding, error=torn.log.error)
    except Exception as exc:  # noqa: BLE001 - the other findings go on
        return Cleared(finding=finding, error=failures.as_agent_error(exc))
    return Cleared(finding=finding, done=True)


def act(tools: Tools, views: Views, finding: Finding, aside: Quarantine | None = None) -> Cleared:
    """Do what a finding of `views` says, after one more look at the very thing. Raises nothing."""
    try:
        where = _do(tools, views, finding, aside)
    except Exception as exc:  # noqa: BLE001 - the other findings go on
        return Cleared(finding=finding, error=failures.as_agent_error(exc))
    told = replace(finding, detail=f"{finding.detail}; kept in {where}") if where else finding
    return Cleared(finding=told, done=True)


def _do(tools: Tools, views: Views, finding: Finding, aside: Quarantine | None) -> str:
    """Act on one finding; answers where its evidence lies, "" without a quarantine."""
    match finding.would_do, finding.kind:
        case Action.CNI_DEL, _:
            _del(tools, views, finding, aside)
        case Action.RELEASE, _:
            _release(finding, aside)
        case _, ResourceKind.LINK:
            _remove_link(tools, finding, aside)
        case _, ResourceKind.NFT_RULES:
            _remove_rule(tools, finding, aside)
        case _, ResourceKind.NETNS:
            _remove_netns(tools, finding, aside)
        case _, ResourceKind.FILE if _is_directory(finding):
            _remove_directory(finding, aside)
        case _, ResourceKind.FILE if finding.what.startswith(judge.DRAFT_PREFIX):
            _release(finding, aside)
        case _, _:
            _remove_file(finding, aside)
    return "" if aside is None else aside.directory


def _del(tools: Tools, views: Views, finding: Finding, aside: Quarantine | None) -> None:
    """CNI DEL from what the cache says, with the namespace if it is still the attachment's."""
    path = _path(finding)
    _check_mark(finding)
    found = caches.read_path(path)
    if found is None:
        raise _changed(finding)
    conf = found.attachment.conf
    if aside is not None:
        aside.copy(finding, path)
        for one in views.reservations:
            if one.container_id == conf.container_id and one.network == found.attachment.network:
                aside.copy(finding, f"{one.directory}/{one.name}")
        for rule in views.rules:
            if (rule.container_id, rule.network) == (conf.container_id, found.attachment.network):
                told = replace(finding, kind=ResourceKind.NFT_RULES, what=f"handle {rule.handle}")
                aside.write_down(told, comment=rule.comment)
    directory = next(
        (one.directory for one in views.caches if one.path == path), str(Path(path).parent.parent)
    )
    attachment = Attachment(
        index=0,
        network=found.attachment.network,
        conf_list=found.attachment.config,
        if_name=conf.if_name,
        args=conf.args,
        capability_args=json.dumps(dict(conf.capability_args)).encode() if conf.capability_args else b"",
        bin_path=tools.settings.defaults.bin_path,
        cache_dir=directory,
        result=found.result,
    )
    failed = chain.delete(
        attachment,
        VmId(conf.container_id),
        conf.netns if _is_its_own(tools, found) else "",
        invoker=tools.invoker,
        caches=tools.caches,
        deadline=tools.clock.monotonic() + tools.settings.undo_timeout,
        tell=lambda call: None,  # noqa: ARG005 - failures are answered
    )
    if failed:
        raise failed[0]


def _release(finding: Finding, aside: Quarantine | None) -> None:
    """Give an address back under host-local's own lock, which a plugin at work holds."""
    store = Store.open(finding.where)
    try:
        with store.locked():
            if mark_of(_path(finding)) is None:
                return
            _check_mark(finding)
            if aside is not None:
                aside.move(finding, _path(finding))
            else:
                store.remove(finding.what)
    finally:
        store.close()


def _remove_file(finding: Finding, aside: Quarantine | None) -> None:
    if mark_of(_path(finding)) is None:
        return
    _check_mark(finding)
    if aside is not None:
        aside.move(finding, _path(finding))
    else:
        Path(_path(finding)).unlink(missing_ok=True)
    if finding.kind is ResourceKind.CNI_CACHE:
        _remove_empty(finding)


def _remove_empty(finding: Finding) -> None:
    """The directories of a VM's own cache, as far as they are empty."""
    place = Path(finding.where)
    vm_dir = place.parent if place.name == "results" else place
    if vm_dir.name == finding.vm_id:
        for directory in (vm_dir / "results", vm_dir):
            with contextlib.suppress(OSError):
                directory.rmdir()


def _remove_directory(finding: Finding, aside: Quarantine | None) -> None:
    if aside is not None:
        aside.write_down(finding)
    for path in (f"{_path(finding)}/results", _path(finding)):
        # One that is filled again meanwhile stays.
        with contextlib.suppress(FileNotFoundError):
            os.rmdir(path)  # noqa: PTH106 - beside its path as text


def _remove_link(tools: Tools, finding: Finding, aside: Quarantine | None) -> None:
    with contextlib.ExitStack() as stack:
        space = tools.kernel.host()
        if finding.where:
            space = stack.enter_context(tools.kernel.open_netns(finding.where))
        try:
            link = space.link(index=int(finding.mark))
        except NotFound:
            return
        if link.name != finding.what:
            raise _changed(finding)
        if aside is not None:
            routes = [str(one.dst) for one in space.routes() if one.index == link.index]
            held = [str(one.address) for one in space.addresses(link.index)]
            aside.write_down(
                finding, link={**asdict(link), "mac": link.mac.hex(":")}, addresses=held, routes=routes
            )
        with contextlib.suppress(NotFound):
            space.apply([net.DelLink(index=link.index)])


def _remove_rule(tools: Tools, finding: Finding, aside: Quarantine | None) -> None:
    host = tools.kernel.host()
    handle, _, comment = finding.mark.partition(" ")
    try:
        rule = host.rule(masquerade.CHECKS, int(handle))
    except NotFound:
        return
    if rule.comment != comment:
        raise _changed(finding)
    if aside is not None:
        aside.write_down(finding, comment=comment, expressions=[repr(one) for one in rule.expressions])
    with contextlib.suppress(NotFound):
        host.change_rules([net.DelRule(chain=masquerade.CHECKS, handle=int(handle))])


def _remove_netns(tools: Tools, finding: Finding, aside: Quarantine | None) -> None:
    path = _path(finding)
    try:
        with tools.kernel.open_netns(path) as inside:
            found = inside.identity
            seen = list(inside.links())
    except NotFound:
        return
    if f"{found.device}:{found.inode}" != finding.mark:
        raise _changed(finding)
    holders = tools.holders(found.inode, path)
    if holders:
        raise SomethingElse(f"{path} is in use by {holders[0].command} (pid {holders[0].pid})")
    if aside is not None:
        aside.write_down(finding, links=[{**asdict(one), "mac": one.mac.hex(":")} for one in seen])
    outside = [one.peer_index for one in seen if one.kind == "veth" and _is_pair(tools, one)]
    tools.kernel.delete_netns(path)
    # The address of a device that still lives is not given back: a second VM would lose its traffic to it.
    if len(tools.devices.wait_gone(outside, _DEVICES_GO)) < len(set(outside)):
        raise SomethingElse(
            f"{path} has no name any more, and its devices are still there", hint="does a VMM hold the tap?"
        )


def _is_pair(tools: Tools, inside: net.LinkInfo) -> bool:
    """Whether the other end of a veth is on the host: ifindexes of two namespaces may be the same."""
    try:
        return tools.kernel.host().link(index=inside.peer_index).peer_index == inside.index
    except NotFound:
        return False


class Quarantine:
    """A directory of evidence, made with its first entry: files as they were, and a manifest of JSON lines.

    An entry is on the disk before what it tells of happens.
    """

    def __init__(self, tools: Tools, views: Views) -> None:
        stamp = datetime.fromtimestamp(views.now, UTC).strftime("%Y%m%dT%H%M%SZ")
        self.directory = f"{tools.settings.state_dir}/quarantine/{stamp}-{uuid.uuid4().hex[:8]}"
        self._count = 0

    def move(self, finding: Finding, path: str) -> None:
        """Take a file away. Raises OSError, leaving it."""
        kept = self._place(path)
        self.write_down(finding, path=path, kept=kept)
        try:
            os.rename(path, kept)  # noqa: PTH104 - paths are text here
        except OSError as exc:
            if exc.errno != errno.EXDEV:
                raise
            # Another disk: the copy is whole before the file goes.
            _copy(path, kept)
            os.unlink(path)  # noqa: PTH108 - as above

    def copy(self, finding: Finding, path: str) -> None:
        """Keep what a file says; it is removed by what follows. A file that is gone is left out."""
        with contextlib.suppress(FileNotFoundError):
            kept = self._place(path)
            _copy(path, kept)
            self.write_down(finding, path=path, kept=kept)

    def write_down(self, finding: Finding, **more: Any) -> None:  # noqa: ANN401 - JSON
        """Write an entry, and see it on the disk. Raises OSError."""
        self._make()
        entry = {
            "kind": finding.kind.name,
            "what": finding.what,
            "where": finding.where,
            "vm_id": finding.vm_id,
            "action": finding.would_do.name,
            "detail": finding.detail,
            **more,
        }
        with open(f"{self.directory}/manifest.jsonl", "a", encoding="utf-8") as file:  # noqa: PTH123 - appended
            file.write(json.dumps(entry, ensure_ascii=True, default=str) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def _place(self, path: str) -> str:
        self._make()
        self._count += 1
        return f"{self.directory}/{self._count:04}-{Path(path).name}"

    def _make(self) -> None:
        # What is kept may hold secrets of conflists.
        os.makedirs(self.directory, mode=0o700, exist_ok=True)  # noqa: PTH103 - beside its path as text


def _copy(path: str, kept: str) -> None:
    shutil.copy2(path, kept, follow_symlinks=False)
    fd = os.open(kept, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _path(finding: Finding) -> str:
    return f"{finding.where}/{finding.what}"


def _is_directory(finding: Finding) -> bool:
    return os.path.isdir(_path(finding)) and not os.path.islink(_path(finding))  # noqa: PTH112, PTH114


def _check_mark(finding: Finding) -> None:
    if str(mark_of(_path(finding)) or FileMark()) != finding.mark:
        raise _changed(finding)


def _is_its_own(tools: Tools, cached: CachedResult) -> bool:
    """Whether the namespace at the recorded path still has the very interface: another one may lie there now."""
    conf = cached.attachment.conf
    if not conf.netns:
        return False
    try:
        with tools.kernel.open_netns(conf.netns) as inside:
            link = inside.link(name=conf.if_name)
    except AgentError:
        return False
    if link.mac.hex(":") == judge.inside_mac(cached.result, conf.if_name):
        return True
    try:
        outside = tools.kernel.host().link(index=link.peer_index).name if link.peer_index else ""
    except NotFound:
        return False
    return outside in judge.host_device_names(cached.result)


def _shown(tools: Tools, vm_id: str) -> dict[str, Any]:
    """A record for the manifest, without what may be secret."""
    record = tools.book.get(VmId(vm_id))
    if record is None:
        return {}
    return {
        "uid": record.uid,
        "phase": record.phase.name,
        "boot_id": record.boot_id,
        "netns_path": record.plan.netns_path,
        "attachments": [
            {"network": one.network, "if_name": one.if_name, "result": one.result.decode(errors="replace")}
            for one in record.plan.attachments
        ],
    }


def _changed(finding: Finding) -> SomethingElse:
    return SomethingElse(
        f"{finding.what} is something else, or gone, since it was judged", hint="diagnose again?"
    )
