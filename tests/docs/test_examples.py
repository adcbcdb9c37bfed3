"""What the documents show works: configurations load, conflists are conflists, commands run on a host."""

from __future__ import annotations

import json
import os
import sys
import tomllib
from pathlib import Path

import pytest

from tests.docs.examples import DOCS, Example, every, examples
from tests.host import Host
from tests.snapshot import snapshot
from tests.system.daemon import daemon_in
from vmplumb.v1 import network_agent_service_pb2 as pb
from vmplumb_conformance import profile
from vmplumbd import config
from vmplumbd.cni import config as cni
from vmplumbd.policy import document

RPCS = [one.name for one in pb.DESCRIPTOR.services_by_name["NetworkAgentService"].methods]
EVERY = every()


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
