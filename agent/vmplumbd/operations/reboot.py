"""The first start after a reboot: what lies on disk of networks that the journal has lost.

A power loss may take the journal's newest rows and leave the files they told of. Under a new boot id the
kernel's part of every network is gone, so a reservation or cache record of a network that the operator
marks as the agent's own, older than this boot and without a record, belongs to nobody. What is newer, or of
a network that others may use, is reported and stays.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from vmplumbd.model.findings import Action, Finding, Views
from vmplumbd.model.judge import judge
from vmplumbd.model.progress import ResourceKind
from vmplumbd.operations import clear
from vmplumbd.operations.clear import Cleared
from vmplumbd.operations.look import look
from vmplumbd.operations.tools import Tools

_ON_DISK = frozenset({ResourceKind.RESERVATION, ResourceKind.CNI_CACHE})
# DEL from a cache record frees its address too: what it did is nothing to do any more.
_ORDER = {Action.CNI_DEL: 0, Action.RELEASE: 1, Action.REMOVE: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What was taken away, with the error where it could not be, and what was left alone."""

    cleared: tuple[Cleared, ...]
    reported: tuple[Finding, ...]


def sweep(tools: Tools) -> Swept:
    """Take away what lies on disk and is nobody's since the reboot. Blocks. Raises KernelFault from the look.

    Nothing may run yet: what is found is judged once, and each act looks once more at its own file.
    """
    views = look(tools)
    found = [one for one in judge(views) if one.kind in _ON_DISK]
    ours = [one for one in found if one.would_do in _ORDER and _is_older(views, one)]
    return Swept(
        cleared=tuple(clear.act(tools, views, one) for one in sorted(ours, key=_turn)),
        reported=tuple(replace(one, would_do=Action.REPORT) for one in found if one not in ours),
    )


def _turn(finding: Finding) -> int:
    return _ORDER[finding.would_do]


def _is_older(views: Views, finding: Finding) -> bool:
    return finding.age is not None and views.now - finding.age < views.boot_time
