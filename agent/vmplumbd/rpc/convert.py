"""Messages ↔ model, both ways, nothing else. Messages have passed the contract's rules before."""

from __future__ import annotations

import errno
import hashlib
import hmac
import math
import re
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address, IPv4Interface

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from vmplumb.v1 import (
    cni_pb2,
    errors_pb2,
    network_agent_service_pb2,
    network_pb2,
    rate_limiter_pb2,
    vm_network_pb2,
)
from vmplumbd.errors import AgentError, ConfigListMismatch, KernelFault, PluginError, Violation
from vmplumbd.model import spec as model
from vmplumbd.model.outcome import InterfaceOutcome, Outcome, StaticNetworkConf, VmIp, VmRoute
from vmplumbd.model.progress import Failure, Holder, Leftover, PluginCall, StepEvent, Warning
from vmplumbd.model.record import Cordon, Record
from vmplumbd.operations.describe import Description
from vmplumbd.rpc import redact

# cni:pkg/utils/utils.go ValidateNetworkName; its length is CNIConfiguration.network_name's.
_NETWORK_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.\-]*")
_NETWORK_NAME_BYTES = 128
# NetworkConfigList.plugins has no more.
_MOST_PLUGINS = 32
# The name of a file, and of nothing else.
_PLUGIN_TYPE = re.compile(r"(?!\.{1,2}\Z)[!-.0-~]{1,255}")


def spec_bytes(message: vm_network_pb2.NetworkSpec) -> bytes:
    """The spec as the journal keeps it: the same for the same fields in any order on the wire."""
    return message.SerializeToString(deterministic=True)


def spec_hash(raw: bytes) -> bytes:
    """What two specs are compared by."""
    return hashlib.sha256(raw).digest()


def decode_spec(raw: bytes) -> model.NetworkSpec:
    """The model of a spec that the journal kept."""
    return network_spec(vm_network_pb2.NetworkSpec.FromString(raw))


def network_spec(message: vm_network_pb2.NetworkSpec) -> model.NetworkSpec:
    """Raises ConfigListMismatch if a parsed view of an inline list disagrees with its JSON."""
    return model.NetworkSpec(
        interfaces=tuple(
            _interface(one, f"spec.network_interfaces.interfaces[{index}]")
            for index, one in enumerate(message.network_interfaces.interfaces)
        ),
        netns_path=message.netns_path,
        firecracker_accepts_mtu=message.firecracker_accepts_mtu,
    )


def setup_result(outcome: Outcome, *, netns_adopted: bool = False) -> vm_network_pb2.SetupResult:
    """The last event's body."""
    return vm_network_pb2.SetupResult(
        interfaces=[_interface_result(one) for one in outcome.interfaces],
        netns_path=outcome.netns_path,
        ip_boot_param=outcome.ip_boot_param,
        mmds_interface_ids=outcome.mmds_interface_ids,
        warnings=[warning(one) for one in outcome.warnings],
        netns_adopted=netns_adopted,
    )


def progress(event: StepEvent) -> vm_network_pb2.Progress:
    """One progress event."""
    message = vm_network_pb2.Progress(
        step=vm_network_pb2.Step.ValueType(event.step.value),
        state=vm_network_pb2.StepState.ValueType(event.state.value),
        attempt=event.attempt,
        max_attempts=event.max_attempts,
    )
    if event.retry_delay is not None:
        message.retry_delay.CopyFrom(duration(event.retry_delay))
    if event.failure is not None:
        message.failure.CopyFrom(failure(event.failure))
    if event.warnings:
        message.warnings.extend(warning(one) for one in event.warnings)
    if event.plugin_call is not None:
        message.plugin_call.CopyFrom(_plugin_call(event.plugin_call))
    return message


def warning(one: Warning) -> errors_pb2.Warning:
    """A warning; its reason is a name of WarningReason."""
    return errors_pb2.Warning(
        reason=errors_pb2.WarningReason.Value(f"WARNING_REASON_{one.reason}"), message=one.message
    )


def failure(one: Failure) -> errors_pb2.Failure:
    """A stored or streamed failure."""
    from vmplumbd.rpc import status  # noqa: PLC0415 - status needs convert for its details

    message = errors_pb2.Failure(
        grpc_code=status.code_of(one.reason).value[0],
        reason=errors_pb2.ErrorReason.Value(f"ERROR_REASON_{one.reason.value}"),
        message=one.message,
        retryable=one.retryable,
        leftovers=[leftover(left) for left in one.leftovers],
        hint=one.hint,
    )
    if one.plugin_error is not None:
        message.cni_error.CopyFrom(_cni_error(one.plugin_error))
    return message


def failure_of(error: AgentError) -> errors_pb2.Failure:
    """The Failure of an error at hand, with the kernel's part where it has one."""
    from vmplumbd.operations import failures  # noqa: PLC0415 - beside the function that needs it

    message = failure(failures.failure(error))
    if isinstance(error, KernelFault):
        message.kernel_error.verb = error.verb
        message.kernel_error.where = error.where
        message.kernel_error.error_number = error.errno
        message.kernel_error.error_name = errno.errorcode.get(error.errno, "")
    return message


def leftover(one: Leftover) -> errors_pb2.Leftover:
    """A leftover."""
    return errors_pb2.Leftover(
        kind=errors_pb2.ResourceKind.ValueType(one.kind.value),
        what=one.what,
        where=one.where,
        will_retry=one.will_retry,
        cause=one.cause,
    )


def network(record: Record, outcome: Outcome | None, *, key: bytes) -> vm_network_pb2.VMNetwork:
    """A record as callers see it: the spec redacted, its hash to compare by.

    With the agent's `key`, so that nobody can try secrets out on the hash.
    """
    message = vm_network_pb2.VMNetwork(
        vm_id=record.vm_id,
        uid=record.uid,
        revision=record.revision,
        phase=vm_network_pb2.Phase.ValueType(record.phase.value),
        create_time=timestamp(record.create_time),
        update_time=timestamp(record.update_time),
        spec_hash=hmac.digest(key, record.spec_hash, hashlib.sha256).hex(),
        owner=record.owner,
    )
    message.spec.CopyFrom(redact.redacted(vm_network_pb2.NetworkSpec.FromString(record.spec)))
    if outcome is not None:
        message.result.CopyFrom(
            setup_result(outcome, netns_adopted=bool(outcome.netns_path) and not record.plan.netns_owned)
        )
    if record.failure is not None:
        message.last_failure.CopyFrom(failure(record.failure))
        message.leftovers.extend(leftover(one) for one in record.failure.leftovers)
    return message


def cordon(found: Cordon) -> network_agent_service_pb2.Cordon:
    """Why no new network may begin."""
    return network_agent_service_pb2.Cordon(
        since_time=timestamp(found.since), reason=found.reason, by=found.by
    )


def holder(held_by: Holder) -> errors_pb2.Holder:
    """A process that holds something."""
    return errors_pb2.Holder(pid=held_by.pid, command=held_by.command, what=held_by.what)


def description(described: Description) -> network_agent_service_pb2.DescribeNetworkResponse:
    """The devices of a network as they are now."""
    return network_agent_service_pb2.DescribeNetworkResponse(
        netns_exists=described.netns_exists,
        holders=[holder(one) for one in described.holders],
        devices=[
            vm_network_pb2.Device(
                name=one.link.name,
                role=vm_network_pb2.DeviceRole.ValueType(one.role.value),
                netns_path=one.netns_path,
                index=one.link.index,
                kind=one.link.kind,
                mac_address=one.link.mac.hex(":"),
                mtu=one.link.mtu,
                up=one.link.up,
                carrier=one.link.oper_up,
                addresses=[str(address) for address in one.addresses],
                routes=[_route(route) for route in one.routes],
                peer_name=one.peer_name,
                master_name=one.master_name,
                redirect_to=one.redirect_to,
                owner_uid=one.link.owner_uid,
                owner_gid=one.link.owner_gid,
            )
            for one in described.devices
        ],
    )


def timestamp(seconds: float) -> Timestamp:
    """Seconds since the epoch."""
    whole = math.floor(seconds)
    return Timestamp(seconds=whole, nanos=int((seconds - whole) * 1e9))


def duration(seconds: float) -> Duration:
    """Seconds."""
    whole = int(seconds)
    return Duration(seconds=whole, nanos=int((seconds - whole) * 1e9))


def seconds_of(message: Duration) -> float:
    """Seconds of a Duration."""
    return float(message.seconds + message.nanos / 1e9)


def _interface(message: network_pb2.NetworkInterface, place: str) -> model.NetworkInterface:
    static = cni = None
    if message.HasField("static_configuration"):
        static = _static(message.static_configuration)
    if message.HasField("cni_configuration"):
        cni = _cni(message.cni_configuration, f"{place}.cni_configuration")
    return model.NetworkInterface(
        static=static,
        cni=cni,
        allow_mmds=message.allow_mmds,
        in_rate_limiter=_limiter(message.in_rate_limiter) if message.HasField("in_rate_limiter") else None,
        out_rate_limiter=_limiter(message.out_rate_limiter) if message.HasField("out_rate_limiter") else None,
    )


def _static(message: network_pb2.StaticNetworkConfiguration) -> model.StaticNetworkConfiguration:
    ip = None
    if message.HasField("ip_configuration"):
        given = message.ip_configuration
        ip = model.IpConfiguration(
            ip_addr=IPv4Interface(given.ip_addr),
            gateway=IPv4Address(given.gateway),
            nameservers=tuple(given.nameservers),
            if_name=given.if_name,
        )
    return model.StaticNetworkConfiguration(
        host_dev_name=message.host_dev_name, mac_address=message.mac_address, ip_configuration=ip
    )


def _cni(message: network_pb2.CNIConfiguration, place: str) -> model.CniConfiguration:
    tap = None
    if message.HasField("tap"):
        tap = model.TapOptions(
            name=message.tap.name,
            uid=message.tap.uid if message.tap.HasField("uid") else None,
            gid=message.tap.gid if message.tap.HasField("gid") else None,
        )
    return model.CniConfiguration(
        network_name=message.network_name,
        network_config=_inline(message.network_config, f"{place}.network_config")
        if message.HasField("network_config")
        else None,
        if_name=message.if_name,
        vm_if_name=message.vm_if_name,
        args=tuple((arg.key, arg.value) for arg in message.args),
        capability_args=message.capability_args,
        bin_path=tuple(message.bin_path),
        conf_dir=message.conf_dir,
        cache_dir=message.cache_dir,
        force=message.force,
        tap=tap,
    )


def _inline(message: cni_pb2.NetworkConfigList, field: str) -> bytes:
    """The list's JSON. Raises ConfigListMismatch if a view that was set does not equal it."""
    from vmplumbd.cni import config  # noqa: PLC0415 - only inline lists need it
    from vmplumbd.cni.error import CniError  # noqa: PLC0415 - only inline lists need it

    try:
        parsed = config.parse_list(message.json)
    except CniError as exc:
        raise ConfigListMismatch(
            f"network_config is no CNI network configuration list: {exc}",
            (Violation(field=f"{field}.json", rule="network_config_list.json", message=str(exc)),),
        ) from exc
    # The name is a part of paths and of nft comments, the types are names of files: what no plugin would take is
    # refused here, since a record with it could not even be torn down.
    wrong = []
    if _NETWORK_NAME.fullmatch(parsed.name) is None or len(parsed.name) > _NETWORK_NAME_BYTES:
        wrong.append(
            Violation(
                field=f"{field}.json",
                rule="network_config_list.name",
                message=f"{parsed.name[:128]!r} is no name of a network",
            )
        )
    if (count := len(parsed.plugins)) > _MOST_PLUGINS:
        wrong.append(
            Violation(
                field=f"{field}.json",
                rule="network_config_list.plugins",
                message=f"{count} plugins, and {_MOST_PLUGINS} are the most there may be",
            )
        )
    for index, plugin in enumerate(parsed.plugins[:_MOST_PLUGINS]):
        ipam = next((value for key, value in plugin.conf.items() if key.casefold() == "ipam"), None)
        kinds = [plugin.type]
        if isinstance(ipam, dict):
            kinds += [value for key, value in ipam.items() if key.casefold() == "type"]
        wrong.extend(
            Violation(
                field=f"{field}.json",
                rule="network_config_list.plugin_type",
                message=f"{str(kind)[:128]!r} of plugin {index} is no type of a plugin",
            )
            for kind in kinds
            if not isinstance(kind, str) or _PLUGIN_TYPE.fullmatch(kind) is None
        )
    for name in ("name", "cni_version", "disable_check", "disable_gc", "load_only_inlined_plugins"):
        view, said = getattr(message, name), getattr(parsed, name)
        if view and view != said:
            wrong.append(
                Violation(
                    field=f"{field}.{name}",
                    rule="network_config_list.views_agree",
                    message=f"{name} is {view!r} here and {said!r} in json",
                )
            )
    if message.plugins:
        types = [one.type for one in message.plugins]
        said_types = [one.type for one in parsed.plugins]
        if types != said_types:
            wrong.append(
                Violation(
                    field=f"{field}.plugins",
                    rule="network_config_list.views_agree",
                    message=f"plugins are {types} here and {said_types} in json",
                )
            )
        else:
            wrong.extend(_plugin_views(message, [one.conf for one in parsed.plugins], field))
    if wrong:
        raise ConfigListMismatch(wrong[0].message, tuple(wrong))
    return message.json


def _plugin_views(
    message: cni_pb2.NetworkConfigList, said: Sequence[Mapping[str, object]], field: str
) -> list[Violation]:
    import json  # noqa: PLC0415 - only inline lists need it

    wrong: list[Violation] = []
    for index, plugin in enumerate(message.plugins):
        if not plugin.json:
            continue
        try:
            agrees = json.loads(plugin.json) == json.loads(json.dumps(dict(said[index])))
        except ValueError:
            agrees = False
        if not agrees:
            wrong.append(
                Violation(
                    field=f"{field}.plugins[{index}].json",
                    rule="network_config_list.views_agree",
                    message=f"the configuration of plugin {index} is not what json says",
                )
            )
    return wrong


def _limiter(message: rate_limiter_pb2.RateLimiter) -> model.RateLimiter:
    return model.RateLimiter(
        bandwidth=_bucket(message.bandwidth) if message.HasField("bandwidth") else None,
        ops=_bucket(message.ops) if message.HasField("ops") else None,
    )


def _bucket(message: rate_limiter_pb2.TokenBucket) -> model.TokenBucket:
    return model.TokenBucket(
        size=message.size,
        refill_time_ms=message.refill_time,
        one_time_burst=message.one_time_burst if message.HasField("one_time_burst") else None,
    )


def _interface_result(one: InterfaceOutcome) -> vm_network_pb2.InterfaceResult:
    message = vm_network_pb2.InterfaceResult(index=one.index)
    message.static_configuration.host_dev_name = one.static.host_dev_name
    message.static_configuration.mac_address = one.static.mac_address
    ip = one.static.ip_configuration
    if ip is not None:
        message.static_configuration.ip_configuration.CopyFrom(
            network_pb2.IPConfiguration(
                ip_addr=str(ip.ip_addr),
                gateway="" if ip.gateway is None else str(ip.gateway),
                nameservers=ip.nameservers,
                if_name=ip.if_name,
            )
        )
    if one.vm_conf is not None:
        message.vm_conf.CopyFrom(_vm_conf(one.vm_conf))
        message.cni_result.cni_version = one.cni_version
        message.cni_result.json = one.cni_result
    message.firecracker_interface.iface_id = str(one.index + 1)
    message.firecracker_interface.json = one.firecracker
    return message


def _vm_conf(conf: StaticNetworkConf) -> cni_pb2.StaticNetworkConf:
    return cni_pb2.StaticNetworkConf(
        tap_name=conf.tap_name,
        net_ns_path=conf.netns_path,
        vm_if_name=conf.vm_if_name,
        vm_mac_addr=conf.vm_mac_addr,
        vm_mtu=conf.vm_mtu,
        vm_ip_config=_ip(conf.vm_ip_config) if conf.vm_ip_config is not None else None,
        vm_ip_configs=[_ip(one) for one in conf.vm_ip_configs],
        vm_routes=[_route(one) for one in conf.vm_routes],
        vm_nameservers=conf.vm_nameservers,
        vm_domain=conf.vm_domain,
        vm_search_domains=conf.vm_search_domains,
        vm_resolver_options=conf.vm_resolver_options,
    )


def _ip(ip: VmIp) -> cni_pb2.IPConfig:
    return cni_pb2.IPConfig(address=ip.address, gateway=ip.gateway)


def _route(route: VmRoute) -> cni_pb2.Route:
    return cni_pb2.Route(
        dst=route.dst,
        gw=route.gw,
        mtu=route.mtu,
        adv_mss=route.adv_mss,
        priority=route.priority,
        table=route.table,
        scope=route.scope,
    )


def _plugin_call(call: PluginCall) -> vm_network_pb2.PluginCall:
    return vm_network_pb2.PluginCall(
        type=call.type,
        command=call.command,
        duration=duration(call.duration),
        attempt=call.attempt,
        code=call.code,
        message=call.message,
        stderr_tail=call.stderr_tail,
        failed=call.failed,
        position=call.position,
        built_in=call.built_in,
    )


def _cni_error(error: PluginError) -> cni_pb2.CNIError:
    return cni_pb2.CNIError(
        code=error.code,
        msg=error.message,
        details=error.details,
        plugin=error.plugin,
        stderr_tail=error.stderr_tail,
    )
