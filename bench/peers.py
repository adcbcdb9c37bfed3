"""Programs that do the same work, each in a process of its own, driven by job lines (see `bench.jobs`)."""

from __future__ import annotations

import compileall
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.security.authority import Authority

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "bench"


class Absent(Exception):
    """A program that cannot be had here; the text says why."""


class Wrong(Exception):
    """A program did not do its work: its figures would mean nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """An answer: milliseconds of each set-up and teardown, of the whole, and of CPU time."""

    up: tuple[float, ...]
    down: tuple[float, ...]
    wall: float
    cpu: float


@dataclass(slots=True, kw_only=True)
class Peer:
    """A running program. `network` is the CNI network its jobs name."""

    name: str
    argv: Sequence[str]
    network: str = "-"
    process: subprocess.Popen[str] = field(init=False)
    next_number: int = 0

    def start(self) -> Peer:
        """Start it and wait until it is ready. Raises Absent."""
        self.process = subprocess.Popen(
            self.argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        try:
            self._read()
        except Wrong as exc:
            raise Absent(f"{self.argv[0]} does not start") from exc
        return self

    def job(self, verb: str, base: int, count: int, callers: int = 1, *, network: str = "") -> Told:
        """Do a job. Blocks. Raises Wrong if anything in it failed."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{verb} {network or self.network} {base} {count} {callers}\n")
        self.process.stdin.flush()
        told = self._read()
        if told["errors"]:
            raise Wrong(
                f"{self.name}: {told['errors']} of {count} failed, the last with {told['last_error']}"
            )
        return Told(
            up=tuple(told["up_ms"]), down=tuple(told["down_ms"]), wall=told["wall_ms"], cpu=told["cpu_ms"]
        )

    def numbers(self, count: int) -> int:
        """The first of `count` numbers that were not used yet."""
        first, self.next_number = self.next_number, self.next_number + count
        return first

    def stop(self) -> None:
        """End it; it ends by itself when its input does."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _read(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise Wrong(f"{self.name} ended with {self.process.wait()}")
        return dict(json.loads(line))


@dataclass(slots=True, kw_only=True)
class Check:
    """A floor program of another hand: it runs once a job, and tells only percentiles."""

    binary: Path
    base: int = 0

    def block(self, count: int, live: int = 0) -> float:
        """The median of `count` set-ups, in ms."""
        self.base += count
        done = subprocess.run(
            [str(self.binary), "--n", str(count), "--mode", "block", "--td", "async", "--dir", "/run/netns-check",
             "--base", str(live + self.base % 20000)],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        return float(json.loads(done.stdout)["setup"]["p50_ms"])


# The door's decision is part of what is measured, its limits are not.
_EVERYTHING = """
[[rule]]
name = "bench"
who = ["*"]
rpcs = ["*"]
administrator = true
networks = ["*"]
rate = 0
max_streams = 100000
"""


@dataclass(slots=True, kw_only=True)
class Daemon:
    """A real `vmplumbd serve`, over a Unix socket and, with `tls`, mutual TLS on loopback."""

    state_dir: Path
    conf_dir: Path
    socket: Path
    tls: Path | None = None
    port: int = 4711
    flags: tuple[str, ...] = ()
    process: subprocess.Popen[bytes] = field(init=False)
    start_ms: float = 0.0

    def start(self) -> Daemon:
        """Start it and wait until its socket takes a connection. Raises Absent."""
        flags = [f"paths.state_dir={self.state_dir}", f"paths.conf_dir={self.conf_dir}"]
        flags += [f"listen.unix={self.socket}", "limits.max_networks=20000", "log.level=error", *self.flags]
        if self.tls is not None:
            policy = self.tls / "policy.toml"
            policy.write_text(_EVERYTHING)
            flags += [f"policy.file={policy}"]
            flags += [f"listen.tcp=127.0.0.1:{self.port}", f"listen.tls_certificate={self.tls}/server.pem"]
            flags += [f"listen.tls_key={self.tls}/server.key", f"listen.tls_client_ca={self.tls}/ca.pem"]
        argv = [str(Path(sys.executable).with_name("vmplumbd")), "serve"]
        started = time.perf_counter()
        self.process = subprocess.Popen([*argv, *(part for flag in flags for part in ("--set", flag))])
        while not _answers(self.socket):
            if self.process.poll() is not None:
                raise Absent(f"vmplumbd ended with {self.process.returncode}")
            time.sleep(0.002)
        self.start_ms = (time.perf_counter() - started) * 1e3
        return self

    def resident_mb(self) -> float:
        """What of it is in memory, in MB."""
        return resident_mb(self.process.pid)

    def cpu_ms(self) -> float:
        """The CPU time it has used."""
        fields_ = (
            Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        )
        return (int(fields_[11]) + int(fields_[12])) * 1e3 / os.sysconf("SC_CLK_TCK")

    def loaded(self, name: str) -> bool:
        """Whether a library of that name is mapped."""
        return name in Path(f"/proc/{self.process.pid}/maps").read_text(encoding="utf-8")

    def stop(self) -> None:
        """SIGTERM, and wait."""
        self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def resident_mb(pid: int) -> float:
    """Resident memory of a process, in MB."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise Wrong(f"process {pid} has gone")


def _answers(path: Path) -> bool:
    import socket  # noqa: PLC0415 - used here alone

    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


def byte_compile() -> None:
    """Compile the agent as its installation does; a checkout may be started where none is written."""
    done = [compileall.compile_dir(ROOT / part, quiet=2) for part in ("agent", "clients/python/vmplumb")]
    if not all(done):
        raise Wrong("the agent's code does not compile")


def build_floor() -> Path:
    """Compile our floor. Raises Absent."""
    return _compile(ROOT / "bench" / "floor" / "floor.c", "floor", ["-Wall", "-Wextra", "-Werror"])


def build_check() -> Path:
    """Compile the floor program that lies beside the checkout. Raises Absent."""
    source = ROOT.parent / "shared" / "bench" / "floor.c"
    if not source.is_file():
        raise Absent("no second floor program lies beside this checkout")
    return _compile(source, "floor-check", ["-w"])


def build_libcni() -> Path:
    """Compile the program on libcni. Raises Absent."""
    if shutil.which("go") is None:
        raise Absent("go is not installed")
    BUILD.mkdir(parents=True, exist_ok=True)
    _run(["go", "build", "-o", str(BUILD / "libcni"), "."], cwd=ROOT / "bench" / "libcni")
    return BUILD / "libcni"


def reference_plugins() -> Path:
    """The reference plugins, installed by tools/reference_plugins.sh. Raises Absent."""
    installed = ROOT / "build" / "cni-bin"
    if not all((installed / name).is_file() for name in ("ptp", "host-local")):
        _run([str(ROOT / "tools" / "reference_plugins.sh")], cwd=ROOT)
    return installed


def certificates(directory: Path) -> Path:
    """An authority, a server and a client for 127.0.0.1, made with openssl. Raises Absent."""
    if shutil.which("openssl") is None:
        raise Absent("openssl is not installed, so there are no certificates")
    directory.mkdir(parents=True)
    authority = Authority(directory)
    authority.leaf("server", "IP:127.0.0.1")
    authority.leaf("client", "DNS:caller")
    return directory


def _compile(source: Path, name: str, flags: list[str]) -> Path:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise Absent("no C compiler is installed")
    BUILD.mkdir(parents=True, exist_ok=True)
    _run([compiler, "-O2", "-pthread", *flags, str(source), "-o", str(BUILD / name)], cwd=ROOT)
    return BUILD / name


def _run(argv: list[str], cwd: Path) -> None:
    done = subprocess.run(argv, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Absent(f"{' '.join(argv[:2])} failed: {done.stderr.strip()[-300:]}")
