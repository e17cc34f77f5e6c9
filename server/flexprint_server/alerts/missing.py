"""Which devices will have no read at the next cut-off, why, and the one thing to do about each.

A device that was not read for two days is not being read: unless something is done, the cut-off finds no read of it.
The decision is pure; the question groups devices by what decides, so that a hundred thousand of them are counted in
one walk and only a page of them is loaded.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from datetime import datetime, timedelta
from itertools import product
from operator import eq
from typing import Any, Final, Literal, NamedTuple, get_args

from sqlalchemy import Select, and_, case, cast, false, func, literal, not_, null, or_, select, union_all
from sqlalchemy.orm import Session, joinedload

from flexprint_server.alerts.refusal import is_refused
from flexprint_server.database import FEW_AT_A_TIME
from flexprint_server.fleet.models import Device, Doubt
from flexprint_server.fleet.rules import rules_of
from flexprint_server.tenants.agents import SILENCE, is_retired, is_silence
from flexprint_server.tenants.models import Agent, Site

QUIET_AFTER: Final = timedelta(days=2)
"""A device that was not read for longer is not being read."""

PAGE: Final = 50
"""Devices on one page."""

HowAgent = Literal["well", "silent", "refused", "gone"]
Reason = Literal["agent_refused", "agent_silent", "agent_gone", "doubt", "gone", "silent", "no_meter"]


class Step(NamedTuple):
    """A reason in words, and the one thing to do."""

    title: str
    why: str
    do: str


STEPS: Final[Mapping[Reason, Step]] = {
    "agent_refused": Step(
        "Agent refused",
        "What its agent sends is refused.",
        "Enrol the agent again with a new install key; what waits there is sent then.",
    ),
    "agent_silent": Step(
        "Agent silent",
        "Nothing has come from its agent.",
        "Have the computer with the agent switched on, and run flexprint-agent doctor there.",
    ),
    "agent_gone": Step(
        "Agent gone",
        "Its agent was retired, and no other one reads it.",
        "Install an agent at the site, or retire the device on its page.",
    ),
    "doubt": Step(
        "In doubt",
        "It may be another device by now: both bore the same key.",
        "Say on its page whether the two are one device.",
    ),
    "gone": Step(
        "Gone?",
        "Not read for so long that workbooks leave it out, although its agent is well.",
        "Retire it on its page, or find out where it went.",
    ),
    "silent": Step(
        "Device silent",
        "Its agent is well, and the device does not answer.",
        "Have it switched on; if its address has changed, run flexprint-agent search at the site.",
    ),
    "no_meter": Step(
        "No page meter",
        "It is read, and tells no total.",
        "Run flexprint-agent capture at the site and send the file, so that its model is learnt.",
    ),
}
"""In the order in which they are looked for: one agent put right is worth forty devices."""


@dataclass(slots=True, frozen=True)
class Facts:
    """What decides: whether the device is being read, and tells a total; how its agent is; whether somebody has to say
    who it is; whether it has been silent for so long that workbooks leave it out."""

    is_read: bool
    has_total: bool
    agent: HowAgent
    has_doubt: bool
    for_long: bool


_YES_NO: Final = (True, False)
_ALL_FACTS: Final = [Facts(*facts) for facts in product(_YES_NO, _YES_NO, get_args(HowAgent), _YES_NO, _YES_NO)]


def why(facts: Facts) -> Reason | None:
    """Why the device will have no read; None where it will have one."""
    if facts.is_read:
        return None if facts.has_total else "no_meter"
    if facts.agent != "well":
        return _OF_AGENTS[facts.agent]
    if facts.has_doubt:
        return "doubt"
    return "gone" if facts.for_long else "silent"


_OF_AGENTS: Final[Mapping[str, Reason]] = {
    "refused": "agent_refused",
    "silent": "agent_silent",
    "gone": "agent_gone",
}


def next_cutoff(now: datetime) -> datetime:
    """The end of this month by the clock that `now` goes by."""
    return datetime(now.year + now.month // 12, now.month % 12 + 1, 1, tzinfo=now.tzinfo)


@dataclass(slots=True, frozen=True)
class Missed:
    device: Device
    reason: Reason
    step: Step


@dataclass(slots=True, frozen=True)
class MissingPage:
    """`counts` by reason, of all; `missed` are those of this page, of the wanted reason alone where one is wanted."""

    fleet: int
    counts: Mapping[Reason, int]
    missed: Sequence[Missed]
    matching: int
    number: int

    @property
    def all(self) -> int:
        return sum(self.counts.values())

    @property
    def pages(self) -> int:
        return max(-(-self.matching // PAGE), 1)


def missing(
    dealer_id: int, session: Session, now: datetime, *, reason: Reason | None = None, number: int = 1
) -> MissingPage:
    """The devices that will have no read, longest silent first, PAGE on a page; the last page there is when `number`
    lies beyond the end."""
    # Walks over the devices are what this costs: one counts them all, another one passes by most of them.
    in_fleet = select(func.count()).select_from(Device).where(Device.dealer_id == dealer_id, Device.in_fleet)
    fleet = session.scalar(in_fleet) or 0
    counts, listed = _counted_and_listed(dealer_id, session, now, reason, number)
    matching = counts[reason] if reason else sum(counts.values())
    last = max(-(-matching // PAGE), 1)
    if number > last:
        number = last
        counts, listed = _counted_and_listed(dealer_id, session, now, reason, number)
    devices = _loaded(dealer_id, session, [device_id for device_id, _ in listed])
    missed = [_missed(devices[device_id], facts) for device_id, facts in listed]
    return MissingPage(fleet, counts, missed, matching, number)


def _counted_and_listed(
    dealer_id: int, session: Session, now: datetime, reason: Reason | None, number: int
) -> tuple[dict[Reason, int], list[tuple[int, Facts]]]:
    """In one question: all of them by reason, and those of a page."""
    told = _told(dealer_id, session, now).cte("told").prefix_with("MATERIALIZED", dialect="postgresql").c
    flags = (told.is_read, told.has_total, told.agent, told.has_doubt, told.for_long)
    page = select(told.id, told.last_read_at, *flags, literal(1).label("count"))
    if reason:
        page = page.where(or_(*(and_(*map(eq, flags, astuple(facts))) for facts in _ALL_FACTS if why(facts) == reason)))
    page = page.order_by(told.last_read_at, told.id).limit(PAGE).offset((number - 1) * PAGE)
    nothing = (cast(null(), told.id.type), cast(null(), told.last_read_at.type))
    counted = select(*nothing, *flags, func.count()).group_by(*flags)
    counts: dict[Reason, int] = dict.fromkeys(STEPS, 0)
    listed: list[tuple[datetime, int, Facts]] = []
    for device_id, last_read_at, *values, count in session.execute(union_all(counted, select(page.subquery()))):
        facts = _facts(values)
        if device_id is None:
            counts[_reason(facts)] += count
        else:
            listed.append((last_read_at, device_id, facts))
    # A union promises no order.
    return counts, [(device_id, facts) for _, device_id, facts in sorted(listed, key=lambda one: one[:2])]


def every_missed(dealer_id: int, session: Session, now: datetime, reason: Reason | None = None) -> Iterator[Missed]:
    """All of them, or those of one reason, in the same order, a few at a time."""
    told = _told(dealer_id, session, now).subquery().c
    flags = (told.is_read, told.has_total, told.agent, told.has_doubt, told.for_long)
    asked = select(told.id, *flags).order_by(told.last_read_at, told.id)
    for some in session.execute(asked, execution_options=FEW_AT_A_TIME).partitions():
        wanted = {row[0]: facts for row in some if (cause := why(facts := _facts(row[1:]))) and reason in (None, cause)}
        devices = _loaded(dealer_id, session, list(wanted))
        yield from (_missed(devices[device], facts) for device, facts in wanted.items())


def _told(dealer_id: int, session: Session, now: datetime) -> Select[*tuple[Any, ...]]:
    """The devices of the fleet of which why() says something, each with its Facts by name: most are read and tell a
    total. An agent that the visitor does not see reads the device from another site, and is none to look after."""
    rules = rules_of(session, dealer_id)
    open_doubts = (Doubt.dealer_id == dealer_id, Doubt.settled_at.is_(None))
    doubted = union_all(select(Doubt.device_id).where(*open_doubts), select(Doubt.other_id).where(*open_doubts))
    how = case(
        (is_retired(), "gone"),
        (Agent.id.in_(select(Agent.id).where(Agent.dealer_id == dealer_id, is_refused())), "refused"),
        (SILENCE.c.opened_at.is_not(None), "silent"),
        else_="well",
    )
    is_read = Device.last_read_at >= now - QUIET_AFTER
    # By itself, so that PostgreSQL has the walk shared out among its workers before anything is joined to its few rows.
    passed = (
        select(
            Device.id,
            Device.agent_id,
            Device.last_read_at,
            is_read.label("is_read"),
            Device.total.is_not(None).label("has_total"),
            rules.dropped_ones(now).label("for_long"),
        )
        .where(Device.dealer_id == dealer_id, Device.in_fleet, not_(and_(is_read, Device.total.is_not(None))))
        .cte("passed")
        .prefix_with("MATERIALIZED", dialect="postgresql")
    )
    some = passed.c
    return (
        select(
            some.id,
            some.last_read_at,
            some.is_read,
            some.has_total,
            how.label("agent"),
            # Not looked for where it decides nothing.
            case((some.is_read, false()), else_=some.id.in_(doubted)).label("has_doubt"),
            some.for_long,
        )
        .select_from(passed)
        .outerjoin(Agent, Agent.id == some.agent_id)
        .outerjoin(SILENCE, is_silence())
    )


def _facts(values: Sequence[Any]) -> Facts:
    is_read, has_total, agent, has_doubt, for_long = values
    return Facts(bool(is_read), bool(has_total), agent, bool(has_doubt), bool(for_long))


def _loaded(dealer_id: int, session: Session, ids: Sequence[int]) -> dict[int, Device]:
    asked = select(Device).where(Device.dealer_id == dealer_id, Device.id.in_(ids))
    with_place = asked.options(joinedload(Device.site).joinedload(Site.customer))
    return {device.id: device for device in session.scalars(with_place)}


def _missed(device: Device, facts: Facts) -> Missed:
    reason = _reason(facts)
    return Missed(device, reason, STEPS[reason])


def _reason(facts: Facts) -> Reason:
    reason = why(facts)
    assert reason is not None, "only what may be missed was asked for"
    return reason
