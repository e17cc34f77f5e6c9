"""What the operator chose: environment variables, and a file of the same names. Read once, checked once."""

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from flexprint_shared.addresses import is_address

PREFIX: Final = "FLEXPRINT_"
FILE: Final = "FLEXPRINT_SETTINGS_FILE"

LARGEST_ATTACHMENT: Final = 20_000_000
"""Octets. Relays refuse mails of more than 25 to 35 MB, and a mail is a third larger than what it carries."""

# name: one line of help. docs/guides/operator.md lists exactly these; a test compares.
NAMES: Final = {
    "FLEXPRINT_DATABASE_URL": "the database, `postgresql://user:password@host/name`; else SQLite in the data folder",
    "FLEXPRINT_REDIS_URL": "the Redis-protocol server, `redis://host:6379/0`; `up` starts one of its own without it",
    "FLEXPRINT_SMTP_URL": "the relay, `smtp://user:password@host:587?starttls=required` or `smtps://host:465`; "
    "without it mails are kept as .eml files in the data folder",
    "FLEXPRINT_MAIL_FROM": "the address that workbooks come from",
    "FLEXPRINT_PUBLIC_URL": "the address under which people and agents reach the collector",
    "FLEXPRINT_DATA": "the data folder",
    "FLEXPRINT_SECRET_KEY": "32 octets in hex that protect stored keys; without it a key file in the data folder",
    "FLEXPRINT_INSIDE": "addresses or networks inside your own that pages may make the collector ask, such as "
    "`10.20.0.5, 192.168.7.0/24`; without it public addresses alone",
    "FLEXPRINT_LARGEST_ATTACHMENT": "MB; of a larger workbook the mail says where it is downloaded; 20 without it",
    "FLEXPRINT_BOUNCE_ADDRESS": "the address that mails come back to, `bounces@example.com`: a mailbox that takes "
    "`bounces+anything@`, too; without it they come back to FLEXPRINT_MAIL_FROM",
    "FLEXPRINT_BOUNCE_URL": "the mailbox that they come back to, `imaps://user:password@host/INBOX` or `maildir:///path`",
    "FLEXPRINT_BOUNCE_KEY": "at least 32 characters that a relay signs its reports of returned mails with",
    FILE: "a file of lines NAME=value with any of these; the environment wins over it",
}

# The agent's own variables, which may stand in the same environment.
_NOT_OURS: Final = "FLEXPRINT_AGENT_"


class SettingsError(Exception):
    """A setting is missing, unknown or wrong. The message names it and says what it should be."""


class Secret(str):
    """Text that does not show itself in logs and tracebacks."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


@dataclass(slots=True, frozen=True)
class Settings:
    database_url: Secret
    redis_url: Secret | None
    smtp_url: Secret | None
    mail_from: str
    public_url: str
    data: Path
    secret_key: Secret
    inside: tuple[IPv4Network | IPv6Network, ...] = ()
    largest_attachment: int = LARGEST_ATTACHMENT
    bounce_address: str = ""
    bounce_url: Secret | None = None
    bounce_key: Secret | None = None

    @property
    def mail_folder(self) -> Path:
        """Where mails are kept when there is no relay."""
        return self.data / "mail"


def read_settings(environment: Mapping[str, str] = os.environ, *, data: Path | None = None) -> Settings:
    """The settings of this process. `data`, from the command line, wins. Raises SettingsError."""
    given = chosen(environment)
    unknown = sorted(set(given) - set(NAMES))
    if unknown:
        raise SettingsError(
            f"{', '.join(unknown)}: no such setting. Known are {', '.join(NAMES)}; correct or remove it."
        )
    folder = (data or Path(given.get("FLEXPRINT_DATA") or "flexprint-data")).absolute()
    return Settings(
        database_url=Secret(given.get("FLEXPRINT_DATABASE_URL") or f"sqlite:///{(folder / 'flexprint.db').as_posix()}"),
        redis_url=_url(given, "FLEXPRINT_REDIS_URL", ("redis", "rediss")),
        smtp_url=_url(given, "FLEXPRINT_SMTP_URL", ("smtp", "smtps")),
        mail_from=given.get("FLEXPRINT_MAIL_FROM") or "FlexPrint Tracker <flexprint@localhost>",
        public_url=(_url(given, "FLEXPRINT_PUBLIC_URL", ("http", "https")) or "http://127.0.0.1:8000").rstrip("/"),
        data=folder,
        secret_key=_secret_key(given.get("FLEXPRINT_SECRET_KEY"), folder),
        inside=_networks(given.get("FLEXPRINT_INSIDE") or ""),
        largest_attachment=_largest_attachment(given.get("FLEXPRINT_LARGEST_ATTACHMENT")),
        bounce_address=_bounce_address(given.get("FLEXPRINT_BOUNCE_ADDRESS") or ""),
        bounce_url=_url(given, "FLEXPRINT_BOUNCE_URL", ("imaps", "imap", "maildir"), hosted=("imaps", "imap")),
        bounce_key=_bounce_key(given.get("FLEXPRINT_BOUNCE_KEY")),
    )


def chosen(environment: Mapping[str, str]) -> dict[str, str]:
    """Every setting by name, as it was written: the environment, and behind it the settings file. Raises
    SettingsError."""
    return {**_from_file(environment.get(FILE)), **_ours(environment)}


def _ours(environment: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value for name, value in environment.items() if name.startswith(PREFIX) and not name.startswith(_NOT_OURS)
    }


def _from_file(path: str | None) -> dict[str, str]:
    if not path:
        return {}
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise SettingsError(f"{FILE}: cannot read {path}: {error.strerror}") from error
    named = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if not equals:
            raise SettingsError(f"{path}, line {number}: write NAME=value")
        named[name.strip()] = value.strip()
    return named


def _largest_attachment(value: str | None) -> int:
    """Octets."""
    if not value:
        return LARGEST_ATTACHMENT
    if not (value.isascii() and value.isdigit() and len(value) <= 4):
        raise SettingsError("FLEXPRINT_LARGEST_ATTACHMENT: should be whole MB from 0, which attaches none, to 9999")
    return int(value) * 1_000_000


def _bounce_address(value: str) -> str:
    # RFC 5321 gives the part before the @ 64 octets, and an envelope id takes 33 of them.
    local = value.rpartition("@")[0]
    if value and not (is_address(value) and len(local) <= 31 and "+" not in local):
        raise SettingsError(
            "FLEXPRINT_BOUNCE_ADDRESS: should be a mail address with at most 31 characters before its @, and no +"
        )
    return value


def _bounce_key(value: str | None) -> Secret | None:
    if value and len(value) < 32:
        raise SettingsError("FLEXPRINT_BOUNCE_KEY: should have at least 32 characters, drawn by lot")
    return Secret(value) if value else None


def _url(
    given: Mapping[str, str], name: str, schemes: tuple[str, ...], hosted: tuple[str, ...] | None = None
) -> Secret | None:
    """`hosted` are the schemes that need a host; all of them where nothing is said."""
    value = given.get(name)
    if not value:
        return None
    try:
        parts = urlsplit(value)
        fits = parts.scheme in schemes and parts.port != 0
        fits = fits and (bool(parts.hostname) or parts.scheme not in (hosted or schemes))
    except ValueError:  # brackets that do not close, a port that is no number
        fits = False
    if not fits:
        shapes = " or ".join(f"{scheme}://host" for scheme in schemes)
        raise SettingsError(f"{name}: should begin with {shapes}, a port be a number up to 65535; {NAMES[name]}")
    return Secret(value)


def _networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    try:
        return tuple(ip_network(word) for word in text.replace(",", " ").split())
    except ValueError as error:
        raise SettingsError(f"FLEXPRINT_INSIDE: {error}; {NAMES['FLEXPRINT_INSIDE']}") from error


def _secret_key(given: str | None, folder: Path) -> Secret:
    if given:
        return _key(
            given,
            "FLEXPRINT_SECRET_KEY: should be 64 hexadecimal digits; make one with "
            "`python -c 'import secrets; print(secrets.token_hex(32))'`",
        )
    path = folder / "secret.key"
    try:
        if not path.exists():
            _make_secret_key(path)
        stored = path.read_text(encoding="ascii", errors="replace").strip()
    except OSError as error:
        raise SettingsError(
            f"{path}: {error.strerror or error}. Run this as the account that owns the folder, or name another folder "
            "with --data or FLEXPRINT_DATA."
        ) from error
    return _key(stored, f"{path}: should hold 64 hexadecimal digits. Put the file back from your backup.")


def _key(text: str, otherwise: str) -> Secret:
    if len(text) != 64 or any(character not in "0123456789abcdefABCDEF" for character in text):
        raise SettingsError(otherwise)
    return Secret(text)


def _make_secret_key(path: Path) -> None:
    """Puts a new key at `path`, whole or not at all. Leaves the key of a process that was faster."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(32))
            file.flush()
            os.fsync(file.fileno())
        try:
            path.hardlink_to(draft)
        except FileExistsError:
            return
        except OSError:  # not every file system has hard links
            draft.rename(path)
    finally:
        draft.unlink(missing_ok=True)
