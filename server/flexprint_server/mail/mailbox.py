"""The mailbox that returned mails come to: by IMAP, or a Maildir on this machine."""

import imaplib
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from flexprint_server.mail.bounces import LARGEST
from flexprint_server.mail.relay_url import is_this_machine
from flexprint_server.settings import Secret, SettingsError

NAME: Final = "FLEXPRINT_BOUNCE_URL"
MOST_AT_ONCE: Final = 200
"""Mails that one look takes."""

_PATIENCE: Final = 30

Take = Callable[[bytes], object]
"""Told of each mail's first octets. What it raises leaves that mail, and those behind it, for the next look."""


class MailboxAway(Exception):
    """The mailbox cannot be read now. The message says why."""


@dataclass(slots=True, frozen=True)
class Maildir:
    """Mails in `new` are unread; read ones go to `cur` (as Dovecot, Postfix and qmail keep them)."""

    folder: Path

    def look(self, take: Take) -> int:
        """How many mails were taken. Raises MailboxAway."""
        try:
            waiting = sorted((self.folder / "new").iterdir())[:MOST_AT_ONCE]
            for path in waiting:
                with path.open("rb") as file:
                    octets = file.read(LARGEST)
                take(octets)
                path.rename(self.folder / "cur" / f"{path.name.partition(':')[0]}:2,S")
        except OSError as error:
            raise MailboxAway(f"{error.filename or self.folder}: {error.strerror or error}") from error
        return len(waiting)


@dataclass(slots=True, frozen=True)
class Imap:
    """An account of its own on an IMAP server. Read mails are marked as seen and stay."""

    host: str
    port: int
    user: str
    password: Secret
    folder: str = "INBOX"
    encrypted: bool = True

    def look(self, take: Take) -> int:
        """How many mails were taken. Raises MailboxAway."""
        where = f"{self.host}:{self.port}"
        try:
            server = self._opened()
            try:
                return self._taken(server, take)
            finally:
                with suppress(OSError, imaplib.IMAP4.error):
                    server.logout()
        except (OSError, imaplib.IMAP4.error) as error:
            raise MailboxAway(f"the mailbox at {where} cannot be read: {str(error)[:300]}") from error

    def _opened(self) -> imaplib.IMAP4:
        if self.encrypted:
            trusted = ssl.create_default_context()
            return imaplib.IMAP4_SSL(self.host, self.port, ssl_context=trusted, timeout=_PATIENCE)
        return imaplib.IMAP4(self.host, self.port, timeout=_PATIENCE)

    def _taken(self, server: imaplib.IMAP4, take: Take) -> int:
        server.login(self.user, str(self.password))
        chosen, said = server.select(f'"{self.folder}"')
        if chosen != "OK":
            raise imaplib.IMAP4.error(f"the folder {self.folder}: {said!r}")
        _, found = server.uid("SEARCH", "UNSEEN")
        uids = (found[0] or b"").split()[:MOST_AT_ONCE] if found else []
        for uid in uids:
            _, parts = server.uid("FETCH", uid.decode(), f"(BODY.PEEK[]<0.{LARGEST}>)")
            for part in parts:
                if isinstance(part, tuple):
                    take(part[1])
            server.uid("STORE", uid.decode(), "+FLAGS", r"(\Seen)")
        return len(uids)


def mailbox_of(url: str) -> Maildir | Imap:
    """`imaps://user:password@host/INBOX`, `imap://` on this very machine only, or `maildir:///path`. Raises
    SettingsError."""
    parts = urlsplit(url)
    if parts.scheme == "maildir":
        return Maildir(Path(unquote(parts.path)))
    user, password, host = parts.username, parts.password, parts.hostname
    if not (user and password and host):
        raise SettingsError(f"{NAME}: write imaps://user:password@host/INBOX, or maildir:///path/to/Maildir")
    encrypted = parts.scheme == "imaps"
    if not encrypted and not is_this_machine(host):
        raise SettingsError(f"{NAME}: the password would cross the network in the clear; write imaps://")
    folder = unquote(parts.path.strip("/")) or "INBOX"
    if not folder.isascii() or set(folder) & set('"\\\r\n'):
        raise SettingsError(f"{NAME}: the folder's name can only be plain ASCII text")
    port = parts.port or (993 if encrypted else 143)
    return Imap(host, port, unquote(user), Secret(unquote(password)), folder, encrypted)
