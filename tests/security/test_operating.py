"""The examples of docs/operating.md work: what is to be run is run, files are read, and what is shown is what comes.

A comment before a block says what it is: `run: NAME`, `file: NAME`, or `shown: NAME`.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import sys
from pathlib import Path

import pytest

from tests.host import Host
from tests.system.daemon import Daemon

pytestmark = pytest.mark.host

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"<!-- (run|file|shown): ([\w.-]+) -->\n```\w*\n(.*?)```", re.DOTALL)
BLOCKS = {(kind, name): text for kind, name, text in BLOCK.findall((ROOT / "docs/operating.md").read_text())}


@pytest.fixture
def folder(host: Host, tmp_path: Path) -> Path:
    """Where the examples are run, with the files of the page; /etc/vmplumb is this folder."""
    for (kind, name), text in BLOCKS.items():
        if kind == "file":
            moved = text
            for place in ("/etc/vmplumb", "/run/vmplumb", "/var/log/vmplumb"):
                moved = moved.replace(place, str(tmp_path))
            (tmp_path / name).write_text(moved)
    return tmp_path


class Documented(Daemon):
    """An agent with the page's file."""

    def command(self) -> list[str]:
        """The command line, with the file beside the agent's own directory."""
        return [*Daemon.command(self), "--config", str(self.directory.parent / "vmplumbd.toml")]


def run(host: Host, folder: Path, text: str) -> str:
    """Run lines of a shell; answers what they print. A busy machine may take longer than a command tries."""
    text = text.replace(".key status", ".key status --tries 10")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = host.run(["sh", "-euc", text], cwd=folder, env={**os.environ, "PATH": path})
    return done.stdout


def test_the_page_has_the_examples() -> None:
    assert set(BLOCKS) == {
        *(("run", name) for name in ("certificates", "call", "rotation")),
        *(("file", name) for name in ("vmplumbd.toml", "policy.toml")),
        ("shown", "policy"),
    }


def test_certificates_policy_and_rotation_work_as_they_are_written(host: Host, folder: Path) -> None:
    run(host, folder, BLOCKS["run", "certificates"])
    told = run(host, folder, "vmplumbd check-config --config vmplumbd.toml")
    assert "127.0.0.1:7443" in told
    (folder / "agent").mkdir()
    daemon = Documented(host, folder / "agent")
    daemon.launch()
    try:
        daemon.wait_for("serving", tcp="127.0.0.1:7443", admin=str(folder / "admin.sock"))
        assert "vmplumbd" in run(host, folder, BLOCKS["run", "call"])
        key = BLOCKS["run", "certificates"].splitlines()[0]
        assert "vmplumbd" in run(host, folder, key + "\n" + BLOCKS["run", "rotation"])
        daemon.wait_for("tls.reloaded")
        # When every caller has moved, the old authority goes.
        run(host, folder, "cp ca.pem both.pem; cp ca2.pem ca2.new; mv ca2.new ca.pem")
        call = "vmplumbctl --target 127.0.0.1:7443 --ca both.pem --cert {0}.pem --key {0}.key status"
        assert "vmplumbd" in run(host, folder, call.format("caller2"))
        refused = run(
            host,
            folder,
            f"{call.format('caller')} --deadline 5 --tries 1 >/dev/null 2>&1 && echo in || echo out",
        )
        assert refused == "out\n"
        assert daemon.process is not None
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_for("reloaded", what="policy")
        daemon.wait_for("reloaded", what="audit")
    finally:
        daemon.terminate()


def test_what_policy_check_says_is_what_the_page_shows(host: Host, folder: Path) -> None:
    commands = [line[2:] for line in BLOCKS["shown", "policy"].splitlines() if line.startswith("$ ")]
    assert len(commands) == 2
    shown = ""
    for command in commands:
        assert shlex.split(command)[:3] == ["vmplumbctl", "policy", "check"]
        shown += f"$ {command}\n{run(host, folder, command + ' || true')}"
    assert shown == BLOCKS["shown", "policy"]
