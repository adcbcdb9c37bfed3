"""Stands in every door of the agent: writes down what passes, and lets one of it fail.

`standing(seam)` replaces, for as long as the block lasts, what leads out of this process: the functions of
`os` and `fcntl`, those of the kernel room's `syscalls`, its netlink channel, SQLite's connections, and
plugin calls. An act counts when a module of `vmplumbd` asks for it on a thread that the seam watches. So the
list of effects of an operation is what one run of it did, and a plugin that is added later is in it.
"""

from __future__ import annotations

import builtins
import enum
import errno
import fcntl
import io
import os
import posix
import socket
import sqlite3
import sys
import threading
import types
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from tests.faults.doors import LASTING, door
from vmplumbd import abc, errors
from vmplumbd.cni.error import CniError, PluginFailed
from vmplumbd.cni.invoke import Invocation
from vmplumbd.cni.result import Result
from vmplumbd.kernel import nft, rtnl, syscalls
from vmplumbd.kernel.rtnl import Answer, Channel, Message, Refusal
from vmplumbd.model import net
from vmplumbd.plugins import skel
from vmplumbd.plugins.skel import Plugin

T = TypeVar("T")

# Functions of `os` that ask the process about itself, or compute.
UNCOUNTED = frozenset(
    {"abort", "fspath", "strerror", "urandom", "_exit", "getpid", "getppid", "geteuid", "getegid", "getuid"}
    | {"getgid", "getcwd", "getcwdb", "register_at_fork", "_path_normpath", "cpu_count", "umask", "uname"}
    | {"get_inheritable", "set_inheritable", "fstatvfs", "get_terminal_size", "isatty", "times", "kill"}
    | {"_supports_virtual_terminal", "_inputhook", "waitpid", "waitid", "wait", "fork"}
)
# They tell of links that go, and of time; no operation runs on them.
UNCOUNTED_THREADS = frozenset({"device-watch", "parked"})
# Frames between an act and the module of ours that wants it.
_BETWEEN = frozenset(
    {
        __name__,
        "tests.torture.steps",
        "contextlib",
        "functools",
        "genericpath",
        "io",
        "os",
        "pathlib",
        "posixpath",
    }
)
_ROOT = "vmplumbd."


class When(enum.Enum):
    """Whether the act that is told as failed was done."""

    BEFORE = "before"
    AFTER = "after"


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One act: through which door, and which function of ours wanted it."""

    door: str
    place: str

    def __str__(self) -> str:
        return f"{self.door}  [{self.place}]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """The act numbered `number` (from 0) fails; with `lasting`, all that the error fits after it do too."""

    number: int
    when: When
    error: str
    lasting: str = ""


def faults_of(number: int, effect: Effect) -> list[Fault]:
    """Every fault that fits an act."""
    there = door(effect.door)
    return [
        Fault(number=number, when=when, error=error)
        for when, fitting in ((When.BEFORE, there.before), (When.AFTER, there.after))
        for error in fitting
    ]


def lasting_faults(effects: Sequence[Effect]) -> list[Fault]:
    """The disk is full, or no descriptor is left, from each act on that would be the first to meet it."""
    return [
        Fault(number=number, when=When.BEFORE, error=error, lasting=name)
        for name, fitting in LASTING.items()
        for number, effect in enumerate(effects)
        for error in [next((one for one in door(effect.door).before if one in fitting), "")]
        if error
    ]


class Seam:
    """Counts acts while it is `armed`; lets the one of its fault fail."""

    def __init__(self) -> None:
        self.effects: list[Effect] = []
        self.hit = 0
        self.strayed = False
        self._faults: dict[int, Fault] = {}
        self._lasting: Fault | None = None
        self._refused: dict[str, str] = {}
        self.armed = False

    def arm(self, *faults: Fault) -> None:
        """Count acts from now on, and fail those that `faults` name."""
        self.effects = []
        self.hit = 0
        self.strayed = False
        self._faults = {one.number: one for one in faults}
        self._lasting = None
        self.armed = True

    def refuse(self, name: str, error: str) -> None:
        """Let every act through this door fail from now on, before it is done."""
        self.arm()
        self._refused[name] = error

    def disarm(self) -> list[Effect]:
        """Stop counting, and failing; answers what was counted."""
        self.armed = False
        self._refused.clear()
        return self.effects

    def ask(self, name: str, place: str | None = None) -> tuple[When, str] | None:
        """Count an act that is about to be done; how it shall fail, if it shall."""
        if not self.armed or threading.current_thread().name in UNCOUNTED_THREADS:
            return None
        asker = place or asker_of_this()
        if asker is None:
            return None
        number = len(self.effects)
        self.effects.append(Effect(door=name, place=asker))
        if name in self._refused:
            return When.BEFORE, self._refused[name]
        fault = self._faults.get(number)
        if fault is not None:
            there = door(name)
            if fault.error not in (there.before if fault.when is When.BEFORE else there.after):
                # Another run than the one the fault was made for.
                self.strayed = True
                return None
            self.hit += 1
            if fault.lasting:
                self._lasting = fault
            return fault.when, fault.error
        if self._lasting is not None:
            fits = LASTING[self._lasting.lasting]
            fitting = next((one for one in door(name).before if one in fits), None)
            return None if fitting is None else (When.BEFORE, fitting)
        return None

    def done(self, name: str) -> None:
        """An act that was asked for has been done."""

    def through(
        self,
        name: str,
        act: Callable[[], T],
        fail: Callable[[str], BaseException],
        forgo: Callable[[T], None] = lambda _: None,
    ) -> T:
        """Do an act, or let it fail. `forgo` gives back what a failing act would not have answered."""
        verdict = self.ask(name)
        if verdict is not None and verdict[0] is When.BEFORE:
            raise fail(verdict[1])
        made = act()
        self.done(name)
        if verdict is not None:
            forgo(made)
            raise fail(verdict[1])
        return made


def asker_of_this() -> str | None:
    """The function of ours that wants what happens now: `room.module:function`; None if it is nobody's."""
    frame: types.FrameType | None = sys._getframe(1)
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module.startswith(_ROOT):
            return None if _finalizes(frame) else f"{module.removeprefix(_ROOT)}:{frame.f_code.co_name}"
        if module not in _BETWEEN:
            return None
        frame = frame.f_back
    return None


def _finalizes(frame: types.FrameType | None) -> bool:
    """Whether this is a finalizer's doing, which comes when it likes."""
    while frame is not None and frame.f_globals.get("__name__", "").startswith(_ROOT):
        if frame.f_code.co_name == "__del__":
            return True
        frame = frame.f_back
    return False


@contextmanager
def standing(seam: Seam) -> Iterator[Seam]:
    """Stand in the doors for as long as the block lasts."""
    with ExitStack() as stack:
        put = _Putting(stack)
        for name in counted_functions():
            put.over(os, name, _of_os(seam, name, getattr(os, name)))
        for name in ("flock", "ioctl", "fcntl", "lockf"):
            put.over(fcntl, name, _of_fcntl(seam, name, getattr(fcntl, name)))
        opening = io.open
        for module in (io, builtins):
            put.over(module, "open", _of_io(seam, opening))
        for name in entries_of(syscalls):
            put.over(syscalls, name, _of_syscalls(seam, name, getattr(syscalls, name)))
        put.over(socket.socket, "__init__", _of_socket(seam, socket.socket.__init__))
        put.over(Channel, "exchange", _of_exchange(seam, Channel.exchange))
        put.over(Channel, "dump", _of_dump(seam, Channel.dump))
        put.over(Channel, "transact", _of_transact(seam, Channel.transact))
        put.over(sqlite3, "connect", _of_connect(seam, sqlite3.connect))
        put.over(skel, "run", _of_plugins(seam, skel.run))
        yield seam


def counted_functions() -> list[str]:
    """The functions of `os` that are system calls."""
    return sorted(
        name
        for name, each in vars(posix).items()
        if isinstance(each, types.BuiltinFunctionType)
        and name not in UNCOUNTED
        and not name.startswith(("W", "sched_", "getgr", "getpg", "getlogin", "getres", "getsid", "getload"))
        and getattr(os, name, None) is each
    )


def entries_of(module: types.ModuleType) -> list[str]:
    """The public functions that a module defines."""
    return [
        name
        for name, each in vars(module).items()
        if isinstance(each, types.FunctionType) and each.__module__ == module.__name__ and name[0] != "_"
    ]


class _Putting:
    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    def over(self, home: Any, name: str, new: object) -> None:
        self._stack.callback(setattr, home, name, getattr(home, name))
        setattr(home, name, new)


def _os_error(name: str) -> OSError:
    code = getattr(errno, name)
    return OSError(code, os.strerror(code), "a fault of the test")


def _of_os(seam: Seam, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
    def called(*given: Any, **named: Any) -> Any:
        if not seam.armed:
            return real(*given, **named)
        door_name = f"os.{name}"
        forgo: Callable[[Any], None] = _nothing
        if name == "open":
            flags = given[1] if len(given) > 1 else named.get("flags", 0)
            nameless = flags & os.O_TMPFILE == os.O_TMPFILE
            creating = "O_EXCL" if flags & os.O_EXCL else "O_CREAT"
            door_name += " O_TMPFILE" if nameless else f" {creating}" if flags & os.O_CREAT else ""
            forgo = posix.close
        return seam.through(door_name, lambda: real(*given, **named), _os_error, forgo)

    return called


def _nothing(_: Any) -> None:
    return None


def _of_io(seam: Seam, real: Callable[..., Any]) -> Callable[..., Any]:
    def called(*given: Any, **named: Any) -> Any:
        if not seam.armed or isinstance(given[0], int):
            return real(*given, **named)
        mode = given[1] if len(given) > 1 else named.get("mode", "r")
        creating = " O_CREAT" if set("wax+") & set(mode) else ""
        return seam.through(f"os.open{creating}", lambda: real(*given, **named), _os_error, io.IOBase.close)

    return called


def _of_fcntl(seam: Seam, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
    def called(fd: Any, request: int, *given: Any) -> Any:
        if not seam.armed:
            return real(fd, request, *given)
        said = f"fcntl.{name}"
        if name == "ioctl":
            said += f" {_constant(request)}"
        elif name == "flock":
            said += " LOCK_UN" if request & fcntl.LOCK_UN else " LOCK_NB" if request & fcntl.LOCK_NB else ""
        return seam.through(said, lambda: real(fd, request, *given), _os_error)

    return called


def _constant(value: int) -> str:
    """The name that the kernel room gives a number."""
    for name, module in list(sys.modules.items()):
        if name.startswith("vmplumbd.kernel."):
            for constant, each in vars(module).items():
                if each == value and type(each) is int and constant.isupper():
                    return constant.lstrip("_")
    return hex(value)


def _of_syscalls(seam: Seam, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
    def called(*given: Any, **named: Any) -> Any:
        return seam.through(f"syscalls.{name}", lambda: real(*given, **named), _os_error)

    return called


def _of_socket(seam: Seam, real: Callable[..., None]) -> Callable[..., None]:
    def called(made: socket.socket, *given: Any, **named: Any) -> None:
        seam.through("socket", lambda: real(made, *given, **named), _os_error)

    return called


def _of_transact(seam: Seam, real: Callable[..., Any]) -> Callable[..., Any]:
    def called(channel: Channel, begin: Message, messages: Sequence[Message], end: Message | None) -> Any:
        # The kernel does all of it or nothing: one act.
        name = "netlink dry transaction" if end is None else "netlink transaction"
        return seam.through(name, lambda: real(channel, begin, messages, end), _os_error)

    return called


def _of_dump(seam: Seam, real: Callable[..., Any]) -> Callable[..., Any]:
    def called(channel: Channel, message: Message) -> Any:
        return seam.through("netlink dump", lambda: real(channel, message), _os_error)

    return called


_TYPES = {
    **{value: name for name, value in vars(rtnl).items() if name.startswith("RTM_")},
    **{value: f"NFT_{name}" for name, value in vars(nft).items() if type(value) is int and value >> 8 == 10},
}


def _of_exchange(
    seam: Seam, real: Callable[[Channel, Sequence[Message]], tuple[list[Answer], list[Refusal]]]
) -> Callable[..., Any]:
    def sent(channel: Channel, messages: Sequence[Message]) -> tuple[list[Answer], list[Refusal]]:
        kept: list[int] = []
        injected: list[Refusal] = []
        for place, message in enumerate(messages):
            verdict = seam.ask(f"netlink {_TYPES[message.kind]}")
            if verdict is None or verdict[0] is When.AFTER:
                kept.append(place)
            if verdict is not None:
                injected.append(Refusal(place, getattr(errno, verdict[1]), "a fault of the test"))
        answers, refusals = real(channel, [messages[place] for place in kept])
        gone = {one.place for one in injected}
        return (
            [one._replace(place=kept[one.place]) for one in answers if kept[one.place] not in gone],
            [
                *(one._replace(place=kept[one.place]) for one in refusals if kept[one.place] not in gone),
                *injected,
            ],
        )

    def called(channel: Channel, messages: Sequence[Message]) -> Any:
        if not seam.armed or not messages:
            return real(channel, messages)
        return seam.through("netlink send", lambda: sent(channel, messages), _os_error)

    return called


def _of_connect(seam: Seam, real: Callable[..., sqlite3.Connection]) -> Callable[..., sqlite3.Connection]:
    class Connection(sqlite3.Connection):
        def execute(self, sql: str, *given: Any) -> sqlite3.Cursor:
            def fail(name: str) -> BaseException:
                if name == "SQLITE_FULL" and self.in_transaction:
                    super(Connection, self).execute("ROLLBACK")  # as SQLite itself does
                return _sqlite_error(name)

            return seam.through(_statement(sql), lambda: super(Connection, self).execute(sql, *given), fail)

        def executemany(self, sql: str, *given: Any) -> sqlite3.Cursor:
            return seam.through(
                _statement(sql), lambda: super(Connection, self).executemany(sql, *given), _sqlite_error
            )

    def called(*given: Any, **named: Any) -> sqlite3.Connection:
        return real(*given, factory=Connection, **named)

    return called


def _statement(sql: str) -> str:
    return f"journal {sql.split(None, 1)[0].upper()}"


def _sqlite_error(name: str) -> sqlite3.OperationalError:
    fault = sqlite3.OperationalError("a fault of the test")
    fault.sqlite_errorname = name
    return fault


def _of_plugins(seam: Seam, real: Callable[..., Result | None]) -> Callable[..., Result | None]:
    def called(plugin: Plugin, call: Invocation) -> Result | None:
        name = f"plugin {call.plugin} {call.command.value}"
        return seam.through(name, lambda: real(plugin, call), _plugin_error)

    return called


def _plugin_error(name: str) -> CniError:
    if name == "killed":
        return PluginFailed("netplugin failed: signal: killed", signal=9)
    return PluginFailed("a fault of the test", code=int(name.removeprefix("code ")))


class SeamKernel:
    """A fake kernel behind the seam: each method of the Protocol is an act, each request of a batch one."""

    def __init__(self, kernel: abc.Kernel, seam: Seam) -> None:
        self._real = kernel
        self._seam = seam

    def host(self) -> abc.Netns:
        return cast("abc.Netns", _SeamNetns(self._real.host(), self._seam))

    @contextmanager
    def open_netns(self, path: str) -> Iterator[abc.Netns]:
        asker = asker_of_this()
        verdict = self._seam.ask("kernel.open_netns", asker)
        if verdict is not None:
            raise _kernel_fault("open network namespace", verdict[1])
        with self._real.open_netns(path) as inside:
            yield cast("abc.Netns", _SeamNetns(inside, self._seam))

    def watch(self) -> abc.DeviceWatch:
        return self._real.watch()

    def close_kept(self) -> None:
        self._real.close_kept()

    def __getattr__(self, name: str) -> Any:
        return _door_of(self._seam, name, getattr(self._real, name))


class _SeamNetns:
    def __init__(self, real: abc.Netns, seam: Seam) -> None:
        self._real = real
        self._seam = seam

    @property
    def identity(self) -> net.NetnsIdentity:
        return self._real.identity

    @property
    def is_new(self) -> bool:
        return self._real.is_new

    def apply(self, requests: Sequence[net.Request]) -> Sequence[net.LinkInfo]:
        kept: list[int] = []
        faults: list[tuple[int, str]] = []
        for op, request in enumerate(requests):
            verdict = self._seam.ask(f"kernel.{type(request).__name__}")
            if verdict is None or verdict[0] is When.AFTER:
                kept.append(op)
            if verdict is not None:
                faults.append((op, verdict[1]))
        try:
            answers = self._real.apply([requests[op] for op in kept])
        except errors.KernelFault as exc:
            exc.op = kept[exc.op]
            if not faults or exc.op < faults[0][0]:
                raise
        if faults:
            raise _kernel_fault(f"do {requests[faults[0][0]]}", faults[0][1], op=faults[0][0])
        return answers

    def link(self, *, name: str = "", index: int = 0) -> net.LinkInfo:
        (found,) = self.apply([net.GetLink(name=name, index=index)])
        return found

    def __getattr__(self, name: str) -> Any:
        return _door_of(self._seam, name, getattr(self._real, name))


def _door_of(seam: Seam, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
    def called(*given: Any, **named: Any) -> Any:
        return seam.through(
            f"kernel.{name}", lambda: real(*given, **named), lambda error: _kernel_fault(name, error)
        )

    return called


def _kernel_fault(verb: str, error: str, *, op: int = 0) -> errors.KernelFault:
    code = getattr(errno, error)
    return errors.kernel_fault(verb, where="the fake", errno=code, op=op, note="a fault of the test")
