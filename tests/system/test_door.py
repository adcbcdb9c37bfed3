"""What reaches the agent, and how: rules at the door, sockets, TLS, health, reflection, configuration."""

from __future__ import annotations

import grp
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.host import Host, an_owner
from tests.security.authority import Authority
from tests.system.daemon import Daemon, daemon_in, refused, request
from vmplumb.v1 import network_agent_service_pb2 as pb

pytestmark = pytest.mark.host

ROOT = Path(__file__).parents[2]


def test_every_violation_is_in_one_answer_with_field_and_rule(daemon: Daemon) -> None:
    asked = pb.SetupNetworkRequest(vm_id="../x", kernel_args="ip=dhcp")
    interfaces = asked.spec.network_interfaces.interfaces
    interfaces.add(cni_configuration={"if_name": "way-too-long-a-name"})
    interfaces.add()
    told = refused(lambda: daemon.stub.SetupNetwork(asked, timeout=60))
    assert (told.code, told.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")
    place = "spec.network_interfaces"
    assert set(told.violations) == {
        ("", "network_spec.ip_with_kernel_arg"),
        ("vm_id", "string.pattern"),
        (place, "network_interfaces.ip_with_multiple"),
        (f"{place}.interfaces[0].cni_configuration", "cni_configuration.name_or_config"),
        (f"{place}.interfaces[0].cni_configuration.if_name", "if_name"),
        (f"{place}.interfaces[1]", "network_interface.neither"),
    }
    assert daemon.networks() == []


def test_five_hundred_violations_fit_a_status_and_the_last_says_how_many_more(daemon: Daemon) -> None:
    asked = pb.WatchNetworksRequest(vm_ids=["no/good"] * 500)
    told = refused(lambda: daemon.stub.WatchNetworks(asked, timeout=60))
    shown = [field for field, _ in told.violations]
    assert told.violations[-1] == ("", "truncated")
    assert 10 < len(shown) < 500
    assert told.details_size < 6 * 1024


def test_an_unknown_field_anywhere_is_refused_where_something_would_change(daemon: Daemon) -> None:
    unknown = b"\xfa\x3f\x01x"  # field 1023, a string
    asked = request("door-1")
    deep = asked.spec.network_interfaces.interfaces[0].cni_configuration
    deep.MergeFromString(unknown)
    told = refused(lambda: daemon.stub.SetupNetwork(asked, timeout=60))
    assert (told.code, told.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "UNKNOWN_FIELD")
    assert told.violations == (
        ("spec.network_interfaces.interfaces[0].cni_configuration.#1023", "unknown_field"),
    )
    tear_down = pb.TeardownNetworkRequest.FromString(b"\x0a\x01a" + unknown)
    assert refused(lambda: daemon.stub.TeardownNetwork(tear_down, timeout=60)).reason == "UNKNOWN_FIELD"
    collect = pb.CollectGarbageRequest.FromString(b"\x10\x01\x20\x01" + unknown)
    assert refused(lambda: daemon.stub.CollectGarbage(collect, timeout=60)).reason == "UNKNOWN_FIELD"
    read = pb.ListNetworksRequest.FromString(unknown)
    assert list(daemon.stub.ListNetworks(read, timeout=60).networks) == []


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"bin_path": ["/opt/elsewhere"]}, "bin_path[0]"),
        ({"conf_dir": "/opt/elsewhere"}, "conf_dir"),
        ({"cache_dir": "/var/lib/cni/../../../etc"}, "cache_dir"),
    ],
    ids=["bin_path", "conf_dir", "cache_dir"],
)
def test_a_path_that_the_operator_does_not_list_is_refused(
    daemon: Daemon, fields: dict[str, Any], field: str
) -> None:
    told = refused(lambda: daemon.set_up("door-2", **fields))
    assert (told.code, told.reason) == (grpc.StatusCode.PERMISSION_DENIED, "PATH_NOT_ALLOWED")
    place = "spec.network_interfaces.interfaces[0].cni_configuration"
    assert told.violations == ((f"{place}.{field}", "path.not_allowed"),)
    assert daemon.networks() == []


def test_a_network_and_a_plugin_that_are_not_there_are_refused_without_a_record(daemon: Daemon) -> None:
    told = refused(lambda: daemon.set_up("door-3", "nope"))
    assert (told.code, told.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "CNI_NETWORK_NOT_FOUND")
    assert told.message.startswith(
        f'failed to load CNI configuration from dir "{daemon.conf}" for network "nope"'
    )
    daemon.network("lacks", {"type": "nosuch"})
    told = refused(lambda: daemon.set_up("door-3", "lacks"))
    assert (told.code, told.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "CNI_PLUGIN_UNAVAILABLE")
    assert 'failed to find plugin "nosuch"' in told.message
    assert daemon.networks() == []


def test_status_tells_what_the_agent_is(daemon: Daemon) -> None:
    told = daemon.status()
    assert (told.agent_name, told.contract_version, told.ready) == ("vmplumbd", "1.0.0", True)
    assert "1.1.0" in told.cni_versions
    assert told.boot_id == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert told.figures.max_networks > 0
    assert list(told.problems) == []


def test_health_says_serving(daemon: Daemon) -> None:
    stub = health_pb2_grpc.HealthStub(daemon.channel)
    for service in ("", "vmplumb.v1.NetworkAgentService"):
        answer = stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=60)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_a_caller_without_the_contract_can_call_through_reflection(daemon: Daemon) -> None:
    def call(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, ROOT / "tools/reflect_call.py", f"unix:{daemon.socket}", *words],
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "vmplumb.v1.NetworkAgentService" in call().split()
    described = call("vmplumb.v1.NetworkAgentService")
    assert (
        "SetupNetwork(vmplumb.v1.SetupNetworkRequest) returns (stream vmplumb.v1.SetupNetworkResponse)"
        in (described)
    )
    assert '"agentName": "vmplumbd"' in call("vmplumb.v1.NetworkAgentService/GetStatus")
    spec = '{"networkInterfaces":{"interfaces":[{"cniConfiguration":{"networkName":"fcnet"}}]}}'
    events = call("vmplumb.v1.NetworkAgentService/SetupNetwork", f'{{"vmId":"door-4","spec":{spec}}}')
    assert '"ipBootParam"' in events
    daemon.tear_down("door-4")


def test_the_socket_has_the_mode_and_group_that_were_set(module_host: Host) -> None:
    if an_owner()[1] == 0:
        pytest.skip("this user namespace has one group")
    with daemon_in(module_host, listen__unix_mode="0640", listen__unix_group="daemon") as made:
        info = made.socket.stat()
        assert stat.S_IMODE(info.st_mode) == 0o640
        assert info.st_gid == grp.getgrnam("daemon").gr_gid
        assert made.terminate() == 0
        assert not made.socket.exists()


def test_a_stale_socket_is_taken_over_and_a_second_agent_on_one_journal_is_refused(
    module_host: Host,
) -> None:
    with daemon_in(module_host) as made:
        made.kill()
        assert made.socket.exists()
        made.start()
        second = subprocess.run(
            [*made.command(), "--set", f"listen.unix={made.directory}/other.sock"],
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        assert second.returncode == 3
        assert "held by another agent" in second.stderr
        assert made.status().ready


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("listen.tcp=127.0.0.1:7443", "mutual TLS only"),
        ("listen.tcp=127.0.0.1:7443", "denied what no rule of a policy allows"),
        ("limits.max_operatons=1", "no such setting"),
        ("cni.prefer=maybe", "built-in"),
    ],
)
def test_a_configuration_that_cannot_be_used_refuses_the_start(
    module_host: Host, setting: str, told: str
) -> None:
    done = module_host.run([sys.executable, "-m", "vmplumbd", "serve", "--set", setting], check=False)
    assert done.returncode == 2
    assert told in done.stderr


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CA, a server's and a client's certificate, and a client's of another CA."""
    folder = tmp_path_factory.mktemp("tls")
    ours, theirs = Authority(folder), Authority(folder, "other-ca")
    for authority, leaf in ((ours, "server"), (ours, "client"), (theirs, "stranger")):
        authority.leaf(leaf, "IP:127.0.0.1", f"DNS:{leaf}")
    return folder


# Run as a process: a thread of gRPC's that is older than the host is in another network.
TLS_CLIENT = """
import sys, grpc
from vmplumb.v1 import network_agent_service_pb2 as pb, network_agent_service_pb2_grpc as pb_grpc
folder, port, who = sys.argv[1:]
read = lambda name: open(f"{folder}/{name}", "rb").read()
pair = {} if who == "nobody" else {"private_key": read(f"{who}.key"), "certificate_chain": read(f"{who}.pem")}
credentials = grpc.ssl_channel_credentials(root_certificates=read("ca.pem"), **pair)
with grpc.secure_channel(f"127.0.0.1:{port}", credentials) as channel:
    try:
        print(pb_grpc.NetworkAgentServiceStub(channel).GetStatus(pb.GetStatusRequest(), timeout=60).agent_name)
    except grpc.RpcError as error:
        print(error.code().name)
"""


def test_tcp_is_served_to_callers_with_a_certificate_of_ours_alone(
    module_host: Host, certificates: Path
) -> None:
    (certificates / "policy.toml").write_text('[[rule]]\nname = "all"\nwho = ["*"]\nrpcs = ["*"]\n')
    with daemon_in(
        module_host,
        policy__file=str(certificates / "policy.toml"),
        listen__tcp="127.0.0.1:17443",
        listen__tls_certificate=str(certificates / "server.pem"),
        listen__tls_key=str(certificates / "server.key"),
        listen__tls_client_ca=str(certificates / "ca.pem"),
    ):

        def called_by(who: str) -> str:
            argv = [sys.executable, "-c", TLS_CLIENT, str(certificates), "17443", who]
            return module_host.run(argv, env={**os.environ}).stdout.strip()

        assert called_by("client") == "vmplumbd"
        assert called_by("stranger") == "UNAVAILABLE"
        assert called_by("nobody") == "UNAVAILABLE"
