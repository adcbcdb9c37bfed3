"""The namespace of a VM: adopted where it exists, made where it does not, and taken back if it was made.

The rules are firecracker-go-sdk:network.go initializeNetNS; better where that is wrong: the parent
directory is usable (0755) and a shared mount, as `ip netns` makes it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from vmplumbd.abc import Held, Kernel
from vmplumbd.errors import AgentError, KernelFault, NetnsSetupFailed, NotANetns, NotFound
from vmplumbd.model import net
from vmplumbd.policy import paths


def find(kernel: Kernel, path: str) -> net.NetnsIdentity | None:
    """What is at `path`: a namespace to adopt, or None if one is to be made. Raises NotANetns."""
    try:
        return kernel.netns_identity(path)
    except NotFound:
        return None
    except NotANetns as exc:
        raise NotANetns(
            f'path "{path}" does not appear to be a mounted netns: {exc.message}', hint=exc.hint
        ) from exc


def plan_parent(kernel: Kernel, path: str) -> net.NetnsDir:
    """What `make_parent` would make now. Changes nothing. Raises NetnsSetupFailed."""
    parent = os.path.dirname(path)  # noqa: PTH120 - text in, text out
    try:
        return kernel.plan_netns_dir(parent)
    except KernelFault as exc:
        raise NetnsSetupFailed(f'cannot look at netns parent dir "{parent}": {exc}', hint=exc.hint) from exc


def shared(made: net.NetnsDir, others: Iterable[net.NetnsDir]) -> net.NetnsDir:
    """What a namespace's directory owes, with what was made for `others` of which it is a part as well.

    Who leaves it last takes it away.
    """
    inherited = {
        one for other in others for one in other.made if one == made.path or paths.is_below(made.path, (one,))
    }
    return net.NetnsDir(
        path=made.path,
        # The outermost first, as they are made.
        made=tuple(sorted({*made.made, *inherited}, key=lambda one: (one.count("/"), one))),
        mounted=made.mounted or any(other.mounted and other.path == made.path for other in others),
    )


def make_parent(kernel: Kernel, path: str) -> net.NetnsDir:
    """Make the directory the namespace will lie in. Raises NetnsSetupFailed; nothing is left then."""
    parent = os.path.dirname(path)  # noqa: PTH120 - text in, text out
    try:
        return kernel.prepare_netns_dir(parent)
    except KernelFault as exc:
        raise NetnsSetupFailed(
            f'failed to create netns parent dir at "{parent}": {exc}', hint=exc.hint
        ) from exc


def create(kernel: Kernel, path: str) -> net.NetnsIdentity:
    """Make the namespace. Raises NetnsSetupFailed; nothing is left then."""
    try:
        return kernel.create_netns(path)
    except KernelFault as exc:
        raise NetnsSetupFailed(f"failed to initialize netns: {exc}", hint=exc.hint) from exc


def remove_parent(kernel: Kernel, made: net.NetnsDir | None) -> None:
    """Take back the directories that a set-up made; one in use stays. Raises KernelFault."""
    if made is not None:
        kernel.undo_netns_dir(made)


def move(kernel: Kernel, source: str, target: str) -> None:
    """Move a namespace. Raises NetnsSetupFailed; it is where it was then."""
    try:
        kernel.move_netns(source, target)
    except KernelFault as exc:
        raise NetnsSetupFailed(f"failed to initialize netns: {exc}", hint=exc.hint) from exc


def remove(kernel: Kernel, path: str) -> None:
    """Unlink a namespace the agent made. Gone already is success. Raises KernelFault."""
    kernel.delete_netns(path)


def unlink(kernel: Kernel, path: str) -> Held | None:
    """As `remove`, with the namespace kept in being until the answer is closed, if it can be."""
    return kernel.unlink_netns(path)


def is_ours(kernel: Kernel, path: str, device: int, inode: int) -> bool:
    """Whether the namespace at `path` is still the recorded one. False if it is gone."""
    try:
        found = kernel.netns_identity(path)
    except AgentError:
        return False
    return (found.device, found.inode) == (device, inode)


def is_another(kernel: Kernel, path: str, device: int, inode: int) -> bool:
    """Whether a namespace lies at `path` that is not the recorded one. False if nothing was recorded."""
    try:
        found = kernel.netns_identity(path) if path and inode else None
    except AgentError:
        return False
    return found is not None and (found.device, found.inode) != (device, inode)
