"""Makes an agent a member of its fleet, out of what the operator set."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from vmplumb._channel import Tls
from vmplumb._etcd_client import Etcd
from vmplumbd.fleet.advert import About, Advertiser
from vmplumbd.fleet.registrar import Registrar
from vmplumbd.operations.agent import Agent


def join(
    agent: Agent,
    about: About,
    *,
    endpoints: Sequence[str],
    prefix: str,
    ca: str,
    certificate: str,
    key: str,
    server_name: str,
    ttl: int,
    interval: float,
    note: Callable[..., None],
) -> Registrar:
    """Who tells the fleet of the agent, once started. `ca`, `certificate` and `key` are files; no `ca`, no TLS.

    Raises OSError for a file that cannot be read, ValueError for files that do not go together.
    """
    tls = None
    if ca:
        tls = Tls.from_files(ca=ca, cert=certificate or None, key=key or None, server_name=server_name)
    return Registrar(
        # An answer that does not come must leave time to ask again before the lease has ended.
        Etcd(endpoints, tls=tls, timeout=min(5.0, max(1.0, ttl / 5))),
        f"{prefix.rstrip('/')}/agents/{about.id}",
        ttl=ttl,
        interval=interval,
        monotonic=agent.tools.clock.monotonic,
        describe=Advertiser(about, agent).describe,
        note=note,
    )
