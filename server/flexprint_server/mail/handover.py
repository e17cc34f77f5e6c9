"""Handing one mail over, whatever it carries: what all workers who do so have in common."""

import secrets
import socket
from typing import Final, Literal

from flexprint_server.mail.message import Mail
from flexprint_server.mail.relay import Deferred, Line, Refused

Outcome = Literal["accepted", "deferred", "refused"]

LONGEST_REASON: Final = 1000


def a_worker() -> str:
    """The name of one attempt: nobody else has it, and people see on which machine it is made."""
    return f"{socket.gethostname()[:40]}/{secrets.token_hex(8)}"


def hand_over(line: Line, mail: Mail) -> tuple[Outcome, str]:
    """What it came to, and the mail server's words. Raises RelayUnusable."""
    try:
        return "accepted", line.hand_over(mail)
    except Refused as error:
        return "refused", str(error)
    except Deferred as error:
        return "deferred", str(error)


def failed(step: str, error: Exception) -> str:
    """What is noted of a fault that nobody thought of."""
    return f"{step} failed: {error or type(error).__name__}"[:LONGEST_REASON]
