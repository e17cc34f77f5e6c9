"""Files for sites that reach no collector: sealed batches out, the acknowledgement back. Numbers big-endian.

    export            "FPX1" | one after the other: length u32, sealed batch | u32 0 | SHA-256 of everything before it
    acknowledgement   "FPA1" | Ed25519 signature 64 of the collector's identity | deflated JSON
                      {"format": 1, "at": "...", "acknowledged": ["hash", ...],
                       "refused": [{"hash": "...", "why": "..."}]}

The batches are sealed and signed as they are on the wire: whoever carries the file can neither read nor change it.
"""

import hashlib
import json
import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import IO, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from flexprint_shared.batch import LARGEST_SEALED
from flexprint_shared.times import rfc3339

EXPORT: Final = b"FPX1"
ACKNOWLEDGEMENT: Final = b"FPA1"
LARGEST_EXPORT: Final = 64 << 20
"""Octets of an export at most; an agent with more to say writes several."""

MOST_BATCHES: Final = 4096
"""Batches of an export at most; four wakes a day take years to make as many."""

LARGEST_ACKNOWLEDGEMENT: Final = 4 << 20
_LARGEST_DOCUMENT: Final = 16 << 20
_LENGTH: Final = struct.Struct(">I")
_HASH: Final = 32
_SIGNATURE: Final = 64
_CONTEXT: Final = b"flexprint/acknowledgement/1\0"


class NotThisFile(Exception):
    """The file is another one than was asked for, or not whole."""


@dataclass(slots=True, frozen=True)
class Acknowledged:
    """`taken` are hashes of batches, `refused` is why others were not, by their hash in hex."""

    taken: list[bytes]
    refused: dict[str, str]


def exported(batches: Iterable[bytes]) -> Iterator[bytes]:
    """The octets of an export, in pieces."""
    hashed = hashlib.sha256(EXPORT)
    yield EXPORT
    for sealed in batches:
        piece = _LENGTH.pack(len(sealed)) + sealed
        hashed.update(piece)
        yield piece
    hashed.update(_LENGTH.pack(0))
    yield _LENGTH.pack(0) + hashed.digest()


def batches_of(file: IO[bytes]) -> Iterator[bytes]:
    """The sealed batches of an export, none of them verified, one in memory at a time. The file is read through once
    before the first is given, so that one which is not whole gives none. Raises NotThisFile, OSError."""
    for _ in _walk(file):
        pass
    return _walk(file)


def _walk(file: IO[bytes]) -> Iterator[bytes]:
    file.seek(0)
    hashed, octets = hashlib.sha256(EXPORT), len(EXPORT)
    if file.read(len(EXPORT)) != EXPORT:
        raise NotThisFile("this is no export of an agent; flexprint-agent export writes one")
    for _ in range(MOST_BATCHES + 1):
        head = file.read(_LENGTH.size)
        if len(head) < _LENGTH.size:
            raise NotThisFile("the export is cut off; copy it again, or export it anew")
        (length,) = _LENGTH.unpack(head)
        hashed.update(head)
        octets += len(head) + length
        if length == 0:
            if file.read(_HASH + 1) != hashed.digest():
                raise NotThisFile("the export is damaged; copy it again, or export it anew")
            return
        sealed = file.read(length) if length <= LARGEST_SEALED and octets <= LARGEST_EXPORT else b""
        if len(sealed) < length:
            raise NotThisFile("the export is cut off or damaged; copy it again, or export it anew")
        hashed.update(sealed)
        yield sealed
    raise NotThisFile("the export holds more batches than one may; update the agent, then export it anew")


def acknowledgement(answered: Acknowledged, at: datetime, signed_by: Ed25519PrivateKey) -> bytes:
    """The file that tells an agent what became of its export."""
    document = {
        "format": 1,
        "at": rfc3339(at),
        "acknowledged": [hashed.hex() for hashed in answered.taken],
        "refused": [{"hash": hashed, "why": why} for hashed, why in answered.refused.items()],
    }
    packed = zlib.compress(json.dumps(document, separators=(",", ":")).encode(), 9)
    return ACKNOWLEDGEMENT + signed_by.sign(_CONTEXT + packed) + packed


def acknowledged(octets: bytes, identity: Ed25519PublicKey) -> Acknowledged:
    """What an acknowledgement says, its signature verified. Raises NotThisFile."""
    if not octets.startswith(ACKNOWLEDGEMENT):
        raise NotThisFile("this is no acknowledgement; your dealer's collector gives one when it takes an export")
    signature, packed = octets[4 : 4 + _SIGNATURE], octets[4 + _SIGNATURE :]
    try:
        identity.verify(signature, _CONTEXT + packed)
    except InvalidSignature as error:
        raise NotThisFile("the acknowledgement is damaged, or of another collector than this agent's") from error
    try:
        inflater = zlib.decompressobj()
        document = json.loads(inflater.decompress(packed, _LARGEST_DOCUMENT))
        taken = [bytes.fromhex(text) for text in document["acknowledged"]]
        refused = {str(one["hash"]): str(one["why"]) for one in document["refused"]}
    except (zlib.error, ValueError, KeyError, TypeError) as error:
        raise NotThisFile("the acknowledgement is of another version; update the agent") from error
    return Acknowledged(taken, refused)
