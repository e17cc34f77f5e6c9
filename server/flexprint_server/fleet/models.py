"""Devices, the keys that name them, and their reads."""

import uuid
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    ForeignKey,
    Index,
    LargeBinary,
    Select,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
    Uuid,
    column,
    select,
    table,
)
from sqlalchemy.orm import InstrumentedAttribute, Mapped, mapped_column, relationship

from flexprint_server.database import BigKey, Instant, Json, Model, Scope
from flexprint_server.fleet.figures import meters_of, supplies_of
from flexprint_server.tenants.models import Site, of_dealer_at_site, sites_of

BATCH: Final = table(
    "batch",
    column("id", BigInteger),
    column("agent_id", Uuid),
    column("sequence", BigInteger),
    column("received_at", Instant),
    column("gap", Boolean),
)
"""The batch as a read sees it: its model belongs to the room that takes batches in, above this one."""


class Device(Model):
    """A printer, as its newest read shows it: `meter_values`, `levels`, `percents` and `states` are that read's, in
    the order of its layout; `meters` and `supplies` are what people read.

    `search_text`, `total`, `supply_left` and `supply_low` repeat what stands elsewhere in the row, in a form that
    a page can search and sort a hundred thousand devices by; fleet.summary says what goes in, and whoever stores a
    read stores them too. The device belongs to the agent `agent_id` and its site; `owner_read_at` is when that agent
    last read it; `said` is a hash of all that the device last said but its figures, to see quickly that it says the
    same again.

    What people typed stands in the `typed_` columns, which no read touches; `typed_text` repeats it for searches and is
    the end of `search_text`. A device that somebody retired, or merged into another one, is no longer `in_fleet`:
    lists, figures and workbooks go without it, and its reads stay."""

    __tablename__ = "device"
    __table_args__ = (
        Index(None, "dealer_id", "site_id"),
        Index(None, "dealer_id", "id"),
        Index(None, "dealer_id", "first_seen_at"),
        # A row is written anew with every read: room on its page keeps it there, and indexes untouched.
        {"postgresql_with": {"fillfactor": 50}},
    )

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
    said: Mapped[str] = mapped_column(String(16), default="")
    macs: Mapped[list[str]] = mapped_column(Json)
    address: Mapped[str] = mapped_column(String(255))
    color: Mapped[bool | None]
    search_text: Mapped[str] = mapped_column(Text)
    total: Mapped[int | None] = mapped_column(BigInteger)
    supply_left: Mapped[int | None] = mapped_column(SmallInteger)
    supply_low: Mapped[bool]
    state: Mapped[str] = mapped_column(String(20))
    errors: Mapped[list[str]] = mapped_column(Json)
    console: Mapped[list[str]] = mapped_column(Json)
    alerts: Mapped[list[list[Any]]] = mapped_column(Json)
    warnings: Mapped[list[str]] = mapped_column(Json)
    layout_id: Mapped[int] = mapped_column(ForeignKey("layout.id"))
    meter_values: Mapped[list[int]] = mapped_column(Json)
    levels: Mapped[list[int | None]] = mapped_column(Json)
    percents: Mapped[list[int | None]] = mapped_column(Json)
    states: Mapped[str] = mapped_column(Text)
    first_seen_at: Mapped[datetime]
    last_read_at: Mapped[datetime]
    owner_read_at: Mapped[datetime]
    typed_asset: Mapped[str | None] = mapped_column(String(255))
    typed_name: Mapped[str | None] = mapped_column(String(255))
    typed_location: Mapped[str | None] = mapped_column(String(255))
    typed_note: Mapped[str | None] = mapped_column(Text)
    typed_text: Mapped[str] = mapped_column(Text, default="")
    in_fleet: Mapped[bool] = mapped_column(default=True)
    retired_at: Mapped[datetime | None]
    merged_into_id: Mapped[int | None] = mapped_column(BigInteger)

    site: Mapped[Site] = relationship()
    # One question more for a page of devices, however many: they share few layouts.
    layout: Mapped["Layout"] = relationship(lazy="selectin")

    @property
    def meters(self) -> dict[str, list[Any]]:
        """{name: [value, unit]}."""
        return meters_of(self.layout.content, self.meter_values)

    @property
    def supplies(self) -> list[dict[str, Any]]:
        """flexprint_shared.readings.Supply.as_json() of each."""
        return supplies_of(self.layout.content, self.levels, self.percents, self.states)

    @classmethod
    def visible(cls, scope: Scope) -> ColumnElement[bool]:
        return of_dealer_at_site(cls.dealer_id, cls.site_id, scope)


def devices_of(scope: Scope) -> Select[int]:
    """The ids of the devices that a scope sees."""
    devices = Device.__table__.c
    return select(devices.id).where(devices.dealer_id == scope.dealer_id, devices.site_id.in_(sites_of(scope)))


def of_device(
    dealer_id: InstrumentedAttribute[int], device_id: InstrumentedAttribute[int], scope: Scope
) -> ColumnElement[bool]:
    """What a scope sees of a table whose rows belong to a dealer's device."""
    of_dealer = dealer_id == scope.dealer_id
    return of_dealer if scope.customer_id is None else of_dealer & device_id.in_(devices_of(scope))


class DeviceKey(Model):
    """A key (flexprint_shared.identity.identity_keys, or `address:<agent>:<address>` for a device that has
    none) and the device it names within one dealer. `seen_as` is the device it named before people merged or split,
    where that is another one."""

    __tablename__ = "device_key"

    dealer_id: Mapped[int] = mapped_column(ForeignKey("dealer.id"), primary_key=True)
    key: Mapped[str] = mapped_column(String(300), primary_key=True)
    device_id: Mapped[int] = mapped_column(ForeignKey("device.id", ondelete="CASCADE"), index=True)
    seen_as: Mapped[int | None] = mapped_column(BigInteger)

    @classmethod
    def visible(cls, scope: Scope) -> ColumnElement[bool]:
        return of_device(cls.dealer_id, cls.device_id, scope)


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

    @classmethod
    def visible(cls, scope: Scope) -> ColumnElement[bool]:
        return cls.dealer_id == scope.dealer_id


class Read(Model):
    """One read, wide. `meters`, `levels` and `percents` are lists in the order of the layout, `states` has a letter
    for each supply (flexprint_shared.batch.STATES); the sealed original is row `row` of the batch, which also says
    when the read arrived. `seen_as` is the device that it was first stored for, where people have merged or split since
    and `device_id` is another one: that makes undoing exact.

    No foreign keys: four look-ups for each read would cost more than storing it, and the one statement that
    stores reads takes these numbers from rows it has just locked or made."""

    __tablename__ = "read"
    __table_args__ = (Index(None, "device_id", "read_at"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    dealer_id: Mapped[int]
    device_id: Mapped[int] = mapped_column(BigInteger)
    batch_id: Mapped[int] = mapped_column(BigInteger)
    row: Mapped[int] = mapped_column(SmallInteger)
    layout_id: Mapped[int]
    read_at: Mapped[datetime]
    uptime_s: Mapped[int | None] = mapped_column(BigInteger)
    total: Mapped[int | None] = mapped_column(BigInteger)
    meters: Mapped[list[int]] = mapped_column(Json)
    levels: Mapped[list[int | None]] = mapped_column(Json)
    percents: Mapped[list[int | None]] = mapped_column(Json)
    states: Mapped[str] = mapped_column(Text)
    seen_as: Mapped[int | None] = mapped_column(BigInteger)

    @classmethod
    def visible(cls, scope: Scope) -> ColumnElement[bool]:
        return of_device(cls.dealer_id, cls.device_id, scope)


class DeviceChange(Model):
    """Two devices that somebody merged, or one that somebody split, until and after that is undone.

    `kind` merge: `other_id` was taken into `device_id`. split: `other_id` was made out of the reads of `device_id`
    since `since`. `before` is what undoing needs to know (fleet.merging)."""

    __tablename__ = "device_change"

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    dealer_id: Mapped[int] = mapped_column(ForeignKey("dealer.id"))
    device_id: Mapped[int] = mapped_column(ForeignKey("device.id", ondelete="CASCADE"), index=True)
    other_id: Mapped[int] = mapped_column(ForeignKey("device.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str] = mapped_column(String(10))
    at: Mapped[datetime]
    who: Mapped[str] = mapped_column(String(254))
    note: Mapped[str | None] = mapped_column(Text)
    since: Mapped[datetime | None]
    before: Mapped[dict[str, Any]] = mapped_column(Json)
    undone_at: Mapped[datetime | None]
    undone_by: Mapped[str | None] = mapped_column(String(254))

    @classmethod
    def visible(cls, scope: Scope) -> ColumnElement[bool]:
        return of_device(cls.dealer_id, cls.device_id, scope)


class Doubt(Model):
    """A read of `device_id` bore a key that names `other_id`: are they one device? Kept until somebody says so.
    `reason` is one of identity.Reason; `verdict` same or different."""

    __tablename__ = "identity_doubt"
    __table_args__ = (UniqueConstraint("device_id", "other_id", "key"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    dealer_id: Mapped[int] = mapped_column(ForeignKey("dealer.id"), index=True)
    device_id: Mapped[int] = mapped_column(ForeignKey("device.id", ondelete="CASCADE"))
    other_id: Mapped[int] = mapped_column(ForeignKey("device.id", ondelete="CASCADE"), index=True)
    key: Mapped[str] = mapped_column(String(300))
    reason: Mapped[str] = mapped_column(String(20))
    seen_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]
    settled_by: Mapped[str | None] = mapped_column(String(254))
    verdict: Mapped[str | None] = mapped_column(String(10))

    @classmethod
    def visible(cls, scope: Scope) -> ColumnElement[bool]:
        return of_device(cls.dealer_id, cls.device_id, scope)


class DeviceEvent(Model):
    """Something that happened to who a device is, what it is called or where it belongs: `what` is one of
    identity.Event, `before` and `after` are words for people, `who` is the person who did it; None for what a read
    showed."""

    __tablename__ = "device_event"
    __table_args__ = (Index(None, "device_id", "at"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    dealer_id: Mapped[int] = mapped_column(ForeignKey("dealer.id"))
    device_id: Mapped[int] = mapped_column(ForeignKey("device.id", ondelete="CASCADE"))
    at: Mapped[datetime]
    what: Mapped[str] = mapped_column(String(20))
    before: Mapped[str | None] = mapped_column(String(600))
    after: Mapped[str | None] = mapped_column(String(600))
    who: Mapped[str | None] = mapped_column(String(254))

    @classmethod
    def visible(cls, scope: Scope) -> ColumnElement[bool]:
        return of_device(cls.dealer_id, cls.device_id, scope)


class MeterEpoch(Model):
    """A counter that went down, seen when the read of `at` arrived: `value_before` at `before_at`, `value_after` at
    `at`. `guess` is what it looks like (epochs.Cause); `cause` what somebody confirmed it to be."""

    __tablename__ = "meter_epoch"
    __table_args__ = (UniqueConstraint("device_id", "meter", "at"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    dealer_id: Mapped[int] = mapped_column(ForeignKey("dealer.id"), index=True)
    device_id: Mapped[int] = mapped_column(ForeignKey("device.id", ondelete="CASCADE"))
    meter: Mapped[str] = mapped_column(String(40))
    before_at: Mapped[datetime]
    value_before: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[datetime]
    value_after: Mapped[int] = mapped_column(BigInteger)
    guess: Mapped[str] = mapped_column(String(20))
    cause: Mapped[str | None] = mapped_column(String(20))
    note: Mapped[str | None] = mapped_column(Text)
    confirmed_at: Mapped[datetime | None]
    confirmed_by: Mapped[str | None] = mapped_column(String(254))

    @classmethod
    def visible(cls, scope: Scope) -> ColumnElement[bool]:
        return of_device(cls.dealer_id, cls.device_id, scope)


class SiteDay(Model):
    """What the reads that an agent of `site_id` took on a day of the site's clock came to: `pages` more than before, as
    fleet.days counts them, and how many reads. Kept by whoever stores reads, so that an overview need not go through
    them.

    No foreign keys: the row is written with every batch, next to the device rows that are locked for it anyway."""

    __tablename__ = "site_day"

    dealer_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    day: Mapped[date] = mapped_column(primary_key=True)
    site_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    pages: Mapped[int] = mapped_column(BigInteger)
    reads: Mapped[int]

    @classmethod
    def visible(cls, scope: Scope) -> ColumnElement[bool]:
        return of_dealer_at_site(cls.dealer_id, cls.site_id, scope)
