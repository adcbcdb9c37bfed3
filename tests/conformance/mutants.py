"""Servers that are wrong on purpose, each in one sentence of the contract, which its docstring quotes.

They were thought up by reading the contract and asking how somebody could get that sentence wrong, with no look
at the checks. The first quoted passage of a docstring is the contract's own words; a test finds it in the protos.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

from google.protobuf.message import Message

from tests.conformance.reference import (
    FAILED,
    MUTATING,
    REMOVED,
    SET_UP,
    TEAR_DOWN,
    TEARING_DOWN,
    Caller,
    Journal,
    Network,
    Operation,
    Options,
    PluginFails,
    Record,
    Reference,
    Refuse,
    World,
)
from vmplumb.v1 import errors_pb2, vm_network_pb2
from vmplumb.v1 import network_agent_service_pb2 as pb
from vmplumb_conformance import plugin

# Rules for every RPC.


class TellsOneViolation(Reference):
    """ "All violations are in one answer." It stops at the first."""

    def judge(self, request: Message) -> list[tuple[str, str, str]]:
        return super().judge(request)[:1]


class WritesBeforeItLooks(Reference):
    """ "MUST NOT have a side effect if one is violated." The record is made before the rules are checked."""

    async def set_up(
        self, request: pb.SetupNetworkRequest, caller: Caller
    ) -> AsyncIterator[pb.SetupNetworkResponse]:
        if self.judge(request) and request.vm_id not in self.journal.records and not request.validate_only:
            self.write(
                self.new_record(Operation(SET_UP, request.vm_id, "early", caller.name), request), FAILED
            )
        async for event in super().set_up(request, caller):
            yield event


class LooksForUnknownFieldsAtTheTop(Reference):
    """ "with a field it does not know, anywhere in the message." Messages inside are not looked at."""

    def alien(self, request: Message) -> Iterator[str]:
        return (one for one in super().alien(request) if "." not in one)


class RefusesUnknownFieldsOfReaders(Reference):
    """ "A server MUST refuse a mutating request" It refuses every request with an unknown field."""

    def admit(self, request: Message, caller: Caller) -> None:
        if unknown := list(self.alien(request)):
            raise Refuse("UNKNOWN_FIELD", str(unknown), violations=[("", "unknown_field", "no")])
        super().admit(request, caller)


class ForgetsTheVmId(Reference):
    """ "ErrorInfo.metadata["vm_id"] if there is one" It never names the VM."""

    def status_details(self, refusal: Refuse, vm_id: str) -> bytes:
        return super().status_details(refusal, "")


class SendsAFailureOfAnotherReason(Reference):
    """ "Machine-readable reason." The stored failure says INTERNAL whatever the status says."""

    def status_details(self, refusal: Refuse, vm_id: str) -> bytes:
        refusal.failure.reason = errors_pb2.ERROR_REASON_INTERNAL
        return super().status_details(refusal, vm_id)


class CutsViolationsSilently(Reference):
    """ "the last violation then has the reason "truncated" and says how many more there are" It does not say."""

    def bad_request(self, refusal: Refuse) -> Any:
        bad = super().bad_request(refusal)
        if bad.field_violations[-1].reason == "truncated":
            del bad.field_violations[-1]
        return bad


class SendsBigDetails(Reference):
    """ "The details of a status stay below 6 KiB serialized" A plugin's whole standard error goes along."""

    def tail(self, text: str, size: int) -> str:
        return text[-6500:]


class EndsWithItsCaller(Reference):
    """ "MUST NOT end the operation it began." A set-up lives as long as the stream that began it."""

    async def set_up(
        self, request: pb.SetupNetworkRequest, caller: Caller
    ) -> AsyncIterator[pb.SetupNetworkResponse]:
        before = self.running.get(request.vm_id)
        try:
            async for event in super().set_up(request, caller):
                yield event
        finally:
            running = self.running.get(request.vm_id)
            if running is not None and running is not before and running.kind is SET_UP:
                self.end_set_up(running)


class LetsTwoOperationsRun(Reference):
    """ "At most one operation runs on a vm_id at a time." A teardown does not wait for the set-up to end."""

    def end_set_up(self, running: Operation) -> None:
        running.done.set()


class ComparesPathsAsTheyStand(Reference):
    """ "A path in a request is compared with the operator's lists after its links" Text is compared."""

    def resolve(self, path: str) -> str:
        return path


class ShowsEverybodyEverything(Reference):
    """ "another's is to it as if it were not there" Every caller sees every network."""

    def sees(self, caller: Caller, owner: str) -> bool:
        return True


class HidesThatAnIdIsTaken(Reference):
    """ "Only SetupNetwork must tell that a vm_id is taken" A stranger's set-up replaces the network."""

    def decide(self, request: pb.SetupNetworkRequest, caller: Caller) -> Operation | None:
        record = self.journal.records.get(request.vm_id)
        if record is not None and record.shown.owner != caller.name:
            return None
        return super().decide(request, caller)


class NamesNoLimit(Reference):
    """ "a limit that the operator sets for one caller or one request is reached" It does not name which."""

    def status_details(self, refusal: Refuse, vm_id: str) -> bytes:
        refusal.limit = ""
        return super().status_details(refusal, vm_id)


class ServesStrangers(Reference):
    """ "caller is not authenticated" It serves whoever comes."""

    def admit(self, request: Message, caller: Caller) -> None:
        super().admit(request, caller if caller.name else Caller(name="somebody"))


# Set-up.


class CountsFromZero(Reference):
    """ "`sequence` starts at 1 for a `uid` and increases by 1" Each event is told under the number before."""

    async def set_up(
        self, request: pb.SetupNetworkRequest, caller: Caller
    ) -> AsyncIterator[pb.SetupNetworkResponse]:
        async for event in super().set_up(request, caller):
            event.sequence -= 1
            yield event


class CountsByTwo(Reference):
    """ "`sequence` starts at 1 for a `uid` and increases by 1" It increases by 2."""

    async def set_up(
        self, request: pb.SetupNetworkRequest, caller: Caller
    ) -> AsyncIterator[pb.SetupNetworkResponse]:
        async for event in super().set_up(request, caller):
            event.sequence = 2 * event.sequence - 1
            yield event


class SaysNothingAtTheEnd(Reference):
    """ "a server MAY skip `progress` events, never `result`." A caller that attached gets no result."""

    async def set_up(
        self, request: pb.SetupNetworkRequest, caller: Caller
    ) -> AsyncIterator[pb.SetupNetworkResponse]:
        attached = request.vm_id in self.running
        async for event in super().set_up(request, caller):
            if not attached or event.WhichOneof("event") != "result":
                yield event


class BeginsAgainWhenReady(Reference):
    """ "OK: replays; no plugin is invoked" The same spec is set up anew."""

    def decide(self, request: pb.SetupNetworkRequest, caller: Caller) -> Operation | None:
        found = super().decide(request, caller)
        return None if found is not None and found.done.is_set() else found


class TakesAnotherSpec(Reference):
    """ "the vm_id exists with a different spec." Another spec gets the old network."""

    def spec_bytes(self, request: pb.SetupNetworkRequest) -> bytes:
        record = self.journal.records.get(request.vm_id)
        if record is not None:
            return record.spec.SerializeToString(deterministic=True)
        return super().spec_bytes(request)


class KeepsTheUidOfAFailure(Reference):
    """ "undoes the rest, begins under a new uid" The uid of the failed one is kept."""

    def begin(self, request: pb.SetupNetworkRequest, caller: Caller) -> Operation:
        self.kept = self.journal.records.get(request.vm_id)
        return super().begin(request, caller)

    def new_uid(self) -> str:
        kept = getattr(self, "kept", None)
        self.kept = None
        return kept.shown.uid if kept is not None else super().new_uid()


class QueuesBehindATeardown(Reference):
    """ "teardown of vm_id is running" A set-up attaches to the teardown and waits, instead of being refused."""

    async def set_up(
        self, request: pb.SetupNetworkRequest, caller: Caller
    ) -> AsyncIterator[pb.SetupNetworkResponse]:
        running = self.running.get(request.vm_id)
        if running is not None and running.kind is TEAR_DOWN:
            await running.done.wait()
        async for event in super().set_up(request, caller):
            yield event


class UndoesByTheNewSpec(Reference):
    """ "is undone first, from the old record's own data." What the new spec names is undone."""

    async def undo_old(self, operation: Operation, request: pb.SetupNetworkRequest) -> None:
        old = self.journal.records.get(operation.vm_id)
        if old is not None:
            interfaces = request.spec.network_interfaces.interfaces
            old.attached = [
                one.cni_configuration.network_name for one in interfaces if one.HasField("cni_configuration")
            ]
        await super().undo_old(operation, request)


class ForcesWithoutForce(Reference):
    """ "without `force` the answer is CNI_DEL_FAILED and the old record stays." It goes on without `force`."""

    async def undo_old(self, operation: Operation, request: pb.SetupNetworkRequest) -> None:
        for one in request.spec.network_interfaces.interfaces:
            if one.HasField("cni_configuration"):
                one.cni_configuration.force = True
        await super().undo_old(operation, request)


class ForcesInSilence(Reference):
    """ "failing DELs are told as warnings and kept as leftovers" They are not told."""

    def warn(self, operation: Operation, failed: PluginFails) -> None:
        pass


class BeginsOnResume(Reference):
    """ "`resume.uid` are sent, and nothing ever begins" A uid that is not held begins a set-up."""

    async def set_up(
        self, request: pb.SetupNetworkRequest, caller: Caller
    ) -> AsyncIterator[pb.SetupNetworkResponse]:
        if request.HasField("resume") and request.resume.uid not in self.held:
            request.ClearField("resume")
        async for event in super().set_up(request, caller):
            yield event


class ResumesInclusively(Reference):
    """ "only events after `resume.sequence` of `resume.uid` are sent" The event itself is sent again."""

    async def set_up(
        self, request: pb.SetupNetworkRequest, caller: Caller
    ) -> AsyncIterator[pb.SetupNetworkResponse]:
        if request.resume.sequence > 0:
            request.resume.sequence -= 1
        async for event in super().set_up(request, caller):
            yield event


class ForgetsFailures(Reference):
    """ "gets the rest and then its result or its stored failure" A failed uid is held no longer."""

    def resumed(
        self, kind: type[Message], vm_id: str, position: pb.ResumePosition, caller: Caller
    ) -> Operation:
        held = self.held.get(position.uid)
        if held is not None and held.refusal is not None:
            raise Refuse("RESUME_POSITION_LOST", "it failed")
        return super().resumed(kind, vm_id, position, caller)


class GivesTheCallersDeadlineItsOwnName(Reference):
    """ "DEADLINE_EXCEEDED: the server's own time for the operation ran out" It answers CANCELLED's cousin."""

    def translate(self, refusal: Refuse) -> Refuse:
        if refusal.reason == "OPERATION_TIMEOUT":
            return Refuse("TORN_DOWN", str(refusal))
        return refusal


class TakesTheTimeoutOfWhoAttaches(Reference):
    """ "Ignored when attaching." The shortest operation_timeout wins."""

    async def set_up(
        self, request: pb.SetupNetworkRequest, caller: Caller
    ) -> AsyncIterator[pb.SetupNetworkResponse]:
        running = self.running.get(request.vm_id)
        if running is not None and request.HasField("operation_timeout"):
            asyncio.get_running_loop().call_later(self.seconds(request, 1), self.end_set_up, running)
        async for event in super().set_up(request, caller):
            yield event


class ComparesKernelArgs(Reference):
    """ "whitespace separates arguments. Not part of the spec." kernel_args are compared with the spec."""

    def decide(self, request: pb.SetupNetworkRequest, caller: Caller) -> Operation | None:
        self.args: dict[str, str] = getattr(self, "args", {})
        if self.args.setdefault(request.vm_id, request.kernel_args) != request.kernel_args:
            raise Refuse("SPEC_CONFLICT", "other kernel_args")
        return super().decide(request, caller)


class DoesWhatItShouldOnlyValidate(Reference):
    """ "included) and nothing is done; the stream ends with OK and no event." It sets up all the same."""

    def validate_only(self, request: pb.SetupNetworkRequest, caller: Caller) -> None:
        super().validate_only(request, caller)
        if self.decide(request, caller) is None:
            self.begin(request, caller)


class ValidatesTheRulesAlone(Reference):
    """ "the request is checked as usual (idempotency table included)" The rules alone are checked."""

    def validate_only(self, request: pb.SetupNetworkRequest, caller: Caller) -> None:
        pass


class MarksNothingReplayed(Reference):
    """ "True if the event happened before this call attached." It is never true."""

    async def set_up(
        self, request: pb.SetupNetworkRequest, caller: Caller
    ) -> AsyncIterator[pb.SetupNetworkResponse]:
        async for event in super().set_up(request, caller):
            event.replayed = False
            yield event


class MarksEverythingReplayedForWhoAttaches(Reference):
    """ "True if the event happened before this call attached." Whoever attaches gets everything as replayed."""

    async def set_up(
        self, request: pb.SetupNetworkRequest, caller: Caller
    ) -> AsyncIterator[pb.SetupNetworkResponse]:
        attached = request.vm_id in self.running
        async for event in super().set_up(request, caller):
            event.replayed = event.replayed or attached
            yield event


class SaysWhenItWasSent(Reference):
    """ "When it happened (not when it was sent)." It says when it was sent."""

    async def set_up(
        self, request: pb.SetupNetworkRequest, caller: Caller
    ) -> AsyncIterator[pb.SetupNetworkResponse]:
        async for event in super().set_up(request, caller):
            event.event_time.GetCurrentTime()
            yield event


class NeverTriesAgain(Reference):
    """ "CNI error 11 (try again later) outlasted the retries" There are no retries."""

    attempts = 1


class TriesAgainInSilence(Reference):
    """ "The attempt failed; another follows after retry_delay." A retry is not told."""

    def tell_retry(self, operation: Operation, attempt: int, refusal: Refuse) -> None:
        pass


class LeavesWhatItMade(Reference):
    """ "Undoing the steps done so far, last first." A failed set-up undoes nothing."""

    async def roll_back(self, operation: Operation, record: Record | None, refusal: Refuse) -> None:
        if record is not None:
            record.attached = []
        await super().roll_back(operation, record, refusal)


class HidesWhatStayed(Reference):
    """ "What stayed behind, and where. Empty if the undoing was complete." It is always empty."""

    async def roll_back(self, operation: Operation, record: Record | None, refusal: Refuse) -> None:
        await super().roll_back(operation, record, refusal)
        refusal.failure.ClearField("leftovers")


class LosesThePluginsError(Reference):
    """ "The CNI plugin's error, if a plugin was the cause." The plugin's error stays in the server."""

    def translate(self, refusal: Refuse) -> Refuse:
        refusal.failure.ClearField("cni_error")
        return refusal


class RecordsARefusal(Reference):
    """ "the named network is not in conf_dir." It leaves a FAILED record of what never began."""

    async def roll_back(self, operation: Operation, record: Record | None, refusal: Refuse) -> None:
        if record is None and refusal.reason == "CNI_NETWORK_NOT_FOUND":
            asked = pb.SetupNetworkRequest(vm_id=operation.vm_id)
            record = self.new_record(operation, asked)
        await super().roll_back(operation, record, refusal)


class BelievesTheViews(Reference):
    """ "one that is set MUST equal what `json` says" The parsed fields are not compared."""

    def check_inline(self, given: Any) -> None:
        for name in ("name", "cni_version", "disable_check", "plugins"):
            given.ClearField(name)
        super().check_inline(given)


# What a result and a record hold.


class NumbersInterfacesFromZero(Reference):
    """ "The interface's place in the spec, from 1, in decimal: the Go SDK's choice." From 0."""

    def iface_id(self, number: int) -> str:
        return str(number)


class WritesNumbersAsStrings(Reference):
    """ "numbers as JSON numbers, what is unset left out." As proto JSON writes 64-bit numbers."""

    def limiter(self, given: Any) -> dict[str, Any]:
        return {
            bucket: {name: str(number) for name, number in fields.items()}
            for bucket, fields in super().limiter(given).items()
        }


class SaysTheMtuToEverybody(Reference):
    """ "Only then is it there in FirecrackerInterface.json." It is always there."""

    def body(self, made: Any, interface: Any, number: int, *, mtu: bool) -> None:
        super().body(made, interface, number, mtu=True)


class LeavesTheNameServersOut(Reference):
    """ "(IPBootParam in Go); empty otherwise." Nameservers are not in the boot parameter."""

    def boot_param(self, static: Any) -> str:
        copied = type(static)()
        copied.CopyFrom(static)
        copied.ip_configuration.ClearField("nameservers")
        return super().boot_param(copied if static.HasField("ip_configuration") else static)


class NamesTheInterfaceNothing(Reference):
    """ "Empty means "eth0"" An empty name reaches the plugins."""

    def default_if_name(self) -> str:
        return ""


class ShowsSecrets(Reference):
    """ "PluginConfig.json are left empty." The spec is shown as it was sent."""

    def redacted(self, spec: vm_network_pb2.NetworkSpec) -> vm_network_pb2.NetworkSpec:
        return spec


class HashesWhatItShows(Reference):
    """ "Equal for equal specs of one agent, secrets included, and otherwise different." Secrets are left out."""

    def new_record(self, operation: Operation, request: pb.SetupNetworkRequest) -> Record:
        record = super().new_record(operation, request)
        record.shown.spec_hash = self.spec_hash(record.shown.spec.SerializeToString(deterministic=True))
        return record


class StandsStill(Reference):
    """ "Increases by at least 1 with every change, over all VMs of the agent." A teardown is no change."""

    def forget(self, record: Record) -> None:
        self.journal.revision -= 1
        super().forget(record)


class KeepsPluginsEndlessWords(Reference):
    """ "It stays below 1 MiB" Whatever a plugin says is kept."""

    text_kept = 1 << 30


# Teardown.


class MissesWhatIsNotThere(Reference):
    """ "OK with existed = false, so that a caller can always repeat the call." It answers VM_NOT_FOUND."""

    def nothing(self) -> pb.TeardownNetworkResponse:
        raise Refuse("VM_NOT_FOUND", "no such VM")


class IgnoresTheUid(Reference):
    """ "If set, only this incarnation (VMNetwork.uid) is torn down." Any is."""

    def check_uid(self, request: pb.TeardownNetworkRequest, uid: str) -> None:
        pass


class TearsDownUnderTheNetworksUid(Reference):
    """ "Identifies this teardown. Not VMNetwork.uid" It is the network's."""

    async def tear_down(
        self, request: pb.TeardownNetworkRequest, caller: Caller
    ) -> AsyncIterator[pb.TeardownNetworkResponse]:
        record = self.journal.records.get(request.vm_id)
        uid = record.shown.uid if record is not None else ""
        async for event in super().tear_down(request, caller):
            event.uid = uid or event.uid
            yield event


class SkipsDel(Reference):
    """ "invokes CNI DEL on the whole list" It forgets the record and calls nobody."""

    async def delete(
        self, operation: Operation, record: Record, step: int, *, attempts: int
    ) -> PluginFails | None:
        if step == vm_network_pb2.STEP_CNI_DEL:
            record.attached = []
        return await super().delete(operation, record, step, attempts=attempts)


class ForgetsAfterAFailure(Reference):
    """ "MAY retry; the record stays, phase FAILED" A teardown that fails forgets the record."""

    def write(self, record: Record, phase: int) -> None:
        if phase == FAILED and record.shown.phase == TEARING_DOWN:
            self.forget(record)
        else:
            super().write(record, phase)


class ListensToWhoAttaches(Reference):
    """ "its own `force` and operation_timeout count for nothing." Its `force` counts."""

    def attach_tear_down(self, running: Operation, request: pb.TeardownNetworkRequest) -> Operation:
        if request.force:
            self.forced = {*getattr(self, "forced", set()), running.vm_id}
        return running

    def tear_down_failed(
        self,
        record: Record,
        request: pb.TeardownNetworkRequest,
        result: pb.TeardownResult,
        failed: PluginFails,
    ) -> None:
        if record.shown.vm_id in getattr(self, "forced", set()):
            request.force = True
        super().tear_down_failed(record, request, result, failed)


class ForcesAndForgets(Reference):
    """ "what was not released is kept as a PendingRelease and tried again." It is given up."""

    def pend(self, record: Record, failed: PluginFails) -> None:
        pass


class TriesPendingReleasesOnce(Reference):
    """ "it stays in the journal and is tried again with back-off until it succeeds." It is never tried again."""

    async def give_back(self, release: errors_pb2.PendingRelease) -> None:
        pass


class TearsDownASetUpAsItsOwnError(Reference):
    """ "ABORTED: the set-up was ended by TeardownNetwork." Its callers are told INTERNAL."""

    def translate(self, refusal: Refuse) -> Refuse:
        return Refuse("INTERNAL", str(refusal)) if refusal.reason == "TORN_DOWN" else refusal


class WaitsForTheSetUp(Reference):
    """ "it ends a running set-up, cuts the VM off" The teardown waits until the set-up has succeeded."""

    def end_set_up(self, running: Operation) -> None:
        pass


# Lists and watches.


class ListsAsItComes(Reference):
    """ "in the order of vm_id (byte order), page by page." In the order of their making."""

    def listed(self, caller: Caller) -> list[Record]:
        return sorted(super().listed(caller), key=lambda one: one.made)


class EndsWithAShortPage(Reference):
    """ "A page may be shorter than page_size; the end is an empty next_page_token and nothing else." A page that
    is shorter than page_size has no token."""

    async def list(self, request: pb.ListNetworksRequest, caller: Caller) -> pb.ListNetworksResponse:
        answer = await super().list(request, caller)
        if len(answer.networks) < self.page_length(request.page_size):
            answer.next_page_token = ""
        return answer


class FillsPages(Reference):
    """ "A server MUST keep a page below 4 MiB" Only the number of records counts."""

    page_bytes = 1 << 30


class GivesAsManyAsAsked(Reference):
    """ "More than 1000 is treated as 1000 (AIP-158)." As many as asked."""

    page_most = 1 << 30


class TakesAnyToken(Reference):
    """ "page_token not of this server, or for another filter" A token is only a place."""

    def read_token(self, request: pb.ListNetworksRequest) -> str:
        with contextlib.suppress(Refuse):
            return super().read_token(request)
        return ""


class IgnoresPhases(Reference):
    """ "Only records in one of these phases; empty means all." All, always."""

    async def list(self, request: pb.ListNetworksRequest, caller: Caller) -> pb.ListNetworksResponse:
        request.ClearField("phases")
        return await super().list(request, caller)


class SendsNoBookmark(Reference):
    """ "then one `bookmark`, then changes." There is no end of the snapshot."""

    def snapshot(
        self, request: pb.WatchNetworksRequest, caller: Caller
    ) -> Iterator[pb.WatchNetworksResponse]:
        return (one for one in super().snapshot(request, caller) if one.WhichOneof("event") != "bookmark")


class SendsASnapshotOnResume(Reference):
    """ "Only changes after this revision." Everything there is comes first."""

    def changes(self, after: int) -> Sequence[vm_network_pb2.VMNetwork]:
        super().changes(after)
        return [one for one in self.journal.history if one.revision >= after]


class ForgetsWhoIsGone(Reference):
    """ "it MUST NOT leave out PHASE_REMOVED." Only what there is is told."""

    def note(self, record: Record) -> None:
        if record.shown.phase != REMOVED:
            super().note(record)


class WatchesEverything(Reference):
    """ "Only these VMs, at most 1000; empty means all." The list of VMs is not looked at."""

    def wanted(self, request: pb.WatchNetworksRequest, vm_id: str) -> bool:
        return True


class ResumesFromAnywhere(Reference):
    """ "after_revision is no longer held" A place it does not hold is taken as now."""

    def changes(self, after: int) -> Sequence[vm_network_pb2.VMNetwork]:
        return [one for one in self.journal.history if one.revision > after]


# Check, collect, status, restart.


class FindsNothing(Reference):
    """ "What is not as it should be; empty means all is well." Findings are kept to itself."""

    def found(self, answer: pb.CheckNetworkResponse, fault: PluginFails) -> None:
        pass


class FailsOnAFinding(Reference):
    """ "should be is OK with findings, not an error." A finding is an error."""

    def found(self, answer: pb.CheckNetworkResponse, fault: PluginFails) -> None:
        raise Refuse("INTERNAL", str(fault))


class CollectsTheYoung(Reference):
    """ "Records made after it are kept: their VMs are younger than the list." The revision is not looked at."""

    def is_garbage(self, record: Record, request: pb.CollectGarbageRequest) -> bool:
        request.as_of_revision = self.journal.revision
        return super().is_garbage(record, request)


class CollectsTheBusy(Reference):
    """ "Networks with a running operation are never touched." They are."""

    def is_garbage(self, record: Record, request: pb.CollectGarbageRequest) -> bool:
        return record.shown.vm_id not in request.valid_vm_ids and record.made <= request.as_of_revision


class RunsDry(Reference):
    """ "If true, only tell what would be done." It is done."""

    async def collect(self, request: pb.CollectGarbageRequest, caller: Caller) -> pb.CollectGarbageResponse:
        request.dry_run = False
        return await super().collect(request, caller)


class StopsAtTheFirstFailure(Reference):
    """ "Failures per network are in the response." The first failure is the answer."""

    async def collect_one(self, record: Record, fate: pb.CollectedNetwork, caller: Caller) -> None:
        await super().collect_one(record, fate, caller)
        if fate.HasField("failure"):
            raise Refuse("CNI_DEL_FAILED", fate.failure.message)


class CollectsEverybodysGarbage(Reference):
    """ "since GC drops the attachments of every other runtime too." CNI GC runs on every network."""

    def may_gc(self, network: Network) -> bool:
        return True


class SaysReadyWhileItDrains(Reference):
    """ "Whether SetupNetwork would be accepted now." It says ready until it is gone."""

    def is_ready(self) -> bool:
        return True


class AnswersNothingWhileItDrains(Reference):
    """ "MUST answer even when the agent is not ready." GetStatus is refused."""

    async def status(self, request: pb.GetStatusRequest, caller: Caller) -> pb.GetStatusResponse:
        self.check_ready()
        return await super().status(request, caller)


class ForgetsItsCordon(Reference):
    """ "It outlives restarts of the agent." A start lifts it."""

    def __init__(self, world: World, options: Options, journal: Journal | None = None) -> None:
        if journal is not None:
            journal.cordon = None
        super().__init__(world, options, journal)


class SaysReadyWhileItIsCordoned(Reference):
    """ "GetStatus is not ready and says why" It says ready."""

    def is_ready(self) -> bool:
        return not self.draining


class CordonsInVain(Reference):
    """ "SetupNetwork that would begin one answers AGENT_NOT_READY" It begins all the same."""

    def check_cordon(self) -> None:
        pass


class LosesNetworksAtAStart(Reference):
    """ "Server-assigned; a vm_id which is removed and set up again gets a new one." A start gives all new ones."""

    def recover(self, record: Record) -> None:
        super().recover(record)
        record.shown.uid = self.new_uid()


class CountsFailuresAsReady(Reference):
    """ "Records in PHASE_READY." Records in any phase."""

    async def status(self, request: pb.GetStatusRequest, caller: Caller) -> pb.GetStatusResponse:
        answer = await super().status(request, caller)
        answer.figures.ready_networks = answer.figures.networks
        return answer


class StartsRevisionsAnew(Reference):
    """ "Revision of the newest change." After a start it begins at 0."""

    def __init__(self, world: World, options: Options, journal: Journal | None = None) -> None:
        if journal is not None:
            journal.revision = 0
        super().__init__(world, options, journal)


class ChecksWhatFailed(Reference):
    """ "the network is not in a phase the RPC needs." A failed network is found to be well."""

    async def check(self, request: pb.CheckNetworkRequest, caller: Caller) -> pb.CheckNetworkResponse:
        record = self.journal.records.get(request.vm_id)
        if record is not None and record.shown.phase == FAILED:
            return pb.CheckNetworkResponse()
        return await super().check(request, caller)


class TakesEveryArgs(Reference):
    """ "joined as CNI_ARGS MUST NOT exceed 64 KiB." The rules that CEL cannot say are not checked."""

    def judge(self, request: Message) -> list[tuple[str, str, str]]:
        return [one for one in super().judge(request) if not one[1].startswith("cni_configuration.args_size")]


# Presence, order and ids; what is easily looked at in one RPC and forgotten in the next.


class ListsWithoutRegardToCase(Reference):
    """ "in the order of vm_id (byte order), page by page." In the order of a dictionary."""

    def listed(self, caller: Caller) -> list[Record]:
        return sorted(super().listed(caller), key=lambda one: one.shown.vm_id.lower())


class TakesATokenForANumber(Reference):
    """ "reads records in the order of vm_id" A token is how many were read, so what goes moves the next page."""

    def make_token(self, request: pb.ListNetworksRequest, last: str) -> str:
        self.read = {**getattr(self, "read", {}), last: self.place(last)}
        return super().make_token(request, last)

    def place(self, vm_id: str) -> int:
        return sum(one <= vm_id for one in self.journal.records)

    def read_token(self, request: pb.ListNetworksRequest) -> str:
        last = super().read_token(request)
        missing = getattr(self, "read", {}).get(last, 0) - self.place(last)
        later = sorted(one for one in self.journal.records if one > last)
        return later[missing - 1] if 0 < missing <= len(later) else last


class WatchesFromZeroAsFromNothing(Reference):
    """ "Absent means "from a snapshot"." So does 0."""

    async def watch(
        self, request: pb.WatchNetworksRequest, caller: Caller
    ) -> AsyncIterator[pb.WatchNetworksResponse]:
        if not request.after_revision:
            request.ClearField("after_revision")
        async for event in super().watch(request, caller):
            yield event


class ForgetsTheVmsOfAResumedWatch(Reference):
    """ "Only these VMs, at most 1000; empty means all." Of a watch that is resumed the list is not looked at."""

    def wanted(self, request: pb.WatchNetworksRequest, vm_id: str) -> bool:
        return request.HasField("after_revision") or super().wanted(request, vm_id)


class CollectsAsOfZeroAsOfNow(Reference):
    """ "REQUIRED. The agent's revision" 0 is taken for none, and none for now."""

    def is_garbage(self, record: Record, request: pb.CollectGarbageRequest) -> bool:
        request.as_of_revision = request.as_of_revision or self.journal.revision
        return super().is_garbage(record, request)


class CollectsOnlyTheReady(Reference):
    """ "CollectGarbage tears down every network whose vm_id is not in valid_vm_ids" What failed stays."""

    def is_garbage(self, record: Record, request: pb.CollectGarbageRequest) -> bool:
        return record.shown.phase != FAILED and super().is_garbage(record, request)


class CollectsForOthersWhenDry(Reference):
    """ "If true, only tell what would be done." CNI GC is invoked all the same."""

    async def collect(self, request: pb.CollectGarbageRequest, caller: Caller) -> pb.CollectGarbageResponse:
        answer = await super().collect(request, caller)
        if request.dry_run:
            for name in answer.cni_gc_networks:
                plugin.note(self.world.scripts / "host.log", f"GC {name}")
        return answer


class TakesUnknownFieldsOfACordon(Reference):
    """ "CollectGarbage, CordonHost) with a field it does not know" Those of CordonHost are not looked for."""

    def alien(self, request: Message) -> Iterator[str]:
        return iter(()) if isinstance(request, pb.CordonHostRequest) else super().alien(request)


class BeginsACordonAnew(Reference):
    """ "When it began; a repeated call does not change it." It does."""

    async def cordon(self, request: pb.CordonHostRequest, caller: Caller) -> pb.CordonHostResponse:
        self.journal.cordon = None
        return await super().cordon(request, caller)


class ServesStrangersWhoOnlyRead(Reference):
    """ "UNAUTHENTICATED: the caller did not say who it is" Only who would change something is asked."""

    def admit(self, request: Message, caller: Caller) -> None:
        reads = request.DESCRIPTOR.name not in MUTATING
        super().admit(request, Caller(name="somebody") if reads and not caller.name else caller)


class CallsEverythingRetryable(Reference):
    """ "the same request may succeed later without a change by anyone." Every failure says so."""

    def translate(self, refusal: Refuse) -> Refuse:
        refusal.failure.retryable = True
        return refusal


class KeepsAFailureThatIsOver(Reference):
    """ "With PHASE_FAILED: why." The next set-up's record has it still."""

    async def undo_old(self, operation: Operation, request: pb.SetupNetworkRequest) -> None:
        old = self.journal.records.get(operation.vm_id)
        await super().undo_old(operation, request)
        self.over = {**getattr(self, "over", {}), operation.uid: old}

    def new_record(self, operation: Operation, request: pb.SetupNetworkRequest) -> Record:
        record = super().new_record(operation, request)
        old = getattr(self, "over", {}).get(operation.uid)
        if old is not None:
            record.shown.last_failure.CopyFrom(old.shown.last_failure)
        return record


class MakesARecordAtEachChange(Reference):
    """ "When the record was made." When it was last written."""

    def write(self, record: Record, phase: int) -> None:
        record.shown.create_time.GetCurrentTime()
        super().write(record, phase)


class ComparesArgsAsAMap(Reference):
    """ "Order and duplicates count" args are compared as a map."""

    def spec_bytes(self, request: pb.SetupNetworkRequest) -> bytes:
        for one in request.spec.network_interfaces.interfaces:
            if one.HasField("cni_configuration"):
                one.cni_configuration.args.sort(key=lambda arg: arg.key)
        return super().spec_bytes(request)


class LosesWhatWasAskedFor(Reference):
    """ "the one of the request, or the one read from the CNI result. Always set." Only the tap is kept of it."""

    def result(self, request: pb.SetupNetworkRequest, netns: str) -> vm_network_pb2.SetupResult:
        result = super().result(request, netns)
        for one in result.interfaces:
            one.static_configuration.ClearField("ip_configuration")
        return result


class MarksNothingReplayedOnResume(Reference):
    """ "True if the event happened before this call attached." A call that resumes gets everything as new."""

    async def set_up(
        self, request: pb.SetupNetworkRequest, caller: Caller
    ) -> AsyncIterator[pb.SetupNetworkResponse]:
        async for event in super().set_up(request, caller):
            event.replayed = event.replayed and not request.HasField("resume")
            yield event


class MarksNothingOfATeardownReplayed(Reference):
    """ "True if the event happened before this call attached." Of a teardown it is never true."""

    async def tear_down(
        self, request: pb.TeardownNetworkRequest, caller: Caller
    ) -> AsyncIterator[pb.TeardownNetworkResponse]:
        async for event in super().tear_down(request, caller):
            event.replayed = False
            yield event


class CountsATeardownByTwo(Reference):
    """ "Position within uid, from 1." The numbers of a teardown begin at 2."""

    async def tear_down(
        self, request: pb.TeardownNetworkRequest, caller: Caller
    ) -> AsyncIterator[pb.TeardownNetworkResponse]:
        async for event in super().tear_down(request, caller):
            event.sequence += 1
            yield event


def mutants() -> list[type[Reference]]:
    """Every one, in the order above."""
    found = [one for one in globals().values() if isinstance(one, type) and issubclass(one, Reference)]
    return [one for one in found if one is not Reference]


def sentence(kind: type[Reference]) -> str:
    """The contract's words that a mutant breaks."""
    return _parts(kind)[0]


def deed(kind: type[Reference]) -> str:
    """What the mutant does instead."""
    return _parts(kind)[1]


def _parts(kind: type[Reference]) -> tuple[str, str]:
    """The quoted words and the rest. Words may have quotation marks of their own."""
    text = " ".join((kind.__doc__ or "").split())
    end = text.rindex('" ')
    return text[1:end], text[end + 2 :]
