"""One-time codes by the clock: RFC 6238 over RFC 4226, as authenticator apps make them by default (SHA-1, six digits,
thirty seconds). Pure."""

import base64
import hmac
import struct
from datetime import datetime
from typing import Final
from urllib.parse import quote, urlencode

SECRET: Final = 20
"""Octets of a secret: as many as SHA-1 gives (RFC 4226, section 4, R6)."""

DIGITS: Final = 6
_PERIOD: Final = 30
_DRIFT: Final = 1
"""Steps that a phone's clock may be ahead or behind."""


def code(secret: bytes, step: int) -> str:
    """The code of one step of thirty seconds (RFC 4226, section 5.3)."""
    digest = hmac.digest(secret, struct.pack(">Q", step), "sha1")
    at = digest[-1] & 0x0F
    (number,) = struct.unpack(">I", digest[at : at + 4])
    return f"{(number & 0x7FFFFFFF) % 10**DIGITS:0{DIGITS}}"


def step_at(now: datetime) -> int:
    return int(now.timestamp()) // _PERIOD


def matching_step(secret: bytes, typed: str, now: datetime, after: int) -> int | None:
    """The step whose code was `typed`, later than the step `after` that was used last (RFC 6238, section 5.2: a code
    counts once); None when it is no code of now."""
    given = "".join(typed.split()).encode(errors="replace")
    steps = range(step_at(now) - _DRIFT, step_at(now) + _DRIFT + 1)
    return next(
        (step for step in steps if step > after and hmac.compare_digest(code(secret, step).encode(), given)), None
    )


def written(secret: bytes) -> str:
    """The secret as apps take it: base 32."""
    return base64.b32encode(secret).decode()


def read(text: str) -> bytes | None:
    """The secret that written() gave; None for anything else."""
    try:
        secret = base64.b32decode(text.encode(errors="replace"))
    except ValueError:
        return None
    return secret if len(secret) == SECRET else None


def in_groups(secret: bytes) -> str:
    """The secret for people to type: groups of four."""
    text = written(secret)
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))


def uri(secret: bytes, issuer: str, account: str) -> str:
    """What a phone opens in its authenticator app (the Key URI format that apps agree on)."""
    label = f"{quote(issuer, safe='')}:{quote(account, safe='@')}"
    return f"otpauth://totp/{label}?{urlencode({'secret': written(secret), 'issuer': issuer}, quote_via=quote)}"
