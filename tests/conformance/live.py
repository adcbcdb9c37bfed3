"""A stage of real agents in a host of their own: main, tight and spare, with everything a check may need.

Must be entered before the process has begun to use gRPC, so that all of its threads are in the host.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.host import Host
from tests.security.authority import Authority
from tests.system.daemon import REDIRECT, Daemon
from vmplumb_conformance import cli
from vmplumb_conformance.profile import Stage
from vmplumb_conformance.wire import Server, Tls

TARGET = "127.0.0.1:17443"
SCRIPTED = "conf-scripted"
CALLERS = {"stranger": "other", "reader": "reader", "capped": "capped"}
POLICY = """
[[rule]]
name = "other"
who = ["spiffe://conformance.test/other"]
rpcs = ["*"]
networks = ["*"]
rate = 0

[[rule]]
name = "reader"
who = ["spiffe://conformance.test/reader"]
rpcs = ["GetNetwork", "ListNetworks", "WatchNetworks", "GetStatus"]

[[rule]]
name = "capped"
who = ["spiffe://conformance.test/capped"]
rpcs = ["*"]
networks = ["*"]
max_networks = 1
"""
QUICK = {"limits.first_retry": "0.01", "limits.longest_retry": "0.05"}
# A port of a bridge has a number of ten bits, and 0 is none.
BRIDGE_PORTS = 1023
OUTDATED = """case "$CNI_COMMAND" in
VERSION) echo '{"cniVersion":"0.2.0","supportedVersions":["0.1.0","0.2.0"]}';;
*) exit 1;;
esac"""


class Hurt(Daemon):
    """An agent whose kernel and self can be broken: see hurt.py."""

    def command(self) -> list[str]:
        """The command line."""
        return [word if word != "vmplumbd" else "tests.conformance.hurt" for word in super().command()]

    def flag(self, what: str) -> Path:
        """While this file is there, the kernel's answers are lost, or the agent has a fault of its own."""
        return self.directory / f"broken-{what}"

    def begin(self) -> None:
        """Start, with the files' names told."""
        flags = {"VMPLUMB_TEST_DEAF": "kernel", "VMPLUMB_TEST_WRONG": "self"}
        self.start(environment={name: str(self.flag(what)) for name, what in flags.items()})


@dataclass(slots=True, kw_only=True)
class Agents(Stage):
    """The stage whose spare agent this process starts, breaks and ends."""

    spare: Hurt
    disk: Path
    conf: Path

    async def act(self, name: str) -> None:
        """Do it, on a thread of this host."""
        verb, _, what = name.partition("_")
        doing: Callable[[], None] = getattr(self, f"_{verb}")
        await asyncio.to_thread(doing if not what else lambda: getattr(self, f"_{verb}")(what))

    def _restart(self) -> None:
        process = self.spare.process
        assert process is not None
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        self.spare.wait(seconds=60)
        self.spare.begin()

    def _crash(self) -> None:
        self.spare.kill()
        self.spare.begin()

    def _drain(self) -> None:
        assert self.spare.process is not None
        self.spare.process.send_signal(signal.SIGTERM)
        self.spare.wait_for("draining")

    def _break(self, what: str) -> None:
        if what != "journal":
            self.spare.flag(what).touch()
            return
        fd = os.open(self.disk / "ballast", os.O_WRONLY | os.O_CREAT)
        with contextlib.suppress(OSError):
            while os.write(fd, bytes(4096)):
                pass
        os.close(fd)

    def _mend(self, what: str) -> None:
        (self.spare.flag(what) if what != "journal" else self.disk / "ballast").unlink(missing_ok=True)

    def _remove(self, _what: str) -> None:
        (self.conf / f"{SCRIPTED}.conflist").rename(self.conf / f"{SCRIPTED}.away")

    def _restore(self, _what: str) -> None:
        (self.conf / f"{SCRIPTED}.away").rename(self.conf / f"{SCRIPTED}.conflist")


def chain(subnet: str, *more: Mapping[str, Any], tap: bool = True, **ipam: Any) -> list[Mapping[str, Any]]:
    """ptp over host-local, with a tap, then the others."""
    given = {"type": "host-local", "subnet": subnet, "routes": [{"dst": "0.0.0.0/0"}], **ipam}
    return [{"type": "ptp", "ipam": given}, *([REDIRECT] if tap else []), *more]


def write(
    conf: Path, name: str, plugins: list[Mapping[str, Any]], *, version: str = "1.0.0", **more: Any
) -> str:
    """Install a conflist; answers its name."""
    text = json.dumps({"name": name, "cniVersion": version, "plugins": plugins, **more})
    (conf / f"{name}.conflist").write_text(text)
    return name


def networks(conf: Path, scripts: Path) -> dict[str, str]:
    """Install every network a check may need; answers the names the profile gives them."""
    script = {"type": "vmplumb-scripted", "directory": str(scripts)}
    write(conf, SCRIPTED, chain("10.211.0.0/16", script))
    one_address: dict[str, Any] = {"rangeStart": "10.212.0.2", "rangeEnd": "10.212.0.2"}
    bridged = {
        "type": "bridge",
        "bridge": "conffull",
        "ipam": {"type": "host-local", "subnet": "10.217.0.0/16"},
    }
    return {
        "plain": write(conf, "conf-plain", chain("10.210.0.0/16")),
        "full": write(conf, "conf-full", chain("10.212.0.0/24", **one_address)),
        "tapless": write(conf, "conf-tapless", chain("10.213.0.0/16", tap=False)),
        "lacking": write(conf, "conf-lacking", chain("10.214.0.0/16", {"type": "vmplumb-not-installed"})),
        "outdated": write(conf, "conf-outdated", chain("10.215.0.0/16", {"type": "conf-outdated"})),
        "unchecked": write(conf, "conf-unchecked", chain("10.216.0.0/16"), disableCheck=True),
        "owned": write(conf, "conf-owned", chain("10.218.0.0/16", script), version="1.1.0"),
        "crowded": write(conf, "conf-crowded", [bridged, REDIRECT]),
    }


def crowd(host: Host) -> None:
    """A bridge with as many ports as a bridge can have."""
    lines = ["link add conffull type bridge"]
    for number in range((BRIDGE_PORTS + 1) // 2):
        lines.append(f"link add fa{number} master conffull type veth peer name fb{number}")
        if 2 * number + 1 < BRIDGE_PORTS:
            lines.append(f"link set fb{number} master conffull")
    host.run(["ip", "-batch", "-"], stdin="\n".join(lines) + "\n")


@contextlib.contextmanager
def agents(host: Host) -> Iterator[Stage]:
    """The stage. Everything in it is the host's, and ends with the block."""
    with contextlib.ExitStack() as stack:
        place = Path(tempfile.mkdtemp(prefix="vmplumb-conf-"))
        stack.callback(shutil.rmtree, place, ignore_errors=True)
        conf, plugins, scripts, pem = (place / name for name in ("conf", "bin", "scripts", "pem"))
        for one in (conf, plugins, scripts, pem):
            one.mkdir(mode=0o700)
        cli.install_plugin(plugins)
        names = networks(conf, scripts)
        disk = Path("/run/conf-disk")
        disk.mkdir()
        host.run(["mount", "-t", "tmpfs", "-o", "size=2m,mode=0755", "small", str(disk)])

        def made(kind: type[Daemon], role: str, **settings: str) -> Any:
            folder = place / role
            folder.mkdir()
            given = {key.replace("__", "."): value for key, value in settings.items()}
            shared = {"paths.conf_dir": str(conf), "paths.bin_path": str(plugins), "log.level": "warning"}
            return kind(host, folder, {**QUICK, **shared, "log.level": "info", **given})

        authority = Authority(pem)
        authority.leaf("server", "IP:127.0.0.1")
        authority.leaf("anonymous")
        for name in CALLERS.values():
            authority.leaf(name, f"URI:spiffe://conformance.test/{name}")
        (pem / "policy.toml").write_text(POLICY)
        main = made(
            Daemon,
            "main",
            limits__max_networks="3000",
            cni__owned_networks=names["owned"],
            listen__tcp=TARGET,
            listen__tls_certificate=str(pem / "server.pem"),
            listen__tls_key=str(pem / "server.key"),
            listen__tls_client_ca=str(authority.bundle),
            policy__file=str(pem / "policy.toml"),
        )
        main.plugin("conf-outdated", OUTDATED)
        (main.bin / "conf-outdated").rename(plugins / "conf-outdated")
        tight = made(
            Daemon,
            "tight",
            limits__max_networks="2",
            limits__max_operations="1",
            listen__max_watches="1",
            cni__inline_config="false",
        )
        spare = made(Hurt, "spare", paths__state_dir=str(disk / "state"))
        for one in (main, tight, spare):
            stack.callback(_end, one)
        tight.launch()
        main.start()
        spare.begin()
        tight.wait_for("serving")
        main.set_up("filler", names["full"])
        (Path("/run/netns") / "conf-file").touch()
        (place / "elsewhere").mkdir()
        read_only = Path("/run/netns/conf-read-only")
        read_only.mkdir()
        host.run(["mount", "-t", "tmpfs", "-o", "ro,mode=0755", "read-only", str(read_only)])
        (Path("/run/netns") / "conf-link").symlink_to(place / "elsewhere")
        crowd(host)
        strangers = {role: _tls(pem, name) for role, name in {**CALLERS, "anonymous": "anonymous"}.items()}
        yield Agents(
            servers={
                **{
                    role: Server(address=f"unix:{one.socket}")
                    for role, one in (("main", main), ("tight", tight), ("spare", spare))
                },
                **{role: Server(address=TARGET, tls=one) for role, one in strangers.items()},
            },
            networks=names,
            script_network=SCRIPTED,
            script_directory=scripts,
            paths={
                "forbidden": str(place / "elsewhere"),
                "link": "/run/netns/conf-link",
                "not_a_netns": "/run/netns/conf-file",
                "no_parent": "/run/netns/conf-read-only",
            },
            acts=dict.fromkeys(
                (
                    "restart",
                    "crash",
                    "drain",
                    "break_journal",
                    "mend_journal",
                    "break_kernel",
                    "mend_kernel",
                    "break_self",
                    "mend_self",
                    "remove_conf",
                    "restore_conf",
                ),
                "",
            ),
            kernel=True,
            spare=spare,
            disk=disk,
            conf=conf,
        )


def _tls(pem: Path, name: str) -> Tls:
    return Tls(ca=pem / "ca.pem", certificate=pem / f"{name}.pem", key=pem / f"{name}.key")


def _end(daemon: Daemon) -> None:
    if daemon.process is not None and daemon.process.poll() is None:
        try:
            daemon.terminate()
        except subprocess.TimeoutExpired:
            daemon.kill()
