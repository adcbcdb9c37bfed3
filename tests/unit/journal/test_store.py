"""The journal's file: what was committed is there again, and what is damaged is told, kept and left aside."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
import time
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
from vmplumbd.model.record import Cordon, Member, Record, Release


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


DAMAGED_ROWS = {
    "a plan that is none": "UPDATE networks SET plan = 'nonsense' WHERE vm_id = 'vm-1'",
    "a text that is none": "UPDATE networks SET owner = CAST(x'6cff63' AS TEXT) WHERE vm_id = 'vm-1'",
    "an id that is none": "UPDATE networks SET vm_id = CAST(x'766dff' AS TEXT) WHERE vm_id = 'vm-1'",
    "a phase that is none": "UPDATE networks SET phase = 99 WHERE vm_id = 'vm-1'",
}


@pytest.mark.parametrize("damage", DAMAGED_ROWS.values(), ids=DAMAGED_ROWS)
def test_a_row_that_cannot_be_read_is_told_and_kept_aside_and_the_others_stay(
    path: Path, damage: str
) -> None:
    first = SqliteJournal(str(path))
    for vm_id, revision in (("vm-0", 1), ("vm-1", 9), ("vm-2", 1)):
        first.put(record(vm_id, revision))
    left = first.remove(VmId("vm-0"), 7, release())
    first.close()
    with sqlite3.connect(path) as db:
        db.execute(damage)
    db.close()
    second = SqliteJournal(str(path))
    state = second.load()
    second.close()
    assert (state.records, state.releases) == ((record("vm-2"),), (left,))
    (told,) = state.unreadable
    assert told.startswith("networks vm")
    assert stat.S_IMODE(Path(state.set_aside).stat().st_mode) == 0o600
    with sqlite3.connect(state.set_aside) as db:
        assert db.execute("SELECT count(*) FROM networks").fetchone() == (2,)
    db.close()
    third = SqliteJournal(str(path))
    state = third.load()
    # The revision of what is left out is not given again.
    assert (state.set_aside, state.unreadable, state.revision) == ("", (), 9)
    third.close()


@pytest.mark.parametrize("table", ["releases", "members"])
def test_what_is_owed_and_cannot_be_read_is_told_too(path: Path, table: str) -> None:
    first = SqliteJournal(str(path))
    first.put(record())
    first.remove(VmId("vm-1"), 7, release())
    first.put_member(Member(member_id=0, network="n", conf_list=b"{}", boot_id="boot", path="/n"))
    first.close()
    with sqlite3.connect(path) as db:
        db.execute(f"UPDATE {table} SET boot_id = CAST(x'ff' AS TEXT)")
    db.close()
    second = SqliteJournal(str(path))
    state = second.load()
    second.close()
    assert state.unreadable == (f"{table} 1",)
    assert (len(state.releases), len(state.members)) == ((0, 1) if table == "releases" else (1, 0))


DAMAGED_SCHEMAS = {
    "says what is no text": "UPDATE sqlite_master SET sql = CAST(sql || x'ff' AS TEXT) WHERE name = 'networks'",
    "lacks a column": "UPDATE sqlite_master SET sql = replace(sql, 'owner', 'ownes') WHERE name = 'networks'",
    "lacks the agent's": "UPDATE sqlite_master SET sql = replace(sql, 'cordon', 'cordoX') WHERE name = 'agent'",
    "has a boot that is no text": "UPDATE agent SET boot_id = CAST(x'ff' AS TEXT)",
    "has a cordon that is none": "UPDATE agent SET cordon = 'nonsense'",
}


@pytest.mark.parametrize("damage", DAMAGED_SCHEMAS.values(), ids=DAMAGED_SCHEMAS)
def test_a_journal_whose_tables_are_damaged_is_set_aside(path: Path, damage: str) -> None:
    first = SqliteJournal(str(path))
    first.put(record())
    first.close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA writable_schema = ON")
        db.execute(damage)
    db.close()
    damaged = path.read_bytes()
    second = SqliteJournal(str(path))
    state = second.load()
    second.close()
    assert state.records == ()
    assert Path(state.set_aside).read_bytes() == damaged


def test_what_was_set_aside_before_is_not_overwritten(path: Path) -> None:
    path.parent.mkdir(parents=True)
    now = int(time.time())
    before = [Path(f"{path}.damaged-{second}") for second in range(now, now + 20)]
    for one in before:
        one.write_bytes(b"of another time")
    path.write_bytes(b"not a database at all " * 50)
    made = SqliteJournal(str(path))
    kept = Path(made.load().set_aside)
    made.close()
    assert kept not in before
    assert kept.read_bytes() == b"not a database at all " * 50
    assert {one.read_bytes() for one in before} == {b"of another time"}


# Opens the journal at argv[1], and dies before act number argv[2] on its files.
DIES = """
import os, sys
from vmplumbd.journal.store import SqliteJournal
left = int(sys.argv[2])
def dying(act):
    def called(*given):
        global left
        if left == 0:
            os._exit(0)
        left -= 1
        act(*given)
    return called
for name in ("link", "unlink", "rename"):
    setattr(os, name, dying(getattr(os, name)))
SqliteJournal(sys.argv[1])
os._exit(1)
"""


def test_of_a_damaged_journal_nothing_is_lost_whenever_its_agent_is_killed(path: Path) -> None:
    first = SqliteJournal(str(path))
    first.close()
    first = SqliteJournal(str(path))
    first.put(record())
    # As a SIGKILL leaves them, and then the disk.
    main, ahead = path.read_bytes(), Path(f"{path}-wal").read_bytes()
    first.close()
    main = b"#" * 100 + main[100:]
    acts = 0
    died = True
    while died:
        for one in path.parent.iterdir():
            one.unlink()
        path.write_bytes(main)
        Path(f"{path}-wal").write_bytes(ahead)
        done = subprocess.run([sys.executable, "-c", DIES, path, str(acts)], check=False)
        died = done.returncode == 0
        second = SqliteJournal(str(path))
        assert second.load().records == ()
        second.close()
        there = {one.read_bytes() for one in path.parent.iterdir() if ".damaged-" in one.name}
        assert {main, ahead} <= there, acts
        acts += 1
    assert acts > 4


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
