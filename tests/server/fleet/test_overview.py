"""The overview's figures: months compared by the same days, none of another customer's."""

from datetime import date, timedelta

import pytest

from flexprint_server.database import Database, Scope
from flexprint_server.fleet import overview
from flexprint_server.fleet.models import SiteDay
from services.pages import NOW
from services.seeded import bare_dealer

TODAY = NOW.date()


@pytest.mark.parametrize(
    ("today", "expected"),
    [
        (date(2026, 11, 22), (date(2026, 11, 1), date(2026, 10, 1), date(2026, 10, 22))),
        (date(2026, 1, 1), (date(2026, 1, 1), date(2025, 12, 1), date(2025, 12, 1))),
        (date(2026, 3, 31), (date(2026, 3, 1), date(2026, 2, 1), date(2026, 2, 28))),
        (date(2024, 3, 30), (date(2024, 3, 1), date(2024, 2, 1), date(2024, 2, 29))),
    ],
)
def test_a_month_compares_with_the_same_days_of_the_month_before(today, expected):
    assert overview.months(today) == expected


def test_pages_are_those_of_the_months_and_of_every_day_shown(database: Database):
    with database.transaction() as session:
        dealer = bare_dealer(session, NOW, "Northwind", "alice@northwind.example")
        other = bare_dealer(session, NOW, "Elsewhere", "bob@elsewhere.example")
        for day, pages in ((0, 5), (1, 10), (21, 20), (22, 40), (31, 80), (32, 160), (300, 320), (-1, 640)):
            for site in (1, 2):
                session.add(
                    SiteDay(dealer_id=dealer.id, site_id=site, day=TODAY - timedelta(day), pages=pages, reads=1)
                )
        session.add(SiteDay(dealer_id=other.id, site_id=3, day=TODAY, pages=9999, reads=1))
    with database.reading(Scope(dealer.id)) as session:
        found = overview.pages(dealer.id, session, NOW)
    assert (found.this_month, found.last_month) == (2 * (5 + 10 + 20), 2 * (80 + 160))
    assert found.change == -85
    assert len(found.days) == 31
    assert dict(found.days)[TODAY] == 10
    assert found.days[0] == (TODAY - timedelta(30), 0)
    with database.reading(Scope(other.id)) as session:
        assert overview.pages(other.id, session, NOW).change is None
