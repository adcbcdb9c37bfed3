"""Links that a caller makes, and changes once they were looked at: what was judged is what is used, to the end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from tests.host import Host
from tests.snapshot import snapshot
from tests.system.daemon import REDIRECT, Daemon, daemon_in, ptp, refused
from tests.system.test_bad_plugins import FRAME

pytestmark = pytest.mark.host

VM = "v"


@pytest.fixture
def daemon(host: Host) -> Iterator[Daemon]:
    before = snapshot()
    with daemon_in(host, kernel__host_ipv6="false") as made:
        yield made
        made.quiet()
        assert made.networks() == []
        assert snapshot() == before


class Link:
    """A link of the caller's own, outside of all that is the operator's."""

    def __init__(self, daemon: Daemon, target: Path) -> None:
        folder = daemon.directory / "callers"
        folder.mkdir()
        self.path = folder / "link"
        self.path.symlink_to(target)

    def turn(self, daemon: Daemon) -> Path:
        """Let it lead to a directory of the caller's choice, which this makes."""
        target = daemon.directory / "elsewhere"
        target.mkdir()
        self.path.unlink()
        self.path.symlink_to(target)
        return target


def test_a_teardown_runs_no_program_that_the_callers_link_leads_to_by_then(daemon: Daemon) -> None:
    daemon.plugin("mark", FRAME.replace("MISDEED", "echo $PREV"))
    daemon.network("marked", ptp(), REDIRECT, {"type": "mark"})
    link = Link(daemon, daemon.bin)
    daemon.set_up(VM, "marked", bin_path=[str(link.path)])
    evil = link.turn(daemon) / "mark"
    evil.write_text(f"#!/bin/sh\ntouch {daemon.directory}/ran-as-root\n")
    evil.chmod(0o755)
    daemon.tear_down(VM)
    assert not (daemon.directory / "ran-as-root").exists()


def test_a_teardown_removes_no_file_that_the_callers_link_leads_to_by_then(
    daemon: Daemon, host: Host
) -> None:
    link = Link(daemon, host.netns_dir)
    daemon.set_up(VM, netns_path=str(link.path / "shadow"))
    precious = link.turn(daemon) / "shadow"
    precious.touch()
    daemon.tear_down(VM)
    assert precious.exists()
    assert not (host.netns_dir / "shadow").exists()


def test_a_teardown_removes_no_cache_that_the_callers_link_leads_to_by_then(
    daemon: Daemon, host: Host
) -> None:
    link = Link(daemon, host.cni_state)
    daemon.set_up(VM, cache_dir=str(link.path / VM))
    assert (host.cni_state / VM / "results").is_dir()
    results = link.turn(daemon) / VM / "results"
    results.mkdir(parents=True)
    precious = results / f"fcnet-{VM}-eth0"
    precious.touch()
    daemon.tear_down(VM)
    assert precious.exists()
    assert not (host.cni_state / VM).exists()


def test_a_namespace_lies_where_nobody_else_can_plant_a_link(daemon: Daemon, host: Host) -> None:
    shared = host.netns_dir / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    told = refused(lambda: daemon.set_up(VM, netns_path=str(shared / "vm")))
    assert (told.code, told.reason) == (grpc.StatusCode.PERMISSION_DENIED, "PATH_NOT_ALLOWED")
    assert told.violations == (("spec.netns_path", "path.not_allowed"),)
    shared.chmod(0o755)
    assert daemon.result(VM, netns_path=str(shared / "vm")).netns_path == str(shared / "vm")
    daemon.tear_down(VM)
    shared.rmdir()
