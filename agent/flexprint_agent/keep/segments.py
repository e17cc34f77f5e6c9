"""The segments that this computer and routers named. Which of them are searched is said by the targets."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from flexprint_agent.keep.database import Database, Row
from flexprint_shared.times import from_milliseconds, to_milliseconds

Source = Literal["local", "gateway", "hop"]

THIS_COMPUTER: Final = ""
"""Stands for the router where this computer is in the segment itself."""


@dataclass(slots=True, frozen=True)
class Segment:
    """`router` is the address of the one that named it, or THIS_COMPUTER. `gone`: that one names it no more."""

    cidr: str
    source: Source
    router: str
    first_seen_at: datetime
    last_seen_at: datetime
    gone: bool


class Segments:
    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[Segment]:
        return [_segment(row) for row in self._database.rows("SELECT * FROM segments ORDER BY rowid")]

    def learn(
        self,
        named: Iterable[tuple[str, Source, str]],
        whole: Collection[str],
        selected: Collection[str],
        at: datetime,
    ) -> None:
        """Keeps the segments `named` now (CIDR, source, router). Of those that a router in `whole` (it told all that it
        knows) named before and names no more, the `selected` ones are kept as gone and the others forgotten."""
        now = to_milliseconds(at)
        with self._database.transaction():
            for cidr, source, router in named:
                self._database.write(
                    "INSERT INTO segments VALUES (?, ?, ?, ?, ?, 0) ON CONFLICT (cidr) DO UPDATE SET"
                    " source = excluded.source, router = excluded.router, last_seen_at = excluded.last_seen_at,"
                    " gone = 0",
                    *(cidr, source, router, now, now),
                )
            for segment in self.all():
                if segment.router not in whole or to_milliseconds(segment.last_seen_at) == now:
                    continue
                if segment.cidr in selected:
                    self._database.write("UPDATE segments SET gone = 1 WHERE cidr = ?", segment.cidr)
                else:
                    self._database.write("DELETE FROM segments WHERE cidr = ?", segment.cidr)


def _segment(row: Row) -> Segment:
    return Segment(
        cidr=row["cidr"],
        source=row["source"],
        router=row["router"],
        first_seen_at=from_milliseconds(row["first_seen_at"]),
        last_seen_at=from_milliseconds(row["last_seen_at"]),
        gone=bool(row["gone"]),
    )
