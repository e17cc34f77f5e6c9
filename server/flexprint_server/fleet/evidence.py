"""A read walked back to what the device answered: the sealed original, whose signature and hash are tried again."""

from dataclasses import dataclass
from typing import Final, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import LargeBinary, column, select, table
from sqlalchemy.orm import Session

from flexprint_server.fleet.models import BATCH, Read
from flexprint_server.tenants.keys import Keyring
from flexprint_server.tenants.models import Agent
from flexprint_shared import readings, sealing
from flexprint_shared.batch import NotADocument, reads_of, unpack

Verdict = Literal["holds", "changed", "wrong_signature", "unopened"]
"""holds: the agent signed every octet, and the hash is the one that was acknowledged. changed: it is another one.
wrong_signature: it is not the agent's. unopened: none of the collector's keys opens it."""

_SEALED: Final = table("batch", column("id"), column("sealed", LargeBinary), column("hash", LargeBinary)).alias(
    "original"
)


@dataclass(slots=True, frozen=True)
class Proof:
    """Row `row` of batch `sequence` of the agent on `host`; `said` is what stands there, None where nothing can be
    read."""

    sequence: int
    row: int
    hash: bytes
    host: str
    verdict: Verdict
    said: readings.Read | None


def proof(dealer_id: int, session: Session, keyring: Keyring, device_id: int, read_id: int) -> Proof | None:
    """None when the dealer's device has no such read."""
    found = session.execute(
        select(Read.row, BATCH.c.sequence, _SEALED.c.sealed, _SEALED.c.hash, Agent.host, Agent.public_key)
        .join(BATCH, BATCH.c.id == Read.batch_id)
        .join(_SEALED, _SEALED.c.id == BATCH.c.id)
        .join(Agent, Agent.id == BATCH.c.agent_id)
        .where(Read.dealer_id == dealer_id, Read.device_id == device_id, Read.id == read_id)
    ).first()
    if found is None:
        return None
    verdict = _verdict(found.sealed, found.hash, found.public_key)
    said = _said(found.sealed, found.row, keyring)
    if said is None and verdict == "holds":
        verdict = "unopened"
    return Proof(found.sequence, found.row, found.hash, found.host, verdict, said)


def _verdict(sealed: bytes, hashed: bytes, public_key: bytes) -> Verdict:
    if sealing.batch_hash(sealed) != hashed:
        return "changed"
    try:
        sealing.verify(sealed, Ed25519PublicKey.from_public_bytes(public_key))
    except (sealing.WrongSignature, ValueError):
        return "wrong_signature"
    return "holds"


def _said(sealed: bytes, row: int, keyring: Keyring) -> readings.Read | None:
    try:
        key = keyring.sealing.get(sealing.header_of(sealed).sealing_key)
        reads = reads_of(unpack(sealing.unseal(sealed, key))) if key else []
    except (sealing.SealError, NotADocument):
        return None
    return reads[row] if row < len(reads) else None
