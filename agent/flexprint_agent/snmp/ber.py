"""SNMP v1 and v2c messages as octets (RFC 1157, RFC 3416; BER of X.690), without an object per value.

The message of SNMPv3 around the same PDUs is `v3`'s.

An OID stays the content octets of its encoding everywhere inside the agent, and a value its tag and
content octets, until somebody wants a number or a text: most of what a device answers is only compared.

What is read is hostile. `decode` raises `Malformed` and nothing else, looks at each octet at most twice,
and never makes more than the datagram holds. It is lenient where real agents are sloppy and the meaning
is plain: lengths in more octets than needed, padded integers, octets after the message.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

INTEGER = 0x02
OCTET_STRING = 0x04
NULL = 0x05
OBJECT_ID = 0x06
SEQUENCE = 0x30
IP_ADDRESS = 0x40
COUNTER32 = 0x41
GAUGE32 = 0x42
TIMETICKS = 0x43
OPAQUE = 0x44
COUNTER64 = 0x46
NO_SUCH_OBJECT = 0x80
NO_SUCH_INSTANCE = 0x81
END_OF_MIB_VIEW = 0x82

GET = 0xA0
GET_NEXT = 0xA1
RESPONSE = 0xA2
SET = 0xA3
GET_BULK = 0xA5

V1 = 0
V2C = 1

# Request ids lie between these two, so that each is a positive INTEGER of exactly four octets.
FIRST_ID = 0x01000000
LAST_ID = 0x7FFFFFFF

Binding = tuple[bytes, int, bytes]
Value = tuple[int, bytes]

_NAMES = {
    INTEGER: "INTEGER",
    OCTET_STRING: "OCTET STRING",
    NULL: "NULL",
    OBJECT_ID: "OBJECT IDENTIFIER",
    IP_ADDRESS: "IpAddress",
    COUNTER32: "Counter32",
    GAUGE32: "Gauge32",
    TIMETICKS: "TimeTicks",
    OPAQUE: "Opaque",
    COUNTER64: "Counter64",
    NO_SUCH_OBJECT: "noSuchObject",
    NO_SUCH_INSTANCE: "noSuchInstance",
    END_OF_MIB_VIEW: "endOfMibView",
}
_LARGEST = {COUNTER32: 2**32 - 1, GAUGE32: 2**32 - 1, TIMETICKS: 2**32 - 1, COUNTER64: 2**64 - 1}
# PDUs that share one shape; the v1 trap (0xA4) has another and is nothing we ask for.
_PDUS = frozenset({GET, GET_NEXT, RESPONSE, SET, GET_BULK, 0xA6, 0xA7, 0xA8})
# 128 sub-identifiers (RFC 3416) of five octets; a longer OID is an attempt to keep us busy.
_LONGEST_OID = 640


class Malformed(Exception):
    """These octets are not an SNMP v1 or v2c message, or not the value they claim to be."""


class OtherVersion(Malformed):
    """The message is of another version than v1 and v2c; whether it is a good one was not looked at."""


class Message(NamedTuple):
    """A decoded message. In a GETBULK request `error` is non-repeaters and `error_at` max-repetitions."""

    version: int
    community: bytes
    pdu: int
    request_id: int
    error: int
    error_at: int
    bindings: list[Binding]


def oid(dotted: str) -> bytes:
    """The content octets of an OID written with dots; ValueError when it is none."""
    first, second, *rest = (int(arc) for arc in dotted.strip(".").split("."))
    if first > 2 or (first < 2 and second > 39) or min(first, second, *rest) < 0:
        raise ValueError(f"no OID: {dotted}")
    return b"".join(map(_sub_identifier, (first * 40 + second, *rest)))


def _sub_identifier(arc: int) -> bytes:
    octets = [arc & 0x7F]
    while arc := arc >> 7:
        octets.append(arc & 0x7F | 0x80)
    return bytes(reversed(octets))


@lru_cache(1024)
def dotted(octets: bytes) -> str:
    """An OID with dots. Never fails on the name of a decoded binding; Malformed on a value that is no OID."""
    first, *rest = arcs(octets)
    top = min(first // 40, 2)
    return ".".join(map(str, (top, first - top * 40, *rest)))


def arcs(octets: bytes) -> tuple[int, ...]:
    """The sub-identifiers, the first two still in one as on the wire. Their order is the order of OIDs.

    The order of the octets is not: 16383 is FF 7F and 16384 is 81 80 00.
    """
    if not 0 < len(octets) <= _LONGEST_OID or octets[-1] & 0x80:
        raise Malformed("no OID")
    found, arc = [], 0
    for octet in octets:
        arc = arc << 7 | octet & 0x7F
        if octet < 0x80:
            found.append(arc)
            arc = 0
    return tuple(found)


def parent(octets: bytes) -> bytes:
    """An OID without its last arc."""
    end = len(octets) - 1
    while end and octets[end - 1] & 0x80:
        end -= 1
    return octets[:end]


def after(octets: bytes, other: bytes) -> bool:
    """Whether an OID comes after another in the order of a walk.

    The octets' order is the OIDs' order unless both have a sub-identifier of several octets.
    """
    if octets.isascii() or other.isascii():
        return octets > other
    return arcs(octets) > arcs(other)


def integer(value: Value) -> int | None:
    """The number: INTEGER signed, counters, gauges and ticks unsigned; None for every other type and for
    content that is no such number (empty, or larger than its type allows)."""
    tag, content = value
    if tag == INTEGER:
        return int.from_bytes(content, "big", signed=True) if 0 < len(content) <= 8 else None
    largest = _LARGEST.get(tag)
    if largest is None or not 0 < len(content) <= 9:
        return None
    # Unsigned even when the top bit is set: FF FF FF FF should have had a zero before it, yet is sent so.
    number = int.from_bytes(content, "big")
    return number if number <= largest else None


def object_id(value: Value) -> str | None:
    """The OID that is the value, with dots; None when it is of another type or no OID."""
    tag, content = value
    try:
        return dotted(content) if tag == OBJECT_ID else None
    except Malformed:
        return None


def type_name(tag: int) -> str:
    """The name RFC 2578 or RFC 3416 gives the type; the tag in hex when they know none."""
    return _NAMES.get(tag) or f"type 0x{tag:02X}"


def tlv(tag: int, content: bytes) -> bytes:
    """Tag, length in as few octets as it takes, content."""
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + content


def signed(number: int) -> bytes:
    """Content octets of an INTEGER, as few as it takes."""
    magnitude = number if number >= 0 else ~number
    return number.to_bytes(magnitude.bit_length() // 8 + 1, "big", signed=True)


def encode(message: Message) -> bytes:
    """A whole message; the request id in as few octets as it takes."""
    return tlv(
        SEQUENCE,
        tlv(INTEGER, signed(message.version))
        + tlv(OCTET_STRING, message.community)
        + tlv(
            message.pdu,
            b"".join(tlv(INTEGER, signed(number)) for number in message[3:6])
            + tlv(
                SEQUENCE,
                b"".join(
                    tlv(SEQUENCE, tlv(OBJECT_ID, name) + tlv(tag, content)) for name, tag, content in message.bindings
                ),
            ),
        ),
    )


def request(
    pdu: int, version: int, community: bytes, oids: Iterable[bytes], repetitions: int = 0
) -> tuple[bytes, bytes]:
    """A request as what comes before and what comes after its request id, which is four octets long:

    one encoding serves any number of ids from FIRST_ID to LAST_ID.
    """
    head, rest = request_pdu(pdu, oids, repetitions)
    whole = tlv(OCTET_STRING, community) + head + b"\x00\x00\x00\x00" + rest
    whole = tlv(SEQUENCE, b"\x02\x01%c" % version + whole)
    return whole[: -len(rest) - 4], rest


def request_pdu(pdu: int, oids: Iterable[bytes], repetitions: int = 0) -> tuple[bytes, bytes]:
    """The PDU alone, as what comes before and what comes after its request id."""
    asked = [
        b"\x30%c\x06%c%b\x05\x00" % (len(name) + 4, len(name), name)
        if len(name) < 0x7C
        else tlv(SEQUENCE, tlv(OBJECT_ID, name) + b"\x05\x00")
        for name in oids
    ]
    rest = b"\x02\x01\x00" + tlv(INTEGER, signed(repetitions)) + tlv(SEQUENCE, b"".join(asked))
    whole = tlv(pdu, b"\x02\x04\x00\x00\x00\x00" + rest)
    return whole[: -len(rest) - 4], rest


def decode(datagram: bytes) -> Message:
    """The message at the start of a datagram; Malformed when there is none."""
    try:
        return _decode(datagram)
    except IndexError:
        raise Malformed("the message ends early") from None


def _decode(octets: bytes) -> Message:
    at, end = content(octets, 0, len(octets), SEQUENCE)
    version, at = integer_at(octets, at, end)
    if version not in (V1, V2C):
        raise OtherVersion(f"version {version} is neither v1 nor v2c")
    start, at = content(octets, at, end, OCTET_STRING)
    community = octets[start:at]
    return Message(version, community, *pdu_at(octets, at, end))


def pdu_at(octets: bytes, at: int, end: int) -> tuple[int, int, int, int, list[Binding]]:
    """The PDU between two places, as the last five fields of a Message. IndexError where the octets end early."""
    pdu = octets[at]
    if pdu not in _PDUS:
        raise Malformed(f"unknown PDU 0x{pdu:02X}")
    at, end = content(octets, at, end, pdu)
    request_id, at = integer_at(octets, at, end)
    error, at = integer_at(octets, at, end)
    error_at, at = integer_at(octets, at, end)
    at, end = content(octets, at, end, SEQUENCE)
    return pdu, request_id, error, error_at, _bindings(octets, at, end)


def _bindings(octets: bytes, at: int, end: int) -> list[Binding]:
    """The variable bindings between two places. Nearly all time of a read is spent in this loop, so a
    binding whose lengths are all one octet is taken here, and any other by `_binding`."""
    bindings: list[Binding] = []
    add = bindings.append
    while at < end:
        size = octets[at + 1]
        oid_size = octets[at + 3]
        following = at + 2 + size
        value = at + 6 + oid_size
        if (
            (size | oid_size) < 0x80
            and following <= end
            and octets[at] == SEQUENCE
            and octets[at + 2] == OBJECT_ID
            and octets[value - 1] == following - value
            and octets[value - 3] < 0x80
            and oid_size
        ):
            add((octets[at + 4 : value - 2], octets[value - 2], octets[value:following]))
            at = following
        else:
            binding, at = _binding(octets, at, end)
            add(binding)
    return bindings


def _binding(octets: bytes, at: int, end: int) -> tuple[Binding, int]:
    """One variable binding, and where the next begins."""
    at, following = content(octets, at, end, SEQUENCE)
    start, at = content(octets, at, following, OBJECT_ID)
    name = octets[start:at]
    if not 0 < len(name) <= _LONGEST_OID or name[-1] > 0x7F:
        raise Malformed("the name of a binding is no OID")
    tag = octets[at]
    start, at = content(octets, at, following, tag)
    if at != following:
        raise Malformed("an OID and its value do not fill their binding")
    return (name, tag, octets[start:following]), following


def _long(octets: bytes, at: int, first: int) -> tuple[int, int]:
    """A length in several octets, and where the content begins. Padded lengths (82 00 05) are common."""
    end = at + (first & 0x7F)
    if end == at or end > len(octets):
        raise Malformed("a length is indefinite or cut short")
    return int.from_bytes(octets[at:end], "big"), end


def content(octets: bytes, at: int, end: int, tag: int) -> tuple[int, int]:
    """Where the content of the element at a place begins and ends."""
    if octets[at] != tag:
        raise Malformed(f"expected tag 0x{tag:02X}, found 0x{octets[at]:02X}")
    size = octets[at + 1]
    at += 2
    if size > 0x7F:
        size, at = _long(octets, at, size)
    if at + size > end:
        raise Malformed("an element is longer than what holds it")
    return at, at + size


def integer_at(octets: bytes, at: int, end: int) -> tuple[int, int]:
    """The INTEGER at a place, and where the next element begins."""
    following = at + 2 + octets[at + 1]
    if octets[at] == INTEGER and following <= end and octets[at + 1] <= 8:
        at += 2
    else:
        at, following = content(octets, at, end, INTEGER)
    if not 0 < following - at <= 8:
        raise Malformed("an INTEGER of no octets or of more than eight")
    return int.from_bytes(octets[at:following], "big", signed=True), following
