"""Our judge of the rules and protovalidate give the same answers, in the same order and words."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import protovalidate
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contract_rules.test_vectors import SDK_CASES, SIZES, VECTORS
from tools.contract import image, lint
from vmplumb import validation
from vmplumb.v1 import network_agent_service_pb2 as pb
from vmplumbd.errors import Violation
from vmplumbd.rpc import rules


class Library:
    """protovalidate on a pool of its own, told in our words."""

    def __init__(self) -> None:
        self._pool = descriptor_pool.DescriptorPool()
        for file in descriptor_pb2.FileDescriptorSet.FromString(rules.RULES.read_bytes()).file:
            self._pool.Add(file)
        self._validator = protovalidate.Validator()

    def violations(self, full_name: str, serialized: bytes) -> list[Violation]:
        message_class = message_factory.GetMessageClass(self._pool.FindMessageTypeByName(full_name))
        found = self._validator.collect_violations(message_class.FromString(serialized))
        return [
            Violation(
                field=validation._path(each.proto.field), rule=each.proto.rule_id, message=each.proto.message
            )
            for each in found
        ]


LIBRARY = Library()
OURS = rules.load()
REQUESTS = sorted(OURS)


def ours(full_name: str, serialized: bytes) -> list[Violation]:
    message_class, judge = OURS[full_name]
    return list(judge.violations(message_class.FromString(serialized)))


def cases() -> Iterator[tuple[str, Any]]:
    for vector in VECTORS:
        yield vector["id"], json_format.ParseDict(vector["json"], getattr(pb, vector["message"])())
    for name, message, _ in SIZES:
        yield name, message
    for name, interfaces, kernel_args, _ in SDK_CASES:
        request = pb.SetupNetworkRequest(vm_id="vm-1", kernel_args=kernel_args)
        for interface in interfaces:
            request.spec.network_interfaces.interfaces.add(**interface)
        yield name, request


CASES = list(cases())


@pytest.mark.parametrize("message", [case[1] for case in CASES], ids=[case[0] for case in CASES])
def test_every_vector_is_judged_as_the_library_judges_it(message: Any) -> None:
    name, serialized = message.DESCRIPTOR.full_name, message.SerializeToString()
    assert ours(name, serialized) == LIBRARY.violations(name, serialized)


# What fields are filled with: near the edges of every rule, and text of any kind.
WORDS = [
    "", "a", "eth0", "eth0\n", "tap%d", "a/b", "a:b", ".", "..", "a" * 15, "a" * 16, "é", "é" * 8, "networks",
    "results", "cache", "vm-1", "vm_1", "a" * 64, "a" * 65, "ip", "ip=", "xip=1 ip\x0b", "a\tip=dhcp",
    "ipv6=0", "\x00", "\x85ip=1", "\u2028ip", "10.0.0.2/24", "10.0.0.2/33", "10.0.0.2/08", "10.0.0.2/",
    "10.0.0.02/24",
    "10.0.0.1", "256.0.0.1", "1.2.3", "1.2.3.4\n", "١.2.3.4", "::1", "::ffff:1.2.3.4",
    "fd00::1/64", "0.0.0.0/0",
    "10.0.0.2/255.255.255.0", " 1.2.3.4", "/run/netns/a", "/run/netns/", "/", "run", "/a:b", "IgnoreUnknown",
    "TC_REDIRECT_TAP_", "TC_REDIRECT_TAP_UID", "K=V", "a;b", "00:11:22:33:44:55",
    "00-11-22-33-44-55", "x" * 1025,
    "n" * 128, "n" * 129,
]  # fmt: skip
TEXT = st.sampled_from(WORDS) | st.text(max_size=6)
NUMBERS = st.sampled_from([0, 1, 2, 5, 6, 64, 3600, 3601, 4294967294, 4294967295])


def scalars(field: FieldDescriptor) -> st.SearchStrategy[Any]:
    match field.cpp_type:
        case FieldDescriptor.CPPTYPE_STRING:
            return st.binary(max_size=4) if field.type == FieldDescriptor.TYPE_BYTES else TEXT
        case FieldDescriptor.CPPTYPE_BOOL:
            return st.booleans()
        case FieldDescriptor.CPPTYPE_ENUM:
            return st.integers(-1, 7)
        case FieldDescriptor.CPPTYPE_INT32 | FieldDescriptor.CPPTYPE_INT64:
            return st.integers(-2, 3601)
        case _:
            return NUMBERS


@st.composite
def filled(draw: st.DrawFn, descriptor: Descriptor) -> Any:
    """A message of which most fields are set, most of them to something at the edge of a rule."""
    message = message_factory.GetMessageClass(descriptor)()
    for field in descriptor.fields:
        if not draw(st.integers(0, 3)):
            continue
        of = filled(field.message_type) if field.message_type is not None else scalars(field)
        if field.is_repeated:
            getattr(message, field.name).extend(draw(st.lists(of, max_size=3)))
        elif field.message_type is not None:
            getattr(message, field.name).CopyFrom(draw(of))
            getattr(message, field.name).SetInParent()
        else:
            setattr(message, field.name, draw(of))
    return message


@pytest.mark.parametrize("name", REQUESTS)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_request_is_judged_as_the_library_judges_it(name: str, data: st.DataObject) -> None:
    serialized = data.draw(filled(OURS[name][0].DESCRIPTOR)).SerializeToString()
    assert ours(name, serialized) == LIBRARY.violations(name, serialized)


A_ONEOF = """message DiagnoseHostRequest {
  oneof which {
    option (buf.validate.oneof).required = true;
    bool which_one = 9;
  }
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("size(this.valid_vm_ids) > 0", "size(this.valid_vm_ids) > 1"),
        ("int32.gte = 0", "int32.gt = 1"),
        ("(buf.validate.field).int32.gte = 0", "(buf.validate.field).ignore = IGNORE_ALWAYS"),
        ("message DiagnoseHostRequest {\n", A_ONEOF),
    ],
    ids=["another CEL expression", "another standard rule", "another way to ignore", "a rule of a oneof"],
)
def test_a_rule_that_cannot_be_judged_is_a_fault_at_start(tmp_path: Path, old: str, new: str) -> None:
    protos = tmp_path / "vmplumb/v1"
    protos.mkdir(parents=True)
    for source in (lint.ROOT / "protos/vmplumb/v1").glob("*.proto"):
        text = source.read_text()
        if source.name == "network_agent_service.proto":
            assert old in text
            text = text.replace(old, new)
        (protos / source.name).write_text(text)
    compiled = tmp_path / "rules.binpb"
    compiled.write_bytes(image.rules(image.build(tmp_path)).SerializeToString())
    with pytest.raises(rules.UnknownRule):
        rules.load(compiled)


def test_the_agent_loads_no_second_protobuf_runtime() -> None:
    code = (
        "import sys; from vmplumbd.rpc import validation; validation.RequestRules.load();"
        "print(sorted({'protovalidate', 'protobuf', 'buf'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
