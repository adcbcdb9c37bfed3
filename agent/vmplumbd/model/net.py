"""What can be asked of a network namespace, one frozen value a request, and what it answers.

A plugin computes a list of these first and hands it over whole: the kernel room encodes the list
as one netlink send, a fake plays it on a value, a test compares it. Links are named by `index`
where it is known (0 means "by name"); addresses, routes and qdiscs are the kernel's words.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network
from typing import TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address
Interface: TypeAlias = IPv4Interface | IPv6Interface
Network: TypeAlias = IPv4Network | IPv6Network

SCOPE_UNIVERSE = 0
SCOPE_LINK = 253
SCOPE_HOST = 254
SCOPE_NOWHERE = 255
TABLE_MAIN = 254
PROTO_KERNEL = 2
PROTO_BOOT = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class AddVeth:
    """A veth pair whose first end, `name`, is here and whose `peer` is in the host's namespace.

    `mtu` 0 is the kernel's default. MACs are the kernel's choice unless given.
    """

    name: str
    peer: str
    mtu: int = 0
    mac: bytes | None = None
    peer_mac: bytes | None = None
    peer_group: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AddLink:
    """A link of another kind: "bridge", "dummy", "ifb". `up` sets it up in the same request."""

    name: str
    kind: str
    mtu: int = 0
    tx_queue_length: int | None = None
    vlan_filtering: bool | None = None
    mac: bytes | None = None
    up: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GetLink:
    """Answered with one LinkInfo, in the place of this request."""

    index: int = 0
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetLink:
    """Change what is not None. `up` False sets the link down. `master` 0 releases it.

    `arp_notify` is the setting net/ipv4/conf/LINK/arp_notify.
    """

    index: int = 0
    name: str = ""
    up: bool | None = None
    mtu: int | None = None
    mac: bytes | None = None
    master: int | None = None
    group: int | None = None
    promisc: bool | None = None
    allmulti: bool | None = None
    tx_queue_length: int | None = None
    hairpin: bool | None = None
    isolated: bool | None = None
    arp_notify: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AddBridgeVlan:
    """Make a bridge port a member of a VLAN. `pvid`: what comes in untagged; `untagged`: sent without the tag."""

    index: int
    vid: int
    pvid: bool = False
    untagged: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DelBridgeVlan:
    """Take a bridge port out of a VLAN."""

    index: int
    vid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RenameLink:
    """Give a link another name; it must be down unless the kernel renames running links (6.2 and later)."""

    index: int
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DelLink:
    """Remove a link and, of a veth pair, both ends."""

    index: int = 0
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddAddress:
    """An address with its prefix length. An IPv4 broadcast address is set when `broadcast` is given."""

    index: int
    address: Interface
    broadcast: IPv4Address | None = None
    no_dad: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DelAddress:
    """Take an address from a link."""

    index: int
    address: Interface


@dataclass(frozen=True, slots=True, kw_only=True)
class AddRoute:
    """A unicast route. `dst` of prefix length 0 is the default route. `append` allows a second next hop."""

    dst: Network
    index: int
    gateway: Address | None = None
    src: Address | None = None
    scope: int = SCOPE_UNIVERSE
    table: int = TABLE_MAIN
    priority: int = 0
    append: bool = False
    mtu: int = 0
    advmss: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DelRoute:
    """Remove the route to `dst` on this link; `scope` SCOPE_NOWHERE matches any scope."""

    dst: Network
    index: int
    scope: int = SCOPE_NOWHERE
    table: int = TABLE_MAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class AddIngress:
    """The ingress qdisc, handle ffff:, on a link."""

    index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DelIngress:
    """Remove a link's ingress qdisc and the filters on it."""

    index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AddRedirect:
    """u32 match-all on `index`'s ingress, mirred egress redirect to `to`.

    `priority` 0 is the kernel's choice. `class_id` 0 is none; nothing at ingress has classes.
    """

    index: int
    to: int
    priority: int = 0
    class_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """What a token bucket filter lets through: `rate` in bytes a second, in bursts of `buffer`.

    `buffer` is how long a burst takes at that rate, in the scheduler's ticks of 64 ns; `limit` is how many
    bytes may wait.
    """

    rate: int
    buffer: int
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AddTbf:
    """A token bucket filter as the link's root qdisc, handle 1:, for what the link sends."""

    index: int
    limit: RateLimit


@dataclass(frozen=True, slots=True, kw_only=True)
class DelTbf:
    """Remove the token bucket filter that is the link's root qdisc."""

    index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AddHtb:
    """A hierarchical token bucket as the link's root qdisc, handle 1:.

    What no filter claims is for the class with the minor number `default`; 0 is past all classes.
    """

    index: int
    default: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DelHtb:
    """Remove the hierarchical token bucket that is the link's root qdisc, with its classes and filters."""

    index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AddHtbClass:
    """A class of a link's hierarchical token bucket. The queue is the link's: `limit.limit` says nothing."""

    index: int
    minor: int
    limit: RateLimit


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """What comes from `network` (`source`), or goes to it, and where it is sent.

    `minor` is the class, 0 is past all classes; `to` is the link whose egress it is redirected to, 0 is none.
    """

    network: Network
    source: bool
    minor: int = 0
    to: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AddMatch:
    """A u32 filter at a link's ingress or, with `at_root`, at its hierarchical token bucket.

    Filters are tried in the order of their priorities; those of one priority have one family.
    """

    index: int
    priority: int
    match: Match
    at_root: bool = False


Request: TypeAlias = (
    AddVeth
    | AddLink
    | GetLink
    | SetLink
    | AddBridgeVlan
    | DelBridgeVlan
    | DelLink
    | RenameLink
    | AddAddress
    | DelAddress
    | AddRoute
    | DelRoute
    | AddIngress
    | DelIngress
    | AddRedirect
    | AddTbf
    | DelTbf
    | AddHtb
    | DelHtb
    | AddHtbClass
    | AddMatch
)


# Rules of nf_tables. They are changed in transactions of their own: `abc.Netns.change_rules`.

FAMILY_INET = 1
FAMILY_IPV4 = 2
FAMILY_BRIDGE = 7
HOOK_PREROUTING = 0
HOOK_POSTROUTING = 4
META_IIFNAME = 6
META_NFPROTO = 15
PAYLOAD_LINK = 0
PAYLOAD_NETWORK = 1
VERDICT_DROP = 0
VERDICT_ACCEPT = 1
VERDICT_JUMP = -3
VERDICT_GOTO = -4
VERDICT_RETURN = -5


@dataclass(frozen=True, slots=True, kw_only=True)
class TableName:
    """A table, by family and name."""

    family: int
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainName:
    """A chain of a table."""

    table: TableName
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """Where a base chain is called from: its type ("nat", "filter"), hook and priority. It accepts by default."""

    kind: str
    number: int
    priority: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadMeta:
    """Take what the kernel knows of a packet, META_*, into the register."""

    key: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadPayload:
    """Take bytes of a packet into the register, counted from the start of a header, PAYLOAD_*."""

    base: int
    offset: int
    length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Mask:
    """Keep the register's bits that are set in `mask`, which is as long as what was loaded."""

    mask: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Compare:
    """Leave the rule unless the register equals `value`, or differs from it."""

    value: bytes
    equal: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What becomes of the packet, VERDICT_*; `chain` is where a jump or goto leads."""

    code: int
    chain: str = ""


@dataclass(frozen=True, slots=True)
class Masquerade:
    """Send the packet under the address of the link it leaves by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadValue:
    """Take these bytes into the register."""

    value: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Nat:
    """Put the IPv4 address in the register in the place of the packet's source, or of its destination."""

    source: bool


Expression: TypeAlias = LoadMeta | LoadPayload | LoadValue | Mask | Compare | Verdict | Masquerade | Nat


@dataclass(frozen=True, slots=True, kw_only=True)
class AddTable:
    """A table; one that is there stays as it is. `comment` is what `nft` shows."""

    table: TableName
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DelTable:
    """Remove a table with all that is in it."""

    table: TableName


@dataclass(frozen=True, slots=True, kw_only=True)
class AddChain:
    """A chain; one that is there stays as it is, but must have the same hook."""

    chain: ChainName
    hook: Hook | None = None
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlushChain:
    """Remove all rules of a chain."""

    chain: ChainName


@dataclass(frozen=True, slots=True, kw_only=True)
class DelChain:
    """Remove a chain with its rules. One that another chain leads to is busy."""

    chain: ChainName


@dataclass(frozen=True, slots=True, kw_only=True)
class AddRule:
    """A rule, behind those that the chain has."""

    chain: ChainName
    expressions: tuple[Expression, ...]
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DelRule:
    """Remove a rule by its handle, which is never given again in the life of its table."""

    chain: ChainName
    handle: int


RuleRequest: TypeAlias = AddTable | DelTable | AddChain | FlushChain | DelChain | AddRule | DelRule


def next_generation(generation: int) -> int:
    """The generation after one change: 32 bits, never 0."""
    return (generation + 1) & 0xFFFFFFFF or 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleName:
    """A rule of a chain: its handle and comment."""

    handle: int
    comment: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleList:
    """The rules of a chain, in order, and the generation of the ruleset they were read in."""

    generation: int
    rules: tuple[RuleName, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleInfo:
    """A rule whole. An expression that has no class here is None."""

    handle: int
    comment: str
    expressions: tuple[Expression | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkInfo:
    """A link as the kernel tells it. `peer_index` is IFLA_LINK (a veth's other end), 0 if none.

    `default_vlan` is the VLAN that a bridge's new ports are in (0: none); None for a link that is no bridge,
    and where the kernel has no VLAN filtering on bridges. `owner_uid` and `owner_gid` are a tap's, where it has one.
    """

    index: int
    name: str
    kind: str
    mac: bytes
    mtu: int
    up: bool
    peer_index: int = 0
    master: int = 0
    group: int = 0
    promisc: bool = False
    allmulti: bool = False
    tx_queue_length: int = 0
    oper_up: bool = False
    default_vlan: int | None = None
    owner_uid: int | None = None
    owner_gid: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """The few facts of a link that the kernel tells at once."""

    index: int
    name: str
    mac: bytes
    mtu: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressInfo:
    """An address on a link."""

    index: int
    address: Interface
    scope: int
    tentative: bool = False
    dad_failed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteInfo:
    """A route of the main or another table; `dst` of prefix length 0 is the default route."""

    dst: Network
    index: int
    gateway: Address | None = None
    src: Address | None = None
    scope: int = SCOPE_UNIVERSE
    table: int = TABLE_MAIN
    priority: int = 0
    protocol: int = PROTO_BOOT


@dataclass(frozen=True, slots=True, kw_only=True)
class NetnsIdentity:
    """Which namespace a path leads to: device and inode of its nsfs file."""

    device: int
    inode: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NetnsDir:
    """What preparing a directory of namespaces made: directories, outermost first, and the mount."""

    path: str
    made: tuple[str, ...] = ()
    mounted: bool = False
