"""The same call to two plugins, each in a host of its own, and what is then there to compare.

Names of host ends, MACs, and the namespaces' numbers may differ: `unified` puts one word in their
place, the same for each of its occurrences. Everything else is compared as it is.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests import snapshot
from tests.host import CNI_STATE, NETNS_DIR, in_host
from tools.guest.boot import readable
from vmplumbd.cni.error import CniError
from vmplumbd.cni.exec import ExecInvoker
from vmplumbd.cni.invoke import Command, Invocation, Invoker
from vmplumbd.kernel.linux import LinuxKernel
from vmplumbd.plugins.builtin import BuiltinInvoker

ROOT = Path(__file__).parents[3]
NAME = "vm"
NETNS = str(NETNS_DIR / NAME)
RESOLV_CONF = "/run/resolv.conf"

# Whose each of two worlds is, in the order of `snapshot.differences`.
SIDES = ("ours", "theirs")

# Kept by kernel counters of the machine, not by the plugins.
PASSING = frozenset({"link_netnsid", "ifindex", "link_index", "nodad", "iif_index"})
# Where a bridge's clocks stand.
TIMERS = frozenset({"gc_timer", "hello_timer", "tcn_timer", "topology_change_timer"})
TIMERS |= {"hold_timer", "message_age_timer", "forward_delay_timer"}
PASSING |= TIMERS
_MAC = re.compile(r"\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\b")
_VETH = re.compile(r"\bveth[0-9a-f]{8}\b")
_BRIDGE_ID = re.compile(r"\b[0-9a-f]{4}\.(?:[0-9a-f]{1,2}:){5}[0-9a-f]{1,2}\b")
_LINK_LOCAL = re.compile(r"\bfe80::[0-9a-f:]+\b|\bff02::1:ff[0-9a-f]{2}:[0-9a-f]{1,4}\b")


@dataclass(frozen=True, kw_only=True)
class Step:
    """One call, or (with `run`) a command in the host between calls."""

    command: Command = Command.ADD
    vm: str = "vm1"
    args: str = ""
    netns: str = NETNS
    if_name: str = "eth0"
    conf: Mapping[str, Any] = field(default_factory=dict)
    stdin: bytes | None = None
    with_prev: bool = True
    run: Sequence[str] = ()
    text: str = ""


@dataclass(frozen=True, kw_only=True)
class Case:
    """Calls of one plugin with one configuration.

    `text` is the constant part of a refusal's text (a step may have its own), where the rest is Go's own
    wording. `on_purpose` are
    the beginnings of the places where we differ and mean to; they must differ. Unless it `detects_duplicates`
    the kernel sends no probe for an IPv6 address, so that nobody waits a second for each link.
    """

    name: str
    conf: Mapping[str, Any]
    steps: Sequence[Step] = (
        Step(),
        Step(command=Command.CHECK),
        Step(command=Command.DEL),
        Step(command=Command.DEL),
    )
    cni_version: str = "1.0.0"
    text: str = ""
    on_purpose: frozenset[str] = frozenset()
    detects_duplicates: bool = False


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What one step gave: a result, or code and text of a refusal; and the world after it."""

    result: Any
    code: int | None
    text: str
    world: Any


@functools.cache
def reference_plugins() -> str | None:
    """The directory of the reference plugins; None if this machine cannot make them."""
    if shutil.which("go") is None:
        return None
    done = subprocess.run(
        [ROOT / "tools" / "reference_plugins.sh"], capture_output=True, text=True, check=False, timeout=900
    )
    if done.returncode:
        raise AssertionError(f"the reference plugins cannot be made: {done.stderr}")
    return done.stdout.strip().splitlines()[-1]


def ours(kernel: LinuxKernel) -> Invoker:
    """The plugins in process, and no executable beside them."""
    return BuiltinInvoker(kernel, ExecInvoker())


def theirs(kernel: LinuxKernel) -> Invoker:
    """The reference's executables."""
    return ExecInvoker()


def assert_same(case: Case, bin_path: str) -> None:
    """Raises AssertionError unless both sides say and make the same, but for what differs on purpose."""
    our_side, their_side = both(case, bin_path)
    lines = snapshot.differences([*map(as_comparable, our_side)], [*map(as_comparable, their_side)], SIDES)
    assert [line for line in lines if not line.startswith(tuple(case.on_purpose))] == []
    for place in case.on_purpose:
        assert any(line.startswith(place) for line in lines), f"no longer different: {place}"
    calls = [step for step in case.steps if not step.run]
    for step, our, their in zip(calls, our_side, their_side, strict=True):
        text = step.text or case.text
        if text:
            assert our.code is None or text in our.text, (our.text, their.text)
            assert their.code is None or text in their.text, (our.text, their.text)
        else:
            assert unified(our.text) == unified(their.text)


def both(case: Case, bin_path: str) -> tuple[list[Seen], list[Seen]]:
    """Ours and theirs, at the same time."""
    with ThreadPoolExecutor(2) as pool:
        found = [pool.submit(walk, case, side, bin_path) for side in (ours, theirs)]
        return found[0].result(), found[1].result()


def walk(case: Case, make: Callable[[LinuxKernel], Invoker], bin_path: str) -> list[Seen]:
    """All steps of a case in a fresh host."""
    return in_host(lambda: _walk(case, make, bin_path))


def _walk(case: Case, make: Callable[[LinuxKernel], Invoker], bin_path: str) -> list[Seen]:
    subprocess.run(["ip", "netns", "add", NAME], check=True)
    Path(RESOLV_CONF).write_text("nameserver 10.0.0.2\nsearch a b\noptions ndots:2\n", encoding="utf-8")
    if not case.detects_duplicates:
        for enter in ([], ["ip", "netns", "exec", NAME]):
            quick = (
                "cd /proc/sys/net/ipv6/conf/default && echo 0 | tee dad_transmits router_solicitation_delay"
            )
            subprocess.run([*enter, "sh", "-c", quick], check=True, stdout=subprocess.DEVNULL)
    kernel = LinuxKernel()
    try:
        invoker = make(kernel)
        seen: list[Seen] = []
        prev: Any = None
        for step in case.steps:
            if step.run:
                subprocess.run(step.run, check=True, capture_output=True)
                continue
            seen.append(_take(case, step, invoker, bin_path, prev))
            prev = seen[-1].result or prev
        return seen
    finally:
        kernel.close()


def _take(case: Case, step: Step, invoker: Invoker, bin_path: str, prev: Any) -> Seen:
    body = {"cniVersion": case.cni_version, "name": "net", **case.conf, **step.conf}
    if prev is not None and step.with_prev and step.command is not Command.ADD:
        body["prevResult"] = prev
    invocation = Invocation(
        command=step.command,
        plugin=case.conf["type"],
        stdin=json.dumps(body).encode() if step.stdin is None else step.stdin,
        container_id=step.vm,
        netns=step.netns,
        if_name=step.if_name,
        args=step.args,
        path=(bin_path,),
    )
    try:
        printed = invoker.invoke(invocation)
    except CniError as exc:
        return Seen(result=None, code=exc.code, text=str(exc), world=_world())
    return Seen(result=json.loads(printed) if printed else None, code=None, text="", world=_world())


def _world() -> dict[str, Any]:
    # Both sides are looked at when the kernel has come to rest: no address is tentative, no link in between.
    settle(None)
    settle(NETNS)
    bridges = _bridges()
    inside = None
    with suppress(AssertionError):
        inside = snapshot.namespace_snapshot(NETNS) | {"sysctls": _sysctls()}
    host = snapshot.snapshot(state_dirs=()) | bridges
    host.pop("mounts")
    host.pop("namespaces")
    host["nft"] = _ruleset()
    forwarding = {
        key: Path("/proc/sys/net", key).read_text(encoding="ascii")
        for key in ("ipv4/ip_forward", "ipv6/conf/all/forwarding")
    }
    return {"host": host, "forwarding": forwarding, "inside": inside, "files": _files()}


def _bridges() -> dict[str, Any]:
    """Ports, VLANs and fixed addresses, as `bridge` tells them."""
    said = {
        "ports": json.loads(_output(["bridge", "-d", "-j", "link", "show"]) or "[]"),
        "vlans": json.loads(_output(["bridge", "-j", "vlan", "show"]) or "[]"),
    }
    fixed = json.loads(_output(["bridge", "-j", "fdb", "show"]) or "[]")
    rows = [row for row in fixed if row.get("state") == "permanent" and "master" in row]
    return said | {"fdb": sorted([row["ifname"], row["mac"], row.get("vlan", 0)] for row in rows)}


def _ruleset() -> dict[str, Any]:
    """The packet filter whole: its values, and its text, which alone has the comments of tables and chains."""
    if shutil.which("nft") is None:
        return {}
    values, text = (_output(["nft", *how, "list", "ruleset"]) for how in (("-j",), ()))
    rows = json.loads(values)["nftables"]
    for row in rows:
        for body in row.values():
            body.pop("handle", None)  # those of the base chain tell how often it was written again
    return {"values": rows, "text": text.splitlines()}


def _output(argv: Sequence[str]) -> str:
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


def settle(netns: str | None) -> None:
    """Wait for the kernel's word that duplicate address detection is over, in the host or a namespace.

    Links are up to date then: who asks for one gets it so, while a list may be a second behind.
    """
    enter = [] if netns is None else ["nsenter", f"--net={netns}"]
    links = subprocess.run([*enter, "ip", "-j", "link"], capture_output=True, text=True, check=False).stdout
    names = [f"link show dev '{link['ifname']}'" for link in json.loads(links or "[]")]
    if not names or not _tentative(enter, names):
        return
    # nsenter becomes ip, so that what is ended here is what holds the namespace.
    with subprocess.Popen(
        [*enter, "ip", "-6", "-o", "monitor", "address"], stdout=subprocess.PIPE
    ) as monitor:
        assert monitor.stdout is not None
        deadline = time.monotonic() + 60
        while _tentative(enter) and time.monotonic() < deadline:
            # What came before it listened is found by looking again.
            if readable(monitor.stdout.fileno(), 0.3):
                os.read(monitor.stdout.fileno(), 65536)
        monitor.kill()


def _tentative(enter: Sequence[str], first: Sequence[str] = ()) -> bool:
    """Whether an IPv6 address is not settled yet, after `first` was asked of `ip`."""
    asked = "\n".join([*first, "addr show tentative", ""])
    done = subprocess.run(
        [*enter, "ip", "-6", "-o", "-force", "-batch", "-"],
        input=asked,
        capture_output=True,
        text=True,
        check=False,
    )
    return any(line.split()[2:3] == ["inet6"] for line in done.stdout.splitlines())


def _sysctls() -> dict[str, str]:
    done = subprocess.run(
        [
            "ip",
            "netns",
            "exec",
            NAME,
            "grep",
            "-rs",
            "",
            "/proc/sys/net/ipv4/conf",
            "/proc/sys/net/ipv6/conf",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    pairs = (line.partition(":") for line in done.stdout.splitlines())
    return {key: value for key, _, value in sorted(pairs)}


def _files() -> dict[str, str]:
    return {
        str(path.relative_to(CNI_STATE)): f"{path.stat().st_mode:o} "
        + (path.read_bytes().decode() if path.is_file() else "")
        for path in sorted(CNI_STATE.rglob("*"))
    }


def unified(value: Any) -> Any:
    """The same with one word for each MAC, host end and link-local address, numbered as they first appear."""
    words: dict[str, str] = {}

    def word(kind: str) -> Callable[[re.Match[str]], str]:
        def put(found: re.Match[str]) -> str:
            fixed = {"00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff"}
            if found[0] in fixed:
                return found[0]
            return words.setdefault(found[0], f"<{kind}>")

        return put

    def go(each: Any) -> Any:
        if isinstance(each, dict):
            return {go(key): go(item) for key, item in each.items() if key not in PASSING}
        if isinstance(each, list):
            return (
                sorted((go(item) for item in each), key=json.dumps)
                if _unordered(each)
                else list(map(go, each))
            )
        if isinstance(each, str):
            each = _BRIDGE_ID.sub(word("bridge"), each)
            each = _MAC.sub(word("mac"), each)
            each = _VETH.sub(word("veth"), each)
            return _LINK_LOCAL.sub(word("link-local"), each)
        return each

    return go(value)


def _unordered(rows: list[Any]) -> bool:
    """Routes come in the order of their table's hash or tree."""
    return bool(rows) and all(isinstance(row, dict) and "dst" in row and "protocol" in row for row in rows)


def as_comparable(seen: Seen) -> Any:
    """Everything but a refusal's text."""
    return unified(dataclasses.asdict(dataclasses.replace(seen, text="")))
