"""GetNetwork, ListNetworks, WatchNetworks: records, pages, streams of changes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import grpc

from vmplumb.v1 import network_agent_service_pb2 as pb
from vmplumb.v1 import vm_network_pb2
from vmplumb_conformance.checks.rules import script_next_del
from vmplumb_conformance.context import QUIET, Context, begin
from vmplumb_conformance.registry import check
from vmplumb_conformance.wire import (
    PATIENCE,
    Server,
    Skipped,
    expect,
    refusal_of,
    refused,
    same,
)

READY, FAILED = vm_network_pb2.PHASE_READY, vm_network_pb2.PHASE_FAILED
REMOVED = vm_network_pb2.PHASE_REMOVED
AIO: Any = grpc.aio
FOUR_MIB = 4 * 1024 * 1024


# GetNetwork.


@check("REQ-GET-001", "REQ-RECORD-005")
async def a_record_has_spec_result_and_times(context: Context) -> None:
    asked = context.static(context.vm(), address=True)
    events = await context.main.set_up(asked)
    record = await context.main.get(asked.vm_id)
    same((record.vm_id, record.uid), (asked.vm_id, events[-1].uid), "vm_id and uid")
    same(record.phase, READY, "the phase")
    same(record.spec, asked.spec, "the spec")
    same(record.result, events[-1].result, "the result")
    expect(not record.HasField("last_failure"), "last_failure is there")
    expect(
        record.create_time.ToNanoseconds() <= record.update_time.ToNanoseconds(), "updated before it was made"
    )
    expect(record.revision > 0, "revision is 0")


@check("REQ-GET-101")
async def a_record_that_is_not_there_is_not_found(context: Context) -> None:
    (await refused(context.main.get(context.vm()))).is_a("NOT_FOUND", "VM_NOT_FOUND")


@check("REQ-RECORD-003", "REQ-STATUS-004")
async def every_change_has_a_greater_revision(context: Context) -> None:
    seen = [(await context.main.status()).revision]
    first, second = context.vm(), context.vm()
    for vm_id in (first, second):
        await context.main.set_up(context.static(vm_id))
        seen.append((await context.main.get(vm_id)).revision)
    await context.main.tear_down(first)
    expect((await context.main.status()).revision > seen[-1], "a teardown did not raise the agent's revision")
    same(seen, sorted(set(seen)), "revisions")


@check("REQ-RECORD-004", needs="networks.plain")
async def a_record_does_not_show_what_may_be_secret(context: Context) -> None:
    asked = context.cni(
        context.vm(),
        args=[{"key": "IgnoreUnknown", "value": "1"}, {"key": "TOKEN", "value": "conformance-secret"}],
        capability_args=b'{"conformance":"secret"}',
    )
    await context.main.set_up(asked)
    record = await context.main.get(asked.vm_id)
    cni = record.spec.network_interfaces.interfaces[0].cni_configuration
    same([one.key for one in cni.args], ["IgnoreUnknown", "TOKEN"], "keys of args")
    same([one.value for one in cni.args], ["", ""], "values of args")
    same(cni.capability_args, b"", "capability_args")
    (listed,) = [one for one in await context.main.networks() if one.vm_id == asked.vm_id]
    same(listed.spec, record.spec, "the spec in the list")


@check("REQ-RECORD-007")
async def equal_specs_have_equal_hashes_and_others_not(context: Context) -> None:
    hashes = []
    for taps in (("tap0",), ("tap0",), ("tap1",), ("tap0", "tap1")):
        vm_id = context.vm()
        await context.main.set_up(context.static(vm_id, *taps))
        hashes.append((await context.main.get(vm_id)).spec_hash)
    expect(hashes[0], "spec_hash is empty")
    same(hashes[0], hashes[1], "the hashes of one spec, twice")
    same(len(set(hashes)), 3, "different hashes among three specs")


@check("REQ-RECORD-007", needs="networks.plain")
async def a_secret_makes_another_hash(context: Context) -> None:
    hashes = []
    for value in ("one", "one", "two"):
        args = [{"key": "IgnoreUnknown", "value": "1"}, {"key": "TOKEN", "value": value}]
        asked = context.cni(context.vm(), args=args)
        await context.main.set_up(asked)
        hashes.append((await context.main.get(asked.vm_id)).spec_hash)
    same(
        (hashes[0] == hashes[1], hashes[0] == hashes[2]),
        (True, False),
        "equal to the same, and to another secret",
    )


@check("REQ-RECORD-001", "REQ-RECORD-005", "REQ-RECORD-006", needs="script")
async def a_record_passes_through_its_phases(context: Context) -> None:
    vm_id = context.vm()
    context.script(vm_id, ADD=[{"wait": "go"}])
    setting_up = begin(context.main.set_up(context.scripted(vm_id)))
    await context.called(vm_id, "ADD")
    record = await context.main.get(vm_id)
    same(
        (record.phase, record.HasField("result")), (vm_network_pb2.PHASE_SETTING_UP, False), "during a set-up"
    )
    context.open(vm_id, "go")
    await setting_up
    record = await context.main.get(vm_id)
    same((record.phase, record.HasField("result")), (READY, True), "after it")
    before = context.count(vm_id, "DEL")
    await script_next_del(context, vm_id, {"wait": "on"})
    tearing_down = begin(context.main.tear_down(vm_id))
    await context.called(vm_id, "DEL", before + 1)
    record = await context.main.get(vm_id)
    same(record.phase, vm_network_pb2.PHASE_TEARING_DOWN, "during a teardown")
    context.open(vm_id, "on")
    await tearing_down


@check("REQ-RECORD-006", needs="script")
async def what_is_ready_after_a_failure_has_none(context: Context) -> None:
    vm_id = context.vm()
    context.script(vm_id, otherwise={"ADD": {"error": 100}})
    await refused(context.main.set_up(context.scripted(vm_id)))
    expect((await context.main.get(vm_id)).HasField("last_failure"), "a FAILED record does not say why")
    context.script(vm_id)
    await context.main.set_up(context.scripted(vm_id))
    record = await context.main.get(vm_id)
    same(
        (record.phase, record.HasField("last_failure")), (READY, False), "phase, and whether it has a failure"
    )


@check("REQ-GET-001", needs="script")
async def a_record_keeps_the_time_it_was_made_at(context: Context) -> None:
    vm_id = context.vm()
    context.script(vm_id, ADD=[{"wait": "go"}])
    setting_up = begin(context.main.set_up(context.scripted(vm_id)))
    await context.called(vm_id, "ADD")
    before = await context.main.get(vm_id)
    context.open(vm_id, "go")
    await setting_up
    after = await context.main.get(vm_id)
    same(after.create_time, before.create_time, "create_time of a record that changed")
    expect(after.update_time.ToNanoseconds() >= before.update_time.ToNanoseconds(), "update_time fell")


# ListNetworks.


async def some(context: Context, count: int) -> list[str]:
    """The vm_ids of new records, in order. They were made in the opposite one."""
    made = sorted(context.vm() for _ in range(count))
    for vm_id in reversed(made):
        await context.main.set_up(context.static(vm_id))
    return made


@check("REQ-LIST-001", "REQ-LIST-002")
async def pages_have_every_record_once_in_the_order_of_vm_id(context: Context) -> None:
    made = await some(context, 5)
    for size in (1, 2, 0):
        pages = await context.main.pages(page_size=size)
        listed = [one.vm_id for page in pages for one in page.networks]
        same(listed, sorted(set(listed)), f"vm_ids of pages of {size}, in order and once")
        same([one for one in listed if one in made], made, f"what was made, in pages of {size}")
        expect(
            size == 0 or all(len(page.networks) <= size for page in pages), f"a page is longer than {size}"
        )


@check("REQ-LIST-001")
async def capitals_come_before_small_letters(context: Context) -> None:
    stem = context.vm()
    made = [context.vm(like=stem, ending=ending) for ending in ("a", "B", "9", "-")]
    for vm_id in made:
        await context.main.set_up(context.static(vm_id))
    listed = [one.vm_id for page in await context.main.pages(page_size=3) for one in page.networks]
    same([one for one in listed if one in made], sorted(made, key=str.encode), "vm_ids in byte order")


@check("REQ-LIST-001", "REQ-LIST-002")
async def what_goes_between_two_pages_hides_nothing_else(context: Context) -> None:
    made = await some(context, 3)
    page = await context.main.page(page_size=1)
    while page.networks[0].vm_id != made[0]:
        page = await context.main.page(page_size=1, page_token=page.next_page_token)
    await context.main.tear_down(made[0])
    rest = []
    while page.next_page_token:
        page = await context.main.page(page_size=1, page_token=page.next_page_token)
        rest += [one.vm_id for one in page.networks if one.vm_id in made]
    same(rest, made[1:], "what stayed, on the pages after it")


@check("REQ-LIST-002")
async def a_page_that_ends_with_the_last_record_has_no_further_token(context: Context) -> None:
    await some(context, 2)
    everything = await context.main.networks()
    pages = await context.main.pages(page_size=min(len(everything), 1000))
    same(sum(len(page.networks) for page in pages), len(everything), "records in all")
    expect(not pages[-1].next_page_token, "the last page has a token")


@check("REQ-LIST-005")
async def a_list_can_be_limited_to_phases(context: Context) -> None:
    made = await some(context, 2)
    ready = [one.vm_id for one in await context.main.networks(phases=[READY])]
    expect(set(made) <= set(ready), "READY records are not among phases=[READY]")
    failed = await context.main.networks(phases=[FAILED])
    expect(all(one.phase == FAILED for one in failed), "phases=[FAILED] has others")
    both = [one.vm_id for one in await context.main.networks(phases=[READY, FAILED])]
    expect(set(ready) <= set(both), "two phases have fewer than one")


@check("REQ-LIST-101")
async def a_token_of_another_filter_or_of_nobody_is_refused(context: Context) -> None:
    await some(context, 2)
    token = (await context.main.page(page_size=1)).next_page_token
    expect(token, "no token after a page of one among two")
    for fields in (
        {"page_token": token, "phases": [READY]},
        {"page_token": "nobody's"},
        {"page_token": token[:-2]},
    ):
        told = await refused(context.main.page(page_size=1, **fields))
        told.is_a("INVALID_ARGUMENT", "INVALID_REQUEST")
    # With another size it is good.
    await context.main.page(page_size=2, page_token=token)


@check("REQ-LIST-006", "REQ-WATCH-004")
async def a_watch_from_the_list_s_revision_misses_nothing(context: Context) -> None:
    made = await some(context, 2)
    revision = (await context.main.page(page_size=1)).revision
    await context.main.tear_down(made[0])
    async with watching(context.main, after_revision=revision) as watch:
        change = await watch.change(made[0])
        expect(change.network.phase in {vm_network_pb2.PHASE_TEARING_DOWN, REMOVED}, "not the first change")


@check("REQ-LIST-004")
async def a_page_has_at_most_a_thousand_records(context: Context) -> None:
    status = await context.main.status()
    room = status.figures.max_networks - status.figures.networks
    if room < 1010:
        raise Skipped(f"the server has room for {room} networks more, 1010 are needed")
    made = [context.vm() for _ in range(1005)]
    gate = asyncio.Semaphore(32)

    async def one(vm_id: str) -> None:
        asked = pb.SetupNetworkRequest(vm_id=vm_id)
        asked.spec.network_interfaces.SetInParent()
        async with gate:
            await context.main.set_up(asked)

    await asyncio.gather(*(one(vm_id) for vm_id in made))
    page = await context.main.page(page_size=100_000)
    expect(len(page.networks) <= 1000, f"a page has {len(page.networks)} records")
    expect(page.next_page_token, "no token although more follow")
    listed = {one.vm_id for one in await context.main.networks(page_size=100_000)}
    expect(set(made) <= listed, f"{len(set(made) - listed)} records are on no page")
    await asyncio.gather(*(taken(context, gate, vm_id) for vm_id in made))


async def taken(context: Context, gate: asyncio.Semaphore, vm_id: str) -> None:
    async with gate:
        await context.main.tear_down(vm_id)


@check("REQ-LIST-003", "REQ-RECORD-010", needs="networks.plain")
async def pages_of_big_records_stay_below_4_mib(context: Context) -> None:
    """Keys are kept in records, values are not: a request can make a record of some 64 KiB."""
    keys = [
        {"key": "IgnoreUnknown", "value": "1"},
        *({"key": f"{n:02d}" + "k" * 1000, "value": "v"} for n in range(63)),
    ]
    for _ in range(70):
        await context.main.set_up(context.cni(context.vm(), args=keys))
    pages = await context.main.pages(page_size=1000)
    sizes = [page.ByteSize() for page in pages]
    expect(all(size < FOUR_MIB for size in sizes), f"pages of {sizes} bytes")
    expect(sum(sizes) > FOUR_MIB, f"the records are too small for this check: {sum(sizes)} bytes in all")
    expect(all(one.ByteSize() < 1024 * 1024 for page in pages for one in page.networks), "a record of 1 MiB")


# WatchNetworks.


class Watch:
    """A watch under way: its events so far, and the next that matter."""

    def __init__(self, call: Any) -> None:
        self._call = call
        self.events: list[pb.WatchNetworksResponse] = []

    async def next(self) -> pb.WatchNetworksResponse:
        """The next event."""
        event = await asyncio.wait_for(self._call.read(), PATIENCE)
        if event is AIO.EOF:
            await self._call.code()
            raise AssertionError("the watch ended")
        assert isinstance(event, pb.WatchNetworksResponse)
        self.events.append(event)
        return event

    async def bookmark(self) -> pb.WatchNetworksResponse:
        """The next bookmark."""
        while (event := await self.next()).WhichOneof("event") != "bookmark":
            pass
        return event

    async def change(self, vm_id: str, phase: int | None = None) -> pb.WatchNetworksResponse:
        """The next change of a record, in that phase if one is given."""
        while True:
            event = await self.next()
            if event.network.vm_id == vm_id and phase in {None, event.network.phase}:
                return event


@contextlib.asynccontextmanager
async def watching(server: Server, **fields: Any) -> AsyncIterator[Watch]:
    call = server.stub.WatchNetworks(pb.WatchNetworksRequest(**fields))
    try:
        yield Watch(call)
    finally:
        call.cancel()


@check("REQ-WATCH-001")
async def a_watch_sends_what_there_is_then_a_bookmark_then_changes(context: Context) -> None:
    before, after = context.vm(), context.vm()
    await context.main.set_up(context.static(before))
    async with watching(context.main) as watch:
        await watch.bookmark()
        snapshot = [one.network.vm_id for one in watch.events[:-1]]
        expect(before in snapshot, "what there was is not in the snapshot")
        same(len(snapshot), len(set(snapshot)), "records of the snapshot, each once")
        (record,) = [one.network for one in watch.events if one.network.vm_id == before]
        same(record, await context.main.get(before), "the record in the snapshot")
        await context.main.set_up(context.static(after))
        change = await watch.change(after, READY)
        same(change.network, await context.main.get(after), "the record in the change")


@check("REQ-WATCH-002")
async def a_watch_tells_that_a_network_is_gone(context: Context) -> None:
    vm_id = context.vm()
    async with watching(context.main) as watch:
        await watch.bookmark()
        for _ in range(3):
            await context.main.set_up(context.static(vm_id))
            uid = (await context.main.get(vm_id)).uid
            await context.main.tear_down(vm_id)
            removed = await watch.change(vm_id, REMOVED)
            same(removed.network.uid, uid, "the uid of what is gone")


@check("REQ-WATCH-003")
async def a_watch_can_be_limited_to_vms(context: Context) -> None:
    wanted, other = context.vm(), context.vm()
    await context.main.set_up(context.static(other))
    async with watching(context.main, vm_ids=[wanted]) as watch:
        await watch.bookmark()
        await context.main.tear_down(other)
        await context.main.set_up(context.static(wanted))
        await watch.change(wanted, READY)
        same({one.network.vm_id for one in watch.events} - {""}, {wanted}, "vm_ids in the watch")


@check("REQ-WATCH-003")
async def a_resumed_watch_is_limited_to_its_vms_too(context: Context) -> None:
    revision = (await context.main.page(page_size=1)).revision
    wanted, other = context.vm(), context.vm()
    for vm_id in (other, wanted):
        await context.main.set_up(context.static(vm_id))
    async with watching(context.main, vm_ids=[wanted], after_revision=revision) as watch:
        await watch.change(wanted, READY)
        same({one.network.vm_id for one in watch.events} - {""}, {wanted}, "vm_ids in the watch")


@check("REQ-WATCH-004", "REQ-WATCH-002")
async def a_watch_after_revision_0_is_no_snapshot(context: Context) -> None:
    """0 is a revision. Either all that went since is told, or the place is lost."""
    vm_id = context.vm()
    await context.main.set_up(context.static(vm_id))
    await context.main.tear_down(vm_id)
    removed = (await context.main.status()).revision
    async with watching(context.main, after_revision=0) as watch:
        try:
            while (event := await watch.next()).network.vm_id != vm_id or event.network.phase != REMOVED:
                told = event.WhichOneof("event") == "bookmark" and event.revision >= removed
                expect(not told, "a bookmark comes, and that a network is gone was not told before")
        except grpc.RpcError as exc:
            refusal_of(exc).is_a("OUT_OF_RANGE", "RESUME_POSITION_LOST")


@check("REQ-WATCH-004", "REQ-WATCH-005")
async def a_watch_resumed_after_an_event_sends_what_came_after_it(context: Context) -> None:
    vms = [context.vm() for _ in range(3)]
    async with watching(context.main) as watch:
        await watch.bookmark()
        for vm_id in vms:
            await context.main.set_up(context.static(vm_id))
            await watch.change(vm_id, READY)
        changes = [one for one in watch.events if one.network.vm_id in vms and one.network.phase == READY]
        revisions = [one.revision for one in watch.events]
        same(
            revisions[revisions.index(changes[0].revision) :],
            sorted(revisions)[-len(revisions[revisions.index(changes[0].revision) :]) :],
            "revisions in order",
        )
    async with watching(context.main, after_revision=changes[0].revision) as resumed:
        for vm_id in vms[1:]:
            await resumed.change(vm_id, READY)
        expect(all(one.revision > changes[0].revision for one in resumed.events), "an event from before")
        expect(all(one.network.vm_id != vms[0] for one in resumed.events), "the event itself, again")


@check("REQ-WATCH-005", "REQ-WATCH-001")
async def a_bookmark_is_a_place_to_resume_from(context: Context) -> None:
    async with watching(context.main) as watch:
        bookmark = await watch.bookmark()
    vm_id = context.vm()
    await context.main.set_up(context.static(vm_id))
    async with watching(context.main, after_revision=bookmark.revision) as resumed:
        await resumed.change(vm_id, READY)


@check("REQ-WATCH-005", "REQ-RECORD-003")
async def the_revision_of_a_change_is_the_record_s(context: Context) -> None:
    vm_id = context.vm()
    async with watching(context.main) as watch:
        await watch.bookmark()
        await context.main.set_up(context.static(vm_id))
        change = await watch.change(vm_id, READY)
        same(change.revision, change.network.revision, "revision of event and record")
        same(change.revision, (await context.main.get(vm_id)).revision, "revision of event and GetNetwork")


@check("REQ-RECORD-003", "REQ-WATCH-002")
async def the_changes_of_a_watch_have_rising_revisions(context: Context) -> None:
    first, second = context.vm(), context.vm()
    async with watching(context.main) as watch:
        await watch.bookmark()
        begun = len(watch.events)
        for vm_id in (first, second):
            await context.main.set_up(context.static(vm_id))
        for vm_id in (first, second):
            await context.main.tear_down(vm_id)
        await watch.change(second, REMOVED)
        revisions = [one.revision for one in watch.events[begun:]]
        same(revisions, sorted(set(revisions)), "revisions of the changes")


@check("REQ-WATCH-101")
async def a_place_that_is_not_held_is_lost(context: Context) -> None:
    """A revision of the future was never held."""
    future = (await context.main.status()).revision + 1_000_000

    async def read() -> None:
        async with watching(context.main, after_revision=future) as watch:
            await watch.next()

    (await refused(read())).is_a("OUT_OF_RANGE", "RESUME_POSITION_LOST")


@check("REQ-WATCH-004")
async def a_watch_after_a_revision_sends_no_snapshot(context: Context) -> None:
    made = (await some(context, 1))[0]
    revision = (await context.main.status()).revision
    async with watching(context.main, after_revision=revision) as watch:
        await asyncio.sleep(QUIET)
        vm_id = context.vm()
        await context.main.set_up(context.static(vm_id))
        await watch.change(vm_id, READY)
        expect(all(one.network.vm_id != made for one in watch.events), "a record that did not change")
