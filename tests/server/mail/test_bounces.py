"""What a returned mail says, and that nothing else in one is believed."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flexprint_server.mail.bounces import LARGEST, Bounce, bounce_in, envelope_id, return_path
from services.dsn import returned

ID = "0123456789abcdef0123456789abcdef"
MESSAGE_ID = f"<{ID}@example.com>"
GONE = Bounce(ID, "failed", "5.1.1", "550 5.1.1 no such user")


@pytest.mark.parametrize(
    "mail",
    [
        returned(MESSAGE_ID),
        returned(MESSAGE_ID, headers_only=False),
        returned(to=f"bounces+{ID}@example.com"),
        returned(envelope=ID),
        returned("<somebody.elses@example.org>", envelope=ID),
    ],
)
def test_a_returned_mail_is_told_by_its_address_its_envelope_or_its_headers(mail):
    assert bounce_in(mail) == GONE


def test_a_mail_comes_back_to_an_address_of_its_own():
    assert return_path("bounces@example.com", MESSAGE_ID) == f"bounces+{ID}@example.com"
    assert envelope_id(MESSAGE_ID) == ID


@pytest.mark.parametrize(
    ("status", "action", "about"),
    [
        ("5.1.1", "failed", True),
        ("5.1.2", "failed", True),
        ("5.2.1", "failed", True),
        ("5.4.4", "failed", True),
        ("5.2.2", "failed", False),  # a full mailbox
        ("5.7.1", "failed", False),  # taken for spam
        ("4.4.7", "failed", False),  # tried for days
        ("5.1.1", "delayed", False),
        ("", "failed", False),
    ],
)
def test_only_what_every_further_mail_would_meet_is_about_the_address(status, action, about):
    bounce = bounce_in(returned(MESSAGE_ID, status=status, action=action))
    assert bounce is not None
    assert bounce.is_about_the_address is about


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"Subject: Out of office\r\n\r\nI am away.",
        returned("<no-id-of-ours@example.com>"),
        returned(MESSAGE_ID, action="delivered"),
        returned(MESSAGE_ID, action="relayed"),
        returned(MESSAGE_ID.upper()),
        returned(f"<{ID}{ID}@example.com>"),
        b"Content-Type: multipart/report; boundary=B\r\n\r\n" + b"--B\r\nContent-Type: message/rfc822\r\n\r\n" * 500,
        b"Content-Type: multipart/mixed; boundary=\r\n\r\n--\r\n",
        b"To: =?nobody-knows?B?////?=\r\nContent-Type: message/delivery-status\r\n\r\nAction: failed",
        b"\xff\xfe" * 1000,
    ],
)
def test_whatever_else_lies_in_the_mailbox_says_nothing(octets):
    assert bounce_in(octets) is None


def test_a_huge_mail_is_read_no_further_than_its_beginning():
    assert bounce_in(b"X: " + b"y" * LARGEST + returned(MESSAGE_ID)) is None
    assert bounce_in(returned(MESSAGE_ID) + b"z" * (4 * LARGEST)) == GONE


def test_what_a_mail_server_says_is_shown_on_one_line_and_not_without_end():
    bounce = bounce_in(returned(MESSAGE_ID, diagnostic="smtp; 550 \u202e<script>" + "x" * 5000))
    assert bounce is not None
    assert len(bounce.words) <= 500
    assert "\u202e" not in bounce.words


@given(st.binary(max_size=300), st.integers(0, 900), st.integers(0, 300))
@example(b"\x00", 0, 0)
def test_no_damage_to_one_stops_the_others(noise, at, cut):
    """Whatever stands in it: it is a report of that mail, or of none."""
    mail = returned(MESSAGE_ID)
    bounce = bounce_in(mail[:at] + noise + mail[at + cut :])
    assert bounce is None or bounce.envelope_id == ID or len(bounce.envelope_id) == 32
