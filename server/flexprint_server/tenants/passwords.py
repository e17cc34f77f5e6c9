"""Passwords: argon2id, checked at one speed whether or not the account exists."""

import unicodedata
from threading import BoundedSemaphore
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

SHORTEST: Final = 10
"""Characters that a new password needs at least."""

LONGEST: Final = 256
"""Characters of a password at most: hashing is dear enough without a novel in it."""

# The second recommendation of RFC 9106, section 4: 3 passes over 64 MiB in 4 lanes, about 60 ms.
_hasher: Final = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)

# What a flood of sign-ins may cost in memory: four times 64 MiB. The others wait their turn.
_at_once: Final = BoundedSemaphore(4)

# A hash of octets nobody kept, made with the parameters above: what an unknown account is checked against, so
# that it takes as long as a known one.
_NOBODY: Final = "$argon2id$v=19$m=65536,t=3,p=4$KMrsUhfsxf2nT0ki01O1Lg$a/BNtClH6gr7sn3AmIrcWNJTKH6U/j5vLvlYlb7whF4"

NONE_YET: Final = _NOBODY
"""What an account keeps that has no password: none is right."""


class PasswordUnfit(Exception):
    """A new password is too short or too long. The message says what would do."""


def hash_password(password: str) -> str:
    """The hash to keep. Raises PasswordUnfit."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise PasswordUnfit(
            f"A password has {SHORTEST} to {LONGEST} characters; this one has {len(password)}. Choose another."
        )
    with _at_once:
        return _hasher.hash(_same_everywhere(password))


def verify(kept: str | None, password: str) -> bool:
    """Whether `password` is the one whose hash is `kept`. None (no such account) takes as long and says False."""
    with _at_once:
        try:
            matches = _hasher.verify(kept or _NOBODY, _same_everywhere(password[:LONGEST]))
        except (VerificationError, InvalidHashError):
            return False
    return matches and kept is not None and len(password) <= LONGEST


def rehash(kept: str, password: str) -> str | None:
    """A new hash of a password just verified, when `kept` was made with other parameters than today's; or None."""
    if not _hasher.check_needs_rehash(kept):
        return None
    with _at_once:
        return _hasher.hash(_same_everywhere(password))


def _same_everywhere(password: str) -> bytes:
    """One form for characters that keyboards compose in different ways (NIST SP 800-63B, 3.1.1.2)."""
    return unicodedata.normalize("NFKC", password).encode(errors="replace")
