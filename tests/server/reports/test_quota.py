"""How many workbooks an agent may ask for within an hour."""

from datetime import UTC, datetime, timedelta

import pytest

from flexprint_server.reports.quota import accepted_from

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("minutes_ago", "wait"),
    [
        ([], None),
        ([0] * 11, None),
        ([0] * 12, 60),
        ([*range(12)], 49),
        ([*range(0, 60, 5)], 5),
        ([*range(5, 65, 5)], None),
        ([59] * 12, 1),
        ([60] * 12, None),
        ([59] * 6 + [1] * 6, 1),
        ([59] * 6 + [1] * 12, 59),
        ([*range(11), 5000], None),
    ],
)
def test_the_thirteenth_within_an_hour_waits_until_an_hour_after_the_first_of_the_last_twelve(minutes_ago, wait):
    accepted = [NOW - timedelta(minutes=minutes) for minutes in minutes_ago]
    assert accepted_from(accepted, NOW) == (None if wait is None else NOW + timedelta(minutes=wait))
