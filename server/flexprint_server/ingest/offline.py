"""Exports of agents that reach no collector: their batches taken one by one, the acknowledgement that goes back."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import IO, Any, Final, Literal, NamedTuple, get_args
from uuid import UUID

from sqlalchemy import ColumnElement, column, func, select, true
from sqlalchemy.orm import Session

from flexprint_server.database import Database, Json
from flexprint_server.ingest import refusals
from flexprint_server.ingest.models import CarriedFile
from flexprint_server.ingest.service import Inbox
from flexprint_server.tenants.models import Agent
from flexprint_shared import offline, sealing

_OTHERS: Final = (
    "It is of an agent that this dealer does not have. Was the file taken from another dealer's customer, or was the "
    "agent removed?"
)
State = Literal["stored", "before", "refused"]


@dataclass(slots=True, frozen=True)
class Taken:
    """What became of one batch: stored now, stored `before`, or refused and `why`. `agent` and `sequence` are None
    where it is no batch at all. `reads` are those that it holds, where it was taken."""

    hash: bytes
    agent: UUID | None
    sequence: int | None
    state: State
    reads: int = 0
    why: str = ""

    def told(self) -> dict[str, Any]:
        """The same in JSON."""
        agent = str(self.agent) if self.agent else None
        fate = {"state": self.state, "reads": self.reads, "why": self.why}
        return {"hash": self.hash.hex(), "agent": agent, "sequence": self.sequence, **fate}


@dataclass(slots=True, frozen=True)
class Imported:
    """What became of each batch of a file, in their order. `reports` are the workbooks that they asked for;
    `acknowledgement` is the file for the agent."""

    batches: Sequence[Taken]
    reports: Sequence[int]
    acknowledgement: bytes = field(repr=False)

    @property
    def new(self) -> int:
        return sum(one.state == "stored" for one in self.batches)

    @property
    def before(self) -> int:
        return sum(one.state == "before" for one in self.batches)

    @property
    def reads(self) -> int:
        """Those that were stored now."""
        return sum(one.reads for one in self.batches if one.state == "stored")

    @property
    def refused(self) -> dict[str, str]:
        """Why batches were not taken, by hash in hex."""
        return _refused(self.batches)


class CameTo(NamedTuple):
    """What became of a file's batches in figures; `reads` are those that were stored then."""

    new: int = 0
    before: int = 0
    refused: int = 0
    reads: int = 0


def came_to(session: Session, files: Collection[int]) -> dict[int, CameTo]:
    """By file. Counted where they lie: a file may have thousands of batches."""
    each = func.json_each if session.get_bind().dialect.name == "sqlite" else func.json_array_elements
    batch = each(CarriedFile.batches).table_valued(column("value", Json))
    told = batch.c.value
    state = told["state"].as_string()
    figures: list[ColumnElement[int]] = [func.count().filter(state == one) for one in get_args(State)]
    stored = func.coalesce(func.sum(told["reads"].as_integer()).filter(state == "stored"), 0)
    asked = select(CarriedFile.id, *figures, stored).join(batch, true()).where(CarriedFile.id.in_(files))
    found = {row[0]: CameTo._make(row[1:]) for row in session.execute(asked.group_by(CarriedFile.id))}
    return {file: found.get(file, CameTo()) for file in files}


def take(database: Database, inbox: Inbox, file: IO[bytes], now: datetime, dealer_id: int | None = None) -> Imported:
    """Stores what an export brings, or finds it stored; order and repetition do no harm. With a `dealer_id`, batches of
    other dealers' agents are refused in the words for those that nobody knows. Raises offline.NotThisFile."""
    ours = None if dealer_id is None else _agents(database, dealer_id)
    reports: list[int] = []
    batches = [_take(inbox, sealed, now, ours, reports) for sealed in offline.batches_of(file)]
    taken = [one.hash for one in batches if one.state != "refused"]
    said = offline.Acknowledged(taken, _refused(batches))
    return Imported(batches, reports, offline.acknowledgement(said, now, inbox.keyring().identity))


def _refused(batches: Iterable[Taken]) -> dict[str, str]:
    return {one.hash.hex(): one.why for one in batches if one.state == "refused"}


def _take(inbox: Inbox, sealed: bytes, now: datetime, ours: frozenset[UUID] | None, reports: list[int]) -> Taken:
    hashed = sealing.batch_hash(sealed)
    try:
        header = sealing.header_of(sealed)
    except sealing.NotABatch:
        return Taken(hashed, None, None, "refused", why="It is not a sealed batch.")
    try:
        if ours is not None and header.agent not in ours:
            raise refusals.UnknownAgent(_OTHERS)
        receipt = inbox.receive(sealed, now)
    except refusals.Refusal as refusal:
        return Taken(hashed, header.agent, header.sequence, "refused", why=refusal.detail)
    if receipt.report is not None:
        reports.append(receipt.report)
    return Taken(hashed, header.agent, header.sequence, "stored" if receipt.new else "before", receipt.reads)


def _agents(database: Database, dealer_id: int) -> frozenset[UUID]:
    with database.reading() as session:
        return frozenset(session.scalars(select(Agent.id).where(Agent.dealer_id == dealer_id)))


def agents_of(session: Session, dealer_id: int, ids: Iterable[str]) -> dict[str, Agent]:
    """The dealer's agents of these ids, by id."""
    asked = select(Agent).where(Agent.dealer_id == dealer_id, Agent.id.in_({UUID(one) for one in ids}))
    return {str(agent.id): agent for agent in session.scalars(asked)}
