"""The door's own decisions, without sockets: turns of identities, open calls, long requests, versions of TLS."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from vmplumbd.errors import AccessDenied, LimitExceeded, Unauthenticated
from vmplumbd.policy import document
from vmplumbd.policy.access import Policy
from vmplumbd.rpc.door import Door, DoorLimits, Way
from vmplumbd.rpc.names import RPCS

POLICY = """
[[rule]]
name = "all"
who = ["*"]
rpcs = ["*"]
rate = 10
burst = 4
max_streams = 3
"""
GOOD = {"ssl_tls_version": [b"TLSv1.3"]}


class Peer:
    """A caller with a certificate."""

    def __init__(self, facts: Mapping[str, Sequence[bytes]]) -> None:
        self._facts = facts

    def auth_context(self) -> Mapping[str, Sequence[bytes]]:
        return self._facts

    def peer(self) -> str:
        return "ipv4:192.0.2.1:1"


def named(name: str) -> Peer:
    return Peer({**GOOD, "peer_dns": [name.encode()]})


def door(**limits: int) -> Door:
    return Door(clock=lambda: 0.0, policy=document.parse(POLICY, RPCS), limits=DoorLimits(**limits))


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({**GOOD, "peer_dns": [b"a.example"]}, "dns:a.example"),
        ({**GOOD, "peer_uri": [b"spiffe://td/a"], "peer_dns": [b"b.example"]}, "spiffe://td/a"),
        ({"ssl_tls_version": [b"TLSv1.2"], "peer_dns": [b"a.example"]}, None),
        ({"peer_dns": [b"a.example"]}, None),
        ({**GOOD, "x509_common_name": [b"a.example"]}, None),
        ({**GOOD, "peer_dns": ["\u0430.example".encode()]}, None),
        ({**GOOD, "peer_uri": [b"spiffe://td/a", b"spiffe://td/b"]}, None),
        ({}, None),
    ],
)
def test_an_identity_is_what_a_certificate_says_over_tls_1_3(
    facts: dict[str, list[bytes]], told: str | None
) -> None:
    if told is not None:
        assert door().visit(Way.TCP, Peer(facts)).caller.identity == told
        return
    with pytest.raises(Unauthenticated):
        door().visit(Way.TCP, Peer(facts))


def test_a_call_of_another_comes_between_many_of_one() -> None:
    one_door = door()
    order: list[str] = []

    async def call(name: str) -> None:
        visit = one_door.visit(Way.TCP, named(name))
        async with one_door.turn(visit):
            order.append(name)

    async def calls() -> None:
        many = [asyncio.create_task(call("many.example")) for _ in range(3)]
        other = asyncio.create_task(call("other.example"))
        await asyncio.gather(*many, other)

    asyncio.run(calls())
    assert order == ["many.example", "other.example", "many.example", "many.example"]


def test_only_so_many_of_one_wait_and_one_that_gives_up_holds_nobody() -> None:
    one_door = door()
    visit = one_door.visit(Way.TCP, named("a.example"))

    async def calls() -> None:
        inside = asyncio.Event()

        async def hold() -> None:
            async with one_door.turn(visit):
                await inside.wait()

        holds = [asyncio.create_task(hold()) for _ in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(LimitExceeded) as caught:
            async with one_door.turn(visit):
                pass
        assert caught.value.limit == "policy.max_streams"
        holds[1].cancel()
        await asyncio.gather(holds[1], return_exceptions=True)
        inside.set()
        await asyncio.gather(holds[0], holds[2])
        async with one_door.turn(visit):
            pass

    asyncio.run(calls())


def test_of_one_identity_one_call_is_looked_at_on_a_thread_at_a_time() -> None:
    one_door = door()
    inside: list[str] = []
    most: list[tuple[str, ...]] = []

    async def call(name: str) -> None:
        async with one_door.aside(one_door.visit(Way.TCP, named(name))):
            inside.append(name)
            await asyncio.sleep(0)
            most.append(tuple(sorted(inside)))
            inside.remove(name)

    async def calls() -> None:
        await asyncio.gather(*map(call, ("a.example", "a.example", "b.example", "a.example")))

    asyncio.run(calls())
    assert ("a.example", "b.example") in most
    assert not any(one.count("a.example") > 1 for one in most)


def test_health_checks_have_a_rate_whoever_asks() -> None:
    one_door = door()

    async def checks(name: str, count: int) -> None:
        for _ in range(count):
            await one_door.beside(Way.TCP, named(name))
        with pytest.raises(LimitExceeded, match="more often than"):
            await one_door.beside(Way.TCP, named(name))

    asyncio.run(checks("a.example", 4))
    one_door.policy = Policy()
    asyncio.run(checks("b.example", 200))


def test_calls_are_counted_while_they_are_open() -> None:
    one_door = door(max_calls=1)
    visit = one_door.visit(Way.TCP, named("a.example"))
    with one_door.entered(visit, "GetStatus"):
        assert one_door.calls == 1
        with pytest.raises(LimitExceeded) as caught, one_door.entered(visit, "GetStatus"):
            pass
        assert caught.value.limit == "limits.max_calls"
    assert one_door.calls == 0


def test_a_long_request_counts_as_several_calls() -> None:
    one_door = door()
    visit = one_door.visit(Way.TCP, named("a.example"))
    one_door.weigh(visit, 4000)
    one_door.weigh(visit, 32 * 1024)
    with pytest.raises(LimitExceeded) as caught, one_door.entered(visit, "GetStatus"):
        pass
    assert caught.value.limit == "policy.rate"
    assert caught.value.retry_after == pytest.approx(0.1)


def test_the_administrators_rpcs_are_not_ordinary() -> None:
    visit = door().visit(Way.TCP, named("a.example"))
    with pytest.raises(AccessDenied), door().entered(visit, "CollectGarbage"):
        pass
    apart = Door(clock=lambda: 0.0, separate_admin=True)
    ordinary = apart.visit(Way.UNIX, named("x"))
    with pytest.raises(AccessDenied), apart.entered(ordinary, "DiagnoseHost"):
        pass
    assert not ordinary.caller.sees_all
    with apart.entered(apart.visit(Way.ADMIN, named("x")), "DiagnoseHost"):
        pass
