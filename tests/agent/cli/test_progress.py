import io

import pytest

from flexprint_agent.cli.progress import Bar, Lines, duration, line, share_done
from flexprint_agent.wake.finding import Standing

HALF = Standing(packets=1200, answered=12, printers=7, packets_ahead=1200, seconds_ahead=60, seconds=60)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (8.4, "8 s"),
        (59.6, "1 min"),
        (80, "1 min 20 s"),
        (3600, "1 h"),
        (7505, "2 h 5 min"),
        (3 * 86400 + 4 * 3600 + 59, "3 d 4 h"),
    ],
)
def test_times_are_told_in_two_units(seconds, text):
    assert duration(seconds) == text


def test_the_line_says_rate_found_and_time_left():
    assert line(HALF, 100) == "[##########..........]  50% 1 min left, 7 printers, 12 answered, 1,200 packets (20/s)"


@pytest.mark.parametrize("width", [1, 2, 20, 40, 300])
def test_the_line_never_wraps(width):
    assert len(line(HALF, width)) < width


@pytest.mark.parametrize(("seconds", "ahead", "done"), [(0, 0, 1.0), (0, 5, 0.0), (3, 1, 0.75), (4, 0, 1.0)])
def test_progress_goes_by_time(seconds, ahead, done):
    assert share_done(Standing(0, 0, 0, 0, ahead, seconds)) == done


def test_a_terminal_gets_one_line_drawn_again_and_cleared():
    """Not more often than five times a second, and what is said next begins on a clean line."""
    said, instants = io.StringIO(), iter([1.0, 1.1, 1.3])
    bar = Bar(said, lambda: 80, lambda: next(instants))
    for _ in range(3):
        bar(HALF)
    bar.close()
    drawn = said.getvalue().split("\r")
    assert "\n" not in said.getvalue()
    assert [bool(one.strip()) for one in drawn] == [False, True, True, False, False]
    assert len(drawn[3]) == len(drawn[1])


def test_a_log_gets_a_few_lines():
    """At the beginning and at each quarter, however long the search; none when it is done: the result says it."""
    said = io.StringIO()
    lines = Lines(said)
    for second in range(1001):
        lines(Standing(second, 0, 0, 1000 - second, 1000 - second, second))
    assert [one.split(":")[0] for one in said.getvalue().splitlines()] == [
        f"searching, {share}%" for share in (0, 25, 50, 75)
    ]
