"""For how long devices are new, when they are stale, and when workbooks leave them out: as each site and agent has it."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import delete, func, select, update

from flexprint_server.alerts.missing import missing
from flexprint_server.alerts.models import Alert
from flexprint_server.alerts.watch import look
from flexprint_server.database import Scope
from flexprint_server.fleet import listing, overview, queries
from flexprint_server.fleet.models import Device
from flexprint_server.fleet.rules import USUAL, Days, rules_of
from flexprint_server.fleet.zones import ASKED_AGAIN, Zones
from flexprint_server.reports import fleet_rows
from flexprint_server.reports.wanted import Covers
from flexprint_server.tenants.models import Agent, Customer, SettingValue
from services import seeded

NOW = datetime(2026, 11, 22, 15, 30, tzinfo=UTC)
DAY = timedelta(days=1)
NOBODY = UUID(int=0)


@pytest.fixture
def world(database):
    """(database, dealer, sites by name): a printer at each site, first seen 20 days ago and read 10 days ago. The dealer
    settles 5 days; the customer Harbour 12, and its site Quay 8. Elsewhere belongs to somebody who settled nothing."""
    with database.transaction() as session:
        chance = random.Random(1)
        sites = {}
        dealers = [
            seeded.bare_dealer(session, NOW - 90 * DAY, name, f"{name}@x.example") for name in ("north", "south")
        ]
        for dealer, name, at in (
            (dealers[0], "Harbour", ("Main", "Quay")), (dealers[0], "Müller", ("Werk",)), (dealers[1], "Zeta", ("Elsewhere",)),
        ):  # fmt: skip
            customer = Customer(dealer_id=dealer.id, name=name, created_at=NOW)
            session.add(customer)
            session.flush()
            for site in at:
                agent = seeded.add_site(session, dealer, customer, site, NOW, chance)
                sites[site] = agent.site_id
                one = seeded.a_read(seeded.KINDS[0], NOW - 10 * DAY, "10.0.0.1", site.upper(), 1000)
                seeded.store(session, agent, one, first_seen_at=NOW - 20 * DAY)
            if name == "Harbour":
                settle(session, dealer.id, f"customer:{customer.id}", "stale_days", "12", customer_id=customer.id)
                settle(session, dealer.id, f"site:{sites['Quay']}", "stale_days", "8", site_id=sites["Quay"])
                settle(session, dealer.id, f"customer:{customer.id}", "drop_days", "9", customer_id=customer.id)
        empty = Customer(dealer_id=dealers[0].id, name="Without a site", created_at=NOW)
        session.add(empty)
        session.flush()
        # A customer without a site settles nothing for anybody else.
        settle(session, dealers[0].id, f"customer:{empty.id}", "stale_days", "90", customer_id=empty.id)
        settle(session, dealers[0].id, f"dealer:{dealers[0].id}", "stale_days", "5")
        settle(session, dealers[0].id, f"dealer:{dealers[0].id}", "new_days", "15")
        settle(session, dealers[0].id, f"site:{sites['Werk']}", "new_days", "of a later version", site_id=sites["Werk"])
        return database, dealers[0].id, sites


def settle(session, dealer_id, place, name, value, **belongs):
    session.add(SettingValue(dealer_id=dealer_id, place=place, name=name, value=value, set_at=NOW, **belongs))


def test_days_are_inherited_and_the_nearest_wins(world):
    database, dealer, sites = world
    with database.reading(Scope(dealer)) as session:
        rules = rules_of(session, dealer)
    assert {name: rules.stale.at(site, NOBODY) for name, site in sites.items() if name != "Elsewhere"} == {
        "Main": 12, "Quay": 8, "Werk": 5,
    }  # fmt: skip
    assert rules.new == Days(15)
    assert (rules.stale.words, rules.new.words) == ("5 to 12 days", "15 days")
    assert rules.among([(sites["Quay"], NOBODY)]).stale == Days(8)
    with database.reading(Scope(dealer)) as session:
        customer = session.scalar(select(Customer.id).where(Customer.name == "Harbour"))
    with database.reading(Scope(dealer, customer)) as session:
        rules = rules_of(session, dealer)
    # A customer's user has the same.
    assert {rules.stale.at(sites[name], NOBODY) for name in ("Main", "Quay")} == {12, 8}


def test_every_list_judges_by_the_same_days(world):
    """Read ten days ago, a printer is stale where that is longer than the days of its site; so it is in the list of
    devices, the API and the alerts, and workbooks leave out by the same."""
    database, dealer, sites = world
    stale = {"QUAY", "WERK"}
    with database.reading(Scope(dealer)) as session:
        rules = rules_of(session, dealer)
        page = queries.devices(dealer, session, queries.Wanted(show="stale"), NOW)
        assert {device.serial for device in page.devices} == stale
        assert (page.totals.stale, page.totals.new) == (2, 0)
        assert queries.totals(dealer, session, rules, NOW) == page.totals
        devices = listing.devices(dealer, session, 0, 9, listing.Only(stale=True), NOW)
        assert {device.serial for device in devices} == stale
        assert {one.serial for one in devices if listing.ListedDevice(one, rules, NOW).is_stale} == stale
        assert overview.newest(dealer, session, rules, NOW, 6) == []
    with database.transaction() as session:
        look(session, NOW, NOW - 9 * DAY)
        alerts = select(Device.serial).join(Alert, Alert.device_id == Device.id).where(Alert.kind == "device_stale")
        # Nobody settled anything at Elsewhere, where seven days are the rule.
        assert set(session.scalars(alerts)) == stale | {"ELSEWHERE"}
    with database.reading(Scope(dealer)) as session:
        rules = rules_of(session, dealer)
        at = session.scalar(select(Device.last_read_at).where(Device.site_id == sites["Werk"])) + 5 * DAY
        for now, expected in ((at, 0), (at + timedelta(seconds=1), 1)):
            counted = select(func.count()).where(Device.site_id == sites["Werk"], rules.stale_ones(now))
            assert session.scalar(counted) == expected
            assert rules.is_stale(session.scalar(select(Device).where(Device.serial == "WERK")), now) == bool(expected)
    with database.reading(Scope(dealer)) as session:
        about = fleet_rows.about(session, dealer, Covers("all"), NOW)
        rows = list(fleet_rows.device_rows(session, dealer, Covers("all"), NOW))
        assert [row.serial for row in rows] == ["WERK"]
        assert (about.devices, about.left_out) == (1, 2)
        assert fleet_rows.about(session, dealer, Covers("sites", (sites["Quay"],)), NOW).rules.stale.words == "8 days"
        found = missing(dealer, session, NOW)
        assert found.counts["gone"] == 2


def test_an_agents_own_days_come_before_those_of_its_site(world):
    """Another agent at Werk, with days of its own: the two printers there are judged each by its owner's days, in one
    list, and go by the days of the other agent as soon as that one owns them."""
    database, dealer, sites = world
    with database.transaction() as session:
        first = session.scalar(select(Agent).where(Agent.site_id == sites["Werk"]))
        agent = seeded.add_agent(session, first.site, NOW, random.Random(2))
        one = seeded.a_read(seeded.KINDS[0], NOW - 10 * DAY, "10.0.0.2", "ANNEX", 1000)
        seeded.store(session, agent, one, first_seen_at=NOW - 20 * DAY)
        for name, days in (("stale_days", "30"), ("new_days", "60"), ("drop_days", "8")):
            settle(session, dealer, f"agent:{agent.id}", name, days, agent_id=agent.id)
    werk = queries.Wanted(site_id=sites["Werk"])
    with database.reading(Scope(dealer)) as session:
        rules = rules_of(session, dealer)
        page = queries.devices(dealer, session, werk, NOW)
        # New first, though both stand at one site.
        assert [device.serial for device in page.devices] == ["ANNEX", "WERK"]
        assert [rules.is_new(one, NOW) for one in page.devices] == [True, False]
        assert [rules.is_stale(one, NOW) for one in page.devices] == [False, True]
        assert (page.totals.new, page.totals.stale) == (1, 1)
        new = queries.devices(dealer, session, replace(werk, show="new"), NOW)
        assert [one.serial for one in new.devices] == ["ANNEX"]
        assert [one.serial for one in overview.newest(dealer, session, rules, NOW, 6)] == ["ANNEX"]
        fresh = listing.devices(dealer, session, 0, 9, listing.Only(stale=False, site=sites["Werk"]), NOW)
        assert [one.serial for one in fresh] == ["ANNEX"]
        rows = list(fleet_rows.device_rows(session, dealer, Covers("sites", (sites["Werk"],)), NOW))
        assert [row.serial for row in rows] == ["WERK"]
        about = fleet_rows.about(session, dealer, Covers("sites", (sites["Werk"],)), NOW)
        assert (about.left_out, about.rules.stale.words) == (1, "5 to 30 days")
        silent = {one.device.serial: one.reason for one in missing(dealer, session, NOW).missed}
        assert (silent["ANNEX"], silent["WERK"]) == ("gone", "silent")
    with database.transaction() as session:
        look(session, NOW, NOW - 9 * DAY)
        alerts = select(Device.serial).join(Alert, Alert.device_id == Device.id).where(Alert.kind == "device_stale")
        assert "ANNEX" not in set(session.scalars(alerts))
        session.execute(update(Device).where(Device.serial == "ANNEX").values(agent_id=first.id))
    with database.reading(Scope(dealer)) as session:
        assert queries.devices(dealer, session, werk, NOW).totals.stale == 2


def test_the_days_of_a_site_begin_by_its_own_clock(world):
    """What was settled is remembered for a while, and asked again then."""
    database, dealer, sites = world
    with database.transaction() as session:
        settle(session, dealer, f"dealer:{dealer}", "time_zone", "Europe/Berlin")
        settle(session, dealer, f"site:{sites['Quay']}", "time_zone", "America/New_York", site_id=sites["Quay"])
    zones = Zones()

    def named(now):
        with database.connection() as connection:
            return [str(zones.of_site(connection, dealer, sites[name], now)) for name in ("Main", "Quay")]

    assert named(NOW) == ["Europe/Berlin", "America/New_York"]
    with database.transaction() as session:
        session.execute(delete(SettingValue).where(SettingValue.name == "time_zone"))
    assert named(NOW + ASKED_AGAIN) == ["Europe/Berlin", "America/New_York"]
    assert named(NOW + 2 * ASKED_AGAIN) == ["UTC", "UTC"]


def test_where_nobody_settled_anything_a_constant_is_compared():
    assert "CASE" not in str(USUAL.stale_ones(NOW))
    assert Days(1).words == "1 day"
