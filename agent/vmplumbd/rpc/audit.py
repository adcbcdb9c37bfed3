"""What is audited of a call that may change something: who, what, on which network, how it ended, how long it took.

No value that a caller sent is in it but names: vm_id, uid, networks, and which options were on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from vmplumbd.errors import AgentError
from vmplumbd.policy.rate import Buckets, Rate
from vmplumbd.rpc import wants
from vmplumbd.rpc.door import Way

# An unknown field of these is refused, and they are audited.
MUTATING = frozenset({"SetupNetwork", "TeardownNetwork", "CollectGarbage", "CordonHost"})
# The caller went away before the end; an operation that began goes on.
GONE = "CALLER_GONE"

_OPTIONS = (
    *("validate_only", "force", "wait_for_devices", "dry_run", "allow_empty", "collect_leaks", "quarantine"),
    *("as_one_group", "drain_pools", "cordoned"),
)
_DOORS_LIMITS = frozenset({"policy.rate", "policy.max_streams", "limits.max_calls"})
# Calls that the door turned away because there were too many: a line each would push all others out.
_TURNED_AWAY = Rate(per_second=0.1, burst=1)

Write = Callable[..., None]
# The processes that may be behind a call over a socket.
Connected = Callable[[], Sequence[Mapping[str, int]]]


class Auditor:
    """Makes the lines. `connected` is asked for each call over a socket."""

    def __init__(
        self, write: Write, *, clock: Callable[[], float], connected: Mapping[Way, Connected] | None = None
    ) -> None:
        self._write = write
        self._clock = clock
        self._connected = connected or {}
        self._turned_away = Buckets()

    def note(
        self,
        *,
        rpc: str,
        request: object,
        way: Way,
        who: str,
        rule: str,
        peer: str,
        uid: str,
        seconds: float,
        error: AgentError | None,
        gone: bool,
    ) -> None:
        """One call that is over."""
        fields: dict[str, object] = {"who": who, "way": way.value}
        if error is not None and error.limit in _DOORS_LIMITS:
            if self._turned_away.take(f"{who} {error.limit}", _TURNED_AWAY, self._clock()):
                return
            fields["more"] = "not each of these has a line"
        if peer:
            fields["peer"] = peer
        if (look := self._connected.get(way)) is not None:
            fields["processes"] = look()
        if rule:
            fields["rule"] = rule
        fields["rpc"] = rpc
        # A request that was refused need not be one that may be quoted.
        if vm_id := getattr(request, "vm_id", ""):
            fields["vm_id"] = vm_id[:64]
        if networks := wants.networks_of(request):
            fields["networks"] = [name[:128] for name in networks[:32]]
        if options := [name for name in _OPTIONS if getattr(request, name, False)]:
            fields["options"] = options
        if uid:
            fields["uid"] = uid
        fields["outcome"] = GONE if gone else "OK" if error is None else error.reason.value
        if error is not None and error.violations:
            fields["rules"] = sorted({one.rule for one in error.violations})
        if error is not None and error.limit:
            fields["limit"] = error.limit
        fields["seconds"] = round(seconds, 6)
        self._write(**fields)
