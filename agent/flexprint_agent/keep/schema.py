"""The tables, as steps: step n takes a database from user_version n - 1 to n. A step that has shipped never changes.

Instants are milliseconds since 1970. Nothing here needs an SQLite newer than 3.24.
"""

from typing import Final

FIRST: Final = (
    """CREATE TABLE notes (          -- single facts: when something was last done
        name TEXT PRIMARY KEY,
        value BLOB NOT NULL)""",
    """CREATE TABLE settings (       -- value of a plain setting, sealed value of a secret
        name TEXT PRIMARY KEY,
        value TEXT,
        secret BLOB)""",
    """CREATE TABLE targets (        -- as typed
        text TEXT NOT NULL,
        excluded INTEGER NOT NULL,
        PRIMARY KEY (text, excluded))""",
    """CREATE TABLE recipients (
        address TEXT PRIMARY KEY COLLATE NOCASE)""",
    """CREATE TABLE enrolment (      -- one row; sequence and hash are those of the newest batch of this agent
        id INTEGER PRIMARY KEY CHECK (id = 1),
        server TEXT NOT NULL,
        insecure_loopback INTEGER NOT NULL,
        agent TEXT NOT NULL,
        dealer TEXT NOT NULL,
        customer TEXT NOT NULL,
        site TEXT NOT NULL,
        identity_key BLOB NOT NULL,
        sealing_key BLOB NOT NULL,
        signing_key BLOB NOT NULL,
        enrolled_at INTEGER NOT NULL,
        sequence INTEGER NOT NULL,
        hash BLOB NOT NULL)""",
    """CREATE TABLE devices (        -- address NULL: another device answers where this one was
        id INTEGER PRIMARY KEY,
        address TEXT,
        port INTEGER NOT NULL,
        identity TEXT NOT NULL,
        meters TEXT NOT NULL,
        knowledge TEXT NOT NULL,
        first_seen_at INTEGER NOT NULL,
        last_read_at INTEGER,
        silent_since INTEGER)""",
    "CREATE UNIQUE INDEX devices_place ON devices (address, port) WHERE address IS NOT NULL",
    """CREATE TABLE device_keys (
        key TEXT PRIMARY KEY,
        device INTEGER NOT NULL REFERENCES devices (id) ON DELETE CASCADE)""",
    "CREATE INDEX device_keys_device ON device_keys (device)",
    """CREATE TABLE batches (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        agent TEXT NOT NULL,
        sequence INTEGER NOT NULL,
        previous BLOB NOT NULL,
        hash BLOB NOT NULL UNIQUE,
        sealed BLOB,             -- NULL once acknowledged: the collector keeps it
        document BLOB,           -- packed, in clear; NULL once it is history
        octets INTEGER NOT NULL,
        reads INTEGER NOT NULL,
        report_at INTEGER,
        state TEXT NOT NULL CHECK (state IN ('waiting', 'acknowledged', 'refused')),
        attempts INTEGER NOT NULL DEFAULT 0,
        last_error TEXT,
        made_at INTEGER NOT NULL,
        tried_at INTEGER,
        settled_at INTEGER)""",
    "CREATE INDEX batches_waiting ON batches (number) WHERE state = 'waiting'",
    """CREATE TABLE reads (          -- body NULL once the read stands in the document of its batch
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        device INTEGER NOT NULL,
        read_at INTEGER NOT NULL,
        body BLOB,
        batch INTEGER REFERENCES batches (number))""",
    "CREATE INDEX reads_pending ON reads (id) WHERE batch IS NULL",
    "CREATE INDEX reads_batch ON reads (batch) WHERE batch IS NOT NULL",
    """CREATE TABLE wakes (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        started_at INTEGER NOT NULL,
        ended_at INTEGER,
        result TEXT)""",
    """CREATE TABLE excluded_addresses (   -- what an excluded name last stood for, should nobody know it any more
        text TEXT NOT NULL,
        address TEXT NOT NULL,
        PRIMARY KEY (text, address))""",
)

GRANTS: Final = (
    # The finder that found the printer where no target covers it, and whose being switched on allows to ask it.
    "ALTER TABLE devices ADD COLUMN granted_by TEXT",
)

SEGMENTS: Final = (
    """CREATE TABLE segments (       -- router: who named it, '' for this computer; which are searched, targets say
        cidr TEXT PRIMARY KEY,
        source TEXT NOT NULL CHECK (source IN ('local', 'gateway', 'hop')),
        router TEXT NOT NULL,
        first_seen_at INTEGER NOT NULL,
        last_seen_at INTEGER NOT NULL,
        gone INTEGER NOT NULL)""",
)

CREDENTIALS: Final = (
    """CREATE TABLE credentials (    -- how the devices in a scope are asked; scope '' is every device
        number INTEGER PRIMARY KEY AUTOINCREMENT,   -- never given twice: devices remember the one that worked
        scope TEXT NOT NULL,
        secret BLOB NOT NULL)""",
    """CREATE TABLE refusals (       -- the last time that a device refused a credential, and the name of the fault
        address TEXT NOT NULL,
        port INTEGER NOT NULL,
        credential INTEGER NOT NULL REFERENCES credentials (number) ON DELETE CASCADE,
        fault TEXT NOT NULL,
        refused_at INTEGER NOT NULL,
        PRIMARY KEY (address, port, credential))""",
)

RESTS: Final = (
    """CREATE TABLE rests (          -- devices that are left alone for a while, as reading them did them no good
        device INTEGER PRIMARY KEY REFERENCES devices (id) ON DELETE CASCADE,
        reason TEXT NOT NULL,
        times INTEGER NOT NULL,
        since INTEGER NOT NULL,
        until INTEGER NOT NULL)""",
)

FOLLOWED: Final = (
    # The target with a name under which the printer was last found or read.
    "ALTER TABLE devices ADD COLUMN known_as TEXT",
    # Where it was before another device answered there, and when it was last looked for in the neighbourhood.
    "ALTER TABLE devices ADD COLUMN was_at TEXT",
    "ALTER TABLE devices ADD COLUMN sought_at INTEGER",
)

LABELS: Final = (
    """CREATE TABLE labels (         -- what a person typed of a printer; it travels beside what the printer says
        device INTEGER PRIMARY KEY REFERENCES devices (id) ON DELETE CASCADE,
        name TEXT,
        asset TEXT,
        location TEXT)""",
)

CHECK_IN: Final = (
    """CREATE TABLE handed (         -- what the dealer settled; whether it holds, the site's own settings say
        name TEXT PRIMARY KEY,
        value TEXT NOT NULL)""",
    """CREATE TABLE commands (       -- kept while the collector may tell them again; state NULL: being done
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL,
        taken_at INTEGER NOT NULL,
        state TEXT,
        said TEXT NOT NULL DEFAULT '',
        told INTEGER NOT NULL DEFAULT 0)""",
    """CREATE TABLE workbooks (      -- what became of each that was asked for, as the collector says, in JSON
        report INTEGER PRIMARY KEY,
        document TEXT NOT NULL)""",
)

ORDER: Final = (
    # Which credential of a scope is tried first; the same place in the order in which they were added.
    "ALTER TABLE credentials ADD COLUMN place INTEGER NOT NULL DEFAULT 0",
)

STANDING: Final = (
    # Supplies and status of the last read, as the page shows them, in JSON.
    "ALTER TABLE devices ADD COLUMN standing TEXT",
)

CARRIED: Final = (
    # When the batch was last written into a file, and whether a file brought its acknowledgement.
    "ALTER TABLE batches ADD COLUMN exported_at INTEGER",
    "ALTER TABLE batches ADD COLUMN carried INTEGER NOT NULL DEFAULT 0",
)

PENDING: Final = (
    # A read that stands in the document of a batch has no row of its own any more: emptied rows kept their pages.
    "DELETE FROM reads WHERE batch IS NOT NULL",
    "DROP INDEX reads_batch",
    "DROP INDEX reads_pending",
)

STEPS: Final = (
    FIRST,
    GRANTS,
    SEGMENTS,
    CREDENTIALS,
    RESTS,
    FOLLOWED,
    LABELS,
    CHECK_IN,
    ORDER,
    STANDING,
    CARRIED,
    PENDING,
)
