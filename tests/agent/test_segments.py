"""The list of segments: from what was learned and what was chosen."""

from datetime import UTC, datetime
from ipaddress import IPv4Interface, IPv4Network, IPv6Interface

import pytest

from flexprint_agent.keep.segments import THIS_COMPUTER, Segment
from flexprint_agent.search.interfaces import Interface
from flexprint_agent.targets import parse_exclusion
from flexprint_agent.wake.segments import block_of, listed, networks_of

MONDAY = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


def segment(cidr, source="gateway", router="10.1.0.1", gone=False):
    return Segment(cidr, source, router, MONDAY, MONDAY, gone)


def rows(segments=(), texts=(), excluded=()):
    """By CIDR, those at a port of their own aside."""
    shown = listed(segments, texts, [parse_exclusion(text) for text in excluded])
    return {one["cidr"]: one for one in shown if one["port"] is None}


def test_the_list_is_in_the_order_of_addresses_with_sizes_and_sources():
    learned = [segment("10.9.0.0/16", "hop"), segment("10.1.2.0/24"), segment("10.1.0.0/22", "local", THIS_COMPUTER)]
    shown = listed(learned, ["10.8.0.*"], [])
    assert [(one["cidr"], one["addresses"], one["source"], one["router"], one["large"]) for one in shown] == [
        ("10.1.0.0/22", 1022, "local", None, False),
        ("10.1.2.0/24", 254, "gateway", "10.1.0.1", False),
        ("10.8.0.0/24", 254, "manual", None, False),
        ("10.9.0.0/16", 65534, "hop", "10.1.0.1", True),
    ]


@pytest.mark.parametrize(
    ("texts", "selected"),
    [
        ((), False),
        (["10.1.2.0/24"], True),
        (["10.1.2.*"], True),
        (["10.0.0.0/8"], True),
        (["10.1.2.0/25", "10.1.2.128/25"], False),  # .127 and .128 are in neither
        (["10.1.2.1-128", "10.1.2.129-254"], True),
        (["10.1.2.1-253"], False),
        (["10.1.2.0/24:1161"], False),
        (["10.1.3.0/24", "front-desk"], False),
    ],
)
def test_a_segment_is_selected_when_targets_cover_all_of_it(texts, selected):
    assert rows([segment("10.1.2.0/24")], texts)["10.1.2.0/24"]["selected"] is selected


def test_a_target_with_a_port_of_its_own_is_listed_with_it():
    shown = listed([segment("10.1.2.0/24")], ["10.1.2.0/24:1161"], [])
    assert [(one["cidr"], one["port"], one["selected"]) for one in shown] == [
        ("10.1.2.0/24", None, False),
        ("10.1.2.0/24", 1161, True),
    ]


@pytest.mark.parametrize(
    ("excluded", "is_excluded"),
    [(["10.1.2.0/24"], True), (["10.0.0.0/8"], True), (["10.1.2.7"], False), (["10.1.2.0/24:1161"], False)],
)
def test_a_segment_that_is_excluded_says_so(excluded, is_excluded):
    assert rows([segment("10.1.2.0/24")], ["10.1.2.0/24"], excluded)["10.1.2.0/24"]["excluded"] is is_excluded


def test_what_was_learned_stays_so_when_it_is_selected():
    shown = rows([segment("10.1.2.0/24", gone=True)], ["10.1.2.0/24"])["10.1.2.0/24"]
    assert (shown["source"], shown["selected"], shown["gone"]) == ("gateway", True, True)


@pytest.mark.parametrize(
    ("text", "block"),
    [
        ("10.1.2.0/24", ("10.1.2.0/24", None)),
        ("10.1.2.77/24", ("10.1.2.0/24", None)),
        ("10.1.2.*", ("10.1.2.0/24", None)),
        ("10.1.*.*", ("10.1.0.0/16", None)),
        ("10.1.2.0/24:1161", ("10.1.2.0/24", 1161)),
        ("10.1.2.5-40", None),
        ("10.1.2.5", None),
        ("front-desk", None),
        ("front-desk:1161", None),
        ("10.1.2.0/77", None),
        ("fe80::/64", None),
        ("", None),
    ],
)
def test_a_target_is_a_segment_when_it_is_a_whole_network(text, block):
    assert block_of(text) == (block and (IPv4Network(block[0]), block[1]))


def interface(*addresses, broadcast=True):
    given = [IPv6Interface(one) if ":" in one else IPv4Interface(one) for one in addresses]
    return Interface("eth0", 2, tuple(given), broadcast=broadcast, multicast=True)


@pytest.mark.parametrize(
    ("interfaces", "networks"),
    [
        ([interface("10.77.1.50/24", "fe80::1/64"), interface("192.168.7.2/30")], ["10.77.1.0/24", "192.168.7.0/30"]),
        ([interface("10.77.1.50/24"), interface("10.77.1.51/24")], ["10.77.1.0/24"]),
        ([interface("10.8.0.5/24", broadcast=False)], []),
        ([interface("169.254.3.4/16")], []),
        ([interface("169.254.3.4/30")], []),
        ([interface("10.8.0.5/32"), interface("10.8.0.6/31")], []),
        ([interface("100.64.0.5/2")], []),
        ([], []),
    ],
)
def test_networks_of_this_computer_are_those_that_hold_others(interfaces, networks):
    assert networks_of(interfaces) == [IPv4Network(one) for one in networks]
