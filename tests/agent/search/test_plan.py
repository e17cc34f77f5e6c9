import pytest

from flexprint_agent.search.plan import RANGE_RATE, cost, portions, ranges, rate
from flexprint_agent.targets import Span


def spans(*sizes):
    return [Span(number << 16, (number << 16) + size - 1, 161) for number, size in enumerate(sizes, start=1)]


def test_a_plan_counts_every_pass_with_its_headers():
    planned = cost(spans(254), [57, 57], packets_per_second=1000, timeout=1)
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


def test_pieces_of_one_network_share_its_pace():
    """An exclusion in the middle of a /24 does not double what its router has to bear."""
    pieces = [Span(0x0A010101, 0x0A010105, 161), Span(0x0A010107, 0x0A0101FE, 161), Span(0x0A010201, 0x0A010205, 161)]
    assert ranges(pieces) == [pieces[:2], pieces[2:]]
    assert rate(pieces, 1000) == pytest.approx(RANGE_RATE * (253 + 5) / 253)


def test_a_network_that_is_known_to_be_one_has_one_pace_however_it_was_typed():
    """A /22 on the wire of this computer, chosen as four /24 and searched beside another network."""
    quarters = [Span(0x0A010001 + (number << 8), 0x0A0100FE + (number << 8), 161) for number in range(4)]
    other = Span(0x0A020001, 0x0A0200FE, 161)
    network = Span(0x0A010000, 0x0A0103FF)
    assert ranges([*quarters, other], [network]) == [quarters, [other]]
    assert rate(quarters, 5000) == pytest.approx(4 * RANGE_RATE)
    assert rate(quarters, 5000, [network]) == pytest.approx(RANGE_RATE)
    assert cost(quarters, [57], 5000, 1, [network]).seconds == pytest.approx(4 * 254 / RANGE_RATE + 1, abs=0.05)


def test_of_networks_within_each_other_the_smallest_counts():
    summary, network = Span(0x0A000000, 0x0AFFFFFF), Span(0x0A010000, 0x0A0103FF)
    one, two = Span(0x0A010105, 0x0A010105, 161), Span(0x0A010205, 0x0A010205, 161)
    elsewhere = [Span(0x0A050105, 0x0A050105, 161), Span(0x0A060105, 0x0A060105, 161)]
    assert ranges([one, *elsewhere, two], [summary, network]) == [[one, two], elsewhere]
