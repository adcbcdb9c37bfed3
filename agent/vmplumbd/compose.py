"""What an agent is made of, joined: the same for the daemon and for a program that has it in process.

Who encodes a request's spec for the journal hands over how it is read again; nothing here knows gRPC.
"""

from __future__ import annotations

import functools
import os
import time
import traceback
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from vmplumbd.cni import cells
from vmplumbd.cni.cache import Cache, Opener
from vmplumbd.cni.cells import Cells
from vmplumbd.cni.config import NetworkConfigList, parse_list
from vmplumbd.cni.exec import ExecInvoker
from vmplumbd.cni.orphans import Orphans
from vmplumbd.cni.pins import Pins
from vmplumbd.config import Config
from vmplumbd.errors import AgentError, Reason
from vmplumbd.journal.store import SqliteJournal
from vmplumbd.kernel import holders, memory
from vmplumbd.kernel import paths as kernel_paths
from vmplumbd.kernel.linux import LinuxKernel
from vmplumbd.kernel.probe import LinuxProbe
from vmplumbd.model.progress import Failure
from vmplumbd.model.spec import NetworkSpec
from vmplumbd.observe.log import Log
from vmplumbd.operations import look, reboot, reconcile
from vmplumbd.operations.agent import Agent
from vmplumbd.operations.book import Book, Operation
from vmplumbd.operations.chain import ChainDefaults
from vmplumbd.operations.failures import Fault
from vmplumbd.operations.lanes import LaneName, Lanes
from vmplumbd.operations.pool import Pools, PoolSettings
from vmplumbd.operations.reaper import Reaper
from vmplumbd.operations.retry import RetryPolicy
from vmplumbd.operations.tools import Full, Settings, Tools
from vmplumbd.plugins import builtin, masquerade
from vmplumbd.plugins.builtin import BuiltinInvoker
from vmplumbd.plugins.host_local import allocator, store
from vmplumbd.plugins.host_local.plugin import HostLocal
from vmplumbd.plugins.masquerade import Masquerade
from vmplumbd.plugins.warm import Warm
from vmplumbd.policy.inline import InlineRules
from vmplumbd.policy.paths import PathPolicy

# What one live network costs the kernel and cannot be reclaimed (docs/performance.md), in bytes.
_NETWORK_COSTS = 400 * 1024


# The part of the host's memory that live networks may take.
_MEMORY_SHARE = 4


# How long threads without work may take to end, in seconds.
_LANES_END = 1.0


class SystemClock:
    """The host's clocks."""

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds since some start, the same clock that deadlines of executed plugins use."""
        return time.monotonic()


@dataclass(slots=True, kw_only=True)
class Daemon:
    """An agent with all it stands on. `close` gives everything back; networks stay."""

    agent: Agent
    kernel: LinuxKernel
    probe: LinuxProbe
    host_local: HostLocal
    journal: SqliteJournal
    lanes: Lanes
    tools: Tools
    log: Log
    pins: Pins | None

    def close(self) -> None:
        """Stop the threads and let go of the journal."""
        self.tools.reaper.close()
        idle = self.lanes.close(_LANES_END)
        self.tools.devices.close()
        self.journal.close()
        if idle:
            # Else a thread may yet use them, and what it held would be another file's.
            self.host_local.close()
            if self.pins is not None:
                self.pins.close()
            self.probe.close()
            self.kernel.close()


def boot_id() -> str:
    """The id of this boot. A test may say another in VMPLUMBD_BOOT_ID."""
    given = os.environ.get("VMPLUMBD_BOOT_ID")
    return given or Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def journal_path(config: Config) -> str:
    """Where the journal lies."""
    return f"{config.paths.state_dir}/journal.db"


def build(
    config: Config,
    log: Log,
    *,
    decode_spec: Callable[[bytes], NetworkSpec],
    orphans: Orphans | None = None,
) -> Daemon:
    """Join everything and reconcile; the agent is open afterwards. Raises JournalFailed, KernelFault.

    `decode_spec` reads the spec of a record, as whoever takes the requests encodes it. `orphans` are what plugins
    that are killed leave behind, in a process that the kernel hands them to.
    """
    clock = SystemClock()
    with ExitStack() as refused:
        # A program that opens an agent in process may go on after a refusal, and try again.
        kernel = LinuxKernel(ahead=config.kernel.ahead)
        refused.callback(kernel.close)
        probe = LinuxProbe()
        refused.callback(probe.close)
        journal = SqliteJournal(journal_path(config))
        refused.callback(journal.close)
        state = journal.load()
        refused.pop_all()
    host_local = HostLocal(store.BRIEF)
    boot = boot_id()
    book = Book(journal, clock, boot, state)
    lanes = Lanes(
        clock,
        threads={
            LaneName.BUILT_IN: 1,
            LaneName.EXEC: config.limits.exec_threads,
            LaneName.TEAR_DOWN: 1,
        },
        limit=config.limits.max_operations,
        fell=functools.partial(_log_fall, log),
        fit=kernel.has_this_thread,
    )
    digests = config.cni.pins()
    pins = Pins(digests) if digests else None
    executor = ExecInvoker(
        passthrough=config.cni.environment,
        cells=_cells(config.cni.plugin_cgroup, log),
        orphans=orphans,
        pins=pins,
    )
    executed = builtin.TYPES if config.cni.prefer == "executable" else ()
    rules = Masquerade(kernel, default=masquerade.default_backend(os.environ.get("PATH")))
    invoker = BuiltinInvoker(
        kernel,
        executor,
        executed=executed,
        host_local=host_local,
        masquerade=rules,
        host_ipv6=config.kernel.host_ipv6,
        tuning_allowlist=config.paths.tuning_allowlist,
        allowed=config.cni.allowed_plugins,
    )
    holder: list[Tools] = []
    made = settings(config)
    pools = Pools(
        lambda: holder[0],
        Warm(kernel, invoker),
        [
            PoolSettings(network=name, size=size, rate=rate)
            for name, (size, rate) in config.pool.by_network().items()
        ],
        look.pool_directory(made),
    )
    tools = Tools(
        kernel=kernel,
        devices=kernel.watch(),
        book=book,
        clock=clock,
        invoker=invoker,
        pools=pools,
        sparing_invoker=invoker.sparing(),
        freeing_invoker=invoker.freeing(),
        lanes=lanes,
        reaper=Reaper(lambda: holder[0]),
        settings=made,
        caches=functools.partial(Cache, opener=_cache_opener(config)),
        decode_spec=decode_spec,
        runs_in_process=functools.lru_cache(maxsize=256)(
            lambda raw: invoker.runs_in_process(parse_list(raw))
        ),
        holders=holders.of_netns,
        probe=probe,
        note=lambda event, fields: log.info(event, **fields),
        preflight=lambda network, path: [one.message for one in invoker.preflight(network, path)],
        full=functools.partial(_full, invoker),
        free=lambda raw, owners: invoker.free(parse_list(raw), owners),
        locked=invoker.locked_elsewhere,
        usage=functools.partial(_usage, invoker),
    )
    holder.append(tools)
    problems: list[Failure] = []
    if state.set_aside:
        lost = ", ".join(state.unreadable)
        message = f"the journal was damaged and set aside as {state.set_aside}; " + (
            f"what could not be read is unknown: {lost}" if lost else "networks made before are unknown"
        )
        log.error("journal.set_aside", kept=state.set_aside, unreadable=lost)
        problems.append(Failure(reason=Reason.JOURNAL_FAILED, message=message))
    agent = Agent(tools, problems, pools.states)
    book.listeners.append(functools.partial(_log_operation, log))
    done = reconcile.reconcile(
        tools, lambda what, vm_id, detail: log.info("reconcile", what=what, vm_id=vm_id, detail=detail)
    )
    pools.adopt()
    if state.boot_id not in {"", boot}:
        _sweep(tools, log)
    journal.set_boot_id(boot)
    log.info(
        "reconciled",
        adopted=len(done.adopted),
        undone=len(done.undone),
        released=len(done.released),
        waiting=len(done.waiting),
    )
    agent.open()
    return Daemon(
        agent=agent,
        kernel=kernel,
        probe=probe,
        host_local=host_local,
        journal=journal,
        lanes=lanes,
        tools=tools,
        log=log,
        pins=pins,
    )


def _cells(setting: str, log: Log) -> Cells | None:
    """A control group for each executed plugin, where the operator's setting and the host give one."""
    directory = cells.delegated() if setting == "auto" else setting
    if not directory or setting == "off":
        return None
    try:
        made = Cells(f"{directory}/vmplumb-plugins")
    except OSError as exc:
        log.warning("plugins.cgroup", where=directory, error=str(exc))
        return None
    ended = made.sweep()
    log.info("plugins.cgroup", where=directory, ended=ended)
    return made


def _cache_opener(config: Config) -> Opener:
    """Opens cache directories below the roots, as they are written and as they are, and follows no link in them."""
    roots = (config.paths.cache_root, *config.paths.allowed_cache_roots)
    listed = tuple(dict.fromkeys((*roots, *(os.path.realpath(one) for one in roots))))
    return functools.partial(kernel_paths.open_directory, listed)


def _sweep(tools: Tools, log: Log) -> None:
    try:
        swept = reboot.sweep(tools)
    except AgentError as exc:
        log.error("reboot.sweep", error=str(exc))  # noqa: TRY400 - our log, not logging's
        return
    for one in swept.cleared:
        what = {"what": one.finding.what, "where": one.finding.where, "vm_id": one.finding.vm_id}
        if one.error is None:
            log.info("reboot", taken=True, **what, detail=one.finding.detail)
        else:
            log.warning("reboot", taken=False, **what, detail=str(one.error))
    for left in swept.reported:
        log.warning(
            "reboot", taken=False, what=left.what, where=left.where, vm_id=left.vm_id, detail=left.detail
        )


def _full(invoker: BuiltinInvoker, network: NetworkConfigList, vm_id: str, if_name: str) -> Full | None:
    found = invoker.full(network, vm_id, if_name)
    return None if found is None else _room(found)


def _usage(invoker: BuiltinInvoker, network: NetworkConfigList) -> tuple[Full, ...]:
    return tuple(_room(one) for one in invoker.usage(network))


def _room(found: allocator.Full) -> Full:
    return Full(ranges=str(found.range_set), taken=found.taken, size=found.size)


def _log_fall(log: Log, exc: BaseException) -> None:
    # Where, and not what it says: nobody knows any more whose secrets may be in it.
    trace = "".join(traceback.format_tb(exc.__traceback__))
    log.error("operation.fault", error=type(exc).__name__, trace=trace)


def _log_operation(log: Log, operation: Operation) -> None:
    error = operation.log.error
    entries = operation.log.since(0)
    fields: dict[str, object] = {
        "vm_id": operation.vm_id,
        "uid": operation.uid,
        "owner": operation.owner,
        "seconds": round(entries[-1].time - operation.log.begun, 6) if entries else 0,
    }
    if operation.trace_parent is not None:
        fields["trace_id"] = operation.trace_parent.trace_id
    if error is None:
        log.info(operation.kind.value, **fields)
    elif isinstance(error, Fault):
        # A defect of ours: the place is worth more than the words.
        trace = operation.hide("".join(traceback.format_exception(error.__cause__)))
        log.error(operation.kind.value, **fields, reason=error.reason.value, error=str(error), trace=trace)
    else:
        log.warning(operation.kind.value, **fields, reason=error.reason.value, error=str(error))


def settings(config: Config) -> Settings:
    """The operations' part of the configuration."""
    paths, limits = config.paths, config.limits
    return Settings(
        defaults=ChainDefaults(
            policy=PathPolicy(
                bin_path=(*paths.bin_path, *paths.allowed_bin_paths),
                conf_dirs=(paths.conf_dir, *paths.allowed_conf_dirs),
                cache_roots=(paths.cache_root, *paths.allowed_cache_roots),
                netns_roots=(paths.netns_dir, *paths.allowed_netns_roots),
            ),
            inline=InlineRules(
                plugins=frozenset(config.cni.inline_plugins), keys=frozenset(config.cni.inline_keys)
            ),
            bin_path=paths.bin_path,
            conf_dir=paths.conf_dir,
            cache_root=paths.cache_root,
        ),
        netns_dir=paths.netns_dir,
        state_dir=paths.state_dir,
        operation_timeout=limits.operation_timeout,
        undo_timeout=limits.undo_timeout,
        retry=RetryPolicy(attempts=limits.attempts, first=limits.first_retry, longest=limits.longest_retry),
        journal_bytes=limits.journal_bytes,
        max_networks=limits.max_networks or networks_that_fit(memory.usable()),
        strict_del=config.cni.strict_del,
        inline_config=config.cni.inline_config,
        owned_networks=frozenset(config.cni.owned_networks),
        drain_group=config.kernel.drain_group,
    )


def networks_that_fit(memory_bytes: int) -> int:
    """The default of `limits.max_networks` for this much memory."""
    return max(16, memory_bytes // _MEMORY_SHARE // _NETWORK_COSTS)
