"""The systemd unit: how little it allows, and that the agent does its work with that."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.host import Host
from tests.snapshot import snapshot
from tests.system import unit_settings
from tests.system.daemon import REDIRECT, Daemon, ptp
from tests.system.test_bad_plugins import FRAME

UNIT = Path("deploy/systemd/vmplumbd.service")

pytestmark = [pytest.mark.host, pytest.mark.systemd]


def test_the_unit_is_exposed_no_more_than_it_must_be() -> None:
    shown = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", str(UNIT)],
        capture_output=True, text=True, check=True, timeout=60,
    ).stdout  # fmt: skip
    found = re.search(r"Overall exposure level for vmplumbd\.service: ([\d.]+)", shown)
    assert found is not None, shown
    print(found[0])
    assert float(found[1]) <= 4.8


def test_the_unit_has_no_mount_tree_of_its_own() -> None:
    assert unit_settings.own_mounts(unit_settings.read(UNIT)) == []


@dataclass(slots=True)
class Confined(Daemon):
    """A daemon under the unit's settings, and some more."""

    more: tuple[str, ...] = ()

    def command(self) -> list[str]:
        """The daemon's, after the settings."""
        before = [sys.executable, "-m", "tests.system.unit_settings", str(UNIT), *self.more, "--"]
        return [*before, *Daemon.command(self)]


def filesystem(path: Path) -> str:
    """The kind of file system that a path of this mount tree lies on."""
    return subprocess.run(
        ["stat", "-f", "-c", "%T", str(path)], capture_output=True, text=True, check=True, timeout=60
    ).stdout.strip()


@pytest.mark.parametrize(
    ("more", "seen"), [((), "nsfs"), (("PrivateTmp=yes",), "tmpfs")], ids=["as it is", "with PrivateTmp"]
)
def test_from_outside_a_namespace_of_the_unit_is_one_unless_it_has_its_own_mounts(
    host: Host, tmp_path: Path, more: tuple[str, ...], seen: str
) -> None:
    before = snapshot()
    daemon = Confined(host, tmp_path, {}, more=more)
    daemon.start()
    daemon.set_up("v")
    assert filesystem(host.netns_dir / "v") == seen
    daemon.tear_down("v")
    daemon.quiet()
    daemon.terminate()
    if not more:
        assert snapshot() == before


def test_everything_is_done_within_the_units_rights(host: Host, tmp_path: Path) -> None:
    before = snapshot()
    daemon = Confined(host, tmp_path, {})
    daemon.plugin("extra", FRAME.replace("MISDEED", "ip link show >/dev/null || exit 1; echo $PREV"))
    elsewhere = {"type": "host-local", "subnet": "10.203.0.0/16", "routes": [{"dst": "0.0.0.0/0"}]}
    daemon.network("mixed", ptp(ipMasq=True, ipam=elsewhere), REDIRECT, {"type": "extra"})
    daemon.start()
    for network in ("fcnet", "mixed"):
        assert daemon.result(network, network).ip_boot_param
    daemon.kill()
    daemon.start()
    for network in ("fcnet", "mixed"):
        assert daemon.tear_down(network).devices_gone
    daemon.quiet()
    assert [line for line in daemon.lines if line["event"] in {"operation.fault", "not JSON"}] == []
    daemon.terminate()
    assert snapshot() == before
