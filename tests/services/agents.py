"""Enrolled agents that seal real batches: what a collector meets, without the agent's program."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from sqlalchemy import select

from flexprint_server.database import Database
from flexprint_server.tenants.keys import Keyring, open_keyring
from flexprint_server.tenants.models import Dealer
from flexprint_server.tenants.service import add_dealer, enrol, install_key
from flexprint_shared import checkin
from flexprint_shared.batch import Sender, document, pack
from flexprint_shared.readings import Read
from flexprint_shared.sealing import NO_BATCH, Header, batch_hash, key_id, seal
from flexprint_shared.times import rfc3339
from services.reads import NOON

SECRET_KEY = "5e" * 32
DEALER = "Northwind Copiers"
PASSWORD = "correct horse battery"


class Agent:
    """One enrolled agent and the head of its chain of batches."""

    def __init__(self, agent_id: uuid.UUID, key: Ed25519PrivateKey, sealing_key: X25519PublicKey) -> None:
        self.id = agent_id
        self.key = key
        self.sealing_key = sealing_key
        self.sequence = 0
        self.counter = 0
        self.previous = NO_BATCH

    def batch(self, *reads: Read, at: datetime = NOON, **more: Any) -> bytes:
        """The next batch of the chain."""
        opened = document(reads, made_at=at, sender=Sender("0.1.0", "FRONT-DESK"), **more)
        return self.next(pack(opened))

    def next(self, packed: bytes) -> bytes:
        sealed = self.seal(packed, self.sequence + 1, self.previous)
        self.sequence, self.previous = self.sequence + 1, batch_hash(sealed)
        return sealed

    def check_in(self, now: datetime = NOON, *, counter: int | None = None, **told: Any) -> bytes:
        """The next check-in, or the one of this counter."""
        self.counter = self.counter + 1 if counter is None else counter
        usual = {"format": 1, "at": rfc3339(now), "version": "0.1.0", "platform": "Windows 11", "host": "FRONT-DESK"}
        header = checkin.Header(self.id, self.counter, key_id(self.sealing_key))
        return checkin.seal(usual | told, header, self.sealing_key, self.key)

    def seal(self, packed: bytes, sequence: int, previous: bytes) -> bytes:
        """A batch outside the chain."""
        header = Header(self.id, sequence, previous, key_id(self.sealing_key))
        return seal(packed, header, self.sealing_key, self.key)


def keyring(database: Database) -> Keyring:
    return open_keyring(database, SECRET_KEY, NOON)


def an_agent(
    database: Database, customer: str = "Harbour Dental", site: str = "Main Street", dealer: str = DEALER
) -> Agent:
    """A new agent at that site; everything above it is made where it is missing."""
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes_raw()
    with database.transaction() as session:
        if session.scalar(select(Dealer).where(Dealer.name == dealer)) is None:
            add_dealer(session, dealer, f"{uuid.uuid4().hex}@example.com", PASSWORD, NOON)
        install = install_key(session, dealer, customer, site, NOON)
        made = enrol(session, install, public, "FRONT-DESK", "Windows-11", "0.1.0", NOON)
    return Agent(made.id, key, keyring(database).current.public_key())


def agents(database: Database, count: int, **where: Any) -> Sequence[Agent]:
    return [an_agent(database, **where) for _ in range(count)]
