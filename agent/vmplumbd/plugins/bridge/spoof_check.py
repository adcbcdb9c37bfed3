"""`macspoofchk`: what a port sends under another MAC than the VM's is dropped (plugins:pkg/link/spoofcheck.go).

Table `nat` of family bridge: its base chain leads what comes in by a port to a chain of the attachment,
and that to one which lets the MAC pass and drops the rest. Chains are named, and rules commented, by
container id and interface name. The table and its base chain stay, as the reference leaves them.

Such a name may be made of two pairs: "a-b" and "c", "a" and "b-c". So chains that serve a port of somebody
else's are neither filled anew nor removed.
"""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from vmplumbd.abc import Kernel, Netns
from vmplumbd.errors import Busy, Changed, KernelFault, NotFound, Unsupported
from vmplumbd.model import net
from vmplumbd.plugins import veth
from vmplumbd.plugins.conf import PluginFault
from vmplumbd.plugins.masquerade import Masquerade

TABLE = net.TableName(family=net.FAMILY_BRIDGE, name="nat")
PREROUTING = net.ChainName(table=TABLE, name="PREROUTING")

_PREFIX = "macspoofchk-"
_FILTER = net.Hook(kind="filter", number=net.HOOK_PREROUTING, priority=-300)
_LONGEST_NAME = 16  # IFNAMSIZ: a name is compared with its zero bytes
_LONGEST_COMMENT = 127
# As many as masquerading has: somebody always goes on, and one may lose many times.
_TRIES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """One attachment's rules."""

    container_id: str
    if_name: str

    @property
    def comment(self) -> str:
        """What every rule of it says."""
        return f"{_PREFIX}{self.container_id}-{self.if_name}"

    @property
    def by_port(self) -> net.ChainName:
        """Where the port's frames are led."""
        return net.ChainName(table=TABLE, name=f"cni-br-iface-{self.container_id}-{self.if_name}")

    @property
    def by_mac(self) -> net.ChainName:
        """Where their MAC is looked at."""
        return net.ChainName(table=TABLE, name=f"{self.by_port.name}-mac")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Jump:
    """A rule of the base chain: what comes in by `port` is led to an attachment's chain."""

    handle: int
    port: str


class SpoofCheck:
    """The rules of all attachments of this host. Any thread may call.

    Handles of the base chain's rules are remembered, and looked at before they are used; so the chain is
    listed only for an attachment that this process did not make. `others` is told of each change.
    """

    def __init__(self, kernel: Kernel, others: Masquerade) -> None:
        self._kernel = kernel
        self._others = others
        self._lock = threading.Lock()
        self._handles: dict[str, tuple[int, ...]] = {}
        self._possible = False

    def add(self, guard: Guard, port: str, mac: bytes) -> None:
        """Drop what comes in by a port under another MAC. One transaction.

        Raises PluginFault if the chains serve another port that is there, KernelFault, Unsupported.
        """
        if len(guard.comment.encode(errors="surrogateescape")) > _LONGEST_COMMENT:
            raise PluginFault(f"failed to setup spoof-check: {guard.comment} is too long for a comment")

        def plan(host: Netns) -> list[net.RuleRequest]:
            jumps = self._jumps(host, guard) if host.rules(guard.by_port).rules else ()
            for jump in jumps:
                if jump.port != port and veth.exists(host, jump.port):
                    raise PluginFault(f"failed to setup spoof-check: {guard.by_port.name} serves {jump.port}")
            stale = [net.DelRule(chain=PREROUTING, handle=jump.handle) for jump in jumps]
            return [*_chains(guard), *stale, *_rules(guard, port, mac)]

        handles = self._change(plan)
        with self._lock:
            self._handles[guard.comment] = tuple(handles[:1])

    def delete(self, guard: Guard, ports: Collection[str]) -> None:
        """Remove what guards one of these ports, or a port that is gone. None there is success. Raises KernelFault."""

        def plan(host: Netns) -> list[net.RuleRequest]:
            if not host.rules(guard.by_port).rules:
                return []
            jumps = self._jumps(host, guard)
            ours = [jump for jump in jumps if jump.port in ports or not veth.exists(host, jump.port)]
            gone: list[net.RuleRequest] = [net.DelRule(chain=PREROUTING, handle=jump.handle) for jump in ours]
            if len(ours) < len(jumps):
                return gone
            # Made again if it was missing: a transaction that deletes what is not there does nothing at all.
            both = (guard.by_port, guard.by_mac)
            made = [net.AddChain(chain=each) for each in both]
            return [*gone, *made, *(net.DelChain(chain=each) for each in both)]

        try:
            self._change(plan)
        except Unsupported:
            return  # a kernel without nf_tables has no rules
        with self._lock:
            self._handles.pop(guard.comment, None)

    def take_back(self, guard: Guard, port: str, fault: BaseException) -> None:
        """Remove what an ADD made before it failed with `fault`, which is told what stays."""
        try:
            self.delete(guard, (port,))
        except KernelFault as failed:
            fault.add_note(f"its spoof-check is still there: {failed}")

    def collect(self, network: str, valid: Collection[tuple[str, str]]) -> None:
        """Remove what guards a port of ours for an attachment of this network that is not valid. Raises KernelFault.

        Rules do not name their network; the port's name tells, which is made of it.
        """
        host = self._kernel.host()
        try:
            listed = host.rules(PREROUTING).rules
        except Unsupported:
            return
        for comment in dict.fromkeys(each.comment for each in listed if each.comment.startswith(_PREFIX)):
            for guard in _readings(comment):
                if (guard.container_id, guard.if_name) in valid:
                    continue
                port = veth.host_device_name(network, guard.container_id, guard.if_name)
                if any(jump.port == port for jump in self._jumps(host, guard)):
                    self.delete(guard, (port,))

    def check(self, guard: Guard, port: str, mac: bytes) -> None:
        """Raises PluginFault unless the rules are there as `add` makes them."""
        host = self._kernel.host()
        if not any(jump.port == port for jump in self._jumps(host, guard)):
            raise PluginFault(f"no rule leads what comes in by {port} to {guard.by_port.name}")
        wanted = _rules(guard, port, mac)
        for chain in (guard.by_port, guard.by_mac):
            found = [host.rule(chain, each.handle).expressions for each in host.rules(chain).rules]
            if found != [each.expressions for each in wanted if each.chain == chain]:
                raise PluginFault(f"chain {chain.name} of nft table {TABLE.name} is not as it was written")

    def owns(self, guard: Guard) -> bool:
        """Whether there are rules of this attachment. Raises KernelFault."""
        try:
            return bool(self._kernel.host().rules(guard.by_port).rules)
        except Unsupported:
            return False

    def refuse_impossible(self) -> None:
        """Raises Unsupported if the kernel cannot have such rules. Changes nothing; asks once."""
        if self._possible:
            return
        trial = Guard(container_id="", if_name="")
        try:
            requests = [*_chains(trial), *_rules(trial, "lo", bytes(6))]
            self._kernel.host().change_rules(requests, dry=True)
        except KernelFault as exc:
            raise Unsupported(
                f"the kernel cannot look at MACs through nf_tables: {exc.message}",
                hint="is nf_tables for bridges in the kernel (CONFIG_NF_TABLES_BRIDGE), or loaded?",
            ) from exc
        self._possible = True

    def _jumps(self, host: Netns, guard: Guard) -> tuple[_Jump, ...]:
        """The rules of the base chain that lead to an attachment's chain."""
        with self._lock:
            known = self._handles.get(guard.comment)
        jumps = None if known is None else _look(host, guard, known)
        if jumps:
            return jumps
        handles: dict[str, tuple[int, ...]] = {}
        for each in host.rules(PREROUTING).rules:
            handles[each.comment] = (*handles.get(each.comment, ()), each.handle)
        with self._lock:
            self._handles = handles
        return _look(host, guard, handles.get(guard.comment, ()))

    def _change(self, plan: Callable[[Netns], list[net.RuleRequest]]) -> Sequence[int]:
        host = self._kernel.host()
        for _ in range(_TRIES):
            generation = host.generation()
            requests = plan(host)
            if not requests:
                return ()
            try:
                handles = host.change_rules(requests, generation=generation)
            except Changed:
                continue
            self._others.saw_change(generation)
            return handles
        raise Busy(
            "change the rules for MACs", where="the host", errno=errno.EBUSY,
            hint="does something change nft rules without pause?",
        )  # fmt: skip


def _look(host: Netns, guard: Guard, handles: Collection[int]) -> tuple[_Jump, ...]:
    """Those of the rules that lead to the attachment's chain, with their ports."""
    found: list[_Jump] = []
    for handle in handles:
        try:
            said = host.rule(PREROUTING, handle)
        except NotFound:
            continue
        match said.expressions:
            case (net.LoadMeta(), net.Compare(value=name), net.Verdict(chain=chain)) if (
                chain == guard.by_port.name
            ):
                found.append(_Jump(handle=handle, port=name.rstrip(b"\0").decode(errors="surrogateescape")))
    return tuple(found)


def _chains(guard: Guard) -> list[net.RuleRequest]:
    return [
        net.AddTable(table=TABLE),
        net.AddChain(chain=PREROUTING, hook=_FILTER),
        net.AddChain(chain=guard.by_port),
        net.AddChain(chain=guard.by_mac),
        net.FlushChain(chain=guard.by_port),
        net.FlushChain(chain=guard.by_mac),
    ]


def _rules(guard: Guard, port: str, mac: bytes) -> list[net.AddRule]:
    name = port.encode(errors="surrogateescape").ljust(_LONGEST_NAME, b"\0")
    by_port = net.Verdict(code=net.VERDICT_JUMP, chain=guard.by_port.name)
    by_mac = net.Verdict(code=net.VERDICT_JUMP, chain=guard.by_mac.name)
    source = net.LoadPayload(base=net.PAYLOAD_LINK, offset=6, length=6)
    rows: tuple[tuple[net.ChainName, tuple[net.Expression, ...]], ...] = (
        (PREROUTING, (net.LoadMeta(key=net.META_IIFNAME), net.Compare(value=name), by_port)),
        (guard.by_port, (by_mac,)),
        (guard.by_mac, (source, net.Compare(value=mac), net.Verdict(code=net.VERDICT_RETURN))),
        (guard.by_mac, (net.Verdict(code=net.VERDICT_DROP),)),
    )
    return [net.AddRule(chain=chain, expressions=row, comment=guard.comment) for chain, row in rows]


def _readings(comment: str) -> list[Guard]:
    """Every attachment whose rules say this."""
    parts = comment.removeprefix(_PREFIX).split("-")
    return [
        Guard(container_id="-".join(parts[:cut]), if_name="-".join(parts[cut:]))
        for cut in range(1, len(parts))
    ]
