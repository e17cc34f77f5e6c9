"""Secrets that lie in the database, encrypted under FLEXPRINT_SECRET_KEY: a stolen database alone opens none."""

import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

_NONCE: Final = 12


class Locked(Exception):
    """What is stored was encrypted under another FLEXPRINT_SECRET_KEY, or for another place."""


def lock(secret: bytes, secret_key: str, place: bytes) -> bytes:
    """`secret` encrypted so that it opens at `place` (the row it stands in) and nowhere else. `secret_key` is in
    hex."""
    nonce = os.urandom(_NONCE)
    return nonce + ChaCha20Poly1305(bytes.fromhex(secret_key)).encrypt(nonce, secret, place)


def unlock(locked: bytes, secret_key: str, place: bytes) -> bytes:
    """What lock() was given. Raises Locked."""
    try:
        return ChaCha20Poly1305(bytes.fromhex(secret_key)).decrypt(locked[:_NONCE], locked[_NONCE:], place)
    except InvalidTag:
        raise Locked from None
