"""Makes an agent a member of its fleet, out of what the operator set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from vmplumb._channel import Tls
from vmplumb._etcd_client import Etcd
from vmplumbd.fleet.advert import About, Advertiser
from vmplumbd.fleet.registrar import Registrar
from vmplumbd.operations.agent import Agent


class Renewed:
    """An etcd over connections that are made anew once their certificates have changed: a lease is no connection's.

    A certificate that has ended would be noticed when a connection breaks, and the agent be lost to its fleet then.
    For one thread at a time.
    """

    def __init__(
        self, connect: Callable[[Tls | None], Etcd], tls: Tls | None, changed: Callable[[], Tls | None]
    ) -> None:
        self._connect = connect
        self._changed = changed
        self._etcd = connect(tls)

    def grant(self, seconds: int) -> int:
        """A lease."""
        return self._now().grant(seconds)

    def keep(self, lease: int) -> bool:
        """Let it live on; False if it has ended."""
        return self._now().keep(lease)

    def put(self, key: str, value: bytes, *, lease: int = 0) -> None:
        """Write a key."""
        self._now().put(key, value, lease=lease)

    def revoke(self, lease: int) -> None:
        """End a lease with its keys."""
        self._now().revoke(lease)

    def _now(self) -> Etcd:
        tls = self._changed()
        if tls is not None:
            self._etcd.close()
            self._etcd = self._connect(tls)
        return self._etcd


def join(
    agent: Agent,
    about: About,
    *,
    endpoints: Sequence[str],
    prefix: str,
    tls: Tls | None,
    changed: Callable[[], Tls | None],
    server_name: str,
    ttl: int,
    interval: float,
    note: Callable[..., None],
) -> Registrar:
    """Who tells the fleet of the agent, once started. `changed` gives what connections are to be made with from now on,
    or None while that is as before; `server_name` is the name in etcd's certificate.
    """

    def connect(tls: Tls | None) -> Etcd:
        named = None if tls is None else replace(tls, server_name=server_name)
        # An answer that does not come must leave time to ask again before the lease has ended.
        return Etcd(endpoints, tls=named, timeout=min(5.0, max(1.0, ttl / 5)))

    return Registrar(
        Renewed(connect, tls, changed),
        f"{prefix.rstrip('/')}/agents/{about.id}",
        ttl=ttl,
        interval=interval,
        monotonic=agent.tools.clock.monotonic,
        describe=Advertiser(about, agent).describe,
        note=note,
    )
