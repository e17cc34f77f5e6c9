"""The sealed batch: who sent it, which one it is, and a sealed body, under one signature.

On the wire, all numbers big-endian:

    "FPB1" | agent id 16 | sequence u64 | hash of the batch before 32 | sealing key id 8      the header, 68 octets
    HPKE enc 32 | ciphertext ...                                                              the sealed body
    Ed25519 signature 64 over everything before it

The body is sealed to the collector's X25519 key with HPKE (RFC 9180) in base mode: DHKEM(X25519,
HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305. The header goes into HPKE's `info`, so a body cannot be moved
under another header. A batch's hash is SHA-256 over all its octets.
"""

import hashlib
import struct
import uuid
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

MAGIC: Final = b"FPB1"
NO_BATCH: Final = bytes(32)
"""Stands for "the batch before" in an agent's first batch."""

SEALING_KEY_CONTEXT: Final = b"flexprint/sealing-key/1\0"
"""What stands before a raw sealing key in the octets that the collector's identity key signs."""

MEDIA_TYPE: Final = "application/vnd.flexprint.batch"

_HEADER: Final = struct.Struct(">4s16sQ32s8s")
_SIGNATURE: Final = 64
_INFO: Final = b"flexprint/batch/1\0"
_LEAST: Final = _HEADER.size + 32 + 16 + _SIGNATURE
_SUITE: Final = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)


class SealError(Exception):
    """A batch that is not what it claims to be. Nothing of it may be used."""


class NotABatch(SealError):
    """The octets do not have the form of a sealed batch."""


class WrongSignature(SealError):
    """The agent named in the header did not sign these octets."""


class BrokenSeal(SealError):
    """The body was sealed to another key, under another header, or was changed."""


@dataclass(slots=True, frozen=True)
class Header:
    """`sequence` counts an agent's batches from 1; `previous` is the hash of the batch before (32 octets);
    `sealing_key` is the id (8 octets) of the collector's key that the body is sealed to."""

    agent: uuid.UUID
    sequence: int
    previous: bytes
    sealing_key: bytes

    def encode(self) -> bytes:
        return _HEADER.pack(MAGIC, self.agent.bytes, self.sequence, self.previous, self.sealing_key)


def key_id(public: X25519PublicKey) -> bytes:
    """The 8 octets by which a sealing key is named."""
    return hashlib.sha256(public.public_bytes_raw()).digest()[:8]


def batch_hash(sealed: bytes) -> bytes:
    return hashlib.sha256(sealed).digest()


def seal(body: bytes, header: Header, to: X25519PublicKey, signed_by: Ed25519PrivateKey) -> bytes:
    """The sealed batch of `body` (already compressed)."""
    return seal_under(header.encode(), body, _INFO, to, signed_by)


def seal_under(head: bytes, body: bytes, info: bytes, to: X25519PublicKey, signed_by: Ed25519PrivateKey) -> bytes:
    """`body` sealed under a header; `info` tells apart what is sealed for different ends."""
    octets = head + _SUITE.encrypt(body, to, info=info + head)
    return octets + signed_by.sign(octets)


def header_of(sealed: bytes) -> Header:
    """The header, not yet verified. Raises NotABatch."""
    if len(sealed) < _LEAST or not sealed.startswith(MAGIC):
        raise NotABatch("this is not a sealed batch of format 1")
    _, agent, sequence, previous, sealing_key = _HEADER.unpack_from(sealed)
    return Header(uuid.UUID(bytes=agent), sequence, previous, sealing_key)


def verify(sealed: bytes, by: Ed25519PublicKey) -> None:
    """Raises WrongSignature unless the agent with this key signed every octet."""
    try:
        by.verify(sealed[-_SIGNATURE:], sealed[:-_SIGNATURE])
    except InvalidSignature as error:
        raise WrongSignature("the signature does not fit the agent's key") from error


def unseal(sealed: bytes, with_key: X25519PrivateKey) -> bytes:
    """The body. Verify the signature first. Raises BrokenSeal."""
    return unseal_under(_HEADER.size, sealed, _INFO, with_key)


def unseal_under(head: int, sealed: bytes, info: bytes, with_key: X25519PrivateKey) -> bytes:
    """The body of what seal_under() sealed under a header of `head` octets. Raises BrokenSeal."""
    try:
        return _SUITE.decrypt(sealed[head:-_SIGNATURE], with_key, info=info + sealed[:head])
    except (InvalidTag, ValueError) as error:
        raise BrokenSeal("the body cannot be opened with the key that the header names") from error
