"""The sealed batches as they came: the evidence behind every figure."""

import uuid
from datetime import datetime

from sqlalchemy import BigInteger, Boolean, ColumnElement, ForeignKey, LargeBinary, UniqueConstraint, select
from sqlalchemy.orm import Mapped, mapped_column

from flexprint_server.database import BigKey, Model, Scope
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
