"""CNI result + VM id + MTU → what the VMM and the guest's kernel need. Pure.

The rules are firecracker-go-sdk:cni/vmconf/vmconf.go and :network.go; where that panics (an index out
of range) or writes nonsense (an IPv6 address in `ip=`), this refuses or leaves out, with a warning.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, ip_address
from typing import Any

from vmplumbd.cni.result import Interface, Result
from vmplumbd.errors import ResultUnusable
from vmplumbd.model import outside
from vmplumbd.model.outcome import InterfaceOutcome, Outcome, StaticNetworkConf, VmIp, VmRoute
from vmplumbd.model.progress import Warning
from vmplumbd.model.spec import (
    CniConfiguration,
    IpConfiguration,
    NetworkInterface,
    NetworkSpec,
    RateLimiter,
    StaticNetworkConfiguration,
    TokenBucket,
)

_ENCODER = json.JSONEncoder(separators=(",", ":"))

_NEEDS_TAP = (
    "failed to parse VM network configuration from CNI output, ensure CNI is configured with a plugin that "
    "supports automatic VM network configuration such as tc-redirect-tap: "
)


@dataclass(frozen=True, slots=True, kw_only=True)
class VmPair:
    """The two entries of a result that speak of the VM: the tap, and the pseudo-interface behind it."""

    tap: Interface
    vm: Interface
    vm_index: int


def vm_pair(result: Result, vm_id: str) -> VmPair:
    """Find the VM's tap and pseudo-interface. Raises ResultUnusable if there is not one of each."""
    inside = [(index, one) for index, one in enumerate(result.interfaces) if one.sandbox == vm_id]
    if len(inside) > 1:
        raise ResultUnusable(
            f"{_NEEDS_TAP}expected to find at most 1 interface in sandbox {_quoted(vm_id)}, "
            f"but instead found {len(inside)}"
        )
    if not inside:
        device = _quoted(f"pseudo-device for {vm_id}")
        raise ResultUnusable(f"{_NEEDS_TAP}did not find expected network device with name {device}")
    vm_index, vm = inside[0]
    taps = [one for one in result.interfaces if one.sandbox != vm_id and one.name == vm.name]
    if len(taps) > 1:
        raise ResultUnusable(
            f"{_NEEDS_TAP}expected to find at most 1 interface with name {_quoted(vm.name)}, "
            f"but instead found {len(taps)}"
        )
    if not taps:
        raise ResultUnusable(f"{_NEEDS_TAP}did not find expected network device with name {_quoted(vm.name)}")
    return VmPair(tap=taps[0], vm=vm, vm_index=vm_index)


def is_translated(result: Result, vm_id: str) -> bool:
    """Whether the VM's own addresses are others than those the host knows it under."""
    own = vm_pair(result, vm_id).vm_index
    return not {ip.address.ip for ip in result.ips if ip.interface == own} & set(outside.addresses(result))


def static_network_conf(result: Result, vm_id: str, *, mtu: int, vm_if_name: str) -> StaticNetworkConf:
    """All that the result says of the VM. `mtu` is the tap's, in bytes.

    Raises ResultUnusable without a tap, without an address for the VM, or with an index that leads nowhere.
    """
    pair = vm_pair(result, vm_id)
    # By name and sandbox, not by index: as firecracker-go-sdk:cni/internal/cniutil.go compares.
    ips: list[VmIp] = []
    first_v4: VmIp | None = None
    for ip in result.ips:
        if ip.interface is None:
            continue
        if not 0 <= ip.interface < len(result.interfaces):
            raise ResultUnusable(
                f"{_NEEDS_TAP}address {ip.address} is indexed to interface {ip.interface}, "
                f"there are {len(result.interfaces)}"
            )
        owner = result.interfaces[ip.interface]
        if (owner.name, owner.sandbox) != (pair.vm.name, pair.vm.sandbox):
            continue
        one = VmIp(address=str(ip.address), gateway="" if ip.gateway is None else str(ip.gateway))
        ips.append(one)
        if first_v4 is None and ip.address.version == 4:
            first_v4 = one
    if not ips:
        raise ResultUnusable(
            f"{_NEEDS_TAP}expected to find 1 IP for vm interface {_quoted(pair.vm.name)}, "
            "but instead found []"
        )
    return StaticNetworkConf(
        tap_name=pair.tap.name,
        netns_path=pair.tap.sandbox or "",
        vm_if_name=vm_if_name,
        vm_mac_addr=pair.vm.mac or "",
        vm_mtu=mtu,
        vm_ip_configs=tuple(ips),
        vm_ip_config=first_v4,
        vm_routes=tuple(
            VmRoute(
                dst=str(route.dst),
                gw="" if route.gw is None else str(route.gw),
                mtu=route.mtu or 0,
                adv_mss=route.advmss or 0,
                priority=route.priority or 0,
                table=route.table,
                scope=route.scope,
            )
            for route in result.routes
        ),
        vm_nameservers=result.dns.nameservers,
        vm_domain=result.dns.domain or "",
        vm_search_domains=result.dns.search,
        vm_resolver_options=result.dns.options,
    )


def static_configuration(
    conf: StaticNetworkConf,
) -> tuple[StaticNetworkConfiguration, tuple[Warning, ...]]:
    """The part of it that Firecracker and `ip=` can apply, and warnings about the rest."""
    warnings: list[Warning] = []
    static = StaticNetworkConfiguration(host_dev_name=conf.tap_name, mac_address=conf.vm_mac_addr)
    loopback = [one for one in conf.vm_nameservers if _is_loopback(one)]
    if loopback:
        warnings.append(
            Warning(
                reason="LOOPBACK_NAMESERVER",
                message=f"nameserver {', '.join(loopback)} is a loopback address, "
                "which leads nowhere in the guest; "
                "does resolvConf name the host's stub resolver?",
            )
        )
    if conf.vm_ip_config is None:
        warnings.append(
            Warning(
                reason="IPV6_ONLY",
                message="the CNI result has no IPv4 address for the VM, and the kernel's ip= takes no other: "
                "configure the guest from vm_conf",
            )
        )
        return static, tuple(warnings)
    nameservers = [one for one in conf.vm_nameservers if _is_v4(one)]
    if len(nameservers) < len(conf.vm_nameservers):
        left_out = ", ".join(one for one in conf.vm_nameservers if one not in nameservers)
        warnings.append(
            Warning(
                reason="IPV6_NAMESERVERS_LEFT_OUT",
                message=f"nameserver {left_out} is left out of ip=, which takes IPv4 addresses only",
            )
        )
    if len(nameservers) > 2:
        warnings.append(
            Warning(
                reason="NAMESERVERS_LEFT_OUT",
                message="more than 2 nameservers provided from CNI result, only the first 2 "
                f"[{' '.join(nameservers[:2])}] will be applied",
            )
        )
    gateway = _gateway(conf.vm_ip_config.gateway) if conf.vm_ip_config.gateway else None
    if gateway is None:
        warnings.append(
            Warning(reason="NO_GATEWAY", message="the CNI result has no gateway for the VM's IPv4 address")
        )
    ip = IpConfiguration(
        ip_addr=IPv4Interface(conf.vm_ip_config.address),
        gateway=gateway,
        nameservers=tuple(nameservers[:2]),
        if_name=conf.vm_if_name,
    )
    return (
        StaticNetworkConfiguration(
            host_dev_name=conf.tap_name, mac_address=conf.vm_mac_addr, ip_configuration=ip
        ),
        tuple(warnings),
    )


def ip_boot_param(ip: IpConfiguration) -> str:
    """The value of the kernel's `ip=` (linux:Documentation/admin-guide/nfs/nfsroot.rst), ten fields.

    A gateway that is not there is an empty field (the SDK writes `<nil>`, which no kernel reads).
    """
    dns = [*ip.nameservers[:2], "", ""]
    gateway = "" if ip.gateway is None else str(ip.gateway)
    return ":".join(
        [
            str(ip.ip_addr.ip),
            "",
            gateway,
            str(ip.ip_addr.netmask),
            "",
            ip.if_name,
            "off",
            dns[0],
            dns[1],
            "",
        ]
    )


def firecracker_interface(
    number: int, interface: NetworkInterface, static: StaticNetworkConfiguration, *, mtu: int | None
) -> bytes:
    """The body of Firecracker's PUT /network-interfaces/{iface_id}; `number` counts from 1."""
    body: dict[str, Any] = {"iface_id": str(number), "host_dev_name": static.host_dev_name}
    if static.mac_address:
        body["guest_mac"] = static.mac_address
    if mtu is not None:
        body["mtu"] = mtu
    for key, limiter in (
        ("rx_rate_limiter", interface.in_rate_limiter),
        ("tx_rate_limiter", interface.out_rate_limiter),
    ):
        if limiter is not None:
            body[key] = _limiter(limiter)
    return _ENCODER.encode(body).encode()


def outcome(spec: NetworkSpec, vm_id: str, netns_path: str, results: Sequence[CniOutcome]) -> Outcome:
    """The whole answer. `results` has one entry for each CNI interface of the spec, in order.

    Raises ResultUnusable as `static_network_conf` does.
    """
    by_index = {one.index: one for one in results}
    interfaces: list[InterfaceOutcome] = []
    warnings: list[Warning] = []
    boot_param = ""
    for index, interface in enumerate(spec.interfaces):
        vm_conf: StaticNetworkConf | None = None
        raw, version = b"", ""
        if interface.cni is not None:
            made = by_index[index]
            vm_conf = static_network_conf(
                made.result, vm_id, mtu=made.mtu, vm_if_name=interface.cni.vm_if_name
            )
            static, told = static_configuration(vm_conf)
            warnings.extend(told)
            raw, version = made.raw, made.result.cni_version
        else:
            assert interface.static is not None
            static = interface.static
        if static.ip_configuration is not None and not boot_param:
            boot_param = ip_boot_param(static.ip_configuration)
        mtu = vm_conf.vm_mtu if vm_conf is not None and spec.firecracker_accepts_mtu else None
        interfaces.append(
            InterfaceOutcome(
                index=index,
                static=static,
                firecracker=firecracker_interface(index + 1, interface, static, mtu=mtu),
                vm_conf=vm_conf,
                cni_version=version,
                cni_result=raw,
            )
        )
    return Outcome(
        interfaces=tuple(interfaces),
        netns_path=netns_path,
        ip_boot_param=boot_param,
        mmds_interface_ids=tuple(
            str(index + 1) for index, interface in enumerate(spec.interfaces) if interface.allow_mmds
        ),
        warnings=tuple(warnings),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CniOutcome:
    """What CNI made of one interface: the last result, parsed and as printed, and the tap's MTU."""

    index: int
    result: Result
    raw: bytes
    mtu: int


def tap_arguments(cni: CniConfiguration) -> tuple[tuple[str, str], ...]:
    """CNI_ARGS for an attachment: the caller's, and the tap's options as tc-redirect-tap reads them.

    Strict plugins refuse keys they do not know, so IgnoreUnknown goes with ours (SDK issue 132).
    """
    if cni.tap is None:
        return cni.args
    pairs: list[tuple[str, str]] = [*cni.args, ("IgnoreUnknown", "1")]
    if cni.tap.name:
        pairs.append(("TC_REDIRECT_TAP_NAME", cni.tap.name))
    if cni.tap.uid is not None:
        pairs.append(("TC_REDIRECT_TAP_UID", str(cni.tap.uid)))
    if cni.tap.gid is not None:
        pairs.append(("TC_REDIRECT_TAP_GID", str(cni.tap.gid)))
    return tuple(pairs)


def _limiter(limiter: RateLimiter) -> dict[str, Any]:
    body: dict[str, Any] = {}
    for key, bucket in (("bandwidth", limiter.bandwidth), ("ops", limiter.ops)):
        if bucket is not None:
            body[key] = _bucket(bucket)
    return body


def _bucket(bucket: TokenBucket) -> dict[str, int]:
    body = {"size": bucket.size, "refill_time": bucket.refill_time_ms}
    if bucket.one_time_burst is not None:
        body["one_time_burst"] = bucket.one_time_burst
    return body


@functools.lru_cache(maxsize=256)
def _gateway(text: str) -> IPv4Address:
    return IPv4Address(text)


def _is_v4(text: str) -> bool:
    try:
        return ip_address(text).version == 4
    except ValueError:
        return False


def _is_loopback(text: str) -> bool:
    try:
        return ip_address(text).is_loopback
    except ValueError:
        return False


def _quoted(text: str) -> str:
    return json.dumps(text)
