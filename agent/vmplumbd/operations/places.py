"""The directories and namespaces that a request names, as they are used from then on.

A path counts by where it leads. What leads there may be a link of the caller's, and lead elsewhere an hour later,
when the chain is taken back: so it is looked at once, and what was compared with the operator's lists is what is
opened, recorded and told to plugins.

Plugins that are executed open the namespace by its path, so that only who may write to its directory could plant a
link there: one that others may write to is no place for it.
"""

from __future__ import annotations

import dataclasses
import os
import stat
from collections.abc import Iterable

from vmplumbd.errors import PathNotAllowed, Violation
from vmplumbd.model.spec import CniConfiguration, NetworkSpec
from vmplumbd.policy import paths
from vmplumbd.policy.paths import PathPolicy


def settled(spec: NetworkSpec, policy: PathPolicy) -> NetworkSpec:
    """The spec with no link in its paths but the operator's. Raises PathNotAllowed for those that are not listed.

    A path that leads through no other link stays as it is written.
    """
    wrong: list[Violation] = []
    netns_path = spec.netns_path
    if netns_path:
        netns_path = _namespace(netns_path, policy.netns_roots)
        if not netns_path:
            wrong.append(paths.violation("spec.netns_path", spec.netns_path, policy.netns_roots))
        elif open_to_others := _open_to_others(os.path.dirname(netns_path), policy.netns_roots):  # noqa: PTH120 - text in, text out
            told = f"{open_to_others} may be written to by others than root"
            wrong.append(Violation(field="spec.netns_path", rule="path.not_allowed", message=told))
    interfaces = tuple(
        one if one.cni is None else dataclasses.replace(one, cni=_settled(index, one.cni, policy, wrong))
        for index, one in enumerate(spec.interfaces)
    )
    if wrong:
        raise PathNotAllowed(wrong[0].message, tuple(wrong))
    return dataclasses.replace(spec, netns_path=netns_path, interfaces=interfaces)


def _settled(
    index: int, cni: CniConfiguration, policy: PathPolicy, wrong: list[Violation]
) -> CniConfiguration:
    place = f"spec.network_interfaces.interfaces[{index}].cni_configuration"
    bin_path = []
    for number, given in enumerate(cni.bin_path):
        bin_path.append(_below(given, policy.bin_path, more=False))
        if not bin_path[-1]:
            wrong.append(paths.violation(f"{place}.bin_path[{number}]", given, policy.bin_path))
    conf_dir, cache_dir = cni.conf_dir, cni.cache_dir
    if conf_dir and not (conf_dir := _below(conf_dir, policy.conf_dirs, more=False)):
        wrong.append(paths.violation(f"{place}.conf_dir", cni.conf_dir, policy.conf_dirs))
    if cache_dir and not (cache_dir := _below(cache_dir, policy.cache_roots, more=True)):
        wrong.append(paths.violation(f"{place}.cache_dir", cni.cache_dir, policy.cache_roots))
    return dataclasses.replace(cni, bin_path=tuple(bin_path), conf_dir=conf_dir, cache_dir=cache_dir)


def _namespace(path: str, roots: Iterable[str]) -> str:
    """As `_below`, for a file that may be missing and must not be a link."""
    above, name = os.path.split(path)
    if name in {"", ".", ".."} or os.path.islink(path):  # noqa: PTH114 - text in, text out
        return ""
    directory = _below(above, roots, more=True)
    return directory and f"{directory.rstrip('/')}/{name}"


def _below(path: str, roots: Iterable[str], *, more: bool) -> str:
    """A way to where `path` leads that has no link below the operator's root; empty if that is below none."""
    resolved = os.path.realpath(path)
    for root in roots:
        real = os.path.realpath(root)
        if resolved == real or (more and paths.is_below(resolved, (real,))):
            rest = resolved[len(real.rstrip("/")) :]
            as_written = f"{root.rstrip('/')}{rest}" or "/"
            return path if path in {as_written, resolved} else resolved
    return ""


def _open_to_others(directory: str, roots: Iterable[str]) -> str:
    """The first of a directory below a root, and of those above it up to the root, that others may write to."""
    stops = {os.path.realpath(root) for root in roots}
    here = os.path.realpath(directory)
    while True:
        try:
            found = os.stat(here)  # noqa: PTH116 - beside the other plain calls
        except OSError:
            pass  # what is not there the agent makes, 0755; of all else it is told when it does
        else:
            if found.st_uid not in {0, os.geteuid()} or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                return here
        if here in stops or here == "/":
            return ""
        here = os.path.dirname(here)  # noqa: PTH120 - text in, text out
