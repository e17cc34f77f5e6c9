"""An agent's first call: its install key against its place, and the collector's keys in return."""

from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Callable
from datetime import datetime
from math import ceil
from typing import Annotated, Any, Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import select
from sqlalchemy.orm import Session

from flexprint_server.database import Database
from flexprint_server.ingest import refusals
from flexprint_server.tenants import guessing, service
from flexprint_server.tenants.keys import Keyring
from flexprint_server.tenants.models import Agent, Customer, Dealer, Site

LARGEST: Final = 16 << 10
"""Octets of an enrolment request at most."""

Text = Annotated[str, msgspec.Meta(max_length=1000)]


class Request(msgspec.Struct):
    key: Text
    public_key: Text
    host: Text
    platform: Text
    version: Text


_decoder: Final = msgspec.json.Decoder(Request)
_REFUSED: Final[dict[type[service.EnrolmentRefused], type[refusals.Refusal]]] = {
    service.UnknownKey: refusals.UnknownKey,
    service.KeySpent: refusals.KeySpent,
    service.KeyExpired: refusals.KeyExpired,
}


def enrol(
    database: Database, keyring: Callable[[], Keyring], body: bytes, address: str, now: datetime
) -> dict[str, Any]:
    """The answer to an enrolment request from `address`. Raises refusals.Refusal."""
    request, public_key = _read(body)
    try:
        with database.transaction() as session:
            attempt = guessing.note_attempt(session, [guessing.of_network(b"enrolment", address)], now)
    except guessing.TooManyAttempts as error:
        seconds = ceil(error.wait.total_seconds())
        raise refusals.TooManyAttempts(
            f"Too many wrong install keys came from this network. Try again in {seconds} s.",
            headers={"Retry-After": str(seconds)},
        ) from error
    # Opened first: its first use makes the keys, in a transaction of its own.
    opened = keyring()
    try:
        with database.transaction() as session:
            agent = service.enrol(
                session, request.key, public_key, request.host, request.platform, request.version, now
            )
            answer = _answer(session, agent, opened)
            guessing.forgive(session, attempt)
    except service.EnrolmentRefused as error:
        raise _REFUSED[type(error)](str(error)) from error
    return answer


def _read(body: bytes) -> tuple[Request, bytes]:
    try:
        request = _decoder.decode(body)
        public_key = b64decode(request.public_key, validate=True)
        Ed25519PublicKey.from_public_bytes(public_key)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, NotBase64, ValueError) as error:
        raise refusals.NotARequest(f"The body is not an enrolment request: {error}. Update the agent.") from error
    return request, public_key


def _answer(session: Session, agent: Agent, keyring: Keyring) -> dict[str, Any]:
    dealer, customer, site = session.execute(
        select(Dealer.name, Customer.name, Site.name)
        .select_from(Site)
        .join(Customer, Customer.id == Site.customer_id)
        .join(Dealer, Dealer.id == Site.dealer_id)
        .where(Site.id == agent.site_id, Dealer.id == agent.dealer_id)
    ).one()
    return {
        "agent_id": str(agent.id),
        "dealer": dealer,
        "customer": customer,
        "site": site,
        "identity_key": _b64(keyring.identity.public_key().public_bytes_raw()),
        "sealing_key": {
            "id": keyring.current_id.hex(),
            "public_key": _b64(keyring.current.public_key().public_bytes_raw()),
            "signature": _b64(keyring.signature()),
        },
    }


def _b64(octets: bytes) -> str:
    return b64encode(octets).decode("ascii")
