"""The composition root: builds the concrete things, joins them, runs them."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import grp
import json
import os
import resource
import signal
import stat
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from vmplumbd.cni.config import NetworkConfigList, parse_list
from vmplumbd.cni.exec import ExecInvoker
from vmplumbd.config import Config
from vmplumbd.errors import AgentError, JournalFailed, Reason
from vmplumbd.journal.store import SqliteJournal
from vmplumbd.kernel import holders, memory
from vmplumbd.kernel.linux import LinuxKernel
from vmplumbd.kernel.probe import LinuxProbe
from vmplumbd.model.progress import Failure
from vmplumbd.model.record import JournalState, Record
from vmplumbd.observe.log import Log
from vmplumbd.operations import look, reboot, reconcile, take_over
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
from vmplumbd.plugins.host_local import store
from vmplumbd.plugins.host_local.plugin import HostLocal
from vmplumbd.plugins.masquerade import Masquerade
from vmplumbd.plugins.warm import Warm
from vmplumbd.policy.paths import PathPolicy
from vmplumbd.rpc import convert, specs
from vmplumbd.rpc.server import Server
from vmplumbd.rpc.servicer import Servicer
from vmplumbd.rpc.validation import RequestRules

# What one live network costs the kernel and cannot be reclaimed (docs/performance.md), in bytes.
_NETWORK_COSTS = 400 * 1024
# The part of the host's memory that live networks may take.
_MEMORY_SHARE = 4


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
    journal: SqliteJournal
    lanes: Lanes
    tools: Tools
    log: Log

    def close(self) -> None:
        """Stop the threads and let go of the journal."""
        self.tools.reaper.close()
        self.lanes.close()
        self.tools.devices.close()
        self.journal.close()


def boot_id() -> str:
    """The id of this boot. A test may say another in VMPLUMBD_BOOT_ID."""
    given = os.environ.get("VMPLUMBD_BOOT_ID")
    return given or Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def build(config: Config, log: Log) -> Daemon:
    """Join everything and reconcile; the agent is open afterwards. Raises JournalFailed, KernelFault."""
    clock = SystemClock()
    kernel = LinuxKernel(ahead=config.kernel.ahead)
    journal = SqliteJournal(f"{config.paths.state_dir}/journal.db")
    state = journal.load()
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
        fell=lambda exc: log.error("operation.fault", error=repr(exc)),
        fit=kernel.has_this_thread,
    )
    executor = ExecInvoker(passthrough=config.cni.environment)
    executed = builtin.TYPES if config.cni.prefer == "executable" else ()
    rules = Masquerade(kernel, default=masquerade.default_backend(os.environ.get("PATH")))
    invoker = BuiltinInvoker(
        kernel,
        executor,
        executed=executed,
        host_local=HostLocal(store.BRIEF),
        masquerade=rules,
        host_ipv6=config.kernel.host_ipv6,
        tuning_allowlist=config.paths.tuning_allowlist,
    )
    holder: list[Tools] = []
    pools = Pools(
        lambda: holder[0],
        Warm(kernel, invoker),
        [
            PoolSettings(network=name, size=size, rate=config.pool.refill_rate)
            for name, size in config.pool.members().items()
        ],
        look.pool_directory(settings(config)),
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
        settings=settings(config),
        decode_spec=convert.decode_spec,
        runs_in_process=functools.lru_cache(maxsize=256)(
            lambda raw: invoker.runs_in_process(parse_list(raw))
        ),
        holders=holders.of_netns,
        probe=LinuxProbe(),
        note=lambda event, fields: log.info(event, **fields),
        preflight=lambda network, path: [one.message for one in invoker.preflight(network, path)],
        full=functools.partial(_full, invoker),
        free=lambda raw, owners: invoker.free(parse_list(raw), owners),
        locked=invoker.locked_elsewhere,
    )
    holder.append(tools)
    problems: list[Failure] = []
    if state.set_aside:
        message = (
            f"the journal was damaged and set aside as {state.set_aside}; networks made before are unknown"
        )
        log.error("journal.set_aside", kept=state.set_aside)
        problems.append(Failure(reason=Reason.JOURNAL_FAILED, message=message))
    agent = Agent(tools, problems, pools.states)
    book.listener = functools.partial(_log_operation, log)
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
    return Daemon(agent=agent, journal=journal, lanes=lanes, tools=tools, log=log)


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
    return None if found is None else Full(ranges=str(found.range_set), taken=found.taken, size=found.size)


def _log_operation(log: Log, operation: Operation) -> None:
    error = operation.log.error
    entries = operation.log.since(0)
    fields = {
        "vm_id": operation.vm_id,
        "uid": operation.uid,
        "seconds": round(entries[-1].time - entries[0].time, 6) if entries else 0,
    }
    if error is None:
        log.info(operation.kind.value, **fields)
    elif isinstance(error, Fault):
        # A defect of ours: the place is worth more than the words.
        trace = "".join(traceback.format_exception(error.__cause__))
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
            bin_path=paths.bin_path,
            conf_dir=paths.conf_dir,
            cache_root=paths.cache_root,
        ),
        netns_dir=paths.netns_dir,
        state_dir=paths.state_dir,
        operation_timeout=limits.operation_timeout,
        undo_timeout=limits.undo_timeout,
        retry=RetryPolicy(attempts=limits.attempts, first=limits.first_retry, longest=limits.longest_retry),
        max_networks=limits.max_networks or networks_that_fit(memory.usable()),
        strict_del=config.cni.strict_del,
        inline_config=config.cni.inline_config,
        owned_networks=frozenset(config.cni.owned_networks),
        drain_group=config.kernel.drain_group,
    )


def tune_interpreter() -> None:
    """Fit the interpreter to many short operations on a few threads. Once, when everything is loaded."""
    # Lane and loop hand over the interpreter often and for short; the default of 5 ms is a whole set-up.
    sys.setswitchinterval(0.0005)
    # What is loaded stays: no collection shall look at it again. An operation leaves few cycles behind, and
    # the default looks for them several times in each.
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)


def serve(config: Config) -> int:
    """Run until SIGTERM or SIGINT; answers the exit status. Networks stay when the agent goes."""
    tune_interpreter()
    # Each namespace that waits for its end is a descriptor (`operations.reaper`).
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    log = Log(sys.stderr, level=config.log.level)
    try:
        daemon = build(config, log)
    except (AgentError, OSError) as exc:
        log.error("start.failed", error=str(exc))  # noqa: TRY400 - our log, not logging's
        return 3 if isinstance(exc, JournalFailed) else 1
    try:
        return asyncio.run(_serve(config, daemon))
    finally:
        daemon.close()


def import_networks(
    config: Config,
    *,
    vm_ids: Sequence[str] = (),
    cache_dirs: Sequence[str] = (),
    spec_file: str = "",
    vm_if_name: str = "",
    keep_namespaces: bool = False,
    apply: bool = False,
    as_json: bool = False,
) -> int:
    """Take over what the Go SDK or libcni left running; answers the exit status. A dry run unless `apply`.

    Holds the journal, so no agent may run. Nothing but the journal is written, and nothing without `apply`.
    """
    rules = RequestRules.load()
    path = Path(config.paths.state_dir) / "journal.db"
    journal: SqliteJournal | None = None
    clock = SystemClock()
    kernel = LinuxKernel()
    try:
        spec_of = (
            specs.from_file(rules, spec_file) if spec_file else specs.derived(rules, vm_if_name=vm_if_name)
        )
        if apply or path.exists():
            journal = SqliteJournal(str(path))
        state = journal.load() if journal is not None else _NOTHING
        book = Book(journal, clock, boot_id(), state) if journal is not None else None
        taken = take_over.take_over(
            take_over.Host(
                kernel=kernel,
                known=frozenset(one.vm_id for one in state.records),
                boot_id=boot_id(),
                write=book.write if book is not None else _refuse_to_write,
                clock=clock,
                settings=settings(config),
                decode_spec=convert.decode_spec,
                spec_hash=convert.spec_hash,
            ),
            take_over.TakeOverOrder(
                spec_of=spec_of,
                vm_ids=frozenset(vm_ids),
                cache_dirs=tuple(cache_dirs),
                keep_namespaces=keep_namespaces,
                apply=apply,
            ),
        )
    except (AgentError, OSError) as exc:
        print(f"vmplumbd: {exc}", file=sys.stderr)
        return 3 if isinstance(exc, JournalFailed) else 1
    finally:
        kernel.close()
        if journal is not None:
            journal.close()
    for one in taken:
        print(json.dumps(asdict(one)) if as_json else _words(one))
    if not as_json:
        count = sum(not one.why for one in taken)
        done = "taken over" if apply else "could be taken over: --apply"
        print(f"{count} of {len(taken)} {done}")
    return 1 if take_over.refused(taken) else 0


_NOTHING = JournalState(records=(), releases=(), revision=0, boot_id="")


def _refuse_to_write(_: Record) -> None:
    raise RuntimeError("a dry run writes nothing")


def _words(one: take_over.TakenOver) -> str:
    if one.why:
        return f"{one.vm_id}  STAYS  {one.network}  {one.why}"
    netns = f"{one.netns_path} ({'goes with the network' if one.netns_owned else 'stays'})"
    state = "TAKEN OVER" if one.done else "stands"
    return f"{one.vm_id}  {state}  {one.network}  {', '.join(one.addresses)}  {one.tap} in {netns}"


async def _serve(config: Config, daemon: Daemon) -> int:
    rules = RequestRules.load()
    key = _agent_key(Path(config.paths.state_dir))
    server = Server(Servicer(daemon.agent, rules, key=key, max_watches=config.listen.max_watches))
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    listen = config.listen
    try:
        if listen.unix:
            _listen_unix(server, listen.unix, int(listen.unix_mode, 8), listen.unix_group)
        if listen.tcp:
            server.listen_tls(
                listen.tcp,
                certificate=Path(listen.tls_certificate).read_bytes(),
                key=Path(listen.tls_key).read_bytes(),
                client_ca=Path(listen.tls_client_ca).read_bytes(),
            )
        await server.start()
    except (RuntimeError, OSError, KeyError) as exc:
        daemon.log.error("listen.failed", error=str(exc))  # noqa: TRY400 - our log, not logging's
        return 1
    daemon.log.info("serving", unix=listen.unix, tcp=listen.tcp)
    await stop.wait()
    daemon.log.info("draining", operations=daemon.lanes.admitted)
    drained = await asyncio.to_thread(daemon.agent.drain, config.limits.drain_timeout)
    await server.stop(1.0)
    daemon.log.info("stopped", drained=drained)
    if listen.unix:
        with contextlib.suppress(FileNotFoundError):
            Path(listen.unix).unlink()
    return 0


def _listen_unix(server: Server, path: str, mode: int, group: str) -> None:
    _clear_socket(path)
    # The socket is made with the process's umask; nobody may connect before its owner and mode are set.
    old = os.umask(0o177)
    try:
        server.listen_unix(path)
    finally:
        os.umask(old)
    _own_socket(path, mode, group)


def _agent_key(state_dir: Path) -> bytes:
    """What spec hashes are made with: the agent's own, kept beside the journal."""
    path = state_dir / "agent.key"
    with contextlib.suppress(FileNotFoundError):
        return path.read_bytes()
    aside = path.with_suffix(".new")
    fd = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(os.urandom(32))
    aside.rename(path)
    return path.read_bytes()


def _clear_socket(path: str) -> None:
    parent = Path(path).parent
    parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        if stat.S_ISSOCK(Path(path).lstat().st_mode):
            Path(path).unlink()


def _own_socket(path: str, mode: int, group: str) -> None:
    if group:
        os.chown(path, -1, grp.getgrnam(group).gr_gid)
    Path(path).chmod(mode)


def networks_that_fit(memory_bytes: int) -> int:
    """The default of `limits.max_networks` for this much memory."""
    return max(16, memory_bytes // _MEMORY_SHARE // _NETWORK_COSTS)
