"""The mail server as the operator names it."""

import pytest

from flexprint_server.mail.relay_url import Relay, relay_of
from flexprint_server.settings import SettingsError


@pytest.mark.parametrize(
    ("url", "relay"),
    [
        ("smtp://mail.example.com", Relay("mail.example.com", 25, "starttls")),
        ("smtp://mail.example.com?starttls=required", Relay("mail.example.com", 25, "starttls")),
        ("smtp://u:p@mail.example.com", Relay("mail.example.com", 587, "starttls", "u", "p")),
        ("smtp://u:p@mail.example.com:2525", Relay("mail.example.com", 2525, "starttls", "u", "p")),
        ("smtp://a%40b.example:p%20%2F%3A@mail.example.com", Relay("mail.example.com", 587, "starttls", "a@b.example", "p /:")),
        ("smtps://u:p@mail.example.com", Relay("mail.example.com", 465, "tls", "u", "p")),
        ("smtps://mail.example.com?ca=/etc/ca.pem", Relay("mail.example.com", 465, "tls", ca="/etc/ca.pem")),
        ("smtp://mail.example.com?starttls=required&ca=/a%20b.pem", Relay("mail.example.com", 25, "starttls", ca="/a b.pem")),
        ("smtp://relay.lan?starttls=off", Relay("relay.lan", 25, "none")),
        ("smtp://localhost", Relay("localhost", 25, "none")),
        ("smtp://127.0.0.1:1025", Relay("127.0.0.1", 1025, "none")),
        ("smtp://[::1]:1025", Relay("::1", 1025, "none")),
        ("smtp://u:p@localhost", Relay("localhost", 587, "none", "u", "p")),
        ("smtp://localhost?starttls=required", Relay("localhost", 25, "starttls")),
    ],
)  # fmt: skip
def test_what_stands_in_the_url(url, relay):
    """Encrypted unless it is this machine or the operator says off."""
    assert relay_of(url) == relay


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("smtp://", "names no host"),
        ("smtp://mail.example.com?starttls=maybe", "required or off"),
        ("smtp://mail.example.com?tls=1", "unknown"),
        ("smtp://u:p@mail.example.com?starttls=off", "in the clear"),
        ("smtps://mail.example.com?starttls=required", "first octet"),
        ("smtp://u@mail.example.com", "both user and password"),
        ("smtp://u:p%C3%A4ss@mail.example.com", "ASCII"),
        ("smtp://mail.example.com:99999", "port"),
    ],
)
def test_what_is_wrong_is_said_before_the_first_mail(url, says):
    with pytest.raises(SettingsError, match=says) as refusal:
        relay_of(url)
    assert str(refusal.value).startswith("FLEXPRINT_SMTP_URL: ")


def test_the_password_does_not_show():
    """Neither in a log nor in a traceback."""
    assert "hunter2" not in repr(relay_of("smtp://u:hunter2@mail.example.com"))
