"""The launchers that `vmplumbd install-plugins` writes, called as a runtime calls plugins."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.host import Host
from vmplumbd.plugins import builtin, install

CONF = {"cniVersion": "0.3.1", "name": "net", "ipam": {"type": "host-local", "subnet": "10.9.0.0/24"}}


@pytest.fixture(scope="module")
def launchers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of CNI_PATH with our plugins in it."""
    directory = tmp_path_factory.mktemp("cni") / "bin"
    done = subprocess.run(
        [sys.executable, "-m", "vmplumbd", "install-plugins", directory],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [str(directory / kind) for kind in builtin.TYPES]
    return directory


def call(plugin: Path, command: str, stdin: Any, **environ: str) -> subprocess.CompletedProcess[str]:
    variables = {
        "CNI_COMMAND": command,
        "CNI_CONTAINERID": "vm",
        "CNI_IFNAME": "eth0",
        "CNI_NETNS": "/run/netns/vm",
        "CNI_PATH": str(plugin.parent),
        "PATH": "/usr/bin:/bin",
        **environ,
    }
    return subprocess.run(
        [plugin], input=json.dumps(stdin), env=variables, capture_output=True, text=True, check=False
    )


def test_a_chain_is_set_up_and_taken_back(host: Host, launchers: Path) -> None:
    host.run(["ip", "netns", "add", "vm"])
    ptp = call(launchers / "ptp", "ADD", {**CONF, "type": "ptp"})
    assert (ptp.returncode, ptp.stderr) == (0, "")
    chained = {
        "cniVersion": "0.3.1",
        "name": "net",
        "type": "tc-redirect-tap",
        "prevResult": json.loads(ptp.stdout),
    }
    tap = call(launchers / "tc-redirect-tap", "ADD", chained, CNI_ARGS="TC_REDIRECT_TAP_NAME=fc0")
    assert (tap.returncode, tap.stderr) == (0, "")
    assert [each["name"] for each in json.loads(tap.stdout)["interfaces"]][1:] == ["eth0", "fc0", "fc0"]
    assert tap.stdout.startswith('{\n    "cniVersion": "0.3.1",\n')
    host.run(["ip", "-n", "vm", "link", "show", "fc0"])
    for name, conf in (("tc-redirect-tap", chained), ("ptp", {**CONF, "type": "ptp"})):
        gone = call(launchers / name, "DEL", conf)
        assert (gone.returncode, gone.stdout, gone.stderr) == (0, "", "")
    links = json.loads(host.run(["ip", "-n", "vm", "-j", "link"]).stdout)
    assert [link["ifname"] for link in links] == ["lo"]


def test_what_changes_the_work_of_others_is_taken_back(host: Host, launchers: Path) -> None:
    host.run(["ip", "netns", "add", "vm"])
    ipam = {"type": "static", "addresses": [{"address": "10.9.0.2/24", "gateway": "10.9.0.1"}]}
    top = {"cniVersion": "1.0.0", "name": "net", "ipam": ipam}
    rates = {"ingressRate": 8_000_000, "ingressBurst": 80_000, "egressRate": 8_000_000, "egressBurst": 80_000}
    chain: dict[str, dict[str, Any]] = {"ptp": {}, "tuning": {"mtu": 1400}, "bandwidth": rates}
    prev: dict[str, Any] = {}
    for kind, conf in chain.items():
        made = call(launchers / kind, "ADD", {**top, **conf, **prev})
        assert (made.returncode, made.stderr) == (0, "")
        prev = {"prevResult": json.loads(made.stdout)}
    interfaces = prev["prevResult"]["interfaces"]
    assert [each["name"][:3] for each in interfaces] == ["vet", "eth", "bwp"]
    (link,) = json.loads(host.run(["ip", "-n", "vm", "-j", "link", "show", "eth0"]).stdout)
    assert link["mtu"] == 1400
    for command, kinds in (("CHECK", list(chain)), ("DEL", list(reversed(chain)))):
        for kind in kinds:
            done = call(launchers / kind, command, {**top, **chain[kind], **prev})
            assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert [each["ifname"] for each in json.loads(host.run(["ip", "-j", "link"]).stdout)] == ["lo"]
    assert not list(Path("/run/cni/tuning").iterdir())


def test_a_bridge_is_joined_and_left(host: Host, launchers: Path) -> None:
    host.run(["ip", "netns", "add", "vm"])
    conf = {**CONF, "type": "bridge", "bridge": "br0", "isGateway": True, "hairpinMode": True}
    made = call(launchers / "bridge", "ADD", conf)
    assert (made.returncode, made.stderr) == (0, "")
    names = [each["name"] for each in json.loads(made.stdout)["interfaces"]]
    ports = json.loads(host.run(["bridge", "-d", "-j", "link", "show"]).stdout)
    assert [(each["ifname"], each["master"], each["hairpin"]) for each in ports] == [(names[1], "br0", True)]
    gone = call(launchers / "bridge", "DEL", conf, CNI_NETNS="")
    assert (gone.returncode, gone.stdout, gone.stderr) == (0, "", "")
    assert [link["ifname"] for link in json.loads(host.run(["ip", "-j", "link"]).stdout)] == ["lo", "br0"]


@pytest.mark.parametrize("kind", builtin.TYPES)
def test_version_and_no_command_are_answered(launchers: Path, kind: str) -> None:
    version = call(launchers / kind, "VERSION", {"cniVersion": "1.1.0"})
    assert version.returncode == 0
    assert json.loads(version.stdout)["supportedVersions"][-1] == "1.1.0"
    nothing = call(launchers / kind, "", {})
    assert (nothing.returncode, nothing.stdout) == (0, "")
    assert "CNI protocol versions supported:" in nothing.stderr


@pytest.mark.parametrize(
    ("command", "stdin", "code", "msg"),
    [
        ("NONSENSE", CONF, 4, "unknown CNI_COMMAND: NONSENSE"),
        ("ADD", {**CONF, "cniVersion": "9.9.9"}, 1, "incompatible CNI versions"),
        ("ADD", {**CONF, "name": ""}, 7, "missing network name"),
        ("CHECK", CONF, 1, "config version does not allow CHECK"),
    ],
)
def test_a_refusal_is_an_error_object_on_stdout(
    launchers: Path, command: str, stdin: dict[str, Any], code: int, msg: str
) -> None:
    done = call(launchers / "ptp", command, stdin)
    assert done.returncode == 1
    said = json.loads(done.stdout)
    assert (said["code"], said["msg"]) == (code, msg)


def test_a_stranger_s_plugin_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "ptp").write_text("#!/bin/sh\n", encoding="utf-8")
    with pytest.raises(FileExistsError):
        install.install(str(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["ptp"]


def test_our_own_launchers_are(tmp_path: Path) -> None:
    assert install.install(str(tmp_path)) == install.install(str(tmp_path))
