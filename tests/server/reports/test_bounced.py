"""Mails that come back, and addresses that are not written to."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from flexprint_server.mail import suppressions
from flexprint_server.mail.bounces import envelope_id
from flexprint_server.mail.models import OutgoingMail, Suppression
from flexprint_server.mail.outbox import Content, Outbox
from flexprint_server.mail.sending import send
from flexprint_server.mail.suppressions import suppress
from flexprint_server.reports.bounced import take_mail
from flexprint_server.reports.results import results_for
from services.dsn import returned
from services.rude_smtp import Rude

DOMAIN = "flexprint.example"


@pytest.fixture
def sent(house):
    """A report whose mails to gone@ and a@ the relay has accepted."""
    report_id = house.ask("gone@example.com", "a@example.com")
    with Rude() as rude:
        house.deliver(report_id, rude)
    house.now += timedelta(minutes=3)
    return report_id


def back(house, report_id, **given):
    message_id = house.report(report_id).deliveries[0].message_id
    return take_mail(house.database, returned(message_id, **given), DOMAIN, house.now)


def barred(house):
    with house.database.reading() as session:
        return [(one.address, one.list, one.reason) for one in session.scalars(select(Suppression))]


def test_a_mail_that_comes_back_is_shown_with_the_mail_servers_words(house, sent):
    """To people and to the agent; the other recipient's stays accepted."""
    assert back(house, sent)
    gone, other = house.report(sent).deliveries
    assert (gone.state, gone.answer, gone.changed_at) == ("bounced", "550 5.1.1 no such user", house.now)
    assert other.state == "accepted"
    with house.database.reading() as session:
        (told,) = results_for(session, house.agent.id, house.now, house.now)
    assert told["recipients"][0]["state"] == "bounced"


def test_nothing_more_is_sent_to_an_address_that_does_not_exist(house, sent):
    """Until somebody lifts that; and the other recipients get theirs."""
    back(house, sent)
    assert barred(house) == [("gone@example.com", "", "bounced")]
    second = house.ask("Gone@example.com", "a@example.com")
    with Rude() as rude:
        report = house.deliver(second, rude)
    assert (report.state, [one.state for one in report.deliveries]) == ("sent", ["suppressed", "accepted"])
    assert "550 5.1.1 no such user" in report.deliveries[0].answer
    assert len(rude.mails) == 1
    with house.database.transaction() as session:
        (found,) = suppressions.of_dealer(session, house.agent.dealer_id)
        assert suppressions.lift(session, house.agent.dealer_id, found.id) == "gone@example.com"
    third = house.ask("gone@example.com")
    with Rude() as rude:
        assert house.deliver(third, rude).state == "sent"


def test_a_report_that_goes_to_nobody_has_not_failed(house, sent):
    back(house, sent)
    report_id = house.ask("gone@example.com")
    with Rude() as rude:
        report = house.deliver(report_id, rude)
    assert (report.state, report.next_attempt_at, rude.mails) == ("built", None, [])
    assert "not sent" in report.error


@pytest.mark.parametrize(
    ("given", "state"),
    [
        ({"status": "5.2.2", "diagnostic": "smtp; 552 5.2.2 mailbox full"}, "bounced"),
        ({"action": "delayed", "status": "4.4.1", "diagnostic": "smtp; 421 later"}, "accepted"),
    ],
)
def test_what_may_pass_bars_nobody(house, sent, given, state):
    back(house, sent, **given)
    assert house.report(sent).deliveries[0].state == state
    assert barred(house) == []


def test_a_report_that_comes_twice_or_of_no_mail_of_ours_changes_nothing(house, sent):
    back(house, sent)
    first = house.report(sent).deliveries[0].changed_at
    house.now += timedelta(hours=1)
    back(house, sent)
    assert house.report(sent).deliveries[0].changed_at == first
    assert not take_mail(house.database, returned(f"<{'0' * 32}@{DOMAIN}>"), DOMAIN, house.now)
    assert not take_mail(house.database, b"hello", DOMAIN, house.now)
    assert len(barred(house)) == 1


def test_a_mail_may_come_back_before_its_acceptance_is_noted(house):
    """The worker hangs between the relay's answer and the note of it."""
    report_id = house.ask("gone@example.com")
    assert back(house, report_id)
    assert house.states(report_id)[1] == ["bounced"]
    with Rude() as rude:
        report = house.deliver(report_id, rude)
    assert (report.state, report.deliveries[0].state, rude.mails) == ("failed", "bounced", [])


def test_a_mail_goes_out_under_an_address_and_an_id_of_its_own(house):
    """So that whatever comes back says which mail it was."""
    report_id = house.ask("a@example.com")
    with Rude() as rude:
        house.deliver(report_id, rude)
    mark = envelope_id(house.report(report_id).deliveries[0].message_id)
    (sender,) = [line for line in rude.heard if line.lower().startswith("mail from")]
    assert f"bounces+{mark}@example.com" in sender


def test_other_mails_that_come_back_bar_their_address_too(house):
    """An alert goes to the outbox; an invitation is tried all the same, because somebody asks for it now."""
    out = Outbox("5e" * 32, DOMAIN)
    with house.database.transaction() as session:
        put = [
            out.put(
                session, kind, "gone@example.com", Content("s", "t"), dealer_id=house.agent.dealer_id, now=house.now
            ).id
            for kind in ("alert", "invitation")
        ]
        suppress(session, house.agent.dealer_id, "gone@example.com", "bounced", house.now, detail="550 no")
    for mail in put:
        send(house.means(post=NoPost()), mail)
    with house.database.reading() as session:
        alert, invitation = (session.get_one(OutgoingMail, mail) for mail in put)
    assert (alert.state, "a mail came back" in alert.answer) == ("refused", True)
    assert "no line" in invitation.answer
    assert take_mail(house.database, returned(invitation.message_id), DOMAIN, house.now)
    with house.database.reading() as session:
        assert session.get_one(OutgoingMail, invitation.id).state == "bounced"


class NoPost:
    def open(self):
        raise ConnectionError("no line")
