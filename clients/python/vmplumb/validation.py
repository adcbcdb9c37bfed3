"""The contract's rules, judged on this side: fields and rule ids are those that an agent answers.

It needs the `protovalidate` package (`vmplumb[validation]`), which brings a CEL interpreter, so nothing else here
loads it. The rules lie beside it as descriptors, in a pool of their own: the package's messages are made without them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NoReturn

import protovalidate
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import Message

from vmplumb._errors import Violation
from vmplumb.v1.network_agent_service_pb2 import SetupNetworkRequest

RULES = Path(__file__).with_name("rules.binpb")
ARGS_MAX_BYTES = 65536


def violations(request: Message) -> tuple[Violation, ...]:
    """Every rule a request violates. An agent may refuse for more: what only the host can tell."""
    pool, validator = _judge()
    ruled = message_factory.GetMessageClass(pool.FindMessageTypeByName(request.DESCRIPTOR.full_name))
    found = [
        Violation(field=_path(one.proto.field), rule=one.proto.rule_id, message=one.proto.message)
        for one in validator.collect_violations(ruled.FromString(request.SerializeToString()))
    ]
    if isinstance(request, SetupNetworkRequest):
        found.extend(_in_words(request))
    return tuple(found)


@cache
def _judge() -> tuple[descriptor_pool.DescriptorPool, protovalidate.Validator]:
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(RULES.read_bytes()).file:
        pool.Add(file)
    return pool, protovalidate.Validator()


def _path(field: protovalidate.FieldPathPb | None) -> str:
    return ".".join(
        one.field_name + (f"[{one.subscript.value}]" if one.subscript is not None else "")
        for one in (() if field is None else field.elements)
    )


def _in_words(request: SetupNetworkRequest) -> Iterator[Violation]:
    """The rules that the contract states in words, since CEL can neither add up nor read JSON."""
    for index, one in enumerate(request.spec.network_interfaces.interfaces):
        cni, place = one.cni_configuration, f"spec.network_interfaces.interfaces[{index}].cni_configuration"
        size = len(";".join(f"{arg.key}={arg.value}" for arg in cni.args).encode())
        if size > ARGS_MAX_BYTES:
            message = f"args must be at most {ARGS_MAX_BYTES} bytes as CNI_ARGS, and are {size}"
            yield Violation(field=f"{place}.args", rule="cni_configuration.args_size", message=message)
        if cni.capability_args and not _is_json_object(cni.capability_args):
            message = "capability_args must be a JSON object in UTF-8"
            yield Violation(
                field=f"{place}.capability_args", rule="cni_configuration.capability_args", message=message
            )


def _is_json_object(text: bytes) -> bool:
    try:
        return isinstance(json.loads(text.decode(), parse_constant=_no_json), dict)
    except (ValueError, RecursionError):
        return False


def _no_json(word: str) -> NoReturn:
    # Python's reader takes NaN and Infinity, which JSON does not have.
    raise ValueError(word)
