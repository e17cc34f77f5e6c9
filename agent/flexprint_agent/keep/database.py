"""The agent's one SQLite file: opened, brought up to date, written in transactions, its errors said plainly.

WAL, so that `status` can look while a wake writes. synchronous=FULL, so that a committed read survives a power cut.
"""

import contextlib
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Self

from flexprint_agent.keep.errors import Busy, Damaged, KeepError, Newer, NoRoom, NotWritable
from flexprint_agent.keep.schema import STEPS

FILE: Final = "agent.db"
PATIENCE: Final = 10.0
"""Seconds to wait for another process's transaction."""

Row = sqlite3.Row

_UNTOUCHED: Final = "nothing was lost, and the next run goes on where this one stopped"
# Primary result codes of SQLite (the low octet of sqlite_errorcode): what happened, and what to do.
_MEANINGS: Final[Mapping[int, tuple[type[KeepError], str]]] = {
    sqlite3.SQLITE_FULL: (NoRoom, f"the disk that holds {{path}} is full; make room on it ({_UNTOUCHED})"),
    sqlite3.SQLITE_IOERR: (
        NotWritable,
        f"{{path}} cannot be read or written ({{error}}); check the disk and the room on it ({_UNTOUCHED})",
    ),
    sqlite3.SQLITE_READONLY: (
        NotWritable,
        "{path} cannot be written; check who owns it and whether the disk is read-only",
    ),
    sqlite3.SQLITE_CANTOPEN: (NotWritable, "{path} cannot be opened; check that the folder exists and who owns it"),
    sqlite3.SQLITE_PERM: (NotWritable, "{path} cannot be opened; check who owns it"),
    sqlite3.SQLITE_BUSY: (Busy, "{path} is held by another program; wait until it has finished, then try again"),
    sqlite3.SQLITE_LOCKED: (Busy, "{path} is held by another program; wait until it has finished, then try again"),
    sqlite3.SQLITE_CORRUPT: (Damaged, "{path} is damaged ({error}); move it away and enrol again, keep it for support"),
    sqlite3.SQLITE_NOTADB: (Damaged, "{path} is no database of the agent; move it away, or choose another --home"),
}


def _close_to_others(path: Path) -> None:
    """No other account reads what is known of the site, also where the folder is one that was there before. SQLite
    gives its other files the same mode. (On Windows they take after the folder.)"""
    # What stands in the way is told by SQLite, which meets it next.
    with contextlib.suppress(OSError):
        if path.exists():
            if os.name == "posix" and path.stat().st_mode & 0o077:
                path.chmod(0o600)
        else:
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))


class Database:
    """One connection. Statements outside `transaction` commit by themselves."""

    def __init__(self, path: Path) -> None:
        self.path = path
        _close_to_others(path)
        with self._plainly():
            self.connection = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)
        try:
            with self._plainly():
                self._set_up()
        except BaseException:
            self.connection.close()
            raise

    def _set_up(self) -> None:
        self.connection.row_factory = sqlite3.Row
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
            self.connection.execute(f"PRAGMA {pragma}")
        if self._version() > len(STEPS):
            raise Newer(
                f"{self.path} was written by a newer flexprint-agent; install that version again, or a newer one"
            )
        if self._version() < len(STEPS):
            self._migrate()

    def _migrate(self) -> None:
        with self.transaction():
            # Asked again inside: another process may have done it while this one waited.
            for version, step in enumerate(STEPS[self._version() :], start=self._version() + 1):
                for statement in step:
                    self.connection.execute(statement)
                self.connection.execute(f"PRAGMA user_version = {version}")

    def _version(self) -> int:
        (version,) = self.connection.execute("PRAGMA user_version").fetchone()
        return int(version)

    @contextmanager
    def _plainly(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            code = getattr(error, "sqlite_errorcode", None)
            if code is None or (code & 0xFF) not in _MEANINGS:
                raise
            kind, message = _MEANINGS[code & 0xFF]
            raise kind(message.format(path=self.path, error=error)) from error

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is written inside is on disk when this ends, or none of it is."""
        with self._plainly():
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.connection.execute("COMMIT")
            except BaseException:
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
                raise

    def write(self, statement: str, *values: Any) -> int:
        """Executes one statement; the number of rows it changed."""
        with self._plainly():
            return self.connection.execute(statement, values).rowcount

    def insert(self, statement: str, *values: Any) -> int:
        """Executes one INSERT; the number of the new row."""
        with self._plainly():
            return self.connection.execute(statement, values).lastrowid or 0

    def rows(self, query: str, *values: Any) -> list[Row]:
        with self._plainly():
            return self.connection.execute(query, values).fetchall()

    def row(self, query: str, *values: Any) -> Row | None:
        with self._plainly():
            found: Row | None = self.connection.execute(query, values).fetchone()
            return found

    def value(self, query: str, *values: Any) -> Any:
        """The first column of the first row; None where there is no row."""
        row = self.row(query, *values)
        return None if row is None else row[0]

    def close(self) -> None:
        with self._plainly():
            self.connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
