"""The user-based security model (RFC 3414, RFC 3826, RFC 7860): keys, digests, ciphers. The only importer of pysnmp.

pysnmp makes the keys and encrypts. The digest is the standard library's HMAC over the place that the message's own
encoding names: pysnmp looks for it by its octets, and takes twelve zeros in an engine id for it.
"""

import hmac
from functools import lru_cache
from typing import Any, Final, NamedTuple

from cryptography.exceptions import UnsupportedAlgorithm
from pyasn1.type.univ import OctetString
from pysnmp.proto.error import ProtocolError, StatusInformation
from pysnmp.proto.secmod.rfc3414.service import SnmpUSMSecurityModel

from flexprint_agent.snmp.ber import OCTET_STRING, Malformed, tlv
from flexprint_agent.snmp.v3 import AUTH_PROTOCOLS, AUTHENTICATED, ENCRYPTED, Engine, Envelope, User, message

# The identifiers under which pysnmp holds its services (RFC 3414, RFC 3826, RFC 7860; Cisco's for AES of more bits).
_AUTH_IDS: Final = {name: (1, 3, 6, 1, 6, 3, 10, 1, 1, at) for at, name in enumerate(AUTH_PROTOCOLS, start=2)}
_PRIVACY_IDS: Final = {
    "DES": (1, 3, 6, 1, 6, 3, 10, 1, 2, 2),
    "AES-128": (1, 3, 6, 1, 6, 3, 10, 1, 2, 4),
    "AES-192": (1, 3, 6, 1, 4, 1, 9, 12, 6, 1, 1),
    "AES-256": (1, 3, 6, 1, 4, 1, 9, 12, 6, 1, 2),
    "AES-192-C": (1, 3, 6, 1, 4, 1, 9, 12, 6, 1, 101),
    "AES-256-C": (1, 3, 6, 1, 4, 1, 9, 12, 6, 1, 102),
}
_REFUSALS: Final = (ProtocolError, StatusInformation, UnsupportedAlgorithm, ValueError)


class _Keys(NamedTuple):
    auth: bytes
    privacy: OctetString | None


def secure(user: User, engine: Engine, message_id: int, plain: bytes) -> bytes | None:
    """The scoped PDU `plain` as a whole message of a user that has a password; None where this computer's cryptography
    does not offer what the user needs (one set to FIPS knows no MD5, for example)."""
    try:
        keys = _keys(user, engine.id)
        salt, data = b"", plain
        if keys.privacy is not None:
            encrypted, salted = _privacy(user).encrypt_data(keys.privacy, (engine.boots, engine.time, None), plain)
            salt, data = salted.asOctets(), tlv(OCTET_STRING, encrypted.asOctets())
        hash_name, octets = AUTH_PROTOCOLS[str(user.auth)]
        whole, at = message(message_id, user.level, engine, user.name.encode(), salt, data, octets)
        return whole[:at] + hmac.digest(keys.auth, whole, hash_name)[:octets] + whole[at + octets :]
    except _REFUSALS:
        return None


def opened(user: User, envelope: Envelope, datagram: bytes) -> bytes:
    """The scoped PDU of a message, in clear. Malformed when its digest is not the user's, or it does not decrypt."""
    if not (envelope.flags & AUTHENTICATED and user.auth):
        raise Malformed("the message claims a safety that it cannot have")
    keys = _keys(user, envelope.engine.id)
    hash_name, octets = AUTH_PROTOCOLS[user.auth]
    given = datagram[envelope.digest]
    blank = datagram[: envelope.digest.start] + bytes(len(given)) + datagram[envelope.digest.stop :]
    if not hmac.compare_digest(hmac.digest(keys.auth, blank, hash_name)[:octets], given):
        raise Malformed("the digest is wrong")
    if not envelope.flags & ENCRYPTED:
        return envelope.data
    if keys.privacy is None:
        raise Malformed("encrypted for a user without privacy")
    clock = (envelope.engine.boots, envelope.engine.time, OctetString(envelope.salt))
    try:
        return bytes(_privacy(user).decrypt_data(keys.privacy, clock, OctetString(envelope.data)))
    except _REFUSALS as error:
        raise Malformed("it does not decrypt") from error


def _privacy(user: User) -> Any:
    return SnmpUSMSecurityModel.PRIV_SERVICES[_PRIVACY_IDS[str(user.privacy)]]


@lru_cache(maxsize=4096)
def _keys(user: User, engine_id: bytes) -> _Keys:
    """The keys of a user at one engine. Those of an AES whose key is stretched Reeder's way hash a megabyte once more
    for each engine."""
    auth_id, engine = _AUTH_IDS[str(user.auth)], OctetString(engine_id)
    service = SnmpUSMSecurityModel.AUTH_SERVICES[auth_id]
    auth = service.localize_key(OctetString(_master(user.auth, user.auth_password)), engine).asOctets()
    if user.privacy is None:
        return _Keys(auth, None)
    master = OctetString(_master(user.auth, user.privacy_password))
    return _Keys(auth, _privacy(user).localize_key(auth_id, master, engine))


@lru_cache(maxsize=64)
def _master(auth: str | None, password: str) -> bytes:
    """The key that a password makes, before any engine: a hash of one megabyte of it (RFC 3414, A.2)."""
    service = SnmpUSMSecurityModel.AUTH_SERVICES[_AUTH_IDS[str(auth)]]
    return bytes(service.hash_passphrase(OctetString(password.encode())).asOctets())
