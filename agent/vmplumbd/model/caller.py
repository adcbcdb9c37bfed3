"""Who asks: an identity, what it may see, and how much it may have."""

from __future__ import annotations

from dataclasses import dataclass

# Callers of the agent's own Unix socket, and owners of networks that are older than owners.
LOCAL_OWNER = "local"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """One caller, once the door has let it in. `sees_all`: an administrator, to whom every network is there.

    `max_networks` and `max_operations` bound what one identity has at once; None does not. `rule` names the
    operator's rule that let it in.
    """

    identity: str = LOCAL_OWNER
    sees_all: bool = True
    max_networks: int | None = None
    max_operations: int | None = None
    rule: str = ""

    def sees(self, owner: str) -> bool:
        """Whether a network of this owner is there for the caller."""
        return self.sees_all or owner == self.identity


LOCAL = Caller()
