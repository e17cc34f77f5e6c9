from datetime import UTC, datetime

import pytest

from flexprint_agent.read.jobs import Tally, climb, count, from_json

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
PENDING, HELD, PROCESSING, CANCELED, ABORTED, COMPLETED = 3, 4, 5, 7, 8, 9


def job(number, pages=1, state=COMPLETED, at=None, **more):
    ended = state in (CANCELED, ABORTED, COMPLETED)
    return {
        "job-id": [number],
        "job-state": [state],
        "job-impressions-completed": [pages],
        "time-at-completed": [(at or 1000 + number) if ended else None],
        **more,
    }


def counted(*listings):
    """The pages after each of these listings; the first is the one that the count begins with."""
    tally, pages = None, []
    for listing in listings:
        tally = count(tally, listing, NOON)
        pages.append(tally.pages)
    return pages


@pytest.mark.parametrize(
    ("listings", "pages"),
    [
        # What was printed before the first count is not in it.
        ([[job(1, 30)], [job(1, 30), job(2, 5)]], [0, 5]),
        # The same listing again changes nothing.
        ([[], [job(1, 3)], [job(1, 3)]], [0, 3, 3]),
        # The history is purged, wholly or in part, and new jobs come.
        ([[], [job(1, 3), job(2, 4)], [], [job(3, 5)]], [0, 7, 7, 12]),
        ([[], [job(1, 3), job(2, 4)], [job(2, 4), job(3, 1)]], [0, 7, 8]),
        # A job that was printing, or held for days, counts once, when it has ended.
        ([[], [job(1, 2, PROCESSING)], [job(1, 9)], [job(1, 9)]], [0, 0, 9, 9]),
        ([[job(1, 0, HELD)], [job(1, 0, HELD), job(2, 4)], [job(1, 6, at=2000), job(2, 4)]], [0, 4, 10]),
        # Canceled and aborted jobs count with what came out of them.
        ([[], [job(1, 3, CANCELED), job(2, 2, ABORTED)]], [0, 5]),
        # A job that waited and was purged before it ended is gone.
        ([[job(1, 0, HELD)], [], [job(2, 1)]], [0, 0, 1]),
        # The spooler was set up anew and numbers from 1.
        ([[job(90, 5, at=5000)], [job(91, 5, at=5100)], [job(1, 2, at=6000), job(2, 2, at=6001)]], [0, 5, 9]),
        ([[job(90, 5, at=5000)], [job(1, 2, at=6000)], [job(1, 2, at=6000), job(2, 3, at=6002)]], [0, 2, 5]),
        # Old jobs whose numbers lie below are no sign of that.
        ([[], [job(8, 1, at=800), job(9, 1, at=900)], [job(8, 1, at=800)]], [0, 2, 2]),
    ],
)
def test_pages_climb_by_what_was_finished_since(listings, pages):
    assert counted(*listings) == pages


@pytest.mark.parametrize(
    ("attributes", "pages"),
    [
        ({"job-impressions-completed": [0], "job-media-sheets-completed": [4]}, 4),
        ({"job-impressions-completed": [3], "job-media-sheets-completed": [2]}, 3),
        ({"job-impressions-completed": [None]}, 0),
        ({"job-impressions-completed": ["many"]}, 0),
        ({"job-impressions-completed": [-7]}, 0),
        ({"job-impressions-completed": [2**31 - 1]}, 0),
        ({"job-impressions-completed": []}, 0),
    ],
)
def test_odd_numbers_of_a_job_add_nothing_wrong(attributes, pages):
    assert counted([], [job(1) | attributes]) == [0, pages]


def test_jobs_without_a_number_are_no_jobs():
    assert counted([], [job(1) | {"job-id": ["x"]}, job(1) | {"job-id": [-4]}, {}]) == [0, 0]


@pytest.mark.parametrize(
    ("told", "pages"),
    [
        ([100], [0]),  # what was printed before the first count is not in it
        ([100, 130, 130], [0, 30, 30]),
        ([100, 130, 12, 20], [0, 30, 42, 50]),  # the spooler started anew
        ([100, 2**40, 2**40 + 5], [0, 0, 5]),  # a driver's mistake
        ([0, 7], [0, 7]),
    ],
)
def test_a_counter_that_begins_anew_with_its_spooler_only_ever_climbs(told, pages):
    tally, found = None, []
    for counter in told:
        tally = climb(tally, counter, NOON)
        found.append(tally.pages)
    assert found == pages
    assert from_json(tally.as_json()) == tally


def test_a_tally_is_kept_whole():
    tally = count(count(None, [job(1)], NOON), [job(2, 7), job(3, 1, HELD)], NOON)
    assert tally == Tally(NOON, pages=7, highest=3, newest=1002, open=(3,))
    assert from_json(tally.as_json()) == tally


def test_what_is_kept_of_waiting_jobs_is_bounded():
    assert len(count(None, [job(number, 0, HELD) for number in range(1, 3000)], NOON).open) == 1000
