"""Raw netlink: attributes, one send for many messages, the answers and the kernel's refusals.

The kernel works off a send before the call returns, so every answer but a dump's later parts is
queued by then. Reading therefore never blocks: an empty queue means that answers were lost.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import struct
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple, TypeAlias

from vmplumbd.kernel import syscalls

NETLINK_ROUTE, NETLINK_NETFILTER = 0, 12

RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK, RTM_SETLINK = 16, 17, 18, 19
RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR = 20, 21, 22
RTM_NEWROUTE, RTM_DELROUTE, RTM_GETROUTE = 24, 25, 26
RTM_NEWQDISC, RTM_DELQDISC, RTM_GETQDISC = 36, 37, 38
RTM_NEWTCLASS, RTM_GETTCLASS = 40, 42
RTM_NEWTFILTER, RTM_GETTFILTER = 44, 46

NLM_F_REQUEST = 0x1
NLM_F_ACK = 0x4
NLM_F_ECHO = 0x8
NLM_F_DUMP_INTR = 0x10
NLM_F_ACK_TLVS = 0x200
NLM_F_DUMP = 0x300
NLM_F_EXCL = 0x200
NLM_F_CREATE = 0x400
NLM_F_APPEND = 0x800
CREATE_NEW = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL

RTMGRP_LINK = 1

_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_NLMSGERR_ATTR_MSG = 1
_SOL_NETLINK = 270
_NETLINK_CAP_ACK, _NETLINK_EXT_ACK, _NETLINK_GET_STRICT_CHK = 10, 11, 12
_SO_RCVBUFFORCE = 33
_NLA_TYPE_MASK = 0x3FFF
_RECEIVE = 1 << 16
_DUMP_ATTEMPTS = 5

_HEADER = struct.Struct("=IHHII")
_ATTR = struct.Struct("=HH")
_U32_ATTR = struct.Struct("=HHI")
_FOUR_ATTR = struct.Struct("=HH4s")
_BPF = struct.Struct("=HBBI")
_ERROR = struct.Struct("=i")
_PADDING = (b"", b"\0\0\0", b"\0\0", b"\0")


class Message(NamedTuple):
    """One request before it has a sequence number: type, flags, and what comes after the header."""

    kind: int
    flags: int
    body: bytes


class Answer(NamedTuple):
    """One message the kernel sent: which request it answers (its place in the batch), type, body."""

    place: int
    kind: int
    body: memoryview


class Refusal(NamedTuple):
    """A request the kernel refused, and its own words on it, where it has any."""

    place: int
    errno: int
    note: str


class Refused(OSError):
    """The first refusal of a batch. The requests after it were tried too."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.errno, refusal.note)
        self.refusal = refusal


Attributes: TypeAlias = dict[int, memoryview]


def attribute(kind: int, value: bytes) -> bytes:
    """One attribute, padded to four bytes."""
    size = len(value)
    return _ATTR.pack(size + 4, kind) + value + _PADDING[size & 3]


def text(kind: int, value: str) -> bytes:
    """A string attribute, which ends with a zero byte."""
    return attribute(kind, value.encode() + b"\0")


def address(kind: int, packed: bytes) -> bytes:
    """An IPv4 or IPv6 address attribute."""
    return _FOUR_ATTR.pack(8, kind, packed) if len(packed) == 4 else attribute(kind, packed)


def u32(kind: int, value: int) -> bytes:
    """A 32-bit attribute in the machine's byte order."""
    return _U32_ATTR.pack(8, kind, value)


def attributes(body: memoryview, offset: int) -> Iterator[tuple[int, memoryview]]:
    """The attributes from `offset` on, in order, without the nested and byte-order marks."""
    end = len(body)
    while offset + 4 <= end:
        size, kind = _ATTR.unpack_from(body, offset)
        if size < 4:
            return
        yield kind & _NLA_TYPE_MASK, body[offset + 4 : offset + size]
        offset += (size + 3) & ~3


def attribute_map(body: memoryview, offset: int, wanted: Collection[int] | None = None) -> Attributes:
    """The attributes from `offset` on, all or the wanted, by type; a repeated one counts as its last.

    A link's answer has some fifty attributes, most of them large, of which a few are read.
    """
    if wanted is None:
        return dict(attributes(body, offset))
    found: Attributes = {}
    unpack, end = _ATTR.unpack_from, len(body)
    while offset + 4 <= end:
        size, kind = unpack(body, offset)
        if size < 4:
            break
        if kind & _NLA_TYPE_MASK in wanted:
            found[kind & _NLA_TYPE_MASK] = body[offset + 4 : offset + size]
        offset += (size + 3) & ~3
    return found


class Channel:
    """A netlink socket. It stays in the namespace in which it was opened, whoever uses it.

    One thread at a time: answers are told apart by sequence numbers, not by threads.
    """

    __slots__ = ("_sequence", "_socket")

    def __init__(self, groups: int = 0, protocol: int = NETLINK_ROUTE) -> None:
        self._sequence = 1
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
        try:
            for option in (_NETLINK_CAP_ACK, _NETLINK_EXT_ACK, _NETLINK_GET_STRICT_CHK):
                self._socket.setsockopt(_SOL_NETLINK, option, 1)
            if groups:
                self._socket.bind((0, groups))
        except OSError:
            self._socket.close()
            raise

    def fileno(self) -> int:
        """For poll, and for ioctls that ask about the socket's namespace."""
        return self._socket.fileno()

    def close(self) -> None:
        """Give the socket back, and with it this hold on the namespace."""
        self._socket.close()

    def enlarge(self, size: int) -> None:
        """Ask for a receive buffer of `size` bytes, beyond the system's limit where allowed."""
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, size)
        except PermissionError:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)

    def hear_only(self, kind: int) -> None:
        """Let the kernel drop every notice of another type, so that they wake nobody."""
        seen = int.from_bytes(struct.pack("=H", kind), "big")  # BPF loads in network order
        program = b"".join(
            _BPF.pack(*instruction)
            for instruction in (
                (0x28, 0, 0, 4),  # load the half word at 4: the message type
                (0x15, 0, 1, seen),  # the one: go on, else skip one
                (0x06, 0, 0, 0xFFFFFFFF),  # take all of it
                (0x06, 0, 0, 0),  # take nothing
            )
        )
        syscalls.attach_filter(self._socket.fileno(), program)

    def batch(self, messages: Sequence[Message]) -> list[Answer]:
        """Send all in one go. Raises Refused for the first the kernel did not do, when all were tried.

        Raises OSError ENOBUFS when answers were lost: what was done is then unknown.
        """
        answers, refusals = self.exchange(messages)
        if refusals:
            raise Refused(min(refusals))
        return answers

    def exchange(self, messages: Sequence[Message]) -> tuple[list[Answer], list[Refusal]]:
        """As `batch`, with every refusal as a value."""
        if not messages:
            return [], []
        first = self._sequence
        last = first + len(messages) - 1
        self._sequence = last + 1
        pack = _HEADER.pack
        parts: list[bytes] = []
        sequence = first
        for kind, flags, body in messages:
            # The kernel reports a refusal unasked; only the end of the batch needs an acknowledgement.
            parts.append(
                pack(16 + len(body), kind, flags | NLM_F_ACK if sequence == last else flags, sequence, 0)
            )
            parts.append(body)
            sequence += 1
        self._socket.send(b"".join(parts))
        answers: list[Answer] = []
        refusals: list[Refusal] = []
        while True:
            for answered, kind, flags, answer in self._receive():
                if not first <= answered <= last:
                    continue
                if kind == _NLMSG_ERROR:
                    (code,) = _ERROR.unpack_from(answer)
                    if code:
                        refusals.append(Refusal(answered - first, -code, _note(flags, answer)))
                    if answered == last:
                        return answers, refusals
                else:
                    answers.append(Answer(answered - first, kind, answer))

    def transact(
        self, begin: Message, messages: Sequence[Message], end: Message | None
    ) -> tuple[list[Answer], list[Refusal]]:
        """Send all in one go, of which the kernel does all or nothing; without `end` it does nothing.

        Answers and refusals by their place in `messages`; one of the whole has place -1 and comes alone.
        The kernel sends them when it has decided, the acknowledgement of the last message after them.
        """
        first = self._sequence
        last = first + len(messages)
        parts: list[bytes] = []
        for kind, flags, body in (begin, *messages, *(() if end is None else (end,))):
            wanted = flags | NLM_F_ACK if self._sequence == last else flags
            parts.append(_HEADER.pack(16 + len(body), kind, wanted, self._sequence, 0) + body)
            self._sequence += 1
        self._socket.send(b"".join(parts))
        answers: list[Answer] = []
        refusals: list[Refusal] = []
        while True:
            for answered, kind, flags, answer in self._receive():
                place = answered - first - 1
                if not first <= answered <= last:
                    continue
                if kind != _NLMSG_ERROR:
                    answers.append(Answer(place, kind, answer))
                    continue
                (code,) = _ERROR.unpack_from(answer)
                if code:
                    refusals.append(Refusal(place, -code, _note(flags, answer)))
                if place == len(messages) - 1 or (code and place < 0):
                    return answers, refusals

    def dump(self, message: Message) -> list[memoryview]:
        """The bodies of all objects a request matches, of one moment: an interrupted dump is asked again.

        Raises OSError EBUSY if it was interrupted every time.
        """
        for _ in range(_DUMP_ATTEMPTS):
            sequence = self._sequence
            self._sequence += 1
            header = _HEADER.pack(
                16 + len(message.body), message.kind, NLM_F_REQUEST | NLM_F_DUMP, sequence, 0
            )
            self._socket.send(header + message.body)
            bodies, whole = self._read_dump(sequence)
            if whole:
                return bodies
        raise OSError(errno.EBUSY, "the dump was interrupted each time")

    def notices(self) -> list[tuple[int, memoryview]]:
        """What the groups have sent since: type and body. Raises OSError ENOBUFS when some were lost."""
        return [(kind, body) for _, kind, _, body in self._receive(lost=errno.EAGAIN)]

    def _read_dump(self, sequence: int) -> tuple[list[memoryview], bool]:
        bodies: list[memoryview] = []
        whole = True
        while True:
            for seen, kind, flags, body in self._receive():
                if seen != sequence:
                    continue
                if flags & NLM_F_DUMP_INTR:
                    whole = False
                if kind == _NLMSG_DONE:
                    return bodies, whole
                if kind == _NLMSG_ERROR:
                    (code,) = _ERROR.unpack_from(body)
                    raise Refused(Refusal(0, -code, _note(flags, body)))
                bodies.append(body)

    def _receive(self, lost: int = errno.ENOBUFS) -> list[tuple[int, int, int, memoryview]]:
        try:
            data = memoryview(self._socket.recv(_RECEIVE, socket.MSG_DONTWAIT))
        except BlockingIOError:
            raise OSError(lost, "an answer of the kernel was lost") from None
        except OSError as exc:
            if exc.errno == errno.ENOBUFS:
                self._drain()
            raise
        messages = []
        offset, end = 0, len(data)
        while offset + 16 <= end:
            size, kind, flags, sequence, _ = _HEADER.unpack_from(data, offset)
            if size < (20 if kind == _NLMSG_ERROR else 16) or offset + size > end:
                # A length that leads nowhere would be read for ever; a cut message would be read wrong.
                raise OSError(errno.EBADMSG, "an answer of the kernel is cut or has a wrong length")
            messages.append((sequence, kind, flags, data[offset + 16 : offset + size]))
            offset += (size + 3) & ~3
        return messages

    def _drain(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._socket.recv(_RECEIVE, socket.MSG_DONTWAIT):
                pass


def _note(flags: int, body: memoryview) -> str:
    """The kernel's own words: after the error number and the header of the refused message."""
    if not flags & NLM_F_ACK_TLVS:
        return ""
    words = attribute_map(body, 4 + 16).get(_NLMSGERR_ATTR_MSG)
    return bytes(words).rstrip(b"\0").decode(errors="replace") if words is not None else ""
