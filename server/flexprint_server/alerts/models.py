"""What somebody should know of, from the moment it began until it is over."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from flexprint_server.database import BigKey, Json, Model, Scope
from flexprint_server.tenants.models import of_dealer_at_site

_OPEN = text("closed_at IS NULL")


class Alert(Model):
    """One alert. `kind` is one of rules.RULES, `about` names the thing (`device:12`, `agent:...`): of one kind there is
    one open alert about a thing. `facts` are what the words about it are made of. `told_at` and `over_told_at` are when
    its beginning and its end went out by mail."""

    __tablename__ = "alert"
    __table_args__ = (
        Index("uq_alert_open", "dealer_id", "kind", "about", unique=True, postgresql_where=_OPEN, sqlite_where=_OPEN),
        Index(None, "dealer_id", "opened_at"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    dealer_id: Mapped[int] = mapped_column(ForeignKey("dealer.id"))
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id"), index=True)
    kind: Mapped[str] = mapped_column(String(20))
    about: Mapped[str] = mapped_column(String(60))
    device_id: Mapped[int | None] = mapped_column(BigInteger)
    agent_id: Mapped[uuid.UUID | None]
    facts: Mapped[dict[str, Any]] = mapped_column(Json)
    opened_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    acknowledged_at: Mapped[datetime | None]
    acknowledged_by: Mapped[str | None] = mapped_column(String(254))
    note: Mapped[str | None] = mapped_column(Text)
    told_at: Mapped[datetime | None]
    over_told_at: Mapped[datetime | None]

    @classmethod
    def visible(cls, scope: Scope) -> ColumnElement[bool]:
        return of_dealer_at_site(cls.dealer_id, cls.site_id, scope)
