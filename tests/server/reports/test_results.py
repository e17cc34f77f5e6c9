"""What an agent is told of its reports."""

from datetime import timedelta

from flexprint_server.mail.relay import FolderPost
from flexprint_server.reports.results import MOST, REMEMBERED, results_for
from services.rude_smtp import Rude
from services.sites import add_site, ask


def results(house, since=None):
    with house.database.reading() as session:
        return results_for(session, house.agent.id, since, house.now)


def test_an_agent_is_told_what_became_of_each_recipient(house):
    """With the time and the mail server's words, the file's name and how many devices it holds."""
    house.ask("gone@example.com", "a@example.com")
    (waiting,) = results(house)
    assert [(one["address"], one["state"]) for one in waiting["recipients"]] == [
        ("gone@example.com", "queued"),
        ("a@example.com", "queued"),
    ]
    house.now += timedelta(seconds=3)
    with Rude({"RCPT": ["550 5.1.1 no such user", "250 ok"]}) as rude:
        house.deliver(waiting["report"], rude)
    assert results(house) == [
        {
            "report": waiting["report"],
            "requested_at": "2026-11-22T08:00:00Z",
            "state": "sent",
            "error": "gone@example.com: 550 5.1.1 no such user",
            "file_name": "Printers Harbour Dental, Main Street 2026-11-22 0800.xlsx",
            "devices": 3,
            "recipients": [
                {
                    "address": "gone@example.com",
                    "state": "refused",
                    "at": "2026-11-22T08:00:03Z",
                    "answer": "550 5.1.1 no such user",
                },
                {
                    "address": "a@example.com",
                    "state": "accepted",
                    "at": "2026-11-22T08:00:03Z",
                    "answer": "250 2.0.0 queued as 7",
                },
            ],
        }
    ]


def test_what_it_was_told_before_it_is_not_told_again(house, tmp_path):
    """But for the last minutes: whoever is told twice loses nothing, whoever is never told does."""
    first = house.ask("a@example.com")
    house.deliver(first, post=FolderPost(tmp_path))
    told_at = house.now
    house.now += timedelta(minutes=5)
    assert [one["report"] for one in results(house, told_at)] == [first]
    assert results(house, told_at + timedelta(hours=1)) == []
    house.now += timedelta(hours=2)
    second = house.ask("a@example.com")
    assert [one["report"] for one in results(house, told_at + timedelta(hours=1))] == [second]
    with Rude({"RCPT": "451 4.7.1 greylisted"}) as rude:
        house.now += timedelta(hours=2)
        house.deliver(second, rude)
    (told,) = results(house, house.now)
    assert told["recipients"][0]["state"] == "deferred"


def test_an_agent_hears_of_no_other_agents_reports(house):
    with house.database.transaction() as session:
        ask(session, add_site(session, house.now, "Somebody else"), house.now, "x@example.com")
    assert results(house) == []


def test_an_answer_stays_small_and_old_reports_are_forgotten(house):
    for _ in range(MOST + 3):
        house.ask("a@example.com")
        house.now += timedelta(hours=1)
    told = [one["report"] for one in results(house)]
    assert told == sorted(told)
    assert len(told) == MOST
    house.now += REMEMBERED
    assert results(house) == []
