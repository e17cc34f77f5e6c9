"""A sealed batch, from its octets to rows that are committed, or the reason why not."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final, NamedTuple, Self
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from sqlalchemy import Connection, Dialect, bindparam, insert, or_, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from flexprint_server.database import Database
from flexprint_server.fleet import storing
from flexprint_server.fleet.layouts import Layouts
from flexprint_server.fleet.origin import Origin
from flexprint_server.fleet.statements import POSTGRESQL, Prepared
from flexprint_server.fleet.zones import Zones
from flexprint_server.ingest import document as documents
from flexprint_server.ingest import refusals
from flexprint_server.ingest.arrivals import arrivals_of, models_of
from flexprint_server.ingest.document import Document
from flexprint_server.ingest.models import Batch
from flexprint_server.mail.addresses import mail_domain
from flexprint_server.reports.service import request_report
from flexprint_server.settings import Settings
from flexprint_server.tenants.keys import Keyring, open_keyring
from flexprint_server.tenants.models import Agent
from flexprint_shared import batch as batches
from flexprint_shared import sealing
from flexprint_shared.sealing import Header
from flexprint_shared.text import clean
from flexprint_shared.times import parse_rfc3339

_ATTEMPTS: Final = 3
_MOST_REMEMBERED: Final = 50_000
# serialization_failure and deadlock_detected of PostgreSQL.
_CAME_BETWEEN: Final = ("40001", "40P01")
_REFUSALS_APART: Final = timedelta(minutes=5)
# What a sequence number may be in both databases; counting by seconds it lasts for ages.
_LARGEST_SEQUENCE: Final = 2**63 - 1


@dataclass(slots=True, frozen=True)
class Receipt:
    """What the agent is told: its batch `hash` is stored. `new` is False when it was stored before; `report` is
    the report it asked for."""

    hash: bytes
    sequence: int
    reads: int
    new: bool
    report: int | None

    def answer(self) -> dict[str, Any]:
        """The same whenever the same batch comes."""
        return {"batch": self.hash.hex(), "sequence": self.sequence, "reads": self.reads}


class Inbox:
    """Takes batches. One for each process: it remembers agents' public keys, layouts and the collector's keys.
    `mail_domain` is where the mails of reports come from."""

    def __init__(self, database: Database, open_keyring: Callable[[], Keyring], mail_domain: str) -> None:
        self._database = database
        self._open_keyring = open_keyring
        self._mail_domain = mail_domain
        self._keyring: Keyring | None = None
        self._public_keys: dict[UUID, Ed25519PublicKey] = {}
        self._layouts = Layouts()
        self._zones = Zones()

    @classmethod
    def of(cls, settings: Settings, database: Database) -> Self:
        return cls(
            database,
            lambda: open_keyring(database, settings.secret_key, datetime.now(UTC)),
            mail_domain(settings.mail_from),
        )

    def keyring(self) -> Keyring:
        if self._keyring is None:
            self._keyring = self._open_keyring()
        return self._keyring

    def receive(self, sealed: bytes, now: datetime) -> Receipt:
        """Stores the batch with everything that follows from it, or finds it stored. Raises refusals.Refusal."""
        header = _header(sealed)
        try:
            return self._receive(header, sealed, now)
        except refusals.Refusal as refusal:
            self._note_refusal(header.agent, refusal.slug, now)
            raise

    def _receive(self, header: Header, sealed: bytes, now: datetime) -> Receipt:
        try:
            sealing.verify(sealed, self.public_key(header.agent))
        except sealing.WrongSignature as error:
            raise refusals.WrongSignature(
                "The batch is not signed with the key that this agent enrolled with. If its files were restored or "
                "copied from another machine, enrol it again with a new install key."
            ) from error
        # Before the transaction, because a key not yet known is looked up in one of its own.
        key = self.sealing_key(header.sealing_key)
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                with self._database.connection() as connection:
                    return self._take(connection, header, sealed, key, now)
            except DBAPIError as error:
                if attempt == _ATTEMPTS or not _passing(error):
                    raise
        raise AssertionError("the last attempt returns or raises")

    def _note_refusal(self, agent: UUID, slug: str, now: datetime) -> None:
        """For whoever wonders why an agent has fallen silent; now and then is enough."""
        noted = or_(_agent.c.refused_at.is_(None), _agent.c.refused_at < now - _REFUSALS_APART)
        with self._database.connection() as connection:
            connection.execute(update(_agent).where(_agent.c.id == agent, noted).values(refused_at=now, refusal=slug))

    def _take(
        self, connection: Connection, header: Header, sealed: bytes, key: X25519PrivateKey | None, now: datetime
    ) -> Receipt:
        # The lock puts an agent's batches in a row; it also keeps the agent from changing meanwhile.
        locked = _lock_agent(connection.dialect).run(connection, {"agent": header.agent})
        if not locked:
            self._public_keys.pop(header.agent, None)
            raise _unknown_agent()
        agent = _Place(*locked[0])
        digest = sealing.batch_hash(sealed)
        if header.sequence <= agent.last_sequence:
            stored = _stored_before(connection, header, digest, agent)
            if stored is not None:
                return stored
        document = _open(sealed, key)
        recipients = [clean(recipient, 254) for recipient in document.recipients]
        facts = {
            "dealer_id": agent.dealer_id,
            "agent_id": header.agent,
            "sequence": header.sequence,
            "hash": digest,
            "sealed": sealed,
            "received_at": now,
            "reads": len(document.reads.layout),
            "gap": header.sequence > agent.last_sequence
            and (header.sequence != agent.last_sequence + 1 or header.previous != agent.last_hash),
            "agent": header.agent,
            # One that comes late, in a file say, fills its gap, and the chain goes on where it was.
            "last_sequence": max(header.sequence, agent.last_sequence),
            "last_hash": digest if header.sequence > agent.last_sequence else agent.last_hash,
            "last_seen_at": now,
            "version": clean(document.agent.version, 50),
            "host": clean(document.agent.host),
            "recipients": recipients,
        }
        store_batch, *others = _store_batch(connection.dialect)
        ((number,),) = store_batch.run(connection, facts)
        for statement in others:
            statement.run(connection, facts)
        zone = self._zones.of_site(connection, agent.dealer_id, agent.site_id, now)
        origin = Origin(agent.dealer_id, agent.site_id, header.agent, number, now, zone)
        self._store_reads(connection, document, origin)
        report = self._request_report(connection, document, origin, recipients)
        return Receipt(digest, header.sequence, len(document.reads.layout), new=True, report=report)

    def _store_reads(self, connection: Connection, document: Document, origin: Origin) -> None:
        models = models_of(document)
        layout_ids = self._layouts.ids(connection, origin.dealer_id, [(model.hash, model.content) for model in models])
        storing.store(connection, origin, arrivals_of(document, models, layout_ids, origin.agent_id))

    def _request_report(
        self, connection: Connection, document: Document, origin: Origin, recipients: list[str]
    ) -> int | None:
        if document.report is None:
            return None
        try:
            requested_at = parse_rfc3339(document.report.requested_at)
        except (ValueError, OverflowError) as error:
            raise refusals.UnreadableDocument("The report is asked for at a time that is none.") from error
        with Session(connection) as session:  # in the transaction of the connection, which it does not end
            return request_report(
                session,
                dealer_id=origin.dealer_id,
                site_id=origin.site_id,
                agent_id=origin.agent_id,
                recipients=recipients,
                requested_at=requested_at,
                now=origin.received_at,
                mail_domain=self._mail_domain,
            )

    def sealing_key(self, key_id: bytes) -> X25519PrivateKey | None:
        """The collector's key of this id; None where it has none such."""
        if key_id not in self.keyring().sealing:
            self._keyring = self._open_keyring()  # another process may have made a new one
        return self.keyring().sealing.get(key_id)

    def public_key(self, agent: UUID) -> Ed25519PublicKey:
        """The key that the agent enrolled with. Raises UnknownAgent."""
        known = self._public_keys.get(agent)
        if known is None:
            with self._database.reading() as session:
                octets = session.scalar(select(Agent.public_key).where(Agent.id == agent))
            if octets is None:
                raise _unknown_agent()
            known = Ed25519PublicKey.from_public_bytes(octets)
            if len(self._public_keys) >= _MOST_REMEMBERED:
                self._public_keys.clear()
            self._public_keys[agent] = known
        return known


class _Place(NamedTuple):
    """Whose agent it is, and the head of its chain: the columns of _LOCK_AGENT."""

    dealer_id: int
    site_id: int
    last_sequence: int
    last_hash: bytes


# On the tables and not the models: the way through the ORM costs more than these statements themselves.
_agent: Final = Agent.metadata.tables[Agent.__tablename__]
_batch: Final = Batch.metadata.tables[Batch.__tablename__]
_LOCK_AGENT: Final = (
    select(_agent.c.dealer_id, _agent.c.site_id, _agent.c.last_sequence, _agent.c.last_hash)
    .where(_agent.c.id == bindparam("agent"))
    .with_for_update(key_share=True)
)
_CHANGE_AGENT: Final = (
    update(_agent)
    .where(_agent.c.id == bindparam("agent"))
    .values(
        {
            name: bindparam(name)
            for name in ("last_sequence", "last_hash", "last_seen_at", "version", "host", "recipients")
        }
    )
)
_STORE_BATCH: Final = (
    insert(_batch)
    .values({column.name: bindparam(column.name) for column in _batch.columns if not column.primary_key})
    .returning(_batch.c.id)
)


@lru_cache(maxsize=4)
def _lock_agent(dialect: Dialect) -> Prepared:
    return Prepared(_LOCK_AGENT, dialect)


@lru_cache(maxsize=4)
def _store_batch(dialect: Dialect) -> Sequence[Prepared]:
    """A new batch, whose number the first of these returns, and its agent as it is after that. One statement on
    PostgreSQL, two on SQLite, which has no WITH ... UPDATE."""
    if dialect.name == POSTGRESQL:
        return [Prepared(_STORE_BATCH.add_cte(_CHANGE_AGENT.cte("changed")), dialect)]
    return [Prepared(_STORE_BATCH, dialect), Prepared(_CHANGE_AGENT, dialect)]


def _header(sealed: bytes) -> Header:
    try:
        header = sealing.header_of(sealed)
    except sealing.NotABatch as error:
        raise refusals.NotABatch(
            "The body is not a sealed batch. Is this the agent's address, or a browser's?"
        ) from error
    if header.sequence > _LARGEST_SEQUENCE:
        raise refusals.NotABatch("The sequence number is beyond all counting; the agent's files are damaged.")
    return header


def _passing(error: DBAPIError) -> bool:
    """True for what the same transaction once more may cure: a connection that died in the pool, a deadlock with
    something outside. It is safe, for a batch is stored once."""
    return error.connection_invalidated or getattr(error.orig, "sqlstate", None) in _CAME_BETWEEN


def _open(sealed: bytes, key: X25519PrivateKey | None) -> Document:
    if key is None:
        raise refusals.BrokenSeal(
            "The batch is sealed to a key that this collector does not have. Was the agent enrolled with another "
            "collector? Enrol it again with a new install key."
        )
    try:
        packed = sealing.unseal(sealed, key)
    except sealing.BrokenSeal as error:
        raise refusals.BrokenSeal(
            "The batch cannot be opened with the key it names: it was changed on its way or sealed wrongly."
        ) from error
    try:
        return documents.decode(batches.inflate(packed))
    except (batches.NotADocument, documents.Unreadable) as error:
        raise refusals.UnreadableDocument(
            f"The batch was opened but cannot be read: {error}. Agent and collector may be of different versions; "
            "update the older one."
        ) from error


def _unknown_agent() -> refusals.UnknownAgent:
    return refusals.UnknownAgent(
        "This collector does not know the agent. It was removed here, or enrolled with another collector; enrol it "
        "again with a new install key."
    )


def _stored_before(connection: Connection, header: Header, digest: bytes, agent: _Place) -> Receipt | None:
    """The receipt of a batch that was stored already; None where its number was left free. Raises StaleSequence when
    another one has it."""
    stored = connection.execute(
        select(Batch.hash, Batch.reads).where(Batch.agent_id == header.agent, Batch.sequence == header.sequence)
    ).one_or_none()
    if stored is None and header.sequence > 0:
        return None
    if stored is None or stored.hash != digest:
        raise refusals.StaleSequence(
            f"The collector has this agent's batches up to number {agent.last_sequence}, and another one under number "
            f"{header.sequence}. If the agent's files were restored from a copy, let it go on after that number.",
            last_sequence=agent.last_sequence,
            last_hash=agent.last_hash.hex(),
        )
    return Receipt(digest, header.sequence, stored.reads, new=False, report=None)
