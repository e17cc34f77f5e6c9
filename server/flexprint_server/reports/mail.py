"""The mail that carries a workbook: a short summary as text and HTML, and the file."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage, MIMEPart
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from functools import cache
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from flexprint_server.fleet.summary import STALE_AFTER
from flexprint_server.reports.addresses import subject
from flexprint_shared.text import clean

XLSX: Final = ("application", "vnd.openxmlformats-officedocument.spreadsheetml.sheet")


@dataclass(slots=True, frozen=True)
class Letter:
    """What the mails of one report have in common. `summary` is reports.workbook.Summary as it was stored."""

    customer: str
    site: str
    made_at: datetime
    summary: Mapping[str, Any]
    file_name: str
    workbook: bytes


@dataclass(slots=True, frozen=True)
class Mail:
    """A mail ready to be handed over, with the envelope it goes in."""

    sender: str
    recipient: str
    message_id: str
    octets: bytes
    file_name: str
    workbook: bytes


def compose(letter: Letter, *, mail_from: str, recipient: str, message_id: str) -> Mail:
    """The mail to one recipient. The same letter gives the same octets each time, so that a mail that is sent
    again after a crash is the same mail in every respect."""
    name, sender = parseaddr(mail_from)
    message = EmailMessage(policy=SMTP)
    message["From"] = Address(display_name=clean(name), addr_spec=sender)
    message["To"] = Address(addr_spec=recipient)
    message["Subject"] = subject(letter.customer, letter.site, letter.summary["devices"])
    message["Date"] = format_datetime(letter.made_at)
    message["Message-ID"] = message_id
    # RFC 3834: no out-of-office reply, please; the second is how Exchange likes to be asked.
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    facts = {
        "customer": clean(letter.customer),
        "site": clean(letter.site),
        "made_at": f"{letter.made_at:%Y-%m-%d %H:%M}",
        "summary": letter.summary,
        "stale_days": STALE_AFTER.days,
        "file_name": letter.file_name,
        "recipient": recipient,
    }
    message.set_content(_templates().get_template("report.txt").render(facts), cte="quoted-printable")
    message.add_alternative(
        _templates().get_template("report.html").render(facts), subtype="html", cte="quoted-printable"
    )
    message.add_attachment(letter.workbook, *XLSX, filename=letter.file_name)
    _fix_boundaries(message, message_id)
    return Mail(sender, recipient, message_id, message.as_bytes(), letter.file_name, letter.workbook)


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("flexprint_server.reports"),
        autoescape=select_autoescape(["html"]),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters["figure"] = lambda value: f"{value:,}"
    environment.filters["said"] = clean
    return environment


def _fix_boundaries(message: EmailMessage, message_id: str) -> None:
    """The library would draw them by lot when it writes the mail."""
    stem = hashlib.sha256(message_id.encode()).hexdigest()[:32]
    parts: list[EmailMessage | MIMEPart] = [part for part in message.walk() if part.is_multipart()]
    for number, part in enumerate(parts):
        part.set_boundary(f"flexprint-{stem}-{number}")
