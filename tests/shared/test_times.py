"""Instants on the wire."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given

from flexprint_shared.times import from_milliseconds, parse_rfc3339, rfc3339, to_milliseconds
from services.reads import instants


@pytest.mark.parametrize(
    ("instant", "text"),
    [
        (datetime(2026, 11, 22, 8, 0, tzinfo=UTC), "2026-11-22T08:00:00Z"),
        (datetime(2026, 11, 22, 8, 0, 0, 123000, tzinfo=UTC), "2026-11-22T08:00:00.123Z"),
        (datetime(2026, 11, 22, 9, 0, tzinfo=timezone(timedelta(hours=1))), "2026-11-22T08:00:00Z"),
    ],
)
def test_times_are_written_in_utc_with_a_z(instant, text):
    assert rfc3339(instant) == text
    assert parse_rfc3339(text) == instant


@pytest.mark.parametrize("text", ["", "yesterday", "2026-11-22", "2026-11-22T08:00:00", "2026-13-01T00:00:00Z"])
def test_what_names_no_instant_is_refused(text):
    with pytest.raises(ValueError):
        parse_rfc3339(text)


@given(instants)
def test_milliseconds_keep_an_instant(instant):
    assert from_milliseconds(to_milliseconds(instant)) == instant
    assert parse_rfc3339(rfc3339(instant)) == instant
