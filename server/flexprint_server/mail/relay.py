"""Handing mails over: to a mail server by SMTP (RFC 5321), or into a folder where there is none.

MailError
├── RelayUnusable   nothing can be handed over now: not reached, not trusted, not signed in, sender not accepted
├── Refused         this mail, for good
└── Deferred        this mail, for now
└── LineLost    and the connection is gone with it
"""

import smtplib
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from flexprint_server.mail.message import Mail
from flexprint_server.mail.relay_url import Encryption, Relay
from flexprint_shared.text import clean

_AT_ONCE: Final = 1 << 16
_LONGEST_ANSWER: Final = 500
# "Too large" and "over quota" (RFC 3463: 5.3.4, 5.2.2) are about the mail even when they answer MAIL.
_ABOUT_THE_MAIL: Final = 552
_CLOSING: Final = 421
_GOODBYE: Final = 2
"""Seconds for the mail server to say goodbye: nothing hangs on it."""


class MailError(Exception):
    """A mail was not accepted. The message says what the mail server said, or what to do."""


class RelayUnusable(MailError):
    """No mail at all can be handed over now."""


class Refused(MailError):
    """The mail server refused this mail for good."""


class Deferred(MailError):
    """The mail server did not take this mail now."""


@dataclass(slots=True, frozen=True)
class Patience:
    """Seconds to wait for the mail server. RFC 5321, section 4.5.3.2, asks for 5 minutes per command, 3 per block and
    10 for the last answer, at which a mail is often searched for viruses; giving up there sends it twice. Only for a
    greeting we wait less: another attempt costs nothing then."""

    connect: float = 30
    command: float = 300
    block: float = 180
    last_answer: float = 600


class Line(Protocol):
    """A connection to the mail server, or what stands for one."""

    @property
    def is_open(self) -> bool:
        """False when the mail server has ended it: the next mail needs a new one."""

    def hand_over(self, mail: Mail) -> str:
        """Its words of acceptance. Raises Refused, Deferred or RelayUnusable."""

    def close(self) -> None:
        """Ends the connection; never raises."""


class Post(Protocol):
    """Where mails are handed over."""

    def open(self) -> Line:
        """Raises RelayUnusable."""


@dataclass(slots=True, frozen=True)
class SmtpPost:
    """A mail server. `our_name` is what we greet it with."""

    relay: Relay
    our_name: str
    patience: Patience = Patience()

    def open(self) -> Line:
        relay = self.relay
        with _explained(relay):
            context = _trust(relay)
            client = self._greeted(context)
            try:
                assert client.sock
                client.sock.settimeout(self.patience.command)
                if relay.encryption == "starttls":
                    client.starttls(context=context)
                if relay.user is not None and relay.password is not None:
                    client.login(relay.user, relay.password)
                client.ehlo_or_helo_if_needed()
            except BaseException:
                client.close()
                raise
        return _SmtpLine(client, self.patience)

    def _greeted(self, context: ssl.SSLContext | None) -> smtplib.SMTP:
        host, port, patience = self.relay.host, self.relay.port, self.patience.connect
        # Our name is given, or the library would ask the DNS for it, and wait.
        if self.relay.encryption == "tls":
            return smtplib.SMTP_SSL(host, port, self.our_name, timeout=patience, context=context)
        return smtplib.SMTP(host, port, self.our_name, timeout=patience)


def _trust(relay: Relay) -> ssl.SSLContext | None:
    if relay.encryption == "none":
        return None
    context = ssl.create_default_context()
    if relay.ca:
        try:
            context.load_verify_locations(relay.ca)
        except OSError as error:
            raise RelayUnusable(f"{relay.ca} of FLEXPRINT_SMTP_URL is no readable file of certificates") from error
    return context


@contextmanager
def _explained(relay: Relay) -> Iterator[None]:
    """Everything that can go wrong before the first mail, in words for the operator."""
    where = f"{relay.host}:{relay.port}"
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        why = error.verify_message
        raise RelayUnusable(
            f"the certificate of {where} is not trusted ({why}); install its CA or name it with ?ca=FILE"
        ) from error
    except smtplib.SMTPNotSupportedError as error:
        lacks = _LACKS[relay.encryption] if "STARTTLS" in str(error) else "a way to sign in"
        raise RelayUnusable(f"{where} does not offer {lacks}; correct FLEXPRINT_SMTP_URL") from error
    except smtplib.SMTPAuthenticationError as error:
        said = _said(error.smtp_code, error.smtp_error)
        raise RelayUnusable(f"{where} does not accept the user and password of FLEXPRINT_SMTP_URL: {said}") from error
    except smtplib.SMTPResponseException as error:
        raise RelayUnusable(f"{where} answered {_said(error.smtp_code, error.smtp_error)}") from error
    except socket.gaierror as error:
        raise RelayUnusable(f"the name {relay.host} cannot be resolved ({error.strerror})") from error
    except (OSError, smtplib.SMTPException) as error:
        raise RelayUnusable(f"no mail server answers at {where}: {clean(str(error))}") from error


_LACKS: Final[dict[Encryption, str]] = {"starttls": "STARTTLS", "tls": "TLS", "none": "it"}


@dataclass(slots=True, frozen=True)
class _SmtpLine:
    client: smtplib.SMTP
    patience: Patience

    @property
    def is_open(self) -> bool:
        return self.client.sock is not None

    def hand_over(self, mail: Mail) -> str:
        client = self.client
        try:
            options = [f"SIZE={len(mail.octets)}"] if client.has_extn("size") else []
            reports = client.has_extn("dsn")  # RFC 3461: name the mail, and send back its headers alone
            options += ["RET=HDRS", f"ENVID={mail.envelope_id}"] if reports else []
            code, words = client.mail(mail.sender, options)
            if 500 <= code < 600 and code != _ABOUT_THE_MAIL:
                raise RelayUnusable(f"the sender {mail.sender} is not accepted: {_said(code, words)}")
            self._require(250, code, words)
            code, words = client.rcpt(mail.recipient, ["NOTIFY=FAILURE,DELAY"] if reports else [])
            # 251: it will forward. That is an acceptance.
            self._require(250, 250 if code == 251 else code, words)
            self._require(354, *client.docmd("DATA"))
            return self._content(mail.octets)
        except (OSError, smtplib.SMTPException) as error:
            client.close()
            raise Deferred(f"the connection to the mail server was lost: {clean(str(error))}") from error

    def _content(self, octets: bytes) -> str:
        client = self.client
        assert client.sock
        client.sock.settimeout(self.patience.block)
        stuffed = octets.replace(b"\r\n.", b"\r\n..")
        for at in range(0, len(stuffed), _AT_ONCE):
            client.send(stuffed[at : at + _AT_ONCE])
        client.send(b".\r\n" if stuffed.endswith(b"\r\n") else b"\r\n.\r\n")
        client.sock.settimeout(self.patience.last_answer)
        code, words = client.getreply()
        self._require(250, code, words)
        client.sock.settimeout(self.patience.command)
        return _said(code, words)

    def _require(self, wanted: int, code: int, words: bytes) -> None:
        """Raises Refused or Deferred unless the answer is the one that is wanted."""
        if code == wanted:
            return
        said = _said(code, words)
        if code == _CLOSING or not 400 <= code < 600:
            self.client.close()
            raise Deferred(f"the mail server ended the conversation: {said}")
        # Many end the connection after an answer like this; then it is closed and the next mail opens another.
        with suppress(OSError, smtplib.SMTPException):
            self.client.rset()
        raise (Refused if code >= 500 else Deferred)(said)

    def close(self) -> None:
        with suppress(OSError, smtplib.SMTPException):
            if self.client.sock:
                self.client.sock.settimeout(_GOODBYE)
                self.client.quit()
        self.client.close()


def _said(code: int, words: bytes | str) -> str:
    text = words.decode(errors="replace") if isinstance(words, bytes) else words
    return clean(f"{code} {text}", _LONGEST_ANSWER)


@dataclass(slots=True, frozen=True)
class FolderPost:
    """No mail server: mails and their workbooks are kept as files, named by the Message-ID."""

    folder: Path

    def open(self) -> Line:
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise RelayUnusable(f"the folder {self.folder} cannot be made: {error.strerror}") from error
        return _FolderLine(self.folder)


@dataclass(slots=True, frozen=True)
class _FolderLine:
    folder: Path

    @property
    def is_open(self) -> bool:
        return True

    def hand_over(self, mail: Mail) -> str:
        stem = mail.message_id.strip("<>").partition("@")[0]
        path = self.folder / f"{stem}.eml"
        try:
            if mail.workbook is not None:
                _put(self.folder / f"{stem}.xlsx", mail.workbook)
            _put(path, mail.octets)
        except OSError as error:
            raise RelayUnusable(f"{path} cannot be written: {error.strerror}") from error
        return f"kept as {path}; set FLEXPRINT_SMTP_URL to have mails sent"

    def close(self) -> None:
        """Nothing is open."""


def _put(path: Path, octets: bytes) -> None:
    """The file is there whole or not at all, and the same mail again replaces itself."""
    unfinished = path.with_name(f"{path.name}.part")
    unfinished.write_bytes(octets)
    unfinished.replace(path)
