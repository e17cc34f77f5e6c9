"""A dealer's agents as people look at them: where they are, and whether they still bring reads."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, get_args
from uuid import UUID

from sqlalchemy import ColumnElement, Select, String, Uuid, and_, column, func, or_, select, table
from sqlalchemy.orm import InstrumentedAttribute, Session

from flexprint_server.database import FEW_AT_A_TIME, Instant, Json
from flexprint_server.tenants import audit
from flexprint_server.tenants.models import Agent, AgentState, Customer, InstallKey, Site
from flexprint_server.tenants.sign_in import Visitor

SILENCE: Final = table(
    "alert",
    column("agent_id", Uuid),
    column("kind", String),
    column("opened_at", Instant),
    column("closed_at", Instant),
    column("facts", Json),
)
"""An alert as an agent sees it: its model belongs to the room that judges who is silent, above this one."""

PAGE: Final = 100
"""Agents on one page."""


@dataclass(slots=True, frozen=True)
class Placed:
    """An agent and where it stands."""

    id: UUID
    customer_id: int
    customer: str
    site_id: int
    site: str
    host: str
    platform: str
    version: str
    enrolled_at: datetime
    last_seen_at: datetime | None
    next_wake_at: datetime | None
    """As it promised at its last check-in."""
    is_retired: bool
    silent_since: datetime | None
    """When it was found overdue; None for one that is not. The likely cause is among `silence` (alerts.silence)."""
    silence: Mapping[str, Any] | None


AgentSort = Literal["heard", "place", "host", "version", "enrolled", "wake"]

AGENT_SORTS: Final[tuple[AgentSort, ...]] = get_args(AgentSort)


@dataclass(slots=True, frozen=True)
class WantedAgents:
    """Which agents, in which order. Each word of `text` stands in the name of the customer, the site or the
    computer."""

    text: str = ""
    silent: bool = False
    sort: AgentSort = "heard"
    descending: bool = False


@dataclass(slots=True, frozen=True)
class OpenKey:
    """An install key that nobody has used yet. The key itself is not known here."""

    id: int
    customer: str
    site: str
    created_at: datetime
    expires_at: datetime


def agents(
    dealer_id: int,
    session: Session,
    after: int = 0,
    site_id: int | None = None,
    wanted: WantedAgents = WantedAgents(),
) -> list[Placed]:
    """PAGE agents, of all sites or of one, and one more (there is a next page when it came), the retired ones
    last, without the first `after`."""
    asked = _wanted(dealer_id, wanted).limit(PAGE + 1).offset(after)
    rows = session.execute(asked if site_id is None else asked.where(Agent.site_id == site_id))
    return [Placed(*row) for row in rows]


def silent(dealer_id: int, session: Session, most: int) -> tuple[list[Placed], int]:
    """`most` of those that are silent, the longest unheard of first, and how many there are."""
    asked = _placed(dealer_id).where(SILENCE.c.opened_at.is_not(None))
    # Without the places, for which the database would look at each alert once a site.
    counted = select(func.count()).select_from(Agent).join(SILENCE, is_silence()).where(Agent.dealer_id == dealer_id)
    count = session.scalar(counted)
    return [Placed(*row) for row in session.execute(asked.limit(most))], count or 0


def silence_of(session: Session, agent_id: UUID) -> Mapping[str, Any] | None:
    """The silence of an agent that the session sees; None where there is none."""
    asked = select(SILENCE.c.facts).select_from(Agent).join(SILENCE, is_silence()).where(Agent.id == agent_id)
    return session.scalar(asked)


def every_agent(dealer_id: int, session: Session, wanted: WantedAgents) -> Iterator[Placed]:
    """All of those, in the same order, a few at a time."""
    return (Placed(*row) for row in session.execute(_wanted(dealer_id, wanted), execution_options=FEW_AT_A_TIME))


def _wanted(dealer_id: int, wanted: WantedAgents) -> Select[*tuple[Any, ...]]:
    asked = _placed(dealer_id)
    if wanted.silent:
        asked = asked.where(SILENCE.c.opened_at.is_not(None))
    for word in wanted.text.lower().split():
        names = (Customer.name, Site.name, Agent.host)
        asked = asked.where(or_(*(func.lower(name).contains(word, autoescape=True) for name in names)))
    if (wanted.sort, wanted.descending) == ("heard", False):
        return asked
    columns = [column.desc() if wanted.descending else column.asc() for column in _ORDERS[wanted.sort]]
    # What is not known comes first, as who was never heard of does; last where the order is turned.
    nulls = [column.nulls_last() if wanted.descending else column.nulls_first() for column in columns]
    return asked.order_by(None).order_by(is_retired(), *nulls, Agent.id)


_ORDERS: Final[Mapping[AgentSort, tuple[ColumnElement[Any] | InstrumentedAttribute[Any], ...]]] = {
    "heard": (Agent.last_seen_at,),
    "place": (func.lower(Customer.name), func.lower(Site.name)),
    "host": (func.lower(Agent.host),),
    "version": (Agent.version,),
    "enrolled": (Agent.enrolled_at,),
    "wake": (AgentState.next_wake_at,),
}


def _placed(dealer_id: int) -> Select[*tuple[Any, ...]]:
    return (
        select(
            Agent.id,
            Site.customer_id,
            Customer.name,
            Site.id,
            Site.name,
            Agent.host,
            Agent.platform,
            Agent.version,
            Agent.enrolled_at,
            Agent.last_seen_at,
            AgentState.next_wake_at,
            is_retired(),
            SILENCE.c.opened_at,
            SILENCE.c.facts,
        )
        .outerjoin(AgentState, AgentState.agent_id == Agent.id)
        .outerjoin(SILENCE, is_silence())
        .join(Site, Site.id == Agent.site_id)
        .join(Customer, Customer.id == Site.customer_id)
        .where(Agent.dealer_id == dealer_id)
        .order_by(is_retired(), Agent.last_seen_at.asc().nulls_first(), Agent.id)
    )


def is_retired() -> ColumnElement[bool]:
    """Somebody said that the agent is gone, and it has not been heard of since."""
    unheard = or_(Agent.last_seen_at.is_(None), Agent.last_seen_at <= Agent.retired_at)
    return and_(Agent.retired_at.is_not(None), unheard)


def retire(session: Session, visitor: Visitor, agent: Agent, now: datetime, *, retired: bool) -> None:
    """Says that the agent is gone for good, or takes that back. Nobody waits to hear of it any more; should it come,
    its batches are taken as ever, and it is back."""
    if retired != agent.is_retired:
        agent.retired_at = now if retired else None
        audit.note(session, visitor, "agent.retired" if retired else "agent.back", f"agent {agent.id}", now)


def is_silence() -> ColumnElement[bool]:
    """The row of SILENCE is that of a silence of the agent that is not over: there is one at most."""
    alert = SILENCE.c
    return and_(alert.agent_id == Agent.id, alert.kind == "agent_silent", alert.closed_at.is_(None))


def open_keys(dealer_id: int, session: Session, now: datetime, site_id: int | None = None) -> list[OpenKey]:
    """The keys that still let somebody in, to any site or to one, the newest first; PAGE at most."""
    asked = (
        select(InstallKey.id, Customer.name, Site.name, InstallKey.created_at, InstallKey.expires_at)
        .join(Site, Site.id == InstallKey.site_id)
        .join(Customer, Customer.id == Site.customer_id)
        .where(InstallKey.dealer_id == dealer_id, InstallKey.used_at.is_(None), InstallKey.expires_at > now)
        .order_by(InstallKey.id.desc())
        .limit(PAGE)
    )
    rows = session.execute(asked if site_id is None else asked.where(InstallKey.site_id == site_id))
    return [OpenKey(*row) for row in rows]


def withdraw_key(dealer_id: int, session: Session, key_id: int, now: datetime) -> OpenKey | None:
    """Ends a key that nobody has used, and says which it was; None where there is none such."""
    found = next((key for key in open_keys(dealer_id, session, now) if key.id == key_id), None)
    if found:
        session.get_one(InstallKey, key_id).expires_at = now
    return found


def places(dealer_id: int, session: Session, most: int = 300) -> tuple[list[str], list[str]]:
    """The names of customers and of sites, to offer while somebody types."""
    customers = select(Customer.name).where(Customer.dealer_id == dealer_id).order_by(Customer.name).limit(most)
    sites = select(Site.name).where(Site.dealer_id == dealer_id).distinct().order_by(Site.name).limit(most)
    return list(session.scalars(customers)), list(session.scalars(sites))
