"""Canaries in every place that may be secret, and a plugin that says all it knows: nothing that is read has them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.host import Host
from tests.system.daemon import REDIRECT, Daemon, conflist, daemon_in, eventually, ptp, request
from tests.system.test_metrics import text as metrics_of
from vmplumb.v1 import network_agent_service_pb2 as pb

pytestmark = pytest.mark.host

ARG, CAPABILITY, INLINE = "canary-argument", "canary-capability", "canary-inline"
CANARIES = (ARG, CAPABILITY, INLINE)
# Tells everything it was given, in every place that is read.
TALKATIVE = """
IN=$(cat)
[ "$CNI_COMMAND" = VERSION ] && { echo '{"cniVersion":"1.0.0","supportedVersions":["0.4.0","1.0.0"]}'; exit; }
ALL=$(printf '%s' "$CNI_ARGS $IN" | tr -d '"\\\\\\n')
echo "$CNI_ARGS $IN" >&2
if [ -e "$DIR/fail.$CNI_COMMAND" ]; then
    echo "{\\"cniVersion\\":\\"1.0.0\\",\\"code\\":100,\\"msg\\":\\"$ALL\\",\\"details\\":\\"$ALL\\"}"
    exit 1
fi
[ "$CNI_COMMAND" = ADD ] && cat "$DIR/result"
exit 0
"""


@pytest.fixture
def talking(host: Host, tmp_path: Path) -> Iterator[Daemon]:
    with daemon_in(
        host,
        audit__file=str(tmp_path / "audit.jsonl"),
        metrics__listen=str(tmp_path / "metrics.sock"),
        log__level="debug",
        limits__attempts="2",
        limits__first_retry="0.01",
        limits__longest_retry="0.02",
    ) as made:
        made.plugin("talkative", TALKATIVE)
        yield made


def asked(vm_id: str, *, inline: bool) -> pb.SetupNetworkRequest:
    fields: dict[str, Any] = {
        "args": [{"key": "IgnoreUnknown", "value": "1"}, {"key": "TOKEN", "value": ARG}],
        "capability_args": json.dumps({"mac": "02:00:00:00:00:09", "token": CAPABILITY}).encode(),
    }
    talkative = {"type": "talkative", "capabilities": {"token": True}}
    if inline:
        own = conflist("inline", ptp(), REDIRECT, {**talkative, "password": INLINE})
        return request(vm_id, "", network_config={"json": own}, **fields)
    return request(vm_id, "talks", **fields)


def call(act: Callable[[], Any], seen: list[bytes]) -> None:
    """Do it, and keep every byte of the answer or of the refusal."""
    try:
        answer = act()
        each = answer if hasattr(answer, "__next__") else (answer,)
        seen.extend(one.SerializeToString() for one in each)
    except grpc.RpcError as error:
        status: Any = error
        seen.append(str(status.details()).encode())
        seen += [
            value if isinstance(value, bytes) else str(value).encode()
            for _, value in status.trailing_metadata() or ()
        ]


@pytest.mark.parametrize("inline", [False, True], ids=["by name", "inline"])
def test_nothing_that_is_read_has_them(talking: Daemon, tmp_path: Path, inline: bool) -> None:
    stub = talking.stub
    talking.network("talks", ptp(), REDIRECT, {"type": "talkative", "capabilities": {"token": True}})
    vm_id = "vm-1"
    seen: list[bytes] = []
    # A result for ADD: what ptp and tc-redirect-tap made, as prevResult says it.
    plugin = talking.bin / "talkative"
    plugin.write_text(
        plugin.read_text().replace(
            'cat "$DIR/result"',
            'printf \'%s\' "$IN" | sed \'s/.*"prevResult"://; s/}$//\' > "$DIR/result"; cat "$DIR/result"',
        )
    )
    for fails in ("ADD", "CHECK", "DEL"):
        (talking.directory / f"fail.{fails}").touch()
        call(lambda: stub.SetupNetwork(asked(vm_id, inline=inline), timeout=60), seen)
        call(lambda: stub.CheckNetwork(pb.CheckNetworkRequest(vm_id=vm_id), timeout=60), seen)
        call(lambda: stub.GetNetwork(pb.GetNetworkRequest(vm_id=vm_id), timeout=60), seen)
        call(lambda: stub.DescribeNetwork(pb.DescribeNetworkRequest(vm_id=vm_id), timeout=60), seen)
        call(lambda: stub.ListNetworks(pb.ListNetworksRequest(), timeout=60), seen)
        call(lambda: stub.TeardownNetwork(pb.TeardownNetworkRequest(vm_id=vm_id), timeout=60), seen)
        call(lambda: stub.GetNetwork(pb.GetNetworkRequest(vm_id=vm_id), timeout=60), seen)
        call(lambda: stub.DiagnoseHost(pb.DiagnoseHostRequest(), timeout=60), seen)
        call(lambda: stub.GetStatus(pb.GetStatusRequest(), timeout=60), seen)
        (talking.directory / f"fail.{fails}").unlink()
        call(
            lambda: stub.TeardownNetwork(pb.TeardownNetworkRequest(vm_id=vm_id, force=True), timeout=60), seen
        )
    # A request that is refused, with a secret where it is wrong.
    wrong = asked(vm_id, inline=True)
    cni = wrong.spec.network_interfaces.interfaces[0].cni_configuration
    cni.network_config.json = json.dumps(
        {"name": "x", "cniVersion": INLINE, "plugins": [{"type": "ptp"}]}
    ).encode()
    call(lambda: stub.SetupNetwork(wrong, timeout=60), seen)
    cni.network_config.json = json.dumps(
        {"name": "x", "disableCheck": INLINE, "plugins": [{"type": "ptp"}]}
    ).encode()
    call(lambda: stub.SetupNetwork(wrong, timeout=60), seen)
    cni.network_config.json = conflist("x", ptp(mtu=INLINE), REDIRECT)
    call(lambda: stub.SetupNetwork(wrong, timeout=60), seen)
    talking.quiet()
    # The plugin was called, failed, and was quoted.
    assert any(b"[hidden]" in one for one in seen)
    assert any(
        line.get("event") in {"set-up", "teardown"} and line["level"] == "warning" for line in talking.lines
    )
    audit = eventually((tmp_path / "audit.jsonl").read_text, "an audit")
    metrics = metrics_of(str(tmp_path / "metrics.sock"))
    assert "vmplumb_operation_seconds_count" in metrics
    log = json.dumps(talking.lines, ensure_ascii=False)
    for canary in CANARIES:
        assert [one for one in seen if canary.encode() in one] == []
        assert canary not in log
        assert canary not in audit
        assert canary not in metrics
