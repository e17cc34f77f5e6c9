"""A capture as a file: comment lines that say how it was taken, then one line `OID|TAG|VALUE` per object.

The form is that of snmpsim's .snmprec. The tag is the number of the SNMP type; an `x` behind it says that the value
is written in hex. Written is: numbers, OIDs and IPv4 addresses as people write them, printable ASCII as it is,
everything else in hex. Where a number is due and something else stands (devices do that, and files get damaged), the
value is taken for the text it is.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from flexprint_agent.snmp import ber
from flexprint_agent.snmp.ber import Value

TITLE: Final = "flexprint capture 1"
SUFFIX: Final = ".snmprec"

LARGEST: Final = 32 << 20
"""Octets of a file that is read."""

_NUMBERS: Final = frozenset({ber.INTEGER, ber.COUNTER32, ber.GAUGE32, ber.TIMETICKS, ber.COUNTER64})
_TYPES: Final = _NUMBERS | {ber.OCTET_STRING, ber.NULL, ber.OBJECT_ID, ber.IP_ADDRESS, ber.OPAQUE}
_NUMBER: Final = re.compile(r"-?[0-9]{1,20}")
_OID: Final = re.compile(r"\.?[0-9]{1,10}(?:\.[0-9]{1,10}){1,127}")
_HEX: Final = re.compile(r"(?:[0-9A-Fa-f]{2})*")
_LARGEST_ARC: Final = 2**32 - 1
_LARGEST_NUMBER: Final = 2**64
_FACT: Final = re.compile(r"# ?([a-z][a-z ]*): (.*)")
_MOST_FAULTS: Final = 20


class Fault(NamedTuple):
    """A line that says nothing: its number, from 1, and why."""

    line: int
    reason: str


@dataclass(slots=True)
class Recording:
    """`values` in the order of OIDs, `facts` of the header in the order of the file (a name may come several times),
    `faults` the lines that were not understood, no more than some of them."""

    values: dict[bytes, Value] = field(default_factory=dict)
    facts: list[tuple[str, str]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def fact(self, name: str) -> str | None:
        return next((text for known, text in self.facts if known == name), None)


def can_hold(name: bytes, value: Value) -> bool:
    """Whether the form has a line for it: a type that it knows, under an OID that is read back as the same octets."""
    return value[0] in _TYPES and _is_spelled(name)


def dump(recording: Recording) -> str:
    """The file, without what it cannot hold."""
    head = [f"# {TITLE}", *(f"# {name}: {_one_line(text)}" for name, text in recording.facts)]
    rows = (_line(name, value) for name, value in in_order(recording.values).items() if can_hold(name, value))
    return "\n".join((*head, *rows)) + "\n"


def in_order(values: Mapping[bytes, Value]) -> dict[bytes, Value]:
    return {name: values[name] for name in sorted(values, key=ber.arcs)}


def _one_line(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)


def _line(name: bytes, value: Value) -> str:
    tag, content = value
    text = _text(value)
    written = f"{tag}|{text}" if text is not None else f"{tag}x|{content.hex()}"
    return f"{ber.dotted(name)}|{written}"


def _text(value: Value) -> str | None:
    """The value as people write it; None where only hex says it."""
    tag, content = value
    if tag in _NUMBERS:
        number = ber.integer(value)
        return None if number is None else str(number)
    if tag == ber.OBJECT_ID:
        return ber.object_id(value) if _is_spelled(content) else None
    if tag == ber.IP_ADDRESS:
        return ".".join(map(str, content)) if len(content) == 4 else None
    if tag == ber.NULL:
        return "" if not content else None
    if tag == ber.OCTET_STRING and content.isascii() and content.decode("ascii").isprintable():
        return content.decode("ascii")
    return None


def _is_spelled(octets: bytes) -> bool:
    """Whether an OID written with dots is read back as the same octets: padded arcs and too large ones are not."""
    try:
        return _name(ber.dotted(octets)) == octets
    except (ber.Malformed, _NoRow):
        return False


def parse(octets: bytes) -> Recording:
    """The recording in a file, whatever is in it: lines that say nothing are its faults."""
    recording = Recording()
    # Lines end with \n alone, or with \r\n: a value may hold any other of Unicode's line ends.
    lines = octets[:LARGEST].removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape").split("\n")
    for number, line in enumerate((one.removesuffix("\r") for one in lines), 1):
        if not line.strip():
            continue
        if line.startswith("#"):
            _take_fact(line, recording)
            continue
        try:
            _take_row(line, recording)
        except _NoRow as fault:
            if len(recording.faults) < _MOST_FAULTS:
                recording.faults.append(Fault(number, str(fault)))
    recording.values = in_order(recording.values)
    return recording


class _NoRow(Exception):
    pass


def _take_fact(line: str, recording: Recording) -> None:
    fact = _FACT.fullmatch(line)
    if fact and not recording.values:  # further down it is a comment
        recording.facts.append((fact[1], fact[2]))


def _take_row(line: str, recording: Recording) -> None:
    parts = line.split("|", 2)
    if len(parts) != 3:
        raise _NoRow(f"{_shown(line)} is no OID|TAG|VALUE")
    dotted, tag, text = parts
    name = _name(dotted)
    if name in recording.values:
        raise _NoRow(f"{dotted} comes a second time")
    recording.values[name] = _value(tag, text)


def _name(dotted: str) -> bytes:
    if not _OID.fullmatch(dotted) or any(int(arc) > _LARGEST_ARC for arc in dotted.strip(".").split(".")):
        raise _NoRow(f"{_shown(dotted)} is no OID")
    try:
        return ber.oid(dotted)
    except ValueError:
        raise _NoRow(f"{_shown(dotted)} is no OID") from None


def _value(tag_text: str, text: str) -> Value:
    digits, hexadecimal = tag_text.removesuffix("x"), tag_text.endswith("x")
    tag = int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 4 else -1
    if tag not in _TYPES:
        raise _NoRow(f"no SNMP type has the number {_shown(tag_text)}")
    if hexadecimal and not _HEX.fullmatch(text):
        raise _NoRow(f"{_shown(text)} is not written in hex")
    if hexadecimal:
        return (ber.OCTET_STRING if tag in _NUMBERS else tag), bytes.fromhex(text)
    if tag in _NUMBERS:
        return _number(tag, text)
    if tag == ber.OBJECT_ID:
        return tag, _name(text or "0.0")
    if tag == ber.IP_ADDRESS:
        return tag, _address(text)
    return (tag, b"") if tag == ber.NULL else (tag, text.encode("utf-8", "surrogateescape"))


def _number(tag: int, text: str) -> Value:
    if _NUMBER.fullmatch(text):
        value = tag, ber.signed(int(text))
        if ber.integer(value) == int(text):
            return value
    return ber.OCTET_STRING, text.encode("utf-8", "surrogateescape")


def _address(text: str) -> bytes:
    parts = text.split(".")
    if len(parts) != 4 or not all(re.fullmatch("[0-9]{1,3}", part) and int(part) < 256 for part in parts):
        raise _NoRow(f"{_shown(text)} is no IPv4 address")
    return bytes(map(int, parts))


def _shown(text: str) -> str:
    """Some of a text, harmless on any screen."""
    return ascii(text if len(text) <= 40 else text[:40] + "...")
