"""Files below a root, opened so that no link below it is followed: what a caller's words cannot lead out of."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Sequence

from vmplumbd.kernel import syscalls

_RULES = syscalls.RESOLVE_BENEATH | syscalls.RESOLVE_NO_SYMLINKS | syscalls.RESOLVE_NO_MAGICLINKS
_NO_OPENAT2 = (errno.ENOSYS, errno.EPERM)  # an old kernel, a filter of system calls


def open_beneath(root: str, relative: str, *, flags: int = os.O_RDONLY, mode: int = 0o600) -> int:
    """Open `relative` below `root`, whose own path may hold links; below it none is followed.

    Raises OSError: EXDEV if it leads out, ELOOP at a link, else as open(2).
    """
    directory = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        # O_TMPFILE has O_DIRECTORY's bit in it.
        makes = flags & os.O_CREAT or flags & os.O_TMPFILE == os.O_TMPFILE
        created = mode if makes else 0
        try:
            return syscalls.openat2(
                directory, relative, flags=flags | os.O_CLOEXEC, mode=created, resolve=_RULES
            )
        except OSError as exc:
            if exc.errno not in _NO_OPENAT2:
                raise
        return walk_beneath(directory, relative, flags=flags, mode=mode)
    finally:
        os.close(directory)


def walk_beneath(directory: int, relative: str, *, flags: int, mode: int) -> int:
    """`open_beneath` without openat2: one name at a time, and `..` is never taken."""
    names = relative.split("/")
    if relative.startswith("/") or ".." in names:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), relative)
    names = [name for name in names if name not in ("", ".")]
    if not names:
        return os.open(".", flags | os.O_CLOEXEC, dir_fd=directory)
    with contextlib.ExitStack() as opened:
        for name in names[:-1]:
            step = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            try:
                directory = os.open(name, step, dir_fd=directory)
            except NotADirectoryError:
                raise _link_or_file(directory, name) from None
            opened.callback(os.close, directory)
        return os.open(names[-1], flags | os.O_NOFOLLOW | os.O_CLOEXEC, mode, dir_fd=directory)


def open_directory(roots: Sequence[str], directory: str, *, make: bool) -> tuple[int, bool]:
    """Open a directory below one of `roots`, none of whose links is followed, and say whether it was made.

    With `make` what is missing of it is made, 0700. One that is below no root is opened as it is written: nobody
    but the operator can have named it. The descriptor names a place (O_PATH). Raises OSError; ELOOP at a link.
    """
    root = next((one for one in roots if f"{directory}/".startswith(f"{one.rstrip('/')}/")), None)
    if root is None:
        made = make and _make_directories(directory)
        return os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC), made
    relative = directory[len(root.rstrip("/")) :].strip("/")
    try:
        return _open_place(root, relative), False
    except FileNotFoundError:
        if not make:
            raise
    _make_directories(root)
    return _make_beneath(root, relative), True


def _open_place(root: str, relative: str) -> int:
    return open_beneath(root, relative or ".", flags=os.O_PATH | os.O_DIRECTORY)


def _make_beneath(root: str, relative: str) -> int:
    parent, _, name = relative.rpartition("/")
    if not name:
        return _open_place(root, "")
    try:
        above = _open_place(root, parent)
    except FileNotFoundError:
        above = _make_beneath(root, parent)
    try:
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, 0o700, dir_fd=above)
    finally:
        os.close(above)
    return _open_place(root, relative)


def _make_directories(path: str) -> bool:
    # os.makedirs gives its mode to the last one only.
    try:
        os.mkdir(path, 0o700)  # noqa: PTH102 - beside the other plain calls
    except FileExistsError:
        return False
    except FileNotFoundError:
        _make_directories(path.rpartition("/")[0] or "/")
        return _make_directories(path)
    return True


def _link_or_file(directory: int, name: str) -> OSError:
    try:
        os.readlink(name, dir_fd=directory)
    except OSError:
        return NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), name)
    return OSError(errno.ELOOP, os.strerror(errno.ELOOP), name)
