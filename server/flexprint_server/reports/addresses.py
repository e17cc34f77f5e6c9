"""Names that leave the house: mail addresses and file names. People, customers and devices choose parts of them."""

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

from flexprint_shared.addresses import LONGEST_ADDRESS, MOST_RECIPIENTS
from flexprint_shared.text import clean

# What some file system refuses in a name.
_NOT_IN_FILES: Final = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')
_LONGEST_NAME: Final = 200
"""UTF-8 octets of a file name without its end: it stays under the 255 of file systems."""

# Names of devices on Windows, with whatever stands behind a dot.
_RESERVED: Final = re.compile(
    r"(con|prn|aux|nul|com[0-9\u00b9\u00b2\u00b3]|lpt[0-9\u00b9\u00b2\u00b3])(\.|$)", re.IGNORECASE
)


def distinct(recipients: Iterable[str]) -> list[str]:
    """The recipients, each on one line and once, whether in capitals or not; MOST_RECIPIENTS at most."""
    found: dict[str, str] = {}
    for recipient in recipients:
        given = clean(recipient, LONGEST_ADDRESS)
        if given and len(found) < MOST_RECIPIENTS:
            found.setdefault(given.casefold(), given)
    return list(found.values())


def file_name(worded: str) -> str:
    """The workbook's name as people worded it: safe on every file system, and never one that Windows reserves."""
    bare = re.sub(r"\.xlsx$", "", worded, flags=re.IGNORECASE)
    composed = unicodedata.normalize("NFC", clean(_NOT_IN_FILES.sub("-", bare)))
    part = composed.encode()[:_LONGEST_NAME].decode(errors="ignore").strip(" .")
    return f"{'_' if _RESERVED.match(part) else ''}{part or 'Printers'}.xlsx"
