"""The order of addresses: the reference's own table, on a book in memory."""

from __future__ import annotations

import json
from collections.abc import Sequence
from ipaddress import ip_address

import pytest

from vmplumbd.model import net
from vmplumbd.plugins.conf import PluginFault
from vmplumbd.plugins.host_local import allocator, config
from vmplumbd.plugins.host_local.allocator import AlreadyAllocated, Exhausted, NotAvailable


class MemoryBook:
    """Reservations as a dictionary. `unseen` are there, but only reserve() finds out."""

    def __init__(self, held: dict[str, str], last: str = "", unseen: Sequence[str] = ()) -> None:
        self.held = dict(held)
        self.last = {0: ip_address(last)} if last else {}
        self.unseen = set(unseen)

    def names_of(self, content: str) -> Sequence[str]:
        return [name for name, owner in self.held.items() if owner == content]

    def next_free(self, family: int, number: int) -> int:
        taken = {int(ip_address(name)) for name in self.held if ip_address(name).version == family}
        while number in taken:
            number += 1
        return number

    def count_taken(self, family: int, first: int, last: int) -> int:
        numbers = [int(each) for each in map(ip_address, self.held) if each.version == family]
        return sum(first <= number <= last for number in numbers)

    def last_reserved(self, range_set: int) -> net.Address | None:
        return self.last.get(range_set)

    def reserve(self, address: net.Address, content: str, range_set: int) -> bool:
        if str(address) in self.unseen or str(address) in self.held:
            self.held.setdefault(str(address), "someone")
            return False
        self.held[str(address)] = content
        self.last[range_set] = address
        return True

    def release(self, content: str) -> Sequence[str]:
        names = self.names_of(content)
        for name in names:
            del self.held[name]
        return names

    def look_again(self) -> None:
        pass


def sets(*subnets: Sequence[str]) -> tuple[config.RangeSet, ...]:
    ranges = [[{"subnet": subnet} for subnet in each] for each in subnets]
    body = {"cniVersion": "1.0.0", "name": "n", "ipam": {"type": "host-local", "ranges": ranges}}
    return config.parse(json.dumps(body).encode(), "").range_sets


def take(book: MemoryBook, range_sets: tuple[config.RangeSet, ...], *requested: str) -> list[str]:
    asked = [ip_address(each) for each in requested]
    made = allocator.allocate(book, range_sets, asked, container_id="vm", if_name="eth0")
    return [f"{each.address} gw {each.gateway}" for each in made]


@pytest.mark.parametrize(
    ("subnets", "held", "last", "wanted"),
    [
        (["10.0.0.0/29"], [], "", "10.0.0.2/29 gw 10.0.0.1"),
        (["2001:db8:1::0/64"], [], "", "2001:db8:1::2/64 gw 2001:db8:1::1"),
        (["10.0.0.0/30"], [], "", "10.0.0.2/30 gw 10.0.0.1"),
        (["10.0.0.0/29"], ["10.0.0.2"], "", "10.0.0.3/29 gw 10.0.0.1"),
        (["10.0.0.0/29"], [], "10.0.0.5", "10.0.0.6/29 gw 10.0.0.1"),
        (["10.0.0.0/29"], ["10.0.0.4", "10.0.0.5"], "10.0.0.3", "10.0.0.6/29 gw 10.0.0.1"),
        (["10.0.0.0/29"], ["10.0.0.6"], "10.0.0.5", "10.0.0.2/29 gw 10.0.0.1"),
        (["10.0.0.0/29"], ["10.0.0.2"], "10.0.0.128", "10.0.0.3/29 gw 10.0.0.1"),
        (
            ["10.0.0.0/29"],
            ["10.0.0.2", "10.0.0.4", "10.0.0.5", "10.0.0.6"],
            "10.0.0.3",
            "10.0.0.3/29 gw 10.0.0.1",
        ),
        (["10.0.0.0/30", "10.0.1.0/30"], [], "", "10.0.0.2/30 gw 10.0.0.1"),
        (["10.0.0.0/30", "10.0.1.0/30"], [], "10.0.0.2", "10.0.1.2/30 gw 10.0.1.1"),
        (["10.0.0.0/30", "10.0.1.0/30", "10.0.2.0/30"], [], "10.0.2.2", "10.0.0.2/30 gw 10.0.0.1"),
    ],
)
def test_addresses_are_given_round_robin(subnets: list[str], held: list[str], last: str, wanted: str) -> None:
    assert take(MemoryBook(dict.fromkeys(held, "id"), last), sets(subnets)) == [wanted]


@pytest.mark.parametrize(
    ("subnets", "held", "wanted"),
    [
        ([["10.0.0.0/30"]], [], None),
        ([["10.0.0.0/30"]], ["10.0.0.2"], (1, 1)),
        ([["10.0.0.0/30"]], ["10.0.0.1", "10.0.0.2"], (1, 1)),
        ([["10.0.0.0/30", "10.0.1.0/30"]], ["10.0.0.2"], None),
        ([["10.0.0.0/30", "10.0.1.0/30"]], ["10.0.0.2", "10.0.1.2"], (2, 2)),
        ([["10.0.0.0/29"], ["10.0.1.0/30"]], ["10.0.1.2"], (1, 1)),
        ([["2001:db8::/64"]], ["2001:db8::2"], None),
    ],
)
def test_a_set_without_a_free_address_is_full(
    subnets: list[list[str]], held: list[str], wanted: tuple[int, int] | None
) -> None:
    found = allocator.full(MemoryBook(dict.fromkeys(held, "id")), sets(*subnets))
    assert (None if found is None else (found.taken, found.size)) == wanted


def test_an_address_that_someone_just_took_is_passed_over() -> None:
    book = MemoryBook({}, unseen=["10.0.0.2", "10.0.0.3"])
    assert take(book, sets(["10.0.0.0/29"])) == ["10.0.0.4/29 gw 10.0.0.1"]


def test_a_requested_address_is_given_with_its_range_s_mask() -> None:
    book = MemoryBook({}, last="10.0.0.5")
    assert take(book, sets(["10.0.0.0/29"], ["10.0.1.0/29"]), "10.0.1.4") == [
        "10.0.0.6/29 gw 10.0.0.1",
        "10.0.1.4/29 gw 10.0.1.1",
    ]


@pytest.mark.parametrize(
    ("held", "requested", "fault", "text"),
    [
        (
            ["10.0.0.2"],
            [],
            Exhausted,
            "failed to allocate for range 0: no IP addresses available in range set: 10.0.0.1-10.0.0.2",
        ),
        (
            [],
            ["10.0.0.1"],
            NotAvailable,
            "failed to allocate for range 0: requested ip 10.0.0.1 is subnet's gateway",
        ),
        (
            ["10.0.0.2"],
            ["10.0.0.2"],
            NotAvailable,
            (
                "failed to allocate for range 0: "
                "requested IP address 10.0.0.2 is not available in range set 10.0.0.1-10.0.0.2"
            ),
        ),
        ([], ["10.9.0.1"], NotAvailable, "failed to allocate all requested IPs: 10.9.0.1"),
    ],
)
def test_what_cannot_be_had_is_refused(
    held: list[str], requested: list[str], fault: type[PluginFault], text: str
) -> None:
    book = MemoryBook(dict.fromkeys(held, "id"))
    before = dict(book.held)
    with pytest.raises(fault) as caught:
        take(book, sets(["10.0.0.0/30"]), *requested)
    assert caught.value.msg == text
    assert book.held == before


@pytest.mark.parametrize("content", ["vm\r\neth0", "vm"])
def test_a_second_address_for_one_attachment_is_refused(content: str) -> None:
    book = MemoryBook({"10.0.0.4": content})
    with pytest.raises(AlreadyAllocated) as caught:
        take(book, sets(["10.0.0.0/29"]))
    assert caught.value.msg == (
        "failed to allocate for range 0: "
        "10.0.0.4 has been allocated to vm, duplicate allocation is not allowed"
    )
    assert book.held == {"10.0.0.4": content}


def test_a_failure_in_a_later_set_frees_the_earlier_ones() -> None:
    book = MemoryBook({"10.0.1.2": "id"})
    with pytest.raises(Exhausted, match="range 1"):
        take(book, sets(["10.0.0.0/30"], ["10.0.1.0/30"]))
    assert book.held == {"10.0.1.2": "id"}


def test_a_failure_never_frees_what_a_live_vm_holds() -> None:
    book = MemoryBook({"10.0.1.4": "vm\r\neth0"})
    with pytest.raises(AlreadyAllocated):
        take(book, sets(["10.0.0.0/29"], ["10.0.1.0/29"]), "10.0.0.3")
    assert book.held["10.0.1.4"] == "vm\r\neth0"
