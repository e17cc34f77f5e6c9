"""One report from claim to mailbox, and everything that can come in between."""

import io
import re
import threading
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage

import openpyxl
import pytest
from sqlalchemy import delete, select, update

from flexprint_server.fleet.models import Device
from flexprint_server.mail.relay import FolderPost, SmtpPost
from flexprint_server.mail.relay_url import Relay, relay_of
from flexprint_server.mail.suppressions import suppress
from flexprint_server.reports import fleet_rows, links, parts
from flexprint_server.reports.again import resend
from flexprint_server.reports.delivery import deliver
from flexprint_server.reports.models import Delivery, Report, WorkbookPart
from flexprint_server.reports.retries import TRIES
from flexprint_server.tenants.models import SettingValue
from server.reports.conftest import PATIENCE
from services.process import wait_until
from services.rude_smtp import HANG_UP, Rude
from services.sites import add_device, add_site


def links_in(words):
    return re.findall(r"https://meters\.example\.com/workbooks/([\w-]{43})", words)


def recipients(rude):
    return [line.partition("<")[2].rstrip(">") for line in rude.heard if line.lower().startswith("rcpt")]


def test_a_report_is_built_and_mailed_in_one_go(house, smtp):
    """One mail per recipient, the workbook in it, every printer in the workbook."""
    report_id = house.ask("a@example.com", "b@example.com")
    post = SmtpPost(relay_of(f"{smtp.url}&ca={smtp.ca_file}"), "collector.test", PATIENCE)
    report = house.deliver(report_id, post=post)
    assert (report.state, report.error, report.devices, report.next_attempt_at) == ("sent", None, 3, None)
    assert (report.built_at, report.sent_at, report.claimed_by) == (house.now, house.now, None)
    assert [(made.state, made.answer, made.attempts) for made in report.deliveries] == [("accepted", "250 OK", 1)] * 2
    assert smtp.recipients == [["a@example.com"], ["b@example.com"]]
    for mail, made in zip(smtp.mails, report.deliveries, strict=True):
        assert mail["Message-ID"] == made.message_id
        (attached,) = mail.iter_attachments()
        assert (
            attached.get_filename() == report.file_name == "Printers Harbour Dental, Main Street 2026-11-22 0800.xlsx"
        )
        rows = openpyxl.load_workbook(io.BytesIO(attached.get_content()))["Devices"].iter_rows(
            min_row=2, values_only=True
        )
        assert [(row[4], row[9]) for row in rows] == [(f"VD{number:08}", 7342) for number in range(3)]


def test_the_workbook_holds_the_sites_printers_and_no_others(house):
    """By maker, model and serial, with the meters that occur there; another dealer's printers are nowhere."""
    with house.database.transaction() as session:
        add_device(session, house.agent, house.now, "1", manufacturer="Brother", meters={"scan": [5, "scans"]})
        add_device(session, house.agent, house.now, "0", manufacturer=None, meters={})
        stranger = add_site(session, house.now, "Somebody else", "Elsewhere")
        add_device(session, stranger, house.now, "X", meters={"fax": [1, "impressions"]})
    report_id = house.ask()
    with Rude() as rude:
        house.deliver(report_id, rude)
    with house.database.reading() as session:
        content = session.scalars(select(WorkbookPart.content).where(WorkbookPart.report_id == report_id)).one()
    headings, *rows = openpyxl.load_workbook(io.BytesIO(content))["Devices"].iter_rows(values_only=True)
    assert [row[4] for row in rows] == ["0", "1", "VD00000000", "VD00000001", "VD00000002"]
    assert headings[9:12] == ("Total", "Scan", "Lowest supply")


def test_a_worker_sees_the_reports_dealer_alone(house, monkeypatch):
    """Even where a question of ours forgets to name whose devices it means."""
    with house.database.transaction() as session:
        stranger = add_site(session, house.now, "Somebody else", "Elsewhere")
        add_device(session, stranger, house.now, "X")
    monkeypatch.setattr(fleet_rows, "devices_covered", lambda *_, **__: ())
    with Rude() as rude:
        report = house.deliver(house.ask("a@example.com"), rude)
    assert (report.state, report.devices) == ("sent", 3)


def test_an_agents_workbook_shows_the_times_of_its_sites_clock(house):
    with house.database.transaction() as session:
        dealer, site = house.agent.dealer_id, house.agent.site_id
        settled = {"place": f"site:{site}", "site_id": site, "name": "time_zone", "value": "Asia/Tokyo"}
        session.add(SettingValue(dealer_id=dealer, set_at=house.now, **settled))
    report_id = house.ask()
    with Rude() as rude:
        report = house.deliver(report_id, rude)
    assert report.file_name == "Printers Harbour Dental, Main Street 2026-11-22 1700.xlsx"
    with house.database.reading() as session:
        content = session.scalars(select(WorkbookPart.content).where(WorkbookPart.report_id == report_id)).one()
    headings = [cell.value for cell in openpyxl.load_workbook(io.BytesIO(content))["Devices"][1]]
    assert "Last read (Asia/Tokyo)" in headings
    assert report.summary["zone"] == "Asia/Tokyo"


@pytest.mark.parametrize(("more", "is_attached"), [(0, True), (-1, False)])
def test_a_workbook_larger_than_relays_take_is_linked_and_not_attached(house, tmp_path, more, is_attached):
    """Up to the limit it is attached, by its octets. A mail kept as a file is the same."""
    report_id = house.ask()
    with Rude() as rude:
        house.deliver(report_id, rude)
    with house.database.transaction() as session:
        size = parts.find(house.agent.dealer_id, session, report_id).size
        session.execute(update(Delivery).values(state="queued"))
        session.execute(update(Report).values(state="built", next_attempt_at=house.now))
    deliver(replace(house.means(FolderPost(tmp_path)), largest_attachment=size + more), report_id)
    (kept,) = tmp_path.glob("*.eml")
    mail = message_from_bytes(kept.read_bytes(), _class=EmailMessage, policy=policy.default)
    assert len(list(mail.iter_attachments())) == is_attached
    assert len(list(tmp_path.glob("*.xlsx"))) == is_attached
    found = [links_in(mail.get_body((kind,)).get_content()) for kind in ("plain", "html")]
    assert [len(tokens) for tokens in found] == [0 if is_attached else 1] * 2
    assert found[0] == found[1]
    assert mail["Message-ID"] == house.report(report_id).deliveries[0].message_id


def tokens(rude):
    opened = (message_from_bytes(mail, _class=EmailMessage, policy=policy.default) for mail in rude.mails)
    return [links_in(mail.get_body(("plain",)).get_content())[0] for mail in opened]


def linking(house, rude):
    """The means of a worker for whom every workbook is too large."""
    post = SmtpPost(Relay("127.0.0.1", rude.port, "none"), "collector.test", PATIENCE)
    return replace(house.means(post), largest_attachment=0)


def test_each_recipient_gets_a_link_of_their_own(house):
    """A mail that is handed over again, as its worker died before it was noted, is the same mail; one that somebody
    sends again is another, and ends the link before. Of a link only a hash is kept."""
    report_id = house.ask("a@example.com", "b@example.com")
    with Rude() as rude:
        deliver(linking(house, rude), report_id)
        house.now += timedelta(days=1)
        with house.database.transaction() as session:
            session.execute(update(Delivery).values(state="queued"))
            session.execute(update(Report).values(state="built", next_attempt_at=house.now))
        deliver(linking(house, rude), report_id)
        one, other, *again = tokens(rude)
        assert again == [one, other]
        first = links.find(house.database, one, house.now)
        assert (first.recipient, first.until) == ("a@example.com", house.now - timedelta(days=1) + links.HOLDS_FOR)
        with house.database.transaction() as session:
            resend(session, session.get_one(Report, report_id), house.now, "collector.test")
        deliver(linking(house, rude), report_id)
        newer = tokens(rude)[4:]
    assert len({one, other, *newer}) == 4
    assert [bool(links.find(house.database, token, house.now)) for token in (one, *newer)] == [False, True, True]
    with house.database.reading() as session:
        rows = str(session.execute(select(Delivery.__table__)).all())
    assert all(token not in rows for token in newer)


def test_a_link_ends_with_its_month_and_where_its_reader_is_not_written_to_any_more(house):
    report_id = house.ask("a@example.com", "b@example.com")
    with Rude() as rude:
        deliver(linking(house, rude), report_id)
        one, other = tokens(rude)
    with house.database.transaction() as session:
        suppress(session, house.agent.dealer_id, "A@example.com", "bounced", house.now)
    assert links.find(house.database, one, house.now) is None
    last = house.now + links.HOLDS_FOR
    assert links.find(house.database, other, last - timedelta(seconds=1)).workbook.report_id == report_id
    assert links.find(house.database, other, last) is None
    with house.database.transaction() as session:
        session.execute(delete(WorkbookPart).where(WorkbookPart.report_id == report_id))
    assert links.find(house.database, other, house.now) is None


def test_a_second_look_at_a_mailed_report_does_nothing(house):
    """Wake-up calls may come twice."""
    report_id = house.ask()
    with Rude() as rude:
        house.deliver(report_id, rude)
        house.deliver(report_id, rude)
    assert len(rude.mails) == 1


def test_one_refused_recipient_does_not_keep_the_mail_from_the_others(house):
    """The refusal is final, with the server's words, and shown."""
    report_id = house.ask("gone@example.com", "a@example.com")
    with Rude({"RCPT": ["550 5.1.1 no such user", "250 ok"]}) as rude:
        report = house.deliver(report_id, rude)
    assert report.state == "sent"
    assert [made.state for made in report.deliveries] == ["refused", "accepted"]
    assert report.error == "gone@example.com: 550 5.1.1 no such user"
    assert report.next_attempt_at is None


def test_a_report_that_everybody_refuses_has_failed(house):
    report_id = house.ask("a@example.com", "b@example.com")
    with Rude({"content": "554 5.7.1 we want no mail"}) as rude:
        report = house.deliver(report_id, rude)
    assert (report.state, report.next_attempt_at) == ("failed", None)
    assert report.error == "a@example.com, b@example.com: 554 5.7.1 we want no mail"


def test_a_deferred_mail_is_tried_again_and_arrives(house):
    """With the same Message-ID, only to the recipient who has not got it, and the workbook is not built again."""
    report_id = house.ask("slow@example.com", "a@example.com")
    with Rude({"content": ["451 4.7.1 greylisted", "250 ok"]}) as rude:
        report = house.deliver(report_id, rude)
        assert house.states(report_id) == ("built", ["deferred", "accepted"])
        assert report.error == "slow@example.com: 451 4.7.1 greylisted"
        assert report.next_attempt_at == house.now + timedelta(seconds=15)

        assert house.deliver(report_id, rude).state == "built", "not before its time"
        built_at, house.now = house.now, house.now + timedelta(seconds=15)
        report = house.deliver(report_id, rude)
    assert (report.state, report.error) == ("sent", None)
    assert report.built_at == built_at
    assert recipients(rude) == ["slow@example.com", "a@example.com", "slow@example.com"]
    assert len(rude.mails) == 2


def nearly_given_up(house, report_id):
    """As after two days of trying."""
    with house.database.transaction() as session:
        session.execute(update(Report).where(Report.id == report_id).values(attempts=TRIES["sending"] - 2))


def test_a_mail_server_that_never_takes_it_is_given_up(house):
    report_id = house.ask("a@example.com", "b@example.com")
    with Rude({"RCPT": "451 4.3.0 never today"}) as rude:
        report = house.deliver(report_id, rude)
        nearly_given_up(house, report_id)
        for state in ("built", "failed"):
            house.now = report.next_attempt_at
            report = house.deliver(report_id, rude)
            assert report.state == state
    assert house.states(report_id) == ("failed", ["refused", "refused"])
    assert report.next_attempt_at is None
    assert report.error == "a@example.com, b@example.com: 451 4.3.0 never today"
    given_up = f"given up after {TRIES['sending']} attempts: 451 4.3.0 never today"
    assert [made.answer for made in report.deliveries] == [given_up, given_up]


def test_what_one_recipient_misses_takes_nothing_from_the_other(house):
    """Given up for one, delivered to the other: what happened stands with each recipient."""
    report_id = house.ask("a@example.com", "b@example.com")
    with Rude({"RCPT": ["250 ok", "451 4.3.0 later"]}) as rude:
        report = house.deliver(report_id, rude)
        nearly_given_up(house, report_id)
        while report.next_attempt_at:
            house.now = report.next_attempt_at
            report = house.deliver(report_id, rude)
    assert [made.state for made in report.deliveries] == ["accepted", "refused"]
    assert len(rude.mails) == 1


def test_a_mail_server_that_hangs_up_on_one_is_asked_again_for_the_others(house):
    """One recipient who brings the line down does not keep the rest waiting, now or the next time."""
    report_id = house.ask("bad@example.com", "a@example.com", "b@example.com")
    with Rude({"content": [HANG_UP, "250 ok", "250 ok", HANG_UP]}) as rude:
        assert house.deliver(report_id, rude).state == "built"
        assert [made.state for made in house.report(report_id).deliveries] == ["deferred", "accepted", "accepted"]
        assert len([line for line in rude.heard if line.startswith("ehlo")]) == 2


def test_those_tried_less_often_come_first(house):
    report_id = house.ask("bad@example.com", "a@example.com")
    with Rude({"content": ["451 later", "451 later", "250 ok"]}) as rude:
        house.deliver(report_id, rude)
        with house.database.transaction() as session:
            bad = house.report(report_id).deliveries[0].id
            session.execute(update(Delivery).where(Delivery.id == bad).values(attempts=5))
        house.now += timedelta(minutes=1)
        house.deliver(report_id, rude)
    assert recipients(rude)[2:] == ["a@example.com", "bad@example.com"]


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        ({"greeting": "554 closed"}, "554 closed"),
        ({"MAIL": "550 5.7.1 sender unknown"}, "@example.com is not accepted: 550 5.7.1 sender unknown"),
    ],
)
def test_a_mail_server_that_takes_nothing_from_us_is_a_matter_for_the_operator(house, answers, says):
    """Nobody is refused for it: when the setting is corrected the mails go out."""
    report_id = house.ask("a@example.com", "b@example.com")
    with Rude(answers) as rude:
        report = house.deliver(report_id, rude)
    assert house.states(report_id) == ("built", ["deferred", "deferred"])
    assert says in (report.error or "")
    house.now = report.next_attempt_at or house.now
    with Rude() as rude:
        assert house.deliver(report_id, rude).state == "sent"


def test_a_report_for_nobody_is_built_and_waits_for_nothing(house):
    """It can be fetched from the dashboard, and says why no mail went out."""
    report_id = house.ask("")
    with Rude() as rude:
        report = house.deliver(report_id, rude)
    assert (report.state, report.next_attempt_at, report.devices) == ("built", None, 3)
    assert "flexprint-agent recipients add" in (report.error or "")
    assert rude.heard == []


def test_without_a_mail_server_the_mail_is_kept_and_says_so(house, tmp_path):
    report_id = house.ask()
    report = house.deliver(report_id, post=FolderPost(tmp_path / "mail"))
    assert report.state == "sent"
    stem = report.deliveries[0].message_id.strip("<>").partition("@")[0]
    assert (tmp_path / "mail" / f"{stem}.eml").exists()
    assert "set FLEXPRINT_SMTP_URL" in (report.deliveries[0].answer or "")


def test_a_workbook_that_cannot_be_built_is_tried_again_and_then_given_up(house):
    """Whatever is wrong with one site's devices, it is noted and keeps no other report waiting."""
    with house.database.transaction() as session:
        session.execute(update(Device).values(meter_values=["one", "too many"]))
    report_id = house.ask()
    with Rude() as rude:
        report = house.deliver(report_id, rude)
        assert (report.state, report.next_attempt_at) == ("due", house.now + timedelta(seconds=15))
        assert (report.error or "").startswith("building failed: ")
        while (report := house.deliver(report_id, rude)).next_attempt_at:
            house.now = report.next_attempt_at
    assert (report.state, report.attempts) == ("failed", TRIES["building"])
    assert rude.mails == []


def test_a_report_that_ends_its_worker_each_time_is_given_up(house):
    """Out of memory, a crash in a library: after so many dead workers the next one is spared."""
    report_id = house.ask()
    with house.database.transaction() as session:
        session.execute(
            update(Report)
            .where(Report.id == report_id)
            .values(attempts=TRIES["building"], state="building", claimed_by="dead", lease_until=house.now)
        )
    with Rude() as rude:
        report = house.deliver(report_id, rude)
    assert (report.state, report.next_attempt_at) == ("failed", None)
    assert "ended its worker" in (report.error or "")


def test_the_lease_is_renewed_while_the_mail_server_thinks(house):
    """Ten minutes are allowed to it; another worker must not take the report over meanwhile."""
    report_id = house.ask()
    asked, may_answer = threading.Event(), threading.Event()

    class Thinking(Rude):
        def answer(self, to):
            if to == "content":
                asked.set()
                may_answer.wait(30)
            return super().answer(to)

    with Thinking() as rude:
        post = SmtpPost(Relay("127.0.0.1", rude.port, "none"), "collector.test", PATIENCE)
        worker = threading.Thread(target=deliver, args=(house.means(post, lease=timedelta(seconds=0.3)), report_id))
        worker.start()
        assert asked.wait(30)
        before = house.report(report_id).lease_until
        house.now += timedelta(hours=1)
        wait_until(lambda: house.report(report_id).lease_until > before, "a renewal")
        may_answer.set()
        worker.join(30)
    assert house.report(report_id).state == "sent"
    assert len(rude.mails) == 1
