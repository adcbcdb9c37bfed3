"""What the agent knows of networks that are gone and still owe something."""

from __future__ import annotations

import time
from pathlib import Path

from vmplumbd.journal.store import SqliteJournal
from vmplumbd.model.ids import Uid, VmId
from vmplumbd.model.lifecycle import Phase
from vmplumbd.model.record import Record, Release
from vmplumbd.operations.book import Book


class Clock:
    """The host's clocks."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()


def gone(book: Book, name: str) -> Release:
    """The release of a network that is torn down."""
    record = book.write(
        Record(
            vm_id=VmId("vm"),
            uid=Uid(name),
            revision=0,
            phase=Phase.READY,
            spec=b"",
            spec_hash=b"",
            boot_id="b",
        )
    )
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
