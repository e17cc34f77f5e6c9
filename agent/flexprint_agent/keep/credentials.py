"""How devices are asked where the settings alone do not say it: users of SNMPv3 and communities, sealed."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from flexprint_agent.keep.database import Database
from flexprint_agent.keep.vault import Vault
from flexprint_shared.times import from_milliseconds, to_milliseconds

REFUSALS_KEPT: Final = timedelta(days=8)


@dataclass(slots=True, frozen=True)
class Credential:
    """`scope` is a target as typed, empty for every device. `facts` hold secrets and are not part of the repr."""

    number: int
    scope: str
    facts: Mapping[str, str] = field(repr=False)


@dataclass(slots=True, frozen=True)
class Refused:
    """A device refused a credential; `fault` is the name of the reason."""

    address: str
    port: int
    credential: int
    fault: str
    at: datetime


class Credentials:
    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    def all(self) -> list[Credential]:
        """In the order in which those of one scope are tried: as they were added, until a person changed that. Raises
        KeyMissing."""
        rows = self._database.rows("SELECT number, scope, secret FROM credentials ORDER BY place, number")
        return [
            Credential(row["number"], row["scope"], json.loads(self._vault.open(_bound(row["scope"]), row["secret"])))
            for row in rows
        ]

    def add(self, scope: str, facts: Mapping[str, str]) -> int:
        """Its number."""
        # Bound to its scope: who can write to the database alone cannot have it sent elsewhere.
        secret = self._vault.seal(_bound(scope), json.dumps(dict(facts)).encode())
        with self._database.transaction():
            last = self._database.value("SELECT coalesce(max(place), 0) FROM credentials")
            return self._database.insert(
                "INSERT INTO credentials (scope, secret, place) VALUES (?, ?, ?)", scope, secret, last
            )

    def sooner(self, number: int) -> bool:
        """Tries it before the one that is tried before it in its scope; False where there is no such credential."""
        with self._database.transaction():
            rows = self._database.rows("SELECT number, scope FROM credentials ORDER BY place, number")
            scope = next((row["scope"] for row in rows if row["number"] == number), None)
            order = [row["number"] for row in rows]
            same = [row["number"] for row in rows if row["scope"] == scope]
            if scope is None:
                return False
            if same[0] != number:
                before = order.index(same[same.index(number) - 1])
                order.remove(number)
                order.insert(before, number)
            for place, one in enumerate(order):
                self._database.write("UPDATE credentials SET place = ? WHERE number = ?", place, one)
        return True

    def remove(self, number: int) -> bool:
        """False where there was none."""
        with self._database.transaction():
            return self._database.write("DELETE FROM credentials WHERE number = ?", number) > 0

    def keep_refusals(self, address: str, port: int, faults: Mapping[int, str], at: datetime) -> None:
        """What this device refuses, by the number of the credential."""
        with self._database.transaction():
            for number, fault in faults.items():
                self._database.write(
                    # A person may have removed the credential meanwhile.
                    "INSERT INTO refusals SELECT ?, ?, number, ?, ? FROM credentials WHERE number = ? "
                    "ON CONFLICT (address, port, credential) "
                    "DO UPDATE SET fault = excluded.fault, refused_at = excluded.refused_at",
                    address,
                    port,
                    fault,
                    to_milliseconds(at),
                    number,
                )

    def forget_refusals(self, address: str, port: int) -> None:
        """The device was read, whatever it refused before."""
        self._database.write("DELETE FROM refusals WHERE address = ? AND port = ?", address, port)

    def forget_old_refusals(self, at: datetime) -> None:
        """Those that were not renewed for longer than two searches are apart: that device may be gone."""
        with self._database.transaction():
            self._database.write("DELETE FROM refusals WHERE refused_at < ?", to_milliseconds(at - REFUSALS_KEPT))

    def refusals(self) -> list[Refused]:
        rows = self._database.rows("SELECT * FROM refusals ORDER BY address, port, credential")
        return [
            Refused(row["address"], row["port"], row["credential"], row["fault"], from_milliseconds(row["refused_at"]))
            for row in rows
        ]


def _bound(scope: str) -> str:
    return f"a credential for {scope or 'every device'}"
