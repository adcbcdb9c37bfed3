"""The leak finder on a host full of planted leaks, live networks and foreign things: all leaks and nothing else."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.host import Host
from tests.snapshot import snapshot
from tests.system.daemon import REDIRECT, Daemon, daemon_in, eventually, ptp, refused
from vmplumb.v1 import errors_pb2
from vmplumb.v1 import network_agent_service_pb2 as pb
from vmplumbd.model.judge import ifb_name
from vmplumbd.operations import clear
from vmplumbd.plugins import masquerade

pytestmark = pytest.mark.host

CNI = Path("/var/lib/cni")
RESERVED = CNI / "networks" / "fcnet"
OLD = time.time() - 2 * 86400

# No link-local addresses, which come some time after their link and make two snapshots differ.
QUIET = "for one in all default; do echo 1 > /proc/sys/net/ipv6/conf/$one/disable_ipv6; done"

# Networks, namespaces, devices and files of others, of every kind the finder looks at.
FOREIGN = """
nft add table inet theirs
nft add chain inet theirs nat '{ type nat hook postrouting priority 99; }'
nft add rule inet theirs nat ip saddr 10.200.9.21 masquerade comment '"fcnet ghost-21"'
ip netns add web
ip link add br-foreign type bridge forward_delay 0
ip addr add 172.20.0.1/24 dev br-foreign
ip link set br-foreign up
ip link add veth0a1b2c3 type veth peer name eth0 netns web
ip link set veth0a1b2c3 master br-foreign up
ip -n web addr add 172.20.0.2/24 dev eth0
ip -n web link set eth0 up
ip netns add qemu
ip -n qemu tuntap add tap0 mode tap
ip tuntap add tapforeign mode tap
ip link add ifb7 type ifb
ip link add one type veth peer name other
mkdir -p /var/lib/cni/networks/podman /var/lib/cni/results /var/lib/cni/app/results /var/lib/cni/flannel
printf 'c0ffee\\r\\neth0' > /var/lib/cni/networks/podman/10.88.0.2
: > /var/lib/cni/networks/podman/10.88.0.3
echo 10.88.0.3 > /var/lib/cni/networks/podman/last_reserved_ip.0
printf '{"kind":"cniCacheV1","containerId":"c0ffee","config":"e30=","ifName":"eth0",%s' \
  '"networkName":"podman","result":{}}' > /var/lib/cni/results/podman-c0ffee-eth0
cp /var/lib/cni/results/podman-c0ffee-eth0 /var/lib/cni/app/results/podman-app-eth0
: > /var/lib/cni/results/podman-dead-eth0
: > /var/lib/cni/flannel/subnet.json
: > /run/netns/.not-ours
"""


BRIDGED = {
    "type": "bridge",
    "bridge": "br-wide",
    "isGateway": True,
    "ipMasq": True,
    "ipMasqBackend": "nftables",
    "ipam": {"type": "host-local", "subnet": "10.202.0.0/16"},
}
RATES = dict.fromkeys(("ingressRate", "ingressBurst", "egressRate", "egressBurst"), 1_000_000)


def sh(host: Host, script: str) -> str:
    return host.run(["sh", "-ec", script]).stdout


@pytest.fixture
def doctor(host: Host) -> Iterator[Daemon]:
    """A daemon with live networks of its own and of a network it shares, among foreign things."""
    with daemon_in(host, cni__owned_networks="fcnet:wide") as made:
        made.network("wide", BRIDGED, {"type": "bandwidth", **RATES}, REDIRECT)
        made.network("fcnet", ptp(ipMasq=True, ipMasqBackend="nftables"), REDIRECT)
        made.network("shared", ptp(ipam={"type": "host-local", "subnet": "10.201.0.0/16"}), REDIRECT)
        sh(host, QUIET)
        sh(host, FOREIGN)
        for vm_id in ("vm-1", "vm-2"):
            made.set_up(vm_id)
        made.set_up("vm-3", "shared")
        made.set_up("vm-4", "wide")
        # Another runtime's VM on the shared network: its cache accounts for it.
        reserve("10.201.9.9", "neighbour", network="shared")
        copy_cache("vm-3", "neighbour", CNI, network="shared")
        settled = "! ip link show type bridge | grep mtu | grep -qv 'state UP'"
        eventually(
            lambda: host.run(["sh", "-c", settled], check=False).returncode == 0, "the bridges have settled"
        )
        yield made


def reserve(address: str, owner: str, *, network: str = "fcnet", age: float = 0) -> None:
    path = CNI / "networks" / network / address
    path.write_text(f"{owner}\r\neth0" if owner else "")
    if age:
        os.utime(path, (time.time() - age,) * 2)


def copy_cache(
    live: str, vm_id: str, directory: Path, *, network: str = "fcnet", devices: bool = False
) -> None:
    """A cache record as a set-up of `vm_id` would have left it, made of a live VM's (`devices`: with its own)."""
    body = json.loads((CNI / live / "results" / f"{network}-{live}-eth0").read_text())
    if not devices:
        body |= {"netns": f"/var/run/netns/{vm_id}"}
        for one in body["result"]["interfaces"]:
            one["name"] = one["name"] if one.get("sandbox") else "veth5555eeee"
    body["containerId"] = vm_id
    (directory / "results").mkdir(parents=True, exist_ok=True)
    (directory / "results" / f"{network}-{vm_id}-eth0").write_text(json.dumps(body))


def diagnose(daemon: Daemon, **fields: bool) -> pb.DiagnoseHostResponse:
    return daemon.stub.DiagnoseHost(pb.DiagnoseHostRequest(**fields), timeout=30)


def collect(daemon: Daemon, **fields: Any) -> pb.CollectGarbageResponse:
    """The leaks, and no network."""
    order = pb.CollectGarbageRequest(allow_empty=True, as_of_revision=0, collect_leaks=True, **fields)
    return daemon.stub.CollectGarbage(order, timeout=60)


Row = tuple[str, str, str, str]


def rows(findings: object) -> set[Row]:
    """(kind, what, VM, action) of each finding."""
    return {
        (
            errors_pb2.ResourceKind.Name(one.kind).removeprefix("RESOURCE_KIND_"),
            one.what,
            one.vm_id,
            pb.FindingAction.Name(one.would_do).removeprefix("FINDING_ACTION_"),
        )
        for one in findings  # type: ignore[attr-defined]  # a repeated field
    }


# Each leak: how it comes about, and what is to be found. DEL of a cached attachment is followed by its files.


def dead_vms_address(daemon: Daemon) -> set[Row]:
    reserve("10.200.9.1", "ghost-1", age=3 * 86400)
    return {("RESERVATION", "10.200.9.1", "ghost-1", "RELEASE")}


def empty_reservation(daemon: Daemon) -> set[Row]:
    reserve("10.200.9.2", "")
    return {("RESERVATION", "10.200.9.2", "", "RELEASE")}


def second_address_of_a_live_vm(daemon: Daemon) -> set[Row]:
    reserve("10.200.9.3", "vm-1")
    return {("RESERVATION", "10.200.9.3", "vm-1", "RELEASE")}


def half_written_reservation(daemon: Daemon) -> set[Row]:
    reserve(".draft-0123456789abcdef", "ghost-4", age=120)
    return {("FILE", ".draft-0123456789abcdef", "ghost-4", "REMOVE")}


def cache_of_a_vm_that_is_gone(daemon: Daemon) -> set[Row]:
    copy_cache("vm-1", "ghost-5", CNI / "ghost-5")
    reserve("10.200.9.5", "ghost-5")
    return {
        ("CNI_CACHE", "fcnet-ghost-5-eth0", "ghost-5", "CNI_DEL"),
        ("RESERVATION", "10.200.9.5", "ghost-5", "RELEASE"),
    }


def record_in_libcnis_own_cache(daemon: Daemon) -> set[Row]:
    copy_cache("vm-1", "ghost-6", CNI)
    return {("CNI_CACHE", "fcnet-ghost-6-eth0", "ghost-6", "CNI_DEL")}


def record_with_the_devices_of_a_live_vm(daemon: Daemon) -> set[Row]:
    copy_cache("vm-1", "ghost-19", CNI / "ghost-19", devices=True)
    return {("CNI_CACHE", "fcnet-ghost-19-eth0", "ghost-19", "REMOVE")}


def masquerade_of_a_vm_that_is_gone(daemon: Daemon) -> set[Row]:
    comment = masquerade.Owner(network="fcnet", container_id="ghost-20", if_name="eth0").comment
    rule = "inet cni_plugins_masquerade masq_checks ip saddr 10.200.9.20 ip daddr != 10.200.0.0/16 masquerade"
    sh(daemon.host, f"nft add rule '{rule} comment \"{comment}\"'")
    return {("NFT_RULES", f"handle {rule_of(daemon, 'ghost-20')}", "ghost-20", "REMOVE")}


def namespace_of_a_pool_without_a_row(daemon: Daemon) -> set[Row]:
    path = daemon.directory / "state" / "pool" / "0123abcd"
    path.parent.mkdir(exist_ok=True)
    sh(daemon.host, f"ip netns add tmp; touch {path}; mount --bind /run/netns/tmp {path}; ip netns del tmp")
    return {("NETNS", "0123abcd", "", "REMOVE")}


def record_whose_namespace_is_another_one_now(daemon: Daemon) -> set[Row]:
    copy_cache("vm-1", "web", CNI / "web")
    reserve("10.200.9.22", "web")
    return {
        ("CNI_CACHE", "fcnet-web-eth0", "web", "CNI_DEL"),
        ("RESERVATION", "10.200.9.22", "web", "RELEASE"),
    }


def empty_cache_file(daemon: Daemon) -> set[Row]:
    (CNI / "ghost-7" / "results").mkdir(parents=True)
    (CNI / "ghost-7" / "results" / "fcnet-ghost-7-eth0").touch()
    return {("CNI_CACHE", "fcnet-ghost-7-eth0", "ghost-7", "REMOVE")}


def half_written_cache_file(daemon: Daemon) -> set[Row]:
    (CNI / "ghost-8").mkdir()
    draft = CNI / "ghost-8" / ".fcnet-ghost-8-eth0"
    draft.write_text('{"kind":"cniCach')
    os.utime(draft, (OLD, OLD))
    return {("CNI_CACHE", ".fcnet-ghost-8-eth0", "ghost-8", "REMOVE")}


def empty_cache_directory(daemon: Daemon) -> set[Row]:
    (CNI / "ghost-9" / "results").mkdir(parents=True)
    os.utime(CNI / "ghost-9", (OLD, OLD))
    return {("FILE", "ghost-9", "ghost-9", "REMOVE")}


def network_the_journal_has_lost(daemon: Daemon) -> set[Row]:
    address = daemon.result("ghost-10").interfaces[0].vm_conf.vm_ip_config.address.partition("/")[0]
    daemon.terminate()
    with sqlite3.connect(daemon.directory / "state" / "journal.db") as journal:
        journal.execute("DELETE FROM networks WHERE vm_id = 'ghost-10'")
    journal.close()
    daemon.start()
    return {
        ("CNI_CACHE", "fcnet-ghost-10-eth0", "ghost-10", "CNI_DEL"),
        ("RESERVATION", address, "ghost-10", "RELEASE"),
        ("NETNS", "ghost-10", "ghost-10", "REMOVE"),
        ("NFT_RULES", f"handle {rule_of(daemon, 'ghost-10')}", "ghost-10", "REMOVE"),
    }


def rule_of(daemon: Daemon, vm_id: str) -> str:
    """The handle of the rule that masquerades for a VM."""
    listed = sh(daemon.host, "nft -a list chain inet cni_plugins_masquerade masq_checks")
    (line,) = (one for one in listed.splitlines() if f'id: {vm_id}"' in one)
    return line.split("# handle ")[1].strip()


def file_in_the_place_of_a_namespace(daemon: Daemon) -> set[Row]:
    Path("/run/netns/ghost-11").touch()
    reserve("10.200.9.11", "ghost-11")
    return {
        ("FILE", "ghost-11", "ghost-11", "REMOVE"),
        ("RESERVATION", "10.200.9.11", "ghost-11", "RELEASE"),
    }


def host_end_whose_namespace_has_no_name(daemon: Daemon) -> set[Row]:
    sh(
        daemon.host,
        "ip netns add hidden; ip link add veth0000abcd type veth peer name eth0 netns hidden;"
        "ip link set veth0000abcd up; ip route add 10.200.9.12/32 dev veth0000abcd scope host;"
        "touch /run/hidden; mount --bind /run/netns/hidden /run/hidden; ip netns del hidden",
    )
    reserve("10.200.9.12", "ghost-12")
    return {
        ("LINK", "veth0000abcd", "ghost-12", "REMOVE"),
        ("RESERVATION", "10.200.9.12", "ghost-12", "RELEASE"),
    }


def second_tap_in_a_live_namespace(daemon: Daemon) -> set[Row]:
    sh(
        daemon.host,
        "ip -n vm-2 tuntap add tap9 mode tap; tc -n vm-2 qdisc add dev tap9 ingress;"
        "tc -n vm-2 filter add dev tap9 parent ffff: protocol all u32 match u8 0 0"
        " action mirred egress redirect dev eth0",
    )
    return {("LINK", "tap9", "vm-2", "REMOVE")}


def shaper_of_a_vm_that_is_gone(daemon: Daemon) -> set[Row]:
    name = ifb_name("fcnet", "ghost-14")
    sh(daemon.host, f"ip link add {name} type ifb")
    reserve("10.200.9.14", "ghost-14")
    return {("LINK", name, "ghost-14", "REMOVE"), ("RESERVATION", "10.200.9.14", "ghost-14", "RELEASE")}


def second_cache_record_of_a_live_vm(daemon: Daemon) -> set[Row]:
    shutil.copy(CNI / "vm-1" / "results" / "fcnet-vm-1-eth0", CNI / "results")
    return {("CNI_CACHE", "fcnet-vm-1-eth0", "vm-1", "REMOVE")}


def namespace_deleted_behind_our_back(daemon: Daemon) -> set[Row]:
    daemon.set_up("ghost-16")
    sh(daemon.host, "ip netns del ghost-16")
    eventually(lambda: "10.200" not in _route_of("ghost-16"), "its devices are gone")
    return {("JOURNAL_RECORD", "ghost-16", "ghost-16", "CNI_DEL")}


def _route_of(vm_id: str) -> str:
    address = next(one.name for one in RESERVED.iterdir() if one.read_text().startswith(vm_id))
    return subprocess.run(["ip", "route", "show", address], capture_output=True, text=True, check=True).stdout


def address_of_a_shared_network_that_nobody_accounts_for(daemon: Daemon) -> set[Row]:
    reserve("10.201.9.17", "ghost-17", network="shared")
    return {("RESERVATION", "10.201.9.17", "ghost-17", "REPORT")}


def route_that_leads_elsewhere(daemon: Daemon) -> set[Row]:
    sh(
        daemon.host,
        "ip link add stale type bridge; ip link set stale up; ip route add 10.200.9.18/32 dev stale",
    )
    return {("ROUTE", "10.200.9.18", "", "REPORT")}


def lost_reservation_of_a_live_vm(daemon: Daemon) -> set[Row]:
    (path,) = (one for one in RESERVED.iterdir() if one.read_bytes() == b"vm-2\r\neth0")
    shutil.move(path, "/run/kept-reservation")
    return {("RESERVATION", path.name, "vm-2", "REPORT")}


def lost_cache_of_a_live_vm(daemon: Daemon) -> set[Row]:
    shutil.move(CNI / "vm-2" / "results" / "fcnet-vm-2-eth0", "/run/kept-cache")
    return {("CNI_CACHE", "fcnet-vm-2-eth0", "vm-2", "REPORT")}


def journal_set_aside(daemon: Daemon) -> set[Row]:
    (daemon.directory / "state" / "journal.db.damaged-1").write_bytes(b"?")
    return {("FILE", "journal.db.damaged-1", "", "REPORT")}


LEAKS: tuple[Callable[[Daemon], set[Row]], ...] = (
    network_the_journal_has_lost,
    dead_vms_address,
    empty_reservation,
    second_address_of_a_live_vm,
    half_written_reservation,
    cache_of_a_vm_that_is_gone,
    record_in_libcnis_own_cache,
    record_with_the_devices_of_a_live_vm,
    masquerade_of_a_vm_that_is_gone,
    namespace_of_a_pool_without_a_row,
    record_whose_namespace_is_another_one_now,
    empty_cache_file,
    half_written_cache_file,
    empty_cache_directory,
    file_in_the_place_of_a_namespace,
    host_end_whose_namespace_has_no_name,
    second_tap_in_a_live_namespace,
    shaper_of_a_vm_that_is_gone,
    second_cache_record_of_a_live_vm,
    namespace_deleted_behind_our_back,
)
# What is told, and left to people.
REPORTED: tuple[Callable[[Daemon], set[Row]], ...] = (
    address_of_a_shared_network_that_nobody_accounts_for,
    route_that_leads_elsewhere,
    lost_reservation_of_a_live_vm,
    lost_cache_of_a_live_vm,
    journal_set_aside,
)
MEND = """
rm /var/lib/cni/networks/shared/10.201.9.17 && ip link del stale
mv /run/kept-reservation /var/lib/cni/networks/fcnet/$(awk '/^10/' /run/kept-name)
mv /run/kept-cache /var/lib/cni/vm-2/results/fcnet-vm-2-eth0
umount /run/hidden && rm /run/hidden /run/kept-name
"""


def world() -> dict[str, Any]:
    """Everything on the host, empty directories too."""
    folders = sorted(str(one) for one in CNI.rglob("*") if one.is_dir())
    return {**snapshot(), "folders": folders, "reserved files": sorted(str(one) for one in CNI.rglob("lock"))}


def vmplumbctl(daemon: Daemon, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from vmplumb._cli.app import run; run()", *words]
    return daemon.host.run([*command, "--target", f"unix:{daemon.socket}"], check=False)


def test_the_doctor_finds_every_planted_leak_and_nothing_else_and_takes_them_away(doctor: Daemon) -> None:
    assert rows(diagnose(doctor).findings) == set(), "live networks and foreign things are no findings"
    before = world()
    expected: set[Row] = set()
    for plant in (*LEAKS, *REPORTED):
        expected |= plant(doctor)
    (lost,) = (what for kind, what, vm_id, _ in expected if (kind, vm_id) == ("RESERVATION", "vm-2"))
    Path("/run/kept-name").write_text(lost + "\n")
    planted = world()

    told = diagnose(doctor, skip_preflight=True).findings
    assert rows(told) == expected
    assert all(one.detail for one in told)
    ages = {one.what: one.age.seconds // 86400 for one in told if one.HasField("age")}
    assert (ages["10.200.9.1"], ages["ghost-9"]) == (3, 2)
    shown = vmplumbctl(doctor, "doctor", "--fix", "--skip-preflight")
    assert shown.returncode == 1, shown.stderr
    assert all(what in shown.stdout for _, what, _, _ in expected), shown.stdout
    assert world() == planted, "looking and a dry run change nothing"

    answer = collect(doctor, quarantine=True)
    assert rows(answer.findings) == expected
    undone = [(one.what, one.failure.message) for one in answer.findings if not one.done]
    acts = {what for _, what, _, action in expected if action != "REPORT"}
    assert {what for what, _ in undone} == {what for _, what, _, action in expected if action == "REPORT"}, (
        undone
    )
    assert {one.vm_id for one in doctor.networks()} == {"vm-1", "vm-2", "vm-3", "vm-4"}
    doctor.wait_for("leak.removed", what="ghost-9")
    assert {line["what"] for line in doctor.lines if line["event"] == "leak.removed"} == acts

    (kept,) = (doctor.directory / "state" / "quarantine").iterdir()
    manifest = [json.loads(line) for line in (kept / "manifest.jsonl").read_text().splitlines()]
    # An address that DEL released lies under the attachment's own entry.
    assert {Path(entry.get("path", entry["what"])).name for entry in manifest} == acts
    assert all(Path(entry["kept"]).exists() for entry in manifest if "kept" in entry)
    by_what = {entry["what"]: entry for entry in manifest}
    assert Path(by_what["10.200.9.1"]["kept"]).read_bytes() == b"ghost-1\r\neth0"
    assert {link["name"] for link in by_what["ghost-10"]["links"]} == {"lo"}
    assert by_what["veth0000abcd"]["routes"] == ["10.200.9.12/32"]

    assert rows(diagnose(doctor).findings) == {row for row in expected if row[3] == "REPORT"}
    sh(doctor.host, MEND)
    (doctor.directory / "state" / "journal.db.damaged-1").unlink()
    eventually(lambda: world() == before, "devices of what was taken away are gone")
    well = vmplumbctl(doctor, "doctor", "--skip-preflight")
    assert (well.returncode, well.stdout) == (0, "nothing disagrees\n")


def test_what_a_process_uses_is_not_taken_away(doctor: Daemon) -> None:
    # Of this version plugins have GC, which would take an unknown VM's addresses and rules.
    doctor.network("fcnet", ptp(ipMasq=True, ipMasqBackend="nftables"), REDIRECT, version="1.1.0")
    expected = network_the_journal_has_lost(doctor)
    vmm = doctor.host.popen(["ip", "netns", "exec", "ghost-10", "sleep", "60"])
    eventually(
        lambda: Path(f"/proc/{vmm.pid}/comm").read_text().strip() == "sleep", "the process lives there"
    )
    planted = world()
    told = collect(doctor).findings
    assert rows(told) == {(kind, what, vm_id, "REPORT") for kind, what, vm_id, _ in expected}
    assert all(f"sleep (pid {vmm.pid})" in one.detail for one in told)
    assert world() == planted
    vmm.kill()
    vmm.wait()
    order = pb.CollectGarbageRequest(valid_vm_ids=["ghost-10"], as_of_revision=0, collect_leaks=True)
    assert {action for *_, action in rows(doctor.stub.CollectGarbage(order, timeout=30).findings)} == {
        "REPORT"
    }
    assert rows(collect(doctor).findings) == expected
    assert not diagnose(doctor).findings
    assert not list((doctor.directory / "state").glob("quarantine"))


def test_an_address_is_not_given_back_while_its_device_lives(host: Host) -> None:
    """Somebody holds the namespace by another mount: it loses its name, its devices stay, and so does the address."""
    with daemon_in(host, cni__owned_networks="fcnet") as daemon:
        daemon.network("fcnet", ptp(ipMasq=True, ipMasqBackend="nftables"), REDIRECT)
        network_the_journal_has_lost(daemon)
        shutil.rmtree(CNI / "ghost-10")
        sh(host, "touch /run/kept; mount --bind /run/netns/ghost-10 /run/kept")
        told = {errors_pb2.ResourceKind.Name(one.kind): one for one in collect(daemon).findings}
        assert not told["RESOURCE_KIND_NETNS"].done
        assert not told["RESOURCE_KIND_RESERVATION"].done
        assert (RESERVED / told["RESOURCE_KIND_RESERVATION"].what).exists()
        sh(host, "umount /run/kept; rm /run/kept")
        eventually(lambda: "veth" not in sh(host, "ip link"), "its devices are gone")
        assert [one.done for one in collect(daemon).findings] == [True]
        assert not diagnose(daemon, skip_preflight=True).findings


def test_what_comes_and_goes_while_the_doctor_looks_is_no_finding(host: Host) -> None:
    with daemon_in(host, cni__owned_networks="fcnet:wide") as daemon, ThreadPoolExecutor(4) as pool:
        daemon.network("wide", BRIDGED, {"type": "bandwidth", **RATES}, REDIRECT)

        def churn(caller: int) -> None:
            for cycle in range(5):
                daemon.set_up(f"vm-{caller}", "wide" if caller % 2 else "fcnet")
                daemon.tear_down(f"vm-{caller}", wait=bool(cycle % 2))

        callers = [pool.submit(churn, caller) for caller in range(4)]
        found: set[Row] = set()
        while not all(one.done() for one in callers):
            found |= rows(diagnose(daemon, skip_preflight=True).findings)
        assert [one.result() for one in callers] == [None] * 4
        assert found == set()


def test_networks_of_a_lost_journal_are_taken_back_by_import(host: Host) -> None:
    with daemon_in(host, cni__owned_networks="fcnet") as daemon:
        sh(host, QUIET)
        before = world()
        daemon.set_up("vm-1")
        first = daemon.result("vm-1")
        daemon.terminate()
        for one in (daemon.directory / "state").glob("journal.db*"):
            one.unlink()
        left = world()
        flags = [word for key, value in daemon.settings.items() for word in ("--set", f"{key}={value}")]
        # The spec has the interface by name, as the cache has it.
        done = host.run([sys.executable, "-m", "vmplumbd", "import", "--apply", *flags])
        assert done.stdout.splitlines()[-1] == "1 of 1 taken over"
        assert world() == left
        daemon.start()
        assert not diagnose(daemon, skip_preflight=True).findings
        assert daemon.result("vm-1", if_name="eth0") == first
        assert daemon.tear_down("vm-1").devices_gone
        assert world()["folders"] == [*before["folders"], str(RESERVED.parent), str(RESERVED)]
        assert {**world(), "folders": [], "reserved files": []} == {
            **before,
            "folders": [],
            "reserved files": [],
        }


def test_a_second_look_that_sees_something_else_leaves_it(host: Host) -> None:
    """The file is another one by the second look: what was judged is gone, and nothing is removed."""
    with daemon_in(host, cni__owned_networks="fcnet") as daemon:
        RESERVED.mkdir(parents=True)
        reserve("10.200.9.1", "ghost-1")
        order = pb.CollectGarbageRequest(allow_empty=True, as_of_revision=0, collect_leaks=True)
        pause = threading.Event()
        # The collector pauses between its looks; whichever of them sees the new file, it is not the one judged.
        # Who writes was held up for longer than that, when the file stayed the same: then once more.
        longest = clear._PAUSE
        while longest >= clear._PAUSE:
            call = daemon.stub.CollectGarbage.future(order, timeout=30)
            began, longest = time.monotonic(), 0.0
            while not call.done():
                before, began = began, time.monotonic()
                reserve("10.200.9.1", "ghost-1")
                longest = max(longest, time.monotonic() - before)
                pause.wait(0.002)
            longest = max(longest, time.monotonic() - began)
        (finding,) = call.result().findings
        assert not finding.done
        assert finding.failure.reason == errors_pb2.ERROR_REASON_OPERATION_PENDING
        assert (RESERVED / "10.200.9.1").exists()
        # Of many at once one is under way, and the others are told so.
        calls = [daemon.stub.DiagnoseHost.future(pb.DiagnoseHostRequest(), timeout=30) for _ in range(16)]
        assert {one.code() for one in calls} <= {grpc.StatusCode.OK, grpc.StatusCode.ABORTED}
        late = [one for one in calls if one.code() is grpc.StatusCode.ABORTED]
        assert len(late) < len(calls)
        assert {refused(one.result).reason for one in late} <= {"OPERATION_PENDING"}


def cannot_masquerade(daemon: Daemon) -> None:
    daemon.network("masq", ptp(ipMasq=True, ipMasqBackend="nftables"))
    table = "inet cni_plugins_masquerade"
    hook = "{ type filter hook output priority 0; }"
    sh(daemon.host, f"nft add table {table}; nft 'add chain {table} postrouting {hook}'")


PREFLIGHT: Mapping[str, Callable[[Daemon], object]] = {
    "plugins.masq": cannot_masquerade,
    "plugins.odd": lambda daemon: daemon.network("odd", {"type": "no-such-plugin"}),
    "conf.broken.conflist": lambda daemon: (daemon.conf / "broken.conflist").write_text("{"),
    "mount.netns_dir": lambda daemon: sh(daemon.host, "mount --make-private /run/netns"),
    "disk./var/lib/cni": lambda daemon: sh(
        daemon.host, "cd /var/lib/cni; mount --bind . .; mount -o remount,bind,ro $PWD"
    ),
}


def test_preflight_names_each_lack_with_its_remedy(host: Host) -> None:
    with daemon_in(host) as daemon:
        well = {one.name for one in diagnose(daemon, skip_findings=True).preflight if one.ok}
        assert {
            "module.tun",
            "module.sch_ingress",
            "module.cls_u32",
            "module.act_mirred",
            "module.veth",
        } <= well
        for name, harm in PREFLIGHT.items():
            harm(daemon)
            (told,) = (one for one in diagnose(daemon).preflight if one.name == name)
            assert (told.ok, bool(told.remedy)) == (False, True), name
        answer = diagnose(daemon, skip_preflight=True)
        assert (list(answer.preflight), list(answer.findings)) == ([], [])
        assert vmplumbctl(daemon, "doctor").returncode == 1
        # As the check says: a file that cannot be read hides the networks after it.
        assert refused(lambda: daemon.set_up("vm-1")).reason == "CONFIG_LIST_MISMATCH"
