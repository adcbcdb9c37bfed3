"""What a VM may receive and send, out of a configuration. Pure.

The four numbers and their refusals are those of plugins:plugins/meta/bandwidth/main.go at v1.9.1. It passes over
the lists of subnets, which some releases before it have.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from vmplumbd.model import net
from vmplumbd.plugins import conf
from vmplumbd.plugins.conf import Malformed, PluginFault, Section

PREFIX = "bwp"

_LONGEST_NAME = 15
_KEYS = ("ingressRate", "ingressBurst", "egressRate", "egressBurst")
_SHAPED, _UNSHAPED = "shapedSubnets", "unshapedSubnets"
_WAITS = 40  # a packet may wait for 1/40 s, 25 ms, beside the burst
_LARGEST = 2**32 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Subnets:
    """The far ends whose traffic alone is limited (`shaped`), or is not."""

    networks: tuple[net.Network, ...]
    shaped: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BandwidthConf:
    """What the VM may receive (`ingress`) and send (`egress`); None is without a limit.

    `subnets` None: the limits are for all far ends.
    """

    cni_version: str
    ingress: net.RateLimit | None
    egress: net.RateLimit | None
    subnets: Subnets | None

    @property
    def limits(self) -> bool:
        """Whether there is any."""
        return self.ingress is not None or self.egress is not None


def load(stdin: bytes) -> Section:
    """The configuration. Raises PluginFault."""
    try:
        return conf.load(stdin, "PluginConf")
    except Malformed as exc:
        raise PluginFault(f"failed to parse network configuration: {exc}") from exc


def parse(top: Section) -> BandwidthConf:
    """Read a configuration. Raises PluginFault with the reference's text."""
    try:
        limits, cni_version = _limits(top), top.text("cniVersion")
        shaped, unshaped = _subnets(top, _SHAPED), _subnets(top, _UNSHAPED)
    except Malformed as exc:
        raise PluginFault(f"failed to parse network configuration: {exc}") from exc
    pairs = ((limits[0], limits[1]), (limits[2], limits[3]))
    for rate, burst in pairs:
        if rate and not burst:
            raise PluginFault("if rate is set, burst must also be set")
        if burst and not rate:
            raise PluginFault("if burst is set, rate must also be set")
        if burst // 8 >= _LARGEST:
            raise PluginFault("burst cannot be more than 4GB")
    ingress, egress = (rate_limit(rate, burst) if rate else None for rate, burst in pairs)
    if shaped and unshaped:
        raise PluginFault(
            "unshapedSubnets and shapedSubnets cannot be both specified, one of them should be discarded"
        )
    networks = tuple(map(_network, shaped or unshaped))
    return BandwidthConf(
        cni_version=cni_version or "0.1.0",
        ingress=ingress,
        egress=egress,
        subnets=Subnets(networks=networks, shaped=bool(shaped)) if networks else None,
    )


def rate_limit(rate: int, burst: int) -> net.RateLimit:
    """Bits a second and bits, as the kernel wants them. What it cannot hold is cut to the largest it can."""
    rate_bytes, burst_bytes = rate // 8, burst // 8
    # Microseconds first, as the reference counts, else CHECK of the one misses what the other has made.
    micros = burst_bytes * 1_000_000 // rate_bytes if rate_bytes else 0
    return net.RateLimit(
        rate=rate_bytes,
        buffer=min(micros * 1000 // 64, _LARGEST),
        limit=min(rate_bytes // _WAITS + burst_bytes, _LARGEST),
    )


def device_name(network: str, container_id: str) -> str:
    """The intermediate device of a VM in a network: known without any state, and so found again."""
    digest = hashlib.sha512(f"{network}{container_id}".encode(errors="surrogateescape"))
    return f"{PREFIX}{digest.hexdigest()}"[:_LONGEST_NAME]


def device_mac(network: str, if_name: str) -> bytes:
    """The MAC of an attachment's intermediate device. Nothing on the wire sees it: it says whose the device is.

    Its name does not say the interface, so two of a VM in one network would share it, and the network not at all.
    """
    of_interface = hashlib.sha256(if_name.encode(errors="surrogateescape")).digest()
    return _network_mark(network) + of_interface[:1]


def is_of_network(mac: bytes, network: str) -> bool:
    """Whether `device_mac` made it for this network."""
    return mac.startswith(_network_mark(network))


def _network_mark(network: str) -> bytes:
    digest = hashlib.sha256(f"bandwidth\0{network}".encode(errors="surrogateescape")).digest()
    return b"\x06" + digest[:4]  # locally administered


def _limits(top: Section) -> tuple[int, ...]:
    """The four numbers: the configuration's own if it has any of them, else the request's."""
    numbers = [tuple(_bits(holder, key) for key in _KEYS) for holder in (top, _request(top))]
    return numbers[0] if any(key.lower() in top.values for key in _KEYS) else numbers[1]


def _subnets(top: Section, key: str) -> tuple[str, ...]:
    """The configuration's own if it has either list, else the request's."""
    own = any(top.has(each) for each in (_SHAPED, _UNSHAPED))
    return top.texts(key) if own else _request(top).texts(key)


def _request(top: Section) -> Section:
    runtime = top.section("runtimeConfig") or Section("PluginConf.runtimeConfig", {})
    return runtime.section("bandwidth") or Section("PluginConf.runtimeConfig.bandwidth", {})


def _bits(holder: Section, key: str) -> int:
    number = holder.number(key, "uint64") or 0
    if number >= 2**64:
        raise Malformed(
            f"json: cannot unmarshal number {number} into Go struct field {holder.struct}.{key} of type uint64"
        )
    return number


def _network(text: str) -> net.Network:
    try:
        network: net.Network = conf.parse_cidr(text).network
    except Malformed as exc:
        raise PluginFault(f'bad subnet "{text}" provided, details {exc}') from exc
    return network
