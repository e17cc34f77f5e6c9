"""Alerts begin, are told once, and end."""

from datetime import UTC, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import delete, select, update

from flexprint_server.alerts import queries, telling, watch
from flexprint_server.alerts.missing import missing
from flexprint_server.alerts.models import Alert
from flexprint_server.fleet.models import Device
from flexprint_server.mail.models import OutgoingMail
from flexprint_server.mail.outbox import Outbox, opened
from flexprint_server.tenants import agents as tenants
from flexprint_server.tenants.models import Agent, AgentState, SettingValue
from services import agents
from services.reads import NOON, a_read, later
from services.world import World

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LONG_AGO = NOON - 400 * DAY


@pytest.fixture
def world(database):
    """One agent with one printer, heard of at noon. Whoever looks after it wants mails."""
    world = World(database)
    world.bring(a_read(), arrived=NOON)
    with database.transaction() as session:
        dealer = world.device().dealer_id
        session.add(
            SettingValue(
                dealer_id=dealer,
                place=f"dealer:{dealer}",
                name="alert_recipients",
                value="service@example.com",
                set_at=NOON,
            )
        )
    return world  # fmt: skip


def look(world, at, up_since=LONG_AGO):
    with world.database.transaction() as session:
        watch.look(session, at, up_since)
        telling.tell(session, Outbox(agents.SECRET_KEY, "example.com"), "https://meters.example.com", at)


def open_alerts(world):
    return [alert.kind for alert in world.rows(Alert) if alert.closed_at is None]


def mails(world):
    return [(mail.recipient, opened(mail, agents.SECRET_KEY)) for mail in world.rows(OutgoingMail)]


def test_a_silent_agent_is_told_of_once_and_when_it_is_back(world):
    look(world, NOON + 35 * HOUR)
    assert open_alerts(world) == []
    for hours in (37, 38, 90):
        look(world, NOON + hours * HOUR)
    assert open_alerts(world) == ["agent_silent"]
    ((recipient, mail),) = mails(world)
    assert recipient == "service@example.com"
    assert mail.subject == "Agent silent: Agent on FRONT-DESK"
    assert "Harbour Dental, Main Street" in mail.text
    assert "Have it switched on" in mail.text
    assert "https://meters.example.com/alerts" in mail.text
    world.bring(later(a_read(), 8000, NOON + 91 * HOUR))
    look(world, NOON + 92 * HOUR)
    look(world, NOON + 93 * HOUR)
    assert open_alerts(world) == []
    (_, (_, over)) = mails(world)
    assert over.subject == "Over: Agent on FRONT-DESK"


def test_an_agent_that_promised_to_wake_is_silent_sooner(world):
    with world.database.transaction() as session:
        session.add(checked_in(world, next_wake_at=NOON + 6 * HOUR))
    look(world, NOON + 8 * HOUR)
    assert open_alerts(world) == []
    look(world, NOON + 9 * HOUR)
    assert open_alerts(world) == ["agent_silent"]


def test_a_promise_by_a_wrong_clock_counts_by_ours(world):
    with world.database.transaction() as session:
        session.add(checked_in(world, next_wake_at=NOON + 106 * HOUR, clock_offset_s=100 * 3600))
    look(world, NOON + 10 * HOUR)
    (alert,) = world.rows(Alert)
    assert alert.facts["cause"] == "clock"


def test_what_an_agent_last_told_of_its_trouble_stands_with_its_silence(world):
    with world.database.transaction() as session:
        health = {"last_error": "the proxy wants a password\r\n", "waiting_batches": 3}
        session.add(checked_in(world, next_wake_at=NOON + 6 * HOUR, health=health))
    look(world, NOON + 10 * HOUR)
    ((_, mail),) = mails(world)
    assert "It said: the proxy wants a password\n  Run flexprint-agent doctor" in mail.text


def checked_in(world, **facts):
    given = {
        "counter": 1,
        "checked_in_at": NOON,
        "clock_offset_s": 0,
        "health": {},
        "settings": {},
        "allows": [],
        "unfit": {},
    }
    return AgentState(agent_id=world.agent.id, dealer_id=world.device().dealer_id, **{**given, **facts})  # fmt: skip


def test_nobody_is_called_silent_while_the_collector_was_away(world):
    """It comes up after three days: agents get their time to be heard of."""
    back = NOON + 3 * DAY
    look(world, back, up_since=back)
    look(world, back + 2 * HOUR, up_since=back)
    assert open_alerts(world) == []
    look(world, back + 3 * HOUR, up_since=back)
    assert open_alerts(world) == ["agent_silent"]


def test_a_refused_batch_is_the_likely_cause(world):
    stranger = agents.Agent(world.agent.id, agents.Ed25519PrivateKey.generate(), world.agent.sealing_key)
    with pytest.raises(Exception, match="not signed"):
        world.inbox.receive(stranger.batch(a_read()), NOON + HOUR)
    look(world, NOON + 40 * HOUR)
    (alert,) = world.rows(Alert)
    assert (alert.facts["cause"], alert.facts["refusal"]) == ("refused", "wrong-signature")


def test_the_likely_cause_is_that_of_now(world):
    """One agent of a site falls silent, then the other: their line is gone. When one is back, it is not the line."""
    beside = agents.an_agent(world.database)
    world.bring(a_read("OTHER", address="10.1.2.9", macs=()), agent=beside, arrived=NOON + 12 * HOUR)

    def causes():
        return [alert.facts["cause"] for alert in world.rows(Alert) if alert.closed_at is None]

    look(world, NOON + 40 * HOUR)
    assert causes() == ["off"]
    look(world, NOON + 50 * HOUR)
    assert causes() == ["site", "site"]
    world.bring(a_read("OTHER", at=NOON + 51 * HOUR, address="10.1.2.9", macs=()), agent=beside)
    look(world, NOON + 53 * HOUR)
    assert causes() == ["off"]


def test_nobody_waits_for_an_agent_that_is_retired_until_it_is_heard_of_again(world):
    look(world, NOON + 40 * HOUR)
    assert open_alerts(world) == ["agent_silent"]
    with world.database.transaction(world.visitor().scope) as session:
        row = session.get_one(Agent, world.agent.id)
        tenants.retire(session, world.visitor(), row, NOON + 41 * HOUR, retired=True)
    look(world, NOON + 42 * HOUR)
    assert open_alerts(world) == []
    with world.database.reading() as session:
        (missed,) = missing(world.device().dealer_id, session, NOON + 72 * HOUR).missed
    assert missed.reason == "agent_gone"
    world.bring(later(a_read(), 8000, NOON + 80 * HOUR))
    look(world, NOON + 200 * HOUR)
    assert open_alerts(world) == ["agent_silent"]


def test_a_device_is_stale_only_where_its_agent_is_well(world):
    """Of a whole site that is silent one alert tells, and not forty."""
    look(world, NOON + 8 * DAY)
    assert open_alerts(world) == ["agent_silent"]
    world.bring(a_read("OTHER", at=NOON + 8 * DAY, macs=()), arrived=NOON + 8 * DAY)
    look(world, NOON + 8 * DAY + HOUR)
    assert sorted(open_alerts(world)) == ["device_new", "device_stale"]
    world.bring(later(a_read(), 8000, NOON + 9 * DAY), arrived=NOON + 9 * DAY)
    look(world, NOON + 9 * DAY)
    assert open_alerts(world) == ["device_new"]


def test_what_is_retired_alerts_nobody(world):
    with world.database.transaction() as session:
        session.execute(update(Device).values(supply_low=True))
    look(world, NOON + HOUR)
    assert open_alerts(world) == ["supply_low"]
    with world.database.transaction() as session:
        session.execute(update(Device).values(in_fleet=False, retired_at=NOON))
    look(world, NOON + 2 * HOUR)
    assert open_alerts(world) == []


def test_an_open_alert_follows_its_device_to_another_site(world):
    other = agents.an_agent(world.database, site="Warehouse")
    with world.database.transaction() as session:
        session.execute(update(Device).values(supply_low=True))
    look(world, NOON + HOUR)
    with world.database.transaction() as session:
        there = session.scalar(select(Agent.site_id).where(Agent.id == other.id))
        session.execute(update(Device).values(site_id=there, agent_id=other.id))
    look(world, NOON + 2 * HOUR)
    (alert,) = (one for one in world.rows(Alert) if one.kind == "supply_low")
    assert (alert.site_id, alert.closed_at) == (there, None)


def test_what_an_agent_finds_in_its_first_days_is_not_new(world):
    look(world, NOON + HOUR)
    assert open_alerts(world) == []
    world.bring(a_read("LATER", at=NOON + 5 * DAY, macs=(), address="10.1.2.9"))
    look(world, NOON + 5 * DAY + 2 * HOUR)
    assert "device_new" in open_alerts(world)
    look(world, NOON + 36 * DAY)
    assert "device_new" not in open_alerts(world)


def test_a_counter_that_went_down_is_told_and_one_that_was_soon_back_is_not_kept(world):
    world.bring(later(a_read(), 12, NOON + HOUR))
    look(world, NOON + HOUR)
    assert open_alerts(world) == ["meter_epoch"]
    with world.database.reading() as session:
        (shown,) = queries.page(world.device().dealer_id, session, UTC)
    assert shown.what == "Total went from 7,342 to 12, read 2026-11-22 13:00 UTC."
    world.bring(later(a_read(), 7350, NOON + 2 * HOUR))
    look(world, NOON + 3 * HOUR)
    assert open_alerts(world) == []


def test_times_in_alerts_are_told_by_the_clock_of_their_site(world):
    """In mails and to programs; a page tells them by the clock that its other times go by."""
    dealer, site = world.device().dealer_id, world.device().site_id
    with world.database.transaction() as session:
        zones = {f"dealer:{dealer}": ("Europe/Berlin", None), f"site:{site}": ("Asia/Tokyo", site)}
        for place, (zone, of_site) in zones.items():
            settled = {"dealer_id": dealer, "name": "time_zone", "set_at": NOON, "site_id": of_site}
            session.add(SettingValue(place=place, value=zone, **settled))
    world.bring(later(a_read(), 12, NOON + HOUR))
    look(world, NOON + HOUR)
    ((_, mail),) = mails(world)
    assert mail.text.startswith(f"{agents.DEALER}, 2026-11-22 22:00 Asia/Tokyo\n")
    assert "Total went from 7,342 to 12, read 2026-11-22 22:00 Asia/Tokyo." in mail.text
    with world.database.reading() as session:
        (told,) = queries.after(dealer, session, 0, 9)
        (on_page,) = queries.page(dealer, session, ZoneInfo("Europe/Berlin"))
    assert "read 2026-11-22 22:00 Asia/Tokyo." in told.what
    assert "read 2026-11-22 14:00 Europe/Berlin." in on_page.what


def test_an_acknowledged_alert_is_told_no_more_and_does_not_begin_again(world):
    look(world, NOON + 40 * HOUR)
    (alert,) = world.rows(Alert)
    with world.database.transaction(world.visitor().scope) as session:
        assert queries.acknowledge(session, world.visitor(), alert.id, "they moved house", NOON + 41 * HOUR)
    look(world, NOON + 42 * HOUR)
    with world.database.reading() as session:
        assert queries.page(world.device().dealer_id, session, UTC) == []
        (past,) = queries.page(world.device().dealer_id, session, UTC, over=True)
    assert (past.alert.note, past.alert.acknowledged_by) == ("they moved house", "alice@northwind.example")
    assert len(world.rows(Alert)) == 1


def test_nobody_who_did_not_ask_for_it_gets_mail(world):
    with world.database.transaction() as session:
        session.execute(delete(SettingValue))
    look(world, NOON + 40 * HOUR)
    assert open_alerts(world) == ["agent_silent"]
    assert mails(world) == []


def test_a_hundred_alerts_are_one_mail(world):
    with world.database.transaction() as session:
        session.execute(update(Agent).values(last_seen_at=NOON + 9 * DAY))
    world.bring(*[a_read(f"VD{number:04d}", address=f"10.1.3.{number}", macs=()) for number in range(40)], arrived=NOON)
    with world.database.transaction() as session:
        session.execute(update(Agent).values(last_seen_at=NOON + 9 * DAY))
    look(world, NOON + 9 * DAY)
    ((_, mail),) = mails(world)
    assert mail.subject == "41 devices stale"
    assert "and 21 more" in mail.text


def test_what_a_device_calls_itself_stays_in_its_line(world):
    """Neither header nor body of a mail can be forged by a model's name."""
    world.bring(a_read("EVIL", model="X\r\nBcc: all@example.com\n\nPay here", at=NOON + 5 * DAY, macs=()))
    look(world, NOON + 5 * DAY + 2 * HOUR)
    for _, mail in mails(world):
        assert "\n" not in mail.subject
        assert "\nBcc" not in mail.text
