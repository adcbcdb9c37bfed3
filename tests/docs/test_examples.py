"""What the documents show works: configurations load, conflists are conflists, commands run on a host."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from tests.docs.examples import DOCS, ROOT, Example, every, examples
from tests.host import Host
from tests.snapshot import snapshot
from tests.system.daemon import daemon_in
from vmplumb._cli import app
from vmplumb.v1 import network_agent_service_pb2 as pb
from vmplumb_conformance import profile
from vmplumbd import config
from vmplumbd.cni import config as cni
from vmplumbd.policy import document

RPCS = [one.name for one in pb.DESCRIPTOR.services_by_name["NetworkAgentService"].methods]
EVERY = every()
# Commands whose options are the daemon's own.
DAEMONS = {"import", "policy"}


def of(kind: str) -> list[Example]:
    return [one for one in EVERY if one.kind == kind]


def name(example: Example) -> str:
    return f"{example.page}: {example.title or example.text.splitlines()[0]}"


@pytest.mark.parametrize("example", of("toml"), ids=name)
def test_a_toml_example_is_a_configuration_a_policy_or_a_profile(example: Example, tmp_path: Path) -> None:
    tree = tomllib.loads(example.text)
    if "rule" in tree:
        assert document.parse(example.text, RPCS).rules
    elif "server" in tree:
        assert profile.of(tree).servers
    elif set(tree) <= set(config.Config.__dataclass_fields__):
        file = tmp_path / "vmplumbd.toml"
        file.write_text(example.text)
        assert config.load(str(file), {}) != config.Config()
    else:
        pytest.fail(f"{example.page}: what is this? {sorted(tree)}")


@pytest.mark.parametrize("example", of("json"), ids=name)
def test_a_json_example_is_json_and_a_conflist_where_it_has_plugins(example: Example) -> None:
    tree = json.loads(example.text)
    if "plugins" in tree:
        assert [one.type for one in cni.parse_list(example.text.encode()).plugins]


def test_the_example_of_the_cni_library_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (shown,) = [one.text for one in examples(DOCS / "cni.md") if one.kind == "python"]
    places = {"/etc/cni/net.d": "conf", "/opt/cni/bin": "bin", "/var/lib/cni": "cache", "/run/netns": "netns"}
    for place, here in places.items():
        assert place in shown
        (tmp_path / here).mkdir()
        shown = shown.replace(place, str(tmp_path / here))
    network = {"cniVersion": "1.0.0", "name": "blue", "plugins": [{"type": "says"}]}
    (tmp_path / "conf/blue.conflist").write_text(json.dumps(network))
    result = {"cniVersion": "1.0.0", "ips": [{"address": "10.9.8.7/24"}]}
    plugin = tmp_path / "bin/says"
    plugin.write_text(
        f"#!/bin/sh\ncat >/dev/null\ncase $CNI_COMMAND in ADD) echo '{json.dumps(result)}';; esac\n"
    )
    plugin.chmod(0o755)
    exec(compile(shown, "docs/cni.md", "exec"), {})
    assert capsys.readouterr().out == "10.9.8.7/24\n"
    assert list((tmp_path / "cache").rglob("*blue-vm-7-eth0"))


@pytest.mark.parametrize("example", of("toml"), ids=name)
def test_a_page_whose_agent_speaks_with_other_hosts_says_what_the_unit_wants_then(example: Example) -> None:
    tree = tomllib.loads(example.text)
    spoken_with = [tree.get("listen", {}).get("tcp", ""), *tree.get("fleet", {}).get("endpoints", ())]
    if any(one and not one.startswith("127.") for one in spoken_with):
        assert "IPAddressAllow=" in (ROOT / example.page).read_text()


def said(text: str) -> Iterator[list[str]]:
    """The command lines of vmplumbctl in a page, as words."""
    inline = re.findall(r"(?<!`)`(vmplumbctl [^`]+)`(?!`)", text)
    for line in [*inline, *re.findall(r"^(?:\$ )?(vmplumbctl .+?)(?:\s+#.*)?$", text, re.M)]:
        yield shlex.split(line)[1:]


def unknown(words: list[str]) -> list[str]:
    """The words of a command line that name no command and no option."""
    command: click.Command = app.root
    strange = []
    for word in words:
        options = {one for each in command.params for one in (*each.opts, *each.secondary_opts)}
        if word.startswith("-"):
            if word.partition("=")[0] not in {*options, "--help"}:
                strange.append(word)
        elif isinstance(command, click.Group) and word in command.commands:
            command = command.commands[word]
        elif isinstance(command, click.Group) and word.isalpha() and word.islower():
            strange.append(word)
    return strange


PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_command_line_of_the_documents_is_one_that_there_is(page: Path) -> None:
    lines = [line for line in said(page.read_text()) if line[0] not in DAEMONS]
    assert [(line, found) for line in lines if (found := unknown(line))] == []


def test_a_command_line_that_there_is_not_is_told() -> None:
    assert unknown(["setup", "vm-1"]) == ["setup"]
    assert unknown(["gc", "--dry", "vm-1"]) == ["--dry"]


# What a registry would be asked for by this project's names.
ASKED = re.compile(
    r"(?:pip install|npm install|npm i|cargo add|go get|go install)\s+(?:--?\S+\s+)*"
    r"['\"]?(?:vmplumb|github\.com/vmplumb|io\.github\.vmplumb)"
)


def test_no_page_asks_a_registry_for_what_is_not_there() -> None:
    pages = subprocess.run(
        ["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    ).stdout.split()
    assert "clients/go/fleet/README.md" in pages
    assert [
        (page, ASKED.findall((ROOT / page).read_text()))
        for page in pages
        if ASKED.search((ROOT / page).read_text())
    ] == []
    assert ASKED.search("pip install vmplumb[cli]")
    assert ASKED.search("go get github.com/vmplumb/vmplumb/clients/go")


# Pages whose blocks, from top to bottom, are done on a host: files are written, commands run.
WALKS = ("network.md", "recover.md")


@pytest.mark.host
@pytest.mark.parametrize("page", WALKS)
def test_the_commands_of_a_page_run_on_a_host(host: Host, page: str) -> None:
    blocks = [one for one in examples(DOCS / page) if one.title]
    assert any(one.kind == "sh" for one in blocks)
    with daemon_in(host) as daemon:
        # A first bridge stays, as the reference's does: it is part of the host.
        before = snapshot()
        environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "VMPLUMB_TARGET": f"unix:{daemon.socket}",
        }
        for block in blocks:
            if block.kind == "json":
                (daemon.conf / block.title).write_text(block.text)
            elif block.kind == "sh":
                for line in block.text.splitlines():
                    done = host.run(["sh", "-c", line], env=environment, check=False)
                    # 1 is what doctor and check say of findings.
                    assert done.returncode in ({0, 1} if "doctor" in line else {0}), (
                        line,
                        done.stdout,
                        done.stderr,
                    )
        assert daemon.networks() == []
        daemon.quiet()
        if page == "network.md":
            host.run(["ip", "link", "del", "vmbr0"])
        assert snapshot() == before
