"""Journals as agents of other versions leave them, made of one of this version's. Nobody may hold the file."""

from __future__ import annotations

import itertools
import sqlite3
from pathlib import Path

from vmplumbd.journal import schema

TABLES = ("agent", "networks", "releases", "members")


def make_older(path: Path, version: int) -> None:
    """The same rows in the schema of an older version, as far as it has room for them."""
    with sqlite3.connect(":memory:") as db:
        for statement in itertools.chain(*schema.MIGRATIONS[:version]):
            db.execute(statement)
        columns = {table: [row[1] for row in db.execute(f"PRAGMA table_info({table})")] for table in TABLES}
    db.close()
    with sqlite3.connect(path) as db:
        rows = {
            table: db.execute(f"SELECT {', '.join(names)} FROM {table}").fetchall()
            for table, names in columns.items()
            if names
        }
    db.close()
    for suffix in ("", "-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
    with sqlite3.connect(path) as db:
        for statement in itertools.chain(*schema.MIGRATIONS[:version]):
            db.execute(statement)
        db.execute("DELETE FROM agent")
        for table, found in rows.items():
            marks = ",".join("?" * len(columns[table]))
            db.executemany(f"INSERT INTO {table} ({', '.join(columns[table])}) VALUES ({marks})", found)
        db.execute(f"PRAGMA user_version = {version}")
    db.close()


def make_newer(path: Path, *, by: int = 1) -> None:
    """As an agent that is newer by so many versions leaves it, each of which lets its predecessor read on."""
    with sqlite3.connect(path) as db:
        (version,) = db.execute("PRAGMA user_version").fetchone()
        for number in range(version + 1, schema.VERSION + by + 1):
            db.execute(f"ALTER TABLE networks ADD COLUMN later{number} TEXT NOT NULL DEFAULT 'later'")
            db.execute(f"CREATE TABLE later{number} (one INTEGER PRIMARY KEY) STRICT")
            db.execute("UPDATE agent SET oldest_reader = ?", (number - 1,))
            db.execute(f"PRAGMA user_version = {number}")
    db.close()


def version_of(path: Path) -> int:
    """The file's schema version."""
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
        (version,) = db.execute("PRAGMA user_version").fetchone()
    db.close()
    return int(version)
