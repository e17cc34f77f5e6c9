"""The wake-up calls: "look at report 7", "look at mail 3", through Celery. Nothing depends on one arriving, so nobody
waits for it.

The database says what is due (reports.claims, mail.outbox); a worker that is woken for nothing finds nothing to claim.
"""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from celery import Celery
from celery.app.amqp import AMQP
from kombu.connection import Connection
from kombu.exceptions import OperationalError

from flexprint_server.settings import Settings

QUEUE: Final = "reports"
DELIVER: Final = "reports.deliver"
"""The name of the task that looks at one report."""

SEND: Final = "mail.send"
"""The name of the task that looks at one mail of the outbox."""


# What one call may cost: the scheduler comes by every two seconds anyway.
_ONCE: Final = {"max_retries": 1, "interval_start": 0, "socket_timeout": 2}


class QueueAway(Exception):
    """The queue cannot be reached, or takes nothing. Nothing is lost by it."""


class _Connection(Connection):
    """Celery would wait up to half a minute between two attempts to reach its broker."""

    def ensure_connection(self, *arguments: Any, **named: Any) -> Any:
        waits = {"interval_start": 0.2, "interval_step": 0.4, "interval_max": 3}
        return super().ensure_connection(*arguments, **waits, **named)  # type: ignore[no-untyped-call]  # kombu has no types


class _Amqp(AMQP):  # type: ignore[misc]  # celery has no types
    Connection = _Connection


app = Celery("flexprint", amqp=_Amqp, set_as_current=False)
app.conf.update(
    accept_content=["json"],
    broker_connection_max_retries=None,
    broker_connection_retry_on_startup=True,
    broker_transport_options={
        "socket_connect_timeout": 2,
        "socket_timeout": 10,
        "socket_keepalive": True,
        # A message of a worker that died comes back after this. That is a second safety line behind the
        # scheduler; a report that takes longer is not disturbed, because it is claimed.
        "visibility_timeout": 300,
        "unacked_restore_interval": 10,
        "unacked_restore_throttle": 1,
    },
    task_acks_late=True,
    task_default_queue=QUEUE,
    task_ignore_result=True,
    task_reject_on_worker_lost=True,
    worker_enable_remote_control=False,
    worker_hijack_root_logger=False,
    worker_prefetch_multiplier=1,
    worker_redirect_stdouts=False,
)


def configure(settings: Settings) -> None:
    """Names the Redis-protocol server of this process. Without one there is nobody to wake."""
    url = settings.redis_url and str(settings.redis_url)
    app.conf.broker_url = url
    # Left to itself kombu would trust any certificate.
    app.conf.broker_use_ssl = {"ssl_cert_reqs": ssl.CERT_REQUIRED} if url and url.startswith("rediss:") else None


def wake(report_id: int) -> None:
    """Puts a wake-up call for the report into the queue. Raises QueueAway; then the scheduler finds the report
    within seconds."""
    _call(DELIVER, report_id)


def wake_for_mail(mail_id: int) -> None:
    """The same for a mail of the outbox. Raises QueueAway."""
    _call(SEND, mail_id)


def _call(task: str, row: int) -> None:
    with _connection() as connection:
        app.send_task(task, (row,), connection=connection, retry=False)


def waiting() -> int:
    """Wake-up calls that no worker has taken yet. Raises QueueAway."""
    with _connection() as connection:
        channel: Any = connection.default_channel
        return int(channel.queue_declare(QUEUE).message_count)


@contextmanager
def _connection() -> Iterator[Connection]:
    """A connection for this one call: a kept one may have died with the server, and calls are rare."""
    if not app.conf.broker_url:
        raise QueueAway("FLEXPRINT_REDIS_URL is not set")
    with app.connection_for_write(transport_options=_ONCE) as connection:
        try:
            yield connection
        # Channel errors are refusals: its memory or disk is full, it is a replica, it forbids us.
        except (*connection.connection_errors, *connection.channel_errors, OperationalError) as error:
            raise QueueAway(f"the queue does not answer as it should: {error}") from error
