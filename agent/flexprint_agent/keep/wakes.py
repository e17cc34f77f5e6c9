"""The diary of wakes."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from flexprint_agent.keep.database import Database
from flexprint_shared.times import from_milliseconds, to_milliseconds

KEPT: Final = timedelta(days=400)


class Wakes:
    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, at: datetime) -> int:
        """Notes that a wake began; its number. One that was killed stays without an end."""
        self._database.write("DELETE FROM wakes WHERE started_at < ?", to_milliseconds(at - KEPT))
        return self._database.insert("INSERT INTO wakes (started_at) VALUES (?)", to_milliseconds(at))

    def end(self, number: int, at: datetime, result: Mapping[str, Any]) -> None:
        self._database.write(
            "UPDATE wakes SET ended_at = ?, result = ? WHERE id = ?", to_milliseconds(at), json.dumps(result), number
        )

    def latest(self, count: int) -> list[tuple[datetime, str]]:
        """The newest wakes first: when each began, and what it told at its end, as JSON."""
        rows = self._database.rows("SELECT started_at, result FROM wakes ORDER BY id DESC LIMIT ?", count)
        return [(from_milliseconds(row["started_at"]), row["result"] or "it did not come to its end") for row in rows]

    def last_was_cut(self) -> bool:
        """Whether the newest wake did not come to its end: it was killed, or is under way."""
        return bool(self._database.value("SELECT ended_at IS NULL FROM wakes ORDER BY id DESC LIMIT 1"))

    def last_at(self) -> datetime | None:
        """When the newest wake began."""
        value = self._database.value("SELECT max(started_at) FROM wakes")
        return None if value is None else from_milliseconds(value)
