"""SetupNetwork: the stream, the idempotency table, resumption, what a result holds."""

from __future__ import annotations

import asyncio
import itertools
import json
from typing import Any

from vmplumb.v1 import network_agent_service_pb2 as pb
from vmplumb.v1 import vm_network_pb2
from vmplumb_conformance.checks.rules import ask, gone, script_next_del
from vmplumb_conformance.context import Context, begin
from vmplumb_conformance.registry import check
from vmplumb_conformance.wire import (
    PATIENCE,
    SetUpEvents,
    Skipped,
    drained,
    expect,
    into,
    refused,
    result_of,
    same,
)


def well_formed(events: SetUpEvents) -> None:
    """Zero or more progress, one result at the end; one uid; sequences that rise from 1."""
    kinds = [one.WhichOneof("event") for one in events]
    expect(kinds and kinds[-1] == "result", f"the stream does not end with a result: {kinds}")
    same(kinds.count("result"), 1, "results in the stream")
    same(set(kinds[:-1]) <= {"progress"}, True, "events before the result are progress")
    same(len({one.uid for one in events}), 1, "uids in the stream")
    expect(events[0].uid, "the uid is empty")
    numbers = [one.sequence for one in events]
    expect(numbers[0] >= 1, f"sequence {numbers[0]}")
    expect(all(a < b for a, b in itertools.pairwise(numbers)), f"sequences do not rise: {numbers}")


def plain(events: SetUpEvents) -> dict[int, bytes]:
    """The events by sequence, without what depends on the call."""
    found = {}
    for one in events:
        copy = pb.SetupNetworkResponse()
        copy.CopyFrom(one)
        copy.replayed = False
        found[one.sequence] = copy.SerializeToString(deterministic=True)
    return found


def agree(one: SetUpEvents, other: SetUpEvents, what: str) -> None:
    """Events that both have are equal: a reader that lags may miss some."""
    first, second = plain(one), plain(other)
    for number in first.keys() & second.keys():
        same(second[number], first[number], f"{what}, sequence {number}")


@check("REQ-SETUP-001", "REQ-SETUP-002", "REQ-SETUP-010")
async def a_set_up_streams_progress_and_then_one_result(context: Context) -> None:
    events = await context.main.set_up(context.static(context.vm()))
    well_formed(events)
    expect(not any(one.replayed for one in events), "replayed is set on a first call")
    expect(all(one.HasField("event_time") for one in events), "an event without event_time")


@check("REQ-SETUP-001", "REQ-SETUP-002", "REQ-SETUP-003", needs="networks.plain")
async def a_set_up_on_a_network_streams_progress_and_then_one_result(context: Context) -> None:
    vm_id = context.vm()
    events = await context.main.set_up(context.cni(vm_id))
    well_formed(events)
    expect(not any(one.replayed for one in events), "replayed is set on a first call")
    same((await context.main.get(vm_id)).uid, events[-1].uid, "the record's uid")


@check("REQ-SETUP-002", needs="script")
async def a_full_replay_begins_at_1_and_leaves_no_number_out(context: Context) -> None:
    """The set-up lasts until it is read, so that no reader lags."""
    vm_id = context.vm()
    context.script(vm_id, ADD=[{"wait": "go"}])
    first = begin(context.main.set_up(context.scripted(vm_id)))
    await context.called(vm_id, "ADD")
    context.open(vm_id, "go")
    agree(await first, await context.main.set_up(context.scripted(vm_id)), "live and replayed")
    numbers = [one.sequence for one in await context.main.set_up(context.scripted(vm_id))]
    same(numbers, list(range(1, len(numbers) + 1)), "sequences of a replay")


@check("REQ-SETUP-001", "REQ-SETUP-112", needs="script")
async def a_set_up_that_fails_ends_without_a_result(context: Context) -> None:
    vm_id = context.vm()
    context.script(vm_id, otherwise={"ADD": {"error": 100}})
    call = context.main.stub.SetupNetwork(context.scripted(vm_id), timeout=PATIENCE)
    events: list[pb.SetupNetworkResponse] = []

    (await refused(into(events, call))).is_a("INTERNAL", "CNI_ADD_FAILED")
    same([one.WhichOneof("event") for one in events if one.WhichOneof("event") != "progress"], [], "results")


# The idempotency table.


@check("REQ-SETUP-012", "REQ-EVENT-002")
async def the_same_call_again_replays_a_ready_network(context: Context) -> None:
    asked = context.static(context.vm(), address=True)
    first, again = await context.main.set_up(asked), await context.main.set_up(asked)
    expect(all(one.replayed for one in again), "an event of the replay is not marked replayed")
    well_formed(again)
    agree(first, again, "first and second answer")
    same(again[-1].result, first[-1].result, "the result")


@check("REQ-EVENT-001")
async def a_replayed_event_has_the_time_it_happened_at(context: Context) -> None:
    asked = context.static(context.vm())
    first = await context.main.set_up(asked)
    await asyncio.sleep(0.02)
    again = await context.main.set_up(asked)
    same(again[-1].event_time, first[-1].event_time, "event_time of the result")
    times = [one.event_time.ToNanoseconds() for one in again]
    same(times, sorted(times), "event times in order")


@check("REQ-SETUP-012", "REQ-SETUP-101")
async def another_spec_for_a_ready_network_is_refused_and_changes_nothing(context: Context) -> None:
    vm_id = context.vm()
    await context.main.set_up(context.static(vm_id, "tap0"))
    before = await context.main.get(vm_id)
    told = await refused(context.main.set_up(context.static(vm_id, "tap1")))
    told.is_a("ALREADY_EXISTS", "SPEC_CONFLICT")
    same(await context.main.get(vm_id), before, "the record")


@check("REQ-SETUP-012", needs="script")
async def a_replay_invokes_no_plugin(context: Context) -> None:
    vm_id = context.vm()
    await context.main.set_up(context.scripted(vm_id))
    before = context.calls(vm_id)
    await context.main.set_up(context.scripted(vm_id))
    same(context.calls(vm_id), before, "the plugin's calls")


@check("REQ-SETUP-011", "REQ-EVENT-002", needs="script")
async def the_same_call_during_a_set_up_attaches_to_it(context: Context) -> None:
    vm_id = context.vm()
    context.script(vm_id, ADD=[{"wait": "go"}])
    first = begin(context.main.set_up(context.scripted(vm_id)))
    await context.called(vm_id, "ADD")
    others = [begin(context.main.set_up(context.scripted(vm_id))) for _ in range(3)]
    await context.arrived()
    context.open(vm_id, "go")
    events = await first
    for other in others:
        attached = await other
        well_formed(attached)
        same(attached[-1].uid, events[-1].uid, "the uid that an attached caller gets")
        agree(events, attached, "first and attached")
        expect(not attached[-1].replayed, "a result that came after the call attached is marked replayed")
        marks = [one.replayed for one in attached]
        same(marks, sorted(marks, reverse=True), "replayed events come before live ones")
    same(context.count(vm_id, "ADD"), 1, "calls of ADD")


@check("REQ-EVENT-002", needs="script")
async def events_before_a_caller_attached_are_marked_replayed(context: Context) -> None:
    vm_id = context.vm()
    context.script(vm_id, ADD=[{"error": 11}, {"wait": "go"}])
    first = begin(context.main.set_up(context.scripted(vm_id)))
    await context.called(vm_id, "ADD", 2)
    attached = begin(context.main.set_up(context.scripted(vm_id)))
    await context.arrived()
    context.open(vm_id, "go")
    await first
    events = await attached
    retry = [one.replayed for one in events if one.progress.state == vm_network_pb2.STEP_STATE_RETRYING]
    same(retry, [True], "replayed of the retry that was before")
    expect(not events[-1].replayed, "the result is marked replayed")


@check("REQ-SETUP-011", "REQ-SETUP-101", needs="script")
async def another_spec_during_a_set_up_is_refused(context: Context) -> None:
    vm_id = context.vm()
    context.script(vm_id, ADD=[{"wait": "go"}])
    first = begin(context.main.set_up(context.scripted(vm_id)))
    await context.called(vm_id, "ADD")
    told = await refused(context.main.set_up(context.scripted(vm_id, vm_if_name="other0")))
    told.is_a("ALREADY_EXISTS", "SPEC_CONFLICT")
    context.open(vm_id, "go")
    result_of(await first)


@check("REQ-SETUP-013", "REQ-RECORD-002", needs="script")
async def a_failed_set_up_begins_again_under_a_new_uid(context: Context) -> None:
    vm_id = context.vm()
    context.script(vm_id, otherwise={"ADD": {"error": 100}})
    await refused(context.main.set_up(context.scripted(vm_id)))
    failed = await context.main.get(vm_id)
    same(failed.phase, vm_network_pb2.PHASE_FAILED, "the phase")
    context.script(vm_id)
    events = await context.main.set_up(context.scripted(vm_id))
    well_formed(events)
    expect(not events[-1].replayed, "the new result is marked replayed")
    expect(events[-1].uid != failed.uid, "the uid is the old one")
    same((await context.main.get(vm_id)).uid, events[-1].uid, "the record's uid")


@check("REQ-SETUP-013", needs="script")
async def a_failed_network_takes_another_spec(context: Context) -> None:
    vm_id = context.vm()
    context.script(vm_id, otherwise={"ADD": {"error": 100}})
    await refused(context.main.set_up(context.scripted(vm_id)))
    context.script(vm_id)
    result_of(await context.main.set_up(context.scripted(vm_id, vm_if_name="other0")))


@check("REQ-SETUP-014", "REQ-SETUP-102", needs="script")
async def a_set_up_during_a_teardown_is_refused_whatever_its_spec(context: Context) -> None:
    vm_id = context.vm()
    await context.main.set_up(context.scripted(vm_id))
    await script_next_del(context, vm_id, {"wait": "go"})
    before = context.count(vm_id, "DEL")
    tearing_down = begin(context.main.tear_down(vm_id))
    await context.called(vm_id, "DEL", before + 1)
    for asked in (context.scripted(vm_id), context.scripted(vm_id, vm_if_name="other0")):
        told = (await refused(context.main.set_up(asked))).is_a("ABORTED", "OPERATION_PENDING")
        expect(told.retry_after is None or told.retry_after > 0, f"RetryInfo of {told.retry_after} s")
    context.open(vm_id, "go")
    expect((await tearing_down)[-1].result.existed, "existed is false")
    result_of(await context.main.set_up(context.scripted(vm_id)))


@check("REQ-SETUP-011", "REQ-SETUP-010")
async def calls_at_once_begin_one_set_up(context: Context) -> None:
    asked = context.static(context.vm())
    answers = await asyncio.gather(*(context.main.set_up(asked) for _ in range(8)))
    same(len({one.uid for events in answers for one in events}), 1, "uids")
    for events in answers:
        same(events[-1].result, answers[0][-1].result, "the result")


# Resumption.


@check("REQ-SETUP-018")
async def resume_sends_only_what_comes_after(context: Context) -> None:
    asked = context.static(context.vm())
    full = await context.main.set_up(asked)
    full = await context.main.set_up(asked)
    for after in [0, *(one.sequence for one in full)]:
        asked.resume.uid, asked.resume.sequence = full[0].uid, after
        rest = await context.main.set_up(asked)
        same(
            [one.sequence for one in rest],
            [one.sequence for one in full if one.sequence > after],
            f"sequences after {after}",
        )
        agree(full, rest, "full and resumed")


@check("REQ-EVENT-002")
async def a_resumed_event_of_the_past_is_marked_replayed(context: Context) -> None:
    asked = context.static(context.vm())
    last = (await context.main.set_up(asked))[-1]
    asked.resume.uid, asked.resume.sequence = last.uid, last.sequence - 1
    same([one.replayed for one in await context.main.set_up(asked)], [True], "replayed")


@check("REQ-SETUP-018", "REQ-SETUP-019", needs="script")
async def resume_during_a_set_up_goes_on_where_the_stream_broke(context: Context) -> None:
    vm_id = context.vm()
    context.script(vm_id, ADD=[{"error": 11}, {"wait": "go"}])
    call = context.main.stub.SetupNetwork(context.scripted(vm_id), timeout=PATIENCE)
    seen = await call.read()
    while seen.progress.state != vm_network_pb2.STEP_STATE_RETRYING:
        seen = await call.read()
    call.cancel()
    await context.called(vm_id, "ADD", 2)
    position = pb.ResumePosition(uid=seen.uid, sequence=seen.sequence)
    asked = context.scripted(vm_id, outer={"resume": position})
    resumed = begin(context.main.set_up(asked))
    await context.arrived()
    context.open(vm_id, "go")
    events = await resumed
    well_formed(events)
    expect(events[0].sequence > seen.sequence, f"sequence {events[0].sequence} again")
    same(events[0].uid, seen.uid, "the uid")
    same(context.count(vm_id, "ADD"), 2, "calls of ADD")


@check("REQ-SETUP-019", needs="script")
async def resume_of_a_failed_set_up_gets_its_stored_failure_and_begins_nothing(context: Context) -> None:
    vm_id = context.vm()
    context.script(vm_id, otherwise={"ADD": {"error": 100, "msg": "the stored one"}})
    await refused(context.main.set_up(context.scripted(vm_id)))
    record = await context.main.get(vm_id)
    calls = context.calls(vm_id)
    position = pb.ResumePosition(uid=record.uid, sequence=1)
    told = await refused(context.main.set_up(context.scripted(vm_id, outer={"resume": position})))
    told.is_a("INTERNAL", "CNI_ADD_FAILED")
    assert told.failure is not None
    expect("the stored one" in told.failure.cni_error.msg, f"not the stored failure: {told.failure}")
    same(context.calls(vm_id), calls, "the plugin's calls")
    same((await context.main.get(vm_id)).uid, record.uid, "the record's uid")


@check("REQ-SETUP-018", "REQ-SETUP-118")
async def resume_of_a_uid_that_nobody_has_is_lost_and_begins_nothing(context: Context) -> None:
    vm_id = context.vm()
    asked = context.static(vm_id, resume=pb.ResumePosition(uid="nobody", sequence=0))
    (await refused(context.main.set_up(asked))).is_a("OUT_OF_RANGE", "RESUME_POSITION_LOST")
    expect(await gone(context.main, vm_id), "a network was begun")


@check("REQ-SETUP-118")
async def resume_beyond_the_last_event_is_lost(context: Context) -> None:
    asked = context.static(context.vm())
    last = (await context.main.set_up(asked))[-1]
    asked.resume.uid, asked.resume.sequence = last.uid, last.sequence + 1000
    (await refused(context.main.set_up(asked))).is_a("OUT_OF_RANGE", "RESUME_POSITION_LOST")


@check("REQ-SETUP-118")
async def resume_of_another_vm_s_uid_is_lost(context: Context) -> None:
    theirs = (await context.main.set_up(context.static(context.vm())))[-1]
    asked = context.static(context.vm(), resume=pb.ResumePosition(uid=theirs.uid, sequence=0))
    (await refused(context.main.set_up(asked))).is_a("OUT_OF_RANGE", "RESUME_POSITION_LOST")


# What is and is not part of the spec.


@check("REQ-SETUP-021")
async def validate_only_is_ok_without_an_event_and_does_nothing(context: Context) -> None:
    asked = context.static(context.vm(), validate_only=True)
    same(await context.main.set_up(asked), [], "events")
    expect(await gone(context.main, asked.vm_id), "a network was begun")


@check("REQ-SETUP-021", needs="networks.plain")
async def validate_only_looks_at_the_network_and_does_nothing(context: Context) -> None:
    asked = context.cni(context.vm(), outer={"validate_only": True})
    same(await context.main.set_up(asked), [], "events")
    expect(await gone(context.main, asked.vm_id), "a network was begun")


@check("REQ-SETUP-021")
async def validate_only_refuses_as_the_call_itself_would(context: Context) -> None:
    vm_id = context.vm()
    await context.main.set_up(context.static(vm_id, "tap0"))
    same(await context.main.set_up(context.static(vm_id, "tap0", validate_only=True)), [], "events")
    told = await refused(context.main.set_up(context.static(vm_id, "tap1", validate_only=True)))
    told.is_a("ALREADY_EXISTS", "SPEC_CONFLICT")
    broken = context.static(context.vm(), validate_only=True)
    broken.spec.network_interfaces.interfaces[0].static_configuration.host_dev_name = ""
    (await refused(context.main.set_up(broken))).is_a("INVALID_ARGUMENT", "INVALID_REQUEST")
    absent = context.cni(context.vm(), "vmplumb-no-such-network", outer={"validate_only": True})
    (await refused(context.main.set_up(absent))).is_a("FAILED_PRECONDITION", "CNI_NETWORK_NOT_FOUND")


@check("REQ-SETUP-022")
async def operation_timeout_is_not_part_of_the_spec(context: Context) -> None:
    asked = context.static(context.vm())
    first = await context.main.set_up(asked)
    asked.operation_timeout.FromSeconds(77)
    again = await context.main.set_up(asked)
    same((again[-1].uid, again[-1].replayed), (first[-1].uid, True), "uid and replayed")


@check("REQ-SETUP-022", needs="script")
async def operation_timeout_of_a_caller_that_attaches_is_ignored(context: Context) -> None:
    vm_id = context.vm()
    context.script(vm_id, ADD=[{"wait": "go"}])
    first = begin(context.main.set_up(context.scripted(vm_id)))
    await context.called(vm_id, "ADD")
    attached = begin(context.main.set_up(context.scripted(vm_id, seconds=0.05)))
    await context.arrived()
    context.open(vm_id, "go")
    result_of(await first)
    result_of(await attached)


@check("REQ-SETUP-023")
async def kernel_args_are_not_part_of_the_spec(context: Context) -> None:
    vm_id = context.vm()
    first = await context.main.set_up(context.static(vm_id, kernel_args="quiet"))
    again = await context.main.set_up(context.static(vm_id, kernel_args="quiet splash"))
    same((again[-1].uid, again[-1].replayed), (first[-1].uid, True), "uid and replayed")


@check("REQ-SPEC-001", "REQ-RECORD-007", needs="networks.plain")
async def capability_args_are_compared_byte_by_byte(context: Context) -> None:
    """And everything else field by field as sent, before defaults."""
    vm_id = context.vm()
    await context.main.set_up(context.cni(vm_id, capability_args=b'{"aliases":[]}'))
    for other in (
        {"capability_args": b'{"aliases": []}'},
        {"capability_args": b'{"aliases":[]}', "if_name": "eth0"},
    ):
        told = await refused(context.main.set_up(context.cni(vm_id, **other)))
        told.is_a("ALREADY_EXISTS", "SPEC_CONFLICT")


@check("REQ-SPEC-001", needs="networks.plain")
async def args_in_another_order_or_twice_are_another_spec(context: Context) -> None:
    vm_id = context.vm()
    args = [{"key": "IgnoreUnknown", "value": "1"}, {"key": "B", "value": "2"}, {"key": "A", "value": "1"}]
    await context.main.set_up(context.cni(vm_id, args=args))
    for other in ([args[0], args[2], args[1]], [*args, args[2]]):
        told = await refused(context.main.set_up(context.cni(vm_id, args=other)))
        told.is_a("ALREADY_EXISTS", "SPEC_CONFLICT")


# Errors before any effect.


@check("REQ-SETUP-106")
async def a_network_that_is_not_there_is_refused_without_a_record(context: Context) -> None:
    asked = context.cni(context.vm(), "vmplumb-no-such-network")
    told = await refused(context.main.set_up(asked))
    told.is_a("FAILED_PRECONDITION", "CNI_NETWORK_NOT_FOUND")
    expect(await gone(context.main, asked.vm_id), "a record was left")


@check("REQ-SETUP-107", needs="networks.lacking")
async def a_plugin_that_is_not_there_is_refused_without_a_record(context: Context) -> None:
    asked = context.cni(context.vm(), context.stage.networks["lacking"])
    told = await refused(context.main.set_up(asked))
    told.is_a("FAILED_PRECONDITION", "CNI_PLUGIN_UNAVAILABLE")
    expect(await gone(context.main, asked.vm_id), "a record was left")


@check("REQ-SETUP-107", needs="networks.outdated")
async def a_plugin_that_does_not_know_the_cni_version_is_refused(context: Context) -> None:
    asked = context.cni(context.vm(), context.stage.networks["outdated"])
    told = await refused(context.main.set_up(asked))
    told.is_a("FAILED_PRECONDITION", "CNI_PLUGIN_UNAVAILABLE")


def inline(context: Context, json_bytes: bytes, **views: Any) -> pb.SetupNetworkRequest:
    return context.cni(
        context.vm(), network_config={"json": json_bytes, **views}, outer={"validate_only": True}
    )


async def takes_inline(context: Context) -> None:
    status = await context.main.status()
    if pb.CAPABILITY_INLINE_CONFIG not in status.capabilities:
        raise Skipped("the server does not have CAPABILITY_INLINE_CONFIG")


@check("REQ-SETUP-105", "REQ-CNI-001")
async def inline_json_that_is_no_conflist_is_refused(context: Context) -> None:
    await takes_inline(context)
    for text in (b"{", b"[]", b'{"name":"n","cniVersion":"1.0.0"}', b'{"name":"n","plugins":[{}]}'):
        told = await refused(context.main.set_up(inline(context, text)))
        told.is_a("INVALID_ARGUMENT", "CONFIG_LIST_MISMATCH")


@check("REQ-SETUP-105", "REQ-CNI-001")
async def a_parsed_view_that_disagrees_with_its_json_is_refused(context: Context) -> None:
    await takes_inline(context)
    text = json.dumps({"name": "n", "cniVersion": "1.0.0", "plugins": [{"type": "a"}]}).encode()
    for views in (
        {"name": "m"},
        {"cni_version": "0.4.0"},
        {"disable_check": True},
        {"plugins": [{"type": "b"}]},
        {"plugins": [{"type": "a"}, {"type": "a"}]},
    ):
        told = await refused(context.main.set_up(inline(context, text, **views)))
        told.is_a("INVALID_ARGUMENT", "CONFIG_LIST_MISMATCH")


@check("REQ-SETUP-109", "REQ-SPEC-003")
async def a_namespace_that_must_exist_and_does_not_is_refused(context: Context) -> None:
    asked = context.static(context.vm())
    asked.spec.netns_path = "/var/run/netns/vmplumb-conformance-none"
    told = await ask(context.main, asked)
    expect(told is not None, "not refused")
    assert told is not None
    if told.reason == "PATH_NOT_ALLOWED":
        raise Skipped("/var/run/netns is not allowed on this server")
    told.is_a("FAILED_PRECONDITION", "NOT_A_NETNS")


@check("REQ-SETUP-109", "REQ-SPEC-002", needs="networks.plain paths.not_a_netns")
async def what_exists_and_is_no_namespace_is_refused_without_a_record(context: Context) -> None:
    asked = context.cni(context.vm(), netns_path=context.stage.paths["not_a_netns"])
    (await refused(context.main.set_up(asked))).is_a("FAILED_PRECONDITION", "NOT_A_NETNS")
    expect(await gone(context.main, asked.vm_id), "a record was left")


@check("REQ-SETUP-110", needs="networks.plain paths.no_parent")
async def a_namespace_that_cannot_be_made_is_told(context: Context) -> None:
    asked = context.cni(context.vm(), netns_path=f"{context.stage.paths['no_parent']}/ns")
    told = (await refused(context.main.set_up(asked))).is_a("INTERNAL", "NETNS_SETUP_FAILED")
    assert told.failure is not None
    same(list(told.failure.leftovers), [], "leftovers")


@check("REQ-SETUP-114", needs="networks.full")
async def a_network_without_a_free_address_is_told(context: Context) -> None:
    asked = context.cni(context.vm(), context.stage.networks["full"])
    (await refused(context.main.set_up(asked))).is_a("RESOURCE_EXHAUSTED", "ADDRESSES_EXHAUSTED")


@check("REQ-SETUP-115", needs="networks.tapless")
async def a_result_without_a_tap_is_told_and_undone(context: Context) -> None:
    asked = context.cni(context.vm(), context.stage.networks["tapless"])
    told = (await refused(context.main.set_up(asked))).is_a("INTERNAL", "CNI_RESULT_UNUSABLE")
    assert told.failure is not None
    same(list(told.failure.leftovers), [], "leftovers")
    same((await context.main.get(asked.vm_id)).phase, vm_network_pb2.PHASE_FAILED, "the phase")


@check("REQ-SETUP-121", needs="networks.crowded")
async def a_limit_of_the_host_s_kernel_is_told_before_any_effect(context: Context) -> None:
    asked = context.cni(context.vm(), context.stage.networks["crowded"])
    (await refused(context.main.set_up(asked))).is_a("RESOURCE_EXHAUSTED", "HOST_LIMIT_REACHED")
    expect(await gone(context.main, asked.vm_id), "a record was left")


# What a result holds.


@check("REQ-RESULT-001", "REQ-RESULT-002", "REQ-RESULT-004")
async def a_result_has_each_interface_in_order(context: Context) -> None:
    result = await context.main.result(context.static(context.vm(), "tapA", "tapB", "tapC"))
    same([one.index for one in result.interfaces], [0, 1, 2], "indices")
    same(
        [one.static_configuration.host_dev_name for one in result.interfaces],
        ["tapA", "tapB", "tapC"],
        "taps",
    )
    same([one.firecracker_interface.iface_id for one in result.interfaces], ["1", "2", "3"], "iface_id")


@check("REQ-RESULT-001")
async def a_static_result_is_what_was_asked_for(context: Context) -> None:
    asked = context.static(context.vm(), address=True)
    static = asked.spec.network_interfaces.interfaces[0].static_configuration
    static.ip_configuration.if_name = "eth0"
    static.ip_configuration.nameservers.append("192.0.2.1")
    (one,) = (await context.main.result(asked)).interfaces
    same(one.static_configuration, static, "static_configuration")


@check("REQ-RESULT-003", "REQ-RESULT-002")
async def the_body_for_firecracker_is_json_in_its_names_with_numbers(context: Context) -> None:
    asked = context.static(context.vm(), "tap7", address=True)
    interface = asked.spec.network_interfaces.interfaces[0]
    interface.in_rate_limiter.bandwidth.size = 1 << 40
    interface.in_rate_limiter.bandwidth.refill_time = 0
    interface.out_rate_limiter.ops.size = 5
    interface.out_rate_limiter.ops.refill_time = 100
    interface.out_rate_limiter.ops.one_time_burst = 0
    result = await context.main.result(asked)
    same(
        json.loads(result.interfaces[0].firecracker_interface.json),
        {
            "iface_id": "1",
            "host_dev_name": "tap7",
            "guest_mac": "02:00:00:00:00:01",
            "rx_rate_limiter": {"bandwidth": {"size": 1 << 40, "refill_time": 0}},
            "tx_rate_limiter": {"ops": {"size": 5, "refill_time": 100, "one_time_burst": 0}},
        },
        "the body",
    )


@check("REQ-RESULT-003")
async def what_is_unset_is_left_out_of_the_body_for_firecracker(context: Context) -> None:
    result = await context.main.result(context.static(context.vm(), "tap7"))
    same(
        json.loads(result.interfaces[0].firecracker_interface.json),
        {"iface_id": "1", "host_dev_name": "tap7"},
        "the body",
    )


@check("REQ-RESULT-005", "REQ-RESULT-006")
async def without_addresses_there_is_no_boot_parameter_and_no_namespace(context: Context) -> None:
    result = await context.main.result(context.static(context.vm()))
    same((result.ip_boot_param, result.netns_path), ("", ""), "ip_boot_param and netns_path")


@check("REQ-RESULT-006")
async def a_static_address_is_in_the_boot_parameter(context: Context) -> None:
    asked = context.static(context.vm(), address=True)
    ip = asked.spec.network_interfaces.interfaces[0].static_configuration.ip_configuration
    ip.if_name = "eth0"
    ip.nameservers.extend(["192.0.2.1", "192.0.2.2"])
    result = await context.main.result(asked)
    same(
        result.ip_boot_param,
        "198.51.100.2::198.51.100.1:255.255.255.0::eth0:off:192.0.2.1:192.0.2.2:",
        "ip_boot_param",
    )


@check("REQ-RESULT-007")
async def interfaces_with_mmds_are_listed(context: Context) -> None:
    asked = context.static(context.vm(), "tapA", "tapB", "tapC")
    for number in (0, 2):
        asked.spec.network_interfaces.interfaces[number].allow_mmds = True
    result = await context.main.result(asked)
    same(list(result.mmds_interface_ids), ["1", "3"], "mmds_interface_ids")


@check("REQ-RESULT-001", "REQ-RESULT-005", "REQ-RESULT-006", "REQ-RESULT-008", needs="networks.plain")
async def the_result_of_a_cni_network_is_enough_for_a_vmm(context: Context) -> None:
    vm_id = context.vm()
    result = await context.main.result(context.cni(vm_id))
    (one,) = result.interfaces
    expect(result.netns_path.endswith(f"/{vm_id}"), f"netns_path {result.netns_path}")
    expect(not result.netns_adopted, "netns_adopted is true for a namespace that was made")
    expect(one.static_configuration.host_dev_name, "no tap")
    same(one.static_configuration.host_dev_name, one.vm_conf.tap_name, "the tap, twice")
    expect(one.vm_conf.vm_ip_configs, "vm_ip_configs is empty")
    address = one.vm_conf.vm_ip_config.address.partition("/")[0]
    expect(result.ip_boot_param.startswith(f"{address}::"), f"ip_boot_param {result.ip_boot_param}")
    expect(json.loads(one.cni_result.json)["cniVersion"], "the CNI result has no cniVersion")
    body = json.loads(one.firecracker_interface.json)
    same(body["host_dev_name"], one.static_configuration.host_dev_name, "host_dev_name of the body")


@check("REQ-SPEC-004", needs="networks.plain")
async def mtu_is_in_the_body_only_for_a_vmm_that_takes_it(context: Context) -> None:
    for accepts in (False, True):
        asked = context.cni(context.vm())
        asked.spec.firecracker_accepts_mtu = accepts
        (one,) = (await context.main.result(asked)).interfaces
        body = json.loads(one.firecracker_interface.json)
        same("mtu" in body, accepts, f"mtu in {body}")


@check("REQ-CNI-005", needs="script")
async def an_empty_if_name_is_eth0(context: Context) -> None:
    result = await context.main.result(context.scripted(context.vm()))
    names = {one.get("name") for one in json.loads(result.interfaces[0].cni_result.json)["interfaces"]}
    expect("eth0" in names, f"no eth0 among {names}")


# Events of each attempt.


@check("REQ-PROGRESS-001", "REQ-PROGRESS-002", "REQ-PROGRESS-003", needs="script")
async def a_plugin_that_says_try_again_is_tried_again_and_each_try_is_told(context: Context) -> None:
    vm_id = context.vm()
    context.script(vm_id, ADD=[{"error": 11, "msg": "once"}, {"error": 11, "msg": "twice"}])
    await context.main.set_up(context.scripted(vm_id))
    events = await context.main.set_up(context.scripted(vm_id))
    tries = [
        one.progress
        for one in events
        if one.progress.step == vm_network_pb2.STEP_CNI_ADD
        and one.progress.state in {vm_network_pb2.STEP_STATE_RETRYING, vm_network_pb2.STEP_STATE_SUCCEEDED}
    ]
    R, S = vm_network_pb2.STEP_STATE_RETRYING, vm_network_pb2.STEP_STATE_SUCCEEDED  # noqa: N806
    same([(one.state, one.attempt) for one in tries], [(R, 1), (R, 2), (S, 3)], "state and attempt")
    for one, said in zip(tries, ("once", "twice"), strict=False):
        expect(one.HasField("retry_delay"), "RETRYING without retry_delay")
        same((one.failure.cni_error.code, one.failure.cni_error.msg), (11, said), "why")
    same(context.count(vm_id, "ADD"), 3, "calls of ADD")


@check("REQ-PROGRESS-004", needs="script")
async def each_call_of_a_plugin_is_told(context: Context) -> None:
    vm_id = context.vm()
    context.script(vm_id, ADD=[{"error": 11, "msg": "not now"}])
    await context.main.set_up(context.scripted(vm_id))
    called = [
        one.progress.plugin_call
        for one in await context.main.set_up(context.scripted(vm_id))
        if one.progress.state == vm_network_pb2.STEP_STATE_PLUGIN_CALLED
        and one.progress.step == vm_network_pb2.STEP_CNI_ADD
    ]
    positions = max((one.position for one in called), default=0)
    ours = [one for one in called if one.position == positions and one.command == "ADD"]
    same(
        [(one.failed, one.code, one.message != "", one.attempt) for one in ours],
        [(True, 11, True, 1), (False, 0, False, 2)],
        "failed, code, message and attempt of the last plugin's calls",
    )
    expect(all(one.type for one in called), "a call without the plugin's type")


@check("REQ-SETUP-001")
async def a_spec_without_interfaces_is_a_network_too(context: Context) -> None:
    asked = pb.SetupNetworkRequest(vm_id=context.vm())
    asked.spec.network_interfaces.SetInParent()
    events = await context.main.set_up(asked)
    well_formed(events)
    same(len(events[-1].result.interfaces), 0, "interfaces")
    # And the last of its stream is not missed by a reader that stops at the result.
    same(await drained(context.main.stub.SetupNetwork(asked, timeout=PATIENCE)) != [], True, "a replay")
