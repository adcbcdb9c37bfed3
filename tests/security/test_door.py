"""Who gets in, over real sockets: certificates, versions, the policy and its limits, the administrators' socket."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest

from tests.host import Host
from tests.security.authority import Authority
from tests.security.caller import Answer, Caller, calling
from tests.snapshot import snapshot
from tests.system.daemon import Daemon, daemon_in, eventually, refused, request
from vmplumb.v1 import network_agent_service_pb2 as pb

pytestmark = pytest.mark.host

TARGET = "127.0.0.1:17443"
POLICY = """
[[rule]]
name = "orchestrators"
who = ["spiffe://test.example/orchestrator/*"]
rpcs = ["*"]
networks = ["fcnet"]
max_networks = 2
# However long a test lets them call.
rate = 0

[[rule]]
name = "slow"
who = ["spiffe://test.example/slow"]
rpcs = ["GetStatus"]
rate = 0.001
burst = 3

[[rule]]
name = "root"
who = ["dns:root.example"]
rpcs = ["*"]
administrator = true
networks = ["*"]
"""


@dataclass(slots=True)
class Site:
    """A daemon over TCP, its authority, and callers by the name of their certificate."""

    host: Host
    daemon: Daemon
    authority: Authority
    _stack: ExitStack
    _callers: dict[str, Caller]

    def caller(self, name: str, *names: str) -> Caller:
        """The caller with that certificate, which is made with these names if it is not there."""
        if name not in self._callers:
            pem = self.authority.folder / f"{name}.pem"
            if not pem.exists():
                self.authority.leaf(name, *names)
            self._callers[name] = self.with_certificate(pem)
        return self._callers[name]

    def with_certificate(self, pem: Path | None) -> Caller:
        """A caller with a certificate that lies somewhere, or with none."""
        made = calling(self.host, TARGET, ca=self.authority.bundle, certificate=pem)
        return self._stack.enter_context(made)


@contextmanager
def site(host: Host, folder: Path, policy: str = POLICY, **settings: str) -> Iterator[Site]:
    """A site that serves."""
    authority = Authority(folder)
    authority.leaf("server", "IP:127.0.0.1")
    (folder / "policy.toml").write_text(policy)
    with ExitStack() as stack:
        daemon = stack.enter_context(
            daemon_in(
                host,
                listen__tcp=TARGET,
                listen__tls_certificate=str(folder / "server.pem"),
                listen__tls_key=str(folder / "server.key"),
                listen__tls_client_ca=str(authority.bundle),
                policy__file=str(folder / "policy.toml"),
                **settings,
            )
        )
        yield Site(host, daemon, authority, stack, {})


@pytest.fixture
def here(host: Host, tmp_path: Path) -> Iterator[Site]:
    with site(host, tmp_path) as made:
        before = snapshot()
        yield made
        made.daemon.quiet()
        assert snapshot() == before


A, B = "URI:spiffe://test.example/orchestrator/a", "URI:spiffe://test.example/orchestrator/b"
ROOT = "DNS:root.example"


def told(answer: Answer) -> tuple[str, str]:
    return answer.code, answer.reason


def get(vm_id: str) -> bytes:
    return pb.GetNetworkRequest(vm_id=vm_id).SerializeToString()


def test_a_caller_is_who_its_certificate_says_and_sees_its_own(here: Site) -> None:
    a, b, root = here.caller("a", A), here.caller("b", B), here.caller("root", ROOT)
    assert told(a.call("SetupNetwork", request("vm-a").SerializeToString())) == ("OK", "")
    network = pb.GetNetworkResponse.FromString(a.call("GetNetwork", get("vm-a")).responses[0]).network
    assert network.owner == A.removeprefix("URI:")
    assert told(b.call("GetNetwork", get("vm-a"))) == ("NOT_FOUND", "VM_NOT_FOUND")
    assert told(root.call("GetNetwork", get("vm-a"))) == ("OK", "")
    assert pb.ListNetworksResponse.FromString(b.call("ListNetworks").responses[0]).networks == []
    assert told(b.call("SetupNetwork", request("vm-a").SerializeToString())) == (
        "ALREADY_EXISTS",
        "SPEC_CONFLICT",
    )
    other = b.call("TeardownNetwork", pb.TeardownNetworkRequest(vm_id="vm-a").SerializeToString())
    assert not pb.TeardownNetworkResponse.FromString(other.responses[-1]).result.existed
    mine = a.call(
        "TeardownNetwork", pb.TeardownNetworkRequest(vm_id="vm-a", wait_for_devices=True).SerializeToString()
    )
    assert pb.TeardownNetworkResponse.FromString(mine.responses[-1]).result.existed


def test_what_no_rule_allows_is_denied_with_all_of_it(here: Site) -> None:
    a = here.caller("a", A)
    asked = request("vm-1", "elsewhere", args=[{"key": "K", "value": "V"}], netns_path="/var/run/netns/x")
    asked.spec.network_interfaces.interfaces[0].cni_configuration.tap.uid = 0
    answer = a.call("SetupNetwork", asked.SerializeToString())
    assert told(answer) == ("PERMISSION_DENIED", "ACCESS_DENIED")
    assert sorted(rule for _, rule in answer.violations) == [
        f"policy.{key}" for key in ("args", "networks", "paths", "tap_owners")
    ]
    assert told(a.call("CollectGarbage", b"\x10\x01\x20\x01")) == ("PERMISSION_DENIED", "ACCESS_DENIED")
    assert told(a.call("DiagnoseHost")) == ("PERMISSION_DENIED", "ACCESS_DENIED")
    stranger = here.caller("stranger", "URI:spiffe://test.example/else")
    assert told(stranger.call("GetStatus")) == ("PERMISSION_DENIED", "ACCESS_DENIED")
    nameless = here.caller("nameless")
    assert told(nameless.call("GetStatus")) == ("UNAUTHENTICATED", "UNAUTHENTICATED")


def test_an_identity_has_its_number_of_networks_and_its_rate(here: Site) -> None:
    a = here.caller("a", A)
    for number in range(2):
        assert told(a.call("SetupNetwork", request(f"vm-{number}").SerializeToString())) == ("OK", "")
    third = a.call("SetupNetwork", request("vm-2").SerializeToString())
    assert told(third) == ("RESOURCE_EXHAUSTED", "LIMIT_EXCEEDED")
    assert third.metadata["limit"] == "policy.max_networks"
    b = here.caller("b", B)
    assert told(b.call("SetupNetwork", request("vm-2").SerializeToString())) == ("OK", "")
    slow = here.caller("slow", "URI:spiffe://test.example/slow")
    assert [told(slow.call("GetStatus"))[0] for _ in range(3)] == ["OK"] * 3
    fourth = slow.call("GetStatus")
    assert told(fourth) == ("RESOURCE_EXHAUSTED", "LIMIT_EXCEEDED")
    assert fourth.metadata["limit"] == "policy.rate"
    assert fourth.retry_after is not None
    assert fourth.retry_after > 100
    for number in range(3):
        here.daemon.tear_down(f"vm-{number}")


def test_a_policy_is_read_again_at_sighup_and_a_bad_one_is_not_taken(here: Site) -> None:
    assert here.daemon.process is not None
    a, file = here.caller("a", A), here.authority.folder / "policy.toml"
    assert told(a.call("GetStatus")) == ("OK", "")
    file.write_text("[[rule]]\nname = 'x'\n")
    here.daemon.process.send_signal(signal.SIGHUP)
    line = here.daemon.wait_for("reload.refused", what="policy")
    assert "rule[0].who" in line["error"]
    assert told(a.call("GetStatus")) == ("OK", "")
    file.write_text(POLICY.replace("orchestrator/*", "orchestrator/b"))
    here.daemon.process.send_signal(signal.SIGHUP)
    here.daemon.wait_for("reloaded", what="policy")
    assert told(a.call("GetStatus")) == ("PERMISSION_DENIED", "ACCESS_DENIED")
    assert told(here.caller("b", B).call("GetStatus")) == ("OK", "")


WATCHER = """
[[rule]]
name = "watcher"
who = ["unix"]
rpcs = ["*"]
"""


@pytest.mark.parametrize(
    ("policy", "told"),
    [
        ("", "the policy has changed what this caller sees"),
        (WATCHER + "administrator = true\n", "the policy has changed what this caller sees"),
        (WATCHER.replace("*", "GetStatus"), 'rule "watcher" does not allow WatchNetworks'),
    ],
    ids=["no rule any more", "an administrator now", "not this RPC"],
)
def test_a_watch_ends_when_the_policy_allows_it_no_more(
    host: Host, tmp_path: Path, policy: str, told: str
) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(WATCHER)
    with daemon_in(host, policy__file=str(file)) as daemon:
        assert daemon.process is not None
        watch = daemon.stub.WatchNetworks(pb.WatchNetworksRequest(), timeout=60)
        assert next(iter(watch)).HasField("bookmark")
        # Another policy that allows it: it goes on.
        file.write_text(WATCHER + "max_networks = 7\n")
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_for("reloaded", what="policy")
        daemon.lines.clear()
        file.write_text(policy)
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_for("reloaded", what="policy")
        answer = refused(lambda: watch)
        assert (answer.code, answer.reason) == (grpc.StatusCode.PERMISSION_DENIED, "ACCESS_DENIED")
        assert answer.message.startswith(told)


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_1", "-tls1"])
def test_tls_before_1_3_ends_in_the_handshake(here: Site, version: str) -> None:
    pem = here.authority.leaf("a", A)

    def spoke_http2(version: str) -> bool:
        words = ["-connect", TARGET, version, "-alpn", "h2", "-quiet", "-cipher", "ALL:@SECLEVEL=0"]
        words += [
            "-cert",
            str(pem),
            "-key",
            str(pem.with_suffix(".key")),
            "-CAfile",
            str(here.authority.bundle),
        ]
        process = here.host.popen(
            ["openssl", "s_client", *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            errors="replace",
        )
        assert process.stdout is not None
        said = process.stdout.read(1)  # the server's settings come first, or the end
        process.kill()
        return bool(said)

    assert spoke_http2("-tls1_3")
    assert not spoke_http2(version)


def test_files_that_change_serve_the_next_connection_and_cut_no_call(here: Site) -> None:
    folder = here.authority.folder
    a = here.caller("a", A)
    assert told(a.call("GetStatus")) == ("OK", "")
    (folder / "new").mkdir()
    other = Authority(folder / "new", "new-ca")
    other.leaf("server", "IP:127.0.0.1")
    other.leaf("n", A)
    stranger = here._stack.enter_context(
        calling(here.host, TARGET, ca=other.bundle, certificate=folder / "new" / "n.pem")
    )
    assert stranger.call("GetStatus", fresh=True).code == "UNAVAILABLE"
    # Half of a rotation fits nothing and is not taken.
    replace(folder / "server.pem", (folder / "new" / "server.pem").read_bytes())
    assert told(a.call("GetStatus", fresh=True)) == ("OK", "")
    here.daemon.wait_for("tls.refused")
    replace(folder / "server.key", (folder / "new" / "server.key").read_bytes())
    replace(folder / "ca.pem", other.bundle.read_bytes())
    assert told(stranger.call("GetStatus", fresh=True)) == ("OK", "")
    here.daemon.wait_for("tls.reloaded")
    assert told(a.call("GetStatus")) == ("OK", "")  # its connection is older than the rotation
    assert a.call("GetStatus", fresh=True).code == "UNAVAILABLE"


def test_a_rotation_under_load_costs_no_call(here: Site) -> None:
    folder = here.authority.folder
    (folder / "new").mkdir()
    new = Authority(folder / "new", "new-ca")
    new.leaf("server", "IP:127.0.0.1")
    both = here.authority.bundle.read_bytes() + new.bundle.read_bytes()
    pairs = [
        (
            (folder / "server.pem").read_bytes(),
            (folder / "server.key").read_bytes(),
            here.authority.bundle.read_bytes(),
        ),
        ((folder / "new/server.pem").read_bytes(), (folder / "new/server.key").read_bytes(), both),
    ]
    # Callers trust both authorities; the agent's bundle has both, or the one that signed them.
    (folder / "both.pem").write_bytes(both)
    here.authority.leaf("a", A)
    answers: dict[bool, list[str]] = {True: [], False: []}
    over = threading.Event()

    def load(fresh: bool) -> None:
        with calling(here.host, TARGET, ca=folder / "both.pem", certificate=folder / "a.pem") as caller:
            while not over.is_set():
                answers[fresh].append(caller.call("GetStatus", fresh=fresh).code)

    # Threads that are started in the host are in it, and so are their processes.
    threads = [threading.Thread(target=load, args=(fresh,)) for fresh in (True, False)]
    for one in threads:
        one.start()
    try:
        eventually(lambda: all(answers.values()), "both call")
        for number in range(1, 9):
            certificate, key, bundle = pairs[number % 2]
            replace(folder / "ca.pem", bundle)
            replace(folder / "server.pem", certificate)
            eventually_more(answers[True], 2)  # connections while the files do not fit each other
            replace(folder / "server.key", key)
            eventually_more(answers[True], 2)
    finally:
        over.set()
        for one in threads:
            one.join()
    for fresh, codes in answers.items():
        assert set(codes) == {"OK"}, fresh
    eventually(
        lambda: sum(line.get("event") == "tls.reloaded" for line in here.daemon.lines) >= 8, "all were taken"
    )


def eventually_more(answers: list[str], more: int) -> None:
    """Wait for so many answers more."""
    wanted = len(answers) + more
    eventually(lambda: len(answers) >= wanted, "more answers")


def replace(path: Path, content: bytes) -> None:
    """As rotation does it: written aside, then renamed."""
    aside = path.with_suffix(".new")
    aside.write_bytes(content)
    aside.rename(path)


def test_administrators_have_a_socket_of_their_own(host: Host, tmp_path: Path) -> None:
    admin = tmp_path / "admin.sock"
    with daemon_in(host, listen__admin_unix=str(admin)) as daemon:
        assert (admin.stat().st_mode & 0o777, admin.stat().st_uid) == (0o600, os.getuid())
        for act in (
            lambda: daemon.stub.DiagnoseHost(pb.DiagnoseHostRequest(), timeout=60),
            lambda: daemon.stub.CordonHost(pb.CordonHostRequest(cordoned=True), timeout=60),
            lambda: daemon.stub.CollectGarbage(
                pb.CollectGarbageRequest(allow_empty=True, as_of_revision=0), timeout=60
            ),
        ):
            answer = refused(act)
            assert (answer.code, answer.reason) == (grpc.StatusCode.PERMISSION_DENIED, "ACCESS_DENIED")
        with calling(host, f"unix:{admin}") as root:
            assert told(root.call("DiagnoseHost")) == ("OK", "")
        assert daemon.terminate() == 0
        assert not admin.exists()


def test_streams_of_side_services_are_for_callers_of_the_policy(here: Site) -> None:
    health = "/grpc.health.v1.Health/"
    stranger = here.caller("stranger", "URI:spiffe://test.example/else")
    assert stranger.call(health + "Check").code == "OK"
    assert stranger.call(health + "Watch").code == "PERMISSION_DENIED"
    reflection = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
    assert stranger.call(reflection).code == "PERMISSION_DENIED"
    assert here.caller("a", A).call(health + "Check").code == "OK"
    slow = here.caller("slow", "URI:spiffe://test.example/slow")
    codes = [slow.call(health + "Check").code for _ in range(4)]
    assert codes == ["OK", "OK", "OK", "RESOURCE_EXHAUSTED"]


def test_so_many_connections_are_served_and_no_more(host: Host, tmp_path: Path) -> None:
    with site(host, tmp_path, limits__max_connections="3") as made:
        pem = made.authority.leaf("a", A)
        callers = [made.with_certificate(pem) for _ in range(3)]
        assert [one.call("GetStatus").code for one in callers] == ["OK"] * 3
        assert made.with_certificate(pem).call("GetStatus").code == "UNAVAILABLE"
        assert [one.call("GetStatus").code for one in callers] == ["OK"] * 3
        assert made.daemon.status().ready  # the socket is not concerned


def test_a_policy_that_cannot_be_used_refuses_the_start(host: Host, tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text("[[rule]]\nname = 'x'\n")
    for command in ("check-config", "serve"):
        words = ["--set", f"policy.file={file}", "--set", f"paths.state_dir={tmp_path}"]
        done = subprocess.run(
            [sys.executable, "-m", "vmplumbd", command, *words],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 2
        assert "rule[0].who" in done.stderr
    assert not (tmp_path / "journal.db").exists()
