"""The certificate shown at the collector's address: looked at only after it was not trusted, to say whose it is.

Nothing is sent over such a connection: it ends with the handshake.
"""

import base64
import http.client
import ssl
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from flexprint_agent.send.proxies import Proxy
from flexprint_shared.text import clean

if TYPE_CHECKING:
    from cryptography.x509 import Name

_PATIENCE: Final = 10.0


@dataclass(slots=True, frozen=True)
class Certificate:
    """`subject` and `issuer` as people name them, `names` the hosts that it is for, `fingerprint` SHA-256 in hex."""

    subject: str
    issuer: str
    names: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    fingerprint: str

    @property
    def is_its_own_issuer(self) -> bool:
        return self.subject == self.issuer


def shown_by(server: str, proxy: Proxy | None) -> Certificate | None:
    """The certificate that whoever answers at `server` shows, through `proxy` where there is one; None where none is
    to be seen."""
    parts = urlsplit(server)
    looking = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    looking.check_hostname = False
    looking.verify_mode = ssl.CERT_NONE
    place = parts.hostname or "", parts.port or 443
    try:
        if proxy is None:
            connection = http.client.HTTPSConnection(*place, timeout=_PATIENCE, context=looking)
        elif proxy.url.startswith("https://"):
            return None  # TLS in TLS, which the standard library does not speak
        else:
            connection = http.client.HTTPSConnection(*proxy.place, timeout=_PATIENCE, context=looking)
            connection.set_tunnel(*place, headers=_authorization(proxy))
        try:
            connection.connect()
            shown = connection.sock.getpeercert(binary_form=True)
        finally:
            connection.close()
        return None if shown is None else read(shown)
    except (OSError, http.client.HTTPException, ValueError):
        return None


def _authorization(proxy: Proxy) -> dict[str, str]:
    if proxy.user is None:
        return {}
    words = base64.b64encode(f"{proxy.user}:{proxy.password or ''}".encode()).decode()
    return {"Proxy-Authorization": f"Basic {words}"}


def read(der: bytes) -> Certificate:
    """Raises ValueError for what is no certificate."""
    from cryptography import x509
    from cryptography.hazmat.primitives.hashes import SHA256

    one = x509.load_der_x509_certificate(der)
    try:
        others = one.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names: tuple[str, ...] = (
            *others.get_values_for_type(x509.DNSName),
            *map(str, others.get_values_for_type(x509.IPAddress)),
        )
    except x509.ExtensionNotFound:
        names = ()
    return Certificate(
        subject=_named(one.subject),
        issuer=_named(one.issuer),
        names=tuple(clean(name) for name in names[:20]),
        not_before=one.not_valid_before_utc,
        not_after=one.not_valid_after_utc,
        fingerprint=one.fingerprint(SHA256()).hex(),
    )


def _named(name: "Name") -> str:
    from cryptography.x509.oid import NameOID

    said = [
        clean(str(part.value))
        for kind in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME)
        for part in name.get_attributes_for_oid(kind)
    ]
    return ", ".join(dict.fromkeys(word for word in said if word)) or "nobody that it names"
