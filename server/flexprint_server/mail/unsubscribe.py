"""Links with which somebody without an account stops a list of reports (RFC 2369, RFC 8058). Pure.

A link says itself whose list and which address it is for, under a signature of the collector: it works for as long as
its mail lies in a mailbox, and nobody can make one for somebody else.
"""

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

_PURPOSE: Final = b"flexprint unsubscribe v1"
_LONGEST: Final = 600


@dataclass(slots=True, frozen=True)
class Subscription:
    """`list` is that of mail.models.Suppression."""

    dealer_id: int
    list: str
    address: str


def token_for(subscription: Subscription, secret_key: str) -> str:
    """What stands in the link. `secret_key` is FLEXPRINT_SECRET_KEY."""
    said = json.dumps([subscription.dealer_id, subscription.list, subscription.address], separators=(",", ":")).encode()
    return f"{_text(said)}.{_text(_signature(said, secret_key))}"


def subscription_of(token: str, secret_key: str) -> Subscription | None:
    """What the link is for; None when it is none of ours."""
    told, _, signed = token.partition(".")
    try:
        said, signature = _octets(told), _octets(signed)
    except ValueError:
        return None
    if len(token) > _LONGEST or not hmac.compare_digest(signature, _signature(said, secret_key)):
        return None
    return Subscription(*json.loads(said))


def _signature(said: bytes, secret_key: str) -> bytes:
    key = hmac.digest(bytes.fromhex(secret_key), _PURPOSE, sha256)
    return hmac.digest(key, said, sha256)[:18]


def _text(octets: bytes) -> str:
    return urlsafe_b64encode(octets).decode().rstrip("=")


def _octets(text: str) -> bytes:
    return urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
