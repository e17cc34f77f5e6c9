"""The mail that carries a workbook."""

from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.contentmanager import set_bytes_content
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flexprint_server.reports.mail import Letter, Link, TooLarge, compose

NOW = datetime(2026, 11, 22, 8, 5, tzinfo=UTC)
SUMMARY = {
    "devices": 1042, "new": 3, "stale": 2, "low": 1, "supplies": 9,
    "low_supplies": ["Kyocera ECOSYS P2040dw (Front desk): TK-1170 3 %"],
    "stale_devices": ["HP LaserJet (Library): last read 9 days ago"],
}  # fmt: skip


def mail(title="Harbour Dental, Main Street", summary=SUMMARY, workbook=b"PK\3\4", subject="Printers", **given):
    why, how = "this site's reports", "Recipients are changed with flexprint-agent recipients"
    letter = Letter(title, subject, why, how, NOW, summary, "Printers Göteborg 2026-11-22 0805.xlsx", workbook)
    envelope = {"mail_from": "FlexPrint Tracker <flexprint@example.com>", "recipient": "office@example.com", **given}
    return compose(letter, message_id="<0123abcd@example.com>", **envelope)


def opened(sent):
    return message_from_bytes(sent.octets, _class=EmailMessage, policy=policy.default)


def body(message, kind):
    part = message.get_body((kind,))
    assert part is not None
    return part.get_content()


def test_the_headers_are_those_of_a_machine_that_wants_no_answer():
    message = opened(mail())
    assert message["From"] == "FlexPrint Tracker <flexprint@example.com>"
    assert message["To"] == "office@example.com"
    assert message["Subject"] == "Printers"
    assert message["Date"].datetime == NOW
    assert message["Message-ID"] == "<0123abcd@example.com>"
    assert message["Auto-Submitted"] == "auto-generated"


def test_the_workbook_is_attached_under_its_name():
    (attached,) = opened(mail(workbook=bytes(range(256)))).iter_attachments()
    assert attached.get_filename() == "Printers Göteborg 2026-11-22 0805.xlsx"
    assert attached.get_content_type() == "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    assert attached.get_content() == bytes(range(256))


@pytest.mark.parametrize("size", [0, 1, 57, 58, 57 * 1024 + 1])
def test_it_is_written_as_the_library_writes_it(size):
    """Attached anew by the library, the mail is the same to the octet; what we do is only quicker."""
    sent = mail(workbook=b"x" * size).octets
    message = message_from_bytes(sent, _class=EmailMessage, policy=policy.SMTP)
    (attached,) = message.iter_attachments()
    attached.clear_content()
    set_bytes_content(attached, b"x" * size, "application", attached.get_content_subtype(), filename="a.xlsx")
    by_the_library = message.as_bytes().rpartition(b"\r\n\r\n")[2]
    assert by_the_library == sent.rpartition(b"\r\n\r\n")[2]


@pytest.mark.parametrize("kind", ["plain", "html"])
def test_a_workbook_too_large_for_a_mail_is_a_link(kind):
    """How many printers, how large, where and until when; whoever keeps mails as files has no workbook beside it."""
    page = "https://meters.example.com/workbooks/kept-to-oneself"
    link = Link(page, NOW + timedelta(days=30))
    sent = mail(workbook=TooLarge(61_200_001), summary={**SUMMARY, "devices": 99_800}, link=link)
    message = opened(sent)
    said = " ".join(body(message, kind).split())
    assert "The workbook of 99,800 printers is too large for a mail (62 MB)." in said
    assert page in said
    assert "until 2026-12-22 08:05 UTC, without signing in" in said
    assert "attached" not in said
    assert list(message.iter_attachments()) == []
    assert sent.workbook is None


@pytest.mark.parametrize("kind", ["plain", "html"])
def test_the_summary_says_what_needs_somebody(kind):
    """The same in both parts."""
    text = body(opened(mail()), kind)
    for said in ("Harbour Dental, Main Street", "2026-11-22 08:05 UTC", "1,042", "TK-1170 3 %", "last read 9 days ago"):
        assert said in text


@pytest.mark.parametrize("kind", ["plain", "html"])
def test_what_is_well_takes_no_room(kind):
    summary = {**SUMMARY, "low": 0, "stale": 0, "low_supplies": [], "stale_devices": []}
    assert "TK-1170" not in body(opened(mail(summary=summary)), kind)
    assert "last read" not in body(opened(mail(summary=summary)), kind)


def test_names_and_devices_are_text_in_the_html_part():
    summary = {**SUMMARY, "low_supplies": ["<img src=x onerror=alert(1)>"]}
    html = body(opened(mail(title="<script>alert(1)</script>", summary=summary)), "html")
    assert "<script>" not in html
    assert "<img" not in html
    assert "&lt;script&gt;" in html


@given(st.text(), st.text())
def test_no_name_adds_a_header(title, subject):
    """One subject, one recipient, no Bcc, whatever a site is called."""
    message = opened(mail(title=title, subject=subject))
    plain = ["From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "X-Auto-Response-Suppress"]
    assert sorted(message.keys()) == sorted([*plain, "MIME-Version", "Content-Type"])


def test_the_same_mail_again_is_the_same_octets():
    """So a mail that went out twice after a crash is recognised as one."""
    assert mail().octets == mail().octets


def test_lines_are_short_enough_for_every_mail_server():
    """RFC 5321 allows 998 octets, whatever a device is called, and only ends of lines as pairs."""
    long_name = {**SUMMARY, "low_supplies": ["x" * 3000]}
    octets = mail(summary=long_name, workbook=bytes(100_000)).octets
    assert max(map(len, octets.split(b"\r\n"))) <= 998
    assert octets.count(b"\n") == octets.count(b"\r\n")
