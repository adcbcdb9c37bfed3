"""Taking a network back, and what still waits for its devices to go.

First the VM is cut off: its host device is set down and its host routes go, in one batch. Then DEL of
the whole chain, then the namespace is unlinked; the devices are destroyed behind that (`reaper`). An address
is released when its host device has been seen to go, not before: while a VMM still holds the tap, the
host device lives on, and a second VM with the same address would lose its traffic to the first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_network

from vmplumbd.abc import Held, Netns
from vmplumbd.cni.error import CniError
from vmplumbd.errors import AgentError, KernelFault, NotFound, OperationPending
from vmplumbd.model import net, outside
from vmplumbd.model.outcome import Attachment, Plan
from vmplumbd.model.progress import Leftover, ResourceKind, Step
from vmplumbd.model.record import Record, Release
from vmplumbd.operations import chain, namespace
from vmplumbd.operations.lanes import LaneName
from vmplumbd.operations.tools import Going, Tools

HOLDER_HINT = "does a VMM still hold the tap?"


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenBack:
    """What `take_back` did: steps, each with whether it went well, and failures.

    `waits_for` are the host devices (name, ifindex) that are still to go; `going` is the reaper's.
    """

    steps: tuple[tuple[Step, bool], ...]
    failed: tuple[AgentError, ...]
    waits_for: tuple[tuple[str, int], ...]
    going: Going | None = None


def all_built_in(tools: Tools, plan: Plan) -> bool:
    """Whether every plugin of a plan's chains runs in process. Of a list that cannot be read nobody knows."""
    try:
        return all(tools.runs_in_process(one.conf_list) for one in plan.attachments)
    except CniError:
        return False


def lane_of(tools: Tools, plan: Plan) -> LaneName:
    """Where a plan is taken back: a plugin that hangs must hold neither other teardowns nor releases."""
    return LaneName.TEAR_DOWN if all_built_in(tools, plan) else LaneName.EXEC


def take_back(
    tools: Tools,
    record: Record,
    *,
    deadline: float | None,
    tell: chain.Tell,
    attempt: int = 1,
    env: Mapping[str, str] | None = None,
    defer: bool = True,
    cut: bool = True,
) -> TakenBack:
    """Cut the VM off, DEL, unlink. Every step is tried, whatever failed before it.

    `env` is what plugins are told beside CNI's variables. With `defer` devices may be left to the end of their
    namespace: `waits_for` then says which.
    Without `cut` the host devices are somebody else's to destroy, and found to be there.

    A namespace that lies in the place of the recorded one is somebody else's: it is not entered and stays.
    """
    plan = record.plan
    if namespace.is_another(tools.kernel, plan.netns_path, plan.netns_device, plan.netns_inode):
        plan = replace(plan, netns_path="", netns_owned=False)
    steps: list[tuple[Step, bool]] = []
    failed: list[AgentError] = []
    waits_for: list[tuple[str, int]] = []
    # The namespace dies with its devices only if it is ours; in an adopted one DEL removes them now.
    deferred = defer and plan.netns_owned and all_built_in(tools, plan)
    deferred = deferred and record.boot_id == tools.book.boot_id
    # Before the devices are looked at, so that none of those found can go unseen.
    expected = tools.devices.expect(
        [index for one in plan.attachments for _, index in one.host_devices] if deferred else []
    )
    for attachment in plan.attachments:
        waits_for.extend(cut_off(tools, attachment, failed) if cut else attachment.host_devices)
    # Without a device to wait for nobody would give the address back later.
    deferred = deferred and bool(waits_for)
    if plan.attachments and cut:
        steps.append((Step.CUT_OFF, not failed))
    before = len(failed)
    netns, invoker = ("", tools.sparing_invoker) if deferred else (plan.netns_path, tools.invoker)
    for attachment in reversed(plan.attachments):
        failed.extend(
            chain.delete(
                attachment,
                record.vm_id,
                netns,
                invoker=invoker,
                caches=tools.caches,
                deadline=deadline,
                tell=tell,
                env=env,
                strict=tools.settings.strict_del,
                attempt=attempt,
                last=not (deferred and cut),
            )
        )
    if plan.attachments:
        steps.append((Step.CNI_DEL, len(failed) == before))
    held: Held | None = None
    if plan.netns_owned:
        before = len(failed)
        try:
            if deferred and not failed:
                held = namespace.unlink(tools.kernel, plan.netns_path)
            else:
                namespace.remove(tools.kernel, plan.netns_path)
            _remove_around(tools, plan)
        except KernelFault as exc:
            failed.append(exc)
        steps.append((Step.NETNS_REMOVE, len(failed) == before))
    going: Going | None = None
    if deferred and not failed:
        there = {index for _, index in waits_for}
        expected.saw_gone(
            index for one in plan.attachments for _, index in one.host_devices if index not in there
        )
        going = Going(expected=expected, held=held)
    else:
        expected.cancel()
        if held is not None:
            held.close()
    tools.kernel.close_kept()
    return TakenBack(
        steps=tuple(steps),
        failed=tuple(failed),
        waits_for=tuple(waits_for) if deferred else (),
        going=going,
    )


def leftovers(record: Record, failed: Sequence[AgentError]) -> tuple[Leftover, ...]:
    """What a failed taking back leaves behind; the agent tries it again."""
    if not failed:
        return ()
    cause = failed[0].message
    found = [
        Leftover(
            kind=ResourceKind.CNI_ATTACHMENT,
            what=f"{one.network}/{one.if_name}",
            where=record.plan.netns_path,
            cause=cause,
        )
        for one in record.plan.attachments
    ]
    if not found:
        found = [Leftover(kind=ResourceKind.NETNS, what=record.plan.netns_path, where="", cause=cause)]
    return tuple(found)


def release_of(
    record: Record,
    devices: tuple[tuple[str, int], ...],
    tools: Tools,
    failed: Sequence[AgentError] = (),
) -> Release:
    """What stays due after the answer, as the journal keeps it: until devices have gone, or for what `failed`."""
    return Release(
        release_id=0,
        vm_id=record.vm_id,
        uid=record.uid,
        boot_id=record.boot_id,
        plan=record.plan,
        host_devices=devices,
        created=tools.clock.now(),
        last_error=str(failed[0]) if failed else "",
        owner=record.owner,
    )


def forget(tools: Tools, record: Record, release: Release | None, going: Going | None) -> Release | None:
    """Forget a record; what is still due takes its place, and is finished once its devices have gone.

    Does not wait for that. Raises JournalFailed: the record stays, and nothing is held.
    """
    try:
        kept = tools.book.remove(record, release)
    except BaseException:
        let_go(going)
        raise
    if kept is not None and going is not None:
        tools.reaper.take(kept, going)
    elif kept is not None:
        watch(tools, kept)
    return kept


def let_go(going: Going | None) -> None:
    """Expect nothing any more, and let the kernel have the namespace."""
    if going is not None:
        going.expected.cancel()
        if going.held is not None:
            going.held.close()


def watch(tools: Tools, release: Release) -> None:
    """Finish a release of which only the record is known once its devices have gone."""

    def gone(_: frozenset[int]) -> None:
        tools.reaper.due(release)

    there = _still_there(tools, release)
    # A namespace that cannot be removed keeps its devices until it is tried again; a new network goes before.
    stays = failed_before(release) and (tools.book.is_taken(release.vm_id) or unname(tools, release))
    if there and not stays:
        tools.devices.on_gone(there, gone)
    else:
        tools.reaper.due(release)


def _still_there(tools: Tools, release: Release) -> list[int]:
    if release.boot_id != tools.book.boot_id:
        return []
    return [index for name, index in release.host_devices if _may_be_there(tools, name, index)]


def _may_be_there(tools: Tools, name: str, index: int) -> bool:
    """False of a link that has gone, and of one whose index is another's, as after a restored snapshot."""
    try:
        return tools.kernel.host().link(index=index).name == name
    except NotFound:
        return False
    except KernelFault:
        return True


def when_gone(tools: Tools, devices: tuple[tuple[str, int], ...], wake: Callable[[], None]) -> None:
    """Call `wake` when all devices have gone."""
    tools.devices.on_gone([index for _, index in devices], lambda _: wake())


def are_gone(tools: Tools, devices: tuple[tuple[str, int], ...]) -> bool:
    """Whether all devices have gone."""
    indexes = [index for _, index in devices]
    return len(tools.devices.wait_gone(indexes, 0.0)) == len(indexes)


def settle(tools: Tools, release: Release) -> tuple[AgentError, ...]:
    """Finish a release and forget it, on the teardown lane; done already is success."""
    if not tools.book.owes(release):
        return ()
    failed = finish(tools, release)
    if not failed:
        tools.book.released([release.release_id])
    return failed


def finish(tools: Tools, release: Release) -> tuple[AgentError, ...]:
    """DEL with nothing but the record: no namespace any more. Every attachment is tried.

    What a teardown left of the namespace goes first, and nothing is given back before the devices have gone with it.
    """
    failed = list(unname(tools, release))
    plan = release.plan
    if failed_before(release) and (held := _still_there(tools, release)):
        names = ", ".join(name for name, index in release.host_devices if index in held)
        failed.append(
            OperationPending(
                f"the former network of {release.vm_id} still has its device {names}", hint=HOLDER_HINT
            )
        )
    if failed:
        return tuple(failed)
    seen_to_go = release.host_devices and release.boot_id == tools.book.boot_id
    for attachment in reversed(plan.attachments):
        freeing = seen_to_go and tools.runs_in_process(attachment.conf_list)
        failed.extend(
            chain.delete(
                attachment,
                release.vm_id,
                "",
                invoker=tools.freeing_invoker if freeing else tools.invoker,
                caches=tools.caches,
                deadline=tools.clock.monotonic() + tools.settings.undo_timeout,
                tell=lambda call: None,  # noqa: ARG005 - nobody listens any more
            )
        )
    return tuple(failed)


def unname(tools: Tools, release: Release) -> tuple[AgentError, ...]:
    """Take away what a teardown that failed left of the namespace, unless another one lies there. Again is nothing."""
    plan = release.plan
    if not plan.netns_owned or not failed_before(release):
        return ()
    try:
        if not namespace.is_another(tools.kernel, plan.netns_path, plan.netns_device, plan.netns_inode):
            namespace.remove(tools.kernel, plan.netns_path)
        _remove_around(tools, plan)
    except KernelFault as exc:
        return (exc,)
    return ()


def _remove_around(tools: Tools, plan: Plan) -> None:
    """Remove where a namespace from a pool lay, and the directories made for it. Raises KernelFault."""
    if plan.claimed_path:
        namespace.remove(tools.kernel, plan.claimed_path)
    namespace.remove_parent(tools.kernel, plan.netns_dir)


def free(tools: Tools, record: Record) -> tuple[AgentError, ...]:
    """Give back the addresses of a network of which all else has been taken back, its devices too."""
    failed: list[AgentError] = []
    for attachment in reversed(record.plan.attachments):
        failed += chain.delete(
            # Without the result: nothing is left to find by it.
            replace(attachment, result=b""),
            record.vm_id,
            "",
            invoker=tools.freeing_invoker,
            caches=tools.caches,
            deadline=tools.clock.monotonic() + tools.settings.undo_timeout,
            tell=lambda call: None,  # noqa: ARG005 - its DEL was told
            last=False,
        )
    return tuple(failed)


def failed_before(release: Release) -> bool:
    """Whether the release exists because something failed, not only because devices take their time."""
    return bool(release.last_error) or not release.host_devices


def cut_off(tools: Tools, attachment: Attachment, failed: list[AgentError]) -> tuple[tuple[str, int], ...]:
    """Set the host devices down and delete the VM's host routes; answers the devices that are there."""
    there: list[tuple[str, int]] = []
    host = tools.kernel.host()
    for name, index in attachment.host_devices:
        try:
            if not _cut(host, attachment, name, index):
                continue
        except KernelFault as exc:
            failed.append(exc)
        there.append((name, index))
    return tuple(there)


def _cut(host: Netns, attachment: Attachment, name: str, index: int) -> bool:
    """Cut one device off; whether it is there. Raises KernelFault: then it may be."""
    if not is_there(host, name, index):
        return False
    # The routes first: a link that goes down with routes has the kernel walk through everybody's.
    requests: list[net.Request] = [
        net.DelRoute(dst=ip_network(address), index=index, scope=net.SCOPE_HOST)
        for address in vm_addresses(attachment)
    ]
    requests.append(net.SetLink(index=index, up=False))
    try:
        host.apply(requests)
    except NotFound:
        # No such route is no fault; no such link means it has gone already.
        return is_there(host, name, index)
    return True


def is_there(host: Netns, name: str, index: int) -> bool:
    """Whether a host device is still ours: its index may have been given to another, its name too.

    Raises KernelFault when that cannot be seen.
    """
    try:
        return host.device(name).index == index
    except NotFound:
        return False


def vm_addresses(attachment: Attachment) -> list[net.Address]:
    """The addresses under which the host knows the VM, each once."""
    made = chain.result_of(attachment)
    return [] if made is None else list(outside.addresses(made))
