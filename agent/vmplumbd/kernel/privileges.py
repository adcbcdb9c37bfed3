"""What the agent may do: the capabilities it needs, and none besides, for itself and for what it executes.

A capability belongs to a thread, so this comes before any other thread is started.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Mapping

from vmplumbd.kernel import syscalls

# capabilities(7), by number.
NAMES = (
    *("CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL"),
    *("CAP_SETGID", "CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE"),
    *("CAP_NET_BROADCAST", "CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER"),
    *("CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE", "CAP_SYS_PACCT"),
    *("CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE", "CAP_SYS_RESOURCE", "CAP_SYS_TIME"),
    *("CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL"),
    *("CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM"),
    *("CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE"),
)
_NUMBERS: Mapping[str, int] = {name: number for number, name in enumerate(NAMES)}

# What each is for; docs/operating.md says the same.
NEEDED: Mapping[str, str] = {
    "CAP_NET_ADMIN": "links, addresses, routes, traffic control, nf_tables, taps",
    "CAP_SYS_ADMIN": "network namespaces and the mounts that give them names",
    "CAP_NET_RAW": "iptables, which firewall and portmap run",
    "CAP_CHOWN": "the group of the Unix socket",
    "CAP_DAC_OVERRIDE": "caches and reservations that other users' programs have made",
    "CAP_FOWNER": "the same, to give them their mode",
    "CAP_SYS_PTRACE": "who holds a device or a namespace, for the doctor and a teardown's warning",
}


def keep_only(names: Iterable[str]) -> tuple[str, ...]:
    """Keep these of the capabilities there are, give up the rest for good, and gain none by executing a program.

    Answers what is kept. Raises ValueError of an unknown name, OSError.
    """
    wanted = 0
    for name in names:
        if name not in _NUMBERS:
            raise ValueError(f"{name} is no capability")
        wanted |= 1 << _NUMBERS[name]
    bounding, effective = syscalls.bounding_set(), syscalls.capabilities()
    kept = wanted & bounding & effective
    # A user who was given some capabilities alone may not narrow what programs can have, and gains nothing by them.
    if effective >> _NUMBERS["CAP_SETPCAP"] & 1:
        for number in range(bounding.bit_length()):
            if bounding >> number & 1 and not kept >> number & 1:
                syscalls.drop_from_bounding_set(number)
    syscalls.set_capabilities(kept)
    syscalls.set_no_new_privs()
    return tuple(name for name, number in _NUMBERS.items() if kept >> number & 1)


def close_on_exec() -> None:
    """Mark every descriptor but the first three, so that no plugin inherits what the agent was started with."""
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - the directory itself is open meanwhile
        with contextlib.suppress(OSError):
            if int(name) > 2:
                os.set_inheritable(int(name), False)
