"""Devices, the keys that name them, and their reads."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, SmallInteger, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from flexprint_server.database import BigKey, Json, Model
from flexprint_server.tenants.models import Site


class Device(Model):
    """A printer, as its newest read shows it. `meters` is {name: [value, unit]} and `supplies` the list of
    flexprint_shared.readings.Supply.as_json() of that read."""

    __tablename__ = "device"
    __table_args__ = (Index(None, "dealer_id", "site_id"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    dealer_id: Mapped[int] = mapped_column(ForeignKey("dealer.id"))
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id"), index=True)
    agent_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("agent.id"))
    manufacturer: Mapped[str | None] = mapped_column(String(255))
    model: Mapped[str | None] = mapped_column(String(255))
    serial: Mapped[str | None] = mapped_column(String(255), index=True)
    asset: Mapped[str | None] = mapped_column(String(255))
    name: Mapped[str | None] = mapped_column(String(255))
    location: Mapped[str | None] = mapped_column(String(255))
    contact: Mapped[str | None] = mapped_column(String(255))
    firmware: Mapped[str | None] = mapped_column(String(255))
    description: Mapped[str | None] = mapped_column(String(255))
    sys_object_id: Mapped[str | None] = mapped_column(String(255))
    macs: Mapped[list[str]] = mapped_column(Json)
    address: Mapped[str] = mapped_column(String(255))
    color: Mapped[bool | None]
    state: Mapped[str] = mapped_column(String(20))
    errors: Mapped[list[str]] = mapped_column(Json)
    console: Mapped[list[str]] = mapped_column(Json)
    alerts: Mapped[list[list[Any]]] = mapped_column(Json)
    warnings: Mapped[list[str]] = mapped_column(Json)
    meters: Mapped[dict[str, list[Any]]] = mapped_column(Json)
    supplies: Mapped[list[dict[str, Any]]] = mapped_column(Json)
    first_seen_at: Mapped[datetime]
    last_read_at: Mapped[datetime]

    site: Mapped[Site] = relationship()


class DeviceKey(Model):
    """A key (flexprint_shared.identity.identity_keys, or `address:<agent>:<address>` for a device that has
    none) and the device it names within one dealer."""

    __tablename__ = "device_key"

    dealer_id: Mapped[int] = mapped_column(ForeignKey("dealer.id"), primary_key=True)
    key: Mapped[str] = mapped_column(String(300), primary_key=True)
    device_id: Mapped[int] = mapped_column(ForeignKey("device.id", ondelete="CASCADE"), index=True)


class Layout(Model):
    """What a model's reads have in common (see flexprint_shared.batch): the meters' names, units, OIDs and
    sources, the supplies' names and capacities. Stored once, so that a read is small and still says where
    each figure was answered."""

    __tablename__ = "layout"
    __table_args__ = (UniqueConstraint("dealer_id", "hash"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    dealer_id: Mapped[int] = mapped_column(ForeignKey("dealer.id"))
    hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    content: Mapped[dict[str, Any]] = mapped_column(Json)


class Read(Model):
    """One read, wide. `meters`, `levels` and `percents` are lists in the order of the layout; the sealed
    original is row `row` of the batch, which also says when the read arrived."""

    __tablename__ = "read"
    __table_args__ = (Index(None, "device_id", "read_at"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    dealer_id: Mapped[int] = mapped_column(ForeignKey("dealer.id"))
    device_id: Mapped[int] = mapped_column(ForeignKey("device.id"))
    batch_id: Mapped[int] = mapped_column(ForeignKey("batch.id"))
    row: Mapped[int] = mapped_column(SmallInteger)
    layout_id: Mapped[int] = mapped_column(ForeignKey("layout.id"))
    read_at: Mapped[datetime]
    uptime_s: Mapped[int | None] = mapped_column(BigInteger)
    total: Mapped[int | None] = mapped_column(BigInteger)
    meters: Mapped[list[int]] = mapped_column(Json)
    levels: Mapped[list[int | None]] = mapped_column(Json)
    percents: Mapped[list[int | None]] = mapped_column(Json)
