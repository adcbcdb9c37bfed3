"""A server with next to no room, and none of the optional capabilities."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

import grpc

from vmplumb.v1 import network_agent_service_pb2 as pb
from vmplumb_conformance.checks.rules import gone
from vmplumb_conformance.context import Context, begin
from vmplumb_conformance.registry import check
from vmplumb_conformance.wire import Server, Skipped, expect, refusal_of, refused, result_of, same

T = TypeVar("T")


async def when_there_is_room(context: Context, act: Callable[[], Awaitable[T]]) -> T:
    """The outcome of a call once it is not refused for too many operations.

    A server may count an operation, a teardown too, for a moment longer than it takes to answer.
    """
    found: list[T] = []

    async def done() -> bool:
        try:
            found.append(await act())
        except grpc.RpcError as exc:
            if refusal_of(exc).reason != "TOO_MANY_OPERATIONS":
                raise
        return bool(found)

    await context.until(done, "the server has room for an operation")
    return found[0]


@check("REQ-SETUP-120", needs="server.tight")
async def a_network_more_than_the_agent_holds_is_refused_without_a_record(context: Context) -> None:
    tight = context.server("tight")
    figures = (await tight.status()).figures
    for _ in range(figures.max_networks - figures.networks):
        one = context.static(context.vm(tight))
        await when_there_is_room(context, lambda one=one: tight.set_up(one))  # type: ignore[misc]
    asked = context.static(context.vm(tight))
    told = await refused(when_there_is_room(context, lambda: tight.set_up(asked)))
    told.is_a("RESOURCE_EXHAUSTED", "TOO_MANY_NETWORKS")
    expect(await gone(tight, asked.vm_id), "a record was left")


@contextlib.asynccontextmanager
async def busy(context: Context, tight: Server) -> AsyncIterator[None]:
    """The server runs and queues as many operations as it may, for the block."""
    running: list[asyncio.Future[Any]] = []
    blocked: list[str] = []
    try:
        while True:
            vm_id = context.vm(tight)
            context.script(vm_id, ADD=[{"wait": "go"}])
            call = begin(tight.set_up(context.scripted(vm_id)))
            blocked.append(vm_id)
            running.append(call)
            queued = (await tight.status()).figures

            async def settled(
                call: asyncio.Future[Any] = call,
                vm_id: str = vm_id,
                before: int = queued.operations_queued,
            ) -> bool:
                figures = (await tight.status()).figures
                return (
                    call.done()
                    or context.count(vm_id, "ADD") > 0
                    or figures.operations_queued >= max(1, before)
                )

            await context.until(settled, "an operation runs, waits or is refused")
            if call.done() or len(running) > 40:
                break
        yield
    finally:
        for vm_id in blocked:
            context.open(vm_id, "go")
        await asyncio.wait(running)
        for vm_id in blocked:
            await tight.tear_down(vm_id)


@check("REQ-SETUP-119", needs="server.tight script")
async def an_operation_more_than_the_agent_queues_is_refused_without_a_record(context: Context) -> None:
    tight = context.server("tight")
    async with busy(context, tight):
        asked = context.static(context.vm(tight))
        (await refused(tight.set_up(asked))).is_a("RESOURCE_EXHAUSTED", "TOO_MANY_OPERATIONS")
        expect(await gone(tight, asked.vm_id), "a record was left")
    later = context.static(context.vm(tight))
    result_of(await when_there_is_room(context, lambda: tight.set_up(later)))


@check("REQ-CHECK-104", "REQ-DESCRIBE-103", "REQ-TEARDOWN-107", needs="server.tight script")
async def a_busy_agent_refuses_with_this_reason_alone(context: Context) -> None:
    """CheckNetwork, DescribeNetwork and TeardownNetwork may be served all the same."""
    tight = context.server("tight")
    vm_id = context.vm(tight)
    await when_there_is_room(context, lambda: tight.set_up(context.static(vm_id)))
    async with busy(context, tight):
        for act in (tight.check(vm_id), tight.describe(vm_id), tight.tear_down(vm_id)):
            try:
                await act
            except grpc.RpcError as exc:
                refusal_of(exc).is_a("RESOURCE_EXHAUSTED", "TOO_MANY_OPERATIONS")


@check("REQ-WATCH-102", needs="server.tight")
async def a_watch_too_many_is_refused(context: Context) -> None:
    tight = context.server("tight")
    calls = []
    try:
        for _ in range(1000):
            call = tight.stub.WatchNetworks(pb.WatchNetworksRequest())
            calls.append(call)
            try:
                await call.read()
            except grpc.RpcError as exc:
                refusal_of(exc).is_a("RESOURCE_EXHAUSTED", "TOO_MANY_OPERATIONS")
                return
        raise Skipped("the server takes a thousand watches")
    finally:
        for call in calls:
            call.cancel()


@check("REQ-SETUP-108", needs="server.tight")
async def inline_json_is_refused_where_it_is_not_supported(context: Context) -> None:
    tight = context.server("tight")
    if pb.CAPABILITY_INLINE_CONFIG in (await tight.status()).capabilities:
        raise Skipped("the server has CAPABILITY_INLINE_CONFIG")
    text = json.dumps({"name": "n", "cniVersion": "1.0.0", "plugins": [{"type": "loopback"}]}).encode()
    asked = context.cni(context.vm(tight), network_config={"json": text})
    (await refused(tight.set_up(asked))).is_a("FAILED_PRECONDITION", "UNSUPPORTED")
    expect(await gone(tight, asked.vm_id), "a record was left")


@check("REQ-COLLECT-102", needs="server.tight")
async def leaks_are_not_collected_where_that_is_not_supported(context: Context) -> None:
    tight = context.server("tight")
    if pb.CAPABILITY_COLLECT_LEAKS in (await tight.status()).capabilities:
        raise Skipped("the server has CAPABILITY_COLLECT_LEAKS")
    told = await refused(
        tight.collect(valid_vm_ids=["a"], as_of_revision=0, collect_leaks=True, dry_run=True)
    )
    told.is_a("FAILED_PRECONDITION", "UNSUPPORTED")


@check("REQ-DIAGNOSE-103", needs="server.tight")
async def a_diagnosis_is_refused_where_it_is_not_supported(context: Context) -> None:
    tight = context.server("tight")
    if pb.CAPABILITY_DIAGNOSE_HOST in (await tight.status()).capabilities:
        raise Skipped("the server has CAPABILITY_DIAGNOSE_HOST")
    (await refused(tight.diagnose())).is_a("FAILED_PRECONDITION", "UNSUPPORTED")


@check("REQ-STATUS-005", needs="server.tight")
async def status_tells_how_much_room_there_is(context: Context) -> None:
    tight = context.server("tight")
    before = (await tight.status()).figures
    asked = context.static(context.vm(tight))
    await when_there_is_room(context, lambda: tight.set_up(asked))
    after = (await tight.status()).figures
    same(
        (after.networks - before.networks, after.max_networks),
        (1, before.max_networks),
        "networks more, and room",
    )
