"""Which address a VM gets: the requested one, or the next free one, round robin. Pure over a Book.

One address of each range set. The order is the reference's: from the address after the last one given,
through the set's ranges in turn, once around, past the gateways
(plugins:plugins/ipam/host-local/backend/allocator/allocator.go).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from vmplumbd.model import net
from vmplumbd.plugins.conf import PluginFault
from vmplumbd.plugins.host_local.config import Range, RangeSet

LINE_BREAK = "\r\n"


class Exhausted(PluginFault):
    """No address is left in a range set."""

    # What a runtime may tell its caller apart from other failures, since the protocol has no code for it.
    exhausted = True


class AlreadyAllocated(PluginFault):
    """The attachment holds an address already: a live VM, or one whose DEL never came."""

    hint = "does another runtime on this host have a network of the same vm_id?"


class NotAvailable(PluginFault):
    """The requested address is taken, or cannot be had from these ranges."""

    hint = "who owns the file of that name in the network's directory of reservations?"


class Book(Protocol):
    """Who holds which address. `content` names an owner as a reservation's file does."""

    def names_of(self, content: str) -> Sequence[str]:
        """What an owner holds."""

    def next_free(self, family: int, number: int) -> int:
        """The first address from `number` upward that nobody holds."""

    def count_taken(self, family: int, first: int, last: int) -> int:
        """How many addresses from `first` to `last` are held."""

    def last_reserved(self, range_set: int) -> net.Address | None:
        """The last address given out of a range set, None if none is known."""

    def reserve(self, address: net.Address, content: str, range_set: int) -> bool:
        """Take an address. False if it is taken after all."""

    def release(self, content: str) -> Sequence[str]:
        """Free all that an owner holds."""

    def look_again(self) -> None:
        """Make sure that what the book says is so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocation:
    """An address with its range's prefix length and gateway."""

    address: net.Interface
    gateway: net.Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Full:
    """A range set of which `taken` addresses of `size` are held, gateways not counted."""

    range_set: RangeSet
    taken: int
    size: int


def full(book: Book, range_sets: Sequence[RangeSet]) -> Full | None:
    """The first range set that has no address left; None if each has one."""
    return next((_full(book, one) for one in range_sets if not _has_room(book, one)), None)


def usage(book: Book | None, range_sets: Sequence[RangeSet]) -> tuple[Full, ...]:
    """How many addresses of each range set are held; none without a book."""
    return tuple(_full(book, one) for one in range_sets)


def _has_room(book: Book, range_set: RangeSet) -> bool:
    for each in range_set.ranges:
        number = book.next_free(each.family, each.first)
        if number == int(each.gateway):
            number = book.next_free(each.family, number + 1)
        if number <= each.last:
            return True
    return False


def _full(book: Book | None, range_set: RangeSet) -> Full:
    taken = size = 0
    for each in range_set.ranges:
        gateway = int(each.gateway)
        apart = each.first <= gateway <= each.last
        size += each.last - each.first + 1 - apart
        if book is None:
            continue
        taken += book.count_taken(each.family, each.first, each.last)
        taken -= apart and book.count_taken(each.family, gateway, gateway)
    return Full(range_set=range_set, taken=taken, size=size)


def owner(container_id: str, if_name: str) -> str:
    """How a reservation names its owner."""
    return f"{container_id.strip()}{LINE_BREAK}{if_name}"


def allocate(
    book: Book,
    range_sets: Sequence[RangeSet],
    requested: Sequence[net.Address],
    *,
    container_id: str,
    if_name: str,
) -> tuple[Allocation, ...]:
    """Take one address of each range set, or none at all.

    Raises Exhausted, AlreadyAllocated, NotAvailable with the reference's texts, and OSError.
    """
    wanted = list(dict.fromkeys(requested))
    content = owner(container_id, if_name)
    held_before = bool(book.names_of(content))
    allocations: list[Allocation] = []
    try:
        for index, range_set in enumerate(range_sets):
            asked = next((each for each in wanted if range_set.range_of(each)), None)
            if asked is not None:
                wanted.remove(asked)
            try:
                if asked is None:
                    allocations.append(_next(book, range_set, index, container_id, content))
                else:
                    allocations.append(_requested(book, range_set, index, asked, content))
            except PluginFault as exc:
                raise type(exc)(f"failed to allocate for range {index}: {exc.msg}") from exc
        if wanted:
            raise NotAvailable("failed to allocate all requested IPs: " + " ".join(map(str, wanted)))
    except BaseException:
        # What the attachment held before this call is a live VM's, as far as anyone can tell.
        if allocations and not held_before:
            with suppress(OSError):
                book.release(content)
        raise
    return tuple(allocations)


def release(book: Book, *, container_id: str, if_name: str) -> Sequence[str]:
    """Free what an attachment holds; without any, what the id alone holds, as early versions wrote it."""
    return book.release(owner(container_id, if_name)) or book.release(container_id.strip())


def _requested(book: Book, range_set: RangeSet, index: int, asked: net.Address, content: str) -> Allocation:
    found = range_set.range_of(asked)
    assert found is not None, "the caller has looked"
    if asked == found.gateway:
        raise NotAvailable(f"requested ip {asked} is subnet's gateway")
    if not book.reserve(asked, content, index):
        raise NotAvailable(f"requested IP address {asked} is not available in range set {range_set}")
    return _allocation(found, asked)


def _next(book: Book, range_set: RangeSet, index: int, container_id: str, content: str) -> Allocation:
    if _held(book, range_set, container_id, content):
        book.look_again()
        if held := _held(book, range_set, container_id, content):
            raise AlreadyAllocated(
                f"{held[0]} has been allocated to {container_id}, duplicate allocation is not allowed"
            )
    taken = _take(book, range_set, index, content)
    if taken is None:
        book.look_again()
        taken = _take(book, range_set, index, content)
    if taken is None:
        raise Exhausted(f"no IP addresses available in range set: {range_set}")
    return taken


def _held(book: Book, range_set: RangeSet, container_id: str, content: str) -> list[net.Address]:
    names = (*book.names_of(content), *book.names_of(container_id.strip()))
    return [each for name in names if (each := _parsed(name)) is not None and range_set.range_of(each)]


def _take(book: Book, range_set: RangeSet, index: int, content: str) -> Allocation | None:
    for found, first, last in _stretches(range_set, book.last_reserved(index)):
        number = first
        while (number := book.next_free(found.family, number)) <= last:
            address = found.address(number)
            if address == found.gateway:
                number += 1
            elif book.reserve(address, content, index):
                return _allocation(found, address)
    return None


def _stretches(range_set: RangeSet, last: net.Address | None) -> Iterator[tuple[Range, int, int]]:
    """Where to look, in order: (range, first, last), once around from the address after `last`."""
    ranges = range_set.ranges
    at = next((index for index, each in enumerate(ranges) if last is not None and each.holds(last)), None)
    if last is None or at is None:
        for each in ranges:
            yield each, each.first, each.last
        return
    yield ranges[at], int(last) + 1, ranges[at].last
    for each in (*ranges[at + 1 :], *ranges[:at]):
        yield each, each.first, each.last
    yield ranges[at], ranges[at].first, int(last)


def _allocation(found: Range, address: net.Address) -> Allocation:
    return Allocation(
        address=ipaddress.ip_interface((address, found.subnet.prefixlen)), gateway=found.gateway
    )


def _parsed(text: str) -> net.Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
