"""Masquerading through nf_tables, as the reference's nftables backend writes it.

One table for all: its base chain leads all but multicast to a chain with a rule for each address, which
masquerades what leaves the address's subnet. A rule's comment begins with hashes of its owner, by which
it is found again (plugins:pkg/ip/ipmasq_nftables_linux.go).

What the chain holds is kept in memory, good for one generation of the ruleset: the kernel refuses a
transaction made for another one. So nothing is listed unless somebody else has changed the ruleset, and
nothing depends on memory being right. Where nobody has, the base chain is known to be right as well, and
is not written again.
"""

from __future__ import annotations

import errno
import hashlib
import itertools
import shutil
import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv4Network, IPv6Interface, IPv6Network

from vmplumbd.abc import Kernel, Netns
from vmplumbd.errors import Busy, Changed, HostLimitReached, KernelFault, NotFound, Unsupported
from vmplumbd.model import net
from vmplumbd.plugins.conf import PluginFault

IPTABLES, NFTABLES = "iptables", "nftables"

TABLE = net.TableName(family=net.FAMILY_INET, name="cni_plugins_masquerade")
CHECKS = net.ChainName(table=TABLE, name="masq_checks")
POSTROUTING = net.ChainName(table=TABLE, name="postrouting")

_TABLE_COMMENT = "Masquerading for plugins from github.com/containernetworking/plugins"
_CHECKS_COMMENT = "Masquerade traffic from certain IPs to any (non-multicast) IP outside their subnet"
_SOURCE_NAT = net.Hook(kind="nat", number=net.HOOK_POSTROUTING, priority=100)
_LONGEST_COMMENT = 128
_HASH = 16
_KEY = 2 * _HASH + 1
# Each time somebody else was quicker, so somebody goes on; beside thirty others one may lose many times.
_TRIES = 200
_AT_ONCE = 256  # owners; the kernel takes some two thousand removals in one send

_COUNT, _MOST = "net/netfilter/nf_conntrack_count", "net/netfilter/nf_conntrack_max"


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """The attachment that rules belong to."""

    network: str
    container_id: str
    if_name: str

    @property
    def key(self) -> str:
        """What the comments of its rules begin with."""
        return f"{_hash(self.network)}-{_hash(f'{self.if_name}:{self.container_id}')}"

    @property
    def comment(self) -> str:
        """The comment of its rules: the key, then what a reader wants to know, cut at 128 bytes."""
        names = (name.replace('"', "") for name in (self.network, self.if_name, self.container_id))
        text = "{}, net: {}, if: {}, id: {}".format(self.key, *names)
        return text.encode(errors="surrogateescape")[:_LONGEST_COMMENT].decode(errors="surrogateescape")


def rule(owner: Owner, address: net.Interface) -> net.AddRule:
    """The rule that masquerades what goes from an address to outside its subnet."""
    source, destination = (12, 16) if address.version == 4 else (8, 24)
    return net.AddRule(
        chain=CHECKS,
        expressions=(
            *_family(address.version),
            net.LoadPayload(base=net.PAYLOAD_NETWORK, offset=source, length=len(address.ip.packed)),
            net.Compare(value=address.ip.packed),
            *_prefix(destination, address.network, equal=False),
            net.Masquerade(),
        ),
        comment=owner.comment,
    )


def default_backend(path: str | None) -> str:
    """What a configuration means that names no backend; `path` is PATH.

    The reference takes iptables wherever that works, even through nf_tables (plugins:pkg/ip/ipmasq_linux.go).
    """
    return NFTABLES if shutil.which("iptables", path=path) is None else IPTABLES


def refuse_backend(backend: str | None) -> None:
    """Raises PluginFault for a backend that there is not."""
    if backend not in (None, IPTABLES, NFTABLES):
        raise PluginFault(f'unknown ipmasq backend "{backend}"')


@dataclass(slots=True)
class _Known:
    """The chain in one generation: handles by key. `base` says that the base chain is as we write it."""

    generation: int
    handles: dict[str, list[int]]
    base: bool = False


class Masquerade:
    """The rules of all attachments of this host. Any thread may call; one changes rules at a time.

    `default` is the backend of a configuration that names none.
    """

    def __init__(self, kernel: Kernel, *, default: str = NFTABLES) -> None:
        self._kernel = kernel
        self._default = default
        self._lock = threading.Lock()
        self._known: _Known | None = None
        self._possible = False

    def by_executable(self, backend: str | None) -> bool:
        """Whether a backend is one that only the reference's executable has."""
        return (self._default if backend is None else backend) == IPTABLES

    def add(self, owner: Owner, addresses: Sequence[net.Interface]) -> None:
        """Masquerade what leaves these addresses, and nothing else of this owner. One transaction.

        Raises KernelFault, Unsupported, with nothing done unless an answer was lost.
        """
        rules = [rule(owner, address) for address in addresses]

        def plan(known: _Known) -> list[net.RuleRequest]:
            stale = [net.DelRule(chain=CHECKS, handle=each) for each in known.handles.get(owner.key, ())]
            return [*(() if known.base else _BASE), *stale, *rules]

        def learn(known: _Known, handles: Sequence[int]) -> None:
            known.base = True
            known.handles[owner.key] = list(handles[len(handles) - len(rules) :])

        self._change(plan, learn)

    def delete(self, owner: Owner) -> None:
        """Remove this owner's rules. None there is success. Raises KernelFault."""
        self._remove(lambda known: [owner.key] if owner.key in known.handles else [])

    def take_back(self, owner: Owner, fault: BaseException) -> None:
        """Remove what an ADD made before it failed with `fault`, which is told what stays."""
        try:
            self.delete(owner)
        except KernelFault as failed:
            fault.add_note(f"its addresses are still masqueraded: {failed}")

    def collect(self, network: str, valid: Collection[Owner]) -> None:
        """Remove the rules of a network whose owner is not valid; other networks' stay. Raises KernelFault."""
        ours = f"{_hash(network)}-"
        keep = {owner.key for owner in valid}

        def stale(known: _Known) -> list[str]:
            found = (key for key in known.handles if key.startswith(ours) and key not in keep)
            return list(itertools.islice(found, _AT_ONCE))

        while self._remove(stale):
            pass

    def check(self, owner: Owner, addresses: Sequence[net.Interface]) -> None:
        """Raises PluginFault unless each address is masqueraded, and the base chain leads to its rule."""
        host = self._kernel.host()
        for _ in range(_TRIES):
            generation, handles = self._handles(host, owner)
            rules = [_find(host, CHECKS, handle) for handle in handles]
            base = [_find(host, POSTROUTING, each.handle) for each in host.rules(POSTROUTING).rules]
            if host.generation() == generation:  # else it may have been written again in between
                break
        else:
            raise _restless()
        there = [each.expressions for each in rules if each is not None]
        for address in addresses:
            if rule(owner, address).expressions not in there:
                raise PluginFault(f"no rule masquerades {address.ip} of interface {owner.if_name}")
        if [each.expressions for each in base if each] != [each.expressions for each in _BASE_RULES]:
            raise PluginFault(f"chain {POSTROUTING.name} of nft table {TABLE.name} is not as it was written")

    def refuse_impossible(self) -> None:
        """Raises Unsupported or HostLimitReached if rules cannot be made, or could do nothing, here and now.

        Changes nothing. The kernel is asked once for what it can, each time for its connections.
        """
        host = self._kernel.host()
        if not self._possible:
            someone = Owner(network="", container_id="", if_name="")
            trial = (rule(someone, address) for address in (_SOME_IPV4, _SOME_IPV6))
            try:
                host.change_rules([*_BASE, *trial], dry=True)
            except KernelFault as exc:
                raise Unsupported(
                    f"the kernel cannot masquerade through nf_tables: {exc.message}",
                    hint="are nf_tables, nft_chain_nat and nft_masq in the kernel, or loaded (modprobe -a)?",
                ) from exc
            self._possible = True
        try:
            count, most = (int(host.read_sysctl(key)) for key in (_COUNT, _MOST))
        except NotFound:
            return
        if count >= most:
            raise HostLimitReached(
                f"the kernel's table of connections is full: {count} of {most}",
                hint="is net.netfilter.nf_conntrack_max too low, or does someone flood the host?",
            )

    def owns(self, owner: Owner) -> bool:
        """Whether there are rules of this owner. Raises KernelFault."""
        try:
            _, handles = self._handles(self._kernel.host(), owner)
        except Unsupported:
            return False  # a kernel without nf_tables has no rules
        return bool(handles)

    def saw_change(self, generation: int) -> None:
        """The ruleset went on from this generation by a change that touched nothing of ours."""
        with self._lock:
            if self._known is not None and self._known.generation == generation:
                self._known.generation = net.next_generation(generation)

    def _handles(self, host: Netns, owner: Owner) -> tuple[int, Sequence[int]]:
        """The generation, and the owner's rules in it."""
        with self._lock:
            known = self._known
            if known is None or host.generation() != known.generation:
                known = self._known = _read(host)
            return known.generation, tuple(known.handles.get(owner.key, ()))

    def _remove(self, choose: Callable[[_Known], list[str]]) -> bool:
        """Remove the rules of the chosen keys in one transaction; whether there were any."""
        chosen: list[str] = []

        def plan(known: _Known) -> list[net.RuleRequest]:
            chosen[:] = choose(known)
            return [net.DelRule(chain=CHECKS, handle=each) for key in chosen for each in known.handles[key]]

        def learn(known: _Known, _: Sequence[int]) -> None:
            for key in chosen:
                del known.handles[key]

        try:
            self._change(plan, learn)
        except Unsupported:
            return False  # a kernel without nf_tables has no rules
        return bool(chosen)

    def _change(
        self,
        plan: Callable[[_Known], list[net.RuleRequest]],
        learn: Callable[[_Known, Sequence[int]], None],
    ) -> None:
        host = self._kernel.host()
        with self._lock:
            for _ in range(_TRIES):
                # Whatever goes wrong, the next look is at the kernel.
                known, self._known = self._known or _read(host), None
                requests = plan(known)
                if not requests:
                    if host.generation() == known.generation:
                        self._known = known
                        return
                    continue
                try:
                    handles = host.change_rules(requests, generation=known.generation)
                except Changed:
                    continue
                known.generation = net.next_generation(known.generation)
                learn(known, handles)
                self._known = known
                return
        raise _restless()


def _read(host: Netns) -> _Known:
    found = host.rules(CHECKS)
    handles: dict[str, list[int]] = {}
    for each in found.rules:
        if len(each.comment) >= _KEY:
            handles.setdefault(each.comment[:_KEY], []).append(each.handle)
    return _Known(generation=found.generation, handles=handles)


def _restless() -> Busy:
    return Busy(
        "keep up with the rules for masquerading",
        where="the host",
        errno=errno.EBUSY,
        hint="does something change nft rules without pause?",
    )


def _find(host: Netns, chain: net.ChainName, handle: int) -> net.RuleInfo | None:
    try:
        return host.rule(chain, handle)
    except NotFound:
        return None


def _hash(text: str) -> str:
    return hashlib.sha512(text.encode(errors="surrogateescape")).hexdigest()[:_HASH]


def _family(version: int) -> tuple[net.Expression, ...]:
    number = bytes((2 if version == 4 else 10,))
    return net.LoadMeta(key=net.META_NFPROTO), net.Compare(value=number)


def _prefix(offset: int, network: net.Network, *, equal: bool) -> tuple[net.Expression, ...]:
    """An address in the network header against a prefix: whole bytes are loaded alone, as nft does."""
    packed, prefix = network.network_address.packed, network.prefixlen
    whole, bits = divmod(prefix, 8)
    if whole and not bits:
        return (
            net.LoadPayload(base=net.PAYLOAD_NETWORK, offset=offset, length=whole),
            net.Compare(value=packed[:whole], equal=equal),
        )
    return (
        net.LoadPayload(base=net.PAYLOAD_NETWORK, offset=offset, length=len(packed)),
        net.Mask(mask=network.netmask.packed),
        net.Compare(value=packed, equal=equal),
    )


def _leave(multicast: net.Network) -> net.AddRule:
    destination = 16 if multicast.version == 4 else 24
    return net.AddRule(
        chain=POSTROUTING,
        expressions=(
            *_family(multicast.version),
            *_prefix(destination, multicast, equal=True),
            net.Verdict(code=net.VERDICT_RETURN),
        ),
    )


_SOME_IPV4, _SOME_IPV6 = IPv4Interface("192.0.2.1/25"), IPv6Interface("2001:db8::1/65")
_BASE_RULES = (
    _leave(IPv4Network("224.0.0.0/4")),
    _leave(IPv6Network("ff00::/8")),
    net.AddRule(chain=POSTROUTING, expressions=(net.Verdict(code=net.VERDICT_GOTO, chain=CHECKS.name),)),
)
_BASE: tuple[net.RuleRequest, ...] = (
    net.AddTable(table=TABLE, comment=_TABLE_COMMENT),
    net.AddChain(chain=CHECKS, comment=_CHECKS_COMMENT),
    net.AddChain(chain=POSTROUTING, hook=_SOURCE_NAT),
    net.FlushChain(chain=POSTROUTING),
    *_BASE_RULES,
)
