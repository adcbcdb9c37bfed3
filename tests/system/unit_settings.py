"""Run a command as a systemd unit would, as far as that needs no systemd: rights, system calls, mounts.

    python -m tests.system.unit_settings UNIT [DIRECTIVE=VALUE ...] -- COMMAND...

What is read from the unit is applied to this process, which then becomes the command. Directives that are given
are added to the unit's.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import errno
import os
import re
import resource
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

from vmplumbd.kernel import privileges, syscalls

# Each of these gives a unit a mount tree of its own (systemd:src/core/execute.c, exec_needs_mount_namespace).
MOUNTS = frozenset(
    {
        "BindPaths",
        "BindReadOnlyPaths",
        "DynamicUser",
        "ExecPaths",
        "ExtensionDirectories",
        "ExtensionImages",
        "InaccessiblePaths",
        "LoadCredential",
        "LoadCredentialEncrypted",
        "MountFlags",
        "MountImages",
        "NoExecPaths",
        "PrivateDevices",
        "PrivateIPC",
        "PrivateMounts",
        "PrivateTmp",
        "PrivateUsers",
        "ProcSubset",
        "ProtectControlGroups",
        "ProtectHome",
        "ProtectKernelLogs",
        "ProtectKernelModules",
        "ProtectKernelTunables",
        "ProtectProc",
        "ProtectSystem",
        "ReadOnlyPaths",
        "ReadWritePaths",
        "RootDirectory",
        "RootImage",
        "SetCredential",
        "TemporaryFileSystem",
    }
)
_OFF = frozenset({"", "no", "false", "off", "0", "default", "all", "shared"})
_ALLOW = 0x7FFF0000
_ERRNO = 0x00050000
_EQUAL, _MASKED_EQUAL = 4, 7
_CLONE_NEWNS, _MS_SLAVE_REC = 0x20000, 0x84000
_NAMESPACES = {
    "mnt": 0x20000, "cgroup": 0x2000000, "uts": 0x4000000, "ipc": 0x8000000,
    "user": 0x10000000, "pid": 0x20000000, "net": 0x40000000,
}  # fmt: skip
_FAMILIES = {"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10, "AF_NETLINK": 16, "AF_PACKET": 17}
_PR_SET_MDWE, _MDWE_REFUSE_EXEC_GAIN = 65, 1

Settings = dict[str, list[str]]


def read(unit: Path, *more: str) -> Settings:
    """The directives of [Service], each with its values in order."""
    found: Settings = defaultdict(list)
    section = ""
    for line in [*unit.read_text().splitlines(), "[Service]", *more]:
        if line.startswith("["):
            section = line.strip("[]")
        elif section == "Service" and "=" in line and not line.startswith(("#", ";")):
            key, _, value = line.partition("=")
            found[key].append(value)
    return found


def own_mounts(settings: Settings) -> list[str]:
    """The directives that give the unit a mount tree of its own."""
    return sorted(key for key in settings if key in MOUNTS and settings[key][-1].lower() not in _OFF)


class _Comparison(ctypes.Structure):
    _fields_ = (
        ("arg", ctypes.c_uint),
        ("op", ctypes.c_int),
        ("a", ctypes.c_uint64),
        ("b", ctypes.c_uint64),
    )


class _Filter:
    """An allow list of system calls (libseccomp)."""

    def __init__(self) -> None:
        self._lib = ctypes.CDLL(ctypes.util.find_library("seccomp") or "libseccomp.so.2")
        self._lib.seccomp_init.restype = ctypes.c_void_p
        self._context = ctypes.c_void_p(self._lib.seccomp_init(ctypes.c_uint32(_ERRNO | errno.EPERM)))

    def add(self, name: str, *comparisons: tuple[int, int, int, int], action: int = _ALLOW) -> None:
        """Allow a system call, where its arguments compare so."""
        number = self._lib.seccomp_syscall_resolve_name(name.encode())
        if number == -1:
            return  # not of this architecture
        each = (_Comparison * max(1, len(comparisons)))(*(_Comparison(*one) for one in comparisons))
        failed = self._lib.seccomp_rule_add_array(
            self._context, ctypes.c_uint32(action), number, len(comparisons), each
        )
        if failed:
            raise OSError(-failed, f"seccomp_rule_add {name}")

    def load(self) -> None:
        """From here on."""
        failed = self._lib.seccomp_load(self._context)
        if failed:
            raise OSError(-failed, "seccomp_load")


def allowed_calls(lines: list[str]) -> set[str]:
    """What the lines of SystemCallFilter leave: the first says whether it is a list of what is allowed."""
    assert not lines[0].startswith("~"), "a list of what is denied is not read here"
    left: set[str] = set(_members("@default"))
    for line in lines:
        named = {call for word in line.lstrip("~").split() for call in _members(word)}
        left = left - named if line.startswith("~") else left | named
    return left


def _members(word: str) -> set[str]:
    if not word.startswith("@"):
        return {word}
    shown = subprocess.run(
        ["systemd-analyze", "syscall-filter", word], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    words = re.findall(r"^ +([@a-z0-9_-]+)$", shown, flags=re.MULTILINE)
    return {call for one in words for call in _members(one)}


def _seccomp(settings: Settings) -> _Filter:
    made = _Filter()
    given = settings["RestrictNamespaces"][-1]
    forbidden = sum(bit for name, bit in _NAMESPACES.items() if name not in given.split())
    for call in sorted(allowed_calls(settings["SystemCallFilter"])):
        if call == "socket":
            for family in settings["RestrictAddressFamilies"][-1].split():
                made.add(call, (0, _EQUAL, _FAMILIES[family], 0))
        elif call in {"clone", "unshare"}:
            made.add(call, (0, _MASKED_EQUAL, forbidden, 0))
        elif call == "setns":
            for name in given.split():
                made.add(call, (1, _EQUAL, _NAMESPACES[name], 0))
        elif call == "clone3":
            made.add(call, action=_ERRNO | errno.ENOSYS)  # its flags are out of a filter's reach
        else:
            made.add(call)
    return made


def apply(settings: Settings) -> None:
    """Take the settings on. There is no way back."""
    made = _seccomp(settings)
    libc = ctypes.CDLL(None, use_errno=True)
    if own_mounts(settings):
        syscalls.unshare(_CLONE_NEWNS)
        # As systemd does: what is mounted here stays here, what comes from the host is seen.
        if libc.mount(b"none", b"/", None, ctypes.c_ulong(_MS_SLAVE_REC), None):
            raise OSError(ctypes.get_errno(), "mount /")
    os.umask(int(settings["UMask"][-1], 8))
    limit = int(settings["LimitNOFILE"][-1])
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(limit, hard),) * 2)
    privileges.keep_only(settings["CapabilityBoundingSet"][-1].split())
    if settings["MemoryDenyWriteExecute"][-1] == "yes":
        # Linux 6.3; before it systemd has a filter of system calls for it.
        libc.prctl(_PR_SET_MDWE, *(ctypes.c_ulong(one) for one in (_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0)))
    made.load()


def main(arguments: list[str]) -> None:
    """Become the command."""
    split = arguments.index("--")
    unit, *more = arguments[:split]
    apply(read(Path(unit), *more))
    command = arguments[split + 1 :]
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1:])
