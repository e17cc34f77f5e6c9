"""The mail that carries a workbook: a short summary as text and HTML, and the file, or where a large one is."""

import base64
import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from email.message import EmailMessage, MIMEPart
from functools import cache
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from flexprint_server.fleet.rules import USUAL
from flexprint_server.fleet.zones import minute
from flexprint_server.mail.message import Mail, begun, finished
from flexprint_server.reports.wanted import zone_of
from flexprint_shared.text import clean

XLSX: Final = ("application", "vnd.openxmlformats-officedocument.spreadsheetml.sheet")

# Octets of a file that make whole lines of base64 (RFC 2045, section 6.8): 57 each.
_ENCODED_AT_ONCE: Final = 57 << 10


@dataclass(slots=True, frozen=True)
class TooLarge:
    """A workbook of so many octets that no relay would take it."""

    size: int

    @property
    def words(self) -> str:
        return f"{-(-self.size // 1_000_000):,} MB"


@dataclass(slots=True, frozen=True)
class Link:
    """The page where the recipient of one mail downloads what is TooLarge, until when."""

    page: str
    until: datetime


@dataclass(slots=True, frozen=True)
class Letter:
    """What the mails of one report have in common. `title` says what it is about, `why` whose recipients they go to and
    `how` where those are changed; `summary` is reports.workbook.rows.Summary as it was stored, `workbook` the file, and
    `list` what somebody can unsubscribe from; times are those of `zone`."""

    title: str
    subject: str
    why: str
    how: str
    made_at: datetime
    summary: Mapping[str, Any]
    file_name: str
    workbook: bytes | TooLarge
    list: str = ""
    zone: str = "UTC"


def compose(
    letter: Letter,
    *,
    mail_from: str,
    recipient: str,
    message_id: str,
    unsubscribe: str = "",
    bounce_to: str = "",
    link: Link | None = None,
) -> Mail:
    """The mail to one recipient, with a `link` where the workbook is TooLarge. `unsubscribe` is the address of the page
    where that recipient stops them; over HTTPS mail programs offer it as a button (RFC 8058). It comes back to
    `bounce_to` (message.finished). The same letter gives the same octets each time, so that a mail sent again after a
    crash is the same mail in every respect."""
    message = begun(
        mail_from=mail_from,
        recipient=recipient,
        subject=letter.subject,
        date=letter.made_at,
        message_id=message_id,
    )
    if unsubscribe:
        message["List-Unsubscribe"] = f"<{unsubscribe}>"
        if unsubscribe.startswith("https:"):
            message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    attached = letter.workbook if isinstance(letter.workbook, bytes) else None
    facts = {
        "too_large": letter.workbook if attached is None else None,
        "link": link,
        "until": minute(link.until, zone_of(letter.zone)) if link else "",
        "unsubscribe": unsubscribe,
        "title": clean(letter.title),
        "why": clean(letter.why),
        "how": letter.how,
        "made_at": minute(letter.made_at, zone_of(letter.zone)),
        "summary": letter.summary,
        "stale_after": letter.summary.get("stale_after", USUAL.stale.words),
        "file_name": letter.file_name,
        "recipient": recipient,
    }
    message.set_content(_templates().get_template("report.txt").render(facts), cte="quoted-printable")
    message.add_alternative(
        _templates().get_template("report.html").render(facts), subtype="html", cte="quoted-printable"
    )
    stand_in = hashlib.sha256(message_id.encode()).digest()
    if attached is not None:
        message.add_attachment(stand_in, *XLSX, filename=letter.file_name)
    _fix_boundaries(message, message_id)
    mail = finished(message, attached, bounce_to=bounce_to)
    return mail if attached is None else replace(mail, octets=_attached(mail.octets, stand_in, attached))


def _attached(octets: bytes, stand_in: bytes, file: bytes) -> bytes:
    """The mail with the file in place of what stood in for it, as the library would have written it: it takes half a
    second for 10 MB and several times the memory, and there is one mail for each recipient."""
    before, _, after = octets.partition(_base64(stand_in))
    mail = io.BytesIO()
    mail.write(before)
    for begin in range(0, len(file), _ENCODED_AT_ONCE):
        mail.write(_base64(file[begin : begin + _ENCODED_AT_ONCE]))
    mail.write(after)
    return mail.getvalue()


def _base64(octets: bytes) -> bytes:
    return base64.encodebytes(octets).replace(b"\n", b"\r\n")


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
