"""Recordings: one line `OID|TAG|VALUE` per object, as snmpsim's .snmprec and the agent's `capture` write them.

The tag is the SNMP type's number; an `x` behind it says that the value is written in hex.
"""

import re
from pathlib import Path
from typing import Final, NamedTuple

from . import wire


class Row(NamedTuple):
    """One object of a device: dotted OID, tag, content octets."""

    oid: str
    tag: int
    content: bytes


_NUMBERS: Final = frozenset({wire.INTEGER, wire.COUNTER32, wire.GAUGE32, wire.TIMETICKS, wire.COUNTER64})
_NUMBER: Final = re.compile(rb"-?[0-9]+")
_KNOWN: Final = _NUMBERS | {wire.OCTET_STRING, wire.NULL, wire.OBJECT_ID, wire.IP_ADDRESS, wire.OPAQUE}


class Unreadable(ValueError):
    """A line of a recording says nothing the lab understands."""


def load(path: Path | str) -> list[Row]:
    """The rows of a recording in the order of the file. Raises Unreadable naming the line."""
    rows = []
    # Recordings are lines ended by \n alone: a value may hold any other of Unicode's line ends.
    for number, line in enumerate(Path(path).read_bytes().decode("utf-8", "surrogateescape").split("\n"), 1):
        if line.strip() and not line.startswith("#"):
            try:
                rows.append(row(line.rstrip("\r")))
            except ValueError as wrong:
                raise Unreadable(f"{path}, line {number}: {wrong}") from wrong
    return rows


def row(line: str) -> Row:
    """One line of a recording."""
    dotted, tag_text, text = line.split("|", 2)
    hexadecimal = tag_text.endswith("x")
    tag = int(tag_text.rstrip("x"))
    if tag not in _KNOWN:
        raise Unreadable(f"no SNMP type has the number {tag}")
    octets = bytes.fromhex(text) if hexadecimal else text.encode("utf-8", "surrogateescape")
    if tag in _NUMBERS and not _NUMBER.fullmatch(octets):
        # Some devices really send text where a number is due, and captures get damaged: served as the text it is.
        tag = wire.OCTET_STRING
    return Row(dotted.strip("."), tag, octets if hexadecimal and tag not in _NUMBERS else _content(tag, octets))


def _content(tag: int, octets: bytes) -> bytes:
    """Content octets of a value written as text."""
    if tag in _NUMBERS:
        return wire.whole(int(octets))
    if tag == wire.OBJECT_ID:
        return wire.oid(octets.decode() or "0.0")
    if tag == wire.IP_ADDRESS:
        return bytes(int(part) for part in octets.split(b"."))
    return b"" if tag == wire.NULL else octets


def line(row: Row) -> str:
    """The row as a line of a recording, everything but numbers, names and plain text in hex."""
    if row.tag in _NUMBERS:
        return f"{row.oid}|{row.tag}|{int.from_bytes(row.content, 'big', signed=True)}"
    if row.tag == wire.OBJECT_ID:
        return f"{row.oid}|{row.tag}|{wire.dotted(row.content)}"
    if row.tag == wire.OCTET_STRING and row.content.isascii() and row.content.decode().isprintable():
        return f"{row.oid}|{row.tag}|{row.content.decode()}"
    return f"{row.oid}|{row.tag}x|{row.content.hex()}"
