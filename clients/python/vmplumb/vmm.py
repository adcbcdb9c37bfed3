"""What a VMM is told of a network: from a SetupResult to Firecracker's calls and to command lines. Pure.

Each function gives the network's part alone, as argument lists to be joined with the rest of a command; none
reads the host. docs/vmm.md shows each whole, and says which of them the project's tests run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

from vmplumb.v1 import vm_network_pb2

Body = Mapping[str, Any]


def inside(result: vm_network_pb2.SetupResult) -> list[str]:
    """The words before a VMM's command that have it run in the VM's namespace; none if it has none."""
    return ["nsenter", f"--net={result.netns_path}", "--"] if result.netns_path else []


def as_user(uid: int, gid: int) -> list[str]:
    """The words before a VMM's command, after `inside`, that take every right but a user's away.

    The user must own the tap (`TapOptions.uid` and `gid` of the set-up), and be let at /dev/net/tun.
    """
    return [
        "setpriv",
        f"--reuid={uid}",
        f"--regid={gid}",
        "--clear-groups",
        "--inh-caps=-all",
        "--no-new-privs",
        "--",
    ]


def boot_arguments(result: vm_network_pb2.SetupResult, others: str = "") -> str:
    """The guest kernel's command line: `others`, then `ip=` if an interface has an IPv4 address."""
    given = f"ip={result.ip_boot_param}" if result.ip_boot_param else ""
    return " ".join(word for word in (others.strip(), given) if word)


def outside_addresses(result: vm_network_pb2.SetupResult) -> list[str]:
    """The addresses, with their prefix lengths, under which the host knows the VM, by the CNI result.

    They are the VM's own, unless a plugin translates (vmplumb-clone).
    """
    found: list[str] = []
    for one in result.interfaces:
        made = _cni_result(one)
        links = [each.get("sandbox", "") for each in made.get("interfaces", ())]
        given = made.get("ips", ())
        outside = [ip for ip in given if "interface" not in ip or "/" in links[ip["interface"]]]
        found += [str(ip["address"]) for ip in outside or given]
    return list(dict.fromkeys(found))


def host_devices(result: vm_network_pb2.SetupResult) -> list[str]:
    """The devices outside the VM's namespace that the CNI result names: host ends, and a bridge before them."""
    return [
        str(each["name"])
        for one in result.interfaces
        for each in _cni_result(one).get("interfaces", ())
        if not each.get("sandbox")
    ]


def firecracker_calls(result: vm_network_pb2.SetupResult) -> list[tuple[str, str, Body]]:
    """Calls of Firecracker's API, in order: (method, path, body). Before InstanceStart.

    The bodies of the interfaces are the agent's own; numbers in them are numbers.
    """
    calls: list[tuple[str, str, Body]] = [
        (
            "PUT",
            f"/network-interfaces/{one.firecracker_interface.iface_id}",
            json.loads(one.firecracker_interface.json),
        )
        for one in result.interfaces
    ]
    if result.mmds_interface_ids:
        body = {"version": "V2", "network_interfaces": list(result.mmds_interface_ids)}
        calls.append(("PUT", "/mmds/config", body))
    return calls


def jailer_arguments(result: vm_network_pb2.SetupResult) -> list[str]:
    """Firecracker's jailer enters the namespace itself; its --uid and --gid must own the tap."""
    return ["--netns", result.netns_path] if result.netns_path else []


def qemu_arguments(
    result: vm_network_pb2.SetupResult, *, transport: Literal["pci", "mmio"] = "pci"
) -> list[str]:
    """QEMU's network: "pci" for q35 and pc, "mmio" for microvm.

    QEMU opens the tap by its name, and so makes one where there is none: run it in the namespace (`inside`).
    The guest is told the MTU by the device, where CNI gave the tap one.
    """
    words: list[str] = []
    for one in result.interfaces:
        static = one.static_configuration
        name = f"net{one.index}"
        device = "virtio-net-pci,romfile=" if transport == "pci" else "virtio-net-device"
        mac = f",mac={static.mac_address}" if static.mac_address else ""
        mtu = f",host_mtu={one.vm_conf.vm_mtu}" if one.vm_conf.vm_mtu else ""
        words += ["-netdev", f"tap,id={name},ifname={static.host_dev_name},script=no,downscript=no"]
        words += ["-device", f"{device},netdev={name}{mac}{mtu}"]
    return words


def cloud_hypervisor_arguments(result: vm_network_pb2.SetupResult) -> list[str]:
    """Cloud Hypervisor's network. It sets MTU and state of the tap, so it needs CAP_NET_ADMIN in the namespace."""
    words: list[str] = []
    for one in result.interfaces:
        static = one.static_configuration
        mac = f",mac={static.mac_address}" if static.mac_address else ""
        mtu = f",mtu={one.vm_conf.vm_mtu}" if one.vm_conf.vm_mtu else ""
        words.append(f"tap={static.host_dev_name}{mac}{mtu}")
    return ["--net", *words] if words else []


def _cni_result(interface: vm_network_pb2.InterfaceResult) -> Body:
    found: Body = json.loads(interface.cni_result.json or b"{}")
    return found
