"""A list of targets as people have them: pasted lines, or a table saved by a spreadsheet. Pure: octets in, targets out.

    # second floor                       name;IP address;location
    10.1.2.7, 10.1.2.8                   Copier 1;10.1.2.7;"Hall; left"
    copier.example.com  # by the lift    Copier 2;10.1.2.8;

Without a heading every field is a target; with one, the column that holds addresses, or else names.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from flexprint_agent import targets
from flexprint_agent.errors import WrongUsage
from flexprint_agent.targets import BadTarget

LARGEST: Final = 1 << 20
"""Octets of a list at most."""

MOST: Final = 5000
"""Targets in a list at most: who has more names its networks."""

# What stands over the column with addresses in lists of printers, the best first; letters only, in lower case.
_HEADINGS: Final = (
    *("target", "ipaddress", "ip", "ipaddr", "ipadresse", "ipv4address", "ipv4", "address", "adresse", "ipv6"),
    *("fqdn", "dnsname", "hostname", "host", "printeraddress", "printername", "printer", "drucker", "device", "name"),
)
_LINE_ENDS: Final = re.compile(r"\r\n|\n|\r")
_COMMENT: Final = re.compile(r"(?:^|\s)#.*")
_LONGEST_SHOWN: Final = 60


class Entry(NamedTuple):
    """One target and the number of the line it stands on."""

    line: int
    text: str


def entries(octets: bytes) -> list[Entry]:
    """What a list names, each with its line; nothing is checked yet. Raises WrongUsage where it is too large."""
    if len(octets) > LARGEST:
        raise WrongUsage(f"this list is larger than {LARGEST >> 20} MiB; is it a list of printers? Send it in parts")
    rows = list(_rows(decoded(octets)))
    column = _column(rows[0][1]) if rows else None
    found = []
    for line, fields in rows if column is None else rows[1:]:
        if column is None:
            found += [Entry(line, field) for field in fields if field]
        else:
            found.append(Entry(line, fields[column] if column < len(fields) else ""))
    if len(found) > MOST:
        raise WrongUsage(f"this list names more than {MOST} targets; name the networks they are in, as 10.10.10.0/24")
    return found


def decoded(octets: bytes) -> str:
    """The text of a list, whatever a spreadsheet or an editor wrote it in."""
    if octets.startswith((b"\xff\xfe", b"\xfe\xff")):
        return octets.decode("utf-16", errors="replace")
    try:
        return octets.decode("utf-8-sig")
    except UnicodeDecodeError:
        return octets.decode("latin-1")


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """The lines that hold something, cut into fields: at the semicolons or tabs where there are any, else at commas."""
    for number, raw in enumerate(_LINE_ENDS.split(text), start=1):
        line = _COMMENT.sub("", raw).strip(" ")
        delimiter = next((sign for sign in (";", "\t") if sign in line), ",")
        try:
            fields = next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])
        except csv.Error:
            fields = [line]
        fields = [field.strip() for field in fields]
        if any(fields):
            yield number, fields


def _column(fields: Sequence[str]) -> int | None:
    """Which column of a table holds the targets; None where its first line is no heading."""
    names = [re.sub(r"[^a-z0-9]", "", field.lower()) for field in fields]
    known = [name for name in _HEADINGS if name in names]
    # One word alone may be the name of a printer; only what no printer is called is a heading then.
    if not known or (len(fields) == 1 and known[0] in ("printer", "drucker", "device", "copier")):
        return None
    if any(_is_address(field) for field in fields):
        return None
    return names.index(known[0])


def _is_address(field: str) -> bool:
    try:
        return isinstance(targets.parse(field), targets.Span)
    except BadTarget:
        return False


def shown(text: str) -> str:
    """What stood in a list, fit for a terminal: short, and without anything that could steer one."""
    safe = text if text.isprintable() else ascii(text)[1:-1]
    return safe if len(safe) <= _LONGEST_SHOWN else safe[: _LONGEST_SHOWN - 3] + "..."
