"""A network has only so many addresses: who gets the last, who waits for one, and who is told before."""

from __future__ import annotations

import grpc
import pytest

from tests.host import Host
from tests.system.daemon import REDIRECT, Daemon, daemon_in, ptp, refused, request, reservations

pytestmark = pytest.mark.host

SMALL = {"type": "host-local", "subnet": "10.30.0.0/29"}


@pytest.fixture
def network(daemon: Daemon) -> None:
    daemon.network("small", ptp(ipam=SMALL), REDIRECT)


@pytest.mark.usefixtures("network")
def test_a_full_network_is_told_with_its_number_before_anything_is_done(daemon: Daemon) -> None:
    for number in range(5):
        daemon.set_up(f"full-{number}", "small")
    before = daemon.status().revision
    for validate_only in (False, True):
        asked = request("full-5", "small", validate_only=validate_only)
        told = refused(lambda asked=asked: list(daemon.stub.SetupNetwork(asked, timeout=20)))  # type: ignore[misc]
        assert (told.code, told.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "ADDRESSES_EXHAUSTED")
        assert "5 of 5 are held" in told.message
    assert daemon.status().revision == before
    for number in range(5):
        daemon.tear_down(f"full-{number}")


def test_as_many_networks_as_are_allowed_and_one_more_when_one_has_gone(host: Host) -> None:
    with daemon_in(host, limits__max_networks="2") as daemon:
        for number in range(2):
            daemon.set_up(f"most-{number}")
        told = refused(lambda: daemon.set_up("most-2"))
        assert (told.code, told.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_NETWORKS")
        assert "2 networks are held, the limit is 2" in told.message
        assert daemon.status().figures.max_networks == 2
        assert len(daemon.networks()) == 2
        daemon.tear_down("most-0", wait=False)
        daemon.set_up("most-2")
        for number in (1, 2):
            daemon.tear_down(f"most-{number}")


@pytest.mark.usefixtures("network")
def test_an_address_that_is_about_to_be_free_is_waited_for(daemon: Daemon, module_host: Host) -> None:
    for number in range(5):
        daemon.set_up(f"soon-{number}", "small")
    free = daemon.get("soon-2").result.ip_boot_param.split(":")[0]
    daemon.tear_down("soon-2", wait=False)
    assert daemon.result("soon-5", "small").ip_boot_param.split(":")[0] == free
    for number in (0, 1, 3, 4, 5):
        daemon.tear_down(f"soon-{number}", wait=False)
    # The very address, which its old device still holds, while others are free too.
    args = [{"key": "IP", "value": free}, {"key": "IgnoreUnknown", "value": "1"}]
    assert daemon.result("soon-6", "small", args=args).ip_boot_param.split(":")[0] == free
    daemon.tear_down("soon-6")
    daemon.quiet()
    assert reservations(module_host, "small") == {}
