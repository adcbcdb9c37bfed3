"""Specs of networks that the agent did not set up: what their callers will send, as the journal keeps it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from google.protobuf import json_format

from vmplumb.v1 import cni_pb2, network_pb2, vm_network_pb2
from vmplumb.v1 import network_agent_service_pb2 as pb
from vmplumbd.errors import InvalidSpec
from vmplumbd.operations.take_over import Left
from vmplumbd.rpc import convert
from vmplumbd.rpc.validation import RequestRules

VM_ID = "$VM_ID"


def derived(rules: RequestRules, *, vm_if_name: str = "") -> Callable[[Left], bytes]:
    """The spec that the Go SDK's CNIConfiguration comes to: network, interface and arguments by the cache."""

    def made(left: Left) -> bytes:
        spec = vm_network_pb2.NetworkSpec(netns_path=left.netns)
        spec.network_interfaces.interfaces.add(
            cni_configuration=network_pb2.CNIConfiguration(
                network_name=left.network,
                if_name=left.if_name,
                vm_if_name=vm_if_name,
                args=[cni_pb2.CNIArg(key=key, value=value) for key, value in left.args],
                capability_args=left.capability_args,
            )
        )
        return _checked(rules, left, spec)

    return made


def from_file(rules: RequestRules, path: str) -> Callable[[Left], bytes]:
    """The spec of a file in proto JSON, "$VM_ID" replaced. Raises OSError now, InvalidSpec for each VM."""
    text = Path(path).read_text(encoding="utf-8")

    def made(left: Left) -> bytes:
        spec = vm_network_pb2.NetworkSpec()
        try:
            json_format.Parse(text.replace(VM_ID, left.vm_id), spec)
        except json_format.ParseError as exc:
            raise InvalidSpec(f"{path} is no NetworkSpec in proto JSON: {exc}", ()) from exc
        return _checked(rules, left, spec)

    return made


def _checked(rules: RequestRules, left: Left, spec: vm_network_pb2.NetworkSpec) -> bytes:
    """The bytes, if a set-up with this spec would be accepted. Raises InvalidSpec."""
    request = pb.SetupNetworkRequest(vm_id=left.vm_id, spec=spec)
    wrong = rules.violations(request.DESCRIPTOR.full_name, request.SerializeToString())
    if wrong:
        raise InvalidSpec(f"{wrong[0].field}: {wrong[0].message}", wrong)
    return convert.spec_bytes(spec)
