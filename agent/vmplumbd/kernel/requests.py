"""Requests to messages, and each request as the words of a fault."""

from __future__ import annotations

from vmplumbd.kernel import links, shaping, tc
from vmplumbd.kernel.rtnl import Message
from vmplumbd.model import net


def encode(request: net.Request, host_fd: int) -> list[Message]:
    """The messages of one request: one, but for SetLink, which may need none or two."""
    match request:
        case net.AddRoute():
            return [links.add_route(request)]
        case net.AddAddress():
            return [links.add_address(request)]
        case net.SetLink():
            return links.set_link(request)
        case net.GetLink():
            return [links.get_link(request)]
        case net.AddIngress():
            return [tc.add_ingress(request)]
        case net.AddRedirect():
            return [tc.add_redirect(request)]
        case net.AddVeth():
            return [links.add_veth(request, host_fd)]
        case net.DelRoute():
            return [links.del_route(request)]
        case net.DelAddress():
            return [links.del_address(request)]
        case net.DelLink():
            return [links.del_link(request)]
        case net.RenameLink():
            return [links.rename_link(request)]
        case net.DelIngress():
            return [tc.del_ingress(request)]
        case net.AddLink():
            return [links.add_link(request)]
        case net.AddTbf():
            return [tc.add_tbf(request)]
        case net.DelTbf():
            return [tc.del_tbf(request)]
        case net.AddHtb():
            return [shaping.add_htb(request)]
        case net.DelHtb():
            return [shaping.del_htb(request)]
        case net.AddHtbClass():
            return [shaping.add_class(request)]
        case net.AddMatch():
            return [shaping.add_match(request)]
        case net.AddBridgeVlan():
            return [links.add_bridge_vlan(request)]
        case net.DelBridgeVlan():
            return [links.del_bridge_vlan(request)]


def words(request: net.Request) -> str:
    """Verb and object, to stand after "cannot"."""
    match request:
        case net.AddVeth():
            return f"add veth pair {request.name} and {request.peer}"
        case net.AddLink():
            return f"add {request.kind} {request.name}"
        case net.GetLink():
            return f"find link {_link(request.index, request.name)}"
        case net.SetLink():
            return f"change link {_link(request.index, request.name)}"
        case net.RenameLink():
            return f"rename link {request.index} to {request.name}"
        case net.DelLink():
            return f"delete link {_link(request.index, request.name)}"
        case net.AddBridgeVlan():
            return f"add VLAN {request.vid} to bridge port {request.index}"
        case net.DelBridgeVlan():
            return f"delete VLAN {request.vid} from bridge port {request.index}"
        case net.AddAddress():
            return f"add address {request.address} to link {request.index}"
        case net.DelAddress():
            return f"delete address {request.address} from link {request.index}"
        case net.AddRoute():
            via = f" via {request.gateway}" if request.gateway is not None else ""
            return f"add route to {request.dst}{via} over link {request.index}"
        case net.DelRoute():
            return f"delete route to {request.dst} over link {request.index}"
        case net.AddIngress():
            return f"add ingress qdisc to link {request.index}"
        case net.DelIngress():
            return f"delete ingress qdisc of link {request.index}"
        case net.AddRedirect():
            return f"add redirect from link {request.index} to link {request.to}"
        case net.AddTbf():
            return f"add token bucket filter to link {request.index}"
        case net.DelTbf():
            return f"delete token bucket filter of link {request.index}"
        case net.AddHtb():
            return f"add hierarchical token bucket to link {request.index}"
        case net.DelHtb():
            return f"delete hierarchical token bucket of link {request.index}"
        case net.AddHtbClass():
            return f"add class 1:{request.minor:x} to link {request.index}"
        case net.AddMatch():
            return f"add filter for {request.match.network} to link {request.index}"


def hint(request: net.Request) -> str | None:
    """What to look at when this request was refused."""
    match request:
        case net.AddRedirect():
            return f"does link {request.index} have an ingress qdisc, and is link {request.to} there?"
        case net.AddBridgeVlan() | net.DelBridgeVlan():
            return f"is link {request.index} the port of a bridge, and has this kernel VLAN filtering?"
        case net.AddLink() if request.vlan_filtering:
            return "has this kernel VLAN filtering on bridges?"
        case net.AddRoute() if request.gateway is not None:
            return f"is {request.gateway} reachable over link {request.index}, and is the link up?"
        case _:
            return None


def _link(index: int, name: str) -> str:
    return str(index) if index else name
