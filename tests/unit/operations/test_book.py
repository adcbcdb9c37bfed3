"""What the agent knows of networks without a walk over all: what those that are gone still owe, what many share."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from vmplumbd.journal.store import SqliteJournal
from vmplumbd.model.ids import Uid, VmId
from vmplumbd.model.lifecycle import Phase
from vmplumbd.model.net import NetnsDir
from vmplumbd.model.outcome import Plan
from vmplumbd.model.record import Record, Release
from vmplumbd.operations.book import Book

RECORD = Record(
    vm_id=VmId("vm"),
    uid=Uid("u"),
    revision=0,
    phase=Phase.READY,
    spec=b"",
    spec_hash=b"",
    boot_id="b",
)


class Clock:
    """The host's clocks."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()


def gone(book: Book, name: str) -> Release:
    """The release of a network that is torn down."""
    record = book.write(replace(RECORD, uid=Uid(name)))
    owed = Release(
        release_id=0,
        vm_id=record.vm_id,
        uid=record.uid,
        boot_id="b",
        plan=record.plan,
        host_devices=(("veth0", 7),),
        created=0.0,
    )
    kept = book.remove(record, owed)
    assert kept is not None
    return kept


def test_a_number_that_comes_again_is_another_release(tmp_path: Path) -> None:
    journal = SqliteJournal(str(tmp_path / "journal.db"))
    book = Book(journal, Clock(), "b", journal.load())
    first = gone(book, "first")
    assert (book.owes(first), book.releases_of(VmId("vm"))) == (True, [first])
    book.released([first.release_id])
    assert (book.owes(first), book.releases_of(VmId("vm"))) == (False, [])
    second = gone(book, "second")
    assert second.release_id == first.release_id
    assert (book.owes(first), book.owes(second)) == (False, True)
    assert book.releases_of(VmId("vm")) == [second]
    journal.close()


def test_a_directory_of_many_namespaces_is_told_once_as_long_as_another_needs_it(tmp_path: Path) -> None:
    journal = SqliteJournal(str(tmp_path / "journal.db"))
    book = Book(journal, Clock(), "b", journal.load())
    shared = NetnsDir(path="/run/fleet/netns", made=("/run/fleet", "/run/fleet/netns"), mounted=True)
    own = replace(shared, path="/run/fleet/own", made=("/run/fleet/own",))
    made: list[Record] = []
    for number, directory in enumerate([shared, shared, own, None]):
        plan = Plan(netns_path=f"/run/fleet/{number}", netns_dir=directory)
        made.append(book.write(replace(RECORD, vm_id=VmId(f"vm-{number}"), plan=plan)))

    def told(book: Book) -> list[list[NetnsDir]]:
        return [book.other_netns_dirs(VmId(f"vm-{number}")) for number in range(4)]

    seen = [[shared, own], [shared, own], [shared], [shared, own]]
    assert told(book) == seen
    assert told(Book(journal, Clock(), "b", journal.load())) == seen
    book.write(replace(made[2], plan=replace(made[2].plan, netns_dir=None)))
    book.remove(made[0])
    assert told(book) == [[shared], [], [shared], [shared]]
    book.remove_all([made[1]])
    assert told(book) == [[], [], [], []]
