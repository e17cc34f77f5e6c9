"""IPP messages (RFC 8010): a request -> octets, octets -> groups of attributes. Pure.

    request(GET_PRINTER_ATTRIBUTES, {"printer-uri": uri, "requested-attributes": ["printer-state"]})
    parse(octets).groups -> [(PRINTER, {"printer-state": [3]})]

Only what listing queues, counters and finished jobs needs; what comes back may be anything.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

# Operations: RFC 8011, and CUPS's own.
GET_JOBS: Final = 0x000A
GET_PRINTER_ATTRIBUTES: Final = 0x000B
CUPS_GET_PRINTERS: Final = 0x4002

# Delimiters.
OPERATION: Final = 0x01
JOB: Final = 0x02
END: Final = 0x03
PRINTER: Final = 0x04

NOT_FOUND: Final = 0x0406
"""client-error-not-found: CUPS says it of a printer without queues, and of a server without printers."""

_FIRST_VALUE: Final = 0x10
_OUT_OF_BAND: Final = range(0x10, 0x20)
_INTEGERS: Final = (0x21, 0x23)
_BOOLEAN: Final = 0x22
_TEXTS: Final = range(0x41, 0x4A)
_WITH_LANGUAGE: Final = (0x35, 0x36)
_BEGIN_COLLECTION: Final = 0x34
_END_COLLECTION: Final = 0x37
_MEMBER: Final = 0x4A

# How each attribute of a request is written: RFC 8011.
_TAGS: Final[Mapping[str, int]] = {
    "attributes-charset": 0x47,
    "attributes-natural-language": 0x48,
    "printer-uri": 0x45,
    "requested-attributes": 0x44,
    "which-jobs": 0x44,
    "limit": 0x21,
}

LARGEST: Final = 4 << 20
"""Octets of an answer at most: some 2,000 queues, or 60,000 jobs."""

_DEEPEST: Final = 8
_MOST_VALUES: Final = 200_000

Value = Any
"""int, bool, str, bytes (a type that is not looked into), None (out of band: unknown, no value), or a dict of member
name -> values for a collection."""

Attributes = dict[str, list[Value]]


class NotIpp(Exception):
    """The octets are no IPP message, or one beyond all bounds."""


@dataclass(slots=True, frozen=True)
class Answer:
    """`groups` are (delimiter, attributes) in their order."""

    status: int
    groups: Sequence[tuple[int, Attributes]]

    @property
    def successful(self) -> bool:
        return self.status < 0x0100

    def of(self, delimiter: int) -> list[Attributes]:
        return [attributes for kind, attributes in self.groups if kind == delimiter]


def request(operation: int, attributes: Mapping[str, str | int | Sequence[str]], number: int = 1) -> bytes:
    """A request of IPP 2.0 with these operation attributes, in their order."""
    message = bytearray(struct.pack(">BBHIB", 2, 0, operation, number, OPERATION))
    opening = {"attributes-charset": "utf-8", "attributes-natural-language": "en"}
    for name, values in {**opening, **attributes}.items():
        written = name
        for value in [values] if isinstance(values, str | int) else values:
            content = value.to_bytes(4, "big", signed=True) if isinstance(value, int) else value.encode()
            message += struct.pack(">BH", _TAGS[name], len(written)) + written.encode()
            message += struct.pack(">H", len(content)) + content
            written = ""  # more values of the same attribute have no name
    message.append(END)
    return bytes(message)


def parse(octets: bytes) -> Answer:
    """The answer in `octets`. Raises NotIpp."""
    if len(octets) > LARGEST:
        raise NotIpp(f"an answer of more than {LARGEST} octets")
    if len(octets) < 9:
        raise NotIpp("it ends before it begins")
    status = int.from_bytes(octets[2:4], "big")
    return Answer(status, _Reader(octets).groups())


class _Reader:
    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self._at = 8
        self._values = 0

    def groups(self) -> list[tuple[int, Attributes]]:
        groups: list[tuple[int, Attributes]] = []
        attributes: Attributes = {}
        values: list[Value] = []
        while True:
            tag = self._take(1)[0]
            if tag == END:
                return groups
            if tag < _FIRST_VALUE:
                attributes = {}
                groups.append((tag, attributes))
                continue
            if not groups:
                raise NotIpp("an attribute stands outside any group")
            name = self._field().decode("utf-8", "replace")
            if name:
                values = attributes.setdefault(name, [])
            values.append(self._value(tag, self._field(), 0))

    def _value(self, tag: int, content: bytes, depth: int) -> Value:
        self._values += 1
        if self._values > _MOST_VALUES:
            raise NotIpp(f"more than {_MOST_VALUES} values")
        if tag == _BEGIN_COLLECTION:
            return self._collection(depth + 1)
        if tag in _OUT_OF_BAND:
            return None
        if tag in _INTEGERS and len(content) == 4:
            return int.from_bytes(content, "big", signed=True)
        if tag == _BOOLEAN and len(content) == 1:
            return bool(content[0])
        if tag in _TEXTS:
            return content.decode("utf-8", "replace")
        if tag in _WITH_LANGUAGE:
            return _without_language(content)
        return content

    def _collection(self, depth: int) -> dict[str, list[Value]]:
        """RFC 8010, section 3.1.6: a name, then its values, until the end of the collection."""
        if depth > _DEEPEST:
            raise NotIpp("collections within collections without end")
        members: dict[str, list[Value]] = {}
        values: list[Value] = []
        while True:
            tag = self._take(1)[0]
            if tag < _FIRST_VALUE:
                raise NotIpp("a collection does not end")
            self._field()
            content = self._field()
            if tag == _END_COLLECTION:
                return members
            if tag == _MEMBER:
                values = members.setdefault(content.decode("utf-8", "replace"), [])
            else:
                values.append(self._value(tag, content, depth))

    def _field(self) -> bytes:
        return self._take(int.from_bytes(self._take(2), "big"))

    def _take(self, octets: int) -> bytes:
        taken = self._octets[self._at : self._at + octets]
        if len(taken) < octets:
            raise NotIpp("it ends too early")
        self._at += octets
        return taken


def _without_language(content: bytes) -> str:
    """The text of a textWithLanguage or nameWithLanguage, whose first field is the language."""
    language = int.from_bytes(content[:2], "big")
    return content[4 + language :].decode("utf-8", "replace")
