"""What is made of the bytes that gRPC hands over, before anybody is asked who calls."""

from __future__ import annotations

import pytest

from vmplumb.v1 import network_agent_service_pb2 as pb
from vmplumbd.rpc.server import reader
from vmplumbd.rpc.servicer import Unreadable

GOOD = pb.GetNetworkRequest(vm_id="vm-1").SerializeToString()


def never(raw: bytes) -> pb.GetNetworkRequest:
    raise AssertionError(f"{len(raw)} bytes were read")


@pytest.mark.parametrize(
    ("raw", "read", "longest", "found"),
    [
        (GOOD, pb.GetNetworkRequest.FromString, len(GOOD), pb.GetNetworkRequest(vm_id="vm-1")),
        (GOOD, never, len(GOOD) - 1, Unreadable(size=len(GOOD))),
        (b"\xff" * 9, pb.GetNetworkRequest.FromString, 100, Unreadable(size=9)),
    ],
    ids=["a message", "a byte too long", "no message"],
)
def test_what_is_too_long_is_not_read(raw: bytes, read: object, longest: int, found: object) -> None:
    assert reader(read, lambda: longest)(raw) == found  # type: ignore[arg-type]  # a method of a message
