"""The fleet as programs walk it: page by page, each beginning where the one before ended, so that the last page of
twenty million reads costs what the first does."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Select, or_, select
from sqlalchemy.orm import Session, joinedload

from flexprint_server.fleet.figures import supplies_of
from flexprint_server.fleet.models import BATCH, Device, Layout, Read
from flexprint_server.fleet.rules import Rules, rules_of
from flexprint_server.tenants.agents import SILENCE, is_silence
from flexprint_server.tenants.models import Agent, Customer, Site


@dataclass(slots=True, frozen=True)
class Only:
    """What a list is narrowed to; None for no limit."""

    customer: int | None = None
    site: int | None = None
    serial: str | None = None
    asset: str | None = None
    stale: bool | None = None
    new: bool | None = None
    low: bool | None = None


@dataclass(slots=True, frozen=True)
class ListedDevice:
    """A device, and by which rules and at what time it is stale or new or not."""

    device: Device
    rules: Rules
    now: datetime

    @property
    def is_stale(self) -> bool:
        return self.rules.is_stale(self.device, self.now)

    @property
    def is_new(self) -> bool:
        return self.rules.is_new(self.device, self.now)

    @property
    def asset(self) -> str | None:
        """As a person typed it, else as the device says; the same of the two below."""
        return self.device.typed_asset or self.device.asset

    @property
    def name(self) -> str | None:
        return self.device.typed_name or self.device.name

    @property
    def location(self) -> str | None:
        return self.device.typed_location or self.device.location


class ListedAgent(NamedTuple):
    """An agent, and when it was found overdue; None for one that is not."""

    agent: Agent
    silent_since: datetime | None


@dataclass(slots=True, frozen=True)
class ListedRead:
    """A read with its layout and the batch that brought it."""

    id: int
    device_id: int
    read_at: datetime
    uptime_s: int | None
    row: int
    meters: Sequence[int]
    levels: Sequence[int | None]
    percents: Sequence[int | None]
    states: str
    layout: dict[str, Any]
    sequence: int
    received_at: datetime
    gap: bool

    def supplies(self) -> list[dict[str, Any]]:
        """As Device.supplies."""
        return supplies_of(self.layout, self.levels, self.percents, self.states)


def customers(dealer_id: int, session: Session, after: int, most: int) -> Sequence[Customer]:
    asked = select(Customer).where(Customer.dealer_id == dealer_id, Customer.id > after)
    return session.scalars(asked.order_by(Customer.id).limit(most)).all()


def sites(dealer_id: int, session: Session, after: int, most: int, only: Only) -> Sequence[Site]:
    asked = select(Site).where(Site.dealer_id == dealer_id, Site.id > after)
    if only.customer is not None:
        asked = asked.where(Site.customer_id == only.customer)
    return session.scalars(asked.order_by(Site.id).limit(most)).all()


def agents(dealer_id: int, session: Session, after: UUID | None, most: int, only: Only) -> list[ListedAgent]:
    asked = select(Agent, SILENCE.c.opened_at).outerjoin(SILENCE, is_silence())
    asked = asked.where(Agent.dealer_id == dealer_id, *_placed(dealer_id, Agent.site_id, only))
    if after is not None:
        asked = asked.where(Agent.id > after)
    rows = session.execute(asked.order_by(Agent.id).limit(most).options(joinedload(Agent.site)))
    return [ListedAgent(*row) for row in rows]


def devices(dealer_id: int, session: Session, after: int, most: int, only: Only, now: datetime) -> Sequence[Device]:
    """Those in the fleet with an id above `after`."""
    asked = select(Device).where(
        Device.dealer_id == dealer_id, Device.id > after, Device.in_fleet, *_placed(dealer_id, Device.site_id, only)
    )
    if only.serial is not None:
        asked = asked.where(Device.serial == only.serial)
    if only.asset is not None:
        said = Device.typed_asset.is_(None) & (Device.asset == only.asset)
        asked = asked.where(or_(Device.typed_asset == only.asset, said))
    if only.stale is not None or only.new is not None:
        rules = rules_of(session, dealer_id)
        for wanted, ones in ((only.stale, rules.stale_ones(now)), (only.new, rules.new_ones(now))):
            if wanted is not None:
                asked = asked.where(ones if wanted else ~ones)
    if only.low is not None:
        asked = asked.where(Device.supply_low.is_(only.low))
    return session.scalars(asked.order_by(Device.id).limit(most).options(joinedload(Device.site))).all()


def device(dealer_id: int, session: Session, device_id: int) -> Device | None:
    """Whether it is in the fleet or not; None when this dealer has no such device."""
    asked = select(Device).where(Device.dealer_id == dealer_id, Device.id == device_id)
    return session.scalar(asked.options(joinedload(Device.site)))


def reads(
    dealer_id: int,
    session: Session,
    device_id: int,
    after: tuple[datetime, int] | None,
    most: int,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[ListedRead]:
    """The device's reads from `since` to before `until`, the oldest first, those that come after the read `after`,
    which is named by its time and id."""
    asked = _reads(dealer_id, device_id).limit(most)
    if since is not None:
        asked = asked.where(Read.read_at >= since)
    if until is not None:
        asked = asked.where(Read.read_at < until)
    if after is not None:
        read_at, read_id = after
        asked = asked.where(Read.read_at >= read_at, or_(Read.read_at > read_at, Read.id > read_id))
    return [ListedRead(*row) for row in session.execute(asked)]


def _reads(dealer_id: int, device_id: int) -> Select[*tuple[Any, ...]]:
    """The columns of ListedRead, the oldest read first."""
    return (
        select(
            Read.id,
            Read.device_id,
            Read.read_at,
            Read.uptime_s,
            Read.row,
            Read.meters,
            Read.levels,
            Read.percents,
            Read.states,
            Layout.content,
            BATCH.c.sequence,
            BATCH.c.received_at,
            BATCH.c.gap,
        )
        .join(Layout, Layout.id == Read.layout_id)
        .join(BATCH, BATCH.c.id == Read.batch_id)
        .where(Read.dealer_id == dealer_id, Read.device_id == device_id)
        .order_by(Read.read_at, Read.id)
    )


def _placed(dealer_id: int, site_id: Any, only: Only) -> list[ColumnElement[bool]]:
    """At the wanted customer or site."""
    conditions: list[ColumnElement[bool]] = []
    if only.site is not None:
        conditions.append(site_id == only.site)
    if only.customer is not None:
        of_customer = select(Site.id).where(Site.dealer_id == dealer_id, Site.customer_id == only.customer)
        conditions.append(site_id.in_(of_customer))
    return conditions
