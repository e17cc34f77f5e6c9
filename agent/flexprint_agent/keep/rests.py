"""Devices that are left alone for a while, as reading them did them no good."""

from dataclasses import dataclass
from datetime import datetime

from flexprint_agent.keep.database import Database, Row
from flexprint_shared.times import from_milliseconds, to_milliseconds


@dataclass(slots=True, frozen=True)
class Rest:
    """`reason` is what happened last, at `since`, in words; `times` how often something did, less the reads that went
    well since. It is asked again after `until`, and gently for as long as this is kept."""

    reason: str
    times: int
    since: datetime
    until: datetime

    def lasts(self, at: datetime) -> bool:
        """Whether the device is to be left alone at this instant. A clock that was set back does not prolong it."""
        return self.since <= at < self.until


class Rests:
    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> dict[int, Rest]:
        """By the number of the device."""
        return {row["device"]: _rest(row) for row in self._database.rows("SELECT * FROM rests")}

    def put(self, device: int, rest: Rest | None) -> None:
        """None: nothing is held against it any more."""
        if rest is None:
            self._database.write("DELETE FROM rests WHERE device = ?", device)
            return
        self._database.write(
            "INSERT INTO rests VALUES (?, ?, ?, ?, ?) ON CONFLICT (device) DO UPDATE SET "
            "reason = excluded.reason, times = excluded.times, since = excluded.since, until = excluded.until",
            device,
            rest.reason,
            rest.times,
            to_milliseconds(rest.since),
            to_milliseconds(rest.until),
        )


def _rest(row: Row) -> Rest:
    return Rest(row["reason"], row["times"], from_milliseconds(row["since"]), from_milliseconds(row["until"]))
