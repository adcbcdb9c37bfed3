"""A host of its own for a test: a fresh network and mount namespace, entered by the calling thread.

Threads and processes started inside are in the host too, so a daemon, a lane or a plugin needs no
special treatment. Threads that were started before the host was entered stay outside it.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import functools
import grp
import os
import pwd
import select
import shutil
import socket
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

NETNS_DIR = Path("/run/netns")
CNI_STATE = Path("/var/lib/cni")

CLONE_FS = 0x200
CLONE_NEWNS = 0x20000
CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000
MS_BIND = 0x1000
MS_REC = 0x4000
MS_PRIVATE = 0x40000
MS_SHARED = 0x100000
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1

_libc = ctypes.CDLL(None, use_errno=True)


class Host:
    """What a test may do with the host it is in. Commands run with the calling thread's namespaces."""

    netns_dir = NETNS_DIR
    cni_state = CNI_STATE

    def __init__(self) -> None:
        self._processes: list[subprocess.Popen[str]] = []

    def run(
        self,
        argv: Sequence[str | os.PathLike[str]],
        *,
        check: bool = True,
        stdin: str | None = None,
        env: Mapping[str, str] | None = None,
        cwd: str | os.PathLike[str] | None = None,
        timeout: float = 60,
    ) -> subprocess.CompletedProcess[str]:
        """Run to the end, output captured as text. Raises AssertionError with stderr on a bad exit."""
        done = subprocess.run(
            argv, capture_output=True, text=True, input=stdin, env=env, cwd=cwd, timeout=timeout, check=False
        )
        if check and done.returncode:
            raise AssertionError(f"{argv} exited with {done.returncode}: {done.stderr}{done.stdout}")
        return done

    def popen(self, argv: Sequence[str | os.PathLike[str]], **options: Any) -> subprocess.Popen[str]:
        """Start a process in the host; it is ended with the host (TERM, then KILL after five seconds)."""
        process: subprocess.Popen[str] = subprocess.Popen(argv, text=True, **options)
        self._processes.append(process)
        return process

    def end_processes(self) -> None:
        """End what `popen` started and has not ended by itself."""
        for process in self._processes:
            if process.poll() is None:
                process.terminate()
        for process in self._processes:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe is not None:
                    with suppress(OSError):  # a dead reader's pipe refuses its last bytes
                        pipe.close()
        self._processes.clear()


@contextmanager
def private_host(*, netns_dir: bool = True) -> Iterator[Host]:
    """Take the calling thread into a fresh host, and back.

    In it `lo` is up, forwarding is off, /run and /var/lib/cni are empty, and with `netns_dir`
    /run/netns is there as iproute2 makes it (a shared mount). Raises OSError when not allowed.
    """
    _call(_libc.unshare, CLONE_FS)
    cwd = Path.cwd()
    home = [
        (os.open(f"/proc/thread-self/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC), flag)
        for kind, flag in (("net", CLONE_NEWNET), ("mnt", CLONE_NEWNS))
    ]
    host = Host()
    try:
        _call(_libc.unshare, CLONE_NEWNS | CLONE_NEWNET)
        _furnish(netns_dir=netns_dir)
        os.chdir(cwd)
        yield host
    finally:
        host.end_processes()
        # A thread started in here shares this one's root and directory, which no setns allows.
        _call(_libc.unshare, CLONE_FS)
        for fd, flag in home:
            _call(_libc.setns, fd, flag)
            os.close(fd)
        os.chdir(cwd)


def in_host(act: Callable[[], T]) -> T:
    """Run `act` on a thread of its own that lives in a fresh host; give back what it returns or raises."""
    return in_host_with(lambda _: act())


def in_host_with(act: Callable[[Host], T]) -> T:
    """The same, for what wants to do things with the host."""
    outcome: list[T] = []
    fault: list[BaseException] = []

    def body() -> None:
        try:
            with private_host() as made:
                outcome.append(act(made))
        except BaseException as exc:  # noqa: BLE001  raised again on the caller's thread
            fault.append(exc)

    thread = threading.Thread(target=body, name="private-host")
    thread.start()
    thread.join()
    if fault:
        raise fault[0]
    return outcome[0]


@functools.cache
def refusal() -> str | None:
    """Why this process cannot make a host, or None if it can. Tried on a thread, with a tap."""
    if shutil.which("ip") is None or shutil.which("tc") is None:
        return "iproute2 is not installed"
    try:
        in_host(_open_tun)
    except OSError as exc:
        return f"no private host: {exc}"
    return None


def become_root() -> str | None:
    """See to it that this process can leave its namespaces and come back; None, or why it cannot.

    Root of the machine can. Anyone else finds the administrators' programs too, and is put, for the life of
    the process, into a user namespace as its root, and into a network namespace with nothing but `lo`: what
    is not owned by that user namespace could not be entered again. Must come before the first thread starts.
    """
    _find_programs()
    try:
        if os.geteuid() != 0:
            uid, gid = os.getuid(), os.getgid()
            _call(_libc.unshare, CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET)
            Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
            Path("/proc/self/uid_map").write_text(f"0 {uid} 1", encoding="ascii")
            Path("/proc/self/gid_map").write_text(f"0 {gid} 1", encoding="ascii")
        elif _may_return():
            return None
        else:
            _call(_libc.unshare, CLONE_NEWNS | CLONE_NEWNET)
        _lo_up()
    except OSError as exc:
        return f"not root, and no user namespace: {exc}"
    return None


def _find_programs() -> None:
    """`tc` and `nft` lie where the PATH of an ordinary user may not lead."""
    words = os.environ.get("PATH", os.defpath).split(os.pathsep)
    os.environ["PATH"] = os.pathsep.join(
        [*words, *(one for one in ("/usr/sbin", "/sbin") if one not in words)]
    )


def an_owner() -> tuple[int, int]:
    """A user and a group other than root's, where this user namespace knows any, to own a tap."""
    known = Path("/proc/self/uid_map").read_text("ascii").split()
    return (123, 456) if int(known[2]) > 1000 else (0, 0)


def says_owner(shown: Mapping[str, Any], uid: int, gid: int) -> bool:
    """Whether what `ip` shows of a tap ("info_data") names this owner: by a name, where the machine has one."""
    users = {str(uid), *(row.pw_name for row in pwd.getpwall() if row.pw_uid == uid)}
    groups = {str(gid), *(row.gr_name for row in grp.getgrall() if row.gr_gid == gid)}
    return str(shown["user"]) in users and str(shown["group"]) in groups


def _may_return() -> bool:
    """Whether this user namespace owns the network namespace it is in: only its owner may enter it."""
    fd = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        return bool(_libc.setns(fd, CLONE_NEWNET) == 0)
    finally:
        os.close(fd)


def _furnish(*, netns_dir: bool) -> None:
    _mount(None, "/", None, MS_REC | MS_PRIVATE)
    _mount("run", "/run", "tmpfs", 0, "mode=0755")
    # A machine without /var/lib/cni gets it on a tmpfs over /var/lib, so that nothing is made outside.
    if CNI_STATE.is_dir():
        _mount("cni", str(CNI_STATE), "tmpfs", 0, "mode=0755")
    else:
        _mount("lib", str(CNI_STATE.parent), "tmpfs", 0, "mode=0755")
        CNI_STATE.mkdir(mode=0o755)
    if netns_dir:
        NETNS_DIR.mkdir(mode=0o755)
        _mount(str(NETNS_DIR), str(NETNS_DIR), None, MS_BIND | MS_REC)
        _mount(None, str(NETNS_DIR), None, MS_REC | MS_SHARED)
    _lo_up()
    for key in ("ipv4/ip_forward", "ipv6/conf/all/forwarding"):
        # A new namespace takes over the machine's IPv4 settings; a test's host starts the same everywhere.
        with suppress(FileNotFoundError):
            Path("/proc/sys/net", key).write_text("0", encoding="ascii")


def _lo_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        (flags,) = struct.unpack_from("16xH", fcntl.ioctl(sock, SIOCGIFFLAGS, struct.pack("16s24x", b"lo")))
        fcntl.ioctl(sock, SIOCSIFFLAGS, struct.pack("16sH22x", b"lo", flags | IFF_UP))


def _open_tun() -> None:
    os.close(os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC))


def _mount(source: str | None, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    arguments = [None if text is None else text.encode() for text in (source, target, kind)]
    _call(_libc.mount, *arguments, flags, None if data is None else data.encode(), what=target)


def _call(function: Callable[..., int], *arguments: object, what: str | None = None) -> None:
    if function(*arguments) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code) if code != errno.EPERM else "not permitted", what)


@contextmanager
def control_group() -> Iterator[Path]:
    """A fresh directory of cgroup v2 that the caller may divide. Ends what runs in it in the end. Raises OSError."""
    directory = _control_groups() / f"vmplumb-test-{os.getpid()}-{threading.get_native_id()}"
    directory.mkdir()
    try:
        yield directory
    finally:
        (directory / "cgroup.kill").write_text("1")
        with (directory / "cgroup.events").open() as events:
            ended = select.poll()
            ended.register(events, select.POLLPRI)
            while "populated 1" in os.pread(events.fileno(), 256, 0).decode():
                ended.poll(1000)
        # What lies below goes before what it lies in, and this directory last.
        for one in sorted(directory.glob("**/"), reverse=True):
            one.rmdir()


def no_control_groups() -> str | None:
    """Why no control group can be made here, or None."""
    try:
        with control_group():
            return None
    except OSError as exc:
        return f"no control group can be made: {exc.strerror}"


def _control_groups() -> Path:
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        if " - cgroup2 " in line:
            return Path(line.split(" ")[4])
    raise OSError(errno.ENOENT, "cgroup v2 is mounted nowhere")
