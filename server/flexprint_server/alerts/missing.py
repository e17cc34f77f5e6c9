"""Which devices will have no read at the next cut-off, why, and the one thing to do about each.

A device that was not read for two days is not being read: unless something is done, the cut-off finds no read of it.
The decision is pure; the question groups devices by what decides, so that a hundred thousand of them are counted in
one walk and only a page of them is loaded.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, and_, false, func, or_, select
from sqlalchemy.orm import Session, joinedload

from flexprint_server.alerts.silence import WITHOUT_PROMISE
from flexprint_server.fleet.models import Device, Doubt
from flexprint_server.fleet.summary import DROPPED_AFTER
from flexprint_server.tenants.models import Agent, Site

QUIET_AFTER: Final = timedelta(days=2)
"""A device that was not read for longer is not being read."""

PAGE: Final = 50
"""Devices on one page."""

_MOST_DOUBTS: Final = 1_000

Reason = Literal["agent_refused", "agent_silent", "doubt", "gone", "silent", "no_meter"]


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
    "doubt": Step(
        "In doubt",
        "It may be another device by now: both bore the same key.",
        "Say on its page whether the two are one device.",
    ),
    "gone": Step(
        "Gone?",
        "Not read for a month, although its agent is well.",
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
    who it is; whether it has been silent for a month."""

    is_read: bool
    has_total: bool
    agent: Literal["well", "silent", "refused"]
    has_doubt: bool
    for_a_month: bool


def why(facts: Facts) -> Reason | None:
    """Why the device will have no read; None where it will have one."""
    if facts.is_read:
        return None if facts.has_total else "no_meter"
    if facts.agent != "well":
        return "agent_refused" if facts.agent == "refused" else "agent_silent"
    if facts.has_doubt:
        return "doubt"
    return "gone" if facts.for_a_month else "silent"


def next_cutoff(now: datetime) -> datetime:
    """The end of this month, in UTC."""
    utc = now.astimezone(UTC)
    return datetime(utc.year + utc.month // 12, utc.month % 12 + 1, 1, tzinfo=UTC)


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


_Group = tuple[UUID, Facts]


def missing(
    dealer_id: int, session: Session, now: datetime, *, reason: Reason | None = None, number: int = 1
) -> MissingPage:
    """The devices that will have no read, longest silent first, PAGE on a page; the last page there is when `number`
    lies beyond the end."""
    doubted = _doubted(dealer_id, session)
    flags = _flags(now, doubted)
    in_fleet = (Device.dealer_id == dealer_id, Device.in_fleet.is_(True))
    told = select(Device.agent_id, *flags).where(*in_fleet).subquery().c
    rows = session.execute(select(*told, func.count()).group_by(*told)).all()
    agents = _agents(dealer_id, session, now)
    groups = [(_group(row, agents), row[-1]) for row in rows]
    found: dict[Reason, int] = dict.fromkeys(STEPS, 0)
    wanted: list[_Group] = []
    for group, count in groups:
        cause = why(group[1])
        if cause is not None:
            found[cause] += count
            if reason in (None, cause):
                wanted.append(group)
    matching = found[reason] if reason else sum(found.values())
    number = min(number, max(-(-matching // PAGE), 1))
    devices = session.scalars(
        select(Device)
        .where(*in_fleet, _of_groups(wanted, flags))
        .order_by(Device.last_read_at, Device.id)
        .limit(PAGE)
        .offset((number - 1) * PAGE)
        .options(joinedload(Device.site).joinedload(Site.customer))
    )
    missed = [_missed(device, agents, doubted, now) for device in devices]
    return MissingPage(sum(count for _, count in groups), found, missed, matching, number)


def _doubted(dealer_id: int, session: Session) -> set[int]:
    asked = select(Doubt.device_id, Doubt.other_id).where(Doubt.dealer_id == dealer_id, Doubt.settled_at.is_(None))
    return {device for row in session.execute(asked.limit(_MOST_DOUBTS)) for device in row}


def _flags(now: datetime, doubted: set[int]) -> tuple[ColumnElement[bool], ...]:
    """Of Facts: is_read, has_total, has_doubt, for_a_month."""
    return (
        (Device.last_read_at >= now - QUIET_AFTER).label("is_read"),
        Device.total.is_not(None).label("has_total"),
        (Device.id.in_(doubted) if doubted else false()).label("has_doubt"),
        (Device.last_read_at < now - DROPPED_AFTER).label("for_a_month"),
    )


def _agents(dealer_id: int, session: Session, now: datetime) -> dict[UUID, Literal["well", "silent", "refused"]]:
    asked = select(Agent.id, Agent.last_seen_at, Agent.refused_at).where(Agent.dealer_id == dealer_id)
    return {row.id: _how(row.last_seen_at, row.refused_at, now) for row in session.execute(asked)}


def _how(seen: datetime | None, refused: datetime | None, now: datetime) -> Literal["well", "silent", "refused"]:
    if refused is not None and (seen is None or refused > seen):
        return "refused"
    return "silent" if seen is None or now - seen > WITHOUT_PROMISE else "well"


def _group(row: Any, agents: Mapping[UUID, Literal["well", "silent", "refused"]]) -> _Group:
    agent_id, is_read, has_total, has_doubt, for_a_month, _ = row
    # An agent that the visitor does not see reads the device from another site; it is not the one to look after.
    how = agents.get(agent_id, "well")
    return agent_id, Facts(bool(is_read), bool(has_total), how, bool(has_doubt), bool(for_a_month))


def _of_groups(groups: Sequence[_Group], flags: Sequence[ColumnElement[bool]]) -> ColumnElement[bool]:
    """The devices of these groups: agents with the same flags are asked for together."""
    together: dict[tuple[bool, ...], list[UUID]] = {}
    for agent_id, facts in groups:
        values = (facts.is_read, facts.has_total, facts.has_doubt, facts.for_a_month)
        together.setdefault(values, []).append(agent_id)
    return or_(
        false(),
        *[
            and_(Device.agent_id.in_(agents), *[flag.is_(value) for flag, value in zip(flags, values, strict=True)])
            for values, agents in together.items()
        ],
    )


def _missed(
    device: Device, agents: Mapping[UUID, Literal["well", "silent", "refused"]], doubted: set[int], now: datetime
) -> Missed:
    facts = Facts(
        device.last_read_at >= now - QUIET_AFTER,
        device.total is not None,
        agents.get(device.agent_id, "well"),
        device.id in doubted,
        device.last_read_at < now - DROPPED_AFTER,
    )
    reason = why(facts)
    assert reason is not None, "the question and the decision go by the same facts"
    return Missed(device, reason, STEPS[reason])
