"""Plugins as processes, with real scripts."""

from __future__ import annotations

import errno
import json
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests import descriptors
from tools.guest.boot import readable
from vmplumbd.cni import exec as exec_
from vmplumbd.cni import result
from vmplumbd.cni.error import (
    CniError,
    InvalidResult,
    PluginBusy,
    PluginCancelled,
    PluginFailed,
    PluginNotFound,
    PluginTimedOut,
)
from vmplumbd.cni.exec import ExecInvoker, find_in_path
from vmplumbd.cni.invoke import Command, Invocation, read_version_reply

Install = Callable[[str], None]

# Deadlines that no plugin keeps: on a machine where it did not come to its `sleep` in one, the next is given.
DEADLINES = (1.0, 10.0, 100.0)
# Whoever waits for what sleeps ten minutes waits longer than this. Seconds.
NOT_HELD = 120.0


@pytest.fixture
def install(tmp_path: Path) -> Install:
    """Write the plugin `p`, a shell script unless the text says otherwise."""

    def write(text: str) -> None:
        script = tmp_path / "p"
        script.write_text(text if text.startswith("#!") else f"#!/bin/sh\n{text}\n")
        script.chmod(0o755)

    return write


def call(
    tmp_path: Path,
    *,
    invoker: ExecInvoker | None = None,
    command: Command = Command.ADD,
    stdin: bytes = b"{}",
    seconds: float | None = 120.0,
    cancelled: Callable[[], bool] | None = None,
    env: dict[str, str] | None = None,
) -> bytes:
    return (invoker or ExecInvoker()).invoke(
        Invocation(
            command=command,
            plugin="p",
            stdin=stdin,
            container_id="c1",
            path=(str(tmp_path),),
            deadline=None if seconds is None else time.monotonic() + seconds,
            cancelled=cancelled,
            env=env or {},
        )
    )


def failure(tmp_path: Path, kind: type[CniError] = PluginFailed, **how: object) -> CniError:
    with pytest.raises(kind) as raised:
        call(tmp_path, **how)  # type: ignore[arg-type]  # one table of arguments for both
    assert type(raised.value) is kind
    return raised.value


def gone(pid: int, *, seconds: float = 60.0) -> bool:
    """Whether the process ends in time. A zombie that nobody reaps is an end too: poll tells."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return readable(fd, seconds)
    finally:
        os.close(fd)


def late(up: Path, attempt: Callable[[float], None]) -> None:
    """Give the plugin its first deadline after which it has said, in that file, that it is up."""
    for seconds in DEADLINES:
        attempt(seconds)
        if up.exists() and up.read_text():
            return
    raise AssertionError("the plugin was never up")


def test_stdin_and_stdout_pass_untouched_and_large(install: Install, tmp_path: Path) -> None:
    install("cat")
    given = os.urandom(3 << 20)
    assert call(tmp_path, stdin=given) == given


def test_a_plugin_that_does_not_read_its_stdin_is_no_fault(install: Install, tmp_path: Path) -> None:
    install("echo done")
    assert call(tmp_path, stdin=b"x" * (1 << 20)) == b"done\n"


def test_success_with_noise_on_stderr_is_success(install: Install, tmp_path: Path) -> None:
    install("echo noise >&2; echo '{}'")
    assert call(tmp_path) == b"{}\n"


def test_the_environment_is_small_and_says_cni(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(f"#!{sys.executable}\nimport json, os\nprint(json.dumps(dict(os.environ)))")
    monkeypatch.setenv("SECRET", "x")
    monkeypatch.setenv("WANTED", "y")
    monkeypatch.setenv("PATH", "/somewhere:/bin:/usr/bin")
    invoker = ExecInvoker(passthrough=("PATH", "WANTED", "ABSENT"))
    seen = json.loads(call(tmp_path, invoker=invoker, env={"TRACEPARENT": "t", "CNI_COMMAND": "no"}))
    seen.pop("LC_CTYPE", None)  # Python's own
    assert seen == {
        "PATH": "/somewhere:/bin:/usr/bin",
        "WANTED": "y",
        "GOMAXPROCS": "1",
        "TRACEPARENT": "t",
        "CNI_COMMAND": "ADD",
        "CNI_CONTAINERID": "c1",
        "CNI_NETNS": "",
        "CNI_ARGS": "",
        "CNI_IFNAME": "",
        "CNI_PATH": str(tmp_path),
    }


def test_the_operator_says_how_many_processors_a_plugin_in_go_uses(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("echo $GOMAXPROCS")
    monkeypatch.setenv("GOMAXPROCS", "4")
    assert call(tmp_path) == b"1\n"
    assert call(tmp_path, invoker=ExecInvoker(passthrough=("PATH", "GOMAXPROCS"))) == b"4\n"


def test_there_is_a_path_even_where_we_have_none(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("/bin/echo $PATH")
    monkeypatch.delenv("PATH")
    assert b"/sbin" in call(tmp_path)


def test_descriptors_signals_and_group_are_clean(install: Install, tmp_path: Path) -> None:
    install(
        f"#!{sys.executable} -S\nimport json, os, signal\n"
        "status = dict(line.split(':\\t') for line in open('/proc/self/status').read().splitlines()"
        " if line.startswith('Sig'))\n"
        "print(json.dumps({'fds': sorted(map(int, os.listdir('/proc/self/fd')))[:4],"
        " 'blocked': int(status['SigBlk'], 16), 'leads': os.getpgrp() == os.getpid()}))"
    )
    held = os.open("/dev/null", os.O_RDONLY)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    try:
        seen = json.loads(call(tmp_path))
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGUSR1})
        os.close(held)
    # The fourth is the directory being listed.
    assert seen == {"fds": [0, 1, 2, 3], "blocked": 0, "leads": True}


def test_no_signal_is_ignored(install: Install, tmp_path: Path) -> None:
    install("grep SigIgn /proc/self/status")
    # 32 and 33 are the C library's own; it sets them so in every process it spawns.
    assert int(call(tmp_path).split()[1], 16) & 0x7FFFFFFF == 0


def test_our_own_descriptors_are_closed_again(install: Install, tmp_path: Path) -> None:
    install("exit 3")
    failure(tmp_path)
    with descriptors.none_is_kept():
        for _ in range(5):
            failure(tmp_path)


@pytest.mark.parametrize(
    ("script", "said", "status", "killed_by", "tail"),
    [
        ("exit 3", "netplugin failed with no error message: exit status 3", 3, None, ""),
        ("echo boom >&2; exit 1", 'netplugin failed: "boom\\n": exit status 1', 1, None, "boom\n"),
        ("kill -TERM $$", "netplugin failed with no error message: signal: terminated", None, 15, ""),
        ("kill -KILL $$", "netplugin failed with no error message: signal: killed", None, 9, ""),
        ('echo \'{"code":11,"msg":"later","details":"pool"}\'; exit 1', "later; pool", 1, None, ""),
        ('echo seen >&2; echo \'{"msg":"m"}\'; exit 2', "m", 2, None, "seen\n"),
        ("echo '{\"foo\":1}'; exit 1", "netplugin failed with no error message: exit status 1", 1, None, ""),
        (
            "printf '{\"code\":1'; exit 1",
            'netplugin failed but error parsing its diagnostic message "{\\"code\\":1": ',
            1,
            None,
            "",
        ),
    ],
)
def test_a_failure_says_how_it_ended_and_keeps_stderr(
    install: Install,
    tmp_path: Path,
    script: str,
    said: str,
    status: int | None,
    killed_by: int | None,
    tail: str,
) -> None:
    install(script)
    error = failure(tmp_path)
    assert str(error).startswith(said)
    assert (error.exit_status, error.signal, error.stderr_tail) == (status, killed_by, tail)


def test_codes_of_the_plugin_are_kept(install: Install, tmp_path: Path) -> None:
    install('echo \'{"code":123,"msg":"m"}\'; exit 1')
    assert failure(tmp_path).code == 123


def test_the_deadline_kills_the_grandchild_that_holds_the_pipe(install: Install, tmp_path: Path) -> None:
    install(f"sleep 600 & echo stuck >&2; echo $! >{tmp_path}/pid; wait")
    errors: list[CniError] = []

    def attempt(seconds: float) -> None:
        started = time.monotonic()
        errors.append(failure(tmp_path, PluginTimedOut, seconds=seconds))
        assert time.monotonic() - started < NOT_HELD + seconds

    late(tmp_path / "pid", attempt)
    assert str(errors[-1]).startswith("netplugin failed with no error message: signal: killed")
    assert (errors[-1].signal, errors[-1].stderr_tail) == (9, "stuck\n")
    assert gone(int((tmp_path / "pid").read_text()))


def test_a_failed_plugin_leaves_no_process_behind(install: Install, tmp_path: Path) -> None:
    install(f"sleep 600 & echo $! >{tmp_path}/pid; exit 1")
    started = time.monotonic()
    failure(tmp_path, seconds=None)
    assert time.monotonic() - started < NOT_HELD
    assert gone(int((tmp_path / "pid").read_text()))


def test_a_process_left_on_purpose_holds_us_only_a_little(install: Install, tmp_path: Path) -> None:
    install(f"sleep 600 & echo $! >{tmp_path}/pid; echo '{{}}'")
    started = time.monotonic()
    assert call(tmp_path, invoker=ExecInvoker(drain_seconds=0.1), seconds=None) == b"{}\n"
    assert time.monotonic() - started < NOT_HELD
    left = int((tmp_path / "pid").read_text())
    assert not gone(left, seconds=0)
    os.kill(left, signal.SIGKILL)


def test_a_grandchild_out_of_reach_does_not_hold_us(install: Install, tmp_path: Path) -> None:
    install(f"setsid sleep 600 & echo $! >{tmp_path}/pid; wait")

    def attempt(seconds: float) -> None:
        started = time.monotonic()
        failure(tmp_path, PluginTimedOut, seconds=seconds, invoker=ExecInvoker(drain_seconds=0.1))
        assert time.monotonic() - started < NOT_HELD + seconds

    late(tmp_path / "pid", attempt)
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)


def test_cancel_kills_a_running_plugin(install: Install, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "up")
    install(f"echo $$ >{tmp_path}/up; exec sleep 60")
    cancelled = threading.Event()
    pids: list[int] = []

    def cancel_when_up() -> None:
        pids.append(int((tmp_path / "up").read_text()))
        cancelled.set()

    watcher = threading.Thread(target=cancel_when_up)
    watcher.start()
    error = failure(tmp_path, PluginCancelled, cancelled=cancelled.is_set)
    watcher.join()
    assert error.signal == 9
    assert gone(pids[0])


class TheEndIsSeenFirst:
    """As poll(2) answers where a plugin prints and ends after its pipes were looked at, and before it was itself."""

    def __init__(self) -> None:
        self._all = select.poll()
        self._ended = select.poll()
        self._asked = False

    def register(self, fd: int, events: int) -> None:
        self._all.register(fd, events)
        if Path(f"/proc/self/fd/{fd}").readlink() == Path("anon_inode:[pidfd]"):
            self._ended.register(fd, events)

    def unregister(self, fd: int) -> None:
        self._all.unregister(fd)

    def poll(self, milliseconds: float | None) -> list[tuple[int, int]]:
        asked, self._asked = self._asked, True
        return (self._all if asked else self._ended).poll(milliseconds)


def test_what_a_plugin_printed_is_read_however_late_we_come_to_it(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("echo noise >&2; echo '{}'")
    monkeypatch.setattr(exec_, "select", SimpleNamespace(poll=TheEndIsSeenFirst, POLLIN=select.POLLIN))
    assert call(tmp_path, invoker=ExecInvoker(drain_seconds=0.0)) == b"{}\n"


def test_a_plugin_that_ended_before_it_was_killed_is_waited_for_however_late_we_come_to_it(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "up")
    install(f"echo $$ >{tmp_path}/up")
    looks: list[int] = []

    def cancelled() -> bool:
        looks.append(1)
        # The first look is before the start.
        return len(looks) > 1 and gone(int((tmp_path / "up").read_text()))

    monkeypatch.setattr(exec_, "_REAP_SECONDS", 0.0)
    invoker = ExecInvoker()
    failure(tmp_path, PluginCancelled, invoker=invoker, cancelled=cancelled)
    assert invoker._unreaped == []


@pytest.mark.parametrize(
    ("kind", "said", "how"),
    [
        (PluginTimedOut, "context deadline exceeded", {"seconds": 0.0}),
        (PluginCancelled, "context canceled", {"cancelled": lambda: True}),
    ],
)
def test_a_call_that_is_late_is_not_started(
    install: Install, tmp_path: Path, kind: type[CniError], said: str, how: dict[str, object]
) -> None:
    install(f"touch {tmp_path}/ran")
    assert said in str(failure(tmp_path, kind, **how))
    assert not (tmp_path / "ran").exists()


TEN_MEGABYTES = "head -c 10000000 /dev/zero"


def test_too_large_a_result_is_refused_and_a_del_may_chatter(install: Install, tmp_path: Path) -> None:
    install(TEN_MEGABYTES)
    error = failure(tmp_path, InvalidResult)
    assert "more than" in str(error)
    assert len(call(tmp_path, command=Command.DEL)) == ExecInvoker().stdout_limit


def test_the_end_of_a_long_stderr_is_kept(install: Install, tmp_path: Path) -> None:
    install(f"{TEN_MEGABYTES} >&2; echo last words >&2; exit 1")
    error = failure(tmp_path)
    assert len(error.stderr_tail) == ExecInvoker().stderr_limit
    assert error.stderr_tail.endswith("last words\n")


def test_a_busy_executable_is_tried_again_with_a_fresh_process(install: Install, tmp_path: Path) -> None:
    install("echo ok")
    writer = (tmp_path / "p").open("ab")
    asked: list[int] = []

    def close_at_the_third_look() -> bool:
        asked.append(1)
        if len(asked) == 3:
            writer.close()
        return False

    patient = ExecInvoker(busy_seconds=60.0)
    assert call(tmp_path, invoker=patient, cancelled=close_at_the_third_look) == b"ok\n"


def test_an_executable_busy_for_ever_is_an_error(install: Install, tmp_path: Path) -> None:
    install("echo ok")
    with (tmp_path / "p").open("ab"):
        error = failure(tmp_path, PluginBusy, command=Command.DEL, invoker=ExecInvoker(busy_seconds=0.05))
    assert error.code == 11
    assert os.strerror(errno.ETXTBSY).lower() in str(error)


@pytest.mark.parametrize(("mode", "said"), [(0o755, "exec format error"), (0o644, "permission denied")])
def test_what_cannot_be_executed_says_so(tmp_path: Path, mode: int, said: str) -> None:
    (tmp_path / "p").write_bytes(b"no script, no binary")
    (tmp_path / "p").chmod(mode)
    assert str(failure(tmp_path)).endswith(f"/p: {said}")


def test_finding_takes_the_first_regular_file(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
    (tmp_path / "a" / "p").mkdir()
    (tmp_path / "b" / "p").symlink_to("../c/p")
    (tmp_path / "c" / "p").touch()
    path = [str(tmp_path / name) for name in ("none", "a", "b", "c")]
    assert find_in_path("p", path) == str(tmp_path / "b" / "p")


@pytest.mark.parametrize(
    ("plugin", "path", "said"),
    [
        ("", ["/a"], "no plugin name provided"),
        ("../p", ["/a"], "invalid plugin name: ../p"),
        ("p", [], "no paths provided"),
        ("p", ["/a", "/b"], 'failed to find plugin "p" in path [/a /b]'),
    ],
)
def test_what_is_not_found_says_where(plugin: str, path: list[str], said: str) -> None:
    with pytest.raises(PluginNotFound) as raised:
        find_in_path(plugin, path)
    assert str(raised.value) == said


def test_version_is_asked_with_dummies(install: Install, tmp_path: Path) -> None:
    install(
        f'echo "$CNI_COMMAND $CNI_NETNS $CNI_IFNAME $CNI_PATH $(cat)" >{tmp_path}/asked\n'
        'echo \'{"cniVersion":"1.1.0","supportedVersions":["1.0.0"]}\''
    )
    assert ExecInvoker(version_seconds=120.0).versions("p", (str(tmp_path),)).supported == ("1.0.0",)
    assert (tmp_path / "asked").read_text() == 'VERSION dummy dummy dummy {"cniVersion":"1.1.0"}\n'


def test_a_plugin_that_hangs_at_version_is_killed_though_nobody_gave_it_a_deadline(
    install: Install, tmp_path: Path
) -> None:
    install(f"echo $$ >{tmp_path}/pid; sleep 600")

    def attempt(seconds: float) -> None:
        with pytest.raises(PluginTimedOut):
            ExecInvoker(version_seconds=seconds).versions("p", (str(tmp_path),))

    late(tmp_path / "pid", attempt)
    assert gone(int((tmp_path / "pid").read_text()))


def test_a_plugin_that_prints_without_end_is_killed_at_the_limit(install: Install, tmp_path: Path) -> None:
    install(f"echo $$ >{tmp_path}/pid; exec cat /dev/zero")
    error = failure(tmp_path, InvalidResult, invoker=ExecInvoker(stdout_limit=1000))
    assert "more than 1000 bytes" in str(error)
    assert gone(int((tmp_path / "pid").read_text()))


@pytest.mark.parametrize("part", [b"[", b'{"cniVersion":'])
def test_what_is_nested_without_end_is_no_result_and_no_error(part: bytes) -> None:
    for read in (result.parse, read_version_reply):
        with pytest.raises(InvalidResult):
            read(part * 100_000)
    with pytest.raises(ValueError, match="recursion"):
        CniError.from_json(part * 100_000)
