"""What the collector handed down when the agent checked in: settings, commands, what became of workbooks."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from flexprint_agent.keep.database import Database
from flexprint_agent.keep.notes import HANDED_VERSION, Notes
from flexprint_shared.times import to_milliseconds

REMEMBERED: Final = timedelta(days=60)
"""How long a command is remembered, so that it is not done twice: longer than a collector tells it."""

MOST_WORKBOOKS: Final = 200


@dataclass(slots=True, frozen=True)
class Command:
    """`state` is None while it is being done, else one of flexprint_shared.checkin.COMMAND_STATES; `said` is what there
    is to say of it."""

    id: int
    name: str
    state: str | None
    said: str


class Handed:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._notes = Notes(database)

    def settings(self) -> dict[str, str]:
        """What the dealer settled, by name; whether it holds, the site says."""
        return {row["name"]: row["value"] for row in self._database.rows("SELECT * FROM handed ORDER BY name")}

    def put_settings(self, values: Mapping[str, str], version: str) -> bool:
        """Keeps them in the place of those before; False when they are the same."""
        if values == self.settings():
            self._notes.put(HANDED_VERSION, version)
            return False
        with self._database.transaction():
            self._database.write("DELETE FROM handed")
            for name, value in values.items():
                self._database.write("INSERT INTO handed VALUES (?, ?)", name, value)
            self._notes.put(HANDED_VERSION, version)
        return True

    def take(self, commands: Iterable[tuple[int, str]], at: datetime) -> list[Command]:
        """Notes the commands (id, name) as taken, before any of them is begun; those that were not known before."""
        with self._database.transaction():
            self._database.write("DELETE FROM commands WHERE taken_at < ?", to_milliseconds(at - REMEMBERED))
            return [
                Command(number, name, None, "")
                for number, name in commands
                if self._database.write(
                    "INSERT OR IGNORE INTO commands (id, name, taken_at) VALUES (?, ?, ?)",
                    number,
                    name,
                    to_milliseconds(at),
                )
            ]

    def settle(self, number: int, state: str, said: str) -> None:
        self._database.write("UPDATE commands SET state = ?, said = ? WHERE id = ?", state, said, number)

    def interrupt(self) -> None:
        """What an earlier wake had begun and not ended is not done again: it may be what ended that wake."""
        self._database.write("UPDATE commands SET state = 'interrupted' WHERE state IS NULL")

    def untold(self) -> list[Command]:
        """What is done, and the collector does not know of yet."""
        rows = self._database.rows("SELECT * FROM commands WHERE state IS NOT NULL AND told = 0 ORDER BY id LIMIT 50")
        return [Command(row["id"], row["name"], row["state"], row["said"]) for row in rows]

    def told(self, commands: Iterable[Command]) -> None:
        with self._database.transaction():
            for command in commands:
                self._database.write("UPDATE commands SET told = 1 WHERE id = ?", command.id)

    def put_workbooks(self, workbooks: Iterable[tuple[int, Mapping[str, Any]]]) -> None:
        """What became of workbooks, each with the collector's number of it; the newest MOST_WORKBOOKS are kept."""
        with self._database.transaction():
            for number, document in workbooks:
                self._database.write(
                    "INSERT OR REPLACE INTO workbooks VALUES (?, ?)",
                    number,
                    json.dumps(document),
                )
            self._database.write(
                "DELETE FROM workbooks WHERE report NOT IN (SELECT report FROM workbooks ORDER BY report DESC LIMIT ?)",
                MOST_WORKBOOKS,
            )

    def workbooks(self) -> list[dict[str, Any]]:
        """What became of the workbooks that were asked for, the newest first, as the collector tells it: `report`,
        `requested_at`, `state` (due, building, built, sending, sent, failed), `error`, `file_name`, `devices`, and
        `recipients` with `address`, `state` (queued, accepted, deferred, refused, bounced), `at` and `answer`."""
        rows = self._database.rows("SELECT document FROM workbooks ORDER BY report DESC")
        return [dict(json.loads(row["document"])) for row in rows]
