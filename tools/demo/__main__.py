"""The whole way, for people: an agent gives three VMs their networks, one boots, all is taken back.

Runs in a host of its own (network and mount namespace; /run and /var/lib/cni on tmpfs), so the machine
stays as it is: as root, or in a user namespace where the kernel allows that. Exit 0: everything was
as promised. Exit 1: something was not. Exit 2: this machine cannot run it, and the reason is printed.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests import host as hosts
from tests.snapshot import snapshot
from tools.guest import boot, build

HERE = Path(__file__).resolve().parent
BIN = HERE.parent.parent / ".venv" / "bin"
SOCKET = Path("/run/vmplumb/vmplumbd.sock")
CONF_DIR = Path("/run/vmplumb/net.d")
VM_IDS = ("vm-1", "vm-2", "vm-3")
# `--svg FILE`: also draw the path of the first VM into a file, as docs/describe.svg is made.
PICTURE = tuple(sys.argv[1:3]) if sys.argv[1:2] == ["--svg"] else ()
START_SECONDS = 60.0
# How long the kernel may take to see the last devices go after the namespaces are unlinked.
SETTLE_SECONDS = 60.0


class Failed(Exception):
    """The demo did not go as promised."""


def main() -> int:
    """Run it; the exit status says how it went."""
    start = time.monotonic()
    # Before any namespace is entered: what is missing may come from a registry.
    guest, no_guest = find_guest()
    refusal = hosts.become_root() or hosts.refusal()
    if refusal:
        print(f"demo: this machine cannot run it: {refusal}", file=sys.stderr)
        return 2
    try:
        with hosts.private_host() as host:
            tour(host, guest, no_guest)
    except Failed as exc:
        print(f"\ndemo: FAILED: {exc}", file=sys.stderr)
        return 1
    print(f"\ndemo: all of it in {time.monotonic() - start:.1f} s")
    return 0


def tour(host: hosts.Host, guest: build.Guest | None, no_guest: str) -> None:
    """Each step, told as it goes. Raises Failed."""
    before = snapshot()
    say("An agent in a host of its own: vmplumbd serve")
    log = Path("/run/vmplumbd.log")
    with agent(host, log):
        show(ctl("status"))
        try:
            say("Three VMs at once: vmplumbctl set-up VM_ID --network demo")
            together([["set-up", vm_id, "--network", "demo"] for vm_id in VM_IDS])
            say(f"What {VM_IDS[0]} got: vmplumbctl get {VM_IDS[0]} -o json")
            networks = {vm_id: network(vm_id) for vm_id in VM_IDS}
            if snapshot() == before:
                raise Failed("three networks are there, and the world does not show them")
            show(json.dumps(result_of(networks[VM_IDS[0]]), indent=2))
            addresses = {one["result"]["ip_boot_param"].split(":")[0] for one in networks.values()}
            if len(addresses) != len(VM_IDS):
                raise Failed(f"{len(VM_IDS)} VMs have the addresses {sorted(addresses)}")
            say(f"The same as a picture: vmplumbctl describe {VM_IDS[0]}")
            show(ctl("describe", VM_IDS[0], *PICTURE))
            say("Are they as they were made? vmplumbctl check VM_ID")
            for vm_id in VM_IDS:
                show(ctl("check", vm_id))
            boot_one(networks[VM_IDS[1]], guest, no_guest)
            say("All of it taken back: vmplumbctl tear-down VM_ID")
            together([["tear-down", vm_id] for vm_id in VM_IDS])
            say("What the agent still knows: vmplumbctl list")
            show(ctl("list"))
            compare(before)
        except Failed:
            sys.stderr.write(log.read_text())
            raise


def find_guest() -> tuple[build.Guest | None, str]:
    """A guest, or why there is none."""
    try:
        boot.find_qemu()
        return build.find(os.environ), ""
    except (boot.CannotBoot, build.Unavailable) as exc:
        return None, str(exc)


@contextmanager
def agent(host: hosts.Host, log: Path) -> Iterator[None]:
    """vmplumbd on its socket; ended with SIGTERM, and its exit status judged. Raises Failed."""
    CONF_DIR.mkdir(parents=True)
    (CONF_DIR / "10-demo.conflist").write_bytes((HERE / "10-demo.conflist").read_bytes())
    options = [f"paths.conf_dir={CONF_DIR}", "paths.state_dir=/run/vmplumb/state", f"listen.unix={SOCKET}"]
    command = [str(BIN / "vmplumbd"), "serve", *(word for one in options for word in ("--set", one))]
    with log.open("wb") as sink:
        process = host.popen(command, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink)
        deadline = time.monotonic() + START_SECONDS
        while not answers():
            if process.poll() is not None or time.monotonic() > deadline:
                raise Failed(f"vmplumbd does not listen:\n{log.read_text()}")
            time.sleep(0.02)
        yield
        process.send_signal(signal.SIGTERM)
        try:
            status = process.wait(30)
        except subprocess.TimeoutExpired as exc:
            raise Failed("vmplumbd did not end within 30 s of SIGTERM") from exc
        if status:
            raise Failed(f"vmplumbd exited {status}:\n{log.read_text()}")


def answers() -> bool:
    """Whether somebody listens on the socket."""
    with socket.socket(socket.AF_UNIX) as client, suppress(OSError):
        client.connect(str(SOCKET))
        return True
    return False


def ctl(*words: str) -> str:
    """What vmplumbctl prints. Raises Failed on a bad exit."""
    done = subprocess.run(command_of(words), capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        raise Failed(f"vmplumbctl {' '.join(words)} exited {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout


def together(calls: Sequence[Sequence[str]]) -> None:
    """Run several vmplumbctl at once; each line is printed as it comes. Raises Failed on a bad exit."""
    running = [
        subprocess.Popen(command_of(words), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for words in calls
    ]
    with selectors.DefaultSelector() as ready:
        for words, process in zip(calls, running, strict=True):
            assert process.stdout is not None
            ready.register(process.stdout, selectors.EVENT_READ, words[1])
        while ready.get_map():
            for key, _ in ready.select():
                line: str = key.fileobj.readline()  # type: ignore[union-attr]  # our own pipes
                if line:
                    print(f"  {key.data} | {line.rstrip()}", flush=True)
                else:
                    ready.unregister(key.fileobj)
    for words, process in zip(calls, running, strict=True):
        status = process.wait()
        assert process.stdout is not None
        process.stdout.close()
        if status:
            raise Failed(f"vmplumbctl {' '.join(words)} exited {status}")


def command_of(words: Sequence[str]) -> list[str]:
    """The command line of one call."""
    return [str(BIN / "vmplumbctl"), "--target", f"unix:{SOCKET}", *words]


def network(vm_id: str) -> dict[str, Any]:
    """The agent's record of one VM, as `vmplumbctl get -o json` prints it."""
    record: dict[str, Any] = json.loads(ctl("get", vm_id, "-o", "json"))
    if record["phase"] != "PHASE_READY":
        raise Failed(f"{vm_id} is {record['phase']}")
    return record


def result_of(record: dict[str, Any]) -> dict[str, Any]:
    """The part that a VMM needs."""
    result = record["result"]
    return {
        "netns_path": result["netns_path"],
        "ip_boot_param": result["ip_boot_param"],
        "firecracker_interface": result["interfaces"][0]["firecracker_interface"]["json"],
    }


def boot_one(record: dict[str, Any], guest: build.Guest | None, no_guest: str) -> None:
    """A guest on that VM's tap, which must find what the agent promised."""
    if guest is None:
        print(f"\nLeft out: no guest is booted: {no_guest}", flush=True)
        return
    result = record["result"]
    static = result["interfaces"][0]["static_configuration"]
    say(f"A guest boots on {record['vm_id']}: its address, its MAC, its gateway")
    try:
        report = boot.boot(
            kernel=guest.kernel,
            initrd=guest.initrd,
            netns=Path(result["netns_path"]),
            tap=static["host_dev_name"],
            mac=static["mac_address"],
            ip=result["ip_boot_param"].removeprefix("ip="),
        )
    except boot.CannotBoot as exc:
        raise Failed(f"the guest does not boot: {exc}") from exc
    show(boot.verdict(report.console) or report.console)
    if not report.ok:
        raise Failed(report.fault)
    print(f"  booted and answered in {report.seconds:.1f} s ({report.accel}, {guest.origin} kernel)")


def compare(before: dict[str, Any]) -> None:
    """Nothing may be left. Raises Failed with what is."""
    say("The world, compared with before the first step")
    deadline = time.monotonic() + SETTLE_SECONDS
    while (after := snapshot()) != before and time.monotonic() < deadline:
        time.sleep(0.05)
    for part, was in before.items():
        if after[part] != was:
            raise Failed(f"{part} differ:\n  before {was}\n  after  {after[part]}")
    print(f"  nothing left: {', '.join(before)} are as they were")


def say(what: str) -> None:
    """A heading."""
    print(f"\n== {what}", flush=True)


def show(text: str) -> None:
    """Output, set in."""
    print("".join(f"  {line}\n" for line in text.rstrip().splitlines()), end="", flush=True)


if __name__ == "__main__":
    sys.exit(main())
