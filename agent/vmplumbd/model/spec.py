"""What a caller wants of one VM's network: a mirror of the Go SDK's structs.

Values arrive here after the contract's rules were checked; what could not be a rule there
(a conflist that parses, paths an operator allows) is checked by the operation.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Interface

DEFAULT_BIN_PATH = ("/opt/cni/bin",)
DEFAULT_CONF_DIR = "/etc/cni/conf.d"
DEFAULT_CACHE_ROOT = "/var/lib/cni"
DEFAULT_NETNS_DIR = "/var/run/netns"
DEFAULT_IF_NAME = "eth0"
# exec(2) refuses a string above 128 KiB; half of it leaves room for the rest of the environment.
MOST_ARGS_BYTES = 64 * 1024

# The CNI plugins that the agent runs in process.
BUILT_IN_PLUGINS = (
    "bandwidth",
    "bridge",
    "host-local",
    "loopback",
    "ptp",
    "static",
    "tc-redirect-tap",
    "tuning",
    "vmplumb-clone",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenBucket:
    """Firecracker's token bucket: tokens, and milliseconds to refill. None and 0 differ."""

    size: int
    refill_time_ms: int
    one_time_burst: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimiter:
    """Limits of one direction; a bucket that is None does not limit."""

    bandwidth: TokenBucket | None = None
    ops: TokenBucket | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IpConfiguration:
    """Address, gateway and nameservers the guest's kernel gets by `ip=`. `gateway` None only in results."""

    ip_addr: IPv4Interface
    gateway: IPv4Address | None
    nameservers: tuple[str, ...] = ()
    if_name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticNetworkConfiguration:
    """What the VMM needs: tap, MAC and, if there is one, the guest's address."""

    host_dev_name: str
    mac_address: str = ""
    ip_configuration: IpConfiguration | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TapOptions:
    """Name and owner of the tap; an empty name and None are the plugin's defaults."""

    name: str = ""
    uid: int | None = None
    gid: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CniConfiguration:
    """CNI parameters. Exactly one of `network_name` and `network_config` (conflist bytes) is set."""

    network_name: str = ""
    network_config: bytes | None = field(default=None, repr=False)
    if_name: str = ""
    vm_if_name: str = ""
    args: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    capability_args: bytes = field(default=b"", repr=False)
    bin_path: tuple[str, ...] = ()
    conf_dir: str = ""
    cache_dir: str = ""
    force: bool = False
    tap: TapOptions | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkInterface:
    """One interface: `static` or `cni` is set, never both."""

    static: StaticNetworkConfiguration | None = None
    cni: CniConfiguration | None = None
    allow_mmds: bool = False
    in_rate_limiter: RateLimiter | None = None
    out_rate_limiter: RateLimiter | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSpec:
    """All that a caller wants of one VM's network. `netns_path` empty is the default for the vm_id."""

    interfaces: tuple[NetworkInterface, ...] = ()
    netns_path: str = ""
    firecracker_accepts_mtu: bool = False
