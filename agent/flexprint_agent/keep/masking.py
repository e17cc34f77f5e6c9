"""Texts of the agent's own (its log, why something failed), without what the site keeps to itself. Pure.

Reads are masked field by field in `leaving`; a sentence may name a printer anywhere in it.
"""

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final
from urllib.parse import quote

from flexprint_agent.keep.leaving import HIDDEN, Leaving

# IPv4 addresses with what makes a range of them, and what might be an IPv6 address. An OID is neither.
_ADDRESS: Final = re.compile(
    r"(?<![\d.])\d{1,3}(?:\.(?:\d{1,3}|\*)){3}(?:-\d{1,3}(?:\.\d{1,3}){0,3}|/\d{1,2})?(?!\.?\d)"
    r"|(?<![\w:])[0-9A-Fa-f:]*:[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*(?:%\w+)?(?:/\d{1,3})?"
)
# Where a word begins and ends; an underscore is no part of it.
_BEFORE: Final = r"(?<![^\W_])"
_AFTER: Final = r"(?![^\W_])"


@dataclass(slots=True, frozen=True)
class Names:
    """What such texts may hold of a site. `folders` hold the name of a person's account, so they never leave."""

    hosts: tuple[str, ...] = ()
    locations: tuple[str, ...] = ()
    contacts: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()


def masked(text: str, leaving: Leaving, names: Names) -> str:
    """`text` as it may leave. A masked address leaves under the name that it has in batches."""
    masks = leaving.masks
    for folder in names.folders:
        text = text.replace(folder, "~")
    hidden = {
        form
        for wanted, of in (
            (masks.host, names.hosts),
            (masks.location, names.locations),
            (masks.contact, names.contacts),
        )
        if wanted
        for name in of
        for form in forms(name)
    }
    text = without(text, hidden)
    return _ADDRESS.sub(lambda found: _address(found[0], leaving), text) if masks.address else text


def without(text: str, hidden: set[str], *, longest_word: int = 1 << 20) -> str:
    """`text` with every one of `hidden` masked, however it is capitalised. Those of up to `longest_word` letters are
    looked for as words of their own: a printer called `printer` does not take that word out of others."""
    low = text.lower()
    # The longest first, as one may hold another.
    for one in sorted(filter(None, hidden), key=len, reverse=True):
        # A site has thousands of names, a log is long, and hardly any of them stands in it.
        if one.lower() not in low:
            continue
        pattern = re.escape(one)
        if len(one) <= longest_word:
            pattern = rf"{_BEFORE if one[0].isalnum() else ''}{pattern}{_AFTER if one[-1].isalnum() else ''}"
        text = re.sub(pattern, HIDDEN, text, flags=re.IGNORECASE)
        low = text.lower()
    return text


def forms(text: str) -> set[str]:
    """How a text may stand in others: as it is, in a log, in an address, and as Python writes it."""
    logged = "".join(letter if letter.isprintable() else "?" for letter in text)
    return {text, text.strip(), logged, quote(text, safe=""), repr(text)[1:-1]}


def _address(found: str, leaving: Leaving) -> str:
    address, slash, bits = found.partition("/")
    # What ends a sentence is no part of the address.
    bare = address.rstrip(".:") if not address.endswith("::") else address
    try:
        ip_address(bare)
    except ValueError:
        return HIDDEN if address.count(".") == 3 and ":" not in address else found
    if slash:
        return f"{HIDDEN}/{bits}"
    return leaving.address(bare, 1) + address[len(bare) :]
