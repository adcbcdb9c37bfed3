"""Values of the contract in words: phases, steps, spans, sizes, failures."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from vmplumb.v1.errors_pb2 import ErrorReason, Failure, Holder, Leftover, ResourceKind
from vmplumb.v1.network_agent_service_pb2 import Capability, Finding, FindingAction, HostView
from vmplumb.v1.vm_network_pb2 import Phase, PluginCall, Step, StepState, VMNetwork


def phase(value: Phase.ValueType) -> str:
    """As READY."""
    return _name(Phase, value, "PHASE_")


def step(value: Step.ValueType) -> str:
    """As cni-add."""
    return _name(Step, value, "STEP_").lower().replace("_", "-")


def step_state(value: StepState.ValueType) -> str:
    """As succeeded."""
    return _name(StepState, value, "STEP_STATE_").lower().replace("_", "-")


def reason(value: ErrorReason.ValueType) -> str:
    """As SPEC_CONFLICT."""
    return _name(ErrorReason, value, "ERROR_REASON_")


def capability(value: Capability.ValueType) -> str:
    """As durable-resume."""
    return _name(Capability, value, "CAPABILITY_").lower().replace("_", "-")


def resource(value: ResourceKind.ValueType) -> str:
    """As cni-cache."""
    return _name(ResourceKind, value, "RESOURCE_KIND_").lower().replace("_", "-")


def action(value: FindingAction.ValueType) -> str:
    """As remove."""
    return _name(FindingAction, value, "FINDING_ACTION_").lower().replace("_", "-")


def view(value: HostView.ValueType) -> str:
    """As journal."""
    return _name(HostView, value, "HOST_VIEW_").lower().replace("_", "-")


def _name(enum: object, value: int, prefix: str) -> str:
    # A newer agent may send a value this package has no name for.
    try:
        name: str = enum.Name(value)  # type: ignore[attr-defined]  # every enum wrapper has it
    except ValueError:
        return str(value)
    return name.removeprefix(prefix)


def span(value: Duration | float) -> str:
    """As 3.1 ms, 1.24 s, 5 min."""
    seconds = value if isinstance(value, float) else value.ToTimedelta().total_seconds()
    if seconds < 1:
        return f"{seconds * 1000:.1f} ms"
    if seconds < 120:
        return f"{seconds:.2f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    if seconds < 172800:
        return f"{seconds / 3600:.0f} h"
    return f"{seconds / 86400:.0f} days"


def moment(value: Timestamp) -> str:
    """As 2026-11-24 05:10:03Z."""
    return value.ToDatetime(tzinfo=dt.UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def size(count: int) -> str:
    """As 1.4 MiB."""
    amount = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024 or unit == "GiB":
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    raise AssertionError("the last unit takes any amount")


def network_name(network: VMNetwork) -> str:
    """The CNI network of the spec; empty if it has none by name."""
    for interface in network.spec.network_interfaces.interfaces:
        if interface.HasField("cni_configuration"):
            return interface.cni_configuration.network_name or interface.cni_configuration.network_config.name
    return ""


def addresses(network: VMNetwork) -> list[str]:
    """Every address the VMs interfaces were given."""
    found: list[str] = []
    for one in network.result.interfaces:
        many = [ip.address for ip in one.vm_conf.vm_ip_configs]
        if not many and one.static_configuration.ip_configuration.ip_addr:
            many = [one.static_configuration.ip_configuration.ip_addr]
        found.extend(many)
    return found


def plugin_call(call: PluginCall) -> str:
    """As: ptp ADD, 3.1 ms, built in."""
    said = [f"{call.type} {call.command}", span(call.duration)]
    if call.built_in:
        said.append("built in")
    if call.failed:
        code = f" (code {call.code})" if call.code else ""
        said.append(f"FAILED{code}: {call.message}")
    return ", ".join(said)


def leftover(one: Leftover) -> str:
    """As: cni-cache x in /var/lib/cni (tried again): cause."""
    where = f" in {one.where}" if one.where else ""
    retry = ", tried again by the agent" if one.will_retry else ""
    cause = f": {one.cause}" if one.cause else ""
    return f"{resource(one.kind)} {one.what}{where}{retry}{cause}"


def holder(one: Holder) -> str:
    """As: firecracker (pid 42) holds tap0."""
    return f"{one.command} (pid {one.pid}) holds {one.what}"


def failure_lines(failure: Failure) -> Iterator[str]:
    """Everything a failure says beyond its message, a line each."""
    if failure.HasField("cni_error"):
        cni = failure.cni_error
        code = f"code {cni.code}: " if cni.code else ""
        details = f"; {cni.details}" if cni.details else ""
        yield f"plugin {cni.plugin or '?'}: {code}{cni.msg}{details}"
        for line in cni.stderr_tail.splitlines():
            yield f"  stderr: {line}"
    if failure.HasField("kernel_error"):
        kernel = failure.kernel_error
        where = f" in {kernel.where}" if kernel.where else ""
        yield f"kernel: {kernel.verb}{where}: {kernel.error_name} ({kernel.error_number})"
    for one in failure.leftovers:
        yield f"left behind: {leftover(one)}"
    if failure.hint:
        yield f"hint: {failure.hint}"


def finding(one: Finding) -> str:
    """A finding of a diagnosis, in a line."""
    where = f" in {one.where}" if one.where else ""
    owner = f" of {one.vm_id}" if one.vm_id else ""
    seen = ", ".join(view(value) for value in one.seen_in)
    missing = ", ".join(view(value) for value in one.missing_in)
    views = f" [in {seen or 'no view'}; not in {missing}]" if missing else ""
    return f"{resource(one.kind)} {one.what}{where}{owner}: {one.detail}{views} -> {action(one.would_do)}"
