from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from flexprint_agent.service import schedule
from flexprint_shared.recurrence import parse_recurrence

MONDAY = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def test_an_agent_keeps_its_place_and_many_are_spread_evenly():
    assert schedule.luck("7b0c") == schedule.luck("7b0c")
    tenths = [0] * 10
    for number in range(4000):
        tenths[int(schedule.luck(f"agent {number}") * 10)] += 1
    assert min(tenths) > 320
    assert max(tenths) < 480


@pytest.mark.parametrize(
    ("per_day", "chance", "last", "following"),
    [
        (4, 0.0, MONDAY, MONDAY + 6 * HOUR),
        (4, 0.5, MONDAY - 3 * HOUR, MONDAY + 3 * HOUR),
        (1, 0.25, MONDAY - 6 * HOUR, MONDAY + 18 * HOUR),
        (48, 0.0, MONDAY, MONDAY + HOUR / 2),
    ],
)
def test_regular_wakes_come_evenly_over_the_day(per_day, chance, last, following):
    assert schedule.last_round(MONDAY, per_day, chance) == last
    assert schedule.next_round(MONDAY, per_day, chance) == following


def test_a_day_has_as_many_wakes_as_were_chosen_and_every_office_day_one():
    for chance in (0.0, 0.3, 0.99):
        at, wakes = MONDAY, []
        while len(wakes) < 12:
            at = schedule.next_round(at, 4, chance)
            wakes.append(at)
        assert {later - earlier for earlier, later in pairwise(wakes)} == {6 * HOUR}
        assert any(9 <= wake.hour < 17 for wake in wakes[:4])


@pytest.mark.parametrize(
    ("last", "due"),
    [
        (None, True),
        (MONDAY - HOUR, False),
        (MONDAY - 3 * HOUR, False),
        (MONDAY - 3 * HOUR - timedelta(seconds=1), True),
        # The clock was set back since.
        (MONDAY + HOUR, True),
    ],
)
def test_a_round_is_due_once_in_each_part_of_the_day(last, due):
    assert schedule.round_due(MONDAY, last, 4, 0.5) is due


def test_the_next_wake_is_the_regular_one():
    assert schedule.next_wake(MONDAY, MONDAY, wakes_per_day=4, chance=0.5) == MONDAY + 3 * HOUR


def test_a_round_that_was_missed_lies_in_the_past():
    """Whoever sleeps sees that it was missed, and does not wake with all the others that were."""
    assert schedule.next_wake(MONDAY, MONDAY - DAY, wakes_per_day=4, chance=0.5) == MONDAY - 3 * HOUR


def test_an_agent_that_never_read_reads_now():
    assert schedule.next_wake(MONDAY, None, wakes_per_day=4, chance=0.5) == MONDAY
    assert schedule.next_wake(MONDAY, MONDAY + DAY, wakes_per_day=4, chance=0.5) == MONDAY


def test_a_workbook_has_a_wake_of_its_own_and_a_moment_of_its_own_in_it():
    soon = schedule.next_wake(MONDAY, MONDAY, wakes_per_day=4, chance=0.5, workbook_at=MONDAY + HOUR)
    assert soon == MONDAY + HOUR + timedelta(minutes=5)
    later = schedule.next_wake(MONDAY, MONDAY, wakes_per_day=4, chance=0.5, workbook_at=MONDAY + DAY)
    assert later == MONDAY + 3 * HOUR


def test_what_could_not_be_sent_is_tried_again_before_the_next_round():
    waits = [schedule.retry_after(attempts, 0.0) / HOUR for attempts in (1, 2, 3, 6, 7, 40)]
    assert waits == [0.25, 0.5, 1, 8, 8, 8]
    assert schedule.retry_after(1, 0.99) < schedule.retry_after(1, 0.0) * 1.5
    again = schedule.next_wake(MONDAY, MONDAY, wakes_per_day=4, chance=0.0, attempts=1)
    assert again == MONDAY + HOUR / 4


def test_a_wake_that_could_not_do_its_work_is_not_followed_at_once():
    assert schedule.after_wake(MONDAY, MONDAY - HOUR) == MONDAY + HOUR / 4
    assert schedule.after_wake(MONDAY, MONDAY + HOUR) == MONDAY + HOUR


def test_a_workbook_follows_the_one_before_it():
    every = parse_recurrence("daily 07:00")
    asked = datetime(2026, 11, 23, 7, 3).astimezone()
    assert schedule.workbook_due_at(every, asked, asked + HOUR) == datetime(2026, 11, 24, 7).astimezone()
    # Missed for two days, it is due once.
    assert schedule.workbook_due_at(every, asked, asked + 2 * DAY) == datetime(2026, 11, 24, 7).astimezone()


def test_a_clock_that_was_set_back_does_not_hold_up_the_workbook():
    asked = datetime(2027, 5, 1, 7, 3).astimezone()
    at = datetime(2026, 11, 23, 12, 0).astimezone()
    assert schedule.workbook_due_at(parse_recurrence("daily 07:00"), asked, at) == at.replace(day=24, hour=7)
