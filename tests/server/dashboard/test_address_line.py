"""Addresses of pages: read leniently, written in one form, leading nowhere else."""

import pytest

from flexprint_server.dashboard import address_line
from flexprint_server.fleet.queries import Wanted


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, Wanted()),
        ({"q": " kyo \x00\u202e cera "}, Wanted(text="kyo cera")),
        ({"q": "x" * 9999}, Wanted(text="x" * 100)),
        ({"customer": "12", "site": "3"}, Wanted(customer_id=12, site_id=3)),
        ({"customer": "0", "site": "-3", "page": "x"}, Wanted()),
        ({"customer": "9" * 19, "site": "٣", "page": "1e9"}, Wanted()),
        ({"show": "stale", "sort": "-total", "page": "7"}, Wanted(show="stale", sort="total", descending=True, page=7)),
        ({"show": "secret", "sort": "password_hash", "page": "99999999999"}, Wanted()),
    ],
)
def test_what_cannot_be_understood_is_left_out(query, expected):
    assert address_line.wanted(query) == expected


@pytest.mark.parametrize(
    ("wanted", "changes", "expected"),
    [
        (Wanted(), {}, "/devices"),
        (Wanted(page=4), {"show": "new"}, "/devices?show=new"),
        (Wanted(text="a&b=c"), {"page": 2}, "/devices?q=a%26b%3Dc&page=2"),
        (Wanted(sort="total", descending=True), {}, "/devices?sort=-total"),
        (Wanted(descending=True), {}, "/devices?sort=-customer"),
    ],
)
def test_addresses_of_the_list_say_only_what_differs(wanted, changes, expected):
    assert address_line.fleet(wanted)(**changes) == expected


@pytest.mark.parametrize("target", ["/", "/devices/3", "/devices?q=a b&show=new", "/reports?before=9"])
def test_a_page_of_ours_is_where_one_goes_after_signing_in(target):
    assert address_line.safe_next(target) == target


@pytest.mark.parametrize(
    "target",
    [
        None, "", "//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example", "https://evil.example",
        "javascript:alert(1)", "/\t/evil.example", "/\r\nSet-Cookie: a=b", "evil.example", "/\x00", "/" + "a" * 3000,
    ],
)  # fmt: skip
def test_anything_that_could_lead_elsewhere_leads_to_the_front_page(target):
    assert address_line.safe_next(target) == "/"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "_",
        "2026-11-22T08:00:00Z",
        "2026-11-22T08:00:00Z_x",
        "2026-11-22T08:00:00_5",
        "x_5",
        "9999-12-31T23:59:59-23:59_5",
    ],
)
def test_a_position_that_is_none_is_the_newest(text):
    assert address_line.before({"before": text}) is None
