"""Exports of agents that reach no collector: their batches taken one by one, the acknowledgement that goes back."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select

from flexprint_server.database import Database
from flexprint_server.ingest import refusals
from flexprint_server.ingest.service import Inbox
from flexprint_server.tenants.models import Agent
from flexprint_shared import offline, sealing

_OTHERS: Final = (
    "It is of an agent that this dealer does not have. Was the file taken from another dealer's customer, or was the "
    "agent removed?"
)


@dataclass(slots=True, frozen=True)
class Imported:
    """`new` and `before` count batches that were stored now and earlier, `reads` those of the new ones; `reports` are
    the workbooks that they asked for. `refused` says why others were not taken, by hash in hex. `acknowledgement` is
    the file for the agent."""

    new: int
    before: int
    reads: int
    reports: list[int]
    refused: dict[str, str]
    acknowledgement: bytes


def take(database: Database, inbox: Inbox, octets: bytes, now: datetime, dealer_id: int | None = None) -> Imported:
    """Stores what an export brings, or finds it stored; order and repetition do no harm. With a `dealer_id`, batches of
    other dealers' agents are refused. Raises offline.NotThisFile."""
    batches = offline.batches_of(octets)
    ours = None if dealer_id is None else _agents(database, dealer_id)
    taken: list[bytes] = []
    refused: dict[str, str] = {}
    new = reads = 0
    reports = []
    for sealed in batches:
        hashed = sealing.batch_hash(sealed)
        try:
            if ours is not None and sealing.header_of(sealed).agent not in ours:
                raise refusals.UnknownAgent(_OTHERS)
            receipt = inbox.receive(sealed, now)
        except refusals.Refusal as refusal:
            refused[hashed.hex()] = refusal.detail
            continue
        except sealing.NotABatch:
            refused[hashed.hex()] = "It is not a sealed batch."
            continue
        taken.append(hashed)
        new += receipt.new
        reads += receipt.reads if receipt.new else 0
        reports += [receipt.report] if receipt.report is not None else []
    told = offline.acknowledgement(offline.Acknowledged(taken, refused), now, inbox.keyring().identity)
    return Imported(new, len(taken) - new, reads, reports, refused, told)


def _agents(database: Database, dealer_id: int) -> frozenset[object]:
    with database.reading() as session:
        return frozenset(session.scalars(select(Agent.id).where(Agent.dealer_id == dealer_id)))
