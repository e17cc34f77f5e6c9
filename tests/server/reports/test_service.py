"""Asking for a report: a row and its recipients, in the transaction of whoever asks."""

from datetime import timedelta

import pytest

from flexprint_server.reports.quota import MOST
from flexprint_server.reports.service import NOT_AN_ADDRESS
from services.sites import add_site, ask


def test_a_report_is_due_at_once_for_every_recipient(house):
    """Each with a Message-ID that no other mail has, of the domain that mails come from."""
    report = house.report(house.ask("a@example.com", "b@example.com", "A@example.com"))
    assert (report.state, report.next_attempt_at, report.attempts) == ("due", house.now, 0)
    assert [(delivery.recipient, delivery.state) for delivery in report.deliveries] == [
        ("a@example.com", "queued"),
        ("b@example.com", "queued"),
    ]
    ids = {delivery.message_id for delivery in report.deliveries}
    assert len(ids) == 2
    assert all(message_id.startswith("<") and message_id.endswith("@flexprint.example>") for message_id in ids)


@pytest.mark.parametrize("wrong", ["nonsense", "a@b@c", "a@example.com\r\nBcc: b@example.com", "x" * 1000, "a\ud800b"])
def test_what_is_no_address_shows_as_refused_and_keeps_nobody_else_waiting(house, wrong):
    """An agent is not believed; a batch is not lost for what stands in its recipients."""
    report = house.report(house.ask("a@example.com", wrong))
    assert [delivery.state for delivery in report.deliveries] == ["queued", "refused"]
    assert "flexprint-agent recipients" in (report.deliveries[1].answer or "")


def test_an_agent_that_asks_too_often_gets_no_mail_out_and_everybody_sees_why(house):
    """A stolen key mails nobody a thousand times, and asking on does not put off the next workbook."""
    accepted = [house.report(house.ask()) for _ in range(MOST)]
    assert {report.state for report in accepted} == {"due"}
    for _ in range(2):
        house.now += timedelta(minutes=20)
        report = house.report(house.ask("a@example.com", "nonsense"))
        assert (report.state, report.next_attempt_at) == ("failed", None)
        assert report.error == (
            "this agent asked for too many workbooks within an hour; the next one is accepted from 2026-11-22 09:00:00 UTC"
        )
        assert [delivery.state for delivery in report.deliveries] == ["refused", "refused"]
        assert [delivery.answer for delivery in report.deliveries] == [report.error, NOT_AN_ADDRESS]
    house.now += timedelta(minutes=20)
    assert house.report(house.ask()).state == "due"


def test_one_agents_haste_keeps_no_other_agent_waiting(house):
    for _ in range(MOST + 1):
        house.ask()
    with house.database.transaction() as session:
        other = ask(session, add_site(session, house.now, "Somebody else", "Elsewhere"), house.now)
    assert house.report(other).state == "due"
