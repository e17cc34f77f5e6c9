"""The check-in: what an agent tells of itself at each wake, and what it is told. All numbers big-endian.

    up      "FPC1" | agent id 16 | counter u64 | sealing key id 8 | HPKE enc 32 | ciphertext ... | Ed25519 signature 64
    down    Ed25519 signature 64 | deflated JSON

What goes up is sealed to the collector and signed by the agent, as batches are; the counter grows with each, so that
one that was seen on its way cannot be shown again. What comes down is signed by the collector's identity together with
the very check-in that it answers: nobody between the two, who may well open TLS, can make one up or keep an old one.

    up:   {"format": 1, "at": "...", "version": "0.1.0", "platform": "Windows 11", "host": "FRONT-DESK",
           "next_wake_at": "..." | null, "health": {...}, "settings": {name: text}, "allows": ["schedule", ...],
           "handed": "version of the settings that were taken" | null, "unfit": {name: why}, "told_until": "..." | null,
           "commands": [{"id": 7, "state": "done", "said": "40 printers read"}], "log": "..." | null}
    down: {"format": 1, "at": "...", "settings": {"version": "...", "values": {name: text}},
           "commands": [{"id": 7, "name": "search"}], "deliveries": [...]}

`told_until` is the `at` of the answer up to which the agent knows what became of its workbooks.
"""

import hashlib
import json
import struct
import uuid
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from flexprint_shared.sealing import seal_under, unseal_under

FORMAT: Final = 1
MAGIC: Final = b"FPC1"
MEDIA_TYPE: Final = "application/vnd.flexprint.checkin"
LARGEST_SEALED: Final = 512 << 10
"""Octets of a sealed check-in at most; its log is the most of it."""

LARGEST_DOCUMENT: Final = 2 << 20
"""Octets of an unpacked check-in, or of an unpacked answer, at most."""

LONGEST_LOG: Final = 256 << 10
"""Characters of the log in a check-in at most."""

COMMANDS: Final = ("search", "read", "send", "log")
"""All that an agent can be told to do: search for printers, read them, ask for the workbook, send its log."""

COMMAND_STATES: Final = ("done", "failed", "interrupted", "unknown")
"""What became of a command: unknown is one that this agent does not have, interrupted one whose wake was ended."""

_HEADER: Final = struct.Struct(">4s16sQ8s")
_SIGNATURE: Final = 64
_INFO: Final = b"flexprint/checkin/1\0"
_ANSWERED: Final = b"flexprint/checkin-answer/1\0"


class NotACheckIn(Exception):
    """The octets do not have the form of a check-in, or of an answer to one."""


class NotTheCollectors(Exception):
    """An answer that the collector did not give to this very check-in."""


@dataclass(slots=True, frozen=True)
class Header:
    """`sealing_key` is the id (8 octets) of the collector's key that the body is sealed to."""

    agent: uuid.UUID
    counter: int
    sealing_key: bytes


def seal(document: Mapping[str, Any], header: Header, to: X25519PublicKey, signed_by: Ed25519PrivateKey) -> bytes:
    """The check-in as it goes up."""
    head = _HEADER.pack(MAGIC, header.agent.bytes, header.counter, header.sealing_key)
    return seal_under(head, _packed(document), _INFO, to, signed_by)


def header_of(sealed: bytes) -> Header:
    """The header, not yet verified. Raises NotACheckIn."""
    if len(sealed) < _HEADER.size + 32 + 16 + _SIGNATURE or not sealed.startswith(MAGIC):
        raise NotACheckIn("this is not a check-in of format 1")
    _, agent, counter, sealing_key = _HEADER.unpack_from(sealed)
    return Header(uuid.UUID(bytes=agent), counter, sealing_key)


def opened(sealed: bytes, with_key: X25519PrivateKey) -> bytes:
    """The JSON of a check-in whose signature was verified (sealing.verify). Raises sealing.BrokenSeal, NotACheckIn."""
    return _inflated(unseal_under(_HEADER.size, sealed, _INFO, with_key))


def answer(document: Mapping[str, Any], to: bytes, signed_by: Ed25519PrivateKey) -> bytes:
    """What comes down in answer to the sealed check-in `to`."""
    packed = _packed(document)
    return signed_by.sign(_signed(to, packed)) + packed


def answer_to(sealed: bytes, octets: bytes, identity: Ed25519PublicKey) -> dict[str, Any]:
    """The document of an answer to the check-in `sealed`. Raises NotTheCollectors, NotACheckIn."""
    signature, packed = octets[:_SIGNATURE], octets[_SIGNATURE:]
    try:
        identity.verify(signature, _signed(sealed, packed))
    except InvalidSignature as error:
        raise NotTheCollectors("the answer is not signed by the collector for this check-in") from error
    try:
        document = json.loads(_inflated(packed))
    except ValueError as error:
        raise NotACheckIn("the answer is not JSON") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise NotACheckIn(f"the answer is not of format {FORMAT}")
    return document


def _signed(sealed: bytes, packed: bytes) -> bytes:
    return _ANSWERED + hashlib.sha256(sealed).digest() + packed


def _packed(document: Mapping[str, Any]) -> bytes:
    return zlib.compress(json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace"), 9)


def _inflated(packed: bytes) -> bytes:
    inflater = zlib.decompressobj()
    try:
        octets = inflater.decompress(packed, LARGEST_DOCUMENT)
    except zlib.error as error:
        raise NotACheckIn("the body is not deflated data") from error
    if inflater.unconsumed_tail or not inflater.eof or inflater.unused_data:
        raise NotACheckIn(f"the body ends too early or too late, or swells to more than {LARGEST_DOCUMENT} octets")
    return octets
