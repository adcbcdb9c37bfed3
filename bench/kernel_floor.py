"""One microVM's network by the kernel room alone, beside the same end state made by a C program.

The end state is ptp's with a tap: namespace, veth pair, addresses, routes, tap, redirect both ways.
No IPAM, no plugins, no journal: what is measured is what Python adds to the kernel's own time.

    python -m bench.kernel_floor [--floor floor.c] [--count 100] [--rounds 5]

Runs in a private host; needs what the tests' hosts need. `--floor` is the C program's source: it
takes --n, --batch, --td and --dir and prints one JSON object with set-up and teardown percentiles.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from pathlib import Path

from tests import host as hosts
from vmplumbd.kernel.linux import LinuxKernel
from vmplumbd.model import net

SUBNET = IPv4Network("10.200.0.0/16")
GATEWAY = IPv4Address("10.200.0.1")
GATEWAY_HOST = IPv4Network(GATEWAY)
GATEWAY_ADDRESS = IPv4Interface("10.200.0.1/32")
BROADCAST = IPv4Address("10.200.255.255")
DEFAULT = IPv4Network("0.0.0.0/0")


def main() -> None:
    """Measure in turns, so that both meet the same machine, and print medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--floor", type=Path, help="source of the C program to compare with")
    parser.add_argument("--count", type=int, default=100, help="set-ups a round")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    ours: list[tuple[float, float]] = []
    theirs: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as build:
        program = _compile(options.floor, Path(build, "floor")) if options.floor else None
        for number in range(options.rounds):
            with hosts.private_host() as host:
                ours.append(_ours(options.count))
                if number == 0:
                    sys.stderr.write("first round done\n")
            if program is not None:
                with hosts.private_host() as host:
                    theirs.append(_theirs(host, program, options.count))
    _print("vmplumbd.kernel", ours)
    if theirs:
        _print("C floor", theirs)
        for place, what in enumerate(("set-up", "teardown")):
            ratio = _median(ours, place) / _median(theirs, place)
            sys.stdout.write(f"{what}: {ratio:.2f} times the floor\n")


def set_up(kernel: LinuxKernel, number: int) -> int:
    """One network, cold; answers the host end's ifindex."""
    path = f"/run/netns/vm{number}"
    address = IPv4Address(int(SUBNET.network_address) + 2 + number)
    host = kernel.host()
    kernel.create_netns(path)
    with kernel.open_netns(path) as netns:
        (veth,) = netns.apply([net.AddVeth(name="eth0", peer=f"veth{number:08x}"), net.GetLink(name="eth0")])
        host.apply(
            [
                net.SetLink(index=veth.peer_index, up=True),
                net.AddAddress(index=veth.peer_index, address=GATEWAY_ADDRESS),
            ]
        )
        host.write_sysctl(f"net/ipv6/conf/veth{number:08x}/accept_ra", "0")
        index = veth.index
        netns.apply(
            [
                net.AddAddress(index=index, address=IPv4Interface((address, 16)), broadcast=BROADCAST),
                net.SetLink(index=index, up=True),
                net.DelRoute(dst=SUBNET, index=index),
                net.AddRoute(dst=GATEWAY_HOST, index=index, scope=net.SCOPE_LINK, src=address),
                net.AddRoute(dst=SUBNET, index=index, gateway=GATEWAY, src=address),
                net.AddRoute(dst=DEFAULT, index=index, gateway=GATEWAY),
            ]
        )
        tap = netns.add_tap("tap0", uid=0, gid=0, mtu=1500)
        netns.apply(
            [
                net.SetLink(index=tap.index, up=True),
                net.AddIngress(index=tap.index),
                net.AddIngress(index=index),
                net.AddRedirect(index=tap.index, to=index),
                net.AddRedirect(index=index, to=tap.index),
            ]
        )
    host.apply([net.AddRoute(dst=IPv4Network(address), index=veth.peer_index, scope=net.SCOPE_HOST)])
    kernel.close_kept()
    return veth.peer_index


def _ours(count: int) -> tuple[float, float]:
    kernel = LinuxKernel()
    set_ups, teardowns = [], []
    watch = kernel.watch()
    indexes = []
    for number in range(count):
        start = time.perf_counter()
        indexes.append(set_up(kernel, number))
        middle = time.perf_counter()
        kernel.delete_netns(f"/run/netns/vm{number}")
        set_ups.append(middle - start)
        teardowns.append(time.perf_counter() - middle)
    watch.wait_gone(indexes, 60)
    watch.close()
    kernel.close()
    return statistics.median(set_ups) * 1e3, statistics.median(teardowns) * 1e3


def _compile(source: Path, program: Path) -> Path:
    subprocess.run(["cc", "-O2", "-o", str(program), str(source), "-lpthread"], check=True)
    return program


def _theirs(host: hosts.Host, program: Path, count: int) -> tuple[float, float]:
    argv = [str(program), "--n", str(count), "--batch", "1", "--td", "async", "--dir", "/run/netns"]
    found = json.loads(host.run(argv, timeout=120).stdout)
    return found["setup"]["p50_ms"], found["teardown"]["p50_ms"]


def _median(rounds: list[tuple[float, float]], place: int) -> float:
    return statistics.median(row[place] for row in rounds)


def _print(name: str, rounds: list[tuple[float, float]]) -> None:
    sys.stdout.write(
        f"{name}: set-up {_median(rounds, 0):.3f} ms, teardown {_median(rounds, 1):.3f} ms"
        f" (medians of {len(rounds)} rounds)\n"
    )


if __name__ == "__main__":
    main()
