"""What the site chose: settings, targets, exclusions, recipients."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from flexprint_agent.keep.database import Database
from flexprint_agent.keep.notes import TARGETS_CHANGED, Notes
from flexprint_agent.keep.vault import Vault


class Choices:
    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault
        self._notes = Notes(database)

    def settings(self) -> dict[str, str]:
        """The plain settings that were set; secrets are not among them."""
        rows = self._database.rows("SELECT name, value FROM settings WHERE value IS NOT NULL ORDER BY name")
        return {row["name"]: row["value"] for row in rows}

    def secret_names(self) -> list[str]:
        rows = self._database.rows("SELECT name FROM settings WHERE secret IS NOT NULL ORDER BY name")
        return [row["name"] for row in rows]

    def secrets(self) -> dict[str, str]:
        """The secret settings, opened. Raises KeyMissing."""
        rows = self._database.rows("SELECT name, secret FROM settings WHERE secret IS NOT NULL ORDER BY name")
        return {row["name"]: self._vault.open(row["name"], row["secret"]).decode() for row in rows}

    def set(self, values: Mapping[str, str], secrets: Iterable[str]) -> None:
        """Keeps `values`, those named in `secrets` sealed; an empty text takes the default again."""
        sealed = set(secrets)
        with self._database.transaction():
            for name, text in values.items():
                self._database.write("DELETE FROM settings WHERE name = ?", name)
                if text:
                    secret = self._vault.seal(name, text.encode()) if name in sealed else None
                    plain = None if secret else text
                    self._database.write("INSERT INTO settings VALUES (?, ?, ?)", name, plain, secret)

    def targets(self) -> list[str]:
        return self._texts(excluded=False)

    def exclusions(self) -> list[str]:
        return self._texts(excluded=True)

    def _texts(self, *, excluded: bool) -> list[str]:
        rows = self._database.rows("SELECT text FROM targets WHERE excluded = ? ORDER BY rowid", int(excluded))
        return [row["text"] for row in rows]

    def add_targets(self, texts: Iterable[str], at: datetime, *, excluded: bool = False) -> list[str]:
        """Keeps the targets (or exclusions); those that were not there yet."""
        with self._database.transaction():
            new = [
                text
                for text in texts
                if self._database.write("INSERT OR IGNORE INTO targets VALUES (?, ?)", text, int(excluded))
            ]
            if new:
                self._notes.put_instant(TARGETS_CHANGED, at)
        return new

    def remove_targets(self, texts: Iterable[str], at: datetime) -> list[str]:
        """Forgets these targets and exclusions; those that were there."""
        with self._database.transaction():
            gone = [text for text in texts if self._database.write("DELETE FROM targets WHERE text = ?", text)]
            for text in gone:
                self._database.write("DELETE FROM excluded_addresses WHERE text = ?", text)
            if gone:
                self._notes.put_instant(TARGETS_CHANGED, at)
        return gone

    def excluded_addresses(self, text: str) -> list[str]:
        """The addresses that the name in the exclusion `text` last had."""
        rows = self._database.rows("SELECT address FROM excluded_addresses WHERE text = ? ORDER BY address", text)
        return [row["address"] for row in rows]

    def remember_excluded(self, text: str, addresses: Iterable[str]) -> None:
        with self._database.transaction():
            self._database.write("DELETE FROM excluded_addresses WHERE text = ?", text)
            for address in addresses:
                self._database.write("INSERT INTO excluded_addresses VALUES (?, ?)", text, address)

    def recipients(self) -> list[str]:
        return [row["address"] for row in self._database.rows("SELECT address FROM recipients ORDER BY rowid")]

    def add_recipients(self, addresses: Iterable[str]) -> None:
        with self._database.transaction():
            for address in addresses:
                self._database.write("INSERT OR IGNORE INTO recipients VALUES (?)", address)

    def remove_recipients(self, addresses: Iterable[str]) -> list[str]:
        """Forgets these; those that were there."""
        with self._database.transaction():
            return [
                address
                for address in addresses
                if self._database.write("DELETE FROM recipients WHERE address = ?", address)
            ]
