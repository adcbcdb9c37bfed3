"""What a configuration asks of the bridge plugin (plugins:plugins/main/bridge/bridge.go, NetConf). Pure."""

from __future__ import annotations

import dataclasses
import functools
import re
from dataclasses import dataclass

from vmplumbd.cni import args, result
from vmplumbd.cni.error import CniError
from vmplumbd.plugins import conf, ipam
from vmplumbd.plugins.conf import Malformed, PluginFault, Section

DEFAULT_BRIDGE = "cni0"
HIGHEST_VLAN = 4094
_LONGEST_NAME = 15

# Six, eight or twenty bytes, as net.ParseMAC reads them: by two digits, or by four with dots.
_MAC = re.compile(
    r"[0-9a-f]{2}(?P<by>[:-])(?:[0-9a-f]{2}(?P=by)){4}(?:(?:[0-9a-f]{2}(?P=by)){2}"
    r"(?:(?:[0-9a-f]{2}(?P=by)){12})?)?[0-9a-f]{2}"
    r"|[0-9a-f]{4}(?:\.[0-9a-f]{4}){2}(?:\.[0-9a-f]{4}(?:(?:\.[0-9a-f]{4}){6})?)?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeConf:
    """One attachment's configuration. `mac` is as given, "" if not; `dns` None leaves the IPAM plugin's.

    `trunk` are the VLANs that a port carries with their tags, None where no trunk is asked for.
    """

    cni_version: str
    network: str
    bridge: str
    ipam_type: str
    is_gateway: bool
    is_default_gateway: bool
    force_address: bool
    ip_masq: bool
    ip_masq_backend: str | None
    mtu: int
    hairpin: bool
    promisc: bool
    vlan: int
    trunk: tuple[int, ...] | None
    keep_default_vlan: bool
    mac_spoof_check: bool
    enable_dad: bool
    container_interface: bool
    isolated: bool
    mac: str
    dns: result.DNS | None

    @property
    def filters_vlans(self) -> bool:
        """Whether a bridge made for it filters VLANs."""
        return self.vlan != 0 or self.trunk is not None

    @property
    def can_exist(self) -> bool:
        """Whether a link may have the bridge's name (kernel:net/core/dev.c, dev_valid_name)."""
        try:
            size = len(self.bridge.encode())
        except UnicodeEncodeError:
            return False
        odd = any(each in "/:\0" or each.isspace() for each in self.bridge)
        return 0 < size <= _LONGEST_NAME and self.bridge not in (".", "..") and not odd

    def hardware_address(self) -> bytes | None:
        """The MAC asked for, None if none is. Raises PluginFault."""
        if not self.mac:
            return None
        if _MAC.fullmatch(self.mac) is None:
            raise PluginFault(f"failed to make veth pair: address {self.mac}: invalid MAC address")
        return bytes.fromhex(re.sub("[:.-]", "", self.mac))


def parse(stdin: bytes, cni_args: str) -> BridgeConf:
    """Read a configuration. The last of CNI_ARGS, `args` and `runtimeConfig` to name a MAC wins.

    Raises PluginFault with the reference's text.
    """
    try:
        return _parse(stdin, cni_args)
    except Malformed as exc:
        raise PluginFault(f"failed to load netconf: {exc}") from exc


@functools.lru_cache(maxsize=256)
def _parse(stdin: bytes, cni_args: str) -> BridgeConf:
    top = conf.load(stdin, "NetConf")
    ipam_conf = top.section("ipam", "NetConf.ipam")
    ipam_type = "" if ipam_conf is None else ipam_conf.text("type")
    default = top.flag("isDefaultGateway")
    drafts = _trunk_drafts(top)
    in_config = _macs_in_config(top)
    vlan = top.number("vlan") or 0
    read = BridgeConf(
        cni_version=top.text("cniVersion") or "0.1.0",
        network=top.text("name"),
        bridge=top.text("bridge") if top.has("bridge") else DEFAULT_BRIDGE,
        ipam_type=ipam_type,
        is_gateway=top.flag("isGateway") or default,
        is_default_gateway=default,
        force_address=top.flag("forceAddress"),
        # Without addresses there is nothing to masquerade, and the reference does not.
        ip_masq=top.flag("ipMasq") and bool(ipam_type),
        ip_masq_backend=top.text("ipMasqBackend") if top.has("ipMasqBackend") else None,
        # The reference's netlink library takes a negative one for none.
        mtu=max(top.number("mtu") or 0, 0),
        hairpin=top.flag("hairpinMode"),
        promisc=top.flag("promiscMode"),
        vlan=vlan,
        trunk=None,
        keep_default_vlan=top.flag("preserveDefaultVlan"),
        mac_spoof_check=top.flag("macspoofchk"),
        enable_dad=top.flag("enabledad"),
        container_interface=not top.flag("disableContainerInterface"),
        isolated=top.flag("portIsolation"),
        mac="",
        dns=ipam.dns_of(top),
    )
    # Go decodes the whole before it looks at any of it: what follows is judged after a wrong type anywhere.
    if not 0 <= vlan <= HIGHEST_VLAN:
        raise PluginFault(f"invalid VLAN ID {vlan} (must be between 0 and {HIGHEST_VLAN})")
    trunk = None if drafts is None else _trunk(drafts)
    try:
        given = args.load(cni_args, ("MAC",)).get("MAC", "")
    except CniError as exc:
        raise PluginFault(exc.msg) from exc
    return dataclasses.replace(read, trunk=trunk, mac=next((mac for mac in (*in_config, given) if mac), ""))


def check(parsed: BridgeConf) -> None:
    """Raises PluginFault where two options exclude each other: ADD refuses them before any effect."""
    if parsed.ipam_type and not parsed.container_interface:
        raise PluginFault("cannot use IPAM when DisableContainerInterface flag is set")
    if parsed.hairpin and parsed.promisc:
        raise PluginFault("cannot set hairpin mode and promiscuous mode at the same time")
    if not parsed.can_exist:
        shown = parsed.bridge.encode(errors="backslashreplace").decode()
        raise PluginFault(
            f'failed to create bridge "{shown}": could not add "{shown}": no link can have this name'
        )


def _macs_in_config(top: Section) -> tuple[str, str]:
    runtime = top.section("runtimeConfig")
    outer = top.section("args")
    inner = None if outer is None else outer.section("cni")
    return ("" if runtime is None else runtime.text("mac"), "" if inner is None else inner.text("mac"))


def _trunk_drafts(top: Section) -> list[tuple[int | None, int | None, int | None]] | None:
    items = top.items("vlanTrunk")
    if items is None:
        return None
    drafts = []
    for item in items:
        if item is None:
            raise Malformed("vlanTrunk has an entry that is null")
        entry = conf.section(item, "VlanTrunk")
        drafts.append((entry.number("minID"), entry.number("maxID"), entry.number("id")))
    return drafts


def _trunk(drafts: list[tuple[int | None, int | None, int | None]]) -> tuple[int, ...]:
    found: set[int] = set()
    for lowest, highest, single in drafts:
        if lowest is not None and highest is not None:
            _check_vlan(lowest, "minID")
            _check_vlan(highest, "maxID")
            if highest < lowest:
                raise PluginFault("minID is greater than maxID in trunk parameter")
            found.update(range(lowest, highest + 1))
        elif lowest is not None or highest is not None:
            missing = "minID" if lowest is None else "maxID"
            raise PluginFault(f"minID and maxID should be configured simultaneously, {missing} is missing")
        if single is not None:
            _check_vlan(single, "id")
            found.add(single)
    return tuple(sorted(found))


def _check_vlan(vid: int, what: str) -> None:
    if not 0 < vid <= HIGHEST_VLAN:
        raise PluginFault(f"incorrect trunk {what} parameter")
