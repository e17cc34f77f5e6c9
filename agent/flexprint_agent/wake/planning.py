"""What a wake has to do now, and when the next one is due."""

from dataclasses import dataclass
from datetime import datetime

from flexprint_agent.keep import Keep
from flexprint_agent.keep.home import appoint
from flexprint_agent.keep.notes import LAST_ROUND, NEXT_WAKE
from flexprint_agent.service import schedule
from flexprint_agent.settings import Settings
from flexprint_agent.wake.finding import search_due
from flexprint_agent.wake.sending import workbook_at


@dataclass(slots=True, frozen=True)
class Due:
    """Sending what waits is due at every wake."""

    search: bool
    round: bool
    """Every known printer is asked."""


def chance(keep: Keep) -> float:
    """The agent's place among all agents, from 0 to below 1."""
    enrolment = keep.enrolments.get()
    return schedule.luck(str(enrolment.agent) if enrolment else str(keep.home))


def due(keep: Keep, settings: Settings, at: datetime) -> Due:
    """What a wake of the service has to do: without a collector nothing. Before a workbook is asked for, the printers
    are."""
    if keep.enrolments.get() is None:
        return Due(search=False, round=False)
    search = search_due(keep, settings, at)
    workbook = workbook_at(keep, settings, at)
    last = keep.notes.instant(LAST_ROUND)
    regular = schedule.round_due(at, last, settings.wakes_per_day, chance(keep))
    return Due(search, search or regular or (workbook is not None and workbook <= at))


def plan(keep: Keep, settings: Settings, at: datetime, *, awake: bool = False) -> datetime:
    """Makes the appointment for the next wake, which the sleeping process keeps. To be called at the end of each wake
    (`awake`), and after each change of what it goes by."""
    place = chance(keep)
    waiting = keep.spool.next_waiting()
    following = schedule.next_wake(
        at,
        keep.notes.instant(LAST_ROUND) if keep.enrolments.get() else at,
        wakes_per_day=settings.wakes_per_day,
        chance=place,
        workbook_at=workbook_at(keep, settings, at),
        attempts=waiting[0].attempts if waiting else 0,
    )
    if awake:
        following = schedule.after_wake(at, following)
    keep.notes.put_instant(NEXT_WAKE, following)
    appoint(keep.home, following, schedule.delay_when_missed(place))
    return following
