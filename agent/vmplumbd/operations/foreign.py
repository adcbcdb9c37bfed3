"""A network that another runtime made under the same id, and that still stands: never taken for a former life.

The SDK runs DEL before ADD, which is right for what a life that ended left behind. A VM of another runtime would
lose its network to it; whether there is one, that runtime's cache and the kernel say.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from vmplumbd.cni import cache as caches
from vmplumbd.cni.cache import CachedAttachment
from vmplumbd.errors import NotANetns, NotFound, SpecConflict, kernel_fault
from vmplumbd.model import net
from vmplumbd.model.ids import VmId
from vmplumbd.model.outcome import Attachment
from vmplumbd.operations.chain import Chain
from vmplumbd.operations.tools import Tools


def refuse_what_stands(tools: Tools, vm_id: VmId, chains: Sequence[Chain]) -> None:
    """Raises SpecConflict if another runtime's network of this id stands. For ids that the journal never knew.

    A former life is dead where its namespace is gone, is none any more, or has lost its interface. Networks that
    the operator marks as the agent's own are not looked at: nobody else makes any there. Raises KernelFault where
    it cannot be seen. Touches nothing.
    """
    for found in chains:
        if found.attachment.network in tools.settings.owned_networks:
            continue
        for cached in _cached(tools, vm_id, found.attachment):
            inode = _stands(tools, cached)
            if inode:
                raise _taken(tools, vm_id, cached, inode)


def _cached(tools: Tools, vm_id: VmId, attachment: Attachment) -> Iterator[CachedAttachment]:
    """What caches say of this VM: those of its own directory, and libcni's file of the attachment."""
    directory = attachment.cache_dir.rstrip("/")
    # A shared directory holds everybody's, so it is not listed.
    name = f"{attachment.network}-{vm_id}-{attachment.if_name}"
    shared = [f"{root.rstrip('/')}/results/{name}" for root in tools.settings.defaults.policy.cache_roots]
    for path in dict.fromkeys((*_files(directory, vm_id, name), *shared)):
        found = caches.read_path(path)
        if found is None:
            _refuse_unread(path)
        elif found.attachment.conf.container_id == vm_id:
            yield found.attachment


def _files(directory: str, vm_id: VmId, name: str) -> list[str]:
    results = f"{directory}/results"
    if os.path.basename(directory) != vm_id:  # noqa: PTH119 - text in, text out
        return [f"{results}/{name}"]
    try:
        return [f"{results}/{one}" for one in os.listdir(results)]  # noqa: PTH208 - names, not paths
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as exc:
        raise kernel_fault("list cached networks", where=results, errno=exc.errno or 0) from exc


def _refuse_unread(path: str) -> None:
    """A file that is no record is nobody's; one that cannot be read may be anybody's. Raises KernelFault."""
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as exc:
        raise kernel_fault("read a cached network", where=path, errno=exc.errno or 0) from exc


def _stands(tools: Tools, cached: CachedAttachment) -> int:
    """The inode of its namespace if the interface is in it; 0 if it is gone."""
    path = cached.conf.netns
    if not path:
        return 0
    try:
        identity = tools.kernel.netns_identity(path)
        with tools.kernel.open_netns(path) as inside:
            inside.apply([net.GetLink(name=cached.conf.if_name)])
    except (NotFound, NotANetns):
        return 0
    return identity.inode


def _taken(tools: Tools, vm_id: VmId, cached: CachedAttachment, inode: int) -> SpecConflict:
    path = cached.conf.netns
    holders = tools.holders(inode, path)
    used = f", used by {holders[0].command} (pid {holders[0].pid})" if holders else ""
    what = f"{cached.conf.if_name} on {cached.network} in {path}"
    return SpecConflict(
        f"another runtime has a network of {vm_id} on this host: {what}{used}",
        hint=(
            "does that VM run? take it over with `vmplumbctl import`; if it has ended, let its runtime take the "
            f"network back, or remove {path}, and call again"
        ),
    )
