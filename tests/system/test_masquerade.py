"""Masquerading through the daemon: rules come with a set-up, go with its teardown, and outlive the agent."""

from __future__ import annotations

from collections.abc import Iterator

import grpc
import pytest

from tests.host import Host
from tests.snapshot import snapshot
from tests.system.daemon import REDIRECT, Daemon, daemon_in, eventually, ptp, refused, reservations
from vmplumbd.kernel.linux import LinuxKernel
from vmplumbd.plugins.masquerade import CHECKS

pytestmark = pytest.mark.host


@pytest.fixture
def daemon(host: Host) -> Iterator[Daemon]:
    with daemon_in(host) as made:
        made.network("masq", ptp(ipMasq=True, ipMasqBackend="nftables"), REDIRECT)
        yield made


@pytest.fixture
def kernel(host: Host) -> Iterator[LinuxKernel]:
    made = LinuxKernel()
    yield made
    made.close()


def owners(kernel: LinuxKernel) -> list[str]:
    return [rule.comment.rpartition(" ")[2] for rule in kernel.host().rules(CHECKS).rules]


def test_rules_go_before_the_teardown_answers(daemon: Daemon, kernel: LinuxKernel, host: Host) -> None:
    before = snapshot()
    for vm_id in ("masq-1", "masq-2"):
        daemon.set_up(vm_id, "masq")
    assert owners(kernel) == ["masq-1", "masq-2"]
    daemon.tear_down("masq-1", wait=False)
    assert owners(kernel) == ["masq-2"]
    daemon.tear_down("masq-2")
    daemon.quiet()
    assert owners(kernel) == []
    assert reservations(host, "masq") == {}
    assert snapshot() == before


def test_a_new_agent_finds_the_rules_of_the_one_that_was_killed(
    daemon: Daemon, kernel: LinuxKernel, host: Host
) -> None:
    before = snapshot()
    daemon.set_up("masq-1", "masq")
    daemon.set_up("masq-2", "masq")
    daemon.kill()
    host.run(["ip", "netns", "del", "masq-2"], check=False)
    daemon.start()
    daemon.set_up("masq-3", "masq")
    assert {"masq-1", "masq-3"} <= set(owners(kernel))
    for vm_id in ("masq-1", "masq-2", "masq-3"):
        daemon.tear_down(vm_id)
    daemon.quiet()
    eventually(lambda: owners(kernel) == [], "no rule left")
    assert snapshot() == before


def test_rules_that_cannot_be_are_refused_before_the_attempt(daemon: Daemon, host: Host) -> None:
    table = "inet cni_plugins_masquerade"
    host.run(["nft", f"add table {table}"])
    host.run(["nft", f"add chain {table} postrouting {{ type filter hook output priority 0; }}"])
    before = snapshot()
    told = refused(lambda: daemon.set_up("masq-1", "masq"))
    assert (told.code, told.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "UNSUPPORTED")
    assert daemon.networks() == []
    assert snapshot() == before
    host.run(["nft", f"delete table {table}"])
    daemon.set_up("masq-1", "masq")
    daemon.tear_down("masq-1")
    daemon.quiet()
