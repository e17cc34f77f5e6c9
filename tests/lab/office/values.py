"""A value written for people, as the content octets of an SNMP type."""

# ruff: noqa: TID252 - the lab goes by two names, lab and tests.lab, so it cannot name itself

import struct
from collections.abc import Callable
from typing import Final

from .. import wire

_BLOB_RECORD: Final = struct.Struct(">BBBI")


def _text(text: str) -> bytes:
    return text.encode()


def _pml(text: str) -> bytes:
    """Text as HP's PML objects carry it: a symbol set word (0x0115), the text, a NUL."""
    return b"\x01\x15" + text.encode("hp-roman8") + b"\0"


def _blob(text: str) -> bytes:
    """Brother's records of seven octets (code, 01, 04, value), ended by 0xff. `text` is `code=value ...`,
    the codes in hex."""
    records = (record.split("=") for record in text.split())
    return b"".join(_BLOB_RECORD.pack(int(code, 16), 1, 4, int(value)) for code, value in records) + b"\xff"


def _address(text: str) -> bytes:
    return bytes(int(part) for part in text.split("."))


def _number(text: str) -> bytes:
    return wire.whole(int(text))


_TYPES: Final[dict[str, tuple[int, Callable[[str], bytes]]]] = {
    "int": (wire.INTEGER, _number),
    "counter": (wire.COUNTER32, _number),
    "wide": (wire.COUNTER64, _number),
    "gauge": (wire.GAUGE32, _number),
    "ticks": (wire.TIMETICKS, _number),
    "text": (wire.OCTET_STRING, _text),
    "pml": (wire.OCTET_STRING, _pml),
    "blob": (wire.OCTET_STRING, _blob),
    "hex": (wire.OCTET_STRING, bytes.fromhex),
    "oid": (wire.OBJECT_ID, wire.oid),
    "ip": (wire.IP_ADDRESS, _address),
}


def encoded(kind: str, text: str) -> tuple[int, bytes]:
    """Tag and content octets. Raises KeyError for a type nobody knows, ValueError for a value that does not fit it."""
    tag, encode = _TYPES[kind]
    return tag, encode(text)
