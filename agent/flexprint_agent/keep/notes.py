"""Single facts that the agent remembers: when something was last done."""

from datetime import datetime
from typing import Final

from flexprint_agent.keep.database import Database
from flexprint_shared.times import from_milliseconds, to_milliseconds

LAST_SEARCH: Final = "last_search_at"
LAST_ROUND: Final = "last_round_at"
"""When a wake last asked every known printer."""

CHECK_INS: Final = "check_ins"
"""The counter of the newest check-in."""

TOLD_UNTIL: Final = "told_until"
"""The collector's time up to which it has told what became of workbooks."""

CLOCK_OFFSET: Final = "clock_offset_s"
"""How many seconds the collector's clock was ahead of this computer's at the last check-in."""

LAST_TOLD: Final = "last_told"
"""The document of the last check-in."""

LAST_LOG: Final = "last_log"
"""The log that left last, and when, in JSON."""

LAST_CHECK_IN: Final = "last_check_in_at"
HANDED_VERSION: Final = "handed_version"
NEXT_WAKE: Final = "next_wake_at"
TARGETS_CHANGED: Final = "targets_changed_at"
REPORT_PERIOD: Final = "report_period"
MASK_KEY: Final = "mask_key"


class Notes:
    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, name: str) -> str | None:
        value = self._database.value("SELECT value FROM notes WHERE name = ?", name)
        return None if value is None else str(value)

    def put(self, name: str, value: str) -> None:
        self._database.write(
            "INSERT INTO notes VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", name, value
        )

    def forget(self, name: str) -> None:
        self._database.write("DELETE FROM notes WHERE name = ?", name)

    def instant(self, name: str) -> datetime | None:
        value = self.get(name)
        return None if value is None else from_milliseconds(int(value))

    def put_instant(self, name: str, at: datetime) -> None:
        self.put(name, str(to_milliseconds(at)))
