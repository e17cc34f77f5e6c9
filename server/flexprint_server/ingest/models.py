"""The sealed batches as they came: the evidence behind every figure. The files in which some of them were carried."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    ForeignKey,
    LargeBinary,
    String,
    UniqueConstraint,
    false,
    select,
)
from sqlalchemy.orm import Mapped, mapped_column

from flexprint_server.database import BigKey, Json, Model, Scope
from flexprint_server.tenants.models import Agent, sites_of


class Batch(Model):
    """One stored batch. `gap` is set when its `previous` is not the hash of the agent's batch before it:
    batches in between never arrived, and that shows."""

    __tablename__ = "batch"
    __table_args__ = (UniqueConstraint("agent_id", "sequence"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    dealer_id: Mapped[int] = mapped_column(ForeignKey("dealer.id"))
    agent_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("agent.id"))
    sequence: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    received_at: Mapped[datetime]
    reads: Mapped[int]
    gap: Mapped[bool] = mapped_column(Boolean)

    @classmethod
    def visible(cls, scope: Scope) -> ColumnElement[bool]:
        of_dealer = cls.dealer_id == scope.dealer_id
        if scope.customer_id is None:
            return of_dealer
        agents = Agent.__table__.c
        return of_dealer & cls.agent_id.in_(select(agents.id).where(agents.site_id.in_(sites_of(scope))))


class CarriedFile(Model):
    """An export of an agent that reaches no collector, as somebody brought it to the dashboard. `batches` says what
    became of each (offline.Taken); `reports` are the workbooks asked for. `acknowledgement` is the file to go back."""

    __tablename__ = "carried_file"

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    dealer_id: Mapped[int] = mapped_column(ForeignKey("dealer.id"), index=True)
    taken_at: Mapped[datetime]
    brought_by: Mapped[str] = mapped_column(String(254))
    name: Mapped[str] = mapped_column(String(200))
    reports: Mapped[list[int]] = mapped_column(Json)
    batches: Mapped[list[dict[str, Any]]] = mapped_column(Json)
    acknowledgement: Mapped[bytes] = mapped_column(LargeBinary)

    @classmethod
    def visible(cls, scope: Scope) -> ColumnElement[bool]:
        of_dealer = cls.dealer_id == scope.dealer_id
        return of_dealer if scope.customer_id is None else of_dealer & false()
