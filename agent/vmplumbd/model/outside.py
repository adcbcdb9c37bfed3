"""Which of a VM's addresses the host knows: a plugin may translate between those and the VM's own. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from vmplumbd.cni.result import IPConfig, Result
from vmplumbd.model import net


def ips(result: Result) -> Sequence[IPConfig]:
    """What a result gives the namespace's links; all it has, where it gives them nothing.

    A sandbox that is no path is a VM's id: what is given there alone ends at the namespace.
    """
    inside = {index for index, one in enumerate(result.interfaces) if one.sandbox and "/" not in one.sandbox}
    return tuple(ip for ip in result.ips if ip.interface not in inside) or result.ips


def addresses(result: Result) -> tuple[net.Address, ...]:
    """The addresses, each once."""
    return tuple(dict.fromkeys(ip.address.ip for ip in ips(result)))
