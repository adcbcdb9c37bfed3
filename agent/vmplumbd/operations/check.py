"""CheckNetwork: CNI CHECK, and a look inside: namespace, tap, redirect both ways, addresses, routes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_network

from vmplumbd import vmconf
from vmplumbd.abc import Netns
from vmplumbd.cni import config
from vmplumbd.cni import result as results
from vmplumbd.errors import AgentError, KernelFault, NotFound
from vmplumbd.model.outcome import Attachment
from vmplumbd.model.record import Record
from vmplumbd.operations import chain, failures, namespace
from vmplumbd.operations.book import Operation
from vmplumbd.operations.lanes import Work
from vmplumbd.operations.reap import vm_addresses
from vmplumbd.operations.tools import Tools


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What is not as it should be, and whether CNI CHECK was left out for any interface."""

    findings: tuple[AgentError, ...]
    cni_check_skipped: bool = False


def check(tools: Tools, operation: Operation, record: Record, answer: Callable[[Findings], None]) -> Work:
    """The operation. Changes nothing. Ends `operation`; raises nothing."""
    try:
        try:
            answer(_check(tools, record))
        except Exception as exc:  # noqa: BLE001 - every fault is told, whatever it is
            operation.log.finish(error=failures.as_agent_error(exc))
        else:
            operation.log.finish()
    finally:
        tools.kernel.close_kept()
        tools.book.ended(operation)
    yield from ()


def _check(tools: Tools, record: Record) -> Findings:
    plan = record.plan
    found: list[AgentError] = []
    skipped = False
    if plan.netns_path and not namespace.is_ours(
        tools.kernel, plan.netns_path, plan.netns_device, plan.netns_inode
    ):
        found.append(_fault("find the namespace", plan.netns_path, "it is gone, or another one lies there"))
        return Findings(findings=tuple(found))
    for attachment in plan.attachments:
        told = chain.check(
            attachment,
            record.vm_id,
            plan.netns_path,
            invoker=tools.invoker,
            caches=tools.caches,
            deadline=tools.clock.monotonic() + tools.settings.operation_timeout,
        )
        skipped = skipped or told is None
        found.extend(told or ())
        with tools.kernel.open_netns(plan.netns_path) as inside:
            found.extend(_look_inside(inside, attachment, record.vm_id, plan.netns_path))
        found.extend(_look_at_host(tools, attachment))
        found.extend(
            failures.hosts_own_address(str(address))
            for address in vm_addresses(attachment)
            if tools.kernel.is_own_address(address)
        )
    return Findings(findings=tuple(found), cni_check_skipped=skipped)


def _look_inside(inside: Netns, attachment: Attachment, vm_id: str, where: str) -> list[AgentError]:
    parsed = results.parse(attachment.result)
    tap_name = vmconf.vm_pair(parsed, vm_id).tap.name
    found: list[AgentError] = []
    ends = {}
    for name in (tap_name, attachment.if_name):
        try:
            ends[name] = inside.link(name=name)
        except NotFound:
            found.append(_fault(f"find {name}", where, "no such device"))
            continue
        if not ends[name].up:
            found.append(_fault(f"use {name}", where, "the device is down"))
    if len(ends) < 2:
        return found
    tap, end = ends[tap_name], ends[attachment.if_name]
    # Where addresses are translated in between nothing is redirected: the plugin's own CHECK knows how it is.
    for source, target in () if vmconf.is_translated(parsed, vm_id) else ((tap, end), (end, tap)):
        if target.index not in inside.redirects(source.index):
            found.append(
                _fault(f"redirect {source.name} to {target.name}", where, "no such filter on ingress")
            )
    addresses = {one.address for one in inside.addresses(end.index)}
    for ip in parsed.ips:
        owner = parsed.interfaces[ip.interface] if ip.interface is not None else None
        if owner is not None and owner.name == attachment.if_name and ip.address not in addresses:
            found.append(
                _fault(f"find address {ip.address}", f"{attachment.if_name} in {where}", "not there")
            )
    routes = {one.dst for one in inside.routes()}
    found.extend(
        _fault(f"find route {route.dst}", where, "not there")
        for route in parsed.routes
        if route.dst.network not in routes
    )
    return found


def _look_at_host(tools: Tools, attachment: Attachment) -> list[AgentError]:
    host = tools.kernel.host()
    found: list[AgentError] = []
    for name, index in attachment.host_devices:
        try:
            link = host.link(index=index)
        except NotFound:
            found.append(_fault(f"find {name}", "the host", "no such device"))
            continue
        if link.name != name or not link.up:
            found.append(
                _fault(f"use {name}", "the host", f"it is {link.name}, {'up' if link.up else 'down'}")
            )
        if any(plugin.type == "ptp" for plugin in config.parse_list(attachment.conf_list).plugins):
            # ptp routes each of the VM's addresses by itself; on a bridge the subnet's route does it.
            routes = {one.dst for one in host.routes() if one.index == index}
            found.extend(
                _fault(f"find route {address}", f"{name} on the host", "not there")
                for address in vm_addresses(attachment)
                if ip_network(address) not in routes
            )
    return found


def _fault(verb: str, where: str, what: str) -> KernelFault:
    return KernelFault(verb, where=where, errno=0, note=what)
