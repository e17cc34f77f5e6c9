"""What the page of one device asks: the device, its reads, its history. Every question names its dealer first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session, joinedload

from flexprint_server.fleet.models import BATCH, Device, Layout, Read
from flexprint_server.fleet.origin import ABSURD
from flexprint_server.fleet.queries import contents
from flexprint_server.tenants.models import Agent, Site

READS_PAGE: Final = 25
"""Reads on one page of a device's history."""

MOST_POINTS: Final = 5000
"""Points of a device's history at most: 90 days, hourly and more."""


@dataclass(slots=True, frozen=True)
class StoredRead:
    """A read with the layout that says what its figures are, and the batch that brought it."""

    id: int
    read_at: datetime
    uptime_s: int | None
    row: int
    meters: Sequence[int]
    layout: dict[str, Any]
    sequence: int
    received_at: datetime
    gap: bool

    @property
    def is_ahead(self) -> bool:
        """True when the clock that told read_at was wrong: so far ahead of its arrival no read is made."""
        return self.read_at > self.received_at + ABSURD

    def values(self) -> dict[str, int]:
        """The meters by name."""
        names = (meter[0] for meter in self.layout["meters"])
        return dict(zip(names, self.meters, strict=False))


def device(dealer_id: int, session: Session, device_id: int) -> Device | None:
    """The device with its site and customer; None when this dealer has no such device."""
    return session.scalar(
        select(Device)
        .where(Device.dealer_id == dealer_id, Device.id == device_id)
        .options(joinedload(Device.site).joinedload(Site.customer))
    )


def agent_of(dealer_id: int, session: Session, device: Device) -> Agent | None:
    """The agent that reads the device."""
    return session.scalar(select(Agent).where(Agent.dealer_id == dealer_id, Agent.id == device.agent_id))


def reads(
    dealer_id: int, session: Session, device_id: int, before: tuple[datetime, int] | None = None
) -> list[StoredRead]:
    """READS_PAGE reads and one more (there is a next page when it came), the newest first, of those older than
    `before`: the time and id of the last read on the page before this one."""
    asked = _reads(dealer_id, device_id).limit(READS_PAGE + 1)
    if before is not None:
        read_at, read_id = before
        asked = asked.where(Read.read_at <= read_at, or_(Read.read_at < read_at, Read.id < read_id))
    return [StoredRead(*row) for row in session.execute(asked)]


def newest_read(dealer_id: int, session: Session, device: Device) -> StoredRead | None:
    """The read that the device's row shows. Reads from a clock that ran ahead may lie above it, and do not count."""
    asked = _reads(dealer_id, device.id).where(Read.read_at <= device.last_read_at).limit(1)
    row = session.execute(asked).first()
    return StoredRead(*row) if row else None


def _reads(dealer_id: int, device_id: int) -> Select[*tuple[Any, ...]]:
    """The columns of StoredRead, the newest read first."""
    return (
        select(
            Read.id,
            Read.read_at,
            Read.uptime_s,
            Read.row,
            Read.meters,
            Layout.content,
            BATCH.c.sequence,
            BATCH.c.received_at,
            BATCH.c.gap,
        )
        .join(Layout, Layout.id == Read.layout_id)
        .join(BATCH, BATCH.c.id == Read.batch_id)
        .where(Read.dealer_id == dealer_id, Read.device_id == device_id)
        .order_by(Read.read_at.desc(), Read.id.desc())
    )


def history(
    dealer_id: int, session: Session, device_id: int, since: datetime, now: datetime
) -> list[tuple[datetime, int]]:
    """The totals read since then, the oldest first, MOST_POINTS of the newest at most. What a wrong clock dates
    beyond tomorrow is left out."""
    rows = session.execute(
        select(Read.read_at, Read.total)
        .where(
            Read.dealer_id == dealer_id,
            Read.device_id == device_id,
            Read.read_at >= since,
            Read.read_at <= now + ABSURD,
            Read.total.is_not(None),
        )
        .order_by(Read.read_at.desc())
        .limit(MOST_POINTS)
    )
    return [(read_at, total) for read_at, total in rows if total is not None][::-1]


def meter_history(
    dealer_id: int, session: Session, device_id: int, meter: str, since: datetime, now: datetime
) -> list[tuple[datetime, int]]:
    """history() of any meter by its name; reads that do not give it are left out."""
    if meter == "total":
        return history(dealer_id, session, device_id, since, now)
    asked = _between(select(Read.read_at, Read.meters, Read.layout_id), dealer_id, device_id, since, now)
    rows = session.execute(asked).all()
    places = {
        layout_id: [name for name, *_ in content["meters"]].index(meter)
        for layout_id, content in contents(dealer_id, session, {row.layout_id for row in rows}).items()
        if any(name == meter for name, *_ in content["meters"])
    }
    told = [(row.read_at, row.meters[places[row.layout_id]]) for row in rows if row.layout_id in places]
    return told[::-1]


@dataclass(slots=True, frozen=True)
class Lately:
    """Reads of a device since a while, the oldest first: when, and what stood beside the time in the layout
    `layout_id`."""

    read_at: datetime
    layout_id: int
    percents: Sequence[int | None]


def lately(dealer_id: int, session: Session, device_id: int, since: datetime, now: datetime) -> list[Lately]:
    """MOST_POINTS of the newest at most."""
    asked = _between(select(Read.read_at, Read.layout_id, Read.percents), dealer_id, device_id, since, now)
    return [Lately(*row) for row in session.execute(asked)][::-1]


def _between(
    asked: Select[*tuple[Any, ...]], dealer_id: int, device_id: int, since: datetime, now: datetime
) -> Select[*tuple[Any, ...]]:
    within = (Read.read_at >= since, Read.read_at <= now + ABSURD)
    of_device = asked.where(Read.dealer_id == dealer_id, Read.device_id == device_id, *within)
    return of_device.order_by(Read.read_at.desc()).limit(MOST_POINTS)
