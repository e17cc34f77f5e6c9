"""The address that our mails come from."""

import pytest

from flexprint_server.mail.addresses import mail_domain, sender_address


@pytest.mark.parametrize(
    ("mail_from", "address", "domain"),
    [
        ("FlexPrint Tracker <flexprint@example.com>", "flexprint@example.com", "example.com"),
        ("flexprint@example.com", "flexprint@example.com", "example.com"),
        ('"Copiers, Inc." <meters@copiers.example>', "meters@copiers.example", "copiers.example"),
        ("FlexPrint Tracker", "", "localhost"),
        ("", "", "localhost"),
    ],
)
def test_the_sender_is_taken_from_the_setting(mail_from, address, domain):
    assert sender_address(mail_from) == address
    assert mail_domain(mail_from) == domain
