"""What a worker hands mails over with."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import random
from typing import Final

from flexprint_server.database import Database
from flexprint_server.mail.relay import Post
from flexprint_server.settings import LARGEST_ATTACHMENT

LEASE: Final = timedelta(seconds=15)
"""How long a report or a mail stays with a worker that has stopped renewing: a killed one is replaced after this."""


@dataclass(slots=True, frozen=True)
class Means:
    """`mail_from` is FLEXPRINT_MAIL_FROM, `secret_key` FLEXPRINT_SECRET_KEY, `public_url` FLEXPRINT_PUBLIC_URL and
    `bounce_to` FLEXPRINT_BOUNCE_ADDRESS; `clock` gives the time in UTC, `luck` a number from 0 to 1;
    a workbook of more than `largest_attachment` octets is not attached."""

    database: Database
    post: Post
    mail_from: str
    secret_key: str
    public_url: str
    bounce_to: str = ""
    lease: timedelta = LEASE
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    luck: Callable[[], float] = random
    largest_attachment: int = LARGEST_ATTACHMENT
