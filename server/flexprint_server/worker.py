"""The worker, which builds reports and sends mails, and the scheduler, which sees to it that none is forgotten."""

import io
import logging
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from ipaddress import ip_address
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic
from types import FrameType
from typing import Any, Final
from urllib.parse import urlsplit

from celery.signals import setup_logging
from sqlalchemy.exc import DBAPIError

from flexprint_server.alerts import telling, watch
from flexprint_server.database import Database
from flexprint_server.mail import outbox
from flexprint_server.mail.addresses import mail_domain, sender
from flexprint_server.mail.mailbox import MailboxAway, mailbox_of
from flexprint_server.mail.means import LEASE, Means
from flexprint_server.mail.relay import FolderPost, Patience, Post, SmtpPost
from flexprint_server.mail.relay_url import relay_of
from flexprint_server.mail.sending import send
from flexprint_server.reports import claims, queue, schedules
from flexprint_server.reports.bounced import take_mail
from flexprint_server.reports.delivery import deliver
from flexprint_server.reports.mail import Letter, compose
from flexprint_server.reports.queue import QueueAway, configure, wake, wake_for_mail
from flexprint_server.reports.workbook.rows import About
from flexprint_server.reports.workbook.writing import write_workbook
from flexprint_server.settings import Settings, SettingsError

__all__ = ["configure", "run_scheduler", "run_worker", "wake"]

AT_ONCE: Final = 4
"""Reports and mails that one worker has in hand at once: most of that time goes into waiting for the mail server."""

RETURNED_EVERY: Final = 60.0
"""Seconds between two looks into the mailbox of returned mails."""

EVERY: Final = 2.0
"""Seconds between two passes of the scheduler."""

MOST_WOKEN: Final = 100
"""Reports, and mails, that one pass wakes workers for."""

_log: Final = logging.getLogger(__name__)


def run_worker(
    settings: Settings, *, at_once: int = AT_ONCE, lease: timedelta = LEASE, patience: Patience | None = None
) -> None:
    """Delivers reports and sends mails until SIGTERM, then finishes those in hand. Raises SettingsError.

    Threads, not processes: delivering is waiting for the most part, there is one process to kill and none to be
    orphaned, and it is the same on every system. More cores are used by more workers.
    """
    _need_queue(settings)
    database = Database(settings.database_url, pool_size=at_once + 2)
    database.insist_on_the_wall()
    means = Means(
        database,
        post_of(settings, patience or Patience()),
        sender(settings.mail_from),
        settings.secret_key,
        settings.public_url,
        settings.bounce_address,
        lease,
        largest_attachment=settings.largest_attachment,
    )

    def look_at(report_id: int) -> None:
        with _patient_with_the_database(f"report {report_id}"):
            deliver(means, report_id)

    def look_at_mail(mail_id: int) -> None:
        with _patient_with_the_database(f"mail {mail_id}"):
            send(means, mail_id)

    queue.app.task(look_at, name=queue.DELIVER)
    queue.app.task(look_at_mail, name=queue.SEND)
    warm_up()
    setup_logging.connect(_leave_logging_alone)
    worker = queue.app.Worker(
        pool="threads",
        concurrency=at_once,
        queues=[queue.QUEUE],
        quiet=True,
        without_gossip=True,
        without_heartbeat=True,
        without_mingle=True,
    )
    worker.start()
    database.close()


@contextmanager
def _patient_with_the_database(what: str) -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        _log.warning("%s waits for the database: %s", what, error.orig)


def _need_queue(settings: Settings) -> None:
    if not settings.redis_url:
        raise SettingsError(
            "FLEXPRINT_REDIS_URL: name the Redis-protocol server, redis://host:6379/0; "
            "`flexprint-server up` brings one of its own"
        )
    configure(settings)


def _leave_logging_alone(**_given: Any) -> None:
    """With a receiver of this signal Celery sets up no logging of its own."""


def warm_up() -> None:
    """Whatever is imported or compiled at first use is used now, and not while a customer waits."""
    now = datetime.now(UTC)
    summary = write_workbook(io.BytesIO(), About("", "", now, ()), ())
    facts = {"devices": 0, "new": 0, "stale": 0, "low": 0, "low_supplies": [], "stale_devices": []}
    assert summary.devices == 0
    letter = Letter("", "", "", "", now, facts, "", b"")
    compose(letter, mail_from="a@localhost", recipient="b@localhost", message_id="<c@localhost>")


def post_of(settings: Settings, patience: Patience) -> Post:
    """Where mails go: the relay, or the folder where there is none. Raises SettingsError."""
    if settings.smtp_url is None:
        return FolderPost(settings.mail_folder)
    return SmtpPost(relay_of(settings.smtp_url), our_name(settings.public_url), patience)


def our_name(public_url: str) -> str:
    """What we call ourselves towards the mail server (RFC 5321, section 4.1.3): a name, or an address in brackets."""
    host = urlsplit(public_url).hostname or "localhost"
    try:
        address = ip_address(host)
    except ValueError:
        return host
    return f"[IPv6:{address}]" if address.version == 6 else f"[{address}]"


# ---------------------------------------------------------------- scheduler


def run_scheduler(settings: Settings, *, every: float = EVERY) -> None:
    """Looks every few seconds for reports and mails that nobody works on, until SIGTERM. Two schedulers do no harm.
    Raises SettingsError."""
    _need_queue(settings)
    database = Database(settings.database_url, pool_size=2)
    database.insist_on_the_wall()
    # An Event would not do: set from a signal handler while this very thread enters wait(), it locks itself up.
    stopping: SimpleQueue[int] = SimpleQueue()

    def stop(signal_number: int, _frame: FrameType | None) -> None:
        stopping.put(signal_number)

    for wanted in (signal.SIGTERM, signal.SIGINT):
        signal.signal(wanted, stop)
    beside = _all_beside(settings, database)
    trouble = ""
    stopped = None
    while stopped is None:
        trouble = _noted(trouble, lambda: _pass(database, settings, datetime.now(UTC)))
        for one in beside:
            one.look(monotonic())
        with suppress(Empty):
            stopped = stopping.get(timeout=every)
    database.close()


class _Beside:
    """Something the scheduler sees to now and then, in a thread of its own: a walk over a large fleet takes its time, a
    mail server may think long, and reports that are due wait for neither. `first` is when it begins, in seconds of a
    clock that only rises."""

    def __init__(self, what: str, every: float, first: float, do: Callable[[], object]) -> None:
        self._what = what
        self._every = every
        self._next = first
        self._do = do
        self._thread: Thread | None = None
        self._trouble = ""

    def look(self, now: float) -> None:
        """Begins a look where one is due and none is going on. `now` is of the same clock."""
        if now >= self._next and not (self._thread and self._thread.is_alive()):
            self._next = now + self._every
            self._thread = Thread(target=self._look, name=self._what, daemon=True)
            self._thread.start()

    def _look(self) -> None:
        self._trouble = _noted(self._trouble, self._do, self._what)


def _all_beside(settings: Settings, database: Database) -> list[_Beside]:
    up_since, domain = datetime.now(UTC), mail_domain(settings.mail_from)
    out = outbox.Outbox(settings.secret_key, domain)

    def alerts() -> None:
        look_after_alerts(database, out, settings.public_url, datetime.now(UTC), up_since)

    every = watch.EVERY.total_seconds()
    found = [_Beside("alerts", every, monotonic() + every, alerts)]
    if settings.bounce_url:
        mailbox = mailbox_of(settings.bounce_url)
        take = partial(_take_returned, database, domain)
        found.append(_Beside("returned mails", RETURNED_EVERY, 0.0, partial(mailbox.look, take)))
    return found


def _take_returned(database: Database, domain: str, octets: bytes) -> None:
    """Takes one mail of the mailbox of returned mails."""
    take_mail(database, octets, domain, datetime.now(UTC))


def _pass(database: Database, settings: Settings, now: datetime) -> None:
    schedules.run_due(database, now, mail_domain(settings.mail_from))
    wake_what_is_due(database, now)


def wake_what_is_due(database: Database, now: datetime) -> int:
    """Wakes a worker for each report and each mail that is due and that nobody holds: never picked up, forgotten by
    the queue, or left behind by a worker that died. Gives their number."""
    with database.reading() as session:
        report_ids = claims.due(session, now, MOST_WOKEN)
        mail_ids = outbox.due(session, now, MOST_WOKEN)
    # While calls lie in the queue the workers are busy or away; more of them would help nobody.
    if not (report_ids or mail_ids) or queue.waiting():
        return 0
    # Mails first: somebody waits for them in front of a page.
    for mail_id in mail_ids:
        wake_for_mail(mail_id)
    for report_id in report_ids:
        wake(report_id)
    return len(report_ids) + len(mail_ids)


def look_after_alerts(
    database: Database, out: outbox.Outbox, public_url: str, now: datetime, up_since: datetime
) -> int:
    """Opens and closes alerts, and puts mails about them into the outbox. Gives the number of mails."""
    with database.transaction() as session:
        watch.look(session, now, up_since)
        return telling.tell(session, out, public_url, now)


def _noted(trouble: str, look: Callable[[], object], what: str = "reports and mails") -> str:
    """Does one pass. What is wrong is logged when it begins and when it is over, not every two seconds."""
    try:
        look()
    except (DBAPIError, QueueAway, MailboxAway) as error:
        now_wrong = f"{type(error).__name__}: {getattr(error, 'orig', None) or error}"
        if not trouble:
            _log.warning("%s wait: %s", what, now_wrong)
        return now_wrong
    if trouble:
        _log.warning("%s go on", what)
    return ""
