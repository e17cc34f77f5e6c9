"""Pages by day: each counted once, on the day of the read that first shows it."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from flexprint_server.fleet.days import Counted, by_day

MONDAY = datetime(2026, 11, 23, 8, tzinfo=UTC)


def reads(*told):
    """(device, hours after Monday at 8, total)."""
    return [
        Counted(device, int((MONDAY + timedelta(hours=hours)).timestamp() * 1000), total)
        for device, hours, total in told
    ]


@pytest.mark.parametrize(
    ("told", "before", "expected"),
    [
        pytest.param([(1, 0, 150)], {1: 100}, [(23, 50, 1)], id="what it made since the read before"),
        pytest.param([(1, 0, 150)], {1: None}, [(23, 0, 1)], id="a first total counts from there on"),
        pytest.param([(1, 0, 150)], {1: 150}, [(23, 0, 1)], id="a device seen for the first time"),
        pytest.param([(1, 0, None)], {1: 100}, [(23, 0, 1)], id="a read without a total"),
        pytest.param([(1, 0, 110), (2, 0, 230), (1, 24, 125)], {1: 100, 2: 200}, [(23, 40, 2), (24, 15, 1)], id="days and devices apart"),
        pytest.param([(1, 0, 7), (1, 1, 12)], {1: 900}, [(23, 0, 2)], id="a counter that went down counts for nothing"),
        pytest.param([(1, -48, 60), (1, -24, 90)], {1: 100}, [(21, 0, 1), (22, 0, 1)], id="older reads that arrive late are counted already"),
        pytest.param([(1, 16, 120)], {1: 100}, [(24, 20, 1)], id="a day begins at midnight UTC"),
        pytest.param([], {}, [], id="nothing"),
    ],
)  # fmt: skip
def test_pages_count_once_on_the_day_they_are_first_seen(told, before, expected):
    found = by_day(reads(*told), before)
    assert [(day.day.day, day.pages, day.reads) for day in found] == expected


def test_a_read_from_long_before_1970_has_a_day_too():
    assert by_day([Counted(1, -1, 5)], {})[0].day == date(1969, 12, 31)


@pytest.mark.parametrize(
    ("zone", "at", "day"),
    [
        ("Europe/Berlin", "2026-11-22T22:59:59", "2026-11-22"),
        ("Europe/Berlin", "2026-11-22T23:00:00", "2026-11-23"),
        ("America/New_York", "2026-11-01T03:59:59", "2026-10-31"),
        # Summer time ends that night: the day has 25 hours, of which the last one is not the next day's.
        ("America/New_York", "2026-11-02T04:59:59", "2026-11-01"),
        ("America/New_York", "2026-11-02T05:00:00", "2026-11-02"),
        ("Europe/Berlin", "2026-03-29T21:59:59", "2026-03-29"),
        ("Europe/Berlin", "2026-03-29T22:00:00", "2026-03-30"),
        ("Asia/Kathmandu", "2026-11-22T18:15:00", "2026-11-23"),
        ("Pacific/Kiritimati", "2026-12-31T10:00:00", "2027-01-01"),
        # A wrong clock, at the end of the calendar: there is no later day.
        ("Pacific/Kiritimati", "9999-12-31T23:59:59", "9999-12-31"),
    ],
)
def test_a_day_begins_at_midnight_by_the_clock_of_the_site(zone, at, day):
    milliseconds = (datetime.fromisoformat(at).replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(
        milliseconds=1
    )
    (found,) = by_day([Counted(1, milliseconds, 5)], {}, ZoneInfo(zone))
    assert found.day == date.fromisoformat(day)
