"""The door: who calls, whether they may, and how much of it. Every RPC comes through here before all else.

Callers of the Unix socket are "local"; whoever comes over TCP is the identity of their certificate. The operator's
policy says what either may do; without a rule for "unix" the socket's mode and group have said it.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import enum
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from vmplumbd.errors import AccessDenied, AgentError, LimitExceeded, Unauthenticated, Violation, first_of
from vmplumbd.model.caller import LOCAL, LOCAL_OWNER, Caller
from vmplumbd.operations import failures
from vmplumbd.policy import access, document, identity
from vmplumbd.policy.access import Ask, Policy, Rule
from vmplumbd.policy.rate import Buckets, Rate
from vmplumbd.rpc import tls

# What a request may be long and still count as one call: to read and judge a longer one takes its time.
_BYTES_OF_A_CALL = 8 * 1024
_RATE = "policy.rate"
_MOST_WAITING = 64
# Long beside a call, short for somebody who called once too often. Seconds.
_WAIT = 0.5
_APART = 0.01
# Health checks of a certificate that no rule is about.
_STRANGERS_RATE = Rate(per_second=document.DEFAULT_RATE, burst=int(document.DEFAULT_RATE))


class Way(enum.Enum):
    """How a caller came in."""

    UNIX = "unix"
    ADMIN = "admin"
    TCP = "tcp"


class Peer(Protocol):
    """What gRPC knows of a caller."""

    def auth_context(self) -> Mapping[str, Iterable[bytes]]:
        """Facts of the connection's security."""

    def peer(self) -> str:
        """The caller's address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorLimits:
    """Bounds for everybody. `max_calls` counts calls that are open, streams included."""

    max_calls: int = 2000
    max_watches: int = 256
    message_bytes: int = 1 << 20
    list_items: int = 20_000
    json_depth: int = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One call by one caller that was let in."""

    caller: Caller
    way: Way
    peer: str = ""
    rule: Rule | None = field(default=None, repr=False)

    def permit(self, rpc: str, ask: Ask) -> None:
        """Raises AccessDenied, with everything that the rule does not allow."""
        if self.rule is not None:
            _refuse(access.denials(self.rule, rpc, ask))


@dataclass(slots=True)
class _Gate:
    """Where calls of one identity wait for their turn."""

    calls: int = 0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Door:
    """What all ways in share. `policy` may be replaced at any time.

    A call keeps the rule it came in by; one that has no end of its own looks again.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float],
        policy: Policy | None = None,
        limits: DoorLimits | None = None,
        separate_admin: bool = False,
    ) -> None:
        self.policy = policy or Policy()
        self.limits = limits or DoorLimits()
        self._clock = clock
        self._separate_admin = separate_admin
        self._open: collections.Counter[str] = collections.Counter()
        self._calls = 0
        self._watches = 0
        self._waiting: collections.Counter[str] = collections.Counter()
        self._gates: dict[str, _Gate] = {}
        self._aside: dict[str, _Gate] = {}
        self._buckets = Buckets()

    @property
    def calls(self) -> int:
        """Calls that are open."""
        return self._calls

    @contextlib.asynccontextmanager
    async def turn(self, visit: Visit) -> AsyncIterator[None]:
        """Wait until no other call of the same identity is looked at. Raises LimitExceeded if too many wait.

        The loop serves who is ready in their order: without this, a hundred calls of one caller that come at once
        would be looked at before one of another.
        """
        if visit.way is not Way.TCP:
            yield
            return
        who = visit.caller.identity
        gate = self._gates.setdefault(who, _Gate())
        most = visit.rule.max_streams if visit.rule is not None else None
        if most is not None and gate.calls >= most:
            raise _too_many_open(who, gate.calls, most)
        gate.calls += 1
        try:
            await gate.lock.acquire()
        except BaseException:
            self._leave(who, gate)
            raise
        try:
            yield
        finally:
            # Not before the loop has served who else is ready.
            asyncio.get_running_loop().call_soon(self._hand_on, who, gate)

    def _hand_on(self, who: str, gate: _Gate) -> None:
        gate.lock.release()
        self._leave(who, gate)

    def _leave(self, who: str, gate: _Gate) -> None:
        gate.calls -= 1
        if not gate.calls:
            del self._gates[who]

    @contextlib.contextmanager
    def entered(self, visit: Visit, rpc: str) -> Iterator[None]:
        """One open call more. Raises AccessDenied, LimitExceeded."""
        if self._calls >= self.limits.max_calls:
            raise LimitExceeded(
                f"{self._calls} calls are open, the limit is {self.limits.max_calls}",
                limit="limits.max_calls",
            )
        who = visit.caller.identity
        rule = visit.rule
        if rule is not None:
            self._take(who, rule.rate, 1.0)
            if rule.max_streams is not None and self._open[who] >= rule.max_streams:
                raise _too_many_open(who, self._open[who], rule.max_streams)
            _refuse(access.denials(rule, rpc))
        elif visit.way is Way.UNIX and self._separate_admin and rpc not in access.ORDINARY_RPCS:
            raise AccessDenied(
                f"{rpc} is served on the administrators' socket", hint="is that listen.admin_unix?"
            )
        self._calls += 1
        self._open[who] += 1
        try:
            yield
        finally:
            self._calls -= 1
            self._open[who] -= 1
            if not self._open[who]:
                del self._open[who]

    def knows(self, way: Way, peer: Peer) -> bool:
        """Whether a caller may do anything at all."""
        return way is not Way.TCP or self.policy.rule_of(self.who(way, peer)) is not None

    def weigh(self, visit: Visit, size: int) -> None:
        """A long request counts as several calls. Raises LimitExceeded."""
        if visit.rule is not None and size >= _BYTES_OF_A_CALL:
            self._take(visit.caller.identity, visit.rule.rate, size / _BYTES_OF_A_CALL)

    async def slow_down(self, way: Way, peer: Peer, error: AgentError, *, let_in: bool, size: int) -> None:
        """Let a caller that calls too often, or may not call at all, wait a little for its refusal.

        So it can do so less often. Only so many of one identity wait, and no long request, which would lie in
        memory meanwhile.
        """
        too_much = error.limit == _RATE or (not let_in and way is Way.TCP)
        if not too_much or size >= _BYTES_OF_A_CALL:
            return
        who = self.who(way, peer)
        if self._waiting[who] >= _MOST_WAITING:
            return
        self._waiting[who] += 1
        try:
            # Those that came together do not come back together.
            await asyncio.sleep(_WAIT + _APART * self._waiting[who])
        finally:
            self._waiting[who] -= 1
            if not self._waiting[who]:
                del self._waiting[who]

    async def beside(self, way: Way, peer: Peer) -> None:
        """One call more to health or reflection, by whoever has a certificate. Raises LimitExceeded, after a while."""
        if way is not Way.TCP:
            return
        who = self.who(way, peer)
        rule = self.policy.rule_of(who)
        try:
            self._take(who, _STRANGERS_RATE if rule is None else rule.rate, 1.0)
        except LimitExceeded as exc:
            await self.slow_down(way, peer, exc, let_in=rule is not None, size=0)
            raise

    @contextlib.asynccontextmanager
    async def aside(self, visit: Visit) -> AsyncIterator[None]:
        """Wait until nothing else that a call of the same identity asks is looked for on a thread beside the lanes.

        Such a thread takes its time from the loop.
        """
        who = visit.caller.identity
        gate = self._aside.setdefault(who, _Gate())
        gate.calls += 1
        try:
            async with gate.lock:
                yield
        finally:
            gate.calls -= 1
            if not gate.calls:
                del self._aside[who]

    def _take(self, who: str, rate: Rate | None, tokens: float) -> None:
        if rate is not None and (wait := self._buckets.take(who, rate, self._clock(), tokens)):
            raise LimitExceeded(
                f"{who} calls more often than {rate.per_second:g} times a second",
                limit=_RATE,
                retry_after=wait,
            )

    def who(self, way: Way, peer: Peer) -> str:
        """The identity, also of somebody who was not let in; empty if there is none."""
        if way is not Way.TCP:
            return LOCAL_OWNER
        try:
            return _identity(peer.auth_context())
        except Unauthenticated:
            return ""

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """One watch more. Raises TooManyOperations."""
        if self._watches >= self.limits.max_watches:
            raise failures.too_many_watches(self.limits.max_watches)
        self._watches += 1
        try:
            yield
        finally:
            self._watches -= 1

    def visit(self, way: Way, peer: Peer) -> Visit:
        """Who calls. Raises Unauthenticated, and AccessDenied if no rule is about it."""
        if way is Way.ADMIN:
            return Visit(caller=LOCAL, way=way)
        if way is Way.UNIX:
            rule = self.policy.rule_of(identity.UNIX)
            if rule is not None:
                return Visit(caller=caller_of(rule, LOCAL_OWNER), way=way, rule=rule)
            return Visit(caller=_ORDINARY if self._separate_admin else LOCAL, way=way)
        who = _identity(peer.auth_context())
        rule = self.policy.rule_of(who)
        if rule is None:
            raise AccessDenied(access.no_rule(who), hint="does the policy name this identity?")
        return Visit(caller=caller_of(rule, who), way=way, peer=peer.peer(), rule=rule)

    def look_again(self, visit: Visit, rpc: str, peer: Peer) -> None:
        """Raises AccessDenied if the policy as it is now does not let a call go on that it let in."""
        now = self.visit(visit.way, peer)
        if now.rule is not None:
            _refuse(access.denials(now.rule, rpc))
        if now.caller.sees_all != visit.caller.sees_all:
            raise AccessDenied(
                "the policy has changed what this caller sees", hint="what does it see of a new call?"
            )


_ORDINARY = Caller(sees_all=False)


def caller_of(rule: Rule, who: str) -> Caller:
    """Who the agent deals with, by the rule that let it in."""
    return Caller(
        identity=who,
        sees_all=rule.administrator,
        max_networks=rule.max_networks,
        max_operations=rule.max_operations,
        rule=rule.name,
    )


def _identity(facts: Mapping[str, Iterable[bytes]]) -> str:
    """Who a TLS connection's certificate says. Raises Unauthenticated."""
    if tuple(facts.get("ssl_tls_version", ())) != (tls.VERSION,):
        raise Unauthenticated("TLS 1.3 is the oldest version that is served")
    try:
        return identity.of_certificate(
            [one.decode("ascii") for one in facts.get("peer_uri", ())],
            [one.decode("ascii") for one in facts.get("peer_dns", ())],
        )
    except ValueError as exc:  # a name that is not ASCII, too
        raise Unauthenticated(
            f"the caller's certificate names no identity: {exc}",
            hint="has it exactly one URI name, or a DNS name, in its subjectAltName?",
        ) from exc


def _too_many_open(who: str, count: int, most: int) -> LimitExceeded:
    return LimitExceeded(f"{count} calls of {who} are open, its limit is {most}", limit="policy.max_streams")


def _refuse(wrong: Sequence[Violation]) -> None:
    if wrong:
        raise AccessDenied(first_of(wrong), violations=tuple(wrong))
