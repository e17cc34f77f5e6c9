"""The page of one agent: how it is, what it is told, its log."""

from datetime import timedelta
from html import unescape

import pytest
from sqlalchemy import select, update

from flexprint_server.alerts.watch import look
from flexprint_server.tenants.models import Agent, AgentCommand, AgentLog, AgentState, AuditEntry
from services.pages import NOW, fields


@pytest.fixture
def agent(fleet):
    with fleet.reading() as session:
        return session.scalars(select(Agent).order_by(Agent.enrolled_at)).first()


@pytest.fixture
def checked_in(agent, fleet):
    """Its last check-in, as a test wants it."""

    def put(**more):
        usual = {
            "counter": 1, "checked_in_at": NOW, "clock_offset_s": 0, "next_wake_at": NOW + timedelta(hours=3),
            "health": {"printers": 40, "silent": 2, "waiting_batches": 0, "pending_reads": 0, "refused_batches": 0},
            "settings": {"wakes_per_day": "4"}, "allows": ["schedule"], "unfit": {},
        }  # fmt: skip
        with fleet.transaction() as session:
            session.merge(AgentState(agent_id=agent.id, dealer_id=agent.dealer_id, **(usual | more)))

    return put


def tell(visit, agent, command):
    token = fields(visit.get(f"/agents/{agent.id}").text)["token"]
    return visit.post(f"/agents/{agent.id}/commands", {"token": token, "command": command})


def test_an_agent_that_never_checked_in_says_so(alice, agent):
    page = alice.get(f"/agents/{agent.id}").text
    assert "none yet" in page
    assert "Read now" in page


def test_what_an_agent_told_stands_on_its_page_and_in_the_list(alice, agent, checked_in):
    checked_in(unfit={"recipients": "the site does not allow it"})
    page = unescape(alice.get(f"/agents/{agent.id}").text)
    for words in ("2 silent", "Wakes a day", "the site does not allow it", "at about"):
        assert words in page, words
    assert alice.get("/agents").text.count("not known") >= 1


@pytest.mark.parametrize(("late", "is_silent"), [(1, False), (4, True)])
def test_an_agent_is_called_silent_some_hours_after_the_wake_it_promised(
    alice, agent, checked_in, fleet, late, is_silent
):
    """Its page, the list and the alerts say the same: a computer may be switched on a little late."""
    woken = NOW - timedelta(days=2)
    checked_in(checked_in_at=woken, next_wake_at=NOW - timedelta(hours=late))
    with fleet.transaction() as session:
        session.execute(update(Agent).where(Agent.id == agent.id).values(last_seen_at=woken))
        look(session, NOW, NOW - timedelta(days=9))
    for path in (f"/agents/{agent.id}", "/agents"):
        assert (">Silent<" in alice.get(path).text) == is_silent
    rows = alice.get("/alerts.csv?kind=agent_silent").text.splitlines()
    assert (len(rows) > 1) == is_silent


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"next_wake_at": None}, "flexprint-agent service install"),
        ({"clock_offset_s": -7200}, "7200 seconds behind"),
        ({"health": {"refused_batches": 3}}, "3 refused"),
        ({"health": {"wake": {"error": "the disk is full"}}}, "the disk is full"),
        ({"health": {"printers": "<script>", "silent": [1], "wake": 3, "last_error": {"a": 1}}}, "Devices"),
        ({"allows": []}, "the customer has forbidden it"),
    ],
)
def test_what_is_wrong_with_an_agent_shows(alice, agent, checked_in, facts, words):
    checked_in(**facts)
    page = alice.get(f"/agents/{agent.id}").text
    assert words in unescape(page)
    assert "<script>" not in page


def test_a_button_leaves_a_command_for_the_agent_once_and_says_who(alice, agent, fleet):
    assert tell(alice, agent, "read").status_code == 303
    assert tell(alice, agent, "read").status_code == 303
    with fleet.reading() as session:
        (command,) = session.scalars(select(AgentCommand))
    assert (command.name, command.state, command.agent_id) == ("read", "waiting", agent.id)
    page = alice.get(f"/agents/{agent.id}").text
    assert 'value="read" title="All its printers are read." disabled' in page
    assert "Waits for its next check-in" in page
    assert "Told an agent what to do" in alice.get("/audit").text


def test_an_agent_is_retired_and_brought_back(alice, agent, fleet):
    """It stands at the end of the list and alerts nobody; as soon as it is heard of it is back by itself."""
    path, rows = f"/agents/{agent.id}", '<tr role="row">'
    token = fields(alice.get(path).text)["token"]
    alice.post(f"{path}/retire", {"token": token, "retired": "yes"})
    page = alice.get(path).text
    assert "Bring it back" in page
    *others, last = alice.get("/agents").text.split(rows)[1:]
    assert [">Retired<" in row for row in (*others[1:], last)] == [False] * (len(others) - 1) + [True]
    assert path in last
    with fleet.transaction() as session:
        assert (
            session.scalar(select(AuditEntry.target).where(AuditEntry.what == "agent.retired")) == f"agent {agent.id}"
        )
        session.execute(update(Agent).where(Agent.id == agent.id).values(last_seen_at=NOW + timedelta(seconds=1)))
    assert "Retire this agent" in alice.get(path).text


def test_there_is_no_button_for_what_is_not_on_the_list(alice, agent, fleet):
    assert tell(alice, agent, "reboot").status_code == 400
    with fleet.reading() as session:
        assert session.scalars(select(AgentCommand)).all() == []


def test_what_came_of_a_command_stands_there(alice, agent, fleet):
    tell(alice, agent, "search")
    with fleet.transaction() as session:
        session.execute(update(AgentCommand).values(state="failed", said="<b>nothing</b> to search"))
    page = alice.get(f"/agents/{agent.id}").text
    assert ">Failed<" in page
    assert "&lt;b&gt;nothing" in page


def test_the_log_is_shown_as_nothing_but_text(alice, bob, agent, fleet):
    assert alice.get(f"/agents/{agent.id}/log").status_code == 404
    with fleet.transaction() as session:
        row = {"agent_id": agent.id, "dealer_id": agent.dealer_id}
        session.add(AgentLog(**row, received_at=NOW, content="<script>alert(1)</script>\n"))
    log = alice.get(f"/agents/{agent.id}/log")
    assert log.headers["content-type"] == "text/plain; charset=utf-8"
    assert log.text == "<script>alert(1)</script>\n"
    assert bob.get(f"/agents/{agent.id}/log").status_code == 404
