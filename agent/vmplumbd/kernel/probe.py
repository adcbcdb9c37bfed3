"""What this host offers: read from /proc, and tried out in a namespace that nothing else ever sees."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import socket
import struct
from collections.abc import Collection, Sequence
from pathlib import Path

from vmplumbd.kernel import holders, links, netns, requests, syscalls, tap
from vmplumbd.kernel.rtnl import Channel, Refused
from vmplumbd.model import net
from vmplumbd.model.findings import Inhabited
from vmplumbd.model.preflight import CAP_SYS_PTRACE, Disk, HostFacts
from vmplumbd.model.progress import Holder

_SYSCTLS = ("net.ipv4.ip_forward", "net.ipv4.neigh.default.gc_thresh3", "user.max_net_namespaces")
_NETLINK_NETFILTER = 12
_NFT_MSG_GETGEN = 10 << 8 | 16
_NLM_F_REQUEST = 1


class LinuxProbe:
    """See `abc.Probe`. Made in the namespace that is the host's."""

    def __init__(self) -> None:
        self._home = netns.Home()

    def close(self) -> None:
        """Give back what is held."""
        self._home.close()

    def uptime(self) -> float:
        return float(Path("/proc/uptime").read_text("ascii").split()[0])

    def inhabited(self) -> Inhabited:
        found: dict[int, list[Holder]] = {}
        complete = True
        for name in sorted((one for one in os.listdir("/proc") if one.isdigit()), key=int):  # noqa: PTH208 - names alone
            try:
                for inode, path in holders.homes(int(name)).items():
                    command = ""
                    if inode != self._home.identity.inode:
                        command = Path(f"/proc/{name}/comm").read_text("utf-8", "replace").strip()
                    found.setdefault(inode, []).append(Holder(pid=int(name), command=command, what=path))
            except PermissionError:
                # With the right to look, what still refuses is of an outer user namespace, and no VMM of ours.
                complete = complete and bool(_capabilities() >> CAP_SYS_PTRACE & 1)
            except OSError:
                # It ended while it was looked at.
                continue
        return Inhabited(by_inode=found, complete=complete)

    def facts(self, *, netns_dir: str, directories: Collection[str]) -> HostFacts:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        endless = 2**63 - 1
        return HostFacts(
            features=self._features(),
            sysctls={key: text for key in _SYSCTLS if (text := _sysctl(key))},
            sysctls_writable=os.access("/proc/sys/net/ipv4/ip_forward", os.W_OK),
            capabilities=_capabilities(),
            propagation=_propagation(netns_dir),
            files_soft=endless if soft == resource.RLIM_INFINITY else soft,
            files_hard=endless if hard == resource.RLIM_INFINITY else hard,
            clock_synchronised=syscalls.clock_is_synchronised(),
            disks=tuple(_disk(path) for path in dict.fromkeys(directories)),
        )

    def _features(self) -> dict[str, str]:
        """Each feature with why it is missing. Tried in a fresh namespace, which goes with its sockets."""
        tun: int | None = None
        no_tun = ""
        filter_: socket.socket | None = None
        no_filter = ""
        with netns.Inside(self._home):
            channel = Channel()
            try:
                tun = os.open(netns.TUN_DEVICE, os.O_RDWR | os.O_CLOEXEC)
            except OSError as exc:
                no_tun = f"{netns.TUN_DEVICE}: {_name(exc)}"
            try:
                filter_ = socket.socket(
                    socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_NETFILTER
                )
            except OSError as exc:
                no_filter = _name(exc)
        opened = netns.Opened(channel, tun)
        try:
            found = _devices(opened)
            found["tun"] = no_tun or _tap(opened)
            found["nf_tables"] = no_filter or _nf_tables(filter_)
        finally:
            opened.close()
            if filter_ is not None:
                filter_.close()
        return found


def _devices(opened: netns.Opened) -> dict[str, str]:
    found = {
        "bridge": _try(opened, net.AddLink(name="bridge0", kind="bridge")),
        "ifb": _try(opened, net.AddLink(name="ifb0", kind="ifb")),
        "veth": _try(opened, net.AddVeth(name="one", peer="two")),
    }
    ends: list[int] = []
    with contextlib.suppress(OSError):
        asked = [message for name in ("one", "two") for message in requests.encode(net.GetLink(name=name), 0)]
        ends = [links.read_link(answer.body).index for answer in opened.channel.batch(asked)]
    if len(ends) < 2:
        untried = "cannot be tried without veth"
        return {
            **found,
            "sch_ingress": untried,
            "cls_u32": untried,
            "act_mirred": untried,
            "sch_tbf": untried,
        }
    some = net.RateLimit(rate=1_000_000, buffer=1_000_000, limit=100_000)
    found["sch_tbf"] = _try(opened, net.AddTbf(index=ends[0], limit=some))
    found["sch_ingress"] = _try(opened, net.AddIngress(index=ends[0]))
    # One request makes the filter and its action: the kernel says which of the two it lacks, if it says.
    redirect = _try(opened, net.AddRedirect(index=ends[0], to=ends[1]))
    return {**found, "cls_u32": redirect, "act_mirred": redirect}


def _try(opened: netns.Opened, request: net.Request) -> str:
    try:
        opened.channel.batch(requests.encode(request, opened.fd()))
    except OSError as exc:
        note = exc.refusal.note if isinstance(exc, Refused) else ""
        return f"cannot {requests.words(request)}: {_name(exc)}{f' ({note})' if note else ''}"
    return ""


def _tap(opened: netns.Opened) -> str:
    tun = opened.take_tun()
    if tun is None:
        return "cannot be opened"
    try:
        tap.claim(tun, "", uid=os.geteuid(), gid=os.getegid())
    except OSError as exc:
        return f"cannot make a tap: {_name(exc)}"
    finally:
        os.close(tun)
    return ""


def _nf_tables(asked: socket.socket | None) -> str:
    """Whether the packet filter answers which generation its rules are of."""
    if asked is None:
        return "cannot be asked"
    body = struct.pack("=BBH", socket.AF_UNSPEC, 0, 0)
    try:
        asked.send(struct.pack("=IHHII", 16 + len(body), _NFT_MSG_GETGEN, _NLM_F_REQUEST, 1, 0) + body)
        # The kernel has answered before the send returns.
        data = asked.recv(8192, socket.MSG_DONTWAIT)
    except OSError as exc:
        return f"the kernel does not answer: {_name(exc)}"
    (kind,) = struct.unpack_from("=H", data, 4)
    if kind != 2:
        return ""
    (code,) = struct.unpack_from("=i", data, 16)
    return f"the kernel refuses: {errno.errorcode.get(-code, str(-code))}" if code else ""


def _sysctl(key: str) -> str:
    try:
        return Path("/proc/sys", *key.split(".")).read_text("ascii").strip()
    except OSError:
        return ""


def _capabilities() -> int:
    for line in Path("/proc/thread-self/status").read_text("ascii", "replace").splitlines():
        if line.startswith("CapEff:"):
            return int(line.split()[1], 16)
    return 0


def _propagation(directory: str) -> str:
    """The propagation of the mount that `directory` is or lies in; "" if it is not there."""
    if not Path(directory).is_dir():
        return ""
    real = os.path.realpath(directory)
    best, found = -1, ""
    for line in Path("/proc/thread-self/mountinfo").read_text("utf-8", "replace").splitlines():
        fields: Sequence[str] = line.split(" - ")[0].split()
        point = fields[4].encode().decode("unicode_escape")
        inside = real == point or real.startswith(point.rstrip("/") + "/")
        # Of several mounts on one point the last one is seen.
        if inside and len(point) >= best:
            best, found = len(point), _word(fields[6:])
    return found


def _word(options: Sequence[str]) -> str:
    if any(one.startswith("shared:") for one in options):
        return "shared"
    return "slave" if any(one.startswith("master:") for one in options) else "private"


def _disk(path: str) -> Disk:
    there = Path(path)
    while not there.exists():
        there = there.parent
    info = os.statvfs(there)
    return Disk(
        path=path,
        free_bytes=info.f_bavail * info.f_frsize,
        free_inodes=info.f_favail,
        inodes=info.f_files,
        read_only=bool(info.f_flag & os.ST_RDONLY),
    )


def _name(exc: OSError) -> str:
    return errno.errorcode.get(exc.errno or 0, str(exc))
