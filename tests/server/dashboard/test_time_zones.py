"""Whose days and times pages show: those of the dealer, and to a customer's users those of the customer."""

import re
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import func, select, update

from flexprint_server.fleet.models import Device, SiteDay
from flexprint_server.tenants.models import Customer, SettingValue, SignIn, User
from services.pages import ALICE, NOW


def settle(database, zone, customer_id=None):
    with database.transaction() as session:
        dealer = session.scalar(select(User.dealer_id).where(User.email == ALICE))
        place = f"customer:{customer_id}" if customer_id else f"dealer:{dealer}"
        belongs = {"customer_id": customer_id, "place": place}
        session.add(SettingValue(dealer_id=dealer, name="time_zone", value=zone, set_at=NOW, **belongs))


def test_pages_show_the_times_of_the_dealers_clock(alice, fleet):
    settle(fleet, "Asia/Tokyo")
    device = alice.get("/devices/1").text
    assert "Times are those of Asia/Tokyo." in device
    with fleet.reading() as session:
        read_at = session.scalar(select(Device.last_read_at).where(Device.id == 1))
    assert f"{read_at + timedelta(hours=9):%Y-%m-%d %H:%M:%S} JST" in device
    assert "by the clock of Asia/Tokyo" in alice.get("/billing").text
    assert "(Asia/Tokyo) if nothing is done" in alice.get("/missing").text
    with fleet.reading() as session:
        customer = session.scalar(select(func.min(Customer.id)))
    settle(fleet, "America/New_York", customer)
    assert "(Asia/Tokyo); sites with a clock of their own by that" in alice.get("/missing").text


def test_a_customers_user_sees_the_customers_clock(alice, fleet):
    with fleet.transaction() as session:
        customer = session.scalar(select(func.min(Customer.id)))
        session.execute(update(User).where(User.email == ALICE).values(role="customer", customer_id=customer))
    settle(fleet, "Asia/Tokyo")
    settle(fleet, "America/New_York", customer)
    assert "Times are those of America/New_York." in alice.get("/devices").text


def test_a_zone_that_this_version_does_not_know_is_no_reason_to_fail(alice, fleet):
    settle(fleet, "Mars/Olympus")
    assert "Times are UTC." in alice.get("/").text


def test_the_month_turns_when_it_does_for_the_dealer(alice, fleet, clock):
    """At half past eleven in the evening UTC it is the first of December in Berlin, and October is not the last month."""
    clock.now = datetime(2026, 11, 30, 23, 30, tzinfo=UTC)
    with fleet.transaction() as session:
        dealer, site = session.execute(select(Device.dealer_id, Device.site_id).limit(1)).one()
        session.add(SiteDay(dealer_id=dealer, site_id=site, day=date(2026, 12, 1), pages=77, reads=1))
        session.execute(update(SignIn).values(expires_at=clock.now + timedelta(days=1)))
        session.execute(update(Device).values(last_read_at=clock.now - timedelta(minutes=40)))
    assert " in November so far" in alice.get("/").text
    settle(fleet, "Europe/Berlin")
    page = alice.get("/").text
    assert ">77</span> in December so far" in page
    # Read at ten to midnight: that was yesterday.
    assert re.search(r"Read today</span>\s*<span class=\"figure\">0<", page)
    assert "cut-off of 1 Jan 2027, 00:00 (Europe/Berlin)" in alice.get("/missing").text


def test_days_typed_on_the_billing_page_are_those_of_the_clock(alice, fleet):
    settle(fleet, "America/New_York")
    page = alice.get("/billing.csv?from=2026-10-01&to=2026-10-31").text
    assert '"2026-10-01 04:00:00"' in page
    assert '"2026-11-01 04:00:00"' in page
