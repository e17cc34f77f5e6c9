"""Links in mails whose workbook was too large for them: for a recipient who has no account."""

import io
from contextlib import closing
from datetime import timedelta

import openpyxl
import pytest
from sqlalchemy import select

from flexprint_server.reports import links
from flexprint_server.reports.models import Delivery, Report
from flexprint_server.tenants.models import AuditEntry
from services.pages import ALICE, Visit, fields

KEY = "5e" * 32


@pytest.fixture
def linked(fleet, clock):
    """The newest mailed report of Alice's dealer, its first recipient, and the token of the link in that mail."""
    with fleet.transaction() as session:
        delivery = session.scalar(
            select(Delivery).join(Report).where(Report.state == "sent").order_by(Delivery.id.desc())
        )
        token, _ = links.prepare(delivery, KEY, clock())
        return delivery.report_id, delivery.id, delivery.recipient, token


def entries(fleet):
    with fleet.reading() as session:
        rows = session.scalars(select(AuditEntry).where(AuditEntry.what.startswith("report.")).order_by(AuditEntry.id))
        return [(row.who, row.what, row.target) for row in rows]


def test_a_recipient_without_an_account_downloads_that_workbook(nobody, alice, fleet, linked):
    """Looking, which scanners of mails do as well, gives nothing away and notes nothing; each download is noted."""
    report_id, _, recipient, token = linked
    for _ in range(30):
        page = nobody.get(f"/workbooks/{token}")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert nobody.client.head(f"/workbooks/{token}").status_code == 405
    assert entries(fleet) == []
    answer = nobody.post(f"/workbooks/{token}", {})
    assert answer.content == alice.get(f"/reports/{report_id}.xlsx").content
    assert openpyxl.load_workbook(io.BytesIO(answer.content)).sheetnames
    assert answer.headers["content-disposition"].startswith("attachment;")
    assert entries(fleet) == [(recipient, "report.downloaded_by_link", f"report {report_id}")]
    assert "Downloaded a workbook by the link of a mail" in alice.get("/audit").text
    assert "flexprint" not in nobody.client.cookies


def test_the_link_is_told_to_nobody(nobody, linked):
    """No other page, no search engine and no cache learns of it."""
    token = linked[3]
    answers = nobody.get(f"/workbooks/{token}"), nobody.post(f"/workbooks/{token}", {})
    for answer in answers:
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "noindex" in answer.headers["x-robots-tag"]
    assert token not in answers[0].text


def test_a_link_opens_nothing_but_its_workbook(nobody, linked):
    report_id, _, _, token = linked
    nobody.client.cookies.set("flexprint", token, domain="127.0.0.1")
    assert nobody.get(f"/reports/{report_id}.xlsx").status_code == 303
    assert nobody.get(f"/invitations/{token}").status_code == nobody.get(f"/resets/{token}").status_code == 404
    for wrong in (token[:-1], token + "A", token.swapcase(), "x" * 5000):
        assert nobody.get(f"/workbooks/{wrong}").status_code == 404


def test_whoever_looks_after_reports_ends_a_link(alice, bob, nobody, fleet, linked):
    report_id, delivery_id, _, token = linked
    page = alice.get(f"/reports/{report_id}").text
    path = f"/reports/{report_id}/links/{delivery_id}/end"
    assert path in page
    assert bob.post(path, fields(bob.get("/account").text)).status_code == 404
    assert nobody.get(f"/workbooks/{token}").status_code == 200
    assert alice.post(path, fields(page)).status_code == 303
    assert nobody.get(f"/workbooks/{token}").status_code == nobody.post(f"/workbooks/{token}", {}).status_code == 404
    assert path not in alice.get(f"/reports/{report_id}").text
    assert alice.post(path, fields(page)).status_code == 404
    assert entries(fleet) == [(ALICE, "report.link_ended", f"report {report_id}")]


def test_a_link_ends_after_a_month(nobody, clock, linked):
    clock.now += links.HOLDS_FOR
    page = nobody.post(f"/workbooks/{linked[3]}", {})
    assert page.status_code == 404
    assert "older than 30 days" in page.text


def test_guesses_and_downloads_without_end_are_slowed_down(nobody, url, clock, fleet, linked):
    """Wrong links by where they come from; the right one by itself, so that the audit log is not flooded."""
    with closing(Visit(url)) as stranger:
        answers = [stranger.post("/workbooks/wrong", {}).status_code for _ in range(21)]
        assert answers == [404] * 20 + [429]
    clock.now += timedelta(minutes=20)
    answers = [nobody.post(f"/workbooks/{linked[3]}", {}) for _ in range(11)]
    assert [answer.status_code for answer in answers] == [200] * 10 + [429]
    assert answers[-1].headers["retry-after"] == "1"
    assert len(entries(fleet)) == 10
