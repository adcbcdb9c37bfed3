"""What a host must offer, and should: facts in, one check a line out, each with its remedy. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

# linux/capability.h
CAP_DAC_OVERRIDE, CAP_NET_ADMIN, CAP_SYS_PTRACE, CAP_SYS_ADMIN = 1, 12, 19, 21
_CAPABILITIES = (
    ("net_admin", CAP_NET_ADMIN, True, "devices, addresses, routes and filters"),
    ("sys_admin", CAP_SYS_ADMIN, True, "making and entering namespaces, and mounting them"),
    ("dac_override", CAP_DAC_OVERRIDE, False, "files of other users: taps, caches, sockets"),
    ("sys_ptrace", CAP_SYS_PTRACE, False, "saying which process holds a namespace"),
)
# name, required, what needs it
_FEATURES = (
    ("veth", True, "ptp and bridge networks"),
    ("tun", True, "tap devices"),
    ("sch_ingress", True, "the redirect between tap and network"),
    ("cls_u32", True, "the redirect between tap and network"),
    ("act_mirred", True, "the redirect between tap and network"),
    ("nf_tables", False, "masquerade (ipMasq) and the firewall plugin"),
    ("bridge", False, "bridge networks"),
    ("ifb", False, "the bandwidth plugin"),
    ("sch_tbf", False, "the bandwidth plugin"),
)
_FILES_WANTED = 4096
_FREE_BYTES = 64 * 1024 * 1024
_FREE_INODES = 1000
# 2024-01-01: a clock before it was never set.
_SANE = 1704067200.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """Where files are kept: bytes and inodes free to the agent. `inodes` 0: the file system has no limit."""

    path: str
    free_bytes: int
    free_inodes: int
    inodes: int
    read_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFacts:
    """What was found. `features` says of each kernel feature why it is missing, "" if it is there.

    `propagation` is the mount propagation of the directory of namespaces: "shared", "private", "slave",
    or "" if the directory is not there yet. `clock_synchronised` None: nobody knows.
    """

    features: Mapping[str, str] = field(default_factory=dict)
    sysctls: Mapping[str, str] = field(default_factory=dict)
    sysctls_writable: bool = True
    capabilities: int = 0
    propagation: str = ""
    files_soft: int = 0
    files_hard: int = 0
    clock_synchronised: bool | None = None
    disks: tuple[Disk, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the agent is set to: its limits and directories, and what it knows of time.

    `newest` is when the journal last changed. `plugins` are the problems of each network that is
    configured, none if it can be set up here; `unreadable` the configuration files that are none.
    """

    netns_dir: str
    max_networks: int
    now: float
    newest: float = 0.0
    plugins: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unreadable: Mapping[str, str] = field(default_factory=dict)
    bin_path: tuple[str, ...] = ()
    conf_dir: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing looked at. `remedy` is empty when it is as it should be."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""
    required: bool = False


def checks(facts: HostFacts, wanted: Wanted) -> tuple[Check, ...]:
    """Every check, those that are well too."""
    return (
        *_features(facts),
        *_sysctls(facts, wanted),
        *_capabilities(facts),
        *_plugins(wanted),
        _propagation(facts, wanted),
        _files(facts),
        *_clock(facts, wanted),
        *_disks(facts),
    )


def _check(name: str, problem: str, *, well: str, remedy: str, required: bool) -> Check:
    """A check that is well unless there is a problem."""
    return Check(
        name=name, ok=not problem, detail=problem or well, remedy=remedy if problem else "", required=required
    )


def _features(facts: HostFacts) -> Iterator[Check]:
    for name, required, needed_for in _FEATURES:
        missing = facts.features.get(name, "not looked for")
        remedy = f"modprobe {name}, and name it in /etc/modules-load.d; else a kernel that has it"
        if name == "tun" and "/dev/net/tun" in missing:
            remedy = "mknod /dev/net/tun c 10 200; in a container, let it have that device"
        yield _check(
            f"module.{name}",
            f"{missing}; needed for {needed_for}" if missing else "",
            well="works",
            remedy=remedy,
            required=required,
        )


def _sysctls(facts: HostFacts, wanted: Wanted) -> Iterator[Check]:
    forwarding = facts.sysctls.get("net.ipv4.ip_forward", "")
    off = forwarding != "1"
    yield _check(
        "sysctl.ip_forward",
        f"it is {forwarding or 'not there'}, and /proc/sys cannot be written"
        if off and not facts.sysctls_writable
        else "",
        well="1" if not off else f"{forwarding}: the first network switches it on",
        remedy="sysctl -w net.ipv4.ip_forward=1",
        required=True,
    )
    # An entry a VM, and one more for each VM that talks to it through a bridge.
    for key, factor, why in (
        ("net.ipv4.neigh.default.gc_thresh3", 1, "more neighbours than it are refused"),
        ("user.max_net_namespaces", 1, "more namespaces than it are refused"),
    ):
        text = facts.sysctls.get(key, "")
        needed = wanted.max_networks * factor
        short = text.isdigit() and int(text) < needed
        yield _check(
            f"sysctl.{key.rpartition('.')[2]}",
            f"{text}, for up to {wanted.max_networks} networks: {why}" if short else "",
            well=text or "not there; no limit",
            remedy=f"sysctl -w {key}={max(needed, 1024)}, or limits.max_networks = {text}",
            required=False,
        )


def _capabilities(facts: HostFacts) -> Iterator[Check]:
    for name, number, required, needed_for in _CAPABILITIES:
        there = bool(facts.capabilities >> number & 1)
        yield _check(
            f"capability.{name}",
            "" if there else f"the agent does not have it; needed for {needed_for}",
            well="held",
            remedy=f"run the agent as root, or with AmbientCapabilities=CAP_{name.upper()}",
            required=required,
        )


def _plugins(wanted: Wanted) -> Iterator[Check]:
    for path, why in wanted.unreadable.items():
        yield _check(
            f"conf.{path.rpartition('/')[2]}",
            why,
            well="",
            remedy=f"mend or remove {path}: a file that cannot be read hides the networks after it",
            required=True,
        )
    for network, problems in wanted.plugins.items():
        yield _check(
            f"plugins.{network}",
            "; ".join(problems),
            well="every plugin is there and speaks the network's cniVersion",
            remedy=f"install the right version in {':'.join(wanted.bin_path)}, or mend cniVersion in {wanted.conf_dir}",
            required=False,
        )
    if not wanted.plugins:
        yield Check(
            name="conf.networks",
            ok=False,
            detail=f"no network is configured in {wanted.conf_dir}; only inline ones can be set up",
            remedy=f"put a .conflist into {wanted.conf_dir}",
        )


def _propagation(facts: HostFacts, wanted: Wanted) -> Check:
    return _check(
        "mount.netns_dir",
        f"{wanted.netns_dir} is mounted {facts.propagation}: other mount namespaces keep what is unmounted here"
        if facts.propagation not in ("", "shared")
        else "",
        well="shared" if facts.propagation else "not there yet; made shared by the first network",
        remedy=f"mount --make-shared {wanted.netns_dir}; in a container, mount it with propagation rshared",
        required=False,
    )


def _files(facts: HostFacts) -> Check:
    return _check(
        "limit.files",
        f"{facts.files_soft} open files (at most {facts.files_hard})"
        if facts.files_soft < _FILES_WANTED
        else "",
        well=f"{facts.files_soft} open files",
        remedy="LimitNOFILE=65536 in the agent's unit, or ulimit -n 65536",
        required=False,
    )


def _clock(facts: HostFacts, wanted: Wanted) -> Iterator[Check]:
    problem = ""
    if wanted.now < _SANE:
        problem = "the clock was never set"
    elif wanted.newest > wanted.now + 1:
        problem = f"the clock went back: the journal changed {wanted.newest - wanted.now:.0f} s from now"
    yield _check(
        "clock.time",
        problem,
        well="ahead of the journal",
        remedy="set the clock: chronyc makestep",
        required=False,
    )
    yield _check(
        "clock.synchronised",
        "" if facts.clock_synchronised is not False else "no time service keeps it",
        well="yes" if facts.clock_synchronised else "the kernel does not say",
        remedy="run chronyd or systemd-timesyncd: ages of leaks and certificates depend on it",
        required=False,
    )


def _disks(facts: HostFacts) -> Iterator[Check]:
    for disk in facts.disks:
        problem = ""
        if disk.read_only:
            problem = "read-only"
        elif disk.free_bytes < _FREE_BYTES:
            problem = f"{disk.free_bytes // 1024} KiB free"
        elif disk.inodes and disk.free_inodes < _FREE_INODES:
            problem = f"{disk.free_inodes} inodes free"
        yield _check(
            f"disk.{disk.path}",
            problem,
            well=f"{disk.free_bytes // (1024 * 1024)} MiB free",
            remedy="free some room: journal, caches and reservations are written before anything is touched",
            required=disk.read_only,
        )
