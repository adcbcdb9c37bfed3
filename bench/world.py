"""The private host a section runs in: its CNI networks, its programs, and how many devices it has."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from bench import peers
from bench.peers import Absent, Daemon, Peer, Wrong
from tests import host as hosts

T = TypeVar("T")

TOP = Path("/run/bench")
CONF_DIR = TOP / "conf"

# Every program has a network of its own, so that no two share a range, a lock file or a route.
# name: (second octet of 10.x.0.0/16, tap, masquerade)
NETWORKS = {
    "in-process": (210, True, False),
    "grpc": (211, True, False),
    "built-in": (212, False, False),
    "executed": (213, False, False),
    "executed-fresh": (214, False, False),
    "libcni": (215, False, False),
    "built-in-masq": (216, False, True),
    "libcni-masq": (217, False, True),
    "reserved": (218, True, False),
    "built-in-reserved": (219, False, False),
    "libcni-reserved": (220, False, False),
}


@dataclass(slots=True)
class World:
    """A host in use. `devices` is how many links there shall be when nothing is under way."""

    devices: int = 0
    programs: list[Peer | Daemon] = field(default_factory=list)

    def settle(self, seconds: float = 120.0) -> float:
        """Wait until what was taken down has gone; answers how long that took, in ms. Raises Wrong."""
        started = time.perf_counter()
        while (found := count_devices()) > self.devices:
            if time.perf_counter() - started > seconds:
                raise Wrong(f"{found - self.devices} devices did not go in {seconds} s")
            time.sleep(0.002 if found < 500 else 0.02)
        took = (time.perf_counter() - started) * 1e3
        # A namespace is torn down for a while after its last device is gone.
        time.sleep(0.05)
        return took

    def start(self, program: T) -> T:
        """Start a program; it ends with the host. Raises Absent."""
        program.start()  # type: ignore[attr-defined]  # a Peer or a Daemon
        self.programs.append(program)  # type: ignore[arg-type]
        return program


def in_world(act: Callable[[World], T]) -> T:
    """Run `act` in a fresh private host."""

    def body() -> T:
        with world() as made:
            return act(made)

    return hosts.in_host(body)


@contextlib.contextmanager
def world() -> Iterator[World]:
    """Networks written, forwarding on; programs ended afterwards."""
    CONF_DIR.mkdir(parents=True)
    for name, (octet, tap, masquerade) in NETWORKS.items():
        (CONF_DIR / f"{name}.conflist").write_text(
            json.dumps(conflist(name, octet, tap=tap, masquerade=masquerade))
        )
    # Every side finds forwarding on, so that none pays for switching it.
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1", encoding="ascii")
    made = World(devices=count_devices())
    try:
        yield made
    finally:
        for program in reversed(made.programs):
            program.stop()


def conflist(name: str, octet: int, *, tap: bool, masquerade: bool) -> dict[str, object]:
    """ptp with host-local, and a tap for a VM."""
    ptp: dict[str, object] = {
        "type": "ptp",
        "ipam": {"type": "host-local", "subnet": f"10.{octet}.0.0/16", "routes": [{"dst": "0.0.0.0/0"}]},
    }
    if masquerade:
        ptp |= {"ipMasq": True, "ipMasqBackend": "nftables"}
    chain = [ptp, {"type": "tc-redirect-tap"}] if tap else [ptp]
    return {"cniVersion": "1.0.0", "name": name, "plugins": chain}


def count_devices() -> int:
    """How many links the calling thread's namespace has."""
    with Path("/proc/thread-self/net/dev").open(encoding="ascii") as listed:
        return sum(1 for _ in listed) - 2


def reserve(network: str, count: int) -> None:
    """Reservations of former VMs, in host-local's files."""
    octet = NETWORKS[network][0]
    directory = Path(f"/var/lib/cni/networks/{network}")
    directory.mkdir(parents=True, exist_ok=True)
    last = ""
    for number in range(2, count + 2):
        high, low = divmod(number, 256)
        last = f"10.{octet}.{high}.{low}"
        (directory / last).write_bytes(f"held{number}\r\nveth0".encode())
    if last:
        (directory / "last_reserved_ip.0").write_text(last, encoding="ascii")


def masquerade_rules(count: int) -> None:
    """Rules of other VMs in the chain that the reference's nftables backend keeps. Raises Absent."""
    rules = "\n".join(
        f"  ip saddr 10.99.{n // 256}.{n % 256} ip daddr != 10.99.0.0/16 masquerade "
        f'comment "{n:016x}-{n:016x}, net: other, if: veth0, id: o{n}"'
        for n in range(count)
    )
    text = f"table inet cni_plugins_masquerade {{ chain masq_checks {{\n{rules}\n}}\n}}\n"
    try:
        done = subprocess.run(["nft", "-f", "-"], input=text, text=True, capture_output=True, check=False)
    except FileNotFoundError as exc:
        raise Absent("nft is not installed") from exc
    if done.returncode:
        raise Absent(f"nft refuses the rules: {done.stderr[:200]}")


def python(module: str, *arguments: object) -> list[str]:
    """A Python program of this folder."""
    return [sys.executable, "-m", f"bench.{module}", *(str(one) for one in arguments)]


def floor() -> Peer:
    """Our C floor."""
    return Peer(name="C floor", argv=[str(peers.build_floor())])


def in_process(*flags: str, name: str = "in-process") -> Peer:
    """Our agent in a process of its own."""
    return Peer(
        name=name, argv=python("in_process", TOP / f"state-{name}", CONF_DIR, *flags), network="in-process"
    )


def libcni(network: str = "libcni") -> Peer:
    """The Go program on libcni, with the reference plugins."""
    return Peer(
        name="libcni",
        argv=[
            str(peers.build_libcni()), "/run/netns-libcni", str(CONF_DIR), str(peers.reference_plugins()),
            str(TOP / "cache-libcni"),
        ],
        network=network,
    )  # fmt: skip


def chain(how: str, network: str = "") -> Peer:
    """Our CNI runtime: "built-in", "executed" or "executed-fresh" plugins."""
    plugins = peers.reference_plugins() if how != "built-in" else peers.ROOT / "build" / "cni-bin"
    return Peer(
        name=how,
        argv=python("cni_chain", how, f"/run/netns-{how}", CONF_DIR, plugins, TOP / f"cache-{how}"),
        network=network or how,
    )


def daemon(*, tls: bool = False, name: str = "daemon", flags: tuple[str, ...] = ()) -> Daemon:
    """A real daemon."""
    files = peers.certificates(TOP / "tls") if tls else None
    return Daemon(
        state_dir=TOP / f"state-{name}",
        conf_dir=CONF_DIR,
        socket=TOP / f"{name}.sock",
        tls=files,
        flags=flags,
    )


def caller(target: str, *files: Path) -> Peer:
    """Somebody who calls the daemon."""
    return Peer(name="grpc", argv=python("over_grpc", target, *files), network="grpc")


def free_memory_mb() -> float:
    """What the machine could still give, in MB."""
    for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) / 1024
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e6
