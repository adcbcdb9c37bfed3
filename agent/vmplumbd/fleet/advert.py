"""What an agent tells its fleet, as a message."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from vmplumb.v1.fleet_pb2 import FleetAgent
from vmplumbd.operations import addresses
from vmplumbd.operations.agent import Agent

# An operator's new network, or another runtime's reservation, is told that late at most. Seconds.
_COUNTED_ANYWAY = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What does not change while the agent runs."""

    id: str
    address: str
    server_name: str
    agent_version: str
    contract_version: str
    labels: Mapping[str, str] = field(default_factory=dict)


class Advertiser:
    """Describes one agent. Addresses are counted when a network came or went, and else a few times a minute."""

    def __init__(self, about: About, agent: Agent) -> None:
        self._about = about
        self._agent = agent
        self._counted_at = (-1, -1)
        self._networks: dict[str, tuple[int, int]] = {}

    def describe(self) -> FleetAgent:
        """The agent now. Blocks for the reservations' files when something has changed."""
        tools = self._agent.tools
        mark = tools.book.revision, int(tools.clock.monotonic() // _COUNTED_ANYWAY)
        if mark != self._counted_at:
            self._networks = self._count()
            self._counted_at = mark
        about = self._about
        made = FleetAgent(
            id=about.id,
            address=about.address,
            server_name=about.server_name,
            agent_version=about.agent_version,
            contract_version=about.contract_version,
            labels=about.labels,
            networks_live=tools.book.count(),
            networks_max=tools.settings.max_networks,
            operations=tools.lanes.admitted,
            draining=not self._agent.ready,
        )
        for name in sorted(self._networks):
            free, total = self._networks[name]
            known = {} if total < 0 else {"addresses_free": free, "addresses_total": total}
            made.networks.add(name=name, **known)
        made.update_time.FromNanoseconds(int(tools.clock.now() * 1e9))
        return made

    def _count(self) -> dict[str, tuple[int, int]]:
        tools = self._agent.tools
        found = dict.fromkeys(addresses.networks(tools), (0, -1))
        for each in addresses.usage(tools):
            free, total = each.found.size - each.found.taken, each.found.size
            # One address of each range set is taken by a network: the fullest decides.
            if found.get(each.network, (0, -1))[1] < 0 or free < found[each.network][0]:
                found[each.network] = free, total
        return found
