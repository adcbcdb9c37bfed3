"""Network namespaces: the one place that enters them, and their files.

A thread inside belongs to another namespace until it is back, so inside there is no waiting, no
new thread, no call of anybody else's code and no garbage collection (a finalizer is such code).
What opens there - a netlink socket, a tun device - stays there when the thread has come back.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import gc
import os
import threading
from pathlib import Path
from types import TracebackType

from vmplumbd import errors
from vmplumbd.kernel import syscalls
from vmplumbd.kernel.rtnl import Channel
from vmplumbd.model import net

TUN_DEVICE = "/dev/net/tun"

_OWN = "/proc/thread-self/ns/net"
_NS_GET_NSTYPE = 0xB703
_SIOCGSKNS = 0x894C

_lost = threading.local()


class Home:
    """The namespace that threads come back to: the one this was made in."""

    def __init__(self) -> None:
        self.fd = os.open(_OWN, os.O_RDONLY | os.O_CLOEXEC)
        try:
            self.identity = _identity(os.fstat(self.fd))
        except BaseException:
            give_back(self.fd)
            raise

    def close(self) -> None:
        """Nothing can be entered after it."""
        os.close(self.fd)

    def has_this_thread(self) -> bool:
        """Whether the calling thread is at home. Raises KernelFault when that cannot be seen."""
        try:
            return _identity(os.stat(_OWN)) == self.identity  # noqa: PTH116  on the path of every set-up
        except OSError as exc:
            raise _fault("look at the namespace of this thread", _OWN, exc) from exc


class Inside:
    """`with Inside(home, fd):` the thread is in the namespace of `fd`, or in a fresh one if None.

    Raises ThreadLost when it cannot come back, and from then on whenever this thread asks again.
    """

    __slots__ = ("_fd", "_home")

    def __init__(self, home: Home, fd: int | None = None) -> None:
        self._home = home
        self._fd = fd

    def __enter__(self) -> None:
        refuse_lost_thread()
        _collector.pause()
        try:
            if self._fd is None:
                syscalls.unshare(syscalls.CLONE_NEWNET)
            else:
                syscalls.setns(self._fd, syscalls.CLONE_NEWNET)
        except BaseException:
            _collector.resume()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            syscalls.setns(self._home.fd, syscalls.CLONE_NEWNET)
        except OSError as exc:
            _lost.errno = exc.errno
            raise errors.ThreadLost(errno=exc.errno or 0) from exc
        finally:
            _collector.resume()


def is_lost_thread() -> bool:
    """Whether the calling thread did not come back once."""
    return getattr(_lost, "errno", None) is not None


def refuse_lost_thread() -> None:
    """Raises ThreadLost on a thread that did not come back once."""
    code = getattr(_lost, "errno", None)
    if code is not None:
        raise errors.ThreadLost(errno=code)


class Opened:
    """What was opened in a namespace: a channel, and a tun device that no tap has claimed yet, if any."""

    __slots__ = ("_fd", "channel", "tun")

    def __init__(self, channel: Channel, tun: int | None, fd: int | None = None) -> None:
        self.channel = channel
        self.tun = tun
        self._fd = fd

    def fd(self) -> int:
        """The namespace itself, to enter it again. Open as long as this is."""
        if self._fd is None:
            # The socket knows its namespace; a path may lead to another one by now.
            self._fd = fcntl.ioctl(self.channel.fileno(), _SIOCGSKNS)
        return self._fd

    def take_tun(self) -> int | None:
        """The tun device, which is then the caller's."""
        tun, self.tun = self.tun, None
        return tun

    def close(self) -> None:
        """Give everything back. Nothing of this process holds the namespace after it."""
        self.channel.close()
        for fd in (self.take_tun(), self._fd):
            if fd is not None:
                give_back(fd)
        self._fd = None


def create(home: Home, path: str) -> tuple[net.NetnsIdentity, Opened]:
    """Make a namespace, bind it at `path`, and open what a set-up needs in it, entering once."""
    _make_mount_point(path)
    channel: Channel | None = None
    tun: int | None = None
    try:
        with Inside(home):
            channel = Channel()
            # Without the device the namespace is still good for a chain that makes no tap.
            with contextlib.suppress(OSError):
                tun = os.open(TUN_DEVICE, os.O_RDWR | os.O_CLOEXEC)
            syscalls.mount(_OWN, path, syscalls.MS_BIND)
        return _identity(os.stat(path)), Opened(channel, tun)  # noqa: PTH116  as above
    except BaseException as exc:
        if channel is not None:
            channel.close()
        if tun is not None:
            give_back(tun)
        with contextlib.suppress(OSError):
            _detach(path)
        if isinstance(exc, OSError):
            raise _fault("create network namespace", path, exc) from exc
        raise


def create_unnamed(home: Home) -> Opened:
    """Make a namespace without a name, open as `create` opens it: it goes when that is closed. Raises OSError."""
    channel: Channel | None = None
    tun: int | None = None
    try:
        with Inside(home):
            channel = Channel()
            with contextlib.suppress(OSError):
                tun = os.open(TUN_DEVICE, os.O_RDWR | os.O_CLOEXEC)
            return Opened(channel, tun, os.open(_OWN, os.O_RDONLY | os.O_CLOEXEC))
    except BaseException:
        if channel is not None:
            channel.close()
        if tun is not None:
            give_back(tun)
        raise


def name(opened: Opened, path: str) -> net.NetnsIdentity:
    """Bind a namespace of `create_unnamed` at `path`. Leaves it nameless and open when it raises."""
    _make_mount_point(path)
    try:
        syscalls.mount(f"/proc/self/fd/{opened.fd()}", path, syscalls.MS_BIND)
        return _identity(os.fstat(opened.fd()))
    except BaseException as exc:
        with contextlib.suppress(OSError):
            _detach(path)
        if isinstance(exc, OSError):
            raise _fault("create network namespace", path, exc) from exc
        raise


def open_existing(home: Home, path: str) -> tuple[net.NetnsIdentity, Opened]:
    """A channel in the namespace at `path`."""
    fd, identity = _open(home, path)
    channel: Channel | None = None
    try:
        with Inside(home, fd):
            channel = Channel()
    except BaseException as exc:
        if channel is not None:
            channel.close()
        give_back(fd)
        if isinstance(exc, OSError):
            raise _fault("enter network namespace", path, exc) from exc
        raise
    return identity, Opened(channel, None, fd)


def open_fresh(home: Home) -> tuple[net.NetnsIdentity, Opened]:
    """A channel in a namespace of its own, which goes when that is closed."""
    channel: Channel | None = None
    try:
        with Inside(home):
            channel = Channel()
            found = _identity(os.stat(_OWN))  # noqa: PTH116  as above
    except BaseException as exc:
        if channel is not None:
            channel.close()
        if isinstance(exc, OSError):
            raise _fault("create network namespace", "the host", exc) from exc
        raise
    return found, Opened(channel, None)


def identity(home: Home, path: str) -> net.NetnsIdentity:
    """Which namespace `path` leads to. Raises NotFound; NotANetns also for the host's own."""
    fd, found = _open(home, path)
    give_back(fd)
    return found


def paths(directory: str) -> list[str]:
    """The files of a directory, namespaces among them, by name."""
    try:
        with os.scandir(directory) as entries:
            return sorted(entry.path for entry in entries if not entry.is_dir(follow_symlinks=False))
    except FileNotFoundError:
        return []
    except OSError as exc:
        raise _fault("list network namespaces", directory, exc) from exc


def identity_now(home: Home, path: str, known: net.NetnsIdentity) -> net.NetnsIdentity:
    """The same, for a path that most likely still leads to `known`: one system call then."""
    with contextlib.suppress(OSError):
        if _identity(os.stat(path)) == known:  # noqa: PTH116  as above
            return known
    return identity(home, path)


class Held:
    """A namespace that lives on without a name."""

    __slots__ = ("_fd", "_lock")

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._lock = threading.Lock()

    def close(self) -> None:
        """Let it go. Again is nothing."""
        with self._lock:
            fd, self._fd = self._fd, -1
        if fd >= 0:
            give_back(fd)


def hold(path: str) -> Held | None:
    """Keep what is at `path` in being. None if nothing can be opened there, for want of descriptors too."""
    try:
        # Whatever lies there is only held, never read: O_NONBLOCK for a fifo.
        return Held(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY))
    except OSError:
        return None


def move(home: Home, source: str, target: str) -> None:
    """Bind the namespace at `source` at `target`, then take it from `source`."""
    _make_mount_point(target)
    try:
        identity(home, source)
        try:
            # One step, and no wait for the mount's former users, if `source` lies on a mount of its own.
            syscalls.mount(source, target, syscalls.MS_MOVE)
        except OSError as exc:
            if exc.errno != errno.EINVAL:
                raise
            syscalls.mount(source, target, syscalls.MS_BIND)
    except BaseException as exc:
        with contextlib.suppress(OSError):
            _detach(target)
        if isinstance(exc, OSError):
            raise _fault("move network namespace", source, exc) from exc
        raise
    delete(source)


def delete(path: str) -> None:
    """Detach and unlink. What still holds the namespace goes on holding it, without a name."""
    try:
        _detach(path)
    except OSError as exc:
        raise _fault("delete network namespace", path, exc) from exc


def plan_directory(path: str) -> net.NetnsDir:
    """What `prepare_directory` would make now. Changes nothing. Raises KernelFault."""
    try:
        made = _missing(path)
        mounted = bool(made) or _mount_of(path) == _mount_of(str(Path(path).parent))
    except OSError as exc:
        raise _fault("look at namespace directory", path, exc) from exc
    return net.NetnsDir(path=path, made=tuple(made), mounted=mounted)


def _missing(path: str) -> list[str]:
    """The directories that are not there, outermost first."""
    folders = [Path(path), *Path(path).parents]
    return [str(folder) for folder in reversed(folders) if not folder.is_dir()]


def _mount_of(path: str) -> str:
    """Which mount a directory lies on: the kernel's number of it. A bind mount of a directory on itself is one."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        told = Path(f"/proc/self/fdinfo/{fd}").read_text("ascii")
    finally:
        give_back(fd)
    return next(line for line in told.splitlines() if line.startswith("mnt_id:"))


def prepare_directory(path: str, *, private: bool = False) -> net.NetnsDir:
    """Make a directory in which a mount made here is seen in every mount namespace that shares it.

    With `private` in none: a namespace can be moved from there in one step.
    """
    kind = syscalls.MS_PRIVATE if private else syscalls.MS_SHARED
    made: list[str] = []
    mounted = False
    try:
        for folder in _missing(path):
            # Known before it is made: what fails may have been done.
            made.append(folder)
            try:
                Path(folder).mkdir()
            except FileExistsError:
                made.pop()
            else:
                # Whatever the umask: others list and open namespaces by path.
                Path(folder).chmod(0o755)
        with _locked(path):
            try:
                syscalls.mount("", path, kind | syscalls.MS_REC)
            except OSError as exc:
                if exc.errno != errno.EINVAL:
                    raise
                # Only a mount point can be shared: bind the directory to itself first, as iproute2 does.
                mounted = True
                syscalls.mount(path, path, syscalls.MS_BIND | syscalls.MS_REC)
                syscalls.mount("", path, kind | syscalls.MS_REC)
    except OSError as exc:
        with contextlib.suppress(errors.KernelFault):
            undo_directory(net.NetnsDir(path=path, made=tuple(made), mounted=mounted))
        raise _fault("prepare namespace directory", path, exc) from exc
    return net.NetnsDir(path=path, made=tuple(made), mounted=mounted)


def undo_directory(made: net.NetnsDir) -> None:
    """Take back what `prepare_directory` made, as far as it is empty. Raises KernelFault."""
    try:
        _undo_directory(made)
    except OSError as exc:
        raise _fault("remove namespace directory", made.path, exc) from exc


def _undo_directory(made: net.NetnsDir) -> None:
    with contextlib.suppress(FileNotFoundError):
        if made.mounted:
            with _locked(made.path):
                if any(Path(made.path).iterdir()):
                    return
            try:
                syscalls.umount(made.path, syscalls.UMOUNT_NOFOLLOW)
            except OSError as exc:
                # Not detached by force: EBUSY tells that a namespace was bound here meanwhile.
                if exc.errno not in (errno.EBUSY, errno.EINVAL):  # EINVAL: no mount
                    raise
    for directory in reversed(made.made):
        try:
            Path(directory).rmdir()
        except FileNotFoundError:
            continue
        except OSError as exc:
            if exc.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.EBUSY):  # in use
                return
            raise


class _locked(contextlib.AbstractContextManager[None]):  # noqa: N801  reads as a participle in `with`
    """The directory's lock, which iproute2 takes too before it changes how the directory is mounted."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __enter__(self) -> None:
        self._fd = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX)
        except BaseException:
            give_back(self._fd)
            raise

    def __exit__(self, *_: object) -> None:
        give_back(self._fd)


def _open(home: Home, path: str) -> tuple[int, net.NetnsIdentity]:
    """The namespace at `path`, open, and which it is."""
    try:
        # O_NONBLOCK: a fifo in this place must not hold the agent.
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError as exc:
        if exc.errno in (errno.EACCES, errno.ENXIO, errno.ELOOP, errno.ENOTDIR):
            raise errors.NotANetns(f"cannot open {path} as a network namespace: {exc.strerror}") from exc
        raise _fault("open network namespace", path, exc) from exc
    try:
        try:
            kind = fcntl.ioctl(fd, _NS_GET_NSTYPE)
        except OSError as exc:
            raise errors.NotANetns(
                f"{path} is not a network namespace", hint="was its mount lost in a reboot?"
            ) from exc
        if kind != syscalls.CLONE_NEWNET:
            raise errors.NotANetns(f"{path} is a namespace, but not a network namespace")
        try:
            found = _identity(os.fstat(fd))
        except OSError as exc:
            raise _fault("open network namespace", path, exc) from exc
        if found == home.identity:
            raise errors.NotANetns(f"{path} is the network namespace of the host itself")
    except BaseException:
        give_back(fd)
        raise
    return fd, found


def give_back(fd: int) -> None:
    """Give a descriptor back. Linux does so whatever it answers, and nothing was written to ours."""
    with contextlib.suppress(OSError):
        os.close(fd)


def _make_mount_point(path: str) -> None:
    """The file that a namespace is bound over. Raises Exists if the path is taken."""
    try:
        made = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o444)
    except OSError as exc:
        raise _fault("create network namespace", path, exc) from exc
    give_back(made)


def _detach(path: str) -> None:
    while True:
        try:
            syscalls.umount(path, syscalls.MNT_DETACH | syscalls.UMOUNT_NOFOLLOW)
            mounted = True
        except OSError as exc:
            if exc.errno not in (errno.EINVAL, errno.ENOENT):  # not a mount, or gone
                raise
            mounted = False
        try:
            os.unlink(path)  # noqa: PTH108  on the path of every teardown
        except FileNotFoundError:
            return
        except OSError as exc:
            # A mount lay on another one: the file is still a mount point.
            if exc.errno != errno.EBUSY or not mounted:
                raise
        else:
            return


def _identity(found: os.stat_result) -> net.NetnsIdentity:
    return net.NetnsIdentity(device=found.st_dev, inode=found.st_ino)


def _fault(verb: str, path: str, exc: OSError) -> errors.KernelFault:
    return errors.kernel_fault(verb, where=path, errno=exc.errno or 0, note=_elsewhere(path, exc))


def _elsewhere(path: str, exc: OSError) -> str:
    return str(exc.filename) if exc.filename not in (None, path) else ""


class _Collector:
    """Garbage collection, off while any thread is inside a namespace."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._was_on = False

    def pause(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._was_on = gc.isenabled()
                gc.disable()
            self._inside += 1

    def resume(self) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0 and self._was_on:
                gc.enable()


_collector = _Collector()
