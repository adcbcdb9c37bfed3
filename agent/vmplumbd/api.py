"""The agent in process, for those who want no hop: no daemon, no socket, no gRPC, no protobuf.

The operations, the journal and the promises are the daemon's own; a process that is killed half-way leaves what
a killed daemon leaves, and whoever opens the journal next, agent or daemon, takes it back. This module and
`vmplumbd.cni` are what programs may rely on: docs/library.md, pinned by a test.
"""

from __future__ import annotations

import concurrent.futures
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass
from types import TracebackType
from typing import TextIO, TypeVar, cast

from vmplumbd import compose
from vmplumbd import config as configuration
from vmplumbd.config import Cni, Config, InvalidConfig, Kernel, Limits, Paths, Pool
from vmplumbd.errors import (
    AccessDenied,
    AddFailed,
    AddressesExhausted,
    AgentError,
    AgentNotReady,
    ConfigListMismatch,
    DelFailed,
    HostLimitReached,
    InvalidSpec,
    JournalFailed,
    KernelFault,
    LimitExceeded,
    NetnsSetupFailed,
    NetworkNotFound,
    NotANetns,
    OperationPending,
    OperationTimeout,
    PathNotAllowed,
    PluginError,
    PluginFailed,
    PluginUnavailable,
    Reason,
    ResultUnusable,
    SpecConflict,
    TooManyNetworks,
    TooManyOperations,
    TornDown,
    TryAgainLater,
    UidMismatch,
    Unsupported,
    Violation,
    VmNotFound,
    WrongPhase,
    first_of,
)
from vmplumbd.model import rules, wire
from vmplumbd.model.ids import VmId
from vmplumbd.model.lifecycle import Phase
from vmplumbd.model.outcome import InterfaceOutcome, Outcome, StaticNetworkConf, VmIp, VmRoute
from vmplumbd.model.progress import (
    Failure,
    Holder,
    Leftover,
    PluginCall,
    ResourceKind,
    Step,
    StepEvent,
    StepState,
    Warning,
)
from vmplumbd.model.record import Record
from vmplumbd.model.spec import (
    CniConfiguration,
    IpConfiguration,
    NetworkInterface,
    NetworkSpec,
    RateLimiter,
    StaticNetworkConfiguration,
    TapOptions,
    TokenBucket,
)
from vmplumbd.observe.log import Log
from vmplumbd.operations import describe as describing
from vmplumbd.operations.book import Operation
from vmplumbd.operations.collect import CollectOrder
from vmplumbd.operations.describe import Role
from vmplumbd.operations.set_up import SetUpOrder
from vmplumbd.operations.tear_down import TearDownOrder

__all__ = [
    "AccessDenied",
    "AddFailed",
    "AddressesExhausted",
    "Agent",
    "AgentError",
    "AgentNotReady",
    "CheckResult",
    "Cni",
    "CniConfiguration",
    "CollectResult",
    "Config",
    "ConfigListMismatch",
    "DelFailed",
    "Device",
    "Failure",
    "Holder",
    "HostLimitReached",
    "InterfaceOutcome",
    "InvalidConfig",
    "InvalidSpec",
    "IpConfiguration",
    "JournalFailed",
    "Kernel",
    "KernelFault",
    "Leftover",
    "LimitExceeded",
    "Limits",
    "NetnsSetupFailed",
    "Network",
    "NetworkInterface",
    "NetworkNotFound",
    "NetworkSpec",
    "NotANetns",
    "OperationPending",
    "OperationTimeout",
    "Outcome",
    "PathNotAllowed",
    "Paths",
    "Phase",
    "PluginCall",
    "PluginError",
    "PluginFailed",
    "PluginUnavailable",
    "Pool",
    "RateLimiter",
    "Reason",
    "ResourceKind",
    "ResultUnusable",
    "Role",
    "SpecConflict",
    "StaticNetworkConf",
    "StaticNetworkConfiguration",
    "Step",
    "StepEvent",
    "StepState",
    "TapOptions",
    "TearDownResult",
    "TokenBucket",
    "TooManyNetworks",
    "TooManyOperations",
    "TornDown",
    "TryAgainLater",
    "UidMismatch",
    "Unsupported",
    "Violation",
    "VmIp",
    "VmNotFound",
    "VmRoute",
    "Warning",
    "WrongPhase",
    "load_config",
]

T = TypeVar("T")

# Longer than a set-up of built-in plugins takes, shorter than a person notices. Seconds.
_PATIENCE = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """One VM's network, as the journal has it. Times are seconds since the epoch.

    `result` is there with READY, `failure` with FAILED. `spec` is what was asked for, secrets included.
    """

    vm_id: str
    uid: str
    revision: int
    phase: Phase
    spec: NetworkSpec
    result: Outcome | None
    failure: Failure | None
    owner: str
    create_time: float
    update_time: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TearDownResult:
    """What a teardown came to. `devices_gone`: no device is left that could carry the VM's addresses.

    With `force`, `ignored_failures` and `leftovers` say what failed and what stayed; `holders` is who keeps
    the devices, if they were waited for in vain.
    """

    existed: bool
    network_uid: str
    devices_gone: bool
    ignored_failures: tuple[AgentError, ...] = ()
    leftovers: tuple[Leftover, ...] = ()
    holders: tuple[Holder, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """What is not as it should be; nothing if all is well. `cni_check_skipped`: a plugin has no CHECK."""

    findings: tuple[AgentError, ...]
    cni_check_skipped: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectResult:
    """VMs whose networks were collected (would be, in a dry run), and those whose teardown failed, with why.

    `gc_networks` are the CNI networks that GC ran on, `gc_failures` what it failed on.
    """

    collected: tuple[str, ...]
    failed: tuple[tuple[str, AgentError], ...]
    gc_networks: tuple[str, ...]
    gc_failures: tuple[AgentError, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A device between the VM and the host, as the kernel has it now. `netns_path` is empty on the host."""

    name: str
    role: Role
    netns_path: str
    index: int
    kind: str
    mac_address: str
    mtu: int
    up: bool
    carrier: bool
    addresses: tuple[str, ...]
    peer_name: str
    master_name: str
    redirect_to: str


def load_config(file: str) -> Config:
    """The configuration of a vmplumbd.toml; `listen` is of no use here. Raises InvalidConfig."""
    return configuration.load(file, {})


class Agent:
    """The agent of this host, in process. Make one with `Agent.open`, as a context manager.

    Its verbs block and may be called from any thread of the host's network namespace; none moves the calling
    thread into another. The end of a wait, by an exception in `progress` or a KeyboardInterrupt, does not end
    the operation: the same call attaches to it again.
    """

    def __init__(self, built: compose.Daemon, drain_timeout: float) -> None:
        """Not for programs: use `open`."""
        self._built = built
        self._agent = built.agent
        self._drain_timeout = drain_timeout
        self._aside = concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="vmplumb-look")
        self._mutex = threading.Lock()
        self._closed = False

    @classmethod
    def open(cls, config: Config | None = None, *, log: TextIO | None = None) -> Agent:
        """Open the journal, take back what a killed process left half-way, adopt what stands. Blocks.

        `log` gets JSON lines. Networks of a former boot are released. The calling thread's network
        namespace is the host's. Raises InvalidConfig, JournalFailed (another agent or daemon has the journal),
        KernelFault.
        """
        checked = configuration.checked(config or Config())
        lines = Log(log or cast("TextIO", _Nowhere()), level=checked.log.level)
        return cls(compose.build(checked, lines, decode_spec=wire.decode), checked.limits.drain_timeout)

    def __enter__(self) -> Agent:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Accept nothing new, wait for what runs (at most `limits.drain_timeout`), let go. Networks stay."""
        with self._mutex:
            if self._closed:
                return
            self._closed = True
        self._agent.drain(self._drain_timeout)
        self._aside.shutdown()
        self._built.close()

    def set_up(
        self,
        vm_id: str,
        spec: NetworkSpec,
        *,
        timeout: float | None = None,
        progress: Callable[[StepEvent], None] | None = None,
    ) -> Outcome:
        """Give a VM its network; the same call again gets the same answer, also in a later process.

        `timeout` in seconds bounds the operation, and is `limits.operation_timeout` if None. `progress` is
        called on this thread. Raises InvalidSpec with every violation before any effect; any other AgentError
        after all of it was taken back, `leftovers` says what could not be.
        """
        _refuse_broken(vm_id, spec, timeout)
        raw = wire.encode(spec)
        order = SetUpOrder(
            spec=spec, spec_bytes=raw, spec_hash=wire.spec_hash(raw), timeout=self._timeout(timeout)
        )
        operation = self._agent.set_up(VmId(vm_id), order)
        _follow(operation, progress)
        assert operation.log.outcome is not None
        return operation.log.outcome

    def validate(self, vm_id: str, spec: NetworkSpec) -> None:
        """Check as `set_up` would and do nothing. Raises as it would before its first effect."""
        _refuse_broken(vm_id, spec, None)
        self._look(lambda: self._agent.validate(VmId(vm_id), spec, wire.spec_hash(wire.encode(spec))))

    def tear_down(
        self,
        vm_id: str,
        *,
        uid: str = "",
        force: bool = False,
        wait_for_devices: bool = False,
        timeout: float | None = None,
        progress: Callable[[StepEvent], None] | None = None,
    ) -> TearDownResult:
        """Take a network back; one that is not there is success. A set-up under way is ended first.

        `uid` names one incarnation. Raises UidMismatch, and what failed unless `force`: then it is tried
        again by the agent, in this process or the next.
        """
        _refuse_broken(vm_id, NetworkSpec(), timeout)
        order = TearDownOrder(
            uid=uid, force=force, timeout=self._timeout(timeout), wait_for_devices=wait_for_devices
        )
        operation = self._agent.tear_down(VmId(vm_id), order)
        if operation is None:
            return TearDownResult(existed=False, network_uid="", devices_gone=True)
        _follow(operation, progress)
        return TearDownResult(
            existed=operation.existed,
            network_uid=operation.network_uid,
            devices_gone=operation.devices_gone,
            ignored_failures=operation.ignored_failures,
            leftovers=operation.leftovers,
            holders=operation.holders,
        )

    def check(self, vm_id: str) -> CheckResult:
        """Look whether a network is as it should be. Changes nothing.

        Raises VmNotFound, WrongPhase, OperationPending.
        """
        call = self._agent.check(VmId(vm_id))
        _follow(call.operation, None)
        assert call.findings is not None
        return CheckResult(findings=call.findings.findings, cni_check_skipped=call.findings.cni_check_skipped)

    def get(self, vm_id: str) -> Network:
        """One network. Does not block. Raises VmNotFound."""
        return self._network(self._agent.get(VmId(vm_id)))

    def list(self) -> tuple[Network, ...]:
        """Every network, in byte order of vm_id. Does not block."""
        return tuple(map(self._network, self._agent.list()))

    def describe(self, vm_id: str) -> tuple[Device, ...]:
        """The devices from the VM's side to the host's. Raises VmNotFound, KernelFault."""
        record = self._agent.get(VmId(vm_id))
        found = self._look(lambda: describing.describe(self._agent.tools, record))
        return tuple(map(_device, found.devices))

    def collect(
        self, valid_vm_ids: Collection[str], *, as_of_revision: int, dry_run: bool = False
    ) -> CollectResult:
        """Tear down every network that no VM of the list owns, then CNI GC on networks that are the agent's own.

        Records made after `as_of_revision` (`revision` when the list was drawn up) are kept. Raises
        OperationPending while another collection runs.
        """
        order = CollectOrder(
            valid_vm_ids=frozenset(valid_vm_ids), as_of_revision=as_of_revision, dry_run=dry_run
        )
        call = self._agent.collect(order)
        _follow(call.operation, None)
        assert call.collected is not None
        fates = call.collected.fates
        return CollectResult(
            collected=tuple(one.vm_id for one in fates if one.error is None),
            failed=tuple((one.vm_id, one.error) for one in fates if one.error is not None),
            gc_networks=call.collected.gc_networks,
            gc_failures=call.collected.gc_errors,
        )

    @property
    def revision(self) -> int:
        """The number of the newest change."""
        return self._agent.tools.book.revision

    def _timeout(self, given: float | None) -> float:
        return self._agent.tools.settings.operation_timeout if given is None else given

    def _network(self, record: Record) -> Network:
        return Network(
            vm_id=record.vm_id,
            uid=record.uid,
            revision=record.revision,
            phase=record.phase,
            spec=wire.decode(record.spec),
            result=self._agent.outcome(record),
            failure=record.failure,
            owner=record.owner,
            create_time=record.create_time,
            update_time=record.update_time,
        )

    def _look(self, act: Callable[[], T]) -> T:
        """Run what enters namespaces on a thread of ours: the caller's is never moved."""
        return self._aside.submit(act).result()


class _Nowhere:
    """What a log needs of a file, for lines that nobody wants."""

    def write(self, text: str, /) -> int:
        """Take it."""
        return len(text)

    def flush(self) -> None:
        """There is nothing."""


def _refuse_broken(vm_id: str, spec: NetworkSpec, timeout: float | None) -> None:
    wrong = rules.violations(vm_id, spec, timeout=timeout)
    if wrong:
        raise InvalidSpec(f"{wrong[0].field}: {first_of(wrong)}", wrong)


def _follow(operation: Operation, progress: Callable[[StepEvent], None] | None) -> None:
    """Tell what happens until the operation has ended; raise what it ended with."""
    if progress is not None:
        _tell(operation, progress)
    operation.wait()
    if operation.log.error is not None:
        raise operation.log.error


def _tell(operation: Operation, progress: Callable[[StepEvent], None]) -> None:
    log = operation.log
    news = threading.Event()
    log.subscribe(news.set)
    position = 0
    try:
        while True:
            # In this order: an event written between the two is in the next read.
            finished = log.finished
            for entry in log.since(position):
                position = entry.sequence
                if isinstance(entry.event, StepEvent):
                    progress(entry.event)
            if finished:
                return
            if not news.wait(_PATIENCE):
                log.flush()
                news.wait()
            news.clear()
    finally:
        log.unsubscribe(news.set)


def _device(one: describing.Described) -> Device:
    return Device(
        name=one.link.name,
        role=one.role,
        netns_path=one.netns_path,
        index=one.link.index,
        kind=one.link.kind,
        mac_address=one.link.mac.hex(":"),
        mtu=one.link.mtu,
        up=one.link.up,
        carrier=one.link.oper_up,
        addresses=tuple(map(str, one.addresses)),
        peer_name=one.peer_name,
        master_name=one.master_name,
        redirect_to=one.redirect_to,
    )
