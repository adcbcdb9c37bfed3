"""The journal's file: what was committed is there again, and what is damaged is told, kept and left aside."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests import descriptors
from tests.torture import journals
from vmplumbd.errors import JournalFailed, Reason
from vmplumbd.journal import schema
from vmplumbd.journal.store import SqliteJournal
from vmplumbd.model.ids import Uid, VmId
from vmplumbd.model.lifecycle import Phase
from vmplumbd.model.outcome import Attachment, Plan
from vmplumbd.model.progress import Failure
from vmplumbd.model.record import Cordon, Record, Release


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state/journal.db"


@pytest.fixture
def journal(path: Path) -> Iterator[SqliteJournal]:
    made = SqliteJournal(str(path))
    yield made
    made.close()


def record(vm_id: str = "vm-1", revision: int = 1) -> Record:
    attachment = Attachment(index=0, network="n", conf_list=b"{}", if_name="eth0", result=b"\xff\x00")
    return Record(
        vm_id=VmId(vm_id),
        uid=Uid("u"),
        revision=revision,
        phase=Phase.READY,
        spec=b"\x00spec",
        spec_hash=b"hash",
        boot_id="boot",
        plan=Plan(netns_path="/n", netns_owned=True, attachments=(attachment,)),
        failure=Failure(reason=Reason.INTERNAL, message="x"),
        create_time=1.5,
        update_time=2.5,
        last_sequence=9,
        release_attempts=3,
        release_at=4.0,
    )


def release(**changes: object) -> Release:
    made = Release(
        release_id=0,
        vm_id=VmId("vm-1"),
        uid=Uid("u"),
        boot_id="boot",
        plan=record().plan,
        host_devices=(("veth0", 7),),
        created=1.0,
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # fields by name


def test_what_was_written_is_there_after_a_restart(path: Path) -> None:
    first = SqliteJournal(str(path))
    first.put(record("b", 2))
    first.put(record("a", 1))
    first.put(replace(record("b", 3), phase=Phase.FAILED))
    first.set_boot_id("boot-2")
    first.close()
    second = SqliteJournal(str(path))
    state = second.load()
    second.close()
    assert state.records == (record("a", 1), replace(record("b", 3), phase=Phase.FAILED))
    assert (state.revision, state.boot_id, state.releases, state.set_aside) == (3, "boot-2", (), "")


def test_a_release_takes_the_place_of_its_record(journal: SqliteJournal) -> None:
    journal.put(record())
    kept = journal.remove(VmId("vm-1"), 8, release())
    assert kept == release(release_id=kept.release_id if kept else 0)
    assert kept is not None
    journal.tried_release(kept.release_id, 2, "stuck")
    state = journal.load()
    assert state.records == ()
    assert state.releases == (replace(kept, attempts=2, last_error="stuck"),)
    assert state.revision == 8
    journal.released([kept.release_id])
    assert journal.load().releases == ()


def test_revisions_do_not_go_back_when_records_go(journal: SqliteJournal) -> None:
    journal.put(record(revision=5))
    journal.remove(VmId("vm-1"), 6)
    assert journal.load().revision == 6


def test_many_are_written_and_forgotten_in_one_transaction_each(journal: SqliteJournal) -> None:
    many = [record(vm_id, revision) for revision, vm_id in enumerate("abc", start=1)]
    journal.put_all(many)
    assert journal.load().records == tuple(many)
    with pytest.raises(JournalFailed):
        journal.put_all([record("d", 4), replace(record("e", 5), uid=None)])  # type: ignore[arg-type]  # refused
    journal.remove_all([VmId("a"), VmId("c")], 9)
    assert (journal.load().records, journal.load().revision) == ((many[1],), 9)


def test_it_says_when_rows_take_more_than_a_limit(journal: SqliteJournal) -> None:
    assert journal.exceeds(1 << 20) == 0
    big = [replace(record(f"vm-{number}", number + 1), spec=b"x" * 100_000) for number in range(30)]
    journal.put_all(big)
    assert journal.exceeds(1 << 20) > 3_000_000
    assert journal.exceeds(1 << 30) == 0
    journal.remove_all([one.vm_id for one in big], 100)
    # The file is as large as before, and its pages are free for others.
    assert journal.exceeds(1 << 20) == 0


def test_only_the_owner_may_read_it(journal: SqliteJournal, path: Path) -> None:
    journal.put(record())
    for one in path.parent.iterdir():
        assert stat.S_IMODE(one.stat().st_mode) & 0o077 == 0, one


def test_a_second_agent_is_refused_until_the_first_has_gone(path: Path) -> None:
    first = SqliteJournal(str(path))
    with pytest.raises(JournalFailed, match="held by another agent"):
        SqliteJournal(str(path))
    first.close()
    SqliteJournal(str(path)).close()


def test_a_journal_of_the_next_agent_is_worked_with_and_kept_as_it_is(path: Path) -> None:
    kept = record()
    journal = SqliteJournal(str(path))
    journal.put(kept)
    journal.close()
    journals.make_newer(path)
    older = SqliteJournal(str(path))
    assert older.load().records == (kept,)
    changed = replace(kept, revision=kept.revision + 1)
    older.put(changed)
    older.set_cordon(Cordon(since=1.0, reason="why", by="local"))
    older.close()
    assert journals.version_of(path) == schema.VERSION + 1
    with sqlite3.connect(path) as db:
        column = f"later{schema.VERSION + 1}"
        assert db.execute(f"SELECT {column} FROM networks").fetchall() == [("later",)]
    db.close()
    again = SqliteJournal(str(path))
    assert (again.load().records, again.load().cordon) == (
        (changed,),
        Cordon(since=1.0, reason="why", by="local"),
    )
    again.close()


def test_a_journal_two_versions_ahead_is_refused_and_left_alone(path: Path) -> None:
    SqliteJournal(str(path)).close()
    journals.make_newer(path, by=2)
    before = path.read_bytes()
    words = (
        f"has schema version {schema.VERSION + 2}, which agents from version {schema.VERSION + 1} on can use"
    )
    with pytest.raises(JournalFailed, match=words):
        SqliteJournal(str(path))
    assert path.read_bytes() == before


def test_a_journal_of_a_newer_agent_is_refused_and_left_alone(path: Path) -> None:
    SqliteJournal(str(path)).close()
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
        db.execute("UPDATE agent SET oldest_reader = ?", (schema.VERSION + 1,))
    db.close()
    with pytest.raises(JournalFailed, match="newer vmplumbd"):
        SqliteJournal(str(path))
    assert list(path.parent.glob("*.damaged*")) == []


@pytest.mark.parametrize("damage", [b"not a database at all " * 50, b"SQLite format 3\0" + b"\xee" * 4096])
def test_a_damaged_file_is_set_aside_and_a_new_one_begun(path: Path, damage: bytes) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(damage)
    made = SqliteJournal(str(path))
    state = made.load()
    made.close()
    assert state.records == ()
    assert Path(state.set_aside).read_bytes() == damage


def test_a_row_that_cannot_be_read_is_told_with_its_vm(path: Path) -> None:
    first = SqliteJournal(str(path))
    first.put(record())
    first.close()
    with sqlite3.connect(path) as db:
        db.execute("UPDATE networks SET plan = 'nonsense'")
    db.close()
    second = SqliteJournal(str(path))
    with pytest.raises(JournalFailed, match="row of vm-1"):
        second.load()
    second.close()


def test_a_directory_that_cannot_be_written_is_a_journal_fault(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(JournalFailed, match="cannot use journal"):
        SqliteJournal(str(tmp_path / "file/journal.db"))


def test_closing_gives_every_descriptor_back(path: Path) -> None:
    with descriptors.none_is_kept():
        for _ in range(3):
            SqliteJournal(str(path)).close()


def test_a_commit_that_is_refused_leaves_no_transaction_open(journal: SqliteJournal, path: Path) -> None:
    journal.put(record())
    # A deferred constraint is found at COMMIT alone, and SQLite keeps the transaction open then.
    journal._db.execute("PRAGMA foreign_keys = ON")
    journal._db.execute("CREATE TABLE parents (id INTEGER PRIMARY KEY)")
    journal._db.execute("CREATE TABLE children (id INTEGER REFERENCES parents DEFERRABLE INITIALLY DEFERRED)")
    journal._db.execute(
        "CREATE TRIGGER orphan AFTER DELETE ON networks BEGIN INSERT INTO children VALUES (1); END"
    )
    with pytest.raises(JournalFailed, match="FOREIGN KEY"):
        journal.remove(VmId("vm-1"), 2, release())
    assert [one.vm_id for one in journal.load().records] == ["vm-1"]
    journal._db.execute("DROP TRIGGER orphan")
    assert journal.remove(VmId("vm-1"), 3, release()) is not None
