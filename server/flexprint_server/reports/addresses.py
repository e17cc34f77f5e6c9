"""Names that leave the house: mail addresses, subjects, file names. Customers and devices choose parts of them."""

import re
import unicodedata
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from flexprint_shared.addresses import LONGEST_ADDRESS, MOST_RECIPIENTS
from flexprint_shared.text import clean

# What some file system refuses in a name. Names that Windows reserves (CON, NUL, ...) and leading dots cannot
# occur, because ours begin with a word.
_NOT_IN_FILES: Final = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')
_LONGEST_PART: Final = 80
"""UTF-8 octets of a customer's or site's name in a file name: with the rest it stays under the 255 of file systems."""


def distinct(recipients: Iterable[str]) -> list[str]:
    """The recipients, each on one line and once, whether in capitals or not; MOST_RECIPIENTS at most."""
    found: dict[str, str] = {}
    for recipient in recipients:
        given = clean(recipient, LONGEST_ADDRESS)
        if given and len(found) < MOST_RECIPIENTS:
            found.setdefault(given.casefold(), given)
    return list(found.values())


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
