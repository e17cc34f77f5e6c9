"""Pages between two instants, whatever the counter did in between."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flexprint_shared import usage
from flexprint_shared.usage import MODULI, QUALITIES, Reading, history

START = datetime(2026, 7, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def day(number):
    return START + number * DAY


def readings(*values, source="vendor", step=DAY, since=START):
    """One a day; None where the device was silent."""
    return [Reading(since + number * step, value, source) for number, value in enumerate(values) if value is not None]


def pages(read, start, end, **given):
    return history(read, **given).volume(day(start), day(end)).pages


# ---------------------------------------------------------------- one course


def test_pages_are_the_difference_of_two_readings():
    volume = history(readings(1000, 1010, 1040, 1100)).volume(day(0), day(3))
    assert (volume.pages, volume.quality, volume.epochs) == (100, "actual", ())
    assert (volume.start.value, volume.end.value) == (1000, 1100)
    assert volume.end.read_at == day(3)


@pytest.mark.parametrize(
    ("at", "quality", "value"),
    [
        # Readings on days 0, 1 and 5; then silence.
        (0, "actual", 1000),
        (0.5, "actual", 1000),
        (1.9, "actual", 1070),
        (2.5, "interpolated", 1175),
        (4.99, "interpolated", 1349),
        (5, "actual", 1350),
        (10, "missing", None),
        (-1, "missing", None),
    ],
)
def test_an_instant_without_a_reading_has_a_figure_that_says_how_it_was_obtained(at, quality, value):
    point = history(readings(1000, 1070, None, None, None, 1350)).at(day(at))
    assert (point.quality, point.value) == (quality, value)


def test_a_figure_after_the_last_reading_is_estimated_for_a_month_and_then_missing():
    """As many pages a day as were printed before."""
    course = history(readings(*range(1000, 1300, 10)))
    assert course.at(day(29)).value == 1290
    assert course.at(day(39))[1:3] == ("estimated", 1390)
    assert course.at(day(60))[1:3] == ("estimated", 1600)
    assert course.at(day(61)).quality == "missing"


def test_a_line_over_more_than_six_weeks_is_an_estimate():
    assert history([Reading(day(0), 0), Reading(day(90), 900)]).at(day(30))[1:3] == ("estimated", 300)


def test_a_meter_that_was_typed_by_a_person_says_so():
    course = history([Reading(day(0), 100, "manual"), Reading(day(30), 400, "manual")])
    volume = course.volume(day(0), day(30))
    assert (volume.pages, volume.quality) == (300, "manual")


def test_a_device_that_came_during_the_month_counts_from_its_first_reading():
    """And its start is missing, not zero."""
    volume = history(readings(*[None] * 10, 5, 25, 60)).volume(day(0), day(12))
    assert (volume.start.quality, volume.start.value, volume.pages) == ("missing", None, 55)


def test_a_device_that_went_during_the_month_counts_to_its_last_reading():
    volume = history(readings(100, 120, 150)).volume(day(0), day(31))
    assert (volume.end.quality, volume.pages) == ("missing", 50)


@pytest.mark.parametrize(("start", "end"), [(40, 50), (-20, -10)])
def test_where_nothing_was_read_nothing_is_made_up(start, end):
    assert pages(readings(100, 120, 150), start, end) is None
    assert pages([], start, end) is None


def test_the_wrong_way_round_is_refused():
    with pytest.raises(ValueError, match="earlier"):
        history(readings(1, 2)).volume(day(1), day(0))


# ---------------------------------------------------------------- epochs


@pytest.mark.parametrize(
    ("values", "begun", "counted"),
    [
        ((50_000, 50_100, 120, 180), "lower", 160),  # a reset, or another board
        ((9_999_900, 9_999_990, 40, 100), "rollover", 200),
        ((2**31 - 100, 2**31 - 10, 40, 100), "rollover", 200),
        ((2**32 - 100, 2**32 - 10, 40, 100), "rollover", 200),
        # Nearly ten million, but then far from zero; zero, but far from ten million.
        ((9_999_900, 9_999_990, 800_000, 800_100), "lower", 190),
        ((9_000_000, 9_000_010, 5, 20), "lower", 25),
        # A board that had printed more: no machine prints three million pages a day.
        ((50_000, 50_100, 3_050_000, 3_050_050), "leap", 150),
    ],
)
def test_a_counter_that_is_not_the_same_any_more_opens_an_epoch(values, begun, counted):
    volume = history(readings(*values)).volume(day(0), day(3))
    (epoch,) = volume.epochs
    assert (volume.pages, epoch.begun) == (counted, begun)
    assert (epoch.before.value, epoch.first.value, epoch.last.value) == values[1:]
    assert volume.has_hole == (begun != "rollover")


def test_what_was_printed_between_two_boards_is_not_made_up():
    """An instant in the hole has the old board's figure, and says that it is estimated."""
    course = history(readings(50_000, 50_100, None, None, 120, 180))
    point = course.at(day(3))
    assert (point.quality, point.value, point.counted) == ("estimated", 50_100, 100)


def test_an_instant_in_a_rollover_lies_on_the_counters_own_scale():
    course = history(readings(9_999_980, None, None, None, 20))
    assert [course.at(day(number)).value for number in (2, 3, 4)] == [0, 10, 20]
    assert course.volume(day(0), day(4)).pages == 40


def test_each_board_is_counted_by_itself():
    course = history(readings(50_000, 50_100, 5, 20, 12, 15))
    assert [(epoch.begun, epoch.pages) for epoch in course.epochs] == [("first", 100), ("lower", 15), ("lower", 3)]
    assert course.volume(day(0), day(5)).pages == 118


# ---------------------------------------------------------------- readings out of course


@pytest.mark.parametrize(
    "values",
    [
        (50_000, 0, 50_020),  # a device that was still starting
        (50_000, 0, 0, 50_020),
        (50_000, 4_294_967_295, 50_020),  # -1 in 32 bits
        (50_000, 49_999, 50_020),  # two agents whose clocks differ
    ],
)
def test_a_counter_that_is_soon_back_where_it_was_has_never_left(values):
    """The odd reading is kept and shown, but neither it nor the way back counts as pages."""
    course = history(readings(*values, step=timedelta(hours=6)))
    assert course.volume(START, day(1)).pages == 20
    assert [reading.value for reading in course.strays] == list(values[1:-1])
    assert len(course.epochs) == 1


def test_a_counter_that_takes_weeks_to_be_back_was_a_new_one():
    course = history(readings(200, *range(0, 300, 10)))
    assert [epoch.begun for epoch in course.epochs] == ["first", "lower"]
    assert not course.strays


def test_what_is_no_page_may_rise_as_fast_as_it_likes():
    """Micrometers of tape, rows of dots."""
    assert pages(readings(0, 90_000_000), 0, 1, fastest=None) == 90_000_000


# ---------------------------------------------------------------- two sources


def test_sums_and_the_makers_own_counter_are_never_subtracted():
    """Where the vendor's counter is missing for an hour, its place is taken by a sum that counts something else."""
    read = [Reading(day(0), 1000), Reading(day(1), 400, "derived"), Reading(day(2), 1050), Reading(day(3), 1060)]
    course = history(read)
    assert course.volume(day(0), day(3)).pages == 60
    assert course.aside == (read[1],)
    assert len(course.epochs) == 1


def test_a_source_that_comes_to_stay_opens_an_epoch():
    """A new version of the agent knows the maker's counter: pages on either side count, the step between does not."""
    course = history([*readings(700, 710, 720, source="standard"), *readings(905, 925, 950, since=day(3))])
    volume = course.volume(day(0), day(5))
    assert (volume.pages, volume.has_hole) == (65, True)
    assert [epoch.begun for epoch in course.epochs] == ["first", "source"]


def test_a_source_that_is_silent_for_weeks_is_not_waited_for():
    read = [Reading(day(0), 1000), *readings(*range(400, 430), source="derived", since=day(1)), Reading(day(31), 1900)]
    assert history(read).volume(day(1), day(30)).pages == 29


# ---------------------------------------------------------------- what always holds

rises = st.lists(st.integers(0, 5000), min_size=2, max_size=40)
instants = st.floats(0, 45).map(day)


def course_of(steps, first=0):
    total, values = first, []
    for step in steps:
        total += step
        values.append(total)
    return values


@st.composite
def anything(draw):
    """Readings of any sort, in the order of their times."""
    hours = sorted(draw(st.lists(st.integers(0, 45 * 24), min_size=0, max_size=30)))
    values = st.one_of(st.integers(0, 2000), st.integers(2**31 - 500, 2**31 + 500), st.integers(0, 2**33))
    sources = st.sampled_from(["vendor", "vendor", "derived", "manual"])
    return [Reading(START + timedelta(hours=hour), draw(values), draw(sources)) for hour in hours]


@given(rises, st.integers(0, 2**40))
def test_a_counter_that_only_rises_counts_its_rise(steps, first):
    values = course_of(steps, first)
    course = history(readings(*values))
    assert course.volume(day(0), day(len(values) - 1)).pages == values[-1] - values[0]
    assert (len(course.epochs), course.strays, course.aside) == (1, (), ())


@given(rises, st.integers(0, 2**40), st.sampled_from([600, None]))
def test_the_short_way_for_a_counter_that_only_rises_finds_what_the_long_one_does(steps, first, fastest):
    read = readings(*course_of(steps, first), step=timedelta(minutes=5))
    short = history(read, fastest)
    with patch.object(usage, "_only_rises", return_value=False):
        assert history(read, fastest) == short


@given(rises, st.sampled_from(MODULI), st.integers(1, 20_000))
def test_a_counter_that_rolls_over_counts_like_one_that_does_not(steps, modulus, room):
    values = course_of(steps, modulus - room)
    whole, rolled = history(readings(*values)), history(readings(*(value % modulus for value in values)))
    last = day(len(values) - 1)
    assert rolled.volume(day(0), last).pages == whole.volume(day(0), last).pages


@given(st.lists(rises, min_size=1, max_size=5))
def test_the_pages_of_the_boards_add_up(boards):
    """Each begins below where the one before stood: at least so much that it is not back within two days."""
    values = []
    for steps in boards:
        values += course_of(steps, values[-1] // 2 if values else 10**6)
    course = history(readings(*values, step=3 * DAY))
    assert sum(epoch.pages for epoch in course.epochs) == course.steps[-1].counted
    assert course.steps[-1].counted == sum(max(0, b - a) for a, b in pairwise(values))


@given(anything(), st.tuples(instants, instants, instants))
def test_nothing_is_ever_negative_and_parts_make_the_whole(read, three):
    one, two, three = sorted(three)
    course = history(read)
    whole, first, second = course.volume(one, three), course.volume(one, two), course.volume(two, three)
    for volume in (whole, first, second):
        assert volume.pages is None or volume.pages >= 0
        assert volume.quality in QUALITIES
    if None not in (whole.pages, first.pages, second.pages):
        assert first.pages + second.pages == whole.pages


@given(anything())
def test_no_reading_is_lost(read):
    """Each is followed, or stands aside and can be shown."""
    course = history(read)
    known = [*(step.reading for step in course.steps), *course.strays, *course.aside]
    assert sorted(known) == sorted(read)
    assert all(a.counted <= b.counted for a, b in pairwise(course.steps))


@given(rises, st.integers(0, 2**33), st.data())
def test_an_odd_reading_between_two_good_ones_changes_no_bill(steps, odd, data):
    values = course_of(steps, 10**6)
    good = readings(*values)
    place = data.draw(st.integers(1, len(good) - 1))
    with_odd = [*good[:place], Reading(good[place].at - timedelta(hours=12), odd), *good[place:]]
    last = good[-1].at
    low, high = good[place - 1].value, good[place].value
    if odd <= high or odd - low > 5_000_000:
        assert history(with_odd).volume(START, last).pages == values[-1] - values[0]
