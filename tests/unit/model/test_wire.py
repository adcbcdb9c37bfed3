"""A spec that is encoded without protobuf is the very message, both ways."""

from __future__ import annotations

import contextlib

import pytest
from google.protobuf.descriptor import Descriptor
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.model.specs import SPECS, message
from vmplumb.v1 import vm_network_pb2
from vmplumbd.model import wire
from vmplumbd.model.spec import NetworkSpec
from vmplumbd.rpc import convert


@settings(max_examples=60, deadline=None)
@given(SPECS)
def test_the_bytes_are_those_that_the_daemon_writes(spec: NetworkSpec) -> None:
    raw = wire.encode(spec)
    assert raw == convert.spec_bytes(message(spec))
    assert wire.spec_hash(raw) == convert.spec_hash(raw)


@settings(max_examples=60, deadline=None)
@given(SPECS)
def test_what_was_encoded_is_read_back(spec: NetworkSpec) -> None:
    assert wire.decode(wire.encode(spec)) == spec


def test_fields_of_a_newer_contract_are_passed_by() -> None:
    # Field 1000: a varint, eight bytes, a text, four bytes.
    newer = b"\xc0\x3e\x05" + b"\xc1\x3e" + b"8" * 8 + b"\xc2\x3e\x02hi" + b"\xc5\x3e" + b"4" * 4
    assert wire.decode(wire.encode(NetworkSpec(netns_path="/n")) + newer) == NetworkSpec(netns_path="/n")


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=24))
def test_damaged_bytes_are_a_spec_or_a_fault_with_a_name(raw: bytes) -> None:
    with contextlib.suppress(ValueError):
        wire.encode(wire.decode(raw))


@pytest.mark.parametrize("raw", [b"\x12\x05ab", b"\x18", b"\x1b", b"\x18" + b"\xff" * 10 + b"\x01"])
def test_cut_off_bytes_are_refused(raw: bytes) -> None:
    with pytest.raises(wire.Damaged):
        wire.decode(raw)


def test_the_contract_has_no_field_that_the_codec_does_not_know() -> None:
    """A field added to the contract fails here until `model.wire` reads and writes it, or it is named below."""
    derived = {"NetworkConfigList": {1, 2, 3, 4, 5, 6}}  # views of its JSON, which the model does not keep
    known = {
        "NetworkSpec": {1, 2, 3},
        "NetworkInterfaces": {1},
        "NetworkInterface": {1, 2, 3, 4, 5},
        "StaticNetworkConfiguration": {1, 2, 3},
        "IPConfiguration": {1, 2, 3, 4},
        "CNIConfiguration": set(range(1, 12)),
        "CNIArg": {1, 2},
        "NetworkConfigList": {7} | derived["NetworkConfigList"],
        "TapOptions": {1, 2, 3},
        "RateLimiter": {1, 2},
        "TokenBucket": {1, 2, 3},
        "PluginConfig": {1, 2},
    }
    assert _fields(vm_network_pb2.NetworkSpec.DESCRIPTOR, {}) == known


def _fields(descriptor: Descriptor, found: dict[str, set[int]]) -> dict[str, set[int]]:
    if descriptor.name not in found:
        found[descriptor.name] = {field.number for field in descriptor.fields}
        for field in descriptor.fields:
            if field.message_type is not None:
                _fields(field.message_type, found)
    return found
