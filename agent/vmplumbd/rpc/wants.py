"""What a request wants, in the policy's terms: `policy.access.Ask` of a message."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from google.protobuf.message import Message

from vmplumb.v1 import network_agent_service_pb2 as pb
from vmplumb.v1 import network_pb2
from vmplumbd.model import secrets
from vmplumbd.model.secrets import Secrets
from vmplumbd.policy import json_text
from vmplumbd.policy.access import NOTHING, PATH_FIELDS, Ask

# NetworkInterfaces.interfaces has no more.
_MOST_INTERFACES = 32
_TAP_UID, _TAP_GID = "TC_REDIRECT_TAP_UID", "TC_REDIRECT_TAP_GID"


def ask_of(request: Message) -> Ask:
    """Of a request that the rules have passed. Nothing for those that only read."""
    if isinstance(request, pb.SetupNetworkRequest):
        return _of_set_up(request)
    if isinstance(request, pb.CollectGarbageRequest):
        wide = ("collect_leaks", "quarantine", "as_one_group", "drain_pools")
        return Ask(host_wide=tuple(name for name in wide if getattr(request, name)))
    return NOTHING


def networks_of(request: object) -> tuple[str, ...]:
    """Names of the CNI networks a set-up is about, also of one that broke rules."""
    if not isinstance(request, pb.SetupNetworkRequest):
        return ()
    return tuple(
        name
        for interface in request.spec.network_interfaces.interfaces[:_MOST_INTERFACES]
        if interface.HasField("cni_configuration")
        and (name := _network_name(interface.cni_configuration)) is not None
    )


def secrets_of(request: object) -> Secrets:
    """What of a request must not be quoted, also of one that broke rules."""
    if not isinstance(request, pb.SetupNetworkRequest):
        return secrets.NOTHING
    args: list[tuple[str, str]] = []
    documents: list[bytes] = []
    for interface in request.spec.network_interfaces.interfaces:
        if interface.HasField("cni_configuration"):
            cni = interface.cni_configuration
            args += [(arg.key, arg.value) for arg in cni.args]
            documents += [cni.capability_args, cni.network_config.json]
            documents += [plugin.json for plugin in cni.network_config.plugins]
    return secrets.of_texts(tuple(args), *documents)


def _of_set_up(request: pb.SetupNetworkRequest) -> Ask:
    networks: list[tuple[str, str]] = []
    inline: list[str] = []
    owners: list[tuple[str, int | None, int | None]] = []
    args: list[tuple[str, str]] = []
    capabilities: list[tuple[str, str]] = []
    ports: list[tuple[str, int]] = []
    paths: list[tuple[str, str]] = []
    if request.spec.netns_path:
        paths.append(("spec.netns_path", "netns_path"))
    for index, interface in enumerate(request.spec.network_interfaces.interfaces):
        if not interface.HasField("cni_configuration"):
            continue
        cni = interface.cni_configuration
        place = f"spec.network_interfaces.interfaces[{index}].cni_configuration"
        if cni.HasField("network_config"):
            inline.append(f"{place}.network_config")
            networks.append((f"{place}.network_config", _network_name(cni) or ""))
        else:
            networks.append((f"{place}.network_name", cni.network_name))
        paths += [(f"{place}.{name}", name) for name in PATH_FIELDS[:3] if getattr(cni, name)]
        args += [(f"{place}.args[{number}].key", arg.key) for number, arg in enumerate(cni.args)]
        owners += _owners(cni, place)
        if cni.capability_args:
            given = json_text.read(cni.capability_args)
            capabilities += [(f"{place}.capability_args", key) for key in given]
            ports += [(f"{place}.capability_args", port) for port in _host_ports(given)]
    return Ask(
        networks=tuple(networks),
        inline=tuple(inline),
        tap_owners=tuple(owners),
        args=tuple(args),
        capability_args=tuple(capabilities),
        host_ports=tuple(ports),
        paths=tuple(paths),
    )


def _network_name(cni: network_pb2.CNIConfiguration) -> str | None:
    if not cni.HasField("network_config"):
        return cni.network_name
    try:
        name = json_text.read(cni.network_config.json, mend=True)["name"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None  # no conflist: told by whoever reads it
    return name if isinstance(name, str) else None


def _owners(cni: network_pb2.CNIConfiguration, place: str) -> Iterator[tuple[str, int | None, int | None]]:
    if cni.HasField("tap") and (cni.tap.HasField("uid") or cni.tap.HasField("gid")):
        yield (
            f"{place}.tap",
            cni.tap.uid if cni.tap.HasField("uid") else None,
            cni.tap.gid if cni.tap.HasField("gid") else None,
        )
    # The same, said by arguments: each alone, since which of several counts is the plugin's affair.
    for number, arg in enumerate(cni.args):
        if arg.key == _TAP_UID:
            yield f"{place}.args[{number}].value", _number(arg.value), None
        elif arg.key == _TAP_GID:
            yield f"{place}.args[{number}].value", None, _number(arg.value)


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 10 else -1


def _host_ports(given: dict[str, Any]) -> Iterator[int]:
    """The host ports of portMappings. Go reads keys of an object without regard to case, so this does too."""
    found_at = [value for key, value in given.items() if key.casefold() == "portmappings"]
    for mapping in (one for value in found_at for one in (value if isinstance(value, list) else [value])):
        found = (
            [value for key, value in mapping.items() if key.casefold() == "hostport"]
            if isinstance(mapping, dict)
            else []
        )
        yield from (one if type(one) is int else -1 for one in found or [-1])
