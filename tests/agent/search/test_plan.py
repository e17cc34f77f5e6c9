import pytest

from flexprint_agent.search.plan import RANGE_RATE, plan, portions, rate
from flexprint_agent.targets import Span


def spans(*sizes):
    return [Span(number << 16, (number << 16) + size - 1, 161) for number, size in enumerate(sizes, start=1)]


def test_a_plan_counts_every_pass_with_its_headers():
    planned = plan(spans(254), [57, 57], packets_per_second=1000, timeout=1)
    assert (planned.addresses, planned.packets, planned.octets) == (254, 508, 508 * (57 + 28))
    assert planned.seconds == pytest.approx(508 / RANGE_RATE + 2, abs=0.05)


@pytest.mark.parametrize(
    ("sizes", "site", "packets_per_second"),
    [
        ((254,), 1000, RANGE_RATE),
        ((254, 254), 1000, 2 * RANGE_RATE),
        ((254,) * 10, 1000, 1000),
        ((254, 2), 1000, RANGE_RATE * 256 / 254),
        ((254,), 50, 50),
    ],
)
def test_ranges_share_the_sites_pace_and_none_gets_more_than_its_own(sizes, site, packets_per_second):
    assert rate(spans(*sizes), site) == pytest.approx(packets_per_second)


@pytest.mark.parametrize(
    ("sizes", "portioned"),
    [
        ((3,), [[3]]),
        ((4, 6), [[4, 6]]),
        ((10, 1), [[10], [1]]),
        ((25,), [[10], [10], [5]]),
        ((4, 4, 4), [[4, 4, 2], [2]]),
    ],
)
def test_a_large_search_goes_in_portions_that_leave_nothing_out(sizes, portioned):
    """A /8 may be searched; it is never in memory at once."""
    cut = list(portions(spans(*sizes), most=10))
    assert [[len(span) for span in portion] for portion in cut] == portioned
    whole = [number for portion in cut for span in portion for number in range(span.first, span.last + 1)]
    assert whole == [number for span in spans(*sizes) for number in range(span.first, span.last + 1)]
