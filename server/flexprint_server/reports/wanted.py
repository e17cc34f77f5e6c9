"""What a report is to be about and what its workbook holds, as it is kept with the report. Pure."""

from datetime import datetime, timedelta
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

CoversKind = Literal["all", "customers", "sites", "groups", "devices"]
SheetName = Literal["supplies", "volume", "import"]
Period = Literal["none", "month", "week", "run"]

SHEETS: Final[tuple[SheetName, ...]] = ("supplies", "volume", "import")
"""Sheets that may be chosen beside Devices and About, which are always there."""

MOST_COVERED: Final = 1000
"""Customers, sites or devices that one schedule names."""

UTC_ZONE: Final = ZoneInfo("UTC")

_DAY: Final = timedelta(days=1)


class Covers(msgspec.Struct, frozen=True):
    """Whose printers: all of the dealer's, or those of some customers or sites, or some of them by their ids; or those
    of the sites that are in a group by then, by the `names` of the groups."""

    kind: CoversKind
    ids: tuple[int, ...] = ()
    names: tuple[str, ...] = ()


class Wanted(msgspec.Struct, frozen=True):
    """`name` is what mail and workbook call it, empty for the names of customer and site. `columns` are keys of
    workbook.devices.COLUMNS, empty for all. `subject` and `file_name` are templates (reports.wording), empty for the
    usual ones; their days, and the times that people read, are those of the time zone `zone`. Volume is told from
    `since` to `until`."""

    covers: Covers
    name: str = ""
    sheets: tuple[SheetName, ...] = ("supplies", "import")
    columns: tuple[str, ...] = ()
    subject: str = ""
    file_name: str = ""
    zone: str = "UTC"
    since: datetime | None = None
    until: datetime | None = None

    def as_json(self) -> dict[str, Any]:
        return dict(msgspec.to_builtins(self))


def wanted_of(kept: dict[str, Any] | None, site_id: int | None) -> Wanted:
    """What a stored report is to be: an agent's report keeps nothing of it, and is about its site."""
    if kept is None:
        return Wanted(Covers("sites", () if site_id is None else (site_id,)))
    return msgspec.convert(kept, Wanted)


def zone_of(name: str) -> ZoneInfo:
    """The time zone of that IANA name. Raises ValueError."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:  # OSError: the name of a folder of zones
        raise ValueError(f"{name[:64]!r} is no time zone; write one like Europe/Berlin or America/New_York") from error


def period(kind: Period, now: datetime, before: datetime) -> tuple[datetime, datetime] | None:
    """From when to when volume is told at `now`, which is in the schedule's time zone: over the last calendar month,
    the last week from Monday to Sunday, or since `before`, the run before this one. None where it is not told."""
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if kind == "month":
        until = today.replace(day=1)
        return (until - _DAY).replace(day=1), until
    if kind == "week":
        until = _midnight(today, today.weekday())
        return _midnight(until, 7), until
    return (before, now) if kind == "run" else None


def _midnight(day: datetime, days_ago: int) -> datetime:
    return day - days_ago * _DAY  # the wall clock's: datetimes of one zone are counted by it
