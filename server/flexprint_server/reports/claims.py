"""Who works on a report, and what became of it. The row decides; every change is conditional on the claim.

due -> building -> sending -> sent          a worker holds it by a lease from the first arrow on
|           |  '-> built             deferred: handed back until next_attempt_at
'-> due     '----> failed            after the last try
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import IO, Final

from sqlalchemy import CursorResult, Update, case, func, literal, or_, select, update
from sqlalchemy.orm import Session

from flexprint_server.reports import parts
from flexprint_server.reports.models import Delivery, Report
from flexprint_server.reports.retries import TRIES, Step, next_attempt
from flexprint_server.reports.workbook.rows import Summary

NO_RECIPIENTS: Final = "nobody to mail it to; add recipients with `flexprint-agent recipients add ADDRESS`"

_WAITING: Final = ("queued", "deferred")


class ClaimLost(Exception):
    """Another worker has taken the report over: this one was away for longer than its lease."""


@dataclass(slots=True, frozen=True)
class Claim:
    """A report that this worker holds as `by`. `attempts` counts those at `step`, the present one included."""

    report_id: int
    dealer_id: int
    by: str
    step: Step
    attempts: int

    @property
    def is_one_too_many(self) -> bool:
        """True when so many workers have died over it that the next one would, too."""
        return self.attempts > TRIES[self.step]


def due(session: Session, now: datetime, most: int) -> list[int]:
    """Reports that a worker should look at and none holds, those that have waited longest first."""
    return list(
        session.scalars(
            select(Report.id)
            .where(Report.next_attempt_at <= now, or_(Report.lease_until.is_(None), Report.lease_until <= now))
            .order_by(Report.next_attempt_at, Report.id)
            .limit(most)
        )
    )


def claim(session: Session, report_id: int, by: str, now: datetime, lease: timedelta) -> Claim | None:
    """Takes the report for `lease`, or None when it is not due or somebody holds it. One conditional update: of
    two workers that try at the same time exactly one gets it, on SQLite and on PostgreSQL."""
    taken = _change(
        session,
        update(Report)
        .where(
            Report.id == report_id,
            Report.next_attempt_at <= now,
            or_(Report.lease_until.is_(None), Report.lease_until <= now),
        )
        .values(
            claimed_by=by,
            lease_until=now + lease,
            attempts=Report.attempts + 1,
            state=case((Report.built_at.is_(None), "building"), else_="sending"),
        ),
    )
    if not taken:
        return None
    report = session.get_one(Report, report_id)
    step: Step = "building" if report.built_at is None else "sending"
    return Claim(report.id, report.dealer_id, by, step, report.attempts)


def renew(session: Session, held: Claim, now: datetime, lease: timedelta) -> bool:
    """Holds the report for `lease` from now on; False when somebody else has it."""
    return _change_held(session, held, lease_until=now + lease)


def keep_workbook(
    session: Session,
    held: Claim,
    *,
    title: str,
    subject: str,
    file_name: str,
    file: IO[bytes],
    summary: Summary,
    now: datetime,
) -> Claim:
    """Stores the workbook. What is left is the sending, as a claim of its own. Raises ClaimLost."""
    _insist_on(
        _change_held(
            session,
            held,
            state="sending",
            attempts=1,
            built_at=now,
            title=title,
            subject=subject,
            file_name=file_name,
            devices=summary.devices,
            summary=asdict(summary),
            error=None,
        )
    )
    parts.keep(session, held.report_id, file)
    return Claim(held.report_id, held.dealer_id, held.by, "sending", 1)


def waiting(session: Session, held: Claim) -> Sequence[Delivery]:
    """The deliveries still to be made. Those that failed more often come later, so that one recipient whose
    server hangs keeps nobody waiting."""
    return session.scalars(
        select(Delivery)
        .where(Delivery.report_id == held.report_id, Delivery.state.in_(_WAITING))
        .order_by(Delivery.attempts, Delivery.id)
    ).all()


def begin(session: Session, held: Claim, delivery_id: int, now: datetime, lease: timedelta) -> bool:
    """Notes that the mail is about to be handed over. False when it waits no longer, because the worker before
    this one has noted its outcome only now: then it must not be, nor when this raises ClaimLost."""
    _insist_on(renew(session, held, now, lease))
    return _change(
        session,
        update(Delivery)
        .where(Delivery.id == delivery_id, Delivery.state.in_(_WAITING))
        .values(attempts=Delivery.attempts + 1),
    )


def record(session: Session, delivery_id: int, state: str, answer: str, now: datetime) -> None:
    """What the mail server said. An acceptance is a fact, whoever holds the report by now; and a mail may have come
    back before it was noted."""
    accepted_at = now if state == "accepted" else None
    session.execute(
        update(Delivery)
        .where(Delivery.id == delivery_id, Delivery.state.notin_(("accepted", "bounced")))
        .values(state=state, answer=answer, changed_at=now, accepted_at=accepted_at)
    )


def defer_all(session: Session, held: Claim, reason: str, now: datetime) -> None:
    """The mail server could not be used at all: whoever still waits goes on waiting, and why is seen."""
    session.execute(
        update(Delivery)
        .where(Delivery.report_id == held.report_id, Delivery.state.in_(_WAITING))
        .values(state="deferred", answer=reason, changed_at=now)
    )


def put_back(session: Session, held: Claim, reason: str, now: datetime, luck: float) -> None:
    """The attempt came to nothing; the next one is due later, or the report has failed."""
    again = next_attempt(held.step, held.attempts, now, luck)
    if again is None:
        give_up(session, held, reason, now)
    else:
        state = "due" if held.step == "building" else "built"
        _let_go(session, held, state=state, next_attempt_at=again, error=reason)


def give_up(session: Session, held: Claim, reason: str, now: datetime) -> None:
    """No further attempt. Whoever has not got the mail will not get it."""
    session.execute(
        update(Delivery)
        .where(Delivery.report_id == held.report_id, Delivery.state.in_(_WAITING))
        .values(
            state="refused",
            answer=literal(f"given up after {held.attempts} attempts: ") + func.coalesce(Delivery.answer, reason),
            changed_at=now,
        )
    )
    _let_go(session, held, state="failed", next_attempt_at=None, error=reason)


def settle(session: Session, held: Claim, now: datetime, luck: float) -> None:
    """Closes the attempt by what the deliveries have come to."""
    deliveries = session.scalars(
        select(Delivery).where(Delivery.report_id == held.report_id).order_by(Delivery.id)
    ).all()
    missed = [delivery for delivery in deliveries if delivery.state != "accepted"]
    reason = "; ".join(_by_answer(missed)) or None
    if any(delivery.state in _WAITING for delivery in deliveries):
        put_back(session, held, reason or "", now, luck)
    elif all(delivery.state == "suppressed" for delivery in deliveries):
        _let_go(session, held, state="built", next_attempt_at=None, error=reason or NO_RECIPIENTS)
    elif len(missed) < len(deliveries):
        _let_go(session, held, state="sent", next_attempt_at=None, error=reason, sent_at=now)
    else:
        _let_go(session, held, state="failed", next_attempt_at=None, error=reason)


def _by_answer(deliveries: Sequence[Delivery]) -> list[str]:
    """Each answer once, behind those who got it."""
    recipients: dict[str, list[str]] = {}
    for delivery in deliveries:
        recipients.setdefault(delivery.answer or "not handed over yet", []).append(delivery.recipient)
    return [f"{', '.join(names)}: {answer}" for answer, names in recipients.items()]


def _let_go(session: Session, held: Claim, **values: object) -> None:
    _insist_on(_change_held(session, held, claimed_by=None, lease_until=None, **values))


def _change_held(session: Session, held: Claim, **values: object) -> bool:
    return _change(
        session, update(Report).where(Report.id == held.report_id, Report.claimed_by == held.by).values(**values)
    )


def _change(session: Session, statement: Update) -> bool:
    result = session.execute(statement, execution_options={"synchronize_session": False})
    assert isinstance(result, CursorResult)
    return result.rowcount == 1


def _insist_on(changed: bool) -> None:
    if not changed:
        raise ClaimLost("another worker has taken this report over")
