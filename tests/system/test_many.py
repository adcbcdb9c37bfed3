"""Many at once: a hundred VMs set up and torn down concurrently, and pages that stay small."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from tests.host import Host
from tests.snapshot import snapshot
from tests.system.daemon import Daemon, eventually, request, reservations
from vmplumb.v1 import network_agent_service_pb2 as pb

VMS = 100


def test_a_hundred_vms_have_a_hundred_addresses_and_leave_nothing(daemon: Daemon, module_host: Host) -> None:
    before = snapshot()
    ids = [f"many-{number}" for number in range(VMS)]
    with ThreadPoolExecutor(32) as callers:
        made = list(callers.map(daemon.result, ids))
    assert len({one.ip_boot_param.split(":")[0] for one in made}) == VMS
    assert len({one.interfaces[0].static_configuration.mac_address for one in made}) == VMS
    assert sorted(reservations(module_host).values()) == sorted(ids)
    with ThreadPoolExecutor(32) as callers:
        assert all(one.existed and one.devices_gone for one in callers.map(daemon.tear_down, ids))
    daemon.quiet()
    eventually(lambda: snapshot() == before, "the world is as it was")


def test_pages_are_in_order_and_below_what_a_client_receives(daemon: Daemon) -> None:
    ids = [f"page-{number:03}" for number in range(60)]
    for vm_id in ids:
        asked = request(vm_id)
        del asked.spec.network_interfaces.interfaces[:]
        # Long lists make long records: a page must end by size, not only by count.
        interface = asked.spec.network_interfaces.interfaces.add()
        interface.cni_configuration.network_name = "fcnet"
        interface.cni_configuration.network_config.Clear()
        interface.cni_configuration.ClearField("network_config")
        interface.cni_configuration.args.add(key="K" * 1000, value="V" * 60_000)
        interface.cni_configuration.args.add(key="IgnoreUnknown", value="1")
        list(daemon.stub.SetupNetwork(asked, timeout=60))
    seen: list[str] = []
    token = ""
    pages = 0
    while True:
        page = daemon.stub.ListNetworks(pb.ListNetworksRequest(page_size=25, page_token=token), timeout=30)
        assert page.ByteSize() < 4 * 1024 * 1024
        seen += [one.vm_id for one in page.networks]
        pages += 1
        token = page.next_page_token
        if not token:
            break
    assert seen == ids
    assert pages == 3
    for vm_id in ids:
        daemon.tear_down(vm_id, wait=False)
    daemon.quiet()
