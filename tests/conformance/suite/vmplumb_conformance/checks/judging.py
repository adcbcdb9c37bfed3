"""CheckNetwork, DescribeNetwork, CollectGarbage, DiagnoseHost, GetStatus."""

from __future__ import annotations

import asyncio
import re

from vmplumb.v1 import network_agent_service_pb2 as pb
from vmplumb.v1 import vm_network_pb2
from vmplumb_conformance.checks.rules import gone
from vmplumb_conformance.context import PREFIX, Context, begin
from vmplumb_conformance.registry import check
from vmplumb_conformance.wire import Server, Skipped, expect, refused, same

READY = vm_network_pb2.PHASE_READY
SEMVER = re.compile(r"\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?")


# CheckNetwork.


@check("REQ-CHECK-001", "REQ-CHECK-002")
async def a_network_that_is_well_has_no_findings(context: Context) -> None:
    vm_id = context.vm()
    await context.main.set_up(context.static(vm_id))
    same(list((await context.main.check(vm_id)).findings), [], "findings")


@check("REQ-CHECK-002", "REQ-CHECK-003", needs="networks.plain")
async def a_cni_network_that_is_well_has_no_findings(context: Context) -> None:
    vm_id = context.vm()
    await context.main.set_up(context.cni(vm_id))
    answer = await context.main.check(vm_id)
    same((list(answer.findings), answer.cni_check_skipped), ([], False), "findings and cni_check_skipped")


@check("REQ-CHECK-001", needs="script")
async def what_cni_check_says_is_a_finding_and_no_error(context: Context) -> None:
    vm_id = context.vm()
    context.script(vm_id, otherwise={"CHECK": {"error": 101, "msg": "the script finds fault"}})
    await context.main.set_up(context.scripted(vm_id))
    findings = (await context.main.check(vm_id)).findings
    expect(any(one.cni_error.code == 101 for one in findings), f"not among the findings: {findings}")
    same(context.count(vm_id, "CHECK"), 1, "calls of CHECK")
    same((await context.main.get(vm_id)).phase, READY, "the phase")


@check("REQ-CHECK-003", needs="networks.unchecked")
async def cni_check_is_left_out_where_the_list_says_so(context: Context) -> None:
    vm_id = context.vm()
    await context.main.set_up(context.cni(vm_id, context.stage.networks["unchecked"]))
    expect((await context.main.check(vm_id)).cni_check_skipped, "cni_check_skipped is false")


@check("REQ-CHECK-101")
async def a_check_of_what_is_not_there_is_not_found(context: Context) -> None:
    (await refused(context.main.check(context.vm()))).is_a("NOT_FOUND", "VM_NOT_FOUND")


@check("REQ-CHECK-102", needs="script")
async def a_check_of_a_failed_network_is_refused(context: Context) -> None:
    vm_id = context.vm()
    context.script(vm_id, otherwise={"ADD": {"error": 100}})
    await refused(context.main.set_up(context.scripted(vm_id)))
    (await refused(context.main.check(vm_id))).is_a("FAILED_PRECONDITION", "WRONG_PHASE")


@check("REQ-CHECK-103", needs="script")
async def a_check_during_an_operation_is_refused(context: Context) -> None:
    vm_id = context.vm()
    context.script(vm_id, ADD=[{"wait": "go"}])
    setting_up = begin(context.main.set_up(context.scripted(vm_id)))
    await context.called(vm_id, "ADD")
    told = (await refused(context.main.check(vm_id))).is_a("ABORTED", "OPERATION_PENDING")
    expect(told.retry_after is None or told.retry_after > 0, f"RetryInfo of {told.retry_after} s")
    context.open(vm_id, "go")
    await setting_up


# DescribeNetwork.


@check("REQ-DESCRIBE-001")
async def a_description_has_the_record(context: Context) -> None:
    vm_id = context.vm()
    await context.main.set_up(context.static(vm_id))
    same((await context.main.describe(vm_id)).network, await context.main.get(vm_id), "the record")


@check("REQ-DESCRIBE-001", needs="networks.plain")
async def a_description_has_the_devices_from_the_vm_to_the_host(context: Context) -> None:
    vm_id = context.vm()
    result = await context.main.result(context.cni(vm_id))
    told = await context.main.describe(vm_id)
    expect(told.netns_exists, "netns_exists is false")
    roles = [one.role for one in told.devices]
    same(roles, sorted(roles), "devices from the VM's side to the host's")
    (tap,) = [one for one in told.devices if one.role == vm_network_pb2.DEVICE_ROLE_TAP]
    same(tap.name, result.interfaces[0].static_configuration.host_dev_name, "the tap")
    same(tap.netns_path, result.netns_path, "where the tap is")


@check("REQ-DESCRIBE-101")
async def a_description_of_what_is_not_there_is_not_found(context: Context) -> None:
    (await refused(context.main.describe(context.vm()))).is_a("NOT_FOUND", "VM_NOT_FOUND")


# CollectGarbage. What this run did not make is never collected.


async def foreign(server: Server) -> list[str]:
    found = [one.vm_id for one in await server.networks() if not one.vm_id.startswith(PREFIX)]
    if len(found) > 9000:
        raise Skipped(f"the server holds {len(found)} networks of others, which a request cannot name")
    return found


async def collect(server: Server, *valid: str, **fields: object) -> pb.CollectGarbageResponse:
    others = [*await foreign(server), *valid]
    revision = fields.pop("as_of_revision", None) or (await server.page(page_size=1)).revision
    return await server.collect(
        valid_vm_ids=others, allow_empty=not others, as_of_revision=revision, **fields
    )


@check("REQ-COLLECT-001")
async def a_collection_takes_what_is_not_valid_and_leaves_what_is(context: Context) -> None:
    stays, goes = context.vm(), context.vm()
    for vm_id in (stays, goes):
        await context.main.set_up(context.static(vm_id))
    uid = (await context.main.get(goes)).uid
    answer = await collect(context.main, stays)
    (fate,) = [one for one in answer.collected if one.vm_id == goes]
    same((fate.uid, fate.HasField("failure")), (uid, False), "uid, and whether it failed")
    expect(all(one.vm_id != stays for one in answer.collected), "a valid network is among the collected")
    expect(await gone(context.main, goes), "what is not valid is still there")
    same((await context.main.get(stays)).phase, READY, "the phase of what is valid")


@check("REQ-COLLECT-001", "REQ-COLLECT-006")
async def a_collection_keeps_what_is_younger_than_its_list(context: Context) -> None:
    old, young = context.vm(), context.vm()
    await context.main.set_up(context.static(old))
    revision = (await context.main.page(page_size=1)).revision
    await context.main.set_up(context.static(young))
    answer = await collect(context.main, as_of_revision=revision)
    same([one.vm_id for one in answer.collected if one.vm_id in {old, young}], [old], "what was collected")
    same((await context.main.get(young)).phase, READY, "the phase of the younger")


@check("REQ-COLLECT-006")
async def a_collection_as_of_revision_0_takes_nothing(context: Context) -> None:
    """0 is a revision, and nothing is as old."""
    vm_id = context.vm()
    await context.main.set_up(context.static(vm_id))
    others = await foreign(context.main)
    answer = await context.main.collect(valid_vm_ids=others, allow_empty=not others, as_of_revision=0)
    same([one.vm_id for one in answer.collected], [], "what was collected")
    same((await context.main.get(vm_id)).phase, READY, "the phase")


@check("REQ-COLLECT-001", needs="script")
async def a_collection_takes_what_failed_too(context: Context) -> None:
    vm_id = context.vm()
    context.script(vm_id, otherwise={"ADD": {"error": 100}})
    await refused(context.main.set_up(context.scripted(vm_id)))
    answer = await collect(context.main)
    expect(vm_id in {one.vm_id for one in answer.collected}, "a FAILED network is not among the collected")
    expect(await gone(context.main, vm_id), "its record is still there")


@check("REQ-COLLECT-005")
async def a_dry_run_tells_and_does_nothing(context: Context) -> None:
    vm_id = context.vm()
    await context.main.set_up(context.static(vm_id))
    record = await context.main.get(vm_id)
    answer = await collect(context.main, dry_run=True)
    expect(vm_id in {one.vm_id for one in answer.collected}, "what would be collected is not told")
    same(await context.main.get(vm_id), record, "the record")


@check("REQ-COLLECT-005", "REQ-COLLECT-003", needs="networks.owned script")
async def a_dry_run_invokes_no_gc(context: Context) -> None:
    if pb.CAPABILITY_CNI_GC not in (await context.main.status()).capabilities:
        raise Skipped("the server does not have CAPABILITY_CNI_GC")
    owned = context.stage.networks["owned"]
    await context.main.set_up(context.cni(context.vm(), owned))
    log = context.scripts / "host.log"
    log.unlink(missing_ok=True)
    answer = await collect(context.main, dry_run=True)
    same(list(answer.cni_gc_networks), [owned], "cni_gc_networks")
    expect(not log.exists(), "the plugin was called")


@check("REQ-COLLECT-002", needs="script")
async def a_collection_leaves_a_running_set_up_alone(context: Context) -> None:
    vm_id = context.vm()
    context.script(vm_id, ADD=[{"wait": "go"}])
    setting_up = begin(context.main.set_up(context.scripted(vm_id)))
    await context.called(vm_id, "ADD")
    answer = await collect(context.main)
    expect(all(one.vm_id != vm_id for one in answer.collected), "it is among the collected")
    context.open(vm_id, "go")
    same((await setting_up)[-1].WhichOneof("event"), "result", "the end of the set-up")
    same((await context.main.get(vm_id)).phase, READY, "the phase")


@check("REQ-COLLECT-004", needs="script")
async def what_cannot_be_collected_is_told_in_the_answer(context: Context) -> None:
    bad, good = context.vm(), context.vm()
    await context.main.set_up(context.scripted(bad))
    await context.main.set_up(context.static(good))
    context.script(bad, otherwise={"DEL": {"error": 100}})
    answer = await collect(context.main)
    fates = {one.vm_id: one for one in answer.collected}
    expect(fates[bad].HasField("failure"), "the failing one has no failure")
    same(fates[bad].failure.cni_error.code, 100, "the plugin's code")
    expect(not fates[good].HasField("failure"), "the other one failed too")
    expect(await gone(context.main, good), "the other one is still there")


@check("REQ-COLLECT-101", needs="script")
async def a_collection_during_another_is_refused(context: Context) -> None:
    vm_id = context.vm()
    await context.main.set_up(context.scripted(vm_id))
    before = context.count(vm_id, "DEL")
    context.script(vm_id, DEL=[*({} for _ in range(before)), {"wait": "go"}])
    first = begin(collect(context.main))
    await context.called(vm_id, "DEL", before + 1)
    told = (await refused(collect(context.main))).is_a("ABORTED", "OPERATION_PENDING")
    expect(told.retry_after is None or told.retry_after > 0, f"RetryInfo of {told.retry_after} s")
    context.open(vm_id, "go")
    await first


@check("REQ-COLLECT-003", needs="networks.owned script")
async def cni_gc_runs_on_the_operator_s_own_networks_alone(context: Context) -> None:
    owned = context.stage.networks["owned"]
    for network in (owned, context.stage.script_network):
        await context.main.set_up(context.cni(context.vm(), network))
    if pb.CAPABILITY_CNI_GC not in (await context.main.status()).capabilities:
        raise Skipped("the server does not have CAPABILITY_CNI_GC")
    keep = [one.vm_id for one in await context.main.networks()]
    log = context.scripts / "host.log"
    log.unlink(missing_ok=True)
    answer = await collect(context.main, *keep)
    same(list(answer.cni_gc_networks), [owned], "cni_gc_networks")
    same(log.read_text().splitlines(), [f"GC {owned}"], "the plugin's calls of GC")


@check("REQ-COLLECT-102")
async def collect_leaks_is_refused_where_it_is_not_supported(context: Context) -> None:
    status = await context.main.status()
    if pb.CAPABILITY_COLLECT_LEAKS in status.capabilities:
        await collect(
            context.main,
            *[one.vm_id for one in await context.main.networks()],
            collect_leaks=True,
            dry_run=True,
        )
        return
    told = await refused(collect(context.main, collect_leaks=True, dry_run=True))
    told.is_a("FAILED_PRECONDITION", "UNSUPPORTED")


# DiagnoseHost.


async def diagnoses(context: Context) -> None:
    if pb.CAPABILITY_DIAGNOSE_HOST not in (await context.main.status()).capabilities:
        raise Skipped("the server does not have CAPABILITY_DIAGNOSE_HOST")


@check("REQ-DIAGNOSE-001")
async def a_diagnosis_changes_nothing(context: Context) -> None:
    await diagnoses(context)
    vm_id = context.vm()
    await context.main.set_up(context.static(vm_id))
    record = await context.main.get(vm_id)
    told = await context.main.diagnose()
    expect(told.revision >= record.revision, "its revision is older than the network")
    expect(not any(one.done for one in told.findings), "a finding is done")
    same(await context.main.get(vm_id), record, "the record")


@check("REQ-DIAGNOSE-002", "REQ-DIAGNOSE-003")
async def either_half_of_a_diagnosis_can_be_left_out(context: Context) -> None:
    await diagnoses(context)
    same(list((await context.main.diagnose(skip_findings=True)).findings), [], "findings")
    same(list((await context.main.diagnose(skip_preflight=True)).preflight), [], "preflight")
    both = await context.main.diagnose(skip_findings=True, skip_preflight=False)
    expect(both.preflight, "preflight is empty")
    expect(all(one.name for one in both.preflight), "a check without a name")


@check("REQ-DIAGNOSE-101")
async def a_diagnosis_during_another_is_refused_if_it_is_refused_at_all(context: Context) -> None:
    """Whether two meet is the server's speed; what is told when they do is the contract's."""
    await diagnoses(context)
    calls = [begin(context.main.diagnose()) for _ in range(8)]
    await asyncio.wait(calls)
    answered = [one for one in calls if one.exception() is None]
    expect(answered, "none was answered")
    for one in calls:
        if one.exception() is not None:
            told = (await refused(one)).is_a("ABORTED", "OPERATION_PENDING")
            expect(told.retry_after is None or told.retry_after > 0, f"RetryInfo of {told.retry_after} s")


# GetStatus.


@check("REQ-STATUS-002")
async def status_tells_name_versions_and_start(context: Context) -> None:
    status = await context.main.status()
    expect(status.agent_name, "agent_name is empty")
    expect(SEMVER.fullmatch(status.agent_version), f"agent_version {status.agent_version!r} is no semver")
    expect(
        SEMVER.fullmatch(status.contract_version),
        f"contract_version {status.contract_version!r} is no semver",
    )
    expect(
        status.contract_version.startswith("1."), f"contract_version {status.contract_version} of vmplumb.v1"
    )
    expect(status.HasField("start_time"), "no start_time")
    expect(pb.CAPABILITY_UNSPECIFIED not in status.capabilities, "CAPABILITY_UNSPECIFIED is sent")


@check("REQ-STATUS-003")
async def status_says_ready_and_a_set_up_is_accepted(context: Context) -> None:
    expect((await context.main.status()).ready, "ready is false")
    await context.main.set_up(context.static(context.vm()))


@check("REQ-STATUS-004")
async def status_has_the_revision_of_the_newest_change(context: Context) -> None:
    vm_id = context.vm()
    await context.main.set_up(context.static(vm_id))
    status = await context.main.status()
    expect(status.revision >= (await context.main.get(vm_id)).revision, "older than a network")
    same(status.revision, (await context.main.page(page_size=1)).revision, "the revision of a list")


@check("REQ-STATUS-005")
async def status_counts_networks(context: Context) -> None:
    before = (await context.main.status()).figures
    for _ in range(2):
        await context.main.set_up(context.static(context.vm()))
    after = (await context.main.status()).figures
    same(after.ready_networks - before.ready_networks, 2, "more READY networks")
    same(after.networks - before.networks, 2, "more networks")
    expect(after.networks <= after.max_networks, "more networks than max_networks")


@check("REQ-STATUS-005", needs="script")
async def status_counts_only_ready_networks_as_ready(context: Context) -> None:
    before = (await context.main.status()).figures
    vm_id = context.vm()
    context.script(vm_id, otherwise={"ADD": {"error": 100}})
    await refused(context.main.set_up(context.scripted(vm_id)))
    after = (await context.main.status()).figures
    same(after.ready_networks, before.ready_networks, "READY networks")
    same(after.networks, before.networks + 1, "networks")
