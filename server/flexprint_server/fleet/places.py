"""Customers and sites in figures, for lists that hold at thousands of customers.

Names are few and narrow: all of a dealer's are looked through here, where lower case and order are ours and not the
database's. Figures are asked for the rows of one page, and for all only where they decide the order.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final, Literal, get_args

from sqlalchemy import func, not_, select
from sqlalchemy.orm import Session

from flexprint_server.fleet.models import Device
from flexprint_server.tenants.agents import is_retired
from flexprint_server.tenants.models import Agent, Customer, Site

PlaceSort = Literal["name", "printers", "read"]

PLACE_SORTS: Final[tuple[PlaceSort, ...]] = get_args(PlaceSort)

PAGE: Final = 50
"""Customers, or sites, on one page."""

_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(slots=True, frozen=True)
class WantedPlaces:
    """Which of them, in which order, which page (from 1). Each word of `text` stands in a name."""

    text: str = ""
    sort: PlaceSort = "name"
    descending: bool = False
    page: int = 1


@dataclass(slots=True, frozen=True)
class Figures:
    """`last_read_at` is when the newest read was taken, `last_seen_at` when an agent was last heard of."""

    sites: int = 0
    agents: int = 0
    printers: int = 0
    last_read_at: datetime | None = None
    last_seen_at: datetime | None = None

    def __add__(self, other: "Figures") -> "Figures":
        return Figures(
            self.sites + other.sites,
            self.agents + other.agents,
            self.printers + other.printers,
            _later(self.last_read_at, other.last_read_at),
            _later(self.last_seen_at, other.last_seen_at),
        )


@dataclass(slots=True, frozen=True)
class PlaceRow:
    """A customer or a site."""

    id: int
    name: str
    figures: Figures


@dataclass(slots=True, frozen=True)
class PlacePage:
    """One page of a list; `matching` are on all of its pages."""

    rows: Sequence[PlaceRow]
    matching: int
    page: int

    @property
    def pages(self) -> int:
        return max(-(-self.matching // PAGE), 1)


def customers(dealer_id: int, session: Session, wanted: WantedPlaces) -> PlacePage:
    """A customer is found by the names of its sites, too."""
    names = dict(session.execute(select(Customer.id, Customer.name).where(Customer.dealer_id == dealer_id)).all())
    searched = {row: [name.lower()] for row, name in names.items()}
    if wanted.text:
        of_sites = select(Site.customer_id, Site.name).where(Site.dealer_id == dealer_id)
        for customer_id, name in session.execute(of_sites):
            searched.get(customer_id, []).append(name.lower())

    def figures(ids: Sequence[int] | None) -> dict[int, Figures]:
        asked = select(Site.id, Site.customer_id).where(Site.dealer_id == dealer_id)
        customer_of = dict(session.execute(asked if ids is None else asked.where(Site.customer_id.in_(ids))).all())
        found: dict[int, Figures] = {}
        for site_id, of_site in site_figures(dealer_id, session, None if ids is None else list(customer_of)).items():
            if site_id in customer_of:
                customer_id = customer_of[site_id]
                found[customer_id] = found.get(customer_id, Figures()) + of_site
        for customer_id in customer_of.values():
            found[customer_id] = found.get(customer_id, Figures()) + Figures(sites=1)
        return found

    return _page(names, searched, wanted, figures)


def sites(dealer_id: int, session: Session, customer_id: int, wanted: WantedPlaces) -> PlacePage:
    """The sites of one customer."""
    asked = select(Site.id, Site.name).where(Site.dealer_id == dealer_id, Site.customer_id == customer_id)
    names = dict(session.execute(asked).all())
    searched = {row: [name.lower()] for row, name in names.items()}
    return _page(
        names,
        searched,
        wanted,
        lambda ids: site_figures(dealer_id, session, list(names) if ids is None else ids),
    )


def every_customer(dealer_id: int, session: Session, wanted: WantedPlaces) -> Iterator[PlaceRow]:
    """Those of all pages, from the first."""
    number, last = 1, 1
    while number <= last:
        found = customers(dealer_id, session, replace(wanted, page=number))
        yield from found.rows
        number, last = number + 1, found.pages


def every_site(dealer_id: int, session: Session) -> Iterator[tuple[str, PlaceRow]]:
    """Each with its customer's name, in the order of names."""
    figures = site_figures(dealer_id, session, None)
    asked = select(Customer.name, Site.id, Site.name).join(Site.customer).where(Site.dealer_id == dealer_id)
    for customer, site_id, name in session.execute(asked.order_by(Customer.name, Site.name, Site.id)):
        yield customer, PlaceRow(site_id, name, figures.get(site_id, Figures()))


def site_figures(dealer_id: int, session: Session, ids: Sequence[int] | None) -> dict[int, Figures]:
    """By site, of the sites `ids` or of all; sites where nothing is are left out."""
    of_printers = select(Device.site_id, func.count(), func.max(Device.last_read_at)).group_by(Device.site_id)
    of_agents = select(Agent.site_id, func.count(), func.max(Agent.last_seen_at)).group_by(Agent.site_id)
    of_printers, of_agents = (
        of_printers.where(Device.dealer_id == dealer_id, Device.in_fleet),
        of_agents.where(Agent.dealer_id == dealer_id, not_(is_retired())),
    )
    if ids is not None:
        of_printers, of_agents = of_printers.where(Device.site_id.in_(ids)), of_agents.where(Agent.site_id.in_(ids))
    found = {row[0]: Figures(printers=row[1], last_read_at=row[2]) for row in session.execute(of_printers)}
    for site_id, count, last_seen_at in session.execute(of_agents):
        found[site_id] = found.get(site_id, Figures()) + Figures(agents=count, last_seen_at=last_seen_at)
    return found


def _page(
    names: dict[int, str],
    searched: dict[int, list[str]],
    wanted: WantedPlaces,
    figures: Callable[[Sequence[int] | None], dict[int, Figures]],
) -> PlacePage:
    """`figures(ids)` gives those of some rows, or of all for None."""
    terms = wanted.text.lower().split()
    chosen = [row for row, texts in searched.items() if _all_in(terms, texts)]
    known = None if wanted.sort == "name" else figures(None)
    ordered = sorted(chosen, key=lambda row: (names[row].lower(), row))
    if known is None:
        ordered = ordered[::-1] if wanted.descending else ordered
    else:
        of_all = known
        ordered.sort(key=lambda row: _rank(of_all.get(row, Figures()), wanted.sort), reverse=wanted.descending)
    page = min(wanted.page, max(-(-len(ordered) // PAGE), 1))
    shown = ordered[(page - 1) * PAGE : page * PAGE]
    counted = figures(shown) if known is None else known
    return PlacePage([PlaceRow(row, names[row], counted.get(row, Figures())) for row in shown], len(ordered), page)


def _all_in(terms: Iterable[str], texts: Sequence[str]) -> bool:
    return all(any(term in text for text in texts) for term in terms)


def _rank(figures: Figures, sort: PlaceSort) -> tuple[int, datetime]:
    return (figures.printers, _LONG_AGO) if sort == "printers" else (0, figures.last_read_at or _LONG_AGO)


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max((instant for instant in (one, other) if instant), default=None)
