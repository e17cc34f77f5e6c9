"""Which of a site's devices stand in its workbook, and in which order."""

import random
from contextlib import closing
from datetime import timedelta

import pytest
from sqlalchemy import update

from flexprint_server.fleet.models import Device
from flexprint_server.reports.fleet_rows import about, device_rows
from flexprint_server.reports.wanted import Covers
from flexprint_server.tenants.models import Customer
from services import seeded
from services.pages import NOW

SEEN = NOW - timedelta(days=80)


@pytest.fixture
def site(database):
    """(dealer, a site covered) with an old, a new, a stale, a long silent and a retired device."""
    with database.transaction() as session:
        dealer = seeded.bare_dealer(session, SEEN, "Northwind Copiers", "alice@northwind.example")
        customer = Customer(dealer_id=dealer.id, name="Harbour Dental", created_at=SEEN)
        session.add(customer)
        session.flush()
        agent = seeded.add_site(session, dealer, customer, "Main Street", NOW, random.Random(1))
        for serial, read, seen in (
            ("OLD", NOW, SEEN),
            ("NEW", NOW, NOW - timedelta(days=2)),
            ("STALE", NOW - timedelta(days=29), SEEN),
            ("SILENT", NOW - timedelta(days=32), SEEN),
            ("RETIRED", NOW, SEEN),
        ):
            one = seeded.a_read(seeded.KINDS[0], read, "10.0.0.1", serial, 1000, asset="A-1")
            seeded.store(session, agent, one, first_seen_at=seen)
        session.execute(update(Device).where(Device.serial == "RETIRED").values(in_fleet=False, retired_at=NOW))
        return dealer.id, Covers("sites", (agent.site_id,))


def rows(database, site):
    with database.reading() as session, closing(device_rows(session, *site, NOW)) as found:
        return list(found)


def test_new_devices_come_first_and_those_silent_for_a_month_are_left_out(database, site):
    assert [row.serial for row in rows(database, site)] == ["NEW", "OLD", "STALE"]


def test_the_workbook_says_how_many_it_left_out(database, site):
    """A retired device is not missed."""
    with database.reading() as session:
        assert about(session, *site, NOW).left_out == 1


def test_what_people_typed_stands_before_what_the_device_says(database, site):
    with database.transaction() as session:
        typed = {"typed_asset": "B-2", "typed_name": "Ours", "typed_location": "Cellar"}
        session.execute(update(Device).where(Device.serial == "OLD").values(typed))
    old = next(row for row in rows(database, site) if row.serial == "OLD")
    new = next(row for row in rows(database, site) if row.serial == "NEW")
    assert (old.asset, old.name, old.location) == ("B-2", "Ours", "Cellar")
    assert new.asset == "A-1"
