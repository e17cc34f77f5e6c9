"""Schedules: kept by people, run by the scheduler. The row is the truth: whoever moves `next_at` on has the run, and
writes the report in the same transaction. A run that was missed is caught up once."""

import logging
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import msgspec
from sqlalchemy import CursorResult, select, update
from sqlalchemy.orm import Session

from flexprint_server.database import Database
from flexprint_server.mail import suppressions
from flexprint_server.reports import wording
from flexprint_server.reports.addresses import distinct
from flexprint_server.reports.models import Delivery, Report, Schedule
from flexprint_server.reports.wanted import SHEETS, Covers, Period, SheetName, Wanted, period, zone_of
from flexprint_server.reports.workbook.devices import COLUMNS
from flexprint_shared.addresses import MOST_RECIPIENTS, is_address
from flexprint_shared.recurrence import Recurrence, parse_recurrence
from flexprint_shared.text import clean

_log: Final = logging.getLogger(__name__)

PAGE: Final = 50
"""Schedules on one page."""

LONGEST_NAME: Final = 120

MOST_AT_ONCE: Final = 100
"""Schedules that one pass runs."""

MOST_BY_HAND: Final = 20
"""Runs of one dealer's schedules within an hour that people may ask for: each mails up to MOST_RECIPIENTS people."""

_HOUR: Final = timedelta(hours=1)


class ScheduleUnfit(ValueError):
    """A schedule cannot be kept as it was typed. `faults` are (field, what is wrong and what to write)."""

    def __init__(self, faults: Sequence[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{field}: {fault}" for field, fault in faults))
        self.faults = tuple(faults)


@dataclass(slots=True, frozen=True)
class Typed:
    """A schedule as somebody typed it. `recurrence` is a line of flexprint_shared.recurrence; `unclear` says what of
    that which it is to cover could not be found."""

    name: str
    recurrence: str
    zone: str
    covers: Covers
    recipients: Sequence[str]
    sheets: Sequence[str]
    columns: Sequence[str]
    period: str
    subject: str
    file_name: str
    unclear: Sequence[str] = ()


def checked(typed: Typed) -> Recurrence:
    """Its recurrence, once everything is known to fit. Raises ScheduleUnfit, which names every fault at once."""
    faults: list[tuple[str, str]] = []
    if not typed.name:
        faults.append(("name", "give it a name that people will know it by"))
    recurrence = None
    try:
        recurrence = parse_recurrence(typed.recurrence)
    except ValueError as error:
        faults.append(("recurrence", str(error)))
    try:
        zone_of(typed.zone)
    except ValueError as error:
        faults.append(("zone", str(error)))
    faults += [("covers", line) for line in typed.unclear]
    if typed.covers.kind != "all" and not (typed.covers.ids or typed.covers.names or typed.unclear):
        faults.append(("covers", f"name at least one of the {typed.covers.kind}"))
    faults += [("recipients", fault) for fault in _recipient_faults(typed.recipients)]
    for field, template in (("subject", typed.subject), ("file_name", typed.file_name)):
        try:
            wording.check(template)
        except wording.TemplateUnfit as error:
            faults.append((field, str(error)))
    if faults or recurrence is None:
        raise ScheduleUnfit(faults)
    return recurrence


def _recipient_faults(recipients: Sequence[str]) -> list[str]:
    wrong = [f"{clean(recipient, 80)} is no mail address" for recipient in recipients if not is_address(recipient)]
    if not recipients:
        return ["name at least one recipient"]
    return (
        [f"{len(recipients)} recipients; {MOST_RECIPIENTS} is the most"] if len(recipients) > MOST_RECIPIENTS else wrong
    )


def keep(
    session: Session, dealer_id: int, typed: Typed, who: str, now: datetime, schedule: Schedule | None = None
) -> Schedule:
    """A new schedule, or `schedule` changed. Raises ScheduleUnfit."""
    recurrence = checked(typed)
    same_name = select(Schedule.id).where(Schedule.dealer_id == dealer_id, Schedule.name == typed.name)
    if session.scalar(same_name.where(Schedule.id != (schedule.id if schedule else 0))):
        raise ScheduleUnfit([("name", "there is a schedule of this name already")])
    if schedule is None:
        schedule = Schedule(dealer_id=dealer_id, created_at=now, created_by=who)
        session.add(schedule)
    is_paused = schedule.id is not None and schedule.next_at is None
    schedule.name = typed.name
    schedule.recurrence, schedule.zone = str(recurrence), typed.zone
    schedule.covers = msgspec.to_builtins(typed.covers)
    schedule.recipients = distinct(typed.recipients)
    schedule.sheets = [name for name in SHEETS if name in typed.sheets]
    schedule.columns = [key for key in COLUMNS if key in typed.columns]
    schedule.period = typed.period
    schedule.subject, schedule.file_name = typed.subject, typed.file_name
    schedule.next_at = None if is_paused else recurrence.next_after(now, zone_of(typed.zone))
    session.flush()
    return schedule


def pause(schedule: Schedule) -> None:
    schedule.next_at = None


def resume(schedule: Schedule, now: datetime) -> None:
    """Goes on with the next run; those missed while it was paused are not caught up."""
    schedule.next_at = next_run(schedule, now)


def next_run(schedule: Schedule, now: datetime) -> datetime:
    return parse_recurrence(schedule.recurrence).next_after(now, zone_of(schedule.zone))


def coming_runs(recurrence: Recurrence, zone: str, now: datetime, count: int = 3) -> Iterator[datetime]:
    """The next times, on the clock of the zone."""
    at = now
    for _ in range(count):
        at = recurrence.next_after(at, zone_of(zone))
        yield at.astimezone(zone_of(zone))


def remove(session: Session, schedule: Schedule) -> None:
    """Its reports stay."""
    session.execute(update(Report).where(Report.schedule_id == schedule.id).values(schedule_id=None))
    suppressions.forget(session, schedule.dealer_id, f"schedule:{schedule.id}")
    session.delete(schedule)


def of_dealer(session: Session, dealer_id: int, number: int = 1) -> list[Schedule]:
    """Page `number` of PAGE schedules, and one more (there is a next page when it came); those that run next first,
    paused ones last."""
    asked = select(Schedule).where(Schedule.dealer_id == dealer_id)
    in_order = asked.order_by(Schedule.next_at.is_(None), Schedule.next_at, Schedule.name)
    return list(session.scalars(in_order.limit(PAGE + 1).offset((number - 1) * PAGE)))


def one_of(session: Session, dealer_id: int, schedule_id: int) -> Schedule | None:
    return session.scalar(select(Schedule).where(Schedule.dealer_id == dealer_id, Schedule.id == schedule_id))


# ---------------------------------------------------------------- running


def run_due(database: Database, now: datetime, mail_domain: str) -> list[int]:
    """Asks for the report of every schedule that is due, and gives their numbers. Of two schedulers that look at the
    same time one has each run; a run that was missed is caught up once, however often it was."""
    with database.reading() as session:
        asked = select(Schedule.id).where(Schedule.next_at <= now).order_by(Schedule.next_at).limit(MOST_AT_ONCE)
        due = session.scalars(asked).all()
    reports = []
    for schedule_id in due:
        with database.transaction() as session:
            report = _run(session, schedule_id, now, mail_domain)
        if report is not None:
            reports.append(report)
    return reports


def _run(session: Session, schedule_id: int, now: datetime, mail_domain: str) -> int | None:
    schedule = session.get(Schedule, schedule_id)
    if schedule is None or schedule.next_at is None or schedule.next_at > now:
        return None
    due_at = schedule.next_at
    before = schedule.last_run_at or schedule.created_at
    moved = session.execute(
        update(Schedule)
        .where(Schedule.id == schedule_id, Schedule.next_at == due_at)
        .values(next_at=next_run(schedule, now), last_run_at=due_at),
        execution_options={"synchronize_session": False},
    )
    assert isinstance(moved, CursorResult)
    if moved.rowcount != 1:
        return None
    return request_run(session, schedule, now, mail_domain, due_at=due_at, before=before)


def request_run(
    session: Session,
    schedule: Schedule,
    now: datetime,
    mail_domain: str,
    *,
    due_at: datetime | None,
    before: datetime,
    recipients: Sequence[str] | None = None,
) -> int:
    """The number of a new report of the schedule, due now. `due_at` is None for a run that a person asked for; `before`
    is when the run before it was."""
    wanted = wanted_at(schedule, due_at or now, before)
    report = Report(
        dealer_id=schedule.dealer_id,
        schedule_id=schedule.id,
        scheduled_for=due_at,
        title=schedule.name,
        wanted=wanted.as_json(),
        state="due",
        requested_at=due_at or now,
        created_at=now,
        next_attempt_at=now,
        deliveries=[
            delivery_to(schedule.dealer_id, recipient, mail_domain, now)
            for recipient in distinct(schedule.recipients if recipients is None else recipients)
        ],
    )
    session.add(report)
    session.flush()
    return report.id


def delivery_to(dealer_id: int, recipient: str, mail_domain: str, now: datetime) -> Delivery:
    """A mail that is to be sent."""
    return Delivery(
        dealer_id=dealer_id,
        recipient=recipient,
        message_id=f"<{uuid.uuid4().hex}@{mail_domain}>",
        state="queued",
        changed_at=now,
    )


def wanted_at(schedule: Schedule, at: datetime, before: datetime) -> Wanted:
    """What the report of the run at `at` is to be; the run before it was at `before`."""
    zone = zone_of(schedule.zone)
    kind: Period = msgspec.convert(schedule.period, Period)
    since, until = period(kind, at.astimezone(zone), before.astimezone(zone)) or (None, None)
    sheets: tuple[SheetName, ...] = msgspec.convert(schedule.sheets, tuple[SheetName, ...])
    return Wanted(
        covers=msgspec.convert(schedule.covers, Covers),
        name=schedule.name,
        sheets=tuple(name for name in sheets if name != "volume" or until),
        columns=tuple(schedule.columns),
        subject=schedule.subject,
        file_name=schedule.file_name,
        zone=schedule.zone,
        since=since,
        until=until,
    )


def may_run_by_hand(session: Session, dealer_id: int, now: datetime) -> bool:
    """False when people asked for so many runs within the last hour that the next one has to wait."""
    asked = select(Report.id).where(
        Report.dealer_id == dealer_id,
        Report.agent_id.is_(None),
        Report.scheduled_for.is_(None),
        Report.created_at > now - _HOUR,
    )
    return len(session.scalars(asked.limit(MOST_BY_HAND)).all()) < MOST_BY_HAND
