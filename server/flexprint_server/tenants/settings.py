"""Settings as they are kept, changed, and handed down to agents. What there is to settle stands in setting_facts."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, delete, func, select
from sqlalchemy.orm import Session

from flexprint_server.database import one_at_a_time
from flexprint_server.tenants import audit
from flexprint_server.tenants.models import Agent, Customer, Dealer, SettingValue, Site
from flexprint_server.tenants.service import TenantsError
from flexprint_server.tenants.setting_facts import BY_NAME, TABLE, Effective, Level, Setting, as_kept, effective
from flexprint_server.tenants.sign_in import Visitor

_VERSION: Final = 16
"""Hexadecimal digits of HandedDown.version."""


@dataclass(slots=True, frozen=True)
class Place:
    """Where something is settled: a dealer, or one of the dealer's customers, sites or agents. `above` are the places
    it inherits from, the dealer first."""

    level: Level
    dealer_id: int
    id: int | UUID
    name: str
    above: tuple["Place", ...] = ()

    @property
    def key(self) -> str:
        """What SettingValue.place says."""
        return f"{self.level}:{self.id}"


@dataclass(slots=True, frozen=True)
class Shown:
    """One setting at a place, for people: `own` is the text set there, None where it is `inherited` from `origin`;
    None for what nobody set."""

    setting: Setting
    own: str | None
    inherited: str
    origin: Place | None


@dataclass(slots=True, frozen=True)
class HandedDown:
    """What check-in gives an agent: only what somebody settled, by name and as text, so that all else stays the
    customer's choice. `version` changes with it."""

    settings: Mapping[str, str]
    version: str


@dataclass(slots=True, frozen=True)
class Spread:
    """The value of a setting wherever there is a device: the `usual` one, that of dealers who have another, that of
    sites that have another than their dealer, and that of agents for which it was set."""

    usual: Any
    of_dealers: Mapping[int, Any]
    of_sites: Mapping[int, Any]
    of_agents: Mapping[UUID, Any]


class UnfitSettings(TenantsError):
    """`problems` says by name what each setting takes. Nothing was changed."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__("Some settings cannot be saved; nothing was changed.")
        self.problems = problems


# ---------------------------------------------------------------- places


def dealer_place(dealer_id: int, session: Session) -> Place | None:
    found = session.get(Dealer, dealer_id)
    return None if found is None else Place("dealer", dealer_id, dealer_id, found.name)


def customer_place(dealer_id: int, session: Session, customer_id: int) -> Place | None:
    """None when this dealer has no such customer."""
    found = session.scalar(select(Customer).where(Customer.dealer_id == dealer_id, Customer.id == customer_id))
    dealer = dealer_place(dealer_id, session)
    return _below(dealer, "customer", found.id, found.name) if found and dealer else None


def site_place(dealer_id: int, session: Session, site_id: int) -> Place | None:
    """None when this dealer has no such site."""
    found = session.scalar(select(Site).where(Site.dealer_id == dealer_id, Site.id == site_id))
    customer = customer_place(dealer_id, session, found.customer_id) if found else None
    return _below(customer, "site", found.id, found.name) if found and customer else None


def agent_place(dealer_id: int, session: Session, agent_id: UUID) -> Place | None:
    """None when this dealer has no such agent."""
    found = session.scalar(select(Agent).where(Agent.dealer_id == dealer_id, Agent.id == agent_id))
    site = site_place(dealer_id, session, found.site_id) if found else None
    return _below(site, "agent", found.id, found.host) if found and site else None


def _below(place: Place, level: Level, row_id: int | UUID, name: str) -> Place:
    return Place(level, place.dealer_id, row_id, name, (*place.above, place))


# ---------------------------------------------------------------- asking


def shown(session: Session, place: Place) -> list[Shown]:
    """Every setting that can be set at `place`, in the order of the table."""
    kept = _kept(session, place)
    inherited = effective([(above.level, kept[above.key]) for above in place.above])
    origins = {above.level: above for above in place.above}
    own = kept[place.key]
    found = []
    for setting in TABLE:
        if place.level in setting.levels:
            above = inherited[setting.name]
            found.append(
                Shown(setting, own.get(setting.name), above.text, origins[above.level] if above.level else None)
            )
    return found


def in_force(session: Session, place: Place) -> dict[str, Effective]:
    """Every setting as it holds at `place`, by name."""
    kept = _kept(session, place)
    return effective([(one.level, kept[one.key]) for one in (*place.above, place)])


def effective_for_agent(session: Session, agent_id: UUID) -> HandedDown:
    """What check-in hands down to an agent; nothing for an agent that is not there."""
    dealer_id = session.scalar(select(Agent.dealer_id).where(Agent.id == agent_id))
    place = None if dealer_id is None else agent_place(dealer_id, session, agent_id)
    found = {} if place is None else in_force(session, place)
    settled = {name: one.text for name, one in found.items() if one.level is not None and BY_NAME[name].for_agents}
    document = json.dumps(settled, sort_keys=True).encode()
    return HandedDown(settled, sha256(document).hexdigest()[:_VERSION])


def spread(session: Session | Connection, names: Sequence[str], dealer_id: int | None = None) -> dict[str, Spread]:
    """How the settings `names` hold at all sites of a dealer and for its agents, the dealer's own value being the usual
    one then; of all dealers for None. One question, of as many rows as something was settled."""
    dealer, site = SettingValue.dealer_id, func.coalesce(SettingValue.site_id, Site.id)
    asked = (
        select(SettingValue.name, SettingValue.value, dealer, site, SettingValue.site_id, SettingValue.agent_id)
        .outerjoin(Site, Site.customer_id == SettingValue.customer_id)
        .where(SettingValue.name.in_(names))
        .where(SettingValue.customer_id.is_(None) | Site.id.is_not(None))
    )
    rows = session.execute(asked if dealer_id is None else asked.where(dealer == dealer_id)).all()
    return {name: _spread(BY_NAME[name], [row[1:] for row in rows if row[0] == name], dealer_id) for name in names}


def _spread(
    setting: Setting, rows: Sequence[tuple[str, int, int | None, int | None, UUID | None]], dealer_id: int | None
) -> Spread:
    """Rows as (text, dealer, site, the site again where it was set there itself, agent); set for the dealer without a
    site or an agent."""
    usual = setting.read(setting.default)
    of_dealers: dict[int, Any] = {}
    of_sites: dict[int, tuple[int, Any]] = {}
    of_agents: dict[UUID, Any] = {}
    for text, dealer, site, _, agent in sorted(rows, key=lambda row: row[3] is not None):
        with suppress(ValueError):  # stored by a later version: counts as not set
            if agent is not None:
                of_agents[agent] = setting.read(text)
            elif site is None:
                of_dealers[dealer] = setting.read(text)
            else:
                of_sites[site] = dealer, setting.read(text)
    others = {site: value for site, (dealer, value) in of_sites.items() if value != of_dealers.get(dealer, usual)}
    if dealer_id is not None:
        return Spread(of_dealers.get(dealer_id, usual), {}, others, of_agents)
    return Spread(usual, {dealer: value for dealer, value in of_dealers.items() if value != usual}, others, of_agents)


def _kept(session: Session, place: Place) -> dict[str, dict[str, str]]:
    """What is set at the place and at each above it: by its key, and there by the setting's name."""
    found: dict[str, dict[str, str]] = {one.key: {} for one in (*place.above, place)}
    asked = select(SettingValue.place, SettingValue.name, SettingValue.value).where(
        SettingValue.dealer_id == place.dealer_id, SettingValue.place.in_(found)
    )
    for key, name, value in session.execute(asked):
        found[key][name] = value
    return found


# ---------------------------------------------------------------- changing


def change(session: Session, visitor: Visitor, place: Place, typed: Mapping[str, str], now: datetime) -> bool:
    """Settles what was typed for the settings of `place`, by name; an empty text inherits again, and what is not
    named stays as it is. False when nothing is different. Raises UnfitSettings."""
    wanted, problems = _read(place, typed)
    if problems:
        raise UnfitSettings(problems)
    one_at_a_time(session, b"settings/%d" % place.dealer_id)
    was = _kept(session, place)[place.key]
    changed = {name: text for name, text in wanted.items() if text != was.get(name)}
    if not changed:
        return False
    _put(session, place, changed, now)
    before = {name: was.get(name, "inherited") for name in changed}
    after: dict[str, Any] = {name: "inherited" if text is None else text for name, text in changed.items()}
    audit.note(session, visitor, "settings.changed", _told(place), now, before=before, after=after)
    return True


def _read(place: Place, typed: Mapping[str, str]) -> tuple[dict[str, str | None], dict[str, str]]:
    wanted: dict[str, str | None] = {}
    problems = {}
    for setting in TABLE:
        if place.level not in setting.levels or setting.name not in typed:
            continue
        try:
            text = typed[setting.name].strip()
            wanted[setting.name] = as_kept(setting, text) if text else None
        except ValueError as error:
            problems[setting.name] = f"It takes {error}."
    return wanted, problems


def _put(session: Session, place: Place, changed: Mapping[str, str | None], now: datetime) -> None:
    session.execute(
        delete(SettingValue).where(
            SettingValue.dealer_id == place.dealer_id,
            SettingValue.place == place.key,
            SettingValue.name.in_(changed),
        )
    )
    column = {"customer": "customer_id", "site": "site_id", "agent": "agent_id"}.get(place.level)
    belongs = {column: place.id} if column else {}
    session.add_all(
        SettingValue(dealer_id=place.dealer_id, place=place.key, name=name, value=text, set_at=now, **belongs)
        for name, text in changed.items()
        if text is not None
    )
    session.flush()


def _told(place: Place) -> str:
    """The place as the audit log names it."""
    names: Sequence[str] = [one.name for one in (*place.above[1:], place)]
    return f"{place.level} {', '.join(names)}"[:200]
