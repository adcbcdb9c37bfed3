"""The vmplumb-clone plugin: the same network inside for every clone of a snapshot, an address of its own outside.

Guests restored from one snapshot have one address, one MAC and one gateway in memory, and their VMMs' state names
one tap. This plugin stands at the end of a chain, in the place of tc-redirect-tap: what came before it (ptp or
bridge) gave the namespace a link with an address of its own. Behind that link it makes the tap, the gateway's
address on it, and two rules of nf_tables that translate one address to the other, both ways. All of it lies in the
VM's namespace, so clones do not see each other's insides, and nothing is left when the namespace goes.

Our own plugin: no reference has one.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Interface

from vmplumbd.abc import Kernel, Netns
from vmplumbd.cni import version as versions
from vmplumbd.cni.invoke import Command, Invocation
from vmplumbd.cni.result import Interface, IPConfig, Result
from vmplumbd.errors import KernelFault, NotANetns, NotFound, Unsupported
from vmplumbd.model import net
from vmplumbd.plugins import conf, prev_result, tc_redirect_tap
from vmplumbd.plugins.conf import Malformed, PluginFault
from vmplumbd.plugins.skel import Verb

DEFAULT_TAP = "tap0"

TABLE = net.TableName(family=net.FAMILY_INET, name="vmplumb_clone")
IN = net.ChainName(table=TABLE, name="in")
OUT = net.ChainName(table=TABLE, name="out")
_COMMENT = "vmplumb: the address outside stands for the one inside"
_TO_INSIDE = net.Hook(kind="nat", number=net.HOOK_PREROUTING, priority=-100)
_TO_OUTSIDE = net.Hook(kind="nat", number=net.HOOK_POSTROUTING, priority=100)
_SOURCE, _DESTINATION = 12, 16

_MAC = re.compile(r"([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CloneConf:
    """What the guest has in memory: its address, its gateway, both MACs; `tap` is the name its VMM knows."""

    cni_version: str
    address: IPv4Interface
    gateway: IPv4Address
    mac: bytes
    gateway_mac: bytes
    tap: str


def parse(stdin: bytes) -> CloneConf:
    """Read a configuration. Raises PluginFault with everything that is wrong with it."""
    try:
        return _parse(stdin)
    except Malformed as exc:
        raise PluginFault(f"failed to load netconf: {exc}") from exc


@functools.lru_cache(maxsize=256)
def _parse(stdin: bytes) -> CloneConf:
    top = conf.load(stdin, "NetConf")
    inside = top.section("inside", "NetConf.inside")
    if inside is None:
        raise Malformed('"inside" is missing: the address, gateway and mac that the snapshot has')
    wrong: list[str] = []
    try:
        address = conf.parse_cidr(inside.text("address"))
        gateway = inside.address("gateway")
    except Malformed as exc:
        raise Malformed(f"inside: {exc}") from exc
    if not isinstance(address, IPv4Interface) or not isinstance(gateway, IPv4Address):
        raise Malformed("inside: address and gateway must be IPv4: an IPv6 address is not translated")
    if gateway not in address.network or gateway == address.ip:
        wrong.append(f"gateway {gateway} is no other address of {address.network}")
    for name in ("mac", "gatewayMac"):
        text = inside.text(name)
        if (text or name == "mac") and (_MAC.fullmatch(text) is None or int(text[:2], 16) & 1):
            wrong.append(f'{name} "{text}" is no MAC of one station')
    if wrong:
        raise Malformed(f"inside: {'; '.join(wrong)}")
    mac = _mac(inside.text("mac"))
    return CloneConf(
        cni_version=top.text("cniVersion") or "0.1.0",
        address=address,
        gateway=gateway,
        mac=mac,
        gateway_mac=_mac(inside.text("gatewayMac"))
        if inside.text("gatewayMac")
        else gateway_mac(address, mac),
        tap=inside.text("tap") or DEFAULT_TAP,
    )


def gateway_mac(address: IPv4Interface, mac: bytes) -> bytes:
    """The gateway's MAC where none is given: the same for every clone, so that none has to ask for it anew."""
    digest = hashlib.sha256(f"{address}\0".encode() + mac).digest()
    return bytes([digest[0] & 0xFC | 0x02]) + digest[1:6]


def rules(outside: IPv4Address, inside: IPv4Address) -> tuple[net.AddRule, net.AddRule]:
    """What arrives for `outside` goes to `inside`; what `inside` sends leaves as `outside`."""
    return (
        _translation(IN, _DESTINATION, outside, net.Nat(source=False), inside),
        _translation(OUT, _SOURCE, inside, net.Nat(source=True), outside),
    )


class Clone:
    """The plugin. `keep_devices`: DEL leaves everything to the namespace's end."""

    def __init__(self, kernel: Kernel, *, keep_devices: bool = False) -> None:
        self._kernel = kernel
        self._keep_devices = keep_devices
        self._possible = False
        self.supported = tuple(each for each in versions.ALL if versions.at_least(each, "0.3.0"))
        self.verbs: Mapping[Command, Verb] = {
            Command.ADD: self.add,
            Command.DEL: self.del_,
            Command.CHECK: self.check,
        }

    def not_built_in(self, stdin: bytes) -> str | None:  # noqa: ARG002  everything is
        """Nothing is left to an executable."""
        return None

    def obstacle(self, stdin: bytes) -> None:
        """Raises Unsupported if this kernel cannot translate addresses. Changes nothing; asks once."""
        try:
            parsed = parse(stdin)
        except PluginFault:
            return
        if self._possible:
            return
        try:
            self._kernel.host().change_rules([*_BASE, *rules(parsed.gateway, parsed.address.ip)], dry=True)
        except KernelFault as exc:
            raise Unsupported(
                f"the kernel cannot translate addresses through nf_tables: {exc.message}",
                hint="are nf_tables, nft_chain_nat and nft_nat in the kernel, or loaded (modprobe -a)?",
            ) from exc
        self._possible = True

    def add(self, call: Invocation) -> Result:
        """Make tap, address and rules. Raises CniError, KernelFault, with nothing left."""
        parsed, made = parse(call.stdin), tc_redirect_tap.previous(call)
        asked = tc_redirect_tap.parse_args(call.args)
        if made is None:
            raise PluginFault("no previous result was found, was this plugin chained with a previous one?")
        outside = _outside(made, call, parsed)
        with prev_result.open_netns(self._kernel, call.netns) as netns:
            try:
                link = netns.device(call.if_name)
            except NotFound as exc:
                raise PluginFault(f'failed to find interface "{call.if_name}": {exc}') from exc
            name = asked.name or parsed.tap
            tap = tc_redirect_tap.make_tap(netns, replace(asked, name=name), link)
            try:
                netns.apply(
                    [
                        net.SetLink(index=tap.index, mac=parsed.gateway_mac),
                        net.SetLink(index=tap.index, up=True),
                        net.AddAddress(
                            index=tap.index,
                            address=IPv4Interface((parsed.gateway, parsed.address.network.prefixlen)),
                        ),
                    ]
                )
                for each in (call.if_name, name):
                    netns.write_sysctl(_forwarding(each), "1")
                netns.change_rules([*_BASE, *rules(outside, parsed.address.ip)])
            except BaseException as exc:
                _take_back(netns, tap, exc)
                raise
        return _extended(made, call, parsed, name)

    def del_(self, call: Invocation) -> None:
        """Remove tap and rules. What is gone is success. Raises CniError, KernelFault."""
        if not call.netns or self._keep_devices:
            return
        try:
            parsed = parse(call.stdin)
        except PluginFault:
            return  # ADD refuses it before its first act
        made = tc_redirect_tap.previous(call)
        asked = tc_redirect_tap.parse_args(call.args)
        name = prev_result.tap_name(made, call) or asked.name or parsed.tap
        try:
            with prev_result.open_netns(self._kernel, call.netns) as netns:
                link = _own_tap(netns, name, parsed)
                if link is not None:
                    with suppress(NotFound):
                        netns.apply([net.DelLink(index=link.index)])
                with suppress(NotFound, Unsupported):
                    netns.change_rules([net.DelTable(table=TABLE)])
                with suppress(NotFound):
                    netns.write_sysctl(_forwarding(call.if_name), "0")
        except PluginFault as exc:
            if not isinstance(exc.__cause__, NotFound | NotANetns):
                raise

    def has_traces(self, call: Invocation) -> bool:
        """Whether there is a namespace to look into: nothing is made outside."""
        return bool(call.netns)

    def check(self, call: Invocation) -> None:
        """Raises CniError unless tap, address, forwarding and rules are as they were made."""
        parsed, made = parse(call.stdin), tc_redirect_tap.previous(call)
        if made is None:
            raise PluginFault("no previous result was found, was this plugin chained with a previous one?")
        name = prev_result.tap_name(made, call)
        if name is None:
            raise PluginFault(f'did not find a tap of "{call.container_id}" in the previous result')
        outside = _outside(made, call, parsed)
        with prev_result.open_netns(self._kernel, call.netns) as netns:
            link = _own_tap(netns, name, parsed)
            if link is None:
                raise PluginFault(f'there is no tap "{name}" with the MAC of the gateway')
            if not link.up:
                raise PluginFault(f'the tap "{name}" is down')
            if parsed.gateway not in {each.address.ip for each in netns.addresses(link.index)}:
                raise PluginFault(f'the tap "{name}" has not the address of the gateway, {parsed.gateway}')
            for each in (call.if_name, name):
                if netns.read_sysctl(_forwarding(each)).strip() != "1":
                    raise PluginFault(f'nothing is forwarded from "{each}"')
            for wanted in rules(outside, parsed.address.ip):
                there = [netns.rule(wanted.chain, each.handle) for each in netns.rules(wanted.chain).rules]
                if [each.expressions for each in there] != [wanted.expressions]:
                    raise PluginFault(
                        f"chain {wanted.chain.name} of nft table {TABLE.name} does not translate "
                        f"{outside} and {parsed.address.ip}, or not that alone"
                    )


def _outside(made: Result, call: Invocation, parsed: CloneConf) -> IPv4Address:
    """The one IPv4 address of the link in the namespace. Raises PluginFault."""
    own = prev_result.own_indexes(made, call)
    found = [ip for ip in made.ips if ip.interface in own and isinstance(ip.address, IPv4Interface)]
    if len(found) != 1:
        raise PluginFault(
            f'"{call.if_name}" must have one IPv4 address to stand for the one inside, and has {len(found)}'
        )
    outer = found[0].address
    assert isinstance(outer, IPv4Interface)
    clash = [each for each in (outer.ip, found[0].gateway) if each in parsed.address.network]
    if clash:
        raise PluginFault(
            f"the network inside, {parsed.address.network}, has {clash[0]} of the one outside: "
            "the namespace could not tell them apart"
        )
    return outer.ip


def _take_back(netns: Netns, tap: net.Device, fault: BaseException) -> None:
    for what, undo in (
        ("the tap is", lambda: netns.apply([net.DelLink(index=tap.index)])),
        ("the rules are", lambda: netns.change_rules([net.DelTable(table=TABLE)])),
    ):
        try:
            undo()
        except (NotFound, Unsupported):
            pass
        except KernelFault as failed:
            fault.add_note(f"{what} still there: {failed}")


def _extended(made: Result, call: Invocation, parsed: CloneConf, tap: str) -> Result:
    return replace(
        made,
        interfaces=(
            *made.interfaces,
            Interface(name=tap, mac=prev_result.mac_text(parsed.gateway_mac), sandbox=call.netns),
            Interface(name=tap, mac=prev_result.mac_text(parsed.mac), sandbox=call.container_id),
        ),
        ips=(
            *made.ips,
            IPConfig(address=parsed.address, gateway=parsed.gateway, interface=len(made.interfaces) + 1),
        ),
    )


def _own_tap(netns: Netns, name: str, parsed: CloneConf) -> net.LinkInfo | None:
    """The tap of that name that has the gateway's MAC: one that we made."""
    try:
        link = netns.link(name=name)
    except NotFound:
        return None
    return link if link.kind == "tun" and link.mac == parsed.gateway_mac else None


def _forwarding(name: str) -> str:
    """The link's own setting: the namespace's would outlive the network where the namespace is not ours."""
    return f"net/ipv4/conf/{name}/forwarding"


def _mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))


def _translation(
    chain: net.ChainName, offset: int, of: IPv4Address, nat: net.Nat, to: IPv4Address
) -> net.AddRule:
    return net.AddRule(
        chain=chain,
        expressions=(
            net.LoadMeta(key=net.META_NFPROTO),
            net.Compare(value=bytes((net.FAMILY_IPV4,))),
            net.LoadPayload(base=net.PAYLOAD_NETWORK, offset=offset, length=4),
            net.Compare(value=of.packed),
            net.LoadValue(value=to.packed),
            nat,
        ),
    )


_BASE: tuple[net.RuleRequest, ...] = (
    net.AddTable(table=TABLE, comment=_COMMENT),
    net.AddChain(chain=IN, hook=_TO_INSIDE),
    net.AddChain(chain=OUT, hook=_TO_OUTSIDE),
    net.FlushChain(chain=IN),
    net.FlushChain(chain=OUT),
)
