"""What set-up made: the answer to the caller, and the small part of it that the journal keeps.

The journal keeps the CNI result as the plugin printed it, and the tap's MTU; the rest of the answer
is computed from them and the spec (`vmconf`), so a restart answers what the first run answered.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from vmplumbd.model import net
from vmplumbd.model.progress import Warning
from vmplumbd.model.spec import StaticNetworkConfiguration


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """One CNI interface of a VM, with all that DEL needs; nothing outside the journal is read for it.

    `conf_list` is the conflist as it was used, `result` the last plugin's output (empty before ADD ended),
    `host_devices` the host-side links (name, ifindex) that carry the VM's traffic. `inline`: the conflist is the
    caller's, not the operator's.
    """

    index: int
    network: str
    conf_list: bytes = field(repr=False)
    if_name: str
    args: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    capability_args: bytes = field(default=b"", repr=False)
    bin_path: tuple[str, ...] = ()
    cache_dir: str = ""
    result: bytes = b""
    mtu: int = 0
    host_devices: tuple[tuple[str, int], ...] = ()
    inline: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a set-up will touch, written before it touches it.

    `netns_path` is empty for a static-only spec without one. `netns_owned`: the agent makes the
    namespace and removes it. `netns_device` and `netns_inode` name it once it is there. `netns_dir`
    is what was made for the namespace to lie in, unless that is the agent's own directory. `claimed_path` is
    where a namespace from a warm pool lies until it has moved to `netns_path`.
    """

    netns_path: str = ""
    netns_owned: bool = False
    netns_device: int = 0
    netns_inode: int = 0
    netns_dir: net.NetnsDir | None = None
    attachments: tuple[Attachment, ...] = ()
    claimed_path: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VmIp:
    """An address of the VM, in CIDR notation, with its gateway (empty if none)."""

    address: str
    gateway: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VmRoute:
    """A route of the CNI result."""

    dst: str
    gw: str = ""
    mtu: int = 0
    adv_mss: int = 0
    priority: int = 0
    table: int | None = None
    scope: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticNetworkConf:
    """All that the CNI result says of the VM (vmconf.StaticNetworkConf of the SDK)."""

    tap_name: str
    netns_path: str
    vm_if_name: str
    vm_mac_addr: str
    vm_mtu: int
    vm_ip_configs: tuple[VmIp, ...]
    vm_ip_config: VmIp | None
    vm_routes: tuple[VmRoute, ...] = ()
    vm_nameservers: tuple[str, ...] = ()
    vm_domain: str = ""
    vm_search_domains: tuple[str, ...] = ()
    vm_resolver_options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class InterfaceOutcome:
    """What set-up made of one interface. `firecracker` is the body of Firecracker's PUT."""

    index: int
    static: StaticNetworkConfiguration
    firecracker: bytes
    vm_conf: StaticNetworkConf | None = None
    cni_version: str = ""
    cni_result: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The answer to a set-up. `ip_boot_param` is empty when no interface has an IPv4 configuration."""

    interfaces: tuple[InterfaceOutcome, ...]
    netns_path: str
    ip_boot_param: str
    mmds_interface_ids: tuple[str, ...] = ()
    warnings: tuple[Warning, ...] = ()
