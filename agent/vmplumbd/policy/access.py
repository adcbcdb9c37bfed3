"""Which identity may do what: the operator's rules, and the decision about one request. Pure.

The first rule that an identity matches is the only one that counts for it. What no rule allows is denied, but for
callers of the Unix socket that no rule is about: its mode and group decide.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from vmplumbd.errors import Violation
from vmplumbd.policy.identity import UNIX, Pattern
from vmplumbd.policy.rate import Rate

# What concerns one caller's own networks. Every other RPC of the contract is the administrators'.
ORDINARY_RPCS = (
    "SetupNetwork",
    "TeardownNetwork",
    "GetNetwork",
    "ListNetworks",
    "WatchNetworks",
    "CheckNetwork",
    "DescribeNetwork",
    "GetStatus",
)
# Fields of a request that choose among the operator's directories.
PATH_FIELDS = ("bin_path", "conf_dir", "cache_dir", "netns_path")


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Numbers from `first` to `last`, both included."""

    first: int
    last: int

    def __contains__(self, number: int) -> bool:
        return self.first <= number <= self.last

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """A name, or all names that begin with one ("tenant-*"), or all ("*")."""

    text: str

    def matches(self, name: str) -> bool:
        """Whether the name is meant."""
        if self.text.endswith("*"):
            return name.startswith(self.text[:-1])
        return name == self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class TapOwner:
    """Users and groups that a tap may be given to; None allows that kind to be left out only."""

    users: Range | None
    groups: Range | None
    text: str

    def allows(self, uid: int | None, gid: int | None) -> bool:
        """Whether a tap may belong to them; None is what the request leaves out."""
        user = uid is None or (self.users is not None and uid in self.users)
        group = gid is None or (self.groups is not None and gid in self.groups)
        return user and group


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What the identities of one rule may do, and how much of it. Empty lists allow nothing.

    None is no limit. `paths` are names of PATH_FIELDS.
    """

    name: str
    who: tuple[Pattern, ...]
    rpcs: tuple[str, ...] = ()
    administrator: bool = False
    networks: tuple[Name, ...] = ()
    tap_owners: tuple[TapOwner, ...] = ()
    args: tuple[Name, ...] = ()
    capability_args: tuple[Name, ...] = ()
    host_ports: tuple[Range, ...] = ()
    paths: tuple[str, ...] = ()
    inline_conflists: bool = False
    max_networks: int | None = None
    max_operations: int | None = None
    max_streams: int | None = None
    rate: Rate | None = None

    def allows_rpc(self, rpc: str) -> bool:
        """Whether the RPC may be called at all. "*" is every RPC for an administrator, else the ordinary ones."""
        if rpc in self.rpcs:
            return True
        return "*" in self.rpcs and (self.administrator or rpc in ORDINARY_RPCS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The rules, in the operator's order."""

    rules: tuple[Rule, ...] = ()

    def rule_of(self, identity: str) -> Rule | None:
        """The one rule that counts for an identity."""
        return next((rule for rule in self.rules if any(one.matches(identity) for one in rule.who)), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What a request wants, of all that a rule can be about; each with the field it stands in.

    A host port or an owner that cannot be read as a number is -1, which no range has.
    """

    networks: tuple[tuple[str, str], ...] = ()
    inline: tuple[str, ...] = ()
    tap_owners: tuple[tuple[str, int | None, int | None], ...] = ()
    args: tuple[tuple[str, str], ...] = ()
    capability_args: tuple[tuple[str, str], ...] = ()
    host_ports: tuple[tuple[str, int], ...] = ()
    paths: tuple[tuple[str, str], ...] = ()
    host_wide: tuple[str, ...] = field(default=())


NOTHING = Ask()
# A list of ports has thousands of entries, and an answer no room for as many refusals.
_MOST_TOLD = 256


def denials(rule: Rule, rpc: str, ask: Ask = NOTHING) -> tuple[Violation, ...]:
    """What the rule does not allow of a request, the first 256 of it; empty if it may be served."""
    return tuple(itertools.islice(_denials(rule, rpc, ask), _MOST_TOLD))


def _denials(rule: Rule, rpc: str, ask: Ask) -> Iterator[Violation]:
    if not rule.allows_rpc(rpc):
        yield _denied("", "rpcs", f'rule "{rule.name}" does not allow {rpc}')
    for place, name in ask.networks:
        if not _any(rule.networks, name):
            yield _denied(place, "networks", f'network "{name}" is not allowed by rule "{rule.name}"')
    for place in ask.inline:
        if not rule.inline_conflists:
            yield _denied(place, "inline_conflists", f'rule "{rule.name}" allows no inline configuration')
    for place, uid, gid in ask.tap_owners:
        if not any(one.allows(uid, gid) for one in rule.tap_owners):
            who = ":".join("" if one is None else str(one) for one in (uid, gid))
            yield _denied(place, "tap_owners", f'a tap of {who} is not allowed by rule "{rule.name}"')
    for place, key in ask.args:
        if not _any(rule.args, key):
            yield _denied(place, "args", f'argument "{key}" is not allowed by rule "{rule.name}"')
    for place, key in ask.capability_args:
        if not _any(rule.capability_args, key):
            yield _denied(
                place, "capability_args", f'capability "{key}" is not allowed by rule "{rule.name}"'
            )
    for place, port in ask.host_ports:
        if not any(port in one for one in rule.host_ports):
            yield _denied(place, "host_ports", f'host port {port} is not allowed by rule "{rule.name}"')
    for place, name in ask.paths:
        if name not in rule.paths:
            yield _denied(place, "paths", f'rule "{rule.name}" does not let a request choose its {name}')
    for place in ask.host_wide:
        if not rule.administrator:
            yield _denied(place, "administrator", f'rule "{rule.name}" makes no administrator')


def _denied(field_path: str, key: str, message: str) -> Violation:
    return Violation(field=field_path, rule=f"policy.{key}", message=message)


def _any(names: Iterable[Name], name: str) -> bool:
    return any(one.matches(name) for one in names)


def explain(
    policy: Policy, identity: str, rpcs: Sequence[str], ask: Ask = NOTHING
) -> Iterator[tuple[str, str]]:
    """What would be said of each RPC, in words: (RPC, why not), the second empty where it is allowed.

    `ask` is what a set-up wants; no other RPC names any of it.
    """
    rule = policy.rule_of(identity)
    for rpc in rpcs:
        if rule is not None:
            wanted = ask if rpc == "SetupNetwork" else NOTHING
            yield rpc, "; ".join(one.message for one in denials(rule, rpc, wanted))
        elif identity == UNIX:
            yield rpc, ""
        else:
            yield rpc, no_rule(identity)


def no_rule(identity: str) -> str:
    """Why an identity that no rule is about may do nothing."""
    return f"no rule is about {identity}, and what no rule allows is denied"
