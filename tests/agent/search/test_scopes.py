import pytest

from flexprint_agent.search.finder import Scope
from flexprint_agent.search.plan import request_sizes
from flexprint_agent.search.scopes import Way, by_way
from flexprint_agent.targets import Span, parse_exclusion

USERS = None


def span(text, port=161):
    found = parse_exclusion(text)
    return Span(found.first, found.last, port)


def scope(text, community=USERS, port=None):
    return Scope([span(text, port)] if text else None, community)


@pytest.mark.parametrize(
    ("scopes", "expected"),
    [
        ([], {("10.1.0.0/23",): Way(False, ("public",))}),
        ([scope("")], {("10.1.0.0/23",): Way(True, ("public",))}),
        ([scope("", "own")], {("10.1.0.0/23",): Way(False, ("own", "public"))}),
        ([scope("", "public")], {("10.1.0.0/23",): Way(False, ("public",))}),
        ([scope("10.9.0.0/16")], {("10.1.0.0/23",): Way(False, ("public",))}),
        (
            [scope("10.1.0.0/24")],
            {("10.1.0.0/24",): Way(True, ("public",)), ("10.1.1.0/24",): Way(False, ("public",))},
        ),
        (
            [scope("10.1.0.8-9"), scope("10.1.0.0/23", "own")],
            {
                ("10.1.0.0-7", "10.1.0.10-10.1.1.255"): Way(False, ("own", "public")),
                ("10.1.0.8-9",): Way(True, ("own", "public")),
            },
        ),
        (
            [scope("10.1.1.255"), scope("10.1.0.0")],
            {
                ("10.1.0.0", "10.1.1.255"): Way(True, ("public",)),
                ("10.1.0.1-10.1.1.254",): Way(False, ("public",)),
            },
        ),
        ([scope("10.1.0.0/24", port=1161)], {("10.1.0.0/23",): Way(False, ("public",))}),
    ],
)
def test_addresses_are_put_together_by_how_they_are_asked(scopes, expected):
    told = by_way([span("10.1.0.0/23")], scopes, ["public"])
    assert {tuple(spans): way for way, spans in told} == {
        tuple(map(span, texts)): way for texts, way in expected.items()
    }


def test_nothing_is_lost_or_asked_twice_however_scopes_overlap():
    scopes = [scope("10.1.0.0/24"), scope("10.1.0.128-10.1.1.5", "a"), scope("10.1.0.200"), scope("10.0.0.0/8", "b")]
    spans = [span("10.1.0.0/23"), span("10.1.0.0/23", 1161), span("10.7.0.0/30")]
    told = by_way(spans, scopes, ["public"])
    asked = [(number, one.port) for _, some in told for one in some for number in range(one.first, one.last + 1)]
    assert sorted(asked) == sorted((number, one.port) for one in spans for number in range(one.first, one.last + 1))


def test_a_request_over_v3_has_the_size_it_has_on_the_wire():
    """Two passes over SNMPv3 come before the two of a community."""
    sizes = request_sizes(["public"], (1, 0), secured=True)
    assert len(sizes) == 4
    assert sizes[:2] == [64, 64]
    assert sizes[2:] == request_sizes(["public"], (1, 0))
