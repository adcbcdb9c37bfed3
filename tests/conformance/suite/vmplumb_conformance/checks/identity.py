"""Callers with identities: a stranger sees nothing, a reader sets nothing up, a capped one has a limit."""

from __future__ import annotations

import asyncio

from vmplumb.v1 import vm_network_pb2
from vmplumb_conformance.checks.reading import watching
from vmplumb_conformance.context import QUIET, Context, begin
from vmplumb_conformance.registry import check
from vmplumb_conformance.wire import expect, refused, same, torn

READY = vm_network_pb2.PHASE_READY


@check("REQ-RULE-012", needs="server.stranger")
async def another_s_network_is_not_there_for_a_stranger(context: Context) -> None:
    stranger = context.server("stranger")
    vm_id = context.vm()
    await context.main.set_up(context.static(vm_id))
    for act in (stranger.get(vm_id), stranger.check(vm_id), stranger.describe(vm_id)):
        (await refused(act)).is_a("NOT_FOUND", "VM_NOT_FOUND")
    expect(all(one.vm_id != vm_id for one in await stranger.networks()), "a stranger's list has it")
    same((await context.main.get(vm_id)).phase, READY, "the phase")


@check("REQ-RULE-012", "REQ-TEARDOWN-003", needs="server.stranger")
async def a_stranger_s_teardown_finds_nothing_and_takes_nothing(context: Context) -> None:
    stranger = context.server("stranger")
    vm_id = context.vm()
    await context.main.set_up(context.static(vm_id))
    for force in (False, True):
        same(torn(await stranger.tear_down(vm_id, force=force)).existed, False, "existed")
    same((await context.main.get(vm_id)).phase, READY, "the phase")


@check("REQ-RULE-012", needs="server.stranger")
async def a_stranger_s_watch_does_not_see_another_s_changes(context: Context) -> None:
    stranger = context.server("stranger")
    theirs = context.vm()
    async with watching(stranger) as watch:
        await watch.bookmark()
        await context.main.set_up(context.static(theirs))
        own = context.vm(stranger)
        await stranger.set_up(context.static(own))
        await watch.change(own, READY)
        await context.main.tear_down(theirs)
        await stranger.tear_down(own)
        await watch.change(own, vm_network_pb2.PHASE_REMOVED)
        await asyncio.sleep(QUIET)
        expect(all(one.network.vm_id != theirs for one in watch.events), "another's network is in the watch")


@check("REQ-RULE-013", "REQ-SETUP-101", needs="server.stranger")
async def a_set_up_tells_a_stranger_that_an_id_is_taken(context: Context) -> None:
    """Whatever the other's spec is: the same one too."""
    stranger = context.server("stranger")
    asked = context.static(context.vm())
    await context.main.set_up(asked)
    for one in (asked, context.static(asked.vm_id, "tap1")):
        told = await refused(stranger.set_up(one))
        told.is_a("ALREADY_EXISTS", "SPEC_CONFLICT")
    same((await context.main.get(asked.vm_id)).phase, READY, "the phase")


@check("REQ-RULE-013", needs="server.stranger script")
async def a_set_up_tells_a_stranger_that_an_id_is_taken_in_every_phase(context: Context) -> None:
    stranger = context.server("stranger")
    vm_id = context.vm()
    context.script(vm_id, ADD=[{"wait": "go", "error": 100}])
    setting_up = begin(refused(context.main.set_up(context.scripted(vm_id))))
    await context.called(vm_id, "ADD")
    (await refused(stranger.set_up(context.scripted(vm_id)))).is_a("ALREADY_EXISTS", "SPEC_CONFLICT")
    context.open(vm_id, "go")
    await setting_up
    (await refused(stranger.set_up(context.scripted(vm_id)))).is_a("ALREADY_EXISTS", "SPEC_CONFLICT")


@check("REQ-RULE-012", "REQ-SETUP-118", needs="server.stranger")
async def a_stranger_cannot_resume_another_s_set_up(context: Context) -> None:
    stranger = context.server("stranger")
    asked = context.static(context.vm())
    last = (await context.main.set_up(asked))[-1]
    asked.resume.uid, asked.resume.sequence = last.uid, 0
    (await refused(stranger.set_up(asked))).is_a("OUT_OF_RANGE", "RESUME_POSITION_LOST")


@check("REQ-RECORD-009", needs="server.stranger")
async def a_record_names_its_owner(context: Context) -> None:
    stranger = context.server("stranger")
    owners = []
    for server in (context.main, stranger):
        vm_id = context.vm(server)
        await server.set_up(context.static(vm_id))
        owners.append((await server.get(vm_id)).owner)
    expect(all(owners), f"owners {owners}")
    expect(owners[0] != owners[1], f"two callers are one owner: {owners}")


@check("REQ-RULE-105", needs="server.reader")
async def a_caller_that_may_not_set_up_is_refused(context: Context) -> None:
    reader = context.server("reader")
    (await refused(reader.set_up(context.static(context.vm())))).is_a("PERMISSION_DENIED", "ACCESS_DENIED")
    await reader.page(page_size=1)


@check("REQ-RULE-106", needs="server.anonymous")
async def a_caller_that_does_not_say_who_it_is_is_refused(context: Context) -> None:
    anonymous = context.server("anonymous")
    told = await refused(anonymous.set_up(context.static(context.vm())))
    told.is_a("UNAUTHENTICATED", "UNAUTHENTICATED")


@check("REQ-RULE-106", needs="server.anonymous")
async def a_caller_that_does_not_say_who_it_is_reads_nothing(context: Context) -> None:
    anonymous = context.server("anonymous")
    vm_id = context.vm()
    await context.main.set_up(context.static(vm_id))

    async def watch() -> None:
        async with watching(anonymous) as events:
            await events.next()

    for act in (anonymous.get(vm_id), anonymous.page(page_size=1), anonymous.check(vm_id), watch()):
        (await refused(act)).is_a("UNAUTHENTICATED", "UNAUTHENTICATED")


@check("REQ-RULE-107", needs="server.capped")
async def a_caller_beyond_its_limit_is_told_which(context: Context) -> None:
    capped = context.server("capped")
    await capped.set_up(context.static(context.vm(capped)))
    told = await refused(capped.set_up(context.static(context.vm(capped))))
    told.is_a("RESOURCE_EXHAUSTED", "LIMIT_EXCEEDED")
    assert told.info is not None
    expect(told.info.metadata.get("limit"), f'no ErrorInfo.metadata["limit"]: {dict(told.info.metadata)}')
    # Others have room.
    await context.main.set_up(context.static(context.vm()))
