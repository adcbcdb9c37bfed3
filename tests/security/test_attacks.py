"""Every attack of the table against a real agent: refused for its reason, before any effect."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.host import Host
from tests.security.attacks import POLICY, VICTIM, Attack, World, attacks
from tests.security.authority import Authority
from tests.security.caller import calling
from tests.security.test_door import ROOT, TARGET, Site, site
from tests.snapshot import differences, settled, snapshot
from tests.system.daemon import request
from vmplumb.v1 import network_agent_service_pb2 as pb

pytestmark = pytest.mark.host

CERTIFICATES = {name: f"URI:spiffe://test.example/{name}" for name in ("a", "b", "narrow")}
TABLE = attacks()


@pytest.fixture(scope="module")
def besieged(module_host: Host, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, World]]:
    """An agent with networks of two owners."""
    # Without IPv6 nothing on the host changes by itself, such as addresses that become usable.
    with site(module_host, tmp_path_factory.mktemp("site"), POLICY, kernel__host_ipv6="false") as made:
        for name, names in (*CERTIFICATES.items(), ("root", ROOT)):
            made.caller(name, names)
        module_host.run(["ip", "netns", "add", "mgmt"])
        a, b = made.caller("a"), made.caller("b")
        for caller, vm_ids in ((b, (VICTIM, "b-2")), (a, ("a-1", "a-2"))):
            for vm_id in vm_ids:
                assert caller.call("SetupNetwork", request(vm_id).SerializeToString()).code == "OK"
        page = pb.ListNetworksRequest(page_size=1).SerializeToString()
        tokens = [
            pb.ListNetworksResponse.FromString(one.call("ListNetworks", page).responses[0]).next_page_token
            for one in (a, b)
        ]
        assert all(tokens)
        yield made, World(made.daemon.get(VICTIM).uid, others_token=tokens[1], own_token=tokens[0])
        for one in made.daemon.networks():
            made.daemon.tear_down(one.vm_id)
        module_host.run(["ip", "netns", "del", "mgmt"])


def world(made: Site) -> tuple[object, object, object]:
    """Everything that an attack could have changed."""
    state = made.daemon.directory / "state"
    return (
        snapshot(),
        sorted((one.vm_id, one.uid, one.revision) for one in made.daemon.networks()),
        sorted(str(path.relative_to(state)) for path in state.rglob("*")),
    )


@pytest.fixture(scope="module")
def peace(besieged: tuple[Site, World]) -> Peace:
    settled(snapshot)
    return Peace(world(besieged[0]))


@dataclass(slots=True)
class Peace:
    """The world as the last test left it: one attack that gets through is one failure."""

    seen: tuple[object, object, object]

    def broken(self, made: Site) -> list[str]:
        """What changed since the last look."""
        before, self.seen = self.seen, world(made)
        return differences(before, self.seen)


def test_the_table_is_as_long_as_it_is_said_to_be(capsys: pytest.CaptureFixture[str]) -> None:
    names = [one.name for one in TABLE]
    assert len(set(names)) == len(names)
    assert len(names) >= 60
    said = (Path(__file__).parents[2] / "SECURITY.md").read_text()
    assert f"{len(names)} attacks by calls" in said
    assert f"has {len(BAD_CERTIFICATES)} by certificates" in said
    with capsys.disabled():
        print(f"\n{len(names)} attacks by calls, {len(BAD_CERTIFICATES)} by certificates")


@pytest.mark.parametrize("attack", TABLE, ids=[one.name for one in TABLE])
def test_an_attack_is_refused_with_its_reason_before_any_effect(
    besieged: tuple[Site, World], peace: Peace, attack: Attack
) -> None:
    made, known = besieged
    answer = made.caller(attack.who).call(attack.rpc, attack.make(known))
    assert (answer.code, answer.reason) == attack.told, answer.message
    assert peace.broken(made) == []


A_NAME = CERTIFICATES["a"]
LONG_AGO, SOON, LATER = "20200101000000Z", "20200102000000Z", "20980101000000Z"
# What each certificate is told: the handshake ends (UNAVAILABLE on the caller's side), or the call has no identity.
ENDS, NOBODY = ("UNAVAILABLE", ""), ("UNAUTHENTICATED", "UNAUTHENTICATED")
Make = Callable[[Authority], Path | None]
BAD_CERTIFICATES: tuple[tuple[str, Make, tuple[str, str]], ...] = (
    ("none", lambda _: None, ENDS),
    ("expired", lambda ca: ca.leaf("x1", A_NAME, dates=(LONG_AGO, SOON)), ENDS),
    ("not valid yet", lambda ca: ca.leaf("x2", A_NAME, dates=(LATER, "20990101000000Z")), ENDS),
    ("self-signed", lambda ca: ca.self_signed("x3", A_NAME), ENDS),
    ("of another authority", lambda ca: _other(ca, "other-ca").leaf("x4", A_NAME), ENDS),
    ("of another authority with the same name", lambda ca: _other(ca, "ca").leaf("x5", A_NAME), ENDS),
    ("signed by a caller", lambda ca: ca.signed_by_a_leaf("x6", "a", A_NAME), ENDS),
    ("with a common name alone", lambda ca: ca.leaf("x7", subject="spiffe:test.example.a"), NOBODY),
    ("with two URIs", lambda ca: ca.leaf("x8", A_NAME, CERTIFICATES["b"]), NOBODY),
    ("with a SPIFFE ID that climbs", lambda ca: ca.leaf("x9", "URI:spiffe://test.example/b/../a"), NOBODY),
    ("with a SPIFFE ID with a port", lambda ca: ca.leaf("x10", "URI:spiffe://test.example:1/a"), NOBODY),
    ("with a SPIFFE ID in capitals", lambda ca: ca.leaf("x11", "URI:spiffe://TEST.example/a"), NOBODY),
    ("with a SPIFFE ID with a query", lambda ca: ca.leaf("x12", "URI:spiffe://test.example/a?x"), NOBODY),
    ("with a pattern for a name", lambda ca: ca.leaf("x13", "DNS:*.example"), NOBODY),
    ("with an address alone", lambda ca: ca.leaf("x14", "IP:127.0.0.1"), NOBODY),
    ("with a mail address alone", lambda ca: ca.leaf("x15", "email:root@root.example"), NOBODY),
)


def _other(ca: Authority, name: str) -> Authority:
    folder = ca.folder / f"other-{name}"
    folder.mkdir()
    return Authority(folder, name)


@pytest.mark.parametrize(
    ("make", "told"), [row[1:] for row in BAD_CERTIFICATES], ids=[row[0] for row in BAD_CERTIFICATES]
)
def test_a_certificate_that_is_not_good_gets_nobody_in(
    besieged: tuple[Site, World], make: Make, told: tuple[str, str]
) -> None:
    made, _ = besieged
    with calling(made.host, TARGET, ca=made.authority.bundle, certificate=make(made.authority)) as caller:
        answer = caller.call("GetStatus")
    assert (answer.code, answer.reason) == told, answer.message


def test_nothing_but_tls_is_spoken_over_tcp(besieged: tuple[Site, World]) -> None:
    with calling(besieged[0].host, TARGET) as caller:
        assert caller.call("GetStatus").code == "UNAVAILABLE"


def test_somebody_elses_teardown_finds_nothing(besieged: tuple[Site, World], peace: Peace) -> None:
    made, known = besieged
    for asked in (
        pb.TeardownNetworkRequest(vm_id=VICTIM),
        pb.TeardownNetworkRequest(vm_id=VICTIM, force=True),
        pb.TeardownNetworkRequest(vm_id=VICTIM, uid=known.victim_uid),
    ):
        answer = made.caller("a").call("TeardownNetwork", asked.SerializeToString())
        assert answer.code == "OK"
        assert not pb.TeardownNetworkResponse.FromString(answer.responses[-1]).result.existed
    wrong = pb.TeardownNetworkRequest(vm_id=VICTIM, uid="0" * 32).SerializeToString()
    told = made.caller("root", ROOT).call("TeardownNetwork", wrong)
    assert (told.code, told.reason) == ("ABORTED", "UID_MISMATCH")
    assert peace.broken(made) == []


def test_what_a_caller_may_read_has_nothing_of_others(besieged: tuple[Site, World]) -> None:
    made, known = besieged
    a = made.caller("a")
    listed = pb.ListNetworksResponse.FromString(a.call("ListNetworks").responses[0])
    assert [one.vm_id for one in listed.networks] == ["a-1", "a-2"]
    status = a.call("GetStatus").responses[0]
    for secret in (VICTIM, known.victim_uid, "spiffe://test.example/b"):
        assert secret.encode() not in status


def test_nothing_of_an_attack_is_quoted_in_a_way_that_breaks_the_log(besieged: tuple[Site, World]) -> None:
    made, _ = besieged
    assert made.daemon.lines
    assert [line for line in made.daemon.lines if line.get("event") == "not JSON"] == []


def test_no_state_lies_outside_of_its_place() -> None:
    assert not Path("/etc/attacker").exists()
