"""vmplumb-conformance as a user has it: an address, TLS files, a profile, exit codes."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.host import Host
from tests.security.authority import Authority
from tests.snapshot import snapshot
from tests.system.daemon import Daemon, daemon_in
from vmplumb_conformance import cli, profile
from vmplumb_conformance.profile import BadProfile
from vmplumb_conformance.registry import checks

COMMAND = str(Path(sys.executable).with_name("vmplumb-conformance"))
TARGET = "127.0.0.1:17443"
POLICY = """
[[rule]]
name = "everybody"
who = ["*"]
rpcs = ["*"]
rate = 0
"""


def run(host: Host, *words: str) -> subprocess.CompletedProcess[str]:
    return host.run([COMMAND, *words], check=False, timeout=400)


@pytest.fixture
def agent(host: Host, tmp_path: Path) -> Iterator[Daemon]:
    """An agent over a socket and over TLS, with certificates in `tmp_path`."""
    authority = Authority(tmp_path)
    authority.leaf("server", "IP:127.0.0.1")
    authority.leaf("me", "URI:spiffe://conformance.test/me")
    (tmp_path / "policy.toml").write_text(POLICY)
    tls = {
        "listen__tls_certificate": str(tmp_path / "server.pem"),
        "listen__tls_key": str(tmp_path / "server.key"),
        "listen__tls_client_ca": str(authority.bundle),
        "policy__file": str(tmp_path / "policy.toml"),
    }
    with daemon_in(host, listen__tcp=TARGET, **tls) as made:
        before = snapshot()
        yield made
        assert made.networks() == []
        made.quiet()
        assert snapshot() == before


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_an_address_is_enough_and_what_it_does_not_allow_is_skipped_with_the_reason(
    host: Host, agent: Daemon, tmp_path: Path
) -> None:
    junit = tmp_path / "junit.xml"
    done = run(
        *(host, f"unix:{agent.socket}", "--quiet", "--junit", str(junit)),
        *("--skip", "REQ-LIST-004", "--skip", "vector *"),
    )
    assert done.returncode == cli.OK, done.stdout + done.stderr
    assert f"vmplumbd 0.1.0 at unix:{agent.socket}, contract 1.0.0" in done.stdout
    assert "  needs a CNI network on which set-ups succeed:\n" in done.stdout
    suites = {one.get("name"): one for one in ElementTree.parse(junit).getroot()}
    assert suites["address"].get("skipped") == "0"
    assert suites["root"].get("skipped") == suites["root"].get("tests")


@pytest.mark.timeout(300)
def test_a_network_and_tls_files_can_be_named(host: Host, agent: Daemon, tmp_path: Path) -> None:
    files = (
        "--ca",
        str(tmp_path / "ca.pem"),
        "--cert",
        str(tmp_path / "me.pem"),
        "--key",
        str(tmp_path / "me.key"),
    )
    done = run(host, TARGET, *files, "--only", "REQ-GET-*", "--only", "REQ-DESCRIBE-101")
    assert done.returncode == cli.OK, done.stdout + done.stderr
    named = run(host, f"unix:{agent.socket}", "--network", "fcnet", "--kernel", "--only", "REQ-TEARDOWN-004")
    assert named.returncode == cli.OK, named.stdout + named.stderr
    assert "0 skipped" in named.stdout.splitlines()[-2]


@pytest.mark.timeout(300)
def test_exit_codes_tell_what_came_out(host: Host, agent: Daemon) -> None:
    late = run(host, f"unix:{agent.socket}", "--only", "REQ-GET-101", "--seconds", "0.000001")
    assert late.returncode == cli.BROKEN
    assert "not done after 0 s" in late.stdout
    nobody = run(host, f"unix:{agent.directory}/nobody.sock")
    assert nobody.returncode == cli.UNUSABLE
    assert "cannot be asked" in nobody.stderr
    assert run(host).returncode == cli.UNUSABLE


def test_the_list_needs_no_server(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--list"]) == cli.OK
    assert len(capsys.readouterr().out.splitlines()) == len(checks())


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", r"\[server\.main\] with an address is required"),
        ("[server.main]\nadress = 'unix:a'", r"\[server\.main\] has address"),
        ("[server.main]\naddress = 'a:1'\ncertificate = 'c'", "certificate goes with key"),
        ("[server.main]\naddress = 'a:1'\ncertificate = 'c'\nkey = 'k'", "both with ca"),
        ("[server.main]\naddress = 'a:1'\n[act]\nrestrat = 'x'", r"no such setting: act\.restrat"),
        ("[server.main]\naddress = 'a:1'\n[network]\nplain = 'x'", "no such setting: network"),
        ("not TOML", "profile.toml"),
    ],
)
def test_a_profile_that_cannot_be_used_is_refused(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "profile.toml").write_text(text)
    with pytest.raises(BadProfile, match=told):
        profile.load(tmp_path / "profile.toml")


def test_an_act_is_a_command_that_is_run_to_its_end(tmp_path: Path) -> None:
    done = tmp_path / "done"
    tree = {
        "server": {"main": {"address": "unix:/nobody"}},
        "act": {"restart": f"touch {done}", "crash": "echo not today; exit 3"},
    }
    stage = profile.of(tree)
    assert not stage.lacks("act.restart")
    assert stage.lacks("act.drain")
    asyncio.run(stage.act("restart"))
    assert done.exists()
    with pytest.raises(OSError, match="exit status 3: not today"):
        asyncio.run(stage.act("crash"))


def test_the_installed_plugin_answers_version(tmp_path: Path) -> None:
    made = cli.install_plugin(tmp_path / "bin")
    done = subprocess.run([made], env={"CNI_COMMAND": "VERSION"}, capture_output=True, text=True, check=True)
    assert '"1.1.0"' in done.stdout
