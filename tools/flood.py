"""The flood: bad requests from many connections, over mutual TLS on loopback, and one honest caller beside them.

    python -m tools.flood --seconds 10 --connections 50

A process of its own (niced, since the flood is somebody else's machine) sends what must be refused as fast as it is
answered, over so many connections: names and paths that are no good, JSON of 60 000 levels, half a megabyte of
arguments, thirty thousand interfaces, unknown fields, networks of somebody else, bytes that are no message. Another
sets a network up, reads it, and tears it down, again and again. What is printed: the honest caller's errors and
latencies, before, during and after the flood, the refusals by reason, and memory, descriptors and threads of the
agent. Without `--no-limit` the flooding identity has a rule's default rate.

Exit status 0: the honest caller had no error, no attack got through, memory stayed within its bound, and a second after
the flood all is as before; 1: not so; 2: this machine cannot run it.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import grpc
from google.rpc import error_details_pb2, status_pb2

from tests import host as hosts
from tests.security.authority import Authority
from tests.snapshot import snapshot
from tests.system.daemon import Daemon, daemon_in, eventually, request
from vmplumb.v1 import network_agent_service_pb2 as pb

ROOT = Path(__file__).parents[1]
TARGET = "127.0.0.1:17443"
SERVICE = "/vmplumb.v1.NetworkAgentService/"
# What an agent of 60 MB may take more while it is flooded; it keeps what it once needed, so a part of it stays.
MEMORY_BOUND = 192 << 20
# The kernel and gRPC let go of connections a little later than their other end.
CALM_SECONDS = 1.0
POLICY = """
[[rule]]
name = "honest"
who = ["spiffe://test.example/honest"]
rpcs = ["*"]
networks = ["fcnet"]

[[rule]]
name = "flood"
who = ["spiffe://test.example/flood"]
rpcs = ["*"]
networks = ["*"]
args = ["*"]
capability_args = ["*"]
inline_conflists = true
"""
STREAMS = frozenset({"SetupNetwork", "TeardownNetwork"})


def bad_requests() -> tuple[tuple[str, bytes], ...]:
    """(RPC, request): each is refused."""
    deep = b'{"x":' + b"[" * 60_000
    long_args = [{"key": f"K{number}", "value": "v" * 60_000} for number in range(8)]
    # Two bytes each, and several rules to judge.
    crowd = pb.SetupNetworkRequest(vm_id="flood")
    crowd.spec.network_interfaces.MergeFromString(b"\x0a\x00" * 30_000)
    inline = pb.SetupNetworkRequest(vm_id="flood")
    cni = inline.spec.network_interfaces.interfaces.add().cni_configuration
    cni.network_config.json = b'{"name":"x","plugins":' + b"[" * 100_000
    return (
        ("SetupNetwork", request("../../etc").SerializeToString()),
        ("SetupNetwork", request("flood", capability_args=deep).SerializeToString()),
        ("SetupNetwork", request("flood", args=long_args).SerializeToString()),
        ("SetupNetwork", request("flood", "no-such-network").SerializeToString()),
        ("SetupNetwork", request("flood").SerializeToString() + b"\xfa\x3f\x01x"),
        ("SetupNetwork", request("flood", bin_path=["/tmp"]).SerializeToString()),
        ("SetupNetwork", inline.SerializeToString()),
        ("SetupNetwork", crowd.SerializeToString()),
        ("SetupNetwork", b"\xff" * 1000),
        ("GetNetwork", pb.GetNetworkRequest(vm_id="honest-0").SerializeToString()),
        ("DescribeNetwork", pb.DescribeNetworkRequest(vm_id="honest-0").SerializeToString()),
        ("ListNetworks", pb.ListNetworksRequest(page_token="A" * 900).SerializeToString()),
        ("WatchNetworks", pb.WatchNetworksRequest(vm_ids=["../x"] * 1000).SerializeToString()),
        ("DiagnoseHost", b""),
        ("CollectGarbage", b"\x10\x01\x20\x01"),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """What the agent uses at a moment: bytes, and numbers."""

    memory: int
    descriptors: int
    threads: int


@dataclass(slots=True, kw_only=True)
class Told:
    """What a flood showed. Latencies in milliseconds, by phase ("before", "during", "after")."""

    seconds: float
    connections: int
    refused: dict[str, int] = field(default_factory=dict)
    got_through: dict[str, int] = field(default_factory=dict)
    honest_calls: dict[str, int] = field(default_factory=dict)
    honest_errors: list[str] = field(default_factory=list)
    p50: dict[str, float] = field(default_factory=dict)
    p99: dict[str, float] = field(default_factory=dict)
    before: Agent | None = None
    most: Agent | None = None
    after: Agent | None = None
    world_as_before: bool = False

    @property
    def faults(self) -> list[str]:
        """What is not as it must be."""
        assert self.before is not None
        assert self.most is not None
        assert self.after is not None
        found = []
        if self.honest_errors:
            found.append(f"the honest caller had {len(self.honest_errors)} errors: {self.honest_errors[0]}")
        if self.got_through:
            found.append(f"got through: {self.got_through}")
        if not self.refused:
            found.append("nothing was refused")
        if self.most.memory - self.before.memory > MEMORY_BOUND:
            found.append(f"memory grew from {self.before.memory} to {self.most.memory} bytes")
        if self.after.descriptors > self.before.descriptors:
            found.append(f"{self.after.descriptors - self.before.descriptors} descriptors stayed open")
        if not self.world_as_before:
            found.append("the host is not as before")
        return found


def flood(
    host: hosts.Host, *, seconds: float, connections: int, limited: bool = True, rest: float = 2.0
) -> Told:
    """Run it in a host. `rest` is how long the honest caller is measured before and after."""
    told = Told(seconds=seconds, connections=connections)
    with (
        tempfile.TemporaryDirectory(prefix="flood-") as name,
        _site(host, Path(name), limited=limited) as daemon,
    ):
        folder = Path(name)
        honest = Honest(host, folder)
        try:
            honest.call_for(0.5)  # what is loaded at the first call is
            daemon.quiet()
            before = snapshot()
            told.before = used(daemon)
            told.honest_calls["before"], told.p50["before"], told.p99["before"] = honest.measured(rest)
            with _sampled(daemon) as samples:
                driver = _driver(host, folder, seconds, connections)
                assert driver.stdout is not None
                assert driver.stdout.readline() == "ready\n"
                honest.begin()
                said = json.loads(driver.stdout.readline())
                told.honest_calls["during"], told.p50["during"], told.p99["during"] = honest.ended()
                driver.wait(60)
            told.refused, told.got_through = said["refused"], said["got_through"]
            told.most = Agent(
                memory=max(one.memory for one in samples),
                descriptors=max(one.descriptors for one in samples),
                threads=max(one.threads for one in samples),
            )
            time.sleep(CALM_SECONDS)
            told.honest_calls["after"], told.p50["after"], told.p99["after"] = honest.measured(rest)
            daemon.quiet()
            told.after = _calm(daemon, told.before)
            told.world_as_before = bool(eventually(lambda: snapshot() == before, "the host is as before"))
        finally:
            honest.stop()
            told.honest_errors = honest.errors
    return told


@contextmanager
def _site(host: hosts.Host, folder: Path, *, limited: bool) -> Iterator[Daemon]:
    authority = Authority(folder)
    authority.leaf("server", "IP:127.0.0.1")
    for who in ("honest", "flood"):
        authority.leaf(who, f"URI:spiffe://test.example/{who}")
    (folder / "policy.toml").write_text(POLICY if limited else POLICY + "rate = 0\n")
    with daemon_in(
        host,
        listen__tcp=TARGET,
        listen__tls_certificate=str(folder / "server.pem"),
        listen__tls_key=str(folder / "server.key"),
        listen__tls_client_ca=str(authority.bundle),
        policy__file=str(folder / "policy.toml"),
        audit__file=str(folder / "audit.jsonl"),
        # Nothing on the host changes by itself, such as addresses that become usable.
        kernel__host_ipv6="false",
    ) as daemon:
        yield daemon


def used(daemon: Daemon) -> Agent:
    """What the agent uses now."""
    assert daemon.process is not None
    place = Path(f"/proc/{daemon.process.pid}")
    fields = dict(line.split(":", 1) for line in (place / "status").read_text().splitlines())
    return Agent(
        memory=int(fields["VmRSS"].split()[0]) * 1024,
        descriptors=sum(1 for _ in (place / "fd").iterdir()),
        threads=int(fields["Threads"]),
    )


def _calm(daemon: Daemon, before: Agent) -> Agent:
    """What it uses once it has let go of the flood's connections; as it is when it does not."""
    with suppress(AssertionError):
        eventually(lambda: used(daemon).descriptors <= before.descriptors, "connections are closed")
    return used(daemon)


@contextmanager
def _sampled(daemon: Daemon) -> Iterator[list[Agent]]:
    samples, over = [used(daemon)], threading.Event()

    def sample() -> None:
        while not over.wait(0.05):
            samples.append(used(daemon))

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield samples
    finally:
        over.set()
        thread.join()


class Honest:
    """The caller that does nothing wrong: a process with one connection."""

    def __init__(self, host: hosts.Host, folder: Path) -> None:
        self.errors: list[str] = []
        self._process = host.popen(
            [sys.executable, "-m", "tools.flood", "--honest", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
        )

    def begin(self) -> None:
        """Call until `ended`."""
        self._say("begin")

    def ended(self) -> tuple[int, float, float]:
        """Stop, and how many calls it made, with their median and 99th percentile in milliseconds."""
        self._say("end")
        assert self._process.stdout is not None
        told = json.loads(self._process.stdout.readline())
        self.errors += told["errors"]
        times = sorted(told["milliseconds"])
        assert times, "the honest caller came to nothing"
        return len(times), statistics.median(times), times[min(len(times) - 1, int(len(times) * 0.99))]

    def call_for(self, seconds: float) -> None:
        """Call, and forget it."""
        self.measured(seconds)

    def measured(self, seconds: float) -> tuple[int, float, float]:
        """Call for so long."""
        self.begin()
        time.sleep(seconds)
        return self.ended()

    def stop(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(60)

    def _say(self, word: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(word + "\n")
        self._process.stdin.flush()


def _driver(host: hosts.Host, folder: Path, seconds: float, connections: int) -> subprocess.Popen[str]:
    words = ["--drive", str(folder), "--seconds", str(seconds), "--connections", str(connections)]
    return host.popen(
        ["nice", "-n", "19", sys.executable, "-m", "tools.flood", *words], stdout=subprocess.PIPE, cwd=ROOT
    )


def _channel_options() -> tuple[tuple[str, int], ...]:
    return (("grpc.use_local_subchannel_pool", 1), ("grpc.max_send_message_length", -1))


def _credentials(folder: Path, who: str) -> grpc.ChannelCredentials:
    read = [(folder / name).read_bytes() for name in ("ca.pem", f"{who}.key", f"{who}.pem")]
    return grpc.ssl_channel_credentials(*read)


def _reason(error: grpc.RpcError) -> str:
    status: Any = error
    for key, value in status.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            for detail in status_pb2.Status.FromString(value).details:
                info = error_details_pb2.ErrorInfo()
                if detail.Is(info.DESCRIPTOR) and detail.Unpack(info):
                    limit = info.metadata.get("limit", "")
                    return f"{info.reason} {limit}".strip()
    return str(status.code().name)


async def drive(folder: Path, seconds: float, connections: int) -> None:
    """The flood's own process: says "ready", floods, and says what it was told."""
    refused: collections.Counter[str] = collections.Counter()
    through: collections.Counter[str] = collections.Counter()
    credentials = _credentials(folder, "flood")
    requests = bad_requests()
    channels = [grpc.aio.secure_channel(TARGET, credentials, _channel_options()) for _ in range(connections)]
    await asyncio.gather(*(channel.channel_ready() for channel in channels))
    print("ready", flush=True)
    end = time.monotonic() + seconds

    async def pour(channel: grpc.aio.Channel, first: int) -> None:
        number = first
        while time.monotonic() < end:
            rpc, raw = requests[number % len(requests)]
            number += 1
            try:
                if rpc in STREAMS or rpc == "WatchNetworks":
                    async for _ in channel.unary_stream(SERVICE + rpc, bytes, bytes)(raw, timeout=60):
                        pass
                else:
                    await channel.unary_unary(SERVICE + rpc, bytes, bytes)(raw, timeout=60)
            except grpc.aio.AioRpcError as error:
                refused[_reason(error)] += 1
            else:
                through[rpc] += 1

    await asyncio.gather(*(pour(channel, number) for number, channel in enumerate(channels)))
    for channel in channels:
        await channel.close(None)
    print(json.dumps({"refused": refused, "got_through": through}), flush=True)


def be_honest(folder: Path) -> None:
    """The honest caller's own process: "begin" and "end" on stdin; then one line of what it saw."""
    calling, errors, times = threading.Event(), list[str](), list[float]()
    ended = threading.Event()
    over = threading.Event()

    def call() -> None:
        with grpc.secure_channel(TARGET, _credentials(folder, "honest"), _channel_options()) as channel:

            def one(rpc: str, raw: bytes) -> None:
                began = time.perf_counter()
                try:
                    if rpc in STREAMS:
                        list(channel.unary_stream(SERVICE + rpc, bytes, bytes)(raw, timeout=60))
                    else:
                        channel.unary_unary(SERVICE + rpc, bytes, bytes)(raw, timeout=60)
                except grpc.RpcError as error:
                    errors.append(f"{rpc}: {error.code().name} {_reason(error)}")
                times.append((time.perf_counter() - began) * 1000)

            number = 0
            while not over.is_set():
                if not calling.wait(0.05):
                    continue
                ended.clear()
                vm_id, number = f"honest-{number % 50}", number + 1
                one("SetupNetwork", request(vm_id).SerializeToString())
                one("GetNetwork", pb.GetNetworkRequest(vm_id=vm_id).SerializeToString())
                one("TeardownNetwork", pb.TeardownNetworkRequest(vm_id=vm_id).SerializeToString())
                time.sleep(0.01)
                ended.set()

    thread = threading.Thread(target=call)
    thread.start()
    for line in sys.stdin:
        if line == "begin\n":
            calling.set()
        else:
            come = time.monotonic() + 60
            while len(times) < 3 and time.monotonic() < come:
                time.sleep(0.01)
            calling.clear()
            ended.wait(60)
            print(json.dumps({"errors": errors, "milliseconds": times}), flush=True)
            errors.clear()
            times.clear()
    over.set()
    thread.join()


def show(told: Told, out: Callable[[str], None] = print) -> None:
    """The figures, for people."""
    total = sum(told.refused.values())
    out(f"{total} bad requests in {told.seconds:g} s from {told.connections} connections, all refused:")
    for reason, count in sorted(told.refused.items(), key=lambda one: -one[1]):
        out(f"  {count:8} {reason}")
    for phase in ("before", "during", "after"):
        out(
            f"honest caller {phase:6} {told.honest_calls[phase]:6} calls"
            f"   p50 {told.p50[phase]:7.1f} ms   p99 {told.p99[phase]:7.1f} ms"
        )
    out(f"errors of the honest caller: {len(told.honest_errors)}")
    for name, one in (("before", told.before), ("most", told.most), ("after", told.after)):
        assert one is not None
        out(
            f"agent {name:6} {one.memory / (1 << 20):7.1f} MiB   {one.descriptors:4} descriptors"
            f"   {one.threads:3} threads"
        )
    out(f"host as before: {'yes' if told.world_as_before else 'no'}")


def main(argv: Sequence[str]) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.flood", description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--connections", type=int, default=50)
    parser.add_argument("--no-limit", action="store_true", help="no rate for the flooding identity")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--drive", metavar="FOLDER", help=argparse.SUPPRESS)
    parser.add_argument("--honest", metavar="FOLDER", help=argparse.SUPPRESS)
    given = parser.parse_args(argv)
    if given.drive:
        asyncio.run(drive(Path(given.drive), given.seconds, given.connections))
        return 0
    if given.honest:
        be_honest(Path(given.honest))
        return 0
    if (reason := hosts.become_root() or hosts.refusal()) is not None:
        print(f"flood: {reason}", file=sys.stderr)
        return 2
    with hosts.private_host() as host:
        told = flood(host, seconds=given.seconds, connections=given.connections, limited=not given.no_limit)
    if given.json:
        said: Mapping[str, object] = asdict(told)
        print(json.dumps(said))
    else:
        show(told)
    for fault in told.faults:
        print(f"flood: {fault}", file=sys.stderr)
    return 1 if told.faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
