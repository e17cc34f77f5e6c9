"""The address that our mails come from."""

from email.utils import parseaddr

from flexprint_server.settings import SettingsError
from flexprint_shared.addresses import is_address


def sender_address(mail_from: str) -> str:
    """The bare address of `FlexPrint Tracker <flexprint@example.com>`, empty when there is none in it."""
    address = parseaddr(mail_from)[1]
    return address if is_address(address) else ""


def sender(mail_from: str) -> str:
    """FLEXPRINT_MAIL_FROM, once it is known to hold an address. Raises SettingsError."""
    if not sender_address(mail_from):
        raise SettingsError(
            f"FLEXPRINT_MAIL_FROM: {mail_from!r} holds no mail address; write FlexPrint Tracker <flexprint@example.com>"
        )
    return mail_from


def mail_domain(mail_from: str) -> str:
    """The domain that mails come from, for the right side of their Message-IDs."""
    return sender_address(mail_from).rpartition("@")[2] or "localhost"
