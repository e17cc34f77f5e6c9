"""Which collector this agent belongs to, and the keys of both."""

import contextlib
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from flexprint_agent.keep.database import Database
from flexprint_agent.keep.errors import KeyMissing, NotEnrolled
from flexprint_agent.keep.notes import HANDED_VERSION, TOLD_UNTIL
from flexprint_agent.keep.vault import Vault
from flexprint_shared.times import from_milliseconds, to_milliseconds

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

Seal = Callable[[bytes, int, bytes], bytes]
"""(packed document, sequence, hash of the batch before) -> sealed batch"""

CheckInSeal = Callable[[Mapping[str, Any], int], bytes]
"""(document, counter) -> sealed check-in"""

_SIGNING_KEY: Final = "signing_key"
_NEXT_KEY: Final = "next_signing_key"


@dataclass(slots=True, frozen=True)
class Enrolment:
    """Keys are raw: `identity_key` Ed25519, `sealing_key` X25519, both the collector's public ones."""

    server: str
    insecure_loopback: bool
    agent: uuid.UUID
    dealer: str
    customer: str
    site: str
    identity_key: bytes
    sealing_key: bytes
    enrolled_at: datetime


class Enrolments:
    """The one enrolment in force. A new one takes its place, and begins a new chain of batches."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    def get(self) -> Enrolment | None:
        row = self._database.row("SELECT * FROM enrolment")
        if row is None:
            return None
        return Enrolment(
            server=row["server"],
            insecure_loopback=bool(row["insecure_loopback"]),
            agent=uuid.UUID(row["agent"]),
            dealer=row["dealer"],
            customer=row["customer"],
            site=row["site"],
            identity_key=row["identity_key"],
            sealing_key=row["sealing_key"],
            enrolled_at=from_milliseconds(row["enrolled_at"]),
        )

    def require(self) -> Enrolment:
        enrolment = self.get()
        if enrolment is None:
            raise NotEnrolled(
                "this agent belongs to no collector yet; "
                "run `flexprint-agent enroll --server URL --key KEY` with the install key that your dealer gave you"
            )
        return enrolment

    def next_signing_key(self) -> bytes:
        """The raw Ed25519 key that the next enrolment uses. It is kept before it is shown to anyone, so an enrolment
        whose answer was lost on the way is asked for again with the same key."""
        sealed = self._database.value("SELECT value FROM notes WHERE name = ?", _NEXT_KEY)
        if sealed is not None:
            # One that was sealed under a key file that is lost can serve nobody: a new one takes its place.
            with contextlib.suppress(KeyMissing):
                return self._vault.open(_NEXT_KEY, sealed)
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        key = Ed25519PrivateKey.generate().private_bytes_raw()
        self._database.write("INSERT OR REPLACE INTO notes VALUES (?, ?)", _NEXT_KEY, self._vault.seal(_NEXT_KEY, key))
        return key

    def put(self, enrolment: Enrolment, signing_key: bytes) -> None:
        """Keeps what the collector answered. The chain of batches starts anew, as the collector counts per agent."""
        from flexprint_shared.sealing import NO_BATCH

        with self._database.transaction():
            self._database.write("DELETE FROM enrolment")
            self._database.write("DELETE FROM notes WHERE name IN (?, ?, ?)", _NEXT_KEY, TOLD_UNTIL, HANDED_VERSION)
            # What the collector before handed down, and numbered, says nothing under this one.
            for table in ("handed", "commands", "workbooks"):
                self._database.write(f"DELETE FROM {table}")  # noqa: S608 - our own words
            self._database.write(
                "INSERT INTO enrolment VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?)",
                enrolment.server,
                int(enrolment.insecure_loopback),
                str(enrolment.agent),
                enrolment.dealer,
                enrolment.customer,
                enrolment.site,
                enrolment.identity_key,
                enrolment.sealing_key,
                self._vault.seal(_SIGNING_KEY, signing_key),
                to_milliseconds(enrolment.enrolled_at),
                NO_BATCH,
            )

    def sealer(self, enrolment: Enrolment) -> Seal:
        """Seals to the collector's key and signs with the agent's. Raises KeyMissing."""
        from flexprint_shared.sealing import Header, key_id, seal

        signing, sealing = self._keys(enrolment)

        def sealed(body: bytes, sequence: int, previous: bytes) -> bytes:
            return seal(body, Header(enrolment.agent, sequence, previous, key_id(sealing)), sealing, signing)

        return sealed

    def check_in_sealer(self, enrolment: Enrolment) -> CheckInSeal:
        """The same for check-ins. Raises KeyMissing."""
        from flexprint_shared.checkin import Header, seal
        from flexprint_shared.sealing import key_id

        signing, sealing = self._keys(enrolment)

        def sealed(document: Mapping[str, Any], counter: int) -> bytes:
            return seal(document, Header(enrolment.agent, counter, key_id(sealing)), sealing, signing)

        return sealed

    def _keys(self, enrolment: Enrolment) -> "tuple[Ed25519PrivateKey, X25519PublicKey]":
        """The agent's own key, and the one that the collector opens with."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

        kept = self._database.value("SELECT signing_key FROM enrolment WHERE agent = ?", str(enrolment.agent))
        signing = Ed25519PrivateKey.from_private_bytes(self._vault.open(_SIGNING_KEY, kept))
        return signing, X25519PublicKey.from_public_bytes(enrolment.sealing_key)
