"""Making what warm pools hold: a namespace's devices, wired but for the identity of who will have them.

Only chains are served whose devices do not depend on who asks: ptp, then tc-redirect-tap, both in process.
The address, the routes, masquerading and the owner of the tap come at the claim, by the plugins themselves.
"""

from __future__ import annotations

import os

from vmplumbd.abc import Kernel
from vmplumbd.cni.config import NetworkConfigList
from vmplumbd.cni.error import CniError
from vmplumbd.errors import KernelFault, Unsupported
from vmplumbd.model.record import Member
from vmplumbd.plugins import ptp, tc_redirect_tap, veth
from vmplumbd.plugins.ahead import MadeAhead
from vmplumbd.plugins.builtin import BuiltinInvoker
from vmplumbd.plugins.tc_redirect_tap import TapArgs

IF_NAME = "eth0"
_CHAIN = ["ptp", "tc-redirect-tap"]


class Warm:
    """Makes devices ahead, for networks that `refusal` has nothing against."""

    def __init__(self, kernel: Kernel, invoker: BuiltinInvoker) -> None:
        self._kernel = kernel
        self._invoker = invoker

    def refusal(self, network: NetworkConfigList) -> str:
        """Why the network can have no pool; empty if it can. Pure."""
        if [plugin.type for plugin in network.plugins] != _CHAIN:
            return f"a pool is made for the chain {', '.join(_CHAIN)} alone"
        if not self._invoker.runs_in_process(network):
            return "a plugin of the chain is executed"
        return ""

    def make(self, path: str, network: NetworkConfigList) -> MadeAhead:
        """Wire the namespace at `path`, which is new. Raises Unsupported, KernelFault; devices may stay in it."""
        parsed = ptp.parse(self._invoker.request_of(network, 0))
        asked = TapArgs(name="", uid=os.geteuid(), gid=os.getegid())
        try:
            with self._kernel.open_netns(path) as netns:
                here, far, far_index = veth.make_ahead(self._kernel, netns, name=IF_NAME, mtu=parsed.mtu)
                tap = tc_redirect_tap.make(netns, asked, here)
        except CniError as exc:
            if isinstance(exc.__cause__, KernelFault):
                raise exc.__cause__ from exc
            raise Unsupported(f"devices of network {network.name} cannot be made ahead: {exc}") from exc
        return MadeAhead(
            if_name=IF_NAME, host_name=far.name, host_index=far_index, host_mac=far.mac or "", tap=tap.name
        )

    def made(self, member: Member) -> MadeAhead:
        """The devices of a member, as `make` answered them."""
        name, index = member.host_device
        return MadeAhead(
            if_name=member.if_name, host_name=name, host_index=index, host_mac=member.host_mac, tap=member.tap
        )

    def is_sound(self, path: str, made: MadeAhead) -> bool:
        """Whether the devices are there as they were made."""
        try:
            far = self._kernel.host().device(made.host_name)
            if (far.index, far.mac.hex(":")) != (made.host_index, made.host_mac):
                return False
            with self._kernel.open_netns(path) as netns:
                here, tap = netns.device(made.if_name), netns.device(made.tap)
                return tap.index in netns.redirects(here.index) and here.index in netns.redirects(tap.index)
        except KernelFault:
            return False
