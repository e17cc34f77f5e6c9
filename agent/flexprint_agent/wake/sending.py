"""Pending reads -> batches -> the collector."""

import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Final, Self

from flexprint_agent import __version__
from flexprint_agent.errors import AgentError
from flexprint_agent.keep import Keep
from flexprint_agent.keep.leaving import Leaving, Masks, mask_key
from flexprint_agent.keep.notes import REPORT_PERIOD
from flexprint_agent.settings import PERIODS, Settings
from flexprint_agent.wake.chosen import recipients
from flexprint_agent.wake.reading import Clock
from flexprint_shared.times import rfc3339

if TYPE_CHECKING:
    from flexprint_agent.keep.enrolment import Enrolment, Seal
    from flexprint_agent.send.client import Collector, Route

NOTHING_SENT: Final[Mapping[str, int]] = {
    "batches": 0,
    "reads": 0,
    "acknowledged": 0,
    "waiting": 0,
    "refused": 0,
    "bytes": 0,
}


@dataclass(slots=True, frozen=True)
class Handed:
    """What a send did, as `send --json` prints it, and why batches wait on or were refused."""

    result: dict[str, int]
    failure: AgentError | None


def report_period(every: str, day: date) -> str | None:
    """The name of the period that `day` lies in; None where no workbook is asked for by itself."""
    year, week, _ = day.isocalendar()
    return {"daily": day.isoformat(), "weekly": f"{year}-W{week:02}", "monthly": f"{day:%Y-%m}"}.get(every)


def workbook_at(keep: Keep, settings: Settings, at: datetime) -> datetime | None:
    """When the workbook is due next, or has been since; None where it has no time of its own, or goes to nobody."""
    enrolment = keep.enrolments.get()
    if settings.report_every in PERIODS or enrolment is None or not recipients(keep):
        return None
    from flexprint_agent.service.schedule import workbook_due_at
    from flexprint_shared.recurrence import parse_recurrence

    asked = keep.spool.last_report_at() or enrolment.enrolled_at
    return workbook_due_at(parse_recurrence(settings.report_every), asked, at)


def _report_for(keep: Keep, settings: Settings, at: datetime, *, asked: bool) -> str | None:
    """The period to ask the workbook for: now if a person asked, else when it is due, or once in each period with
    recipients."""
    period = report_period(settings.report_every, at.astimezone().date())
    if asked:
        return period or at.astimezone().date().isoformat()
    if settings.report_every not in PERIODS:
        due = workbook_at(keep, settings, at)
        return rfc3339(due) if due is not None and due <= at else None
    return period if period != keep.notes.get(REPORT_PERIOD) and recipients(keep) else None


class Line:
    """The connection of one wake to the collector: opened when it is first needed, closed at the end of `with`."""

    def __init__(self, keep: Keep, settings: Settings, sleep: Callable[[float], None] = time.sleep) -> None:
        self._keep = keep
        self._settings = settings
        self._sleep = sleep
        self._opened: Collector | None = None

    def collector(self) -> "Collector":
        """Raises NotEnrolled, BadRoute."""
        from flexprint_agent.send.client import Collector

        if self._opened is None:
            self._opened = Collector(route(self._keep.enrolments.require(), self._settings), sleep=self._sleep)
        return self._opened

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._opened is not None:
            self._opened.close()


def hand_over(
    keep: Keep,
    settings: Settings,
    now: Clock,
    *,
    report: bool = False,
    sleep: Callable[[float], None] = time.sleep,
    line: Line | None = None,
) -> Handed:
    """Makes batches of what is pending and sends all that waits, in order; `report` asks for the workbook whatever
    the day. Raises NotEnrolled."""
    if line is None:
        with Line(keep, settings, sleep) as own:
            return hand_over(keep, settings, now, report=report, line=own)
    enrolment = keep.enrolments.require()
    make_batches(keep, settings, now, report=report)
    if not keep.spool.count("waiting"):
        return Handed(dict(NOTHING_SENT), None)
    return _send_waiting(keep, line.collector(), enrolment, now)


def make_batches(keep: Keep, settings: Settings, now: Clock, *, report: bool = False) -> None:
    """Seals what is pending, with the workbook asked for where it is due. Raises NotEnrolled."""
    enrolment = keep.enrolments.require()
    report_for = _report_for(keep, settings, now(), asked=report)
    if keep.spool.pending() or report_for is not None:
        from flexprint_shared.batch import Sender

        leaving = leaving_of(keep, settings)
        keep.spool.make_batches(
            keep.enrolments.sealer(enrolment),
            sender=Sender(__version__, leaving.host(socket.gethostname())),
            recipients=recipients(keep),
            now=now(),
            report_for=report_for,
            leaving=leaving,
        )


def _send_waiting(keep: Keep, collector: "Collector", enrolment: "Enrolment", now: Clock) -> Handed:
    from flexprint_agent.send.errors import DeliveryError, NotAccepted, Refused

    seal: Seal = keep.enrolments.sealer(enrolment)
    result = dict(NOTHING_SENT) | {"batches": keep.spool.count("waiting")}
    failure: AgentError | None = None
    after, before = 0, collector.octets
    renumbered = set()
    while following := keep.spool.next_waiting(after):
        batch, sealed = following
        try:
            result["reads"] += collector.hand_over(sealed, batch.hash)
        except Refused as refusal:
            # Where the chain stands is said of the agent that sealed this batch, and of no later one.
            newest = refusal.newest if batch.agent == str(enrolment.agent) else None
            if refusal.problem == "stale-sequence" and newest is not None and batch.number not in renumbered:
                # This home was restored from a copy: its reads are good, only their number is taken.
                renumbered.add(batch.number)
                keep.spool.renumber(seal, newest)
                continue
            keep.spool.set_aside(batch.number, str(refusal), now(), seal=seal, newest=newest)
            result["refused"] += 1
            failure = refusal
        except DeliveryError as error:
            unknown = isinstance(error, NotAccepted) and error.problem == "unknown-agent"
            if unknown and batch.agent != str(enrolment.agent):
                # Sealed before this agent enrolled again, and the collector has forgotten the agent it was.
                keep.spool.chain_again(seal)
                continue
            keep.spool.attempted(batch.number, str(error), now())
            failure = error
            break
        else:
            keep.spool.acknowledge(batch.hash, now())
            result["acknowledged"] += 1
        after = batch.number
    result["waiting"] = keep.spool.count("waiting")
    result["bytes"] = collector.octets - before
    return Handed(result, failure)


def leaving_of(keep: Keep, settings: Settings) -> Leaving:
    """What the site wants to keep of what it sends."""
    masks = Masks(settings.mask_address, settings.mask_host, settings.mask_location, settings.mask_contact)
    return Leaving(masks, mask_key(keep.notes) if masks.address else b"")


def route(enrolment: "Enrolment", settings: Settings) -> "Route":
    from flexprint_agent.send.client import Route

    return Route(
        server=enrolment.server,
        ca=settings.ca,
        proxy=settings.proxy,
        proxy_user=settings.proxy_user,
        proxy_password=settings.proxy_password,
        insecure_loopback=enrolment.insecure_loopback,
        proxy_pac=settings.proxy_pac,
    )
