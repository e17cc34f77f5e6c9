"""When a report is tried again, and when that ends."""

from datetime import UTC, datetime, timedelta

import pytest

from flexprint_server.reports.retries import TRIES, next_attempt

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("step", "attempts", "luck", "seconds"),
    [
        ("sending", 1, 1, 15),
        ("sending", 2, 1, 30),
        ("sending", 3, 1, 60),
        ("sending", 8, 1, 1920),
        ("sending", 9, 1, 3600),
        ("sending", 55, 1, 3600),
        ("sending", 1, 0, 11.25),
        ("sending", 9, 0, 2700),
        ("building", 1, 1, 15),
        ("building", 7, 1, 960),
        ("sending", 0, 1, 15),
        ("sending", 56, 1, None),
        ("sending", 1000, 1, None),
        ("building", 8, 1, None),
    ],
)
def test_the_wait_doubles_up_to_an_hour_and_then_it_is_enough(step, attempts, luck, seconds):
    expected = None if seconds is None else NOW + timedelta(seconds=seconds)
    assert next_attempt(step, attempts, NOW, luck) == expected


@pytest.mark.parametrize(
    ("step", "least", "most"),
    [("building", timedelta(minutes=20), timedelta(hours=1)), ("sending", timedelta(days=1.4), timedelta(days=2.1))],
)
def test_it_goes_on_for_as_long_as_the_fault_may_last(step, least, most):
    """A mail server may be away over a day, and then the report still arrives."""
    for luck, bound in ((0, least), (1, most)):
        at, attempts = NOW, 1
        while (again := next_attempt(step, attempts, at, luck)) is not None:
            at, attempts = again, attempts + 1
        assert attempts == TRIES[step]
        assert (at - NOW >= bound) if luck == 0 else (at - NOW <= bound)
