"""Boot a guest under QEMU on a tap in a network namespace, and believe only what the guest says.

    python tools/guest/boot.py --netns /run/netns/vm-1 --tap tap0 --mac 02:fc:00:00:00:01 \
        --ip 10.0.0.2::10.0.0.1:255.255.255.0::eth0:off

Exit 0: the guest has the address, the gateway and the MAC it was given, and its gateway answered.
Exit 1: it has not. Exit 2: it could not be started. The last line of output is the report as JSON.
"""

from __future__ import annotations

import argparse
import ctypes
import dataclasses
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Interface
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent.parent
QEMU = "qemu-system-x86_64"
CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG = 1
KERNEL_WORDS = ("console=ttyS0", "quiet", "panic=-1", "reboot=t", "random.trust_cpu=on")
_DEVICES = {"microvm": "virtio-net-device", "q35": "virtio-net-pci,romfile="}
MACHINES = tuple(_DEVICES)
VERDICT = re.compile(r"^VMPLUMB-GUEST (OK|FAIL)((?: [\w-]+=\S*)*)\r?\n", re.MULTILINE)
CANNOT_ENTER, NO_TAP, CANNOT_EXEC, CANNOT_BECOME = 96, 97, 98, 99


class CannotBoot(Exception):
    """The guest could not be started, and why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GuestReport:
    """What the guest said, beside what it was given. `fault` is empty when all of it is right."""

    ok: bool
    fault: str
    address: str
    gateway: str
    mac: str
    mtu: int
    dns: str
    ping: str
    configured_by: str
    """`kernel` (IP_PNP) or `init`."""
    accel: str
    seconds: float
    console: str
    said: Mapping[str, str]
    """All the words of the verdict."""
    uid: int
    capabilities: int
    """QEMU's own, while the guest ran."""


def readable(fd: int, seconds: float) -> bool:
    """Whether there is something to read in time. By poll: select(2) takes no descriptor above 1023."""
    waiting = select.poll()
    waiting.register(fd, select.POLLIN)
    return bool(waiting.poll(seconds * 1000))


def boot(
    *,
    kernel: Path,
    initrd: Path,
    netns: Path,
    tap: str,
    mac: str,
    ip: str,
    accel: str = "",
    timeout: float = 300.0,
    pings: int = 3,
    memory_mib: int = 192,
    verbose: bool = False,
    machine: str = "microvm",
    network: Sequence[str] = (),
    words: Sequence[str] = (),
    user: tuple[int, int] | None = None,
) -> GuestReport:
    """Boot, wait for the verdict, end QEMU. Blocks for `timeout` seconds at most. Raises CannotBoot.

    `ip` is the value of the kernel's `ip=`, `words` go beside it. `network` is QEMU's network, if another than
    the tap alone; `user` is the (uid, gid) that QEMU runs as, without any capability. Leaves the tap as it was.
    """
    accel = accel or ("kvm" if kvm_usable() else "tcg")
    line = command(
        kernel=kernel,
        initrd=initrd,
        netns=netns,
        tap=tap,
        network=network
        or (
            *("-netdev", f"tap,id=n0,ifname={tap},script=no,downscript=no"),
            *("-device", f"{_DEVICES[machine]},netdev=n0,mac={mac}"),
        ),
        words=(f"vmplumb.pings={pings}", *words, f"ip={ip}"),
        accel=accel,
        memory_mib=memory_mib,
        machine=machine,
        user=user,
    )
    start = time.monotonic()
    seen = _watch(line, deadline=start + timeout, verbose=verbose)
    if seen.status in {CANNOT_ENTER, NO_TAP, CANNOT_EXEC, CANNOT_BECOME}:
        raise CannotBoot(seen.console.strip())
    return _report(seen, ip=ip, mac=mac, accel=accel, seconds=time.monotonic() - start)


def command(
    *,
    kernel: Path,
    initrd: Path,
    netns: Path,
    tap: str,
    network: Sequence[str],
    words: Sequence[str],
    accel: str,
    memory_mib: int = 192,
    machine: str = "microvm",
    user: tuple[int, int] | None = None,
) -> list[str]:
    """The command that boots the guest, its console on standard output. Raises CannotBoot."""
    return [
        *_inside(netns, tap, user),
        find_qemu(),
        *("-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"),
        *("-machine", machine, "-accel", accel),
        *("-cpu", "host" if accel == "kvm" else "max", "-smp", "1", "-m", str(memory_mib)),
        *("-kernel", str(kernel), "-initrd", str(initrd)),
        *("-append", " ".join([*KERNEL_WORDS, *clock_words(machine, accel), *words])),
        *network,
        *("-serial", "stdio", "-monitor", "none"),
    ]


def clock_words(machine: str, accel: str) -> list[str]:
    """What a guest without KVM is told of its clock.

    It would measure it against a timer of the machine, and a microvm has none, so its kernel stops there. Under
    TCG the clock is the host's own.
    """
    if (machine, accel) != ("microvm", "tcg"):
        return []
    found = re.search(r"^cpu MHz\s*: (\d+)", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return [f"tsc_early_khz={int(found.group(1) if found else 2000) * 1000}"]


def verdict(console: str) -> str:
    """The guest's own line, or nothing."""
    found = VERDICT.search(console)
    return found.group(0).strip() if found else ""


def find_qemu() -> str:
    """QEMU on PATH, or installed now where we are root and apt has it. Raises CannotBoot."""
    found = shutil.which(QEMU)
    if found is None:
        subprocess.run([str(ROOT / "tools" / "system_packages.sh"), "qemu"], check=False, stdout=sys.stderr)
        found = shutil.which(QEMU)
    if found is None:
        raise CannotBoot(f"there is no {QEMU} here (Debian: package qemu-system-x86)")
    return found


def kvm_usable() -> bool:
    """Whether KVM runs ordinary kernels here."""
    # A KVM for paravirtual guests alone opens, makes VMs, and then only emulates an ordinary kernel
    # up to its first exception.
    modules = Path("/sys/module")
    if (modules / "kvm_pvm").exists() and not any(
        (modules / f"kvm_{name}").exists() for name in ("intel", "amd")
    ):
        return False
    return os.access("/dev/kvm", os.R_OK | os.W_OK)


def _inside(netns: Path, tap: str, user: tuple[int, int] | None) -> list[str]:
    who = "" if user is None else f"{user[0]}:{user[1]}"
    return [sys.executable, "-S", str(Path(__file__).resolve()), "--exec-inside", str(netns), tap, who]


def _exec_inside(netns: str, tap: str, who: str, command: Sequence[str]) -> NoReturn:
    """Enter the namespace and become the command, as `who`; it dies with the one that started us."""
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        descriptor = os.open(netns, os.O_RDONLY | os.O_CLOEXEC)
        if libc.setns(descriptor, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    except OSError as exc:
        print(f"cannot enter the network namespace {netns}: {exc.strerror}")
        sys.exit(CANNOT_ENTER)
    try:
        # QEMU would make a missing tap itself, and a wrong name would look like a dead network.
        socket.if_nametoindex(tap)
    except OSError:
        print(f"there is no device {tap} in {netns}")
        sys.exit(NO_TAP)
    if who:
        uid, _, gid = who.partition(":")
        try:
            os.setgroups([])
            os.setresgid(int(gid), int(gid), int(gid))
            os.setresuid(int(uid), int(uid), int(uid))
        except OSError as exc:
            print(f"cannot become {who}: {exc.strerror}")
            sys.exit(CANNOT_BECOME)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    sys.stdout.flush()
    try:
        os.execvp(command[0], list(command))
    except OSError as exc:
        print(f"cannot run {command[0]}: {exc.strerror}")
    sys.exit(CANNOT_EXEC)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Seen:
    """The console, the status of a command that has ended, and who it ran as."""

    console: str
    status: int | None
    uid: int = -1
    capabilities: int = 0


def _watch(line: Sequence[str], *, deadline: float, verbose: bool) -> _Seen:
    """The console up to the verdict, the end of the command, or the deadline."""
    console = b""
    uid, capabilities = -1, 0
    with subprocess.Popen(
        line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        assert process.stdout is not None
        stream = process.stdout.fileno()
        try:
            while not VERDICT.search(_text(console)):
                left = deadline - time.monotonic()
                if left <= 0 or not readable(stream, left):
                    break
                data = os.read(stream, 65536)
                if not data:
                    process.wait(timeout=max(0.1, deadline - time.monotonic()))
                    break
                console += data
                if verbose:
                    sys.stderr.write(_text(data))
                    sys.stderr.flush()
            status = process.poll()
            if status is None:
                uid, capabilities = credentials(process.pid)
        finally:
            process.kill()
    return _Seen(console=_text(console), status=status, uid=uid, capabilities=capabilities)


def credentials(pid: int) -> tuple[int, int]:
    """Effective user and capabilities of a process."""
    said = dict(
        line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line
    )
    return int(said["Uid"].split()[1]), int(said["CapEff"], 16)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _report(seen: _Seen, *, ip: str, mac: str, accel: str, seconds: float) -> GuestReport:
    found = VERDICT.search(seen.console)
    said = dict(word.split("=", 1) for word in found.group(2).split()) if found else {}
    if found is None:
        fault = "the guest gave no verdict"
    elif found.group(1) == "FAIL":
        fault = f"the guest says {said.get('why', 'nothing')}"
    else:
        fault = _difference(said, ip=ip, mac=mac)
    return GuestReport(
        ok=not fault,
        fault=fault,
        address=said.get("address", ""),
        gateway=said.get("gateway", ""),
        mac=said.get("mac", ""),
        mtu=int(said.get("mtu") or 0),
        dns=said.get("dns", ""),
        ping=said.get("ping", ""),
        configured_by=said.get("by", ""),
        accel=accel,
        seconds=round(seconds, 2),
        console=seen.console,
        said=said,
        uid=seen.uid,
        capabilities=seen.capabilities,
    )


def _difference(said: dict[str, str], *, ip: str, mac: str) -> str:
    """What the guest has that it was not given; empty when there is none."""
    client, _, gateway, netmask = ip.split(":")[:4]
    given = {
        "address": IPv4Interface(f"{client}/{netmask}").with_prefixlen,
        "gateway": gateway,
        "mac": mac.lower(),
    }
    wrong = [
        f"{name} {said.get(name)} instead of {value}"
        for name, value in given.items()
        if said.get(name) != value
    ]
    return "the guest has " + ", ".join(wrong) if wrong else ""


def main(arguments: Sequence[str]) -> int:
    """Boot as the arguments say; print the report as a JSON line."""
    if arguments[:1] == ["--exec-inside"]:
        _exec_inside(arguments[1], arguments[2], arguments[3], arguments[4:])
    parser = argparse.ArgumentParser(description="boot a guest on a tap in a network namespace")
    parser.add_argument(
        "--netns", type=Path, default=Path("/proc/self/ns/net"), help="default: the one we are in"
    )
    parser.add_argument("--tap", required=True)
    parser.add_argument("--mac", required=True)
    parser.add_argument("--ip", required=True, help="value of the kernel's ip= parameter")
    parser.add_argument("--kernel", type=Path, help="with --initrd; default: found or built")
    parser.add_argument("--initrd", type=Path)
    parser.add_argument("--accel", choices=("kvm", "tcg"), default="", help="default: kvm where it works")
    parser.add_argument("--machine", choices=MACHINES, default="microvm")
    parser.add_argument("--timeout", type=float, default=300.0, help="seconds to the verdict")
    parser.add_argument("--pings", type=int, default=3)
    parser.add_argument("--memory", type=int, default=192, help="MiB")
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="the console on standard error, as it comes"
    )
    options = parser.parse_args(arguments)
    kernel, initrd = options.kernel, options.initrd
    if kernel is None or initrd is None:
        # Run as a program this file's own folder is what Python searches.
        sys.path.insert(0, str(ROOT))
        from tools.guest import build  # noqa: PLC0415

        try:
            guest = build.find(os.environ)
        except build.Unavailable as exc:
            print(json.dumps({"ok": False, "fault": str(exc)}))
            return 2
        kernel, initrd = guest.kernel, guest.initrd
    try:
        report = boot(
            kernel=kernel,
            initrd=initrd,
            netns=options.netns,
            tap=options.tap,
            mac=options.mac,
            ip=options.ip.removeprefix("ip="),
            accel=options.accel,
            machine=options.machine,
            timeout=options.timeout,
            pings=options.pings,
            memory_mib=options.memory,
            verbose=options.verbose,
        )
    except CannotBoot as exc:
        print(json.dumps({"ok": False, "fault": str(exc)}))
        return 2
    if not report.ok and not options.verbose:
        print(f"--- last of the console\n{report.console[-3000:]}", file=sys.stderr)
    said = dataclasses.asdict(report)
    for name in ("console", "said"):
        del said[name]
    print(json.dumps(said))
    return 0 if report.ok else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
