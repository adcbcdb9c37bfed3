"""A server of the contract in memory: a small model, written from the contract's text and from nothing else.

It has no kernel and starts no process. Its networks are made up; the scripted plugin's file is read and obeyed
as the plugin would. It shares nothing with the agent but the generated messages and, for the rules, the
contract's descriptors, which the protovalidate library judges. `mutants.py` breaks it a sentence at a time.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import copy
import hashlib
import hmac
import json
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import grpc
import protovalidate
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, unknown_fields
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from vmplumb.v1 import cni_pb2, errors_pb2, vm_network_pb2
from vmplumb.v1 import network_agent_service_pb2 as pb
from vmplumb.v1 import network_agent_service_pb2_grpc as pb_grpc
from vmplumb_conformance import plugin

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "agent/vmplumbd/rpc/rules.binpb"
NETNS_DIR = "/var/run/netns"
ALLOWED = (NETNS_DIR, "/opt/cni/bin", "/etc/cni/conf.d", "/var/lib/cni")

SETTING_UP, READY = vm_network_pb2.PHASE_SETTING_UP, vm_network_pb2.PHASE_READY
FAILED, TEARING_DOWN = vm_network_pb2.PHASE_FAILED, vm_network_pb2.PHASE_TEARING_DOWN
REMOVED = vm_network_pb2.PHASE_REMOVED

CODES = {
    "INVALID_REQUEST": "INVALID_ARGUMENT",
    "UNKNOWN_FIELD": "INVALID_ARGUMENT",
    "CONFIG_LIST_MISMATCH": "INVALID_ARGUMENT",
    "PATH_NOT_ALLOWED": "PERMISSION_DENIED",
    "SPEC_CONFLICT": "ALREADY_EXISTS",
    "OPERATION_PENDING": "ABORTED",
    "TORN_DOWN": "ABORTED",
    "VM_NOT_FOUND": "NOT_FOUND",
    "CNI_NETWORK_NOT_FOUND": "FAILED_PRECONDITION",
    "NOT_A_NETNS": "FAILED_PRECONDITION",
    "CNI_PLUGIN_UNAVAILABLE": "FAILED_PRECONDITION",
    "WRONG_PHASE": "FAILED_PRECONDITION",
    "CNI_ADD_FAILED": "INTERNAL",
    "CNI_DEL_FAILED": "INTERNAL",
    "CNI_RESULT_UNUSABLE": "INTERNAL",
    "CNI_TRY_AGAIN_LATER": "UNAVAILABLE",
    "OPERATION_TIMEOUT": "DEADLINE_EXCEEDED",
    "RESUME_POSITION_LOST": "OUT_OF_RANGE",
    "TOO_MANY_OPERATIONS": "RESOURCE_EXHAUSTED",
    "AGENT_NOT_READY": "UNAVAILABLE",
    "NETNS_SETUP_FAILED": "INTERNAL",
    "UID_MISMATCH": "ABORTED",
    "ADDRESSES_EXHAUSTED": "RESOURCE_EXHAUSTED",
    "KERNEL_FAULT": "INTERNAL",
    "JOURNAL_FAILED": "UNAVAILABLE",
    "ACCESS_DENIED": "PERMISSION_DENIED",
    "UNAUTHENTICATED": "UNAUTHENTICATED",
    "INTERNAL": "INTERNAL",
    "UNSUPPORTED": "FAILED_PRECONDITION",
    "TOO_MANY_NETWORKS": "RESOURCE_EXHAUSTED",
    "HOST_LIMIT_REACHED": "RESOURCE_EXHAUSTED",
    "LIMIT_EXCEEDED": "RESOURCE_EXHAUSTED",
}
MUTATING = {"SetupNetworkRequest", "TeardownNetworkRequest", "CollectGarbageRequest", "CordonHostRequest"}


class Refuse(Exception):
    """A status other than OK."""

    def __init__(
        self,
        reason: str,
        message: str,
        *,
        violations: Sequence[tuple[str, str, str]] = (),
        cni_error: cni_pb2.CNIError | None = None,
        errno: str = "",
        retry: float | None = None,
        limit: str = "",
    ) -> None:
        super().__init__(message)
        self.reason, self.violations, self.retry, self.limit = reason, tuple(violations), retry, limit
        self.failure = errors_pb2.Failure(
            grpc_code=grpc.StatusCode[CODES[reason]].value[0],
            reason=errors_pb2.ErrorReason.Value(f"ERROR_REASON_{reason}"),
            message=message,
            retryable=reason in {"CNI_TRY_AGAIN_LATER", "OPERATION_PENDING", "AGENT_NOT_READY"},
        )
        if cni_error is not None:
            self.failure.cni_error.CopyFrom(cni_error)
        if errno:
            self.failure.kernel_error.error_name = errno


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who calls. `name` empty: it did not say."""

    name: str
    may_set_up: bool = True
    max_networks: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A CNI network of the made-up host, and what is wrong with it."""

    refusal: str = ""
    scripted: bool = False
    tapless: bool = False
    disable_check: bool = False
    owned: bool = False


@dataclass(slots=True, kw_only=True)
class World:
    """What is outside the server: the host's networks, the plugin's scripts, faults that are switched on."""

    networks: dict[str, Network]
    scripts: Path
    links: dict[str, str] = field(default_factory=dict)
    not_a_netns: str = ""
    no_parent: str = ""
    broken: set[str] = field(default_factory=set)
    hidden: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How big a server is and what it can do."""

    max_networks: int = 5000
    max_running: int = 500
    max_queued: int = 500
    max_watches: int = 100
    capabilities: tuple[int, ...] = (
        pb.CAPABILITY_DURABLE_RESUME,
        pb.CAPABILITY_CNI_GC,
        pb.CAPABILITY_INLINE_CONFIG,
        pb.CAPABILITY_DIAGNOSE_HOST,
        pb.CAPABILITY_COLLECT_LEAKS,
        pb.CAPABILITY_CORDON,
    )


@dataclass(slots=True, kw_only=True)
class Record:
    """A network: what is shown of it, and what is not."""

    shown: vm_network_pb2.VMNetwork
    spec: vm_network_pb2.NetworkSpec
    made: int = 0
    last_sequence: int = 0
    attached: list[str] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Journal:
    """What outlives the server."""

    records: dict[str, Record] = field(default_factory=dict)
    history: list[vm_network_pb2.VMNetwork] = field(default_factory=list)
    pending: list[errors_pb2.PendingRelease] = field(default_factory=list)
    revision: int = 0
    cordon: pb.Cordon | None = None


class PluginFails(Exception):
    """A plugin's error."""

    def __init__(self, error: cni_pb2.CNIError) -> None:
        super().__init__(error.msg)
        self.error = error


class Operation:
    """A set-up or a teardown: its events, and who waits for more of them."""

    def __init__(self, kind: type[Message], vm_id: str, uid: str, owner: str, spec: bytes = b"") -> None:
        self.kind, self.vm_id, self.uid, self.owner, self.spec = kind, vm_id, uid, owner, spec
        self.events: list[Any] = []
        self.refusal: Refuse | None = None
        self.done = asyncio.Event()
        self.torn_down = False
        self.task: asyncio.Task[None] | None = None
        self._news = asyncio.Event()

    def tell(self, step: int, state: int, *, attempt: int = 1, **more: Any) -> None:
        progress = vm_network_pb2.Progress(step=step, state=state, attempt=attempt, **more)  # type: ignore[arg-type]
        self._add(self.kind(progress=progress))

    def succeed(self, result: Message, sequence: int | None = None) -> None:
        event: Any = self.kind()
        event.result.CopyFrom(result)
        self._add(event, sequence)
        self.end()

    def fail(self, refusal: Refuse) -> None:
        self.refusal = refusal
        self.end()

    def end(self) -> None:
        self.done.set()
        self.wake()

    def wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    @property
    def last(self) -> int:
        return self.events[-1].sequence if self.events else 0

    async def read(self, after: int) -> AsyncIterator[Any]:
        """Events after a place, to the end. Raises the refusal that ended it."""
        before = self.last
        at = 0
        while True:
            news = self._news
            while at < len(self.events):
                event = self.events[at]
                at += 1
                if event.sequence > after:
                    told = type(event)()
                    told.CopyFrom(event)
                    told.replayed = event.sequence <= before
                    yield told
            if self.done.is_set():
                break
            await news.wait()
        if self.refusal is not None:
            raise self.refusal

    def _add(self, event: Any, sequence: int | None = None) -> None:
        event.uid, event.sequence = self.uid, sequence or self.last + 1
        event.event_time.GetCurrentTime()
        self.events.append(event)
        self.wake()


SET_UP, TEAR_DOWN = pb.SetupNetworkResponse, pb.TeardownNetworkResponse
STEP, STATE = vm_network_pb2.Step, vm_network_pb2.StepState
STARTED, SUCCEEDED = vm_network_pb2.STEP_STATE_STARTED, vm_network_pb2.STEP_STATE_SUCCEEDED


def no_json(word: str) -> None:
    """NaN and Infinity, which Python's reader takes and JSON does not have."""
    raise ValueError(word)


class Judge:
    """protovalidate on the contract's descriptors, and the two rules that CEL cannot say."""

    def __init__(self) -> None:
        pool = descriptor_pool.DescriptorPool()
        for file in descriptor_pb2.FileDescriptorSet.FromString(RULES.read_bytes()).file:
            pool.Add(file)
        self._pool = pool
        self._validator = protovalidate.Validator()

    def violations(self, message: Message) -> list[tuple[str, str, str]]:
        full_name = message.DESCRIPTOR.full_name
        made = message_factory.GetMessageClass(self._pool.FindMessageTypeByName(full_name))
        found = [
            (self._path(one.proto.field), one.proto.rule_id, one.proto.message)
            for one in self._validator.collect_violations(made.FromString(message.SerializeToString()))
        ]
        return found + list(self._in_words(message))

    def _path(self, place: Any) -> str:
        elements = [] if place is None else place.elements
        return ".".join(
            one.field_name + (f"[{one.subscript.value}]" if one.subscript is not None else "")
            for one in elements
        )

    def _in_words(self, message: Any) -> Iterator[tuple[str, str, str]]:
        if not isinstance(message, pb.SetupNetworkRequest):
            return
        for number, one in enumerate(message.spec.network_interfaces.interfaces):
            cni, place = (
                one.cni_configuration,
                f"spec.network_interfaces.interfaces[{number}].cni_configuration",
            )
            if len(";".join(f"{arg.key}={arg.value}" for arg in cni.args).encode()) > 64 * 1024:
                yield f"{place}.args", "cni_configuration.args_size", "CNI_ARGS must not exceed 64 KiB"
            if cni.capability_args:
                with contextlib.suppress(ValueError):
                    if isinstance(json.loads(cni.capability_args.decode(), parse_constant=no_json), dict):
                        continue
                yield f"{place}.capability_args", "cni_configuration.capability_args", "must be a JSON object"


JUDGE = Judge()


def alien(message: Message, path: str = "") -> Iterator[str]:
    """Paths of fields that nobody knows."""
    known: Any = unknown_fields.UnknownFieldSet(message)
    yield from (f"{path}#{one.field_number}" for one in known)
    for descriptor, value in message.ListFields():
        if descriptor.message_type is not None:
            for one in value if isinstance(value, Iterable) and not isinstance(value, Message) else [value]:
                yield from alien(one, f"{path}{descriptor.name}.")


class Reference:
    """The model. One method a decision, so that each can be got wrong on its own."""

    attempts = 5
    back_off = 0.005
    history_size = 20_000
    page_default, page_most, page_bytes = 100, 1000, 3 * 1024 * 1024
    text_kept = 4096

    def __init__(self, world: World, options: Options, journal: Journal | None = None) -> None:
        self.world, self.options, self.journal = world, options, journal or Journal()
        self.running: dict[str, Operation] = {}
        self.held: dict[str, Operation] = {}
        self.draining = False
        self.dead = False
        self.watches = 0
        self.queued = 0
        self.started = time.time()
        self.slots = asyncio.Semaphore(options.max_running)
        self.collecting = self.diagnosing = False
        self._changed = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        for record in self.journal.records.values():
            self.recover(record)
        for one in self.journal.pending:
            self.spawn(self.give_back(one))

    # Beginnings and ends.

    def recover(self, record: Record) -> None:
        """What a start makes of a record."""
        if record.shown.phase in {SETTING_UP, TEARING_DOWN}:
            refusal = Refuse("INTERNAL", "the agent ended in the middle")
            record.shown.last_failure.CopyFrom(refusal.failure)
            self.write(record, FAILED)

    def spawn(self, work: Any) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def die(self) -> Journal:
        """Everything ends here and now; what the next one will find."""
        kept = copy.deepcopy(self.journal)
        self.dead = True
        for task in list(self._tasks):
            task.cancel()
        return kept

    def drain(self) -> None:
        self.draining = True
        self.ring()

    async def idle(self) -> None:
        for operation in list(self.running.values()):
            await operation.done.wait()

    # The journal.

    def write(self, record: Record, phase: int) -> None:
        """Record a change. Raises Refuse if that cannot be."""
        self.check_journal()
        self.journal.revision += 1
        record.shown.phase = phase  # type: ignore[assignment]
        record.shown.revision = self.journal.revision
        record.shown.update_time.GetCurrentTime()
        record.last_sequence = max(record.last_sequence, 0)
        self.journal.records[record.shown.vm_id] = record
        self.note(record)

    def forget(self, record: Record) -> None:
        self.check_journal()
        self.journal.revision += 1
        record.shown.phase = REMOVED
        record.shown.revision = self.journal.revision
        self.journal.records.pop(record.shown.vm_id, None)
        self.note(record)

    def note(self, record: Record) -> None:
        kept = vm_network_pb2.VMNetwork()
        kept.CopyFrom(record.shown)
        self.journal.history.append(kept)
        del self.journal.history[: -self.history_size]
        self.ring()

    def ring(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def check_journal(self) -> None:
        if "journal" in self.world.broken:
            raise Refuse("JOURNAL_FAILED", "the disk is full")

    def check_kernel(self) -> None:
        if "kernel" in self.world.broken:
            raise Refuse("KERNEL_FAULT", "the kernel lost its answer", errno="ENOBUFS")

    # The door.

    def admit(self, request: Message, caller: Caller) -> None:
        """What every RPC looks at first. Raises Refuse."""
        violations = self.judge(request)
        if violations:
            raise Refuse("INVALID_REQUEST", f"{violations[0][0]}: {violations[0][2]}", violations=violations)
        if request.DESCRIPTOR.name in MUTATING and (unknown := list(self.alien(request))):
            raise Refuse(
                "UNKNOWN_FIELD",
                f"unknown: {', '.join(unknown)}",
                violations=[(one, "unknown_field", "not known") for one in unknown],
            )
        if not caller.name:
            raise Refuse("UNAUTHENTICATED", "who is calling?")
        if not caller.may_set_up and request.DESCRIPTOR.name in MUTATING:
            raise Refuse("ACCESS_DENIED", f"{caller.name} may only read")
        if "self" in self.world.broken:
            raise RuntimeError("a fault of the agent itself")

    def judge(self, request: Message) -> list[tuple[str, str, str]]:
        return JUDGE.violations(request)

    def alien(self, request: Message) -> Iterator[str]:
        return alien(request)

    def check_ready(self) -> None:
        if self.draining:
            raise Refuse("AGENT_NOT_READY", "the agent is draining", retry=1.0)

    def sees(self, caller: Caller, owner: str) -> bool:
        return caller.name == owner

    def status_details(self, refusal: Refuse, vm_id: str) -> bytes:
        """grpc-status-details-bin."""
        code = grpc.StatusCode[CODES[refusal.reason]].value[0]
        status = status_pb2.Status(code=code, message=str(refusal)[:1024])
        info = error_details_pb2.ErrorInfo(domain="vmplumb.v1", reason=refusal.reason)
        if vm_id:
            info.metadata["vm_id"] = vm_id
        if refusal.limit:
            info.metadata["limit"] = refusal.limit
        failure = errors_pb2.Failure()
        failure.CopyFrom(refusal.failure)
        failure.message = failure.message[:512]
        failure.cni_error.stderr_tail = self.tail(failure.cni_error.stderr_tail, 1024)
        if not refusal.failure.HasField("cni_error"):
            failure.ClearField("cni_error")
        details: list[Message] = [info, failure]
        if refusal.violations:
            details.append(self.bad_request(refusal))
        if refusal.retry is not None:
            retry = error_details_pb2.RetryInfo()
            retry.retry_delay.FromNanoseconds(int(refusal.retry * 1e9))
            details.append(retry)
        for detail in details:
            packed = AnyMessage()
            packed.Pack(detail)
            status.details.append(packed)
        return bytes(status.SerializeToString())

    def bad_request(self, refusal: Refuse) -> error_details_pb2.BadRequest:
        bad = error_details_pb2.BadRequest()
        for number, (place, rule, words) in enumerate(refusal.violations):
            bad.field_violations.add(field=place, reason=rule, description=words)
            if bad.ByteSize() > 4000:
                del bad.field_violations[-1]
                more = len(refusal.violations) - number
                bad.field_violations.add(reason="truncated", description=f"and {more} more")
                break
        return bad

    def tail(self, text: str, size: int) -> str:
        return text.encode()[-size:].decode(errors="ignore")

    # Set-up.

    async def set_up(
        self, request: pb.SetupNetworkRequest, caller: Caller
    ) -> AsyncIterator[pb.SetupNetworkResponse]:
        self.admit(request, caller)
        after = 0
        if request.HasField("resume"):
            operation = self.resumed(SET_UP, request.vm_id, request.resume, caller)
            after = request.resume.sequence
        elif request.validate_only:
            self.validate_only(request, caller)
            return
        else:
            self.check_ready()
            found = self.decide(request, caller)
            operation = found if found is not None else self.begin(request, caller)
        async for event in operation.read(after):
            yield event

    def validate_only(self, request: pb.SetupNetworkRequest, caller: Caller) -> None:
        if self.decide(request, caller) is None:
            self.prepare(request)

    def spec_bytes(self, request: pb.SetupNetworkRequest) -> bytes:
        """What two specs are compared by."""
        return request.spec.SerializeToString(deterministic=True)

    def decide(self, request: pb.SetupNetworkRequest, caller: Caller) -> Operation | None:
        """The idempotency table: an operation to read, None to begin. Raises Refuse."""
        vm_id, spec = request.vm_id, self.spec_bytes(request)
        running, record = self.running.get(vm_id), self.journal.records.get(vm_id)
        owner = (
            running.owner
            if running is not None
            else record.shown.owner
            if record is not None
            else caller.name
        )
        if not self.sees(caller, owner):
            raise Refuse("SPEC_CONFLICT", f"{vm_id} is taken")
        if running is not None and running.kind is SET_UP:
            if running.spec != spec:
                raise Refuse("SPEC_CONFLICT", f"a set-up of {vm_id} with another spec is running")
            return running
        if running is not None:
            raise Refuse("OPERATION_PENDING", f"a teardown of {vm_id} is running", retry=0.5)
        if record is None or record.shown.phase == FAILED:
            return None
        if record.spec.SerializeToString(deterministic=True) != spec:
            raise Refuse("SPEC_CONFLICT", f"{vm_id} has another spec")
        return self.replay(record)

    def replay(self, record: Record) -> Operation:
        held = self.held.get(record.shown.uid)
        if held is not None:
            return held
        made = Operation(SET_UP, record.shown.vm_id, record.shown.uid, record.shown.owner)
        made.succeed(record.shown.result, record.last_sequence)
        made.events[-1].event_time.CopyFrom(record.shown.update_time)
        return made

    def resumed(
        self, kind: type[Message], vm_id: str, position: pb.ResumePosition, caller: Caller
    ) -> Operation:
        held = self.held.get(position.uid)
        if held is None and kind is SET_UP:
            record = self.journal.records.get(vm_id)
            if record is not None and record.shown.uid == position.uid and record.shown.phase == READY:
                held = self.replay(record)
        if (
            held is None
            or held.kind is not kind
            or held.vm_id != vm_id
            or not self.sees(caller, held.owner)
            or position.sequence > held.last
        ):
            raise Refuse("RESUME_POSITION_LOST", f"{position.sequence} of {position.uid} is not held")
        return held

    def check_cordon(self) -> None:
        if self.journal.cordon is not None:
            raise Refuse("AGENT_NOT_READY", f"cordoned: {self.journal.cordon.reason}", retry=1.0)

    def begin(self, request: pb.SetupNetworkRequest, caller: Caller) -> Operation:
        self.check_cordon()
        if caller.max_networks is not None:
            has = sum(one.shown.owner == caller.name for one in self.journal.records.values())
            if has >= caller.max_networks and request.vm_id not in self.journal.records:
                raise Refuse("LIMIT_EXCEEDED", f"{caller.name} has {has} networks", limit="max_networks")
        if self.slots.locked() and self.queued >= self.options.max_queued:
            raise Refuse("TOO_MANY_OPERATIONS", "too many operations", retry=0.5)
        operation = Operation(SET_UP, request.vm_id, self.new_uid(), caller.name, self.spec_bytes(request))
        self.running[request.vm_id] = self.held[operation.uid] = operation
        copied = pb.SetupNetworkRequest()
        copied.CopyFrom(request)
        operation.task = self.spawn(self.run_set_up(operation, copied))
        return operation

    def new_uid(self) -> str:
        return uuid.uuid4().hex

    def prepare(self, request: pb.SetupNetworkRequest) -> list[str]:
        """The CNI networks of a request, checked. Raises Refuse."""
        spec = request.spec
        names = [
            self.find_network(one.cni_configuration)
            for one in spec.network_interfaces.interfaces
            if one.HasField("cni_configuration")
        ]
        if spec.netns_path:
            self.check_path(spec.netns_path)
            if spec.netns_path == self.world.not_a_netns or not names:
                raise Refuse("NOT_A_NETNS", f"{spec.netns_path} is no network namespace")
        return names

    def find_network(self, cni: Any) -> str:
        for path in (*cni.bin_path, cni.conf_dir, cni.cache_dir):
            if path:
                self.check_path(path)
        if cni.HasField("network_config"):
            self.check_inline(cni.network_config)
            raise Refuse("CNI_PLUGIN_UNAVAILABLE", "this host has no plugins")
        network = self.world.networks.get(cni.network_name)
        if network is None or cni.network_name in self.world.hidden:
            raise Refuse("CNI_NETWORK_NOT_FOUND", f"no network {cni.network_name}")
        if network.refusal:
            raise Refuse(network.refusal, f"{cni.network_name}: {network.refusal}")
        return str(cni.network_name)

    def resolve(self, path: str) -> str:
        """A path without links and dots."""
        parts: list[str] = []
        for part in path.split("/")[1:]:
            if part == "..":
                parts = parts[:-1]
            elif part not in {"", "."}:
                parts.append(part)
            here = "/" + "/".join(parts)
            if here in self.world.links:
                parts = self.world.links[here].split("/")[1:]
        return "/" + "/".join(parts)

    def check_path(self, path: str) -> None:
        resolved = self.resolve(path)
        if not any(resolved == one or resolved.startswith(one + "/") for one in ALLOWED):
            raise Refuse("PATH_NOT_ALLOWED", f"{path} is not allowed")

    def check_inline(self, given: Any) -> None:
        if pb.CAPABILITY_INLINE_CONFIG not in self.options.capabilities:
            raise Refuse("UNSUPPORTED", "no inline configurations here")
        try:
            said = json.loads(given.json)
            types = [one["type"] for one in said["plugins"]]
            name, version = said["name"], said.get("cniVersion", "")
        except (ValueError, KeyError, TypeError) as exc:
            raise Refuse("CONFIG_LIST_MISMATCH", f"json is no conflist: {exc}") from exc
        wrong = (
            given.name not in {"", name}
            or given.cni_version not in {"", version}
            or (given.disable_check and not said.get("disableCheck"))
            or (given.plugins and [one.type for one in given.plugins] != types)
        )
        if wrong:
            raise Refuse("CONFIG_LIST_MISMATCH", "a parsed field disagrees with json")

    async def run_set_up(self, operation: Operation, request: pb.SetupNetworkRequest) -> None:
        """The operation to its end; whatever happens, somebody hears of it."""
        record: Record | None = None
        self.queued += 1
        waits = True
        try:
            try:
                async with self.slots:
                    self.queued -= 1
                    waits = False
                    async with asyncio.timeout(self.seconds(request, 120.0)):
                        await self.undo_old(operation, request)
                        names = self.prepare(request)
                        if len(self.journal.records) >= self.options.max_networks:
                            raise Refuse("TOO_MANY_NETWORKS", "no room for a network more")
                        record = self.new_record(operation, request)
                        self.write(record, SETTING_UP)
                        result = await self.act(operation, request, record, names)
                    record.shown.result.CopyFrom(result)
                    record.last_sequence = operation.last + 1
                    self.write(record, READY)
                self.leave(operation)
                operation.succeed(result)
            except asyncio.CancelledError:
                if not operation.torn_down:
                    raise
                await self.roll_back(operation, record, Refuse("TORN_DOWN", "ended by TeardownNetwork"))
            except TimeoutError:
                await self.roll_back(
                    operation, record, Refuse("OPERATION_TIMEOUT", "operation_timeout ran out")
                )
            except Refuse as refusal:
                await self.roll_back(operation, record, refusal)
        finally:
            self.queued -= waits
            self.leave(operation)
            operation.end()

    def seconds(self, request: Any, default: float) -> float:
        return (
            request.operation_timeout.ToNanoseconds() / 1e9
            if request.HasField("operation_timeout")
            else default
        )

    def leave(self, operation: Operation) -> None:
        if self.running.get(operation.vm_id) is operation:
            del self.running[operation.vm_id]

    def new_record(self, operation: Operation, request: pb.SetupNetworkRequest) -> Record:
        shown = vm_network_pb2.VMNetwork(vm_id=request.vm_id, uid=operation.uid, owner=operation.owner)
        shown.spec.CopyFrom(self.redacted(request.spec))
        shown.spec_hash = self.spec_hash(self.spec_bytes(request))
        shown.create_time.GetCurrentTime()
        spec = vm_network_pb2.NetworkSpec()
        spec.CopyFrom(request.spec)
        return Record(shown=shown, spec=spec, made=self.journal.revision + 1)

    def redacted(self, spec: vm_network_pb2.NetworkSpec) -> vm_network_pb2.NetworkSpec:
        """A spec without what may be secret."""
        shown = vm_network_pb2.NetworkSpec()
        shown.CopyFrom(spec)
        for one in shown.network_interfaces.interfaces:
            if one.HasField("cni_configuration"):
                for arg in one.cni_configuration.args:
                    arg.value = ""
                one.cni_configuration.capability_args = b""
                one.cni_configuration.network_config.json = b""
                if not spec.network_interfaces.interfaces[0].cni_configuration.HasField("network_config"):
                    one.cni_configuration.ClearField("network_config")
        return shown

    def spec_hash(self, spec: bytes) -> str:
        return hmac.new(b"the agent's own key", spec, hashlib.sha256).hexdigest()

    async def undo_old(self, operation: Operation, request: pb.SetupNetworkRequest) -> None:
        """A FAILED record stands in the way. Raises Refuse, and it stays."""
        old = self.journal.records.get(operation.vm_id)
        if old is None:
            return
        failed = await self.delete(operation, old, vm_network_pb2.STEP_CNI_DEL_PREEXISTING, attempts=1)
        force = any(one.cni_configuration.force for one in request.spec.network_interfaces.interfaces)
        if failed is not None:
            if not force:
                raise Refuse(
                    "CNI_DEL_FAILED", "what the former network left cannot be undone", cni_error=failed.error
                )
            self.warn(operation, failed)
            self.pend(old, failed)
        self.forget(old)

    def warn(self, operation: Operation, failed: PluginFails) -> None:
        warning = errors_pb2.Warning(reason=errors_pb2.WARNING_REASON_DEL_FAILED, message=str(failed))
        operation.tell(vm_network_pb2.STEP_CNI_DEL_PREEXISTING, SUCCEEDED, warnings=[warning])

    async def act(
        self, operation: Operation, request: pb.SetupNetworkRequest, record: Record, names: Sequence[str]
    ) -> vm_network_pb2.SetupResult:
        netns = request.spec.netns_path or (f"{NETNS_DIR}/{request.vm_id}" if names else "")
        if names:
            operation.tell(vm_network_pb2.STEP_NETNS, STARTED)
            if self.world.no_parent and netns.startswith(self.world.no_parent):
                raise Refuse("NETNS_SETUP_FAILED", "failed to initialize netns")
            operation.tell(vm_network_pb2.STEP_NETNS, SUCCEEDED)
        for name in names:
            record.attached.append(name)
            await self.add(operation, record, name)
            self.check_kernel()
            if self.world.networks[name].tapless:
                raise Refuse("CNI_RESULT_UNUSABLE", "did not find a tap device")
        return self.result(request, netns)

    async def add(self, operation: Operation, record: Record, name: str) -> None:
        for attempt in range(1, self.attempts + 1):
            operation.tell(vm_network_pb2.STEP_CNI_ADD, STARTED, attempt=attempt)
            try:
                await self.call_all(operation, record, name, "ADD", vm_network_pb2.STEP_CNI_ADD, attempt)
            except PluginFails as exc:
                if exc.error.code != 11:
                    raise Refuse(
                        "CNI_ADD_FAILED", f"failed to create CNI network: {exc}", cni_error=exc.error
                    ) from exc
                refusal = Refuse("CNI_TRY_AGAIN_LATER", str(exc), cni_error=exc.error, retry=1.0)
                if attempt == self.attempts:
                    raise refusal from exc
                self.tell_retry(operation, attempt, refusal)
                await asyncio.sleep(self.back_off)
            else:
                operation.tell(vm_network_pb2.STEP_CNI_ADD, SUCCEEDED, attempt=attempt)
                return

    def tell_retry(self, operation: Operation, attempt: int, refusal: Refuse) -> None:
        progress: dict[str, Any] = {
            "attempt": attempt,
            "max_attempts": self.attempts,
            "failure": refusal.failure,
        }
        operation.tell(
            vm_network_pb2.STEP_CNI_ADD,
            vm_network_pb2.STEP_STATE_RETRYING,
            retry_delay=self.delay(),
            **progress,
        )

    def delay(self) -> Any:
        made = vm_network_pb2.Progress().retry_delay
        made.FromNanoseconds(int(self.back_off * 1e9))
        return made

    async def call_all(
        self, operation: Operation, record: Record, name: str, command: str, step: int, attempt: int
    ) -> None:
        """Each plugin of the made-up list: one that makes devices, and the scripted one."""
        network = self.world.networks[name]
        types = ["devices", *(["vmplumb-scripted"] if network.scripted else [])]
        order = list(enumerate(types)) if command != "DEL" else list(reversed(list(enumerate(types))))
        for position, kind in order:
            call = vm_network_pb2.PluginCall(type=kind, command=command, attempt=attempt, position=position)
            begun = time.monotonic()
            fault: PluginFails | None = None
            try:
                if kind == "vmplumb-scripted":
                    await self.play(record.shown.vm_id, command)
            except PluginFails as exc:
                fault = exc
                call.failed, call.code, call.message = True, exc.error.code, exc.error.msg or "it failed"
            call.duration.FromNanoseconds(int((time.monotonic() - begun) * 1e9))
            operation.tell(step, vm_network_pb2.STEP_STATE_PLUGIN_CALLED, attempt=attempt, plugin_call=call)
            if fault is not None:
                raise fault

    async def play(self, vm_id: str, command: str) -> None:
        """What the scripted plugin does at this call. Raises PluginFails."""
        if self.dead:
            raise asyncio.CancelledError
        log = self.world.scripts / f"{vm_id}.log"
        number = plugin.note(log, f"{command} begin", count=f"{command} begin")
        step = plugin.step_of(self.world.scripts, vm_id, command, number)
        error = cni_pb2.CNIError(
            plugin="vmplumb-scripted", stderr_tail=self.tail(step.get("stderr", ""), 4096)
        )
        try:
            if "wait" in step:
                while not (self.world.scripts / f"{vm_id}.{step['wait']}").exists():
                    await asyncio.sleep(0.005)
            await asyncio.sleep(step.get("last", 0))
        finally:
            if not self.dead:
                plugin.note(log, f"{command} end")
        if "error" in step:
            error.code, error.msg = step["error"], step.get("msg", "as the script says")[: self.text_kept]
            error.details = step.get("details", "")[: self.text_kept]
            raise PluginFails(error)
        if "print" in step or step.get("exit"):
            error.msg = "netplugin failed with no error message"
            raise PluginFails(error)

    async def delete(
        self, operation: Operation, record: Record, step: int, *, attempts: int
    ) -> PluginFails | None:
        """DEL of everything that is attached; what it failed on at last."""
        failed: PluginFails | None = None
        for attempt in range(1, attempts + 1):
            failed = None
            for name in reversed(record.attached):
                try:
                    await self.call_all(operation, record, name, "DEL", step, attempt)
                except PluginFails as exc:
                    failed = failed or exc
            if failed is None:
                record.attached = []
                return None
            if failed.error.code != 11:
                break
            await asyncio.sleep(self.back_off)
        return failed

    async def roll_back(self, operation: Operation, record: Record | None, refusal: Refuse) -> None:
        """Undo what was done, tell what stays, record the failure."""
        if record is not None:
            operation.tell(vm_network_pb2.STEP_ROLLBACK, STARTED)
            failed = await self.delete(operation, record, vm_network_pb2.STEP_ROLLBACK, attempts=1)
            if failed is not None:
                left = self.leftover(record, failed)
                refusal.failure.leftovers.append(left)
                record.shown.leftovers.append(left)
            record.shown.last_failure.CopyFrom(refusal.failure)
            try:
                self.write(record, FAILED)
            except Refuse:
                record.shown.phase = FAILED
            operation.tell(vm_network_pb2.STEP_ROLLBACK, SUCCEEDED)
        self.leave(operation)
        operation.fail(refusal)

    def leftover(self, record: Record, failed: PluginFails) -> errors_pb2.Leftover:
        return errors_pb2.Leftover(
            kind=errors_pb2.RESOURCE_KIND_CNI_ATTACHMENT,
            what=f"{'/'.join(record.attached)}/eth0",
            where=f"{NETNS_DIR}/{record.shown.vm_id}",
            will_retry=True,
            cause=str(failed),
        )

    # What a result holds.

    def result(self, request: pb.SetupNetworkRequest, netns: str) -> vm_network_pb2.SetupResult:
        result = vm_network_pb2.SetupResult(netns_path=netns)
        for number, one in enumerate(request.spec.network_interfaces.interfaces):
            made = result.interfaces.add(index=number)
            if one.HasField("static_configuration"):
                made.static_configuration.CopyFrom(one.static_configuration)
            else:
                self.cni_part(made, one.cni_configuration, request.vm_id, netns)
            self.body(made, one, number, mtu=request.spec.firecracker_accepts_mtu)
            if one.allow_mmds:
                result.mmds_interface_ids.append(self.iface_id(number))
            result.ip_boot_param = result.ip_boot_param or self.boot_param(made.static_configuration)
        return result

    def iface_id(self, number: int) -> str:
        return str(number + 1)

    def cni_part(self, made: Any, cni: Any, vm_id: str, netns: str) -> None:
        digest = hashlib.sha256(vm_id.encode()).digest()
        address, gateway, mac = (
            f"10.99.{digest[0]}.{2 + digest[1] % 250}",
            "10.99.0.1",
            "02:" + ":".join(f"{one:02x}" for one in digest[:5]),
        )
        tap = cni.tap.name or "tap0"
        if_name = cni.if_name or self.default_if_name()
        said = {
            "cniVersion": "1.0.0",
            "interfaces": [
                {"name": "veth0"},
                {"name": if_name, "sandbox": netns},
                {"name": tap, "sandbox": netns},
                {"name": tap, "sandbox": vm_id, "mac": mac},
            ],
            "ips": [{"address": f"{address}/16", "gateway": gateway, "interface": 3}],
        }
        made.cni_result.cni_version, made.cni_result.json = "1.0.0", json.dumps(said).encode()
        conf = made.vm_conf
        conf.tap_name, conf.net_ns_path, conf.vm_if_name, conf.vm_mac_addr, conf.vm_mtu = (
            tap,
            netns,
            cni.vm_if_name,
            mac,
            1500,
        )
        one = conf.vm_ip_configs.add(interface=3, address=f"{address}/16", gateway=gateway)
        conf.vm_ip_config.CopyFrom(one)
        static = made.static_configuration
        static.mac_address, static.host_dev_name = mac, tap
        static.ip_configuration.ip_addr, static.ip_configuration.gateway = f"{address}/16", gateway
        static.ip_configuration.if_name = cni.vm_if_name

    def default_if_name(self) -> str:
        return "eth0"

    def boot_param(self, static: Any) -> str:
        if not static.HasField("ip_configuration"):
            return ""
        ip = static.ip_configuration
        address, _, bits = ip.ip_addr.partition("/")
        mask = (0xFFFFFFFF << (32 - int(bits))) & 0xFFFFFFFF
        dotted = ".".join(str(mask >> shift & 255) for shift in (24, 16, 8, 0))
        first, second = [*ip.nameservers, "", ""][:2]
        return f"{address}::{ip.gateway}:{dotted}::{ip.if_name}:off:{first}:{second}:"

    def body(self, made: Any, interface: Any, number: int, *, mtu: bool) -> None:
        static = made.static_configuration
        body: dict[str, Any] = {"iface_id": self.iface_id(number), "host_dev_name": static.host_dev_name}
        if static.mac_address:
            body["guest_mac"] = static.mac_address
        for name, key in (("in_rate_limiter", "rx_rate_limiter"), ("out_rate_limiter", "tx_rate_limiter")):
            if interface.HasField(name):
                body[key] = self.limiter(getattr(interface, name))
        if mtu and made.vm_conf.vm_mtu:
            body["mtu"] = made.vm_conf.vm_mtu
        made.firecracker_interface.iface_id = self.iface_id(number)
        made.firecracker_interface.json = json.dumps(body).encode()

    def limiter(self, given: Any) -> dict[str, Any]:
        return {
            bucket.name: {descriptor.name: number for descriptor, number in value.ListFields()}
            for bucket, value in given.ListFields()
        }

    # Teardown.

    async def tear_down(
        self, request: pb.TeardownNetworkRequest, caller: Caller
    ) -> AsyncIterator[pb.TeardownNetworkResponse]:
        self.admit(request, caller)
        after = 0
        operation: Operation | None
        if request.HasField("resume"):
            operation = self.resumed(TEAR_DOWN, request.vm_id, request.resume, caller)
            after = request.resume.sequence
        else:
            self.check_ready()
            operation = self.begin_tear_down(request, caller)
        if operation is None:
            yield self.nothing()
            return
        async for event in operation.read(after):
            yield event

    def nothing(self) -> pb.TeardownNetworkResponse:
        """The answer for what is not known."""
        made = pb.TeardownNetworkResponse(
            sequence=1, result=pb.TeardownResult(existed=False, devices_gone=True)
        )
        made.event_time.GetCurrentTime()
        return made

    def begin_tear_down(self, request: pb.TeardownNetworkRequest, caller: Caller) -> Operation | None:
        vm_id = request.vm_id
        running, record = self.running.get(vm_id), self.journal.records.get(vm_id)
        if running is None and record is None:
            return None
        owner = running.owner if running is not None else record.shown.owner if record is not None else ""
        if not self.sees(caller, owner):
            return None
        if running is not None and running.kind is TEAR_DOWN:
            return self.attach_tear_down(running, request)
        uid = running.uid if running is not None else record.shown.uid if record is not None else ""
        self.check_uid(request, uid)
        if record is not None:
            self.check_journal()
        operation = Operation(TEAR_DOWN, vm_id, self.new_uid(), owner)
        self.running[vm_id] = self.held[operation.uid] = operation
        copied = pb.TeardownNetworkRequest()
        copied.CopyFrom(request)
        operation.task = self.spawn(self.run_tear_down(operation, copied, running))
        return operation

    def attach_tear_down(self, running: Operation, request: pb.TeardownNetworkRequest) -> Operation:
        del request  # its own force and timeout count for nothing
        return running

    def check_uid(self, request: pb.TeardownNetworkRequest, uid: str) -> None:
        if request.uid and request.uid != uid:
            raise Refuse("UID_MISMATCH", f"{request.vm_id} has another uid")

    def end_set_up(self, running: Operation) -> None:
        running.torn_down = True
        if running.task is not None:
            running.task.cancel()

    async def run_tear_down(
        self, operation: Operation, request: pb.TeardownNetworkRequest, running: Operation | None
    ) -> None:
        try:
            if running is not None:
                self.end_set_up(running)
                await running.done.wait()
                self.running[operation.vm_id] = operation
            record = self.journal.records.get(operation.vm_id)
            if record is None:
                self.leave(operation)
                operation.succeed(pb.TeardownResult(existed=True, devices_gone=True))
                return
            try:
                self.write(record, TEARING_DOWN)
                self.check_kernel()
                result = pb.TeardownResult(existed=True, network_uid=record.shown.uid, devices_gone=True)
                failed: PluginFails | None = None
                try:
                    async with asyncio.timeout(self.seconds(request, 120.0)):
                        failed = await self.delete(
                            operation, record, vm_network_pb2.STEP_CNI_DEL, attempts=self.attempts
                        )
                except TimeoutError:
                    raise Refuse("OPERATION_TIMEOUT", "operation_timeout ran out") from None
                if failed is not None:
                    self.tear_down_failed(record, request, result, failed)
                self.forget(record)
            except Refuse as refusal:
                record.shown.last_failure.CopyFrom(refusal.failure)
                with contextlib.suppress(Refuse):
                    self.write(record, FAILED)
                self.leave(operation)
                operation.fail(refusal)
                return
            self.leave(operation)
            operation.succeed(result)
        finally:
            self.leave(operation)
            operation.end()

    def tear_down_failed(
        self,
        record: Record,
        request: pb.TeardownNetworkRequest,
        result: pb.TeardownResult,
        failed: PluginFails,
    ) -> None:
        refusal = self.del_refusal(failed)
        if not request.force:
            raise refusal
        result.ignored_failures.append(refusal.failure)
        result.leftovers.append(self.leftover(record, failed))
        self.pend(record, failed)

    def del_refusal(self, failed: PluginFails) -> Refuse:
        if failed.error.code == 11:
            return Refuse("CNI_TRY_AGAIN_LATER", str(failed), cni_error=failed.error, retry=1.0)
        return Refuse("CNI_DEL_FAILED", f"failed to delete CNI network: {failed}", cni_error=failed.error)

    def pend(self, record: Record, failed: PluginFails) -> None:
        """Keep what stayed behind, and try again."""
        release = errors_pb2.PendingRelease(
            vm_id=record.shown.vm_id, uid=record.shown.uid, leftover=self.leftover(record, failed), attempts=1
        )
        release.leftover.what = "/".join(record.attached)
        release.since_time.GetCurrentTime()
        release.last_failure.CopyFrom(self.del_refusal(failed).failure)
        self.journal.pending.append(release)
        self.spawn(self.give_back(release))

    async def give_back(self, release: errors_pb2.PendingRelease) -> None:
        pause = 0.02
        names = release.leftover.what.split("/")
        shown = vm_network_pb2.VMNetwork(vm_id=release.vm_id)
        while True:
            await asyncio.sleep(pause)
            pause = min(pause * 2, 0.2)
            if release.vm_id in self.running:
                continue
            silent = Operation(TEAR_DOWN, release.vm_id, "", "")
            self.running[release.vm_id] = silent
            try:
                for name in names:
                    record = Record(shown=shown, spec=vm_network_pb2.NetworkSpec())
                    await self.call_all(silent, record, name, "DEL", vm_network_pb2.STEP_CNI_DEL, 1)
            except PluginFails:
                release.attempts += 1
            else:
                with contextlib.suppress(ValueError):
                    self.journal.pending.remove(release)
                return
            finally:
                self.leave(silent)
                silent.end()

    # Reading.

    def find(self, vm_id: str, caller: Caller) -> Record:
        record = self.journal.records.get(vm_id)
        if record is None or not self.sees(caller, record.shown.owner):
            raise Refuse("VM_NOT_FOUND", f"no network of {vm_id}")
        return record

    async def get(self, request: pb.GetNetworkRequest, caller: Caller) -> pb.GetNetworkResponse:
        self.admit(request, caller)
        return pb.GetNetworkResponse(network=self.find(request.vm_id, caller).shown)

    def listed(self, caller: Caller) -> list[Record]:
        every = [one for one in self.journal.records.values() if self.sees(caller, one.shown.owner)]
        return sorted(every, key=lambda one: one.shown.vm_id.encode())

    async def list(self, request: pb.ListNetworksRequest, caller: Caller) -> pb.ListNetworksResponse:
        self.admit(request, caller)
        answer = pb.ListNetworksResponse(revision=self.journal.revision)
        after = self.read_token(request)
        most = self.page_length(request.page_size)
        used = 0
        for record in self.listed(caller):
            shown = record.shown
            if shown.vm_id <= after or (request.phases and shown.phase not in request.phases):
                continue
            size = shown.ByteSize()
            if len(answer.networks) >= most or (answer.networks and used + size > self.page_bytes):
                answer.next_page_token = self.make_token(request, answer.networks[-1].vm_id)
                break
            used += size
            answer.networks.append(shown)
        return answer

    def page_length(self, asked: int) -> int:
        return min(asked or self.page_default, self.page_most)

    def make_token(self, request: pb.ListNetworksRequest, last: str) -> str:
        return base64.urlsafe_b64encode(json.dumps([sorted(request.phases), last]).encode()).decode()

    def read_token(self, request: pb.ListNetworksRequest) -> str:
        if not request.page_token:
            return ""
        try:
            phases, last = json.loads(base64.urlsafe_b64decode(request.page_token))
        except (ValueError, TypeError):
            phases, last = None, ""
        if phases != sorted(request.phases):
            raise Refuse(
                "INVALID_REQUEST",
                "no token for this",
                violations=[("page_token", "page_token", "not for this filter")],
            )
        return str(last)

    async def watch(
        self, request: pb.WatchNetworksRequest, caller: Caller
    ) -> AsyncIterator[pb.WatchNetworksResponse]:
        self.admit(request, caller)
        if self.watches >= self.options.max_watches:
            raise Refuse("TOO_MANY_OPERATIONS", "too many watches", retry=1.0)
        self.watches += 1
        try:
            at = self.journal.revision
            if request.HasField("after_revision"):
                at = request.after_revision
            else:
                for one in self.snapshot(request, caller):
                    yield one
            while True:
                news = self._changed
                changes = self.changes(at)
                for shown in changes:
                    at = shown.revision
                    if self.wanted(request, shown.vm_id) and self.sees(caller, shown.owner):
                        yield pb.WatchNetworksResponse(revision=at, network=shown)
                if self.draining:
                    raise Refuse("AGENT_NOT_READY", "the agent goes away", retry=1.0)
                if not news.is_set():
                    await news.wait()
        finally:
            self.watches -= 1

    def snapshot(
        self, request: pb.WatchNetworksRequest, caller: Caller
    ) -> Iterator[pb.WatchNetworksResponse]:
        for record in self.listed(caller):
            if self.wanted(request, record.shown.vm_id):
                yield pb.WatchNetworksResponse(revision=record.shown.revision, network=record.shown)
        yield pb.WatchNetworksResponse(revision=self.journal.revision, bookmark=pb.WatchBookmark())

    def wanted(self, request: pb.WatchNetworksRequest, vm_id: str) -> bool:
        return not request.vm_ids or vm_id in request.vm_ids

    def changes(self, after: int) -> Sequence[vm_network_pb2.VMNetwork]:
        history = self.journal.history
        oldest = history[0].revision - 1 if history else self.journal.revision
        if after > self.journal.revision or after < oldest:
            raise Refuse("RESUME_POSITION_LOST", f"changes after {after} are not held")
        return [one for one in history if one.revision > after]

    # Judging.

    async def check(self, request: pb.CheckNetworkRequest, caller: Caller) -> pb.CheckNetworkResponse:
        self.admit(request, caller)
        record = self.find(request.vm_id, caller)
        if request.vm_id in self.running:
            raise Refuse("OPERATION_PENDING", "an operation runs", retry=0.5)
        if record.shown.phase != READY:
            raise Refuse("WRONG_PHASE", "the network is not READY")
        if self.slots.locked() and self.queued >= self.options.max_queued:
            raise Refuse("TOO_MANY_OPERATIONS", "too many operations", retry=0.5)
        answer = pb.CheckNetworkResponse()
        operation = Operation(TEAR_DOWN, request.vm_id, "", record.shown.owner)
        self.running[request.vm_id] = operation
        try:
            for name in record.attached:
                if self.world.networks[name].disable_check:
                    answer.cni_check_skipped = True
                    continue
                try:
                    await self.call_all(operation, record, name, "CHECK", vm_network_pb2.STEP_VALIDATE, 1)
                except PluginFails as exc:
                    self.found(answer, exc)
        finally:
            self.leave(operation)
            operation.end()
        return answer

    def found(self, answer: pb.CheckNetworkResponse, fault: PluginFails) -> None:
        answer.findings.append(Refuse("CNI_ADD_FAILED", str(fault), cni_error=fault.error).failure)

    async def describe(
        self, request: pb.DescribeNetworkRequest, caller: Caller
    ) -> pb.DescribeNetworkResponse:
        self.admit(request, caller)
        record = self.find(request.vm_id, caller)
        self.check_kernel()
        answer = pb.DescribeNetworkResponse(network=record.shown, netns_exists=bool(record.attached))
        netns = record.shown.result.netns_path
        for one in record.shown.result.interfaces if record.attached else ():
            answer.devices.add(
                name=one.static_configuration.host_dev_name,
                role=vm_network_pb2.DEVICE_ROLE_TAP,
                netns_path=netns,
                kind="tun",
            )
            answer.devices.add(
                name="eth0", role=vm_network_pb2.DEVICE_ROLE_NETNS_END, netns_path=netns, kind="veth"
            )
            answer.devices.add(name="veth0", role=vm_network_pb2.DEVICE_ROLE_HOST_END, kind="veth")
        return answer

    async def collect(self, request: pb.CollectGarbageRequest, caller: Caller) -> pb.CollectGarbageResponse:
        self.admit(request, caller)
        self.check_ready()
        if request.collect_leaks and pb.CAPABILITY_COLLECT_LEAKS not in self.options.capabilities:
            raise Refuse("UNSUPPORTED", "leaks are not collected here")
        if self.collecting:
            raise Refuse("OPERATION_PENDING", "another collection runs", retry=0.5)
        self.collecting = True
        try:
            answer = pb.CollectGarbageResponse()
            for record in self.listed(caller):
                if self.is_garbage(record, request):
                    fate = answer.collected.add(vm_id=record.shown.vm_id, uid=record.shown.uid)
                    if not request.dry_run:
                        await self.collect_one(record, fate, caller)
            for name, network in self.world.networks.items():
                if pb.CAPABILITY_CNI_GC in self.options.capabilities and self.may_gc(network):
                    answer.cni_gc_networks.append(name)
                    if not request.dry_run:
                        plugin.note(self.world.scripts / "host.log", f"GC {name}")
            return answer
        finally:
            self.collecting = False

    def is_garbage(self, record: Record, request: pb.CollectGarbageRequest) -> bool:
        return (
            record.shown.vm_id not in request.valid_vm_ids
            and record.made <= request.as_of_revision
            and record.shown.vm_id not in self.running
        )

    def may_gc(self, network: Network) -> bool:
        return network.owned

    async def collect_one(self, record: Record, fate: pb.CollectedNetwork, caller: Caller) -> None:
        order = pb.TeardownNetworkRequest(vm_id=record.shown.vm_id, uid=record.shown.uid)
        try:
            operation = self.begin_tear_down(order, caller)
            if operation is not None:
                async for _ in operation.read(0):
                    pass
        except Refuse as refusal:
            fate.failure.CopyFrom(refusal.failure)

    async def diagnose(self, request: pb.DiagnoseHostRequest, caller: Caller) -> pb.DiagnoseHostResponse:
        self.admit(request, caller)
        if pb.CAPABILITY_DIAGNOSE_HOST not in self.options.capabilities:
            raise Refuse("UNSUPPORTED", "no diagnosis here")
        if self.diagnosing:
            raise Refuse("OPERATION_PENDING", "another diagnosis runs", retry=0.5)
        self.check_kernel()
        self.diagnosing = True
        try:
            await asyncio.sleep(0.01)
            answer = pb.DiagnoseHostResponse(revision=self.journal.revision)
            if not request.skip_findings:
                answer.findings.add(
                    kind=errors_pb2.RESOURCE_KIND_FILE, what="/made/up", would_do=pb.FINDING_ACTION_REPORT
                )
            if not request.skip_preflight:
                answer.preflight.add(name="made.up", ok=True)
            return answer
        finally:
            self.diagnosing = False

    async def cordon(self, request: pb.CordonHostRequest, caller: Caller) -> pb.CordonHostResponse:
        self.admit(request, caller)
        self.check_journal()
        if not request.cordoned:
            self.journal.cordon = None
            return pb.CordonHostResponse()
        cordon = pb.Cordon(reason=request.reason, by=caller.name)
        cordon.since_time.GetCurrentTime()
        if self.journal.cordon is not None:
            cordon.since_time.CopyFrom(self.journal.cordon.since_time)
        self.journal.cordon = cordon
        return pb.CordonHostResponse(cordon=cordon)

    async def status(self, request: pb.GetStatusRequest, caller: Caller) -> pb.GetStatusResponse:
        self.admit(request, caller)
        answer = pb.GetStatusResponse(
            agent_name="reference",
            agent_version="0.1.0",
            contract_version="1.0.0",
            capabilities=self.options.capabilities,  # type: ignore[arg-type]
            ready=self.is_ready(),
            cni_versions=["1.0.0", "1.1.0"],
            revision=self.journal.revision,
            pending_releases=self.journal.pending[:100],
            cordon=self.journal.cordon,
        )
        answer.start_time.FromNanoseconds(int(self.started * 1e9))
        figures = answer.figures
        figures.networks = len(self.journal.records)
        figures.ready_networks = sum(one.shown.phase == READY for one in self.journal.records.values())
        figures.max_networks, figures.max_operations_queued = (
            self.options.max_networks,
            self.options.max_queued,
        )
        figures.operations_running = len(self.running) - self.queued if len(self.running) > self.queued else 0
        figures.operations_queued = self.queued
        figures.pending_releases = len(self.journal.pending)
        return answer

    def is_ready(self) -> bool:
        return not self.draining and self.journal.cordon is None

    def translate(self, refusal: Refuse) -> Refuse:
        """The last look at a refusal before it leaves."""
        return refusal


class Door(pb_grpc.NetworkAgentServiceServicer):
    """One caller's way in: each of its calls is that caller's."""

    def __init__(self, house: Callable[[], Reference], caller: Caller) -> None:
        self._house, self._caller = house, caller

    async def _call(self, name: str, request: Any, context: Context) -> Any:
        try:
            return await getattr(self._house(), name)(request, self._caller)
        except Exception as exc:  # noqa: BLE001  whatever it is, the caller gets a status that says so
            await self._abort(exc, request, context)

    async def _stream(self, name: str, request: Any, context: Context) -> AsyncIterator[Any]:
        try:
            async for event in getattr(self._house(), name)(request, self._caller):
                yield event
        except Exception as exc:  # noqa: BLE001
            await self._abort(exc, request, context)

    async def _abort(self, exc: Exception, request: Any, context: Context) -> None:
        house = self._house()
        refusal = exc if isinstance(exc, Refuse) else Refuse("INTERNAL", f"{type(exc).__name__}: {exc}")
        refusal = house.translate(refusal)
        details = house.status_details(refusal, getattr(request, "vm_id", ""))
        code = grpc.StatusCode[CODES[refusal.reason]]
        await context.abort(code, str(refusal)[:1024], (("grpc-status-details-bin", details),))


def _unary(name: str) -> Any:
    async def method(self: Door, request: Any, context: Context) -> Any:
        return await self._call(name, request, context)

    return method


def _streaming(name: str) -> Any:
    async def method(self: Door, request: Any, context: Context) -> AsyncIterator[Any]:
        async for event in self._stream(name, request, context):
            yield event

    return method


METHODS: Mapping[str, tuple[str, bool]] = {
    "SetupNetwork": ("set_up", True),
    "TeardownNetwork": ("tear_down", True),
    "GetNetwork": ("get", False),
    "ListNetworks": ("list", False),
    "WatchNetworks": ("watch", True),
    "CheckNetwork": ("check", False),
    "DescribeNetwork": ("describe", False),
    "CollectGarbage": ("collect", False),
    "DiagnoseHost": ("diagnose", False),
    "CordonHost": ("cordon", False),
    "GetStatus": ("status", False),
}
for _rpc, (_name, _streams) in METHODS.items():
    setattr(Door, _rpc, _streaming(_name) if _streams else _unary(_name))
