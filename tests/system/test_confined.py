"""The daemon with no more rights than it needs, and plugins that get no more than they should."""

from __future__ import annotations

import hashlib
import os
import queue
import shutil
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests import host as hosts
from tests.host import Host
from tests.snapshot import snapshot
from tests.system.daemon import (
    HOST_LOCAL,
    PATIENCE,
    REDIRECT,
    Daemon,
    conflist,
    daemon_in,
    eventually,
    ptp,
    refused,
    request,
)
from tests.system.test_bad_plugins import FRAME, ended
from vmplumb.v1 import network_agent_service_pb2 as pb
from vmplumbd.kernel import privileges

pytestmark = pytest.mark.host

INLINE = "spec.network_interfaces.interfaces[0].cni_configuration.network_config.json"


@pytest.fixture(autouse=True)
def world_as_before(module_host: Host) -> Iterator[None]:
    """Every test here leaves nothing behind."""
    before = snapshot()
    yield
    assert snapshot() == before


def threads(daemon: Daemon) -> list[dict[str, str]]:
    """What the kernel says of each of the daemon's threads. One that ends meanwhile is none."""
    assert daemon.process is not None
    found = []
    for status in Path(f"/proc/{daemon.process.pid}/task").glob("*/status"):
        with suppress(FileNotFoundError, ProcessLookupError):
            lines = status.read_text().splitlines()
            found.append(dict(line.split(":\t", 1) for line in lines if ":\t" in line))
    return found


def mask(names: tuple[str, ...] | list[str]) -> str:
    return f"{sum(1 << privileges.NAMES.index(name) for name in names):016x}"


def test_every_thread_has_the_capabilities_it_needs_and_no_program_gains_any(daemon: Daemon) -> None:
    kept = daemon.wait_for("privileges")["kept"]
    assert set(kept) == set(privileges.NEEDED)
    found = threads(daemon)
    assert len(found) > 5
    for one in found:
        assert (one["CapEff"], one["CapPrm"], one["CapBnd"]) == (mask(kept),) * 3
        assert (one["CapInh"], one["CapAmb"]) == ("0" * 16,) * 2
        assert one["NoNewPrivs"] == "1"


def test_an_operator_may_keep_more_and_a_capability_that_is_none_is_told(module_host: Host) -> None:
    with daemon_in(module_host, privileges__keep="CAP_SYS_MODULE") as daemon:
        assert "CAP_SYS_MODULE" in daemon.wait_for("privileges")["kept"]
    with daemon_in(module_host, privileges__drop="false") as daemon:
        assert {one["NoNewPrivs"] for one in threads(daemon)} == {"0"}
        daemon.settings |= {"privileges.drop": "true", "privileges.keep": "CAP_FLY"}
        daemon.terminate()
        daemon.launch()
        assert "CAP_FLY" in daemon.wait_for("start.failed")["error"]
        assert daemon.wait() == 1


# In a process of its own: what is given up does not come back.
WITHOUT_SETPCAP = """
from vmplumbd.kernel import privileges, syscalls
given = ["CAP_NET_ADMIN", "CAP_SYS_ADMIN", "CAP_SYS_TIME"]
syscalls.set_capabilities(sum(1 << privileges.NAMES.index(name) for name in given))
print(privileges.keep_only(privileges.NEEDED))
"""


def test_who_was_given_some_capabilities_alone_keeps_those_that_are_needed(module_host: Host) -> None:
    done = module_host.run([sys.executable, "-c", WITHOUT_SETPCAP], env={**os.environ})
    assert done.stdout == "('CAP_NET_ADMIN', 'CAP_SYS_ADMIN')\n"


def test_a_plugin_inherits_three_descriptors_and_a_small_environment(module_host: Host) -> None:
    listing = "ls /proc/self/fd >$DIR/fds; env >$DIR/env; echo $PREV"
    with daemon_in(module_host) as daemon:
        daemon.terminate()
        daemon.start(environment={"VMPLUMB_SECRET": "s3cret"})
        watch: Any = daemon.stub.WatchNetworks(pb.WatchNetworksRequest())
        next(iter(watch))
        daemon.plugin("list", FRAME.replace("MISDEED", listing))
        daemon.network("list", ptp(), REDIRECT, {"type": "list"})
        assert daemon.result("v", "list").ip_boot_param
        # The last is ls's own, of the directory that it lists.
        assert (daemon.directory / "fds").read_text().split() == ["0", "1", "2", "3"]
        names = {line.partition("=")[0] for line in (daemon.directory / "env").read_text().splitlines()}
        cni = {"CNI_COMMAND", "CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_ARGS", "CNI_PATH"}
        # These are the shell's own.
        assert names - {"PWD", "_", "OLDPWD", "SHLVL"} <= cni | {"PATH", "VMPLUMB_CALL", "GOMAXPROCS"}
        watch.cancel()
        daemon.tear_down("v")
        daemon.quiet()


def test_what_the_agent_was_started_with_is_closed_on_exec() -> None:
    given = os.open("/dev/null", os.O_RDONLY)
    try:
        os.set_inheritable(given, True)
        privileges.close_on_exec()
        assert not os.get_inheritable(given)
        assert os.get_inheritable(1)
    finally:
        os.close(given)


OWN_SESSION = (
    "setsid sh -c 'echo $$ >>$0/pid; exec sleep 600' $DIR & while ! test -s $DIR/pid; do :; done; sleep 600"
)


@contextmanager
def plugins_cgroup(kind: str) -> Iterator[dict[str, str]]:
    if kind == "none":
        yield {"cni__plugin_cgroup": "off"}
        return
    with hosts.control_group() as directory:
        yield {"cni__plugin_cgroup": str(directory)}


@pytest.mark.parametrize("kind", ["none", pytest.param("own", marks=pytest.mark.cgroups)])
def test_a_grandchild_with_a_session_of_its_own_dies_with_its_plugin(module_host: Host, kind: str) -> None:
    with plugins_cgroup(kind) as settings, daemon_in(module_host, **settings) as daemon:
        if kind == "own":
            daemon.wait_for("plugins.cgroup", ended=0)
        daemon.plugin(
            "bad", FRAME.replace("MISDEED", OWN_SESSION).replace("echo $$ >$DIR/pid", "rm -f $DIR/pid")
        )
        daemon.network("bad", ptp(), REDIRECT, {"type": "bad"})
        up = daemon.directory / "pid"
        for seconds in (10.0, 60.0):  # a machine so busy that the first was over before the plugin ran
            told = refused(lambda: daemon.set_up("victim", "bad", seconds=seconds))  # noqa: B023
            assert told.reason == "OPERATION_TIMEOUT"
            if up.exists() and up.read_text():
                break
        (pid,) = (int(word) for word in up.read_text().split())
        eventually(lambda: ended(pid), f"{pid} has ended")
        daemon.tear_down("victim")
        daemon.quiet()


@pytest.mark.cgroups
def test_what_a_killed_agent_left_running_ends_when_the_next_one_starts(module_host: Host) -> None:
    with plugins_cgroup("own") as settings, daemon_in(module_host, **settings) as daemon:
        daemon.plugin(
            "bad", FRAME.replace("MISDEED", OWN_SESSION).replace("echo $$ >$DIR/pid", "rm -f $DIR/pid")
        )
        daemon.network("bad", ptp(), REDIRECT, {"type": "bad"})
        call = daemon.stub.SetupNetwork(request("victim", "bad"))
        next(iter(call))
        pid_file = daemon.directory / "pid"
        eventually(lambda: pid_file.exists() and pid_file.read_text().strip(), "the grandchild is up")
        pid = int(pid_file.read_text())
        daemon.kill()
        assert not ended(pid)
        daemon.plugin("bad", FRAME.replace("MISDEED", "echo $PREV"))
        daemon.start()
        assert daemon.wait_for("plugins.cgroup")["ended"] == 1
        eventually(lambda: ended(pid), f"{pid} has ended")
        daemon.tear_down("victim")
        daemon.quiet()


def test_a_pinned_plugin_runs_and_another_binary_does_not(module_host: Host) -> None:
    program = Path(shutil.which("true") or "")
    digest = hashlib.sha256(program.read_bytes()).hexdigest()
    with daemon_in(module_host, cni__plugin_sha256=f"answers={digest}") as daemon:
        shutil.copy(program, daemon.bin / "answers")
        shutil.copy(shutil.which("false") or "", daemon.bin / "other")
        daemon.network("pinned", ptp(), {"type": "answers"}, version="0.1.0")
        daemon.network("free", ptp(), {"type": "other"})
        before = snapshot()
        told = refused(lambda: daemon.set_up("v", "free"))
        assert (told.reason, "pinned to no SHA-256" in told.message) == ("CNI_PLUGIN_UNAVAILABLE", True)
        # It may run, and answers VERSION with nothing: what is wrong is another thing.
        told = refused(lambda: daemon.set_up("v", "pinned"))
        assert "SHA-256" not in told.message
        shutil.copy(shutil.which("false") or "", daemon.bin / "new")
        (daemon.bin / "new").rename(daemon.bin / "answers")
        told = refused(lambda: daemon.set_up("v", "pinned"))
        assert (told.reason, "to which answers is not pinned" in told.message) == (
            "CNI_PLUGIN_UNAVAILABLE",
            True,
        )
        assert told.failure.hint
        assert snapshot() == before
        refused(lambda: daemon.get("v"))


def test_a_plugin_that_is_not_on_the_operators_list_is_refused_before_any_effect(module_host: Host) -> None:
    with daemon_in(module_host, cni__allowed_plugins="ptp:tc-redirect-tap") as daemon:
        told = refused(lambda: daemon.set_up("v"))
        assert (told.reason, "plugin host-local is not one" in told.message) == (
            "CNI_PLUGIN_UNAVAILABLE",
            True,
        )
        refused(lambda: daemon.get("v"))
        daemon.settings["cni.allowed_plugins"] = "ptp:tc-redirect-tap:host-local"
        daemon.terminate()
        daemon.start()
        daemon.set_up("v")
        # What stands goes, whatever the list says by then.
        daemon.settings["cni.allowed_plugins"] = "bridge"
        daemon.terminate()
        daemon.start()
        daemon.tear_down("v")
        daemon.quiet()


def inline(*plugins: dict[str, Any]) -> dict[str, Any]:
    return {"json": conflist("inline", *plugins)}


FORBIDDEN: dict[str, tuple[dict[str, Any], str]] = {
    "a type that is not listed": ({"type": "evil"}, ".plugins[1].type"),
    "an IPAM type that is not listed": (ptp(ipam={"type": "dhcp"}), ".plugins[1].ipam.type"),
    "where reservations are written": (ptp(ipam={**HOST_LOCAL, "dataDir": "/etc"}), ".plugins[1].ipam.dataDir"),
    "the same in another case": (ptp(ipam={**HOST_LOCAL, "DATADIR": "/etc"}), ".plugins[1].ipam.DATADIR"),
    "the same with a long s": (ptp(ipam={**HOST_LOCAL, "re\u017folvConf": "x"}), ".plugins[1].ipam.re\u017folvConf"),
    "a file that is read": (ptp(ipam={**HOST_LOCAL, "resolvConf": "/etc/shadow"}), ".plugins[1].ipam.resolvConf"),
    "settings of the kernel": (
        {"type": "tuning", "sysctl": {"net.ipv4.ip_forward": "1"}}, ".plugins[1].sysctl",
    ),
    "another's bridge": ({"type": "bridge", "bridge": "docker0"}, ".plugins[1].bridge"),
    "any path at all": (ptp(surprise="/etc/passwd"), ".plugins[1].surprise"),
    "a path in a list": (ptp(surprise=["10.0.0.1", "/etc/passwd"]), ".plugins[1].surprise[1]"),
    "a path up": (ptp(surprise={"deep": ["../../etc"]}), ".plugins[1].surprise.deep[0]"),
    "a plugin inside a plugin": (ptp(delegate={"type": "evil"}), ".plugins[1].delegate.type"),
    "a result before the first": (ptp(prevResult={"cniVersion": "1.0.0"}), ".plugins[1].prevResult"),
}  # fmt: skip


@pytest.mark.parametrize(("plugin", "where"), FORBIDDEN.values(), ids=FORBIDDEN)
def test_what_an_inline_list_may_not_say_is_refused_with_its_place(
    daemon: Daemon, plugin: dict[str, Any], where: str
) -> None:
    given = inline(ptp(), plugin)
    told = refused(lambda: daemon.set_up("v", "", network_config=given))
    assert (told.code.name, told.reason) == ("PERMISSION_DENIED", "ACCESS_DENIED")
    assert (f"{INLINE}{where}", "network_config_list.not_allowed") in told.violations


def test_an_operator_may_allow_a_key_and_a_type(module_host: Host) -> None:
    allowed = {
        "cni__inline_keys": "host-local.dataDir",
        "cni__inline_plugins": "ptp:host-local:tc-redirect-tap",
    }
    with daemon_in(module_host, **allowed) as daemon:
        kept = ptp(ipam={**HOST_LOCAL, "dataDir": str(daemon.directory / "data")})
        assert daemon.set_up("v", "", network_config=inline(kept, dict(REDIRECT)))[-1].result.ip_boot_param
        told = refused(lambda: daemon.set_up("w", "", network_config=inline({"type": "bridge"})))
        assert told.reason == "ACCESS_DENIED"
        daemon.tear_down("v")
        daemon.quiet()


def test_the_service_manager_hears_ready_alive_and_stopping(module_host: Host, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager, daemon_in(module_host) as daemon:
        daemon.terminate()
        manager.bind(str(tmp_path / "notify"))

        # Read as it comes: the kernel holds ten, and what comes then is lost.
        said = queue.SimpleQueue[str]()

        def listen() -> None:
            with suppress(OSError):
                while word := manager.recv(4096).decode():
                    said.put(word)

        listener = threading.Thread(target=listen, daemon=True)
        listener.start()

        def heard(word: str) -> str:
            while word not in (told := said.get(timeout=PATIENCE)):
                pass
            return told

        daemon.start(
            environment={
                "NOTIFY_SOCKET": str(tmp_path / "notify"),
                "WATCHDOG_USEC": "200000",
                "WATCHDOG_PID": "0",
            }
        )
        ready = heard("READY=1")
        assert "STATUS=0 networks, 0 operations" in ready
        assert daemon.process is not None
        assert f"MAINPID={daemon.process.pid}" in ready
        heard("WATCHDOG=1")
        heard("WATCHDOG=1")
        daemon.set_up("v")
        heard("STATUS=1 networks")
        daemon.tear_down("v")
        daemon.quiet()
        daemon.process.send_signal(signal.SIGTERM)
        heard("STOPPING=1")
        heard("EXTEND_TIMEOUT_USEC=")
        assert daemon.wait() == 0
        manager.shutdown(socket.SHUT_RD)
        listener.join()
