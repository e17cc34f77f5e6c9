"""Names that leave the house: mail addresses, subjects, file names. Customers and devices choose parts of them."""

import re
import unicodedata
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import parseaddr
from typing import Final

from flexprint_shared.text import clean

MOST_RECIPIENTS: Final = 50
"""Recipients of one report. An agent that was taken over must not become a source of spam."""

LONGEST_ADDRESS: Final = 254
"""Octets of a mail address (RFC 5321, section 4.5.3.1.3, with the erratum)."""

_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS: Final = re.compile(
    rf"(?=.{{1,64}}@)[A-Za-z0-9!#$%&'*+/=?^_`{{|}}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{{|}}~-]+)*@{_LABEL}(?:\.{_LABEL})*"
)

# What some file system refuses in a name. Names that Windows reserves (CON, NUL, ...) and leading dots cannot
# occur, because ours begin with a word.
_NOT_IN_FILES: Final = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')
_LONGEST_PART: Final = 80
"""UTF-8 octets of a customer's or site's name in a file name: with the rest it stays under the 255 of file systems."""


def is_address(text: str) -> bool:
    """True for one plain mail address: no display name, no quoting, nothing that could end a line."""
    return len(text) <= LONGEST_ADDRESS and _ADDRESS.fullmatch(text) is not None


def distinct(recipients: Iterable[str]) -> list[str]:
    """The recipients, each on one line and once, whether in capitals or not; MOST_RECIPIENTS at most."""
    found: dict[str, str] = {}
    for recipient in recipients:
        given = clean(recipient, LONGEST_ADDRESS)
        if given and len(found) < MOST_RECIPIENTS:
            found.setdefault(given.casefold(), given)
    return list(found.values())


def sender_address(mail_from: str) -> str:
    """The bare address of `FlexPrint Tracker <flexprint@example.com>`, empty when there is none in it."""
    address = parseaddr(mail_from)[1]
    return address if is_address(address) else ""


def mail_domain(mail_from: str) -> str:
    """The domain that mails come from, for the right side of their Message-IDs."""
    return sender_address(mail_from).rpartition("@")[2] or "localhost"


def subject(customer: str, site: str, devices: int) -> str:
    """What stands in the list of mails: one line, whatever the names are."""
    printers = "1 printer" if devices == 1 else f"{devices:,} printers"
    return f"Printer report: {clean(customer, 80)}, {clean(site, 80)} ({printers})"


def file_name(customer: str, site: str, made_at: datetime) -> str:
    """`Printers Contoso, Main Street 2026-11-22 0800.xlsx`: safe on every file system."""
    return f"Printers {_part(customer)}, {_part(site)} {made_at.astimezone(UTC):%Y-%m-%d %H%M}.xlsx"


def _part(name: str) -> str:
    composed = unicodedata.normalize("NFC", clean(_NOT_IN_FILES.sub("-", name)))
    return composed.encode()[:_LONGEST_PART].decode(errors="ignore").strip(" .") or "-"
