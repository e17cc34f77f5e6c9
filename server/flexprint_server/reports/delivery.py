"""One report from claim to mailbox. The whole story; the rooms beside it know one step each."""

import logging
import secrets
import socket
import tempfile
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from typing import Final

from sqlalchemy import select
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.orm import Session, joinedload

from flexprint_server.mail.hold import Held, insist
from flexprint_server.mail.means import Means
from flexprint_server.mail.message import Mail
from flexprint_server.mail.relay import Deferred, Line, Refused, RelayUnusable
from flexprint_server.reports import claims, fleet_rows
from flexprint_server.reports.addresses import file_name
from flexprint_server.reports.claims import Claim, ClaimLost
from flexprint_server.reports.mail import Letter, compose
from flexprint_server.reports.models import Delivery, Report, Workbook
from flexprint_server.reports.sheets import TooManyRows
from flexprint_server.reports.workbook import write_workbook
from flexprint_server.tenants.models import Site

_log: Final = logging.getLogger(__name__)


def deliver(means: Means, report_id: int) -> None:
    """Builds and mails the report, if it is due and nobody else holds it. What goes wrong is noted in its row and
    tried again later. Only a database that is away comes out of here, and then the lease runs out by itself. Raises
    OperationalError, InterfaceError."""
    by = f"{socket.gethostname()[:40]}/{secrets.token_hex(8)}"
    with means.database.transaction() as session:
        held = claims.claim(session, report_id, by, means.clock(), means.lease)
        if held and held.is_one_too_many:
            reason = f"{held.step} ended its worker each time; see the worker's log"
            claims.give_up(session, held, reason, means.clock())
            return
    if held is None:
        return
    try:
        with Held(f"report {report_id}", means.lease.total_seconds() / 3, partial(_renew, means, held)):
            if held.step == "building":
                held = _build(means, held)
            _send(means, held)
    except ClaimLost:
        _log.warning("report %d: another worker has taken it over", report_id)
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:  # noqa: BLE001  whatever it is, it is noted and tried again, and other reports go on
        _log.exception("report %d: %s failed", report_id, held.step)
        _put_back(means, held, error)


def _put_back(means: Means, held: Claim, error: Exception) -> None:
    reason = f"{held.step} failed: {error or type(error).__name__}"[:1000]
    with means.database.transaction() as session:
        if isinstance(error, TooManyRows):
            claims.give_up(session, held, reason, means.clock())
        else:
            claims.put_back(session, held, reason, means.clock(), means.luck())


def _renew(means: Means, held: Claim) -> None:
    with means.database.transaction() as session:
        claims.renew(session, held, means.clock(), means.lease)


# ---------------------------------------------------------------- building


def _build(means: Means, held: Claim) -> Claim:
    now = means.clock()
    with tempfile.TemporaryFile() as file:
        with means.database.reading() as session:
            fleet_rows.one_snapshot(session)
            about = fleet_rows.about(session, held.dealer_id, held.site_id, now)
            with (
                closing(fleet_rows.device_rows(session, held.dealer_id, held.site_id, now)) as devices,
                closing(fleet_rows.device_rows(session, held.dealer_id, held.site_id, now)) as devices_again,
            ):
                summary = write_workbook(file, about, devices, devices_again)
        file.seek(0)
        content = file.read()
    name = file_name(about.customer, about.site, now)
    with means.database.transaction() as session:
        return claims.keep_workbook(session, held, file_name=name, content=content, summary=summary, now=now)


# ---------------------------------------------------------------- sending


def _send(means: Means, held: Claim) -> None:
    """One SMTP transaction per recipient, each noted as soon as it is over."""
    with means.database.reading() as session:
        deliveries = claims.waiting(session, held)
        letter = _letter(session, held) if deliveries else None
    if letter:
        _hand_over_all(means, held, letter, deliveries)
    with means.database.transaction() as session:
        claims.settle(session, held, means.clock(), means.luck())


def _letter(session: Session, held: Claim) -> Letter:
    report = session.execute(
        select(Report).where(Report.id == held.report_id).options(joinedload(Report.site).joinedload(Site.customer))
    ).scalar_one()
    workbook = session.get_one(Workbook, held.report_id)
    assert report.built_at
    assert report.file_name
    assert report.summary
    site = report.site
    return Letter(site.customer.name, site.name, report.built_at, report.summary, report.file_name, workbook.content)


def _hand_over_all(means: Means, held: Claim, letter: Letter, deliveries: Sequence[Delivery]) -> None:
    line: Line | None = None
    try:
        for delivery in deliveries:
            mail = compose(
                letter, mail_from=means.mail_from, recipient=delivery.recipient, message_id=delivery.message_id
            )
            if line is None or not line.is_open:
                line = means.post.open()
            with means.database.transaction() as session:
                waits = claims.begin(session, held, delivery.id, means.clock(), means.lease)
            if waits:
                _note(means, delivery.id, *_hand_over(line, mail))
    except RelayUnusable as error:
        _log.warning("report %d waits: %s", held.report_id, error)
        with means.database.transaction() as session:
            claims.defer_all(session, held, str(error), means.clock())
    finally:
        if line:
            line.close()


def _hand_over(line: Line, mail: Mail) -> tuple[str, str]:
    """The delivery's new state and the mail server's words."""
    try:
        return "accepted", line.hand_over(mail)
    except Refused as error:
        return "refused", str(error)
    except Deferred as error:
        return "deferred", str(error)


def _note(means: Means, delivery_id: int, state: str, answer: str) -> None:
    def write() -> None:
        with means.database.transaction() as session:
            claims.record(session, delivery_id, state, answer, means.clock())

    if not insist(f"delivery {delivery_id} is {state}", write):
        raise ClaimLost("the database stayed away")
