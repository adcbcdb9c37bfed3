"""The agent tells its fleet of itself: a key in etcd, under a lease that ends with the agent.

Addresses and networks stay on the host; what is told is who the agent is and roughly what it has left. A host that
is lost vanishes when its lease ends. While etcd is away the agent serves as before, and tells again once it is back.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

from google.protobuf import json_format

from vmplumb._etcd_client import EtcdError
from vmplumb.v1.fleet_pb2 import FleetAgent

# A lease is kept three times in its life: one answer may be lost.
KEPT_IN_A_LIFE = 3


class Store(Protocol):
    """What of etcd is needed. Methods raise EtcdError."""

    def grant(self, seconds: int) -> int:
        """A lease."""

    def keep(self, lease: int) -> bool:
        """Let it live on; False if it has ended."""

    def put(self, key: str, value: bytes, *, lease: int = 0) -> None:
        """Write a key."""

    def revoke(self, lease: int) -> None:
        """End a lease with its keys."""


class Registrar:
    """A thread that keeps the agent's key. `describe` is asked at most once an `interval`, in seconds.

    `note` takes an event and its fields for the log: fleet.told when it could tell after it could not, fleet.away
    when it cannot any more, fleet.failed when the agent could not describe itself (its lease is kept all the same).
    """

    def __init__(
        self,
        store: Store,
        key: str,
        *,
        ttl: int,
        interval: float,
        monotonic: Callable[[], float],
        describe: Callable[[], FleetAgent],
        note: Callable[..., None],
    ) -> None:
        self._store = store
        self._key = key
        self._ttl = ttl
        self._interval = interval
        self._monotonic = monotonic
        self._describe = describe
        self._note = note
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="fleet", daemon=True)
        self._lease = 0
        self._told = b""
        # The lease under which the key was written.
        self._key_of = 0
        self._keep_at = 0.0
        self._ends_at = 0.0
        self._silent = ""

    def start(self) -> None:
        """Begin. Does not block, and raises nothing: an etcd that is away is waited for."""
        self._thread.start()

    def stop(self) -> None:
        """Take the key back and end. Blocks as long as one call to etcd may."""
        self._stop.set()
        self._thread.join()
        if self._lease:
            try:
                self._store.revoke(self._lease)
            except EtcdError as exc:
                self._note("fleet.away", error=str(exc))  # it ends by itself

    @property
    def present(self) -> bool:
        """Whether the key stands in etcd, as far as can be told. May be asked on any thread."""
        lease = self._lease
        return bool(lease) and self._key_of == lease and self._monotonic() < self._ends_at

    def _run(self) -> None:
        wait = 0.0
        while not self._stop.wait(wait):
            wait = self.beat()

    def beat(self) -> float:
        """Tell, if there is something to tell; answers when to do so again, in seconds. Blocks for etcd."""
        try:
            self._tell()
        except EtcdError as exc:
            if not exc.away:
                # The lease may be what is wrong: begin with another.
                self._lease = 0
            self._fall_silent("fleet.away", exc)
            # All agents of a fleet come back to an etcd at once: not with every beat, unless a lease can be saved.
            if self._monotonic() >= self._ends_at:
                return max(self._interval, self._ttl / KEPT_IN_A_LIFE)
        except Exception as exc:  # noqa: BLE001 - a thread that ended would be a lost host to the fleet
            self._fall_silent("fleet.failed", exc)
        return self._interval

    def _fall_silent(self, event: str, exc: Exception) -> None:
        if self._silent != event:
            self._note(event, error=str(exc))
        self._silent = event

    def _tell(self) -> None:
        now = self._monotonic()
        if self._lease and now >= self._keep_at:
            if not self._store.keep(self._lease):
                self._lease = 0
            self._kept(now)
        fresh = not self._lease
        if fresh:
            self._lease = self._store.grant(self._ttl)
            self._kept(now)
        described = self._describe()
        # When it was told is no change of what is told.
        about = FleetAgent()
        about.CopyFrom(described)
        about.ClearField("update_time")
        said = about.SerializeToString(deterministic=True)
        if fresh or said != self._told:
            value = json_format.MessageToJson(described, indent=None, preserving_proto_field_name=True)
            self._store.put(self._key, value.encode(), lease=self._lease)
            self._told, self._key_of = said, self._lease
        if fresh or self._silent:
            self._note("fleet.told", key=self._key)
        self._silent = ""

    def _kept(self, asked_at: float) -> None:
        self._keep_at = asked_at + self._ttl / KEPT_IN_A_LIFE
        self._ends_at = asked_at + self._ttl
