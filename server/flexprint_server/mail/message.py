"""What is handed over: a message with the headers that all of ours have, and its envelope."""

from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr

from flexprint_server.mail.bounces import envelope_id, return_path
from flexprint_shared.text import clean


@dataclass(slots=True, frozen=True)
class Mail:
    """A mail ready to be handed over, with the envelope it goes in. `workbook` is what is attached, for whoever keeps
    mails as files."""

    sender: str
    recipient: str
    message_id: str
    octets: bytes
    workbook: bytes | None = None

    @property
    def envelope_id(self) -> str:
        """By which mail servers name it when they report on it (RFC 3461)."""
        return envelope_id(self.message_id)


def begun(*, mail_from: str, recipient: str, subject: str, date: datetime, message_id: str) -> EmailMessage:
    """A message with its headers and nothing in it yet. Nothing is drawn by lot: a mail that is sent again after a
    crash is the same mail."""
    name, sender = parseaddr(mail_from)
    message = EmailMessage(policy=SMTP)
    message["From"] = Address(display_name=clean(name), addr_spec=sender)
    message["To"] = Address(addr_spec=recipient)
    message["Subject"] = clean(subject)
    message["Date"] = format_datetime(date)
    message["Message-ID"] = message_id
    # RFC 3834: no out-of-office reply, please; the second is how Exchange likes to be asked.
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    return message


def finished(message: EmailMessage, workbook: bytes | None = None, *, bounce_to: str = "") -> Mail:
    """The message on its way to the one recipient that it names. It comes back to `bounce_to`, with its envelope id in
    that address; to its sender where that is empty."""
    sender, recipient = (message[name].addresses[0].addr_spec for name in ("From", "To"))
    message_id = str(message["Message-ID"])
    back = return_path(bounce_to, message_id) if bounce_to else sender
    return Mail(back, recipient, message_id, message.as_bytes(), workbook)
