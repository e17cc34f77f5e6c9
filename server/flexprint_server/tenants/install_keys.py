"""Install keys as people see them: FPK-7M3K-0ZQ9-V4XT-1HCW-8JRD. Read over the telephone, typed with typos."""

import secrets
from hashlib import sha256
from typing import Final

PREFIX: Final = "FPK"
# Crockford's base 32: no I, L, O, U. Twenty digits are 100 bits.
_DIGITS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LENGTH: Final = 20
_READ_AS: Final = str.maketrans("OIL", "011", "- ")


def new_key() -> str:
    digits = "".join(secrets.choice(_DIGITS) for _ in range(_LENGTH))
    return "-".join([PREFIX, *(digits[at : at + 4] for at in range(0, _LENGTH, 4))])


def key_hash(typed: str) -> bytes | None:
    """What the database knows a key by, whatever case, spaces and dashes it was typed with, and with O, I and L
    for 0 and 1; None for text that cannot be a key. A hundred bits of chance need no slow hash."""
    digits = typed.strip().upper().removeprefix(PREFIX).translate(_READ_AS)
    if len(digits) != _LENGTH or any(digit not in _DIGITS for digit in digits):
        return None
    return sha256(digits.encode("ascii")).digest()
