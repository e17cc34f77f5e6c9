"""The drawing of a total over time."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flexprint_server.dashboard.chart import HEIGHT, MOST_CORNERS, TOLD, WIDTH, calendar, chart, scale, thinned

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
    kept = thinned(points, 13)
    assert len(kept) <= MOST_CORNERS + 1
    assert (kept[0], kept[-1]) == (points[0], points[-1])
    assert chart(points).line.count("L") <= MOST_CORNERS + 1


# --- What interrupts the line


def test_where_reads_are_missing_there_is_no_line_and_the_table_says_so():
    read = [(NOW + timedelta(days=day), 100 + day) for day in (0, 1, 2, 3, 9, 10)]
    drawn = chart(read)
    assert drawn.line == "M0.0 200.0 L100.0 180.0 L200.0 160.0 L300.0 140.0 M900.0 20.0 L1000.0 0.0"
    assert [(gap.since, gap.until) for gap in drawn.gaps] == [(read[3][0], read[4][0])]
    assert (drawn.gaps[0].x, drawn.gaps[0].width) == (300.0, 600.0)
    assert [(row.value, row.more, row.after) for row in drawn.told][:3] == [(110, 1, ""), (109, 6, "gap"), (103, 1, "")]


def test_a_counter_that_went_down_is_no_slope_and_counts_nothing():
    drawn = chart(days(1000, 1500, 20, 40))
    assert drawn.line.count("M") == 2
    assert [(fall.before, fall.after, fall.at) for fall in drawn.falls] == [(1500, 20, NOW + timedelta(days=2))]
    assert [(row.value, row.more) for row in drawn.told] == [(40, 20), (20, None), (1500, 500), (1000, None)]


def test_a_weekend_is_no_gap_and_a_lonely_read_is_a_dot():
    week = [(NOW + timedelta(days=day), day) for day in (0, 1, 2, 3, 4, 7, 8)]
    assert chart(week).gaps == ()
    lonely = [*days(1, 2, 3, 4), (NOW + timedelta(days=20), 9)]
    assert chart(lonely).line.endswith("M1000.0 20.0 L1000.0 20.0")


@given(st.lists(st.tuples(st.integers(0, 10**7), st.integers(0, 10**13)), min_size=2, max_size=80))
def test_whatever_was_read_is_told_in_a_few_rows(read):
    points = sorted((NOW + timedelta(seconds=second), value) for second, value in read)
    drawn = chart(points)
    if drawn:
        assert len(drawn.told) <= TOLD + 1 + 2 * TOLD
        assert (drawn.told[0].value, drawn.told[-1].value) == (points[-1][1], points[0][1])
        assert (drawn.ticks[0], drawn.ticks[-1]) == (points[0][0], points[-1][0])


# --- The days with a read


def test_a_calendar_names_its_months_and_the_days_that_were_missed():
    today = NOW.date()
    read = {today - timedelta(days=day): 1 for day in range(40) if day not in (3, 10, 11, 12)}
    drawn = calendar(read, today - timedelta(days=39), today)
    assert (drawn.read, drawn.known) == (36, 40)
    assert drawn.missed == (
        (today - timedelta(days=3), today - timedelta(days=3)),
        (today - timedelta(days=12), today - timedelta(days=10)),
    )
    assert [(week, day.month) for week, day in drawn.months] == [(1, 9), (5, 10), (9, 11)]
