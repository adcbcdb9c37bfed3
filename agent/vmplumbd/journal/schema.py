"""The journal's tables, by schema version. `PRAGMA user_version` says which a file has."""

from __future__ import annotations

# One entry a version: the statements that lead to it from the version before.
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """
        CREATE TABLE agent (
            one INTEGER PRIMARY KEY CHECK (one = 1),
            boot_id TEXT NOT NULL,
            revision INTEGER NOT NULL
        ) STRICT
        """,
        "INSERT INTO agent VALUES (1, '', 0)",
        """
        CREATE TABLE networks (
            vm_id TEXT PRIMARY KEY,
            uid TEXT NOT NULL,
            revision INTEGER NOT NULL,
            phase INTEGER NOT NULL,
            spec BLOB NOT NULL,
            spec_hash BLOB NOT NULL,
            boot_id TEXT NOT NULL,
            plan TEXT NOT NULL,
            failure TEXT,
            create_time REAL NOT NULL,
            update_time REAL NOT NULL,
            last_sequence INTEGER NOT NULL,
            release_attempts INTEGER NOT NULL,
            release_at REAL NOT NULL
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE releases (
            release_id INTEGER PRIMARY KEY,
            vm_id TEXT NOT NULL,
            uid TEXT NOT NULL,
            boot_id TEXT NOT NULL,
            plan TEXT NOT NULL,
            host_devices TEXT NOT NULL,
            created REAL NOT NULL,
            attempts INTEGER NOT NULL,
            last_error TEXT NOT NULL
        ) STRICT
        """,
    ),
    (
        """
        CREATE TABLE members (
            member_id INTEGER PRIMARY KEY,
            network TEXT NOT NULL,
            conf_list BLOB NOT NULL,
            boot_id TEXT NOT NULL,
            path TEXT NOT NULL,
            ready INTEGER NOT NULL,
            netns_device INTEGER NOT NULL,
            netns_inode INTEGER NOT NULL,
            host_name TEXT NOT NULL,
            host_index INTEGER NOT NULL,
            host_mac TEXT NOT NULL,
            if_name TEXT NOT NULL,
            tap TEXT NOT NULL
        ) STRICT
        """,
        # The boot in which the journal began, "" before it is known.
        "ALTER TABLE agent ADD COLUMN first_boot_id TEXT NOT NULL DEFAULT ''",
    ),
    (
        # Who made a network. Before there were identities, callers of the agent's own socket did.
        "ALTER TABLE networks ADD COLUMN owner TEXT NOT NULL DEFAULT 'local'",
        "ALTER TABLE releases ADD COLUMN owner TEXT NOT NULL DEFAULT 'local'",
    ),
    (
        # Whether new networks may begin: "" if so, else why not, as JSON.
        "ALTER TABLE agent ADD COLUMN cordon TEXT NOT NULL DEFAULT ''",
        # The oldest version whose agents can work with this file. An agent that is put back by one version looks
        # here, so a later migration sets it to its own predecessor if what it adds may be passed over (columns
        # with defaults, tables), and to itself if not.
        "ALTER TABLE agent ADD COLUMN oldest_reader INTEGER NOT NULL DEFAULT 4",
    ),
)

VERSION = len(MIGRATIONS)
# The first version that says who else can work with it.
SAYS_WHO_READS = 4
