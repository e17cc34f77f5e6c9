"""How long a device is left alone that reading did no good, and how gently it is asked afterwards. Pure."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from flexprint_agent.keep.rests import Rest

FIRST: Final = timedelta(hours=1)
LONGEST: Final = timedelta(days=7)
_GROWTH: Final = 4
_MOST_TIMES: Final = 6

SOON: Final = timedelta(minutes=5)
"""A device that started again within this time of our read may have done so because of it."""

FELL_SILENT: Final = "it fell silent while it was being read"
RESTARTED: Final = "it restarted while it was being read"
RESTARTED_AFTER: Final = "it restarted right after it was read"

# Of a device that had trouble once no GETBULK and few objects at a time are asked; after that one at a time.
_GENTLE: Final = {"bulk": False, "most_objects": 8}
_GENTLEST: Final = {"bulk": False, "most_objects": 1}


def after_trouble(before: Rest | None, reason: str, at: datetime) -> Rest:
    """One hour, then four, sixteen, and so on up to a week."""
    times = min((before.times if before else 0) + 1, _MOST_TIMES)
    return Rest(reason, times, at, at + min(FIRST * _GROWTH ** (times - 1), LONGEST))


def after_success(before: Rest | None) -> Rest | None:
    """A read that went well makes up for one that did not."""
    if before is None or before.times <= 1:
        return None
    return Rest(before.reason, before.times - 1, before.since, before.since)


def restarted_after(last_read_at: datetime | None, read_at: datetime, uptime_s: int | None) -> bool:
    """Whether a device that has been up for that long started right after it was read the last time."""
    if last_read_at is None or uptime_s is None:
        return False
    started_at = read_at - timedelta(seconds=uptime_s)
    return timedelta(0) <= started_at - last_read_at <= SOON


def gently(known: Mapping[str, Any], rest: Rest | None) -> Mapping[str, Any]:
    """What is known of a device, with traits that ask less of it at a time while something is held against it."""
    if rest is None:
        return known
    return {**known, "traits": {**known.get("traits", {}), **(_GENTLE if rest.times == 1 else _GENTLEST)}}


def manner(traits: Mapping[str, Any]) -> str | None:
    """How a device is asked where it cannot be asked as any other, in words."""
    most = traits.get("most_objects", 36)
    said = [
        "SNMP v1 only" if traits.get("version") == 0 else "",
        "" if traits.get("bulk", True) else "without GETBULK",
        "one object a packet" if most == 1 else f"at most {most} objects a packet" if most < 36 else "",
    ]
    return ", ".join(filter(None, said)) or None
