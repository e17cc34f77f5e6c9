"""One report from claim to mailbox. The whole story; the rooms beside it know one step each."""

import logging
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import IO, Final

from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.orm import Session

from flexprint_server.database import Scope
from flexprint_server.fleet.zones import zone_of_site
from flexprint_server.mail.handover import a_worker, failed, hand_over
from flexprint_server.mail.hold import Held, insist
from flexprint_server.mail.means import Means
from flexprint_server.mail.relay import Line, RelayUnusable
from flexprint_server.mail.suppressions import suppressed
from flexprint_server.mail.unsubscribe import Subscription, token_for
from flexprint_server.reports import claims, fleet_rows, links, parts, wording
from flexprint_server.reports.addresses import file_name
from flexprint_server.reports.archive import Overfull
from flexprint_server.reports.claims import Claim, ClaimLost
from flexprint_server.reports.lists import list_of
from flexprint_server.reports.mail import Letter, Link, TooLarge, compose
from flexprint_server.reports.models import Delivery, Report
from flexprint_server.reports.wanted import Wanted, wanted_of, zone_of
from flexprint_server.reports.workbook.rows import About, DeviceRow, Summary, VolumeRow
from flexprint_server.reports.workbook.writing import Contents, write_workbook

_log: Final = logging.getLogger(__name__)
_BY_AGENT: Final = "Recipients are changed on the computer where the agent runs: flexprint-agent recipients"
_BY_DEALER: Final = "Recipients are changed by the dealer who looks after these printers."


def deliver(means: Means, report_id: int) -> None:
    """Builds and mails the report, if it is due and nobody else holds it. What goes wrong is noted in its row and
    tried again later. Only a database that is away comes out of here, and then the lease runs out by itself. Raises
    OperationalError, InterfaceError."""
    with means.database.transaction() as session:
        held = claims.claim(session, report_id, a_worker(), means.clock(), means.lease)
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
    reason = failed(held.step, error)
    with means.database.transaction() as session:
        if isinstance(error, Overfull):
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
        with means.database.snapshot(Scope(held.dealer_id)) as session:
            report = session.get_one(Report, held.report_id)
            wanted = wanted_of(report.wanted, report.site_id)
            # An agent's report goes by the clock of its site, a schedule's by the schedule's own.
            of_site = report.site_id if report.wanted is None else None
            zone = zone_of_site(session, held.dealer_id, of_site) if of_site else zone_of(wanted.zone)
            about = replace(
                fleet_rows.about(session, held.dealer_id, wanted.covers, now),
                name=wanted.name,
                zone=zone,
                since=wanted.since,
                until=wanted.until,
            )
            summary = _write(file, session, held.dealer_id, wanted, about)
        facts = wording.Facts(
            name=about.title,
            customer=about.customer,
            site=about.site,
            made_at=now.astimezone(zone),
            printers=summary.devices,
            since=wanted.since and wanted.since.astimezone(zone),
            until=wanted.until and wanted.until.astimezone(zone),
        )
        with means.database.transaction() as session:
            return claims.keep_workbook(
                session,
                held,
                title=about.title[:200],
                subject=wording.filled(wanted.subject or wording.SUBJECT, facts),
                file_name=file_name(wording.filled(wanted.file_name or wording.FILE_NAME, facts)),
                file=file,
                summary=summary,
                now=now,
            )


def _write(file: IO[bytes], session: Session, dealer_id: int, wanted: Wanted, about: About) -> Summary:
    """The cursors are closed whatever happens."""
    with ExitStack() as cursors:

        def devices(read_since: datetime | None = None) -> Iterator[DeviceRow]:
            rows = fleet_rows.device_rows(session, dealer_id, wanted.covers, about.made_at, read_since=read_since)
            return cursors.enter_context(closing(rows))

        volumes: Iterator[VolumeRow] = iter(())
        if "volume" in wanted.sheets and about.since and about.until:
            volumes = fleet_rows.volume_rows(session, devices(about.since), about.since, about.until)
        return write_workbook(file, about, devices(), Contents(wanted.sheets, wanted.columns), volumes)


# ---------------------------------------------------------------- sending


def _send(means: Means, held: Claim) -> None:
    """One SMTP transaction per recipient, each noted as soon as it is over."""
    with means.database.transaction(Scope(held.dealer_id)) as session:
        _leave_out(session, held, means.clock())
    with means.database.reading(Scope(held.dealer_id)) as session:
        deliveries = claims.waiting(session, held)
        letter = _letter(means, session, held) if deliveries else None
    if letter:
        of = _links(means, held) if isinstance(letter.workbook, TooLarge) else {}
        _hand_over_all(means, held, letter, deliveries, of)
    with means.database.transaction() as session:
        claims.settle(session, held, means.clock(), means.luck())


def _leave_out(session: Session, held: Claim, now: datetime) -> None:
    """Whoever is not to be written to."""
    waiting = {delivery.recipient: delivery.id for delivery in claims.waiting(session, held)}
    of = list_of(session.get_one(Report, held.report_id))
    for recipient, reason in suppressed(session, held.dealer_id, waiting, of).items():
        claims.record(session, waiting[recipient], "suppressed", reason, now)


def _letter(means: Means, session: Session, held: Claim) -> Letter:
    report = session.get_one(Report, held.report_id)
    assert report.built_at
    assert report.file_name
    assert report.summary
    title = report.title or "Printers"
    why, how = ("this site's reports", _BY_AGENT) if report.agent_id else (f"the schedule {title}", _BY_DEALER)
    subject = report.subject or title
    built_at, summary, name = report.built_at, report.summary, report.file_name
    zone = summary.get("zone") or wanted_of(report.wanted, report.site_id).zone
    workbook = _workbook(means, session, held)
    return Letter(title, subject, why, how, built_at, summary, name, workbook, list_of(report), zone)


def _workbook(means: Means, session: Session, held: Claim) -> bytes | TooLarge:
    stored = parts.find(held.dealer_id, session, held.report_id)
    assert stored, "it is stored together with the claim on sending it"
    if stored.size > means.largest_attachment:
        return TooLarge(stored.size)
    return b"".join(parts.part(session, stored, number) for number in range(stored.parts))


def _links(means: Means, held: Claim) -> dict[int, Link]:
    """Where each recipient that waits downloads the workbook, by delivery. Known before the mail is: whoever is quick
    finds it open."""
    with means.database.transaction(Scope(held.dealer_id)) as session:
        return {delivery.id: _link(means, delivery) for delivery in claims.waiting(session, held)}


def _link(means: Means, delivery: Delivery) -> Link:
    token, until = links.prepare(delivery, means.secret_key, means.clock())
    return Link(f"{means.public_url}/workbooks/{token}", until)


def _hand_over_all(
    means: Means, held: Claim, letter: Letter, deliveries: Sequence[Delivery], of: Mapping[int, Link]
) -> None:
    """`of` are the links in mails that carry no workbook, by delivery."""
    line: Line | None = None
    try:
        for delivery in deliveries:
            mail = compose(
                letter,
                mail_from=means.mail_from,
                recipient=delivery.recipient,
                message_id=delivery.message_id,
                unsubscribe=_unsubscribe(means, held, letter.list, delivery.recipient),
                bounce_to=means.bounce_to,
                link=of.get(delivery.id),
            )
            if line is None or not line.is_open:
                line = means.post.open()
            with means.database.transaction() as session:
                waits = claims.begin(session, held, delivery.id, means.clock(), means.lease)
            if waits:
                _note(means, delivery.id, *hand_over(line, mail))
    except RelayUnusable as error:
        _log.warning("report %d waits: %s", held.report_id, error)
        with means.database.transaction() as session:
            claims.defer_all(session, held, str(error), means.clock())
    finally:
        if line:
            line.close()


def _unsubscribe(means: Means, held: Claim, of: str, recipient: str) -> str:
    token = token_for(Subscription(held.dealer_id, of, recipient), means.secret_key)
    return f"{means.public_url}/unsubscribe/{token}"


def _note(means: Means, delivery_id: int, state: str, answer: str) -> None:
    def write() -> None:
        with means.database.transaction() as session:
            claims.record(session, delivery_id, state, answer, means.clock())

    if not insist(f"delivery {delivery_id} is {state}", write):
        raise ClaimLost("the database stayed away")
