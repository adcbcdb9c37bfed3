"""TeardownNetwork: what a result promises, repeating, attaching, resuming, forcing."""

from __future__ import annotations

import itertools
from typing import Any

from vmplumb.v1 import network_agent_service_pb2 as pb
from vmplumb.v1 import vm_network_pb2
from vmplumb_conformance.checks.rules import gone, script_next_del
from vmplumb_conformance.context import Context, begin
from vmplumb_conformance.registry import check
from vmplumb_conformance.wire import (
    PATIENCE,
    TearDownEvents,
    drained,
    expect,
    into,
    refused,
    result_of,
    same,
    torn,
)

NO = {"error": 100, "msg": "the script says no"}


def well_formed(events: TearDownEvents) -> None:
    """Zero or more progress, one result at the end; one uid; sequences that rise."""
    kinds = [one.WhichOneof("event") for one in events]
    expect(kinds and kinds[-1] == "result", f"the stream does not end with a result: {kinds}")
    same(kinds.count("result"), 1, "results in the stream")
    same(len({one.uid for one in events}), 1, "uids in the stream")
    numbers = [one.sequence for one in events]
    expect(numbers[0] >= 1, f"sequence {numbers[0]}")
    expect(all(a < b for a, b in itertools.pairwise(numbers)), f"sequences do not rise: {numbers}")


@check("REQ-TEARDOWN-001", "REQ-TEARDOWN-002", "REQ-TEARDOWN-014", "REQ-TEARDOWN-015")
async def a_teardown_forgets_the_network_and_names_what_it_was(context: Context) -> None:
    vm_id = context.vm()
    await context.main.set_up(context.static(vm_id))
    uid = (await context.main.get(vm_id)).uid
    events = await context.main.tear_down(vm_id)
    well_formed(events)
    result = events[-1].result
    same((result.existed, result.network_uid), (True, uid), "existed and network_uid")
    expect(events[-1].uid not in {"", uid}, f"the teardown's uid is {events[-1].uid!r}")
    expect(await gone(context.main, vm_id), "the record is still there")
    expect(all(one.vm_id != vm_id for one in await context.main.networks()), "it is still listed")


@check("REQ-TEARDOWN-003")
async def a_teardown_of_what_is_not_known_is_ok(context: Context) -> None:
    vm_id = context.vm()
    for _ in range(2):
        events = await context.main.tear_down(vm_id)
        same(torn(events).existed, False, "existed")
        same(events[-1].uid, "", "uid")


@check("REQ-TEARDOWN-003", "REQ-RECORD-002")
async def a_teardown_may_be_repeated_and_the_id_used_again(context: Context) -> None:
    vm_id = context.vm()
    first = await context.main.set_up(context.static(vm_id))
    same([torn(await context.main.tear_down(vm_id)).existed for _ in range(2)], [True, False], "existed")
    again = await context.main.set_up(context.static(vm_id))
    expect(again[-1].uid != first[-1].uid, "a network that was removed and set up again has its old uid")
    expect(not again[-1].replayed, "the new result is marked replayed")


@check("REQ-TEARDOWN-001", needs="script")
async def del_is_invoked_on_the_whole_list(context: Context) -> None:
    vm_id = context.vm()
    await context.main.set_up(context.scripted(vm_id))
    before = context.count(vm_id, "DEL")
    await context.main.tear_down(vm_id)
    same(context.count(vm_id, "DEL"), before + 1, "calls of DEL")


@check("REQ-TEARDOWN-002", "REQ-TEARDOWN-101", "REQ-TEARDOWN-012")
async def a_teardown_of_another_incarnation_is_refused_and_the_network_stays(context: Context) -> None:
    vm_id = context.vm()
    await context.main.set_up(context.static(vm_id))
    record = await context.main.get(vm_id)
    call = context.main.stub.TeardownNetwork(
        pb.TeardownNetworkRequest(vm_id=vm_id, uid="another"), timeout=PATIENCE
    )
    events: TearDownEvents = []

    (await refused(into(events, call))).is_a("ABORTED", "UID_MISMATCH")
    expect(all(one.WhichOneof("event") != "result" for one in events), "a result before the refusal")
    same(await context.main.get(vm_id), record, "the record")
    expect(
        torn(await context.main.tear_down(vm_id, uid=record.uid)).existed, "existed is false with its own uid"
    )


@check("REQ-TEARDOWN-005", needs="networks.plain")
async def with_wait_for_devices_the_devices_are_gone(context: Context) -> None:
    vm_id = context.vm()
    await context.main.set_up(context.cni(vm_id))
    result = torn(await context.main.tear_down(vm_id, wait_for_devices=True))
    expect(result.devices_gone, "devices_gone is false")
    same(list(result.leftovers), [], "leftovers")


@check("REQ-TEARDOWN-008", needs="script")
async def a_call_while_a_teardown_runs_attaches_to_it(context: Context) -> None:
    vm_id = context.vm()
    await context.main.set_up(context.scripted(vm_id))
    before = context.count(vm_id, "DEL")
    await script_next_del(context, vm_id, {"wait": "go"}, {})
    first = begin(context.main.tear_down(vm_id))
    await context.called(vm_id, "DEL", before + 1)
    second = begin(context.main.tear_down(vm_id))
    await context.arrived()
    context.open(vm_id, "go")
    one, other = await first, await second
    well_formed(other)
    same(other[-1].uid, one[-1].uid, "the uid that the attached caller gets")
    same(other[-1].result, one[-1].result, "the result")
    expect(not other[-1].replayed, "a result that came after the call attached is marked replayed")
    same(context.count(vm_id, "DEL"), before + 1, "calls of DEL")


@check("REQ-TEARDOWN-009", needs="script")
async def force_and_timeout_of_a_caller_that_attaches_count_for_nothing(context: Context) -> None:
    vm_id = context.vm()
    await context.main.set_up(context.scripted(vm_id))
    before = context.count(vm_id, "DEL")
    await script_next_del(context, vm_id, {"wait": "go", **NO}, NO)
    first = begin(refused(context.main.tear_down(vm_id)))
    await context.called(vm_id, "DEL", before + 1)
    second = begin(refused(context.main.tear_down(vm_id, force=True, seconds=0.05)))
    await context.arrived()
    context.open(vm_id, "go")
    (await first).is_a("INTERNAL", "CNI_DEL_FAILED")
    (await second).is_a("INTERNAL", "CNI_DEL_FAILED")


@check("REQ-TEARDOWN-010", needs="script")
async def resume_of_a_teardown_goes_on_where_the_stream_broke(context: Context) -> None:
    vm_id = context.vm()
    await context.main.set_up(context.scripted(vm_id))
    full = await context.main.tear_down(vm_id)
    calls = context.calls(vm_id)
    for after in (0, *(one.sequence for one in full)):
        position = pb.ResumePosition(uid=full[0].uid, sequence=after)
        rest = await context.main.tear_down(vm_id, resume=position)
        numbers = [one.sequence for one in rest]
        expect(all(number > after for number in numbers), f"sequences {numbers} after {after}")
        if after < full[-1].sequence:
            same(rest[-1].result, full[-1].result, "the result")
        expect(all(one.replayed for one in rest), "an event of the past is not marked replayed")
    same(context.calls(vm_id), calls, "the plugin's calls")


@check("REQ-TEARDOWN-010", "REQ-TEARDOWN-008", needs="script")
async def a_full_replay_of_a_teardown_begins_at_1_and_leaves_no_number_out(context: Context) -> None:
    vm_id = context.vm()
    await context.main.set_up(context.scripted(vm_id))
    uid = (await context.main.tear_down(vm_id))[-1].uid
    events = await context.main.tear_down(vm_id, resume=pb.ResumePosition(uid=uid, sequence=0))
    numbers = [one.sequence for one in events]
    same(numbers, list(range(1, len(numbers) + 1)), "sequences of a replay")


@check("REQ-TEARDOWN-010", "REQ-TEARDOWN-106")
async def resume_of_a_teardown_that_nobody_has_is_lost_and_begins_nothing(context: Context) -> None:
    vm_id = context.vm()
    await context.main.set_up(context.static(vm_id))
    position = pb.ResumePosition(uid="nobody", sequence=0)
    told = await refused(context.main.tear_down(vm_id, resume=position))
    told.is_a("OUT_OF_RANGE", "RESUME_POSITION_LOST")
    same((await context.main.get(vm_id)).phase, vm_network_pb2.PHASE_READY, "the phase")


@check("REQ-TEARDOWN-106")
async def resume_of_a_teardown_takes_no_uid_of_a_set_up(context: Context) -> None:
    vm_id = context.vm()
    events = await context.main.set_up(context.static(vm_id))
    position = pb.ResumePosition(uid=events[-1].uid, sequence=0)
    told = await refused(context.main.tear_down(vm_id, resume=position))
    told.is_a("OUT_OF_RANGE", "RESUME_POSITION_LOST")


@check("REQ-TEARDOWN-102", "REQ-RECORD-006", "REQ-RECORD-001", needs="script")
async def a_del_that_fails_keeps_the_record_as_failed(context: Context) -> None:
    vm_id = context.vm()
    await context.main.set_up(context.scripted(vm_id))
    await script_next_del(context, vm_id, NO)
    told = (await refused(context.main.tear_down(vm_id))).is_a("INTERNAL", "CNI_DEL_FAILED")
    assert told.failure is not None
    same((told.failure.cni_error.code, told.failure.cni_error.msg), (100, NO["msg"]), "the plugin's error")
    record = await context.main.get(vm_id)
    same(record.phase, vm_network_pb2.PHASE_FAILED, "the phase")
    same(record.last_failure.reason, told.failure.reason, "last_failure.reason")
    await script_next_del(context, vm_id, {})
    expect(torn(await context.main.tear_down(vm_id)).existed, "existed is false")
    expect(await gone(context.main, vm_id), "the record is still there")


@check("REQ-TEARDOWN-103", needs="script")
async def a_del_that_is_put_off_for_too_long_is_told(context: Context) -> None:
    vm_id = context.vm()
    await context.main.set_up(context.scripted(vm_id))
    await script_next_del(context, vm_id, {"error": 11})
    told = (await refused(context.main.tear_down(vm_id))).is_a("UNAVAILABLE", "CNI_TRY_AGAIN_LATER")
    assert told.failure is not None
    same(told.failure.cni_error.code, 11, "the plugin's code")
    same((await context.main.get(vm_id)).phase, vm_network_pb2.PHASE_FAILED, "the phase")


@check("REQ-TEARDOWN-105", needs="script")
async def a_teardown_that_runs_out_of_time_keeps_the_record(context: Context) -> None:
    vm_id = context.vm()
    await context.main.set_up(context.scripted(vm_id))
    await script_next_del(context, vm_id, {"wait": "never"})
    told = await refused(context.main.tear_down(vm_id, seconds=0.5))
    told.is_a("DEADLINE_EXCEEDED", "OPERATION_TIMEOUT")
    same((await context.main.get(vm_id)).phase, vm_network_pb2.PHASE_FAILED, "the phase")


@check("REQ-TEARDOWN-013", "REQ-TEARDOWN-016", "REQ-ERROR-006", "REQ-STATUS-006", needs="script")
async def with_force_the_record_goes_and_what_stayed_is_tried_again(context: Context) -> None:
    vm_id = context.vm()
    await context.main.set_up(context.scripted(vm_id))
    uid = (await context.main.get(vm_id)).uid
    await script_next_del(context, vm_id, NO)
    result = torn(await context.main.tear_down(vm_id, force=True))
    expect(result.existed, "existed is false")
    expect(
        any(one.cni_error.msg == NO["msg"] for one in result.ignored_failures),
        f"ignored_failures does not have the plugin's error: {result.ignored_failures}",
    )
    expect(
        any(one.will_retry for one in result.leftovers),
        f"no leftover that is tried again: {result.leftovers}",
    )
    expect(await gone(context.main, vm_id), "the record is still there")

    async def pending() -> Any:
        status = await context.main.status()
        found = [one for one in status.pending_releases if (one.vm_id, one.uid) == (vm_id, uid)]
        expect(
            status.figures.pending_releases >= len(found),
            "figures.pending_releases counts fewer than are told",
        )
        return found

    expect(await pending(), "GetStatus has no PendingRelease of it")
    await script_next_del(context, vm_id, {})

    async def settled() -> bool:
        return not await pending()

    await context.until(settled, "what stayed behind is given back")


@check("REQ-TEARDOWN-011", needs="act.remove_conf act.restore_conf script server.spare")
async def a_teardown_needs_no_configuration_file(context: Context) -> None:
    spare = context.server("spare")
    vm_id = context.vm(spare)
    await spare.set_up(context.scripted(vm_id))
    before = context.count(vm_id, "DEL")
    await context.stage.act("remove_conf")
    try:
        expect(torn(await spare.tear_down(vm_id)).existed, "existed is false")
    finally:
        await context.stage.act("restore_conf")
    same(context.count(vm_id, "DEL"), before + 1, "calls of DEL")


@check("REQ-TEARDOWN-004", needs="networks.plain")
async def an_address_that_was_given_back_can_be_given_again(context: Context) -> None:
    vm_id = context.vm()
    first = await context.main.result(context.cni(vm_id))
    await context.main.tear_down(vm_id, wait_for_devices=True)
    again = await context.main.result(context.cni(vm_id))
    expect(again.interfaces[0].vm_conf.vm_ip_configs, "no address the second time")
    expect(first.netns_path == again.netns_path, "another namespace path for the same vm_id")


@check("REQ-TEARDOWN-002", needs="script")
async def a_teardown_that_fails_streams_no_result(context: Context) -> None:
    vm_id = context.vm()
    await context.main.set_up(context.scripted(vm_id))
    await script_next_del(context, vm_id, NO)
    call = context.main.stub.TeardownNetwork(pb.TeardownNetworkRequest(vm_id=vm_id), timeout=PATIENCE)
    events: TearDownEvents = []
    await refused(into(events, call))
    kinds = [one.WhichOneof("event") for one in events]
    expect("result" not in kinds, f"events {kinds}")


@check("REQ-TEARDOWN-001", "REQ-RULE-009", needs="script")
async def a_teardown_ends_a_set_up_that_is_waiting_to_try_again(context: Context) -> None:
    vm_id = context.vm()
    context.script(vm_id, ADD=[{"error": 11}, {"wait": "go"}])
    setting_up = begin(refused(drained(context.main.stub.SetupNetwork(context.scripted(vm_id)))))
    await context.called(vm_id, "ADD")
    tearing_down = begin(context.main.tear_down(vm_id))
    await context.arrived()
    context.open(vm_id, "go")
    (await setting_up).is_a("ABORTED", "TORN_DOWN")
    expect(torn(await tearing_down).existed, "existed is false")
    expect(await gone(context.main, vm_id), "the record is still there")
    result_of(await context.main.set_up(context.scripted(vm_id)))
