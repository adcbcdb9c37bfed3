"""The rules for every RPC: validation, unknown fields, what a refusal carries, what the end of a call means."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import empty_pb2, json_format
from google.protobuf.message import Message

from vmplumb.v1 import errors_pb2, vm_network_pb2
from vmplumb.v1 import network_agent_service_pb2 as pb
from vmplumb_conformance.context import QUIET, Context, begin
from vmplumb_conformance.registry import add, check
from vmplumb_conformance.wire import (
    PATIENCE,
    Refusal,
    Server,
    Skipped,
    drained,
    expect,
    refusal_of,
    refused,
    result_of,
    same,
)

VECTORS: list[dict[str, Any]] = json.loads(Path(__file__).parents[1].joinpath("vectors.json").read_text())
# Field 1023, of wire type 2, one byte long: nobody's.
ALIEN = b"\xfa\x3f\x01x"


async def ask(server: Server, message: Message) -> Refusal | None:
    """Send a request to the RPC it belongs to, in a way that does nothing; what it is refused with."""
    name = message.DESCRIPTOR.name.removesuffix("Request")
    if isinstance(message, pb.SetupNetworkRequest):
        message.validate_only = True
    elif isinstance(message, pb.CollectGarbageRequest):
        message.dry_run = True
    elif isinstance(message, pb.WatchNetworksRequest):
        message.ClearField("after_revision")  # from a snapshot, whose end comes at once
    call = getattr(server.stub, name)(message, timeout=PATIENCE)
    try:
        if isinstance(message, pb.WatchNetworksRequest):
            await call.read()
            call.cancel()
        elif hasattr(call, "__aiter__"):
            await drained(call)
        else:
            await call
    except grpc.RpcError as exc:
        return refusal_of(exc)
    return None


def vector_check(vector: dict[str, Any]) -> Callable[[Context], Awaitable[None]]:
    async def body(context: Context) -> None:
        message = json_format.ParseDict(vector["json"], getattr(pb, vector["message"])())
        told = await ask(context.main, message)
        if not vector["want"]:
            # What else is wrong with it, on this host, is no rule of the contract.
            expect(told is None or told.reason != "INVALID_REQUEST", f"refused: {told}")
            return
        expect(told is not None, "not refused")
        assert told is not None
        told.is_a("INVALID_ARGUMENT", "INVALID_REQUEST")
        same(told.rules, sorted(vector["want"]), "the rules it breaks")
        if "fields" in vector:
            same(sorted(one for one, _, _ in told.violations), sorted(vector["fields"]), "the fields")

    return body


for _vector in VECTORS:
    _ids = ["REQ-RULE-001", "REQ-RULE-002"]
    if "cni_configuration.capability_args" in _vector["want"]:
        _ids.append("REQ-CNI-004")
    add(f"vector {_vector['id']}", tuple(_ids), "", vector_check(_vector))


def three_faults(context: Context) -> pb.SetupNetworkRequest:
    asked = context.static(context.vm(), "tap0", address=True, kernel_args="ip=dhcp")
    static = asked.spec.network_interfaces.interfaces[0].static_configuration
    static.mac_address = "none"
    static.ip_configuration.gateway = "2001:db8::1"
    return asked


@check("REQ-RULE-001", "REQ-RULE-101")
async def a_request_that_breaks_a_rule_has_no_effect(context: Context) -> None:
    asked = three_faults(context)
    revision = (await context.main.status()).revision
    (await refused(context.main.set_up(asked))).is_a("INVALID_ARGUMENT", "INVALID_REQUEST")
    (await refused(context.main.get(asked.vm_id))).is_a("NOT_FOUND", "VM_NOT_FOUND")
    expect(
        all(one.vm_id != asked.vm_id for one in await context.main.networks()), "it left a record in the list"
    )
    same((await context.main.status()).revision >= revision, True, "the revision does not fall")


@check("REQ-RULE-001")
async def a_broken_rule_is_told_before_anything_else_is_looked_at(context: Context) -> None:
    """Even where the idempotency table alone would refuse."""
    vm_id = context.vm()
    await context.main.set_up(context.static(vm_id))
    asked = three_faults(context)
    asked.vm_id = vm_id
    (await refused(context.main.set_up(asked))).is_a("INVALID_ARGUMENT", "INVALID_REQUEST")
    same((await context.main.get(vm_id)).phase, vm_network_pb2.PHASE_READY, "the phase")


@check("REQ-RULE-002", "REQ-RULE-005")
async def all_violations_are_in_one_answer_with_field_rule_and_message(context: Context) -> None:
    told = await refused(context.main.set_up(three_faults(context)))
    told.is_a("INVALID_ARGUMENT", "INVALID_REQUEST")
    place = "spec.network_interfaces.interfaces[0].static_configuration"
    same(
        sorted((field, rule) for field, rule, _ in told.violations),
        [
            ("", "network_spec.ip_with_kernel_arg"),
            (f"{place}.ip_configuration.gateway", "ip_configuration.gateway"),
            (f"{place}.mac_address", "string.pattern"),
        ],
        "field and rule of each violation",
    )
    expect(all(message for _, _, message in told.violations), "a violation without a message")


@check("REQ-RULE-005")
async def the_message_of_a_cel_rule_is_the_contract_s(context: Context) -> None:
    asked = context.static(context.vm())
    asked.spec.network_interfaces.interfaces[0].static_configuration.host_dev_name = ""
    told = (await refused(context.main.set_up(asked))).is_a("INVALID_ARGUMENT", "INVALID_REQUEST")
    same(
        [message for _, _, message in told.violations],
        ["HostDevName must be provided if StaticNetworkConfiguration is provided"],
        "its message",
    )


@check("REQ-RULE-003", "REQ-RULE-102")
async def an_unknown_field_of_a_set_up_is_refused_wherever_it_is(context: Context) -> None:
    top, deep = context.static(context.vm()), context.static(context.vm())
    top.MergeFromString(ALIEN)
    deep.spec.network_interfaces.interfaces[0].static_configuration.MergeFromString(ALIEN)
    for asked in (top, deep):
        (await refused(context.main.set_up(asked))).is_a("INVALID_ARGUMENT", "UNKNOWN_FIELD")
        (await refused(context.main.get(asked.vm_id))).is_a("NOT_FOUND", "VM_NOT_FOUND")


@check("REQ-RULE-003", "REQ-RULE-102")
async def an_unknown_field_of_a_teardown_is_refused_and_the_network_stays(context: Context) -> None:
    vm_id = context.vm()
    await context.main.set_up(context.static(vm_id))
    asked = pb.TeardownNetworkRequest(vm_id=vm_id)
    asked.MergeFromString(ALIEN)
    call = context.main.stub.TeardownNetwork(asked, timeout=PATIENCE)
    (await refused(drained(call))).is_a("INVALID_ARGUMENT", "UNKNOWN_FIELD")
    same((await context.main.get(vm_id)).phase, vm_network_pb2.PHASE_READY, "the phase")


@check("REQ-RULE-003", "REQ-RULE-102")
async def an_unknown_field_of_a_collection_is_refused(context: Context) -> None:
    asked = pb.CollectGarbageRequest(valid_vm_ids=["a"], as_of_revision=0, dry_run=True)
    asked.MergeFromString(ALIEN)
    told = await ask(context.main, asked)
    expect(told is not None, "not refused")
    assert told is not None
    told.is_a("INVALID_ARGUMENT", "UNKNOWN_FIELD")


@check("REQ-RULE-003", "REQ-RULE-102")
async def an_unknown_field_of_a_cordon_is_refused(context: Context) -> None:
    status = await context.main.status()
    if pb.CAPABILITY_CORDON not in status.capabilities:
        raise Skipped("the server does not have CAPABILITY_CORDON")
    # A server that takes it all the same is left as it is.
    asked = pb.CordonHostRequest(cordoned=status.HasField("cordon"), reason=status.cordon.reason)
    asked.MergeFromString(ALIEN)
    told = await refused(context.main.stub.CordonHost(asked, timeout=PATIENCE))
    if told.reason == "ACCESS_DENIED":
        raise Skipped("the caller may not cordon this host")
    told.is_a("INVALID_ARGUMENT", "UNKNOWN_FIELD")


@check("REQ-RULE-003")
async def a_reading_request_may_have_fields_that_the_server_does_not_know(context: Context) -> None:
    await context.main.stub.ListNetworks(pb.ListNetworksRequest.FromString(ALIEN), timeout=PATIENCE)
    await context.main.stub.GetStatus(pb.GetStatusRequest.FromString(ALIEN), timeout=PATIENCE)


@check("REQ-RULE-004", "REQ-ERROR-001", "REQ-ERROR-002", "REQ-ERROR-003")
async def a_refusal_names_the_vm_and_carries_its_failure(context: Context) -> None:
    vm_id = context.vm()
    told = (await refused(context.main.get(vm_id))).is_a("NOT_FOUND", "VM_NOT_FOUND")
    assert told.info is not None
    assert told.failure is not None
    same(told.info.metadata.get("vm_id"), vm_id, 'ErrorInfo.metadata["vm_id"]')
    same(told.failure.reason, errors_pb2.ERROR_REASON_VM_NOT_FOUND, "Failure.reason")
    same(told.failure.grpc_code, 5, "Failure.grpc_code")
    expect(told.failure.message, "Failure.message is empty")


@check("REQ-RULE-101", "REQ-GET-101", "REQ-SETUP-101")
async def what_must_be_mended_first_is_not_called_retryable(context: Context) -> None:
    vm_id = context.vm()
    await context.main.set_up(context.static(vm_id, "tap0"))
    for act in (
        context.main.set_up(three_faults(context)),
        context.main.get(context.vm()),
        context.main.set_up(context.static(vm_id, "tap1")),
    ):
        told = await refused(act)
        told.is_whole()
        assert told.failure is not None
        same((told.reason, told.failure.retryable), (told.reason, False), "reason and retryable")


@check("REQ-RULE-004")
async def a_refused_stream_carries_the_same_details_as_a_refused_call(context: Context) -> None:
    vm_id = context.vm()
    asked = context.static(vm_id, resume=pb.ResumePosition(uid="nobody", sequence=1))
    told = (await refused(context.main.set_up(asked))).is_a("OUT_OF_RANGE", "RESUME_POSITION_LOST")
    assert told.info is not None
    same(told.info.metadata.get("vm_id"), vm_id, 'ErrorInfo.metadata["vm_id"]')


@check("REQ-RULE-006")
async def retry_info_is_there_only_where_a_retry_helps(context: Context) -> None:
    told = [
        await refused(context.main.get(context.vm())),
        await refused(context.main.set_up(three_faults(context))),
        await refused(
            context.main.set_up(context.static(context.vm(), resume=pb.ResumePosition(uid="nobody")))
        ),
    ]
    for one in told:
        same(one.retry_after, None, f"RetryInfo of {one.reason}")


@check("REQ-RULE-007")
async def many_violations_are_cut_to_six_kibibytes_and_the_last_says_so(context: Context) -> None:
    asked = context.static(context.vm(), *[f"tap{number}" for number in range(32)])
    for one in asked.spec.network_interfaces.interfaces:
        one.static_configuration.mac_address = "not a MAC address"
        one.static_configuration.host_dev_name = "a name that is too long for a device"
    told = (await refused(context.main.set_up(asked))).is_a("INVALID_ARGUMENT", "INVALID_REQUEST")
    *kept, (_, last, words) = told.violations
    same(last, "truncated", "the rule of the last violation")
    expect(all(rule != "truncated" for _, rule, _ in kept), "truncated stands before the end")
    expect(str(64 - len(kept)) in words, f"{words!r} does not say that {64 - len(kept)} more were left out")


@check("REQ-RULE-109")
async def an_rpc_that_the_server_does_not_have_is_unimplemented(context: Context) -> None:
    call = context.main.channel.unary_unary(
        "/vmplumb.v1.NetworkAgentService/ConformanceAsksForNothing",
        request_serializer=empty_pb2.Empty.SerializeToString,
        response_deserializer=empty_pb2.Empty.FromString,
    )
    told = await refused(call(empty_pb2.Empty(), timeout=PATIENCE))
    same((told.code.name, told.reason), ("UNIMPLEMENTED", "(none)"), "the refusal")


@check("REQ-RULE-008", needs="script")
async def a_cancelled_call_does_not_end_its_set_up(context: Context) -> None:
    vm_id = context.vm()
    context.script(vm_id, ADD=[{"wait": "go"}])
    call = context.main.stub.SetupNetwork(context.scripted(vm_id), timeout=PATIENCE)
    reading = begin(drained(call))
    await context.called(vm_id, "ADD")
    call.cancel()
    await asyncio.wait([reading])
    await goes_on(context, vm_id)


@check("REQ-RULE-008", needs="script")
async def a_broken_connection_does_not_end_its_set_up(context: Context) -> None:
    vm_id = context.vm()
    context.script(vm_id, ADD=[{"wait": "go"}])
    other = Server(address=context.main.address, tls=context.main.tls)
    reading = begin(other.set_up(context.scripted(vm_id)))
    await context.called(vm_id, "ADD")
    await other.close()
    await asyncio.wait([reading])
    await goes_on(context, vm_id)


async def goes_on(context: Context, vm_id: str) -> None:
    """A set-up whose caller has gone comes to its end, and the next caller gets its result."""
    await asyncio.sleep(QUIET)
    record = await context.main.get(vm_id)
    same(record.phase, vm_network_pb2.PHASE_SETTING_UP, "the phase after the caller went")
    context.open(vm_id, "go")
    events = await context.main.set_up(context.scripted(vm_id))
    result_of(events)
    same(events[-1].uid, record.uid, "the uid the next caller gets")
    same(context.count(vm_id, "ADD"), 1, "calls of ADD")


@check("REQ-RULE-008", "REQ-SETUP-020", needs="script")
async def a_caller_s_deadline_does_not_end_its_set_up_and_has_no_error_info(context: Context) -> None:
    vm_id = context.vm()
    context.script(vm_id, ADD=[{"wait": "go"}])
    for seconds in (0.5, 2.0, 8.0):
        told = await refused(context.main.set_up(context.scripted(vm_id), timeout=seconds))
        same(
            (told.code.name, told.reason),
            ("DEADLINE_EXCEEDED", "(none)"),
            "what the caller's own library says",
        )
        if not await gone(context.main, vm_id):  # else the call did not come as far as the server
            break
    await context.called(vm_id, "ADD")
    await goes_on(context, vm_id)


@check("REQ-RULE-008", needs="script")
async def a_cancelled_call_does_not_end_its_teardown(context: Context) -> None:
    vm_id = context.vm()
    context.script(vm_id, DEL=[{}], otherwise={"DEL": {"wait": "go"}})
    await context.main.set_up(context.scripted(vm_id))
    await script_next_del(context, vm_id, {"wait": "go"})
    call = context.main.stub.TeardownNetwork(pb.TeardownNetworkRequest(vm_id=vm_id), timeout=PATIENCE)
    before = context.count(vm_id, "DEL")
    reading = begin(drained(call))
    await context.called(vm_id, "DEL", before + 1)
    call.cancel()
    await asyncio.wait([reading])
    context.open(vm_id, "go")
    await context.until(lambda: gone(context.main, vm_id), "the teardown ends by itself")


async def script_next_del(context: Context, vm_id: str, *steps: dict[str, Any]) -> None:
    """From now on DEL does these steps, the last one for ever. A server may have called DEL before ADD."""
    done = context.count(vm_id, "DEL")
    context.script(vm_id, DEL=[*({} for _ in range(done)), *steps], otherwise={"DEL": steps[-1]})


async def gone(server: Server, vm_id: str) -> bool:
    """Whether the record is forgotten."""
    try:
        await server.get(vm_id)
    except grpc.RpcError as exc:
        return refusal_of(exc).reason == "VM_NOT_FOUND"
    return False


@check("REQ-RULE-009", "REQ-SETUP-103", needs="script")
async def a_teardown_ends_a_set_up_whose_callers_hear_of_it(context: Context) -> None:
    vm_id = context.vm()
    context.script(vm_id, ADD=[{"wait": "go"}])
    setting_up = begin(refused(context.main.set_up(context.scripted(vm_id))))
    await context.called(vm_id, "ADD")
    tearing_down = begin(context.main.tear_down(vm_id))
    # A server may wait for the plugin or end it.
    await context.arrived()
    context.open(vm_id, "go")
    (await setting_up).is_a("ABORTED", "TORN_DOWN")
    result = (await tearing_down)[-1].result
    expect(result.existed, "existed is false")
    expect(await gone(context.main, vm_id), "the record is still there")


@check("REQ-RULE-010", needs="script")
async def at_most_one_operation_runs_on_a_vm_at_a_time(context: Context) -> None:
    """Callers of every kind at once; the plugin's calls take a while and never overlap."""
    vm_id = context.vm()
    context.script(vm_id, otherwise={command: {"last": 0.02} for command in ("ADD", "DEL", "CHECK")})
    asked = context.scripted(vm_id)

    async def one(number: int) -> None:
        try:
            if number % 3 == 2:
                await context.main.tear_down(vm_id)
            else:
                await context.main.set_up(asked)
        except grpc.RpcError as exc:
            told = refusal_of(exc)
            expect(
                told.reason in {"TORN_DOWN", "OPERATION_PENDING"}, f"refused: {told.reason}: {told.message}"
            )

    await asyncio.gather(*(one(number) for number in range(12)))
    await context.main.tear_down(vm_id)
    open_calls: list[str] = []
    for line in context.calls(vm_id):
        command, _, edge = line.partition(" ")
        if edge == "begin":
            expect(not open_calls, f"{command} began during {open_calls}: {context.calls(vm_id)}")
            open_calls.append(command)
        else:
            open_calls.remove(command)


@check("REQ-RULE-011", "REQ-SETUP-104", needs="networks.plain paths.forbidden")
async def a_path_that_the_operator_does_not_list_is_refused(context: Context) -> None:
    forbidden = context.stage.paths["forbidden"]
    for fields in ({"bin_path": [forbidden]}, {"conf_dir": forbidden}, {"cache_dir": forbidden}):
        await not_allowed(context, context.cni(context.vm(), **fields))
    await not_allowed(context, context.cni(context.vm(), netns_path=f"{forbidden}/ns"))


@check("REQ-RULE-011", "REQ-SETUP-104", needs="networks.plain paths.link")
async def a_path_counts_after_its_links_and_dots_are_resolved(context: Context) -> None:
    link = context.stage.paths["link"]
    await not_allowed(context, context.cni(context.vm(), netns_path=f"{link}/ns"))
    await not_allowed(context, context.cni(context.vm(), netns_path=f"{Path(link).parent}/../../ns"))


async def not_allowed(context: Context, asked: pb.SetupNetworkRequest) -> None:
    (await refused(context.main.set_up(asked))).is_a("PERMISSION_DENIED", "PATH_NOT_ALLOWED")
    (await refused(context.main.get(asked.vm_id))).is_a("NOT_FOUND", "VM_NOT_FOUND")


@check("REQ-CNI-003", needs="networks.plain")
async def cni_args_of_more_than_64_kib_are_refused_with_their_rule(context: Context) -> None:
    half = "x" * (32 * 1024)
    asked = context.cni(context.vm(), args=[{"key": "A", "value": half}, {"key": "B", "value": half}])
    told = (await refused(context.main.set_up(asked))).is_a("INVALID_ARGUMENT", "INVALID_REQUEST")
    same(told.rules, ["cni_configuration.args_size"], "the rules it breaks")


@check("REQ-RULE-104", needs="act.break_journal act.mend_journal server.spare")
async def a_journal_that_cannot_be_written_is_told_and_nothing_begins(context: Context) -> None:
    spare = context.server("spare")
    there, asked = context.static(context.vm(spare)), context.static(context.vm(spare))
    await spare.set_up(there)
    await context.stage.act("break_journal")
    try:
        (await refused(spare.set_up(asked))).is_a("UNAVAILABLE", "JOURNAL_FAILED")
        (await refused(spare.tear_down(there.vm_id))).is_a("UNAVAILABLE", "JOURNAL_FAILED")
        same((await spare.get(there.vm_id)).phase, vm_network_pb2.PHASE_READY, "the phase of what stands")
    finally:
        await context.stage.act("mend_journal")
    await context.serves(spare)
    result_of(await spare.set_up(asked))


@check(
    "REQ-CORDON-001",
    "REQ-CORDON-002",
    "REQ-CORDON-003",
    "REQ-CORDON-004",
    "REQ-STATUS-007",
    needs="act.restart server.spare",
)
async def a_cordoned_host_begins_nothing_and_keeps_what_it_has(context: Context) -> None:
    spare = context.server("spare")
    if pb.CAPABILITY_CORDON not in (await spare.status()).capabilities:
        raise Skipped("the server does not have CAPABILITY_CORDON")
    there, asked = context.static(context.vm(spare)), context.static(context.vm(spare))
    await spare.set_up(there)
    expect(not (await spare.status()).HasField("cordon"), "a cordon that nobody asked for")
    cordon = (await spare.cordon(cordoned=True, reason="a new kernel")).cordon
    try:
        expect(cordon.HasField("since_time"), "no since_time")
        for again in (False, True):
            (await refused(spare.set_up(asked))).is_a("UNAVAILABLE", "AGENT_NOT_READY")
            status = await spare.status()
            expect(not status.ready, "ready is true while no network may begin")
            same(
                (status.cordon.since_time, status.cordon.reason),
                (cordon.since_time, "a new kernel"),
                "cordon",
            )
            result_of(await spare.set_up(there))
            same((await spare.get(there.vm_id)).phase, vm_network_pb2.PHASE_READY, "the phase of what stands")
            if not again:
                await context.stage.act("restart")
                await context.answers(spare)
        repeated = (await spare.cordon(cordoned=True, reason="another")).cordon
        same((repeated.since_time, repeated.reason), (cordon.since_time, "another"), "the cordon, said again")
        await spare.tear_down(there.vm_id)
    finally:
        expect(not (await spare.cordon(cordoned=False)).HasField("cordon"), "a cordon that was lifted")
    expect((await spare.status()).ready, "not ready after the cordon was lifted")
    result_of(await spare.set_up(asked))


@check("REQ-CORDON-101", needs="act.break_journal act.mend_journal server.spare")
async def a_cordon_that_cannot_be_written_down_is_none(context: Context) -> None:
    spare = context.server("spare")
    if pb.CAPABILITY_CORDON not in (await spare.status()).capabilities:
        raise Skipped("the server does not have CAPABILITY_CORDON")
    await context.stage.act("break_journal")
    try:
        (await refused(spare.cordon(cordoned=True))).is_a("UNAVAILABLE", "JOURNAL_FAILED")
        expect((await spare.status()).ready, "not ready by a cordon that was refused")
    finally:
        await context.stage.act("mend_journal")
    await context.serves(spare)


@check("REQ-RULE-108", "REQ-STATUS-101", needs="act.break_self act.mend_self server.spare")
async def a_fault_of_the_agent_itself_is_told_as_such(context: Context) -> None:
    spare = context.server("spare")
    await context.stage.act("break_self")
    try:
        (await refused(spare.set_up(context.static(context.vm(spare))))).is_a("INTERNAL", "INTERNAL")
        (await refused(spare.status())).is_a("INTERNAL", "INTERNAL")
    finally:
        await context.stage.act("mend_self")


@check("REQ-RULE-103", "REQ-STATUS-001", "REQ-STATUS-003", needs="act.drain act.restart script server.spare")
async def a_draining_agent_refuses_and_answers_get_status(context: Context) -> None:
    spare = context.server("spare")
    vm_id = context.vm(spare)
    context.script(vm_id, ADD=[{"wait": "go"}])
    expect((await spare.status()).ready, "the spare server is not ready")
    setting_up = begin(spare.set_up(context.scripted(vm_id)))
    await context.called(vm_id, "ADD")
    await context.stage.act("drain")

    async def refuses() -> Refusal | None:
        told = await ask(spare, context.static(context.vm(spare)))
        if told is not None:
            return told
        asked = context.static(context.vm(spare))
        try:
            await spare.set_up(asked)
        except grpc.RpcError as exc:
            return refusal_of(exc)
        return None

    told = await context.until(refuses, "a set-up is refused")
    told.is_a("UNAVAILABLE", "AGENT_NOT_READY")
    expect(not (await spare.status()).ready, "ready is true while it refuses set-ups")
    context.open(vm_id, "go")
    result_of(await setting_up)
    await context.stage.act("restart")
    await context.serves(spare)
    same((await spare.get(vm_id)).phase, vm_network_pb2.PHASE_READY, "what ran to its end during the drain")


@check("REQ-ERROR-001")
async def a_server_that_lacks_something_says_so_in_the_contract_s_words(context: Context) -> None:
    """Whatever a server refuses here, the reason is one of the contract's."""
    asked = pb.SetupNetworkRequest(vm_id=context.vm(), validate_only=True)
    inline = json.dumps({"name": "n", "cniVersion": "1.0.0", "plugins": [{"type": "vmplumb-no-such-plugin"}]})
    asked.spec.network_interfaces.interfaces.add(
        cni_configuration={"network_config": {"json": inline.encode()}}
    )
    told = await ask(context.main, asked)
    if told is None:
        raise Skipped("the server takes a plugin that nobody has")
    told.is_whole()
