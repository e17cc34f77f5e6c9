"""What lists ask of the fleet. Every question names its dealer first; there is no way to ask about all of them.

The list is written for a hundred thousand devices: the rows of one page are chosen by narrow columns, and only
those are then loaded whole.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple, get_args

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    case,
    func,
    not_,
    null,
    or_,
    select,
    true,
)
from sqlalchemy.orm import InstrumentedAttribute, Session, joinedload

from flexprint_server.database import FEW_AT_A_TIME, written_out
from flexprint_server.fleet.figures import meters_of, supplies_of
from flexprint_server.fleet.models import Device, Layout
from flexprint_server.fleet.paging import window
from flexprint_server.fleet.rules import Rules, rules_of
from flexprint_server.fleet.summary import SupplyFacts
from flexprint_server.tenants.models import Customer, Site

Show = Literal["all", "today", "new", "stale", "low", "retired"]
Sort = Literal["customer", "printer", "serial", "total", "supply", "read"]

SHOWS: Final[tuple[Show, ...]] = get_args(Show)
SORTS: Final[tuple[Sort, ...]] = get_args(Sort)

PAGE: Final = 50
"""Devices on one page of the list."""

MOST_TERMS: Final = 6
"""Words of a search that count; more are ignored."""

MOST_CHOICES: Final = 300
"""Customers, or sites of one, that are offered as a choice. Beyond that people search."""


@dataclass(slots=True, frozen=True)
class Wanted:
    """Which devices, in which order, which page (from 1)."""

    text: str = ""
    customer_id: int | None = None
    site_id: int | None = None
    maker: str | None = None
    show: Show = "all"
    sort: Sort = "customer"
    descending: bool = False
    page: int = 1


@dataclass(slots=True, frozen=True)
class Totals:
    """Devices in figures. `today` begins at midnight by the clock that `now` goes by; the `retired` are counted nowhere
    else."""

    all: int
    today: int
    new: int
    stale: int
    low: int
    retired: int


@dataclass(slots=True, frozen=True)
class DevicePage:
    """One page of the list. `totals` count the wanted customer or site, or the whole fleet; `matching` the devices
    on all pages of this list; `rules` say which of the devices are new or stale."""

    totals: Totals
    devices: Sequence[Device]
    rules: Rules
    matching: int
    page: int

    @property
    def pages(self) -> int:
        return max(-(-self.matching // PAGE), 1)


@dataclass(slots=True, frozen=True)
class Choices:
    """What a page offers to filter by: no customers at all where there are too many to choose from."""

    customers: Sequence[tuple[int, str]]
    sites: Sequence[tuple[int, str]]
    makers: Sequence[str]
    customer: str | None
    site: str | None


def devices(dealer_id: int, session: Session, wanted: Wanted, now: datetime) -> DevicePage:
    """The page of the list that is wanted; the last one there is when that lies beyond the end.

    One walk over the devices counts everything, site by site. In the order of customers and sites, where new devices
    come before all others, that also says which few sites the page lies in; any other order is the database's to find.
    """
    by_place = wanted.sort == "customer"
    places = _places(dealer_id, session, wanted) if by_place or wanted.text else []
    rules = rules_of(session, dealer_id)
    conditions = [*_within(dealer_id, wanted), _shown(wanted.show, rules, now), *_matches(places, wanted.text)]
    is_new = rules.new_ones(now)
    census = _census(dealer_id, session, wanted, places, rules, now)
    counts = census.wanted
    matching = sum(all_of_them for all_of_them, _ in counts.values())
    page = min(wanted.page, max(-(-matching // PAGE), 1))
    before = (page - 1) * PAGE
    if by_place:
        ids = _by_place(session, conditions, places[:: -1 if wanted.descending else 1], counts, before, is_new)
    else:
        ids = _in_order(session, conditions, wanted, before, matching)
    return DevicePage(census.totals, _loaded(dealer_id, session, ids), rules, matching, page)


def totals(dealer_id: int, session: Session, rules: Rules, now: datetime) -> Totals:
    """The devices of all sites that the session sees, in figures."""
    figures = [func.count().filter(_shown(show, rules, now)) for show in SHOWS]
    counted: Sequence[int] = session.execute(select(*figures).where(*_within(dealer_id, Wanted()))).one()
    return Totals(*counted)


@dataclass(slots=True, frozen=True)
class _Place:
    """A site and the names it is found by, in lower case."""

    id: int
    names: str


def _places(dealer_id: int, session: Session, wanted: Wanted) -> list[_Place]:
    """The wanted sites, or all, by the names of customer and site."""
    asked = (
        select(Site.id, Customer.name, Site.name)
        .join(Customer, Customer.id == Site.customer_id)
        .where(Site.dealer_id == dealer_id)
    )
    if wanted.customer_id is not None:
        asked = asked.where(Site.customer_id == wanted.customer_id)
    if wanted.site_id is not None:
        asked = asked.where(Site.id == wanted.site_id)
    # Lower case and order are ours and not the database's: what it makes of an Umlaut depends on its setup.
    places = [_Place(site_id, f"{customer}\n{site}".lower()) for site_id, customer, site in session.execute(asked)]
    return sorted(places, key=lambda place: (place.names, place.id))


_Counts = Mapping[int | None, tuple[int, int]]
"""By site, or all of them under None: how many devices, and how many of them are new."""


@dataclass(slots=True, frozen=True)
class _Census:
    """The figures of all sites together, and for each how many devices of the wanted kind there are."""

    totals: Totals
    wanted: _Counts


def _census(
    dealer_id: int, session: Session, wanted: Wanted, places: Sequence[_Place], rules: Rules, now: datetime
) -> _Census:
    """All of it in one walk: by site where there are `places` to tell apart, otherwise together, which is quicker."""
    every_term = _terms(wanted.text)
    # What no site is called has to stand in the device's own text: no further word is looked for where it does not.
    terms = [term for term in every_term if any(term in place.names for place in places)]
    own = [_tells(term) for term in every_term if term not in terms]
    place = Device.site_id if places else null()
    conditions = (and_(_shown(wanted.show, rules, now), *own), *map(_tells, terms))
    kinds = [condition.label(f"kind_{number}") for number, condition in enumerate(conditions)]
    figures = (func.count().filter(_shown(show, rules, now)) for show in SHOWS)
    counted = (func.count(), func.count().filter(rules.new_ones(now)), *figures)
    asked = select(place, *kinds, *counted).select_from(Device).where(*_within(dealer_id, wanted))
    rows = session.execute(asked.group_by(*([place] if places else []), *kinds)).all()
    names: dict[int | None, str] = {place.id: place.names for place in places}
    of_kinds: dict[int | None, tuple[int, int]] = {}
    totals = [0] * len(SHOWS)
    for site_id, *told in rows:
        (is_shown, *in_texts), (all_of_them, new_ones, *of_shows) = told[: len(kinds)], told[len(kinds) :]
        totals = [total + count for total, count in zip(totals, of_shows, strict=True)]
        # A site that came after the places were asked for has no name yet.
        name = names.get(site_id, "")
        if is_shown and all(is_there or term in name for is_there, term in zip(in_texts, terms, strict=True)):
            before = of_kinds.get(site_id, (0, 0))
            of_kinds[site_id] = before[0] + all_of_them, before[1] + new_ones
    return _Census(Totals(*totals), of_kinds)


def _in_order(
    session: Session, conditions: Sequence[ColumnElement[bool]], wanted: Wanted, before: int, matching: int
) -> Sequence[int]:
    """The ids of a page when `before` of the `matching` devices stand on the pages before it. The order is walked from
    whichever end is nearer: the database need not sort what lies beyond the page."""
    shown = min(PAGE, matching - before)
    after = matching - before - shown
    asked = select(Device.id).where(*conditions)
    if before <= after:
        return session.scalars(asked.order_by(*_order(wanted)).limit(shown).offset(before)).all()
    backwards = asked.order_by(*_order(wanted, turned=True)).limit(shown).offset(after)
    return session.scalars(backwards).all()[::-1]


def _by_place(
    session: Session,
    conditions: Sequence[ColumnElement[bool]],
    places: Sequence[_Place],
    counts: _Counts,
    before: int,
    is_new: ColumnElement[bool],
) -> Sequence[int]:
    """The ids of a page, new devices first and then in the order of `places`, when `before` devices stand on the pages
    before it."""
    groups: list[tuple[tuple[bool, int], int]] = []
    for of_new in (True, False):
        for place in places:
            everything, new_ones = counts.get(place.id, (0, 0))
            groups.append(((of_new, place.id), new_ones if of_new else everything - new_ones))
    shown, skipped = window(groups, before, PAGE)
    if not shown:
        return []
    sites = list(dict.fromkeys(site for _, site in shown))
    rank = case(
        *[
            (and_(Device.site_id == site, is_new if of_new else not_(is_new)), position)
            for position, (of_new, site) in enumerate(shown)
        ]
    )
    asked = select(Device.id).where(*conditions, Device.site_id.in_(sites), rank.is_not(None))
    return session.scalars(asked.order_by(rank, *_AT_A_SITE).limit(PAGE).offset(skipped)).all()


def _loaded(dealer_id: int, session: Session, ids: Sequence[int]) -> list[Device]:
    rows = session.scalars(
        select(Device)
        .where(Device.dealer_id == dealer_id, Device.id.in_(ids))
        .options(joinedload(Device.site).joinedload(Site.customer))
    )
    by_id = {device.id: device for device in rows}
    return [by_id[device_id] for device_id in ids]


def _within(dealer_id: int, wanted: Wanted) -> list[ColumnElement[bool]]:
    """The device belongs to the dealer, and to the wanted customer or site."""
    conditions = [Device.dealer_id == dealer_id, Device.merged_into_id.is_(None)]
    if wanted.site_id is not None:
        conditions.append(Device.site_id == wanted.site_id)
    if wanted.customer_id is not None:
        of_customer = select(Site.id).where(Site.dealer_id == dealer_id, Site.customer_id == wanted.customer_id)
        conditions.append(Device.site_id.in_(of_customer))
    if wanted.maker is not None:
        conditions.append(Device.manufacturer == wanted.maker)
    return conditions


def _shown(show: Show, rules: Rules, now: datetime) -> ColumnElement[bool]:
    return not_(Device.in_fleet) if show == "retired" else and_(Device.in_fleet, _kind(show, rules, now))


def _kind(show: Show, rules: Rules, now: datetime) -> ColumnElement[bool]:
    match show:
        case "today":
            return Device.last_read_at >= now.replace(hour=0, minute=0, second=0, microsecond=0)
        case "new":
            return rules.new_ones(now)
        case "stale":
            return rules.stale_ones(now)
        case "low":
            return Device.supply_low.is_(True)
        case _:
            return true()


def _matches(places: Sequence[_Place], text: str) -> list[ColumnElement[bool]]:
    """Each word of `text` stands in the device itself, or in the name of its site or customer."""
    return [
        or_(Device.site_id.in_(written_out([place.id for place in places if term in place.names])), _tells(term))
        for term in _terms(text)
    ]


def _terms(text: str) -> Sequence[str]:
    return text.lower().split()[:MOST_TERMS]


def _tells(term: str) -> ColumnElement[bool]:
    return Device.search_text.contains(term, autoescape=True)


_AT_A_SITE: Final = (Device.model.asc().nulls_last(), Device.address.asc(), Device.id.asc())

_ORDERS: Final[dict[Sort, tuple[InstrumentedAttribute[Any], ...]]] = {
    "printer": (Device.manufacturer, Device.model),
    "serial": (Device.serial,),
    "total": (Device.total,),
    "supply": (Device.supply_left,),
    "read": (Device.last_read_at,),
}


def _order(wanted: Wanted, *, turned: bool = False) -> list[ColumnElement[Any]]:
    """Devices that lack what is sorted by come last, whichever way; the id makes the order of equals sure. `turned` is
    the very opposite order."""
    falls = wanted.descending != turned
    columns = [column.desc() if falls else column.asc() for column in _ORDERS[wanted.sort]]
    if turned:
        return [*(column.nulls_first() for column in columns), Device.id.desc()]
    return [*(column.nulls_last() for column in columns), Device.id.asc()]


class ListedDevice(NamedTuple):
    """A device as a line of a file."""

    id: int
    customer: str
    site: str
    manufacturer: str | None
    model: str | None
    serial: str | None
    asset: str | None
    name: str | None
    location: str | None
    address: str
    firmware: str | None
    state: str
    errors: Sequence[str]
    first_seen_at: datetime
    last_read_at: datetime
    is_new: bool
    is_stale: bool
    meters: Mapping[str, Sequence[Any]]
    supplies: Sequence[SupplyFacts]


def every_device(dealer_id: int, session: Session, wanted: Wanted, now: datetime) -> Iterator[ListedDevice]:
    """All devices of a list, a few at a time; in its order, or the new ones first and then by customer and site."""
    figures = (Device.layout_id, Device.meter_values, Device.levels, Device.percents, Device.states)
    rules = rules_of(session, dealer_id)
    is_new = rules.new_ones(now)
    by_place = (case((is_new, 0), else_=1), func.lower(Customer.name), func.lower(Site.name), *_AT_A_SITE)
    asked = (
        select(
            Device.id,
            Customer.name,
            Site.name,
            Device.manufacturer,
            Device.model,
            Device.serial,
            func.coalesce(Device.typed_asset, Device.asset),
            func.coalesce(Device.typed_name, Device.name),
            func.coalesce(Device.typed_location, Device.location),
            Device.address,
            Device.firmware,
            Device.state,
            Device.errors,
            Device.first_seen_at,
            Device.last_read_at,
            is_new,
            rules.stale_ones(now),
            *figures,
        )
        .join(Site, Site.id == Device.site_id)
        .join(Customer, Customer.id == Site.customer_id)
        .where(*_within(dealer_id, wanted), _shown(wanted.show, rules, now))
        .where(*_matches(_places(dealer_id, session, wanted), wanted.text))
        .order_by(*(by_place if wanted.sort == "customer" else _order(wanted)))
    )
    layouts: dict[int, dict[str, Any]] = {}
    for some in session.execute(asked, execution_options=FEW_AT_A_TIME).partitions():
        missing = {row.layout_id for row in some} - layouts.keys()
        if missing:
            layouts |= contents(dealer_id, session, missing)
        for row in some:
            layout = layouts[row.layout_id]
            meters = meters_of(layout, row.meter_values)
            supplies = supplies_of(layout, row.levels, row.percents, row.states)
            yield ListedDevice._make((*row[: -len(figures)], meters, supplies))


def choices(dealer_id: int, session: Session, wanted: Wanted, *, of_customer: bool) -> Choices:
    """The customers, the sites of the chosen one, the makers, and the names of what is chosen. `of_customer`: the
    session sees one customer's devices only."""
    customers = select(Customer.id, Customer.name).where(Customer.dealer_id == dealer_id)
    sites = select(Site.id, Site.name).where(Site.dealer_id == dealer_id)
    return Choices(
        customers=_few(session, customers.order_by(Customer.name)),
        sites=_few(session, sites.where(Site.customer_id == wanted.customer_id).order_by(Site.name)),
        makers=_makers(dealer_id, session, of_customer=of_customer),
        customer=_name(session, customers.where(Customer.id == wanted.customer_id)),
        site=_name(session, sites.where(Site.id == wanted.site_id)),
    )


def _makers(dealer_id: int, session: Session, *, of_customer: bool) -> Sequence[str]:
    """Layouts are few where devices are many; but they say what other customers have, too."""
    maker = Layout.content["manufacturer"].as_string()
    asked = select(Device.manufacturer if of_customer else maker).distinct()
    table = Device if of_customer else Layout
    rows = session.scalars(asked.where(table.dealer_id == dealer_id))
    return sorted({row for row in rows if row}, key=str.casefold)[:MOST_CHOICES]


def _few(session: Session, named: Select[int, str]) -> list[tuple[int, str]]:
    rows = session.execute(named.limit(MOST_CHOICES + 1)).all()
    return [(row[0], row[1]) for row in rows] if len(rows) <= MOST_CHOICES else []


def _name(session: Session, named: Select[int, str]) -> str | None:
    row = session.execute(named).first()
    return row[1] if row else None


def contents(dealer_id: int, session: Session, ids: Iterable[int]) -> dict[int, dict[str, Any]]:
    """What the layouts say, by their numbers."""
    found = select(Layout.id, Layout.content).where(Layout.dealer_id == dealer_id, Layout.id.in_(ids))
    return {row.id: row.content for row in session.execute(found)}
