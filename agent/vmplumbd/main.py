"""The daemon: joins the agent with its door, and runs both."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import grp
import json
import os
import resource
import signal
import socket
import stat
import sys
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vmplumbd import compose
from vmplumbd import config as configs
from vmplumbd.cni.orphans import Orphans
from vmplumbd.compose import Daemon
from vmplumbd.config import Config, InvalidConfig, load_policy
from vmplumbd.errors import AgentError, JournalFailed
from vmplumbd.journal.store import SqliteJournal
from vmplumbd.kernel import privileges, syscalls
from vmplumbd.kernel.linux import LinuxKernel
from vmplumbd.kernel.peers import Peers
from vmplumbd.model.record import JournalState, Record
from vmplumbd.observe import journald
from vmplumbd.observe.audit import Audit
from vmplumbd.observe.calls import CallLog
from vmplumbd.observe.log import Log, as_json, as_text
from vmplumbd.observe.notify import Notifier
from vmplumbd.operations import take_over
from vmplumbd.operations.book import Book
from vmplumbd.policy.access import Policy
from vmplumbd.rpc import convert, figures, specs, tls
from vmplumbd.rpc.audit import Auditor, Connected
from vmplumbd.rpc.door import Door, DoorLimits, Way
from vmplumbd.rpc.names import RPCS
from vmplumbd.rpc.seen import Watcher
from vmplumbd.rpc.server import Server
from vmplumbd.rpc.servicer import Servicer
from vmplumbd.rpc.validation import RequestRules

if TYPE_CHECKING:
    from vmplumbd.fleet.registrar import Registrar
    from vmplumbd.observe.http import MetricsDoor
    from vmplumbd.observe.traces import Traces


def build(config: Config, log: Log, *, orphans: Orphans | None = None) -> Daemon:
    """The agent, for requests that come as messages. Raises as `compose.build` does."""
    return compose.build(config, log, decode_spec=convert.decode_spec, orphans=orphans)


def tune_interpreter() -> None:
    """Fit the interpreter to many short operations on a few threads. Once, when everything is loaded."""
    # A lane gives the interpreter up at each of a hundred system calls, and wants it back: the default of 5 ms is
    # a whole set-up.
    sys.setswitchinterval(0.0001)
    # What is loaded stays: no collection shall look at it again. An operation leaves few cycles behind, and
    # the default looks for them several times in each.
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)


def serve(config: Config, reread: Callable[[], Config] | None = None) -> int:
    """Run until SIGTERM or SIGINT; answers the exit status. Networks stay when the agent goes.

    `reread` reads the configuration again, at SIGHUP.
    """
    tune_interpreter()
    # Each namespace that waits for its end is a descriptor (`operations.reaper`).
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    log = _log(config)
    try:
        policy = load_policy(config.policy.file, RPCS) if config.policy.file else None
    except AgentError as exc:
        log.error("start.failed", error=str(exc))  # noqa: TRY400 - our log, not logging's
        return 2
    try:
        _confine(config, log)
        daemon = build(config, log, orphans=Orphans())
    except (AgentError, OSError) as exc:
        log.error("start.failed", error=str(exc))  # noqa: TRY400 - our log, not logging's
        return 3 if isinstance(exc, JournalFailed) else 1
    try:
        return asyncio.run(_serve(config, daemon, policy, reread))
    finally:
        daemon.close()


def _log(config: Config) -> Log:
    """The log as the operator wants it. What journald does not take goes to stderr, as lines."""
    given = config.log.format
    if given == "journald" or (given == "auto" and journald.listens(os.environ.get("JOURNAL_STREAM", ""), 2)):
        return Log(sys.stderr, level=config.log.level, line=as_text, entry=journald.Journald())
    return Log(sys.stderr, level=config.log.level, line=as_text if given == "text" else as_json)


def _confine(config: Config, log: Log) -> None:
    """Give up what the process does not need, before it has other threads. Raises InvalidConfig, OSError."""
    syscalls.become_subreaper()
    privileges.close_on_exec()
    if not config.privileges.drop:
        return
    try:
        kept = privileges.keep_only([*privileges.NEEDED, *config.privileges.keep])
    except ValueError as exc:
        raise InvalidConfig(f"privileges.keep: {exc}") from exc
    log.info("privileges", kept=list(kept))


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
    path = compose.journal_path(config)
    journal: SqliteJournal | None = None
    clock = compose.SystemClock()
    kernel = LinuxKernel()
    try:
        spec_of = (
            specs.from_file(rules, spec_file) if spec_file else specs.derived(rules, vm_if_name=vm_if_name)
        )
        if apply or Path(path).exists():
            journal = SqliteJournal(path)
        state = journal.load() if journal is not None else _NOTHING
        book = Book(journal, clock, compose.boot_id(), state) if journal is not None else None
        taken = take_over.take_over(
            take_over.Host(
                kernel=kernel,
                known=frozenset(one.vm_id for one in state.records),
                boot_id=compose.boot_id(),
                write=book.write if book is not None else _refuse_to_write,
                clock=clock,
                settings=compose.settings(config),
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


# How often the service manager is told how many networks there are.
_STATUS_SECONDS = 10.0
# What a stop takes beside the operations that it waits for.
_LAST_SECONDS = 15.0
# What answers still have to be read, also by a caller on a busy machine; one that reads nothing is left.
_GRACE_SECONDS = 5.0
# A loop that is about to end may never say it.
_SAYING_SECONDS = 5.0
_NOTHING = JournalState(records=(), releases=(), revision=0, boot_id="")


def _refuse_to_write(_: Record) -> None:
    raise RuntimeError("a dry run writes nothing")


def _words(one: take_over.TakenOver) -> str:
    if one.why:
        return f"{one.vm_id}  STAYS  {one.network}  {one.why}"
    netns = f"{one.netns_path} ({'goes with the network' if one.netns_owned else 'stays'})"
    state = "TAKEN OVER" if one.done else "stands"
    return f"{one.vm_id}  {state}  {one.network}  {', '.join(one.addresses)}  {one.tap} in {netns}"


class Watch:
    """Who watches the agent, as the operator wants it. What is off is not loaded."""

    def __init__(self, config: Config, daemon: Daemon, door: Door, out_of_fleet: Callable[[], bool]) -> None:
        self._log = daemon.log
        self._where = config.metrics.listen
        self._metrics: MetricsDoor | None = None
        # An interceptor costs something: a line a call only where somebody wants it.
        self.watchers: list[Watcher] = [CallLog(daemon.log)] if config.log.level == "debug" else []
        self.tracer = self._traces(config, daemon)
        if self.tracer is not None:
            daemon.tools.book.listeners.append(self.tracer.ended)
        if self._where:
            # Megabytes and a tenth of a second, for those who want them.
            from vmplumbd.observe import metrics  # noqa: PLC0415 - see above
            from vmplumbd.observe.http import MetricsDoor  # noqa: PLC0415 - see above

            made = metrics.Metrics(
                daemon.agent,
                metrics.Build(version=figures.AGENT_VERSION, contract=figures.CONTRACT_VERSION),
                journal=compose.journal_path(config),
                calls_open=lambda: door.calls,
                out_of_fleet=out_of_fleet,
            )
            self.watchers.append(made)
            daemon.tools.book.listeners.append(made.ended)
            self._metrics = MetricsDoor(made.text, metrics.CONTENT_TYPE)

    def _traces(self, config: Config, daemon: Daemon) -> Traces | None:
        if not config.traces.enabled:
            return None
        try:
            from vmplumbd.observe import otlp  # noqa: PLC0415 - an extra, and some megabytes
            from vmplumbd.observe.traces import Traces  # noqa: PLC0415 - as above
        except ImportError as exc:
            raise InvalidConfig(f"traces.enabled: {exc}: the extra otel of vmplumbd brings it") from exc
        return Traces(
            otlp.processor(config.traces.endpoint),
            version=figures.AGENT_VERSION,
            sample=config.traces.sample,
            problem=lambda text: daemon.log.warning("traces.problem", error=text),
        )

    async def start(self) -> None:
        """Open what is asked from outside. Raises OSError."""
        if self._metrics is not None:
            self._log.info("metrics", listen=await self._metrics.listen(self._where))

    async def stop(self) -> None:
        """Close it, and let go of what waits."""
        if self.tracer is not None:
            await asyncio.to_thread(self.tracer.close)
        if self._metrics is not None:
            await self._metrics.close()


def _registrar(config: Config, daemon: Daemon) -> Registrar | None:
    """Who tells the fleet, if there is one. Raises OSError, ValueError for files that cannot be used."""
    given = config.fleet
    if not given.endpoints:
        return None
    from vmplumbd.fleet.advert import About  # noqa: PLC0415 - only a fleet needs it
    from vmplumbd.fleet.join import join  # noqa: PLC0415 - as above

    about = About(
        id=given.id or socket.gethostname(),
        address=given.address or config.listen.tcp,
        server_name=given.server_name,
        agent_version=figures.AGENT_VERSION,
        contract_version=figures.CONTRACT_VERSION,
        labels={key: value for key, _, value in (one.partition("=") for one in given.labels)},
    )
    certificates = None
    if given.tls_ca:
        certificates = tls.Certificates(
            tls.TlsFiles(certificate=given.tls_certificate, key=given.tls_key, ca=given.tls_ca),
            tls.of_client,
            lambda event, fields: daemon.log.info(f"fleet.{event}", **fields),
        )
    return join(
        daemon.agent,
        about,
        endpoints=given.endpoints,
        prefix=given.prefix,
        tls=None if certificates is None else certificates.first,
        changed=lambda: None if certificates is None else certificates.changed(),
        server_name=given.tls_server_name,
        ttl=given.ttl,
        interval=given.interval,
        note=daemon.log.info,
    )


class Reloads:
    """What is read again at SIGHUP, each on its own: one that cannot be used leaves what was there before."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._all: list[tuple[str, Callable[[], None]]] = []

    def add(self, what: str, again: Callable[[], None]) -> None:
        """`again` raises AgentError or OSError, and has changed nothing then."""
        self._all.append((what, again))

    def run(self) -> None:
        """Read everything again."""
        for what, again in self._all:
            try:
                again()
            except (AgentError, OSError) as exc:
                self._log.error("reload.refused", what=what, error=str(exc))
            else:
                self._log.info("reloaded", what=what)
        self._log.info("reload.done", parts=len(self._all))


class Running:
    """The configuration that the agent runs with: what SIGHUP can change is what was read last."""

    def __init__(self, config: Config, reread: Callable[[], Config], daemon: Daemon, door: Door) -> None:
        self.config = config
        self._reread = reread
        self._daemon = daemon
        self._door = door

    def again(self) -> None:
        """Read it and take what can be taken; tell what needs a restart. Raises InvalidConfig; nothing changed."""
        found = self._reread()
        config = configs.reloaded(self.config, found)
        settings = compose.settings(config)
        taken, left = configs.changed(self.config, config), configs.changed(config, found)
        self._daemon.tools.change_settings(settings)
        self._daemon.lanes.limit = config.limits.max_operations
        self._door.limits = _door_limits(config)
        self._daemon.log.set_level(config.log.level)
        self.config = config
        if taken:
            self._daemon.log.info("config.changed", settings=sorted(taken))
        if left:
            self._daemon.log.warning("config.needs_restart", settings=sorted(left))


def _take_policy(door: Door, daemon: Daemon, file: str) -> None:
    door.policy = load_policy(file, RPCS)
    # Who watches may have to stop.
    daemon.tools.book.wake_watchers()


def _door_limits(config: Config) -> DoorLimits:
    limits = config.limits
    return DoorLimits(
        max_calls=limits.max_calls,
        max_watches=config.listen.max_watches,
        message_bytes=limits.message_bytes,
        list_items=limits.list_items,
        json_depth=limits.json_depth,
    )


async def _serve(
    config: Config, daemon: Daemon, policy: Policy | None, reread: Callable[[], Config] | None
) -> int:
    rules = RequestRules.load()
    key = _agent_key(Path(config.paths.state_dir))
    listen, limits = config.listen, config.limits
    door = Door(
        clock=daemon.tools.clock.monotonic,
        policy=policy,
        limits=_door_limits(config),
        separate_admin=bool(listen.admin_unix),
    )
    try:
        audit = _audit(config, daemon)
    except OSError as exc:
        daemon.log.error("start.failed", error=f"the audit cannot be written: {exc}")  # noqa: TRY400 - as below
        return 1
    auditor = None
    if audit is not None:
        sockets = {Way.UNIX: listen.unix, Way.ADMIN: listen.admin_unix}
        auditor = Auditor(
            audit.write,
            clock=daemon.tools.clock.monotonic,
            connected={way: _connected(path) for way, path in sockets.items() if path},
        )
    registrar: Registrar | None = None

    def out_of_fleet() -> bool:
        return registrar is not None and not registrar.present

    try:
        watch = Watch(config, daemon, door, out_of_fleet)
    except InvalidConfig as exc:
        daemon.log.error("start.failed", error=str(exc))  # noqa: TRY400 - as above
        return 2
    server = Server(
        lambda way: Servicer(daemon.agent, rules, key=key, door=door, way=way, auditor=auditor),
        knows=door.knows,
        beside=door.beside,
        longest=lambda: door.limits.message_bytes,
        max_connections=limits.max_connections,
        watchers=watch.watchers,
        tracer=watch.tracer,
    )
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    reloads = Reloads(daemon.log)
    running = Running(config, reread or (lambda: config), daemon, door)
    reloads.add("config", running.again)
    if config.policy.file:
        reloads.add("policy", lambda: _take_policy(door, daemon, config.policy.file))
    if audit is not None:
        reloads.add("audit", audit.reopen)
    loop.add_signal_handler(signal.SIGHUP, reloads.run)
    try:
        if listen.unix:
            _listen_unix(server, listen.unix, int(listen.unix_mode, 8), listen.unix_group)
        if listen.admin_unix:
            _listen_unix(
                server, listen.admin_unix, int(listen.admin_mode, 8), listen.admin_group, way=Way.ADMIN
            )
        if listen.tcp:
            files = tls.TlsFiles(
                certificate=listen.tls_certificate, key=listen.tls_key, ca=listen.tls_client_ca
            )
            certificates = tls.Certificates(
                files, tls.of_server, lambda event, fields: daemon.log.info(event, **fields)
            )
            server.listen_tls(listen.tcp, certificates)
        await server.start()
        await server.say(ready=daemon.agent.ready)
        daemon.agent.cordoned = lambda: _in_the_loop(loop, server.say(ready=daemon.agent.ready))
        await watch.start()
        registrar = _registrar(config, daemon)
    except (RuntimeError, OSError, KeyError, OverflowError, ValueError) as exc:
        daemon.log.error("listen.failed", error=str(exc))  # noqa: TRY400 - our log, not logging's
        return 1
    if registrar is not None:
        registrar.start()
    daemon.log.info("serving", unix=listen.unix, admin=listen.admin_unix, tcp=listen.tcp)
    notifier = Notifier(os.environ)
    notifier.ready(_status(daemon))
    await _until(stop, daemon, notifier)
    notifier.stopping(f"{daemon.lanes.admitted} operations to end")
    notifier.extend(running.config.limits.drain_timeout + _LAST_SECONDS)
    daemon.log.info("draining", operations=daemon.lanes.admitted)
    drained = await asyncio.to_thread(daemon.agent.drain, running.config.limits.drain_timeout)
    if registrar is not None:
        await asyncio.to_thread(registrar.stop)
    await server.stop(_GRACE_SECONDS)
    await watch.stop()
    daemon.log.info("stopped", drained=drained)
    for path in filter(None, (listen.unix, listen.admin_unix)):
        with contextlib.suppress(FileNotFoundError):
            Path(path).unlink()
    return 0


def _in_the_loop(loop: asyncio.AbstractEventLoop, act: Coroutine[Any, Any, None]) -> None:
    """From another thread: do it, and wait until it is done."""
    asyncio.run_coroutine_threadsafe(act, loop).result(_SAYING_SECONDS)


async def _until(stop: asyncio.Event, daemon: Daemon, notifier: Notifier) -> None:
    """Wait for `stop`, and tell the service manager meanwhile that the agent lives, and what it does."""
    period = notifier.watchdog_period or _STATUS_SECONDS
    told = ""
    while not stop.is_set():
        if daemon.lanes.alive:  # else the manager shall start another
            notifier.alive()
        if (status := _status(daemon)) != told:
            notifier.status(status)
            told = status
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), period)


def _status(daemon: Daemon) -> str:
    cordoned = "cordoned, " if daemon.agent.cordon is not None else ""
    return f"{cordoned}{daemon.tools.book.count()} networks, {daemon.lanes.admitted} operations"


def _audit(config: Config, daemon: Daemon) -> Audit | None:
    given = config.audit
    if not given.file:
        return None
    Path(given.file).parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    return Audit(
        given.file,
        max_bytes=given.max_bytes,
        keep=given.keep,
        clock=daemon.tools.clock.now,
        failed=lambda error: daemon.log.error("audit.failed", file=given.file, error=error),
    )


def _connected(path: str) -> Connected:
    peers = Peers(path)
    return lambda: [asdict(one) for one in peers.connected()]


def _listen_unix(server: Server, path: str, mode: int, group: str, *, way: Way = Way.UNIX) -> None:
    _clear_socket(path)
    # The socket is made with the process's umask; nobody may connect before its owner and mode are set.
    old = os.umask(0o177)
    try:
        server.listen_unix(path, way)
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
