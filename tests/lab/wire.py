"""SNMP v1 and v2c messages as the lab reads and writes them (RFC 1157, RFC 3416; BER of X.690).

Written apart from the agent's codec on purpose: two codecs that were not copied from each other check each
other. Values travel as content octets, object identifiers as encoded content octets.
"""

from dataclasses import dataclass
from typing import Final

INTEGER: Final = 0x02
OCTET_STRING: Final = 0x04
NULL: Final = 0x05
OBJECT_ID: Final = 0x06
SEQUENCE: Final = 0x30
IP_ADDRESS: Final = 0x40
COUNTER32: Final = 0x41
GAUGE32: Final = 0x42
TIMETICKS: Final = 0x43
OPAQUE: Final = 0x44
COUNTER64: Final = 0x46
NO_SUCH_OBJECT: Final = 0x80
NO_SUCH_INSTANCE: Final = 0x81
END_OF_MIB_VIEW: Final = 0x82

GET: Final = 0xA0
GETNEXT: Final = 0xA1
RESPONSE: Final = 0xA2
SET: Final = 0xA3
GETBULK: Final = 0xA5
QUESTIONS: Final = frozenset({GET, GETNEXT, SET, GETBULK})

NO_ERROR: Final = 0
TOO_BIG: Final = 1
NO_SUCH_NAME: Final = 2
GEN_ERR: Final = 5
NOT_WRITABLE: Final = 17

V1: Final = 0
V2C: Final = 1


class Malformed(ValueError):
    """These octets are no SNMP v1 or v2c question."""


@dataclass(slots=True, frozen=True)
class Question:
    """A request as it came in. `error` and `error_at` are what stands in the places of error-status and
    error-index: non-repeaters and max-repetitions of a GETBULK. `bindings` are the variable bindings as
    received, each a whole TLV."""

    version: int
    community: bytes
    kind: int
    request_id: int
    error: int
    error_at: int
    oids: tuple[bytes, ...]
    bindings: tuple[bytes, ...]


def length(octets: int) -> bytes:
    """The length field of a value of so many octets."""
    if octets < 0x80:
        return bytes((octets,))
    digits = octets.to_bytes((octets.bit_length() + 7) // 8, "big")
    return bytes((0x80 | len(digits),)) + digits


def tlv(tag: int, content: bytes) -> bytes:
    return bytes((tag,)) + length(len(content)) + content


def whole(number: int) -> bytes:
    """Content octets of a whole number, as few as two's complement needs (X.690, 8.3). Counters use the
    same rule, so 2^32-1 takes five octets."""
    return number.to_bytes((number if number >= 0 else ~number).bit_length() // 8 + 1, "big", signed=True)


def oid(dotted: str) -> bytes:
    """Content octets of an object identifier. `0.0` is what devices say for "none"."""
    arcs = [int(arc) for arc in dotted.strip(".").split(".")]
    if len(arcs) == 1:
        arcs.append(0)
    return b"".join(_arc(arc) for arc in (arcs[0] * 40 + arcs[1], *arcs[2:]))


def _arc(arc: int) -> bytes:
    digits = [arc & 0x7F]
    while arc := arc >> 7:
        digits.append(0x80 | arc & 0x7F)
    return bytes(reversed(digits))


def arcs(encoded: bytes) -> tuple[int, ...]:
    """The arcs of an encoded object identifier: what its order is decided by."""
    numbers, arc = [], 0
    for octet in encoded:
        arc = arc << 7 | octet & 0x7F
        if octet < 0x80:
            numbers.append(arc)
            arc = 0
    if not numbers or encoded[-1] >= 0x80:
        raise Malformed("an object identifier ends in the middle of an arc")
    first = min(numbers[0] // 40, 2)
    return (first, numbers[0] - 40 * first, *numbers[1:])


def dotted(encoded: bytes) -> str:
    return ".".join(map(str, arcs(encoded)))


def binding(encoded_oid: bytes, tag: int, content: bytes) -> bytes:
    """One variable binding."""
    return tlv(SEQUENCE, tlv(OBJECT_ID, encoded_oid) + tlv(tag, content))


def response(question: Question, error: int, error_at: int, bindings: bytes, request_id: int | None = None) -> bytes:
    """The whole message that answers `question`. `bindings` are encoded variable bindings, one after another."""
    asked = question.request_id if request_id is None else request_id
    pdu = (
        tlv(INTEGER, whole(asked))
        + tlv(INTEGER, whole(error))
        + tlv(INTEGER, whole(error_at))
        + tlv(SEQUENCE, bindings)
    )
    head = tlv(INTEGER, whole(question.version)) + tlv(OCTET_STRING, question.community)
    return tlv(SEQUENCE, head + tlv(RESPONSE, pdu))


def question(kind: int, request_id: int, oids: tuple[bytes, ...], *, version: int = V2C, community: bytes = b"public",
             error: int = 0, error_at: int = 0) -> bytes:  # fmt: skip
    """A whole request, every value NULL; the lab's own tests and its speed are measured with it."""
    bindings = b"".join(binding(one, NULL, b"") for one in oids)
    pdu = (
        tlv(INTEGER, whole(request_id))
        + tlv(INTEGER, whole(error))
        + tlv(INTEGER, whole(error_at))
        + tlv(SEQUENCE, bindings)
    )
    return tlv(SEQUENCE, tlv(INTEGER, whole(version)) + tlv(OCTET_STRING, community) + tlv(kind, pdu))


def parse(message: bytes) -> Question:
    """The request in a datagram. Raises Malformed for everything that is not one."""
    try:
        return _parse(message)
    except IndexError as end:
        raise Malformed("the message ends too early") from end


def _parse(message: bytes) -> Question:
    _, at, stop = _expect(message, 0, len(message), SEQUENCE)
    version, at = _whole(message, at, stop)
    if version not in (V1, V2C):
        raise Malformed(f"version {version} is not spoken here")
    _, start, at = _expect(message, at, stop, OCTET_STRING)
    community = message[start:at]
    kind, at, stop = _value(message, at, stop)
    if kind not in QUESTIONS:
        raise Malformed(f"PDU {kind:#x} is no question")
    request_id, at = _whole(message, at, stop)
    error, at = _whole(message, at, stop)
    error_at, at = _whole(message, at, stop)
    _, at, stop = _expect(message, at, stop, SEQUENCE)
    oids, bindings = [], []
    while at < stop:
        first = at
        _, start, at = _expect(message, at, stop, SEQUENCE)
        _, start, end = _expect(message, start, at, OBJECT_ID)
        oids.append(message[start:end])
        bindings.append(message[first:at])
    return Question(version, community, kind, request_id, error, error_at, tuple(oids), tuple(bindings))


def _value(message: bytes, at: int, stop: int) -> tuple[int, int, int]:
    """Tag, first and last-but-one place of the value at `at`."""
    tag, size, at = message[at], message[at + 1], at + 2
    if size >= 0x80:
        digits = size & 0x7F
        if not 1 <= digits <= 4:
            raise Malformed("a length of no known form")
        size, at = int.from_bytes(message[at : at + digits], "big"), at + digits
    if at + size > stop:
        raise Malformed("a value reaches past its container")
    return tag, at, at + size


def _expect(message: bytes, at: int, stop: int, tag: int) -> tuple[int, int, int]:
    found, start, end = _value(message, at, stop)
    if found != tag:
        raise Malformed(f"tag {found:#x} where {tag:#x} is due")
    return found, start, end


def _whole(message: bytes, at: int, stop: int) -> tuple[int, int]:
    _, start, end = _expect(message, at, stop, INTEGER)
    return int.from_bytes(message[start:end], "big", signed=True), end
