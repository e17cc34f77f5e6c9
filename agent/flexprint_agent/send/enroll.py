"""Enrolment: a one-time install key against the collector's keys."""

import base64
import binascii
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flexprint_agent.send.answers import Answer, problem
from flexprint_agent.send.client import Collector
from flexprint_agent.send.errors import NotTheCollector


@dataclass(slots=True, frozen=True)
class Welcome:
    """What the collector answered, its signature verified. Keys are raw octets."""

    agent: uuid.UUID
    dealer: str
    customer: str
    site: str
    identity_key: bytes
    sealing_key: bytes


@dataclass(slots=True, frozen=True)
class Applicant:
    """What the agent says of itself. `public_key` is its raw Ed25519 key."""

    public_key: bytes
    host: str
    platform: str
    version: str


def enroll(collector: Collector, key: str, applicant: Applicant) -> Welcome:
    """Spends the install key. Raises DeliveryError."""
    request = {
        "key": key,
        "public_key": base64.b64encode(applicant.public_key).decode(),
        "host": applicant.host,
        "platform": applicant.platform,
        "version": applicant.version,
    }
    return welcome(collector.post("/agent/v1/enroll", json.dumps(request).encode(), "application/json"))


def welcome(answer: Answer) -> Welcome:
    """What a 201 says, checked. Raises DeliveryError."""
    if answer.status not in (200, 201):
        raise problem(answer)
    document = answer.json() or {}
    try:
        sealing = document["sealing_key"]
        greeting = Welcome(
            agent=uuid.UUID(document["agent_id"]),
            dealer=_text(document, "dealer"),
            customer=_text(document, "customer"),
            site=_text(document, "site"),
            identity_key=_octets(document["identity_key"], 32),
            sealing_key=_octets(sealing["public_key"], 32),
        )
        _verify(greeting, bytes.fromhex(sealing["id"]), _octets(sealing["signature"], 64))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise NotTheCollector(
            f"the answer to the enrolment is not one of a collector ({error}); "
            "check the address that your dealer gave you"
        ) from error
    return greeting


def _verify(greeting: Welcome, key_id: bytes, signature: bytes) -> None:
    """The sealing key is vouched for by the identity key, and is the one it is called by. Raises ValueError."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

    from flexprint_shared import sealing

    try:
        identity = Ed25519PublicKey.from_public_bytes(greeting.identity_key)
        identity.verify(signature, sealing.SEALING_KEY_CONTEXT + greeting.sealing_key)
    except InvalidSignature:
        raise ValueError("the sealing key is not signed by the collector's identity") from None
    if sealing.key_id(X25519PublicKey.from_public_bytes(greeting.sealing_key)) != key_id:
        raise ValueError("the sealing key has another id")


def _octets(text: str, length: int) -> bytes:
    try:
        octets = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("a key is not in base64") from error
    if len(octets) != length:
        raise ValueError(f"a key has {len(octets)} octets instead of {length}")
    return octets


def _text(document: Mapping[str, Any], name: str) -> str:
    from flexprint_shared.text import clean

    value = document[name]
    if not isinstance(value, str):
        raise TypeError(f"{name} is no text")
    return clean(value)
