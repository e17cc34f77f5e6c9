"""How long a supply lasts: said where its levels show it, and not otherwise."""

from datetime import UTC, datetime, timedelta

import pytest

from flexprint_server.fleet.days_left import days_left, of_supplies

START = datetime(2026, 11, 1, 8, tzinfo=UTC)


def levels(*percents, step=timedelta(days=1)):
    return [(START + number * step, percent) for number, percent in enumerate(percents)]


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        pytest.param(levels(100, 98, 96, 94, 92), 46, id="two percent a day"),
        pytest.param(levels(20, 15, 10, 100, 97, 94, 91), 30, id="since it was last refilled"),
        pytest.param(levels(50, 49, 50, 47, 44), 29, id="a rounding up is no refill"),
        pytest.param(levels(10, 6, 3, 0), 0, id="empty"),
        pytest.param(levels(90, 89, 88), None, id="too little used to tell"),
        pytest.param(levels(90, 60, step=timedelta(hours=8)), None, id="too short a time"),
        pytest.param(levels(50, 50, 50, 50, 50), None, id="not used at all"),
        pytest.param(levels(20, 10, 100), None, id="just refilled"),
        pytest.param(levels(100, *[97] * 300), 9 * 999, id="hardly used"),
        pytest.param([], None, id="no levels"),
    ],
)
def test_days_are_told_where_the_levels_show_a_pace(told, expected):
    found = days_left(told)
    assert found == (None if expected is None else min(expected, 999))


def test_a_waste_container_lasts_until_it_is_full():
    supplies = [
        {"kind": "toner", "percent": 90, "state": "ok"},
        {"kind": "wasteToner", "percent": 40, "state": "ok"},
        {"kind": "toner", "percent": None, "state": "some"},
    ]
    reads = [(at, (90, filled, None)) for at, filled in levels(20, 24, 28, 32, 36, 40)]
    assert of_supplies(reads, supplies) == [None, 15, None]
