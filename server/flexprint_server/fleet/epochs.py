"""Counters that went down: seen when the read arrives, shown to people, confirmed by one of them.

This is the notice. What was printed is worked out from the reads themselves (flexprint_shared.usage), whether or not
anybody has confirmed it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, Protocol

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from flexprint_server.fleet.models import Device, Layout, MeterEpoch
from flexprint_server.fleet.origin import ABSURD, Origin
from flexprint_server.tenants import audit
from flexprint_server.tenants.sign_in import Visitor
from flexprint_shared import usage
from flexprint_shared.text import clean
from flexprint_shared.times import from_milliseconds, rfc3339

Cause = Literal["rollover", "reset", "board", "replaced", "source", "misread"]
CAUSES: Final[tuple[Cause, ...]] = ("board", "reset", "rollover", "replaced", "source", "misread")
"""What somebody may confirm: another main board; a reset; the counter passed its largest figure; another device under
the same label; figures from another source; a figure that was never right."""

BY_ITSELF: Final = "stray"
"""The cause of an epoch that nobody has to confirm: the counter was soon back in its course."""


MOST_SHOWN: Final = 20
"""Counters that went down, on a device's page."""

LONGEST_NOTE: Final = 500
_LOOKED_AT_FOR: Final = 2 * usage.STRAY_FOR


class Counted(Protocol):
    """The figures of a read (storing.Figures)."""

    @property
    def device_id(self) -> int: ...
    @property
    def at(self) -> int: ...
    @property
    def layout_id(self) -> int: ...
    @property
    def meters(self) -> Sequence[int]: ...


@dataclass(slots=True, frozen=True)
class Fall:
    meter: str
    value_before: int
    value_after: int
    guess: str


Meters = Mapping[tuple[str, str], tuple[int, str]]
"""{(name, unit): (value, source)}."""


def falls(before: Meters, before_at: datetime, after: Meters, at: datetime) -> list[Fall]:
    """The meters that are lower at `at` than at `before_at`, and what it looks like."""
    found = []
    for key, (value, source) in after.items():
        was = before.get(key)
        if was is None or was[0] <= value:
            continue
        readings = [usage.Reading(before_at, *was), usage.Reading(at, value, source)]
        epochs = usage.history(readings, usage.FASTEST if key[1] in usage.PAGES else None).epochs
        found.append(Fall(key[0], was[0], value, _guess(epochs[-1].begun, was[0], value)))
    return found


def _guess(begun: usage.Begun, before: int, after: int) -> str:
    """`lower` is said of a counter that went down and is far from 0: nothing to guess from."""
    if begun in ("rollover", "source"):
        return begun
    return "reset" if after * 10 <= before else "lower"


def note(connection: Connection, origin: Origin, suspects: Sequence[tuple[Counted, Counted | None]]) -> None:
    """Writes down which counters went down, of reads that may hold one: each with the read before it where that came in
    the same batch. Reads that are older than what the device shows are left to the history."""
    shown = _shown(connection, {figures.device_id for figures, earlier in suspects if earlier is None})
    layouts = _layouts(connection, origin.dealer_id, suspects, shown)
    latest = origin.received_at + ABSURD
    rows = []
    for figures, earlier in suspects:
        at = from_milliseconds(figures.at)
        if earlier is not None:
            before_at, layout, values = from_milliseconds(earlier.at), earlier.layout_id, earlier.meters
        else:
            before_at, layout, values = shown[figures.device_id]
        if not before_at < at <= latest:
            continue
        before, after = _meters(layouts[layout], values), _meters(layouts[figures.layout_id], figures.meters)
        rows += [
            {
                "dealer_id": origin.dealer_id,
                "device_id": figures.device_id,
                "meter": fall.meter,
                "before_at": before_at,
                "value_before": fall.value_before,
                "at": at,
                "value_after": fall.value_after,
                "guess": fall.guess,
            }
            for fall in falls(before, before_at, after, at)
        ]
    if rows:
        make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
        connection.execute(make(MeterEpoch).on_conflict_do_nothing(), rows)


def _shown(connection: Connection, devices: set[int]) -> dict[int, tuple[datetime, int, Sequence[int]]]:
    asked = select(Device.id, Device.last_read_at, Device.layout_id, Device.meter_values).where(Device.id.in_(devices))
    return {row[0]: (row[1], row[2], row[3]) for row in connection.execute(asked)}


def _layouts(
    connection: Connection,
    dealer_id: int,
    suspects: Sequence[tuple[Counted, Counted | None]],
    shown: Mapping[int, tuple[datetime, int, Sequence[int]]],
) -> dict[int, dict[str, Any]]:
    wanted = {layout for _, layout, _ in shown.values()} | {figures.layout_id for figures, _ in suspects}
    wanted |= {earlier.layout_id for _, earlier in suspects if earlier is not None}
    asked = select(Layout.id, Layout.content).where(Layout.dealer_id == dealer_id, Layout.id.in_(wanted))
    return {row[0]: row[1] for row in connection.execute(asked)}


def _meters(layout: Mapping[str, Any], values: Sequence[int]) -> Meters:
    return {
        (name, unit): (value, source) for (name, unit, _, source), value in zip(layout["meters"], values, strict=True)
    }


def settle_strays(session: Session, now: datetime) -> None:
    """Closes what nobody need confirm: counters that were soon back in their course (flexprint_shared.usage)."""
    asked = (
        select(MeterEpoch, Device, Layout.content)
        .join(Device, Device.id == MeterEpoch.device_id)
        .join(Layout, Layout.id == Device.layout_id)
        .where(MeterEpoch.confirmed_at.is_(None), MeterEpoch.at > now - _LOOKED_AT_FOR)
    )
    for epoch, device, layout in session.execute(asked).all():
        shown = [value for (name, _), (value, _) in _meters(layout, device.meter_values).items() if name == epoch.meter]
        back = device.last_read_at > epoch.at and device.last_read_at - epoch.at <= usage.STRAY_FOR
        if back and shown and shown[0] >= epoch.value_before:
            epoch.cause, epoch.confirmed_at = BY_ITSELF, now


def of_device(dealer_id: int, session: Session, device_id: int) -> list[MeterEpoch]:
    """What went down, those that nobody has confirmed first; MOST_SHOWN at most."""
    return list(
        session.scalars(
            select(MeterEpoch)
            .where(MeterEpoch.dealer_id == dealer_id, MeterEpoch.device_id == device_id)
            .order_by(MeterEpoch.confirmed_at.is_not(None), MeterEpoch.at.desc(), MeterEpoch.id)
            .limit(MOST_SHOWN)
        )
    )


def confirm(
    session: Session, visitor: Visitor, device_id: int, epoch_id: int, cause: str, note: str, now: datetime
) -> bool:
    """Keeps what somebody says of a counter that went down, and of all that went down with it in the same read. False
    when this device has no such one, or the cause is none."""
    epoch = session.scalar(
        select(MeterEpoch).where(
            MeterEpoch.dealer_id == visitor.dealer_id, MeterEpoch.id == epoch_id, MeterEpoch.device_id == device_id
        )
    )
    if epoch is None or cause not in CAUSES:
        return False
    values = {
        "cause": cause,
        "note": clean(note, LONGEST_NOTE) or None,
        "confirmed_at": now,
        "confirmed_by": visitor.email,
    }
    alike = update(MeterEpoch).where(MeterEpoch.device_id == device_id, MeterEpoch.at == epoch.at)
    session.execute(alike.values(values))
    after = {"cause": cause, "at": rfc3339(epoch.at), **({"note": values["note"]} if values["note"] else {})}
    audit.note(session, visitor, "device.epoch_confirmed", f"device {device_id}", now, after=after)
    return True
