"""Limits that no identity is needed for: each is refused with its name, and what stands can be taken down."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import grpc
import pytest

from tests.host import Host
from tests.snapshot import snapshot
from tests.system.daemon import REDIRECT, Daemon, daemon_in, eventually, ptp, refused, request
from vmplumb.v1 import network_agent_service_pb2 as pb

pytestmark = pytest.mark.host


@pytest.fixture
def small(host: Host) -> Iterator[Daemon]:
    with daemon_in(
        host,
        limits__journal_bytes="400000",
        limits__message_bytes="300000",
        limits__json_depth="6",
        limits__max_calls="4",
        kernel__host_ipv6="false",
    ) as made:
        before = snapshot()
        yield made
        made.quiet()
        assert snapshot() == before


def told(act: Callable[[], object]) -> tuple[str, str]:
    answer = refused(act)
    assert (answer.code, answer.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "LIMIT_EXCEEDED")
    return answer.info.metadata["limit"], answer.message


def big(vm_id: str, size: int = 90_000) -> pb.SetupNetworkRequest:
    listed = {"name": "big", "cniVersion": "1.0.0", "plugins": [{**ptp(), "note": "x" * size}, REDIRECT]}
    return request(vm_id, "", network_config={"json": json.dumps(listed).encode()})


def test_a_journal_that_is_full_takes_no_network_more_until_one_goes(small: Daemon) -> None:
    def full() -> bool:
        vm_id = f"vm-{len(small.networks())}"
        try:
            list(small.stub.SetupNetwork(big(vm_id), timeout=60))
        except grpc.RpcError:
            return True
        return False

    eventually(full, "the journal is full")
    stands = [one.vm_id for one in small.networks()]
    assert 1 < len(stands) < 20
    limit, message = told(lambda: small.stub.SetupNetwork(big("vm-x"), timeout=60))
    assert limit == "limits.journal_bytes"
    assert "the limit is 400000" in message
    assert [one.vm_id for one in small.networks()] == stands
    small.tear_down(stands.pop())
    small.tear_down(stands.pop())
    list(small.stub.SetupNetwork(big("vm-y", 10), timeout=60))
    for vm_id in (*stands, "vm-y"):
        small.tear_down(vm_id)


def test_long_and_deep_requests_are_refused_by_name_and_number(small: Daemon) -> None:
    long = [{"key": f"K{number}", "value": "v" * 60_000} for number in range(6)]
    limit, message = told(lambda: small.stub.SetupNetwork(request("a", args=long), timeout=60))
    assert limit == "limits.message_bytes"
    assert "the limit is 300000" in message
    deep = b'{"x":[[[[[[]]]]]]}'
    limit, message = told(lambda: small.stub.SetupNetwork(request("a", capability_args=deep), timeout=60))
    assert (limit, message) == (
        "limits.json_depth",
        "JSON of the request is 7 levels deep or more, the limit is 6",
    )


def test_so_many_calls_are_open_and_no_more(small: Daemon) -> None:
    watches = [small.stub.WatchNetworks(pb.WatchNetworksRequest(), timeout=60) for _ in range(4)]
    for one in watches:
        next(iter(one))
    limit, message = told(lambda: small.stub.GetStatus(pb.GetStatusRequest(), timeout=60))
    assert (limit, message) == ("limits.max_calls", "4 calls are open, the limit is 4")
    for one in watches:
        one.cancel()  # type: ignore[no-untyped-call, unused-ignore]  # untyped in stubs

    def served() -> bool:
        try:
            return small.status().ready
        except grpc.RpcError:
            return False

    eventually(served, "calls are served again")
