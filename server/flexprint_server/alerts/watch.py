"""The pass that opens and closes alerts. It is run by the scheduler, for all dealers at once; two at a time do no harm.

What devices show is compared in the database, a statement for each rule. Agents are few enough to be looked at one by
one: when each is overdue depends on what it promised and on its habits.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    JSON,
    ColumnElement,
    Select,
    String,
    and_,
    case,
    cast,
    exists,
    insert,
    literal,
    not_,
    null,
    select,
    update,
)
from sqlalchemy.orm import Session

from flexprint_server.alerts.models import Alert
from flexprint_server.alerts.refusal import is_refused
from flexprint_server.alerts.rules import Kind
from flexprint_server.alerts.silence import GRACE, Heard, likely_cause, overdue_at, told
from flexprint_server.fleet.epochs import settle_strays
from flexprint_server.fleet.models import BATCH, Device, MeterEpoch
from flexprint_server.fleet.rules import Rules, rules_of
from flexprint_server.tenants.agents import is_retired
from flexprint_server.tenants.models import Agent, AgentState, Site

EVERY: Final = timedelta(minutes=1)
"""How often the scheduler looks."""

NEWS_FOR: Final = timedelta(days=2)
"""So soon after it was first seen a device is told of as new, where its agent has been there for twice as long: what
an agent finds in its first days is not new to its site."""

_GAPS: Final = 120
"""Batches that show an agent's habits: some four weeks."""


def look(session: Session, now: datetime, up_since: datetime) -> None:
    """Opens an alert for whatever has begun and closes those of whatever is over. The collector is up since `up_since`:
    an agent that was silent while nobody listened gets its time to be heard of again."""
    settle_strays(session, now)
    for kind, begins, holds in _device_rules(rules_of(session, None), now):
        _open(session, kind, begins, now)
        _close(session, kind, Alert.device_id.not_in(select(Device.id).where(Device.in_fleet, holds)), now)
    _follow(session)
    _look_at_agents(session, now, up_since)


def _follow(session: Session) -> None:
    """An open alert goes along with its device to another site: who sees that site sees the alert."""
    there = select(Device.site_id).where(Device.id == Alert.device_id)
    elsewhere = exists().where(Device.id == Alert.device_id, Device.site_id != Alert.site_id)
    moving = update(Alert).where(Alert.closed_at.is_(None), Alert.device_id.is_not(None), elsewhere)
    session.execute(moving.values(site_id=there.scalar_subquery()), execution_options={"synchronize_session": False})


def _device_rules(rules: Rules, now: datetime) -> Sequence[tuple[Kind, ColumnElement[bool], ColumnElement[bool]]]:
    """(kind, when it begins, when it goes on)."""
    stale = rules.stale_ones(now)
    agent_is_well = exists().where(Agent.id == Device.agent_id, Agent.last_seen_at > rules.stale.before(now))
    new = rules.new_ones(now)
    just_come = Device.first_seen_at > now - NEWS_FOR
    was_there = exists().where(Agent.id == Device.agent_id, Agent.enrolled_at < now - 2 * NEWS_FOR)
    epoch = exists().where(MeterEpoch.device_id == Device.id, MeterEpoch.confirmed_at.is_(None))
    return (
        ("device_stale", and_(stale, agent_is_well), stale),
        ("device_new", and_(just_come, was_there), new),
        ("supply_low", Device.supply_low.is_(True), Device.supply_low.is_(True)),
        ("meter_epoch", epoch, epoch),
    )


def _open(session: Session, kind: Kind, begins: ColumnElement[bool], now: datetime) -> None:
    about = literal("device:") + cast(Device.id, String)
    # Not as EXISTS: right after many alerts have begun PostgreSQL would walk through them for every device.
    told = select(Alert.device_id).where(Alert.kind == kind, Alert.device_id.is_not(None))
    if kind != "device_new":  # a device is new once
        told = told.where(Alert.closed_at.is_(None))
    begun: Select[*tuple[Any, ...]] = select(
        Device.dealer_id,
        Device.site_id,
        literal(kind),
        about,
        Device.id,
        null(),
        cast(literal("{}", String), JSON) if session.get_bind().dialect.name == "postgresql" else literal("{}", String),
        literal(now, Alert.opened_at.type),
    ).where(Device.in_fleet, begins, Device.id.not_in(told))
    columns = ["dealer_id", "site_id", "kind", "about", "device_id", "agent_id", "facts", "opened_at"]
    session.execute(insert(Alert).from_select(columns, begun, include_defaults=False))


def _close(session: Session, kind: Kind, over: ColumnElement[bool], now: datetime) -> None:
    closing = update(Alert).where(Alert.kind == kind, Alert.closed_at.is_(None), over).values(closed_at=now)
    session.execute(closing, execution_options={"synchronize_session": False})


# ---------------------------------------------------------------- agents


def _look_at_agents(session: Session, now: datetime, up_since: datetime) -> None:
    opened = {alert.agent_id: alert for alert in _open_silences(session)}
    rows = _agents(session)
    candidates = [row for row in rows if _is_late(row, now)]
    silent = {row.id for row in candidates}
    at_site, of_customer = (Counter(getattr(row, name) for row in rows) for name in ("site_id", "customer_id"))
    silent_at, silent_of = (Counter(getattr(row, name) for row in candidates) for name in ("site_id", "customer_id"))
    for row in candidates:
        alert = opened.get(row.id)
        heard = _heard(
            row,
            gaps=() if alert else _gaps(session, row.id),
            others_at_site=at_site[row.site_id] - 1,
            silent_at_site=silent_at[row.site_id] - 1,
            others_of_customer=of_customer[row.customer_id] - 1,
            silent_of_customer=silent_of[row.customer_id] - 1,
        )
        facts = {"cause": likely_cause(heard), "refusal": heard.refusal, "told": told(heard)}
        if alert:
            if alert.facts != facts:  # others fell silent since, or are back
                alert.facts = facts
            continue
        if overdue_at(heard) > now or now - up_since < GRACE:
            continue
        session.add(
            Alert(
                dealer_id=row.dealer_id,
                site_id=row.site_id,
                kind="agent_silent",
                about=f"agent:{row.id}",
                agent_id=row.id,
                facts=facts,
                opened_at=now,
            )
        )
    for agent_id, alert in opened.items():
        if agent_id not in silent:
            alert.closed_at = now


def _open_silences(session: Session) -> Sequence[Alert]:
    return session.scalars(select(Alert).where(Alert.kind == "agent_silent", Alert.closed_at.is_(None))).all()


def _agents(session: Session) -> Sequence[Any]:
    return session.execute(
        select(
            Agent.id,
            Agent.dealer_id,
            Agent.site_id,
            Site.customer_id,
            Agent.host,
            Agent.enrolled_at,
            Agent.last_seen_at,
            case((is_refused(), Agent.refusal)).label("refusal"),
            AgentState.checked_in_at,
            AgentState.next_wake_at,
            AgentState.clock_offset_s,
            AgentState.health,
        )
        .join(Site, Site.id == Agent.site_id)
        .outerjoin(AgentState, AgentState.agent_id == Agent.id)
        .where(not_(is_retired()))
    ).all()


def _heard(row: Any, gaps: Sequence[timedelta] = (), **others: int) -> Heard:
    times = [at for at in (row.last_seen_at, row.checked_in_at) if at is not None]
    last = max(times, default=None)
    offset = row.clock_offset_s or 0
    promised = row.next_wake_at - timedelta(seconds=offset) if row.next_wake_at else None
    return Heard(
        enrolled_at=row.enrolled_at,
        last_heard_at=last,
        promised=promised,
        gaps=gaps,
        refusal=row.refusal,
        clock_offset_s=offset,
        health=row.health or {},
        **others,
    )


def _is_late(row: Any, now: datetime) -> bool:
    return overdue_at(_heard(row)) <= now


def _gaps(session: Session, agent_id: UUID) -> list[timedelta]:
    times = session.scalars(
        select(BATCH.c.received_at).where(BATCH.c.agent_id == agent_id).order_by(BATCH.c.sequence.desc()).limit(_GAPS)
    ).all()
    return [later - earlier for later, earlier in pairwise(times)]
