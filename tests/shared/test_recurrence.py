"""When something that recurs is due."""

import time as clock
from datetime import UTC, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flexprint_shared.recurrence import Recurrence, parse_recurrence

BERLIN = ZoneInfo("Europe/Berlin")
APIA = ZoneInfo("Pacific/Apia")
NEW_YORK = ZoneInfo("America/New_York")


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("line", "zone", "after", "due"),
    [
        ("daily 07:00", UTC, "2026-11-25 06:59", "2026-11-25 07:00"),
        ("daily 07:00", UTC, "2026-11-25 07:00", "2026-11-26 07:00"),
        ("daily 07:00", BERLIN, "2026-11-25 07:00", "2026-11-26 06:00"),
        ("daily 00:00", NEW_YORK, "2026-11-25 04:59", "2026-11-25 05:00"),
        ("daily 23:30", timezone(timedelta(hours=14)), "2026-11-25 09:30", "2026-11-26 09:30"),
        ("weekly mon 07:00", UTC, "2026-11-25 12:00", "2026-11-30 07:00"),
        ("weekly wed 12:00", UTC, "2026-11-25 11:59", "2026-11-25 12:00"),
        ("weekly wed 12:00", UTC, "2026-11-25 12:00", "2026-12-02 12:00"),
        ("weekly sun 23:59", UTC, "2026-12-31 00:00", "2027-01-03 23:59"),
        ("monthly 1 07:00", UTC, "2026-11-25 12:00", "2026-12-01 07:00"),
        ("monthly 1 07:00", UTC, "2026-12-01 07:00", "2027-01-01 07:00"),
        ("monthly 31 07:00", UTC, "2026-11-25 12:00", "2026-11-30 07:00"),
        ("monthly 31 07:00", UTC, "2027-02-01 00:00", "2027-02-28 07:00"),
        ("monthly 30 07:00", UTC, "2028-02-01 00:00", "2028-02-29 07:00"),
        # The first of the month in Apia is still the last of the month before in UTC.
        ("monthly 1 07:00", APIA, "2026-11-25 12:00", "2026-11-30 18:00"),
        # Months that end on a Monday, a Saturday, a Sunday, a Friday.
        ("last-working-day 16:00", UTC, "2026-11-25 12:00", "2026-11-30 16:00"),
        ("last-working-day 16:00", UTC, "2026-10-25 12:00", "2026-10-30 16:00"),
        ("last-working-day 16:00", UTC, "2027-01-05 12:00", "2027-01-29 16:00"),
        ("last-working-day 16:00", UTC, "2026-07-31 15:59", "2026-07-31 16:00"),
        ("last-working-day 16:00", UTC, "2026-07-31 16:00", "2026-08-31 16:00"),
    ],
)
def test_the_next_time_is_the_first_one_after_now(line, zone, after, due):
    assert parse_recurrence(line).next_after(utc(after), zone) == utc(due)


@pytest.mark.parametrize(
    ("line", "zone", "after", "due"),
    [
        # Berlin's clocks skip 02:00 to 03:00 on 2026-03-29: what was due at 02:30 comes at 03:30 by the new time.
        ("daily 02:30", BERLIN, "2026-03-28 12:00", "2026-03-29 01:30"),
        ("daily 02:30", BERLIN, "2026-03-29 01:30", "2026-03-30 00:30"),
        # They show 02:00 to 03:00 twice on 2026-10-25: it is due the first time, and not again.
        ("daily 02:30", BERLIN, "2026-10-24 12:00", "2026-10-25 00:30"),
        ("daily 02:30", BERLIN, "2026-10-25 00:30", "2026-10-26 01:30"),
        ("daily 02:30", BERLIN, "2026-10-25 01:00", "2026-10-26 01:30"),
        # Apia had no 30 December 2011.
        ("daily 12:00", APIA, "2011-12-29 23:00", "2011-12-30 22:00"),
        ("daily 12:00", APIA, "2011-12-30 22:00", "2011-12-31 22:00"),
    ],
)
def test_a_time_that_clocks_skip_comes_later_and_one_they_show_twice_comes_once(line, zone, after, due):
    assert parse_recurrence(line).next_after(utc(after), zone) == utc(due)


@pytest.fixture
def in_berlin(monkeypatch):
    if not hasattr(clock, "tzset"):
        pytest.skip("this system's time zone cannot be set for one process")
    monkeypatch.setenv("TZ", "Europe/Berlin")
    clock.tzset()
    yield
    monkeypatch.undo()
    clock.tzset()


def test_without_a_zone_the_clock_of_this_machine_counts(in_berlin):
    """The agent has no database of time zones on Windows; the system knows its own."""
    daily = parse_recurrence("daily 02:30")
    assert daily.next_after(utc("2026-03-28 12:00"), None) == utc("2026-03-29 01:30")
    assert daily.next_after(utc("2026-10-25 00:30"), None) == utc("2026-10-26 01:30")
    assert parse_recurrence("monthly 1 00:00").next_after(utc("2026-07-31 21:59"), None) == utc("2026-07-31 22:00")


days = st.one_of(
    st.tuples(st.just("daily"), st.none()),
    st.tuples(st.just("weekly"), st.integers(0, 6)),
    st.tuples(st.just("monthly"), st.integers(1, 31)),
    st.tuples(st.just("last-working-day"), st.none()),
)
times = st.builds(time, st.integers(0, 23), st.integers(0, 59))
recurrences = st.builds(lambda day, at: Recurrence(day[0], at, day[1]), days, times)
instants = st.datetimes(
    utc("1971-01-01").replace(tzinfo=None), utc("2090-01-01").replace(tzinfo=None), timezones=st.just(UTC)
)


@given(recurrences)
def test_a_schedule_reads_back_as_it_is_written(recurrence):
    assert parse_recurrence(str(recurrence)) == recurrence
    assert parse_recurrence(f"  {str(recurrence).upper()} ") == recurrence


@given(recurrences, instants, st.sampled_from([UTC, BERLIN, NEW_YORK, APIA]))
def test_the_next_time_lies_ahead_and_none_between_is_passed_over(recurrence, instant, zone):
    due = recurrence.next_after(instant, zone)
    # A month of 31 days, and up to two days by which the last working day moves from month to month.
    assert timedelta(0) < due - instant <= timedelta(days=35)
    assert recurrence.next_after(due - timedelta(microseconds=1), zone) == due
    assert recurrence.next_after(instant + (due - instant) / 2, zone) == due


@pytest.mark.parametrize(
    "text",
    [
        "",
        "07:00",
        "daily",
        "daily 7",
        "daily 24:00",
        "daily 07:60",
        "daily mon 07:00",
        "weekly 07:00",
        "weekly monkey 07:00",
        "weekly mo 07:00",
        "monthly 0 07:00",
        "monthly 32 07:00",
        "monthly -1 07:00",
        "monthly \u0661 07:00",
        "hourly 07:00",
        "last-working-day 1 07:00",
        "x" * 10_000,
    ],
)
def test_what_is_no_schedule_is_refused_with_the_forms_that_are(text):
    with pytest.raises(ValueError, match="weekly mon 07:00") as caught:
        parse_recurrence(text)
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("daily 7:00", "every day at 07:00"),
        ("weekly Sunday 18:30", "every Sunday at 18:30"),
        ("monthly 15 06:00", "on day 15 of each month at 06:00"),
        ("monthly 31 06:00", "on the last day of each month at 06:00"),
        ("last-working-day 16:00", "on the last working day of each month at 16:00"),
    ],
)
def test_people_read_it_as_words(line, words):
    assert parse_recurrence(line).in_words() == words
