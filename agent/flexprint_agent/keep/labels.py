"""What a person at the site typed of a printer: what they call it, its asset number, where it stands."""

from typing import Final

from flexprint_agent.keep.database import Database
from flexprint_shared.readings import Typed

LONGEST: Final = 255
"""Characters of each at most, as the collector keeps them."""


class Labels:
    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> dict[int, Typed]:
        """By the number of the device."""
        rows = self._database.rows("SELECT device, name, asset, location FROM labels")
        return {row["device"]: Typed(row["name"], row["asset"], row["location"]) for row in rows}

    def of(self, device: int) -> Typed:
        return self.all().get(device, Typed())

    def put(self, device: int, typed: Typed) -> None:
        """In place of what was typed before."""
        with self._database.transaction():
            self._database.write("DELETE FROM labels WHERE device = ?", device)
            if typed != Typed():
                row = (device, typed.name, typed.asset, typed.location)
                self._database.write("INSERT INTO labels VALUES (?, ?, ?, ?)", *row)
