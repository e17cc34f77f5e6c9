"""The mail server as FLEXPRINT_SMTP_URL names it."""

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final, Literal
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from flexprint_server.settings import Secret, SettingsError

Encryption = Literal["tls", "starttls", "none"]

NAME: Final = "FLEXPRINT_SMTP_URL"
_QUERY: Final = {"starttls", "ca"}


@dataclass(slots=True, frozen=True)
class Relay:
    """A mail server and how to speak to it. `ca` names a file of certificates that are trusted beside those of
    the system."""

    host: str
    port: int
    encryption: Encryption
    user: str | None = None
    password: Secret | None = None
    ca: str | None = None


def relay_of(url: str) -> Relay:
    """`smtps://` is TLS from the first octet. `smtp://` is STARTTLS or nothing at all, never a silent fall back to
    clear text; without it only a mail server on this very machine, or one with `?starttls=off`, is spoken to, and a
    password crosses no network in the clear. Raises SettingsError."""
    parts = urlsplit(url)
    given = dict(parse_qsl(parts.query, keep_blank_values=True))
    host = parts.hostname
    if not host:
        raise SettingsError(f"{NAME}: names no host; write smtp://user:password@host:587")
    unknown = set(given) - _QUERY
    if unknown:
        raise SettingsError(f"{NAME}: ?{min(unknown)}= is unknown; known are ?starttls=required|off and &ca=FILE")
    user, password = _credentials(parts)
    encryption = _encryption(parts.scheme, given.get("starttls"), host)
    if password is not None and encryption == "none" and not is_this_machine(host):
        raise SettingsError(f"{NAME}: the password would cross the network in the clear; remove ?starttls=off")
    return Relay(host, _port(parts, encryption, user), encryption, user, password, given.get("ca"))


def _encryption(scheme: str, starttls: str | None, host: str) -> Encryption:
    if starttls not in (None, "required", "off"):
        raise SettingsError(f"{NAME}: starttls={starttls}? It is either required or off")
    if scheme == "smtps":
        if starttls:
            raise SettingsError(f"{NAME}: smtps is TLS from the first octet; remove ?starttls=, or write smtp://")
        return "tls"
    if starttls == "off" or (starttls is None and is_this_machine(host)):
        return "none"
    return "starttls"


def _credentials(parts: SplitResult) -> tuple[str | None, Secret | None]:
    user = unquote(parts.username) if parts.username else None
    password = Secret(unquote(parts.password)) if parts.password is not None else None
    if (user is None) != (password is None):
        raise SettingsError(f"{NAME}: give both user and password, or neither")
    if not f"{user}{password!s}".isascii():
        raise SettingsError(f"{NAME}: user and password can only be ASCII text")
    return user, password


def _port(parts: SplitResult, encryption: Encryption, user: str | None) -> int:
    try:
        port = parts.port
    except ValueError as error:
        raise SettingsError(f"{NAME}: the port should be a number up to 65535") from error
    if port:
        return port
    if encryption == "tls":
        return 465
    # RFC 6409: who signs in submits, on a port of its own.
    return 587 if user else 25


def is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
