"""What a real agent writes down of calls that may change something."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.host import Host
from tests.security.caller import calling
from tests.security.test_door import ROOT, A, Site, site
from tests.system.daemon import eventually, refused, request
from vmplumb.v1 import network_agent_service_pb2 as pb

pytestmark = pytest.mark.host


@pytest.fixture
def audited(host: Host, tmp_path: Path) -> Iterator[Site]:
    with site(
        host,
        tmp_path,
        audit__file=str(tmp_path / "audit.jsonl"),
        listen__admin_unix=str(tmp_path / "admin.sock"),
    ) as made:
        yield made


def lines(made: Site) -> list[dict[str, Any]]:
    """All lines, without what no test can know."""
    found = [json.loads(line) for line in (made.authority.folder / "audit.jsonl").read_text().splitlines()]
    for one in found:
        assert one.pop("time")
        assert one.pop("seconds") >= 0
        one.pop("peer", None)
    return found


def test_each_call_that_may_change_something_has_a_line(audited: Site) -> None:
    a = audited.caller("a", A)
    who, came = A.removeprefix("URI:"), {"who": A.removeprefix("URI:"), "way": "tcp"}
    made = a.call("SetupNetwork", request("vm-1").SerializeToString())
    uid = pb.SetupNetworkResponse.FromString(made.responses[-1]).uid
    a.call("GetNetwork", pb.GetNetworkRequest(vm_id="vm-1").SerializeToString())
    a.call("SetupNetwork", request("vm-2", "elsewhere").SerializeToString())
    a.call("SetupNetwork", request("no/good").SerializeToString())
    a.call("CollectGarbage", b"\x10\x01\x20\x01")
    nobody = audited.caller("nobody")
    nobody.call("TeardownNetwork", pb.TeardownNetworkRequest(vm_id="vm-1", force=True).SerializeToString())
    down = a.call("TeardownNetwork", pb.TeardownNetworkRequest(vm_id="vm-1").SerializeToString())
    torn = pb.TeardownNetworkResponse.FromString(down.responses[-1]).uid
    rule = {"rule": "orchestrators"}
    assert lines(audited) == [
        {
            **came,
            **rule,
            "rpc": "SetupNetwork",
            "vm_id": "vm-1",
            "networks": ["fcnet"],
            "uid": uid,
            "outcome": "OK",
        },
        {
            **came,
            **rule,
            "rpc": "SetupNetwork",
            "vm_id": "vm-2",
            "networks": ["elsewhere"],
            "outcome": "ACCESS_DENIED",
            "rules": ["policy.networks"],
        },
        {
            **came,
            **rule,
            "rpc": "SetupNetwork",
            "vm_id": "no/good",
            "networks": ["fcnet"],
            "outcome": "INVALID_REQUEST",
            "rules": ["string.pattern"],
        },
        {
            **came,
            **rule,
            "rpc": "CollectGarbage",
            "options": ["allow_empty"],
            "outcome": "ACCESS_DENIED",
            "rules": ["policy.rpcs"],
        },
        {
            "who": "",
            "way": "tcp",
            "rpc": "TeardownNetwork",
            "vm_id": "vm-1",
            "options": ["force"],
            "outcome": "UNAUTHENTICATED",
        },
        {**came, **rule, "rpc": "TeardownNetwork", "vm_id": "vm-1", "uid": torn, "outcome": "OK"},
    ]
    assert who.startswith("spiffe://")


def test_who_is_behind_a_socket_is_what_the_kernel_says(audited: Site) -> None:
    admin = audited.authority.folder / "admin.sock"
    with calling(audited.host, f"unix:{admin}") as root:
        root.call("CollectGarbage", b"\x10\x01\x18\x01\x20\x01")
        assert lines(audited) == [
            {
                "who": "local",
                "way": "admin",
                "processes": [{"pid": root.process.pid, "uid": os.getuid(), "gid": os.getgid()}],
                "rpc": "CollectGarbage",
                "options": ["dry_run", "allow_empty"],
                "outcome": "OK",
            }
        ]


def test_a_caller_that_goes_away_is_told_and_its_operation_goes_on(audited: Site) -> None:
    daemon = audited.daemon
    daemon.plugin(
        "slow",
        '[ "$CNI_COMMAND" = VERSION ] && { echo \'{"cniVersion":"1.0.0","supportedVersions":["1.0.0"]}\'; exit; }\n'
        "sleep 30",
    )
    daemon.network("slow", {"type": "slow"})
    stream = daemon.stub.SetupNetwork(request("vm-9", "slow"), timeout=60)
    next(iter(stream))
    stream.cancel()  # type: ignore[no-untyped-call, unused-ignore]  # untyped in stubs
    eventually(lambda: lines(audited), "a line")
    assert lines(audited)[0]["outcome"] == "CALLER_GONE"
    assert refused(
        lambda: daemon.stub.CheckNetwork(pb.CheckNetworkRequest(vm_id="vm-9"), timeout=60)
    ).code in {
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.ABORTED,
    }
    daemon.tear_down("vm-9")


def test_calls_that_the_door_turns_away_do_not_push_others_out(audited: Site) -> None:
    policy = audited.authority.folder / "policy.toml"
    policy.write_text(policy.read_text().replace('rpcs = ["GetStatus"]', 'rpcs = ["*"]'))
    assert audited.daemon.process is not None
    audited.daemon.process.send_signal(signal.SIGHUP)
    audited.daemon.wait_for("reloaded", what="policy")
    slow = audited.caller("slow", "URI:spiffe://test.example/slow")
    for _ in range(12):
        slow.call("TeardownNetwork", pb.TeardownNetworkRequest(vm_id="x").SerializeToString())
    outcomes = [one["outcome"] for one in lines(audited)]
    assert outcomes[:4] == ["OK", "OK", "OK", "LIMIT_EXCEEDED"]
    assert len(outcomes) < 12  # one in ten seconds of those that were turned away


def test_a_file_that_was_moved_away_is_opened_anew_at_sighup(audited: Site) -> None:
    folder = audited.authority.folder
    root = audited.caller("root", ROOT)
    ask = pb.TeardownNetworkRequest(vm_id="x").SerializeToString()
    root.call("TeardownNetwork", ask)
    (folder / "audit.jsonl").rename(folder / "audit.old")
    assert audited.daemon.process is not None
    audited.daemon.process.send_signal(signal.SIGHUP)
    audited.daemon.wait_for("reloaded", what="audit")
    root.call("TeardownNetwork", ask)
    assert len(lines(audited)) == len((folder / "audit.old").read_text().splitlines()) == 1
