"""The small client of etcd against a real cluster of three, of which one is killed."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from tests.fleet.conftest import Secured
from tests.system.daemon import eventually
from vmplumb import Tls
from vmplumb._etcd_client import Compacted, Etcd, EtcdError, Item

pytestmark = [pytest.mark.host, pytest.mark.etcd]


@pytest.fixture
def client(etcd: Secured) -> Iterator[Etcd]:
    made = Etcd(etcd.cluster.endpoints, tls=etcd.tls)
    yield made
    for item in made.read("/t/")[1]:
        made.swap(item.key, item, None)
    made.close()


def test_keys_are_read_in_pages_of_one_revision(client: Etcd) -> None:
    for number in range(1203):
        client.put(f"/t/many/{number:05}", b"v")
    revision, items = client.read("/t/many/")
    assert [one.key for one in items] == [f"/t/many/{number:05}" for number in range(1203)]
    assert revision >= max(one.revision for one in items)
    assert client.read("/t/none/")[1] == ()


def test_a_swap_is_done_once_and_says_what_is_there_instead(client: Etcd) -> None:
    assert client.swap("/t/one", None, b"a") is None
    there = client.swap("/t/one", None, b"b")
    assert there is not None
    assert there.value == b"a"
    assert client.swap("/t/one", there, b"c") is None
    assert client.swap("/t/one", there, b"d") == client.get("/t/one")
    now = client.get("/t/one")
    assert client.swap("/t/one", now, None) is None
    assert client.get("/t/one") is None
    gone = client.swap("/t/one", now, b"e")
    assert gone == Item(key="/t/one", value=None, revision=0)


def test_of_callers_at_once_one_wins(client: Etcd) -> None:
    won: list[int] = []
    threads = [
        threading.Thread(
            target=lambda n=n: won.append(n) if client.swap("/t/race", None, b"%d" % n) is None else None
        )
        for n in range(16)
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(won) == 1
    there = client.get("/t/race")
    assert there is not None
    assert there.value == b"%d" % won[0]


def test_a_key_goes_with_its_lease_and_a_watch_tells(client: Etcd) -> None:
    revision, _ = client.read("/t/")
    for seconds in (2, 30):  # a busy machine may not get so far in the first
        lease = client.grant(seconds)
        with contextlib.suppress(EtcdError):
            client.put("/t/leased", b"x", lease=lease)
            if client.keep(lease):
                break
        revision, _ = client.read("/t/")
    watch = client.watch("/t/", revision)
    assert next(watch).value == b"x"
    gone = next(watch)  # nobody keeps it any more
    assert (gone.key, gone.value) == ("/t/leased", None)
    assert not client.keep(lease)
    with pytest.raises(EtcdError) as told:
        client.put("/t/leased", b"x", lease=lease)
    assert (told.value.code, told.value.away) == (grpc.StatusCode.NOT_FOUND, False)
    watch.close()


def test_a_revoked_lease_takes_its_key_along(client: Etcd) -> None:
    lease = client.grant(60)
    client.put("/t/leased", b"x", lease=lease)
    client.revoke(lease)
    assert client.get("/t/leased") is None


def test_a_watch_of_what_is_compacted_says_so(client: Etcd, etcd: Secured) -> None:
    first, _ = client.read("/t/")
    for number in range(3):
        client.put("/t/old", b"%d" % number)
    last, _ = client.read("/t/")
    compact = etcd_compact(etcd, last)
    assert compact == 0
    client.read("/t/")  # the member that the client asks has come as far
    with pytest.raises(Compacted):
        next(client.watch("/t/", first))


def etcd_compact(etcd: Secured, revision: int) -> int:
    """Compact, by the call that an operator's tools make; answers 0."""
    folder = etcd.authority.folder
    credentials = grpc.ssl_channel_credentials(
        etcd.authority.bundle.read_bytes(),
        (folder / "orchestrator.key").read_bytes(),
        (folder / "orchestrator.pem").read_bytes(),
    )
    with grpc.secure_channel(etcd.cluster.endpoints[0], credentials) as channel:
        # CompactionRequest{revision = 1}, a varint.
        number, raw = revision, b"\x08"
        while number > 0x7F:
            raw, number = raw + bytes([number & 0x7F | 0x80]), number >> 7
        call: Any = channel.unary_unary("/etcdserverpb.KV/Compact", None, None)
        call(raw + bytes([number]), timeout=20)
    return 0


def test_without_a_certificate_nobody_is_let_in(etcd: Secured) -> None:
    stranger = Etcd(etcd.cluster.endpoints[:1], tls=Tls(ca=etcd.authority.bundle.read_bytes()), timeout=3.0)
    with pytest.raises(EtcdError) as told:
        stranger.read("/t/")
    assert told.value.away
    stranger.close()


def test_one_member_killed_is_one_call_more(client: Etcd, etcd: Secured) -> None:
    revision, _ = client.read("/t/")
    watch = client.watch("/t/", revision)
    client.put("/t/before", b"1")
    assert next(watch).key == "/t/before"
    lost = etcd.cluster.members[client._at]
    lost.kill()
    try:
        for number in range(5):
            eventually(functools.partial(put, client, number), f"put {number}", seconds=60)
        seen: list[str] = []
        while len(seen) < 5:
            item = next(watch)
            if item.key.startswith("/t/after") and item.key not in seen:
                seen.append(item.key)
        assert seen == [f"/t/after{number}" for number in range(5)]
    finally:
        lost.start()
        watch.close()
    alone = Etcd([lost.client], tls=etcd.tls)
    eventually(lambda: answers(alone), "the member is back", seconds=60)
    alone.close()


def test_a_member_that_has_lost_the_others_says_so_instead_of_telling_nothing(etcd: Secured) -> None:
    left, *lost = etcd.cluster.members
    alone = Etcd([left.client], tls=etcd.tls)
    eventually(lambda: answers(alone), "it serves", seconds=60)
    revision, _ = alone.read("/t/")
    watch = alone.watch("/t/", revision)
    alone.put("/t/before", b"1")
    assert next(watch).key == "/t/before"
    for one in lost:
        one.kill()
    try:
        with pytest.raises(EtcdError) as told:
            next(watch)
        assert told.value.away
    finally:
        for one in lost:
            one.start()
    eventually(lambda: answers(alone), "it has them again", seconds=60)
    alone.close()


def put(client: Etcd, number: int) -> bool:
    """Whether it was written; an election is a moment without."""
    with contextlib.suppress(EtcdError):
        client.put(f"/t/after{number}", b"1")
        return True
    return False


def answers(client: Etcd) -> bool:
    """Whether an endpoint serves."""
    with contextlib.suppress(EtcdError):
        client.get("/t/after0")
        return True
    return False


def test_while_none_answers_that_is_said() -> None:
    nobody = Etcd(["127.0.0.1:1", "127.0.0.1:2"], timeout=1.0)
    with pytest.raises(EtcdError) as told:
        nobody.get("/t/x")
    assert told.value.away
    nobody.close()


def test_a_fleet_without_endpoints_is_none() -> None:
    with pytest.raises(ValueError, match="endpoint"):
        Etcd([])
