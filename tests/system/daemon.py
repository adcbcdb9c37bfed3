"""The real daemon as a process of a test's host, spoken to over its Unix socket with the generated stubs.

The socket lies outside the host's own tmpfs: gRPC's threads may be older than the host, and a path that
both mount namespaces see leads both to the same socket.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
from google.rpc import error_details_pb2, status_pb2

from tests.host import Host
from vmplumb.v1 import errors_pb2, vm_network_pb2
from vmplumb.v1 import network_agent_service_pb2 as pb
from vmplumb.v1 import network_agent_service_pb2_grpc as pb_grpc

# Not reached unless something is wrong: a loaded machine may be ten times slower.
PATIENCE = 60.0

HOST_LOCAL: Mapping[str, Any] = {"type": "host-local", "subnet": "10.200.0.0/16"}


def conflist(name: str, *plugins: Mapping[str, Any], version: str = "1.0.0") -> bytes:
    """A network configuration list."""
    return json.dumps({"name": name, "cniVersion": version, "plugins": list(plugins)}).encode()


def ptp(**more: Any) -> dict[str, Any]:
    """ptp over host-local with a default route."""
    return {"type": "ptp", "ipam": {**HOST_LOCAL, "routes": [{"dst": "0.0.0.0/0"}]}, **more}


REDIRECT: Mapping[str, Any] = {"type": "tc-redirect-tap"}


def eventually(holds: Callable[[], Any], what: str, *, seconds: float = PATIENCE) -> Any:
    """The first true value of `holds`, asked again and again for a bounded time."""
    end = time.monotonic() + seconds
    pause = threading.Event()
    while not (found := holds()):
        if time.monotonic() > end:
            raise AssertionError(f"did not happen in {seconds} s: {what}")
        pause.wait(0.01)
    return found


@dataclass(frozen=True, slots=True)
class Refused:
    """A status that is not OK, with the details that every status carries."""

    code: grpc.StatusCode
    message: str
    info: error_details_pb2.ErrorInfo
    failure: errors_pb2.Failure
    violations: tuple[tuple[str, str], ...] = ()
    retry_after: float | None = None
    details_size: int = 0

    @property
    def reason(self) -> str:
        """ErrorInfo's reason."""
        return str(self.info.reason)


def refusal(error: grpc.RpcError) -> Refused:
    """The parts of a status. Asserts that it carries ErrorInfo and Failure, and stays small."""
    call: Any = error
    trailers = dict(call.trailing_metadata() or ())
    raw = trailers.get("grpc-status-details-bin")
    assert isinstance(raw, bytes), f"no details: {call.code()} {call.details()}"
    status = status_pb2.Status.FromString(raw)
    info = error_details_pb2.ErrorInfo()
    failure = errors_pb2.Failure()
    bad = error_details_pb2.BadRequest()
    retry = error_details_pb2.RetryInfo()
    retry_after = None
    seen = set()
    for detail in status.details:
        for message in (info, failure, bad, retry):
            if detail.Is(message.DESCRIPTOR):
                detail.Unpack(message)
                seen.add(message.DESCRIPTOR.name)
    assert {"ErrorInfo", "Failure"} <= seen
    assert info.domain == "vmplumb.v1"
    assert len(raw) < 6 * 1024
    if "RetryInfo" in seen:
        retry_after = retry.retry_delay.seconds + retry.retry_delay.nanos / 1e9
    return Refused(
        code=call.code(),
        message=call.details() or "",
        info=info,
        failure=failure,
        violations=tuple((one.field, one.reason) for one in bad.field_violations),
        retry_after=retry_after,
        details_size=len(raw),
    )


def refused(act: Callable[[], Any]) -> Refused:
    """What `act` is refused with. A stream is read to its end."""
    try:
        answer = act()
        if hasattr(answer, "__next__"):
            answer = list(answer)
    except grpc.RpcError as exc:
        return refusal(exc)
    raise AssertionError(f"not refused: {answer}")


@dataclass(slots=True)
class Daemon:
    """One vmplumbd and what it needs. `settings` are "section.key": value, as on the command line."""

    host: Host
    directory: Path
    settings: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[str] | None = None
    lines: list[dict[str, Any]] = field(default_factory=list)
    _news: threading.Condition = field(default_factory=threading.Condition)
    _channel: grpc.Channel | None = None
    _ended: bool = False

    def __post_init__(self) -> None:
        for name in ("conf", "bin", "state"):
            (self.directory / name).mkdir(mode=0o700)
        self.settings = {
            "paths.state_dir": str(self.directory / "state"),
            "paths.conf_dir": str(self.conf),
            "paths.bin_path": str(self.bin),
            "listen.unix": str(self.socket),
            **self.settings,
        }
        self.network("fcnet", ptp(), REDIRECT)

    @property
    def conf(self) -> Path:
        """Where the conflists lie."""
        return self.directory / "conf"

    @property
    def bin(self) -> Path:
        """Where executed plugins lie."""
        return self.directory / "bin"

    @property
    def socket(self) -> Path:
        """The agent's socket."""
        return self.directory / "agent.sock"

    def network(self, name: str, *plugins: Mapping[str, Any], version: str = "1.0.0") -> None:
        """Install a conflist."""
        (self.conf / f"{name}.conflist").write_bytes(conflist(name, *plugins, version=version))

    def plugin(self, name: str, script: str) -> Path:
        """Install a shell script as a plugin; "$DIR" in it is the daemon's directory."""
        path = self.bin / name
        text = f"#!/bin/sh\nDIR={self.directory}\n{script}\n"
        # Written aside and moved: an executable that is being written is "text file busy".
        aside = path.with_suffix(".new")
        aside.write_text(text)
        aside.chmod(0o755)
        aside.rename(path)
        return path

    def command(self) -> list[str]:
        """The command line."""
        flags = [word for key, value in self.settings.items() for word in ("--set", f"{key}={value}")]
        return [sys.executable, "-m", "vmplumbd", "serve", *flags]

    def start(self, *, environment: Mapping[str, str] | None = None) -> Daemon:
        """Start, and wait until it serves."""
        self.launch(environment=environment)
        self.wait_for("serving")
        self.connect()
        return self

    def connect(self) -> None:
        """Open the channel."""
        self._channel = grpc.insecure_channel(
            f"unix:{self.socket}",
            options=(("grpc.initial_reconnect_backoff_ms", 50), ("grpc.use_local_subchannel_pool", 1)),
        )

    def launch(self, *, environment: Mapping[str, str] | None = None) -> None:
        """Start the process, without waiting."""
        self.process = None  # the end of the one before is no news any more
        self.lines = []
        self._ended = False
        self.process = self.host.popen(
            self.command(),
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            env={**os.environ, **(environment or {})},
        )
        threading.Thread(target=self._read, args=(self.process,), daemon=True).start()

    @property
    def stub(self) -> pb_grpc.NetworkAgentServiceStub:
        """The agent's service."""
        return pb_grpc.NetworkAgentServiceStub(self.channel)

    @property
    def channel(self) -> grpc.Channel:
        """A channel to the agent."""
        assert self._channel is not None
        return self._channel

    def wait_for(self, event: str, *, seconds: float = PATIENCE, **fields: Any) -> dict[str, Any]:
        """The first log line of that event with those fields."""

        def found() -> dict[str, Any] | None:
            for line in self.lines:
                if line.get("event") == event and fields.items() <= line.items():
                    return line
            return None

        with self._news:
            self._news.wait_for(lambda: found() is not None or self._ended, seconds)
            line = found()
        assert line is not None, f"no line {event} {fields} in {self.lines}"
        return line

    def terminate(self, *, seconds: float = PATIENCE) -> int:
        """SIGTERM, and the exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.wait(seconds=seconds)

    def kill(self) -> None:
        """SIGKILL."""
        assert self.process is not None
        self.process.kill()
        self.wait()

    def wait(self, *, seconds: float = PATIENCE) -> int:
        """Wait for the end of the process; answers its exit status."""
        assert self.process is not None
        status = self.process.wait(seconds)
        if self._channel is not None:
            self._channel.close()
            self._channel = None
        return status

    # Calls.

    def set_up(
        self, vm_id: str, network: str = "fcnet", *, timeout: float = 60, **fields: Any
    ) -> list[pb.SetupNetworkResponse]:
        """Set up over one CNI network, to the end of the stream."""
        return list(self.stub.SetupNetwork(request(vm_id, network, **fields), timeout=timeout))

    def result(self, vm_id: str, network: str = "fcnet", **fields: Any) -> vm_network_pb2.SetupResult:
        """The result of a set-up."""
        return self.set_up(vm_id, network, **fields)[-1].result

    def tear_down(
        self, vm_id: str, *, wait: bool = True, timeout: float = 60, **fields: Any
    ) -> pb.TeardownResult:
        """Tear down to the end, devices included unless `wait` is False."""
        order = pb.TeardownNetworkRequest(vm_id=vm_id, wait_for_devices=wait, **fields)
        last = list(self.stub.TeardownNetwork(order, timeout=timeout))[-1]
        assert last.WhichOneof("event") == "result"
        return last.result

    def get(self, vm_id: str) -> vm_network_pb2.VMNetwork:
        """The record."""
        return self.stub.GetNetwork(pb.GetNetworkRequest(vm_id=vm_id), timeout=60).network

    def networks(self) -> list[vm_network_pb2.VMNetwork]:
        """The records on the first page."""
        return list(self.stub.ListNetworks(pb.ListNetworksRequest(page_size=1000), timeout=60).networks)

    def status(self) -> pb.GetStatusResponse:
        """GetStatus."""
        return self.stub.GetStatus(pb.GetStatusRequest(), timeout=60)

    def quiet(self) -> None:
        """Wait until nothing is due any more."""
        eventually(lambda: self.status().figures.pending_releases == 0, "no pending release")

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        try:
            for line in process.stderr:
                try:
                    said = json.loads(line)
                except ValueError:
                    said = {"event": "not JSON", "text": line.rstrip()}
                with self._news:
                    self.lines.append(said)
                    self._news.notify_all()
        except ValueError:
            pass  # closed with the host
        with self._news:
            if self.process is process:  # else another one runs already
                self._ended = True
            self._news.notify_all()


def request(vm_id: str, network: str = "fcnet", **fields: Any) -> pb.SetupNetworkRequest:
    """A set-up over one CNI network; `fields` are CNIConfiguration's, or the request's own by their names."""
    outer = {key: fields.pop(key) for key in ("resume", "validate_only", "kernel_args") if key in fields}
    seconds = fields.pop("seconds", None)
    netns_path = fields.pop("netns_path", "")
    asked = pb.SetupNetworkRequest(vm_id=vm_id, **outer)
    if seconds is not None:
        asked.operation_timeout.FromNanoseconds(int(seconds * 1e9))
    asked.spec.netns_path = netns_path
    asked.spec.network_interfaces.interfaces.add(cni_configuration={"network_name": network, **fields})
    return asked


def static_request(vm_id: str, *devices: str, netns_path: str = "") -> pb.SetupNetworkRequest:
    """A set-up of static interfaces without addresses."""
    asked = pb.SetupNetworkRequest(vm_id=vm_id)
    asked.spec.netns_path = netns_path
    for name in devices:
        asked.spec.network_interfaces.interfaces.add(static_configuration={"host_dev_name": name})
    return asked


@contextmanager
def daemon_in(host: Host, **settings: str) -> Iterator[Daemon]:
    """A daemon that serves, ended with the block. Settings as `section__key`."""
    directory = Path(tempfile.mkdtemp(prefix="vmplumbd-"))
    made = Daemon(host, directory, {key.replace("__", "."): value for key, value in settings.items()})
    try:
        yield made.start()
    finally:
        if made.process is not None and made.process.poll() is None:
            made.terminate()
        shutil.rmtree(directory, ignore_errors=True)


def reservations(host: Host, network: str = "fcnet") -> dict[str, str]:
    """host-local's addresses, with whose they are."""
    folder = host.cni_state / "networks" / network
    if not folder.is_dir():
        return {}
    found = {}
    for one in sorted(folder.iterdir()):
        if one.name[0].isdigit() or ":" in one.name:
            # Given back meanwhile, or its owner is not written yet.
            with suppress(FileNotFoundError):
                found[one.name] = one.read_text().partition("\n")[0]
    return found


def steps(events: Sequence[Any]) -> list[tuple[str, str]]:
    """(step, state) of the progress events."""
    return [
        (
            vm_network_pb2.Step.Name(one.progress.step).removeprefix("STEP_"),
            vm_network_pb2.StepState.Name(one.progress.state).removeprefix("STEP_STATE_"),
        )
        for one in events
        if one.WhichOneof("event") == "progress"
    ]
