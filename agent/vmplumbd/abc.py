"""The seam: every Protocol that the pure rooms ask of the outside.

Concrete things are built in `main` alone; tests pass fakes that obey the same contract suites.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from vmplumbd.model import net


class Netns(Protocol):
    """An open network namespace. Belongs to the thread that opened it until it is closed."""

    @property
    def identity(self) -> net.NetnsIdentity:
        """Which namespace this is."""

    def apply(self, requests: Sequence[net.Request]) -> Sequence[net.LinkInfo]:
        """Send all requests in one batch and answer the GetLinks among them, in order.

        Raises KernelFault (NotFound, Exists, Busy) of the first refused request, with its index
        in `op`. The kernel goes on after a refused request: later ones may have taken effect.
        """

    def add_tap(self, name: str, *, uid: int, gid: int, mtu: int) -> net.LinkInfo:
        """Make a persistent tap (vnet_hdr, one queue), owned by uid and gid; it is down.

        An empty name lets the kernel choose tapN. Raises Exists if the name is taken, also by a tap.
        """

    def link(self, *, name: str = "", index: int = 0) -> net.LinkInfo:
        """One link. Raises NotFound."""

    def links(self) -> Sequence[net.LinkInfo]:
        """Every link, by index."""

    def addresses(self, index: int) -> Sequence[net.AddressInfo]:
        """The addresses of a link, IPv4 first."""

    def routes(self) -> Sequence[net.RouteInfo]:
        """Unicast routes of every table but local, IPv4 first."""

    def has_ingress(self, index: int) -> bool:
        """Whether the link has an ingress qdisc."""

    def redirects(self, index: int) -> Sequence[int]:
        """Where the link's ingress redirects to: the ifindexes of its mirred actions."""

    def read_sysctl(self, key: str) -> str:
        """A setting of this namespace, "net/ipv4/ip_forward" style. Raises NotFound."""

    def write_sysctl(self, key: str, value: str) -> None:
        """Write a setting of this namespace. Raises NotFound."""


class Kernel(Protocol):
    """The host's kernel, as far as this agent touches it. Every method may block; none is async."""

    def host(self) -> Netns:
        """The namespace the agent runs in, open for as long as the agent runs. Per thread."""

    def create_netns(self, path: str) -> net.NetnsIdentity:
        """Make a namespace and bind it at `path`, whose parent exists. Raises Exists if the path is taken.

        On failure nothing is left: the file made for the mount is removed again.
        """

    def open_netns(self, path: str) -> AbstractContextManager[Netns]:
        """Open a namespace by path. Raises NotANetns, NotFound. Closing gives back its sockets."""

    def netns_identity(self, path: str) -> net.NetnsIdentity:
        """What lies at `path`. Raises NotFound if nothing, NotANetns if something else or the host's own."""

    def delete_netns(self, path: str) -> None:
        """Detach the mount and unlink the file. Gone already is success. Never enters the namespace."""


class Clock(Protocol):
    """Time, so that tests need not wait."""

    def now(self) -> float:
        """Seconds since the epoch."""

    def monotonic(self) -> float:
        """Seconds on a clock that never goes back."""
