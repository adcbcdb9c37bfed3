"""A small client of etcd's v3 API: what a fleet needs of it, over several endpoints, with TLS. It blocks.

An endpoint that does not answer is left for the next one. Whatever is called may be called again: a put is the
same put, a swap says what was there.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import grpc

from vmplumb._channel import Tls
from vmplumb._etcd import etcd_pb2 as pb
from vmplumb._etcd.etcd_pb2_grpc import KVStub, LeaseStub, WatchStub

_PAGE = 500
_AWAY = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED})
_OPTIONS = (
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.keepalive_time_ms", 15000),
    ("grpc.keepalive_timeout_ms", 5000),
    ("grpc.use_local_subchannel_pool", 1),
)

# A member that has lost the others ends a watch then, instead of telling nothing (etcd:api/v3rpc/rpctypes/md.go).
_WITH_LEADER = (("hasleader", "true"),)

_Answer = TypeVar("_Answer")


class EtcdError(Exception):
    """etcd did not do what it was asked. `away` if no endpoint answered: nothing is known then."""

    def __init__(self, message: str, *, code: grpc.StatusCode, away: bool) -> None:
        super().__init__(message)
        self.code = code
        self.away = away


class Compacted(EtcdError):
    """A watch began at a revision that is no longer kept: read again, then watch from there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A key and its value, at the revision of its last change. `value` is None once the key is gone."""

    key: str
    value: bytes | None
    revision: int


class Etcd:
    """One cluster. For several threads."""

    def __init__(self, endpoints: Sequence[str], *, tls: Tls | None = None, timeout: float = 5.0) -> None:
        """`endpoints` are HOST:PORT. `timeout` bounds a call to one endpoint, in seconds. Raises ValueError."""
        if not endpoints:
            raise ValueError("a fleet needs at least one endpoint of etcd")
        self._timeout = timeout
        options: list[tuple[str, Any]] = list(_OPTIONS)
        if tls is not None and tls.server_name:
            options.append(("grpc.ssl_target_name_override", tls.server_name))
        self._channels = [
            grpc.insecure_channel(one, options)
            if tls is None
            else grpc.secure_channel(one, tls.credentials(), options)
            for one in endpoints
        ]
        self._endpoints = tuple(endpoints)
        self._at = 0
        self._moving = threading.Lock()

    def close(self) -> None:
        """End every call and connection."""
        for channel in self._channels:
            channel.close()

    def read(self, prefix: str) -> tuple[int, tuple[Item, ...]]:
        """All keys below a prefix, of one revision, which is answered too. Raises EtcdError."""
        key, end = prefix.encode(), _end(prefix)
        found: list[Item] = []
        revision = 0
        while True:
            asked = pb.RangeRequest(key=key, range_end=end, limit=_PAGE, revision=revision)
            answer = self._ask(functools.partial(self._range, asked))
            revision = revision or answer.header.revision
            found += [_item(one) for one in answer.kvs]
            if not answer.more:
                return revision, tuple(found)
            key = answer.kvs[-1].key + b"\0"

    def _range(self, asked: pb.RangeRequest, channel: grpc.Channel) -> pb.RangeResponse:
        return KVStub(channel).Range(asked, timeout=self._timeout)

    def get(self, key: str) -> Item | None:
        """One key. Raises EtcdError."""
        asked = pb.RangeRequest(key=key.encode())
        answer = self._ask(lambda channel: KVStub(channel).Range(asked, timeout=self._timeout))
        return _item(answer.kvs[0]) if answer.kvs else None

    def put(self, key: str, value: bytes, *, lease: int = 0) -> None:
        """Write a key, which goes with the lease if there is one. Raises EtcdError."""
        asked = pb.PutRequest(key=key.encode(), value=value, lease=lease)
        self._ask(lambda channel: KVStub(channel).Put(asked, timeout=self._timeout))

    def swap(self, key: str, old: Item | None, new: bytes | None) -> Item | None:
        """Write a key, or delete it for None, if it is still what it was; None means that it was not there.

        Answers None if that was done, else what is there instead; a key that has gone meanwhile has no value.
        After an error it is not known whether it was done: `get` tells. Raises EtcdError.
        """
        name = key.encode()
        same = pb.Compare(
            result=pb.Compare.EQUAL,
            target=pb.Compare.MOD,
            key=name,
            mod_revision=0 if old is None else old.revision,
        )
        change = (
            pb.RequestOp(request_delete_range=pb.DeleteRangeRequest(key=name))
            if new is None
            else pb.RequestOp(request_put=pb.PutRequest(key=name, value=new))
        )
        look = pb.RequestOp(request_range=pb.RangeRequest(key=name))
        asked = pb.TxnRequest(compare=[same], success=[change], failure=[look])
        answer = self._ask(lambda channel: KVStub(channel).Txn(asked, timeout=self._timeout))
        if answer.succeeded:
            return None
        there = answer.responses[0].response_range.kvs
        return _item(there[0]) if there else Item(key=key, value=None, revision=0)

    def grant(self, seconds: int) -> int:
        """A lease that ends so long after it was last kept. Raises EtcdError."""
        asked = pb.LeaseGrantRequest(TTL=seconds)
        answer = self._ask(lambda channel: LeaseStub(channel).LeaseGrant(asked, timeout=self._timeout))
        return int(answer.ID)

    def keep(self, lease: int) -> bool:
        """Let a lease live on; False if it has ended. Raises EtcdError."""

        def once(channel: grpc.Channel) -> pb.LeaseKeepAliveResponse:
            asked = iter([pb.LeaseKeepAliveRequest(ID=lease)])
            call: Any = LeaseStub(channel).LeaseKeepAlive(asked, timeout=self._timeout)
            try:
                answer: pb.LeaseKeepAliveResponse = next(iter(call))
                return answer
            finally:
                call.cancel()

        return self._ask(once).TTL > 0

    def revoke(self, lease: int) -> None:
        """End a lease, and with it its keys. Raises EtcdError."""
        asked = pb.LeaseRevokeRequest(ID=lease)
        self._ask(lambda channel: LeaseStub(channel).LeaseRevoke(asked, timeout=self._timeout))

    def watch(self, prefix: str, after: int) -> Generator[Item, None, None]:
        """Every change of a key below a prefix since a revision, in order, until the iterator is closed.

        Goes on over endpoints that end or have lost the others, nothing left out. Raises Compacted, and
        EtcdError while none answers.
        """
        while True:
            call, ended = self._watching(prefix, after + 1)
            try:
                for answer in call:
                    if answer.compact_revision:
                        raise Compacted(
                            f"revision {after + 1} is compacted",
                            code=grpc.StatusCode.OUT_OF_RANGE,
                            away=False,
                        )
                    for event in answer.events:
                        after = max(after, event.kv.mod_revision)
                        gone = event.type == pb.Event.DELETE
                        yield Item(
                            key=event.kv.key.decode(),
                            value=None if gone else event.kv.value,
                            revision=event.kv.mod_revision,
                        )
            except grpc.RpcError as exc:
                self._leave(exc)
            finally:
                ended.set()
                call.cancel()

    def _watching(self, prefix: str, start: int) -> tuple[Any, threading.Event]:
        ended = threading.Event()

        def asked() -> Iterator[pb.WatchRequest]:
            yield pb.WatchRequest(
                create_request=pb.WatchCreateRequest(
                    key=prefix.encode(), range_end=_end(prefix), start_revision=start
                )
            )
            ended.wait()  # etcd ends a watch whose requests have ended

        def once(channel: grpc.Channel) -> Any:  # noqa: ANN401 - grpc's own kind of iterator
            call = WatchStub(channel).Watch(asked(), metadata=_WITH_LEADER)
            created = next(iter(call))
            if created.canceled and created.compact_revision:
                raise Compacted(
                    f"revision {start} is compacted", code=grpc.StatusCode.OUT_OF_RANGE, away=False
                )
            return call

        return self._ask(once), ended

    def _ask(self, call: Callable[[grpc.Channel], _Answer]) -> _Answer:
        last: grpc.RpcError | None = None
        for _ in self._channels:
            at = self._at
            try:
                return call(self._channels[at])
            except grpc.RpcError as exc:
                last = exc
                if _code(exc) not in _AWAY:
                    break
                self._move(at)
            except StopIteration as exc:
                raise EtcdError(
                    "etcd ended a call early", code=grpc.StatusCode.UNAVAILABLE, away=True
                ) from exc
        assert last is not None
        raise _error(last) from last

    def _leave(self, exc: grpc.RpcError) -> None:
        if _code(exc) not in _AWAY:
            raise _error(exc) from exc
        self._move(self._at)

    def _move(self, at: int) -> None:
        with self._moving:
            if self._at == at:  # else another thread has moved on
                self._at = (at + 1) % len(self._channels)


def _end(prefix: str) -> bytes:
    """The first key behind all that begin so (etcd:api, range_end)."""
    key = bytearray(prefix.encode())
    key[-1] += 1  # no prefix of ours ends in 0xff, which no UTF-8 has
    return bytes(key)


def _item(found: pb.KeyValue) -> Item:
    return Item(key=found.key.decode(), value=found.value, revision=found.mod_revision)


def _code(exc: grpc.RpcError) -> grpc.StatusCode:
    return cast("grpc.Call", exc).code()  # an RpcError of a call is a Call


def _error(exc: grpc.RpcError) -> EtcdError:
    code = _code(exc)
    details = cast("grpc.Call", exc).details() or code.name
    return EtcdError(f"etcd: {details}", code=code, away=code in _AWAY)
