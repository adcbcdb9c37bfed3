"""Plugins as processes: found in a path, started by posix_spawn, killed whole.

posix_spawn costs the same whatever the size of the parent; stdin is a memory file, so nobody has to feed a
pipe. A plugin leads its own process group: at the deadline, on cancel and when it fails, the whole group is
killed, because an IPAM plugin it started would otherwise go on, and would hold our pipes open. What left the
group is reached by the call's control group (`cells`), and among the orphans of a subreaper (`orphans`), as
far as the agent has these. A plugin that succeeds may leave a process behind; its pipes are waited for a
little and then closed.

The environment is small: what `passthrough` names (PATH, which plugins need to find iptables), GOMAXPROCS=1 unless
it is named there, what the call adds, and the CNI_ variables. Signals are unblocked and at their defaults, other
descriptors closed.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import functools
import os
import secrets
import select
import signal
import stat
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from vmplumbd.cni.cells import Cell, Cells
from vmplumbd.cni.error import (
    CniError,
    ErrorCode,
    InvalidResult,
    PluginBusy,
    PluginCancelled,
    PluginFailed,
    PluginNotFound,
    PluginTimedOut,
)
from vmplumbd.cni.invoke import (
    Command,
    Invocation,
    read_failure,
    read_version_reply,
    refuse_late_start,
    version_invocation,
    versions_without_the_command,
)
from vmplumbd.cni.orphans import MARK, Orphans
from vmplumbd.cni.pins import Pins
from vmplumbd.cni.version import VersionInfo

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# What a plugin is told where `passthrough` does not. One that is written in Go does one thing after another, so a
# scheduler for one processor is all that it needs, and it starts faster.
_SETTINGS = {"PATH": DEFAULT_PATH, "GOMAXPROCS": "1"}

_CHUNK = 65536
_CANCEL_PERIOD = 0.02
_BUSY_FIRST_WAIT = 0.005
_BUSY_LONGEST_WAIT = 0.25
_REAP_SECONDS = 1.0
_PRINTS_A_RESULT = frozenset({Command.ADD, Command.VERSION})

# Python ignores the first two in itself, and an ignored signal stays ignored across exec.
_DEFAULT_SIGNALS = (
    signal.SIGPIPE,
    signal.SIGXFSZ,
    signal.SIGHUP,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGTERM,
    signal.SIGCHLD,
)


def find_in_path(plugin: str, path: Sequence[str]) -> str:
    """The first regular file of that name; links are followed, modes ignored. Raises PluginNotFound."""
    if not plugin:
        raise PluginNotFound("no plugin name provided")
    if "/" in plugin or "\0" in plugin:
        raise PluginNotFound(f"invalid plugin name: {plugin}")
    if not path:
        raise PluginNotFound("no paths provided")
    for directory in path:
        candidate = f"{directory}/{plugin}" if directory else plugin
        try:
            if stat.S_ISREG(os.stat(candidate).st_mode):  # noqa: PTH116 - hot path
                return candidate
        except OSError:
            continue
    raise PluginNotFound(f'failed to find plugin "{plugin}" in path [{" ".join(path)}]')


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecInvoker:
    """Calls plugins as processes. Holds no state but children it could not reap yet; share it by threads.

    `stdout_limit` bytes of a plugin's output count, and the last `stderr_limit` of its diagnostics.
    `drain_seconds` is how long a process left behind may keep the pipes after its plugin ended.
    `busy_seconds` is how long an executable may be open for writing before the call fails.
    `version_seconds` is the time to answer VERSION, which nobody gives a deadline. `cells` and `orphans` are
    how a process that left the plugin's group is reached; `pins` are the executables that may run at all.
    """

    passthrough: tuple[str, ...] = ("PATH",)
    stdout_limit: int = 4 << 20
    stderr_limit: int = 64 << 10
    drain_seconds: float = 2.0
    busy_seconds: float = 5.0
    version_seconds: float = 5.0
    cells: Cells | None = None
    orphans: Orphans | None = None
    pins: Pins | None = None
    _unreaped: list[int] = field(default_factory=list, compare=False, repr=False)
    _reaping: threading.Lock = field(default_factory=threading.Lock, compare=False, repr=False)

    def find(self, plugin: str, path: tuple[str, ...]) -> str:
        """Where the executable is. Raises PluginNotFound, PluginNotTrusted."""
        executable = find_in_path(plugin, path)
        if self.pins is not None:
            os.close(self.pins.open(plugin, executable))
        return executable

    def invoke(self, invocation: Invocation) -> bytes:
        """Run the plugin and return its stdout. Blocks; see Invoker for what it raises, and PluginNotTrusted.

        After it no process that the plugin started runs, as far as `cells`, `orphans` and the process group
        reach, unless the plugin succeeded and left one on purpose.
        """
        return self._run(find_in_path(invocation.plugin, invocation.path), invocation)

    def versions(self, plugin: str, path: tuple[str, ...], *, deadline: float | None = None) -> VersionInfo:
        """Ask for VERSION. A plugin older than that supports 0.1.0. Raises as `invoke`, and InvalidResult.

        Without a `deadline` the plugin has `version_seconds`.
        """
        executable = find_in_path(plugin, path)
        if deadline is None:
            deadline = time.monotonic() + self.version_seconds
        invocation = replace(version_invocation(plugin, path, deadline), path=("dummy",))
        try:
            stdout = self._run(executable, invocation)
        except CniError as exc:
            old = versions_without_the_command(exc)
            if old is None:
                raise
            return old
        return read_version_reply(stdout)

    def _run(self, executable: str, invocation: Invocation) -> bytes:
        self._reap()
        refuse_late_start(invocation)
        mark = secrets.token_hex(8) if self.orphans is not None else ""
        pinned = self.pins.open(invocation.plugin, executable) if self.pins is not None else -1
        try:
            with _Files.open(invocation.stdin) as files:
                cell = self._open_cell()
                watched: _Watched | None = None
                try:
                    pid = self._spawn(executable, pinned, files, invocation, mark, cell)
                    files.close_childs_ends()
                    watched = _Watched(pid, files, self, cell, mark)
                    ended = watched.until_end(invocation)
                except BaseException:
                    if watched is not None:
                        watched.kill()
                    raise
                finally:
                    if watched is not None:
                        watched.close()
                    if cell is not None:
                        cell.close()
        except OSError as exc:
            raise PluginFailed(f"cannot run {executable}: {exc.strerror}", code=ErrorCode.IO_FAILURE) from exc
        finally:
            if pinned >= 0:
                os.close(pinned)
        return self._read_end(ended, invocation)

    def _open_cell(self) -> Cell | None:
        # A host whose control groups are in disorder still gets its DEL: group and orphans remain.
        with contextlib.suppress(OSError):
            return self.cells.open() if self.cells is not None else None
        return None

    def _spawn(
        self,
        executable: str,
        pinned: int,
        files: _Files,
        invocation: Invocation,
        mark: str,
        cell: Cell | None,
    ) -> int:
        env = self._environment(invocation)
        if mark:
            env[MARK] = mark
        # The descriptor is looked up in the child, before it is closed there.
        program = executable if pinned < 0 else f"/proc/self/fd/{pinned}"

        def fork() -> int:
            return os.posix_spawn(
                program,
                [executable],
                env,
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, files.stdin, 0),
                    (os.POSIX_SPAWN_DUP2, files.stdout_to, 1),
                    (os.POSIX_SPAWN_DUP2, files.stderr_to, 2),
                ],
                setpgroup=0,
                setsigmask=(),
                setsigdef=_DEFAULT_SIGNALS,
            )

        spawn = fork if cell is None else functools.partial(cell.spawn, fork)
        give_up = time.monotonic() + self.busy_seconds
        wait = _BUSY_FIRST_WAIT
        while True:
            try:
                return spawn() if self.orphans is None else self.orphans.start(spawn, mark)
            except OSError as exc:
                cause = f"fork/exec {executable}: {os.strerror(exc.errno or 0).lower()}"
                if exc.errno != errno.ETXTBSY:
                    raise read_failure(stdout=b"", stderr=b"", cause=cause) from exc
                if time.monotonic() + wait > give_up:
                    raise PluginBusy(f"netplugin failed with no error message: {cause}") from exc
            time.sleep(wait)
            wait = min(wait * 2, _BUSY_LONGEST_WAIT)
            refuse_late_start(invocation)

    def _environment(self, invocation: Invocation) -> dict[str, str]:
        env = dict(_SETTINGS)
        for name in self.passthrough:
            if name in os.environ:
                env[name] = os.environ[name]
        return env | invocation.environment()

    def _read_end(self, ended: _Ended, invocation: Invocation) -> bytes:
        failure: PluginFailed
        if ended.overflow and invocation.command in _PRINTS_A_RESULT:
            raise InvalidResult(f"netplugin printed more than {self.stdout_limit} bytes")
        if ended.killed_by is not None:
            failure = ended.killed_by
            failure.stderr_tail = ended.stderr.decode(errors="replace")
            failure.signal = signal.SIGKILL
            raise failure
        if ended.status == 0:
            return ended.stdout
        code = None if ended.status is None else ended.status
        raise read_failure(
            stdout=ended.stdout,
            stderr=ended.stderr,
            cause=_cause(code),
            exit_status=code if code is not None and code > 0 else None,
            signal=-code if code is not None and code < 0 else None,
        )

    def _leave_unreaped(self, pid: int) -> None:
        with self._reaping:
            self._unreaped.append(pid)

    def _reap(self) -> None:
        if self._unreaped:
            with self._reaping:
                for pid in list(self._unreaped):
                    with contextlib.suppress(ChildProcessError):
                        if os.waitpid(pid, os.WNOHANG)[0] == 0:
                            continue
                    self._unreaped.remove(pid)
                    self._forget(pid)
        if self.orphans is not None:
            self.orphans.reap()

    def _forget(self, pid: int) -> None:
        if self.orphans is not None:
            self.orphans.ended(pid)


def _cause(status: int | None) -> str:
    if status is None:
        return "waitid: no child processes"
    if status < 0:
        return f"signal: {(signal.strsignal(-status) or str(-status)).lower()}"
    return f"exit status {status}"


@dataclass(slots=True, kw_only=True)
class _Files:
    """What the plugin gets as its three descriptors, and our ends of its pipes. -1 is closed."""

    stdin: int
    stdout: int
    stdout_to: int
    stderr: int
    stderr_to: int

    @staticmethod
    @contextlib.contextmanager
    def open(given: bytes) -> Iterator[_Files]:
        with contextlib.ExitStack() as opened:

            def keep(fd: int) -> int:
                # A parent without its own 0, 1, 2 would see them overwritten by one another.
                if fd < 3:
                    high = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 3)
                    os.close(fd)
                    fd = high
                return fd

            files = _Files(stdin=-1, stdout=-1, stdout_to=-1, stderr=-1, stderr_to=-1)
            opened.callback(files.close)
            files.stdin = keep(os.memfd_create("cni-stdin", os.MFD_CLOEXEC))
            _fill(files.stdin, given)
            out, out_to = os.pipe2(os.O_CLOEXEC)
            files.stdout, files.stdout_to = out, out_to
            files.stdout, files.stdout_to = keep(out), keep(out_to)
            err, err_to = os.pipe2(os.O_CLOEXEC)
            files.stderr, files.stderr_to = err, err_to
            files.stderr, files.stderr_to = keep(err), keep(err_to)
            yield files

    def close_childs_ends(self) -> None:
        for fd in (self.stdin, self.stdout_to, self.stderr_to):
            os.close(fd)
        self.stdin = self.stdout_to = self.stderr_to = -1

    def close(self) -> None:
        for fd in (self.stdin, self.stdout, self.stdout_to, self.stderr, self.stderr_to):
            if fd >= 0:
                os.close(fd)


def _fill(fd: int, given: bytes) -> None:
    rest = memoryview(given)
    while rest:
        rest = rest[os.write(fd, rest) :]
    os.lseek(fd, 0, os.SEEK_SET)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ended:
    """How a plugin ended: `status` is the exit status, or minus the signal; None if another reaped it."""

    status: int | None
    stdout: bytes
    stderr: bytes
    overflow: bool
    killed_by: PluginFailed | None


class _Watched:
    """A running plugin. It is not reaped before its group is killed: the number stays its own till then."""

    def __init__(
        self, pid: int, files: _Files, invoker: ExecInvoker, cell: Cell | None = None, mark: str = ""
    ) -> None:
        self._pid = pid
        self._invoker = invoker
        self._cell = cell
        self._mark = mark
        self._killed = False
        self._status: int | None = None
        self._stdout = bytearray()
        self._stderr = bytearray()
        self._overflow = False
        self._reaped = False
        self._out, self._err = files.stdout, files.stderr
        self._open = {self._out, self._err}
        try:
            self._pidfd = os.pidfd_open(pid)
        except OSError:
            self.kill()
            invoker._leave_unreaped(pid)  # noqa: SLF001 - one class in two parts
            raise
        self._poll = select.poll()
        for fd in (self._out, self._err, self._pidfd):
            self._poll.register(fd, select.POLLIN)

    def until_end(self, invocation: Invocation) -> _Ended:
        killed_by: PluginFailed | None = None
        stop_at: float | None = None
        running = True
        while running or self._open:
            now = time.monotonic()
            if killed_by is None and running:
                killed_by = self._reason_to_kill(invocation, now)
                if killed_by is not None:
                    self.kill()
                    stop_at = now + _REAP_SECONDS
            # This thread may come here long after the plugin has ended: what it left is looked for once more.
            late = stop_at is not None and now >= stop_at
            for fd, _ in self._poll.poll(_poll_milliseconds(now, stop_at, invocation)):
                if fd == self._pidfd:
                    running = late = False
                    self._poll.unregister(fd)
                    if self._failed():
                        self.kill()
                    if self._killed:
                        self._wait()
                        self._kill_the_rest()
                    stop_at = time.monotonic() + self._invoker.drain_seconds
                    if invocation.deadline is not None:
                        stop_at = min(stop_at, max(invocation.deadline, time.monotonic() + 0.05))
                else:
                    self._take(fd)
            if late:
                break
        if running:
            self._invoker._leave_unreaped(self._pid)  # noqa: SLF001 - one class in two parts
            self._reaped = True
        elif not self._reaped:
            self._wait()
        return _Ended(
            status=self._status,
            stdout=bytes(self._stdout),
            stderr=bytes(self._stderr[-self._invoker.stderr_limit :]),
            overflow=self._overflow,
            killed_by=killed_by,
        )

    def kill(self) -> None:
        """Kill the whole group, unless the plugin is reaped: then its number may be another's."""
        self._killed = True
        if self._cell is not None:
            self._cell.kill()
        if not self._reaped:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._pid, signal.SIGKILL)

    def close(self) -> None:
        os.close(self._pidfd)
        if not self._reaped:
            self._invoker._leave_unreaped(self._pid)  # noqa: SLF001 - one class in two parts
        if self._killed and self._cell is not None:
            self._cell.empty(_REAP_SECONDS)

    def _kill_the_rest(self) -> None:
        # The plugin has ended, so what left its group is nobody's now, and its mark tells whose it was.
        if self._invoker.orphans is not None:
            self._invoker.orphans.kill(self._mark)

    def _reason_to_kill(self, invocation: Invocation, now: float) -> PluginFailed | None:
        killed = "netplugin failed with no error message: signal: killed"
        if invocation.cancelled is not None and invocation.cancelled():
            return PluginCancelled(killed, details="the caller cancelled the call")
        if invocation.deadline is not None and now >= invocation.deadline:
            return PluginTimedOut(killed, details="the deadline passed")
        if self._overflow and invocation.command in _PRINTS_A_RESULT:
            return PluginFailed(killed, details="it printed too much")
        return None

    def _failed(self) -> bool:
        with contextlib.suppress(ChildProcessError):
            ended = os.waitid(os.P_PIDFD, self._pidfd, os.WEXITED | os.WNOWAIT | os.WNOHANG)
            return ended is not None and (ended.si_code != os.CLD_EXITED or ended.si_status != 0)
        return False

    def _wait(self) -> None:
        self._reaped = True
        # A parent that ignores SIGCHLD has no children to wait for.
        with contextlib.suppress(ChildProcessError):
            self._status = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
        self._invoker._forget(self._pid)  # noqa: SLF001 - one class in two parts

    def _take(self, fd: int) -> None:
        chunk = os.read(fd, _CHUNK)
        if not chunk:
            self._poll.unregister(fd)
            self._open.discard(fd)
        elif fd == self._out:
            room = self._invoker.stdout_limit - len(self._stdout)
            self._stdout += chunk[:room]
            self._overflow = self._overflow or len(chunk) > room
        else:
            self._stderr += chunk
            if len(self._stderr) > 2 * self._invoker.stderr_limit:
                del self._stderr[: -self._invoker.stderr_limit]


def _poll_milliseconds(now: float, stop_at: float | None, invocation: Invocation) -> float | None:
    if stop_at is not None:
        return max(0.0, stop_at - now) * 1000 + 1
    waits = [] if invocation.cancelled is None else [_CANCEL_PERIOD]
    if invocation.deadline is not None:
        waits.append(max(0.0, invocation.deadline - now))
    return min(waits) * 1000 + 1 if waits else None
