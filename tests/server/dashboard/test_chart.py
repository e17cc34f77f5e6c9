"""The drawing of a total over time."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flexprint_server.dashboard.chart import HEIGHT, MOST_CORNERS, WIDTH, chart, scale, thinned

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def days(*totals):
    return [(NOW + timedelta(days=day), total) for day, total in enumerate(totals)]


def test_the_line_goes_from_edge_to_edge_within_its_scale():
    drawn = chart(days(1000, 1500, 2000))
    assert drawn.line == "M0.0 200.0 L500.0 100.0 L1000.0 0.0"
    assert drawn.rows == ((0.0, 2000), (100.0, 1500), (200.0, 1000))
    assert (drawn.first[1], drawn.last[1]) == (1000, 2000)


@pytest.mark.parametrize("points", [[], days(5), [(NOW, 5), (NOW, 6)]])
def test_one_instant_is_no_line(points):
    assert chart(points) is None


def test_a_counter_that_never_moved_is_a_flat_line():
    assert chart(days(7, 7)).line.count("200.0") == 2


@pytest.mark.parametrize(
    ("lowest", "highest", "expected"),
    [
        (0, 0, (0, 1, 1)),
        (7, 7, (7, 8, 1)),
        (0, 4, (0, 4, 2)),
        (182_560, 184_555, (182_000, 185_000, 1000)),
        (-5, 5, (-5, 5, 5)),
    ],
)
def test_the_scale_is_in_round_figures(lowest, highest, expected):
    assert scale(lowest, highest) == expected


@given(st.integers(-(2**63), 2**63), st.integers(0, 2**63))
def test_any_scale_holds_both_ends_in_a_few_steps(lowest, span):
    bottom, top, step = scale(lowest, lowest + span)
    assert bottom <= lowest <= lowest + span <= top
    assert 1 <= (top - bottom) // step <= 6


@given(st.lists(st.integers(0, 2**40), min_size=2, max_size=60))
def test_any_totals_stay_inside_the_drawing(totals):
    drawn = chart(days(*totals))
    for x, y in re.findall(r"(-?[\d.]+) (-?[\d.]+)", drawn.line):
        assert 0 <= float(x) <= WIDTH
        assert 0 <= float(y) <= HEIGHT


def test_thousands_of_points_are_thinned_and_the_newest_stays():
    points = days(*range(5000))
    kept = thinned(points)
    assert len(kept) <= MOST_CORNERS + 1
    assert (kept[0], kept[-1]) == (points[0], points[-1])
