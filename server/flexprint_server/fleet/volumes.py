"""Pages of devices between two instants, from their stored reads.

Of most devices four reads say it all: those around either end. All reads in between are looked at where they might say
more: where a counter was seen to go down, where the ends do not come from the same source, where there are more pages
than a device prints between two reads.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import chain, pairwise
from typing import Any, Final, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from flexprint_server.database import written_out
from flexprint_server.fleet.models import Device, Layout, MeterEpoch, Read
from flexprint_shared.usage import FASTEST, LONGEST_BRIDGE, PAGES, STRAY_FOR, TOLERANCE, Reading, Volume, history

AT_ONCE: Final = 500
"""Devices to ask for at a time."""

_MANY: Final = 100_000
# Pages from one of the four reads to the next from which on every read in between is looked at: a leap may hide there.

Meter = tuple[str, str]
"""The name and the unit of a meter."""


class _Stored(NamedTuple):
    device_id: int
    read_at: datetime
    layout_id: int
    meters: Sequence[int]


_COLUMNS: Final = (Read.device_id, Read.read_at, Read.layout_id, Read.meters)
_Readings = dict[int, dict[Meter, list[Reading]]]


def volumes(
    session: Session, devices: Sequence[int], since: datetime, until: datetime
) -> dict[int, dict[Meter, Volume]]:
    """The volume of each meter of the devices, AT_ONCE of them at most, from `since` to `until`. What was not read near
    that time is not there."""
    around = _around_the_ends(session, devices, since, until)
    readings = _readings(session, around)
    doubtful = _seen_to_fall(session, devices, since, until) | {
        device for device, by_meter in readings.items() if any(map(_may_hide_more, by_meter.values()))
    }
    if doubtful:
        more = _between(session, doubtful, since, until)
        readings |= _readings(session, {*more, *(read for read in around if read.device_id in doubtful)})
    return {
        device: {meter: _volume(meter, read, since, until) for meter, read in by_meter.items()}
        for device, by_meter in readings.items()
    }


def _volume(meter: Meter, read: Sequence[Reading], since: datetime, until: datetime) -> Volume:
    return history(read, FASTEST if meter[1] in PAGES else None).volume(since, until, TOLERANCE)


def _may_hide_more(read: Sequence[Reading]) -> bool:
    return any(
        after.source != before.source or not 0 <= after.value - before.value < _MANY for before, after in pairwise(read)
    )


def _readings(session: Session, reads: Iterable[_Stored]) -> _Readings:
    """Those reads by device and meter, in the order of their times."""
    ordered = sorted(reads, key=lambda read: (read.device_id, read.read_at))
    layouts = _layouts(session, {read.layout_id for read in ordered})
    found: _Readings = {}
    for read in ordered:
        by_meter = found.setdefault(read.device_id, {})
        for (name, unit, _, source), value in zip(layouts[read.layout_id], read.meters, strict=True):
            by_meter.setdefault((name, unit), []).append(Reading(read.read_at, value, source))
    return found


# ---------------------------------------------------------------- from the database


def _around_the_ends(session: Session, devices: Collection[int], since: datetime, until: datetime) -> set[_Stored]:
    """For each device the last read before and the first one after either end."""
    near = aliased(Read)

    def nearest(after: datetime, until: Any, order: Any) -> Any:
        of_device = select(near.id).where(near.device_id == Device.id, near.read_at > after, until)
        return of_device.order_by(order).limit(1).correlate(Device).scalar_subquery()

    sides = [
        side
        for end in (since, until)
        for side in (
            nearest(end - LONGEST_BRIDGE, near.read_at <= end, near.read_at.desc()),
            nearest(end, near.read_at <= end + LONGEST_BRIDGE, near.read_at),
        )
    ]
    # The numbers first: asked for in one question with their reads, PostgreSQL walks through all reads there are.
    found = set(chain.from_iterable(session.execute(select(*sides).where(Device.id.in_(written_out(devices))))))
    return _stored(session, Read.id.in_(written_out(found - {None})))


def _between(session: Session, devices: Collection[int], since: datetime, until: datetime) -> set[_Stored]:
    """All reads of the devices in that time, and a little on either side, where strays show."""
    return _stored(
        session, Read.device_id.in_(written_out(devices)), Read.read_at.between(since - STRAY_FOR, until + STRAY_FOR)
    )


def _stored(session: Session, *which: Any) -> set[_Stored]:
    rows = session.execute(select(*_COLUMNS).where(*which))
    return {_Stored(device, at, layout, tuple(meters)) for device, at, layout, meters in rows}


def _seen_to_fall(session: Session, devices: Collection[int], since: datetime, until: datetime) -> set[int]:
    """The devices one of whose counters was seen to go down about that time."""
    marks = select(MeterEpoch.device_id).where(
        MeterEpoch.device_id.in_(written_out(devices)),
        MeterEpoch.at > since - LONGEST_BRIDGE,
        MeterEpoch.before_at <= until + LONGEST_BRIDGE,
    )
    return set(session.scalars(marks))


def _layouts(session: Session, ids: Collection[int]) -> Mapping[int, Sequence[Any]]:
    """The meters of each layout: (name, unit, OID, source)."""
    rows = session.execute(select(Layout.id, Layout.content).where(Layout.id.in_(ids)))
    return {number: content["meters"] for number, content in rows}
