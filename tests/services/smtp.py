"""An SMTP server that keeps what it is given, with STARTTLS, a password, and bad manners on request."""

import ssl
import threading
from collections.abc import Callable
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

USER = "mailer"
PASSWORD = "let it out"


class Sink:
    """Accepted mails stand in `mails`. `on_data` and `on_recipient` may return another answer ("451 later")
    instead of None, or take their time; they run in the server's thread."""

    def __init__(self, folder: Path, *, starttls: bool = True) -> None:
        self.forget()
        self._arrived = threading.Condition()
        authority = trustme.CA()
        self.ca_file = folder / "smtp-ca.pem"
        authority.cert_pem.write_to_path(str(self.ca_file))
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
        self.starttls = starttls
        options: dict[str, Any] = {}
        if starttls:
            options = {"tls_context": context, "require_starttls": True, "auth_required": True}
        self._controller = Controller(
            self, hostname="127.0.0.1", port=0, authenticator=_authenticate, server_hostname="sink.test", **options
        )

    def forget(self) -> None:
        """No mails, and good manners."""
        self.mails: list[EmailMessage] = []
        self.recipients: list[list[str]] = []
        self.on_data: Callable[[Envelope], str | None] = lambda _envelope: None
        self.on_recipient: Callable[[str], str | None] = lambda _address: None

    @property
    def port(self) -> int:
        assert self._controller.server
        return int(self._controller.server.sockets[0].getsockname()[1])

    @property
    def url(self) -> str:
        if not self.starttls:
            return f"smtp://127.0.0.1:{self.port}"
        return f"smtp://{USER}:{PASSWORD.replace(' ', '%20')}@127.0.0.1:{self.port}?starttls=required"

    def start(self) -> "Sink":
        # The controller connects to its own port to see that it answers; port 0 has to be known first.
        _own_port(self._controller)
        self._controller.start()
        return self

    def stop(self) -> None:
        self._controller.stop()

    def wait_for(self, count: int, seconds: float = 60.0) -> list[EmailMessage]:
        """The mails, once there are at least `count`."""
        with self._arrived:
            if not self._arrived.wait_for(lambda: len(self.mails) >= count, seconds):
                raise TimeoutError(f"{len(self.mails)} of {count} mails within {seconds:g} s")
        return self.mails

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        refusal = self.on_recipient(address)
        if refusal:
            return refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        refusal = self.on_data(envelope)
        if refusal:
            return refusal
        content = envelope.original_content or b""
        with self._arrived:
            self.mails.append(message_from_bytes(content, _class=EmailMessage, policy=policy.default))
            self.recipients.append(list(envelope.rcpt_tos))
            self._arrived.notify_all()
        return "250 OK"


def _own_port(controller: Controller) -> None:
    from services.process import free_port

    controller.port = free_port()


def _authenticate(server: SMTP, session: Session, envelope: Envelope, mechanism: str, given: Any) -> AuthResult:
    right = isinstance(given, LoginPassword) and (given.login, given.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=right, handled=right)
