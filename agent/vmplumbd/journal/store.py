"""The journal: SQLite, write-ahead log, one writer.

`synchronous=NORMAL`: a committed row survives SIGKILL of the agent (the page cache is the kernel's);
a power loss may lose the newest rows, and with them goes all kernel state they told of, which the
boot id tells apart. One transaction costs about 0.03 ms, no fsync, so there is nothing to group.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from vmplumbd.errors import JournalFailed, hint_of
from vmplumbd.journal import codec, schema
from vmplumbd.model.ids import Uid, VmId
from vmplumbd.model.lifecycle import Phase
from vmplumbd.model.record import Cordon, JournalState, Member, Record, Release

_NETWORKS = (
    "vm_id, uid, revision, phase, spec, spec_hash, boot_id, plan, failure, create_time, update_time, "
    "last_sequence, release_attempts, release_at, owner"
)
_PUT = f"INSERT OR REPLACE INTO networks ({_NETWORKS}) VALUES ({','.join('?' * 15)})"
_MEMBERS = (
    "member_id, network, conf_list, boot_id, path, ready, netns_device, netns_inode, host_name, host_index, "
    "host_mac, if_name, tap"
)
_RELEASES = "release_id, vm_id, uid, boot_id, plan, host_devices, created, attempts, last_error, owner"
# The newest of the agent's: that of the rows, and of those that have gone.
_REVISION = "max(revision, (SELECT ifnull(max(revision), 0) FROM networks))"
T = TypeVar("T")

_HINTS = {
    "SQLITE_FULL": "is the disk full?",
    "SQLITE_READONLY": "is the disk read-only?",
    "SQLITE_IOERR": "does the disk work, has it room, and has its file system become read-only?",
    "SQLITE_CANTOPEN": "may the agent write in that directory, and is its limit of open files high enough?",
}


class SqliteJournal:
    """A journal in one file. Safe to call from any thread; every write is one transaction.

    Raises JournalFailed from every method when the file cannot be read or written.
    """

    def __init__(self, path: str) -> None:
        """Open or make the journal. Raises JournalFailed if another agent holds it or it is newer."""
        self._path = Path(path)
        self._mutex = threading.Lock()
        with _telling(path):
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock_fd = _take(self._path.with_name(self._path.name + ".lock"))
            try:
                self._db, self._kept = _open_readable(self._path)
            except BaseException:
                os.close(self._lock_fd)
                raise

    def close(self) -> None:
        """Close the file and let go of it. The journal stays as it is."""
        with self._mutex:
            self._db.close()
            os.close(self._lock_fd)

    def load(self) -> JournalState:
        """All there is. A row that cannot be read is left out and told, with a copy of the journal beside it."""
        with self._mutex, _telling(self._path):
            boot_id, revision, first, cordon = self._db.execute(
                f"SELECT boot_id, {_REVISION}, first_boot_id, cordon FROM agent"
            ).fetchone()
            bad: list[_BadRow] = []
            records: list[Record] = _read(self._db, "networks", "vm_id", _NETWORKS, _record, bad)
            releases: list[Release] = _read(self._db, "releases", "release_id", _RELEASES, _release, bad)
            members: list[Member] = _read(self._db, "members", "member_id", _MEMBERS, _member, bad)
            if bad:
                self._kept = _leave_out(self._db, self._path, bad)
        return JournalState(
            records=tuple(records),
            releases=tuple(releases),
            revision=revision,
            boot_id=boot_id,
            first_boot_id=first,
            set_aside=self._kept,
            unreadable=tuple(row.name for row in bad),
            members=tuple(members),
            cordon=Cordon(**json.loads(cordon)) if cordon else None,
        )

    def put(self, record: Record) -> None:
        """Write a record whole, new or in the place of the old one."""
        with self._mutex, _telling(self._path):
            self._db.execute(_PUT, _row(record))

    def put_all(self, records: Sequence[Record]) -> None:
        """The same for many, all or none."""
        with self._mutex, _telling(self._path), self._transaction():
            self._db.executemany(_PUT, map(_row, records))

    def remove_all(self, vm_ids: Sequence[VmId], revision: int) -> None:
        """Forget records, all or none."""
        with self._mutex, _telling(self._path), self._transaction():
            self._db.executemany("DELETE FROM networks WHERE vm_id = ?", [(vm_id,) for vm_id in vm_ids])
            self._db.execute("UPDATE agent SET revision = max(revision, ?)", (revision,))

    def claim(self, record: Record, member_id: int) -> None:
        """Write a record, and forget the pool's member that it takes, in one transaction."""
        with self._mutex, _telling(self._path), self._transaction():
            self._db.execute(_PUT, _row(record))
            self._db.execute("DELETE FROM members WHERE member_id = ?", (member_id,))

    def put_member(self, member: Member) -> Member:
        """Write a member whole; answers it with its id, which a new one (0) gets."""
        values = (
            member.member_id or None,
            member.network,
            member.conf_list,
            member.boot_id,
            member.path,
            int(member.ready),
            member.netns_device,
            member.netns_inode,
            *member.host_device,
            member.host_mac,
            member.if_name,
            member.tap,
        )
        marks = ",".join("?" * len(values))
        with self._mutex, _telling(self._path):
            done = self._db.execute(f"INSERT OR REPLACE INTO members ({_MEMBERS}) VALUES ({marks})", values)
            return replace(member, member_id=int(done.lastrowid or 0))

    def remove_member(self, member_id: int) -> None:
        """Forget a member."""
        with self._mutex, _telling(self._path):
            self._db.execute("DELETE FROM members WHERE member_id = ?", (member_id,))

    def remove(self, vm_id: VmId, revision: int, release: Release | None = None) -> Release | None:
        """Forget a record; `release`, if given, takes its place in the same transaction.

        Answers the release with the id it got.
        """
        with self._mutex, _telling(self._path), self._transaction():
            self._db.execute("DELETE FROM networks WHERE vm_id = ?", (vm_id,))
            self._db.execute("UPDATE agent SET revision = max(revision, ?)", (revision,))
            if release is None:
                return None
            cursor = self._db.execute(
                f"INSERT INTO releases ({_RELEASES}) VALUES (NULL,?,?,?,?,?,?,?,?,?)",
                (
                    release.vm_id,
                    release.uid,
                    release.boot_id,
                    codec.plan_to_json(release.plan),
                    json.dumps(release.host_devices),
                    release.created,
                    release.attempts,
                    release.last_error,
                    release.owner,
                ),
            )
            assert cursor.lastrowid is not None, "a row was inserted"
            return replace(release, release_id=cursor.lastrowid)

    def tried_release(self, release_id: int, attempts: int, last_error: str) -> None:
        """Note a try that failed."""
        with self._mutex, _telling(self._path):
            self._db.execute(
                "UPDATE releases SET attempts = ?, last_error = ? WHERE release_id = ?",
                (attempts, last_error, release_id),
            )

    def released(self, release_ids: list[int]) -> None:
        """Forget releases that are done."""
        with self._mutex, _telling(self._path), self._transaction():
            self._db.executemany(
                "DELETE FROM releases WHERE release_id = ?", [(release_id,) for release_id in release_ids]
            )

    def exceeds(self, limit: int) -> int:
        """Bytes that rows take, if they are more than the limit; else 0.

        The file does not shrink: pages of rows that are gone are free for others.
        """
        with self._mutex, _telling(self._path):
            if self._path.stat().st_size + self._written_ahead() <= limit:
                return 0
            (pages,), (free,), (size,) = (
                self._db.execute(f"PRAGMA {name}").fetchone()
                for name in ("page_count", "freelist_count", "page_size")
            )
            used = int((pages - free) * size)
            return used if used > limit else 0

    def _written_ahead(self) -> int:
        try:
            return os.stat(f"{self._path}-wal").st_size  # noqa: PTH116 - once a set-up
        except FileNotFoundError:
            return 0

    def set_cordon(self, cordon: Cordon | None) -> None:
        """Note whether new networks may begin."""
        text = "" if cordon is None else json.dumps(asdict(cordon))
        with self._mutex, _telling(self._path):
            self._db.execute("UPDATE agent SET cordon = ?", (text,))

    def set_boot_id(self, boot_id: str) -> None:
        """Note the boot this agent runs under."""
        with self._mutex, _telling(self._path):
            self._db.execute(
                "UPDATE agent SET boot_id = ?, first_boot_id = iif(first_boot_id = '', ?, first_boot_id)",
                (boot_id, boot_id),
            )

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            # SQLite has rolled back by itself after some errors; an open transaction would refuse the next.
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise


@contextlib.contextmanager
def _telling(path: Path | str) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as exc:
        raise JournalFailed(f"cannot use journal {path}: {exc}", hint=_hint(exc)) from exc


def _hint(exc: Exception) -> str | None:
    name = getattr(exc, "sqlite_errorname", "")  # the extended one: SQLITE_IOERR_WRITE
    return next((hint for known, hint in _HINTS.items() if name.startswith(known)), hint_of(exc))


def _is_damage(exc: Exception) -> bool:
    name = getattr(exc, "sqlite_errorname", "")
    # SQLite quotes a damaged schema in what it says, which then may be no text.
    return isinstance(exc, UnicodeDecodeError) or name == "SQLITE_NOTADB" or name.startswith("SQLITE_CORRUPT")


def _take(path: Path) -> int:
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        raise JournalFailed(
            f"journal {path} is held by another agent", hint="is a second vmplumbd running with this journal?"
        ) from None
    except BaseException:
        os.close(fd)
        raise
    return fd


def _open_readable(path: Path) -> tuple[sqlite3.Connection, str]:
    """Open or make the journal; answers where a damaged one was set aside, "" if none was. Raises JournalFailed."""
    db = _connect(path)
    kept = ""
    with contextlib.ExitStack() as failing:
        failing.callback(db.close)
        try:
            _prepare(db, path)
        except (sqlite3.DatabaseError, UnicodeDecodeError) as exc:
            if not _is_damage(exc):
                raise
            # Before it is closed: SQLite would write what lies ahead into the damaged file, unless that has moved.
            kept = _set_aside(path)
            failing.close()
            db = _connect(path)
            failing.callback(db.close)
            _prepare(db, path)
        failing.pop_all()
    return db, kept


@dataclass(frozen=True, slots=True, kw_only=True)
class _BadRow:
    """A row, by the bytes of its key: even these may be no text."""

    table: str
    key: str
    value: bytes

    @property
    def name(self) -> str:
        return f"{self.table} {self.value.decode(errors='replace')}"


def _read(
    db: sqlite3.Connection,
    table: str,
    key: str,
    columns: str,
    read: Callable[[Sequence[Any]], T],
    bad: list[_BadRow],
) -> list[T]:
    """The rows of a table. Its pages are sound, but what a row holds may be not: it goes to the `bad` ones."""
    found: list[T] = []
    for value, *row in db.execute(f"SELECT CAST({key} AS BLOB), {columns} FROM {table} ORDER BY {key}"):
        try:
            found.append(read(row))
        except (ValueError, KeyError, TypeError):
            bad.append(_BadRow(table=table, key=key, value=value))
    return found


def _leave_out(db: sqlite3.Connection, path: Path, bad: Sequence[_BadRow]) -> str:
    """Forget rows that cannot be read; answers where a copy of the whole journal is. Raises JournalFailed."""
    if db.execute("PRAGMA user_version").fetchone()[0] > schema.VERSION:
        raise JournalFailed(
            f"journal {path} is of a newer vmplumbd, and this one cannot read {bad[0].name}",
            hint="does that version start?",
        )
    kept = _free_name(path)
    os.close(os.open(kept, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    with contextlib.closing(sqlite3.connect(kept)) as copy:
        db.backup(copy)
    db.execute("BEGIN IMMEDIATE")
    # That of a row that goes is not given again.
    db.execute(f"UPDATE agent SET revision = {_REVISION}")
    for row in bad:
        db.execute(f"DELETE FROM {row.table} WHERE CAST({row.key} AS BLOB) = ?", (row.value,))
    db.execute("COMMIT")
    return kept


def _connect(path: Path) -> sqlite3.Connection:
    # The journal holds capability args and conflists, which may carry secrets.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5)
    # What is no text is told by the row that has it.
    db.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
    return db


def _prepare(db: sqlite3.Connection, path: Path) -> None:
    """Bring the tables to this version. Raises DatabaseError, JournalFailed; what is damaged stays as it is."""
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = NORMAL")
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version > schema.VERSION:
        _refuse_newer(db, path, version)
    (verdict,) = db.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise _corrupt(verdict)
    for reached, statements in enumerate(schema.MIGRATIONS[version:], start=version + 1):
        db.execute("BEGIN IMMEDIATE")
        for statement in statements:
            db.execute(statement)
        db.execute(f"PRAGMA user_version = {reached}")
        db.execute("COMMIT")
    _check_agent(db)


def _refuse_newer(db: sqlite3.Connection, path: Path, version: int) -> None:
    """Raises JournalFailed unless a file of a later version says that this agent can work with it."""
    try:
        (oldest,) = db.execute("SELECT oldest_reader FROM agent").fetchone()
    except sqlite3.OperationalError:
        oldest = version
    if schema.SAYS_WHO_READS <= oldest <= schema.VERSION:
        return
    raise JournalFailed(
        f"journal {path} has schema version {version}, which agents from version {oldest} on can use; this one "
        f"knows up to {schema.VERSION}",
        hint="was it written by a newer vmplumbd? go back one version at a time, or install that one again",
    )


def _check_agent(db: sqlite3.Connection) -> None:
    """Raises DatabaseError if the one row about the agent, or a table, is not what the version says."""
    try:
        row = db.execute("SELECT boot_id, revision, first_boot_id, cordon FROM agent").fetchone()
        for table, columns in (("networks", _NETWORKS), ("releases", _RELEASES), ("members", _MEMBERS)):
            db.execute(f"SELECT {columns} FROM {table} LIMIT 0")
        boot_id, _, first, cordon = row
        f"{boot_id}{first}{cordon}".encode()
        if cordon:
            Cordon(**json.loads(cordon))
    except sqlite3.OperationalError as exc:
        if getattr(exc, "sqlite_errorname", "") != "SQLITE_ERROR":
            raise
        raise _corrupt(f"{exc}") from exc
    except (ValueError, TypeError) as exc:
        raise _corrupt(f"the row of the agent cannot be read: {exc}") from exc


def _corrupt(why: str) -> sqlite3.DatabaseError:
    damage = sqlite3.DatabaseError(why)
    damage.sqlite_errorname = "SQLITE_CORRUPT"
    return damage


def _free_name(path: Path) -> str:
    """Where a damaged journal is kept: nothing that was kept before is overwritten."""
    first = f"{path}.damaged-{int(time.time())}"
    names = itertools.chain([first], (f"{first}-{number}" for number in itertools.count(1)))
    return next(name for name in names if not os.path.lexists(name))


def _set_aside(path: Path) -> str:
    """Keep a damaged journal under another name. Whoever is killed half-way has lost nothing of it."""
    kept = _free_name(path)
    # The journal itself first: without it, SQLite takes what was written ahead for refuse, and with it for the newest.
    suffixes = ("", "-wal", "-shm")
    for act in (_link, _unlink):
        for suffix in suffixes:
            with contextlib.suppress(FileNotFoundError):
                act(f"{path}{suffix}", f"{kept}{suffix}")
    return kept


def _link(path: str, kept: str) -> None:
    os.link(path, kept)


def _unlink(path: str, kept: str) -> None:
    del kept
    os.unlink(path)  # noqa: PTH108  as above


def _row(record: Record) -> tuple[object, ...]:
    """A record in the order of _NETWORKS."""
    return (
        record.vm_id,
        record.uid,
        record.revision,
        record.phase.value,
        record.spec,
        record.spec_hash,
        record.boot_id,
        codec.plan_to_json(record.plan),
        codec.failure_to_json(record.failure),
        record.create_time,
        record.update_time,
        record.last_sequence,
        record.release_attempts,
        record.release_at,
        record.owner,
    )


def _check_texts(row: Sequence[object]) -> None:
    """Raises ValueError unless every text of a row is one."""
    for value in row:
        if isinstance(value, str):
            value.encode()


def _record(row: Sequence[Any]) -> Record:
    _check_texts(row)
    return Record(
        vm_id=VmId(row[0]),
        uid=Uid(row[1]),
        revision=row[2],
        phase=Phase(row[3]),
        spec=row[4],
        spec_hash=row[5],
        boot_id=row[6],
        plan=codec.plan_from_json(row[7]),
        failure=codec.failure_from_json(row[8]),
        create_time=row[9],
        update_time=row[10],
        last_sequence=row[11],
        release_attempts=row[12],
        release_at=row[13],
        owner=row[14],
    )


def _member(row: Sequence[Any]) -> Member:
    _check_texts(row)
    return Member(
        member_id=row[0],
        network=row[1],
        conf_list=row[2],
        boot_id=row[3],
        path=row[4],
        ready=bool(row[5]),
        netns_device=row[6],
        netns_inode=row[7],
        host_device=(row[8], row[9]),
        host_mac=row[10],
        if_name=row[11],
        tap=row[12],
    )


def _release(row: Sequence[Any]) -> Release:
    _check_texts(row)
    return Release(
        release_id=row[0],
        vm_id=VmId(row[1]),
        uid=Uid(row[2]),
        boot_id=row[3],
        plan=codec.plan_from_json(row[4]),
        host_devices=tuple((name, index) for name, index in json.loads(row[5])),
        created=row[6],
        attempts=row[7],
        last_error=row[8],
        owner=row[9],
    )
