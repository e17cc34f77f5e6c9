"""The site's packet budget, told instant by instant."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flexprint_agent.snmp.pace import Pace


@pytest.mark.parametrize(
    ("per_second", "burst", "steps"),
    [
        # (instant, wait expected there; a packet is spent when it is 0)
        (10, 1, [(0.0, 0), (0.0, 0.1), (0.05, 0.05), (0.1, 0), (0.1, 0.1)]),
        (10, 3, [(0.0, 0), (0.0, 0), (0.0, 0), (0.0, 0.1), (0.1, 0), (0.1, 0.1)]),
        (10, 3, [(0.0, 0), (5.0, 0), (5.0, 0), (5.0, 0), (5.0, 0.1)]),  # rest is not saved up beyond the burst
        (0.5, 1, [(100.0, 0), (100.0, 2), (101.0, 1), (102.0, 0)]),
        (math.inf, 1, [(0.0, 0), (0.0, 0), (0.0, 0)]),
    ],
)
def test_packets_wait_for_their_turn(per_second, burst, steps):
    pace = Pace(per_second, burst)
    for now, wait in steps:
        assert pace.wait(now) == pytest.approx(wait)
        if not wait:
            pace.spend(now)


@given(
    st.floats(0.1, 1e5),
    st.integers(1, 64),
    st.lists(st.tuples(st.floats(0, 2), st.integers(1, 100)), min_size=1, max_size=60),
)
def test_no_while_sees_more_than_the_budget(per_second, burst, steps):
    """Between any two instants at most rate x time + burst packets leave."""
    pace, now, sent = Pace(per_second, burst), 0.0, []
    for pause, wanted in steps:
        now += pause
        room = pace.room(now, wanted)
        assert (room == 0) == (pace.wait(now) > 0)
        pace.spend(now, room) if room else None
        sent.append((now, room))
    for first in range(len(sent)):
        packets = 0
        for instant, room in sent[first:]:
            packets += room
            assert packets <= (instant - sent[first][0]) * per_second * (1 + 1e-6) + burst + 1e-6


def test_an_unlimited_pace_gives_what_is_wanted():
    pace = Pace(math.inf)
    assert pace.room(0.0, 65536) == 65536


@pytest.mark.parametrize("wrong", [0, -1, math.nan])
def test_a_pace_of_nothing_is_refused(wrong):
    with pytest.raises(ValueError, match="a pace is more than"):
        Pace(wrong)
