"""Why a device will have no read at the next cut-off."""

import random
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, update

from flexprint_server.alerts.missing import PAGE, STEPS, Facts, missing, next_cutoff, why
from flexprint_server.alerts.models import Alert
from flexprint_server.alerts.watch import look
from flexprint_server.fleet.models import Device, Doubt
from flexprint_server.ingest.models import Batch
from flexprint_server.tenants.models import Agent, Customer
from services import seeded

NOW = datetime(2026, 11, 22, 15, 30, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("is_read", "has_total", "agent", "has_doubt", "for_long", "expected"),
    [
        (True, True, "well", False, False, None),
        (True, True, "silent", True, False, None),
        (True, False, "well", False, False, "no_meter"),
        (False, True, "silent", False, False, "agent_silent"),
        (False, True, "refused", False, False, "agent_refused"),
        # One agent put right is worth forty devices: first things first.
        (False, True, "silent", True, True, "agent_silent"),
        (False, False, "refused", True, True, "agent_refused"),
        (False, True, "gone", True, True, "agent_gone"),
        (False, True, "well", True, True, "doubt"),
        (False, True, "well", False, False, "silent"),
        (False, True, "well", False, True, "gone"),
        (False, False, "well", False, True, "gone"),
    ],
)
def test_why_a_device_will_have_no_read(is_read, has_total, agent, has_doubt, for_long, expected):
    assert why(Facts(is_read, has_total, agent, has_doubt, for_long)) == expected


@pytest.mark.parametrize(
    ("now", "cutoff"),
    [
        (NOW, datetime(2026, 12, 1, tzinfo=UTC)),
        (datetime(2026, 12, 31, 23, 59, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
        (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)),
        # Still October at UTC, and November already where the clock is ahead; the other way round where it is behind.
        (datetime(2026, 11, 1, 0, 30, tzinfo=ZoneInfo("Europe/Berlin")), datetime(2026, 11, 30, 23, tzinfo=UTC)),
        (datetime(2026, 10, 31, 21, tzinfo=ZoneInfo("America/New_York")), datetime(2026, 11, 1, 4, tzinfo=UTC)),
        # The clock is put back in between: midnight is that of the end, not of today.
        (datetime(2026, 10, 20, tzinfo=ZoneInfo("Europe/Berlin")), datetime(2026, 10, 31, 23, tzinfo=UTC)),
        (datetime(2026, 12, 31, 9, tzinfo=ZoneInfo("Pacific/Kiritimati")), datetime(2026, 12, 31, 10, tzinfo=UTC)),
    ],
)
def test_the_next_cut_off_is_the_end_of_the_month_by_the_clock_of_who_asks(now, cutoff):
    assert next_cutoff(now) == cutoff


def test_every_reason_names_one_thing_to_do():
    assert all(step.title and step.why and step.do for step in STEPS.values())


@pytest.fixture
def fleet(database):
    """(database, dealer): two agents, the second one silent; devices of every kind."""
    with database.transaction() as session:
        dealer = seeded.bare_dealer(session, NOW, "Northwind Copiers", "alice@northwind.example")
        customer = Customer(dealer_id=dealer.id, name="Harbour Dental", created_at=NOW)
        session.add(customer)
        session.flush()
        chance = random.Random(1)
        well = seeded.add_site(session, dealer, customer, "Main Street", NOW, chance)
        silent = seeded.add_site(session, dealer, customer, "Quayside", NOW, chance)
        silent.last_seen_at = NOW - 5 * DAY
        made = {}
        for serial, agent, days in (
            ("READ", well, 0), ("SILENT", well, 3), ("GONE", well, 40), ("DOUBTED", well, 5), ("RETIRED", well, 50),
            ("QUIET", silent, 3), ("STILL-READ", silent, 1),
        ):  # fmt: skip
            one = seeded.a_read(seeded.KINDS[0], NOW - days * DAY, "10.0.0.1", serial, 1000)
            made[serial] = seeded.store(session, agent, one, first_seen_at=NOW - 60 * DAY)
        made["RETIRED"].in_fleet = False
        about = {"device_id": made["DOUBTED"].id, "other_id": made["READ"].id, "key": "mac:1", "reason": "two_cards"}
        session.add(Doubt(dealer_id=dealer.id, **about, seen_at=NOW))
        look(session, NOW, NOW - 9 * DAY)
        return database, dealer.id


def found(fleet, **wanted):
    database, dealer = fleet
    with database.reading() as session:
        return missing(dealer, session, NOW, **wanted)


def test_each_missing_device_has_its_reason_longest_silent_first(fleet):
    page = found(fleet)
    assert [(one.device.serial, one.reason) for one in page.missed] == [
        ("GONE", "gone"), ("DOUBTED", "doubt"), ("SILENT", "silent"), ("QUIET", "agent_silent"),
    ]  # fmt: skip
    assert (page.fleet, page.all, page.matching) == (6, 4, 4)
    assert page.counts == {
        "agent_refused": 0, "agent_silent": 1, "agent_gone": 0, "doubt": 1, "gone": 1, "silent": 1, "no_meter": 0,
    }  # fmt: skip


def test_one_reason_alone_is_shown_with_the_counts_of_all(fleet):
    page = found(fleet, reason="silent")
    assert [one.device.serial for one in page.missed] == ["SILENT"]
    assert (page.all, page.matching) == (4, 1)


def test_a_refused_agent_is_the_reason_where_nothing_was_taken_since(fleet):
    database, _ = fleet
    with database.transaction() as session:
        session.execute(update(Agent).values(refused_at=NOW - DAY, last_sequence=1))
        for agent in session.scalars(select(Agent)):
            taken = {
                "agent_id": agent.id,
                "sequence": 1,
                "received_at": agent.last_seen_at,
                "dealer_id": agent.dealer_id,
            }
            session.add(Batch(**taken, hash=b"", sealed=b"", reads=0, gap=False))
    assert [one.device.serial for one in found(fleet, reason="agent_refused").missed] == ["QUIET"]
    with database.transaction() as session:
        # It goes on checking in, which takes nothing of what is refused.
        session.execute(update(Agent).values(last_seen_at=NOW))
        session.execute(update(Alert).values(closed_at=NOW))
    assert [one.device.serial for one in found(fleet, reason="agent_refused").missed] == ["QUIET"]


def test_a_page_beyond_the_end_is_the_last_one(fleet):
    database, _ = fleet
    assert found(fleet, number=9).number == 1
    assert PAGE == 50
    with database.transaction() as session:
        session.execute(update(Device).values(last_read_at=NOW))
    assert (found(fleet).missed, found(fleet).all) == ([], 0)
