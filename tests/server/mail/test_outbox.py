"""One mail of the outbox from claim to mailbox, and everything that can come in between."""

import threading
from datetime import timedelta
from email import message_from_bytes, policy

import pytest
from sqlalchemy import func, select

from flexprint_server.mail import outbox
from flexprint_server.mail.models import OutgoingMail
from flexprint_server.mail.outbox import FORGOTTEN_AFTER, GIVEN_UP_AFTER, Content
from flexprint_server.mail.relay import FolderPost, SmtpPost
from flexprint_server.mail.relay_url import Relay, relay_of
from flexprint_server.mail.retries import SENDING
from server.mail.conftest import CONTENT, PATIENCE, SECRET_KEY
from services.process import free_port
from services.rude_smtp import HANG_UP, Rude

LEASE = timedelta(seconds=15)


def due(room):
    with room.database.reading() as session:
        return outbox.due(session, room.now, 10)


def claim(room, mail_id, by="one"):
    with room.database.transaction() as session:
        return outbox.claim(session, mail_id, by, room.now, LEASE)


def test_a_mail_is_sent_to_its_recipient_as_text(room, smtp):
    mail_id = room.put()
    assert due(room) == [mail_id]
    done = room.send(mail_id, post=SmtpPost(relay_of(f"{smtp.url}&ca={smtp.ca_file}"), "collector.test", PATIENCE))
    assert (done.state, done.answer, done.accepted_at, done.attempts) == ("accepted", "250 OK", room.now, 1)
    (mail,) = smtp.mails
    assert smtp.recipients == [["office@example.com"]]
    assert mail["Message-ID"] == done.message_id
    assert mail["Subject"] == CONTENT.subject
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail.get_content().replace("\r\n", "\n") == CONTENT.text
    assert due(room) == []


def test_what_a_mail_says_cannot_be_read_in_the_database_and_is_gone_once_it_is_sent(room):
    """There is a link in it that lets its reader in."""
    mail_id = room.put()
    waiting = room.mail(mail_id).content
    assert b"invitations" not in waiting
    assert outbox.opened(room.mail(mail_id), SECRET_KEY) == CONTENT
    with Rude() as rude:
        assert room.send(mail_id, rude).content is None


def test_without_a_mail_server_the_mail_is_kept_as_a_file(room, tmp_path):
    done = room.send(room.put(), post=FolderPost(tmp_path / "mail"))
    (path,) = (tmp_path / "mail").iterdir()
    assert path.suffix == ".eml"
    assert message_from_bytes(path.read_bytes(), policy=policy.default)["To"] == "office@example.com"
    assert str(path) in done.answer


def test_a_deferred_mail_is_tried_again_and_is_the_same_mail(room):
    mail_id = room.put()
    with Rude({"content": ["451 4.7.1 greylisted", "250 ok"]}) as rude:
        done = room.send(mail_id, rude)
        assert (done.state, done.answer) == ("deferred", "451 4.7.1 greylisted")
        assert done.next_attempt_at == room.now + timedelta(seconds=15)
        assert room.send(mail_id, rude).attempts == 1, "not before its time"
        room.now = done.next_attempt_at
        assert room.send(mail_id, rude).state == "accepted"
    (mail,) = rude.mails
    assert message_from_bytes(mail)["Message-ID"] == done.message_id


@pytest.mark.parametrize("answers", [{"RCPT": "550 5.1.1 no such user"}, {"content": "554 5.7.1 no"}])
def test_a_refused_mail_is_not_tried_again(room, answers):
    with Rude(answers) as rude:
        done = room.send(room.put(), rude)
    assert (done.state, done.next_attempt_at, done.content) == ("refused", None, None)
    assert done.answer in {"550 5.1.1 no such user", "554 5.7.1 no"}


@pytest.mark.parametrize("answers", [{"content": HANG_UP}, {"greeting": "421 too busy"}, {"MAIL": "550 not you"}])
def test_a_mail_server_that_cannot_be_used_now_keeps_the_mail_waiting(room, answers):
    with Rude(answers) as rude:
        assert room.send(room.put(), rude).state == "deferred"


def test_a_mail_server_that_is_away_is_given_up_after_two_days(room):
    """And for as long as that the mail is tried again, after ever longer waits."""
    mail_id = room.put()
    away, started = SmtpPost(Relay("127.0.0.1", free_port(), "none"), "collector.test", PATIENCE), room.now
    while True:
        done = room.send(mail_id, post=away)
        if done.next_attempt_at is None:
            break
        room.now = done.next_attempt_at
    assert timedelta(hours=46) < room.now - started <= GIVEN_UP_AFTER
    assert (done.state, done.content) == ("refused", None)
    assert done.answer.startswith("given up after ")
    assert "no mail server answers" in done.answer


def test_a_mail_that_is_of_no_use_any_more_is_not_sent(room):
    """A link that has expired by the time the mail server is back."""
    mail_id = room.put(useful=timedelta(hours=1))
    room.now += timedelta(hours=1)
    with Rude() as rude:
        done = room.send(mail_id, rude)
    assert (done.state, rude.mails) == ("refused", [])
    assert done.answer == "given up: it could not be sent in time"


def test_a_second_look_at_a_sent_mail_does_nothing(room):
    """Wake-up calls may come twice."""
    mail_id = room.put()
    with Rude() as rude:
        room.send(mail_id, rude)
        room.send(mail_id, rude)
    assert len(rude.mails) == 1


def test_of_many_that_try_at_once_exactly_one_gets_it(room):
    mail_id = room.put()
    together, got = threading.Barrier(8), []

    def try_it(name):
        together.wait()
        got.append(claim(room, mail_id, name))

    threads = [threading.Thread(target=try_it, args=(f"worker {number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (winner,) = [held for held in got if held]
    assert room.mail(mail_id).claimed_by == winner.claimed_by


def test_a_mail_whose_worker_died_is_taken_over_and_the_dead_one_changes_nothing(room):
    mail_id = room.put()
    dead = claim(room, mail_id)
    assert claim(room, mail_id, "two") is None
    assert due(room) == []
    room.now += LEASE
    assert due(room) == [mail_id]
    assert claim(room, mail_id, "two").attempts == 2
    with room.database.transaction() as session:
        assert not outbox.renew(session, dead, room.now, LEASE)
        outbox.record(session, dead, "refused", "550 no", room.now, 1)
    assert room.mail(mail_id).state == "queued"


def test_an_acceptance_counts_whoever_holds_the_mail(room):
    mail_id = room.put()
    dead = claim(room, mail_id)
    room.now += LEASE
    held = claim(room, mail_id, "two")
    with room.database.transaction() as session:
        outbox.record(session, dead, "accepted", "250 ok", room.now, 1)
        assert not outbox.renew(session, held, room.now, LEASE), "so it is not handed over again"
    assert room.mail(mail_id).state == "accepted"


def test_a_mail_that_kills_its_workers_is_given_up(room):
    mail_id = room.put()
    for _ in range(SENDING):
        assert claim(room, mail_id)
        room.now += LEASE
    with Rude() as rude:
        assert room.send(mail_id, rude).state == "refused"
        assert rude.mails == []


def test_a_mail_written_under_another_secret_key_says_so(room):
    with Rude() as rude:
        done = room.send(room.put(), rude, secret_key="cd" * 32)
    assert done.state == "refused"
    assert "FLEXPRINT_SECRET_KEY" in done.answer


def test_hostile_words_stay_within_the_mail(room):
    content = Content("Invitation\r\nBcc: everybody@example.com", "\ud800 text\r\n.\r\nQUIT\r\n\u202e")
    with Rude() as rude:
        done = room.send(room.put(content=content), rude)
    assert done.state == "accepted"
    assert [line for line in rude.heard if line.startswith("rcpt")] == ["rcpt TO:<office@example.com>"]
    assert all(message_from_bytes(mail)["Bcc"] is None for mail in rude.mails)


def test_mails_that_are_done_are_forgotten_after_a_month(room):
    with Rude() as rude:
        room.send(room.put(), rude)
        waiting = room.put(useful=2 * FORGOTTEN_AFTER)
        room.now += FORGOTTEN_AFTER
        newest = room.put()
        room.send(newest, rude)
    with room.database.reading() as session:
        assert session.scalars(select(OutgoingMail.id).order_by(OutgoingMail.id)).all() == [waiting, newest]
        assert session.scalar(select(func.count()).select_from(OutgoingMail)) == 2
