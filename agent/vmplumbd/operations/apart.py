"""What a request chooses on the host must not be somebody else's: namespaces and cache directories of other callers."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable

from vmplumbd.errors import AgentError, PathNotAllowed, Violation
from vmplumbd.model.caller import Caller
from vmplumbd.model.ids import VmId
from vmplumbd.model.spec import NetworkSpec
from vmplumbd.operations.tools import Tools

_RULE = "path.not_allowed"


def check(tools: Tools, vm_id: VmId, spec: NetworkSpec, by: Caller) -> None:
    """Raises PathNotAllowed for a namespace or a cache that is not the caller's. Reads the file system."""
    if by.sees_all:
        return
    wrong: list[Violation] = []
    if spec.netns_path:
        if _is_anothers(tools, vm_id, spec.netns_path, by):
            wrong.append(
                Violation(
                    field="spec.netns_path", rule=_RULE, message=f"{spec.netns_path} is not this caller's"
                )
            )
    elif any(one.cni is not None for one in spec.interfaces) and tools.book.get(vm_id) is None:
        # A vm_id must not be a way into a namespace that only has its name.
        default = f"{tools.settings.netns_dir}/{vm_id}"
        if os.path.lexists(default):
            wrong.append(
                Violation(
                    field="vm_id", rule=_RULE, message=f"{default} is there, and was not made for this VM"
                )
            )
    for index, interface in enumerate(spec.interfaces):
        if interface.cni is None or not (given := interface.cni.cache_dir):
            continue
        resolved = os.path.realpath(given)
        for root in map(os.path.realpath, tools.settings.defaults.policy.cache_roots):
            below = resolved.removeprefix(root + "/")
            if below != resolved and below.partition("/")[0] != vm_id:
                wrong.append(
                    Violation(
                        field=f"spec.network_interfaces.interfaces[{index}].cni_configuration.cache_dir",
                        rule=_RULE,
                        message=f"{given} is not this VM's; below {root} that is {root}/{vm_id}",
                    )
                )
                break
    if wrong:
        raise PathNotAllowed(wrong[0].message, tuple(wrong))


def _is_anothers(tools: Tools, vm_id: VmId, path: str, by: Caller) -> bool:
    others = [one for one in tools.book.others(vm_id) if not by.sees(one.owner)]
    resolved = os.path.realpath(path)
    # Most lie in few directories: each is asked for once.
    directory = functools.cache(os.path.realpath)
    # By name: one that is not made yet. By what it is: one that has several names.
    if any(one.plan.netns_path and _real(one.plan.netns_path, directory) == resolved for one in others):
        return True
    try:
        identity = tools.kernel.netns_identity(path)
    except AgentError:
        return False  # nothing is there, or what is there is refused for what it is
    return any(
        (one.plan.netns_device, one.plan.netns_inode) == (identity.device, identity.inode) for one in others
    )


def _real(path: str, directory: Callable[[str], str]) -> str:
    """As os.path.realpath, which looks at every directory anew; here `directory` says where one leads."""
    above, name = os.path.split(path)
    place = os.path.join(directory(above), name)  # noqa: PTH118 - text in, text out
    return os.path.realpath(path) if name in {"", ".", ".."} or os.path.islink(place) else place  # noqa: PTH114 - as above
