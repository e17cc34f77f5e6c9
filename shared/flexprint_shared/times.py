"""Instants on the wire: RFC 3339, UTC, always with a Z."""

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


def rfc3339(instant: datetime) -> str:
    """`2026-11-22T08:00:00Z`; milliseconds appear only where the instant has them."""
    utc = instant.astimezone(UTC)
    precision = "milliseconds" if utc.microsecond else "seconds"
    return utc.isoformat(timespec=precision).replace("+00:00", "Z")


def parse_rfc3339(text: str) -> datetime:
    """The instant in `text`. Raises ValueError when it is none or has no zone."""
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone; write it as 2026-11-22T08:00:00Z")
    return instant.astimezone(UTC)


def on_clock(instant: datetime, zone: tzinfo | None) -> datetime:
    """The instant on the clock of `zone`, or of this machine for None; on that of UTC at either end of the calendar,
    where a wrong clock dates reads and the zone has no such day."""
    try:
        return instant.astimezone(zone)
    except OverflowError:
        return instant.astimezone(UTC)


def to_milliseconds(instant: datetime) -> int:
    """Milliseconds since 1970, rounded down: what a read's time is kept in."""
    return (instant - _EPOCH) // _MILLISECOND


def from_milliseconds(milliseconds: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=milliseconds)
