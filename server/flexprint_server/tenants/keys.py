"""The collector's own keys: an identity (Ed25519) that agents learn once, and sealing keys (X25519) that it signs.

Private halves lie in the database encrypted under FLEXPRINT_SECRET_KEY, so that a stolen database opens no batch.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from flexprint_server.at_rest import Locked, lock, unlock
from flexprint_server.database import Database
from flexprint_server.tenants.models import CollectorKey
from flexprint_shared.sealing import SEALING_KEY_CONTEXT, key_id

IDENTITY: Final = "identity"
SEALING: Final = "sealing"

PrivateKey = Ed25519PrivateKey | X25519PrivateKey


class KeysLocked(Exception):
    """The stored keys were encrypted under another FLEXPRINT_SECRET_KEY."""


@dataclass(slots=True, frozen=True)
class Keyring:
    """The collector's keys, opened. `sealing` holds retired ones too, by id: batches made before a change of
    keys are still on their way."""

    identity: Ed25519PrivateKey
    current: X25519PrivateKey
    sealing: Mapping[bytes, X25519PrivateKey]

    @property
    def current_id(self) -> bytes:
        return key_id(self.current.public_key())

    def signature(self) -> bytes:
        """The identity's word that the current sealing key is the collector's."""
        return self.identity.sign(SEALING_KEY_CONTEXT + self.current.public_key().public_bytes_raw())


def open_keyring(database: Database, secret_key: str, now: datetime) -> Keyring:
    """The collector's keys, made where there are none yet. Raises KeysLocked."""
    with database.reading() as session:
        keyring = _read(session, secret_key)
    if keyring:
        return keyring
    for purpose in (IDENTITY, SEALING):
        _make(database, purpose, secret_key, now)
    with database.reading() as session:
        keyring = _read(session, secret_key)
    assert keyring, "both keys were just made"
    return keyring


def _read(session: Session, secret_key: str) -> Keyring | None:
    rows = session.scalars(select(CollectorKey).order_by(CollectorKey.id)).all()
    opened = {row: _unlock(row, secret_key) for row in rows}
    identity = current = None
    sealing = {}
    for row, key in opened.items():
        if isinstance(key, X25519PrivateKey):
            sealing[row.key_id] = key
            current = current if row.retired_at else key
        elif not row.retired_at:
            identity = key
    return Keyring(identity, current, sealing) if identity and current else None


def _make(database: Database, purpose: str, secret_key: str, now: datetime) -> None:
    key: PrivateKey = Ed25519PrivateKey.generate() if purpose == IDENTITY else X25519PrivateKey.generate()
    public = key.public_key().public_bytes_raw()
    name = sha256(public).digest()[:8]
    row = CollectorKey(
        purpose=purpose,
        key_id=name,
        public_key=public,
        private_key=lock(key.private_bytes_raw(), secret_key, purpose.encode() + name),
        created_at=now,
    )
    try:
        with database.transaction() as session:
            session.add(row)
    except IntegrityError:
        return  # there is one: it was here already, or another process was faster


def _unlock(row: CollectorKey, secret_key: str) -> PrivateKey:
    try:
        private = unlock(row.private_key, secret_key, row.purpose.encode() + row.key_id)
    except Locked:
        raise KeysLocked(
            "The collector's keys in the database cannot be opened with this FLEXPRINT_SECRET_KEY. Set the key that "
            "was used when they were made (without the setting it lies in secret.key in the data folder)."
        ) from None
    if row.purpose == IDENTITY:
        return Ed25519PrivateKey.from_private_bytes(private)
    return X25519PrivateKey.from_private_bytes(private)
