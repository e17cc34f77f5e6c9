"""Check-ins: kept, answered under a signature, and each command done once."""

from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select

from flexprint_server.ingest import refusals
from flexprint_server.ingest.checkin import Desk
from flexprint_server.ingest.service import Inbox
from flexprint_server.reports.service import request_report
from flexprint_server.tenants import commands
from flexprint_server.tenants.models import Agent, AgentCommand, AgentLog, AgentState, SettingValue
from flexprint_shared import checkin
from flexprint_shared.times import rfc3339
from services.agents import an_agent, keyring
from services.reads import NOON

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


class Visitor:
    def __init__(self, dealer_id):
        self.dealer_id, self.user_id, self.email = dealer_id, 1, "alice@example.com"


@pytest.fixture
def desk(database):
    inbox = Inbox(database, lambda: keyring(database), "example.com")
    return Desk(database, inbox.keyring, inbox.public_key, inbox.sealing_key)


@pytest.fixture
def agent(database):
    return an_agent(database)


@pytest.fixture
def told(desk, agent, database):
    """Checks in and gives the answer, its signature verified."""

    def check_in(at=NOON, **more):
        sealed = agent.check_in(at, **more)
        identity = keyring(database).identity.public_key()
        return checkin.answer_to(sealed, desk.receive(sealed, at), identity)

    return check_in


def ask(database, agent, name, at=NOON):
    with database.transaction() as session:
        row = session.get_one(Agent, agent.id)
        return commands.ask(session, Visitor(row.dealer_id), row, name, at)


def kept(database, model, agent):
    with database.reading() as session:
        return session.scalars(select(model).where(model.agent_id == agent.id)).all()


def test_what_an_agent_tells_is_kept(told, agent, database):
    told(
        NOON + timedelta(seconds=90),
        health={"printers": 40, "silent": 2, "last_error": "the proxy\x1b[2J says no", "deep": {"in": {"it": 1}}},
        next_wake_at=rfc3339(NOON + 6 * HOUR),
        settings={"wakes_per_day": "4"},
        allows=["schedule"],
        host="FRONT-\u202eDESK",
        version="0.2.0",
    )
    (state,) = kept(database, AgentState, agent)
    assert state.health == {"printers": 40, "silent": 2, "last_error": "the proxy [2J says no", "deep": {"in": None}}
    assert (state.next_wake_at, state.settings, state.allows) == (NOON + 6 * HOUR, {"wakes_per_day": "4"}, ["schedule"])
    with database.reading() as session:
        row = session.get_one(Agent, agent.id)
    assert (row.host, row.version, row.platform) == ("FRONT-DESK", "0.2.0", "Windows 11")
    assert row.last_seen_at == NOON + timedelta(seconds=90)


def test_a_clock_that_is_wrong_shows(desk, agent, database):
    desk.receive(agent.check_in(NOON - 2 * DAY), NOON)
    (state,) = kept(database, AgentState, agent)
    assert state.clock_offset_s == -2 * 86400


def test_a_check_in_that_was_seen_is_refused_and_says_where_to_go_on(desk, agent):
    first = agent.check_in()
    desk.receive(first, NOON)
    desk.receive(agent.check_in(), NOON)
    with pytest.raises(refusals.StaleCheckIn) as refused:
        desk.receive(first, NOON)
    assert refused.value.document()["last_counter"] == 2
    desk.receive(agent.check_in(counter=3), NOON)


def test_a_check_in_of_another_agents_key_is_refused(desk, agent):
    agent.key = Ed25519PrivateKey.generate()
    with pytest.raises(refusals.WrongSignature):
        desk.receive(agent.check_in(), NOON)


@pytest.mark.parametrize(
    "told",
    [
        {"at": "yesterday"},
        {"at": "9999-12-31T23:59:59Z"},
        {"next_wake_at": "0001-01-01T00:00:00Z"},
        {"health": [1]},
        {"settings": {"a": 1}},
        {"commands": [{"id": -1, "state": "done"}]},
        {"commands": [{"id": 1, "state": "done"}] * 51},
        {"log": "x" * (checkin.LONGEST_LOG + 1)},
        {"format": 2},
    ],
)
def test_what_is_no_check_in_is_refused_and_changes_nothing(desk, agent, database, told):
    with pytest.raises(refusals.UnreadableDocument):
        desk.receive(agent.check_in(**told), NOON)
    assert kept(database, AgentState, agent) == []


@pytest.mark.parametrize("octets", [b"", b"FPC1", b"FPB1" + bytes(200), b"<html>" + bytes(200)])
def test_octets_of_another_form_are_no_check_in(desk, octets):
    with pytest.raises(refusals.NotACheckIn):
        desk.receive(octets, NOON)


def test_health_that_is_too_large_is_left_out(told, agent, database):
    told(health={f"fact {number}": "x" * 500 for number in range(40)})
    assert kept(database, AgentState, agent)[0].health == {}


def test_an_agent_is_told_what_its_dealer_settled(told, agent, database):
    nothing = told()["settings"]
    assert nothing["values"] == {}
    with database.transaction() as session:
        row = session.get_one(Agent, agent.id)
        session.add(
            SettingValue(
                dealer_id=row.dealer_id, place=f"site:{row.site_id}", name="wakes_per_day", value="2", set_at=NOON,
                site_id=row.site_id,
            )
        )  # fmt: skip
    settled = told()["settings"]
    assert settled["values"] == {"wakes_per_day": "2"}
    assert settled["version"] != nothing["version"]


def test_a_command_is_told_until_it_is_answered_and_then_no_more(told, agent, database):
    assert ask(database, agent, "read")
    assert not ask(database, agent, "read")
    (command,) = told()["commands"]
    assert command["name"] == "read"
    assert told()["commands"] == [command]
    assert told(commands=[{"id": command["id"], "state": "done", "said": "40 printers read"}])["commands"] == []
    (row,) = kept(database, AgentCommand, agent)
    assert (row.state, row.said, row.settled_at, row.asked_by) == (
        "done",
        "40 printers read",
        NOON,
        "alice@example.com",
    )
    assert ask(database, agent, "read")


def test_a_command_that_nobody_took_for_a_week_is_told_no_more(told, agent, database):
    ask(database, agent, "search")
    assert told(NOON + 8 * DAY)["commands"] == []
    assert kept(database, AgentCommand, agent)[0].state == "expired"


def test_an_agent_settles_its_own_commands_alone(told, database, agent):
    other = an_agent(database, site="Elsewhere")
    ask(database, other, "read")
    (row,) = kept(database, AgentCommand, other)
    told(commands=[{"id": row.id, "state": "done"}])
    assert kept(database, AgentCommand, other)[0].state == "waiting"


def test_an_answer_that_is_no_state_settles_nothing(told, agent, database):
    ask(database, agent, "read")
    (command,) = told()["commands"]
    told(commands=[{"id": command["id"], "state": "dancing"}])
    assert kept(database, AgentCommand, agent)[0].state == "sent"


def test_there_is_no_command_but_those_of_the_list(agent, database):
    with pytest.raises(ValueError, match="no command"):
        ask(database, agent, "run")


def test_the_newest_log_is_kept_on_lines_that_are_safe_to_show(told, agent, database):
    told(log="first")
    told(log="a\x1b[2Jb\n<script>\u202e\n")
    (row,) = kept(database, AgentLog, agent)
    assert row.content == "a [2Jb\n<script>\n"


def test_an_agent_hears_what_became_of_its_workbooks_once(told, agent, database):
    with database.transaction() as session:
        row = session.get_one(Agent, agent.id)
        request_report(
            session, dealer_id=row.dealer_id, site_id=row.site_id, agent_id=row.id,
            recipients=["office@example.com"], requested_at=NOON, now=NOON, mail_domain="example.com",
        )  # fmt: skip
    first = told(NOON + HOUR)
    assert [one["state"] for one in first["deliveries"]] == ["due"]
    assert told(NOON + 2 * HOUR, told_until=first["at"])["deliveries"] == []
