"""Whether a network has an address for one more VM: looked at before anything is touched.

An address of a network that was torn down is held until its device has gone, which the reaper does not hurry
with. Whoever needs one of these has it hurried, and waits, not for long.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
from collections.abc import Generator, Iterator
from dataclasses import dataclass

from vmplumbd.cni.error import CniError
from vmplumbd.errors import AddressesExhausted, PluginError, TryAgainLater
from vmplumbd.model import net
from vmplumbd.model.ids import VmId
from vmplumbd.model.outcome import Attachment
from vmplumbd.model.record import Release
from vmplumbd.operations import look, reap
from vmplumbd.operations.cancel import Bounds
from vmplumbd.operations.chain import Chain
from vmplumbd.operations.lanes import Park, Sleep
from vmplumbd.operations.tools import Full, Tools
from vmplumbd.plugins.host_local.store import LOCK_HINT

# How often it is looked whether an address has become free, in seconds: about what a batch takes to go.
_LOOK = 0.02
# How long a set-up waits for another process's lock, in seconds.
_LOCK_PATIENCE = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """One range of addresses of a network."""

    network: str
    found: Full


def usage(tools: Tools) -> Iterator[Usage]:
    """How many addresses the ranges of each network in the operator's directory have. Blocks.

    Networks that cannot be read are left out: the doctor names them.
    """
    for network in look.configured(tools.settings.defaults.conf_dir):
        with contextlib.suppress(CniError, OSError):
            yield from (Usage(network=network.name, found=one) for one in tools.usage(network))


def networks(tools: Tools) -> Iterator[str]:
    """The names of the networks in the operator's directory. Blocks. Those that cannot be read are left out."""
    for network in look.configured(tools.settings.defaults.conf_dir):
        yield network.name


def refuse_if_full(tools: Tools, vm_id: VmId, found: Chain) -> None:
    """Raises AddressesExhausted, with the number, if the network has no address left for this VM.

    What is held by networks that are gone counts: `make_room` waits for it.
    """
    try:
        full = tools.full(found.network, vm_id, found.attachment.if_name)
    except (CniError, OSError):
        # Reservations that cannot be read are ADD's to tell.
        return
    if full is None:
        return
    waiting = len(_owed(tools, found.attachment.network))
    behind = f", {waiting} of them by networks that are gone, until their devices are" if waiting else ""
    message = (
        f"network {found.network.name} has no address left in {full.ranges}: "
        f"{full.taken} of {full.size} are held{behind}"
    )
    raise AddressesExhausted(
        message,
        PluginError(code=0, message=message, plugin="host-local"),
        hint="does another network or host have addresses left?",
    )


def make_room(tools: Tools, vm_id: VmId, found: Chain, bounds: Bounds) -> Generator[Park, None, None]:
    """The same, after waiting a little for addresses that are about to be free. Touches nothing of the VM's.

    A lock that another process holds on the reservations is waited for too. Raises TryAgainLater.
    """
    yield from _wait_for_lock(tools, found, bounds)
    ends = tools.clock.monotonic() + tools.settings.settle_timeout
    while True:
        owed = _owed(tools, found.attachment.network)
        try:
            refuse_if_full(tools, vm_id, found)
        except AddressesExhausted:
            if not owed or tools.clock.monotonic() >= ends:
                raise
        else:
            wanted = _asked_for(found.attachment) if owed else frozenset()
            owed = [one for one in owed if wanted & _held(one)] if wanted else []
            if not owed or tools.clock.monotonic() >= ends:
                return
        for one in owed:
            tools.reaper.hurry(one)
        yield Sleep(seconds=_LOOK, token=bounds.token)
        bounds.check("an address was free")


def _wait_for_lock(tools: Tools, found: Chain, bounds: Bounds) -> Generator[Park, None, None]:
    """A program that works with the directory has it for milliseconds; the lane is free meanwhile."""
    ends = tools.clock.monotonic() + _LOCK_PATIENCE
    while directory := tools.locked(found.network):
        if tools.clock.monotonic() >= ends:
            message = f"the lock of {directory} is held by another process"
            raise TryAgainLater(
                message, PluginError(code=11, message=message, plugin="host-local"), hint=LOCK_HINT
            )
        yield Sleep(seconds=_LOOK, token=bounds.token)
        bounds.check("the reservations could be read")


def _owed(tools: Tools, network: str) -> list[Release]:
    return [
        release
        for release in tools.book.releases()
        if any(one.network == network for one in release.plan.attachments)
    ]


def _held(release: Release) -> frozenset[net.Address]:
    return frozenset(address for one in release.plan.attachments for address in reap.vm_addresses(one))


def _asked_for(attachment: Attachment) -> frozenset[net.Address]:
    """Addresses that the caller names, where host-local reads them; what is malformed is ADD's to refuse."""
    texts = [value for key, value in attachment.args if key == "IP"]
    with contextlib.suppress(ValueError):
        given = json.loads(attachment.capability_args or b"{}")
        named = given.get("ips") if isinstance(given, dict) else None
        texts += [text for text in named or () if isinstance(text, str)]
    found: set[net.Address] = set()
    for text in texts:
        with contextlib.suppress(ValueError):
            found.add(ipaddress.ip_interface(text).ip)
    return frozenset(found)
