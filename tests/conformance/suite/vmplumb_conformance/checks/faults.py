"""Plugins that fail, hang and print garbage; kernels that refuse; agents that go away in the middle."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc

from vmplumb.v1 import errors_pb2, vm_network_pb2
from vmplumb.v1 import network_agent_service_pb2 as pb
from vmplumb_conformance.checks.reading import watching
from vmplumb_conformance.checks.rules import gone, script_next_del
from vmplumb_conformance.context import Context, begin
from vmplumb_conformance.registry import check
from vmplumb_conformance.wire import (
    PATIENCE,
    Refusal,
    expect,
    one_of,
    refusal_of,
    refused,
    result_of,
    same,
    torn,
)

READY, FAILED = vm_network_pb2.PHASE_READY, vm_network_pb2.PHASE_FAILED
NO = {"error": 100, "msg": "the script says no", "details": "for ever"}


async def failing(context: Context, vm_id: str, **fields: Any) -> Refusal:
    return await refused(context.main.set_up(context.scripted(vm_id, **fields)))


@check("REQ-SETUP-112", "REQ-ERROR-004", "REQ-ERROR-005", "REQ-RECORD-006", needs="script")
async def the_plugin_s_error_is_in_the_refusal_and_in_the_record(context: Context) -> None:
    vm_id = context.vm()
    context.script(vm_id, otherwise={"ADD": NO})
    told = (await failing(context, vm_id)).is_a("INTERNAL", "CNI_ADD_FAILED")
    assert told.failure is not None
    error = told.failure.cni_error
    same((error.code, error.msg, error.details), (100, NO["msg"], NO["details"]), "the plugin's error")
    expect(error.plugin, "the failing plugin is not named")
    same(list(told.failure.leftovers), [], "leftovers")
    record = await context.main.get(vm_id)
    same((record.phase, record.last_failure.cni_error), (FAILED, error), "phase and last_failure.cni_error")
    same(list(record.leftovers), [], "leftovers of the record")


@check("REQ-SETUP-112", "REQ-SETUP-001", needs="script")
async def a_plugin_that_prints_garbage_fails_the_set_up(context: Context) -> None:
    for number, text in enumerate(("garbage", '{"cniVersion":', "[1, 2]", "{} {}")):
        vm_id = context.vm()
        context.script(vm_id, otherwise={"ADD": {"print": text}})
        (await failing(context, vm_id)).is_a("INTERNAL", "CNI_ADD_FAILED")
        expect(context.count(vm_id, "DEL") > 0, f"no DEL after garbage {number}")


@check("REQ-SETUP-112", "REQ-ERROR-004", needs="script")
async def a_plugin_that_ends_without_a_word_has_code_0(context: Context) -> None:
    vm_id = context.vm()
    context.script(vm_id, otherwise={"ADD": {"exit": 3}})
    told = (await failing(context, vm_id)).is_a("INTERNAL", "CNI_ADD_FAILED")
    assert told.failure is not None
    expect(told.failure.HasField("cni_error"), "no cni_error although a plugin was the cause")
    same(told.failure.cni_error.code, 0, "its code")


@check("REQ-SETUP-112", needs="script")
async def a_set_up_that_fails_is_taken_back(context: Context) -> None:
    vm_id = context.vm()
    context.script(vm_id, otherwise={"ADD": NO})
    await failing(context, vm_id)
    last = [line for line in context.calls(vm_id) if line.endswith("begin")][-1]
    same(last, "DEL begin", "the last call of the plugin")


@check("REQ-CNI-002", "REQ-RULE-007", needs="script")
async def the_end_of_a_plugin_s_standard_error_is_kept(context: Context) -> None:
    vm_id = context.vm()
    text = "".join(f"line {number:04d} of many that a plugin says\n" for number in range(400))
    context.script(vm_id, otherwise={"ADD": {"stderr": text, "exit": 1}})
    told = (await failing(context, vm_id)).is_a("INTERNAL", "CNI_ADD_FAILED")
    assert told.failure is not None
    short = told.failure.cni_error.stderr_tail
    long = (await context.main.get(vm_id)).last_failure.cni_error.stderr_tail
    for tail, most in ((short, 1024), (long, 4096)):
        expect(0 < len(tail.encode()) <= most, f"a tail of {len(tail.encode())} bytes, the limit is {most}")
        expect(text.rstrip().endswith(tail.rstrip()[-30:]), f"not the end of what was said: {tail[-60:]!r}")
    expect(long.endswith(short), "the status's tail is not the end of the record's")


@check("REQ-RECORD-010", needs="script")
async def a_plugin_that_says_a_lot_makes_no_big_record(context: Context) -> None:
    vm_id = context.vm()
    context.script(vm_id, otherwise={"ADD": {"error": 100, "msg": "m" * 600_000, "details": "d" * 600_000}})
    await failing(context, vm_id)
    size = (await context.main.get(vm_id)).ByteSize()
    expect(size < 1024 * 1024, f"the record has {size} bytes, the limit is 1 MiB")


@check("REQ-SETUP-113", "REQ-RULE-006", "REQ-PROGRESS-003", needs="script")
async def try_again_later_outlasts_the_retries(context: Context) -> None:
    vm_id = context.vm()
    context.script(vm_id, otherwise={"ADD": {"error": 11, "msg": "later"}})
    told = (await failing(context, vm_id)).is_a("UNAVAILABLE", "CNI_TRY_AGAIN_LATER")
    assert told.failure is not None
    same((told.failure.cni_error.code, told.failure.retryable), (11, True), "code and retryable")
    expect(told.retry_after is not None and told.retry_after > 0, "no RetryInfo")
    expect(context.count(vm_id, "ADD") > 1, "it was not tried again")
    same((await context.main.get(vm_id)).phase, FAILED, "the phase")


@check("REQ-SETUP-117", "REQ-SETUP-020", needs="script")
async def an_operation_that_runs_out_of_time_says_so_and_is_taken_back(context: Context) -> None:
    vm_id = context.vm()
    context.script(vm_id, ADD=[{"wait": "never"}])
    told = await failing(context, vm_id, seconds=1.5)
    told.is_a("DEADLINE_EXCEEDED", "OPERATION_TIMEOUT")
    assert told.failure is not None
    same(list(told.failure.leftovers), [], "leftovers")
    same((await context.main.get(vm_id)).phase, FAILED, "the phase")


async def failed_with_leftovers(context: Context) -> str:
    """A FAILED record whose undoing failed too."""
    vm_id = context.vm()
    context.script(vm_id, otherwise={"ADD": NO})
    # A server may call DEL before ADD; only what comes after ADD is to fail.
    context.script(vm_id, ADD=[{"wait": "go", **NO}], otherwise={"ADD": NO})
    setting_up = begin(failing(context, vm_id))
    await context.called(vm_id, "ADD")
    done = context.count(vm_id, "DEL")
    context.script(
        vm_id, ADD=[{"wait": "go", **NO}], DEL=[{} for _ in range(done)], otherwise={"ADD": NO, "DEL": NO}
    )
    context.open(vm_id, "go")
    told = (await setting_up).is_a("INTERNAL", "CNI_ADD_FAILED")
    assert told.failure is not None
    expect(told.failure.leftovers, "the undoing failed and there are no leftovers")
    return vm_id


@check("REQ-ERROR-005", "REQ-RECORD-008", needs="script")
async def what_could_not_be_undone_is_told_and_kept(context: Context) -> None:
    vm_id = await failed_with_leftovers(context)
    record = await context.main.get(vm_id)
    expect(record.leftovers, "the record has no leftovers")
    expect(
        all(one.kind and one.what for one in record.leftovers),
        f"a leftover without kind or name: {record.leftovers}",
    )
    expect(any(one.will_retry for one in record.leftovers), "none is tried again")


@check("REQ-SETUP-111", "REQ-SETUP-017", "REQ-SETUP-013", needs="script")
async def without_force_a_failing_del_keeps_the_old_record(context: Context) -> None:
    vm_id = await failed_with_leftovers(context)
    old = await context.main.get(vm_id)
    (await failing(context, vm_id)).is_a("INTERNAL", "CNI_DEL_FAILED")
    record = await context.main.get(vm_id)
    same((record.uid, record.phase), (old.uid, FAILED), "uid and phase")


@check("REQ-SETUP-016", "REQ-CNI-006", needs="script")
async def with_force_a_failing_del_is_a_warning_and_a_leftover(context: Context) -> None:
    vm_id = await failed_with_leftovers(context)
    old = await context.main.get(vm_id)
    calls = context.count(vm_id, "DEL")
    context.script(vm_id, DEL=[{} for _ in range(calls)], otherwise={"DEL": NO})
    events = await context.main.set_up(context.scripted(vm_id, force=True))
    result_of(events)
    expect(events[-1].uid != old.uid, "the uid is the old one")
    again = await context.main.set_up(context.scripted(vm_id, force=True))
    warned = {one.reason for event in again for one in (*event.progress.warnings, *event.result.warnings)}
    expect(errors_pb2.WARNING_REASON_DEL_FAILED in warned, f"warnings {warned}")
    status = await context.main.status()
    record = await context.main.get(vm_id)
    kept: list[object] = list(record.leftovers) or [
        one for one in status.pending_releases if one.uid == old.uid
    ]
    expect(kept, "what stayed behind is kept nowhere")


@check("REQ-SETUP-015", needs="script")
async def what_is_left_is_undone_from_the_old_record_s_own_data(context: Context) -> None:
    """The new spec has nothing to do with the old network."""
    vm_id = await failed_with_leftovers(context)
    before = context.count(vm_id, "DEL")
    context.script(vm_id)
    result_of(await context.main.set_up(context.static(vm_id)))
    expect(context.count(vm_id, "DEL") > before, "DEL of the old network was not invoked")


@check("REQ-SETUP-116", needs="act.break_kernel act.mend_kernel script server.spare")
async def a_kernel_that_refuses_outside_a_plugin_is_told(context: Context) -> None:
    spare = context.server("spare")
    vm_id = context.vm(spare)
    context.script(vm_id, ADD=[{"wait": "go"}])
    setting_up = begin(refused(spare.set_up(context.scripted(vm_id))))
    await context.called(vm_id, "ADD")
    await context.stage.act("break_kernel")
    try:
        context.open(vm_id, "go")
        told = (await setting_up).is_a("INTERNAL", "KERNEL_FAULT")
        assert told.failure is not None
        expect(told.failure.kernel_error.error_name, f"kernel_error does not name the errno: {told.failure}")
    finally:
        await context.stage.act("mend_kernel")
    await context.serves(spare)
    await context.until(lambda: no_leftovers(context, vm_id), "what was left is taken back")


async def no_leftovers(context: Context, vm_id: str) -> bool:
    spare = context.server("spare")
    try:
        return not (await spare.get(vm_id)).leftovers
    except grpc.RpcError as exc:
        return refusal_of(exc).reason == "VM_NOT_FOUND"


@check(
    "REQ-DESCRIBE-102",
    "REQ-DIAGNOSE-102",
    needs="act.break_kernel act.mend_kernel networks.plain server.spare",
)
async def a_kernel_that_refuses_to_be_looked_at_is_told(context: Context) -> None:
    spare = context.server("spare")
    vm_id = context.vm(spare)
    await spare.set_up(context.cni(vm_id))
    diagnoses = pb.CAPABILITY_DIAGNOSE_HOST in (await spare.status()).capabilities
    await context.stage.act("break_kernel")
    try:
        (await refused(spare.describe(vm_id))).is_a("INTERNAL", "KERNEL_FAULT")
        if diagnoses:
            # What a diagnosis asks the kernel is the server's affair, and so is whether it is refused.
            try:
                await spare.diagnose()
            except grpc.RpcError as exc:
                refusal_of(exc).is_a("INTERNAL", "KERNEL_FAULT")
    finally:
        await context.stage.act("mend_kernel")
    await context.serves(spare)


@check("REQ-TEARDOWN-104", needs="act.break_kernel act.mend_kernel networks.plain server.spare")
async def a_teardown_that_the_kernel_refuses_keeps_the_record_and_is_mended(context: Context) -> None:
    spare = context.server("spare")
    vm_id = context.vm(spare)
    await spare.set_up(context.cni(vm_id))
    await context.stage.act("break_kernel")
    try:
        try:
            # Whether a teardown needs what the kernel refuses is the server's affair.
            await spare.tear_down(vm_id)
        except grpc.RpcError as exc:
            told = refusal_of(exc)
            told.is_whole()
            one_of(told.reason, ("KERNEL_FAULT", "CNI_DEL_FAILED"), "the reason")
            same((await spare.get(vm_id)).phase, FAILED, "the phase")
        else:
            expect(await gone(spare, vm_id), "OK, and the record is still there")
    finally:
        await context.stage.act("mend_kernel")
    await context.serves(spare)
    await spare.tear_down(vm_id)
    expect(await gone(spare, vm_id), "the record is still there")


# The agent goes away.


@check("REQ-SETUP-012", "REQ-RECORD-002", "REQ-RECORD-005", needs="act.crash server.spare")
async def a_ready_network_outlives_a_crash(context: Context) -> None:
    spare = context.server("spare")
    asked = context.static(context.vm(spare), address=True)
    events = await spare.set_up(asked)
    record = await spare.get(asked.vm_id)
    await context.stage.act("crash")
    await context.serves(spare)
    after = await spare.get(asked.vm_id)
    same((after.uid, after.phase, after.result), (record.uid, READY, record.result), "uid, phase and result")
    same(after.spec_hash, record.spec_hash, "spec_hash")
    again = await spare.set_up(asked)
    same(
        (again[-1].uid, again[-1].sequence, again[-1].replayed, again[-1].result),
        (events[-1].uid, events[-1].sequence, True, events[-1].result),
        "uid, sequence, replayed and result of the same call again",
    )
    changed = context.static(asked.vm_id, "tap9")
    (await refused(spare.set_up(changed))).is_a("ALREADY_EXISTS", "SPEC_CONFLICT")


@check("REQ-RECORD-003", "REQ-STATUS-004", needs="act.crash server.spare")
async def revisions_do_not_fall_after_a_crash(context: Context) -> None:
    spare = context.server("spare")
    await spare.set_up(context.static(context.vm(spare)))
    before = (await spare.status()).revision
    await context.stage.act("crash")
    await context.serves(spare)
    expect((await spare.status()).revision >= before, "the agent's revision fell")
    vm_id = context.vm(spare)
    await spare.set_up(context.static(vm_id))
    expect((await spare.get(vm_id)).revision > before, "a new network has an old revision")


@check("REQ-SETUP-019", needs="act.crash server.spare")
async def resume_after_a_crash_gets_the_result_where_the_server_says_so(context: Context) -> None:
    spare = context.server("spare")
    asked = context.static(context.vm(spare))
    last = (await spare.set_up(asked))[-1]
    await context.stage.act("crash")
    await context.serves(spare)
    asked.resume.uid, asked.resume.sequence = last.uid, last.sequence - 1
    if pb.CAPABILITY_DURABLE_RESUME in (await spare.status()).capabilities:
        same((await spare.set_up(asked))[-1].result, last.result, "the result")
        return
    # Without the capability it may be lost, but not be another.
    try:
        same((await spare.set_up(asked))[-1].result, last.result, "the result")
    except grpc.RpcError as exc:
        refusal_of(exc).is_a("OUT_OF_RANGE", "RESUME_POSITION_LOST")


@check("REQ-SETUP-013", "REQ-RULE-008", needs="act.crash script server.spare")
async def a_set_up_that_a_crash_interrupted_is_undone_and_may_be_repeated(context: Context) -> None:
    spare = context.server("spare")
    vm_id = context.vm(spare)
    context.script(vm_id, ADD=[{"wait": "go"}])
    setting_up = begin(spare.set_up(context.scripted(vm_id)))
    await context.called(vm_id, "ADD")
    uid = (await spare.get(vm_id)).uid
    await context.stage.act("crash")
    await asyncio.wait([setting_up])
    await context.serves(spare)
    context.open(vm_id, "go")

    async def undone() -> bool:
        return await gone(spare, vm_id) or (await spare.get(vm_id)).phase == FAILED

    await context.until(undone, "what was interrupted is FAILED or forgotten")
    events = await spare.set_up(context.scripted(vm_id))
    result_of(events)
    expect(events[-1].uid != uid, "the uid is the old one")


@check("REQ-TEARDOWN-013", "REQ-ERROR-006", needs="act.crash script server.spare")
async def what_is_still_to_be_given_back_outlives_a_crash(context: Context) -> None:
    spare = context.server("spare")
    vm_id = context.vm(spare)
    await spare.set_up(context.scripted(vm_id))
    await script_next_del(context, vm_id, dict(NO))
    expect(torn(await spare.tear_down(vm_id, force=True)).existed, "existed is false")
    await context.stage.act("crash")
    await context.serves(spare)

    async def pending() -> bool:
        return any(one.vm_id == vm_id for one in (await spare.status()).pending_releases)

    expect(await pending(), "GetStatus has no PendingRelease of it any more")
    await script_next_del(context, vm_id, {})

    async def settled() -> bool:
        return not await pending()

    await context.until(settled, "what stayed behind is given back")


@check("REQ-WATCH-103", needs="act.drain act.restart script server.spare")
async def a_watch_is_told_that_the_agent_goes_and_can_be_resumed(context: Context) -> None:
    spare = context.server("spare")
    vm_id = context.vm(spare)
    context.script(vm_id, ADD=[{"wait": "go"}])
    setting_up = begin(spare.set_up(context.scripted(vm_id)))
    await context.called(vm_id, "ADD")
    async with watching(spare) as watch:
        last = (await watch.bookmark()).revision
        await context.stage.act("drain")

        async def read() -> None:
            while True:
                await asyncio.wait_for(watch.next(), PATIENCE)

        (await refused(read())).is_a("UNAVAILABLE", "AGENT_NOT_READY")
        last = max(last, *(one.revision for one in watch.events))
    context.open(vm_id, "go")
    await setting_up
    await context.stage.act("restart")
    await context.serves(spare)
    async with watching(spare, after_revision=last) as resumed:
        try:
            await spare.tear_down(vm_id)
            await resumed.change(vm_id)
        except grpc.RpcError as exc:
            refusal_of(exc).is_a("OUT_OF_RANGE", "RESUME_POSITION_LOST")


@check("REQ-RECORD-001", needs="act.restart server.spare")
async def networks_stay_while_the_agent_is_restarted(context: Context) -> None:
    spare = context.server("spare")
    vms = [context.vm(spare) for _ in range(3)]
    for vm_id in vms:
        await spare.set_up(context.static(vm_id))
    await spare.tear_down(vms[0])
    await context.stage.act("restart")
    await context.serves(spare)
    expect(await gone(spare, vms[0]), "a network that was torn down is back")
    for vm_id in vms[1:]:
        same((await spare.get(vm_id)).phase, READY, "the phase of what was there")
